"""Whatever people and orders hold: what was mapped once is no second call, and bad input stops nobody else."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, route
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from world import Sandbox, World

from tests.unit.cents import orders
from tests.unit.test_profile import CUSTOMERS
from tests.unit.wire import an_order, line, money, taxed

Making = Callable[..., World]
Body = dict[str, Any]

#: One field of each type, labels and references, tags of names and of sets, and sums of orders.
RICH = (
    SHOP
    + route("all", "main")
    + PROFILE
    + NUMBER
    + "".join(
        f'\n[[fields]]\nperstag = "{perstag}"\ntitle = "{perstag}"\ntype = "{type_}"\n{value}\n'
        for perstag, type_, value in (
            ("TIER", "dropdown", 'options = ["gold"]\nfrom = "customer.custom.fields.tier"\ntransform = "label"'),
            ("COLOURS", "listbox", 'options = ["red"]\nfrom = "customer.custom.fields.colours"'),
            ("BORN", "date", 'from = "customer.dateOfBirth"'),
            ("NOTE", "textarea", 'from = "customer.custom.fields.note"'),
            ("POINTS", "number", 'from = "customer.custom.fields.points"'),
            ("GROUP", "text", 'from = "customer.customerGroup.name"'),
            ("STORES", "text", 'from = "person.stores"\ntransform = { join = "/" }'),
            ("CITY", "text", 'from = ["shipping.city", "address.city"]\ntransform = "title"'),
            ("TOTAL", "number", 'from = "orders.total"'),
            ("LAST", "datetime", 'from = "orders.last_at"'),
        )
    )
    + """
[tags]
owned = ["tier: ", "store: "]
rules = [
  { name = "tier: {customer.custom.fields.tier}" },
  { name = "store: {person.stores[*]}" },
  { name = "company: {customer.companyName}" },
]
"""
)  # fmt: skip


@pytest.fixture(name="world")
def _world(world_of: Making, account_url: str) -> World:
    """Give a product that has read all there was: nothing."""
    Sandbox(account_url).ask("switches", {"import_seconds": 0.05})
    found = world_of(RICH)
    found.run()
    return found


def _on_the_wire(body: Body) -> Body:
    """Return a body as a server could send it, without what the shop itself says of each."""
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace").decode()
    plain = json.loads(text, parse_constant=lambda _: None)
    return {n: v for n, v in plain.items() if n not in {"id", "version", "createdAt", "lastModifiedAt"}}


class TestNoSecondCall:
    @settings(
        max_examples=4,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        phases=[Phase.generate],
    )
    @given(
        people=st.lists(CUSTOMERS, min_size=8, max_size=8),
        bought=st.lists(st.tuples(orders(), st.booleans()), min_size=8, max_size=8),
    )
    def test_what_was_mapped_once_is_no_second_call(
        self, world: World, people: list[Body], bought: list[tuple[Body, bool]]
    ):
        """Any people and orders, wanted once more and under a new version, are mapped to what is there: no call."""
        customers = [
            world.shop.put("customer", **_on_the_wire(body) | {"email": f"{uuid.uuid4()}@example.org"})["id"]
            for body in people
        ]
        for customer, (body, is_guest) in zip(customers, bought, strict=True):
            buyer = (
                {"customerId": None, "customerEmail": f"guest-{customer}@example.org"}
                if is_guest
                else {"customerId": customer}
            )
            world.shop.put("order", **_on_the_wire(body) | buyer | {"orderNumber": str(uuid.uuid4())})
        world.run()
        sent, letters = world.account.total(), world.box.views.status()["totals"]["dead_letters"]

        world.box.remap.run()
        world.drain()
        for customer in customers:
            world.shop.change("customer", customer)
        world.run()

        assert world.account.calls(after=sent) == []
        assert world.box.views.status()["totals"]["dead_letters"] == letters
        assert len(world.orders()) >= len(bought)


LONG = "x" * 5_000
TIERS = [{"key": "gold", "label": "Gold"}, {"key": "plain", "label": ""}]


def _with_fields(type_: Body, **fields: Any) -> Body:
    """Return the custom fields of somebody, of a type."""
    return {"custom": {"type": {"typeId": "type", "id": type_["id"]}, "fields": fields}}


class TestBadInput:
    def test_odd_people_are_mapped_by_rule(self, world: World):
        """No names, absurd numbers, long, joined, turned and controlling texts: each as declared, and none is held."""
        world.configure(RICH.replace('options = ["gold"]', 'options = ["Gold", "plain"]'))
        tier = {
            "name": "tier",
            "type": {"name": "Enum", "values": TIERS},
            "label": {"en": "Tier"},
            "required": False,
        }
        type_ = world.shop.put(
            "type",
            key="profile-now",
            name={"en": "Now"},
            resourceTypeIds=["customer"],
            fieldDefinitions=[tier],
        )
        people: dict[str, Body] = {
            "nameless": {"firstName": None, "lastName": None, "addresses": []},
            "phone": {"addresses": [{"id": "a", "country": "DE", "phone": "call me \x07 after 8, 0049-00000000000"}]},
            "long": {"firstName": LONG, "lastName": f"{LONG} y", **_with_fields(type_, note=LONG * 2)},
            "emoji": {"firstName": "👩\u200d👩\u200d👧 \U0001fae9"},
            "turned": {"firstName": "\u202eשָׁלֵם\u202c", "lastName": "مريم"},
            "control": {"firstName": "A\x07n\tn", "lastName": "\x1b[31m"},
            "commas": {"companyName": "Lee, Sons & Co, Ltd"},
            "unlabelled": _with_fields(type_, tier="plain"),
            "removed": _with_fields(type_, tier="gold", points="7"),
            "unknown": _with_fields(type_, tier="bronze"),
        }  # fmt: skip
        for name, body in people.items():
            world.shop.put("customer", email=f"{name}@example.org", **body)

        world.run()

        found = {email.partition("@")[0]: each for email, each in world.contacts().items()}
        shown = {name: (each["firstName"], each["lastName"]) for name, each in found.items()}
        assert found.keys() == people.keys()
        assert world.box.views.status()["totals"]["dead_letters"] == 0
        assert shown["nameless"] == ("", "")
        assert found["phone"]["phone"] == "call me after 8, 0049-00000000000"
        assert shown["long"] == ("x" * 255, "x" * 255)
        assert found["long"]["fields"]["NOTE"] == LONG
        assert shown["emoji"] == ("👩\u200d👩\u200d👧 \U0001fae9", "")
        assert shown["turned"] == ("שָׁלֵם", "مريم")
        assert shown["control"] == ("A n n", "[31m")
        assert [tag for tag in _tags(world) if tag.startswith("company")] == ["company: Lee Sons & Co Ltd"]
        assert [found[name]["fields"].get("TIER") for name in ("unlabelled", "removed")] == ["plain", "Gold"]
        assert found["removed"]["fields"]["POINTS"] == "7"
        assert not found["unknown"]["fields"].get("TIER")
        assert any(
            "'bronze' is not an option" in row["remark"] for row in world.box.views.status()["remarks"]
        )

    def test_odd_orders_go_out_or_say_why_not(self, world: World):
        """Without tax, variant or an e-mail, without a product or with odd texts: sent, skipped or held, each by itself."""
        odd = line(name={"de": f"\x07 {LONG}"}, variant={"id": 1})
        net = line(taxRate=None, taxedPrice=None)
        bodies: dict[str, Body] = {
            "good": {},
            "untaxed line": {"lineItems": [net], "taxedPrice": taxed(900, 1000), "taxMode": "Platform"},
            "null variant": {"lineItems": [line(variant=None)]},
            "odd texts": {"lineItems": [odd], "billingAddress": {"city": f"\x1b{LONG}", "country": "DE"}},
            "null line": {"lineItems": [None], "totalPrice": money(0)},
            "no e-mail": {"customerEmail": None},
            "null product": {"lineItems": [line(productId=None)]},
            "null line that counts": {"lineItems": [None, line()], "totalPrice": money(2500)},
        }
        orders = {
            what: world.shop.put("order", **_on_the_wire(an_order(
                customerId=None, customerEmail=f"guest-{number}@example.org", orderNumber=what,
                cart={"typeId": "cart", "id": f"c{number}"},
            )) | changes)["id"]
            for number, (what, changes) in enumerate(bodies.items())
        }  # fmt: skip

        world.run()

        arrived = {what for what, id_ in orders.items() if id_ in world.orders()}
        letters = {each["object"]: each["cause"] for each in world.box.desk.dead_letters()}
        assert arrived == {"good", "untaxed line", "null variant", "odd texts", "null line"}
        assert [
            row["object"] for row in world.sql("SELECT object FROM outcome WHERE reason = 'no_address'")
        ] == [orders["no e-mail"]]
        assert letters.keys() == {orders["null product"], orders["null line that counts"]}
        assert "does not add up" in letters[orders["null line that counts"]]
        (sent,) = world.orders()[orders["odd texts"]]["lineItems"]
        assert sent["name"] == "x" * 255


def _tags(world: World) -> list[str]:
    return sorted(tag["tag"] for tag in world.account.ask("state")["tags"])
