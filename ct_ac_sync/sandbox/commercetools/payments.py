"""Payments of orders: opened with an authorization, then charged, then perhaps partly refunded."""

from collections.abc import Iterator, Mapping
from typing import Any

from ct_ac_sync.sandbox.commercetools.catalogue import ref
from ct_ac_sync.sandbox.commercetools.money import Json, money

METHODS = (("Adyen", "scheme", "Card"), ("GiftCards", "giftcard", "Gift card"))


def to_pay(order: Mapping[str, Any]) -> Json:
    """Return what the buyer pays for an order."""
    found: Json = (order.get("taxedPrice") or {}).get("totalGross") or order["totalPrice"]
    return found


def opened(order: Mapping[str, Any], *, parts: int, at: str) -> Iterator[Json]:
    """Give the payments that together pay for an order, each authorized."""
    due = to_pay(order)
    first = due["centAmount"] if parts == 1 else due["centAmount"] * 2 // 3
    who: Json = (
        {"customer": {"typeId": "customer", "id": order["customerId"]}}
        if "customerId" in order
        else {"anonymousId": order["anonymousId"]}
    )
    for number, cents in enumerate((first, due["centAmount"] - first)[:parts]):
        interface, method, name = METHODS[number]
        key = f"{order['orderNumber']}-{number + 1}"
        amount = money(due["currencyCode"], cents)
        yield who | {
            "key": key, "interfaceId": f"psp-{key}", "amountPlanned": amount, "paymentStatus": {},
            "paymentMethodInfo": {"paymentInterface": interface, "method": method, "name": {"en-GB": name}},
            "transactions": [_transaction("Authorization", amount, 1, at)], "interfaceInteractions": [],
        }  # fmt: skip


def is_charged(payment: Mapping[str, Any]) -> bool:
    """Whether a payment was charged."""
    return any(each["type"] == "Charge" for each in payment["transactions"])


def charged(payment: Mapping[str, Any], *, at: str) -> Json:
    """Return what changes of a payment that is charged in full."""
    return _more(payment, "Charge", payment["amountPlanned"], at) | {
        "paymentStatus": {"interfaceCode": "ok", "state": ref("state", "captured")}
    }


def refunded(payment: Mapping[str, Any], *, cents: int | None, at: str) -> Json:
    """Return what changes of a payment of which a part is given back: a third, unless told how much."""
    planned = payment["amountPlanned"]
    amount = money(planned["currencyCode"], planned["centAmount"] // 3 if cents is None else cents)
    return _more(payment, "Refund", amount, at)


def returned(order: Mapping[str, Any], *, at: str) -> Json:
    """Return what changes of an order of which the first line came back and was refunded."""
    number = len(order.get("returnInfo", ())) + 1
    lines = order.get("lineItems") or order.get("customLineItems") or []
    items = [
        {
            "id": f"return-{number}", "type": "LineItemReturnItem", "lineItemId": line["id"], "quantity": 1,
            "shipmentState": "Returned", "paymentState": "Refunded", "lastModifiedAt": at, "createdAt": at,
        }
        for line in lines[:1]
    ]  # fmt: skip
    row = {"returnTrackingId": f"R-{number}", "returnDate": at, "items": items}
    return {"returnInfo": [*order.get("returnInfo", ()), row]}


def _more(payment: Mapping[str, Any], type_: str, amount: Json, at: str) -> Json:
    number = len(payment["transactions"]) + 1
    return {"transactions": [*payment["transactions"], _transaction(type_, amount, number, at)]}


def _transaction(type_: str, amount: Json, number: int, at: str) -> Json:
    return {
        "id": f"transaction-{number}", "type": type_, "state": "Success", "amount": amount, "timestamp": at,
        "interactionId": f"i-{number}",
    }  # fmt: skip
