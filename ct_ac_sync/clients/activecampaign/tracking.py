"""
Event tracking: events go to a host of their own, as forms, and then stand in a contact's log.

The host wants the account's id and a key of its own.  No call that is stored holds them: they
are added as it leaves.  Whatever becomes of an event, it is answered with 200, in JSON (vendor
documentation, Track event) or with a single digit, which others have seen.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ct_ac_sync.clients.activecampaign.classify import unproven
from ct_ac_sync.clients.activecampaign.noting import Note, request_noted
from ct_ac_sync.clients.activecampaign.paging import Load, pages
from ct_ac_sync.clients.headers import retry_after_seconds
from ct_ac_sync.clients.transport import Response, Transport
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import (
    PayloadError,
    SyncError,
    ThrottledError,
    TransientError,
    TriggerError,
    UnclearError,
)
from ct_ac_sync.ports import Call, CallKind, EventTracked
from ct_ac_sync.schemas.activecampaign.inbound import TrackingLogsAnswerSchema
from ct_ac_sync.schemas.activecampaign.outbound import dump_event

#: Characters of a name (vendor documentation, Track event), and of a value as far as the
#: vendor's example of a log shows one.
NAME_LENGTH, VALUE_LENGTH = 32, 250
#: Pages of a contact's log that are read, the newest first where the account can do that.
LOG_PAGES = 20
#: Causes of refusals that have nothing to do with the event.
KEY_MISSING, KEY_REFUSED = "event_key_missing", "event_key_refused"
TRACKING_OFF, HOST_REFUSED = "event_tracking_off", "event_host_refused"

OFF = re.compile(r"\b(?:not (?:enabled|active|switched on|turned on)|disabled|inactive)\b", re.IGNORECASE)
KEY = re.compile(r"\b(?:actid|key|unauthori[sz]ed|credentials?)\b", re.IGNORECASE)

_TAKEN, _REFUSED = frozenset({"1", "true"}), frozenset({"0", "false"})
_LOGS = TrackingLogsAnswerSchema()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHost:
    """
    Where the events of an account go, and what opens it there; the account's token does not.

    Attributes:
        url: The whole address that takes events.
        actid: The account's id there.
    """

    url: str
    actid: str
    key: str = field(repr=False)


class Tracker:
    """Sends events to the host of one account, if there is one."""

    def __init__(self, host: EventHost | None, *, note: Note) -> None:
        self._host = host
        self._note = note
        # Named apart from the account, for it may be away while the account is there.
        self._transport = Transport(
            host.url if host else "", headers={}, vendor="ActiveCampaign's event host"
        )

    def send(self, call: Call, *, seconds: float) -> EventTracked:
        """
        Send an event.

        Raises:
            TriggerError: No event can be tracked, whatever it says: there is no key, or the
                host does not take it, or tracking is off.
            PayloadError: The host does not take this event.
            ThrottledError, TransientError: Nothing took effect.
            UnclearError: It may have been tracked.
        """
        if self._host is None:
            raise TriggerError("no event host is configured", cause=KEY_MISSING)
        event, visit = call.body["event"], call.body["visit"]
        form = {
            "actid": self._host.actid, "key": self._host.key, "event": event,
            "eventdata": call.body["eventdata"], "visit": json.dumps(visit),
        }  # fmt: skip
        response = request_noted(
            self._transport, self._note, "POST", "", operation=call.kind, seconds=seconds, data=form
        )
        # A form is nothing that redaction knows its way in.
        said = {"email": visit["email"], "value": [call.body["eventdata"], self._host.key]}
        return tracked(replace(response, sent=said))


def prepare(email: Address, name: str, value: str) -> Call:
    """
    Return the tracking of an event, whose name is cut to what is kept of it.

    Raises:
        PayloadError: The end of *value* would be cut, and with it what it is found by.
    """
    if len(value) > VALUE_LENGTH:
        raise PayloadError(
            f"the value of an event is longer than {VALUE_LENGTH} characters",
            cause=f"{CallKind.TRACK_EVENT}: value_too_long",
        )
    body = dump_event(email, name[:NAME_LENGTH], value)
    return Call(kind=CallKind.TRACK_EVENT, method="POST", path="", body=body)


def has_tracked(load: Load, contact: ContactId, name: str, mark: str) -> bool:
    """
    Whether the contact's log shows an event of this name whose value ends with *mark*.

    The order of the log is not documented, and one that grows meanwhile shows a row twice
    rather than none.  What is older than some thousands of rows is not found.

    Raises:
        GoneError: There is no such contact.
    """
    known = name[:NAME_LENGTH].lower()
    path, params = f"/contacts/{contact}/trackingLogs", {"orders[id]": "DESC"}
    bodies = pages(load, _LOGS, path, operation="list_tracking_logs", rows="logs", params=params)
    return any(
        row["type"].lower() == known and row["value"].endswith(mark)
        for body in islice(bodies, LOG_PAGES)
        for row in body["logs"]
    )


# -- answers --------------------------------------------------------------------------


def tracked(response: Response) -> EventTracked:
    """
    Return what a good answer of the event host proves.

    Raises:
        SyncError: It refuses the event, or proves nothing.
    """
    if response.status not in (200, 201, 202):
        raise _error_of(response)
    success, message = _said(response)
    if success in _TAKEN:
        return EventTracked()
    if success in _REFUSED:
        raise _refusal(response, message)
    raise unproven(response, operation=CallKind.TRACK_EVENT, why="neither taken nor refused", is_write=True)


def _said(response: Response) -> tuple[str, str]:
    """Return success and message, as text; empty where the answer has none."""
    try:
        body: Any = response.json()
    except ValueError:
        return "", ""
    found = body if isinstance(body, Mapping) else {"success": body}
    return str(found.get("success")).lower(), str(found.get("message") or "")


def _refusal(response: Response, message: str) -> SyncError:
    """Return the error of a refusal by its message, of which the vendor documents none."""
    said = response.clean(message) or "refused without a word"
    text = f"ActiveCampaign {CallKind.TRACK_EVENT}: {said}"
    if OFF.search(message):
        hint = f"{text}; switch event tracking on"
        return TriggerError(hint, cause=TRACKING_OFF, answer=response.excerpt)
    if KEY.search(message):
        hint = f"{text}; check the account's id and key for tracked events"
        return TriggerError(hint, cause=KEY_REFUSED, answer=response.excerpt)
    return PayloadError(text, cause=f"{CallKind.TRACK_EVENT}: refused", answer=response.excerpt)


def _error_of(response: Response) -> SyncError:
    """Return the error of a status; only 200 and 400 are documented, so anything else may be between us."""
    text = f"ActiveCampaign's event host {CallKind.TRACK_EVENT}: {response.status}"
    known: dict[str, Any] = {
        "cause": f"{CallKind.TRACK_EVENT}: {response.status}",
        "answer": response.excerpt,
        "retry_after_seconds": retry_after_seconds(response.headers),
    }
    match response.status:
        case 429:
            return ThrottledError(text, **known)
        case 403:
            return TransientError(text, **known)
        case 401:
            return TriggerError(text, **known | {"cause": KEY_REFUSED})
        case 404 | 405 | 410:
            return TriggerError(f"{text}; check its address", **known | {"cause": HOST_REFUSED})
        case 400 | 409 | 413 | 415 | 422:
            return PayloadError(text, **known)
        case _:
            return UnclearError(text, **known)
