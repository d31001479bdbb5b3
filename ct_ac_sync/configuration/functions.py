"""
Functions that a file names must be there before the first record comes.

One that nobody can call gives no value, and its field would be cleared for everybody.
"""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from ct_ac_sync.configuration.expression import did_you_mean
from ct_ac_sync.configuration.faults import Fault
from ct_ac_sync.configuration.places import KeyPath

KEY = "function"
#: Tables whose keys are of the user's own choice.
FREE = frozenset({"custom", "details", "map", "replace"})

_NAME = re.compile(r"(?P<module>\w+(?:\.\w+)*):(?P<function>\w+)")


def uncallable(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Give each function of *document* that cannot be called, which imports all of their modules."""
    for path, name in _named(document, ()):
        match = _NAME.fullmatch(name)
        why = _why_not(match["module"], match["function"]) if match else ""
        if why:
            yield Fault(path, f"{name} cannot be called: {why}")


def _named(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    items: Iterator[tuple[Any, object]] = iter(())
    if isinstance(value, Mapping) and path[-1:] not in {(each,) for each in FREE}:
        items = iter(value.items())
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        if key == KEY and isinstance(each, str):
            yield (*path, key), each
        else:
            yield from _named(each, (*path, key))


def _why_not(module: str, name: str) -> str:
    """Return why a function cannot be called; what its module raises may hold anything, so only its kind."""
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        return f"there is no module {error.name}; install it, or name its folder in PYTHONPATH"
    except Exception as error:  # noqa: BLE001 - somebody else's code is no fault of the rest of the file
        return f"importing {module} raised {type(error).__name__}"
    if not hasattr(found, name):
        functions = [each for each in vars(found) if callable(getattr(found, each))]
        return f"{module} has no {name}{did_you_mean(name, functions)}"
    return "" if callable(getattr(found, name)) else "it is no function"
