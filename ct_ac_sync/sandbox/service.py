"""
What both look-alikes share: the HTTP server, its control doors, its logs and its faults.

Control doors stand under ``/_sandbox``; they need no key, are never faulted and not
counted.  Every call goes into the call log, every effect into the effects log.
"""

import asyncio
import json
import re
import signal
import socket
import struct
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web

from ct_ac_sync.sandbox.faults import FaultBook, FaultRule, FaultRuleError

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call, as an endpoint sees it."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    raw: bytes
    call: int
    match: re.Match[str]

    def first(self, name: str) -> str | None:
        """Return the first value of a query argument."""
        values = self.query.get(name)
        return values[0] if values else None

    def json(self) -> Any:
        """Return the body as JSON; None where it is none."""
        try:
            return json.loads(self.raw or b"null")
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Endpoint = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class Switch:
    """Something the vendor's documentation leaves open: its values under two profiles."""

    a: Any
    b: Any
    about: str
    choices: tuple[Any, ...] | None = None


class Service:
    """A look-alike: routes, logs, switches and faults."""

    def __init__(self, name: str, switches: Mapping[str, Switch], *, profile: str = "a") -> None:
        self.name = name
        self.faults = FaultBook()
        self._declared = switches
        self.switches: dict[str, Any] = {k: getattr(s, profile) for k, s in switches.items()}
        self.log: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.call_seq = 0
        self._seconds: deque[float] = deque()
        self.max_in_one_second = 0
        self._routes: list[tuple[str, re.Pattern[str], str, Endpoint]] = []
        self._control: list[tuple[str, re.Pattern[str], Endpoint]] = []
        self._add_control_doors()

    # -- for look-alikes --------------------------------------------------------------

    def route(self, method: str, pattern: str, operation: str, endpoint: Endpoint) -> None:
        """Answer *method* on paths that match *pattern* wholly by *endpoint*."""
        self._routes.append((method, re.compile(pattern + r"\Z"), operation, endpoint))

    def control(self, method: str, pattern: str, endpoint: Endpoint) -> None:
        """Add a control door below ``/_sandbox``."""
        self._control.append((method, re.compile("/_sandbox" + pattern + r"\Z"), endpoint))

    def note(self, kind: str, **facts: Any) -> None:
        """Write an effect into the log."""
        entry = {"seq": len(self.log) + 1, "at": now_text(), "kind": kind, "call": self.call_seq}
        self.log.append(entry | facts)

    def state(self) -> dict[str, Any]:
        """Return all that is there now."""
        return {}

    def guard(self, request: Request, operation: str) -> Reply | None:
        """Return a refusal (key, rate limit), or None to let the call pass."""
        return None

    def headers(self) -> Mapping[str, str]:
        """Return headers that every answer carries."""
        return {}

    def headers_at(self, path: str) -> Mapping[str, str]:
        """Return headers that every answer at a path carries."""
        del path
        return self.headers()

    def not_found(self, request: Request) -> Reply:
        """Return the answer to a path nobody knows."""
        return Reply(404, {"message": f"no route for {request.method} {request.path}"})

    # -- calls ------------------------------------------------------------------------

    def find(self, method: str, path: str) -> tuple[str, Endpoint, re.Match[str]] | None:
        """Return operation, endpoint and match of a call."""
        for wanted, pattern, operation, endpoint in self._routes:
            if wanted == method and (match := pattern.match(path)):
                return operation, endpoint, match
        return None

    def find_control(self, method: str, path: str) -> tuple[Endpoint, re.Match[str]] | None:
        """Return the control door of a call."""
        for wanted, pattern, endpoint in self._control:
            if wanted == method and (match := pattern.match(path)):
                return endpoint, match
        return None

    def count_second(self) -> int:
        """Count a call of now and return how many came within the last second."""
        moment = time.monotonic()
        self._seconds.append(moment)
        while self._seconds and self._seconds[0] <= moment - 1:
            self._seconds.popleft()
        self.max_in_one_second = max(self.max_in_one_second, len(self._seconds))
        return len(self._seconds)

    def note_call(self, request: Request, operation: str, reply: Reply, fault: FaultRule | None) -> None:
        """Write a call into the call log."""
        status = str(reply.status) if reply.status else "reset"
        self.counts[operation][status] += 1
        body = request.json()
        self.calls.append(
            {
                "seq": request.call,
                "at": now_text(),
                "monotonic": time.monotonic(),
                "method": request.method,
                "path": request.path,
                "query": dict(request.query.items()),
                "operation": operation,
                "status": reply.status,
                "fault": fault.id if fault else None,
                "bytes_in": len(request.raw),
                "request_body": body if body is not None else request.raw.decode("utf-8", "replace"),
                "answer_body": reply.body,
            }
        )

    # -- control doors ----------------------------------------------------------------

    def _add_control_doors(self) -> None:
        self.control("GET", "/health", lambda _: Reply(200, {"name": self.name, "now": now_text()}))
        self.control("GET", "/log", lambda r: _since(r, self.log, "entries"))
        self.control("GET", "/calls", lambda r: _since(r, self.calls, "calls"))
        self.control("GET", "/counts", lambda _: Reply(200, self._counted()))
        self.control("GET", "/state", lambda _: Reply(200, self.state()))
        self.control("POST", "/faults", self._add_fault)
        self.control("GET", "/faults", lambda _: Reply(200, {"rules": self.faults.rules()}))
        self.control("DELETE", "/faults", lambda _: Reply(200, {"removed": self.faults.remove()}))
        self.control(
            "DELETE", r"/faults/(\w+)", lambda r: Reply(200, {"removed": self.faults.remove(r.match[1])})
        )
        self.control("POST", "/switches", self._set_switches)
        self.control("GET", "/switches", lambda _: Reply(200, self._switches()))

    def _counted(self) -> dict[str, Any]:
        by_operation = {name: dict(counter) for name, counter in self.counts.items()}
        total = sum(sum(counter.values()) for counter in self.counts.values())
        return {"by_operation": by_operation, "total": total, "max_in_one_second": self.max_in_one_second}

    def _add_fault(self, request: Request) -> Reply:
        spec = request.json()
        if not isinstance(spec, dict):
            return Reply(400, {"message": "a rule is a JSON object"})
        try:
            return Reply(200, {"id": self.faults.add(spec)})
        except FaultRuleError as error:
            return Reply(400, {"message": str(error)})

    def _switches(self) -> dict[str, Any]:
        return {k: {"value": self.switches[k], "about": s.about} for k, s in self._declared.items()}

    def _set_switches(self, request: Request) -> Reply:
        wanted = request.json() or {}
        unknown = sorted(set(wanted) - set(self._declared))
        wrong = [
            f"{k} is one of {list(s.choices)}, not {wanted[k]!r}"
            for k, s in self._declared.items()
            if k in wanted and s.choices and wanted[k] not in s.choices
        ]
        if unknown or wrong:
            known = ", ".join(sorted(self._declared))
            faults = [f"unknown switch {name!r}; known: {known}" for name in unknown] + wrong
            return Reply(400, {"message": "; ".join(faults)})
        self.switches |= wanted
        return Reply(200, self._switches())


def now_text() -> str:
    """Return the time of now, as both logs write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _since(request: Request, rows: list[dict[str, Any]], name: str) -> Reply:
    after, limit = int(request.first("after") or 0), int(request.first("limit") or 1_000_000)
    found = [row for row in rows if row["seq"] > after][:limit]
    return Reply(200, {name: found, "last": found[-1]["seq"] if found else after})


class _Handler(tornado.web.RequestHandler):
    """Turns tornado's calls into ours: guard, fault, effect, spoilt answer."""

    def initialize(self, service: Service) -> None:
        self.service = service

    async def prepare(self) -> None:
        method, path = self.request.method or "GET", self.request.path
        if path.startswith("/_sandbox"):
            await self._serve_control(method, path)
            return
        await self._serve(method, path)

    async def _serve_control(self, method: str, path: str) -> None:
        found = self.service.find_control(method, path)
        if found is None:
            self._write(Reply(404, {"message": f"no control door {method} {path}"}))
            return
        endpoint, match = found
        self._write(endpoint(self._request(match)))

    async def _serve(self, method: str, path: str) -> None:
        service = self.service
        service.call_seq += 1
        found = service.find(method, path)
        operation, endpoint, match = found or ("unknown", service.not_found, re.match("", ""))
        if match is None:
            raise AssertionError("an empty pattern matches")
        request = self._request(match)
        refusal = service.guard(request, operation)
        if refusal is not None:
            service.note_call(request, operation, refusal, None)
            self._write(refusal)
            return
        fault = service.faults.pick(
            operation=operation, method=method, path=path, body=request.raw.decode("utf-8", "replace")
        )
        await self._answer(request, operation, endpoint, fault)

    async def _answer(
        self, request: Request, operation: str, endpoint: Endpoint, fault: FaultRule | None
    ) -> None:
        service = self.service
        spoilt = fault is not None and fault.spoils
        if fault is not None and not fault.is_after:
            await asyncio.sleep(fault.spec.get("delay_seconds") or 0)
        reply = Reply(0)
        if not spoilt or (fault is not None and fault.is_after):
            service.call_seq, before = request.call, service.call_seq
            reply = endpoint(request)
            service.call_seq = max(before, service.call_seq)
        if spoilt and fault is not None:
            reply = _spoilt(fault)
        service.note_call(request, operation, reply, fault)
        if fault is not None and fault.is_after:
            await asyncio.sleep(fault.spec.get("delay_seconds") or 0)
        if fault is not None and fault.spec.get("reset"):
            self._reset()
            return
        drip = fault.spec.get("drip_bytes_per_second") if fault else None
        if drip:
            await self._drip(reply, float(drip))
            return
        self._write(reply)

    def _request(self, match: re.Match[str]) -> Request:
        arguments = self.request.query_arguments
        return Request(
            method=self.request.method or "GET",
            path=self.request.path,
            query={k: [v.decode("utf-8", "replace") for v in vs] for k, vs in arguments.items()},
            headers=dict(self.request.headers.get_all()),
            raw=self.request.body,
            call=self.service.call_seq,
            match=match,
        )

    def _head(self, reply: Reply) -> bytes:
        self.set_status(reply.status)
        self.set_header("Content-Type", JSON)
        for name, value in {**self.service.headers_at(self.request.path), **reply.headers}.items():
            self.set_header(name, value)
        if isinstance(reply.body, bytes | str):
            return reply.body.encode() if isinstance(reply.body, str) else reply.body
        return b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False).encode()

    def _write(self, reply: Reply) -> None:
        self.finish(self._head(reply))

    async def _drip(self, reply: Reply, per_second: float) -> None:
        body = self._head(reply)
        self.set_header("Content-Length", str(len(body)))
        try:
            for place in range(len(body)):
                self.write(body[place : place + 1])
                await self.flush()
                await asyncio.sleep(1 / per_second)
            self.finish()
        except tornado.iostream.StreamClosedError:
            return

    def _reset(self) -> None:
        """Close the connection hard, without an answer."""
        stream = self.request.connection.detach()  # type: ignore[union-attr]
        linger = struct.pack("ii", 1, 0)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        stream.close()
        self._finished = True


def _spoilt(fault: FaultRule) -> Reply:
    spec = fault.spec
    headers = dict(spec.get("headers") or {})
    if spec.get("content_type"):
        headers["Content-Type"] = spec["content_type"]
    if spec.get("reset"):
        return Reply(0)
    return Reply(spec.get("status") or 200, spec.get("reply", ""), headers)


async def _run(service: Service, host: str, port: int) -> None:
    application = tornado.web.Application([(r".*", _Handler, {"service": service})])
    for method in ("get", "post", "put", "delete", "head", "patch"):
        setattr(_Handler, method, _nothing)
    sockets = tornado.netutil.bind_sockets(port, host)
    server = tornado.httpserver.HTTPServer(application, max_buffer_size=50_000_000)
    server.add_sockets(sockets)
    address = f"http://{host}:{sockets[0].getsockname()[1]}"
    sys.stdout.write(json.dumps({"listening": address, "name": service.name}) + "\n")
    sys.stdout.flush()
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, done.set)
    await done.wait()
    server.stop()


def _nothing(self: _Handler, *_: Any, **__: Any) -> None:
    """Everything was done in ``prepare``."""


def serve(service: Service, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; says where it listens in one line of JSON."""
    asyncio.run(_run(service, host, port))
