"""What people are shown of somebody's consent."""

from collections.abc import Callable
from typing import Any

import pytest
from world import World

from tests.integration.test_consent_moves import YES, _of
from tests.integration.test_consent_objects import BOB, ObjectWorld
from tests.integration.test_consent_stories import ANN, configuration

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)


def _shown(told: ObjectWorld, email: str) -> dict[str, Any]:
    """Return what is shown of whom an address is."""
    rows = told.world.sql("SELECT person FROM identifier WHERE kind = 'address' AND value = %s", (email,))
    return told.world.box.consent.of([row["person"] for row in rows])


class TestProof:
    def test_what_it_was_decided_on_is_shown_though_its_record_left(self, world_of: Callable[..., World]):
        """Of who was subscribed for an order that is somebody else's by now, that yes is still shown."""
        told = ObjectWorld(world_of(_of("order"), CT_AC_SYNC_FROM="now"))
        told.run()
        told.sign_up(BOB)
        order = told.shop.do("guest_order", email="eve@example.com", visible_after_seconds=0)
        told.shop.change("order", order["id"], **YES)
        told.run()
        told.pass_time(seconds=30)
        told.shop.change("order", order["id"], customerEmail=BOB)
        told.run()

        shown = _shown(told, "eve@example.com")

        decided = {row["evidence"] for row in shown["timeline"] if row["what"] in ("verdict", "written")}
        said = {row["evidence"] for row in shown["timeline"] if row["what"] == "said"}
        assert decided
        assert decided <= said
        assert shown["standings"][0]["said"].startswith("yes")


class TestMaySend:
    def test_a_no_that_is_held_may_not_be_sent_to(self, world_of: Callable[..., World]):
        """Who is on the list, and said a no that a human is to look at, is not said to be one to write to."""
        told = ObjectWorld(world_of(configuration("latest"), CT_AC_SYNC_FROM="now"))
        told.run()
        told.sign_up(newsletter=True, letters=False)
        told.run()
        told.world.configure(configuration("latest").replace('fields.newsletter"', 'fields.letters"'))
        told.world.box.remap.run()
        told.world.drain()

        shown = _shown(told, ANN)["standings"][0]

        assert told.moves() == [(None, "1")]
        assert (shown["standing"], shown["verdict"], shown["may_send"]) == ("active", "hold", "no")
