"""A cart on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.schemas.base import InboundSchema, Instant, MoneyField, Reference, version_field
from ct_ac_sync.schemas.commercetools.common import AddressSchema
from ct_ac_sync.schemas.commercetools.order import CustomLineSchema, LineSchema
from ct_ac_sync.schemas.commercetools.price import TaxedSchema


class _Shipment(InboundSchema):
    address = fields.Nested(AddressSchema, data_key="shippingAddress")


class _PaymentInfo(InboundSchema):
    payments = fields.List(fields.Raw(), load_default=list)


class CartSchema(InboundSchema):
    """A cart; it may have no lines, no buyer and no addresses, and unknown states are kept as they come."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    state = fields.String(data_key="cartState")
    origin = fields.String()
    customer_id = fields.String(data_key="customerId")
    customer_email = fields.String(data_key="customerEmail")
    locale = fields.String()
    country = fields.String()
    store_key = Reference(data_key="store")
    total_price = MoneyField(required=True, data_key="totalPrice")
    taxed = fields.Nested(TaxedSchema, data_key="taxedPrice")
    line_items = fields.List(fields.Nested(LineSchema), data_key="lineItems", load_default=list)
    custom_line_items = fields.List(
        fields.Nested(CustomLineSchema), data_key="customLineItems", load_default=list
    )
    billing_address = fields.Nested(AddressSchema, data_key="billingAddress")
    shipping_address = fields.Nested(AddressSchema, data_key="shippingAddress")
    shipping_info = fields.Dict(data_key="shippingInfo")
    shipping = fields.List(fields.Nested(_Shipment), load_default=list)
    payment_info = fields.Nested(_PaymentInfo, data_key="paymentInfo", load_default=dict)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Cart:
        """Return the value."""
        shipments, taxed = data.pop("shipping"), data.pop("taxed", None)
        if "shipping_address" not in data and shipments:
            data["shipping_address"] = shipments[0].get("address")
        return Cart(
            total_gross=taxed.gross if taxed else None,
            line_items=(*data.pop("line_items"), *data.pop("custom_line_items")),
            has_shipping="shipping_info" in data or bool(shipments),
            has_payment=bool(data.pop("payment_info").get("payments")),
            **{name: each for name, each in data.items() if name != "shipping_info"},
        )
