"""
What a message carries, read without a schema: whatever is not as documented is not there.

A message is news of what is read elsewhere as well; one that is mangled must not stop a page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ct_ac_sync.domain.event import EventItem
from ct_ac_sync.domain.money import DIGITS, Money
from ct_ac_sync.domain.order import Parcel, ReturnedItem
from ct_ac_sync.domain.payment import Transaction

Json = Mapping[str, Any]

#: The greatest whole number of the vendor (64 bits, vendor documentation).
GREATEST = 2**63 - 1


def text_in(body: Json, name: str) -> str:
    """Return the text of that name, or an empty one."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def mapping_in(body: Json, name: str) -> Json:
    """Return the object of that name, or an empty one."""
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def rows_in(body: Json, name: str) -> Sequence[Json]:
    """Return the objects of the list of that name."""
    value = body.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def parcels_in(delivery: Json) -> tuple[Parcel, ...]:
    """Return the parcels of a delivery that have an id."""
    return tuple(parcel_of(each, delivery) for each in rows_in(delivery, "parcels") if text_in(each, "id"))


def parcel_of(parcel: Json, delivery: Json) -> Parcel:
    """Return a parcel; what is in it, if it does not say, is what is in its delivery."""
    tracking = mapping_in(parcel, "trackingData")
    return Parcel(
        id=text_in(parcel, "id"),
        delivery=text_in(delivery, "id"),
        tracking=text_in(tracking, "trackingId"),
        carrier=text_in(tracking, "carrier"),
        items=_items_in(parcel) or _items_in(delivery),
        is_return=tracking.get("isReturn") is True,
    )


def returned_item_of(item: Json) -> ReturnedItem:
    """Return an item of a return."""
    return ReturnedItem(
        line=text_in(item, "lineItemId") or text_in(item, "customLineItemId"),
        quantity=_whole_in(item, "quantity") or 0,
        shipment_state=text_in(item, "shipmentState") or None,
        payment_state=text_in(item, "paymentState") or None,
        id=text_in(item, "id"),
    )


def transaction_of(transaction: Json) -> Transaction | None:
    """Return a transaction of a payment; None of one that lacks its id, its type or its amount."""
    id_, type_ = text_in(transaction, "id"), text_in(transaction, "type")
    amount = _money(mapping_in(transaction, "amount"))
    if not id_ or not type_ or amount is None:
        return None
    return Transaction(id=id_, type=type_, state=text_in(transaction, "state") or "Initial", amount=amount)


def _money(value: Json) -> Money | None:
    """Return money, whose ``centAmount`` is in its currency's default digits whatever its precision."""
    cents, currency = _whole_in(value, "centAmount"), text_in(value, "currencyCode")
    if cents is None or not currency:
        return None
    return Money(cents=cents, currency=currency, digits=DIGITS.get(currency, 2))


def _items_in(body: Json) -> tuple[EventItem, ...]:
    return tuple(
        EventItem(text_in(each, "id"), _whole_in(each, "quantity") or 0) for each in rows_in(body, "items")
    )


def _whole_in(body: Json, name: str) -> int | None:
    value = body.get(name)
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= GREATEST
    return value if is_whole else None
