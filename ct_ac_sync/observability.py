"""
Logs: structured, one event name per fact, ids only; JSON when not on a terminal.

Our own events and what libraries say through :mod:`logging` go the same way: through one
redactor, to one place, in one form.  What a library says becomes the event
``library_spoke``, so that the list of event names (``docs/observability.md``) is complete.
"""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

from ct_ac_sync.redaction import describe, redact, redact_all

#: Libraries that say at each task, tick or lost connection what our own events say better.
QUIET: Mapping[str, int] = {
    "celery.app.trace": logging.CRITICAL,
    "celery.beat": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    "psycopg.pool": logging.CRITICAL,
    "sentry_sdk.errors": logging.CRITICAL,
}
#: Whose events are ours.
OURS = ("ct_ac_sync", "workers", "schedules")
#: Fields that we fill ourselves, with what only looks like an address or a number.
PLAIN = frozenset({"event", "level", "timestamp", "logger", "task", "task_id", "node", "release"})
#: What a line begins with.
FIRST = ("timestamp", "level", "event")
#: Frames that are told of an exception: the last are nearest to the fault.
FRAMES = 8

#: What a library says, whatever it is.
LIBRARY_SPOKE = "library_spoke"

Event = MutableMapping[str, Any]


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is by then: a process may replace it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


def configure_logs(*, level: int = logging.INFO, libraries: int | None = None, file: str = "") -> None:
    """
    Set up structured logging for this process; again, where it is set up already.

    Args:
        level: From where on our own events are shown.
        libraries: From where on what libraries say is shown; warnings, where not given.
        file: Where to write, rather than to standard error.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    is_read_by_people = not file and sys.stderr.isatty()
    handler: logging.Handler = WatchedFileHandler(Path(file)) if file else _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _name_foreign, *shared],
            processors=[
                _tell_exception,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact_event,
                structlog.dev.ConsoleRenderer() if is_read_by_people else structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.name = __name__
    root = logging.getLogger()
    for former in [each for each in root.handlers if each.name == __name__]:
        root.removeHandler(former)
        former.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING if libraries is None else libraries)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(logging.NOTSET if root.level <= logging.DEBUG else least)
    logging.captureWarnings(capture=True)


def frames_of(found: TracebackType | None) -> list[str]:
    """Return where an exception was raised, nearest last: places only, no values and no source."""
    places = traceback.extract_tb(found)[-FRAMES:]
    return [f"{Path(place.filename).name}:{place.lineno} {place.name}" for place in places]


def _name_foreign(_: Any, __: str, event: Event) -> Event:
    """Give what a library says the one name there is for it."""
    event["message"], event["event"] = event["event"], LIBRARY_SPOKE
    return event


def _tell_exception(_: Any, __: str, event: Event) -> Event:
    """Replace an exception by what may be told of it: what Python makes of one may quote a record."""
    event.pop("stack_info", None)
    given = event.pop("exc_info", None)
    error = sys.exception() if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = describe(error)
        event["frames"] = frames_of(error.__traceback__)
    return event


def _redact_event(_: Any, __: str, event: Event) -> Event:
    """Take out of every field what no log may hold, and begin with what every line has."""
    ordered = {key: event[key] for key in FIRST if key in event} | dict(event)
    return {
        key: value if key in PLAIN else redact(value) if isinstance(value, str) else redact_all(value)
        for key, value in ordered.items()
    }
