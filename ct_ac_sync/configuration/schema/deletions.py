"""What becomes of contacts whose customers are deleted, and of orders."""

from typing import Any

from marshmallow import post_load

from ct_ac_sync.configuration.schema.kinds import Choice
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.values import DeletionsConfig, Farewell, OrderFarewell


class DeletionsSchema(ConfigurationSchema):
    """What becomes of contacts whose customers are deleted, and of orders."""

    customers = Choice(
        "what follows of a deleted customer: `leave` the contact, `unsubscribe` it from all lists, or"
        " `delete_contact`; never while somebody else shares it",
        among=Farewell,
        parse=Farewell,
        default=Farewell.LEAVE,
    )
    orders = Choice(
        "what follows of a deleted order: `leave` it there, or `cancel` it, where it is",
        among=OrderFarewell,
        parse=OrderFarewell,
        default=OrderFarewell.LEAVE,
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> DeletionsConfig:
        """Return the rules of deletions."""
        return DeletionsConfig(**data)
