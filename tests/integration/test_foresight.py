"""Preview of events and consent: what follows is shown to the letter, and nothing of it is done."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, route
from events_world import BEHIND, EVENT_HOST, EventWorld, access, put_back
from world import Sandbox, World

from ct_ac_sync.ports import Stream
from ct_ac_sync.sync.foresight import ConsentLook, EventLook, Following
from tests.integration.test_cli import Terminal
from tests.integration.test_consent_stories import ANN as ANNA
from tests.integration.test_consent_stories import ConsentWorld, configuration

Making = Callable[..., World]
ANN, GUEST = "ann@example.org", "guest@example.org"

RULES = """
[tags]
owned = ["recent "]

[carts]
idle_minutes = 1

[[fields]]
perstag = "CT_LAST_ORDER"
title = "Last order"

[[events]]
name = "bought"
on = "order_placed"
when = { store = "de" }
tracking = { name = "order_placed", value = "{event.key} {event.amount}" }
automation = { id = 12, reentry = "never" }
tags = ["bought", { name = "recent buyer", days = 30 }]
fields = { CT_LAST_ORDER = "{order.orderNumber}" }
ecommerce = "real_time"

[[events]]
name = "elsewhere"
on = "order_placed"
when = { store = "ch" }
tracking = { name = "elsewhere" }

[[events]]
name = "left"
on = "cart_abandoned"
automation = 13
ecommerce = "real_time"

[[events]]
name = "welcome"
on = "signed_up"
automation = 13
"""
FILE = SHOP + EVENT_HOST + route("all", "main", tag_prefix="x ") + PROFILE + NUMBER + RULES


@pytest.fixture(name="events")
def _events(world_of: Making, account_url: str, database_url: str) -> EventWorld:
    """Give a world in which something follows of orders and carts."""
    put_back(database_url)
    world = world_of(FILE, **access(account_url))
    world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
    return EventWorld(world)


def _stored(world: World) -> Mapping[str, Any]:
    """Return all that is stored of what is owed, told, said and decided."""
    tables = {
        "entry": "entry", "event": "event", "consent_ledger": "number", "membership": "recipient, list",
        "recipient": "recipient", "halted_trigger": "destination", "trigger_ledger": "kind, business_key",
    }  # fmt: skip
    return {name: world.sql(f"SELECT * FROM {name} ORDER BY {order}") for name, order in tables.items()}


def _ordered(events: EventWorld, **given: Any) -> str:
    """Let somebody who is known order, and let nobody be told of it yet; return the order's id."""
    customer = events.do("sign_up", email=ANN, store="de")
    events.sync()
    order = events.do("order", customer=customer["id"], country="DE", **given)
    events.pass_time(timedelta(seconds=2))
    events.world.extract.read(Stream.ORDERS)
    return str(order["id"])


def _looked(events: EventWorld, id_: str) -> tuple[EventLook, ...]:
    return events.world.look(id_).events


def _by_action(look: EventLook) -> dict[str, list[Following]]:
    found: dict[str, list[Following]] = {}
    for each in look.follows:
        found.setdefault(each.action, []).append(each)
    return found


def _calls(look: EventLook) -> list[tuple[str, str, Any]]:
    return [
        (call["method"], call["path"], dict(call["body"])) for each in look.follows for call in each.calls
    ]


def _sent(account: Sandbox, operation: str, *, after: int) -> list[dict[str, Any]]:
    return [call for call in account.calls(after=after) if call["operation"] == operation]


class TestEvents:
    def test_what_is_held_is_shown_with_what_would_follow(self, events: EventWorld):
        """Of an order nobody was told of: its state, and each tracked value, automation, tag, field and mark."""
        order = _ordered(events)

        (look,) = _looked(events, order)

        assert (look.kind, look.key, look.state, look.told_at) == ("order_placed", order, "held", None)
        found = _by_action(look)
        (tracking,) = found["tracking"]
        assert tracking.what.startswith(f"order_placed: {order} ")
        assert [each.what for each in found["automation"]] == ["automation 12"]
        assert [each.what for each in found["tag"]] == ["x bought", "x recent buyer for 30 days"]
        assert found["field"][0].what.startswith("CT_LAST_ORDER = ")
        assert [each.what for each in found["ecommerce"]] == ["REAL_TIME"]
        assert all(each.verdict == "send" for each in (tracking, *found["automation"]))

    def test_nothing_is_done(self, events: EventWorld):
        """A look writes nothing, here nor there: what follows then follows as if nobody had looked."""
        order = _ordered(events)
        before, writes = _stored(events.world), events.account.writes()

        events.world.look(order)

        assert _stored(events.world) == before
        assert events.account.writes() == writes
        events.sync()
        assert ("order_placed", order) in events.told()

    def test_calls_are_made_as_shown(self, events: EventWorld):
        """The tracked event and the entry into the automation are sent to the letter as they were shown."""
        order = _ordered(events)
        shown, before = _calls(_looked(events, order)[0]), events.account.total()

        events.sync()

        tracked = [row["value"] for row in events.account.log("event_tracked")]
        entered = _sent(events.account, "enter_automation", after=before)
        assert tracked == [body["eventdata"] for _, _, body in shown if "eventdata" in body]
        assert [call["request_body"] for call in entered] == [
            body for _, path, body in shown if "contactAutomations" in path
        ]
        assert len(shown) == len(tracked) + len(entered) == 2

    def test_what_was_told_is_shown_as_done(self, events: EventWorld):
        """After it was told and sent nothing would be sent, and each says what became of it."""
        order = _ordered(events)
        events.sync()

        (look,) = _looked(events, order)

        assert look.state == "told"
        assert look.told_at is not None
        found = _by_action(look)
        assert [each.verdict for each in (*found["tracking"], *found["automation"])] == ["done: applied"] * 2
        assert _calls(look) == []

    def test_the_first_that_may_be_told_is_told_next(self, events: EventWorld):
        """Of several that are held the first is next, and those behind it are due, or held."""
        order = _ordered(events)
        events.world.execute("UPDATE event SET told_at = NULL WHERE id = %s", (order,))
        events.world.execute(
            "INSERT INTO event (source, kind, key, stream, id, happened_at, is_historical, facts)"
            " SELECT source, 'paid', key, stream, id, happened_at, false, '{}' FROM event WHERE id = %s",
            (order,),
        )
        events.world.execute(
            "UPDATE stream SET watermark = sync_now(), swept_at = sync_now() WHERE watermark IS NOT NULL"
        )

        assert [(look.kind, look.state) for look in _looked(events, order)] == [
            ("order_placed", "next"), ("paid", "due"),
        ]  # fmt: skip

    def test_rules_are_shown_with_why_they_do_not_hold(self, events: EventWorld):
        """Every rule for orders is named with how many of its events are known; one of another store says why."""
        order = _ordered(events)

        rules = {each.rule: each for each in events.world.look(order).rules}

        assert set(rules) == {"bought", "elsewhere"}
        assert (rules["bought"].why_not, rules["bought"].events) == ("", 1)
        assert rules["elsewhere"].why_not.endswith("not ch")

    def test_what_starts_nothing_says_so(self, events: EventWorld):
        """An imported order is known as one of the past: its tags hold, and nothing is started."""
        customer = events.do("sign_up", email=ANN, store="de")
        events.sync()
        order = events.do("import_order", customer=customer["id"], country="DE")
        events.sync()

        (look,) = _looked(events, order["id"])

        assert look.why == "it is of the past, and starts nothing"
        assert set(_by_action(look)) == {"tag", "field", "ecommerce"}

    def test_who_is_not_there_yet_is_foreseen(self, events: EventWorld):
        """Of a guest without a contact the address stands for its id, and of the cart both calls are shown."""
        cart = events.do("cart", email=GUEST, goods=[["shoe", 1]], country="DE")
        events.pass_time(timedelta(seconds=2))
        events.world.extract.read(Stream.CARTS)

        looks = {look.kind: look for look in _looked(events, cart["id"])}
        found = _by_action(looks["cart_abandoned"])

        assert looks["cart_abandoned"].state == "held"
        (entry,) = found["automation"]
        assert entry.calls[0]["body"]["contactAutomation"]["contact"] == GUEST
        assert [call["kind"] for call in found["cart"][0].calls] == ["create_customer", "create_cart"]

    def test_a_halted_trigger_is_waited_for(self, events: EventWorld):
        """What a halted trigger would start is shown as waiting, with no call."""
        order = _ordered(events)
        place = events.world.account_name
        events.world.box.events.halt([(place, "order_placed.automation")], reason="test")

        (entry,) = _by_action(_looked(events, order)[0])["automation"]

        assert entry.verdict.startswith("waits: ")
        assert entry.calls == ()

    def test_the_command_shows_it(self, events: EventWorld):
        """As a table and as JSON the command says what follows."""
        order = _ordered(events)
        terminal = Terminal(events.world.environment)

        (found,) = terminal.run("preview", order, "--json").json()
        shown = terminal.run("preview", order).out

        assert found["events"][0]["follows"][0]["action"] == "tracking"
        assert {each["rule"] for each in found["rules"]} == {"bought", "elsewhere"}
        assert "rules of events" in shown
        assert "contactAutomations" in shown
        assert json.dumps(found)


@pytest.fixture(name="told")
def _told(world_of: Making) -> ConsentWorld:
    """Give a world in which the latest word of a customer holds."""
    world = ConsentWorld(world_of(configuration(), CT_AC_SYNC_FROM="now"))
    world.run()
    return world


def _consent(told: ConsentWorld, email: str = ANNA) -> ConsentLook:
    (found,) = told.world.look(told.customer(email)).consent
    return found


class TestConsent:
    def test_who_agrees_is_foreseen(self, told: ConsentWorld):
        """Before anything is sent it says who said yes and when, and which call would subscribe them."""
        told.sign_up(newsletter=True)
        told.world.read()
        before = _stored(told.world)

        found = _consent(told)

        assert [(each.says, each.place) for each in found.said] == [
            ("yes", "customer.custom.fields.newsletter")
        ]
        (row,) = found.lists
        assert (row.list, row.standing, row.action) == ("Newsletter", "none", "subscribe")
        assert row.reason == "said yes, and was never on the list"
        assert row.calls[0]["body"]["contactList"]["contact"] == ANNA
        assert "once it is there" in found.look
        assert _stored(told.world) == before
        assert told.account.writes(after=2) == []

    def test_a_change_is_made_as_shown(self, told: ConsentWorld):
        """Who takes it back is shown on the list, and taken from it by the very call that was shown."""
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.say(id_, newsletter=False)
        told.world.read()
        (row,), before = _consent(told).lists, told.account.total()
        ledger = told.ledger()

        told.world.drain()

        assert (row.standing, row.action) == ("active", "unsubscribe")
        sent = _sent(told.account, "write_membership", after=before)
        assert [call["request_body"] for call in sent] == [dict(call["body"]) for call in row.calls]
        assert ledger == [("verdict", "subscribe"), ("written", "active")]

    def test_who_said_nothing_new_is_not_looked_at(self, told: ConsentWorld):
        """After it was written nobody looks, and no call would follow."""
        told.sign_up(newsletter=True)
        told.run()

        found = _consent(told)

        assert found.look.startswith("nobody looks")
        assert [(each.action, each.calls) for each in found.lists] == [("leave", ())]

    def test_who_says_nothing_is_shown_as_such(self, told: ConsentWorld):
        """A place that says nothing is named, and so is the list of which nothing follows."""
        told.sign_up()
        told.run()

        found = _consent(told)

        assert [each.says for each in found.said] == ["nothing"]
        assert [(each.action, each.reason) for each in found.lists] == [("leave", "the shop says nothing")]

    def test_what_is_halted_waits(self, told: ConsentWorld):
        """Where changes of the kind wait for a human, so it says, and shows no call."""
        told.sign_up(newsletter=True)
        told.world.read()
        told.world.box.events.halt([(told.world.account_name, "subscribe.consent")], reason="test")

        (row,) = _consent(told).lists

        assert "halted" in row.reason
        assert row.calls == ()

    def test_nobody_asks_without_consent_in_the_file(self, events: EventWorld):
        """Where the file says nothing of consent, a preview says nothing of it either."""
        assert events.world.look(_ordered(events)).consent == ()


MARKETING = """
[[events]]
name = "welcome"
on = "signed_up"
automation = 12
"""


class TestMarketing:
    @pytest.mark.parametrize(("says", "verdict"), [(True, "send"), (False, "skip: no_consent: none")])
    def test_marketing_is_foreseen_behind_consent(self, world_of: Making, *, says: bool, verdict: str):
        """Who just agreed will be entered, because their consent is written first; who did not, will not."""
        world = ConsentWorld(world_of(configuration() + MARKETING, CT_AC_SYNC_FROM="now"))
        world.account.ask("automations", {"id": "12", "name": "Welcome", "status": 1})
        world.run()
        id_ = world.sign_up(newsletter=says)
        world.world.extract.read(Stream.CUSTOMERS)

        looks = {look.kind: look for look in world.world.look(id_).events}

        (entry,) = looks["signed_up"].follows
        assert entry.verdict == verdict
        world.run()
        assert len(world.account.log("automation_entered")) == (1 if says else 0)
