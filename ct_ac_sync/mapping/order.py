"""Purchases become e-commerce orders, money in exact major units."""

from decimal import Decimal

from ct_ac_sync.domain.contact import Contact, EcommerceOrder, OrderLine
from ct_ac_sync.domain.customer import PostalAddress
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import LineItem, Order
from ct_ac_sync.mapping.status import to_status


def to_order(order: Order, contact: Contact) -> EcommerceOrder:
    """Return *order* as the destination shall hold it, under *contact*."""
    return EcommerceOrder(
        store_order_id=order.id,
        order_number=order.order_number or order.id,
        customer_id=order.customer_id or contact.email,
        contact=contact,
        locale=order.locale or "",
        status=to_status(order),
        store_status="/".join(filter(None, (order.order_state, order.payment_state, order.shipment_state))),
        currency=order.total.iso_currency,
        final_amount=order.total.major,
        shipping_amount=_major(order.shipping_price),
        discounts_amount=_major(order.discount),
        shipping_method=order.shipping_method or "",
        created_at=order.created_at,
        modified_at=order.last_modified_at,
        lines=tuple(_line(line, order.locale) for line in order.line_items),
        billing=_address(order.billing_address),
        shipping=_address(order.shipping_address),
    )


def _major(money: Money | None) -> Decimal:
    return money.major if money else Decimal(0)


def _line(line: LineItem, locale: str | None) -> OrderLine:
    return OrderLine(
        line_id=line.id,
        product_id=line.product_id,
        variant_id=f"{line.product_id}#{line.variant_id}" if line.variant_id else line.product_id,
        name=line.name.pick(locale) or line.sku or line.product_id,
        quantity=line.quantity,
        price=line.unit_price.major,
        sku=line.sku or "",
        image_url=line.image_url or "",
    )


def _address(place: PostalAddress | None) -> tuple[tuple[str, str], ...]:
    if place is None:
        return ()
    parts = {
        "firstName": place.first_name, "lastName": place.last_name, "address1": place.street,
        "address2": place.additional_street, "city": place.city, "province": place.region,
        "country": place.country, "postal": place.postal_code, "phone": place.phone or place.mobile,
        "company": place.company,
    }  # fmt: skip
    return tuple((name, text) for name, text in parts.items() if text)
