"""What the destination answers; a body that is not as documented proves nothing."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.identity import Address, ContactId, normal_address
from ct_ac_sync.ports import ContactSeen, ImportState, ImportStatus, OrderSeen
from ct_ac_sync.schemas.base import InboundSchema, Instant


class _Contact(InboundSchema):
    id = fields.String(required=True, validate=validate.Regexp(r"\d+\Z"))
    email = fields.String(required=True)
    first_name = fields.String(data_key="firstName", load_default="")
    last_name = fields.String(data_key="lastName", load_default="")
    phone = fields.String(load_default="")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ContactSeen:
        return ContactSeen(
            contact=ContactId(data.pop("id")),
            email=normal_address(data.pop("email")) or Address(""),
            **data,
        )


class ContactAnswerSchema(InboundSchema):
    """One contact, as contact/sync and PUT answer."""

    contact = fields.Nested(_Contact, required=True)


class _Value(InboundSchema):
    contact = fields.String(required=True)
    field = fields.String(required=True)
    value = fields.String(load_default="")


class ContactsAnswerSchema(InboundSchema):
    """Many contacts, perhaps with their field values beside them."""

    contacts = fields.List(fields.Nested(_Contact), required=True)
    values = fields.List(fields.Nested(_Value), data_key="fieldValues", load_default=list)


class ImportQueuedSchema(InboundSchema):
    """A queued import; the key is spelled ``Success`` or ``success`` in the documentation."""

    batch = fields.String(required=True, data_key="batchId", validate=validate.Length(min=1))
    queued = fields.Integer(data_key="queued_contacts", required=True)


class _Order(InboundSchema):
    store_order_id = fields.String(required=True, data_key="storeOrderId")
    modified_at = Instant(data_key="storeModifiedDate", load_default=None)
    creation_source = fields.String(data_key="creationSource", load_default=None)
    email = fields.String(load_default=None)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> OrderSeen:
        return OrderSeen(**data)


class _Relation(InboundSchema):
    field = fields.String(required=True)


class _Field(InboundSchema):
    id = fields.String(required=True)
    perstag = fields.String(load_default="")


class FieldsAnswerSchema(InboundSchema):
    """Custom fields with their relations."""

    fields_ = fields.List(fields.Nested(_Field), required=True, data_key="fields")
    relations = fields.List(fields.Nested(_Relation), data_key="fieldRels", load_default=list)


class _Connection(InboundSchema):
    id = fields.String(required=True)
    service = fields.String(required=True)
    externalid = fields.String(required=True)


class ConnectionsAnswerSchema(InboundSchema):
    """E-commerce connections."""

    connections = fields.List(fields.Nested(_Connection), required=True)


class _Customer(InboundSchema):
    id = fields.String(required=True)
    externalid = fields.String(load_default="")
    email = fields.String(load_default="")
    connectionid = fields.String(load_default="")


class CustomersAnswerSchema(InboundSchema):
    """E-commerce customers."""

    customers = fields.List(fields.Nested(_Customer), required=True, data_key="ecomCustomers")


ORDER = _Order()

_DONE: Mapping[Any, ImportState] = {
    "completed": ImportState.COMPLETED,
    "failed": ImportState.FAILED,
    "interrupted": ImportState.FAILED,
}


def parse_import_status(body: Mapping[str, Any]) -> ImportStatus:
    """Return how far an import is; ``status`` is false for about its first second."""
    return ImportStatus(
        state=_DONE.get(body.get("status"), ImportState.PENDING),
        contacts=tuple(ContactId(str(each)) for each in body.get("success") or []),
        refused=frozenset(
            address for each in body.get("failure") or [] if (address := normal_address(str(each)))
        ),
    )
