"""Records as Commercetools sends them, with what a test changes."""

import unicodedata
from typing import Any

WHEN = "2026-03-01T10:00:00.123Z"
#: What can be in no name: controls, halves of characters, others than the plain blank.
UNSHOWN = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})


def is_shown(text: str) -> bool:
    """Whether all of a text can be shown on one line, with plain blanks alone."""
    return all(c == " " or unicodedata.category(c) not in UNSHOWN | {"Zs"} for c in text)


def money(cents: int, currency: str = "EUR", digits: int | None = 2, **more: Any) -> dict[str, Any]:
    """Return money in cent precision."""
    known = {"type": "centPrecision", "currencyCode": currency, "centAmount": cents}
    return known | ({} if digits is None else {"fractionDigits": digits}) | more


def taxed(net: int, gross: int, currency: str = "EUR", digits: int = 2) -> dict[str, Any]:
    """Return a taxed price."""
    return {
        "totalNet": money(net, currency, digits), "totalGross": money(gross, currency, digits), "taxPortions": [],
    }  # fmt: skip


def line(cents: int = 1000, quantity: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a line item."""
    known = {
        "id": "l1", "productId": "p1", "name": {"en": "Shoe", "de": "Schuh"}, "quantity": quantity,
        "variant": {"id": 2, "sku": "S-2", "images": [{"url": "https://i/1.png"}]},
        "price": {"value": money(cents)}, "totalPrice": money(cents * quantity),
    }  # fmt: skip
    return known | changes


def an_order(**changes: Any) -> dict[str, Any]:
    """Return an order's body."""
    known: dict[str, Any] = {
        "id": "o1", "version": 3, "createdAt": WHEN, "lastModifiedAt": WHEN, "orderNumber": "A-1",
        "customerId": "c1", "customerEmail": "Ann@Example.org", "orderState": "Open", "locale": "de-DE",
        "totalPrice": money(1000), "lineItems": [line()], "customLineItems": [],
    }  # fmt: skip
    return known | changes


def a_customer(**changes: Any) -> dict[str, Any]:
    """Return a customer's body."""
    known: dict[str, Any] = {
        "id": "c1", "version": 9, "createdAt": WHEN, "lastModifiedAt": WHEN, "email": "Ann@Example.org",
        "firstName": "Ann", "lastName": "Lee", "addresses": [{"id": "a1", "country": "DE"}],
    }  # fmt: skip
    return known | changes
