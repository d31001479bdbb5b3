"""
Custom fields: a value is held against the type's definition, as the vendor documents it (Types).

Which code the vendor gives for what, is not documented for all cases; that it refuses them is.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

Row = Mapping[str, Any]
#: Finds a type by its id or its key.
FindType = Callable[[Row], Row | None]

#: What types are called that extend resources of a kind (vendor documentation, Customizable Resources).
TYPED_AS: Mapping[str, str] = {"customer": "customer", "order": "order"}
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?")


class ActionError(Exception):
    """An update action that the server refuses: its code, its message, and what else its error says."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more


def set_custom_field(kind: str, resource: Row, action: Row, find: FindType) -> dict[str, Any]:
    """
    Return what the action changes; without a value it takes the field away.

    Raises:
        ActionError: The resource has no type, or its type has no such field for such a value.
        KeyError: The action names no field.
    """
    name, custom = action["name"], resource.get("custom") or {}
    type_ = find(custom.get("type") or {})
    if type_ is None:
        raise ActionError("InvalidOperation", f"The {kind} has no custom type, so '{name}' cannot be set.")
    fields = {**custom.get("fields", {}), name: action.get("value")}
    _check(type_, {name: action.get("value")}, whole=False)
    return {"custom": {**custom, "fields": {k: v for k, v in fields.items() if v is not None}}}


def set_custom_type(kind: str, resource: Row, action: Row, find: FindType) -> dict[str, Any]:
    """
    Return what the action changes: the type with its fields; without a type all of them go.

    Raises:
        ActionError: There is no such type, it is for other resources, or has no such field for such a value.
    """
    del resource
    named = action.get("type")
    if not named:
        return {"custom": None}
    type_ = find(named)
    if type_ is None:
        which = named.get("key") or named.get("id")
        raise ActionError(
            "ReferencedResourceNotFound",
            f"The referenced object of type 'type' with identifier '{which}' was not found.",
            typeId="type", **{name: named[name] for name in ("id", "key") if name in named},
        )  # fmt: skip
    if TYPED_AS[kind] not in type_["resourceTypeIds"]:
        raise ActionError("InvalidOperation", f"The type '{type_['key']}' is not for resources of '{kind}'.")
    fields = {name: value for name, value in (action.get("fields") or {}).items() if value is not None}
    _check(type_, fields, whole=True)
    return {"custom": {"type": {"typeId": "type", "id": type_["id"]}, "fields": fields}}


def _check(type_: Row, fields: Row, *, whole: bool) -> None:
    definitions = {each["name"]: each for each in type_["fieldDefinitions"]}
    for name, value in fields.items():
        if name not in definitions:
            known = ", ".join(definitions)
            raise ActionError(
                "InvalidField", f"The field '{name}' is not defined by type '{type_['key']}': {known}.",
                field=name, invalidValue=value,
            )  # fmt: skip
        if value is not None and not _fits(definitions[name]["type"], value):
            raise ActionError(
                "InvalidField", f"The value '{value}' is not valid for field '{name}'.",
                field=name, invalidValue=value, **_allowed(definitions[name]["type"]),
            )  # fmt: skip
    for name, each in definitions.items():
        is_taken = name in fields and fields[name] is None
        if each.get("required") and (is_taken or (whole and name not in fields)):
            raise ActionError("RequiredField", f"A value is required for field '{name}'.", field=name)


def _allowed(type_: Row) -> dict[str, Any]:
    return {"allowedValues": [each["key"] for each in type_["values"]]} if "values" in type_ else {}


def _fits(type_: Row, value: Any) -> bool:
    name = type_["name"]
    if name == "Set":
        return isinstance(value, list) and all(_fits(type_["elementType"], each) for each in value)
    if name in ("Enum", "LocalizedEnum"):
        return value in [each["key"] for each in type_["values"]]
    if name == "Reference":
        return isinstance(value, dict) and value.get("typeId") == type_["referenceTypeId"]
    return name in _FITTING and _FITTING[name](value)


def _is_read(read: Callable[[str], Any], text: Any) -> bool:
    try:
        read(text)
    except (TypeError, ValueError):
        return False
    return True


_FITTING: Mapping[str, Callable[[Any], bool]] = {
    "Boolean": lambda value: isinstance(value, bool),
    "Number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "LocalizedString": lambda value: (
        isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    ),
    "Date": lambda value: _is_read(date.fromisoformat, value),
    "DateTime": lambda value: "T" in str(value) and _is_read(datetime.fromisoformat, value),
    "Time": lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
    "Money": lambda value: isinstance(value, dict) and {"currencyCode", "centAmount"} <= value.keys(),
}
