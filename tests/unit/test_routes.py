"""Routes: which one a record takes, and why it does not take the others."""

from collections.abc import Mapping
from typing import Any

import pytest

from ct_ac_sync.configuration.values import Condition, Route, SourceConfig
from ct_ac_sync.mapping.routes import RouteFacts, choose, facts_of_customer, facts_of_order, why_not
from tests.unit.wire import a_customer, an_order, line, money

SOURCES = (
    SourceConfig(name="shop", project="shop-prod", auth_url="a", api_url="b", client_id_env="C", client_secret_env="D"),
    SourceConfig(name="b2b", project="b2b-prod", auth_url="a", api_url="b", client_id_env="C", client_secret_env="D"),
)  # fmt: skip
FACTS = RouteFacts(
    source="shop-prod", stores=("fr", "s1"), channels=("web",), locale="de-CH", country="CH", currency="CHF",
    groups=("g1", "vip"), custom={"tier": ("gold",), "tags": ("a", "b")},
)  # fmt: skip


class Shop:
    """Knows some resources by kind and id."""

    def __init__(self, **kinds: Mapping[str, Any]) -> None:
        self._kinds = kinds

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return one."""
        return self._kinds.get(kind.replace("-", "_"), {}).get(id_)


def route(name: str, destination: str | None = "main", **when: Any) -> Route:
    """Return a route with a condition."""
    return Route(name=name, destination=destination, when=Condition(**when))


class TestChoose:
    def test_the_first_that_holds(self):
        """Routes are asked in their order, the first that holds is taken, and each before it says why not."""
        routes = [
            route("german", store=("de", "ch")), route("euro", currency=("EUR",)),
            route("swiss", country=("CH",)), route("rest"),
        ]  # fmt: skip

        choice = choose(routes, FACTS, SOURCES)

        assert choice.route is routes[2]
        assert choice.refused == (
            ("german", "store is fr, s1, not one of de, ch"),
            ("euro", "currency is CHF, not EUR"),
        )

    def test_no_route_holds(self):
        """A record that no route wants has none, and every route says why."""
        choice = choose([route("b2b", source=("b2b",))], FACTS, SOURCES)

        assert choice.route is None
        assert choice.refused == (("b2b", "source is shop, not b2b"),)

    def test_a_route_without_a_destination_is_a_route(self):
        """What is kept here on purpose is told from what nobody thought of."""
        choice = choose([route("staff", None, group=("vip",)), route("rest")], FACTS, SOURCES)

        assert choice.route is not None
        assert choice.route.destination is None


class TestCondition:
    @pytest.mark.parametrize(
        "when",
        [
            {}, {"source": ("shop",)}, {"store": ("x", "fr")}, {"store": ("s1",)}, {"channel": ("web",)},
            {"locale": ("de",)}, {"locale": ("DE-ch",)}, {"country": ("ch",)}, {"currency": ("chf",)},
            {"group": ("g1",)}, {"group": ("vip",)}, {"custom": (("tier", ("gold", "vip")),)},
            {"custom": (("tags", ("b",)),)}, {"country": ("CH",), "currency": ("CHF",)},
        ],
    )  # fmt: skip
    def test_what_holds(self, when: Any):
        """A part holds by any of its values, and a language for its regions."""
        assert why_not(Condition(**when), FACTS, SOURCES) == ""

    @pytest.mark.parametrize(
        ("when", "why"),
        [
            ({"locale": ("de-DE", "fr")}, "locale is de-CH, not one of de-DE, fr"),
            ({"locale": ("d",)}, "locale is de-CH, not d"),
            ({"custom": (("tier", ("vip",)),)}, "custom.tier is gold, not vip"),
            ({"custom": (("gone", ("x",)),)}, "custom.gone is none, not x"),
            ({"store": ("FR",)}, "store is fr, s1, not FR"),
            ({"country": ("DE",), "group": ("b2b",)}, "country is CH, not DE; group is g1, vip, not b2b"),
        ],
    )
    def test_what_does_not_says_each_part(self, when: Any, why: str):
        """Every part that does not hold is named with what is there and what was wanted."""
        assert why_not(Condition(**when), FACTS, SOURCES) == why

    def test_a_customer_has_no_currency(self):
        """A rule that asks for a currency never holds for a customer."""
        facts = facts_of_customer("shop-prod", a_customer())

        assert why_not(Condition(currency=("EUR",)), facts, SOURCES) == "currency is none, not EUR"

    @pytest.mark.parametrize(
        ("origin", "why"),
        [("Quote", ""), ("Merchant", ""), ("Customer", "origin is Customer, not one of Merchant, Quote"),
         (None, "origin is Customer, not one of Merchant, Quote")],
    )  # fmt: skip
    def test_an_order_has_an_origin(self, origin: str | None, why: str):
        """An order is by origin what it says; one that says nothing is a customer's, by the vendor's default."""
        facts = facts_of_order("shop-prod", an_order(origin=origin), None)

        assert why_not(Condition(origin=("Merchant", "Quote")), facts, SOURCES) == why

    def test_a_customer_has_no_origin(self):
        """A rule that asks for an origin never holds for a customer."""
        facts = facts_of_customer("shop-prod", a_customer())

        assert why_not(Condition(origin=("Customer",)), facts, SOURCES) == "origin is none, not Customer"


class TestFacts:
    def test_of_a_customer(self):
        """Stores, groups, channels and fields are known by id, and by key where the shop knows them."""
        body = a_customer(
            locale="de-DE", stores=[{"typeId": "store", "key": "de"}],
            customerGroup={"typeId": "customer-group", "id": "g1"},
            customerGroupAssignments=[
                {"customerGroup": {"typeId": "customer-group", "id": "g2", "obj": {"id": "g2", "key": "b2b"}}},
            ],
            custom={"type": {"typeId": "type", "id": "t"}, "fields": {"vip": True, "colours": ["red", "blue"]}},
        )  # fmt: skip
        shop = Shop(
            customer_group={"g1": {"id": "g1", "key": "gold"}},
            store={
                "de": {"id": "s9", "key": "de", "distributionChannels": [{"typeId": "channel", "id": "ch1"}]}
            },
        )

        facts = facts_of_customer("shop-prod", body, lookup=shop)

        assert facts == RouteFacts(
            source="shop-prod", stores=("de", "s9"), channels=("ch1",), locale="de-DE", country="DE",
            groups=("b2b", "g1", "g2", "gold"), custom={"vip": ("true",), "colours": ("red", "blue")},
        )  # fmt: skip
        assert facts_of_customer("shop-prod", body).groups == ("b2b", "g1", "g2")

    def test_of_an_order(self):
        """An order has a currency and channels of its lines; what it does not say, its customer does."""
        body = an_order(
            country=None, locale=None, totalPrice=money(1, "HUF0", 0), store={"typeId": "store", "key": "hu"},
            shippingAddress={"country": "HU"}, billingAddress={"country": "AT"},
            lineItems=[line(distributionChannel={"typeId": "channel", "id": "ch7"})],
        )  # fmt: skip
        customer = a_customer(locale="hu-HU", stores=[{"typeId": "store", "key": "de"}])

        facts = facts_of_order("shop-prod", body, customer)

        assert (facts.stores, facts.channels, facts.currency) == (("hu",), ("ch7",), "HUF")
        assert (facts.country, facts.locale) == ("HU", "hu-HU")

    def test_of_a_guests_order(self):
        """Without a customer an order speaks for itself."""
        facts = facts_of_order("shop-prod", an_order(), None)

        assert (facts.locale, facts.country, facts.currency) == ("de-DE", "", "EUR")

    @pytest.mark.parametrize("odd", [None, "x", 3, [None, "x", 3, {}], {"typeId": 7}, {"fields": []}])
    def test_what_is_odd_is_nothing(self, odd: Any):
        """References and fields that are none give nothing, and nothing fails."""
        body = a_customer(
            stores=odd if isinstance(odd, list) else [],
            customerGroup=odd,
            customerGroupAssignments=odd,
            custom=odd,
        )

        facts = facts_of_customer("shop-prod", body)

        assert (facts.stores, facts.groups, facts.custom) == ((), (), {})
