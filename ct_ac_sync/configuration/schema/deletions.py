"""What becomes of contacts whose customers are deleted."""

from typing import Any

from marshmallow import post_load

from ct_ac_sync.configuration.schema.kinds import Choice
from ct_ac_sync.configuration.schema.table import ConfigurationSchema
from ct_ac_sync.configuration.values import DeletionsConfig, Farewell


class DeletionsSchema(ConfigurationSchema):
    """What becomes of contacts whose customers are deleted."""

    customers = Choice(
        "what follows of a deleted customer: `leave` the contact, `unsubscribe` it from all lists, or"
        " `delete_contact`; never while somebody else shares it",
        among=Farewell,
        parse=Farewell,
        default=Farewell.LEAVE,
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> DeletionsConfig:
        """Return the rules of deletions."""
        return DeletionsConfig(**data)
