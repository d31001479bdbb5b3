"""Carts, shopping lists, payments and messages from the wire: what is read, what is tolerated, what is never stored."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import SHARED, vendor_file

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.identity import CustomerId
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.payment import PaymentRecord, Transaction
from ct_ac_sync.domain.shopping_list import ListItem, ShoppingList
from ct_ac_sync.ports import Readable, Stream, Unreadable
from ct_ac_sync.schemas.commercetools.message import COMMON
from ct_ac_sync.schemas.commercetools.parse import SCHEMAS, parse_record
from tests.unit.test_schemas import paths, replaced
from tests.unit.wire import WHEN, a_customer, an_order, line, money, taxed

MOMENT = datetime(2026, 3, 1, 10, 0, 0, 123_000, UTC)
SECRET = "tok_0123456789"
DOCUMENTS = [
    (stream, f"{name}.example.json")
    for stream, names in (
        (Stream.CARTS, ("cart", "carts", "b2b-cart")),
        (Stream.PAYMENTS, ("payment", "payments")),
        (Stream.MESSAGES, ("message", "messages")),
    )
    for name in names
]
REAL_ORDERS = sorted(path.name for path in (SHARED / "fixtures/commercetools/orders").glob("*.json")) or [
    "order-with-us-tax.json"
]
TEXT = st.text(st.characters(categories=("L", "N")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def a_cart(**changes: Any) -> dict[str, Any]:
    """Return a cart's body."""
    known: dict[str, Any] = {
        "id": "k1", "version": 4, "createdAt": WHEN, "lastModifiedAt": WHEN, "cartState": "Active",
        "origin": "Customer", "customerId": "c1", "customerEmail": "Ann@Example.org", "locale": "de-DE",
        "country": "DE", "store": {"typeId": "store", "key": "de"}, "totalPrice": money(1000),
        "lineItems": [line()], "customLineItems": [],
    }  # fmt: skip
    return known | changes


def a_list(**changes: Any) -> dict[str, Any]:
    """Return a shopping list's body."""
    item = {
        "id": "l1", "addedAt": "2026-03-01T09:59:00.000Z", "name": {"en": "Shoe"}, "productId": "p1",
        "productType": {"typeId": "product-type", "id": "t1"}, "published": True, "quantity": 2, "variantId": 3,
    }  # fmt: skip
    known: dict[str, Any] = {
        "id": "s1", "version": 4, "createdAt": WHEN, "lastModifiedAt": WHEN, "name": {"en": "Wishes"},
        "customer": {"typeId": "customer", "id": "c1"}, "store": {"typeId": "store", "key": "de"},
        "lineItems": [item], "textLineItems": [{"id": "x1", "name": {"en": "Something blue"}, "quantity": 1}],
    }  # fmt: skip
    return known | changes


def a_payment(**changes: Any) -> dict[str, Any]:
    """Return a payment's body."""
    charge = {"id": "t1", "type": "Charge", "state": "Success", "amount": money(1000), "timestamp": WHEN}
    known: dict[str, Any] = {
        "id": "p1", "version": 5, "createdAt": "2026-03-01T09:00:00Z", "lastModifiedAt": WHEN,
        "amountPlanned": money(1000), "transactions": [charge],
        "paymentMethodInfo": {"paymentInterface": "Adyen", "method": "scheme", "name": {"en": "Card"}},
    }  # fmt: skip
    return known | changes


def a_message(**changes: Any) -> dict[str, Any]:
    """Return a message's body."""
    known: dict[str, Any] = {
        "id": "m1", "version": 1, "createdAt": WHEN, "lastModifiedAt": WHEN, "sequenceNumber": 4,
        "resource": {"typeId": "order", "id": "o1"}, "resourceVersion": 7, "type": "OrderPaymentStateChanged",
        "resourceUserProvidedIdentifiers": {"orderNumber": "A-1"}, "createdBy": {"clientId": "x"},
        "lastModifiedBy": {"clientId": "x"}, "paymentState": "Paid", "oldPaymentState": "Pending",
    }  # fmt: skip
    return known | changes


def telling(**payload: Any) -> dict[str, Any]:
    """Return the body of a message that says this alone."""
    return {name: each for name, each in a_message().items() if name in COMMON} | payload


BODIES = {
    Stream.CARTS: a_cart, Stream.SHOPPING_LISTS: a_list, Stream.PAYMENTS: a_payment, Stream.MESSAGES: a_message,
}  # fmt: skip
REQUIRED = {
    Stream.CARTS: {"id", "version", "createdAt", "lastModifiedAt", "totalPrice"},
    Stream.SHOPPING_LISTS: {"id", "version", "createdAt", "lastModifiedAt"},
    Stream.PAYMENTS: {"id", "version", "createdAt", "lastModifiedAt"},
    Stream.MESSAGES: {
        "id", "version", "createdAt", "lastModifiedAt", "resource", "resourceVersion", "type",
    },
}  # fmt: skip


def read(stream: Stream, body: Any) -> Any:
    """Return the value of a body that can be read."""
    found = parse_record(stream, body)
    assert isinstance(found, Readable), getattr(found, "faults", None)
    return found.value


def read_cart(**changes: Any) -> Cart:
    """Return the cart of a body that can be read."""
    found = read(Stream.CARTS, a_cart(**changes))
    assert isinstance(found, Cart)
    return found


def read_message(**changes: Any) -> Message:
    """Return the message of a body that can be read."""
    found = read(Stream.MESSAGES, a_message(**changes))
    assert isinstance(found, Message)
    return found


class TestVendorsOwnRecords:
    @pytest.mark.parametrize(("stream", "name"), DOCUMENTS)
    def test_every_record_is_read(self, stream: Stream, name: str):
        """Each cart, payment and message of the vendor's documents is read without a fault."""
        body = json.loads(vendor_file("fixtures", "commercetools", "docs", name).read_text("utf-8"))

        for each in body.get("results", [body]):
            assert read(stream, each).id == each["id"]

    @pytest.mark.parametrize("name", REAL_ORDERS)
    def test_a_cart_is_read_as_its_order_is(self, name: str):
        """Lines, totals and addresses of a real order are the same where they stand in a cart."""
        body = json.loads(vendor_file("fixtures", "commercetools", "orders", name).read_text("utf-8"))

        order, cart = read(Stream.ORDERS, body), read(Stream.CARTS, body)

        assert isinstance(order, Order)
        assert cart.line_items == order.line_items
        assert (cart.total, cart.total_gross, cart.email) == (order.total, order.total_gross, order.email)
        assert (cart.billing_address, cart.shipping_address) == (
            order.billing_address,
            order.shipping_address,
        )
        assert cart.has_shipping == bool(order.shippings)

    @pytest.mark.parametrize(("stream", "name"), DOCUMENTS[::2])
    def test_no_stranger_stops_a_record_with_a_crash(self, stream: Stream, name: str):
        """Whichever value is null, a number, a list or missing, the record is read or told with its faults."""
        body = json.loads(vendor_file("fixtures", "commercetools", "docs", name).read_text("utf-8"))
        record = body.get("results", [body])[0]

        for path in list(paths(record)):
            for value in (None, 7, "x", [], {}, [None], {"x": None}, True):
                found = parse_record(stream, replaced(record, path, value))
                assert isinstance(found, Readable) or found.faults


class TestMangled:
    def test_every_stream_can_be_read(self):
        """There is a schema for each stream."""
        assert set(SCHEMAS) == set(Stream)

    @pytest.mark.parametrize("stream", BODIES)
    @given(data=st.data())
    def test_whatever_stands_where_it_should_not(self, stream: Stream, data: st.DataObject):
        """A record with anything at all in place of some values is read, or told with its faults, and kept."""
        body = BODIES[stream](**data.draw(st.dictionaries(st.sampled_from(_names(stream)), JSON, max_size=3)))
        path = data.draw(st.sampled_from(list(paths(body))))

        found = parse_record(stream, replaced(body, path, data.draw(JSON)))

        assert isinstance(found, Readable) or found.faults
        assert json.dumps(found.body, allow_nan=False)

    @pytest.mark.parametrize("stream", BODIES)
    @given(body=JSON)
    def test_what_is_no_record_is_unreadable(self, stream: Stream, body: Any):
        """Whatever comes in the place of a record is told, and never raises."""
        assert isinstance(parse_record(stream, body), Unreadable)

    @pytest.mark.parametrize("stream", BODIES)
    def test_what_must_be_there_is_named(self, stream: Stream):
        """What is missing or null is the fault at its path, and the rest may be missing or null."""
        for name in BODIES[stream]():
            whole = BODIES[stream]()
            missing = parse_record(stream, {k: v for k, v in whole.items() if k != name})
            null = parse_record(stream, whole | {name: None})
            assert isinstance(missing, Unreadable) is (name in REQUIRED[stream])
            assert getattr(missing, "faults", {}).keys() == ({name} & REQUIRED[stream])
            assert getattr(missing, "faults", {}) == getattr(null, "faults", {})

    @pytest.mark.parametrize("stream", BODIES)
    def test_who_was_imported_says_so(self, stream: Stream):
        """A record is imported where its maker says so."""
        body = BODIES[stream]()

        assert not read(stream, body).is_imported
        assert read(stream, body | {"createdBy": {"attributedTo": {"source": "Import"}}}).is_imported


def _names(stream: Stream) -> list[str]:
    """Return the names that a record of a stream may have."""
    more = {
        Stream.CARTS: ["shipping", "shippingInfo", "paymentInfo", "taxedPrice", "billingAddress"],
        Stream.SHOPPING_LISTS: ["anonymousId", "custom", "slug"],
        Stream.PAYMENTS: ["interfaceInteractions", "key"],
        Stream.MESSAGES: ["payment", "order", "customer", "payloadNotIncluded", "value"],
    }
    return [*BODIES[stream](), *more[stream]]


class TestCarts:
    def test_a_cart_is_read(self):
        """Whose it is, where and for how much arrive under our names."""
        cart = read_cart()

        assert (cart.id, cart.version, cart.created_at, cart.last_modified_at) == ("k1", 4, MOMENT, MOMENT)
        assert (cart.customer_id, cart.email, cart.locale) == ("c1", "Ann@Example.org", "de-DE")
        assert (cart.country, cart.store_key, cart.state, cart.origin) == ("DE", "de", "Active", "Customer")
        assert (cart.total.cents, cart.total_gross) == (1000, None)
        assert [each.name.pick("de") for each in cart.line_items] == ["Schuh"]

    def test_little_is_enough(self):
        """A cart without a state, a buyer, lines, addresses and choices is an active one of a customer."""
        known = {name: each for name, each in a_cart().items() if name in REQUIRED[Stream.CARTS]}

        cart = read(Stream.CARTS, known)

        assert (cart.state, cart.origin, cart.email, cart.customer_id) == ("Active", "Customer", None, None)
        assert (cart.line_items, cart.shipping_address) == ((), None)
        assert (cart.has_shipping, cart.has_payment) == (False, False)

    def test_unknown_states_are_kept(self):
        """The vendor adds values at any time, and none makes a cart unreadable."""
        cart = read_cart(cartState="Sleeping", origin="Moon")

        assert (cart.state, cart.origin) == ("Sleeping", "Moon")

    def test_gross_goes_before_net(self):
        """What the buyer would pay is the gross total where the source knows the tax."""
        assert read_cart(taxedPrice=taxed(1000, 1190)).total.cents == 1190
        assert read_cart(taxedPrice={"totalNet": money(5)}).total.cents == 1000

    def test_custom_lines_are_lines(self):
        """A custom line comes after the products."""
        custom = {
            "id": "x1", "name": {"en": "Wrap"}, "slug": "wrap", "money": money(250), "quantity": 1,
            "totalPrice": money(250),
        }  # fmt: skip

        assert [each.product_id for each in read_cart(customLineItems=[custom]).line_items] == ["p1", "wrap"]

    @pytest.mark.parametrize(
        ("changes", "has_shipping"),
        [
            ({}, False),
            ({"shippingInfo": None, "shipping": []}, False),
            ({"shipping": [None]}, False),
            ({"shippingInfo": {"shippingMethodName": "Standard", "price": money(490)}}, True),
            ({"shippingMode": "Multiple", "shipping": [{"shippingKey": "a"}]}, True),
        ],
    )
    def test_a_shipping_method_of_either_mode_is_a_choice(self, *, changes: Any, has_shipping: bool):
        """A cart has a shipping where it names one, or of several at least one."""
        assert read_cart(**changes).has_shipping is has_shipping

    @pytest.mark.parametrize(
        ("info", "has_payment"),
        [
            (None, False),
            ({}, False),
            ({"payments": []}, False),
            ({"payments": [None]}, False),
            ({"payments": [{"typeId": "payment", "id": "p1"}]}, True),
        ],
    )
    def test_a_payment_is_a_choice(self, *, info: Any, has_payment: bool):
        """A cart has a payment where it refers to one."""
        assert read_cart(paymentInfo=info).has_payment is has_payment

    def test_the_first_shippings_address_stands_in(self):
        """A cart of several shippings has the first one's address, unless it has its own."""
        shipping = [{"shippingAddress": {"country": each, "email": f"{each}@x.org"}} for each in ("FR", "DE")]

        cart = read_cart(shipping=shipping, customerEmail=None)
        own = read_cart(shipping=shipping, shippingAddress={"country": "AT"})

        assert (cart.shipping_address and cart.shipping_address.country, cart.email) == ("FR", "FR@x.org")
        assert own.shipping_address is not None
        assert own.shipping_address.country == "AT"


class TestShoppingLists:
    def test_a_list_is_read(self):
        """Whose it is, and of each line its product, variant and quantity, and since when it is there."""
        found = read(Stream.SHOPPING_LISTS, a_list())

        added = datetime(2026, 3, 1, 9, 59, tzinfo=UTC)
        assert found == ShoppingList(
            id="s1", version=4, created_at=MOMENT, last_modified_at=MOMENT, customer_id=CustomerId("c1"),
            items=(ListItem(id="l1", product_id="p1", variant_id="3", quantity=2, added_at=added),),
        )  # fmt: skip
        assert found.email is None

    def test_little_is_enough(self):
        """A list of nobody known, a variant that is left open, and a line without its time are read."""
        item = {"id": "l1", "productId": "p1", "quantity": 1}
        found = read(Stream.SHOPPING_LISTS, a_list(customer=None, lineItems=[item], textLineItems=None))

        assert (found.customer_id, found.items) == (None, (ListItem("l1", "p1", None, 1, MOMENT),))

    @pytest.mark.parametrize("name", ["id", "productId", "quantity"])
    def test_a_line_that_is_none_is_a_fault(self, name: str):
        """A line that could be any is told at its path."""
        item = {"id": "l1", "productId": "p1", "quantity": 1} | {name: None}
        found = parse_record(Stream.SHOPPING_LISTS, a_list(lineItems=[item]))

        assert isinstance(found, Unreadable)
        assert found.faults.keys() == {f"lineItems.0.{name}"}


class TestPayments:
    def test_a_payment_is_read(self):
        """A payment as a record has stamps and version, and so has what is in it."""
        record = read(Stream.PAYMENTS, a_payment())

        assert isinstance(record, PaymentRecord)
        assert (record.id, record.version, record.last_modified_at) == ("p1", 5, MOMENT)
        assert record.created_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
        payment = record.payment
        assert (payment.id, payment.version, payment.modified_at) == ("p1", 5, MOMENT)
        assert (payment.method, payment.interface) == ("Card", "Adyen")
        assert [(each.id, each.type, each.state) for each in payment.transactions] == [
            ("t1", "Charge", "Success")
        ]
        assert all(isinstance(each, Transaction) for each in payment.transactions)

    def test_a_payment_is_the_same_in_its_order(self):
        """What an order shows in full is what the payment is as a record."""
        order = an_order(paymentInfo={"payments": [{"typeId": "payment", "id": "p1", "obj": a_payment()}]})

        (shown,) = read(Stream.ORDERS, order).payments

        assert shown == read(Stream.PAYMENTS, a_payment()).payment

    def test_in_an_order_a_payment_may_lack_version_and_stamp(self):
        """A payment that an order shows without them is read, as none has seen it."""
        order = an_order(paymentInfo={"payments": [{"id": "p1", "obj": {"id": "p1"}}]})

        (shown,) = read(Stream.ORDERS, order).payments

        assert (shown.version, shown.modified_at) == (0, None)


class TestMessages:
    def test_a_message_is_read(self):
        """What is common to all arrives under our names, and the rest is what it says."""
        message = read_message()

        assert (message.id, message.version, message.created_at) == ("m1", 1, MOMENT)
        assert (message.type, message.sequence) == ("OrderPaymentStateChanged", 4)
        assert (message.resource_kind, message.resource_id, message.resource_version) == ("order", "o1", 7)
        assert message.payload == {"paymentState": "Paid", "oldPaymentState": "Pending"}

    def test_an_unknown_type_is_read(self):
        """The list of types grows, and what one says is kept as it is."""
        payload = {"phase": "full", "craters": [{"name": None}, None], "n": 1.5}

        message = read_message(type="MoonRisen", resource={"typeId": "moon", "id": "x"}, **payload)

        assert (message.type, message.resource_kind) == ("MoonRisen", "moon")
        assert {name: message.payload[name] for name in payload} == payload

    @pytest.mark.parametrize("number", [None, 1, 2**63 - 1])
    def test_a_number_may_be_missing(self, number: int | None):
        """What was written while messages were off has no number, and is read."""
        assert read_message(sequenceNumber=number).sequence == number

    @pytest.mark.parametrize("number", [0, -1, 2**63, 1.5, "4", True, []])
    def test_a_number_that_is_none_is_a_fault(self, number: Any):
        """Numbers count from one."""
        found = parse_record(Stream.MESSAGES, a_message(sequenceNumber=number))

        assert isinstance(found, Unreadable)
        assert found.faults.keys() == {"sequenceNumber"}

    def test_a_payload_may_be_missing(self):
        """A message that says nothing, null, or that it cannot say it, has an empty payload."""
        left_out = {"reason": "too large", "payloadType": "OrderCreated"}

        assert read(Stream.MESSAGES, telling()).payload == {}
        assert read(Stream.MESSAGES, telling(order=None)).payload == {}
        assert read(Stream.MESSAGES, telling(payloadNotIncluded=left_out)).payload == {}

    @given(
        st.dictionaries(st.text("abcxyz", min_size=1, max_size=3).map("own{}".format), st.integers() | TEXT)
    )
    def test_whatever_is_not_common_is_the_payload(self, payload: dict[str, Any]):
        """Every field that not all messages have is told as it is."""
        assert read(Stream.MESSAGES, telling(**payload)).payload == payload


def _secretive(**more: Any) -> dict[str, Any]:
    """Return a payment that holds secrets in each place that a payment has for them."""
    info = {"method": "card", "token": {"value": SECRET}}
    interactions = [{"fields": {"answer": SECRET}}]
    return a_payment(paymentMethodInfo=info, interfaceInteractions=interactions) | more


IN_A_CART = {"typeId": "payment", "id": "p1", "obj": _secretive()}
SECRETIVE = [
    (Stream.PAYMENTS, _secretive()),
    (Stream.PAYMENTS, _secretive(version=None)),
    (Stream.CARTS, a_cart(paymentInfo={"payments": [IN_A_CART]})),
    (Stream.MESSAGES, a_message(type="PaymentCreated", payment=_secretive())),
    (Stream.MESSAGES, a_message(type="OrderCreated", order=an_order(paymentInfo={"payments": [IN_A_CART]}))),
    (Stream.MESSAGES, a_message(type="CustomerCreated", customer=a_customer(password=SECRET))),
    (Stream.MESSAGES, a_message(type="CustomerCreated", customer=a_customer(password=SECRET), id=None)),
    (Stream.MESSAGES, a_message(type="PaymentInteractionAdded", interaction={"fields": {"x": SECRET}})),
    (Stream.MESSAGES, a_message(type="PaymentMethodInfoTokenSet", token={"value": SECRET}, oldToken=SECRET)),
    (Stream.MESSAGES, a_message(type="PaymentMethodCreated", paymentMethod={"token": {"value": SECRET}})),
    (Stream.MESSAGES, a_message(type="CustomerPasswordTokenCreated", value=SECRET)),
    (Stream.MESSAGES, a_message(type="CustomerEmailTokenCreated", value=SECRET)),
]


class TestSecrets:
    @pytest.mark.parametrize(("stream", "body"), SECRETIVE)
    def test_no_secret_is_kept(self, stream: Stream, body: Any):
        """What opens an account, what one could pay with and what providers said is stored nowhere."""
        assert SECRET in repr(body)

        found = parse_record(stream, body)

        assert SECRET not in repr(dict(found.body))
        assert SECRET not in repr(getattr(getattr(found, "value", None), "payload", None))

    def test_what_is_no_secret_is_kept(self):
        """A value of a custom field and the other parts of a payment are told as they are."""
        changed = read_message(type="CustomerCustomFieldChanged", name="size", value="44")
        paid = read_message(type="PaymentCreated", payment=_secretive())

        assert changed.payload["value"] == "44"
        assert paid.payload["payment"]["paymentMethodInfo"] == {"method": "card"}
        assert paid.payload["payment"]["transactions"] == _secretive()["transactions"]
