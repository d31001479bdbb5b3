"""
A field value that becomes empty in the shop is empty there, whatever the account makes of an empty text.

Every story is told at both profiles of the look-alike: an empty text clears in one of them,
and leaves the value as it is in the other.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from account import Account
from configurations import NUMBER, PROFILE, SHOP, route
from world import World

from ct_ac_sync.clients.activecampaign.destination import ActiveCampaignDestination
from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import GoneError, TransientError
from ct_ac_sync.ports import Call, ContactWritten, FieldWanted, Layout, ValueCleared

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)

ANN = Address("ann@example.org")
FIELDS = [FieldWanted(perstag="SIZE", title="Size"), FieldWanted(perstag="TIER", title="Tier")]


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


@pytest.fixture(name="client")
def _client(account_url: str) -> ActiveCampaignDestination:
    return ActiveCampaignDestination(api_url=account_url, token="sandbox-token", connection="demo-shop")


@pytest.fixture(name="layout")
def _layout(client: ActiveCampaignDestination) -> Layout:
    return client.ensure_layout(FIELDS)


def ann(size: str, tier: str) -> Contact:
    """Return Ann with these values."""
    return Contact(email=ANN, first_name="Ann", fields=(("SIZE", size), ("TIER", tier)))


def send(client: ActiveCampaignDestination, call: Call) -> Any:
    """Return the answer of a call."""
    return client.send(call, deadline=timedelta(seconds=5))


def values(account: Account) -> dict[str, str]:
    """Return what Ann has in her fields, empty ones left out."""
    fields: dict[str, str] = account.ask(f"contact?email={ANN}")["fields"]
    return {perstag: value for perstag, value in fields.items() if value}


@pytest.mark.parametrize("is_linked", [True, False])
class TestClearing:
    def test_a_value_that_stays_is_told_and_deleted(
        self, client: ActiveCampaignDestination, account: Account, layout: Layout, *, is_linked: bool
    ):
        """Whether or not an empty text clears, the value is gone at last, and no call is made in vain."""
        made = send(client, client.prepare_sync(ann("42", "gold"), layout))
        empty = ann("", "gold")
        call = (
            client.prepare_update(made.contact, empty, layout)
            if is_linked
            else client.prepare_sync(empty, layout)
        )

        answer = send(client, call)
        cleared = [send(client, client.prepare_clear(value)) for value in answer.uncleared]

        assert made.uncleared == ()
        assert answer == ContactWritten(made.contact, ANN, answer.uncleared)
        blank_clears = account.ask("switches")["blank_clears"]["value"]
        assert cleared == ([] if blank_clears else [ValueCleared()])
        assert values(account) == {"TIER": "gold"}

    def test_what_is_not_there_need_not_be_cleared(
        self, client: ActiveCampaignDestination, layout: Layout, *, is_linked: bool
    ):
        """Somebody who never had a value costs one call, and so does the same once more."""
        first = send(client, client.prepare_sync(ann("", ""), layout))
        contact = ContactId(first.contact)
        again = client.prepare_update(contact, ann("", ""), layout)

        answer = send(client, again if is_linked else client.prepare_sync(ann("", ""), layout))

        assert (first.uncleared, answer.uncleared) == ((), ())


class TestClearingTwice:
    def test_a_value_that_is_gone_is_not_taken_for_a_bad_key(
        self, client: ActiveCampaignDestination, account: Account, layout: Layout
    ):
        """The account forbids to delete what is not there, and the contact is to be asked what it has."""
        account.switch(blank_clears=False)
        send(client, client.prepare_sync(ann("42", "gold"), layout))
        answer = send(client, client.prepare_sync(ann("", "gold"), layout))
        (value,) = answer.uncleared
        send(client, client.prepare_clear(value))

        with pytest.raises(GoneError) as caught:
            send(client, client.prepare_clear(value))

        assert caught.value.cause == "clear_value: forbidden"
        assert send(client, client.prepare_sync(ann("", "gold"), layout)).uncleared == ()

    def test_a_wall_before_the_account_is_no_answer_of_it(
        self, client: ActiveCampaignDestination, account: Account
    ):
        """Refused without the account's own body, nothing is known of the value."""
        account.fault(operation="delete_field_value", status=403, reply="<html>denied</html>", times=1)

        with pytest.raises(TransientError, match="AC_API_TOKEN"):
            send(client, client.prepare_clear("7"))


FLOW = (
    SHOP
    + route("all", "main")
    + PROFILE
    + NUMBER
    + """
[[fields]]
perstag = "CT_COMPANY"
title = "Company"
from = "customer.companyName"

[[fields]]
perstag = "CT_KEY"
title = "Key"
from = "customer.key"
"""
)


@pytest.fixture(name="world")
def _world(world_of: Callable[..., World]) -> World:
    """Give a product that has sent Ann, who has a company and a key."""
    world = world_of(FLOW)
    world.run()
    customer = world.shop.do("sign_up", email=ANN)
    world.shop.change("customer", customer["id"], companyName="Lee Ltd", key="lee")
    world.run()
    return world


def _ann(world: World) -> dict[str, str]:
    """Return what Ann has in her fields there, empty ones left out."""
    return {perstag: value for perstag, value in world.contacts()[ANN]["fields"].items() if value}


def _become(world: World, **changes: Any) -> None:
    (customer,) = world.shop.ask("state")["customers"]
    world.shop.change("customer", customer["id"], **changes)
    world.read()


class TestDelivery:
    def test_what_becomes_empty_is_empty_there(self, world: World):
        """In accounts of either kind the values are gone, for one more call each where they stay, and none after."""
        before = world.account.total()

        _become(world, companyName=None, key=None)
        world.drain()

        stays = not world.account.ask("switches")["blank_clears"]["value"]
        assert set(_ann(world)) == {"CT_CUSTOMER_ID"}
        cleared = ["delete_field_value"] * 2 if stays else []
        assert world.account.writes(after=before) == ["update_contact", *cleared]
        assert world.box.views.status()["totals"]["owed"] == 0
        done = len(world.account.writes())
        _become(world, salutation="Dr")
        world.drain()
        assert len(world.account.writes()) == done

    def test_a_value_that_comes_back_meanwhile_stays(self, world: World):
        """Cleared is only what is still to be empty: a newer profile is sent whole."""
        world.account.fault(operation="delete_field_value", status=429, reply="{}", times=1)
        _become(world, companyName=None, key=None)
        world.deliver_due()

        _become(world, companyName="Lee & Sons")
        world.drain()

        assert set(_ann(world)) == {"CT_CUSTOMER_ID", "CT_COMPANY"}
        assert _ann(world)["CT_COMPANY"] == "Lee & Sons"

    def test_a_lost_reply_to_a_clearing_loses_nothing(self, world: World):
        """Whether or not the value is gone already, the contact is right at last, and nothing is buried."""
        world.account.fault(operation="delete_field_value", when="after", reset=True, times=1)

        _become(world, companyName=None)
        world.drain()

        assert set(_ann(world)) == {"CT_CUSTOMER_ID", "CT_KEY"}
        assert world.box.views.status()["totals"]["dead_letters"] == 0

    def test_what_was_sent_with_it_is_taken_back_too(self, world: World):
        """A profile that becomes what it was before is sent again, since the account holds another by then."""
        before = world.contacts()[ANN]["lastName"]
        world.account.fault(operation="delete_field_value", status=429, reply="{}", times=1)
        _become(world, companyName=None, lastName="Another")
        world.deliver_due()

        _become(world, companyName="Lee Ltd", lastName=before)
        world.drain()

        assert world.contacts()[ANN]["lastName"] == before
        assert _ann(world)["CT_COMPANY"] == "Lee Ltd"

    def test_a_new_address_comes_along(self, world: World):
        """Somebody who takes another address and loses a value stays one contact, and has neither any more."""
        (contact,) = [each["id"] for each in world.contacts().values()]

        _become(world, companyName=None, email="lee@example.org")
        world.drain()

        (after,) = world.contacts().values()
        assert (after["id"], after["email"]) == (contact, "lee@example.org")
        assert not after["fields"].get("CT_COMPANY")
        assert world.sql("SELECT address, contact FROM recipient") == [
            {"address": "lee@example.org", "contact": contact}
        ]
        assert world.sql("SELECT address FROM held_address") == [{"address": "lee@example.org"}]

    def test_a_value_that_may_not_be_deleted_ends_as_a_letter(self, world: World):
        """What the account forbids for ever is tried no more often than anything else, and is a letter then."""
        world.account.ask("switches", {"blank_clears": False})
        reply = '{"message": "Forbidden"}'
        world.account.fault(operation="delete_field_value", status=403, reply=reply)

        _become(world, companyName=None)
        world.drain(seconds=60)

        (letter,) = world.box.desk.dead_letters()
        assert "clear_value" in letter["cause"]
