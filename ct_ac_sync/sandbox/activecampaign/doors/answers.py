"""What all REST doors share: refusals in the vendor's shapes, filters, order and pages."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.service import Reply, Request

Row = dict[str, Any]
#: (method, path, operation, endpoint) of each door.
Routes = Sequence[tuple[str, str, str, Callable[[Request], Reply]]]

API = "/api/3"
PAGE = 20
PAGE_LIMIT = 100
FILTER = re.compile(r"filters\[(\w+)\](?:\[(\w+)\])?\Z")
ORDER = re.compile(r"orders\[(\w+)\]\Z")


def error(status: int, title: str, *, code: str = "", pointer: str = "", detail: str = "") -> Reply:
    """Return a refusal in the vendor's ``errors`` envelope."""
    row: Row = {"title": title, "detail": detail}
    row |= {"code": code} if code else {}
    row |= {"source": {"pointer": pointer}} if pointer else {}
    return Reply(status, {"errors": [row]})


def missing(kind: str, id_: str, *, status: int = 404) -> Reply:
    """Return the vendor's answer to an id that nobody has."""
    return Reply(status, {"message": f"No Result found for {kind} with id {id_}"})


def unknown(account: Account, kind: str, id_: str) -> Reply:
    """Return the answer to an unknown id where the documentation shows only an empty 400."""
    return missing(kind, id_) if account.switch("unknown_id_status") == 404 else Reply(400, {})


def part(request: Request, name: str) -> Row:
    """Return the named part of a body; empty where the body is something else."""
    body = request.json()
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def filtered(request: Request, rows: Iterable[Row], *, contains: bool) -> list[Row]:
    """
    Return the rows that pass the filters they have a column for.

    A filter that is misspelt or empty is passed over, and so is an operator other than ``eq``.
    """
    found = list(rows)
    for name, values in request.query.items():
        match = FILTER.match(name)
        if not match or not values[0] or match[2] not in (None, "eq"):
            continue
        found = [row for row in found if _passes(row, match[1], values[0], contains=contains)]
    return found


def _passes(row: Row, name: str, wanted: str, *, contains: bool) -> bool:
    column = _column(row, name)
    if column is None:
        return True
    value = str(row[column])
    is_id = column.endswith("id") and not column.startswith("external")
    return wanted.lower() in value.lower() if contains and not is_id else value == wanted


#: Operator of ``filters[name][operator]`` → whether a text passes it (vendor documentation, Tags and Lists).
OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": operator.eq, "neq": operator.ne, "lt": operator.lt, "lte": operator.le, "gt": operator.gt,
    "gte": operator.ge, "contains": operator.contains, "starts_with": str.startswith,
}  # fmt: skip


def compared(request: Request, rows: Iterable[Row], name: str, column: str) -> list[Row]:
    """Return the rows whose text passes each ``filters[name][operator]``; an unknown operator is passed over."""
    found = list(rows)
    for key, values in request.query.items():
        match = FILTER.match(key)
        if match and match[1] == name and match[2] in OPERATORS and values[0]:
            passes = OPERATORS[match[2]]
            found = [row for row in found if passes(row[column].lower(), values[0].lower())]
    return found


def ranked(request: Request, rows: list[Row], name: str, column: str) -> list[Row]:
    """Return the rows in the order of ``orders[name]``: by text, or by how well it fits what was filtered."""
    order = (request.first(f"orders[{name}]") or "").lower()
    if order == "weight":
        sought = next((v[0].lower() for k, v in request.query.items() if FILTER.match(k) or k == name), "")
        return sorted(rows, key=lambda row: _weight(row[column].lower(), sought))
    if order in ("asc", "desc"):
        return sorted(rows, key=lambda row: row[column].lower(), reverse=order == "desc")
    return rows


def _weight(text: str, sought: str) -> int:
    return 0 if text == sought else 1 if text.startswith(sought) else 2


def _column(row: Mapping[str, Any], name: str) -> str | None:
    """Return the key of a column that a query may spell with underscores."""
    camel = re.sub(r"_(\w)", lambda m: m[1].upper(), name)
    return next((each for each in (name, camel) if each in row), None)


def page(request: Request, rows: list[Row]) -> tuple[list[Row], Row]:
    """Return the page that was asked for, at most a hundred rows, and the total of all."""
    for name, values in request.query.items():
        match = ORDER.match(name)
        column = _column(rows[0], match[1]) if match and rows else None
        if column and values[0].upper() in ("ASC", "DESC"):
            rows = sorted(rows, key=lambda row: _rank(row[column]), reverse=values[0].upper() == "DESC")
    limit = min(whole(request.first("limit"), PAGE), PAGE_LIMIT)
    offset = whole(request.first("offset"), 0)
    return rows[offset : offset + limit], {"total": str(len(rows))}


def _rank(value: Any) -> tuple[int, str]:
    text = str(value)
    return (int(text), "") if text.isdigit() else (0, text)


def whole(text: str | None, default: int) -> int:
    """Return a whole number of a query; what is none counts as not given."""
    return int(text) if text and text.isdigit() else default
