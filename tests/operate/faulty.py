"""
A Celery application for tests only: the product's, with a bug that meets one person.

The bug quotes the person in its text, holds them in its locals, and once it is the
database's own error, which quotes what it was given.
"""

import os
from dataclasses import replace
from typing import Any

from world import Interposed

from ct_ac_sync.bootstrap import Container, build_parts, wire
from workers import heartbeat, sentry, tasks
from workers.app import app, settings
from workers.doorbell import CeleryDoorbell

#: The first name that the bug cannot bear.
VICTIM = os.environ["FAULTY_VICTIM"]

__all__ = ["app", "heartbeat"]


def build_faulty() -> Container:
    """Return the product's container with the bug in it."""
    parts = build_parts(settings, doorbell=CeleryDoorbell(app), herald=sentry.SentryHerald())
    hits: list[int] = []

    def prepare_sync(real: Any, contact: Any, layout: Any) -> Any:
        if contact.first_name == VICTIM:
            hits.append(1)
            if len(hits) % 2:
                raise ValueError(f"could not convert {contact!r} of {contact.email} {contact.phone}")
            parts.database.fetch("SELECT cast(%s AS int)", (f"{contact.email} {contact.first_name}",))
        return real(contact, layout)

    destinations: dict[str, Any] = {
        name: Interposed(each, prepare_sync=prepare_sync) for name, each in parts.destinations.items()
    }
    return wire(settings, replace(parts, destinations=destinations))


_built: dict[int, Container] = {}


def container() -> Container:
    """Return this process's container."""
    if os.getpid() not in _built:
        _built.clear()
        _built[os.getpid()] = build_faulty()
    return _built[os.getpid()]


tasks.container = container
