"""
What records say of consent, and whether it is news.

A value alone is no evidence of when it was said: the times between which it must have been are
read off the versions in which it was seen first, and seen otherwise last.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ct_ac_sync.configuration.expression import Expression, Path, Root
from ct_ac_sync.configuration.values import ANY, ConsentConfig, ConsentPlace
from ct_ac_sync.domain.consent import Evidence, Says
from ct_ac_sync.domain.identity import is_address, normal_address
from ct_ac_sync.mapping.evaluate import Nowhere, Scope, evaluate
from ct_ac_sync.mapping.texts import instant
from ct_ac_sync.mapping.transforms import to_moment

ROOT_OF: Mapping[str, Root] = {
    "customers": Root.CUSTOMER, "orders": Root.ORDER, "carts": Root.CART, "custom_objects": Root.CUSTOM_OBJECT,
}  # fmt: skip
#: Longer texts name nobody: neither ids nor addresses are as long.
MOST_OF_NAME = 320
#: What is later than this after it was read was not said by then: a slip, or a wrong clock.
AHEAD = timedelta(minutes=5)
#: Of what the shop keeps of it, so much of each is kept here.
MOST_DETAIL = 500
#: How much before and after UTC a clock may show the same.
EASTERNMOST, WESTERNMOST = timedelta(hours=14), timedelta(hours=12)
#: A time of day to the minute, and a zone after it.
_CLOCK = re.compile(r"[T\s]\d{2}:?\d{2}(?P<seconds>:?\d{2})?", re.IGNORECASE)
_ZONED = re.compile(r"(?:T|\s)\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$", re.IGNORECASE)

Body = Mapping[str, Any]


def to_root(said: Evidence, place: ConsentPlace, *, source: str) -> Mapping[str, Any]:
    """
    Return what somebody *said* of a channel as paths see it below ``consent`` and the channel.

    Args:
        place: Where it stands, in records of *source*.
    """
    return {
        "says": said.says,
        "since": instant(said.since) if said.since else "",
        "at": instant(said.at) if said.at else "",
        "place": str(place.value),
        "source": source,
        "details": dict(said.details),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    What one place in a record says.

    Attributes:
        since, at: Between which moments, where the record itself states it.
        type: The type of its custom fields.
    """

    says: Says
    since: datetime | None = None
    at: datetime | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a record: its body, and the source's times of it."""

    body: Body = field(repr=False)
    number: int
    created_at: datetime
    last_modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """
    What a place of a channel says anew.

    Attributes:
        place: What it is known by.
        before: What it said in the version before; nothing where there was none.
    """

    channel: str
    place: str
    evidence: Evidence
    before: Says = Says.NOTHING


def news_of(
    configs: Sequence[ConsentConfig],
    stream: str,
    before: Version | None,
    after: Version,
    *,
    looked_at: datetime | None,
    noticed_at: datetime,
    is_past: bool,
) -> Iterator[News]:
    """
    Give what a version of a record says anew.

    Args:
        before: The version that was stored; None where the record is seen for the first time.
        looked_at: Until when all changes of such records are known to have been seen before.
        noticed_at: The source's own time of the answer that shows it.
        is_past: Whether a record that is seen for the first time is of the past.
    """
    for config in configs:
        for place in config.places:
            if place.stream != stream or not _is_in(place, after.body):
                continue
            now = read_statement(place, after.body, noticed_at=noticed_at)
            was = read_statement(place, before.body, noticed_at=noticed_at) if before else None
            if now.says is Says.NOTHING or (was and not _is_news(was, now)):
                continue
            since, at, is_explicit = _bounds(
                before, after, was, now, looked_at=looked_at, absence_is_no=config.absence_is_no
            )
            is_stated = _is_stated(was, now)
            yield News(
                channel=config.channel,
                place=place.key,
                before=was.says if was else Says.NOTHING,
                evidence=Evidence(
                    says=now.says, since=since, at=at, is_stated=is_stated, is_explicit=is_explicit,
                    is_past=is_past and before is None, may_revive=place.revives, details=now.details,
                ),
            )  # fmt: skip


def _is_news(was: Statement, now: Statement) -> bool:
    """Whether something else is said, or the same once more: at a moment that is stated, and not the former one."""
    if was.says is not now.says:
        # That a confirmation is waited for takes no no back.
        return not (was.says is Says.NO and now.says is Says.PENDING)
    return _is_stated(was, now)


def _is_stated(was: Statement | None, now: Statement) -> bool:
    """Whether a statement comes with a time of its own, and not with that of the one before."""
    if now.since is None or now.at is None:
        return False
    if was is None or was.since is None or was.at is None:
        return True
    # The same moment may be written with a time of day, or with a zone, since.
    is_rewritten = now.at - now.since != was.at - was.since and was.since <= now.at and now.since <= was.at
    return (was.since, was.at) != (now.since, now.at) and not is_rewritten


def _bounds(
    before: Version | None,
    after: Version,
    was: Statement | None,
    now: Statement,
    *,
    looked_at: datetime | None,
    absence_is_no: bool,
) -> tuple[datetime | None, datetime | None, bool]:
    """Return between which moments something was said, and whether it was said at all; never after its version."""
    until = after.last_modified_at
    if now.since is not None and now.at is not None and _is_stated(was, now):
        return min(now.since, until), min(now.at, until), True
    if before is None or was is None:
        return after.created_at, until, True
    # The first field of all brings the first type.
    is_first = was.says is Says.NOTHING and absence_is_no and was.type in ("", now.type)
    if not is_first and (was.type != now.type or was.says is Says.NOTHING):
        return None, None, False
    since = max(filter(None, (before.last_modified_at, looked_at)))
    return min(since, until), until, True


def _is_in(place: ConsentPlace, body: Body) -> bool:
    """Whether a record is one of those that a place is about: of custom objects, in its container."""
    return place.container is None or body.get("container") == place.container


class Named(NamedTuple):
    """Whom a custom object names: a customer by id, or an address; nobody where neither is there."""

    customer_id: str | None = None
    address: str | None = None


def named_in(body: Body, person: Expression) -> Named:
    """Return whom a custom object names where *person* says it: by an address, else by the id of a customer."""
    scope = Scope(roots={Root.CUSTOM_OBJECT: body}, lookup=Nowhere())
    text = next(iter(evaluate(person, scope).values), "").strip()
    if not text or len(text) > MOST_OF_NAME:
        return Named()
    return Named(address=normal_address(text)) if is_address(text) else Named(customer_id=text)


# -- one place ------------------------------------------------------------------------


def read_statement(place: ConsentPlace, body: Body, *, noticed_at: datetime) -> Statement:
    """Return what a place says; a word that nobody explained says nothing."""
    scope = Scope(roots={ROOT_OF[place.stream]: body}, lookup=Nowhere())
    says = _meaning(place, evaluate(place.value, scope).values, is_emptied=_is_emptied(place, body))
    time = next(iter(evaluate(place.time, scope).values), "") if place.time else ""
    since, at = _moments(time.strip(), noticed_at) or (None, None)
    if says is Says.NOTHING:
        return Statement(says=says, since=since, at=at, type=_type_of(body))
    details = {name: " ".join(evaluate(value, scope).values)[:MOST_DETAIL] for name, value in place.details}
    if time and at is None:
        details["time"] = time[:MOST_DETAIL]
    return Statement(
        says=says, since=since, at=at, type=_type_of(body),
        details={name: text for name, text in details.items() if text},
    )  # fmt: skip


def _meaning(place: ConsentPlace, values: Sequence[str], *, is_emptied: bool) -> Says:
    """Return what values mean: of a set, the strictest that any of its words has; a set without any is other than all."""
    words = {value.strip().casefold() for value in values}
    meanings = ((Says.NO, place.no), (Says.PENDING, place.pending), (Says.YES, place.yes))
    named = next((says for says, known in meanings if words.intersection(known)), None)
    if named or not (words or is_emptied):
        return named or Says.NOTHING
    others = next((says for says, known in meanings if ANY in known), Says.NOTHING)
    return Says.NOTHING if is_emptied and others is Says.YES else others


def _is_emptied(place: ConsentPlace, body: Body) -> bool:
    """Whether a path leads to a set that is there and has nothing in it."""
    return any(_at(path, body) == [] for path in place.value.paths)


def _at(path: Path, body: Body) -> Any:
    value: Any = body
    for step in path.steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _moments(text: str, noticed_at: datetime) -> tuple[datetime, datetime] | None:
    """
    Return between which moments a text says: a day is all of it, and without a zone it may be any.

    What is ahead of the time at which it was read was not said: None, as of what is no moment.
    """
    moment = to_moment(text, UTC) if text else None
    if moment is None:
        return None
    clock = _CLOCK.search(text)
    span = timedelta(days=1) if clock is None else timedelta() if clock["seconds"] else timedelta(minutes=1)
    try:
        since, at = moment, moment + span
        if not _ZONED.search(text):
            since, at = since - EASTERNMOST, at + WESTERNMOST
    except OverflowError:
        return None
    return None if since > noticed_at + AHEAD else (since, at)


def _type_of(body: Body) -> str:
    custom = body.get("custom")
    type_ = custom.get("type") if isinstance(custom, Mapping) else None
    return str(type_.get("id", "")) if isinstance(type_, Mapping) else ""
