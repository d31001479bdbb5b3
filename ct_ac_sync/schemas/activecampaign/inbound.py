"""What the destination answers; a body that is not as documented proves nothing."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, pre_load, validate

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


class _Listing(InboundSchema):
    """
    A page of a list.

    Attributes:
        total: How many rows all pages have, by ``meta.total``, which is a text or a number;
            None where the answer does not say.
    """

    @pre_load
    def lift_total(self, data: Any, **_: Any) -> Any:
        """Take the total out of ``meta``."""
        if not isinstance(data, Mapping):
            return data
        meta = data.get("meta")
        total = meta.get("total") if isinstance(meta, Mapping) else None
        return {**data, "total": total if str(total).isdigit() else None}

    total = fields.Integer(load_default=None, allow_none=True)


class _Relation(InboundSchema):
    field = fields.String(required=True)


class _Option(InboundSchema):
    field = fields.String(required=True)
    value = fields.String(load_default="")


class _Field(InboundSchema):
    id = fields.String(required=True)
    perstag = fields.String(load_default="")
    type = fields.String(load_default="")


class FieldsAnswerSchema(_Listing):
    """Custom fields with their options and relations."""

    fields_ = fields.List(fields.Nested(_Field), required=True, data_key="fields")
    options = fields.List(fields.Nested(_Option), data_key="fieldOptions", load_default=list)
    relations = fields.List(fields.Nested(_Relation), data_key="fieldRels", load_default=list)


class _Connection(InboundSchema):
    id = fields.String(required=True)
    service = fields.String(required=True)
    externalid = fields.String(required=True)


class ConnectionsAnswerSchema(_Listing):
    """E-commerce connections."""

    connections = fields.List(fields.Nested(_Connection), required=True)


class _Tag(InboundSchema):
    id = fields.String(required=True)
    name = fields.String(required=True, data_key="tag")
    type = fields.String(data_key="tagType", load_default="")


class TagsAnswerSchema(_Listing):
    """Tags."""

    tags = fields.List(fields.Nested(_Tag), required=True)


class TagAnswerSchema(InboundSchema):
    """One tag, as its creation and a look by id answer it."""

    tag = fields.Nested(_Tag, required=True)


class _TagLink(InboundSchema):
    id = fields.String(required=True)
    contact = fields.String(required=True)
    tag = fields.String(required=True)


class TagLinksAnswerSchema(_Listing):
    """Which tags a contact has."""

    links = fields.List(fields.Nested(_TagLink), required=True, data_key="contactTags")


class TagLinkAnswerSchema(InboundSchema):
    """One tag of one contact, as adding it answers."""

    link = fields.Nested(_TagLink, required=True, data_key="contactTag")


class _EventName(InboundSchema):
    """The name of events, which has no other id."""

    id = fields.String(required=True, data_key="name")


class EventNamesAnswerSchema(_Listing):
    """Names of events that are registered."""

    names = fields.List(fields.Nested(_EventName), required=True, data_key="eventTrackingEvents")


class _EventTracking(InboundSchema):
    enabled = fields.Boolean(required=True)


class EventTrackingSchema(InboundSchema):
    """Whether events are tracked at all."""

    tracking = fields.Nested(_EventTracking, required=True, data_key="eventTracking")


class _TrackingLog(InboundSchema):
    id = fields.String(required=True)
    type = fields.String(load_default="")
    value = fields.String(load_default="")


class TrackingLogsAnswerSchema(_Listing):
    """What was tracked of a contact."""

    logs = fields.List(fields.Nested(_TrackingLog), required=True, data_key="trackingLogs")


class _Automation(InboundSchema):
    id = fields.String(required=True)
    name = fields.String(load_default="")
    status = fields.String(load_default="")


class AutomationsAnswerSchema(_Listing):
    """Automations; status 1 is one that is active (vendor documentation, List all automations)."""

    automations = fields.List(fields.Nested(_Automation), required=True)


class _Run(InboundSchema):
    """
    A contact's way through an automation, by one of two names for it.

    Attributes:
        added: When it was entered, as it is written there.
    """

    id = fields.String(required=True)
    automation = fields.String(load_default="")
    series = fields.String(load_default="", data_key="seriesid")
    contact = fields.String(load_default="")
    added = fields.String(load_default="", data_key="adddate")


class RunsAnswerSchema(_Listing):
    """The runs of a contact."""

    runs = fields.List(fields.Nested(_Run), required=True, data_key="contactAutomations")


class RunAnswerSchema(InboundSchema):
    """One run, as an entry answers it."""

    run = fields.Nested(_Run, required=True, data_key="contactAutomation")


class _Cart(InboundSchema):
    """A cart, or an order that perhaps was one; lists do not say what we call it."""

    id = fields.String(required=True, validate=validate.Regexp(r"\d+\Z"))
    connection = fields.String(load_default="", data_key="connectionid")
    checkout = fields.String(load_default="", data_key="externalcheckoutid")


class CartsAnswerSchema(_Listing):
    """Carts and orders of the REST side."""

    carts = fields.List(fields.Nested(_Cart), required=True, data_key="ecomOrders")


class CartAnswerSchema(InboundSchema):
    """One cart."""

    cart = fields.Nested(_Cart, required=True, data_key="ecomOrder")


class _Customer(InboundSchema):
    id = fields.String(required=True)
    externalid = fields.String(load_default="")
    email = fields.String(load_default="")
    connectionid = fields.String(load_default="")


class CustomersAnswerSchema(InboundSchema):
    """E-commerce customers."""

    customers = fields.List(fields.Nested(_Customer), required=True, data_key="ecomCustomers")


class CustomerAnswerSchema(InboundSchema):
    """One e-commerce customer, as its creation answers it."""

    customer = fields.Nested(_Customer, required=True, data_key="ecomCustomer")


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
