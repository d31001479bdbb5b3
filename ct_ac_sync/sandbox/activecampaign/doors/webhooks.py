"""The doors of webhooks, and the weather they are delivered in."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.doors.answers import (
    API,
    Routes,
    Row,
    error,
    filtered,
    page,
    part,
    unknown,
)
from ct_ac_sync.sandbox.activecampaign.webhooks import EVENTS, MORE_EVENTS, SOURCES, Weather, Webhooks
from ct_ac_sync.sandbox.service import Reply, Request, Service

REQUIRED = ("name", "url", "events", "sources")
SHARES = ("lose", "twice")


class WebhookDoors:
    """Endpoints over the webhooks of an account."""

    def __init__(self, account: Account, webhooks: Webhooks) -> None:
        self._account = account
        self._webhooks = webhooks

    def routes(self) -> Routes:
        """Return the doors."""
        one = rf"{API}/webhooks/(\d+)"
        return (
            ("GET", f"{API}/webhooks", "list_webhooks", self.list_webhooks),
            ("POST", f"{API}/webhooks", "create_webhook", self.create),
            ("GET", one, "read_webhook", self.read),
            ("PUT", one, "update_webhook", self.update),
            ("DELETE", one, "delete_webhook", self.delete),
            ("GET", f"{API}/webhook/events", "list_webhook_events", self.list_events),
        )

    def add_to(self, service: Service) -> None:
        """Add the doors below ``/_sandbox``."""
        service.control("GET", "/webhooks", self.show_weather)
        service.control("POST", "/webhooks", self.set_weather)

    def list_webhooks(self, request: Request) -> Reply:
        """List webhooks."""
        contains = self._account.switch("filters_match") == "contains"
        shown, meta = page(request, filtered(request, self._webhooks.shown(), contains=contains))
        return Reply(200, {"webhooks": shown, "meta": meta})

    def create(self, request: Request) -> Reply:
        """
        Create a webhook; how the vendor refuses a bad one is not documented.

        The vendor delivers to plain http anywhere, and to https on port 443 alone.  Here a webhook
        usually is ``http://127.0.0.1`` with a port.
        """
        wanted = part(request, "webhook")
        for name in REQUIRED:
            if not wanted.get(name):
                title = f"The webhook {name} was not provided."
                return error(422, title, code="field_missing", pointer=f"/data/attributes/{name}")
        if fault := _fault_of(wanted):
            title = f"The webhook {fault} is not valid."
            return error(422, title, code="field_invalid", pointer=f"/data/attributes/{fault}")
        return Reply(201, {"webhook": self._webhooks.create(wanted)})

    def read(self, request: Request) -> Reply:
        """Return one webhook."""
        row = self._row(request)
        return Reply(200, {"webhook": row}) if row else self._unknown(request)

    def update(self, request: Request) -> Reply:
        """Change a webhook; one that a 410 deactivated stays so."""
        row, wanted = self._row(request), part(request, "webhook")
        if row is None or not wanted or _fault_of(row | wanted):
            return Reply(400, {})
        self._webhooks.change(row, wanted)
        return Reply(200, {"webhook": row})

    def delete(self, request: Request) -> Reply:
        """Delete a webhook."""
        if self._row(request) is None:
            return self._unknown(request)
        self._webhooks.delete(request.match[1])
        return Reply(200, {})

    def list_events(self, request: Request) -> Reply:
        """List the events that there are; here the total is a number."""
        del request
        return Reply(200, {"webhookEvents": list(EVENTS), "meta": {"total": len(EVENTS)}})

    def _row(self, request: Request) -> Row | None:
        return next((row for row in self._webhooks.shown() if row["id"] == request.match[1]), None)

    def _unknown(self, request: Request) -> Reply:
        return unknown(self._account, "Webhook", request.match[1])

    # -- weather ----------------------------------------------------------------------

    def show_weather(self, request: Request) -> Reply:
        """Return how lossy deliveries are, and the webhooks with whether each is still told anything."""
        del request
        return Reply(200, asdict(self._webhooks.weather) | self._webhooks.state())

    def set_weather(self, request: Request) -> Reply:
        """
        Say how lossy deliveries are: ``{"lose": 0.2, "twice": 0.1, "late_seconds": 2}``.

        *lose* and *twice* are shares; each copy comes up to *late_seconds* late, and so out of order.
        What is not named is not so.  Nothing is ever tried again.
        """
        spec = request.json()
        if faults := _weather_faults(spec):
            return Reply(400, {"message": "; ".join(faults)})
        self._webhooks.weather = Weather(**{name: float(value) for name, value in spec.items()})
        return self.show_weather(request)


def _fault_of(wanted: Row) -> str | None:
    """Return what is wrong with a webhook, by name."""
    known = {"events": (*EVENTS, *MORE_EVENTS), "sources": SOURCES}
    for name, choices in known.items():
        given = wanted[name]
        if not isinstance(given, list) or not given or [each for each in given if each not in choices]:
            return name
    if not _is_reachable(str(wanted["url"])):
        return "url"
    return None if str(wanted.get("listid") or 0).isdigit() else "listid"


def _is_reachable(url: str) -> bool:
    """Whether the vendor sends to an address at all."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_secure = parts.scheme == "https"
    return bool(parts.hostname) and (parts.scheme == "http" or (is_secure and port in (None, 443)))


def _weather_faults(spec: Any) -> list[str]:
    names = (*SHARES, "late_seconds")
    if not isinstance(spec, dict):
        return [f"the weather is a JSON object of {', '.join(names)}"]
    faults = [f"unknown key {name!r}" for name in sorted(set(spec) - set(names))]
    for name in names:
        value = spec.get(name, 0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not is_number or (name in SHARES and value > 1):
            kind = "a share between 0 and 1" if name in SHARES else "a number of seconds"
            faults.append(f"{name} is {kind}, not {value!r}")
    return faults
