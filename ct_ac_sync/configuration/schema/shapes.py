"""How texts of the file must look."""

import re
from urllib.parse import urlsplit

from ct_ac_sync.configuration.schema.kinds import Shape

VARIABLE = Shape(
    "[A-Z_][A-Z0-9_]*",
    "the name of a variable of the environment in capital letters, never the value itself",
    may_be_secret=True,
)
FUNCTION = Shape(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", "a function as package.module:name")
LOCALE = Shape("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "a language tag", lambda text: text.replace("_", "-"))
COUNTRY = Shape("[A-Z]{2}", "two capital letters", str.upper)
CURRENCY = Shape("[A-Z]{3}", "three capital letters", str.upper)
PERSTAG = Shape(
    "[A-Z0-9_]+",
    "capital letters, digits and _",
    lambda text: re.sub("[^A-Z0-9]+", "_", text.strip("%").upper()).strip("_"),
)
PROJECT = Shape("[a-z0-9_-]+", "the key of a project", str.lower)
#: A tag with a comma would be two (vendor documentation, Tags).
TAG = Shape("[^,]*", "a text without commas", lambda text: text.replace(",", " "))
#: What an event is called there has at most 32 characters (vendor documentation, Event tracking).
EVENT_NAME = Shape(r"\S(.{0,30}\S)?", "a name of at most 32 characters, without blanks around it", str.strip)
#: What containers of custom objects are called (vendor documentation, CustomObject).
CONTAINER = Shape(r"[-_~.a-zA-Z0-9]+", "the name of a container: letters, digits, -, _, ~ and .", str.strip)
#: A bar is what ActiveCampaign tells several options of one field apart by (vendor documentation).
OPTION = Shape(r"(?!.*\|\|).*", "an option without ||")


def parse_address(text: str) -> str:
    """
    Return the address of an API.

    Raises:
        ValueError: It is none, or holds what an address must not; what it holds is not shown.
    """
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        is_plain = parts.username is None and not (parts.query or parts.fragment)
    except ValueError:
        is_one = is_plain = False
    if not is_one or not is_plain or not re.fullmatch("[!-~]+", text):
        raise ValueError("expected https://host, without user, password or query")
    return text
