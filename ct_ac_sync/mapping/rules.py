"""
What follows of events, by the rules of `[[events]]`.

Of all rules that hold for an event the first with an action decides on that action; tags and
fields come from all of them, and are a function of all events of a person.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from ct_ac_sync.configuration.values import (
    AutomationRule,
    Configuration,
    EventRule,
    EventTagRule,
    Purpose,
    Route,
    TrackingRule,
)
from ct_ac_sync.domain.contact import CreationSource
from ct_ac_sync.domain.event import Action, EventKind
from ct_ac_sync.mapping.evaluate import Found, Lookup, Scope, evaluate
from ct_ac_sync.mapping.formats import clean
from ct_ac_sync.mapping.happening import Happening, facts_of_happening, scope_of
from ct_ac_sync.mapping.narrow import narrowed
from ct_ac_sync.mapping.routes import why_not

#: Characters of a tracked value that are kept there, as far as examples show (vendor
#: documentation, Event tracking): what is longer loses its end, and with it our mark.
MOST_OF_VALUE = 250
#: Between the values of an expression that has several.
SEPARATOR = ", "

T = TypeVar("T")


def rules_for(
    config: Configuration, happening: Happening, route: Route | None, lookup: Lookup
) -> tuple[EventRule, ...]:
    """
    Return the rules that hold for an event, in their order.

    Args:
        route: The one its person came by; None where none takes them, and no rule that names
            routes holds.
    """
    return tuple(rule for rule in config.events if _holds(rule, happening, config, route, lookup))


def _holds(
    rule: EventRule, happening: Happening, config: Configuration, route: Route | None, lookup: Lookup
) -> bool:
    is_by = not rule.routes or (route is not None and route.name in rule.routes)
    if happening.event.kind not in rule.on or not is_by:
        return False
    facts = facts_of_happening(happening, narrowed(lookup, [rule.when]))
    return not why_not(rule.when, facts, config.sources)


def is_declared_past(config: Configuration, happening: Happening, lookup: Lookup) -> bool:
    """Whether an event is about an order that the file says is of the past, however new it is."""
    when = config.orders.historical_when
    if when is None or happening.event.stream != "orders":
        return False
    return not why_not(when, facts_of_happening(happening, narrowed(lookup, [when])), config.sources)


def goes_as_historical(
    config: Configuration, happening: Happening, route: Route | None, lookup: Lookup
) -> bool:
    """Whether an order goes out as historical, though it was placed just now: *happening* is that."""
    if is_declared_past(config, happening, lookup):
        return True
    return ecommerce_of(rules_for(config, happening, route, lookup)) is CreationSource.HISTORICAL


# -- facts ----------------------------------------------------------------------------


def tracking_of(rules: Iterable[EventRule]) -> TrackingRule | None:
    """Return what is tracked by the first of *rules* that tracks."""
    return _first(rules, lambda rule: rule.tracking)


def automation_of(rules: Iterable[EventRule]) -> AutomationRule | None:
    """Return what is entered by the first of *rules* that enters an automation."""
    return _first(rules, lambda rule: rule.automation)


def ecommerce_of(rules: Iterable[EventRule]) -> CreationSource | None:
    """Return how the first of *rules* that says so has an order or a cart marked."""
    return _first(rules, lambda rule: rule.ecommerce)


def channel_of(rules: Iterable[EventRule], action: Action) -> str | None:
    """Return the channel whose consent is asked before *action* is done by *rules*; None of what is no message."""
    match action:
        case Action.AUTOMATION:
            rule = next((each for each in rules if each.automation is not None), None)
        case Action.CART:
            rule = next((each for each in rules if each.ecommerce is not None), None)
        case _:
            rule = None
    return rule.channel if rule and rule.purpose is Purpose.MARKETING else None


def _first(rules: Iterable[EventRule], part: Callable[[EventRule], T | None]) -> T | None:
    return next((found for rule in rules if (found := part(rule)) is not None), None)


def value_of(rule: TrackingRule, scope: Scope, mark: str) -> str:
    """
    Return the whole value of a tracked event, which ends with a blank and *mark*.

    It has at most 250 characters, and before the mark never an empty text: of an expression
    that comes to nothing, what the event is known by.
    """
    most = MOST_OF_VALUE - len(mark) - 1
    said = clean(SEPARATOR.join(evaluate(rule.value, scope).values), most=most)
    said = said or clean(scope.text("event.key"), most=most) or clean(scope.text("event.kind"), most=most)
    return f"{said} {mark}"


# -- states ---------------------------------------------------------------------------


def event_kinds(config: Configuration) -> tuple[EventKind, ...]:
    """Return the kinds of events that profiles are made of, sorted."""
    return tuple(sorted({kind for rule in config.events if rule.tags or rule.fields for kind in rule.on}))


class _Held(NamedTuple):
    """The newest event of a kind for which a rule holds."""

    rule: EventRule
    happening: Happening
    scope: Scope


class States:
    """
    Tags and fields that a person has since its events.

    Of each rule and each of its kinds the newest event counts for which the rule holds.
    """

    def __init__(
        self, events: Sequence[Happening], *, config: Configuration, route: Route | None, lookup: Lookup
    ) -> None:
        """*events* in any order."""
        newest_first = sorted(events, key=_age, reverse=True)
        self._held = tuple(_held(newest_first, config=config, route=route, lookup=lookup))

    def tags(self, now: datetime | None) -> Found:
        """Return the names of tags; one that is for some days only while these last, or nobody says *now*."""
        found = [
            evaluate(tag.name, each.scope)
            for each in self._held
            for tag in each.rule.tags
            if _lasts(tag, each.happening, now)
        ]
        return Found(
            tuple(value for each in found for value in each.values),
            tuple(remark for each in found for remark in each.remarks),
        )

    def ended(self, now: datetime | None) -> tuple[str, ...]:
        """Return the names of tags that were for some days, which are over; none where nobody says *now*."""
        return tuple(
            name
            for each in self._held
            for tag in each.rule.tags
            if tag.days is not None and not _lasts(tag, each.happening, now)
            for name in evaluate(tag.name, each.scope).values
        )

    def fields(self) -> Mapping[str, Found]:
        """
        Return the values of fields that events set, by perstag.

        Of several events the newest one's, and of several rules for it the first one's.
        """
        found: dict[str, Found] = {}
        for held in sorted(self._held, key=lambda each: _age(each.happening), reverse=True):
            for each in held.rule.fields:
                if each.perstag not in found:
                    found[each.perstag] = evaluate(each.value, held.scope)
        return found


def _lasts(tag: EventTagRule, happening: Happening, now: datetime | None) -> bool:
    return tag.days is None or now is None or happening.event.happened_at + timedelta(tag.days) > now


def _age(happening: Happening) -> tuple[datetime, str, str]:
    event = happening.event
    return event.happened_at, event.kind.value, event.key


def _held(
    newest_first: Sequence[Happening], *, config: Configuration, route: Route | None, lookup: Lookup
) -> Iterator[_Held]:
    """Give for each rule and kind the newest event that it holds for, in the order of the rules."""
    for rule in config.events:
        for kind in rule.on if rule.tags or rule.fields else ():
            mine = (each for each in newest_first if each.event.kind is kind)
            newest = next((each for each in mine if _holds(rule, each, config, route, lookup)), None)
            if newest is not None:
                scope = scope_of(newest, config=config, route=route, lookup=lookup)
                yield _Held(rule, newest, scope)
