"""
Values of custom fields: how each type stores them, and which of them a contact's page shows.

Values are text (vendor documentation, Contact custom fields).  A date with time is kept in
the account's zone; an option must be spelt exactly, or the value is stored and does not show.
"""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=-6))
NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
WITH_ONE_OPTION = ("dropdown", "radio")
WITH_OPTIONS = ("listbox", "checkbox")


def stamp(moment: datetime | None = None) -> str:
    """Return a moment (else now) in the account's zone, as the vendor writes it."""
    return (moment or datetime.now(UTC)).astimezone(ZONE).isoformat(timespec="seconds")


def instant(text: str) -> datetime:
    """Return a moment; one without an offset is taken as UTC."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def kept_value(type_: str, value: str, *, unreadable: str) -> str:
    """Return a value as it is stored; what a type cannot read is *kept* or *emptied*."""
    if not value:
        return value
    read = _read(type_, value)
    if read is None:
        return value if unreadable == "kept" else ""
    return read


def _read(type_: str, value: str) -> str | None:
    """Return what a type reads; None where it reads nothing."""
    try:
        match type_:
            case "datetime":
                return stamp(instant(value))
            case "date":
                return date.fromisoformat(value).isoformat()
            case "number":
                return value if NUMBER.match(value) else None
            case _:
                return value
    except ValueError:
        return None


def is_shown(type_: str, value: str, options: Collection[str]) -> bool:
    """Whether a contact's page shows a stored value."""
    if not value:
        return True
    if type_ in WITH_ONE_OPTION:
        return value in options
    if type_ in WITH_OPTIONS:
        is_barred = len(value) > 4 and value.startswith("||") and value.endswith("||")
        return is_barred and set(value[2:-2].split("||")) <= set(options)
    return _read(type_, value) is not None
