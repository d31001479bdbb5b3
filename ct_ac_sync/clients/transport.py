"""
One session per process, with a deadline that is real.

``requests`` bounds each read, not the whole: a server that drips a byte a second never
times out there.  So the body is read in pieces against the clock, and a watchdog shuts
the socket when the headers drip.  Nothing is retried here, no redirect is followed.
"""

import json as json_module
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ct_ac_sync import __version__
from ct_ac_sync.errors import NetworkError, SyncError, UnclearError

CONNECT_SECONDS = 5.0
#: More than this is no answer of either vendor (Commercetools: 16 MB a document).
MAX_BYTES = 64_000_000

EMAIL = re.compile(r"[^\s\"'<>@,;:(){}\[\]]+@[^\s\"'<>@,;:(){}\[\]]+")
DIGITS = re.compile(r"\+?\d[\d ()/-]{6,}\d")


def redact(text: str, *, limit: int = 500) -> str:
    """Return *text* without addresses and telephone numbers, cut short."""
    return DIGITS.sub("[digits]", EMAIL.sub("[address]", text))[:limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def excerpt(self) -> str:
        """The beginning of the body, redacted, for the ledger."""
        return redact(self.body[:4000].decode("utf-8", "replace"))

    def json(self) -> Any:
        """
        Return the body as JSON.

        Raises:
            ValueError: It is none, as with a login page or an empty body.
        """
        if not self.body.strip():
            raise ValueError("the body is empty")
        return json_module.loads(self.body)


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
                session.mount(scheme, HTTPAdapter(max_retries=urllib3.Retry(0, read=False)))
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
        until = time.monotonic() + deadline_seconds
        try:
            with self._session().request(
                method,
                path if path.startswith("http") else self._base_url + path,
                json=json, params=params, data=data, headers=dict(headers or {}), auth=auth,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, deadline_seconds), read=deadline_seconds, total=deadline_seconds),  # type: ignore[arg-type]
                allow_redirects=False, stream=True, hooks={},
            ) as response:  # fmt: skip
                body = _read(response, until)
                return Response(status=response.status_code, headers=response.headers, body=body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, _DeadlineError) as error:
            raise translate(
                error, vendor=self._vendor, operation=operation, address=self._base_url
            ) from error


class _DeadlineError(Exception):
    """The answer took longer than the call may."""


def _read(response: requests.Response, until: float) -> bytes:
    """Return the body, read in pieces against the clock."""
    pieces: list[bytes] = []
    size = 0
    raw = response.raw
    connection = getattr(raw, "_connection", None)
    sock = getattr(connection, "sock", None)
    while True:
        left = until - time.monotonic()
        if left <= 0 or size > MAX_BYTES:
            raise _DeadlineError
        if sock is not None:
            sock.settimeout(left)
        piece = raw.read1(65536, decode_content=True)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)


#: Failures before any byte of the request can have been acted on.
UNSENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidJSONError,
)


def translate(error: BaseException, *, vendor: str, operation: str, address: str) -> SyncError:
    """Return our error for any error of the HTTP layer, at *address*."""
    name = type(error).__name__
    if isinstance(error, UNSENT) or _was_refused(error):
        message = f"{vendor} {operation}: {address} cannot be reached ({name})"
        return NetworkError(message, cause=f"{vendor}: unreachable")
    return UnclearError(f"{vendor} {operation}: {name}", cause=f"{operation}: no answer")


def _was_refused(error: BaseException) -> bool:
    """Whether the connection was never made."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return False
        if isinstance(seen, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
            return True
        reason = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = getattr(seen, "reason", None) or reason
    return False
