"""
A Celery application for tests only: the product's, with ports that kill their process.

Each kill point is wrapped around a real adapter.  A process that comes to one dies by
SIGKILL with a given probability, until that point has been hit often enough; the hits
are counted in files, one byte each, so that all processes share them.
"""

import os
import random
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from ct_ac_sync.bootstrap import Container, build_parts, wire
from ct_ac_sync.store import deliveries as deliveries_module
from workers import heartbeat, tasks
from workers.app import app, settings
from workers.doorbell import CeleryDoorbell

FOLDER = Path(os.environ["KILL_FOLDER"])
HITS = int(os.environ["KILL_HITS"])
PROBABILITY = float(os.environ["KILL_PROBABILITY"])
POINTS = (
    "after_accept",
    "after_ring",
    "after_claim",
    "after_intend",
    "after_send",
    "after_reply",
    "inside_finish",
)

__all__ = ["app", "heartbeat"]


def may_die(point: str) -> bool:
    """Whether this process shall die here; counts the hit."""
    path = FOLDER / point
    if not (FOLDER / "armed").exists() or random.random() >= PROBABILITY:
        return False
    if path.exists() and path.stat().st_size >= HITS:
        return False
    with path.open("ab", buffering=0) as file:
        file.write(b"x")
    return True


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str) -> None:
    """Die here, perhaps."""
    if may_die(point):
        die()


class Killing:
    """An adapter whose methods, once done, may be the last thing their process does."""

    def __init__(self, inner: Any, points: dict[str, str]) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._points:
            return found

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            if result:
                die_at(self._points[name])
            return result

        return wrapped


class KillingDestination(Killing):
    """A destination whose process may die while its request is under way, or after the reply."""

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send; the timer falls between the request and its reply."""
        if may_die("after_send"):
            threading.Timer(0.004, die).start()
        result = self._inner.send(*args, **kwargs)
        die_at("after_reply")
        return result


class KillingDoorbell(CeleryDoorbell):
    """A doorbell whose process may die after it rang."""

    def ring(self, recipients: Any) -> Any:
        """Ring, and perhaps die."""
        unheard = super().ring(recipients)
        die_at("after_ring")
        return unheard


def build_killable() -> Container:
    """Return the product's container with wrapped ports."""
    parts = build_parts(settings, doorbell=KillingDoorbell(app))
    wrapped: dict[str, Any] = {
        "intake": Killing(parts.intake, {"accept": "after_accept"}),
        "deliveries": Killing(parts.deliveries, {"claim": "after_claim", "intend": "after_intend"}),
        "destinations": {name: KillingDestination(each, {}) for name, each in parts.destinations.items()},
    }
    refresh = deliveries_module._refresh

    def refresh_or_die(connection: Any, recipients: Any) -> None:
        refresh(connection, recipients)
        if len(recipients):
            die_at("inside_finish")

    deliveries_module._refresh = refresh_or_die
    return wire(settings, replace(parts, **wrapped))


_built: dict[int, Container] = {}


def container() -> Container:
    """Return this process's container."""
    if os.getpid() not in _built:
        _built.clear()
        _built[os.getpid()] = build_killable()
    return _built[os.getpid()]


tasks.container = container
