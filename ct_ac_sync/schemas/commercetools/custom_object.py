"""A custom object on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.custom_object import CustomObject
from ct_ac_sync.schemas.base import InboundSchema, Instant, version_field


class CustomObjectSchema(InboundSchema):
    """A custom object; its value may be anything, and so it is not looked at."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    container = fields.String(required=True, validate=validate.Length(min=1))
    key = fields.String(required=True, validate=validate.Length(min=1))

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> CustomObject:
        """Return the value."""
        return CustomObject(**data)
