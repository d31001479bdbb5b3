"""The tasks: each takes ids, calls a use case, and is done."""

import structlog

from ct_ac_sync.errors import SyncError
from ct_ac_sync.ports import Stream
from ct_ac_sync.sync.extract import Slice
from workers import sentry
from workers.app import settings
from workers.declare import task
from workers.lifecycle import container
from workers.names import TaskName

log = structlog.get_logger()

#: Whom a message of the release before means, which knew one source only.
FIRST = settings.sources[0].project

PERIODS = {
    Stream.CUSTOMERS: settings.customers_every,
    Stream.ORDERS: settings.orders_every,
    Stream.CARTS: settings.carts_every,
    Stream.SHOPPING_LISTS: settings.shopping_lists_every,
    Stream.PAYMENTS: settings.payments_every,
    Stream.MESSAGES: settings.messages_every,
    Stream.CUSTOM_OBJECTS: settings.custom_objects_every,
}


@task(TaskName.EXTRACT)
def extract(stream: str, source: str = FIRST) -> None:
    """Read what changed in a stream of a source, if this tick is ours."""
    try:
        reader = container().extracts[source]
        _note(Stream(stream), source, reader.tick(Stream(stream), period=PERIODS[Stream(stream)]))
    except SyncError as error:
        log.warning("extract_failed", stream=stream, source=source, cause=error.cause, error=str(error))


@task(TaskName.GO_ON)
def go_on(stream: str, source: str = FIRST) -> None:
    """Go on with a sweep that is under way."""
    try:
        _note(Stream(stream), source, container().extracts[source].read(Stream(stream), begins=False))
    except SyncError as error:
        log.warning("extract_failed", stream=stream, source=source, cause=error.cause, error=str(error))


def _note(stream: Stream, source: str, done: Slice | None) -> None:
    """Check in with Sentry after a completed sweep: once a minute, whichever worker completed it."""
    if done is None or not done.is_done or not settings.sentry_dsn:
        return
    every = max(PERIODS[stream], sentry.MINUTE)
    if container().streams.take_slot(source, f"{stream} check-in", period=every):
        sentry.check_in(stream, every=every)


@task(TaskName.DELIVER)
def deliver(recipient: int) -> None:
    """Deliver to a recipient while it is due."""
    try:
        container().deliver.deliver(recipient)
    except SyncError as error:
        # The database is away; the lease runs out and dispatch rings again.
        log.warning("deliver_failed", recipient=recipient, cause=error.cause, error=str(error))


@task(TaskName.DISPATCH)
def dispatch() -> None:
    """Ring what is due."""
    try:
        container().dispatch.tick()
    except SyncError as error:
        log.warning("dispatch_failed", cause=error.cause, error=str(error))


@task(TaskName.SETTLE)
def settle() -> None:
    """Look at what is awaited."""
    try:
        container().settle.settle_due()
    except SyncError as error:
        log.warning("settle_failed", cause=error.cause, error=str(error))


@task(TaskName.DELETIONS)
def deletions(source: str) -> None:
    """Look for what is gone at a source."""
    try:
        if container().extracts[source].deletions.tick():
            container().dispatch.ring_due()
    except SyncError as error:
        log.warning("deletions_failed", source=source, cause=error.cause, error=str(error))
