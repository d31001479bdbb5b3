"""The JSON Schema of the file and its documentation, held against the definitions that read it."""

import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ct_ac_sync.configuration.default import TEXT
from ct_ac_sync.configuration.expression import NAMES, Root
from ct_ac_sync.configuration.json_schema import inner_schema, json_schema
from ct_ac_sync.configuration.schema.document import DocumentSchema
from ct_ac_sync.configuration.schema.events import ACTIONS, OF_CART, OF_CUSTOMER, OF_LIST
from ct_ac_sync.configuration.schema.kinds import Choice, Kind
from ct_ac_sync.configuration.schema.many import ByName, Rows, Several
from ct_ac_sync.configuration.schema.table import ConfigurationSchema, said_of
from ct_ac_sync.domain.event import EventKind

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "ct_ac_sync" / "sandbox" / "sync.toml"
PAGE = ROOT / "docs" / "mapping.md"
FILES = {"default.toml": TEXT, "sync.toml": EXAMPLE.read_text("utf-8")}

Json = Mapping[str, Any]


# -- a judge of our own: as much of the dialect as the schema uses -------------------------

TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip
SAID = {"$schema", "$defs", "title", "description", "examples"}


def is_valid(value: Any, schema: Json, whole: Json) -> bool:
    """Whether *value* is what *schema* says."""
    return all(_holds(word, said, value, schema, whole) for word, said in schema.items() if word not in SAID)


def _holds(word: str, said: Any, value: Any, schema: Json, whole: Json) -> bool:
    known = {
        "$ref": lambda: is_valid(value, whole["$defs"][said.removeprefix("#/$defs/")], whole),
        "type": lambda: any(_is_of(value, each) for each in ([said] if isinstance(said, str) else said)),
        "const": lambda: value == said,
        "enum": lambda: value in said,
        "anyOf": lambda: any(is_valid(value, each, whole) for each in said),
        "allOf": lambda: all(is_valid(value, each, whole) for each in said),
        "oneOf": lambda: sum(is_valid(value, each, whole) for each in said) == 1,
        "not": lambda: not is_valid(value, said, whole),
        "pattern": lambda: not isinstance(value, str) or re.search(said, value),
        "minLength": lambda: not isinstance(value, str) or len(value) >= said,
        "maxLength": lambda: not isinstance(value, str) or len(value) <= said,
        "minItems": lambda: not isinstance(value, list) or len(value) >= said,
        "uniqueItems": lambda: not isinstance(value, list) or len({json.dumps(v) for v in value}) == len(value),
        "items": lambda: not isinstance(value, list) or all(is_valid(each, said, whole) for each in value),
        "minimum": lambda: not _is_of(value, "number") or value >= said,
        "maximum": lambda: not _is_of(value, "number") or value <= said,
        "exclusiveMinimum": lambda: not _is_of(value, "number") or value > said,
        "required": lambda: not isinstance(value, dict) or set(said) <= set(value),
        "minProperties": lambda: not isinstance(value, dict) or len(value) >= said,
        "maxProperties": lambda: not isinstance(value, dict) or len(value) <= said,
        "propertyNames": lambda: not isinstance(value, dict) or all(is_valid(k, said, whole) for k in value),
        "properties": lambda: all(is_valid(value[k], s, whole) for k, s in said.items() if _has(value, k)),
        "additionalProperties": lambda: _others_hold(said, value, schema, whole),
    }  # fmt: skip
    return bool(known[word]())


def _is_of(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _has(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value


def _others_hold(said: Any, value: Any, schema: Json, whole: Json) -> bool:
    others = (
        [v for k, v in value.items() if k not in schema.get("properties", {})]
        if isinstance(value, dict)
        else []
    )
    return not others if said is False else all(is_valid(each, said, whole) for each in others)


def holds(document: Any) -> bool:
    """Whether *document* is a file that the schema takes."""
    schema = json_schema()
    return is_valid(document, schema, schema)


def tables() -> dict[str, ConfigurationSchema]:
    """Return every table of the file by its name in the schema."""
    found: dict[str, ConfigurationSchema] = {}
    waiting: list[ConfigurationSchema] = [DocumentSchema()]
    while waiting:
        table = waiting.pop()
        name = type(table).__name__.removesuffix("Schema")
        if name not in found:
            found[name] = table
            waiting += [inner for kind in table.kinds.values() if (inner := inner_schema(kind))]
    return found


class TestJsonSchema:
    @pytest.mark.parametrize("name", FILES)
    def test_our_own_files_are_valid(self, name: str):
        """The default and the worked example hold against the schema."""
        assert holds(tomllib.loads(FILES[name]))

    @pytest.mark.parametrize("name", FILES)
    def test_another_validator_agrees(self, name: str):
        """A validator that is not ours finds the schema right, and our files valid."""
        validator = Draft202012Validator

        validator.check_schema(json_schema())
        validator(json_schema()).validate(tomllib.loads(FILES[name]))

    def test_every_key_that_is_read_is_in_the_schema_and_no_other(self):
        """Tables and keys of schema and reader are the same, required ones too."""
        schema = json_schema()
        written = {"Document": schema, **schema["$defs"]}

        assert set(written) == set(tables())
        for name, table in tables().items():
            assert set(written[name]["properties"]) == set(table.kinds)
            required = {key for key, kind in table.kinds.items() if kind.required}
            assert set(written[name].get("required", ())) == required

    def test_every_key_is_described(self):
        """An editor can show a sentence for every table and key."""
        schema = json_schema()

        for name, table in {"Document": schema, **schema["$defs"]}.items():
            assert table["description"].endswith("."), name
            assert all(each["description"] for each in table["properties"].values()), name

    def test_every_reference_leads_somewhere(self):
        """What the schema refers to is defined in it."""
        schema = json_schema()

        used = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))

        assert used == set(schema["$defs"])

    @pytest.mark.parametrize("name", sorted(tables()))
    def test_every_example_is_right(self, name: str):
        """The example of each key is read without a fault, and held valid by the schema."""
        schema = json_schema()
        written = {"Document": schema, **schema["$defs"]}[name]
        for key, kind in tables()[name].kinds.items():
            if kind.example is not None:
                kind.deserialize(kind.example)
                assert is_valid(kind.example, written["properties"][key], schema), key

    @pytest.mark.parametrize(
        "document",
        [
            {"vresion": 1},
            {"version": 2},
            {"routes": {"name": "a", "destination": "b"}},
            {"routes": [{"name": "a"}]},
            {"routes": [{"name": "a", "destination": "b", "when": {"store": []}}]},
            {"fields": [{"perstag": "A", "title": "A", "from": "customer.id", "value": "x"}]},
            {"fields": [{"perstag": "a", "title": "A", "value": "x"}]},
            {"fields": [{"perstag": "A", "title": "A", "value": "x", "transform": ["shout"]}]},
            {"fields": [{"perstag": "A", "title": "A", "value": "x", "transform": [{"cut": 0}]}]},
            {"sources": {"a b": {}}},
            {"sources": {"a": {"project": "p", "project_env": "P"}}},
            {"destinations": {"a": {"call_interval_seconds": 0}}},
            {"tags": {"owned": "a,b"}},
            {"orders": {"chargebacks_count": "yes"}},
            {"orders": {"statuses": [{"status": "PAID"}]}},
            {"events": [{"tags": "a"}]},
            {"events": [{"on": "order_place", "tags": "a"}]},
            {"events": [{"on": "paid", "automation": 0}]},
            {"events": [{"on": "paid", "automation": {"id": "12"}}]},
            {"events": [{"on": "paid", "tracking": {"name": "x" * 33}}]},
            {"events": [{"on": "paid", "tags": [{"name": "a", "days": 0}]}]},
            {"events": [{"on": "paid", "ecommerce": "soon"}]},
            {"carts": {"idle_minutes": 1.5}},
        ],
    )
    def test_it_refuses_what_the_reader_refuses(self, document: Any):
        """What is wrong with one key alone, an editor can mark."""
        assert not holds(document)


# -- the page ---------------------------------------------------------------------------


def headed() -> Iterator[tuple[str, ConfigurationSchema]]:
    """Give the tables of the page in its order, under the headings they have there."""
    yield "The top of the file", DocumentSchema()
    for key, kind in DocumentSchema().kinds.items():
        yield from _headed(key, kind)
    yield "`[consent.NAME.write_back]`", tables()["WriteBack"]
    yield "A tracked event", tables()["Tracking"]
    yield "An automation", tables()["Automation"]
    yield "A tag since an event", tables()["EventTag"]
    yield "A condition", tables()["Condition"]
    yield "A value", tables()["Value"]


def _headed(key: str, kind: Kind[Any]) -> Iterator[tuple[str, ConfigurationSchema]]:
    inner = inner_schema(kind)
    if inner is None:
        return
    heading = (
        f"[[{key}]]"
        if isinstance(kind, Rows)
        else f"[{key}.NAME]"
        if isinstance(kind, ByName)
        else f"[{key}]"
    )
    yield f"`{heading}`", inner
    for name, below in inner.kinds.items():
        if isinstance(below, Rows):
            yield from _headed(f"{heading.strip('[]')}.{name}", below)


def in_toml(value: Any) -> str:
    """Return an example as the file would have it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {in_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def rows_of(table: ConfigurationSchema) -> list[str]:
    """Return the rows that the page has of a table."""
    rows = ["| key | what | such as |", "| --- | --- | --- |"]
    for key, kind in table.kinds.items():
        word = kind.item if isinstance(kind, Several) else kind
        shown = word.among if isinstance(word, Choice) else () if kind.example is None else (kind.example,)
        example = ", ".join(f"`{in_toml(each)}`" for each in shown)
        about = f"{kind.about}; required" if kind.required else kind.about
        rows.append(f"| `{key}` | {about} | {example} |")
    return rows


def file_section() -> str:
    """Return what the page says of the file."""
    text = PAGE.read_text("utf-8")
    return text[text.index("\n## The file\n") : text.index("\n## Paths and transforms\n")]


class TestPage:
    def test_every_table_and_key_is_documented(self):
        """Each table of the page is that of the definitions, row by row."""
        section = file_section()

        for heading, table in headed():
            part = section.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
            assert said_of(table) in " ".join(part.split()), heading
            assert [line for line in part.splitlines() if line.startswith("|")] == rows_of(table), heading

    def test_no_other_table_is(self):
        """The page has no table that the file has not."""
        headings = re.findall(r"^### (.+)$", file_section(), re.MULTILINE)

        assert [each for each in headings if each not in dict(headed())] == []

    def test_examples_of_the_page_are_read(self):
        """Each piece of a file that the page shows is TOML that the schema takes."""
        pieces = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)

        assert len(pieces) > 1
        assert all(holds(tomllib.loads(each)) for each in pieces)


class TestEventsOfThePage:
    def first_cells(self, after: str) -> list[str]:
        """Return the first cells of the table that begins with a row."""
        rows = PAGE.read_text("utf-8").partition(f"\n{after}\n")[2].splitlines()
        table = itertools.takewhile(lambda row: row.startswith("|"), rows)
        return [row.split("|")[1].strip() for row in itertools.islice(table, 1, None)]

    def test_every_kind_is_documented_with_what_it_is_about(self):
        """The page has each kind in its order, and says of which record each is."""
        rows = PAGE.read_text("utf-8").partition("\n## Events\n")[2].splitlines()

        assert self.first_cells("| kind | key | about |") == [f"`{kind}`" for kind in EventKind]
        for kind in EventKind:
            about = "customer" if kind in OF_CUSTOMER else "cart" if kind in OF_CART else "order"
            about = "shopping_list" if kind in OF_LIST else about
            assert next(row for row in rows if row.startswith(f"| `{kind}` ")).endswith(f"| {about} |")

    def test_every_part_of_an_event_is_documented(self):
        """The table of paths has each name that is there below event, and no other."""
        section = PAGE.read_text("utf-8").partition("\n## Events\n")[2]
        named = set(re.findall(r"^\| .*", section, re.MULTILINE))
        cells = {word for row in named for word in re.findall(r"`event\.(\w+)`", row.split("|")[1])}

        assert cells == NAMES[Root.EVENT]

    def test_every_action_is_documented(self):
        """The table of actions has each that a rule may have."""
        cells = self.first_cells("| action | what it does | how often |")

        assert sorted(cells) == sorted(f"`{action}`" for action in ACTIONS)
