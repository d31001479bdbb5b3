"""The doors by which carts are written, and orders past the door that is meant for them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault
from ct_ac_sync.sandbox.activecampaign.carts import DATES, MONEY, Carts
from ct_ac_sync.sandbox.activecampaign.commerce import Commerce
from ct_ac_sync.sandbox.activecampaign.doors.answers import API, Routes, Row, error, part, unknown
from ct_ac_sync.sandbox.activecampaign.values import instant
from ct_ac_sync.sandbox.service import Reply, Request

REQUIRED = ("source", "email", "totalPrice", "currency", "connectionid", "customerid", "externalCreatedDate")
PRODUCT = ("externalid", "name", "price", "quantity")
#: What answers to changes show of a cart alone.
OF_CARTS = ("externalcheckoutid", "abandonedDate")
#: What only the answer to a creation shows of a connection.
CONNECTED = {
    "isInternal": "0", "connectionType": "ecommerce", "sync_request_time": None, "sync_start_time": None,
    "credentialExpiration": None,
}  # fmt: skip


class CartDoors:
    """Endpoints over what shops write by REST."""

    def __init__(self, account: Account, commerce: Commerce, carts: Carts) -> None:
        self._account = account
        self._commerce = commerce
        self._carts = carts

    def routes(self) -> Routes:
        """Return the doors."""
        return (
            ("POST", f"{API}/ecomOrders", "create_cart", self.create),
            ("PUT", rf"{API}/ecomOrders/(\d+)", "update_cart", self.update),
        )

    def create(self, request: Request) -> Reply:
        """Create a cart or an order; amounts are numbers in the answer, and products come as they were sent."""
        wanted = part(request, "ecomOrder")
        refusal = _lacking(wanted) or self._unrelated(wanted) or self._refused(wanted, but="")
        if refusal is not None:
            return refusal
        row = self._carts.create(wanted)
        shown = {k: v for k, v in row.items() if k not in ("externalUpdatedDate", "orderNumber")}
        connection = self._commerce.connections[row["connectionid"]]
        shown_connection = {k: v for k, v in connection.items() if k != "listId"} | CONNECTED
        return Reply(
            201,
            {
                "connections": [shown_connection | {"serviceName": connection["service"]}],
                "ecomOrderProducts": wanted.get("orderProducts") or [],
            }
            | self._shown(shown),
        )

    def update(self, request: Request) -> Reply:
        """Change a cart or an order, which stays with its connection: an update documents none."""
        held = self._commerce.copies.get(request.match[1])
        if held is None:
            return unknown(self._account, "EcomOrder", request.match[1])
        wanted = part(request, "ecomOrder")
        if not wanted:
            return Reply(400, {})
        refusal = self._refused(wanted | {"connectionid": held["connectionid"]}, but=held["id"])
        if refusal is not None:
            return refusal
        row = self._carts.change(held, wanted)
        shown = row | {"state": str(row["state"]), "orderNumber": row["orderNumber"] or ""}
        return Reply(200, {"ecomOrderProducts": self._commerce.products[row["id"]]} | self._shown(shown))

    def _shown(self, row: Row) -> Row:
        """Return a row with its discounts; that of an order says nothing of carts."""
        discounts = self._carts.discounts_of(row["id"])
        hidden = () if row["externalcheckoutid"] else OF_CARTS
        shown = {k: v for k, v in row.items() if k not in hidden}
        return {
            "ecomOrderDiscounts": list(discounts),
            "ecomOrder": shown | {"orderDiscounts": [each["id"] for each in discounts]},
        }

    def _unrelated(self, wanted: Row) -> Reply | None:
        """Refuse a connection, or a customer of it, that is not there."""
        connection, customer = str(wanted["connectionid"]), str(wanted["customerid"])
        if connection not in self._commerce.connections:
            return _no_related("connection")
        known = self._commerce.customers.get(customer)
        return None if known and known["connectionid"] == connection else _no_related("customer")

    def _refused(self, wanted: Row, *, but: str) -> Reply | None:
        """Refuse what cannot be read, naming all of it, and what another row has already."""
        if faults := _faults_of(wanted):
            return Reply(422, {"errors": [_fault(name, title, "field_invalid") for name, title in faults]})
        connection, status = str(wanted["connectionid"]), int(self._account.switch("duplicate_order_status"))
        held = {
            "externalid": self._commerce.ordered(connection, wanted.get("externalid")),
            "externalcheckoutid": self._commerce.at_checkout(connection, wanted.get("externalcheckoutid")),
        }
        for name, row in held.items():
            if row is not None and row["id"] != but:
                title, pointer = "The order already exists in the system.", f"/data/attributes/{name}"
                return error(status, title, code="duplicate", pointer=pointer)
        return None


def _lacking(wanted: Row) -> Reply | None:
    """Refuse an order without all that is required, naming what is not there."""
    is_order = bool(wanted.get("externalid"))
    of_cart = () if is_order else ("externalcheckoutid", "abandonedDate")
    lacking = [name for name in (*REQUIRED, *of_cart) if wanted.get(name) in (None, "")]
    if not lacking:
        return None
    return Reply(
        422,
        {
            "errors": [
                _fault(name, f"The order {name} was not provided.", "field_missing") for name in lacking
            ]
        },
    )


def _faults_of(wanted: Row) -> list[tuple[str, str]]:
    """Return what cannot be of an order, by the name of the field."""
    found = [(n, f"The order {n} is not valid.") for n in MONEY if n in wanted and not _is_whole(wanted[n])]
    found += [(n, f"The order {n} is not valid.") for n in DATES if wanted.get(n) and not _moment(wanted[n])]
    if "source" in wanted and str(wanted["source"]) not in ("0", "1"):
        found.append(("source", "The order source is not valid."))
    if "email" in wanted and address_fault(str(wanted["email"])):
        found.append(("email", "The email address is not valid."))
    abandoned = _moment(wanted.get("abandonedDate"))
    if abandoned and abandoned > datetime.now(UTC):
        found.append(("abandonedDate", "The order abandonedDate is not in the past."))
    for name in ("orderProducts", "orderDiscounts"):
        if not _is_of_objects(wanted.get(name) or []):
            return [*found, (name, f"The order {name} are not valid.")]
    for number, line in enumerate(wanted.get("orderProducts") or []):
        found += [
            (f"orderProducts/{number}/{name}", f"The order product {name} is not valid.")
            for name in PRODUCT
            if not _is_of_product(name, line)
        ]
    return found


def _is_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _is_of_product(name: str, line: Mapping[str, Any]) -> bool:
    value = line.get(name)
    return _is_whole(value) if name in ("price", "quantity") else bool(value)


def _is_whole(value: Any) -> bool:
    """Whether this is a whole number of zero or more, or text of one."""
    return (isinstance(value, int) and value >= 0) or (isinstance(value, str) and value.isdigit())


def _moment(value: Any) -> datetime | None:
    try:
        return instant(str(value)) if value else None
    except ValueError:
        return None


def _fault(name: str, title: str, code: str) -> Row:
    pointer = {"pointer": f"/data/attributes/{name}"}
    return {"title": title, "detail": "", "code": code, "source": pointer}


def _no_related(name: str) -> Reply:
    title, pointer = f"Related {name} does not exist.", f"/data/attributes/{name}id"
    return error(422, title, code="related_missing", pointer=pointer)
