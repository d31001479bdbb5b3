"""Requests that are noted: how each ended, for whoever counts them."""

from collections.abc import Callable
from typing import Any

from ct_ac_sync.clients.transport import Response, Transport
from ct_ac_sync.errors import NetworkError, UnclearError

#: Takes an operation and how it ended: a status, ``unanswered`` or ``unreachable``.
Note = Callable[[str, str], None]


def request_noted(
    transport: Transport, note: Note, method: str, path: str, *, operation: str, seconds: float, **parts: Any
) -> Response:
    """
    Send one request, note how it ended, and return the whole answer, whatever its status.

    Raises:
        NetworkError: The request cannot have been acted on.
        UnclearError: It may have been acted on: no answer, or only part of one.
    """
    try:
        response = transport.request(method, path, deadline_seconds=seconds, operation=operation, **parts)
    except UnclearError:
        note(operation, "unanswered")
        raise
    except NetworkError:
        note(operation, "unreachable")
        raise
    note(operation, str(response.status))
    return response
