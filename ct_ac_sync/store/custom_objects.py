"""Custom objects: how far each container is read, whom they name, and whose word they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from ct_ac_sync.domain.custom_object import CustomObject
from ct_ac_sync.ports import Stream
from ct_ac_sync.store.arrival import Arrival
from ct_ac_sync.store.database import Connection
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("custom_objects")

STREAM = Stream.CUSTOM_OBJECTS.value


@dataclass(frozen=True, slots=True)
class ContainerRead:
    """Until when all changes of a container are known, and since when what is new of it is no past."""

    watermark: datetime
    cutover: datetime


def note_objects(
    connection: Connection, source: str, arrivals: Iterable[Arrival], rows: Sequence[DictRow]
) -> frozenset[str]:
    """
    Note whom those custom objects name that just changed, and which former ones they stand for by now.

    Returns:
        The ids of those that named somebody else before.
    """
    changed = {row["id"]: row for row in rows if row["stream"] == STREAM}
    values = {
        each.id: each.value
        for each in arrivals
        if each.id in changed
        and each.stream is Stream.CUSTOM_OBJECTS
        and isinstance(each.value, CustomObject)
    }
    if not values:
        return frozenset()
    named = [changed[id_] for id_ in values]
    keys = _named(source, named) | {
        "containers": [each.container for each in values.values()],
        "keys": [each.key for each in values.values()],
    }
    renamed = connection.execute(QUERIES["note_objects"], keys).fetchall()
    connection.execute(QUERIES["bury_namesakes"], keys)
    return frozenset(row["id"] for row in renamed)


def name_anew(connection: Connection, source: str, rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """
    Write down whom stored custom objects name by now: *rows* with ``customer_id`` and ``address``.

    Returns:
        The ids of those that named somebody else before.
    """
    if not rows:
        return frozenset()
    renamed = connection.execute(QUERIES["name_anew"], _named(source, rows)).fetchall()
    return frozenset(row["id"] for row in renamed)


def read_waiting(connection: Connection, source: str, rows: Sequence[DictRow]) -> list[DictRow]:
    """Return the custom objects that wait for somebody whom *rows*, which just changed, make known."""
    keys = {
        "source": source,
        "customers": [row["id"] for row in rows if row["stream"] == Stream.CUSTOMERS],
        "addresses": [row["address"] for row in rows if row["address"] and row["stream"] != STREAM],
    }
    if not (keys["customers"] or keys["addresses"]):
        return []
    return connection.execute(QUERIES["read_waiting"], keys).fetchall()


def _named(source: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "source": source,
        "ids": [row["id"] for row in rows],
        "customers": [row["customer_id"] for row in rows],
        "addresses": [row["address"] for row in rows],
    }
