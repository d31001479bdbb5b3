"""The product, wired in this process over real servers, and both look-alikes' control doors."""

import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import requests

from ct_ac_sync.bootstrap import Container, build_parts, wire
from ct_ac_sync.errors import DatabaseAwayError, SyncError
from ct_ac_sync.ports import Stream
from ct_ac_sync.settings import Settings, read_settings

FAST = {
    "CTP_PROJECT_KEY": "demo-shop",
    "CTP_CLIENT_ID": "sandbox",
    "CTP_CLIENT_SECRET": "sandbox",
    "AC_API_TOKEN": "sandbox-token",
    "CT_AC_SYNC_CALL_SECONDS": "4",
    "CT_AC_SYNC_SOFT_SECONDS": "5",
    "CT_AC_SYNC_HARD_SECONDS": "6",
    "CT_AC_SYNC_LEASE_SECONDS": "7",
    "CT_AC_SYNC_SLICE_SECONDS": "4",
    "CT_AC_SYNC_TICK_SECONDS": "0.5",
    "CT_AC_SYNC_RETRY_BASE_SECONDS": "0.3",
    "CT_AC_SYNC_BREAKER_SECONDS": "1",
    "CT_AC_SYNC_READBACK_SECONDS": "0.2,0.3,0.4",
    "CT_AC_SYNC_AWAITING_DEADLINE_SECONDS": "8",
    "CT_AC_SYNC_FROM": "everything",
}


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

    def do(self, kind: str, **given: Any) -> dict[str, Any]:
        """Let one thing happen in the shop."""
        found: dict[str, Any] = self.ask("shop/do", {"kind": kind, **given})
        return found


class Interposed:
    """A part of the product some of whose verbs are done otherwise, given the real ones."""

    def __init__(self, part: object, **instead: Callable[..., Any]) -> None:
        self._part = part
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        return functools.partial(self._instead[name], real) if name in self._instead else real


class World:
    """One product between two look-alikes."""

    def __init__(self, database_url: str, shop: str, account: str, **more: str) -> None:
        self.shop = Sandbox(shop)
        self.account = Sandbox(account)
        self.environment = environment(database_url, shop, account, **more)
        self.settings: Settings = read_settings(self.environment)
        self.parts = build_parts(self.settings)
        self.box: Container = wire(self.settings, self.parts)

    def rewire(self, **parts: Any) -> None:
        """Wire anew with some adapters replaced."""
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
        """Read both streams to the end, customers first."""
        for stream in (Stream.CUSTOMERS, Stream.ORDERS):
            while (done := self.box.extract.read(stream)) is None or not done.is_done:
                time.sleep(0.1)

    def deliver_due(self) -> int:
        """Deliver what is due now."""
        rows = self.sql(
            "SELECT recipient FROM recipient WHERE due_at <= sync_now() AND awaiting IS NULL"
            " AND (lease_until IS NULL OR lease_until <= sync_now()) ORDER BY lane, due_at"
        )
        for row in rows:
            with contextlib.suppress(SyncError):
                self.box.deliver.deliver(row["recipient"])
        return len(rows)

    def drain(self, *, seconds: float = 30) -> None:
        """Deliver until nothing is owed; fail if that does not come."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.box.dispatch.tick()
            self.box.settle.settle_due()
            if not self.deliver_due():
                if not self.box.deliveries.is_owing():
                    return
                self._wait()
        raise AssertionError(f"still owed: {self.box.views.status()}")

    def _wait(self) -> None:
        """Wait for the look-alike where it is at work; else let the database's clock go on."""
        rows = self.sql("SELECT EXISTS (SELECT FROM awaiting) AS is_awaiting")
        time.sleep(0.1)
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
        return {c["email"].lower(): c for c in self.account.ask("state")["contacts"]}

    def orders(self) -> dict[str, dict[str, Any]]:
        """Return the account's orders by store order id."""
        return {o["storeOrderId"]: o for o in self.account.ask("state")["orders"]}

    def outcomes(self, operation: str) -> list[str]:
        """Return the outcomes of an operation, oldest first."""
        rows = self.sql("SELECT outcome FROM outcome WHERE operation = %s ORDER BY at", (operation,))
        return [row["outcome"] for row in rows]

    def close(self) -> None:
        """Close what was opened."""
        self.box.close()
