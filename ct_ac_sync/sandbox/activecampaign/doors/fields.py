"""The doors of custom fields, their options, relations and values."""

import re
from collections.abc import Mapping
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.doors import shapes
from ct_ac_sync.sandbox.activecampaign.doors.answers import (
    API,
    Routes,
    Row,
    error,
    filtered,
    missing,
    page,
    part,
    unknown,
    whole,
)
from ct_ac_sync.sandbox.activecampaign.doors.contacts import unknown_field
from ct_ac_sync.sandbox.activecampaign.values import stamp
from ct_ac_sync.sandbox.service import Reply, Request

PERSTAG_UNSAFE = re.compile(r"[^A-Z0-9_]")


class Fields:
    """Endpoints over the custom fields of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> Routes:
        """Return the doors."""
        return (
            ("GET", f"{API}/fields", "list_fields", self.list_fields),
            ("POST", f"{API}/fields", "create_field", self.create),
            ("GET", rf"{API}/fields/(\d+)", "read_field", self.read),
            ("PUT", rf"{API}/fields/(\d+)", "update_field", self.update),
            ("DELETE", rf"{API}/fields/(\d+)", "delete_field", self.delete),
            ("POST", f"{API}/(fieldOptions?)/bulk", "create_options", self.create_options),
            ("POST", f"{API}/fieldRels", "relate_field", self.relate),
            ("GET", f"{API}/fieldValues", "list_field_values", self.list_values),
            ("POST", f"{API}/fieldValues", "write_field_value", self.write_value),
            ("GET", rf"{API}/fieldValues/(\d+)", "read_field_value", self.read_value),
            ("PUT", rf"{API}/fieldValues/(\d+)", "update_field_value", self.update_value),
            ("DELETE", rf"{API}/fieldValues/(\d+)", "delete_field_value", self.delete_value),
        )

    # -- fields -----------------------------------------------------------------------

    def list_fields(self, request: Request) -> Reply:
        """List custom fields, with their options and relations."""
        contains = self._account.switch("filters_match") == "contains"
        shown, meta = page(request, filtered(request, self._account.fields.values(), contains=contains))
        return Reply(200, {**self._beside(shown), "fields": [self._shown(f) for f in shown], "meta": meta})

    def read(self, request: Request) -> Reply:
        """Return one custom field."""
        field = self._account.fields.get(request.match[1])
        if field is None:
            return unknown(self._account, "Field", request.match[1])
        return Reply(200, {**self._beside([field]), "field": self._shown(field)})

    def _beside(self, fields: list[Row]) -> Row:
        ids = {field["id"] for field in fields}
        relations = [
            {k: str(v) if k in ("field", "relid") else v for k, v in relation.items()}
            for relation in self._account.relations
            if str(relation["field"]) in ids
        ]
        options = [
            {k: str(v) if k in ("orderid", "isdefault") else v for k, v in option.items()}
            for field in fields
            for option in self._account.options_of(field["id"])
        ]
        return {"fieldOptions": options, "fieldRels": relations}

    def _shown(self, field: Row) -> Row:
        relations = [r["id"] for r in self._account.relations if str(r["field"]) == field["id"]]
        options = [option["id"] for option in self._account.options_of(field["id"])]
        return field | {"options": options, "relations": relations}

    def create(self, request: Request) -> Reply:
        """Create a custom field; a title that exists is refused."""
        wanted = part(request, "field")
        for name in ("title", "type"):
            if not wanted.get(name):
                pointer = f"/data/attributes/{name}"
                return error(422, f"The field {name} is required.", code="field_missing", pointer=pointer)
        title = str(wanted["title"])
        if any(f["title"] == title for f in self._account.fields.values()):
            detail = f"There is already a field named '{title}' -- choose another name"
            return error(422, "There is already a field with this title", code="duplicate", detail=detail)
        row = self._new(title, wanted)
        self._account.fields[row["id"]] = row
        self._account.note("field_created", field=row["id"], perstag=row["perstag"])
        if self._account.switch("created_field_answer") == "field":
            return Reply(201, {"field": self._shown(row)})
        every = list(self._account.fields.values())
        shown = [self._shown(field) for field in every]
        return Reply(201, {**self._beside(every), "fields": shown, "meta": {"total": str(len(every))}})

    def _new(self, title: str, wanted: Mapping[str, Any]) -> Row:
        return {
            "title": title, "descript": wanted.get("descript"), "type": wanted["type"], "isrequired": "0",
            "perstag": perstag_of(title, wanted.get("perstag")), "defval": wanted.get("defval"),
            "show_in_list": "0", "rows": "0", "cols": "0", "visible": "1" if wanted.get("visible", 1) else "0",
            "service": "", "ordernum": str(wanted.get("ordernum", len(self._account.fields) + 1)),
            "cdate": stamp(), "udate": stamp(), "links": {}, "id": self._account.next_id("field"),
        }  # fmt: skip

    def update(self, request: Request) -> Reply:
        """Change a custom field; here flags are answered as numbers."""
        field = self._account.fields.get(request.match[1])
        if field is None:
            return Reply(403, {"message": "Forbidden"})
        wanted = part(request, "field")
        changed: Row = {k: wanted[k] for k in ("title", "type", "descript", "defval") if k in wanted}
        if wanted.get("perstag"):
            changed["perstag"] = perstag_of("", wanted["perstag"])
        self._account.change_field(field, changed)
        numbers = ("isrequired", "show_in_list", "rows", "cols", "visible", "ordernum")
        return Reply(200, {"field": field | {k: int(field[k]) for k in numbers}})

    def delete(self, request: Request) -> Reply:
        """Delete a custom field with all its values."""
        field = self._account.fields.get(request.match[1])
        if field is None:
            return missing("Field", request.match[1])
        self._account.delete_field(field)
        return Reply(200, {})

    def create_options(self, request: Request) -> Reply:
        """Add options to fields: a value that there is makes a second one."""
        if request.match[1] != self._account.switch("options_path"):
            return Reply(404, {"message": f"No route found for POST {request.path}"})
        body = request.json()
        wanted = body.get("fieldOptions") if isinstance(body, dict) else None
        if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
            text = "Bulk operation failed. Request must contain an array of fieldOption objects."
            return Reply(422, {"errors": text})
        if any(str(each.get("field")) not in self._account.fields for each in wanted):
            return Reply(422, {"errors": "Bulk operation failed. Related field does not exist."})
        return Reply(201, {"fieldOptions": [self._new_option(each) for each in wanted]})

    def _new_option(self, wanted: Row) -> Row:
        field, value = str(wanted["field"]), str(wanted.get("value", ""))
        row: Row = {
            "id": self._account.next_id("fieldOption"), "field": field, "value": value,
            "label": str(wanted.get("label") or value), "orderid": whole(str(wanted.get("orderid")), 0),
            "isdefault": int(bool(wanted.get("isdefault"))), "cdate": stamp(), "udate": stamp(), "links": {},
        }  # fmt: skip
        self._account.options[row["id"]] = row
        self._account.note("option_created", field=field, option=row["id"], value=value)
        return row

    def relate(self, request: Request) -> Reply:
        """Relate a field to a list; relid 0 means all, and makes it visible."""
        wanted = part(request, "fieldRel")
        field = str(wanted.get("field", ""))
        if field not in self._account.fields:
            title, pointer = "Related field does not exist.", "/data/attributes/field"
            return error(422, title, code="related_missing", pointer=pointer)
        row = {
            "field": int(field), "relid": whole(str(wanted.get("relid")), 0), "dorder": "0", "cdate": stamp(),
            "links": [], "id": self._account.next_id("fieldRel"),
        }  # fmt: skip
        self._account.relations.append(row)
        self._account.note("field_related", field=field, relid=row["relid"])
        return Reply(201, {"fieldRel": row})

    # -- values -----------------------------------------------------------------------

    def list_values(self, request: Request) -> Reply:
        """List custom field values."""
        contains = self._account.switch("filters_match") == "contains"
        rows = [v | {"fieldid": v["field"], "val": v["value"]} for v in self._account.values.values()]
        shown, meta = page(request, filtered(request, rows, contains=contains))
        bare = [{k: v for k, v in row.items() if k not in ("fieldid", "val")} for row in shown]
        return Reply(200, {"fieldValues": bare, "meta": meta})

    def _value(self, id_: str) -> Row | None:
        return next((row for row in self._account.values.values() if row["id"] == id_), None)

    def read_value(self, request: Request) -> Reply:
        """Return one custom field value; an unknown id is a 403 in the documentation."""
        row = self._value(request.match[1])
        return Reply(200, {"fieldValue": row}) if row else missing("FieldValue", request.match[1], status=403)

    def write_value(self, request: Request) -> Reply:
        """Upsert the custom field value of a contact."""
        return self._written(part(request, "fieldValue"))

    def update_value(self, request: Request) -> Reply:
        """Change a custom field value by its id."""
        row = self._value(request.match[1])
        if row is None:
            return unknown(self._account, "FieldValue", request.match[1])
        wanted = part(request, "fieldValue")
        return self._written({"contact": row["contact"], "field": row["field"]} | wanted)

    def _written(self, wanted: Row) -> Reply:
        contact = self._account.contacts.get(str(wanted.get("contact")))
        if contact is None:
            return missing("Subscriber", str(wanted.get("contact")))
        value = wanted.get("value")
        text = "" if value is None else str(value)
        row = self._account.write_value(contact["id"], str(wanted.get("field")), text, via="field")
        if row is None:
            return unknown_field()
        # Contact, field and owner come back as they were sent, numbers as numbers.
        sent = {"contact": wanted["contact"], "field": wanted["field"], "owner": wanted["contact"]}
        shown = {k: v for k, v in row.items() if k not in ("created_by", "updated_by")} | sent
        return Reply(200, {"contacts": [shapes.full(self._account, contact)], "fieldValue": shown})

    def delete_value(self, request: Request) -> Reply:
        """Delete a custom field value, which clears it."""
        row = self._value(request.match[1])
        if row is None:
            return Reply(403, {"message": "Forbidden"})
        self._account.delete_value(row, via="field")
        return Reply(200, {})


def perstag_of(title: str, given: Any) -> str:
    """Return a tag as the vendor keeps it: upper case, stripped; made of the title where none is given."""
    text = str(given) if given else title.replace(" ", "_")
    return PERSTAG_UNSAFE.sub("", text.upper())
