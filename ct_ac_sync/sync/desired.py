"""What each claimed entry should come to: records read, validated and mapped."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from ct_ac_sync.domain.contact import Contact, EcommerceOrder
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.delivery import Buried, Member
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.domain.identity import is_address
from ct_ac_sync.domain.order import Order
from ct_ac_sync.mapping.contact import to_contact
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.mapping.status import unknown_states
from ct_ac_sync.ports import Json, Readable, Stream, Unreadable
from ct_ac_sync.store.deliveries import Deliveries, StoredRecord

NO_ADDRESS = Buried("upsert_contact: not an address", "the e-mail of this person is not an address")

Parse = Callable[[Stream, Json], Readable | Unreadable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """
    What the destination shall hold for one entry, or why nothing.

    Attributes:
        value: The mapped contact or order; None where nothing is to be sent.
        skip: Why nothing is to be sent.
        failure: What to bury it with, where its record cannot be read any more.
        remark: What of the record this mapping does not know, to be counted.
        version: Of the newest record it was mapped from.
    """

    member: Member
    value: Contact | EcommerceOrder | None = None
    address: str | None = None
    fingerprint: str = ""
    version: int = 0
    skip: str = ""
    failure: Buried | None = None
    remark: str = ""


@dataclass(slots=True)
class _Person:
    customers: list[Customer] = field(default_factory=list)
    guests: list[Order] = field(default_factory=list)


class DesiredState:
    """Maps claimed entries from what is stored now, which is never older than what is wanted."""

    def __init__(self, *, deliveries: Deliveries, parse: Parse) -> None:
        self._deliveries = deliveries
        self._parse = parse

    def contacts(self, members: Sequence[Member]) -> list[Desired]:
        """Return the contact of each member's person."""
        persons, _, faults = self._read(members)
        return [self._contact(member, persons[member.person], faults) for member in members]

    def orders(self, members: Sequence[Member]) -> list[Desired]:
        """Return the order of each member, with its contact's present values."""
        persons, orders, faults = self._read(members)
        return [
            self._order(member, persons[member.person], orders.get((member.source, member.object)), faults)
            for member in members
        ]

    def _contact(self, member: Member, person: _Person, faults: dict[int, str]) -> Desired:
        if member.person in faults:
            return _unreadable(member, faults[member.person])
        contact = to_contact(person.customers, person.guests)
        if contact is None:
            return Desired(member=member, skip="no_address")
        if not is_address(contact.email):
            return Desired(member=member, failure=NO_ADDRESS)
        version = max([c.version for c in person.customers] + [o.version for o in person.guests])
        return Desired(
            member=member,
            value=contact,
            address=contact.email,
            fingerprint=fingerprint(contact),
            version=version,
        )

    def _order(self, member: Member, person: _Person, order: Order | None, faults: dict[int, str]) -> Desired:
        if member.person in faults:
            return _unreadable(member, faults[member.person])
        guests = person.guests or ([order] if order else [])
        contact = to_contact(person.customers, guests)
        if order is None or contact is None:
            return Desired(member=member, skip="gone" if order is None else "no_address")
        mapped = to_order(order, contact)
        plain = asdict(replace(mapped, contact=Contact(email=contact.email)))
        return Desired(
            member=member,
            value=mapped,
            address=contact.email,
            fingerprint=fingerprint(plain),
            version=order.version,
            remark=" ".join(f"unknown {each}" for each in unknown_states(order)),
        )

    def _read(
        self, members: Sequence[Member]
    ) -> tuple[dict[int, _Person], dict[tuple[str, str], Order], dict[int, str]]:
        persons: dict[int, _Person] = defaultdict(_Person)
        orders: dict[tuple[str, str], Order] = {}
        faults: dict[int, str] = {}
        for record in self._deliveries.read_records(members):
            parsed = self._parse(_stream(record), record.body)
            if isinstance(parsed, Unreadable):
                faults[record.person] = f"{record.stream} {record.id}: {dict(parsed.faults)}"
            elif isinstance(parsed.value, Customer):
                persons[record.person].customers.append(parsed.value)
            elif record.stream == "guest":
                persons[record.person].guests.append(parsed.value)
            else:
                orders[record.source, record.id] = parsed.value
        return persons, orders, faults


def _stream(record: StoredRecord) -> Stream:
    return Stream.CUSTOMERS if record.stream == "customers" else Stream.ORDERS


def _unreadable(member: Member, fault: str) -> Desired:
    return Desired(member=member, failure=Buried("unreadable stored record", fault))
