"""Settle: look at what was accepted there, until it is applied or its deadline passes."""

from datetime import timedelta

from ct_ac_sync.errors import SyncError
from ct_ac_sync.ports import Destination, ImportState
from ct_ac_sync.store.deliveries import Awaited, Deliveries
from ct_ac_sync.sync.dispatch import Dispatch
from ct_ac_sync.sync.pacing import Pacing


class Settle:
    """Ends what is awaited."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        destination: Destination,
        dispatch: Dispatch,
        pacing: Pacing,
        again: timedelta,
    ) -> None:
        self._deliveries = deliveries
        self._destination = destination
        self._dispatch = dispatch
        self._pacing = pacing
        self._again = again

    def settle_due(self) -> int:
        """Look at all that is to be looked at now; return how many were ended."""
        ended = 0
        for awaited in self._deliveries.take_awaiting():
            try:
                ended += self._look(awaited)
            except SyncError as error:
                self._pacing.note_error(error)
                self._deliveries.look_again(awaited, delay=self._again)
        if ended:
            self._dispatch.ring_due()
        return ended

    def _look(self, awaited: Awaited) -> bool:
        if awaited.remote is None:
            return self._look_without_id(awaited)
        self._pacing.pace()
        status = self._destination.fetch_import(awaited.remote)
        if status.state is ImportState.PENDING and not awaited.is_over:
            self._deliveries.look_again(awaited, delay=self._again)
            return False
        is_applied = status.state is ImportState.COMPLETED
        self._deliveries.settle_awaited(awaited, status.refused, is_applied=is_applied)
        return True

    def _look_without_id(self, awaited: Awaited) -> bool:
        """
        The answer was lost, so nobody knows its id: wait until nothing is outstanding.

        Then all of it is sent again: an import is a keyed upsert without consent, and one
        more import costs one call where reading back costs one for each contact.
        """
        if not awaited.is_over:
            self._pacing.pace()
            if self._destination.has_outstanding_imports():
                self._deliveries.look_again(awaited, delay=self._again)
                return False
        self._deliveries.settle_awaited(awaited, (), is_applied=False)
        return True
