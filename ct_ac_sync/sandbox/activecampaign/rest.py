"""The REST doors of the look-alike, under ``/api/3``."""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault, stamp
from ct_ac_sync.sandbox.service import Reply, Request

Row = dict[str, Any]

IMPORT_ROWS = 250
IMPORT_BYTES = 399_999
IMPORTS_A_MINUTE = 100
SINGLE_IMPORTS_A_MINUTE = 20
PERSTAG_UNSAFE = re.compile(r"[^A-Z0-9_]")
FILTER = re.compile(r"filters\[(\w+)\](?:\[(\w+)\])?\Z")


def error(status: int, title: str, *, code: str = "", pointer: str = "", detail: str = "") -> Reply:
    """Return a refusal in the vendor's ``errors`` envelope."""
    row: Row = {"title": title, "detail": detail}
    if code:
        row |= {"code": code, "source": {"pointer": pointer}}
    return Reply(status, {"errors": [row]})


def missing(kind: str, id_: str) -> Reply:
    """Return the vendor's 404."""
    return Reply(404, {"message": f"No Result found for {kind} with id {id_}"})


class Rest:
    """Endpoints over an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._imports: deque[tuple[float, bool]] = deque()

    def routes(self) -> Sequence[tuple[str, str, str, Callable[[Request], Reply]]]:
        """Return (method, path, operation, endpoint) of every door."""
        a = "/api/3"
        return (
            ("GET", f"{a}/users/me", "users_me", self.me),
            ("POST", f"{a}/contact/sync", "sync_contact", self.sync),
            ("GET", f"{a}/contacts", "list_contacts", self.list_contacts),
            ("POST", f"{a}/contacts", "create_contact", self.create_contact),
            ("GET", rf"{a}/contacts/(\d+)", "read_contact", self.read_contact),
            ("PUT", rf"{a}/contacts/(\d+)", "update_contact", self.update_contact),
            ("DELETE", rf"{a}/contacts/(\d+)", "delete_contact", self.delete_contact),
            ("GET", f"{a}/fields", "list_fields", self.list_fields),
            ("POST", f"{a}/fields", "create_field", self.create_field),
            ("POST", f"{a}/fieldRels", "relate_field", self.relate_field),
            ("GET", f"{a}/fieldValues", "list_field_values", self.list_values),
            ("POST", f"{a}/fieldValues", "write_field_value", self.write_value),
            ("POST", f"{a}/import/bulk_import", "import_contacts", self.import_contacts),
            ("GET", f"{a}/import/bulk_import", "list_imports", self.list_imports),
            ("GET", f"{a}/import/info", "read_import", self.read_import),
            ("GET", f"{a}/connections", "list_connections", self.list_connections),
            ("POST", f"{a}/connections", "create_connection", self.create_connection),
            ("GET", f"{a}/ecomCustomers", "list_customers", self.list_customers),
            ("POST", f"{a}/ecomCustomers", "create_customer", self.create_customer),
            ("PUT", rf"{a}/ecomCustomers/(\d+)", "update_customer", self.update_customer),
            ("GET", f"{a}/ecomOrders", "list_orders", self.list_orders),
        )

    def me(self, request: Request) -> Reply:
        """Return the key's user."""
        del request
        user: Row = {
            "username": "integration", "firstName": "Inte", "lastName": "Gration",
            "email": "integration@example.org", "phone": "", "signature": None, "links": {}, "id": "1",
        }  # fmt: skip
        return Reply(200, {"user": user})

    # -- contacts ---------------------------------------------------------------------

    def _wanted(self, request: Request, *, needs_email: bool) -> Row | Reply:
        body = request.json()
        wanted = body.get("contact") if isinstance(body, dict) else None
        if not isinstance(wanted, dict):
            return Reply(400, {})
        email = wanted.get("email")
        if needs_email and not email:
            return error(400, "Bad Request", detail="email is required")
        if email is not None and (not isinstance(email, str) or address_fault(email)):
            row = {
                "title": "The email address is not valid.", "detail": "", "code": "email_invalid",
                "error": "must_be_valid_email_address", "source": {"pointer": "/data/attributes/email"},
            }  # fmt: skip
            return Reply(422, {"errors": [row]})
        return wanted

    def _written(self, contact: Row, wanted: Row, via: str) -> list[Row]:
        rows = []
        for each in wanted.get("fieldValues") or []:
            row = self._account.write_value(contact["id"], str(each["field"]), str(each["value"]), via=via)
            rows += [row] if row else []
        return rows

    def sync(self, request: Request) -> Reply:
        """Upsert a contact by its address."""
        wanted = self._wanted(request, needs_email=True)
        if isinstance(wanted, Reply):
            return wanted
        account, values = self._account, _names(wanted)
        contact = account.contact_of(wanted["email"])
        status = account.switch("sync_update_status")
        if contact is None:
            contact, status = account.create_contact(wanted["email"], values, via="sync"), 201
        else:
            account.change_contact(contact, values, via="sync")
        rows = self._written(contact, wanted, "sync")
        return Reply(status, {"fieldValues": rows, "contact": _shown(contact)})

    def create_contact(self, request: Request) -> Reply:
        """Create a contact; an address that is taken is refused."""
        wanted = self._wanted(request, needs_email=True)
        if isinstance(wanted, Reply):
            return wanted
        if self._account.contact_of(wanted["email"]):
            return _duplicate()
        contact = self._account.create_contact(wanted["email"], _names(wanted), via="create")
        rows = self._written(contact, wanted, "create")
        return Reply(201, {"fieldValues": rows, "contact": _shown(contact)})

    def update_contact(self, request: Request) -> Reply:
        """Change a contact by id, its address included."""
        contact = self._account.contacts.get(request.match[1])
        if contact is None:
            return missing("Subscriber", request.match[1])
        wanted = self._wanted(request, needs_email=False)
        if isinstance(wanted, Reply):
            return wanted
        email = wanted.get("email")
        if email and email.strip().lower() != contact["email"].lower():
            if self._account.contact_of(email):
                return _duplicate()
            self._account.rename_contact(contact, email)
        self._account.change_contact(contact, _names(wanted), via="update")
        rows = self._written(contact, wanted, "update")
        return Reply(200, {"fieldValues": rows, "contact": _shown(contact)})

    def read_contact(self, request: Request) -> Reply:
        """Return a contact with what hangs on it."""
        contact = self._account.contacts.get(request.match[1])
        if contact is None:
            return missing("Subscriber", request.match[1])
        rows = list(self._account.values_of.get(contact["id"], {}).values())
        empty: Row = {k: [] for k in ("contactAutomations", "contactLists", "deals", "contactTags")}
        return Reply(200, empty | {"fieldValues": rows, "contact": _shown(contact)})

    def delete_contact(self, request: Request) -> Reply:
        """Delete a contact."""
        contact = self._account.contacts.get(request.match[1])
        if contact is None:
            return missing("Subscriber", request.match[1])
        self._account.delete_contact(contact)
        return Reply(200, {})

    def list_contacts(self, request: Request) -> Reply:
        """List contacts; a filter that is misspelt is passed over, as the vendor does."""
        rows = self._found(request)
        page, meta = _page(request, rows)
        body: Row = {"contacts": [_shown(c) for c in page], "meta": meta}
        if "fieldValues" in (request.first("include") or "") and self._account.switch("include_side_loads"):
            of = self._account.values_of
            body["fieldValues"] = [v for c in page for v in of.get(c["id"], {}).values()]
        return Reply(200, body)

    def _found(self, request: Request) -> list[Row]:
        account = self._account
        if email := request.first("email"):
            contact = account.contact_of(email)
            return [contact] if contact else []
        if ids := request.first("ids"):
            found = (account.contacts.get(each.strip()) for each in ids.split(","))
            return [c for c in found if c]
        rows = list(account.contacts.values())
        if part := request.first("email_like") or request.first("search"):
            rows = [c for c in rows if part.lower() in c["email"].lower()]
        if after := request.first("id_greater"):
            rows = [c for c in rows if int(c["id"]) > int(after)]
        if since := request.first("filters[updated_after]"):
            floor = _instant(since)
            rows = [c for c in rows if _instant(c["udate"]) >= floor]
        return rows

    # -- fields -----------------------------------------------------------------------

    def list_fields(self, request: Request) -> Reply:
        """List custom fields, with their options and relations."""
        rows = [f for f in self._account.fields.values() if _passes(request, f)]
        page, meta = _page(request, rows)
        ids = {f["id"] for f in page}
        rels = [
            r | {"field": str(r["field"]), "relid": str(r["relid"])}
            for r in self._account.relations
            if str(r["field"]) in ids
        ]
        shown = [f | {"relations": [r["id"] for r in rels if r["field"] == f["id"]]} for f in page]
        return Reply(200, {"fieldOptions": [], "fieldRels": rels, "fields": shown, "meta": meta})

    def create_field(self, request: Request) -> Reply:
        """Create a custom field; a title that exists is refused."""
        wanted = (request.json() or {}).get("field") or {}
        if not wanted.get("title") or not wanted.get("type"):
            return error(
                422,
                "The title and type are required.",
                code="field_missing",
                pointer="/data/attributes/title",
            )
        fields = self._account.fields.values()
        if any(f["title"] == wanted["title"] for f in fields):
            return error(
                422, "The title is already in use.", code="duplicate", pointer="/data/attributes/title"
            )
        perstag = PERSTAG_UNSAFE.sub(
            "", str(wanted.get("perstag") or wanted["title"]).upper().replace(" ", "_")
        )
        id_ = self._account.next_id("field")
        row = {
            "id": id_, "title": wanted["title"], "descript": wanted.get("descript", ""),
            "type": wanted["type"], "isrequired": "0", "perstag": perstag,
            "defval": wanted.get("defval"), "visible": str(wanted.get("visible", 1)),
            "ordernum": str(wanted.get("ordernum", 0)), "cdate": stamp(), "udate": stamp(), "links": {},
        }  # fmt: skip
        self._account.fields[id_] = row
        self._account._service.note("field_created", field=id_, perstag=perstag)
        return Reply(201, {"field": row})

    def relate_field(self, request: Request) -> Reply:
        """Relate a field to a list; relid 0 means all, and makes it visible."""
        wanted = (request.json() or {}).get("fieldRel") or {}
        field = str(wanted.get("field", ""))
        if field not in self._account.fields:
            return error(
                422, "Related field does not exist.", code="related_missing", pointer="/data/attributes/field"
            )
        row = {
            "id": self._account.next_id("fieldRel"), "field": int(field),
            "relid": int(wanted.get("relid", 0)),
            "dorder": "0", "cdate": stamp(), "links": {},
        }  # fmt: skip
        self._account.relations.append(row)
        self._account._service.note("field_related", field=field, relid=row["relid"])
        return Reply(201, {"fieldRel": row})

    def list_values(self, request: Request) -> Reply:
        """List custom field values."""
        rows = [
            v for v in self._account.values.values()
            if _passes(request, {"fieldid": v["field"], "val": v["value"]})
        ]  # fmt: skip
        page, meta = _page(request, rows)
        return Reply(200, {"fieldValues": page, "meta": meta})

    def write_value(self, request: Request) -> Reply:
        """Upsert one custom field value."""
        wanted = (request.json() or {}).get("fieldValue") or {}
        contact = self._account.contacts.get(str(wanted.get("contact")))
        if contact is None:
            return missing("Subscriber", str(wanted.get("contact")))
        row = self._account.write_value(
            contact["id"], str(wanted.get("field")), str(wanted.get("value")), via="field"
        )
        if row is None:
            return error(422, "Field id not valid", code="field_invalid", pointer="/data/attributes/field")
        return Reply(200, {"contacts": [_shown(contact)], "fieldValue": row})

    # -- imports ----------------------------------------------------------------------

    def import_contacts(self, request: Request) -> Reply:
        """Queue a bulk import; one bad row refuses all of it, and nothing is queued."""
        body = request.json()
        rows = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not rows:
            return _refused_import(["contacts is required"])
        if self._is_over_limit(is_single=len(rows) == 1):
            return _refused_import(
                ["Too many requests for bulk import per minute"], message="Rate limit exceeded."
            )
        if len(request.raw) > IMPORT_BYTES or len(rows) > IMPORT_ROWS:
            return _refused_import([f"at most {IMPORT_ROWS} contacts and {IMPORT_BYTES} bytes"])
        faults = [
            {"contact": number, "failureReason": fault}
            for number, row in enumerate(rows, 1)
            if (fault := _row_fault(row))
        ]
        if faults:
            return _refused_import(faults)
        batch = self._account.queue_import(
            rows, is_quiet_at_top=bool(body.get("exclude_automations")), call=request.call
        )
        return Reply(
            200,
            {
                "Success": 1,
                "queued_contacts": len(rows),
                "batchId": batch,
                "message": "Contact import queued",
            },
        )

    def _is_over_limit(self, *, is_single: bool) -> bool:
        moment = time.monotonic()
        while self._imports and self._imports[0][0] <= moment - 60:
            self._imports.popleft()
        self._imports.append((moment, is_single))
        same = sum(1 for _, single in self._imports if single == is_single)
        return same > (SINGLE_IMPORTS_A_MINUTE if is_single else IMPORTS_A_MINUTE)

    def list_imports(self, request: Request) -> Reply:
        """Count the imports that are outstanding, and those done lately, by day."""
        del request
        groups: dict[str, list[Row]] = {"outstanding": [], "recentlyCompleted": []}
        day = datetime.now(UTC).date().isoformat()
        for name, is_done in (("outstanding", False), ("recentlyCompleted", True)):
            found = [b for b in self._account.imports.values() if (b["status"] == "completed") == is_done]
            if found:
                contacts = sum(len(b["rows"]) for b in found)
                groups[name] = [{"forDate": day, "batches": str(len(found)), "contacts": str(contacts)}]
        return Reply(200, groups)

    def read_import(self, request: Request) -> Reply:
        """Return how far an import is; false for its first second."""
        id_ = request.first("batchId")
        if not id_:
            return Reply(400, {"success": 0, "message": "'batchId' is a required field."})
        batch = self._account.imports.get(id_)
        if batch is None:
            return Reply(400, {"success": 0, "message": "batchId is not known."})
        return Reply(200, {k: batch[k] for k in ("status", "success", "failure")})

    # -- e-commerce -------------------------------------------------------------------

    def list_connections(self, request: Request) -> Reply:
        """List connections."""
        rows = [c for c in self._account.connections.values() if _passes(request, c)]
        page, meta = _page(request, rows)
        return Reply(200, {"connections": page, "meta": meta})

    def create_connection(self, request: Request) -> Reply:
        """Create a connection; the same service and external id twice is refused."""
        wanted = (request.json() or {}).get("connection") or {}
        for name in ("service", "externalid", "name", "logoUrl", "linkUrl"):
            if not wanted.get(name):
                return error(422, f"The connection {name} was not provided.")
        key = (wanted["service"], wanted["externalid"])
        if any((c["service"], c["externalid"]) == key for c in self._account.connections.values()):
            return error(
                422,
                "The integration already exists in the system.",
                code="duplicate",
                pointer="/data/attributes/externalid",
            )
        id_ = self._account.next_id("connection")
        row = {k: wanted[k] for k in ("service", "externalid", "name", "logoUrl", "linkUrl")} | {
            "id": id_, "isInternal": 0, "status": "1", "syncStatus": "0", "sync_request_time": None,
            "sync_start_time": None, "lastSync": None, "cdate": stamp(), "udate": stamp(),
            "listId": wanted.get("listId"), "links": {},
        }  # fmt: skip
        self._account.connections[id_] = row
        self._account._service.note(
            "connection_created", connection=id_, service=key[0], externalid=key[1], listId=row["listId"]
        )
        return Reply(201, {"connection": row})

    def list_customers(self, request: Request) -> Reply:
        """List e-commerce customers."""
        rows = [c for c in self._account.customers.values() if _passes(request, c)]
        page, meta = _page(request, rows)
        return Reply(200, {"ecomCustomers": page, "meta": meta})

    def create_customer(self, request: Request) -> Reply:
        """Create an e-commerce customer, and its contact where there is none."""
        wanted = (request.json() or {}).get("ecomCustomer") or {}
        for name in ("connectionid", "externalid", "email"):
            if not wanted.get(name):
                return error(
                    422,
                    f"The {name} was not provided.",
                    code="field_missing",
                    pointer=f"/data/attributes/{name}",
                )
        key = (str(wanted["connectionid"]), str(wanted["externalid"]))
        if any((c["connectionid"], c["externalid"]) == key for c in self._account.customers.values()):
            return error(
                422,
                "The e-commerce customer already exists in the system.",
                code="duplicate",
                pointer="/data/attributes/externalid",
            )
        if self._account.contact_of(wanted["email"]) is None:
            self._account.create_contact(wanted["email"], {}, via="create")
        row = self._account.create_customer(*key, wanted["email"], str(wanted.get("acceptsMarketing", "0")))
        return Reply(201, {"ecomCustomer": row})

    def update_customer(self, request: Request) -> Reply:
        """Change an e-commerce customer."""
        row = self._account.customers.get(request.match[1])
        if row is None:
            return missing("EcomCustomer", request.match[1])
        wanted = (request.json() or {}).get("ecomCustomer") or {}
        allowed = {k: wanted[k] for k in ("email", "externalid", "acceptsMarketing") if k in wanted}
        self._account.change_customer(row, allowed)
        return Reply(200, {"ecomCustomer": row})

    def list_orders(self, request: Request) -> Reply:
        """List the copies of orders, which lag behind."""
        rows = [o for o in self._account.rest_orders.values() if _passes(request, o)]
        page, meta = _page(request, rows)
        return Reply(200, {"ecomOrders": page, "meta": meta})


def _names(wanted: Row) -> dict[str, str]:
    return {k: str(wanted[k]) for k in ("firstName", "lastName", "phone") if k in wanted}


def _shown(contact: Row) -> Row:
    return {
        "cdate": contact["cdate"], "email": contact["email"], "phone": contact["phone"],
        "firstName": contact["firstName"], "lastName": contact["lastName"], "orgid": "0", "orgname": "",
        "segmentio_id": "", "bounced_hard": "0", "bounced_soft": "0", "bounced_date": None, "ip": "0",
        "ua": None, "hash": contact["id"] * 8, "socialdata_lastcheck": None, "email_local": "",
        "email_domain": "", "sentcnt": "0", "rating_tstamp": None, "gravatar": "0", "deleted": "0",
        "anonymized": "0", "udate": contact["udate"], "deleted_at": None, "links": {},
        "id": contact["id"], "organization": None,
    }  # fmt: skip


def _duplicate() -> Reply:
    return error(
        422, "Email address already exists in the system", code="duplicate", pointer="/data/attributes/email"
    )


def _refused_import(reasons: Sequence[Any], *, message: str | None = None) -> Reply:
    text = "JSON payload did not pass validation. Please fix failure Reasons and retry. The import was not queued for processing."
    return Reply(400, {"success": 0, "message": message or text, "failureReasons": list(reasons)})


def _row_fault(row: Any) -> str | None:
    if not isinstance(row, dict) or not row.get("email"):
        return "The contact has no email address"
    if address_fault(str(row["email"])):
        return "The email address is not valid"
    fields = row.get("fields") or []
    if not all(isinstance(f, dict) and isinstance(f.get("id"), int) for f in fields):
        return "Each field needs an integer id"
    return None


def _passes(request: Request, row: Mapping[str, Any]) -> bool:
    """Whether a row passes the filters it has keys for; others are passed over."""
    for name, values in request.query.items():
        match = FILTER.match(name)
        if match and match[1] in row and str(row[match[1]]) != values[0]:
            return False
    return True


def _page(request: Request, rows: list[Row]) -> tuple[list[Row], Row]:
    limit = min(int(request.first("limit") or 20), 100)
    offset = int(request.first("offset") or 0)
    if request.first("orders[id]") in ("ASC", "DESC"):
        rows = sorted(rows, key=lambda r: int(r["id"]), reverse=request.first("orders[id]") == "DESC")
    return rows[offset : offset + limit], {"total": str(len(rows))}


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
