"""
What happens to carts, from the first goods to the order.

A cart has no steps of a checkout, only fields that are set one after the other; tax appears with the
shipping address, and the price of shipping with the method (vendor: Cart).
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from ct_ac_sync.sandbox.commercetools.basket import Basket, Line, Shipment
from ct_ac_sync.sandbox.commercetools.catalogue import BY_KEY, GOODS, ref
from ct_ac_sync.sandbox.commercetools.floor import Floor, Way, names_of, timing_of
from ct_ac_sync.sandbox.commercetools.money import Tax
from ct_ac_sync.sandbox.commercetools.people import FIRST, LAST, PLACES
from ct_ac_sync.sandbox.commercetools.project import Resource
from ct_ac_sync.sandbox.commercetools.till import Till

#: What only carts have, and what an order made of one does not take over.
_OWN = (
    "id", "version", "type", "createdAt", "lastModifiedAt", "cartState", "key", "totalLineItemQuantity",
    "deleteDaysAfterLastModification", "freezeStrategy",
)  # fmt: skip
_ACTIVE = {"cartState": "Active"}


class Carts:
    """The ways of carts."""

    def __init__(self, floor: Floor, till: Till) -> None:
        self._floor, self._till = floor, till
        self._project = floor.project

    def ways(self) -> Mapping[str, Way]:
        """Return what can happen, by kind."""
        return {
            "cart": self.fill, "cart_change": self.change, "cart_recalculate": self.recalculate,
            "cart_empty": self.empty, "cart_merge": self.merge, "cart_freeze": self.freeze,
            "cart_sign_in": self.sign_in, "checkout_address": self.set_address,
            "checkout_shipping": self.set_shipping, "checkout_payment": self.set_payment,
            "order_cart": self.order,
        }  # fmt: skip

    def fill(self, dice: random.Random, **given: Any) -> Resource | None:
        """
        Somebody fills a cart: a `customer`, a guest with an `email`, or nobody known.

        Args:
            given: Its `goods` (keys with quantities), `country`, `store`, `locale` and `origin`.
        """
        buyer = self._floor.pick("customer", dice, given["customer"]) if given.get("customer") else None
        place = next((each for each in PLACES if each.country == given.get("country")), dice.choice(PLACES))
        cart = self._who(buyer, given.get("email")) | {
            "type": "Cart", "cartState": "Active", "origin": given.get("origin", "Customer"),
            "country": place.country, "locale": given.get("locale", place.locale), "inventoryMode": "None",
            "store": {"typeId": "store", "key": given.get("store", place.store)}, "shippingMode": "Single",
            "shipping": [], "itemShippingAddresses": [], "deleteDaysAfterLastModification": 90,
        }  # fmt: skip
        goods = given.get("goods") or [
            (dice.choice(GOODS).key, dice.choice((1, 1, 2))) for _ in range(dice.randrange(1, 4))
        ]
        lines = [_line(key, quantity, place.currency) for key, quantity in _summed(goods).items()]
        cart |= self._priced(cart, lines, place.currency)
        return self._project.add("cart", cart, what="filled", **timing_of(given))

    def change(self, dice: random.Random, **given: Any) -> Resource | None:
        """Goods are put in, taken out or become more or fewer: the `goods` given are what is in it then."""
        cart = self._cart(dice, given)
        if cart is None:
            return None
        held = {each["productKey"]: each["quantity"] for each in cart["lineItems"]}
        goods = _summed(given["goods"]) if "goods" in given else _otherwise(dice, held)
        prices = {line.goods.key: line.unit for line in _lines_of(cart)}
        lines = [_line(key, quantity, _currency(cart)) for key, quantity in goods.items()]
        for line in lines:
            line.unit = prices.get(line.goods.key, line.unit)
        return self._reprice(cart, {}, lines, "cart_changed", given)

    def recalculate(self, dice: random.Random, **given: Any) -> Resource | None:
        """The shop's prices change, and with nobody there the cart follows."""
        cart = self._cart(dice, given)
        if cart is None:
            return None
        lines = _lines_of(cart)
        for line in lines:
            line.unit += max(1, line.unit // 100)
        return self._reprice(cart, {}, lines, "recalculated", given)

    def empty(self, dice: random.Random, **given: Any) -> Resource | None:
        """Everything is taken out."""
        cart = self._cart(dice, given)
        return None if cart is None else self._reprice(cart, {}, [], "emptied", given)

    def merge(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody signs in who has a cart already, the one given `into` which this one then goes."""
        cart = self._cart(dice, given, fits=lambda row: "customerId" not in row)
        if cart is None:
            return None
        if given.get("into"):
            other = self._project.shelves["cart"].by_id[given["into"]]
            lines = {line.goods.key: line for line in _lines_of(other)}
            for line in _lines_of(cart):
                lines.setdefault(line.goods.key, line)
            self._reprice(other, {}, [*lines.values()], "merged", given)
        return self._floor.change("cart", cart, {"cartState": "Merged"}, "merged", given)

    def freeze(self, dice: random.Random, **given: Any) -> Resource | None:
        """A cart is frozen, or with `thaw` active again."""
        is_thawed = bool(given.get("thaw"))
        state = {
            "cartState": "Active" if is_thawed else "Frozen",
            "freezeStrategy": None if is_thawed else "SoftFreeze",
        }
        cart = self._floor.pick("cart", dice, given.get("cart"), needs=_ACTIVE)
        return None if cart is None else self._floor.change("cart", cart, state, "frozen", given)

    def sign_in(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody signs in, and the cart of nobody known is theirs."""
        cart = self._cart(dice, given, fits=lambda row: "customerId" not in row)
        buyer = self._floor.pick("customer", dice, given.get("customer"))
        if cart is None or buyer is None:
            return None
        changes = {"anonymousId": None, "customerEmail": None, "customerGroup": None} | self._who(buyer, None)
        return self._floor.change("cart", cart, changes, "signed_in", given)

    # -- checkout ---------------------------------------------------------------------

    def set_address(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody says where the goods shall go, and with an `email` who asks."""
        cart = self._cart(dice, given)
        if cart is None:
            return None
        place = next(each for each in PLACES if each.country == cart["country"])
        address = self._floor.address(dice, place, *self._names(dice, cart))
        changes: dict[str, Any] = {"shippingAddress": address, "billingAddress": address}
        changes |= {"customerEmail": given["email"]} if given.get("email") else {}
        return self._reprice(cart, changes, _lines_of(cart), "address_set", given)

    def set_shipping(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody chooses how it is sent; where to must be known before."""
        cart = self._cart(dice, given)
        if cart is not None and "shippingAddress" not in cart:
            cart = self.set_address(dice, **given | {"cart": cart["id"]})
        if cart is None:
            return None
        return self._reprice(cart, {"shippingInfo": {}}, _lines_of(cart), "shipping_set", given)

    def set_payment(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody chooses how it is paid: a payment is opened and named by the cart."""
        cart = self._cart(dice, given)
        if cart is None:
            return None
        owner = cart | {"orderNumber": f"P-{10000 + self._floor.next_number()}"}
        payments = self._till.open(owner, None, parts=1, is_paid=False, **timing_of(given))
        return self._floor.change("cart", cart, {"paymentInfo": {"payments": payments}}, "payment_set", given)

    def order(self, dice: random.Random, **given: Any) -> Resource | None:
        """
        A cart is ordered; what lacks of its checkout is done before.

        Args:
            given: `is_paid`; the `email` of a guest who has not said it yet.
        """
        cart = self._floor.pick("cart", dice, given.get("cart"), needs=_ACTIVE, fits=_has_goods)
        if cart is None:
            return None
        timing = timing_of(given)
        step = {"cart": cart["id"]} | timing
        if "shippingInfo" not in cart:
            cart = self.set_shipping(dice, **step) or cart
        if not (cart.get("paymentInfo") or {}).get("payments"):
            cart = self.set_payment(dice, **step) or cart
        if given.get("is_paid"):
            self._till.charge(cart, **timing)
        copied = {name: value for name, value in cart.items() if name not in _OWN}
        buyer = self._project.shelves["customer"].by_id.get(cart.get("customerId", ""), {})
        known = given.get("email") or cart.get("customerEmail") or buyer.get("email")
        order = placed(copied, number=self._floor.next_number(), is_paid=bool(given.get("is_paid"))) | {
            "customerEmail": known or self._floor.email(dice, *self._names(dice, cart)),
            "cart": {"typeId": "cart", "id": cart["id"]},
        }  # fmt: skip
        row = self._project.add("order", order, what="ordered", **timing)
        self._floor.change("cart", cart, {"cartState": "Ordered"}, "ordered", given)
        return row

    # -- parts ------------------------------------------------------------------------

    def _cart(self, dice: random.Random, given: Mapping[str, Any], **more: Any) -> Resource | None:
        return self._floor.pick("cart", dice, given.get("cart"), needs=_ACTIVE, **more)

    def _who(self, buyer: Resource | None, email: str | None) -> dict[str, Any]:
        """Return the fields that say whose a cart is."""
        if buyer is None:
            known = {"customerEmail": email} if email else {}
            return {"anonymousId": self._project.new_id("cart")} | known
        who = {"customerId": buyer["id"]}
        who |= {"customerGroup": buyer["customerGroup"]} if "customerGroup" in buyer else {}
        return who | ({"customerEmail": buyer["email"]} if self._project.switches["cart_email"] == "filled" else {})  # fmt: skip

    def _names(self, dice: random.Random, cart: Resource) -> tuple[str, str]:
        """Return the names of a cart's customer, or of a guest; an address has them once it is there."""
        known = cart.get("shippingAddress") or {}
        buyer = self._project.shelves["customer"].by_id.get(cart.get("customerId", "")) or known
        return names_of(buyer) if buyer else (dice.choice(FIRST), dice.choice(LAST))

    def _reprice(
        self, cart: Resource, changes: Mapping[str, Any], lines: Sequence[Line], what: str, given: Mapping[str, Any]
    ) -> Resource:  # fmt: skip
        """Change a cart, and what follows from that of its amounts."""
        priced = self._priced({**cart, **changes}, lines, _currency(cart))
        return self._floor.change("cart", cart, {**changes, **priced}, what, given)

    def _priced(self, cart: Mapping[str, Any], lines: Sequence[Line], currency: str) -> dict[str, Any]:
        """Return the fields of a cart that follow from what is in it, where it goes and how it is sent."""
        cost = 500 if currency == "JPY" else 490
        is_taxed, is_sent = "shippingAddress" in cart, "shippingInfo" in cart
        basket = Basket(
            currency=currency, country=cart["country"], store=cart["store"]["key"], lines=[*lines],
            shipments=[Shipment(key="standard", name="Standard", cents=cost)] if is_sent else [],
            tax=Tax.of(cart["country"]) if is_taxed else None,
        )  # fmt: skip
        found = basket.amounts() | {"taxMode": "Platform"}
        found["lineItems"] = self._named(found["lineItems"], cart.get("lineItems", ()))
        found["totalLineItemQuantity"] = sum(line.quantity for line in lines) or None
        if is_sent:
            return found | {"shippingInfo": basket.sent_to(cart["shippingAddress"])["shippingInfo"]}
        return {name: value for name, value in found.items() if name != "taxedShippingPrice"}

    def _named(self, lines: Sequence[Any], before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return lines with the ids that they had, or with new ones."""
        ids = {each["productKey"]: each["id"] for each in before}
        return [each | {"id": ids.get(each["productKey"]) or self._project.new_id("cart")} for each in lines]


def placed(copied: Mapping[str, Any], *, number: int, is_paid: bool) -> dict[str, Any]:
    """Return an order of what was copied of a cart, as it is when it was just placed."""
    return {
        "type": "Order", **copied, "orderNumber": f"A-{10000 + number}", "orderState": "Open",
        "paymentState": "Paid" if is_paid else "Pending", "shipmentState": "Pending", "syncInfo": [],
        "returnInfo": [], "state": ref("state", "picking"),
    }  # fmt: skip


def _has_goods(cart: Resource) -> bool:
    return bool(cart["lineItems"])


def _currency(cart: Mapping[str, Any]) -> str:
    return str(cart["totalPrice"]["currencyCode"])


def _line(key: str, quantity: int, currency: str) -> Line:
    return Line(goods=BY_KEY[key], quantity=quantity, unit=BY_KEY[key].price(currency))


def _lines_of(cart: Mapping[str, Any]) -> list[Line]:
    """Return what is in a cart, at the prices it has there."""
    return [
        Line(
            goods=BY_KEY[each["productKey"]], quantity=each["quantity"],
            unit=each["price"]["value"]["centAmount"], variant=each["variant"]["id"],
        )
        for each in cart["lineItems"]
    ]  # fmt: skip


def _summed(goods: Sequence[Sequence[Any]]) -> dict[str, int]:
    """Return quantities by key, each key once."""
    found: dict[str, int] = {}
    for key, quantity in goods:
        found[key] = found.get(key, 0) + int(quantity)
    return found


def _otherwise(dice: random.Random, held: Mapping[str, int]) -> dict[str, int]:
    """Return other goods than those held: one more, one kind fewer, or another quantity of one."""
    goods, way = dict(held), dice.randrange(3)
    absent = [each.key for each in GOODS if each.key not in goods]
    if way == 0 and len(goods) > 1:
        del goods[dice.choice([*goods])]
    elif absent and (way == 1 or not goods):
        goods[dice.choice(absent)] = 1
    else:
        goods[dice.choice([*goods])] += 1
    return goods
