"""Commercetools' values become texts: money, enumerations, references, texts in several languages."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ct_ac_sync.domain.money import DIGITS, WITHOUT_MINOR_UNITS
from ct_ac_sync.domain.order import LocalizedText

#: Digits that ``fractionDigits`` may name (vendor documentation, Money).
MOST_DIGITS = 20
#: The greatest amount (64 bits, vendor documentation, Money).
MOST_MINOR = 2**63 - 1
#: A list, and lists in it; the vendor nests no deeper.
MOST_LISTS = 2

_TAG = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", re.ASCII)


def instant(moment: datetime) -> str:
    """Return an instant as Commercetools writes it: UTC, three digits, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(number: Decimal) -> str:
    """Return a number in digits, without an exponent."""
    return f"{number:f}"


def texts_of(value: Any, locales: Sequence[str] = ()) -> tuple[str, ...]:
    """
    Return the texts that *value* shows: several of a list, none where it has none.

    Args:
        locales: Of a text in several languages, which to show, best first.
    """
    return tuple(each for each in _texts(value, locales, MOST_LISTS) if each.strip())


def _texts(value: Any, locales: Sequence[str], lists: int) -> Iterator[str]:
    match value:
        case Mapping():
            yield from _of_object(value, locales)
        case list() | tuple() | set() | frozenset():
            if lists:
                for each in sorted(value, key=order_of) if isinstance(value, set | frozenset) else value:
                    yield from _texts(each, locales, lists - 1)
        case _:
            yield _of_scalar(value)


def _of_scalar(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            number = Decimal(value)
            return plain(number) if number.is_finite() else ""
        case float():
            return plain(Decimal(repr(value))) if math.isfinite(value) else ""
        case datetime():
            return instant(value) if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case _:
            return ""


def _of_object(value: Mapping[str, Any], locales: Sequence[str]) -> Iterator[str]:
    if "centAmount" in value:
        amount = amount_of(value)
        yield "" if amount is None else plain(amount)
    elif isinstance(value.get("typeId"), str):
        yield _of_reference(value)
    elif "key" in value and value.keys() <= {"key", "label"}:
        label = value.get("label")
        shown = pick(label, locales) if isinstance(label, Mapping) else _of_scalar(label)
        yield shown or _of_scalar(value["key"])
    elif is_localised(value):
        yield pick(value, locales)


def _of_reference(value: Mapping[str, Any]) -> str:
    expanded = value.get("obj")
    inside = expanded.get("key") if isinstance(expanded, Mapping) else None
    return next((each for each in (value.get("key"), inside, value.get("id")) if isinstance(each, str)), "")


# -- texts in several languages -------------------------------------------------------


def is_localised(value: Mapping[str, Any]) -> bool:
    """Whether it is a text by language tag."""
    return bool(value) and all(
        _TAG.fullmatch(str(tag)) and (text is None or isinstance(text, str)) for tag, text in value.items()
    )


def pick(texts: Mapping[str, Any], locales: Sequence[str]) -> str:
    """
    Return one of the texts, as a :class:`LocalizedText` does.

    Without any, the first in the order of their tags, because a database keeps no other.
    """
    shown = ((tag, text) for tag, text in sorted(texts.items()) if isinstance(text, str))
    return LocalizedText(tuple(shown)).pick(*locales)


# -- money ----------------------------------------------------------------------------


def amount_of(money: Mapping[str, Any]) -> Decimal | None:
    """
    Return an amount in major units, exactly; None of what is no money.

    ``fractionDigits`` of a high-precision amount counts the digits of its ``preciseAmount``
    (vendor documentation, Money).
    """
    is_precise = money.get("type") == "highPrecision"
    minor, digits = money.get("preciseAmount" if is_precise else "centAmount"), digits_of(money)
    if type(minor) is not int or type(digits) is not int:
        return None
    if abs(minor) > MOST_MINOR or not 0 <= digits <= MOST_DIGITS:
        return None
    return Decimal(minor).scaleb(-digits)


def digits_of(money: Mapping[str, Any]) -> Any:
    """Return the decimal digits of its minor unit; its currency's own where it does not say."""
    known = DIGITS.get(str(money.get("currencyCode")), 2)
    return money.get("fractionDigits", None if money.get("type") == "highPrecision" else known)


def currency_of(money: Mapping[str, Any]) -> str:
    """Return the ISO 4217 code of its currency."""
    code = str(money.get("currencyCode") or "")
    return code[:3] if code in WITHOUT_MINOR_UNITS else code


# -- order ----------------------------------------------------------------------------


def order_of(value: Any) -> tuple[Any, ...]:
    """Return by what values are sorted whose own order means nothing, such as those of a set."""
    parts = value.items() if isinstance(value, Mapping) else ()
    scalars = sorted((str(name), _of_scalar(each)) for name, each in parts)
    return texts_of(value), scalars
