"""
What a shop has before anybody comes: stores, channels, groups, types, goods and discounts.

Nothing here is thrown by dice, and ids follow from kinds and keys, so that every shop has the same.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ct_ac_sync.sandbox.commercetools.money import Json, money
from ct_ac_sync.sandbox.commercetools.projection import product_of

LOCALES = ("de-DE", "fr-CH", "en-GB")
SINCE = "2024-01-01T00:00:00.000Z"


def id_of(kind: str, key: str) -> str:
    """Return the id of something of the catalogue."""
    digits = hashlib.blake2b(f"{kind}/{key}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def ref(kind: str, key: str) -> Json:
    """Return a reference by id to something of the catalogue."""
    return {"typeId": kind, "id": id_of(kind, key)}


def texts(*words: str | None) -> dict[str, str]:
    """Return a text in the shop's languages, in their order; None where it was not translated."""
    return {locale: word for locale, word in zip(LOCALES, words, strict=True) if word is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """
    A product as the shop sells it.

    Attributes:
        cents: Its price in EUR and CHF; in JPY as many yen.
        brand: Key and label.
        attributes: What its variants have besides.
    """

    key: str
    name: Mapping[str, str]
    cents: int
    categories: Sequence[str]
    brand: tuple[str, str]
    attributes: Mapping[str, Any]

    def price(self, currency: str) -> int:
        """Return its price in minor units."""
        return self.cents if currency != "JPY" else self.cents // 100 * 100

    def variant(self, number: int) -> Json:
        """Return one of its two variants, as its projection and order lines have it."""
        attributes = {"brand": dict(zip(("key", "label"), self.brand, strict=True)), **self.attributes}
        return {
            "id": number, "sku": f"SKU-{self.key}" + ("" if number == 1 else f"-{number}"),
            "key": f"{self.key}-{number}", "assets": [],
            "prices": [
                {"id": f"price-{self.key}-{currency.lower()}", "value": money(currency, self.price(currency))}
                for currency in ("EUR", "CHF", "JPY")
            ],
            "images": [
                {"url": f"https://images.example.com/{self.key}-{number}.jpg", "dimensions": {"w": 800, "h": 600}}
            ],
            "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
        }  # fmt: skip

    @property
    def slug(self) -> dict[str, str]:
        """Its place on the shop's site, in every language."""
        return {locale: f"{self.key}-{locale[:2]}" for locale in LOCALES}


GOODS = (
    Goods(
        key="shoe", name=texts("Schuh", "Chaussure", "Shoe"), cents=5900, categories=("sneakers", "sale"),
        brand=("fjord", "Fjord & Sons"),
        attributes={
            "material": "Leather", "weight": 0.75, "vegan": False, "launchedOn": "2025-03-01",
            "packedAt": "07:30:00.000", "checkedAt": "2025-03-01T09:30:00.000Z",
            "fit": texts("schmal", "étroit", "narrow"),
            "colour": {"key": "red", "label": texts("Rot", "Rouge", "Red")},
            "listPrice": money("EUR", 6900), "goesWith": ref("product", "scarf"),
            "sports": [{"key": "run", "label": "Running"}, {"key": "walk", "label": "Walking"}],
            "labels": ["new", 'vegan, but "glued"'], "care": [{"name": "degrees", "value": 30}],
        },
    ),
    Goods(
        key="scarf", name=texts("Schal", "Écharpe", "Scarf"), cents=2450, categories=("scarves",),
        brand=("mont", "Mont"),
        attributes={"material": "Wool", "colour": {"key": "blue", "label": texts("Blau", None, "Blue")}},
    ),
    Goods(
        key="lamp", name=texts("Lampe", "Lampe", "Lamp"), cents=12900, categories=("table-lamps",),
        brand=("lumen", "Lumen"), attributes={"weight": 2, "listPrice": money("EUR", 14900)},
    ),
    Goods(
        key="mug", name=texts("Becher", None, "Mug"), cents=1290, categories=("mugs", "sale"),
        brand=("mont", "Mont"), attributes={"vegan": True, "labels": []},
    ),
    Goods(
        key="book", name=texts("Buch", "Livre", "Book"), cents=1999, categories=("novels",),
        brand=("press", "Quay Press"), attributes={"launchedOn": "2024-10-01"},
    ),
)  # fmt: skip
BY_KEY = {goods.key: goods for goods in GOODS}

#: Key, key of the parent, and name; parents first.
_CATEGORIES: Sequence[tuple[str, str, dict[str, str]]] = (
    ("clothing", "", texts("Kleidung", "Vêtements", "Clothing")),
    ("footwear", "clothing", texts("Schuhe", "Chaussures", "Footwear")),
    ("sneakers", "footwear", texts("Turnschuhe", "Baskets", "Sneakers")),
    ("accessories", "clothing", texts("Accessoires", "Accessoires", "Accessories")),
    ("scarves", "accessories", texts("Schals", "Écharpes", "Scarves")),
    ("home", "", texts("Wohnen", "Maison", "Home")),
    ("lighting", "home", texts("Beleuchtung", "Éclairage", "Lighting")),
    ("table-lamps", "lighting", texts("Tischlampen", "Lampes de table", "Table lamps")),
    ("kitchen", "home", texts("Küche", "Cuisine", "Kitchen")),
    ("mugs", "kitchen", texts("Becher", None, "Mugs")),
    ("media", "", texts("Medien", "Médias", "Media")),
    ("books", "media", texts("Bücher", "Livres", "Books")),
    ("novels", "books", texts("Romane", "Romans", "Novels")),
    ("sale", "", texts("Angebote", "Soldes", "Sale")),
)

SIZES = (("s", "Small"), ("m", "Medium"), ("l", "Large"))
INTERESTS = (("shoes", "Shoes"), ("home", "Home & Living"), ("books", "Books"))
TIERS = (("bronze", "Bronze"), ("silver", "Silver"), ("gold", "Gold"))
TONES = (("formal", texts("Sie", "vous", "Formal")), ("casual", texts("du", "tu", "Casual")))


def _choices(rows: Sequence[tuple[str, Any]], name: str) -> Json:
    return {"name": name, "values": [{"key": key, "label": label} for key, label in rows]}


#: The custom type of customers: name → type of field, label.
_PROFILE: Mapping[str, tuple[Json, dict[str, str]]] = {
    "newsletter": ({"name": "Boolean"}, texts("Rundbrief", "Infolettre", "Newsletter")),
    "size": (_choices(SIZES, "Enum"), texts("Größe", "Taille", "Size")),
    "interests": (
        {"name": "Set", "elementType": _choices(INTERESTS, "Enum")},
        texts("Interessen", "Intérêts", "Interests"),
    ),
    "birthday": ({"name": "Date"}, texts("Geburtstag", "Anniversaire", "Birthday")),
    "tier": (_choices(TIERS, "Enum"), texts("Stufe", "Niveau", "Tier")),
    "isStaff": ({"name": "Boolean"}, texts("Personal", "Personnel", "Staff")),
    "loyaltyPoints": ({"name": "Number"}, texts("Punkte", "Points", "Points")),
    "credit": ({"name": "Money"}, texts("Guthaben", "Avoir", "Credit")),
    "nickname": ({"name": "String"}, texts("Spitzname", "Surnom", "Nickname")),
    "motto": ({"name": "LocalizedString"}, texts("Motto", "Devise", "Motto")),
    "tone": (_choices(TONES, "LocalizedEnum"), texts("Anrede", "Ton", "Tone")),
    "callAt": ({"name": "Time"}, texts("Anruf um", "Appeler à", "Call at")),
    "visitedAt": ({"name": "DateTime"}, texts("Zuletzt da", "Dernière visite", "Last visit")),
    "favourite": (
        {"name": "Reference", "referenceTypeId": "product"},
        texts("Liebling", "Favori", "Favourite"),
    ),
}

#: The attributes of goods: name → type.
_ATTRIBUTES: Mapping[str, Json] = {
    "brand": _choices([goods.brand for goods in GOODS if goods.key != "mug"], "enum"),
    "material": {"name": "text"}, "weight": {"name": "number"}, "vegan": {"name": "boolean"},
    "launchedOn": {"name": "date"}, "packedAt": {"name": "time"}, "checkedAt": {"name": "datetime"},
    "fit": {"name": "ltext"},
    "colour": _choices(
        [("red", texts("Rot", "Rouge", "Red")), ("blue", texts("Blau", None, "Blue"))], "lenum"
    ),
    "listPrice": {"name": "money"}, "goesWith": {"name": "reference", "referenceTypeId": "product"},
    "sports": {"name": "set", "elementType": _choices([("run", "Running"), ("walk", "Walking")], "enum")},
    "labels": {"name": "set", "elementType": {"name": "text"}},
    "care": {"name": "nested", "typeReference": ref("product-type", "care")},
}  # fmt: skip


def catalogue() -> Iterator[tuple[str, Json]]:
    """Give every resource of the catalogue with its kind."""
    for kind, rows in (
        ("channel", _channels()),
        ("store", _stores()),
        ("customer-group", _groups()),
        ("type", _types()),
        ("product-type", _product_types()),
        ("category", _categories()),
        ("product", _products()),
        ("state", _states()),
        ("cart-discount", _cart_discounts()),
        ("discount-code", _discount_codes()),
    ):
        for row in rows:
            yield kind, {"id": id_of(kind, row["key"]), "createdAt": SINCE, "lastModifiedAt": SINCE, **row}


def _channels() -> Iterator[Json]:
    for key, name in (("web-de", "Deutschland"), ("web-ch", "Schweiz")):
        yield {"key": key, "roles": ["ProductDistribution"], "name": texts(name, None, None)}


def _stores() -> Iterator[Json]:
    for key, countries, languages, name in (
        ("de", ("DE", "GB"), ("de-DE", "en-GB"), texts("Laden", None, "Shop")),
        ("ch", ("CH", "JP"), ("fr-CH", "en-GB"), texts(None, "Boutique", "Boutique")),
    ):
        yield {
            "key": key, "name": name, "languages": list(languages),
            "countries": [{"code": code} for code in countries],
            "distributionChannels": [ref("channel", f"web-{key}")], "supplyChannels": [],
            "productSelections": [],
        }  # fmt: skip


def _groups() -> Iterator[Json]:
    yield {"key": "b2b", "name": "Business"}
    yield {"key": "b2c", "name": "Private"}


def _types() -> Iterator[Json]:
    yield {
        "key": "customer-profile", "name": texts("Profil", "Profil", "Profile"),
        "description": texts("Was wir wissen", None, "What we know"),
        "resourceTypeIds": ["customer"],
        "fieldDefinitions": [
            {"name": name, "label": label, "required": False, "type": type_, "inputHint": "SingleLine"}
            for name, (type_, label) in _PROFILE.items()
        ],
    }  # fmt: skip


def _product_types() -> Iterator[Json]:
    yield _product_type("care", {"degrees": {"name": "number"}})
    yield _product_type("goods", _ATTRIBUTES)


def _product_type(key: str, attributes: Mapping[str, Json]) -> Json:
    return {
        "key": key, "name": key, "description": "",
        "attributes": [
            {
                "name": name, "label": texts(name, name, name), "type": type_, "isRequired": False,
                "attributeConstraint": "None", "level": "Variant", "inputHint": "SingleLine", "isSearchable": False,
            }
            for name, type_ in attributes.items()
        ],
    }  # fmt: skip


def _categories() -> Iterator[Json]:
    above: dict[str, tuple[str, ...]] = {"": ()}
    for place, (key, parent, name) in enumerate(_CATEGORIES, 1):
        above[key] = (*above[parent], key)
        yield {
            "key": key, "name": name, "slug": dict.fromkeys(LOCALES, key),
            "ancestors": [ref("category", each) for each in above[parent]], "orderHint": f"0.{place:02}",
            "assets": [], **({"parent": ref("category", parent)} if parent else {}),
        }  # fmt: skip


def _products() -> Iterator[Json]:
    for goods in GOODS:
        projection = {
            "key": goods.key, "productType": ref("product-type", "goods"),
            "taxCategory": ref("tax-category", "standard"), "priceMode": "Embedded",
            "name": dict(goods.name), "slug": goods.slug, "masterVariant": goods.variant(1),
            "description": {locale: f"{name}." for locale, name in goods.name.items()},
            "categories": [ref("category", key) for key in goods.categories],
            "variants": [goods.variant(2)],
        }  # fmt: skip
        yield product_of(projection)


def _states() -> Iterator[Json]:
    for key, type_, is_ours, following in (
        ("Initial", "LineItemState", False, None),
        ("picking", "OrderState", True, ["dispatched"]),
        ("dispatched", "OrderState", True, []),
        ("captured", "PaymentState", True, None),
    ):
        goes = {} if following is None else {"transitions": [ref("state", each) for each in following]}
        yield {
            "key": key, "type": type_, "roles": [], "name": texts(key, key, key), "builtIn": not is_ours,
            "description": texts(key, key, key),
            "initial": key in ("Initial", "picking"), **goes,
        }  # fmt: skip


def _cart_discounts() -> Iterator[Json]:
    lines = {"type": "lineItems", "predicate": "1 = 1"}
    multi_buy = {
        "type": "multiBuyLineItems", "predicate": "1 = 1", "triggerQuantity": 2, "discountedQuantity": 1,
        "selectionMode": "Cheapest",
    }  # fmt: skip
    gift = {"type": "giftLineItem", "product": ref("product", "mug"), "variantId": 1}
    for place, (key, value, target) in enumerate(
        (
            ("ten-off", _relative(1_000), lines), ("one-free", _relative(10_000), multi_buy),
            ("welcome", _relative(500), lines), ("half-shipping", _relative(5_000), {"type": "shipping"}),
            ("five-off-all", _relative(500), {"type": "totalPrice"}), ("free-mug", gift, None),
        ),
        1,
    ):  # fmt: skip
        yield {
            "key": key, "name": texts(key, key, key), "value": value, "cartPredicate": "1 = 1",
            "sortOrder": f"0.{place:02}", "isActive": True, "requiresDiscountCode": key == "welcome",
            "references": [], "stores": [], "stackingMode": "Stacking",
            "recurringOrderScope": {"type": "AnyOrder"}, **({"target": target} if target else {}),
        }  # fmt: skip


def _relative(permyriad: int) -> Json:
    return {"type": "relative", "permyriad": permyriad}


def _discount_codes() -> Iterator[Json]:
    yield {
        "key": "welcome", "code": "WELCOME5", "name": texts("Willkommen", "Bienvenue", "Welcome"),
        "description": texts("Fünf Prozent", "Cinq pour cent", "Five per cent"),
        "cartDiscounts": [ref("cart-discount", "welcome")], "stores": [], "isActive": True, "references": [],
        "groups": ["new customers"], "maxApplications": 10_000, "maxApplicationsPerCustomer": 1, "cartPredicate": "1 = 1",
        "applicationVersion": 1,
    }  # fmt: skip
