"""
Who is excluded in an account from what is sent: kept here, and read anew each hour.

An exclusion is the account's own no.  It has no door by which it is told of, and an account may
have thousands, so it is not asked for before each call.
"""

from collections.abc import Collection
from datetime import timedelta

import structlog

from ct_ac_sync.errors import HaltError, RejectedError, TransientError
from ct_ac_sync.ports import Destination, Exclusion
from ct_ac_sync.store.consent_book import ConsentBook

log = structlog.get_logger()

#: How old what is known of exclusions may be.
EVERY = timedelta(hours=1)
#: What an exclusion is from, and the channels that it means; any other word means all
#: (vendor documentation, Update an exclusion; its examples have other words besides).
CHANNELS = {"allEmail": {"email"}, "email": {"email"}, "allSms": {"sms"}, "sms": {"sms"}}
SEVERAL = "several"
#: The cause of the refusal to a key whose user may not see them.
FORBIDDEN = "forbidden"


class Exclusions:
    """Knows the exclusions of one account."""

    def __init__(self, *, name: str, destination: Destination, book: ConsentBook) -> None:
        """*name* is what the tables know the account by."""
        self._name = name
        self._destination = destination
        self._book = book

    def covers(self, address: str, *, list_: str, channel: str) -> bool:
        """
        Whether nobody of *address* may be put on a list, by its id there, or be sent to.

        Raises:
            SyncError: They were never read, and cannot be now.
        """
        found = self._book.read_exclusions(address)
        if found is None:
            self._read()
            found = self._book.read_exclusions(address) or ()
        return any(_is_meant(each, list_, channel) for each in found)

    def look(self) -> int:
        """
        Read them anew where that is due; return of how many people who were excluded it is asked again.

        Raises:
            SyncError: They cannot be read now.
        """
        return self._read() if self._book.take_exclusions(every=EVERY) else 0

    def forget(self) -> None:
        """Have them read anew soon: what is known of them may be why something was refused."""
        self._book.forget_exclusions()

    def _read(self) -> int:
        try:
            found: Collection[Exclusion] = self._destination.fetch_exclusions()
        except (HaltError, RejectedError, TransientError) as error:
            if isinstance(error, TransientError) and error.cause != FORBIDDEN:
                raise
            log.warning("exclusions_unseen", destination=self._name, cause=error.cause, error=str(error))
            if self._book.read_exclusions("") is not None:
                return 0
            # A key that may not see them is no reason to write to nobody: the account itself passes them over.
            found = ()
        freed = self._book.replace_exclusions(found)
        return self._book.want_again(freed) if freed else 0


def _is_meant(exclusion: Exclusion, list_: str, channel: str) -> bool:
    if exclusion.channel == SEVERAL:
        return list_ in exclusion.lists
    return channel in CHANNELS.get(exclusion.channel, {channel})
