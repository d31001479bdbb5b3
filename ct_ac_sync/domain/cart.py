"""What Commercetools tells us of a cart."""

from dataclasses import dataclass
from datetime import datetime

from ct_ac_sync.domain.customer import PostalAddress
from ct_ac_sync.domain.identity import CustomerId
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import LineItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """
    A cart at one version.

    Attributes:
        state: Active, Merged, Ordered or Frozen.
        origin: Customer, Merchant, Quote or RecurringOrder.
        has_shipping, has_payment: Whether a shipping method was chosen, a payment added.
    """

    id: str
    version: int
    created_at: datetime
    last_modified_at: datetime
    state: str = "Active"
    origin: str = "Customer"
    customer_id: CustomerId | None = None
    customer_email: str | None = None
    locale: str | None = None
    country: str | None = None
    store_key: str | None = None
    total_price: Money
    total_gross: Money | None = None
    line_items: tuple[LineItem, ...] = ()
    billing_address: PostalAddress | None = None
    shipping_address: PostalAddress | None = None
    has_shipping: bool = False
    has_payment: bool = False
    is_imported: bool = False

    @property
    def total(self) -> Money:
        """What the buyer would pay: the gross total where the source knows the tax."""
        return self.total_gross or self.total_price

    @property
    def email(self) -> str | None:
        """The buyer's address: the cart's own, else the billing, else the shipping one's."""
        places = (self.billing_address, self.shipping_address)
        return self.customer_email or next((place.email for place in places if place and place.email), None)
