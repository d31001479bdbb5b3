"""Derived values: what a person's orders add up to, exactly, in each currency, right after refunds."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.mapping.derived import OrderFacts, Summary, order_facts, summary, to_root
from tests.unit.wire import an_order, money, taxed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

FACTS = st.builds(
    OrderFacts,
    id=st.uuids().map(str),
    created_at=st.integers(-(10**8), 10**8).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    currency=st.sampled_from(["EUR", "CHF", "USD"]),
    digits=st.just(2),
    total=st.integers(0, 10**9).map(lambda cents: Decimal(cents).scaleb(-2)),
    net=st.integers(0, 10**9).map(lambda cents: Decimal(cents).scaleb(-2)),
    refunded=st.integers(0, 10**6).map(lambda cents: Decimal(cents).scaleb(-2)),
    is_cancelled=st.booleans(),
)


def facts(id_: str, total: str, currency: str = "EUR", *, day: int = 0, **changes: Any) -> OrderFacts:
    """Return an order of a day."""
    known = OrderFacts(
        id=id_, created_at=NOON + timedelta(days=day), currency=currency, digits=2,
        total=Decimal(total), net=Decimal(total), refunded=Decimal(0), is_cancelled=False,
    )  # fmt: skip
    return replace(known, **changes)


def transaction(kind: str, state: str, cents: int, currency: str = "EUR") -> dict[str, Any]:
    """Return a transaction of a payment."""
    return {"type": kind, "state": state, "amount": money(cents, currency)}


def paid(*payments: Any) -> dict[str, Any]:
    """Return the payments of an order, expanded."""
    return {
        "payments": [
            {"typeId": "payment", "id": "p", "obj": {"transactions": list(each)}} for each in payments
        ]
    }


class TestOrderFacts:
    def test_an_order_counts_gross(self):
        """The total is what the buyer pays: gross where the source knows the tax."""
        made = order_facts(an_order(taxedPrice=taxed(840, 1000), totalPrice=money(840)))

        assert (made.id, made.currency, made.digits, made.total) == ("o1", "EUR", 2, Decimal("10.00"))
        assert (made.refunded, made.is_cancelled) == (Decimal(0), False)

    @pytest.mark.parametrize(
        ("tax", "net", "its_tax"),
        [
            (taxed(840, 1000), "8.40", "1.60"),
            (None, "10.00", "0.00"),
            ({"totalGross": None, "totalNet": None, "totalTax": None}, "10.00", "0.00"),
            ({"totalGross": money(1000)}, "10.00", "0.00"),
        ],
    )
    def test_net_and_tax_make_the_total(self, tax: Any, net: str, its_tax: str):
        """Of an order whose tax is known net and tax are told, and of any other all is net."""
        made = order_facts(an_order(taxedPrice=tax, totalPrice=money(1000)))

        assert (made.total, made.net, made.tax) == (Decimal("10.00"), Decimal(net), Decimal(its_tax))

    @pytest.mark.parametrize(
        ("price", "currency", "total"),
        [
            (money(1000, "JPY", 0), "JPY", "1000"),
            (money(12345, "KWD", 3), "KWD", "12.345"),
            (money(500, "HUF0", 0), "HUF", "500"),
            (
                money(1, "EUR", 7, type="highPrecision", preciseAmount=123456),
                "EUR",
                "0.0123456",
            ),
        ],
    )
    def test_every_currency_has_its_digits(self, price: Any, currency: str, total: str):
        """Yen have no minor unit, dinars a thousand, and a precise amount its own digits."""
        made = order_facts(an_order(totalPrice=price))

        assert (made.currency, made.total) == (currency, Decimal(total))

    def test_refunds_of_all_payments_that_succeeded(self):
        """Refunds and chargebacks that succeeded count, over all payments; what is pending does not."""
        payments = paid(
            [transaction("Charge", "Success", 1000), transaction("Refund", "Success", 250)],
            [
                transaction("Refund", "Success", 100), transaction("Refund", "Pending", 300),
                transaction("Refund", "Initial", 300), transaction("Refund", "Failure", 300),
                transaction("Chargeback", "Success", 50), transaction("Refund", "Success", 70, "USD"),
            ],
        )  # fmt: skip

        assert order_facts(an_order(paymentInfo=payments)).refunded == Decimal("4.00")
        assert order_facts(an_order(paymentInfo=payments), chargebacks_count=False).refunded == Decimal(
            "3.50"
        )

    @pytest.mark.parametrize(
        "info", [None, {}, {"payments": None}, {"payments": [{"typeId": "payment", "id": "p"}]}, paid([])]
    )
    def test_payments_that_are_not_expanded_refund_nothing(self, info: Any):
        """Without transactions nothing is known to have gone back."""
        assert order_facts(an_order(paymentInfo=info)).refunded == 0

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"totalPrice": None}, "order o1 has no amount"),
            ({"totalPrice": {}}, "order o1 has no amount"),
            ({"createdAt": "yesterday"}, "isoformat"),
        ],
    )
    def test_an_order_without_an_amount_or_a_time_is_refused(self, changes: Any, said: str):
        """No sum is made of an order whose total or time is not known."""
        with pytest.raises(ValueError, match=said):
            order_facts(an_order(**changes))


class TestSummary:
    def test_sums_by_currency(self):
        """Each currency has its own count, total, average and refunds, and the newest order's leads."""
        found = to_root(
            summary(
                [
                    facts("a", "10.00", net=Decimal("8.40")), facts("b", "20.01", day=1, refunded=Decimal("5.00")),
                    facts("c", "7.50", "CHF", day=2), facts("d", "99.99", day=3, is_cancelled=True),
                ]
            )
        )  # fmt: skip

        assert found == {
            "count": "3", "currency": "CHF", "currencies": ("CHF", "EUR"),
            "first_at": "2026-03-01T12:00:00.000Z", "last_at": "2026-03-03T12:00:00.000Z",
            "total": {"CHF": "7.50", "EUR": "25.01"}, "average": {"CHF": "7.50", "EUR": "12.51"},
            "refunded": {"CHF": "0.00", "EUR": "5.00"},
            "net": {"CHF": "7.50", "EUR": "28.41"}, "tax": {"CHF": "0.00", "EUR": "1.60"},
        }  # fmt: skip

    def test_nobody_without_orders_has_sums(self):
        """Without orders the count is zero, and nothing else is there."""
        assert summary([]) == Summary(count=0, first_at=None, last_at=None, currency="", sums={})
        assert summary([facts("a", "1", is_cancelled=True)]) == summary([])

    def test_a_full_refund_leaves_nothing(self):
        """A refunded order stays an order, and its money is gone."""
        (sums,) = summary([facts("a", "10.00", refunded=Decimal("10.00"))]).sums.values()

        assert (sums.count, sums.total, sums.average) == (1, Decimal(0), Decimal(0))

    @given(st.lists(FACTS, max_size=6))
    def test_the_parts_are_the_whole(self, orders: list[OrderFacts]):
        """Totals and refunds of all currencies are what was bought, exactly, in any order of the orders."""
        found = summary(orders)
        counted = [each for each in orders if not each.is_cancelled]

        assert sum(each.total + each.refunded for each in found.sums.values()) == sum(
            each.total for each in counted
        )
        assert all(each.net + each.tax == each.total + each.refunded for each in found.sums.values())
        assert sum(each.net for each in found.sums.values()) == sum(each.net for each in counted)
        assert sum(each.count for each in found.sums.values()) == found.count == len(counted)
        assert found == summary(reversed(orders))

    def test_order_does_not_matter(self):
        """Orders at the same instant are told apart by id."""
        orders = [facts("a", "1.00"), facts("b", "2.00", "CHF"), facts("c", "3.00", "USD", day=-1)]

        assert len({str(to_root(summary(each))) for each in itertools.permutations(orders)}) == 1
