"""Orders, their statuses, texts and addresses: what Commercetools says becomes ActiveCampaign's, always the same."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.consent import Says
from ct_ac_sync.domain.contact import EcommerceOrder, OrderStatus
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.order import LocalizedText, Order
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.mapping.status import unknown_states
from ct_ac_sync.ports import OrderConsent, Readable, Stream
from ct_ac_sync.schemas.activecampaign.outbound import dump_order
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.people import DEFAULT, contact_of
from tests.unit.wire import a_customer, an_order, line, money


def customer(**changes: Any) -> Customer:
    """Return a customer read from the wire."""
    found = parse_record(Stream.CUSTOMERS, a_customer(**changes))
    assert isinstance(found, Readable)
    assert isinstance(found.value, Customer)
    return found.value


def order(**changes: Any) -> Order:
    """Return an order read from the wire."""
    found = parse_record(Stream.ORDERS, an_order(**changes))
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Order)
    return found.value


def mapped(**changes: Any) -> EcommerceOrder:
    """Return an order as the destination shall hold it."""
    contact = contact_of(customers=[a_customer()])
    assert contact is not None
    return to_order(order(**changes), contact, config=DEFAULT.orders)


TEXTS = st.none() | st.text(max_size=20)


class TestOrder:
    def test_an_order_becomes_an_order(self):
        """Number, customer, money, method, addresses and lines arrive under the vendor's names."""
        made = mapped(
            paymentState="Paid", shipmentState="Ready", store={"typeId": "store", "key": "de"},
            shippingInfo={"shippingMethodName": "Standard", "price": money(490)},
            billingAddress={"firstName": "Ann", "streetName": "Ring", "streetNumber": "5", "postalCode": "1", "country": "DE"},
        )  # fmt: skip

        assert (made.store_order_id, made.order_number, made.customer_id) == ("o1", "A-1", "c1")
        assert (made.final_amount, made.shipping_amount, made.discounts_amount) == (
            Decimal(10),
            Decimal("4.90"),
            Decimal(0),
        )
        assert (made.status, made.store_status) == (OrderStatus.COMPLETED, "Open/Paid/Ready")
        assert dict(made.billing) == {
            "firstName": "Ann",
            "address1": "Ring 5",
            "postal": "1",
            "country": "DE",
        }
        (item,) = made.lines
        assert (item.product_id, item.variant_id, item.name, item.sku) == ("p1", "p1#2", "Schuh", "S-2")

    def test_an_order_without_a_number_has_its_id(self):
        """Where the shop gives no number, the id stands in."""
        assert mapped(orderNumber=None).order_number == "o1"

    def test_a_guests_order_is_under_its_address(self):
        """A guest's order names the contact's address as the customer."""
        assert mapped(customerId=None).customer_id == "ann@example.org"

    def test_empty_texts_are_left_out(self):
        """The vendor refuses empty texts and addresses, so they are not sent; customer data always is."""
        sent = dump_order(mapped(locale=None), creation_source="REAL_TIME", connection="7")

        def empties(value: Any) -> bool:
            if isinstance(value, dict):
                return any(empties(each) or each in ("", {}) for each in value.values())
            return isinstance(value, list) and any(empties(each) for each in value)

        assert not empties(sent)
        assert "billingAddress" not in sent
        assert sent["customerData"]
        assert "acceptsMarketing" not in sent
        assert sent["legacyConnectionId"] == 7

    @pytest.mark.parametrize(
        ("says", "state"),
        [
            (Says.YES, "SUBSCRIBED"), (Says.NO, "UNSUBSCRIBED"), (Says.PENDING, "PENDING"),
            (Says.NOTHING, "NOT_SUBSCRIBED"),
        ],
    )  # fmt: skip
    def test_consent_is_told_in_the_words_of_the_vendor(self, says: Says, state: str):
        """An order says of consent yes or no for e-mail, and a state with its moment for text messages."""
        moment = datetime(2026, 3, 1, 12, 0, 5, 900000, tzinfo=UTC)
        consent = OrderConsent(email=says, sms=says, sms_at=moment)
        sent = dump_order(mapped(), creation_source="REAL_TIME", connection="7", consent=consent)

        assert sent["acceptsMarketing"] is (says is Says.YES)
        assert sent["customerData"]["smsMarketingState"] == state
        assert sent["customerData"]["smsConsentUpdatedDate"] == "2026-03-01T12:00:05Z"

    @pytest.mark.parametrize(
        ("name", "sku", "shown"),
        [({"en": "Shoe"}, "S", "Shoe"), ({}, "S", "S"), ({}, None, "p1"), ({"en": ""}, None, "p1")],
    )
    def test_a_line_always_has_a_name(self, name: Any, sku: str | None, shown: str):
        """A line is named by its text, else by its number, else by its product."""
        (made,) = mapped(lineItems=[line(name=name, variant={"id": 1, "sku": sku})]).lines

        assert made.name == shown


STATUS = [
    ("Cancelled", "Paid", OrderStatus.CANCELLED),
    ("Cancelled", "Failed", OrderStatus.CANCELLED),
    ("Open", "Failed", OrderStatus.FAILED),
    ("Complete", "Failed", OrderStatus.FAILED),
    ("Complete", None, OrderStatus.COMPLETED),
    ("Complete", "Pending", OrderStatus.COMPLETED),
    ("Open", "Paid", OrderStatus.COMPLETED),
    ("Confirmed", "CreditOwed", OrderStatus.COMPLETED),
    ("Open", "BalanceDue", OrderStatus.PENDING_PAYMENT),
    ("Open", "Pending", OrderStatus.PENDING_PAYMENT),
    ("Open", None, OrderStatus.PENDING_PAYMENT),
    ("Confirmed", "Pending", OrderStatus.WAITING),
    ("Confirmed", None, OrderStatus.WAITING),
    ("SomethingNew", "SomethingElse", OrderStatus.WAITING),
    ("Open", "SomethingElse", OrderStatus.PENDING_PAYMENT),
]


class TestStatus:
    @pytest.mark.parametrize(("state", "payment", "status"), STATUS)
    def test_each_row_of_the_table(self, state: str, payment: str | None, status: OrderStatus):
        """Cancelled goes before failed, failed before completed, completed before waiting."""
        assert mapped(orderState=state, paymentState=payment).status is status

    @given(st.text(min_size=1, max_size=10), TEXTS, TEXTS)
    def test_every_state_has_a_status(self, state: str, payment: str | None, shipment: str | None):
        """States that nobody knows yet have a status too."""
        assert mapped(orderState=state, paymentState=payment, shipmentState=shipment).status in OrderStatus

    def test_states_nobody_knows_can_be_counted(self):
        """What the mapping does not know is named, so that it can be counted; what it knows is not."""
        known = order(orderState="Open", paymentState="Paid", shipmentState="Canceled")
        unknown = order(orderState="Held", paymentState="Disputed", shipmentState=None)

        assert unknown_states(known) == ()
        assert unknown_states(unknown) == ("order_state=Held", "payment_state=Disputed")


class TestLocalizedText:
    TEXTS = LocalizedText(
        (("en-GB", "Trousers"), ("de", "Hose"), ("en-US", "Pants"), ("fr", "Pantalon"), ("nl", " "))
    )

    @pytest.mark.parametrize(
        ("locale", "text"),
        [
            ("en-US", "Pants"),
            ("en-GB", "Trousers"),
            ("en-AU", "Trousers"),
            ("en", "Trousers"),
            ("de-AT", "Hose"),
            ("it", "Trousers"),
            ("", "Trousers"),
            (None, "Trousers"),
        ],
    )
    def test_exact_then_language_then_first(self, locale: str | None, text: str):
        """The exact tag goes before its language, and that before the first text there is."""
        assert self.TEXTS.pick(locale) == text

    @pytest.mark.parametrize(
        ("locales", "text"),
        [
            (("it", "de"), "Hose"),
            ((None, "fr-CH"), "Pantalon"),
            (("nl", "it", "en-US"), "Pants"),
            (("nl",), "Trousers"),
            (("en", "de"), "Trousers"),
        ],
    )
    def test_fallbacks_in_turn(self, locales: tuple[str | None, ...], text: str):
        """A language without a text, or with a blank one, leaves the turn to the next."""
        assert self.TEXTS.pick(*locales) == text

    def test_no_text_is_empty(self):
        """Without any text there is nothing to show, and nothing fails."""
        assert LocalizedText(()).pick("en") == ""


class TestMainAddress:
    @pytest.mark.parametrize(
        ("given", "wanted"),
        [
            ({"defaultBillingAddressId": "b", "defaultShippingAddressId": "c"}, "b"),
            ({"defaultShippingAddressId": "c", "billingAddressIds": ["b"]}, "c"),
            ({"billingAddressIds": ["b", "c"]}, "b"),
            ({}, "a"),
            ({"defaultBillingAddressId": "gone"}, "a"),
        ],
    )
    def test_billing_then_shipping_then_first(self, given: Any, wanted: str):
        """Default billing, else default shipping, else the first billing, else the first; a stale id is passed over."""
        addresses = [{"id": id_, "country": "DE"} for id_ in "abc"]

        address = customer(addresses=addresses, **given).main_address

        assert address is not None
        assert address.id == wanted

    def test_no_address_is_none(self):
        """A customer without addresses has no main address."""
        assert customer(addresses=None).main_address is None
