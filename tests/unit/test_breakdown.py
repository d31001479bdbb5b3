"""The breakdown: an order's parts make its total, whatever they are, and a wrong cent is noticed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.breakdown import Breakdown, DiscountOrigin, Origin, Refund, TaxKind
from ct_ac_sync.domain.order import Order
from ct_ac_sync.mapping.breakdown import to_breakdown
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.cents import CART, broken, cents_of, included, orders, portions, says_nothing
from tests.unit.wire import an_order, line, money


def read(body: Any) -> Order:
    """Return the order of a body that can be read."""
    found = parse_record(Stream.ORDERS, body)
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Order)
    return found.value


def figures(*, chargebacks_count: bool = True, **changes: Any) -> Breakdown:
    """Return the breakdown of an order from a cart."""
    return to_breakdown(read(an_order(**{"cart": CART} | changes)), chargebacks_count=chargebacks_count)


def share(quantity: int, cents: int, off: int, discount: str = "d1") -> dict[str, Any]:
    """Return units of a line at a discounted price."""
    discounts = [{"discount": {"typeId": "cart-discount", "id": discount}, "discountedAmount": money(off)}]
    return {
        "quantity": quantity,
        "discountedPrice": {"value": money(cents), "includedDiscounts": discounts},
    }


def precise(amount: int, digits: int, cents: int) -> dict[str, Any]:
    """Return a high-precision price in euros."""
    return money(cents, "EUR", digits, type="highPrecision", preciseAmount=amount)


class TestAnyOrder:
    @given(orders())
    def test_it_adds_up(self, body: dict[str, Any]):
        """Whatever lines, discounts, shippings, taxes and currency there are, the parts make the total."""
        breakdown = to_breakdown(read(body))

        assert breakdown.difference == 0, breakdown.account()
        assert sum(part.amount for part in breakdown.components) == body["totalPrice"]["centAmount"]

    @given(orders(), st.data())
    def test_one_wrong_cent_is_noticed(self, body: dict[str, Any], data: st.DataObject):
        """Wherever an amount is a cent off, the order does not add up, and the account says where."""
        places = [path for path in cents_of(body) if not says_nothing(body, path)]
        path, by = data.draw(st.sampled_from(places)), data.draw(st.sampled_from([-1, 1]))

        breakdown = to_breakdown(read(broken(body, path, by)))

        assert breakdown.difference != 0
        assert (
            breakdown.proof.sum != breakdown.total or breakdown.proof.failed[0].label in breakdown.account()
        )

    @given(orders())
    def test_an_account_names_nobody(self, body: dict[str, Any]):
        """The account names parts by their ids and says nothing of the buyer or the goods."""
        text = to_breakdown(read(body)).account()

        assert all(word not in text for word in ("Ann", "example.org", "Shoe", "Extra", "Post", "A-1"))
        assert "sum" in text
        assert "total price" in text

    @given(orders())
    def test_an_import_is_never_held(self, body: dict[str, Any]):
        """What was imported has the totals it was given: what its parts do not show is a part of its own."""
        imported = body | {
            "createdBy": {"attributedTo": {"source": "Import"}},
            "totalPrice": body["totalPrice"] | {"centAmount": -5},
        }

        breakdown = to_breakdown(read(imported))

        assert breakdown.difference == 0
        assert breakdown.total == -5
        assert sum(part.amount for part in breakdown.components) == -5


class TestSum:
    def test_the_account_shows_each_part_and_the_difference(self):
        """An order that does not balance shows its parts in major units, the sum, the total and what is missing."""
        breakdown = figures(
            totalPrice=money(1390), lineItems=[line(1000)], shippingInfo={"price": money(490)},
            discountOnTotalPrice={"discountedAmount": money(200)},
        )  # fmt: skip

        assert breakdown.difference == 100
        assert breakdown.account().splitlines() == [
            "line l1             10.00",
            "shipping 1           4.90",
            "discount on total   -2.00",
            "sum                 12.90",
            "total price in EUR  13.90",
            "difference           1.00",
        ]

    @pytest.mark.parametrize(
        ("total", "reading"), [(1290, ""), (1490, "shipping at its plain price"), (1300, None)]
    )
    def test_a_discounted_shipping_may_count_at_either_price(self, total: int, reading: str | None):
        """The vendor leaves open which price counts: the one that balances does, and the account says so."""
        info = {"price": money(490), "discountedPrice": {"value": money(290), "includedDiscounts": []}}

        breakdown = figures(totalPrice=money(total), shippingInfo=info)

        assert (breakdown.difference == 0) is (reading is not None)
        assert breakdown.proof.reading == (reading or "")
        assert not reading or reading in breakdown.account()

    @pytest.mark.parametrize(("cents", "is_proven"), [(800, True), (1000, True), (700, False)])
    def test_lines_may_be_reduced_by_a_discount_on_the_total(self, cents: int, *, is_proven: bool):
        """Where lines hold their part of the discount it is not taken off twice, and no more than it is missing."""
        breakdown = figures(
            totalPrice=money(cents), lineItems=[line(1000, totalPrice=money(cents))],
            discountOnTotalPrice={"discountedAmount": money(200)},
        )  # fmt: skip

        assert (breakdown.difference == 0) is is_proven
        assert "reduced" in breakdown.proof.reading

    def test_a_total_may_be_negative(self):
        """A custom line may take more off than everything costs."""
        extra = {"id": "k", "name": {"en": "Credit"}, "money": money(-1500), "totalPrice": money(-1500)}

        breakdown = figures(totalPrice=money(-500), customLineItems=[extra])

        assert (breakdown.difference, breakdown.total) == (0, -500)
        assert [part.origin for part in breakdown.components] == [Origin.LINE, Origin.CUSTOM_LINE]

    def test_an_order_without_a_cart_was_given_its_total(self):
        """What an import takes off without saying so is shown as a part, not held."""
        breakdown = figures(cart=None, totalPrice=money(900))

        assert breakdown.difference == 0
        assert breakdown.components[-1].origin is Origin.IMPORT
        assert breakdown.components[-1].amount == -100

    def test_amounts_of_two_currencies_are_never_added(self):
        """A line in another currency makes the proof fail, though the figures agree."""
        breakdown = figures(lineItems=[line(1000, totalPrice=money(1000, "USD"))])

        assert breakdown.proof.sum == breakdown.total
        assert breakdown.difference != 0
        assert "line l1 in USD" in breakdown.account()


class TestLines:
    @pytest.mark.parametrize(
        ("wire", "total", "difference"),
        [
            (line(1000, 3), 3000, 0),
            (line(1000, 3), 2999, 1),
            (line(1000, price={"value": money(1000), "discounted": {"value": money(800)}}), 800, 0),
            (line(1000, 3, discountedPricePerQuantity=[share(2, 900, 100), share(1, 1000, 0)]), 2800, 0),
            (line(1000, 3, discountedPricePerQuantity=[share(2, 900, 100)]), 2800, 0),
            (line(1000, 3, discountedPricePerQuantity=[share(3, 900, 90)]), 2700, 10),
            (line(1000, discountedPricePerQuantity=[share(1, 0, 1200)]), 0, 0),
            (line(1000, 3, discountedPrice=share(1, 900, 100)["discountedPrice"]), 2700, 0),
            (line(1000, lineItemMode="GiftLineItem"), 0, 0),
            (line(1000, lineItemMode="GiftLineItem"), 1, -1),
            (line(1000, 3, priceMode="ExternalTotal"), 12345, 0),
            (line(1, 7, price={"value": precise(123456, 7, 1)}), 9, 0),
            (line(1, 7, price={"value": precise(123456, 7, 1)}), 7, 2),
            (line(1000, 10, price={"value": money(1000), "tiers": [
                {"minimumQuantity": 5, "value": money(900)}, {"minimumQuantity": 20, "value": money(800)}]}), 9000, 0),
            (line(1000, 10, price={"value": money(1000), "tiers": [
                {"minimumQuantity": 20, "value": money(800)}]}), 8000, 2000),
        ],
    )  # fmt: skip
    def test_a_line_is_its_prices_times_its_quantities(self, wire: Any, total: int, difference: int):
        """Each kind of line is held against its own prices, and only as far as these decide its total."""
        breakdown = figures(totalPrice=money(total), lineItems=[wire | {"totalPrice": money(total)}])

        assert breakdown.proof.sum == total
        assert breakdown.difference == difference, breakdown.account()

    def test_cart_discounts_may_take_the_place_of_a_products(self):
        """A cart discount may be taken off the full price, and then the product's is none."""
        price = {"value": money(1000), "discounted": {"value": money(900)}}
        wire = line(1000, price=price, discountedPricePerQuantity=[share(1, 700, 300)])

        breakdown = figures(totalPrice=money(700), lineItems=[wire | {"totalPrice": money(700)}])

        assert breakdown.difference == 0
        assert [(d.origin, d.amount) for d in breakdown.discounts] == [(DiscountOrigin.CART, 300)]


class TestTax:
    def with_tax(self, *, is_included: bool | None, mode: str = "Platform", **whole: Any) -> Breakdown:
        """Return an order of one line over 10.00 with a rate and the order's own tax."""
        rate = None if is_included is None else {"amount": 0.19, "includedInPrice": is_included}
        return figures(taxMode=mode, lineItems=[line(taxRate=rate)], **whole)

    @pytest.mark.parametrize(
        ("is_included", "mode", "whole", "kind", "amounts"),
        [
            (True, "Platform", portions(840, 1000, "EUR", 2), TaxKind.GROSS, (1000, 840, 160, 0)),
            (False, "Platform", portions(1000, 1190, "EUR", 2), TaxKind.NET, (1190, 1000, 190, 190)),
            (False, "External", portions(1000, 1190, "EUR", 2), TaxKind.NET, (1190, 1000, 190, 190)),
            (None, "Platform", portions(1000, 1190, "EUR", 2), TaxKind.NET, (1190, 1000, 190, 190)),
            (None, "Platform", portions(840, 1000, "EUR", 2), TaxKind.GROSS, (1000, 840, 160, 0)),
            (True, "ExternalAmount", portions(1000, 1150, "EUR", 2), TaxKind.EXTERNAL, (1150, 1000, 150, 150)),
            (None, "Disabled", None, TaxKind.UNTAXED, (1000, 1000, 0, 0)),
            (None, "Platform", None, TaxKind.UNKNOWN, (1000, None, None, 0)),
        ],
    )  # fmt: skip
    def test_each_way_of_tax(
        self,
        *,
        is_included: bool | None,
        mode: str,
        whole: Any,
        kind: TaxKind,
        amounts: tuple[int | None, ...],
    ):
        """Tax is in the prices, on top of them, somebody else's figure, none, or not known."""
        found = self.with_tax(is_included=is_included, mode=mode, taxedPrice=whole)

        assert (found.tax_kind, found.difference) == (kind, 0)
        assert (found.gross, found.net, found.tax, found.tax_added) == amounts

    def test_tax_in_some_prices_and_on_others_is_mixed(self):
        """A line with tax in its price and one without make a gross between."""
        rates = [{"amount": 0.19, "includedInPrice": each} for each in (True, False)]
        lines = [line(1000, id=f"l{n}", taxRate=rate) for n, rate in enumerate(rates)]

        found = figures(totalPrice=money(2000), lineItems=lines, taxedPrice=portions(1840, 2190, "EUR", 2))

        assert (found.tax_kind, found.gross, found.tax_added, found.difference) == (
            TaxKind.MIXED,
            2190,
            190,
            0,
        )

    @pytest.mark.parametrize(
        ("is_included", "whole"),
        [
            (True, portions(840, 1001, "EUR", 2)),
            (False, portions(1001, 1190, "EUR", 2)),
            (None, portions(840, 1000, "EUR", 2) | {"totalTax": money(161)}),
            (None, portions(840, 1000, "EUR", 2) | {"taxPortions": [{"rate": 0.19, "amount": money(159)}]}),
        ],
    )
    def test_tax_that_does_not_add_up_is_noticed(self, *, is_included: bool | None, whole: Any):
        """The gross, or the net, is the total price; the tax is what is between; portions make the tax."""
        found = self.with_tax(is_included=is_included, taxedPrice=whole)

        assert found.proof.sum == found.total
        assert abs(found.difference) == 1
        assert found.proof.failed
        assert all(check.label in found.account() for check in found.proof.failed)

    def test_an_older_order_has_no_total_tax(self):
        """Where the tax is not given it is the gross less the net, and portions are not held against it."""
        whole = portions(840, 1000, "EUR", 2) | {
            "totalTax": None,
            "taxPortions": [{"rate": 0.1, "amount": money(5)}],
        }

        found = self.with_tax(is_included=True, taxedPrice=whole)

        assert (found.difference, found.tax) == (0, 160)

    def test_sub_rates_are_rounded_each(self):
        """Portions of a rate that is made of two may be one apart, and not two."""
        rate = {
            "amount": 0.0825,
            "includedInPrice": False,
            "subRates": [{"amount": 0.06}, {"amount": 0.0225}],
        }

        found = [
            figures(
                lineItems=[line(taxRate=rate)],
                taxedPrice=portions(1000, 1083, "EUR", 2)
                | {
                    "taxPortions": [
                        {"rate": 0.06, "amount": money(60)},
                        {"rate": 0.0225, "amount": money(last)},
                    ]
                },
            ).difference
            for last in (22, 23, 24, 25)
        ]

        assert [each == 0 for each in found] == [True, True, True, False]

    def test_several_items_may_be_rounded_together(self):
        """Three lines rounded one by one make two cents more than all of them together, and are not held."""
        lines = [line(3, id=f"l{n}", taxedPrice=portions(2, 3, "EUR", 2)) for n in range(3)]

        assert (
            figures(totalPrice=money(9), lineItems=lines, taxedPrice=portions(8, 9, "EUR", 2)).difference == 0
        )
        assert (
            figures(totalPrice=money(9), lineItems=lines, taxedPrice=portions(3, 9, "EUR", 2)).difference != 0
        )


class TestDiscounts:
    def test_each_is_told_by_its_origin(self):
        """Product, cart, code, direct, total and shipping discounts are told apart, by name where there is one."""
        expanded = {"code": "SAVE", "cartDiscounts": [{"typeId": "cart-discount", "id": "by-code"}]}
        shares = [share(1, 600, 100), share(1, 650, 50, "by-code"), share(1, 690, 10, "direct")]
        price = {"value": money(1000), "discounted": {"value": money(700)}}
        named = [{"discount": {"id": "t", "obj": {"name": {"de": "Treue"}}}, "discountedAmount": money(40)}]

        found = figures(
            totalPrice=money(600 + 650 + 690 + 390 - 40),
            lineItems=[line(1000, 3, price=price, totalPrice=money(1940), discountedPricePerQuantity=shares)],
            discountCodes=[
                {"discountCode": {"id": "dc", "obj": expanded}, "state": "MatchesCart"},
                {"discountCode": {"id": "other"}, "state": "ApplicationStoppedByGroupBestDeal"},
            ],
            directDiscounts=[{"id": "direct", "value": {}}],
            discountOnTotalPrice={"discountedAmount": money(40), "includedDiscounts": named},
            shippingInfo={
                "price": money(490),
                "discountedPrice": {"value": money(390), "includedDiscounts": included(money(100))},
            },
        )

        assert found.difference == 0, found.account()
        assert {(d.origin.value, d.name, d.code, d.amount) for d in found.discounts} == {
            ("product", "Product discount", "", 900),
            ("cart", "Cart discount", "", 100),
            ("code", "SAVE", "SAVE", 50),
            ("direct", "Direct discount", "", 10),
            ("total", "Treue", "", 40),
            ("shipping", "Shipping discount", "", 100),
        }
        assert found.discounted() == 1200
        assert found.discounted(DiscountOrigin.CODE, DiscountOrigin.TOTAL) == 90

    def test_a_code_that_does_not_count_is_behind_nothing(self):
        """A code that is listed but stopped by a better deal explains no discount."""
        expanded = {"code": "SAVE", "cartDiscounts": [{"typeId": "cart-discount", "id": "d1"}]}
        code = {"discountCode": {"id": "dc", "obj": expanded}, "state": "ApplicationStoppedByGroupBestDeal"}

        found = figures(
            totalPrice=money(900), discountCodes=[code],
            lineItems=[line(totalPrice=money(900), discountedPricePerQuantity=[share(1, 900, 100)])],
        )  # fmt: skip

        assert [each.origin for each in found.discounts] == [DiscountOrigin.CART]

    def test_gifts_are_no_discount(self):
        """A gift costs nothing, and nothing is taken off."""
        assert figures(totalPrice=money(0), lineItems=[line(totalPrice=money(0), lineItemMode="GiftLineItem")]).discounts == ()  # fmt: skip


def payment(id_: str, *transactions: tuple[str, str, int], currency: str = "EUR") -> dict[str, Any]:
    """Return an expanded payment."""
    return {
        "typeId": "payment", "id": id_, "obj": {
            "id": id_, "amountPlanned": money(1000, currency), "paymentMethodInfo": {"method": "card"},
            "transactions": [
                {"id": f"t{n}", "type": type_, "state": state, "amount": money(cents, currency)}
                for n, (type_, state, cents) in enumerate(transactions)
            ],
        },
    }  # fmt: skip


CHARGED = ("Charge", "Success", 1000)


class TestPayments:
    @pytest.mark.parametrize(
        ("payments", "refunded", "refund", "revenue"),
        [
            ([payment("a", CHARGED)], 0, Refund.NONE, 1000),
            ([payment("a", CHARGED, ("Refund", "Success", 300))], 300, Refund.PARTIAL, 700),
            ([payment("a", CHARGED, ("Refund", "Success", 300), ("Refund", "Success", 300))], 600, Refund.PARTIAL, 400),
            ([payment("a", CHARGED, ("Refund", "Pending", 300))], 0, Refund.NONE, 1000),
            ([payment("a", CHARGED, ("Refund", "Initial", 300))], 0, Refund.NONE, 1000),
            ([payment("a", CHARGED, ("Refund", "Failure", 300))], 0, Refund.NONE, 1000),
            ([payment("a", CHARGED, ("Refund", "Success", 1000))], 1000, Refund.FULL, 0),
            ([payment("a", ("Charge", "Success", 400), ("Refund", "Success", 400)),
              payment("b", ("Charge", "Success", 600), ("Refund", "Success", 100))], 500, Refund.PARTIAL, 500),
            ([payment("a", CHARGED), payment("a", CHARGED)], 0, Refund.NONE, 1000),
            ([payment("a", CHARGED, ("Refund", "Success", 300)), {"typeId": "payment", "id": "b"}], 300, Refund.PARTIAL, 700),
            ([payment("a", ("Charge", "Success", 500), ("Refund", "Success", 500))], 500, Refund.FULL, 0),
            ([payment("a", ("Charge", "Success", 500), ("Refund", "Success", 500)), {"typeId": "payment", "id": "b"}], 500, Refund.PARTIAL, 500),
            ([payment("a", CHARGED, ("Refund", "Success", 1000), ("Chargeback", "Success", 1000))], 2000, Refund.FULL, 0),
            ([payment("a", ("Authorization", "Success", 1000), ("CancelAuthorization", "Success", 1000))], 0, Refund.NONE, 1000),
        ],
    )  # fmt: skip
    def test_successful_refunds_of_all_payments_are_summed(
        self, payments: Any, refunded: int, refund: Refund, revenue: int
    ):
        """Only what succeeded counts, over all payments, and a payment that is named twice counts once."""
        found = figures(paymentInfo={"payments": payments})

        assert (found.refunded, found.refund, found.net_revenue) == (refunded, refund, revenue)

    def test_a_refund_counts_when_it_succeeds(self):
        """Pending it takes nothing off; the same refund, successful, does."""
        before = figures(paymentInfo={"payments": [payment("a", CHARGED, ("Refund", "Pending", 250))]})
        after = figures(paymentInfo={"payments": [payment("a", CHARGED, ("Refund", "Success", 250))]})

        assert (before.net_revenue, after.net_revenue) == (1000, 750)

    def test_chargebacks_count_where_they_shall(self):
        """A chargeback is refunded, unless the configuration says otherwise."""
        info = {"payments": [payment("a", CHARGED, ("Chargeback", "Success", 400))]}

        counted = figures(paymentInfo=info)
        not_counted = figures(paymentInfo=info, chargebacks_count=False)

        assert (counted.refunded, not_counted.refunded) == (400, 0)
        assert not_counted.receipts[0].charged_back == 400

    def test_another_currency_is_summed_apart(self):
        """A payment in another currency than its order pays nothing of it, and is told."""
        both = [
            payment("a", ("Charge", "Success", 900), currency="USD"),
            payment("b", ("Charge", "Success", 100)),
        ]

        found = figures(paymentInfo={"payments": both})

        assert found.paid == 100
        assert [(each.currency, each.paid) for each in found.receipts] == [("EUR", 100), ("USD", 900)]

    def test_what_is_not_shown_is_known_to_be_missing(self):
        """A payment of which only the id is known is neither paid nor forgotten."""
        found = figures(paymentInfo={"payments": [{"typeId": "payment", "id": "a"}]})

        assert (found.paid, found.has_unseen_payments) == (0, True)
