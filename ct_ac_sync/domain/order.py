"""What Commercetools tells us of a purchase."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ct_ac_sync.domain.customer import PostalAddress
from ct_ac_sync.domain.identity import CustomerId, OrderId
from ct_ac_sync.domain.money import Money


class LocalizedText(NamedTuple):
    """A text in several languages, as (language tag, text) pairs."""

    texts: tuple[tuple[str, str], ...]

    def pick(self, locale: str | None) -> str:
        """Return the text of *locale*, else of its language, else the first there is."""
        by_tag = dict(self.texts)
        language = (locale or "").split("-")[0]
        for tag in (locale or "", language):
            if tag in by_tag:
                return by_tag[tag]
        same = (text for tag, text in self.texts if tag.split("-")[0] == language)
        return next(same, self.texts[0][1] if self.texts else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """A line of an order: a product, or a custom line."""

    id: str
    product_id: str
    variant_id: str
    sku: str | None
    name: LocalizedText
    quantity: int
    unit_price: Money
    total_price: Money
    image_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order at one version."""

    id: OrderId
    version: int
    created_at: datetime
    last_modified_at: datetime
    order_number: str | None = None
    customer_id: CustomerId | None = None
    customer_email: str | None = None
    locale: str | None = None
    origin: str | None = None
    store_key: str | None = None
    order_state: str
    payment_state: str | None = None
    shipment_state: str | None = None
    total_price: Money
    total_gross: Money | None = None
    shipping_price: Money | None = None
    shipping_method: str | None = None
    discount: Money | None = None
    line_items: tuple[LineItem, ...] = ()
    billing_address: PostalAddress | None = None
    shipping_address: PostalAddress | None = None
    cart_id: str | None = None
    is_imported: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether it will not be fulfilled."""
        return self.order_state == "Cancelled"

    @property
    def total(self) -> Money:
        """What the buyer pays: the gross total where the source knows the tax."""
        return self.total_gross or self.total_price

    @property
    def email(self) -> str | None:
        """The buyer's address: the order's own, else the billing, else the shipping one's."""
        places = (self.billing_address, self.shipping_address)
        return self.customer_email or next((place.email for place in places if place and place.email), None)
