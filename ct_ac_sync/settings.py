"""
Settings: the environment, read once, with all its faults reported together.

Names are the vendors' and the ecosystem's.  Every secret may be given as
``NAME_FILE`` instead, a path whose content is the value.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ct_ac_sync.errors import ConfigurationError

PREFIX = "CT_AC_SYNC_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """
    One variable of the environment.

    Attributes:
        parse: Turns its text into a value; raises ValueError with what was expected.
        default: The text used when it is not set; None where it must be set.
    """

    name: str
    about: str
    parse: Callable[[str], Any]
    default: str | None = None
    is_secret: bool = False


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("expected some text")
    return text.strip()


def _any(text: str) -> str:
    return text.strip()


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text.strip())
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(
                f"expected an address that begins with {' or '.join(s + '://' for s in schemes)}"
            )
        return text.strip()

    return parse


def _seconds(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("expected a number of seconds") from None
    if seconds <= 0:
        raise ValueError("expected a number of seconds above 0")
    return timedelta(seconds=seconds)


def _several_seconds(text: str) -> tuple[timedelta, ...]:
    return tuple(_seconds(part) for part in text.split(","))


def _whole(text: str) -> int:
    if not text.strip().isdigit() or int(text) < 1:
        raise ValueError("expected a whole number above 0")
    return int(text)


def _start(text: str) -> str | datetime | None:
    """``everything``, ``now``, an ISO date or instant, or nothing."""
    word = text.strip()
    if word in ("", "everything", "now"):
        return word or None
    try:
        moment = datetime.fromisoformat(word.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("expected everything, now, or an ISO date or instant") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


HTTP = _url("http", "https")

VARIABLES: Mapping[str, Variable] = {
    "database_url": Variable(name="DATABASE_URL", about="Postgres, 15 to 18", parse=_url("postgresql", "postgres"), is_secret=True),
    "redis_url": Variable(name="REDIS_URL", about="Redis 6.2 or later, for the broker only; `sync --once` needs none", parse=lambda t: _url("redis", "rediss", "sentinel")(t) if t else "", default="", is_secret=True),
    "project_key": Variable(name="CTP_PROJECT_KEY", about="key of the Commercetools project", parse=_text),
    "client_id": Variable(name="CTP_CLIENT_ID", about="its API client's id", parse=_text, is_secret=True),
    "client_secret": Variable(name="CTP_CLIENT_SECRET", about="its API client's secret", parse=_text, is_secret=True),
    "auth_url": Variable(name="CTP_AUTH_URL", about="its region's auth host", parse=HTTP),
    "api_url": Variable(name="CTP_API_URL", about="its region's API host", parse=HTTP),
    "scopes": Variable(name="CTP_SCOPES", about="scopes to ask for; without, all that the client has", parse=_any, default=""),
    "ac_api_url": Variable(name="AC_API_URL", about="ActiveCampaign: Settings, Developer, API URL", parse=HTTP),
    "ac_api_token": Variable(name="AC_API_TOKEN", about="ActiveCampaign: Settings, Developer, Key", parse=_text, is_secret=True),
    "start": Variable(name=PREFIX + "FROM", about="what the first run does with the past: everything, now, or a date; the past is historical and fires nothing", parse=_start, default=""),
    "overlap": Variable(name=PREFIX + "OVERLAP_SECONDS", about="how far a window reaches back over the watermark", parse=_seconds, default="300"),
    "customers_every": Variable(name=PREFIX + "CUSTOMERS_EVERY_SECONDS", about="how often customers are polled", parse=_seconds, default="30"),
    "orders_every": Variable(name=PREFIX + "ORDERS_EVERY_SECONDS", about="how often orders are polled", parse=_seconds, default="10"),
    "tick": Variable(name=PREFIX + "TICK_SECONDS", about="how often dispatch and what is awaited are looked at", parse=_seconds, default="5"),
    "call": Variable(name=PREFIX + "CALL_SECONDS", about="total deadline of one call", parse=_seconds, default="40"),
    "soft": Variable(name=PREFIX + "SOFT_SECONDS", about="soft time limit of a task", parse=_seconds, default="60"),
    "hard": Variable(name=PREFIX + "HARD_SECONDS", about="hard time limit of a task", parse=_seconds, default="75"),
    "lease": Variable(name=PREFIX + "LEASE_SECONDS", about="how long a claim is held", parse=_seconds, default="120"),
    "slice": Variable(name=PREFIX + "SLICE_SECONDS", about="how long a task reads or delivers before it lets another go on", parse=_seconds, default="15"),
    "rung": Variable(name=PREFIX + "RUNG_SECONDS", about="how long a ring is waited for before it is rung again", parse=_seconds, default="90"),
    "readbacks": Variable(name=PREFIX + "READBACK_SECONDS", about="waits before an unclear end is read back, each time", parse=_several_seconds, default="5,30,120"),
    "breaker": Variable(name=PREFIX + "BREAKER_SECONDS", about="pause after ten failures in a row", parse=_seconds, default="30"),
    "interval": Variable(name=PREFIX + "CALL_INTERVAL_SECONDS", about="between two calls of the account: 0.215 keeps below 5 a second", parse=_seconds, default="0.215"),
    "awaiting_deadline": Variable(name=PREFIX + "AWAITING_DEADLINE_SECONDS", about="when an accepted import is given up and sent again", parse=_seconds, default="600"),
    "retry_base": Variable(name=PREFIX + "RETRY_BASE_SECONDS", about="first wait after a failure; it doubles", parse=_seconds, default="5"),
    "max_attempts": Variable(name=PREFIX + "MAX_ATTEMPTS", about="attempts before a dead letter", parse=_whole, default="12"),
    "max_crashes": Variable(name=PREFIX + "MAX_CRASHES", about="workers that may die with one entry alone before it is a dead letter", parse=_whole, default="5"),
    "concurrency": Variable(name=PREFIX + "CONCURRENCY", about="processes of a worker that `up` starts", parse=_whole, default="4"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; see :data:`VARIABLES` for what each means."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    project_key: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    auth_url: str
    api_url: str
    scopes: str
    ac_api_url: str
    ac_api_token: str = field(repr=False)
    start: str | datetime | None
    overlap: timedelta
    customers_every: timedelta
    orders_every: timedelta
    tick: timedelta
    call: timedelta
    soft: timedelta
    hard: timedelta
    lease: timedelta
    slice: timedelta
    rung: timedelta
    readbacks: tuple[timedelta, ...]
    breaker: timedelta
    interval: timedelta
    awaiting_deadline: timedelta
    retry_base: timedelta
    max_attempts: int
    max_crashes: int
    concurrency: int

    @property
    def destination(self) -> str:
        """The destination's name in the tables: its host."""
        return urlsplit(self.ac_api_url).netloc


def read_settings(environ: Mapping[str, str]) -> Settings:
    """
    Return the settings that *environ* holds.

    Raises:
        ConfigurationError: Something is missing, wrong, unknown or contradictory; the
            message names all faults, one a line.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    for name, variable in VARIABLES.items():
        try:
            values[name] = _value(environ, variable)
        except ValueError as error:
            faults.append(f"{variable.name}: {error}")
    faults += _unknown(environ)
    if not faults:
        faults = _contradictions(values)
    if faults:
        raise ConfigurationError("settings are wrong:\n  " + "\n  ".join(faults), cause="settings")
    return Settings(**values)


def _value(environ: Mapping[str, str], variable: Variable) -> Any:
    text = environ.get(variable.name)
    file = environ.get(f"{variable.name}_FILE")
    if text is not None and file is not None:
        raise ValueError(f"is set, and so is {variable.name}_FILE; keep one of them")
    if file is not None:
        try:
            text = Path(file).read_text("utf-8").strip()
        except OSError as error:
            raise ValueError(f"{variable.name}_FILE cannot be read: {error.strerror}: {file}") from error
    if text is None:
        text = variable.default
    if text is None:
        raise ValueError(f"is not set; it is {variable.about}")
    try:
        return variable.parse(text)
    except ValueError as error:
        shown = "the value given" if variable.is_secret else repr(text)
        raise ValueError(f"{error}, not {shown}") from error


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {v.name for v in VARIABLES.values()} | {f"{v.name}_FILE" for v in VARIABLES.values()}
    known.add(PREFIX + "CONFIG")
    return [
        f"{name}: is not a setting"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    chain = ("call", "soft", "hard", "lease")
    faults = [
        f"{VARIABLES[short].name} must be less than {VARIABLES[long].name}:"
        f" {values[short].total_seconds():g} is not less than {values[long].total_seconds():g}"
        for short, long in itertools.pairwise(chain)
        if values[short] >= values[long]
    ]
    if values["slice"] > values["soft"]:
        faults.append(f"{VARIABLES['slice'].name} must not exceed {VARIABLES['soft'].name}")
    return faults
