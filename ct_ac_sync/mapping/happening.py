"""
Events in the words of their records: what rules and expressions see of one.

An event names lines, a parcel or a payment by ids; the order, cart, shopping list or customer
that it is about says the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from ct_ac_sync.configuration.expression import Expression, Path, Root
from ct_ac_sync.configuration.values import Configuration, EventRule, Route
from ct_ac_sync.domain.event import Event, EventItem, EventKind
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.mapping.evaluate import Lookup, Nowhere, Scope, evaluate, mappings_in
from ct_ac_sync.mapping.product import to_context, variant_of
from ct_ac_sync.mapping.routes import RouteFacts, facts_of_customer, facts_of_order
from ct_ac_sync.mapping.texts import instant, plain, texts_of

#: Which root an event's record is, by the stream it is of.
ROOT_OF: Mapping[str, Root] = {
    "customers": Root.CUSTOMER, "carts": Root.CART, "shopping_lists": Root.SHOPPING_LIST, "orders": Root.ORDER,
}  # fmt: skip
#: Names below ``event`` that only products tell.
OF_PRODUCTS = frozenset({"categories", "brands", "image_url", "url"})
#: Names below ``event`` that lines of carts and orders say themselves, and those of lists do not.
OF_LISTED = frozenset({"items", "products", "skus"})
#: Names below ``event`` that the event itself holds as texts.
DETAILS = (
    "carrier",
    "channel",
    "delivery",
    "item",
    "method",
    "parcel",
    "payment",
    "product",
    "state",
    "tracking",
    "transaction",
    "variant",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """
    An event with the records that it is told by.

    Attributes:
        source: The key of its project.
        body: Of the order, cart, shopping list or customer it is about, as the source sends it.
        customer: The body of the customer of that order, cart or list; None of a guest's.
    """

    event: Event
    source: str
    body: Mapping[str, Any] = field(repr=False)
    customer: Mapping[str, Any] | None = field(default=None, repr=False)


def facts_of_happening(happening: Happening, lookup: Lookup) -> RouteFacts:
    """Return what conditions ask for of an event: of its order, of its cart or list as of an order, or of its customer."""
    if happening.event.stream == "customers":
        return facts_of_customer(happening.source, happening.body, lookup=lookup)
    return facts_of_order(happening.source, happening.body, happening.customer, lookup=lookup)


def scope_of(happening: Happening, *, config: Configuration, route: Route | None, lookup: Lookup) -> Scope:
    """
    Return what expressions of `[[events]]` and `[carts]` see of an event.

    Products are looked up only where a rule for this kind of event asks for something they tell.

    Args:
        route: The one its person came by.
    """
    body = happening.body
    customer = happening.customer or {}
    languages = (body.get("locale"), customer.get("locale"), *config.profile.locales)
    locales = tuple(each for each in languages if isinstance(each, str) and each)
    roots: dict[Root, Any] = {
        Root.CUSTOMER: customer,
        Root.ROUTE: {"name": route.name, "tag_prefix": route.tag_prefix} if route else {},
    }
    if happening.event.stream in ROOT_OF:
        roots[ROOT_OF[happening.event.stream]] = body
    lines, products = _lines(happening), tuple[ProductContext, ...]()
    if _asks_products(config, happening):
        lines = [_completed(line, lookup) for line in lines] if _is_listed(happening) else lines
        products = _products(lines, happening, locales, config, lookup)
    roots[Root.EVENT] = _event(happening, lines, locales, products)
    return Scope(
        roots=roots,
        lookup=lookup,
        locales=locales,
        country=facts_of_happening(happening, Nowhere()).country or None,
    )


def page_of_cart(scope: Scope, config: Configuration) -> str:
    """Return the address at which the buyer finds a cart again; empty where nobody says how it is made."""
    return next(iter(evaluate(config.carts.url, scope).values), "") if config.carts.url else ""


# -- the event ------------------------------------------------------------------------


def _event(
    happening: Happening,
    lines: Sequence[Mapping[str, Any]],
    locales: Sequence[str],
    products: Sequence[ProductContext],
) -> Mapping[str, Any]:
    """Return an event, which is about *lines*, as paths see it below ``event``."""
    event = happening.event
    details = dict(event.details)
    return {
        "kind": event.kind.value,
        "key": event.key,
        "at": instant(event.happened_at),
        "month": f"{event.happened_at.astimezone(UTC):%Y-%m}",
        "amount": _major(event.amount),
        "net": _major(event.net),
        "currency": next((each.iso_currency for each in (event.amount, event.net) if each), ""),
        "items": _names(lines, locales),
        "products": _names([line for line in lines if line.get("productId")], locales),
        "quantity": str(_quantity(event, lines)) if lines else "",
        "skus": _unique(text for line in lines for text in texts_of(_variant(line).get("sku"))),
        "categories": _unique(path for each in products for path in each.categories),
        "brands": _unique(each.brand for each in products),
        "image_url": _image(lines) or next((each.image_url for each in products[:1]), ""),
        "url": next((each.url for each in products[:1]), ""),
        "origin": happening.body.get("origin"),
        **{name: details.get(name, "") for name in DETAILS},
    }


def _major(money: Money | None) -> str:
    return plain(money.major) if money else ""


def _names(lines: Sequence[Mapping[str, Any]], locales: Sequence[str]) -> tuple[str, ...]:
    return _unique(text for line in lines for text in texts_of(line.get("name"), locales)[:1])


def _unique(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, texts)))


# -- its lines ------------------------------------------------------------------------


def _lines(happening: Happening) -> list[Mapping[str, Any]]:
    """Return the lines that an event is about, in its order: those it names, else all of its record."""
    body = happening.body
    lines = [*mappings_in(body.get("lineItems")), *mappings_in(body.get("customLineItems"))]
    if not happening.event.items:
        return lines
    by_id = {str(line.get("id")): line for line in lines}
    told = [by_id.get(item.line) or _taken_off(happening, item) for item in happening.event.items]
    return [line for line in told if line]


def _is_listed(happening: Happening) -> bool:
    return happening.event.stream == "shopping_lists"


def _taken_off(happening: Happening, item: EventItem) -> Mapping[str, Any]:
    """Return a line that is on its list no more, as far as its event keeps it; nothing of other lines."""
    kept = dict(happening.event.details)
    if not _is_listed(happening) or "product" not in kept:
        return {}
    return {"id": item.line, "productId": kept["product"], "variantId": kept.get("variant")}


def _completed(line: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any]:
    """Return a line of a list, which names product and variant, with the name and variant of its product."""
    product = lookup.get("product", str(line.get("productId"))) or {}
    variant = variant_of(product, variant_id=str(line.get("variantId") or "") or None)
    return {"name": product.get("name"), **line} | ({"variant": variant} if variant else {})


def _quantity(event: Event, lines: Sequence[Mapping[str, Any]]) -> int:
    if event.items:
        return sum(item.quantity for item in event.items)
    return sum(each for line in lines if type(each := line.get("quantity")) is int)


def _variant(line: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(mappings_in([line.get("variant")])), {})


def _image(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the address of the picture that the first line itself shows."""
    images = (mappings_in(_variant(line).get("images")) for line in lines[:1])
    return next((url for each in images for image in each[:1] for url in texts_of(image.get("url"))), "")


def _products(
    lines: Sequence[Mapping[str, Any]],
    happening: Happening,
    locales: Sequence[str],
    config: Configuration,
    lookup: Lookup,
) -> tuple[ProductContext, ...]:
    """Return what is known of the product of each line that has one, the first line's first."""
    found = []
    for line in lines:
        id_, variant = line.get("productId"), _variant(line)
        if isinstance(id_, str):
            context = to_context(
                lookup.get("product", id_),
                sku=next(iter(texts_of(variant.get("sku"))), None),
                variant_id=str(variant.get("id") or line.get("variantId") or "") or None,
                locale=next(iter(locales), None),
                fallbacks=locales[1:],
                config=config.products,
                lookup=lookup,
                roots={Root.ORDER: happening.body},
            )
            found.append(context)
    return tuple(found)


def _asks_products(config: Configuration, happening: Happening) -> bool:
    """Whether anything that is evaluated for this kind of event may be made of products; a function may."""
    mine = [rule for rule in config.events if happening.event.kind in rule.on]
    expressions = [each for rule in mine for each in expressions_of(rule)]
    if config.carts.url is not None and happening.event.kind is EventKind.CART_ABANDONED:
        expressions.append(config.carts.url)
    names = OF_PRODUCTS | OF_LISTED if _is_listed(happening) else OF_PRODUCTS
    return any(
        each.function is not None
        or any(path.root is Root.EVENT and path.steps[0] in names for path in paths_of(each))
        for each in expressions
    )


def expressions_of(rule: EventRule) -> Iterator[Expression]:
    """Give all that a rule of events evaluates."""
    if rule.tracking:
        yield rule.tracking.value
    yield from (tag.name for tag in rule.tags)
    yield from (each.value for each in rule.fields)


def paths_of(expression: Expression) -> Iterator[Path]:
    """Give the paths of an expression, those in its template too."""
    yield from expression.paths
    yield from (part for part in expression.template if isinstance(part, Path))
