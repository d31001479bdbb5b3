"""
Money in minor units, as Commercetools counts it; never a float.

``centAmount`` is always in the currency's default digits.  ``fractionDigits`` of a
high-precision amount describes ``preciseAmount`` instead, and dividing the one by
the other's digits is the classic mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

#: Commercetools' own codes for currencies that are traded without minor units; they
#: are no ISO 4217 codes, so the destination gets them without the trailing zero.
WITHOUT_MINOR_UNITS = frozenset({"CZK0", "HUF0", "ILS0", "KZT0", "TRY0", "TWD0"})


#: Currencies by their minor units where these are not two (ISO 4217): for money that lacks
#: ``fractionDigits``, and for high-precision money, where these mean another number.
_BY_DIGITS: Mapping[int, tuple[str, ...]] = {
    0: (
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
        "XAF", "XOF", "XPF", *WITHOUT_MINOR_UNITS,
    ),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
    4: ("CLF", "UYW"),
}  # fmt: skip
DIGITS: Mapping[str, int] = {code: digits for digits, codes in _BY_DIGITS.items() for code in codes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """
    An amount in the minor unit of its currency.

    Attributes:
        cents: The amount, in minor units of the currency (yen for JPY, fils for KWD).
        currency: The code as the source has it, ``HUF0`` and its like included.
        digits: How many decimal digits the minor unit stands for.
        precise: Of a high-precision amount, what it is in minor units before rounding.
    """

    cents: int
    currency: str
    digits: int
    precise: Decimal | None = field(default=None, compare=False)

    @property
    def exact(self) -> Decimal:
        """The amount in minor units, unrounded."""
        return Decimal(self.cents) if self.precise is None else self.precise

    @property
    def major(self) -> Decimal:
        """The amount in major units, exactly."""
        return Decimal(self.cents).scaleb(-self.digits)

    @property
    def iso_currency(self) -> str:
        """The ISO 4217 code of the currency."""
        return self.currency[:3] if self.currency in WITHOUT_MINOR_UNITS else self.currency
