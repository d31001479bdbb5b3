"""
A shop: believable customers and orders, a past, and a life.

Everything comes from seeded dice.  Some decide who comes, what happens and what is bought;
others, kept aside, decide profiles and shapes, others again, kept apart, decide on carts, and
others on shopping lists, so that in a richer shop the same people do the same things.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.commercetools.basket import Basket
from ct_ac_sync.sandbox.commercetools.carts import Carts, placed
from ct_ac_sync.sandbox.commercetools.catalogue import GOODS, catalogue
from ct_ac_sync.sandbox.commercetools.floor import Floor, Way, names_of, timing_of
from ct_ac_sync.sandbox.commercetools.fulfilment import Fulfilment
from ct_ac_sync.sandbox.commercetools.people import FIRST, LAST, PLACES
from ct_ac_sync.sandbox.commercetools.profile import profile_of
from ct_ac_sync.sandbox.commercetools.project import Project, Resource, stamp
from ct_ac_sync.sandbox.commercetools.shapes import USUAL, shaped
from ct_ac_sync.sandbox.commercetools.shopping_lists import ShoppingLists
from ct_ac_sync.sandbox.commercetools.till import Till, aged

WEIGHTS = {
    "sign_up": 12, "edit": 22, "change_email": 8, "order": 24, "guest_order": 6, "pay": 12, "ship": 9,
    "complete": 4, "cancel": 3,
}  # fmt: skip

#: What happens besides, by how rich the life is: `carts` leaves people, orders and payments as they are.
BESIDES: Mapping[str, Mapping[str, int]] = {
    "nothing": {},
    "carts": {
        "cart": 8, "cart_change": 8, "cart_recalculate": 3, "cart_empty": 1, "cart_merge": 1,
        "checkout_address": 4, "checkout_shipping": 3,
    },
    "everything": {
        "cart": 10, "cart_change": 8, "cart_recalculate": 3, "cart_empty": 1, "cart_merge": 1, "cart_freeze": 1,
        "cart_sign_in": 2, "checkout_address": 4, "checkout_shipping": 3, "checkout_payment": 3,
        "order_cart": 8, "recurring_order": 1, "import_order": 1, "confirm": 2, "parcel": 2, "deliver": 3,
        "return_request": 3, "return_receive": 2, "refund": 2, "settle_refund": 2, "chargeback": 1,
        "fail_payment": 2, "confirm_and_complete": 1,
    },
}  # fmt: skip
#: What people put on lists meanwhile, by how rich the life is.
BROWSING: Mapping[str, Mapping[str, int]] = {
    "nothing": {},
    "carts": {},
    "everything": {"list": 5, "list_add": 5, "list_change": 1, "list_remove": 1, "list_sign_in": 1},
}
_IMPORT = {"clientId": "import", "isPlatformClient": False, "attributedTo": {"source": "Import"}}


class Shop:
    """Fills a project with a past, and lets things happen in it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._aside = project.aside
        self._floor = Floor(project)
        self._till = Till(self._floor)
        self._carts, self._fulfilment = Carts(self._floor, self._till), Fulfilment(self._floor, self._till)
        self._lists = ShoppingLists(self._floor)
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
        with self._project.happened.past():
            people = [self._came(dice) for _ in range(customers)]
            for _ in range(orders):
                buyer = None if dice.random() < guests or not people else dice.choice(people)
                self._ordered(dice, buyer, self._aside.choice(shapes), paid)
        return {"customers": customers, "orders": orders}

    def _came(self, dice: random.Random) -> Resource:
        """Somebody came within the last year."""
        born = datetime.now(UTC) - timedelta(seconds=dice.randrange(3600, 365 * 86400))
        return self.sign_up(dice, past=born, has_profile=True, visible_after_seconds=0.0)

    def _ordered(self, dice: random.Random, buyer: Resource | None, shape: str, paid: float) -> None:
        """Somebody ordered, and perhaps paid, and perhaps got something back."""
        moment = datetime.now(UTC) - timedelta(seconds=dice.randrange(600, 300 * 86400))
        order = self.order(
            dice, buyer=buyer, past=moment, shape=shape, is_paid=self._aside.random() < paid,
            visible_after_seconds=0.0,
        )  # fmt: skip
        if order["paymentState"] == "Paid" and self._aside.random() < 0.25:
            self._till.give_back(order, {"visible_after_seconds": 0.0})

    # -- happenings -------------------------------------------------------------------

    def happen(
        self,
        dice: random.Random,
        *,
        shapes: Sequence[str] = USUAL,
        besides: Mapping[str, int] = BESIDES["carts"],
        browsing: Mapping[str, int] = BROWSING["carts"],
    ) -> str:
        """
        Let one thing happen, and say what; orders have one of these shapes.

        Args:
            besides: What now and then happens with it, by weight.
            browsing: What becomes of shopping lists meanwhile, by weight.
        """
        kind = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        surroundings: Mapping[str, dict[str, Any]] = {
            "sign_up": {"has_profile": True},
            "order": {"shape": self._aside.choice(shapes)},
            "guest_order": {"shape": self._aside.choice(shapes)},
            "complete": {"is_refunded": self._aside.random() < 0.25},
        }
        is_done = self.do(kind, dice, **surroundings.get(kind, {})) is not None
        self._happen_besides(besides)
        self._browse(browsing)
        return kind if is_done else "nothing"

    def _happen_besides(self, weights: Mapping[str, int]) -> None:
        dice = self._project.apart
        if not weights or dice.random() < 0.5:
            return
        kind = dice.choices(list(weights), list(weights.values()))[0]
        given: dict[str, Any] = {}
        if kind == "cart" and dice.random() < 0.6:
            buyer = self._floor.pick("customer", dice, None)
            given = {"customer": buyer["id"]} if buyer else {}
        elif kind == "cart" and dice.random() < 0.6:
            given = {"email": f"guest.{dice.randrange(10**6)}@example.org"}
        elif kind == "refund":
            given = {"state": dice.choice(("Success", "Pending")), "touches_order": dice.random() < 0.5}
        self.do(kind, dice, **given)

    def _browse(self, weights: Mapping[str, int]) -> None:
        dice = self._project.browsing
        if not weights or dice.random() < 0.7:
            return
        kind = dice.choices(list(weights), list(weights.values()))[0]
        buyer = self._floor.pick("customer", dice, None) if dice.random() < 0.6 else None
        self.do(kind, dice, **({"customer": buyer["id"]} if buyer and kind == "list" else {}))

    def do(self, kind: str, dice: random.Random, **given: Any) -> Resource | None:
        """Let *kind* happen, with the values given; None where there is nobody to do it."""
        ways: Mapping[str, Way] = {
            "sign_up": self.sign_up, "edit": self.edit, "change_email": self.change_email,
            "order": self.order_of_someone, "guest_order": self.order, "delete": self.delete,
            "recurring_order": self.recurring_order, "import_order": self.import_order,
            **self._till.ways(), **self._fulfilment.ways(), **self._carts.ways(), **self._lists.ways(),
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
        address = self._floor.address(dice, place, first, last) | {"id": "home"}
        email = given.get("email") or (
            self._floor.freed.pop() if self._floor.freed and dice.random() < 0.3 else None
        )
        self._floor.next_number()
        customer = {
            "email": email or self._floor.email(dice, first, last), "firstName": first, "lastName": last,
            "customerNumber": f"C{10000 + self._floor.number}", "locale": place.locale, "addresses": [address],
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
        return self._project.add("customer", aged(customer, past), what="sign_up", **timing_of(given))

    def edit(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody changes name, language or telephone."""
        customer = self._floor.pick("customer", dice, given.get("customer"))
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
        customer = self._floor.pick("customer", dice, given.get("customer"))
        if customer is None:
            return None
        email = given.get("email") or self._floor.email(dice, *names_of(customer))
        if not given.get("email"):
            self._floor.freed.append(customer["email"])
        return self._project.change(
            "customer", customer["id"], {"email": email}, what="email_changed", **timing_of(given)
        )

    def order_of_someone(self, dice: random.Random, **given: Any) -> Resource | None:
        """A customer orders."""
        buyer = self._floor.pick("customer", dice, given.get("customer"))
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
                the `country` it goes to, `is_paid`; `fields` that are otherwise, null for none.
        """
        place = dice.choice(PLACES)
        place = next((each for each in PLACES if each.country == given.get("country")), place)
        self._floor.next_number()
        first, last = names_of(buyer) if buyer else (dice.choice(FIRST), dice.choice(LAST))
        chosen = [_chosen(dice) for _ in range(dice.randrange(1, 5))]
        basket = Basket.of(
            currency=place.currency, country=place.country, store=place.store,
            goods=given.get("goods") or chosen,
        )  # fmt: skip
        shaped(basket, given.get("shape") or "plain")
        address = self._floor.address(dice, place, first, last)
        who: dict[str, Any] = (
            {"customerId": buyer["id"]} if buyer else {"anonymousId": self._project.new_id()}
        )
        email = given.get("email") or (buyer["email"] if buyer else self._floor.email(dice, first, last))
        is_paid = bool(given.get("is_paid"))
        copied = who | basket.amounts() | basket.sent_to(address) | {
            "customerEmail": email, "origin": "Customer", "country": place.country, "locale": place.locale,
            "inventoryMode": "None", "store": {"typeId": "store", "key": place.store},
            "cart": {"typeId": "cart", "id": self._project.new_id()}, "billingAddress": address,
        }  # fmt: skip
        order = placed(copied, number=self._floor.number, is_paid=is_paid) | (given.get("fields") or {})
        if buyer and buyer.get("customerGroup"):
            order["customerGroup"] = buyer["customerGroup"]
        timing = timing_of(given)
        order["paymentInfo"] = {"payments": self._till.open(order, past, is_paid=is_paid, **timing)}
        order = {name: value for name, value in order.items() if value is not None}
        return self._project.add("order", aged(order, past), what="ordered", **timing)

    def recurring_order(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order of a customer comes by its schedule, with nobody there."""
        template = {"typeId": "recurring-order", "id": self._project.new_id("cart")}
        fields = {"origin": "RecurringOrder", "recurringOrder": template}
        return self.order_of_someone(dice, **{"fields": fields, **given})

    def import_order(self, dice: random.Random, **given: Any) -> Resource:
        """
        An order made elsewhere, paid and complete, is brought in.

        An import leaves `createdAt` at today and names no cart (vendor: Order Import).
        """
        past = datetime.now(UTC) - timedelta(days=dice.randrange(30, 300))
        fields = {
            "orderState": "Complete", "shipmentState": "Delivered", "completedAt": stamp(past), "cart": None,
            "createdBy": _IMPORT, "lastModifiedBy": _IMPORT,
        }  # fmt: skip
        buyer = self._floor.pick("customer", dice, given.pop("customer")) if given.get("customer") else None
        given = {"is_paid": True, "fields": fields, **given}
        return self.order(dice, buyer=buyer, **given)

    def delete(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody, an `order`, a `cart`, a `list` or a `payment` is deleted; `by_age` without a message."""
        named = next((each for each in ("order", "cart", "list", "payment") if given.get(each)), "customer")
        kind = "shopping-list" if named == "list" else named
        resource = self._floor.pick(kind, dice, given.get(named))
        if resource is None:
            return None
        return self._project.delete(kind, resource["id"], is_told=not given.get("by_age"))


def _chosen(dice: random.Random) -> tuple[str, int]:
    return dice.choice(GOODS).key, dice.choice((1, 1, 1, 2, 3))


def counted(kinds: list[str]) -> dict[str, int]:
    """Return how often each kind happened."""
    return dict(Counter(kinds))
