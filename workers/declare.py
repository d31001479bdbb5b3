"""
The one typed way to declare a task: a function of ids that returns nothing.

What nobody expected is told of here, at the task's edge, and goes no further: an exception
may quote a record, and Celery would put its text into events, into Flower and into Redis.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import structlog

from workers import sentry
from workers.app import app
from workers.names import TaskName

P = ParamSpec("P")

log = structlog.get_logger()


class TaskFailedError(Exception):
    """A task failed in a way that nobody expected; the log says more."""


def task(name: TaskName) -> Callable[[Callable[P, None]], Any]:
    """Return a decorator that makes a task; limits, routes and acknowledgement are the app's."""

    def declare(function: Callable[P, None]) -> Any:
        # Failures that were told of are expected by Celery, and are not told of again.
        return app.task(name=str(name), throws=(TaskFailedError,))(_guarded(function))

    return declare


def _guarded(function: Callable[P, None]) -> Callable[P, None]:
    """Return *function* with an end that nobody expected told of, and without what it may quote."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:  # whatever it is, it is told of here
            log.exception("task_failed")
            sentry.report_bug(error)
            raise TaskFailedError(type(error).__name__) from None

    # Celery checks a message's arguments against the signature it is shown.
    vars(guarded)["__signature__"] = inspect.signature(function)
    return guarded
