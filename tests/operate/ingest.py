"""A Sentry of our own on loopback: it takes envelopes, and shows what it was told."""

import gzip
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Ingest:
    """Keeps every envelope as it came over the wire, unpacked."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        received = self.raw

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                received.append(f"{self.path}\n{self.headers}".encode() + body)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def dsn(self) -> str:
        """What to call it by."""
        return f"http://publickey@127.0.0.1:{self._server.server_port}/1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Return the payloads of one kind, oldest first: ``event``, ``check_in``, ``transaction``."""
        found = []
        for each in list(self.raw):
            _, _, envelope = each.partition(b"\n\n")
            lines = envelope.split(b"\n")[1:]
            while len(lines) > 1:
                header = json.loads(lines[0])
                if header.get("type") == kind:
                    found.append(json.loads(lines[1]))
                lines = lines[2:]
        return found

    def wait_for(self, kind: str, wanted: Callable[[dict[str, Any]], bool], *, seconds: float = 120) -> None:
        """Wait until an item that is *wanted* has come; fail if it does not."""
        until = time.monotonic() + seconds
        while not any(wanted(item) for item in self.items(kind)):
            if time.monotonic() > until:
                raise AssertionError(f"no such {kind} among {self.items(kind)}")
            time.sleep(0.2)
