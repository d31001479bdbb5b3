"""
Payments, and what they come to.

One order may have many, a payment may be in another currency than its order, and the
amounts that a payment states of itself are deprecated (vendor documentation, Payments):
only transactions count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ct_ac_sync.domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A movement of money, or the attempt of one."""

    id: str
    type: str
    state: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """
    A payment at one version.

    Attributes:
        method: What the buyer paid with, as the shop shows it.
        interface: Which service took it.
        version, modified_at: Of the payment itself, where the source showed it in full.
    """

    id: str
    version: int = 0
    modified_at: datetime | None = None
    method: str = ""
    interface: str = ""
    planned: Money | None = None
    transactions: tuple[Transaction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecord:
    """A payment as a record of its own; which order it belongs to, only orders say."""

    id: str
    version: int
    created_at: datetime
    last_modified_at: datetime
    payment: Payment
    is_imported: bool = False

    @property
    def email(self) -> None:
        """None: nobody is known by a payment."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """What payments in one currency come to, in minor units."""

    currency: str
    digits: int
    paid: int = 0
    refunded: int = 0
    charged_back: int = 0


#: What each type of transaction adds to; authorizations move no money.
_PARTS = {"Charge": "paid", "Refund": "refunded", "Chargeback": "charged_back"}


def receipts(payments: Iterable[Payment]) -> tuple[Receipts, ...]:
    """Return what the successful transactions of *payments* come to, by currency; none counts twice."""
    unique = {(payment.id, each.id): each for payment in payments for each in payment.transactions}
    sums: dict[tuple[str, int], dict[str, int]] = {}
    for each in unique.values():
        part = _PARTS.get(each.type)
        if part is None or each.state != "Success":
            continue
        parts = sums.setdefault((each.amount.currency, each.amount.digits), {})
        parts[part] = parts.get(part, 0) + each.amount.cents
    return tuple(
        Receipts(currency=currency, digits=digits, **parts)
        for (currency, digits), parts in sorted(sums.items())
    )
