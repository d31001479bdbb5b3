"""
The account's budget and standing: one row that all workers on all machines share.

ActiveCampaign allows five requests a second for the whole account (vendor
documentation, Rate limits).  A slot is reserved before each call, on the database's
clock; ``Retry-After`` and the breaker move the next slot for everybody at once.
"""

from collections.abc import Mapping
from datetime import timedelta

from psycopg.types.json import Jsonb

from ct_ac_sync.ports import Layout
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("budget")

#: Consecutive transport or server failures that open the breaker.
BREAKER_THRESHOLD = 10


class Budget:
    """Slots of one destination, and whether it is halted."""

    def __init__(self, database: Database, *, destination: str, breaker: timedelta) -> None:
        self._database = database
        self._destination = destination
        self._breaker = breaker

    @property
    def destination(self) -> str:
        """Whose budget it is."""
        return self._destination

    def ensure(self, intervals: Mapping[str, timedelta]) -> None:
        """Make the destination's rows: one bucket each, with the interval between calls."""
        with self._database.transaction() as connection:
            keys: dict[str, object] = {"destination": self._destination}
            connection.execute(QUERIES["ensure_destination"], keys)
            for bucket, interval in sorted(intervals.items()):
                keys |= {"bucket": bucket, "interval": interval}
                connection.execute(QUERIES["ensure_bucket"], keys)

    def reserve(self, bucket: str = "calls", *, patience: timedelta) -> tuple[timedelta, bool]:
        """Return how long to wait for a slot, and whether it was taken (near enough)."""
        with self._database.transaction() as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            row = connection.execute(
                QUERIES["reserve"],
                {"destination": self._destination, "bucket": bucket, "patience": patience},
            ).fetchone()
        if row is None:
            raise LookupError(f"no budget {bucket!r} for {self._destination!r}")
        return row["wait"], row["is_taken"]

    def pass_gate(self) -> timedelta:
        """Return how long to wait so that calls leave an interval apart, as they were prepared."""
        with self._database.transaction() as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            row = connection.execute(QUERIES["pass_gate"], {"destination": self._destination}).fetchone()
        return row["wait"] if row else timedelta()

    def throttle(self, wait: timedelta, bucket: str = "calls") -> None:
        """Everybody waits, as the destination asked."""
        self._run("throttle", bucket=bucket, wait=wait)

    def note_failure(self) -> timedelta | None:
        """Count a transport or server failure; return for how long the breaker opened, if it did."""
        keys = {"destination": self._destination, "bucket": "calls", "threshold": BREAKER_THRESHOLD}
        rows = self._database.fetch(QUERIES["note_failure"], keys | {"pause": self._breaker})
        return rows[0]["pause"] if rows and rows[0]["is_open"] else None

    def note_success(self, *, remaining: int | None) -> None:
        """Close the breaker, and learn from what the account has left."""
        self._run("note_success", bucket="calls", remaining=remaining)

    def count_refusal(self) -> int:
        """Count a 403 and return how many there were in a row."""
        rows = self._database.fetch(QUERIES["count_refusal"], {"destination": self._destination})
        return int(rows[0]["refusals"])

    def halt(self, reason: str) -> bool:
        """Stop writing to the destination until a human has acted; returns whether it was not stopped yet."""
        keys = {"destination": self._destination, "reason": reason}
        return bool(self._database.fetch(QUERIES["halt_destination"], keys))

    def resume(self) -> bool:
        """Write again; returns whether it was halted."""
        keys = {"destination": self._destination}
        return bool(self._database.fetch(QUERIES["resume_destination"], keys))

    def read_layout(self, made_for: str = "") -> Layout | None:
        """
        Return the ids of what we provisioned there, once they are known.

        What an older release kept knows one connection and no names of connections.

        Args:
            made_for: What they must have been provisioned for, if it matters.
        """
        rows = self._database.fetch(QUERIES["read_layout"], {"destination": self._destination})
        found = dict(rows[0]["layout"] or {}) if rows else {}
        was_made_for = found.pop("made_for", "")
        return Layout(**found) if found and made_for in ("", was_made_for) else None

    def hold_layout(self) -> bool:
        """Become the only one that provisions; False where somebody is at it."""
        keys = {"destination": self._destination}
        return bool(self._database.fetch(QUERIES["hold_layout"], keys))

    def write_layout(self, layout: Layout | None, made_for: str = "") -> None:
        """Keep the ids, and what they were provisioned for, and let go; without any, only let go."""
        if layout is None:
            self._run("let_go_of_layout")
            return
        plain = {"fields": dict(layout.fields), "connection": layout.connection}
        more = {"connections": dict(layout.connections), "made_for": made_for}
        self._run("write_layout", layout=Jsonb(plain), more=Jsonb(more))

    def _run(self, name: str, **keys: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(QUERIES[name], {"destination": self._destination} | keys)
