"""The outside judge: of what the worked example made of a shop it misses nothing that is wrong."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from world import Sandbox, World

from ct_ac_sync.sandbox.judge import Account, Default, Example, Judge, Rules, Shop, reads_as, sum_of_parts
from ct_ac_sync.sandbox.servers import look_alike

Json = dict[str, Any]
EXAMPLE = Path(__file__).parents[2] / "ct_ac_sync" / "sandbox" / "sync.toml"
#: Of the past nothing is tracked, so nobody has to be there.
EVENTS = {"URL": "http://127.0.0.1:9/event", "ACTID": "1234567", "KEY": "sandbox-event-key"}
RULES = Rules("consumer", {"b2b": "business"}, "isStaff")


class Picture:
    """What the shop and both accounts show, to be spoilt here and there."""

    def __init__(self, shop: Json, log: list[Json], happened: list[Json], accounts: dict[str, Json]) -> None:
        self.shop, self.log, self.happened, self.accounts = shop, log, happened, accounts

    def judge(self, *, expected: type[Default] = Example, clears: bool = True) -> Json:
        """Return the judge's verdict."""
        shop = Shop(self.shop, self.log, RULES, self.happened)
        accounts = [Account(name, clears=clears, **parts) for name, parts in self.accounts.items()]
        return Judge(shop, accounts, expected(shop), history=len(self.log), parked=set(), kills=0).judge()

    def contact(self, perstag: str = "", *, account: str = "consumer") -> Json:
        """Return a customer's contact, one that has a value of a field."""
        contacts = self.accounts[account]["state"]["contacts"]
        return next(
            each
            for each in contacts
            if each["fields"].get("CT_CUSTOMER_ID") and (not perstag or each["fields"].get(perstag))
        )

    def order(self, *, account: str = "consumer") -> Json:
        """Return an order of an account."""
        found: Json = self.accounts[account]["state"]["orders"][0]
        return found

    def refunded(self) -> Json:
        """Return an order that was refunded in part, as an account has it."""
        shop = Shop(self.shop, self.log, RULES)
        ids = {each["id"] for each in self.shop["orders"] if shop.refund(each) == "partial"}
        orders = [each for parts in self.accounts.values() for each in parts["state"]["orders"]]
        return next(each for each in orders if each["storeOrderId"] in ids)


@contextmanager
def _database(postgres: str, template: str) -> Iterator[str]:
    """Give the address of a migrated database."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE judged TEMPLATE {template}")
        yield urlunsplit(urlsplit(postgres)._replace(path="/judged"))
        connection.execute("DROP DATABASE judged WITH (FORCE)")


@contextmanager
def _running(module: str, folder: Path, *arguments: str) -> Iterator[str]:
    """Give the address of a look-alike."""
    process, url = look_alike(module, *arguments, log=folder / f"judged-{module}.log")
    yield url
    process.terminate()
    process.wait(10)


def _take(world: World) -> Picture:
    """Let the product sync a shop with a past, one of whose customers works there, and look."""
    world.shop.ask("shop/fill", {"customers": 40, "orders": 90, "seed": 3, "shapes": "every", "paid": 0.6})
    state = world.shop.ask("state")
    buyers = {order.get("customerId") for order in state["orders"]}
    staff = next(each for each in state["customers"] if each["id"] not in buyers and "custom" in each)
    fields = staff["custom"]["fields"] | {"isStaff": True}
    world.shop.change("customer", staff["id"], custom=staff["custom"] | {"fields": fields})
    time.sleep(1.1)  # the past ends with the second in which the shop is first asked
    world.run()
    accounts = {"consumer": _parts(world.account), "business": _parts(world.accounts["b2b"])}
    shop, log = world.shop.ask("state"), world.shop.ask("log")["entries"]
    return Picture(shop, log, world.shop.ask("happened"), accounts)


def _parts(account: Sandbox) -> Json:
    return {"state": account.ask("state"), "effects": account.log(), "calls": account.calls()}


@pytest.fixture(scope="module", name="taken")
def _taken(postgres: str, template: str, folder: Path) -> Picture:
    """Give what the product makes of a shop by the worked example."""
    with ExitStack() as stack:
        database_url = stack.enter_context(_database(postgres, template))
        shop = stack.enter_context(_running("commercetools", folder))
        first, second = (
            stack.enter_context(_running("activecampaign", folder, "--rate", "1000")) for _ in range(2)
        )
        world = World(
            database_url, shop, first, configuration=EXAMPLE.read_text("utf-8"), accounts={"b2b": second},
            CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.01",
            **{f"AC_EVENT_{name}{end}": value for name, value in EVENTS.items() for end in ("", "_B2B")},
        )  # fmt: skip
        stack.callback(world.close)
        return _take(world)


@pytest.fixture(name="picture")
def _picture(taken: Picture) -> Picture:
    """Give a picture of one's own."""
    return copy.deepcopy(taken)


# -- what is right --------------------------------------------------------------------------


class TestTruth:
    def test_nothing_is_wrong(self, picture: Picture):
        """What the product has made of the shop is as the judge expects it, in both accounts."""
        verdict = picture.judge()

        assert verdict["ok"], verdict["counts"] | {"behind": verdict["behind"][:3]}
        assert set(verdict["currencies"]) == {"EUR", "CHF", "JPY"}
        assert sum(verdict["currencies"].values()) == verdict["compared"]["orders"] == 90
        assert verdict["compared"]["fields"] > 500
        assert verdict["compared"]["tags"] > 100
        assert all(there["contacts"] and there["orders"] for there in verdict["accounts"].values())

    def test_a_load_asks_nothing_of_single_contacts(self, picture: Picture):
        """Contacts and tags of the past go by imports alone: no contact is looked up, and no tag added."""
        operations = {call["operation"] for parts in picture.accounts.values() for call in parts["calls"]}

        assert operations.isdisjoint({"list_contacts", "sync_contact", "list_contact_tags", "add_tag"})

    def test_no_tag_of_the_past_has_started_anything(self, picture: Picture):
        """What an import adds starts no automation."""
        assert not any(parts["state"]["automations"] for parts in picture.accounts.values())


# -- what is wrong ----------------------------------------------------------------------------


def _set(perstag: str, value: str) -> Callable[[Picture], None]:
    """Return what gives a contact another value of a field that it has."""
    return lambda picture: picture.contact(perstag)["fields"].update({perstag: value})


def _untag(picture: Picture) -> None:
    picture.contact()["tags"].pop()


def _tag(picture: Picture) -> None:
    picture.contact(account="business")["tags"].append("b2b/tier: tin")


def _prefix(picture: Picture) -> None:
    contact = picture.contact()
    contact["tags"] = [name.replace("de/", "ch/").replace("ch/", "de/") for name in contact["tags"]]
    contact["tags"][0] = f"b2b/{contact['tags'][0].partition('/')[2]}"


def _hide(picture: Picture) -> None:
    picture.contact()["unshown"].append("CT_TIER")


def _connect(picture: Picture) -> None:
    order, parts = picture.order(), picture.accounts["consumer"]["state"]
    order["legacyConnectionId"] = next(
        int(each["id"]) for each in parts["connections"] if int(each["id"]) != order["legacyConnectionId"]
    )


def _recategorise(picture: Picture) -> None:
    picture.order()["lineItems"][0]["category"] = "Sale"


def _round(picture: Picture) -> None:
    order = picture.order()
    order["finalAmount"] = str(Decimal(str(order["finalAmount"])) + Decimal("0.01"))


def _forget_the_refund(picture: Picture) -> None:
    order = picture.refunded()
    (sold,) = (each for each in picture.shop["orders"] if each["id"] == order["storeOrderId"])
    order["finalAmount"] = str(sum_of_parts(sold))


def _forget_the_status(picture: Picture) -> None:
    picture.refunded()["normalizedStatus"] = "COMPLETED"


def _miscount(picture: Picture) -> None:
    picture.shop["orders"][0]["totalPrice"]["centAmount"] += 1


def _mistax(picture: Picture) -> None:
    order = next(each for each in picture.shop["orders"] if "taxedPrice" in each)
    order["taxedPrice"]["totalGross"]["centAmount"] += 1


BEHIND = {
    "a date": (_set("CT_BIRTHDAY", "1999-12-31"), "CT_BIRTHDAY"),
    "a day in another zone": (_set("CT_FIRST_ORDER", "1999-12-31"), "CT_FIRST_ORDER"),
    "a moment": (_set("CT_LAST_ORDER", "2026-01-01T00:00:00+00:00"), "CT_LAST_ORDER"),
    "a choice": (_set("CT_TIER", "Tin"), "CT_TIER"),
    "a choice by its key": (_set("CT_KIND", "b2c"), "CT_KIND"),
    "several choices without bars": (_set("CT_INTERESTS", "Shoes"), "CT_INTERESTS"),
    "a number": (_set("CT_POINTS", "1"), "CT_POINTS"),
    "a number that is none": (_set("CT_ORDERS", "many"), "CT_ORDERS"),
    "an amount": (_set("CT_CREDIT", "0.01"), "CT_CREDIT"),
    "a sum in euros": (_set("CT_TOTAL_EUR", "0.01"), "CT_TOTAL_EUR"),
    "what was given back last": (_set("CT_LAST_REFUND", "0.01"), "CT_LAST_REFUND"),
    "a sum in yen": (_set("CT_TOTAL_JPY", "100.00"), "CT_TOTAL_JPY"),
    "a label in another language": (_set("CT_TONE", "formal"), "CT_TONE"),
    "what a reference leads to": (_set("CT_FAVOURITE", "shoe"), "CT_FAVOURITE"),
    "a value that nobody sees": (_hide, "not shown"),
    "a tag that is missing": (_untag, "tags"),
    "a tag that is stale": (_tag, "b2b/tier: tin"),
    "a tag of another route": (_prefix, "tags"),
    "a category in another shop's words": (_recategorise, "goods"),
    "the category bought last": (_set("CT_LAST_CATEGORY", "Home"), "CT_LAST_CATEGORY"),
    "another connection": (_connect, "connection"),
    "a cent too much": (_round, "finalAmount"),
    "a refund that is forgotten": (_forget_the_refund, "finalAmount"),
    "a status that is forgotten": (_forget_the_status, "normalizedStatus"),
    "parts that do not add up": (_miscount, "parts"),
    "taxed parts that do not add up": (_mistax, "taxed parts"),
}  # fmt: skip


class TestLies:
    @pytest.mark.parametrize("name", BEHIND)
    def test_what_rests_behind_is_found(self, picture: Picture, name: str):
        """One wrong value, tag, connection or amount is found, and named."""
        spoil, word = BEHIND[name]
        spoil(picture)

        verdict = picture.judge()

        assert not verdict["ok"]
        assert verdict["counts"]["behind"] == 1
        assert word in verdict["behind"][0]

    def test_who_is_in_another_account_is_found(self, picture: Picture):
        """A business customer among the consumers is astray, and so is an order of one."""
        consumer, business = (picture.accounts[name]["state"] for name in ("consumer", "business"))
        consumer["contacts"].append(business["contacts"][0])
        consumer["orders"].append(business["orders"][0])

        assert picture.judge()["counts"]["astray"] == 2

    def test_who_works_there_is_nowhere(self, picture: Picture):
        """The contact of somebody who belongs in no account is astray."""
        staff = next(each for each in picture.shop["customers"] if _is_staff(each))
        contact = picture.contact() | {"id": "0", "email": staff["email"], "fields": {}}
        picture.accounts["consumer"]["state"]["contacts"].append(contact)

        verdict = picture.judge()

        assert verdict["counts"]["astray"] == 1
        assert verdict["astray"] == ["consumer: contact 0 is of nobody who belongs here"]

    @pytest.mark.parametrize("account", ["consumer", "business"])
    def test_what_is_missing_is_found(self, picture: Picture, account: str):
        """A contact and an order that are gone from either account are lost."""
        state = picture.accounts[account]["state"]
        state["contacts"].pop(0)
        state["orders"].pop(0)

        verdict = picture.judge()

        assert verdict["counts"]["lost"] == 2
        assert all(text.startswith(f"{account}: ") for text in verdict["lost"])

    def test_what_started_by_mistake_is_found(self, picture: Picture):
        """An order of the past that started an automation in the second account is doubled."""
        order = picture.order(account="business")["storeOrderId"]
        started = {"kind": "automation_started", "trigger": "order_created", "order": order, "contact": "1"}
        picture.accounts["business"]["effects"].append(started)

        assert picture.judge()["counts"]["doubled"] == 1

    def test_what_cannot_be_cleared_is_told_and_no_fault(self, picture: Picture):
        """Where an empty text clears nothing, a value that should be gone is counted as kept."""
        contact = next(
            each
            for each in picture.accounts["business"]["state"]["contacts"]
            if each["fields"]["CT_BIRTHDAY"] == ""
        )
        contact["fields"]["CT_BIRTHDAY"] = "1999-12-31"

        strict, lenient = picture.judge(), picture.judge(clears=False)

        assert strict["counts"]["behind"] == 1
        assert (lenient["ok"], lenient["kept"]) == (True, 1)

    def test_nobody_expects_the_example_elsewhere(self, picture: Picture):
        """What is expected of the worked example is not what is expected without a configuration."""
        assert not picture.judge(expected=Default)["ok"]


def _is_staff(customer: Json) -> bool:
    return bool((customer.get("custom") or {}).get("fields", {}).get("isStaff"))


class TestReading:
    @pytest.mark.parametrize(
        ("found", "wanted", "is_right"),
        [
            ("1.50", Decimal("1.5"), True),
            ("1.51", Decimal("1.5"), False),
            ("", Decimal(0), False),
            ("one", Decimal(1), False),
            ("2026-01-01T01:00:00+01:00", datetime(2026, 1, 1, tzinfo=UTC), True),
            ("2026-01-01T00:00:01Z", datetime(2026, 1, 1, tzinfo=UTC), False),
            ("yesterday", datetime(2026, 1, 1, tzinfo=UTC), False),
            ("Gold", "Gold", True),
            ("gold", "Gold", False),
        ],
    )
    def test_a_value_reads_as_what_it_is(self, *, found: str, wanted: Any, is_right: bool):
        """Numbers and moments are compared as such, texts letter by letter."""
        assert reads_as(found, wanted) is is_right
