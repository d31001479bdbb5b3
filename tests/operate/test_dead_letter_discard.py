"""Discarding a dead letter: what is given up, what goes on waiting, and what brings it back."""

import json
import subprocess
import sys
import threading
from typing import Any

import pytest
import requests
from flower_house import REFUSAL, a_dead_contact, state_of, surroundings
from world import World


def a_dead_order(world: World) -> tuple[int, dict[str, Any]]:
    """Let an order be refused for ever; return the letter's number and the order."""
    customer = world.shop.do("sign_up", email="buyer@example.org")
    world.run()
    order = world.shop.do("order", customer=customer["id"])
    world.account.fault(operation="graphql", status=400, reply=REFUSAL)
    world.run()
    world.account.heal()
    return world.box.desk.dead_letters()[-1]["dead_letter"], order


def an_unreadable_customer(world: World, name: str = "Nobody") -> str:
    """Let the shop hold a customer without an address; return its id."""
    world.source._get("", {}, operation="project")  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {world.source._bearer()}"}  # type: ignore[attr-defined]
    draft = {"firstName": name, "addresses": "none"}
    made = requests.post(f"{world.shop.url}/demo-shop/customers", json=draft, headers=headers, timeout=5)
    return str(made.json()["customer"]["id"])


def states(world: World) -> dict[str, str]:
    """Return the states of all entries by operation."""
    return {row["operation"]: row["state"] for row in world.sql("SELECT operation, state FROM entry")}


class TestOrders:
    def test_it_is_settled(self, world: World):
        """A discarded order is owed no more, and its ledger says who gave it up and why."""
        number, _ = a_dead_order(world)

        done = world.box.desk.discard([number], actor="ann", reason="a test order")

        assert done == 1
        assert states(world)["upsert_order"] == "done"
        assert world.box.views.status()["totals"]["owed"] == 0
        (outcome,) = world.sql("SELECT reason, object FROM outcome WHERE outcome = 'discarded'")
        assert outcome["reason"] == "ann: a test order"
        assert state_of(world, number) == {"state": "discarded", "actor": "ann", "reason": "a test order"}
        assert world.sql("SELECT resolved_at IS NOT NULL AS is_kept FROM dead_letter")[0]["is_kept"]

    def test_nothing_more_is_sent(self, world: World):
        """What was discarded does not go out, however often is read and delivered."""
        number, order = a_dead_order(world)
        world.box.desk.discard([number], actor="ann", reason="r")

        world.run()

        assert order["id"] not in world.orders()
        assert world.box.desk.dead_letters() == []

    def test_something_newer_goes_out(self, world: World):
        """A newer version of a discarded order is delivered like any other."""
        number, order = a_dead_order(world)
        world.box.desk.discard([number], actor="ann", reason="r")

        world.shop.do("pay", order=order["id"])
        world.run()

        assert order["id"] in world.orders()
        assert state_of(world, number)["state"] == "discarded"


class TestContacts:
    def test_its_orders_go_on_waiting(self, world: World):
        """Behind a discarded contact orders wait, old and new ones, and are listed with its letter."""
        number = a_dead_contact(world, "gone@example.org", has_order=True)
        (customer,) = world.sql("SELECT id FROM record WHERE stream = 'customers'")

        world.box.desk.discard([number], actor="ann", reason="not a person")
        world.shop.do("order", customer=customer["id"])
        world.run()

        assert world.orders() == {}
        assert world.contacts() == {}
        (behind,) = world.box.desk.behind_discarded()
        assert (behind["dead_letter"], behind["waiting"], behind["reason"]) == (number, 2, "not a person")
        assert "waiting behind discarded contacts" in ct_ac_sync(world, "list").stdout
        shown = world.box.desk.dead_letter(number)
        assert shown is not None
        assert len(shown["waiting"]) == 2

    def test_a_newer_contact_frees_them(self, world: World):
        """Once something newer is wanted of the contact, it goes out, and its orders behind it."""
        number = a_dead_contact(world, "mended@example.org", has_order=True)
        (customer,) = world.sql("SELECT id FROM record WHERE stream = 'customers'")
        world.box.desk.discard([number], actor="ann", reason="r")

        world.shop.do("edit", customer=customer["id"], first_name="Ada")
        world.run()

        assert "mended@example.org" in world.contacts()
        assert len(world.orders()) == 1
        assert world.box.desk.behind_discarded() == []


class TestUnreadable:
    def test_it_does_not_come_back(self, world: World):
        """A record that was given up is no letter again, although every sweep sees it."""
        an_unreadable_customer(world)
        world.read()
        (letter,) = world.box.desk.dead_letters()

        world.box.desk.discard([letter["dead_letter"]], actor="ann", reason="imported by mistake")
        world.read()

        assert world.box.desk.dead_letters() == []
        assert state_of(world, letter["dead_letter"])["state"] == "discarded"

    def test_another_one_is_a_letter(self, world: World):
        """Giving one record up hides no other."""
        an_unreadable_customer(world)
        world.read()
        world.box.desk.discard(
            [row["dead_letter"] for row in world.box.desk.dead_letters()], actor="a", reason="r"
        )

        other = an_unreadable_customer(world)
        world.read()

        assert [row["object"] for row in world.box.desk.dead_letters()] == [other]


class TestTwice:
    def test_the_second_finds_nothing(self, world: World):
        """Discarding twice, or what was replayed meanwhile, changes nothing and keeps the first reason."""
        number, _ = a_dead_order(world)

        counts = [
            world.box.desk.discard([number, number], actor="ann", reason="first"),
            world.box.desk.discard([number], actor="bob", reason="second"),
            world.box.desk.replay([number], actor="bob", reason="third"),
        ]

        assert counts == [1, 0, 0]
        assert state_of(world, number)["reason"] == "first"
        assert world.outcomes("upsert_order").count("discarded") == 1

    def test_two_at_once(self, world: World):
        """Of a discard and a replay at the same moment one is carried out, and the other finds nothing."""
        number, _ = a_dead_order(world)
        desk, counts = world.box.desk, {}

        def decide(name: str) -> None:
            counts[name] = getattr(desk, name)([number], actor=name, reason="r")

        threads = [threading.Thread(target=decide, args=(name,)) for name in ("discard", "replay")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(counts.values()) == [0, 1]
        (winner,) = [name for name, count in counts.items() if count]
        assert state_of(world, number)["actor"] == winner

    @pytest.mark.parametrize("number", [4711, 99999999999999999999])
    def test_a_letter_nobody_has(self, world: World, number: int):
        """Discarding a number that no letter has does nothing."""
        assert world.box.desk.discard([number], actor="ann", reason="r") == 0


class TestCommands:
    def test_discard(self, world: World):
        """The command discards what is open, keeps who and why, and ends with 1 if something was not open."""
        number, _ = a_dead_order(world)

        first = ct_ac_sync(world, "discard", str(number), "--reason", "a test", "--actor", "ann", "--json")
        second = ct_ac_sync(world, "discard", str(number), "--reason", "again")

        assert (first.returncode, json.loads(first.stdout)) == (0, {"discarded": 1})
        assert (second.returncode, second.stdout.strip()) == (1, "discarded 0 of 1 named")
        assert f"dead letter {number} is not open" in second.stderr
        assert state_of(world, number) == {"state": "discarded", "actor": "ann", "reason": "a test"}

    @pytest.mark.parametrize(
        "words", [("discard", "1"), ("discard", "--reason", "r"), ("discard", "x", "--reason", "r")]
    )
    def test_discarding_needs_letters_and_a_reason(self, world: World, words: tuple[str, ...]):
        """Without numbers or without a reason nothing is discarded."""
        assert ct_ac_sync(world, *words).returncode == 2

    def test_replaying_what_is_not_open(self, world: World):
        """A number that is not open is told, the others are replayed all the same, and the command ends with 1."""
        number, _ = a_dead_order(world)

        done = ct_ac_sync(world, "replay", str(number), "4711", "--reason", "mended")

        assert done.returncode == 1
        assert "replayed 1, read again 0, of 2 named" in done.stdout
        assert done.stderr.splitlines() == ["dead letter 4711 is not open"]
        assert state_of(world, number)["state"] == "replayed"

    def test_replaying_an_unreadable_record(self, world: World):
        """One that still cannot be read stays open, signed by who tried."""
        an_unreadable_customer(world)
        world.read()
        (letter,) = world.box.desk.dead_letters()

        done = ct_ac_sync(world, "replay", str(letter["dead_letter"]), "--reason", "try", "--actor", "ann")

        assert done.returncode == 0
        assert done.stdout.splitlines() == ["may start: nothing", "replayed 0, read again 0, of 1 named"]
        assert state_of(world, letter["dead_letter"]) == {"state": "open", "actor": "ann", "reason": "try"}


def ct_ac_sync(world: World, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command on dead letters."""
    return subprocess.run(
        [sys.executable, "-m", "ct_ac_sync.cli.main", "dead-letters", *words],
        env=surroundings(world.environment | {"COLUMNS": "200"}),
        capture_output=True, timeout=180, check=False, encoding="utf-8",
    )  # fmt: skip
