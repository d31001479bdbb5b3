"""Rings over Celery; a ring that is lost costs time only."""

from collections.abc import Sequence

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from ct_ac_sync.ports import Lane, Stream
from workers.names import Queue, TaskName

log = structlog.get_logger()


class CeleryDoorbell:
    """Publishes ids; never raises, because dispatch rings again what was not heard."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ring(self, recipients: Sequence[tuple[int, Lane]]) -> None:
        """Ring each recipient on the queue of its lane."""
        for recipient, lane in recipients:
            if not self._publish(TaskName.DELIVER, [recipient], Queue(lane)):
                return

    def ring_stream(self, source: str, stream: Stream) -> None:
        """Ring for a sweep to be gone on with."""
        self._publish(TaskName.GO_ON, [stream], Queue.CONTROL)

    def _publish(self, name: TaskName, arguments: list[object], queue: Queue) -> bool:
        try:
            # By queue only: a message to an exchange is dropped after Redis was emptied.
            self._app.send_task(str(name), args=arguments, queue=str(queue), retry=False, ignore_result=True)
        except (OperationalError, OSError) as error:
            log.warning("ring_lost", task=str(name), error=type(error).__name__)
            return False
        return True
