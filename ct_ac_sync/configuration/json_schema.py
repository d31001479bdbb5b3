"""
The JSON Schema of `sync.toml`, with which editors complete and check it.

Made of the same definitions that read the file.  What a schema of this kind cannot say,
that a name exists elsewhere in the file or that an address is one, only reading tells.
"""

from functools import singledispatch
from typing import Any

from marshmallow import Schema

from ct_ac_sync.configuration.expression import BARE, COUNTS, WORDS, Takes
from ct_ac_sync.configuration.schema.document import DocumentSchema
from ct_ac_sync.configuration.schema.kinds import (
    MOST_CHARACTERS,
    Choice,
    Flag,
    Kind,
    Number,
    Scalar,
    Text,
    Version,
    Whole,
    Word,
)
from ct_ac_sync.configuration.schema.many import NAME, ByName, Rows, Several, Short, Table
from ct_ac_sync.configuration.schema.table import ConfigurationSchema, said_of
from ct_ac_sync.configuration.schema.value import Transforms, Value

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Json:
    """Return the schema of the whole file."""
    definitions: dict[str, ConfigurationSchema] = {}
    _collect(DocumentSchema(), definitions)
    whole = definitions.pop("Document")
    return {
        "$schema": DIALECT,
        "title": "sync.toml of ct-ac-sync",
        **_object(whole),
        "$defs": {name: _object(schema) for name, schema in sorted(definitions.items())},
    }


def _collect(schema: ConfigurationSchema, found: dict[str, ConfigurationSchema]) -> None:
    """Add *schema* and all that its keys hold."""
    if _name(schema) in found:
        return
    found[_name(schema)] = schema
    for kind in schema.kinds.values():
        if (inner := inner_schema(kind)) is not None:
            _collect(inner, found)


def inner_schema(kind: Kind[Any]) -> ConfigurationSchema | None:
    """Return the table that a key holds, alone, by name or several of."""
    held = kind.item if isinstance(kind, Rows | ByName | Several) else kind
    schema = held.schema if isinstance(held, Table | Value) else None
    return schema if isinstance(schema, ConfigurationSchema) else None


def _name(schema: Schema) -> str:
    return type(schema).__name__.removesuffix("Schema")


def _object(schema: ConfigurationSchema) -> Json:
    kinds = schema.kinds
    required = sorted(key for key, kind in kinds.items() if kind.required)
    rules = [_one_of(schema)] if schema.one_of else []
    rules += [{"not": {"required": list(pair)}} for pair in schema.not_both]
    return {
        "description": said_of(schema),
        "type": "object",
        "properties": {key: _described(kind) for key, kind in kinds.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
        **({"allOf": rules} if rules else {}),
    }


def _one_of(schema: ConfigurationSchema) -> Json:
    given: list[Json] = [{"required": [key]} for key in schema.one_of]
    return {"oneOf": given if schema.needs_one else [*given, {"not": {"anyOf": given}}]}


def _described(kind: Kind[Any]) -> Json:
    examples = {} if kind.example is None else {"examples": [kind.example]}
    return {"description": kind.about, **shape_of(kind), **examples}


def _reference(schema: Schema) -> Json:
    return {"$ref": f"#/$defs/{_name(schema)}"}


# -- kinds ----------------------------------------------------------------------------


@singledispatch
def shape_of(kind: Kind[Any]) -> Json:
    """
    Return what a value of a kind must be.

    Raises:
        TypeError: A kind was added to the reader and not here.
    """
    raise TypeError(f"the JSON Schema knows no {type(kind).__name__}: register its shape here")


@shape_of.register
def _(kind: Text) -> Json:
    pattern = {"pattern": f"^(?:{kind.shape.pattern})$"} if kind.shape else {}
    return {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS, **pattern}


@shape_of.register
def _(_: Scalar) -> Json:
    return {"type": ["string", "integer", "boolean"]}


@shape_of.register
def _(_: Word) -> Json:
    return {"type": ["string", "boolean"]}


@shape_of.register
def _(kind: Choice) -> Json:
    return {"enum": list(kind.among)}


@shape_of.register
def _(_: Flag) -> Json:
    return {"type": "boolean"}


@shape_of.register
def _(kind: Number) -> Json:
    return {"type": "number", "exclusiveMinimum": kind.least, "maximum": kind.most}


@shape_of.register
def _(kind: Whole) -> Json:
    return {"type": "integer", "minimum": 1, "maximum": kind.most}


@shape_of.register
def _(kind: Version) -> Json:
    return {"const": kind.KNOWN}


@shape_of.register(Several)
def _(kind: Several[Any]) -> Json:
    item = shape_of(kind.item)
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}]}


@shape_of.register
def _(kind: ByName) -> Json:
    names = {} if kind.is_free else {"propertyNames": {"pattern": f"^(?:{NAME.pattern})$"}}
    return {"type": "object", "minProperties": 1, "additionalProperties": shape_of(kind.item), **names}


@shape_of.register
def _(kind: Table) -> Json:
    return _reference(kind.schema)


@shape_of.register
def _(kind: Short) -> Json:
    return {"anyOf": [shape_of(kind.lone), _reference(kind.schema)]}


@shape_of.register
def _(kind: Rows) -> Json:
    return {"type": "array", "items": shape_of(kind.item)}


@shape_of.register
def _(kind: Value) -> Json:
    return {"anyOf": [shape_of(kind.lone), _reference(kind.schema)]}


@shape_of.register
def _(_: Transforms) -> Json:
    bare = {"enum": sorted(word for word, takes in WORDS.items() if takes in BARE)}
    given = {word: _argument(word, takes) for word, takes in WORDS.items() if takes is not Takes.NOTHING}
    table = {"type": "object", "properties": given, "additionalProperties": False} | {
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [bare, table, {"type": "array", "items": {"anyOf": [bare, table]}}]}


def _argument(word: str, takes: Takes) -> Json:
    if takes is Takes.PAIRS:
        return {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
    if takes is Takes.COUNT:
        return {"type": "integer", "minimum": COUNTS[word][0], "maximum": COUNTS[word][-1]}
    return {"type": "string"}
