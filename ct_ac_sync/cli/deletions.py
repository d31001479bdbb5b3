"""Deletions: what may be gone, what waits for a human, and a sweep of all ids now."""

import click

from ct_ac_sync.cli.output import console, container, print_json, print_rows, reports_errors, with_json


@click.group()
def deletions() -> None:
    """What is gone at the source, or may be."""


@deletions.command("list")
@with_json
@reports_errors
def list_deletions(*, as_json: bool) -> None:
    """List what may be gone, and the sweeps of ids that wait for a human."""
    box = container()
    # All sources are kept in one book.
    book = next(iter(box.extracts.values())).deletions.book
    halted, candidates = book.halts(), book.candidates()
    if as_json:
        print_json({"halted": halted, "candidates": candidates})
        return
    if halted:
        print_rows("halted", halted, ("source", "stream", "halted", "swept_at"))
        console.print("nothing is deleted meanwhile; when it is as it should be: ct-ac-sync resume")
    columns = ("source", "stream", "id", "because", "gone_at", "missed_at", "check_at")
    print_rows("may be gone", candidates, columns)


@deletions.command()
@click.option("--source", help="only this project")
@with_json
@reports_errors
def sweep(*, source: str | None, as_json: bool) -> None:
    """Read all ids now, rather than within the week; what is missing is looked for by its id then."""
    box = container()
    if source is not None and source not in box.extracts:
        raise click.UsageError(f"there is no source {source!r}: {', '.join(sorted(box.extracts))}")
    names = [source] if source is not None else sorted(box.extracts)
    swept = {name: box.extracts[name].deletions.sweep() for name in names}
    if as_json:
        print_json({"swept": swept})
        return
    for name, streams in swept.items():
        console.print(f"{name}: swept the ids of {streams} streams")
