"""All resources of a kind, whatever refers to them: what a configuration is held against."""

from collections.abc import Callable
from typing import Any

from ct_ac_sync.clients.commercetools.references import PARAMETERS, PATHS, kept
from ct_ac_sync.errors import ContractError
from ct_ac_sync.ports import Json

#: Types and product types may be large, and a page of them no answer at all.
PAGE = 100

#: Reads a path with parameters, as an operation, and returns the body.
Get = Callable[[str, Json, str], Any]


def list_resources(get: Get, kind: str, *, most: int | None = None) -> tuple[Json, ...]:
    """Return all resources of a kind in the order of their ids, or the first *most* of them."""
    path = PATHS[kind]
    operation = f"query_{path}".replace("-", "_")
    limit = PAGE if most is None else min(most, PAGE)
    params: dict[str, Any] = {"sort": "id asc", "limit": str(limit), "withTotal": "false"}
    params |= PARAMETERS.get(kind, {})
    found: list[Json] = []
    while True:
        rows = _rows(get(f"/{path}", params, operation), operation)
        found += (kept(kind, row) for row in rows)
        if len(rows) < limit or (most is not None and len(found) >= most):
            return tuple(found[:most])
        params |= {"where": "id > :after", "var.after": rows[-1]["id"]}


def _rows(body: Any, operation: str) -> list[Any]:
    rows = body.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
        raise ContractError(f"Commercetools {operation}: no results in the answer", cause="no results")
    return rows
