"""
News of consent from the destination: all memberships are looked at in turn, a page at a time.

Nothing is concluded from a page: whose memberships are not what is known of them is looked at once
more, in a claim.  The webhooks of the account do the same sooner, and are lost now and then.
"""

from collections.abc import Collection
from datetime import timedelta

import structlog

from ct_ac_sync.ports import Destination, Lane, MembershipPage
from ct_ac_sync.store.consent_book import ConsentBook
from ct_ac_sync.sync.exclusions import Exclusions

log = structlog.get_logger()


class ConsentWatch:
    """Looks at the memberships of one destination, whoever comes first."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        book: ConsentBook,
        exclusions: Exclusions,
        every: timedelta,
        is_on: bool,
        writes_back: bool = False,
    ) -> None:
        """
        Look at a page *every* so often.

        Args:
            name: What the tables know the destination by.
            is_on: Whether consent decides on any list there.
            writes_back: Whether the shop is told of who left: then who is off a list is looked at once.
        """
        self._name = name
        self._destination = destination
        self._book = book
        self._exclusions = exclusions
        self._every = every
        self._is_on = is_on
        self._writes_back = writes_back
        if is_on:
            book.ensure_watch()

    def mark(self, contacts: Collection[str]) -> int:
        """Have *contacts* looked at that somebody named; return of how many that was not wanted yet."""
        return self._book.mark(contacts) if self._is_on else 0

    def look(self) -> int:
        """
        Look at the next page, and at who is excluded, where a look is due; return of how many people
        there was news.

        Raises:
            SyncError: It cannot be read now; the same page is read at the next look.
        """
        if not self._is_on:
            return 0
        freed = self._exclusions.look()
        place = self._book.take_watch(every=self._every)
        if place is None:
            return freed
        page = self._destination.page_memberships(place)
        news = self._book.find_news(page.seen) if page.seen else []
        marked = self._book.want_again(news) if news else 0
        if self._writes_back and page.seen:
            marked += self._want_unseen(page)
        self._book.move_watch(page.next)
        if marked:
            log.info("consent_news", destination=self._name, people=marked)
        return freed + marked

    def _want_unseen(self, page: MembershipPage) -> int:
        """Have those looked at, when there is time, who are off a list and of whom nobody knows it."""
        unseen = self._book.find_unseen(page.seen)
        return self._book.want_again(unseen, lane=Lane.BACKFILL) if unseen else 0
