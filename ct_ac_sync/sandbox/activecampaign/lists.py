"""Lists of an account, who is on them, and how that came."""

from collections.abc import Mapping
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, plain_stamps
from ct_ac_sync.sandbox.activecampaign.values import stamp

Row = dict[str, Any]

#: Status of a membership, by the enumeration of a client of the vendor's own.
UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED = "0", "1", "2", "3"
STATUSES = (UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED)

CHANNELS = ("email", "sms")
#: What a client says of somebody who is to come back (vendor documentation, Update list status).
RESUBSCRIBED = "4"
#: What a membership shows of how it was left.
FAREWELL = ("udate", "unsubreason", "campaign")

FLAGS = (
    "p_use_analytics_read", "p_use_analytics_link", "p_use_twitter", "p_use_facebook", "p_use_captcha",
    "private", "require_name", "get_unsubscribe_reason", "optinmessageid", "optoutconf",
)  # fmt: skip
TEXTS = (
    "analytics_source", "analytics_ua", "twitter_token", "twitter_token_secret", "sender_name",
    "sender_addr1", "sender_addr2", "sender_city", "sender_state", "sender_zip", "sender_country",
    "sender_phone", "fulladdress",
)  # fmt: skip
NOTHING = ("analytics_domains", "facebook_session", "deletestamp")


class Lists:
    """The lists of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, wanted: Row) -> Row:
        """Create a list."""
        row: Row = dict.fromkeys(FLAGS, "0") | dict.fromkeys(TEXTS, "") | dict.fromkeys(NOTHING)
        row |= {
            "id": self._account.next_id("list"), "name": str(wanted["name"]), "userid": "1", "user": "1",
            "stringid": str(wanted.get("stringid") or wanted["name"].lower().replace(" ", "-")),
            "sender_url": str(wanted.get("sender_url") or ""), "p_use_tracking": "1", "p_embed_image": "1",
            "sender_reminder": str(wanted.get("sender_reminder") or ""), "to_name": "Subscriber",
            "send_last_broadcast": "1" if wanted.get("send_last_broadcast") else "0", "optinoptout": "1",
            "carboncopy": wanted.get("carboncopy"), "channel": str(wanted.get("channel") or "email"),
            "subscription_notify": wanted.get("subscription_notify"),
            "unsubscription_notify": wanted.get("unsubscription_notify"),
            "cdate": stamp(), "udate": stamp(), "links": {}, **plain_stamps(),
        }  # fmt: skip
        self._account.lists[row["id"]] = row
        self._account.note("list_created", list=row["id"], name=row["name"], channel=row["channel"])
        return row

    def memberships(self) -> list[Row]:
        """Return who is or was on which list, by id."""
        rows = [row for held in self._account.memberships_of.values() for row in held.values()]
        return sorted(rows, key=lambda row: int(row["id"]))

    def has_left(self, contact: str, list_: str) -> bool:
        """Whether a contact has unsubscribed from a list."""
        row = self._account.memberships_of.get(contact, {}).get(list_)
        return row is not None and row["status"] == UNSUBSCRIBED

    def write(
        self, contact: str, list_: str, status: str, *, via: str, source: str | None = None, **shown: Any
    ) -> Row:
        """Set the status of a membership, which moves it from any status to any other; *shown* stays on it."""
        held = self._account.memberships_of.setdefault(contact, {})
        row = held[list_] = held.get(list_) or self._new(contact, list_)
        before = row["status"]
        row |= {"status": status, "updated_timestamp": plain_stamps()["updated_timestamp"]}
        row["sourceid"] = source or row["sourceid"]
        if status != before or self._account.switch("membership_again") == "dated":
            row |= self._dates(before, status, via)
        row |= shown
        if status != before:
            self._keep(row, before, via)
        return row

    def _dates(self, before: str | None, status: str, via: str) -> Row:
        """Return what a change shows as its moment."""
        if status in (UNSUBSCRIBED, BOUNCED):
            return {"udate": stamp()}
        is_dated = via != "import" or self._account.switch("imported_sdate") == "dated"
        is_back = before in (UNSUBSCRIBED, BOUNCED)
        is_cleared = is_back and self._account.switch("resubscribed_row") == "cleared"
        return {"sdate": stamp() if is_dated else None} | (dict.fromkeys(FAREWELL) if is_cleared else {})

    def _keep(self, row: Row, before: str | None, via: str) -> None:
        """Keep a change in the history of its contact, and in the log."""
        contact, list_ = self._account.contacts[row["contact"]], self._account.lists[row["list"]]
        change: Row = {
            "list": list_["id"], "name": list_["name"], "channel": list_["channel"],
            "before": before, "after": row["status"], "via": via, "sourceid": row["sourceid"],
        }  # fmt: skip
        if row["status"] == UNSUBSCRIBED:
            change |= {name: row[name] for name in ("unsubreason", "campaign")}
        self._account.histories.setdefault(contact["id"], []).append({"at": stamp(), **change})
        if self._account.switch("membership_moves_udate"):
            contact["udate"] = stamp()
        self._account.note("list_status", contact=contact["id"], email=contact["email"], **change)

    # -- what is refused, or passed over ----------------------------------------------

    def refusal(self, contact: Mapping[str, Any], list_: str) -> str | None:
        """Return why somebody cannot be subscribed to a list, where the account is strict."""
        account, row = self._account, self._account.lists[list_]
        is_mute = row["channel"] == "sms" and not contact["phone"]
        if is_mute and account.switch("sms_without_phone") == "refused":
            return "The contact has no phone number."
        if account.excludes(contact["email"], row) and account.switch("excluded_membership") == "refused":
            return "The contact is on the exclusion list."
        return None

    def passes_over(self, contact: str, list_: str, status: str, source: str) -> bool:
        """Whether a call is taken and changes nothing: it brings back who has left, and does not say so."""
        is_silent = self.has_left(contact, list_) and status == ACTIVE and source != RESUBSCRIBED
        return is_silent and bool(self._account.switch("resubscribe_without_source") == "passed_over")

    # -- groups and channels ----------------------------------------------------------

    def link(self, list_: str, group: str) -> Row:
        """Let a group of users see a list."""
        row: Row = {
            "list": int(list_),
            "group": int(group),
            "links": {},
            "id": self._account.next_id("listGroup"),
        }
        self._account.list_groups[row["id"]] = row
        self._account.note("list_linked", list=list_, group=group)
        return row

    def seen(self) -> list[Row]:
        """Return the lists that the key's user sees: perhaps not those that no group was linked to."""
        rows = list(self._account.lists.values())
        if self._account.switch("unlinked_list") == "seen":
            return rows
        linked = {str(row["list"]) for row in self._account.list_groups.values()}
        return [row for row in rows if row["id"] in linked]

    def active_on(self, list_: str) -> int:
        """Return how many are on a list now."""
        held = self._account.memberships_of.values()
        return sum(1 for rows in held if rows.get(list_, {}).get("status") == ACTIVE)

    def _new(self, contact: str, list_: str) -> Row:
        known = self._account.contacts[contact]
        empty = (
            "form",
            "unsubreason",
            "campaign",
            "message",
            "autosyncLog",
            "unsubscribeAutomation",
            "automation",
        )
        return dict.fromkeys(empty) | {
            "id": self._account.next_id("contactList"), "contact": contact, "list": list_, "status": None,
            "seriesid": "0", "sdate": None, "udate": None, "responder": "1", "sync": "0", "ip4Sub": "0",
            "first_name": known["firstName"], "last_name": known["lastName"], "sourceid": "0",
            "ip4_last": "0", "ip4Unsub": "0", "links": {}, **plain_stamps(),
        }  # fmt: skip
