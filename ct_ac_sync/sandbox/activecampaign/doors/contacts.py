"""The doors of contacts."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault
from ct_ac_sync.sandbox.activecampaign.doors import shapes
from ct_ac_sync.sandbox.activecampaign.doors.answers import (
    API,
    Routes,
    Row,
    error,
    missing,
    page,
    part,
    whole,
)
from ct_ac_sync.sandbox.activecampaign.lists import STATUSES
from ct_ac_sync.sandbox.activecampaign.values import instant
from ct_ac_sync.sandbox.service import Reply, Request

NAMES = ("firstName", "lastName", "phone")


class Contacts:
    """Endpoints over the contacts of an account."""

    def __init__(self, account: Account, forget: Callable[[str], None]) -> None:
        self._account = account
        self._forget = forget

    def routes(self) -> Routes:
        """Return the doors."""
        return (
            ("POST", f"{API}/contact/sync", "sync_contact", self.sync),
            ("GET", f"{API}/contacts", "list_contacts", self.list_contacts),
            ("POST", f"{API}/contacts", "create_contact", self.create),
            ("GET", rf"{API}/contacts/(\d+)", "read_contact", self.read),
            ("PUT", rf"{API}/contacts/(\d+)", "update_contact", self.update),
            ("DELETE", rf"{API}/contacts/(\d+)", "delete_contact", self.delete),
            ("GET", rf"{API}/contacts/(\d+)/fieldValues", "list_contact_field_values", self.list_values),
        )

    def sync(self, request: Request) -> Reply:
        """Upsert a contact by its address."""
        account, wanted = self._account, part(request, "contact")
        refusal = self._refusal_of_sync(wanted)
        if refusal is not None:
            return refusal
        contact, names = account.contact_of(wanted["email"]), _names(wanted)
        status = account.switch("sync_update_status")
        if contact is None:
            contact, status = account.create_contact(wanted["email"], names, via="sync"), 201
        else:
            account.change_contact(contact, names, via="sync")
        rows = self._write_values(contact, wanted, "sync")
        return Reply(status, {"fieldValues": rows, "contact": shapes.synced(account, contact, rows)})

    def _refusal_of_sync(self, wanted: Row) -> Reply | None:
        account = self._account
        if not wanted:
            return Reply(400, {})
        if not wanted.get("email"):
            row = {"status": 400, "title": "Bad Request", "detail": "email is required"}
            return Reply(400, {"errors": [row]})
        if refusal := _refused_address(wanted["email"]):
            return refusal
        reason = account.unimportable(wanted["email"])
        if reason and account.switch("unimportable_sync") == "refused":
            return error(422, f"{reason}.")
        ids = [str(each.get("field")) for each in _values(wanted)]
        if not account.switch("sync_ignores_unknown_fields") and set(ids) - set(account.fields):
            return unknown_field()
        return None

    def create(self, request: Request) -> Reply:
        """Create a contact; an address that is taken is refused."""
        wanted = part(request, "contact")
        if refusal := _refused_address(wanted.get("email")):
            return refusal
        if self._account.contact_of(wanted["email"]):
            return _duplicate()
        contact = self._account.create_contact(wanted["email"], _names(wanted), via="create")
        rows = self._write_values(contact, wanted, "create")
        return Reply(201, {"fieldValues": rows, "contact": shapes.created(self._account, contact)})

    def update(self, request: Request) -> Reply:
        """Change a contact by id, its address included."""
        contact = self._account.contacts.get(request.match[1])
        if contact is None:
            return missing("Subscriber", request.match[1])
        wanted = part(request, "contact")
        if not wanted:
            return Reply(400, {})
        email = wanted.get("email")
        if email is not None and (refusal := _refused_address(email)):
            return refusal
        if email and email.strip().lower() != contact["email"].lower():
            if self._account.contact_of(email):
                return _duplicate()
            self._account.rename_contact(contact, email)
        self._account.change_contact(contact, _names(wanted), via="update")
        rows = self._write_values(contact, wanted, "update")
        return Reply(200, {"fieldValues": rows, "contact": shapes.full(self._account, contact)})

    def _write_values(self, contact: Row, wanted: Row, via: str) -> list[Row]:
        """Write field values; unknown fields are passed over, and only what was sent comes back."""
        write = partial(self._account.write_value, contact["id"], via=via)
        rows = [write(str(each.get("field")), _text(each.get("value"))) for each in _values(wanted)]
        return [row for row in rows if row]

    def read(self, request: Request) -> Reply:
        """Return a contact with what hangs on it."""
        contact = self._account.contacts.get(request.match[1])
        if contact is None:
            return missing("Subscriber", request.match[1])
        names = ("deals", "geoAddresses", "geoIps")
        held = ("contactAutomations", "contactLists", "fieldValues")
        beside: Row = {k: [] for k in names} | self._beside([contact], held)
        return Reply(200, beside | {"contact": shapes.single(self._account, contact)})

    def list_values(self, request: Request) -> Reply:
        """Return the custom field values of one contact."""
        if request.match[1] not in self._account.contacts:
            return missing("Subscriber", request.match[1])
        return Reply(200, {"fieldValues": list(self._account.values_of.get(request.match[1], {}).values())})

    def delete(self, request: Request) -> Reply:
        """Delete a contact; how the vendor refuses more than its monthly limit is not documented."""
        contact = self._account.contacts.get(request.match[1])
        if contact is None:
            return Reply(404, {"message": f"No result found for contact with id {request.match[1]}"})
        if self._account.deletions_left == 0:
            return Reply(403, {"message": "The monthly limit of deleted contacts has been reached."})
        self._account.delete_contact(contact)
        if self._account.switch("delete_cascades"):
            self._forget(contact["email"])
        return Reply(200, {})

    def list_contacts(self, request: Request) -> Reply:
        """List contacts; a filter that is misspelt or empty is passed over, as the vendor does."""
        shown, meta = page(request, [c for c in self._found(request) if self._account.is_listed(c)])
        asked = {"limit": whole(request.first("limit"), 20), "offset": whole(request.first("offset"), 0)}
        body: Row = {
            "scoreValues": [], "contacts": [shapes.listed(self._account, c) for c in shown],
            "meta": meta | {"page_input": _PAGE_INPUT | asked | {"search": request.first("search")}},
        }  # fmt: skip
        if self._account.switch("include_side_loads"):
            body |= self._beside(shown, (request.first("include") or "").split(","))
        return Reply(200, body)

    def _beside(self, contacts: Iterable[Row], names: Iterable[str]) -> Row:
        """Return what hangs on contacts, by the names it is side-loaded under; unknown ones are passed over."""
        account = self._account
        held = {
            "fieldValues": account.values_of, "contactLists": account.memberships_of,
            "contactTags": account.links_of, "contactAutomations": account.runs_of,
        }  # fmt: skip
        return {
            name: [row for c in contacts for row in held[name].get(c["id"], {}).values()]
            for name in names
            if name in held
        }

    def _found(self, request: Request) -> list[Row]:
        """Return the contacts that pass the query; each filter that is given narrows."""
        account = self._account
        if email := request.first("email"):
            contact = account.contact_of(email)
            return [contact] if contact else []
        rows = list(account.contacts.values())
        if ids := self._ids(request):
            rows = [account.contacts[id_] for id_ in ids if id_ in account.contacts]
        for name, held in (("tagid", account.links_of), ("listid", account.memberships_of)):
            if wanted := request.first(name):
                rows = [row for row in rows if wanted in held.get(row["id"], {})]
        if status := request.first("status"):
            rows = [row for row in rows if self._has_status(row["id"], request.first("listid"), status)]
        for name, passes in _FILTERS.items():
            if wanted := request.first(name):
                rows = [row for row in rows if passes(row, wanted)]
        return rows

    def _has_status(self, contact: str, list_: str | None, status: str) -> bool:
        """Whether a contact has a status on a list, or on any; what is no status passes everybody."""
        if status not in STATUSES:
            return True
        held = self._account.memberships_of.get(contact, {})
        return any(row["status"] == status for row in held.values() if list_ in (None, "", row["list"]))

    def _ids(self, request: Request) -> list[str]:
        wanted = [*request.query.get("ids[]", ()), *request.query.get("ids", ())]
        if not self._account.switch("ids_by_comma"):
            return [id_ for id_ in wanted if id_.isdigit()]
        return [id_.strip() for each in wanted for id_ in each.split(",") if id_.strip()]


#: What the vendor repeats of the question, in ``meta``.
_PAGE_INPUT: Row = {
    "segmentid": 0, "formid": 0, "listid": 0, "tagid": 0, "limit": 20, "offset": 0, "search": None,
    "sort": None, "seriesid": 0, "waitid": 0, "status": -1, "forceQuery": 0, "cacheid": "0" * 32,
}  # fmt: skip


def _is_later(row: Row, column: str, text: str, *, than_given: bool) -> bool:
    """Whether a column is at or after a moment, or before it; what is no moment is passed over."""
    try:
        moment = instant(text)
    except ValueError:
        return True
    return (instant(row[column]) >= moment) is than_given


#: Query argument → whether a contact passes it (vendor documentation, List contacts).
_FILTERS: dict[str, Callable[[Row, str], bool]] = {
    "email_like": lambda row, text: text.lower() in row["email"].lower(),
    "search": lambda row, text: any(text.lower() in row[k].lower() for k in ("email", *NAMES)),
    "phone": lambda row, text: row["phone"].startswith(text),
    "exclude": lambda row, text: row["id"] != text,
    "id_greater": lambda row, text: int(row["id"]) > whole(text, 0),
    "id_less": lambda row, text: int(row["id"]) < whole(text, 0),
    "filters[created_before]": lambda row, text: _is_later(row, "cdate", text, than_given=False),
    "filters[created_after]": lambda row, text: _is_later(row, "cdate", text, than_given=True),
    "filters[updated_before]": lambda row, text: _is_later(row, "udate", text, than_given=False),
    "filters[updated_after]": lambda row, text: _is_later(row, "udate", text, than_given=True),
}


def unknown_field() -> Reply:
    """Return the refusal of a value for a field that is not there."""
    return error(422, "Field id not valid", code="field_invalid", pointer="/data/attributes/field")


def _names(wanted: Row) -> dict[str, str]:
    return {k: _text(wanted[k]) for k in NAMES if k in wanted}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _values(wanted: Row) -> list[Row]:
    given = wanted.get("fieldValues")
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _refused_address(email: Any) -> Reply | None:
    if isinstance(email, str) and not address_fault(email):
        return None
    row = {
        "title": "The email address is not valid.", "detail": "", "code": "email_invalid",
        "error": "must_be_valid_email_address", "source": {"pointer": "/data/attributes/email"},
    }  # fmt: skip
    return Reply(422, {"errors": [row]})


def _duplicate() -> Reply:
    title = "Email address already exists in the system"
    return error(422, title, code="duplicate", pointer="/data/attributes/email")
