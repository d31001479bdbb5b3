"""What we send: contacts in their two spellings, orders as GraphQL variables."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from ct_ac_sync.domain.contact import Contact, EcommerceOrder, OrderStatus


class OutboundSchema(Schema):
    """What we send is checked as strictly as what we receive is read leniently."""

    class Meta:
        """A field we did not declare is a mistake of ours."""

        unknown = RAISE


class _FieldValue(OutboundSchema):
    field = fields.String(required=True, validate=validate.Regexp(r"\d+\Z"))
    value = fields.String(required=True)


class ContactSchema(OutboundSchema):
    """The body of contact/sync and of PUT /contacts, camelCase."""

    email = fields.String(required=True, validate=validate.Length(min=1))
    firstName = fields.String(required=True)  # noqa: N815
    lastName = fields.String(required=True)  # noqa: N815
    phone = fields.String(required=True)
    fieldValues = fields.List(fields.Nested(_FieldValue), required=True)  # noqa: N815


class _ImportField(OutboundSchema):
    id = fields.Integer(required=True, strict=True)
    value = fields.String(required=True)


class ImportRowSchema(OutboundSchema):
    """A row of bulk import, snake_case; no list: no door to consent is open."""

    email = fields.String(required=True, validate=validate.Length(min=1))
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    phone = fields.String(required=True)
    exclude_automations = fields.Boolean(required=True)
    fields_ = fields.List(fields.Nested(_ImportField), required=True, data_key="fields")
    tags = fields.List(fields.String(validate=validate.Length(min=1)))


_CONTACT, _ROW = ContactSchema(), ImportRowSchema()


def dump_contact(contact: Contact, ids: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a single contact call; *ids* are field ids by perstag."""
    plain = {
        "email": contact.email,
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "phone": contact.phone,
        "fieldValues": [{"field": ids[tag], "value": value} for tag, value in contact.fields],
    }
    _CONTACT.load(plain)
    return {"contact": plain}


def dump_import_row(contact: Contact, ids: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of bulk import that starts no automations."""
    plain = {
        "email": contact.email,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "phone": contact.phone,
        "exclude_automations": True,
        "fields": [{"id": int(ids[tag]), "value": value} for tag, value in contact.fields],
    }
    if contact.tags:
        plain["tags"] = list(contact.tags)
    _ROW.load(plain)
    return plain


def dump_order(order: EcommerceOrder, *, creation_source: str, connection: str) -> dict[str, Any]:
    """
    Return an ``OrderInput``, money as decimals in major units.

    ``acceptsMarketing`` is never sent.  Empty texts and addresses are left out, because
    the vendor's server refuses them (changelog of its shop plugin, 2.2.3 and 2.2.4).
    ``customerData`` always is sent: without it the shipping address names the contact.
    """
    contact = order.contact
    plain = {
        "storeOrderId": order.store_order_id,
        "legacyConnectionId": int(connection),
        "storeCreatedDate": _instant(order.created_at),
        "storeModifiedDate": _instant(order.modified_at),
        "finalAmount": _number(order.final_amount),
        "shippingAmount": _number(order.shipping_amount),
        "discountsAmount": _number(order.discounts_amount),
        "currency": order.currency,
        "email": contact.email,
        "storeCustomerId": order.customer_id,
        "orderNumber": order.order_number,
        "creationSource": creation_source,
        "normalizedStatus": OrderStatus(order.status).value,
        "storeStatus": order.store_status,
        "cartId": order.cart_id,
        "orderUrl": order.order_url,
        "salesChannel": order.sales_channel,
        "paymentMethod": order.payment_method,
        "shippingMethod": order.shipping_method,
        "customerLocale": order.locale,
        "customerData": {
            "firstName": contact.first_name, "lastName": contact.last_name, "phone": contact.phone,
        },
        "billingAddress": dict(order.billing),
        "shippingAddress": dict(order.shipping),
        "lineItems": [
            {
                "storeLineItemId": line.line_id, "productStorePrimaryId": line.variant_id,
                "storeBaseProductId": line.product_id, "name": line.name, "quantity": line.quantity,
                "priceAmount": _number(line.price), "sku": line.sku, "imageUrl": line.image_url,
                "category": line.category, "brand": line.brand, "tags": list(line.tags),
                "productUrl": line.product_url,
            }
            for line in order.lines
        ],
        "discounts": [
            {"name": each.name, "type": each.kind.value, "discountAmount": _number(each.amount)}
            for each in order.discounts
        ],
    }  # fmt: skip
    trimmed: dict[str, Any] = _trim(plain)
    return trimmed


def _trim(value: Any) -> Any:
    """Return *value* without empty texts, lists and objects; an order's lines are always told."""
    if isinstance(value, dict):
        trimmed = {key: _trim(each) for key, each in value.items()}
        return {key: each for key, each in trimmed.items() if each not in ("", {}, []) or key == "lineItems"}
    return [_trim(each) for each in value] if isinstance(value, list) else value


def _number(amount: Decimal) -> float | int:
    """
    Return a JSON number that prints exactly as *amount* does.

    Whole amounts always do; others up to 15 digits, which is 10 trillion with two decimals.
    """
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
