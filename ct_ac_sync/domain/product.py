"""What is known of a product besides what an order line itself says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductContext:
    """
    A product as a buyer would describe it, in one language; empty where nothing is known.

    Attributes:
        category: The path of its first category, root first.
        categories: The paths of all of them.
        attributes: Names and texts of its variant's attributes, sorted.
        tags: Of these, the texts of those that line items carry.
    """

    category: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    url: str = ""
    image_url: str = ""
