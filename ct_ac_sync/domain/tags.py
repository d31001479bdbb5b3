"""
Tags of a contact: which to add and which to remove.

Names have no case there (vendor documentation, Tags).  Of tags that nobody wants only
those are removed that are ours: that begin with one of the owned prefixes, or that were
given for some time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSet:
    """
    The tags a contact shall have.

    Attributes:
        owned: Prefixes of those that are ours.
        ended: Those that it had for some time, which is over; each by its whole name.
    """

    names: tuple[str, ...]
    owned: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddTag:
    """A tag that is wanted and not there."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """A tag of ours that is there and not wanted; *link* is what the destination calls it, if known."""

    name: str
    link: str | None


def changes_of(wanted: TagSet, seen: Mapping[str, str | None]) -> tuple[AddTag | RemoveTag, ...]:
    """
    Return what makes the tags *seen* (links by name) those *wanted*, additions first.

    Additions come first, so that nobody is for a moment in none of two segments.
    """
    there = {name.casefold() for name in seen}
    keep = {name.casefold() for name in wanted.names}
    owned = tuple(prefix.casefold() for prefix in wanted.owned)
    ended = {name.casefold() for name in wanted.ended}
    additions = [AddTag(name) for name in wanted.names if name.casefold() not in there]
    removals = [
        RemoveTag(name, link)
        for name, link in sorted(seen.items())
        if name.casefold() not in keep
        and (name.casefold() in ended or (owned and name.casefold().startswith(owned)))
    ]
    return (*additions, *removals)


def lacks_links(changes: Collection[AddTag | RemoveTag]) -> bool:
    """Whether something is to be removed of which only the name is known."""
    return any(isinstance(change, RemoveTag) and change.link is None for change in changes)
