"""
Payments become part of their orders, as bodies: the newest version of each that is known.

A refund changes a payment and leaves its order as it is (vendor documentation, Payments); so it
is the order's body that has to show it.
"""

from collections.abc import Mapping
from typing import Any

from ct_ac_sync.mapping.events.payload import mapping_in, rows_in

Json = Mapping[str, Any]


def payments_in(body: Json) -> dict[str, int | None]:
    """Return the ids of an order's payments, each with its version where the order shows it."""
    return {
        each["id"]: _version(mapping_in(each, "obj"))
        for each in rows_in(mapping_in(body, "paymentInfo"), "payments")
        if isinstance(each.get("id"), str)
    }


def with_payments(body: Json, payments: Mapping[str, Json]) -> Json | None:
    """
    Return an order's body that shows *payments*, where it does not show them at least as new.

    Args:
        body: Of an order; it is left as it is.
        payments: Bodies of payments by their ids; those that are not the order's are passed over.

    Returns:
        None where nothing changes.
    """
    info = mapping_in(body, "paymentInfo")
    listed = info.get("payments")
    if not isinstance(listed, list):
        return None
    shown = [_with_payment(each, payments) for each in listed]
    if all(new is old for new, old in zip(shown, listed, strict=True)):
        return None
    return {**body, "paymentInfo": {**info, "payments": shown}}


def _with_payment(reference: Any, payments: Mapping[str, Json]) -> Any:
    """Return *reference* with its newer payment in it; itself where there is none."""
    id_ = reference.get("id") if isinstance(reference, Mapping) else None
    payment = payments.get(id_) if isinstance(id_, str) else None
    if payment is None:
        return reference
    shown = mapping_in(reference, "obj")
    if shown and (_version(shown) or 0) >= (_version(payment) or 0):
        return reference
    return {**reference, "obj": payment}


def _version(payment: Json) -> int | None:
    version = payment.get("version")
    return version if isinstance(version, int) and not isinstance(version, bool) else None
