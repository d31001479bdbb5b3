"""
Look-alikes of which the account's clock can be put ahead, as the shop's and the database's can.

What a history of consent is about is which of two systems was told something first, and by more than
a grace of seconds: with clocks that go on together, hours of it pass in a moment.
"""

from datetime import UTC, datetime, timedelta

import look_alikes

from ct_ac_sync.sandbox import service
from ct_ac_sync.sandbox.activecampaign import __main__ as account
from ct_ac_sync.sandbox.activecampaign import lists, values
from ct_ac_sync.sandbox.service import Reply, Request


class Clock:
    """The account's clock; *ahead* of this machine's."""

    def __init__(self) -> None:
        """Begin with the right time."""
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return its time."""
        return datetime.now(UTC) + self.ahead

    def put(self, request: Request) -> Reply:
        """Put it ahead: ``{"ahead_seconds": 60}``."""
        self.ahead = timedelta(seconds=float(request.json()["ahead_seconds"]))
        return Reply(200, {"ahead_seconds": self.ahead.total_seconds()})


CLOCK = Clock()


class GoingAccount(account.ActiveCampaign):
    """An account with a door at which its clock is put ahead."""

    def _add_control_doors(self) -> None:
        super()._add_control_doors()
        self.control("POST", "/clock", CLOCK.put)


def main() -> None:
    """Fork look-alikes off this process, in which memberships and logs go by that clock."""
    lists.stamp = lambda: values.stamp(CLOCK.now())
    service.now_text = lambda: CLOCK.now().isoformat(timespec="milliseconds")
    account.ActiveCampaign = GoingAccount
    look_alikes.main()


if __name__ == "__main__":
    main()
