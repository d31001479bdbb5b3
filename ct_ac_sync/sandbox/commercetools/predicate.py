"""
Query predicates: the subset of the vendor's grammar that readers of orders need.

Instants compare as instants, ids in the server's own opaque order, and a field that does
not exist is an error rather than no match, all as the vendor's server does.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

Check = Callable[[Mapping[str, Any]], bool]
Key = Callable[[str], Any]

TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<var>:[a-zA-Z0-9]+)
        |(?P<op><=|>=|!=|<>|=|<|>)|(?P<punct>[(),])|(?P<word>[A-Za-z_][\w-]*))""",
    re.VERBOSE,
)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)\Z")


ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<>": operator.ne,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


class PredicateError(ValueError):
    """A predicate that the server would refuse; the message is its."""


class _Parser:
    def __init__(self, text: str, variables: Mapping[str, Sequence[str]], fields: Any, id_key: Key) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._variables = variables
        self._id_key = id_key
        self._fields = [fields]

    def parse(self) -> Check:
        check = self._either()
        if self._place < len(self._tokens):
            raise PredicateError(f"Malformed parameter: where: Syntax error near '{self._peek()}'.")
        return check

    # -- grammar ----------------------------------------------------------------------

    def _either(self) -> Check:
        checks = [self._both()]
        while self._take("or"):
            checks.append(self._both())
        return checks[0] if len(checks) == 1 else lambda row: any(c(row) for c in checks)

    def _both(self) -> Check:
        checks = [self._one()]
        while self._take("and"):
            checks.append(self._one())
        return checks[0] if len(checks) == 1 else lambda row: all(c(row) for c in checks)

    def _one(self) -> Check:
        if self._take("not"):
            self._expect("(")
            inner = self._either()
            self._expect(")")
            return lambda row: not inner(row)
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        return self._field()

    def _field(self) -> Check:
        kind, name = self._next()
        if kind != "word":
            raise PredicateError(f"Malformed parameter: where: Syntax error near '{name}'.")
        known = self._fields[-1]
        if known is not None and name not in known:
            raise PredicateError(f"Malformed parameter: where: The field '{name}' does not exist.")
        if self._take("("):
            self._fields.append(known[name] if known is not None else None)
            inner = self._either()
            self._fields.pop()
            self._expect(")")
            return _nested(name, inner)
        return self._comparison(name)

    def _comparison(self, name: str) -> Check:
        if self._take("is"):
            is_not = self._take("not")
            word = self._next()[1]
            if word not in ("defined", "empty"):
                raise PredicateError(f"Malformed parameter: where: Syntax error near '{word}'.")
            if word == "defined":
                return lambda row: (row.get(name) is not None) is not is_not
            return lambda row: (not row.get(name)) is not is_not
        equal = self._equal(name)
        if self._take("contains"):
            quantifier = {"all": all, "any": any}.get(word := self._next()[1])
            if quantifier is None:
                raise PredicateError(f"Malformed parameter: where: Syntax error near '{word}'.")
            wanted = self._list()
            return lambda row: quantifier(
                any(equal(held, each) for held in row.get(name) or ()) for each in wanted
            )
        is_not = self._take("not")
        if self._take("in"):
            values = self._list()
            return lambda row: (name in row and any(equal(row[name], v) for v in values)) is not is_not
        kind, op = self._next()
        if kind != "op" or is_not:
            raise PredicateError(f"Malformed parameter: where: Syntax error near '{op}'.")
        return self._compare(name, op, self._value())

    def _compare(self, name: str, op: str, wanted: Any) -> Check:
        order, key = ORDERS[op], self._key(name)

        def check(row: Mapping[str, Any]) -> bool:
            held = row.get(name)
            try:
                return held is not None and order(key(held), key(_like(held, wanted, name)))
            except TypeError:
                raise PredicateError(
                    f"Malformed parameter: where: The field '{name}' has no order."
                ) from None

        return check

    def _equal(self, name: str) -> Callable[[Any, Any], bool]:
        key = self._key(name)
        return lambda held, wanted: bool(key(held) == key(_like(held, wanted, name)))

    # -- values -----------------------------------------------------------------------

    def _list(self) -> list[Any]:
        if self._peek().startswith(":"):
            return list(self._variable(self._next()[1]))
        self._expect("(")
        values: list[Any] = []
        while not self._take(")"):
            token = self._peek()
            values += self._variable(self._next()[1]) if token.startswith(":") else [self._value()]
            self._take(",")
        return values

    def _value(self) -> Any:
        kind, text = self._next()
        match kind:
            case "string":
                return re.sub(r"\\(.)", r"\1", text[1:-1])
            case "number":
                return float(text) if "." in text else int(text)
            case "var":
                return self._variable(text)[0]
            case "word" if text in ("true", "false"):
                return text == "true"
            case _:
                raise PredicateError(f"Malformed parameter: where: Syntax error near '{text}'.")

    def _variable(self, token: str) -> Sequence[str]:
        if token[1:] not in self._variables:
            raise PredicateError(f"Malformed parameter: where: The variable '{token}' is not given.")
        return self._variables[token[1:]]

    def _key(self, name: str) -> Callable[[Any], Any]:
        """Return what compares a field's values: ids of the resource in the server's own order."""
        is_own_id = name == "id" and len(self._fields) == 1

        def key(value: Any) -> Any:
            if is_own_id and isinstance(value, str):
                return self._id_key(value)
            return _instant(value) or value

        return key

    # -- tokens -----------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else "end"

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise PredicateError("Malformed parameter: where: Unexpected end of input.")
        self._place += 1
        return self._tokens[self._place - 1]

    def _take(self, text: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] in (("word", text), ("punct", text)):
            self._place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise PredicateError(f"Malformed parameter: where: '{text}' expected near '{self._peek()}'.")


def compile_predicate(
    text: str, *, variables: Mapping[str, Sequence[str]], fields: Any, id_key: Key
) -> Check:
    """
    Return a function that tells whether a resource matches.

    Args:
        variables: Values of ``:name``, by name.
        fields: The fields that exist, nested; None below means that anything goes.
        id_key: The server's own order of ids.

    Raises:
        PredicateError: The server would refuse it.
    """
    return _Parser(text, variables, fields, id_key).parse()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None:
            raise PredicateError(f"Malformed parameter: where: Syntax error near '{text[place:][:20]}'.")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        place = match.end()
    return tokens


def _nested(name: str, inner: Check) -> Check:
    def check(row: Mapping[str, Any]) -> bool:
        value = row.get(name)
        if isinstance(value, list):
            return any(inner(each) for each in value)
        return isinstance(value, dict) and inner(value)

    return check


def _instant(value: Any) -> datetime | None:
    """Return a text that is an instant as one; None for anything else."""
    if not isinstance(value, str) or not INSTANT.match(value):
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None


def _like(held: Any, wanted: Any, name: str) -> Any:
    """Return *wanted* in the type of what the field holds; variables always come as text."""
    try:
        if isinstance(held, bool):
            return {"true": True, "false": False}[str(wanted).lower()]
        if isinstance(held, int | float):
            return wanted if isinstance(wanted, int | float) else float(wanted)
    except (KeyError, ValueError):
        raise PredicateError(
            f"Malformed parameter: where: The value '{wanted}' does not fit the field '{name}'."
        ) from None
    is_fitting = type(wanted) is type(held) and bool(_instant(held)) == bool(_instant(wanted))
    if isinstance(held, str) and not is_fitting and (_instant(held) or not isinstance(wanted, str)):
        raise PredicateError(
            f"Malformed parameter: where: The value '{wanted}' does not fit the field '{name}'."
        )
    return wanted
