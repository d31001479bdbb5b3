"""
Noticing: what a page of records and messages tells of what happened, in the same commit.

What happened is derived by pure functions from what is stored and what arrives; here they are
fed.  Payments are parts of their orders: one that changes renews the order's body.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.event import DELETIONS, Event, EventKind
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.payment import PaymentRecord
from ct_ac_sync.domain.shopping_list import ShoppingList
from ct_ac_sync.mapping.events.carts import events_of_cart
from ct_ac_sync.mapping.events.customers import events_of_customer
from ct_ac_sync.mapping.events.merge import payments_in, with_payments
from ct_ac_sync.mapping.events.messages import events_of_message
from ct_ac_sync.mapping.events.orders import events_of_order, recovery_of
from ct_ac_sync.mapping.events.shopping_lists import events_of_list
from ct_ac_sync.mapping.events.sight import Sight
from ct_ac_sync.ports import Json, Readable, Record, Stream, Unreadable
from ct_ac_sync.store.arrival import Arrival, Batch
from ct_ac_sync.store.database import Connection
from ct_ac_sync.store.deletions import QUERIES as DELETION_QUERIES
from ct_ac_sync.store.deletions import note_candidates
from ct_ac_sync.store.event_book import EVENT_QUERIES, note_events
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("intake")

#: The streams of the resources that messages are about, as far as they tell us of events.
STREAM_OF: Mapping[str, Stream] = {
    "customer": Stream.CUSTOMERS, "order": Stream.ORDERS, "payment": Stream.PAYMENTS,
}  # fmt: skip

#: The streams of records whose changes are events.
CHANGING = frozenset({Stream.ORDERS, Stream.CARTS, Stream.SHOPPING_LISTS})

#: Messages that something is gone, as far as it is ours (vendor documentation, Messages).
GONE = frozenset({"CustomerDeleted", "OrderDeleted"})

Parse = Callable[[Stream, Json], Readable | Unreadable]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """
    An order whose payments changed, before and after.

    Attributes:
        row: The order as a record that changed.
    """

    row: DictRow
    before: Json
    after: Json


class Noticing:
    """Derives events within the transaction of an accept."""

    def __init__(
        self,
        *,
        parse: Parse,
        is_on: bool,
        idle_of: Callable[[str | None], timedelta],
        kept: frozenset[EventKind],
    ) -> None:
        """
        Notice what is asked for.

        Args:
            parse: Reads a stored body.
            is_on: Whether anybody is to be told of events at all.
            idle_of: After how long a cart of a store, by its key, is abandoned.
            kept: Kinds that are noted even where they are of the past.
        """
        self._parse = parse
        self._is_on = is_on
        self._idle_of = idle_of
        self._kept = kept

    # -- payments and their orders ----------------------------------------------------

    def with_payments(
        self, connection: Connection, source: str, arrivals: Sequence[Arrival]
    ) -> list[Arrival]:
        """Return *arrivals*, of whose orders each shows its payments as they are known by now."""
        named = {id_ for each in arrivals if each.stream is Stream.ORDERS for id_ in payments_in(each.body)}
        if not named:
            return list(arrivals)
        keys = {"source": source, "payments": sorted(named)}
        rows = connection.execute(QUERIES["read_payments"], keys).fetchall()
        payments = {row["id"]: row["body"] for row in rows}
        return [self._with_payments(each, payments) for each in arrivals]

    def _with_payments(self, arrival: Arrival, payments: Mapping[str, Json]) -> Arrival:
        if arrival.stream is not Stream.ORDERS or not payments:
            return arrival
        body = with_payments(arrival.body, payments)
        value = self._value(Stream.ORDERS, body) if body is not None else None
        return replace(arrival, body=body, value=value) if body is not None and value else arrival

    def renew_orders(
        self, connection: Connection, source: str, batch: Batch, rows: Sequence[DictRow]
    ) -> list[Renewed]:
        """Renew the orders whose payments changed; return them."""
        changed = {each.id: each.body for each in _changed(batch, rows, Stream.PAYMENTS)}
        if not changed:
            return []
        keys: dict[str, Any] = {"source": source, "payments": sorted(changed)}
        orders = connection.execute(QUERIES["read_orders_to_renew"], keys).fetchall()
        bodies = [(order, with_payments(order["body"], changed)) for order in orders]
        renewed = [Renewed(row=order, before=order["body"], after=body) for order, body in bodies if body]
        if renewed:
            keys |= {
                "ids": [each.row["id"] for each in renewed],
                "bodies": [Jsonb(each.after) for each in renewed],
            }
            connection.execute(QUERIES["renew_orders"], keys)
        return renewed

    # -- events -----------------------------------------------------------------------

    def read_before(
        self, connection: Connection, source: str, arrivals: Sequence[Arrival]
    ) -> dict[Key, Json]:
        """Return what is stored of *arrivals*, as far as changes of it are events."""
        wanted = [each for each in arrivals if each.stream in CHANGING]
        if not self._is_on or not wanted:
            return {}
        keys = {"source": source, "streams": [a.stream for a in wanted], "ids": [a.id for a in wanted]}
        rows = connection.execute(EVENT_QUERIES["read_bodies"], keys).fetchall()
        return {(row["stream"], row["id"]): row["body"] for row in rows}

    def notice(
        self,
        connection: Connection,
        source: str,
        batch: Batch,
        *,
        rows: Sequence[DictRow],
        before: Mapping[Key, Json],
        renewed: Sequence[Renewed],
        cutover: datetime,
    ) -> None:
        """Note what *rows*, which just changed, and the messages of *batch* tell of what happened."""
        fresh = self._fresh(connection, source, batch.messages)
        note_candidates(connection, source, _gone(fresh))
        if not self._is_on:
            return
        sight = Sight(noticed_at=batch.answered_at or cutover, cutover=cutover)
        values = {(each.stream, each.id): each.value for each in batch.arrivals}
        events: list[Event] = []
        withdrawn: list[str] = []
        for row in rows:
            key = (row["stream"], row["id"])
            former = before.get(key)
            news, is_over = self._of_record(row, former, values.get(key), sight)
            events += news
            withdrawn += [row["id"]] if is_over else []
        for each in renewed:
            was, now = (self._value(Stream.ORDERS, body) for body in (each.before, each.after))
            if isinstance(was, Order) and isinstance(now, Order):
                events += events_of_order(was, now, sight=sight, is_historical=False)
        events += self._of_messages(connection, source, fresh, sight)
        self._note(connection, source, events, withdrawn, values)

    def _of_record(
        self, row: DictRow, former: Json | None, value: Record | None, sight: Sight
    ) -> tuple[tuple[Event, ...], bool]:
        """Return what a record that changed tells, and whether its cart is not idle any more."""
        is_new = row["is_new"]
        is_past = row["is_historical"] and is_new
        match value:
            case Customer() if is_new:
                return events_of_customer(None, value, sight=sight, is_historical=is_past), False
            case Order():
                was = self._value(Stream.ORDERS, former) if former is not None else None
                if was is None and not is_new:
                    return (), False
                # One that is cancelled by now has been placed all the same.
                is_past = is_new and sight.cutover is not None and value.created_at < sight.cutover
                known = was if isinstance(was, Order) else None
                return events_of_order(known, value, sight=sight, is_historical=is_past), False
            case Cart():
                was = self._value(Stream.CARTS, former) if former is not None else None
                if was is None and not is_new:
                    return (), False
                news = events_of_cart(
                    was if isinstance(was, Cart) else None, value, sight=sight, is_historical=is_past,
                    idle=self._idle_of(value.store_key),
                )  # fmt: skip
                return news.events, news.withdraws
            case ShoppingList():
                return self._of_list(former, value, sight, is_new=is_new), False
            case _:
                return (), False

    def _of_list(
        self, former: Json | None, value: ShoppingList, sight: Sight, *, is_new: bool
    ) -> tuple[Event, ...]:
        """Return what was put on a list; how old the list is says nothing of that."""
        was = self._value(Stream.SHOPPING_LISTS, former) if former is not None else None
        if was is None and not is_new:
            return ()
        known = was if isinstance(was, ShoppingList) else None
        return events_of_list(known, value, sight=sight, is_historical=False)

    def note(self, connection: Connection, source: str, events: Sequence[Event]) -> None:
        """Note *events* that others derived of what is accepted, where anybody is to be told of events."""
        if self._is_on:
            note_events(connection, source, self._quiet(connection, source, events))

    def note_deletion(self, connection: Connection, source: str, row: DictRow) -> None:
        """Note that the record of *row* is gone; nobody is told where nobody is told of events at all."""
        kind = EventKind.CUSTOMER_DELETED if row["stream"] == Stream.CUSTOMERS else EventKind.ORDER_DELETED
        event = Event(
            kind=kind, key=row["id"], happened_at=row["gone_at"], stream=row["stream"], id=row["id"]
        )
        note_events(connection, source, [event])
        if not self._is_on:
            keys = {"source": source, "kind": kind, "key": row["id"]}
            connection.execute(DELETION_QUERIES["mark_told"], keys)

    def _fresh(self, connection: Connection, source: str, messages: Sequence[Message]) -> list[Message]:
        """Return those of *messages* that nobody has read before, as far as they are about what is ours."""
        if not messages:
            return []
        rows = connection.execute(
            EVENT_QUERIES["note_messages"], _message_columns(source, messages)
        ).fetchall()
        unread = {row["id"] for row in rows}
        return [each for each in messages if each.id in unread and each.resource_kind in STREAM_OF]

    def _of_messages(
        self, connection: Connection, source: str, fresh: Sequence[Message], sight: Sight
    ) -> list[Event]:
        if not fresh:
            return []
        known = self._known(connection, source, fresh)
        paid = self._paid(connection, source, fresh)
        return [
            event
            for each in fresh
            for event in events_of_message(
                each,
                _known_of(each, known),
                order=paid.get(each.resource_id) or _order_in(known, each),
                sight=sight,
                is_historical=False,
            )
        ]

    def _known(
        self, connection: Connection, source: str, messages: Iterable[Message]
    ) -> dict[Key, Record | None]:
        about = sorted({(STREAM_OF[each.resource_kind], each.resource_id) for each in messages})
        keys = {"source": source, "streams": [each[0] for each in about], "ids": [each[1] for each in about]}
        rows = connection.execute(EVENT_QUERIES["read_bodies"], keys).fetchall()
        return {(row["stream"], row["id"]): self._value(Stream(row["stream"]), row["body"]) for row in rows}

    def _paid(self, connection: Connection, source: str, messages: Iterable[Message]) -> dict[str, Order]:
        payments = sorted({each.resource_id for each in messages if each.resource_kind == "payment"})
        if not payments:
            return {}
        keys = {"source": source, "payments": payments}
        found: dict[str, Order] = {}
        for row in connection.execute(EVENT_QUERIES["read_orders_paid"], keys).fetchall():
            order = self._value(Stream.ORDERS, row["body"])
            if isinstance(order, Order):
                found.setdefault(row["payment"], order)
        return found

    def _note(
        self,
        connection: Connection,
        source: str,
        events: Sequence[Event],
        withdrawn: Sequence[str],
        values: Mapping[tuple[Stream, str], Record | None],
    ) -> None:
        placed = {e.id for e in events if e.kind is EventKind.ORDER_PLACED and not e.is_historical}
        orders = [value for value in values.values() if isinstance(value, Order) and value.id in placed]
        carts = {order.cart_id: order for order in orders if order.cart_id}
        rows = connection.execute(EVENT_QUERIES["read_abandoned"], {"source": source, "keys": sorted(carts)})
        recovered = [recovery_of(carts[row["key"]]) for row in rows.fetchall()]
        over = sorted({*withdrawn, *carts})
        if over:
            connection.execute(EVENT_QUERIES["withdraw_abandonments"], {"source": source, "keys": over})
        found = self._quiet(connection, source, [*events, *recovered])
        kept = [each for each in found if not each.is_historical or self._keeps(each)]
        note_events(connection, source, kept)

    def _quiet(self, connection: Connection, source: str, events: Sequence[Event]) -> list[Event]:
        """Return *events*, of which those start nothing whose records speak for nobody any more."""
        about = sorted({(each.stream, each.id) for each in events})
        if not about:
            return []
        keys = {"source": source, "streams": [each[0] for each in about], "ids": [each[1] for each in about]}
        rows = connection.execute(DELETION_QUERIES["read_over"], keys).fetchall()
        over = {(row["stream"], row["id"]) for row in rows}
        return [
            replace(each, is_historical=True)
            if (each.stream, each.id) in over and each.kind not in DELETIONS
            else each
            for each in events
        ]

    def _keeps(self, event: Event) -> bool:
        """Whether one of the past is noted: not a cart, which may be abandoned once more."""
        return event.kind in self._kept and event.kind is not EventKind.CART_ABANDONED

    def _value(self, stream: Stream, body: Json) -> Record | None:
        read = self._parse(stream, body)
        return read.value if isinstance(read, Readable) else None


def _changed(batch: Batch, rows: Sequence[DictRow], stream: Stream) -> list[Arrival]:
    """Return the arrivals of a stream that changed what is stored."""
    ids = {row["id"] for row in rows if row["stream"] == stream}
    return [each for each in batch.arrivals if each.stream is stream and each.id in ids]


def _gone(messages: Iterable[Message]) -> list[tuple[Stream, str, datetime]]:
    """Return what messages say is gone, and since when."""
    return [
        (STREAM_OF[each.resource_kind], each.resource_id, each.created_at)
        for each in messages
        if each.type in GONE
    ]


def _message_columns(source: str, messages: Sequence[Message]) -> dict[str, Any]:
    return {
        "source": source,
        "id": [each.id for each in messages],
        "resource": [resource_of(each) for each in messages],
        "sequence": [each.sequence for each in messages],
        "type": [each.type for each in messages],
        "created_at": [each.created_at for each in messages],
    }


def resource_of(message: Message) -> str:
    """Return what a message is about, as the tables know it."""
    return f"{message.resource_kind}/{message.resource_id}"


def _known_of(
    message: Message, known: Mapping[Key, Record | None]
) -> Customer | Order | PaymentRecord | None:
    found = known.get((STREAM_OF[message.resource_kind], message.resource_id))
    return found if isinstance(found, Customer | Order | PaymentRecord) else None


def _order_in(known: Mapping[Key, Record | None], message: Message) -> Order | None:
    found = known.get((Stream.ORDERS, message.resource_id))
    return found if isinstance(found, Order) else None
