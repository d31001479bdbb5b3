"""
Purchases become e-commerce orders, money in exact major units.

Which component lands where is told with the breakdown.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ct_ac_sync.configuration.values import OrdersConfig
from ct_ac_sync.domain.breakdown import Breakdown, DiscountOrigin, Refund
from ct_ac_sync.domain.contact import Contact, DiscountKind, EcommerceOrder, OrderDiscount, OrderLine
from ct_ac_sync.domain.customer import PostalAddress
from ct_ac_sync.domain.order import LineItem, Order
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.mapping.breakdown import NAMES, Locales, to_breakdown
from ct_ac_sync.mapping.formats import clean
from ct_ac_sync.mapping.status import to_status

#: Characters that a text of an order keeps; ours, because the vendor names none.
MOST_OF_TEXT = 255
NOTHING_KNOWN = ProductContext()


def to_order(
    order: Order,
    contact: Contact,
    *,
    config: OrdersConfig | None = None,
    products: Mapping[str, ProductContext] | None = None,
    breakdown: Breakdown | None = None,
    url: str = "",
    fallbacks: Sequence[str] = (),
) -> EcommerceOrder:
    """
    Return *order* as the destination shall hold it, under *contact*.

    Whether it adds up is for the caller to ask of its breakdown.

    Args:
        config: How orders are sent; without, as where nobody says.
        products: What is known of what was bought, by the id of its line.
        breakdown: Of this order, where it is made already.
        url: The address of its page.
        fallbacks: Languages of its texts after its own, best first.
    """
    config = config or OrdersConfig()
    figures = breakdown or to_breakdown(
        order, chargebacks_count=config.chargebacks_count, fallbacks=fallbacks
    )
    locales = (order.locale, *fallbacks)
    discounts = _discounts(figures)
    return EcommerceOrder(
        store_order_id=order.id,
        order_number=_text(order.order_number) or order.id,
        customer_id=order.customer_id or contact.email,
        contact=contact,
        locale=order.locale or "",
        status=to_status(order, config.statuses, figures),
        store_status="/".join(filter(None, (order.order_state, order.payment_state, order.shipment_state))),
        currency=figures.money(0).iso_currency,
        final_amount=figures.money(_final(figures)).major,
        shipping_amount=figures.money(figures.shipping).major,
        discounts_amount=sum((each.amount for each in discounts), Decimal(0)),
        shipping_method=_text(order.shipping_method),
        created_at=order.created_at,
        modified_at=order.last_modified_at,
        lines=tuple(to_line(line, locales, products or {}) for line in order.line_items),
        billing=_address(order.billing_address),
        shipping=_address(order.shipping_address),
        discounts=discounts,
        order_url=url,
        cart_id=order.cart_id or "",
        sales_channel=_sales_channel(order),
        payment_method=_text(", ".join(dict.fromkeys(each.method for each in order.payments if each.method))),
    )


def _final(figures: Breakdown) -> int:
    """
    Return the final amount in minor units.

    The destination knows no refund: the vendor's shop plugin sends an order that was refunded
    in part again with less, and one that was refunded in full with its status alone.
    """
    return figures.net_revenue if figures.refund is Refund.PARTIAL else figures.gross


def _discounts(figures: Breakdown) -> tuple[OrderDiscount, ...]:
    """Return the discounts that unit prices do not show; a product discount is in them."""
    return tuple(
        OrderDiscount(
            name=_text(each.name) or NAMES[each.origin],
            kind=DiscountKind.SHIPPING if each.origin is DiscountOrigin.SHIPPING else DiscountKind.ORDER,
            amount=figures.money(each.amount).major,
        )
        for each in figures.discounts
        if each.origin is not DiscountOrigin.PRODUCT
    )


def _sales_channel(order: Order) -> str:
    """Return the store of *order*, else the first channel whose key is known."""
    return order.store_key or next((each.key for each in order.channels if each.key), "")


def to_line(line: LineItem, locales: Locales, products: Mapping[str, ProductContext]) -> OrderLine:
    """Return a line of an order or a cart, with what is known of its product, by the line's id."""
    known = products.get(line.id, NOTHING_KNOWN)
    return OrderLine(
        line_id=line.id,
        product_id=line.product_id,
        variant_id=f"{line.product_id}#{line.variant_id}" if line.variant_id else line.product_id,
        name=_text(line.name.pick(*locales)) or _text(line.sku) or line.product_id,
        quantity=line.quantity,
        price=Decimal(0) if line.is_gift else line.unit_price.major,
        sku=_text(line.sku),
        image_url=line.image_url or known.image_url,
        category=_text(known.category),
        brand=_text(known.brand),
        tags=tuple(dict.fromkeys(filter(None, map(_text, known.tags)))),
        product_url=known.url,
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
    shown = ((name, _text(text)) for name, text in parts.items())
    return tuple((name, text) for name, text in shown if text)


def _text(text: str | None) -> str:
    """Return a text of an order as it is shown, without control characters and not too long."""
    return clean(text, most=MOST_OF_TEXT)
