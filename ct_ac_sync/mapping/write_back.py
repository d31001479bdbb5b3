"""
What is written to a customer whose person left, and whether a version of it shows that.

A customer that comes back as we wrote it says nothing new: its field has our value, and either
the version in which that stands is known to be ours, or our API client wrote it last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ct_ac_sync.configuration.values import ConsentConfig, ConsentPlace, WriteBackConfig, place_of
from ct_ac_sync.domain.consent import Evidence, Membership
from ct_ac_sync.domain.write_back import Decision, Treatment, decide_write_back
from ct_ac_sync.mapping.consent import Version, news_of, read_statement

Body = Mapping[str, Any]
CUSTOMERS = "customers"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBack:
    """
    What was written, or is about to be, to a customer for a channel.

    Attributes:
        name: Of the custom field that says it.
        fields: Custom fields, with what they became; null for one that was taken away.
        version: Of the customer, since when it stands there; None until that is proven.
        is_noted: Whether the ledger has it.
    """

    channel: str
    name: str
    fields: Mapping[str, Any] = field(repr=False)
    version: int | None = None
    is_noted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """
    What follows of a leaving for a customer.

    Attributes:
        fields: Custom fields and what they become, where it is to be written.
        is_ours: Whether it stands there already, because our call took effect whose reply was lost.
    """

    channel: str
    decision: Decision
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    is_ours: bool = False


def plan_write_back(
    config: ConsentConfig,
    left: Membership,
    *,
    seen: Version,
    stored: Version,
    said: Evidence | None,
    before: WrittenBack | None,
    client: str,
    now: datetime,
) -> Planned:
    """
    Return what follows of a leaving for a customer as it was just *seen*.

    Args:
        stored: The customer as it was accepted.
        said: What it said there, by the book.
        before: What was written to it last, or was about to be.
        client: The id of our API client.
    """
    back, place = config.write_back, config.answering
    if back is None or place is None:
        raise ValueError(f"nothing of {config.channel} is written back")
    custom = fields_in(seen.body)
    fields = _fields(back, left, custom)
    says = read_statement(place, seen.body, noticed_at=now).says
    if _is_same(custom.get(back.field), fields[back.field]):
        is_ours = before is not None and not before.is_noted and is_echo(before, None, seen, client=client)
        reason = "its reply was lost, and it is found there" if is_ours else "is as it shall be already"
        decision = Decision(Treatment.UNCHANGED, reason)
        return Planned(channel=config.channel, decision=decision, is_ours=is_ours)
    decision = decide_write_back(
        left, says=says, said=_said(config, place, seen=seen, stored=stored, said=said, now=now),
        made_at=seen.created_at, is_there=back.field in custom,
    )  # fmt: skip
    return Planned(channel=config.channel, decision=decision, fields=fields)


def _said(
    config: ConsentConfig,
    place: ConsentPlace,
    *,
    seen: Version,
    stored: Version,
    said: Evidence | None,
    now: datetime,
) -> Evidence | None:
    """Return when that was said which a customer says by now: anew since it was stored, as the book has it, or at all."""

    def news(before: Version | None) -> Evidence | None:
        told = news_of((config,), CUSTOMERS, before, seen, looked_at=None, noticed_at=now, is_past=False)
        return next((each.evidence for each in told if each.place == place.key), None)

    return news(stored) or said or news(None)


def _fields(back: WriteBackConfig, left: Membership, custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return what custom fields become; null for one that goes."""
    value: Any = back.no
    if back.clears:
        value = None
    elif back.without is not None:
        gone, held = back.without.casefold(), custom.get(back.field)
        value = None if held is None else [each for each in held if str(each).casefold() != gone]
    fields = {back.field: value}
    if back.time is not None:
        fields[back.time] = _stamp(left.ended_at)
    if back.source is not None:
        fields[back.source] = back.says
    return fields


def _stamp(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def actions_of(body: Body, fields: Mapping[str, Any], *, type_: str | None) -> list[dict[str, Any]] | None:
    """
    Return the update actions that make *fields* of a customer (vendor documentation, Custom Fields).

    Args:
        type_: Key of the type that it gets where it has none.

    Returns:
        None where it has no type, and none is named.
    """
    if _has_type(body):
        held = fields_in(body)
        return [
            {"action": "setCustomField", "name": name} | ({} if value is None else {"value": value})
            for name, value in fields.items()
            if not _is_same(held.get(name), value)
        ]
    if type_ is None:
        return None
    given = {name: value for name, value in fields.items() if value is not None}
    return [{"action": "setCustomType", "type": {"typeId": "type", "key": type_}, "fields": given}]


def fields_in(body: Body) -> Mapping[str, Any]:
    """Return the custom fields of a customer."""
    custom = body.get("custom")
    fields = custom.get("fields") if isinstance(custom, Mapping) else None
    return fields if isinstance(fields, Mapping) else {}


def _has_type(body: Body) -> bool:
    custom = body.get("custom")
    return isinstance(custom, Mapping) and isinstance(custom.get("type"), Mapping)


# -- what comes back ------------------------------------------------------------------


def is_echo(written: WrittenBack, before: Version | None, after: Version, *, client: str) -> bool:
    """
    Whether a version of a customer says only what we wrote to it.

    What stood there before, or comes from somebody else over a value of theirs, is none.

    Args:
        before: The version that was stored.
        client: The id of our API client.
    """
    if not _stands(written, after.body):
        return False
    since = written.version
    if since is None:
        return _wrote_last(after.body, client)
    return (before is None or before.number < since) and since <= after.number


def reads_it(written: WrittenBack, places: Sequence[ConsentPlace], key: str) -> bool:
    """Whether the place known by *key* is the one that reads what was written."""
    place = place_of(written.name, places)
    return place is not None and place.key == key


def _stands(written: WrittenBack, body: Body) -> bool:
    held = fields_in(body)
    return all(_is_same(held.get(name), value) for name, value in written.fields.items())


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are one; sets have no order (vendor documentation, Custom Fields)."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return type(one) is type(other) and bool(one == other)


def _wrote_last(body: Body, client: str) -> bool:
    who = body.get("lastModifiedBy")
    return isinstance(who, Mapping) and who.get("clientId") == client
