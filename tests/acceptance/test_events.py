"""Real processes die while things happen and the event host misbehaves: each thing is told once, or parked."""

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from events_world import EVERYTHING, REMINDER, WELCOME
from fleet import ROOT, SEEN_SECONDS, Fleet

from ct_ac_sync.sandbox.event_judge import EXAMPLE, Verdict, compare, polls_in

#: Of all rules together, so that replies are lost after the effect, and calls fail before it.
FAULTS: tuple[dict[str, Any], ...] = tuple(
    {"operation": operation, "probability": 0.12, "seed": seed} | fault
    for operation in ("track_event", "enter_automation")
    for seed, fault in enumerate((
        {"reset": True, "when": "after"},
        {"status": 503, "reply": "away", "when": "before"},
        {"status": 429, "reply": "{}", "headers": {"Retry-After": "0.3"}},
    ))
)  # fmt: skip


def _parked(fleet: Fleet) -> frozenset[tuple[str, str]]:
    """Return the triggers and keys that our own command line lists as parked."""
    command = [sys.executable, "-m", "ct_ac_sync.cli.main", "parked", "list", "--json"]
    done = subprocess.run(command, env=fleet.environment, cwd=ROOT, capture_output=True, text=True, check=True)  # fmt: skip
    return frozenset((row["kind"], row["business_key"].partition("/")[2]) for row in json.loads(done.stdout))


def _verdict(fleet: Fleet, parked: frozenset[tuple[str, str]], *, until: datetime) -> Verdict:
    """Return what is wrong with what the account was told of all that happened until then."""
    effects = fleet.account.log()
    overlap = timedelta(seconds=float(fleet.environment["CT_AC_SYNC_OVERLAP_SECONDS"]))
    polls = polls_in(fleet.shop.calls(), overlap=overlap, until=until)
    asked = replace(
        EXAMPLE, polls=polls, blur=timedelta(seconds=5), parked=parked,
        automations={"order_placed": WELCOME, "cart_abandoned": REMINDER}, never=frozenset({REMINDER}),
    )  # fmt: skip
    return compare(fleet.shop.ask("happened"), effects, asked)


def _evidence(fleet: Fleet, verdict: Verdict) -> str:
    """Return what the shop and our own database say of whatever was judged to be wrong."""
    ids = sorted(
        set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(verdict.lost + verdict.wrong)))
    )
    happened = [row for row in fleet.shop.ask("happened") if any(id_ in json.dumps(row) for id_ in ids)]
    with psycopg.connect(fleet.environment["DATABASE_URL"]) as connection:
        held = connection.execute("SELECT * FROM event WHERE id = ANY (%s) ORDER BY event", [ids]).fetchall()
    return "\n".join(str(row) for row in [*happened, *held])


def _launched(launch: Callable[..., Fleet]) -> Fleet:
    """Return a fleet that tells of everything, whose automations are there."""
    fleet = launch("b", configuration=EVERYTHING)
    for id_, name in ((WELCOME, "Welcome"), (REMINDER, "Reminder")):
        fleet.account.ask("automations", {"id": id_, "name": name})
    fleet.shop.ask("shop/fill", {"customers": 20, "orders": 30, "seed": 7, "paid": 0.5})
    for name in ("one", "two"):
        fleet.worker(name)
    fleet.beat()
    fleet.settle()
    return fleet


def _live_among_kills(fleet: Fleet, dice: random.Random, *, kills: int) -> None:
    """Let the shop live while whole workers die at random."""
    fleet.shop.ask("shop/live", {"per_second": 3, "seed": 9, "besides": "everything"})
    for _ in range(kills):
        time.sleep(dice.uniform(1.5, 4))
        name = dice.choice(("one", "two"))
        fleet.kill(name)
        fleet.kills += 1
        fleet.worker(name)
        fleet.supervise("one", "two")
    fleet.shop.ask("shop/rest", {})


class TestEvents:
    @pytest.mark.slow
    def test_kills_and_faults_lose_and_double_nothing(self, launch: Callable[..., Fleet]):
        """Workers die and replies are lost: each event is told once, and what is not is parked and listed."""
        fleet = _launched(launch)
        for rule in FAULTS:
            fleet.account.fault(**rule)
        _live_among_kills(fleet, random.Random(3), kills=25)
        fleet.account.heal()
        until = datetime.now(UTC) + timedelta(seconds=SEEN_SECONDS)

        fleet.settle(supervised=("one", "two"))

        parked = _parked(fleet)
        verdict = _verdict(fleet, parked, until=until)
        faulted = sum(bool(call["fault"]) for call in fleet.account.calls())
        assert verdict.is_right, f"\n{verdict}\n{_evidence(fleet, verdict)}"
        assert len(verdict.parked) <= faulted + fleet.kills
        assert sum(verdict.compared.values()) > 50
