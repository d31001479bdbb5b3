"""Who is on which list: wire JSON of memberships."""

from marshmallow import fields

from ct_ac_sync.schemas.base import InboundSchema


class _Membership(InboundSchema):
    """A membership, ended or not; its status is a text in lists and a number in what a change answers."""

    id = fields.String(required=True)
    contact = fields.String(load_default="")
    list_ = fields.Raw(data_key="list", required=True)
    status = fields.Raw(required=True)


class MembershipsAnswerSchema(InboundSchema):
    """Memberships of one contact."""

    memberships = fields.List(fields.Nested(_Membership), required=True, data_key="contactLists")
    total = fields.Integer(load_default=None, allow_none=True)


class MembershipAnswerSchema(InboundSchema):
    """The answer to a changed membership."""

    membership = fields.Nested(_Membership, required=True, data_key="contactList")
