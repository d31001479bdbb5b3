"""A worker must outlive its broker: what a channel says when its connection is lost."""

from types import SimpleNamespace

import pytest
from kombu.transport import resolve_transport

from workers.broker import Channel, Transport, speak_redis_our_way


def test_a_lost_connection_is_reported_as_one():
    """A channel without a connection raises what Celery takes for a lost connection, not an AttributeError."""
    channel = Channel.__new__(Channel)
    lost = Transport(client=SimpleNamespace(transport_options={})).connection_errors

    for connection in (None, SimpleNamespace(client=None)):
        channel.connection = connection

        with pytest.raises(lost, match="connection is lost"):
            channel._connparams()


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_workers_speak_through_our_transport(scheme: str):
    """Once told, every connection of the process uses our channels, with and without TLS."""
    speak_redis_our_way()

    assert resolve_transport(scheme) is Transport
    assert Transport.Channel is Channel
