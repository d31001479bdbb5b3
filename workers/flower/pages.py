"""All our pages, in the order of their tabs."""

from workers.flower import dead_letters
from workers.flower.page import Page

PAGES: tuple[Page, ...] = (*dead_letters.PAGES,)
