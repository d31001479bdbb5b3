"""What is put on shopping lists: once each, by whom, since when, and whether it is of the past."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.event import Event, EventItem, EventKind
from ct_ac_sync.domain.identity import CustomerId
from ct_ac_sync.domain.shopping_list import ListItem, ShoppingList
from ct_ac_sync.mapping.events.shopping_lists import events_of_list
from ct_ac_sync.mapping.events.sight import Sight

BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
SIGHT = Sight(noticed_at=BEGAN + timedelta(days=30), cutover=BEGAN)
ANN = CustomerId("ann")


def later(minutes: float) -> datetime:
    """Return an instant as many minutes after the beginning."""
    return BEGAN + timedelta(minutes=minutes)


def item(id_: str, *, added: float = 0, product: str = "p1", variant: str | None = "1", quantity: int = 1) -> ListItem:  # fmt: skip
    """Return a line that was put on its list so many minutes after the beginning."""
    return ListItem(id=id_, product_id=product, variant_id=variant, quantity=quantity, added_at=later(added))


def listing(*items: ListItem, version: int = 1, **changes: Any) -> ShoppingList:
    """Return a list that was last modified as many minutes after its beginning as it has versions."""
    known = {"created_at": BEGAN, "last_modified_at": later(version), "customer_id": ANN}
    return ShoppingList(id="s1", version=version, items=items, **known | changes)


def told(
    before: ShoppingList | None, after: ShoppingList, *, sight: Sight = SIGHT, is_historical: bool = False
) -> tuple[Event, ...]:
    """Return the events of a list."""
    return events_of_list(before, after, sight=sight, is_historical=is_historical)


def keys(before: ShoppingList | None, after: ShoppingList) -> list[str]:
    """Return the keys of the events of a list, of which all are of one kind and of now."""
    events = told(before, after)
    assert all(each.kind is EventKind.LIST_ITEM_ADDED and not each.is_historical for each in events)
    return [each.key for each in events]


class TestWhatIsPutOnAList:
    def test_an_event_says_what_and_since_when(self):
        """A line tells its list, itself, its product and variant, and how many, at the time it says."""
        (event,) = told(None, listing(item("l1", added=0.5, variant="2", quantity=3)))

        assert event == Event(
            kind=EventKind.LIST_ITEM_ADDED, key="s1/l1", happened_at=later(0.5), stream="shopping_lists", id="s1",
            items=(EventItem("l1", 3),), details=(("product", "p1"), ("variant", "2")),
        )  # fmt: skip

    def test_a_variant_may_be_left_open(self):
        """A line that means whichever variant is the master names none."""
        (event,) = told(None, listing(item("l1", variant=None)))

        assert event.details == (("product", "p1"),)

    def test_each_line_tells_itself_once(self):
        """At first sight every line is told, and later those alone that are new."""
        before = listing(item("l1"), item("l2"))
        after = listing(item("l1"), item("l2"), item("l3", added=2), version=3)

        assert keys(None, before) == ["s1/l1", "s1/l2"]
        assert keys(before, after) == ["s1/l3"]
        assert keys(after, replace(after, version=4)) == []

    def test_more_of_it_or_none_of_it_tells_nothing(self):
        """Another quantity is no other intent, and what is taken off is no event."""
        before = listing(item("l1"), item("l2"))

        assert keys(before, listing(item("l1", quantity=5), item("l2"), version=2)) == []
        assert keys(before, listing(item("l1"), version=2)) == []

    def test_what_is_put_there_again_is_another_line(self):
        """A product that comes back under another id is told again."""
        assert keys(listing(item("l1")), listing(item("l2", added=1.5), version=2)) == ["s1/l2"]


class TestWhose:
    def test_a_list_of_nobody_tells_nothing(self):
        """Of an anonymous session nothing is told, at first sight or later."""
        before = listing(item("l1"), customer_id=None)
        after = listing(item("l1"), item("l2", added=1), version=2, customer_id=None)

        assert keys(None, before) == keys(before, after) == []

    def test_who_takes_it_over_has_put_there_what_is_on_it(self):
        """Once it is somebody's, all that is on it is told, at the time when that became so."""
        before = listing(item("l1"), customer_id=None)
        events = told(before, listing(item("l1"), item("l2", added=4.5), version=5))

        assert [(each.key, each.happened_at) for each in events] == [("s1/l1", later(5)), ("s1/l2", later(5))]

    def test_another_customer_takes_over_no_intent(self):
        """A list that is given from one customer to another tells nothing anew."""
        assert keys(listing(item("l1")), listing(item("l1"), version=2, customer_id=CustomerId("bo"))) == []


class TestWhen:
    @pytest.mark.parametrize(("added", "expected"), [(1.5, 1.5), (0.2, 1), (7, 2)])
    def test_a_time_that_cannot_be_is_bounded(self, added: float, expected: float):
        """A line was not there before the version that lacks it, nor put there after the one that has it."""
        (event,) = told(listing(version=1), listing(item("l1", added=added), version=2))

        assert event.happened_at == later(expected)

    def test_nothing_is_put_there_before_there_is_a_list(self):
        """At first sight the earliest that can be is when the list was made."""
        (event,) = told(None, listing(item("l1", added=1), version=5, created_at=later(3)))

        assert event.happened_at == later(3)

    def test_nothing_happens_after_it_was_noticed(self):
        """Where the shop's clock runs ahead, an event is of when it was noticed."""
        sight = Sight(noticed_at=later(1), cutover=BEGAN)
        (event,) = told(None, listing(item("l1", added=9), version=9), sight=sight)

        assert event.happened_at == later(1)

    def test_old_lists_begin_to_tell_with_their_next_line(self):
        """Of a list that is far older than its first sight the old lines are of the past, and a new one is not."""
        after = listing(item("l1", added=-9), item("l2", added=1), version=40, created_at=later(-99))

        assert [(each.key, each.is_historical) for each in told(None, after)] == [
            ("s1/l1", True),
            ("s1/l2", False),
        ]

    def test_what_is_brought_from_elsewhere_with_its_date_is_old(self):
        """A line that is said to be there since before the start is of the past, whenever it is moved there."""
        for before in (None, listing(), listing(customer_id=None)):
            (event,) = told(before, listing(item("l1", added=-5), version=3))
            assert event.is_historical

    def test_an_import_begins_in_the_past_and_goes_on_now(self):
        """What an imported list begins with is of the past, and what is put on it later is not."""
        before = listing(item("l1"), is_imported=True)
        (begun,) = told(None, before)
        (added,) = told(before, listing(item("l1"), item("l2", added=2), version=2, is_imported=True))

        assert (begun.is_historical, added.is_historical) == (True, False)

    def test_all_is_historical_where_that_is_said(self):
        """Whoever reads the past says so."""
        (event,) = told(None, listing(item("l1")), is_historical=True)

        assert event.is_historical


@st.composite
def lives(draw: st.DrawFn) -> list[ShoppingList]:
    """Return the versions of a list that somebody lives with, who may be nobody known at first."""
    items: list[ListItem] = []
    versions: list[ShoppingList] = []
    owner = draw(st.sampled_from([None, ANN]))
    for version in range(1, draw(st.integers(2, 8)) + 1):
        match draw(st.sampled_from(["add", "more", "remove", "sign in"])):
            case "more" if items:
                items = [items[0]._replace(quantity=items[0].quantity + 1), *items[1:]]
            case "remove" if items:
                items = items[1:]
            case "sign in":
                owner = ANN
            case _:
                items = [*items, item(f"l{version}", added=version)]
        versions.append(listing(*items, version=version, customer_id=owner))
    return versions


class TestLives:
    @given(lives(), st.data())
    def test_whichever_versions_are_seen_each_line_is_told_once(
        self, versions: list[ShoppingList], data: st.DataObject
    ):
        """Of what is on somebody's list at a look each line is told at one of the looks, and never at two."""
        chosen = data.draw(st.sets(st.integers(0, len(versions) - 1), min_size=1))
        seen = [versions[place] for place in sorted(chosen)]
        events = [event for pair in pairwise([None, *seen]) for event in told(*pair)]  # type: ignore[arg-type]

        shown = {f"s1/{each.id}" for one in seen if one.customer_id for each in one.items}
        assert len({each.key for each in events}) == len(events)
        assert {each.key for each in events} == shown

    @given(lives())
    def test_nothing_is_told_before_it_can_have_been(self, versions: list[ShoppingList]):
        """Every time lies between the versions that show the change."""
        for before, after in pairwise([None, *versions]):
            least = BEGAN if before is None else before.last_modified_at
            for event in told(before, after):  # type: ignore[arg-type]
                assert least <= event.happened_at <= after.last_modified_at
