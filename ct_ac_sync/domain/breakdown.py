"""
What an order consists of, and the proof that its parts make its total.

All amounts are whole numbers in the minor unit of one currency.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.payment import Receipts


class Origin(StrEnum):
    """Where a part of a total comes from."""

    LINE = "line"
    CUSTOM_LINE = "custom line"
    SHIPPING = "shipping"
    TOTAL_DISCOUNT = "discount on total"
    IMPORT = "not itemised by the import"


class TaxKind(StrEnum):
    """How prices and tax stand to each other."""

    GROSS = "gross"
    NET = "net"
    MIXED = "mixed"
    EXTERNAL = "external"
    UNTAXED = "untaxed"
    UNKNOWN = "unknown"


class DiscountOrigin(StrEnum):
    """
    What takes something off.

    SHIPPING and TOTAL say what it is taken off, whichever cart discount or code is behind it.
    """

    PRODUCT = "product"
    CART = "cart"
    CODE = "code"
    DIRECT = "direct"
    TOTAL = "total"
    SHIPPING = "shipping"


class Refund(StrEnum):
    """How much of what was paid went back."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of the total price; taken off where negative."""

    origin: Origin
    label: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """
    What is taken off, in the terms of the prices: without tax where these are.

    Attributes:
        name: What people call it.
        code: What the buyer typed, where it came from a code that is known.
    """

    origin: DiscountOrigin
    name: str
    code: str = ""
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    An equation besides the sum: two figures that must be one.

    Attributes:
        tolerance: How far they may be apart, where each of several parts is rounded.
    """

    label: str
    expected: int
    found: int
    tolerance: int = 0

    @property
    def difference(self) -> int:
        """How far apart they are; 0 within the tolerance."""
        apart = self.expected - self.found
        return apart if abs(apart) > self.tolerance else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """
    The sum, part by part, and what else must hold.

    Attributes:
        reading: Which of the vendor's ambiguous rules was followed, where it mattered.
    """

    components: tuple[Component, ...]
    total: int
    checks: tuple[Check, ...] = ()
    reading: str = ""

    @property
    def sum(self) -> int:
        """What the parts come to."""
        return sum(each.amount for each in self.components)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The equations that do not hold."""
        return tuple(each for each in self.checks if each.difference)

    @property
    def difference(self) -> int:
        """The total less the sum; where these agree, that of the first equation that does not hold."""
        apart = self.total - self.sum
        return apart or next((each.difference for each in self.failed), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """
    An order in figures.

    Attributes:
        total: The source's total price, in the terms of its prices.
        gross: What the buyer pays; the total where the tax is not known.
        net, tax: None where the tax is not known.
        portions: The tax by rate, as (name, amount) pairs.
        shipping: What the buyer pays for shipping.
        paid, refunded: In the order's currency; chargebacks are refunded where they count.
        receipts: The same by currency, chargebacks apart.
        has_unseen_payments: Whether there are payments of which only the id is known.
    """

    currency: str
    digits: int
    total: int
    gross: int
    net: int | None
    tax: int | None
    portions: tuple[tuple[str, int], ...] = ()
    tax_kind: TaxKind
    shipping: int = 0
    discounts: tuple[Discount, ...] = ()
    paid: int = 0
    refunded: int = 0
    receipts: tuple[Receipts, ...] = ()
    has_unseen_payments: bool = False
    proof: Proof

    @property
    def components(self) -> tuple[Component, ...]:
        """The parts of the total price."""
        return self.proof.components

    @property
    def difference(self) -> int:
        """0 where everything adds up."""
        return self.proof.difference

    @property
    def tax_added(self) -> int:
        """What tax adds to the total price; 0 where prices contain it."""
        return self.gross - self.total

    @property
    def refund(self) -> Refund:
        """
        How much went back.

        All of it is what was paid, or what the order costs where payments are not all seen.
        """
        if self.refunded <= 0:
            return Refund.NONE
        is_paid_known = self.paid > 0 and not self.has_unseen_payments
        due = min(self.paid, self.gross) if is_paid_known else self.gross
        return Refund.FULL if self.refunded >= due else Refund.PARTIAL

    @property
    def net_revenue(self) -> int:
        """What the shop keeps, tax inside: the gross total less what was refunded."""
        return 0 if self.refund is Refund.FULL else self.gross - self.refunded

    def discounted(self, *origins: DiscountOrigin) -> int:
        """Return what was taken off by *origins*, by all of them without any."""
        return sum(each.amount for each in self.discounts if not origins or each.origin in origins)

    def money(self, amount: int) -> Money:
        """Return *amount* as money in the order's currency."""
        return Money(cents=amount, currency=self.currency, digits=self.digits)

    def account(self) -> str:
        """
        Return the proof as text: a row for each part, the sum, the total and the difference.

        It names lines by their ids and nobody by anything.
        """
        rows = list(self._rows())
        width = max(len(label) for label, _ in rows)
        figures = max(len(figure) for _, figure in rows)
        lines = [f"{label:<{width}}  {figure:>{figures}}" for label, figure in rows]
        lines += [f"({self.proof.reading})"] if self.proof.reading else []
        lines += [self._told(check) for check in self.proof.failed]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str]]:
        for each in self.components:
            yield each.label, self._shown(each.amount)
        yield "sum", self._shown(self.proof.sum)
        yield f"total price in {self.currency}", self._shown(self.total)
        yield "difference", self._shown(self.total - self.proof.sum)

    def _told(self, check: Check) -> str:
        expected, found = self._shown(check.expected), self._shown(check.found)
        apart = self._shown(check.difference)
        return f"{check.label}: expected {expected}, found {found}, difference {apart}"

    def _shown(self, amount: int) -> str:
        return f"{self.money(amount).major:f}"
