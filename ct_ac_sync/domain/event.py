"""
Commerce events: what happened, to whom, and by what it is known.

An event is known by its source, its kind and its business key, and the key never says how it
was noticed: what a message and a poll both tell is one event.  `docs/events.md` lists the keys.
"""

import hashlib
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ct_ac_sync.domain.money import Money


class EventKind(StrEnum):
    """What can happen, in the order in which it does where the clock tells no difference."""

    SIGNED_UP = "signed_up"
    NEWSLETTER_OPTED_IN = "newsletter_opted_in"
    NEWSLETTER_OPTED_OUT = "newsletter_opted_out"
    LIST_ITEM_ADDED = "list_item_added"
    CART_CREATED = "cart_created"
    CART_UPDATED = "cart_updated"
    CHECKOUT_ADDRESS = "checkout_address"
    CHECKOUT_SHIPPING = "checkout_shipping"
    CHECKOUT_PAYMENT = "checkout_payment"
    CART_ABANDONED = "cart_abandoned"
    CART_RECOVERED = "cart_recovered"
    ORDER_PLACED = "order_placed"
    PAYMENT_FAILED = "payment_failed"
    PAID = "paid"
    ORDER_CONFIRMED = "order_confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    ORDER_COMPLETED = "order_completed"
    ORDER_CANCELLED = "order_cancelled"
    RETURN_REQUESTED = "return_requested"
    RETURN_RECEIVED = "return_received"
    REFUNDED = "refunded"
    CHARGEBACK = "chargeback"
    ORDER_DELETED = "order_deleted"
    CUSTOMER_DELETED = "customer_deleted"


#: Events of a record that is not there any more.
DELETIONS = frozenset({EventKind.CUSTOMER_DELETED, EventKind.ORDER_DELETED})


class Action(StrEnum):
    """What an event may cause once: each is a trigger of its own."""

    TRACKING = "tracking"
    AUTOMATION = "automation"
    CART = "cart"
    UNSUBSCRIBE = "unsubscribe"
    DELETE_CONTACT = "delete_contact"


class EventItem(NamedTuple):
    """A line that an event is about, and how many of its units."""

    line: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    Something that happened.

    Attributes:
        key: What it is known by among its kind.
        happened_at: When, as exactly as what told it knows; of an abandoned cart, when it will
            have been idle for long enough.
        stream, id: The record it is about, such as "orders" and an order's id.
        amount: What it is about, in money.
        net: Of a refund: what remains paid after it.
        items: The lines it is about; none of an event that is about all of them.
        details: Whatever else its kind has, by name, sorted: carrier, channel, delivery, item,
            method, parcel, payment, product, state, tracking, transaction, variant.
        is_historical: It happened before we were to look, or was imported: it starts nothing.
    """

    kind: EventKind
    key: str
    happened_at: datetime
    stream: str
    id: str
    amount: Money | None = None
    net: Money | None = None
    items: tuple[EventItem, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    is_historical: bool = False


# -- triggers -------------------------------------------------------------------------


class Fact(NamedTuple):
    """One thing that an event causes: what, of which kind of event, for which key."""

    kind: EventKind
    action: Action
    key: str

    @property
    def trigger(self) -> str:
        """What the trigger ledger calls this kind of thing."""
        return f"{self.kind}.{self.action}"

    def __str__(self) -> str:
        return f"{self.trigger}/{self.key}"


def parse_fact(text: str) -> Fact:
    """
    Return the fact that the object of an entry names, such as ``paid.tracking/17``.

    Raises:
        ValueError: It names none.
    """
    trigger, _, key = text.partition("/")
    kind, _, action = trigger.partition(".")
    return Fact(EventKind(kind), Action(action), key)


#: Characters of a mark.
MARK_LENGTH = 16


def mark_of(source: str, fact: Fact) -> str:
    """Return the mark that a tracked event carries in its value, by which it is found again."""
    digest = hashlib.sha256(f"{source}/{fact}".encode()).digest()
    return b32encode(digest).decode("ascii").lower()[:MARK_LENGTH]
