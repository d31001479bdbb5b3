"""People who act by themselves: they leave lists, come back by forms, bounce, and answer STOP."""

from collections.abc import Callable
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, is_address
from ct_ac_sync.sandbox.activecampaign.lists import ACTIVE, BOUNCED, UNCONFIRMED, UNSUBSCRIBED, Lists

Row = dict[str, Any]

ON = (UNCONFIRMED, ACTIVE)
#: 127.0.0.1, as a number.
ADDRESS = "2130706433"
#: What forms leave as ``sourceid``, by the vendor's examples.
FORM_SOURCE = "1"
FORM = "1"


class People:
    """What people do to their memberships; *wanted* is what a control door was told."""

    def __init__(self, account: Account, lists: Lists) -> None:
        self._account = account
        self._lists = lists
        self.acts: dict[str, Callable[[Row], None]] = {
            "unsubscribe": self._unsubscribe, "subscribe": self._subscribe, "confirm": self._confirm,
            "bounce": self._bounce, "stop": self._stop,
        }  # fmt: skip

    def status(self, email: str, list_: str) -> str | None:
        """Return the status of a membership; None where there was never one."""
        contact = self._account.contact_of(email)
        row = self._account.memberships_of.get(contact["id"], {}).get(list_) if contact else None
        return str(row["status"]) if row else None

    def can_be(self, email: object) -> bool:
        """Whether a form takes this as an address."""
        return is_address(email)

    def _unsubscribe(self, wanted: Row) -> None:
        """Leave a list by the link in a campaign, or all e-mail lists; an admin does it in the account."""
        shown: Row = {"unsubreason": wanted.get("reason")}
        if wanted["by"] == "person":
            shown |= {"campaign": str(wanted.get("campaign", 1)), "ip4Unsub": ADDRESS, "ip4_last": ADDRESS}
        for list_ in self._chosen(wanted, "email", ON):
            self._write(wanted, list_, UNSUBSCRIBED, wanted["by"], **shown)

    def _subscribe(self, wanted: Row) -> None:
        """Come to a list by a form, at once or once it is confirmed; an admin does it in the account."""
        if self._account.contact_of(wanted["email"]) is None:
            self._account.create_contact(wanted["email"], {}, via="form")
        if wanted["by"] == "admin":
            self._write(wanted, wanted["list"], ACTIVE, "admin")
            return
        is_waiting = wanted.get("double") and self.status(wanted["email"], wanted["list"]) != ACTIVE
        status = UNCONFIRMED if is_waiting else ACTIVE
        shown = {"form": FORM, "ip4Sub": ADDRESS, "ip4_last": ADDRESS}
        self._write(wanted, wanted["list"], status, "form", source=FORM_SOURCE, **shown)

    def _confirm(self, wanted: Row) -> None:
        """Follow the link of a form's confirmation mail."""
        self._write(wanted, wanted["list"], ACTIVE, "form", source=FORM_SOURCE, ip4_last=ADDRESS)

    def _bounce(self, wanted: Row) -> None:
        """Bounce hard: on every e-mail list, and for imports from now on."""
        contact = self._contact(wanted)
        self._account.bounced.add(contact["email"].lower())
        from_ = (*ON, UNSUBSCRIBED) if self._account.switch("bounce_over_unsubscribed") else ON
        lists = self._chosen(wanted, "email", from_)
        for list_ in lists:
            self._write(wanted, list_, BOUNCED, "system")
        campaign = str(wanted.get("campaign", 1))
        self._account.note(
            "contact_bounced", contact=contact["id"], email=contact["email"], lists=lists, campaign=campaign,
            via="system",
        )  # fmt: skip

    def _stop(self, wanted: Row) -> None:
        """Answer STOP to a text message: leave an SMS list, or all of them."""
        contact, lists = self._contact(wanted), self._chosen(wanted, "sms", ON)
        for list_ in lists:
            self._write(wanted, list_, UNSUBSCRIBED, "sms", unsubreason=wanted.get("reason"))
        self._account.note(
            "sms_stopped", contact=contact["id"], email=contact["email"], lists=lists, via="sms"
        )

    def _chosen(self, wanted: Row, channel: str, statuses: tuple[str, ...]) -> list[str]:
        """Return the list that is named, else all of a channel whose membership has one of these statuses."""
        if wanted.get("list"):
            return [wanted["list"]]
        held = self._account.memberships_of.get(self._contact(wanted)["id"], {})
        return [
            id_
            for id_, row in held.items()
            if row["status"] in statuses and self._account.lists[id_]["channel"] == channel
        ]

    def _write(self, wanted: Row, list_: str, status: str, via: str, **shown: Any) -> None:
        self._lists.write(self._contact(wanted)["id"], list_, status, via=via, **shown)

    def _contact(self, wanted: Row) -> Row:
        contact = self._account.contact_of(wanted["email"])
        if contact is None:
            raise AssertionError("the door has looked whether the contact is there")
        return contact
