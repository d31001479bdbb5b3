"""Contacts as each operation shows them: the vendor's examples differ from one to the next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.values import instant

Row = dict[str, Any]


def full(account: Account, contact: Mapping[str, Any]) -> Row:
    """Return a contact as changes answer it."""
    zero_day = None if account.switch("zero_dates") == "null" else "0000-00-00"
    zero = zero_day and f"{zero_day} 00:00:00"
    is_bounced = contact["email"].lower() in account.bounced
    return {
        "cdate": contact["cdate"], "email": contact["email"], "phone": contact["phone"],
        "firstName": contact["firstName"], "lastName": contact["lastName"], "orgid": "0",
        "segmentio_id": "", "bounced_hard": "1" if is_bounced else "0", "bounced_soft": "0",
        "bounced_date": zero_day, "ip": "0", "ua": None, "hash": f"{int(contact['id']):032x}",
        "socialdata_lastcheck": zero, "email_local": "", "email_domain": "", "sentcnt": "0",
        "rating_tstamp": zero_day, "gravatar": "0", "deleted": "0", "anonymized": "0", "adate": None,
        "udate": contact["udate"], "edate": None, "deleted_at": zero,
        "created_utc_timestamp": _plain(instant(contact["cdate"]).astimezone(UTC)),
        "updated_utc_timestamp": _plain(instant(contact["udate"]).astimezone(UTC)),
        "links": {}, "id": contact["id"], "organization": None,
    }  # fmt: skip


def listed(account: Account, contact: Mapping[str, Any]) -> Row:
    """Return a contact as lists show it; foreign taps know more of it than the vendor's example."""
    return full(account, contact) | {
        "created_timestamp": _plain(instant(contact["cdate"])),
        "updated_timestamp": _plain(instant(contact["udate"])), "created_by": None, "updated_by": None,
        "email_empty": False, "scoreValues": [], "accountContacts": [],
    }  # fmt: skip


def single(account: Account, contact: Mapping[str, Any]) -> Row:
    """Return a contact as it is shown alone, with the ids of what hangs on it."""
    values = [row["id"] for row in account.values_of.get(contact["id"], {}).values()]
    lists = [row["id"] for row in account.memberships_of.get(contact["id"], {}).values()]
    runs = list(account.runs_of.get(contact["id"], {}))
    ids: Row = {k: [] for k in ("geoIps", "deals", "accountContacts")}
    ids |= {"contactAutomations": runs, "contactLists": lists, "fieldValues": values}
    row = full(account, contact) | ids
    return _without(row, "anonymized", "deleted_at", "created_utc_timestamp", "updated_utc_timestamp")


def synced(account: Account, contact: Mapping[str, Any], values: list[Row]) -> Row:
    """Return a contact as contact/sync answers it."""
    row = full(account, contact)
    kept = ("email", "phone", "firstName", "lastName", "cdate", "udate", "links", "hash", "id")
    return {k: row[k] for k in kept} | {
        "email_empty": False, "orgid": "", "orgname": "", "organization": "",
        "fieldValues": [value["id"] for value in values],
    }  # fmt: skip


def created(account: Account, contact: Mapping[str, Any]) -> Row:
    """Return a contact as its creation answers it."""
    return _without(synced(account, contact, []), "email_empty", "orgname", "fieldValues", "hash")


def _plain(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _without(row: Row, *names: str) -> Row:
    return {k: v for k, v in row.items() if k not in names}
