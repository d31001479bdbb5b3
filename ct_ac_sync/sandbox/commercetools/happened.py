"""
The shop's own log of what happened, by which a reader of it can be judged.

It is written at the moment of each write, from what was and what is; it shares nothing with
the messages.  ``GET /_sandbox/happened`` lists its entries in the order of the writes:

``what``, ``at`` (the instant of the write), ``resource``, ``id`` and ``version``, ``historical`` (made
by ``fill``, or brought in by an import), and where they exist ``order``, ``cart``, ``list``,
``customer``, ``email``, ``origin``, ``store``, ``amount``, ``parcel``, ``transaction`` and ``item``; of a
cart its ``units``, how many pieces are in it.

An address is that of the customer at the write, else that of the guest.  A change of it is
``email_changed``, with ``was``.  How carts end, but by an order, is said too: ``cart_merged``,
``cart_frozen`` (``cart_thawed`` takes that back) and ``cart_deleted``; so is ``cart_signed_in``, when
one has a customer now, ``cart_touched``, when somebody did what has no name of its own, and
``cart_repriced``, when with nobody there it comes to another amount.

Of shopping lists, whoever's they are, it says ``list_created``, ``list_item_added`` (with the ``product``;
historical too where the line is said to be there for a day or longer), ``list_item_changed`` when it
is another quantity, ``list_item_removed``, ``list_signed_in`` when one has a customer now, and
``list_deleted``.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ct_ac_sync.sandbox.commercetools.message_types import is_import, parcels_of, return_items_of
from ct_ac_sync.sandbox.commercetools.money import to_pay

if TYPE_CHECKING:
    from ct_ac_sync.sandbox.commercetools.project import Project

Row = Mapping[str, Any]
Event = tuple[str, dict[str, Any]]

_ORDER_STATES = {
    "Confirmed": "order_confirmed",
    "Complete": "order_completed",
    "Cancelled": "order_cancelled",
}
_MOVES = {"Refund": "refunded", "Chargeback": "chargeback"}
_COMING, _CAME = "Advised", ("Returned", "BackInStock", "Unusable")
_MILESTONES = {
    "checkout_address": ("shippingAddress",), "checkout_shipping": ("shippingInfo",),
    "checkout_payment": ("paymentInfo", "payments"),
}  # fmt: skip
#: What a buyer may say once more, or otherwise, after it was said.
_SAID_AGAIN = ("customerEmail", "shippingAddress", "billingAddress", "paymentInfo")
_GONE = {
    "customer": "customer_deleted", "order": "order_deleted", "cart": "cart_deleted",
    "shopping-list": "list_deleted",
}  # fmt: skip
#: Who says that a line is there so much longer than its list has it, brought it from elsewhere.
_BROUGHT = timedelta(days=1)


class Happened:
    """What happened in one project."""

    def __init__(self, project: "Project") -> None:
        self.entries: list[dict[str, Any]] = []
        self._is_past = False
        self._project = project

    @contextmanager
    def past(self) -> Iterator[None]:
        """Take what is written meanwhile for a past that is being made up."""
        self._is_past = True
        yield
        self._is_past = False

    def note(self, kind: str, before: Row | None, after: Row | None) -> None:
        """Write down what a write means."""
        written = after or before
        if written is None:
            return
        at = written["createdAt" if before is None else "lastModifiedAt"]
        common = self._who(kind, written) | {
            "at": self._project.stamped() if after is None else at, "resource": kind, "id": written["id"],
            "version": written["version"],
            "historical": self._is_past or (before is None and is_import(written)),
        }  # fmt: skip
        for what, facts in self._events(kind, before, after):
            self.entries.append({"what": what} | common | facts)

    def _events(self, kind: str, before: Row | None, after: Row | None) -> Iterator[Event]:
        if after is None:
            yield from [(_GONE[kind], {})] if kind in _GONE else []
            return
        match kind:
            case "customer":
                yield from _of_customer(before, after)
            case "cart":
                yield from _of_cart(before or {}, after)
            case "shopping-list":
                yield from _of_list(before, after)
            case "order":
                yield from self._of_order(before or {}, after)
            case "payment":
                yield from _of_payment(before or {}, after)
            case _:
                return

    def _of_order(self, before: Row, after: Row) -> Iterator[Event]:
        due = {"amount": _amount(to_pay(after))}
        if not before:
            yield "order_placed", due
        if _became(before, after, "paymentState", "Paid"):
            yield "paid", due
        if _became(before, after, "paymentState", "Failed"):
            yield "payment_failed", due | self._failure(after)
        for state, what in _ORDER_STATES.items():
            if _became(before, after, "orderState", state):
                yield what, due if state == "Cancelled" else {}
        yield from _sent(before, after)
        yield from _returned(before, after)

    def _failure(self, order: Row) -> dict[str, Any]:
        """Return the transaction that failed, as far as a payment of the order has one."""
        by_id = self._project.shelves["payment"].by_id
        references = (order.get("paymentInfo") or {}).get("payments", ())
        failed = [
            {"transaction": each["id"], "payment": payment["id"], "amount": _amount(each["amount"])}
            for payment in (by_id.get(each["id"], {}) for each in references)
            for each in payment.get("transactions", ())
            if (each["type"], each["state"]) == ("Charge", "Failure")
        ]
        return failed[-1] if failed else {}

    def _who(self, kind: str, row: Row) -> dict[str, Any]:
        """Return the ids and the address of those whom a resource concerns."""
        order = row if kind == "order" else self._order_of(row) if kind == "payment" else {}
        cart = row["id"] if kind == "cart" else (order.get("cart") or {}).get("id")
        is_list = kind == "shopping-list"
        named = (row.get("customer") or {}).get("id") if is_list else row.get("customerId")
        owner = row["id"] if kind == "customer" else (named or order.get("customerId"))
        customer = self._project.shelves["customer"].by_id.get(owner or "", {})
        guest = order.get("customerEmail") or row.get("customerEmail") or row.get("email")
        found = {
            "order": order.get("id"), "cart": cart, "list": row["id"] if is_list else None, "customer": owner,
            "email": customer.get("email") or guest, "origin": row.get("origin") or order.get("origin"),
            "store": ((row.get("store") or order.get("store")) or {}).get("key"),
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    def _order_of(self, payment: Row) -> Row:
        orders = reversed(self._project.shelves["order"].by_id.values())
        return next((each for each in orders if payment["id"] in _payments(each)), {})


def _payments(resource: Row) -> list[str]:
    return [each["id"] for each in (resource.get("paymentInfo") or {}).get("payments", ())]


def _became(before: Row, after: Row, field: str, value: str) -> bool:
    return after.get(field) == value != before.get(field)


def _amount(money: Row) -> dict[str, Any]:
    return {name: money[name] for name in ("currencyCode", "centAmount", "fractionDigits") if name in money}


def _content(cart: Row) -> list[Any]:
    """Return what is in a cart: goods with their quantities, whatever they cost."""
    lines: Iterable[Row] = (*(cart.get("lineItems") or ()), *(cart.get("customLineItems") or ()))
    return sorted(
        (str((each.get("variant") or {}).get("sku") or each.get("slug")), each["quantity"]) for each in lines
    )


def _of_customer(before: Row | None, after: Row) -> Iterator[Event]:
    if before is None:
        yield "signed_up", {}
    elif before.get("email") != after.get("email"):
        yield "email_changed", {"was": before.get("email")}


def _of_cart(before: Row, after: Row) -> Iterator[Event]:
    content = _content(after)
    total = {"amount": _amount(to_pay(after)), "units": sum(quantity for _, quantity in content)}
    found = [*_done_to(before, after, content), *(_became_of(before, after) if before else ())]
    if before and not found and to_pay(before) != to_pay(after):
        found = ["cart_repriced"]
    yield from ((what, total) for what in found)


def _done_to(before: Row, after: Row, content: list[Any]) -> Iterator[str]:
    """Give what a buyer did to a cart, as far as it has a name."""
    if not before:
        yield "cart_created"
    elif _content(before) != content:
        yield "cart_changed"
    yield from (what for what, path in _MILESTONES.items() if _at(after, path) and not _at(before, path))


def _became_of(before: Row, after: Row) -> Iterator[str]:
    """Give what became of a cart besides its goods and its checkout."""
    if after.get("customerId") and not before.get("customerId"):
        yield "cart_signed_in"
    elif any(before.get(name) and before[name] != after.get(name) for name in _SAID_AGAIN):
        yield "cart_touched"
    match (before.get("cartState"), after.get("cartState")):
        case (was, "Merged") if was != "Merged":
            yield "cart_merged"
        case (was, "Frozen") if was != "Frozen":
            yield "cart_frozen"
        case ("Frozen", "Active"):
            yield "cart_thawed"
        case _:
            return


def _of_list(before: Row | None, after: Row) -> Iterator[Event]:
    was, now = ({each["id"]: each for each in (row or {}).get("lineItems") or ()} for row in (before, after))
    if before is None:
        yield "list_created", {}
    elif after.get("customer") and not before.get("customer"):
        yield "list_signed_in", {}
    for id_, line in now.items():
        told = {"item": id_, "product": line["productId"]}
        if id_ not in was:
            yield "list_item_added", told | ({"historical": True} if _is_brought(line, after) else {})
        elif was[id_]["quantity"] != line["quantity"]:
            yield "list_item_changed", told
    yield from (("list_item_removed", {"item": id_}) for id_ in was if id_ not in now)


def _is_brought(line: Row, row: Row) -> bool:
    """Whether a line says that it is there for longer than can be, with who put it there now."""
    added, at = (datetime.fromisoformat(each) for each in (line["addedAt"], row["lastModifiedAt"]))
    return at - added >= _BROUGHT


def _at(row: Row, path: Iterable[str]) -> Any:
    found: Any = row
    for name in path:
        found = (found or {}).get(name)
    return found


def _sent(before: Row, after: Row) -> Iterator[Event]:
    was, now = parcels_of(before), parcels_of(after)
    yield from (("shipped", {"parcel": id_}) for id_ in now if id_ not in was)
    if _became(before, after, "shipmentState", "Shipped") and not now:
        yield "shipped", {}
    if _became(before, after, "shipmentState", "Delivered"):
        yield from (("delivered", {"parcel": id_}) for id_ in now)
        if not now:
            yield "delivered", {}
    elif was and after.get("shipmentState") == "Delivered":
        yield from (("delivered", {"parcel": id_}) for id_ in now if id_ not in was)


def _returned(before: Row, after: Row) -> Iterator[Event]:
    was = return_items_of(before)
    for id_, item in return_items_of(after).items():
        state, held = item["shipmentState"], was.get(id_, {}).get("shipmentState")
        if state == _COMING != held:
            yield "return_requested", {"item": id_}
        if state in _CAME and held not in _CAME:
            yield "return_received", {"item": id_}


def _of_payment(before: Row, after: Row) -> Iterator[Event]:
    was = {each["id"]: each["state"] for each in before.get("transactions") or ()}
    for each in after.get("transactions") or ():
        is_new = each["state"] == "Success" != was.get(each["id"])
        if each["type"] in _MOVES and is_new:
            yield _MOVES[each["type"]], {"transaction": each["id"], "amount": _amount(each["amount"])}
