"""Event tracking: whether it is on, which names there are, and what was tracked of whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault
from ct_ac_sync.sandbox.activecampaign.values import stamp

Row = dict[str, Any]

#: The longest name (vendor documentation), and the longest value that the vendor's example shows.
NAME_LENGTH = 32
VALUE_LENGTH = 250


class Events:
    """The tracked events of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        #: Somebody must switch tracking on first (vendor documentation).
        self.is_on = False
        self.names: list[str] = []

    def switch(self, *, is_on: bool) -> None:
        """Switch tracking on or off."""
        if is_on != self.is_on:
            self._account.note("event_tracking_switched", before=self.is_on, after=is_on)
        self.is_on = is_on

    def register(self, name: str, *, via: str) -> None:
        """Make a name known."""
        self.names.append(name)
        self._account.note("event_registered", name=name, via=via)

    def unregister(self, name: str) -> None:
        """Forget a name; what was tracked under it stays."""
        self.names.remove(name)
        self._account.note("event_unregistered", name=name)

    def track(self, email: str, name: str, value: str) -> str | None:
        """
        Track an event and start its automations; two alike are two.

        Returns:
            Why it is refused; None where it is taken, and where it is dropped in silence.
        """
        if not self.is_on:
            return "Event tracking is not enabled"
        if len(name) > NAME_LENGTH and self._account.switch("long_event_name") == "refused":
            return f"The event name is longer than {NAME_LENGTH} characters"
        name = name[:NAME_LENGTH]
        if not self._is_taken(name):
            return None
        contact = self._account.contact_of(email)
        if contact is None:
            way = self._account.switch("event_unknown_contact")
            if way == "dropped":
                return None
            if way == "refused" or address_fault(email):
                return "The contact does not exist"
            contact = self._account.create_contact(email, {}, via="event")
        self._append(contact, name, value[:VALUE_LENGTH])
        return None

    def _is_taken(self, name: str) -> bool:
        """Whether events of this name are taken; one nobody knows may become known by it."""
        if name in self.names:
            return True
        if self._account.switch("unregistered_event") == "dropped":
            return False
        self.register(name, via="event")
        return True

    def _append(self, contact: Row, name: str, value: str) -> None:
        id_ = self._account.next_id("trackingLog")
        row = {
            "id": id_, "subscriberid": contact["id"], "contact": contact["id"], "type": name, "value": value,
            "tstamp": stamp(), "hash": f"{int(id_):040x}", "links": {},
            "tracked_at": datetime.now(UTC),
        }  # fmt: skip
        self._account.events_of.setdefault(contact["id"], []).append(row)
        facts = {"contact": contact["id"], "name": name, "value": value}
        self._account.note("event_tracked", email=contact["email"], **facts)
        self._account.start_automation("event", order=None, source=None, **facts)

    def shown_of(self, contact: str) -> list[Row]:
        """Return a contact's log as far as it shows yet; which end comes first is not documented."""
        lag = timedelta(seconds=float(self._account.switch("tracking_log_seconds")))
        due = datetime.now(UTC) - lag
        rows = [_shown(r) for r in self._account.events_of.get(contact, []) if r["tracked_at"] <= due]
        return rows[::-1] if self._account.switch("tracking_log_order") == "newest" else rows

    def state(self) -> Row:
        """Return the names there are, and what was tracked of contacts that are still there, oldest first."""
        rows = [row for held in self._account.events_of.values() for row in held]
        return {
            "event_names": list(self.names),
            "events": [_shown(row) for row in sorted(rows, key=lambda row: int(row["id"]))],
        }


def _shown(row: Row) -> Row:
    return {k: v for k, v in row.items() if k != "tracked_at"}
