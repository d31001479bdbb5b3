"""E-commerce: connections, customers, orders, and the REST copies that follow the orders."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.values import instant, stamp

#: State of the REST copy.  It knows no cancelled or refunded order; where those land is not
#: documented.
STATES = {
    "PENDING": 0, "PENDING_PAYMENT": 0, "FAILED": 0, "CANCELLED": 0, "COMPLETED": 1, "REFUNDED": 1,
    "RETURNED": 1, "ABANDONED": 2, "RECOVERED": 3, "WAITING": 4,
}  # fmt: skip

ABANDONED, RECOVERED = STATES["ABANDONED"], STATES["RECOVERED"]

Row = dict[str, Any]


class Commerce:
    """What shops write into one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.connections: dict[str, Row] = {}
        self.customers: dict[str, Row] = {}
        self._by_external: dict[tuple[str, str], str] = {}
        self._across: dict[str, Row] = {}
        self.orders: dict[tuple[int, str], Row] = {}
        self.copies: dict[str, Row] = {}
        self._copy_of: dict[tuple[int, str], str] = {}
        self._by_checkout: dict[tuple[str, str], str] = {}
        #: Ids of the rows that were written as carts.
        self.carts: set[str] = set()
        self._copies_of: dict[str, dict[str, Row]] = {}
        self.products: dict[str, list[Row]] = {}

    # -- orders -----------------------------------------------------------------------

    def upsert_order(self, order: Mapping[str, Any], *, via: str) -> Row:
        """Upsert an order with its contact and e-commerce customer, and start automations."""
        contact = self.place_people(order)
        key = (int(order["legacyConnectionId"]), str(order["storeOrderId"]))
        held = self.orders.get(key)
        source = order.get("creationSource") or "REAL_TIME"
        before = held and {k: held.get(k) for k in ("storeModifiedDate", "normalizedStatus", "email")}
        lag = timedelta(seconds=float(self._account.switch("order_visibility_seconds")))
        row = dict(order) | {
            "id": held["id"] if held else self._account.next_id("order"), "creationSource": source,
            "createdSource": held["createdSource"] if held else source,
            "visible_at": held["visible_at"] if held else datetime.now(UTC) + lag,
        }  # fmt: skip
        self.orders[key] = row
        facts = {
            "order": row["id"], "connection": key[0], "storeOrderId": key[1], "source": source,
            "email": order.get("email"), "storeModifiedDate": order.get("storeModifiedDate"),
            "status": order.get("normalizedStatus"), "finalAmount": order.get("finalAmount"), "via": via,
        }  # fmt: skip
        kind = "order_changed" if held else "order_created"
        self._account.note(kind, **facts, **({"before": before} if held else {}))
        self._fire(row, key[1], contact, is_new=held is None)
        lag_of_copy = float(self._account.switch("rest_copy_seconds"))
        asyncio.get_running_loop().call_later(lag_of_copy, self._copy, key)
        return row

    def place_people(self, order: Mapping[str, Any]) -> str | None:
        """Upsert an order's contact and e-commerce customer; return the contact's id."""
        contact = self._order_contact(order)
        external = order.get("storeCustomerId")
        if external:
            connection, email = str(order["legacyConnectionId"]), str(order.get("email") or "")
            held = self.customer_of(connection, str(external))
            if held is None:
                held = self.create_customer(connection, str(external), email, "0")
            elif email and held["email"] != email:
                self.change_customer(held, {"email": email})
            held |= _marketing_of(order)
        return contact

    def _order_contact(self, order: Mapping[str, Any]) -> str | None:
        email = order.get("email")
        if not email:
            return None
        places = [order.get("customerData"), order.get("shippingAddress"), order.get("billingAddress")]
        known: Mapping[str, Any] = next((p for p in places if p), {})
        values = {k: str(known[k]) for k in ("firstName", "lastName", "phone") if known.get(k)}
        contact = self._account.contact_of(str(email))
        if contact is None:
            contact = self._account.create_contact(str(email), values, via="order")
        else:
            self._account.change_contact(contact, values, via="order")
        return str(contact["id"])

    def _fire(self, row: Mapping[str, Any], store_id: str, contact: str | None, *, is_new: bool) -> None:
        if row["creationSource"] != "REAL_TIME":
            return
        facts = {"contact": contact, "order": store_id, "source": "REAL_TIME"}
        if is_new or self._account.switch("realtime_update_refires"):
            self._account.start_automation("order_created", **facts)
        if not is_new:
            self._account.start_automation("order_updated", **facts)

    # -- REST copies ------------------------------------------------------------------

    def _copy(self, key: tuple[int, str]) -> None:
        order = self.orders.get(key)
        if order is None:
            return
        held = self.ordered(str(key[0]), key[1]) or self._open_cart(str(key[0]), order.get("cartId"))
        id_ = held["id"] if held else self._account.next_id("ecomOrder")
        customer = self.customer_of(str(key[0]), str(order.get("storeCustomerId") or ""))
        self.products[id_] = [self._product(id_, key[0], line) for line in order.get("lineItems") or []]
        row: Row = {
            "id": id_, "externalid": key[1], "externalcheckoutid": order.get("cartId"),
            "source": "1" if order["createdSource"] == "REAL_TIME" else "0", "email": order.get("email"),
            "currency": order.get("currency"), "connectionid": str(key[0]), "connection": str(key[0]),
            "customerid": customer["id"] if customer else "0",
            "customer": customer["id"] if customer else None, "orderUrl": order.get("orderUrl"),
            "orderNumber": order.get("orderNumber"), "shippingMethod": order.get("shippingMethod"),
            "totalPrice": cents(order.get("finalAmount")), "shippingAmount": cents(order.get("shippingAmount")),
            "taxAmount": 0, "discountAmount": cents(order.get("discountsAmount")),
            "externalCreatedDate": zoned(order.get("storeCreatedDate")),
            "externalUpdatedDate": zoned(order.get("storeModifiedDate")),
            "orderDate": zoned(order.get("storeCreatedDate")),
            "abandonedDate": held["abandonedDate"] if held else None,
            "createdDate": held["createdDate"] if held else stamp(), "updatedDate": stamp(),
            "tstamp": stamp(), "state": STATES[order.get("normalizedStatus") or "COMPLETED"],
            "totalProducts": len(self.products[id_]), "links": {},
            "orderProducts": [p["id"] for p in self.products[id_]],
        }  # fmt: skip
        if id_ in self.carts:
            row["state"] = RECOVERED
        self.keep(row)
        if held and not held["externalid"]:
            self.note_recovery(row, via="order")

    def keep(self, row: Row) -> None:
        """Keep a row of the REST side, and find it from now on by what it is called now."""
        held = self.copies.get(row["id"])
        if held:
            self._unlink(held)
        self.copies[row["id"]] = row
        if row["externalid"]:
            self._copy_of[int(row["connectionid"]), row["externalid"]] = row["id"]
        if row["externalcheckoutid"]:
            self._by_checkout[row["connectionid"], row["externalcheckoutid"]] = row["id"]
        if row["customer"]:
            self._copies_of.setdefault(row["customer"], {})[row["id"]] = row

    def _unlink(self, row: Row) -> None:
        self._copy_of.pop((int(row["connectionid"]), str(row["externalid"])), None)
        checkout = (row["connectionid"], str(row["externalcheckoutid"]))
        if self._by_checkout.get(checkout) == row["id"]:
            del self._by_checkout[checkout]
        self._copies_of.get(str(row["customer"]), {}).pop(row["id"], None)

    def at_checkout(self, connection: str, checkout: Any) -> Row | None:
        """Return the row with the shop's id of a cart, an order by now or not."""
        return self.copies.get(self._by_checkout.get((connection, str(checkout or "")), ""))

    def _open_cart(self, connection: str, checkout: Any) -> Row | None:
        """Return the cart with the shop's id that no order has come from yet."""
        row = self.at_checkout(connection, checkout)
        return None if row is None or row["externalid"] else row

    def ordered(self, connection: str, external: Any) -> Row | None:
        """Return the row with the shop's id of an order."""
        return self.copies.get(self._copy_of.get((int(connection), str(external or "")), ""))

    def note_recovery(self, row: Row, *, via: str) -> None:
        """Note that a cart has become an order; of the present, it starts automations."""
        facts = {
            "cart": row["externalcheckoutid"], "connection": row["connectionid"], "email": row["email"],
        }  # fmt: skip
        self._account.note("cart_recovered", row=row["id"], externalid=row["externalid"], via=via, **facts)
        self.fire_cart("cart_recovered", row)

    def fire_cart(self, trigger: str, row: Row) -> None:
        """Start the automations of a cart, unless it is of the past."""
        if row["source"] != "1":
            return
        contact = self._account.contact_of(str(row["email"]))
        self._account.start_automation(
            trigger, contact=contact and contact["id"], order=None, source="REAL_TIME",
            cart=row["externalcheckoutid"],
        )  # fmt: skip

    def _product(self, copy: str, connection: int, line: Mapping[str, Any]) -> Row:
        quantity = line.get("quantity") or 0
        return {
            "id": self._account.next_id("ecomOrderProduct"), "orderid": copy, "ecomOrder": copy,
            "connectionid": str(connection),
            "externalid": str(line.get("storeBaseProductId") or line.get("productStorePrimaryId")),
            "sku": line.get("sku") or "", "name": line.get("name") or "", "description": "",
            "price": str(cents(line.get("priceAmount"))), "quantity": f"{quantity:g}",
            "category": line.get("category") or "", "imageUrl": line.get("imageUrl") or "",
            "productUrl": line.get("productUrl") or "", "createdDate": stamp(), "updatedDate": stamp(),
            "tstamp": stamp(), "links": {},
        }  # fmt: skip

    def delete_copy(self, id_: str) -> None:
        """Delete the REST copy of an order, or a cart; the order itself stays, and is not copied back."""
        copy = self.copies.pop(id_)
        self.products.pop(id_, None)
        self.carts.discard(id_)
        self._unlink(copy)
        self._account.note(
            "order_copy_deleted", copy=id_, storeOrderId=copy["externalid"], cart=copy["externalcheckoutid"]
        )

    # -- customers --------------------------------------------------------------------

    def customer_of(self, connection: str, external: str) -> Row | None:
        """Return the customer under a connection with the shop's id."""
        return self.customers.get(self._by_external.get((connection, external), ""))

    def create_customer(self, connection: str, external: str, email: str, accepts: str) -> Row:
        """Create an e-commerce customer, and the row across all shops where it is the first."""
        id_ = self._account.next_id("customer")
        row = {
            "id": id_, "connectionid": connection, "externalid": external, "email": email,
            "acceptsMarketing": accepts, "tstamp": stamp(), "links": {}, "connection": connection,
        }  # fmt: skip
        self.customers[id_] = row
        self._by_external[connection, external] = id_
        self._account.note(
            "customer_created", customer=id_, connection=connection, externalid=external, email=email
        )
        self._add_across(email)
        return row

    def change_customer(self, row: Row, values: Mapping[str, Any]) -> None:
        """Change an e-commerce customer."""
        self._by_external.pop((row["connectionid"], row["externalid"]), None)
        row |= {k: str(v) for k, v in values.items()} | {"tstamp": stamp()}
        self._by_external[row["connectionid"], row["externalid"]] = row["id"]
        self._account.note(
            "customer_changed", customer=row["id"], connection=row["connectionid"],
            externalid=row["externalid"], email=row["email"],
        )  # fmt: skip
        self._add_across(row["email"])

    def delete_customer(self, row: Row) -> None:
        """Delete an e-commerce customer; its orders stay."""
        self.customers.pop(row["id"], None)
        self._by_external.pop((row["connectionid"], row["externalid"]), None)
        self._account.note("customer_deleted", customer=row["id"], email=row["email"])

    def forget(self, email: str) -> None:
        """Delete the e-commerce rows of an address."""
        for row in [c for c in self.customers.values() if c["email"].lower() == email.lower()]:
            self.delete_customer(row)
        for copy in [c for c in self.copies.values() if str(c["email"]).lower() == email.lower()]:
            self.delete_copy(copy["id"])
        for key in [k for k, o in self.orders.items() if str(o.get("email")).lower() == email.lower()]:
            del self.orders[key]

    def _add_across(self, email: str) -> None:
        """Add the row that sums an address up across all connections (vendor documentation)."""
        if not email or email in self._across:
            return
        self._across[email] = {
            "id": self._account.next_id("customer"), "connectionid": "0", "externalid": "0", "email": email,
            "acceptsMarketing": "0", "tstamp": stamp(), "links": {}, "connection": None,
        }  # fmt: skip

    def listed_customers(self) -> list[Row]:
        """Return customers and the rows across all shops, by id."""
        rows = [*self.customers.values(), *self._across.values()]
        return sorted(rows, key=lambda row: int(row["id"]))

    def summed(self, row: Mapping[str, Any]) -> Row:
        """Return a customer with what it has bought, in cents."""
        same = [row]
        if row["connectionid"] == "0":
            same = [c for c in self.customers.values() if c["email"] == row["email"]]
        rows = (row for each in same for row in self._copies_of.get(each["id"], {}).values())
        copies = [row for row in rows if row["externalid"]]
        revenue = sum(c["totalPrice"] for c in copies)
        return dict(row) | {
            "totalRevenue": str(revenue), "totalOrders": str(len(copies)),
            "totalProducts": str(sum(c["totalProducts"] for c in copies)),
            "avgRevenuePerOrder": str(revenue // len(copies) if copies else 0), "avgProductCategory": "",
        }  # fmt: skip

    # -- state ------------------------------------------------------------------------

    def state(self) -> Row:
        """Return connections, customers, orders, their copies, and what was written as a cart."""
        return {
            "connections": list(self.connections.values()),
            "customers": list(self.customers.values()),
            "orders": [{k: v for k, v in o.items() if k != "visible_at"} for o in self.orders.values()],
            "copies": [copy for copy in self.copies.values() if copy["externalid"]],
            "carts": [self.copies[id_] for id_ in sorted(self.carts, key=int)],
        }

    def all_products(self) -> Iterator[Row]:
        """Return the product rows of all copies."""
        return (product for rows in self.products.values() for product in rows)


def cents(amount: Any) -> int:
    """Return an amount of major units in cents."""
    return int((Decimal(str(amount or 0)) * 100).to_integral_value())


def zoned(text: Any) -> str | None:
    """Return a moment in the account's zone; None where there is none."""
    return stamp(instant(str(text))) if text else None


def _marketing_of(order: Mapping[str, Any]) -> Row:
    """Return what an order says of its customer's consent: for segments, it puts nobody on a list."""
    data = order.get("customerData") or {}
    names = {
        "smsMarketingState": "smsMarketingState",
        "smsOptInLevel": "smsOptInLevel",
        "smsConsentUpdatedDate": "smsConsentUpdatedAt",
    }
    said = {to: data[name] for name, to in names.items() if data.get(name)}
    accepts = order.get("acceptsMarketing")
    return said if accepts is None else said | {"acceptsMarketing": str(int(accepts))}
