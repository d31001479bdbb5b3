"""
Money in minor units, as Commercetools counts it; never a float.

``centAmount`` is always in the currency's default digits.  ``fractionDigits`` of a
high-precision amount describes ``preciseAmount`` instead, and dividing the one by
the other's digits is the classic mistake.
"""

from dataclasses import dataclass
from decimal import Decimal

#: Commercetools' own codes for currencies that are traded without minor units; they
#: are no ISO 4217 codes, so the destination gets them without the trailing zero.
WITHOUT_MINOR_UNITS = frozenset({"CZK0", "HUF0", "ILS0", "KZT0", "TRY0", "TWD0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """
    An amount in the minor unit of its currency.

    Attributes:
        cents: The amount, in minor units of the currency (yen for JPY, fils for KWD).
        currency: The code as the source has it, ``HUF0`` and its like included.
        digits: How many decimal digits the minor unit stands for.
    """

    cents: int
    currency: str
    digits: int

    @property
    def major(self) -> Decimal:
        """The amount in major units, exactly."""
        return Decimal(self.cents).scaleb(-self.digits)

    @property
    def iso_currency(self) -> str:
        """The ISO 4217 code of the currency."""
        return self.currency[:3] if self.currency in WITHOUT_MINOR_UNITS else self.currency
