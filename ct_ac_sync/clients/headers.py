"""What headers say about waiting and about what is left."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return ``Retry-After`` in seconds, given as seconds or as a date; None without."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, min(float(text), 3600.0))
    except ValueError:
        moment = http_date(text)
    if moment is None:
        return None
    return max(0.0, min((moment - datetime.now(UTC)).total_seconds(), 3600.0))


def http_date(text: str) -> datetime | None:
    """Return an HTTP date as an aware instant; None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def whole_number(text: str | None) -> int | None:
    """Return a header's whole number; None where it is none."""
    return int(text) if text and text.strip().isdigit() else None
