"""
Write-back: customers in the shop are told that their person left there.

A customer is read within the claim, decided upon, and updated upon the version that was read; who
comes between makes it a conflict, after which it is read and decided anew.  A reply that is lost is
settled in the same way: the next look shows what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from ct_ac_sync.domain.consent import Evidence
from ct_ac_sync.domain.delivery import (
    Applied,
    Buried,
    Claim,
    Member,
    Outcome,
    Postponed,
    Result,
    Skipped,
    Unchanged,
    WriteBack,
    name_of,
)
from ct_ac_sync.domain.write_back import Treatment
from ct_ac_sync.errors import ConflictError, GoneError, HaltError, SyncError
from ct_ac_sync.mapping.consent import Version
from ct_ac_sync.mapping.write_back import CUSTOMERS, Planned, actions_of, plan_write_back
from ct_ac_sync.ports import Call, Clock, Readable, Source, Unreadable
from ct_ac_sync.store.consent_book import ConsentBook, Stored
from ct_ac_sync.store.deliveries import Deliveries, Draft
from ct_ac_sync.sync.consents import (
    ConsentHaltedError,
    Consents,
    Left,
    UnsettledError,
)
from ct_ac_sync.sync.finishing import finish
from ct_ac_sync.sync.hearing import ListMissingError, is_overwritten
from ct_ac_sync.sync.outcomes import HALTED_PAUSE, LATER, Outcomes

log = structlog.get_logger()

OPERATION = "write_back"
#: So many conflicts in a row are met at once; after that the customer is let rest.
CONFLICTS = 4
#: When what another call is about to change is looked at again.
SOON = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class _Told:
    """A leaving, and what follows of it."""

    left: Left
    planned: Planned


class WritesBack:
    """Tells customers of what their person left at one destination."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        consents: Consents,
        book: ConsentBook,
        deliveries: Deliveries,
        clock: Clock,
        call: timedelta,
        outcomes: Outcomes,
    ) -> None:
        """*call* is the total deadline of one call."""
        self._sources = sources
        self._consents = consents
        self._book = book
        self._deliveries = deliveries
        self._clock = clock
        self._call = call
        self._outcomes = outcomes

    def step(self, claim: Claim) -> None:
        """
        Do for *claim* what is next, and give it back.

        Raises:
            SyncError: The destination cannot say now what somebody left.
        """
        member = claim.head
        source = self._sources.get(member.source)
        stored = self._book.read_customer(member.source, member.object)
        if source is None:
            self._end(claim, Postponed(delay=LATER, counts=False, reason="unknown_source"))
            return
        if stored is None or stored.person != member.person or not stored.is_here:
            self._end(claim, Skipped("customer_gone" if stored is None else "not_here"))
            return
        left = self._left(member, stored)
        if not isinstance(left, tuple):
            self._end(claim, left)
            return
        try:
            self._tell(claim, source, stored, left)
        except SyncError as error:
            # A read of the shop, which says nothing of the destination.
            self._end(claim, self._failed(member, error), answer=error.answer)

    def _left(self, member: Member, stored: Stored) -> tuple[Left, ...] | Outcome:
        """Return what was left; the outcome where nothing is to be told, or not now."""
        try:
            left = self._consents.left_by(member, member.source, stored.version.body)
            self._consents.check_write_back()
        except UnsettledError:
            return Postponed(delay=SOON, counts=False, reason="unresolved_call")
        except ConsentHaltedError:
            return Postponed(delay=HALTED_PAUSE, counts=False, reason="write_back_halted")
        except ListMissingError as error:
            return Buried(f"{OPERATION}: no such list", str(error))
        return left or Skipped("nothing_left")

    def _tell(self, claim: Claim, source: Source, stored: Stored, left: Sequence[Left]) -> None:
        """Read the customer, decide, and write what is to be written."""
        member = claim.head
        found = source.read_customer(member.object)
        if found is None:
            self._end(claim, Skipped("customer_gone"))
            return
        if isinstance(found, Unreadable):
            self._end(claim, Buried(f"{OPERATION}: unreadable customer", str(sorted(found.faults))))
            return
        seen = _version(found)
        told = self._decided(source, member, stored, seen, left)
        writing = [each for each in told if each.planned.decision.treatment is Treatment.WRITE]
        if not writing:
            self._end_without(claim, told, seen)
            return
        fields = {name: value for each in writing for name, value in each.planned.fields.items()}
        backs = (each.left.consent.write_back for each in writing)
        type_ = next((back.type for back in backs if back is not None and back.type), None)
        actions = actions_of(seen.body, fields, type_=type_)
        if actions is None:
            message = "the customer has no type of custom fields, and the file names none to give it"
            self._end(claim, Buried(f"{OPERATION}: no type", message), version=seen.number)
            return
        call = source.prepare_update(member.object, seen.number, actions)
        self._send(claim, source, call, writing, seen)

    def _decided(
        self, source: Source, member: Member, stored: Stored, seen: Version, left: Sequence[Left]
    ) -> list[_Told]:
        said = self._book.read_evidence([member.person])[member.person]
        before = self._book.read_written_back(member.source, member.object)

        def evidence(each: Left) -> Evidence | None:
            place = each.consent.answering
            rows = (
                row for row in said
                if (row.source, row.stream, row.id) == (member.source, CUSTOMERS, member.object)
                and row.channel == each.consent.channel and place is not None and row.place == place.key
                and not is_overwritten(row, each.consent)
            )  # fmt: skip
            return next((row.evidence for row in rows), None)

        return [
            _Told(
                each,
                plan_write_back(
                    each.consent, each.membership, seen=seen, stored=stored.version, said=evidence(each),
                    before=before.get(each.consent.channel), client=source.client_id, now=stored.now,
                ),
            )
            for each in left
        ]  # fmt: skip

    def _end_without(self, claim: Claim, told: Sequence[_Told], seen: Version) -> None:
        """End what needs no call: it is as it shall be, or is left as it is."""
        ours = [each for each in told if each.planned.is_ours]
        leaving = [each for each in told if each.planned.decision.treatment is Treatment.LEAVE]
        reason = "; ".join(each.planned.decision.reason for each in ours or leaving)
        outcome: Outcome = Unchanged("")
        if ours:
            outcome = Applied(fingerprint="", reason=reason)
        elif leaving:
            outcome = Skipped(reason)
        written = [_written(each, claim.head, seen.number) for each in ours]
        result = Result(member=claim.head, outcome=outcome, version=seen.number, written=written)
        self._deliveries.finish(claim, [result])

    def _send(
        self, claim: Claim, source: Source, call: Call, writing: Sequence[_Told], seen: Version
    ) -> None:
        """Intend, send and finish."""
        member = claim.head
        written = [_written(each, member, seen.number) for each in writing]
        draft = Draft(member=member, fingerprint="", version=seen.number, written=written)
        intent = self._deliveries.intend(claim, [draft], call)
        if intent is None:
            self._deliveries.release(claim)
            return
        try:
            made = source.update(call, deadline=self._call)
            reason = "; ".join(each.planned.decision.reason for each in writing)
            done = [_written(each, member, made.version) for each in writing]
            result = Result(
                member=member,
                outcome=Applied(fingerprint="", reason=reason),
                version=made.version,
                written=done,
            )
            log.info("written_back", attempt=intent.attempt)
        except SyncError as error:
            outcome = self._failed(member, error)
            request = {"method": call.method, "path": call.path, "kind": call.kind, "body": call.body}
            result = Result(
                member=member, outcome=outcome, answer=error.answer, request=request, version=seen.number
            )
            facts = {"attempt": intent.attempt, "outcome": name_of(outcome)}
            log.warning("write_back_failed", **facts, cause=error.cause, error=str(error))
        finish(self._deliveries, self._clock, claim, [result], intent)

    def _failed(self, member: Member, error: SyncError) -> Outcome:
        """Return what follows where the shop did not do what it was asked."""
        match error:
            case GoneError():
                return Skipped("customer_gone")
            case HaltError():
                self._consents.halt_write_back(f"{error.cause}: {error}")
                return Postponed(delay=HALTED_PAUSE, counts=False, reason=error.cause)
            case ConflictError() if member.attempts + 1 < CONFLICTS and not self._outcomes.is_last(member):
                return Postponed(delay=timedelta(), counts=True, reason="conflict")
            case _:
                return self._outcomes.of(error, member)

    def _end(self, claim: Claim, outcome: Outcome, *, version: int = 0, answer: str | None = None) -> None:
        result = Result(member=claim.head, outcome=outcome, version=version, answer=answer)
        self._deliveries.finish(claim, [result])


def _version(found: Readable) -> Version:
    value = found.value
    return Version(
        body=found.body, number=value.version, created_at=value.created_at,
        last_modified_at=value.last_modified_at,
    )  # fmt: skip


def _written(told: _Told, member: Member, version: int) -> WriteBack:
    left, planned = told.left, told.planned
    back = left.consent.write_back
    where = f"customer {member.object} of {member.source}, version {version}"
    return WriteBack(
        channel=planned.channel, name=back.field if back else "", fields=planned.fields, list=left.list,
        standing=left.membership.standing, reason=f"{where}: {planned.decision.reason}",
    )  # fmt: skip
