"""``python -m ct_ac_sync.sandbox.activecampaign``: the look-alike as a process."""

import argparse

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.automations import Automations
from ct_ac_sync.sandbox.activecampaign.carts import Carts
from ct_ac_sync.sandbox.activecampaign.commerce import Commerce
from ct_ac_sync.sandbox.activecampaign.doors import about
from ct_ac_sync.sandbox.activecampaign.doors.automations import AutomationDoors
from ct_ac_sync.sandbox.activecampaign.doors.carts import CartDoors
from ct_ac_sync.sandbox.activecampaign.doors.commerce import CommerceDoors
from ct_ac_sync.sandbox.activecampaign.doors.contacts import Contacts
from ct_ac_sync.sandbox.activecampaign.doors.control import ControlDoors
from ct_ac_sync.sandbox.activecampaign.doors.events import EVENT_PATH, TRACK, EventDoors, EventHost
from ct_ac_sync.sandbox.activecampaign.doors.fields import Fields
from ct_ac_sync.sandbox.activecampaign.doors.imports import ImportDoors
from ct_ac_sync.sandbox.activecampaign.doors.lists import ListDoors
from ct_ac_sync.sandbox.activecampaign.doors.people import PeopleDoors
from ct_ac_sync.sandbox.activecampaign.doors.tags import TagDoors
from ct_ac_sync.sandbox.activecampaign.doors.webhooks import WebhookDoors
from ct_ac_sync.sandbox.activecampaign.ecommerce import Ecommerce
from ct_ac_sync.sandbox.activecampaign.events import Events
from ct_ac_sync.sandbox.activecampaign.imports import Imports
from ct_ac_sync.sandbox.activecampaign.lists import Lists
from ct_ac_sync.sandbox.activecampaign.people import People
from ct_ac_sync.sandbox.activecampaign.switches import SWITCHES
from ct_ac_sync.sandbox.activecampaign.tags import Tags
from ct_ac_sync.sandbox.activecampaign.webhooks import Webhooks
from ct_ac_sync.sandbox.service import Reply, Request, Service, serve

REASONS = {401: "Unauthorized", 403: "Forbidden"}


class ActiveCampaign(Service):
    """An account with its key and its limit of requests a second."""

    def __init__(
        self, *, profile: str, token: str, rate: int, retry_after: float, event_host: EventHost
    ) -> None:
        super().__init__("activecampaign", SWITCHES, profile=profile)
        self._token = token
        self._rate = rate
        self._retry_after = retry_after
        self._used = 0
        self.account = Account(self)
        self.imports = Imports(self.account)
        self.commerce = Commerce(self.account)
        self.events = Events(self.account)
        self.automations = Automations(self.account)
        self.webhooks = Webhooks(self.account)
        lists, webhook_doors = Lists(self.account), WebhookDoors(self.account, self.webhooks)
        self.event_doors = EventDoors(self.account, self.events, event_host)
        for routes in (
            about.routes(),
            Contacts(self.account, self.commerce.forget).routes(),
            Fields(self.account).routes(),
            TagDoors(self.account, Tags(self.account)).routes(),
            ListDoors(self.account, lists).routes(),
            ImportDoors(self.account, self.imports).routes(),
            CommerceDoors(self.account, self.commerce).routes(),
            CartDoors(self.account, self.commerce, Carts(self.account, self.commerce)).routes(),
            self.event_doors.routes(),
            webhook_doors.routes(),
            AutomationDoors(self.account, self.automations).routes(),
        ):
            for method, pattern, operation, endpoint in routes:
                self.route(method, pattern, operation, endpoint)
        graphql = Ecommerce(self.account, self.commerce).execute
        self.route("POST", "/api/3/ecom/graphql", "graphql", graphql)
        ControlDoors(self.account, self.imports, self.automations).add_to(self)
        PeopleDoors(self.account, People(self.account, lists)).add_to(self)
        webhook_doors.add_to(self)

    def state(self) -> dict[str, object]:
        """Return the account's state."""
        parts = (self.account, self.imports, self.commerce, self.events, self.automations, self.webhooks)
        return {name: value for part in parts for name, value in part.state().items()}

    def guard(self, request: Request, operation: str) -> Reply | None:
        """Refuse a bad key, and what comes over the limit, without any effect; the event host has its own."""
        if operation == TRACK:
            return self.event_doors.over_limit()
        is_counted = operation != "graphql" or self.switches["limit_includes_graphql"]
        self._used = self.count_second() if is_counted else self._used
        if is_counted and self._used > self._rate:
            self._seconds.pop()
            headers = {"Retry-After": f"{self._retry_after:g}"}
            return Reply(429, {"message": "Too many requests"}, headers)
        given = {k.lower(): v for k, v in request.headers.items()}.get("api-token")
        if given != self._token:
            status = int(self.switches["refusal_status"])
            return Reply(status, {"message": REASONS[status]})
        return None

    def headers_at(self, path: str) -> dict[str, str]:
        """Return the headers that tell what is left; the event host tells nothing."""
        return {} if path == EVENT_PATH else self.headers()

    def headers(self) -> dict[str, str]:
        """Return the headers that tell what is left."""
        left = max(0, self._rate - self._used)
        return {"RateLimit-Limit": str(self._rate), "RateLimit-Remaining": str(left)}


def main() -> None:
    """Serve an account until told to stop."""
    parser = argparse.ArgumentParser(description="a look-alike of an ActiveCampaign account")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18090, help="0 picks a free one")
    parser.add_argument("--profile", choices=("a", "b"), default="a")
    parser.add_argument("--token", default="sandbox-token")
    parser.add_argument("--rate", type=int, default=5, help="requests a second")
    parser.add_argument("--retry-after", type=float, default=2, help="seconds in a 429's Retry-After")
    parser.add_argument("--event-actid", default="1234567", help="the account's id at the event host")
    parser.add_argument("--event-key", default="sandbox-event-key", help="the key at the event host")
    parser.add_argument("--event-rate", type=int, help="events a second; any number without")
    given = parser.parse_args()
    service = ActiveCampaign(
        profile=given.profile, token=given.token, rate=given.rate, retry_after=given.retry_after,
        event_host=EventHost(actid=given.event_actid, key=given.event_key, rate=given.event_rate),
    )  # fmt: skip
    serve(service, host=given.host, port=given.port)


if __name__ == "__main__":
    main()
