"""Making things run: sync, up, check, migrate, sandbox."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from ct_ac_sync.bootstrap import Container, OwnDoorbell, WallClock, build, build_destination, build_source
from ct_ac_sync.cli.output import (
    CLEAN,
    COULD_NOT,
    UNSETTLED,
    console,
    container,
    print_json,
    print_rows,
    reports_errors,
    settings,
    with_json,
)
from ct_ac_sync.configuration.read import read_file
from ct_ac_sync.errors import ConfigurationError, SyncError
from ct_ac_sync.ports import Stream
from ct_ac_sync.settings import VARIABLES, read_one
from ct_ac_sync.store.migrate import check_schema, migrate
from ct_ac_sync.sync.check import Check, Finding
from ct_ac_sync.sync.hold import State

#: Where `up` lets Flower listen; elsewhere it needs a login, and is started by its own command.
LOOPBACK = "127.0.0.1"
#: What is said of memberships that a remap would change, as `consent --summary` has it.
MEMBERSHIPS = ("destination", "channel", "list", "action", "reason", "people")


@click.command("migrate")
@with_json
@reports_errors
def migrate_command(*, as_json: bool) -> None:
    """Bring the database up to this release's schema."""
    applied = migrate(read_one(os.environ, "database_url"))
    if as_json:
        print_json({"applied": applied})
        return
    console.print(f"applied: {', '.join(applied) or 'nothing, the schema is up to date'}")


@click.command()
@with_json
@reports_errors
def check(*, as_json: bool) -> None:
    """Ask both sides and the database whether all is as it must be, and as the configuration says."""
    found = settings()
    held = Check(
        found.configuration,
        sources={
            access.project: build_source(access, call=found.call, containers=found.configuration.containers)
            for access in found.sources
        },
        destinations={
            access.name: build_destination(
                access, connection="", call=found.call, pace=partial(WallClock().sleep, access.interval)
            )
            for access in found.destinations
        },
        clock=WallClock(),
    )
    findings = [_database(found.database_url), *_remarks(), *held.run()]
    rows = [
        {"what": each.what, "ok": each.state is not State.FAULT, "state": each.state, "says": each.says}
        for each in findings
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows("check", rows, ("what", "state", "says"))
    sys.exit(CLEAN if all(row["ok"] for row in rows) else COULD_NOT)


def _database(url: str) -> Finding:
    try:
        check_schema(url)
    except SyncError as error:
        return Finding.of("database", error)
    return Finding("database", State.OK, "as it must be")


def _remarks() -> list[Finding]:
    """Return what is odd about the configuration, which was read once more for it."""
    path = read_one(os.environ, "config")
    remarks = read_file(Path(path), environ=os.environ).remarks if path else ()
    return [Finding("configuration", State.REMARK, each) for each in remarks]


@click.command()
@click.option("--once", is_flag=True, help="read and deliver what there is now, then end")
@click.option(
    "--remap", is_flag=True, help="want all that is known once more, as after a change of sync.toml"
)
@click.option("--dry-run", is_flag=True, help="with --remap: count what would be sent, and change nothing")
@click.option("--from", "start", help="first run: everything, now, or a date; the past fires nothing")
@click.option("--seconds", type=float, default=3600, show_default=True, help="end after this long")
@with_json
@reports_errors
def sync(*, once: bool, remap: bool, dry_run: bool, start: str | None, seconds: float, as_json: bool) -> None:
    """Sync in this process, without a worker and without Redis; or have all mapped anew."""
    if dry_run and not remap:
        raise click.UsageError("--dry-run goes with --remap")
    if dry_run and once:
        raise click.UsageError("--dry-run sends nothing; leave --once away")
    if not (once or remap):
        raise click.UsageError("say --once, or --remap, or both")
    if remap:
        _remap(dry_run=dry_run, as_json=as_json and not once)
    if once:
        _sync(start=start, seconds=seconds, as_json=as_json)


def _remap(*, dry_run: bool, as_json: bool) -> None:
    """Count what a remap would send, or want all records once more."""
    with contextlib.closing(container()) as box:
        if not dry_run:
            wanted = box.remap.run()
            box.dispatch.ring_due()
            if as_json:
                print_json({"wanted": wanted})
            else:
                console.print(f"{wanted} records are wanted once more; what comes out as it was is not sent")
            return
        found = box.remap.compare()
    rows = [
        {"destination": place, "operation": operation, "would be": what, "entries": count}
        for (place, operation, what), count in sorted(found.entries.items())
    ]
    moved = [{"source": source, "records": count} for source, count in sorted(found.moved.items())]
    memberships = [
        dict(zip(MEMBERSHIPS, (*key, people), strict=True))
        for key, people in sorted(found.memberships.items())
    ]
    if as_json:
        print_json({"entries": rows, "moved": moved, "memberships": memberships})
        return
    print_rows("what a remap would come to", rows, ("destination", "operation", "would be", "entries"))
    if memberships:
        print_rows("memberships, as far as they are known", memberships, MEMBERSHIPS)
    print_rows("records that would go elsewhere", moved, ("source", "records"))


def _sync(*, start: str | None, seconds: float, as_json: bool) -> None:
    found = settings()
    check_schema(found.database_url)
    if start is not None:
        try:
            found = replace(found, start=VARIABLES["start"].parse(start))
        except ValueError as error:
            raise ConfigurationError(f"--from: {error}, not {start!r}", cause="settings") from error
    doorbell = OwnDoorbell()
    with contextlib.closing(build(found, doorbell=doorbell)) as box:
        read, failures = _read_everything(box)
        is_done = _deliver_all(box, doorbell, until=time.monotonic() + seconds)
        status = box.views.status()
    totals, halted = status["totals"], [row for row in status["destinations"] if row["halted"]]
    if as_json:
        print_json({"read": read, "done": is_done, "totals": totals, "halted": halted})
    else:
        counts = ", ".join(f"{records} {stream}" for stream, records in read.items())
        console.print(
            f"read {counts}; dead letters {totals['dead_letters']}, parked {totals['parked']}, owed {totals['owed']}"
        )
        for row in halted:
            console.print(f"{row['destination']} is halted: {row['halted']}", markup=False)
    for failure in dict.fromkeys(map(str, failures)):
        click.echo(f"ct-ac-sync: {failure}", err=True)
    if failures:
        sys.exit(COULD_NOT)
    sys.exit(CLEAN if is_done and not totals["dead_letters"] and not totals["parked"] else UNSETTLED)


def _read_everything(box: Container) -> tuple[dict[str, int], list[SyncError]]:
    """Read all streams of all sources; one that does not answer keeps no other from being read."""
    streams = [Stream(each) for each in box.settings.configuration.streams]
    read = dict.fromkeys(map(str, streams), 0)
    failures: list[SyncError] = []
    for stream in streams:
        for source in box.extracts:
            try:
                read[stream] += _read_all(box, source, stream)
            except SyncError as error:
                failures.append(error)
    return read, failures


def _read_all(box: Container, source: str, stream: Stream) -> int:
    records = 0
    while True:
        done = box.extracts[source].read(stream)
        if done is None:
            rows = [
                r for r in box.views.status()["streams"] if (r["source"], r["stream"]) == (source, stream)
            ]
            halted = next((row["halted"] for row in rows if row["halted"]), None)
            why = (
                f"halted ({halted}); mend it, then: ct-ac-sync resume"
                if halted
                else "being read by somebody else"
            )
            raise ConfigurationError(f"{stream} is {why}", cause="stream_held")
        records += done.records
        if done.is_done:
            return records


def _deliver_all(box: Container, doorbell: OwnDoorbell, *, until: float) -> bool:
    """Deliver until nothing is owed; True if that came before the time was up."""
    while time.monotonic() < until:
        box.settle.settle_due()
        steps = box.teller.tell_due()
        box.dispatch.tick()
        for recipient in doorbell.answer():
            steps += box.deliver.deliver(recipient)
            if time.monotonic() >= until:
                return False
        if not steps:
            if not box.deliveries.is_owing():
                return True
            if any(row["halted"] for row in box.views.status()["destinations"]):
                return False
            time.sleep(0.2)
    return False


@click.command()
@reports_errors
def up() -> None:
    """A worker, a beat and Flower on this machine, until interrupted."""
    found = settings()
    if not found.redis_url:
        raise ConfigurationError("REDIS_URL: is not set; workers need a broker", cause="settings")
    flower = _flower(found.flower_port)
    migrate(found.database_url)
    container().close()
    celery = [sys.executable, "-m", "celery", "-A", "workers.app"]
    commands: tuple[list[str], ...] = (
        [*celery, "worker", "-E", "--concurrency", str(found.concurrency), "--loglevel", "INFO"],
        [*celery, "beat", "--schedule", str(Path(os.environ.get("TMPDIR", "/tmp")) / "ct-ac-sync-beat"), "--loglevel", "INFO"],  # noqa: S108
        *([*celery, *words] for words in flower),
    )  # fmt: skip
    processes = [subprocess.Popen(command) for command in commands]
    if flower:
        console.print(f"Flower: http://{LOOPBACK}:{found.flower_port}/dead-letters")
    signal.signal(signal.SIGTERM, lambda *_: _end(processes))
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("stopping: workers finish what they hold")
    _end(processes)
    sys.exit(max(process.wait() for process in processes) and COULD_NOT)


def _flower(port: int) -> tuple[list[str], ...]:
    """
    Return the command that starts Flower on *port* of loopback; none where there shall be none.

    Raises:
        ConfigurationError: Somebody listens there.
    """
    if port == 0:
        return ()
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        raise ConfigurationError(
            f"{VARIABLES['flower_port'].name}: Flower cannot listen on port {port} ({error.strerror});"
            " choose another, or 0 for none",
            cause="settings",
        ) from error
    return (["flower", f"--address={LOOPBACK}", f"--port={port}"],)


@click.command()
@click.option("--commercetools-port", type=int, default=18080, show_default=True)
@click.option("--activecampaign-port", type=int, default=18090, show_default=True)
@click.option(
    "--profile",
    type=click.Choice(["a", "b"]),
    default="a",
    show_default=True,
    help="which way open questions are answered",
)
def sandbox(*, commercetools_port: int, activecampaign_port: int, profile: str) -> None:
    """Both look-alikes on loopback, until interrupted."""
    ports = {"commercetools": commercetools_port, "activecampaign": activecampaign_port}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"ct_ac_sync.sandbox.{name}", "--port", str(port), "--profile", profile]
        )
        for name, port in ports.items()
    ]
    console.print(
        "CTP_PROJECT_KEY=demo-shop CTP_CLIENT_ID=sandbox CTP_CLIENT_SECRET=sandbox AC_API_TOKEN=sandbox-token"
        f" AC_EVENT_URL=http://127.0.0.1:{activecampaign_port}/event AC_EVENT_ACTID=1234567"
        " AC_EVENT_KEY=sandbox-event-key",
        soft_wrap=True,
    )
    signal.signal(signal.SIGTERM, lambda *_: _end(processes))
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("stopping")
    _end(processes)
    sys.exit(max(process.wait() for process in processes) and COULD_NOT)


def _end(processes: "list[subprocess.Popen[bytes]]") -> None:
    for process in processes:
        process.terminate()
