"""
The dead-letter lists: for each lane a Redis list with the numbers of its open dead letters.

They are a mirror, for eyes that look at the broker: Postgres is the truth, nothing reads
them back, and no worker consumes them, because they are in no ``task_queues``.  Redis may
be emptied at any time; the next tick of dispatch fills them again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import KombuError
from redis import Redis, RedisError

from ct_ac_sync.ports import Lane
from ct_ac_sync.store.desk import Desk

log = structlog.get_logger()

#: What a broker that is away, frozen or full raises.
LOST = (KombuError, RedisError, OSError)
#: A frozen Redis costs a tick no more than this, each time it is asked.
SECONDS = 2.0
#: Numbers in one command; more would block Redis for everybody.
CHUNK = 1000
#: Holds what was mirrored last, so that a tick at which nothing changed reads no letter.
AGREED = "dead-letters.agreed"


def list_name(lane: Lane) -> str:
    """
    Return the name of a lane's list, as the broker page shows it.

    >>> list_name(Lane.LIVE)
    'live.dead'
    """
    return f"{lane}.dead"


class RedisLetterLists:
    """Keeps the lists beside the queues, by the broker's own address, options and key prefix."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._channel: Any = None

    def agree(self, desk: Desk) -> None:
        """
        Make the lists say what the table says; a broker that is away is tried at the next tick.

        Raises:
            DatabaseAwayError: The database is away.
        """
        try:
            client = self._client()
            if not self._agrees(client, desk.count_by_lane()):
                self._write(client, desk.numbers_by_lane())
        except LOST as error:
            log.warning("dead_letter_lists_lost", error=type(error).__name__)

    def _client(self) -> Redis:
        """Return a client over a connection of its own: the broker's shared ones wait longer."""
        if self._channel is None:
            options = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
            self._channel = self._app.connection_for_write(transport_options=options).channel()
        return Redis(connection_pool=self._channel.pool)

    def _key(self, name: str) -> str:
        return f"{self._app.conf.broker_transport_options['global_keyprefix']}{name}"

    def _agrees(self, client: Redis, table: Mapping[Lane, tuple[int, int]]) -> bool:
        """Whether what was mirrored last is still so, and still there: a FLUSHALL takes both away."""
        with client.pipeline(transaction=False) as pipeline:
            pipeline.get(self._key(AGREED))
            for lane in table:
                pipeline.llen(self._key(list_name(lane)))
            agreed, *lengths = pipeline.execute()
        letters = [count for count, _ in table.values()]
        return agreed == _said(table).encode() and lengths == letters

    def _write(self, client: Redis, numbers: Mapping[Lane, Sequence[int]]) -> None:
        """Write all lists anew, at once for whoever looks; the last of two writers at a time is right, or mended."""
        with client.pipeline(transaction=True) as pipeline:
            for lane, found in numbers.items():
                pipeline.delete(self._key(list_name(lane)))
                for start in range(0, len(found), CHUNK):
                    pipeline.rpush(self._key(list_name(lane)), *found[start : start + CHUNK])
            said = _said({lane: (len(found), sum(found)) for lane, found in numbers.items()})
            pipeline.set(self._key(AGREED), said)
            pipeline.execute()


def _said(table: Mapping[Lane, tuple[int, int]]) -> str:
    return " ".join(f"{lane}:{count}:{total}" for lane, (count, total) in table.items())
