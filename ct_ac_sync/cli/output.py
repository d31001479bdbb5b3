"""How commands speak: tables for people, JSON for programs, and errors that say what to do."""

import functools
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ct_ac_sync.bootstrap import Container, build
from ct_ac_sync.errors import SyncError
from ct_ac_sync.settings import Settings, read_one, read_settings
from ct_ac_sync.store.migrate import check_schema

P = ParamSpec("P")
T = TypeVar("T")

#: Exit codes, the same for every command.
CLEAN, UNSETTLED, COULD_NOT = 0, 1, 2

console = Console()


def with_json(function: Callable[P, T]) -> Callable[P, T]:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="print JSON, one document")(function)


def reports_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Let a command end with exit code 2 and one clear message where it cannot run."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except SyncError as error:
            click.echo(f"ct-ac-sync: {error}", err=True)
            sys.exit(COULD_NOT)

    return wrapped


def settings() -> Settings:
    """Return the settings of the environment."""
    return read_settings(os.environ)


def setting(name: str) -> Any:
    """Return one setting of the environment, whatever is wrong with the others."""
    return read_one(os.environ, name)


def container() -> Container:
    """Return a container over a database whose schema is this code's."""
    found = settings()
    check_schema(found.database_url)
    return build(found)


def print_json(document: Any) -> None:
    """Print a document as JSON."""
    click.echo(json.dumps(document, default=_plain, indent=2, ensure_ascii=False))


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table; nothing but the title where there are none."""
    if not rows:
        console.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As text: what stands in brackets is data, and no markup.
        table.add_row(*(Text(_shown(row.get(column))) for column in columns))
    console.print(table)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float):
        return f"{value:.1f}"
    return "" if value is None else str(value)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
