"""
What ActiveCampaign's answers mean, by operation, status and body together.

The vendor has no common error schema (its documentation shows ``errors``, ``message``
and ``failureReasons``), no request id, and failures inside a 200.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ct_ac_sync.clients.headers import retry_after_seconds
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import (
    AddressTakenError,
    CredentialsError,
    GoneError,
    ImportThrottledError,
    NotYetError,
    PayloadError,
    ServerError,
    SyncError,
    ThrottledError,
    TransientError,
    TriggerError,
    UnclearError,
)
from ct_ac_sync.redaction import redact

RATE = re.compile(r"rate limit|too many|per minute", re.IGNORECASE)
AGAIN = re.compile(r"already|duplicate", re.IGNORECASE)
STORE_ORDER = re.compile(r"-storeOrderId-(?P<id>.+)\Z")
#: How an account says that no more contacts may be deleted in this month: how is not documented.
MONTHLY = re.compile(r"limit", re.IGNORECASE)
#: Waiting time for a deletion beyond the monthly limit, whose end is not told: a day.
DELETION_WAIT_SECONDS = 86_400.0
#: Cause of that refusal.
DELETIONS_USED_UP = "deletions_used_up"
#: Waiting time for an import refused for its per-minute limit, which names none.
IMPORT_WAIT_SECONDS = 15.0
#: Cause of the refusal of a tag that somebody deleted: its id is to be looked up anew.
TAG_GONE = "add_tag: tag_gone"
#: Causes of the refusal of what is there already: it is to be found, and not made.
CUSTOMER_EXISTS, CART_EXISTS = "customer_exists", "cart_exists"
#: Cause of the refusal of an entry into an automation that is not active, or that there is not.
AUTOMATION_INACTIVE = "automation_inactive"
#: The vendor's words for that (vendor documentation, Add a contact to an automation).
NO_RUN = re.compile(r"could not create subscriberseries", re.IGNORECASE)


def is_as_wanted(response: Response, *, operation: str) -> bool:
    """
    Whether a refusal says that all is as it was to become.

    A link or a value that is gone needs no removal, and clients take a tag that is refused
    as a duplicate for added.  A 404 without the vendor's own body, as a wrong address has
    it, says nothing of the kind.
    """
    title, code, _ = _first(response)
    match operation, response.status:
        case "remove_tag" | "clear_value" | "delete_contact", 404:
            return bool(title)
        case "add_tag", 409 | 422:
            return code == "duplicate" or bool(AGAIN.search(title))
        case _:
            return False


def error_of(response: Response, *, operation: str, is_write: bool) -> SyncError:
    """
    Return the error of an answer whose status is no success.

    A field value that is not there is forbidden to be deleted (vendor documentation,
    Delete a custom field value), and one that the key may not delete is told alike: what
    the contact shows next decides.
    """
    title, code, pointer = _first(response)
    title = response.clean(title)
    label = _slug(response.clean(code)) or _slug(title) or str(response.status)
    text = f"ActiveCampaign {operation}: {response.status} {title}".strip()
    known: dict[str, Any] = {
        "cause": f"{operation}: {label}",
        "answer": response.excerpt,
        "retry_after_seconds": retry_after_seconds(response.headers),
    }
    if (error := _error_of_one(response, operation, text, known)) is not None:
        return error
    match response.status:
        case 429:
            return ThrottledError(text, **known)
        case 401:
            return CredentialsError(f"{text}; check AC_API_TOKEN", **known)
        case 403 if operation != "clear_value" or not title:
            hint = f"{text}; check AC_API_TOKEN and what its user may do"
            return TransientError(hint, **known | {"cause": "forbidden"})
        case 403 | 404:
            return GoneError(text, **known)
        case 400 if operation == "import_contacts":
            return _refused_import(response, text, known)
        case 422 if code == "duplicate" and pointer.endswith("/email"):
            return AddressTakenError(text, **known)
        case 400 | 409 | 410 | 413 | 415 | 422:
            return PayloadError(text, **known)
        case _ if is_write:
            return UnclearError(text, **known)
        case _:
            return ServerError(text, **known)


def _error_of_one(response: Response, operation: str, text: str, known: dict[str, Any]) -> SyncError | None:
    """Return the error of a refusal that means something of its own to one operation, if it does."""
    title, code, _ = _first(response)
    is_there = code == "duplicate" or bool(AGAIN.search(title))
    match operation, response.status:
        case "add_tag", 404 | 422 if _is_missing(response, "tag"):
            return TransientError(text, **known | {"cause": TAG_GONE})
        case "enter_automation", 403 if NO_RUN.search(title):
            return TriggerError(text, **known | {"cause": AUTOMATION_INACTIVE})
        case "enter_automation", 404 | 422 if _is_missing(response, "automation"):
            return TriggerError(text, **known | {"cause": AUTOMATION_INACTIVE})
        case "enter_automation", 422 if _is_missing(response, "contact"):
            return GoneError(text, **known)
        case "delete_contact", 400 | 402 | 403 | 409 | 422 if MONTHLY.search(title):
            waits = {"cause": DELETIONS_USED_UP, "retry_after_seconds": DELETION_WAIT_SECONDS}
            return NotYetError(text, **known | waits)
        case "create_customer", 400 | 409 | 422 if is_there:
            return TransientError(text, **known | {"cause": CUSTOMER_EXISTS})
        case "create_cart", 400 | 409 | 422 if is_there:
            return TransientError(text, **known | {"cause": CART_EXISTS})
        case _:
            return None


def error_of_graphql(
    body: Mapping[str, Any], *, operation: str, answer: str, clean: Callable[[str], str] = redact
) -> SyncError:
    """
    Return the error of a 200 that holds GraphQL ``errors``.

    *Validation errors* names the orders that were refused, by keys that end in
    ``-storeOrderId-<id>``; whether the others were applied is not documented.
    """
    errors = body.get("errors") or []
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    message = clean(str(first.get("message") or "no message"))
    extensions = first.get("extensions") or {}
    rows = {
        match["id"]: clean(str(fault))
        for key, fault in (extensions.items() if isinstance(extensions, Mapping) else ())
        if (match := STORE_ORDER.search(str(key)))
    }
    text = f"ActiveCampaign {operation}: 200 with errors: {message}"
    if rows:
        reason = _slug(min(rows.values()))
        return PayloadError(text, cause=f"{operation}: {reason}", rows=rows, answer=answer)
    if "Validation" in message or "Variable" in message or "grammar" in message or "Cannot query" in message:
        return PayloadError(text, cause=f"{operation}: {_slug(message)}", answer=answer)
    return UnclearError(text, cause=f"{operation}: graphql errors", answer=answer)


def unproven(response: Response, *, operation: str, why: str, is_write: bool) -> SyncError:
    """Return the error of a 2xx whose body is not what the vendor documents."""
    text = f"ActiveCampaign {operation}: {response.status}, {why}"
    kind = UnclearError if is_write else ServerError
    return kind(text, cause=f"{operation}: {why}", answer=response.excerpt)


def _refused_import(response: Response, text: str, known: Mapping[str, Any]) -> SyncError:
    """Return the error of a refused import: nothing was queued (vendor documentation)."""
    try:
        body: Any = response.json()
    except ValueError:
        body = {}
    reasons = body.get("failureReasons") if isinstance(body, Mapping) else None
    message = str(body.get("message") or "") if isinstance(body, Mapping) else ""
    if RATE.search(
        f"{message} {reasons if isinstance(reasons, list) and reasons and isinstance(reasons[0], str) else ''}"
    ):
        return ImportThrottledError(
            text, cause="import_contacts: rate", retry_after_seconds=IMPORT_WAIT_SECONDS
        )
    rows = {
        str(int(each["contact"]) - 1): response.clean(str(each.get("failureReason", "")))
        for each in reasons or []
        if isinstance(each, Mapping) and str(each.get("contact", "")).isdigit()
    }
    label = _slug(min(rows.values())) if rows else "refused"
    return PayloadError(text, cause=f"import_contacts: {label}", answer=known["answer"], rows=rows)


def _is_missing(response: Response, name: str) -> bool:
    """
    Whether a refusal says that there is no such *name*.

    How it tells a missing tag, contact or automation from another is not documented.
    """
    title, code, pointer = _first(response)
    _, row = _parts(response)
    told = f"{title} {row.get('detail')}"
    is_missing = code == "related_missing" or response.status == 404
    return is_missing and (
        pointer.endswith(f"/{name}") or bool(re.search(rf"\b{name}\b", told, re.IGNORECASE))
    )


def _first(response: Response) -> tuple[str, str, str]:
    """Return title, code and pointer of the first error, whatever its shape."""
    body, row = _parts(response)
    errors = body.get("errors")
    title = row.get("title") or row.get("detail") or body.get("message")
    title = title or (errors if isinstance(errors, str) else "")
    source = row.get("source") if isinstance(row.get("source"), Mapping) else {}
    return str(title or ""), str(row.get("code") or ""), str((source or {}).get("pointer") or "")


def _parts(response: Response) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the body and the first of its errors; empty where they have another shape."""
    try:
        body: Any = response.json()
    except ValueError:
        return {}, {}
    if not isinstance(body, Mapping):
        return {}, {}
    errors = body.get("errors")
    row = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    return body, row


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", redact(text).lower()).strip("_")[:60]
