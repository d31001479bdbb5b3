"""
A shop: believable customers and orders, a past, and a life.

Everything comes from seeded dice.  Some decide who comes, what happens and what is bought;
others, kept aside, decide profiles and shapes, so that in a richer shop the same people do
the same things.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.commercetools.basket import Basket
from ct_ac_sync.sandbox.commercetools.catalogue import GOODS, catalogue, ref
from ct_ac_sync.sandbox.commercetools.payments import charged, is_charged, opened, refunded, returned
from ct_ac_sync.sandbox.commercetools.people import FIRST, LAST, PLACES, Place
from ct_ac_sync.sandbox.commercetools.profile import profile_of
from ct_ac_sync.sandbox.commercetools.project import Project, Resource, stamp
from ct_ac_sync.sandbox.commercetools.shapes import USUAL, shaped

WEIGHTS = {
    "sign_up": 12, "edit": 22, "change_email": 8, "order": 24, "guest_order": 6, "pay": 12, "ship": 9,
    "complete": 4, "cancel": 3,
}  # fmt: skip


class Shop:
    """Fills a project with a past, and lets things happen in it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._count = 0
        self._freed: list[str] = []
        self._aside = project.aside
        for kind, resource in catalogue():
            project.stock(kind, resource)

    # -- the past ---------------------------------------------------------------------

    def fill(
        self,
        *,
        customers: int,
        orders: int,
        seed: int,
        guests: float = 0.1,
        shapes: Sequence[str] = USUAL,
        paid: float = 0.0,
    ) -> dict[str, int]:
        """
        Make a past of about a year.

        Args:
            shapes: The orders' shapes, thrown among them.
            paid: The share of orders that are paid already; of these a quarter is partly refunded.
        """
        dice = random.Random(seed)
        people = []
        for _ in range(customers):
            born = datetime.now(UTC) - timedelta(seconds=dice.randrange(3600, 365 * 86400))
            people.append(self.sign_up(dice, past=born, has_profile=True, visible_after_seconds=0.0))
        for _ in range(orders):
            buyer = None if dice.random() < guests or not people else dice.choice(people)
            placed = datetime.now(UTC) - timedelta(seconds=dice.randrange(600, 300 * 86400))
            order = self.order(
                dice, buyer=buyer, past=placed, shape=self._aside.choice(shapes),
                is_paid=self._aside.random() < paid, visible_after_seconds=0.0,
            )  # fmt: skip
            if order["paymentState"] == "Paid" and self._aside.random() < 0.25:
                self._refund(order, visible_after_seconds=0.0)
        return {"customers": customers, "orders": orders}

    # -- happenings -------------------------------------------------------------------

    def happen(self, dice: random.Random, *, shapes: Sequence[str] = USUAL) -> str:
        """Let one thing happen, and say what; orders have one of these shapes."""
        kind = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        surroundings: Mapping[str, dict[str, Any]] = {
            "sign_up": {"has_profile": True},
            "order": {"shape": self._aside.choice(shapes)},
            "guest_order": {"shape": self._aside.choice(shapes)},
            "complete": {"is_refunded": self._aside.random() < 0.25},
        }
        return kind if self.do(kind, dice, **surroundings.get(kind, {})) is not None else "nothing"

    def do(self, kind: str, dice: random.Random, **given: Any) -> Resource | None:
        """Let *kind* happen, with the values given; None where there is nobody to do it."""
        ways: Mapping[str, Callable[..., Resource | None]] = {
            "sign_up": self.sign_up, "edit": self.edit, "change_email": self.change_email,
            "order": self.order_of_someone, "guest_order": self.order, "pay": self.pay,
            "ship": self.ship, "complete": self.complete, "cancel": self.cancel, "delete": self.delete,
            "refund": self.refund,
        }  # fmt: skip
        return ways[kind](dice, **given)

    def sign_up(self, dice: random.Random, *, past: datetime | None = None, **given: Any) -> Resource:
        """
        Somebody signs up; now and then under an address that somebody else gave up.

        Args:
            given: Names, `email` and `store`; `has_profile` for all that the shop may know,
                with `group` (b2b, b2c) where it shall not be thrown.
        """
        place = dice.choice(PLACES)
        first, last = (
            given.get("first_name") or dice.choice(FIRST),
            given.get("last_name") or dice.choice(LAST),
        )
        address = self._address(dice, place, first, last) | {"id": "home"}
        email = given.get("email") or (self._freed.pop() if self._freed and dice.random() < 0.3 else None)
        self._count += 1
        customer = {
            "email": email or self._email(dice, first, last), "firstName": first, "lastName": last,
            "customerNumber": f"C{10000 + self._count}", "locale": place.locale, "addresses": [address],
            "defaultBillingAddressId": "home", "defaultShippingAddressId": "home",
            "billingAddressIds": ["home"], "shippingAddressIds": ["home"], "isEmailVerified": True,
            "authenticationMode": "Password", "password": "****Kx8=",
            "stores": [], "customerGroupAssignments": [],
        }  # fmt: skip
        if given.get("has_profile") or given.get("group"):
            customer |= profile_of(
                self._aside, currency=place.currency, store=place.store, last=last, group=given.get("group")
            )
        if given.get("store"):
            customer["stores"] = [{"typeId": "store", "key": given["store"]}]
        return self._project.add("customer", _aged(customer, past), what="sign_up", **timing_of(given))

    def edit(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody changes name, language or telephone."""
        customer = self._pick("customer", dice, given.get("customer"))
        if customer is None:
            return None
        changes: dict[str, Any] = {
            k: given[v] for k, v in (("firstName", "first_name"), ("lastName", "last_name")) if given.get(v)
        }
        if not changes:
            phone = f"+49 30 {dice.randrange(100000, 999999)}"
            addresses = [a | {"phone": phone} for a in customer.get("addresses", [])]
            changes = dice.choice(
                [
                    {"lastName": dice.choice(LAST)},
                    {"addresses": addresses},
                    {"locale": dice.choice(PLACES).locale},
                ]
            )
        return self._project.change("customer", customer["id"], changes, what="edited", **timing_of(given))

    def change_email(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody takes another address."""
        customer = self._pick("customer", dice, given.get("customer"))
        if customer is None:
            return None
        email = given.get("email") or self._email(dice, *_names(customer))
        if not given.get("email"):
            self._freed.append(customer["email"])
        return self._project.change(
            "customer", customer["id"], {"email": email}, what="email_changed", **timing_of(given)
        )

    def order_of_someone(self, dice: random.Random, **given: Any) -> Resource | None:
        """A customer orders."""
        buyer = self._pick("customer", dice, given.get("customer"))
        return None if buyer is None else self.order(dice, buyer=buyer, **given)

    def order(
        self,
        dice: random.Random,
        *,
        buyer: Resource | None = None,
        past: datetime | None = None,
        **given: Any,
    ) -> Resource:
        """
        Somebody orders; without a buyer it is a guest.

        Args:
            given: The `shape` of the basket (`code+net`), its `goods` (keys with quantities),
                the `country` it goes to, `is_paid`.
        """
        place = dice.choice(PLACES)
        place = next((each for each in PLACES if each.country == given.get("country")), place)
        self._count += 1
        first, last = _names(buyer) if buyer else (dice.choice(FIRST), dice.choice(LAST))
        chosen = [_chosen(dice) for _ in range(dice.randrange(1, 5))]
        basket = Basket.of(
            currency=place.currency, country=place.country, store=place.store,
            goods=given.get("goods") or chosen,
        )  # fmt: skip
        shaped(basket, given.get("shape") or "plain")
        address = self._address(dice, place, first, last)
        who: dict[str, Any] = (
            {"customerId": buyer["id"]} if buyer else {"anonymousId": self._project.new_id()}
        )
        email = given.get("email") or (buyer["email"] if buyer else self._email(dice, first, last))
        is_paid = bool(given.get("is_paid"))
        order = {"type": "Order"} | who | basket.amounts() | basket.sent_to(address) | {
            "orderNumber": f"A-{10000 + self._count}", "customerEmail": email, "orderState": "Open",
            "paymentState": "Paid" if is_paid else "Pending", "shipmentState": "Pending",
            "origin": "Customer", "country": place.country, "locale": place.locale, "inventoryMode": "None",
            "store": {"typeId": "store", "key": place.store}, "syncInfo": [], "returnInfo": [],
            "cart": {"typeId": "cart", "id": self._project.new_id()}, "billingAddress": address,
            "state": ref("state", "picking"),
        }  # fmt: skip
        if buyer and buyer.get("customerGroup"):
            order["customerGroup"] = buyer["customerGroup"]
        timing = timing_of(given)
        order["paymentInfo"] = {"payments": self._open_payments(order, past, is_paid=is_paid, **timing)}
        return self._project.add("order", _aged(order, past), what="ordered", **timing)

    def pay(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is paid."""
        changes = {"paymentState": "Paid"}
        return self._advance(dice, given, changes, "payment", before=self._charge, paymentState="Pending")

    def ship(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is shipped."""
        changes = {
            "shipmentState": "Shipped",
            "orderState": "Confirmed",
            "state": ref("state", "dispatched"),
        }
        return self._advance(dice, given, changes, "shipment", paymentState="Paid", orderState="Open")

    def complete(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is delivered and complete; with `is_refunded` some of it comes back."""
        changes = {"shipmentState": "Delivered", "orderState": "Complete"}
        order = self._advance(dice, given, changes, "completed", shipmentState="Shipped")
        if order is not None and given.get("is_refunded"):
            return self._refund(order, **timing_of(given))
        return order

    def refund(self, dice: random.Random, **given: Any) -> Resource | None:
        """A paid order is refunded: a third of it, or the `cents` given."""
        order = self._pick("order", dice, given.get("order"), **({} if given.get("order") else {"paymentState": "Paid"}))  # fmt: skip
        return None if order is None else self._refund(order, cents=given.get("cents"), **timing_of(given))

    def cancel(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is cancelled."""
        return self._advance(dice, given, {"orderState": "Cancelled"}, "cancelled", orderState="Open")

    def delete(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody is deleted."""
        kind = "order" if given.get("order") else "customer"
        resource = self._pick(kind, dice, given.get(kind))
        return None if resource is None else self._project.delete(kind, resource["id"])

    # -- parts ------------------------------------------------------------------------

    def _advance(
        self,
        dice: random.Random,
        given: Mapping[str, Any],
        changes: Mapping[str, Any],
        what: str,
        *,
        before: Callable[..., None] = lambda *_, **__: None,
        **needs: str,
    ) -> Resource | None:
        order = self._pick("order", dice, given.get("order"), **({} if given.get("order") else needs))
        if order is None:
            return None
        before(order, **timing_of(given))
        return self._project.change("order", order["id"], changes, what=what, **timing_of(given))

    def _open_payments(
        self, order: Resource, past: datetime | None, *, is_paid: bool, **timing: Any
    ) -> list[dict[str, Any]]:
        """Open an order's payments, now and then two of them, and return references to them."""
        parts, moment = 2 if self._aside.random() < 0.2 else 1, stamp(past or self._project.now())
        found = []
        for opening in opened(order, parts=parts, at=moment):
            payment = opening | (charged(opening, at=moment) if is_paid else {})
            row = self._project.add("payment", _aged(payment, past), what="opened", **timing)
            found.append({"typeId": "payment", "id": row["id"]})
        return found

    def _payments(self, order: Resource) -> list[Resource]:
        """Return the payments of an order that are still there; of one made elsewhere, none."""
        by_id = self._project.shelves["payment"].by_id
        references = (order.get("paymentInfo") or {}).get("payments", [])
        return [by_id[each["id"]] for each in references if each["id"] in by_id]

    def _charge(self, order: Resource, **timing: Any) -> None:
        for payment in self._payments(order):
            if not is_charged(payment):
                changes = charged(payment, at=stamp(self._project.now()))
                self._project.change("payment", payment["id"], changes, what="charged", **timing)

    def _refund(self, order: Resource, *, cents: int | None = None, **timing: Any) -> Resource:
        """Give a part of an order's first payment back, then say so in the order."""
        moment = stamp(self._project.now())
        for payment in self._payments(order)[:1]:
            changes = refunded(payment, cents=cents, at=moment)
            self._project.change("payment", payment["id"], changes, what="refunded", **timing)
        return self._project.change("order", order["id"], returned(order, at=moment), what="refund", **timing)

    def _pick(self, kind: str, dice: random.Random, id_: str | None, **needs: str) -> Resource | None:
        by_id = self._project.shelves[kind].by_id
        if id_ is not None:
            return by_id[id_]
        ids = list(by_id)
        for _ in range(20 if ids else 0):
            resource = by_id[dice.choice(ids)]
            if all(resource.get(name) == value for name, value in needs.items()):
                return resource
        return None

    def _email(self, dice: random.Random, first: str, last: str) -> str:
        self._count += 1
        name = f"{first}.{last}".encode("ascii", "ignore").decode().replace("'", "").replace("-", "")
        text = (
            f"{name or 'x'}.{self._count}@{dice.choice(('example.org', 'example.net', 'mail.example.com'))}"
        )
        return text if dice.random() < 0.3 else text.lower()

    def _address(self, dice: random.Random, place: Place, first: str, last: str) -> dict[str, Any]:
        return {
            "firstName": first, "lastName": last, "streetName": place.street,
            "streetNumber": str(dice.randrange(1, 99)), "postalCode": place.postal_code, "city": place.city,
            "country": place.country, "phone": f"+49 30 {dice.randrange(100000, 999999)}",
        }  # fmt: skip


def _names(customer: Resource) -> tuple[str, str]:
    """Return first and last name; whom the API made may lack them."""
    return customer.get("firstName", ""), customer.get("lastName", "")


def _chosen(dice: random.Random) -> tuple[str, int]:
    return dice.choice(GOODS).key, dice.choice((1, 1, 1, 2, 3))


def _aged(resource: dict[str, Any], past: datetime | None) -> dict[str, Any]:
    return resource | ({"createdAt": stamp(past), "lastModifiedAt": stamp(past)} if past else {})


def timing_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return when queries shall see a write, and how far its stamp lies behind, as far as that was given."""
    names = ("visible_after_seconds", "stamp_behind_seconds")
    return {name: float(given[name]) for name in names if given.get(name) is not None}


def counted(kinds: list[str]) -> dict[str, int]:
    """Return how often each kind happened."""
    return dict(Counter(kinds))
