"""What a page of ours is: a later page is one module that says so, and a line in their list."""

from dataclasses import dataclass

from workers.flower.door import FlowerHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One page inside Flower.

    Attributes:
        name: What links and tabs call it.
        pattern: Its path; groups become arguments of its handler.
        tab: Its title in Flower's navigation; None for a page that another one leads to.
    """

    name: str
    pattern: str
    handler: type[FlowerHandler]
    tab: str | None = None
