"""An address that somebody else's contact has there: what the configuration says of it."""

from collections.abc import Callable

import pytest
import requests
from configurations import NUMBER, PROFILE, SHOP
from world import World

Making = Callable[..., World]

NEW = "new@example.org"


def _moved_to_a_taken_address(world: World) -> str:
    """Let a linked customer change its e-mail to one that a contact of nobody's has; return its contact."""
    world.read()
    customer = world.shop.do("sign_up", email="old@example.org")["id"]
    world.run()
    (row,) = world.sql("SELECT contact FROM recipient")
    made = requests.post(
        f"{world.account.url}/api/3/contacts",
        json={"contact": {"email": NEW}},
        headers={"Api-Token": world.settings.destinations[0].token},
        timeout=30,
    )
    made.raise_for_status()
    world.shop.do("change_email", customer=customer, email=NEW)
    return str(row["contact"])


@pytest.mark.parametrize(("rule", "is_held"), [("adopt", False), ("hold", True)])
def test_a_taken_address_follows_the_rule(world_of: Making, rule: str, is_held: bool):  # noqa: FBT001
    """With `adopt` the contact that has the address becomes the person's; with `hold` a human decides."""
    profile = PROFILE.replace("[profile]", f'[profile]\nemail_taken = "{rule}"')
    world = world_of(SHOP + profile + NUMBER)
    before = _moved_to_a_taken_address(world)

    world.run()

    (row,) = world.sql("SELECT contact, address FROM recipient")
    causes = [letter["cause"] for letter in world.box.desk.dead_letters()]
    if is_held:
        assert causes == ["update_contact: duplicate"]
        assert (row["contact"], row["address"]) == (before, "old@example.org")
    else:
        assert causes == []
        assert (row["contact"] != before, row["address"]) == (True, NEW)
        assert set(world.contacts()) == {"old@example.org", NEW}
