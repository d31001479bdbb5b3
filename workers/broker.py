"""
Redis as the broker, for workers that outlive its absence.

A channel whose connection has just been lost has no connection any more.  Asked for one,
kombu 5.7 fails with an `AttributeError`, which nobody takes for a lost connection, and the
worker ends.  It is asked when an acknowledgement comes late, and when unacknowledged
messages are put back while the channel closes.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(kombu_redis.Channel):
    """A channel that says that its connection is lost in the words that callers listen to."""

    #: Putting back is not needed: dispatch rings again for whatever is owed.
    do_restore = False

    def _connparams(self, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the channel's connection is lost")
        return super()._connparams(**options)  # type: ignore[misc]  # the stubs do not know it


class Transport(kombu_redis.Transport):
    """The transport of our channels."""

    Channel = Channel


def speak_redis_our_way() -> None:
    """Let every connection to ``redis://`` and ``rediss://`` in this process use our transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
