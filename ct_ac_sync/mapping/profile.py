"""
Persons become contacts with fields and tags.

A contact is a function of *all* records of its person: of several customers one speaks, by
the configured rule, whatever order they come in, so that two customers with one address
do not fight over their contact.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ct_ac_sync.configuration.expression import Expression, Root, Transform
from ct_ac_sync.configuration.values import Configuration, FieldRule, Place, Route, Speaker
from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.identity import Address, normal_address
from ct_ac_sync.domain.order import Order
from ct_ac_sync.mapping.derived import OrderFacts, summary, to_root
from ct_ac_sync.mapping.evaluate import Found, Lookup, Scope, evaluate, mappings_in
from ct_ac_sync.mapping.formats import clean, wire_value
from ct_ac_sync.mapping.happening import Happening, paths_of
from ct_ac_sync.mapping.narrow import narrowed
from ct_ac_sync.mapping.places import address_of_customer, address_of_order
from ct_ac_sync.mapping.product import to_context
from ct_ac_sync.mapping.routes import RouteFacts, facts_of_customer, facts_of_order, why_not
from ct_ac_sync.mapping.rules import States
from ct_ac_sync.mapping.texts import instant, texts_of

#: Of names and telephone numbers; ours, because the vendor names none.
MOST_OF_STANDARD = 255
#: Of a tag's name; ours, because the vendor names none.
MOST_OF_TAG = 100


#: Roots that are made of the person's orders.
OF_ORDERS = frozenset({Root.ORDERS, Root.LAST_ORDER, Root.LAST_PRODUCT})


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record, whose project it is from, and the body it was read from."""

    source: str
    value: Customer | Order | Cart
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    All records of a person.

    Attributes:
        guest: The newest order under its address, of one that is no customer; its newest cart
            where there is no order.
        orders: Of all its orders, where `needs_orders` says so.
        last_order: The body of its newest order, likewise.
        consent: What it said of channels, as paths see it, where `needs_consent` says so.
        events: Those that were told, of the kinds that `event_kinds` names, and of each kind the
            newest that a rule may hold for.
        now: The instant to which tags of some days last; without, all last.
    """

    customers: tuple[SourceRecord, ...] = ()
    guest: SourceRecord | None = None
    orders: tuple[OrderFacts, ...] = ()
    last_order: Mapping[str, Any] | None = None
    consent: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Happening, ...] = ()
    now: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    What the destination shall hold of a person.

    Attributes:
        tags: Sorted; no two differ in case alone.
        ended: Those that events gave for some time, which is over.
        remarks: What of its records could not be shown, by field.
        version: Of the newest record it was made from.
    """

    contact: Contact
    tags: tuple[str, ...]
    ended: tuple[str, ...]
    remarks: tuple[str, ...]
    version: int


def to_profile(
    person: Person, *, config: Configuration, route: Route | None, lookup: Lookup
) -> Profile | None:
    """Return what *person* becomes; None where nobody has an address."""
    speaker = speaker_of(person, config.profile.speaker)
    email = _email(speaker.value) if speaker else None
    if speaker is None or email is None:
        return None
    scope = _scope(person, speaker, config=config, route=route, lookup=lookup)
    states = States(person.events, config=config, route=route, lookup=lookup)
    set_ = states.fields()
    remarks: list[str] = []
    contact = Contact(
        email=email,
        first_name=_standard("first_name", config.profile.first_name, scope, remarks),
        last_name=_standard("last_name", config.profile.last_name, scope, remarks),
        phone=_standard("phone", _dialled(config.profile.phone), scope, remarks),
        fields=tuple(
            (rule.perstag, _field(rule, set_.get(rule.perstag) or evaluate(rule.value, scope), remarks))
            for rule in _sorted(config.fields)
        ),
    )
    asked = narrowed(lookup, (rule.when for rule in config.tags.rules))
    tags = _tags(config, facts_of(speaker, asked), scope, states.tags(person.now), remarks)
    prefix = route.tag_prefix if route else ""
    return Profile(
        contact=contact,
        tags=named_tags(f"{prefix}{name}" for name in tags),
        ended=named_tags(f"{prefix}{name}" for name in states.ended(person.now)),
        remarks=tuple(dict.fromkeys(remarks)),
        version=max(each.value.version for each in _records(person)),
    )


def needs_orders(config: Configuration) -> bool:
    """Whether anything of a profile may be made of the person's orders; a function may always."""
    return _needs(config, OF_ORDERS)


def needs_consent(config: Configuration) -> bool:
    """Whether anything of a profile may be made of what the person said of channels; a function may always."""
    return bool(config.consent) and _needs(config, {Root.CONSENT})


def _needs(config: Configuration, roots: Collection[Root]) -> bool:
    return any(
        each.function is not None or any(path.root in roots for path in paths_of(each))
        for each in _expressions(config)
    )


def _expressions(config: Configuration) -> Iterator[Expression]:
    yield from (config.profile.first_name, config.profile.last_name, config.profile.phone)
    yield from (rule.value for rule in config.fields)
    yield from (rule.name for rule in config.tags.rules)
    yield from (tag.name for rule in config.events for tag in rule.tags)
    yield from (each.value for rule in config.events for each in rule.fields)


# -- who speaks -----------------------------------------------------------------------


def speaker_of(person: Person, rule: Speaker) -> SourceRecord | None:
    """Return the record that speaks for *person*: a customer, else a guest's newest order."""
    pick = min if rule is Speaker.OLDEST else max
    customers = person.customers
    return pick(customers, key=_age) if customers else person.guest


def _age(record: SourceRecord) -> tuple[Any, ...]:
    return record.value.created_at, record.value.id, record.source


def _records(person: Person) -> tuple[SourceRecord, ...]:
    return (*person.customers, person.guest) if person.guest else person.customers


def _email(value: Customer | Order | Cart) -> Address | None:
    return normal_address(value.email)


def facts_of(speaker: SourceRecord, lookup: Lookup) -> RouteFacts:
    """Return what routes and conditions ask for of the record that speaks; a cart is asked as an order."""
    if isinstance(speaker.value, Customer):
        return facts_of_customer(speaker.source, speaker.body, lookup=lookup)
    return facts_of_order(speaker.source, speaker.body, None, lookup=lookup)


# -- what paths see -------------------------------------------------------------------


def _scope(
    person: Person, speaker: SourceRecord, *, config: Configuration, route: Route | None, lookup: Lookup
) -> Scope:
    body, is_guest = speaker.body, not isinstance(speaker.value, Customer)
    address_of = address_of_order if is_guest else address_of_customer
    address = address_of(body, config.profile.address)
    country = address.get("country") or body.get("country")
    roots: dict[Root, Any] = {
        Root.CUSTOMER: {} if is_guest else body,
        Root.ADDRESS: address,
        Root.BILLING: address_of(body, [Place.BILLING]),
        Root.SHIPPING: address_of(body, [Place.SHIPPING]),
        Root.PERSON: _person(person, speaker, is_guest=is_guest),
        Root.ORDERS: to_root(summary(person.orders)),
        Root.LAST_ORDER: person.last_order or {},
        Root.CONSENT: person.consent,
        Root.ROUTE: {"name": route.name, "tag_prefix": route.tag_prefix} if route else {},
    }
    locales = tuple(filter(None, (speaker.value.locale, *config.profile.locales)))
    if any(path.root is Root.LAST_PRODUCT for each in _expressions(config) for path in paths_of(each)):
        roots[Root.LAST_PRODUCT] = _last_product(person.last_order or {}, locales, config, lookup)
    return Scope(
        roots=roots,
        lookup=lookup,
        locales=locales,
        country=country if isinstance(country, str) else None,
    )


def _last_product(
    order: Mapping[str, Any], locales: Sequence[str], config: Configuration, lookup: Lookup
) -> Mapping[str, Any]:
    """Return what is known of the first product of the newest order; what the order says where it is gone."""
    line = next(iter(mappings_in(order.get("lineItems"))), {})
    variant = next(iter(mappings_in([line.get("variant")])), {})
    id_ = line.get("productId")
    context = to_context(
        lookup.get("product", id_) if isinstance(id_, str) else None,
        sku=_text(variant.get("sku")) or None,
        variant_id=str(variant.get("id") or "") or None,
        locale=next(iter(locales), None),
        fallbacks=locales[1:],
        config=config.products,
        lookup=lookup,
        roots={Root.ORDER: order},
    )
    return {
        "name": line.get("name"),
        "category": context.category,
        "categories": context.categories,
        "brand": context.brand,
        "attributes": dict(context.attributes),
        "url": context.url,
        "image_url": context.image_url,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _person(person: Person, speaker: SourceRecord, *, is_guest: bool) -> Mapping[str, Any]:
    records = person.customers or (speaker,)
    return {
        "email": normal_address(speaker.value.email),
        "locale": speaker.value.locale,
        "modified_at": instant(max(each.value.last_modified_at for each in records)),
        "customers": len(person.customers),
        "is_guest": is_guest,
        "stores": tuple(sorted({store for each in records for store in _stores(each)})),
    }


def _stores(record: SourceRecord) -> tuple[str, ...]:
    return texts_of(record.body.get("stores" if isinstance(record.value, Customer) else "store"))


# -- fields and tags ------------------------------------------------------------------


def _sorted(rules: Sequence[FieldRule]) -> list[FieldRule]:
    return sorted(rules, key=lambda rule: rule.perstag)


def _standard(name: str, expression: Expression, scope: Scope, remarks: list[str]) -> str:
    found = evaluate(expression, scope)
    remarks += [f"{name}: {each}" for each in found.remarks]
    return clean(" ".join(found.values), most=MOST_OF_STANDARD)


def _dialled(expression: Expression) -> Expression:
    """Return where a telephone number comes from, read as one even where the rule does not say so."""
    if any(each.word == "phone" for each in expression.transforms):
        return expression
    return replace(expression, transforms=(*expression.transforms, Transform("first"), Transform("phone")))


def _field(rule: FieldRule, found: Found, remarks: list[str]) -> str:
    wire = wire_value(rule.type, found.values, options=rule.options, zone=UTC)
    remarks += [f"{rule.perstag}: {each}" for each in (*found.remarks, *wire.remarks)]
    return wire.text


def _tags(
    config: Configuration, facts: RouteFacts, scope: Scope, since: Found, remarks: list[str]
) -> list[str]:
    """Return the names of tags that rules give, and those that events do (*since*)."""
    names = list(since.values)
    remarks += [f"tag: {each}" for each in since.remarks]
    for rule in config.tags.rules:
        if not why_not(rule.when, facts, config.sources):
            found = evaluate(rule.name, scope)
            names += found.values
            remarks += [f"tag: {each}" for each in found.remarks]
    return names


def named_tags(names: Iterable[str]) -> tuple[str, ...]:
    """
    Return *names* as tags can be called: without commas, at most 100 characters, sorted.

    Two that differ in case alone are one tag there (vendor documentation, Tags); the first
    in the order of characters stands for both.
    """
    shown = sorted(clean(name.replace(",", " "), most=MOST_OF_TAG) for name in names)
    by_folded: dict[str, str] = {}
    for name in filter(None, shown):
        by_folded.setdefault(name.casefold(), name)
    return tuple(sorted(by_folded.values()))
