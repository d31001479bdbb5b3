"""Mapping: Commercetools' values become ActiveCampaign's, by rules that always give the same."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.contact import EcommerceOrder, OrderStatus
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.order import LocalizedText, Order
from ct_ac_sync.mapping.contact import FIELDS, instant, to_contact
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.mapping.status import unknown_states
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.activecampaign.outbound import dump_contact, dump_import_row, dump_order
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.wire import WHEN, a_customer, an_order, line, money

IDS = {tag: str(n) for n, (tag, _) in enumerate(FIELDS, start=1)}


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
    one = order(**changes)
    contact = to_contact([customer()], [])
    assert contact is not None
    return to_order(one, contact)


TEXTS = st.none() | st.text(max_size=20)


class TestContact:
    def test_a_customer_becomes_a_contact(self):
        """Names, telephone and fields come from the customer and its main address."""
        contact = to_contact(
            [
                customer(
                    customerNumber="C-1", key="k", locale="de-DE", defaultBillingAddressId="b",
                    addresses=[{"id": "a", "phone": "1"}, {"id": "b", "phone": "2", "mobile": "3"}],
                )
            ],
            [],
        )  # fmt: skip

        assert contact is not None
        assert (contact.email, contact.first_name, contact.last_name, contact.phone) == (
            "ann@example.org",
            "Ann",
            "Lee",
            "3",
        )
        assert dict(contact.fields) == {
            "CT_CUSTOMER_ID": "c1", "CT_CUSTOMER_KEY": "k", "CT_CUSTOMER_NUMBER": "C-1",
            "CT_LAST_MODIFIED": WHEN, "CT_LOCALE": "de-DE",
        }  # fmt: skip

    def test_names_of_the_address_stand_in(self):
        """A customer without names has those of its main address."""
        contact = to_contact(
            [
                customer(
                    firstName=None, lastName=None, addresses=[{"id": "a", "firstName": "A", "lastName": "B"}]
                )
            ],
            [],
        )

        assert contact is not None
        assert (contact.first_name, contact.last_name) == ("A", "B")

    def test_the_oldest_customer_speaks_in_whatever_order_they_come(self):
        """Of several customers with one address the contact is the same however they are listed."""
        young = customer(
            id="c0",
            firstName="Young",
            createdAt="2026-03-02T00:00:00Z",
            lastModifiedAt="2026-03-09T00:00:00Z",
        )
        old = customer(id="c9", firstName="Old", createdAt="2026-03-01T00:00:00Z")
        twin = customer(id="c8", firstName="Twin", createdAt="2026-03-01T00:00:00Z")

        contacts = {to_contact(list(each), []) for each in itertools.permutations([young, old, twin])}

        (contact,) = contacts
        assert contact is not None
        assert contact.first_name == "Twin"
        assert dict(contact.fields)["CT_LAST_MODIFIED"] == "2026-03-09T00:00:00.000Z"

    def test_a_guest_is_its_newest_order(self):
        """A guest's contact comes from the newest order, whatever order they come in."""
        first = order(id="o1", customerId=None, billingAddress={"firstName": "A"})
        second = replace(
            first, id="o2", last_modified_at=first.last_modified_at + timedelta(seconds=1), locale="fr-FR"
        )  # type: ignore[arg-type]

        contact = to_contact([], [first, second])

        assert contact == to_contact([], [second, first])
        assert contact is not None
        assert dict(contact.fields)["CT_LOCALE"] == "fr-FR"
        assert "CT_CUSTOMER_ID" not in dict(contact.fields)

    @pytest.mark.parametrize(
        ("changes", "email"),
        [
            ({}, "ann@example.org"),
            (
                {
                    "customerEmail": None,
                    "billingAddress": {"email": "B@x.org"},
                    "shippingAddress": {"email": "s@x.org"},
                },
                "b@x.org",
            ),
            ({"customerEmail": None, "shippingAddress": {"email": "s@x.org"}}, "s@x.org"),
        ],
    )
    def test_a_guests_address_is_the_orders_own_first(self, changes: Any, email: str):
        """The order's own address goes before the billing one, and that before the shipping one."""
        contact = to_contact([], [order(**changes)])

        assert contact is not None
        assert contact.email == email

    def test_nobody_without_an_address(self):
        """A person without any address is no contact."""
        assert to_contact([], []) is None
        assert to_contact([], [order(customerEmail=None)]) is None
        assert to_contact([customer(email="  ")], []) is None

    @given(
        TEXTS,
        TEXTS,
        TEXTS,
        st.lists(st.fixed_dictionaries({"id": st.just("a"), "phone": TEXTS, "firstName": TEXTS}), max_size=2),
    )
    def test_every_customer_that_is_read_can_be_sent(
        self, first: str | None, last: str | None, key: str | None, addresses: list[Any]
    ):
        """Whatever names and keys there are, the contact passes the outbound schemas, clean and the same each time."""
        one = customer(firstName=first, lastName=last, key=key, addresses=addresses)

        contact = to_contact([one], [])

        assert contact is not None
        assert contact == to_contact([one], [])
        assert (
            dump_contact(contact, IDS)["contact"]["firstName"] == dump_import_row(contact, IDS)["first_name"]
        )
        for text in (contact.first_name, contact.last_name, contact.phone, *dict(contact.fields).values()):
            assert text == " ".join(text.split())
            assert text.isprintable()

    def test_what_is_gone_is_cleared(self):
        """A field the customer no longer has is sent empty, because the vendor clears by an empty value."""
        contact = to_contact([customer(key=None, locale=None)], [])

        assert contact is not None
        sent = {each["field"]: each["value"] for each in dump_contact(contact, IDS)["contact"]["fieldValues"]}
        assert sent[IDS["CT_CUSTOMER_KEY"]] == ""
        assert sent[IDS["CT_LOCALE"]] == ""

    def test_an_import_starts_no_automation_and_opens_no_list(self):
        """A row of bulk import excludes automations, and says nothing about lists or tags."""
        contact = to_contact([customer()], [])

        assert contact is not None
        row = dump_import_row(contact, IDS)
        assert row["exclude_automations"] is True
        assert not {"subscribe", "unsubscribe", "tags"} & row.keys()

    @pytest.mark.parametrize("email", ["x", "a@b", "ann+tag@example.org"])
    def test_an_odd_address_is_left_to_the_vendor(self, email: str):
        """We refuse no address on our own: the vendor's refusal names the row, and a dead letter its cause."""
        contact = to_contact([customer(email=email)], [])

        assert contact is not None
        assert dump_contact(contact, IDS)["contact"]["email"] == email
        assert dump_import_row(contact, IDS)["email"] == email

    @given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
    def test_instants_are_written_as_the_vendor_writes_them(self, one: datetime, other: datetime):
        """UTC, three digits, Z; the order of texts is the order of instants."""
        first, second = sorted([one, other])

        assert instant(first) <= instant(second)
        assert instant(first).endswith("Z")
        assert len(instant(first)) == len(WHEN)


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
    TEXTS = LocalizedText((("en-GB", "Trousers"), ("de", "Hose"), ("en-US", "Pants"), ("fr", "Pantalon")))

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
