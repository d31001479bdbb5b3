"""
Settings: the environment, read once, with all its faults reported together.

Names are the vendors' and the ecosystem's.  Every secret may be given as
``NAME_FILE`` instead, a path whose content is the value.
"""

import itertools
import os
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ct_ac_sync.configuration.default import default_configuration
from ct_ac_sync.configuration.read import read_file
from ct_ac_sync.configuration.values import EVENT_URL, Configuration, DestinationConfig
from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.redaction import hide, redact

PREFIX = "CT_AC_SYNC_"
#: What the database's clock still tells apart.
LEAST_SECONDS = 0.000_01
#: A year: whatever is longer is a slip of the pen.
MOST_SECONDS = timedelta(days=366).total_seconds()
MOST = 1_000_000
#: A century: longer than any ledger is kept.
MOST_MONTHS, MOST_DAYS = 1200, 36_500
WHOLE = re.compile(r"[1-9][0-9]{0,8}")
PORT = re.compile(r"0|[1-9][0-9]{0,4}")
MOST_PORT = 65535
WORD = re.compile(r"[!-~]+")
SECRET = re.compile(r"[-\w]{20,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """
    One variable of the environment.

    Attributes:
        parse: Turns its text into a value; raises ValueError with what was expected.
        default: The text used when it is not set; None where it must be set.
        is_of_default: It says which project and account there are; not asked for where a
            configuration does.
    """

    name: str
    about: str
    parse: Callable[[str], Any]
    default: str | None = None
    is_secret: bool = False
    is_of_default: bool = False


def _word(text: str) -> str:
    """Keys and secrets stand in addresses and headers, where blanks and umlauts cannot."""
    if not WORD.fullmatch(text.strip()):
        raise ValueError("expected one word of ASCII characters")
    return text.strip()


def _secret(text: str) -> str:
    """Nothing, or what nobody guesses and what stands in an address as it is."""
    if text.strip() and not SECRET.fullmatch(text.strip()):
        raise ValueError("expected 20 letters, digits, - or _ at least")
    return text.strip()


def _any(text: str) -> str:
    return text.strip()


def _perhaps(text: str) -> str:
    return _word(text) if text.strip() else ""


def _url(*schemes: str) -> Callable[[str], str]:
    expected = f"expected an address that begins with {' or '.join(s + '://' for s in schemes)}"

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text.strip())
            is_one = parts.scheme in schemes and "://" in text
        except ValueError:
            # Its message would quote the address, and with it a password.
            is_one = False
        if not is_one:
            raise ValueError(expected)
        return text.strip()

    return parse


def _http(text: str) -> str:
    address = _url("http", "https")(text)
    parts = urlsplit(address)
    try:
        is_plain = parts.port != 0 and parts.username is None and not (parts.query or parts.fragment)
    except ValueError:
        is_plain = False
    if not parts.hostname or not is_plain:
        raise ValueError("expected https://host, without user, password or query")
    return address


def _redis(text: str) -> str:
    if not text.strip():
        return ""
    address = _url("redis", "rediss", "sentinel")(text)
    redis_tls(address)
    return address


#: What ``ssl_cert_reqs`` may say in the address of a Redis, by either library's habit.
CERTIFICATES = {
    "required": ssl.CERT_REQUIRED, "CERT_REQUIRED": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL, "CERT_OPTIONAL": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE, "CERT_NONE": ssl.CERT_NONE,
}  # fmt: skip


def redis_tls(url: str) -> dict[str, Any]:
    """
    Return the TLS options that the address of a Redis holds; empty where it speaks plainly.

    ``rediss://`` means a verified server: where the address does not say otherwise the
    certificate is required, which the broker's own library would not do.

    Raises:
        ValueError: An option cannot be right.
    """
    if not url.startswith("rediss://"):
        return {}
    given = {k: v for k, v in parse_qsl(urlsplit(url).query) if k.startswith("ssl_")}
    wanted = given.get("ssl_cert_reqs", "required")
    if wanted not in CERTIFICATES:
        raise ValueError("expected ssl_cert_reqs to be required, optional or none")
    if "ssl_ca_certs" in given and not Path(given["ssl_ca_certs"]).is_file():
        raise ValueError(f"expected ssl_ca_certs to be a file that is there, not {given['ssl_ca_certs']}")
    check = given.get("ssl_check_hostname", "true").lower() != "false"
    return given | {"ssl_cert_reqs": CERTIFICATES[wanted], "ssl_check_hostname": check}


def _folder(text: str) -> Path:
    """Return a folder; without one, a folder of this user below the system's for temporary files."""
    word = text.strip()
    return Path(word) if word else Path(tempfile.gettempdir()) / f"ct-ac-sync-{os.geteuid()}"


def _seconds(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("expected a number of seconds") from None
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise ValueError(f"expected a number of seconds above 0, at most {MOST_SECONDS:.0f}")
    return timedelta(seconds=seconds)


def _several_seconds(text: str) -> tuple[timedelta, ...]:
    return tuple(_seconds(part) for part in text.split(","))


def _whole(text: str) -> int:
    word = text.strip()
    if not WHOLE.fullmatch(word) or int(word) > MOST:
        raise ValueError(f"expected a whole number above 0, at most {MOST}")
    return int(word)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError("expected a number from 0 to 1")
    return share


def _up_to(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if (number := _whole(text)) > most:
            raise ValueError(f"expected a whole number above 0, at most {most}")
        return number

    return parse


def _days(text: str) -> timedelta:
    return timedelta(days=_up_to(MOST_DAYS)(text))


def _port(text: str) -> int:
    word = text.strip()
    if not PORT.fullmatch(word) or int(word) > MOST_PORT:
        raise ValueError(f"expected a port, at most {MOST_PORT}, or 0 for none")
    return int(word)


def _start(text: str) -> str | datetime | None:
    """``everything``, ``now``, an ISO date or instant, or nothing."""
    word = text.strip()
    if word in ("", "everything", "now"):
        return word or None
    try:
        moment = datetime.fromisoformat(word.replace("Z", "+00:00"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected everything, now, or an ISO date or instant") from None


VARIABLES: Mapping[str, Variable] = {
    "database_url": Variable(name="DATABASE_URL", about="Postgres, 15 to 18", parse=_url("postgresql", "postgres"), is_secret=True),
    "redis_url": Variable(name="REDIS_URL", about="Redis 6.2 or later, for the broker only; `sync --once` needs none", parse=_redis, default="", is_secret=True),
    "project_key": Variable(name="CTP_PROJECT_KEY", about="key of the Commercetools project", parse=_word, is_of_default=True),
    "client_id": Variable(name="CTP_CLIENT_ID", about="its API client's id", parse=_word, is_secret=True, is_of_default=True),
    "client_secret": Variable(name="CTP_CLIENT_SECRET", about="its API client's secret", parse=_word, is_secret=True, is_of_default=True),
    "auth_url": Variable(name="CTP_AUTH_URL", about="its region's auth host", parse=_http, is_of_default=True),
    "api_url": Variable(name="CTP_API_URL", about="its region's API host", parse=_http, is_of_default=True),
    "scopes": Variable(name="CTP_SCOPES", about="scopes to ask for; without, all that the client has", parse=_any, default=""),
    "ac_api_url": Variable(name="AC_API_URL", about="ActiveCampaign: Settings, Developer, API URL", parse=_http, is_of_default=True),
    "ac_api_token": Variable(name="AC_API_TOKEN", about="ActiveCampaign: Settings, Developer, Key", parse=_word, is_secret=True, is_of_default=True),
    "ac_event_url": Variable(name="AC_EVENT_URL", about="ActiveCampaign's event host, where it has another than most", parse=_http, default=EVENT_URL),
    "ac_event_actid": Variable(name="AC_EVENT_ACTID", about="ActiveCampaign: the account's id for events, from its tracking settings; without, nothing is tracked", parse=_perhaps, default=""),
    "ac_event_key": Variable(name="AC_EVENT_KEY", about="ActiveCampaign: the event key, from its tracking settings", parse=_perhaps, default="", is_secret=True),
    "config": Variable(name=PREFIX + "CONFIG", about="path of the configuration, sync.toml; without, one project goes to one account with sensible fields", parse=_any, default=""),
    "sentry_dsn": Variable(name="SENTRY_DSN", about="where dead letters, halts and bugs are reported; without, nowhere", parse=_any, default="", is_secret=True),
    "sentry_environment": Variable(name="SENTRY_ENVIRONMENT", about="what Sentry calls this installation", parse=_any, default="production"),
    "sentry_traces": Variable(name="SENTRY_TRACES_SAMPLE_RATE", about="share of deliveries that Sentry traces, 0 to 1", parse=_share, default="0"),
    "start": Variable(name=PREFIX + "FROM", about="what the first run does with the past: everything, now, or a date; the past is historical and fires nothing", parse=_start, default=""),
    "overlap": Variable(name=PREFIX + "OVERLAP_SECONDS", about="how far a window reaches back over the watermark", parse=_seconds, default="300"),
    "wide_overlap": Variable(name=PREFIX + "WIDE_OVERLAP_SECONDS", about="how far back one window a day reaches, for what became visible very late", parse=_seconds, default="93600"),
    "customers_every": Variable(name=PREFIX + "CUSTOMERS_EVERY_SECONDS", about="how often customers are polled", parse=_seconds, default="30"),
    "orders_every": Variable(name=PREFIX + "ORDERS_EVERY_SECONDS", about="how often orders are polled", parse=_seconds, default="10"),
    "carts_every": Variable(name=PREFIX + "CARTS_EVERY_SECONDS", about="how often carts are polled, where anything follows of events", parse=_seconds, default="10"),
    "shopping_lists_every": Variable(name=PREFIX + "SHOPPING_LISTS_EVERY_SECONDS", about="how often shopping lists are polled, where anything follows of what is put on one", parse=_seconds, default="10"),
    "payments_every": Variable(name=PREFIX + "PAYMENTS_EVERY_SECONDS", about="how often payments are polled", parse=_seconds, default="10"),
    "messages_every": Variable(name=PREFIX + "MESSAGES_EVERY_SECONDS", about="how often messages are polled, where anything follows of events", parse=_seconds, default="10"),
    "custom_objects_every": Variable(name=PREFIX + "CUSTOM_OBJECTS_EVERY_SECONDS", about="how often custom objects are polled, where consent is read of them", parse=_seconds, default="10"),
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
    "event_interval": Variable(name=PREFIX + "EVENT_INTERVAL_SECONDS", about="between two calls of the event host, whose limit nobody documents", parse=_seconds, default="0.2"),
    "consent_every": Variable(name=PREFIX + "CONSENT_SECONDS", about="between two pages of memberships that are looked at for news, where consent decides on lists", parse=_seconds, default="30"),
    "consent_jump": Variable(name=PREFIX + "CONSENT_JUMP", about="so many memberships begun, or ended, in an hour halt that until a human looks", parse=_whole, default="500"),
    "webhook_secret": Variable(name=PREFIX + "WEBHOOK_SECRET", about="part of the address that webhooks of ActiveCampaign are sent to, at `ct-ac-sync webhooks`: 20 letters, digits, - or _ at least", parse=_secret, default="", is_secret=True),
    "jump": Variable(name=PREFIX + "JUMP", about="so many events of one kind in an hour halt that kind until a human looks", parse=_whole, default="1000"),
    "awaiting_deadline": Variable(name=PREFIX + "AWAITING_DEADLINE_SECONDS", about="when an accepted import is given up and sent again", parse=_seconds, default="600"),
    "retry_base": Variable(name=PREFIX + "RETRY_BASE_SECONDS", about="first wait after a failure; it doubles", parse=_seconds, default="5"),
    "max_attempts": Variable(name=PREFIX + "MAX_ATTEMPTS", about="attempts before a dead letter", parse=_whole, default="12"),
    "max_crashes": Variable(name=PREFIX + "MAX_CRASHES", about="workers that may die with one entry alone before it is a dead letter", parse=_whole, default="5"),
    "concurrency": Variable(name=PREFIX + "CONCURRENCY", about="processes of a worker that `up` starts", parse=_whole, default="4"),
    "flower_port": Variable(name=PREFIX + "FLOWER_PORT", about="port of the Flower on loopback that `up` starts; 0: none", parse=_port, default="5555"),
    "keep_months": Variable(name=PREFIX + "KEEP_MONTHS", about="whole months of attempts, outcomes and sightings that are kept before the current one", parse=_up_to(MOST_MONTHS), default="13"),
    "keep_letters": Variable(name=PREFIX + "KEEP_LETTERS_DAYS", about="days a resolved dead letter is kept; an open one is kept until it is resolved", parse=_days, default="180"),
    "run_dir": Variable(name=PREFIX + "RUN_DIR", about="folder of the pulses that `health live` reads; without, one of this user's below the system's for temporary files", parse=_folder, default=""),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccess:
    """A Commercetools project, and what opens it."""

    project: str
    auth_url: str
    api_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    scopes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHostAccess:
    """The event host of an ActiveCampaign account, and what opens it: no key of the account does."""

    url: str
    actid: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationAccess:
    """
    An ActiveCampaign account, and what opens it.

    Attributes:
        interval: Between two calls.
        events: Its event host; None where nothing can be tracked.
    """

    name: str
    api_url: str
    token: str = field(repr=False)
    interval: timedelta
    events: EventHostAccess | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; see :data:`VARIABLES` for what each means."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    configuration: Configuration = field(repr=False)
    sources: tuple[SourceAccess, ...]
    destinations: tuple[DestinationAccess, ...]
    sentry_dsn: str = field(repr=False)
    sentry_environment: str
    sentry_traces: float
    start: str | datetime | None
    overlap: timedelta
    wide_overlap: timedelta
    customers_every: timedelta
    orders_every: timedelta
    carts_every: timedelta
    shopping_lists_every: timedelta
    payments_every: timedelta
    messages_every: timedelta
    custom_objects_every: timedelta
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
    event_interval: timedelta
    consent_every: timedelta
    consent_jump: int
    webhook_secret: str = field(repr=False)
    jump: int
    awaiting_deadline: timedelta
    retry_base: timedelta
    max_attempts: int
    max_crashes: int
    concurrency: int
    flower_port: int
    keep_months: int
    keep_letters: timedelta
    run_dir: Path


#: What says which project and account there are, where no configuration does.
DEFAULTS = frozenset(
    {
        "project_key",
        "client_id",
        "client_secret",
        "auth_url",
        "api_url",
        "scopes",
        "ac_api_url",
        "ac_api_token",
        "ac_event_url",
        "ac_event_actid",
        "ac_event_key",
    }
)

#: Each must be less than the next: a call ends before its task, and the task before the lease.
LIMITS = ("call", "soft", "hard", "lease")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """
    Return the settings that *environ* holds.

    Raises:
        ConfigurationError: Something is missing, wrong, unknown or contradictory; the
            message names all faults, one a line.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    has_configuration = bool(environ.get(VARIABLES["config"].name))
    for name, variable in VARIABLES.items():
        is_spared = has_configuration and variable.is_of_default and variable.name not in environ
        try:
            values[name] = "" if is_spared else _value(environ, variable)
        except ValueError as error:
            faults.append(f"{variable.name}: {error}")
    faults += _unknown(environ)
    faults += _contradictions(values)
    if "config" in values and set(values) >= DEFAULTS:
        values |= _access(environ, values, faults)
    if faults:
        raise ConfigurationError("settings are wrong:\n  " + "\n  ".join(faults), cause="settings")
    return Settings(**{name: value for name, value in values.items() if name not in DEFAULTS | {"config"}})


def _access(environ: Mapping[str, str], values: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return the configuration, and what opens the sources and destinations it names."""
    try:
        configuration = _configuration(environ, values)
    except ConfigurationError as error:
        faults.append(str(error))
        return {}
    secret = partial(_named, environ, faults=faults)
    return {
        "configuration": configuration,
        "sources": tuple(
            SourceAccess(
                project=source.project, auth_url=source.auth_url, api_url=source.api_url,
                client_id=secret(source.client_id_env), client_secret=secret(source.client_secret_env),
                scopes=source.scopes,
            )
            for source in configuration.sources
        ),
        "destinations": tuple(
            DestinationAccess(
                name=destination.host, api_url=destination.api_url,
                token=secret(destination.token_env),
                interval=timedelta(seconds=destination.call_interval_seconds)
                if destination.call_interval_seconds
                else values.get("interval", timedelta()),
                events=_event_host(environ, destination, faults),
            )
            for destination in configuration.destinations
        ),
    }  # fmt: skip


def _event_host(
    environ: Mapping[str, str], destination: DestinationConfig, faults: list[str]
) -> EventHostAccess | None:
    actid, key = destination.event_actid_env, destination.event_key_env
    if actid is None or key is None:
        return None
    return EventHostAccess(
        url=destination.event_url,
        actid=_named(environ, actid, faults=faults, is_secret=False),
        key=_named(environ, key, faults=faults),
    )


def _configuration(environ: Mapping[str, str], values: Mapping[str, Any]) -> Configuration:
    if values["config"]:
        return read_file(Path(values["config"]), environ=environ).configuration
    return default_configuration(
        project=values["project_key"], auth_url=values["auth_url"], api_url=values["api_url"],
        scopes=values["scopes"], ac_api_url=values["ac_api_url"],
        events={"AC_EVENT_URL": values["ac_event_url"]}
        | {name: values[name.lower()] for name in ("AC_EVENT_ACTID", "AC_EVENT_KEY") if values[name.lower()]},
    )  # fmt: skip


def _named(environ: Mapping[str, str], name: str, *, faults: list[str], is_secret: bool = True) -> str:
    variable = Variable(name=name, about="named by the configuration", parse=_word, is_secret=is_secret)
    try:
        return str(_value(environ, variable))
    except ValueError as error:
        if not any(fault.startswith(f"{name}: ") for fault in faults):
            faults.append(f"{name}: {error}")
        return ""


def read_one(environ: Mapping[str, str], name: str) -> Any:
    """
    Return one setting alone, for a command that needs no more.

    Raises:
        ConfigurationError: It is missing or wrong.
    """
    variable = VARIABLES[name]
    try:
        return _value(environ, variable)
    except ValueError as error:
        raise ConfigurationError(f"{variable.name}: {error}", cause="settings") from None


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
        except ValueError as error:
            raise ValueError(f"{variable.name}_FILE cannot be read: it is no text: {file}") from error
    if text is None:
        text = variable.default
    if text is None:
        raise ValueError(f"is not set; it is {variable.about}")
    if variable.is_secret:
        hide(text.strip())
    try:
        return variable.parse(text)
    except ValueError as error:
        # Only of an address of the web can a part be secret that should not be there at all.
        harmless = redact(text) if "://" in text else text
        shown = "the value given" if variable.is_secret else repr(harmless)
        raise ValueError(f"{error}, not {shown}") from None


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {v.name for v in VARIABLES.values()} | {f"{v.name}_FILE" for v in VARIABLES.values()}
    return [
        f"{name}: is not a setting"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Return the contradictions among those values that could be read."""
    pairs = [pair for pair in itertools.pairwise(LIMITS) if set(pair) <= set(values)]
    faults = [
        f"{VARIABLES[short].name} must be less than {VARIABLES[long].name}:"
        f" {values[short].total_seconds():g} is not less than {values[long].total_seconds():g}"
        for short, long in pairs
        if values[short] >= values[long]
    ]
    if {"slice", "soft"} <= set(values) and values["slice"] > values["soft"]:
        faults.append(f"{VARIABLES['slice'].name} must not exceed {VARIABLES['soft'].name}")
    return faults
