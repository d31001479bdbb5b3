"""
Money as the vendor reckons it: minor units, rounded half to even, taxed line by line.

Where a price contains its tax, the net is rounded and the tax is the rest; where it does
not, the gross is rounded (vendor: Cart tax calculation, mode LineItemLevel).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Self

Json = dict[str, Any]
DIGITS = {"EUR": 2, "CHF": 2, "JPY": 0}
VAT = {"DE": Decimal("0.19"), "CH": Decimal("0.081"), "GB": Decimal("0.2"), "JP": Decimal("0.1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """The rate of a country, and whether prices contain it."""

    rate: Decimal
    country: str
    is_included: bool = True

    @classmethod
    def of(cls, country: str, *, is_included: bool = True) -> Self:
        """Return what a country takes."""
        return cls(rate=VAT[country], country=country, is_included=is_included)

    @property
    def row(self) -> Json:
        """The rate, as lines and shipping carry it."""
        return {
            "id": f"vat-{self.country.lower()}", "name": "VAT", "amount": float(self.rate),
            "includedInPrice": self.is_included, "country": self.country, "subRates": [],
        }  # fmt: skip

    def on(self, cents: int) -> tuple[int, int]:
        """Return net and gross of a price."""
        if self.is_included:
            return rounded(cents / (1 + self.rate)), cents
        return cents, rounded(cents * (1 + self.rate))


def rounded(amount: Decimal) -> int:
    """Return a whole number of minor units, half to even."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_EVEN))


def part(cents: int, permyriad: int) -> int:
    """Return a share of an amount, in ten-thousandths."""
    return rounded(Decimal(cents) * permyriad / 10_000)


def money(currency: str, cents: int) -> Json:
    """Return an amount as it is on the wire."""
    return {
        "type": "centPrecision", "currencyCode": currency, "centAmount": cents,
        "fractionDigits": DIGITS[currency],
    }  # fmt: skip


def to_pay(order: Mapping[str, Any]) -> Json:
    """Return what the buyer pays for an order."""
    found: Json = (order.get("taxedPrice") or {}).get("totalGross") or order["totalPrice"]
    return found


def taxed(currency: str, prices: Sequence[int], tax: Tax) -> Json:
    """Return net, gross and tax of prices of which each is taxed for itself."""
    each = [tax.on(cents) for cents in prices]
    net, gross = sum(pair[0] for pair in each), sum(pair[1] for pair in each)
    portion = {"rate": float(tax.rate), "name": "VAT", "amount": money(currency, gross - net)}
    return {
        "totalNet": money(currency, net), "totalGross": money(currency, gross),
        "totalTax": money(currency, gross - net), "taxPortions": [portion],
    }  # fmt: skip


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Return an amount dealt out by weight, to the last minor unit; a weight below nothing gets none."""
    given = [max(0, weight) for weight in weights]
    total = sum(given) or 1
    dealt = [amount * weight // total for weight in given]
    order = sorted(range(len(given)), key=lambda place: -(amount * given[place] % total))
    for place in order[: amount - sum(dealt)]:
        dealt[place] += 1
    return dealt
