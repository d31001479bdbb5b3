"""The page of events: each kind, what it is known by, which messages tell it, and what it says."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.consent import Evidence, Says
from ct_ac_sync.domain.customer import Customer, PostalAddress
from ct_ac_sync.domain.event import DELETIONS, Event, EventKind
from ct_ac_sync.domain.identity import CustomerId
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.payment import Payment, Transaction
from ct_ac_sync.domain.shopping_list import ListItem, ShoppingList
from ct_ac_sync.mapping.consent import News
from ct_ac_sync.mapping.events.carts import events_of_cart
from ct_ac_sync.mapping.events.consent import event_of_consent
from ct_ac_sync.mapping.events.customers import events_of_customer
from ct_ac_sync.mapping.events.orders import events_of_order, recovery_of
from ct_ac_sync.mapping.events.shopping_lists import events_of_list
from ct_ac_sync.mapping.events.sight import Sight
from ct_ac_sync.schemas.commercetools.customer import CustomerSchema
from ct_ac_sync.schemas.commercetools.order import OrderSchema
from tests.unit.wire import a_customer, an_order

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "events.md").read_text("utf-8")
MESSAGES = (ROOT / "ct_ac_sync" / "mapping" / "events" / "messages.py").read_text("utf-8")

BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
SIGHT = Sight(noticed_at=BEGAN + timedelta(days=30), cutover=BEGAN - timedelta(days=1))
IDLE = timedelta(hours=1)
EURO = Money(cents=100, currency="EUR", digits=2)
#: Kinds that two states of a record tell; that one is gone, it does not tell itself.
SHOWN = [kind for kind in EventKind if kind not in DELETIONS]


class Row(NamedTuple):
    """What the page says of a kind."""

    key: str
    meaning: str
    noticed_by: str
    messages: frozenset[str]
    says: frozenset[str]


def rows() -> dict[str, Row]:
    """Return the rows of the table of kinds."""
    section = PAGE.partition("## What can happen\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    return {
        kind.strip("`"): Row(key.strip("`"), meaning, noticed_by, _words(messages), _words(says))
        for kind, key, meaning, noticed_by, messages, says in cells
    }


def _words(cell: str) -> frozenset[str]:
    return frozenset(re.findall(r"`(\w+)`", cell))


# -- one of each, whose ids are what the page calls them ------------------------------


def order(*payments: Payment, **changes: Any) -> Order:
    """Return an order that shows *payments*."""
    known = {"id": "order", "cart": {"id": "cart"}, "origin": "Customer"}
    value = OrderSchema().load(an_order(**known | changes))
    assert isinstance(value, Order)
    return replace(value, payments=payments)


def payment(type_: str = "Charge", state: str = "Success") -> Payment:
    """Return a payment with a transaction."""
    transaction = Transaction(id="transaction", type=type_, state=state, amount=EURO)
    return Payment(id="payment", method="Card", transactions=(transaction,))


def parcels() -> dict[str, Any]:
    """Return a shipping with a parcel of which everything is known."""
    parcel = {
        "id": "parcel", "items": [{"id": "l1", "quantity": 1}],
        "trackingData": {"trackingId": "T1", "carrier": "DHL"},
    }  # fmt: skip
    return {
        "shippingMethodName": "Post", "price": {"currencyCode": "EUR", "centAmount": 0},
        "deliveries": [{"id": "delivery", "items": [], "parcels": [parcel]}],
    }  # fmt: skip


def returned(state: str) -> list[dict[str, Any]]:
    """Return a return of one item."""
    return [{"items": [{"id": "item", "lineItemId": "l1", "quantity": 1, "shipmentState": state}]}]


def orders() -> Iterator[Order]:
    """Give orders that between them have been through everything."""
    yield order(payment())
    yield order(orderState="Confirmed")
    yield order(orderState="Complete")
    yield order(orderState="Cancelled")
    yield order(payment(), paymentState="Paid")
    yield order(payment(state="Failure"), paymentState="Failed")
    yield order(shippingInfo=parcels(), shipmentState="Delivered")
    yield order(returnInfo=returned("Advised"))
    yield order(returnInfo=returned("Returned"))
    yield order(payment("Refund"))
    yield order(payment("Chargeback"))


def consent_events() -> Iterator[Event]:
    """Give the events of a customer who agrees, and takes it back."""
    for says, before in ((Says.YES, Says.NOTHING), (Says.NO, Says.YES)):
        said = Evidence(says=says, since=BEGAN, at=BEGAN)
        news = News(channel="channel", place="place", evidence=said, before=before)
        event = event_of_consent(news, stream="customers", id_="record", version=2)
        assert event is not None
        yield event


def cart_events() -> Iterator[Event]:
    """Give the events of a cart that is filled, taken through the checkout and changed."""
    (line,) = order().line_items
    known = {"created_at": BEGAN, "last_modified_at": BEGAN, "total_price": EURO}
    before = Cart(id="cart", version=1, line_items=(line,), **known)  # type: ignore[arg-type]
    after = replace(
        before, version=2, line_items=(replace(line, quantity=2),), has_shipping=True, has_payment=True,
        shipping_address=PostalAddress(country="DE"),
    )  # fmt: skip
    for was, now in ((None, before), (before, after)):
        yield from events_of_cart(was, now, sight=SIGHT, is_historical=False, idle=IDLE).events


def list_events() -> tuple[Event, ...]:
    """Return the event of a list with a product on it."""
    item = ListItem(id="line", product_id="product", variant_id="1", quantity=1, added_at=BEGAN)
    after = ShoppingList(
        id="list", version=1, created_at=BEGAN, last_modified_at=BEGAN, customer_id=CustomerId("customer"), items=(item,),
    )  # fmt: skip
    return events_of_list(None, after, sight=SIGHT, is_historical=False)


def events() -> Iterator[Event]:
    """Give at least one event of each kind that is shown, which says all that its kind can say."""
    customer = CustomerSchema().load(a_customer(id="customer"))
    assert isinstance(customer, Customer)
    yield from events_of_customer(None, customer, sight=SIGHT, is_historical=False)
    yield from consent_events()
    yield from list_events()
    yield from cart_events()
    yield recovery_of(order())
    for each in orders():
        yield from events_of_order(order(), each, sight=SIGHT, is_historical=False)
    yield from events_of_order(None, order(payment()), sight=SIGHT, is_historical=False)


def told() -> dict[str, Event]:
    """Return one event of each kind."""
    return {each.kind.value: each for each in events()}


def said(event: Event) -> set[str]:
    """Return the names of what an event holds."""
    parts = {"amount": event.amount, "net": event.net, "items": event.items}
    return {name for name, value in parts.items() if value} | dict(event.details).keys()


class TestKinds:
    def test_the_page_lists_exactly_the_kinds(self):
        """Every kind stands on the page once, in the order of the code, and no other does."""
        assert list(rows()) == [kind.value for kind in EventKind]

    @pytest.mark.parametrize("kind", SHOWN)
    def test_a_kind_is_known_by_the_key_of_the_page(self, kind: EventKind):
        """The business key is made of what the page names, in that order."""
        key = told()[kind].key

        assert re.sub(r"/2\b", "/version", key) == rows()[kind].key

    @pytest.mark.parametrize("kind", [EventKind.SHIPPED, EventKind.DELIVERED])
    def test_without_parcels_the_order_is_the_key(self, kind: EventKind):
        """Where there are no parcels the page names the key that is used instead."""
        after = order(shipmentState=kind.value.capitalize())
        (event,) = events_of_order(order(), after, sight=SIGHT, is_historical=False)

        assert (event.kind, event.key) == (kind, "order")
        assert "`order` where there are no" in rows()[kind].meaning

    @pytest.mark.parametrize("kind", SHOWN)
    def test_a_kind_says_what_the_page_has_it_say(self, kind: EventKind):
        """What an event holds besides its kind, key and time is what the page names, all of it."""
        assert said(told()[kind]) == rows()[kind].says

    @pytest.mark.parametrize("kind", SHOWN)
    def test_a_kind_is_noticed_in_a_stream_that_is_read(self, kind: EventKind):
        """The stream that shows an event is that of its record, but for payments, which are parts of orders."""
        stream = rows()[kind].noticed_by.partition(",")[0]

        assert stream.replace("payments", "orders") == told()[kind].stream


class TestMessages:
    def test_the_page_names_exactly_the_messages_that_tell_something(self):
        """Every type of message that is understood stands beside a kind, and no other does."""
        understood = set(re.findall(r'^    "(\w+)": _\w+,$', MESSAGES, re.MULTILINE))

        assert set().union(*(row.messages for kind, row in rows().items() if kind in SHOWN)) == understood
