"""What the demo plays on: servers, look-alikes, workers and a beat, all real and all processes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from ct_ac_sync.ports import Stream
from ct_ac_sync.sandbox.servers import PostgresServer, RedisServer, look_alike, scratch
from ct_ac_sync.store.migrate import migrate

SANDBOX = Path(__file__).parent.parent / "sandbox"
#: The worked example: what the demo runs on.
CONFIGURATION = SANDBOX / "sync.toml"
#: Which customers and orders belong where, as the judge is told.
BELONGING = ("--group", "b2b=business", "--nowhere", "isStaff")
#: What the ledger calls the automations that an order itself starts.
ORDER_PLACED = "order_placed"

#: What somebody has made in each account: the automations that it names.
AUTOMATIONS = {"11": "Thank you", "12": "You left something"}

#: ... and the lists, seen by everybody.
LISTS = ("Newsletter", "Newsletter Switzerland", "Trade news")

#: Everything shorter than in production, so that recovery can be watched.
FAST = {
    "CT_AC_SYNC_CALL_SECONDS": "6", "CT_AC_SYNC_SOFT_SECONDS": "12", "CT_AC_SYNC_HARD_SECONDS": "14",
    "CT_AC_SYNC_LEASE_SECONDS": "16", "CT_AC_SYNC_SLICE_SECONDS": "5", "CT_AC_SYNC_RUNG_SECONDS": "10",
    "CT_AC_SYNC_TICK_SECONDS": "1", "CT_AC_SYNC_BREAKER_SECONDS": "3",
    "CT_AC_SYNC_CUSTOMERS_EVERY_SECONDS": "2", "CT_AC_SYNC_ORDERS_EVERY_SECONDS": "2",
    "CT_AC_SYNC_CARTS_EVERY_SECONDS": "2", "CT_AC_SYNC_PAYMENTS_EVERY_SECONDS": "2",
    "CT_AC_SYNC_MESSAGES_EVERY_SECONDS": "2", "CT_AC_SYNC_SHOPPING_LISTS_EVERY_SECONDS": "2",
    "CT_AC_SYNC_OVERLAP_SECONDS": "30", "CT_AC_SYNC_READBACK_SECONDS": "1,3,6",
    "CT_AC_SYNC_RETRY_BASE_SECONDS": "1", "CT_AC_SYNC_AWAITING_DEADLINE_SECONDS": "30",
    "CT_AC_SYNC_CONSENT_SECONDS": "10", "CT_AC_SYNC_FROM": "everything",
}  # fmt: skip

#: Between two looks at how things stand: each is a process of its own.
LOOK_SECONDS = 1.5
#: So late queries of the shop may come to see a write, and so far a watermark is rounded down.
SEEN_SECONDS = 1.0

Json = dict[str, Any]

console = Console(highlight=False)
STARTED = time.monotonic()


def say(text: str) -> None:
    """Tell the watcher, with the time since the start."""
    console.print(f"[dim]{time.monotonic() - STARTED:6.1f}s[/dim]  {text}")


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


#: The streams that the stage's configuration asks for.
READ = frozenset(Stream) - {Stream.CUSTOM_OBJECTS}


def ask(base: str, door: str, body: Any = None, *, method: str | None = None) -> Any:
    """Use a control door of a look-alike."""
    verb = method or ("GET" if body is None else "POST")
    answer = requests.request(verb, f"{base}/_sandbox/{door}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


class Stage:
    """
    Everything the demo plays on.

    Attributes:
        shop: The address of the Commercetools look-alike.
        accounts: Those of the ActiveCampaign look-alikes, by the names of the configuration.
        kills: How many calls can have died before they were sent.
        settled_at: When all that had happened was told, as seconds since the epoch.
    """

    def __init__(self, seed: int, folder: Path, stack: ExitStack) -> None:
        self.seed, self.folder, self.kills, self.settled_at = seed, folder, 0, 0.0
        self.redis: RedisServer | None = None
        self.postgres: PostgresServer | None = None
        database_url, redis_url = self._servers(stack)
        profile = "ab"[seed % 2]
        self.shop = self._look_alike(stack, "commercetools", "--profile", profile, "--seed", str(seed))
        destinations = tomllib.loads(CONFIGURATION.read_text("utf-8"))["destinations"]
        self.accounts = {
            name: self._look_alike(
                stack, "activecampaign", "--profile", profile, "--retry-after", "2",
                "--token", _token(name), log=name,
            )
            for name in sorted(destinations, key=list(destinations).index)
        }  # fmt: skip
        for url in self.accounts.values():
            for id_, name in AUTOMATIONS.items():
                ask(url, "automations", {"id": id_, "name": name})
            for name in LISTS:
                ask(url, "lists", {"name": name})
        self.environment = os.environ | FAST | {
            "DATABASE_URL": database_url, "REDIS_URL": redis_url, "CT_AC_SYNC_CONFIG": str(CONFIGURATION),
            "CTP_PROJECT_KEY": "demo-shop", "CTP_CLIENT_ID": "sandbox", "CTP_CLIENT_SECRET": "sandbox",
            "CTP_AUTH_URL": self.shop, "CTP_API_URL": self.shop,
        } | {
            variable: value
            for name, table in destinations.items()
            for variable, value in _opening(table, name, self.accounts[name]).items()
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

    def _look_alike(self, stack: ExitStack, module: str, *arguments: str, log: str = "") -> str:
        process, url = look_alike(module, *arguments, log=self.folder / f"{log or module}.log")
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return url

    # -- what the stage can do --------------------------------------------------------

    def happen(self, door: str, **given: Any) -> Any:
        """Let something happen in the shop."""
        return ask(self.shop, f"shop/{door}", given)

    def log(self, *, after: int = 0) -> list[Json]:
        """Return what has happened in the shop."""
        entries: list[Json] = ask(self.shop, f"log?after={after}")["entries"]
        return entries

    def fault(self, **rule: Any) -> dict[str, str]:
        """Set a fault rule at every account; return its ids by account."""
        return {name: str(ask(url, "faults", rule)["id"]) for name, url in self.accounts.items()}

    def heal(self, *, but: Mapping[str, str] | None = None) -> None:
        """Take all fault rules away, but these."""
        for name, url in self.accounts.items():
            for rule in ask(url, "faults")["rules"]:
                if rule["id"] != (but or {}).get(name):
                    ask(url, f"faults/{rule['id']}", method="DELETE")

    def counts(self) -> dict[str, Json]:
        """Return each account's counts of calls."""
        return {name: ask(url, "counts") for name, url in self.accounts.items()}

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
        """
        Wait until all that has happened by now is read and nothing is owed; show how it goes.

        What is read is told a moment later: so all is read once more before that counts.
        """
        until, calm, since = time.monotonic() + seconds, False, time.time() + SEEN_SECONDS
        found: Json = {}
        while time.monotonic() < until:
            found = self.command("status")
            totals = found["totals"]
            is_idle = not any((totals["open_entries"], totals["pending_moves"], totals["intents"]))
            is_idle &= not any(d["awaiting"] or d["halted"] for d in found["destinations"])
            is_calm = is_idle and bool(totals["records"]) and _is_read(found["streams"], since)
            say(
                f"{what}: {totals['records']} records, {totals['held_events']} events held,"
                f" {totals['owed']} owed, {totals['dead_letters']} dead"
            )
            if is_calm and calm:
                self.settled_at = since
                return True
            since, calm = (time.time() if is_calm else since), calm or is_calm
            time.sleep(LOOK_SECONDS)
        say(f"[red]{what}: not settled after {seconds:.0f} s[/red]: {found}")
        return False

    def judge(self, history: int) -> Json:
        """Let the judge, a process that knows nothing of us, compare all sides."""
        orders = [each["key"] for each in self.parked() if each["trigger"] == ORDER_PLACED]
        return self._judged(
            "judge.py", "--expect", "example", "--history", str(history), "--parked", ",".join(orders)
        )

    def judge_events(self) -> Json:
        """Let the judge of events compare what happened with what both accounts were told."""
        facts = [f"{each['trigger']}/{each['key']}" for each in self.parked()]
        parked = [word for each in facts for word in ("--parked", each)]
        overlap = FAST["CT_AC_SYNC_OVERLAP_SECONDS"]
        return self._judged("event_judge.py", "--overlap", overlap, "--until", str(self.settled_at), *parked)

    def parked(self) -> list[dict[str, str]]:
        """Return the triggers that wait for a human, and their keys in the shop."""
        return [
            {"trigger": row["kind"], "key": row["business_key"].partition("/")[2]}
            for row in self.command("parked", "list")
        ]

    def _judged(self, script: str, *words: str) -> Json:
        accounts = [word for each in self.accounts.items() for word in ("--activecampaign", "=".join(each))]
        done = subprocess.run(
            [sys.executable, "-I", str(SANDBOX / script), "--commercetools", self.shop, *accounts,
             *BELONGING, "--kills", str(self.kills), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout:
            raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
        verdict: Json = json.loads(done.stdout)
        return verdict


def _opening(table: Json, name: str, url: str) -> dict[str, str]:
    """Return the variables of an account, and of its event host, which the look-alike is too."""
    return {
        table["api_url_env"]: url, table["token_env"]: _token(name),
        table["event_url_env"]: f"{url}/event", table["event_actid_env"]: "1234567",
        table["event_key_env"]: "sandbox-event-key",
    }  # fmt: skip


def _token(account: str) -> str:
    return f"sandbox-token-{account}"


def _is_read(streams: list[Json], since: float) -> bool:
    """Whether all streams were swept by sweeps that began after *since*."""
    marks = [each["watermark"] for each in streams if each["stream"] in READ]
    return len(marks) == len(READ) and all(each and _seconds(each) >= since for each in marks)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


@contextmanager
def stage(seed: int) -> Iterator[Stage]:
    """Give a stage that is torn down at the end."""
    folder = scratch("ct-ac-sync-demo-")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Stage(seed, folder, stack)
