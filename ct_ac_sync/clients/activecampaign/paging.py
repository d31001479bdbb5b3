"""
Lists are read to their end.

The vendor gives twenty rows unless told otherwise and never more than a hundred
(vendor documentation, Pagination); whoever reads one page makes again what stands on
the second.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marshmallow import Schema

from ct_ac_sync.ports import Json

#: Reads a path with parameters, as an operation, and returns the body that passed the schema.
Load = Callable[[Schema, str, Mapping[str, str], str], Any]
#: Posts a body to a path, as an operation, and returns the answer.
Write = Callable[[str, Json, str], Any]

PAGE = 100


def pages(
    load: Load,
    schema: Schema,
    path: str,
    *,
    operation: str,
    rows: str,
    params: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """
    Give the bodies of all pages, each as *schema* loads it.

    An account that shows fewer rows than were asked for is asked on from where it stopped,
    as long as it says that there are more; one that gives the same rows again has no pages.

    Args:
        rows: The key of the rows in a loaded body.
    """
    seen: set[str] = set()
    while True:
        asked = {"limit": str(PAGE), "offset": str(len(seen)), **(params or {})}
        body = load(schema, path, asked, operation)
        new = {row["id"] for row in body[rows]} - seen
        if new or not seen:
            yield body
        seen |= new
        total = body["total"]
        is_last = len(body[rows]) < PAGE if total is None else len(seen) >= total
        if is_last or not new:
            return
