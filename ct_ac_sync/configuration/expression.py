"""
What a rule says of where a value comes from: paths, a template or a constant, then transforms.

The words of this small language stand in `docs/mapping.md`; nothing else is understood.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


class Root(StrEnum):
    """What a path begins with."""

    CUSTOMER = "customer"
    ADDRESS = "address"
    BILLING = "billing"
    SHIPPING = "shipping"
    PERSON = "person"
    ORDERS = "orders"
    LAST_ORDER = "last_order"
    LAST_PRODUCT = "last_product"
    ORDER = "order"
    LINE = "line"
    PRODUCT = "product"
    ROUTE = "route"
    EVENT = "event"
    CART = "cart"
    CONSENT = "consent"
    SHOPPING_LIST = "shopping_list"
    CUSTOM_OBJECT = "custom_object"


@dataclass(frozen=True, slots=True)
class Path:
    """A root and the steps below it: names, numbers of items, -1 for the last, or "*" for each."""

    root: Root
    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        steps = (
            f".{each}" if isinstance(each, str) and each != "*" else _bracket(each) for each in self.steps
        )
        return "".join((self.root, *steps))


@dataclass(frozen=True, slots=True)
class Transform:
    """A word of the vocabulary with its argument, if it has one."""

    word: str
    argument: str | int | float | bool | tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """
    Where a value comes from; exactly one of the first four is given.

    Attributes:
        paths: Tried in order; the first that is not empty holds.
        template: Text and paths in turn; empty where any path in it is.
        constant: The value itself.
        function: ``package.module:function``, a typed function of ours to call.
        transforms: Done to what was found, in order.
    """

    paths: tuple[Path, ...] = ()
    template: tuple[str | Path, ...] = ()
    constant: str | None = None
    function: str | None = None
    transforms: tuple[Transform, ...] = ()

    def __str__(self) -> str:
        source = self.function or self.constant or "".join(_part(each) for each in self.template)
        source = source or ", ".join(map(str, self.paths))
        done = (
            each.word if each.argument is None else f"{each.word}({each.argument})"
            for each in self.transforms
        )
        return " | ".join((source, *done))


def _part(part: str | Path) -> str:
    return f"{{{part}}}" if isinstance(part, Path) else repr(part)


# -- paths ----------------------------------------------------------------------------

#: What roots hold that are ours; all others hold what Commercetools sends.
NAMES: Mapping[Root, frozenset[str]] = {
    Root.PERSON: frozenset({"email", "locale", "modified_at", "customers", "is_guest", "stores"}),
    Root.ORDERS: frozenset(
        {"count", "total", "average", "refunded", "net", "tax", "first_at", "last_at", "currencies"}
    ),
    Root.ROUTE: frozenset({"name", "tag_prefix"}),
    Root.LAST_PRODUCT: frozenset(
        {"name", "category", "categories", "brand", "attributes", "url", "image_url"}
    ),
    Root.EVENT: frozenset(
        {
            "kind",
            "key",
            "at",
            "month",
            "amount",
            "currency",
            "net",
            "items",
            "quantity",
            "skus",
            "products",
            "categories",
            "brands",
            "image_url",
            "url",
            "carrier",
            "channel",
            "tracking",
            "delivery",
            "parcel",
            "transaction",
            "payment",
            "item",
            "method",
            "state",
            "origin",
            "product",
            "variant",
        }
    ),
}
#: What is known of what was said of a channel.
OF_CHANNEL = frozenset({"says", "since", "at", "place", "source", "details"})
#: What custom objects have; below ``value`` anything goes (vendor documentation, CustomObject).
OF_OBJECT = frozenset({"id", "version", "createdAt", "lastModifiedAt", "container", "key", "value"})
#: Sums of orders, which a currency may follow.
SUMS = frozenset({"total", "average", "refunded", "net", "tax"})

_STEP = re.compile(r"\.(?P<name>[-\w]+)|\[(?P<item>[^\]]*)\]", re.ASCII)


def parse_path(text: str) -> Path:
    """
    Return the path that *text* writes, such as ``customer.addresses[0].city``.

    Raises:
        ValueError: It is none; the message says what was expected.
    """
    word = re.match(r"\s*([-\w]*)", text)
    root = word[1] if word else ""
    if root not in set(Root):
        raise ValueError(
            f"expected a path that begins with {_any_of(Root)}, not {root!r}{did_you_mean(root, Root)}"
        )
    steps = _steps(text.strip(), begin=len(root))
    _check_names(Root(root), steps)
    return Path(Root(root), steps)


def _steps(text: str, *, begin: int) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while begin < len(text):
        match = _STEP.match(text, begin)
        if match is None:
            raise ValueError(f"expected .name, [0], [*] or [last] at {text[begin:]!r} of {text!r}")
        steps.append(match["name"] or _item(match["item"]))
        begin = match.end()
    if not steps:
        raise ValueError(f"expected a name after {text!r}, such as {text}.id")
    return tuple(steps)


def _item(text: str) -> str | int:
    if text == "*":
        return "*"
    if text == "last":
        return -1
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(f"expected [0], [*] or [last], not [{text}]")


def _bracket(item: str | int) -> str:
    return "[last]" if item == -1 else f"[{item}]"


def _check_names(root: Root, steps: tuple[str | int, ...]) -> None:
    if root is Root.CONSENT:
        _check_channel(steps)
    if root is Root.CUSTOM_OBJECT:
        _check_object(steps[0])
    if root not in NAMES:
        return
    name, *rest = steps
    known = NAMES[root]
    if name not in known:
        raise ValueError(
            f"expected {root}. and {_any_of(known)}, not {name!r}{did_you_mean(str(name), known)}"
        )
    if (root, name) == (Root.LAST_PRODUCT, "attributes"):
        return
    if root is not Root.ORDERS or name not in SUMS:
        wrong = [each for each in rest if isinstance(each, str) and each != "*"]
        if wrong:
            raise ValueError(f"expected nothing after {root}.{name}, not {wrong[0]!r}")
    elif rest and not (len(rest) == 1 and re.fullmatch("[A-Z]{3}", str(rest[0]))):
        raise ValueError(
            f"expected a currency after {root}.{name}, such as {root}.{name}.EUR, not {rest[0]!r}"
        )


def _check_channel(steps: tuple[str | int, ...]) -> None:
    channel, *rest = steps
    name, *below = rest or ("",)
    if name not in OF_CHANNEL:
        question = did_you_mean(str(name), OF_CHANNEL)
        raise ValueError(
            f"expected consent.{channel}. and {_any_of(OF_CHANNEL)}, not {str(name)!r}{question}"
        )
    if len(below) != (name == "details"):
        wanted = "the name of a detail" if name == "details" else "nothing"
        raise ValueError(f"expected {wanted} after consent.{channel}.{name}")


def _check_object(name: str | int) -> None:
    if name not in OF_OBJECT:
        wanted = f"{Root.CUSTOM_OBJECT}. and {_any_of(OF_OBJECT)}"
        raise ValueError(
            f"expected {wanted}, not {str(name)!r}: did you mean '{Root.CUSTOM_OBJECT}.value.{name}'?"
        )


# -- templates ------------------------------------------------------------------------

_PART = re.compile(r"\{\{|\}\}|\{(?P<path>[^{}]*)\}|(?P<text>[^{}]+)")


def parse_template(text: str) -> tuple[str | Path, ...]:
    """
    Return the texts and paths of a template such as ``tier: {customer.custom.fields.tier}``.

    Raises:
        ValueError: A brace has no partner, or what it holds is no path.
    """
    parts: list[str | Path] = []
    plain, begin = "", 0
    while begin < len(text):
        match = _PART.match(text, begin)
        if match is None:
            raise ValueError(f"expected {{path}}, or {{{{ and }}}} for braces, at {text[begin:]!r}")
        if match["path"] is None:
            plain += match["text"] or match[0][0]
        else:
            parts += [plain] if plain else []
            parts.append(parse_path(match["path"]))
            plain = ""
        begin = match.end()
    return (*parts, plain) if plain else tuple(parts)


# -- transforms -----------------------------------------------------------------------


class Takes(StrEnum):
    """What a word of the vocabulary takes."""

    NOTHING = "nothing"
    TEXT = "a text"
    COUNT = "a whole number"
    PAIRS = "a table of texts"
    ZONE = "the name of a zone, such as Europe/Berlin, or nothing"
    COUNTRY = "a country of two letters, such as DE, or nothing"


#: The vocabulary; what each word does stands in `docs/mapping.md`.
WORDS: Mapping[str, Takes] = {
    "strip": Takes.NOTHING,
    "lower": Takes.NOTHING,
    "upper": Takes.NOTHING,
    "title": Takes.NOTHING,
    "default": Takes.TEXT,
    "map": Takes.PAIRS,
    "replace": Takes.PAIRS,
    "label": Takes.NOTHING,
    "join": Takes.TEXT,
    "split": Takes.TEXT,
    "first": Takes.NOTHING,
    "sort": Takes.NOTHING,
    "unique": Takes.NOTHING,
    "cut": Takes.COUNT,
    "digits": Takes.NOTHING,
    "date": Takes.ZONE,
    "datetime": Takes.ZONE,
    "number": Takes.COUNT,
    "phone": Takes.COUNTRY,
}
#: What a word may be given nothing for.
BARE = frozenset({Takes.NOTHING, Takes.ZONE, Takes.COUNTRY})
#: Characters that are left, and decimal places.
COUNTS: Mapping[str, range] = {"cut": range(1, 10_001), "number": range(21)}

Argument = str | int | float | bool | tuple[tuple[str, str], ...] | None


def parse_transforms(items: Sequence[str | Mapping[str, object]]) -> tuple[Transform, ...]:
    """
    Return the transforms that *items* name: a word, or a table of one word and its argument.

    Raises:
        ValueError: A word is not known, or does not take what it was given.
    """
    transforms = tuple(_transform(each) for each in items)
    if any(each.word == "label" for each in transforms[1:]):
        raise ValueError("expected label before all other transforms: it needs the key as it was found")
    return transforms


def _transform(item: object) -> Transform:
    match item:
        case str():
            word, given = item, None
        case Mapping() if len(item) == 1:
            ((word, given),) = item.items()
        case _:
            raise ValueError(
                'expected a word such as "lower", or one word and its argument such as {cut = 40}'
            )
    if word not in WORDS:
        raise ValueError(f"expected {_any_of(WORDS)}, not {word!r}{did_you_mean(str(word), WORDS)}")
    return Transform(word, _argument(word, given))


def _argument(word: str, given: object) -> Argument:
    takes = WORDS[word]
    match given:
        case None if takes in BARE:
            return None
        case str() if takes is Takes.TEXT and (given or word != "split"):
            return given
        case str() if takes is Takes.ZONE:
            return _zone(given)
        case str() if takes is Takes.COUNTRY and re.fullmatch("[A-Z]{2}", given):
            return given
        case int() if takes is Takes.COUNT and not isinstance(given, bool) and given in COUNTS[word]:
            return given
        case Mapping() if takes is Takes.PAIRS and _are_texts(given) and (word == "map" or "" not in given):
            return tuple((str(key), str(value)) for key, value in given.items())
        case _:
            raise ValueError(f"expected {_wanted(word)} after {word}, not {_shown(given)}")


def _are_texts(pairs: Mapping[object, object]) -> bool:
    return bool(pairs) and all(isinstance(each, str) for each in (*pairs, *pairs.values()))


def _wanted(word: str) -> str:
    if word in COUNTS:
        return f"{Takes.COUNT} from {COUNTS[word][0]} to {COUNTS[word][-1]}"
    return str(WORDS[word])


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"expected {Takes.ZONE}, not {name!r}{did_you_mean(name, available_timezones())}"
        ) from None
    return name


# -- messages -------------------------------------------------------------------------


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that names the known word most like *word*; nothing where none is like it."""
    by_folded = {each.casefold(): str(each) for each in sorted(known)}
    near = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f": did you mean {by_folded[near[0]]!r}?" if near else ""


def _any_of(words: Iterable[str]) -> str:
    *others, last = sorted(words)
    return f"{', '.join(others)} or {last}"


def _shown(given: object) -> str:
    match given:
        case None:
            return "nothing"
        case str() | bool() | int() | float():
            return repr(given)
        case Mapping():
            return "a table with something else in it" if given else "an empty table"
        case _:
            return f"a {type(given).__name__}"
