"""
Containers: custom objects are swept container by container, each from its own watermark.

The place that a sweep has reached is a container and the last id seen in it, as one text.  A
container that is asked for later than others is read from its beginning, and what it holds when
that begins is of the past.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ct_ac_sync.ports import Page
from ct_ac_sync.store.custom_objects import ContainerRead

#: Between a container and an id; neither has it (vendor documentation, CustomObject).
BETWEEN = "/"


@dataclass(frozen=True, slots=True)
class Turn:
    """A container whose turn it is, and the last id seen in it."""

    container: str
    after: str | None


class Containers:
    """The containers of one source, in their order."""

    def __init__(self, names: Iterable[str], known: Mapping[str, ContainerRead]) -> None:
        """*known* says how far those were read that ever were."""
        self.names = tuple(sorted(names))
        self._known = known

    def turn(self, place: str | None) -> Turn | None:
        """Return whose turn it is where a sweep has reached *place*; None where none is left."""
        container, _, after = (place or "").partition(BETWEEN)
        name = next((each for each in self.names if each >= container), None)
        return Turn(name, (after or None) if name == container else None) if name is not None else None

    def since(self, turn: Turn, overlap: timedelta | None) -> datetime | None:
        """Return from when on a container is read; None for all that it holds."""
        known = self._known.get(turn.container)
        return known.watermark - overlap if known and overlap is not None else None

    def cutover(self, place: str | None, begun_at: datetime) -> datetime:
        """Return since when what is new is no past where a sweep that began at *begun_at* has reached *place*."""
        turn = self.turn(place)
        known = self._known.get(turn.container) if turn else None
        return known.cutover if known else begun_at

    def turned(self, turn: Turn, page: Page) -> Page:
        """Return a page of a container as one of the sweep through all: the last one of it leads to the next."""
        following = next((each for each in self.names if each > turn.container), None)
        if page.is_last and following is not None:
            return replace(page, is_last=False, last_id=f"{following}{BETWEEN}")
        last = f"{turn.container}{BETWEEN}{page.last_id}" if page.last_id is not None else None
        return replace(page, last_id=last)
