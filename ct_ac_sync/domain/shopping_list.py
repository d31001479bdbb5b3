"""What Commercetools tells us of a shopping list: what somebody wants to come back to."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ct_ac_sync.domain.identity import CustomerId


class ListItem(NamedTuple):
    """
    A product on a list; what is written there as text alone is none.

    Attributes:
        variant_id: None where it is the product's master variant, whichever that is.
        added_at: When it was put there, by the clock of whoever put it there.
    """

    id: str
    product_id: str
    variant_id: str | None
    quantity: int
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShoppingList:
    """A shopping list at one version; without a customer it is of an anonymous session."""

    id: str
    version: int
    created_at: datetime
    last_modified_at: datetime
    customer_id: CustomerId | None = None
    items: tuple[ListItem, ...] = ()
    is_imported: bool = False

    @property
    def email(self) -> None:
        """None: a list names its customer, and no address."""
        return
