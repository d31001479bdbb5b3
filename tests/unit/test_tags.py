"""Tags: what is added and what is removed, as a pure decision."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.tags import AddTag, RemoveTag, TagSet, changes_of, lacks_links

NAMES = st.text(alphabet="aAbBß:, ", min_size=1, max_size=4)
SEEN = st.dictionaries(NAMES, st.one_of(st.none(), st.sampled_from(["1", "2", "3"])), max_size=6)
WANTED = st.builds(
    TagSet,
    names=st.lists(NAMES, max_size=5, unique_by=str.casefold).map(tuple),
    owned=st.lists(NAMES, max_size=3).map(tuple),
)


def after(seen: Mapping[str, str | None], wanted: TagSet) -> dict[str, str | None]:
    """Return the tags that a contact has once all changes are made."""
    left = dict(seen)
    for change in changes_of(wanted, seen):
        if isinstance(change, AddTag):
            left[change.name] = "new"
        else:
            del left[change.name]
    return left


class TestChanges:
    def test_what_is_wanted_and_not_there_is_added(self):
        """Names that the contact lacks are added, in their order."""
        assert changes_of(TagSet(names=("a", "b", "c")), {"b": "1"}) == (AddTag("a"), AddTag("c"))

    def test_what_is_ours_and_not_wanted_is_removed(self):
        """Only what begins with an owned prefix goes, and by the link that it has."""
        wanted = TagSet(names=("tier: gold",), owned=("tier: ",))

        changes = changes_of(wanted, {"tier: silver": "7", "tier: gold": "8", "hero": "9"})

        assert changes == (RemoveTag("tier: silver", "7"),)

    def test_additions_come_first(self):
        """Nobody is for a moment in none of two segments."""
        wanted = TagSet(names=("tier: gold",), owned=("tier: ",))

        assert changes_of(wanted, {"tier: silver": "7"}) == (
            AddTag("tier: gold"),
            RemoveTag("tier: silver", "7"),
        )

    @pytest.mark.parametrize("there", ["VIP-old", "old VIP", "VI"])
    def test_a_name_is_compared_whole(self, there: str):
        """A tag that contains another, or part of it, is another."""
        assert changes_of(TagSet(names=("VIP",)), {there: "1"}) == (AddTag("VIP"),)

    @pytest.mark.parametrize("there", ["vip", "VIP", "Vip"])
    def test_names_have_no_case(self, there: str):
        """A tag that is there in other letters is there, and ours in other letters is ours."""
        assert changes_of(TagSet(names=("VIP",), owned=("v",)), {there: "1"}) == ()
        assert changes_of(TagSet(names=(), owned=("v",)), {there: "1"}) == (RemoveTag(there, "1"),)

    def test_where_nothing_is_ours_nothing_is_removed(self):
        """Without owned prefixes every tag stays."""
        assert changes_of(TagSet(names=()), {"a": "1", "b": None}) == ()

    def test_a_removal_without_a_link_is_to_be_looked_up(self):
        """Only a removal needs a link."""
        assert lacks_links((RemoveTag("a", None),))
        assert not lacks_links((AddTag("a"), RemoveTag("b", "1")))


class TestAlways:
    @given(WANTED, SEEN)
    def test_all_that_is_wanted_is_there_afterwards(self, wanted: TagSet, seen: dict[str, str | None]):
        """Whatever was there before, each wanted name is there, whatever its case."""
        there = {name.casefold() for name in after(seen, wanted)}

        assert {name.casefold() for name in wanted.names} <= there

    @given(WANTED, SEEN)
    def test_nothing_foreign_is_touched(self, wanted: TagSet, seen: dict[str, str | None]):
        """What begins with no owned prefix is there afterwards as it was."""
        owned = tuple(prefix.casefold() for prefix in wanted.owned)
        foreign = {n: link for n, link in seen.items() if not (owned and n.casefold().startswith(owned))}

        assert foreign.items() <= after(seen, wanted).items()

    @given(WANTED, SEEN)
    def test_twice_changes_nothing_more(self, wanted: TagSet, seen: dict[str, str | None]):
        """Once all changes are made there is nothing left to change."""
        assert changes_of(wanted, after(seen, wanted)) == ()
