"""
What a process does at its start, and its container.

A container is built at first use, once per process: connections never cross a fork.
"""

import inspect
import logging
import os
import sys
from typing import Any

import structlog
from celery import signals

from ct_ac_sync.bootstrap import Container, build
from ct_ac_sync.errors import SyncError
from ct_ac_sync.observability import configure_logs
from ct_ac_sync.store.migrate import check_schema
from workers import sentry
from workers.app import app, settings
from workers.doorbell import CeleryDoorbell
from workers.letters import RedisLetterLists

log = structlog.get_logger()

#: Of a process that cannot run until somebody has acted; the command line's own is the same.
COULD_NOT = 2


@signals.setup_logging.connect
def log_our_way(loglevel: int | None = None, logfile: str | None = None, **_: Any) -> None:
    """Let Celery's own logging go our way; its ``--loglevel`` and ``--logfile`` hold."""
    level = loglevel or logging.WARNING
    configure_logs(level=min(level, logging.INFO), libraries=level, file=logfile or "")


@signals.task_prerun.connect
def bind_context(task_id: str, task: Any, args: Any, kwargs: Any, **_: Any) -> None:
    """Let every event of a task name the task and the ids it was given."""
    structlog.contextvars.clear_contextvars()
    given = inspect.signature(task.run).bind_partial(*args, **kwargs).arguments
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id, **given)


@signals.task_postrun.connect
def clear_context(**_: Any) -> None:
    """Let no event of a later task name this one."""
    structlog.contextvars.clear_contextvars()


@signals.celeryd_init.connect
@signals.beat_init.connect
def refuse_a_foreign_schema(sender: Any = None, **_: Any) -> None:
    """End the worker or beat where the database's schema is not exactly this code's."""
    configure_logs()
    try:
        check_schema(settings.database_url)
    except SyncError as error:
        log.critical("cannot_start", cause=error.cause, error=str(error))
        sys.exit(COULD_NOT)
    log.info("started", node=sender if isinstance(sender, str) else "beat", release=sentry.RELEASE)


@signals.celeryd_init.connect
@signals.beat_init.connect
@signals.worker_process_init.connect
def report_to_sentry(**_: Any) -> None:
    """Begin to report to Sentry, in the parent and after each fork."""
    sentry.start(settings)


@signals.worker_process_shutdown.connect
def write_tallies(**_: Any) -> None:
    """Write down the calls that this process has counted and not written yet."""
    if (found := _containers.get(os.getpid())) is not None:
        found.tallies.write()


_containers: dict[int, Container] = {}


def container() -> Container:
    """Return this process's container."""
    pid = os.getpid()
    if pid not in _containers:
        _containers.clear()
        _containers[pid] = build(
            settings,
            doorbell=CeleryDoorbell(app),
            letters=RedisLetterLists(app),
            herald=sentry.SentryHerald(),
        )
    return _containers[pid]
