"""What an account has of what a configuration may name: read to the end, and changed nowhere."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from marshmallow import fields

from ct_ac_sync.clients.activecampaign.paging import Load, pages
from ct_ac_sync.clients.activecampaign.provisioner import SERVICE
from ct_ac_sync.clients.activecampaign.tags import KIND
from ct_ac_sync.ports import AccountSeen, AutomationSeen, FieldSeen, ListSeen
from ct_ac_sync.schemas.activecampaign.inbound import (
    AutomationsAnswerSchema,
    ConnectionsAnswerSchema,
    FieldsAnswerSchema,
    TagsAnswerSchema,
    _Listing,
)
from ct_ac_sync.schemas.base import InboundSchema


class _Field(InboundSchema):
    id = fields.String(required=True)
    title = fields.String(load_default="")
    perstag = fields.String(load_default="")
    type = fields.String(load_default="")


class TitledFieldsAnswerSchema(FieldsAnswerSchema):
    """Custom fields with their titles."""

    fields_ = fields.List(fields.Nested(_Field), required=True, data_key="fields")


class _List(InboundSchema):
    id = fields.String(required=True)
    name = fields.String(required=True)
    channel = fields.String(load_default="email")


class ListsAnswerSchema(_Listing):
    """Lists; one that does not name its channel is for e-mail (vendor documentation, Lists)."""

    lists = fields.List(fields.Nested(_List), required=True)


_FIELDS, _CONNECTIONS = TitledFieldsAnswerSchema(), ConnectionsAnswerSchema()
_LISTS, _TAGS, _AUTOMATIONS = ListsAnswerSchema(), TagsAnswerSchema(), AutomationsAnswerSchema()
#: Status of an automation that runs (vendor documentation, List all automations).
ACTIVE = "1"


def inspect(
    load: Load, *, tags: Sequence[str], has_lists: bool, has_automations: bool = False
) -> AccountSeen:
    """
    Return what the account has.

    Args:
        tags: Names that are looked for, whatever their case; all others are left out.
        has_lists, has_automations: Whether they matter; a key without the right to see any may
            be enough where they do not.
    """
    return AccountSeen(
        fields=_fields(load),
        connections=frozenset(_connections(load)),
        lists=fetch_lists(load) if has_lists else (),
        tags=tuple(dict.fromkeys(name for wanted in dict.fromkeys(tags) for name in _tags(load, wanted))),
        automations=tuple(_automations(load)) if has_automations else (),
    )


def _fields(load: Load) -> tuple[FieldSeen, ...]:
    rows, options = [], defaultdict(list)
    for body in pages(load, _FIELDS, "/fields", operation="list_fields", rows="fields_"):
        rows += body["fields_"]
        for option in body["options"]:
            options[option["field"]].append(option["value"])
    return tuple(
        FieldSeen(
            perstag=row["perstag"], title=row["title"], type=row["type"], options=tuple(options[row["id"]])
        )
        for row in rows
    )


def _connections(load: Load) -> Iterator[str]:
    """Give the names of our connections; the filter is compared, because one may be passed over."""
    params = {"filters[service]": SERVICE}
    for body in pages(
        load, _CONNECTIONS, "/connections", operation="list_connections", rows="connections", params=params
    ):
        yield from (row["externalid"] for row in body["connections"] if row["service"] == SERVICE)


def fetch_lists(load: Load) -> tuple[ListSeen, ...]:
    """Return all lists of the account."""
    bodies = pages(load, _LISTS, "/lists", operation="list_lists", rows="lists")
    return tuple(ListSeen(**row) for body in bodies for row in body["lists"])


def _automations(load: Load) -> Iterator[AutomationSeen]:
    bodies = pages(load, _AUTOMATIONS, "/automations", operation="list_automations", rows="automations")
    for body in bodies:
        for row in body["automations"]:
            yield AutomationSeen(id=row["id"], name=row["name"], is_active=row["status"] == ACTIVE)


def _tags(load: Load, wanted: str) -> Iterator[str]:
    """Give the names of the tags that *wanted* is one with."""
    params = {"filters[search][eq]": wanted}
    for body in pages(load, _TAGS, "/tags", operation="list_tags", rows="tags", params=params):
        for row in body["tags"]:
            if row["type"] == KIND and row["name"].strip().lower() == wanted.lower():
                yield row["name"]
