"""How orders and products are sent."""

from collections.abc import Mapping
from typing import Any

from marshmallow import post_load

from ct_ac_sync.configuration.schema.kinds import Choice, Flag, Text
from ct_ac_sync.configuration.schema.many import Rows, Several, Table
from ct_ac_sync.configuration.schema.routes import ConditionSchema
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.schema.value import PageSchema, Value
from ct_ac_sync.configuration.values import DEFAULT_STATUSES, OrdersConfig, ProductsConfig, StatusRule
from ct_ac_sync.domain.contact import OrderStatus

#: The states that Commercetools documents, and "none" where an order may have none.
STATES: Mapping[str, tuple[str, ...]] = {
    "order": ("Open", "Confirmed", "Complete", "Cancelled"),
    "payment": ("BalanceDue", "Failed", "Pending", "CreditOwed", "Paid", "none"),
    "shipment": (
        "Shipped", "Delivered", "Ready", "Pending", "Delayed", "Partial", "Backorder", "Canceled", "none",
    ),
    "returned": ("NonRefundable", "Initial", "Refunded", "NotRefunded"),
}  # fmt: skip


class StatusSchema(ConfigurationSchema):
    """A status, and the orders that have it: every key that is given, each any one of its values."""

    status = Choice("the status in ActiveCampaign", among=OrderStatus, parse=OrderStatus, required=True)
    order = Several(Text("states of the order", example="Cancelled"), default=())
    payment = Several(Text("payment states; `none` where an order has none", example="Paid"), default=())
    shipment = Several(Text("shipment states; `none` where an order has none", example="Shipped"), default=())
    returned = Several(
        Text("payment states of returned items, of which one item at least has one", example="Refunded"),
        default=(),
    )
    workflow = Several(Text("keys of states of your own workflow", example="picked"), default=())
    refunded = Several(
        Choice("how much the payments say was given back", among=("none", "partial", "full")), default=()
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> StatusRule:
        """Return the status' rule."""
        return StatusRule(**data)


class OrdersSchema(ConfigurationSchema):
    """How orders are sent."""

    chargebacks_count = Flag("whether a chargeback counts as refunded", example=True, default=True)
    url = Value(
        "the page of an order",
        lone="template",
        schema=PageSchema,
        example="https://acme.example/orders/{order.orderNumber}",
    )
    historical_when = Table(
        ConditionSchema,
        "orders that are of the past however new they are: they go out as historical, and nothing that"
        " happens to them starts anything; without, none",
        example={"origin": ["Merchant", "Quote"]},
        is_optional=True,
    )
    statuses = Rows(
        StatusSchema,
        "the statuses, of which the first holds that fits; where none does, WAITING",
        title="orders.statuses",
        default=DEFAULT_STATUSES,
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> OrdersConfig:
        """Return the orders' rules."""
        return OrdersConfig(**data)


class ProductsSchema(ConfigurationSchema):
    """What is told of products besides their names."""

    brand = Text("the attribute that holds the brand", example="brand")
    attributes = Several(Text("attributes that line items carry as their tags", example="color"), default=())
    url = Value(
        "the page of a product",
        lone="template",
        schema=PageSchema,
        example="https://acme.example/p/{product.slug}",
    )
    category_separator = Text(
        "between the names of a category path, root first", example=" > ", default=" > "
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ProductsConfig:
        """Return the products' rules."""
        return ProductsConfig(**data)
