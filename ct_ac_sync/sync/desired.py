"""What each claimed entry should come to: records read, validated and mapped."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from ct_ac_sync.configuration.expression import Root
from ct_ac_sync.configuration.values import Configuration
from ct_ac_sync.domain.breakdown import Breakdown
from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.contact import Contact, EcommerceOrder, OrderStatus
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.delivery import Buried, Member
from ct_ac_sync.domain.event import Event, EventKind
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.domain.identity import is_address
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.domain.tags import TagSet
from ct_ac_sync.mapping.breakdown import to_breakdown
from ct_ac_sync.mapping.derived import OrderFacts, order_facts
from ct_ac_sync.mapping.evaluate import Lookup, Scope, evaluate
from ct_ac_sync.mapping.happening import Happening
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.mapping.product import contexts_of
from ct_ac_sync.mapping.profile import (
    Person,
    Profile,
    SourceRecord,
    needs_consent,
    needs_orders,
    speaker_of,
    to_profile,
)
from ct_ac_sync.mapping.rules import event_kinds, goes_as_historical
from ct_ac_sync.mapping.status import unknown_states
from ct_ac_sync.ports import Json, Readable, Stream, Unreadable
from ct_ac_sync.store.consent_book import ConsentBook
from ct_ac_sync.store.deliveries import NONE_MOVED, Deliveries, Moved, StoredRecord
from ct_ac_sync.store.event_book import EventBook
from ct_ac_sync.sync.hearing import consent_root
from ct_ac_sync.sync.references import LookupOf, References
from ct_ac_sync.sync.router import Router

NO_ADDRESS = Buried("upsert_contact: not an address", "the e-mail of this person is not an address")
#: Why nothing is sent of a person of whom no record is left that speaks for it.
NOBODY_LEFT = "nobody_left"
#: An entry that there is none of yet, or that is only looked at.
NOT_BEGUN = Member(
    entry=0, recipient=0, person=0, operation="", source="", object="", lane=1, wanted=0, applied=0,
    attempts=0, profile=0, batch_limit=None, fires=False, is_repair=False, fingerprint=None, unclear=None,
    readbacks=0, detail=None, address=None, contact=None,
)  # fmt: skip
#: What an order that was deleted says of its states.
DELETED = "Deleted"
#: Of what a mapping did not know, so much is written down.
MOST_OF_REMARK = 500

Parse = Callable[[Stream, Json], Readable | Unreadable]
Map = Callable[[Member, "_Gathered", LookupOf], "Desired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """
    What the destination shall hold for one entry, or why nothing.

    Attributes:
        value: The mapped contact, tags or order; None where nothing is to be sent.
        connection: Of an order: the e-commerce connection it goes to; None for the default one.
        lists: Of an order: the keys of the lists that its route names.
        skip: Why nothing is to be sent.
        failure: What to bury it with, where its record cannot be read, or does not add up.
        figures: Of an order: its parts, their sum and its total, line by line.
        remark: What of the record this mapping does not know, to be counted.
        version: Of the newest record it was mapped from.
        is_gone: Of an order: it was deleted, and is cancelled where it is there, and nowhere else.
        is_quiet: Of an order that nobody was told of: it goes out as historical all the same.
    """

    member: Member
    value: Contact | EcommerceOrder | TagSet | None = None
    connection: str | None = None
    lists: tuple[str, ...] = ()
    address: str | None = None
    fingerprint: str = ""
    version: int = 0
    skip: str = ""
    failure: Buried | None = None
    figures: str = ""
    remark: str = ""
    is_gone: bool = False
    is_quiet: bool = False

    @property
    def is_news(self) -> bool:
        """Whether the destination is not known to hold exactly this."""
        member = self.member
        return self.fingerprint != member.fingerprint or member.is_repair or member.fires


@dataclass(slots=True)
class _Gathered:
    """What is stored of one person."""

    customers: list[tuple[SourceRecord, bool]] = field(default_factory=list)
    guest: SourceRecord | None = None
    orders: list[OrderFacts] = field(default_factory=list)
    last_order: Json | None = None
    consent: Mapping[str, Any] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)
    now: datetime | None = None
    fault: str = ""

    @property
    def why_none(self) -> str:
        """Why there is no profile, where there is none."""
        return "no_address" if self.customers or self.guest else NOBODY_LEFT

    def customer_of(self, order: Order) -> Json | None:
        """Return the body of the customer of *order*; None of a guest's."""
        bodies = (record.body for record, _ in self.customers if record.value.id == order.customer_id)
        return next(bodies, None)

    def person(self) -> Person:
        """Return the person; of its customers those that go here, else all."""
        here = [record for record, is_here in self.customers if is_here]
        return Person(
            customers=tuple(here or [record for record, _ in self.customers]),
            guest=self.guest,
            orders=tuple(self.orders),
            last_order=self.last_order,
            consent=self.consent,
            events=tuple(self.events),
            now=self.now,
        )


class DesiredState:
    """Maps claimed entries from what is stored now, which is never older than what is wanted."""

    def __init__(
        self,
        *,
        destination: str,
        configuration: Configuration,
        deliveries: Deliveries,
        references: References,
        router: Router,
        parse: Parse,
        book: EventBook,
        consent: ConsentBook,
    ) -> None:
        """*destination* is the one that is mapped for."""
        self._book = book
        self._consent = consent
        self._destination = destination
        self._configuration = configuration
        self._deliveries = deliveries
        self._references = references
        self._router = router
        self._parse = parse
        #: Records that are looked at as if they were elsewhere.
        self.moved: Moved = NONE_MOVED
        #: Whether anything of tags is wanted.
        self.has_tags = configuration.has_tags
        self._owned = tuple(
            sorted(
                {
                    f"{prefix}{owned}"
                    for owned in configuration.tags.owned
                    for prefix in ("", *(route.tag_prefix for route in configuration.routes))
                }
            )
        )

    def as_if(self, moved: Moved) -> Self:
        """Return the same, as it would be if records had moved."""
        other = copy(self)
        other.moved = moved
        return other

    def contacts(self, members: Sequence[Member]) -> list[Desired]:
        """Return the contact of each member's person."""
        return self._mapped(members, self._contact)

    def tags(self, members: Sequence[Member]) -> list[Desired]:
        """Return the tags of each member's person."""
        return self._mapped(members, self._tags)

    def phone_of(self, member: Member) -> str:
        """Return the telephone number of the member's person, as its contact has it; empty without one."""
        value = self.contacts([member])[0].value
        return value.phone if isinstance(value, Contact) else ""

    def orders(self, members: Sequence[Member]) -> list[Desired]:
        """Return the order of each member, with its contact's present values."""
        stored, gone, faults = self._read_orders(members)

        def map_(member: Member, gathered: _Gathered, lookup_of: LookupOf) -> Desired:
            key = (member.source, member.object)
            if key in faults:
                return _unreadable(member, faults[key])
            if key in gone:
                return _cancelled(self._order(member, gathered, stored[key], lookup_of))
            return self._order(member, gathered, stored.get(key), lookup_of)

        return self._mapped(members, map_)

    # -- one by one -------------------------------------------------------------------

    def _contact(self, member: Member, gathered: _Gathered, lookup_of: LookupOf) -> Desired:
        profile = self._profile(gathered.person(), lookup_of)
        if profile is None:
            return Desired(member=member, skip=gathered.why_none)
        if not is_address(profile.contact.email):
            return Desired(member=member, failure=NO_ADDRESS)
        return Desired(
            member=member,
            value=replace(profile.contact, tags=profile.tags),
            address=profile.contact.email,
            fingerprint=fingerprint(profile.contact),
            version=profile.version,
            remark="; ".join(profile.remarks)[:MOST_OF_REMARK],
        )

    def _tags(self, member: Member, gathered: _Gathered, lookup_of: LookupOf) -> Desired:
        profile = self._profile(gathered.person(), lookup_of)
        if profile is None:
            return Desired(member=member, skip=gathered.why_none)
        tags = TagSet(names=profile.tags, owned=self._owned, ended=profile.ended)
        return Desired(
            member=member,
            value=tags,
            address=profile.contact.email,
            fingerprint=fingerprint(tags),
            version=profile.version,
        )

    def _order(
        self, member: Member, gathered: _Gathered, record: SourceRecord | None, lookup_of: LookupOf
    ) -> Desired:
        if record is None or not isinstance(record.value, Order):
            return Desired(member=member, skip="gone")
        order, lookup = record.value, lookup_of(record.source)
        profile = self._profile(gathered.person(), lookup_of)
        profile = profile or self._profile(Person(guest=record), lookup_of)
        if profile is None:
            return Desired(member=member, skip="no_address")
        config = self._configuration
        route = self._router.route_at(
            self._destination, record.source, record.body, lookup,
            is_customer=False, customer=gathered.customer_of(order),
        )  # fmt: skip
        connection = (route.connection if route else None) or record.source
        fallbacks = config.profile.locales
        breakdown = to_breakdown(
            order, chargebacks_count=config.orders.chargebacks_count, fallbacks=fallbacks
        )
        if breakdown.difference:
            failure = _imbalance(breakdown)
            return Desired(member=member, connection=connection, failure=failure, version=order.version)
        products = self._products(order, record.body, lookup)
        mapped = to_order(
            order,
            profile.contact,
            config=config.orders,
            products=products,
            breakdown=breakdown,
            url=self._page_of(record, lookup),
            fallbacks=fallbacks,
        )
        return Desired(
            member=member,
            value=mapped,
            connection=connection,
            lists=route.lists if route else (),
            address=profile.contact.email,
            fingerprint=_print(mapped, connection),
            version=order.version,
            figures=breakdown.account(),
            is_quiet=member.fires and self._is_quiet(record, gathered.customer_of(order), lookup),
            remark=" ".join(f"unknown {each}" for each in unknown_states(order)),
        )

    def _profile(self, person: Person, lookup_of: LookupOf) -> Profile | None:
        """Return what a person becomes, with what the project of its speaker knows."""
        config = self._configuration
        speaker = speaker_of(person, config.profile.speaker)
        if speaker is None:
            return None
        lookup, is_customer = lookup_of(speaker.source), isinstance(speaker.value, Customer)
        route = self._router.route_at(
            self._destination, speaker.source, speaker.body, lookup, is_customer=is_customer
        )
        return to_profile(person, config=config, route=route, lookup=lookup)

    def _is_quiet(self, record: SourceRecord, customer: Json | None, lookup: Lookup) -> bool:
        """Whether an order is of the past by the file, however new it is."""
        if not isinstance(order := record.value, Order):
            return False
        placed = Event(
            kind=EventKind.ORDER_PLACED, key=order.id, happened_at=order.created_at,
            stream=Stream.ORDERS, id=order.id,
        )  # fmt: skip
        happening = Happening(event=placed, source=record.source, body=record.body, customer=customer)
        route = self._router.route_at(
            self._destination, record.source, record.body, lookup, is_customer=False, customer=customer
        )
        return goes_as_historical(self._configuration, happening, route, lookup)

    def _page_of(self, record: SourceRecord, lookup: Lookup) -> str:
        """Return the address of an order's page, where the configuration says how it is made."""
        config = self._configuration
        if config.orders.url is None:
            return ""
        locales = tuple(filter(None, (record.value.locale, *config.profile.locales)))
        scope = Scope(roots={Root.ORDER: record.body}, lookup=lookup, locales=locales)
        return next(iter(evaluate(config.orders.url, scope).values), "")

    def _products(self, order: Order, body: Json, lookup: Lookup) -> Mapping[str, ProductContext]:
        """Return what is known of the products of an order; a deleted one stops nothing."""
        return contexts_of(
            order.line_items, config=self._configuration, lookup=lookup, locale=order.locale,
            roots={Root.ORDER: body},
        )  # fmt: skip

    # -- together ---------------------------------------------------------------------

    def _mapped(self, members: Sequence[Member], map_: Map) -> list[Desired]:
        """Map all members; what they refer to is fetched in pages, for all together."""
        gathered = self._gather(members)
        readable = [member for member in members if not gathered[member.person].fault]
        found: dict[int, Desired] = {
            member.entry: _unreadable(member, gathered[member.person].fault)
            for member in members
            if gathered[member.person].fault
        }

        def map_one(member: Member, lookup_of: LookupOf) -> Desired:
            return map_(member, gathered[member.person], lookup_of)

        mapped = self._references.settle_each(readable, map_one)
        found |= {each.member.entry: each for each in mapped}
        return [found[member.entry] for member in members]

    def _gather(self, members: Sequence[Member]) -> dict[int, _Gathered]:
        persons: dict[int, _Gathered] = defaultdict(_Gathered)
        for record in self._deliveries.read_records(members, destination=self._destination, moved=self.moved):
            gathered = persons[record.person]
            read = self._parsed(record)
            if isinstance(read, str):
                gathered.fault = read
            elif isinstance(read.value, Customer):
                gathered.customers.append((read, record.is_here))
            else:
                gathered.guest = read
        if needs_orders(self._configuration):
            self._add_orders(persons, members)
        if needs_consent(self._configuration):
            self._add_consent(persons, members)
        if kinds := event_kinds(self._configuration):
            self._add_events(persons, members, kinds)
        return persons

    def _add_consent(self, persons: dict[int, _Gathered], members: Sequence[Member]) -> None:
        consents = {each.channel: each for each in self._configuration.consent}
        for person, rows in self._consent.read_evidence([each.person for each in members]).items():
            persons[person].consent = consent_root(rows, consents)

    def _add_events(
        self, persons: dict[int, _Gathered], members: Sequence[Member], kinds: Collection[EventKind]
    ) -> None:
        ids = sorted({member.person for member in members})
        moved = {key: list(places) for each in ids for key, places in self.moved.get(each, {}).items()}
        for person, held, now in self._book.newest(ids, kinds, destination=self._destination, moved=moved):
            happening = Happening(
                event=held.event, source=held.source, body=held.body or {}, customer=held.customer
            )
            persons[person].events.append(happening)
            persons[person].now = now

    def _add_orders(self, persons: dict[int, _Gathered], members: Sequence[Member]) -> None:
        for person, body in self._deliveries.read_order_facts(
            members, destination=self._destination, moved=self.moved
        ):
            facts = order_facts(body, chargebacks_count=self._configuration.orders.chargebacks_count)
            persons[person].orders.append(facts)
        for person, body in self._deliveries.read_last_orders(
            members, destination=self._destination, moved=self.moved
        ):
            persons[person].last_order = body

    def _read_orders(
        self, members: Sequence[Member]
    ) -> tuple[dict[tuple[str, str], SourceRecord], set[tuple[str, str]], dict[tuple[str, str], str]]:
        """Return the orders of *members*, which of them are gone, and what is wrong with those that are not there."""
        orders: dict[tuple[str, str], SourceRecord] = {}
        gone: set[tuple[str, str]] = set()
        faults: dict[tuple[str, str], str] = {}
        for record in self._deliveries.read_orders(members):
            read = self._parsed(record)
            if isinstance(read, str):
                faults[record.source, record.id] = read
            else:
                orders[record.source, record.id] = read
                gone |= {(record.source, record.id)} if record.is_gone else set()
        return orders, gone, faults

    def _parsed(self, record: StoredRecord) -> SourceRecord | str:
        """Return the record's value with its body, or what is wrong with it by now."""
        parsed = self._parse(Stream(record.stream), record.body)
        if isinstance(parsed, Unreadable):
            return f"{record.stream} {record.id}: {dict(parsed.faults)}"
        if not isinstance(parsed.value, Customer | Order | Cart):
            raise TypeError(f"{record.stream} are nobody's records")
        return SourceRecord(record.source, parsed.value, parsed.body)


def _print(order: EcommerceOrder, connection: str | None) -> str:
    """Return a digest of an order; of its contact only the address, because the rest is sent by itself."""
    plain = asdict(replace(order, contact=Contact(email=order.contact.email)))
    return fingerprint(plain | {"connection": connection})


def _cancelled(desired: Desired) -> Desired:
    """Return an order that is gone as it shall be there: cancelled, and said to be deleted."""
    if not isinstance(desired.value, EcommerceOrder):
        return desired
    order = replace(desired.value, status=OrderStatus.CANCELLED, store_status=DELETED)
    print_ = _print(order, desired.connection)
    return replace(desired, value=order, fingerprint=print_, is_gone=True, is_quiet=desired.member.fires)


def _imbalance(breakdown: Breakdown) -> Buried:
    return Buried("upsert_order: does not add up", breakdown.account())


def _unreadable(member: Member, fault: str) -> Desired:
    return Desired(member=member, failure=Buried("unreadable stored record", fault))
