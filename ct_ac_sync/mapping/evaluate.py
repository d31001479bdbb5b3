"""
Expressions become texts: paths are walked, references followed, functions called.

Nothing here raises, whatever a record holds: what cannot be shown is left out, and a
remark says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pkgutil import resolve_name
from typing import Any, NamedTuple, Protocol

from ct_ac_sync.configuration.expression import SUMS, Expression, Path, Root, parse_path
from ct_ac_sync.mapping.texts import order_of, texts_of
from ct_ac_sync.mapping.transforms import transform

#: Values of a template whose parts have several; more are left out.
MOST_COMBINATIONS = 1_000


class Lookup(Protocol):
    """Knows the resources that records refer to."""

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """
        Return a resource; None where it is not known.

        Args:
            kind: Its ``typeId``, such as "customer-group".
            id_: Its id; its key where the record refers by key, as to stores.
        """


class Nowhere:
    """Knows no resource: only what records themselves say is shown."""

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return None."""


class Found(NamedTuple):
    """What an expression came to, and what of it could not be shown."""

    values: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """
    What expressions see; also what a configured function is called with.

    Attributes:
        roots: What paths begin with; a root that is missing is empty.
        locales: In which language texts are shown, best first.
        country: Where a telephone number without a country is from.
    """

    roots: Mapping[Root, Any]
    lookup: Lookup
    locales: tuple[str, ...] = ()
    country: str | None = None

    def texts(self, path: str) -> tuple[str, ...]:
        """Return the values at *path*, written as in the configuration."""
        return _at(parse_path(path), self, remarks=[])

    def text(self, path: str) -> str:
        """Return the first value at *path*, or an empty text."""
        return next(iter(self.texts(path)), "")


Function = Callable[[Scope], object]


def evaluate(expression: Expression, scope: Scope) -> Found:
    """Return the values of *expression*, transformed, none of them empty."""
    remarks: list[str] = []
    found = _source(expression, scope, remarks)
    values, more = transform(found, expression.transforms, country=scope.country)
    return Found(values, (*remarks, *more))


def _source(expression: Expression, scope: Scope, remarks: list[str]) -> tuple[str, ...]:
    is_labelled = any(each.word == "label" for each in expression.transforms)
    if expression.constant is not None:
        return (expression.constant,)
    if expression.function is not None:
        return _call(expression.function, scope, remarks)
    if expression.template:
        return _fill(expression.template, scope, remarks, is_labelled=is_labelled)
    tried = (_at(path, scope, remarks, is_labelled=is_labelled) for path in expression.paths)
    return next((values for values in tried if values), ())


def _fill(
    template: tuple[str | Path, ...], scope: Scope, remarks: list[str], *, is_labelled: bool
) -> tuple[str, ...]:
    parts = [
        (part,) if isinstance(part, str) else _at(part, scope, remarks, is_labelled=is_labelled)
        for part in template
    ]
    made = tuple("".join(each) for each in islice(product(*parts), MOST_COMBINATIONS + 1))
    if len(made) > MOST_COMBINATIONS:
        remarks.append(f"more than {MOST_COMBINATIONS} values")
    return made[:MOST_COMBINATIONS]


def _call(name: str, scope: Scope, remarks: list[str]) -> tuple[str, ...]:
    try:
        return texts_of(_load(name)(scope), scope.locales)
    except Exception as error:  # noqa: BLE001 - somebody else's code must not stop the batch
        remarks.append(f"{name} raised {type(error).__name__}")
        return ()


@cache
def _load(name: str) -> Function:
    function: Function = resolve_name(name)
    return function


# -- paths ----------------------------------------------------------------------------


class _Node(NamedTuple):
    """
    A value on the way.

    Attributes:
        type: Of the fields of a custom type, the reference to it.
        field: Of a value of such a field, that reference and the field's name.
    """

    value: Any
    type: Any = None
    field: tuple[Any, str] | None = None


def _at(path: Path, scope: Scope, remarks: list[str], *, is_labelled: bool = False) -> tuple[str, ...]:
    nodes: list[_Node] = [_Node(scope.roots.get(path.root))]
    for step in _steps(path, scope):
        nodes = [each for node in nodes for each in _step(node, step, scope, remarks)]
    return tuple(
        text for node in nodes for text in _shown(node, path, scope, remarks, is_labelled=is_labelled)
    )


def _steps(path: Path, scope: Scope) -> tuple[str | int, ...]:
    """Return its steps; a sum without a currency has that of the newest order."""
    if path.root is Root.ORDERS and len(path.steps) == 1 and path.steps[0] in SUMS:
        orders = scope.roots.get(Root.ORDERS)
        return (*path.steps, str(orders.get("currency", "")) if isinstance(orders, Mapping) else "")
    return path.steps


def _step(node: _Node, step: str | int, scope: Scope, remarks: list[str]) -> Iterator[_Node]:
    value = node.value
    several = value if isinstance(value, list | tuple) else [value]
    if step == "*":
        yield from (node._replace(value=each) for each in several)
    elif isinstance(step, int):
        yield from (node._replace(value=each) for each in several[step:][:1] if -len(several) <= step)
    elif isinstance(value, Mapping):
        yield from _named(node, step, scope, remarks)
    elif several is value:
        yield from _named_in(several, step, scope, remarks)


def _named(node: _Node, name: str, scope: Scope, remarks: list[str]) -> Iterator[_Node]:
    value = node.value
    if name in value:
        child = value[name]
        if node.type is not None:
            yield _Node(_in_order(child), field=(node.type, name))
        else:
            yield _Node(child, type=value.get("type", {}) if name == "fields" else None)
    elif isinstance(value.get("typeId"), str):
        referenced = _referenced(value, scope, remarks)
        if name in referenced:
            yield _Node(referenced[name])


def _named_in(items: Iterable[Any], name: str, scope: Scope, remarks: list[str]) -> Iterator[_Node]:
    """Give the part *name* of each; of attributes, the value of the one that is called so."""
    for each in items:
        if not isinstance(each, Mapping):
            continue
        if each.keys() == {"name", "value"} and name not in each:
            if each["name"] == name:
                yield _Node(_in_order(each["value"]))
        else:
            yield from _named(_Node(each), name, scope, remarks)


def _in_order(value: Any) -> Any:
    """Return the values of a set, which come in any order, in one."""
    return sorted(value, key=order_of) if isinstance(value, list) else value


def resource_of(reference: Any, lookup: Lookup) -> Mapping[str, Any] | None:
    """Return what a reference means: expanded where it is, else looked up; None where unknown."""
    if not isinstance(reference, Mapping):
        return None
    if isinstance(expanded := reference.get("obj"), Mapping):
        return expanded
    kind, id_ = reference.get("typeId"), reference.get("id") or reference.get("key")
    return lookup.get(kind, id_) if isinstance(kind, str) and isinstance(id_, str) else None


def _referenced(reference: Any, scope: Scope, remarks: list[str]) -> Mapping[str, Any]:
    found = resource_of(reference, scope.lookup)
    if found is None and isinstance(reference, Mapping):
        remarks.append(f"{reference.get('typeId')} {''.join(texts_of(reference))} is not known")
    return found or {}


# -- what is shown at the end ---------------------------------------------------------


def _shown(
    node: _Node, path: Path, scope: Scope, remarks: list[str], *, is_labelled: bool
) -> tuple[str, ...]:
    texts = texts_of(node.value, scope.locales)
    if is_labelled and node.field is not None and texts:
        return _labels(texts, *node.field, scope, remarks)
    if not texts and isinstance(node.value, Mapping) and node.value:
        remarks.append(f"{path} has no text of its own")
    return texts


def _labels(
    keys: tuple[str, ...], type_: Any, name: str, scope: Scope, remarks: list[str]
) -> tuple[str, ...]:
    """Return the labels of enumeration keys, from the definition of their field."""
    labels = _labels_by_key(_referenced(type_, scope, remarks), name)
    shown = {key: next(iter(texts_of(labels.get(key), scope.locales)), "") for key in keys}
    remarks += [f"{name} {key} has no label" for key, label in shown.items() if not label]
    return tuple(shown[key] or key for key in keys)


def _labels_by_key(type_: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for definition in mappings_in(type_.get("fieldDefinitions")):
        if definition.get("name") == name:
            kind = definition.get("type")
            kind = kind if isinstance(kind, Mapping) else {}
            element = kind.get("elementType")
            values = (element if isinstance(element, Mapping) else kind).get("values")
            return {str(each.get("key")): each.get("label") for each in mappings_in(values)}
    return {}


def mappings_in(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; none of what is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
