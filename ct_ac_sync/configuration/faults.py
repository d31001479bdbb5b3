"""What is wrong with a file: where, what came, and what would be right."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from ct_ac_sync.configuration.places import KeyPath, line_of

#: Of what came, no more is shown: a text of five kilobytes would hide all other faults.
MOST_SHOWN = 60
#: And of a message that quotes it.
MOST_SAID = 480
#: Tables that the file may hold several of, one after the other.
ARRAYS: frozenset[KeyPath] = frozenset(
    {("routes",), ("fields",), ("tags", "rules"), ("orders", "statuses"), ("events",)}
)
#: Tables whose next name is the user's own.
NAMED = frozenset({"sources", "destinations", "lists"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong or odd at a key."""

    path: KeyPath
    text: str

    def told(self, places: Mapping[KeyPath, int]) -> str:
        """Return it as a line for people: the line, the table, the key, what is wrong."""
        return f"line {line_of(self.path, places)}: {named(self.path)}: {cut(self.text, MOST_SAID)}"


def named(path: KeyPath) -> str:
    """Return the name of a place in the file, such as ``[[routes]] 2, when.store``."""
    for at, step in enumerate(path):
        if isinstance(step, int) and path[:at] in ARRAYS:
            table = f"[[{_dotted(path[:at])}]] {step + 1}"
            return _joined(table, path[at + 1 :])
    if len(path) == 1:
        return _dotted(path)
    depth = 2 if path[:1] and path[0] in NAMED else 1
    return _joined(f"[{_dotted(path[:depth])}]", path[depth:]) if path else "the file"


def _joined(table: str, rest: KeyPath) -> str:
    return f"{table}, {_dotted(rest)}" if rest else table


def _dotted(path: KeyPath) -> str:
    text = "".join(f" {step + 1}" if isinstance(step, int) else f".{step}" for step in path)
    return cut(text.removeprefix("."), MOST_SHOWN)


def shown(value: object) -> str:
    """Return what came, as its writer would call it."""
    match value:
        case str():
            return repr(cut(value, MOST_SHOWN)) if value else "an empty text"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {cut(_figures(value), MOST_SHOWN)}"
        case Mapping():
            return "a table"
        case list():
            return "a list" if value else "an empty list"
        case date() | datetime() | time():
            return "a date or time"
        case _:
            return f"a {type(value).__name__}"


def _figures(value: float) -> str:
    return f"{value:,}".replace(",", "") if abs(value) < 10**20 else "beyond all use"


def cut(text: str, most: int) -> str:
    """Return *text* on one line, and what is too long cut short."""
    line = " ".join(text.splitlines())
    return line if len(line) <= most else line[:most] + "…"
