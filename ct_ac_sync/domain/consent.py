"""
Consent: who said what and when, who is on a list, and what follows of both.

:func:`decide` is the only place in which a subscription is begun or ended; `docs/consent.md` shows
it as a table.  Times are compared with a grace, because two systems' clocks differ and the stamps
of one of them have no fractions of seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

#: Two moments that are nearer than this cannot be put in an order.
GRACE = timedelta(seconds=2)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Says(StrEnum):
    """What a record says of a channel."""

    YES = "yes"
    NO = "no"
    PENDING = "pending"
    NOTHING = "nothing"


class Owner(StrEnum):
    """Whose word holds where both sides say something."""

    COMMERCETOOLS = "commercetools"
    ACTIVECAMPAIGN = "activecampaign"
    LATEST = "latest"
    STRICTEST = "strictest"


class Standing(StrEnum):
    """Where somebody stands with a list."""

    NONE = "none"
    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What a record said of a channel.

    Attributes:
        since, at: Between these moments, both included, it was said; None where nothing bounds it.
        is_stated: Whether the record itself states the time.
        is_explicit: Whether somebody said it: not a value that came with another type of fields,
            or into a field that was not there before.
        is_past: Whether it was found in a record of the past, by a backfill.
        may_revive: Whether its source is trusted to bring back who has left.
        record: Its stream, id and version, for people.
        details: Text, address of the page, or whatever else the shop keeps of it.
        number: Its number in the book; 0 where it is in none.
    """

    says: Says
    since: datetime | None = None
    at: datetime | None = None
    is_stated: bool = False
    is_explicit: bool = True
    is_past: bool = False
    may_revive: bool = True
    record: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """
    Where a contact stands with a list.

    Attributes:
        joined_at, left_at: When it was subscribed and unsubscribed last, by the destination's stamps.
        ended_for, begun_for: Of one that we ended, or began: when that was said in the shop which
            we did it for; of a no the latest moment, of a yes the earliest.
        is_excluded: Whether the destination excludes the address from what is sent, whoever is on it.
    """

    standing: Standing = Standing.NONE
    joined_at: datetime | None = None
    left_at: datetime | None = None
    ended_for: datetime | None = None
    begun_for: datetime | None = None
    is_excluded: bool = False

    @property
    def ended_at(self) -> datetime | None:
        """Since when somebody is off the list, by their own word; None where that is not known."""
        match self.standing:
            case Standing.UNSUBSCRIBED:
                # A no in the shop was said before we wrote it.
                return self.ended_for or self.left_at
            case Standing.UNCONFIRMED:
                return max(filter(None, (self.joined_at, self.left_at)), default=None)
            case _:
                # A bounce that is dated before the subscription is dated by something else.
                is_later = self.left_at is not None and (
                    self.joined_at is None or self.left_at >= self.joined_at
                )
                return self.left_at if is_later else None

    @property
    def begun_at(self) -> datetime | None:
        """Since when somebody is on the list, by their own word; None where that is not known."""
        return self.begun_for or self.joined_at

    @property
    def is_off(self) -> bool:
        """Whether somebody was on the list, and is not any more."""
        return self.standing in (Standing.UNSUBSCRIBED, Standing.BOUNCED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    How consent of one channel is decided.

    Attributes:
        past_counts: Whether records of the past count as far as they may: a yes subscribes who was
            never on the list, and a no without a time of its own unsubscribes.
    """

    owner: Owner = Owner.STRICTEST
    past_counts: bool = False


class Action(StrEnum):
    """What a verdict asks for."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    LEAVE = "leave"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a membership, and why in plain words."""

    action: Action
    reason: str

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return self.action in (Action.SUBSCRIBE, Action.UNSUBSCRIBE)


# -- what is said ---------------------------------------------------------------------

_STRICTNESS = {Says.NO: 2, Says.PENDING: 1, Says.YES: 0}


def weigh(found: Iterable[Evidence], owner: Owner) -> Evidence | None:
    """
    Return the one that counts of what several records say of one person; None where none says anything.

    The strictest owner takes any no before any yes; all others take what was said last, and of
    what cannot be put in an order the stricter.  A confirmation that is waited for takes nothing
    back, and what nobody said explicitly counts only where nothing else does.
    """
    known = [each for each in found if each.says is not Says.NOTHING]
    explicit = [each for each in known if each.is_explicit] or known
    counting = [each for each in explicit if each.says is not Says.PENDING] or explicit
    if owner is not Owner.STRICTEST:
        counting = [each for each in counting if not any(_overtakes(other, each) for other in counting)]
    return max(counting, key=_weight, default=None)


def _overtakes(later: Evidence, said: Evidence) -> bool:
    """Whether another word was said for certain after *said*; what is copied takes no no back."""
    is_better = said.says is not Says.NO or (later.may_revive and not later.is_past)
    return later.says is not said.says and is_better and is_before(said.at, later.since)


def _weight(said: Evidence) -> tuple[object, ...]:
    """Return what decides between statements: the stricter word, then what counts for more, then the later."""
    counts = (
        (not said.is_past or said.is_stated, True)
        if said.says is Says.NO
        else (not said.is_past, said.may_revive)
    )
    return (_STRICTNESS[said.says], *counts, said.at or _NEVER, said.number)


# -- what follows ---------------------------------------------------------------------


def decide(policy: Policy, said: Evidence | None, held: Membership) -> Verdict:
    """Return what follows of what is *said* for a membership as it is *held* by now."""
    if policy.owner is Owner.ACTIVECAMPAIGN:
        return Verdict(Action.LEAVE, "ActiveCampaign owns this channel")
    if said is None or said.says is Says.NOTHING:
        return Verdict(Action.LEAVE, "the shop says nothing")
    if said.says is Says.PENDING:
        return Verdict(Action.LEAVE, "the shop waits for a confirmation")
    if not said.is_explicit:
        return Verdict(Action.HOLD, "the value came with a field or type that was not there before")
    return _end(policy, said, held) if said.says is Says.NO else _begin(policy, said, held)


def _end(policy: Policy, said: Evidence, held: Membership) -> Verdict:
    if held.standing not in (Standing.ACTIVE, Standing.UNCONFIRMED):
        return Verdict(Action.LEAVE, f"said no, and is off the list: {held.standing}")
    if said.is_past and not said.is_stated and not policy.past_counts:
        return Verdict(Action.HOLD, "said no in a record of the past, without a time of its own")
    if policy.owner is not Owner.LATEST:
        return Verdict(Action.UNSUBSCRIBE, "said no in the shop")
    if said.at is None or held.begun_at is None:
        return Verdict(Action.HOLD, "whether the no or the subscription is newer cannot be told")
    # A yes that we wrote was said in the shop, by the same clock: no grace is needed.
    is_older = said.at < held.begun_for if held.begun_for else is_before(said.at, held.begun_at)
    if is_older:
        return Verdict(Action.LEAVE, "the no is older than the subscription")
    return Verdict(Action.UNSUBSCRIBE, "said no in the shop, later than subscribed")


def _begin(policy: Policy, said: Evidence, held: Membership) -> Verdict:
    match held.standing:
        case Standing.ACTIVE:
            return Verdict(Action.LEAVE, "said yes, and is on the list")
        case _ if held.is_excluded:
            return Verdict(Action.LEAVE, "excluded there, and no yes goes before that")
        case Standing.NONE if said.is_past and not policy.past_counts:
            return Verdict(
                Action.HOLD, "said yes in a record of the past, which subscribes nobody unless confirmed"
            )
        case Standing.NONE:
            return Verdict(Action.SUBSCRIBE, "said yes, and was never on the list")
        case _ if said.is_past:
            return Verdict(Action.LEAVE, f"{held.standing}: the past revives nobody")
        case _ if not said.may_revive:
            return Verdict(Action.LEAVE, f"{held.standing}: this source revives nobody")
        case _ if policy.owner is Owner.STRICTEST and held.ended_for is None:
            return Verdict(Action.LEAVE, f"{held.standing} there, and the strictest word holds")
        case _:
            return _revive(said, held)


def _revive(said: Evidence, held: Membership) -> Verdict:
    ended_at = held.ended_at
    if said.since is None or ended_at is None:
        return Verdict(Action.HOLD, f"{held.standing}: whether the yes is newer cannot be told")
    # A no that we wrote was said in the shop, by the same clock: no grace is needed.
    is_newer = held.ended_for <= said.since if held.ended_for else is_before(ended_at, said.since)
    if is_newer:
        return Verdict(Action.SUBSCRIBE, f"{held.standing}, and said yes after that")
    if is_before(said.at, ended_at):
        return Verdict(Action.LEAVE, f"{held.standing} since then: the yes is older")
    return Verdict(Action.HOLD, f"{held.standing}: whether the yes is newer cannot be told")


def is_before(one: datetime | None, other: datetime | None) -> bool:
    """Whether *one* was before *other* for certain; what is not known is before nothing."""
    return one is not None and other is not None and one + GRACE < other


def could_act(policy: Policy, said: Evidence | None) -> bool:
    """Whether there is any membership of which :func:`decide` would change something."""
    ended = Membership(standing=Standing.UNSUBSCRIBED, ended_for=_NEVER)
    held = (Membership(), Membership(standing=Standing.ACTIVE, joined_at=_NEVER), ended)
    return any(decide(policy, said, each).acts for each in held)


# -- what is known of a list -------------------------------------------------------------

#: How much before or after our call the destination may stamp what it did.
STAMPED_WITHIN = timedelta(seconds=10)
#: How long a call may go on there that nobody waits for any more.
LONGEST_CALL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known of a membership, and what was last about to be done with it.

    Attributes:
        contact: Whose it is, or was: a contact that is made anew has none.
        intended: What our last call was to make of it; None where we made none.
        intended_for: When that was said which it was made for.
        intended_at, written_at: When it was about to be sent, and proven; by the wall clock.
        revived_over: Of a revival that was not looked at since: when they had left before it.
    """

    contact: str = ""
    membership: Membership = field(default_factory=Membership)
    intended: Standing | None = None
    intended_for: datetime | None = None
    intended_at: datetime | None = None
    written_at: datetime | None = None
    revived_over: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Whether what our last call made of it, if any, is known, and needs no second look."""
        return (self.intended is None or self.written_at is not None) and self.revived_over is None


@dataclass(frozen=True, slots=True)
class Look:
    """
    What a look at a membership tells.

    Attributes:
        is_news: Whether somebody else than we changed it.
        is_found: Whether it shows that a call of ours took effect, whose reply was lost.
        revived_over: Where a person left between our look and our revival: when they had left before
            that.  Their no is the later word.
    """

    membership: Membership
    is_news: bool = False
    is_found: bool = False
    revived_over: datetime | None = None

    @property
    def is_overruled(self) -> bool:
        """Whether their no is to be restored."""
        return self.revived_over is not None


def look_at(known: Known | None, seen: Membership) -> Look:
    """Return what it means that a membership is *seen* so."""
    if known is None:
        return Look(seen)
    before = known.membership
    if seen.standing is Standing.NONE and known.revived_over is not None:
        return Look(Membership(standing=Standing.UNSUBSCRIBED, left_at=known.written_at or known.intended_at))
    if seen.standing is Standing.NONE and before.standing is not Standing.ACTIVE:
        # The contact was made anew, or the list forgot it: that they had left stands.
        return Look(before)
    held = replace(
        seen,
        ended_for=_said_for(known, seen, Standing.UNSUBSCRIBED),
        begun_for=_said_for(known, seen, Standing.ACTIVE),
    )
    if known.revived_over is not None and _is_overruled(known, seen):
        return Look(held, is_news=True, revived_over=known.revived_over)
    is_ours = known.intended is seen.standing and _is_stamped(known, _moment(seen))
    is_found = is_ours and known.written_at is None
    is_same = before.standing is seen.standing and before.left_at == seen.left_at
    return Look(held, is_news=not (is_ours or is_same), is_found=is_found)


def _moment(seen: Membership) -> datetime | None:
    return seen.left_at if seen.is_off else seen.joined_at


def _said_for(known: Known, seen: Membership, standing: Standing) -> datetime | None:
    """Return when that was said which we made a membership *standing* for; None where it was not we who did."""
    moment, before = _moment(seen), known.membership
    if seen.standing is not standing or moment is None:
        return None
    if known.intended is standing and _is_stamped(known, moment):
        return known.intended_for
    is_same = before.standing is standing and _moment(before) == moment
    return (before.ended_for or before.begun_for) if is_same else None


def _is_stamped(known: Known, moment: datetime | None) -> bool:
    """Whether it was our call that made something so at a *moment*, by the destination's stamp."""
    if known.intended_at is None or moment is None:
        return False
    return known.intended_at - STAMPED_WITHIN <= moment <= _latest(known.intended_at, known.written_at)


def _latest(intended_at: datetime, written_at: datetime | None) -> datetime:
    return (written_at or intended_at + LONGEST_CALL) + STAMPED_WITHIN


def _is_overruled(known: Known, seen: Membership) -> bool:
    """Whether a person left after our look, and our revival came over it: not where they came back later."""
    if seen.standing is not Standing.ACTIVE or known.intended_at is None:
        return False
    latest = _latest(known.intended_at, known.written_at)
    has_returned = seen.joined_at is not None and seen.joined_at > latest
    has_left = (
        is_before(known.revived_over, seen.left_at) and seen.left_at is not None and seen.left_at <= latest
    )
    return has_left and not has_returned


# -- on an order ------------------------------------------------------------------------


def on_order(policy: Policy, said: Evidence | None, held: Sequence[Membership | None] | None) -> Says:
    """
    Return what an order may say of its buyer's consent: yes only where both sides are known to.

    Args:
        held: Memberships of the lists that they may be sent to, None of one that nobody looked at;
            None where there is no such list.
    """
    standings = {each.standing for each in held or () if each is not None}
    word = said.says if said is not None and said.is_explicit else Says.NOTHING
    if policy.owner is Owner.ACTIVECAMPAIGN:
        word = Says.YES if Standing.ACTIVE in standings else Says.NOTHING
    if word is Says.NO or (
        standings and not standings & {Standing.ACTIVE, Standing.UNCONFIRMED, Standing.NONE}
    ):
        return Says.NO
    if word is Says.YES and (held is None or Standing.ACTIVE in standings):
        return Says.YES
    return Says.PENDING if word is Says.PENDING or Standing.UNCONFIRMED in standings else Says.NOTHING


# -- before an effect ------------------------------------------------------------------


def may_send(policy: Policy, said: Evidence | None, held: Membership) -> Verdict:
    """
    Return whether a message may be sent: :attr:`Action.LEAVE` where it may, else HOLD with why.

    Who is on the list may be sent to, unless a no of theirs is known that is still to be written,
    or to be looked at.
    """
    if held.standing is not Standing.ACTIVE:
        return Verdict(Action.HOLD, f"{held.standing}")
    if held.is_excluded:
        return Verdict(Action.HOLD, "excluded there")
    is_no = said is not None and said.says is Says.NO
    if is_no and decide(policy, said, held).action is not Action.LEAVE:
        return Verdict(Action.HOLD, "said no, which is still to be written")
    return Verdict(Action.LEAVE, "is on the list")
