"""Views for humans: how things stand, and what happened to one record."""

from datetime import timedelta
from typing import Any

from psycopg.rows import DictRow

from ct_ac_sync.store.database import Database
from ct_ac_sync.store.lanes import LANES
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("views")


class Views:
    """Read-only questions about the whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self, *, since: timedelta = timedelta(hours=1)) -> dict[str, Any]:
        """Return how things stand: totals first, because dead letters come first."""
        lanes = self._database.fetch(QUERIES["lanes"])
        return {
            "totals": self._database.fetch(QUERIES["totals"])[0],
            "streams": self._database.fetch(QUERIES["streams"]),
            "destinations": self._database.fetch(QUERIES["destinations"]),
            "lanes": [row | {"lane": LANES[row["lane"]]} for row in lanes],
            "entries": self._database.fetch(QUERIES["entries"]),
            "outcomes": self._database.fetch(QUERIES["outcomes"], {"since": since}),
            "remarks": self._database.fetch(QUERIES["remarks"], {"since": since}),
            "halted_triggers": self._database.fetch(QUERIES["halted_triggers"]),
        }

    def find(self, what: str) -> list[DictRow]:
        """Return the records that *what* names: an id, a number or an address."""
        return self._database.fetch(QUERIES["find_records"], {"what": what})

    def trace(self, record: DictRow) -> dict[str, Any]:
        """Return the way of one record: when it was seen, what was owed, what was sent."""
        keys = dict(record) | {
            "objects": [record["id"]],
            "keys": [f"{record['source']}/{record['id']}"],
        }
        return {
            "record": record,
            "sightings": self._database.fetch(QUERIES["trace_sightings"], keys),
            "entries": self._database.fetch(QUERIES["trace_entries"], keys),
            "outcomes": self._database.fetch(QUERIES["trace_outcomes"], keys),
            "events": self._database.fetch(QUERIES["trace_events"], keys),
            "triggers": self._database.fetch(QUERIES["trace_triggers"], keys),
        }

    def body(self, record: DictRow) -> dict[str, Any]:
        """Return the body of a record, as it was accepted last."""
        found: dict[str, Any] = self._database.fetch(QUERIES["read_body"], dict(record))[0]["body"]
        return found

    def customer(self, record: DictRow) -> dict[str, Any] | None:
        """Return the body of the customer that an order names, where it is stored."""
        rows = self._database.fetch(QUERIES["read_customer"], dict(record))
        return rows[0]["body"] if rows else None

    def held(self, record: DictRow) -> list[DictRow]:
        """Return what is owed to a record's person, and known to be held, at each destination."""
        return self._database.fetch(QUERIES["held_entries"], dict(record))
