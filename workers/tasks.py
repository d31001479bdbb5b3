"""The tasks: each takes ids, calls a use case, and is done."""

import structlog

from ct_ac_sync.errors import SyncError
from ct_ac_sync.ports import Stream
from workers.app import settings
from workers.declare import task
from workers.lifecycle import container
from workers.names import TaskName

log = structlog.get_logger()


@task(TaskName.EXTRACT)
def extract(stream: str) -> None:
    """Read what changed in a stream, if this tick is ours."""
    periods = {Stream.CUSTOMERS: settings.customers_every, Stream.ORDERS: settings.orders_every}
    try:
        container().extract.tick(Stream(stream), period=periods[Stream(stream)])
    except SyncError as error:
        log.warning("extract_failed", stream=stream, cause=error.cause, error=str(error))


@task(TaskName.GO_ON)
def go_on(stream: str) -> None:
    """Go on with a sweep that is under way."""
    try:
        container().extract.read(Stream(stream), begins=False)
    except SyncError as error:
        log.warning("extract_failed", stream=stream, cause=error.cause, error=str(error))


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
