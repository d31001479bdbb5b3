"""The mapping from end to end: sums of orders, orders that do not add up, and what records refer to."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, SWISS, route
from world import Sandbox, World

from ct_ac_sync.store.migrate import read_migrations

Making = Callable[..., World]

SUMS = "".join(
    f'\n[[fields]]\nperstag = "{perstag}"\ntitle = "{path}"\ntype = "number"\nfrom = "{path}"\n'
    for perstag, path in (
        ("COUNT", "orders.count"), ("EUR", "orders.total.EUR"), ("CHF", "orders.total.CHF"),
        ("AVERAGE", "orders.average.EUR"), ("BACK", "orders.refunded.EUR"),
    )
)  # fmt: skip
DERIVED = SHOP + route("all", "main") + PROFILE + NUMBER + SUMS
ANN = "ann@example.org"


@pytest.fixture(name="world")
def _world(world_of: Making) -> World:
    """Give a product whose contacts say what their orders come to, and that has read all there was: nothing."""
    found = world_of(DERIVED)
    found.run()
    return found


def _sums(world: World, email: str = ANN) -> dict[str, str]:
    """Return what a contact says of its orders; what is empty is left out."""
    fields = world.contacts()[email]["fields"]
    return {name: fields[name] for name in ("COUNT", "EUR", "CHF", "AVERAGE", "BACK") if fields.get(name)}


def _order(
    world: World, customer: str | None, cents: int, *, currency: str = "EUR", email: str = ANN, **more: Any
) -> dict[str, Any]:
    """Let a customer order something for a round price, untaxed, in a shape that adds up."""
    money = {"type": "centPrecision", "currencyCode": currency, "centAmount": cents, "fractionDigits": 2}
    line = {
        "id": f"line-{cents}", "productId": "p", "name": {"en": "Thing"}, "quantity": 1,
        "variant": {"id": 1, "sku": "thing"}, "price": {"id": "x", "value": money}, "totalPrice": money,
        "priceMode": "Platform", "lineItemMode": "Standard", "discountedPricePerQuantity": [], "state": [],
    }  # fmt: skip
    return world.shop.put(
        "order", customerId=customer, customerEmail=email, orderState="Open", totalPrice=money, lineItems=[line],
        customLineItems=[], taxMode="Platform", origin="Customer", shippingMode="Single", syncInfo=[],
        returnInfo=[], refusedGifts=[], cart={"typeId": "cart", "id": f"c{cents}"}, orderNumber=f"N-{cents}", **more,
    )  # fmt: skip


class TestSums:
    def test_each_order_is_counted_in_its_currency(self, world: World):
        """Count, total and average are right after each order, whatever it is paid in."""
        customer = world.shop.do("sign_up", email=ANN)["id"]
        found = []
        for cents, currency in ((1000, "EUR"), (2001, "EUR"), (700, "CHF")):
            _order(world, customer, cents, currency=currency)
            world.run()
            found.append(_sums(world))

        first = {"COUNT": "1", "EUR": "10.00", "AVERAGE": "10.00", "BACK": "0.00"}
        second = {"COUNT": "2", "EUR": "30.01", "AVERAGE": "15.01", "BACK": "0.00"}
        assert found == [first, second, second | {"COUNT": "3", "CHF": "7.00"}]

    def test_a_cancelled_order_counts_no_more(self, world: World):
        """After a cancellation the sums are those of the orders that are left."""
        customer = world.shop.do("sign_up", email=ANN)["id"]
        _order(world, customer, 1000)
        second = _order(world, customer, 2000)
        world.run()

        world.shop.change("order", second["id"], orderState="Cancelled")
        world.run()

        assert _sums(world) == {"COUNT": "1", "EUR": "10.00", "AVERAGE": "10.00", "BACK": "0.00"}

    @pytest.mark.parametrize(("counts", "total"), [("true", "6.00"), ("false", "9.00")])
    def test_what_went_back_is_taken_off(self, world_of: Making, counts: str, total: str):
        """A refund is taken off the total; a chargeback too, unless the file says otherwise."""
        world = world_of(DERIVED + f"\n[orders]\nchargebacks_count = {counts}\n")
        world.read()
        customer = world.shop.do("sign_up", email=ANN)["id"]
        payment = world.shop.put("payment", **_payment(("Charge", 1000)))
        reference = {"typeId": "payment", "id": payment["id"]}
        order = _order(world, customer, 1000, paymentInfo={"payments": [reference]})
        world.run()

        moves = _payment(("Charge", 1000), ("Refund", 100), ("Chargeback", 300))
        world.shop.change("payment", payment["id"], **moves)
        world.shop.change("order", order["id"], paymentState="CreditOwed")
        world.run()

        assert _sums(world)["EUR"] == total

    def test_an_order_costs_one_call_and_its_sums_another(self, world: World):
        """A new order is one call and one of its contact; one that changes no sum is one call alone."""
        customer = world.shop.do("sign_up", email=ANN)["id"]
        _order(world, customer, 1000)
        world.run()
        before = world.account.total()

        order = _order(world, customer, 2000)
        world.run()
        between = world.account.total()
        world.shop.change("order", order["id"], shipmentState="Shipped")
        world.run()

        assert (between - before, world.account.total() - between) == (2, 1)

    def test_an_order_that_changes_hands_is_counted_where_it_is(self, world: World):
        """An order of a customer who takes another's address is counted for the one contact that is left."""
        customers = [world.shop.do("sign_up", email=f"{name}@example.org")["id"] for name in ("ann", "bob")]
        for customer, cents in zip(customers, (1000, 2000), strict=True):
            _order(world, customer, cents)
        world.run()

        world.shop.change("customer", customers[1], email=ANN)
        world.run()

        assert _sums(world)["EUR"] == "30.00"

    def test_an_order_that_leaves_is_counted_no_more(self, world: World):
        """A guest's order that turns out to be somebody else's is taken off the sums of the first."""
        world.shop.do("sign_up", email=ANN)
        for cents, email in ((1000, "guest@example.org"), (2000, "guest@example.org")):
            _order(world, None, cents, email=email)
        world.run()
        order = next(o for o in world.shop.ask("state")["orders"] if o["orderNumber"] == "N-2000")

        world.shop.change("order", order["id"], customerEmail=ANN)
        world.run()

        assert _sums(world, "guest@example.org")["EUR"] == "10.00"
        assert _sums(world)["EUR"] == "20.00"


def _payment(*moves: tuple[str, int]) -> dict[str, Any]:
    """Return a payment with these transactions, all of which succeeded."""
    transactions = [
        {
            "id": f"t{number}", "type": kind, "state": "Success",
            "amount": {"type": "centPrecision", "currencyCode": "EUR", "centAmount": cents, "fractionDigits": 2},
        }
        for number, (kind, cents) in enumerate(moves)
    ]  # fmt: skip
    planned = {"type": "centPrecision", "currencyCode": "EUR", "centAmount": 1000, "fractionDigits": 2}
    return {
        "amountPlanned": planned, "transactions": transactions, "interfaceInteractions": [],
        "paymentMethodInfo": {"method": "CARD"}, "paymentStatus": {},
    }  # fmt: skip


class TestSumsDoNotAddUp:
    def test_such_an_order_is_held_with_its_account(self, world: World):
        """The dead letter shows line by line what the order comes to, and the difference; all else goes on."""
        customer = world.shop.do("sign_up", email=ANN)["id"]
        wrong = _order(world, customer, 1000)
        _bend(world, wrong, by=7)
        right = _order(world, customer, 2000)

        world.run()

        (letter,) = world.box.desk.dead_letters()
        assert letter["cause"] == "upsert_order: does not add up"
        for part in ("10.00", "10.07", "0.07"):
            assert part in letter["message"]
        assert set(world.orders()) == {right["id"]}

    def test_it_goes_out_once_the_shop_has_mended_it(self, world: World):
        """A version that adds up supersedes the letter and is delivered, its automation started once."""
        customer = world.shop.do("sign_up", email=ANN)["id"]
        order = _order(world, customer, 1000)
        _bend(world, order, by=7)
        world.run()

        _bend(world, order, by=0)
        world.run()

        assert world.box.desk.dead_letters() == []
        assert set(world.orders()) == {order["id"]}
        assert len(world.account.log("automation_started")) == 1

    def test_a_replay_of_what_is_wrong_still_is_held_again(self, world: World):
        """A replay of an order that does not add up comes to the same letter, and nothing is sent."""
        order = _order(world, world.shop.do("sign_up", email=ANN)["id"], 1000)
        _bend(world, order, by=-3)
        world.run()
        (letter,) = world.box.desk.dead_letters()

        world.box.replay.replay([letter["dead_letter"]], actor="ann", reason="again")
        world.drain()

        assert [each["cause"] for each in world.box.desk.dead_letters()] == [letter["cause"]]
        assert world.orders() == {}


def _bend(world: World, order: dict[str, Any], *, by: int) -> None:
    """Let the total of an order be more than its lines by some cents."""
    total = order["totalPrice"]
    bent = total | {"centAmount": total["centAmount"] + by}
    world.shop.change("order", order["id"], totalPrice=bent)


GROUPED = (
    SHOP
    + route("all", "main")
    + PROFILE
    + """
[[fields]]
perstag = "CT_GROUP"
title = "Group"
from = "customer.customerGroup.key"

[products]
brand = "brand"
"""
)


def _in_group(world: World, email: str) -> str:
    """Let somebody of a group sign up; return the id of the group."""
    customer = world.shop.do("sign_up", email=email, group="b2b")
    return str(customer["customerGroup"]["id"])


class TestReferences:
    def test_a_product_that_is_gone_stops_no_order(self, world_of: Making):
        """An order goes out without what nobody knows of its products any more."""
        world = world_of(GROUPED)
        world.read()
        order = world.shop.do("order", customer=world.shop.do("sign_up", email=ANN)["id"])
        for product in {line["productId"] for line in order["lineItems"]}:
            world.shop.ask("shop/remove", {"kind": "product", "id": product})

        world.run()

        assert set(world.orders()) == {order["id"]}
        assert world.box.views.status()["totals"]["dead_letters"] == 0

    def test_a_group_that_is_gone_leaves_its_field_empty(self, world_of: Making):
        """A contact goes out without the name of a group that is no more, and the ledger remarks it."""
        world = world_of(GROUPED)
        world.read()
        group = _in_group(world, ANN)
        world.shop.ask("shop/remove", {"kind": "customer-group", "id": group})

        world.run()

        assert world.contacts()[ANN]["fields"].get("CT_GROUP", "") == ""
        assert any(group in row["remark"] for row in world.box.views.status()["remarks"])

    def test_a_store_that_is_gone_is_routed_by_its_key(self, world_of: Making):
        """A record names its store by key, so its route holds though nobody can look the store up."""
        world = world_of(SHOP + route("shop", "main", 'store = "de"') + PROFILE + NUMBER)
        world.read()
        world.shop.do("sign_up", email=ANN, store="de")
        world.shop.ask("shop/remove", {"kind": "store", "key": "de"})

        world.run()

        assert list(world.contacts()) == [ANN]

    def test_a_source_that_fails_costs_nothing_but_time(self, world_of: Making):
        """While references cannot be asked for, contacts wait; no attempt counts, and the account is not blamed."""
        world = world_of(GROUPED)
        world.read()
        for number in range(12):
            _in_group(world, f"p{number}@example.org")
        rule = world.shop.fault(operation="query_customer_groups", status=500)
        world.read()
        for _ in range(3):
            world.deliver_due()
            world.pass_time(timedelta(seconds=20))

        waiting = world.sql("SELECT attempts, state FROM entry")
        blocked = world.box.views.status()["destinations"][0]["budget"]["calls"]["blocked_seconds"]
        world.shop.ask(f"faults/{rule}", method="DELETE")
        world.drain()

        assert {(row["attempts"], row["state"]) for row in waiting} == {(0, "open")}
        assert blocked in (None, 0)
        assert {c["fields"]["CT_GROUP"] for c in world.contacts().values()} == {"b2b"}
        assert len(world.contacts()) == 12

    def test_what_was_once_fetched_is_good_while_the_source_fails(self, world_of: Making):
        """A group that is known already is taken as it was, and nobody waits for the source."""
        world = world_of(GROUPED)
        world.read()
        _in_group(world, ANN)
        world.run()
        world.pass_time(timedelta(hours=2))
        world.shop.fault(operation="query_customer_groups", status=500)

        _in_group(world, "bob@example.org")
        world.run()

        assert world.contacts()["bob@example.org"]["fields"]["CT_GROUP"] == "b2b"

    def test_many_cost_the_source_one_question(self, world_of: Making):
        """Twenty contacts of one group are mapped with one question for the group, however they are sent."""
        world = world_of(GROUPED)
        world.read()
        Sandbox(world.account.url).ask("switches", {"import_seconds": 0.05})
        for number in range(20):
            _in_group(world, f"p{number}@example.org")

        world.run()

        assert world.shop.counts()["query_customer_groups"] == {"200": 1}


class TestMoney:
    def test_the_parts_of_a_real_order_are_those_of_the_shop(self, world: World):
        """What the account holds of an order is what the shop says the buyer pays."""
        order = world.shop.do("order", customer=world.shop.do("sign_up", email=ANN)["id"], country="DE")

        world.run()

        gross = (order.get("taxedPrice") or {}).get("totalGross") or order["totalPrice"]
        exact = Decimal(gross["centAmount"]).scaleb(-gross["fractionDigits"])
        assert Decimal(str(world.orders()[order["id"]]["finalAmount"])) == exact


#: Of what databases have applied by now.
CHECKSUMS = ("16338f82b3865f08", "c3593424243617fb")


class TestFormerRelease:
    """A database whose records were accepted before there were routes: they name no destinations."""

    @pytest.fixture(name="former")
    def _former(self, world_of: Making) -> World:
        """Give a product with two customers and their orders, delivered by the release before."""
        world = world_of(DERIVED, accounts=["swiss"])
        world.run()
        for name, cents in (("ann", 1000), ("bob", 2000)):
            customer = world.shop.do("sign_up", email=f"{name}@example.org")["id"]
            _order(world, customer, cents)
        world.run()
        world.execute("UPDATE record SET destinations = NULL")
        return world

    def test_its_migrations_are_as_they_were(self):
        """A file that a database has applied is never changed, or no such database could be migrated any more."""
        first, second, *_ = read_migrations()

        assert (first.checksum[:16], second.checksum[:16]) == CHECKSUMS

    def test_records_go_on_where_they_went(self, former: World):
        """What changes is sent where it was, once, and its sums are those of all that is stored."""
        customer = former.shop.ask("state")["customers"][0]
        before = former.account.total()

        former.shop.change("customer", customer["id"], lastName="Lee")
        former.run()

        contact = former.contacts()[customer["email"].lower()]
        assert contact["lastName"] == "Lee"
        assert contact["fields"]["COUNT"] == "1"
        assert former.account.total() == before + 1

    def test_an_order_that_moves_goes_nowhere_new(self, former: World):
        """With a second account configured, a customer who joins another takes its orders along to no other account."""
        earlier = route("none here", "swiss", 'store = "none"')
        former.configure(SHOP + SWISS + earlier + DERIVED.removeprefix(SHOP))
        ann, bob = (former.shop.ask("state")["customers"][n] for n in (0, 1))

        former.shop.change("customer", bob["id"], email=ann["email"])
        former.run()

        assert former.contacts()[ann["email"].lower()]["fields"]["EUR"] == "30.00"
        assert former.accounts["swiss"].writes() == []

    def test_a_remap_says_where_they_go(self, former: World):
        """After a remap every record names its destinations, and nothing was sent for it."""
        before = former.account.total()

        found = former.box.remap.compare()
        former.box.remap.run()
        former.drain()

        assert (found.moved, former.account.total()) == ({}, before)
        assert former.sql("SELECT FROM record WHERE destinations IS NULL") == []
