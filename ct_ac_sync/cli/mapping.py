"""The mapping before anything is sent: preview a record, begin a configuration, its schema."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ct_ac_sync.cli.output import (
    COULD_NOT,
    console,
    container,
    print_json,
    print_rows,
    reports_errors,
    with_json,
)
from ct_ac_sync.configuration.default import TEXT
from ct_ac_sync.configuration.json_schema import json_schema
from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.sync.foresight import ConsentLook
from ct_ac_sync.sync.preview import Look, Previewed

#: What a new configuration is called, and the schema that editors complete it by.
FILE, SCHEMA = "sync.toml", "sync.schema.json"

#: Columns of the preview's tables.
EVENTS = ("kind", "key", "happened_at", "state", "told_at", "why")
FOLLOWS = ("event", "destination", "action", "what", "verdict")
SAID = ("channel", "place", "record", "says", "when", "remark")
LISTS = ("channel", "list", "said", "standing", "action", "reason")


@click.command()
@click.argument("what")
@with_json
@reports_errors
def preview(*, what: str, as_json: bool) -> None:
    """
    What would become of WHAT: an id, an order or customer number, or an address.

    Shows what it is mapped to and what is there, what follows of its events, and what its person consents
    to, with every call that would be made.  Sends nothing and changes nothing: it only reads, here, in the
    project and in the account.
    """
    box = container()
    records = box.views.find(what)
    bodies = [box.views.body(record) for record in records]
    found = [
        box.preview.preview(record, body, box.views.held(record), customer=box.views.customer(record))
        for record, body in zip(records, bodies, strict=True)
    ]
    if as_json:
        print_json([asdict(each) | {"source": body} for each, body in zip(found, bodies, strict=True)])
    else:
        for each, body in zip(found, bodies, strict=True):
            _show(each, body)
    if not found:
        click.echo(f"nothing is known of {what!r}; what was never read cannot be previewed", err=True)
        sys.exit(COULD_NOT)


def _show(found: Previewed, body: dict[str, Any]) -> None:
    record = found.record
    console.rule(f"{record['stream']} {record['id']} version {record['version']}")
    console.print(f"route: {found.route or 'none: it goes nowhere'}", markup=False)
    print_rows(
        "routes that do not hold",
        [{"route": name, "why": why} for name, why in found.refused],
        ("route", "why"),
    )
    for look in found.looks:
        _show_look(look)
    if found.rules or found.events:
        _show_events(found)
    for consent in found.consent:
        _show_consent(consent)
    console.rule("source, as it was accepted", style="dim")
    console.print(json.dumps(body, indent=2, ensure_ascii=False), markup=False)


def _show_look(look: Look) -> None:
    console.rule(f"{look.operation} at {look.destination}: {look.verdict.splitlines()[0]}", style="dim")
    if len(look.verdict.splitlines()) > 1:
        console.print(look.verdict, markup=False)
    if look.figures:
        console.print(look.figures, markup=False)
    if look.remark:
        console.print(f"remark: {look.remark}", markup=False)
    names = list(dict.fromkeys((*(look.mapped or {}), *(look.present or {}))))
    rows = [
        {"value": name, "mapped": _text(look.mapped, name), "there now": _text(look.present, name)}
        for name in names
    ]
    print_rows("mapped, and what is there now", rows, ("value", "mapped", "there now"))
    _show_calls(look.calls)


def _show_calls(calls: Iterable[Mapping[str, Any]]) -> None:
    for call in calls:
        place = call["path"] or "to the event host"
        console.print(f"would send {call['method']} {place}", markup=False)
        console.print(json.dumps(call["body"], indent=2, ensure_ascii=False, default=str), markup=False)


def _show_events(found: Previewed) -> None:
    console.rule("events", style="dim")
    print_rows(
        "rules of events",
        [asdict(each) | {"on": ", ".join(each.on), "holds": each.why_not or "yes"} for each in found.rules],
        ("destination", "rule", "on", "holds", "events"),
    )
    print_rows("events", [asdict(each) for each in found.events], EVENTS)
    follows = [(event, each) for event in found.events for each in event.follows]
    rows = [asdict(each) | {"event": f"{event.kind} {event.key}"} for event, each in follows]
    print_rows("what follows of them", rows, FOLLOWS)
    for _, each in follows:
        _show_calls(each.calls)


def _show_consent(found: ConsentLook) -> None:
    console.rule(f"consent at {found.destination}", style="dim")
    print_rows("what places say", [asdict(each) for each in found.said], SAID)
    console.print(found.look, markup=False)
    print_rows("what is decided", [asdict(each) for each in found.lists], LISTS)
    for each in found.lists:
        _show_calls(each.calls)


def _text(values: Any, name: str) -> str:
    value = (values or {}).get(name, "")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@with_json
@reports_errors
def init(*, folder: Path, as_json: bool) -> None:
    """Write a configuration to begin with into FOLDER, and the schema that editors complete it by."""
    written = {folder / FILE: f"#:schema ./{SCHEMA}\n{TEXT}", folder / SCHEMA: schema_text()}
    if there := [str(path) for path in written if path.exists()]:
        raise ConfigurationError(f"{', '.join(there)} exists already, and is left as it is", cause="exists")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in written.items():
        path.write_text(text, "utf-8")
    if as_json:
        print_json({"written": list(map(str, written))})
        return
    for path in written:
        console.print(f"wrote {path}", markup=False)
    console.print(f"let CT_AC_SYNC_CONFIG name {folder / FILE}; then: ct-ac-sync check", markup=False)


@click.command()
@with_json
def schema(*, as_json: bool) -> None:
    """Print the JSON Schema of sync.toml, which is JSON either way."""
    del as_json
    click.echo(schema_text(), nl=False)


def schema_text() -> str:
    """Return the JSON Schema of the configuration, as a file holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
