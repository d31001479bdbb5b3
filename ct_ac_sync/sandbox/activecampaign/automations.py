"""Automations of an account, and who entered them by hand or by API."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.values import stamp

Row = dict[str, Any]

ACTIVE, INACTIVE = "1", "2"
#: Status of a run.
RUNNING, ENDED = "1", "2"


class Automations:
    """The automations of one account; a contact may run through one again and again."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.rows: dict[str, Row] = {}
        self._entries: Counter[tuple[str, str]] = Counter()

    def put(self, wanted: Mapping[str, Any]) -> Row:
        """Make an automation, or change the one of this id, as somebody would by hand."""
        id_ = str(wanted.get("id") or "") or self._free_id()
        held = self.rows.get(id_)
        row = held or {
            "id": id_, "name": f"Automation {id_}", "cdate": stamp(), "userid": "1", "status": ACTIVE,
            "entered": "0", "exited": "0", "hidden": "0", "defaultscreenshot": "", "screenshot": "",
            "links": {},
        }  # fmt: skip
        row |= {k: str(wanted[k]) for k in ("name", "status") if k in wanted} | {"mdate": stamp()}
        self.rows[id_] = row
        self._account.note("automation_put", automation=id_, name=row["name"], status=row["status"])
        return row

    def _free_id(self) -> str:
        while (id_ := self._account.next_id("automation")) in self.rows:
            continue
        return id_

    def enter(self, contact: Row, automation: str) -> Row | None:
        """Let a contact enter, whether or not it is there already; None where the automation does not run."""
        known = self.rows.get(automation)
        if known is None or known["status"] != ACTIVE:
            return None
        moment = stamp()
        row = {
            "id": self._account.next_id("contactAutomation"), "contact": contact["id"],
            "seriesid": automation, "automation": automation, "startid": "0", "status": RUNNING,
            "batchid": None, "adddate": moment, "remdate": None, "timespan": None, "lastblock": "1",
            "lastlogid": "0", "lastdate": moment, "completedElements": "0", "totalElements": "1",
            "completed": 0, "completeValue": 0, "links": {},
        }  # fmt: skip
        self._account.runs_of.setdefault(contact["id"], {})[row["id"]] = row
        known["entered"] = str(int(known["entered"]) + 1)
        self._entries[contact["id"], automation] += 1
        self._account.note(
            "automation_entered", contact=contact["id"], email=contact["email"], automation=automation,
            name=known["name"], run=row["id"],
        )  # fmt: skip
        return row

    def leave(self, contact: str, automation: str) -> list[Row]:
        """Let a contact come to the end of an automation, in all its runs."""
        rows = self._account.runs_of.get(contact, {}).values()
        running = [row for row in rows if (row["automation"], row["status"]) == (automation, RUNNING)]
        for row in running:
            row |= {"completed": 1, "completeValue": 100, "completedElements": row["totalElements"]}
            self._end(row)
        return running

    def remove(self, row: Row) -> None:
        """Take a contact out of a run; whether the run still shows then is not documented."""
        self._end(row)
        if self._account.switch("removed_run") == "gone":
            del self._account.runs_of[row["contact"]][row["id"]]

    def _end(self, row: Row) -> None:
        moment = stamp()
        row |= {"status": ENDED, "remdate": moment, "lastdate": moment, "timespan": "0"}
        known = self.rows.get(row["automation"])
        if known:
            known["exited"] = str(int(known["exited"]) + 1)
        self._account.note(
            "automation_left", contact=row["contact"], automation=row["automation"], run=row["id"],
            completed=row["completed"],
        )  # fmt: skip

    def runs(self) -> list[Row]:
        """Return all runs, by id."""
        rows = [row for held in self._account.runs_of.values() for row in held.values()]
        return sorted(rows, key=lambda row: int(row["id"]))

    def entries_of(self, contact: str) -> list[Row]:
        """Return how often a contact has entered what, with what it is called."""
        return [
            {k: row[k] for k in ("id", "name", "status", "hidden")}
            | {"contactEntryCount": str(self._entries[contact, id_])}
            for id_, row in self.rows.items()
            if self._entries[contact, id_]
        ]

    def state(self) -> Row:
        """Return all runs of contacts that are still there."""
        return {"automation_runs": self.runs()}
