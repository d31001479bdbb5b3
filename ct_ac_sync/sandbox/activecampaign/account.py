"""The account's state: contacts, fields with values, tags, lists, and the log of what happened."""

import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.activecampaign.values import ZONE, instant, is_shown, kept_value, stamp
from ct_ac_sync.sandbox.service import Service

Row = dict[str, Any]

LOCAL_SPECIALS = re.compile(r'["(),:;<>@\[\]\\\s]')


def is_address(email: object) -> bool:
    """Whether this has the form of an address at all."""
    return isinstance(email, str) and bool(re.fullmatch(r"\S+@\S+", email.strip()))


def plain_stamps() -> dict[str, Any]:
    """Return when a row was made and by whom, as many lists show it beside ``cdate``."""
    moment = datetime.now(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "created_timestamp": moment, "updated_timestamp": moment, "created_by": None, "updated_by": None,
    }  # fmt: skip


def address_fault(email: str) -> str | None:
    """Return what is wrong with an address, by the rules of the vendor's import page."""
    local, at, domain = email.rpartition("@")
    if not at or not local or "." not in domain:
        return "must_be_valid_email_address"
    if LOCAL_SPECIALS.search(local) or len(domain.rpartition(".")[2]) < 2:
        return "must_be_valid_email_address"
    return None


class Account:
    """Contacts and what they have in one account; tags, lists, imports and e-commerce build on it."""

    def __init__(self, service: Service, *, seed: int = 1) -> None:
        self._service = service
        self.dice = random.Random(seed)
        self.contacts: dict[str, dict[str, Any]] = {}
        self.by_email: dict[str, str] = {}
        self.values: dict[tuple[str, str], dict[str, Any]] = {}
        self.values_of: dict[str, dict[str, dict[str, Any]]] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.options: dict[str, dict[str, Any]] = {}
        self.relations: list[dict[str, Any]] = []
        self.tags: dict[str, dict[str, Any]] = {}
        self.links_of: dict[str, dict[str, dict[str, Any]]] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        self.memberships_of: dict[str, dict[str, dict[str, Any]]] = {}
        #: Every change of a membership, by contact.
        self.histories: dict[str, list[Row]] = {}
        #: Lists that a group of users may see.
        self.list_groups: dict[str, Row] = {}
        self.events_of: dict[str, list[dict[str, Any]]] = {}
        self.runs_of: dict[str, dict[str, dict[str, Any]]] = {}
        self.automations: list[dict[str, Any]] = []
        #: Phrases on the exclusion list, with how they match and what they exclude from; bounced addresses.
        self.excluded: dict[str, Row] = {}
        self.bounced: set[str] = set()
        self.contact_limit: int | None = None
        #: How many contacts may still be deleted in this month.
        self.deletions_left: int | None = None
        self._ids: dict[str, int] = {}
        #: Who is told of each effect.
        self.listeners: list[Callable[[str, Row], None]] = []

    def switch(self, name: str) -> Any:
        """Return the value of a switch."""
        return self._service.switches[name]

    def note(self, kind: str, **facts: Any) -> None:
        """Write an effect into the log, and tell those who listen."""
        self._service.note(kind, **facts)
        for listener in self.listeners:
            listener(kind, facts)

    def next_id(self, kind: str) -> str:
        """Return the next id of a kind; ids are strings."""
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return str(self._ids[kind])

    # -- contacts ---------------------------------------------------------------------

    def contact_of(self, email: str) -> dict[str, Any] | None:
        """Return the contact with an address; uniqueness knows no case."""
        id_ = self.by_email.get(email.strip().lower())
        return self.contacts.get(id_) if id_ else None

    def kept(self, email: str) -> str:
        """Return an address as the account keeps it."""
        return email.strip().lower() if self.switch("email_case") == "lower" else email.strip()

    def unimportable(self, email: str) -> str | None:
        """Return why an import would pass over this address: listed, or over the contact limit."""
        key = email.strip().lower()
        if any(each["channel"] in ("all", "allEmail") for each in self._exclusions_of(key)):
            return "The email address is on the exclusion list"
        if key in self.bounced:
            return "The email address is on the bounced list"
        is_full = self.contact_limit is not None and len(self.contacts) >= self.contact_limit
        if is_full and key not in self.by_email:
            return "The account has reached its contact limit"
        return None

    def excludes(self, email: str, list_: Mapping[str, Any]) -> bool:
        """Whether an address is excluded from a list: by its channel, by name, or from all."""
        scope = {"all": True, "allSms": list_["channel"] == "sms", "allEmail": list_["channel"] == "email"}
        return any(
            scope.get(found["channel"], list_["id"] in found["lists"]) for found in self._exclusions_of(email)
        )

    def _exclusions_of(self, email: str) -> list[Row]:
        """Return what excludes an address: its own phrase, or one that it ends with."""
        key = email.strip().lower()
        return [
            row
            for phrase, row in self.excluded.items()
            if (key.endswith(phrase) if row["matchType"] == "end" else key == phrase)
        ]

    def is_listed(self, contact: Mapping[str, Any]) -> bool:
        """Whether lists and searches show a contact yet."""
        lag = float(self.switch("contact_list_seconds"))
        return not lag or datetime.now(UTC) - instant(contact["created_at"]) >= timedelta(seconds=lag)

    def create_contact(self, email: str, values: Mapping[str, str], *, via: str) -> dict[str, Any]:
        """Create a contact."""
        id_ = self.next_id("contact")
        contact = {
            "id": id_, "email": self.kept(email), "firstName": "", "lastName": "", "phone": "",
            "cdate": stamp(), "udate": stamp(), "created_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        contact |= {k: v for k, v in values.items() if v}
        self.contacts[id_] = contact
        self.by_email[email.strip().lower()] = id_
        self.note(
            "contact_created", contact=id_, email=contact["email"], via=via,
            values={k: contact[k] for k in ("firstName", "lastName", "phone")},
        )  # fmt: skip
        return contact

    def change_contact(self, contact: dict[str, Any], values: Mapping[str, str], *, via: str) -> None:
        """Change what differs; what is not named stays."""
        wanted = {k: v for k, v in values.items() if v or self.switch("blank_clears")}
        changed = {k: v for k, v in wanted.items() if contact.get(k) != v}
        if changed:
            before = {k: contact.get(k) for k in changed}
            contact |= changed | {"udate": stamp()}
            self.note("contact_changed", contact=contact["id"], before=before, after=changed, via=via)

    def rename_contact(self, contact: dict[str, Any], email: str) -> None:
        """Give a contact another address, which must be free."""
        before = contact["email"]
        self.by_email.pop(before.lower(), None)
        contact |= {"email": self.kept(email), "udate": stamp()}
        self.by_email[email.strip().lower()] = contact["id"]
        self.note("contact_renamed", contact=contact["id"], before=before, after=contact["email"])

    def delete_contact(self, contact: dict[str, Any]) -> None:
        """Delete a contact with its values, tags and lists, and with what was tracked and run of it."""
        self.contacts.pop(contact["id"], None)
        self.by_email.pop(contact["email"].lower(), None)
        for field in self.values_of.pop(contact["id"], {}):
            self.values.pop((contact["id"], field), None)
        self.links_of.pop(contact["id"], None)
        self.memberships_of.pop(contact["id"], None)
        self.histories.pop(contact["id"], None)
        self.events_of.pop(contact["id"], None)
        self.runs_of.pop(contact["id"], None)
        if self.deletions_left:
            self.deletions_left -= 1
        self.note("contact_deleted", contact=contact["id"], email=contact["email"])

    # -- custom fields ----------------------------------------------------------------

    def write_value(self, contact: str, field: str, value: str, *, via: str) -> dict[str, Any] | None:
        """Upsert a custom field value; None where the field is not known."""
        if field not in self.fields:
            return None
        row = self.values.get((contact, field))
        before = row["value"] if row else ""
        if row is None:
            row = {
                "id": self.next_id("fieldValue"), "contact": contact, "field": field, "owner": contact,
                "value": "", "cdate": stamp(), "udate": stamp(), "created_by": None, "updated_by": None,
                "links": {},
            }  # fmt: skip
            self.values[contact, field] = row
            self.values_of.setdefault(contact, {})[field] = row
        if value == "" and not self.switch("blank_clears"):
            return row
        kept = kept_value(self.fields[field]["type"], value, unreadable=self.switch("unreadable_value"))
        if kept != before:
            row |= {"value": kept, "udate": stamp()}
            self._note_value(contact, field, before, kept, via)
        return row

    def delete_value(self, row: Mapping[str, Any], *, via: str) -> None:
        """Delete a custom field value: the documented way to clear it."""
        contact, field = str(row["contact"]), str(row["field"])
        self.values.pop((contact, field), None)
        self.values_of.get(contact, {}).pop(field, None)
        self._note_value(contact, field, row["value"], "", via)

    def _note_value(self, contact: str, field: str, before: str, after: str, via: str) -> None:
        perstag = self.fields[field]["perstag"]
        self.note(
            "field_value", contact=contact, field=field, perstag=perstag, before=before, after=after, via=via
        )

    def change_field(self, field: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Change a custom field; the values that it has stay."""
        before = {k: field[k] for k in values}
        field |= dict(values) | {"udate": stamp()}
        self.note("field_changed", field=field["id"], before=before, after=dict(values))

    def delete_field(self, field: dict[str, Any]) -> None:
        """Delete a custom field with its values, options and relations."""
        id_ = field["id"]
        for contact, held in self.values_of.items():
            if held.pop(id_, None):
                self.values.pop((contact, id_), None)
        self.options = {k: row for k, row in self.options.items() if row["field"] != id_}
        self.relations = [row for row in self.relations if str(row["field"]) != id_]
        del self.fields[id_]
        self.note("field_deleted", field=id_, perstag=field["perstag"])

    def options_of(self, field: str) -> list[dict[str, Any]]:
        """Return the options of a custom field, in their order."""
        rows = [row for row in self.options.values() if row["field"] == field]
        return sorted(rows, key=lambda row: (row["orderid"], int(row["id"])))

    def start_automation(self, trigger: str, **facts: Any) -> None:
        """Write down that automations with this trigger would have fired."""
        self.automations.append({"trigger": trigger, **facts})
        self.note("automation_started", trigger=trigger, **facts)

    # -- state ------------------------------------------------------------------------

    def fields_of(self, contact: str) -> dict[str, str]:
        """Return a contact's custom field values by perstag."""
        rows = self.values_of.get(contact, {})
        return {self.fields[field]["perstag"]: row["value"] for field, row in rows.items()}

    def unshown_of(self, contact: str) -> list[str]:
        """Return the perstags whose value is stored and not shown, because its type does not know it."""
        rows = self.values_of.get(contact, {})
        return [
            self.fields[field]["perstag"]
            for field, row in rows.items()
            if not is_shown(
                self.fields[field]["type"], row["value"], [o["value"] for o in self.options_of(field)]
            )
        ]

    def tags_of(self, contact: str) -> list[str]:
        """Return the names of a contact's tags."""
        return [self.tags[tag]["tag"] for tag in self.links_of.get(contact, {})]

    def lists_of(self, contact: str) -> dict[str, str]:
        """Return the status of a contact's memberships by the name of the list."""
        rows = self.memberships_of.get(contact, {})
        return {self.lists[list_]["name"]: row["status"] for list_, row in rows.items()}

    def whole(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        """Return a contact with all that it has, as tests and judges look at it."""
        id_ = str(contact["id"])
        return dict(contact) | {
            "fields": self.fields_of(id_), "unshown": self.unshown_of(id_), "tags": self.tags_of(id_),
            "lists": self.lists_of(id_),
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return contacts, fields, tags, lists, lists of addresses and started automations."""
        return {
            "contacts": [self.whole(contact) for contact in self.contacts.values()],
            "fields": list(self.fields.values()),
            "options": list(self.options.values()),
            "relations": self.relations,
            "tags": list(self.tags.values()),
            "lists": list(self.lists.values()),
            "automations": self.automations,
            "excluded": sorted(self.excluded),
            "bounced": sorted(self.bounced),
        }
