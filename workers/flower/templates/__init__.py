"""Templates: ours are found first, and Flower's own where we have none of that name."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tornado.template import Loader, Template

from workers.flower import door
from workers.flower.page import Page

OURS = Path(__file__).parent
NAVBAR = "navbar.html"
#: Where Flower's list of tabs ends: ours come last.
END_OF_TABS = "</ul>"


def moment(at: datetime | None) -> str:
    """
    Return an instant as people read it, in UTC; nothing for none.

    >>> moment(datetime(2026, 11, 24, 9, 5, 7, 123, tzinfo=UTC))
    '2026-11-24 09:05:07'
    """
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


class Overlay(Loader):
    """Flower's own loader with our folder before its own, and our tabs in its navigation."""

    def __init__(self, pages: Sequence[Page]) -> None:
        super().__init__(door.settings["template_path"], namespace={"our_pages": pages, "moment": moment})

    def _create_template(self, name: str) -> Template:
        if (OURS / name).is_file():
            return Template((OURS / name).read_bytes(), name=name, loader=self)
        if name != NAVBAR:
            return super()._create_template(name)
        before, end, after = (Path(self.root) / name).read_text("utf-8").partition(END_OF_TABS)
        return Template(f'{before}{{% include "our_tabs.html" %}}{end}{after}', name=name, loader=self)
