"""The vendors' own documents, where they stand beside the checkout; never part of it."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3] / "shared"


def vendor_file(*parts: str) -> Path:
    """Return a file of the vendors'; skip without it, and fail in CI."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        reason = f"the vendors' documents are not beside this checkout ({'/'.join(parts)})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def shape(value: Any, path: str = "") -> dict[str, str]:
    """
    Return the JSON type at each path of a document; of a list, its first element.

    Keys that name a document (custom field ids, languages) are looked through as they are.
    """
    kind = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}.get(
        type(value)
    )
    if kind:
        return {path: kind}
    if isinstance(value, dict):
        found = {path: "object"} if path else {}
        for key, each in value.items():
            found |= shape(each, f"{path}.{key}" if path else key)
        return found
    found = {path: "array"}
    return found | (shape(value[0], f"{path}[]") if value else {})


def example(operation: Any, *, status: str | None = None) -> Any:
    """Return the first example of an operation: of its request, or of an answer."""
    part = operation["responses"][status] if status else operation["requestBody"]
    for content in part["content"].values():
        for each in content.get("examples", {}).values():
            value = each["value"]
            return json.loads(_mended(value)) if isinstance(value, str) else value
    raise AssertionError("the operation has no example")


def _mended(text: str) -> str:
    """Return an example of the vendor's as JSON: some end a list with a comma, and some lack a colon."""
    return re.sub(r'"(?=\s+\{)', '":', re.sub(r",(?=\s*[\]}])", "", text))


def differences() -> dict[str, dict[str, str]]:
    """Return the listed differences with their reasons, by what was compared."""
    return tomllib.loads((Path(__file__).parent / "differences.toml").read_text("utf-8"))


def assert_listed(found: dict[str, set[str]], *, prefix: str = "", suffixes: tuple[str, ...] = ("",)) -> None:
    """Hold what differs against the list, both ways, within the sections of these names."""
    listed = {
        name: set(rows)
        for name, rows in differences().items()
        if name.startswith(prefix) and name.endswith(suffixes)
    }
    without_reason = {name: sorted(rows - listed.get(name, set())) for name, rows in found.items()}
    gone = {name: sorted(rows - found.get(name, set())) for name, rows in listed.items()}

    for text, rows in (("has no reason there", without_reason), ("differs no more", gone)):
        bad = {name: names for name, names in rows.items() if names}
        assert not bad, f"differences.toml: {text}: {json.dumps(bad, indent=1)}"
