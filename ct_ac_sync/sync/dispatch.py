"""
Dispatch: ring what is due.  New work, retries, lost rings and dead workers' work alike.

Any number of copies may run at once, and whoever changed something runs it.  Only some
seconds' worth of calls are rung; the backlog stays in Postgres, where it can be seen,
ordered and cancelled.
"""

from ct_ac_sync.ports import Doorbell
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.streams import Streams


class Dispatch:
    """Takes what is due and rings it."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        streams: Streams,
        intake: Intake,
        doorbell: Doorbell,
        source: str,
        window: int,
    ) -> None:
        self._deliveries = deliveries
        self._streams = streams
        self._intake = intake
        self._doorbell = doorbell
        self._source = source
        self._window = window

    def ring_due(self) -> int:
        """Ring the recipients that are due; return how many."""
        due = self._deliveries.take_due(window=self._window)
        unheard = self._doorbell.ring(due) if due else ()
        if unheard:
            self._deliveries.unring(unheard)
        return len(due) - len(unheard)

    def tick(self) -> int:
        """Ring what is due, move who waits to be moved, and wake sweeps nobody reads."""
        rung = self.ring_due()
        if self._intake.settle_moves(self._source):
            rung += self.ring_due()
        for source, stream in self._streams.stalled():
            self._doorbell.ring_stream(source, stream)
        self._streams.make_months()
        return rung
