"""
The line of every key of a TOML text, which the standard library's reader does not tell.

Without it a fault could only name its table, and in a file with forty tables of one name
nobody would find it.
"""

import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from typing import TypeAlias

#: Names of keys and numbers of items, from the top of the file down.
KeyPath: TypeAlias = tuple[str | int, ...]

_BLANKS = " \t\n"
_ENDS_OF_SCALAR = ",]}#\n"
_LONG_QUOTES = ('"""', "'''")


def find_places(text: str) -> Mapping[KeyPath, int]:
    """
    Return the line, from 1, of every key, table and item of *text*.

    Args:
        text: What the standard library has already read without a fault.
    """
    return _Scanner(text.replace("\r\n", "\n")).scan()


def line_of(path: KeyPath, places: Mapping[KeyPath, int]) -> int:
    """Return the line of a key; of one that is not there, the line of the table it misses in."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


class _Scanner:
    """Walks over a text once; what each value means is the other reader's business."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._breaks = [i for i, character in enumerate(text) if character == "\n"]
        self._places: dict[KeyPath, int] = {}
        self._lengths: dict[KeyPath, int] = {}

    def scan(self) -> Mapping[KeyPath, int]:
        """Return the places of all keys."""
        table: KeyPath = ()
        while self._skip():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._places

    def _header(self) -> KeyPath:
        line, is_array = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        names = self._key()
        self._at += 2 if is_array else 1
        path = self._opened(names[:-1], line) + names[-1:]
        if is_array:
            number = self._lengths.get(path, 0)
            self._lengths[path] = number + 1
            self._places.setdefault(path, line)
            path = (*path, number)
        self._places.setdefault(path, line)
        return path

    def _opened(self, names: tuple[str, ...], line: int) -> KeyPath:
        """Return the path of the tables *names*: of an array of them, its last."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            self._places.setdefault(path, line)
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        return path

    def _pair(self, table: KeyPath) -> None:
        line, path = self._line(), table
        for name in self._key():
            path = (*path, name)
            self._places.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip()
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        """Return the names of a dotted key, and stop at what follows it."""
        names = []
        while True:
            self._skip()
            names.append(self._name())
            self._skip()
            if self._text[self._at] != ".":
                return tuple(names)
            self._at += 1

    def _name(self) -> str:
        start = self._at
        if self._text[start] in "\"'":
            self._string()
            return str(tomllib.loads("name = " + self._text[start : self._at])["name"])
        while self._text[self._at] not in " \t.=]":
            self._at += 1
        return self._text[start : self._at]

    def _value(self, path: KeyPath) -> None:
        match self._text[self._at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._string()
            case _:
                while self._at < len(self._text) and self._text[self._at] not in _ENDS_OF_SCALAR:
                    self._at += 1

    def _array(self, path: KeyPath) -> None:
        number = 0
        while self._next_item("]"):
            self._places[*path, number] = self._line()
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: KeyPath) -> None:
        while self._next_item("}"):
            self._pair(path)

    def _next_item(self, end: str) -> bool:
        """Whether there is one more, passing over a bracket or comma before it; else pass over *end*."""
        self._skip()
        if self._text[self._at] != end:
            self._at += self._text[self._at] in "[{,"
            self._skip()
        is_end = self._text[self._at] == end
        self._at += is_end
        return not is_end

    def _string(self) -> None:
        """Pass over a text, whichever of the four quotes it has."""
        quote = self._text[self._at]
        is_long = self._text.startswith(_LONG_QUOTES, self._at)
        closing = quote * 3 if is_long else quote
        self._at += len(closing)
        while not self._text.startswith(closing, self._at):
            self._at += 2 if self._text[self._at] == "\\" and quote == '"' else 1
        self._at += len(closing)
        while is_long and self._text.startswith(quote, self._at):
            self._at += 1

    def _skip(self) -> bool:
        """Pass over blanks, line ends and comments; whether anything follows."""
        while self._at < len(self._text) and self._text[self._at] in _BLANKS + "#":
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                self._at += 1
        return self._at < len(self._text)

    def _line(self) -> int:
        return bisect_left(self._breaks, self._at) + 1
