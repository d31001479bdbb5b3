"""Parts of an order that events are read off: parcels, and the items of returns by their ids."""

from typing import Any

import pytest
from marshmallow import ValidationError

from ct_ac_sync.domain.event import EventItem
from ct_ac_sync.domain.order import Order, Parcel, ReturnedItem
from ct_ac_sync.schemas.commercetools.order import OrderSchema
from tests.unit.wire import an_order, money


def read(**changes: Any) -> Order:
    """Return the order that a body says."""
    order = OrderSchema().load(an_order(**changes))
    assert isinstance(order, Order)
    return order


def shipping(*deliveries: dict[str, Any]) -> dict[str, Any]:
    """Return a shipping with these deliveries."""
    return {"shippingMethodName": "Post", "price": money(500), "deliveries": list(deliveries)}


def delivery(id_: str, *parcels: dict[str, Any]) -> dict[str, Any]:
    """Return a delivery of two units of a line."""
    return {"id": id_, "items": [{"id": "l1", "quantity": 2}], "parcels": list(parcels)}


class TestParcels:
    def test_a_parcel_tells_where_it_is_and_what_is_in_it(self):
        """A parcel has its delivery, its tracking and its own items, else those of its delivery."""
        tracking = {"trackingId": "T1", "carrier": "DHL", "isReturn": False}
        own = {"id": "p1", "trackingData": tracking, "items": [{"id": "l1", "quantity": 1}]}

        order = read(shippingInfo=shipping(delivery("d1", own, {"id": "p2", "items": []})))

        assert order.parcels == (
            Parcel(id="p1", delivery="d1", tracking="T1", carrier="DHL", items=(EventItem("l1", 1),)),
            Parcel(id="p2", delivery="d1", items=(EventItem("l1", 2),)),
        )

    @pytest.mark.parametrize("mode", [None, "Single", "Multiple"])
    def test_those_of_all_shippings_count_once(self, mode: str | None):
        """Parcels of the one shipping and of several are all there in every mode, each once."""
        several = [
            {"shippingKey": "a", "shippingInfo": shipping(delivery("d1", {"id": "p1"}))},
            {"shippingKey": "b", "shippingInfo": shipping(delivery("d2", {"id": "p2"}))},
        ]

        order = read(shippingMode=mode, shipping=several, shippingInfo=shipping(delivery("d1", {"id": "p1"})))

        assert [each.id for each in order.parcels] == ["p1", "p2"]

    def test_those_that_go_back_say_so(self):
        """A parcel with isReturn is one of a return."""
        order = read(shippingInfo=shipping(delivery("d1", {"id": "p1", "trackingData": {"isReturn": True}})))

        assert [each.is_return for each in order.parcels] == [True]

    @pytest.mark.parametrize(
        "info",
        [
            None,
            {"shippingMethodName": "Post"},
            {"deliveries": None},
            {"deliveries": [None, {"id": "d1"}, {"id": "d1", "parcels": None}]},
            {"deliveries": [{"id": "d1", "parcels": [{"trackingData": {"trackingId": "T"}}]}]},
        ],
    )
    def test_an_order_without_any_is_read(self, info: dict[str, Any] | None):
        """Deliveries and parcels may be missing at any depth, and a parcel without an id is none."""
        assert read(shippingInfo=info).parcels == ()

    def test_what_is_no_parcel_is_a_fault_with_its_place(self):
        """A parcel that contradicts its contract is told by the path at which it stands."""
        with pytest.raises(ValidationError) as caught:
            read(
                shippingInfo=shipping(delivery("d1", {"id": "p1", "items": [{"id": "l1", "quantity": "2"}]}))
            )

        assert "quantity" in str(caught.value.messages["shippingInfo"])

    def test_shippings_are_as_they_were(self):
        """What was sent by a shipping changes nothing of what it costs."""
        order = read(shippingInfo=shipping(delivery("d1", {"id": "p1"})))

        assert [(each.method, each.price and each.price.cents) for each in order.shippings] == [("Post", 500)]


class TestReturnedItems:
    def test_an_item_is_known_by_its_id(self):
        """Items of returns of both kinds of line come with their ids, and one without is read too."""
        rows = [
            {"id": "r1", "lineItemId": "l1", "quantity": 1, "shipmentState": "Advised"},
            {"customLineItemId": "k1", "quantity": 2},
        ]

        order = read(returnInfo=[{"items": rows}])

        assert order.returns == (
            ReturnedItem("l1", 1, shipment_state="Advised", id="r1"), ReturnedItem("k1", 2),
        )  # fmt: skip
