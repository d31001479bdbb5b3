"""Prices on the wire: with tax, and with what discounts take off them."""

from typing import Any

from marshmallow import fields, post_load

from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import (
    DiscountedUnits,
    IncludedDiscount,
    LocalizedText,
    Taxed,
    TaxPortion,
    TaxRate,
    TotalDiscount,
)
from ct_ac_sync.schemas.base import InboundSchema, Localized, MoneyField


class PricedSchema(InboundSchema):
    """A value alone."""

    value = MoneyField(required=True)


class _TierSchema(PricedSchema):
    least = fields.Integer(data_key="minimumQuantity", load_default=1, strict=True)


class PriceSchema(PricedSchema):
    """A price, what product discounts make of it, and what it is for many."""

    discounted = fields.Nested(PricedSchema)
    tiers = fields.List(fields.Nested(_TierSchema), load_default=list)


def tier_price(price: dict[str, Any], quantity: int) -> Money | None:
    """Return the price of the highest tier that *quantity* reaches; None below all of them."""
    reached = [tier for tier in price["tiers"] if tier["least"] <= quantity]
    found: Money | None = max(reached, key=lambda tier: int(tier["least"]))["value"] if reached else None
    return found


class _PortionSchema(InboundSchema):
    name = fields.String(load_default="")
    amount = MoneyField(required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TaxPortion:
        return TaxPortion(**data)


class TaxedSchema(InboundSchema):
    """An amount with its tax; what is missing is not known."""

    net = MoneyField(data_key="totalNet")
    gross = MoneyField(data_key="totalGross")
    tax = MoneyField(data_key="totalTax")
    portions = fields.List(fields.Nested(_PortionSchema), data_key="taxPortions")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Taxed:
        """Return the value."""
        return Taxed(**data | {"portions": tuple(data.get("portions", ()))})


class TaxRateSchema(InboundSchema):
    """A rate; its sub-rates are rounded each on its own (vendor documentation, TaxRate)."""

    is_included = fields.Boolean(data_key="includedInPrice")
    parts = fields.List(fields.Raw(), data_key="subRates")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TaxRate:
        """Return the value."""
        return TaxRate(data.get("is_included"), max(1, len(data.get("parts", ()))))


class MethodTaxRateSchema(InboundSchema):
    """The rate of a line for one of several shipping methods."""

    rate = fields.Nested(TaxRateSchema, data_key="taxRate")


class _Discount(InboundSchema):
    name = Localized()


class _DiscountReference(InboundSchema):
    id = fields.String(load_default="")
    whole = fields.Nested(_Discount, data_key="obj", load_default=dict)


class _IncludedSchema(InboundSchema):
    discount = fields.Nested(_DiscountReference, required=True)
    amount = MoneyField(data_key="discountedAmount", required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> IncludedDiscount:
        discount = data["discount"]
        name = discount["whole"].get("name", LocalizedText(()))
        return IncludedDiscount(discount["id"], data["amount"], name)


class DiscountedSchema(PricedSchema):
    """A price after discounts, of one unit."""

    discounts = fields.List(fields.Nested(_IncludedSchema), data_key="includedDiscounts", load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> DiscountedUnits:
        """Return the value."""
        return DiscountedUnits(1, data["value"], tuple(data["discounts"]))


class UnitsSchema(InboundSchema):
    """Some units of a line and the price of each."""

    quantity = fields.Integer(required=True, strict=True)
    one = fields.Nested(DiscountedSchema, data_key="discountedPrice", required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> DiscountedUnits:
        """Return the value."""
        one: DiscountedUnits = data["one"]
        return one._replace(quantity=data["quantity"])


class TotalDiscountSchema(InboundSchema):
    """A discount on the total price."""

    amount = MoneyField(data_key="discountedAmount")
    discounts = fields.List(fields.Nested(_IncludedSchema), data_key="includedDiscounts", load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TotalDiscount | None:
        """Return the value; None without an amount."""
        if "amount" not in data:
            return None
        return TotalDiscount(amount=data["amount"], discounts=tuple(data["discounts"]))
