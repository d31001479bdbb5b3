"""What ActiveCampaign keeps of a person and of a purchase, as we want it to be."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ct_ac_sync.domain.identity import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """
    A contact as the destination shall hold it.

    Attributes:
        fields: Custom field values by perstag, sorted; an empty value clears.
        tags: Names that an import adds along; by single calls tags go by themselves.
    """

    email: Address
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()


class CreationSource(StrEnum):
    """Whether an order may start automations there (``REAL_TIME``) or never."""

    REAL_TIME = "REAL_TIME"
    HISTORICAL = "HISTORICAL"


class OrderStatus(StrEnum):
    """The destination's ten statuses of an order (vendor documentation, Orders)."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    ABANDONED = "ABANDONED"
    RECOVERED = "RECOVERED"
    WAITING = "WAITING"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    FAILED = "FAILED"
    RETURNED = "RETURNED"
    PENDING_PAYMENT = "PENDING_PAYMENT"


class DiscountKind(StrEnum):
    """What a discount of an order is taken off (vendor documentation, Orders)."""

    ORDER = "ORDER"
    SHIPPING = "SHIPPING"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDiscount:
    """A discount of an order, money in major units."""

    name: str
    kind: DiscountKind
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line of an order, money in major units."""

    line_id: str
    product_id: str
    variant_id: str
    name: str
    quantity: int
    price: Decimal
    sku: str = ""
    image_url: str = ""
    category: str = ""
    brand: str = ""
    tags: tuple[str, ...] = ()
    product_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcommerceOrder:
    """
    An order as the destination shall hold it, with the contact it belongs to.

    Attributes:
        final_amount: What the buyer pays, tax inside, less what was refunded of it in part.
        discounts_amount: What all discounts come to that the prices of lines do not show.
    """

    store_order_id: str
    order_number: str
    customer_id: str
    contact: Contact
    locale: str
    status: OrderStatus
    store_status: str
    currency: str
    final_amount: Decimal
    shipping_amount: Decimal
    discounts_amount: Decimal
    shipping_method: str
    created_at: datetime
    modified_at: datetime
    lines: tuple[OrderLine, ...]
    billing: tuple[tuple[str, str], ...] = ()
    shipping: tuple[tuple[str, str], ...] = ()
    discounts: tuple[OrderDiscount, ...] = ()
    order_url: str = ""
    cart_id: str = ""
    sales_channel: str = ""
    payment_method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcommerceCart:
    """
    A cart as the destination shall hold it, money in major units.

    Attributes:
        cart_id: What the order that is made of it will name as its cart.
        customer_id: What its e-commerce customer is called by us.
        final_amount: What the buyer would pay.
        abandoned_at: When the buyer last touched it.
        lines: Of each its product, with the price of a unit.
        connection: Name of the connection it goes to; None for the default one.
    """

    cart_id: str
    customer_id: str
    email: Address
    currency: str
    final_amount: Decimal
    created_at: datetime
    modified_at: datetime
    abandoned_at: datetime
    lines: tuple[OrderLine, ...]
    url: str = ""
    connection: str | None = None
