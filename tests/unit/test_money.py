"""Money: minor units in, exact decimals out, and a JSON number that is the same number."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.domain.identity import Address
from ct_ac_sync.domain.money import WITHOUT_MINOR_UNITS, Money
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.activecampaign.outbound import dump_order
from ct_ac_sync.schemas.base import MoneyField
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.wire import an_order, line, money, taxed

CURRENCIES = st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3), ("HUF0", 0), ("CLF", 4)])
#: Fifteen digits are what a JSON number carries exactly, whoever reads it.
CENTS = st.integers(-(10**15) + 1, 10**15 - 1)


def sent(**changes: object) -> dict[str, object]:
    """Return an order as it goes over the wire, read back as a vendor would, in decimals."""
    found = parse_record(Stream.ORDERS, an_order(**changes))
    assert isinstance(found, Readable)
    contact = Contact(email=Address("ann@example.org"))
    order = to_order(found.value, contact)  # type: ignore[arg-type]
    text = json.dumps(dump_order(order, creation_source="HISTORICAL", connection="1"))
    read: dict[str, object] = json.loads(text, parse_float=Decimal)
    return read


class TestMajor:
    @pytest.mark.parametrize(
        ("cents", "digits", "major"),
        [
            (1999, 2, "19.99"),
            (5000, 0, "5000"),
            (1234, 3, "1.234"),
            (-5, 2, "-0.05"),
            (0, 2, "0"),
            (1, 4, "0.0001"),
        ],
    )
    def test_the_digits_say_where_the_point_is(self, cents: int, digits: int, major: str):
        """Two digits for euros, none for yen, three for dinars."""
        assert Money(cents=cents, currency="X", digits=digits).major == Decimal(major)

    @given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 20))
    def test_nothing_is_rounded(self, cents: int, digits: int):
        """Whatever 64 bits hold comes back from the decimal exactly."""
        assert int(Money(cents=cents, currency="X", digits=digits).major.scaleb(digits)) == cents


class TestExact:
    @pytest.mark.parametrize(
        ("amount", "currency", "digits", "exact"),
        [(123456, "EUR", 7, "1.23456"), (50123, "JPY", 4, "5.0123"), (123456, "KWD", 5, "1234.56"), (-5, "EUR", 3, "-0.5")],
    )  # fmt: skip
    def test_high_precision_is_kept_in_minor_units(self, amount: int, currency: str, digits: int, exact: str):
        """The precise amount is told in minor units of the currency, whatever digits it comes with."""
        wire = money(1, currency, digits, type="highPrecision", preciseAmount=amount)

        read = MoneyField().deserialize(wire)

        assert read.exact == Decimal(exact)
        assert read == Money(cents=1, currency=currency, digits=read.digits)

    @pytest.mark.parametrize("more", [{}, {"preciseAmount": "x"}, {"preciseAmount": 5, "fractionDigits": 99}])
    def test_without_a_precise_amount_the_cents_are_exact(self, more: dict[str, object]):
        """High-precision money that lacks its precise amount counts by its cents."""
        wire = money(7, "EUR", None) | {"type": "highPrecision"} | more

        assert MoneyField().deserialize(wire).exact == 7


class TestIsoCurrency:
    @pytest.mark.parametrize("code", sorted(WITHOUT_MINOR_UNITS))
    def test_the_vendors_own_codes_lose_their_nought(self, code: str):
        """HUF0 and its like are no ISO codes; the destination gets three letters."""
        assert Money(cents=1, currency=code, digits=0).iso_currency == code[:3]

    @pytest.mark.parametrize("code", ["EUR", "JPY", "XXX0"])
    def test_all_others_stay(self, code: str):
        """What is not known to be such a code is passed on as it is."""
        assert Money(cents=1, currency=code, digits=0).iso_currency == code


class TestOnTheWire:
    @given(CENTS, CURRENCIES)
    def test_the_number_sent_is_the_amount(self, cents: int, currency: tuple[str, int]):
        """The number in the request's text equals the source's minor units exactly."""
        amount = money(cents, *currency)
        expected = Decimal(cents).scaleb(-currency[1])

        order = sent(
            totalPrice=amount,
            lineItems=[line(price={"value": amount}, totalPrice=amount)],
            shippingInfo={"price": amount},
            discountOnTotalPrice={"discountedAmount": amount},
        )

        (item,) = order["lineItems"]  # type: ignore[misc]
        names = ("finalAmount", "shippingAmount", "discountsAmount")
        assert [Decimal(order[name]) for name in names] == [expected] * 3  # type: ignore[call-overload]
        assert Decimal(item["priceAmount"]) == expected  # type: ignore[has-type]
        assert order["currency"] == currency[0][:3]

    @given(st.integers(0, 10**12), st.integers(0, 10**12))
    def test_gross_is_sent_where_it_is_known(self, net: int, tax: int):
        """What is sent as the final amount is what the buyer pays."""
        order = sent(totalPrice=money(net), taxedPrice=taxed(net, net + tax))

        assert Decimal(str(order["finalAmount"])) == Decimal(net + tax).scaleb(-2)

    def test_high_precision_is_sent_in_cents_of_the_currency(self):
        """The rounded cents are divided by the currency's digits, not by the amount's own."""
        precise = money(1, "EUR", 7, type="highPrecision", preciseAmount=123456)

        (item,) = sent(lineItems=[line(price={"value": precise})])["lineItems"]  # type: ignore[misc]

        assert item["priceAmount"] == Decimal("0.01")  # type: ignore[has-type]

    @pytest.mark.parametrize("cents", [0, 100, -100])
    def test_whole_amounts_are_whole_numbers(self, cents: int):
        """Nought and whole amounts carry no point and no sign of their own."""
        assert sent(totalPrice=money(cents))["finalAmount"] == cents // 100
