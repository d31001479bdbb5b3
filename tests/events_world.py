"""A product that tells of everything, between a shop that logs what happens and an account that logs what it is told."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from configurations import NUMBER, PROFILE, SHOP, route
from world import World

from ct_ac_sync.sandbox.event_judge import Asked, Verdict, compare, tracked

KINDS = (
    "signed_up", "list_item_added", "cart_created", "cart_updated", "checkout_address", "checkout_shipping",
    "checkout_payment",
    "cart_abandoned", "cart_recovered", "order_placed", "order_confirmed", "order_completed",
    "order_cancelled", "paid", "payment_failed", "shipped", "delivered", "return_requested",
    "return_received", "refunded", "chargeback",
)  # fmt: skip

#: A template is empty where one of its paths is.
VALUE, BARE = "{event.key} {event.amount} {event.currency} {event.at}", "{event.key} {event.at}"
WITHOUT_AMOUNT = frozenset(
    {
        "signed_up",
        "list_item_added",
        "order_confirmed",
        "order_completed",
        "shipped",
        "delivered",
        "return_requested",
        "return_received",
    }
)
WELCOME, REMINDER = "12", "13"
IDLE = timedelta(minutes=1)
#: How far the clocks are behind at first.
BEHIND = timedelta(hours=3)
#: Of which the account is told more than that they happened.
BESIDES = {
    "order_placed": (
        f'automation = {WELCOME}\ntags = ["bought", {{ name = "recent buyer", days = 30 }}]\n'
        'ecommerce = "real_time"\n'
    ),
    "cart_abandoned": f'automation = {{ id = {REMINDER}, reentry = "never" }}\necommerce = "real_time"\n',
    "refunded": 'tags = ["refunded"]\nfields = { CT_LAST_REFUND = "{event.amount}" }\n',
}

EVENT_HOST = """
event_url_env = "AC_EVENT_URL"
event_actid_env = "AC_EVENT_ACTID"
event_key_env = "AC_EVENT_KEY"
"""

TAGS = """
[tags]
owned = ["recent "]
"""

REFUND = """
[[fields]]
perstag = "CT_LAST_REFUND"
title = "Last refund"
"""

CARTS = """
[carts]
idle_minutes = 1

[carts.idle_minutes_of]
ch = 30
"""


def events_of(kinds: Iterable[str] = KINDS) -> str:
    """Return rules that track *kinds*, each under its own name, with what else follows of some."""
    return "".join(
        f'\n[[events]]\non = "{kind}"\ntracking = {{ name = "{kind}", value = "{BARE if kind in WITHOUT_AMOUNT else VALUE}" }}\n{BESIDES.get(kind, "")}'
        for kind in kinds
    )


#: Everything is told to one account.
EVERYTHING = SHOP + EVENT_HOST + route("all", "main") + PROFILE + NUMBER + TAGS + REFUND + CARTS + events_of()


def access(account: str) -> dict[str, str]:
    """Return what opens the event host of the look-alike at an address."""
    return {
        "AC_EVENT_URL": f"{account}/event", "AC_EVENT_ACTID": "1234567", "AC_EVENT_KEY": "sandbox-event-key",
        "CT_AC_SYNC_EVENT_INTERVAL_SECONDS": "0.01",
    }  # fmt: skip


class EventWorld:
    """
    A product with its shop and its account.

    The clocks of shop and database begin hours behind and go on together, so that nothing happens
    after the account's own time.

    Attributes:
        has_messages: Whether the shop tells messages, and so exact times.
    """

    def __init__(self, world: World, *, has_messages: bool = True) -> None:
        """Begin: the automations are there, and what is in the shop by now is past."""
        self.world = world
        self.shop, self.account = world.shop, world.account
        self.has_messages = has_messages
        self._polls: list[datetime] = []
        self.shop.ask("messages", {"enabled": has_messages})
        for id_, name in ((WELCOME, "Welcome"), (REMINDER, "Reminder")):
            self.account.ask("automations", {"id": id_, "name": name, "status": 1})
        self.sync()

    def do(self, kind: str, **given: Any) -> dict[str, Any]:
        """Let one thing happen, a moment later than what was before; queries see it at once."""
        self.pass_time(timedelta(seconds=2))
        return self.shop.do(kind, **{"visible_after_seconds": 0} | given)

    def pass_time(self, span: timedelta) -> None:
        """Let both the shop's and the database's clock go on."""
        self.world.pass_time(span)
        self.shop.ask("switches", {"ahead_seconds": self._ahead.total_seconds()})

    @property
    def _ahead(self) -> timedelta:
        """How far the clocks go ahead of the account's."""
        shift: timedelta = self.world.sql("SELECT shift FROM clock")[0]["shift"]
        return shift

    def sync(self) -> None:
        """Read all there is a moment later, and tell and deliver all that follows."""
        self.read()
        self.world.drain()

    def read(self) -> None:
        """Read all there is a moment later, and tell of what happened."""
        self.pass_time(timedelta(seconds=2))
        self.world.read()
        self.world.box.dispatch.tick()
        self._polls.append(datetime.now(UTC) + self._ahead)

    def deliver(self) -> None:
        """Deliver some rounds of what is due, and leave what waits for a human."""
        for _ in range(5):
            self.world.box.dispatch.tick()
            self.world.deliver_due()
            self.pass_time(timedelta(seconds=1))

    def happened(self, *whats: str) -> list[dict[str, Any]]:
        """Return what the shop says happened, of these kinds or of all."""
        rows: list[dict[str, Any]] = self.shop.ask("happened")
        return [row for row in rows if not whats or row["what"] in whats]

    def told(self, *kinds: str) -> list[tuple[str, str]]:
        """Return kind and key of what the account was told of, in its order, of these kinds or of all."""
        return [
            (each.kind, each.key) for each in tracked(self.account.log()) if not kinds or each.kind in kinds
        ]

    def entered(self, automation: str) -> list[str]:
        """Return who entered an automation."""
        rows = self.account.log("automation_entered")
        return [row["email"] for row in rows if row["automation"] == automation]

    def judge(self, **otherwise: Any) -> Verdict:
        """Return what is wrong with what the account was told."""
        asked: dict[str, Any] = {
            "kinds": frozenset(KINDS), "polls": tuple(self._polls), "is_exact": self.has_messages,
            "idle": IDLE, "idle_of": {"ch": timedelta(minutes=30)},
            "automations": {"order_placed": WELCOME, "cart_abandoned": REMINDER},
            "never": frozenset({REMINDER}), "has_carts": True, "is_real_time": True,
        }  # fmt: skip
        return compare(self.happened(), self.account.log(), Asked(**asked | otherwise))

    def assert_told(self, *kinds: str, **otherwise: Any) -> None:
        """Fail unless what happened was told one to one, and each of *kinds* was among it."""
        verdict = self.judge(**otherwise)
        assert verdict.is_right, f"\n{verdict}"
        missing = [kind for kind in kinds if not verdict.compared.get(kind)]
        assert not missing, f"nothing of the kind happened: {missing}"


def put_back(database: str) -> None:
    """Put the clock of a new database back."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE clock SET shift = %s", (-BEHIND,))
