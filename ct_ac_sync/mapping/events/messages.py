"""
What messages tell of: the same events as two states of a record do, at a better time.

A message may lack its payload, and what it embeds is as it was then (vendor documentation,
Messages): it says that something happened and to what, and the figures are those of the state
that is known.  A type that nobody knows tells nothing, and neither does what is mangled.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.event import Event, EventKind
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.order import Order, Parcel
from ct_ac_sync.domain.payment import Payment, PaymentRecord, Transaction
from ct_ac_sync.mapping.events.orders import (
    money_back,
    order_event,
    outbound,
    parcel_event,
    return_events,
    shipment_told,
    states_told,
)
from ct_ac_sync.mapping.events.payload import (
    mapping_in,
    parcel_of,
    parcels_in,
    returned_item_of,
    rows_in,
    text_in,
    transaction_of,
)
from ct_ac_sync.mapping.events.sight import Sight
from ct_ac_sync.ports import Stream

Known = Customer | Order | PaymentRecord


def events_of_message(
    message: Message, known: Known | None, *, order: Order | None, sight: Sight, is_historical: bool
) -> tuple[Event, ...]:
    """
    Return what *message* tells of, each event by the key that a poll would give it.

    Args:
        known: What is stored of its resource, which may be older or newer than it says.
        order: The order that a payment belongs to, or that the message is about.
        is_historical: Whether all that is found is of the past.
    """
    teller = _TELLERS.get(message.type)
    if teller is None or not message.resource_id:
        return ()
    told = teller(_Told(message, known, order))
    is_past = is_historical or _is_import(message, known)
    return tuple(sight.of_event(each, is_historical=is_past) for each in told)


#: Messages that a resource begins with: an import has them too.
_BEGINNINGS = frozenset({
    "CustomerCreated", "OrderCreated", "OrderCreatedFromRecurringOrder", "OrderImported", "PaymentCreated",
})  # fmt: skip


def _is_import(message: Message, known: Known | None) -> bool:
    """Whether a message tells of what an import brought; later changes of it are events of now."""
    if message.type not in _BEGINNINGS:
        return False
    return message.type == "OrderImported" or message.is_imported or (known is not None and known.is_imported)


@dataclass(frozen=True, slots=True)
class _Told:
    """A message, with what is known of what it is about."""

    message: Message
    known: Known | None
    paid: Order | None

    @property
    def order(self) -> Order | None:
        """The order that it is about."""
        return self.known if isinstance(self.known, Order) else self.paid

    @property
    def payment(self) -> Payment:
        """The payment that it is about: the newest that is known, by itself or by its order."""
        id_ = self.message.resource_id
        known = [self.known.payment] if isinstance(self.known, PaymentRecord) else []
        listed = [each for each in self.paid.payments if each.id == id_] if self.paid else []
        return max([*known, *listed], key=lambda each: each.version, default=Payment(id=id_))

    def event(self, kind: EventKind) -> Event:
        """Return an event that is about all of the order."""
        return order_event(kind, self.message.resource_id, self.message.created_at, self.order)

    def shipped(self, parcels: Iterable[Parcel]) -> Iterable[Event]:
        """Return that *parcels* were sent, each as the order shows it by now: tracking follows later."""
        id_, at = self.message.resource_id, self.message.created_at
        known = {each.id: each for each in self.order.parcels} if self.order else {}
        now = [known.get(each.id, each) for each in parcels]
        return [parcel_event(EventKind.SHIPPED, id_, at, each) for each in outbound(now)]


# -- customers and orders -------------------------------------------------------------


def _signed_up(told: _Told) -> Iterable[Event]:
    message, id_ = told.message, told.message.resource_id
    at, stream = message.created_at, Stream.CUSTOMERS.value
    return [Event(kind=EventKind.SIGNED_UP, key=id_, happened_at=at, stream=stream, id=id_)]


def _placed(told: _Told) -> Iterable[Event]:
    """An order may be placed in any state, and no other message tells of that."""
    order = mapping_in(told.message.payload, "order")
    states = states_told(text_in(order, "orderState"), text_in(order, "paymentState"))
    return [told.event(kind) for kind in (EventKind.ORDER_PLACED, *states)]


def _order_state(told: _Told) -> Iterable[Event]:
    return map(told.event, states_told(text_in(told.message.payload, "orderState"), None))


def _payment_state(told: _Told) -> Iterable[Event]:
    return map(told.event, states_told(None, text_in(told.message.payload, "paymentState")))


def _shipment_state(told: _Told) -> Iterable[Event]:
    """
    Tell of parcels, or of an order without any, as the poll that sees this state does.

    An order that is known as it was before may have got its parcels along with the state; then
    nobody can say yet by which key this is known, and the poll that sees it will.
    """
    message, order = told.message, told.order
    if order is None or order.version < message.resource_version:
        return ()
    return shipment_told(text_in(message.payload, "shipmentState"), order, message.created_at)


def _delivery_added(told: _Told) -> Iterable[Event]:
    return told.shipped(parcels_in(mapping_in(told.message.payload, "delivery")))


def _parcel_added(told: _Told) -> Iterable[Event]:
    payload = told.message.payload
    parcel = parcel_of(mapping_in(payload, "parcel"), mapping_in(payload, "delivery"))
    return told.shipped([parcel] if parcel.id else [])


# -- returns --------------------------------------------------------------------------


def _return_added(told: _Told) -> Iterable[Event]:
    id_, at = told.message.resource_id, told.message.created_at
    items = rows_in(mapping_in(told.message.payload, "returnInfo"), "items")
    return [event for each in items for event in return_events(id_, at, returned_item_of(each))]


def _return_state(told: _Told) -> Iterable[Event]:
    """A message names item and state only; an item that goes back to Advised was asked for before."""
    message, payload = told.message, told.message.payload
    id_, state = text_in(payload, "returnItemId"), text_in(payload, "returnShipmentState")
    if state == "Advised":
        return ()
    listed = told.order.returns if told.order else ()
    known = next((each for each in listed if each.id == id_), returned_item_of({"id": id_}))
    return return_events(message.resource_id, message.created_at, known._replace(shipment_state=state))


# -- payments -------------------------------------------------------------------------


def _payment_created(told: _Told) -> Iterable[Event]:
    rows = rows_in(mapping_in(told.message.payload, "payment"), "transactions")
    return _money_back(told, [transaction_of(each) for each in rows])


def _transaction_added(told: _Told) -> Iterable[Event]:
    return _money_back(told, [transaction_of(mapping_in(told.message.payload, "transaction"))])


def _transaction_state(told: _Told) -> Iterable[Event]:
    """A message names transaction and state only; type and amount are the payment's."""
    id_, state = (text_in(told.message.payload, name) for name in ("transactionId", "state"))
    meant = (each for each in told.payment.transactions if each.id == id_)
    return _money_back(told, [replace(each, state=state) for each in meant])


def _money_back(told: _Told, transactions: Iterable[Transaction | None]) -> Iterable[Event]:
    """Return those of *transactions* that gave money back, as the order tells of them once it shows them."""
    order, payment = told.paid, told.payment
    succeeded = {each.id: each for each in transactions if each and each.state == "Success"}
    if order is None or not succeeded:
        return ()
    shown = _showing(order, _with_success(payment, succeeded))
    keys = {f"{payment.id}/{id_}" for id_ in succeeded}
    at = told.message.created_at
    return [replace(each, happened_at=at) for each in money_back(shown) if each.key in keys]


def _with_success(payment: Payment, succeeded: Mapping[str, Transaction]) -> Payment:
    """Return *payment* with these transactions as succeeded; those it has keep what it says of them."""
    held = {each.id: each for each in payment.transactions}
    now = {id_: replace(held.get(id_, each), state="Success") for id_, each in succeeded.items()}
    return replace(payment, transactions=tuple((held | now).values()))


def _showing(order: Order, payment: Payment) -> Order:
    """Return *order* with *payment* in the place where it lists it, else at the end."""
    payments = {each.id: each for each in order.payments} | {payment.id: payment}
    return replace(order, payments=tuple(payments.values()))


_TELLERS: Mapping[str, Callable[[_Told], Iterable[Event]]] = {
    "CustomerCreated": _signed_up,
    "OrderCreated": _placed,
    "OrderCreatedFromRecurringOrder": _placed,
    "OrderImported": _placed,
    "OrderStateChanged": _order_state,
    "OrderPaymentStateChanged": _payment_state,
    "OrderShipmentStateChanged": _shipment_state,
    "DeliveryAdded": _delivery_added,
    "ParcelAddedToDelivery": _parcel_added,
    "ReturnInfoAdded": _return_added,
    "OrderReturnShipmentStateChanged": _return_state,
    "PaymentCreated": _payment_created,
    "PaymentTransactionAdded": _transaction_added,
    "PaymentTransactionStateChanged": _transaction_state,
}
