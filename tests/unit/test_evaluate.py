"""Paths through what Commercetools sends: values, references, enumerations, money, languages."""

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import (
    Expression,
    Root,
    parse_path,
    parse_template,
    parse_transforms,
)
from ct_ac_sync.configuration.values import FieldType
from ct_ac_sync.mapping.evaluate import Found, Scope, evaluate
from ct_ac_sync.mapping.formats import wire_value
from ct_ac_sync.mapping.texts import amount_of, pick
from tests.unit.wire import a_customer, money

TYPE = {
    "id": "t1",
    "key": "customer-extra",
    "fieldDefinitions": [
        {"name": "tier", "type": {"name": "Enum", "values": [{"key": "g", "label": "Gold"}, {"key": "s"}]}},
        {
            "name": "colours",
            "type": {
                "name": "Set",
                "elementType": {
                    "name": "LocalizedEnum",
                    "values": [
                        {"key": "r", "label": {"en": "Red", "de": "Rot"}},
                        {"key": "b", "label": {"en": "Blue", "de": "Blau"}},
                    ],
                },
            },
        },
        {"name": "note", "type": {"name": "String"}},
    ],
}
GROUP = {
    "id": "g1",
    "key": "gold",
    "name": "Gold customers",
    "parent": {"typeId": "customer-group", "id": "g0"},
}
FIELDS = {
    "tier": "g", "silver": "s", "colours": ["r", "b"], "points": 120, "ratio": 0.5, "vip": True, "note": "hi",
    "greeting": {"en-GB": "Hello", "de": "Hallo"}, "credit": money(1250), "none": None,
    "friend": {"typeId": "customer", "id": "c9"},
}  # fmt: skip
CUSTOMER = a_customer(
    key="k", customerGroup={"typeId": "customer-group", "id": "g1"},
    stores=[{"typeId": "store", "key": "de"}, {"typeId": "store", "key": "ch"}],
    addresses=[{"id": "a", "city": "Bonn"}, {"id": "b", "city": "Köln"}, {"id": "c"}],
    custom={"type": {"typeId": "type", "id": "t1"}, "fields": FIELDS},
)  # fmt: skip
ORDER = {
    "totalPrice": money(1000, "JPY", 0),
    "cart": {"typeId": "cart", "id": "k1", "obj": {"key": "basket", "origin": "Customer"}},
    "lineItems": [
        {
            "name": {"de": "Schuh", "en": "Shoe"},
            "variant": {
                "attributes": [
                    {"name": "size", "value": {"key": "l", "label": {"de": "Groß", "en": "Large"}}},
                    {"name": "tags", "value": ["warm", "dry"]},
                    {"name": "fit", "value": {"key": "slim", "label": "Slim"}},
                ]
            },
        }
    ],
}


class Shop:
    """Knows the group and the type."""

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return one."""
        return {("type", "t1"): TYPE, ("customer-group", "g1"): GROUP}.get((kind, id_))


def scope(locale: str = "de-AT", **roots: Any) -> Scope:
    """Return what expressions see of the customer and the order."""
    known = {Root.CUSTOMER: CUSTOMER, Root.LAST_ORDER: ORDER} | {
        Root(name): value for name, value in roots.items()
    }
    return Scope(roots=known, lookup=Shop(), locales=(locale, "en"), country="DE")


def at(path: str, *transforms: Any, locale: str = "de-AT", **roots: Any) -> Found:
    """Return what is found at a path."""
    rule = Expression(paths=(parse_path(path),), transforms=parse_transforms(transforms))
    return evaluate(rule, scope(locale, **roots))


def raise_key_error(scope: Scope) -> str:
    """Fail, as somebody's function may."""
    raise KeyError(scope.text("customer.email"))


def points_and_tier(scope: Scope) -> list[Any]:
    """Return values of several types."""
    return [scope.text("customer.custom.fields.tier"), Decimal("1.50"), 3, None, True]


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "values"),
        [
            ("customer.email", ("Ann@Example.org",)),
            ("customer.addresses[0].city", ("Bonn",)),
            ("customer.addresses[1].city", ("Köln",)),
            ("customer.addresses[last].id", ("c",)),
            ("customer.addresses[9].city", ()),
            ("customer.addresses.city", ("Bonn", "Köln")),
            ("customer.addresses[*].city", ("Bonn", "Köln")),
            ("customer.stores", ("de", "ch")),
            ("customer.stores[*].key", ("de", "ch")),
            ("customer.email[0]", ("Ann@Example.org",)),
            ("customer.customerGroup", ("g1",)),
            ("customer.customerGroup.id", ("g1",)),
            ("customer.customerGroup.key", ("gold",)),
            ("customer.customerGroup.name", ("Gold customers",)),
            ("customer.custom.type.key", ("customer-extra",)),
            ("customer.custom.fields.tier", ("g",)),
            ("customer.custom.fields.points", ("120",)),
            ("customer.custom.fields.ratio", ("0.5",)),
            ("customer.custom.fields.vip", ("true",)),
            ("customer.custom.fields.none", ()),
            ("customer.custom.fields.gone", ()),
            ("customer.custom.fields.colours", ("b", "r")),
            ("customer.custom.fields.colours[0]", ("b",)),
            ("customer.custom.fields.greeting", ("Hallo",)),
            ("customer.custom.fields.greeting.en-GB", ("Hello",)),
            ("customer.custom.fields.credit", ("12.50",)),
            ("customer.custom.fields.credit.currencyCode", ("EUR",)),
            ("last_order.totalPrice", ("1000",)),
            ("last_order.cart", ("basket",)),
            ("last_order.cart.origin", ("Customer",)),
            ("last_order.lineItems[0].name", ("Schuh",)),
            ("last_order.lineItems[*].variant.attributes.size", ("Groß",)),
            ("last_order.lineItems[*].variant.attributes.size.key", ("l",)),
            ("last_order.lineItems[*].variant.attributes.tags", ("dry", "warm")),
            ("last_order.lineItems[*].variant.attributes.fit", ("Slim",)),
            ("line.name", ()),
        ],
    )
    def test_each_kind_of_value(self, path: str, values: tuple[str, ...]):
        """A path shows what a person would call the value, in the person's language, and nothing where there is none."""
        assert at(path) == Found(values)

    @pytest.mark.parametrize(
        ("path", "remark"),
        [
            ("customer.customerGroup.parent.name", "customer-group g0 is not known"),
            ("customer.custom.fields.friend.email", "customer c9 is not known"),
            ("customer.custom", "customer.custom has no text of its own"),
        ],
    )
    def test_what_cannot_be_shown_is_told(self, path: str, remark: str):
        """A reference nobody knows and an object without a text are empty, with a remark."""
        assert at(path) == Found((), (remark,))

    @pytest.mark.parametrize(
        ("path", "labels"),
        [
            ("customer.custom.fields.tier", ("Gold",)),
            ("customer.custom.fields.colours", ("Blau", "Rot")),
            ("customer.custom.fields.colours[last]", ("Rot",)),
            ("last_order.lineItems[*].variant.attributes.fit", ("Slim",)),
        ],
    )
    def test_labels_of_enumerations(self, path: str, labels: tuple[str, ...]):
        """Custom fields hold keys alone, and the label comes from the definition of their type."""
        assert at(path, "label") == Found(labels)

    def test_a_key_without_a_label_stays(self):
        """An enumeration value without a label, and a field that its type no longer has, show the key."""
        assert at("customer.custom.fields.silver", "label") == Found(("s",), ("silver s has no label",))
        assert at("customer.custom.fields.points", "label").values == ("120",)

    def test_a_type_nobody_knows_leaves_the_key(self):
        """Without the type the key is shown, and a remark says so."""
        body = {"custom": {"type": {"typeId": "type", "id": "t9"}, "fields": {"tier": "g"}}}

        found = at("customer.custom.fields.tier", "label", customer=body)

        assert found == Found(("g",), ("type t9 is not known", "tier g has no label"))


def a_set(kind: str, **more: Any) -> dict[str, Any]:
    """Return the type of a set of values."""
    return {"name": "Set", "elementType": {"name": kind, **more}}


ENUM = {"values": [{"key": "g", "label": "Gold"}, {"key": "s", "label": "Silver"}]}
WORDS = {"values": [{"key": "r", "label": {"en": "Red", "de": "Rot"}}, {"key": "b", "label": {"de": "Blau"}}]}
PLACE = {"referenceTypeId": "customer-group"}
GOLD = {"typeId": "customer-group", "id": "g1"}


class TestCustomFields:
    @pytest.mark.parametrize(
        ("kind", "value", "rest", "then", "type_", "sent"),
        [
            ({"name": "Boolean"}, False, "", [], FieldType.TEXT, "false"),
            ({"name": "String"}, " a b ", "", [], FieldType.TEXT, "a b"),
            ({"name": "LocalizedString"}, {"en": "Hello", "de": "Hallo"}, "", [], FieldType.TEXT, "Hallo"),
            ({"name": "Number"}, 12.5, "", [], FieldType.NUMBER, "12.5"),
            ({"name": "Number"}, 1e21, "", [], FieldType.NUMBER, "1" + "0" * 21),
            ({"name": "Number"}, 5, "", [], FieldType.NUMBER, "5"),
            ({"name": "Money"}, money(1250), "", [], FieldType.NUMBER, "12.50"),
            ({"name": "Money"}, money(1234, "KWD", 3), "", [], FieldType.NUMBER, "1.234"),
            ({"name": "Money"}, money(-500, "JPY", 0), "", [], FieldType.NUMBER, "-500"),
            ({"name": "Money"}, money(990, "HUF0", 0), ".currencyCode", [], FieldType.TEXT, "HUF0"),
            ({"name": "Date"}, "2026-02-28", "", [], FieldType.DATE, "2026-02-28"),
            ({"name": "Date"}, "2026-02-28", "", [], FieldType.DATETIME, "2026-02-28T00:00:00+00:00"),
            ({"name": "Time"}, "10:30:00.000", "", [], FieldType.TEXT, "10:30:00.000"),
            ({"name": "Time"}, "10:30:00.000", "", [], FieldType.DATETIME, ""),
            ({"name": "DateTime"}, "2026-02-28T23:30:00.000Z", "", [], FieldType.DATETIME, "2026-02-28T23:30:00+00:00"),
            ({"name": "DateTime"}, "2026-02-28T23:30:00.000Z", "", [], FieldType.DATE, "2026-02-28"),
            ({"name": "DateTime"}, "2026-02-28T23:30:00.000Z", "", [{"date": "Europe/Berlin"}], FieldType.DATE, "2026-03-01"),
            ({"name": "Enum", **ENUM}, "g", "", [], FieldType.TEXT, "g"),
            ({"name": "Enum", **ENUM}, "g", "", ["label"], FieldType.DROPDOWN, "Gold"),
            ({"name": "LocalizedEnum", **WORDS}, "r", "", ["label"], FieldType.RADIO, "Rot"),
            ({"name": "Reference", **PLACE}, GOLD, "", [], FieldType.TEXT, "g1"),
            ({"name": "Reference", **PLACE}, GOLD, ".name", [], FieldType.TEXT, "Gold customers"),
            (a_set("Boolean"), [True, False], "", [], FieldType.TEXT, "false, true"),
            (a_set("String"), ["b", "a"], "", [], FieldType.LISTBOX, "||a||b||"),
            (a_set("LocalizedString"), [{"de": "Ja"}, {"de": "Ach"}], "", [], FieldType.LISTBOX, "||Ach||Ja||"),
            (a_set("Number"), [2, 1.5], "", [{"join": " / "}], FieldType.TEXT, "1.5 / 2"),
            (a_set("Money"), [money(200), money(100)], "", [], FieldType.TEXT, "1.00, 2.00"),
            (a_set("Date"), ["2026-02-02", "2026-01-01"], "", ["first"], FieldType.DATE, "2026-01-01"),
            (a_set("Time"), ["12:00:00.000", "09:00:00.000"], "", [], FieldType.TEXT, "09:00:00.000, 12:00:00.000"),
            (a_set("DateTime"), ["2026-02-02T00:00:00Z"], "", [], FieldType.DATETIME, "2026-02-02T00:00:00+00:00"),
            (a_set("Enum", **ENUM), ["s", "g"], "", ["label"], FieldType.CHECKBOX, "||Gold||Silver||"),
            (a_set("LocalizedEnum", **WORDS), ["r", "b"], "", ["label", "sort"], FieldType.LISTBOX, "||Blau||Rot||"),
            (a_set("Reference", **PLACE), [GOLD, GOLD], ".name", ["unique"], FieldType.TEXT, "Gold customers"),
            (a_set("String"), [], "", [], FieldType.LISTBOX, ""),
        ],
    )  # fmt: skip
    def test_each_type_in_its_wire_form(
        self, *, kind: Any, value: Any, rest: str, then: list[Any], type_: FieldType, sent: str
    ):
        """A custom field of every type that the vendor has is sent as its contact field holds it, sets in any order too."""
        type_of = {"id": "t7", "fieldDefinitions": [{"name": "it", "type": kind}]}
        custom_type = {"typeId": "type", "id": "t7", "obj": type_of}
        for held in (value, value[::-1] if isinstance(value, list) else value):
            found = at(
                f"customer.custom.fields.it{rest}", *then,
                customer={"custom": {"type": custom_type, "fields": {"it": held}}},
            )  # fmt: skip

            assert wire_value(type_, found.values, options=(), zone=UTC).text == sent

    def test_a_field_that_its_type_lost_is_shown_or_empty(self):
        """A value that is left behind shows, without a label; one that is gone as well clears its field."""
        custom_type = {"typeId": "type", "id": "t7", "obj": {"id": "t7", "fieldDefinitions": []}}
        left = {"custom": {"type": custom_type, "fields": {"it": "g"}}}
        gone = {"custom": {"type": custom_type, "fields": {}}}

        assert at("customer.custom.fields.it", "label", customer=left) == Found(
            ("g",), ("it g has no label",)
        )
        assert at("customer.custom.fields.it", "label", customer=gone) == Found(())


class TestExpressions:
    def test_the_first_path_that_is_not_empty(self):
        """Paths are tried in order, and a blank is nothing."""
        rule = Expression(
            paths=(parse_path("address.city"), parse_path("customer.key"), parse_path("customer.email"))
        )

        assert evaluate(rule, scope(address={"city": "  "})).values == ("k",)

    @pytest.mark.parametrize(
        ("template", "values"),
        [
            ("tier {customer.custom.fields.tier}", ("tier g",)),
            ("{customer.stores[*].key}-{customer.key}", ("de-k", "ch-k")),
            ("tier {customer.custom.fields.gone}", ()),
            ("plain", ("plain",)),
        ],
    )
    def test_a_template_is_whole_or_nothing(self, template: str, values: tuple[str, ...]):
        """A template is empty where a part is, and several where a part is."""
        assert evaluate(Expression(template=parse_template(template)), scope()).values == values

    def test_a_template_does_not_grow_without_end(self):
        """Parts with many values give no more than a thousand combinations, and a remark."""
        many = {"many": [str(n) for n in range(500)]}
        rule = Expression(template=parse_template("{address.many}{address.many}{address.many}"))

        found = evaluate(rule, scope(address=many))

        assert (len(found.values), found.remarks) == (1000, ("more than 1000 values",))

    def test_a_constant_is_itself(self):
        """A constant is transformed like anything else."""
        rule = Expression(constant="Shop", transforms=parse_transforms(["upper"]))

        assert evaluate(rule, scope()).values == ("SHOP",)

    def test_a_function_sees_what_paths_see(self):
        """A function is called with the scope, and what it returns is shown like any value."""
        rule = Expression(function=f"{__name__}:points_and_tier")

        assert evaluate(rule, scope()) == Found(("g", "1.50", "3", "true"))

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            (f"{__name__}:raise_key_error", "KeyError"),
            (f"{__name__}:nothing_here", "AttributeError"),
            ("nowhere.at_all:x", "ModuleNotFoundError"),
        ],
    )
    def test_a_function_that_raises_is_empty(self, name: str, error: str):
        """Somebody's function may fail: the value is empty, and the remark names the error without its message."""
        assert evaluate(Expression(function=name), scope()) == Found((), (f"{name} raised {error}",))


class TestPick:
    TEXTS = {"en-GB": "Trousers", "de": "Hose", "en-US": "Pants", "fr": "", "nl": None}

    @pytest.mark.parametrize(
        ("locales", "text"),
        [
            (("en-US",), "Pants"),
            (("EN-gb",), "Trousers"),
            (("en",), "Trousers"),
            (("de-CH",), "Hose"),
            (("fr", "en-US"), "Pants"),
            (("it", "nl", "de"), "Hose"),
            (("it",), "Hose"),
            ((), "Hose"),
        ],
    )
    def test_exact_then_language_then_the_next_locale_then_the_first(
        self, locales: tuple[str, ...], text: str
    ):
        """The exact tag goes before its language, that before the next locale, and the first tag stands in for all."""
        assert pick(self.TEXTS, locales) == text
        assert pick(dict(reversed(self.TEXTS.items())), locales) == text


class TestAmount:
    @pytest.mark.parametrize(
        ("value", "amount"),
        [
            (money(5480), "54.80"),
            (money(-1), "-0.01"),
            (money(100, "JPY", 0), "100"),
            (money(1, "EUR", 7, type="highPrecision", preciseAmount=123456), "0.0123456"),
            (money(1, digits=None), "0.01"),
            (money(1, "JPY", digits=None), "1"),
            (money(1, digits=None, type="highPrecision", preciseAmount=1), None),
            (money(True), None),
            (money(1, digits=21), None),
            (money(2**63), None),
            ({}, None),
        ],
    )
    def test_money_is_exact(self, value: Any, amount: str | None):
        """A precise amount counts its own digits, and what is no money is no amount."""
        assert amount_of(value) == (None if amount is None else Decimal(amount))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["typeId", "id", "key", "label", "obj", "fields", "type", "de", "name", "value", "centAmount"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
STEPS = st.lists(
    st.sampled_from(["id", "key", "fields", "type", "name", "value", "de", "*", 0, -1, 2]),
    min_size=1,
    max_size=5,
)


class TestTotal:
    @given(body=JSON, steps=STEPS, is_labelled=st.booleans())
    def test_every_path_through_every_body(self, *, body: Any, steps: list[Any], is_labelled: bool):
        """No path raises on any body, with or without labels, and twice the same is found."""
        path = parse_path(
            "customer"
            + "".join(f"[{s}]" if s in {"*", 0, 2} else "[last]" if s == -1 else f".{s}" for s in steps)
        )
        rule = Expression(paths=(path,), transforms=parse_transforms(["label"] if is_labelled else []))

        found = evaluate(rule, scope(customer=body))

        assert found == evaluate(rule, scope(customer=body))
        assert all(text.strip() for text in found.values)

    def test_lists_without_end_are_nothing(self):
        """Lists nested deeper than the vendor nests them are not followed."""
        deep: Any = ["x"]
        for _ in range(100_000):
            deep = [deep]

        assert at("customer.a", customer={"a": deep}).values == ()
        assert at("customer.custom.fields.a", customer={"custom": {"fields": {"a": deep}}}).values == ()
