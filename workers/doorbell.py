"""Rings over Celery; a ring that is lost costs time only."""

from collections.abc import Sequence
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import KombuError

from ct_ac_sync.ports import Lane, Stream
from workers.names import Queue, TaskName

log = structlog.get_logger()


#: What a broker that is away, or full, raises.
LOST = (KombuError, OSError)
#: Rings in one round trip to Redis; dispatch never has more out at once.
BATCH = 200


class CeleryDoorbell:
    """Publishes ids; never raises, because dispatch rings again what was not heard."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ring(self, recipients: Sequence[tuple[int, Lane]]) -> Sequence[int]:
        """Ring all recipients on the queues of their lanes, in one batch; all or none counts as heard."""
        try:
            with self._app.producer_or_acquire() as producer, producer.batch(max_size=BATCH):
                for recipient, lane in recipients:
                    self._send(TaskName.DELIVER, [recipient], Queue(lane), producer=producer)
        except LOST as error:
            log.warning("ring_lost", ring=str(TaskName.DELIVER), error=type(error).__name__)
            return [recipient for recipient, _ in recipients]
        return ()

    def ring_stream(self, source: str, stream: Stream) -> None:
        """Ring for a sweep to be gone on with."""
        try:
            self._send(TaskName.GO_ON, [stream, source], Queue.CONTROL)
        except LOST as error:
            log.warning("ring_lost", ring=str(TaskName.GO_ON), error=type(error).__name__)

    def _send(self, name: TaskName, arguments: list[object], queue: Queue, *, producer: Any = None) -> None:
        # By queue only: a message to an exchange is dropped after Redis was emptied.
        self._app.send_task(
            str(name), args=arguments, queue=str(queue), producer=producer, retry=False, ignore_result=True
        )
