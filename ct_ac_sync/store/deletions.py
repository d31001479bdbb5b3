"""
Deletions: candidates, the sweep of ids that finds them, and what follows of those that are gone.

A sweep of ids keeps its place in a row of the streams, so that it is seen, halted and resumed as
any stream is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow

from ct_ac_sync.domain.deletion import Absence
from ct_ac_sync.ports import Stream
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("deletions")

#: The streams whose ids are swept.
SWEPT = (Stream.CUSTOMERS, Stream.ORDERS)
#: How often; messages tell sooner, but not of all (vendor documentation, Messages).
PERIOD = timedelta(days=7)
#: Between two looks at a candidate, at least.
PAUSE = timedelta(minutes=1)
#: Candidates that are taken at once, and customers whose going is settled at once.
PAGE = 50


def name_of_sweep(stream: Stream) -> str:
    """Return what the streams call the sweep of the ids of *stream*."""
    return f"{stream} by id"


SWEEPS = [name_of_sweep(stream) for stream in SWEPT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """
    A record that may be gone.

    Attributes:
        gone_at: Since when, in source time, as far as that is known.
        was_missed: Whether it was asked for by its id before, in vain.
    """

    stream: Stream
    id: str
    gone_at: datetime
    was_missed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdSweep:
    """
    The exclusive right to sweep the ids of a stream, until its lease runs out.

    Attributes:
        after: The last id seen in it; None at its beginning.
        begun_at: What was stored later is not looked for.
    """

    source: str
    stream: Stream
    epoch: int
    after: str | None
    begun_at: datetime


def note_candidates(
    connection: Connection, source: str, told: Sequence[tuple[Stream, str, datetime]]
) -> None:
    """Note what messages say is gone, within a transaction: stream, id and time of each."""
    if told:
        keys: dict[str, Any] = {
            "source": source, "streams": [each[0] for each in told], "ids": [each[1] for each in told],
            "gone_at": [each[2] for each in told],
        }  # fmt: skip
        connection.execute(QUERIES["note_candidates"], keys)


class DeletionBook:
    """Who may be gone, and who is."""

    def __init__(
        self, database: Database, *, destinations: Sequence[str], config: str, lease: timedelta
    ) -> None:
        """Serve *destinations*; *lease* is how long a sweep is held without a word."""
        self._database = database
        self._destinations = list(destinations)
        self._config = config
        self._lease = lease

    # -- candidates -------------------------------------------------------------------

    def is_halted(self, source: str) -> bool:
        """Whether nothing of *source* is to be deleted until a human has looked."""
        keys = {"source": source, "names": SWEEPS}
        return bool(self._database.fetch(QUERIES["is_halted"], keys)[0]["is_halted"])

    def halts(self) -> list[DictRow]:
        """Return the sweeps that wait for a human, and why."""
        return self._database.fetch(QUERIES["list_halts"], {"names": SWEEPS})

    def candidates(self) -> list[DictRow]:
        """Return all that may be gone, oldest first."""
        return self._database.fetch(QUERIES["list_candidates"])

    def take_candidates(self, source: str) -> tuple[Candidate, ...]:
        """Take those of *source* that may be looked at now, a page at most."""
        keys = {"source": source, "pause": PAUSE, "limit": PAGE}
        rows = self._database.fetch(QUERIES["take_candidates"], keys)
        return tuple(
            Candidate(
                stream=Stream(row["stream"]), id=row["id"], gone_at=row["gone_at"],
                was_missed=row["was_missed"],
            )
            for row in rows
        )  # fmt: skip

    def note_missed(self, source: str, candidate: Candidate) -> None:
        """Note that a candidate was asked for in vain; it is asked for once more."""
        self._change("note_missed", source, candidate)

    def drop(self, source: str, candidate: Candidate) -> None:
        """Forget a candidate that is there."""
        self._change("drop_candidate", source, candidate)

    def _change(self, query: str, source: str, candidate: Candidate) -> None:
        keys = {"source": source, "stream": candidate.stream, "id": candidate.id, "pause": PAUSE}
        with self._database.transaction() as connection:
            connection.execute(QUERIES[query], keys)

    # -- the sweep of ids -------------------------------------------------------------

    def lease(self, source: str, stream: Stream, *, is_asked: bool) -> IdSweep | None:
        """
        Go on with the sweep under way, or begin one; None where it is not time, or somebody sweeps.

        Args:
            is_asked: Whether one is begun before its time.
        """
        keys = {
            "source": source, "stream": stream, "name": name_of_sweep(stream), "lease": self._lease,
            "period": PERIOD, "is_asked": is_asked,
        }  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute(QUERIES["ensure_sweep"], keys)
            row = connection.execute(QUERIES["lease_sweep"], keys).fetchone()
            if row is None:
                return None
            if row["sweep_after"] is None:
                connection.execute(QUERIES["forget_listed"], keys)
        return IdSweep(
            source=source, stream=stream, epoch=row["epoch"], after=row["sweep_after"],
            begun_at=row["begun_at"],
        )  # fmt: skip

    def note_listed(self, sweep: IdSweep, ids: Sequence[str]) -> bool:
        """Note a page of ids together with the place reached; False where somebody else sweeps by now."""
        keys = _keys(sweep) | {"after": ids[-1], "lease": self._lease, "ids": list(ids)}
        with self._database.transaction() as connection:
            if connection.execute(QUERIES["move_sweep"], keys).fetchone() is None:
                return False
            connection.execute(QUERIES["note_listed"], keys)
        return True

    def end(self, sweep: IdSweep) -> Absence | None:
        """
        Note what a sweep that was read to its end has missed, and halt where that is too much.

        None where somebody else sweeps by now.
        """
        keys = _keys(sweep) | {"begun_at": sweep.begun_at}
        with self._database.transaction() as connection:
            row = connection.execute(QUERIES["count_missing"], keys).fetchone() or {}
            absence = Absence(row.get("missing", 0), row.get("known", 0))
            halted = f"{absence.missing} of {absence.known} {sweep.stream} are missing"
            reason = {"halted": halted if absence.is_too_large else None}
            if connection.execute(QUERIES["end_sweep"], keys | reason).fetchone() is None:
                return None
            connection.execute(QUERIES["note_missing"], keys)
            connection.execute(QUERIES["forget_listed"], keys)
        return absence

    def release(self, sweep: IdSweep) -> None:
        """Let the next one in before the lease runs out."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["release_sweep"], _keys(sweep))

    # -- what follows -----------------------------------------------------------------

    def settle(self, connection: Connection, source: str, action: str | None) -> int:
        """
        Decide once, within a transaction, what follows of customers whose going was told.

        Args:
            action: What the trigger ledger calls it; None for nothing.

        Returns:
            How many were settled.
        """
        rows = connection.execute(QUERIES["take_unsettled"], {"source": source, "limit": PAGE}).fetchall()
        if not rows:
            return 0
        keys: dict[str, Any] = {
            "source": source, "ids": [row["id"] for row in rows], "events": [row["event"] for row in rows],
            "persons": [row["person"] for row in rows], "action": action, "served": self._destinations,
            "config": self._config,
        }  # fmt: skip
        if action is not None:
            connection.execute(QUERIES["note_shared"], keys)
            raised = connection.execute(QUERIES["raise_farewells"], keys).fetchall()
            keys["recipients"] = sorted({row["recipient"] for row in raised})
            for query in ("forget_contacts", "drop_late_facts", "refresh_recipients"):
                connection.execute(QUERIES[query], keys)
        connection.execute(QUERIES["mark_settled"], keys)
        return len(rows)

    def withdraw(self, connection: Connection, source: str) -> None:
        """Withdraw what would take leave of contacts that somebody has by now, within a transaction."""
        rows = connection.execute(QUERIES["find_farewells"], {"source": source}).fetchall()
        withdraw_farewells(connection, sorted(row["recipient"] for row in rows), config=self._config)


def withdraw_farewells(connection: Connection, recipients: Sequence[int], *, config: str) -> None:
    """Withdraw what would take leave of *recipients* whose contact somebody has by now."""
    if recipients:
        keys = {"recipients": list(recipients), "config": config}
        connection.execute(QUERIES["withdraw_farewells"], keys)
        connection.execute(QUERIES["refresh_recipients"], keys)


def _keys(sweep: IdSweep) -> dict[str, Any]:
    return {
        "source": sweep.source, "stream": sweep.stream, "name": name_of_sweep(sweep.stream),
        "epoch": sweep.epoch,
    }  # fmt: skip
