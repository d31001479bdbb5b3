"""What happens in the shop is told in the account: all of it, once, to the right person, in its order."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from events_world import BEHIND, EVERYTHING, REMINDER, WELCOME, EventWorld, access, put_back
from world import Interposed, World

from ct_ac_sync.errors import TransientError
from ct_ac_sync.ports import Call, CallKind, Stream

Making = Callable[..., World]
ANN, BOB = "ann@example.org", "bob@example.org"
GUEST = "guest@example.org"
LEASE = timedelta(seconds=30)


class _KilledError(BaseException):
    """The worker is dead: nothing of ours catches it."""


@pytest.fixture(name="make")
def _make(world_of: Making, account_url: str, database_url: str) -> Callable[[], World]:
    """Give what makes a product that is to tell of everything, and has read nothing yet."""

    def make() -> World:
        put_back(database_url)
        world = world_of(EVERYTHING, **access(account_url))
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
        return world

    return make


@pytest.fixture(name="events", params=[True, False], ids=["messages", "no messages"])
def _events(make: Callable[[], World], request: pytest.FixtureRequest) -> EventWorld:
    """Give a world in which everything is told, of a shop with messages, and of one without."""
    return EventWorld(make(), has_messages=bool(request.param))


@pytest.fixture(name="told")
def _told(make: Callable[[], World]) -> EventWorld:
    """Give a world in which everything is told, of a shop with messages."""
    return EventWorld(make())


def _step(events: EventWorld, *kinds: str, **given: Any) -> dict[str, Any]:
    """Let one thing after the other happen, each of which is read and told before the next."""
    row: dict[str, Any] = {}
    for kind in kinds:
        row = events.do(kind, **given)
        events.sync()
    return row


def _bought(events: EventWorld, email: str = ANN, **given: Any) -> dict[str, Any]:
    """Let somebody sign up and order; return the order."""
    customer = events.do("sign_up", email=email)
    events.sync()
    order = events.do("order", customer=customer["id"], **given)
    events.sync()
    return order


def _paid(events: EventWorld, **given: Any) -> tuple[str, str]:
    """Let somebody order and pay; return the ids of the order and of its first payment."""
    order = _bought(events, **given)
    _step(events, "pay", order=order["id"])
    return order["id"], order["paymentInfo"]["payments"][0]["id"]


def _replay_all(events: EventWorld) -> int:
    """Replay every dead letter."""
    desk = events.world.box.desk
    letters = [letter["dead_letter"] for letter in desk.dead_letters()]
    return desk.replay(letters, actor="test", reason="mended")


class TestEachKind:
    def test_somebody_signs_up(self, events: EventWorld):
        """Who signs up is told once, at their address."""
        customer = _step(events, "sign_up", email=ANN)
        _step(events, "edit", customer=customer["id"], last_name="Lee")

        events.assert_told("signed_up")
        assert events.told() == [("signed_up", customer["id"])]

    def test_a_cart_goes_through_the_checkout(self, events: EventWorld):
        """Filled, changed, and each step of the checkout, then ordered: each is told once."""
        cart = _step(events, "cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        _step(events, "cart_change", cart=cart["id"], goods=[["shoe", 2]])
        _step(events, "checkout_address", "checkout_shipping", "checkout_payment", cart=cart["id"])
        _step(events, "order_cart", cart=cart["id"])

        events.assert_told(
            "cart_created", "cart_updated", "checkout_address", "checkout_shipping", "checkout_payment",
            "order_placed",
        )  # fmt: skip
        assert not events.told("cart_abandoned", "cart_recovered")

    def test_a_cart_is_abandoned_and_comes_back(self, events: EventWorld):
        """Idle for long enough it is told, entered and written there once; its order then recovers it."""
        cart = _step(events, "cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        events.pass_time(timedelta(seconds=70))
        events.sync()
        assert events.told("cart_abandoned") == [("cart_abandoned", cart["id"])]
        assert events.entered(REMINDER) == [GUEST]

        _step(events, "order_cart", cart=cart["id"])

        events.assert_told("cart_abandoned", "cart_recovered", has_carts=False)
        started = [row["trigger"] for row in events.account.log("automation_started") if row.get("cart")]
        assert started[:1] == ["cart_abandoned"]

    def test_an_order_goes_its_way(self, events: EventWorld):
        """Placed, paid, sent in two parcels, delivered and complete: each is told once."""
        order = _bought(events)
        _step(events, "pay", "ship", "parcel", "complete", order=order["id"])

        events.assert_told(
            "signed_up", "order_placed", "paid", "order_confirmed", "shipped", "delivered", "order_completed"
        )
        assert len(events.told("shipped")) == len(events.told("delivered")) == 2
        assert events.entered(WELCOME) == [ANN]

    def test_an_order_is_sent_without_parcels(self, events: EventWorld):
        """Where the shop keeps no parcels the order is what is shipped and delivered."""
        order = _bought(events)
        for state in ("Shipped", "Delivered"):
            events.pass_time(timedelta(seconds=2))
            events.shop.change("order", order["id"], shipmentState=state)
            events.sync()

        events.assert_told("shipped", "delivered")
        assert events.told("shipped", "delivered") == [("shipped", order["id"]), ("delivered", order["id"])]

    def test_an_order_is_cancelled(self, events: EventWorld):
        """A cancellation is told once, with what the order came to."""
        _step(events, "cancel", order=_bought(events)["id"])

        events.assert_told("order_cancelled")

    def test_a_payment_fails_and_is_made_good(self, events: EventWorld):
        """Both are told, in their order, the first with the amount of the charge that failed."""
        order = _bought(events)
        _step(events, "fail_payment", order=order["id"])
        _step(events, "pay", order=order["id"])

        events.assert_told("payment_failed", "paid")

    def test_something_is_sent_back(self, events: EventWorld):
        """Wanted back, and come back: each item is told once for each."""
        order, _ = _paid(events)
        _step(events, "ship", "deliver", "return_request", "return_receive", order=order)

        events.assert_told("return_requested", "return_received")

    @pytest.mark.parametrize("is_told_there", [True, False])
    def test_money_goes_back(self, events: EventWorld, *, is_told_there: bool):
        """A refund and a chargeback are told with their own amounts, whether the order hears of them or not."""
        order, _ = _paid(events)
        _step(events, "refund", order=order, touches_order=is_told_there)
        _step(events, "chargeback", order=order, cents=20)

        events.assert_told("refunded", "chargeback")

    def test_all_that_can_happen_in_a_while(self, events: EventWorld):
        """Of a life in which everything happens, read now and then, what was told is what happened."""
        for seed in range(20):
            events.pass_time(timedelta(seconds=3))
            events.shop.ask("shop/step", {"count": 3, "seed": seed, "besides": "everything"})
            events.sync()
        events.pass_time(timedelta(seconds=70))
        events.sync()

        events.assert_told("signed_up", "order_placed", "cart_created", is_exact=False, has_carts=False)


class TestStates:
    def test_a_refund_is_a_tag_and_a_value(self, told: EventWorld):
        """Of two refunds the field shows the later one, and the tag is there once."""
        order, _ = _paid(told, goods=[["shoe", 1]], country="DE")
        _step(told, "refund", order=order, cents=100)
        _step(told, "refund", order=order, cents=250)

        contact = told.world.contacts()[ANN]
        assert contact["fields"]["CT_LAST_REFUND"] in ("2.5", "2.50")
        assert {"bought", "refunded"} <= {*contact["tags"]}

    def test_a_tag_of_some_days_goes_again(self, told: EventWorld):
        """Who bought is a recent buyer for thirty days, and a buyer for ever."""
        _bought(told)
        assert "recent buyer" in told.world.contacts()[ANN]["tags"]

        told.world.pass_time(timedelta(days=31))
        told.sync()

        tags = told.world.contacts()[ANN]["tags"]
        assert ("recent buyer" in tags, "bought" in tags) == (False, True)


class TestCarts:
    def test_a_touch_puts_it_off(self, told: EventWorld):
        """A cart that is changed before its time is abandoned a minute after that, once."""
        cart = _step(told, "cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        told.pass_time(timedelta(seconds=40))
        _step(told, "cart_change", cart=cart["id"], goods=[["mug", 1]])
        told.pass_time(timedelta(seconds=40))
        told.sync()
        assert told.told("cart_abandoned") == []

        told.pass_time(timedelta(seconds=40))
        told.sync()

        told.assert_told("cart_abandoned")

    def test_a_recalculation_is_no_touch(self, told: EventWorld):
        """Prices that change with nobody there neither put it off nor are told."""
        cart = _step(told, "cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        told.pass_time(timedelta(seconds=40))
        _step(told, "cart_recalculate", cart=cart["id"])
        told.pass_time(timedelta(seconds=25))
        told.sync()

        told.assert_told("cart_abandoned", has_carts=False)
        assert told.told("cart_updated") == []

    @pytest.mark.parametrize("end", ["cart_empty", "cart_freeze", "cart_merge", "order_cart", "delete"])
    def test_what_came_to_an_end_is_not_abandoned(self, told: EventWorld, end: str):
        """Emptied, frozen, merged, ordered or deleted before its time, nobody is reminded of a cart."""
        cart = _step(told, "cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        _step(told, end, cart=cart["id"])
        told.pass_time(timedelta(seconds=90))
        told.sync()

        told.assert_told("cart_created")
        assert told.told("cart_abandoned") == []
        assert told.entered(REMINDER) == []

    def test_a_store_may_be_more_patient(self, told: EventWorld):
        """Where a store has a time of its own, a cart of it is abandoned when that is over."""
        cart = _step(told, "cart", email=GUEST, goods=[["shoe", 1]], store="ch")
        told.pass_time(timedelta(minutes=5))
        told.sync()
        assert told.told("cart_abandoned") == []

        told.pass_time(timedelta(minutes=30))
        told.sync()

        assert told.told("cart_abandoned") == [("cart_abandoned", cart["id"])]
        told.assert_told()
        (made,) = [
            call["request_body"] for call in told.account.calls() if call["operation"] == "create_cart"
        ]
        left = datetime.fromisoformat(made["ecomOrder"]["abandonedDate"])
        assert left == datetime.fromisoformat(cart["lastModifiedAt"]).replace(microsecond=0)

    @pytest.mark.parametrize("origin", ["Merchant", "Quote", "RecurringOrder"])
    def test_what_nobody_filled_nobody_left(self, told: EventWorld, origin: str):
        """Carts of the shop's staff and of its schedules are told to nobody."""
        _step(told, "cart", email=GUEST, goods=[["shoe", 1]], country="DE", origin=origin)
        told.pass_time(timedelta(seconds=90))
        told.sync()

        assert told.told() == []
        told.assert_told()

    def test_nobody_is_reminded_who_is_not_known(self, told: EventWorld):
        """A cart without an address is told to nobody, and nothing waits for it."""
        _step(told, "cart", goods=[["shoe", 1]])
        told.pass_time(timedelta(seconds=90))
        told.sync()

        assert told.told() == []
        told.assert_told()

    def test_who_left_two_carts_is_reminded_once(self, told: EventWorld):
        """Into an automation that nobody enters twice a second cart leads nobody, but it is told."""
        for number in (1, 2):
            _step(told, "cart", email=GUEST, goods=[["shoe", number]], country="DE")
            told.pass_time(timedelta(seconds=70))
            told.sync()

        assert len(told.told("cart_abandoned")) == 2
        assert told.entered(REMINDER) == [GUEST]
        told.assert_told("cart_abandoned")


class TestDefectsOfOthers:
    def test_two_partial_refunds_are_two(self, events: EventWorld):
        """Number 4: two partial refunds of one order are two events, each with its amount."""
        order, payment = _paid(events)
        for cents in (100, 250):
            _step(events, "refund", order=order, cents=cents)

        keys = [key for _, key in events.told("refunded")]
        assert len({*keys}) == len(keys) == 2
        assert all(key.startswith(f"{payment}/") for key in keys)
        events.assert_told("refunded")

    def test_a_refund_under_way_counts_when_it_succeeds(self, events: EventWorld):
        """Number 5: a refund that is first pending and then successful is told once, with its amount."""
        order, _ = _paid(events)
        _step(events, "refund", order=order, cents=100, state="Pending", touches_order=False)
        assert events.told("refunded") == []

        _step(events, "settle_refund", order=order)

        assert len(events.told("refunded")) == 1
        events.assert_told("refunded")

    def test_a_refund_that_fails_is_none(self, events: EventWorld):
        """Number 5: a refund that is first pending and then fails is not told."""
        order, _ = _paid(events)
        _step(events, "refund", order=order, cents=100, state="Pending")
        _step(events, "fail_refund", order=order)

        assert events.told("refunded") == []
        events.assert_told()

    def test_a_refund_that_leaves_the_order_alone_is_told(self, events: EventWorld):
        """Number 6: a refund of which the order does not hear is told all the same."""
        order, _ = _paid(events)
        before = events.world.source.fetch_records("orders", [order])[0].value.version
        _step(events, "refund", order=order, cents=100, touches_order=False)

        assert events.world.source.fetch_records("orders", [order])[0].value.version == before
        events.assert_told("refunded")

    def test_messages_in_the_wrong_order(self, told: EventWorld):
        """Number 7: messages that come last first leave the last state, and each thing is told once."""
        order = _bought(told)
        for kind, messages, seconds in (("pay", 1, 3), ("ship", 4, 2), ("deliver", 0, 0)):
            late = {"resource": order["id"], "times": messages, "seconds": seconds}
            told.shop.ask("messages/lose", late)
            last = told.do(kind, order=order["id"])
        for _ in range(4):
            told.sync()
            time.sleep(1)
        told.sync()

        shown = told.world.orders()[order["id"]]["storeModifiedDate"]
        assert datetime.fromisoformat(shown) == datetime.fromisoformat(last["lastModifiedAt"])
        told.assert_told("paid", "order_confirmed", "shipped", "delivered", is_exact=False)

    def test_a_number_that_is_missing_is_asked_for(self, told: EventWorld):
        """Number 8: where a number is missing in the sequence its message is fetched, or the poll tells."""
        order = _bought(told)
        told.shop.ask("messages/lose", {"resource": order["id"], "times": 1})
        told.do("pay", order=order["id"])
        _step(told, "ship", order=order["id"])

        told.assert_told("paid", "shipped", is_exact=False)

    def test_a_number_that_is_missing_is_asked_for_however_late(self, told: EventWorld):
        """A message that shows long after all were read past it is fetched when the next of its order comes."""
        order = _bought(told)
        told.shop.ask("messages/lose", {"resource": order["id"], "times": 1, "seconds": 3})
        told.do("pay", order=order["id"])
        told.pass_time(timedelta(hours=1))
        told.sync()
        time.sleep(3)
        _step(told, "ship", order=order["id"])

        rows = told.world.sql(
            "SELECT sequence FROM message WHERE resource = %s ORDER BY sequence", (f"order/{order['id']}",)
        )
        numbers = [row["sequence"] for row in rows]
        assert numbers == [*range(1, len(numbers) + 1)]
        assert len(numbers) > 1

    def test_a_message_brings_the_record_that_it_is_about(self, told: EventWorld):
        """What is known of an order is as new as the newest message of it, though orders were not read since."""
        order = _bought(told)
        paid = told.do("pay", order=order["id"])
        told.pass_time(timedelta(seconds=2))
        told.world.extract.read(Stream.MESSAGES)

        (row,) = told.world.sql("SELECT version FROM record WHERE id = %s", (order["id"],))
        assert row["version"] == paid["version"] > order["version"]

    def test_a_payload_that_was_left_out(self, told: EventWorld):
        """Number 9: messages without their payload lose nothing: the resource itself tells."""
        told.shop.ask("switches", {"payload_omitted": 1})
        order, _ = _paid(told)
        _step(told, "ship", order=order)
        _step(told, "refund", order=order, cents=100, touches_order=False)

        told.assert_told("order_placed", "paid", "shipped", "refunded", is_exact=False)

    def test_one_message_fifty_times_at_once(self, told: EventWorld):
        """Number 10: whoever reads the same again, and at the same time, there is one event."""
        order = _bought(told)
        told.do("pay", order=order["id"])
        told.pass_time(timedelta(seconds=2))
        streams = [Stream(each) for each in told.world.settings.configuration.streams]
        threads = [
            threading.Thread(target=told.world.extract.read, args=(streams[number % len(streams)],))
            for number in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told.sync()

        assert told.told("paid") == [("paid", order["id"])]
        told.assert_told("paid")

    def test_messages_that_say_the_same_are_one(self, told: EventWorld):
        """Number 10: fifty messages that all tell of one thing are one event."""
        order = _bought(told)
        paid = _step(told, "pay", order=order["id"])
        body = {
            "type": "OrderPaymentStateChanged", "paymentState": "Paid", "oldPaymentState": "Pending",
            "resource": {"typeId": "order", "id": order["id"]}, "resourceVersion": paid["version"],
        }  # fmt: skip
        for _ in range(50):
            told.shop.ask("messages/put", {"body": body})
        told.sync()

        assert told.told("paid") == [("paid", order["id"])]
        told.assert_told("paid")

    @pytest.mark.parametrize("kind", [CallKind.TRACK_EVENT, CallKind.ENTER_AUTOMATION])
    def test_a_worker_that_dies_after_its_call(self, told: EventWorld, kind: CallKind):
        """Number 11: killed between the call and the commit, it is told once all the same."""
        destination = told.world.destination
        killed: list[Call] = []

        def send(real: Callable[..., Any], call: Call, **known: Any) -> Any:
            answer = real(call, **known)
            if call.kind is kind and not killed:
                killed.append(call)
                raise _KilledError
            return answer

        customer = _step(told, "sign_up", email=ANN)
        told.do("order", customer=customer["id"])
        told.world.rewire(destination=Interposed(destination, send=send))
        with pytest.raises(_KilledError):
            told.sync()
        told.world.rewire(destination=destination)
        told.pass_time(LEASE)
        told.sync()
        told.sync()

        assert len(killed) == 1
        told.assert_told("order_placed", is_in_order=False)

    @pytest.mark.parametrize("has_effect", [True, False])
    @pytest.mark.parametrize("operation", ["track_event", "enter_automation"])
    def test_an_answer_that_is_lost(self, told: EventWorld, operation: str, *, has_effect: bool):
        """Number 11: a call without an answer is read back: what took effect is not sent again."""
        _step(told, "sign_up", email=ANN)
        when = "after" if has_effect else "before"
        told.account.fault(operation=operation, times=1, when=when, reset=True)
        customer = told.happened("signed_up")[0]["id"]
        told.do("order", customer=customer)
        told.sync()
        told.sync()

        parked = told.world.box.desk.parked()
        if has_effect:
            assert parked == []
            told.assert_told("order_placed", is_in_order=False)
        else:
            verdict = told.judge(is_in_order=False)
            assert not verdict.doubled
            assert len(verdict.lost) == len(parked)

    def test_history_and_replay_start_nothing(self, make: Callable[[], World]):
        """Number 27: what was there before enters no automation and is not tracked, by the first load nor by replay."""
        world = make()
        world.shop.ask("shop/fill", {"customers": 10, "orders": 20, "seed": 3, "paid": 0.5})
        past = EventWorld(world)
        past.sync()
        _replay_all(past)
        past.sync()

        assert past.told() == []
        assert past.entered(WELCOME) == past.entered(REMINDER) == []
        assert past.account.log("automation_started") == []
        assert len(world.orders()) == 20
        past.assert_told()

    def test_a_replay_keeps_the_order(self, told: EventWorld):
        """Number 28: contact before order before what happened to it, and the older before the newer."""
        body = '{"errors":[{"title":"no","code":"field_invalid","source":{"pointer":"/x"}}]}'
        told.account.fault(path="contact/sync", status=422, reply=body)
        customer = told.do("sign_up", email=ANN)
        order = told.do("order", customer=customer["id"])
        _step(told, "pay", "ship", order=order["id"])
        assert told.told() == []
        told.account.heal()

        assert _replay_all(told) > 0
        told.sync()

        assert [kind for kind, _ in told.told()][:3] == ["signed_up", "order_placed", "paid"]
        effects = [row for row in told.account.log() if row.get("name") != "signed_up"]
        kinds = [row["kind"] for row in effects]
        assert kinds.index("contact_created") < kinds.index("order_created") < kinds.index("event_tracked")
        told.assert_told("paid", "shipped")


class TestBadInput:
    @pytest.mark.parametrize(
        "body",
        [
            {"type": "SomethingNobodyKnows", "payload": {"deep": [1, None, {"x": "y"}]}},
            {"type": "OrderStateChanged"},
            {"type": "OrderStateChanged", "orderState": 17, "oldOrderState": ["?"]},
            {"type": "DeliveryAdded", "delivery": {"parcels": "none"}},
            {"type": "ReturnInfoAdded", "returnInfo": {"items": [{}, 3]}},
            {"type": "PaymentTransactionAdded", "transaction": {"type": "Refund", "state": "Success"}},
            {"type": "OrderPaymentStateChanged", "paymentState": "Paid", "sequenceNumber": None},
            {"type": "OrderStateChanged", "resource": {"typeId": "order", "id": "gone"}, "orderState": "Confirmed"},
            {"type": "PaymentTransactionStateChanged", "resource": {"typeId": "payment", "id": "gone"}},
            {"type": "ReviewCreated", "resource": {"typeId": "review", "id": "r1"}},
        ],
    )  # fmt: skip
    def test_a_message_that_says_nothing_stops_nothing(self, told: EventWorld, body: dict[str, Any]):
        """Unknown, empty, mangled, or about what is gone: it tells nothing, and what comes after is told."""
        told.shop.ask("messages/put", {"body": body})
        told.sync()
        _step(told, "sign_up", email=ANN)

        told.assert_told("signed_up")
        assert [kind for kind, _ in told.told()] == ["signed_up"]

    def test_a_message_without_a_type_is_held_and_its_page_goes_on(self, told: EventWorld):
        """One that cannot be read is a dead letter with its cause, and the others are read."""
        told.shop.ask("messages/put", {"body": {"type": None}})
        order = _bought(told)
        _step(told, "pay", order=order["id"])

        told.assert_told("signed_up", "paid")
        assert [row["cause"] for row in told.world.box.desk.causes()] == ["unreadable messages: type"]

    def test_a_time_to_come_is_now(self, told: EventWorld):
        """A message dated tomorrow does not hold up its event, nor what happens after it."""
        order = _bought(told)
        moment = "2099-01-01T00:00:00.000Z"
        _step(told, "pay", order=order["id"])
        body = {
            "type": "OrderStateChanged", "orderState": "Confirmed", "createdAt": moment,
            "resource": {"typeId": "order", "id": order["id"]},
        }  # fmt: skip
        told.shop.ask("messages/put", {"body": body})
        _step(told, "confirm", order=order["id"])

        told.assert_told("paid", "order_confirmed", is_exact=False)

    def test_who_has_no_address_is_told_nothing(self, told: EventWorld):
        """An order and a cart of nobody known are told to nobody, and stop nobody else."""
        order = told.do("guest_order", email=GUEST)
        told.shop.change("order", order["id"], customerEmail=None)
        told.do("cart")
        told.sync()
        _step(told, "sign_up", email=ANN)

        assert ("order_placed", order["id"]) not in told.told()
        assert len(told.told("signed_up")) == 1
        rows = told.world.sql(
            "SELECT object, reason FROM outcome WHERE operation = 'event' AND outcome = 'skipped'"
        )
        assert (f"order_placed/{order['id']}", "no_address") in [
            (row["object"], row["reason"]) for row in rows
        ]

    def test_what_is_deleted_before_it_is_read_is_lost_to_nobody(self, told: EventWorld):
        """A customer and an order that are gone before the next poll leave nothing that waits."""
        customer = told.do("sign_up", email=ANN)
        order = told.do("order", customer=customer["id"])
        told.do("delete", order=order["id"])
        told.do("delete", customer=customer["id"])
        told.sync()
        _step(told, "sign_up", email=BOB)

        told.assert_told("signed_up")

    def test_what_is_deleted_after_it_was_read_is_told_no_more(self, told: EventWorld):
        """What happened before is told, and a deletion starts nothing."""
        order = _bought(told)
        before = told.told()
        _step(told, "delete", order=order["id"])

        assert told.told() == before
        told.assert_told("signed_up", "order_placed")

    def test_an_address_that_is_not_taken_waits(self, told: EventWorld):
        """Of somebody whom the account refuses nothing is tracked; mended, all is, in its order."""
        customer = told.do("sign_up", email="odd(name)@example.org")
        _step(told, "order", customer=customer["id"])
        assert told.told() == []

        _step(told, "change_email", customer=customer["id"], email=ANN)

        told.assert_told("signed_up", "order_placed")

    def test_a_new_address_between_is_one_person(self, told: EventWorld):
        """Who changes their address is told on under the new one, and nothing twice."""
        customer = _step(told, "sign_up", email="old@example.org")
        order = _step(told, "order", customer=customer["id"])
        _step(told, "change_email", customer=customer["id"], email="new@example.org")
        _step(told, "pay", order=order["id"])

        told.assert_told("signed_up", "order_placed", "paid")

    def test_messages_switched_off_and_on_lose_nothing(self, told: EventWorld):
        """What happens while there are no messages is told by the polls."""
        order = _bought(told)
        told.shop.ask("messages", {"enabled": False})
        _step(told, "pay", order=order["id"])
        told.shop.ask("messages", {"enabled": True})
        _step(told, "ship", order=order["id"])

        told.assert_told("paid", "shipped", is_exact=False)

    def test_messages_switched_on_in_the_middle_double_nothing(self, make: Callable[[], World]):
        """What polls alone told is not told again by messages, and what is under way at a switch is told once."""
        world = EventWorld(make(), has_messages=False)
        order = _bought(world)
        _step(world, "pay", order=order["id"])
        world.shop.ask("messages", {"enabled": True})
        world.do("ship", order=order["id"])
        world.shop.ask("messages", {"enabled": False})
        world.sync()
        world.do("deliver", order=order["id"])
        world.shop.ask("messages", {"enabled": True})
        world.sync()
        _step(world, "return_request", order=order["id"])

        world.assert_told("paid", "shipped", "delivered", "return_requested", is_exact=False)

    def test_an_automation_that_does_not_run_holds_up_nobody_else(self, told: EventWorld):
        """Entries into it wait for a human, what others do goes on, and once resumed none is lost."""
        told.account.ask("automations", {"id": WELCOME, "status": 2})
        customer = _step(told, "sign_up", email=ANN)
        order = told.do("order", customer=customer["id"])
        told.read()
        told.deliver()
        told.do("sign_up", email=BOB)
        told.read()
        told.deliver()
        assert ("order_placed", order["id"]) in told.told()
        assert len(told.told("signed_up")) == 2
        (halted,) = told.world.box.events.halted()
        assert halted["trigger"] == "order_placed.automation"

        told.account.ask("automations", {"id": WELCOME, "status": 1})
        told.world.box.events.resume(halted["destination"])
        told.sync()

        assert told.entered(WELCOME) == [ANN]
        told.assert_told("order_placed", "signed_up")

    def test_an_automation_that_does_not_run_holds_up_nothing_else_of_its_person(self, told: EventWorld):
        """What happens to somebody after an entry that waits for a human is told all the same."""
        told.account.ask("automations", {"id": WELCOME, "status": 2})
        customer = _step(told, "sign_up", email=ANN)
        order = told.do("order", customer=customer["id"])
        told.read()
        told.deliver()
        told.do("pay", order=order["id"])
        told.read()
        told.deliver()

        assert told.entered(WELCOME) == []
        assert told.told("paid") == [("paid", order["id"])]

    def test_a_halt_that_comes_after_the_claim_stops_the_call(self, told: EventWorld):
        """What is halted while somebody is at it is not started, and once it is resumed it is."""
        halts: list[str] = []

        def claim(real: Callable[..., Any], *given: Any, **known: Any) -> Any:
            claimed = real(*given, **known)
            if claimed is not None and claimed.head.is_fact and not halts:
                halts.append(claimed.head.trigger)
                told.world.box.events.halt([(told.world.account_name, halts[0])], reason="a human looks")
            return claimed

        told.world.rewire(deliveries=Interposed(told.world.parts.deliveries, claim=claim))
        told.do("sign_up", email=ANN)
        told.read()
        told.deliver()
        assert halts == ["signed_up.tracking"]
        assert told.told() == []

        told.world.box.events.resume(told.world.account_name)
        told.sync()

        told.assert_told("signed_up")


class TestAmongOthers:
    def test_a_cart_that_was_left_by_nobody_known_may_be_left_once_more(self, told: EventWorld):
        """Who gives an address only after a first hour of idleness is reminded after the second one."""
        cart = _step(told, "cart", goods=[["shoe", 1]], country="DE")
        told.pass_time(timedelta(seconds=90))
        told.sync()
        told.shop.change("cart", cart["id"], customerEmail=GUEST)
        told.sync()
        assert told.told("cart_abandoned") == []

        told.pass_time(timedelta(seconds=120))
        told.sync()

        assert told.told("cart_abandoned") == [("cart_abandoned", cart["id"])]
        assert told.entered(REMINDER) == [GUEST]

    def test_who_was_never_told_of_does_not_come_back(self, told: EventWorld):
        """A cart whose idleness nobody was told of is not told to be recovered."""
        cart = _step(told, "cart", goods=[["shoe", 1]], country="DE")
        told.pass_time(timedelta(seconds=90))
        told.sync()
        told.shop.change("cart", cart["id"], customerEmail=GUEST)
        _step(told, "order_cart", cart=cart["id"])

        assert told.told("cart_recovered") == []

    def test_what_cannot_be_read_yet_is_told_once_it_can(self, told: EventWorld):
        """The message of an order that is unreadable waits for it, and is not given up as gone."""
        order = told.do("guest_order", email=GUEST)
        total = order["totalPrice"]
        told.shop.change("order", order["id"], totalPrice=None)
        told.sync()
        assert told.told("order_placed") == []

        told.shop.change("order", order["id"], totalPrice=total)
        told.sync()
        told.sync()

        assert told.told("order_placed") == [("order_placed", order["id"])]

    def test_facts_follow_their_order_to_another_person(self, told: EventWorld):
        """What is not delivered yet of an order whose address is corrected goes to whom it belongs to."""
        order = told.do("guest_order", email=GUEST)
        told.read()
        told.shop.change("order", order["id"], customerEmail="right@example.org")
        told.sync()

        assert told.told("order_placed") == [("order_placed", order["id"])]
        assert told.entered(WELCOME) == ["right@example.org"]

    def test_facts_that_wait_for_a_dead_order_move_with_it(self, told: EventWorld):
        """An order that does not add up may change hands: the stream goes on, and its facts go along."""
        for email in (ANN, BOB):
            _step(told, "sign_up", email=email)
        ann, bob = (row["id"] for row in told.happened("signed_up"))
        order = told.do("order", customer=ann)
        total = order["totalPrice"]
        wrong = total | {"centAmount": total["centAmount"] + 7777}
        told.shop.change("order", order["id"], totalPrice=wrong, taxedPrice=None)
        told.sync()
        assert told.told("order_placed") == []

        told.shop.change("order", order["id"], customerId=bob, customerEmail=BOB)
        told.sync()
        told.shop.change("order", order["id"], totalPrice=total, taxedPrice=order.get("taxedPrice"))
        told.sync()

        assert told.told("order_placed") == [("order_placed", order["id"])]
        assert told.entered(WELCOME) == [BOB]

    def test_another_entry_of_ours_is_no_proof(self, told: EventWorld):
        """An entry that was lost before it took effect is not found in the entry of another order."""
        _step(told, "sign_up", email=ANN)
        customer = told.happened("signed_up")[0]["id"]
        told.account.fault(operation="enter_automation", times=1, when="before", reset=True)
        for _ in range(2):
            told.do("order", customer=customer)
        told.sync()
        told.sync()

        parked = [row["kind"] for row in told.world.box.desk.parked()]
        assert (told.entered(WELCOME), parked) == ([ANN], ["order_placed.automation"])

    def test_a_cart_that_cannot_be_asked_for_holds_up_nobody(self, told: EventWorld):
        """While the source does not say whether a cart is there, it is taken to be, and all else is told."""

        def is_gone(real: Callable[..., bool], *given: Any) -> bool:
            raise TransientError("502", cause="away")

        _step(told, "cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        told.world.rewire(source=Interposed(told.world.source, is_gone=is_gone))
        told.pass_time(timedelta(seconds=90))
        _step(told, "sign_up", email=ANN)

        assert len(told.told("signed_up")) == len(told.told("cart_abandoned")) == 1

    def test_what_is_halted_is_not_claimed(self, told: EventWorld):
        """Facts of a halted trigger cost nothing while nobody has looked."""
        told.account.ask("automations", {"id": WELCOME, "status": 2})
        told.do("guest_order", email=GUEST)
        told.read()
        told.deliver()
        for _ in range(5):
            told.pass_time(timedelta(seconds=61))
            told.read()
            told.deliver()

        rows = told.world.sql(
            "SELECT count(*) AS times FROM outcome WHERE operation = 'fact' AND object LIKE %s",
            ("order_placed.automation/%",),
        )
        assert rows[0]["times"] == 1

    def test_what_happened_at_once_is_told_in_its_order(self, make: Callable[[], World]):
        """Without messages an order that was placed, confirmed and cancelled between two polls is told as it went."""
        events = EventWorld(make(), has_messages=False)
        _step(events, "sign_up", email=ANN)
        customer = events.happened("signed_up")[0]["id"]
        order = events.do("order", customer=customer)
        events.do("cancel", order=order["id"])
        events.sync()

        of_it = [kind for kind, key in events.told() if key == order["id"]]
        assert of_it == ["order_placed", "order_cancelled"]

    def test_what_one_look_shows_is_told_in_its_order(self, make: Callable[[], World]):
        """Without messages all that an order went through between two polls is told as such things go."""
        events = EventWorld(make(), has_messages=False)
        order = _bought(events)
        for kind in ("pay", "ship", "parcel", "complete"):
            events.do(kind, order=order["id"])
        events.sync()

        kinds = [kind for kind, _ in events.told() if kind not in ("signed_up", "order_placed")]
        assert kinds == ["paid", "shipped", "shipped", "delivered", "delivered", "order_completed"]

    def test_nothing_is_told_before_all_is_known_that_went_before(self, told: EventWorld):
        """What one stream shows is held until the others were read past its moment."""
        told.do("sign_up", email=ANN)
        told.pass_time(timedelta(seconds=2))
        told.world.extract.read(Stream.CUSTOMERS)
        told.world.box.dispatch.tick()
        told.world.drain()
        assert ANN in told.world.contacts()
        assert told.told() == []

        told.sync()

        assert [kind for kind, _ in told.told()] == ["signed_up"]
        told.assert_told("signed_up")

    def test_what_the_ledger_knows_is_not_raised_again(self, told: EventWorld):
        """What was started once is not wanted once more, though it is told anew and its entry is forgotten."""
        _step(told, "sign_up", email=ANN)
        told.world.execute("DELETE FROM entry WHERE operation = 'fact'")
        told.world.execute("UPDATE event SET told_at = NULL")
        told.sync()

        assert told.world.sql("SELECT object FROM entry WHERE operation = 'fact'") == []
        told.assert_told("signed_up")
