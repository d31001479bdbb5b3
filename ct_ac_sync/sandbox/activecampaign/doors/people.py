"""Control doors through which people act by themselves, and their histories are read."""

from collections.abc import Mapping

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.doors.answers import Row
from ct_ac_sync.sandbox.activecampaign.lists import UNCONFIRMED, Lists
from ct_ac_sync.sandbox.activecampaign.people import ON, People
from ct_ac_sync.sandbox.service import Reply, Request, Service

#: Act → what may be said of it beside address and act.
KEYS: Mapping[str, tuple[str, ...]] = {
    "unsubscribe": ("list", "reason", "campaign", "by"),
    "subscribe": ("list", "double", "by"),
    "confirm": ("list",),
    "bounce": ("campaign",),
    "stop": ("list", "reason"),
}
KINDS: Mapping[str, tuple[type, ...]] = {
    "list": (str, int), "reason": (str,), "campaign": (str, int), "double": (bool,), "by": (str,),
}  # fmt: skip
BY = ("person", "admin")
#: The group of users that is there from the beginning.
EVERYBODY = "1"


class PeopleDoors:
    """What people do to their memberships, and what they did."""

    def __init__(self, account: Account, people: People) -> None:
        self._account = account
        self._people = people

    def add_to(self, service: Service) -> None:
        """Add the doors below ``/_sandbox``."""
        service.control("POST", "/lists/act", self.act)
        service.control("GET", "/lists/history", self.history)
        service.control("POST", "/lists", self.make)

    def act(self, request: Request) -> Reply:
        """
        Let somebody act: ``{"email": "a@b.c", "act": "unsubscribe", "list": "News", "reason": "too many"}``.

        A list goes by its name or id.  Acts are *unsubscribe* by the link of a campaign (*campaign*
        is its id, ``1`` without), from all e-mail lists where none is named; *subscribe* by a form,
        which makes who is not there, and leaves them unconfirmed where it is *double*; *confirm*;
        *bounce*, hard; *stop* in answer to an SMS, on all SMS lists where none is named.  With
        ``"by": "admin"`` somebody in the account subscribes or unsubscribes them.
        """
        spec = request.json()
        spec = dict(spec) if isinstance(spec, dict) else {}
        if "list" in spec:
            spec["list"] = self._list(spec["list"])
        if faults := self._faults_of(spec):
            return Reply(400, {"message": "; ".join(faults)})
        self._people.acts[spec["act"]]({"by": "person"} | spec)
        contact = self._account.contact_of(spec["email"]) or {}
        return Reply(200, {"contact": contact["id"], "lists": self._account.lists_of(contact["id"])})

    def make(self, request: Request) -> Reply:
        """Make a list as somebody in the account would, for all to see: ``{"name": "News", "channel": "email"}``."""
        spec = request.json()
        spec = spec if isinstance(spec, dict) else {}
        is_known = spec.get("channel", "email") in ("email", "sms")
        if not isinstance(spec.get("name"), str) or not is_known or set(spec) - {"name", "channel"}:
            return Reply(400, {"message": "a list has a name, and channel is email or sms"})
        lists = Lists(self._account)
        row = lists.create(spec)
        lists.link(row["id"], EVERYBODY)
        return Reply(200, row)

    def history(self, request: Request) -> Reply:
        """Return what became of a contact's memberships (``?email=``), oldest first; ``?list=`` narrows."""
        contact = self._account.contact_of(request.first("email") or "")
        if contact is None:
            return Reply(404, {"message": f"nobody has the address {request.first('email')!r}"})
        rows = self._account.histories.get(contact["id"], [])
        if name := request.first("list"):
            rows = [row for row in rows if row["list"] == self._list(name)]
        return Reply(200, {"history": rows})

    def _list(self, given: object) -> str | None:
        """Return the id of a list that goes by its name or id."""
        rows = self._account.lists.values()
        return next((row["id"] for row in rows if str(given) in (row["id"], row["name"])), None)

    def _faults_of(self, spec: Row) -> list[str]:
        act, email = spec.get("act"), spec.get("email")
        if not isinstance(act, str) or act not in KEYS:
            return [f"act is one of {', '.join(KEYS)}, not {act!r}"]
        faults = [f"{act} has no {name}" for name in sorted(set(spec) - {"act", "email", *KEYS[act]})]
        if not isinstance(email, str) or not self._people.can_be(email):
            faults.append(f"email is an address, not {email!r}")
        elif act != "subscribe" and self._account.contact_of(email) is None:
            faults.append(f"nobody has the address {email!r}")
        faults += [
            f"{name} is a {kinds[0].__name__}, not {spec[name]!r}"
            for name, kinds in KINDS.items()
            if name in spec and name != "list" and not isinstance(spec[name], kinds)
        ]
        if spec.get("by", "person") not in BY:
            faults.append(f"by is one of {', '.join(BY)}, not {spec['by']!r}")
        return faults + self._list_faults(spec)

    def _list_faults(self, spec: Row) -> list[str]:
        """Return what is wrong with the list of an act."""
        act, list_ = spec["act"], spec.get("list")
        if "list" not in spec:
            return [f"{act} names a list"] if act in ("subscribe", "confirm") else []
        if list_ is None:
            return ["there is no such list"]
        if act == "stop" and self._account.lists[list_]["channel"] != "sms":
            return ["stop is for SMS lists"]
        status = self._people.status(str(spec.get("email")), list_)
        if act in ("unsubscribe", "stop") and status not in ON:
            return ["nobody leaves a list without being on it"]
        if act == "confirm" and status != UNCONFIRMED:
            return ["there is nothing to confirm"]
        return []
