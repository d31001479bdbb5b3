"""What is put on shopping lists is told in the account: each line once, with its product, to whose list it is on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, route
from events_world import BEHIND, EVENT_HOST, EVERYTHING, EventWorld, access, events_of, put_back
from world import World

from ct_ac_sync.ports import Stream

Making = Callable[..., World]
ANN, BOB = "ann@example.org", "bob@example.org"
MINUTE = timedelta(seconds=61)
WISH = """
[[fields]]
perstag = "CT_LAST_WISH"
title = "Last wish"

[[events]]
name = "wishes"
on = "list_item_added"
when = { store = "de" }
tags = "wishes for {event.categories}"
fields = { CT_LAST_WISH = "{event.products} {event.skus} {event.brands} {event.quantity}" }

[products]
brand = "brand"

[deletions]
customers = "delete_contact"
"""
KINDS = frozenset({"signed_up", "list_item_added"})
#: What is put on lists is told with its product.
WISHES = SHOP + EVENT_HOST + route("all", "main") + PROFILE + NUMBER + events_of(sorted(KINDS)) + WISH


@pytest.fixture(name="make")
def _make(world_of: Making, account_url: str, database_url: str) -> Callable[..., World]:
    """Give what makes a product that has read nothing yet."""

    def make(configuration: str = EVERYTHING) -> World:
        put_back(database_url)
        world = world_of(configuration, **access(account_url))
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
        return world

    return make


@pytest.fixture(name="events", params=[True, False], ids=["messages", "no messages"])
def _events(make: Callable[..., World], request: pytest.FixtureRequest) -> EventWorld:
    """Give a world in which everything is told, of a shop with messages, and of one without."""
    return EventWorld(make(), has_messages=bool(request.param))


@pytest.fixture(name="told")
def _told(make: Callable[..., World]) -> EventWorld:
    """Give a world in which everything is told, of a shop with messages."""
    return EventWorld(make())


@pytest.fixture(name="wishes")
def _wishes(make: Callable[..., World]) -> EventWorld:
    """Give a world in which what is put on a list is a tag and a value as well."""
    return EventWorld(make(WISHES))


def _step(events: EventWorld, kind: str, **given: Any) -> dict[str, Any]:
    """Let one thing happen, which is read and told before the next."""
    row = events.do(kind, **given)
    events.sync()
    return row


def _listed(events: EventWorld, email: str = ANN, **given: Any) -> tuple[str, dict[str, Any]]:
    """Let somebody sign up and begin a list; return their id and the list."""
    customer = _step(events, "sign_up", email=email)
    return customer["id"], _step(events, "list", customer=customer["id"], **{"goods": [["shoe", 1]]} | given)


def _keys(row: dict[str, Any], *items: int) -> list[tuple[str, str]]:
    """Return as what the lines of a list are told, those that are named or all."""
    lines = [row["lineItems"][place] for place in items] if items else row["lineItems"]
    return [("list_item_added", f"{row['id']}/{line['id']}") for line in lines]


class TestLists:
    @pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
    def test_a_list_is_lived_with(self, events: EventWorld):
        """What is put on a list is told once each, whatever becomes of it; what comes back is told again."""
        _, row = _listed(events, goods=[["shoe", 1], ["mug", 1]])
        shoe = row["lineItems"][0]["id"]
        _step(events, "list_change", list=row["id"], item=shoe, quantity=4)
        _step(events, "list_add", list=row["id"], goods=[["shoe", 1]])
        added = _step(events, "list_add", list=row["id"], goods=[["lamp", 1]])
        _step(events, "list_remove", list=row["id"], item=shoe)
        again = _step(events, "list_add", list=row["id"], goods=[["shoe", 2]])
        _step(events, "delete", list=row["id"])

        assert sorted(events.told("list_item_added")[:2]) == sorted(_keys(row))
        assert events.told("list_item_added")[2:] == [*_keys(added, 2), *_keys(again, 2)]
        events.assert_told("signed_up", "list_item_added")

    @pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
    def test_a_list_of_nobody_becomes_somebodys(self, events: EventWorld):
        """Nothing is told of an anonymous list; who takes it over has put there what is still on it."""
        customer = _step(events, "sign_up", email=ANN)
        row = _step(events, "list", goods=[["shoe", 1], ["mug", 1]])
        _step(events, "list_remove", list=row["id"], item=row["lineItems"][0]["id"])
        assert events.told("list_item_added") == []

        _step(events, "list_sign_in", list=row["id"], customer=customer["id"])
        added = _step(events, "list_add", list=row["id"], goods=[["lamp", 1]])

        assert events.told("list_item_added") == _keys(added)
        events.assert_told("list_item_added")

    def test_all_between_two_looks(self, events: EventWorld):
        """What was put there and signed over before anybody looked is told, and what went again is not."""
        customer = _step(events, "sign_up", email=ANN)
        row = events.do("list", goods=[["shoe", 1], ["mug", 1]])
        events.do("list_sign_in", list=row["id"], customer=customer["id"])
        events.do("list_remove", list=row["id"], item=row["lineItems"][1]["id"])
        events.do("list_add", list=row["id"], goods=[["lamp", 1]])
        events.sync()

        assert len(events.told("list_item_added")) == 2
        events.assert_told("list_item_added")

    def test_lists_that_come_late_are_told(self, told: EventWorld):
        """A list that queries do not show at first is told when they do, once."""
        customer = _step(told, "sign_up", email=ANN)
        row = told.do("list", customer=customer["id"], goods=[["shoe", 1]], visible_after_seconds=1.5)
        told.sync()
        assert told.told("list_item_added") == []
        for _ in range(4):
            told.pass_time(timedelta(seconds=1))
            told.sync()

        # Queries count in the shop's own seconds, which a test does not make go faster.
        told.world.extract.read_again(Stream.SHOPPING_LISTS, [row["id"]])
        told.sync()
        assert told.told("list_item_added") == _keys(row)

    def test_nobody_reads_lists_that_nothing_follows_of(self, world_of: Making, account_url: str):
        """Without a rule on what is put there, shopping lists are not asked for."""
        world = world_of(SHOP + EVENT_HOST + route("all", "main") + PROFILE + NUMBER + events_of(["paid"]), **access(account_url))  # fmt: skip
        world.read()

        operations = {call["operation"] for call in world.shop.calls()}
        assert "query_carts" in operations
        assert "query_shopping_lists" not in operations


class TestPast:
    def test_what_was_there_before_starts_nothing(self, make: Callable[..., World]):
        """Of lists of before nothing is told, and their next line is; neither is what an import brings."""
        world = make()
        customer = world.shop.do("sign_up", email=ANN, visible_after_seconds=0)["id"]
        given = {"customer": customer, "visible_after_seconds": 0}
        old = world.shop.do("list", goods=[["shoe", 1], ["mug", 1]], **given)
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds() + 600})
        world.pass_time(timedelta(seconds=600))
        past = EventWorld(world)
        imported = {"clientId": "import", "isPlatformClient": False, "attributedTo": {"source": "Import"}}
        past.pass_time(timedelta(seconds=2))
        line = {k: v for k, v in old["lineItems"][0].items() if k != "addedAt"} | {"id": "brought"}
        world.shop.put(
            "shopping-list", name={"en-GB": "Brought"}, customer={"typeId": "customer", "id": customer},
            lineItems=[line | {"addedAt": world.shop.ask("state")["shopping-lists"][0]["lastModifiedAt"]}],
            textLineItems=[], createdBy=imported, lastModifiedBy=imported,
        )  # fmt: skip
        _step(past, "list", customer=customer, goods=[["book", 1]], added="2020-01-01T00:00:00.000Z")
        assert past.told() == []

        added = _step(past, "list_add", list=old["id"], goods=[["lamp", 1]])

        assert past.told() == _keys(added, 2)

    def test_whatever_is_read_again_is_told_once(self, told: EventWorld):
        """Read anew by its id, by a window that reaches far back, or as if it had never been seen."""
        _, row = _listed(told, goods=[["shoe", 1], ["mug", 1]])
        assert len(told.told("list_item_added")) == 2

        told.world.extract.read_again(Stream.SHOPPING_LISTS, [row["id"]])
        told.sync()
        told.world.sql(
            "UPDATE stream SET watermark = watermark - interval '2 hours' WHERE stream = 'shopping_lists' RETURNING 1"
        )
        told.sync()
        told.world.sql("DELETE FROM record WHERE stream = 'shopping_lists' RETURNING 1")
        told.world.extract.read_again(Stream.SHOPPING_LISTS, [row["id"]])
        told.sync()

        assert sorted(told.told("list_item_added")) == sorted(_keys(row))
        told.assert_told("list_item_added")

    def test_what_cannot_be_read_is_held_and_told_later(self, told: EventWorld):
        """A list that is not as it must be is a dead letter, and what is on it is told once it can be read."""
        _, row = _listed(told)
        broken = [*row["lineItems"], row["lineItems"][0] | {"id": "other", "productId": None}]
        told.shop.change("shopping-list", row["id"], lineItems=broken)
        told.sync()
        (cause,) = [each["cause"] for each in told.world.box.desk.causes()]
        assert cause == "unreadable shopping_lists: lineItems.1.productId"

        mended = [*row["lineItems"], row["lineItems"][0] | {"id": "other"}]
        told.shop.change("shopping-list", row["id"], lineItems=mended)
        told.sync()

        assert told.told("list_item_added") == [*_keys(row), ("list_item_added", f"{row['id']}/other")]
        assert told.world.box.desk.causes() == []


class TestWhose:
    def test_what_is_not_delivered_follows_its_list(self, told: EventWorld):
        """What is put on a list that changes hands before it is told goes to whose it is by then."""
        ann, row = _listed(told, goods=[])
        bob = _step(told, "sign_up", email=BOB)["id"]
        told.do("list_add", list=row["id"], goods=[["shoe", 1]])
        told.read()
        told.shop.change("shopping-list", row["id"], customer={"typeId": "customer", "id": bob})
        told.sync()

        emails = [each["email"] for each in told.account.log("event_tracked") if each["name"] == "list_item_added"]  # fmt: skip
        assert (emails, ann != bob) == ([BOB], True)

    def test_what_is_not_delivered_follows_its_customer(self, told: EventWorld):
        """Whoever takes the address of somebody else takes their lists along."""
        ann, row = _listed(told, goods=[])
        _step(told, "sign_up", email=BOB)
        told.do("list_add", list=row["id"], goods=[["shoe", 1]])
        told.read()
        told.do("change_email", customer=ann, email=BOB)
        told.sync()

        emails = [each["email"] for each in told.account.log("event_tracked") if each["name"] == "list_item_added"]  # fmt: skip
        assert emails == [BOB]

    def test_a_customer_who_is_not_known_is_read_along(self, told: EventWorld):
        """A list may be read before whose it is: they are fetched with it."""
        customer = told.do("sign_up", email=ANN, visible_after_seconds=30)
        row = _step(told, "list", customer=customer["id"], goods=[["shoe", 1]])

        assert told.told("list_item_added") == _keys(row)

    def test_nothing_is_told_of_whom_is_gone(self, wishes: EventWorld):
        """What is put on the list of a deleted customer is told to nobody, and brings no contact back."""
        ann, row = _listed(wishes)
        assert len(wishes.told("list_item_added")) == 1
        wishes.do("delete", customer=ann)
        deletions = wishes.world.extract.deletions
        wishes.sync()
        for _ in range(2):
            deletions.tick()
            wishes.pass_time(MINUTE)
        wishes.sync()
        deletions.tick()
        wishes.sync()
        assert ANN not in wishes.world.contacts()

        _step(wishes, "list_add", list=row["id"], goods=[["mug", 1]])

        assert len(wishes.told("list_item_added")) == 1
        assert ANN not in wishes.world.contacts()


class TestProducts:
    def test_a_wish_is_a_tag_and_a_value(self, wishes: EventWorld):
        """Product, SKU, brand and category are those of the product, and stay when the line is taken off."""
        ann = _step(wishes, "sign_up", email=ANN)["id"]
        wishes.shop.change("customer", ann, locale="de-DE")
        row = _step(wishes, "list", customer=ann, goods=[["shoe", 1]], store="de")
        row = _step(wishes, "list_add", list=row["id"], goods=[["lamp", 2, 2]])

        def shown() -> tuple[str, set[str]]:
            contact = wishes.world.contacts()[ANN]
            return contact["fields"]["CT_LAST_WISH"], {each for each in contact["tags"] if "wishes" in each}

        assert shown() == (
            "Lampe SKU-lamp-2 Lumen 2",
            {
                "wishes for Kleidung > Schuhe > Turnschuhe", "wishes for Angebote",
                "wishes for Wohnen > Beleuchtung > Tischlampen",
            },
        )  # fmt: skip
        before = shown()
        _step(wishes, "list_remove", list=row["id"], item=row["lineItems"][1]["id"])
        _step(wishes, "edit", customer=ann, last_name="Lee")

        assert shown() == before
        verdict = wishes.judge(
            kinds=KINDS, automations={}, never=frozenset(), has_carts=False, is_real_time=False
        )
        assert verdict.is_right, str(verdict)

    def test_a_rule_may_ask_for_a_store(self, wishes: EventWorld):
        """What is put on a list of another store is tracked, and is no tag."""
        _, row = _listed(wishes, store="ch")

        assert wishes.told("list_item_added") == _keys(row)
        assert not [each for each in wishes.world.contacts()[ANN]["tags"] if "wishes" in each]
