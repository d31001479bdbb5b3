"""Pacing: no call without a slot of the account's budget, and what each call teaches it."""

from datetime import timedelta

import structlog

from ct_ac_sync.errors import (
    HaltError,
    ImportThrottledError,
    NotShownError,
    NotYetError,
    SyncError,
    ThrottledError,
    TransientError,
    UnclearError,
)
from ct_ac_sync.ports import CallKind, Clock, Herald, Quota
from ct_ac_sync.store.budget import Budget

log = structlog.get_logger()

#: The budget of the event host.
EVENTS = "events"

#: 403s in a row before a key is held to be bad: the vendor's own come and go.
REFUSALS = 3


def bucket_of(kind: CallKind) -> str:
    """Return which budget a call is of: events go to a host of their own."""
    return EVENTS if kind is CallKind.TRACK_EVENT else "calls"


class Pacing:
    """Waits for slots, and tells the budget how calls went."""

    def __init__(self, *, budget: Budget, clock: Clock, patience: timedelta, herald: Herald) -> None:
        self._budget = budget
        self._herald = herald
        self._clock = clock
        self._patience = patience

    def wait(self, bucket: str = "calls") -> timedelta | None:
        """Wait for a slot; None when it came, else how far away the next one is."""
        wait, is_taken = self._budget.reserve(bucket, patience=self._patience)
        if not is_taken:
            return wait
        self._clock.sleep(wait)
        return None

    def pass_gate(self) -> None:
        """
        Wait until the call before has been out for long enough.

        A slot says whose turn it is; what is prepared between slot and call takes now more,
        now less time, and without the gate a late call would be close upon the next.
        """
        self._clock.sleep(self._budget.pass_gate())

    def pace(self) -> None:
        """
        Wait for a slot before a read.

        Raises:
            ThrottledError: The next slot is too far away to wait for.
        """
        wait = self.wait()
        if wait is not None:
            seconds = wait.total_seconds()
            raise NotYetError(
                "no slot of the account's budget is near", cause="budget", retry_after_seconds=seconds
            )
        self.pass_gate()

    def note_success(self, quota: Quota) -> None:
        """A call came back as documented."""
        self._budget.note_success(remaining=quota.remaining)

    def note_error_apart(self, error: SyncError, bucket: str) -> None:
        """A call to a host of its own failed, which says nothing of the account: slow that one down."""
        if isinstance(error, ThrottledError) and not isinstance(error, NotYetError):
            self._throttle(error, bucket)

    def note_error(self, error: SyncError) -> None:
        """A call failed: slow down, open the breaker, or halt the destination."""
        match error:
            case HaltError():
                self._halt(error.cause, error)
            case NotYetError() | NotShownError():
                pass
            case ImportThrottledError():
                self._throttle(error, "imports")
            case ThrottledError():
                self._throttle(error)
            case TransientError() if error.cause == "forbidden":
                if self._budget.count_refusal() >= REFUSALS:
                    self._halt("forbidden", error)
            case TransientError() | UnclearError():
                if (pause := self._budget.note_failure()) is not None:
                    seconds = pause.total_seconds()
                    log.warning("breaker_opened", destination=self._budget.destination, seconds=seconds)
                if error.retry_after_seconds is not None:
                    self._throttle(error)
            case _:
                pass

    def _throttle(self, error: SyncError, bucket: str = "calls") -> None:
        wait = _wait(error)
        self._budget.throttle(wait, bucket)
        log.warning("throttled", bucket=bucket, seconds=wait.total_seconds(), cause=error.cause)

    def _halt(self, cause: str, error: SyncError) -> None:
        """Halt the destination; whoever comes first tells of it."""
        if self._budget.halt(f"{cause}: {error}"):
            destination = self._budget.destination
            log.error("destination_halted", destination=destination, cause=cause, error=str(error))
            self._herald.tell_halt(destination, cause)


def _wait(error: SyncError) -> timedelta:
    return timedelta(seconds=error.retry_after_seconds or 2)
