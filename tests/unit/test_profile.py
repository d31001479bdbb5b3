"""Profiles: a person's records become one contact with fields and tags, whatever they hold."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import Expression, parse_path, parse_template, parse_transforms
from ct_ac_sync.configuration.values import (
    Condition,
    Configuration,
    FieldRule,
    FieldType,
    Place,
    ProfileConfig,
    Route,
    SourceConfig,
    Speaker,
    TagRule,
    TagsConfig,
)
from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.domain.identity import Address
from ct_ac_sync.mapping.derived import OrderFacts
from ct_ac_sync.mapping.evaluate import Nowhere, Scope
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.mapping.profile import Person, Profile, SourceRecord, named_tags, needs_orders, to_profile
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.activecampaign.outbound import dump_contact, dump_import_row
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.cents import orders
from tests.unit.wire import WHEN, a_customer, an_order, is_shown


def rule(*paths: str, template: str = "", function: str | None = None, then: Any = ()) -> Expression:
    """Return an expression as the configuration would read it."""
    return Expression(
        paths=tuple(map(parse_path, paths)), template=parse_template(template), function=function,
        transforms=parse_transforms(then),
    )  # fmt: skip


def fragile(scope: Scope) -> str:
    """Fail for whoever has no key."""
    return {"k": "fine"}[scope.text("customer.key")]


ANN = Contact(email=Address("ann@example.org"))
STANDARD = ProfileConfig(
    locales=("en",),
    first_name=rule("customer.firstName", "address.firstName"),
    last_name=rule("customer.lastName", "address.lastName"),
    phone=rule("address.mobile", "address.phone"),
)
SOURCE = SourceConfig(
    name="shop", project="shop-prod", auth_url="a", api_url="b", client_id_env="C", client_secret_env="D"
)
FIELDS = (
    FieldRule(perstag="TIER", title="Tier", type=FieldType.DROPDOWN, options=("Gold", "Silver"),
              value=rule("customer.custom.fields.tier", then=["label"])),
    FieldRule(perstag="COLOURS", title="Colours", type=FieldType.LISTBOX, value=rule("customer.custom.fields.colours")),
    FieldRule(perstag="BORN", title="Born", type=FieldType.DATE, value=rule("customer.dateOfBirth")),
    FieldRule(perstag="SEEN", title="Seen", type=FieldType.DATETIME, value=rule("person.modified_at")),
    FieldRule(perstag="GROUP", title="Group", value=rule("customer.customerGroup.name")),
    FieldRule(perstag="CITY", title="City", value=rule("shipping.city", "address.city", then=["title"])),
    FieldRule(perstag="NOTE", title="Note", type=FieldType.TEXTAREA, value=rule("customer.custom.fields.note")),
    FieldRule(perstag="LOCALE", title="Locale", value=rule("person.locale")),
    FieldRule(perstag="STORES", title="Stores", value=rule("person.stores", then=[{"join": "/"}])),
    FieldRule(perstag="GUEST", title="Guest", value=rule("person.is_guest", then=[{"map": {"true": "yes", "*": "no"}}])),
    FieldRule(perstag="POINTS", title="Points", type=FieldType.NUMBER, value=rule("customer.custom.fields.points")),
    FieldRule(perstag="MADE", title="Made", value=rule(function=f"{__name__}:fragile")),
)  # fmt: skip
TAGS = TagsConfig(
    owned=("ct:",),
    rules=(
        TagRule(name=rule(template="store {person.stores[*]}")),
        TagRule(name=rule("customer.custom.fields.colours")),
        TagRule(name=rule(template="{route.name}"), when=Condition(country=("CH",))),
    ),
)
CONFIGURATION = Configuration(
    sources=(SOURCE,), destinations=(), routes=(), profile=STANDARD, fields=FIELDS, tags=TAGS
)
ROUTE = Route(name="main", destination="main", tag_prefix="ct: ")
IDS = {each.perstag: str(number) for number, each in enumerate(FIELDS, start=1)}


def record(
    body: Mapping[str, Any], source: str = "shop-prod", stream: Stream = Stream.CUSTOMERS
) -> SourceRecord:
    """Return a record as it is read from the wire."""
    found = parse_record(stream, body)
    assert isinstance(found, Readable), found.faults
    return SourceRecord(source, found.value, found.body)


def customer(**changes: Any) -> SourceRecord:
    """Return a customer."""
    return record(a_customer(**changes))


def guest(**changes: Any) -> SourceRecord:
    """Return a guest's order."""
    return record(an_order(**{"customerId": None} | changes), stream=Stream.ORDERS)


def profile(*customers: SourceRecord, config: Configuration = CONFIGURATION, **more: Any) -> Profile:
    """Return what a person becomes."""
    made = to_profile(Person(customers=customers, **more), config=config, route=ROUTE, lookup=Nowhere())
    assert made is not None
    return made


def with_fields(*rules: FieldRule, **changes: Any) -> Configuration:
    """Return a configuration with other fields."""
    return Configuration(
        sources=(SOURCE,), destinations=(), routes=(), fields=rules, profile=STANDARD, **changes
    )  # fmt: skip


def text_field(value: Expression) -> Configuration:
    """Return a configuration with one field."""
    return with_fields(FieldRule(perstag="X", title="X", value=value))


class TestContact:
    def test_a_customer_becomes_a_contact(self):
        """Names, telephone, fields and tags come from the customer, its addresses and the route."""
        made = profile(
            customer(
                key="k", locale="de-DE", dateOfBirth="1990-02-28", stores=[{"typeId": "store", "key": "de"}],
                addresses=[
                    {"id": "a", "country": "DE", "city": "BAD  HOMBURG"},
                    {"id": "b", "country": "CH", "phone": "044 668 18 00"},
                ],
                defaultBillingAddressId="b", defaultShippingAddressId="a",
                customerGroup={"typeId": "customer-group", "id": "g", "obj": {"name": "Gold customers"}},
                custom={
                    "type": {"typeId": "type", "id": "t"},
                    "fields": {"tier": "gold", "colours": ["red", "Blue"], "points": 12, "note": "a\nb"},
                },
            )
        )  # fmt: skip

        contact = made.contact
        assert (contact.email, contact.first_name, contact.last_name, contact.phone) == (
            "ann@example.org", "Ann", "Lee", "+41446681800",
        )  # fmt: skip
        assert contact.fields == (
            ("BORN", "1990-02-28"), ("CITY", "Bad Homburg"), ("COLOURS", "||Blue||red||"), ("GROUP", "Gold customers"),
            ("GUEST", "no"), ("LOCALE", "de-DE"), ("MADE", "fine"), ("NOTE", "a\nb"), ("POINTS", "12"),
            ("SEEN", "2026-03-01T10:00:00+00:00"), ("STORES", "de"), ("TIER", "Gold"),
        )  # fmt: skip
        assert made.tags == ("ct: Blue", "ct: main", "ct: red", "ct: store de")
        assert made.remarks == ("TIER: type t is not known", "TIER: tier gold has no label")
        assert made.version == 9

    def test_a_guest_is_its_newest_order(self):
        """A guest has the names of its order's address, and every field that only a customer has is cleared."""
        made = profile(
            guest=guest(
                billingAddress={"firstName": "Bo", "city": "ulm", "country": "DE", "mobile": "0731 1610"}
            )
        )

        assert (made.contact.email, made.contact.first_name, made.contact.phone) == (
            "ann@example.org",
            "Bo",
            "+497311610",
        )
        fields = dict(made.contact.fields)
        assert fields.keys() == IDS.keys()
        assert {name: text for name, text in fields.items() if text} == {
            "CITY": "Ulm", "GUEST": "yes", "LOCALE": "de-DE", "SEEN": "2026-03-01T10:00:00+00:00",
        }  # fmt: skip

    def test_nobody_without_an_address(self):
        """A person without any address is no contact."""
        for person in (
            Person(),
            Person(guest=guest(customerEmail=None)),
            Person(customers=(customer(email=" "),)),
        ):
            assert to_profile(person, config=CONFIGURATION, route=None, lookup=Nowhere()) is None

    def test_one_speaks_in_whatever_order_they_come(self):
        """Of several customers the oldest or the newest speaks by rule, and all of them count for stores and time."""
        old = customer(
            id="c9",
            firstName="Old",
            createdAt="2026-03-01T00:00:00Z",
            stores=[{"typeId": "store", "key": "fr"}],
        )
        twin = customer(id="c8", firstName="Twin", createdAt="2026-03-01T00:00:00Z")
        young = customer(
            id="c0", firstName="Young", createdAt="2026-03-02T00:00:00Z", lastModifiedAt="2026-03-09T00:00:00Z",
            version=3, stores=[{"typeId": "store", "key": "de"}],
        )  # fmt: skip
        newest = Configuration(
            sources=(SOURCE,), destinations=(), routes=(), fields=FIELDS,
            profile=ProfileConfig(
                speaker=Speaker.NEWEST, first_name=STANDARD.first_name, last_name=STANDARD.last_name, phone=STANDARD.phone,
            ),
        )  # fmt: skip

        everyone = list(itertools.permutations([old, twin, young]))
        (first,) = {profile(*each) for each in everyone}
        (last,) = {profile(*each, config=newest) for each in everyone}

        assert (first.contact.first_name, last.contact.first_name) == ("Twin", "Young")
        assert first.version == 9
        fields = dict(first.contact.fields)
        assert (fields["STORES"], fields["SEEN"]) == ("de/fr", "2026-03-09T00:00:00+00:00")

    def test_a_guest_who_registers_is_a_customer(self):
        """Once there is a customer, its own words hold, and the guest's order speaks no more."""
        made = profile(customer(firstName="Ann"), guest=guest(billingAddress={"firstName": "Bo"}))

        assert made.contact.first_name == "Ann"
        assert dict(made.contact.fields)["GUEST"] == "no"

    @pytest.mark.parametrize(
        ("roles", "ids", "city"),
        [
            (
                (Place.BILLING, Place.SHIPPING),
                {"defaultBillingAddressId": "b", "defaultShippingAddressId": "c"},
                "B",
            ),
            (
                (Place.SHIPPING, Place.BILLING),
                {"defaultBillingAddressId": "b", "defaultShippingAddressId": "c"},
                "C",
            ),
            (
                (Place.BILLING, Place.SHIPPING),
                {"defaultShippingAddressId": "c", "billingAddressIds": ["b"]},
                "C",
            ),
            ((Place.BILLING,), {"billingAddressIds": ["gone", "b"]}, "B"),
            ((Place.BILLING, Place.FIRST), {"defaultBillingAddressId": "gone"}, "A"),
            ((Place.FIRST, Place.BILLING), {"defaultBillingAddressId": "b"}, "A"),
            ((Place.BILLING,), {}, ""),
        ],
    )
    def test_an_address_by_role(self, roles: Any, ids: Any, city: str):
        """A default goes before a listed one, roles in their order, and a stale id is passed over."""
        config = Configuration(
            sources=(), destinations=(), routes=(),
            fields=(FieldRule(perstag="X", title="X", value=rule("address.city")),),
            profile=ProfileConfig(
                address=roles, first_name=STANDARD.first_name, last_name=STANDARD.last_name, phone=STANDARD.phone
            ),
        )  # fmt: skip
        addresses = [{"id": id_, "city": id_.upper(), "country": "DE"} for id_ in "abc"]

        assert profile(customer(addresses=addresses, **ids), config=config).contact.fields == (("X", city),)

    def test_a_guests_goods_may_go_to_several_addresses(self):
        """Of an order with several shipments the first one's address is the shipping address."""
        order = guest(shipping=[{"shippingAddress": {"city": "Ulm"}}, {"shippingAddress": {"city": "Bonn"}}])

        assert profile(guest=order, config=text_field(rule("shipping.city"))).contact.fields == (
            ("X", "Ulm"),
        )

    @pytest.mark.parametrize(
        ("number", "phone"),
        [("030 901820", "+4930901820"), ("call me", "call me"), ("\x07" * 9, ""), ("9" * 5_000, "9" * 255)],
    )
    def test_a_telephone_number_is_e164_or_as_it_is_written(self, number: str, phone: str):
        """The standard field holds a number for the whole world, and what is no number clean and cut."""
        made = profile(customer(addresses=[{"id": "a", "country": "DE", "phone": number}]))

        assert made.contact.phone == phone

    def test_a_function_that_raises_costs_its_field_alone(self):
        """Somebody's function may fail: its field is empty, the others are not, and a remark names it."""
        made = profile(customer(key="other"))

        assert dict(made.contact.fields)["MADE"] == ""
        assert made.contact.first_name == "Ann"
        assert made.remarks == (f"MADE: {__name__}:fragile raised KeyError",)

    def test_text_of_orders(self):
        """Sums are there by currency, and without one by that of the newest order."""
        known = OrderFacts(
            id="o", created_at=datetime(2026, 3, 1, tzinfo=UTC), currency="EUR", digits=2, total=Decimal("9.90"),
            net=Decimal("9.00"), refunded=Decimal(0), is_cancelled=False,
        )  # fmt: skip
        config = text_field(
            rule(
                template="{orders.count} {orders.total} {orders.average.EUR} {orders.refunded.EUR} {orders.currencies}"
                " {orders.net} {orders.tax.EUR}"
            )
        )

        assert profile(customer(), config=config, orders=(known,)).contact.fields == (
            ("X", "1 9.90 9.90 0.00 EUR 9.00 0.90"),
        )
        assert profile(customer(), config=config).contact.fields == (("X", ""),)
        assert profile(
            customer(), config=text_field(rule("orders.total.CHF")), orders=(known,)
        ).contact.fields == (("X", ""),)

    def test_last_order(self):
        """The newest order's body is there below its own root."""
        made = profile(
            customer(), config=text_field(rule("last_order.lineItems[0].name")), last_order=an_order()
        )

        assert made.contact.fields == (("X", "Shoe"),)


class TestNeedsOrders:
    @pytest.mark.parametrize(
        ("value", "needs"),
        [
            (rule("customer.key"), False),
            (rule("customer.key", "orders.count"), True),
            (rule("last_order.orderNumber"), True),
            (rule(template="{person.email} {orders.total.EUR}"), True),
            (rule(template="{person.email}"), False),
            (rule(function="a:b"), True),
        ],
    )
    def test_orders_are_read_only_for_who_asks(self, *, value: Expression, needs: bool):
        """A path or template below orders needs them, a function may, and nothing else does."""
        tag = TagsConfig(rules=(TagRule(name=value),))

        assert needs_orders(text_field(value)) is needs
        assert needs_orders(with_fields(tags=tag)) is needs


class TestTags:
    def test_names_are_as_tags_can_be(self):
        """Commas and control characters are blanks, a long name is cut, and two that differ in case alone are one."""
        assert named_tags(["b,c", "a\x00 ", "A", "", " , ", "x" * 200]) == ("A", "b c", "x" * 100)

    @given(st.lists(st.text(max_size=120), max_size=6))
    def test_every_text_gives_tags(self, names: list[str]):
        """Tags are sorted, not empty, without commas, short, and each is there once whatever its case."""
        tags = named_tags(names)

        assert list(tags) == sorted(tags)
        assert all(tag and "," not in tag and len(tag) <= 100 and is_shown(tag) for tag in tags)
        assert len({tag.casefold() for tag in tags}) == len(tags)
        assert tags == named_tags(reversed(names)) == named_tags(tags)


ODD = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(
        [
            "x" * 5_000, "👩‍👩‍👧 🇨🇭", "שָׁלוֹם \u202e abc", "\x00\x07\ud800", "9" * 5_000, "+", "☎️ 030/12 34-56", "a,b||c",
            {"key": "gold"}, {"typeId": "gone", "id": "x"}, {"typeId": "store"}, {"de": "Rot", "en": None}, {},
            {"centAmount": None}, {"label": {}}, ["red", None, ["blue"]], [{"key": "r"}, {"key": "b", "label": "B"}],
        ]
    )
)  # fmt: skip
TEXT = st.none() | st.text(max_size=20) | st.sampled_from(["x" * 5_000, "\ud800", "\u202eשָׁלֵם", "🦄"])
CUSTOMERS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["c1", "c2", "c3"]), "version": st.integers(1, 99), "createdAt": st.just(WHEN),
        "lastModifiedAt": st.just(WHEN), "email": st.text(min_size=1, max_size=8),
    },
    optional={
        "firstName": TEXT, "lastName": TEXT, "key": TEXT, "locale": TEXT, "dateOfBirth": ODD, "customerGroup": ODD,
        "stores": st.just([{"typeId": "store", "key": "de"}, None]) | st.none(), "customerGroupAssignments": ODD,
        "addresses": st.lists(
            st.fixed_dictionaries({}, optional={"id": TEXT, "country": TEXT, "phone": TEXT, "mobile": TEXT, "city": TEXT}),
            max_size=2,
        ),
        "defaultShippingAddressId": TEXT,
        "custom": ODD | st.fixed_dictionaries(
            {"type": ODD, "fields": ODD | st.dictionaries(st.sampled_from(["tier", "colours", "note", "points"]), ODD)}
        ),
    },
)  # fmt: skip


def turned(value: Any) -> Any:
    """Return the same document with the keys of every object in another order."""
    if isinstance(value, dict):
        return {key: turned(each) for key, each in reversed(value.items())}
    return [turned(each) for each in value] if isinstance(value, list) else value


class TestTotal:
    @given(CUSTOMERS, orders())
    def test_the_order_of_keys_is_no_news(self, person: Any, order: Any):
        """However a database or the vendor orders the keys of a body, it is mapped to the same fingerprint."""
        bought = [
            to_order(record(each, stream=Stream.ORDERS).value, ANN)  # type: ignore[arg-type]
            for each in (order, turned(order))
        ]
        made = [
            to_profile(Person(customers=(record(each),)), config=CONFIGURATION, route=ROUTE, lookup=Nowhere())
            for each in (person, turned(person))
        ]

        assert made[0] == made[1]
        assert len({fingerprint(each) for each in bought}) == 1
        assert len({each and fingerprint(each.contact) for each in made}) == 1

    @given(st.lists(CUSTOMERS, min_size=1, max_size=3))
    def test_every_customer_that_is_read_can_be_sent(self, bodies: list[Any]):
        """Whatever its records hold, a person is mapped, twice the same, in any order, and passes the outbound schemas."""
        records = tuple(map(record, bodies))
        person = Person(customers=records)
        distinct = len({each["id"] for each in bodies}) == len(bodies)

        made = to_profile(person, config=CONFIGURATION, route=ROUTE, lookup=Nowhere())

        assert made == to_profile(person, config=CONFIGURATION, route=ROUTE, lookup=Nowhere())
        if distinct:
            turned = Person(customers=records[::-1])
            assert made == to_profile(turned, config=CONFIGURATION, route=ROUTE, lookup=Nowhere())
        if made is not None:
            assert dump_contact(made.contact, IDS)["contact"]["email"] == made.contact.email
            assert dump_import_row(made.contact, IDS)["email"] == made.contact.email
            assert [name for name, _ in made.contact.fields] == sorted(IDS)
            for text in (
                made.contact.first_name,
                made.contact.phone,
                *dict(made.contact.fields).values(),
                *made.tags,
            ):
                text.encode()
                assert is_shown(text.replace("\n", ""))
