"""The doors of bulk imports, and of the list of excluded addresses that they obey."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault, is_address
from ct_ac_sync.sandbox.activecampaign.doors.answers import API, Routes, Row, filtered, page
from ct_ac_sync.sandbox.activecampaign.imports import Imports
from ct_ac_sync.sandbox.service import Reply, Request

IMPORT_ROWS = 250
IMPORT_BYTES = 399_999
IMPORTS_A_MINUTE = 100
SINGLE_IMPORTS_A_MINUTE = 20
#: Both texts are the vendor's own, quotation marks included.
INVALID = "JSON payload did not pass validation. Please fix failure Reasons and retry. The import was not queued for processing."
BAD_EMAIL = "Field‘ email’ incorrect format"  # noqa: RUF001


class ImportDoors:
    """Endpoints over the imports of an account."""

    def __init__(self, account: Account, imports: Imports) -> None:
        self._account = account
        self._imports = imports
        self._asked: deque[tuple[float, bool]] = deque()

    def routes(self) -> Routes:
        """Return the doors."""
        return (
            ("POST", f"{API}/import/bulk_import", "import_contacts", self.queue),
            ("GET", f"{API}/import/bulk_import", "list_imports", self.list_imports),
            ("GET", f"{API}/import/info", "read_import", self.read),
            ("GET", f"{API}/lists/exclusions", "list_exclusions", self.list_exclusions),
            ("GET", rf"{API}/lists/exclusions/(\d+)", "read_exclusion", self.read_exclusion),
        )

    def queue(self, request: Request) -> Reply:
        """Queue a bulk import; one bad row refuses all of it, and nothing is queued."""
        body = request.json()
        rows = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not rows:
            return _refused(["contacts is required"])
        allowed = SINGLE_IMPORTS_A_MINUTE if len(rows) == 1 else IMPORTS_A_MINUTE
        if self._is_over_limit(allowed, is_single=len(rows) == 1):
            return _refused([_over(allowed)], message="Rate limit exceeded.")
        if len(request.raw) > IMPORT_BYTES or len(rows) > IMPORT_ROWS:
            return _refused([f"at most {IMPORT_ROWS} contacts and {IMPORT_BYTES} bytes"])
        is_strict = self._account.switch("import_address_faults") == "refused"
        faults = [
            {"contact": number, "failureReason": fault}
            for number, row in enumerate(rows, 1)
            if (fault := _row_fault(row, is_strict=is_strict))
        ]
        if faults:
            return _refused(faults)
        quiet = bool(body.get("exclude_automations"))
        batch = self._imports.queue(rows, is_quiet_at_top=quiet, call=request.call)
        answer = {"queued_contacts": len(rows), "batchId": batch, "message": "Contact import queued"}
        return Reply(200, {self._account.switch("import_success_key"): 1, **answer})

    def _is_over_limit(self, allowed: int, *, is_single: bool) -> bool:
        moment = time.monotonic()
        while self._asked and self._asked[0][0] <= moment - 60:
            self._asked.popleft()
        self._asked.append((moment, is_single))
        return sum(1 for _, single in self._asked if single == is_single) > allowed

    def list_imports(self, request: Request) -> Reply:
        """Count the imports that are outstanding, and those done lately, by day."""
        del request
        return Reply(200, self._imports.by_day())

    def read(self, request: Request) -> Reply:
        """Return how far an import is; false for its first second."""
        id_ = request.first("batchId")
        if not id_:
            return Reply(400, {"success": 0, "message": "'batchId' is a required field."})
        found = self._imports.info(id_)
        return Reply(200, found) if found else Reply(400, {"success": 0, "message": "batchId is not known."})

    # -- exclusions -------------------------------------------------------------------

    def _exclusions(self) -> Sequence[Row]:
        return [
            {
                "id": row["id"],
                "matchPhrase": phrase,
                "matchType": row["matchType"],
                "channel": row["channel"],
                "hidden": False,
                "lists": row["lists"],
            }
            for phrase, row in self._account.excluded.items()
        ]

    def list_exclusions(self, request: Request) -> Reply:
        """List excluded addresses; here the total is a number."""
        rows = filtered(request, self._exclusions(), contains=True)
        shown, _ = page(request, rows)
        return Reply(200, {"exclusions": shown, "meta": {"total": len(rows)}})

    def read_exclusion(self, request: Request) -> Reply:
        """Return one excluded address, without an envelope."""
        id_ = request.match[1]
        row = next((each for each in self._exclusions() if each["id"] == id_), None)
        return Reply(200, row) if row else Reply(404, {"message": f"Exclusion not found [id={id_}]"})


def _refused(reasons: Sequence[Any], *, message: str = INVALID) -> Reply:
    return Reply(400, {"success": 0, "message": message, "failureReasons": list(reasons)})


def _over(allowed: int) -> str:
    return (
        f"Up to {allowed} imports may be requested per minute."
        "Please batch contacts into larger requests, or retry this request in a minute."
    )


def _row_fault(row: Any, *, is_strict: bool) -> str | None:
    if not isinstance(row, dict) or not row.get("email"):
        return "The contact has no email address"
    if not is_address(row["email"]) or (is_strict and address_fault(row["email"])):
        return BAD_EMAIL
    fields = row.get("fields") or []
    if not isinstance(fields, list) or not all(_is_value(each) for each in fields):
        return "Each field needs an integer id and a string value"
    return None


def _is_value(each: Any) -> bool:
    return isinstance(each, dict) and isinstance(each.get("id"), int) and isinstance(each.get("value"), str)
