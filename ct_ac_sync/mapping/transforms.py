"""
The vocabulary of transforms: total functions over lists of texts.

An empty text is no value: after each word those that became empty are gone.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypeAlias
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from ct_ac_sync.configuration.expression import Argument, Transform
from ct_ac_sync.mapping.texts import plain

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
#: Its accents may stand behind its letters.
_WORD = re.compile(r"[^\W\d_][\w'\u2019\u0300-\u036f]*")


@dataclass(frozen=True, slots=True)
class Given:
    """What a word works with: its argument, the country of telephones, and room for remarks."""

    argument: Argument
    country: str | None
    remarks: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The argument of a word that takes a text."""
        return str(self.argument or "")

    @property
    def pairs(self) -> Mapping[str, str]:
        """The argument of a word that takes a table."""
        return dict(self.argument) if isinstance(self.argument, tuple) else {}

    @property
    def count(self) -> int:
        """The argument of a word that takes a number."""
        return int(self.argument) if isinstance(self.argument, int | float) else 0

    @property
    def zone(self) -> tzinfo:
        """The argument of a word that takes a zone."""
        return ZoneInfo(self.text) if self.argument else UTC


Word: TypeAlias = Callable[[Sequence[str], Given], Iterable[str]]


def transform(
    values: Sequence[str], transforms: Sequence[Transform], *, country: str | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Return what *values* become, and remarks on those that a word could not read.

    Args:
        country: Where a telephone number without a country is from.
    """
    texts, remarks = _filled(values), list[str]()
    for each in transforms:
        texts = _filled(WORDS[each.word](texts, Given(each.argument, country, remarks)))
    return texts, tuple(remarks)


def _filled(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text.strip())


# -- what is read ---------------------------------------------------------------------


def to_moment(text: str, zone: tzinfo) -> datetime | None:
    """Return an instant in *zone*; a text without a zone is in that one.  None of what is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        return None


def to_date(text: str, zone: tzinfo) -> str | None:
    """Return a day as YYYY-MM-DD, of an instant the day in *zone*; None of what is neither."""
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        moment = to_moment(text, zone)
        return moment.date().isoformat() if moment else None


def to_datetime(text: str, zone: tzinfo) -> str | None:
    """Return an instant with its offset in *zone*, to the second; None of what is none."""
    moment = to_moment(text, zone)
    return moment.isoformat(timespec="seconds") if moment else None


def to_number(text: str, places: int | None = None) -> str | None:
    """Return a number in digits, halves rounded away from zero; None of what is none."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    number = Decimal(text.strip())
    if places is not None:
        exact = Context(prec=len(text) + places + 1)
        number = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=exact)
    return plain(number or abs(number))


def to_phone(text: str, country: str | None) -> str | None:
    """
    Return a telephone number in E.164; None of what is no number of any country.

    Args:
        country: Two letters, where *text* names none.
    """
    try:
        number = phonenumbers.parse(text, country.upper() if country else None)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _read(texts: Sequence[str], given: Given, what: str, read: Callable[[str], str | None]) -> Iterable[str]:
    """Give what is read; what cannot be is left out with a remark, which does not repeat it."""
    for text in texts:
        found = read(text)
        if found is None:
            given.remarks.append(f"not a {what}")
        else:
            yield found


def _phone(texts: Sequence[str], given: Given) -> Iterable[str]:
    """Give numbers in E.164; one that is none stays as it is written, because people may read it."""
    for text in texts:
        found = to_phone(text, given.country or given.text)
        if found is None:
            given.remarks.append("not a telephone number")
        yield found or text


# -- what is shaped -------------------------------------------------------------------


def _title(text: str) -> str:
    return _WORD.sub(lambda match: match[0][0].title() + match[0][1:].lower(), text)


def _map(texts: Sequence[str], given: Given) -> Iterable[str]:
    pairs = given.pairs
    return (pairs.get(text, pairs.get("*", text)) for text in texts)


def _replace(texts: Sequence[str], given: Given) -> Iterable[str]:
    for text in texts:
        changed = text
        for old, new in given.pairs.items():
            changed = changed.replace(old, new)
        yield changed


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isascii() and each.isdigit())


WORDS: Mapping[str, Word] = {
    "strip": lambda texts, _: map(str.strip, texts),
    "lower": lambda texts, _: map(str.lower, texts),
    "upper": lambda texts, _: map(str.upper, texts),
    "title": lambda texts, _: map(_title, texts),
    "default": lambda texts, given: texts or (given.text,),
    "map": _map,
    "replace": _replace,
    "label": lambda texts, _: texts,
    "join": lambda texts, given: (given.text.join(texts),),
    "split": lambda texts, given: (part.strip() for text in texts for part in text.split(given.text)),
    "first": lambda texts, _: texts[:1],
    "sort": lambda texts, _: sorted(texts, key=lambda text: (text.casefold(), text)),
    "unique": lambda texts, _: dict.fromkeys(texts),
    "cut": lambda texts, given: (text[: given.count].rstrip() for text in texts),
    "digits": lambda texts, _: map(_digits, texts),
    "date": lambda texts, given: _read(texts, given, "date", lambda text: to_date(text, given.zone)),
    "datetime": lambda texts, given: _read(texts, given, "time", lambda text: to_datetime(text, given.zone)),
    "number": lambda texts, given: _read(texts, given, "number", lambda text: to_number(text, given.count)),
    "phone": _phone,
}
