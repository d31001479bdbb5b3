"""How a person becomes a contact: profile, fields and tags."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from ct_ac_sync.configuration.expression import Expression, parse_path
from ct_ac_sync.configuration.schema.kinds import Choice, Text
from ct_ac_sync.configuration.schema.many import Rows, Several, Table
from ct_ac_sync.configuration.schema.routes import ConditionSchema
from ct_ac_sync.configuration.schema.shapes import LOCALE, OPTION, PERSTAG, TAG
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.schema.value import TagNameSchema, Value, ValueSchema, expression
from ct_ac_sync.configuration.values import (
    FieldRule,
    FieldType,
    Place,
    ProfileConfig,
    Speaker,
    TagRule,
    TagsConfig,
    Taken,
)

#: Types of fields that have options.
OPTION_TYPES = frozenset({FieldType.DROPDOWN, FieldType.RADIO, FieldType.LISTBOX, FieldType.CHECKBOX})


def _path(*texts: str) -> Expression:
    return Expression(paths=tuple(parse_path(text) for text in texts))


class ProfileSchema(ConfigurationSchema):
    """How a person becomes a contact."""

    speaker = Choice(
        "which of several customers with one e-mail address speaks for their contact",
        among=Speaker,
        parse=Speaker,
        default=Speaker.OLDEST,
    )
    address = Several(
        Choice(
            "which address `address.` means: the first of these that the customer has",
            among=Place,
            parse=Place,
        ),
        default=(Place.BILLING, Place.SHIPPING, Place.FIRST),
    )
    locales = Several(
        Text(
            "languages to fall back on, in order, where a text is not there in the person's own",
            example="en-GB",
            shape=LOCALE,
        ),
        default=(),
    )
    email_taken = Choice(
        "what follows where another contact has the new address of a person: `adopt` that contact, or `hold` for a human",
        among=Taken,
        parse=Taken,
        default=Taken.ADOPT,
    )
    first_name = Value(
        "the first name",
        lone="from",
        example="customer.firstName",
        default=_path("customer.firstName", "address.firstName"),
    )
    last_name = Value(
        "the last name",
        lone="from",
        example="customer.lastName",
        default=_path("customer.lastName", "address.lastName"),
    )
    phone = Value(
        "the phone, sent as +49301234567 where it can be read so",
        lone="from",
        example="address.mobile",
        default=_path("address.mobile", "address.phone"),
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ProfileConfig:
        """Return the profile's rules."""
        return ProfileConfig(**data)


class FieldSchema(ValueSchema):
    """A custom field of contacts, and where its value comes from."""

    # Without a value it is one that events alone set: only the whole file tells.
    needs_one = False

    perstag = Text(
        "its personalisation tag, by which it is found", example="CT_TIER", shape=PERSTAG, required=True
    )
    title = Text("its name, where it has to be made", example="Tier", required=True)
    type = Choice(
        "its type, where it has to be made", among=FieldType, parse=FieldType, default=FieldType.TEXT
    )
    options = Several(
        Text("what can be chosen, in order; of a type that has options", example="Gold", shape=OPTION),
        default=(),
    )

    @validates_schema(skip_on_field_errors=False)
    def check_options(self, data: Mapping[str, Any], **_: Any) -> None:
        """Ask for options where there must be some, and refuse them elsewhere."""
        if "type" not in data or "options" not in data:
            return
        if data["type"] in OPTION_TYPES and not data["options"]:
            raise ValidationError(
                f"is missing: expected the options of a {data['type']}, such as ['Gold', 'Silver']", "options"
            )
        if data["options"] and data["type"] not in OPTION_TYPES:
            has = " or ".join(sorted(OPTION_TYPES))
            raise ValidationError(f"expected no options of a {data['type']}, or type to be {has}", "options")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> FieldRule:
        """Return the field's rule."""
        own = {key: data[key] for key in ("perstag", "title", "type", "options")}
        return FieldRule(**own, value=expression(data))


class TagRuleSchema(ConfigurationSchema):
    """A tag that people get."""

    name = Value(
        "the tag; of a set of values, one tag each; none where a part is empty",
        lone="template",
        schema=TagNameSchema,
        example="tier: {customer.custom.fields.tier}",
        required=True,
    )
    when = Table(
        ConditionSchema,
        "whose tag it is; without, everybody's",
        example={"group": "b2b"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TagRule:
        """Return the tag's rule."""
        return TagRule(**data)


class TagsSchema(ConfigurationSchema):
    """Tags, and which of them are ours to remove."""

    owned = Several(
        Text(
            "how tags begin that this file alone decides on: one that is not wanted is removed",
            example="tier: ",
            shape=TAG,
        ),
        default=(),
    )
    rules = Rows(TagRuleSchema, "the tags that people get", title="tags.rules", default=())

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TagsConfig:
        """Return the tags' rules."""
        return TagsConfig(**data)
