"""
Deletions: find what is gone at the source, make certain of it, and say what follows.

A poll cannot see a deletion.  A message tells of it, where the project keeps messages, and once
a week all ids are read: what is stored and was not among them may be gone.  Neither is proof: a
candidate is asked for by its id twice, a minute apart, with the project readable in between.
Much that is missing at once is believed by a human only.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from ct_ac_sync.configuration.values import DeletionsConfig, Farewell, OrderFarewell
from ct_ac_sync.domain.event import Action
from ct_ac_sync.errors import ContractError
from ct_ac_sync.ports import Clock, Herald, Source, Stream
from ct_ac_sync.store.deletions import SWEPT, Candidate, IdSweep, name_of_sweep
from ct_ac_sync.store.intake import Intake

log = structlog.get_logger()

#: What follows of a deleted customer, as an action of an event.
ACTIONS = {Farewell.UNSUBSCRIBE: Action.UNSUBSCRIBE, Farewell.DELETE_CONTACT: Action.DELETE_CONTACT}


class Deletions:
    """The deletions of one source."""

    def __init__(
        self,
        *,
        name: str,
        source: Source,
        intake: Intake,
        clock: Clock,
        herald: Herald,
        slice_: timedelta,
        config: DeletionsConfig,
    ) -> None:
        """*slice_* is how long one call reads before it lets another go on."""
        self._name = name
        self._source = source
        self._intake = intake
        #: Who may be gone, and who is, of all sources.
        self.book = intake.deletions
        self._clock = clock
        self._herald = herald
        self._slice = slice_
        self._config = config

    def tick(self) -> int:
        """
        Sweep ids where it is time, make certain of what may be gone, and say what follows.

        What it leaves over, the next tick goes on with.

        Returns:
            Of how many customers it was said what follows.

        Raises:
            SyncError: The source does not answer, or not as it must; nothing is deleted for that.
        """
        until = self._clock.monotonic() + self._slice.total_seconds()
        settled = self.settle()
        self._confirm(until)
        for stream in SWEPT:
            self._sweep(stream, until, is_asked=False)
        return settled + self.settle()

    def sweep(self, streams: Sequence[Stream] = SWEPT) -> int:
        """
        Sweep the ids of *streams* to their end now; return how many of them were swept.

        Raises:
            SyncError: As :meth:`tick`.
        """
        return sum(self._sweep(stream, None, is_asked=True) for stream in streams)

    def settle(self) -> int:
        """Say what follows of customers that are gone, of all whose going was told; return how many."""
        if self.book.is_halted(self._name):
            return 0
        action, total = ACTIONS.get(self._config.customers), 0
        while settled := self._intake.settle_deletions(self._name, action):
            total += settled
        if total:
            log.info("deletions_settled", source=self._name, customers=total, action=action)
        return total

    # -- making certain ---------------------------------------------------------------

    def _confirm(self, until: float) -> None:
        """Look at the candidates whose time has come; none while a human has to look first."""
        readable: set[Stream] = set()
        while self._clock.monotonic() < until and not self.book.is_halted(self._name):
            taken = self.book.take_candidates(self._name)
            if not taken:
                return
            for each in taken:
                if each.was_missed and each.stream not in readable:
                    # The project can be read: a 404 says something of the record.
                    self._source.page_ids(each.stream, None)
                    readable.add(each.stream)
                self._look(each)
                if self._clock.monotonic() >= until:
                    return

    def _look(self, candidate: Candidate) -> None:
        if not self._source.is_gone(candidate.stream, candidate.id):
            self.book.drop(self._name, candidate)
            log.info("deletion_not_confirmed", stream=candidate.stream, id=candidate.id)
        elif not candidate.was_missed:
            self.book.note_missed(self._name, candidate)
        elif self._intake.bury(self._name, candidate, is_cancelled=self._is_cancelled(candidate)):
            log.info("deletion_confirmed", stream=candidate.stream, id=candidate.id)

    def _is_cancelled(self, candidate: Candidate) -> bool:
        """Whether an order is to be cancelled there, as the file declares it now."""
        return candidate.stream is Stream.ORDERS and self._config.orders is OrderFarewell.CANCEL

    # -- the sweep of ids -------------------------------------------------------------

    def _sweep(self, stream: Stream, until: float | None, *, is_asked: bool) -> bool:
        """Read ids until the end or *until*; return whether the end was reached."""
        sweep = self.book.lease(self._name, stream, is_asked=is_asked)
        if sweep is None:
            return False
        try:
            return self._is_read(sweep, until) and self._end(sweep)
        finally:
            self.book.release(sweep)

    def _is_read(self, sweep: IdSweep, until: float | None) -> bool:
        after = sweep.after
        while ids := self._source.page_ids(sweep.stream, after):
            if ids[-1] == after:
                raise ContractError(
                    f"a page of the ids of {sweep.stream} does not move on from {after}",
                    cause="page does not move on",
                )
            if not self.book.note_listed(sweep, ids):
                return False
            after = ids[-1]
            if until is not None and self._clock.monotonic() >= until:
                return False
        return True

    def _end(self, sweep: IdSweep) -> bool:
        absence = self.book.end(sweep)
        if absence is None:
            return False
        name = name_of_sweep(sweep.stream)
        log.info("ids_swept", stream=sweep.stream, known=absence.known, missing=absence.missing)
        if absence.is_too_large:
            log.error("stream_halted", stream=name, cause="too_many_missing", missing=absence.missing)
            self._herald.tell_halt(f"{self._name}/{name}", "too_many_missing")
        return True
