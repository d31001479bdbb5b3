"""
What metrics and events cost: entities delivered one by one with and without them, as a ratio.

Whole deliveries through the look-alike, in one process, with the budget off.  The arms take
turns in short blocks, each block as often first as last, so that whatever else the machine
does falls on all of them; the figure to quote is the median of the ratios of neighbours.
"""

import itertools
import logging
import os
import statistics
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
for each in (ROOT, ROOT / "tests"):
    sys.path.insert(0, str(each))

from world import World  # noqa: E402

from ct_ac_sync.bootstrap import build_destination  # noqa: E402
from ct_ac_sync.observability import configure_logs  # noqa: E402
from ct_ac_sync.sandbox.servers import PostgresServer, look_alike, scratch  # noqa: E402
from ct_ac_sync.store.migrate import migrate  # noqa: E402
from ct_ac_sync.store.tallies import Calls  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "60"))
#: Fewer than go by import, so that each is a call of its own.
ENTITIES = 20
TRIGGERS = (("outcome", "outcome_marks"), ("attempt", "attempt_marks"))


class Bench:
    """A world whose customers are owed again and again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._counts = True
        note = world.parts.tallies.noter(Calls.DESTINATION, world.account_name)
        destination = build_destination(
            world.settings.destinations[0],
            connection=world.project,
            call=world.settings.call,
            pace=world.pacing.pace,
            note=lambda operation, status: note(operation, status) if self._counts else None,
        )
        world.rewire(destination=destination)
        world.shop.ask("shop/fill", {"customers": ENTITIES, "orders": 0, "seed": 1})
        world.run()

    def turn(self, *, metrics: bool, events: bool) -> None:
        """Turn metrics and events on or off."""
        verb = "ENABLE" if metrics else "DISABLE"
        for table, trigger in TRIGGERS:
            self.world.execute(f"ALTER TABLE {table} {verb} TRIGGER {trigger}")
        self._counts = metrics
        configure_logs(level=logging.INFO if events else logging.CRITICAL)

    def deliver(self, *, metrics: bool) -> float:
        """Owe all of them once more, deliver, and return how many a second that were."""
        self.world.execute(
            "UPDATE entry SET wanted = nextval('wanted_sequence'), fingerprint = NULL, state = 'open',"
            " next_at = sync_now(), repair_at = NULL, lane = 1"
        )
        self.world.execute("SELECT refresh_recipients(array_agg(recipient)) FROM recipient")
        rows = self.world.sql("SELECT recipient FROM recipient ORDER BY recipient")
        begun = time.monotonic()
        for row in rows:
            self.world.box.deliver.deliver(row["recipient"])
        if metrics:
            self.world.box.tallies.tick()
        seconds = time.monotonic() - begun
        if self.world.box.deliveries.is_owing():
            raise AssertionError("not all was delivered")
        return len(rows) / seconds


ARMS: Mapping[str, Mapping[str, bool]] = {
    "bare": {"metrics": False, "events": False},
    "metrics": {"metrics": True, "events": False},
    "metrics and events": {"metrics": True, "events": True},
}


def measure(bench: Bench) -> dict[str, list[float]]:
    """Return what each block of each arm came to, neighbours at the same place."""
    found: dict[str, list[float]] = {name: [] for name in ARMS}
    orders = itertools.cycle(itertools.permutations(ARMS))
    kept = sys.stderr
    # Written and thrown away: what a terminal costs is not ours.
    with Path(os.devnull).open("w") as sys.stderr:
        for _ in range(ROUNDS):
            for name in next(orders):
                bench.turn(**ARMS[name])
                found[name].append(bench.deliver(metrics=ARMS[name]["metrics"]))
    sys.stderr = kept
    configure_logs()
    return found


def main() -> None:
    """Print what each arm delivers, and the ratios."""
    folder = scratch("ct-ac-sync-bench-")
    server = PostgresServer.start(folder)
    migrate(server.url)
    shop, shop_url = look_alike("commercetools", log=folder / "shop.log")
    account, account_url = look_alike("activecampaign", "--rate", "100000", log=folder / "account.log")
    try:
        world = World(server.url, shop_url, account_url, CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.0005")
        found = measure(Bench(world))
        for name, rates in found.items():
            ratios = [rate / bare for rate, bare in zip(rates, found["bare"], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(
                f"{name:20} {statistics.median(rates):7.1f} entities a second   ratio {middle:.3f} ({low:.3f} to {high:.3f})"
            )
        begun = time.monotonic()
        for _ in range(20):
            world.box.tallies.read(lease=timedelta(minutes=2))
        print(f"reading all metrics  {(time.monotonic() - begun) / 20 * 1000:7.1f} ms")
        world.close()
    finally:
        for process in (shop, account):
            process.terminate()
        server.stop()


if __name__ == "__main__":
    main()
