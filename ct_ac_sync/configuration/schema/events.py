"""What follows of events, and when a cart is abandoned."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from ct_ac_sync.configuration.expression import Expression, Path, Root, parse_template
from ct_ac_sync.configuration.schema.kinds import Choice, Text, Whole
from ct_ac_sync.configuration.schema.many import ByName, Several, Short, Table
from ct_ac_sync.configuration.schema.routes import ConditionSchema
from ct_ac_sync.configuration.schema.shapes import EVENT_NAME
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.schema.value import (
    CartPageSchema,
    EventTagNameSchema,
    EventValueSchema,
    Value,
)
from ct_ac_sync.configuration.values import (
    AutomationRule,
    CartsConfig,
    EventFieldRule,
    EventRule,
    EventTagRule,
    Purpose,
    Reentry,
    TrackingRule,
)
from ct_ac_sync.domain.contact import CreationSource
from ct_ac_sync.domain.event import EventKind

#: What events are about: a cart, a shopping list, or nothing but the customer; all others are about an order.
OF_CART = frozenset(
    {
        EventKind.CART_CREATED, EventKind.CART_UPDATED, EventKind.CHECKOUT_ADDRESS,
        EventKind.CHECKOUT_SHIPPING, EventKind.CHECKOUT_PAYMENT, EventKind.CART_ABANDONED,
    }
)  # fmt: skip
OF_LIST = frozenset({EventKind.LIST_ITEM_ADDED})
OF_CUSTOMER = frozenset(
    {
        EventKind.SIGNED_UP, EventKind.NEWSLETTER_OPTED_IN, EventKind.NEWSLETTER_OPTED_OUT,
        EventKind.CUSTOMER_DELETED,
    }
)  # fmt: skip
#: What the e-commerce API knows.
OF_ECOMMERCE = frozenset({EventKind.ORDER_PLACED, EventKind.CART_ABANDONED})
#: Keys of which a rule has at least one.
ACTIONS = ("tracking", "automation", "tags", "fields", "ecommerce")
#: A century, and a month: whatever is longer is a slip of the pen.
MOST_DAYS, MOST_MINUTES = 36_500, 43_200


class TrackingSchema(ConfigurationSchema):
    """An event that is tracked."""

    name = Text(
        "what it is called there; it is made where it is not", example="order_placed", shape=EVENT_NAME, required=True
    )  # fmt: skip
    value = Value(
        "what it says; a mark of 16 characters comes after it, and what is longer than both may be is cut",
        lone="template",
        schema=EventValueSchema,
        example="{event.amount} {event.currency}",
        default=Expression(template=parse_template("{event.key}")),
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TrackingRule:
        """Return the rule."""
        return TrackingRule(**data)


class AutomationSchema(ConfigurationSchema):
    """An automation that people enter."""

    id = Whole("its number, as its address shows it", example=12, most=10**12, required=True)
    reentry = Choice(
        "whether somebody who entered it before enters it again",
        among=Reentry,
        parse=Reentry,
        default=Reentry.ALWAYS,
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> AutomationRule:
        """Return the rule."""
        return AutomationRule(id=str(data["id"]), reentry=data["reentry"])


class EventTagSchema(ConfigurationSchema):
    """A tag that people have since an event."""

    name = Value(
        "the tag, as in `[[tags.rules]]`",
        lone="template",
        schema=EventTagNameSchema,
        example="buyer of {event.month}",
        required=True,
    )
    days = Whole(
        "for how many days after the event; without, for ever. It is taken away by the next change after"
        " that, if it begins with one of `owned`",
        example=30,
        most=MOST_DAYS,
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> EventTagRule:
        """Return the rule."""
        return EventTagRule(**data)


class EventSchema(ConfigurationSchema):
    """What follows of events: of all rules that hold, the first with each action, and all tags and fields."""

    name = Text("what previews call it; without, the kinds of `on`", example="order placed")
    on = Several(
        Choice("kinds of events", among=EventKind, parse=EventKind, example="order_placed"), required=True
    )
    when = Table(
        ConditionSchema,
        "what its order, cart, shopping list or customer must be; without, all are",
        example={"store": "de"},
    )
    routes = Several(
        Text("names of routes of this file that its people came by; without, any", example="business"),
        default=(),
    )
    tracking = Table(
        TrackingSchema,
        "the event that is tracked",
        is_optional=True,
        example={"name": "order_placed", "value": "{order.orderNumber} {event.amount} {event.currency}"},
    )
    automation = Short(AutomationSchema, "the automation that is entered", key="id", example=12)
    tags = Several(
        Short(EventTagSchema, "tags that its people have", key="name", example="bought"), default=()
    )
    fields_ = ByName(
        Value(
            "what it holds",
            lone="template",
            schema=EventValueSchema,
            example="{event.amount}",
        ),
        "values of custom fields of this file, by their perstags, in place of what `[[fields]]` say",
        example={"CT_LAST_REFUND": "{event.amount}"},
        default={},
        key="fields",
    )
    ecommerce = Choice(
        "whether its order, or abandoned cart, goes out as one that may start automations; of other orders"
        " the newness decides, and other carts do not go out",
        among=[each.lower() for each in CreationSource],
        parse=lambda text: CreationSource(text.upper()),
    )
    purpose = Choice(
        "what its automation, or abandoned cart, is for: `marketing` reaches only who may be sent to;"
        " `transactional` reaches everybody",
        among=Purpose,
        parse=Purpose,
        default=Purpose.MARKETING,
    )
    channel = Text("the channel of `[consent]` that marketing asks", example="email", default="email")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_actions(self, data: Any, original: Mapping[str, Any], **_: Any) -> None:
        """Ask for something that follows."""
        if not any(key in original for key in ACTIONS):
            *others, last = ACTIONS
            raise ValidationError(
                f"says nothing that follows: expected at least one of {', '.join(others)} or {last}"
            )

    @validates_schema(skip_on_field_errors=False)
    def check_ecommerce(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a mark of what the e-commerce API does not know."""
        others = [kind for kind in data.get("on", ()) if kind not in OF_ECOMMERCE]
        if data.get("ecommerce") and others:
            kinds = " and ".join(sorted(OF_ECOMMERCE, reverse=True))
            raise ValidationError(
                f"expected none of {' and '.join(others)}: only {kinds} have one", "ecommerce"
            )

    @validates_schema(skip_on_field_errors=False)
    def check_roots(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse what looks at an order, a cart or a list, where no event of these kinds is about one."""
        if "on" not in data:
            return
        known = {_about(kind) for kind in data["on"]} | {Root.CUSTOMER, Root.EVENT, Root.ROUTE}
        faults: dict[Any, Any] = {}
        for place, expression in _expressions(data):
            root = next((each for each in _roots(expression) if each not in known), None)
            if root is not None:
                _put(faults, place, f"expected nothing of {root}: {' and '.join(data['on'])} is about none")
        if faults:
            raise ValidationError(faults)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> EventRule:
        """Return the rule."""
        usual = ", ".join(kind.replace("_", " ") for kind in data["on"])
        values = data.pop("fields_").items()
        fields = tuple(EventFieldRule(perstag=perstag, value=value) for perstag, value in sorted(values))
        return EventRule(**data | {"name": data["name"] or usual, "fields": fields})


class CartsSchema(ConfigurationSchema):
    """When a cart is abandoned, and where it is found again."""

    idle_minutes = Whole(
        "after how many minutes without a change by the buyer", example=60, most=MOST_MINUTES, default=60
    )
    idle_minutes_of = ByName(
        Whole("minutes", example=30, most=MOST_MINUTES),
        "the same, of stores by key that differ",
        example={"ch": 30},
        default={},
        is_free=True,
    )
    url = Value(
        "the page at which the buyer finds it",
        lone="template",
        schema=CartPageSchema,
        example="https://acme.example/cart/{cart.id}",
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> CartsConfig:
        """Return the carts' rules."""
        return CartsConfig(**data)


# -- what events know -----------------------------------------------------------------


def _about(kind: EventKind) -> Root:
    if kind in OF_CUSTOMER:
        return Root.CUSTOMER
    if kind in OF_LIST:
        return Root.SHOPPING_LIST
    return Root.CART if kind in OF_CART else Root.ORDER


def _expressions(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Expression]]:
    """Give what a rule evaluates, each with its place below the rule; what is wrong itself is passed over."""
    tracking, tags, fields = (data.get(key) for key in ("tracking", "tags", "fields_"))
    if isinstance(tracking, TrackingRule):
        yield ("tracking", "value"), tracking.value
    if isinstance(tags, tuple):
        yield from ((("tags", number, "name"), tag.name) for number, tag in enumerate(tags))
    if isinstance(fields, Mapping):
        yield from ((("fields", perstag), value) for perstag, value in fields.items())


def _roots(expression: Expression) -> Iterator[Root]:
    yield from (path.root for path in expression.paths)
    yield from (part.root for part in expression.template if isinstance(part, Path))


def _put(faults: dict[Any, Any], place: tuple[str | int, ...], text: str) -> None:
    *tables, key = place
    for table in tables:
        faults = faults.setdefault(table, {})
    faults[key] = [text]
