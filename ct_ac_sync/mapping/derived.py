"""
What a person's orders add up to, exactly and in each currency.

Everything is counted anew from all orders each time, so a refund, a cancellation or a
late order makes every figure right again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby
from typing import Any

from ct_ac_sync.mapping.texts import amount_of, currency_of, digits_of, instant, plain

#: Digits that no sum of amounts needs more of: 19 before the point, 20 after it, and room.
EXACT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """
    Of an order what sums are made of, in major units.

    Attributes:
        currency: ISO 4217.
        digits: Decimal digits of the currency's minor unit.
        total: What the buyer pays: gross where the source knows the tax.
        net: The same without its tax; all of it where the source knows no tax.
        refunded: What went back, in the order's own currency.
    """

    id: str
    created_at: datetime
    currency: str
    digits: int
    total: Decimal
    net: Decimal
    refunded: Decimal
    is_cancelled: bool

    @property
    def tax(self) -> Decimal:
        """What of the total is tax, so that both parts make it exactly."""
        return self.total - self.net


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """
    The orders of one currency.

    Attributes:
        total: What was paid less what was refunded.
        average: Of an order, to the minor unit, halves rounded away from zero.
        net, tax: What was ordered, without its tax, and that tax: refunds reduce neither, because
            a refund does not say what of it is tax.
    """

    count: int
    total: Decimal
    net: Decimal
    tax: Decimal
    average: Decimal
    refunded: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """
    A person's orders; cancelled ones do not count.

    Attributes:
        currency: Of the newest order; empty without any.
        sums: By currency, sorted.
    """

    count: int
    first_at: datetime | None
    last_at: datetime | None
    currency: str
    sums: Mapping[str, Sums]


def order_facts(body: Mapping[str, Any], *, chargebacks_count: bool = True) -> OrderFacts:
    """
    Return what an order's body says, of which it needs no more than a few parts.

    Those are ``id``, ``createdAt``, ``orderState``, ``totalPrice``, ``totalGross`` and
    ``totalNet`` of ``taxedPrice``, and the transactions of ``paymentInfo.payments``, expanded.

    Raises:
        ValueError: An amount or instant is missing that the source always sends.
    """
    price = body.get("totalPrice") or {}
    taxed = body.get("taxedPrice") or {}
    gross = taxed.get("totalGross") or price
    total, currency = amount_of(gross), currency_of(price)
    if total is None or not currency:
        raise ValueError(f"order {body.get('id')} has no amount in totalPrice or taxedPrice.totalGross")
    net = amount_of(taxed.get("totalNet") or {}) if gross is not price else None
    counted = {"Refund", "Chargeback"} if chargebacks_count else {"Refund"}
    return OrderFacts(
        id=str(body.get("id")),
        created_at=_moment(body),
        currency=currency,
        digits=digits_of(gross),
        total=total,
        net=total if net is None else net,
        refunded=sum(_amounts_back(body, counted, currency), Decimal(0)),
        is_cancelled=body.get("orderState") == "Cancelled",
    )


def _moment(body: Mapping[str, Any]) -> datetime:
    moment = datetime.fromisoformat(str(body.get("createdAt")))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _amounts_back(body: Mapping[str, Any], counted: set[str], currency: str) -> Iterable[Decimal]:
    for payment in (body.get("paymentInfo") or {}).get("payments") or ():
        for each in (payment.get("obj") or {}).get("transactions") or ():
            money = each.get("amount") or {}
            amount = amount_of(money)
            is_back = each.get("type") in counted and each.get("state") == "Success"
            if is_back and amount is not None and currency_of(money) == currency:
                yield amount


def summary(facts: Iterable[OrderFacts]) -> Summary:
    """Return what the orders add up to, in whatever order they come."""
    counted = sorted(
        (each for each in facts if not each.is_cancelled), key=lambda each: (each.created_at, each.id)
    )
    by_currency = sorted(counted, key=lambda each: each.currency)
    return Summary(
        count=len(counted),
        first_at=counted[0].created_at if counted else None,
        last_at=counted[-1].created_at if counted else None,
        currency=counted[-1].currency if counted else "",
        sums={code: _sums(list(each)) for code, each in groupby(by_currency, key=lambda each: each.currency)},
    )


def _sums(orders: list[OrderFacts]) -> Sums:
    unit = Decimal(1).scaleb(-max(each.digits for each in orders))
    with localcontext(prec=EXACT):
        refunded = sum((each.refunded for each in orders), Decimal(0))
        total = sum((each.total for each in orders), Decimal(0)) - refunded
        return Sums(
            count=len(orders),
            total=total.quantize(unit),
            average=(total / len(orders)).quantize(unit, rounding=ROUND_HALF_UP),
            net=sum((each.net for each in orders), Decimal(0)).quantize(unit),
            tax=sum((each.tax for each in orders), Decimal(0)).quantize(unit),
            refunded=refunded.quantize(unit),
        )


def to_root(found: Summary) -> Mapping[str, Any]:
    """Return the summary as paths see it below ``orders``."""
    return {
        "count": str(found.count),
        "first_at": instant(found.first_at) if found.first_at else "",
        "last_at": instant(found.last_at) if found.last_at else "",
        "currency": found.currency,
        "currencies": tuple(found.sums),
        "total": {code: plain(each.total) for code, each in found.sums.items()},
        "average": {code: plain(each.average) for code, each in found.sums.items()},
        "refunded": {code: plain(each.refunded) for code, each in found.sums.items()},
        "net": {code: plain(each.net) for code, each in found.sums.items()},
        "tax": {code: plain(each.tax) for code, each in found.sums.items()},
    }
