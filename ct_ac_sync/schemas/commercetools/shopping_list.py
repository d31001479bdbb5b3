"""A shopping list on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from ct_ac_sync.domain.shopping_list import ListItem, ShoppingList
from ct_ac_sync.schemas.base import GREATEST, InboundSchema, Instant, Reference, version_field


class _ItemSchema(InboundSchema):
    """A line with a product; its variant may be left open (vendor documentation, ShoppingListLineItem)."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    product_id = fields.String(data_key="productId", required=True, validate=validate.Length(min=1))
    variant_id = fields.Integer(data_key="variantId", strict=True, validate=validate.Range(min=1, max=GREATEST))  # fmt: skip
    quantity = fields.Integer(required=True, strict=True)
    added_at = Instant(data_key="addedAt")


class ShoppingListSchema(InboundSchema):
    """A shopping list; lines of mere text say nothing of products and are not read."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    version = version_field()
    created_at = Instant(required=True, data_key="createdAt")
    last_modified_at = Instant(required=True, data_key="lastModifiedAt")
    customer_id = Reference(data_key="customer")
    items = fields.List(fields.Nested(_ItemSchema), data_key="lineItems", load_default=list)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ShoppingList:
        """Return the value; a line that does not say since when it is there is as old as its list."""
        items = tuple(_item(each, data) for each in data.pop("items"))
        return ShoppingList(**data, items=items)


def _item(item: dict[str, Any], of: dict[str, Any]) -> ListItem:
    variant = item.get("variant_id")
    return ListItem(
        id=item["id"],
        product_id=item["product_id"],
        variant_id=None if variant is None else str(variant),
        quantity=item["quantity"],
        added_at=item.get("added_at") or of["created_at"],
    )
