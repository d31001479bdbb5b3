"""
The configuration held against what projects and accounts show: pure comparisons.

A *fault* is what keeps records from being sent, or would send them wrongly; a *remark* is
worth knowing, and mends itself or loses no more than a description.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ct_ac_sync.configuration.expression import did_you_mean
from ct_ac_sync.configuration.faults import cut, named, shown
from ct_ac_sync.configuration.places import KeyPath
from ct_ac_sync.configuration.values import (
    Configuration,
    DestinationConfig,
    FieldRule,
    ListConfig,
    Route,
    WriteBackConfig,
)
from ct_ac_sync.mapping.evaluate import Nowhere, Scope, evaluate, mappings_in
from ct_ac_sync.mapping.profile import named_tags
from ct_ac_sync.ports import AccountSeen, AutomationSeen, FieldSeen, Json
from ct_ac_sync.sync.asked import Ask, fields_of

#: What opens each kind to an API client, of several the least (vendor documentation, Scopes).
SCOPES: Mapping[str, str] = {
    "category": "view_categories",
    "channel": "view_channels",
    "currency": "view_project_settings",
    "customer-group": "view_customer_groups",
    "discount-code": "view_discount_codes",
    "language": "view_project_settings",
    "payment": "view_payments",
    "product": "view_published_products",
    "product-type": "view_products",
    "state": "view_states",
    "store": "view_stores",
    "type": "view_types",
}
#: Kinds that the project's own settings hold, and what they are called there.
OF_PROJECT: Mapping[str, str] = {"currency": "currencies", "language": "languages"}
#: What people call that which has a name of its own inside a kind.
NOUNS: Mapping[str, str] = {"product-type": "product attribute", "type": "custom field"}
#: What is lost without messages, and how a project keeps them (vendor documentation, Messages).
NO_MESSAGES = "what changes twice between two looks is not noticed, and times are those of the last change"
NO_DELETIONS = "what is deleted is noticed once a week"
HOW_TO_KEEP = (
    "whoever may manage the project switches them on, by the update action changeMessagesConfiguration"
    " with messagesConfiguration {enabled: true, deleteDaysAfterCreation: 15}"
)
#: Places that a message lists before it counts the others.
MOST_PLACES = 3
#: Characters of a name that is shown beside its number.
MOST_OF_NAME = 40


class State(StrEnum):
    """What is to be done about a finding: nothing, know it, or mend it."""

    OK = "ok"
    REMARK = "remark"
    FAULT = "fault"


class Told(NamedTuple):
    """A finding, before it is said of which side."""

    state: State
    says: str


def fault(place: KeyPath, text: str) -> Told:
    """Return a fault at a place of the file."""
    return Told(State.FAULT, f"{named(place)}: {text}")


def remark(place: KeyPath, text: str) -> Told:
    """Return a remark at a place of the file."""
    return Told(State.REMARK, f"{named(place)}: {text}")


# -- projects -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSeen:
    """
    What a project shows of what is asked for.

    Attributes:
        project: Its key.
        resources: By kind; where no name of that kind is looked for, not all.
        refused: Kinds that its API client may not read.
    """

    project: str
    resources: Mapping[str, Sequence[Json]]
    refused: frozenset[str] = frozenset()


def hold_scopes(mine: Iterable[Ask], seen: ProjectSeen) -> Iterator[Told]:
    """Give the scopes that the API client lacks: a fault where mapping needs what they open."""
    by_scope: dict[str, list[Ask]] = defaultdict(list)
    for ask in mine:
        if ask.kind in seen.refused:
            by_scope[f"{SCOPES[ask.kind]}:{seen.project}"].append(ask)
    for scope, refused in sorted(by_scope.items()):
        lost = "; ".join(dict.fromkeys(ask.lost for ask in refused if ask.lost))
        if needed := [ask for ask in refused if not ask.lost]:
            yield Told(State.FAULT, f"{_places(needed)}: needs the scope {scope}, which the API client lacks")
        else:
            yield Told(State.REMARK, f"the API client lacks the scope {scope}: {lost}")


def _places(needed: Iterable[Ask]) -> str:
    places = list(dict.fromkeys(named(ask.place) for ask in needed))
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return "; ".join(places[:MOST_PLACES]) + more


def hold_names(
    asked: Iterable[Ask], seen: Mapping[str, ProjectSeen | None]
) -> Iterator[tuple[tuple[str, ...], Told]]:
    """
    Give the names that no project has of those they are asked of, and the keys of these.

    Where one of them could not be looked at, it might have the name, and nothing is said.

    Args:
        seen: By the name of the source; None of one that does not answer.
    """
    for ask in asked:
        whose = [seen.get(name) for name in ask.sources or seen]
        projects = [each for each in whose if each is not None and ask.kind in each.resources]
        if ask.name and len(projects) == len(whose) and not any(_has(ask, each) for each in projects):
            yield tuple(each.project for each in projects), _absence(ask, projects)


def _absence(ask: Ask, projects: Sequence[ProjectSeen]) -> Told:
    keys = " or ".join(each.project for each in projects)
    noun = NOUNS.get(ask.kind, ask.kind.replace("-", " "))
    of = f" of a {' or '.join(each.replace('-', ' ') for each in ask.of)}" if ask.of else ""
    question = did_you_mean(ask.name, {name for each in projects for name in _names(ask, each)})
    tell = remark if ask.kind in OF_PROJECT else fault
    return tell(ask.place, f"no {noun}{of} in {keys} is called {shown(ask.name)}{question}")


def _has(ask: Ask, seen: ProjectSeen) -> bool:
    """Whether a project has what is named, by its name or its id."""
    names = _names(ask, seen)
    if ask.kind == "language":
        return any(_are_kin(ask.name.lower(), each.lower()) for each in names)
    return ask.name in names or any(ask.name == row.get("id") for row in seen.resources[ask.kind])


def _are_kin(one: str, other: str) -> bool:
    """Whether two language tags are one, or one is the other's without its region."""
    return f"{one}-".startswith(f"{other}-") or f"{other}-".startswith(f"{one}-")


def _names(ask: Ask, seen: ProjectSeen) -> set[str]:
    """Return what names of this kind a project has."""
    rows = seen.resources[ask.kind]
    match ask.kind:
        case "type":
            fitting = [row for row in rows if set(row.get("resourceTypeIds") or ()) & set(ask.of)]
            fields = [each for row in fitting for each in mappings_in(row.get("fieldDefinitions"))]
            return {str(each.get("name")) for each in fields}
        case "product-type":
            return {str(each.get("name")) for row in rows for each in mappings_in(row.get("attributes"))}
        case _:
            return {str(row["key"]) for row in rows if row.get("key")}


def hold_messages(configuration: Configuration, facts: Json) -> Iterator[Told]:
    """
    Give what is lost where a project keeps no messages, and anything follows of events or deletions.

    Args:
        facts: What the project says of itself.
    """
    lost = [
        *([NO_MESSAGES] if configuration.events else []),
        *([NO_DELETIONS] if configuration.deletions.acts else []),
    ]
    if not lost:
        return
    messages, what = facts.get("messages"), "; ".join(lost)
    if not isinstance(messages, Mapping):
        yield Told(State.REMARK, f"whether it keeps messages is not shown: without them {what}")
    elif messages.get("enabled") is not True:
        yield Told(State.REMARK, f"it keeps no messages, so {what}: {HOW_TO_KEEP}")


# -- what is written back -----------------------------------------------------------------

#: What a custom field may be that gets a value (vendor documentation, Types).
_ENUMS = ("Enum", "LocalizedEnum")
_TEXTS = ("String", *_ENUMS)


def hold_write_scope(configuration: Configuration, project: str, granted: Collection[str]) -> Iterator[Told]:
    """
    Give the scope that writing back needs, where the API client lacks it.

    Args:
        granted: The scopes that it was granted; none where that is not known.
    """
    scope = f"manage_customers:{project}"
    if not configuration.writes_back or {scope, f"manage_project:{project}"} & set(granted):
        return
    back = next(each for each in configuration.consent if each.write_back is not None)
    place = ("consent", back.channel, "write_back")
    if granted:
        yield fault(place, f"needs the scope {scope}, which the API client lacks")
    else:
        yield remark(place, f"needs the scope {scope}; whether the API client has it is not shown")


def hold_write_back(configuration: Configuration, seen: ProjectSeen) -> Iterator[Told]:
    """Give the custom fields that cannot become what is written back, and types that cannot be given."""
    types = [
        row for row in seen.resources.get("type", ()) if "customer" in (row.get("resourceTypeIds") or ())
    ]
    if "type" not in seen.resources:
        return
    for consent in configuration.consent:
        back = consent.write_back
        if back is None:
            continue
        place = ("consent", consent.channel, "write_back")
        for type_ in types:
            yield from _hold_fields_of(place, back, type_)
        if back.type is not None:
            yield from _hold_type(place, back, types)


def _hold_fields_of(place: KeyPath, back: WriteBackConfig, type_: Json) -> Iterator[Told]:
    fields = _fields_of_type(type_)
    expected = {"value": _kinds_of_value(back), "time": ("DateTime", "String"), "source": _TEXTS}
    words = {"value": back.no if isinstance(back.no, str) else back.without, "source": back.says}
    for key, name in fields_of(back):
        definition = fields.get(name)
        if definition is None:
            continue
        kind, keys = _kind_of(definition)
        of = f"{shown(name)} of the type {shown(str(type_.get('key')))}"
        wanted = expected[key]
        if wanted and kind not in wanted:
            yield fault((*place, key), f"{of} is a field of {kind}: expected {' or '.join(wanted)}")
        elif keys is not None and (word := words.get(key)) is not None and word not in keys:
            yield fault((*place, key), f"{of} has no key {shown(word)}{did_you_mean(word, keys)}")
        elif key == "value" and back.clears and definition.get("required"):
            yield fault((*place, key), f"{of} is required, and cannot be taken away")


def _kinds_of_value(back: WriteBackConfig) -> tuple[str, ...]:
    """Return what the field may be that says it; nothing for whatever it is."""
    if back.clears:
        return ()
    if back.without is not None:
        return tuple(f"Set of {each}" for each in _TEXTS)
    return ("Boolean",) if isinstance(back.no, bool) else _TEXTS


def _kind_of(definition: Json) -> tuple[str, list[str] | None]:
    """Return what a custom field is called by its type, and the keys that it takes; None of one that takes any."""
    type_ = definition.get("type") or {}
    element = type_.get("elementType") or type_
    name = str(element.get("name"))
    values = element.get("values")
    keys = [str(each.get("key")) for each in mappings_in(values)] if name in _ENUMS else None
    return (f"Set of {name}" if element is not type_ else name), keys


def _hold_type(place: KeyPath, back: WriteBackConfig, types: Sequence[Json]) -> Iterator[Told]:
    place = (*place, "type")
    named = next((row for row in types if row.get("key") == back.type), None)
    if named is None:
        question = did_you_mean(str(back.type), [str(row.get("key")) for row in types])
        yield fault(place, f"no type of a customer there is called {shown(back.type)}{question}")
        return
    fields, ours = _fields_of_type(named), [name for _, name in fields_of(back)]
    if lacking := [shown(name) for name in ours if name not in fields]:
        yield fault(place, f"the type {shown(back.type)} has no field {' and '.join(lacking)}")
    required = [shown(name) for name, each in fields.items() if each.get("required") and name not in ours]
    if required:
        yield fault(
            place, f"the type {shown(back.type)} requires {' and '.join(required)}, which nothing gives"
        )


def _fields_of_type(type_: Json) -> dict[str, Json]:
    return {str(each.get("name")): each for each in mappings_in(type_.get("fieldDefinitions"))}


def hold_containers(configuration: Configuration, facts: Json) -> Iterator[Told]:
    """Give the containers of custom objects in which a project has none: what is called otherwise says nothing."""
    empty = facts.get("empty_containers") or ()
    for consent in configuration.consent:
        for number, place in enumerate(consent.places):
            if place.container in empty:
                path: KeyPath = ("consent", consent.channel, "read", number, "container")
                yield remark(path, f"no custom object is in the container {shown(place.container)} (yet)")


# -- accounts -------------------------------------------------------------------------


def routes_to(configuration: Configuration, destination: DestinationConfig) -> list[Route]:
    """Return the routes that lead to *destination*."""
    return [route for route in configuration.routes if route.destination == destination.name]


def hold_account(
    configuration: Configuration, destination: DestinationConfig, seen: AccountSeen
) -> Iterator[Told]:
    """Give what of *configuration* the account has not, or has otherwise."""
    routes = routes_to(configuration, destination)
    yield from _hold_fields(configuration.fields, seen.fields)
    yield from _hold_lists(configuration.lists, routes, seen)
    wanted = set(configuration.connections_at(destination.host))
    yield from _made("connections", sorted(wanted - seen.connections))
    for number, name in constant_tags(configuration, routes):
        alike = [there for there in seen.tags if there.strip().lower() == name.lower()]
        if alike and name not in alike:
            text = f"the tag {shown(name)} is called {shown(alike[0])} there, and is the same"
            yield remark(("tags", "rules", number, "name"), text)
    yield from _hold_events(configuration, destination, seen)


def _hold_events(
    configuration: Configuration, destination: DestinationConfig, seen: AccountSeen
) -> Iterator[Told]:
    """Give the automations that cannot be entered, and what is tracked where nothing can be."""
    here = configuration.events_at(destination.host)
    by_id = {each.id: each for each in seen.automations}
    for number, rule in enumerate(configuration.events):
        if rule not in here:
            continue
        if rule.automation is not None:
            place = ("events", number, "automation")
            there = by_id.get(rule.automation.id)
            if there is None:
                yield fault(place, f"no automation there has the number {rule.automation.id}{_known(by_id)}")
            elif not there.is_active:
                text = f"the automation {there.id}, {shown(there.name)}, is not active there: activate it"
                yield fault(place, text)
        if rule.tracking is not None and not destination.has_events:
            text = (
                f"{shown(rule.tracking.name)} cannot be tracked: {named(('destinations', destination.name))}"
            )
            yield fault(("events", number, "tracking"), f"{text} has no event_actid_env and event_key_env")


def _known(by_id: Mapping[str, AutomationSeen]) -> str:
    listed = [f"{each.id} ({cut(each.name, MOST_OF_NAME)})" for each in list(by_id.values())[:MOST_PLACES]]
    more = f" and {len(by_id) - MOST_PLACES} more" if len(by_id) > MOST_PLACES else ""
    return f": it has {', '.join(listed)}{more}" if listed else ": it has none"


def _made(nouns: str, missing: Sequence[str]) -> Iterator[Told]:
    if missing:
        yield Told(State.REMARK, f"{nouns} that are not there and will be made: {', '.join(missing)}")


def _hold_fields(rules: Sequence[FieldRule], fields: Sequence[FieldSeen]) -> Iterator[Told]:
    """Give the fields that differ; of several with one perstag the first is meant, as in writing."""
    held = {each.perstag.upper(): each for each in reversed(fields)}
    titles = {each.title.casefold(): each for each in fields}
    missing: list[str] = []
    for number, rule in enumerate(rules):
        there, namesake = held.get(rule.perstag), titles.get(rule.title.casefold())
        if there is not None:
            yield from _hold_field(("fields", number), rule, there)
        elif namesake is not None:
            taken = f"the field {namesake.perstag} has the title {shown(namesake.title)}"
            text = f"{rule.perstag} cannot be made, because {taken}: give one of the two another"
            yield fault(("fields", number, "title"), text)
        else:
            missing.append(rule.perstag)
    yield from _made("fields", missing)


def _hold_field(place: KeyPath, rule: FieldRule, there: FieldSeen) -> Iterator[Told]:
    if there.type and there.type != rule.type:
        yield fault((*place, "type"), f"{rule.perstag} is of type {there.type} there, wanted is {rule.type}")
    elif lacking := [shown(each) for each in rule.options if each not in there.options]:
        text = f"options of {rule.perstag} that are not there and will be added: {', '.join(lacking)}"
        yield remark((*place, "options"), text)


def _hold_lists(lists: Sequence[ListConfig], routes: Sequence[Route], seen: AccountSeen) -> Iterator[Told]:
    wanted = {key for route in routes for key in route.lists}
    for each in lists:
        alike = [there for there in seen.lists if there.name == each.name]
        fitting = [there.id for there in alike if there.channel == each.channel]
        place = ("lists", each.key, "name")
        if each.key not in wanted or len(fitting) == 1:
            continue
        if fitting:
            text = f"the lists {' and '.join(fitting)} there are both called {shown(each.name)}: rename one"
            yield fault(place, text)
            continue
        known = [there.name for there in seen.lists if there.channel == each.channel]
        why = f": one for {alike[0].channel} is" if alike else did_you_mean(each.name, known)
        yield fault(place, f"no list for {each.channel} there is called {shown(each.name)}{why}")


def constant_tags(configuration: Configuration, routes: Sequence[Route]) -> list[tuple[int, str]]:
    """Return the names that are no value's, as each of *routes* has them, after the number of their rule."""
    scope = Scope(roots={}, lookup=Nowhere())
    prefixes = list(dict.fromkeys(route.tag_prefix for route in routes))
    return [
        (number, name)
        for number, rule in enumerate(configuration.tags.rules)
        if rule.name.constant is not None
        for prefix in prefixes
        for name in named_tags(f"{prefix}{each}" for each in evaluate(rule.name, scope).values)
    ]
