"""
What happens at the till: payments are opened, charged, fail, and are given back.

A payment does not know its order, and what happens to it leaves the order alone unless the
shop says so there too (vendor: Payment; an order refers to its payments).
"""

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ct_ac_sync.sandbox.commercetools.floor import Floor, Way, timing_of
from ct_ac_sync.sandbox.commercetools.payments import (
    charged,
    is_charged,
    moved,
    opened,
    refunded,
    returned,
    settled,
    unsettled,
)
from ct_ac_sync.sandbox.commercetools.project import Resource, stamp


class Till:
    """The ways of payments."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._project = floor.project

    def ways(self) -> Mapping[str, Way]:
        """Return what can happen, by kind."""
        return {
            "pay": self.pay, "fail_payment": self.fail_payment, "refund": self.refund,
            "settle_refund": self.settle_refund, "fail_refund": self.fail_refund, "chargeback": self.chargeback,
        }  # fmt: skip

    def open(
        self,
        order: Resource,
        past: datetime | None,
        *,
        parts: int | None = None,
        is_paid: bool,
        **timing: Any,
    ) -> list[dict[str, Any]]:
        """Open the payments of an order, now and then two of them, and return references to them."""
        parts = parts or (2 if self._floor.aside.random() < 0.2 else 1)
        moment = stamp(past or self._project.now())
        found = []
        for opening in opened(order, parts=parts, at=moment):
            payment = opening | (charged(opening, at=moment) if is_paid else {})
            payment |= {name: order[name] for name in ("createdBy", "lastModifiedBy") if name in order}
            row = self._project.add("payment", aged(payment, past), what="opened", **timing)
            found.append({"typeId": "payment", "id": row["id"]})
        return found

    def pay(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is paid."""
        order = self._order(dice, given, paymentState="Pending")
        if order is None:
            return None
        self.charge(order, **timing_of(given))
        return self._floor.change("order", order, {"paymentState": "Paid"}, "payment", given)

    def charge(self, owner: Resource, **timing: Any) -> None:
        """Charge the payments of an order or cart that were not yet."""
        for payment in self._floor.payments(owner):
            if not is_charged(payment):
                changes = charged(payment, at=self._project.stamped())
                self._project.change("payment", payment["id"], changes, what="charged", **timing)

    def fail_payment(self, dice: random.Random, **given: Any) -> Resource | None:
        """A charge fails, and the order says so."""
        order = self._order(dice, given, paymentState="Pending")
        if order is None:
            return None
        for payment in self._floor.payments(order)[:1]:
            changes = moved(payment, "Charge", state="Failure", at=self._project.stamped())
            self._floor.change("payment", payment, changes, "charge_failed", given)
        return self._floor.change("order", order, {"paymentState": "Failed"}, "payment", given)

    def refund(self, dice: random.Random, **given: Any) -> Resource | None:
        """
        A paid order is refunded: a third of its first payment, or the `cents` given.

        Args:
            given: The `state` of the refund, `Success` unless said; `touches_order` false where
                the order is not told of it.
        """
        order = self._order(dice, given, paymentState="Paid")
        return None if order is None else self.give_back(order, given)

    def give_back(self, order: Resource, given: Mapping[str, Any]) -> Resource | None:
        """Give a part of an order's first payment back, then say so in the order."""
        moment, state, changed = self._project.stamped(), given.get("state", "Success"), None
        for payment in self._floor.payments(order)[:1]:
            changes = refunded(payment, cents=given.get("cents"), state=state, at=moment)
            changed = self._floor.change("payment", payment, changes, "refunded", given)
        if not given.get("touches_order", True):
            return changed
        changes = returned(order, is_refunded=state == "Success", at=moment)
        return self._floor.change("order", order, changes, "refund", given)

    def settle_refund(self, dice: random.Random, **given: Any) -> Resource | None:
        """A refund that was under way succeeds; the order does not hear of it."""
        return self._settle(dice, given, "Success")

    def fail_refund(self, dice: random.Random, **given: Any) -> Resource | None:
        """A refund that was under way fails; the order does not hear of it."""
        return self._settle(dice, given, "Failure")

    def chargeback(self, dice: random.Random, **given: Any) -> Resource | None:
        """A bank takes the first payment of an order back, or the `cents` given; the order does not hear of it."""
        order = self._order(dice, given, paymentState="Paid")
        for payment in self._floor.payments(order)[:1] if order else ():
            changes = moved(payment, "Chargeback", cents=given.get("cents"), at=self._project.stamped())
            return self._floor.change("payment", payment, changes, "charged_back", given)
        return None

    def _settle(self, dice: random.Random, given: Mapping[str, Any], state: str) -> Resource | None:
        payment = self._unsettled(dice, given)
        if payment is None:
            return None
        id_ = given.get("transaction") or unsettled(payment)[0]["id"]
        return self._floor.change("payment", payment, settled(payment, id_, state), "settled", given)

    def _unsettled(self, dice: random.Random, given: Mapping[str, Any]) -> Resource | None:
        """Return the payment that is meant, of which a refund is under way."""
        if given.get("order"):
            order = self._project.shelves["order"].by_id[given["order"]]
            return next((each for each in self._floor.payments(order) if unsettled(each)), None)
        payment = self._floor.pick(
            "payment", dice, given.get("payment"), fits=lambda row: bool(unsettled(row))
        )
        return payment if payment and unsettled(payment) else None

    def _order(self, dice: random.Random, given: Mapping[str, Any], **needs: str) -> Resource | None:
        return self._floor.pick("order", dice, given.get("order"), needs=needs)


def aged(resource: dict[str, Any], past: datetime | None) -> dict[str, Any]:
    """Return a resource as it was made in the past, or as it is."""
    return resource | ({"createdAt": stamp(past), "lastModifiedAt": stamp(past)} if past else {})
