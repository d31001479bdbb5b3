"""
The kinds of single values that the file's keys take.

Each says what it expects in the words of someone who writes such a file, with an example;
messages, the JSON Schema and `docs/mapping.md` are all made of that.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from marshmallow import ValidationError, fields

from ct_ac_sync.configuration.expression import did_you_mean
from ct_ac_sync.configuration.faults import shown

T = TypeVar("T")

#: Longer texts are slips of the pen, and vendors take no such names.
MOST_CHARACTERS = 1000


class Kind(fields.Field[T]):
    """
    A key of the file.

    Attributes:
        about: What it is for, in one sentence.
        example: What a right value looks like.
        expected: What must come, for messages.
    """

    def __init__(
        self,
        about: str,
        *,
        example: Any = None,
        required: bool = False,
        default: Any = None,
        key: str | None = None,
    ) -> None:
        self.about, self.example = about, example
        # The library fills braces of its messages in, and an example may be a template.
        missing = f"is missing: expected {self.expected}".replace("{", "{{").replace("}", "}}")
        super().__init__(
            required=required,
            **({} if required else {"load_default": default}),
            data_key=key,
            error_messages={"required": missing},
        )

    @property
    def expected(self) -> str:
        """What must come."""
        return "a value"

    def wrong(self, value: object) -> ValidationError:
        """Return the fault of a value of another kind."""
        return ValidationError(f"expected {self.expected}, not {shown(value)}")


@dataclass(frozen=True, slots=True)
class Shape:
    """
    How a text must look.

    Attributes:
        words: The same as *pattern*, for people.
        mend: Makes a right one of a likely slip, to be asked back.
        may_be_secret: Whether people put here what nobody should see, so that it is never shown.
    """

    pattern: str
    words: str
    mend: Callable[[str], str] = str
    may_be_secret: bool = False


class Text(Kind[Any]):
    """
    A text, as it is or as *parse* reads it.

    Args:
        parse: Raises ValueError with what was expected.
    """

    def __init__(
        self, about: str, *, shape: Shape | None = None, parse: Callable[[str], Any] = str, **more: Any
    ) -> None:
        self.shape, self._parse = shape, parse
        super().__init__(about, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        words = self.shape.words if self.shape else "a text in quotes"
        return f"{words}, such as {self.example!r}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not value:
            raise self.wrong(value)
        if len(value) > MOST_CHARACTERS:
            raise ValidationError(f"expected at most {MOST_CHARACTERS} characters, not {len(value)}")
        if any(unicodedata.category(each) == "Cc" and each not in "\n\t" for each in value):
            raise ValidationError("expected a text without control characters")
        if self.shape and not re.fullmatch(self.shape.pattern, value):
            raise self._misshapen(value, self.shape)
        try:
            return self._parse(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def _misshapen(self, value: str, shape: Shape) -> ValidationError:
        if shape.may_be_secret:
            return ValidationError(f"expected {self.expected}")
        mended = shape.mend(value)
        question = f": did you mean {mended!r}?" if re.fullmatch(shape.pattern, mended) else ""
        return ValidationError(f"expected {self.expected}, not {shown(value)}{question}")


class Choice(Kind[Any]):
    """One of the words that *among* says, as *parse* reads it."""

    def __init__(
        self, about: str, *, among: Iterable[str], parse: Callable[[str], Any] = str, **more: Any
    ) -> None:
        self.among, self._parse = tuple(str(each) for each in among), parse
        super().__init__(about, example=more.pop("example", self.among[0]), **more)

    @property
    def expected(self) -> str:
        """What must come."""
        *others, last = self.among
        return f"{', '.join(others)} or {last}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not value:
            raise self.wrong(value)
        if value not in self.among:
            question = did_you_mean(value[:MOST_CHARACTERS], self.among)
            raise ValidationError(f"expected {self.expected}, not {shown(value)}{question}")
        return self._parse(value)


class Flag(Kind[bool]):
    """True or false."""

    @property
    def expected(self) -> str:
        """What must come."""
        return "true or false, without quotes"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(value)
        return value


class Number(Kind[float]):
    """A number above *least* and up to *most*."""

    def __init__(self, about: str, *, least: float, most: float, **more: Any) -> None:
        self.least, self.most = least, most
        super().__init__(about, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        return f"a number above {self.least:g}, at most {self.most:g}, without quotes"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(value)
        if not self.least < value <= self.most:
            raise self.wrong(value)
        return float(value)


class Whole(Kind[int]):
    """A whole number from 1 to *most*."""

    def __init__(self, about: str, *, most: int, **more: Any) -> None:
        self.most = most
        super().__init__(about, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        return f"a whole number from 1 to {self.most}, without quotes"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= self.most:
            raise self.wrong(value)
        return value


class Version(Kind[int]):
    """The version of the file's grammar; there is one."""

    KNOWN = 1

    @property
    def expected(self) -> str:
        """What must come."""
        return f"{self.KNOWN}, the only version there is"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or value != self.KNOWN:
            raise self.wrong(value)
        return self.KNOWN


class Scalar(Text):
    """A text, a number, true or false, as text."""

    @property
    def expected(self) -> str:
        """What must come."""
        return f"a text, a whole number, true or false, such as {self.example!r}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool):
            return str(value).lower()
        return super()._deserialize(str(value) if isinstance(value, int) else value, attr, data, **kwargs)


class Word(Text):
    """True, false or a text, each as it is."""

    @property
    def expected(self) -> str:
        """What must come."""
        return f"true or false without quotes, or a text, such as {self.example!r}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, bool) else super()._deserialize(value, attr, data, **kwargs)
