"""Transforms: a small vocabulary of total functions over texts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import WORDS, Takes, parse_transforms
from ct_ac_sync.mapping.transforms import transform

TEXTS = st.lists(st.text(max_size=30) | st.from_regex(r"[+]?[0-9 ()-]{1,18}", fullmatch=True), max_size=4)
ARGUMENTS: dict[Takes, Any] = {
    Takes.NOTHING: None, Takes.TEXT: ", ", Takes.COUNT: 3, Takes.PAIRS: {"a": "b", "*": "c"},
    Takes.ZONE: "Asia/Kolkata", Takes.COUNTRY: "DE",
}  # fmt: skip
EVERY = [{word: ARGUMENTS[takes]} for word, takes in WORDS.items()]


def done(values: list[str], *items: Any, country: str | None = None) -> tuple[str, ...]:
    """Return what values become."""
    return transform(values, parse_transforms(items), country=country)[0]


class TestVocabulary:
    @pytest.mark.parametrize(
        ("values", "item", "expected"),
        [
            (["  a ", " "], "strip", ("a",)),
            (["ÄRGER"], "lower", ("ärger",)),
            (["straße"], "upper", ("STRASSE",)),
            (["ANNA-MARIA o'neil", "van DEN berg"], "title", ("Anna-Maria O'neil", "Van Den Berg")),
            (["MARI\u0301A jose\u0301"], "title", ("Mari\u0301a Jose\u0301",)),
            ([], {"default": "none"}, ("none",)),
            (["", " "], {"default": "none"}, ("none",)),
            (["a"], {"default": "none"}, ("a",)),
            (["f", "m"], {"map": {"f": "Frau"}}, ("Frau", "m")),
            (["f", "m"], {"map": {"f": "Frau", "*": "Mensch"}}, ("Frau", "Mensch")),
            (["f", "m"], {"map": {"f": "Frau", "*": ""}}, ("Frau",)),
            (["a_b_c"], {"replace": {"_": " "}}, ("a b c",)),
            (["a", "b"], {"join": ", "}, ("a, b",)),
            ([], {"join": ", "}, ()),
            (["a; b;;c"], {"split": ";"}, ("a", "b", "c")),
            (["b", "a"], "first", ("b",)),
            (["b", "A", "a"], "sort", ("A", "a", "b")),
            (["b", "a", "b"], "unique", ("b", "a")),
            (["abc def"], {"cut": 4}, ("abc",)),
            (["DE 12-3 ٣"], "digits", ("123",)),
            (["2026-03-01T23:30:00.000Z"], "date", ("2026-03-01",)),
            (["2026-03-01T23:30:00.000Z"], {"date": "Europe/Berlin"}, ("2026-03-02",)),
            (["1990-02-28"], {"date": "America/New_York"}, ("1990-02-28",)),
            (["2026-03-01T23:30:00.123Z"], {"datetime": "Europe/Berlin"}, ("2026-03-02T00:30:00+01:00",)),
            (["12.345", "-0.001", "7"], {"number": 2}, ("12.35", "0.00", "7.00")),
            (["0.5", "1.5"], {"number": 0}, ("1", "2")),
        ],
    )
    def test_each_word(self, values: list[str], item: Any, expected: tuple[str, ...]):
        """Each word does what the documentation says of it."""
        assert done(values, item) == expected

    @pytest.mark.parametrize(
        ("text", "country", "expected"),
        [
            ("+49 (0)30 901820", None, "+4930901820"),
            ("030 901820", "DE", "+4930901820"),
            ("(212) 555-0123", "US", "+12125550123"),
            ("020 7946 0018", "GB", "+442079460018"),
            ("+41 44 668 18 00", "DE", "+41446681800"),
        ],
    )
    def test_a_number_that_can_be_dialled_is_e164(self, text: str, country: str | None, expected: str):
        """A telephone number is written for the whole world, its country taken from the address."""
        assert done([text], "phone", country=country) == (expected,)

    @pytest.mark.parametrize("text", ["1", "call me", "030 901820", "+999 1", "9" * 5000, "☎️"])
    def test_a_number_that_cannot_stays_as_it_is_written(self, text: str):
        """What is no number of any country stays, with a remark that does not repeat it."""
        assert transform([text], parse_transforms(["phone"])) == ((text,), ("not a telephone number",))

    def test_the_word_names_a_country_for_addresses_without_one(self):
        """The address's country goes before the word's."""
        assert done(["030 901820"], {"phone": "DE"}) == ("+4930901820",)
        assert done(["(212) 555-0123"], {"phone": "DE"}, country="US") == ("+12125550123",)

    @pytest.mark.parametrize(
        ("word", "what"), [("date", "date"), ("datetime", "time"), ({"number": 2}, "number")]
    )
    def test_what_cannot_be_read_is_left_out(self, word: Any, what: str):
        """An unreadable value is gone, and a remark says so without repeating it."""
        assert transform(["secret"], parse_transforms([word])) == ((), (f"not a {what}",))

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1e999", "NaN", "١٢"])
    def test_the_ends_of_time_and_odd_numbers_do_not_raise(self, text: str):
        """What the calendar or a number cannot hold is left out."""
        for item in ({"date": "Asia/Kolkata"}, {"datetime": "America/New_York"}, {"number": 1}):
            done([text], item)


class TestTotal:
    @pytest.mark.parametrize("item", EVERY, ids=lambda item: next(iter(item)))
    @given(TEXTS)
    def test_every_word_takes_every_text(self, item: Any, values: list[str]):
        """No word raises, gives an empty value, or gives something else the second time."""
        first = done(values, item, country="DE")

        assert first == done(values, item, country="DE")
        assert all(text.strip() for text in first)

    @pytest.mark.parametrize("word", ["strip", "lower", "phone", "digits", "unique", "sort", "date"])
    @given(TEXTS)
    def test_normal_forms_stay(self, word: str, values: list[str]):
        """What was put in a normal form once is not changed by doing it again."""
        once = done(values, word, country="DE")

        assert done(list(once), word, country="DE") == once
