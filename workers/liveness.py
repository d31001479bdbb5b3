"""
The pulse of a worker: every finished task touches a file, in the pool's child that ran it.

That a task was finished proves the whole way: the connection to Redis, the consumer that
took the message, and a child that ran it.  The worker's own heartbeat publishes ticks, so
that an idle one has something to finish.
"""

from typing import Any

import structlog
from celery import signals

from ct_ac_sync import pulse
from ct_ac_sync.pulse import Role
from workers.app import settings

log = structlog.get_logger()


@signals.celeryd_init.connect
def begin_without_a_pulse(sender: str, **_: Any) -> None:
    """Forget what a former life of this node left behind: only its own work counts."""
    _quietly(pulse.forget, sender)


@signals.task_postrun.connect
def note_a_finished_task(task: Any, **_: Any) -> None:
    """Note that this worker consumed and finished a task, whatever came of it."""
    if task.request.hostname:
        _quietly(pulse.note, task.request.hostname)


@signals.worker_shutdown.connect
def end_without_a_pulse(sender: Any, **_: Any) -> None:
    """Leave no pulse behind that would age."""
    _quietly(pulse.forget, str(sender.hostname))


def _quietly(act: Any, node: str) -> None:
    """A pulse that cannot be written costs health, and no work."""
    try:
        act(settings.run_dir, Role.WORKER, node)
    except OSError as error:
        log.warning("pulse_unwritten", node=node, error=str(error))
