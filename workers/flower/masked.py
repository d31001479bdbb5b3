"""A request as it may be shown: its fields by name, and none of its values."""

import json
from typing import Any

from ct_ac_sync.redaction import redact

#: Of a list, so many items are shown; the rest is counted.
SHOWN = 1


def masked(value: Any) -> Any:
    """
    Return *value* with its shape and names, and without what it says.

    >>> masked({"contact": {"email": "ann@example.org", "phone": None, "tags": [1, 2, 3]}})
    {'contact': {'email': '[text]', 'phone': None, 'tags': ['[number]', '[2 more]']}}
    """
    match value:
        case None:
            return None
        case dict():
            return {redact(str(name)): masked(each) for name, each in value.items()}
        case list():
            more = [f"[{len(value) - SHOWN} more]"] if len(value) > SHOWN else []
            return [masked(each) for each in value[:SHOWN]] + more
        case bool():
            return "[yes or no]"
        case int() | float():
            return "[number]"
        case "":
            return ""
        case _:
            return "[text]"


def outline(request: Any) -> str:
    """Return what is known of a request as text: method, path and kind as they are, the body masked."""
    if not isinstance(request, dict):
        return ""
    head = {name: redact(str(request[name])) for name in ("method", "path", "kind") if request.get(name)}
    body = {"body": masked(request["body"])} if "body" in request else {}
    return json.dumps(head | body, indent=2, ensure_ascii=False)
