"""Payments of orders: opened with an authorization, then charged, then perhaps partly refunded."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ct_ac_sync.sandbox.commercetools.catalogue import ref
from ct_ac_sync.sandbox.commercetools.money import Json, money, to_pay

METHODS = (("Adyen", "scheme", "Card"), ("GiftCards", "giftcard", "Gift card"))


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
    return any((each["type"], each["state"]) == ("Charge", "Success") for each in payment["transactions"])


def charged(payment: Mapping[str, Any], *, at: str) -> Json:
    """Return what changes of a payment that is charged in full."""
    return moved(payment, "Charge", at=at) | {
        "paymentStatus": {"interfaceCode": "ok", "state": ref("state", "captured")}
    }


def refunded(payment: Mapping[str, Any], *, cents: int | None, at: str, state: str = "Success") -> Json:
    """Return what changes of a payment of which a part is given back: a third, unless told how much."""
    third = payment["amountPlanned"]["centAmount"] // 3
    return moved(payment, "Refund", cents=third if cents is None else cents, state=state, at=at)


def moved(
    payment: Mapping[str, Any], type_: str, *, at: str, cents: int | None = None, state: str = "Success"
) -> Json:
    """Return what changes of a payment with one more transaction: of all of it, unless told how much."""
    planned, number = payment["amountPlanned"], len(payment["transactions"]) + 1
    amount = planned if cents is None else money(planned["currencyCode"], cents)
    return {"transactions": [*payment["transactions"], _transaction(type_, amount, number, at, state)]}


def unsettled(payment: Mapping[str, Any]) -> list[Json]:
    """Return the refunds of a payment that are under way."""
    return [
        each
        for each in payment["transactions"]
        if each["type"] == "Refund" and each["state"] in ("Initial", "Pending")
    ]


def settled(payment: Mapping[str, Any], transaction: str, state: str) -> Json:
    """Return what changes of a payment of which one transaction has come to its end."""
    rows = payment["transactions"]
    return {"transactions": [each | {"state": state} if each["id"] == transaction else each for each in rows]}


# -- what comes back ------------------------------------------------------------------


def advised(order: Mapping[str, Any], *, at: str) -> Json:
    """Return what changes of an order of which the first line shall come back."""
    return _coming_back(order, "Advised", "Initial", at)


def received(order: Mapping[str, Any], item: str | None, *, at: str) -> Json:
    """Return what changes of an order of which what was announced has come: one item, or all."""
    return _items(
        order, lambda row: row["shipmentState"] == "Advised" and item in (None, row["id"]), at,
        shipmentState="Returned",
    )  # fmt: skip


def returned(order: Mapping[str, Any], *, at: str, is_refunded: bool = True) -> Json:
    """
    Return what changes of an order of which something came back and was refunded.

    What has come already is refunded; else the first line comes now.
    """
    state = "Refunded" if is_refunded else "Initial"
    changes = _items(order, _is_waiting, at, paymentState=state)
    return changes if _has_come(order) else _coming_back(order, "Returned", state, at)


def _is_waiting(item: Mapping[str, Any]) -> bool:
    return (item["shipmentState"], item["paymentState"]) == ("Returned", "Initial")


def _has_come(order: Mapping[str, Any]) -> bool:
    return any(_is_waiting(item) for row in order.get("returnInfo", ()) for item in row["items"])


def _items(order: Mapping[str, Any], is_meant: Callable[[Json], bool], at: str, **changes: str) -> Json:
    return {
        "returnInfo": [
            row
            | {
                "items": [
                    item | changes | {"lastModifiedAt": at} if is_meant(item) else item
                    for item in row["items"]
                ]
            }
            for row in order.get("returnInfo", ())
        ]
    }


def _coming_back(order: Mapping[str, Any], shipment: str, payment: str, at: str) -> Json:
    number = len(order.get("returnInfo", ())) + 1
    lines = order.get("lineItems") or order.get("customLineItems") or []
    items = [
        {
            "id": _id_of(order, number), "type": "LineItemReturnItem", "lineItemId": line["id"], "quantity": 1,
            "shipmentState": shipment, "paymentState": payment, "lastModifiedAt": at, "createdAt": at,
        }
        for line in lines[:1]
    ]  # fmt: skip
    row = {"returnTrackingId": f"R-{number}", "returnDate": at, "items": items}
    return {"returnInfo": [*order.get("returnInfo", ()), row]}


def _id_of(order: Mapping[str, Any], number: int) -> str:
    """Return the id of what comes back: like every id of the vendor's, no other order has it too."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{order['id']}/return-{number}"))


def _transaction(type_: str, amount: Json, number: int, at: str, state: str = "Success") -> Json:
    return {
        "id": f"transaction-{number}", "type": type_, "state": state, "amount": amount, "timestamp": at,
        "interactionId": f"i-{number}",
    }  # fmt: skip
