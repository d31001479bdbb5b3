"""A customer on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.schemas.base import InboundSchema, Instant, Reference, version_field
from ct_ac_sync.schemas.commercetools.common import AddressSchema


class CustomerSchema(InboundSchema):
    """A customer; what we do not use is passed over."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    email = fields.String(required=True, validate=validate.Length(min=1))
    first_name = fields.String(data_key="firstName")
    last_name = fields.String(data_key="lastName")
    key = fields.String()
    customer_number = fields.String(data_key="customerNumber")
    external_id = fields.String(data_key="externalId")
    company = fields.String(data_key="companyName")
    locale = fields.String()
    addresses = fields.List(fields.Nested(AddressSchema))
    default_billing_address_id = fields.String(data_key="defaultBillingAddressId")
    default_shipping_address_id = fields.String(data_key="defaultShippingAddressId")
    billing_address_ids = fields.List(fields.String(), data_key="billingAddressIds")
    store_keys = fields.List(Reference(), data_key="stores")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Customer:
        """Return the value."""
        for name in ("addresses", "billing_address_ids", "store_keys"):
            data[name] = tuple(data.get(name, ()))
        return Customer(**data)
