"""First orders: each starts its automations once, whatever happens between intent and proof."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from world import Interposed, World

from ct_ac_sync.ports import Call, CallKind, Layout, OrderSend

LEASE = timedelta(seconds=30)
#: How often in a row the end of a call cannot be written.
AWAY = [pytest.param(1, id="for a moment"), pytest.param(99, id="until the lease is over")]
ORDER_CALLS = (CallKind.UPSERT_ORDER, CallKind.BULK_UPSERT_ORDERS)


class _KilledError(BaseException):
    """The worker is dead: nothing of ours catches it."""


def _placed(world: World, **buyer: Any) -> str:
    """Let a customer who is known there place an order; return its id."""
    world.run()
    customer = world.shop.do("sign_up", **buyer)
    world.run()
    return str(world.shop.do("order", customer=customer["id"])["id"])


def _lose_the_next_order(world: World, *, when: str) -> None:
    """Lose the answer to the next order, which takes effect only where *when* is ``after``."""
    world.account.fault(operation="graphql", body="mutation", times=1, when=when, reset=True)


def _parked(world: World, **buyer: Any) -> str:
    """Place an order whose first call is lost before it has any effect; return its id."""
    order = _placed(world, **buyer)
    _lose_the_next_order(world, when="before")
    world.run()
    assert [row["business_key"] for row in world.box.desk.parked()] == [f"demo-shop/{order}"]
    return order


def _say_it_did_not_happen(world: World) -> bool:
    """Say so of the one trigger that is parked."""
    (parked,) = world.box.desk.parked()
    return world.box.desk.settle(
        destination=parked["destination"], kind=parked["kind"], business_key=parked["business_key"],
        has_happened=False, actor="test", reason="looked",
    )  # fmt: skip


def _replay_all(world: World) -> int:
    """Replay every dead letter."""
    letters = [letter["dead_letter"] for letter in world.box.desk.dead_letters()]
    return world.box.desk.replay(letters, actor="test", reason="mended")


def _before_the_next_order_is_sent(world: World, happening: Callable[[], object]) -> None:
    """Let something happen between the intent of the next order call and the call itself."""
    left = [happening]

    def send(real: Callable[..., Any], call: Call, **known: Any) -> Any:
        if call.kind in ORDER_CALLS and left:
            left.pop()()
        return real(call, **known)

    world.rewire(destination=Interposed(world.destination, send=send))


def _die_at_the_next_order(world: World, *, has_effect: bool, happening: Callable[[], object]) -> None:
    """Let something happen while the next order is under way, and then the worker die."""
    left = [happening]

    def send(real: Callable[..., Any], call: Call, **known: Any) -> Any:
        if call.kind not in ORDER_CALLS or not left:
            return real(call, **known)
        left.pop()()
        if has_effect:
            real(call, **known)
        raise _KilledError

    world.rewire(destination=Interposed(world.destination, send=send))


def _give_another_address(world: World, order: dict[str, Any], email: str) -> None:
    """Change an order's e-mail through the shop's own API."""
    access = world.settings.sources[0]
    granted = requests.post(
        f"{world.shop.url}/oauth/token",
        auth=(access.client_id, access.client_secret),
        data={"grant_type": "client_credentials"},
        timeout=30,
    )
    answer = requests.post(
        f"{world.shop.url}/{access.project}/orders/{order['id']}",
        json={"version": order["version"], "actions": [{"action": "setCustomerEmail", "email": email}]},
        headers={"Authorization": f"Bearer {granted.json()['access_token']}"},
        timeout=30,
    )
    assert answer.status_code == 200


def _spoil_in_every_call(world: World, order: str) -> None:
    """Let one order always be sent in a form that the account refuses."""

    def prepare_orders(real: Callable[..., Call], orders: list[OrderSend], layout: Layout) -> Call:
        call = real(orders, layout)
        variables = call.body["variables"]
        for each in variables.get("orders") or [variables["order"]]:
            if each["storeOrderId"] == order:
                each["email"] = "nobody"
        return call

    world.rewire(destination=Interposed(world.destination, prepare_orders=prepare_orders))


def _started(world: World) -> Counter[str]:
    """Return how many automations each order started."""
    return Counter(entry["order"] for entry in world.account.log("automation_started"))


def _ledger(world: World) -> Counter[str]:
    """Return how many triggers the ledger holds in each state."""
    return Counter(row["state"] for row in world.sql("SELECT state FROM trigger_ledger"))


class TestFirstSight:
    def test_an_order_first_seen_cancelled_starts_nothing(self, world: World):
        """What was cancelled before anybody saw it goes out as historical."""
        world.run()
        customer = world.shop.do("sign_up")
        order = world.shop.do("order", customer=customer["id"])["id"]
        world.shop.do("cancel", order=order)

        world.run()

        assert _started(world) == {}
        assert world.orders()[order]["normalizedStatus"] == "CANCELLED"
        assert world.orders()[order]["creationSource"] == "HISTORICAL"

    def test_the_same_instant_in_another_spelling_is_the_same_order(self, world: World):
        """An answer that writes the order's date with an offset proves the order all the same."""
        world.run()
        customer = world.shop.do("sign_up", email="spelling@example.org")
        world.run()
        order = world.shop.do("order", customer=customer["id"])
        date = order["lastModifiedAt"].replace("Z", "+00:00")
        seen = (
            f'{{"storeOrderId": "{order["id"]}", "storeModifiedDate": "{date}",'
            ' "creationSource": "REAL_TIME", "email": "spelling@example.org"}'
        )
        reply = f'{{"data": {{"upsertOrder": {seen}}}}}'
        world.account.fault(operation="graphql", body="mutation", when="after", status=200, reply=reply)

        world.run()

        assert world.outcomes("upsert_order") == ["applied"]
        assert _started(world) == {order["id"]: 1}


class TestLostWords:
    @pytest.mark.parametrize("tries", AWAY)
    @pytest.mark.parametrize(
        ("when", "state", "automations"),
        [
            pytest.param("before", "parked", 0, id="no effect"),
            pytest.param("after", "happened", 1, id="effect"),
        ],
    )
    def test_a_first_order_whose_end_cannot_be_written_is_read_back(
        self, world: World, when: str, state: str, automations: int, tries: int
    ):
        """The database away at the end of a lost call leaves no intent and no open question behind."""
        order = _placed(world)
        _lose_the_next_order(world, when=when)
        world.be_away_when_the_next_call_ends(tries=tries)

        world.run()

        assert world.sql("SELECT * FROM intent") == []
        assert _ledger(world) == {state: 1}
        assert _started(world)[order] == automations
        assert order in world.orders()

    @pytest.mark.parametrize("tries", AWAY)
    def test_a_proven_first_order_whose_end_cannot_be_written_is_not_sent_twice(
        self, world: World, tries: int
    ):
        """The database away right after a good answer costs time, and no second automation."""
        order = _placed(world)
        world.be_away_when_the_next_call_ends(tries=tries)

        world.run()

        assert world.sql("SELECT * FROM intent") == []
        assert _ledger(world) == {"happened": 1}
        assert _started(world) == {order: 1}

    @pytest.mark.parametrize(
        ("has_effect", "state"),
        [pytest.param(False, "parked", id="no effect"), pytest.param(True, "happened", id="effect")],
    )
    def test_an_order_whose_buyer_changes_in_flight_keeps_its_trigger(
        self, world: World, *, has_effect: bool, state: str
    ):
        """The order is another person's by the time its worker is dead, and is still read back."""
        world.run()
        order = world.shop.do("guest_order", email="guest@example.org")

        def change_the_buyer() -> None:
            _give_another_address(world, order, "other@example.org")
            world.read()

        _die_at_the_next_order(world, has_effect=has_effect, happening=change_the_buyer)
        with pytest.raises(_KilledError):
            world.run()
        world.pass_time(LEASE)
        world.drain()

        assert _ledger(world) == {state: 1}
        assert _started(world)[order["id"]] == has_effect
        assert world.orders()[order["id"]]["email"] == "other@example.org"


class TestReadBack:
    def test_a_read_back_that_cannot_be_asked_forgets_nothing(self, world: World):
        """An account that has no answer to the question ends with a human, not with an open intent."""
        order = _placed(world)
        _lose_the_next_order(world, when="before")
        world.account.fault(operation="graphql", body="getOrder", times=1, status=404, reply="{}")
        world.run()

        _replay_all(world)
        world.drain()

        assert _ledger(world) == {"parked": 1}
        assert [row["business_key"] for row in world.box.desk.parked()] == [f"demo-shop/{order}"]
        assert world.orders()[order]["creationSource"] == "HISTORICAL"

    def test_an_unclear_order_does_not_hold_up_the_move_of_its_customer(self, world: World):
        """Read-back and move wait for each other no longer than it takes to look."""
        world.run()
        world.shop.do("guest_order", email="taken@example.org")
        customer = world.shop.do("sign_up", email="former@example.org")
        world.run()
        _lose_the_next_order(world, when="after")
        order = world.shop.do("order", customer=customer["id"])["id"]
        world.read()
        world.deliver_due()

        world.shop.do("change_email", customer=customer["id"], email="taken@example.org")
        world.read()
        world.drain(seconds=15)

        assert _started(world)[order] == 1
        assert "intended" not in _ledger(world)
        assert world.contacts()["taken@example.org"]["fields"]["CT_CUSTOMER_ID"] == customer["id"]
        assert world.orders()[order]["email"] == "taken@example.org"


class TestDidNot:
    def test_it_holds_for_an_order_that_died_meanwhile(self, world: World):
        """The replay of a dead order fires what a human said had not happened."""
        order = _placed(world)
        _lose_the_next_order(world, when="before")
        refusal = (
            '{"errors": [{"message": "Validation errors",'
            f' "extensions": {{"order-0-storeOrderId-{order}": "not valid"}}}}]}}'
        )
        world.account.fault(operation="graphql", body="HISTORICAL", status=200, reply=refusal)
        world.run()

        said = _say_it_did_not_happen(world)
        world.account.heal()
        replayed = _replay_all(world)
        world.drain()

        assert (said, replayed) == (True, 1)
        assert _started(world) == {order: 1}
        assert _ledger(world) == {"happened": 1}

    def test_it_holds_for_an_order_that_waits_for_a_dead_contact(self, world: World):
        """The order fires once its contact has been replayed."""
        order = _parked(world, email="dies@example.org")
        customer = world.shop.ask("state")["customers"][0]["id"]
        reply = '{"errors": [{"title": "Last Name is not valid!", "code": "field_invalid"}]}'
        world.account.fault(operation="update_contact", status=422, reply=reply)
        world.shop.do("edit", customer=customer, last_name="Refused")
        world.shop.do("pay", order=order)
        world.run()

        said = _say_it_did_not_happen(world)
        world.account.heal()
        replayed = _replay_all(world)
        world.drain()

        assert (said, replayed) == (True, 1)
        assert _started(world) == {order: 1}
        assert _ledger(world) == {"happened": 1}

    def test_it_holds_for_an_order_that_is_just_being_sent(self, world: World):
        """A verdict that comes while an update is under way is not overwritten by the update's end."""
        order = _parked(world)
        world.shop.do("pay", order=order)
        said: list[bool] = []
        _before_the_next_order_is_sent(world, lambda: said.append(_say_it_did_not_happen(world)))

        world.run()

        assert said == [True]
        assert _started(world) == {order: 1}
        assert _ledger(world) == {"happened": 1}

    def test_it_holds_for_an_order_that_moved_to_another_person(self, world: World):
        """Parked at one person and moved to another, it fires there, once."""
        world.run()
        world.shop.do("guest_order", email="taken@example.org")
        order = _parked(world, email="former@example.org")
        customer = world.shop.ask("state")["customers"][0]["id"]
        world.shop.do("change_email", customer=customer, email="taken@example.org")
        world.run()

        said = _say_it_did_not_happen(world)
        world.drain()

        assert said
        assert _started(world)[order] == 1
        assert _ledger(world) == {"happened": 2}
        assert world.orders()[order]["email"] == "taken@example.org"


class TestBatches:
    @pytest.mark.parametrize("account_url", ["b"], indirect=True)
    @pytest.mark.parametrize(
        ("seconds", "state"),
        [pytest.param(0, "happened", id="shown"), pytest.param(30, "parked", id="hidden")],
    )
    def test_a_refused_order_batch_that_was_half_applied(self, world: World, seconds: int, state: str):
        """Each order of it ends right and fires once; what is found happened, what is not is parked."""
        switches = {"order_atomicity": "valid", "order_visibility_seconds": seconds}
        world.account.ask("switches", switches)
        world.run()
        customer = world.shop.do("sign_up")
        world.run()
        refused, *others = [world.shop.do("order", customer=customer["id"])["id"] for _ in range(30)]
        _spoil_in_every_call(world, refused)

        world.run()

        assert set(world.orders()) == set(others)
        assert _started(world) == dict.fromkeys(others, 1)
        assert _ledger(world) == Counter({state: 29}) + Counter(parked=1)
        assert [letter["object"] for letter in world.box.desk.dead_letters()] == [refused]

    @pytest.mark.parametrize("account_url", ["b"], indirect=True)
    def test_a_refused_batch_of_past_orders_goes_again_without_the_one_that_was_named(self, world: World):
        """The others follow in one call and its repair, and the refused one is a dead letter."""
        world.account.ask("switches", {"order_atomicity": "valid"})
        world.shop.ask("shop/fill", {"customers": 1, "orders": 30, "seed": 3, "guests": 0.0})
        refused, *others = [order["id"] for order in world.shop.ask("state")["orders"]]
        _spoil_in_every_call(world, refused)

        world.run()

        assert set(world.orders()) == set(others)
        assert _started(world) == {}
        assert [letter["object"] for letter in world.box.desk.dead_letters()] == [refused]
        assert world.account.counts()["graphql"]["200"] <= 4
