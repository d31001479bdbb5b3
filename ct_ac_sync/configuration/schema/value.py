"""Where a value comes from, as the file writes it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, post_load

from ct_ac_sync.configuration.expression import (
    Expression,
    Path,
    Root,
    parse_path,
    parse_template,
    parse_transforms,
)
from ct_ac_sync.configuration.schema.kinds import Kind, Text
from ct_ac_sync.configuration.schema.many import Several, each_of
from ct_ac_sync.configuration.schema.shapes import FUNCTION, TAG
from ct_ac_sync.configuration.schema.table import ConfigurationSchema

Check = Callable[[Path], None]

#: What nobody knows of a person: which order, line or product is meant, and what happened.
UNKNOWN_OF_PERSON: Mapping[Root, str] = {
    Root.ORDER: ": did you mean 'last_order'?",
    Root.LINE: "",
    Root.PRODUCT: "",
    Root.EVENT: ": [[events]] alone know one",
    Root.CART: ": [[events]] and [carts] alone know one",
    Root.SHOPPING_LIST: ": [[events]] alone know one",
    Root.CUSTOM_OBJECT: ": [consent] alone knows one",
}
#: What is known of an event.
KNOWN_OF_EVENT = (Root.CART, Root.CUSTOMER, Root.EVENT, Root.ORDER, Root.ROUTE, Root.SHOPPING_LIST)
#: What is known of what somebody said.
KNOWN_OF_CONSENT = (Root.CART, Root.CUSTOM_OBJECT, Root.CUSTOMER, Root.ORDER)
#: What is known of a cart that is abandoned.
KNOWN_OF_CART = (Root.CART, Root.CUSTOMER, Root.EVENT, Root.ROUTE)


def _of_person(path: Path) -> None:
    if path.root in UNKNOWN_OF_PERSON:
        raise ValueError(
            f"expected a path into what is known of a person, not {str(path.root)!r}{UNKNOWN_OF_PERSON[path.root]}"
        )


def _of_page(path: Path) -> None:
    if path.root in {Root.EVENT, Root.CART, Root.CONSENT, Root.SHOPPING_LIST, Root.CUSTOM_OBJECT}:
        raise ValueError(f"expected a path of orders, lines and products, not {str(path.root)!r}")


def _of_event(path: Path) -> None:
    _expect(path, KNOWN_OF_EVENT, "an event")


def _of_consent(path: Path) -> None:
    _expect(path, KNOWN_OF_CONSENT, "consent")


def _of_cart(path: Path) -> None:
    _expect(path, KNOWN_OF_CART, "an abandoned cart")


def _expect(path: Path, known: Sequence[Root], noun: str) -> None:
    if path.root not in known:
        *others, last = known
        raise ValueError(
            f"expected a path into what is known of {noun}: {', '.join(others)} or {last}, not {str(path.root)!r}"
        )


def _path_of(check: Check) -> Callable[[str], Path]:
    """Return what reads a path, and refuses one that *check* does."""

    def parse(text: str) -> Path:
        path = parse_path(text)
        check(path)
        return path

    return parse


def _template_of(check: Check, *, has_commas: bool = True) -> Callable[[str], tuple[str | Path, ...]]:
    """Return what reads a template, and refuses paths that *check* does."""

    def parse(text: str) -> tuple[str | Path, ...]:
        parts = parse_template(text)
        for part in parts:
            if isinstance(part, Path):
                check(part)
        if not has_commas and any("," in part for part in parts if isinstance(part, str)):
            raise ValueError("expected a name without commas: ActiveCampaign takes none in tags")
        return parts

    return parse


class Transforms(Kind[Any]):
    """Words of the vocabulary of transforms, some with an argument."""

    @property
    def expected(self) -> str:
        """What must come."""
        return 'a word such as "strip", or a list such as ["strip", {cut = 40}]'

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            if not isinstance(value, str | Mapping):
                raise self.wrong(value)
            return _or_fault(parse_transforms, [value])
        each_of(enumerate(value), lambda item: _or_fault(parse_transforms, [item]))
        return _or_fault(parse_transforms, value)


def _or_fault(parse: Callable[[Any], Any], value: Any) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class ValueSchema(ConfigurationSchema):
    """Where a value comes from: one of the first four keys, then what is done to it."""

    one_of = ("from", "template", "value", "function")

    from_ = Several(
        Text(
            "a path into what is known of the person; of several, the first that is not empty",
            example="customer.firstName", parse=_path_of(_of_person),
        ),
        default=(), key="from",
    )  # fmt: skip
    template = Text(
        "text with paths in braces; empty where one of them is",
        example="tier: {customer.custom.fields.tier}", parse=_template_of(_of_person), default=(),
    )  # fmt: skip
    value = Text("always this text", example="shop")
    function = Text(
        "a Python function of yours that gives the value", example="acme.sync:tier", shape=FUNCTION
    )
    transform = Transforms(
        "what is done to the value, in order", example=["strip", {"default": "unknown"}], default=()
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the value's expression."""
        return expression(data)


def expression(data: Mapping[str, Any]) -> Expression:
    """Return the expression of the keys of a :class:`ValueSchema`; an empty text where it says no value."""
    is_silent = not any(data[key] for key in ("from_", "template", "value", "function"))
    return Expression(
        paths=data["from_"], template=data["template"], constant="" if is_silent else data["value"],
        function=data["function"], transforms=data["transform"],
    )  # fmt: skip


class TagNameSchema(ValueSchema):
    """As any value; its own text without commas."""

    template = Text(
        "text with paths in braces; empty where one of them is",
        example="tier: {customer.custom.fields.tier}", parse=_template_of(_of_person, has_commas=False), default=(),
    )  # fmt: skip
    value = Text("always this text", example="customer", shape=TAG)


class PageSchema(ValueSchema):
    """The address of a page of the shop: of an order or a product."""

    from_ = Several(
        Text("a path; of several, the first that is not empty", example="order.id", parse=_path_of(_of_page)),
        default=(), key="from",
    )  # fmt: skip
    template = Text(
        "text with paths in braces; empty where one of them is",
        example="https://acme.example/orders/{order.orderNumber}", parse=_template_of(_of_page), default=(),
    )  # fmt: skip


class EventValueSchema(ValueSchema):
    """What an event says: of itself, of its order, cart or shopping list, and of its customer."""

    from_ = Several(
        Text(
            "a path into what is known of the event; of several, the first that is not empty",
            example="event.amount", parse=_path_of(_of_event),
        ),
        default=(), key="from",
    )  # fmt: skip
    template = Text(
        "text with paths in braces; empty where one of them is",
        example="{event.amount} {event.currency}", parse=_template_of(_of_event), default=(),
    )  # fmt: skip


class EventTagNameSchema(EventValueSchema):
    """As any value of an event; its own text without commas."""

    template = Text(
        "text with paths in braces; empty where one of them is",
        example="buyer of {event.month}", parse=_template_of(_of_event, has_commas=False), default=(),
    )  # fmt: skip
    value = Text("always this text", example="buyer", shape=TAG)


class CartPageSchema(ValueSchema):
    """The address at which the buyer finds a cart again."""

    from_ = Several(
        Text(
            "a path; of several, the first that is not empty", example="cart.id", parse=_path_of(_of_cart)
        ),
        default=(), key="from",
    )  # fmt: skip
    template = Text(
        "text with paths in braces; empty where one of them is",
        example="https://acme.example/cart/{cart.id}", parse=_template_of(_of_cart), default=(),
    )  # fmt: skip


class ConsentValueSchema(ValueSchema):
    """What a customer, an order, a cart or a custom object says of consent."""

    from_ = Several(
        Text(
            "a path; of several, the first that is not empty",
            example="customer.custom.fields.newsletter", parse=_path_of(_of_consent),
        ),
        default=(), key="from",
    )  # fmt: skip
    template = Text(
        "text with paths in braces; empty where one of them is",
        example="{customer.custom.fields.newsletterForm}", parse=_template_of(_of_consent), default=(),
    )  # fmt: skip


class Value(Kind[Expression]):
    """
    Where a value comes from: what stands alone, or a table of :class:`ValueSchema`.

    Args:
        lone: What is given without a table: "from" or "template".
    """

    def __init__(
        self, about: str, *, lone: str, schema: type[ValueSchema] = ValueSchema, **more: Any
    ) -> None:
        self.schema, self._is_path = schema(), lone == "from"
        self.lone = self.schema.kinds[lone]
        super().__init__(about, **more)

    @property
    def expected(self) -> str:
        """What must come."""
        lone = "a path or several" if self._is_path else "a template"
        return f"{lone} such as {self.example!r}, or a table such as {{from = …, transform = …}}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Mapping):
            return self.schema.load(value)
        if not isinstance(value, str) and not (self._is_path and isinstance(value, list)):
            raise self.wrong(value)
        read = self.lone.deserialize(value)
        return Expression(paths=read) if self._is_path else Expression(template=read)
