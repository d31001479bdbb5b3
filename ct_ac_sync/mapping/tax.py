"""Tax: how prices and tax of an order stand to each other, and what must hold between them."""

from collections.abc import Iterator
from typing import NamedTuple

from ct_ac_sync.domain.breakdown import Check, TaxKind
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import LineItem, Order, Taxed, TaxRate

#: Tax modes whose figures the vendor calculates; without a mode, as its default does.
CALCULATED = frozenset({None, "Platform", "External"})


def tax_kind(order: Order) -> TaxKind:
    """Return how prices and tax of *order* stand to each other, by its rates, else by its totals."""
    if order.tax_mode == "Disabled":
        return TaxKind.UNTAXED
    if order.taxed is None or order.taxed.gross is None:
        return TaxKind.UNKNOWN
    if order.tax_mode == "ExternalAmount":
        return TaxKind.EXTERNAL
    known = {_inclusion(item.rates) for item in _items(order) if item.price.cents}
    if known == {True, False}:
        return TaxKind.MIXED
    is_included = is_tax_included(order)
    if is_included is None:
        is_included = order.taxed.gross.cents == order.total_price.cents
    return TaxKind.GROSS if is_included else TaxKind.NET


def label_of(line: LineItem) -> str:
    """Return what the account calls a line."""
    return f"{'custom line' if line.is_custom else 'line'} {line.id}"


class _Item(NamedTuple):
    """A line or a shipping, as tax sees it."""

    label: str
    price: Money
    taxed: Taxed | None
    rates: tuple[TaxRate, ...]
    is_precise: bool = False
    is_shipping: bool = False


def _items(order: Order) -> list[_Item]:
    lines = [
        _Item(label_of(line), line.total_price, line.taxed, line.tax_rates, is_precise=_is_precise(line))
        for line in order.line_items
    ]
    shippings = [
        _Item(
            f"shipping {n}",
            each.charged,
            each.taxed,
            (each.tax_rate,) if each.tax_rate else (),
            is_shipping=True,
        )
        for n, each in enumerate(order.shippings, start=1)
        if each.charged is not None
    ]
    return lines + shippings


def _is_precise(line: LineItem) -> bool:
    return any(each.precise is not None for each in (line.unit_price, *(unit.price for unit in line.units)))


def is_tax_included(order: Order) -> bool | None:
    """Whether all prices of *order* contain tax; None where it is mixed or not known."""
    known = {_inclusion(item.rates) for item in _items(order) if item.price.cents}
    return known.pop() if len(known) == 1 else None


def _inclusion(rates: tuple[TaxRate, ...]) -> bool | None:
    """Whether prices contain tax by all of *rates*; None where they differ or do not say."""
    known = {rate.is_included for rate in rates}
    return known.pop() if len(known) == 1 else None


def taxes(order: Order) -> Iterator[Check]:
    """Give the equations of tax that are certain for *order*; the table stands with the proof."""
    items, has_discount = _items(order), order.discount is not None
    is_calculated = order.tax_mode in CALCULATED
    for item in items:
        yield from _taxed(item.label, item.taxed, _roundings([item]) if is_calculated else None)
    roundings = _roundings(items) + (len(order.taxed.portions) if order.taxed and has_discount else 0)
    yield from _taxed("order", order.taxed, roundings if is_calculated else None)
    yield from _taxed("all shipping", order.taxed_shipping, roundings if is_calculated else None)
    if not is_calculated:
        return
    yield from _against_total(order)
    if not has_discount:
        yield from filter(None, map(_against_price, items))
        yield from _sums(order, items)


def _roundings(items: list[_Item]) -> int:
    """Return how often sub-rates are rounded besides the first of each."""
    return sum(rate.parts - 1 for item in items for rate in item.rates)


def _taxed(label: str, taxed: Taxed | None, roundings: int | None) -> Iterator[Check]:
    """Gross less net is the tax, and so are its portions; these are not looked at without *roundings*."""
    if taxed is None or taxed.net is None or taxed.gross is None or taxed.tax is None:
        return
    tax = taxed.tax.cents
    yield Check(
        label=f"{label}: gross less net is tax", expected=taxed.gross.cents - taxed.net.cents, found=tax
    )
    if taxed.portions and roundings is not None:
        portions = sum(portion.amount.cents for portion in taxed.portions)
        yield Check(label=f"{label}: tax portions", expected=tax, found=portions, tolerance=roundings)


def _against_total(order: Order) -> Iterator[Check]:
    is_included = is_tax_included(order)
    if order.taxed is None or is_included is None:
        return
    figure = order.taxed.gross if is_included else order.taxed.net
    label = f"order: {'gross' if is_included else 'net'} is the total price"
    if figure is not None:
        tolerance = 0 if order.discount is None else 1
        yield Check(label=label, expected=order.total_price.cents, found=figure.cents, tolerance=tolerance)


def _against_price(item: _Item) -> Check | None:
    is_included = _inclusion(item.rates)
    if item.taxed is None or is_included is None or item.is_precise:
        return None
    figure = item.taxed.gross if is_included else item.taxed.net
    label = f"{item.label}: {'gross' if is_included else 'net'} is its price"
    return Check(label=label, expected=item.price.cents, found=figure.cents) if figure else None


def _sums(order: Order, items: list[_Item]) -> Iterator[Check]:
    yield from _sum("order", order.taxed, items)
    yield from _sum("all shipping", order.taxed_shipping, [item for item in items if item.is_shipping])


def _sum(label: str, whole: Taxed | None, items: list[_Item]) -> Iterator[Check]:
    """Give the equations that items make the whole; several may be rounded apart or together."""
    parts = [item.taxed for item in items if item.price.cents]
    if whole is None or not parts:
        return
    tolerance = (len(parts) + 1) // 2 if len(parts) > 1 else 0
    for name, figure, known in (
        ("gross", whole.gross, [part.gross if part else None for part in parts]),
        ("net", whole.net, [part.net if part else None for part in parts]),
    ):
        amounts = [amount.cents for amount in known if amount is not None]
        if figure is not None and len(amounts) == len(parts):
            yield Check(
                label=f"{label}: {name} of its parts",
                expected=sum(amounts),
                found=figure.cents,
                tolerance=tolerance,
            )
