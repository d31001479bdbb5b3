"""
What happened to carts.

The source bumps a cart whenever prices, discounts or taxes are reckoned anew, with nobody there.
Only what a buyer changes is a visit: what is in it, whose it is, where and how it is to go and to
be paid.  A cart is abandoned when it had no visit for long enough.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.event import Event, EventKind
from ct_ac_sync.mapping.events.sight import Sight
from ct_ac_sync.ports import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class CartNews:
    """
    What a cart tells.

    Attributes:
        withdraws: Whether an abandonment that is held for it does not stand: it was visited, or
            is no buyer's any more.  What takes its place is among the events.
    """

    events: tuple[Event, ...]
    withdraws: bool


def events_of_cart(
    before: Cart | None, after: Cart, *, sight: Sight, is_historical: bool, idle: timedelta
) -> CartNews:
    """
    Return what happened to a cart between two of its versions.

    Args:
        before: None where it is seen for the first time.
        is_historical: Whether all that is found is of the past.
        idle: How long after its last visit a cart is abandoned.
    """
    if after.origin != "Customer" or (before is None and after.state != "Active"):
        return CartNews(events=(), withdraws=True)
    is_past = is_historical or (before is None and after.is_imported)
    found = [sight.of_event(each, is_historical=is_past) for each in _changes(before, after)]
    is_live, is_visited = _is_live(after), _is_visited(before, after)
    if is_live and is_visited:
        visited_at = sight.bound(after.last_modified_at)
        abandoned = _event(EventKind.CART_ABANDONED, after, visited_at + idle)
        found.append(sight.dated(abandoned, is_historical=is_past))
    return CartNews(events=tuple(found), withdraws=is_visited or not is_live)


def _changes(before: Cart | None, after: Cart) -> Iterator[Event]:
    if before is None:
        yield _event(EventKind.CART_CREATED, after, after.created_at)
    elif _content(before) != _content(after):
        key = f"{after.id}/{after.version}"
        yield _event(EventKind.CART_UPDATED, after, after.last_modified_at, key=key)
    passed = _steps(before) if before is not None else ()
    for kind in _steps(after):
        if kind not in passed:
            yield _event(kind, after, after.last_modified_at)


def _event(kind: EventKind, cart: Cart, at: datetime, *, key: str = "") -> Event:
    return Event(
        kind=kind,
        key=key or cart.id,
        happened_at=at,
        stream=Stream.CARTS.value,
        id=cart.id,
        amount=cart.total,
    )


def _steps(cart: Cart) -> tuple[EventKind, ...]:
    """Return the steps of the checkout that a cart shows; the source has none of its own."""
    shown = {
        EventKind.CHECKOUT_ADDRESS: cart.shipping_address is not None,
        EventKind.CHECKOUT_SHIPPING: cart.has_shipping,
        EventKind.CHECKOUT_PAYMENT: cart.has_payment,
    }
    return tuple(kind for kind, is_shown in shown.items() if is_shown)


# -- visits ---------------------------------------------------------------------------


def _content(cart: Cart) -> Counter[tuple[object, ...]]:
    """Return how many of what a buyer put in; gifts come and go by themselves."""
    content: Counter[tuple[object, ...]] = Counter()
    for line in cart.line_items:
        if not line.is_gift:
            name = line.name.texts if line.is_custom else ()
            content[line.is_custom, line.product_id, line.variant_id, line.sku, name] += line.quantity
    return content


def _is_live(cart: Cart) -> bool:
    return cart.state == "Active" and bool(_content(cart))


def _is_visited(before: Cart | None, after: Cart) -> bool:
    """Whether a buyer was there; one that is active again, after it was frozen, begins anew."""
    if before is None or (before.state != "Active" and after.state == "Active"):
        return True
    is_known = after.customer_id is not None and before.customer_id != after.customer_id
    return is_known or _by_buyer(before) != _by_buyer(after)


def _by_buyer(cart: Cart) -> tuple[object, ...]:
    places = (cart.billing_address, cart.shipping_address)
    return (_content(cart), cart.customer_email, places, cart.has_shipping, cart.has_payment)
