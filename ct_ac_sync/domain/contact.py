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
    """

    email: Address
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    fields: tuple[tuple[str, str], ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EcommerceOrder:
    """An order as the destination shall hold it, with the contact it belongs to."""

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
