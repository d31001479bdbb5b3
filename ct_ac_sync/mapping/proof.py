"""
Which equations of an order are certain, and whether they hold.

An order that the vendor made right must never be held, so an equation counts only where
the vendor documents it; an order whose totals were given (`Order.is_calculated`) has none.

| equation | where | may be apart by |
| --- | --- | --- |
| parts = total price | everywhere | nothing |
| unit prices x quantities = total of a line | neither gift nor external total | half a unit for each high-precision price (rounded after multiplying: LineItem) |
| 0 = total of a gift | everywhere (LineItemMode) | nothing |
| base price - discounts = discounted price | lines and shippings with discounts; a discount may be worth more than what it leaves | half a unit for each high-precision amount |
| discounts = discount on total price | where they are listed | half a unit for each high-precision amount |
| gross - net = tax | where all three are given (TaxedPrice) | nothing |
| portions = tax | not ExternalAmount, whose portions are the merchant's | one for each sub-rate beyond the first, and for each portion under a discount on the total: each is rounded |
| gross, or net, of an item = its total, as its rate says | Platform and External, no discount on the total, no high-precision price | nothing |
| gross, or net, = total price, as all rates say | Platform and External | one under a discount on the total: "the same percentage applies" to each figure |
| items' gross and net = those of the order | Platform and External, no discount on the total, all items taxed | half a unit for each of several: at which level is rounded is not documented |
| shippings' gross and net = taxed shipping price | the same | the same |
| all amounts are in the currency of the total | everywhere | nothing |

Two rules are ambiguous (facts of the total price): whether a discounted shipping counts as
discounted, as real orders show, or at its plain price, as the text says; and whether lines
are already reduced by a discount on the total.  Either reading that balances is taken.
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from ct_ac_sync.domain.breakdown import Check, Component, Origin, Proof
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import DiscountedUnits, IncludedDiscount, LineItem, Order, Shipping
from ct_ac_sync.mapping.tax import label_of, taxes

HALF = Decimal("0.5")


class _Reading(NamedTuple):
    """One way to read the vendor's rules for the total price."""

    is_shipping_discounted: bool
    is_discount_apart: bool

    @property
    def told(self) -> str:
        """What is unusual about it."""
        parts = (
            "" if self.is_shipping_discounted else "shipping at its plain price",
            "" if self.is_discount_apart else "lines already reduced by the discount on the total",
        )
        return "; ".join(filter(None, parts))


_READINGS = (_Reading(True, True), _Reading(True, False), _Reading(False, True), _Reading(False, False))


def prove(order: Order) -> Proof:
    """Return the sum of *order* and every equation that is certain for it."""
    total = order.total_price.cents
    tried = [(reading, _components(order, reading)) for reading in _READINGS]
    balanced = (each for each in tried if sum(part.amount for part in each[1]) == total)
    reading, parts = next(balanced, tried[0])
    if not order.is_calculated:
        return Proof(components=(*parts, *_unitemised(parts, total)), total=total, reading=reading.told)
    checks = tuple(_checks(order, reading))
    return Proof(components=parts, total=total, checks=checks, reading=reading.told)


def _components(order: Order, reading: _Reading) -> tuple[Component, ...]:
    parts = [
        Component(
            origin=Origin.CUSTOM_LINE if line.is_custom else Origin.LINE,
            label=label_of(line),
            amount=line.total_price.cents,
        )
        for line in order.line_items
    ]
    for number, shipping in enumerate(order.shippings, start=1):
        price = shipping.charged if reading.is_shipping_discounted else shipping.price or shipping.charged
        if price is not None:
            parts.append(Component(origin=Origin.SHIPPING, label=f"shipping {number}", amount=price.cents))
    if order.discount and reading.is_discount_apart:
        origin = Origin.TOTAL_DISCOUNT
        parts.append(Component(origin=origin, label=origin.value, amount=-order.discount.cents))
    return tuple(parts)


def _unitemised(parts: tuple[Component, ...], total: int) -> tuple[Component, ...]:
    rest = total - sum(part.amount for part in parts)
    origin = Origin.IMPORT
    return (Component(origin=origin, label=origin.value, amount=rest),) if rest else ()


def _checks(order: Order, reading: _Reading) -> Iterator[Check]:
    yield from _currencies(order)
    if order.discount is None or reading.is_discount_apart:
        yield from filter(None, map(_line_total, order.line_items))
    else:
        yield from _reduced_lines(order, order.discount)
    for line in order.line_items:
        yield from _line_discounts(line)
    for number, shipping in enumerate(order.shippings, start=1):
        yield from _shipping_discounts(shipping, f"shipping {number}")
    yield from _total_discounts(order)
    yield from taxes(order)


def _currencies(order: Order) -> Iterator[Check]:
    """Amounts in another currency cannot be added."""
    own = (order.total_price.currency, order.total_price.digits)
    amounts: list[tuple[str, Money | None]] = [
        *(
            (label_of(line), each)
            for line in order.line_items
            for each in (line.total_price, line.unit_price)
        ),
        *((f"shipping {n}", each.charged) for n, each in enumerate(order.shippings, start=1)),
        ("discount on total", order.discount),
        ("gross total", order.total_gross),
    ]
    for label, amount in amounts:
        if amount is not None and (amount.currency, amount.digits) != own:
            yield Check(label=f"{label} in {amount.currency}", expected=0, found=amount.cents or 1)


# -- lines ----------------------------------------------------------------------------


def _line_total(line: LineItem) -> Check | None:
    """Unit prices times quantities are the total, for a tier's price as well as for the price itself."""
    label = f"{label_of(line)}: unit prices x quantities"
    found = line.total_price.cents
    if line.is_gift:
        return Check(label=f"{label_of(line)}: a gift", expected=0, found=found)
    if line.has_external_total:
        return None
    prices = [line.unit_price, *([line.tier_price] if line.tier_price else [])]
    tried = [_expected(label, line, price) for price in prices]
    return next((check for check in tried if not check.difference), tried[0])


def _expected(label: str, line: LineItem, price: Money) -> Check:
    rest = line.quantity - sum(each.quantity for each in line.units)
    terms = [(each.quantity, each.price) for each in line.units] + ([(rest, price)] if rest else [])
    exact = sum((quantity * each.exact for quantity, each in terms), Decimal(0))
    precise = sum(each.precise is not None for _, each in terms)
    return _near(label, exact, line.total_price.cents, precise=precise)


def _near(label: str, exact: Decimal, found: int, *, precise: int) -> Check:
    """Return the check that *found* is *exact*, half a unit off for each of *precise* amounts."""
    is_near = abs(exact - found) <= HALF * precise
    return Check(label=label, expected=found if is_near else whole(exact), found=found)


def whole(exact: Decimal) -> int:
    """Return *exact* in whole minor units, halves to the even one."""
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def _reduced_lines(order: Order, discount: Money) -> Iterator[Check]:
    """Lines that a discount on the total reduced fall short of their prices by no more than it."""
    checks = [check for check in map(_line_total, order.line_items) if check]
    short = sum(check.expected - check.found for check in checks)
    if not min(0, discount.cents) <= short <= max(0, discount.cents):
        yield Check(label="lines: reduced by more than the discount", expected=discount.cents, found=short)


# -- discounts ------------------------------------------------------------------------


def base_price(line: LineItem, units: DiscountedUnits) -> Money:
    """Return the price that the discounts of *units* were taken off: with or without the product's."""
    fitting = (price for price in _bases(line) if not _taken_off("", price, units).difference)
    return next(fitting, line.unit_price)


def _bases(line: LineItem) -> list[Money]:
    bases = [line.unit_price, line.full_price]
    return [*bases, line.tier_price] if line.tier_price else bases


def _line_discounts(line: LineItem) -> Iterator[Check]:
    label = f"{label_of(line)}: price less discounts"
    if line.is_gift or line.has_external_total:
        return
    for units in line.units:
        if units.discounts:
            yield _taken_off(label, base_price(line, units), units)


def _shipping_discounts(shipping: Shipping, label: str) -> Iterator[Check]:
    if shipping.price and shipping.discounted and shipping.discounted.discounts:
        yield _taken_off(f"{label}: price less discounts", shipping.price, shipping.discounted)


def _taken_off(label: str, base: Money, units: DiscountedUnits) -> Check:
    amounts = [each.amount for each in units.discounts]
    exact = base.exact - sum(each.exact for each in amounts)
    if exact < 0 and units.price.cents == 0:
        exact = Decimal(0)
    return _near(label, exact, units.price.cents, precise=_precise(base, units.price, *amounts))


def _precise(*amounts: Money) -> int:
    return sum(each.precise is not None for each in amounts)


def _total_discounts(order: Order) -> Iterator[Check]:
    if order.total_discount and order.total_discount.discounts:
        discounts: tuple[IncludedDiscount, ...] = order.total_discount.discounts
        amounts = [each.amount for each in discounts]
        exact = sum((each.exact for each in amounts), Decimal(0))
        found = order.total_discount.amount
        yield _near("discount on total: its parts", exact, found.cents, precise=_precise(found, *amounts))
