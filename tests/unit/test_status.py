"""Statuses: the first rule that holds, over the states of order, payment, shipment, returns and workflow."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.values import DEFAULT_STATUSES, StatusRule
from ct_ac_sync.domain.contact import OrderStatus
from ct_ac_sync.domain.order import Order
from ct_ac_sync.mapping.breakdown import to_breakdown
from ct_ac_sync.mapping.status import to_status
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.wire import an_order, money

STATES = st.sampled_from(["Open", "Confirmed", "Complete", "Cancelled", "SomethingNew"])
PAYMENTS = st.sampled_from([None, "BalanceDue", "Failed", "Pending", "CreditOwed", "Paid", "SomethingNew"])


def status(rules: tuple[StatusRule, ...] = DEFAULT_STATUSES, **changes: Any) -> OrderStatus:
    """Return the status of an order by *rules*."""
    found = parse_record(Stream.ORDERS, an_order(**changes))
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Order)
    return to_status(found.value, rules, to_breakdown(found.value))


def refunded(cents: int) -> dict[str, Any]:
    """Return payments of which *cents* of 10.00 went back."""
    transactions = [
        {"id": "t1", "type": "Charge", "state": "Success", "amount": money(1000)},
        {"id": "t2", "type": "Refund", "state": "Success", "amount": money(cents)},
    ]
    return {
        "payments": [{"typeId": "payment", "id": "p1", "obj": {"id": "p1", "transactions": transactions}}]
    }


def returned(*payment_states: str | None) -> list[dict[str, Any]]:
    """Return a return of as many items."""
    items = [
        {"id": f"r{n}", "lineItemId": "l1", "quantity": 1, "shipmentState": "Returned", "paymentState": state}
        for n, state in enumerate(payment_states)
    ]
    return [{"returnTrackingId": "R", "items": items}]


class TestDefaults:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"orderState": "Complete", "paymentInfo": refunded(1000)}, OrderStatus.REFUNDED),
            ({"paymentState": "Failed", "paymentInfo": refunded(1000)}, OrderStatus.REFUNDED),
            ({"orderState": "Cancelled", "paymentInfo": refunded(1000)}, OrderStatus.CANCELLED),
            ({"paymentState": "Paid", "paymentInfo": refunded(999)}, OrderStatus.COMPLETED),
            ({"paymentState": "Paid", "returnInfo": returned("Initial", "Refunded")}, OrderStatus.RETURNED),
            ({"paymentState": "Paid", "returnInfo": returned("Initial", "NotRefunded")}, OrderStatus.COMPLETED),
            ({"paymentState": "Paid", "returnInfo": returned("Refunded"), "paymentInfo": refunded(300)}, OrderStatus.COMPLETED),
            ({"paymentState": "Paid", "returnInfo": returned("Refunded"), "paymentInfo": refunded(1000)}, OrderStatus.REFUNDED),
            ({"orderState": "Cancelled", "returnInfo": returned("Refunded")}, OrderStatus.CANCELLED),
        ],
    )  # fmt: skip
    def test_what_went_back_goes_before_what_was_paid(self, changes: dict[str, Any], expected: OrderStatus):
        """All refunded is REFUNDED, returned and refunded elsewhere is RETURNED, a part leaves the status."""
        assert status(**changes) is expected

    @given(STATES, PAYMENTS)
    def test_without_refunds_they_are_the_table(self, state: str, payment: str | None):
        """For each pair of states the rules say what the documented table says."""
        if state == "Cancelled":
            expected = OrderStatus.CANCELLED
        elif payment == "Failed":
            expected = OrderStatus.FAILED
        elif state == "Complete" or payment in ("Paid", "CreditOwed"):
            expected = OrderStatus.COMPLETED
        else:
            expected = OrderStatus.PENDING_PAYMENT if state == "Open" else OrderStatus.WAITING

        assert status(orderState=state, paymentState=payment) is expected


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "changes", "holds"),
        [
            ({"shipment": ("Shipped", "Delivered")}, {"shipmentState": "Shipped"}, True),
            ({"shipment": ("Shipped", "Delivered")}, {"shipmentState": "Ready"}, False),
            ({"shipment": ("none",)}, {}, True),
            ({"payment": ("none",)}, {"paymentState": "Paid"}, False),
            ({"workflow": ("picked",)}, {"state": {"typeId": "state", "id": "s1", "obj": {"key": "picked"}}}, True),
            ({"workflow": ("s1",)}, {"state": {"typeId": "state", "id": "s1"}}, True),
            ({"workflow": ("picked",)}, {"state": {"typeId": "state", "id": "s1"}}, False),
            ({"workflow": ("none",)}, {}, True),
            ({"returned": ("Initial",)}, {"returnInfo": returned("Initial", "Refunded")}, True),
            ({"returned": ("Initial",)}, {}, False),
            ({"refunded": ("partial", "full")}, {"paymentInfo": refunded(1)}, True),
            ({"refunded": ("none",)}, {"paymentInfo": refunded(0)}, True),
            ({"order": ("Open",), "payment": ("Paid",)}, {"paymentState": "Paid"}, True),
            ({"order": ("Open",), "payment": ("Paid",)}, {"paymentState": "Pending"}, False),
            ({}, {}, True),
        ],
    )  # fmt: skip
    def test_each_part_that_is_given_must_hold(
        self, rule: dict[str, Any], changes: dict[str, Any], *, holds: bool
    ):
        """A rule holds where each part names one of what the order has; a part that is left out asks nothing."""
        found = status((StatusRule(status=OrderStatus.RECOVERED, **rule),), **changes)

        assert (found is OrderStatus.RECOVERED) is holds

    def test_the_first_that_holds_decides(self):
        """Later rules are not looked at, and without any that holds an order waits."""
        first = StatusRule(status=OrderStatus.PENDING, order=("Open",))
        second = StatusRule(status=OrderStatus.COMPLETED, payment=("Paid",))

        assert status((first, second), paymentState="Paid") is OrderStatus.PENDING
        assert status((second, first), paymentState="Paid") is OrderStatus.COMPLETED
        assert status((second,), paymentState="Pending") is OrderStatus.WAITING
        assert status((), paymentState="Paid") is OrderStatus.WAITING
