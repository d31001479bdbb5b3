"""Products: what a buyer would say of them, whatever they hold."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.clients.commercetools.references import IDS_A_QUERY, MOST_CHARACTERS, kept, pages
from ct_ac_sync.configuration.expression import Expression, Root, parse_template
from ct_ac_sync.configuration.values import ProductsConfig
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.mapping.product import to_context
from tests.unit.wire import money

SHOES, BOOTS, SALE = (
    {"id": "shoes", "name": {"en": "Shoes", "de": "Schuhe"}, "ancestors": []},
    {
        "id": "boots", "name": {"en": "Boots", "de": "Stiefel"},
        "ancestors": [{"typeId": "category", "id": "shoes"}],
    },
    {"id": "sale", "key": "sale-2026", "name": {}, "ancestors": []},
)  # fmt: skip


class Shelf:
    """Knows the resources it was given, and which were asked for."""

    def __init__(self, *resources: tuple[str, Mapping[str, Any]]) -> None:
        self._by_id = {(kind, str(each["id"])): each for kind, each in resources}
        self.asked: set[tuple[str, str]] = set()

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return a resource."""
        self.asked.add((kind, id_))
        return self._by_id.get((kind, id_))


CATALOGUE = Shelf(
    ("category", SHOES),
    ("category", BOOTS),
    ("category", SALE),
    ("product", {"id": "p9", "key": "polish", "name": {"en": "Polish", "de": "Politur"}}),
)


def to(kind: str, *ids: str) -> list[dict[str, str]]:
    """Return references."""
    return [{"typeId": kind, "id": id_} for id_ in ids]


def a_product(**changes: Any) -> dict[str, Any]:
    """Return a projection with two variants."""
    known: dict[str, Any] = {
        "id": "p1", "version": 4, "key": "hiker", "name": {"en": "Hiker", "de": "Wanderer"},
        "slug": {"en": "hiker", "de": "wanderer"}, "categories": to("category", "boots", "sale"),
        "masterVariant": {
            "id": 1, "sku": "H-1", "images": [{"url": "https://i/1.png"}, {"url": "https://i/1b.png"}],
            "attributes": [{"name": "brand", "value": "Fell"}, {"name": "size", "value": 41}],
        },
        "variants": [
            {
                "id": 2, "sku": "H-2", "images": [{"url": "https://i/2.png"}],
                "attributes": [{"name": "brand", "value": "Fell"}, {"name": "size", "value": 42}],
            },
        ],
    }  # fmt: skip
    return known | changes


def context(product: Any, **given_: Any) -> ProductContext:
    """Return the context of a product, in German unless said otherwise."""
    known: dict[str, Any] = {"locale": "de-DE", "config": ProductsConfig(brand="brand"), "lookup": CATALOGUE}
    return to_context(product, **known | given_)


def told(value: Any, **given_: Any) -> str:
    """Return the text of an attribute with a value."""
    product = a_product(masterVariant={"id": 1, "attributes": [{"name": "one", "value": value}]}, variants=[])
    return dict(context(product, **given_).attributes).get("one", "")


class TestContext:
    def test_a_product_is_told_in_its_buyers_language(self):
        """Categories, brand, attributes, tags, address and image are those of the variant that was bought."""
        config = ProductsConfig(
            brand="brand",
            attributes=("size", "brand"),
            url=Expression(template=parse_template("https://shop/{product.slug}?v={line.variant.id}")),
        )

        found = context(a_product(), variant_id="2", config=config, roots={Root.LINE: {"variant": {"id": 2}}})

        assert found == ProductContext(
            category="Schuhe > Stiefel",
            categories=("Schuhe > Stiefel", "sale-2026"),
            brand="Fell",
            attributes=(("brand", "Fell"), ("size", "42")),
            tags=("42", "Fell"),
            url="https://shop/wanderer?v=2",
            image_url="https://i/2.png",
        )

    def test_a_language_that_is_not_there_falls_back(self):
        """Without a text in the buyer's language the fallbacks are tried in their order."""
        found = context(a_product(), locale="fr-FR", fallbacks=("it", "en"))

        assert found.category == "Shoes > Boots"

    def test_the_separator_is_declared(self):
        """Category paths are joined as the configuration says."""
        config = ProductsConfig(category_separator="/")

        assert context(a_product(), config=config).category == "Schuhe/Stiefel"

    def test_a_category_that_is_gone_is_left_out(self):
        """A deleted category has no path, and a deleted ancestor no place in one."""
        lookup = Shelf(("category", BOOTS))

        found = context(a_product(), lookup=lookup)

        assert found.categories == ("Stiefel",)

    def test_all_categories_are_asked_for_at_once(self):
        """One that is not known yet keeps no other from being asked for, so that few rounds are needed."""
        lookup = Shelf()

        context(a_product(categories=to("category", "a", "b", "c")), lookup=lookup)

        assert lookup.asked == {("category", "a"), ("category", "b"), ("category", "c")}


class TestVariant:
    @pytest.mark.parametrize(
        ("named", "size"),
        [
            ({}, "41"),
            ({"variant_id": "2"}, "42"),
            ({"sku": "H-2"}, "42"),
            ({"variant_id": "2", "sku": "H-1"}, "42"),
            ({"variant_id": "7", "sku": "H-2"}, "42"),
        ],
    )
    def test_it_is_found_by_its_id_else_by_its_sku(self, named: dict[str, str], size: str):
        """The id within the product speaks first, and without either the master variant is meant."""
        assert dict(context(a_product(), **named).attributes)["size"] == size

    def test_of_one_that_is_gone_nothing_wrong_is_said(self):
        """A deleted variant has what all others agree on, and not the size of another."""
        found = context(a_product(), variant_id="7", sku="H-7")

        assert found.attributes == (("brand", "Fell"),)
        assert found.brand == "Fell"

    def test_the_products_own_attributes_count(self):
        """What the product says holds for each variant, unless the variant itself says otherwise."""
        own = [{"name": "care", "value": "wax"}, {"name": "brand", "value": "Nobody"}]

        found = context(a_product(attributes=own))

        assert dict(found.attributes) == {"care": "wax", "brand": "Fell", "size": "41"}

    def test_an_image_of_another_is_better_than_none(self):
        """A variant without an image is shown by the first one that there is."""
        master = a_product()["masterVariant"]

        found = context(a_product(variants=[{"id": 2, "images": []}]), variant_id="2")

        assert found.image_url == master["images"][0]["url"]


class TestIncomplete:
    def test_a_product_that_is_gone(self):
        """Of a deleted product nothing is known, which is no error."""
        assert context(None, variant_id="1", sku="H-1") == ProductContext()

    def test_its_address_may_still_be_known(self):
        """An address that is made of the line alone needs no product."""
        url = Expression(template=parse_template("https://shop/{line.productSlug.de}"))

        found = context(
            None, config=ProductsConfig(url=url), roots={Root.LINE: {"productSlug": {"de": "wanderer"}}}
        )

        assert found == ProductContext(url="https://shop/wanderer")

    def test_a_product_without_a_price_in_this_market(self):
        """A price is not looked for, so one that is not there changes nothing."""
        product = a_product()
        product["masterVariant"] |= {"price": None, "prices": []}

        assert context(product) == context(a_product())

    def test_a_modular_projects_product(self):
        """Without any variant what the product itself says is told, and no image."""
        product = a_product(variants=[], attributes=[{"name": "brand", "value": "Fell"}])
        del product["masterVariant"]

        found = context(product)

        assert (found.brand, found.image_url) == ("Fell", "")
        assert found.category == "Schuhe > Stiefel"

    @pytest.mark.parametrize("broken", [None, [], "x", {"id": None}, [None], [{"name": 1, "value": 2}]])
    def test_parts_that_are_not_what_they_should_be(self, broken: Any):
        """A part that cannot be read is left out, and the others are told."""
        parts = ("categories", "masterVariant", "variants", "attributes")

        assert all(isinstance(context(a_product(**{name: broken})), ProductContext) for name in parts)


class TestAttributes:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("red", "red"),
            (" red ", "red"),
            (12, "12"),
            (12.5, "12.5"),
            (True, "true"),
            (False, "false"),
            ("2026-03-01", "2026-03-01"),
            ("10:00:00.000", "10:00:00.000"),
            ("2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.123Z"),
            ({"en": "red", "de": "rot"}, "rot"),
            ({"key": "red", "label": "Red"}, "Red"),
            ({"key": "red", "label": {"en": "Red", "de": "Rot"}}, "Rot"),
            ({"key": "red"}, "red"),
            (money(1234), "12.34"),
            (money(1234, "JPY", 0), "1234"),
            ({"typeId": "product", "id": "p9"}, "Politur"),
            ({"typeId": "category", "id": "sale"}, "sale-2026"),
            ({"typeId": "product", "id": "gone"}, "gone"),
            ({"typeId": "key-value-document", "id": "o1"}, "o1"),
            (["wool", "felt"], "felt, wool"),
            (["wool", "wool"], "wool"),
            ([{"key": "b", "label": {"de": "Blau"}}, {"key": "r", "label": {"de": "Rot"}}], "Blau, Rot"),
            ([{"name": "grams", "value": 30}, {"name": "fibre", "value": {"de": "Wolle"}}],
             "grams: 30, fibre: Wolle"),
            ([[{"name": "grams", "value": 30}], [{"name": "grams", "value": 20}]], "grams: 20, grams: 30"),
            ([{"name": "parts", "value": [{"name": "sole", "value": "gum"}]}], "parts: sole: gum"),
            ([], ""),
            (None, ""),
            ("", ""),
        ],
    )  # fmt: skip
    def test_each_type_has_a_text(self, value: Any, text: str):
        """An attribute of every type that the vendor documents is told as a text, and an empty one is none."""
        assert told(value) == text

    def test_sets_have_an_order_of_ours(self):
        """The vendor's order of a set means nothing, so it changes nothing."""
        assert told(["b", "a", "c"]) == told(["c", "b", "a"])

    def test_a_set_gives_several_tags(self):
        """Each value of a set is a tag of its own, and none stands there twice."""
        attributes = [{"name": "fibre", "value": ["wool", "felt"]}, {"name": "lining", "value": "wool"}]
        product = a_product(masterVariant={"id": 1, "attributes": attributes})

        found = context(product, config=ProductsConfig(attributes=("fibre", "lining", "unknown")))

        assert found.tags == ("felt", "wool")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "name", "value", "typeId", "key", "label", "obj", "en", "centAmount", "type",
                         "fractionDigits", "ancestors", "attributes", "images", "url", "sku"]) | st.text(max_size=4),
        inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
PRODUCTS = JSON | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("masterVariant", "attributes", "slug", "name"), JSON)
    | {"variants": JSON | st.lists(JSON, max_size=3), "categories": JSON | st.lists(JSON, max_size=3)},
)


class Anything:
    """Says of every reference the same."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return what it was given."""
        return self._body if isinstance(self._body, dict) else None


class TestProperties:
    @given(PRODUCTS, JSON, st.none() | st.text(max_size=5), st.none() | st.text(max_size=5))
    def test_no_product_raises(self, product: Any, referenced: Any, locale: str | None, sku: str | None):
        """Whatever a product and its references hold, it has a context of texts, the same each time."""
        config = ProductsConfig(
            brand="name",
            attributes=("name", "key"),
            url=Expression(template=parse_template("{product.slug}")),
        )
        given_ = {"locale": locale, "sku": sku, "config": config, "lookup": Anything(referenced)}

        found = context(product, **given_)

        assert found == context(product, **given_)
        assert all(isinstance(text, str) for text in (*found.tags, *found.categories, found.url, found.brand))
        assert all(text for _, text in found.attributes)

    @given(PRODUCTS)
    def test_what_is_kept_of_a_product_is_enough(self, product: Any):
        """The reduced product that is cached has the context of the whole one."""
        if isinstance(product, dict):
            assert context(kept("product", product)) == context(product)


class TestKept:
    def test_prices_and_stocks_are_not_kept(self):
        """Of a product no price, stock or further image enters the cache, and all that describes it does."""
        master = a_product()["masterVariant"]
        priced = a_product(
            masterVariant=master | {"prices": [{"value": money(1)}], "availability": {"isOnStock": True}},
            searchKeywords={"en": []},
        )

        found = kept("product", priced)

        assert found == a_product(masterVariant=master | {"images": master["images"][:1]})

    def test_no_secret_is_kept(self):
        """Passwords, a payment's token and what its provider said stay out of the cache."""
        payment = {
            "id": "y", "interfaceInteractions": [{"fields": {"card": "4111"}}], "password": "p",
            "paymentMethodInfo": {"method": "card", "token": {"value": "t"}},
        }  # fmt: skip

        assert kept("payment", payment) == {"id": "y", "paymentMethodInfo": {"method": "card"}}


UUIDS = st.uuids().map(str)
KEYS = st.from_regex(r"[-_a-zA-Z0-9]{2,256}", fullmatch=True)


class TestPages:
    @given(st.lists(UUIDS | KEYS, max_size=300, unique=True))
    def test_each_id_is_asked_for_once_in_pages_that_fit(self, ids: list[str]):
        """Ids and keys are never mixed, and no page has more of them, or longer ones, than an address bears."""
        found = list(pages("type", ids))

        assert sorted(id_ for _, page in found for id_ in page) == sorted(ids)
        assert all(len(page) <= IDS_A_QUERY and sum(map(len, page)) <= MOST_CHARACTERS for _, page in found)

    @given(UUIDS)
    def test_stores_are_asked_for_by_key(self, key: str):
        """A store's key may have the form of an id, because records name stores by their keys alone."""
        assert list(pages("store", [key])) == [("key", (key,))]
