"""
Write-back: what a leaving in ActiveCampaign makes of the customer in the shop.

A leaving is told, a yes never is; and nothing that the shop said after it is overwritten.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ct_ac_sync.domain.consent import Evidence, Membership, Says, Standing, is_before

_NEVER = datetime.min.replace(tzinfo=UTC)
_ON = (Standing.ACTIVE, Standing.UNCONFIRMED)


class Treatment(StrEnum):
    """What is done about a leaving: it is written, it says so already, or it is left as it is."""

    WRITE = "write"
    UNCHANGED = "unchanged"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a leaving, and why in plain words."""

    treatment: Treatment
    reason: str


def leaving_of(memberships: Iterable[Membership], *, bounces: bool) -> Membership | None:
    """
    Return the last leaving of one channel's lists that somebody is in; None where it is none of theirs.

    Who is on one of the lists still has not left the channel, and who was taken off for a no of
    the shop has nothing to tell it.

    Args:
        bounces: Whether an address that bounced has left.
    """
    held = list(memberships)
    if any(each.standing in _ON for each in held):
        return None
    off = [each for each in held if each.standing is Standing.UNSUBSCRIBED and each.ended_for is None]
    off += [each for each in held if each.standing is Standing.BOUNCED and bounces]
    return max(off, key=lambda each: each.ended_at or _NEVER, default=None)


def decide_write_back(
    left: Membership, *, says: Says, said: Evidence | None, made_at: datetime, is_there: bool
) -> Decision:
    """
    Return what follows of a leaving for a customer as it *says* something by now.

    Args:
        said: When and how that was said; None where nobody can tell.
        made_at: When the customer came to be.
        is_there: Whether the field has a value at all.
    """
    ended_at = left.ended_at
    match says:
        case Says.NO:
            return Decision(Treatment.UNCHANGED, "says no already")
        case Says.NOTHING if is_there:
            return Decision(Treatment.LEAVE, "says what no word of the file explains")
        case Says.NOTHING if is_before(ended_at, made_at):
            return Decision(Treatment.LEAVE, "came after they had left, and says nothing")
        case Says.NOTHING:
            return Decision(Treatment.WRITE, "says nothing, and they left")
        case _:
            return _against(says, said, ended_at)


def _against(says: Says, said: Evidence | None, ended_at: datetime | None) -> Decision:
    """Return what follows of a leaving for what somebody agreed to, or is about to."""
    if said is not None and not said.is_explicit:
        return Decision(Treatment.WRITE, f"the {says} was said by nobody, and they left")
    if said is not None and is_before(ended_at, said.since):
        return Decision(Treatment.LEAVE, f"said {says} after they had left")
    if said is not None and is_before(said.at, ended_at):
        return Decision(Treatment.WRITE, f"left after the {says}")
    return Decision(Treatment.LEAVE, f"whether the {says} is newer cannot be told")
