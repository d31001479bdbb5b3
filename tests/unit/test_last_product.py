"""What a contact says of the product its person bought last."""

from collections.abc import Mapping
from typing import Any

from ct_ac_sync.configuration.expression import Expression, parse_path
from ct_ac_sync.configuration.values import Configuration, FieldRule, ProductsConfig
from ct_ac_sync.mapping.profile import Person, SourceRecord, needs_orders, to_profile
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.test_profile import SOURCE, STANDARD
from tests.unit.wire import a_customer, an_order

SHOE = {
    "id": "p1",
    "version": 1,
    "name": {"en": "Shoe", "de": "Schuh"},
    "categories": [{"typeId": "category", "id": "boots"}],
    "masterVariant": {
        "id": 1,
        "sku": "S-1",
        "attributes": [
            {"name": "brand", "value": "Acme"},
            {"name": "colour", "value": {"key": "r", "label": "Red"}},
        ],
    },
}
WOMEN = {"id": "women", "version": 1, "name": {"en": "Women"}, "ancestors": []}
BOOTS = {
    "id": "boots",
    "version": 1,
    "name": {"en": "Boots"},
    "ancestors": [{"typeId": "category", "id": "women"}],
}
KNOWN = {("product", "p1"): SHOE, ("category", "boots"): BOOTS, ("category", "women"): WOMEN}
FIELDS = {
    "CATEGORY": "last_product.category",
    "BRAND": "last_product.brand",
    "COLOUR": "last_product.attributes.colour",
    "BOUGHT": "last_product.name",
}
CONFIGURATION = Configuration(
    sources=(SOURCE,),
    destinations=(),
    routes=(),
    profile=STANDARD,
    fields=tuple(
        FieldRule(perstag=tag, title=tag, value=Expression(paths=(parse_path(path),)))
        for tag, path in FIELDS.items()
    ),
    products=ProductsConfig(brand="brand"),
)


class Shop:
    """Knows some products and categories, and notes what it was asked for."""

    def __init__(self, known: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        self._known = known
        self.asked: set[tuple[str, str]] = set()

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return what is known."""
        self.asked.add((kind, id_))
        return self._known.get((kind, id_))


def fields_of(
    shop: Shop, order: Mapping[str, Any] | None, config: Configuration = CONFIGURATION
) -> dict[str, str]:
    """Return the fields of a customer whose newest order is *order*."""
    read = parse_record(Stream.CUSTOMERS, a_customer())
    assert isinstance(read, Readable)
    person = Person(customers=(SourceRecord("shop-prod", read.value, read.body),), last_order=order)
    made = to_profile(person, config=config, route=None, lookup=shop)
    assert made is not None
    return dict(made.contact.fields)


def test_a_field_tells_what_was_bought_last():
    """Category from root to leaf, brand, attributes and name of the newest order's first product are at hand."""
    order = an_order(locale="en") | {
        "lineItems": [{"productId": "p1", "name": {"en": "Shoe"}, "variant": {"id": 1, "sku": "S-1"}}]
    }

    assert fields_of(Shop(KNOWN), order) == {
        "CATEGORY": "Women > Boots", "BRAND": "Acme", "COLOUR": "Red", "BOUGHT": "Shoe",
    }  # fmt: skip


def test_a_product_that_is_gone_leaves_what_the_order_says():
    """A deleted product empties what only it could tell, and stops nothing."""
    order = {"lineItems": [{"productId": "p1", "name": {"en": "Shoe"}, "variant": None}]}

    found = fields_of(Shop({}), order)

    assert (found["CATEGORY"], found["BRAND"], found["BOUGHT"]) == ("", "", "Shoe")
    assert set(fields_of(Shop({}), None).values()) == {""}
    assert set(fields_of(Shop({}), {"lineItems": "odd"}).values()) == {""}


def test_who_does_not_ask_for_it_fetches_no_product():
    """Without such a field no product is looked up; with one, contacts change with their orders."""
    shop = Shop(KNOWN)
    bare = Configuration(sources=(SOURCE,), destinations=(), routes=(), profile=STANDARD, fields=())

    fields_of(shop, an_order(), bare)

    assert not {kind for kind, _ in shop.asked} & {"product", "category"}
    assert needs_orders(CONFIGURATION)
    assert not needs_orders(bare)
