"""Deliver: go on with a recipient while it is due, by the courier of its destination."""

from collections.abc import Mapping
from datetime import timedelta

from ct_ac_sync.ports import Clock, Herald
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.sync.courier import Courier
from ct_ac_sync.sync.dispatch import Dispatch
from ct_ac_sync.sync.tell import tell


class Deliver:
    """Delivers what recipients are owed."""

    def __init__(
        self,
        *,
        couriers: Mapping[str, Courier],
        deliveries: Deliveries,
        dispatch: Dispatch,
        clock: Clock,
        herald: Herald,
        slice_: timedelta,
    ) -> None:
        """*couriers* by destination; *slice_* is how long one task goes on with its recipient."""
        self._couriers = couriers
        self._deliveries = deliveries
        self._dispatch = dispatch
        self._clock = clock
        self._herald = herald
        self._slice = slice_

    def deliver(self, recipient: int) -> int:
        """
        Deliver to *recipient* while it is due; return how many steps were taken.

        What was finished made room, and neighbours may be due for their next step: dispatch
        rings them without waiting for its tick.
        """
        until = self._clock.monotonic() + self._slice.total_seconds()
        steps = 0
        while self._clock.monotonic() < until:
            claim = self._deliveries.claim(recipient)
            if claim is not None:
                self._couriers[claim.destination].step(claim)
                steps += 1
            tell(self._herald, self._deliveries.take_letters())
            if claim is None:
                break
        if steps:
            self._dispatch.ring_due()
        return steps
