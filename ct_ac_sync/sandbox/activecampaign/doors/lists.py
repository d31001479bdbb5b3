"""The doors of lists, of who is on them, and of who may see them."""

from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.doors import shapes
from ct_ac_sync.sandbox.activecampaign.doors.answers import (
    API,
    Routes,
    Row,
    compared,
    error,
    filtered,
    missing,
    page,
    part,
    ranked,
)
from ct_ac_sync.sandbox.activecampaign.lists import ACTIVE, CHANNELS, STATUSES, Lists
from ct_ac_sync.sandbox.service import Reply, Request

REQUIRED = ("name", "stringid", "sender_url", "sender_reminder")
CREATED = ("name", "stringid", "cdate", "udate", "links", "id")
#: The groups of users that every account has.
GROUPS = ("1", "2", "3")
#: What only lists show of a membership, or only those of one contact.
UNSHOWN = ("created_timestamp", "updated_timestamp", "created_by", "updated_by", "udate")


class ListDoors:
    """Endpoints over the lists of an account."""

    def __init__(self, account: Account, lists: Lists) -> None:
        self._account = account
        self._lists = lists

    def routes(self) -> Routes:
        """Return the doors."""
        return (
            ("GET", f"{API}/lists", "list_lists", self.list_lists),
            ("POST", f"{API}/lists", "create_list", self.create),
            ("GET", rf"{API}/lists/(\d+)", "read_list", self.read),
            ("POST", f"{API}/listGroups", "link_list", self.link),
            ("GET", f"{API}/sms/lists", "list_sms_lists", self.list_sms_lists),
            ("GET", f"{API}/contactLists", "list_memberships", self.list_memberships),
            ("POST", f"{API}/contactLists", "write_membership", self.write),
            ("GET", rf"{API}/contacts/(\d+)/contactLists", "list_contact_lists", self.list_of_contact),
        )

    def list_lists(self, request: Request) -> Reply:
        """List lists."""
        contains = self._account.switch("filters_match") == "contains"
        rows = filtered(request, self._lists.seen(), contains=contains)
        found = compared(request, rows, "name", "name")
        shown, meta = page(request, ranked(request, found, "name", "name"))
        return Reply(200, {"lists": shown, "meta": meta})

    def create(self, request: Request) -> Reply:
        """Create a list."""
        wanted = part(request, "list")
        if wanted.get("channel", "email") not in CHANNELS or not all(wanted.get(name) for name in REQUIRED):
            return Reply(400, {})
        row = self._lists.create(wanted)
        return Reply(200, {"list": {k: row[k] for k in CREATED}})

    def read(self, request: Request) -> Reply:
        """Return one list."""
        row = self._account.lists.get(request.match[1])
        return Reply(200, {"list": row}) if row else missing("_List", request.match[1])

    def link(self, request: Request) -> Reply:
        """Let a group see a list that was made here; until then users and keys may not see it."""
        wanted = part(request, "listGroup")
        list_, group = str(wanted.get("listid")), str(wanted.get("groupid"))
        if list_ not in self._account.lists or group not in GROUPS:
            return Reply(403, {"message": "Forbidden"})
        return Reply(201, {"listGroup": self._lists.link(list_, group)})

    def list_sms_lists(self, request: Request) -> Reply:
        """List the SMS lists with how many are on them now; here ids and total are numbers."""
        contains = self._account.switch("filters_match") == "contains"
        rows = [row for row in self._lists.seen() if row["channel"] == "sms"]
        shown, meta = page(request, filtered(request, rows, contains=contains))
        lists = [
            {"id": int(r["id"]), "name": r["name"], "subscriber_count": self._lists.active_on(r["id"])}
            for r in shown
        ]
        return Reply(200, {"lists": lists, "meta": {"total": int(meta["total"])}})

    # -- who is on them ---------------------------------------------------------------

    def list_memberships(self, request: Request) -> Reply:
        """List who is or was on which list."""
        shown, meta = page(request, filtered(request, self._lists.memberships(), contains=False))
        return Reply(200, {"contactLists": shown, "meta": meta})

    def list_of_contact(self, request: Request) -> Reply:
        """Return the memberships of one contact, those that have ended among them."""
        id_ = request.match[1]
        if id_ not in self._account.contacts:
            return missing("Subscriber", id_)
        return Reply(200, {"contactLists": list(self._account.memberships_of.get(id_, {}).values())})

    def write(self, request: Request) -> Reply:
        """
        Set the status of a membership.

        It brings back whoever has left, by their own will even: the vendor's documentation
        warns of it, asks for ``sourceid`` 4, and says not what comes of a call without.
        """
        wanted = part(request, "contactList")
        contact = self._account.contacts.get(str(wanted.get("contact")))
        list_, status = str(wanted.get("list")), str(wanted.get("status"))
        if contact is None or list_ not in self._account.lists:
            return Reply(400, {})
        if status not in STATUSES:
            return Reply(422, {"errors": [{"title": "The status is not valid.", "detail": ""}]})
        refusal = self._lists.refusal(contact, list_) if status == ACTIVE else None
        if refusal:
            return error(422, refusal)
        source = str(wanted.get("sourceid") or 0)
        if self._lists.passes_over(contact["id"], list_, status, source):
            row = self._account.memberships_of[contact["id"]][list_]
        else:
            row = self._lists.write(contact["id"], list_, status, via="api", source=source)
        return Reply(200, {"contacts": [shapes.full(self._account, contact)], "contactList": _written(row)})


def _written(row: Row) -> dict[str, Any]:
    """Return a membership as a change answers it: its status is a number there."""
    return {k: v for k, v in row.items() if k not in UNSHOWN} | {"status": int(row["status"])}
