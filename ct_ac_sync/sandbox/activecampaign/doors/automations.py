"""The doors of automations, and of who runs through them."""

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.automations import Automations
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
)
from ct_ac_sync.sandbox.service import Reply, Request

#: What the answer to an entry shows of a run.
ENTERED = (
    "contact", "seriesid", "lastblock", "completedElements", "totalElements", "completed",
    "completeValue", "links", "id", "automation",
)  # fmt: skip


class AutomationDoors:
    """Endpoints over the automations of an account."""

    def __init__(self, account: Account, automations: Automations) -> None:
        self._account = account
        self._automations = automations

    def routes(self) -> Routes:
        """Return the doors."""
        runs, contact = f"{API}/contactAutomations", rf"{API}/contacts/(\d+)"
        return (
            ("GET", f"{API}/automations", "list_automations", self.list_automations),
            ("GET", runs, "list_runs", self.list_runs),
            ("POST", runs, "enter_automation", self.enter),
            ("GET", rf"{runs}/(\d+)", "read_run", self.read),
            ("DELETE", rf"{runs}/(\d+)", "remove_run", self.remove),
            ("GET", f"{contact}/contactAutomations", "list_contact_automations", self.list_of_contact),
            ("GET", f"{contact}/automationEntryCounts", "count_entries", self.count_entries),
        )

    def list_automations(self, request: Request) -> Reply:
        """List automations."""
        contains = self._account.switch("filters_match") == "contains"
        rows = filtered(request, self._automations.rows.values(), contains=contains)
        shown, meta = page(request, rows)
        more: Row = {"starts": [], "filtered": False, "smsLogs": []}
        return Reply(200, {"automations": shown, "meta": meta | more})

    # -- who runs through them --------------------------------------------------------

    def enter(self, request: Request) -> Reply:
        """Let a contact enter an automation; entering again is another run."""
        wanted = part(request, "contactAutomation")
        contact = self._account.contacts.get(str(wanted.get("contact")))
        if contact is None:
            return self._nobody(str(wanted.get("contact")))
        row = self._automations.enter(contact, str(wanted.get("automation")))
        if row is None:
            return Reply(403, {"message": "Could not create SubscriberSeries"})
        made = {k: row[k] for k in ENTERED} | {"startid": 0, "status": int(row["status"])}
        return Reply(201, {"contacts": [shapes.full(self._account, contact)], "contactAutomation": made})

    def _nobody(self, id_: str) -> Reply:
        if self._account.switch("unknown_contact_entry") == 404:
            return missing("Subscriber", id_)
        title, pointer = "Related contact does not exist.", "/data/attributes/contact"
        return error(422, title, code="related_missing", pointer=pointer)

    def list_runs(self, request: Request) -> Reply:
        """List who runs or ran through what."""
        shown, meta = page(request, [self._dated(row) for row in self._automations.runs()])
        return Reply(200, {"contactAutomations": shown, "meta": meta | {"showcase_stats": []}})

    def read(self, request: Request) -> Reply:
        """Return one run."""
        row = self._run(request)
        if row is None:
            return missing("SubscriberSeries", request.match[1])
        return Reply(200, {"contactAutomation": self._dated(row)})

    def remove(self, request: Request) -> Reply:
        """Take a contact out of a run; an id that nobody has is refused with 403 here."""
        row = self._run(request)
        if row is None:
            return missing("SubscriberSeries", request.match[1], status=403)
        self._automations.remove(row)
        return Reply(200, {})

    def _run(self, request: Request) -> Row | None:
        return next((row for row in self._automations.runs() if row["id"] == request.match[1]), None)

    def list_of_contact(self, request: Request) -> Reply:
        """List the runs of one contact, those that have ended among them."""
        id_ = request.match[1]
        if id_ not in self._account.contacts:
            return missing("Subscriber", id_)
        counted = ("completedElements", "totalElements")
        rows = [
            self._dated(row) | {k: int(row[k]) for k in counted} | {"in_als": "0"}
            for row in self._account.runs_of.get(id_, {}).values()
        ]
        shown, _ = page(request, rows)
        return Reply(200, {"contactAutomations": shown})

    def count_entries(self, request: Request) -> Reply:
        """Return how often a contact has entered each automation."""
        id_ = request.match[1]
        if id_ not in self._account.contacts:
            return missing("Subscriber", id_)
        return Reply(200, {"automationEntryCounts": self._automations.entries_of(id_)})

    def _dated(self, row: Row) -> Row:
        """Return a run with the end that never came as this account shows it."""
        zero = None if self._account.switch("zero_dates") == "null" else "0000-00-00 00:00:00"
        return row | {"remdate": row["remdate"] or zero}
