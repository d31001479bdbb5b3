"""
Finds a cart by what we call it.

The list of orders has a filter for that, but does not show it in its rows, by the vendor's
example; a single order does.
"""

from collections.abc import Iterator
from typing import Any

from ct_ac_sync.clients.activecampaign.paging import Load, pages
from ct_ac_sync.errors import GoneError, ServerError
from ct_ac_sync.schemas.activecampaign.inbound import CartAnswerSchema, CartsAnswerSchema

#: Pages that are read, and rows that are looked at singly: a filter that is heeded leaves a few.
MOST_PAGES, MOST_LOOKS = 20, 20

_CARTS, _CART = CartsAnswerSchema(), CartAnswerSchema()


def find_cart(load: Load, cart: str, connection: str) -> str | None:
    """
    Return the id of the cart that we call *cart* under a connection's id, an order by now or not.

    Raises:
        ServerError: The account gives more rows than can be looked at: it heeds no filter.
    """
    untold: list[str] = []
    for row in _rows(load, cart, connection):
        if row["connection"] == connection and row["checkout"] == cart:
            return str(row["id"])
        if row["connection"] == connection and not row["checkout"]:
            untold.append(row["id"])
        if len(untold) > MOST_LOOKS:
            raise _not_heeded()
    return next((id_ for id_ in untold if _is_called(load, id_, cart, connection)), None)


def _rows(load: Load, cart: str, connection: str) -> Iterator[Any]:
    params = {"filters[connectionid]": connection, "filters[externalcheckoutid]": cart}
    bodies = pages(load, _CARTS, "/ecomOrders", operation="list_carts", rows="carts", params=params)
    for number, body in enumerate(bodies):
        if number >= MOST_PAGES:
            raise _not_heeded()
        yield from body["carts"]


def _is_called(load: Load, id_: str, cart: str, connection: str) -> bool:
    """Whether a row, seen alone, is this cart; one that is deleted meanwhile is not."""
    try:
        found = load(_CART, f"/ecomOrders/{id_}", {}, "read_cart")["cart"]
    except GoneError:
        return False
    return (found["checkout"], found["connection"]) == (cart, connection)


def _not_heeded() -> ServerError:
    text = "ActiveCampaign list_carts: more rows than can be looked at"
    return ServerError(text, cause="list_carts: filter not heeded")
