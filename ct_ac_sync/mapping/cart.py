"""Abandoned carts become e-commerce carts, as the order that is made of one will be found by it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.contact import EcommerceCart
from ct_ac_sync.domain.identity import Address
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.mapping.order import to_line


def to_cart(
    cart: Cart,
    email: Address,
    *,
    abandoned_at: datetime,
    products: Mapping[str, ProductContext],
    connection: str,
    url: str = "",
    fallbacks: Sequence[str] = (),
) -> EcommerceCart:
    """
    Return *cart* as the destination shall hold it, under the contact with *email*.

    Its customer is called what its order will call it, so that both are one customer's there.

    Args:
        products: What is known of what is in it, by the id of its line.
        url: The address at which the buyer finds it again.
        fallbacks: Languages of its texts after its own, best first.
    """
    return EcommerceCart(
        cart_id=cart.id,
        customer_id=cart.customer_id or email,
        email=email,
        currency=cart.total.iso_currency,
        final_amount=cart.total.major,
        created_at=cart.created_at,
        modified_at=cart.last_modified_at,
        abandoned_at=abandoned_at,
        lines=tuple(to_line(line, (cart.locale, *fallbacks), products) for line in cart.line_items),
        url=url,
        connection=connection,
    )
