"""
A shop: believable customers and orders, a past, and a life.

Everything comes from seeded dice.  Money adds up: line totals, shipping and tax make the
order's total, in minor units of three currencies, one of them without any.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.commercetools.project import Project, Resource, stamp

FIRST = [
    "Ann",
    "Zoë",
    "Łukasz",
    "Émile",
    "Jürgen",
    "Søren",
    "Chloé",
    "Márta",
    "Niamh",
    "José",
    "Ines",
    "Björk",
    "Ottilie",
    "Mei",
    "Kenji",
    "Priya",
    "Omar",
    "Lena",
    "Tom",
    "Ruth",
    "Ida",
    "Noah",
    "Elif",
    "Renée",
]
LAST = [
    "Lee",
    "Müller",
    "O'Neill",
    "Dubois",
    "García",
    "Østergård",
    "Kowalski",
    "Nagy",
    "Tanaka",
    "Šimić",
    "Brontë",
    "Okafor",
    "van-Dijk",
    "Rossi",
    "Weiß",
    "Lindqvist",
    "Ferreira",
    "Haddad",
    "Novák",
    "Walsh",
]
PLACES = (
    ("DE", "Berlin", "10115", "Ringstraße", "de-DE", "EUR", "de"),
    ("FR", "Lyon", "69001", "Rue Mercière", "fr-FR", "EUR", "fr"),
    ("GB", "Leeds", "LS1 4AP", "Park Row", "en-GB", "GBP", "uk"),
    ("JP", "Osaka", "530-0001", "Umeda", "ja-JP", "JPY", "jp"),
)
DIGITS = {"EUR": 2, "GBP": 2, "JPY": 0}
PRODUCTS = (
    ("shoe", {"de": "Schuh", "en": "Shoe", "fr": "Chaussure", "ja": "靴"}, 5900),
    ("scarf", {"de": "Schal", "en": "Scarf", "fr": "Écharpe", "ja": "マフラー"}, 2450),
    ("lamp", {"de": "Lampe", "en": "Lamp", "fr": "Lampe", "ja": "ランプ"}, 12900),
    ("mug", {"de": "Becher", "en": "Mug", "fr": "Tasse", "ja": "マグ"}, 1290),
    ("book", {"de": "Buch", "en": "Book", "fr": "Livre", "ja": "本"}, 1999),
)
TAX = {"EUR": 0.19, "GBP": 0.2, "JPY": 0.1}
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

    # -- the past ---------------------------------------------------------------------

    def fill(self, *, customers: int, orders: int, seed: int, guests: float = 0.1) -> dict[str, int]:
        """Make a past of about a year."""
        dice = random.Random(seed)
        people = []
        for _ in range(customers):
            born = datetime.now(UTC) - timedelta(seconds=dice.randrange(3600, 365 * 86400))
            people.append(self.sign_up(dice, past=born, visible_after_seconds=0.0))
        for _ in range(orders):
            buyer = None if dice.random() < guests or not people else dice.choice(people)
            placed = datetime.now(UTC) - timedelta(seconds=dice.randrange(600, 300 * 86400))
            self.order(dice, buyer=buyer, past=placed, visible_after_seconds=0.0)
        return {"customers": customers, "orders": orders}

    # -- happenings -------------------------------------------------------------------

    def happen(self, dice: random.Random) -> str:
        """Let one thing happen, and say what."""
        kind = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        return kind if self.do(kind, dice) is not None else "nothing"

    def do(self, kind: str, dice: random.Random, **given: Any) -> Resource | None:
        """Let *kind* happen, with the values given; None where there is nobody to do it."""
        ways: Mapping[str, Callable[..., Resource | None]] = {
            "sign_up": self.sign_up, "edit": self.edit, "change_email": self.change_email,
            "order": self.order_of_someone, "guest_order": self.order, "pay": self.pay,
            "ship": self.ship, "complete": self.complete, "cancel": self.cancel, "delete": self.delete,
        }  # fmt: skip
        return ways[kind](dice, **given)

    def sign_up(self, dice: random.Random, *, past: datetime | None = None, **given: Any) -> Resource:
        """Somebody signs up; now and then under an address that somebody else gave up."""
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
            "customerNumber": f"C{10000 + self._count}", "locale": place[4], "addresses": [address],
            "defaultBillingAddressId": "home", "defaultShippingAddressId": "home",
            "billingAddressIds": ["home"], "shippingAddressIds": ["home"], "isEmailVerified": True,
            "authenticationMode": "Password", "password": "****Kx8=",
            "stores": [{"typeId": "store", "key": given["store"]}] if given.get("store") else [],
        }  # fmt: skip
        return self._project.add("customer", _aged(customer, past), what="sign_up", **_timing(given))

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
                    {"locale": dice.choice(PLACES)[4]},
                ]
            )
        return self._project.change("customer", customer["id"], changes, what="edited", **_timing(given))

    def change_email(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody takes another address."""
        customer = self._pick("customer", dice, given.get("customer"))
        if customer is None:
            return None
        email = given.get("email") or self._email(dice, *_names(customer))
        if not given.get("email"):
            self._freed.append(customer["email"])
        return self._project.change(
            "customer", customer["id"], {"email": email}, what="email_changed", **_timing(given)
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
        """Somebody orders; without a buyer it is a guest."""
        place = dice.choice(PLACES)
        currency, self._count = place[5], self._count + 1
        first, last = _names(buyer) if buyer else (dice.choice(FIRST), dice.choice(LAST))
        lines = [_line(dice, currency, number) for number in range(1, dice.randrange(1, 5) + 1)]
        shipping = _money(currency, 490 if DIGITS[currency] else 500)
        gross = sum(line["totalPrice"]["centAmount"] for line in lines) + shipping["centAmount"]
        address = self._address(dice, place, first, last)
        who: dict[str, Any] = (
            {"customerId": buyer["id"]} if buyer else {"anonymousId": self._project.new_id()}
        )
        email = given.get("email") or (buyer["email"] if buyer else self._email(dice, first, last))
        order = who | {
            "orderNumber": f"A-{10000 + self._count}", "customerEmail": email, "orderState": "Open",
            "paymentState": "Pending", "shipmentState": "Pending", "origin": "Customer",
            "country": place[0], "locale": place[4], "shippingMode": "Single", "taxMode": "Platform",
            "taxRoundingMode": "HalfEven", "taxCalculationMode": "LineItemLevel", "inventoryMode": "None",
            "store": {"typeId": "store", "key": place[6]}, "totalPrice": _money(currency, gross),
            "taxedPrice": _taxed(currency, gross), "lineItems": lines, "customLineItems": [],
            "shippingInfo": {
                "shippingMethodName": "Standard", "price": shipping,
                "shippingRate": {"price": shipping, "tiers": []}, "shippingMethodState": "MatchesCart",
                "deliveries": [], "taxedPrice": _taxed(currency, shipping["centAmount"]),
            },
            "shipping": [], "discountCodes": [], "refusedGifts": [], "syncInfo": [],
            "cart": {"typeId": "cart", "id": self._project.new_id()},
            "billingAddress": address, "shippingAddress": address,
        }  # fmt: skip
        return self._project.add("order", _aged(order, past), what="ordered", **_timing(given))

    def pay(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is paid."""
        return self._advance(dice, given, {"paymentState": "Paid"}, "payment", paymentState="Pending")

    def ship(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is shipped."""
        changes = {"shipmentState": "Shipped", "orderState": "Confirmed"}
        return self._advance(dice, given, changes, "shipment", paymentState="Paid", orderState="Open")

    def complete(self, dice: random.Random, **given: Any) -> Resource | None:
        """An order is delivered and complete."""
        changes = {"shipmentState": "Delivered", "orderState": "Complete"}
        return self._advance(dice, given, changes, "completed", shipmentState="Shipped")

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
        **needs: str,
    ) -> Resource | None:
        order = self._pick("order", dice, given.get("order"), **({} if given.get("order") else needs))
        if order is None:
            return None
        return self._project.change("order", order["id"], changes, what=what, **_timing(given))

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

    def _address(self, dice: random.Random, place: tuple[str, ...], first: str, last: str) -> dict[str, Any]:
        return {
            "firstName": first, "lastName": last, "streetName": place[3],
            "streetNumber": str(dice.randrange(1, 99)), "postalCode": place[2], "city": place[1],
            "country": place[0], "phone": f"+49 30 {dice.randrange(100000, 999999)}",
        }  # fmt: skip


def _names(customer: Resource) -> tuple[str, str]:
    """Return first and last name; whom the API made may lack them."""
    return customer.get("firstName", ""), customer.get("lastName", "")


def _money(currency: str, cents: int) -> dict[str, Any]:
    return {
        "type": "centPrecision", "currencyCode": currency, "centAmount": cents,
        "fractionDigits": DIGITS[currency],
    }  # fmt: skip


def _taxed(currency: str, gross: int) -> dict[str, Any]:
    rate = TAX[currency]
    net = round(gross / (1 + rate))
    portion = {"rate": rate, "name": "VAT", "amount": _money(currency, gross - net)}
    return {
        "totalNet": _money(currency, net), "totalGross": _money(currency, gross),
        "totalTax": _money(currency, gross - net), "taxPortions": [portion],
    }  # fmt: skip


def _line(dice: random.Random, currency: str, number: int) -> dict[str, Any]:
    key, names, price = dice.choice(PRODUCTS)
    quantity = dice.choice((1, 1, 1, 2, 3))
    unit = price if DIGITS[currency] else price // 100 * 100
    total = unit * quantity
    return {
        "id": f"line-{number}", "productId": f"p-{key}", "productKey": key, "name": names,
        "productType": {"typeId": "product-type", "id": "pt-1"}, "quantity": quantity,
        "variant": {"id": 1, "sku": f"SKU-{key}", "prices": [], "images": [], "attributes": []},
        "price": {"id": f"price-{key}", "value": _money(currency, unit)},
        "discountedPricePerQuantity": [], "totalPrice": _money(currency, total),
        "taxedPrice": _taxed(currency, total), "state": [], "priceMode": "Platform",
        "lineItemMode": "Standard", "perMethodTaxRate": [], "taxedPricePortions": [],
        "taxRate": {"name": "VAT", "amount": TAX[currency], "includedInPrice": True, "country": "DE"},
    }  # fmt: skip


def _aged(resource: dict[str, Any], past: datetime | None) -> dict[str, Any]:
    return resource | ({"createdAt": stamp(past), "lastModifiedAt": stamp(past)} if past else {})


def _timing(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("visible_after_seconds", "stamp_behind_seconds")
    return {name: float(given[name]) for name in names if given.get(name) is not None}


def counted(kinds: list[str]) -> dict[str, int]:
    """Return how often each kind happened."""
    return dict(Counter(kinds))
