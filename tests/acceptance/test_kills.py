"""Real processes are killed at every point of the protocol; the judge looks from outside."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet import Fleet

from ct_ac_sync.sandbox.servers import scratch

POINTS = (
    "after_accept",
    "after_ring",
    "after_claim",
    "after_intend",
    "after_send",
    "after_reply",
    "inside_finish",
)


def _history(fleet: Fleet, customers: int = 40, orders: int = 60) -> int:
    fleet.shop.ask("shop/fill", {"customers": customers, "orders": orders, "seed": 7})
    return int(fleet.shop.ask("log")["last"])


def _live_until_hit(fleet: Fleet, folder: Path, hits: int, *, seconds: float) -> dict[str, int]:
    """Let the shop live until every point was hit often enough."""
    (folder / "armed").touch()
    fleet.shop.ask("shop/live", {"per_second": 12, "seed": 5})
    until = time.monotonic() + seconds
    counted = dict.fromkeys(POINTS, 0)
    while time.monotonic() < until and min(counted.values()) < hits:
        counted = {p: (folder / p).stat().st_size if (folder / p).exists() else 0 for p in POINTS}
        time.sleep(0.5)
    fleet.shop.ask("shop/rest", {})
    (folder / "armed").unlink()
    return counted


def _kill_points(launch: Callable[..., Fleet], profile: str, hits: int, *, seconds: float) -> None:
    folder = scratch("ct-ac-sync-kills-")
    fleet = launch(profile, KILL_FOLDER=str(folder), KILL_HITS=str(hits), KILL_PROBABILITY="0.15")
    history = _history(fleet)
    for name in ("one", "two"):
        fleet.worker(name, application="killable")
    fleet.beat(application="killable")
    fleet.settle()

    counted = _live_until_hit(fleet, folder, hits, seconds=seconds)
    fleet.settle()

    fleet.kills = sum(counted.values())
    assert min(counted.values()) >= hits, counted
    fleet.assert_proven(history=history)


class TestKillPoints:
    def test_a_few_kills_at_every_point_lose_and_double_nothing(self, launch: Callable[..., Fleet]):
        """Three SIGKILLs at each of seven points: nothing lost, doubled or behind."""
        _kill_points(launch, "a", 3, seconds=240)

    @pytest.mark.slow
    @pytest.mark.parametrize("profile", ["a", "b"])
    def test_twenty_kills_at_every_point_lose_and_double_nothing(
        self, launch: Callable[..., Fleet], profile: str
    ):
        """Twenty SIGKILLs at each of seven points, under both profiles of open questions."""
        _kill_points(launch, profile, 20, seconds=600)


class TestServers:
    def test_redis_and_postgres_come_and_go(self, launch: Callable[..., Fleet]):
        """FLUSHALL, Redis killed, back, and frozen, Postgres restarted at once: nothing is lost."""
        fleet = launch("b")
        history = _history(fleet)
        for name in ("one", "two"):
            fleet.worker(name)
        fleet.beat()
        fleet.settle()
        fleet.shop.ask("shop/live", {"per_second": 6, "seed": 6})
        time.sleep(3)
        fleet.redis.command("FLUSHALL")
        time.sleep(3)
        fleet.redis.kill()
        time.sleep(2)
        fleet.redis.start_again()
        time.sleep(3)
        fleet.redis.signal(signal.SIGSTOP)
        time.sleep(6)
        fleet.redis.signal(signal.SIGCONT)
        time.sleep(2)
        fleet.postgres.restart_immediately()
        fleet.kills += 8
        time.sleep(4)
        fleet.shop.ask("shop/rest", {})

        fleet.settle()

        fleet.assert_alive()
        fleet.assert_proven(history=history)

    def test_busy_workers_outlive_redis(self, launch: Callable[..., Fleet]):
        """Redis killed again and again while each worker has tasks in hand: no worker ends, nothing is lost."""
        fleet = launch("b")
        history = _history(fleet)
        for name in ("one", "two"):
            fleet.worker(name)
        fleet.beat()
        fleet.settle()
        fleet.shop.ask("shop/live", {"per_second": 20, "seed": 3})
        time.sleep(4)
        for _ in range(3):
            fleet.redis.kill()
            time.sleep(1.5)
            fleet.redis.start_again()
            time.sleep(3)
            fleet.assert_alive()
            fleet.kills += 1
        fleet.shop.ask("shop/rest", {})

        fleet.settle()

        fleet.assert_proven(history=history)

    def test_a_stopped_worker_that_wakes_after_its_lease_harms_nothing(self, launch: Callable[..., Fleet]):
        """SIGSTOP for longer than the lease, twice, with two beats: nothing rests behind."""
        fleet = launch("a")
        history = _history(fleet)
        for name in ("one", "two"):
            fleet.worker(name)
        fleet.beat("beat-one")
        fleet.beat("beat-two")
        fleet.settle()
        fleet.shop.ask("shop/live", {"per_second": 8, "seed": 8})
        for name in ("one", "two"):
            time.sleep(2)
            fleet.signal(name, signal.SIGSTOP)
            time.sleep(7)
            fleet.signal(name, signal.SIGCONT)
            fleet.kills += 4
        fleet.shop.ask("shop/rest", {})

        fleet.settle()

        fleet.assert_proven(history=history)

    @pytest.mark.slow
    def test_two_hundred_random_kills_lose_and_double_nothing(self, launch: Callable[..., Fleet]):
        """Pool children and whole workers die at random, two hundred times."""
        fleet = launch("b")
        history = _history(fleet)
        dice = random.Random(11)
        for name in ("one", "two"):
            fleet.worker(name)
        fleet.beat()
        fleet.settle()
        fleet.shop.ask("shop/live", {"per_second": 8, "seed": 9})
        for number in range(200):
            time.sleep(0.35)
            name = dice.choice(("one", "two"))
            if number % 10 == 0:
                fleet.kill(name)
                fleet.worker(name)
            else:
                _kill_a_child(fleet.processes[name].pid, dice)
            fleet.kills += 1
            fleet.supervise("one", "two")
        fleet.shop.ask("shop/rest", {})

        fleet.settle(supervised=("one", "two"))

        fleet.assert_proven(history=history)


def _kill_a_child(parent: int, dice: random.Random) -> None:
    """Kill one of a worker's children, if it has any by now."""
    found = Path(f"/proc/{parent}/task/{parent}/children")
    children = found.read_text().split() if found.exists() else []
    if children:
        try:
            signal.pidfd_send_signal  # noqa: B018 - Linux only, as /proc is
            import os

            os.kill(int(dice.choice(children)), signal.SIGKILL)
        except (ProcessLookupError, AttributeError):
            return


class TestStorm:
    def test_a_fault_storm_ends_in_the_right_state(self, launch: Callable[..., Fleet]):
        """500s, 429s, lost replies and lies at once: all is settled, or parked with its fault."""
        fleet = launch("b")
        history = _history(fleet)
        fleet.worker("one", concurrency=6)
        fleet.beat()
        fleet.settle()
        for rule in (
            {"probability": 0.1, "seed": 1, "status": 500, "reply": "x", "when": "before"},
            {"probability": 0.1, "seed": 2, "reset": True, "when": "after"},
            {"probability": 0.1, "seed": 3, "status": 429, "reply": "{}", "headers": {"Retry-After": "0.3"}},
            {"probability": 0.05, "seed": 4, "status": 200, "reply": "", "when": "after"},
        ):
            fleet.account.fault(**rule)
        fleet.shop.ask("shop/live", {"per_second": 5, "seed": 12})
        time.sleep(15)
        fleet.shop.ask("shop/rest", {})
        fleet.account.heal()

        fleet.settle()

        verdict = fleet.judge(history=history)
        assert verdict["counts"] == {"lost": 0, "doubled": 0, "behind": 0, "unexplained": 0}, verdict
