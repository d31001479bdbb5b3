"""Expressions: the small language of paths, templates and transforms, and what it says of mistakes."""

import re
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import (
    WORDS,
    Path,
    Root,
    Transform,
    parse_path,
    parse_template,
    parse_transforms,
)
from ct_ac_sync.mapping import transforms

NAMES = st.from_regex(r"[-_A-Za-z0-9]{1,12}", fullmatch=True)
STEPS = st.lists(NAMES | st.just("*") | st.integers(-1, 99), min_size=1, max_size=5)
RAW = st.sampled_from([Root.CUSTOMER, Root.ADDRESS, Root.BILLING, Root.LAST_ORDER, Root.LINE, Root.PRODUCT])


class TestPath:
    @pytest.mark.parametrize(
        ("text", "root", "steps"),
        [
            ("customer.email", Root.CUSTOMER, ("email",)),
            ("customer.addresses[0].city", Root.CUSTOMER, ("addresses", 0, "city")),
            ("customer.stores[*].key", Root.CUSTOMER, ("stores", "*", "key")),
            ("customer.addresses[last].city", Root.CUSTOMER, ("addresses", -1, "city")),
            ("customer.custom.fields.loyalty-tier", Root.CUSTOMER, ("custom", "fields", "loyalty-tier")),
            ("orders.total.EUR", Root.ORDERS, ("total", "EUR")),
            ("orders.average", Root.ORDERS, ("average",)),
            ("last_order.lineItems[0].name", Root.LAST_ORDER, ("lineItems", 0, "name")),
            (" route.name ", Root.ROUTE, ("name",)),
            ("event.amount", Root.EVENT, ("amount",)),
            ("cart.lineItems[*].name", Root.CART, ("lineItems", "*", "name")),
            ("consent.email.says", Root.CONSENT, ("email", "says")),
            ("consent.sms.details.form", Root.CONSENT, ("sms", "details", "form")),
            ("orders.net.EUR", Root.ORDERS, ("net", "EUR")),
        ],
    )
    def test_a_path_is_a_root_and_steps(self, text: str, root: Root, steps: Any):
        """Names, numbers, each and the last are steps below a root."""
        assert parse_path(text) == Path(root, steps)

    @given(RAW, STEPS)
    def test_what_is_written_is_read(self, root: Root, steps: Any):
        """A path written out is read as the same path."""
        path = Path(root, tuple(steps))

        assert parse_path(str(path)) == path

    @given(st.text(max_size=30))
    def test_a_text_is_a_path_or_refused(self, text: str):
        """Any text is a path that can be written again, or refused as a wrong value and nothing else."""
        with suppress(ValueError):
            assert parse_path(str(parse_path(text))) == parse_path(text)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("custmer.email", "not 'custmer': did you mean 'customer'?"),
            ("Orders.count", "not 'Orders': did you mean 'orders'?"),
            ("", "expected a path that begins with address"),
            ("customer", "expected a name after 'customer', such as customer.id"),
            ("customer..email", "expected .name, [0], [*] or [last] at '..email'"),
            ("customer.addresses[x]", "expected [0], [*] or [last], not [x]"),
            ("customer.addresses[-1]", "expected [0], [*] or [last], not [-1]"),
            ("person.emial", "not 'emial': did you mean 'email'?"),
            ("orders.totals", "not 'totals': did you mean 'total'?"),
            ("orders.total.eur", "expected a currency after orders.total, such as orders.total.EUR"),
            ("orders.count.EUR", "expected nothing after orders.count, not 'EUR'"),
            ("event.amout", "not 'amout': did you mean 'amount'?"),
            ("orders.tax.eur", "expected a currency after orders.tax, such as orders.tax.EUR"),
            (
                "consent.email",
                "expected consent.email. and at, details, place, says, since or source, not ''",
            ),
            ("consent.email.say", "not 'say': did you mean 'says'?"),
            ("consent.email.at.day", "expected nothing after consent.email.at"),
            ("consent.email.details", "expected the name of a detail after consent.email.details"),
            ("route.prefix", "expected route. and name or tag_prefix, not 'prefix'"),
        ],
    )
    def test_a_mistake_is_told_with_what_would_be_right(self, text: str, said: str):
        """What was expected is said, and what may have been meant."""
        with pytest.raises(ValueError, match=re.escape(said)):
            parse_path(text)


class TestTemplate:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("tier: {customer.key}!", ("tier: ", Path(Root.CUSTOMER, ("key",)), "!")),
            ("{route.name}{person.email}", (Path(Root.ROUTE, ("name",)), Path(Root.PERSON, ("email",)))),
            ("{{a}} b", ("{a} b",)),
            ("", ()),
        ],
    )
    def test_texts_and_paths_in_turn(self, text: str, parts: Any):
        """Paths stand in braces, and a brace is written twice."""
        assert parse_template(text) == parts

    @given(st.text(max_size=20))
    def test_text_with_doubled_braces_is_itself(self, text: str):
        """Any text is itself when its braces are doubled."""
        doubled = text.replace("{", "{{").replace("}", "}}")

        assert "".join(map(str, parse_template(doubled))) == text

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{customer.key", "expected {path}, or {{ and }} for braces, at '{customer.key'"),
            ("a } b", "at '} b'"),
            ("{custmer.key}", "did you mean 'customer'?"),
            ("{}", "expected a path"),
        ],
    )
    def test_a_mistake_is_told(self, text: str, said: str):
        """A brace without a partner and a wrong path are told."""
        with pytest.raises(ValueError, match=re.escape(said)):
            parse_template(text)


class TestTransforms:
    def test_words_with_and_without_arguments(self):
        """A word stands alone, or in a table with its argument."""
        assert parse_transforms(["label", "lower", {"cut": 4}, {"map": {"a": "b", "*": ""}}, {"date": "Europe/Berlin"}]) == (
            Transform("label"), Transform("lower"), Transform("cut", 4),
            Transform("map", (("a", "b"), ("*", ""))), Transform("date", "Europe/Berlin"),
        )  # fmt: skip

    def test_every_word_of_the_vocabulary_does_something(self):
        """What the configuration accepts is what the mapping can do, no more and no less."""
        assert set(WORDS) == set(transforms.WORDS)

    @pytest.mark.parametrize(
        ("items", "said"),
        [
            (["lowr"], "not 'lowr': did you mean 'lower'?"),
            (["default"], "expected a text after default, not nothing"),
            ([{"default": 3}], "expected a text after default, not 3"),
            ([{"lower": True}], "expected nothing after lower, not True"),
            ([{"cut": 0}], "expected a whole number from 1 to 10000 after cut, not 0"),
            ([{"cut": True}], "after cut, not True"),
            ([{"number": 2.5}], "expected a whole number from 0 to 20 after number, not 2.5"),
            ([{"map": {}}], "expected a table of texts after map, not an empty table"),
            ([{"map": {"a": 1}}], "expected a table of texts after map"),
            ([{"replace": {"": "x"}}], "expected a table of texts after replace"),
            ([{"split": ""}], "expected a text after split, not ''"),
            ([{"date": "Europe/Berln"}], "did you mean 'Europe/Berlin'?"),
            ([{"date": "../etc"}], "expected the name of a zone"),
            (
                [{"phone": "de"}],
                "expected a country of two letters, such as DE, or nothing after phone, not 'de'",
            ),
            (["lower", "label"], "expected label before all other transforms"),
            ([{"cut": 1, "lower": None}], "expected a word such as"),
            ([7], "expected a word such as"),
        ],
    )
    def test_a_mistake_is_told_with_what_the_word_takes(self, items: Any, said: str):
        """A word nobody knows and an argument of the wrong kind are told."""
        with pytest.raises(ValueError, match=re.escape(said)):
            parse_transforms(items)


class TestDocumentation:
    def test_every_word_is_documented(self):
        """The table of transforms has each word of the vocabulary, and the table of roots each root."""
        page = (File(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
        first_cells = re.findall(
            r"^\| ([^|]+) \|", page.partition("## Paths and transforms")[2], re.MULTILINE
        )
        named = {word for cell in first_cells for word in re.findall(r"`(\w+)`", cell)}

        assert set(WORDS) | set(Root) <= named
