"""Preview: what would be sent is shown to the letter, and nothing is sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, SWISS, route
from world import World

from ct_ac_sync.sync.preview import Previewed

Making = Callable[..., World]

TEXT = (
    SHOP + SWISS + route("switzerland", "swiss", 'store = "ch"', tag_prefix="ch/")
    + route("business", "main", 'group = "b2b"') + route("germany", "main", 'store = "de"', connection="Acme")
    + PROFILE + NUMBER + """
[tags]
owned = "tier: "

[[tags.rules]]
name = "tier: {customer.custom.fields.tier}"
"""
)  # fmt: skip


@pytest.fixture(name="world")
def _world(world_of: Making) -> World:
    """Give a product of two accounts that has read all there was, nothing, and delivered nothing yet."""
    found = world_of(TEXT, accounts=["swiss"])
    found.read()
    return found


def _sign_up(world: World, *, tier: str = "gold", store: str = "de", **more: Any) -> dict[str, Any]:
    customer = world.shop.do("sign_up", email="ann@example.org", store=store, **more)
    return world.shop.change("customer", customer["id"], custom={"fields": {"tier": tier}})


def _sent(world: World, *, after: int) -> list[tuple[str, str, Any]]:
    """Return what the account was sent since, but for what provisioning made."""
    made = ("create_tag", "create_field", "relate_field", "create_connection")
    return [
        (call["method"], call["path"].removeprefix("/api/3"), call["request_body"] or {})
        for call in world.account.calls(after=after)
        if call["operation"] not in made
        and call["method"] != "GET"
        and not str(call["request_body"]).startswith("{'query': 'query")
    ]


def _shown(found: Previewed, operation: str) -> list[tuple[str, str, Any]]:
    """Return the calls that a preview shows of an operation."""
    return [
        (call["method"], call["path"], dict(call["body"]))
        for look in found.looks
        for call in look.calls
        if look.operation == operation
    ]


class TestNothingIsSent:
    def test_not_even_where_nothing_was_ever_made(self, world: World):
        """A look at a fresh account makes no field, no connection, no tag, no contact and no order."""
        customer = _sign_up(world)
        order = world.shop.do("order", customer=customer["id"], country="DE")
        world.read()

        found = [world.look(each["id"]) for each in (customer, order)]

        assert [[look.verdict for look in each.looks] for each in found] == [["send"] * 2, ["send"] * 3]
        assert world.account.writes() == world.accounts["swiss"].writes() == []
        assert world.account.log() == []

    def test_nothing_of_ours_changes(self, world: World):
        """A look leaves what is owed as it was: it is delivered as if nobody had looked."""
        customer = _sign_up(world)
        world.read()
        before = world.sql("SELECT * FROM entry ORDER BY entry")

        world.look(customer["id"])

        assert world.sql("SELECT * FROM entry ORDER BY entry") == before
        assert world.sql("SELECT * FROM attempt") == world.sql("SELECT * FROM outcome") == []


class TestShown:
    def test_route_and_why_those_before_do_not_hold(self, world: World):
        """The route that takes a record is named, and of each before it the part that does not fit."""
        customer = _sign_up(world)
        world.read()

        found = world.look(customer["id"])

        assert found.route == "germany"
        switzerland, business = found.refused
        assert switzerland[0] == "switzerland"
        assert switzerland[1].endswith("de, not ch")
        assert business == ("business", "group is none, not b2b")
        assert {look.destination for look in found.looks} == {world.account_name}

    def test_a_group_is_known_by_its_key(self, world: World):
        """What routes ask of a record is looked up for a look as it is for the real thing."""
        customer = world.shop.do("sign_up", email="ann@example.org", group="b2b")
        world.shop.change("customer", customer["id"], stores=[])
        world.read()

        assert world.look(customer["id"]).route == "business"

    def test_what_no_route_takes_goes_nowhere(self, world: World):
        """Of such a record all routes are refused, and there is nothing to look at."""
        customer = world.shop.do("sign_up", email="ann@example.org")
        world.read()

        found = world.look(customer["id"])

        assert (found.route, found.looks, len(found.refused)) == (None, (), 3)

    def test_mapped_and_present_stand_side_by_side(self, world: World):
        """The contact as it shall be is shown beside the contact as it is."""
        customer = _sign_up(world, last_name="Before")
        world.run()
        world.shop.change("customer", customer["id"], lastName="After")
        world.read()

        contact, _ = world.look(customer["id"]).looks

        assert contact.mapped is not None
        assert contact.present is not None
        assert (contact.present["last_name"], contact.mapped["last_name"]) == ("Before", "After")

    def test_what_is_as_it_shall_be_is_unchanged(self, world: World):
        """After all was delivered there is no call to show, and each verdict says so."""
        customer = _sign_up(world)
        order = world.shop.do("order", customer=customer["id"], country="DE")
        world.run()

        found = world.look(order["id"])

        assert [(look.verdict, look.calls) for look in found.looks] == [("unchanged", ())] * 3

    def test_where_it_was_sent_is_looked_at_too(self, world: World):
        """Somebody of another store by now is shown in both accounts."""
        customer = _sign_up(world)
        world.run()
        world.shop.change("customer", customer["id"], stores=[{"typeId": "store", "key": "ch"}])
        world.read()

        found = world.look(customer["id"])

        assert found.route == "switzerland"
        assert {look.destination for look in found.looks} == {world.account_name, world.host_of("swiss")}

    def test_an_order_that_does_not_add_up_is_shown_with_its_sum(self, world: World):
        """What would be held is shown held, with the account of its sum and no call."""
        order = world.shop.do("order", customer=_sign_up(world)["id"], country="DE")
        total = order["totalPrice"] | {"centAmount": order["totalPrice"]["centAmount"] + 7}
        world.shop.change("order", order["id"], totalPrice=total, taxedPrice=None)
        world.read()

        look = next(each for each in world.look(order["id"]).looks if each.operation == "upsert_order")

        assert look.verdict.startswith("held: ")
        assert look.calls == ()


def _new(world: World) -> str:
    return str(_sign_up(world)["id"])


def _linked(world: World) -> str:
    customer = _sign_up(world)
    world.run()
    world.shop.change("customer", customer["id"], lastName="After", custom={"fields": {"tier": "silver"}})
    world.read()
    return str(customer["id"])


def _renamed(world: World) -> str:
    customer = _sign_up(world)
    world.run()
    world.shop.change("customer", customer["id"], email="lee@example.org")
    return str(customer["id"])


def _there_already(world: World) -> str:
    world.account.by_hand("POST", "/contact/sync", {"contact": {"email": "ann@example.org"}})
    return _new(world)


def _unlinked_and_renamed(world: World) -> str:
    customer = _sign_up(world)
    world.run()
    world.execute("UPDATE recipient SET contact = NULL")
    world.shop.change("customer", customer["id"], email="lee@example.org")
    return str(customer["id"])


class TestToTheLetter:
    @pytest.mark.parametrize("case", [_new, _linked, _renamed, _there_already, _unlinked_and_renamed])
    def test_a_contact_is_sent_as_shown(self, world: World, case: Callable[[World], str]):
        """Method, path and body of the contact's call are those that were shown."""
        world.box.accounts[world.account_name].provision.layout()
        world.read()
        id_ = case(world)
        world.read()
        shown, before = _shown(world.look(id_), "upsert_contact"), world.account.total()

        world.drain()

        assert [call for call in _sent(world, after=before) if "ontactTags" not in call[1]] == shown

    def test_tags_are_sent_as_shown(self, world: World):
        """A tag that is added and one that is removed are sent as shown, by ids that are known."""
        _sign_up(world, tier="silver")
        id_ = world.shop.do("sign_up", email="bob@example.org", store="de")["id"]
        world.shop.change("customer", id_, custom={"fields": {"tier": "gold"}})
        world.run()
        world.shop.change("customer", id_, custom={"fields": {"tier": "silver"}})
        world.read()
        shown, before = _shown(world.look(id_), "sync_tags"), world.account.total()

        world.drain()

        assert _sent(world, after=before) == shown
        assert len(shown) == 2

    @pytest.mark.parametrize("is_new", [True, False])
    def test_an_order_is_sent_as_shown(self, world: World, *, is_new: bool):
        """The first real-time call of an order and a later one are sent as shown."""
        world.run()
        world.box.accounts[world.account_name].provision.layout()
        order = world.shop.do("order", customer=_sign_up(world)["id"], country="DE")
        world.read()
        if not is_new:
            world.drain()
            world.shop.change("order", order["id"], orderState="Cancelled")
            world.read()
        shown, before = _shown(world.look(order["id"]), "upsert_order"), world.account.total()

        world.drain()

        sent = [call for call in _sent(world, after=before) if "graphql" in call[1]]
        assert sent == shown
        assert shown[0][2]["variables"]["order"]["creationSource"] == (
            "REAL_TIME" if is_new else "HISTORICAL"
        )

    def test_a_repair_is_shown_though_nothing_changed(self, world: World):
        """What is sent once more, because its end was unclear, is shown when its time has come."""
        customer = _sign_up(world)
        world.run()
        world.execute(
            "UPDATE entry SET state = 'open', next_at = sync_now(), repair_at = sync_now()"
            " WHERE operation = 'upsert_contact'"
        )
        world.execute("SELECT refresh_recipients(array_agg(recipient)) FROM recipient")
        world.pass_time(timedelta(seconds=1))
        shown, before = _shown(world.look(customer["id"]), "upsert_contact"), world.account.total()

        world.drain()

        assert len(shown) == 1
        assert _sent(world, after=before) == shown
