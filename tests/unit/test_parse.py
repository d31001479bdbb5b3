"""What is never stored, wherever in a record it stands."""

from ct_ac_sync.ports import Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record

CARD = "tok_0123456789"


def test_what_one_could_pay_with_is_not_stored():
    """Of payments that come along with an order neither tokens nor what providers said are kept."""
    payment = {
        "id": "p1",
        "version": 1,
        "amountPlanned": {"currencyCode": "EUR", "centAmount": 100, "fractionDigits": 2},
        "paymentMethodInfo": {"method": "card", "token": {"value": CARD}},
        "interfaceInteractions": [{"fields": {"answer": CARD}}],
        "transactions": [],
    }
    body = {
        "id": "o1",
        "version": 1,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "lastModifiedAt": "2026-01-01T00:00:00.000Z",
        "orderState": "Open",
        "totalPrice": {"currencyCode": "EUR", "centAmount": 100, "fractionDigits": 2},
        "paymentInfo": {"payments": [{"typeId": "payment", "id": "p1", "obj": payment}]},
    }

    read = parse_record(Stream.ORDERS, body)

    assert CARD not in repr(dict(read.body))
    assert read.body["paymentInfo"]["payments"][0]["obj"]["paymentMethodInfo"] == {"method": "card"}
