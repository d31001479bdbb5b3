"""
A basket: how goods, discounts, shipping and tax become an order's amounts.

Whatever is in it, the parts add up: lines, custom lines and shipping, less a discount on the total, are the
total; net and tax of all parts are net and tax of the order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ct_ac_sync.sandbox.commercetools.catalogue import BY_KEY, Goods, id_of, ref
from ct_ac_sync.sandbox.commercetools.money import Json, Tax, money, part, shares, taxed


@dataclass(slots=True)
class Portion:
    """Units of a line at one price, with the cart discounts that are in it."""

    quantity: int
    cents: int
    included: list[tuple[str, int]] = field(default_factory=list)

    def take(self, discount: str, permyriad: int) -> None:
        """Take a share off the price of each unit."""
        amount = part(self.cents, permyriad)
        self.cents -= amount
        self.included.append((discount, amount))


@dataclass(slots=True, kw_only=True)
class Line:
    """
    Goods in a basket.

    Attributes:
        sale: The price after a product discount.
        portions: Prices after cart discounts, which may differ from unit to unit.
        method: Of a basket with several shipments, the key of this line's.
    """

    goods: Goods
    quantity: int
    unit: int
    variant: int = 1
    sale: int | None = None
    portions: list[Portion] = field(default_factory=list)
    is_gift: bool = False
    method: str = ""

    @property
    def price(self) -> int:
        """What one unit costs before cart discounts."""
        return self.unit if self.sale is None else self.sale

    @property
    def total(self) -> int:
        """What all units cost."""
        if self.portions:
            return sum(each.quantity * each.cents for each in self.portions)
        return self.quantity * self.price

    def take(self, discount: str, permyriad: int) -> None:
        """Take a cart discount off every unit."""
        self.portions = self.portions or [Portion(self.quantity, self.price)]
        for each in self.portions:
            each.take(discount, permyriad)


@dataclass(slots=True, kw_only=True)
class Shipment:
    """A shipping method and what it costs, before and after a discount."""

    key: str
    name: str
    cents: int
    discounted: int | None = None

    @property
    def total(self) -> int:
        """What it costs."""
        return self.cents if self.discounted is None else self.discounted


@dataclass(slots=True, kw_only=True)
class Basket:
    """
    What somebody buys.

    Attributes:
        tax: None where the order is not taxed at all.
        custom: Custom lines: slug and amount, which may be negative.
        off_total: A discount on the total, in ten-thousandths.
    """

    currency: str
    country: str
    store: str
    lines: list[Line]
    shipments: list[Shipment]
    tax: Tax | None = None
    custom: list[tuple[str, int]] = field(default_factory=list)
    off_total: int = 0
    has_code: bool = False

    @classmethod
    def of(cls, *, currency: str, country: str, store: str, goods: Sequence[tuple[str, int]]) -> "Basket":
        """Return a plain basket of these quantities of goods, taxed as its country taxes."""
        return cls(
            currency=currency,
            country=country,
            store=store,
            lines=[
                Line(goods=BY_KEY[key], quantity=quantity, unit=BY_KEY[key].price(currency))
                for key, quantity in goods
            ],
            shipments=[Shipment(key="standard", name="Standard", cents=500 if currency == "JPY" else 490)],
            tax=Tax.of(country),
        )

    # -- amounts ----------------------------------------------------------------------

    @property
    def _prices(self) -> list[int]:
        """What each part costs: lines, custom lines, shipments."""
        return [
            *(line.total for line in self.lines),
            *(cents for _, cents in self.custom),
            *(each.total for each in self.shipments),
        ]

    def amounts(self) -> Json:
        """Return the fields of the order that hold amounts."""
        before = self._prices
        off = part(sum(before), self.off_total)
        after = [price - share for price, share in zip(before, shares(off, before), strict=True)]
        lines = [self._line(line, number) for number, line in enumerate(self.lines, 1)]
        found = {
            "totalPrice": money(self.currency, sum(after)), "lineItems": lines,
            "customLineItems": [self._custom_line(*each) for each in self.custom],
            "taxMode": "Platform" if self.tax else "Disabled", "taxRoundingMode": "HalfEven",
            "taxCalculationMode": "LineItemLevel", "priceRoundingMode": "HalfEven", "refusedGifts": [],
            "discountCodes": [{"discountCode": ref("discount-code", "welcome"), "state": "MatchesCart"}]
            if self.has_code
            else [],
            "directDiscounts": [], "discountTypeCombination": {"type": "Stacking"},
        }  # fmt: skip
        return found | self._taxes(before, after) | (self._off_total(before, after) if off else {})

    def _taxes(self, before: list[int], after: list[int]) -> Json:
        if self.tax is None:
            return {}
        first = len(before) - len(self.shipments)
        return {
            "taxedPrice": taxed(self.currency, after, self.tax),
            "taxedShippingPrice": taxed(self.currency, after[first:], self.tax),
        }

    def _off_total(self, before: list[int], after: list[int]) -> Json:
        amount = money(self.currency, sum(before) - sum(after))
        discount = ref("cart-discount", "five-off-all")
        found = {
            "discountedAmount": amount,
            "includedDiscounts": [{"discount": discount, "discountedAmount": amount}],
        }
        if self.tax is not None:
            was, now = (taxed(self.currency, each, self.tax) for each in (before, after))
            for name, total in (("discountedNetAmount", "totalNet"), ("discountedGrossAmount", "totalGross")):
                cents = was[total]["centAmount"] - now[total]["centAmount"]
                found[name] = money(self.currency, cents)
        return {"discountOnTotalPrice": found}

    # -- parts ------------------------------------------------------------------------

    def _line(self, line: Line, number: int) -> Json:
        goods, price = line.goods, self._price(line)
        return {
            "id": f"line-{number}", "productId": id_of("product", goods.key), "productKey": goods.key,
            "name": dict(goods.name), "productSlug": goods.slug, "quantity": line.quantity,
            "productType": ref("product-type", "goods"), "variant": goods.variant(line.variant),
            "price": price, "totalPrice": money(self.currency, line.total),
            "discountedPricePerQuantity": [
                {"quantity": each.quantity, "discountedPrice": self._discounted(each.cents, each.included)}
                for each in line.portions
            ],
            "priceMode": "Platform", "lineItemMode": "GiftLineItem" if line.is_gift else "Standard",
            "distributionChannel": ref("channel", f"web-{self.store}"),
            **self._item(line.total, line.quantity, line.method),
        }  # fmt: skip

    def _price(self, line: Line) -> Json:
        row = {
            "id": f"price-{line.goods.key}-{self.currency.lower()}",
            "value": money(self.currency, line.unit),
        }
        if line.sale is None:
            return row
        discount = ref("product-discount", "season")
        return row | {"discounted": {"value": money(self.currency, line.sale), "discount": discount}}

    def _custom_line(self, slug: str, cents: int) -> Json:
        method = self.shipments[0].key if len(self.shipments) > 1 else ""
        return {
            "id": f"custom-{slug}", "slug": slug, "quantity": 1, "money": money(self.currency, cents),
            "name": {"de-DE": "Gutschein", "fr-CH": "Bon", "en-GB": "Voucher"},
            "totalPrice": money(self.currency, cents), "discountedPricePerQuantity": [],
            "priceMode": "Standard", **self._item(cents, 1, method),
        }  # fmt: skip

    def _item(self, cents: int, quantity: int, method: str) -> Json:
        """Return what lines and custom lines share: state, tax, and where they are sent."""
        found: Json = {
            "state": [{"quantity": quantity, "state": ref("state", "Initial")}],
            "perMethodTaxRate": [], "taxedPricePortions": [],
        }  # fmt: skip
        if method:
            target = {"addressKey": "home", "quantity": quantity, "shippingMethodKey": method}
            found["shippingDetails"] = {"targets": [target], "valid": True}
        if self.tax is None:
            return found
        found["taxedPrice"] = taxed(self.currency, [cents], self.tax)
        if not method:
            return found | {"taxRate": self.tax.row}
        return found | {
            "perMethodTaxRate": [{"shippingMethodKey": method, "taxRate": self.tax.row}],
            "taxedPricePortions": [{"shippingMethodKey": method, "taxedPrice": found["taxedPrice"]}],
        }

    def _discounted(self, cents: int, included: Sequence[tuple[str, int]]) -> Json:
        return {
            "value": money(self.currency, cents),
            "includedDiscounts": [
                {"discount": ref("cart-discount", key), "discountedAmount": money(self.currency, amount)}
                for key, amount in included
            ],
        }

    def sent_to(self, address: Mapping[str, Any]) -> Json:
        """Return the fields of the order that say how it is sent."""
        if len(self.shipments) == 1:
            return {
                "shippingMode": "Single", "shippingInfo": self._shipping(self.shipments[0]), "shipping": [],
                "shippingAddress": dict(address), "itemShippingAddresses": [],
            }  # fmt: skip
        place = {**address, "key": "home"}
        return {
            "shippingMode": "Multiple", "itemShippingAddresses": [place],
            "shipping": [
                {"shippingKey": each.key, "shippingInfo": self._shipping(each), "shippingAddress": place}
                for each in self.shipments
            ],
        }  # fmt: skip

    def _shipping(self, shipment: Shipment) -> Json:
        price = money(self.currency, shipment.cents)
        found: Json = {
            "shippingMethodName": shipment.name, "price": price, "deliveries": [],
            "shippingRate": {"price": price, "tiers": []}, "shippingMethodState": "MatchesCart",
            "taxCategory": ref("tax-category", "standard"),
            "shippingMethod": ref("shipping-method", shipment.key),
        }  # fmt: skip
        if shipment.discounted is not None:
            taken = shipment.cents - shipment.discounted
            found["discountedPrice"] = self._discounted(shipment.discounted, [("half-shipping", taken)])
        if self.tax is not None:
            found |= {
                "taxRate": self.tax.row,
                "taxedPrice": taxed(self.currency, [shipment.total], self.tax),
            }
        return found
