"""Consent: who owns a channel, and where records say something of it."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from ct_ac_sync.configuration.expression import Expression, Path, Root
from ct_ac_sync.configuration.schema.kinds import Choice, Flag, Scalar, Text
from ct_ac_sync.configuration.schema.many import ByName, Rows, Several
from ct_ac_sync.configuration.schema.shapes import CONTAINER
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.schema.value import ConsentValueSchema, Value
from ct_ac_sync.configuration.values import ANY, ConsentPlace, its_key
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
        }


def _roots(expression: Expression) -> set[Root]:
    parts = (part for part in expression.template if isinstance(part, Path))
    return {path.root for path in (*expression.paths, *parts)}
