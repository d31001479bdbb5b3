"""
The shapes of baskets: what is special about an order.

A shape is a name, or several with ``+`` between, such as ``code+net``, given one after the other.
"""

from collections.abc import Callable, Mapping, Sequence

from ct_ac_sync.sandbox.commercetools.basket import Basket, Line, Portion, Shipment
from ct_ac_sync.sandbox.commercetools.catalogue import BY_KEY
from ct_ac_sync.sandbox.commercetools.money import Tax, part


def shaped(basket: Basket, shape: str) -> Basket:
    """
    Give a basket a shape, and return it.

    Raises:
        KeyError: The shape is not known.
    """
    for name in shape.split("+"):
        SHAPES[name](basket)
    return basket


def _plain(basket: Basket) -> None:
    del basket


def _product_discount(basket: Basket) -> None:
    for line in basket.lines[::2]:
        line.sale = line.unit - part(line.unit, 1_500)


def _cart_discount(basket: Basket) -> None:
    for line in basket.lines:
        line.take("ten-off", 1_000)


def _multi_buy(basket: Basket) -> None:
    line = basket.lines[0]
    line.quantity = max(2, line.quantity)
    free, paid = Portion(1, line.price), Portion(line.quantity - 1, line.price)
    free.take("one-free", 10_000)
    paid.take("one-free", 0)
    line.portions = [free, paid]


def _code(basket: Basket) -> None:
    basket.has_code = True
    for line in basket.lines:
        line.take("welcome", 500)


def _gift(basket: Basket) -> None:
    mug = BY_KEY["mug"]
    line = Line(goods=mug, quantity=1, unit=mug.price(basket.currency), is_gift=True)
    line.take("free-mug", 10_000)
    line.method = basket.lines[0].method
    basket.lines.append(line)


def _net(basket: Basket) -> None:
    basket.tax = Tax.of(basket.country, is_included=False)


def _untaxed(basket: Basket) -> None:
    basket.tax = None


def _shipping_discount(basket: Basket) -> None:
    shipment = basket.shipments[0]
    shipment.discounted = shipment.cents - part(shipment.cents, 5_000)


def _total_discount(basket: Basket) -> None:
    basket.off_total = 500


def _multiple(basket: Basket) -> None:
    basket.shipments.append(Shipment(key="express", name="Express", cents=2 * basket.shipments[0].cents))
    for number, line in enumerate(basket.lines):
        line.method = basket.shipments[number % 2].key


def _custom(basket: Basket) -> None:
    basket.custom.append(("voucher", -min(500, basket.lines[0].total // 2)))


def _variant(basket: Basket) -> None:
    for line in basket.lines:
        line.variant = 2


SHAPES: Mapping[str, Callable[[Basket], None]] = {
    "plain": _plain, "product_discount": _product_discount, "cart_discount": _cart_discount,
    "multi_buy": _multi_buy, "code": _code, "gift": _gift, "net": _net, "untaxed": _untaxed,
    "shipping_discount": _shipping_discount, "total_discount": _total_discount, "multiple": _multiple,
    "custom": _custom, "variant": _variant,
}  # fmt: skip

#: Whose total is the sum of its lines and its one shipping price; what a shop sells unless told otherwise.
USUAL = (
    "plain", "plain", "plain", "plain", "product_discount", "cart_discount", "multi_buy", "code+variant",
    "gift", "net", "product_discount+code+gift", "net+multi_buy",
)  # fmt: skip
EVERY = (
    *USUAL, "untaxed", "shipping_discount", "total_discount", "multiple", "custom", "net+total_discount",
    "untaxed+code", "product_discount+cart_discount+shipping_discount+total_discount+gift",
    "gift+multiple+shipping_discount", "net+custom+code",
)  # fmt: skip


def shapes_named(given: str | Sequence[str]) -> tuple[str, ...]:
    """
    Return the shapes that are meant: a list of them, one, `usual` or `every`.

    Raises:
        KeyError: A shape is not known.
    """
    known = {"usual": USUAL, "every": EVERY}
    if isinstance(given, str):
        return known.get(given) or shapes_named([given])
    unknown = [name for shape in given for name in shape.split("+") if name not in SHAPES]
    if unknown or not given:
        raise KeyError(*unknown)
    return tuple(given)
