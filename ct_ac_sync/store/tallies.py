"""
Tallies: counts that only grow, and everything that is measured, read in one statement.

Outcomes and attempts are counted by the ledger itself, in the transaction that writes
them.  Calls are noted in this process first and written two seconds later, all together,
so that a killed process takes at most that much of the counting with it; what the
database would not take is kept and written with the next.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import psycopg

from ct_ac_sync.errors import DatabaseAwayError
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.lanes import LANES
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("tallies")

#: How long calls are kept in the process before they are written down.
WRITE_AFTER_SECONDS = 2.0
#: What grows with the backlog is counted no further than this.
ENOUGH = 50_000
#: Causes of dead letters by name; all others are counted together.
CAUSES = 50
#: A read of all metrics takes no longer than this.
READ_MILLISECONDS = 3000


class Calls(StrEnum):
    """Whose calls are counted."""

    DESTINATION = "calls"
    SOURCE = "source_calls"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric, with the values of its labels in their order."""

    metric: str
    labels: tuple[str, ...]
    value: float


class Tallies:
    """Notes calls, adds up marks, and reads all that is measured."""

    def __init__(self, database: Database, *, write_after_seconds: float = WRITE_AFTER_SECONDS) -> None:
        self._database = database
        self._write_after = write_after_seconds
        self._lock = threading.Lock()
        self._noted: Counter[tuple[str, str, str, str]] = Counter()
        #: The process whose timer will write; a fork has none.
        self._timed_by: int | None = None

    def noter(self, calls: Calls, party: str) -> Callable[[str, str], None]:
        """Return what notes an operation and its status as a call of *party*."""

        def note(operation: str, status: str) -> None:
            with self._lock:
                self._noted[party, calls, operation, status] += 1
                is_timed, self._timed_by = self._timed_by == os.getpid(), os.getpid()
            if not is_timed:
                timer = threading.Timer(self._write_after, self.write)
                timer.daemon = True
                timer.start()

        return note

    def write(self) -> None:
        """Write down the calls noted since; never raises, because counting must not stop the work."""
        with self._lock:
            noted, self._noted = self._noted, Counter()
            self._timed_by = None
        if not noted:
            return
        parties, names, operations, statuses = map(list, zip(*noted, strict=True))
        keys = {
            "party": parties, "name": names, "operation": operations, "status": statuses,
            "value": list(noted.values()),
        }  # fmt: skip
        try:
            with self._database.transaction() as connection:
                connection.execute("SET LOCAL synchronous_commit = off")
                connection.execute(QUERIES["mark_calls"], keys)
        except (DatabaseAwayError, psycopg.Error):
            with self._lock:
                self._noted += noted

    def tick(self) -> None:
        """Add up the marks, and note that somebody dispatches."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["note_tick"])
            found = connection.execute(QUERIES["try_to_add_up"]).fetchone()
            if found is not None and found["is_ours"]:
                connection.execute(QUERIES["add_up"])

    def read(self, *, lease: timedelta) -> tuple[Sample, ...]:
        """
        Return a sample of everything that is measured.

        Args:
            lease: An intent without an end that is older has lost its worker.

        Raises:
            DatabaseAwayError: The database is away, or took too long.
        """
        keys = {"lease": lease, "lanes": list(LANES), "enough": ENOUGH, "causes": CAUSES}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["limit_time"], {"milliseconds": READ_MILLISECONDS})
            rows = connection.execute(QUERIES["read_metrics"], keys).fetchall()
        return tuple(Sample(row["metric"], tuple(row["labels"]), float(row["value"])) for row in rows)
