"""The configuration held against a shop and accounts over HTTP, and the command that tells of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, SWISS, route
from world import Sandbox, World

from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.sync.check import Check, Finding
from ct_ac_sync.sync.hold import State

WorldOf = Callable[..., World]

CLEAN, COULD_NOT = 0, 2
ALL = route("all", "main")
BEGIN = SHOP + PROFILE + NUMBER
#: Below and above the vendor's page of twenty, and above its greatest of a hundred, twice.
MANY = (21, 101, 250)
#: A configuration that speaks of much that the look-alike's shop has.
RICH = (
    SHOP
    + PROFILE.replace("[profile]", '[profile]\nlocales = ["en-GB", "de-DE"]')
    + NUMBER
    + """
[lists.news]
name = "Newsletter"

[[tags.rules]]
name = "tier: {customer.custom.fields.tier}"
when = { custom = { isStaff = false } }

[[fields]]
perstag = "CT_GROUP"
title = "Group"
from = "customer.customerGroup.name"

[[fields]]
perstag = "CT_TOTAL"
title = "Total"
type = "number"
from = "orders.total.CHF"

[products]
brand = "brand"
attributes = ["colour", "material"]
"""
    + route("business", "main", 'group = "b2b", channel = "web-de"')
    + route("all", "main", 'store = ["de", "ch"]', lists="news")
)


def found_in(world: World) -> list[Finding]:
    """Return what check finds, through the product's clients."""
    parts = world.parts
    held = Check(
        world.settings.configuration,
        sources=parts.sources,
        destinations=parts.destinations,
        clock=parts.clock,
    )
    return list(held.run())


def told(world: World, state: State) -> list[str]:
    """Return what check says of one sort."""
    return [str(each.says) for each in found_in(world) if each.state is state]


def add_list(account: Sandbox, name: str, **more: str) -> None:
    """Add a list by hand, for all to see."""
    account.ask("lists", {"name": name, **more})


def add_field(account: Sandbox, title: str, perstag: str, kind: str = "text") -> None:
    """Add a custom field by hand."""
    account.by_hand("POST", "/fields", {"field": {"title": title, "perstag": perstag, "type": kind}})


def run(world: World, *words: str, **changes: str) -> tuple[int, str]:
    """Run the command in the world's environment and return how it ended, and what it printed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "ct_ac_sync.cli.main", "check", *words],
        env=kept | {"COLUMNS": "200"} | world.environment | changes,
        capture_output=True, timeout=180, check=False, encoding="utf-8",
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


class TestAGoodConfiguration:
    def test_nothing_but_what_will_be_made(self, world_of: WorldOf):
        """Where all that is named exists, only what the first run makes is remarked upon."""
        world = world_of(RICH)
        add_list(world.account, "Newsletter")

        assert told(world, State.FAULT) == []
        assert told(world, State.REMARK) == [
            "fields that are not there and will be made: CT_CUSTOMER_ID, CT_GROUP, CT_TOTAL",
            "connections that are not there and will be made: demo-shop",
        ]

    def test_what_was_made_is_not_spoken_of(self, world_of: WorldOf):
        """Fields and connections that the product made itself are as they must be."""
        world = world_of(RICH)
        add_list(world.account, "Newsletter")
        world.box.accounts[world.account_name].provision.layout()

        assert {each.state for each in found_in(world)} == {State.OK}

    def test_it_only_reads(self, world_of: WorldOf):
        """Neither side is asked to change anything, and no person is looked at."""
        world = world_of(RICH)
        before = world.shop.total(), world.account.total()

        found_in(world)

        calls = (*world.shop.calls(after=before[0]), *world.account.calls(after=before[1]))
        assert {call["method"] for call in calls if call["operation"] != "token"} == {"GET"}
        assert world.account.log() == []


class TestProjects:
    @pytest.mark.parametrize(
        ("scope", "state", "where"),
        [
            ("view_customer_groups", State.FAULT, "[[routes]] 1, when.group"),
            ("view_stores", State.FAULT, "[[routes]] 1, when.channel"),
            ("view_payments", State.FAULT, "[[fields]] 3"),
            ("view_types", State.REMARK, "custom fields cannot be held"),
            ("view_discount_codes", State.REMARK, "discounts do not name"),
            ("view_project_settings", State.REMARK, "languages and currencies"),
        ],
    )
    def test_a_scope_that_is_lacking(self, world_of: WorldOf, scope: str, state: State, where: str):
        """Each scope is named with what needs it: mapping, or only a description."""
        every = (
            "customers", "orders", "payments", "messages", "published_products", "products", "stores", "customer_groups",
            "types", "discount_codes", "project_settings", "channels", "states",
        )  # fmt: skip
        names = [f"view_{each}" for each in every if f"view_{each}" != scope]
        world = world_of(RICH, CTP_SCOPES=" ".join(f"{name}:demo-shop" for name in names))
        add_list(world.account, "Newsletter")

        assert [says for says in told(world, State.FAULT) if scope not in says] == []
        named = [says for says in told(world, state) if f"{scope}:demo-shop" in says]
        assert any(where in says for says in named)

    def test_writing_back_needs_more_than_reading(self, world_of: WorldOf):
        """Who may only view customers is told where the file wants them written to, and in which field."""
        place = 'value = "customer.custom.fields.newsletter"'
        text = f"{RICH}\n[[consent.email.read]]\n{place}\n[consent.email.write_back]\n{place}\n"
        views = ("customers", "orders", "payments", "messages", "types")
        scopes = " ".join(f"view_{each}:demo-shop" for each in views)
        lacking = "needs the scope manage_customers:demo-shop"

        assert any(lacking in says for says in told(world_of(text, CTP_SCOPES=scopes), State.FAULT))
        assert [says for says in told(world_of(text), State.FAULT) if "write_back" in says] == []

    def test_all_scopes_are_told_of_at_once(self, world_of: WorldOf):
        """An API client that may read nothing but customers is told of each scope it lacks."""
        world = world_of(RICH, CTP_SCOPES="view_customers:demo-shop")

        faults = " ".join(told(world, State.FAULT))

        for scope in ("view_orders", "view_customer_groups", "view_stores", "view_channels", "view_payments"):
            assert f"{scope}:demo-shop" in faults

    def test_every_slip_of_the_pen(self, world_of: WorldOf):
        """All names that the project does not have are told at once, each with what was meant."""
        slips = {
            '"b2b"': '"b2bb"', '"web-de"': '"web_de"', '["de", "ch"]': '["de", "sh"]', "fields.tier": "fields.teir",
            "isStaff": "isStuff", '"material"': '"materials"', "total.CHF": "total.CFH", '"de-DE"': '"sv-SE"',
        }  # fmt: skip
        text = RICH
        for right, wrong in slips.items():
            assert right in text
            text = text.replace(right, wrong)
        world = world_of(text)
        add_list(world.account, "Newsletter")

        faults, remarks = told(world, State.FAULT), told(world, State.REMARK)

        for wrong in ("b2bb", "web_de", "sh", "teir", "isStuff", "materials"):
            assert [f"called '{wrong}'" in says for says in faults].count(True) == 1
        assert len(faults) == 6
        assert any("did you mean 'tier'?" in says for says in faults)
        assert any("no currency in demo-shop is called 'CFH': did you mean 'CHF'?" in s for s in remarks)
        assert any("no language in demo-shop is called 'sv-SE'" in says for says in remarks)

    @pytest.mark.parametrize("many", MANY)
    def test_the_last_of_many_stores(self, world_of: WorldOf, many: int):
        """A store is found however many there are before it."""
        world = world_of(BEGIN + route("all", "main", f'store = ["shop-1", "shop-{many}"]'))
        for number in range(1, many + 1):
            world.shop.put("store", key=f"shop-{number}")

        assert told(world, State.FAULT) == []

    def test_two_projects(self, world_of: WorldOf):
        """What one project has is enough, and a project that is away hides nothing of the other."""
        other = """
[sources.outlet]
project_env = "CTP_PROJECT_KEY_OUTLET"
api_url_env = "CTP_API_URL_OUTLET"
auth_url_env = "CTP_AUTH_URL_OUTLET"
client_id_env = "CTP_CLIENT_ID_OUTLET"
client_secret_env = "CTP_CLIENT_SECRET_OUTLET"
"""
        rules = route("a", "main", 'group = "retail"') + route("b", "main", 'group = "none-such"')
        world = world_of(BEGIN + other + rules, shops=["outlet"])
        world.shops["outlet"].put("customer-group", key="retail", name="Retail")

        assert [(each.what, each.says) for each in found_in(world) if each.state is State.FAULT] == [
            (
                "commercetools outlet, demo-shop",
                "[[routes]] 2, when.group: no customer group in outlet or demo-shop is called 'none-such'",
            )
        ]

        world.shops["outlet"].fault(operation="query_customers", status=503)
        (says,) = told(world, State.FAULT)
        assert "503" in says


@pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
class TestAccounts:
    @pytest.mark.parametrize("many", MANY)
    def test_the_last_of_many(self, world_of: WorldOf, many: int):
        """Fields, lists, connections and tags are found however many there are before them."""
        tag = '[[tags.rules]]\nname = { value = "vip" }\n'
        world = world_of(BEGIN + tag + '[lists.news]\nname = "News"\n' + route("all", "main", lists="news"))
        for number in range(many - 1):
            add_field(world.account, f"Field {number}", f"F{number}")
            add_list(world.account, f"News {number}")
            tag_row = {"tag": f"vip {number}", "tagType": "contact", "description": ""}
            world.account.by_hand("POST", "/tags", {"tag": tag_row})
            shop = {
                "service": "ct-ac-sync",
                "externalid": f"s{number}",
                "name": "s",
                "logoUrl": "l",
                "linkUrl": "l",
            }
            world.account.by_hand("POST", "/connections", {"connection": shop})
        add_field(world.account, "Customer id", "CT_CUSTOMER_ID")
        add_list(world.account, "News")
        world.account.by_hand(
            "POST", "/tags", {"tag": {"tag": "VIP", "tagType": "contact", "description": ""}}
        )
        shop = {
            "service": "ct-ac-sync",
            "externalid": "demo-shop",
            "name": "s",
            "logoUrl": "l",
            "linkUrl": "l",
        }
        world.account.by_hand("POST", "/connections", {"connection": shop})

        assert told(world, State.FAULT) == []
        assert told(world, State.REMARK) == [
            "[[tags.rules]] 1, name: the tag 'vip' is called 'VIP' there, and is the same"
        ]

    def test_fields_that_differ(self, world_of: WorldOf):
        """A field of another type and one whose title is taken are faults, before anything is written."""
        more = '[[fields]]\nperstag = "CT_CITY"\ntitle = "City"\nfrom = "address.city"\n'
        world = world_of(BEGIN + more + ALL)
        add_field(world.account, "Customer id", "CT_CUSTOMER_ID", "number")
        add_field(world.account, "City", "ORT")

        faults = told(world, State.FAULT)

        assert faults[0] == "[[fields]] 1, type: CT_CUSTOMER_ID is of type number there, wanted is text"
        assert faults[1].startswith("[[fields]] 2, title: CT_CITY cannot be made, because the field ORT")
        assert len(faults) == 2

    def test_options_that_will_be_added(self, world_of: WorldOf):
        """Options that the account lacks are remarked upon, once it has the field."""
        more = (
            '[[fields]]\nperstag = "CT_KIND"\ntitle = "Kind"\ntype = "dropdown"\noptions = ["a", "b"]\n'
            'from = "customer.salutation"\n'
        )
        world = world_of(BEGIN + more + ALL)
        add_field(world.account, "Kind", "CT_KIND", "dropdown")

        assert any("options of CT_KIND" in says and "'a', 'b'" in says for says in told(world, State.REMARK))

    def test_lists_of_one_name(self, world_of: WorldOf):
        """A list for text messages is not the list for e-mail, and two of one name are a fault."""
        world = world_of(BEGIN + '[lists.news]\nname = "News"\n' + route("all", "main", lists="news"))
        add_list(world.account, "News", channel="sms")
        (says,) = told(world, State.FAULT)
        assert says == "[lists.news], name: no list for email there is called 'News': one for sms is"

        add_list(world.account, "News")
        assert told(world, State.FAULT) == []

        add_list(world.account, "News")
        (says,) = told(world, State.FAULT)
        assert "are both called 'News'" in says

    def test_lists_are_asked_for_where_they_matter(self, world_of: WorldOf):
        """A key that may not see lists is good enough for a configuration without any."""
        world = world_of(BEGIN + ALL)
        world.account.fault(operation="list_lists", status=403)

        assert told(world, State.FAULT) == []
        assert "list_lists" not in world.account.counts()

    def test_one_account_with_a_wrong_key(self, world_of: WorldOf):
        """The other account is held against the configuration all the same."""
        lists = '[lists.news]\nname = "News"\n' + route("ch", "swiss", 'country = "CH"')
        text = BEGIN + SWISS + lists + route("all", "main", lists="news")
        world = world_of(text, accounts=["swiss"])
        world.accounts["swiss"].fault(status=401, reply='{"message":"no"}')

        faults = [each for each in found_in(world) if each.state is State.FAULT]

        assert {each.what for each in faults} == {
            f"activecampaign {world.host_of('swiss')}", f"activecampaign {world.account_name}",
        }  # fmt: skip


EVENTS = """
[[events]]
on = "order_placed"
automation = 12
tracking = { name = "order_placed" }
[[events]]
on = "paid"
automation = 13
"""


class TestEvents:
    def test_automations_that_people_would_enter(self, world_of: WorldOf):
        """An automation that is not there, or does not run, is a fault, and others are not spoken of."""
        world = world_of(BEGIN + ALL + EVENTS, AC_EVENT_ACTID="25", AC_EVENT_KEY="key-of-events")
        world.account.ask("automations", {"id": "13", "name": "Thank you", "status": 2})
        assert told(world, State.FAULT) == [
            "[[events]] 1, automation: no automation there has the number 12: it has 13 (Thank you)",
            "[[events]] 2, automation: the automation 13, 'Thank you', is not active there: activate it",
        ]

        for id_ in ("12", "13"):
            world.account.ask("automations", {"id": id_, "name": "Welcome", "status": 1})
        assert told(world, State.FAULT) == []

    def test_automations_are_asked_for_where_they_matter(self, world_of: WorldOf):
        """A key that may not see automations is good enough where nobody enters one."""
        world = world_of(BEGIN + ALL)
        world.account.fault(operation="list_automations", status=403)

        assert told(world, State.FAULT) == []
        assert "list_automations" not in world.account.counts()

    def test_a_project_without_messages(self, world_of: WorldOf):
        """Where anything follows of events a project that keeps no messages is told how to keep them."""
        world = world_of(BEGIN + ALL + EVENTS, AC_EVENT_ACTID="25", AC_EVENT_KEY="key-of-events")
        assert not any("messages" in says for says in told(world, State.REMARK))

        world.shop.ask("messages", {"enabled": False})

        (says,) = [says for says in told(world, State.REMARK) if "messages" in says]
        assert says.startswith("it keeps no messages")
        assert "changeMessagesConfiguration" in says

    def test_an_event_host_that_nobody_names(self, world_of: WorldOf):
        """A rule that tracks is a fault of the file where the account has no event host, before anybody is asked."""
        with pytest.raises(ConfigurationError, match="has no event_actid_env and event_key_env"):
            world_of(BEGIN + ALL + EVENTS)


class TestCommand:
    def rows(self, out: str) -> list[dict[str, Any]]:
        """Return what was printed as JSON."""
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def test_remarks_keep_the_exit_code(self, world_of: WorldOf):
        """Remarks of the file and of both sides are told, and the command ends with 0."""
        world = world_of(BEGIN + '[lists.news]\nname = "News"\n' + ALL)

        code, out = run(world, "--json")

        assert code == CLEAN
        rows = self.rows(out)
        assert all(row["ok"] for row in rows)
        remarks = {row["what"].split()[0]: row["says"] for row in rows if row["state"] == "remark"}
        assert "no route names this list" in remarks["configuration"]
        assert remarks["configuration"].startswith("line ")
        assert "activecampaign" in remarks

    def test_a_fault_ends_with_2(self, world_of: WorldOf):
        """One fault is enough, and people see which it is."""
        world = world_of(BEGIN + route("all", "main", 'group = "b2bb"'))

        (code, out), (machine, rows) = run(world), run(world, "--json")

        assert (code, machine) == (COULD_NOT, COULD_NOT)
        assert "did you mean 'b2b'?" in " ".join(out.split())
        assert [row["state"] for row in self.rows(rows) if not row["ok"]] == ["fault"]
