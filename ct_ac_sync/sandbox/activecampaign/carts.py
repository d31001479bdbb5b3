"""Carts and orders that are written to the REST side, where no order is copied back."""

from collections.abc import Mapping, Sequence
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.commerce import ABANDONED, RECOVERED, STATES, Commerce, zoned
from ct_ac_sync.sandbox.activecampaign.values import stamp

Row = dict[str, Any]

#: Whole amounts, all in cents (vendor documentation).
MONEY = ("totalPrice", "shippingAmount", "taxAmount", "discountAmount")
TEXTS = ("externalid", "externalcheckoutid", "email", "currency", "orderUrl", "shippingMethod", "orderNumber")
DATES = ("externalCreatedDate", "externalUpdatedDate", "abandonedDate")
PRODUCT_TEXTS = ("externalid", "name", "category", "sku", "description", "imageUrl", "productUrl")


class Carts:
    """What shops write into one account by REST."""

    def __init__(self, account: Account, commerce: Commerce) -> None:
        self._account = account
        self._commerce = commerce
        self._discounts: dict[str, list[Row]] = {}

    def create(self, wanted: Mapping[str, Any]) -> Row:
        """Create a cart, or an order; an abandoned cart of the present starts automations."""
        id_ = self._account.next_id("ecomOrder")
        connection, customer = str(wanted["connectionid"]), str(wanted["customerid"])
        row: Row = dict.fromkeys((*TEXTS, *DATES)) | dict.fromkeys(MONEY, 0) | {
            "id": id_, "connectionid": connection, "connection": connection, "customerid": customer,
            "customer": customer, "createdDate": stamp(), "totalProducts": 0, "orderProducts": [],
            "links": {},
        } | _read(wanted)  # fmt: skip
        is_cart = not row["externalid"]
        row |= {"orderDate": row["externalCreatedDate"], "updatedDate": stamp(), "tstamp": stamp()}
        row |= {"state": ABANDONED if is_cart else STATES["COMPLETED"]}
        self._write_lines(row, wanted)
        self._commerce.keep(row)
        if is_cart:
            self._commerce.carts.add(id_)
        self._account.note("cart_created" if is_cart else "rest_order_created", **_facts(row))
        if is_cart:
            self._commerce.fire_cart("cart_abandoned", row)
        return row

    def change(self, held: Row, wanted: Mapping[str, Any]) -> Row:
        """
        Change a cart or an order; its products are replaced by those that are named.

        A cart with the id of an order is recovered.  One that stays a cart starts its
        automations again with source 1: the vendor's own plugin sends 0 with an update.
        """
        row = held | _read(wanted) | {"updatedDate": stamp(), "tstamp": stamp()}
        is_recovered = held["state"] == ABANDONED and bool(row["externalid"])
        if is_recovered:
            row["state"] = RECOVERED
        self._write_lines(row, wanted)
        self._commerce.keep(row)
        kind = "cart_changed" if row["id"] in self._commerce.carts else "rest_order_changed"
        self._account.note(
            kind, before={k: held[k] for k in ("totalPrice", "source", "state")}, **_facts(row)
        )
        if is_recovered:
            self._commerce.note_recovery(row, via="rest")
        elif row["state"] == ABANDONED and self._fires_again(wanted):
            self._commerce.fire_cart("cart_abandoned", row)
        return row

    def _fires_again(self, wanted: Mapping[str, Any]) -> bool:
        return "source" in wanted or bool(self._account.switch("cart_update_keeps_source"))

    def _write_lines(self, row: Row, wanted: Mapping[str, Any]) -> None:
        if "orderProducts" in wanted or row["id"] not in self._commerce.products:
            products = [self._product(row, line) for line in wanted.get("orderProducts") or []]
            self._commerce.products[row["id"]] = products
            row |= {"orderProducts": [p["id"] for p in products], "totalProducts": len(products)}
        if "orderDiscounts" in wanted:
            lines = wanted["orderDiscounts"] or []
            self._discounts[row["id"]] = [self._discount(row, line) for line in lines]

    def _product(self, row: Row, line: Mapping[str, Any]) -> Row:
        return {name: str(line.get(name) or "") for name in PRODUCT_TEXTS} | {
            "id": self._account.next_id("ecomOrderProduct"), "orderid": row["id"], "ecomOrder": row["id"],
            "connectionid": row["connectionid"], "price": str(line["price"]),
            "quantity": str(line["quantity"]), "createdDate": stamp(), "updatedDate": stamp(),
            "tstamp": stamp(), "links": {},
        }  # fmt: skip

    def _discount(self, row: Row, line: Mapping[str, Any]) -> Row:
        return {
            "id": self._account.next_id("ecomOrderDiscount"), "orderid": row["id"],
            "name": str(line.get("name") or ""), "type": str(line.get("type") or "order"),
            "discountAmount": str(line.get("discountAmount") or 0), "createdDate": stamp(),
            "updatedDate": stamp(),
        }  # fmt: skip

    def discounts_of(self, id_: str) -> Sequence[Row]:
        """Return the discounts of a row."""
        return self._discounts.get(id_, ())


def _read(wanted: Mapping[str, Any]) -> Row:
    """Return what is named of a row, as it is stored."""
    row: Row = {name: int(wanted[name]) for name in MONEY if name in wanted}
    row |= {name: str(wanted[name]) for name in (*TEXTS, "source") if wanted.get(name) not in (None, "")}
    return row | {name: zoned(wanted[name]) for name in DATES if name in wanted}


def _facts(row: Row) -> Row:
    """Return what the log tells of a row."""
    kept = ("externalid", "email", "totalPrice", "currency", "source", "state", "abandonedDate")
    return {"row": row["id"], "connection": row["connectionid"], "cart": row["externalcheckoutid"]} | {
        name: row[name] for name in kept
    }
