"""Reads back what a contact has entered."""

from datetime import datetime
from typing import Any

from marshmallow import ValidationError

from ct_ac_sync.clients.activecampaign.paging import Load, pages
from ct_ac_sync.clients.activecampaign.proof import undocumented
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.ports import EntrySeen
from ct_ac_sync.schemas.activecampaign.inbound import RunsAnswerSchema
from ct_ac_sync.schemas.base import Instant

OPERATION = "list_contact_automations"

_RUNS, _STAMP = RunsAnswerSchema(), Instant()


def fetch_entries(load: Load, contact: ContactId, automation: str) -> tuple[EntrySeen, ...]:
    """
    Return when the contact entered the automation, as far as its runs are shown.

    Runs that have ended are shown among the others; whether one that was removed is, is not
    documented.

    Raises:
        GoneError: There is no such contact.
        ServerError: An entry has a time without an offset from UTC, or none: the vendor's
            examples have it in the account's zone with its offset, and no other is to be guessed.
    """
    path = f"/contacts/{contact}/contactAutomations"
    return tuple(
        EntrySeen(automation=automation, entered_at=_entered_at(row))
        for body in pages(load, _RUNS, path, operation=OPERATION, rows="runs")
        for row in body["runs"]
        if automation in (row["automation"], row["series"])
    )


def _entered_at(row: Any) -> datetime:
    try:
        moment = _STAMP.deserialize(row["added"])
    except ValidationError as error:
        raise undocumented(OPERATION) from error
    if not isinstance(moment, datetime):
        raise undocumented(OPERATION)
    return moment
