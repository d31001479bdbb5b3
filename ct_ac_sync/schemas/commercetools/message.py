"""A message on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.message import Message
from ct_ac_sync.schemas.base import GREATEST, InboundSchema, Instant, version_field

#: What all messages have; whatever else stands beside it is what a message says.
COMMON = frozenset(
    {
        "id", "version", "sequenceNumber", "resource", "resourceVersion", "type", "createdAt", "lastModifiedAt",
        "createdBy", "lastModifiedBy", "resourceUserProvidedIdentifiers",
    }
)  # fmt: skip
#: Stands in the place of a payload that was too large to be told.
NOT_INCLUDED = "payloadNotIncluded"


class _Resource(InboundSchema):
    kind = fields.String(data_key="typeId", required=True, validate=validate.Length(min=1))
    id = fields.String(required=True, validate=validate.Length(min=1))


class MessageSchema(InboundSchema):
    """A message of any type; what was written while messages were off has no number."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    type = fields.String(required=True, validate=validate.Length(min=1))
    resource = fields.Nested(_Resource, required=True)
    resource_version = fields.Integer(
        data_key="resourceVersion", required=True, strict=True, validate=validate.Range(min=1, max=GREATEST)
    )
    sequence = fields.Integer(
        data_key="sequenceNumber", strict=True, validate=validate.Range(min=1, max=GREATEST)
    )

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: Mapping[str, Any], **_: Any) -> Message:
        """Return the value."""
        resource = data.pop("resource")
        return Message(
            resource_kind=resource["kind"], resource_id=resource["id"], payload=_payload(original), **data
        )


def _payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message says besides what is common; null means absent."""
    if NOT_INCLUDED in body:
        return {}
    return {name: each for name, each in body.items() if name not in COMMON and each is not None}
