"""
The configuration as frozen values; `docs/mapping.md` says what each means to its reader.

A rule never holds a secret: a source and a destination name the variables of the
environment that do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from ct_ac_sync.configuration.expression import Expression, Path, Root, parse_path
from ct_ac_sync.domain.consent import Policy
from ct_ac_sync.domain.contact import CreationSource, OrderStatus
from ct_ac_sync.domain.event import EventKind
from ct_ac_sync.domain.fingerprint import fingerprint

#: The event host of every account (vendor documentation, Event tracking).
EVENT_URL = "https://trackcmp.net/event"

# -- where from, where to -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """
    A Commercetools project.

    Attributes:
        name: What routes call it.
        project: Its key; what the tables know it by.
        client_id_env, client_secret_env: The variables that hold its API client.
    """

    name: str
    project: str
    auth_url: str
    api_url: str
    client_id_env: str
    client_secret_env: str
    scopes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationConfig:
    """
    An ActiveCampaign account.

    Attributes:
        name: What routes call it; the tables know it by the host of its address.
        token_env: The variable that holds its key.
        call_interval_seconds: Between two calls; None for the installation's own.
        event_url: Its event host.
        event_actid_env, event_key_env: The variables that hold what opens that; None where
            nothing can be tracked.
    """

    name: str
    api_url: str
    token_env: str
    call_interval_seconds: float | None = None
    event_url: str = EVENT_URL
    event_actid_env: str | None = None
    event_key_env: str | None = None

    @property
    def has_events(self) -> bool:
        """Whether events can be tracked there."""
        return self.event_actid_env is not None and self.event_key_env is not None

    @property
    def host(self) -> str:
        """What the tables know it by: the host of its address, which has no case."""
        return urlsplit(self.api_url).netloc.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """
    What a record must be for a rule to hold: every part given, each any one of its values.

    Attributes:
        source: Names of sources.
        store, channel, group: Keys, or ids where something has no key.
        locale: Tags; a language alone holds for its regions too.
        country: Two letters.  Of a customer: of its main address.
        currency, origin: Of an order or a cart; a customer has none, and a rule that asks for one never
            holds for it.
        custom: Values of custom fields, by name.
    """

    source: tuple[str, ...] = ()
    store: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    locale: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    custom: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    Where records go: of all routes, in their order, the first whose condition holds.

    Attributes:
        destination: Name of a destination; None keeps such records here, with a reason.
        connection: Name of the e-commerce connection of its orders; None for the project's key.
        lists: Names of lists of the configuration that its people belong to, consent given.
        tag_prefix: Put before the tags of its people.
    """

    name: str
    when: Condition = field(default_factory=Condition)
    destination: str | None
    connection: str | None = None
    lists: tuple[str, ...] = ()
    tag_prefix: str = ""


# -- profiles -------------------------------------------------------------------------


class FieldType(StrEnum):
    """Types of custom fields that ActiveCampaign documents (vendor documentation, Custom fields)."""

    TEXT = "text"
    TEXTAREA = "textarea"
    DATE = "date"
    DATETIME = "datetime"
    DROPDOWN = "dropdown"
    RADIO = "radio"
    LISTBOX = "listbox"
    CHECKBOX = "checkbox"
    HIDDEN = "hidden"
    NUMBER = "number"


class Speaker(StrEnum):
    """Which customer speaks for a contact that several share."""

    OLDEST = "oldest"
    NEWEST = "newest"


class Taken(StrEnum):
    """What follows where another contact holds the address: become that one, or hold for a human."""

    ADOPT = "adopt"
    HOLD = "hold"


class Place(StrEnum):
    """An address of a customer or an order, by its role."""

    BILLING = "billing"
    SHIPPING = "shipping"
    FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileConfig:
    """
    How a person becomes a contact.

    Attributes:
        speaker: Which of several customers with one address speaks.
        address: In which order an address is looked for: `address.…` in paths.
        locales: Fallbacks of a text that is not there in the person's own locale, in order.
        email_taken: What follows where another contact holds the address.
        first_name, last_name, phone: The standard fields; of a phone, E.164 where it can be read.
    """

    speaker: Speaker = Speaker.OLDEST
    address: tuple[Place, ...] = (Place.BILLING, Place.SHIPPING, Place.FIRST)
    locales: tuple[str, ...] = ()
    email_taken: Taken = Taken.ADOPT
    first_name: Expression
    last_name: Expression
    phone: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """
    A custom field and what it holds.

    Attributes:
        perstag: Its personalisation tag, upper case; what it is found by.
        title: Its name, where it has to be made.
        options: Of a type that has them: those that are made, in order.
    """

    perstag: str
    title: str
    type: FieldType = FieldType.TEXT
    options: tuple[str, ...] = ()
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRule:
    """
    A tag: what gives its name, several of a set, none where a part of it is empty.

    Attributes:
        when: Whom it is for.
    """

    name: Expression
    when: Condition = field(default_factory=Condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsConfig:
    """
    Tags and which of them are ours.

    Attributes:
        owned: Prefixes; a tag that begins with one and is not wanted is removed.
    """

    owned: tuple[str, ...] = ()
    rules: tuple[TagRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConfig:
    """A list of ActiveCampaign; who belongs to it is for consent to say."""

    key: str
    name: str
    channel: str = "email"


# -- consent --------------------------------------------------------------------------

#: Of what a place is known by.
KEY_LENGTH = 12
#: What says whose a custom object is, unless the file says otherwise.
ITS_KEY = "custom_object.key"
#: Stands for any value, where no word does.
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPlace:
    """
    Where records say something of a channel.

    Attributes:
        stream: Of which records.
        value: What they say.
        yes, no, pending: What words of it mean, in no case; ANY for all others.
        time: When it was said, where the shop keeps that.
        details: Whatever else the shop keeps of it, by names of the user's own.
        revives: Whether it is trusted to bring back who has left a list.
        container, person: Of custom objects alone: which, and what of one says whose it is.
    """

    stream: str
    value: Expression
    yes: tuple[str, ...]
    no: tuple[str, ...]
    pending: tuple[str, ...] = ()
    time: Expression | None = None
    details: tuple[tuple[str, Expression], ...] = ()
    revives: bool = True
    container: str | None = None
    person: Expression | None = None

    @property
    def key(self) -> str:
        """What it is known by: another value, or other words of it, are another place."""
        said: dict[str, object] = {
            "stream": self.stream,
            "value": str(self.value),
            "time": str(self.time or ""),
            **{name: sorted(set(getattr(self, name))) for name in ("yes", "no", "pending")},
        }
        said |= {"container": self.container} if self.container else {}
        return fingerprint(said)[:KEY_LENGTH]


def its_key() -> Expression:
    """Return what says whose a custom object is, where the file does not: its key."""
    return Expression(paths=(parse_path(ITS_KEY),))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBackConfig:
    """
    What becomes of a customer whose person left there.

    Attributes:
        field: The custom field that says it, by its name.
        no: What it becomes; None where something else is done to it.
        without: What is taken out of the set that it is.
        clears: Whether it is taken away.
        time: The custom field that says when they left.
        source, says: The custom field that says where, and what it says.
        type: Key of the type that customers get who have none.
        bounces: Whether an address that bounced has left.
    """

    field: str
    no: bool | str | None = False
    without: str | None = None
    clears: bool = False
    time: str | None = None
    source: str | None = None
    says: str = "activecampaign"
    type: str | None = None
    bounces: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentConfig:
    """
    Consent of one channel.

    Attributes:
        absence_is_no: Whether a value that is not there counts as a no that was never said: then
            the first yes is one, though no time comes with it.
        on_orders: Whether orders say it too.
        write_back: What becomes of customers whose person left there; None for nothing.
    """

    channel: str
    policy: Policy
    places: tuple[ConsentPlace, ...]
    absence_is_no: bool = False
    on_orders: bool = False
    write_back: WriteBackConfig | None = None

    @property
    def answering(self) -> ConsentPlace | None:
        """The place that reads what is written back."""
        return None if self.write_back is None else place_of(self.write_back.field, self.places)


def place_of(field: str, places: Iterable[ConsentPlace]) -> ConsentPlace | None:
    """Return the first of *places* that reads a custom field of customers before all else."""
    path = Path(Root.CUSTOMER, ("custom", "fields", field))
    return next((each for each in places if each.value.paths[:1] == (path,)), None)


# -- orders and products --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRule:
    """
    A status and the states of an order it stands for: every part given, each any one of its values.

    Attributes:
        order, payment, shipment: The source's own states; "none" where there is none.
        returned: Payment states of return items, of which at least one must be there.
        workflow: Keys of custom workflow states.
        refunded: "none", "partial" or "full", by the payments.
    """

    status: OrderStatus
    order: tuple[str, ...] = ()
    payment: tuple[str, ...] = ()
    shipment: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    workflow: tuple[str, ...] = ()
    refunded: tuple[str, ...] = ()


#: What holds where nobody says anything of statuses; `mapping/status.py` shows it as a table.
DEFAULT_STATUSES: tuple[StatusRule, ...] = (
    StatusRule(status=OrderStatus.CANCELLED, order=("Cancelled",)),
    StatusRule(status=OrderStatus.REFUNDED, refunded=("full",)),
    StatusRule(status=OrderStatus.RETURNED, returned=("Refunded",), refunded=("none",)),
    StatusRule(status=OrderStatus.FAILED, payment=("Failed",)),
    StatusRule(status=OrderStatus.COMPLETED, order=("Complete",)),
    StatusRule(status=OrderStatus.COMPLETED, payment=("Paid", "CreditOwed")),
    StatusRule(status=OrderStatus.PENDING_PAYMENT, order=("Open",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersConfig:
    """
    How orders are sent.

    Attributes:
        statuses: In their order, the first that holds; where none does, WAITING.
        chargebacks_count: Whether a chargeback counts as refunded.
        url: The address of an order's page, a template.
        historical_when: Orders that are of the past however new they are; None for none.
    """

    statuses: tuple[StatusRule, ...] = DEFAULT_STATUSES
    chargebacks_count: bool = True
    url: Expression | None = None
    historical_when: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductsConfig:
    """
    What is known of a product besides its name.

    Attributes:
        brand: Name of the attribute that holds the brand.
        attributes: Names of attributes that line items carry as their tags.
        url: The address of a product's page, a template.
        category_separator: Between the names of a category path, root first.
    """

    brand: str | None = None
    attributes: tuple[str, ...] = ()
    url: Expression | None = None
    category_separator: str = " > "


# -- events ---------------------------------------------------------------------------


class Reentry(StrEnum):
    """Whether somebody who entered an automation before enters it again."""

    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRule:
    """
    An event to be tracked.

    Attributes:
        name: What it is called there, at most 32 characters (vendor documentation, Event tracking).
        value: What it says; our mark takes 17 of its 250 characters.
    """

    name: str
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationRule:
    """An automation to be entered, by its id."""

    id: str
    reentry: Reentry = Reentry.ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTagRule:
    """
    A tag that people have since an event.

    Attributes:
        days: For how long; None for ever.
    """

    name: Expression
    days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFieldRule:
    """A custom field, by its perstag, that an event sets."""

    perstag: str
    value: Expression


class Purpose(StrEnum):
    """What the messages of a rule are for, which says whether consent is asked."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """
    What follows of events.

    Of all rules that hold for an event, the first with a tracking says what is tracked, the first
    with an automation what is entered, the first with an e-commerce mark how it is marked; tags
    and fields come from all of them.

    Attributes:
        on: Of which kinds.
        routes: Names of routes its person came by; empty for any.
        ecommerce: Of a placed order: whether it goes out as real-time; of an abandoned cart: that
            it goes out at all, and whether as real-time.
        purpose, channel: Of marketing, automations are entered and abandoned carts go out only
            of people who may be sent to by this channel.
    """

    name: str
    on: tuple[EventKind, ...]
    when: Condition = field(default_factory=Condition)
    routes: tuple[str, ...] = ()
    tracking: TrackingRule | None = None
    automation: AutomationRule | None = None
    tags: tuple[EventTagRule, ...] = ()
    fields: tuple[EventFieldRule, ...] = ()
    ecommerce: CreationSource | None = None
    purpose: Purpose = Purpose.MARKETING
    channel: str = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class CartsConfig:
    """
    When a cart is abandoned.

    Attributes:
        idle_minutes: After how long without a change by the buyer.
        idle_minutes_of: The same, of stores by key that differ.
        url: The address at which the buyer finds the cart again, a template.
    """

    idle_minutes: int = 60
    idle_minutes_of: Mapping[str, int] = field(default_factory=dict)
    url: Expression | None = None

    def idle_of(self, store_key: str | None) -> timedelta:
        """Return after how long a cart of this store is abandoned; None of one without a store."""
        return timedelta(minutes=self.idle_minutes_of.get(store_key or "", self.idle_minutes))


class Farewell(StrEnum):
    """What becomes of the contact of a customer who is deleted."""

    LEAVE = "leave"
    UNSUBSCRIBE = "unsubscribe"
    DELETE_CONTACT = "delete_contact"


class OrderFarewell(StrEnum):
    """What becomes of an order there that is deleted here; nothing that deletes it is documented."""

    LEAVE = "leave"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionsConfig:
    """What becomes of contacts whose customers are deleted, and of orders."""

    customers: Farewell = Farewell.LEAVE
    orders: OrderFarewell = OrderFarewell.LEAVE

    @property
    def acts(self) -> bool:
        """Whether anything follows of a deletion."""
        return self.customers is not Farewell.LEAVE or self.orders is not OrderFarewell.LEAVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """
    Everything that `sync.toml` says.

    Attributes:
        hash: Of all that decides what is sent and where; every outcome names it.
    """

    sources: tuple[SourceConfig, ...]
    destinations: tuple[DestinationConfig, ...]
    routes: tuple[Route, ...]
    profile: ProfileConfig
    fields: tuple[FieldRule, ...]
    tags: TagsConfig = field(default_factory=TagsConfig)
    lists: tuple[ListConfig, ...] = ()
    consent: tuple[ConsentConfig, ...] = ()
    orders: OrdersConfig = field(default_factory=OrdersConfig)
    products: ProductsConfig = field(default_factory=ProductsConfig)
    events: tuple[EventRule, ...] = ()
    carts: CartsConfig = field(default_factory=CartsConfig)
    deletions: DeletionsConfig = field(default_factory=DeletionsConfig)
    hash: str = ""

    @property
    def perstags(self) -> Mapping[str, FieldRule]:
        """Its fields by perstag."""
        return {rule.perstag: rule for rule in self.fields}

    @property
    def has_tags(self) -> bool:
        """Whether contacts get tags at all, by what they are or by what happened."""
        return bool(self.tags.rules or self.tags.owned or any(rule.tags for rule in self.events))

    @property
    def writes_back(self) -> bool:
        """Whether customers are written to at all."""
        return any(each.write_back for each in self.consent)

    @property
    def event_names(self) -> tuple[str, ...]:
        """The names under which events are tracked, sorted."""
        return tuple(sorted({rule.tracking.name for rule in self.events if rule.tracking}))

    @property
    def automations(self) -> tuple[str, ...]:
        """The ids of the automations that events enter, by number."""
        return tuple(sorted({rule.automation.id for rule in self.events if rule.automation}, key=int))

    @property
    def streams(self) -> tuple[str, ...]:
        """
        The kinds of record that must be read.

        Carts where anything follows of events, or consent is read of them; messages in the first case too, and where anything follows of
        a deletion, which a message tells of first.  Shopping lists where anything follows of what is put on one,
        custom objects where consent is read of them.
        """
        asks_messages = self.events or self.deletions.acts
        asks_carts = self.events or any(p.stream == "carts" for c in self.consent for p in c.places)
        asks_lists = any(EventKind.LIST_ITEM_ADDED in rule.on for rule in self.events)
        return (
            *("customers", "orders", "payments"),
            *(("carts",) if asks_carts else ()),
            *(("shopping_lists",) if asks_lists else ()),
            *(("messages",) if asks_messages else ()),
            *(("custom_objects",) if self.containers else ()),
        )

    @property
    def containers(self) -> Mapping[str, Expression]:
        """The containers of custom objects that consent is read of, and what says whose one is, by name."""
        places = (place for each in self.consent for place in each.places)
        found = {each.container: each.person or its_key() for each in places if each.container}
        return dict(sorted(found.items()))

    def idle_of(self, store_key: str | None) -> timedelta:
        """Return after how long a cart of this store is abandoned; None of one without a store."""
        return self.carts.idle_of(store_key)

    def events_at(self, host: str) -> tuple[EventRule, ...]:
        """Return the rules of events that may hold at a destination, by the routes that lead there."""
        own = {each.name for each in self.destinations if each.host == host}
        names = {route.name for route in self.routes if route.destination in own}
        return tuple(rule for rule in self.events if names.intersection(rule.routes or names))

    def consented_lists_at(self, host: str) -> tuple[ListConfig, ...]:
        """Return the lists that routes to a destination name, and on which consent decides."""
        channels = {each.channel for each in self.consent}
        own = {each.name for each in self.destinations if each.host == host}
        named = {key for route in self.routes if route.destination in own for key in route.lists}
        return tuple(each for each in self.lists if each.key in named and each.channel in channels)

    def connections_at(self, host: str) -> tuple[str, ...]:
        """
        Return the names of the e-commerce connections that orders have at a destination.

        A route that names none leads to that of the record's project.
        """
        own = {each.name for each in self.destinations if each.host == host}
        routed = {route.connection for route in self.routes if route.destination in own}
        projects = {each.project for each in self.sources} if None in routed or not routed else set()
        return tuple(sorted({*filter(None, routed), *projects}))
