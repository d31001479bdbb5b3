"""What Commercetools' answers mean (vendor documentation, Errors)."""

from typing import Any

from ct_ac_sync.clients.headers import retry_after_seconds
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import (
    ConflictError,
    ContractError,
    CredentialsError,
    GoneError,
    PayloadError,
    ServerError,
    SyncError,
    ThrottledError,
    TooLargeError,
    UnclearError,
)
from ct_ac_sync.redaction import redact


def error_of(response: Response, *, operation: str) -> SyncError:
    """Return the error of an answer that is no success."""
    code, message = _first(response)
    correlation = redact(response.headers.get("X-Correlation-ID", "none"))
    told = " ".join(filter(None, (str(response.status), code, redact(message))))
    text = f"Commercetools {operation}: {told} (correlation {correlation})"
    wait = retry_after_seconds(response.headers)
    cause = f"Commercetools {operation}: {code or response.status}"
    match response.status:
        case 400 | 413 if code in ("QueryTimedOut", "ContentTooLarge"):
            return TooLargeError(text, cause=cause)
        case 400 if operation == "token":
            return CredentialsError(f"{text}; check CTP_CLIENT_ID and CTP_SCOPES", cause=cause)
        case 401:
            return CredentialsError(f"{text}; check CTP_CLIENT_ID and CTP_CLIENT_SECRET", cause=cause)
        case 403:
            return CredentialsError(f"{text}; give the API client the scope named", cause=cause)
        case 404 if code == "ResourceNotFound" and operation.startswith("read_"):
            return GoneError(text, cause=cause)
        case 404:
            # Some gateway's 404, or a wrong address: it proves no record gone.
            return ServerError(f"{text}; check CTP_PROJECT_KEY and CTP_API_URL", cause=cause)
        case 413:
            return TooLargeError(text, cause=cause)
        case 429 | 503:
            return ThrottledError(text, cause=cause, retry_after_seconds=wait)
        case status if status >= 500 or status in (408, 425) or 300 <= status < 400:
            return ServerError(text, cause=cause)
        case _:
            return ContractError(text, cause=cause)


def error_of_write(response: Response, *, operation: str) -> SyncError:
    """
    Return the same of a write, which a server that failed may have carried out all the same.

    A conflict says that it did not (vendor documentation, Optimistic Concurrency Control).
    """
    code, message = _first(response)
    told = " ".join(filter(None, (str(response.status), code, redact(message))))
    cause = f"Commercetools {operation}: {code or response.status}"
    text, answer = f"Commercetools {operation}: {told}", response.excerpt
    match response.status:
        case 404 if code == "ResourceNotFound":
            return GoneError(text, cause=cause, answer=answer)
        case 409:
            return ConflictError(text, cause=cause, answer=answer)
        case 400:
            return PayloadError(text, cause=cause, answer=answer)
        case status if status not in (429, 503) and (status >= 500 or status < 400 or status in (408, 425)):
            return UnclearError(text, cause=cause, answer=answer)
        case _:
            return error_of(response, operation=operation)


def is_switched_off(response: Response) -> bool:
    """Whether an answer refuses what the project has switched off, such as messages; it may mean other things."""
    return response.status == 400 and _first(response)[0] == "InvalidOperation"


def _first(response: Response) -> tuple[str, str]:
    """Return code and message of the first error; infrastructure answers in HTML."""
    try:
        body: Any = response.json()
        errors = body.get("errors") or [{}]
        code = str(errors[0].get("code") or body.get("error") or "")
        return redact(code, limit=60), str(body.get("message") or "")
    except (ValueError, AttributeError, IndexError, KeyError, TypeError):
        return "", "no JSON"
