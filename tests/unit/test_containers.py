"""Containers: the place a sweep of custom objects has reached, and from where each container is read."""

from datetime import UTC, datetime, timedelta

import pytest

from ct_ac_sync.ports import Page
from ct_ac_sync.store.custom_objects import ContainerRead
from ct_ac_sync.sync.containers import Containers, Turn

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONTAINERS = Containers(["b", "a", "c"], {"b": ContainerRead(NOON, NOON - HOUR)})


def page(last_id: str | None, *, is_last: bool) -> Page:
    """Return a page that ends with an id."""
    return Page(records=(), unreadable=(), answered_at=NOON, is_last=is_last, last_id=last_id)


class TestTurns:
    @pytest.mark.parametrize(
        ("place", "turn"),
        [
            (None, Turn("a", None)), ("a/7", Turn("a", "7")), ("b/", Turn("b", None)), ("c/7", Turn("c", "7")),
            ("ab/7", Turn("b", None)), ("d/7", None),
        ],
    )  # fmt: skip
    def test_a_place_says_whose_turn_it_is(self, place: str | None, turn: Turn | None):
        """A sweep goes on in its container, or in the next where that is not asked for any more."""
        assert CONTAINERS.turn(place) == turn

    def test_a_sweep_goes_through_all(self):
        """The last page of a container leads to the next one, and that of the last ends the sweep."""
        pages = [
            CONTAINERS.turned(Turn("a", None), page("1", is_last=False)),
            CONTAINERS.turned(Turn("a", "1"), page(None, is_last=True)),
            CONTAINERS.turned(Turn("c", None), page("9", is_last=True)),
            CONTAINERS.turned(Turn("c", None), page(None, is_last=True)),
        ]

        assert [(each.last_id, each.is_last) for each in pages] == [
            ("a/1", False), ("b/", False), ("c/9", True), (None, True),
        ]  # fmt: skip


class TestWindows:
    def test_each_begins_with_its_own_watermark(self):
        """A container that was read is read from its watermark, less the overlap, and any other from its beginning."""
        assert CONTAINERS.since(Turn("b", None), HOUR) == NOON - HOUR
        assert CONTAINERS.since(Turn("a", None), HOUR) is None
        assert CONTAINERS.since(Turn("b", None), None) is None

    def test_each_has_its_own_cutover(self):
        """What a container held when it was first asked for is of the past, whatever others were before."""
        later = NOON + HOUR

        assert CONTAINERS.cutover("b/3", later) == NOON - HOUR
        assert CONTAINERS.cutover("a/3", later) == CONTAINERS.cutover(None, later) == later
