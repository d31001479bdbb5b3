"""How records are asked for, and what the answers hold: parameters in, pages out."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, NamedTuple
from urllib.parse import quote

from ct_ac_sync.clients.headers import http_date
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import ContractError
from ct_ac_sync.ports import Page, Readable, Stream, Sweep, Unreadable
from ct_ac_sync.schemas.commercetools.parse import parse_record

#: Smaller and smaller pages for queries that time out (vendor: QueryTimedOut, 413).
STEPS = (500, 200, 50, 10)

#: References whose resources come along with a record: no call of their own, and never older.
EXPANDED: Mapping[Stream, tuple[str, ...]] = {
    Stream.ORDERS: ("paymentInfo.payments[*]", "discountCodes[*].discountCode", "state"),
}

#: Where a stream's records are found, where that is not what the stream is called.
_PATHS: Mapping[Stream, str] = {Stream.SHOPPING_LISTS: "shopping-lists"}

#: Every query goes by id, which alone is unique, and wants no total, which is slow and not reliable.
_BY_ID = {"sort": "id asc", "withTotal": "false"}


class Answered(NamedTuple):
    """An answer to a query: its rows as they came, and whether there are no more."""

    rows: list[Any]
    response: Response
    is_last: bool


def path_of(stream: Stream, container: str = "") -> str:
    """Return where the records of *stream* are asked for below the project: custom objects in their *container*."""
    if stream is not Stream.CUSTOM_OBJECTS:
        return f"/{_PATHS.get(stream, stream)}"
    return f"/custom-objects/{quote(container, safe='')}" if container else "/custom-objects"


def limits(most: int) -> Iterator[int]:
    """Give the sizes that a page of *most* rows is asked for in, until one is answered."""
    yield most
    yield from (step for step in STEPS if step < most)


def expansions(stream: Stream) -> dict[str, Any]:
    """Return what the records of *stream* are asked for along with: what their figures need."""
    return {"expand": list(EXPANDED[stream])} if stream in EXPANDED else {}


def of_sweep(sweep: Sweep) -> dict[str, Any]:
    """Return the parameters of a sweep's next page, but for its size."""
    where, params = [], {}
    if sweep.modified_since is not None:
        where.append("lastModifiedAt >= :since")
        moment = sweep.modified_since.astimezone(UTC)
        params["var.since"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if sweep.after is not None:
        where.append("id > :after")
        params["var.after"] = sweep.after
    if where:
        params["where"] = " and ".join(where)
    return params | _BY_ID


def of_messages(resource_kind: str, resource_id: str, *, above: int, after: str | None) -> dict[str, Any]:
    """
    Return the parameters of the next page of one resource's messages, but for its size.

    Texts and numbers are what a predicate on messages may name (vendor documentation, Query Messages).
    """
    where = f"resource(typeId = :kind and id = :resource) and sequenceNumber > {above}"
    params = {"var.kind": resource_kind, "var.resource": resource_id}
    if after is not None:
        where += " and id > :after"
        params["var.after"] = after
    return {"where": where} | params | _BY_ID


def page_of(stream: Stream, answered: Answered) -> Page:
    """
    Return the page that an answer to a sweep is.

    Raises:
        ContractError: It does not say when it was given.
    """
    parsed = [parse_record(stream, each) for each in answered.rows]
    answered_at = http_date(answered.response.headers.get("Date", ""))
    if answered_at is None:
        raise ContractError(f"Commercetools query_{stream}: no Date header", cause="no Date header")
    last = answered.rows[-1] if answered.rows else {}
    return Page(
        records=tuple(each for each in parsed if isinstance(each, Readable)),
        unreadable=tuple(each for each in parsed if isinstance(each, Unreadable)),
        answered_at=answered_at,
        is_last=answered.is_last,
        last_id=str(last["id"]) if isinstance(last, dict) and "id" in last else None,
    )


def results_of(body: Any, operation: str) -> list[Any]:
    """
    Return the rows of an answer to a query.

    Raises:
        ContractError: It has none, not even an empty list.
    """
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list):
        raise ContractError(f"Commercetools {operation}: no results in the answer", cause="no results")
    return results


def ids_of(rows: list[Any], operation: str) -> tuple[str, ...]:
    """
    Return the ids of *rows*; to pass one over could make it seem gone.

    Raises:
        ContractError: A row has none.
    """
    ids = tuple(row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))
    if len(ids) < len(rows):
        raise ContractError(f"Commercetools {operation}: a result without an id", cause="no id")
    return ids
