"""Remap: a changed configuration re-sends what differs, starts nothing, and says beforehand how much it is."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, SWISS, TWO_STORES, route
from world import Sandbox, World

from ct_ac_sync.sync.remap import Difference
from tests.integration.test_cli import Terminal
from tests.integration.test_consent_stories import ConsentWorld, configuration

Making = Callable[..., World]

GREETING = """
[[fields]]
perstag = "CT_GREETING"
title = "Greeting"
template = "Dear {customer.firstName}"
"""
TAGS = """
[tags]
owned = "tier: "

[[tags.rules]]
name = "tier: {customer.locale}"
"""
ORDERS = """
[[fields]]
perstag = "CT_ORDERS"
title = "Orders"
type = "number"
from = "orders.count"
"""
ONE = SHOP + route("all", "main") + PROFILE + NUMBER


@pytest.fixture(autouse=True)
def _quick_imports(account_url: str) -> None:
    """Let imports take effect soon."""
    Sandbox(account_url).ask("switches", {"import_seconds": 0.05})


def _lived(world_of: Making, configuration: str, **more: Any) -> World:
    """Give a product that has a past and a present of a few people and orders, all delivered."""
    world: World = world_of(configuration, **more)
    world.shop.ask("shop/fill", {"customers": 6, "orders": 8, "seed": 5})
    for account in world.accounts.values():
        account.ask("switches", {"import_seconds": 0.05})
    world.run()
    for number, store in enumerate(("de", "ch", "de", "ch")):
        customer = world.shop.do("sign_up", email=f"p{number}@example.org", store=store)
        world.shop.do("order", customer=customer["id"], country={"de": "DE", "ch": "CH"}[store])
    world.run()
    return world


def _would_send(found: Difference, *, at: str | None = None) -> dict[str, int]:
    """Return how many entries of each operation would be sent."""
    counted: Counter[str] = Counter()
    for (destination, operation, what), count in found.entries.items():
        if what == "sent" and at in (None, destination):
            counted[operation] += count
    return dict(counted)


def _sent(world: World, *, after: int) -> dict[str, int]:
    """Return how many entries of each operation were sent since, as the ledger has it."""
    rows = world.sql(
        "SELECT o.operation, count(DISTINCT o.entry) AS entries FROM outcome o JOIN attempt a USING (attempt)"
        " WHERE o.attempt > %s AND o.outcome IN ('applied', 'accepted') GROUP BY 1",
        (after,),
    )
    return {row["operation"]: row["entries"] for row in rows}


def _last_attempt(world: World) -> int:
    return int(world.sql("SELECT coalesce(max(attempt), 0) AS last FROM attempt")[0]["last"])


def _automations(world: World) -> int:
    accounts = (world.account, *world.accounts.values())
    return sum(len(each.log("automation_started")) for each in accounts)


def _remapped(world: World) -> tuple[dict[str, int], dict[str, int]]:
    """Return how much a remap was said to send, and what it sent then; nothing of it starts anything."""
    attempt, started, calls = _last_attempt(world), _automations(world), world.account.total()
    said = _would_send(world.box.remap.compare())

    assert (_last_attempt(world), world.account.total()) == (attempt, calls)
    world.box.remap.run()
    world.drain()

    assert _automations(world) == started
    assert _would_send(world.box.remap.compare()) == {}
    return said, _sent(world, after=attempt)


class TestNothingChanged:
    def test_it_sends_nothing(self, world_of: Making):
        """The same configuration once more is no call, and each entry says that it is unchanged."""
        world = _lived(world_of, ONE + GREETING + TAGS + ORDERS)
        before = world.account.total()

        said, sent = _remapped(world)

        assert (said, sent) == ({}, {})
        assert world.account.total() == before
        assert set(world.outcomes("upsert_order")[-12:]) == {"unchanged"}


class TestProfiles:
    def test_a_changed_field_sends_contacts_only(self, world_of: Making):
        """Each contact is sent once more, and no order, as many as were counted."""
        world = _lived(world_of, ONE)
        contacts = len(world.contacts())
        world.configure(ONE + GREETING)

        said, sent = _remapped(world)

        assert said == sent == {"upsert_contact": contacts}
        assert {c["fields"]["CT_GREETING"][:4] for c in world.contacts().values()} == {"Dear"}

    def test_one_that_shows_in_some_is_sent_for_these(self, world_of: Making):
        """Only those are sent again of whom the new rule says something else than before."""
        world = _lived(world_of, ONE)
        customers = world.shop.ask("state")["customers"]
        renamed = f'{{ "{customers[0]["lastName"]}" = "X" }}'
        value = f'{{ from = "customer.lastName", transform = [{{ map = {renamed} }}] }}'
        world.configure(ONE.replace('"customer.lastName"', value))

        said, sent = _remapped(world)

        assert said == sent
        assert said["upsert_contact"] <= len(customers)

    def test_a_new_option_is_there_before_its_values(self, world_of: Making):
        """A field that offers one more value by now offers it there too, so that all of them show."""
        kind = """
[[fields]]
perstag = "CT_NAME"
title = "Name"
type = "dropdown"
from = "customer.firstName"
options = ["Ida"]
"""
        world = _lived(world_of, ONE + kind)
        names = sorted({c["firstName"] for c in world.contacts().values() if c["firstName"]})
        world.configure(ONE + kind.replace('["Ida"]', str(sorted({"Ida", *names})).replace("'", '"')))

        said, sent = _remapped(world)

        assert said == sent
        assert {option["value"] for option in world.account.ask("state")["options"]} == {"Ida", *names}
        assert [c["email"] for c in world.contacts().values() if c["unshown"]] == []

    def test_new_tags_are_carried_by_an_import(self, world_of: Making):
        """Tags that are new to all are counted, added to all of the past, and start no automation."""
        world = _lived(world_of, ONE)
        world.configure(ONE + TAGS)

        said, _ = _remapped(world)

        people = {e: c["tags"] for e, c in world.contacts().items()}
        assert said == {"sync_tags": sum(map(bool, people.values()))}
        assert "add_tag" not in world.account.writes()

    def test_a_sum_of_orders_is_counted(self, world_of: Making):
        """A field that is new and made of orders is sent for all contacts, and no order is."""
        world = _lived(world_of, ONE)
        contacts = len(world.contacts())
        world.configure(ONE + ORDERS)

        said, sent = _remapped(world)

        assert said == sent == {"upsert_contact": contacts}


class TestOrders:
    def test_another_connection_sends_orders_as_historical(self, world_of: Making):
        """Orders are sent again where their connection changes, all of them as something of the past."""
        world = _lived(world_of, ONE)
        orders = len(world.orders())
        world.configure(SHOP + route("all", "main", connection="New") + PROFILE + NUMBER)

        said, sent = _remapped(world)

        assert said == sent == {"upsert_order": orders}

    def test_a_changed_status_rule_sends_those_it_is_for(self, world_of: Making):
        """Only orders whose status comes out otherwise are sent."""
        world = _lived(world_of, ONE)
        rule = '\n[[orders.statuses]]\nstatus = "WAITING"\npayment = "Pending"\n'
        world.configure(ONE + rule)

        said, sent = _remapped(world)

        assert said == sent
        assert 0 < said["upsert_order"] <= len(world.orders())


class TestRoutes:
    def test_a_new_destination_is_filled_as_history(self, world_of: Making):
        """What goes to another account by now is counted, and is there, though nothing of it changed."""
        world = _lived(world_of, ONE, accounts=["swiss"])
        world.configure(SHOP + SWISS + route("all", "swiss") + PROFILE + NUMBER)
        found = world.box.remap.compare()

        said, sent = _remapped(world)

        swiss = world.accounts["swiss"]
        assert found.moved == {world.project: len(world.sql("SELECT FROM record WHERE person IS NOT NULL"))}
        assert said == sent
        assert _would_send(found, at=world.host_of("swiss")) == {
            "upsert_contact": len(world.contacts()), "upsert_order": len(world.orders()),
        }  # fmt: skip
        assert (set(swiss.contacts()), set(swiss.orders())) == (set(world.contacts()), set(world.orders()))

    def test_who_speaks_in_an_account_may_change_with_the_routes(self, world_of: Making):
        """A contact that two share is counted where another speaks for it by the new routes."""
        world = world_of(SHOP + SWISS + route("all", "main") + PROFILE + NUMBER + ORDERS, accounts=["swiss"])
        world.read()
        for name, store in (("Ida", "ch"), ("Tom", "de")):
            customer = world.shop.do("sign_up", email="same@example.org", first_name=name, store=store)
            world.shop.do("order", customer=customer["id"], country={"de": "DE", "ch": "CH"}[store])
        world.run()
        world.configure(TWO_STORES + ORDERS)

        said, sent = _remapped(world)

        shown = [each.contacts()["same@example.org"] for each in (world.account, world.accounts["swiss"])]
        assert [(c["firstName"], c["fields"]["CT_ORDERS"]) for c in shown] == [("Tom", "1"), ("Ida", "1")]
        assert said == sent == {"upsert_contact": 2, "upsert_order": 1}

    def test_what_goes_nowhere_any_more_is_left_as_it_is(self, world_of: Making):
        """Records that no route takes any more are counted as moved, and nothing is sent for it."""
        world = _lived(world_of, ONE, accounts=["swiss"])
        world.configure(
            TWO_STORES.replace('"switzerland"\ndestination = "swiss"', '"switzerland"\ndestination = "none"')
        )
        found = world.box.remap.compare()

        said, sent = _remapped(world)

        assert found.moved[world.project] > 0
        assert (said, sent) == ({}, {})


#: A file in which the shop's word is asked at another place than before.
ELSEWHERE = configuration("commercetools").replace(
    'customer.custom.fields.newsletter"', 'customer.custom.fields.mails"'
)


def _memberships(world: ConsentWorld) -> dict[tuple[str, str], int]:
    """Return how many memberships a remap is said to change, by action and list."""
    found: Counter[tuple[str, str]] = Counter()
    for (_, _, list_, action, _), people in world.world.box.remap.compare().memberships.items():
        found[action, list_] += people
    return dict(found)


class TestConsent:
    @pytest.fixture(name="told")
    def _told(self, world_of: Making) -> ConsentWorld:
        """Give a world in which two were in the shop before, and one came since, of whom two agree."""
        world = ConsentWorld(world_of(configuration("commercetools"), CT_AC_SYNC_FROM="everything"))
        world.came_before("a@example.com", newsletter=True, mails=True)
        world.came_before("b@example.com", newsletter=False, mails=True)
        world.run()
        world.sign_up(newsletter=True, mails=False)
        world.run()
        return world

    def test_what_is_as_it_shall_be_is_left(self, told: ConsentWorld):
        """Under the same file nothing changes: one is on the list, one said no, one of the past is held."""
        writes = told.account.writes()

        assert _memberships(told) == {("leave", "Newsletter"): 2, ("hold", "Newsletter"): 1}
        assert told.account.writes() == writes

    def test_the_past_is_counted_before_it_counts(self, told: ConsentWorld):
        """With `past_counts` who agreed before is counted as to be subscribed, and then is."""
        told.world.configure(configuration("commercetools", more="past_counts = true"))
        said = _memberships(told)

        told.world.box.remap.run()
        told.world.drain()

        assert said["subscribe", "Newsletter"] == 1
        assert told.status("a@example.com") == "1"
        assert ("subscribe", "Newsletter") not in _memberships(told)

    def test_a_place_that_nobody_read_yet_is_read(self, told: ConsentWorld):
        """Where the file asks elsewhere, what stored records say there is counted, and nothing written down."""
        told.world.configure(ELSEWHERE)
        before = told.world.sql("SELECT * FROM consent_evidence")

        said = _memberships(told)

        assert said == {("hold", "Newsletter"): 3}
        assert told.world.sql("SELECT * FROM consent_evidence") == before

    def test_what_it_reads_there_is_of_the_past(self, told: ConsentWorld):
        """What stored records are found to say elsewhere subscribes nobody, and takes nobody off a list."""
        told.world.configure(ELSEWHERE)
        told.world.box.remap.run()
        told.world.drain()

        assert told.moves() == [(None, "1")]
        assert told.status() == "1"

    def test_the_command_counts_them(self, told: ConsentWorld):
        """The dry run of a remap names lists, what would be done with how many, and why."""
        terminal = Terminal(told.world.environment)

        found = terminal.run("sync", "--remap", "--dry-run", "--json").json()["memberships"]

        assert {row["list"] for row in found} == {"Newsletter"}
        assert sum(row["people"] for row in found) == 3
        assert "memberships" in terminal.run("sync", "--remap", "--dry-run").out
