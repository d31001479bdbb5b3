"""
The demo: a shop with a past comes alive while workers are killed and vendors misbehave.

It starts real servers and both look-alikes as processes, two workers and a beat, injects
faults, and lets a separate judge compare both sides at the end.  Ends non-zero if the
judge finds anything lost, doubled, or resting behind.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import requests
from rich.console import Console

from ct_ac_sync.cli.output import UNSETTLED
from ct_ac_sync.sandbox.servers import PostgresServer, RedisServer, look_alike, scratch
from ct_ac_sync.store.migrate import migrate

#: Everything shorter than in production, so that recovery can be watched.
FAST = {
    "CT_AC_SYNC_CALL_SECONDS": "6", "CT_AC_SYNC_SOFT_SECONDS": "8", "CT_AC_SYNC_HARD_SECONDS": "10",
    "CT_AC_SYNC_LEASE_SECONDS": "12", "CT_AC_SYNC_SLICE_SECONDS": "5", "CT_AC_SYNC_RUNG_SECONDS": "8",
    "CT_AC_SYNC_TICK_SECONDS": "1", "CT_AC_SYNC_BREAKER_SECONDS": "3",
    "CT_AC_SYNC_CUSTOMERS_EVERY_SECONDS": "2", "CT_AC_SYNC_ORDERS_EVERY_SECONDS": "2",
    "CT_AC_SYNC_OVERLAP_SECONDS": "30", "CT_AC_SYNC_READBACK_SECONDS": "1,3,6",
    "CT_AC_SYNC_RETRY_BASE_SECONDS": "1", "CT_AC_SYNC_AWAITING_DEADLINE_SECONDS": "30",
    "CT_AC_SYNC_FROM": "everything",
}  # fmt: skip

#: The first load of 300 customers and 600 orders may cost this many calls.
FIRST_LOAD_CALLS = 60

console = Console(highlight=False)


def say(text: str) -> None:
    """Tell the watcher, with the time since the start."""
    console.print(f"[dim]{time.monotonic() - STARTED:6.1f}s[/dim]  {text}")


STARTED = time.monotonic()


class Fleet:
    """Workers and a beat as processes of their own groups."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Start one, with its log beside the others'."""
        command = [sys.executable, "-m", "celery", "-A", "workers.app", *arguments]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def worker(self, name: str) -> None:
        """Start a worker."""
        self.start(name, "worker", "-E", "--concurrency", "3", "-n", f"{name}@%h", "--loglevel", "INFO")

    def kill(self, name: str) -> None:
        """Kill one with all its children, as a power cut would."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all: first asked, then made to."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(4)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Stage:
    """Everything the demo plays on."""

    def __init__(self, seed: int, folder: Path, stack: ExitStack) -> None:
        self.seed = seed
        self.folder = folder
        self.kills = 0
        self.redis: RedisServer | None = None
        self.postgres: PostgresServer | None = None
        database_url, redis_url = self._servers(stack)
        profile = "ab"[seed % 2]
        arguments = ("--profile", profile, "--seed", str(seed))
        self.shop = self._look_alike(stack, "commercetools", *arguments)
        self.account = self._look_alike(stack, "activecampaign", "--profile", profile, "--retry-after", "2")
        self.environment = os.environ | FAST | {
            "DATABASE_URL": database_url, "REDIS_URL": redis_url, "CTP_PROJECT_KEY": "demo-shop",
            "CTP_CLIENT_ID": "sandbox", "CTP_CLIENT_SECRET": "sandbox", "CTP_AUTH_URL": self.shop,
            "CTP_API_URL": self.shop, "AC_API_URL": self.account, "AC_API_TOKEN": "sandbox-token",
        }  # fmt: skip
        migrate(database_url)
        self.fleet = Fleet(self.environment, folder)
        stack.callback(self.fleet.stop)

    def _servers(self, stack: ExitStack) -> tuple[str, str]:
        database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        if database_url is None:
            self.postgres = PostgresServer.start(self.folder)
            stack.callback(self.postgres.stop)
            database_url = self.postgres.url
        if redis_url is None:
            self.redis = RedisServer.start(self.folder)
            stack.callback(self.redis.stop)
            redis_url = self.redis.url
        return database_url, redis_url

    def _look_alike(self, stack: ExitStack, name: str, *arguments: str) -> str:
        process, url = look_alike(name, *arguments, log=self.folder / f"{name}.log")
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return url

    # -- what the stage can do --------------------------------------------------------

    def ask(self, base: str, door: str, body: Any = None, *, method: str | None = None) -> Any:
        """Use a control door of a look-alike."""
        verb = method or ("GET" if body is None else "POST")
        answer = requests.request(verb, f"{base}/_sandbox/{door}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def fault(self, **rule: Any) -> str:
        """Set a fault rule at the account."""
        return str(self.ask(self.account, "faults", rule)["id"])

    def command(self, *words: str) -> Any:
        """Run our own command line and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "ct_ac_sync.cli.main", *words, "--json"], env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout.strip():
            raise RuntimeError(f"{' '.join(words)} failed: {done.stderr[-1000:]}")
        return json.loads(done.stdout)

    def flush(self) -> None:
        """Empty Redis."""
        if self.redis is not None:
            self.redis.command("FLUSHALL")

    def settle(self, *, seconds: float, what: str) -> bool:
        """Wait until nothing is owed; show how it goes."""
        until, calm = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            found = self.command("status")
            totals = found["totals"]
            is_idle = not any((totals["open_entries"], totals["pending_moves"], totals["intents"]))
            is_idle &= not any(d["awaiting"] or d["halted"] for d in found["destinations"])
            is_idle &= bool(totals["records"]) and not any(s["is_sweeping"] for s in found["streams"])
            calm = calm + 1 if is_idle and self._is_read(found["streams"]) else 0
            say(f"{what}: {totals['records']} records, {totals['owed']} owed, {totals['dead_letters']} dead")
            if calm >= 2:
                return True
            time.sleep(1)
        return False

    def _is_read(self, streams: list[dict[str, Any]]) -> bool:
        """Whether both streams were swept after the shop's last change could be seen."""
        return len(streams) == 2 and all(s["sweeps"] and (s["behind_seconds"] or 99) < 8 for s in streams)

    def calls(self) -> dict[str, Any]:
        """Return the account's counts."""
        found: dict[str, Any] = self.ask(self.account, "counts")
        return found

    def judge(self, history: int) -> dict[str, Any]:
        """Let the judge, a process that knows nothing of us, compare both sides."""
        parked = ",".join(row["business_key"].partition("/")[2] for row in self.command("parked", "list"))
        path = Path(__file__).parent.parent / "sandbox" / "judge.py"
        done = subprocess.run(
            [sys.executable, "-I", str(path), "--commercetools", self.shop, "--activecampaign", self.account,
             "--history", str(history), "--parked", parked, "--kills", str(self.kills)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout:
            raise RuntimeError(f"the judge failed: {done.stderr[-2000:]}")
        verdict: dict[str, Any] = json.loads(done.stdout)
        return verdict


@contextmanager
def stage(seed: int) -> Iterator[Stage]:
    """Give a stage that is torn down at the end."""
    folder = scratch("ct-ac-sync-demo-")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Stage(seed, folder, stack)


@click.command()
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="repeats a demo; odd and even answer open questions oppositely",
)
@click.option("--keep", is_flag=True, help="leave everything running at the end")
def demo(*, seed: int, keep: bool) -> None:
    """The main job, end to end, on real servers, with a proof."""
    console.print("[bold]ct-ac-sync demo[/bold] with a fast profile:")
    console.print("  " + " ".join(f"{k.removeprefix('CT_AC_SYNC_').lower()}={v}" for k, v in FAST.items()))
    with stage(seed) as on:
        say(f"Postgres, Redis and both look-alikes are up (profile {'ab'[seed % 2]}, seed {seed})")
        is_proven = _play(on)
        if keep:
            for name in ("DATABASE_URL", "REDIS_URL", "CTP_API_URL", "AC_API_URL"):
                console.print(f"  {name}={on.environment[name]}", soft_wrap=True)
            say("running, until interrupted")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    sys.exit(0 if is_proven else UNSETTLED)


def _play(on: Stage) -> bool:
    on.ask(on.shop, "shop/fill", {"customers": 300, "orders": 600, "seed": on.seed})
    history = int(on.ask(on.shop, "log?after=0")["last"])
    say("the shop has a past: 300 customers, 600 orders")
    for name in ("worker-1", "worker-2"):
        on.fleet.worker(name)
    on.fleet.start("beat", "beat", "--schedule", str(on.folder / "beat"), "--loglevel", "INFO")
    say("two workers and a beat are started")
    if not on.settle(seconds=60, what="first load"):
        say("[red]the first load did not settle[/red]")
        _explain(on)
        return False
    total = on.calls()["total"]
    say(
        f"[bold]first load: {total} calls[/bold] for 300 customers, their guests and 600 orders (at most {FIRST_LOAD_CALLS})"
    )
    rule = _live(on)
    if not on.settle(seconds=75, what="settling"):
        say("[red]it did not settle[/red]")
        _explain(on)
        return False
    is_proven = _prove(on, history) and total <= FIRST_LOAD_CALLS
    return _replay(on, rule, history) and is_proven


def _live(on: Stage) -> str:
    """Let the shop live for half a minute among faults; return the rule that refuses a name."""
    on.ask(on.shop, "shop/live", {"per_second": 2, "seed": on.seed})
    say("the shop lives")
    time.sleep(3)
    writes = r"/(contact/sync|contacts/\d+|ecom/graphql)$"
    on.fault(path=writes, probability=0.15, seed=on.seed, times=6, status=500, reply="oops", when="before")
    say("500s: six calls fail before any effect")
    refusing = on.fault(path=r"/contact/sync$|/contacts/\d+$", body="Unacceptable", status=422, reply=json.dumps(
        {"errors": [{"title": "First Name is not valid!", "detail": "", "code": "field_invalid", "source": {"pointer": "/data/attributes/firstName"}}]}
    ))  # fmt: skip
    on.ask(
        on.shop, "shop/do", {"kind": "sign_up", "first_name": "Unacceptable", "email": "ruth.x@example.org"}
    )
    for number in (1, 2):
        on.ask(on.shop, "shop/do", {"kind": "sign_up", "email": f"odd(name){number}@example.org"})
    say("three people sign up whom ActiveCampaign does not accept")
    time.sleep(4)
    on.fault(operation="sync_contact", times=2, reset=True, when="after")
    on.fault(operation="graphql", times=3, reset=True, when="after")
    on.fault(
        operation="graphql",
        times=1,
        status=200,
        reply="<html>log in</html>",
        content_type="text/html",
        when="after",
    )
    say("lost replies: the effect happens, the answer does not come")
    time.sleep(4)
    on.fleet.kill("worker-1")
    on.kills += 3
    say("worker-1 is killed with SIGKILL")
    on.fault(path=writes, times=5, status=429, reply="{}", headers={"Retry-After": "2"})
    say("a storm of 429s")
    time.sleep(3)
    on.flush()
    say("Redis is emptied (FLUSHALL)")
    on.fleet.worker("worker-1")
    time.sleep(4)
    if on.postgres is not None:
        on.postgres.restart_immediately()
        on.kills += 6
        say("Postgres is stopped without a checkpoint and started again")
    time.sleep(4)
    lived = on.ask(on.shop, "shop/rest", {})
    say(f"the shop rests: {lived['happened']}")
    for each in on.ask(on.account, "faults")["rules"]:
        if each["id"] != refusing:
            on.ask(on.account, f"faults/{each['id']}", method="DELETE")
    return refusing


def _prove(on: Stage, history: int) -> bool:
    verdict = on.judge(history)
    letters = on.command("dead-letters", "list")
    parked = on.command("parked", "list")
    is_right = verdict["ok"] and len(letters["letters"]) == _refused(verdict) >= 1
    color = "green" if is_right else "red"
    console.print(f"[bold {color}]proof[/bold {color}]  compared {verdict['compared']}")
    console.print(
        f"       {verdict['counts']['lost']} lost · {verdict['counts']['doubled']} doubled · {verdict['counts']['behind']} resting behind · {len(parked)} parked, {verdict['counts']['unexplained']} of them unexplained"
    )
    for name in ("lost", "doubled", "behind", "unexplained"):
        for text in verdict[name][:5]:
            console.print(f"       {name}: {text}", markup=False)
    for cause in letters["causes"]:
        console.print(f"       dead letters: {cause['letters']} of {cause['cause']}", markup=False)
    calls = on.calls()
    console.print(
        f"       {calls['total']} calls in all, never more than {calls['max_in_one_second']} in one second"
    )
    return is_right


def _replay(on: Stage, rule: str, history: int) -> bool:
    """Lift one cause, replay its letter, and trace an order."""
    letters = on.command("dead-letters", "list")["letters"]
    lifted = [letter for letter in letters if "field_invalid" in letter["cause"]]
    on.ask(on.account, f"faults/{rule}", method="DELETE")
    say("the account's rule against a first name is lifted")
    for letter in lifted:
        number = str(letter["dead_letter"])
        replayed = on.command("dead-letters", "replay", number, "--reason", "the rule was lifted")
        again = on.command("dead-letters", "replay", number, "--reason", "a second time")
        say(f"letter {number} is replayed: {replayed}; a second time: {again}")
    is_settled = on.settle(seconds=25, what="replay")
    verdict = on.judge(history)
    left = on.command("dead-letters", "list")["letters"]
    placed = [e for e in on.ask(on.shop, f"log?after={history}")["entries"] if e["kind"] == "order_created"]
    order = placed[0]["resource_state"]["orderNumber"]
    trace = on.command("trace", order)[0]
    say(
        f"trace of order {order}: seen {len(trace['sightings'])} times, outcomes {[o['outcome'] for o in trace['outcomes'] if o['operation'] == 'upsert_order']}, trigger {[t['state'] for t in trace['triggers']]}"
    )
    is_proven = is_settled and bool(verdict["ok"]) and len(left) == _refused(verdict) and len(lifted) == 1
    color = "green" if is_proven else "red"
    console.print(
        f"[bold {color}]{'proven' if is_proven else 'not proven'}[/bold {color}]  after the replay: {verdict['counts']}, {len(left)} dead letters left"
    )
    for name in ("lost", "doubled", "behind", "unexplained"):
        for text in verdict[name][:5]:
            console.print(f"       {name}: {text}", markup=False)
    return is_proven


def _refused(verdict: dict[str, Any]) -> int:
    """Count the people whom the judge holds to be unacceptable there; each must be one letter."""
    return sum(text.startswith("customer ") for text in verdict["excused"])


def _explain(on: Stage) -> None:
    for log in sorted(on.folder.glob("*.log")):
        console.print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-1500:]}", markup=False)
