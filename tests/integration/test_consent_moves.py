"""Consent in records that become somebody else's."""

from collections.abc import Callable

import pytest
from configurations import NUMBER, PROFILE, SHOP
from world import World

from tests.integration.test_consent_objects import BOB, BY_ADDRESS, ObjectWorld
from tests.integration.test_consent_objects import configuration as of_objects
from tests.integration.test_consent_stories import ANN, LISTS, TYPE

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)

CONSENT = """
[consent.email]
owner = "latest"

[[consent.email.read]]
value = "{stream}.custom.fields.newsletter"
"""
CAROL = "carol@example.com"


@pytest.fixture(name="begin")
def _begin(world_of: Callable[..., World]) -> Callable[[str], ObjectWorld]:
    """Give what begins a world that has been read once."""

    def begin(text: str) -> ObjectWorld:
        world = ObjectWorld(world_of(text, CT_AC_SYNC_FROM="now"))
        world.shop.ask("switches", {"late_visible_share": 0})
        world.run()
        return world

    return begin


def _of(stream: str) -> str:
    return SHOP + LISTS + PROFILE + NUMBER + CONSENT.format(stream=stream)


YES = {"custom": TYPE | {"fields": {"newsletter": True}}}


class TestCustomers:
    def test_orders_follow_as_something_of_the_past(self, begin: Callable[[str], ObjectWorld]):
        """Of a customer who takes somebody else's address, what orders said is no yes of that other one."""
        told = begin(_of("order"))
        ann, _ = told.sign_up(), told.sign_up(BOB)
        order = told.shop.do("order", customer=ann, visible_after_seconds=0)
        told.shop.change("order", order["id"], **YES)
        told.run()
        assert told.moves() == [(None, "1")]

        told.pass_time(seconds=30)
        told.shop.change("customer", ann, email=BOB)
        told.run()

        assert told.status(BOB) is None

    def test_an_order_that_is_given_to_somebody_else(self, begin: Callable[[str], ObjectWorld]):
        """Of an order whose address becomes somebody else's, what it said before is no yes of theirs."""
        told = begin(_of("order"))
        told.sign_up(BOB)
        order = told.shop.do("guest_order", email=ANN, visible_after_seconds=0)
        told.shop.change("order", order["id"], **YES)
        told.run()
        assert told.moves() == [(None, "1")]

        told.pass_time(seconds=30)
        told.shop.change("order", order["id"], customerEmail=BOB)
        told.run()

        assert told.status(BOB) is None


class TestObjects:
    def test_one_that_names_somebody_unknown_instead(self, begin: Callable[[str], ObjectWorld]):
        """What an object says of somebody who is not known is no word of whom it named before."""
        told = begin(of_objects(BY_ADDRESS))
        told.sign_up()
        told.run()
        told.object("1", newsletter=False, email=ANN)
        told.run()
        told.pass_time(seconds=30)
        told.object("1", newsletter=True, email=CAROL)
        told.run()

        assert told.moves() == []

    def test_who_comes_later_is_not_spoken_for_by_another(self, begin: Callable[[str], ObjectWorld]):
        """A word that was said of one whom nobody knew is none of whom the object names next."""
        told = begin(of_objects(BY_ADDRESS))
        told.object("1", newsletter=True, email=CAROL)
        told.run()
        told.pass_time(seconds=30)
        told.object("1", newsletter=True, email=ANN)
        told.sign_up()
        told.run()

        assert told.moves() == []


class TestDryRun:
    def test_it_counts_what_objects_say_elsewhere(self, begin: Callable[[str], ObjectWorld]):
        """What stored objects say at another place is counted before a remap, as it is decided by it."""
        told = begin(of_objects())
        told.object(told.sign_up(), letters="yes")
        told.run()
        told.world.configure(
            of_objects(more="past_counts = true").replace("value.newsletter", "value.letters")
        )

        counted = told.world.box.remap.compare().memberships

        assert [(key[3], people) for key, people in counted.items()] == [("subscribe", 1)]
        assert told.moves() == []
