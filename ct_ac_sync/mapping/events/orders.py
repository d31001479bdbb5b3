"""
What happened to orders, with their parcels, returns and payments.

An order counts as paid when the merchant says so, by its payment state `Paid`, and by nothing
else: charges may come in parts, in another currency or by invoice, and `CreditOwed` says what
the shop owes.  What was paid back is read off the payments themselves: it leaves the order as it
is, and its return items tell of it in no message (vendor documentation, Messages).

A state that was passed over between two looks is told by its message alone.  A state that is
taken back and reached once more is the same event again, by its key.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from ct_ac_sync.domain.event import Event, EventItem, EventKind
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import Order, Parcel, ReturnedItem
from ct_ac_sync.domain.payment import Payment, Transaction
from ct_ac_sync.mapping.events.sight import Sight, details_of
from ct_ac_sync.ports import Stream

#: What an order state tells when it is reached.
ORDER_STATES: Mapping[str, EventKind] = {
    "Confirmed": EventKind.ORDER_CONFIRMED,
    "Complete": EventKind.ORDER_COMPLETED,
    "Cancelled": EventKind.ORDER_CANCELLED,
}
#: What a payment state tells when it is reached.
PAYMENT_STATES: Mapping[str, EventKind] = {"Paid": EventKind.PAID, "Failed": EventKind.PAYMENT_FAILED}
#: Transactions by which money goes back.
GIVING_BACK: Mapping[str, EventKind] = {"Refund": EventKind.REFUNDED, "Chargeback": EventKind.CHARGEBACK}
#: States of a return item that is with the shop again (vendor documentation, ReturnShipmentState).
RECEIVED = frozenset({"Returned", "BackInStock", "Unusable"})


def events_of_order(
    before: Order | None, after: Order, *, sight: Sight, is_historical: bool
) -> tuple[Event, ...]:
    """
    Return what happened to an order between two of its versions.

    Args:
        before: None where it is seen for the first time: then it was placed, and whatever its
            states already say happened too.  Of an import all of that is historical.
        is_historical: Whether all that is found is of the past.
    """
    is_past = is_historical or (before is None and after.is_imported)
    return tuple(sight.of_event(each, is_historical=is_past) for each in _changes(before, after))


def recovery_of(order: Order) -> Event:
    """
    Return that the cart of *order* was recovered; whoever knows that it was abandoned asks.

    Raises:
        ValueError: It was made of no cart.
    """
    if order.cart_id is None:
        raise ValueError(f"order {order.id} was made of no cart")
    return Event(
        kind=EventKind.CART_RECOVERED,
        key=order.cart_id,
        happened_at=order.created_at,
        stream=Stream.ORDERS.value,
        id=order.id,
        amount=order.total,
        is_historical=order.is_imported,
    )


def _changes(before: Order | None, after: Order) -> Iterator[Event]:
    at = after.last_modified_at
    if before is None:
        yield order_event(EventKind.ORDER_PLACED, after.id, after.created_at, after)
    passed = states_told(before.order_state, before.payment_state) if before else ()
    for kind in states_told(after.order_state, after.payment_state):
        if kind not in passed:
            yield order_event(kind, after.id, at, after)
    yield from _shipments(before, after)
    yield from _returns(before, after)
    known = {each.key for each in money_back(before)} if before else set()
    yield from (each for each in money_back(after) if each.key not in known)


# -- the order as a whole -------------------------------------------------------------


def states_told(order_state: str | None, payment_state: str | None) -> tuple[EventKind, ...]:
    """Return what an order state and a payment state tell; most tell nothing."""
    found = (ORDER_STATES.get(order_state or ""), PAYMENT_STATES.get(payment_state or ""))
    return tuple(kind for kind in found if kind is not None)


def order_event(kind: EventKind, id_: str, at: datetime, order: Order | None) -> Event:
    """
    Return an event that is about all of an order.

    Args:
        id_: Of the order.
        order: The order as it is known; without it the event has no amount and no details.
    """
    amount, details = _figures(kind, order) if order is not None else (None, ())
    return _event(kind, id_, id_, at, amount=amount, details=details)


def _figures(kind: EventKind, order: Order) -> tuple[Money, tuple[tuple[str, str], ...]]:
    method = next((each.method for each in order.payments if each.method), None)
    match kind:
        case EventKind.ORDER_PLACED:
            return order.total, details_of(origin=order.origin, method=method)
        case EventKind.PAID:
            return order.total, details_of(method=method)
        case EventKind.PAYMENT_FAILED:
            return _failure(order)
        case _:
            return order.total, ()


def _failure(order: Order) -> tuple[Money, tuple[tuple[str, str], ...]]:
    """Return what the last charge that failed was for, else what was to be paid."""
    for payment in reversed(order.payments):
        for each in reversed(payment.transactions):
            if (each.type, each.state) == ("Charge", "Failure"):
                told = details_of(payment=payment.id, transaction=each.id, method=payment.method)
                return each.amount, told
    return order.total, ()


def _event(
    kind: EventKind,
    id_: str,
    key: str,
    at: datetime,
    *,
    amount: Money | None = None,
    net: Money | None = None,
    items: tuple[EventItem, ...] = (),
    details: tuple[tuple[str, str], ...] = (),
) -> Event:
    return Event(
        kind=kind,
        key=key,
        happened_at=at,
        stream=Stream.ORDERS.value,
        id=id_,
        amount=amount,
        net=net,
        items=items,
        details=details,
    )


# -- parcels --------------------------------------------------------------------------


def _shipments(before: Order | None, after: Order) -> Iterator[Event]:
    at = after.last_modified_at
    known = {each.id for each in outbound(before.parcels)} if before else set()
    state = after.shipment_state if before is None or before.shipment_state != after.shipment_state else None
    new = [each for each in outbound(after.parcels) if each.id not in known]
    yield from (parcel_event(EventKind.SHIPPED, after.id, at, each) for each in new)
    if state is not None:
        yield from shipment_told(state, after, at)
    elif known and after.shipment_state == "Delivered":
        yield from (parcel_event(EventKind.DELIVERED, after.id, at, each) for each in new)


def shipment_told(state: str, order: Order, at: datetime) -> tuple[Event, ...]:
    """
    Return what a shipment state tells of *order* when it is reached.

    Parcels tell themselves that they are sent; that an order is, counts where it has none.
    """
    parcels = outbound(order.parcels)
    if state == "Shipped" and not parcels:
        return (order_event(EventKind.SHIPPED, order.id, at, order),)
    if state != "Delivered":
        return ()
    if not parcels:
        return (order_event(EventKind.DELIVERED, order.id, at, order),)
    return tuple(parcel_event(EventKind.DELIVERED, order.id, at, each) for each in parcels)


def outbound(parcels: Iterable[Parcel]) -> tuple[Parcel, ...]:
    """Return those of *parcels* that go to the buyer."""
    return tuple(each for each in parcels if not each.is_return)


def parcel_event(kind: EventKind, id_: str, at: datetime, parcel: Parcel) -> Event:
    """Return what happened to a parcel of the order *id_*."""
    told = details_of(
        parcel=parcel.id, delivery=parcel.delivery, tracking=parcel.tracking, carrier=parcel.carrier
    )
    return _event(kind, id_, f"{id_}/{parcel.id}", at, items=parcel.items, details=told)


# -- returns --------------------------------------------------------------------------


def _returns(before: Order | None, after: Order) -> Iterator[Event]:
    known = {each.id: return_told(each) for each in before.returns} if before else {}
    for each in after.returns:
        kind, was = return_told(each), known.get(each.id)
        # What is advised once more, having been here, was not asked for anew.
        if kind in (None, was) or (kind is EventKind.RETURN_REQUESTED and was is not None):
            continue
        yield from return_events(after.id, after.last_modified_at, each)


def return_told(item: ReturnedItem) -> EventKind | None:
    """Return what the state of a return item tells; what came unannounced was never asked for."""
    if item.shipment_state == "Advised":
        return EventKind.RETURN_REQUESTED
    return EventKind.RETURN_RECEIVED if item.shipment_state in RECEIVED else None


def return_events(id_: str, at: datetime, item: ReturnedItem) -> tuple[Event, ...]:
    """Return what a return item of the order *id_* tells; without an id it could be any."""
    kind = return_told(item)
    if kind is None or not item.id:
        return ()
    items = (EventItem(item.line, item.quantity),) if item.line else ()
    told = details_of(item=item.id, state=item.shipment_state)
    return (_event(kind, id_, item.id, at, items=items, details=told),)


# -- money that goes back -------------------------------------------------------------


def money_back(order: Order) -> Iterator[Event]:
    """
    Give the refunds and chargebacks of *order* that succeeded, each once, as they are listed.

    What remains paid, and whether a refund makes it all, is reckoned from refunds in the
    currency of the order; one in another currency leaves it as it is.
    """
    total, refunded = order.total, 0
    for payment, each in _given_back(order.payments).values():
        kind = GIVING_BACK[each.type]
        told = {"payment": payment.id, "transaction": each.id, "method": payment.method}
        net = None
        if kind is EventKind.REFUNDED:
            refunded += each.amount.cents if each.amount.currency == total.currency else 0
            net = Money(cents=total.cents - refunded, currency=total.currency, digits=total.digits)
            told["state"] = "full" if net.cents <= 0 else "partial"
        at = payment.modified_at or order.last_modified_at
        key = f"{payment.id}/{each.id}"
        yield _event(kind, order.id, key, at, amount=each.amount, net=net, details=details_of(**told))


def _given_back(payments: Iterable[Payment]) -> dict[tuple[str, str], tuple[Payment, Transaction]]:
    """Return what succeeded, by payment and transaction; a payment may be listed twice."""
    return {
        (payment.id, each.id): (payment, each)
        for payment in payments
        for each in payment.transactions
        if each.type in GIVING_BACK and each.state == "Success"
    }
