"""Somebody who receives webhooks: a real HTTP server that keeps each form and answers as told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

Form = dict[str, str]


class Receiver:
    """A server on a free port, with the forms that it was sent."""

    def __init__(self) -> None:
        self.forms: list[Form] = []
        self.pairs: list[list[tuple[str, str]]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                pairs = parse_qsl(body, keep_blank_values=True)
                receiver.pairs.append(pairs)
                receiver.forms.append(dict(pairs))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def types(self) -> list[str]:
        """Return what it was told of, in the order of arrival."""
        return [form["type"] for form in self.forms]

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
