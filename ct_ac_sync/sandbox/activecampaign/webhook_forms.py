"""What a webhook's form says of an event, in PHP's brackets."""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from ct_ac_sync.sandbox.activecampaign.account import Account, Row
from ct_ac_sync.sandbox.activecampaign.lists import ACTIVE
from ct_ac_sync.sandbox.activecampaign.values import ZONE

Form = list[tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class Event:
    """Something to tell of: whom it happened to, on which lists, and what else its form says."""

    type: str
    source: str
    at: datetime
    contact: str | None = None
    lists: list[str] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)


def form_of(account: Account, event: Event) -> str:
    """Return an event as a form (vendor documentation, Webhook payloads)."""
    is_bare = account.switch("webhook_date_time") == "bare"
    local = event.at.astimezone(ZONE)
    moment = local.strftime("%Y-%m-%d %H:%M:%S") if is_bare else local.isoformat(timespec="seconds")
    form = [
        ("type", event.type), ("date_time", moment),
        ("initiated_from", event.source), ("initiated_by", event.source),
        *_lists_in(account, event), *event.more.items(),
    ]  # fmt: skip
    contact = account.contacts.get(event.contact or "")
    form += _contact_in(account, contact) if contact else []
    form += _active(account, contact["id"]) if contact and event.type == "unsubscribe" else []
    return urlencode(form)


def _lists_in(account: Account, event: Event) -> Form:
    """Return which lists it happened on: of what a person left each, else one, or 0 for none."""
    if event.type == "list_add":
        return []
    if event.type == "unsubscribe" and event.source == "public":
        is_numbered = account.switch("webhook_list_keys") == "numbered"
        return [(f"list[{n if is_numbered else ''}][id]", id_) for n, id_ in enumerate(event.lists)]
    is_zero = event.type == "subscribe" and account.switch("webhook_subscribe_list") == "zero"
    is_named = event.type in ("subscribe", "unsubscribe") and event.lists and not is_zero
    return [("list", event.lists[0] if is_named else "0")]


def _contact_in(account: Account, contact: Row) -> Form:
    id_ = contact["id"]
    plain = {
        "id": id_, "email": contact["email"], "first_name": contact["firstName"],
        "last_name": contact["lastName"], "phone": contact["phone"], "orgname": "",
        "customer_acct_name": "", "ip": "127.0.0.1", "tags": ", ".join(account.tags_of(id_)),
    }  # fmt: skip
    return [(f"contact[{name}]", value) for name, value in plain.items()] + _fields_in(account, id_)


def _fields_in(account: Account, contact: str) -> Form:
    rows = account.values_of.get(contact, {})
    by_id = account.switch("webhook_field_keys") == "id"
    names = {each: each if by_id else account.fields[each]["perstag"].lower() for each in rows}
    return [(f"contact[fields][{names[each]}]", row["value"]) for each, row in rows.items()]


def _active(account: Account, contact: str) -> Form:
    """Return the lists that somebody is still on."""
    return [(f"active_subscriptions[{n}]", id_) for n, id_ in enumerate(active_on(account, contact))]


def active_on(account: Account, contact: str) -> list[str]:
    """Return the ids of the lists that a contact is on."""
    held = account.memberships_of.get(contact, {})
    return [id_ for id_, row in held.items() if row["status"] == ACTIVE]
