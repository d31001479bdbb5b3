"""The kinds of keys that hold several values, or a table."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from marshmallow import Schema, ValidationError

from ct_ac_sync.configuration.schema.kinds import Kind
from ct_ac_sync.configuration.schema.table import ConfigurationSchema

T = TypeVar("T")

#: How the user's own names of tables may look.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Several(Kind[tuple[Any, ...]], Generic[T]):
    """One value or a list of them, of which none comes twice."""

    def __init__(self, item: Kind[T], **more: Any) -> None:
        self.item = item
        super().__init__(item.about, example=item.example, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        return f"{self.item.expected}, or a list of such"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            return (self.item.deserialize(value),)
        if not value:
            raise ValidationError("expected at least one, not an empty list")
        read = each_of(enumerate(value), self.item.deserialize)
        first = {each: number for number, each in reversed(read.items())}
        twice = {number: ["is given twice"] for number, each in read.items() if first[each] != number}
        if twice:
            raise ValidationError(dict(twice))
        return tuple(read.values())


class ByName(Kind[Mapping[str, Any]]):
    """A table of the user's own names, each with a value of one kind."""

    def __init__(self, item: Kind[Any], about: str, *, is_free: bool = False, **more: Any) -> None:
        self.item, self.is_free = item, is_free
        super().__init__(about, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        return "a table of names and values"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.wrong(value)
        if not value:
            raise ValidationError("expected at least one, not an empty table")
        misnamed = {
            name: ["expected a name of letters, digits, - and _"]
            for name in value
            if not self.is_free and not NAME.fullmatch(name)
        }
        if misnamed:
            raise ValidationError(dict(misnamed))
        return each_of(value.items(), self.item.deserialize)


class Table(Kind[Any]):
    """
    A table of known keys; one that is not given is as an empty one.

    Args:
        is_optional: One that is not given is none.
    """

    def __init__(self, schema: type[Schema], about: str, *, is_optional: bool = False, **more: Any) -> None:
        self.schema = schema()
        default = None if is_optional else partial(self.schema.load, {})
        super().__init__(about, default=default, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        keys = (each.data_key or name for name, each in self.schema.fields.items())
        return f"a table of {', '.join(keys)}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping):
            raise self.wrong(value)
        return self.schema.load(value)


class Short(Table):
    """
    A table of known keys, or what one of them alone would hold.

    Args:
        key: The key that is meant without a table.
    """

    def __init__(self, schema: type[ConfigurationSchema], about: str, *, key: str, **more: Any) -> None:
        self.lone, self._key = schema().kinds[key], key
        super().__init__(schema, about, is_optional=True, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        return f"{self.lone.expected}, or {super().expected}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Mapping):
            return self.schema.load(value)
        self.lone.deserialize(value)
        return self.schema.load({self._key: value})


class Rows(Kind[tuple[Any, ...]]):
    """Tables of known keys, one after the other, each under its name in double brackets."""

    def __init__(self, schema: type[Schema], about: str, *, title: str, **more: Any) -> None:
        self.item, self._title = Table(schema, about), title
        super().__init__(about, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        return f"[[{self._title}]] in double brackets, once for each"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise self.wrong(value)
        return tuple(each_of(enumerate(value), self.item.deserialize).values())


K = TypeVar("K", int, str)


def each_of(given: Iterable[tuple[K, Any]], read: Callable[[Any], T]) -> dict[K, T]:
    """
    Return each value as *read* reads it.

    Raises:
        ValidationError: With the faults of all of them, by number or name.
    """
    values: dict[K, T] = {}
    faults: dict[K, Any] = {}
    for key, value in given:
        try:
            values[key] = read(value)
        except ValidationError as error:
            faults[key] = error.messages
    if faults:
        raise ValidationError(dict(faults))
    return values
