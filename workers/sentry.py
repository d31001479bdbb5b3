"""
Sentry: one issue per cause, and a check-in of each poller; nothing that is a person's.

What is reported is what waits for a human: a dead letter once it is committed, a halt, and
a bug of ours.  Single attempts are not; the machine tries again by itself.  Everything on
its way out passes one redactor, whichever door of the SDK it leaves by.

A report is a courtesy: without a DSN, with a wrong one, or with a Sentry that is away,
the work goes on.
"""

import builtins
import logging
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import sentry_sdk
import structlog
from sentry_sdk.crons import capture_checkin
from sentry_sdk.crons.consts import MonitorStatus
from sentry_sdk.integrations.argv import ArgvIntegration
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.scrubber import DEFAULT_DENYLIST, DEFAULT_PII_DENYLIST

from ct_ac_sync import __version__
from ct_ac_sync.observability import OURS
from ct_ac_sync.ports import Letter, Stream
from ct_ac_sync.redaction import redact, redact_all, tells_its_text
from ct_ac_sync.settings import Settings
from workers.names import TaskName

log = structlog.get_logger()

RELEASE = f"ct-ac-sync@{__version__}"
#: Sentry counts in minutes, and so does a poller.
MINUTE = timedelta(minutes=1)
#: Fields whose values are a person's or a secret, wherever they stand.  The SDK's own scrubber is
#: off, whatever it is given, where ``data_collection`` is set (2.75).
DENIED = frozenset(
    {
        *DEFAULT_DENYLIST, *DEFAULT_PII_DENYLIST, "addresses", "billingaddress", "customerdata", "customeremail",
        "email", "firstname", "first_name", "lastname", "last_name", "phone", "shippingaddress",
    }
)  # fmt: skip
#: Ticks, which are many and alike; their traces would show nothing.
TICKS = frozenset(str(each) for each in (TaskName.DISPATCH, TaskName.SETTLE, TaskName.EXTRACT))
#: Parts of an event that Sentry made itself, and reads again: ids, times, versions, places.
STRUCTURE = frozenset(
    {
        "event_id", "check_in_id", "trace_id", "span_id", "parent_span_id", "timestamp", "start_timestamp",
        "release", "environment", "monitor_slug", "monitor_config", "sdk", "modules", "platform", "level",
        "filename", "abs_path", "module", "function", "lineno", "celery_task_id", "server_name", "type",
        "_meta", "dynamic_sampling_context",
    }
)  # fmt: skip
#: Never sent, whatever they hold: what was asked for, by whom, and what a frame knew.
DROPPED = frozenset({"vars", "query_string", "http.query", "http.fragment", "cookies", "user", "request"})

_is_refused = False


def start(settings: Settings) -> None:
    """
    Begin to report, if the settings name a Sentry; in each process anew, for threads cross no fork.

    A DSN that is none is told of once, by the process that forks the others.
    """
    global _is_refused  # noqa: PLW0603 - inherited by the children of a fork, who say nothing again
    if not settings.sentry_dsn or _is_refused:
        return
    try:
        sentry_sdk.init(**options(settings))
    except ValueError as error:
        _is_refused = True
        log.error("sentry_refused", error=redact(str(error)))  # noqa: TRY400 - where it was found says nothing
        return
    for name in OURS:
        # What we log is reported, where it is, by the herald.
        ignore_logger(f"{name}*")


def options(settings: Settings) -> dict[str, Any]:
    """Return what the SDK is told; all that could hold something of a person is off."""
    return {
        "dsn": settings.sentry_dsn,
        "release": RELEASE,
        "environment": settings.sentry_environment,
        "auto_enabling_integrations": False,
        "integrations": [
            # No headers of its own on our messages, and no check-in of ticks below a minute.
            CeleryIntegration(propagate_traces=False, monitor_beat_tasks=False),
            # Only what ends a worker or a beat; the rest of the logs has a place of its own.
            LoggingIntegration(level=None, event_level=logging.CRITICAL, sentry_logs_level=None),
        ],
        "disabled_integrations": [ArgvIntegration()],
        "auto_session_tracking": False,
        "enable_logs": False,
        "enable_metrics": False,
        "send_client_reports": False,
        "traces_sampler": _Sampler(settings.sentry_traces) if settings.sentry_traces else None,
        "data_collection": {
            "user_info": False, "cookies": {"mode": "off"}, "http_headers": {"request": {"mode": "off"}},
            "http_bodies": [], "url_query_params": {"mode": "off"}, "database_query_data": False,
            "graphql": {"document": False, "variables": False}, "gen_ai": {"inputs": False, "outputs": False},
            "queues": False, "stack_frame_variables": False,
        },
        "include_local_variables": False,
        "max_request_body_size": "never",
        "before_send": scrub,
        "before_send_transaction": scrub,
        "before_breadcrumb": scrub,
        "before_send_log": scrub,
        "before_send_metric": scrub,
    }  # fmt: skip


def scrub(event: Any, _: Mapping[str, Any]) -> Any:
    """
    Return *event* as it may leave: the one redactor that all doors share.

    Exceptions that may quote a record keep their kind and their place, and lose their text.
    """
    scrubbed = _scrubbed(event)
    for exception in (scrubbed.get("exception") or {}).get("values") or []:
        if not tells_its_text(exception.get("module"), _builtin(exception)):
            exception["value"] = "[may quote a record]"
    return scrubbed


class SentryHerald:
    """Reports what waits for a human."""

    def tell_letter(self, letter: Letter) -> None:
        """Report a dead letter: all of one operation and cause are one issue."""
        with sentry_sdk.new_scope() as scope:
            scope.fingerprint = [letter.operation, letter.cause]
            for name in ("operation", "lane", "cause", "destination"):
                scope.set_tag(name, getattr(letter, name))
            for name in ("dead_letter", "recipient", "entry", "attempt"):
                scope.set_extra(name, getattr(letter, name))
            sentry_sdk.capture_message(f"dead letter: {letter.operation}: {letter.cause}", level="error")

    def tell_halt(self, what: str, cause: str) -> None:
        """Report that a destination or stream was halted."""
        with sentry_sdk.new_scope() as scope:
            scope.fingerprint = ["halt", what, cause]
            scope.set_tag("halted", what)
            scope.set_tag("cause", cause)
            sentry_sdk.capture_message(f"halted: {what}: {cause}", level="fatal")


def report_bug(error: BaseException) -> None:
    """Report an exception that nobody expected."""
    sentry_sdk.capture_exception(error)


def check_in(stream: Stream, *, every: timedelta) -> None:
    """Say that a sweep of *stream* has been completed."""
    capture_checkin(
        monitor_slug=f"extract-{stream}",
        status=MonitorStatus.OK,
        monitor_config={
            "schedule": {"type": "interval", "value": whole_minutes(every), "unit": "minute"},
            "checkin_margin": 2,
            "max_runtime": 5,
            "failure_issue_threshold": 2,
            "recovery_threshold": 1,
        },
    )


def whole_minutes(every: timedelta) -> int:
    """
    Return how often a poller checks in: once a minute, or as seldom as it polls.

    >>> whole_minutes(timedelta(seconds=10)), whole_minutes(timedelta(seconds=90))
    (1, 2)
    """
    return max(1, math.ceil(every / MINUTE))


class _Sampler:
    """Traces a share of the deliveries, and no tick."""

    def __init__(self, share: float) -> None:
        self._share = share

    def __call__(self, context: Mapping[str, Any]) -> float:
        job = cast(Mapping[str, Any], context.get("celery_job") or {})
        return 0.0 if job.get("task") in TICKS else self._share


def _scrubbed(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {redact_all(key): _of_key(key, each) for key, each in node.items() if key not in DROPPED}
    if isinstance(node, list | tuple):
        return [_scrubbed(each) for each in node]
    return redact_all(node)


def _of_key(key: object, value: Any) -> Any:
    if str(key).lower() in DENIED:
        return "[secret]"
    is_made_by_sentry = key in STRUCTURE and not isinstance(value, Mapping | list)
    return value if is_made_by_sentry else _scrubbed(value)


def _builtin(exception: Mapping[str, Any]) -> type[BaseException] | None:
    """Return the class of a built-in exception, which has no module in an event."""
    found = getattr(builtins, str(exception.get("type")), None) if not exception.get("module") else None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None
