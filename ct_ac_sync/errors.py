"""
Every error of the system, grouped by what the worker does next.

    SyncError
    ├── HaltError                 stop the destination or stream, call a human
    │   ├── ConfigurationError        settings are wrong
    │   ├── CredentialsError          the other side does not know us
    │   ├── ProvisioningError         a field or connection is missing and cannot be made
    │   └── SchemaVersionError        the database is older or newer than the code
    ├── ThrottledError            wait as told; costs no attempt
    │   ├── ImportThrottledError      bulk import's own limit, beside the account's
    │   └── NotYetError               we ourselves wait: no slot, or somebody is at it
    │       └── DatabaseAwayError         our own database is away; says nothing of a COMMIT under way
    ├── UnclearError              may have taken effect, and must not simply be repeated
    ├── TransientError            wait and try again; costs an attempt
    │   ├── NetworkError              no byte was answered, or none left
    │   ├── ConflictError             what was read is not what is there any more
    │   ├── ServerError               5xx, and what is known to be flaky
    │   └── TooLargeError             the same question must be asked smaller
    └── RejectedError             never send this payload again
        ├── PayloadError              the destination refused the content
        ├── AddressTakenError         another contact holds the address
        ├── GoneError                 the object is not there (any more)
        ├── TriggerError              what is to be started cannot be: an automation that is not active
        └── ContractError             the source sent what its contract excludes

A message is complete when the error is raised: which side, which operation,
which status.  It never holds a secret, an e-mail address or a payload.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Recovery(StrEnum):
    """What the catcher does about an error, without looking further."""

    HALT = "halt"
    SNOOZE = "snooze"
    SETTLE = "settle"
    RETRY = "retry"
    DEAD_LETTER = "dead_letter"


class SyncError(Exception):
    """
    An error that says what to do about it.

    Attributes:
        cause: A short, stable name of the fault, the same for the same fault: dead
            letters are grouped by it.
        retry_after_seconds: How long the other side asked us to wait, if it did.
        answer: What the other side answered, cut short, for the ledger.
    """

    recovery: ClassVar[Recovery]

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        retry_after_seconds: float | None = None,
        answer: str | None = None,
    ) -> None:
        super().__init__(message)
        self.cause = cause or type(self).__name__
        self.retry_after_seconds = retry_after_seconds
        self.answer = answer


class HaltError(SyncError):
    """Nothing of this kind can succeed until a human has acted."""

    recovery = Recovery.HALT


class ConfigurationError(HaltError):
    """Settings are missing or contradict each other; all faults at once."""


class CredentialsError(HaltError):
    """The other side does not know us, or does not let us."""


class ProvisioningError(HaltError):
    """A field or connection we write to is missing and cannot be made."""


class SchemaVersionError(HaltError):
    """The database's schema is older or newer than this code."""


class ThrottledError(SyncError):
    """The other side asks us to wait; nothing took effect."""

    recovery = Recovery.SNOOZE


class ImportThrottledError(ThrottledError):
    """Bulk import has had its requests of this minute; other calls may go on."""


class NotYetError(ThrottledError):
    """We ourselves must wait: no slot of the budget is near, or somebody else is at it."""


class DatabaseAwayError(NotYetError):
    """Our own database is away; whether a COMMIT under way took effect is not known."""


class UnclearError(SyncError):
    """The call may have taken effect: no answer, or one that proves nothing."""

    recovery = Recovery.SETTLE


class TransientError(SyncError):
    """Nothing took effect, and the next try may succeed."""

    recovery = Recovery.RETRY


class NetworkError(TransientError):
    """The connection failed before the request can have been acted on."""


class ConflictError(TransientError):
    """The record was changed since it was read, so that nothing took effect: read it anew."""


class ServerError(TransientError):
    """The other side failed at something that is safe to ask again."""


class NotShownError(TransientError):
    """What is looked for is not shown (yet): the other side answered, so nothing is wrong with it."""


class TooLargeError(TransientError):
    """The question took too long or weighed too much; ask for less."""


class RejectedError(SyncError):
    """The other side will never take this payload."""

    recovery = Recovery.DEAD_LETTER

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        retry_after_seconds: float | None = None,
        answer: str | None = None,
        rows: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, cause=cause, retry_after_seconds=retry_after_seconds, answer=answer)
        #: Of a refused batch: the members that were named, by position from "0", and why.
        self.rows: Mapping[str, str] = rows or {}


class PayloadError(RejectedError):
    """The destination refused the content; of a batch, nothing was applied."""


class AddressTakenError(RejectedError):
    """Another contact already holds the address we want to give to this one."""


class GoneError(RejectedError):
    """The object is not there, or not there any more."""


class TriggerError(RejectedError):
    """What is to be started cannot be, whoever it is for: an automation that is not active."""


class ContractError(RejectedError):
    """The source sent what its contract excludes."""
