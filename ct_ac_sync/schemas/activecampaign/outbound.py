"""What we send: contacts in their two spellings, orders as GraphQL variables, carts and events."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from ct_ac_sync.domain.consent import Says
from ct_ac_sync.domain.contact import Contact, EcommerceCart, EcommerceOrder, OrderStatus
from ct_ac_sync.ports import NOTHING_SAID, OrderConsent


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


class _Visit(OutboundSchema):
    email = fields.String(required=True, validate=validate.Length(min=1))


class EventSchema(OutboundSchema):
    """An event without what opens the event host."""

    event = fields.String(required=True, validate=validate.Length(min=1))
    eventdata = fields.String(required=True)
    visit = fields.Nested(_Visit, required=True)


class _CartProduct(OutboundSchema):
    """A line of a cart: its price is of one unit, in cents."""

    externalid = fields.String(required=True, validate=validate.Length(min=1))
    name = fields.String(required=True)
    price = fields.Integer(required=True, strict=True)
    quantity = fields.Integer(required=True, strict=True)
    category = fields.String()
    sku = fields.String()
    imageUrl = fields.String()  # noqa: N815
    productUrl = fields.String()  # noqa: N815


class CartSchema(OutboundSchema):
    """The body of a cart by REST; without ``externalid``, which would make an order of it."""

    externalcheckoutid = fields.String(required=True, validate=validate.Length(min=1))
    source = fields.String(required=True, validate=validate.OneOf(("0", "1")))
    email = fields.String(required=True, validate=validate.Length(min=1))
    currency = fields.String(required=True, validate=validate.Length(min=1))
    totalPrice = fields.Integer(required=True, strict=True)  # noqa: N815
    connectionid = fields.String(required=True, validate=validate.Regexp(r"\d+\Z"))
    customerid = fields.String(required=True, validate=validate.Regexp(r"\d+\Z"))
    externalCreatedDate = fields.String(required=True)  # noqa: N815
    externalUpdatedDate = fields.String(required=True)  # noqa: N815
    abandonedDate = fields.String(required=True)  # noqa: N815
    orderUrl = fields.String()  # noqa: N815
    orderProducts = fields.List(fields.Nested(_CartProduct), required=True)  # noqa: N815


_CONTACT, _ROW = ContactSchema(), ImportRowSchema()
_EVENT, _CART = EventSchema(), CartSchema()


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


#: What a customer's state of text messages is called there (vendor documentation, Orders).
SMS_STATES: Mapping[Says, str] = {
    Says.YES: "SUBSCRIBED", Says.NO: "UNSUBSCRIBED", Says.PENDING: "PENDING", Says.NOTHING: "NOT_SUBSCRIBED",
}  # fmt: skip


def dump_order(
    order: EcommerceOrder, *, creation_source: str, connection: str, consent: OrderConsent = NOTHING_SAID
) -> dict[str, Any]:
    """
    Return an ``OrderInput``, money as decimals in major units.

    What it says of *consent* is for segments alone: it puts nobody on a list (vendor
    documentation, E-commerce customers); whether the state of text messages does is open.  Empty texts and addresses are left out, because
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
            **_sms_state(consent),
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
    if consent.email is not None:
        plain["acceptsMarketing"] = consent.email is Says.YES
    trimmed: dict[str, Any] = _trim(plain)
    return trimmed


def _sms_state(consent: OrderConsent) -> Mapping[str, str]:
    if consent.sms is None:
        return {}
    at = _second(consent.sms_at).replace("+00:00", "Z") if consent.sms_at else ""
    return {"smsMarketingState": SMS_STATES[consent.sms], "smsConsentUpdatedDate": at}


def dump_event(email: str, name: str, value: str) -> dict[str, Any]:
    """Return an event as it is kept; what opens the event host is for its client to add."""
    plain = {"event": name, "eventdata": value, "visit": {"email": email}}
    _EVENT.load(plain)
    return plain


#: What starts automations; ``0`` does not (vendor documentation, Create order).
REAL_TIME = "1"


def dump_cart(cart: EcommerceCart, *, customer: str, connection: str) -> dict[str, Any]:
    """
    Return the body of a cart that was abandoned just now, which starts automations.

    A product is called by its base product, as the copy of an order calls it.

    Args:
        customer, connection: Their ids there.
    """
    plain = {
        "externalcheckoutid": cart.cart_id,
        "source": REAL_TIME,
        "email": cart.email,
        "currency": cart.currency,
        "totalPrice": _cents(cart.final_amount),
        "connectionid": connection,
        "customerid": customer,
        "externalCreatedDate": _second(cart.created_at),
        "externalUpdatedDate": _second(cart.modified_at),
        "abandonedDate": _second(cart.abandoned_at),
        "orderUrl": cart.url,
    }
    products = [
        {
            "externalid": line.product_id, "name": line.name, "price": _cents(line.price),
            "quantity": line.quantity, "category": line.category, "sku": line.sku,
            "imageUrl": line.image_url, "productUrl": line.product_url,
        }
        for line in cart.lines
    ]  # fmt: skip
    trimmed: dict[str, Any] = _trim(plain) | {"orderProducts": _trim(products)}
    _CART.load(trimmed)
    return {"ecomOrder": trimmed}


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


def _second(moment: datetime) -> str:
    """Return a moment to the second, cut, so that what is past is never told to be to come."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _cents(amount: Decimal) -> int:
    """
    Return an amount of major units as REST has it: *in cents* (vendor documentation, Create order).

    That is a hundredth whatever the currency, as far as is documented: 500 yen are 50000, and
    of a currency with three decimals the last is rounded.
    """
    return int((amount * 100).to_integral_value(ROUND_HALF_UP))
