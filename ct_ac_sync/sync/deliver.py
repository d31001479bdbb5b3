"""
Deliver: claim, map, compare, and make the one call that is needed.

A claim under light load is one entry, and goes out alone and at once.  When more work
of the same kind waits, neighbours are claimed with it, so that one call carries many.
What kind of call it becomes is decided in :mod:`ct_ac_sync.domain.choice`; what a
failure means, in :mod:`ct_ac_sync.domain.delivery`.
"""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ct_ac_sync.domain.choice import BatchSizes, wants_import, wants_order_batch
from ct_ac_sync.domain.contact import Contact, CreationSource, EcommerceOrder
from ct_ac_sync.domain.delivery import (
    Accepted,
    Applied,
    Claim,
    Member,
    Outcome,
    Postponed,
    Result,
    Skipped,
    Unchanged,
    Unclear,
    outcome_of_error,
    settle_unclear,
)
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.errors import (
    AddressTakenError,
    GoneError,
    RejectedError,
    SyncError,
    UnclearError,
)
from ct_ac_sync.ports import (
    Answer,
    Call,
    CallKind,
    Clock,
    ContactWritten,
    CustomerWritten,
    Destination,
    ImportQueued,
    Layout,
    OrderSend,
    OrdersWritten,
)
from ct_ac_sync.store.deliveries import Deliveries, Draft, Intent, TriggerTakenError
from ct_ac_sync.sync.desired import Desired, DesiredState
from ct_ac_sync.sync.dispatch import Dispatch
from ct_ac_sync.sync.pacing import Pacing
from ct_ac_sync.sync.provision import Provision


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSettings:
    """
    How recipients are delivered to.

    Attributes:
        call: The total deadline of one call.
        slice: How long one task goes on with its recipient.
        readbacks: When an unclear end is read back, each time after such a wait.
    """

    call: timedelta
    slice: timedelta
    readbacks: tuple[timedelta, ...]
    sizes: BatchSizes = field(default_factory=BatchSizes)
    policy: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True)
class _Sending:
    """A draft with the value it was mapped to."""

    draft: Draft
    value: Contact | EcommerceOrder | None

    @property
    def is_rename(self) -> bool:
        """Whether the contact has another address there."""
        before = self.draft.member.address
        return before is not None and before != self.draft.address


Mapper = Callable[[Sequence[Member]], list[Desired]]


class Deliver:
    """Delivers what recipients are owed."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        destination: Destination,
        desired: DesiredState,
        provision: Provision,
        dispatch: Dispatch,
        pacing: Pacing,
        clock: Clock,
        settings: DeliverSettings,
        dice: random.Random,
    ) -> None:
        self._deliveries = deliveries
        self._dispatch = dispatch
        self._destination = destination
        self._desired = desired
        self._provision = provision
        self._pacing = pacing
        self._clock = clock
        self._settings = settings
        self._dice = dice

    def deliver(self, recipient: int) -> int:
        """
        Deliver to *recipient* while it is due; return how many steps were taken.

        What was finished made room, and neighbours may be due for their next step: dispatch
        rings them without waiting for its tick.
        """
        until = self._clock.monotonic() + self._settings.slice.total_seconds()
        steps = 0
        while self._clock.monotonic() < until:
            claim = self._deliveries.claim(recipient)
            if claim is None:
                break
            self._step(claim)
            steps += 1
        if steps:
            self._dispatch.ring_due()
        return steps

    def _step(self, claim: Claim) -> None:
        try:
            layout = self._provision.layout()
            if claim.head.unclear is not None:
                self._read_back(claim, layout)
                return
            steps: dict[str, Callable[[Claim, Layout], None]] = {
                "upsert_contact": self._contacts,
                "upsert_order": self._orders,
                "rename_customer": self._customer,
            }
            steps[claim.head.operation](claim, layout)
        except SyncError as error:
            # Raised before anything was sent: by a read, by the budget, by provisioning.
            self._pacing.note_error(error)
            self._give_back(claim, error)

    def _give_back(self, claim: Claim, error: SyncError) -> None:
        outcome = self._outcome(error, claim.head, size=1)
        if isinstance(outcome, Unclear):
            outcome = Postponed(delay=timedelta(seconds=5), counts=False, reason=error.cause)
        self._deliveries.finish(claim, [Result(member=claim.head, outcome=outcome, answer=error.answer)])
        self._deliveries.release(claim)

    # -- contacts ---------------------------------------------------------------------

    def _contacts(self, claim: Claim, layout: Layout) -> None:
        sendings = self._draft(claim, self._desired.contacts, claim.members)
        if not sendings:
            return
        head, sizes = sendings[0], self._settings.sizes
        due = self._deliveries.count_due(claim, enough=sizes.import_from)
        if head.is_rename or not wants_import(claim.head, due=due, sizes=sizes):
            self._single_contact(claim, head, layout)
        elif self._deliveries.count_imports(claim.destination) < sizes.imports_outstanding:
            self._import(claim, head, layout)
        elif claim.head.lane < sizes.backfill_lane:
            self._single_contact(claim, head, layout)
        else:
            self._postpone(claim, timedelta(seconds=2), "imports_outstanding")

    def _single_contact(self, claim: Claim, sending: _Sending, layout: Layout) -> None:
        contact = sending.value
        if not isinstance(contact, Contact):
            raise TypeError(f"a profile was mapped to {type(contact).__name__}")
        link = self._link(sending)
        if link is None:
            call = self._destination.prepare_sync(contact, layout)
        else:
            call = self._destination.prepare_update(link, contact, layout)
        if self._comes_to_slot(claim, call.kind):
            self._send(claim, [sending.draft], call)

    def _link(self, sending: _Sending) -> ContactId | None:
        """Return the contact's id; a rename needs it, so then it is looked up if it is not known."""
        member = sending.draft.member
        if member.contact is not None:
            return ContactId(member.contact)
        if not sending.is_rename or member.address is None:
            return None
        found = self._destination.find_contact(Address(member.address))
        return found.contact if found else None

    def _import(self, claim: Claim, head: _Sending, layout: Layout) -> None:
        """Send the head and its neighbours by one import; those to be renamed stay due."""
        if not self._comes_to_slot(claim, CallKind.IMPORT_CONTACTS):
            return
        claim, others = self._company(claim, self._desired.contacts, limit=self._settings.sizes.imported)
        fitting = [head, *(each for each in others if not each.is_rename)]
        call = self._prepare_import(fitting, layout)
        while _weight(call) > self._settings.sizes.import_bytes and len(fitting) > 1:
            fitting = fitting[: len(fitting) // 2]
            call = self._prepare_import(fitting, layout)
        self._release_others(claim, [head, *others], fitting)
        self._send(claim, [each.draft for each in fitting], call)

    def _prepare_import(self, sendings: Sequence[_Sending], layout: Layout) -> Call:
        contacts = [s.value for s in sendings if isinstance(s.value, Contact)]
        return self._destination.prepare_import(contacts, layout)

    def _release_others(self, claim: Claim, all_: Sequence[_Sending], kept: Sequence[_Sending]) -> None:
        keeping = {s.draft.member.entry for s in kept}
        others = tuple(s.draft.member for s in all_ if s.draft.member.entry not in keeping)
        if others:
            self._deliveries.release(replace(claim, members=others))

    # -- orders -----------------------------------------------------------------------

    def _orders(self, claim: Claim, layout: Layout) -> None:
        sendings, sizes = self._draft(claim, self._desired.orders, claim.members), self._settings.sizes
        if not sendings or not self._comes_to_slot(claim, CallKind.UPSERT_ORDER):
            return
        due = self._deliveries.count_due(claim, enough=sizes.import_from)
        if wants_order_batch(claim.head, due=due, sizes=sizes):
            claim, others = self._company(claim, self._desired.orders, limit=sizes.orders)
            sendings += others
        orders = [
            OrderSend(order=s.value, creation_source=_creation_source(s.draft))
            for s in sendings
            if isinstance(s.value, EcommerceOrder)
        ]
        self._send(claim, [s.draft for s in sendings], self._destination.prepare_orders(orders, layout))

    def _read_back(self, claim: Claim, layout: Layout) -> None:
        """Settle an unclear end by looking: found settles it, not found is no proof."""
        member = claim.head
        found = self._destination.find_order(member.object, layout)
        outcome = settle_unclear(member, is_found=found is not None, readbacks=self._settings.readbacks)
        self._deliveries.finish(claim, [Result(member=member, outcome=outcome)])

    # -- e-commerce customers ---------------------------------------------------------

    def _customer(self, claim: Claim, layout: Layout) -> None:
        member = claim.head
        former = [Address(each) for each in (member.detail or "").split() if each != member.address]
        ids: list[str] = []
        for address in former:
            ids += self._destination.find_customers(address, layout)
        if not ids or member.address is None:
            result = Result(member=member, outcome=Skipped("no_customer"))
            self._deliveries.finish(claim, [result])
            return
        call = self._destination.prepare_customer(ids[0], Address(member.address))
        draft = Draft(member=member, fingerprint=f"{ids[0]} {member.address}", version=0)
        if self._comes_to_slot(claim, call.kind):
            self._send(claim, [draft], call, has_more=len(ids) > 1)

    # -- what all share ---------------------------------------------------------------

    def _draft(
        self, claim: Claim, map_: Mapper, members: Sequence[Member], *, held: Collection[int] = ()
    ) -> list[_Sending]:
        """
        Map *members*; finish what needs no call, hold the addresses of what does, return that.

        Args:
            held: Recipients that something else is about to be sent for: they stay leased.
        """
        desired = map_(members)
        settled = [_settled(each) for each in desired]
        results = [result for result in settled if result is not None]
        open_ = [each for each, result in zip(desired, settled, strict=True) if result is None]
        addresses = {
            each.member.recipient: each.address
            for each in open_
            if each.address and each.member.operation == "upsert_contact"
        }
        waiting = self._deliveries.hold_addresses(claim, addresses) if addresses else frozenset()
        results += [
            Result(
                member=each.member,
                version=each.version,
                outcome=Postponed(delay=timedelta(seconds=2), counts=False, reason="address_held"),
            )
            for each in open_
            if each.member.recipient in waiting
        ]
        sending = [each for each in open_ if each.member.recipient not in waiting]
        keep = {each.member.recipient for each in sending} | set(held)
        self._deliveries.finish(claim, results, keep=keep)
        return [_sending(each) for each in sending]

    def _company(self, claim: Claim, map_: Mapper, *, limit: int) -> tuple[Claim, list[_Sending]]:
        """
        Claim neighbours for the same call; return the claim of all, and what is to be sent for them.

        Done once the slot has come, so that whoever has it carries all there is by then.
        """
        claim = self._deliveries.claim_neighbours(claim, limit=limit)
        neighbours = claim.members[1:]
        if not neighbours:
            return claim, []
        return claim, self._draft(claim, map_, neighbours, held={claim.head.recipient})

    def _postpone(self, claim: Claim, delay: timedelta, reason: str) -> None:
        outcome = Postponed(delay=delay, counts=False, reason=reason)
        self._deliveries.finish(claim, [Result(member=m, outcome=outcome) for m in claim.members])

    def _comes_to_slot(self, claim: Claim, kind: CallKind) -> bool:
        """Wait for the slots a call needs; where they are too far away, *claim* is postponed."""
        buckets = ("imports", "calls") if kind is CallKind.IMPORT_CONTACTS else ("calls",)
        for bucket in buckets:
            if (wait := self._pacing.wait(bucket)) is not None:
                self._postpone(claim, wait, "budget")
                return False
        return True

    def _send(self, claim: Claim, drafts: Sequence[Draft], call: Call, *, has_more: bool = False) -> None:
        """Intend, send and finish; the call's slot has come."""
        claim = replace(claim, members=tuple(draft.member for draft in drafts))
        self._pacing.pass_gate()
        try:
            imports = self._settings.sizes.imports_outstanding
            intent = self._deliveries.intend(claim, drafts, call, imports=imports)
        except TriggerTakenError:
            self._postpone_as_historical(claim)
            return
        if intent is None:
            self._deliveries.release(claim)
            return
        self._deliveries.finish(claim, self._attempt(drafts, intent, has_more=has_more), intent=intent)

    def _attempt(self, drafts: Sequence[Draft], intent: Intent, *, has_more: bool) -> list[Result]:
        try:
            answer = self._destination.send(intent.call, deadline=self._settings.call)
        except SyncError as error:
            bucket = "imports" if intent.call.kind is CallKind.IMPORT_CONTACTS else "calls"
            self._pacing.note_error(error, bucket=bucket)
            return [self._failed(draft, error, intent, len(drafts), n) for n, draft in enumerate(drafts)]
        self._pacing.note_success(self._destination.quota)
        results = [_answered(draft, answer) for draft in drafts]
        if has_more:
            more = Postponed(delay=timedelta(), counts=False, reason="more")
            results = [replace(result, outcome=more) for result in results]
        return results

    def _failed(self, draft: Draft, error: SyncError, intent: Intent, size: int, position: int) -> Result:
        outcome = self._special(draft, error, intent, position) or self._outcome(
            error, draft.member, size=size
        )
        request: dict[str, object] = {
            "method": intent.call.method,
            "path": intent.call.path,
            "kind": intent.call.kind,
        }
        if size == 1:
            request["body"] = intent.call.body
        return Result(
            member=draft.member, outcome=outcome, answer=error.answer, request=request, version=draft.version
        )

    def _special(self, draft: Draft, error: SyncError, intent: Intent, position: int) -> Outcome | None:
        """Return what follows where the kind of call matters, not only the kind of error."""
        member = draft.member
        again = Postponed(delay=timedelta(), counts=True, reason=error.cause)
        match error:
            case UnclearError() if intent.call.kind is CallKind.IMPORT_CONTACTS:
                return Accepted(None)
            case RejectedError(rows=rows) if rows and intent.call.kind is CallKind.IMPORT_CONTACTS:
                # Nothing was applied: the named rows go alone, to be told why; the rest again.
                is_named = str(position) in rows
                return replace(again, counts=False, limit=1 if is_named else None)
            case AddressTakenError() if draft.address and self._adopt(draft):
                return again
            case GoneError() if intent.call.kind is CallKind.UPDATE_CONTACT:
                self._deliveries.forget_contact(member)
                return again
            case RejectedError(rows=rows) if (
                rows and len(rows) > 0 and not member.fires and intent.call.members > 1
            ):
                is_named = member.object in rows
                return replace(again, counts=False, limit=1 if is_named else None, is_doubtful=not is_named)
            case _:
                return None

    def _adopt(self, draft: Draft) -> bool:
        """Link the contact that has the address already, since no recipient of ours holds it."""
        try:
            found = self._destination.find_contact(Address(draft.address or ""))
        except SyncError:
            return False
        if found is None:
            return False
        self._deliveries.adopt_contact(draft.member, found.contact, found.email)
        return True

    def _outcome(self, error: SyncError, member: Member, *, size: int) -> Outcome:
        jitter = self._dice.random()
        return outcome_of_error(error, member, policy=self._settings.policy, jitter=jitter, size=size)

    def _postpone_as_historical(self, claim: Claim) -> None:
        self._deliveries.stop_firing(claim)
        self._deliveries.release(claim)


def _settled(desired: Desired) -> Result | None:
    """Return the result of what needs no call; None for what does."""
    member = desired.member
    if desired.value is None:
        outcome: Outcome = desired.failure or Skipped(desired.skip)
        return Result(member=member, outcome=outcome, version=desired.version)
    is_news = member.fingerprint != desired.fingerprint or member.is_repair or member.fires
    if is_news:
        return None
    return Result(member=member, outcome=Unchanged(desired.fingerprint), version=desired.version)


def _sending(desired: Desired) -> _Sending:
    draft = Draft(
        member=desired.member,
        fingerprint=desired.fingerprint,
        version=desired.version,
        address=desired.address if desired.member.operation == "upsert_contact" else None,
        fires=desired.member.fires,
    )
    return _Sending(draft, desired.value)


def _creation_source(draft: Draft) -> CreationSource:
    """
    Return REAL_TIME for the first sight of an order, HISTORICAL for all that follows.

    The vendor's own shop plugin had automations run twice when it sent an order again
    as REAL_TIME (changelog of its release 2.10.1), and nothing documents that an update
    does not; HISTORICAL never starts anything, whichever way the account behaves.
    """
    return CreationSource.REAL_TIME if draft.fires else CreationSource.HISTORICAL


def _answered(draft: Draft, answer: Answer) -> Result:
    outcome: Outcome
    match answer:
        case ContactWritten(contact=contact, email=email):
            if email == draft.address:
                outcome = Applied(fingerprint=draft.fingerprint, contact=contact, address=email)
            else:
                outcome = _unproven(draft, "other_address_in_answer")
        case ImportQueued(batch=batch):
            outcome = Accepted(batch)
        case OrdersWritten(orders=orders):
            is_there = draft.member.object in orders
            outcome = (
                Applied(fingerprint=draft.fingerprint) if is_there else _unproven(draft, "not_in_answer")
            )
        case CustomerWritten():
            outcome = Applied(fingerprint=draft.fingerprint)
    return Result(member=draft.member, outcome=outcome, version=draft.version)


def _unproven(draft: Draft, reason: str) -> Outcome:
    if draft.fires:
        return Unclear(reason)
    return Postponed(delay=timedelta(seconds=2), counts=True, reason=reason, is_doubtful=True)


def _weight(call: Call) -> int:
    return len(repr(call.body))
