"""
Redaction: what logs, reports and error texts must not hold is taken out of them.

A secret is known by its value: whoever reads one says so once, by :func:`hide`.  What was
sent and comes back in an answer is known by its value too (:func:`personal_in`).
Everything else is known by its form: addresses, telephone numbers, tokens, passwords and
queries in addresses of the web.  A name has no form, so no text that may quote a record is
let out at all: see :func:`describe`.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ct_ac_sync.errors import SyncError

#: Shorter ones are words; a text without them would be unreadable, and they protect nothing.
LEAST_SECRET = 8
#: What a vendor may echo of these keys, and of all below them, is a person's.
PERSONAL = frozenset(
    {
        "email", "phone", "firstName", "lastName", "first_name", "last_name", "value",
        "customerData", "billingAddress", "shippingAddress",
    }
)  # fmt: skip

#: Ids and instants look like telephone numbers in part, and are left alone.
_KEPT = (
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?<![0-9a-zA-Z])[0-9a-f]{32}(?![0-9a-zA-Z])"
    r"|(?:19|20)\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?:Z|[+-][0-2]\d:?[0-5]\d)?"
)
_WORD = r"[^\s\"'<>@,;:(){}\[\]]"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\?[^\s\"'<>?=&]{1,80}=[^\s\"'<>]*"), "?[query]"),
    (re.compile(r"://[^\s\"'<>]*@"), "://[secret]@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{12,}"), r"\1 [secret]"),
    (
        re.compile(
            r"(?i)((?:api[-_]?token|api[-_]?key|(?:access|refresh|auth)[-_]token|client[-_]secret|passw(?:or)?d|pwd"
            r"|authorization)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&<>}\[]{4,}"
        ),
        r"\1[secret]",
    ),
    (re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{40,}(?![0-9a-zA-Z])"), "[secret]"),
    (
        # Begins where a word does, so that a body of one long word costs no more than its length.
        re.compile(rf"(?<!{_WORD}){_WORD}+(?:@|%40|\\u0040){_WORD}+"),
        "[address]",
    ),
)
_NUMBERS = re.compile(rf"(?P<kept>{_KEPT})|\+?\d[\d ()/-]{{6,}}\d")

_hidden: set[str] = set()
#: Matches every hidden secret; None while there is none.
_secrets: re.Pattern[str] | None = None


def hide(*secrets: str) -> None:
    """Take *secrets* out of all that is redacted from now on; of an address, its password."""
    global _secrets  # noqa: PLW0603 - a secret is one for the whole process
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LEAST_SECRET}
    if forms <= _hidden:
        return
    _hidden.update(forms)
    _secrets = _any_of(_hidden)


def redact(text: str, *, limit: int | None = 500, echoed: Collection[str] = ()) -> str:
    """Return *text* without secrets, addresses, telephone numbers and what is *echoed*, cut short."""
    if _secrets is not None:
        text = _secrets.sub("[secret]", text)
    for shape, stands_for in _SHAPES:
        text = shape.sub(stands_for, text)
    text = _NUMBERS.sub(lambda match: match["kept"] or "[digits]", text)
    if echoed:
        text = re.sub(rf"(?i)(?<!\w)(?:{_any_of(echoed).pattern})(?!\w)", "[sent]", text)
    return text[:limit]


def redact_all(value: Any) -> Any:
    """Return *value*, whatever it is made of, with every text in it redacted, keys included."""
    match value:
        case str():
            return redact(value, limit=None)
        case Mapping():
            return {redact_all(key): redact_all(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact_all(each) for each in value]
        case None | bool() | int() | float():
            return value
        case _:
            return redact(str(value), limit=None)


def personal_in(body: Any) -> frozenset[str]:
    """Return the texts of a request that are a person's, as an answer may spell them."""
    return frozenset(form for text in _personal(body, is_personal=False) for form in _spellings(text))


def describe(error: BaseException) -> str:
    """
    Return what may be told of *error*: its kind, and its text only where that quotes no record.

    Our own errors are complete and clean; the system's name hosts and files.  Any other
    may say *invalid literal: 'Ada'*, and tells its kind alone.
    """
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {redact(str(error))}" if tells_its_text(kind.__module__, kind) else name


#: Libraries that know nothing of records: whatever their errors say is of hosts and limits.
_IMPERSONAL = ("ct_ac_sync", "workers", "kombu", "redis", "amqp", "celery", "billiard")


def tells_its_text(module: str | None, kind: type[BaseException] | None = None) -> bool:
    """Whether the text of an error, known by its *module*, quotes no record."""
    if kind is not None and issubclass(kind, SyncError | OSError):
        return True
    return bool(module) and str(module).split(".")[0] in _IMPERSONAL


def _forms(secret: str) -> Iterator[str]:
    """Give the texts by which a secret may show."""
    if "://" in secret:
        try:
            raw = urlsplit(secret).password or ""
        except ValueError:
            raw = secret
        yield from (raw, unquote(raw))
        return
    yield from (secret, quote(secret, safe=""))


def _personal(node: Any, *, is_personal: bool) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, each in node.items():
            yield from _personal(each, is_personal=is_personal or key in PERSONAL)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from _personal(each, is_personal=is_personal)
    elif is_personal and isinstance(node, str):
        yield node.strip()


def _spellings(text: str) -> Iterator[str]:
    """Give *text* as it is and as JSON spells it; what has no letter is no name."""
    if len(text) > 1 and any(character.isalpha() for character in text):
        yield text
        yield json.dumps(text)[1:-1]


def _any_of(texts: Collection[str]) -> re.Pattern[str]:
    """Return what matches any of *texts*, the longest first."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=lambda text: (-len(text), text)))))
