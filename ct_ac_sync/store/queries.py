"""Named SQL statements, kept in files of their own beside this module."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import LiteralString

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(stem: str) -> Mapping[str, LiteralString]:
    """
    Return the statements of ``sql/<stem>.sql`` by name.

    A statement begins with a line ``-- name: verb_noun`` and runs to the next.  The
    text is trusted like code, because it ships with it: hence the type.
    """
    text = (files("ct_ac_sync.store") / "sql" / f"{stem}.sql").read_text("utf-8")
    return named_statements(text)


def named_statements(text: str) -> Mapping[str, LiteralString]:
    """
    Return the statements of a file by name.

    Raises:
        ValueError: Two have one name.
    """
    _, *parts = NAME.split(text)
    names, bodies = parts[0::2], parts[1::2]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"a file names {', '.join(twice)} twice")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}
