"""Routes: every person and order lands where the configuration says, and nowhere else."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from configurations import NUMBER, OUTLET, PROFILE, SHOP, SWISS, TWO_STORES, route
from world import World

from ct_ac_sync.errors import SyncError
from ct_ac_sync.ports import Stream
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.database import Database
from ct_ac_sync.sync.references import ReferencesAwayError

Making = Callable[..., World]
HOUR = timedelta(hours=1)


@pytest.fixture(name="world")
def _world(world_of: Making) -> World:
    """Give a product of two stores and two accounts, which has read what there was: nothing."""
    found = world_of(TWO_STORES, accounts=["swiss"])
    found.run()
    return found


def _order_in(world: World, store: str, **given: str) -> dict[str, str]:
    """Let somebody order in a store."""
    return world.shop.do(
        "order" if "customer" in given else "guest_order", country=_COUNTRIES[store], **given
    )


_COUNTRIES = {"de": "DE", "ch": "CH"}


def _stores(*keys: str) -> list[dict[str, str]]:
    return [{"typeId": "store", "key": key} for key in keys]


class TestTwoStores:
    def test_everything_lands_where_its_store_says(self, world: World):
        """Contacts and orders of a store are in its account, and in no other."""
        for store in _COUNTRIES:
            customer = world.shop.do("sign_up", email=f"{store}@example.org", store=store)
            _order_in(world, store, customer=customer["id"])
            _order_in(world, store, email=f"guest-{store}@example.org")

        world.run()

        for store, account in (("de", world.account), ("ch", world.accounts["swiss"])):
            assert set(account.contacts()) == {f"{store}@example.org", f"guest-{store}@example.org"}
            assert len(account.orders()) == 2

    def test_what_no_route_takes_is_skipped_with_the_reason(self, world: World):
        """A customer and an order of no store are nowhere, and the ledger says why, once for each version."""
        customer = world.shop.do("sign_up", email="nobody@example.org")
        order = _order_in(world, "de", customer=customer["id"])
        world.shop.change("order", order["id"], store=None)

        world.run()
        world.run()

        assert world.contacts() == world.accounts["swiss"].contacts() == {}
        assert world.reasons("skipped") == [("upsert_contact", "no_route"), ("upsert_order", "no_route")]

    def test_who_moves_appears_there_and_is_kept_right_here(self, world: World):
        """A customer of another store by now is in that account too, and both show what changes."""
        customer = world.shop.do("sign_up", email="moving@example.org", store="de", last_name="Before")
        world.run()
        order = _order_in(world, "de", customer=customer["id"])
        world.run()

        world.shop.change("customer", customer["id"], stores=_stores("ch"), lastName="After")
        world.run()

        both = (world.account, world.accounts["swiss"])
        assert [each.contacts()["moving@example.org"]["lastName"] for each in both] == ["After", "After"]
        assert [order["id"] in each.orders() for each in both] == [True, False]

    def test_an_order_that_changes_store_is_kept_right_where_it_was(self, world: World):
        """It appears in the other account with its contact, and its state is right in both."""
        customer = world.shop.do("sign_up", email="ann@example.org", store="de")
        order = _order_in(world, "de", customer=customer["id"])
        world.run()

        world.shop.change(
            "order", order["id"], store={"typeId": "store", "key": "ch"}, orderState="Cancelled"
        )
        world.run()

        both = (world.account, world.accounts["swiss"])
        assert [each.orders()[order["id"]]["normalizedStatus"] for each in both] == ["CANCELLED"] * 2

    def test_an_order_elsewhere_takes_its_contact_along(self, world: World):
        """Where an order goes and its customer does not, the contact is made there first."""
        customer = world.shop.do("sign_up", email="ann@example.org", store="de", first_name="Ann")
        world.run()

        order = _order_in(world, "ch", customer=customer["id"])
        world.run()

        swiss = world.accounts["swiss"]
        assert swiss.contacts()["ann@example.org"]["firstName"] == "Ann"
        assert swiss.orders()[order["id"]]["email"] == "ann@example.org"
        assert swiss.writes()[-2:] == ["sync_contact", "graphql"]
        assert order["id"] not in world.orders()

    def test_such_a_contact_follows_its_customer(self, world: World):
        """A contact that is there for its orders only is renamed, and changed, with the customer."""
        customer = world.shop.do("sign_up", email="ann@example.org", store="de")
        _order_in(world, "ch", customer=customer["id"])
        world.run()

        world.shop.change("customer", customer["id"], email="lee@example.org", lastName="Lee")
        world.run()

        swiss = world.accounts["swiss"]
        assert {e: c["lastName"] for e, c in swiss.contacts().items()} == {"lee@example.org": "Lee"}
        assert [c["email"] for c in swiss.ask("state")["customers"]] == ["lee@example.org"]


GROUPS = (
    SHOP + SWISS + route("business", "swiss", 'group = "b2b"', connection="Trade")
    + route("everyone else", "main", connection="Retail") + PROFILE + NUMBER
)  # fmt: skip


class TestReferences:
    def test_a_group_is_known_by_its_key(self, world_of: Making):
        """A route by a group's key takes its customers and their orders, though they name its id alone."""
        world = world_of(GROUPS, accounts=["swiss"])
        world.read()
        for group in ("b2b", "b2c"):
            customer = world.shop.do("sign_up", email=f"{group}@example.org", group=group)
            world.shop.do("order", customer=customer["id"])

        world.run()

        assert list(world.contacts()) == ["b2c@example.org"]
        assert list(world.accounts["swiss"].contacts()) == ["b2b@example.org"]
        assert (len(world.orders()), len(world.accounts["swiss"].orders())) == (1, 1)

    def test_a_route_decides_the_connection_of_its_orders(self, world_of: Making):
        """Orders are under the connection that their route names, also where several lead to an account."""
        world = world_of(
            SHOP + route("switzerland", "main", 'store = "ch"', connection="Swiss shop")
            + route("the rest", "main") + PROFILE + NUMBER
        )  # fmt: skip
        world.read()
        orders = {store: _order_in(world, store)["id"] for store in _COUNTRIES}

        world.run()

        names = {c["id"]: c["name"] for c in world.account.ask("state")["connections"]}
        found = {
            store: names[str(world.orders()[id_]["legacyConnectionId"])] for store, id_ in orders.items()
        }
        assert found == {"ch": "Swiss shop", "de": "demo-shop"}

    def test_a_source_that_fails_loses_nothing(self, world_of: Making):
        """While references cannot be asked for, a sweep waits; then everybody is where the routes say."""
        world = world_of(GROUPS, accounts=["swiss"])
        world.shop.do("sign_up", email="b2b@example.org", group="b2b")
        world.shop.fault(operation="query_customer_groups", status=500)

        with pytest.raises(ReferencesAwayError):
            world.read()
        world.shop.heal()
        world.run()

        assert list(world.accounts["swiss"].contacts()) == ["b2b@example.org"]
        assert world.contacts() == {}


class TestOneAccountFails:
    def test_a_bad_key_halts_one_and_slows_none(self, world_of: Making):
        """An account with a bad key is asked once and left alone; the other costs one call a contact, as ever."""
        world = world_of(TWO_STORES, accounts=["swiss"])
        _fill(world, "ch", "de")
        world.environment["AC_API_TOKEN_SWISS"] = "wrong"
        world.configure(TWO_STORES)
        world.accounts["swiss"].ask("switches", {"refusal_status": 401})

        world.read()
        world.drain_all_but(world.host_of("swiss"))

        halted = {row["destination"] for row in world.box.views.status()["destinations"] if row["halted"]}
        assert halted == {world.host_of("swiss")}
        assert len(world.contacts()) == 6
        assert world.account.writes().count("sync_contact") == 6
        assert world.accounts["swiss"].total() <= 2
        assert world.accounts["swiss"].writes() == []

    def test_each_account_has_a_pace_of_its_own(self, world_of: Making):
        """One that says to wait, or fails time and again, takes no slot and no speed from the other."""
        world = world_of(TWO_STORES, accounts=["swiss"])
        world.read()
        database = Database(world.settings.database_url)
        ours, theirs = (
            Budget(database, destination=name, breaker=HOUR)
            for name in (world.account_name, world.host_of("swiss"))
        )
        theirs.throttle(timedelta(minutes=5))
        for _ in range(12):
            theirs.note_failure()

        waits = [ours.reserve(patience=HOUR) for _ in range(10)]
        theirs_wait, _ = theirs.reserve(patience=timedelta(seconds=1))
        paces = {
            row["destination"]: row["pace"] > row["base_interval"]
            for row in world.sql("SELECT destination, pace, base_interval FROM budget WHERE bucket = 'calls'")
        }
        database.close()

        assert all(wait < timedelta(seconds=1) and is_taken for wait, is_taken in waits)
        assert theirs_wait > timedelta(minutes=4)
        assert paces == {world.account_name: False, world.host_of("swiss"): True}

    def test_it_goes_on_once_the_key_is_right(self, world_of: Making):
        """What was owed to an account that was halted is delivered when a human lets it go on."""
        world = world_of(TWO_STORES, accounts=["swiss"])
        _fill(world, "ch")
        world.environment["AC_API_TOKEN_SWISS"] = "wrong"
        world.configure(TWO_STORES)
        world.read()
        world.drain_all_but(world.host_of("swiss"))

        world.environment["AC_API_TOKEN_SWISS"] = "sandbox-token"
        world.configure(TWO_STORES)
        world.execute("UPDATE destination SET halted = NULL")
        world.run()

        assert len(world.accounts["swiss"].contacts()) == 6
        assert world.box.views.status()["totals"]["dead_letters"] == 0


def _fill(world: World, *stores: str) -> None:
    """Let people of each store sign up, after the past has ended."""
    world.read()
    for number in range(6):
        for store in stores:
            world.shop.do("sign_up", email=f"p{number}@{store}.example.org", store=store)


BOTH_PROJECTS = (
    SHOP + OUTLET + SWISS + route("outlet", "swiss", 'source = "outlet"')
    + route("the rest", "main") + PROFILE + NUMBER
)  # fmt: skip


class TestTwoProjects:
    def test_each_is_read_with_its_own_key(self, world_of: Making):
        """Two projects with API clients of their own come together in one installation, and stay apart."""
        world = world_of(BOTH_PROJECTS, accounts=["swiss"], shops=["outlet"])
        world.read()
        world.shop.do("order", customer=world.shop.do("sign_up", email="ann@example.org")["id"])
        outlet = world.shops["outlet"]
        outlet.do("order", customer=outlet.do("sign_up", email="bob@example.org")["id"])

        world.run()

        assert list(world.contacts()) == ["ann@example.org"]
        assert list(world.accounts["swiss"].contacts()) == ["bob@example.org"]
        assert (len(world.orders()), len(world.accounts["swiss"].orders())) == (1, 1)

    def test_one_that_is_away_stops_not_the_other(self, world_of: Making):
        """A project that does not answer is read later; what the other has is delivered."""
        world = world_of(BOTH_PROJECTS, accounts=["swiss"], shops=["outlet"])
        world.read()
        world.shop.do("sign_up", email="ann@example.org")
        world.shops["outlet"].fault(operation="query_customers", status=503)

        for name in ("outlet", "demo-shop"):
            with contextlib.suppress(SyncError):
                world.box.extracts[name].read(Stream.CUSTOMERS)
        world.drain()

        assert list(world.contacts()) == ["ann@example.org"]

    @pytest.mark.parametrize(("speaker", "name"), [("oldest", "Ida"), ("newest", "Tom")])
    def test_one_address_in_both_is_one_contact(self, world_of: Making, speaker: str, name: str):
        """Customers of two projects with one address share a contact, for which the declared one speaks."""
        text = (SHOP + OUTLET + route("all", "main") + PROFILE + NUMBER).replace(
            "[profile]", f'[profile]\nspeaker = "{speaker}"'
        )
        world = world_of(text, shops=["outlet"])
        world.read()
        world.shop.do("sign_up", email="same@example.org", first_name="Ida")
        world.run()
        second = world.shops["outlet"].do("sign_up", email="Same@example.org", first_name="Tom")
        world.run()

        (contact,) = world.contacts().values()
        before = world.account.total()
        world.shops["outlet"].do("edit", customer=second["id"], last_name="Walsh")
        world.shop.do("edit", customer=world.shop.ask("state")["customers"][0]["id"], last_name="Hahn")
        world.run()
        world.run()

        assert contact["firstName"] == name
        assert world.account.total() == before + 1

    @pytest.mark.parametrize("speaker", ["oldest", "newest"])
    def test_what_the_speaker_refers_to_is_asked_for_in_its_own_project(self, world_of: Making, speaker: str):
        """A group is looked up where its customer is from, whoever else shares the contact, and by every call."""
        text = (SHOP + OUTLET + route("all", "main") + PROFILE + NUMBER + GROUP).replace(
            "[profile]", f'[profile]\nspeaker = "{speaker}"'
        )
        world = world_of(text, shops=["outlet"])
        world.read()
        outlet = world.shops["outlet"]
        people = {
            shop: shop.do("sign_up", email="same@example.org", first_name=name)
            for shop, name in ((world.shop, "shop"), (outlet, "outlet"))
        }
        for shop, customer in people.items():
            group = shop.put("customer-group", key=f"of {customer['firstName']}", name="its own")
            reference = {"typeId": "customer-group", "id": group["id"]}
            shop.change("customer", customer["id"], customerGroup=reference)
            shop.do("order", customer=customer["id"])

        world.run()

        (contact,) = world.contacts().values()
        assert contact["fields"]["CT_GROUP"] == f"of {contact['firstName']}"
        assert {e["after"] for e in world.account.log("field_value") if e["perstag"] == "CT_GROUP"} == {
            contact["fields"]["CT_GROUP"]
        }


GROUP = """
[[fields]]
perstag = "CT_GROUP"
title = "Group"
from = "customer.customerGroup.key"
"""


class TestSharedAddress:
    def test_two_stores_share_a_contact_and_do_not_fight(self, world_of: Making):
        """Two customers with one address cost no call once it is right, however often either is read."""
        world = world_of(SHOP + route("all", "main") + PROFILE + NUMBER)
        world.read()
        _, second = (
            world.shop.do("sign_up", email="same@example.org", first_name=name, store=store)
            for name, store in (("Ida", "de"), ("Tom", "ch"))
        )
        world.run()
        before = world.account.total()

        for number in range(4):
            world.shop.do("edit", customer=second["id"], last_name=f"Walsh {number}")
            world.run()

        assert world.contacts()["same@example.org"]["firstName"] == "Ida"
        assert world.account.total() == before

    def test_in_each_account_the_one_who_belongs_there_speaks(self, world: World):
        """Of two customers with one address, each account shows the one that its routes take."""
        for name, store in (("Ida", "de"), ("Tom", "ch")):
            world.shop.do("sign_up", email="same@example.org", first_name=name, store=store)

        world.run()
        world.run()

        assert world.contacts()["same@example.org"]["firstName"] == "Ida"
        assert world.accounts["swiss"].contacts()["same@example.org"]["firstName"] == "Tom"

    def test_who_leaves_takes_nobody_along(self, world_of: Making):
        """One of two with one address who moves, store and address, leaves the other where it was."""
        world = world_of(TWO_STORES, accounts=["swiss"])
        world.read()
        ida, tom = (
            world.shop.do("sign_up", email="same@example.org", first_name=name, store="de")
            for name in ("Ida", "Tom")
        )
        world.run()

        world.shop.change("customer", tom["id"], stores=_stores("ch"), email="tom@example.org")
        world.run()

        assert world.contacts()["same@example.org"]["fields"]["CT_CUSTOMER_ID"] == ida["id"]
        assert set(world.accounts["swiss"].contacts()) == {"tom@example.org"}


class TestOrdersOfCustomers:
    def test_an_order_goes_where_its_customer_belongs(self, world_of: Making):
        """What an order does not say itself, such as that its customer works here, its customer says for it."""
        staff = route("staff", "none", "custom = { isStaff = true }")
        world = world_of(SHOP + staff + route("everyone", "main") + PROFILE + NUMBER)
        world.run()
        customers = {
            name: world.shop.do("sign_up", email=f"{name}@example.org", has_profile=True)["id"]
            for name in ("staff", "guest")
        }
        profile = {"typeId": "type", "key": "customer"}
        world.shop.change(
            "customer", customers["staff"], custom={"type": profile, "fields": {"isStaff": True}}
        )
        world.read()
        orders = {name: world.shop.do("order", customer=id_)["id"] for name, id_ in customers.items()}

        world.run()

        assert set(world.orders()) == {orders["guest"]}
        assert set(world.contacts()) == {"guest@example.org"}
        looked = world.look(orders["staff"])
        assert (looked.route, [look.verdict for look in looked.looks]) == ("staff", [])
        compared = world.box.remap.compare()
        assert not compared.moved
        assert {what for (_, _, what) in compared.entries} == {"unchanged"}
