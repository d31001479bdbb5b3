"""
Order states become one of the destination's ten statuses.

| order state | payment state | status |
| --- | --- | --- |
| Cancelled | any | CANCELLED |
| any other | Failed | FAILED |
| Complete | any | COMPLETED |
| any other | Paid, CreditOwed | COMPLETED |
| any other | BalanceDue, Pending, none | PENDING_PAYMENT for Open, else WAITING |

The vendor's own shop plugin calls an order completed as soon as it is paid for.
"""

from collections.abc import Mapping

from ct_ac_sync.domain.contact import OrderStatus
from ct_ac_sync.domain.order import Order

SETTLED = frozenset({"Paid", "CreditOwed"})


def to_status(order: Order) -> OrderStatus:
    """Return the status of *order*; states nobody knows count as not paid."""
    if order.order_state == "Cancelled":
        return OrderStatus.CANCELLED
    if order.payment_state == "Failed":
        return OrderStatus.FAILED
    if order.order_state == "Complete" or order.payment_state in SETTLED:
        return OrderStatus.COMPLETED
    return OrderStatus.PENDING_PAYMENT if order.order_state == "Open" else OrderStatus.WAITING


#: The states that the vendor documents; more may be added at any time.
KNOWN: Mapping[str, frozenset[str]] = {
    "order_state": frozenset({"Open", "Confirmed", "Complete", "Cancelled"}),
    "payment_state": frozenset({"BalanceDue", "Failed", "Pending", "CreditOwed", "Paid"}),
    "shipment_state": frozenset(
        {"Shipped", "Delivered", "Ready", "Pending", "Delayed", "Partial", "Backorder", "Canceled"}
    ),
}


def unknown_states(order: Order) -> tuple[str, ...]:
    """Return the states of *order* that this mapping does not know, to be counted."""
    return tuple(
        f"{name}={value}"
        for name, known in KNOWN.items()
        if (value := getattr(order, name)) is not None and value not in known
    )
