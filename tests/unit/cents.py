"""Orders on the wire for proofs: made so that they add up, and broken by a cent at any place."""

import copy
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from hypothesis import strategies as st

from tests.unit.wire import an_order, money

Path = tuple[Any, ...]
#: Below these an order keeps what says nothing of it: a product's other prices, and rates of shipping.
ELSEWHERE = frozenset({"prices", "shippingRate", "taxedPricePortions"})
CURRENCIES = st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3), ("HUF0", 0)])
CART = {"typeId": "cart", "id": "k1"}


def cents_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Give the path of every amount that an order itself has."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        if key == "centAmount":
            yield (*path, key)
        elif key not in ELSEWHERE:
            yield from cents_of(each, (*path, key))


def broken(body: Any, path: Path, by: int) -> Any:
    """Return a copy of an order in which one amount is wrong."""
    document = copy.deepcopy(body)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] += by
    return document


def portions(net: int, gross: int, currency: str, digits: int) -> dict[str, Any]:
    """Return an amount with its tax and one portion."""
    tax = money(gross - net, currency, digits)
    return {
        "totalNet": money(net, currency, digits), "totalGross": money(gross, currency, digits),
        "totalTax": tax, "taxPortions": [{"name": "VAT", "rate": 0.19, "amount": tax}],
    }  # fmt: skip


def included(amount: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a discount's share."""
    return [{"discount": {"typeId": "cart-discount", "id": "d1"}, "discountedAmount": amount}]


def taxed_apart(cents: int, way: str) -> tuple[int, int]:
    """Return net and gross of a price: with 19 % in it, on top, or as somebody else has said."""
    share = {"gross": Decimal(cents) / Decimal("1.19"), "net": Decimal(cents) * Decimal("1.19")}.get(way)
    other = int(share.to_integral_value(ROUND_HALF_EVEN)) if share is not None else cents + cents // 7 + 1
    return (other, cents) if way == "gross" else (cents, other)


class Maker:
    """Makes an order's parts in one currency and one way of tax, from what hypothesis draws."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.currency, self.digits = draw(CURRENCIES)
        self.way = draw(st.sampled_from(["gross", "net", "untaxed", "external"]))
        self.numbers = 0

    def cents(self, least: int = 0, most: int = 10**7) -> int:
        """Draw an amount."""
        return self.draw(st.integers(least, most))

    def money(self, cents: int) -> dict[str, Any]:
        """Return an amount in the order's currency."""
        return money(cents, self.currency, self.digits)

    def taxed(self, part: dict[str, Any], cents: int) -> dict[str, Any]:
        """Return a part with its tax."""
        if self.way == "untaxed":
            return part
        net, gross = taxed_apart(cents, self.way)
        rate = {"amount": 0.19, "includedInPrice": self.way == "gross", "subRates": []}
        return part | {"taxRate": rate, "taxedPrice": portions(net, gross, self.currency, self.digits)}

    def line(self) -> dict[str, Any]:
        """Return a line of any kind."""
        self.numbers += 1
        quantity = self.draw(st.integers(1, 20))
        kind = self.draw(
            st.sampled_from(
                [self.plain, self.reduced, self.multi_buy, self.gift, self.precise, self.external]
            )
        )
        price, total, more = kind(quantity)
        line = {
            "id": f"l{self.numbers}", "productId": "p1", "name": {"en": "Shoe"}, "quantity": quantity,
            "price": price, "totalPrice": self.money(total), "discountedPricePerQuantity": [],
        }  # fmt: skip
        return self.taxed(line | more, total)

    def plain(self, quantity: int) -> tuple[Any, int, dict[str, Any]]:
        """A price times a quantity."""
        cents = self.cents()
        return {"value": self.money(cents)}, cents * quantity, {}

    def reduced(self, quantity: int) -> tuple[Any, int, dict[str, Any]]:
        """A product discount."""
        cents, off = self.cents(), self.cents(2)
        price = {"value": self.money(cents + off), "discounted": {"value": self.money(cents)}}
        return price, cents * quantity, {}

    def multi_buy(self, quantity: int) -> tuple[Any, int, dict[str, Any]]:
        """Some units are cheaper than others, on top of a product discount or not."""
        cents, off, cheap = self.cents(10), self.cents(2, 9), self.draw(st.integers(1, quantity))
        price: dict[str, Any] = {"value": self.money(cents)}
        if self.draw(st.booleans()):
            price = {"value": self.money(cents + 10), "discounted": {"value": self.money(cents)}}
        units = [(cheap, off), (quantity - cheap, 0)]
        shares = [
            {
                "quantity": many,
                "discountedPrice": {
                    "value": self.money(cents - less), "includedDiscounts": included(self.money(less)),
                },
            }
            for many, less in units
            if many
        ]  # fmt: skip
        return price, cents * quantity - cheap * off, {"discountedPricePerQuantity": shares}

    def gift(self, _: int) -> tuple[Any, int, dict[str, Any]]:
        """It has a price and costs nothing."""
        return {"value": self.money(self.cents())}, 0, {"lineItemMode": "GiftLineItem"}

    def precise(self, quantity: int) -> tuple[Any, int, dict[str, Any]]:
        """A price in hundredths of the minor unit, rounded after it is multiplied."""
        amount = self.cents()
        exact, cents = Decimal(amount) * quantity / 100, round(Decimal(amount) / 100)
        value = self.money(cents) | {
            "type": "highPrecision", "preciseAmount": amount, "fractionDigits": self.digits + 2,
        }  # fmt: skip
        return {"value": value}, int(exact.to_integral_value(ROUND_HALF_EVEN)), {"priceMode": "ExternalPrice"}

    def external(self, _: int) -> tuple[Any, int, dict[str, Any]]:
        """A total that somebody else has said."""
        return {"value": self.money(self.cents())}, self.cents(), {"priceMode": "ExternalTotal"}

    def custom(self) -> dict[str, Any]:
        """Return a custom line, which may be negative."""
        self.numbers += 1
        cents, quantity = self.cents(-(10**7)), self.draw(st.integers(1, 3))
        line = {
            "id": f"c{self.numbers}", "name": {"en": "Extra"}, "slug": "extra", "quantity": quantity,
            "money": self.money(cents), "totalPrice": self.money(cents * quantity),
        }  # fmt: skip
        return self.taxed(line, cents * quantity)

    def shipping(self) -> dict[str, Any]:
        """Return a shipping, discounted or not."""
        cents, off = self.cents(20), self.draw(st.sampled_from([0, 2, 5, 10]))
        info: dict[str, Any] = {"shippingMethodName": "Post", "price": self.money(cents)}
        if off:
            info["discountedPrice"] = {
                "value": self.money(cents - off), "includedDiscounts": included(self.money(off)),
            }  # fmt: skip
        return self.taxed(info, cents - off)

    def order(self) -> dict[str, Any]:
        """Return an order whose parts make its totals."""
        lines = [self.line() for _ in range(self.draw(st.integers(0, 4)))]
        extras = [self.custom() for _ in range(self.draw(st.integers(0, 2)))]
        infos = [self.shipping() for _ in range(self.draw(st.integers(0, 3)))]
        parts = [each["totalPrice"] for each in (*lines, *extras)]
        parts += [each.get("discountedPrice", {}).get("value", each["price"]) for each in infos]
        off = self.draw(st.sampled_from([0, 0, 7, 1000]))
        total = sum(each["centAmount"] for each in parts) - off
        modes = {"untaxed": "Disabled", "external": "ExternalAmount"}
        return an_order(
            cart=CART, taxMode=modes.get(self.way, "Platform"), totalPrice=self.money(total),
            lineItems=lines, customLineItems=extras, **self.shippings(infos), **self.discount(off),
            **self.totals([*lines, *extras, *infos], total, off),
        )  # fmt: skip

    def shippings(self, infos: list[dict[str, Any]]) -> dict[str, Any]:
        """Return shippings in their place: one alone, several with an address each."""
        if len(infos) == 1:
            return {"shippingMode": "Single", "shippingInfo": infos[0]}
        several = [{"shippingKey": str(n), "shippingInfo": info} for n, info in enumerate(infos)]
        return {"shippingMode": "Multiple", "shipping": several}

    def discount(self, off: int) -> dict[str, Any]:
        """Return a discount on the total price."""
        amount = self.money(off)
        known = {"discountedAmount": amount, "includedDiscounts": included(amount)}
        return {"discountOnTotalPrice": known} if off else {}

    def totals(self, parts: list[dict[str, Any]], total: int, off: int) -> dict[str, Any]:
        """Return the tax of the whole: of its parts, else of what the discount leaves."""
        if self.way == "untaxed":
            return {}
        net, gross = (
            sum(part["taxedPrice"][name]["centAmount"] for part in parts)
            for name in ("totalNet", "totalGross")
        )
        if off:
            net, gross = taxed_apart(total, self.way)
        return {"taxedPrice": portions(net, gross, self.currency, self.digits)}


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an order of any currency, way of tax, discounts and lines that adds up."""
    return Maker(draw).order()


def says_nothing(body: Any, path: Path) -> bool:
    """
    Whether an amount stands for itself alone, so that no equation can notice it.

    These are the rounded cents of a precise price, the price of a gift and of a total that was
    given, the price before a product discount, and portions that are the merchant's own.
    """
    places = [body]
    for key in path[:-1]:
        places.append(places[-1][key])
    line = places[2] if path[0] == "lineItems" else {}
    if path[0] == "lineItems" and path[2] == "price":
        is_before = "discounted" in line["price"] and path[3] == "value"
        is_given = line.get("lineItemMode") == "GiftLineItem" or line.get("priceMode") == "ExternalTotal"
        return is_before or is_given or places[-1]["type"] == "highPrecision"
    return "taxPortions" in path and body["taxMode"] == "ExternalAmount"
