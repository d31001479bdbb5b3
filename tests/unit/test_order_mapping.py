"""Orders as the destination gets them: discounts, refunds, products and what else the vendor has a field for."""

from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLInputObjectType
from graphql.utilities import coerce_input_value
from hypothesis import given

from ct_ac_sync.configuration.values import OrdersConfig, StatusRule
from ct_ac_sync.domain.contact import Contact, DiscountKind, EcommerceOrder, OrderDiscount, OrderStatus
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.domain.identity import Address
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.mapping.breakdown import to_breakdown
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.sandbox.activecampaign.ecommerce import SCHEMA
from ct_ac_sync.schemas.activecampaign.outbound import dump_order
from ct_ac_sync.schemas.commercetools.parse import parse_record
from tests.unit.cents import CART, included, orders
from tests.unit.wire import an_order, line, money, taxed

ANN = Contact(email=Address("ann@example.org"), first_name="Ann")
SHOE = ProductContext(
    category="Women > Shoes", brand="Acme", tags=("red", "leather"), url="https://s/shoe", image_url="https://i/2.png"
)  # fmt: skip


def read(body: Any) -> Order:
    """Return the order of a body that can be read."""
    found = parse_record(Stream.ORDERS, body)
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Order)
    return found.value


def mapped(
    *, products: dict[str, ProductContext] | None = None, config: OrdersConfig | None = None, **changes: Any
) -> EcommerceOrder:
    """Return an order as the destination shall hold it."""
    return to_order(read(an_order(**changes)), ANN, products=products, config=config)


def dumped(order: EcommerceOrder) -> dict[str, Any]:
    """Return an order as it is sent."""
    return dump_order(order, creation_source="REAL_TIME", connection="7")


def paid(*transactions: tuple[str, str, int], method: Any = None) -> dict[str, Any]:
    """Return an expanded payment of an order."""
    rows = [
        {"id": f"t{n}", "type": type_, "state": state, "amount": money(cents)}
        for n, (type_, state, cents) in enumerate(transactions)
    ]
    whole = {"id": "p1", "transactions": rows, "paymentMethodInfo": method}
    return {"payments": [{"typeId": "payment", "id": "p1", "obj": whole}]}


class TestAmounts:
    @pytest.mark.parametrize(
        ("transactions", "final", "status"),
        [
            ([], "11.9", OrderStatus.COMPLETED),
            ([("Refund", "Pending", 200)], "11.9", OrderStatus.COMPLETED),
            ([("Refund", "Success", 200)], "9.9", OrderStatus.COMPLETED),
            ([("Refund", "Success", 200), ("Refund", "Success", 90)], "9", OrderStatus.COMPLETED),
            ([("Chargeback", "Success", 200)], "9.9", OrderStatus.COMPLETED),
            ([("Refund", "Success", 1190)], "11.9", OrderStatus.REFUNDED),
            ([("Refund", "Success", 200), ("Refund", "Success", 990)], "11.9", OrderStatus.REFUNDED),
        ],
    )
    def test_a_refund_in_part_lessens_the_amount(
        self, transactions: list[tuple[str, str, int]], final: str, status: OrderStatus
    ):
        """What went back in part is off the gross amount; all of it is told by the status alone."""
        made = mapped(
            paymentState="Paid", taxedPrice=taxed(1000, 1190),
            paymentInfo=paid(("Charge", "Success", 1190), *transactions),
        )  # fmt: skip

        assert (made.final_amount, made.status) == (Decimal(final), status)

    def test_chargebacks_may_count_for_nothing(self):
        """Where chargebacks shall not count, the amount stays."""
        info = paid(("Charge", "Success", 1000), ("Chargeback", "Success", 400))

        assert mapped(paymentInfo=info).final_amount == 6
        assert mapped(paymentInfo=info, config=OrdersConfig(chargebacks_count=False)).final_amount == 10

    def test_two_refunds_one_after_the_other_are_two_changes(self):
        """Each refund that succeeds changes what is sent, and the same order mapped again does not."""
        charge, first, second = (
            ("Charge", "Success", 1000),
            ("Refund", "Success", 200),
            ("Refund", "Success", 300),
        )
        stages = [paid(charge), paid(charge, first), paid(charge, first, second)]

        prints = [fingerprint(mapped(paymentInfo=stage)) for stage in stages]

        assert len(set(prints)) == 3
        assert prints == [fingerprint(mapped(paymentInfo=stage)) for stage in stages]

    @pytest.mark.parametrize(
        ("currency", "digits", "sent"), [("HUF0", 0, "HUF"), ("JPY", 0, "JPY"), ("KWD", 3, "KWD")]
    )
    def test_no_currency_is_counted_in_hundredths_by_habit(self, currency: str, digits: int, sent: str):
        """Amounts go out in major units by the currency's own digits, under its ISO code."""
        price = money(1234, currency, digits)

        made = mapped(totalPrice=price, lineItems=[line(price={"value": price}, totalPrice=price)])

        assert (made.currency, made.final_amount) == (sent, Decimal(1234).scaleb(-digits))
        assert made.lines[0].price == made.final_amount

    def test_a_gift_is_sent_at_no_price(self):
        """A gift costs nothing, whatever it would have cost."""
        (made,) = mapped(
            totalPrice=money(0), lineItems=[line(totalPrice=money(0), lineItemMode="GiftLineItem")]
        ).lines

        assert made.price == 0


class TestDiscounts:
    def test_they_are_named_and_summed(self):
        """Discounts go out by name and kind, and their sum beside them; a product's is in the unit price."""
        info = {
            "price": money(490),
            "discountedPrice": {"value": money(390), "includedDiscounts": included(money(100))},
        }
        share = {
            "quantity": 1,
            "discountedPrice": {"value": money(700), "includedDiscounts": included(money(200))},
        }
        made = mapped(
            totalPrice=money(1050), shippingInfo=info,
            lineItems=[line(
                price={"value": money(1000), "discounted": {"value": money(900)}}, totalPrice=money(700),
                discountedPricePerQuantity=[share],
            )],
            discountOnTotalPrice={"discountedAmount": money(40)},
        )  # fmt: skip

        assert made.discounts == (
            OrderDiscount(name="Cart discount", kind=DiscountKind.ORDER, amount=Decimal(2)),
            OrderDiscount(name="Shipping discount", kind=DiscountKind.SHIPPING, amount=Decimal(1)),
            OrderDiscount(name="Discount on total", kind=DiscountKind.ORDER, amount=Decimal("0.40")),
        )
        assert made.discounts_amount == Decimal("3.40")
        assert made.lines[0].price == 9
        assert dumped(made)["discounts"] == [
            {"name": "Cart discount", "type": "ORDER", "discountAmount": 2},
            {"name": "Shipping discount", "type": "SHIPPING", "discountAmount": 1},
            {"name": "Discount on total", "type": "ORDER", "discountAmount": 0.4},
        ]


class TestContext:
    def test_lines_carry_what_is_known_of_their_products(self):
        """Category, brand, attributes and link come from the product; the line's own picture goes first."""
        (made,) = mapped(products={"l1": SHOE}).lines
        (bare,) = mapped(products={"l1": SHOE}, lineItems=[line(variant={"id": 1})]).lines

        assert (made.category, made.brand, made.tags, made.product_url) == (
            "Women > Shoes", "Acme", ("red", "leather"), "https://s/shoe",
        )  # fmt: skip
        assert (made.image_url, bare.image_url) == ("https://i/1.png", "https://i/2.png")
        assert dumped(mapped(products={"l1": SHOE}))["lineItems"][0]["tags"] == ["red", "leather"]

    def test_a_product_nobody_knows_stops_no_order(self):
        """A line of a deleted product goes out with what the order itself says."""
        sent = dumped(mapped(products={"other": SHOE}))["lineItems"][0]

        assert sent["name"] == "Schuh"
        assert not {"category", "brand", "tags", "productUrl"} & sent.keys()

    def test_cart_store_and_method_go_out(self):
        """The cart recovers, the store is the channel of sale, and the buyer's methods are named once each."""
        method = {"paymentInterface": "Adyen", "method": "scheme", "name": {"en": "Card"}}
        made = mapped(
            cart=CART, store={"typeId": "store", "key": "de"},
            paymentInfo={"payments": paid(method=method)["payments"] * 2},
        )  # fmt: skip

        assert (made.cart_id, made.sales_channel, made.payment_method) == ("k1", "de", "Card")
        assert {"cartId": "k1", "salesChannel": "de", "paymentMethod": "Card"}.items() <= dumped(made).items()

    def test_without_a_store_a_channel_stands_in(self):
        """Of an order without a store, the first channel of its lines whose key is known is where it was sold."""
        channels = {
            "supplyChannel": {"typeId": "channel", "id": "x1"},
            "distributionChannel": {"typeId": "channel", "id": "x2", "obj": {"key": "outlet"}},
        }

        assert mapped(lineItems=[line(**channels)]).sales_channel == "outlet"
        assert mapped().sales_channel == ""

    def test_its_page_is_linked(self):
        """The address of an order's page is sent where there is one."""
        order = read(an_order())

        assert dumped(to_order(order, ANN, url="https://s/orders/A-1"))["orderUrl"] == "https://s/orders/A-1"
        assert "orderUrl" not in dumped(to_order(order, ANN))

    def test_rules_of_ones_own_decide_the_status(self):
        """Configured rules take the place of the default ones; none configured leaves those."""
        rule = StatusRule(status=OrderStatus.COMPLETED, shipment=("Shipped",))
        config = OrdersConfig(statuses=(rule,))

        assert mapped(config=config, shipmentState="Shipped").status is OrderStatus.COMPLETED
        assert mapped(config=config, paymentState="Paid").status is OrderStatus.WAITING
        assert mapped(config=OrdersConfig(), paymentState="Paid").status is OrderStatus.COMPLETED

    def test_figures_made_before_are_taken(self):
        """A breakdown that the caller has made already is not made again."""
        order = read(an_order(paymentInfo=paid(("Chargeback", "Success", 400))))
        figures = to_breakdown(order, chargebacks_count=False)

        assert to_order(order, ANN, breakdown=figures).final_amount == 10


class TestTexts:
    def test_declared_languages_stand_in(self):
        """Lines and discounts are named in the order's language, else in those that the file falls back on."""
        share = {
            "quantity": 1,
            "discountedPrice": {
                "value": money(700),
                "includedDiscounts": [
                    {
                        "discount": {
                            "typeId": "cart-discount", "id": "d1", "obj": {"name": {"de": "Rabatt", "en": "Sale"}},
                        },
                        "discountedAmount": money(300),
                    }
                ],
            },
        }  # fmt: skip
        names = {"de": "Schuh", "en": "Shoe", "fr": "Chaussure"}
        sold = line(name=names, totalPrice=money(700), discountedPricePerQuantity=[share])
        order = read(an_order(locale="it-IT", totalPrice=money(700), lineItems=[sold]))

        for fallbacks, name, discount in (
            (("en-GB", "de"), "Shoe", "Sale"),
            (("fr", "en"), "Chaussure", "Sale"),
            ((), "Schuh", "Rabatt"),
        ):
            made = to_order(order, ANN, fallbacks=fallbacks)
            assert (made.lines[0].name, made.discounts[0].name) == (name, discount)

    @pytest.mark.parametrize(
        ("odd", "shown"),
        [
            ("\x07Kn\x0bick\n\u2028s", "Kn ick s"),
            ("\ufeffשָׁלֵם\u202e 👩\u200d👧", "שָׁלֵם 👩\u200d👧"),
            ("x" * 5_000, "x" * 255),
        ],
    )
    def test_every_text_is_clean_and_not_too_long(self, odd: str, shown: str):
        """Names, addresses and methods go out without control characters and cut, and no amount changes."""
        product = ProductContext(category=odd, brand=odd, tags=(odd, "\x07", odd))
        made = mapped(
            orderNumber=odd, lineItems=[line(name={"de": odd}, variant={"id": 2, "sku": odd})],
            billingAddress={"firstName": odd, "city": odd, "company": odd, "country": "DE"},
            shippingInfo={"shippingMethodName": odd, "price": money(0)}, products={"l1": product},
            paymentInfo=paid(method={"method": odd}),
        )  # fmt: skip

        (sold,) = made.lines
        assert {made.order_number, made.shipping_method, made.payment_method} == {shown}
        assert {sold.name, sold.sku, sold.category, sold.brand, *sold.tags} == {shown}
        assert dict(made.billing) == {"firstName": shown, "city": shown, "company": shown, "country": "DE"}
        assert len(sold.tags) == 1
        assert dumped(made)["finalAmount"] == 10

    def test_a_name_of_nothing_visible_is_none(self):
        """Where nothing of a name can be shown, the number stands in, and of an order its id."""
        made = mapped(orderNumber="\x07", lineItems=[line(name={"de": "\x07 \u200b"})])

        assert (made.order_number, made.lines[0].name) == ("o1", "S-2")


class TestOnTheWire:
    @given(orders())
    def test_every_order_is_one_the_vendor_documents(self, body: dict[str, Any]):
        """Whatever an order consists of, what is sent names only documented fields, with their types."""
        kind = SCHEMA.type_map["OrderInput"]
        assert isinstance(kind, GraphQLInputObjectType)
        made = to_order(read(body), ANN, products={"l1": SHOE}, url="https://s/1")

        assert coerce_input_value(dumped(made), kind)["finalAmount"] is not None
        assert made == to_order(read(body), ANN, products={"l1": SHOE}, url="https://s/1")

    @given(orders())
    def test_no_amount_is_in_minor_units(self, body: dict[str, Any]):
        """The amount that is sent, counted in minor units of its currency, is the gross total."""
        order = read(body)
        sent = Decimal(str(dumped(to_order(order, ANN))["finalAmount"]))

        assert sent.scaleb(order.total.digits) == order.total.cents
