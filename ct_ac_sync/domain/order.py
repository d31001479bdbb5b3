"""What Commercetools tells us of a purchase."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ct_ac_sync.domain.customer import PostalAddress
from ct_ac_sync.domain.event import EventItem
from ct_ac_sync.domain.identity import CustomerId, OrderId
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.payment import Payment


class LocalizedText(NamedTuple):
    """A text in several languages, as (language tag, text) pairs."""

    texts: tuple[tuple[str, str], ...]

    def pick(self, *locales: str | None) -> str:
        """Return the text of the first of *locales* that has one, or whose language has, else the first."""
        known = {tag.lower(): text for tag, text in self.texts if text.strip()}
        for locale in filter(None, locales):
            tag = locale.lower().replace("_", "-")
            language = tag.split("-")[0]
            same = (each for each in known if each.split("-")[0] == language)
            found = next((each for each in (tag, language, *same) if each in known), None)
            if found is not None:
                return known[found]
        return next(iter(known.values()), "")


class Pointer(NamedTuple):
    """What a reference means: by id, and by key where the source tells it."""

    id: str | None = None
    key: str | None = None

    @property
    def name(self) -> str:
        """Its key, else its id."""
        return self.key or self.id or ""


# -- tax ------------------------------------------------------------------------------


class TaxPortion(NamedTuple):
    """The part of a tax that one rate makes."""

    name: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxed:
    """An amount without and with its tax, as far as the source tells."""

    net: Money | None = None
    gross: Money | None = None
    tax: Money | None = None
    portions: tuple[TaxPortion, ...] = ()


class TaxRate(NamedTuple):
    """
    A rate as an item has it.

    Attributes:
        is_included: Whether prices contain it; None where the source does not say.
        parts: Of how many rates it is made, each of which is rounded on its own.
    """

    is_included: bool | None = None
    parts: int = 1


# -- discounts ------------------------------------------------------------------------


class IncludedDiscount(NamedTuple):
    """
    What one discount takes off a price.

    Attributes:
        discount: Id of the cart discount or direct discount.
        name: In what languages it is named, where the source tells it.
    """

    discount: str
    amount: Money
    name: LocalizedText = LocalizedText(())


class DiscountedUnits(NamedTuple):
    """Some units of a line, or a shipping, with the price of each after these discounts."""

    quantity: int
    price: Money
    discounts: tuple[IncludedDiscount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalDiscount:
    """What is taken off the total price, lines and shipping together."""

    amount: Money
    discounts: tuple[IncludedDiscount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountCode:
    """
    A code that the buyer gave.

    Attributes:
        code: Its text, where the source tells it.
        discounts: Ids of its cart discounts, where the source tells them.
        is_applied: Whether it counts; an order may list one that does not.
    """

    id: str
    code: str = ""
    discounts: tuple[str, ...] = ()
    is_applied: bool = True


# -- parts of an order ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """
    A line of an order: a product, or a custom line.

    Attributes:
        unit_price: After the product discount, before the cart's.
        full_price: Before the product discount.
        tier_price: Of the highest tier that the quantity reaches, where the price has tiers.
        units: How the cart's discounts spread over the quantity; empty without any.
        tax_rates: One, or one a shipping method.
        channels: Of distribution and of supply.
    """

    id: str
    product_id: str
    variant_id: str
    sku: str | None
    name: LocalizedText
    quantity: int
    unit_price: Money
    total_price: Money
    image_url: str | None = None
    full_price: Money
    tier_price: Money | None = None
    units: tuple[DiscountedUnits, ...] = ()
    taxed: Taxed | None = None
    tax_rates: tuple[TaxRate, ...] = ()
    is_custom: bool = False
    is_gift: bool = False
    has_external_total: bool = False
    product_key: str | None = None
    channels: tuple[Pointer, ...] = ()
    states: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """One shipping of an order; its discounted price counts for one unit."""

    method: str | None = None
    price: Money | None = None
    discounted: DiscountedUnits | None = None
    taxed: Taxed | None = None
    tax_rate: TaxRate | None = None

    @property
    def charged(self) -> Money | None:
        """What is charged for it, in the terms of its price."""
        return self.discounted.price if self.discounted else self.price

    @property
    def amount(self) -> Money | None:
        """What the buyer pays for it: gross where the source knows the tax."""
        return (self.taxed and self.taxed.gross) or self.charged


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """
    A parcel of a delivery.

    Attributes:
        delivery: Id of the delivery it belongs to.
        tracking: The number by which its carrier knows it.
        items: What is in it; what is in its delivery, where it does not say so itself.
        is_return: Whether it goes back to the shop.
    """

    id: str
    delivery: str = ""
    tracking: str = ""
    carrier: str = ""
    items: tuple[EventItem, ...] = ()
    is_return: bool = False


class ReturnedItem(NamedTuple):
    """Units of a line that came back, or will."""

    line: str
    quantity: int
    shipment_state: str | None = None
    payment_state: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    An order at one version.

    Attributes:
        direct_discounts: Ids of discounts made for this order alone.
        parcels: Of all its deliveries, by whichever shipping.
        payments: Those the source showed in full.
        has_unseen_payments: Whether there are others of which only the id is known.
        workflow: The merchant's own state.
    """

    id: OrderId
    version: int
    created_at: datetime
    last_modified_at: datetime
    order_number: str | None = None
    customer_id: CustomerId | None = None
    customer_email: str | None = None
    customer_group: Pointer | None = None
    locale: str | None = None
    country: str | None = None
    origin: str | None = None
    store_key: str | None = None
    order_state: str
    payment_state: str | None = None
    shipment_state: str | None = None
    workflow: Pointer | None = None
    total_price: Money
    tax_mode: str | None = None
    taxed: Taxed | None = None
    taxed_shipping: Taxed | None = None
    shippings: tuple[Shipping, ...] = ()
    total_discount: TotalDiscount | None = None
    discount_codes: tuple[DiscountCode, ...] = ()
    direct_discounts: tuple[str, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    returns: tuple[ReturnedItem, ...] = ()
    payments: tuple[Payment, ...] = ()
    has_unseen_payments: bool = False
    billing_address: PostalAddress | None = None
    shipping_address: PostalAddress | None = None
    cart_id: str | None = None
    is_imported: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether it will not be fulfilled."""
        return self.order_state == "Cancelled"

    @property
    def is_calculated(self) -> bool:
        """
        Whether the source made its totals from its parts.

        It does so for orders from carts.  The totals of an import are given, and its draft
        knows neither a cart nor any discount (vendor documentation, OrderImportDraft).
        """
        return self.cart_id is not None and not self.is_imported

    @property
    def total_gross(self) -> Money | None:
        """The total with tax, where the source knows it."""
        return self.taxed.gross if self.taxed else None

    @property
    def total(self) -> Money:
        """What the buyer pays: the gross total where the source knows the tax."""
        return self.total_gross or self.total_price

    @property
    def discount(self) -> Money | None:
        """What is taken off the total price."""
        return self.total_discount.amount if self.total_discount else None

    @property
    def shipping_price(self) -> Money | None:
        """What the buyer pays for all shippings; None without any."""
        if self.taxed_shipping and self.taxed_shipping.gross:
            return self.taxed_shipping.gross
        amounts = [each.amount for each in self.shippings if each.amount is not None]
        if not amounts:
            return None
        cents = sum(amount.cents for amount in amounts)
        return Money(cents=cents, currency=amounts[0].currency, digits=amounts[0].digits)

    @property
    def shipping_method(self) -> str | None:
        """The name of the first shipping that has one."""
        return next((each.method for each in self.shippings if each.method is not None), None)

    @property
    def channels(self) -> tuple[Pointer, ...]:
        """The channels of its lines, each once."""
        return tuple(dict.fromkeys(channel for line in self.line_items for channel in line.channels))

    @property
    def email(self) -> str | None:
        """The buyer's address: the order's own, else the billing, else the shipping one's."""
        places = (self.billing_address, self.shipping_address)
        return self.customer_email or next((place.email for place in places if place and place.email), None)
