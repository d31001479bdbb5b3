"""Records from the wire: what is read, what is tolerated, and what is refused with all its faults."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import SHARED, vendor_file

from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.identity import normal_address
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import Order, Pointer
from ct_ac_sync.mapping.order import to_order
from ct_ac_sync.ports import Readable, Stream, Unreadable
from ct_ac_sync.schemas.activecampaign.outbound import dump_contact, dump_order
from ct_ac_sync.schemas.commercetools.parse import parse_record, storable
from tests.unit.people import DEFAULT, IDS, contact_of
from tests.unit.wire import WHEN, a_customer, an_order, line, money, taxed

DOCUMENTS = [
    (stream, ("docs", f"{name}.example.json"))
    for stream, names in ((Stream.CUSTOMERS, ("customer", "customers")), (Stream.ORDERS, ("order", "orders")))
    for name in names
]
REAL = [
    (Stream.ORDERS, ("orders", path.name))
    for path in sorted((SHARED / "fixtures/commercetools/orders").glob("*.json"))
] or [(Stream.ORDERS, ("orders", "order-with-us-tax.json"))]


def read_order(**changes: Any) -> Order:
    """Return the order of a body that can be read."""
    found = parse_record(Stream.ORDERS, an_order(**changes))
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Order)
    return found.value


def read_customer(**changes: Any) -> Customer:
    """Return the customer of a body that can be read."""
    found = parse_record(Stream.CUSTOMERS, a_customer(**changes))
    assert isinstance(found, Readable), getattr(found, "faults", None)
    assert isinstance(found.value, Customer)
    return found.value


def faults(stream: Stream, body: Any) -> dict[str, Any]:
    """Return the faults of a body that cannot be read."""
    found = parse_record(stream, body)
    assert isinstance(found, Unreadable)
    return dict(found.faults)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every value inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from paths(each, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a document with one value replaced."""
    document = copy.deepcopy(body)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


class TestVendorsOwnRecords:
    @pytest.mark.parametrize(
        ("stream", "parts"), DOCUMENTS + REAL, ids=lambda v: v if isinstance(v, str) else v[-1]
    )
    def test_every_record_is_read_and_mapped(self, stream: Stream, parts: tuple[str, ...]):
        """Each customer and order of the vendor's documents and of a real project goes all the way."""
        body = json.loads(vendor_file("fixtures", "commercetools", *parts).read_text("utf-8"))

        for each in body.get("results", [body]):
            found = parse_record(stream, each)
            assert getattr(found, "faults", {}) == {}
            if isinstance(found.value, Customer):
                contact = contact_of(customers=[each])
            else:
                contact = contact_of(orders=[each])
            if contact is None:
                assert normal_address(found.value.email) is None
                continue
            assert dump_contact(contact, IDS)["contact"]["email"] == contact.email
            if isinstance(found.value, Order):
                dumped = dump_order(
                    to_order(found.value, contact, config=DEFAULT.orders),
                    creation_source="HISTORICAL",
                    connection="1",
                )
                assert dumped["storeOrderId"] == each["id"]

    @pytest.mark.parametrize(
        ("stream", "parts"), DOCUMENTS[::2] + REAL[:1], ids=lambda v: v if isinstance(v, str) else v[-1]
    )
    def test_no_null_and_no_stranger_stops_a_record_with_a_crash(
        self, stream: Stream, parts: tuple[str, ...]
    ):
        """Whichever value is null, a number, a list or missing, the record is read or told with its faults."""
        body = json.loads(vendor_file("fixtures", "commercetools", *parts).read_text("utf-8"))

        for path in list(paths(body)):
            for value in (None, 7, "x", [], {}, [None], {"x": None}, True):
                found = parse_record(stream, replaced(body, path, value))
                assert isinstance(found, Readable) or found.faults


class TestTolerance:
    @pytest.mark.parametrize(
        "name",
        sorted(
            set(an_order()) - {"id", "version", "createdAt", "lastModifiedAt", "orderState", "totalPrice"}
        ),
    )
    def test_null_is_absent_in_an_order(self, name: str):
        """A null where something is optional is read as if it were not there."""
        with_null = read_order(**{name: None})
        without = parse_record(Stream.ORDERS, {k: v for k, v in an_order().items() if k != name})

        assert isinstance(without, Readable)
        assert with_null == without.value

    @pytest.mark.parametrize(
        "name", sorted(set(a_customer()) - {"id", "version", "createdAt", "lastModifiedAt", "email"})
    )
    def test_null_is_absent_in_a_customer(self, name: str):
        """A null where something is optional is read as if it were not there."""
        with_null = read_customer(**{name: None})
        without = parse_record(Stream.CUSTOMERS, {k: v for k, v in a_customer().items() if k != name})

        assert isinstance(without, Readable)
        assert with_null == without.value

    def test_nulls_below_are_absent_too(self):
        """Nulls inside addresses, prices, names and lists are passed over."""
        order = read_order(
            billingAddress={"country": None, "city": "Bonn", "email": None},
            lineItems=[
                None,
                line(name={"de": None, "en": "Shoe"}, variant={"id": 1, "sku": None, "images": [None]}),
            ],
            shippingInfo={
                "shippingMethodName": None,
                "price": None,
                "taxedPrice": None,
                "discountedPrice": None,
            },
            taxedPrice=None,
        )

        (item,) = order.line_items
        assert (item.sku, item.image_url, item.name.texts) == (None, None, (("en", "Shoe"),))
        assert order.billing_address is not None
        assert (order.billing_address.country, order.billing_address.city) == (None, "Bonn")
        assert order.shipping_price is None

    @pytest.mark.parametrize(
        "name", ["orderState", "paymentState", "shipmentState", "origin", "taxMode", "shippingMode"]
    )
    def test_an_unknown_state_is_kept(self, name: str):
        """The vendor adds values to its enumerations at any time; none makes a record unreadable."""
        order = read_order(**{name: "SomethingNew"})

        field = {
            "orderState": "order_state",
            "paymentState": "payment_state",
            "shipmentState": "shipment_state",
            "origin": "origin",
        }
        assert name not in field or getattr(order, field[name]) == "SomethingNew"

    def test_unknown_fields_are_passed_over(self):
        """More than we know is no fault, on any level."""
        order = read_order(
            someday={"x": 1}, lineItems=[line(recurrenceInfo={"x": 1}, price={"value": money(1), "x": 1})]
        )

        assert order.id == "o1"

    @given(
        st.datetimes(timezones=st.just(UTC)),
        st.integers(0, 9),
        st.sampled_from(["Z", "+00:00", "+02:00", "-11:30"]),
    )
    def test_instants_may_have_any_number_of_digits(self, moment: datetime, digits: int, zone: str):
        """The fraction may be missing, short or long, and the zone any."""
        fraction = f"{moment.microsecond:06d}000"[:digits]
        text = (
            f"{moment:%Y}".rjust(4, "0")
            + f"{moment:-%m-%dT%H:%M:%S}"
            + (f".{fraction}" if fraction else "")
            + zone
        )
        found = parse_record(Stream.CUSTOMERS, a_customer(createdAt=text))

        if isinstance(found, Unreadable):
            assert moment.year in (1, 9999)
            return
        assert found.value.created_at.utcoffset() == timedelta()
        hours = {"+02:00": 2, "-11:30": -11.5}.get(zone, 0)
        assert abs(found.value.created_at - (moment - timedelta(hours=hours))) < timedelta(seconds=1)

    def test_characters_no_database_keeps_are_replaced(self):
        """A name with NUL or half a surrogate pair does not stop a stream."""
        found = parse_record(
            Stream.CUSTOMERS, a_customer(firstName="a\x00b", custom={"fields": {"x\ud800": ["\udfff"]}})
        )

        assert isinstance(found, Readable)
        assert found.body["firstName"] == "a\ufffdb"
        assert found.body["custom"] == {"fields": {"x\ufffd": ["\ufffd"]}}

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(st.characters(exclude_categories=())),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner)
            ),
            max_leaves=8,
        )
    )
    def test_whatever_is_stored_is_json_that_postgres_takes(self, value: Any):
        """A stored body is strict JSON in valid UTF-8 without NUL, and is not changed twice."""
        kept = storable(value)

        text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
        assert "\\u0000" not in text
        assert text.encode("utf-8")
        assert storable(kept) == kept

    def test_a_password_is_not_kept(self):
        """Secrets of a record are neither stored nor shown, readable or not."""
        for email in ("ann@example.org", None):
            found = parse_record(Stream.CUSTOMERS, a_customer(password="****hash", email=email))
            assert "password" not in found.body
            assert "hash" not in repr(found)

    @pytest.mark.parametrize(
        "by", [None, "x", {}, {"attributedTo": None}, {"attributedTo": {"source": "Export"}}]
    )
    def test_only_an_import_is_imported(self, by: Any):
        """A record is imported only where its maker says so."""
        assert read_order(createdBy=by).is_imported is False
        assert read_order(createdBy={"attributedTo": {"source": "Import"}}).is_imported is True


class TestFaults:
    def test_all_faults_are_told_at_once_by_path(self):
        """An unreadable record names each fault with the path in the vendor's spelling."""
        body = an_order(
            version="3",
            createdAt="yesterday",
            totalPrice={"centAmount": 1.5, "currencyCode": "EUR"},
            lineItems=[line(), line(price={"value": {}}, name="Shoe") | {"quantity": 1.5}],
            shippingInfo={"price": {"centAmount": 5}},
            store={"typeId": "store"},
        )

        assert faults(Stream.ORDERS, body).keys() == {
            "version", "createdAt", "totalPrice", "lineItems.1.quantity", "lineItems.1.price.value",
            "lineItems.1.name", "shippingInfo.price", "store",
        }  # fmt: skip

    @pytest.mark.parametrize(("stream", "name"), [
        *[(Stream.ORDERS, n) for n in ("id", "version", "createdAt", "lastModifiedAt", "orderState", "totalPrice")],
        *[(Stream.CUSTOMERS, n) for n in ("id", "version", "createdAt", "lastModifiedAt", "email")],
    ])  # fmt: skip
    def test_what_must_be_there_is_named(self, stream: Stream, name: str):
        """Missing and null are the same fault at the same path."""
        whole = an_order() if stream is Stream.ORDERS else a_customer()

        missing = faults(stream, {k: v for k, v in whole.items() if k != name})

        assert missing.keys() == {name}
        assert faults(stream, whole | {name: None}) == missing

    def test_an_unreadable_record_keeps_its_name_and_body(self):
        """Id, version and body are told as far as they can be."""
        found = parse_record(Stream.ORDERS, an_order(totalPrice=None))

        assert isinstance(found, Unreadable)
        assert (found.id, found.version, found.body["orderNumber"]) == ("o1", 3, "A-1")

    @pytest.mark.parametrize("body", [None, [], "text", 5, {}, {"id": None}, {"id": [], "version": 10**30}])
    def test_what_is_no_record_is_unreadable(self, body: Any):
        """Whatever stands among the results, the page goes on."""
        found = parse_record(Stream.ORDERS, body)

        assert isinstance(found, Unreadable)
        assert (found.id, found.version) == ("?", 0)

    @pytest.mark.parametrize("version", [0, -1, 2**63, 1.5, "3"])
    def test_a_version_that_is_none_is_a_fault(self, version: Any):
        """A version is a whole number that the database can hold."""
        assert faults(Stream.ORDERS, an_order(version=version)).keys() == {"version"}

    @pytest.mark.parametrize(
        "text", ["2026-03-01", "2026-03-01T10:00:00", "x", "", 5, "0001-01-01T00:00:00+14:00"]
    )
    def test_an_instant_needs_a_zone(self, text: Any):
        """A day, a local time or nonsense is no instant."""
        assert faults(Stream.ORDERS, an_order(lastModifiedAt=text)).keys() == {"lastModifiedAt"}

    def test_faults_hold_no_personal_data(self):
        """A fault says what was expected, never what was there."""
        body = an_order(
            customerEmail=["ann@example.org"], totalPrice="ann@example.org", createdAt="ann@example.org"
        )

        assert "ann@" not in json.dumps(faults(Stream.ORDERS, body))


class TestMoney:
    @pytest.mark.parametrize(
        ("wire", "known"),
        [
            (money(1999), Money(cents=1999, currency="EUR", digits=2)),
            (money(5000, "JPY", 0), Money(cents=5000, currency="JPY", digits=0)),
            (money(1234, "KWD", 3), Money(cents=1234, currency="KWD", digits=3)),
            (money(990, "HUF0", 0), Money(cents=990, currency="HUF0", digits=0)),
            (money(-100), Money(cents=-100, currency="EUR", digits=2)),
            (money(5000, "JPY", None), Money(cents=5000, currency="JPY", digits=0)),
            (money(1234, "KWD", None), Money(cents=1234, currency="KWD", digits=3)),
            (money(990, "HUF0", None), Money(cents=990, currency="HUF0", digits=0)),
            (money(100, "XOF", None), Money(cents=100, currency="XOF", digits=0)),
            (money(100, "IQD", None), Money(cents=100, currency="IQD", digits=3)),
            ({"currencyCode": "EUR", "centAmount": 5}, Money(cents=5, currency="EUR", digits=2)),
            (
                money(1, "EUR", 7, type="highPrecision", preciseAmount=123456),
                Money(cents=1, currency="EUR", digits=2),
            ),
            (
                money(5, "JPY", 4, type="highPrecision", preciseAmount=50123),
                Money(cents=5, currency="JPY", digits=0),
            ),
            (
                money(1234, "KWD", 5, type="highPrecision", preciseAmount=123456),
                Money(cents=1234, currency="KWD", digits=3),
            ),
            (
                money(7, "XAF", 4, type="highPrecision", preciseAmount=70001),
                Money(cents=7, currency="XAF", digits=0),
            ),
        ],
    )
    def test_cents_are_in_the_digits_of_the_currency(self, wire: Any, known: Money):
        """Digits are the currency's; of high-precision money the digits named mean another number."""
        assert read_order(totalPrice=wire).total_price == known

    @pytest.mark.parametrize(
        "wire",
        [5, "x", [], {}, {"centAmount": 5}, {"currencyCode": "EUR"}, money(True), money(2**63), money(5, ""), money(5, digits=-1), money(5, digits=21),
         {"centAmount": "5", "currencyCode": "EUR"}, {"centAmount": 5.0, "currencyCode": "EUR"}],
    )  # fmt: skip
    def test_money_that_is_none_is_a_fault(self, wire: Any):
        """Money is a whole number of minor units in a currency."""
        assert faults(Stream.ORDERS, an_order(totalPrice=wire)).keys() == {"totalPrice"}

    def test_gross_goes_before_net(self):
        """What the buyer pays is the gross total where the source knows it."""
        assert read_order(totalPrice=money(1000), taxedPrice=taxed(1000, 1190)).total.cents == 1190
        assert read_order(totalPrice=money(1190), taxedPrice=taxed(1000, 1190)).total.cents == 1190

    @pytest.mark.parametrize("taxed_price", [None, {}, {"totalNet": money(5)}])
    def test_without_tax_the_total_is_the_price(self, taxed_price: Any):
        """Where nobody knows the tax, the total price is what there is."""
        assert read_order(taxedPrice=taxed_price).total.cents == 1000

    def test_a_discounted_price_is_the_unit_price(self):
        """The price a buyer sees is the product discount's, where there is one."""
        price = {"value": money(1000), "discounted": {"value": money(800)}}

        assert read_order(lineItems=[line(price=price)]).line_items[0].unit_price.cents == 800

    def test_custom_lines_are_lines(self):
        """A custom line comes after the products, with its slug in place of a product, and may be negative."""
        custom = {
            "id": "k1",
            "name": {"en": "Gift wrap"},
            "slug": "wrap",
            "money": money(-250),
            "quantity": 2,
            "totalPrice": money(-500),
        }

        product, extra = read_order(customLineItems=[custom]).line_items

        assert (product.product_id, extra.product_id) == ("p1", "wrap")
        assert (extra.unit_price.cents, extra.total_price.cents, extra.quantity) == (-250, -500, 2)

    def test_a_gift_line_costs_nothing(self):
        """A gift has a price and a total of nought, and both are kept."""
        (gift,) = read_order(lineItems=[line(totalPrice=money(0), lineItemMode="GiftLineItem")]).line_items

        assert (gift.unit_price.cents, gift.total_price.cents) == (1000, 0)


class TestShipping:
    @pytest.mark.parametrize(
        ("info", "cents"),
        [
            ({"price": money(490)}, 490),
            ({"price": money(490), "discountedPrice": {"value": money(290)}}, 290),
            (
                {
                    "price": money(490),
                    "discountedPrice": {"value": money(290)},
                    "taxedPrice": taxed(290, 345),
                },
                345,
            ),
            ({"price": money(490), "discountedPrice": {"value": money(0)}}, 0),
            ({"price": money(490), "taxedPrice": {"totalNet": money(490)}}, 490),
        ],
    )
    def test_gross_then_discounted_then_plain(self, info: Any, cents: int):
        """Of one shipping the gross price counts, else the discounted, else the price."""
        shipping = read_order(shippingInfo=info).shipping_price

        assert shipping is not None
        assert shipping.cents == cents

    def test_the_orders_own_gross_goes_first(self):
        """The order's taxed shipping price holds all shippings after discounts."""
        order = read_order(shippingInfo={"price": money(490)}, taxedShippingPrice=taxed(400, 476))

        assert order.shipping_price == Money(cents=476, currency="EUR", digits=2)

    @given(
        st.lists(st.integers(0, 10**9), min_size=1, max_size=6),
        st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3)]),
    )
    def test_several_shippings_add_up(self, cents: list[int], currency: tuple[str, int]):
        """With several shippings the amount is their sum, in the same currency."""
        infos = [
            {"shippingKey": str(n), "shippingInfo": {"price": money(c, *currency)}}
            for n, c in enumerate(cents)
        ]

        order = read_order(shipping=infos)

        assert order.shipping_price == Money(cents=sum(cents), currency=currency[0], digits=currency[1])

    def test_without_a_shipping_there_is_no_amount(self):
        """No shipping is not the same as free shipping."""
        assert read_order(shipping=[], shippingInfo=None).shipping_price is None
        assert read_order(shipping=[{"shippingKey": "x"}]).shipping_price is None

    def test_the_first_shippings_address_stands_in(self):
        """An order of several shippings has the first one's address and method."""
        shipping = [
            {"shippingInfo": {"price": money(1)}, "shippingAddress": {"country": "FR"}},
            {
                "shippingInfo": {"price": money(1), "shippingMethodName": "Express"},
                "shippingAddress": {"country": "DE"},
            },
        ]

        order = read_order(shipping=shipping)

        assert order.shipping_address is not None
        assert order.shipping_address.country == "FR"
        assert order.shipping_method == "Express"


class TestReadOrder:
    def test_what_decides_routes_and_statuses_is_read(self):
        """Group, channels, workflow and returns arrive with their keys where references are expanded."""
        order = read_order(
            country="DE", taxMode="External",
            customerGroup={"typeId": "customer-group", "id": "g1", "obj": {"id": "g1", "key": "b2b"}},
            state={"typeId": "state", "id": "s1"},
            lineItems=[
                line(distributionChannel={"typeId": "channel", "id": "x1"}),
                line(id="l2", distributionChannel={"typeId": "channel", "id": "x1"},
                     supplyChannel={"typeId": "channel", "id": "x2", "obj": {"key": "depot"}}),
            ],
            returnInfo=[{"items": [
                {"lineItemId": "l1", "quantity": 2, "shipmentState": "Returned", "paymentState": "Refunded"},
                {"customLineItemId": "k1", "quantity": 1},
            ]}],
        )  # fmt: skip

        assert (order.country, order.tax_mode) == ("DE", "External")
        assert order.customer_group == Pointer("g1", "b2b")
        assert order.workflow == Pointer("s1")
        assert [each.name for each in order.channels] == ["x1", "depot"]
        assert [tuple(each) for each in order.returns] == [
            ("l1", 2, "Returned", "Refunded", ""), ("k1", 1, None, None, ""),
        ]  # fmt: skip

    def test_payments_are_read_where_they_are_expanded(self):
        """Of an expanded payment the transactions count, and of another only that it is there."""
        whole = {
            "id": "p1", "amountPlanned": money(1000), "paymentMethodInfo": {"paymentInterface": "Adyen"},
            "transactions": [{"id": "t", "type": "Charge", "state": "Success", "amount": money(5)}, None],
        }  # fmt: skip

        order = read_order(paymentInfo={"payments": [{"id": "p1", "obj": whole}, {"id": "p2"}]})

        (payment,) = order.payments
        assert (payment.id, payment.method, len(payment.transactions)) == ("p1", "Adyen", 1)
        assert order.has_unseen_payments
        assert not read_order(paymentInfo={"payments": [{"id": "p1", "obj": whole}]}).has_unseen_payments

    @pytest.mark.parametrize(
        ("mode", "amounts"), [("Single", [1]), ("Multiple", [2, 3]), (None, [1, 2, 3]), ("New", [1, 2, 3])]
    )
    def test_shippings_are_those_of_the_mode(self, mode: str | None, amounts: list[int]):
        """One shipping of single mode, those of multiple mode, and all there are where the mode is not known."""
        order = read_order(
            shippingMode=mode, shippingInfo={"price": money(1)},
            shipping=[{"shippingInfo": {"price": money(cents)}} for cents in (2, 3)],
        )  # fmt: skip

        assert [each.charged and each.charged.cents for each in order.shippings] == amounts

    def test_a_code_is_read_with_its_text_where_it_is_expanded(self):
        """A code has its text and its cart discounts, and counts unless the order says otherwise."""
        whole = {"code": "SAVE", "cartDiscounts": [{"id": "d1"}]}

        first, second, third = read_order(
            discountCodes=[
                {"discountCode": {"id": "a", "obj": whole}, "state": "MatchesCart"},
                {"discountCode": {"id": "b"}, "state": "ApplicationStoppedByGroupBestDeal"},
                {"discountCode": {"id": "c"}},
            ]
        ).discount_codes

        assert (first.code, first.discounts, first.is_applied) == ("SAVE", ("d1",), True)
        assert (second.code, second.is_applied, third.is_applied) == ("", False, True)


class TestReadCustomer:
    def test_a_customer_is_read(self):
        """Names, numbers, addresses and stores arrive under our names."""
        customer = read_customer(
            customerNumber="C-1", key="k", locale="de-DE", companyName="Acme", externalId="e",
            addresses=[{"id": "a1", "country": "DE", "streetName": "Ring", "streetNumber": "5"}],
            defaultBillingAddressId="a1", billingAddressIds=["a1"], stores=[{"typeId": "store", "key": "de"}],
        )  # fmt: skip

        assert customer.created_at == datetime.fromisoformat(WHEN.replace("Z", "+00:00"))
        assert (customer.customer_number, customer.key, customer.company) == ("C-1", "k", "Acme")
        assert customer.store_keys == ("de",)
        assert customer.main_address is not None
        assert customer.main_address.street == "Ring 5"
