"""Contacts without a configuration of one's own: what a customer or a guest becomes by the default one."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.mapping.texts import instant
from ct_ac_sync.schemas.activecampaign.outbound import dump_contact, dump_import_row
from tests.unit.people import IDS, contact_of
from tests.unit.wire import WHEN, a_customer, an_order, is_shown

TEXTS = st.none() | st.text(max_size=20)


class TestCustomer:
    def test_a_customer_becomes_a_contact(self):
        """Names, telephone and fields come from the customer and its main address."""
        contact = contact_of(
            customers=[
                a_customer(
                    customerNumber="C-1", key="k", locale="de-DE", defaultBillingAddressId="b",
                    addresses=[{"id": "a", "phone": "1"}, {"id": "b", "phone": "2", "mobile": "3"}],
                )
            ]
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
        places = [{"id": "a", "firstName": "A", "lastName": "B"}]

        contact = contact_of(customers=[a_customer(firstName=None, lastName=None, addresses=places)])

        assert contact is not None
        assert (contact.first_name, contact.last_name) == ("A", "B")

    @pytest.mark.parametrize(
        ("roles", "wanted"),
        [
            ({"defaultBillingAddressId": "b", "defaultShippingAddressId": "c"}, "b"),
            ({"defaultShippingAddressId": "c", "billingAddressIds": ["b"]}, "c"),
            ({"billingAddressIds": ["b", "c"]}, "b"),
            ({}, "a"),
            ({"defaultBillingAddressId": "gone"}, "a"),
        ],
    )
    def test_billing_then_shipping_then_first(self, roles: Any, wanted: str):
        """Default billing, else default shipping, else the first billing, else the first; a stale id is passed over."""
        places = [{"id": id_, "country": "DE", "firstName": id_, "phone": id_} for id_ in "abc"]

        contact = contact_of(customers=[a_customer(firstName=None, addresses=places, **roles)])

        assert contact is not None
        assert (contact.first_name, contact.phone) == (wanted, wanted)

    def test_without_an_address_of_its_own_nothing_stands_in(self):
        """A customer without addresses has no main one, and what only that would tell is empty."""
        contact = contact_of(customers=[a_customer(firstName=None, addresses=None)])

        assert contact is not None
        assert (contact.first_name, contact.last_name, contact.phone) == ("", "Lee", "")

    def test_the_oldest_customer_speaks_in_whatever_order_they_come(self):
        """Of several customers with one address the contact is the same however they are listed."""
        young = a_customer(
            id="c0",
            firstName="Young",
            createdAt="2026-03-02T00:00:00Z",
            lastModifiedAt="2026-03-09T00:00:00Z",
        )
        old = a_customer(id="c9", firstName="Old", createdAt="2026-03-01T00:00:00Z")
        twin = a_customer(id="c8", firstName="Twin", createdAt="2026-03-01T00:00:00Z")

        contacts = {contact_of(customers=each) for each in itertools.permutations([young, old, twin])}

        (contact,) = contacts
        assert contact is not None
        assert contact.first_name == "Twin"
        assert dict(contact.fields)["CT_LAST_MODIFIED"] == "2026-03-09T00:00:00.000Z"

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
        one = a_customer(firstName=first, lastName=last, key=key, addresses=addresses)

        contact = contact_of(customers=[one])

        assert contact is not None
        assert contact == contact_of(customers=[one])
        assert (
            dump_contact(contact, IDS)["contact"]["firstName"] == dump_import_row(contact, IDS)["first_name"]
        )
        for text in (contact.first_name, contact.last_name, contact.phone, *dict(contact.fields).values()):
            assert text == " ".join(text.split())
            assert is_shown(text)

    @given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
    def test_instants_are_written_as_the_vendor_writes_them(self, one: datetime, other: datetime):
        """UTC, three digits, Z; the order of texts is the order of instants."""
        first, second = sorted([one, other])

        assert instant(first) <= instant(second)
        assert instant(first).endswith("Z")
        assert len(instant(first)) == len(WHEN)


class TestGuest:
    def test_a_guest_is_its_newest_order(self):
        """A guest's contact comes from the newest order, whatever order they come in."""
        first = an_order(id="o1", customerId=None, billingAddress={"firstName": "A"})
        second = first | {"id": "o2", "lastModifiedAt": "2026-03-01T10:00:01.123Z", "locale": "fr-FR"}

        contact = contact_of(orders=[first, second])

        assert contact == contact_of(orders=[second, first])
        assert contact is not None
        assert (contact.first_name, dict(contact.fields)) == (
            "A",
            {
                "CT_CUSTOMER_ID": "", "CT_CUSTOMER_KEY": "", "CT_CUSTOMER_NUMBER": "",
                "CT_LAST_MODIFIED": "2026-03-01T10:00:01.123Z", "CT_LOCALE": "fr-FR",
            },
        )  # fmt: skip

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
        contact = contact_of(orders=[an_order(**changes)])

        assert contact is not None
        assert contact.email == email

    def test_nobody_without_an_address(self):
        """A person without any address is no contact."""
        assert contact_of() is None
        assert contact_of(orders=[an_order(customerEmail=None)]) is None
        assert contact_of(customers=[a_customer(email="  ")]) is None


class TestOnTheWire:
    def test_what_is_gone_is_cleared(self):
        """A field the customer no longer has is sent empty, because the vendor clears by an empty value."""
        contact = contact_of(customers=[a_customer(key=None, locale=None)])

        assert contact is not None
        sent = {each["field"]: each["value"] for each in dump_contact(contact, IDS)["contact"]["fieldValues"]}
        assert sent[IDS["CT_CUSTOMER_KEY"]] == ""
        assert sent[IDS["CT_LOCALE"]] == ""

    def test_an_import_starts_no_automation_and_opens_no_list(self):
        """A row of bulk import excludes automations, and says nothing about lists or tags."""
        contact = contact_of(customers=[a_customer()])

        assert contact is not None
        row = dump_import_row(contact, IDS)
        assert row["exclude_automations"] is True
        assert not {"subscribe", "unsubscribe", "tags"} & row.keys()

    @pytest.mark.parametrize("email", ["x", "a@b", "ann+tag@example.org"])
    def test_an_odd_address_is_left_to_the_vendor(self, email: str):
        """We refuse no address on our own: the vendor's refusal names the row, and a dead letter its cause."""
        contact = contact_of(customers=[a_customer(email=email)])

        assert contact is not None
        assert dump_contact(contact, IDS)["contact"]["email"] == email
        assert dump_import_row(contact, IDS)["email"] == email
