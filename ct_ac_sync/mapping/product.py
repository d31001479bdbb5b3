"""
Products become what a buyer would say of them, in one language.

Nothing here raises, whatever a product holds: it may be deleted, without a price in this
market, without variants, or hold attributes of any type; what cannot be told is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ct_ac_sync.configuration.expression import Root
from ct_ac_sync.configuration.values import Configuration, ProductsConfig
from ct_ac_sync.domain.order import LineItem
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.mapping.evaluate import Lookup, Scope, evaluate
from ct_ac_sync.mapping.texts import pick, texts_of

#: Between the values of a set, and the parts of a nested attribute.
SEPARATOR = ", "
#: Attributes in attributes; the vendor nests no deeper.
MOST_NESTED = 5


def to_context(
    product: Mapping[str, Any] | None,
    *,
    sku: str | None = None,
    variant_id: str | None = None,
    locale: str | None,
    fallbacks: Sequence[str] = (),
    config: ProductsConfig,
    lookup: Lookup,
    roots: Mapping[Root, Any] | None = None,
) -> ProductContext:
    """
    Return what is known of *product*, or of the one of its variants that is named.

    Args:
        product: Its projection; None where it is gone.
        sku, variant_id: Its variant; without either, its master variant.
        locale, fallbacks: In which language texts are shown, best first.
        roots: What else the address of its page may be made of.
    """
    locales = tuple(each for each in (locale, *fallbacks) if each)
    body = _object(product)
    variants = _variants(body)
    variant = _chosen(variants, sku=sku, variant_id=variant_id)
    attributes = _attributes(body, variants, variant)
    teller = _Teller(lookup, locales)
    texts = {name: teller.texts(value) for name, value in attributes.items()}
    paths = tuple(dict.fromkeys(_paths(body, teller, config.category_separator)))
    scope = Scope(roots={**(roots or {}), Root.PRODUCT: body}, lookup=lookup, locales=locales)
    return ProductContext(
        category=paths[0] if paths else "",
        categories=paths,
        brand=SEPARATOR.join(texts.get(config.brand or "", ())),
        attributes=tuple((name, SEPARATOR.join(each)) for name, each in sorted(texts.items()) if each),
        tags=tuple(dict.fromkeys(text for name in config.attributes for text in texts.get(name, ()))),
        url=next(iter(evaluate(config.url, scope).values), "") if config.url else "",
        image_url=_image(variant, variants),
    )


# -- variants -------------------------------------------------------------------------


def variant_of(product: Mapping[str, Any], *, variant_id: str | None) -> Mapping[str, Any] | None:
    """Return a variant of *product*, without an id the master; None where it is gone."""
    return _chosen(_variants(product), sku=None, variant_id=variant_id)


def _variants(product: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all variants, the master first; a modular project's products have none."""
    found = (product.get("masterVariant"), *_items(product.get("variants")))
    return [each for each in found if isinstance(each, Mapping)]


def _chosen(
    variants: Sequence[Mapping[str, Any]], *, sku: str | None, variant_id: str | None
) -> Mapping[str, Any] | None:
    """Return the variant that is named, by its id rather than its sku; None where it is gone."""
    if not sku and not variant_id:
        return next(iter(variants), None)
    by_id = (each for each in variants if variant_id and str(each.get("id")) == variant_id)
    by_sku = (each for each in variants if sku and each.get("sku") == sku)
    return next(by_id, None) or next(by_sku, None)


def _attributes(
    product: Mapping[str, Any], variants: Sequence[Mapping[str, Any]], variant: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return the product's own and the variant's; of one that is gone, what all others agree on."""
    own = _by_name(product.get("attributes"))
    if variant is not None:
        return {**own, **_by_name(variant.get("attributes"))}
    several = [_by_name(each.get("attributes")) for each in variants]
    first = next(iter(several), {})
    common = {
        n: value for n, value in first.items() if all(n in each and each[n] == value for each in several)
    }
    return {**own, **common}


def _by_name(attributes: Any) -> Mapping[str, Any]:
    return {
        each["name"]: each.get("value")
        for each in _items(attributes)
        if isinstance(each, Mapping) and isinstance(each.get("name"), str)
    }


def _image(variant: Mapping[str, Any] | None, variants: Sequence[Mapping[str, Any]]) -> str:
    """Return the address of its first image, else of the first one that any variant has."""
    for each in (variant or {}, *variants):
        for image in _items(each.get("images"))[:1]:
            if isinstance(image, Mapping) and isinstance(url := image.get("url"), str) and url.strip():
                return url.strip()
    return ""


# -- categories -----------------------------------------------------------------------


def _paths(product: Mapping[str, Any], teller: "_Teller", separator: str) -> Iterator[str]:
    """Give the path of each of its categories that is still there, root first."""
    categories = [teller.resolve(each) for each in _items(product.get("categories"))]
    for category in categories:
        if category is None:
            continue
        ancestors = [teller.resolve(each) for each in _items(category.get("ancestors"))]
        names = [teller.name(each) for each in (*ancestors, category) if each is not None]
        if path := separator.join(filter(None, names)):
            yield path


# -- values ---------------------------------------------------------------------------


class _Teller:
    """Tells values in one language, and what references are called."""

    def __init__(self, lookup: Lookup, locales: Sequence[str]) -> None:
        self._lookup = lookup
        self._locales = locales

    def resolve(self, reference: Any) -> Mapping[str, Any] | None:
        """Return what a reference means: expanded where it is, else looked up."""
        if not isinstance(reference, Mapping):
            return None
        if isinstance(expanded := reference.get("obj"), Mapping):
            return expanded
        kind, id_ = reference.get("typeId"), reference.get("id") or reference.get("key")
        is_one = isinstance(kind, str) and isinstance(id_, str)
        return self._lookup.get(str(kind), str(id_)) if is_one else None

    def name(self, resource: Mapping[str, Any]) -> str:
        """Return what it is called: its name, else its key."""
        name = resource.get("name")
        shown = pick(name, self._locales) if isinstance(name, Mapping) else name
        called = (each.strip() for each in (shown, resource.get("key")) if isinstance(each, str))
        return next(filter(None, called), "")

    def texts(self, value: Any, *, nested: int = MOST_NESTED) -> tuple[str, ...]:
        """Return the texts of an attribute of any type: several of a set, in an order of ours."""
        match value:
            case list() if nested and any(_is_attribute(each) for each in value):
                told = self._parts(value, nested - 1)
                return (told,) if told else ()
            case list() if nested:
                several = (text for each in value for text in self.texts(each, nested=nested - 1))
                return tuple(sorted(dict.fromkeys(several)))
            case Mapping() if isinstance(value.get("typeId"), str):
                found = self.resolve(value)
                name = self.name(found) if found is not None else ""
                return (name,) if name else texts_of(value)
            case _:
                return tuple(each.strip() for each in texts_of(value, self._locales))

    def _parts(self, attributes: Sequence[Any], nested: int) -> str:
        """Return a nested attribute: the names of its parts, and what each says."""
        told = {
            name: SEPARATOR.join(self.texts(each, nested=nested))
            for name, each in _by_name(attributes).items()
        }
        return SEPARATOR.join(f"{name}: {text}" for name, text in told.items() if text)


def _is_attribute(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"name", "value"}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def contexts_of(
    lines: Iterable[LineItem],
    *,
    config: Configuration,
    lookup: Lookup,
    locale: str | None,
    roots: Mapping[Root, Any],
) -> Mapping[str, ProductContext]:
    """Return what is known of the products of *lines*, by the id of each; a deleted one stops nothing."""
    if config.products == ProductsConfig():
        return {}
    return {
        line.id: to_context(
            lookup.get("product", line.product_id), sku=line.sku, variant_id=line.variant_id,
            locale=locale, fallbacks=config.profile.locales, config=config.products,
            lookup=lookup, roots=roots,
        )
        for line in lines
        if line.variant_id
    }  # fmt: skip
