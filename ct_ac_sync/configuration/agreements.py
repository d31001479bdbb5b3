"""
What the keys of different tables must agree upon: names that exist, and that are there once.

Looked for in the file as it was read, so that a fault of one key hides none of another;
what has the wrong kind is passed over here, because the schema tells of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ct_ac_sync.configuration.expression import Root, did_you_mean
from ct_ac_sync.configuration.faults import Fault, shown
from ct_ac_sync.configuration.places import KeyPath
from ct_ac_sync.configuration.schema.routes import NOWHERE
from ct_ac_sync.configuration.values import ITS_KEY

Document = Mapping[str, Any]
Row = tuple[KeyPath, Mapping[str, Any]]

#: What the only source and destination are called where the file names none.
ONLY_SOURCE, ONLY_DESTINATION = "shop", "main"
#: A path into what was said of a channel, alone or in a template.
_SAID = re.compile(rf"(?:^|\{{)\s*{Root.CONSENT}\.(?P<channel>[-\w]+)")


def disagreements(document: Document) -> Iterator[Fault]:
    """Give the faults that no table has alone."""
    yield from _unknown_names(document)
    yield from _unheard(document)
    yield from _whose_else(document)
    yield from _repeated(document)
    yield from _never_reached(rows_in(document, "routes"), "when")
    yield from _never_reached(rows_in(document, "orders", "statuses"), None)
    if len(names_in(document, "destinations", ONLY_DESTINATION)) > 1 and "routes" not in document:
        yield Fault(
            ("routes",), "is missing: expected [[routes]] that say which records go to which destination"
        )


def names_in(document: Document, table: str, only: str | None = None) -> tuple[str, ...]:
    """Return the user's names of sources, destinations or lists; *only* where there are none."""
    if table not in document and only is not None:
        return (only,)
    tables = document.get(table)
    return tuple(tables) if isinstance(tables, Mapping) else ()


def rows_in(document: Document, *path: str) -> Iterator[Row]:
    """Give the tables of an array of them, with their places."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, list):
        for number, each in enumerate(found):
            if isinstance(each, Mapping):
                yield (*path, number), each


def texts_of(row: Row, key: str) -> Iterator[tuple[KeyPath, str]]:
    """Give the texts of a key with their places, whether one or a list of them."""
    path, table = row
    value = table.get(key)
    if isinstance(value, str):
        yield (*path, key), value
    elif isinstance(value, list):
        yield from (((*path, key, n), each) for n, each in enumerate(value) if isinstance(each, str))


# -- names ----------------------------------------------------------------------------


def _unknown_names(document: Document) -> Iterator[Fault]:
    sources = names_in(document, "sources", ONLY_SOURCE)
    destinations = names_in(document, "destinations", ONLY_DESTINATION)
    if NOWHERE in destinations:
        yield Fault(
            ("destinations", NOWHERE), f"is no name for a destination: a route to {NOWHERE!r} goes nowhere"
        )
    for row in rows_in(document, "routes"):
        yield from unknown(texts_of(row, "destination"), "destination", (*destinations, NOWHERE))
        yield from unknown(texts_of(row, "lists"), "list", names_in(document, "lists"))
    conditional = (("routes",), ("tags", "rules"), ("events",))
    rows = ((*row, "when") for place in conditional for row in rows_in(document, *place))
    for path, table, key in (*rows, (("orders",), document.get("orders"), "historical_when")):
        if isinstance(table, Mapping) and isinstance(when := table.get(key), Mapping):
            yield from unknown(texts_of(((*path, key), when), "source"), "source", sources)


def unknown(given: Iterable[tuple[KeyPath, str]], noun: str, known: tuple[str, ...]) -> Iterator[Fault]:
    """Give the names that *known* has not, each with what may have been meant."""
    for path, name in given:
        if name and name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            question = did_you_mean(name[:80], known) or f": {has}"
            yield Fault(path, f"no {noun} of this file is called {shown(name)}{question}")


def _unheard(document: Document) -> Iterator[Fault]:
    """Give the paths into what was said of a channel of which nobody asks."""
    channels = names_in(document, "consent")
    profile = document.get("profile")
    rows = [(("fields", *path[1:]), table) for path, table in rows_in(document, "fields")]
    rows += rows_in(document, "tags", "rules")
    rows += [(("profile",), profile)] if isinstance(profile, Mapping) else []
    for path, table in rows:
        for place, text in _texts_below(path, table):
            given = [(place, match["channel"]) for match in _SAID.finditer(text)]
            yield from unknown(given, "channel of [consent]", channels)


def _texts_below(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, str]]:
    """Give the texts in *value*, however deep, with their places; constants are no paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if key not in {"value", "title"}:
                yield from _texts_below((*path, key), each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _texts_below((*path, number), each)


def _whose_else(document: Document) -> Iterator[Fault]:
    """Give the places that take custom objects of one container for somebody else's than others do."""
    first: dict[str, tuple[object, KeyPath]] = {}
    for channel in names_in(document, "consent"):
        for path, table in rows_in(document, "consent", channel, "read"):
            container, person = table.get("container"), table.get("person", ITS_KEY)
            if not isinstance(container, str):
                continue
            said, before = first.setdefault(container, (person, path))
            if said != person:
                where = f"number {int(before[-1]) + 1} of [consent.{before[1]}]"
                yield Fault(
                    (*path, "person"),
                    f"expected the same for all of the container {shown(container)}: {where} says {shown(said)}",
                )


def _repeated(document: Document) -> Iterator[Fault]:
    """
    Give what is there twice: names we tell things apart by, and such as the vendor does.

    Two fields with one title are refused there (vendor documentation, Custom fields).
    """
    yield from twice(rows_in(document, "routes"), "name")
    yield from twice(rows_in(document, "fields"), "perstag")
    yield from twice(rows_in(document, "fields"), "title")
    yield from _lists_of_one_name(document)


def _lists_of_one_name(document: Document) -> Iterator[Fault]:
    """Give the lists that are one there and two here: what is said of one would not be heard of the other."""
    names = {
        key: table.get("name")
        for key, table in _tables(document, "lists")
        if isinstance(table.get("name"), str)
    }
    first: dict[tuple[str, str], str] = {}
    for row in rows_in(document, "routes"):
        places = [name for _, name in texts_of(row, "destination")]
        for place, (path, key) in ((place, each) for place in places for each in texts_of(row, "lists")):
            if key in names and first.setdefault((place, str(names[key])), key) != key:
                other = first[place, str(names[key])]
                yield Fault(
                    path, f"the list {shown(key)} has the name of {shown(other)} at one destination: keep one"
                )


def _tables(document: Document, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tables = document.get(name)
    for key, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            yield key, table


def twice(rows: Iterable[Row], key: str) -> Iterator[Fault]:
    """Give the rows whose *key* says, whatever its case, what that of one before them does."""
    first: dict[str, KeyPath] = {}
    for row in rows:
        for path, text in texts_of(row, key):
            before = first.setdefault(text.casefold(), path)
            if before != path:
                yield Fault(path, f"is the same as of number {int(before[-2]) + 1}: {shown(text)}")


# -- what is never reached ------------------------------------------------------------


def _never_reached(rows: Iterable[Row], key: str | None) -> Iterator[Fault]:
    """Give the rules that ask for no less than one before them, and so never have their turn."""
    before: list[tuple[int, Mapping[str, frozenset[str]]]] = []
    for path, table in rows:
        parts = _parts(table.get(key, {}) if key else {k: v for k, v in table.items() if k != "status"})
        if parts is None:
            continue
        taker = next((n for n, earlier in before if _takes(earlier, parts)), None)
        if taker is not None:
            takes = "everything" if not dict(before)[taker] else "all that it asks for"
            yield Fault(path, f"can never match: number {taker + 1} before it takes {takes}; put it earlier")
        before.append((int(path[-1]), parts))


def _takes(earlier: Mapping[str, frozenset[str]], later: Mapping[str, frozenset[str]]) -> bool:
    return all(part in later and later[part] <= values for part, values in earlier.items())


def _parts(when: object) -> Mapping[str, frozenset[str]] | None:
    """Return the parts of a condition with their values; None where they are of a wrong kind."""
    if not isinstance(when, Mapping):
        return None
    parts: dict[str, frozenset[str]] = {}
    for key, value in when.items():
        if key == "custom":
            inner = _parts(value)
            if inner is None:
                return None
            parts |= {f"custom.{name}": values for name, values in inner.items()}
        else:
            parts[key] = frozenset(_word(each) for each in (value if isinstance(value, list) else [value]))
    return parts


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
