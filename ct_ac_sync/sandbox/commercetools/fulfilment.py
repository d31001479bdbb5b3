"""What happens to an order after it was placed: confirmed, sent, delivered, and sent back."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from ct_ac_sync.sandbox.commercetools.catalogue import ref
from ct_ac_sync.sandbox.commercetools.floor import Floor, Way, timing_of
from ct_ac_sync.sandbox.commercetools.message_types import parcels_of, return_items_of
from ct_ac_sync.sandbox.commercetools.payments import advised, received
from ct_ac_sync.sandbox.commercetools.project import Resource
from ct_ac_sync.sandbox.commercetools.till import Till

Changes = Mapping[str, Any]


class Fulfilment:
    """The ways of orders."""

    def __init__(self, floor: Floor, till: Till) -> None:
        self._floor, self._till = floor, till
        self._project = floor.project

    def ways(self) -> Mapping[str, Way]:
        """Return what can happen, by kind."""
        return {
            "confirm": self.confirm, "ship": self.ship, "parcel": self.parcel, "track": self.track,
            "deliver": self.deliver, "complete": self.complete, "cancel": self.cancel,
            "confirm_and_complete": self.confirm_and_complete, "return_request": self.return_request,
            "return_receive": self.return_receive,
        }  # fmt: skip

    def confirm(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is confirmed."""
        return self._advance(dice, given, {"orderState": "Confirmed"}, "confirmed", orderState="Open")

    def confirm_and_complete(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is confirmed and complete within one moment, in two versions."""
        order = self.confirm(dice, **given)
        return None if order is None else self._change(order, {"orderState": "Complete"}, "completed", given)

    def ship(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is shipped, in one parcel."""

        def changes(order: Resource) -> Changes:
            return self._parcelled(order) | {
                "shipmentState": "Shipped", "orderState": "Confirmed", "state": ref("state", "dispatched"),
            }  # fmt: skip

        return self._advance(dice, given, changes, "shipment", paymentState="Paid", orderState="Open")

    def parcel(self, dice: random.Random, **given: Any) -> Resource | None:
        """One more parcel of an order is sent: in a delivery of its own, or in the `delivery` given."""

        def changes(order: Resource) -> Changes:
            return self._parcelled(order, into=given.get("delivery"))

        return self._advance(dice, given, changes, "parcel", shipmentState="Shipped")

    def track(self, dice: random.Random, **given: Any) -> Resource | None:
        """A parcel, the last unless one is given, gets another number to track it by."""

        def changes(order: Resource) -> Changes:
            meant = given.get("parcel") or [*parcels_of(order)][-1]
            return _each_parcel(order, lambda row: row | {"trackingData": self._tracking()} if row["id"] == meant else row)  # fmt: skip

        return self._advance(dice, given, changes, "tracked", shipmentState="Shipped")

    def deliver(self, dice: random.Random, **given: Any) -> Resource | None:
        """All parcels of an order arrive."""
        return self._advance(
            dice, given, {"shipmentState": "Delivered"}, "delivered", shipmentState="Shipped"
        )

    def complete(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is delivered and complete; with `is_refunded` some of it comes back."""
        changes = {"shipmentState": "Delivered", "orderState": "Complete"}
        order = self._advance(dice, given, changes, "completed", shipmentState="Shipped")
        if order is not None and given.get("is_refunded"):
            return self._till.give_back(order, timing_of(given))
        return order

    def cancel(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is cancelled."""
        return self._advance(dice, given, {"orderState": "Cancelled"}, "cancelled", orderState="Open")

    def return_request(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody wants to send the first line of an order back."""

        def changes(order: Resource) -> Changes:
            return advised(order, at=self._project.stamped())

        return self._advance(dice, given, changes, "return_requested", shipmentState="Delivered")

    def return_receive(self, dice: random.Random, **given: Any) -> Resource | None:
        """What somebody wanted to send back has come: the `item` given, or all."""
        order = self._floor.pick("order", dice, given.get("order"), fits=_is_coming_back)
        if order is None:
            return None
        changes = received(order, given.get("item"), at=self._project.stamped())
        return self._change(order, changes, "return_received", given)

    # -- parts ------------------------------------------------------------------------

    def _advance(
        self,
        dice: random.Random,
        given: Mapping[str, Any],
        changes: Changes | Callable[[Resource], Changes],
        what: str,
        **needs: str,
    ) -> Resource | None:
        order = self._floor.pick("order", dice, given.get("order"), needs=needs)
        if order is None:
            return None
        return self._change(order, changes(order) if callable(changes) else changes, what, given)

    def _change(self, order: Resource, changes: Changes, what: str, given: Mapping[str, Any]) -> Resource:
        return self._floor.change("order", order, changes, what, given)

    def _parcelled(self, order: Resource, *, into: str | None = None) -> dict[str, Any]:
        """Return what changes of an order of which one more parcel is sent; nothing where it names no shipping."""
        moment = self._project.stamped()
        lines = [*(order.get("lineItems") or ()), *(order.get("customLineItems") or ())]
        items = [{"id": each["id"], "quantity": each["quantity"]} for each in lines]
        parcel = {
            "id": self._project.new_id("parcel"), "createdAt": moment, "items": items,
            "trackingData": self._tracking(),
        }  # fmt: skip
        if into is not None:
            return _each_delivery(order, lambda row: row | {"parcels": [*row["parcels"], parcel]} if row["id"] == into else row)  # fmt: skip
        delivery = {
            "id": self._project.new_id("parcel"), "createdAt": moment, "items": items, "parcels": [parcel],
        }  # fmt: skip
        return _first_shipping(
            order, lambda info: info | {"deliveries": [*info.get("deliveries", ()), delivery]}
        )

    def _tracking(self) -> dict[str, Any]:
        number = self._project.apart.randrange(10**9, 10**10)
        return {"trackingId": f"T{number}", "carrier": "DHL", "isReturn": False}


Edit = Callable[[dict[str, Any]], dict[str, Any]]


def _is_coming_back(order: Resource) -> bool:
    return any(each["shipmentState"] == "Advised" for each in return_items_of(order).values())


def _first_shipping(order: Resource, edit: Edit) -> dict[str, Any]:
    if order.get("shippingInfo"):
        return {"shippingInfo": edit(order["shippingInfo"])}
    several = order.get("shipping") or ()
    if not several:
        return {}
    first, *others = several
    return {"shipping": [first | {"shippingInfo": edit(first["shippingInfo"])}, *others]}


def _each_delivery(order: Resource, edit: Edit) -> dict[str, Any]:
    def edited(info: dict[str, Any]) -> dict[str, Any]:
        return info | {"deliveries": [edit(each) for each in info.get("deliveries", ())]}

    if order.get("shippingInfo"):
        return {"shippingInfo": edited(order["shippingInfo"])}
    several = order.get("shipping") or ()
    return {"shipping": [each | {"shippingInfo": edited(each["shippingInfo"])} for each in several]}


def _each_parcel(order: Resource, edit: Edit) -> dict[str, Any]:
    return _each_delivery(order, lambda row: row | {"parcels": [edit(each) for each in row["parcels"]]})
