"""
The courier of one destination: make the one call that a claim needs, and write down what came of it.

What is sent is planned in :mod:`ct_ac_sync.sync.planner`; what a failure means is decided in
:mod:`ct_ac_sync.domain.delivery`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from ct_ac_sync.configuration.values import Taken
from ct_ac_sync.domain.delivery import (
    Accepted,
    Applied,
    Buried,
    Claim,
    Outcome,
    Postponed,
    Result,
    TagChange,
    Uncleared,
    name_of,
)
from ct_ac_sync.domain.identity import Address
from ct_ac_sync.errors import (
    AddressTakenError,
    GoneError,
    Recovery,
    RejectedError,
    SyncError,
    TransientError,
    TriggerError,
    UnclearError,
)
from ct_ac_sync.ports import (
    Answer,
    AutomationEntered,
    CallKind,
    CartWritten,
    Clock,
    ContactDeleted,
    ContactWritten,
    CustomerWritten,
    EventTracked,
    ImportQueued,
    MembershipBegun,
    MembershipEnded,
    OrdersWritten,
    TagRemoved,
    TagWritten,
    ValueCleared,
)
from ct_ac_sync.store.deliveries import Deliveries, Draft, TriggerTakenError
from ct_ac_sync.store.scribe import Intent
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.consents import Consents
from ct_ac_sync.sync.facts import Facts
from ct_ac_sync.sync.finishing import finish
from ct_ac_sync.sync.outcomes import HALTED_PAUSE, Outcomes
from ct_ac_sync.sync.pacing import EVENTS, bucket_of
from ct_ac_sync.sync.planner import Planner, Ready, left_to_clear
from ct_ac_sync.sync.references import ReferencesAwayError
from ct_ac_sync.sync.tagger import Tagger
from ct_ac_sync.sync.write_back import WritesBack

log = structlog.get_logger()

#: When what a record refers to is asked for again, after the source did not show it.
SOURCE_PAUSE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierSettings:
    """
    How calls are made.

    Attributes:
        call: The total deadline of one call.
        imports: How many imports may be outstanding at once.
        taken: What follows where a contact that is none of ours has the address.
    """

    call: timedelta
    imports: int
    taken: Taken = Taken.ADOPT


class Courier:
    """Carries what recipients at one destination are owed."""

    def __init__(
        self,
        *,
        account: Account,
        planner: Planner,
        tagger: Tagger,
        consents: Consents,
        writes_back: WritesBack,
        facts: Facts,
        deliveries: Deliveries,
        outcomes: Outcomes,
        clock: Clock,
        settings: CourierSettings,
    ) -> None:
        self._destination = account.destination
        self._pacing = account.pacing
        self._planner = planner
        self._tagger = tagger
        self._consents = consents
        self._writes_back = writes_back
        self._facts = facts
        self._deliveries = deliveries
        self._outcomes = outcomes
        self._clock = clock
        self._settings = settings

    def step(self, claim: Claim) -> None:
        """Do for *claim* what is next, and give it back."""
        try:
            call = self._prepare(claim)
        except SyncError as error:
            # Nothing was sent: it came from a read, the budget, provisioning or our database;
            # or from the source, which says nothing of this destination.
            if not isinstance(error, ReferencesAwayError):
                self._pacing.note_error(error)
            self._give_back(claim, error)
            return
        # From here on whatever fails is left to the takeover of an expired lease.
        if call is not None:
            self._send(call)

    def _prepare(self, claim: Claim) -> Ready | None:
        """Return what is to be sent for *claim*; None where it came to something without."""
        if claim.head.operation == "write_back":
            # It goes to the shop, and asks nothing here that others do.
            self._writes_back.step(claim)
            return None
        return self._planner.next(claim)

    def _give_back(self, claim: Claim, error: SyncError) -> None:
        """Put the head off, as a failure without effect, and let go of all that was claimed."""
        is_ours = error.recovery in (Recovery.HALT, Recovery.SNOOZE)
        harmless = error if is_ours else TransientError(str(error), cause=error.cause)
        outcome = self._outcomes.of(harmless, claim.head)
        if isinstance(error, ReferencesAwayError):
            outcome = Postponed(delay=SOURCE_PAUSE, counts=False, reason=error.cause)
        self._deliveries.finish(claim, [Result(member=claim.head, outcome=outcome, answer=error.answer)])
        self._deliveries.release_all(claim)

    def _send(self, ready: Ready) -> None:
        """Intend, send and finish."""
        drafts, call = ready.drafts, ready.call
        claim = replace(ready.claim, members=tuple(draft.member for draft in drafts))
        try:
            intent = self._deliveries.intend(claim, drafts, call, imports=self._settings.imports)
        except TriggerTakenError:
            self._deliveries.stop_firing(claim)
            self._deliveries.release(claim)
            return
        if intent is None:
            self._deliveries.release(claim)
            return
        results = self._attempt(ready, intent)
        finish(self._deliveries, self._clock, claim, results, intent)

    def _attempt(self, ready: Ready, intent: Intent) -> list[Result]:
        drafts = ready.drafts
        try:
            answer = self._destination.send(intent.call, deadline=self._settings.call)
        except SyncError as error:
            self._note_error(error, intent.call.kind)
            named = _named(error, drafts, intent)
            self._forget_ids(ready, error)
            results = [self._failed(draft, error, intent, named) for draft in drafts]
            facts = _facts(intent, results)
            log.warning("call_failed", **facts, cause=error.cause, error=str(error))
            return results
        if bucket_of(intent.call.kind) != EVENTS:
            self._pacing.note_success(self._destination.quota)
        results = [self._answered(draft, answer, ready) for draft in drafts]
        log.info("delivered", **_facts(intent, results))
        return results

    def _note_error(self, error: SyncError, kind: CallKind) -> None:
        if (bucket := bucket_of(kind)) == EVENTS:
            self._pacing.note_error_apart(error, bucket)
        else:
            self._pacing.note_error(error)

    def _failed(self, draft: Draft, error: SyncError, intent: Intent, named: frozenset[int] | None) -> Result:
        member, size = draft.member, intent.call.members
        outcome = self._special(draft, error, intent, named) or self._outcomes.of(error, member, size=size)
        if isinstance(outcome, Postponed) and outcome.counts and self._outcomes.is_last(member):
            outcome = Buried(f"exhausted: {error.cause}", str(error))
        request: dict[str, object] = {
            "method": intent.call.method,
            "path": intent.call.path,
            "kind": intent.call.kind,
        }
        if size == 1:
            request["body"] = intent.call.body
        return Result(
            member=member, outcome=outcome, answer=error.answer, request=request, version=draft.version,
            detail="" if isinstance(outcome, Postponed) and outcome.is_partial else None,
        )  # fmt: skip

    def _special(
        self, draft: Draft, error: SyncError, intent: Intent, named: frozenset[int] | None
    ) -> Outcome | None:
        """Return what follows where the kind of call matters, not only the kind of error."""
        member, kind = draft.member, intent.call.kind
        again = Postponed(delay=timedelta(), counts=True, reason=error.cause)
        match error:
            case UnclearError() if kind is CallKind.IMPORT_CONTACTS:
                return Accepted(None)
            case AddressTakenError() if draft.address and self._settings.taken is Taken.ADOPT:
                return self._adopt(draft, intent, again)
            case GoneError() if kind is CallKind.UPDATE_CONTACT:
                self._deliveries.forget_contact(intent, member)
                return again
            case GoneError() if kind is CallKind.CLEAR_VALUE:
                # It is not there, or may not be deleted: what the contact shows next decides.
                return replace(again, is_partial=True)
            case TriggerError():
                self._facts.halt(member, f"{error.cause}: {error}")
                return Postponed(delay=HALTED_PAUSE, counts=False, reason=error.cause)
            case GoneError() if kind in (CallKind.ADD_TAG, CallKind.ENTER_AUTOMATION, CallKind.SUBSCRIBE):
                self._deliveries.want_contact_again(member)
                return again
            case RejectedError() if named is not None and not member.fires:
                # The named go alone, to be told why; the rest goes together again.  Of an import
                # nothing was applied; what a refused batch of orders applied is not documented.
                is_named = member.entry in named
                is_doubtful = kind is CallKind.BULK_UPSERT_ORDERS and not is_named
                limit = 1 if is_named else None
                return replace(again, counts=False, limit=limit, is_doubtful=is_doubtful)
            case _:
                return None

    def _forget_ids(self, ready: Ready, error: SyncError) -> None:
        """Look up anew what a tag or a list is called there: the id may be another's, or nobody's, by now."""
        if not isinstance(error, RejectedError | TransientError):
            return
        if ready.tag:
            self._tagger.forget(ready.tag)
        if any(draft.membership for draft in ready.drafts):
            self._consents.forget()

    def _adopt(self, draft: Draft, intent: Intent, again: Postponed) -> Outcome | None:
        """Link the contact that has the address already, since no recipient of ours holds it."""
        try:
            found = self._destination.find_contact(Address(draft.address or ""))
        except SyncError as error:
            self._pacing.note_error(error)
            return replace(again, delay=timedelta(seconds=5), counts=False)
        if found is None:
            return None
        self._deliveries.adopt_contact(intent, draft.member, found.contact, found.email)
        return again

    def _answered(self, draft: Draft, answer: Answer, ready: Ready) -> Result:
        """Return what the answer proves; what it does not prove may have taken effect."""
        outcome: Outcome
        size, left = len(ready.drafts), _left_after(draft, answer)
        match answer:
            case ContactWritten(email=email) if email != draft.address:
                outcome, left = self._unproven(draft, "other_address_in_answer", size), None
            case ContactWritten() | ValueCleared():
                outcome = _written(draft, left)
            case ImportQueued(batch=batch):
                outcome = Accepted(batch)
            case OrdersWritten(orders=orders) if draft.member.object not in orders:
                outcome = self._unproven(draft, "not_in_answer", size)
            case (
                OrdersWritten() | CustomerWritten() | TagWritten() | TagRemoved() | EventTracked()
                | AutomationEntered() | CartWritten() | MembershipBegun() | MembershipEnded() | ContactDeleted()
            ):  # fmt: skip
                outcome = Applied(fingerprint=draft.fingerprint, reason=draft.remark)
        if ready.has_more:
            outcome = Postponed(delay=timedelta(), counts=False, reason="more")
        return Result(
            member=draft.member, outcome=outcome, version=draft.version, tag=_tag_change(answer, ready),
            detail=_kept(draft, left), membership=draft.membership,
        )  # fmt: skip

    def _unproven(self, draft: Draft, cause: str, size: int) -> Outcome:
        error = UnclearError(f"the answer does not prove the call: {cause}", cause=cause)
        return self._outcomes.of(error, draft.member, size=size)


def _left_after(draft: Draft, answer: Answer) -> Uncleared | None:
    """Return what an answer leaves to be cleared of a contact, and where that stands; None of all else."""
    match answer:
        case ContactWritten():
            return Uncleared(
                fingerprint=draft.fingerprint, contact=answer.contact, address=answer.email,
                values=answer.uncleared,
            )  # fmt: skip
        case ValueCleared() if (before := left_to_clear(draft)) is not None:
            return replace(before, values=before.values[1:])
        case _:
            return None


def _written(draft: Draft, left: Uncleared | None) -> Outcome:
    """Return what follows for a contact that was written, and of which values are *left* to be cleared."""
    if left is None or left.values:
        return Postponed(delay=timedelta(), counts=False, reason="uncleared", is_partial=True)
    return Applied(
        fingerprint=draft.fingerprint, contact=left.contact, address=left.address, reason=draft.remark
    )


def _kept(draft: Draft, left: Uncleared | None) -> str | None:
    """Return what an entry keeps for its next step; None where it keeps what it has, mostly nothing."""
    if left is not None and left.values:
        return str(left)
    return "" if draft.member.operation == "upsert_contact" and draft.member.detail else None


def _tag_change(answer: Answer, ready: Ready) -> TagChange | None:
    """Return what an answer says of a tag."""
    match answer:
        case TagWritten(link=link):
            return TagChange(ready.tag, link, is_there=True)
        case TagRemoved():
            return TagChange(ready.tag, None, is_there=False)
        case _:
            return None


def _named(error: SyncError, drafts: Sequence[Draft], intent: Intent) -> frozenset[int] | None:
    """Return the entries a refused batch names; None where it names none of ours."""
    if not isinstance(error, RejectedError) or intent.call.members == 1:
        return None
    is_import = intent.call.kind is CallKind.IMPORT_CONTACTS
    named = frozenset(
        draft.member.entry
        for place, draft in enumerate(drafts)
        if (str(place) if is_import else draft.member.object) in error.rows
    )
    return named or None


def _facts(intent: Intent, results: Sequence[Result]) -> dict[str, object]:
    """Return what a log says of one call: its kind, its size, and what its members came to."""
    outcomes = Counter(name_of(result.outcome) for result in results)
    return {
        "kind": intent.call.kind, "members": intent.call.members, "attempt": intent.attempt,
        "outcomes": dict(outcomes),
    }  # fmt: skip
