"""
Orders become figures: one form for every way of tax, every kind of discount and all payments.

Where each component lands:

| component | e-commerce order | otherwise |
| --- | --- | --- |
| gross total | finalAmount, less a partial refund | totals by currency, event value |
| total price, net, tax and its portions | none: the vendor has no field | typed contact fields by currency, event values |
| tax added to prices | inside finalAmount | event value |
| line: unit price after the product discount | lineItems.priceAmount (0 of a gift) | |
| line: quantity, name, sku, picture | lineItems.quantity, name, sku, imageUrl | |
| line: category, brand, attributes, link | lineItems.category, brand, tags, productUrl | fields and events |
| custom line | a line item, which may be negative | |
| shipping, gross | shippingAmount | |
| product discount | none: the unit price is after it | event value |
| cart, code and direct discounts | discounts of type ORDER, discountsAmount | event value |
| discount on the total price | discounts of type ORDER, discountsAmount | event value |
| shipping discount | discounts of type SHIPPING, discountsAmount | event value |
| refunds and chargebacks | REFUNDED where full, else off finalAmount | typed contact fields by currency |
| paid | normalizedStatus, by the status rules | event value |
| payment method | paymentMethod | |
| payments in another currency | none | receipts by currency |
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from ct_ac_sync.domain.breakdown import Breakdown, Discount, DiscountOrigin, TaxKind
from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import IncludedDiscount, LineItem, Order, Shipping
from ct_ac_sync.domain.payment import Receipts, receipts
from ct_ac_sync.mapping.proof import base_price, prove, whole
from ct_ac_sync.mapping.tax import tax_kind

#: In which languages a name is looked for, best first.
Locales: TypeAlias = tuple[str | None, ...]

#: What a discount is called that the source names nowhere.
NAMES = {
    DiscountOrigin.PRODUCT: "Product discount",
    DiscountOrigin.CART: "Cart discount",
    DiscountOrigin.CODE: "Discount code",
    DiscountOrigin.DIRECT: "Direct discount",
    DiscountOrigin.TOTAL: "Discount on total",
    DiscountOrigin.SHIPPING: "Shipping discount",
}


def to_breakdown(order: Order, *, chargebacks_count: bool = True, fallbacks: Sequence[str] = ()) -> Breakdown:
    """
    Return *order* in figures, with the proof that they add up; nothing is raised where they do not.

    Args:
        chargebacks_count: Whether a chargeback counts as refunded.
        fallbacks: Languages of discounts' names after the order's own, best first.
    """
    kind, total = tax_kind(order), order.total_price
    gross = total.cents if kind is TaxKind.UNTAXED else order.total.cents
    net, tax = _net_and_tax(order, kind, gross)
    by_currency = receipts(order.payments)
    own = next((each for each in by_currency if each.currency == total.currency), None)
    own = own or Receipts(currency=total.currency, digits=total.digits)
    return Breakdown(
        currency=total.currency,
        digits=total.digits,
        total=total.cents,
        gross=gross,
        net=net,
        tax=tax,
        portions=tuple((each.name, each.amount.cents) for each in order.taxed.portions)
        if order.taxed
        else (),
        tax_kind=kind,
        shipping=order.shipping_price.cents if order.shipping_price else 0,
        discounts=_discounts(order, (order.locale, *fallbacks)),
        paid=own.paid,
        refunded=own.refunded + (own.charged_back if chargebacks_count else 0),
        receipts=by_currency,
        has_unseen_payments=order.has_unseen_payments,
        proof=prove(order),
    )


def _net_and_tax(order: Order, kind: TaxKind, gross: int) -> tuple[int | None, int | None]:
    if kind is TaxKind.UNTAXED:
        return gross, 0
    if order.taxed is None or order.taxed.gross is None:
        return None, None
    net, tax = order.taxed.net, order.taxed.tax
    if tax is not None:
        return net.cents if net else gross - tax.cents, tax.cents
    return (net.cents, gross - net.cents) if net else (None, None)


# -- discounts ------------------------------------------------------------------------


class _Found(NamedTuple):
    """A discount's share, before the shares of one discount are put together."""

    origin: DiscountOrigin
    name: str
    code: str
    amount: Decimal


def _discounts(order: Order, locales: Locales) -> tuple[Discount, ...]:
    """Return what is taken off, by origin and name; shares of one discount are one."""
    sums: dict[tuple[DiscountOrigin, str, str], Decimal] = defaultdict(Decimal)
    for each in _found(order, locales):
        sums[each.origin, each.name, each.code] += each.amount
    return tuple(
        Discount(origin=origin, name=name, code=code, amount=whole(amount))
        for (origin, name, code), amount in sums.items()
        if whole(amount)
    )


def _found(order: Order, locales: Locales) -> Iterator[_Found]:
    for line in order.line_items:
        if not (line.is_gift or line.has_external_total):
            yield _Found(DiscountOrigin.PRODUCT, NAMES[DiscountOrigin.PRODUCT], "", _of_product(line))
            for units in line.units:
                yield from _included(order, units.discounts, locales, quantity=units.quantity)
    for shipping in order.shippings:
        yield from _of_shipping(order, shipping, locales)
    if order.total_discount:
        amount, discounts = order.total_discount.amount, order.total_discount.discounts
        yield from _included(order, discounts, locales, origin=DiscountOrigin.TOTAL, otherwise=amount.exact)


def _of_product(line: LineItem) -> Decimal:
    """Return what product discounts take off a line, where the cart's did not take their place."""
    rest = line.quantity - sum(units.quantity for units in line.units)
    bases: list[tuple[int, Money]] = [(units.quantity, base_price(line, units)) for units in line.units]
    terms = (quantity * (line.full_price.exact - base.exact) for quantity, base in bases)
    return sum(terms, rest * (line.full_price.exact - line.unit_price.exact))


def _of_shipping(order: Order, shipping: Shipping, locales: Locales) -> Iterable[_Found]:
    if not shipping.price or not shipping.discounted:
        return ()
    off = shipping.price.exact - shipping.discounted.price.exact
    discounts = shipping.discounted.discounts
    return _included(order, discounts, locales, origin=DiscountOrigin.SHIPPING, otherwise=off)


def _included(
    order: Order,
    discounts: tuple[IncludedDiscount, ...],
    locales: Locales,
    *,
    quantity: int = 1,
    origin: DiscountOrigin | None = None,
    otherwise: Decimal = Decimal(0),
) -> Iterator[_Found]:
    """Give each of *discounts*, else *otherwise*; of lines its origin is what is behind it."""
    for each in discounts:
        behind, code = _behind(order, each)
        name = code or each.name.pick(*locales) or NAMES[origin or behind]
        yield _Found(origin or behind, name, code, quantity * each.amount.exact)
    if not discounts and origin:
        yield _Found(origin, NAMES[origin], "", otherwise)


def _behind(order: Order, discount: IncludedDiscount) -> tuple[DiscountOrigin, str]:
    """Return what is behind a cart discount, and the text of the code where it is one."""
    if discount.discount in order.direct_discounts:
        return DiscountOrigin.DIRECT, ""
    codes = (code for code in order.discount_codes if code.is_applied and discount.discount in code.discounts)
    code = next(codes, None)
    return (DiscountOrigin.CODE, code.code) if code else (DiscountOrigin.CART, "")
