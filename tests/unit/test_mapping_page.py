"""The page of mapping: what it says of formats and figures is what the code does."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from ct_ac_sync.configuration.expression import parse_path
from ct_ac_sync.configuration.values import FieldType
from ct_ac_sync.mapping.formats import MOST_CHARACTERS
from ct_ac_sync.mapping.order import MOST_OF_TEXT, to_order
from tests.unit.test_order_mapping import ANN, SHOE, dumped, read
from tests.unit.wire import an_order, money

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")

#: What an order consists of.
COMPONENTS = (
    "gross total",
    "net, tax and its portions",
    "line: unit price after the product discount",
    "line: category, brand, attributes, page",
    "custom line",
    "shipping, gross",
    "discounts of cart, code and total",
    "shipping discount",
    "refunds, chargebacks",
)


def rows_of(header: str) -> list[list[str]]:
    """Return the cells of the table that begins so, row by row."""
    rows = PAGE.partition(f"\n{header}\n")[2].splitlines()[1:]
    table = itertools.takewhile(lambda row: row.startswith("|"), rows)
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table]


def codes(cell: str) -> list[str]:
    """Return what a cell names as code."""
    return re.findall(r"`([^`]+)`", cell)


class TestFormats:
    rows = rows_of("| type | what |")

    def test_each_type_is_told_of_once(self):
        """The table has each type of field, and no other."""
        assert sorted(code for row in self.rows for code in codes(row[0])) == sorted(FieldType)

    def test_lengths_are_those_that_are_kept_to(self):
        """Where the table names a length it is the code's, and where it names none there is none."""
        told = {code: re.findall(r"at most (\d+)", row[1]) for row in self.rows for code in codes(row[0])}

        assert {type_: int(found[0]) for type_, found in told.items() if found} == MOST_CHARACTERS
        assert f"have at most {MOST_OF_TEXT} characters" in " ".join(PAGE.split())


class TestFigures:
    rows = rows_of("| component | in the e-commerce order | elsewhere |")

    def whole(self) -> dict[str, Any]:
        """Return an order with all that may be sent, as it is sent."""
        body = an_order(discountOnTotalPrice={"discountedAmount": money(40)})
        return dumped(to_order(read(body), ANN, products={"l1": SHOE}, url="https://s/1"))

    def test_each_component_has_its_row(self):
        """The table tells of all that an order consists of."""
        assert tuple(row[0] for row in self.rows) == COMPONENTS

    @pytest.mark.parametrize("row", rows, ids=lambda row: row[0])
    def test_each_lands_where_it_is_said_to(self, row: list[str]):
        """What the table names of an e-commerce order is a key of what is sent, and what it names elsewhere is a path."""
        order = self.whole()
        lines = order["lineItems"][0]
        named = [code.removeprefix("lineItems.") for code in codes(row[1]) if not code.isupper()]

        assert [name for name in named if name not in order and name not in lines] == []
        for path in codes(row[2]):
            assert str(parse_path(path.replace("CUR", "EUR"))) == path.replace("CUR", "EUR")
