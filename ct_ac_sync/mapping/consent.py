"""
What records say of consent, and whether it is news.

A value alone is no evidence of when it was said: the times between which it must have been are
read off the versions in which it was seen first, and seen otherwise last.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.configuration.expression import Root
from ct_ac_sync.configuration.values import ANY, ConsentConfig, ConsentPlace
from ct_ac_sync.domain.consent import Evidence, Says
from ct_ac_sync.mapping.evaluate import Nowhere, Scope, evaluate
from ct_ac_sync.mapping.transforms import to_moment

ROOT_OF: Mapping[str, Root] = {"customers": Root.CUSTOMER, "orders": Root.ORDER, "carts": Root.CART}
#: What is later than this after it was read was not said by then: a slip, or a wrong clock.
AHEAD = timedelta(minutes=5)
#: Of what the shop keeps of it, so much of each is kept here.
MOST_DETAIL = 500
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Body = Mapping[str, Any]


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
    """What a place of a channel says anew; *place* is its number among those of its channel."""

    channel: str
    place: int
    evidence: Evidence


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
        for number, place in enumerate(config.places):
            if place.stream != stream:
                continue
            now = read_statement(place, after.body, noticed_at=noticed_at)
            was = read_statement(place, before.body, noticed_at=noticed_at) if before else None
            if now.says is Says.NOTHING or (was and (was.says, was.at) == (now.says, now.at)):
                continue
            since, at, is_explicit = _bounds(
                before, after, was, now, looked_at=looked_at, absence_is_no=config.absence_is_no
            )
            yield News(
                channel=config.channel,
                place=number,
                evidence=Evidence(
                    says=now.says, since=since, at=at, is_explicit=is_explicit,
                    is_past=is_past and before is None, may_revive=place.revives, details=now.details,
                ),
            )  # fmt: skip


def _bounds(
    before: Version | None,
    after: Version,
    was: Statement | None,
    now: Statement,
    *,
    looked_at: datetime | None,
    absence_is_no: bool,
) -> tuple[datetime | None, datetime | None, bool]:
    """Return between which moments something was said, and whether it was said at all."""
    if now.at is not None:
        return now.since, now.at, True
    if before is None or was is None:
        return after.created_at, after.last_modified_at, True
    since = max(filter(None, (before.last_modified_at, looked_at)))
    since = min(since, after.last_modified_at)
    if was.type != now.type or (was.says is Says.NOTHING and not absence_is_no):
        return None, None, False
    return since, after.last_modified_at, True


# -- one place ------------------------------------------------------------------------


def read_statement(place: ConsentPlace, body: Body, *, noticed_at: datetime) -> Statement:
    """Return what a place says; a word that nobody explained says nothing."""
    scope = Scope(roots={ROOT_OF[place.stream]: body}, lookup=Nowhere())
    says = _meaning(place, evaluate(place.value, scope).values)
    if says is Says.NOTHING:
        return Statement(says=says)
    time = next(iter(evaluate(place.time, scope).values), "") if place.time else ""
    since, at = _moments(time, noticed_at)
    details = {name: " ".join(evaluate(value, scope).values)[:MOST_DETAIL] for name, value in place.details}
    if time and at is None:
        details["time"] = time[:MOST_DETAIL]
    return Statement(
        says=says, since=since, at=at, type=_type_of(body),
        details={name: text for name, text in details.items() if text},
    )  # fmt: skip


def _meaning(place: ConsentPlace, values: Sequence[str]) -> Says:
    """Return what values mean: of a set, the first meaning that any of its words has."""
    words = {value.strip().casefold() for value in values}
    meanings = ((Says.YES, place.yes), (Says.NO, place.no), (Says.PENDING, place.pending))
    named = next((says for says, known in meanings if words.intersection(known)), None)
    if named or not words:
        return named or Says.NOTHING
    return next((says for says, known in meanings if ANY in known), Says.NOTHING)


def _moments(text: str, noticed_at: datetime) -> tuple[datetime | None, datetime | None]:
    """Return between which moments a text says; a day is all of it, what is ahead of its time is none."""
    moment = to_moment(text.strip(), UTC) if text else None
    if moment is None or moment > noticed_at + AHEAD:
        return None, None
    is_day = _DAY.fullmatch(text.strip()) is not None
    return moment, min(moment + timedelta(days=1), noticed_at) if is_day else moment


def _type_of(body: Body) -> str:
    custom = body.get("custom")
    type_ = custom.get("type") if isinstance(custom, Mapping) else None
    return str(type_.get("id", "")) if isinstance(type_, Mapping) else ""
