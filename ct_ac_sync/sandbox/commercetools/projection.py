"""
Products and their projections: one half of a product's data, as readers ask for it.

A product holds what is published (`current`) beside what is being worked on (`staged`);
a projection shows one of both.
"""

from collections.abc import Mapping
from typing import Any

from ct_ac_sync.sandbox.commercetools.project import Resource

DATA = (
    "name", "description", "slug", "categories", "categoryOrderHints", "metaTitle", "metaDescription",
    "metaKeywords", "searchKeywords", "masterVariant", "variants", "attributes",
)  # fmt: skip
_EMPTY: Mapping[str, Any] = {
    "name": {}, "slug": {}, "categories": [], "categoryOrderHints": {}, "searchKeywords": {},
    "masterVariant": {"id": 1, "prices": [], "images": [], "attributes": [], "assets": []}, "variants": [],
    "attributes": [],
}  # fmt: skip


def projection_of(product: Resource, *, is_staged: bool = False) -> Resource | None:
    """Return a product's projection; None where nothing of it is published."""
    master = product["masterData"]
    if not is_staged and not master["published"]:
        return None
    own = {name: value for name, value in product.items() if name != "masterData"}
    flags = {name: master[name] for name in ("published", "hasStagedChanges")}
    return {**own, **master["staged" if is_staged else "current"], **flags}


def product_of(projection: Mapping[str, Any]) -> Resource:
    """Return the product, published, of which *projection* is all there is."""
    data = {**_EMPTY, **{name: projection[name] for name in DATA if name in projection}}
    own = {
        name: value
        for name, value in projection.items()
        if name not in (*DATA, "published", "hasStagedChanges")
    }
    master = {
        "published": projection.get("published", True),
        "hasStagedChanges": projection.get("hasStagedChanges", False),
        "current": data,
        "staged": data,
    }
    return own | {"masterData": master}


def republished(product: Resource, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changes of a product that gets *changes* of its projection and is published."""
    master = product["masterData"]
    merged = {**master["current"], **{name: changes[name] for name in DATA if name in changes}}
    data = {name: value for name, value in merged.items() if value is not None}
    flags = {name: changes[name] for name in ("published", "hasStagedChanges") if name in changes}
    own = {
        name: value for name, value in changes.items() if name not in (*DATA, "published", "hasStagedChanges")
    }
    return own | {"masterData": {**master, "current": data, "staged": data, **flags}}
