"""What Commercetools' answers mean (vendor documentation, Errors)."""

from typing import Any

from ct_ac_sync.clients.headers import retry_after_seconds
from ct_ac_sync.clients.transport import Response, redact
from ct_ac_sync.errors import (
    ContractError,
    CredentialsError,
    GoneError,
    ServerError,
    SyncError,
    ThrottledError,
    TooLargeError,
)


def error_of(response: Response, *, operation: str) -> SyncError:
    """Return the error of an answer that is no success."""
    code, message = _first(response)
    correlation = response.headers.get("X-Correlation-ID", "none")
    text = (
        f"Commercetools {operation}: {response.status} {code} {redact(message)} (correlation {correlation})"
    )
    wait = retry_after_seconds(response.headers)
    cause = f"Commercetools {operation}: {code or response.status}"
    match response.status:
        case 400 | 413 if code in ("QueryTimedOut", "ContentTooLarge"):
            return TooLargeError(text, cause=cause)
        case 400 if code in ("invalid_scope", "invalid_client"):
            return CredentialsError(text, cause=cause)
        case 401:
            return CredentialsError(f"{text}; check the API client's id and secret", cause=cause)
        case 403:
            return CredentialsError(f"{text}; give the API client the scope named", cause=cause)
        case 404:
            return GoneError(text, cause=cause)
        case 413:
            return TooLargeError(text, cause=cause)
        case 429 | 503:
            return ThrottledError(text, cause=cause, retry_after_seconds=wait)
        case status if status >= 500 or status in (408, 425) or 300 <= status < 400:
            return ServerError(text, cause=cause)
        case _:
            return ContractError(text, cause=cause)


def _first(response: Response) -> tuple[str, str]:
    """Return code and message of the first error; infrastructure answers in HTML."""
    try:
        body: Any = response.json()
        errors = body.get("errors") or [{}]
        return str(errors[0].get("code") or body.get("error") or ""), str(body.get("message") or "")
    except (ValueError, AttributeError, IndexError, TypeError):
        return "", "no JSON"
