"""
What a configuration asks of its sources: kinds of resources that must be readable, and
names that must be there.

Read from the rules alone, so that it is known before the first record comes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ct_ac_sync.configuration.expression import SUMS, Expression, Path, Root
from ct_ac_sync.configuration.places import KeyPath
from ct_ac_sync.configuration.values import (
    DEFAULT_STATUSES,
    Condition,
    Configuration,
    ConsentPlace,
    EventRule,
    OrdersConfig,
    ProductsConfig,
    WriteBackConfig,
)
from ct_ac_sync.domain.event import EventKind
from ct_ac_sync.mapping.happening import OF_LISTED, OF_PRODUCTS, expressions_of, paths_of
from ct_ac_sync.mapping.status import NONE

#: What is lost where something may not be read, and nothing else is.
UNHELD_FIELDS = "custom fields cannot be held against their types"
UNHELD_ATTRIBUTES = "attributes cannot be held against the product types"
UNHELD_SETTINGS = "languages and currencies cannot be held against the project's"
NO_REFUNDS = "refunds are not seen, so refunded orders keep their amount and their status"
NO_CODES = "discounts do not name their codes"
NO_PRODUCTS = "lines go without what is known of their products"
NO_CATEGORIES = "lines go without their categories"

#: Sums of which payments are a part.
OF_PAYMENTS = frozenset({"total", "average", "refunded"})

#: What conditions name, by their key.
OF_CONDITION: Mapping[str, str] = {
    "store": "store",
    "channel": "channel",
    "group": "customer-group",
    "currency": "currency",
}
#: Steps that stand for a reference, and what it leads to.
REFERENCES: Mapping[str, str] = {
    "ancestors": "category",
    "categories": "category",
    "category": "category",
    "customerGroup": "customer-group",
    "discountCode": "discount-code",
    "distributionChannel": "channel",
    "parent": "category",
    "payments": "payment",
    "productType": "product-type",
    "state": "state",
    "store": "store",
    "stores": "store",
    "supplyChannel": "channel",
    "type": "type",
}
#: What the types are for whose fields conditions name.
OF_CUSTOM = ("customer", "order")
#: What a reference says itself; those to stores have a key in place of an id.
OF_REFERENCE = frozenset({"typeId", "id"})
#: Steps and roots whose custom fields a type describes, and what such a type is for.
OWNERS: Mapping[str, str] = {
    "address": "address",
    "addresses": "address",
    "billing": "address",
    "billingAddress": "address",
    "cart": "order",
    "customLineItems": "custom-line-item",
    "customer": "customer",
    "customerGroup": "customer-group",
    "distributionChannel": "channel",
    "last_order": "order",
    "lineItems": "line-item",
    "order": "order",
    "payments": "payment",
    "shipping": "address",
    "shippingAddress": "address",
    "shopping_list": "shopping-list",
    "store": "store",
    "stores": "store",
    "supplyChannel": "channel",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    Something that a configuration asks of its sources.

    Attributes:
        kind: What must be readable: a ``typeId``, "language" or "currency".
        place: Where the file asks for it.
        sources: Names of those that are asked, of which one may answer; empty for all.
        name: What must be there; empty where reading is all.
        of: Of a custom field: what its type is for.
        lost: What is lost where it may not be read; empty where records would be mapped wrongly.
    """

    kind: str
    place: KeyPath
    sources: tuple[str, ...] = ()
    name: str = ""
    of: tuple[str, ...] = ()
    lost: str = ""


def asks(configuration: Configuration) -> Iterator[Ask]:
    """Give all that *configuration* asks of its sources, by its place in the file."""
    for number, route in enumerate(configuration.routes):
        yield from _of_condition(("routes", number, "when"), route.when)
    for name in configuration.profile.locales:
        yield Ask(kind="language", place=("profile", "locales"), name=name, lost=UNHELD_SETTINGS)
    for place, expression in expressions_in(configuration):
        yield from _of_expression(place, expression)
    for number, rule in enumerate(configuration.tags.rules):
        yield from _of_condition(("tags", "rules", number, "when"), rule.when)
    for number, event in enumerate(configuration.events):
        of_lists = ("shopping-list",) if EventKind.LIST_ITEM_ADDED in event.on else ()
        yield from _of_condition(("events", number, "when"), event.when, of=(*OF_CUSTOM, *of_lists))
        yield from _of_told(("events", number), event)
    for consent in configuration.consent:
        yield from _of_write_back(("consent", consent.channel, "write_back"), consent.write_back)
    yield from _of_orders(configuration.orders)
    yield from _of_products(configuration.products)


def expressions_in(configuration: Configuration) -> Iterator[tuple[KeyPath, Expression]]:
    """Give the expressions of *configuration* with their places."""
    for name in ("first_name", "last_name", "phone"):
        yield ("profile", name), getattr(configuration.profile, name)
    yield from ((("fields", number), rule.value) for number, rule in enumerate(configuration.fields))
    for number, rule in enumerate(configuration.tags.rules):
        yield ("tags", "rules", number, "name"), rule.name
    for number, event in enumerate(configuration.events):
        yield from _of_event(("events", number), event)
    for consent in configuration.consent:
        yield from _of_consent(("consent", consent.channel, "read"), consent.places)
    pages = {
        "orders": configuration.orders.url,
        "products": configuration.products.url,
        "carts": configuration.carts.url,
    }
    yield from (((table, "url"), url) for table, url in pages.items() if url is not None)


def _of_event(place: KeyPath, event: EventRule) -> Iterator[tuple[KeyPath, Expression]]:
    if event.tracking is not None:
        yield (*place, "tracking", "value"), event.tracking.value
    for number, tag in enumerate(event.tags):
        yield (*place, "tags", number, "name"), tag.name
    yield from (((*place, "fields", each.perstag), each.value) for each in event.fields)


def _of_consent(place: KeyPath, places: Sequence[ConsentPlace]) -> Iterator[tuple[KeyPath, Expression]]:
    for number, each in enumerate(places):
        said = (("value", each.value), ("time", each.time), ("person", each.person))
        yield from (((*place, number, key), value) for key, value in said if value is not None)
        yield from (((*place, number, "details", name), value) for name, value in each.details)


def _of_told(place: KeyPath, event: EventRule) -> Iterator[Ask]:
    """Give what a rule needs that tells of products; lines of lists say less of them than others."""
    paths = [path for each in expressions_of(event) for path in paths_of(each) if path.root is Root.EVENT]
    names = {path.steps[0] for path in paths}
    if names & (OF_PRODUCTS | (OF_LISTED if EventKind.LIST_ITEM_ADDED in event.on else frozenset())):
        yield Ask(kind="product", place=place, lost=NO_PRODUCTS)
    if "categories" in names:
        yield Ask(kind="category", place=place, lost=NO_CATEGORIES)


def _of_condition(place: KeyPath, when: Condition, *, of: tuple[str, ...] = OF_CUSTOM) -> Iterator[Ask]:
    for key, kind in OF_CONDITION.items():
        lost = UNHELD_SETTINGS if kind == "currency" else ""
        for name in getattr(when, key):
            yield Ask(kind=kind, place=(*place, key), sources=when.source, name=name, lost=lost)
    if when.channel:
        yield Ask(kind="store", place=(*place, "channel"), sources=when.source)
    for name, _ in when.custom:
        yield Ask(
            kind="type", place=(*place, "custom"), sources=when.source, name=name,
            of=of, lost=UNHELD_FIELDS,
        )  # fmt: skip


def _of_expression(place: KeyPath, expression: Expression) -> Iterator[Ask]:
    is_labelled = any(each.word == "label" for each in expression.transforms)
    for path in (*expression.paths, *(part for part in expression.template if isinstance(part, Path))):
        yield from (Ask(kind=kind, place=place) for kind in followed(path))
        if (field := custom_field(path)) is not None:
            name, owner = field
            yield Ask(kind="type", place=place, name=name, of=(owner,), lost=UNHELD_FIELDS)
            if is_labelled:
                yield Ask(kind="type", place=place)
        if path.root is Root.ORDERS and path.steps[0] in SUMS:
            if path.steps[0] in OF_PAYMENTS:
                yield Ask(kind="payment", place=place)
            for currency in path.steps[1:]:
                yield Ask(kind="currency", place=place, name=str(currency), lost=UNHELD_SETTINGS)


def followed(path: Path) -> Iterator[str]:
    """Give the kinds that *path* leads into: what a reference says itself is there without reading it."""
    for name, after in pairwise(_names(path)):
        kind = REFERENCES.get(name)
        if kind and after not in OF_REFERENCE and not (kind == "store" and after == "key"):
            yield kind


def custom_field(path: Path) -> tuple[str, str] | None:
    """Return the name of the custom field that *path* leads to, and what its type is for; None for none."""
    names = _names(path)
    for owner, *rest in zip(names, names[1:], names[2:], names[3:], strict=False):
        if rest[:2] == ["custom", "fields"] and owner in OWNERS:
            return rest[2], OWNERS[owner]
    return None


def _names(path: Path) -> list[str]:
    return [str(path.root), *(each for each in path.steps if isinstance(each, str) and each != "*")]


def _of_write_back(place: KeyPath, back: WriteBackConfig | None) -> Iterator[Ask]:
    """Give the custom fields that are written to."""
    for key, name in fields_of(back):
        yield Ask(kind="type", place=(*place, key), name=name, of=("customer",), lost=UNHELD_FIELDS)


def fields_of(back: WriteBackConfig | None) -> Iterator[tuple[str, str]]:
    """Give the custom fields that are written to, with the keys that name them."""
    if back is not None:
        named = (("value", back.field), ("time", back.time), ("source", back.source))
        yield from ((key, name) for key, name in named if name is not None)


def _of_orders(orders: OrdersConfig) -> Iterator[Ask]:
    """Give what orders are read with; rules of one's own must be able to hold, the usual ones may not."""
    yield Ask(kind="payment", place=("orders",), lost=NO_REFUNDS)
    yield Ask(kind="discount-code", place=("orders",), lost=NO_CODES)
    if orders.historical_when is not None:
        yield from _of_condition(("orders", "historical_when"), orders.historical_when)
    for number, rule in enumerate(orders.statuses):
        place = ("orders", "statuses", number)
        if rule.refunded and rule not in DEFAULT_STATUSES:
            yield Ask(kind="payment", place=(*place, "refunded"))
        for name in rule.workflow:
            yield Ask(kind="state", place=(*place, "workflow"), name="" if name == NONE else name)


def _of_products(products: ProductsConfig) -> Iterator[Ask]:
    if products == ProductsConfig():
        return
    yield Ask(kind="product", place=("products",), lost=NO_PRODUCTS)
    yield Ask(kind="category", place=("products",), lost=NO_CATEGORIES)
    named = (("brand", (products.brand,) if products.brand else ()), ("attributes", products.attributes))
    for key, names in named:
        for name in names:
            yield Ask(kind="product-type", place=("products", key), name=name, lost=UNHELD_ATTRIBUTES)
