"""
Values become what a custom field of each type holds: always one text.

Vendor documentation, Custom fields: a date is YYYY-MM-DD, an instant ISO 8601 with its
offset, a choice exactly an option's text, several of them ``||A||B||``, a number its digits.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from ct_ac_sync.configuration.values import FieldType
from ct_ac_sync.mapping.transforms import to_date, to_datetime, to_number

#: Characters that a text keeps.  The vendor names no limit of its own (vendor documentation,
#: Custom fields), so these are ours: no field of a person is longer, and an accident is.
MOST_CHARACTERS: Mapping[FieldType, int] = {
    FieldType.TEXT: 255,
    FieldType.HIDDEN: 255,
    FieldType.TEXTAREA: 5_000,
}
#: Of an option's name in a remark: enough to know it by.
SHOWN = 40

#: What joins letters and pictures: Persian and Sinhala names need them, and families of emoji.
_JOINERS = "\u200c\u200d"
#: What stands between words, or for nothing that another could show.
_BLANKS = frozenset({"Cc", "Cs", "Co", "Zl", "Zp", "Zs"})

_BREAKS = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")


class Wire(NamedTuple):
    """What a field is sent, and what of its values could not be."""

    text: str
    remarks: tuple[str, ...] = ()


def clean(text: str | None, *, most: int | None = None) -> str:
    """
    Return *text* without control characters and surplus blanks, as names are shown, cut to *most*.

    Of characters that only format, those are left out that nothing joins; characters that are
    newer than we are stay.
    """
    known = text or ""
    seen = known if known.isprintable() else "".join(map(_seen, known))
    shown = " ".join(filter(None, (word.strip(_JOINERS) for word in seen.split())))
    return shown[:most].rstrip(f" {_JOINERS}")


def _seen(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if (category := unicodedata.category(character)) in _BLANKS:
        return " "
    return "" if category == "Cf" or _is_no_character(ord(character)) else character


def _is_no_character(code: int) -> bool:
    """Whether no character ever will have this code."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004 - as Unicode has them


def wire_value(type_: FieldType, values: Sequence[str], *, options: Sequence[str], zone: tzinfo) -> Wire:
    """
    Return what a field of a type is sent for *values*; empty where there is none.

    Args:
        options: Those it may hold; without any, what it is given.
        zone: Where a text without a zone is from, and of an instant the day.
    """
    match type_:
        case FieldType.TEXT | FieldType.HIDDEN | FieldType.TEXTAREA:
            return _text(type_, values)
        case FieldType.DATE:
            return _one(values, "date", lambda text: to_date(text, zone))
        case FieldType.DATETIME:
            return _one(values, "time", lambda text: to_datetime(text, zone))
        case FieldType.NUMBER:
            return _one(values, "number", to_number)
        case FieldType.DROPDOWN | FieldType.RADIO:
            chosen, remarks = _chosen(values, options)
            return _first(chosen, remarks)
        case FieldType.LISTBOX | FieldType.CHECKBOX:
            chosen, remarks = _chosen(values, options)
            ordered = sorted(chosen, key=options.index) if options else chosen
            return Wire(f"||{'||'.join(ordered)}||" if ordered else "", remarks)


def _text(type_: FieldType, values: Sequence[str]) -> Wire:
    """Return the values as one text; only the lines of a text area stay lines."""
    joined = ", ".join(values)
    lines = _BREAKS.split(joined) if type_ is FieldType.TEXTAREA else [joined]
    text, most = "\n".join(map(clean, lines)).strip(), MOST_CHARACTERS[type_]
    return Wire(text[:most].rstrip(), (f"longer than {most} characters",) if len(text) > most else ())


def _one(values: Sequence[str], what: str, read: Callable[[str], str | None]) -> Wire:
    found = [text for text in map(read, values) if text is not None]
    return _first(found, (f"not a {what}",) if len(found) < len(values) else ())


def _first(found: Sequence[str], remarks: tuple[str, ...]) -> Wire:
    several = (f"{len(found)} values, the first is sent",) if len(found) > 1 else ()
    return Wire(found[0] if found else "", (*remarks, *several))


def _chosen(values: Sequence[str], options: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the options that *values* name, each once, whatever their case, and remarks on the others."""
    named = dict.fromkeys(filter(None, map(_without_bars, values)))
    if not options:
        return tuple(named), ()
    by_folded = {option.casefold(): option for option in reversed(options)}
    meant = {name: name if name in options else by_folded.get(name.casefold(), "") for name in named}
    unknown = (name for name, option in meant.items() if not option)
    chosen = dict.fromkeys(filter(None, meant.values()))
    return tuple(chosen), tuple(f"{name[:SHOWN]!r} is not an option" for name in unknown)


def _without_bars(text: str) -> str:
    """Return an option's name that the bars between two cannot be mistaken in."""
    return re.sub(r"\|{2,}", "|", clean(text)).strip("| ")
