"""Consent that is read once more of what is stored, after the file has changed: counted, and then done."""

from collections import Counter
from collections.abc import Callable

import pytest
from configurations import NUMBER, PROFILE, SHOP
from world import World

from tests.integration.test_consent_moves import CONSENT
from tests.integration.test_consent_objects import BOB, BY_ADDRESS, ObjectWorld
from tests.integration.test_consent_objects import configuration as of_objects
from tests.integration.test_consent_stories import ANN, LISTS, TYPE

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)


@pytest.fixture(name="begin")
def _begin(world_of: Callable[..., World]) -> Callable[[str], ObjectWorld]:
    """Give what begins a world that has been read once."""

    def begin(text: str) -> ObjectWorld:
        world = ObjectWorld(world_of(text, CT_AC_SYNC_FROM="now"))
        world.shop.ask("switches", {"late_visible_share": 0})
        world.run()
        return world

    return begin


def _of_carts(field: str, more: str = "") -> str:
    """Return a configuration in which carts say in a field of theirs whether somebody wants the newsletter."""
    consent = CONSENT.format(stream="cart").replace("fields.newsletter", f"fields.{field}")
    return SHOP + LISTS + PROFILE + NUMBER + consent.replace("[consent.email]", f"[consent.email]\n{more}")


def _counted(told: ObjectWorld) -> dict[str, int]:
    """Return how many memberships a remap is said to come to, by action."""
    found: Counter[str] = Counter()
    for (_, _, _, action, _), people in told.world.box.remap.compare().memberships.items():
        found[action] += people
    return dict(found)


def _remap(told: ObjectWorld, text: str) -> dict[str, int]:
    """Change the file, remap, and return what that was said to come to."""
    told.world.configure(text)
    said = _counted(told)
    told.world.box.remap.run()
    told.world.drain()
    return said


class TestCarts:
    @pytest.mark.parametrize("email", [ANN, BOB])
    def test_other_words_are_read_of_those_that_are_stored(
        self, begin: Callable[[str], ObjectWorld], email: str
    ):
        """A new mapping is read of the carts that are there, of customers and guests, as something of the past."""
        told = begin(_of_carts("newsletter"))
        id_ = told.sign_up()
        whose = {"customer": id_} if email == ANN else {"email": BOB}
        cart = told.shop.do("cart", visible_after_seconds=0, **whose)
        told.shop.change("cart", cart["id"], custom=TYPE | {"fields": {"newsletter": False, "letters": True}})
        if email == BOB:
            told.shop.do("guest_order", email=BOB, visible_after_seconds=0)
        told.run()
        assert told.moves() == []

        assert _remap(told, _of_carts("letters")) == {"hold": 1}
        assert told.moves() == []
        assert _remap(told, _of_carts("letters", "past_counts = true")) == {"subscribe": 1}
        assert told.status(email) == "1"


class TestObjects:
    @pytest.mark.parametrize("place", ["", BY_ADDRESS])
    def test_a_new_mapping_is_counted(self, begin: Callable[[str], ObjectWorld], place: str):
        """What stored objects say where nobody has read them is counted before it is done."""
        told = begin(of_objects(place))
        id_ = told.sign_up()
        told.object(id_, letters="yes", email=ANN)
        told.run()
        other = of_objects(place, "past_counts = true").replace("value.newsletter", "value.letters")

        assert _remap(told, other) == {"subscribe": 1}
        assert told.moves() == [(None, "1")]

    def test_what_one_said_is_no_live_word_of_another(self, begin: Callable[[str], ObjectWorld]):
        """Where the file says otherwise whose objects are, what one person said subscribes no other."""
        told = begin(of_objects(BY_ADDRESS))
        told.sign_up()
        told.sign_up(BOB)
        told.object("1", newsletter=True, email=ANN, other=BOB)
        told.run()
        assert told.moves() == [(None, "1")]

        _remap(told, of_objects(BY_ADDRESS.replace("email", "other")))

        assert told.status(BOB) is None
        assert told.status() == "1"
