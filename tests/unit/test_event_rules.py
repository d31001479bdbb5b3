"""What follows of events: which rules hold, what they say of one, and what people have since."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import NAMES, Expression, Root, parse_path, parse_template
from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.configuration.values import AutomationRule, Configuration, Route, TrackingRule
from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.contact import CreationSource
from ct_ac_sync.domain.event import MARK_LENGTH, Event, EventItem, EventKind
from ct_ac_sync.domain.money import Money
from ct_ac_sync.mapping.evaluate import Nowhere, Scope, evaluate
from ct_ac_sync.mapping.happening import Happening, facts_of_happening, page_of_cart, scope_of
from ct_ac_sync.mapping.profile import Person, Profile, SourceRecord, needs_orders, to_profile
from ct_ac_sync.mapping.rules import (
    MOST_OF_VALUE,
    automation_of,
    ecommerce_of,
    event_kinds,
    rules_for,
    tracking_of,
    value_of,
)
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.wire import WHEN, a_customer, an_order, is_shown, line, money

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENVIRON = {
    "CTP_PROJECT_KEY": "shop-prod", "CTP_API_URL": "https://api.example", "CTP_AUTH_URL": "https://auth.example",
    "AC_API_URL": "https://acme.example", "AC_EVENT_ACTID": "1", "AC_EVENT_KEY": "k",
}  # fmt: skip
ROUTES = """
[[routes]]
name = "business"
when = { group = "b2b" }
destination = "main"
[[routes]]
name = "all"
destination = "main"
"""
BUSINESS = Route(name="business", destination="main", tag_prefix="b2b/")
ALL = Route(name="all", destination="main")
MARK = "abcdefghijklmnop"
PRODUCT = {
    "id": "p1", "name": {"en": "Shoe", "de": "Schuh"}, "slug": {"en": "shoe"}, "masterVariant": {"id": 2, "sku": "S-2", "attributes": [{"name": "brand", "value": "Acme"}]},
    "categories": [{"typeId": "category", "id": "k", "obj": {"name": {"en": "Shoes", "de": "Schuhe"}, "ancestors": []}}],
}  # fmt: skip


class Shelf:
    """Knows one product, and notes what is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return the product."""
        self.asked.append((kind, id_))
        return PRODUCT if (kind, id_) == ("product", "p1") else None


def read(text: str) -> Configuration:
    """Return what a file with two routes says."""
    return read_configuration(ROUTES + text, where="sync.toml", environ=ENVIRON)


BARE = read("")


def rule(on: str, **keys: str) -> str:
    """Return the text of a rule for a kind, or for several; what is given stands as it is."""
    kinds = ", ".join(f'"{each}"' for each in on.split())
    return f"[[events]]\non = [{kinds}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def happening(
    kind: str = "order_placed", *, body: Mapping[str, Any] | None = None, **changes: Any
) -> Happening:
    """Return an event of an order, or of what *stream* says."""
    customer = changes.pop("customer", None)
    known = {"key": "o1", "happened_at": NOON, "stream": "orders", "id": "o1"} | changes
    return Happening(
        event=Event(kind=EventKind(kind), **known),
        source="shop-prod",
        body=an_order() if body is None else body,
        customer=customer,
    )


def a_cart(**changes: Any) -> dict[str, Any]:
    """Return a cart's body."""
    known = {
        "id": "k1", "version": 3, "createdAt": WHEN, "lastModifiedAt": WHEN, "customerEmail": "Ann@Example.org",
        "cartState": "Active", "origin": "Customer", "totalPrice": money(1000), "lineItems": [line()],
        "customLineItems": [], "locale": "de-DE", "store": {"typeId": "store", "key": "de"},
    }  # fmt: skip
    return known | changes


def listed(**changes: Any) -> Happening:
    """Return that a line was put on a list, of which the body says what a list says of it."""
    item = {
        "id": "l1", "addedAt": WHEN, "name": {"de": "Schuh"}, "productId": "p1", "variantId": 2, "quantity": 3,
    }  # fmt: skip
    other = item | {"id": "l2", "productId": "p2", "name": {"de": "Hut"}}
    body = {
        "id": "s1", "version": 2, "name": {"de": "Wünsche"}, "customer": {"typeId": "customer", "id": "c1"},
        "store": {"typeId": "store", "key": "de"}, "lineItems": [other, item], "custom": {"fields": {"kind": "gift"}},
    }  # fmt: skip
    known = {
        "key": "s1/l1", "stream": "shopping_lists", "id": "s1", "items": (EventItem("l1", 1),),
        "details": (("product", "p1"), ("variant", "2")), "customer": a_customer(locale="de-DE"),
    }  # fmt: skip
    return happening("list_item_added", body=body | changes, **known)


def scope(
    what: Happening, config: Configuration | None = None, *, lookup: Any = None, route: Route | None = ALL
) -> Scope:
    """Return what expressions see."""
    return scope_of(what, config=config or BARE, route=route, lookup=lookup or Nowhere())


def said(path: str, what: Happening, **more: Any) -> tuple[str, ...]:
    """Return what stands at a path."""
    return evaluate(Expression(paths=(parse_path(path),)), scope(what, **more)).values


# -- which rules hold -----------------------------------------------------------------


class TestRulesFor:
    def test_all_that_hold_in_their_order(self):
        """Kind, route and condition decide, and every rule that holds is told."""
        config = read(
            rule("order_placed paid", name='"any"', tags='"a"')
            + rule("paid", name='"other kind"', tags='"b"')
            + rule("order_placed", name='"business"', routes='"business"', tags='"c"')
            + rule("order_placed", name='"de"', when='{ store = "de" }', tags='"d"')
            + rule("order_placed", name='"fr"', when='{ store = "fr" }', tags='"e"')
        )
        what = happening(body=an_order(store={"typeId": "store", "key": "de"}))

        assert [each.name for each in rules_for(config, what, ALL, Nowhere())] == ["any", "de"]
        assert [each.name for each in rules_for(config, what, BUSINESS, Nowhere())] == [
            "any",
            "business",
            "de",
        ]
        assert [each.name for each in rules_for(config, what, None, Nowhere())] == ["any", "de"]

    def test_a_cart_is_asked_as_an_order(self):
        """Store, currency and locale of a cart are asked for, and its customer's where it has none."""
        what = happening(
            "cart_created", stream="carts", body=a_cart(locale=None), customer=a_customer(locale="fr")
        )

        facts = facts_of_happening(what, Nowhere())

        assert (facts.source, facts.stores, facts.currency, facts.locale) == (
            "shop-prod",
            ("de",),
            "EUR",
            "fr",
        )

    def test_a_list_is_asked_as_an_order(self):
        """Store and fields of a list are asked for, and all else of its customer; it has no currency."""
        facts = facts_of_happening(listed(), Nowhere())

        assert (facts.stores, facts.locale, facts.currency) == (("de",), "de-DE", "")
        assert facts.custom["kind"] == ("gift",)

    def test_a_customer_is_asked_itself(self):
        """Of somebody who signed up the customer is asked, who has no currency."""
        body = a_customer(stores=[{"typeId": "store", "key": "ch"}])
        facts = facts_of_happening(happening("signed_up", stream="customers", body=body), Nowhere())

        assert (facts.stores, facts.country, facts.currency) == (("ch",), "DE", "")

    def test_the_first_of_each_action_decides(self):
        """Of all rules that hold the first with an action is taken for it, whatever else that one has."""
        config = read(
            rule("order_placed", name='"tags"', tags='"a"')
            + rule("order_placed", name='"one"', automation="5", tracking='{ name = "one" }')
            + rule(
                "order_placed",
                name='"two"',
                automation="6",
                tracking='{ name = "two" }',
                ecommerce='"historical"',
            )
            + rule("order_placed", name='"three"', ecommerce='"real_time"')
        )
        rules = rules_for(config, happening(), ALL, Nowhere())

        tracked = tracking_of(rules)
        assert tracked is not None
        assert tracked.name == "one"
        assert automation_of(rules) == AutomationRule(id="5")
        assert ecommerce_of(rules) is CreationSource.HISTORICAL

    def test_nothing_follows_of_nothing(self):
        """Without a rule that holds there is no action."""
        assert tracking_of(()) is automation_of(()) is ecommerce_of(()) is None


# -- what is seen of an event ---------------------------------------------------------


class TestScope:
    def test_an_event_in_figures_and_details(self):
        """Amounts are in major units, times in UTC, and details by their names."""
        what = happening(
            "refunded", key="p/t", happened_at=datetime(2026, 3, 31, 23, 30, tzinfo=UTC) + timedelta(hours=1),
            amount=Money(cents=1250, currency="EUR", digits=2), net=Money(cents=0, currency="EUR", digits=2),
            details=(("carrier", "DHL"), ("method", "card"), ("transaction", "t")),
        )  # fmt: skip

        shown = {name: said(f"event.{name}", what) for name in NAMES[Root.EVENT]}

        assert {name: values for name, values in shown.items() if values} == {
            "kind": ("refunded",), "key": ("p/t",), "at": ("2026-04-01T00:30:00.000Z",), "month": ("2026-04",),
            "amount": ("12.50",), "net": ("0.00",), "currency": ("EUR",), "carrier": ("DHL",), "method": ("card",),
            "transaction": ("t",), "items": ("Schuh",), "products": ("Schuh",), "quantity": ("1",), "skus": ("S-2",),
            "image_url": ("https://i/1.png",),
        }  # fmt: skip

    def test_yen_and_codes_of_commercetools_alone(self):
        """A currency has its own digits, and its ISO code."""
        assert said("event.amount", happening(amount=Money(cents=1200, currency="JPY", digits=0))) == (
            "1200",
        )
        assert said("event.currency", happening(amount=Money(cents=5, currency="HUF0", digits=0))) == ("HUF",)

    def test_the_lines_that_it_names(self):
        """An event of some lines speaks of these and of their units, in its order, any other of all."""
        lines = [
            line(), line(id="l2", name={"de": "Hut"}, quantity=3, productId="p2", variant={"id": 1}),
            line(id="l3", name={"de": "Schuh"}),
        ]  # fmt: skip
        gift_wrap = {"id": "x1", "name": {"de": "Papier"}, "quantity": 1}
        body = an_order(lineItems=lines, customLineItems=[gift_wrap])
        some = happening(
            "shipped", body=body, items=(EventItem("l2", 2), EventItem("l1", 1), EventItem("gone", 9))
        )
        every = happening("shipped", body=body)

        assert said("event.items", some) == ("Hut", "Schuh")
        assert said("event.quantity", some) == ("12",)
        assert said("event.items", every) == ("Schuh", "Hut", "Papier")
        assert said("event.products", every) == ("Schuh", "Hut")
        assert said("event.quantity", every) == ("6",)
        assert said("event.skus", every) == ("S-2",)

    def test_each_record_has_its_root(self):
        """The order, the cart or the customer is there as it is sent, with its customer, and nothing else is."""
        order = happening(customer=a_customer())
        cart = happening("cart_abandoned", stream="carts", body=a_cart())
        customer = happening("signed_up", stream="customers", body=a_customer())

        assert (said("order.orderNumber", order), said("customer.firstName", order)) == (("A-1",), ("Ann",))
        assert (said("cart.id", cart), said("event.origin", cart)) == (("k1",), ("Customer",))
        assert said("customer.firstName", customer) == ("Ann",)
        assert said("cart.id", order) == said("order.id", cart) == said("customer.id", cart) == ()
        assert said("route.name", order, route=BUSINESS) == ("business",)
        assert said("route.name", order, route=None) == ()

    def test_products_are_told_where_a_rule_asks_for_them(self):
        """Categories, brands, page and picture come from the products, and nobody is asked without need."""
        asking = read(
            rule("order_placed", tags='["{event.categories}", "{event.brands}"]')
            + '[products]\nbrand = "brand"\nurl = "https://acme.example/{product.slug}"\n'
        )
        silent = read(rule("order_placed", tags='"{event.items}"') + rule("paid", tags='"{event.brands}"'))
        shelf = Shelf()
        bare = happening(body=an_order(lineItems=[line(variant={"id": 2, "sku": "S-2"})]))

        seen = scope(bare, asking, lookup=shelf)
        assert (seen.texts("event.categories"), seen.texts("event.brands")) == (("Schuhe",), ("Acme",))
        assert seen.text("event.url") == "https://acme.example/shoe"
        assert shelf.asked == [("product", "p1")]
        scope(bare, silent, lookup=shelf)
        assert len(shelf.asked) == 1

    def test_a_line_of_a_list_is_told_by_its_product(self):
        """SKU, categories, brand, page and picture are those of the product, in the customer's language."""
        config = read(
            rule("list_item_added", tags='["{event.categories}", "{event.skus}"]')
            + '[products]\nbrand = "brand"\nurl = "https://acme.example/{product.slug}"\n'
        )
        shelf = Shelf()
        seen = scope(listed(), config, lookup=shelf)

        told = ("items", "products", "skus", "categories", "brands", "url", "quantity", "product", "variant")
        assert {name: seen.text(f"event.{name}") for name in told} == {
            "items": "Schuh", "products": "Schuh", "skus": "S-2", "categories": "Schuhe", "brands": "Acme",
            "url": "https://acme.example/shoe", "quantity": "1", "product": "p1", "variant": "2",
        }  # fmt: skip
        assert seen.text("shopping_list.name") == "Wünsche"
        assert {*shelf.asked} == {("product", "p1")}

    def test_a_line_that_is_taken_off_is_told_all_the_same(self):
        """What was put on a list goes on being told by its product, whatever is on it by now."""
        config = read(rule("list_item_added", tags='["{event.categories}", "{event.skus}"]'))
        seen = scope(listed(lineItems=[]), config, lookup=Shelf())

        assert (seen.text("event.skus"), seen.text("event.categories")) == ("S-2", "Schuhe")
        assert (seen.text("event.product"), seen.text("event.quantity")) == ("p1", "1")
        assert (seen.text("event.items"), seen.text("event.products")) == ("Schuh", "Schuh")

    @pytest.mark.parametrize("variant", [None, 9])
    def test_a_variant_that_is_open_or_gone(self, variant: int | None):
        """Where a line names none it is the master, and where it names one that is gone no other is told."""
        config = read(rule("list_item_added", tags='"{event.skus}"'))
        line_ = {"id": "l1", "name": {"de": "Schuh"}, "productId": "p1", "quantity": 1, "variantId": variant}
        seen = scope(listed(lineItems=[line_]), config, lookup=Shelf())

        assert seen.texts("event.skus") == (("S-2",) if variant is None else ())

    def test_a_variant_that_is_gone_is_not_the_master(self):
        """Of a variant that is not there any more nothing is told in which the others differ."""
        brands = ({"id": 1, "attributes": [{"name": "brand", "value": brand}]} for brand in ("Acme", "Other"))
        product = dict(zip(("masterVariant", "variants"), brands, strict=True))
        product["variants"] = [product["variants"]]
        config = read(rule("list_item_added", tags='"{event.brands}"') + '[products]\nbrand = "brand"\n')
        line_ = {"id": "l1", "productId": "p1", "quantity": 1, "variantId": 9}

        class Two(Shelf):
            def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
                """Return the product with its two variants."""
                return product

        assert scope(listed(lineItems=[line_]), config, lookup=Two()).texts("event.brands") == ()

    def test_nobody_asks_for_the_product_of_a_list_without_need(self):
        """A rule that names no more than the key needs no product."""
        shelf = Shelf()
        scope(listed(), read(rule("list_item_added", tags='"{event.product}"')), lookup=shelf)

        assert shelf.asked == []

    def test_a_product_that_is_gone_costs_its_own_words_alone(self):
        """What an order says itself is there without its products."""
        config = read(rule("order_placed", tags='"{event.brands}"'))
        seen = scope(happening(), config)

        assert (seen.texts("event.brands"), seen.texts("event.items")) == ((), ("Schuh",))

    def test_the_page_of_a_cart(self):
        """Where a cart is found again is made of the cart, and may not be said."""
        config = read('[carts]\nurl = "https://shop.example/cart/{cart.id}"\n')
        what = happening("cart_abandoned", stream="carts", body=a_cart())

        assert page_of_cart(scope(what), config) == "https://shop.example/cart/k1"
        assert page_of_cart(scope(what), BARE) == ""

    @given(
        st.dictionaries(
            st.sampled_from(["lineItems", "customLineItems", "locale", "store", "origin", "totalPrice", "shipping"]),
            st.none() | st.integers() | st.text(max_size=5)
            | st.lists(st.none() | st.dictionaries(st.sampled_from(["id", "name", "variant", "quantity"]), st.none() | st.text(max_size=3))),
        ),
        st.sampled_from(["orders", "carts", "shopping_lists", "customers"]),
    )  # fmt: skip
    def test_whatever_a_body_holds(self, body: dict[str, Any], stream: str):
        """Any body is seen without an error, and every name below event has texts or none."""
        seen = scope(happening(body=body, stream=stream))

        for name in NAMES[Root.EVENT]:
            assert all(isinstance(each, str) for each in seen.texts(f"event.{name}"))


# -- what is tracked ------------------------------------------------------------------


class TestValue:
    def value(self, template: str, what: Happening | None = None) -> str:
        """Return the value of a tracked event."""
        tracking = TrackingRule(name="x", value=Expression(template=parse_template(template)))
        return value_of(tracking, scope(what or happening()), MARK)

    def test_it_ends_with_the_mark(self):
        """What an expression says comes first, several values in one text, then a blank and the mark."""
        lines = [line(), line(id="l2", name={"de": "Hut"})]

        assert self.value("{order.orderNumber} {event.kind}") == f"A-1 order_placed {MARK}"
        assert self.value("{event.items}", happening(body=an_order(lineItems=lines))) == f"Schuh, Hut {MARK}"

    def test_nothing_is_what_it_is_known_by(self):
        """A value that comes to nothing says what the event is known by."""
        assert self.value("{order.nothing}") == f"o1 {MARK}"
        assert self.value("{{ }} ", happening(key=" ")) == f"{{ }} {MARK}"
        assert self.value("{order.nothing}", happening(key=" ")) == f"order_placed {MARK}"

    @given(st.text(max_size=400), st.text(max_size=300))
    def test_no_mark_is_ever_cut_off(self, number: str, key: str):
        """Whatever is said, the whole has at most 250 characters, and before its mark a text on one line."""
        what = happening(body=an_order(orderNumber=number), key=key)

        value = self.value("{order.orderNumber}", what)

        assert len(value) <= MOST_OF_VALUE
        assert len(MARK) == MARK_LENGTH
        assert value.endswith(f" {MARK}")
        assert value.removesuffix(MARK).strip()
        assert is_shown(value)


# -- what people have since -----------------------------------------------------------


def customer() -> SourceRecord:
    """Return a customer."""
    found = parse_record(Stream.CUSTOMERS, a_customer())
    assert isinstance(found, Readable)
    return SourceRecord("shop-prod", found.value, found.body)


def profile(
    config: Configuration, *events: Happening, now: datetime | None = NOON, route: Route = ALL
) -> Profile:
    """Return what a customer with events becomes."""
    person = Person(customers=(customer(),), events=events, now=now)
    made = to_profile(person, config=config, route=route, lookup=Nowhere())
    assert made is not None
    return made


def placed(id_: str, day: int, **changes: Any) -> Happening:
    """Return an order that was placed on a day."""
    return happening(key=id_, id=id_, happened_at=NOON + timedelta(days=day), **changes)


FIELD = '[[fields]]\nperstag = "X"\ntitle = "X"\n'
STATES = read(
    FIELD + rule("order_placed paid refunded", fields='{ X = "{event.key}" }', tags='"{event.key}"')
)


class TestTags:
    def test_each_rule_and_kind_has_its_newest_event(self):
        """Of a kind the newest event that the rule holds for gives the tag, in any order of the events."""
        config = read(
            rule("order_placed refunded", when='{ store = "de" }', tags='"{event.kind} {event.key}"')
        )
        here, there = (an_order(store={"typeId": "store", "key": key}) for key in ("de", "fr"))
        events = [
            placed("o1", 1, body=here), placed("o2", 2, body=here), placed("o3", 3, body=there),
            happening("refunded", key="p/t", body=here),
        ]  # fmt: skip

        made = {profile(config, *each).tags for each in itertools.permutations(events)}

        assert made == {("order_placed o2", "refunded p/t")}

    def test_they_have_the_prefix_of_the_route(self):
        """A tag since an event is called as any other of its route."""
        config = read(rule("order_placed", tags='"bought"') + '[[tags.rules]]\nname = "known"\n')

        assert profile(config, placed("o1", 0), route=BUSINESS).tags == ("b2b/bought", "b2b/known")

    @pytest.mark.parametrize(
        ("now", "is_there"), [(NOON + timedelta(days=30), False), (NOON, True), (None, True)]
    )
    def test_a_tag_for_some_days_ends(self, *, now: datetime | None, is_there: bool):
        """A tag lasts so many days from its event, to the second, and one without days for ever."""
        config = read(rule("order_placed", tags='["ever", { name = "new", days = 30 }]'))

        assert profile(config, placed("o1", 0), now=now).tags == (("ever", "new") if is_there else ("ever",))
        just_before = NOON + timedelta(days=30, seconds=-1)
        assert profile(config, placed("o1", 0), now=just_before).tags == ("ever", "new")

    def test_nothing_without_its_event(self):
        """Whoever has no event of a kind has none of its tags."""
        assert profile(read(rule("order_placed", tags='"bought"'))).tags == ()


class TestFields:
    def test_an_event_sets_a_field(self):
        """What an event says stands in place of the field's own value, and before it that stands."""
        config = read(
            FIELD + 'from = "customer.firstName"\n' + rule("order_placed", fields='{ X = "{event.key}" }')
        )

        assert profile(config).contact.fields == (("X", "Ann"),)
        assert profile(config, placed("o1", 0), placed("o2", 1)).contact.fields == (("X", "o2"),)

    def test_a_field_that_only_events_set(self):
        """Before its event it is empty."""
        config = read(FIELD + rule("order_placed", fields='{ X = "{event.key}" }'))

        assert profile(config).contact.fields == (("X", ""),)

    def test_the_newest_of_several_events_and_the_first_of_several_rules(self):
        """A field that many events set shows the newest, and that of the rule that stands first."""
        config = read(
            FIELD
            + rule("order_placed", fields='{ X = "first {event.key}" }')
            + rule("order_placed paid", fields='{ X = "second {event.key}" }')
        )

        assert profile(config, placed("o1", 0)).contact.fields == (("X", "first o1"),)
        paid = happening("paid", key="o0", happened_at=NOON + timedelta(days=1))
        assert profile(config, placed("o1", 0), paid).contact.fields == (("X", "second o0"),)

    @given(
        st.lists(
            st.tuples(st.sampled_from(["order_placed", "paid", "refunded"]), st.integers(-9, 9)), unique=True
        )
    )
    def test_states_are_a_function_of_the_events(self, given_: Sequence[tuple[str, int]]):
        """In whatever order events come, the contact is the same."""
        events = [
            happening(kind, key=f"{kind}/{day}", happened_at=NOON + timedelta(days=day))
            for kind, day in given_
        ]

        assert profile(STATES, *events) == profile(STATES, *reversed(events))


class TestNeeds:
    def test_events_are_read_only_for_who_asks(self):
        """Only the kinds of rules with tags or fields are needed for a profile."""
        config = read(
            rule("paid", automation="1")
            + rule("shipped delivered", tags='"a"')
            + rule("delivered", tags='"b"')
        )

        assert event_kinds(config) == (EventKind.DELIVERED, EventKind.SHIPPED)
        assert event_kinds(read(rule("paid", automation="1"))) == ()
        assert not needs_orders(config)


class TestGuests:
    def test_a_cart_alone_is_a_guest(self):
        """Whoever has nothing but a cart is a contact, as of an order."""
        cart = a_cart(billingAddress={"firstName": "Bo", "city": "Ulm", "country": "DE"})
        value = Cart(
            id="k1", version=3, created_at=NOON, last_modified_at=NOON, customer_email="Ann@Example.org",
            locale="de-DE", total_price=Money(cents=1, currency="EUR", digits=2),
        )  # fmt: skip
        config = read(
            FIELD
            + 'from = "address.city"\n[[tags.rules]]\nname = "{person.stores}"\nwhen = { store = "de" }\n'
        )
        person = Person(guest=SourceRecord("shop-prod", value, cart))

        made = to_profile(person, config=config, route=ALL, lookup=Nowhere())

        assert made is not None
        assert (made.contact.email, made.contact.first_name) == ("ann@example.org", "Bo")
        assert (made.contact.fields, made.tags, made.version) == ((("X", "Ulm"),), ("de",), 3)
