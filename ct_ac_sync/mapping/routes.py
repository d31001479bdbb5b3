"""
Which route a record takes: of all, in their order, the first whose condition holds.

Why the others did not is told with it, part by part, because "nothing arrived" is the
question that people ask.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ct_ac_sync.configuration.values import Condition, Place, Route, SourceConfig
from ct_ac_sync.mapping.evaluate import Lookup, Nowhere, mappings_in, resource_of
from ct_ac_sync.mapping.places import address_of_customer, address_of_order
from ct_ac_sync.mapping.texts import currency_of, texts_of

#: Whose country is that of a customer, and of an order that names none.
CUSTOMER_ROLES = (Place.BILLING, Place.SHIPPING, Place.FIRST)
ORDER_ROLES = (Place.SHIPPING, Place.BILLING)
#: Who made an order or a cart that does not say so (vendor documentation, CartOrigin).
DEFAULT_ORIGIN = "Customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFacts:
    """
    What of a record routes ask for.

    Attributes:
        source: The key of its project.
        stores, channels, groups: Ids and, as far as they are known, keys.
        country, currency, locale, origin: Empty where it has none.
        custom: Values of custom fields by name, as the source holds them.
    """

    source: str
    stores: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    locale: str = ""
    country: str = ""
    currency: str = ""
    origin: str = ""
    groups: tuple[str, ...] = ()
    custom: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """
    Where a record goes.

    Attributes:
        route: None where no condition holds.
        refused: Routes that were asked before, by name, and why their condition does not hold.
    """

    route: Route | None
    refused: tuple[tuple[str, str], ...] = ()


def choose(routes: Sequence[Route], facts: RouteFacts, sources: Sequence[SourceConfig]) -> Choice:
    """Return the first route whose condition holds, and why those before it do not."""
    refused: list[tuple[str, str]] = []
    for route in routes:
        why = why_not(route.when, facts, sources)
        if not why:
            return Choice(route=route, refused=tuple(refused))
        refused.append((route.name, why))
    return Choice(route=None, refused=tuple(refused))


def why_not(when: Condition, facts: RouteFacts, sources: Sequence[SourceConfig]) -> str:
    """Return which parts of a condition do not hold, such as "store is fr, not de or ch"; else nothing."""
    return "; ".join(
        f"{part.name} is {', '.join(part.have) or 'none'}, not {_one_of(part.wanted)}"
        for part in _parts(when, facts, sources)
        if part.wanted and not part.holds
    )


class _Part(NamedTuple):
    """A part of a condition: its values, those that a record has, and whether one is both."""

    name: str
    wanted: Sequence[str]
    have: Sequence[str]
    holds: bool


def _parts(when: Condition, facts: RouteFacts, sources: Sequence[SourceConfig]) -> Iterator[_Part]:
    names = tuple(each.name for each in sources if each.project == facts.source)
    yield _exact("source", when.source, names or (facts.source,))
    yield _exact("store", when.store, facts.stores)
    yield _exact("channel", when.channel, facts.channels)
    yield _folded("locale", when.locale, facts.locale, _tags(facts.locale))
    yield _folded("country", when.country, facts.country, [facts.country])
    yield _folded("currency", when.currency, facts.currency, [facts.currency])
    yield _exact("origin", when.origin, tuple(filter(None, [facts.origin])))
    yield _exact("group", when.group, facts.groups)
    for name, wanted in when.custom:
        yield _exact(f"custom.{name}", wanted, facts.custom.get(name, ()))


def _exact(name: str, wanted: Sequence[str], have: Sequence[str]) -> _Part:
    return _Part(name, wanted, have, bool(set(wanted) & set(have)))


def _folded(name: str, wanted: Sequence[str], have: str, fitting: Sequence[str]) -> _Part:
    """Return a part whose values mean the same in upper and in lower case."""
    both = set(map(str.lower, wanted)) & set(map(str.lower, filter(None, fitting)))
    return _Part(name, wanted, [have] if have else [], bool(both))


def _tags(locale: str) -> list[str]:
    """Return a locale and what it is one of: "de-CH" is "de" too."""
    parts = locale.split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _one_of(wanted: Sequence[str]) -> str:
    return wanted[0] if len(wanted) == 1 else f"one of {', '.join(wanted)}"


# -- facts ----------------------------------------------------------------------------


def facts_of_customer(source: str, body: Mapping[str, Any], *, lookup: Lookup | None = None) -> RouteFacts:
    """
    Return what routes ask for of a customer.

    Args:
        source: The key of its project.
        lookup: Where keys of groups, and channels of stores, are known.
    """
    known = lookup or Nowhere()
    assigned = [each.get("customerGroup") for each in mappings_in(body.get("customerGroupAssignments"))]
    stores = mappings_in(body.get("stores"))
    return RouteFacts(
        source=source,
        stores=_names(stores, known),
        channels=_names(_channels_of(stores, known), known),
        locale=_text(body.get("locale")),
        country=_text(address_of_customer(body, CUSTOMER_ROLES).get("country")),
        groups=_names([body.get("customerGroup"), *assigned], known),
        custom=_custom(body),
    )


def facts_of_order(
    source: str, body: Mapping[str, Any], customer: Mapping[str, Any] | None, *, lookup: Lookup | None = None
) -> RouteFacts:
    """
    Return what routes ask for of an order, or a cart; what it does not say, its customer does.

    Args:
        customer: The body of its customer; None of a guest's order.
    """
    known = lookup or Nowhere()
    own = facts_of_customer(source, customer or {}, lookup=lookup)
    lines = mappings_in(body.get("lineItems"))
    channels = [line.get(role) for line in lines for role in ("distributionChannel", "supplyChannel")]
    store = [body.get("store")]
    country = _text(body.get("country")) or _text(address_of_order(body, ORDER_ROLES).get("country"))
    return RouteFacts(
        source=source,
        stores=_names(store, known) or own.stores,
        channels=_names([*channels, *_channels_of(store, known)], known) or own.channels,
        locale=_text(body.get("locale")) or own.locale,
        country=country or own.country,
        currency=next((currency_of(price) for price in mappings_in([body.get("totalPrice")])), ""),
        origin=_text(body.get("origin")) or DEFAULT_ORIGIN,
        groups=_names([body.get("customerGroup")], known) or own.groups,
        custom={**own.custom, **_custom(body)},
    )


def _channels_of(stores: Iterable[Any], lookup: Lookup) -> list[Any]:
    """Return the references to channels of stores, as far as these are known."""
    known = (resource_of(store, lookup) or {} for store in stores)
    return [each for store in known for each in mappings_in(store.get("distributionChannels"))]


def _names(references: Iterable[Any], lookup: Lookup) -> tuple[str, ...]:
    """Return ids and keys of what is referred to, sorted."""
    found = set[str]()
    for each in references:
        resource = resource_of(each, lookup) or {}
        named = each if isinstance(each, Mapping) else {}
        found |= {_text(of.get(part)) for of in (named, resource) for part in ("id", "key")}
    return tuple(sorted(found - {""}))


def _custom(body: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    custom = body.get("custom")
    fields = custom.get("fields") if isinstance(custom, Mapping) else None
    return {name: texts_of(value) for name, value in fields.items()} if isinstance(fields, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
