"""
Order states become one of the destination's ten statuses, by rules of which the first holds.

Without rules of one's own, these hold:

| order state | payment state | returns | refunded | status |
| --- | --- | --- | --- | --- |
| Cancelled | any | any | any | CANCELLED |
| any other | any | any | full | REFUNDED |
| any other | any | one refunded | none | RETURNED |
| any other | Failed | any | any | FAILED |
| Complete | any | any | any | COMPLETED |
| any other | Paid, CreditOwed | any | any | COMPLETED |
| Open | any other | any | any | PENDING_PAYMENT |
| any other | any other | any | any | WAITING |

The vendor's own shop plugin calls an order completed as soon as it is paid for.  A partial
refund leaves the status as it is: the amount tells of it.
"""

from collections.abc import Mapping, Sequence

from ct_ac_sync.configuration.values import StatusRule
from ct_ac_sync.domain.breakdown import Breakdown
from ct_ac_sync.domain.contact import OrderStatus
from ct_ac_sync.domain.order import Order

#: What a rule calls a state that is not there.
NONE = "none"


def to_status(order: Order, rules: Sequence[StatusRule], breakdown: Breakdown) -> OrderStatus:
    """Return the status of the first of *rules* that holds, WAITING where none does."""
    return next((rule.status for rule in rules if _holds(rule, order, breakdown)), OrderStatus.WAITING)


def _holds(rule: StatusRule, order: Order, breakdown: Breakdown) -> bool:
    """Whether each part of *rule* that is given names one of what the order has."""
    workflow = order.workflow
    parts: tuple[tuple[tuple[str, ...], set[str]], ...] = (
        (rule.order, {order.order_state}),
        (rule.payment, {order.payment_state or NONE}),
        (rule.shipment, {order.shipment_state or NONE}),
        (rule.returned, {each.payment_state or NONE for each in order.returns}),
        (rule.workflow, {each for each in workflow if each} if workflow else {NONE}),
        (rule.refunded, {breakdown.refund.value}),
    )
    return all(not wanted or not found.isdisjoint(wanted) for wanted, found in parts)


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
