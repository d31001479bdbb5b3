"""
Reading `sync.toml`: the whole of it or nothing, and all its faults at once.

Each fault names its line, its table and its key, says what came and what would be right.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from ct_ac_sync.configuration.accounts import Accounts
from ct_ac_sync.configuration.agreements import Document, disagreements
from ct_ac_sync.configuration.event_agreements import ONLY_ROUTE, event_disagreements
from ct_ac_sync.configuration.faults import Fault, named
from ct_ac_sync.configuration.functions import uncallable
from ct_ac_sync.configuration.places import KeyPath, find_places, line_of
from ct_ac_sync.configuration.remarks import remarks
from ct_ac_sync.configuration.schema.document import DocumentSchema
from ct_ac_sync.configuration.values import Configuration, ConsentConfig, ListConfig, Route
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.errors import ConfigurationError

#: A thousand times the worked example; what is larger is no file of this kind.
MOST_CHARACTERS = 5_000_000
#: What decides where a call goes and how fast, and never what is sent.
IMMATERIAL = frozenset(
    {
        "auth_url", "client_id_env", "client_secret_env", "scopes", "token_env", "call_interval_seconds",
        "event_url", "event_actid_env", "event_key_env",
    }
)  # fmt: skip
HASH_LENGTH = 12
EMPTY = (
    "it says nothing: begin with a copy of ct_ac_sync/configuration/default.toml, which ships with"
    " ct-ac-sync, or leave CT_AC_SYNC_CONFIG unset, which does the same"
)
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_DOCUMENT = DocumentSchema()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    A file that could be read.

    Attributes:
        remarks: What is odd about it and no fault, a line each.
    """

    configuration: Configuration
    remarks: tuple[str, ...] = ()


def read_file(path: Path, *, environ: Mapping[str, str]) -> Reading:
    """
    Return what the file at *path* says; the functions that it names are imported.

    Raises:
        ConfigurationError: As :func:`read_text`; or it is no file, or no text, or names a
            function that cannot be called.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise _wrong(str(path), [f"it cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _wrong(str(path), [f"line {line}: expected UTF-8: save the file with that encoding"]) from None
    except ValueError as error:
        raise _wrong(repr(str(path)), [f"it is no path: {error}"]) from None
    return read_text(text, where=str(path), environ=environ, are_functions_there=True)


def read_configuration(text: str, *, where: str, environ: Mapping[str, str]) -> Configuration:
    """Return what *text* says, without remarks; see :func:`read_text`."""
    return read_text(text, where=where, environ=environ).configuration


def read_text(
    text: str, *, where: str, environ: Mapping[str, str], are_functions_there: bool = False
) -> Reading:
    """
    Return what *text* says.

    Args:
        where: What the file is called, for messages.
        environ: Holds the keys and addresses that the file names by variable; secrets are not looked at.
        are_functions_there: Whether those that it names can be imported, or else are faults.

    Raises:
        ConfigurationError: It is no TOML, or something in it is missing, wrong, unknown or
            contradictory; the message names all faults, one a line.
    """
    document, places = _parse(text.removeprefix("\ufeff"), where)
    accounts = Accounts(document, environ)
    sources, destinations = accounts.sources(), accounts.destinations()
    faults = [*accounts.faults, *disagreements(document), *event_disagreements(document, destinations)]
    if are_functions_there:
        faults += uncallable(document)
    tables: Mapping[str, Any] = {}
    try:
        tables = _DOCUMENT.load(document)
    except ValidationError as error:
        faults += _faults_in(error.messages, ())
    if faults:
        raise _wrong(where, _told(faults, places))
    configuration = _with_hash(
        Configuration(
            sources=sources,
            destinations=destinations,
            routes=tables["routes"] or (Route(name=ONLY_ROUTE, destination=destinations[0].name),),
            profile=tables["profile"],
            fields=tables["fields_"],
            tags=tables["tags"],
            lists=tuple(ListConfig(key=key, **each) for key, each in sorted(tables["lists"].items())),
            consent=tuple(
                ConsentConfig(channel=channel, **each) for channel, each in sorted(tables["consent"].items())
            ),
            orders=tables["orders"],
            products=tables["products"],
            events=tables["events"],
            carts=tables["carts"],
            deletions=tables["deletions"],
        )
    )
    return Reading(configuration=configuration, remarks=tuple(_told(remarks(configuration), places)))


def _with_hash(configuration: Configuration) -> Configuration:
    material = asdict(configuration)
    for kind in ("sources", "destinations"):
        material[kind] = [
            {key: value for key, value in each.items() if key not in IMMATERIAL} for each in material[kind]
        ]
    return replace(configuration, hash=fingerprint(material)[:HASH_LENGTH])


# -- faults ---------------------------------------------------------------------------


def _parse(text: str, where: str) -> tuple[Document, Mapping[KeyPath, int]]:
    if len(text) > MOST_CHARACTERS:
        raise _wrong(where, [f"it has {len(text)} characters: expected at most {MOST_CHARACTERS}"])
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise _wrong(where, [_syntax(str(error), text)]) from None
    except RecursionError:
        raise _wrong(where, ["its brackets are nested too deep to be read"]) from None
    if not document:
        raise _wrong(where, [EMPTY])
    return document, find_places(text)


#: What the standard library says, and what its writer may have done.
_SLIPS: Mapping[str, str] = {
    "Cannot overwrite": "a key is there twice",
    "Cannot declare": "a table is there twice: only one in [[double brackets]] may be",
    "Invalid value": "a value is missing, or its quotes are",
    "Expected '=' after a key": "a = is missing after a key",
    "Illegal character '\\n'": "a text is not closed before the end of its line",
    "Unclosed array": "a list is not closed, or a comma is missing in it",
    "Unclosed inline table": "a table in braces is not closed, or a comma is missing in it",
}


def _syntax(message: str, text: str) -> str:
    """Return what is wrong with the grammar of a file, with the line where reading ended."""
    match = _PLACE.search(message)
    if match is None:
        return f"it is no TOML: {message}"
    line = match["line"] or len(text.splitlines())
    said = message[: match.start()]
    slip = next((f" ({means})" for begins, means in _SLIPS.items() if said.startswith(begins)), "")
    return f"line {line}: it is no TOML: {said}{slip}"


def _faults_in(messages: Any, path: KeyPath) -> Iterator[Fault]:
    """Give the faults of a validation with the places of their keys."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _faults_in(below, path if key == "_schema" else (*path, key))
    else:
        yield from (Fault(path, str(each)) for each in messages)


def _told(faults: Iterable[Fault], places: Mapping[KeyPath, int]) -> list[str]:
    """Return faults as lines, in the order of the file."""
    ordered = sorted(faults, key=lambda fault: (line_of(fault.path, places), named(fault.path)))
    return [fault.told(places) for fault in ordered]


def _wrong(where: str, lines: Iterable[str]) -> ConfigurationError:
    return ConfigurationError(f"{where} is wrong:\n  " + "\n  ".join(lines), cause="configuration")
