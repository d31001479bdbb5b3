"""
Health: whether a process does its work, and what is missing where it cannot.

*Live* is consumption, not process life: see :mod:`ct_ac_sync.pulse`.  It asks files only,
so it is cheap, and neither Postgres nor a vendor that is away makes it cry.

*Ready* names everything that is missing at once.  What a worker cannot work without is
*missing*: settings, Postgres, the schema, Redis.  What a restart would not mend, or what
is normal before the first run, is a *note*: a stream never read, a halted stream or
destination, fields not provisioned, a Redis that evicts.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import redis

from ct_ac_sync import pulse
from ct_ac_sync.cli.output import (
    CLEAN,
    UNSETTLED,
    console,
    print_json,
    print_rows,
    reports_errors,
    setting,
    settings,
    with_json,
)
from ct_ac_sync.errors import ConfigurationError, SchemaVersionError, SyncError
from ct_ac_sync.pulse import Role
from ct_ac_sync.settings import Settings, redis_tls
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.migrate import check_schema
from ct_ac_sync.store.views import QUERIES

#: Nothing is called dead sooner, however short the ticks.
LEAST = timedelta(seconds=60)
#: Every worker gets about two tasks a tick; so many ticks without one are no coincidence.
TICKS = 12
#: How long Redis may take to answer.
PATIENCE_SECONDS = 3.0

Row = dict[str, Any]


@click.group()
def health() -> None:
    """Whether a process does its work, and what is missing."""


# -- live ---------------------------------------------------------------------------------


@health.command()
@click.option(
    "--role", type=click.Choice([str(role) for role in Role]), help="without, whoever has a pulse here"
)
@click.option("--node", help="one node, by its name or what stands before its @")
@with_json
@reports_errors
def live(*, role: str | None, node: str | None, as_json: bool) -> None:
    """Whether work was done lately: a worker finished a task, a beat published one."""
    tick, hard = setting("tick"), setting("hard")
    roles = [Role(role)] if role else list(Role)
    rows = list(_pulses(setting("run_dir"), roles, node, tick=tick, hard=hard))
    is_live = bool(rows) and all(row["ok"] for row in rows)
    if as_json:
        print_json({"live": is_live, "pulses": rows})
    elif rows:
        print_rows("pulses", rows, ("role", "node", "ok", "seconds", "limit"))
    else:
        who = node or " or ".join(str(each) for each in roles)
        console.print(f"no pulse of {who} in {setting('run_dir')}: it has done nothing yet", soft_wrap=True)
    sys.exit(CLEAN if is_live else UNSETTLED)


def limit(role: Role, *, tick: timedelta, hard: timedelta) -> timedelta:
    """
    Return how old a pulse may be.

    All children of a worker may be at their longest task, as when a vendor hangs: that is
    no reason to end them, and with them calls under way.
    """
    longest = hard + 2 * tick if role is Role.WORKER else LEAST
    return max(LEAST, TICKS * tick, longest)


def _pulses(
    folder: Path, roles: list[Role], node: str | None, *, tick: timedelta, hard: timedelta
) -> Iterator[Row]:
    for role in roles:
        most = limit(role, tick=tick, hard=hard).total_seconds()
        for name, age in pulse.ages(folder, role).items():
            if node in (None, name, name.partition("@")[0]):
                yield {"role": str(role), "node": name, "ok": age <= most, "seconds": age, "limit": most}


# -- ready --------------------------------------------------------------------------------


@health.command()
@click.option("--strict", is_flag=True, help="let notes count as missing, as after a deployment")
@with_json
@reports_errors
def ready(*, strict: bool, as_json: bool) -> None:
    """Whether a process could work here; names everything that is missing at once."""
    rows = list(_asked())
    is_ready = not any(row["state"] == "missing" or (strict and row["state"] == "note") for row in rows)
    if as_json:
        print_json({"ready": is_ready, "asked": rows})
    else:
        print_rows("ready" if is_ready else "not ready", rows, ("what", "state", "says"))
    sys.exit(CLEAN if is_ready else UNSETTLED)


def _row(what: str, state: str, says: str) -> Row:
    return {"what": what, "state": state, "says": says}


def _asked() -> Iterator[Row]:
    found: Settings | None = None
    try:
        found = settings()
    except SyncError as error:
        yield _row("settings", "missing", str(error))
    else:
        yield _row("settings", "ok", "complete")
    has_schema = False
    for row in _postgres():
        has_schema |= row["what"] == "schema" and row["state"] == "ok"
        yield row
    yield from _redis()
    if found is not None and has_schema:
        yield from _notes(found)


def _postgres() -> Iterator[Row]:
    try:
        check_schema(setting("database_url"))
    except ConfigurationError as error:
        yield _row("postgres", "missing", str(error))
    except SchemaVersionError as error:
        yield _row("postgres", "ok", "answers")
        yield _row("schema", "missing", str(error))
    except SyncError as error:
        yield _row("postgres", "missing", str(error))
    else:
        yield _row("postgres", "ok", "answers")
        yield _row("schema", "ok", "is this code's")


def _redis() -> Iterator[Row]:
    try:
        url = str(setting("redis_url"))
    except SyncError as error:
        yield _row("redis", "missing", str(error))
        return
    if not url:
        yield _row("redis", "missing", "REDIS_URL: is not set; workers and beat need a broker")
        return
    try:
        policy = _ask_redis(url)
    except (redis.RedisError, OSError, ValueError) as error:
        says = " ".join(str(error).split())
        yield _row("redis", "missing", f"REDIS_URL: Redis cannot be used: {says or type(error).__name__}")
        return
    yield _row("redis", "ok", "answers")
    if policy not in ("noeviction", ""):
        yield _row(
            "redis memory", "note", f"evicts ({policy}): rings may vanish, which costs time; set noeviction"
        )


def _ask_redis(url: str) -> str:
    """Return its policy for full memory; of a Sentinel, that one of them answers is enough."""
    plain = url.partition("?")[0].split(";")[0].replace("sentinel://", "redis://", 1)
    client = redis.Redis.from_url(
        plain, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, **redis_tls(url)
    )
    try:
        client.ping()
        if url.startswith("sentinel://"):
            return ""
        return str(client.info("memory").get("maxmemory_policy", ""))
    finally:
        client.close()


def _notes(found: Settings) -> Iterator[Row]:
    database = Database(found.database_url, max_size=1)
    try:
        streams = {(row["source"], row["stream"]): row for row in database.fetch(QUERIES["streams"])}
        destinations = {row["destination"]: row for row in database.fetch(QUERIES["destinations"])}
        budgets = [Budget(database, destination=a.name, breaker=found.breaker) for a in found.destinations]
        layouts = {b.destination: b.read_layout() for b in budgets if b.destination in destinations}
    except SyncError as error:
        yield _row("state", "missing", str(error))
        return
    finally:
        database.close()
    for access in found.sources:
        for stream in found.configuration.streams:
            name = f"stream {stream} of {access.project}"
            yield from _stream_notes(name, streams.get((access.project, stream)))
    for budget in budgets:
        name = f"destination {budget.destination}"
        if layouts.get(budget.destination) is None:
            yield _row(name, "note", "not provisioned: normal before the first call")
        if halted := destinations.get(budget.destination, {}).get("halted"):
            yield _row(name, "note", f"halted ({halted}); mend it, then: ct-ac-sync resume")


def _stream_notes(name: str, row: Row | None) -> Iterator[Row]:
    if row is None or not row["sweeps"]:
        yield _row(name, "note", "never read to its end: normal before the first sweep")
    if row is not None and row["halted"]:
        yield _row(name, "note", f"halted ({row['halted']}); mend it, then: ct-ac-sync resume")
