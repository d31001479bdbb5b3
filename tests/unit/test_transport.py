"""The transport against small servers on loopback that behave as badly as servers can."""

import gc
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import requests

from ct_ac_sync.clients.transport import Transport, translate
from ct_ac_sync.errors import NetworkError, SyncError, UnclearError

DEADLINE = 0.4
#: How much later than its deadline a call may end on a busy machine.
GRACE = 0.6

Serve = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def read_request(connection: socket.socket) -> bytes:
    """Read a request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Server:
    """Gives each connection to a function, in a thread of its own."""

    def __init__(self, serve: Serve) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            self._serve(connection)

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture(name="server")
def _server() -> Iterator[Callable[[Serve], Server]]:
    servers: list[Server] = []

    def start(serve: Serve) -> Server:
        servers.append(Server(serve))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


@pytest.fixture(autouse=True)
def _no_sockets_left() -> Iterator[None]:
    """Collect closed sessions within the test that made them."""
    yield
    gc.collect()


def drip(connection: socket.socket, data: bytes, *, every: float = 0.05) -> None:
    """Send one byte at a time, for ever slower than the deadline in all, never within it."""
    for place in range(len(data)):
        connection.sendall(data[place : place + 1])
        time.sleep(every)


def answering(*pieces: bytes, then: Callable[[socket.socket], None] | None = None) -> Serve:
    """Return a server that reads a request and sends these pieces, again and again."""

    def serve(connection: socket.socket) -> None:
        while read_request(connection):
            for piece in pieces:
                connection.sendall(piece)
            if then is not None:
                then(connection)
                return

    return serve


def ask(url: str, *, deadline: float = DEADLINE, method: str = "GET", **parts: Any) -> Any:
    """Make one call."""
    return Transport(url, headers={}, vendor="V").request(
        method, "/path", deadline_seconds=deadline, operation="ask", **parts
    )


def ended(url: str, *, deadline: float = DEADLINE, **parts: Any) -> tuple[SyncError | None, float]:
    """Return how a call ended, and how many seconds it took."""
    started = time.monotonic()
    try:
        ask(url, deadline=deadline, **parts)
    except SyncError as error:
        return error, time.monotonic() - started
    return None, time.monotonic() - started


LONG = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: "
    + b"x" * 40
    + b"\r\nContent-Length: 2\r\n\r\n{}"
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
ZIPPED = gzip.compress(bytes(range(256)) * 20)
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED)
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 400\r\n\r\n"

#: What a server sends whole, and what it then sends a byte at a time.
DRIPS = {
    "status line": (b"", LONG),
    "headers": (b"HTTP/1.1 200 OK\r\n", LONG[17:]),
    "body": (HEAD, b"x" * 80),
    "body until close": (CLOSING, b"x" * 80),
    "chunks": (CHUNKED, b"1\r\nx\r\n" * 16),
    "a chunk's size": (CHUNKED, b"5;" + b"x" * 80),
    "gzip": (PACKED, ZIPPED),
    "body of a redirect": (REDIRECT, b"x" * 80),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3),
}
#: What a server sends before it falls silent without closing.
STALLS = {
    "nothing": b"",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": HEAD + b"x" * 250,
    "half a body until close": CLOSING + b"x" * 250,
    "half a chunk": CHUNKED + b"100\r\nxx",
}


class TestDeadline:
    @pytest.mark.parametrize("what", DRIPS)
    def test_a_dripping_server_is_left_at_the_deadline(self, server: Callable[[Serve], Server], what: str):
        """A byte every now and then does not keep a call alive, wherever it drips."""
        at_once, slowly = DRIPS[what]
        url = server(answering(at_once, then=lambda c: drip(c, slowly))).url

        error, seconds = ended(url)

        assert isinstance(error, UnclearError)
        assert seconds < DEADLINE + GRACE

    @pytest.mark.parametrize("what", STALLS)
    def test_a_silent_server_is_left_at_the_deadline(self, server: Callable[[Serve], Server], what: str):
        """Silence ends a call at its deadline, not at a multiple of it."""

        def serve(connection: socket.socket) -> None:
            read_request(connection)
            time.sleep(DEADLINE * 0.8)
            connection.sendall(STALLS[what])
            time.sleep(DEADLINE + GRACE + 1)

        error, seconds = ended(server(serve).url)

        assert isinstance(error, UnclearError)
        assert seconds < DEADLINE + GRACE

    def test_a_server_that_does_not_read_is_left_at_the_deadline(self, server: Callable[[Serve], Server]):
        """A request that cannot be sent ends at the deadline, and is unclear: part of it left."""
        url = server(lambda _: time.sleep(DEADLINE + GRACE + 1)).url

        error, seconds = ended(url, method="POST", data=b"x" * 20_000_000)

        assert isinstance(error, UnclearError)
        assert seconds < DEADLINE + GRACE

    def test_the_next_call_is_not_harmed(self, server: Callable[[Serve], Server]):
        """A call that was cut leaves nothing behind that could cut or confuse the next."""
        answers = iter([lambda c: drip(c, LONG), lambda c: c.sendall(OK)])

        def serve(connection: socket.socket) -> None:
            while read_request(connection):
                next(answers)(connection)

        transport = Transport(server(serve).url, headers={}, vendor="V")
        with pytest.raises(UnclearError):
            transport.request("GET", "/", deadline_seconds=DEADLINE, operation="ask")

        answer = transport.request("GET", "/", deadline_seconds=5, operation="ask")
        assert answer.json() == {}

    def test_an_answer_in_time_is_not_cut_later(self, server: Callable[[Serve], Server]):
        """The deadline of a call that ended does not reach into the next on the same connection."""

        def serve(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(OK)
            read_request(connection)
            time.sleep(DEADLINE * 1.5)
            connection.sendall(OK)

        started = server(serve)
        transport = Transport(started.url, headers={}, vendor="V")
        transport.request("GET", "/", deadline_seconds=DEADLINE, operation="ask")

        assert transport.request("GET", "/", deadline_seconds=5, operation="ask").status == 200
        assert started.connections == 1


class TestFailures:
    def test_a_refused_connection_left_nothing(self):
        """Where nobody listens nothing can have been acted on."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]

        error, _ = ended(f"http://127.0.0.1:{port}")

        assert isinstance(error, NetworkError)
        assert error.cause == "V: unreachable"

    def test_a_host_nobody_knows_left_nothing(self):
        """A name that cannot be resolved is a network error."""
        error, _ = ended("http://nobody.invalid", deadline=5)

        assert isinstance(error, NetworkError)

    @pytest.mark.parametrize(
        "url", ["http://", "ftp://127.0.0.1", "http://[", "nonsense", "http://127.0.0.1:99999"]
    )
    def test_an_address_that_is_none_left_nothing(self, url: str):
        """A wrong address is our error, and no bare exception of a library."""
        error, _ = ended(url)

        assert isinstance(error, NetworkError)

    def test_a_reset_after_the_request_is_unclear(self, server: Callable[[Serve], Server]):
        """The server had the request, so it may have acted on it."""

        def serve(connection: socket.socket) -> None:
            read_request(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        error, _ = ended(server(serve).url, method="POST", json={})

        assert isinstance(error, UnclearError)

    @pytest.mark.parametrize(
        "sent", [b"", b"HTTP", HEAD + b"x", CHUNKED + b"9\r\nx", b"\x16\x03\x01 nonsense\r\n\r\n"]
    )
    def test_an_answer_that_is_cut_is_unclear(self, server: Callable[[Serve], Server], sent: bytes):
        """Half an answer proves nothing, and is never taken for a short one."""
        url = server(answering(sent, then=lambda _: None)).url

        error, _ = ended(url, method="POST", json={})

        assert isinstance(error, UnclearError)

    def test_a_body_that_cannot_be_unpacked_is_unclear(self, server: Callable[[Serve], Server]):
        """A broken encoding is no answer."""
        url = server(
            answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")
        ).url

        error, _ = ended(url)

        assert isinstance(error, UnclearError)

    def test_an_answer_cut_within_its_headers_holds_no_json(self, server: Callable[[Serve], Server]):
        """Headers that end too soon leave a body that proves nothing."""
        url = server(answering(b"HTTP/1.1 200 OK\r\nContent-Le", then=lambda _: None)).url

        with pytest.raises(ValueError, match="empty"):
            ask(url, deadline=5).json()

    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    def test_tls_that_never_came_about_left_nothing(self, server: Callable[[Serve], Server], sent: bytes):
        """Before the handshake is done no byte of the request has left."""

        def serve(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(sent)

        error, _ = ended(server(serve).url.replace("http://", "https://"))

        assert isinstance(error, NetworkError)

    def test_a_handshake_that_drips_is_left_at_the_deadline(self, server: Callable[[Serve], Server]):
        """The deadline holds before the first byte of the request, too, and nothing has left."""

        def serve(connection: socket.socket) -> None:
            connection.recv(65536)
            drip(connection, b"\x16\x03\x03\x01\x00" + b"\0" * 60)

        error, seconds = ended(server(serve).url.replace("http://", "https://"))

        assert isinstance(error, NetworkError)
        assert seconds < DEADLINE + GRACE

    @pytest.mark.parametrize(
        "error",
        [
            requests.ReadTimeout(),
            requests.ConnectionError(),
            requests.exceptions.SSLError(),
            requests.exceptions.InvalidURL(),
            OSError(),
        ],
    )
    def test_only_what_never_left_is_safe_to_send_again(self, error: Exception):
        """Not the name of an error decides, but whether a byte of the request had left."""
        said = {"vendor": "V", "operation": "o", "address": "http://a"}

        assert type(translate(error, **said, has_sent=True)) is UnclearError
        assert type(translate(error, **said, has_sent=False)) is NetworkError

    def test_messages_name_side_and_operation_but_nothing_sent(self):
        """An error's text says who was asked for what, and nothing of what was sent."""
        error, _ = ended(
            "http://nobody.invalid", deadline=5, params={"email": "ann@example.org"}, auth=("u", "hidden")
        )

        assert str(error).startswith("V ask: ")
        assert "hidden" not in str(error)
        assert "ann@" not in str(error)


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("place", ["/other", "http://127.0.0.1:1/", "http://[", "//", "ftp://x", ""])
    def test_no_redirect_is_followed(self, server: Callable[[Serve], Server], status: int, place: str):
        """A redirect is an answer like any other, wherever it points, with its body."""
        seen: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            while request := read_request(connection):
                seen.append(request)
                connection.sendall(
                    f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\nContent-Length: 4\r\n\r\nbody".encode()
                )

        answer = ask(server(serve).url, method="POST", json={}, deadline=5)

        assert (answer.status, answer.body, len(seen)) == (status, b"body", 1)


class TestSessions:
    def test_a_thread_keeps_its_connection(self, server: Callable[[Serve], Server]):
        """Calls of one thread share a connection."""
        started = server(answering(OK))
        transport = Transport(started.url, headers={}, vendor="V")

        for _ in range(3):
            transport.request("GET", "/", deadline_seconds=5, operation="ask")

        assert started.connections == 1

    def test_threads_share_no_connection(self, server: Callable[[Serve], Server]):
        """Each thread has a session, and so a connection, of its own."""
        started = server(answering(OK))
        transport = Transport(started.url, headers={}, vendor="V")

        def call() -> None:
            for _ in range(2):
                transport.request("GET", "/", deadline_seconds=5, operation="ask")

        threads = [threading.Thread(target=call) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert started.connections == 3

    def test_the_environment_and_cookies_have_no_say(
        self, server: Callable[[Serve], Server], monkeypatch: pytest.MonkeyPatch
    ):
        """Neither a proxy of the environment nor a .netrc changes where and how we call."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

        assert ask(server(answering(OK)).url, deadline=5).status == 200

    def test_every_call_tells_who_calls(self, server: Callable[[Serve], Server]):
        """User-Agent and the vendor's own headers go with each call."""
        seen: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            seen.append(read_request(connection))
            connection.sendall(OK)

        transport = Transport(server(serve).url, headers={"Api-Token": "t"}, vendor="V")
        transport.request("GET", "/", deadline_seconds=5, operation="ask", headers={"X-One": "1"})

        assert b"User-Agent: ct-ac-sync/" in seen[0]
        assert b"Api-Token: t" in seen[0]
        assert b"X-One: 1" in seen[0]
