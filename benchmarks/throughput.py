"""
Entities per second through claim and deliver with the budget off, against no-op tasks.

Both run on the same broker, in the same worker, in one run; the ratio is the figure to
quote, because machines differ and are noisy.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
for each in (ROOT, ROOT / "tests", ROOT / "tests" / "acceptance", ROOT / "benchmarks"):
    sys.path.insert(0, str(each))

import redis  # noqa: E402
from celery import Celery  # noqa: E402
from fleet import Fleet  # noqa: E402

from ct_ac_sync.sandbox.servers import scratch  # noqa: E402

TASKS = 3000
CUSTOMERS, ORDERS = 1000, 2000
QUEUE = "sync:live"


def measure_noop(fleet: Fleet) -> float:
    """Return no-op tasks per second, from first to last, queued before the worker looks."""
    app = Celery(broker=fleet.redis.url)
    app.conf.broker_transport_options = {"global_keyprefix": "sync:"}
    for number in range(TASKS):
        app.send_task("benchmark.noop", args=[number], queue="live", ignore_result=True)
    client = redis.Redis.from_url(fleet.redis.url)
    left, begun = int(client.llen(QUEUE)), time.monotonic()
    first = left
    while left:
        time.sleep(0.05)
        left = int(client.llen(QUEUE))
    return first / (time.monotonic() - begun)


def measure_entities(fleet: Fleet) -> tuple[float, int, int]:
    """Return entities per second from the first sweep to nothing owed, and calls made."""
    fleet.shop.ask("shop/fill", {"customers": CUSTOMERS, "orders": ORDERS, "seed": 1})
    begun = time.monotonic()
    fleet.beat(application="noop")
    while True:
        time.sleep(0.2)
        totals = fleet.totals()
        if totals["records"] == CUSTOMERS + ORDERS and not fleet.box.deliveries.is_owing():
            break
    seconds = time.monotonic() - begun
    entities = sum(row["entries"] for row in fleet.box.views.status()["entries"])
    calls = fleet.account.ask("counts")["total"]
    return entities / seconds, entities, calls


def main() -> None:
    """Print both figures and their ratio."""
    fleet = Fleet(scratch("ct-ac-sync-bench-"), rate="100000", CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.0005")
    fleet.environment["PYTHONPATH"] += f":{ROOT / 'benchmarks'}"
    fleet.account.ask("switches", {"import_seconds": 0.3})
    try:
        fleet.worker("one", application="noop")
        time.sleep(4)
        noop = measure_noop(fleet)
        entities, number, calls = measure_entities(fleet)
        print(f"no-op tasks        {noop:8.0f} a second ({TASKS} tasks)")
        print(f"entities delivered {entities:8.0f} a second ({number} entities, {calls} calls)")
        print(f"ratio              {entities / noop:8.2f}")
    finally:
        fleet.close()


if __name__ == "__main__":
    main()
