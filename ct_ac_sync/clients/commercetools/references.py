"""What records refer to: where it is found, how it is asked for, and what of it is kept."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ct_ac_sync.ports import Json
from ct_ac_sync.schemas.commercetools.parse import SECRETS, storable

#: Paths by ``typeId``; of what is referred to but not listed nothing is read.
PATHS: Mapping[str, str] = {
    "cart-discount": "cart-discounts",
    "category": "categories",
    "channel": "channels",
    "customer-group": "customer-groups",
    "discount-code": "discount-codes",
    "payment": "payments",
    "product": "product-projections",
    "product-type": "product-types",
    "state": "states",
    "store": "stores",
    "type": "types",
}
#: More than the path and the query itself: of a product, what is published.
PARAMETERS: Mapping[str, Mapping[str, str]] = {"product": {"staged": "false"}}

#: Ids in one ``in (…)``, and their characters: addresses over about 15 KB were seen to fail.
IDS_A_QUERY = 100
MOST_CHARACTERS = 8_000

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEY = re.compile(r"[-\w]{1,256}", re.ASCII)

#: Of products, what describes none: prices differ by market, stocks by the minute.
_UNUSED_OF_PRODUCT = frozenset(
    {"assets", "metaDescription", "metaKeywords", "metaTitle", "reviewRatingStatistics", "searchKeywords"}
)
_UNUSED_OF_VARIANT = frozenset(
    {
        "assets", "availability", "price", "prices", "recurrencePrices", "scopedPrice",
        "scopedPriceDiscounted",
    }
)  # fmt: skip
#: Of payments, what their providers said, which may hold anything.
_UNUSED_OF_PAYMENT = frozenset({"interfaceInteractions"})
#: Of how it was paid, what one could pay with again.
_SECRETS_OF_METHOD = frozenset({"token"})


def field_of(kind: str, id_: str) -> str:
    """Return by which field it is asked for: stores, and what has not the form of an id, by key."""
    return "id" if kind != "store" and _ID.fullmatch(id_) else "key"


def may_exist(id_: str) -> bool:
    """Whether it has the form of an id or a key; the vendor answers anything else with an error."""
    return bool(_KEY.fullmatch(id_))


def pages(kind: str, ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the field and the ids of each query: of one sort, and not too many."""
    for field in ("id", "key"):
        page: list[str] = []
        for id_ in ids:
            if field_of(kind, id_) != field:
                continue
            if len(page) == IDS_A_QUERY or sum(map(len, page)) + len(id_) > MOST_CHARACTERS:
                yield field, tuple(page)
                page = []
            page.append(id_)
        if page:
            yield field, tuple(page)


def kept(kind: str, body: Json) -> Json:
    """Return what is kept of a resource: no secrets, and of products what describes them."""
    plain = _without(storable(body), SECRETS)
    match kind:
        case "product":
            return _described(plain)
        case "payment":
            return _paid(plain)
        case _:
            return plain


def _paid(payment: Json) -> Json:
    plain = _without(payment, _UNUSED_OF_PAYMENT)
    if isinstance(plain.get("paymentMethodInfo"), Mapping):
        plain["paymentMethodInfo"] = _without(plain["paymentMethodInfo"], _SECRETS_OF_METHOD)
    return plain


def _described(product: Json) -> Json:
    described = _without(product, _UNUSED_OF_PRODUCT)
    if "masterVariant" in described:
        described["masterVariant"] = _variant(described["masterVariant"])
    if isinstance(described.get("variants"), list):
        described["variants"] = [_variant(each) for each in described["variants"]]
    return described


def _variant(variant: object) -> object:
    """Return a variant with its first image alone, which is the one that is shown."""
    if not isinstance(variant, Mapping):
        return variant
    described = _without(variant, _UNUSED_OF_VARIANT)
    if isinstance(described.get("images"), list):
        described["images"] = described["images"][:1]
    return described


def _without(body: Json, names: Collection[str]) -> dict[str, Any]:
    return {name: each for name, each in body.items() if name not in names}
