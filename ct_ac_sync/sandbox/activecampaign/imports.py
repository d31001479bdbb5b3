"""Bulk imports: queued, applied later, listed with whom they passed over, and not always ended well."""

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault
from ct_ac_sync.sandbox.activecampaign.lists import ACTIVE, UNSUBSCRIBED, Lists
from ct_ac_sync.sandbox.activecampaign.tags import Tags

#: How an import can end, and which share of its rows is applied then, unless told otherwise.
#: *stuck* never ends: it stays active.
ENDS: Mapping[str, float] = {"completed": 1.0, "failed": 0.0, "interrupted": 0.5, "stuck": 0.0}
ENDED = ("completed", "failed", "interrupted")
NAMES = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


class Imports:
    """The imports of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tags, self._lists = Tags(account), Lists(account)
        self.batches: dict[str, dict[str, Any]] = {}
        #: Ends that the next imports will have, instead of a good one.
        self.ends: deque[tuple[str, float]] = deque()

    def queue(self, rows: Sequence[dict[str, Any]], *, is_quiet_at_top: bool, call: int) -> str:
        """Queue an import; it is applied later, perhaps out of order."""
        account = self._account
        id_ = str(uuid.UUID(int=account.dice.getrandbits(128), version=4))
        end, applied = self.ends.popleft() if self.ends else ("completed", 1.0)
        self.batches[id_] = {
            "id": id_, "status": False, "rows": list(rows), "success": [], "failure": [],
            "quiet": is_quiet_at_top, "queued_at": datetime.now(UTC).isoformat(), "call": call,
            "end": end, "applied": applied,
        }  # fmt: skip
        account.note("import_queued", batch=id_, rows=len(rows))
        delay = float(account.switch("import_seconds"))
        if account.switch("import_order") == "shuffled":
            delay += account.dice.random() * 2
        loop = asyncio.get_running_loop()
        # The status is false for about a second after queueing (vendor documentation).
        loop.call_later(min(1.0, delay / 2), self._set_status, id_, "waiting")
        loop.call_later(delay * 0.65, self._set_status, id_, "claimed")
        loop.call_later(delay * 0.8, self._set_status, id_, "active")
        loop.call_later(delay, self._finish, id_)
        return id_

    def info(self, id_: str) -> dict[str, Any] | None:
        """Return how far an import is; None where it is not known."""
        batch = self.batches.get(id_)
        if batch is None:
            return None
        tells = batch["status"] not in ("failed", "interrupted") or self._account.switch("ended_import_tells")
        lists = {k: batch[k] if tells else [] for k in ("success", "failure")}
        return {"status": batch["status"], **lists}

    def by_day(self) -> dict[str, list[dict[str, str]]]:
        """Return counts of what is outstanding and of what was completed, by day of queueing."""
        groups: dict[str, dict[str, list[int]]] = {"outstanding": {}, "recentlyCompleted": {}}
        for batch in self.batches.values():
            name = "recentlyCompleted" if batch["status"] == "completed" else "outstanding"
            if batch["status"] in ENDED and name == "outstanding":
                continue
            groups[name].setdefault(batch["queued_at"][:10], []).append(len(batch["rows"]))
        return {
            name: [
                {"forDate": day, "batches": str(len(sizes)), "contacts": str(sum(sizes))}
                for day, sizes in sorted(days.items())
            ]
            for name, days in groups.items()
        }

    def state(self) -> dict[str, Any]:
        """Return all imports, without their rows."""
        return {"imports": [{k: v for k, v in b.items() if k != "rows"} for b in self.batches.values()]}

    def _set_status(self, id_: str, status: str) -> None:
        if self.batches[id_]["status"] not in ENDED:
            self.batches[id_]["status"] = status

    def _finish(self, id_: str) -> None:
        """Apply the rows, or the share of them that this end leaves; nothing is tried again."""
        batch = self.batches[id_]
        rows = batch["rows"][: int(len(batch["rows"]) * batch["applied"])]
        for number, row in enumerate(rows):
            self._apply(batch, number, row)
        if batch["end"] != "stuck":
            batch["status"] = batch["end"]
            self._account.note("import_finished", batch=id_, status=batch["end"])

    def _apply(self, batch: dict[str, Any], number: int, row: Mapping[str, Any]) -> None:
        account, email = self._account, str(row["email"])
        reason = address_fault(email) or account.unimportable(email) or self._revival(email, row)
        if reason:
            batch["failure"].append(email)
            account.note("import_passed_over", batch=batch["id"], row=number, email=email, reason=reason)
            return
        values = {NAMES[k]: str(v or "") for k, v in row.items() if k in NAMES}
        contact = account.contact_of(email)
        is_new = contact is None
        if contact is None:
            contact = account.create_contact(email, values, via="import")
        else:
            account.change_contact(contact, values, via="import")
        for each in row.get("fields") or []:
            account.write_value(contact["id"], str(each["id"]), each["value"], via="import")
        is_quiet = self._is_quiet(batch, row)
        for name in row.get("tags") or []:
            self._tags.add_named(contact["id"], str(name), is_quiet=is_quiet)
        self._move(contact["id"], row)
        account.note("import_applied", batch=batch["id"], row=number, email=email, contact=contact["id"])
        if is_new or account.switch("import_success_ids") == "all":
            batch["success"].append(contact["id"])
        if not is_quiet:
            account.start_automation("contact_imported", contact=contact["id"], order=None, source=None)

    def _revival(self, email: str, row: Mapping[str, Any]) -> str | None:
        """Return why a whole row is passed over that would subscribe somebody who has left."""
        contact = self._account.contact_of(email)
        if contact is None or self._account.switch("import_revival") != "row":
            return None
        has_left = any(self._lists.has_left(contact["id"], each) for each in _list_ids(row, "subscribe"))
        return "The contact has unsubscribed from a list" if has_left else None

    def _move(self, contact: str, row: Mapping[str, Any]) -> None:
        """Subscribe and unsubscribe; whoever has left a list is not brought back (vendor documentation)."""
        known, person = self._account.lists, self._account.contacts[contact]
        for each in _list_ids(row, "subscribe"):
            if each not in known or self._account.excludes(person["email"], known[each]):
                continue
            if not self._lists.has_left(contact, each) and not self._lists.refusal(person, each):
                self._lists.write(contact, each, ACTIVE, via="import")
        for each in _list_ids(row, "unsubscribe"):
            if each in known:
                self._lists.write(contact, each, UNSUBSCRIBED, via="import")

    def _is_quiet(self, batch: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        at_row, at_top = bool(row.get("exclude_automations")), bool(batch["quiet"])
        position = self._account.switch("exclude_automations_position")
        return {"contact": at_row, "top": at_top, "both": at_row and at_top}[position]


def _list_ids(row: Mapping[str, Any], name: str) -> list[str]:
    """Return the lists that a row names; what is misspelt is passed over."""
    given = row.get(name)
    rows = given if isinstance(given, list) else []
    return [str(each["listid"]) for each in rows if isinstance(each, dict) and "listid" in each]
