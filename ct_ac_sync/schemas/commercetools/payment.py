"""A payment on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.order import LocalizedText
from ct_ac_sync.domain.payment import Payment, Transaction
from ct_ac_sync.schemas.base import InboundSchema, Localized, MoneyField


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


class PaymentSchema(InboundSchema):
    """A payment; the amounts it states of itself are deprecated and not read."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    planned = MoneyField(data_key="amountPlanned")
    method = fields.Nested(_MethodSchema, data_key="paymentMethodInfo", load_default=dict)
    transactions = fields.List(fields.Nested(_TransactionSchema), load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Payment:
        """Return the value."""
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
