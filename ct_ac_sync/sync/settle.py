"""Settle: look at what was accepted there, until it is applied or its deadline passes."""

import random
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial

import structlog

from ct_ac_sync.domain.delivery import (
    ImportEnd,
    ImportRow,
    Outcome,
    name_of,
    next_look,
    outcome_of_import,
)
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.errors import SyncError
from ct_ac_sync.ports import Destination, Herald, ImportState, ImportStatus
from ct_ac_sync.store.deliveries import Awaited, Deliveries
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.consent_watch import ConsentWatch
from ct_ac_sync.sync.dispatch import Dispatch
from ct_ac_sync.sync.tell import tell

log = structlog.get_logger()

#: Contacts a page (vendor documentation, Pagination).
CONTACTS_A_PAGE = 100
#: How long an import that outlived its deadline may still land, and is asked for.
OVERDUE_FOR = timedelta(days=1)


class Settle:
    """Ends what is awaited, and links what imports made."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, Account],
        watches: Mapping[str, ConsentWatch],
        deliveries: Deliveries,
        dispatch: Dispatch,
        policy: RetryPolicy,
        again: timedelta,
        dice: random.Random,
        herald: Herald,
    ) -> None:
        self._accounts = accounts
        self._watches = watches
        self._herald = herald
        self._deliveries = deliveries
        self._dispatch = dispatch
        self._policy = policy
        self._again = again
        self._dice = dice

    def settle_due(self) -> int:
        """Look at all that is to be looked at now; return how many were ended."""
        ended = 0
        for awaited in self._deliveries.take_awaiting():
            account = self._accounts[awaited.destination]
            try:
                ended += self._look(awaited, account.destination)
            except SyncError as error:
                account.pacing.note_error(error)
                ended += self._give_up_or_look_again(awaited)
        if ended:
            self._dispatch.ring_due()
        else:
            for account in self._accounts.values():
                self._link(account)
        for account in self._accounts.values():
            self._watch(account)
            self._look_for_news(account)
        return ended

    def _look(self, awaited: Awaited, destination: Destination) -> bool:
        if awaited.remote is None:
            return self._look_without_id(awaited, destination)
        status = destination.fetch_import(awaited.remote)
        is_pending = status.state is ImportState.PENDING
        if awaited.is_overdue and (not is_pending or awaited.waited > OVERDUE_FOR):
            self._deliveries.end_overdue(awaited)
            return True
        if is_pending and (awaited.is_overdue or not awaited.is_over):
            self._look_again(awaited)
            return False
        end = ImportEnd.APPLIED if status.state is ImportState.COMPLETED else ImportEnd.FAILED
        self._end(awaited, end, status=status, lands_later=is_pending)
        return True

    def _give_up_or_look_again(self, awaited: Awaited) -> bool:
        """Nothing can be learnt of it: after its deadline its people go on as if it were lost."""
        if not awaited.is_over:
            self._look_again(awaited)
            return False
        if awaited.is_overdue:
            self._deliveries.end_overdue(awaited)
        else:
            self._end(awaited, ImportEnd.LOST)
        return True

    def _look_without_id(self, awaited: Awaited, destination: Destination) -> bool:
        """
        The answer was lost, so nobody knows its id: wait until nothing is outstanding.

        Then all of it is sent again: an import is a keyed upsert without consent, and one
        more import costs one call where reading back costs one for each contact.
        """
        if not awaited.is_over and destination.has_outstanding_imports():
            self._look_again(awaited)
            return False
        self._end(awaited, ImportEnd.LOST)
        return True

    def _look_again(self, awaited: Awaited) -> None:
        delay = next_look(awaited.waited, first=self._again)
        self._deliveries.look_again(awaited, delay=delay)

    def _end(
        self,
        awaited: Awaited,
        end: ImportEnd,
        *,
        status: ImportStatus | None = None,
        lands_later: bool = False,
    ) -> None:
        outcomes: Counter[str] = Counter()
        judge = partial(self._judge, end, status.refused if status else frozenset(), outcomes)
        contacts = status.contacts if status else ()
        self._deliveries.settle_awaited(awaited, judge, contacts=contacts, lands_later=lands_later)
        waited = round(awaited.waited.total_seconds(), 1)
        log.info("import_settled", attempt=awaited.attempt, end=end, seconds=waited, outcomes=dict(outcomes))
        tell(self._herald, self._deliveries.take_letters())

    def _judge(
        self, end: ImportEnd, refused: Collection[str], outcomes: Counter[str], row: ImportRow
    ) -> Outcome:
        is_refused = row.address in refused
        jitter = self._dice.random()
        outcome = outcome_of_import(row, end, is_refused=is_refused, policy=self._policy, jitter=jitter)
        outcomes[name_of(outcome)] += 1
        return outcome

    def _watch(self, account: Account) -> None:
        """Look at what we write to, if a look is due; one that comes to nothing stops nothing."""
        try:
            account.provision.watch()
        except SyncError as error:
            account.pacing.note_error(error)
            log.warning("layout_unseen", destination=account.name, cause=error.cause, error=str(error))

    def _look_for_news(self, account: Account) -> None:
        """Look at a page of memberships, if a look is due; whoever has news is rung."""
        try:
            if self._watches[account.name].look():
                self._dispatch.ring_due()
        except SyncError as error:
            account.pacing.note_error(error)
            log.warning("memberships_unseen", destination=account.name, cause=error.cause, error=str(error))

    def _link(self, account: Account) -> None:
        """Learn whose the contacts are that imports made, a page at a time and only when idle."""
        ids = self._deliveries.take_unlinked(account.name, limit=CONTACTS_A_PAGE)
        if not ids:
            return
        try:
            seen = account.destination.fetch_contacts(ids)
        except SyncError as error:
            account.pacing.note_error(error)
            return
        self._deliveries.link_contacts(account.name, ids, {each.contact: each.email for each in seen})
