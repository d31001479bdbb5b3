"""
Foresight: what follows of a record by `[[events]]` and `[consent]`, and nothing of it is done.

It asks what delivery asks, in the same words, and reads only: here and at both other sides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from ct_ac_sync.configuration.schema.events import OF_CART, OF_CUSTOMER
from ct_ac_sync.configuration.values import Configuration, ConsentConfig, EventRule, Route
from ct_ac_sync.domain.consent import Evidence
from ct_ac_sync.domain.contact import CreationSource
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.event import Action, EventKind, parse_fact
from ct_ac_sync.mapping.evaluate import Lookup, Scope, evaluate
from ct_ac_sync.mapping.happening import scope_of
from ct_ac_sync.mapping.narrow import narrowed
from ct_ac_sync.mapping.profile import named_tags
from ct_ac_sync.mapping.routes import facts_of_customer, facts_of_order, why_not
from ct_ac_sync.mapping.rules import ecommerce_of, is_declared_past, rules_for
from ct_ac_sync.ports import Call, Json, Stream
from ct_ac_sync.store.consent_book import Said
from ct_ac_sync.store.event_book import EventBook, Held, Recorded
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.consents import ConsentForeseen, Consents, ListForeseen
from ct_ac_sync.sync.desired import NOT_BEGUN
from ct_ac_sync.sync.facts import Facts
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router
from ct_ac_sync.sync.teller import Teller, facts_of, happening_of

Row = Mapping[str, Any]

#: What is noticed of records of any kind.
OF_ANY = frozenset({EventKind.NEWSLETTER_OPTED_IN, EventKind.NEWSLETTER_OPTED_OUT})
#: How far an event is: told, told next or with those after it, held, or never to be told.
TOLD, NEXT, DUE, HELD, NOBODY = "told", "next", "due", "held", "nobody"
#: What is said of tags and fields, which are no calls of their own.
OF_CONTACT = {
    True: "told: what holds of it by now is in the contact",
    False: "with the contact, once it is told",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLook:
    """
    A rule that may hold for events of a record, at one destination.

    Attributes:
        why_not: Which part of it does not hold for this record; empty where it holds.
        events: How many of its kinds are known of the record.
    """

    destination: str
    rule: str
    on: tuple[str, ...]
    why_not: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """
    One thing that follows of an event at one destination.

    Attributes:
        action: tracking, automation, cart, tag, field, ecommerce, or what takes leave.
        what: What it comes to, in words.
        verdict: Whether it is done, would be sent, or why not.
        calls: What would be sent, complete.
    """

    destination: str
    action: str
    what: str
    verdict: str
    calls: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLook:
    """
    An event that is known of a record.

    Attributes:
        state: told, next (it is told next), due (after it), held, or nobody (nobody is told of it).
        why: Why it is held, or told to nobody, or starts nothing.
    """

    kind: str
    key: str
    happened_at: datetime
    state: str
    told_at: datetime | None
    why: str
    follows: tuple[Following, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidLook:
    """What a place of `[consent]` says by now, in which record, and when that was said."""

    channel: str
    place: str
    record: str
    says: str
    when: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLook:
    """What is decided of a list, why, and what would be sent."""

    channel: str
    list: str
    said: str
    standing: str
    action: str
    reason: str
    calls: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentLook:
    """
    What somebody consents to at one destination.

    Attributes:
        look: Whether memberships would be read before a change, and whose.
    """

    destination: str
    look: str
    said: tuple[SaidLook, ...]
    lists: tuple[ListLook, ...]


class Stored(NamedTuple):
    """A record as it is stored, and the body of the customer that it names."""

    record: Row
    body: Json
    customer: Json | None


class Foresight:
    """Says what would follow, and does nothing."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        book: EventBook,
        teller: Teller,
        router: Router,
        references: References,
        accounts: Mapping[str, Account],
        facts: Mapping[str, Facts],
        consents: Mapping[str, Consents],
    ) -> None:
        """*accounts*, *facts* and *consents* by destination."""
        self._configuration = configuration
        self._book = book
        self._teller = teller
        self._router = router
        self._references = references
        self._accounts = accounts
        self._facts = facts
        self._consents = consents

    # -- events -----------------------------------------------------------------------

    def rules(
        self, stored: Stored, events: Sequence[EventLook], places: Sequence[str]
    ) -> tuple[RuleLook, ...]:
        """Return the rules that may hold for events of a record at *places*, and why some do not."""
        return self._references.settle(
            stored.record["source"], partial(self._rules, stored, [each.kind for each in events], places)
        )

    def _rules(
        self, stored: Stored, known: Sequence[str], places: Sequence[str], lookup: Lookup
    ) -> tuple[RuleLook, ...]:
        return tuple(
            RuleLook(
                destination=place, rule=rule.name, on=tuple(rule.on),
                why_not=self._why_not(rule, stored, place, lookup),
                events=sum(known.count(kind) for kind in rule.on),
            )
            for place in places
            for rule in self._configuration.events_at(place)
            if any(_is_about(kind, stored.record["stream"]) for kind in rule.on)
        )  # fmt: skip

    def _why_not(self, rule: EventRule, stored: Stored, place: str, lookup: Lookup) -> str:
        source, body, customer = stored.record["source"], stored.body, stored.customer
        is_customer = stored.record["stream"] == Stream.CUSTOMERS
        route = self._router.route_at(place, source, body, lookup, is_customer=is_customer, customer=customer)
        if rule.routes and (route is None or route.name not in rule.routes):
            return f"route is {route.name if route else 'none'}, not {' or '.join(rule.routes)}"
        asked = narrowed(lookup, [rule.when])
        if is_customer:
            facts = facts_of_customer(source, body, lookup=asked)
        else:
            facts = facts_of_order(source, body, customer, lookup=asked)
        return why_not(rule.when, facts, self._configuration.sources)

    def events(self, record: Row, members: Mapping[str, Member]) -> tuple[EventLook, ...]:
        """
        Return what is known to have happened to *record*, and what follows of each.

        Args:
            members: By destination, somebody as a fact would find them there.

        Raises:
            SyncError: A destination or the source does not answer.
        """
        key = (record["source"], record["stream"], record["id"])
        known = self._book.of_record(*key, streams=self._teller.waited_for)
        raised = self._book.facts_of_record(*key)
        states = _states(known)
        return tuple(
            self._event(each, state, members, raised) for each, state in zip(known, states, strict=True)
        )

    def _event(
        self, known: Recorded, state: str, members: Mapping[str, Member], raised: Sequence[Row]
    ) -> EventLook:
        held = known.held
        event = held.event
        why = ""
        if state in (NEXT, DUE) and (nobody := self._teller.why_nobody(held)):
            state, why = NOBODY, nobody
        elif state == HELD:
            why = "something that happened before it may not be read yet"
        elif event.is_historical or self._is_declared_past(held):
            why = "it is of the past, and starts nothing"
        places = sorted(set(held.destinations) & set(self._accounts)) if state != NOBODY else []
        mine = [row for row in raised if row["event"] == held.number]
        places += sorted({row["destination"] for row in mine} & set(self._accounts) - set(places))
        return EventLook(
            kind=event.kind, key=event.key, happened_at=event.happened_at, state=state,
            told_at=known.told_at, why=why,
            follows=tuple(
                follows
                for place in places
                for follows in self._follows(known, place, members, [r for r in mine if r["destination"] == place])
            ),
        )  # fmt: skip

    def _is_declared_past(self, held: Held) -> bool:
        return held.body is not None and self._references.settle(
            held.source, partial(is_declared_past, self._configuration, happening_of(held))
        )

    def _follows(
        self, known: Recorded, place: str, members: Mapping[str, Member], raised: Sequence[Row]
    ) -> Iterator[Following]:
        """Give what follows at one place: what was raised, what would be, and what its rules state."""
        held = known.held
        if held.body is None:
            return
        objects, states = self._references.settle(
            held.source, partial(self._by_rules, known, place, held.body)
        )
        done = {row["object"]: row for row in raised}
        for object_ in dict.fromkeys((*done, *objects)):
            yield self._fact(known, place, object_, done.get(object_), members.get(place))
        yield from states

    def _by_rules(
        self, known: Recorded, place: str, body: Json, lookup: Lookup
    ) -> tuple[list[str], list[Following]]:
        """Return the facts that the rules of an event ask for, and what else they state."""
        held = known.held
        route = self._router.route_at(
            place, held.source, body, lookup, is_customer=held.event.stream == Stream.CUSTOMERS,
            customer=held.customer,
        )  # fmt: skip
        happening = happening_of(held)
        rules = rules_for(self._configuration, happening, route, lookup)
        scope = scope_of(happening, config=self._configuration, route=route, lookup=lookup)
        stated = _stated(rules, scope, route)
        is_past = held.event.is_historical or is_declared_past(self._configuration, happening, lookup)
        mark = ecommerce_of(rules) if held.event.kind is EventKind.ORDER_PLACED else None
        if mark is not None:
            stated.append(("ecommerce", CreationSource.HISTORICAL if is_past else mark))
        is_told = known.told_at is not None
        verdict = {"ecommerce": "part of the order"}
        return [] if is_past and not is_told else [str(fact) for fact in facts_of(held, rules)], [
            Following(
                destination=place, action=action, what=what, verdict=verdict.get(action, OF_CONTACT[is_told])
            )
            for action, what in stated
        ]

    def _fact(
        self, known: Recorded, place: str, object_: str, row: Row | None, somebody: Member | None
    ) -> Following:
        action = parse_fact(object_).action
        if row is None and known.told_at is not None:
            verdict = "nothing: when it was told, no rule asked for it"
            return Following(destination=place, action=action, what="", verdict=verdict)
        if row is not None and row["state"] != "open":
            return Following(destination=place, action=action, what="", verdict=_ended(row))
        if row is not None:
            named = {each.name: row[each.name] for each in fields(Member)}
            member = replace(
                Member(**named), address=row["address"] or (somebody.address if somebody else None)
            )
        else:
            member = replace(
                somebody or NOT_BEGUN, entry=0, operation="fact", object=object_, source=known.held.source,
                event=known.held.number, fires=True, fingerprint=None, unclear=None, attempts=0,
            )  # fmt: skip
        return self._foreseen(place, member, action)

    def _foreseen(self, place: str, member: Member, action: Action) -> Following:
        found = self._facts[place].foresee(member, self._accounts[place].provision.look())
        verdict = "send"
        if found.reason:
            verdict = f"skip: {found.reason}"
        elif not member.fires:
            verdict = "nothing: it happened"
        elif member.unclear is not None:
            verdict = "waits: whether it happened is still to be found out"
        elif self._facts[place].is_halted(member):
            verdict = "waits: its trigger is halted until a human has looked"
        calls = found.calls if verdict == "send" else ()
        return Following(
            destination=place, action=action, what=found.what, verdict=verdict,
            calls=tuple(map(shown_call, calls)),
        )  # fmt: skip

    # -- consent ----------------------------------------------------------------------

    def consent(
        self, record: Row, members: Mapping[str, Member], places: Iterable[str]
    ) -> tuple[ConsentLook, ...]:
        """
        Return what the person of *record* consents to at *places*; nothing where nobody asks.

        Args:
            members: By destination, the entry of consent as it stands, or would begin.

        Raises:
            SyncError: A destination or the source does not answer.
        """
        if not self._configuration.consent:
            return ()
        return tuple(
            self._consent(record, place, self._consents[place].foresee(members[place]))
            for place in places
            if self._configuration.consented_lists_at(place)
        )

    def _consent(self, record: Row, place: str, found: ConsentForeseen) -> ConsentLook:
        look = "nobody looks: nothing is said that is not known, or that could change a membership"
        if found.is_looked:
            whose = f"contact {found.contact}" if found.contact else "the contact, once it is there,"
            look = f"the memberships of {whose} are read first, in the same claim as each change"
        return ConsentLook(
            destination=place,
            look=look,
            said=tuple(self._said(record, found.said)),
            lists=tuple(_list_look(each) for each in found.lists),
        )

    def _said(self, record: Row, said: Sequence[Said]) -> Iterator[SaidLook]:
        """Give what each place says that is configured; of this record also those that say nothing."""
        for consent in self._configuration.consent:
            yield from _said_of(consent, record, said)


def shown_call(call: Call) -> Row:
    """Return a call as people are shown it."""
    return {"kind": call.kind, "method": call.method, "path": call.path, "body": call.body}


# -- events as words ------------------------------------------------------------------


def _is_about(kind: EventKind, stream: str) -> bool:
    """Whether events of a kind are about records of a stream."""
    if kind in OF_ANY:
        return True
    if kind in OF_CART:
        return stream == Stream.CARTS
    return stream == (Stream.CUSTOMERS if kind in OF_CUSTOMER else Stream.ORDERS)


def _states(known: Sequence[Recorded]) -> list[str]:
    """Return how far each event is; of those that may be told by now the first is the next."""
    first = next((each for each in known if each.told_at is None and each.is_reached), None)
    return [
        TOLD if each.told_at is not None else NEXT if each is first else DUE if each.is_reached else HELD
        for each in known
    ]


def _ended(row: Row) -> str:
    """Return what became of a fact that is not open any more."""
    if row["state"] == "waiting":
        return "waits: what stands before it is a dead letter"
    if row["state"] == "dead":
        return "a dead letter: a human replays it, or not"
    if row["ledger"] == "parked":
        return "parked: a human says whether it happened"
    reason = f": {row['reason']}" if row["reason"] else ""
    return f"done: {row['outcome'] or row['ledger'] or 'no outcome is kept any more'}{reason}"


def _stated(rules: Sequence[EventRule], scope: Scope, route: Route | None) -> list[tuple[str, str]]:
    """Return the tags and fields that rules state of an event; of each field the first rule's."""
    prefix = route.tag_prefix if route else ""
    stated = []
    for rule in rules:
        for tag in rule.tags:
            until = f" for {tag.days} days" if tag.days is not None else ""
            names = named_tags(f"{prefix}{name}" for name in evaluate(tag.name, scope).values)
            stated += [("tag", f"{name}{until}") for name in names]
    values = {
        each.perstag: ", ".join(evaluate(each.value, scope).values)
        for rule in reversed(rules)
        for each in rule.fields
    }
    return stated + [("field", f"{perstag} = {value}") for perstag, value in values.items()]


# -- consent as words -----------------------------------------------------------------


def _said_of(consent: ConsentConfig, record: Row, said: Sequence[Said]) -> Iterator[SaidLook]:
    for place in consent.places:
        rows = [row for row in said if (row.channel, row.place) == (consent.channel, place.key)]
        for row in rows:
            yield SaidLook(
                channel=consent.channel, place=str(place.value), record=row.evidence.record,
                says=row.evidence.says, when=_when(row.evidence), remark=_remark(row),
            )  # fmt: skip
        here = f"{record['stream']} {record['id']} "
        if place.stream == record["stream"] and not any(r.evidence.record.startswith(here) for r in rows):
            yield SaidLook(
                channel=consent.channel, place=str(place.value), says="nothing", when="",
                record=f"{here}version {record['version']}",
            )  # fmt: skip


def _when(said: Evidence) -> str:
    """Return between which moments something was said, in words."""
    if said.since is None and said.at is None:
        return "not known"
    if said.since == said.at:
        return f"{said.at:%Y-%m-%d %H:%M:%S%z}"
    bounds = (f"{each:%Y-%m-%d %H:%M:%S%z}" if each else "?" for each in (said.since, said.at))
    return f"between {' and '.join(bounds)}"


def _remark(row: Said) -> str:
    remarks = {
        "its record goes elsewhere": not row.is_here,
        "its record is over": row.is_over,
        "in a record of the past": row.evidence.is_past,
        "nobody said it: it came with a field or type": not row.evidence.is_explicit,
        "brings nobody back": not row.evidence.may_revive,
    }
    return ", ".join(remark for remark, holds in remarks.items() if holds)


def _list_look(found: ListForeseen) -> ListLook:
    halted = ", and waits: halted until a human has looked" if found.is_halted else ""
    return ListLook(
        channel=found.list.channel, list=found.list.name,
        said=str(found.said.says) if found.said else "nothing", standing=found.held.standing,
        action=found.verdict.action, reason=f"{found.verdict.reason}{halted}",
        calls=(shown_call(found.call),) if found.call and not found.is_halted else (),
    )  # fmt: skip
