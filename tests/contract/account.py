"""A plain HTTP user of the look-alike account: what it asks is spelled out, and nothing is hidden."""

import json
import time
from typing import Any

import requests
from world import Sandbox

TOKEN = {"Api-Token": "sandbox-token"}
EVENT_HOST = {"actid": "1234567", "key": "sandbox-event-key"}
BULK = "mutation Bulk($orders: [OrderInput]) { bulkUpsertOrders(orders: $orders) { storeOrderId } }"


class Account(Sandbox):
    """The doors of the vendor beside the control doors."""

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        """Return the answer of one of the vendor's doors."""
        url = f"{self.url}/api/3{path}"
        return requests.request(method, url, json=body, params=params, headers=TOKEN, timeout=10)

    def get(self, path: str, **params: Any) -> Any:
        """Return the body of a good GET."""
        return _good(self.call("GET", path, **params))

    def post(self, path: str, body: Any) -> Any:
        """Return the body of a good POST."""
        return _good(self.call("POST", path, body))

    def put(self, path: str, body: Any) -> Any:
        """Return the body of a good PUT."""
        return _good(self.call("PUT", path, body))

    def switch(self, **values: Any) -> None:
        """Answer open questions of the documentation."""
        self.ask("switches", values)

    def at_once(self) -> "Account":
        """Let nothing lag behind."""
        self.switch(
            contact_list_seconds=0, rest_copy_seconds=0, import_seconds=0.05, import_order="fifo",
            order_visibility_seconds=0,
        )  # fmt: skip
        return self

    def sync(self, email: str, **values: Any) -> str:
        """Upsert a contact and return its id."""
        return str(self.post("/contact/sync", {"contact": {"email": email, **values}})["contact"]["id"])

    def field(self, title: str, **values: Any) -> str:
        """Create a custom field for all lists and return its id."""
        self.post("/fields", {"field": {"title": title, "type": "text", **values}})
        fields = self.get("/fields", limit=100)["fields"]
        id_ = next(field["id"] for field in fields if field["title"] == title)
        self.post("/fieldRels", {"fieldRel": {"field": int(id_), "relid": 0}})
        return str(id_)

    def connection(self, externalid: str) -> str:
        """Create a connection and return its id."""
        shop = {
            "service": "tests",
            "externalid": externalid,
            "name": externalid,
            "logoUrl": "l",
            "linkUrl": "l",
        }
        return str(self.post("/connections", {"connection": shop})["connection"]["id"])

    def order(self, connection: str, number: str, email: str, **values: Any) -> None:
        """Upsert an order of two lines."""
        lines = [
            {"productStorePrimaryId": "v1", "storeBaseProductId": "p1", "name": "Shoe", "quantity": 1, "priceAmount": 59},
            {"productStorePrimaryId": "v2", "name": "Mug", "quantity": 2, "priceAmount": 12.9, "sku": "M"},
        ]  # fmt: skip
        order = {
            "storeOrderId": number, "legacyConnectionId": int(connection), "email": email, "finalAmount": 84.8,
            "storeCustomerId": email, "currency": "EUR", "creationSource": "REAL_TIME", "lineItems": lines,
            "storeCreatedDate": "2026-01-01T10:00:00Z", "storeModifiedDate": "2026-01-02T10:00:00Z",
            "normalizedStatus": "COMPLETED", "orderNumber": f"A-{number}", "orderUrl": "https://example.com/o",
            "shippingMethod": "Post", "shippingAmount": 4.9, "discountsAmount": 1,
        } | values  # fmt: skip
        body = self.post("/ecom/graphql", {"query": BULK, "variables": {"orders": [order]}})
        assert "errors" not in body, body

    def copied(self, number: str) -> dict[str, Any]:
        """Return the REST copy of an order, once it is there."""
        return self.until(lambda: self.get("/ecomOrders", **{"filters[externalid]": number})["ecomOrders"])[0]

    def track(self, email: str, name: str, value: str = "", **form: str) -> requests.Response:
        """Return the answer of the event host, which knows no token."""
        visit = json.dumps({"email": email})
        data = EVENT_HOST | {"event": name, "eventdata": value, "visit": visit} | form
        return requests.post(f"{self.url}/event", data=data, timeout=10)

    def queue(self, *emails: str, **more: Any) -> str:
        """Queue an import of these addresses and return its id."""
        rows = [{"email": email} for email in emails]
        return str(self.post("/import/bulk_import", {"contacts": rows, **more})["batchId"])

    def ended(self, batch: str) -> dict[str, Any]:
        """Return how an import has ended."""
        ends = ("completed", "failed", "interrupted")
        return self.until(lambda: (info := self.info(batch))["status"] in ends and info)

    def info(self, batch: str) -> dict[str, Any]:
        """Return how far an import is."""
        found: dict[str, Any] = self.get("/import/info", batchId=batch)
        return found

    def a_list(self, name: str, *, channel: str = "email") -> str:
        """Make a list that its users see, and return its id."""
        wanted = {"name": name, "stringid": name, "sender_url": "u", "sender_reminder": "r"}
        id_ = str(self.post("/lists", {"list": wanted | {"channel": channel}})["list"]["id"])
        self.post("/listGroups", {"listGroup": {"listid": int(id_), "groupid": 3}})
        return id_

    def set_status(self, contact: str, list_: str, status: int, **more: Any) -> requests.Response:
        """Set the status of a membership."""
        row = {"contact": contact, "list": list_, "status": status, **more}
        return self.call("POST", "/contactLists", {"contactList": row})

    def membership(self, contact: str) -> dict[str, Any]:
        """Return the only membership of a contact."""
        (row,) = self.get(f"/contacts/{contact}/contactLists")["contactLists"]
        return dict(row)

    def act(self, email: str, act: str, **more: Any) -> dict[str, Any]:
        """Let somebody act by themselves."""
        return dict(self.ask("lists/act", {"email": email, "act": act, **more}))

    def emails(self) -> list[str]:
        """Return the addresses of all contacts."""
        return [contact["email"] for contact in self.ask("state")["contacts"]]

    @staticmethod
    def until(found: Any, *, seconds: float = 60) -> Any:
        """Ask until there is something, and return it."""
        limit = time.monotonic() + seconds
        while not (answer := found()):
            assert time.monotonic() < limit, "it does not come"
            time.sleep(0.02)
        return answer


def _good(answer: requests.Response) -> Any:
    assert answer.status_code in (200, 201), (answer.status_code, answer.text)
    return answer.json()
