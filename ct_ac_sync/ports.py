"""What the use cases need from the world: a source, a destination, a doorbell, a clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.consent import Membership, Says
from ct_ac_sync.domain.contact import Contact, CreationSource, EcommerceCart, EcommerceOrder
from ct_ac_sync.domain.custom_object import CustomObject
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.payment import PaymentRecord
from ct_ac_sync.domain.shopping_list import ShoppingList
from ct_ac_sync.errors import ProvisioningError

Json = Mapping[str, Any]
Record = Customer | Order | Cart | ShoppingList | PaymentRecord | Message | CustomObject


# -- source ---------------------------------------------------------------------------


class Stream(StrEnum):
    """The kinds of record that are read from the source."""

    CUSTOMERS = "customers"
    ORDERS = "orders"
    CARTS = "carts"
    SHOPPING_LISTS = "shopping_lists"
    PAYMENTS = "payments"
    MESSAGES = "messages"
    CUSTOM_OBJECTS = "custom_objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """
    Which records a query asks for, and from where in the source's own order of ids.

    Attributes:
        modified_since: ``lastModifiedAt`` of the oldest record wanted; None for all.
        after: The id of the last record seen, or None to begin.
        limit: How many records at most (Commercetools allows 500).
        container: Of custom objects alone: in which container.
    """

    modified_since: datetime | None
    after: str | None
    limit: int = 500
    container: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is not what its contract says; all its faults at once, by path."""

    stream: Stream
    id: str
    version: int
    faults: Mapping[str, Any]
    body: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Readable:
    """A record that was understood, with the body it was read from (secrets removed)."""

    value: Record
    body: Json = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer to a sweep: what was read, what could not be, and the source's time."""

    records: tuple[Readable, ...]
    unreadable: tuple[Unreadable, ...]
    answered_at: datetime
    is_last: bool
    last_id: str | None


@dataclass(frozen=True, slots=True)
class CustomerUpdated:
    """The answer to an update of a customer: the version that it made."""

    version: int


class Source(Protocol):
    """Commercetools, as far as we read and write it."""

    @property
    def client_id(self) -> str:
        """The id of our API client, which what we write names as its writer."""
        ...

    def granted(self) -> frozenset[str]:
        """Return the scopes that our API client was granted; none where the answer tells none."""
        ...

    def read_customer(self, id_: str) -> "Readable | Unreadable | None":
        """Return a customer as it is now, asked for by its id; None of one that does not exist."""
        ...

    def prepare_update(self, customer: str, version: int, actions: Sequence[Json]) -> "Call":
        """Return the update of a customer, which takes effect only upon this version of it."""
        ...

    def update(self, call: "Call", *, deadline: timedelta) -> CustomerUpdated:
        """
        Send an update and return what it made.

        Raises:
            ConflictError: The customer is of another version by now; nothing took effect.
            SyncError: Another of the tree; UnclearError whenever it may have taken effect.
        """
        ...

    def check(self, streams: Iterable[Stream] = tuple(Stream)) -> Json:
        """
        Return facts about the project (key, name, languages, currencies, messages, empty containers).

        Raises:
            CredentialsError: The API client may not read one of *streams*.
        """
        ...

    def page_ids(self, stream: Stream, after: str | None) -> tuple[str, ...]:
        """Return up to 500 ids that follow *after* in the source's own order; an empty answer alone is the end."""
        ...

    def is_gone(self, stream: Stream, id_: str) -> bool:
        """
        Whether the record does not exist any more.

        Raises:
            SyncError: The answer proves nothing.
        """
        ...

    def fetch_page(self, stream: Stream, sweep: Sweep) -> Page:
        """Return the next page in the order of ids; asks again smaller where told to."""
        ...

    def fetch_records(self, stream: Stream, ids: Sequence[str]) -> tuple[Readable | Unreadable, ...]:
        """
        Return the records of *ids* that exist.

        Queries lag, so whom a query does not show is asked for singly; whoever is
        missing from the answer does not exist (any more).
        """
        ...

    def fetch_references(self, kind: str, ids: Sequence[str]) -> Mapping[str, Json]:
        """
        Return those of *ids* that exist, as far as we read them; whoever is missing is gone.

        Args:
            kind: Their ``typeId``; of a product, what is published of it.
            ids: Ids; keys where records refer by key, as to stores.
        """
        ...

    def list_resources(self, kind: str, *, most: int | None = None) -> tuple[Json, ...]:
        """
        Return all resources of a kind, whatever refers to them, or the first *most* of them.

        Raises:
            CredentialsError: The API client may not read them.
        """
        ...

    def fetch_messages(
        self, resource_kind: str, resource_id: str, *, above: int
    ) -> tuple[Readable | Unreadable, ...]:
        """Return the messages of one resource whose sequence is greater than *above*, those that exist."""
        ...

    def parse(self, stream: Stream, body: Json) -> Readable | Unreadable:
        """Return what a stored *body* says."""
        ...


# -- destination ----------------------------------------------------------------------


class CallKind(StrEnum):
    """The state-changing calls we make: at the destination, but for the last, which is to the source."""

    SYNC_CONTACT = "sync_contact"
    UPDATE_CONTACT = "update_contact"
    IMPORT_CONTACTS = "import_contacts"
    UPSERT_ORDER = "upsert_order"
    BULK_UPSERT_ORDERS = "bulk_upsert_orders"
    UPDATE_CUSTOMER = "update_customer"
    ADD_TAG = "add_tag"
    REMOVE_TAG = "remove_tag"
    CLEAR_VALUE = "clear_value"
    TRACK_EVENT = "track_event"
    ENTER_AUTOMATION = "enter_automation"
    CREATE_CUSTOMER = "create_customer"
    CREATE_CART = "create_cart"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    DELETE_CONTACT = "delete_contact"
    WRITE_BACK = "write_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One state-changing request, complete: what is stored before it is sent.

    Attributes:
        members: How many entries it carries; refusals name them by position.
    """

    kind: CallKind
    method: str
    path: str
    body: Json = field(repr=False)
    members: int = 1


@dataclass(frozen=True, slots=True)
class ContactWritten:
    """
    The answer to a single contact call; *applied*, because it shows the contact.

    Attributes:
        uncleared: Ids of the field values that it shows, though they were sent empty: an
            account may keep what an empty text was to clear.
    """

    contact: ContactId
    email: Address
    uncleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportQueued:
    """The answer to a bulk import: *accepted*, not applied."""

    batch: str
    queued: int


@dataclass(frozen=True, slots=True)
class OrdersWritten:
    """
    The answer to an order upsert: the orders it returned, compared by the caller.

    Attributes:
        orders: For each returned order, what it says of itself, by ``storeOrderId``.
    """

    orders: Mapping[str, "OrderSeen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order as the destination shows it."""

    store_order_id: str
    modified_at: datetime | None
    creation_source: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class CustomerWritten:
    """
    The answer to a change of an e-commerce customer, by its id.

    So answer an ended membership and a deleted contact, by the contact's: they prove no more.
    """

    customer: str


@dataclass(frozen=True, slots=True)
class TagWritten:
    """
    The answer to an added tag, whether it is new there or was there already.

    Attributes:
        link: What removes it again; None where the answer says only that it was there.
    """

    link: str | None


@dataclass(frozen=True, slots=True)
class TagRemoved:
    """The answer to a removed tag, and to one that was not there any more."""


@dataclass(frozen=True, slots=True)
class ValueCleared:
    """The answer to a cleared field value, and to one that was not there any more."""


@dataclass(frozen=True, slots=True)
class EventTracked:
    """The answer of the event host that took an event."""


@dataclass(frozen=True, slots=True)
class AutomationEntered:
    """The answer to an entry into an automation; *run* is its id."""

    run: str


@dataclass(frozen=True, slots=True)
class CartWritten:
    """The answer to a cart that was made or changed; *cart* is its id there."""

    cart: str


@dataclass(frozen=True, slots=True)
class MembershipEnded:
    """The answer to a membership of a list that was ended."""


@dataclass(frozen=True, slots=True)
class MembershipBegun:
    """The answer to a membership of a list that was begun, or begun again."""


@dataclass(frozen=True, slots=True)
class ContactDeleted:
    """The answer to a deleted contact, and to one that was not there any more."""


Answer = (
    ContactWritten | ImportQueued | OrdersWritten | CustomerWritten | TagWritten | TagRemoved | ValueCleared
    | EventTracked | AutomationEntered | CartWritten | MembershipBegun | MembershipEnded
    | ContactDeleted
)  # fmt: skip


class ImportState(StrEnum):
    """How far a bulk import is: still under way, at its end, or given up by the vendor."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStatus:
    """What became of a bulk import; *refused* are the addresses it would not take."""

    state: ImportState
    contacts: tuple[ContactId, ...] = ()
    refused: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSeen:
    """A contact as the destination shows it."""

    contact: ContactId
    email: Address
    first_name: str
    last_name: str
    phone: str


@dataclass(frozen=True, slots=True)
class CustomerSeen:
    """An e-commerce customer as the destination shows it; *external_id* is what we called it."""

    customer: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationSeen:
    """An automation as the destination shows it."""

    id: str
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySeen:
    """An entry of a contact into an automation."""

    automation: str
    entered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSeen:
    """
    A tag that a contact has.

    Attributes:
        link: Of this contact to this tag; what removes it.
        tag: Its id.
    """

    link: str
    tag: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConsent:
    """
    What an order says of its buyer's consent, by channels; None of one of which it says nothing.

    Attributes:
        sms_at: When that of text messages was said, if that is known.
    """

    email: Says | None = None
    sms: Says | None = None
    sms_at: datetime | None = None


NOTHING_SAID = OrderConsent()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSend:
    """
    An order, and whether sending it may start automations.

    Attributes:
        consent: What it says of its buyer's consent.
        connection: Name of the connection it goes to; None for the default one.
    """

    order: EcommerceOrder
    creation_source: CreationSource
    connection: str | None = None
    consent: OrderConsent = NOTHING_SAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    The destination's ids of what we provisioned there.

    Attributes:
        fields: Of custom fields, by perstag.
        connection: Of the connection that is meant where none is named.
        connections: Of all connections, that one too, by name; empty in what was kept
            before there were several.
    """

    fields: Mapping[str, str]
    connection: str
    connections: Mapping[str, str] = field(default_factory=dict)

    def connection_of(self, name: str | None) -> str:
        """
        Return the id of the connection *name*, or of the default one.

        Raises:
            ProvisioningError: It is not among those that were provisioned.
        """
        if name is None:
            return self.connection
        if name not in self.connections:
            raise ProvisioningError(f"no connection {name} is known there", cause="connection_missing")
        return self.connections[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWanted:
    """
    A custom field that must exist.

    Attributes:
        options: Values it must offer, where its type has options; it may offer more.
    """

    perstag: str
    title: str
    type: str = "text"
    options: tuple[str, ...] = ()


class Made(StrEnum):
    """What we make there, and find again."""

    FIELD = "field"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """
    One thing that we made there, and that is not as it was.

    Attributes:
        name: Perstag of a field, name of a connection.
        goes_by: The perstag that the field has by now; None where there is no such field,
            or connection, any more.
    """

    kind: Made
    name: str
    goes_by: str | None = None

    def __str__(self) -> str:
        renamed = f" (is {self.goes_by} now)" if self.goes_by is not None else ""
        return f"{self.kind} {self.name}{renamed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSeen:
    """A custom field as the destination shows it; an empty type is one that it does not tell."""

    perstag: str
    title: str
    type: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSeen:
    """A list as the destination shows it."""

    id: str
    name: str
    channel: str


@dataclass(frozen=True, slots=True)
class MembershipSeen:
    """Where a contact stands with a list, as a page of all memberships shows it."""

    contact: str
    list: str
    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """
    Addresses that the destination excludes.

    Attributes:
        phrase: What is compared with an address, in lower case.
        match: How: ``exact``, ``end``, or another word.
        channel: What they are excluded from: ``all``, ``allEmail``, ``allSms``, or ``several`` lists.
        lists: Those lists, by their ids there.
    """

    phrase: str
    match: str
    channel: str
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MembershipPage:
    """A page of memberships; *next* is where the next one begins, 0 after the last."""

    seen: tuple[MembershipSeen, ...]
    next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """
    What the destination has of what a configuration may name.

    Attributes:
        connections: Names of ours.
        lists, automations: Empty where they were not asked for.
        tags: Of those that were asked for, as they are spelt there.
    """

    fields: tuple[FieldSeen, ...] = ()
    connections: frozenset[str] = frozenset()
    lists: tuple[ListSeen, ...] = ()
    tags: tuple[str, ...] = ()
    automations: tuple[AutomationSeen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What the last answer's headers said of the account's budget, if they did."""

    limit: int | None = None
    remaining: int | None = None


class Destination(Protocol):
    """ActiveCampaign, as far as we write and read it."""

    def check(self) -> Json:
        """Return facts about the key's user and account; raises CredentialsError."""
        ...

    def inspect(self, *, tags: Sequence[str], has_lists: bool, has_automations: bool = False) -> AccountSeen:
        """Return what there is of fields, connections, *tags*, and of lists and automations if they matter."""
        ...

    def ensure_layout(
        self, fields: Sequence[FieldWanted], connections: Sequence[str] = (), events: Sequence[str] = ()
    ) -> Layout:
        """
        Find or make the fields (visible, with relation and options), the connections and event names.

        The default connection is made whether it is named or not.  Event tracking is switched on
        where there is a name.
        """
        ...

    def check_layout(self, layout: Layout) -> tuple[Drift, ...]:
        """
        Return what of *layout* is not there any more, or not under its name.

        Raises:
            ServerError: It cannot be told by the answer; asking again is safe.
        """
        ...

    def ensure_tag(self, name: str) -> str:
        """Find or make the tag; names are equal whatever their case.  Return its id."""
        ...

    def fetch_tags(self, contact: ContactId) -> tuple[TagSeen, ...]:
        """Return the tags that a contact has."""
        ...

    def prepare_sync(self, contact: Contact, layout: Layout) -> Call:
        """Return the upsert of a contact by its address."""
        ...

    def prepare_update(self, contact_id: ContactId, contact: Contact, layout: Layout) -> Call:
        """Return the change of a linked contact, a new address included."""
        ...

    def prepare_import(self, contacts: Sequence[Contact], layout: Layout) -> Call:
        """Return the bulk import of *contacts*; it starts no automations."""
        ...

    def prepare_orders(self, orders: Sequence[OrderSend], layout: Layout) -> Call:
        """Return the upsert of one order, or of many in one call."""
        ...

    def prepare_customer(self, customer: str, email: Address) -> Call:
        """Return the change of address of an e-commerce customer."""
        ...

    def prepare_tag(self, contact: ContactId, tag: str) -> Call:
        """Return the adding of a tag, by its id; safe to repeat."""
        ...

    def prepare_untag(self, link: str) -> Call:
        """Return the removal of a tag from a contact, by their link; safe to repeat."""
        ...

    def prepare_clear(self, value: str) -> Call:
        """Return the clearing of a field value, by its id; safe to repeat."""
        ...

    def prepare_tracking(self, email: Address, name: str, value: str) -> Call:
        """Return the tracking of an event; each call is another event there."""
        ...

    def prepare_automation(self, contact: ContactId, automation: str) -> Call:
        """Return an entry into an automation; each call is another entry there."""
        ...

    def prepare_new_customer(self, customer: str, email: Address, connection: str) -> Call:
        """Return the making of an e-commerce customer, by the id we call it, under a connection's id."""
        ...

    def prepare_cart(self, cart: EcommerceCart, customer: str, connection: str) -> Call:
        """Return the making of an abandoned cart, in real time, of a customer by its id there."""
        ...

    def prepare_subscription(self, contact: ContactId, list_: str, *, is_revival: bool) -> Call:
        """Return the beginning of a membership; of a revival, as such."""
        ...

    def prepare_unsubscription(self, contact: ContactId, list_: str) -> Call:
        """Return the end of a membership, by the list's id; safe to repeat."""
        ...

    def prepare_deletion(self, contact: ContactId) -> Call:
        """Return the deletion of a contact; safe to repeat."""
        ...

    def send(self, call: Call, *, deadline: timedelta) -> Answer:
        """
        Send *call* and return its checked answer.

        Raises:
            SyncError: One of the tree in :mod:`ct_ac_sync.errors`; UnclearError whenever
                the call may have taken effect and the answer does not prove it.
        """
        ...

    @property
    def quota(self) -> Quota:
        """What the last answer's headers said."""
        ...

    def fetch_import(self, batch: str) -> ImportStatus:
        """Return how far an import is."""
        ...

    def has_outstanding_imports(self) -> bool:
        """Whether the account shows any import that is not done."""
        ...

    def find_contact(self, email: Address) -> ContactSeen | None:
        """Return the contact that holds *email*; compares the answer, trusts no filter."""
        ...

    def fetch_contacts(self, ids: Sequence[ContactId]) -> tuple[ContactSeen, ...]:
        """Return the contacts of *ids* that exist, at most 100 a call."""
        ...

    def find_order(
        self, store_order_id: str, layout: Layout, connection: str | None = None
    ) -> OrderSeen | None:
        """Return the order under the named connection, or None where it is not (yet) shown."""
        ...

    def find_customers(
        self, email: Address, layout: Layout, connection: str | None = None
    ) -> tuple[CustomerSeen, ...]:
        """Return the e-commerce customers with *email* under the named connection."""
        ...

    def fetch_memberships(self, contact: ContactId) -> tuple[str, ...]:
        """
        Return the ids of the lists that the contact is not unsubscribed from.

        Raises:
            GoneError: There is no such contact.
        """
        ...

    def fetch_standings(self, contact: ContactId) -> Mapping[str, Membership]:
        """
        Return where the contact stands with each list it ever was on, by the lists' ids.

        Raises:
            GoneError: There is no such contact.
        """
        ...

    def page_memberships(self, offset: int) -> MembershipPage:
        """Return a page of all memberships of the account, in their order, from *offset*."""
        ...

    def fetch_lists(self) -> tuple[ListSeen, ...]:
        """Return all lists of the account."""
        ...

    def fetch_exclusions(self) -> tuple[Exclusion, ...]:
        """Return all addresses that the account excludes from what is sent."""
        ...

    def has_tracked(self, contact: ContactId, name: str, mark: str) -> bool:
        """Whether the contact's log shows an event of this name whose value ends with *mark*."""
        ...

    def fetch_entries(self, contact: ContactId, automation: str) -> tuple[EntrySeen, ...]:
        """Return when the contact entered the automation, as far as its runs are shown."""
        ...

    def find_cart(self, cart: str, connection: str) -> str | None:
        """Return the id of the cart that we call *cart* under a connection's id; None where there is none."""
        ...


# -- the rest -------------------------------------------------------------------------


class Lane(StrEnum):
    """The queues of a recipient's work, most urgent first."""

    CONSENT = "consent"
    LIVE = "live"
    REPLAY = "replay"
    BACKFILL = "backfill"


class Doorbell(Protocol):
    """Rings: tells some worker that something may be due.  A lost ring costs time only."""

    def ring(self, recipients: Sequence[tuple[int, Lane]]) -> Sequence[int]:
        """Say of each recipient that it may be due; return those that could not be rung."""
        ...

    def ring_stream(self, source: str, stream: Stream) -> None:
        """Say that a sweep of *stream* is to be gone on with."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """
    What may be told of a dead letter: ids and its cause, and nothing that it holds.

    Attributes:
        object: The id of the order or record it is about; empty for a profile.
    """

    dead_letter: int
    operation: str
    cause: str
    lane: Lane
    destination: str | None = None
    recipient: int | None = None
    entry: int | None = None
    attempt: int | None = None
    object: str = ""


class Herald(Protocol):
    """Tells people of what waits for them.  A telling that is lost is still in the database."""

    def tell_letter(self, letter: Letter) -> None:
        """Tell of a dead letter, once it is committed; never raises."""
        ...

    def tell_halt(self, what: str, cause: str) -> None:
        """Tell that a destination or stream was halted just now; never raises."""
        ...


class Clock(Protocol):
    """Waits and measures; the time of decisions is the database's."""

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        ...
