"""Lists of an account, and who is on them."""

from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, plain_stamps
from ct_ac_sync.sandbox.activecampaign.values import stamp

Row = dict[str, Any]

#: Status of a membership, by the enumeration of a client of the vendor's own.
UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED = "0", "1", "2", "3"
STATUSES = (UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED)

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

    def write(self, contact: str, list_: str, status: str, *, via: str, source: str = "0") -> Row:
        """Set the status of a membership, which moves it from any status to any other."""
        held = self._account.memberships_of.setdefault(contact, {})
        row = held.get(list_) or self._new(contact, list_)
        before = row["status"]
        row |= {
            "status": status,
            "sourceid": source,
            "updated_timestamp": plain_stamps()["updated_timestamp"],
        }
        row |= {"udate": stamp()} if status == UNSUBSCRIBED else {"sdate": stamp()}
        held[list_] = row
        if status != before:
            name = self._account.lists[list_]["name"]
            self._account.note(
                "list_status", contact=contact, list=list_, name=name, before=before, after=status, via=via
            )
        return row

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
