"""Events: what two states of a record tell, what messages tell, and that both call it the same."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.consent import Evidence, Says
from ct_ac_sync.domain.customer import Customer, PostalAddress
from ct_ac_sync.domain.event import Event, EventItem, EventKind
from ct_ac_sync.domain.identity import CustomerId
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import LineItem, LocalizedText, Order
from ct_ac_sync.domain.payment import Payment, PaymentRecord, Transaction
from ct_ac_sync.mapping.consent import News
from ct_ac_sync.mapping.events.carts import CartNews, events_of_cart
from ct_ac_sync.mapping.events.consent import event_of_consent
from ct_ac_sync.mapping.events.customers import events_of_customer
from ct_ac_sync.mapping.events.merge import payments_in, with_payments
from ct_ac_sync.mapping.events.messages import events_of_message
from ct_ac_sync.mapping.events.orders import events_of_order, recovery_of
from ct_ac_sync.mapping.events.sight import Sight
from ct_ac_sync.sandbox.commercetools.message_types import said_of
from ct_ac_sync.schemas.commercetools.order import OrderSchema
from ct_ac_sync.schemas.commercetools.payment import PaymentSchema
from tests.unit.wire import an_order, line, money

Body = dict[str, Any]
Known = Customer | Order | PaymentRecord

BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
SIGHT = Sight(noticed_at=BEGAN + timedelta(days=30), cutover=BEGAN - timedelta(days=1))
IDLE = timedelta(minutes=60)


def later(minutes: float) -> datetime:
    """Return an instant as many minutes after the beginning."""
    return BEGAN + timedelta(minutes=minutes)


def stamp(minutes: float) -> str:
    """Return the same as the wire has it."""
    return later(minutes).isoformat()


def euros(cents: int) -> Money:
    """Return an amount."""
    return Money(cents=cents, currency="EUR", digits=2)


def order_of(body: Mapping[str, Any]) -> Order:
    """Return what an order's body says."""
    order = OrderSchema().load(body)
    assert isinstance(order, Order)
    return order


def order(version: int = 1, **changes: Any) -> Order:
    """Return an order that was last modified as many minutes after its beginning as it has versions."""
    known = {
        "version": version,
        "createdAt": stamp(0),
        "lastModifiedAt": stamp(version),
        "cart": {"id": "k1"},
    }
    return order_of(an_order(**known | changes))


def parcel(id_: str, **tracking: Any) -> Body:
    """Return a parcel with one unit in it."""
    return {"id": id_, "trackingData": tracking, "items": [{"id": "l1", "quantity": 1}]}


def sent(*parcels: Body) -> Body:
    """Return a shipping by which these went."""
    return {"shippingMethodName": "Post", "price": money(0), "deliveries": [{"id": "d1", "items": [], "parcels": [*parcels]}]}  # fmt: skip


def returns(*items: tuple[str, str]) -> list[Body]:
    """Return a return of items by id and state."""
    rows = [{"id": id_, "lineItemId": "l1", "quantity": 1, "shipmentState": state} for id_, state in items]
    return [{"items": rows}]


def told(
    before: Order | None, after: Order, *, sight: Sight = SIGHT, is_historical: bool = False
) -> list[Event]:
    """Return the events of an order."""
    return [*events_of_order(before, after, sight=sight, is_historical=is_historical)]


def names(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Return kinds and keys."""
    return [(each.kind.value, each.key) for each in events]


PLACED = ("order_placed", "o1")


class TestOrders:
    def test_one_seen_first_was_placed(self):
        """An order that is seen first was placed when it was created, for what the buyer pays."""
        (event,) = told(None, order(3, origin="Customer"))

        assert event == Event(
            kind=EventKind.ORDER_PLACED, key="o1", happened_at=BEGAN, stream="orders", id="o1",
            amount=euros(1000), details=(("origin", "Customer"),),
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"orderState": "Confirmed"}, [("order_confirmed", "o1")]),
            ({"orderState": "Complete"}, [("order_completed", "o1")]),
            ({"orderState": "Cancelled"}, [("order_cancelled", "o1")]),
            ({"orderState": "SomethingNew"}, []),
            ({"paymentState": "Paid"}, [("paid", "o1")]),
            ({"paymentState": "CreditOwed"}, []),
            ({"paymentState": "Pending"}, []),
            ({"paymentState": "Failed"}, [("payment_failed", "o1")]),
            ({"shipmentState": "Shipped"}, [("shipped", "o1")]),
            ({"shipmentState": "Partial"}, []),
            ({"shipmentState": "Delivered"}, [("delivered", "o1")]),
            ({"shippingInfo": sent(parcel("p1"))}, [("shipped", "o1/p1")]),
            ({"shippingInfo": sent(parcel("p1", isReturn=True))}, []),
            ({"shippingInfo": sent(parcel("p1"), parcel("p2")), "shipmentState": "Shipped"}, [("shipped", "o1/p1"), ("shipped", "o1/p2")]),
            ({"shippingInfo": sent(parcel("p1")), "shipmentState": "Delivered"}, [("shipped", "o1/p1"), ("delivered", "o1/p1")]),
            ({"returnInfo": returns(("r1", "Advised"))}, [("return_requested", "r1")]),
            ({"returnInfo": returns(("r1", "Returned"))}, [("return_received", "r1")]),
            ({"returnInfo": returns(("r1", "Unusable"), ("r2", "BackInStock"))}, [("return_received", "r1"), ("return_received", "r2")]),
            ({"returnInfo": [{"items": [{"lineItemId": "l1", "quantity": 1, "shipmentState": "Advised"}]}]}, []),
            ({"orderState": "Complete", "paymentState": "Paid", "shipmentState": "Shipped"}, [("order_completed", "o1"), ("paid", "o1"), ("shipped", "o1")]),
        ],
    )  # fmt: skip
    def test_what_a_state_tells_is_told_at_a_change_and_at_first_sight(
        self, changes: Body, expected: list[tuple[str, str]]
    ):
        """A state tells the same where it is reached and where an order is first seen in it, and nothing after."""
        before, after = order(), order(2, **changes)

        assert names(told(before, after)) == expected
        assert names(told(None, after)) == [PLACED, *expected]
        assert told(after, replace(after, version=3, last_modified_at=later(3))) == []

    def test_changes_happened_when_the_order_was_last_modified(self):
        """Of a change the time is the order's, of being placed its creation."""
        events = told(None, order(5, orderState="Confirmed", shippingInfo=sent(parcel("p1"))))

        assert [each.happened_at for each in events] == [later(0), later(5), later(5)]

    def test_a_parcel_says_how_it_goes_and_what_is_in_it(self):
        """A shipped parcel names its delivery, carrier and tracking, and its units."""
        (event,) = told(order(), order(2, shippingInfo=sent(parcel("p1", trackingId="T1", carrier="DHL"))))

        assert event.items == (EventItem("l1", 1),)
        assert event.details == (
            ("carrier", "DHL"), ("delivery", "d1"), ("parcel", "p1"), ("tracking", "T1"),
        )  # fmt: skip

    def test_each_parcel_of_a_shipped_order_tells_itself(self):
        """A parcel that is added later is one more event, and no parcel is told twice."""
        one, two = sent(parcel("p1")), sent(parcel("p1"), parcel("p2"))
        before = order(2, shipmentState="Shipped", shippingInfo=one)

        assert names(told(before, order(3, shipmentState="Shipped", shippingInfo=two))) == [
            ("shipped", "o1/p2")
        ]

    def test_a_parcel_that_is_entered_after_the_delivery_is_delivered(self):
        """A parcel more of a delivered order tells both, as it does where nobody looked in between."""
        one, two = sent(parcel("p1")), sent(parcel("p1"), parcel("p2"))
        versions = [
            order(), order(2, shipmentState="Delivered", shippingInfo=one),
            order(3, shipmentState="Delivered", shippingInfo=two),
        ]  # fmt: skip

        assert names(told(*versions[1:])) == [("shipped", "o1/p2"), ("delivered", "o1/p2")]
        assert sorted(polled(versions)) == sorted(polled([versions[0], versions[2]]))

    def test_an_order_that_was_delivered_without_parcels_is_not_delivered_again(self):
        """Parcels that are entered after such a delivery are sent, and the delivery was told."""
        before = order(2, shipmentState="Delivered")
        after = order(3, shipmentState="Delivered", shippingInfo=sent(parcel("p1")))

        assert names(told(before, after)) == [("shipped", "o1/p1")]

    @pytest.mark.parametrize(
        ("was", "now", "expected"),
        [
            ("Advised", "Returned", ["return_received"]),
            ("Advised", "Unusable", ["return_received"]),
            ("Returned", "BackInStock", []),
            ("Returned", "Advised", []),
            ("Advised", "Advised", []),
        ],
    )
    def test_a_return_item_is_asked_for_and_received_once(self, was: str, now: str, expected: list[str]):
        """What is received is received once in whatever state, and what is put back to advised is no new wish."""
        events = told(order(2, returnInfo=returns(("r1", was))), order(3, returnInfo=returns(("r1", now))))

        assert [each.kind for each in events] == expected

    def test_a_failed_payment_names_the_charge_that_failed(self):
        """The amount is that of the last charge that failed, and the order's total where none is shown."""
        first, last = (
            Transaction(id=id_, type="Charge", state="Failure", amount=euros(cents))
            for id_, cents in (("t1", 600), ("t2", 700))
        )
        pending = Transaction(id="t3", type="Charge", state="Pending", amount=euros(800))
        before, after = order(), order(2, paymentState="Failed")
        charged = replace(after, payments=(Payment(id="p1", transactions=(first, last, pending)),))

        (with_charge,), (without,) = told(before, charged), told(before, after)

        assert with_charge.amount == euros(700)
        assert with_charge.details == (("payment", "p1"), ("transaction", "t2"))
        assert (without.amount, without.details) == (euros(1000), ())

    def test_a_cart_is_recovered_by_the_order_that_is_made_of_it(self):
        """A recovery is known by the cart and is about the order; an order of no cart recovers none."""
        event = recovery_of(order(4))

        assert (event.kind, event.key, event.stream, event.id) == ("cart_recovered", "k1", "orders", "o1")
        assert (event.happened_at, event.amount, event.is_historical) == (BEGAN, euros(1000), False)
        assert recovery_of(replace(order(), is_imported=True)).is_historical
        with pytest.raises(ValueError, match="o1 was made of no cart"):
            recovery_of(order(cart=None))


def refund(id_: str, cents: int, *, state: str = "Success", type_: str = "Refund", currency: str = "EUR") -> Transaction:  # fmt: skip
    """Return a transaction that gives money back."""
    return Transaction(
        id=id_, type=type_, state=state, amount=Money(cents=cents, currency=currency, digits=2)
    )


def paid_back(*transactions: Transaction, id_: str = "p1", at: datetime | None = None) -> Payment:
    """Return a payment with these transactions."""
    return Payment(id=id_, version=2, modified_at=at, transactions=transactions)


class TestConsent:
    @pytest.mark.parametrize(
        "nobodys",
        [{"is_past": True}, {"is_explicit": False}, {"at": None}],
        ids=["past", "not said", "no time"],
    )
    def test_what_nobody_just_said_happened_to_nobody(self, nobodys: Body):
        """A yes is told when it was said, and not where it is of the past, came by itself or has no time."""
        said = Evidence(says=Says.YES, since=later(0), at=later(1))
        news = News(channel="email", place="place", evidence=said)

        event = event_of_consent(news, stream="customers", id_="c1", version=2)
        assert event is not None
        assert event.happened_at == later(1)

        other = replace(news, evidence=replace(said, **nobodys))
        assert event_of_consent(other, stream="customers", id_="c1", version=2) is None


class TestRefunds:
    def refunds(self, before: Sequence[Payment], after: Sequence[Payment]) -> list[Event]:
        """Return what is told where only the payments of an order change."""
        held = order(2, paymentState="Paid")
        return told(replace(held, payments=tuple(before)), replace(held, payments=tuple(after)))

    def test_one_that_was_pending_counts_when_it_succeeds(self):
        """A refund is told once, when it succeeds, for its amount, though the order is as it was."""
        stages = [refund("t1", 300, state=state) for state in ("Initial", "Pending", "Success", "Success")]
        payments = [[paid_back(each, at=later(10 * n))] for n, each in enumerate(stages)]

        events = [self.refunds(was, now) for was, now in pairwise([[], *payments])]

        assert [names(each) for each in events] == [[], [], [("refunded", "p1/t1")], []]
        assert events[2][0] == Event(
            kind=EventKind.REFUNDED, key="p1/t1", happened_at=later(20), stream="orders", id="o1",
            amount=euros(300), net=euros(700),
            details=(("payment", "p1"), ("state", "partial"), ("transaction", "t1")),
        )  # fmt: skip

    def test_net_and_fullness_follow_the_order_of_transactions(self):
        """Of several refunds over two payments each says what remains after it, and the last makes it full."""
        after = [
            paid_back(refund("t1", 300), refund("t2", 200)),
            paid_back(refund("t1", 500), id_="p2"),
        ]

        events = self.refunds([], after)

        assert names(events) == [("refunded", "p1/t1"), ("refunded", "p1/t2"), ("refunded", "p2/t1")]
        assert [each.net for each in events] == [euros(700), euros(500), euros(0)]
        assert [dict(each.details)["state"] for each in events] == ["partial", "partial", "full"]

    def test_a_later_one_counts_what_went_back_before(self):
        """Net and fullness count the refunds that are known already, and only the new one is told."""
        before, after = [paid_back(refund("t1", 400))], [paid_back(refund("t1", 400), refund("t2", 600))]

        (event,) = self.refunds(before, after)

        assert (event.key, event.amount, event.net) == ("p1/t2", euros(600), euros(0))
        assert dict(event.details)["state"] == "full"

    def test_another_currency_leaves_what_remains(self):
        """A refund in another currency is told in it, and takes nothing off what remains."""
        (event,) = self.refunds([], [paid_back(refund("t1", 5000, currency="USD"))])

        assert event.amount == Money(cents=5000, currency="USD", digits=2)
        assert (event.net, dict(event.details)["state"]) == (euros(1000), "partial")

    def test_a_chargeback_is_no_refund(self):
        """A chargeback is an event of its own, and what refunds leave does not count it."""
        chargeback = refund("t1", 400, type_="Chargeback")

        first, second = self.refunds([], [paid_back(chargeback, refund("t2", 100))])

        assert (first.kind, first.key, first.amount, first.net) == ("chargeback", "p1/t1", euros(400), None)
        assert first.details == (("payment", "p1"), ("transaction", "t1"))
        assert (second.kind, second.net) == ("refunded", euros(900))

    def test_a_payment_that_is_listed_twice_counts_once(self):
        """The same transaction is one refund however often its payment is listed."""
        twice = [paid_back(refund("t1", 600)), paid_back(refund("t1", 600))]

        assert [each.net for each in self.refunds([], twice)] == [euros(400)]

    def test_the_time_is_that_of_the_order_where_the_payment_tells_none(self):
        """A payment that is not shown with its time was changed when the order was, as far as anybody knows."""
        assert [each.happened_at for each in self.refunds([], [paid_back(refund("t1", 1))])] == [later(2)]

    @pytest.mark.parametrize(
        ("type_", "state"),
        [
            ("Charge", "Success"),
            ("Authorization", "Success"),
            ("Refund", "Failure"),
            ("Chargeback", "Pending"),
        ],
    )
    def test_nothing_else_gives_money_back(self, type_: str, state: str):
        """Charges, authorizations and what did not succeed are no refunds."""
        assert self.refunds([], [paid_back(refund("t1", 300, type_=type_, state=state))]) == []


class TestSight:
    def test_nothing_happens_after_it_was_noticed(self):
        """A time that lies in the future, by a clock that is wrong, becomes when it was noticed."""
        sight = replace(SIGHT, noticed_at=later(2))
        paid = replace(order(9, orderState="Confirmed"), payments=(paid_back(refund("t", 1), at=later(99)),))

        assert [each.happened_at for each in told(None, paid, sight=sight)] == [later(0), later(2), later(2)]
        customer = a_customer(created_at=later(50))
        (event,) = events_of_customer(None, customer, sight=sight, is_historical=False)
        assert event.happened_at == later(2)
        (event,) = say("OrderStateChanged", {"orderState": "Complete"}, order(), at=later(7), sight=sight)
        assert event.happened_at == later(2)

    def test_what_happened_before_the_cutover_is_historical(self):
        """At one sight some of what an order tells may be of the past, and the rest of now."""
        sight = replace(SIGHT, cutover=later(1))

        events = told(None, order(2, orderState="Confirmed"), sight=sight)

        assert [(each.kind, each.is_historical) for each in events] == [
            ("order_placed", True), ("order_confirmed", False),
        ]  # fmt: skip

    def test_all_is_historical_where_that_is_said(self):
        """Whoever knows that a record is of the past says so of all it tells."""
        events = told(None, order(2, orderState="Confirmed"), is_historical=True)

        assert [each.is_historical for each in events] == [True, True]

    def test_nothing_is_of_the_past_without_a_cutover(self):
        """Where there is no cutover the time of an event makes none historical."""
        sight = replace(SIGHT, cutover=None)

        assert [each.is_historical for each in told(None, order(), sight=sight)] == [False]

    def test_an_import_begins_in_the_past_and_goes_on_now(self):
        """What an imported order tells at first sight is historical, and what changes later is of now."""
        first = replace(order(2, orderState="Confirmed"), is_imported=True)
        second = replace(order(3, orderState="Complete"), is_imported=True)

        assert [each.is_historical for each in told(None, first)] == [True, True]
        assert [(each.kind, each.is_historical) for each in told(first, second)] == [
            ("order_completed", False)
        ]


def a_customer(**changes: Any) -> Customer:
    """Return a customer."""
    known: Body = {
        "id": CustomerId("c1"), "version": 1, "created_at": BEGAN, "last_modified_at": BEGAN, "email": "a@x.org",
    }  # fmt: skip
    return Customer(**known | changes)


class TestCustomers:
    def test_one_signs_up_once(self):
        """A customer signed up when created; later versions tell nothing."""
        customer = a_customer()

        (event,) = events_of_customer(None, customer, sight=SIGHT, is_historical=False)

        assert event == Event(
            kind=EventKind.SIGNED_UP, key="c1", happened_at=BEGAN, stream="customers", id="c1"
        )
        assert (
            events_of_customer(customer, replace(customer, version=2), sight=SIGHT, is_historical=False) == ()
        )

    @pytest.mark.parametrize(("is_imported", "is_historical"), [(True, False), (False, True)])
    def test_imports_and_the_past_are_historical(self, *, is_imported: bool, is_historical: bool):
        """A customer who was imported, or is of the past, starts nothing."""
        customer = a_customer(is_imported=is_imported)

        (event,) = events_of_customer(None, customer, sight=SIGHT, is_historical=is_historical)

        assert event.is_historical


# -- carts ----------------------------------------------------------------------------


def item(product: str = "p1", quantity: int = 1, **changes: Any) -> LineItem:
    """Return a line of a cart."""
    known: Body = {
        "id": f"l-{product}", "product_id": product, "variant_id": "1", "sku": None, "quantity": quantity,
        "name": LocalizedText((("en", product),)), "unit_price": euros(500), "full_price": euros(500),
        "total_price": euros(500 * quantity),
    }  # fmt: skip
    return LineItem(**known | changes)


def cart(version: int = 1, **changes: Any) -> Cart:
    """Return a cart that was last modified as many minutes after its beginning as it has versions."""
    known: Body = {
        "id": "k1", "version": version, "created_at": BEGAN, "last_modified_at": later(version),
        "total_price": euros(500), "line_items": (item(),),
    }  # fmt: skip
    return Cart(**known | changes)


def news(before: Cart | None, after: Cart, *, sight: Sight = SIGHT, is_historical: bool = False) -> CartNews:
    """Return what a cart tells."""
    return events_of_cart(before, after, sight=sight, is_historical=is_historical, idle=IDLE)


ADDRESS = PostalAddress(country="DE")
ABANDONED = ("cart_abandoned", "k1")
ALL_STEPS = [("checkout_address", "k1"), ("checkout_shipping", "k1"), ("checkout_payment", "k1")]


class TestCarts:
    def test_one_seen_first_was_created_and_will_be_abandoned(self):
        """A cart is created at its time, and abandoned when it will have been idle since its last change."""
        created, abandoned = news(None, cart(5)).events

        assert (created.kind, created.happened_at, created.amount) == ("cart_created", BEGAN, euros(500))
        assert (abandoned.kind, abandoned.happened_at) == ("cart_abandoned", later(5) + IDLE)
        assert {(each.stream, each.id, each.key) for each in (created, abandoned)} == {("carts", "k1", "k1")}

    def test_steps_that_it_shows_at_first_are_told(self):
        """A cart that is seen in the middle of the checkout tells what it went through."""
        shown = cart(3, shipping_address=ADDRESS, has_shipping=True, has_payment=True)

        assert names(news(None, shown).events) == [("cart_created", "k1"), *ALL_STEPS, ABANDONED]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"line_items": (item(quantity=2),)}, [("cart_updated", "k1/2"), ABANDONED]),
            ({"line_items": (item(), item("p2"))}, [("cart_updated", "k1/2"), ABANDONED]),
            ({"line_items": (item(variant_id="2"),)}, [("cart_updated", "k1/2"), ABANDONED]),
            ({"line_items": (item(), item("x", is_custom=True))}, [("cart_updated", "k1/2"), ABANDONED]),
            ({"line_items": ()}, [("cart_updated", "k1/2")]),
            ({"customer_email": "a@x.org"}, [ABANDONED]),
            ({"customer_id": CustomerId("c1")}, [ABANDONED]),
            ({"billing_address": ADDRESS}, [ABANDONED]),
            ({"shipping_address": ADDRESS}, [("checkout_address", "k1"), ABANDONED]),
            ({"has_shipping": True}, [("checkout_shipping", "k1"), ABANDONED]),
            ({"has_payment": True}, [("checkout_payment", "k1"), ABANDONED]),
        ],
    )
    def test_a_visit_is_told_and_puts_the_abandonment_off(
        self, changes: Body, expected: list[tuple[str, str]]
    ):
        """What a buyer changes withdraws what is held, and a cart with anything in it is idle anew."""
        found = news(cart(), cart(2, **changes))

        assert (names(found.events), found.withdraws) == (expected, True)
        put_off = [each.happened_at for each in found.events if each.kind is EventKind.CART_ABANDONED]
        assert put_off in ([], [later(2) + IDLE])

    def test_steps_are_told_once(self):
        """A visit to a cart that went through its checkout tells no step again."""
        before = cart(shipping_address=ADDRESS, has_shipping=True, has_payment=True)
        after = replace(before, version=2, last_modified_at=later(2), line_items=(item(quantity=3),))

        assert names(news(before, after).events) == [("cart_updated", "k1/2"), ABANDONED]

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"total_price": euros(400), "total_gross": euros(476)},
            {"line_items": (item(unit_price=euros(400), total_price=euros(400)),)},
            {"line_items": (item(), item("gift", is_gift=True))},
            {"locale": "de", "store_key": "s"},
        ],
    )
    def test_what_the_source_reckons_anew_is_no_visit(self, changes: Body):
        """Prices, taxes and gifts come and go with nobody there, and change nothing of what is held."""
        assert news(cart(), cart(2, **changes)) == CartNews(events=(), withdraws=False)

    def test_the_same_content_in_other_lines_is_no_visit(self):
        """A line that is split, or stands elsewhere, leaves the content as it is."""
        before = cart(line_items=(item(quantity=2), item("p2")))
        after = cart(2, line_items=(item("p2"), item(), item(id="other")))

        assert news(before, after) == CartNews(events=(), withdraws=False)

    def test_a_customer_who_is_deleted_is_no_visitor(self):
        """A cart that loses its customer was not visited."""
        assert news(cart(customer_id=CustomerId("c1")), cart(2)) == CartNews(events=(), withdraws=False)

    @pytest.mark.parametrize("state", ["Ordered", "Merged", "Frozen"])
    def test_one_that_is_over_withdraws(self, state: str):
        """A cart that is ordered, merged or frozen is not abandoned; at first sight it tells nothing at all."""
        assert news(cart(), cart(2, state=state)) == CartNews(events=(), withdraws=True)
        assert news(None, cart(2, state=state)) == CartNews(events=(), withdraws=True)

    def test_steps_before_the_order_are_told_though_nobody_saw_them(self):
        """A cart that is ordered between two looks went through its checkout."""
        after = cart(2, state="Ordered", shipping_address=ADDRESS, has_shipping=True, has_payment=True)

        assert names(news(cart(), after).events) == ALL_STEPS

    def test_one_that_is_active_again_is_idle_anew(self):
        """A cart that was frozen and is not any more will be abandoned a while after that."""
        assert names(news(cart(state="Frozen"), cart(2)).events) == [ABANDONED]

    @pytest.mark.parametrize("origin", ["Merchant", "Quote", "RecurringOrder", "SomethingNew"])
    def test_carts_of_others_tell_nothing(self, origin: str):
        """A cart that no buyer made has no events."""
        assert news(None, cart(origin=origin)).events == ()
        assert news(cart(origin=origin), cart(2, origin=origin, has_payment=True)).events == ()

    def test_an_empty_one_is_not_abandoned(self):
        """A cart with nothing but gifts in it is created, and no more."""
        empty = cart(line_items=(item(is_gift=True),))

        assert names(news(None, empty).events) == [("cart_created", "k1")]

    def test_its_end_may_lie_in_the_future_but_no_visit_may(self):
        """The visit is bounded by when it was noticed, the abandonment is that and the idle time."""
        sight = replace(SIGHT, noticed_at=later(3))

        _, abandoned = news(None, cart(90), sight=sight).events

        assert abandoned.happened_at == later(3) + IDLE

    def test_carts_of_the_past_are_historical(self):
        """A cart that was idle for long enough before the cutover was abandoned before it."""
        sight = replace(SIGHT, cutover=later(30))

        found = {each.kind: each.is_historical for each in news(None, cart(1), sight=sight).events}
        past = {each.is_historical for each in news(None, cart(1), is_historical=True).events}
        imported = {each.is_historical for each in news(None, cart(1, is_imported=True)).events}

        assert found == {EventKind.CART_CREATED: True, EventKind.CART_ABANDONED: False}
        assert past == imported == {True}


# -- messages -------------------------------------------------------------------------


def say(
    type_: str,
    payload: Body,
    known: Known | None,
    *,
    paid: Order | None = None,
    about: tuple[str, str] = ("order", "o1"),
    version: int = 1,
    at: datetime = BEGAN,
    sight: Sight = SIGHT,
    is_historical: bool = False,
    is_imported: bool = False,
) -> list[Event]:
    """Return what a message tells."""
    message = Message(
        id="m1", version=1, created_at=at, last_modified_at=at, type=type_, resource_kind=about[0],
        resource_id=about[1], resource_version=version, payload=payload, is_imported=is_imported,
    )  # fmt: skip
    return [*events_of_message(message, known, order=paid, sight=sight, is_historical=is_historical)]


def record(*transactions: Transaction, version: int = 2, **changes: Any) -> PaymentRecord:
    """Return a stored payment."""
    payment = Payment(id="p1", version=version, modified_at=later(9), transactions=transactions)
    return PaymentRecord(id="p1", version=version, created_at=BEGAN, last_modified_at=later(9), payment=payment, **changes)  # fmt: skip


def wire(id_: str, cents: int, state: str, type_: str = "Refund") -> Body:
    """Return a transaction as the wire has it."""
    return {"id": id_, "type": type_, "state": state, "amount": money(cents)}


PAYMENT = ("payment", "p1")


class TestMessages:
    @pytest.mark.parametrize(
        ("type_", "payload", "expected"),
        [
            ("OrderCreated", {}, [PLACED]),
            ("OrderCreated", {"order": {"orderState": "Open", "paymentState": "Paid"}}, [PLACED, ("paid", "o1")]),
            ("OrderCreatedFromRecurringOrder", {}, [PLACED]),
            ("OrderImported", {}, [PLACED]),
            ("OrderStateChanged", {"orderState": "Confirmed"}, [("order_confirmed", "o1")]),
            ("OrderStateChanged", {"orderState": "Complete"}, [("order_completed", "o1")]),
            ("OrderStateChanged", {"orderState": "Cancelled"}, [("order_cancelled", "o1")]),
            ("OrderStateChanged", {"orderState": "Open"}, []),
            ("OrderPaymentStateChanged", {"paymentState": "Paid"}, [("paid", "o1")]),
            ("OrderPaymentStateChanged", {"paymentState": "Failed"}, [("payment_failed", "o1")]),
            ("OrderPaymentStateChanged", {"paymentState": "CreditOwed"}, []),
            ("OrderShipmentStateChanged", {"shipmentState": "Shipped"}, [("shipped", "o1")]),
            ("OrderShipmentStateChanged", {"shipmentState": "Delivered"}, [("delivered", "o1")]),
            ("OrderShipmentStateChanged", {"shipmentState": "Ready"}, []),
            ("DeliveryAdded", {"delivery": sent(parcel("p1"), parcel("p2"))["deliveries"][0]}, [("shipped", "o1/p1"), ("shipped", "o1/p2")]),
            ("DeliveryAdded", {"delivery": {"id": "d1", "parcels": [parcel("p1", isReturn=True)]}}, []),
            ("ParcelAddedToDelivery", {"delivery": {"id": "d1"}, "parcel": parcel("p3")}, [("shipped", "o1/p3")]),
            ("ParcelAddedToDelivery", {"delivery": {"id": "d1"}, "parcel": {}}, []),
            ("DeliveryAdded", {"delivery": {"id": "d1", "parcels": [{"trackingData": {}}, parcel("p4")]}}, [("shipped", "o1/p4")]),
            ("ReturnInfoAdded", {"returnInfo": returns(("r1", "Advised"), ("r2", "Returned"))[0]}, [("return_requested", "r1"), ("return_received", "r2")]),
            ("OrderReturnShipmentStateChanged", {"returnItemId": "r1", "returnShipmentState": "Returned"}, [("return_received", "r1")]),
            ("OrderReturnShipmentStateChanged", {"returnItemId": "r1", "returnShipmentState": "Advised"}, []),
            ("OrderStateTransition", {"state": {"id": "s"}}, []),
            ("SomethingNew", {"orderState": "Complete"}, []),
        ],
    )  # fmt: skip
    def test_each_type_tells_what_a_poll_would(
        self, type_: str, payload: Body, expected: list[tuple[str, str]]
    ):
        """A message tells kind and key of what happened to its order, and when it was written."""
        events = say(type_, payload, order(), at=later(7))

        assert names(events) == expected
        assert {each.happened_at for each in events} <= {later(7)}
        assert {(each.stream, each.id) for each in events} <= {("orders", "o1")}

    def test_figures_are_those_of_the_state(self):
        """Amounts, lines and tracking come from what is stored, which may be newer than the message."""
        info = sent(parcel("p1", trackingId="T1"))
        known = order(5, returnInfo=returns(("r1", "BackInStock")), shippingInfo=info)

        (confirmed,) = say("OrderStateChanged", {"orderState": "Confirmed"}, known)
        (received,) = say(
            "OrderReturnShipmentStateChanged",
            {"returnItemId": "r1", "returnShipmentState": "Returned"},
            known,
        )
        (shipped,) = say("DeliveryAdded", {"delivery": {"id": "d1", "parcels": [{"id": "p1"}]}}, known)

        assert confirmed.amount == euros(1000)
        assert (received.items, dict(received.details)["state"]) == ((EventItem("l1", 1),), "Returned")
        assert (shipped.items, dict(shipped.details)["tracking"]) == ((EventItem("l1", 1),), "T1")

    @pytest.mark.parametrize(
        ("type_", "payload"),
        [
            ("OrderCreated", {}),
            ("OrderStateChanged", {"orderState": "Cancelled"}),
            ("ParcelAddedToDelivery", {"delivery": {"id": "d1"}, "parcel": parcel("p1")}),
            ("OrderReturnShipmentStateChanged", {"returnItemId": "r1", "returnShipmentState": "Returned"}),
        ],
    )
    def test_what_nobody_stored_is_told_without_figures(self, type_: str, payload: Body):
        """An order that is not known yet has its event by the same key, without an amount."""
        (event,), (known,) = say(type_, payload, None), say(type_, payload, order())

        assert (event.key, event.amount) == (known.key, None)

    def test_parcels_of_a_delivered_order_are_delivered(self):
        """A delivered order with parcels tells each, as it is known by then."""
        known = order(2, shippingInfo=sent(parcel("p1"), parcel("p2")))

        events = say("OrderShipmentStateChanged", {"shipmentState": "Delivered"}, known)

        assert names(events) == [("delivered", "o1/p1"), ("delivered", "o1/p2")]
        assert say("OrderShipmentStateChanged", {"shipmentState": "Shipped"}, known) == []

    @pytest.mark.parametrize("state", ["Shipped", "Delivered"])
    def test_a_shipment_state_waits_for_the_order_that_shows_it(self, state: str):
        """An order known as it was before may have parcels by now, so the poll tells by which key."""
        payload = {"shipmentState": state}

        assert say("OrderShipmentStateChanged", payload, order(2), version=3) == []
        assert say("OrderShipmentStateChanged", payload, None) == []

    def test_customers_sign_up(self):
        """A message of a new customer tells what the poll of customers does."""
        about = ("customer", "c1")

        (event,) = say("CustomerCreated", {}, a_customer(), about=about, at=later(1))
        (imported,) = say("CustomerCreated", {}, a_customer(is_imported=True), about=about)

        assert (event.kind, event.key, event.stream, event.id) == ("signed_up", "c1", "customers", "c1")
        assert (event.is_historical, imported.is_historical) == (False, True)

    @pytest.mark.parametrize(
        ("type_", "more", "is_historical"),
        [
            ("OrderCreated", {}, False),
            ("OrderImported", {}, True),
            ("OrderCreated", {"is_imported": True}, True),
            ("OrderCreated", {"is_historical": True}, True),
            ("OrderCreated", {"sight": replace(SIGHT, cutover=later(1))}, True),
        ],
    )
    def test_messages_of_the_past_are_historical(self, type_: str, more: Body, *, is_historical: bool):
        """An import, what was written before the cutover, and what is said to be of the past start nothing."""
        assert [each.is_historical for each in say(type_, {}, order(), **more)] == [is_historical]

    def test_an_import_goes_on_now(self):
        """A later change of an imported order is an event of now."""
        known = replace(order(), is_imported=True)

        (event,) = say("OrderStateChanged", {"orderState": "Complete"}, known)

        assert not event.is_historical


class TestMessagesOfPayments:
    def test_an_added_refund_is_told_at_its_time(self):
        """A refund that is added as succeeded is told with its amount and what remains."""
        payload = {"transaction": wire("t1", 300, "Success")}
        paid = replace(order(), payments=(Payment(id="p1"),))

        (event,) = say("PaymentTransactionAdded", payload, record(), paid=paid, about=PAYMENT, at=later(3))

        assert event == Event(
            kind=EventKind.REFUNDED, key="p1/t1", happened_at=later(3), stream="orders", id="o1",
            amount=euros(300), net=euros(700),
            details=(("payment", "p1"), ("state", "partial"), ("transaction", "t1")),
        )  # fmt: skip

    def test_what_else_went_back_counts_and_is_not_told_again(self):
        """What remains counts refunds of all payments of the order, and only the one that is meant is told."""
        payload = {"transaction": wire("t2", 300, "Success")}
        paid = replace(order(), payments=(paid_back(refund("t1", 400), id_="p0"),))

        (event,) = say(
            "PaymentTransactionAdded", payload, record(refund("t1", 100)), paid=paid, about=PAYMENT
        )

        assert (event.key, event.amount, event.net) == ("p1/t2", euros(300), euros(200))

    def test_the_stored_amount_stands(self):
        """Of a transaction that is stored, the amount is the stored one, whatever a message says."""
        payload = {"transaction": wire("t1", 299, "Success")}
        known = record(refund("t1", 300, state="Pending"))

        (event,) = say("PaymentTransactionAdded", payload, known, paid=order(), about=PAYMENT)

        assert event.amount == euros(300)

    def test_a_pending_one_is_told_when_it_succeeds(self):
        """Type and amount of a transaction that changed its state are those of the stored payment."""
        added, changed = "PaymentTransactionAdded", "PaymentTransactionStateChanged"
        paid, known = order(), record(refund("t1", 1000, state="Pending"))
        payload = {"transactionId": "t1", "state": "Success"}

        pending = say(added, {"transaction": wire("t1", 1000, "Pending")}, known, paid=paid, about=PAYMENT)
        (event,) = say(changed, payload, known, paid=paid, about=PAYMENT, at=later(4))

        assert pending == []
        assert (event.key, event.amount, event.net) == ("p1/t1", euros(1000), euros(0))
        assert (dict(event.details)["state"], event.happened_at) == ("full", later(4))

    def test_the_newest_payment_that_is_known_says_what_changed(self):
        """A transaction is found in the payment as the order shows it, where that is newer than the stored one."""
        shown = Payment(id="p1", version=5, transactions=(refund("t9", 200, state="Pending"),))
        payload = {"transactionId": "t9", "state": "Success"}
        paid = replace(order(), payments=(shown,))

        for known in (record(version=4), None):
            (event,) = say("PaymentTransactionStateChanged", payload, known, paid=paid, about=PAYMENT)
            assert (event.key, event.amount) == ("p1/t9", euros(200))

    def test_a_new_payment_tells_what_it_gives_back(self):
        """A payment that is created with refunds and chargebacks tells those that succeeded."""
        rows = [
            wire("t1", 1000, "Success", "Charge"), wire("t2", 100, "Success"), wire("t3", 100, "Pending"),
            wire("t4", 50, "Success", "Chargeback"),
        ]  # fmt: skip

        events = say("PaymentCreated", {"payment": {"transactions": rows}}, None, paid=order(), about=PAYMENT)

        assert names(events) == [("refunded", "p1/t2"), ("chargeback", "p1/t4")]

    @pytest.mark.parametrize(
        ("known", "paid", "state"),
        [
            (record(refund("t1", 300)), None, "Success"),
            (record(), order(), "Success"),
            (record(refund("t1", 300)), order(), "Failure"),
            (record(refund("t1", 300, type_="Charge")), order(), "Success"),
        ],
    )
    def test_nothing_is_told_that_nobody_can_tell(self, known: PaymentRecord, paid: Order | None, state: str):
        """Without an order, or a transaction that gave money back, there is no event."""
        payload = {"transactionId": "t1", "state": state}

        assert say("PaymentTransactionStateChanged", payload, known, paid=paid, about=PAYMENT) == []


TYPES = [
    "CustomerCreated", "OrderCreated", "OrderImported", "OrderStateChanged", "OrderPaymentStateChanged",
    "OrderShipmentStateChanged", "DeliveryAdded", "ParcelAddedToDelivery", "ReturnInfoAdded",
    "OrderReturnShipmentStateChanged", "PaymentCreated", "PaymentTransactionAdded",
    "PaymentTransactionStateChanged", "SomethingNew",
]  # fmt: skip
NAMES = st.sampled_from([
    "order", "orderState", "paymentState", "shipmentState", "delivery", "parcels", "parcel", "id", "items",
    "trackingData", "quantity", "returnInfo", "returnItemId", "returnShipmentState", "payment", "transaction",
    "transactions", "transactionId", "state", "amount", "centAmount", "currencyCode", "type", "obj", "version",
])  # fmt: skip
TEXTS = st.sampled_from(
    ["", "Success", "Refund", "Returned", "Delivered", "Shipped", "Paid", "Complete", "t1"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.text(max_size=3)
MANGLED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, MANGLED, max_size=5)


class TestPayloads:
    @pytest.mark.parametrize(
        ("items", "expected"),
        [
            ([{"id": "l2", "quantity": 1}], (EventItem("l2", 1),)),
            ([], (EventItem("l1", 2),)),
            (None, (EventItem("l1", 2),)),
            ([{"id": "l2", "quantity": True}], (EventItem("l2", 0),)),
            ([{"id": "l2", "quantity": 2**63}], (EventItem("l2", 0),)),
        ],
    )
    def test_a_parcel_holds_what_it_says_or_what_its_delivery_says(
        self, items: Any, expected: tuple[EventItem, ...]
    ):
        """What is in a parcel is read off it, else off its delivery, and what is no quantity is none."""
        delivery = {"id": "d1", "items": [{"id": "l1", "quantity": 2}]}

        (event,) = say("ParcelAddedToDelivery", {"delivery": delivery, "parcel": {"id": "p1", "items": items}}, None)  # fmt: skip

        assert event.items == expected

    @pytest.mark.parametrize("name", ["lineItemId", "customLineItemId"])
    def test_a_return_names_lines_of_both_kinds(self, name: str):
        """An item of a return is about its line, whichever kind of line that is."""
        row = {"id": "r1", name: "l7", "quantity": 2, "shipmentState": "Advised"}

        (event,) = say("ReturnInfoAdded", {"returnInfo": {"items": [row]}}, None)

        assert event.items == (EventItem("l7", 2),)

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount": {"centAmount": 2**63, "currencyCode": "EUR"}},
            {"amount": {"centAmount": True, "currencyCode": "EUR"}},
            {"amount": {"centAmount": 300}},
            {"amount": None},
            {"id": 7},
            {"type": None},
        ],
    )
    def test_a_transaction_that_is_none_tells_nothing(self, changes: Body):
        """What lacks an id, a type or money is not taken for a transaction."""
        payload = {"transaction": wire("t1", 300, "Success") | changes}

        assert say("PaymentTransactionAdded", payload, record(), paid=order(), about=PAYMENT) == []

    @pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3)])
    def test_money_is_in_the_digits_of_its_currency(self, currency: str, digits: int):
        """An amount that only a message tells is in minor units, whatever digits its precise form has."""
        amount = money(300, currency, 5, type="highPrecision")
        payload = {"transaction": wire("t1", 0, "Success") | {"amount": amount}}

        (event,) = say("PaymentTransactionAdded", payload, record(), paid=order(), about=PAYMENT)

        assert event.amount == Money(cents=300, currency=currency, digits=digits)


class TestMangled:
    @given(
        st.sampled_from(TYPES),
        BODIES,
        st.sampled_from([None, order(), a_customer(), record(refund("t1", 5))]),
        st.sampled_from([None, order()]),
    )
    def test_no_payload_stops_a_page(
        self, type_: str, payload: Body, known: Known | None, paid: Order | None
    ):
        """Whatever a message carries, and whatever it is said to be about, it tells something or nothing."""
        for event in say(type_, payload, known, paid=paid):
            assert event.key
            assert event.amount is None or abs(event.amount.cents) < 2**63

    @given(MANGLED, st.dictionaries(TEXTS, BODIES, max_size=3))
    def test_no_body_stops_a_merge(self, info: Any, payments: dict[str, Body]):
        """An order's body whose payments are not as documented is left as it is, or shows what it can."""
        for body in ({"paymentInfo": info}, {"paymentInfo": {"payments": info}}):
            merged = with_payments(body, payments)

            assert payments_in(body).keys() == payments_in(body if merged is None else merged).keys()


# -- payments in orders ---------------------------------------------------------------


def reference(id_: str, **more: Any) -> Body:
    """Return a reference to a payment."""
    return {"typeId": "payment", "id": id_, **more}


def referring(*references: Any) -> Body:
    """Return an order's body with these payments."""
    return an_order(paymentInfo={"payments": [*references], "other": 1})


FIRST, OLD, NEW = ({"id": "p1", "version": version} for version in (1, 2, 3))


class TestMerge:
    @pytest.mark.parametrize(
        ("shown", "payments", "expected"),
        [
            (reference("p1", obj=OLD), {"p1": NEW}, NEW),
            (reference("p1", obj=NEW), {"p1": OLD}, None),
            (reference("p1", obj=NEW), {"p1": NEW}, None),
            (reference("p1"), {"p1": OLD}, OLD),
            (reference("p1", obj=None), {"p1": OLD}, OLD),
            (reference("p1", obj={"id": "p1"}), {"p1": OLD}, OLD),
            (reference("p1"), {"p1": {"id": "p1"}}, {"id": "p1"}),
            (reference("p1", obj={"id": "p1", "version": True}), {"p1": FIRST}, FIRST),
            (reference("p1", obj=OLD), {"p1": {"id": "p1"}}, None),
            (reference("p1", obj=OLD), {"p2": NEW}, None),
            (reference("p1", obj=OLD), {}, None),
        ],
    )
    def test_the_newest_version_of_a_payment_is_shown(
        self, shown: Body, payments: dict[str, Body], expected: Body | None
    ):
        """What is newer than what an order shows, or missing there, is put in; else nothing changes."""
        body = referring(shown, reference("p9"))
        kept = deepcopy(body)

        merged = with_payments(body, payments)

        assert body == kept
        if expected is None:
            assert merged is None
        else:
            changed = {**shown, "obj": expected}
            assert merged == body | {"paymentInfo": {"payments": [changed, reference("p9")], "other": 1}}
            assert with_payments(merged, payments) is None

    def test_payments_are_listed_with_the_versions_shown(self):
        """The payments of an order are named by id, with a version only where the order shows them."""
        body = referring(
            reference("p1", obj=NEW), reference("p2"), reference("p3", obj={"id": "p3"}), None, 7
        )

        assert payments_in(body) == {"p1": 3, "p2": None, "p3": None}
        assert payments_in(an_order()) == {}


# -- whole lives ----------------------------------------------------------------------


def _next(body: Body, changes: Body) -> Body:
    version = body["version"] + 1
    return deepcopy(body) | changes | {"version": version, "lastModifiedAt": stamp(version)}


def _advance(name: str, states: Sequence[str]) -> Any:
    """Return a step to a later one of *states*."""

    def step(body: Body, dice: int) -> Body:
        place = states.index(body[name]) + 1 if body.get(name) in states else 0
        rest = states[place:]
        return {name: rest[dice % len(rest)]} if rest else {}

    return step


def _parcel(body: Body, dice: int) -> Body:
    """Return a parcel more, alone or with the news that the order is sent."""
    if body.get("shipmentState") == "Delivered":
        return {}
    info = deepcopy(body["shippingInfo"])
    count = sum(len(each["parcels"]) for each in info["deliveries"])
    new = {"id": f"p{count}", "trackingData": {"trackingId": "T", "carrier": "DHL"}}
    if info["deliveries"] and dice % 2:
        info["deliveries"][-1]["parcels"].append(new)
    else:
        id_ = f"d{len(info['deliveries'])}"
        info["deliveries"].append({"id": id_, "items": [{"id": "l1", "quantity": 1}], "parcels": [new]})
    return {"shippingInfo": info} | ({"shipmentState": "Shipped"} if dice % 3 == 0 else {})


def _ask_return(body: Body, dice: int) -> Body:
    rows = body.get("returnInfo", [])
    return {"returnInfo": [*rows, *returns((f"r{len(rows)}", "Advised"))]}


def _receive(body: Body, dice: int) -> Body:
    rows = deepcopy(body.get("returnInfo", []))
    if rows:
        items = rows[dice % len(rows)]["items"]
        state = items[0]["shipmentState"]
        items[0]["shipmentState"] = "Returned" if state == "Advised" else "BackInStock"
    return {"returnInfo": rows} if rows else {}


def _refund(body: Body, dice: int) -> Body:
    """Return a payment with one transaction more, or one that is not pending any more."""
    info = deepcopy(body["paymentInfo"])
    payment = info["payments"][dice % 2]["obj"]
    payment |= {"version": payment["version"] + 1, "lastModifiedAt": stamp(body["version"] + 1)}
    rows = payment["transactions"]
    pending = [each for each in rows if each["state"] == "Pending"]
    if pending and dice % 3:
        pending[0]["state"] = "Success"
    else:
        state, type_ = ("Success", "Pending")[dice % 5 % 2], ("Refund", "Chargeback")[dice % 7 == 0]
        rows.append(wire(f"t{len(rows)}", 100, state, type_))
    return {"paymentInfo": info}


STEPS = [
    _advance("orderState", ["Open", "Confirmed", "Complete", "Cancelled"]),
    _advance("paymentState", ["Pending", "Failed", "Paid", "CreditOwed"]),
    _advance("shipmentState", ["Ready", "Shipped", "Delivered"]),
    _parcel, _ask_return, _receive, _refund,
]  # fmt: skip


def _first(order_state: str, payment_state: str) -> Body:
    payments = [
        reference(id_, obj={"id": id_, "version": 1, "lastModifiedAt": stamp(1), "transactions": []})
        for id_ in ("pay1", "pay2")
    ]
    return an_order(
        version=1, createdAt=stamp(0), lastModifiedAt=stamp(1), orderState=order_state,
        paymentState=payment_state, shippingInfo=sent() | {"deliveries": []}, lineItems=[line()],
        paymentInfo={"payments": payments},
    )  # fmt: skip


#: Kinds of what is never taken back.
STAYING = {"shipped", "return_received", "refunded", "chargeback"}


@st.composite
def lives(draw: st.DrawFn) -> list[Body]:
    """Give the versions of an order, in each of which something goes on."""
    versions = [
        _first(draw(st.sampled_from(["Open", "Confirmed"])), draw(st.sampled_from(["Pending", "Paid"])))
    ]
    for step, dice in draw(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 100)), max_size=15)):
        versions.append(_next(versions[-1], step(versions[-1], dice)))
    return versions


def polled(versions: Sequence[Order]) -> list[tuple[str, str]]:
    """Return kinds and keys of what polls tell that see these versions."""
    seen = [None, *versions]
    return [each for was, now in pairwise(seen) if now is not None for each in names(told(was, now))]


def payments_of(body: Body | None) -> dict[str, Body]:
    """Return the payments that an order's body shows."""
    return {each["id"]: each["obj"] for each in body["paymentInfo"]["payments"]} if body else {}


def messages_between(before: Body | None, after: Body, stored: Body, known: Order) -> list[tuple[str, str]]:
    """Return kinds and keys of what the messages of a change tell, while *stored* is what is known."""
    found: list[Event] = []
    for type_, payload in said_of("order", before, after):
        found += say(type_, payload, known, version=after["version"], at=later(after["version"]))
    was, held = payments_of(before), payments_of(stored)
    for id_, body in payments_of(after).items() if before else ():
        for type_, payload in said_of("payment", was[id_], body):
            payment = replace(record(), id=id_, payment=PaymentSchema().load(held[id_]))
            found += say(type_, payload, payment, paid=known, about=("payment", id_))
    return names(found)


class TestLives:
    @given(lives(), st.data())
    def test_whatever_polls_see_each_event_is_told_once(self, versions: list[Body], data: st.DataObject):
        """Polls that see any of the versions, the last among them, tell each event once."""
        orders = [*map(order_of, versions)]
        is_seen = data.draw(st.lists(st.booleans(), min_size=len(orders) - 1, max_size=len(orders) - 1))

        events = polled([each for each, seen in zip(orders, [*is_seen, True], strict=True) if seen])

        assert len(events) == len(set(events))
        assert set(events) <= set(polled(orders))

    @given(lives(), st.data())
    def test_facts_that_stay_are_told_however_few_polls_there_are(
        self, versions: list[Body], data: st.DataObject
    ):
        """Parcels, returns that came and money that went back are told by whichever polls there are."""
        orders = [*map(order_of, versions)]
        first = data.draw(st.sampled_from(orders))

        few, most = (
            {(kind, key) for kind, key in polled(seen) if kind in STAYING and key != "o1"}
            for seen in ([first, orders[-1]], orders)
        )

        assert few == most

    @given(lives())
    def test_messages_and_polls_tell_the_same(self, versions: list[Body]):
        """The messages of each change tell the same events as the poll that sees it, or ones that are known."""
        was, known = None, set[tuple[str, str]]()
        for before, after in pairwise([None, *versions]):
            assert after is not None
            now = order_of(after)

            said, new = messages_between(before, after, after, now), names(told(was, now))

            assert set(said) - known == set(new)
            was, known = now, known | set(new)

    @given(lives())
    def test_messages_ahead_of_the_state_tell_nothing_else(self, versions: list[Body]):
        """A message that is read before its change is polled tells it by the key that the poll will give it."""
        orders = [*map(order_of, versions)]
        known = set(polled(orders[:1]))
        for (before, was), (after, now) in pairwise(zip(versions, orders, strict=True)):
            known |= set(names(told(was, now)))

            assert set(messages_between(before, after, before, was)) <= known

    @given(lives())
    def test_what_went_back_adds_up(self, versions: list[Body]):
        """What the last refund leaves is the total less all refunds that succeeded."""
        refunds = [each for each in told(None, order_of(versions[-1])) if each.kind is EventKind.REFUNDED]

        gone = sum(each.amount.cents for each in refunds if each.amount)

        assert [each.net for each in refunds[-1:]] == [euros(1000 - gone)][: len(refunds)]
