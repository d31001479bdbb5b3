"""
Preview: what would become of a record, side by side, and nothing is sent.

Only what reads is asked of a destination: how it shows the contact, its tags, the order, its
memberships.  What follows of events and consent is said by :mod:`ct_ac_sync.sync.foresight`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any

from ct_ac_sync.domain.contact import Contact, CreationSource, EcommerceOrder
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.tags import AddTag, TagSet, changes_of
from ct_ac_sync.ports import Call, OrderSend
from ct_ac_sync.store.tag_book import TagBook
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.desired import NOT_BEGUN, Desired, DesiredState
from ct_ac_sync.sync.foresight import ConsentLook, EventLook, Foresight, RuleLook, Stored, shown_call
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What would become of one operation at one destination.

    Attributes:
        verdict: Whether it would be sent, and why not.
        figures: Of an order: its parts, their sum and its total, line by line.
        mapped: What the destination shall hold.
        present: What it shows now; None where it shows nothing.
        calls: What would be sent, complete.
    """

    destination: str
    operation: str
    verdict: str
    mapped: Mapping[str, Any] | None
    present: Mapping[str, Any] | None
    calls: tuple[Mapping[str, Any], ...]
    figures: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """
    A record, where it goes, and what would become of it there.

    Attributes:
        route: The name of the route that takes it; None where none does.
        refused: The routes before it, and why they do not.
        rules: The rules of events that may hold for it, and why some do not.
        events: What is known to have happened to it, and what follows of that.
        consent: What its person consents to, at each destination.
    """

    record: Row
    route: str | None
    refused: tuple[tuple[str, str], ...]
    looks: tuple[Look, ...]
    rules: tuple[RuleLook, ...] = ()
    events: tuple[EventLook, ...] = ()
    consent: tuple[ConsentLook, ...] = ()


class Preview:
    """Maps one record and compares, and sends nothing."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, Account],
        desired: Mapping[str, DesiredState],
        book: TagBook,
        router: Router,
        references: References,
        foresight: Foresight,
    ) -> None:
        """*accounts* and *desired* by destination."""
        self._foresight = foresight
        self._accounts = accounts
        self._desired = desired
        self._book = book
        self._router = router
        self._references = references

    def preview(
        self, record: Row, body: Row, entries: Sequence[Row], *, customer: Row | None = None
    ) -> Previewed:
        """
        Return what would become of *record*, as it is stored, if it were sent alone and now.

        Args:
            record: Its source, stream, id and person.
            entries: What is owed, and known to be held, of its person.
            customer: Of an order: the body of its customer, where it has one.

        Raises:
            SyncError: A destination or the source does not answer.
        """
        choose = partial(
            self._router.choose,
            record["source"],
            body,
            is_customer=record["stream"] == "customers",
            customer=customer,
        )
        choice = self._references.settle(record["source"], choose)
        known = {entry["destination"] for entry in entries} & set(self._accounts)
        places = sorted({*self._router.places_of(choice), *known})
        looks = [look for place in places for look in self._looks(place, record, entries)]
        somebody = {place: self._somebody(place, record, entries) for place in places}
        events = self._foresight.events(record, somebody)
        return Previewed(
            record=record,
            route=choice.route.name if choice.route else None,
            refused=choice.refused,
            looks=tuple(looks),
            rules=self._foresight.rules(Stored(record, body, customer), events, places),
            events=events,
            consent=self._foresight.consent(record, somebody, places),
        )

    def _somebody(self, destination: str, record: Row, entries: Sequence[Row]) -> Member:
        """Return the entry of consent at a destination, of whom it will be once the contact is written."""
        here = [entry for entry in entries if entry["destination"] == destination]
        member = _member("set_consent", "", record, here)
        if member.address is not None:
            return member
        (desired,) = self._desired[destination].contacts([_member("upsert_contact", "", record, here)])
        return replace(member, address=desired.address)

    def _looks(self, destination: str, record: Row, entries: Sequence[Row]) -> Iterator[Look]:
        desired = self._desired[destination]
        here = [entry for entry in entries if entry["destination"] == destination]
        yield self._look(destination, desired.contacts, _member("upsert_contact", "", record, here))
        if desired.has_tags:
            yield self._look(destination, desired.tags, _member("sync_tags", "", record, here))
        if record["stream"] == "orders":
            member = _member("upsert_order", record["id"], record, here)
            yield self._look(destination, desired.orders, member)

    def _look(self, destination: str, map_: Any, member: Member) -> Look:
        account = self._accounts[destination]
        (desired,) = map_([member])
        verdict = _verdict(desired)
        present = self._present(account, desired)
        if verdict == "send" and desired.is_gone and present is None:
            verdict = "skip: gone"
        calls = tuple(map(shown_call, self._calls(account, desired, present))) if verdict == "send" else ()
        if verdict == "send" and not calls:
            verdict = "nothing to send: its tags are as they shall be"
        return Look(
            destination=destination, operation=member.operation, verdict=verdict,
            mapped=asdict(desired.value) if desired.value else None, present=present, calls=calls,
            figures=desired.figures, remark=desired.remark,
        )  # fmt: skip

    def _present(self, account: Account, desired: Desired) -> dict[str, Any] | None:
        """Return what the destination shows; a contact that is linked, by its id."""
        if isinstance(desired.value, EcommerceOrder):
            layout = account.provision.look()
            order = account.destination.find_order(desired.member.object, layout, desired.connection)
            return asdict(order) if order else None
        contact = self._contact(account, desired)
        if contact is None:
            return None
        if isinstance(desired.value, TagSet):
            seen = account.destination.fetch_tags(ContactId(contact["contact"]))
            return {"contact": contact["contact"], "tags": {tag.name: tag.link for tag in seen}}
        return contact

    def _contact(self, account: Account, desired: Desired) -> dict[str, Any] | None:
        """Return the contact: by its id, else by each address that it may have there."""
        member, seen = desired.member, None
        if member.contact:
            seen = next(iter(account.destination.fetch_contacts([ContactId(member.contact)])), None)
        for address in dict.fromkeys(filter(None, (*member.held, member.address, desired.address))):
            seen = seen or account.destination.find_contact(Address(address))
        return asdict(seen) if seen else None

    def _calls(self, account: Account, desired: Desired, present: Row | None) -> Iterator[Call]:
        """Give the calls that would be made; of what nobody has made yet, the name stands for the id."""
        layout, destination = account.provision.look(), account.destination
        match desired.value:
            case Contact() as contact if present is not None and _goes_by_id(desired):
                yield destination.prepare_update(ContactId(present["contact"]), contact, layout)
            case Contact() as contact:
                yield destination.prepare_sync(contact, layout)
            case EcommerceOrder() as order:
                fires = desired.member.fires and not desired.is_quiet
                source = CreationSource.REAL_TIME if fires else CreationSource.HISTORICAL
                sent = OrderSend(order=order, creation_source=source, connection=desired.connection)
                yield destination.prepare_orders([sent], layout)
            case TagSet() as tags:
                there = present or {"contact": desired.address, "tags": {}}
                for change in changes_of(tags, there["tags"]):
                    if isinstance(change, AddTag):
                        tag = self._book.tag_id(account.name, change.name) or change.name
                        yield destination.prepare_tag(ContactId(there["contact"]), tag)
                    else:
                        yield destination.prepare_untag(change.link or "")
            case None:
                return


def _member(operation: str, object_: str, record: Row, here: Sequence[Row]) -> Member:
    """Return the entry as it stands, or as it would begin."""
    for row in here:
        if (row["operation"], row["object"]) == (operation, object_):
            return Member(**{each.name: row[each.name] for each in fields(Member)})
    known = here[0] if here else {}
    return replace(
        NOT_BEGUN, operation=operation, object=object_, source=record["source"], person=record["person"],
        recipient=known.get("recipient", 0),
        address=known.get("address"), contact=known.get("contact"), held=known.get("held", ()),
    )  # fmt: skip


def _goes_by_id(desired: Desired) -> bool:
    """Whether the contact is linked, or is to be renamed."""
    member = desired.member
    return member.contact is not None or any(each != desired.address for each in member.held)


def _verdict(desired: Desired) -> str:
    if desired.failure is not None:
        return f"held: {desired.failure.message}"
    if desired.value is None:
        return f"skip: {desired.skip}"
    return "send" if desired.is_news else "unchanged"
