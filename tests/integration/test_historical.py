"""Orders that the file says are of the past go out as historical, and start nothing, however new they are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, route
from events_world import BEHIND, EVENT_HOST, EventWorld, access, put_back
from world import World

from ct_ac_sync.ports import Stream

Making = Callable[..., World]
Opening = Callable[..., EventWorld]
ANN = "ann@example.org"
HEAD = SHOP + EVENT_HOST + route("all", "main") + PROFILE + NUMBER
RULES = """
[tags]
owned = ["nothing of ours"]

[[events]]
on = ["order_placed", "paid", "order_completed"]
tracking = { name = "told", value = "{event.kind} {event.key}" }
tags = ["bought"]
"""
STAFF = '\n[orders]\nhistorical_when = { origin = ["Merchant", "Quote"] }\n'
MARK = """
[[events]]
name = "mark"
on = "order_placed"
when = { origin = "Merchant" }
ecommerce = "historical"
"""
MERCHANT = {"origin": "Merchant"}


@pytest.fixture(name="opened")
def _opened(world_of: Making, account_url: str, database_url: str) -> Opening:
    """Give what opens a world with a file, of a shop with messages or without."""

    def opened(text: str, *, has_messages: bool = True, **more: str) -> EventWorld:
        put_back(database_url)
        world = world_of(HEAD + text, **access(account_url), **more)
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
        return EventWorld(world, has_messages=has_messages)

    return opened


def _signed_up(events: EventWorld) -> str:
    customer = events.do("sign_up", email=ANN)
    events.sync()
    return str(customer["id"])


def _ordered(events: EventWorld, customer: str, **fields: Any) -> str:
    order = events.do("order", customer=customer, fields=fields)
    events.sync()
    return str(order["id"])


def _mark(events: EventWorld, order: str) -> str:
    return str(events.world.orders()[order]["creationSource"])


def _told(events: EventWorld) -> list[list[str]]:
    """Return kind and key of what was tracked so far."""
    return [row["value"].split()[:2] for row in events.account.log("event_tracked")]


def _started(events: EventWorld) -> list[str]:
    """Return what orders have started there so far."""
    rows = events.account.log("automation_started")
    return [row["trigger"] for row in rows if "order" in row["trigger"] or "purchase" in row["trigger"]]


class TestDeclared:
    @pytest.mark.parametrize("has_messages", [True, False])
    def test_such_an_order_starts_nothing(self, opened: Opening, *, has_messages: bool):
        """An order of staff goes out as historical, nothing is told of it, and its tag holds; a buyer's is as ever."""
        events = opened(RULES + STAFF, has_messages=has_messages)
        ann = _signed_up(events)

        entered = _ordered(events, ann, **MERCHANT)

        assert _mark(events, entered) == "HISTORICAL"
        assert (_told(events), _started(events)) == ([], [])
        assert events.world.contacts()[ANN]["tags"] == ["bought"]
        bought = _ordered(events, ann)
        assert _mark(events, bought) == "REAL_TIME"
        assert _told(events) == [["order_placed", bought]]
        assert _started(events)

    def test_nothing_that_happens_to_it_does(self, opened: Opening):
        """When it is paid and completed later, nobody is told of that either."""
        events = opened(RULES + STAFF)
        order = _ordered(events, _signed_up(events), **MERCHANT)

        for kind in ("pay", "ship", "complete"):
            events.do(kind, order=order)
            events.sync()

        assert events.world.orders()[order]["normalizedStatus"] == "COMPLETED"
        assert (_told(events), _started(events)) == ([], [])

    def test_what_was_decided_stands(self, opened: Opening):
        """Should the file not name it any more, it stays what it is, and its next change starts nothing."""
        events = opened(RULES + STAFF)
        order = _ordered(events, _signed_up(events), **MERCHANT)
        events.world.configure(HEAD + RULES)

        events.do("pay", order=order)
        events.sync()

        assert _mark(events, order) == "HISTORICAL"
        assert _started(events) == []
        assert _told(events) == [["paid", order]]
        ledger = events.world.sql("SELECT state FROM trigger_ledger WHERE kind = 'order_placed'")
        assert [row["state"] for row in ledger] == ["historical"]

    def test_no_call_carries_both(self, opened: Opening):
        """Of many that are due at once each call carries historical or live ones, each with its mark."""
        events = opened(RULES + STAFF)
        ann = _signed_up(events)
        before, made = events.account.total(), dict[str, str]()
        for number in range(32):
            origin = ("Merchant", "Customer")[number % 2]
            order = events.shop.do("order", customer=ann, fields={"origin": origin}, visible_after_seconds=0)
            made[order["id"]] = {"Merchant": "HISTORICAL", "Customer": "REAL_TIME"}[origin]
        events.read()
        events.world.drain(seconds=120)

        assert {order: _mark(events, order) for order in made} == made
        calls = [
            call for call in events.account.calls(after=before) if "mutation" in str(call["request_body"])
        ]
        marks = [
            {row["creationSource"] for row in _orders_in(call["request_body"]["variables"])} for call in calls
        ]
        assert all(len(each) == 1 for each in marks)
        assert len(calls) < len(made)

    def test_it_is_no_jump(self, opened: Opening):
        """However many staff enter at once, what buyers start is not halted for that."""
        events = opened(RULES + STAFF, CT_AC_SYNC_JUMP="3")
        ann = _signed_up(events)
        for _ in range(6):
            events.do("order", customer=ann, fields=MERCHANT)
        events.sync()

        bought = _ordered(events, ann)

        assert events.world.box.events.halted() == []
        assert ["order_placed", bought] in _told(events)

    def test_a_preview_says_so(self, opened: Opening):
        """Before anything is sent a preview shows the call as historical, and that nothing follows."""
        events = opened(RULES + STAFF)
        ann = _signed_up(events)
        order = events.do("order", customer=ann, fields=MERCHANT)
        events.pass_time(timedelta(seconds=2))
        events.world.extract.read(Stream.ORDERS)

        found = events.world.look(order["id"])

        body = found.looks[-1].calls[0]["body"]
        assert body["variables"]["order"]["creationSource"] == "HISTORICAL"
        (event,) = found.events
        assert {each.action for each in event.follows} == {"tag"}


class TestMark:
    def test_a_rule_of_an_event_marks_its_order(self, opened: Opening):
        """With `ecommerce = "historical"` the order is marked so, and what other rules ask for is done."""
        events = opened(RULES + MARK)
        ann = _signed_up(events)

        entered, bought = _ordered(events, ann, **MERCHANT), _ordered(events, ann)

        assert (_mark(events, entered), _mark(events, bought)) == ("HISTORICAL", "REAL_TIME")
        assert _told(events) == [["order_placed", entered], ["order_placed", bought]]


class TestOrigin:
    def test_a_route_may_ask_for_it(self, opened: Opening):
        """Orders of an origin may go elsewhere than others: here, nowhere."""
        nowhere = '\n[[routes]]\nname = "staff"\ndestination = "none"\nwhen = { origin = "Merchant" }\n'
        text = SHOP + EVENT_HOST + nowhere + route("all", "main") + PROFILE + NUMBER
        events = opened("")
        events.world.configure(text)
        ann = _signed_up(events)

        entered, bought = _ordered(events, ann, **MERCHANT), _ordered(events, ann)

        assert set(events.world.orders()) == {bought}
        assert ("upsert_order", "no_route") in events.world.reasons("skipped")
        assert events.world.look(entered).route == "staff"


def _orders_in(variables: dict[str, Any]) -> list[dict[str, Any]]:
    return variables.get("orders") or [variables["order"]]
