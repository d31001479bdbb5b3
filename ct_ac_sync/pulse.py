"""
Pulses: files whose age says when a process last did its work, rather than that it lives.

A process that lives proves little.  A worker whose connection to Redis was replaced can go
on living, answer every ping, and consume nothing; a beat can tick and publish nothing.
So whoever finished a task, or published one, touches a file, and whoever asks looks at its
age: ``ct-ac-sync health live``.
"""

import time
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote


class Role(StrEnum):
    """Who has a pulse."""

    WORKER = "worker"
    BEAT = "beat"


def _path(folder: Path, role: Role, node: str) -> Path:
    return folder / f"{role}.{quote(node, safe='@')}"


def note(folder: Path, role: Role, node: str) -> None:
    """
    Note that *node* has just done its work.

    Raises:
        OSError: The folder cannot be written.
    """
    path = _path(folder, role, node)
    try:
        path.touch()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()


def forget(folder: Path, role: Role, node: str) -> None:
    """
    Forget *node*: it begins anew, or has ended in an orderly way.

    Raises:
        OSError: The folder cannot be written.
    """
    _path(folder, role, node).unlink(missing_ok=True)


def ages(folder: Path, role: Role) -> dict[str, float]:
    """Return for each node of *role* how many seconds ago it last did its work."""
    now, found = time.time(), {}
    for path in sorted(folder.glob(f"{role}.*")):
        try:
            age = now - path.stat().st_mtime
        except FileNotFoundError:  # forgotten since it was listed
            continue
        found[unquote(path.name.removeprefix(f"{role}."))] = max(0.0, age)
    return found
