"""Consent: who owns a channel, and where records say something of it."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from ct_ac_sync.configuration.expression import Expression, Path, Root, parse_path
from ct_ac_sync.configuration.faults import shown
from ct_ac_sync.configuration.schema.kinds import Choice, Flag, Scalar, Text, Word
from ct_ac_sync.configuration.schema.many import ByName, Rows, Several, Table
from ct_ac_sync.configuration.schema.shapes import CONTAINER
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.schema.value import ConsentValueSchema, Value
from ct_ac_sync.configuration.values import ANY, ConsentPlace, WriteBackConfig, its_key, place_of
from ct_ac_sync.domain.consent import Owner, Policy

#: The streams whose records say something, by what their paths begin with.
STREAMS: Mapping[Root, str] = {
    Root.CUSTOMER: "customers", Root.ORDER: "orders", Root.CART: "carts", Root.CUSTOM_OBJECT: "custom_objects",
}  # fmt: skip
YES = ("true", "yes", "1", "subscribed", "opted_in", "opt-in")
NO = ("false", "no", "0", "unsubscribed", "opted_out", "opt-out")
PENDING = ("pending", "unconfirmed")
WORDS = ("yes", "no", "pending")


class ConsentPlaceSchema(ConfigurationSchema):
    """A place in records that says something of a channel."""

    value = Value(
        "what says it: of customers, orders, carts or custom objects",
        lone="from",
        schema=ConsentValueSchema,
        example="customer.custom.fields.newsletter",
        required=True,
    )
    yes = Several(
        Scalar(f"words that mean yes; {ANY!r} for all that none of the other lists has", example="true"),
        default=YES,
    )
    no = Several(Scalar("words that mean no", example="false"), default=NO)
    pending = Several(
        Scalar("words that mean that a confirmation is waited for", example="pending"), default=PENDING
    )
    time = Value(
        "when it was said, where the shop keeps that; without a zone it is taken for UTC",
        lone="from",
        schema=ConsentValueSchema,
        example="customer.custom.fields.newsletterAt",
    )
    details = ByName(
        Value(
            "what is kept",
            lone="from",
            schema=ConsentValueSchema,
            example="customer.custom.fields.newsletterUrl",
        ),
        "what else the shop keeps as evidence, by names of your own",
        example={"url": "customer.custom.fields.newsletterUrl"},
        default={},
    )
    revives = Flag(
        "whether it may bring back who has left a list, where it is newer; false for what is copied from elsewhere",
        example=True,
        default=True,
    )

    container = Text(
        "of custom objects: the container they are in; only those that are named are read",
        example="consents",
        shape=CONTAINER,
    )
    person = Value(
        "of a custom object: whose it is, by the id of a customer or an address; else by its key",
        lone="from",
        schema=ConsentValueSchema,
        example="custom_object.value.customerId",
    )

    @validates_schema(skip_on_field_errors=False)
    def check_words(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a word that means two things."""
        first: dict[str, str] = {}
        faults: dict[str, list[str]] = {}
        for key in WORDS:
            for word in data.get(key, ()):
                before = first.setdefault(word.casefold(), key)
                if before != key:
                    faults[key] = [f"expected words of one meaning: {word!r} is one of {before} too"]
        if faults:
            raise ValidationError(dict(faults))

    @validates_schema(skip_on_field_errors=False)
    def check_records(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse what looks at records of two kinds, and what looks at none."""
        given = {key: data.get(key) for key in ("value", "time", "person")}
        given |= {f"details.{name}": each for name, each in (data.get("details") or {}).items()}
        roots = {key: _roots(each) for key, each in given.items() if isinstance(each, Expression)}
        value = given["value"]
        if isinstance(value, Expression) and not roots["value"] and value.function is None:
            raise ValidationError("expected a path of customers, orders, carts or custom objects", "value")
        first = next(iter(sorted(roots.get("value", ()))), None)
        if first is None and data.get("container"):
            first = Root.CUSTOM_OBJECT
        for key, found in roots.items():
            if other := sorted(found - {first}):
                place: Any = [f"expected paths of {first or 'one kind of record'} alone, not of {other[0]}"]
                for part in reversed(key.split(".")):
                    place = {part: place}
                raise ValidationError(place)

    @validates_schema(skip_on_field_errors=False)
    def check_container(self, data: Mapping[str, Any], **_: Any) -> None:
        """Ask for the container of custom objects, and refuse one of anything else."""
        value = data.get("value")
        if not isinstance(value, Expression):
            return
        roots, faults = _roots(value), {}
        is_object = Root.CUSTOM_OBJECT in roots or (not roots and bool(data.get("container")))
        if is_object and "container" in data and data["container"] is None:
            faults["container"] = [f"is missing: expected {self.kinds['container'].expected}"]
        if not is_object:
            other = next(iter(sorted(roots)), Root.CUSTOMER)
            faults = {
                key: [f"expected nothing: {key} is of custom objects alone, and value is of {other}"]
                for key in ("container", "person")
                if data.get(key)
            }
        if faults:
            raise ValidationError(dict(faults))

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ConsentPlace:
        """Return the place; a function alone is asked of customers, or of custom objects where their container is named."""
        of_none = Root.CUSTOM_OBJECT if data["container"] else Root.CUSTOMER
        root = next(iter(sorted(_roots(data["value"]))), of_none)
        if root is Root.CUSTOM_OBJECT:
            data |= {"person": data["person"] or its_key()}
        folded = {key: tuple(word.casefold() for word in data[key]) for key in WORDS}
        return ConsentPlace(
            **data | folded | {"stream": STREAMS[root], "details": tuple(sorted(data["details"].items()))}
        )


def _custom_field(text: str) -> str:
    """Return the name of the custom field of customers that a path leads to."""
    path = parse_path(text)
    match (path.root, *path.steps):
        case (Root.CUSTOMER, "custom", "fields", str(name)) if name != ANY:
            return name
        case _:
            raise ValueError(
                f"expected the path of a custom field of customers, such as"
                f" 'customer.custom.fields.newsletter', not {shown(text)}"
            )


class WriteBackSchema(ConfigurationSchema):
    """What is written to a customer whose person left in ActiveCampaign; never that somebody agreed."""

    one_of = ("no", "without", "clears")
    needs_one = False

    value = Text(
        "the custom field of customers that becomes a no; one that `read` reads",
        example="customer.custom.fields.newsletter",
        parse=_custom_field,
        required=True,
    )
    no = Word("what it becomes; `false` where nothing else is said", example=False)
    without = Text("what is taken out of it, where it is a set", example="email")
    clears = Flag("whether it is taken away, where its being there means yes", example=True, default=False)
    time = Text(
        "the custom field of customers that gets the moment at which they left",
        example="customer.custom.fields.newsletterAt",
        parse=_custom_field,
    )
    source = Text(
        "the custom field of customers that gets the word of `says`",
        example="customer.custom.fields.newsletterSource",
        parse=_custom_field,
    )
    says = Text("what `source` becomes", example="activecampaign", default="activecampaign")
    type = Text(
        "the key of the type that customers get who have no custom fields; without, theirs is a dead letter",
        example="customer-profile",
    )
    bounces = Flag("whether an address that bounced there has left", example=True, default=True)

    @validates_schema(skip_on_field_errors=False)
    def check_fields(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a field that is to become two things."""
        first: dict[str, str] = {}
        faults: dict[str, list[str]] = {}
        for key in ("value", "time", "source"):
            name = data.get(key)
            before = first.setdefault(name, key) if name else key
            if before != key:
                faults[key] = [f"expected another field than that of {before}"]
        if faults:
            raise ValidationError(dict(faults))

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteBackConfig:
        """Return what is written."""
        is_else = data["without"] is not None or data["clears"]
        no = False if data["no"] is None and not is_else else data["no"]
        return WriteBackConfig(field=data.pop("value"), **data | {"no": no})


class ConsentSchema(ConfigurationSchema):
    """Consent of one channel: whose word holds, and where the shop keeps it."""

    owner = Choice(
        "whose word holds: `commercetools`, `activecampaign`, the `latest`, or the `strictest`, which"
        " brings nobody back who has left there",
        among=Owner,
        parse=Owner,
        default=Owner.STRICTEST,
    )
    read = Rows(
        ConsentPlaceSchema, "where records say something of it", title="consent.email.read", required=True
    )
    absence = Choice(
        "what a value means that is not there: `unknown`, which changes nothing; `no`, a no that was never"
        " said, so that the first yes is known to be one though it comes without a time",
        among=("unknown", "no"),
        default="unknown",
    )
    past_counts = Flag(
        "whether records of the past count: a yes subscribes who was never on the list, and a no without a time"
        " of its own unsubscribes; count them first, with `ct-ac-sync consent --summary`",
        example=False,
        default=False,
    )

    on_orders = Flag(
        "whether orders say it too, of `email` and `sms`: `acceptsMarketing` and the state of text messages of the"
        " e-commerce customer, which ActiveCampaign has for segments",
        example=True,
        default=False,
    )

    write_back = Table(
        WriteBackSchema,
        "what becomes of customers whose person left there; without, nothing is written to the shop",
        is_optional=True,
    )

    @validates_schema(skip_on_field_errors=False)
    def check_write_back(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse to write what nobody reads, or what would not be read as a no."""
        back, places = data.get("write_back"), data.get("read")
        if not isinstance(back, WriteBackConfig) or not places:
            return
        place = place_of(back.field, places)
        if place is None:
            text = f"expected a field that a [[consent.….read]] reads first of all, not {shown(back.field)}"
            raise ValidationError({"write_back": {"value": [text]}})
        if (key := _misread(back, place)) is not None:
            word = getattr(back, key)
            text = f"expected a word after which that place says no, not {shown(word)}"
            raise ValidationError({"write_back": {key: [text]}})

    @validates_schema(skip_on_field_errors=False)
    def check_read(self, data: Mapping[str, Any], **_: Any) -> None:
        """Ask for a place where something is said."""
        if data.get("read") == ():
            raise ValidationError("expected at least one place, not an empty list", "read")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what is known of the channel."""
        return {
            "policy": Policy(owner=data["owner"], past_counts=data["past_counts"]),
            "places": data["read"],
            "absence_is_no": data["absence"] == "no",
            "on_orders": data["on_orders"],
            "write_back": data["write_back"],
        }


def _misread(back: WriteBackConfig, place: ConsentPlace) -> str | None:
    """Return the key whose word does not become a no; what is transformed is not looked at here."""
    if place.value.transforms or back.clears:
        return None
    if back.without is not None:
        return None if back.without.casefold() in place.yes else "without"
    word = (str(back.no).lower() if isinstance(back.no, bool) else str(back.no)).casefold()
    others = {*place.yes, *place.pending}
    is_no = word in place.no or (ANY in place.no and word not in others)
    return None if is_no else "no"


def _roots(expression: Expression) -> set[Root]:
    parts = (part for part in expression.template if isinstance(part, Path))
    return {path.root for path in (*expression.paths, *parts)}
