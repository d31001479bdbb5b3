"""Looking and deciding: status, trace, dead letters, parked triggers, resume."""

import getpass
import sys
from collections.abc import Sequence
from typing import Any

import click

from ct_ac_sync.cli.output import (
    COULD_NOT,
    UNSETTLED,
    console,
    container,
    print_json,
    print_rows,
    reports_errors,
    with_json,
)


def actor_option(function: Any) -> Any:
    """Give a command ``--actor`` and ``--reason``: who decides, and why."""
    function = click.option("--reason", required=True, help="why; kept for ever")(function)
    return click.option("--actor", default=getpass.getuser, show_default="you", help="who decides")(function)


@click.command()
@with_json
@reports_errors
def status(*, as_json: bool) -> None:
    """How things stand; dead letters first."""
    found = container().views.status()
    if as_json:
        print_json(found)
        return
    totals = found["totals"]
    console.print(
        f"dead letters {totals['dead_letters']} · parked {totals['parked']} · owed {totals['owed']}"
        f" · events held {totals['held_events']}"
    )
    print_rows(
        "streams",
        found["streams"],
        ("source", "stream", "watermark", "behind_seconds", "is_sweeping", "halted"),
    )
    print_rows(
        "destinations", found["destinations"], ("destination", "halted", "drifts", "awaiting", "budget")
    )
    print_rows("lanes", found["lanes"], ("lane", "recipients", "due", "leased", "awaiting", "oldest_seconds"))
    print_rows("entries", found["entries"], ("operation", "state", "entries", "owed"))
    print_rows("outcomes of the last hour", found["outcomes"], ("outcome", "outcomes"))
    if found["halted_triggers"]:
        print_rows(
            "halted triggers", found["halted_triggers"], ("destination", "trigger", "reason", "halted_at")
        )
    if found["remarks"]:
        print_rows("remarks of the last hour", found["remarks"], ("remark", "outcomes"))


@click.command()
@click.argument("what")
@with_json
@reports_errors
def trace(*, what: str, as_json: bool) -> None:
    """What happened to WHAT: an id, an order or customer number, or an address."""
    views = container().views
    records = views.find(what)
    traces = [views.trace(record) for record in records]
    if as_json:
        print_json(traces)
    for each in traces if not as_json else []:
        record = each["record"]
        console.print(
            f"\n{record['stream']} {record['id']} version {record['version']}, modified {record['last_modified_at']}"
        )
        print_rows("seen", each["sightings"], ("at", "version", "epoch"))
        print_rows(
            "owed",
            each["entries"],
            ("operation", "object", "state", "wanted", "applied", "attempts", "unclear", "contact"),
        )
        print_rows(
            "outcomes",
            each["outcomes"],
            ("at", "operation", "outcome", "reason", "version", "kind", "members"),
        )
        print_rows("events", each["events"], ("kind", "key", "happened_at", "noticed_at", "told_at", "facts"))
        print_rows("triggers", each["triggers"], ("kind", "state", "noted_at", "settled_at", "reason"))
    if not records:
        click.echo(f"nothing is known of {what!r}", err=True)
        sys.exit(COULD_NOT)


@click.group("dead-letters")
def dead_letters() -> None:
    """What the machine will not try again."""


@dead_letters.command("list")
@click.option("--cause", help="only this cause")
@with_json
@reports_errors
def list_letters(*, cause: str | None, as_json: bool) -> None:
    """List them, grouped by cause."""
    desk = container().desk
    letters, behind = desk.dead_letters(cause=cause), desk.behind_discarded()
    if as_json:
        print_json({"causes": desk.causes(), "letters": letters, "behind_discarded": behind})
        return
    print_rows("causes", desk.causes(), ("cause", "letters", "oldest", "example"))
    print_rows(
        "dead letters", letters, ("dead_letter", "operation", "object", "cause", "attempts", "died_at")
    )
    if behind:
        columns = ("dead_letter", "waiting", "cause", "actor", "reason", "resolved_at")
        print_rows("waiting behind discarded contacts", behind, columns)


@dead_letters.command("show")
@click.argument("number", type=int)
@with_json
@reports_errors
def show_letter(*, number: int, as_json: bool) -> None:
    """Show one, with request, answer, and what waits for it."""
    letter = container().desk.dead_letter(number)
    if letter is None:
        click.echo(f"there is no dead letter {number}", err=True)
        sys.exit(COULD_NOT)
    if as_json:
        print_json(letter)
        return
    for name, value in letter.items():
        console.print(f"{name}: {value}", markup=False)


@dead_letters.command("replay")
@click.argument("numbers", type=int, nargs=-1)
@click.option("--cause", help="all of this cause")
@click.option("--dry-run", is_flag=True, help="say what would be started, and change nothing")
@actor_option
@with_json
@reports_errors
def replay(
    *, numbers: tuple[int, ...], cause: str | None, dry_run: bool, actor: str, reason: str, as_json: bool
) -> None:
    """Make them available again, mapped afresh; twice does nothing twice."""
    if not numbers and not cause:
        raise click.UsageError("name letters, or --cause")
    box = container()
    letters = list(numbers) or [row["dead_letter"] for row in box.desk.dead_letters(cause=cause)]
    starting = box.desk.count_starting(letters)
    if dry_run and as_json:
        print_json({"would_start": starting})
    if not as_json:
        what = ", ".join(f"{count} {trigger}" for trigger, count in sorted(starting.items()))
        console.print(f"may start: {what or 'nothing'}")
    if dry_run:
        return
    done = box.replay.replay(letters, actor=actor, reason=reason)
    if as_json:
        print_json({"replayed": done.replayed, "reread": done.reread, "may_start": starting})
    else:
        console.print(f"replayed {done.replayed}, read again {done.reread}, of {len(letters)} named")
    _end_if_not_open(done.not_open if numbers else ())


@dead_letters.command("discard")
@click.argument("numbers", type=int, nargs=-1, required=True)
@actor_option
@with_json
@reports_errors
def discard(*, numbers: tuple[int, ...], actor: str, reason: str, as_json: bool) -> None:
    """Give them up until something newer is wanted; twice does nothing twice."""
    desk = container().desk
    still = desk.still_open(numbers)
    discarded = desk.discard(numbers, actor=actor, reason=reason)
    if as_json:
        print_json({"discarded": discarded})
    else:
        console.print(f"discarded {discarded} of {len(numbers)} named")
    _end_if_not_open([number for number in numbers if number not in still])


def _end_if_not_open(numbers: Sequence[int]) -> None:
    """Say of each of *numbers* that it is not open, and end as unsettled if there are any."""
    for number in numbers:
        click.echo(f"dead letter {number} is not open", err=True)
    if numbers:
        sys.exit(UNSETTLED)


@click.group()
def parked() -> None:
    """Triggers of which nobody knows whether they happened."""


@parked.command("list")
@with_json
@reports_errors
def list_parked(*, as_json: bool) -> None:
    """List them."""
    rows = container().desk.parked()
    if as_json:
        print_json(rows)
        return
    print_rows("parked", rows, ("destination", "kind", "business_key", "noted_at"))


@parked.command()
@click.argument("business_key")
@click.option("--happened", "verdict", flag_value="happened", help="it did: close it for ever")
@click.option("--did-not", "verdict", flag_value="did_not", help="it did not: let it happen once")
@click.option("--kind", help="only this kind of trigger, where several are parked under the key")
@actor_option
@with_json
@reports_errors
def settle(
    *, business_key: str, verdict: str | None, kind: str | None, actor: str, reason: str, as_json: bool
) -> None:
    """Say of BUSINESS_KEY whether it happened."""
    if verdict is None:
        raise click.UsageError("say --happened or --did-not")
    desk = container().desk
    rows = [
        row for row in desk.parked() if row["business_key"] == business_key and kind in (None, row["kind"])
    ]
    kinds = sorted({row["kind"] for row in rows})
    if len(kinds) > 1:
        raise click.UsageError(f"several are parked under this key; say --kind: {', '.join(kinds)}")
    settled = [
        desk.settle(
            destination=row["destination"], kind=row["kind"], business_key=business_key,
            has_happened=verdict == "happened", actor=actor, reason=reason,
        )
        for row in rows
    ]  # fmt: skip
    if not any(settled):
        click.echo(f"{business_key!r} is not parked", err=True)
        sys.exit(UNSETTLED)
    if as_json:
        print_json({"settled": sum(settled), "verdict": verdict})
        return
    console.print(f"settled: {verdict}")


@click.command()
@with_json
@reports_errors
def resume(*, as_json: bool) -> None:
    """Write and read again after a halt, once its cause is mended."""
    box = container()
    for source in box.extracts:
        box.streams.resume(source)
    resumed = [name for name, account in box.accounts.items() if account.budget.resume()]
    triggers = sorted({trigger for name in box.accounts for trigger in box.events.resume(name)})
    if as_json:
        print_json({"was_halted": bool(resumed), "resumed": resumed, "triggers": triggers})
        return
    if triggers:
        console.print(f"triggers that start things again: {', '.join(triggers)}")
    console.print(
        f"resumed {', '.join(resumed)}" if resumed else "no destination was halted; streams are resumed"
    )
