"""Who is on which list: wire JSON of memberships."""

from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields

from ct_ac_sync.schemas.activecampaign.inbound import _Listing
from ct_ac_sync.schemas.base import InboundSchema, Instant

_INSTANT = Instant()


class Stamp(fields.Field[datetime | None]):
    """When something happened; None of a date that never came, and of one without an offset from UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime | None:
        try:
            moment = _INSTANT.deserialize(value)
        except ValidationError:
            return None
        return moment if isinstance(moment, datetime) else None


class _Membership(InboundSchema):
    """A membership, ended or not; its status is a text in lists and a number in what a change answers."""

    id = fields.String(required=True)
    contact = fields.String(load_default="")
    list_ = fields.Raw(data_key="list", required=True)
    status = fields.Raw(required=True)
    joined_at = Stamp(data_key="sdate", load_default=None, allow_none=True)
    left_at = Stamp(data_key="udate", load_default=None, allow_none=True)


class MembershipsAnswerSchema(InboundSchema):
    """Memberships of one contact."""

    memberships = fields.List(fields.Nested(_Membership), required=True, data_key="contactLists")
    total = fields.Integer(load_default=None, allow_none=True)


class MembershipAnswerSchema(InboundSchema):
    """The answer to a changed membership."""

    membership = fields.Nested(_Membership, required=True, data_key="contactList")


class _Exclusion(InboundSchema):
    id = fields.String(required=True)
    phrase = fields.String(required=True, data_key="matchPhrase")
    match = fields.String(load_default="exact", data_key="matchType")
    channel = fields.String(load_default="all")
    lists = fields.List(fields.Raw(), load_default=list, allow_none=False)


class ExclusionsAnswerSchema(_Listing):
    """Addresses that are excluded."""

    exclusions = fields.List(fields.Nested(_Exclusion), required=True)
