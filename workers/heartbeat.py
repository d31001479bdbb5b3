"""
Every worker ticks dispatch itself, by a timer of its consumer.

So a dead beat delays polling, never recovery: lost rings and dead workers' work are rung
again as long as one worker lives.
"""

from typing import Any

import structlog
from celery import bootsteps
from kombu.exceptions import OperationalError

from workers.app import app, settings
from workers.names import Queue, TaskName

log = structlog.get_logger()


class Heartbeat(bootsteps.StartStopStep):
    """Publishes a dispatch and a settle tick at the pace of the settings."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        """Begin to tick."""
        seconds = settings.tick.total_seconds()
        self._timer = parent.timer.call_repeatedly(seconds, _tick)

    def stop(self, parent: Any) -> None:
        """Stop to tick."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _tick() -> None:
    try:
        for name in (TaskName.DISPATCH, TaskName.SETTLE):
            app.send_task(str(name), queue=str(Queue.CONTROL), retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("ring_lost", ring="tick", error=type(error).__name__)


app.steps["consumer"].add(Heartbeat)
