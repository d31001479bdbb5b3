"""Formats: what a custom field of each type is sent, in the vendor's own form."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.values import FieldType
from ct_ac_sync.mapping.formats import MOST_CHARACTERS, Wire, clean, wire_value
from tests.unit.wire import is_shown

COLOURS = ("Dark Red", "Blue", "green")
VALUES = st.lists(st.text(st.characters(exclude_categories=[]), max_size=20), max_size=4)


def sent(type_: FieldType, *values: str, options: Any = (), zone: Any = UTC) -> Wire:
    """Return what a field is sent."""
    return wire_value(type_, values, options=options, zone=zone)


class TestTypes:
    @pytest.mark.parametrize(
        ("type_", "values", "text"),
        [
            (FieldType.TEXT, ["a", "b"], "a, b"),
            (FieldType.TEXT, [" a\r\n\tb\x00 "], "a b"),
            (FieldType.HIDDEN, ["x\ud800y"], "x y"),
            (FieldType.TEXT, ["שלום 👋"], "שלום 👋"),
            (FieldType.TEXTAREA, ["one\r\n two \x07\nthree\n"], "one\ntwo\nthree"),
            (FieldType.DATE, ["1990-02-28"], "1990-02-28"),
            (FieldType.DATE, ["2026-03-01T23:30:00.000Z"], "2026-03-01"),
            (FieldType.DATETIME, ["2026-03-01T10:00:00.123Z"], "2026-03-01T10:00:00+00:00"),
            (FieldType.DATETIME, ["2026-03-01"], "2026-03-01T00:00:00+00:00"),
            (FieldType.NUMBER, ["0012.50"], "12.50"),
            (FieldType.NUMBER, ["-0"], "0"),
            (FieldType.TEXT, [], ""),
            (FieldType.DROPDOWN, [], ""),
            (FieldType.LISTBOX, [], ""),
        ],
    )
    def test_each_type(self, type_: FieldType, values: list[str], text: str):
        """Each type has its form, and no value clears."""
        assert sent(type_, *values) == Wire(text)

    def test_a_zone_decides_the_day(self):
        """The day of an instant is the day in the zone."""
        zone = ZoneInfo("Europe/Berlin")

        assert sent(FieldType.DATE, "2026-03-01T23:30:00Z", zone=zone).text == "2026-03-02"
        assert sent(FieldType.DATETIME, "2026-07-01T10:00:00", zone=zone).text == "2026-07-01T10:00:00+02:00"

    @pytest.mark.parametrize("type_", [FieldType.DROPDOWN, FieldType.RADIO])
    def test_a_choice_is_exactly_an_option(self, type_: FieldType):
        """The option's own text is sent, because any other does not show there."""
        assert sent(type_, "dark red", options=COLOURS) == Wire("Dark Red")
        assert sent(type_, "anything") == Wire("anything")

    @pytest.mark.parametrize("type_", [FieldType.LISTBOX, FieldType.CHECKBOX])
    def test_several_choices_stand_between_bars(self, type_: FieldType):
        """Choices have bars around them, each once, in the order of the options."""
        assert sent(type_, "green", "DARK RED", "green", options=COLOURS) == Wire("||Dark Red||green||")
        assert sent(type_, "one") == Wire("||one||")
        assert sent(type_, "a||b", "|c|") == Wire("||a|b||c||")

    @pytest.mark.parametrize("type_", [FieldType.DROPDOWN, FieldType.LISTBOX])
    def test_what_is_no_option_is_left_out_and_told(self, type_: FieldType):
        """A value that is not among the options is never silently gone."""
        wire = sent(type_, "pink", options=COLOURS)

        assert wire == Wire("", ("'pink' is not an option",))

    def test_an_exact_option_goes_before_one_in_another_case(self):
        """Two options that differ in case alone are told apart."""
        assert sent(FieldType.DROPDOWN, "b", options=("B", "b")) == Wire("b")

    @pytest.mark.parametrize(
        ("type_", "what"),
        [(FieldType.DATE, "date"), (FieldType.DATETIME, "time"), (FieldType.NUMBER, "number")],
    )
    def test_what_cannot_be_read_is_left_out_and_told(self, type_: FieldType, what: str):
        """The vendor is never sent a date or number that is none."""
        assert sent(type_, "soon") == Wire("", (f"not a {what}",))

    def test_of_several_the_first_is_sent(self):
        """A type that holds one value takes the first, and a remark says so."""
        assert sent(FieldType.NUMBER, "3", "1") == Wire("3", ("2 values, the first is sent",))
        assert sent(FieldType.RADIO, "green", "Blue", options=COLOURS) == Wire(
            "green", ("2 values, the first is sent",)
        )

    @pytest.mark.parametrize("type_", MOST_CHARACTERS)
    def test_a_text_is_cut_at_its_length(self, type_: FieldType):
        """An accident of a text is cut, and a remark says so."""
        most = MOST_CHARACTERS[type_]

        assert sent(type_, "x" * most) == Wire("x" * most)
        assert sent(type_, "x" * 5001) == Wire("x" * most, (f"longer than {most} characters",))

    @pytest.mark.parametrize("type_", list(FieldType))
    @given(VALUES, st.lists(st.text(min_size=1, max_size=5), max_size=3))
    def test_every_type_takes_every_text(self, type_: FieldType, values: list[str], options: list[str]):
        """Whatever the values, what is sent can be written, holds no control character, and fits."""
        text = sent(type_, *values, options=options).text

        text.encode()
        assert is_shown(text.replace("\n", ""))
        assert len(text) <= 5_000


class TestClean:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\x00\x07Ann\tLee\u2028", "Ann Lee"),
            ("Ann\u00a0\u3000Lee", "Ann Lee"),
            ("x\ud800y \ue000", "x y"),
            ("\ufeffשלם\u200f \u202eabc\u202c", "שלם abc"),
            ("Donau\u00addampf", "Donaudampf"),
            ("👩\u200d👩\u200d👧 🇨🇭 👋🏽", "👩\u200d👩\u200d👧 🇨🇭 👋🏽"),
            ("ශ්\u200dරී می\u200cترسم", "ශ්\u200dරී می\u200cترسم"),
            ("\u200d a \u200c\u200d b\u200c", "a b"),
            ("\U0001fae9 \U000323b0", "\U0001fae9 \U000323b0"),
            ("a\ufffe\U0010ffff\ufdd0b", "ab"),
        ],
    )
    def test_what_people_are_called_stays(self, text: str, shown: str):
        """Joined letters and pictures stay joined and new ones stay; what only formats or controls goes."""
        assert clean(text) == shown

    def test_nothing_is_cut_within_a_join(self):
        """A text that is cut ends with what can be seen."""
        assert clean("👩\u200d👧", most=2) == "👩"

    @given(st.text(st.characters(exclude_categories=[]), max_size=50))
    def test_names_are_clean(self, text: str):
        """A name has no control character and no surplus blank, and cleaning it again changes nothing."""
        shown = clean(text, most=20)

        assert shown == " ".join(shown.split()) == clean(shown, most=20)
        assert is_shown(shown)
        assert len(shown) <= 20
