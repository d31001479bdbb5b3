"""
Real orders of a real project and the vendor's own examples: proven, and mapped to figures checked by hand.

Each figure below was added up once on paper from the lines of the file it stands for.
"""

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from shared import vendor_file

from ct_ac_sync.domain.breakdown import Breakdown, TaxKind
from ct_ac_sync.domain.contact import Contact, OrderStatus
from ct_ac_sync.domain.identity import Address
from ct_ac_sync.domain.order import Order
from ct_ac_sync.mapping.breakdown import to_breakdown
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.activecampaign.outbound import dump_order
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.cents import broken, cents_of

ANN = Contact(email=Address("ann@example.org"), first_name="Ann")


class Golden(NamedTuple):
    """What a file comes to: minor units in, major units out."""

    parts: tuple[int, ...]
    gross: int
    net: int | None
    tax: int | None
    discounts: tuple[tuple[str, str, int], ...]
    sent: dict[str, Any]
    lines: tuple[tuple[str, int, str], ...]
    kind: TaxKind = TaxKind.GROSS


GOLDEN = {
    # 79.00 + 100.00; net 65.83 + 83.33, tax 13.17 + 16.67
    "orders/anonymous-order-with-no-discounts.json": Golden(
        (7900, 10000), 17900, 14916, 2984, (),
        {"currency": "GBP", "finalAmount": 179, "shippingAmount": 100, "discountsAmount": 0},
        (("CNS-0434", 1, "79"),),
    ),
    # 34.99 + 299.00; net 29.40 + 251.26, tax 5.59 + 47.74
    "orders/order-with-consent-field.json": Golden(
        (3499, 29900), 33399, 28066, 5333, (),
        {"currency": "EUR", "finalAmount": Decimal("333.99"), "shippingAmount": 0, "discountsAmount": 0},
        (("RWG-09", 1, "34.99"), ("ILC-01", 1, "299")),
    ),
    # two for one: 1 x 0.00 + 1 x 259.99, + 50.00; net 216.66 + 41.67, tax 43.33 + 8.33
    "orders/order-with-discount-code.json": Golden(
        (25999, 5000), 30999, 25833, 5166, (("code", "BOGO", 25999),),
        {"currency": "USD", "finalAmount": Decimal("309.99"), "shippingAmount": 50, "discountsAmount": Decimal("259.99")},
        (("GMCT-01", 2, "259.99"),),
    ),
    # 4.99 - 1.25, + 100.00; net 3.12 + 83.33, tax 0.62 + 16.67
    "orders/order-with-item-discount.json": Golden(
        (374, 10000), 10374, 8645, 1729, (("cart", "Cart discount", 125),),
        {"currency": "GBP", "finalAmount": Decimal("103.74"), "shippingAmount": 100, "discountsAmount": Decimal("1.25")},
        (("BUCK-023", 1, "4.99"),),
    ),
    # 34.99 + 299.00 + 0.00 + 500.00; net 29.40 + 251.26 + 420.17, tax 5.59 + 47.74 + 79.83
    "orders/order-with-multiple-shipping-methods.json": Golden(
        (3499, 29900, 0, 50000), 83399, 70083, 13316, (),
        {"currency": "EUR", "finalAmount": Decimal("833.99"), "shippingAmount": 500, "discountsAmount": 0},
        (("RWG-09", 1, "34.99"), ("ILC-01", 1, "299")),
    ),
    # 34.99 + 254.15, which was 299.00 before the product discount; net 29.40 + 213.57, tax 5.59 + 40.58
    "orders/order-with-no-shipping-info.json": Golden(
        (3499, 25415), 28914, 24297, 4617, (("product", "Product discount", 4485),),
        {"currency": "EUR", "finalAmount": Decimal("289.14"), "shippingAmount": 0, "discountsAmount": 0},
        (("RWG-09", 1, "34.99"), ("ILC-01", 1, "254.15")),
    ),
    # 79.00 + (100.00 - 10.00): the discounted shipping counts; net 65.83 + 75.00, tax 13.17 + 15.00
    "orders/order-with-shipping-discount.json": Golden(
        (7900, 9000), 16900, 14083, 2817, (("shipping", "Shipping discount", 1000),),
        {"currency": "GBP", "finalAmount": 169, "shippingAmount": 90, "discountsAmount": 10},
        (("CNS-0434", 1, "79"),),
    ),
    # 20 x 5.99 + 50.00 without tax; tax 5.69 + 2.38 on top
    "orders/order-with-us-tax.json": Golden(
        (11980, 5000), 17787, 16980, 807, (),
        {"currency": "USD", "finalAmount": Decimal("177.87"), "shippingAmount": Decimal("52.38"), "discountsAmount": 0},
        (("FLAS-094", 20, "5.99"),), TaxKind.NET,
    ),
    # 10.00; the order itself knows no tax, and the example's portions (6.34 of 1.00) add up to nothing
    **{
        f"docs/{name}.example.json": Golden(
            (1000,), 1000, None, None, (),
            {"currency": "EUR", "finalAmount": 10, "shippingAmount": 0, "discountsAmount": 0},
            (("some-sku-123", 1, "10"),), TaxKind.UNKNOWN,
        )
        for name in ("order", "orders")
    },
}  # fmt: skip


def bodies(name: str) -> list[dict[str, Any]]:
    """Return the orders of a file."""
    found = json.loads(vendor_file("fixtures", "commercetools", *name.split("/")).read_text("utf-8"))
    return list(found.get("results", [found]))


def read(body: Any) -> Order:
    """Return the order of a body that can be read."""
    found = parse_record(Stream.ORDERS, body)
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Order)
    return found.value


def figures(body: Any) -> Breakdown:
    """Return the breakdown of a body."""
    return to_breakdown(read(body))


@pytest.mark.parametrize("name", GOLDEN)
class TestGolden:
    def test_the_parts_make_the_total(self, name: str):
        """Each part is what the file says, and together they make the total exactly."""
        golden = GOLDEN[name]

        for body in bodies(name):
            found = figures(body)

            assert found.difference == 0, found.account()
            assert tuple(part.amount for part in found.components) == golden.parts
            assert found.total == sum(golden.parts) == body["totalPrice"]["centAmount"]

    def test_tax_and_discounts_are_what_was_written_down(self, name: str):
        """Gross, net, tax and each discount by its origin are the figures that were checked by hand."""
        golden = GOLDEN[name]

        for body in bodies(name):
            found = figures(body)

            assert (found.tax_kind, found.gross, found.net, found.tax) == (
                golden.kind, golden.gross, golden.net, golden.tax,
            )  # fmt: skip
            assert tuple((d.origin.value, d.name, d.amount) for d in found.discounts) == golden.discounts

    def test_the_order_is_sent_in_major_units(self, name: str):
        """Amounts, lines and statuses go out as decimals under the vendor's names."""
        golden = GOLDEN[name]

        for body in bodies(name):
            mapped = to_order(read(body), ANN)
            sent = dump_order(mapped, creation_source="HISTORICAL", connection="1")

            assert {
                key: Decimal(str(sent[key])) if key != "currency" else sent[key] for key in golden.sent
            } == (golden.sent)
            assert tuple(
                (line["sku"], line["quantity"], str(line["priceAmount"])) for line in sent["lineItems"]
            ) == golden.lines  # fmt: skip
            assert mapped.status is OrderStatus.PENDING_PAYMENT

    def test_a_wrong_cent_anywhere_is_noticed(self, name: str):
        """Any amount of a real order that is a cent off makes the proof fail."""
        for body in bodies(name):
            for path in cents_of(body | {"cart": {"id": "k1"}}):
                for by in (-1, 1):
                    found = figures(broken(body | {"cart": {"id": "k1"}}, path, by))
                    assert found.difference or is_silent(body, path), path


def test_no_stranger_makes_the_proof_crash():
    """Whichever value of an order is null, a number, a list or missing, what is read of it can be proven and told."""
    (body,) = bodies("orders/order-with-discount-code.json")

    for path in [path for path in places(body) if "variant" not in path]:
        for value in (None, 7, -1, {}, []):
            found = parse_record(Stream.ORDERS, replaced(body, path, value))
            if isinstance(found, Readable) and isinstance(found.value, Order):
                assert "difference" in to_breakdown(found.value).account()
                assert to_order(found.value, ANN).final_amount is not None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every value inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from places(each, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a document with one value replaced."""
    document = copy.deepcopy(body)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


def is_silent(body: Any, path: tuple[Any, ...]) -> bool:
    """
    Whether nothing of an order depends on an amount, each for its reason.

    The average in `discountedPrice` is deprecated beside the prices by quantity; the price before a
    product discount stands alone; a free unit may have cost less than the discount was worth; and the
    documentation's example states no tax besides portions and totals that contradict one another.
    """
    line = body["lineItems"][path[1]] if path[0] == "lineItems" else {}
    is_free = path[2:5] == ("discountedPricePerQuantity", 0, "discountedPrice") and (
        line["discountedPricePerQuantity"][0]["discountedPrice"]["value"]["centAmount"] == 0
    )
    return (
        "discountedPrice" in path[2:3]
        or (path[2:4] == ("price", "value") and "discounted" in line["price"])
        or (is_free and "discountedAmount" in path)
        or (body["taxMode"] == "External" and "taxedPrice" in path)
    )
