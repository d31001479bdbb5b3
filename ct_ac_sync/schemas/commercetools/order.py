"""An order on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import LineItem, Order
from ct_ac_sync.schemas.base import InboundSchema, Instant, Localized, MoneyField, Reference, version_field
from ct_ac_sync.schemas.commercetools.common import AddressSchema


class _Priced(InboundSchema):
    value = MoneyField(required=True)


class _Price(_Priced):
    discounted = fields.Nested(_Priced)


class _Image(InboundSchema):
    url = fields.String()


class _Variant(InboundSchema):
    id = fields.Integer()
    sku = fields.String()
    images = fields.List(fields.Nested(_Image))


class _Taxed(InboundSchema):
    total_gross = MoneyField(data_key="totalGross")


class _Line(InboundSchema):
    id = fields.String(required=True)
    product_id = fields.String(data_key="productId", required=True)
    name = Localized(required=True)
    variant = fields.Nested(_Variant)
    quantity = fields.Integer(required=True, strict=True)
    price = fields.Nested(_Price, required=True)
    total_price = MoneyField(data_key="totalPrice", required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> LineItem:
        variant, price = data.pop("variant", {}), data.pop("price")
        images = variant.get("images") or []
        return LineItem(
            variant_id=str(variant.get("id", "")),
            sku=variant.get("sku"),
            image_url=images[0].get("url") if images else None,
            unit_price=(price.get("discounted") or price)["value"],
            **data,
        )


class _CustomLine(InboundSchema):
    id = fields.String(required=True)
    name = Localized(required=True)
    slug = fields.String()
    money = MoneyField(required=True)
    quantity = fields.Integer(load_default=1, strict=True)
    total_price = MoneyField(data_key="totalPrice", required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> LineItem:
        return LineItem(
            product_id=data.pop("slug", None) or data["id"],
            variant_id="",
            sku=None,
            unit_price=data.pop("money"),
            **data,
        )


class _Shipping(InboundSchema):
    method = fields.String(data_key="shippingMethodName")
    price = MoneyField()
    discounted = fields.Nested(_Priced, data_key="discountedPrice")
    taxed = fields.Nested(_Taxed, data_key="taxedPrice")


class _Shipment(InboundSchema):
    info = fields.Nested(_Shipping, data_key="shippingInfo")
    address = fields.Nested(AddressSchema, data_key="shippingAddress")


class _Discount(InboundSchema):
    amount = MoneyField(data_key="discountedAmount")


class OrderSchema(InboundSchema):
    """An order; unknown states are kept as they come."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    order_number = fields.String(data_key="orderNumber")
    customer_id = fields.String(data_key="customerId")
    customer_email = fields.String(data_key="customerEmail")
    locale = fields.String()
    origin = fields.String()
    store_key = Reference(data_key="store")
    order_state = fields.String(required=True, data_key="orderState")
    payment_state = fields.String(data_key="paymentState")
    shipment_state = fields.String(data_key="shipmentState")
    total_price = MoneyField(required=True, data_key="totalPrice")
    taxed = fields.Nested(_Taxed, data_key="taxedPrice")
    taxed_shipping = fields.Nested(_Taxed, data_key="taxedShippingPrice")
    shipping_info = fields.Nested(_Shipping, data_key="shippingInfo")
    shipping = fields.List(fields.Nested(_Shipment))
    discount = fields.Nested(_Discount, data_key="discountOnTotalPrice")
    line_items = fields.List(fields.Nested(_Line), data_key="lineItems")
    custom_line_items = fields.List(fields.Nested(_CustomLine), data_key="customLineItems")
    billing_address = fields.Nested(AddressSchema, data_key="billingAddress")
    shipping_address = fields.Nested(AddressSchema, data_key="shippingAddress")
    cart_id = Reference(data_key="cart")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Order:
        """Return the value."""
        shipments = data.pop("shipping", [])
        infos = [data.pop("shipping_info", None), *(each.get("info") for each in shipments)]
        infos = [info for info in infos if info]
        taxed_shipping = data.pop("taxed_shipping", {}).get("total_gross")
        if "shipping_address" not in data and shipments:
            data["shipping_address"] = shipments[0].get("address")
        return Order(
            total_gross=data.pop("taxed", {}).get("total_gross"),
            shipping_price=taxed_shipping or _sum([_shipping_price(info) for info in infos]),
            shipping_method=next((info["method"] for info in infos if "method" in info), None),
            discount=data.pop("discount", {}).get("amount"),
            line_items=(*data.pop("line_items", ()), *data.pop("custom_line_items", ())),
            **data,
        )


def _shipping_price(info: dict[str, Any]) -> Money | None:
    gross: Money | None = info.get("taxed", {}).get("total_gross")
    discounted: Money | None = info.get("discounted", {}).get("value")
    return gross or discounted or info.get("price")


def _sum(amounts: list[Money | None]) -> Money | None:
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return None
    cents = sum(amount.cents for amount in known)
    return Money(cents=cents, currency=known[0].currency, digits=known[0].digits)
