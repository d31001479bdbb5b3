"""
Freshness: seconds from a change in the shop to the tracked event in the account.

A real worker and a beat, with the settings of production but for the look-alikes' addresses: what
is quoted stands beside the poll interval, because an event is told once all streams were read past
it.  Each change comes at a moment of its own, so that it meets the polls at any phase; both
look-alikes stamp with one clock.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
for each in (ROOT, ROOT / "tests", ROOT / "tests" / "acceptance"):
    sys.path.insert(0, str(each))

from events_world import EVERYTHING, KINDS, REMINDER, WELCOME  # noqa: E402
from fleet import Fleet  # noqa: E402

from ct_ac_sync.sandbox.event_judge import Asked, expected, tracked  # noqa: E402
from ct_ac_sync.sandbox.servers import scratch  # noqa: E402

CHANGES = int(os.environ.get("CHANGES", "80"))
POLL_SECONDS = float(os.environ.get("POLL_SECONDS", "10"))
#: Between two changes, on average.
PAUSE_SECONDS = 1.5
#: What one order goes through, after somebody signed up.
STEPS = ("order", "pay", "ship", "deliver", "return_request", "return_receive", "refund", "complete")

SETTINGS = {
    "CT_AC_SYNC_CALL_SECONDS": "40", "CT_AC_SYNC_SOFT_SECONDS": "60", "CT_AC_SYNC_HARD_SECONDS": "75",
    "CT_AC_SYNC_LEASE_SECONDS": "120", "CT_AC_SYNC_SLICE_SECONDS": "15", "CT_AC_SYNC_RUNG_SECONDS": "90",
    "CT_AC_SYNC_TICK_SECONDS": "5", "CT_AC_SYNC_OVERLAP_SECONDS": "300",
    "CT_AC_SYNC_CALL_INTERVAL_SECONDS": "0.215", "CT_AC_SYNC_EVENT_INTERVAL_SECONDS": "0.2",
    "CT_AC_SYNC_READBACK_SECONDS": "5,30,120", "CT_AC_SYNC_MAX_ATTEMPTS": "12",
    **{
        f"CT_AC_SYNC_{stream}_EVERY_SECONDS": str(POLL_SECONDS)
        for stream in ("CUSTOMERS", "ORDERS", "CARTS", "PAYMENTS", "MESSAGES")
    },
}  # fmt: skip


def change(fleet: Fleet, dice: random.Random) -> None:
    """Let so many things happen to one buyer after the other, each at a moment of its own."""
    steps = _steps(fleet)
    for _ in range(CHANGES):
        time.sleep(dice.expovariate(1 / PAUSE_SECONDS))
        next(steps)


def _steps(fleet: Fleet) -> Iterator[None]:
    while True:
        customer = fleet.shop.do("sign_up")
        yield
        order: Mapping[str, Any] = {}
        for kind in STEPS:
            given = {"order": order["id"]} if order else {"customer": customer["id"]}
            made = fleet.shop.do(kind, **given)
            order = order or made
            yield


def ages(fleet: Fleet, *, polled_until: datetime) -> list[float]:
    """Return after how many seconds each event was tracked, of all that happened."""
    effects = [row for row in fleet.account.log() if row["kind"] == "event_tracked"]
    at = {(each.kind, each.key): row["at"] for each, row in zip(tracked(effects), effects, strict=True)}
    asked = Asked(kinds=frozenset(KINDS), polls=(polled_until,))
    wanted = [each for each in expected(fleet.shop.ask("happened"), asked) if each.is_due]
    lost = [str(each) for each in wanted if (each.kind, each.key) not in at]
    if lost:
        raise AssertionError(f"not told: {lost}")
    return sorted(
        (datetime.fromisoformat(at[each.kind, each.key]) - each.at).total_seconds() for each in wanted
    )


def share(found: Sequence[float], percent: int) -> float:
    """Return below which so many percent are."""
    return statistics.quantiles(found, n=100, method="inclusive")[percent - 1]


def main() -> None:
    """Print the distribution, with a histogram."""
    fleet = Fleet(scratch("ct-ac-sync-bench-"), rate="5", configuration=EVERYTHING, **SETTINGS)
    try:
        for id_, name in ((WELCOME, "Welcome"), (REMINDER, "Reminder")):
            fleet.account.ask("automations", {"id": id_, "name": name})
        fleet.worker("one")
        fleet.beat()
        fleet.settle(seconds=90)
        change(fleet, random.Random(1))
        until = datetime.now().astimezone()
        fleet.settle(seconds=120)
        found = ages(fleet, polled_until=until)
    finally:
        fleet.close()
    print(f"{len(found)} events of {CHANGES} changes, polls every {POLL_SECONDS:g} s")
    print(f"p50 {share(found, 50):5.1f} s   p95 {share(found, 95):5.1f} s   max {found[-1]:5.1f} s")
    edges = [*range(0, int(found[-1]) + 6, 3)]
    for low, high in pairwise(edges):
        count = sum(low <= each < high for each in found)
        print(f"  {low:3} to {high:3} s  {count:4}  {'#' * count}")


if __name__ == "__main__":
    main()
