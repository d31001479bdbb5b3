"""
What a process does at its start, and its container.

A container is built at first use, once per process: connections never cross a fork.
"""

import os
import sys
from typing import Any

import structlog
from celery import signals

from ct_ac_sync.bootstrap import Container, build
from ct_ac_sync.errors import SyncError
from ct_ac_sync.observability import configure_logs
from ct_ac_sync.store.migrate import check_schema
from workers.app import app, settings
from workers.doorbell import CeleryDoorbell

log = structlog.get_logger()

#: Of a process that cannot run until somebody has acted; the command line's own is the same.
COULD_NOT = 2


@signals.celeryd_init.connect
@signals.beat_init.connect
def refuse_a_foreign_schema(**_: Any) -> None:
    """End the worker or beat where the database's schema is not exactly this code's."""
    configure_logs()
    try:
        check_schema(settings.database_url)
    except SyncError as error:
        log.critical("cannot_start", cause=error.cause, error=str(error))
        sys.exit(COULD_NOT)


_containers: dict[int, Container] = {}


def container() -> Container:
    """Return this process's container."""
    pid = os.getpid()
    if pid not in _containers:
        configure_logs()
        _containers.clear()
        _containers[pid] = build(settings, doorbell=CeleryDoorbell(app))
    return _containers[pid]
