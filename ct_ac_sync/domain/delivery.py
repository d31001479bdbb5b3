"""
The delivery machine: what a claim holds, what an attempt came to, and what follows.

Nothing here sends, sleeps or stores.  An outcome is a value; :func:`change_of` turns it
into what must be written to the entry, and :func:`outcome_of_error` turns a failure
into an outcome by what it says must be done about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from ct_ac_sync.domain.consent import Standing
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.errors import Recovery, SyncError

#: What the trigger ledger calls the first sight of an order, which its upsert may tell of.
ORDER_PLACED = "order_placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """
    One claimed entry: what must be done, for whom, and what is known of it.

    Attributes:
        wanted: The sequence this claim works towards; a newer one may come meanwhile.
        applied: The last sequence known to be applied.
        profile: The sequence of the recipient's profile, which an order call carries.
        batch_limit: How many it may be sent together with, None for no limit.
        fires: Whether its next call may start automations.
        is_repair: Whether it must be sent even if nothing seems to have changed.
        fingerprint: Of what the destination is known to hold, None where unknown.
        unclear: The attempt whose end must be read back first.
        address, contact: Where the recipient stands there: last proven address, contact id.
        held: Addresses its contact may have there: the proven one, and any that was sent.
        has_unclear: Whether any call of this recipient is still to be read back.
        event: Of a fact: the number of the event it follows from.
    """

    entry: int
    recipient: int
    person: int
    operation: str
    source: str
    object: str
    lane: int
    wanted: int
    applied: int
    attempts: int
    profile: int
    batch_limit: int | None
    fires: bool
    is_repair: bool
    fingerprint: str | None
    unclear: int | None
    readbacks: int
    detail: str | None
    address: str | None
    contact: str | None
    held: Sequence[str] = ()
    has_unclear: bool = False
    event: int | None = None

    @property
    def is_fact(self) -> bool:
        """Whether it follows of an event, and is done once and for ever."""
        return self.operation == "fact"

    @property
    def trigger(self) -> str:
        """What the trigger ledger calls what it may start."""
        return self.object.partition("/")[0] if self.is_fact else ORDER_PLACED

    @property
    def business_key(self) -> str:
        """What the trigger ledger knows this object by."""
        return f"{self.source}/{self.object.partition('/')[2] if self.is_fact else self.object}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Entries held together under one token; whoever holds it may write, nobody else."""

    token: int
    destination: str
    members: tuple[Member, ...]

    @property
    def head(self) -> Member:
        """The entry it was claimed for; the others are its neighbours."""
        return self.members[0]


# -- outcomes -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The answer proves it; *contact* and *address* are what it showed, if it did."""

    fingerprint: str
    contact: str | None = None
    address: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken in there, not yet applied; *remote* is their id of it, None if it was lost."""

    remote: str | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The destination is known to hold exactly this."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """We decided not to send, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """
    To be tried again: *counts* if it cost an attempt, *limit* if in smaller company.

    Attributes:
        is_partial: It took effect in part, so what was believed before does not hold any more.
    """

    delay: timedelta
    counts: bool
    reason: str
    limit: int | None = None
    is_doubtful: bool = False
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Unclear:
    """May have taken effect and may start automations: read back before anything else."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unfound:
    """Read back and not found, which proves nothing; to be read back once more."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class Found:
    """Read back and found: it happened."""


@dataclass(frozen=True, slots=True)
class Parked:
    """Never found: whether it happened is for a human to say; the state still goes out."""


@dataclass(frozen=True, slots=True)
class Buried:
    """A dead letter: it will not be tried again by the machine."""

    cause: str
    message: str


@dataclass(frozen=True, slots=True)
class Halted:
    """The destination is stopped until a human has acted; the entry keeps its place."""

    reason: str


Outcome = (
    Applied | Accepted | Unchanged | Skipped | Postponed | Unclear | Unfound | Found | Parked
    | Buried | Halted
)  # fmt: skip


def name_of(outcome: Outcome) -> str:
    """Return what an outcome is called in the ledger and in logs."""
    return type(outcome).__name__.lower()


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that is there by now, with its link if it was told, or is not there any more."""

    name: str
    link: str | None
    is_there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChange:
    """
    What a call makes of a membership.

    Attributes:
        list, name, channel: The list: its id there, its name, and what is sent to it.
        contact: Whose membership it is.
        standing: What it becomes.
        said_at: When that was said which it is made for: of a no the latest moment, of a yes the earliest.
        evidence: The number of that in the book; None where a read overruled us.
        revived_over: Of a revival: when they had left.
    """

    list: str
    name: str
    channel: str
    contact: str
    standing: Standing
    said_at: datetime | None = None
    evidence: int | None = None
    revived_over: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBack:
    """
    What a call writes to a customer for a channel, or wrote as it was found.

    Attributes:
        name: Of the custom field that says it.
        fields: Custom fields and what they become; empty of what was found.
        list, standing, reason: What was left there, how it stands, and since when, for people.
    """

    channel: str
    name: str = ""
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)
    list: str
    standing: Standing
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncleared:
    """
    A contact that was written, and still shows values that were sent empty.

    Attributes:
        fingerprint: Of what was written.
        contact, address: Where it stands there.
        values: Ids of the values that are still to be cleared.
    """

    fingerprint: str
    contact: str
    address: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.fingerprint, self.contact, self.address, *self.values))


def parse_uncleared(detail: str | None) -> Uncleared | None:
    """Return what an entry keeps of a contact that is not cleared yet."""
    match (detail or "").split():
        case [fingerprint, contact, address, *values] if values:
            return Uncleared(fingerprint=fingerprint, contact=contact, address=address, values=tuple(values))
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What one member came to, with what the destination answered.

    Attributes:
        detail: What its entry shall keep; None leaves it, an empty text keeps nothing.
        written: What stands in the customer since its *version*, because we wrote it.
    """

    member: Member
    outcome: Outcome
    answer: str | None = None
    request: Mapping[str, object] | None = field(default=None, repr=False)
    version: int = 0
    tag: TagChange | None = None
    membership: MembershipChange | None = None
    written: Sequence[WriteBack] = ()
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """
    What is written to an entry.

    Attributes:
        is_settled: The wanted state is reached (or not to be reached): done if still wanted.
        is_dead: Not to be tried again, unless something newer is wanted by now.
        delay: When it is due again otherwise.
        forgets: What we believed of the destination no longer holds; repair a lease later.
        fires: What ``fires`` becomes; None leaves it.
    """

    is_settled: bool = False
    is_dead: bool = False
    delay: timedelta = timedelta()
    attempts: int = 0
    fingerprint: str | None = None
    forgets: bool = False
    unclear: int | None = None
    readbacks: int = 0
    batch_limit: int | None = None
    fires: bool | None = None


#: A lost reply is read back after these waits; then a human is asked.
READBACKS: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
)


def change_of(
    member: Member, outcome: Outcome, *, attempt: int | None, readbacks: tuple[timedelta, ...] = READBACKS
) -> EntryChange:
    """Return what *outcome* means for the entry of *member*."""
    kept = member.fingerprint
    match outcome:
        case Applied(fingerprint=fingerprint) | Unchanged(fingerprint):
            # Of one that did not fire, a human may meanwhile have said that it shall.
            fires = False if member.fires else None
            return EntryChange(is_settled=True, fingerprint=fingerprint, fires=fires)
        case Skipped():
            return EntryChange(is_settled=True, fingerprint=kept)
        case Accepted():
            return EntryChange(fingerprint=kept, batch_limit=member.batch_limit, attempts=member.attempts)
        case Postponed():
            return EntryChange(
                delay=outcome.delay,
                attempts=member.attempts + outcome.counts,
                fingerprint=None if outcome.is_doubtful or outcome.is_partial else kept,
                forgets=outcome.is_doubtful,
                unclear=member.unclear,
                readbacks=member.readbacks,
                batch_limit=outcome.limit or member.batch_limit,
            )
        case Unclear():
            return EntryChange(delay=readbacks[0], unclear=attempt, forgets=True)
        case Unfound(delay):
            return EntryChange(delay=delay, unclear=member.unclear, readbacks=member.readbacks + 1)
        case Found() | Parked():
            return EntryChange(fires=False)
        case Buried():
            return EntryChange(
                is_dead=True,
                attempts=member.attempts + 1,
                fingerprint=kept,
                unclear=member.unclear,
                readbacks=member.readbacks,
            )
        case Halted():
            return EntryChange(
                attempts=member.attempts,
                fingerprint=kept,
                delay=timedelta(seconds=5),
                unclear=member.unclear,
                readbacks=member.readbacks,
            )
        case _:
            assert_never(outcome)


def outcome_of_error(
    error: SyncError, member: Member, *, policy: RetryPolicy, jitter: float, size: int
) -> Outcome:
    """
    Return what follows for *member* from a failed call that carried *size* entries.

    Args:
        jitter: A number in [0, 1) that spreads retries.
    """
    delay = policy.delay(member.attempts + 1, jitter=jitter)
    is_unnamed = error.recovery in (Recovery.SETTLE, Recovery.DEAD_LETTER)
    smaller = max(1, size // 2) if size > 1 and is_unnamed else None
    match error.recovery:
        case Recovery.HALT:
            return Halted(error.cause)
        case Recovery.SNOOZE:
            wait = timedelta(seconds=error.retry_after_seconds or 2)
            return Postponed(delay=wait, counts=False, reason=error.cause)
        case Recovery.SETTLE if member.fires:
            return Unclear(error.cause)
        case Recovery.SETTLE | Recovery.RETRY if not policy.is_last(member.attempts):
            is_doubtful = error.recovery is Recovery.SETTLE
            return Postponed(
                delay=delay, counts=True, reason=error.cause, limit=smaller, is_doubtful=is_doubtful
            )
        case Recovery.SETTLE | Recovery.RETRY:
            return Buried(f"exhausted: {error.cause}", str(error))
        case Recovery.DEAD_LETTER if size > 1:
            return (
                Unclear(error.cause)
                if member.fires
                else Postponed(delay=timedelta(), counts=False, reason=error.cause, limit=smaller)
            )
        case Recovery.DEAD_LETTER:
            return Buried(error.cause, str(error))
        case _:
            assert_never(error.recovery)


class ImportEnd(StrEnum):
    """
    How a bulk import ended.

    ``LOST``: its reply was lost and nothing is outstanding there any more, or nothing can be
    learnt of it.  ``FAILED``: the vendor gave it up, or it did not end before its deadline.
    """

    APPLIED = "applied"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """
    A row of an import: whom it is for, and what it gives.

    Attributes:
        size: How many rows went together.
    """

    member: Member
    fingerprint: str
    address: str | None
    size: int


def outcome_of_import(
    row: ImportRow, end: ImportEnd, *, is_refused: bool, policy: RetryPolicy, jitter: float
) -> Outcome:
    """
    Return what the end of an import means for one of its rows.

    A row that was refused by address goes alone next, by a single call, to be told why.
    What is not confirmed is sent again, for an import is a keyed upsert without consent;
    one that failed without naming a row goes in smaller company.

    Args:
        jitter: A number in [0, 1) that spreads retries.
    """
    member = row.member
    if end is ImportEnd.APPLIED:
        if is_refused:
            return Postponed(delay=timedelta(), counts=True, reason="import_refused", limit=1)
        return Applied(fingerprint=row.fingerprint, address=row.address)
    if policy.is_last(member.attempts):
        return Buried(f"exhausted: import {end}", f"an import of {row.size} was not confirmed: {end}")
    smaller = max(1, row.size // 2) if end is ImportEnd.FAILED and row.size > 1 else None
    delay = policy.delay(member.attempts + 1, jitter=jitter)
    reason = f"import_{end}"
    return Postponed(delay=delay, counts=True, reason=reason, limit=smaller, is_doubtful=True)


def next_look(waited: timedelta, *, first: timedelta) -> timedelta:
    """Return when to look again at what was accepted *waited* ago: seldom, if it takes long."""
    return max(first, waited / 2)


def settle_unclear(
    member: Member, *, is_found: bool, readbacks: tuple[timedelta, ...] = READBACKS
) -> Outcome:
    """Return what a read-back says: found settles, not found is asked again, then parked."""
    if is_found:
        return Found()
    if member.readbacks + 1 < len(readbacks):
        return Unfound(readbacks[member.readbacks + 1])
    return Parked()
