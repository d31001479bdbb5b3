"""
Control doors of the account.

How imports end, whom they pass over, how many contacts it takes and gives up; what people
do to its fields and automations by hand; and all that a contact has.
"""

from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.automations import ACTIVE, INACTIVE, Automations
from ct_ac_sync.sandbox.activecampaign.imports import ENDS, Imports
from ct_ac_sync.sandbox.service import Reply, Request, Service

LISTS = ("excluded", "bounced")
#: How a phrase of an exclusion is compared with an address (vendor documentation, Exclusions).
MATCHES = ("exact", "end")
#: What somebody can be excluded from (vendor documentation, Update an exclusion).
SCOPES = ("all", "allSms", "allEmail", "several")
#: What stands for a limit that is none, and what is said of it.
WRONG = -1
NO_LIMIT = "limit is a whole number, or null"
#: What a person changes of a field.
BY_HAND = ("perstag", "title", "type")
AUTOMATION = ("id", "name", "status")


class ControlDoors:
    """What tests and demo do to an account from outside."""

    def __init__(self, account: Account, imports: Imports, automations: Automations) -> None:
        self._account = account
        self._imports = imports
        self._automations = automations

    def add_to(self, service: Service) -> None:
        """Add the doors below ``/_sandbox``."""
        service.control("POST", "/imports/next", self.end_next)
        service.control("POST", "/exclusions", self.exclude)
        service.control("DELETE", "/exclusions", self.include_all)
        service.control("POST", "/contact_limit", self.limit)
        service.control("POST", "/delete_limit", self.limit_deletions)
        service.control("POST", "/automations", self.put_automation)
        service.control("GET", "/automations", self.list_automations)
        service.control("POST", "/automations/leave", self.leave_automation)
        service.control("GET", "/contact", self.show)
        service.control("POST", r"/fields/(\w+)", self.change_field)
        service.control("DELETE", r"/fields/(\w+)", self.delete_field)

    def end_next(self, request: Request) -> Reply:
        """
        Let the next imports end as told: ``{"end": "failed", "applied": 0.5, "times": 1}``.

        *applied* is the share of rows that take effect all the same, the first ones; *stuck*
        stays active for ever.  A completed import with a share below one has lost rows silently.
        """
        spec = request.json()
        faults = _faults_of(spec)
        if faults:
            return Reply(400, {"message": "; ".join(faults)})
        applied = float(spec.get("applied", ENDS[spec["end"]]))
        self._imports.ends.extend([(spec["end"], applied)] * spec.get("times", 1))
        return Reply(200, {"next": [{"end": end, "applied": share} for end, share in self._imports.ends]})

    def exclude(self, request: Request) -> Reply:
        """
        Put addresses on a list: ``{"addresses": ["a@b.c"], "list": "excluded"}``, or ``bounced``.

        Who is excluded is so from *scope*: ``all`` without, ``allSms``, ``allEmail``, or ``several``,
        which goes with the ids of *lists*.  With ``"match": "end"`` all addresses that end so are excluded.
        """
        spec = request.json()
        if faults := _exclusion_faults(spec, self._account):
            return Reply(400, {"message": "; ".join(faults)})
        for email in spec["addresses"]:
            key = str(email).strip().lower()
            if spec.get("list") == "bounced":
                self._account.bounced.add(key)
                continue
            known = self._account.excluded.get(key) or {"id": self._account.next_id("exclusion")}
            scope, lists = spec.get("scope", "all"), [str(id_) for id_ in spec.get("lists", [])]
            self._account.excluded[key] = known | {
                "channel": scope, "lists": lists, "matchType": spec.get("match", "exact"),
            }  # fmt: skip
        return Reply(200, self._lists())

    def include_all(self, request: Request) -> Reply:
        """Empty both lists."""
        del request
        self._account.excluded.clear()
        self._account.bounced.clear()
        return Reply(200, self._lists())

    def _lists(self) -> dict[str, list[str]]:
        return {"excluded": sorted(self._account.excluded), "bounced": sorted(self._account.bounced)}

    def limit(self, request: Request) -> Reply:
        """Set how many contacts the account takes: ``{"limit": 100}``, or null for any number."""
        limit = _limit_of(request)
        if limit == WRONG:
            return Reply(400, {"message": NO_LIMIT})
        self._account.contact_limit = limit
        return Reply(200, {"limit": limit, "contacts": len(self._account.contacts)})

    def limit_deletions(self, request: Request) -> Reply:
        """Set how many more contacts may be deleted this month: ``{"limit": 10}``, or null for any number."""
        limit = _limit_of(request)
        if limit == WRONG:
            return Reply(400, {"message": NO_LIMIT})
        self._account.deletions_left = limit
        return Reply(200, {"limit": limit})

    # -- by hand ----------------------------------------------------------------------

    def put_automation(self, request: Request) -> Reply:
        """
        Make an automation, or change the one of this id: ``{"id": "12", "name": "Welcome", "status": 1}``.

        Status 1 is active and 2 inactive; without an id it is a new one.
        """
        wanted = request.json()
        if not isinstance(wanted, dict) or set(wanted) - set(AUTOMATION):
            return Reply(400, {"message": f"an automation has {', '.join(AUTOMATION)}"})
        if str(wanted.get("status", 1)) not in (ACTIVE, INACTIVE):
            return Reply(400, {"message": f"status is 1 or 2, not {wanted['status']!r}"})
        if not str(wanted.get("id", 1)).isdigit():
            return Reply(400, {"message": f"id is a number, not {wanted['id']!r}"})
        return Reply(200, self._automations.put(wanted))

    def list_automations(self, request: Request) -> Reply:
        """Return all automations."""
        del request
        return Reply(200, {"automations": list(self._automations.rows.values())})

    def leave_automation(self, request: Request) -> Reply:
        """Let a contact come to the end of an automation: ``{"contact": "1", "automation": "12"}``."""
        spec = request.json()
        spec = spec if isinstance(spec, dict) else {}
        left = self._automations.leave(str(spec.get("contact")), str(spec.get("automation")))
        if not left:
            return Reply(404, {"message": "this contact does not run through this automation"})
        return Reply(200, {"left": left})

    def show(self, request: Request) -> Reply:
        """
        Show a contact by its address (``?email=``) with fields, tags and lists.

        *unshown* are perstags whose value is stored and not shown on the contact's page.
        """
        contact = self._account.contact_of(request.first("email") or "")
        if contact is None:
            return Reply(404, {"message": f"nobody has the address {request.first('email')!r}"})
        return Reply(200, self._account.whole(contact))

    def change_field(self, request: Request) -> Reply:
        """Change a field by its perstag as somebody would by hand: ``{"perstag": "NEW", "title": "New"}``."""
        field, wanted = self._field(request), request.json()
        if field is None:
            return Reply(404, {"message": f"no field {request.match[1]}"})
        if not isinstance(wanted, dict) or not wanted or set(wanted) - set(BY_HAND):
            return Reply(400, {"message": f"what is changed is some of {', '.join(BY_HAND)}"})
        self._account.change_field(field, wanted)
        return Reply(200, field)

    def delete_field(self, request: Request) -> Reply:
        """Delete a field by its perstag, with its values."""
        field = self._field(request)
        if field is None:
            return Reply(404, {"message": f"no field {request.match[1]}"})
        self._account.delete_field(field)
        return Reply(200, field)

    def _field(self, request: Request) -> dict[str, Any] | None:
        rows = self._account.fields.values()
        return next((row for row in rows if row["perstag"] == request.match[1]), None)


def _limit_of(request: Request) -> int | None:
    """Return the limit that a call gives, None for any number, WRONG for what is no limit."""
    spec = request.json()
    limit = spec.get("limit", WRONG) if isinstance(spec, dict) else WRONG
    return limit if limit is None or (isinstance(limit, int) and limit >= 0) else WRONG


def _exclusion_faults(spec: Any, account: Account) -> list[str]:
    if not isinstance(spec, dict):
        return ["what is excluded is a JSON object"]
    known, scope, lists = (
        {"addresses", "list", "match", "scope", "lists"},
        spec.get("scope"),
        spec.get("lists", []),
    )
    faults = [f"unknown key {name!r}" for name in sorted(set(spec) - known)]
    if not isinstance(spec.get("addresses"), list) or spec.get("list", "excluded") not in LISTS:
        faults.append(f"addresses is a list, and list is one of {', '.join(LISTS)}")
    if scope is not None and (scope not in SCOPES or spec.get("list") == "bounced"):
        faults.append(f"scope is one of {', '.join(SCOPES)}, of who is excluded")
    if spec.get("match", "exact") not in MATCHES:
        faults.append(f"match is one of {', '.join(MATCHES)}")
    if not isinstance(lists, list) or [id_ for id_ in lists if str(id_) not in account.lists]:
        faults.append("lists are ids of lists that there are")
    if bool(lists) is not (scope == "several"):
        faults.append("lists go with the scope several, and with no other")
    return faults


def _faults_of(spec: Any) -> list[str]:
    if not isinstance(spec, dict):
        return ["what the next import does is a JSON object"]
    faults = [f"unknown key {name!r}" for name in sorted(set(spec) - {"end", "applied", "times"})]
    if spec.get("end") not in ENDS:
        faults.append(f"end is one of {', '.join(ENDS)}, not {spec.get('end')!r}")
    applied = spec.get("applied", 0)
    if not isinstance(applied, int | float) or not 0 <= applied <= 1:
        faults.append(f"applied is a share between 0 and 1, not {applied!r}")
    times = spec.get("times", 1)
    if not isinstance(times, int) or times < 1:
        faults.append(f"times is a whole number of at least 1, not {times!r}")
    return faults
