"""
What happens in the demo on purpose: people whose orders and carts come to all that can happen.

The life of the shop is thrown; so that of each kind something is there to be told, a few people
do their part between whatever else goes on.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest

from ct_ac_sync.cli.stage import Json, Stage, ask

#: Between two things.
PAUSE_SECONDS = 1.1
#: After how long carts are abandoned by the worked example; and how long it may take until the shop was
#: read for certain, once after a cart was left and once while it was idle: a round of all streams each.
IDLE_SECONDS, LOOK_SECONDS = 60.0, 40.0
#: What these people see to; the rest is thrown.
KINDS = frozenset({
    "signed_up", "cart_created", "cart_abandoned", "cart_recovered", "order_placed", "order_confirmed",
    "order_completed", "order_cancelled", "paid", "payment_failed", "shipped", "delivered",
    "return_requested", "return_received", "refunded", "chargeback",
})  # fmt: skip

#: Who want the newsletter: one leaves it there, one says no in the shop, one stays.
GOES_THERE, SAYS_NO, STAYS = READERS = tuple(f"{name}.story@example.org" for name in ("nora", "omar", "pia"))

Step = Callable[[], object]


class Story:
    """A few people, who go on whenever the demo waits."""

    def __init__(self, on: Stage) -> None:
        self._on = on
        self._left: Json = {}
        self._left_at = 0.0
        acts = (self._consumer(), self._business(), self._readers())
        self._steps: Iterator[Step] = (step for row in zip_longest(*acts) for step in row if step)

    def wait(self, seconds: float) -> None:
        """Let some of it happen for so long; then the rest of the time nothing more."""
        until = time.monotonic() + seconds
        while time.monotonic() + PAUSE_SECONDS < until:
            self._go_on()
            time.sleep(PAUSE_SECONDS)
        time.sleep(max(0.0, until - time.monotonic()))

    def finish(self) -> None:
        """Let the rest of it happen."""
        while self._go_on():
            time.sleep(PAUSE_SECONDS)

    def leave_carts(self) -> None:
        """Two fill carts and leave them, one at the end of the checkout; nobody else is there any more."""
        self._left = self._do("cart", email="lou.story@example.org", country="DE")
        self._left_at = time.monotonic()
        cart = self._do("cart", email="gil.story@example.org", country="DE")
        for kind in ("cart_change", "checkout_address", "checkout_shipping", "checkout_payment"):
            time.sleep(PAUSE_SECONDS)
            self._do_to(kind, "cart", cart)

    def await_abandoned(self) -> None:
        """Wait until a cart that somebody left must have been told to be abandoned."""
        until = self._left_at + IDLE_SECONDS + LOOK_SECONDS
        time.sleep(max(0.0, until - time.monotonic()))

    def come_back(self) -> None:
        """The buyer who left it orders it after all."""
        self._do("order_cart", cart=self._left["id"])

    def _go_on(self) -> bool:
        step = next(self._steps, None)
        if step is not None:
            step()
        return step is not None

    def _do(self, kind: str, **given: object) -> Json:
        found: Json = self._on.happen("do", kind=kind, **given)
        return found

    def _do_to(self, kind: str, what: str, made: Json) -> None:
        """Let something happen to what an earlier step has made."""
        self._do(kind, **{what: made["id"]})

    # -- the acts ---------------------------------------------------------------------

    def _consumer(self) -> Iterator[Step]:
        """One who pays, gets two parcels, sends something back, and gets money back twice."""
        yield from self._buyer("vera.story@example.org", "b2c", (
            "pay", "ship", "parcel", "deliver", "return_request", "return_receive", "refund",
            "chargeback", "complete",
        ))  # fmt: skip

    def _business(self) -> Iterator[Step]:
        """One whose payment fails, and who cancels the next order."""
        yield from self._buyer("bo.story@example.org", "b2b", ("fail_payment", "confirm"))
        yield from self._buyer("di.story@example.org", "b2b", ("cancel",))

    def _readers(self) -> Iterator[Step]:
        """Three who want the newsletter: one leaves it there, one says no in the shop, one stays."""
        people: dict[str, Json] = {email: {} for email in READERS}
        for email, person in people.items():
            yield partial(self._sign_up, person, email)
            yield partial(self._say, person, newsletter=True)
        yield partial(self._say, people[SAYS_NO], newsletter=False)

    def _sign_up(self, person: Json, email: str) -> None:
        person.update(self._do("sign_up", email=email, group="b2c"))

    def leave_list(self) -> None:
        """One reader leaves by the link of a letter; then something else changes about them in the shop."""
        given = {"email": GOES_THERE, "act": "unsubscribe", "reason": "too many letters"}
        ask(next(iter(self._on.accounts.values())), "lists/act", given)
        (person,) = (each for each in ask(self._on.shop, "state")["customers"] if each["email"] == GOES_THERE)
        self._do("edit", customer=person["id"], last_name="Storey")

    def _say(self, person: Json, *, newsletter: bool) -> None:
        known = person.get("custom") or {}
        fields = {**known.get("fields", {}), "newsletter": newsletter}
        person["custom"] = {"type": {"typeId": "type", "id": "customer-profile"}} | known | {"fields": fields}
        self._on.happen("change", kind="customer", id=person["id"], changes={"custom": person["custom"]})

    def _buyer(self, email: str, group: str, kinds: tuple[str, ...]) -> Iterator[Step]:
        customer: Json = {}
        order: Json = {}
        yield lambda: customer.update(self._do("sign_up", email=email, group=group))
        yield lambda: order.update(self._do("order", customer=customer["id"], shape="plain"))
        for kind in kinds:
            yield partial(self._do_to, kind, "order", order)
