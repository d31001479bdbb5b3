"""The account's state, and what its operations do to it."""

import asyncio
import random
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ct_ac_sync.sandbox.service import Service

ZONE = timezone(timedelta(hours=-6))
LOCAL_SPECIALS = re.compile(r'["(),:;<>@\[\]\\\s]')


def stamp() -> str:
    """Return the time of now in the account's zone, as the vendor writes it."""
    return datetime.now(ZONE).isoformat(timespec="seconds")


def address_fault(email: str) -> str | None:
    """Return what is wrong with an address, by the rules of the vendor's import page."""
    local, at, domain = email.rpartition("@")
    if not at or not local or "." not in domain:
        return "must_be_valid_email_address"
    if LOCAL_SPECIALS.search(local) or len(domain.rpartition(".")[2]) < 2:
        return "must_be_valid_email_address"
    return None


class Account:
    """Contacts, fields, imports, connections, customers and orders of one account."""

    def __init__(self, service: Service, *, seed: int = 1) -> None:
        self._service = service
        self._dice = random.Random(seed)
        self.contacts: dict[str, dict[str, Any]] = {}
        self.by_email: dict[str, str] = {}
        self.values: dict[tuple[str, str], dict[str, Any]] = {}
        self.values_of: dict[str, dict[str, dict[str, Any]]] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.relations: list[dict[str, Any]] = []
        self.imports: dict[str, dict[str, Any]] = {}
        self.connections: dict[str, dict[str, Any]] = {}
        self.customers: dict[str, dict[str, Any]] = {}
        self.orders: dict[tuple[int, str], dict[str, Any]] = {}
        self.rest_orders: dict[str, dict[str, Any]] = {}
        self.automations: list[dict[str, Any]] = []
        self._ids: dict[str, int] = {}

    def switch(self, name: str) -> Any:
        """Return the value of a switch."""
        return self._service.switches[name]

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
        self._service.note(
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
            self._service.note(
                "contact_changed", contact=contact["id"], before=before, after=changed, via=via
            )

    def rename_contact(self, contact: dict[str, Any], email: str) -> None:
        """Give a contact another address, which must be free."""
        before = contact["email"]
        self.by_email.pop(before.lower(), None)
        contact |= {"email": self.kept(email), "udate": stamp()}
        self.by_email[email.strip().lower()] = contact["id"]
        self._service.note("contact_renamed", contact=contact["id"], before=before, after=contact["email"])

    def delete_contact(self, contact: dict[str, Any]) -> None:
        """Delete a contact; its e-commerce rows stay."""
        self.contacts.pop(contact["id"], None)
        self.by_email.pop(contact["email"].lower(), None)
        self._service.note("contact_deleted", contact=contact["id"], email=contact["email"])

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
        if value != before:
            row |= {"value": value, "udate": stamp()}
            perstag = self.fields[field]["perstag"]
            self._service.note(
                "field_value", contact=contact, field=field, perstag=perstag, before=before,
                after=value, via=via,
            )  # fmt: skip
        return row

    def start_automation(self, trigger: str, **facts: Any) -> None:
        """Write down that automations with this trigger would have fired."""
        self.automations.append({"trigger": trigger, **facts})
        self._service.note("automation_started", trigger=trigger, **facts)

    # -- imports ----------------------------------------------------------------------

    def queue_import(self, rows: Sequence[dict[str, Any]], *, is_quiet_at_top: bool, call: int) -> str:
        """Queue an import; it is applied later, perhaps out of order."""
        id_ = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        self.imports[id_] = {
            "id": id_, "status": False, "rows": list(rows), "success": [], "failure": [],
            "quiet": is_quiet_at_top, "queued_at": datetime.now(UTC).isoformat(), "call": call,
        }  # fmt: skip
        self._service.note("import_queued", batch=id_, rows=len(rows))
        delay = float(self.switch("import_seconds"))
        if self.switch("import_order") == "shuffled":
            delay += self._dice.random() * 2
        loop = asyncio.get_running_loop()
        loop.call_later(min(1.0, delay / 2), self._set_status, id_, "waiting")
        loop.call_later(delay * 0.75, self._set_status, id_, "active")
        loop.call_later(delay, self._apply_import, id_)
        return id_

    def _set_status(self, id_: str, status: str) -> None:
        if self.imports[id_]["status"] != "completed":
            self.imports[id_]["status"] = status

    def _apply_import(self, id_: str) -> None:
        batch = self.imports[id_]
        for number, row in enumerate(batch["rows"]):
            self._apply_row(batch, number, row)
        batch["status"] = "completed"
        self._service.note("import_finished", batch=id_, status="completed")

    def _apply_row(self, batch: dict[str, Any], number: int, row: Mapping[str, Any]) -> None:
        email = str(row["email"])
        names = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}
        values = {names[k]: str(v) for k, v in row.items() if k in names}
        contact = self.contact_of(email)
        is_new = contact is None
        if contact is None:
            contact = self.create_contact(email, values, via="import")
        else:
            self.change_contact(contact, values, via="import")
        for each in row.get("fields") or []:
            self.write_value(contact["id"], str(each["id"]), str(each["value"]), via="import")
        self._service.note(
            "import_applied", batch=batch["id"], row=number, email=email, contact=contact["id"]
        )
        if is_new or self.switch("import_success_ids") == "all":
            batch["success"].append(contact["id"])
        position = self.switch("exclude_automations_position")
        at_row, at_top = bool(row.get("exclude_automations")), batch["quiet"]
        quiet = {"contact": at_row, "top": at_top, "both": at_row and at_top}[position]
        if not quiet:
            self.start_automation("contact_imported", contact=contact["id"], order=None, source=None)

    # -- e-commerce -------------------------------------------------------------------

    def upsert_order(self, order: Mapping[str, Any], *, via: str) -> dict[str, Any]:
        """Upsert an order with its contact and e-commerce customer, and start automations."""
        contact = self._order_contact(order)
        self._order_customer(order)
        key = (int(order["legacyConnectionId"]), str(order["storeOrderId"]))
        held = self.orders.get(key)
        source = order.get("creationSource") or "REAL_TIME"
        before = held and {k: held.get(k) for k in ("storeModifiedDate", "normalizedStatus", "email")}
        row = dict(order) | {
            "id": held["id"] if held else self.next_id("order"), "creationSource": source,
            "createdSource": held["createdSource"] if held else source,
            "visible_at": held["visible_at"] if held
            else datetime.now(UTC) + timedelta(seconds=float(self.switch("order_visibility_seconds"))),
        }  # fmt: skip
        self.orders[key] = row
        facts = {
            "order": row["id"], "connection": key[0], "storeOrderId": key[1], "source": source,
            "email": order.get("email"), "storeModifiedDate": order.get("storeModifiedDate"),
            "status": order.get("normalizedStatus"), "finalAmount": order.get("finalAmount"), "via": via,
        }  # fmt: skip
        self._service.note(
            "order_changed" if held else "order_created", **facts, **({"before": before} if held else {})
        )
        self._fire(row, key[1], contact, is_new=held is None)
        asyncio.get_running_loop().call_later(1.5, self._copy_to_rest, key)
        return row

    def _fire(self, row: Mapping[str, Any], store_id: str, contact: str | None, *, is_new: bool) -> None:
        if row["creationSource"] != "REAL_TIME":
            return
        facts = {"contact": contact, "order": store_id, "source": "REAL_TIME"}
        if is_new or self.switch("realtime_update_refires"):
            self.start_automation("order_created", **facts)
        if not is_new:
            self.start_automation("order_updated", **facts)

    def _order_contact(self, order: Mapping[str, Any]) -> str | None:
        email = order.get("email")
        if not email:
            return None
        places = [order.get("customerData"), order.get("shippingAddress"), order.get("billingAddress")]
        known: Mapping[str, Any] = next((p for p in places if p), {})
        values = {k: str(known[k]) for k in ("firstName", "lastName", "phone") if known.get(k)}
        contact = self.contact_of(str(email))
        if contact is None:
            contact = self.create_contact(str(email), values, via="order")
        else:
            self.change_contact(contact, values, via="order")
        return str(contact["id"])

    def _order_customer(self, order: Mapping[str, Any]) -> None:
        external = order.get("storeCustomerId")
        if not external:
            return
        connection = str(order["legacyConnectionId"])
        email = str(order.get("email") or "")
        held = next(
            (
                c
                for c in self.customers.values()
                if (c["connectionid"], c["externalid"]) == (connection, external)
            ),
            None,
        )
        if held is None:
            self.create_customer(connection, str(external), email, "0")
        elif email and held["email"] != email:
            self.change_customer(held, {"email": email})

    def create_customer(self, connection: str, external: str, email: str, accepts: str) -> dict[str, Any]:
        """Create an e-commerce customer."""
        id_ = self.next_id("customer")
        row = {
            "id": id_, "connectionid": connection, "externalid": external, "email": email,
            "acceptsMarketing": accepts, "totalRevenue": "0", "totalOrders": "0", "totalProducts": "0",
            "avgRevenuePerOrder": "0", "avgProductCategory": "", "tstamp": stamp(), "links": {},
            "connection": connection,
        }  # fmt: skip
        self.customers[id_] = row
        self._service.note(
            "customer_created", customer=id_, connection=connection, externalid=external, email=email
        )
        return row

    def change_customer(self, row: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Change an e-commerce customer."""
        row |= {k: str(v) for k, v in values.items()} | {"tstamp": stamp()}
        self._service.note(
            "customer_changed", customer=row["id"], connection=row["connectionid"],
            externalid=row["externalid"], email=row["email"],
        )  # fmt: skip

    def _copy_to_rest(self, key: tuple[int, str]) -> None:
        order = self.orders[key]
        amount = order.get("finalAmount") or 0
        self.rest_orders[order["id"]] = {
            "id": order["id"], "externalid": key[1], "connectionid": str(key[0]),
            "email": order.get("email"), "orderNumber": order.get("orderNumber"),
            "totalPrice": str(round(float(amount) * 100)), "currency": order.get("currency"),
            "source": "1" if order["createdSource"] == "REAL_TIME" else "0", "tstamp": stamp(), "links": {},
        }  # fmt: skip

    # -- state ------------------------------------------------------------------------

    def fields_of(self, contact: str) -> dict[str, str]:
        """Return a contact's custom field values by perstag."""
        rows = self.values_of.get(contact, {})
        return {self.fields[field]["perstag"]: row["value"] for field, row in rows.items()}

    def state(self) -> dict[str, Any]:
        """Return everything there is."""
        return {
            "contacts": [c | {"fields": self.fields_of(c["id"])} for c in self.contacts.values()],
            "fields": list(self.fields.values()),
            "relations": self.relations,
            "imports": [{k: v for k, v in b.items() if k != "rows"} for b in self.imports.values()],
            "connections": list(self.connections.values()),
            "customers": list(self.customers.values()),
            "orders": [{k: v for k, v in o.items() if k != "visible_at"} for o in self.orders.values()],
            "automations": self.automations,
        }
