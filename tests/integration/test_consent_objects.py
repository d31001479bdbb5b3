"""Consent that a shop keeps in custom objects, beside its customers."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP
from events_world import EVENT_HOST, access
from world import World

from ct_ac_sync.ports import Stream
from ct_ac_sync.sync.check import Check
from ct_ac_sync.sync.hold import State
from tests.integration.test_consent_stories import ANN, LISTS, ConsentWorld, in_

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)

OBJECT = "key-value-document"
BOB = "bob@example.com"

CONSENT = """
[consent.email]
owner = "latest"
{more}

[[consent.email.read]]
value = "custom_object.value.newsletter"
container = "consents"
"""
BY_ADDRESS = 'person = "custom_object.value.email"\n'

STORES = """
[[routes]]
name = "germany"
destination = "main"
when = { store = "de" }
lists = ["news"]

[[routes]]
name = "rest"
destination = "main"
lists = ["others"]

[lists.news]
name = "Newsletter"

[lists.others]
name = "Others"
"""


def configuration(place: str = "", more: str = "", lists: str = LISTS) -> str:
    """Return a configuration in which a custom object says whether a customer wants the newsletter."""
    return SHOP + lists + PROFILE + NUMBER + CONSENT.format(more=more) + place


#: How the vendor refuses whom a scope is lacking.
LACKING = json.dumps(
    {
        "statusCode": 403, "message": "One of the following scopes is missing: view_key_value_documents:demo-shop.",
        "errors": [{"code": "insufficient_scope"}],
    }
)  # fmt: skip


class ObjectWorld(ConsentWorld):
    """A product with a shop that keeps consent in custom objects."""

    def object(self, key: str, container: str = "consents", **value: Any) -> dict[str, Any]:
        """Let the shop write down what somebody says, anew or over what they said before."""
        held = [row["id"] for row in self.objects() if (row["container"], row["key"]) == (container, key)]
        if held:
            return self.shop.change(OBJECT, held[0], value=value)
        return self.shop.put(OBJECT, container=container, key=key, value=value)

    def objects(self) -> list[dict[str, Any]]:
        """Return the custom objects of the shop."""
        rows: list[dict[str, Any]] = self.shop.ask("state")["custom-objects"]
        return rows

    def remove(self, row: dict[str, Any]) -> None:
        """Let the shop delete a custom object."""
        self.shop.ask("shop/remove", {"kind": OBJECT, "id": row["id"]})


@pytest.fixture(name="begin")
def _begin(world_of: Callable[..., World]) -> Callable[..., ObjectWorld]:
    """Give what begins a world that has been read once."""

    def begin(text: str = "", **more: str) -> ObjectWorld:
        world = ObjectWorld(world_of(text or configuration(), **{"CT_AC_SYNC_FROM": "now"} | more))
        world.shop.ask("switches", {"late_visible_share": 0})
        world.run()
        return world

    return begin


@pytest.fixture(name="told")
def _told(begin: Callable[..., ObjectWorld]) -> ObjectWorld:
    """Give a world in which objects are known by the ids of customers."""
    return begin()


class TestWords:
    def test_a_yes_and_a_later_no(self, told: ObjectWorld):
        """Whoever agrees in a custom object is put on the list, and taken from it when the object says no."""
        id_ = told.sign_up()
        told.run()
        told.object(id_, newsletter=True)
        told.run()
        assert told.status() == "1"

        told.pass_time(seconds=30)
        told.object(id_, newsletter=False)
        told.world.read()
        rows = told.world.sql("SELECT lane FROM entry WHERE operation = 'set_consent'")
        assert [row["lane"] for row in rows] == [0]
        told.run()

        assert told.moves() == [(None, "1"), ("1", "2")]
        said = told.world.box.consent.of(
            [told.world.sql("SELECT person FROM record WHERE id = %s", (id_,))[0]["person"]]
        )
        assert [row["where"].split()[0] for row in said["timeline"] if row["what"] == "said"] == [
            "custom_objects"
        ] * 2

    def test_a_word_waits_for_its_customer(self, told: ObjectWorld):
        """What is said of a customer who is not known yet makes nobody known, and counts when they come."""
        id_ = told.shop.ask("shop/do", {"kind": "sign_up", "email": ANN, "visible_after_seconds": 3600})["id"]
        told.object(id_, newsletter=True)
        told.run()
        assert told.world.contacts() == {}
        assert told.world.sql("SELECT FROM person") == []

        told.shop.change("customer", id_, firstName="Ann")
        told.run()

        assert told.moves() == [(None, "1")]

    def test_a_live_word_counts_for_a_customer_of_the_past(self, told: ObjectWorld):
        """Who came long ago, and says yes now in a custom object, is on the list once their record is read."""
        told.came_before(ANN)
        (row,) = (each for each in told.shop.ask("state")["customers"] if each["email"] == ANN)
        told.object(row["id"], newsletter=True)
        told.run()
        assert told.moves() == []

        told.shop.change("customer", row["id"], lastName="Lee")
        told.run()

        assert told.moves() == [(None, "1")]

    def test_a_first_load_may_bring_the_customer_later(self, world_of: Callable[..., World]):
        """What is said while a first load is under way counts when it comes to a customer who changed long ago."""
        told = ObjectWorld(world_of(configuration()))
        told.world.extract.read(Stream.CUSTOM_OBJECTS)
        told.came_before(ANN)
        (row,) = told.shop.ask("state")["customers"]
        told.object(row["id"], newsletter=True)
        told.world.extract.read(Stream.CUSTOM_OBJECTS)
        told.run()

        assert told.moves() == [(None, "1")]

    def test_by_an_address(self, begin: Callable[..., ObjectWorld]):
        """Where objects name addresses, customers and guests are meant, whoever has them; nobody else is made known."""
        told = begin(configuration(BY_ADDRESS))
        told.sign_up()
        told.shop.do("guest_order", email=BOB, visible_after_seconds=0)
        told.run()
        told.object("1", newsletter=True, email=ANN.upper())
        told.object("2", newsletter=True, email=BOB)
        told.object("3", newsletter=True, email="nobody@example.com")
        told.object("4", newsletter=True)
        told.run()

        assert told.status() == told.status(BOB) == "1"
        assert set(told.world.contacts()) == {ANN, BOB}

    def test_an_address_that_is_known_later(self, begin: Callable[..., ObjectWorld]):
        """What is said under an address counts once a guest orders with it."""
        told = begin(configuration(BY_ADDRESS))
        told.object("1", newsletter=True, email=BOB)
        told.run()
        assert told.moves() == []

        told.shop.do("guest_order", email=BOB, visible_after_seconds=0)
        told.run()

        assert told.status(BOB) == "1"

    def test_it_is_weighed_with_all_else(self, begin: Callable[..., ObjectWorld]):
        """Of a customer's own field and a custom object the later word holds, by the time that each states."""
        also = '[[consent.email.read]]\nvalue = "customer.custom.fields.newsletter"\n'
        dated = 'time = "custom_object.value.at"\n'
        told = begin(configuration(dated + also))
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.pass_time(seconds=30)
        told.object(id_, newsletter=False, at=in_(days=-3))
        told.run()
        assert told.moves() == [(None, "1")]

        told.object(id_, newsletter=False, at=in_(seconds=29))
        told.run()

        assert told.moves() == [(None, "1"), ("1", "2")]

    def test_of_the_past_it_holds(self, world_of: Callable[..., World]):
        """What objects said before the first read subscribes nobody, unless the past counts."""
        told = ObjectWorld(world_of(configuration()))
        told.came_before(ANN)
        (row,) = told.shop.ask("state")["customers"]
        told.shop.put(
            OBJECT, container="consents", key=row["id"], value={"newsletter": True},
            createdAt=in_(days=-20), lastModifiedAt=in_(days=-20),
        )  # fmt: skip
        told.run()
        assert told.moves() == []

        told.world.configure(configuration(more="past_counts = true"))
        told.world.box.remap.run()
        told.run()

        assert told.moves() == [(None, "1")]


class TestAgain:
    def test_nothing_is_said_twice(self, told: ObjectWorld):
        """What was read before is no news: not by the overlap, a wide sweep, a remap or an edit of the customer."""
        id_ = told.sign_up()
        told.object(id_, newsletter=True)
        told.run()
        said = told.world.sql("SELECT count(*) AS n FROM consent_evidence")[0]["n"]
        told.leave()

        told.pass_time(hours=30)
        told.run()
        told.world.box.remap.run()
        told.world.drain()
        told.shop.change("customer", id_, lastName="Roe")
        told.run()

        assert told.world.sql("SELECT count(*) AS n FROM consent_evidence")[0]["n"] == said
        assert told.moves() == [(None, "1"), ("1", "2")]

    def test_other_words_are_read_of_what_is_stored(self, told: ObjectWorld):
        """A new mapping is read of the objects that are there, as something of the past."""
        id_ = told.sign_up()
        told.object(id_, letters="yes")
        told.run()
        assert told.moves() == []

        other = configuration(more="past_counts = true").replace("value.newsletter", "value.letters")
        told.world.configure(other)
        told.world.box.remap.run()
        told.world.drain()

        assert told.moves() == [(None, "1")]

    def test_whom_they_name_may_be_mended(self, told: ObjectWorld):
        """Where the file said wrongly whose objects are, they are their owners' once it is mended and remapped."""
        told.sign_up()
        told.object("c-1", newsletter=True, email=ANN)
        told.run()
        assert told.moves() == []

        told.world.configure(configuration(BY_ADDRESS))
        told.world.box.remap.run()
        told.world.drain()

        assert told.moves() == [(None, "1")]

    def test_one_that_is_made_again(self, told: ObjectWorld):
        """A custom object that was deleted said nothing by that; one of its name takes its place."""
        id_ = told.sign_up()
        first = told.object(id_, newsletter=False)
        told.run()
        told.pass_time(seconds=30)
        told.remove(first)
        told.run()
        told.object(id_, newsletter=True)
        told.run()

        assert told.moves() == [(None, "1")]
        rows = told.world.sql("SELECT id FROM record WHERE stream = 'custom_objects' AND gone_at IS NOT NULL")
        assert [row["id"] for row in rows] == [first["id"]]

    def test_a_deleted_one_took_nothing_back(self, told: ObjectWorld):
        """Whoever agreed stays on the list though the shop deletes the custom object."""
        id_ = told.sign_up()
        row = told.object(id_, newsletter=True)
        told.run()
        told.remove(row)
        told.pass_time(hours=1)
        told.run()

        assert told.moves() == [(None, "1")]


class TestContainers:
    def test_only_those_are_read_that_are_named(self, told: ObjectWorld):
        """Objects of other containers are not even read."""
        id_ = told.sign_up()
        told.object(id_, container="carts", newsletter=True)
        told.run()

        assert told.moves() == []
        assert told.world.sql("SELECT FROM record WHERE stream = 'custom_objects'") == []

    def test_one_that_is_asked_for_later_is_of_the_past(self, told: ObjectWorld):
        """A container that the file names later is read from its beginning; news of it counts, what it held does not."""
        id_, bob = told.sign_up(), told.sign_up(BOB)
        for each in (id_, bob):
            told.object(each, container="more", newsletter=each == bob)
        told.run()
        told.pass_time(seconds=30)
        more = '[[consent.email.read]]\nvalue = "custom_object.value.newsletter"\ncontainer = "more"\n'
        told.world.configure(configuration(more))
        told.run()
        assert told.moves() == []

        told.pass_time(seconds=30)
        told.object(id_, container="more", newsletter=True)
        told.run()

        assert told.status() == "1"
        assert told.status(BOB) is None
        assert told.moves() == [(None, "1")]

    def test_a_sweep_that_is_cut_off_goes_on_where_it_was(self, world_of: Callable[..., World]):
        """However short the slices in which containers are read, each object is accepted once."""
        more = '[[consent.email.read]]\nvalue = "custom_object.value.newsletter"\ncontainer = "more"\n'
        told = ObjectWorld(world_of(configuration(more), CT_AC_SYNC_SLICE_SECONDS="0.01"))
        for number in range(220):
            told.shop.put(OBJECT, container=("consents", "more")[number % 2], key=str(number), value={})
        slices = []
        while not slices or not slices[-1].is_done:
            slices.append(told.world.extract.read(Stream.CUSTOM_OBJECTS))

        assert len(slices) > 3
        assert sum(each.changed for each in slices) == 220
        rows = told.world.sql("SELECT container FROM container ORDER BY 1")
        assert [row["container"] for row in rows] == ["consents", "more"]


class TestUnreadable:
    def test_it_is_a_letter(self, told: ObjectWorld):
        """An object that cannot be read is a dead letter and stops no other; it counts once it can be read."""
        ann, bob = told.sign_up(), told.sign_up(BOB)
        broken = told.shop.put(
            OBJECT, container="consents", key=ann, value={"newsletter": True}, createdAt="once"
        )
        told.object(bob, newsletter=True)
        told.run()
        (letter,) = told.world.box.desk.dead_letters()
        assert (letter["cause"], letter["object"]) == ("unreadable custom_objects: createdAt", broken["id"])
        assert told.moves() == [(None, "1")]

        told.shop.change(OBJECT, broken["id"], createdAt=in_(seconds=0))
        replayed = told.world.box.replay.replay([letter["dead_letter"]], actor="test", reason="mended")
        told.world.drain()

        assert replayed.reread == 1
        assert told.status() == "1"
        assert told.world.box.desk.dead_letters() == []


class TestRoutes:
    @pytest.mark.parametrize("place", ["", BY_ADDRESS])
    def test_it_decides_on_the_lists_of_its_customer(self, begin: Callable[..., ObjectWorld], place: str):
        """With a list for each store, what an object says decides on the list of its customer's store."""
        told = begin(configuration(place, lists=STORES))
        others = told.account.ask("lists", {"name": "Others"})["id"]
        id_ = told.sign_up()
        told.shop.change("customer", id_, stores=[{"typeId": "store", "key": "de"}])
        told.run()
        told.object(id_, newsletter=True, email=ANN)
        told.run()

        rows = told.account.by_hand("GET", f"/contacts/{told.contact()}/contactLists")["contactLists"]
        assert {row["list"] for row in rows} == {told.list}
        assert others != told.list


class TestGone:
    def test_it_speaks_for_no_customer_who_is_gone(self, told: ObjectWorld):
        """What an object says of a customer who was deleted is no yes any more."""
        id_ = told.sign_up()
        told.object(id_, newsletter=True)
        told.run()
        told.shop.ask("shop/remove", {"kind": "customer", "id": id_})
        told.world.extract.deletions.sweep()
        for _ in range(3):
            told.pass_time(seconds=70)
            told.world.extract.deletions.tick()
        told.run()

        rows = told.world.sql(
            "SELECT is_over(source, stream, customer_id, address, created_at, gone_at) AS is_over"
            " FROM record WHERE stream = 'custom_objects'"
        )
        assert [row["is_over"] for row in rows] == [True]


class TestMoves:
    def test_it_follows_its_customer_to_another_person(self, told: ObjectWorld):
        """Of a customer who takes the address of somebody else the object says for that one what is of the past."""
        id_, _ = told.sign_up(), told.sign_up(BOB)
        told.object(id_, newsletter=True)
        told.run()
        assert told.moves() == [(None, "1")]

        told.shop.change("customer", id_, email=BOB)
        told.run()
        assert told.status(BOB) is None

        told.pass_time(seconds=30)
        told.object(id_, newsletter=False)
        told.run()
        told.pass_time(seconds=30)
        told.object(id_, newsletter=True)
        told.run()

        assert told.status(BOB) == "1"


class TestEvents:
    def test_agreeing_is_told_of_whom_it_names(self, world_of: Callable[..., World], account_url: str):
        """That somebody agrees in an object is tracked once, though the object is read before its customer."""
        rule = (
            '\n[[events]]\non = "newsletter_opted_in"\n'
            'tracking = { name = "opted_in", value = "{event.channel}" }\n'
        )
        text = configuration().replace("[[routes]]", EVENT_HOST + "\n[[routes]]", 1) + rule
        told = ObjectWorld(world_of(text, CT_AC_SYNC_FROM="now", **access(account_url)))
        told.run()
        id_ = told.shop.ask("shop/do", {"kind": "sign_up", "email": ANN, "visible_after_seconds": 3600})["id"]
        told.object(id_, newsletter=True)
        told.pass_time(seconds=5)
        told.run()
        told.world.box.dispatch.tick()
        assert told.account.log("event_tracked") == []

        told.shop.change("customer", id_, firstName="Ann")
        told.pass_time(seconds=5)
        told.run()
        told.world.box.dispatch.tick()
        told.world.drain()

        assert [row["name"] for row in told.account.log("event_tracked")] == ["opted_in"]


class TestCheck:
    def test_it_says_what_is_lacking(self, told: ObjectWorld):
        """An API client without a scope for custom objects is told so, and a container without any is remarked upon."""
        check = Check(
            told.world.settings.configuration, sources=told.world.parts.sources,
            destinations=told.world.parts.destinations, clock=told.world.parts.clock,
        )  # fmt: skip
        remarks = [str(each.says) for each in check.run() if each.state is State.REMARK]
        told.shop.fault(operation="query_custom_objects", status=403, reply=LACKING)
        faults = [str(each.says) for each in check.run() if each.state is State.FAULT]

        assert any("no custom object is in the container 'consents' (yet)" in each for each in remarks)
        assert any("view_key_value_documents:demo-shop" in each for each in faults)
