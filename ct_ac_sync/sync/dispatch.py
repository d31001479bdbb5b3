"""
Dispatch: ring what is due.  New work, retries, lost rings and dead workers' work alike.

Any number of copies may run at once, and whoever changed something runs it.  Only some
seconds' worth of calls are rung; the backlog stays in Postgres, where it can be seen,
ordered and cancelled.
"""

from collections.abc import Sequence
from typing import Protocol

from ct_ac_sync.ports import Doorbell
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.desk import Desk
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.retention import Retention
from ct_ac_sync.store.streams import Streams
from ct_ac_sync.store.tallies import Tallies
from ct_ac_sync.sync.teller import Teller


class LetterLists(Protocol):
    """The dead-letter lists: a mirror of the open dead letters, kept where the queues are."""

    def agree(self, desk: Desk) -> None:
        """Make the lists say what the table says; never raises because the broker is away."""
        ...


class NoLetterLists:
    """No lists at all: for work without a broker."""

    def agree(self, desk: Desk) -> None:
        """Do nothing."""


class Dispatch:
    """Takes what is due and rings it."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        streams: Streams,
        intake: Intake,
        tallies: Tallies,
        retention: Retention,
        doorbell: Doorbell,
        desk: Desk,
        letters: LetterLists,
        sources: Sequence[str],
        window: int,
        imports: int,
        teller: Teller,
    ) -> None:
        self._deliveries = deliveries
        self._streams = streams
        self._intake = intake
        self._tallies = tallies
        self._retention = retention
        self._doorbell = doorbell
        self._desk = desk
        self._letters = letters
        self._sources = sources
        self._window = window
        self._imports = imports
        self._teller = teller

    def ring_due(self) -> int:
        """Ring the recipients that are due; return how many."""
        due = self._deliveries.take_due(window=self._window, imports=self._imports)
        unheard = self._doorbell.ring(due) if due else ()
        if unheard:
            self._deliveries.unring(unheard)
        return len(due) - len(unheard)

    def tick(self) -> int:
        """
        Ring what is due, move who waits to be moved, tell events, wake sweeps nobody reads, mirror dead letters.

        What keeps the house comes last: it may wait for the next tick, and ringing may not.
        """
        rung = self.ring_due()
        if sum(self._intake.settle_moves(source) for source in self._sources):
            rung += self.ring_due()
        if self._teller.tell_due():
            rung += self.ring_due()
        for source, stream in self._streams.stalled():
            self._doorbell.ring_stream(source, stream)
        self._streams.make_months()
        self._letters.agree(self._desk)
        self._tallies.tick()
        self._retention.run_if_due()
        return rung
