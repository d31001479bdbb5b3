"""
Preview: what would become of a record, side by side, and nothing is sent.

Only what reads is asked of a destination: how it shows the contact, its tags, the order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ct_ac_sync.domain.contact import Contact, CreationSource, EcommerceOrder
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.tags import AddTag, TagSet, changes_of
from ct_ac_sync.mapping.evaluate import Nowhere
from ct_ac_sync.ports import Call, OrderSend
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.desired import Desired, DesiredState
from ct_ac_sync.sync.router import Router

Row = Mapping[str, Any]

#: Of an entry that there is none of yet, or that is only looked at.
NOTHING = Member(
    entry=0, recipient=0, person=0, operation="", source="", object="", lane=1, wanted=0, applied=0,
    attempts=0, profile=0, batch_limit=None, fires=False, is_repair=False, fingerprint=None, unclear=None,
    readbacks=0, detail=None, address=None, contact=None,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What would become of one operation at one destination.

    Attributes:
        verdict: Whether it would be sent, and why not.
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
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """
    A record, where it goes, and what would become of it there.

    Attributes:
        route: The name of the route that takes it; None where none does.
        refused: The routes before it, and why they do not.
    """

    record: Row
    route: str | None
    refused: tuple[tuple[str, str], ...]
    looks: tuple[Look, ...]


class Preview:
    """Maps one record and compares, and sends nothing."""

    def __init__(
        self, *, accounts: Mapping[str, Account], desired: Mapping[str, DesiredState], router: Router
    ) -> None:
        """*accounts* and *desired* by destination."""
        self._accounts = accounts
        self._desired = desired
        self._router = router

    def preview(self, record: Row, body: Row, entries: Sequence[Row]) -> Previewed:
        """
        Return what would become of *record*, as it is stored.

        Args:
            record: Its source, stream, id and person.
            entries: What is owed, and known to be held, of its person.

        Raises:
            SyncError: A destination or the source does not answer.
        """
        is_customer = record["stream"] == "customers"
        choice = self._router.choose(record["source"], body, Nowhere(), is_customer=is_customer)
        places = self._router.places(record["source"], body, Nowhere(), is_customer=is_customer)
        known = {entry["destination"] for entry in entries} & set(self._accounts)
        looks = [
            look
            for destination in sorted({*places, *known})
            for look in self._looks(destination, record, entries)
        ]
        return Previewed(
            record=record,
            route=choice.route.name if choice.route else None,
            refused=choice.refused,
            looks=tuple(looks),
        )

    def _looks(self, destination: str, record: Row, entries: Sequence[Row]) -> Iterator[Look]:
        desired, held = self._desired[destination], _held(entries, destination)
        person = {"source": record["source"], "person": record["person"]}
        yield self._look(destination, desired.contacts, _member("upsert_contact", "", person, held))
        if desired.has_tags:
            yield self._look(destination, desired.tags, _member("sync_tags", "", person, held))
        if record["stream"] == "orders":
            yield self._look(destination, desired.orders, _member("upsert_order", record["id"], person, held))

    def _look(self, destination: str, map_: Any, member: Member) -> Look:
        account = self._accounts[destination]
        (desired,) = map_([member])
        verdict = _verdict(desired)
        present = self._present(account, desired)
        wanted = _calls(account, desired, present) if verdict == "send" else ()
        calls = tuple(_shown(call) for call in wanted)
        if isinstance(desired.value, TagSet) and not calls and verdict == "send":
            verdict = "nothing to send: its tags are as they shall be"
        return Look(
            destination=destination, operation=member.operation, verdict=verdict,
            mapped=asdict(desired.value) if desired.value else None, present=present, calls=calls,
            remark=desired.remark,
        )  # fmt: skip

    def _present(self, account: Account, desired: Desired) -> dict[str, Any] | None:
        """Return what the destination shows; a contact that is linked, by its id."""
        if isinstance(desired.value, EcommerceOrder):
            layout = account.provision.layout()
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
        member = desired.member
        if member.contact:
            seen = next(iter(account.destination.fetch_contacts([ContactId(member.contact)])), None)
        else:
            address = desired.address or member.address
            seen = account.destination.find_contact(Address(address)) if address else None
        return asdict(seen) if seen else None


def _held(entries: Sequence[Row], destination: str) -> Mapping[tuple[str, str], Row]:
    return {(e["operation"], e["object"]): e for e in entries if e["destination"] == destination}


def _member(operation: str, object_: str, person: Row, held: Mapping[tuple[str, str], Row]) -> Member:
    """Return the entry as it stands, or as it would begin."""
    known = held.get((operation, object_), {})
    return replace(
        NOTHING, operation=operation, object=object_, source=person["source"], person=person["person"],
        fingerprint=known.get("fingerprint"), address=known.get("address"), contact=known.get("contact"),
    )  # fmt: skip


def _verdict(desired: Desired) -> str:
    if desired.failure is not None:
        return f"held: {desired.failure.message}"
    if desired.value is None:
        return f"skip: {desired.skip}"
    return "unchanged" if desired.fingerprint == desired.member.fingerprint else "send"


def _calls(account: Account, desired: Desired, present: Row | None) -> Iterator[Call]:
    """Give the calls that would be made; of tags that nobody has made yet, the name stands for the id."""
    layout, destination = account.provision.layout(), account.destination
    match desired.value:
        case Contact() as contact if present is not None:
            yield destination.prepare_update(ContactId(present["contact"]), contact, layout)
        case Contact() as contact:
            yield destination.prepare_sync(contact, layout)
        case EcommerceOrder() as order:
            source = CreationSource.HISTORICAL if desired.member.fingerprint else CreationSource.REAL_TIME
            sent = OrderSend(order=order, creation_source=source, connection=desired.connection)
            yield destination.prepare_orders([sent], layout)
        case TagSet() as tags if present is not None:
            for change in changes_of(tags, present["tags"]):
                if isinstance(change, AddTag):
                    yield destination.prepare_tag(ContactId(present["contact"]), change.name)
                else:
                    yield destination.prepare_untag(change.link or "")


def _shown(call: Call) -> Mapping[str, Any]:
    return {"kind": call.kind, "method": call.method, "path": call.path, "body": call.body}
