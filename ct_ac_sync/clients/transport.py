"""
One session per process, with a deadline that is real.

``requests`` bounds each read, not the whole: a server that drips a byte a second never
times out there, in its headers or its body.  So a watchdog shuts the socket at the
deadline.  Nothing is retried here, no redirect is followed.
"""

import contextlib
import json as json_module
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ct_ac_sync import __version__
from ct_ac_sync.errors import NetworkError, SyncError, UnclearError
from ct_ac_sync.redaction import personal_in, redact

CONNECT_SECONDS = 5.0
#: More than this is no answer of either vendor (Commercetools: 16 MB a document).
MAX_BYTES = 64_000_000

#: So much of a body is looked through for its excerpt: more than any excerpt shows.
EXCERPT_BYTES = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    A whole answer.

    Attributes:
        sent: The body that was sent for it: an answer may echo what it does not like.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sent: Any = field(default=None, repr=False)

    @property
    def excerpt(self) -> str:
        """The beginning of the body, redacted, for the ledger."""
        return self.clean(self.body[:EXCERPT_BYTES].decode("utf-8", "replace"))

    def clean(self, text: str, *, limit: int = 500) -> str:
        """Return a *text* of this answer, redacted, without what was a person's in the request."""
        return redact(text, limit=limit, echoed=personal_in(self.sent))

    def json(self) -> Any:
        """
        Return the body as JSON.

        Raises:
            ValueError: It is none, as with a login page or an empty body.
        """
        if not self.body.strip():
            raise ValueError("the body is empty")
        return json_module.loads(self.body)


class _Exchange:
    """
    One request and its answer, which a watchdog cuts at the deadline.

    Attributes:
        until: The deadline, on the monotonic clock.
        has_sent: Whether any byte of the request can have left.
    """

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.has_sent = False
        self._twin: socket.socket | None = None
        self._watchdog = threading.Timer(seconds, self._cut)
        self._watchdog.daemon = True

    def __enter__(self) -> Self:
        _under_way.exchange = self
        self._watchdog.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.cancel()
        _under_way.exchange = None
        if self._twin is not None:
            self._twin.close()

    def watch(self, sock: socket.socket) -> None:
        """Cut the connection of *sock*, whatever wraps or forgets it, at the deadline."""
        former, self._twin = self._twin, socket.socket(fileno=os.dup(sock.fileno()))
        if former is not None:
            former.close()
        if time.monotonic() >= self.until:
            self._cut()

    def _cut(self) -> None:
        if self._twin is not None:
            with contextlib.suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)


#: The exchange of this thread; its connection says here over which socket it goes.
_under_way = threading.local()


class _Watched:
    """A connection that tells the exchange under way how far it is."""

    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        if (exchange := getattr(_under_way, "exchange", None)) is not None:
            exchange.watch(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request."""
        exchange: _Exchange | None = getattr(_under_way, "exchange", None)
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        if exchange is not None and self.sock is not None:
            exchange.watch(self.sock)
            exchange.has_sent = True
        super().request(*args, **kwargs)  # type: ignore[misc]


class _HTTPConnection(_Watched, urllib3.connection.HTTPConnection):
    pass


class _HTTPSConnection(_Watched, urllib3.connection.HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    """Never retries, and makes watched connections."""

    def __init__(self) -> None:
        super().__init__(max_retries=urllib3.Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the manager of pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class Transport:
    """Sends requests to one vendor and translates every failure of the layer below."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str], vendor: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"User-Agent": f"ct-ac-sync/{__version__}", "Accept": "application/json"} | dict(
            headers
        )
        self._vendor = vendor
        self._local = threading.local()

    def _session(self) -> requests.Session:
        """Return this thread's session of this process; sockets never cross a fork."""
        if getattr(self._local, "pid", None) != os.getpid():
            session = requests.Session()
            session.trust_env = False
            session.headers.update(self._headers)
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter())
            self._local.session, self._local.pid = session, os.getpid()
        found: requests.Session = self._local.session
        return found

    def request(
        self,
        method: str,
        path: str,
        *,
        deadline_seconds: float,
        operation: str,
        json: Any = None,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Response:
        """
        Send one request and return the whole answer, whatever its status.

        Raises:
            NetworkError: The request cannot have been acted on.
            UnclearError: It may have been acted on: no answer, or only part of one.
        """
        with _Exchange(deadline_seconds) as exchange:
            try:
                request = self._session().prepare_request(
                    requests.Request(
                        method,
                        path if path.startswith("http") else self._base_url + path,
                        json=json, params=params, data=data, headers=headers, auth=auth,
                    )
                )  # fmt: skip
                return replace(self._exchange(request, exchange, deadline_seconds), sent=json)
            except (
                requests.RequestException,
                urllib3.exceptions.HTTPError,
                OSError,
                _DeadlineError,
            ) as error:
                raise translate(
                    error, vendor=self._vendor, operation=operation, address=self._base_url,
                    has_sent=exchange.has_sent,
                ) from error  # fmt: skip

    def _exchange(self, request: requests.PreparedRequest, exchange: _Exchange, seconds: float) -> Response:
        # By the adapter: a session would read, and follow, what looks like a redirect.
        adapter = self._session().get_adapter(request.url or "")
        limits = (min(CONNECT_SECONDS, seconds), seconds)
        with adapter.send(request, stream=True, timeout=limits) as response:
            body = _read(response, exchange.until)
            return Response(status=response.status_code, headers=response.headers, body=body)


class _DeadlineError(Exception):
    """The answer took longer than the call may, or is larger than any answer."""


def _read(response: requests.Response, until: float) -> bytes:
    """Return the whole body; what was cut at the deadline is none."""
    pieces: list[bytes] = []
    size = 0
    for piece in response.raw.stream(65536, decode_content=True):
        size += len(piece)
        if size > MAX_BYTES:
            raise _DeadlineError
        pieces.append(piece)
    if time.monotonic() >= until:
        raise _DeadlineError
    return b"".join(pieces)


def translate(
    error: BaseException, *, vendor: str, operation: str, address: str, has_sent: bool
) -> SyncError:
    """Return our error for any error of the HTTP layer, at *address*."""
    name = type(error).__name__
    if has_sent:
        return UnclearError(f"{vendor} {operation}: {name}", cause=f"{operation}: no answer")
    return NetworkError(
        f"{vendor} {operation}: {address} cannot be reached ({name})", cause=f"{vendor}: unreachable"
    )
