"""The product, wired in this process over real servers, and both look-alikes' control doors."""

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from ct_ac_sync.bootstrap import Container, build_parts, wire
from ct_ac_sync.errors import DatabaseAwayError, SyncError
from ct_ac_sync.ports import Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record
from ct_ac_sync.settings import Settings, read_settings
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.consent_noticing import ConsentNoticing
from ct_ac_sync.store.noticing import Noticing
from ct_ac_sync.sync.extract import Extract
from ct_ac_sync.sync.pacing import Pacing
from ct_ac_sync.sync.preview import Previewed

FAST = {
    "CTP_PROJECT_KEY": "demo-shop",
    "CTP_CLIENT_ID": "sandbox",
    "CTP_CLIENT_SECRET": "sandbox",
    "AC_API_TOKEN": "sandbox-token",
    "CT_AC_SYNC_CALL_SECONDS": "4",
    # Ten seconds beside the call: a batch is mapped in them however busy the machine is.
    "CT_AC_SYNC_SOFT_SECONDS": "14",
    "CT_AC_SYNC_HARD_SECONDS": "15",
    "CT_AC_SYNC_LEASE_SECONDS": "16",
    "CT_AC_SYNC_SLICE_SECONDS": "4",
    "CT_AC_SYNC_TICK_SECONDS": "0.5",
    "CT_AC_SYNC_RETRY_BASE_SECONDS": "0.3",
    "CT_AC_SYNC_BREAKER_SECONDS": "1",
    "CT_AC_SYNC_READBACK_SECONDS": "0.2,0.3,0.4",
    "CT_AC_SYNC_AWAITING_DEADLINE_SECONDS": "8",
    "CT_AC_SYNC_FROM": "everything",
}


#: How long is waited before it is looked again whether something is due.
PAUSE_SECONDS = 0.1
#: How many times longer than what may be waited all may take, for machines are busy.
BUSY = 10
#: Of what is accepted, no event is derived.
NOTHING_NOTICED = Noticing(
    parse=parse_record, is_on=False, idle_of=lambda _: timedelta(hours=1), kept=frozenset()
)
#: Nobody is asked for consent.
NOBODY_ASKED = ConsentNoticing((), overlap=timedelta(), config="")


def environment(database_url: str, shop: str, account: str, **more: str) -> dict[str, str]:
    """Return the environment of a product over these servers."""
    urls = {"DATABASE_URL": database_url, "CTP_AUTH_URL": shop, "CTP_API_URL": shop, "AC_API_URL": account}
    return FAST | urls | more


class Sandbox:
    """The control doors of one look-alike."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, door: str, body: Any = None, *, method: str | None = None) -> Any:
        """Use a control door."""
        verb = method or ("GET" if body is None else "POST")
        answer = requests.request(verb, f"{self.url}/_sandbox/{door}", json=body, timeout=30)
        if not answer.ok:
            raise AssertionError(answer.text)
        return answer.json()

    def fault(self, **rule: Any) -> str:
        """Set a fault rule."""
        return str(self.ask("faults", rule)["id"])

    def heal(self) -> None:
        """Take all fault rules away."""
        self.ask("faults", method="DELETE")

    def log(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the effects so far."""
        entries = self.ask("log")["entries"]
        return [e for e in entries if kind in (None, e["kind"])]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the calls so far by operation and status."""
        found: dict[str, dict[str, int]] = self.ask("counts")["by_operation"]
        return found

    def total(self) -> int:
        """Return how many calls there were so far."""
        return int(self.ask("counts")["total"])

    def calls(self, *, after: int = 0) -> list[dict[str, Any]]:
        """Return the calls after the first *after*, whole."""
        found: list[dict[str, Any]] = self.ask("calls")["calls"]
        return found[after:]

    def writes(self, *, after: int = 0) -> list[str]:
        """Return the operations of the calls after the first *after* that may change something."""
        return [
            call["operation"]
            for call in self.calls(after=after)
            if call["method"] != "GET" and not str(call["request_body"]).startswith("{'query': 'query")
        ]

    def do(self, kind: str, **given: Any) -> dict[str, Any]:
        """Let one thing happen in the shop."""
        found: dict[str, Any] = self.ask("shop/do", {"kind": kind, **given})
        return found

    def change(self, kind: str, id_: str, **changes: Any) -> dict[str, Any]:
        """Change a resource of the shop, whatever it becomes."""
        found: dict[str, Any] = self.ask("shop/change", {"kind": kind, "id": id_, "changes": changes})
        return found

    def put(self, kind: str, **body: Any) -> dict[str, Any]:
        """Put a resource into the shop as it is."""
        found: dict[str, Any] = self.ask("shop/put", {"kind": kind, "body": body})
        return found

    def by_hand(self, method: str, path: str, body: Any = None) -> Any:
        """Do something in the account that is not ours."""
        headers = {"Api-Token": FAST["AC_API_TOKEN"]}
        answer = requests.request(method, f"{self.url}/api/3{path}", json=body, headers=headers, timeout=30)
        if not answer.ok:
            raise AssertionError(answer.text)
        return answer.json()

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return the account's contacts by address."""
        return {c["email"].lower(): c for c in self.ask("state")["contacts"]}

    def orders(self) -> dict[str, dict[str, Any]]:
        """Return the account's orders by store order id."""
        return {o["storeOrderId"]: o for o in self.ask("state")["orders"]}


def _opening_shop(name: str, url: str) -> dict[str, str]:
    """Return the variables of a further project, whose key is its name."""
    known = {
        "PROJECT_KEY": name, "CLIENT_ID": name, "CLIENT_SECRET": f"{name}-secret", "AUTH_URL": url, "API_URL": url,
    }  # fmt: skip
    return {f"CTP_{variable}_{name.upper()}": value for variable, value in known.items()}


def _written(configuration: str) -> Path:
    """Return a new file that holds a configuration."""
    path = Path(tempfile.mkdtemp(prefix="ct-ac-sync-world-")) / "sync.toml"
    path.write_text(configuration, "utf-8")
    return path


class Interposed:
    """A part of the product some of whose verbs are done otherwise, given the real ones."""

    def __init__(self, part: object, **instead: Callable[..., Any]) -> None:
        self._part = part
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        return functools.partial(self._instead[name], real) if name in self._instead else real


class World:
    """
    One product between look-alikes: of a shop and an account, or of as many as are named.

    Attributes:
        shops, accounts: The further ones, by name.
    """

    def __init__(
        self,
        database_url: str,
        shop: str,
        account: str,
        *,
        configuration: str = "",
        shops: Mapping[str, str] | None = None,
        accounts: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        """
        Wire it.

        Args:
            configuration: The text of its sync.toml; without, the default one.
            shops, accounts: Addresses of further ones by name; variables that end in the name,
                as ``AC_API_URL_SWISS`` does, hold what opens them.
        """
        self.shop = Sandbox(shop)
        self.account = Sandbox(account)
        self.shops = {name: Sandbox(url) for name, url in (shops or {}).items()}
        self.accounts = {name: Sandbox(url) for name, url in (accounts or {}).items()}
        self.environment = environment(database_url, shop, account, **more)
        for name, url in (shops or {}).items():
            self.environment |= _opening_shop(name, url)
        for name, url in (accounts or {}).items():
            self.environment |= {
                f"AC_API_URL_{name.upper()}": url,
                f"AC_API_TOKEN_{name.upper()}": FAST["AC_API_TOKEN"],
            }
        if configuration:
            self.environment["CT_AC_SYNC_CONFIG"] = str(_written(configuration))
        self.settings: Settings = read_settings(self.environment)
        self.parts = build_parts(self.settings)
        self.box: Container = wire(self.settings, self.parts)

    def configure(self, configuration: str, **more: str) -> None:
        """Start anew with another configuration, over what is stored."""
        self.box.close()
        self.environment |= {"CT_AC_SYNC_CONFIG": str(_written(configuration))} | more
        self.settings = read_settings(self.environment)
        self.parts = build_parts(self.settings)
        self.box = wire(self.settings, self.parts)

    @property
    def project(self) -> str:
        """The key of the project."""
        return self.settings.sources[0].project

    @property
    def account_name(self) -> str:
        """What the tables know the account by."""
        return self.settings.destinations[0].name

    @property
    def source(self) -> Any:
        """The client of the project."""
        return self.parts.sources[self.project]

    @property
    def destination(self) -> Any:
        """The client of the account."""
        return self.parts.destinations[self.account_name]

    @property
    def budget(self) -> Budget:
        """The account's budget."""
        return self.parts.budgets[self.account_name]

    @property
    def pacing(self) -> Pacing:
        """The account's pacing."""
        return self.parts.pacings[self.account_name]

    @property
    def extract(self) -> Extract:
        """What reads the project."""
        return self.box.extracts[self.project]

    def rewire(self, *, source: Any = None, destination: Any = None, **parts: Any) -> None:
        """Wire anew with some adapters replaced."""
        if source is not None:
            parts["sources"] = {**self.parts.sources, self.project: source}
        if destination is not None:
            parts["destinations"] = {**self.parts.destinations, self.account_name: destination}
        self.parts = replace(self.parts, **parts)
        self.box = wire(self.settings, self.parts)

    def be_away_when_the_next_call_ends(self, *, tries: int = 1_000) -> None:
        """Let the database be away the first *tries* times that the end of the next call is written."""
        unwritten: list[int] = []

        def finish(real: Callable[..., Any], *given: Any, **known: Any) -> Any:
            intent = known.get("intent")
            is_away = intent is not None and len(unwritten) < tries
            if is_away and intent.attempt in (unwritten or [intent.attempt]):
                unwritten.append(intent.attempt)
                raise DatabaseAwayError("the database is away (DeadlockDetected)", cause="database_away")
            return real(*given, **known)

        self.rewire(deliveries=Interposed(self.parts.deliveries, finish=finish))

    def read(self) -> None:
        """Read all streams of every project to the end, customers first."""
        for stream in map(Stream, self.settings.configuration.streams):
            for extract in self.box.extracts.values():
                while (done := extract.read(stream)) is None or not done.is_done:
                    time.sleep(0.1)

    def deliver_due(self) -> int:
        """Deliver what is due now."""
        rows = self.sql(
            "SELECT recipient FROM recipient WHERE due_at <= sync_now() AND awaiting IS NULL"
            " AND (lease_until IS NULL OR lease_until <= sync_now())"
            " AND destination = ANY (%s) ORDER BY lane, due_at",
            ([access.name for access in self.settings.destinations],),
        )
        for row in rows:
            with contextlib.suppress(SyncError):
                self.box.deliver.deliver(row["recipient"])
        return len(rows)

    def host_of(self, account: str) -> str:
        """Return what the tables know the further account *account* by."""
        return urlsplit(self.accounts[account].url).netloc

    def drain_all_but(self, halted: str, *, seconds: float = 30) -> None:
        """Deliver until the accounts that are not *halted* are owed nothing; fail as `drain` does."""
        waits, until = seconds / PAUSE_SECONDS, time.monotonic() + seconds * BUSY
        while waits > 0 and time.monotonic() < until:
            self.box.dispatch.tick()
            self.box.settle.settle_due()
            self.deliver_due()
            owed = "SELECT FROM recipient WHERE destination <> %s AND (due_at IS NOT NULL OR awaiting IS NOT NULL)"
            if not self.sql(owed, (halted,)):
                return
            self._wait()
            waits -= 1
        raise AssertionError(f"still owed: {self.box.views.status()}")

    def drain(self, *, seconds: float = 30) -> None:
        """
        Deliver until nothing is owed; fail if that does not come.

        Args:
            seconds: How long may be waited while nothing is due.
        """
        waits, until = seconds / PAUSE_SECONDS, time.monotonic() + seconds * BUSY
        while waits > 0 and time.monotonic() < until:
            self.box.dispatch.tick()
            self.box.settle.settle_due()
            if not self.deliver_due():
                if not self.box.deliveries.is_owing():
                    return
                self._wait()
                waits -= 1
        raise AssertionError(f"still owed: {self.box.views.status()}")

    def _wait(self) -> None:
        """Wait for the look-alike where it is at work; else let the database's clock go on."""
        rows = self.sql("SELECT EXISTS (SELECT FROM awaiting) AS is_awaiting")
        time.sleep(PAUSE_SECONDS)
        if not rows[0]["is_awaiting"]:
            self.pass_time(timedelta(seconds=1))

    def run(self) -> None:
        """Read and deliver everything there is."""
        self.read()
        self.drain()

    def sql(self, statement: str, parameters: Any = None) -> list[dict[str, Any]]:
        """Run a statement that returns rows."""
        return self.box.database.fetch(statement, parameters)

    def execute(self, statement: str, parameters: Any = None) -> None:
        """Run a statement that returns none."""
        with self.box.database.transaction() as connection:
            connection.execute(statement, parameters)

    def pass_time(self, span: timedelta) -> None:
        """Let the database's clock go on."""
        self.execute("UPDATE clock SET shift = shift + %s", (span,))

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return the account's contacts by address."""
        return self.account.contacts()

    def orders(self) -> dict[str, dict[str, Any]]:
        """Return the account's orders by store order id."""
        return self.account.orders()

    def reasons(self, outcome: str) -> list[tuple[str, str]]:
        """Return operation and reason of each *outcome* so far, oldest first."""
        rows = self.sql("SELECT operation, reason FROM outcome WHERE outcome = %s ORDER BY at", (outcome,))
        return [(row["operation"], row["reason"]) for row in rows]

    def look(self, id_: str) -> Previewed:
        """Return what would become of a record, by its id."""
        (record,) = self.box.views.find(id_)
        views = self.box.views
        return self.box.preview.preview(
            record, views.body(record), views.held(record), customer=views.customer(record)
        )

    def outcomes(self, operation: str) -> list[str]:
        """Return the outcomes of an operation, oldest first."""
        rows = self.sql("SELECT outcome FROM outcome WHERE operation = %s ORDER BY at", (operation,))
        return [row["outcome"] for row in rows]

    def close(self) -> None:
        """Close what was opened."""
        self.box.close()
