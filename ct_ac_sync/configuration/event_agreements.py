"""What rules of events must agree upon with the rest of the file, looked for in the file as it was read."""

from collections.abc import Iterator, Mapping, Sequence

from ct_ac_sync.configuration.agreements import Document, Row, rows_in, texts_of, twice, unknown
from ct_ac_sync.configuration.faults import Fault, shown
from ct_ac_sync.configuration.schema.profile import FieldSchema
from ct_ac_sync.configuration.values import DestinationConfig

#: What the only route is called where the file names none.
ONLY_ROUTE = "everything"


def event_disagreements(document: Document, destinations: Sequence[DestinationConfig]) -> Iterator[Fault]:
    """Give the faults that no rule of an event has alone."""
    perstags = tuple(text for row in rows_in(document, "fields") for _, text in texts_of(row, "perstag"))
    for row in rows_in(document, "events"):
        yield from unknown(texts_of(row, "routes"), "route", _routes(document))
        path, table = row
        fields = table.get("fields")
        if isinstance(fields, Mapping):
            named = (((*path, "fields", name), name) for name in fields)
            yield from unknown(named, "field", perstags)
        if isinstance(table.get("tracking"), Mapping):
            yield from _untracked(row, document, destinations)
    yield from twice(rows_in(document, "events"), "name")
    yield from _valueless(document)


def _routes(document: Document) -> tuple[str, ...]:
    """Return the names of the file's routes; without any there is one."""
    if "routes" not in document:
        return (ONLY_ROUTE,)
    return tuple(text for row in rows_in(document, "routes") for _, text in texts_of(row, "name"))


def _valueless(document: Document) -> Iterator[Fault]:
    """Give the fields that say no value, and that no event sets."""
    tables = [table.get("fields") for _, table in rows_in(document, "events")]
    set_ = {name for fields in tables if isinstance(fields, Mapping) for name in fields}
    for path, table in rows_in(document, "fields"):
        if not any(key in table for key in FieldSchema.one_of) and table.get("perstag") not in set_:
            keys = ", ".join(FieldSchema.one_of)
            yield Fault(path, f"says no value: expected one of {keys}, or one of [[events]] that sets it")


def _untracked(row: Row, document: Document, destinations: Sequence[DestinationConfig]) -> Iterator[Fault]:
    """Give the destinations that a tracked event goes to, and that say nothing of their event host."""
    path, _ = row
    led = _led(row, document, destinations)
    for each in destinations:
        if each.name in led and each.event_actid_env is None and each.event_key_env is None:
            yield Fault(
                (*path, "tracking"),
                f"its events go to the destination {shown(each.name)}, which has no event_actid_env"
                " and event_key_env: expected both there, or of an only one AC_EVENT_ACTID and AC_EVENT_KEY set",
            )


def _led(row: Row, document: Document, destinations: Sequence[DestinationConfig]) -> set[str]:
    """Return the names of the destinations that the routes of a rule lead to."""
    if "routes" not in document:
        return {each.name for each in destinations}
    wanted = {text for _, text in texts_of(row, "routes")}
    routes = list(rows_in(document, "routes"))
    return {
        name
        for route in routes
        for _, name in texts_of(route, "destination")
        if not wanted or wanted.intersection(text for _, text in texts_of(route, "name"))
    }
