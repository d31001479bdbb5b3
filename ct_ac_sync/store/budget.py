"""
The account's budget and standing: one row that all workers on all machines share.

ActiveCampaign allows five requests a second for the whole account (vendor
documentation, Rate limits).  A slot is reserved before each call, on the database's
clock; ``Retry-After`` and the breaker move the next slot for everybody at once.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from psycopg.types.json import Jsonb

from ct_ac_sync.ports import Layout
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("budget")

#: Consecutive transport or server failures that open the breaker.
BREAKER_THRESHOLD = 10
#: A look costs a call for each hundred fields and one for connections: of some 16,000 calls an
#: hour it is not felt, and nobody misses a field that was deleted for longer than this.
LOOK_EVERY = timedelta(hours=1)
#: When a look is tried again that came to nothing.
LOOK_AGAIN = timedelta(minutes=5)
#: Recipients of whom something is wanted once more in one transaction.
RESENT_AT_ONCE = 500


class Budget:
    """Slots of one destination, and whether it is halted."""

    def __init__(self, database: Database, *, destination: str, breaker: timedelta) -> None:
        self._database = database
        self._destination = destination
        self._breaker = breaker
        #: Tasks of upkeep: to look at the layout, and to send operations once more.
        self._look = f"layout {destination}"
        self._resends = {
            operation: f"{operation} again {destination}" for operation in ("upsert_contact", "upsert_order")
        }

    @property
    def destination(self) -> str:
        """Whose budget it is."""
        return self._destination

    def ensure(self, intervals: Mapping[str, timedelta]) -> None:
        """Make the destination's rows: one bucket each, with the interval between calls."""
        with self._database.transaction() as connection:
            keys: dict[str, object] = {"destination": self._destination}
            connection.execute(QUERIES["ensure_destination"], keys)
            connection.execute(QUERIES["ensure_look"], {"look": self._look})
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

    def write_layout(
        self,
        layout: Layout | None,
        made_for: str = "",
        *,
        resends: Sequence[str] = (),
        delay: timedelta = timedelta(),
    ) -> None:
        """
        Keep the ids, and what they were provisioned for, and let go; without any, only let go.

        Args:
            resends: Operations of which all shall be sent once more, because what they were
                written to is another one by now.
            delay: How long somebody may still write to the former.
        """
        if layout is None:
            self._run("let_go_of_layout")
            return
        plain = {"fields": dict(layout.fields), "connection": layout.connection}
        more = {"connections": dict(layout.connections), "made_for": made_for}
        keys = {"layout": Jsonb(plain), "more": Jsonb(more), "destination": self._destination}
        tasks = [self._resends[operation] for operation in resends]
        with self._database.transaction() as connection:
            connection.execute(QUERIES["write_layout"], keys)
            connection.execute(QUERIES["put_off_look"], {"look": self._look, "every": LOOK_EVERY})
            connection.execute(QUERIES["begin_resend"], {"tasks": tasks, "delay": delay})

    # -- what was provisioned is watched ----------------------------------------------

    def read_due(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether a look at the layout is due, and which operations are to be sent once more."""
        tasks = [self._look, *self._resends.values()]
        rows = self._database.fetch(QUERIES["read_due"], {"tasks": tasks, "destination": self._destination})
        due = {row["task"] for row in rows}
        return self._look in due, tuple(each for each, task in self._resends.items() if task in due)

    def take_look(self) -> bool:
        """Become the only one that looks at the layout now; False where it is not due."""
        return bool(self._database.fetch(QUERIES["take_look"], {"look": self._look, "again": LOOK_AGAIN}))

    def note_look(self, drifts: Sequence[str]) -> None:
        """Write down that the layout was looked at, and what of it is not as it was made."""
        self._run("note_look", look=self._look, every=LOOK_EVERY, did="\n".join(drifts))

    def resend(self, operation: str) -> bool:
        """
        Want *operation* once more of the next recipients; returns whether there may be more.

        A page with how far it has come is one commit, so that whoever is killed loses nothing.
        """
        keys = {"task": self._resends[operation], "operation": operation, "destination": self._destination}
        with self._database.transaction() as connection:
            taken = connection.execute(QUERIES["take_resend"], keys).fetchone()
            if taken is None:
                return False
            page = keys | {"after": taken["after"], "limit": RESENT_AT_ONCE}
            rows = connection.execute(QUERIES["lock_page"], page).fetchall()
            if not rows:
                connection.execute(QUERIES["end_resend"], keys)
                return False
            recipients = [row["recipient"] for row in rows]
            connection.execute(QUERIES["resend_page"], keys | {"recipients": recipients})
            connection.execute(QUERIES["refresh_recipients"], {"recipients": recipients})
            connection.execute(QUERIES["move_resend"], keys | {"after": str(recipients[-1])})
        return True

    def _run(self, name: str, **keys: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(QUERIES[name], {"destination": self._destination} | keys)
