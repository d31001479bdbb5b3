"""A payment on the wire: as orders show it, and as a record of its own."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.order import LocalizedText
from ct_ac_sync.domain.payment import Payment, PaymentRecord, Transaction
from ct_ac_sync.schemas.base import GREATEST, InboundSchema, Instant, Localized, MoneyField, version_field


class _TransactionSchema(InboundSchema):
    id = fields.String(required=True)
    type = fields.String(required=True)
    state = fields.String(load_default="Initial")
    amount = MoneyField(required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Transaction:
        return Transaction(**data)


class _MethodSchema(InboundSchema):
    interface = fields.String(data_key="paymentInterface")
    method = fields.String()
    name = Localized()


class _AnyPayment(InboundSchema):
    """What payments have wherever they stand."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    planned = MoneyField(data_key="amountPlanned")
    method = fields.Nested(_MethodSchema, data_key="paymentMethodInfo", load_default=dict)
    transactions = fields.List(fields.Nested(_TransactionSchema), load_default=list)


class PaymentSchema(_AnyPayment):
    """A payment; the amounts it states of itself are deprecated and not read."""

    version = fields.Integer(strict=True, validate=validate.Range(min=1, max=GREATEST))
    modified_at = Instant(data_key="lastModifiedAt")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Payment:
        """Return the value."""
        return _payment(data)


class PaymentRecordSchema(_AnyPayment):
    """A payment as a record of its own, which has a version and stamps."""

    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    modified_at = Instant(required=True, data_key="lastModifiedAt")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> PaymentRecord:
        """Return the value."""
        created_at = data.pop("created_at")
        return PaymentRecord(
            id=data["id"],
            version=data["version"],
            created_at=created_at,
            last_modified_at=data["modified_at"],
            payment=_payment(data),
        )


def _payment(data: dict[str, Any]) -> Payment:
    """Return a payment; its method is what the shop shows of it, else what it is called."""
    method = data.pop("method")
    name, interface = method.get("name", LocalizedText(())), method.get("interface", "")
    return Payment(
        method=name.pick(None) or method.get("method") or interface,
        interface=interface,
        transactions=tuple(data.pop("transactions")),
        **data,
    )


class PaymentReferenceSchema(InboundSchema):
    """A reference to a payment, and the payment where it is expanded."""

    id = fields.String()
    whole = fields.Nested(PaymentSchema, data_key="obj")
