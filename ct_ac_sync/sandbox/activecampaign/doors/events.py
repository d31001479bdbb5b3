"""The doors of event tracking: switch and names at the account, events at a host of their own."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.doors.answers import (
    API,
    PAGE,
    PAGE_LIMIT,
    Routes,
    error,
    missing,
    page,
    part,
    whole,
)
from ct_ac_sync.sandbox.activecampaign.events import Events
from ct_ac_sync.sandbox.service import Reply, Request

#: The path of the event host, which is served here beside the account.
EVENT_PATH = "/event"
TRACK = "track_event"
TEXT = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHost:
    """
    What the event host asks for.

    Attributes:
        actid, key: What opens it; the account's token does not.
        rate: How many events a second it takes; None for any number, since no limit is documented.
    """

    actid: str = "1234567"
    key: str = "sandbox-event-key"
    rate: int | None = None


class EventDoors:
    """Endpoints over the tracked events of an account."""

    def __init__(self, account: Account, events: Events, host: EventHost) -> None:
        self._account = account
        self._events = events
        self._host = host
        self._asked: deque[float] = deque()

    def routes(self) -> Routes:
        """Return the doors."""
        names = f"{API}/eventTrackingEvents"
        logs = rf"{API}/contacts/(\d+)/trackingLogs"
        return (
            ("GET", f"{API}/eventTracking", "read_event_tracking", self.read),
            ("PUT", f"{API}/eventTracking", "switch_event_tracking", self.switch),
            ("GET", names, "list_event_names", self.list_names),
            ("POST", names, "register_event", self.register),
            ("DELETE", rf"{names}/([^/]+)", "unregister_event", self.unregister),
            ("GET", logs, "list_tracking_logs", self.list_of_contact),
            ("POST", EVENT_PATH, TRACK, self.track),
        )

    # -- at the account ---------------------------------------------------------------

    def read(self, request: Request) -> Reply:
        """Say whether tracking is on."""
        del request
        return Reply(200, {"eventTracking": {"enabled": self._events.is_on}})

    def switch(self, request: Request) -> Reply:
        """Switch tracking on or off."""
        wanted = part(request, "eventTracking").get("enabled")
        if not isinstance(wanted, bool):
            return Reply(400, {})
        self._events.switch(is_on=wanted)
        return Reply(200, {"eventTracking": {"enabled": wanted}})

    def list_names(self, request: Request) -> Reply:
        """List the names that are known; here the total is a number."""
        shown, meta = page(request, [{"name": name} for name in self._events.names])
        return Reply(200, {"eventTrackingEvents": shown, "meta": {"total": int(meta["total"])}})

    def register(self, request: Request) -> Reply:
        """Make a name known; what becomes of one that is known already is not documented."""
        name, pointer = str(part(request, "eventTrackingEvent").get("name") or ""), "/data/attributes/name"
        if not name:
            return error(422, "The event name was not provided.", code="field_missing", pointer=pointer)
        if name not in self._events.names:
            self._events.register(name, via="api")
        elif self._account.switch("event_name_again") == "refused":
            return error(422, "The event already exists in the system.", code="duplicate", pointer=pointer)
        return Reply(201, {"eventTrackingEvent": {"name": name}})

    def unregister(self, request: Request) -> Reply:
        """Forget a name."""
        name = unquote(request.match[1])
        if name not in self._events.names:
            return Reply(400, {})
        self._events.unregister(name)
        return Reply(200, {})

    def list_of_contact(self, request: Request) -> Reply:
        """List what was tracked of a contact, which may lag behind; a wish for its order is passed over."""
        id_ = request.match[1]
        if id_ not in self._account.contacts:
            return missing("Subscriber", id_)
        limit = min(whole(request.first("limit"), PAGE), PAGE_LIMIT)
        offset = whole(request.first("offset"), 0)
        return Reply(200, {"trackingLogs": self._events.shown_of(id_)[offset : offset + limit]})

    # -- at the event host ------------------------------------------------------------

    def over_limit(self) -> Reply | None:
        """Count an event of now; refuse it where this host has a limit and it is over."""
        moment = time.monotonic()
        while self._asked and self._asked[0] <= moment - 1:
            self._asked.popleft()
        if self._host.rate is not None and len(self._asked) >= self._host.rate:
            return Reply(429, "Too Many Requests", TEXT)
        self._asked.append(moment)
        return None

    def track(self, request: Request) -> Reply:
        """Take an event as a form; what is refused comes with status 200 too."""
        form = {k: v[0] for k, v in parse_qs(request.raw.decode("utf-8", "replace")).items()}
        if (form.get("actid"), form.get("key")) != (self._host.actid, self._host.key):
            return self._answer("Invalid actid or key")
        email, name = _email_in(form.get("visit", "")), form.get("event")
        if not email or not name:
            return self._answer("event and visit are required")
        return self._answer(self._events.track(email, name, form.get("eventdata", "")))

    def _answer(self, fault: str | None) -> Reply:
        """Answer in JSON as documented, or in one digit as it was seen."""
        if self._account.switch("event_reply") == "plain":
            return Reply(200, "0" if fault else "1", TEXT)
        return Reply(200, {"success": 0 if fault else 1, "message": fault or "Event spawned"})


def _email_in(visit: str) -> str:
    """Return the address in the JSON text of a visit; empty where there is none."""
    try:
        found: Any = json.loads(visit)
    except ValueError:
        return ""
    return str(found.get("email") or "") if isinstance(found, dict) else ""
