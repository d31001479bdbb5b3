"""
References: what records refer to, kept as the source last showed it.

Only a cache, shared by all processes: it may be emptied at any time.  Nobody locks it; of
two who write the same at once the newer version stays, whoever comes last.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TypeAlias

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.ports import Json
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("references")

#: Kind and id of what is referred to; its key where records refer by key, as to stores.
Reference: TypeAlias = tuple[str, str]
#: What is known of each; None where it is known to be gone.
Known: TypeAlias = Mapping[Reference, Json | None]

#: The greatest version that the table can keep.
GREATEST = 2**63 - 1


class ReferenceCache:
    """Reads and writes what was fetched."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, source: str, wanted: Iterable[Reference], *, fresh: timedelta) -> Known:
        """Return those of *wanted* that were fetched within *fresh*."""
        return self._read(source, wanted, fresh)

    def read_stale(self, source: str, wanted: Iterable[Reference]) -> Known:
        """Return those of *wanted* that were ever fetched, however long ago."""
        return self._read(source, wanted, None)

    def write(self, source: str, fetched: Known) -> Known:
        """Keep what was fetched just now; return what is held of it, which may be newer."""
        rows = sorted(fetched.items(), key=lambda row: row[0])
        keys = {
            "source": source,
            "kinds": [kind for (kind, _), _ in rows],
            "ids": [id_ for (_, id_), _ in rows],
            "versions": [None if body is None else _version(body) for _, body in rows],
            "bodies": [None if body is None else Jsonb(body) for _, body in rows],
        }
        return _known(self._database.fetch(QUERIES["write_references"], keys)) if rows else {}

    def _read(self, source: str, wanted: Iterable[Reference], fresh: timedelta | None) -> Known:
        rows = sorted(set(wanted))
        keys = {
            "source": source,
            "kinds": [kind for kind, _ in rows],
            "ids": [id_ for _, id_ in rows],
            "fresh": fresh,
        }
        return _known(self._database.fetch(QUERIES["read_references"], keys)) if rows else {}


def _known(rows: Iterable[DictRow]) -> Known:
    return {(row["kind"], row["id"]): row["body"] for row in rows}


def _version(body: Json) -> int:
    version = body.get("version")
    return version if isinstance(version, int) and 0 < version <= GREATEST else 0
