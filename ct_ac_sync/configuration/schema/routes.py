"""Where from, where to: sources, destinations, routes and lists."""

from typing import Any

from marshmallow import post_load

from ct_ac_sync.configuration.schema.kinds import Choice, Number, Scalar, Text
from ct_ac_sync.configuration.schema.many import ByName, Several, Table
from ct_ac_sync.configuration.schema.shapes import (
    COUNTRY,
    CURRENCY,
    LOCALE,
    PROJECT,
    TAG,
    VARIABLE,
    parse_address,
)
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.values import EVENT_URL, Condition, Route

#: What a route says whose records go nowhere.
NOWHERE = "none"
#: Who makes carts, and so their orders (vendor documentation, CartOrigin).
ORIGINS = ("Customer", "Merchant", "Quote", "RecurringOrder")


class SourceSchema(ConfigurationSchema):
    """A Commercetools project; where there is only one, all has its default."""

    not_both = (("project", "project_env"), ("api_url", "api_url_env"), ("auth_url", "auth_url_env"))

    project = Text("its key", example="acme-shop", shape=PROJECT)
    project_env = Text(
        "the variable that holds its key; of the only source, `CTP_PROJECT_KEY`",
        example="CTP_PROJECT_KEY",
        shape=VARIABLE,
    )
    api_url = Text(
        "the API of its region", example="https://api.europe-west1.gcp.commercetools.com", parse=parse_address
    )
    api_url_env = Text(
        "the variable that holds it; of the only source, `CTP_API_URL`", example="CTP_API_URL", shape=VARIABLE
    )
    auth_url = Text(
        "the authentication host of its region",
        example="https://auth.europe-west1.gcp.commercetools.com",
        parse=parse_address,
    )
    auth_url_env = Text(
        "the variable that holds it; of the only source, `CTP_AUTH_URL`",
        example="CTP_AUTH_URL",
        shape=VARIABLE,
    )
    client_id_env = Text(
        "the variable that holds the id of its API client; of the only source, `CTP_CLIENT_ID`",
        example="CTP_CLIENT_ID",
        shape=VARIABLE,
    )
    client_secret_env = Text(
        "the variable that holds the secret of its API client; of the only source, `CTP_CLIENT_SECRET`",
        example="CTP_CLIENT_SECRET",
        shape=VARIABLE,
    )
    scopes = Text(
        "the scopes to ask for; without, of the only source `CTP_SCOPES`, else all that the API client has",
        example="view_orders:acme-shop view_customers:acme-shop",
    )


class DestinationSchema(ConfigurationSchema):
    """An ActiveCampaign account; where there is only one, all has its default."""

    not_both = (("api_url", "api_url_env"), ("event_url", "event_url_env"))

    api_url = Text(
        "its address: Settings, Developer, API URL", example="https://acme.api-us1.com", parse=parse_address
    )
    api_url_env = Text(
        "the variable that holds it; of the only destination, `AC_API_URL`",
        example="AC_API_URL",
        shape=VARIABLE,
    )
    token_env = Text(
        "the variable that holds its key; of the only destination, `AC_API_TOKEN`",
        example="AC_API_TOKEN",
        shape=VARIABLE,
    )
    event_url = Text(
        "its event host, where it has another than most",
        example=EVENT_URL, parse=parse_address,
    )  # fmt: skip
    event_url_env = Text(
        "the variable that holds it; of the only destination, `AC_EVENT_URL`, where that is set",
        example="AC_EVENT_URL",
        shape=VARIABLE,
    )
    event_actid_env = Text(
        "the variable that holds its id for events, from its tracking settings; of the only destination,"
        " `AC_EVENT_ACTID`, where that is set",
        example="AC_EVENT_ACTID",
        shape=VARIABLE,
    )
    event_key_env = Text(
        "the variable that holds its event key, from its tracking settings; of the only destination,"
        " `AC_EVENT_KEY`, where that is set",
        example="AC_EVENT_KEY",
        shape=VARIABLE,
    )
    call_interval_seconds = Number(
        "time between two calls, where the account has another limit than most",
        example=0.215,
        least=0,
        most=3600,
    )


class ConditionSchema(ConfigurationSchema):
    """What a record must be: every key that is given, each any one of its values."""

    source = Several(Text("names of sources of this file", example="shop"), default=())
    store = Several(Text("keys of stores", example="de"), default=())
    channel = Several(Text("keys of channels", example="retail"), default=())
    locale = Several(
        Text("languages; one without a region holds for all its regions", example="de-DE", shape=LOCALE),
        default=(),
    )
    country = Several(
        Text("countries: of a customer, of its main address", example="DE", shape=COUNTRY), default=()
    )
    currency = Several(
        Text(
            "currencies of orders; a customer has none, and never is what a rule with this key asks for",
            example="EUR",
            shape=CURRENCY,
        ),
        default=(),
    )
    origin = Several(
        Choice("who made orders and carts; a customer has none, as above", among=ORIGINS, example="Merchant"),
        default=(),
    )
    group = Several(Text("keys of customer groups", example="b2b"), default=())
    custom = ByName(
        Several(Scalar("values", example="gold")),
        "values of custom fields, by the field's name",
        example={"tier": ["gold"]},
        is_free=True,
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Condition:
        """Return the condition."""
        return Condition(**data | {"custom": tuple(sorted((data["custom"] or {}).items()))})


class RouteSchema(ConfigurationSchema):
    """Where records go: of all routes, in their order, the first whose condition holds."""

    name = Text("what outcomes and previews call it", example="wholesale", required=True)
    when = Table(
        ConditionSchema,
        "what records must be; without, all are",
        example={"store": "de"},
    )
    destination = Text(
        f"name of a destination of this file; `{NOWHERE}`: such records stay here",
        example="main",
        required=True,
    )
    connection = Text(
        "name of the e-commerce connection of its orders; without, the key of the project",
        example="acme-shop",
    )
    lists = Several(
        Text("lists of this file that its people belong to, once they have consented", example="newsletter"),
        default=(),
    )
    tag_prefix = Text("put before all tags of its people", example="de ", shape=TAG, default="")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Route:
        """Return the route."""
        goes = data["destination"] != NOWHERE
        return Route(**data | {"destination": data["destination"] if goes else None})


class ListSchema(ConfigurationSchema):
    """A list of the destination; who is on it, consent decides."""

    name = Text("its name there", example="Newsletter", required=True)
    channel = Choice("what is sent to it", among=("email", "sms"), default="email")
