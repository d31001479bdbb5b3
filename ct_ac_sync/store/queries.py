"""Named SQL statements, kept in files of their own beside this module."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import LiteralString, cast

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(stem: str) -> Mapping[str, LiteralString]:
    """
    Return the statements of ``sql/<stem>.sql`` by name.

    A statement begins with a line ``-- name: verb_noun`` and runs to the next.  The
    text is trusted like code, because it ships with it: hence the cast.
    """
    text = (files("ct_ac_sync.store") / "sql" / f"{stem}.sql").read_text("utf-8")
    _, *parts = NAME.split(text)
    names, bodies = parts[0::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a statement of {stem}.sql is named twice")
    return {name: cast("LiteralString", body.strip()) for name, body in zip(names, bodies, strict=True)}
