"""An order on the wire."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.event import EventItem
from ct_ac_sync.domain.order import DiscountCode, LineItem, Order, Parcel, ReturnedItem, Shipping
from ct_ac_sync.schemas.base import (
    InboundSchema,
    Instant,
    Localized,
    MoneyField,
    PointerField,
    Reference,
    version_field,
)
from ct_ac_sync.schemas.commercetools.common import AddressSchema
from ct_ac_sync.schemas.commercetools.payment import PaymentReferenceSchema
from ct_ac_sync.schemas.commercetools.price import (
    DiscountedSchema,
    MethodTaxRateSchema,
    PriceSchema,
    TaxedSchema,
    TaxRateSchema,
    TotalDiscountSchema,
    UnitsSchema,
    tier_price,
)


class _Image(InboundSchema):
    url = fields.String()


class _Variant(InboundSchema):
    id = fields.Integer()
    sku = fields.String()
    images = fields.List(fields.Nested(_Image))


class _ItemState(InboundSchema):
    state = PointerField()


class _AnyLine(InboundSchema):
    """What lines of both kinds have."""

    id = fields.String(required=True)
    name = Localized(required=True)
    total_price = MoneyField(data_key="totalPrice", required=True)
    units = fields.List(fields.Nested(UnitsSchema), data_key="discountedPricePerQuantity", load_default=list)
    discounted = fields.Nested(DiscountedSchema, data_key="discountedPrice")
    taxed = fields.Nested(TaxedSchema, data_key="taxedPrice")
    tax_rate = fields.Nested(TaxRateSchema, data_key="taxRate")
    method_rates = fields.List(
        fields.Nested(MethodTaxRateSchema), data_key="perMethodTaxRate", load_default=list
    )
    states = fields.List(fields.Nested(_ItemState), data_key="state", load_default=list)


def _shared(data: dict[str, Any]) -> dict[str, Any]:
    """
    Take from *data* what lines of both kinds have, as their value has it.

    A discounted price of all units stands in the oldest orders only, beside or before the
    prices by quantity, and may be an average where these are there.
    """
    discounted, units = data.pop("discounted", None), tuple(data.pop("units"))
    if discounted is not None and not units:
        units = (discounted._replace(quantity=data["quantity"]),)
    rates = [data.pop("tax_rate", None), *(each.get("rate") for each in data.pop("method_rates"))]
    return {
        "units": units,
        "tax_rates": tuple(rate for rate in rates if rate is not None),
        "states": tuple(each["state"] for each in data.pop("states") if "state" in each),
    }


class LineSchema(_AnyLine):
    """A line of an order or cart that is a product."""

    product_id = fields.String(data_key="productId", required=True)
    product_key = fields.String(data_key="productKey")
    variant = fields.Nested(_Variant)
    quantity = fields.Integer(required=True, strict=True)
    price = fields.Nested(PriceSchema, required=True)
    mode = fields.String(data_key="lineItemMode")
    price_mode = fields.String(data_key="priceMode")
    distribution = PointerField(data_key="distributionChannel")
    supply = PointerField(data_key="supplyChannel")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> LineItem:
        """Return the value."""
        variant, price = data.pop("variant", {}), data.pop("price")
        images = variant.get("images") or []
        channels = (data.pop("distribution", None), data.pop("supply", None))
        return LineItem(
            variant_id=str(variant.get("id", "")),
            sku=variant.get("sku"),
            image_url=images[0].get("url") if images else None,
            unit_price=(price.get("discounted") or price)["value"],
            full_price=price["value"],
            tier_price=tier_price(price, data["quantity"]),
            is_gift=data.pop("mode", None) == "GiftLineItem",
            has_external_total=data.pop("price_mode", None) == "ExternalTotal",
            channels=tuple(channel for channel in channels if channel is not None),
            **_shared(data),
            **data,
        )


class CustomLineSchema(_AnyLine):
    """A line of an order or cart that is no product."""

    slug = fields.String()
    money = MoneyField(required=True)
    quantity = fields.Integer(load_default=1, strict=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> LineItem:
        """Return the value."""
        price = data.pop("money")
        return LineItem(
            product_id=data.pop("slug", None) or data["id"],
            variant_id="",
            sku=None,
            unit_price=price,
            full_price=price,
            is_custom=True,
            **_shared(data),
            **data,
        )


# -- shippings ------------------------------------------------------------------------


class _ContentSchema(InboundSchema):
    line = fields.String(data_key="id", load_default="")
    quantity = fields.Integer(load_default=0, strict=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> EventItem:
        return EventItem(**data)


class _TrackingSchema(InboundSchema):
    number = fields.String(data_key="trackingId", load_default="")
    carrier = fields.String(load_default="")
    is_return = fields.Boolean(data_key="isReturn", load_default=False)


class _ParcelSchema(InboundSchema):
    id = fields.String(load_default="")
    tracking = fields.Nested(_TrackingSchema, data_key="trackingData", load_default=dict)
    items = fields.List(fields.Nested(_ContentSchema), load_default=list)


class _DeliverySchema(InboundSchema):
    id = fields.String(load_default="")
    items = fields.List(fields.Nested(_ContentSchema), load_default=list)
    parcels = fields.List(fields.Nested(_ParcelSchema), load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> tuple[Parcel, ...]:
        return tuple(
            Parcel(
                id=each["id"],
                delivery=data["id"],
                tracking=each["tracking"].get("number", ""),
                carrier=each["tracking"].get("carrier", ""),
                items=tuple(each["items"] or data["items"]),
                is_return=each["tracking"].get("is_return", False),
            )
            for each in data["parcels"]
        )


class _Shipped(NamedTuple):
    """A shipping, and what was sent by it."""

    shipping: Shipping
    parcels: tuple[Parcel, ...]


class _Shipping(InboundSchema):
    method = fields.String(data_key="shippingMethodName")
    price = MoneyField()
    discounted = fields.Nested(DiscountedSchema, data_key="discountedPrice")
    taxed = fields.Nested(TaxedSchema, data_key="taxedPrice")
    tax_rate = fields.Nested(TaxRateSchema, data_key="taxRate")
    deliveries = fields.List(fields.Nested(_DeliverySchema), load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> _Shipped:
        parcels = tuple(parcel for delivery in data.pop("deliveries") for parcel in delivery)
        return _Shipped(Shipping(**data), parcels)


class _Shipment(InboundSchema):
    info = fields.Nested(_Shipping, data_key="shippingInfo")
    address = fields.Nested(AddressSchema, data_key="shippingAddress")


# -- codes, returns, payments ---------------------------------------------------------


class _Code(InboundSchema):
    code = fields.String(load_default="")
    discounts = fields.List(Reference(), data_key="cartDiscounts", load_default=list)


class _CodeReference(InboundSchema):
    id = fields.String(load_default="")
    whole = fields.Nested(_Code, data_key="obj", load_default=dict)


class _CodeInfo(InboundSchema):
    reference = fields.Nested(_CodeReference, data_key="discountCode", required=True)
    state = fields.String(load_default="MatchesCart")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> DiscountCode:
        reference, whole = data["reference"], data["reference"]["whole"]
        return DiscountCode(
            id=reference["id"],
            code=whole.get("code", ""),
            discounts=tuple(whole.get("discounts", ())),
            is_applied=data["state"] == "MatchesCart",
        )


class _ReturnedItem(InboundSchema):
    id = fields.String(load_default="")
    line = fields.String(data_key="lineItemId", load_default="")
    custom_line = fields.String(data_key="customLineItemId", load_default="")
    quantity = fields.Integer(load_default=0, strict=True)
    shipment_state = fields.String(data_key="shipmentState")
    payment_state = fields.String(data_key="paymentState")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ReturnedItem:
        custom_line = data.pop("custom_line")
        return ReturnedItem(**data | {"line": data["line"] or custom_line})


class _Return(InboundSchema):
    items = fields.List(fields.Nested(_ReturnedItem), load_default=list)


class _PaymentInfo(InboundSchema):
    payments = fields.List(fields.Nested(PaymentReferenceSchema), load_default=list)


class OrderSchema(InboundSchema):
    """An order; unknown states are kept as they come."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    order_number = fields.String(data_key="orderNumber")
    customer_id = fields.String(data_key="customerId")
    customer_email = fields.String(data_key="customerEmail")
    customer_group = PointerField(data_key="customerGroup")
    locale = fields.String()
    country = fields.String()
    origin = fields.String()
    store_key = Reference(data_key="store")
    order_state = fields.String(required=True, data_key="orderState")
    payment_state = fields.String(data_key="paymentState")
    shipment_state = fields.String(data_key="shipmentState")
    workflow = PointerField(data_key="state")
    total_price = MoneyField(required=True, data_key="totalPrice")
    tax_mode = fields.String(data_key="taxMode")
    taxed = fields.Nested(TaxedSchema, data_key="taxedPrice")
    taxed_shipping = fields.Nested(TaxedSchema, data_key="taxedShippingPrice")
    shipping_mode = fields.String(data_key="shippingMode")
    shipping_info = fields.Nested(_Shipping, data_key="shippingInfo")
    shipping = fields.List(fields.Nested(_Shipment), load_default=list)
    total_discount = fields.Nested(TotalDiscountSchema, data_key="discountOnTotalPrice")
    discount_codes = fields.List(fields.Nested(_CodeInfo), data_key="discountCodes", load_default=list)
    direct_discounts = fields.List(Reference(), data_key="directDiscounts", load_default=list)
    line_items = fields.List(fields.Nested(LineSchema), data_key="lineItems", load_default=list)
    custom_line_items = fields.List(
        fields.Nested(CustomLineSchema), data_key="customLineItems", load_default=list
    )
    returns = fields.List(fields.Nested(_Return), data_key="returnInfo", load_default=list)
    payment_info = fields.Nested(_PaymentInfo, data_key="paymentInfo", load_default=dict)
    billing_address = fields.Nested(AddressSchema, data_key="billingAddress")
    shipping_address = fields.Nested(AddressSchema, data_key="shippingAddress")
    cart_id = Reference(data_key="cart")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Order:
        """Return the value."""
        shipments = data.pop("shipping")
        payments = data.pop("payment_info").get("payments", ())
        if "shipping_address" not in data and shipments:
            data["shipping_address"] = shipments[0].get("address")
        shipped = [data.get("shipping_info"), *(each.get("info") for each in shipments)]
        return Order(
            parcels=_parcels(each for each in shipped if each is not None),
            shippings=tuple(each.shipping for each in _shippings(data, shipments)),
            discount_codes=tuple(data.pop("discount_codes")),
            direct_discounts=tuple(data.pop("direct_discounts")),
            line_items=(*data.pop("line_items"), *data.pop("custom_line_items")),
            returns=tuple(item for each in data.pop("returns") for item in each["items"]),
            payments=tuple(each["whole"] for each in payments if "whole" in each),
            has_unseen_payments=any("whole" not in each for each in payments),
            **data,
        )


def _parcels(shipped: Iterable[_Shipped]) -> tuple[Parcel, ...]:
    """Return the parcels of all shippings, each once; without an id none could be told from another."""
    unique = {parcel.id: parcel for each in shipped for parcel in each.parcels if parcel.id}
    return tuple(unique.values())


def _shippings(data: dict[str, Any], shipments: list[dict[str, Any]]) -> tuple[_Shipped, ...]:
    """Take the shippings from *data*: one of single mode, those of multiple mode, else all there are."""
    mode, single = data.pop("shipping_mode", None), data.pop("shipping_info", None)
    several = [each["info"] for each in shipments if "info" in each]
    if mode == "Multiple" and several:
        return tuple(several)
    if mode == "Single" and single:
        return (single,)
    return tuple([single, *several] if single else several)
