"""The doors of e-commerce: connections, customers, and the REST copies of orders."""

from collections.abc import Mapping, Sequence

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault
from ct_ac_sync.sandbox.activecampaign.commerce import Commerce
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
from ct_ac_sync.sandbox.activecampaign.values import stamp
from ct_ac_sync.sandbox.service import Reply, Request

CONNECTION = ("service", "externalid", "name", "logoUrl", "linkUrl")
#: What the list of orders does not show, by the vendor's example and by foreign taps.
UNLISTED = ("externalcheckoutid", "abandonedDate", "orderNumber")


class CommerceDoors:
    """Endpoints over what shops write."""

    def __init__(self, account: Account, commerce: Commerce) -> None:
        self._account = account
        self._commerce = commerce

    def routes(self) -> Routes:
        """Return the doors."""
        connection, customer = rf"{API}/connections/(\d+)", rf"{API}/ecomCustomers/(\d+)"
        order = rf"{API}/ecomOrders/(\d+)"
        return (
            ("GET", f"{API}/connections", "list_connections", self.list_connections),
            ("POST", f"{API}/connections", "create_connection", self.create_connection),
            ("GET", connection, "read_connection", self.read_connection),
            ("PUT", connection, "update_connection", self.update_connection),
            ("DELETE", connection, "delete_connection", self.delete_connection),
            ("GET", f"{API}/ecomCustomers", "list_customers", self.list_customers),
            ("POST", f"{API}/ecomCustomers", "create_customer", self.create_customer),
            ("GET", customer, "read_customer", self.read_customer),
            ("PUT", customer, "update_customer", self.update_customer),
            ("DELETE", customer, "delete_customer", self.delete_customer),
            ("GET", f"{API}/ecomOrders", "list_orders", self.list_orders),
            ("GET", order, "read_order", self.read_order),
            ("DELETE", order, "delete_order", self.delete_order),
            ("GET", f"{order}/orderProducts", "list_products_of_order", self.list_products_of_order),
            ("GET", f"{API}/ecomOrderProducts", "list_products", self.list_products),
        )

    def _page(self, request: Request, rows: Sequence[Row]) -> tuple[list[Row], Row]:
        contains = self._account.switch("filters_match") == "contains"
        return page(request, filtered(request, rows, contains=contains))

    # -- connections ------------------------------------------------------------------

    def list_connections(self, request: Request) -> Reply:
        """List connections."""
        shown, meta = self._page(request, list(self._commerce.connections.values()))
        return Reply(200, {"connections": [_as_text(row) for row in shown], "meta": meta})

    def create_connection(self, request: Request) -> Reply:
        """Create a connection; the same service and external id twice is refused."""
        wanted = part(request, "connection")
        if lacking := [name for name in CONNECTION if not wanted.get(name)]:
            rows = [{"title": f"The connection {name} was not provided."} for name in lacking]
            return Reply(422, {"errors": rows})
        if self._is_connected(wanted):
            return _exists("The integration already exists in the system.")
        row = {k: wanted[k] for k in CONNECTION} | {
            "id": self._account.next_id("connection"), "isInternal": 0, "status": "1", "syncStatus": "0",
            "lastSync": None, "cdate": stamp(), "udate": stamp(), "listId": wanted.get("listId"), "links": {},
        }  # fmt: skip
        self._commerce.connections[row["id"]] = row
        self._account.note(
            "connection_created", connection=row["id"], service=row["service"],
            externalid=row["externalid"], listId=row["listId"],
        )  # fmt: skip
        return Reply(200, {"connection": row})

    def _is_connected(self, wanted: Mapping[str, object], *, but: str = "") -> bool:
        key = (wanted["service"], wanted["externalid"])
        rows = self._commerce.connections.values()
        return any((row["service"], row["externalid"]) == key and row["id"] != but for row in rows)

    def read_connection(self, request: Request) -> Reply:
        """Return one connection."""
        row = self._commerce.connections.get(request.match[1])
        if row is None:
            return unknown(self._account, "Connection", request.match[1])
        return Reply(200, {"connection": row})

    def update_connection(self, request: Request) -> Reply:
        """Change a connection."""
        row = self._commerce.connections.get(request.match[1])
        if row is None:
            return unknown(self._account, "Connection", request.match[1])
        wanted = part(request, "connection")
        changed = {k: str(wanted[k]) for k in (*CONNECTION, "status", "syncStatus") if k in wanted}
        if self._is_connected(row | changed, but=row["id"]):
            return _exists("The integration already exists in the system.")
        row |= changed | {"udate": stamp()}
        self._account.note("connection_changed", connection=row["id"], **changed)
        return Reply(200, {"connection": _as_text(row)})

    def delete_connection(self, request: Request) -> Reply:
        """Delete a connection."""
        row = self._commerce.connections.pop(request.match[1], None)
        if row is None:
            return unknown(self._account, "Connection", request.match[1])
        self._account.note("connection_deleted", connection=row["id"])
        return Reply(200, {})

    # -- customers --------------------------------------------------------------------

    def list_customers(self, request: Request) -> Reply:
        """List e-commerce customers, and the rows that sum them up across connections."""
        shown, meta = self._page(request, self._commerce.listed_customers())
        return Reply(200, {"ecomCustomers": [self._commerce.summed(row) for row in shown], "meta": meta})

    def create_customer(self, request: Request) -> Reply:
        """Create an e-commerce customer, and its contact where there is none."""
        wanted = part(request, "ecomCustomer")
        if refusal := self._refused_customer(wanted):
            return refusal
        if self._account.contact_of(wanted["email"]) is None:
            self._account.create_contact(wanted["email"], {}, via="create")
        key = (str(wanted["connectionid"]), str(wanted["externalid"]))
        accepts = str(wanted.get("acceptsMarketing", "0"))
        row = self._commerce.create_customer(*key, wanted["email"], accepts)
        return Reply(201, {"ecomCustomer": row})

    def _refused_customer(self, wanted: Row) -> Reply | None:
        for name in ("connectionid", "externalid", "email"):
            if not wanted.get(name):
                pointer = f"/data/attributes/{name}"
                return error(422, f"The {name} was not provided.", code="field_missing", pointer=pointer)
        if str(wanted["connectionid"]) not in self._commerce.connections:
            title, pointer = "Related connection does not exist.", "/data/attributes/connectionid"
            return error(422, title, code="related_missing", pointer=pointer)
        if address_fault(str(wanted["email"])):
            pointer = "/data/attributes/email"
            return error(422, "The email address is not valid.", code="email_invalid", pointer=pointer)
        if self._commerce.customer_of(str(wanted["connectionid"]), str(wanted["externalid"])):
            return _exists("The e-commerce customer already exists in the system.")
        return None

    def read_customer(self, request: Request) -> Reply:
        """Return one e-commerce customer."""
        row = next((r for r in self._commerce.listed_customers() if r["id"] == request.match[1]), None)
        if row is None:
            return unknown(self._account, "EcomCustomer", request.match[1])
        return Reply(200, {"ecomCustomer": self._commerce.summed(row)})

    def update_customer(self, request: Request) -> Reply:
        """Change an e-commerce customer."""
        row = self._commerce.customers.get(request.match[1])
        if row is None:
            return unknown(self._account, "EcomCustomer", request.match[1])
        wanted = part(request, "ecomCustomer")
        names = ("connectionid", "externalid", "email", "acceptsMarketing")
        changed = {k: str(wanted[k]) for k in names if k in wanted}
        after = row | changed
        other = self._commerce.customer_of(after["connectionid"], after["externalid"])
        if other is not None and other["id"] != row["id"]:
            return _exists("The e-commerce customer already exists in the system.")
        self._commerce.change_customer(row, changed)
        return Reply(200, {"ecomCustomer": self._commerce.summed(row)})

    def delete_customer(self, request: Request) -> Reply:
        """Delete an e-commerce customer."""
        row = self._commerce.customers.get(request.match[1])
        if row is None:
            return unknown(self._account, "EcomCustomer", request.match[1])
        self._commerce.delete_customer(row)
        return Reply(200, {})

    # -- copies of orders -------------------------------------------------------------

    def list_orders(self, request: Request) -> Reply:
        """List the copies of orders, which lag behind; here amounts are numbers."""
        shown, meta = self._page(request, list(self._commerce.copies.values()))
        rows = [{k: v for k, v in row.items() if k not in UNLISTED} for row in shown]
        return Reply(200, {"ecomOrders": rows, "meta": meta})

    def read_order(self, request: Request) -> Reply:
        """Return the copy of one order; here amounts are strings, and products are not named."""
        row = self._commerce.copies.get(request.match[1])
        if row is None:
            return unknown(self._account, "EcomOrder", request.match[1])
        shown = {k: str(v) if isinstance(v, int) else v for k, v in row.items() if k != "orderProducts"}
        return Reply(200, {"ecomOrder": shown})

    def delete_order(self, request: Request) -> Reply:
        """Delete the copy of an order."""
        if request.match[1] not in self._commerce.copies:
            return unknown(self._account, "EcomOrder", request.match[1])
        self._commerce.delete_copy(request.match[1])
        return Reply(200, {})

    def list_products_of_order(self, request: Request) -> Reply:
        """List the product rows of one order."""
        if request.match[1] not in self._commerce.copies:
            return unknown(self._account, "EcomOrder", request.match[1])
        shown, _ = page(request, self._commerce.products[request.match[1]])
        return Reply(200, {"ecomOrderProducts": shown})

    def list_products(self, request: Request) -> Reply:
        """List the product rows of all orders."""
        shown, _ = page(request, list(self._commerce.all_products()))
        return Reply(200, {"ecomOrderProducts": shown})


def _as_text(connection: Row) -> Row:
    """Return a connection as lists and changes show it: with text where its creation has a number."""
    return connection | {"isInternal": str(connection["isInternal"])}


def _exists(title: str) -> Reply:
    return error(422, title, code="duplicate", pointer="/data/attributes/externalid")
