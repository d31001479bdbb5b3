"""The kinds of resources: where each is asked for, what opens it, what predicates may name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ct_ac_sync.sandbox.commercetools.fields import FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    A kind of resource.

    Attributes:
        name: What references to it have as `typeId`.
        path: Where it is asked for, below the project.
        scopes: What an API client needs one of to read it, besides `manage_project`.
        shelf: The kind it is kept as; a projection has no shelf of its own.
        is_written: Whether the API lets it be written here; the others change by the shop's doors.
    """

    name: str
    path: str
    scopes: tuple[str, ...]
    shelf: str
    is_written: bool = False

    @property
    def fields(self) -> Mapping[str, Any]:
        """What predicates and sort expressions may name."""
        return FIELDS[self.name]

    @property
    def query(self) -> str:
        """What the call log calls its query."""
        return f"query_{self.path.replace('-', '_')}"

    def operation(self, verb: str) -> str:
        """Return what the call log calls a call for one of it."""
        return f"{verb}_{self.name.replace('-', '_')}"


def _kind(path: str, *scopes: str, name: str = "", shelf: str = "", is_written: bool = False) -> Kind:
    name = name or path.removesuffix("s")
    of_noun = [f"{verb}_{path.replace('-', '_')}" for verb in ("view", "manage")]
    return Kind(
        name=name, path=path, scopes=tuple(scopes or of_noun), shelf=shelf or name, is_written=is_written
    )


_PRODUCT = ("view_products", "manage_products")
#: What references to custom objects have as `typeId` (vendor: ReferenceTypeId).
OBJECT = "key-value-document"
#: Whoever may see products, orders or customers sees custom objects too (vendor's specification).
_OBJECT = tuple(
    f"{verb}_{noun}"
    for verb in ("view", "manage")
    for noun in ("key_value_documents", "products", "orders", "customers")
)

#: Every kind by its name; scopes as the vendor's page on scopes has them.
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("customers", is_written=True),
        _kind("orders", is_written=True),
        _kind("payments"),
        _kind("carts", "view_orders", "manage_orders"),
        _kind("shopping-lists"),
        _kind("messages", "view_messages"),
        _kind("products", "view_published_products", *_PRODUCT),
        _kind("product-projections", "view_published_products", *_PRODUCT, shelf="product"),
        _kind("product-types", *_PRODUCT),
        _kind("categories", "view_categories", "manage_categories", *_PRODUCT, name="category"),
        _kind("stores"),
        _kind("channels", "view_channels", "manage_channels", *_PRODUCT),
        _kind("customer-groups"),
        _kind("types"),
        _kind("discount-codes"),
        _kind("cart-discounts"),
        _kind("states"),
        _kind("custom-objects", *_OBJECT, name=OBJECT),
    )
}
SHELVES: Mapping[str, Kind] = {name: kind for name, kind in KINDS.items() if kind.shelf == name}
SCOPES = (*sorted({scope for kind in KINDS.values() for scope in kind.scopes}), "view_project_settings", "manage_project")  # fmt: skip
