"""Consent: may we write to this person, who said so, and when?"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from ct_ac_sync.cli.output import (
    COULD_NOT,
    container,
    print_json,
    print_rows,
    reports_errors,
    with_json,
)

STANDINGS = ("destination", "list", "channel", "may_send", "standing", "since", "verdict", "reason", "said")
TIMELINE = ("at", "what", "value", "channel", "where", "reason", "evidence", "attempt")
EXPORTED = (*TIMELINE, "details", "config")
FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")


@click.command()
@click.argument("who", required=False)
@click.option(
    "--at", type=click.DateTime(FORMATS), help="as it was known then (UTC); a day is meant to its end"
)
@click.option("--summary", is_flag=True, help="of everybody: how many have which verdict, and why")
@click.option("--csv", "as_csv", is_flag=True, help="print the timeline as CSV")
@click.option(
    "--proof", is_flag=True, help="print a document that proves it: all that was said, decided and written"
)
@with_json
@reports_errors
def consent(
    *, who: str | None, at: datetime | None, summary: bool, as_csv: bool, proof: bool, as_json: bool
) -> None:
    """May we write to WHO (an id, a number or an address), who said so, and when?"""
    if summary == (who is not None):
        raise click.UsageError("name somebody, or --summary")
    box = container()
    if summary:
        rows = box.consent.summary()
        if as_json:
            print_json(rows)
        else:
            print_rows("verdicts", rows, ("destination", "channel", "list", "action", "people", "reason"))
        return
    persons = sorted({row["person"] for row in box.views.find(who or "") if row["person"] is not None})
    if not persons:
        click.echo(f"nobody is known by {who!r}", err=True)
        sys.exit(COULD_NOT)
    found = box.consent.of(persons, until=_until(at))
    if as_json:
        print_json(found)
    elif as_csv:
        _print_csv(found["timeline"])
    elif proof:
        _print_proof(who or "", at, found)
    else:
        print_rows("consent", found["standings"], STANDINGS)
        print_rows("timeline", found["timeline"], TIMELINE)


def _until(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    is_day = (at.hour, at.minute, at.second) == (0, 0, 0)
    return at.replace(hour=23, minute=59, second=59, tzinfo=UTC) if is_day else at.replace(tzinfo=UTC)


def _print_csv(timeline: Sequence[Mapping[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, EXPORTED, extrasaction="ignore")
    writer.writeheader()
    for row in timeline:
        details = json.dumps(row["details"], ensure_ascii=False) if row.get("details") else ""
        writer.writerow({key: _safe(row.get(key)) for key in EXPORTED} | {"details": details})


def _safe(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    text = value.isoformat() if isinstance(value, datetime) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in "=+-@" else text


def _print_proof(who: str, at: datetime | None, found: Mapping[str, Any]) -> None:
    """Print a document in Markdown: where somebody stands, and each step that led there."""
    lines = [f"# Consent of {who}", "", f"As known {f'on {at:%Y-%m-%d %H:%M} UTC' if at else 'now'}.", ""]
    for row in found["standings"]:
        lines += [
            f"## {row['list']} ({row['channel']}) at {row['destination']}", "",
            f"- may be sent to: {row['may_send']}", f"- standing: {row['standing']}",
            f"- decided: {row.get('verdict', 'nothing')}, because {row.get('reason', 'nothing was said')}",
            f"- said: {row.get('said') or 'nothing'}", "",
        ]  # fmt: skip
    lines += ["## What happened", ""]
    for row in found["timeline"]:
        lines.append(
            f"- {row['at'].isoformat(timespec='seconds')} {row['what']} {row['value']}: {row['where']}"
        )
        lines += [f"  - {row['reason']}"] if row["reason"] else []
        lines += [
            f"  - {name}: {' '.join(text.split())}" for name, text in (row.get("details") or {}).items()
        ]
        lines += [f"  - call {row['attempt']}: {json.dumps(row['request'])}"] if row.get("attempt") else []
        lines.append(f"  - configuration {row['config']}")
    click.echo("\n".join(lines))
