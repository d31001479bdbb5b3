"""
Reference expansion: the resource that a reference means, put beside its ``typeId`` and ``id``.

A path that leads nowhere, a resource that is gone, and one that the caller may not read
leave the reference as it is; a reference by key cannot be expanded (vendor: Reference Expansion).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Find = Callable[[str, str], Mapping[str, Any] | None]

#: A step along a path: a field, all elements of a list, or one of them.
_STEP = re.compile(r"[A-Za-z_][\w-]*|\[\*\]|\[\d+\]")


def expanded(resource: Mapping[str, Any], paths: Sequence[str], find: Find) -> Mapping[str, Any]:
    """
    Return a resource with the references at *paths* expanded; what is kept stays as it is.

    Args:
        find: Returns the resource of a type and an id, or None.
    """
    found: Any = resource
    for path in paths:
        found = _walk(found, _STEP.findall(path), find)
    return found  # type: ignore[no-any-return]


def _walk(value: Any, steps: Sequence[str], find: Find) -> Any:
    if isinstance(value, list):
        return _walk_list(value, steps, find)
    if not isinstance(value, Mapping):
        return value
    if {"typeId", "id"} <= value.keys():
        meant = value.get("obj") or find(value["typeId"], value["id"])
        return value if meant is None else {**value, "obj": _walk(meant, steps, find)}
    if not steps or steps[0] not in value:
        return value
    return {**value, steps[0]: _walk(value[steps[0]], steps[1:], find)}


def _walk_list(values: list[Any], steps: Sequence[str], find: Find) -> list[Any]:
    if not steps or not steps[0].startswith("["):
        return values
    wanted = steps[0][1:-1]
    return [
        _walk(each, steps[1:], find) if wanted in ("*", str(place)) else each
        for place, each in enumerate(values)
    ]
