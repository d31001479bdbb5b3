"""
The planner of one destination: what a claim needs next is one call with what it carries, or nothing.

A claim under light load is one entry, and goes out alone and at once.  When more work
of the same kind waits, neighbours are claimed with it, so that one call carries many.
What kind of call it becomes is decided in :mod:`ct_ac_sync.domain.choice`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from ct_ac_sync.domain.choice import BatchSizes, wants_import, wants_order_batch
from ct_ac_sync.domain.contact import Contact, CreationSource, EcommerceOrder
from ct_ac_sync.domain.delivery import (
    Applied,
    Buried,
    Claim,
    Member,
    Outcome,
    Parked,
    Postponed,
    Result,
    Skipped,
    Unchanged,
    Uncleared,
    parse_uncleared,
    settle_unclear,
)
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.tags import TagSet
from ct_ac_sync.errors import GoneError, NotShownError, TransientError
from ct_ac_sync.ports import Call, CallKind, Clock, Layout, OrderSend
from ct_ac_sync.store.deliveries import Deliveries, Draft
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.consents import ConsentHaltedError, Consents
from ct_ac_sync.sync.desired import Desired, DesiredState
from ct_ac_sync.sync.facts import Facts
from ct_ac_sync.sync.hearing import ListMissingError
from ct_ac_sync.sync.outcomes import HALTED_PAUSE, LATER, Outcomes
from ct_ac_sync.sync.pacing import EVENTS, bucket_of
from ct_ac_sync.sync.tagger import LOOKS, Tagger

log = structlog.get_logger()

#: Neighbours that are claimed and mapped before time and room are looked at again.
PORTION = 25

#: Should its holder never let go of it, this becomes a dead letter.
ADDRESS_HELD = TransientError("another recipient still has this address there", cause="address_held")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerSettings:
    """
    How calls are put together.

    Attributes:
        mapping: How long neighbours are mapped for one call: what it leaves of a task's time.
        readbacks: When an unclear end is read back, each time after such a wait.
    """

    mapping: timedelta
    readbacks: tuple[timedelta, ...]
    sizes: BatchSizes


@dataclass(frozen=True, slots=True)
class _Sending:
    """A draft with the value it was mapped to."""

    draft: Draft
    value: Contact | EcommerceOrder | TagSet | None
    connection: str | None = None
    lists: tuple[str, ...] = ()

    @property
    def former(self) -> tuple[str, ...]:
        """Other addresses that the contact has, or may have, there."""
        return tuple(each for each in self.draft.member.held if each != self.draft.address)

    @property
    def is_rename(self) -> bool:
        """Whether the contact has, or may have, another address there."""
        return bool(self.former)


@dataclass(frozen=True, slots=True)
class Ready:
    """
    A call whose turn has come, with what it carries of which claim.

    Attributes:
        has_more: Whether what is wanted needs another call after it.
        tag: The tag that it adds or removes.
    """

    claim: Claim
    drafts: Sequence[Draft]
    call: Call
    has_more: bool = False
    tag: str = ""


Mapper = Callable[[Sequence[Member]], list[Desired]]


class Planner:
    """Plans what recipients at one destination are owed."""

    def __init__(
        self,
        *,
        account: Account,
        tagger: Tagger,
        consents: Consents,
        deliveries: Deliveries,
        desired: DesiredState,
        facts: Facts,
        outcomes: Outcomes,
        clock: Clock,
        settings: PlannerSettings,
    ) -> None:
        self._destination = account.destination
        self._provision = account.provision
        self._pacing = account.pacing
        self._tagger = tagger
        self._consents = consents
        self._deliveries = deliveries
        self._desired = desired
        self._facts = facts
        self._outcomes = outcomes
        self._clock = clock
        self._settings = settings

    def next(self, claim: Claim) -> Ready | None:
        """
        Return what is to be sent for *claim*, whose turn has come; None where it came to something without.

        Raises:
            SyncError: Nothing can be said of it now; nothing was sent.
        """
        layout = self._provision.layout()
        if claim.head.unclear is not None:
            self._read_back(claim, layout)
            return None
        steps: dict[str, Callable[[Claim, Layout], Ready | None]] = {
            "upsert_contact": self._contacts,
            "set_consent": self._consent,
            "sync_tags": self._tags,
            "upsert_order": self._orders,
            "rename_customer": self._customer,
            "fact": self._fact,
        }
        step = steps.get(claim.head.operation)
        if step is None:
            # A later release wants it: while it rolls out, or after a rollback.
            self._postpone(claim, LATER, "unknown_operation")
            return None
        ready = step(claim, layout)
        if ready is not None and bucket_of(ready.call.kind) != EVENTS:
            self._pacing.pass_gate()
        return ready

    # -- contacts ---------------------------------------------------------------------

    def _contacts(self, claim: Claim, layout: Layout) -> Ready | None:
        sendings = self._draft(claim, self._desired.contacts, claim.members)
        if not sendings:
            return None
        head, sizes = sendings[0], self._settings.sizes
        if (left := left_to_clear(head.draft)) is not None:
            return self._clear(claim, head, left)
        if head.is_rename and claim.head.has_unclear:
            self._postpone(claim, timedelta(seconds=2), "unresolved_call")
            return None
        due = self._deliveries.count_due(claim, enough=sizes.import_from)
        if head.is_rename or not wants_import(claim.head, due=due, sizes=sizes):
            return self._single_contact(claim, head, layout)
        if self._deliveries.count_imports(claim.destination) < sizes.imports_outstanding:
            return self._import(claim, head, layout)
        if claim.head.lane < sizes.backfill_lane:
            return self._single_contact(claim, head, layout)
        self._postpone(claim, timedelta(seconds=2), "imports_outstanding")
        return None

    def _single_contact(self, claim: Claim, sending: _Sending, layout: Layout) -> Ready | None:
        contact = sending.value
        if not isinstance(contact, Contact):
            raise TypeError(f"a profile was mapped to {type(contact).__name__}")
        link = self._link(sending)
        if link is None:
            call = self._destination.prepare_sync(contact, layout)
        else:
            call = self._destination.prepare_update(link, contact, layout)
        if not self._comes_to_slot(claim, call.kind):
            return None
        return Ready(claim, [sending.draft], call)

    def _clear(self, claim: Claim, sending: _Sending, left: Uncleared) -> Ready | None:
        """
        Return the clearing of the next value that an account keeps, though it was sent empty.

        The answer to a contact tells of such; the vendor's documented way is a call for each.
        """
        call = self._destination.prepare_clear(left.values[0])
        if not self._comes_to_slot(claim, call.kind):
            return None
        return Ready(claim, [sending.draft], call)

    def _link(self, sending: _Sending) -> ContactId | None:
        """
        Return the contact's id, where it is known or a rename needs it.

        Then it is looked up by every address it may have there, those of calls whose end was
        unclear included.
        """
        member = sending.draft.member
        if member.contact is not None:
            return ContactId(member.contact)
        for address in sending.former:
            if (found := self._destination.find_contact(Address(address))) is not None:
                return found.contact
        if sending.is_rename and member.attempts < LOOKS:
            raise NotShownError("the contact to be renamed is not shown (yet)", cause="contact_not_shown")
        return None

    def _import(self, claim: Claim, head: _Sending, layout: Layout) -> Ready | None:
        """Return the import of the head and its neighbours, as many as fit."""
        if not self._comes_to_slot(claim, CallKind.IMPORT_CONTACTS):
            return None
        sizes = self._settings.sizes

        def is_full(others: Sequence[_Sending]) -> bool:
            return _weight(self._prepare_import(_imported(head, others), layout)) >= sizes.import_bytes

        claim, others = self._company(claim, self._desired.contacts, limit=sizes.imported, is_full=is_full)
        fitting = _imported(head, others)
        call = self._prepare_import(fitting, layout)
        while (weight := _weight(call)) > sizes.import_bytes and len(fitting) > 1:
            fitting = fitting[: max(1, min(len(fitting) - 1, len(fitting) * sizes.import_bytes // weight))]
            call = self._prepare_import(fitting, layout)
        self._release_others(claim, [head, *others], fitting)
        return Ready(claim, [each.draft for each in fitting], call)

    def _prepare_import(self, sendings: Sequence[_Sending], layout: Layout) -> Call:
        contacts = [s.value for s in sendings if isinstance(s.value, Contact)]
        return self._destination.prepare_import(contacts, layout)

    def _release_others(self, claim: Claim, all_: Sequence[_Sending], kept: Sequence[_Sending]) -> None:
        keeping = {s.draft.member.entry for s in kept}
        others = tuple(s.draft.member for s in all_ if s.draft.member.entry not in keeping)
        if others:
            self._deliveries.release(replace(claim, members=others))

    # -- tags -------------------------------------------------------------------------

    def _tags(self, claim: Claim, layout: Layout) -> Ready | None:
        """Return the next change of a contact's tags; none where they are as they shall be."""
        del layout
        sendings = self._draft(claim, self._desired.tags, claim.members)
        if not sendings or not isinstance(wanted := sendings[0].value, TagSet):
            return None
        draft = sendings[0].draft
        member = draft.member
        try:
            plan = self._tagger.plan(member, wanted, token=claim.token)
        except GoneError:
            self._send_with_contact(claim, member, "contact_gone")
            return None
        if plan is None:
            outcome = Applied(fingerprint=draft.fingerprint, reason=draft.remark)
            self._deliveries.finish(claim, [Result(member=member, outcome=outcome, version=draft.version)])
            return None
        # A tag of the past goes with an import, which starts no automations; one that an import
        # did not add goes by a call of its own, so that it goes at all.
        is_past = member.lane >= self._settings.sizes.backfill_lane and member.attempts == 0
        if is_past and plan.has_additions:
            self._send_with_contact(claim, member, "with_import")
            return None
        call = self._tagger.prepare(plan)
        if not self._comes_to_slot(claim, call.kind):
            return None
        return Ready(claim, [draft], call, has_more=len(plan.changes) > 1, tag=plan.changes[0].name)

    def _send_with_contact(self, claim: Claim, member: Member, reason: str) -> None:
        """Have the contact sent once more before what needs it, unless that was done often enough."""
        outcome: Outcome = Postponed(delay=timedelta(), counts=True, reason=reason)
        if self._outcomes.is_last(member):
            outcome = Buried(f"exhausted: {reason}", "the contact is not there, however often it is sent")
        else:
            self._deliveries.want_contact_again(member)
        self._deliveries.finish(claim, [Result(member=member, outcome=outcome)])

    # -- consent ----------------------------------------------------------------------

    def _consent(self, claim: Claim, layout: Layout) -> Ready | None:
        """Return the next change of a membership; none where all are as what was said has them."""
        del layout
        member = claim.head
        try:
            plan = self._consents.plan(member, token=claim.token)
        except GoneError:
            self._send_with_contact(claim, member, "contact_gone")
            return None
        except ConsentHaltedError:
            self._postpone(claim, HALTED_PAUSE, "consent_halted")
            return None
        except ListMissingError as error:
            self._bury(claim, member, "set_consent: no such list", error)
            return None
        if plan.change is None:
            outcome = Applied(fingerprint=plan.fingerprint, reason=plan.reason)
            self._deliveries.finish(claim, [Result(member=member, outcome=outcome)])
            return None
        call = self._consents.prepare(plan.change)
        if not self._comes_to_slot(claim, call.kind):
            return None
        draft = Draft(
            member=member, fingerprint=plan.fingerprint, version=0, remark=plan.reason,
            membership=plan.change,
        )  # fmt: skip
        return Ready(claim, [draft], call, has_more=plan.has_more)

    # -- orders -----------------------------------------------------------------------

    def _orders(self, claim: Claim, layout: Layout) -> Ready | None:
        sendings, sizes = self._draft(claim, self._map_orders, claim.members), self._settings.sizes
        if not sendings or not self._comes_to_slot(claim, CallKind.UPSERT_ORDER):
            return None
        due = self._deliveries.count_due(claim, enough=sizes.import_from)
        if wants_order_batch(claim.head, due=due, sizes=sizes):
            claim, others = self._company(claim, self._map_orders, limit=sizes.orders)
            sendings += others
        orders = [
            OrderSend(
                order=s.value, creation_source=_creation_source(s.draft), connection=s.connection,
                consent=self._consents.on_order(s.draft.member, s.lists),
            )
            for s in sendings
            if isinstance(s.value, EcommerceOrder)
        ]  # fmt: skip
        call = self._destination.prepare_orders(orders, layout)
        return Ready(claim, [s.draft for s in sendings], call)

    def _map_orders(self, members: Sequence[Member]) -> list[Desired]:
        """
        Return the orders of *members*; one that was deleted only where it is there.

        What goes out as historical though it is new is written down as such first: then it goes by
        itself, because no call carries historical and live orders together.
        """
        found = self._desired.orders(members)
        if quiet := [each.member for each in found if each.is_quiet]:
            self._deliveries.quiet(quiet)
        return [each if each.is_quiet else self._if_there(each) for each in found]

    def _if_there(self, desired: Desired) -> Desired:
        if not (desired.is_gone and desired.is_news):
            return desired
        layout = self._provision.layout()
        seen = self._destination.find_order(desired.member.object, layout, desired.connection)
        return desired if seen is not None else replace(desired, value=None, skip="gone")

    # -- ends that are unclear --------------------------------------------------------

    def _read_back(self, claim: Claim, layout: Layout) -> None:
        """Settle an unclear end by looking: found settles it, not found is no proof."""
        member = claim.head
        is_found = self._is_there(member, layout)
        outcome = settle_unclear(member, is_found=is_found, readbacks=self._settings.readbacks)
        self._deliveries.finish(claim, [Result(member=member, outcome=outcome)])
        if isinstance(outcome, Parked):
            log.warning("parked", recipient=member.recipient, entry=member.entry, object=member.object)

    def _is_there(self, member: Member, layout: Layout) -> bool:
        if member.is_fact and member.unclear is not None:
            try:
                since = self._deliveries.attempted_at(member.unclear)
                return self._facts.has_happened(member, layout, since=since)
            except GoneError:
                return False
        connection = self._desired.orders([member])[0].connection
        seen = self._destination.find_order(member.object, layout, connection)
        # One that a historical call made is no proof that the real-time one arrived.
        return seen is not None and seen.creation_source in (None, CreationSource.REAL_TIME)

    # -- facts ------------------------------------------------------------------------

    def _fact(self, claim: Claim, layout: Layout) -> Ready | None:
        """Return the next call of a fact; none of one that is known to have happened, or is halted."""
        member = claim.head
        if not member.fires:
            self._deliveries.finish(claim, [Result(member=member, outcome=Unchanged(""))])
            return None
        if self._facts.is_halted(member):
            self._postpone(claim, HALTED_PAUSE, "trigger_halted")
            return None
        try:
            step = self._facts.next(member, layout)
        except GoneError:
            self._send_with_contact(claim, member, "contact_gone")
            return None
        except ListMissingError as error:
            self._bury(claim, member, "fact: no such list", error)
            return None
        if isinstance(step, str):
            self._deliveries.finish(claim, [Result(member=member, outcome=Skipped(step))])
            return None
        if not self._comes_to_slot(claim, step.call.kind):
            return None
        # A step that starts nothing may be repeated as it is.
        member = replace(member, fires=step.fires)
        draft = Draft(member=member, fingerprint="", version=0, fires=step.fires)
        return Ready(claim, [draft], step.call, has_more=step.has_more)

    # -- e-commerce customers ---------------------------------------------------------

    def _customer(self, claim: Claim, layout: Layout) -> Ready | None:
        """Return the change of address of the next e-commerce customer that has a former one."""
        member = claim.head
        former = [Address(each) for each in (member.detail or "").split() if each != member.address]
        ours = self._deliveries.external_ids(member) | set(former)
        seen = [
            each
            for address in former
            for connection in sorted(layout.connections)
            for each in self._destination.find_customers(address, layout, connection)
        ]
        ids = [each.customer for each in seen if each.external_id in ours]
        if not ids or member.address is None:
            result = Result(member=member, outcome=Skipped("no_customer"))
            self._deliveries.finish(claim, [result])
            return None
        call = self._destination.prepare_customer(ids[0], Address(member.address))
        draft = Draft(member=member, fingerprint=f"{ids[0]} {member.address}", version=0)
        if not self._comes_to_slot(claim, call.kind):
            return None
        return Ready(claim, [draft], call, has_more=len(ids) > 1)

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
                outcome=self._held(claim, each),
            )
            for each in open_
            if each.member.recipient in waiting
        ]
        sending = [each for each in open_ if each.member.recipient not in waiting]
        keep = {each.member.recipient for each in sending} | set(held)
        self._deliveries.finish(claim, results, keep=keep)
        return [_sending(each) for each in sending]

    def _held(self, claim: Claim, desired: Desired) -> Outcome:
        """Return what follows where another recipient has the address: wait, or change places."""
        if desired.address and self._deliveries.swap_standing(
            claim, desired.member.recipient, desired.address
        ):
            return Postponed(delay=timedelta(), counts=False, reason="changed_places")
        return self._outcomes.of(ADDRESS_HELD, desired.member)

    def _company(
        self,
        claim: Claim,
        map_: Mapper,
        *,
        limit: int,
        is_full: Callable[[Sequence[_Sending]], bool] = lambda _: False,
    ) -> tuple[Claim, list[_Sending]]:
        """
        Claim neighbours for the same call; return the claim of all, and what is to be sent for them.

        Done once the slot has come, so that whoever has it carries all there is by then: by
        portions, while there is room and time.
        """
        until = self._clock.monotonic() + self._settings.mapping.total_seconds()
        sendings: list[_Sending] = []
        while self._clock.monotonic() < until and not is_full(sendings):
            known = len(claim.members)
            claim = self._deliveries.claim_neighbours(claim, limit=limit, portion=PORTION)
            if not (portion := claim.members[known:]):
                break
            sending = (each.draft.member.recipient for each in sendings)
            sendings += self._draft(claim, map_, portion, held={claim.head.recipient, *sending})
        return claim, sendings

    def _postpone(self, claim: Claim, delay: timedelta, reason: str) -> None:
        outcome = Postponed(delay=delay, counts=False, reason=reason)
        self._deliveries.finish(claim, [Result(member=m, outcome=outcome) for m in claim.members])

    def _bury(self, claim: Claim, member: Member, cause: str, error: Exception) -> None:
        outcome = Buried(cause, str(error))
        self._deliveries.finish(claim, [Result(member=member, outcome=outcome)])

    def _comes_to_slot(self, claim: Claim, kind: CallKind) -> bool:
        """Wait for the slots a call needs; where they are too far away, *claim* is postponed."""
        buckets = ("imports", "calls") if kind is CallKind.IMPORT_CONTACTS else (bucket_of(kind),)
        for bucket in buckets:
            if (wait := self._pacing.wait(bucket)) is not None:
                self._postpone(claim, wait, "budget")
                return False
        return True


def left_to_clear(draft: Draft) -> Uncleared | None:
    """Return what is still to be cleared of exactly what is wanted by now; None where nothing is."""
    member = draft.member
    left = parse_uncleared(member.detail) if member.operation == "upsert_contact" else None
    return left if left is not None and left.fingerprint == draft.fingerprint else None


def _settled(desired: Desired) -> Result | None:
    """Return the result of what needs no call; None for what does."""
    member = desired.member
    if desired.value is None:
        outcome: Outcome = desired.failure or Skipped(desired.skip)
        return Result(member=member, outcome=outcome, version=desired.version)
    if desired.is_quiet:
        again = Postponed(delay=timedelta(), counts=False, reason="historical")
        return Result(member=member, outcome=again, version=desired.version)
    if desired.is_news:
        return None
    return Result(member=member, outcome=Unchanged(desired.fingerprint), version=desired.version)


def _sending(desired: Desired) -> _Sending:
    draft = Draft(
        member=desired.member,
        fingerprint=desired.fingerprint,
        version=desired.version,
        address=desired.address if desired.member.operation == "upsert_contact" else None,
        fires=desired.member.fires,
        remark=desired.remark,
        tags=desired.value.tags if isinstance(desired.value, Contact) else (),
    )
    return _Sending(draft, desired.value, desired.connection, desired.lists)


def _creation_source(draft: Draft) -> CreationSource:
    """
    Return REAL_TIME for the first sight of an order, HISTORICAL for all that follows.

    The vendor's own shop plugin had automations run twice when it sent an order again
    as REAL_TIME (changelog of its release 2.10.1), and nothing documents that an update
    does not; HISTORICAL never starts anything, whichever way the account behaves.
    """
    return CreationSource.REAL_TIME if draft.fires else CreationSource.HISTORICAL


def _imported(head: _Sending, others: Sequence[_Sending]) -> list[_Sending]:
    """Return what an import may carry; those to be renamed stay due."""
    return [head, *(each for each in others if not each.is_rename)]


def _weight(call: Call) -> int:
    return len(repr(call.body))
