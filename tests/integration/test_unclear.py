"""Lost replies, lies and slowness: an end that is unclear is settled, never guessed."""

import pytest
from world import World

from ct_ac_sync.sync.deliver import Deliver


def _placed(world: World) -> str:
    world.run()
    customer = world.shop.do("sign_up")
    world.run()
    return str(world.shop.do("order", customer=customer["id"])["id"])


LIES = [
    pytest.param({"reset": True}, id="connection reset"),
    pytest.param({"status": 500, "reply": "oops"}, id="500"),
    pytest.param({"status": 503, "reply": "<html>busy</html>", "content_type": "text/html"}, id="503"),
    pytest.param(
        {"status": 200, "reply": "<html>log in</html>", "content_type": "text/html"}, id="200 in HTML"
    ),
    pytest.param({"status": 200, "reply": ""}, id="200 and empty"),
    pytest.param({"status": 200, "reply": '{"errors":[{"message":"internal"}]}'}, id="200 with errors"),
    pytest.param({"status": 200, "reply": '{"data":{"upsertOrder":null}}'}, id="200 with nothing"),
]


class TestFirstOrders:
    @pytest.mark.parametrize("lie", LIES)
    def test_a_lost_reply_is_read_back_and_found(self, world: World, lie: dict[str, object]):
        """The effect happened and the answer lied: found there, so it happened, once."""
        order = _placed(world)
        world.account.fault(operation="graphql", body="mutation", times=1, when="after", **lie)

        world.run()

        started = [e["order"] for e in world.account.log("automation_started")]
        assert started == [order]
        assert world.box.desk.parked() == []
        assert world.sql("SELECT state FROM trigger_ledger") == [{"state": "happened"}]

    @pytest.mark.parametrize("lie", LIES[:3])
    def test_a_call_without_effect_is_parked_and_its_state_still_goes_out(
        self, world: World, lie: dict[str, object]
    ):
        """Not found is no proof: a human is asked, and the order arrives as historical."""
        order = _placed(world)
        world.account.fault(operation="graphql", body="mutation", times=1, when="before", **lie)

        world.run()

        assert world.account.log("automation_started") == []
        assert [row["business_key"] for row in world.box.desk.parked()] == [f"demo-shop/{order}"]
        assert world.orders()[order]["creationSource"] == "HISTORICAL"

    def test_a_human_settles_what_is_parked(self, world: World):
        """Did not happen: it happens now, once; a second word changes nothing."""
        order = _placed(world)
        world.account.fault(operation="graphql", body="mutation", times=1, reset=True)
        world.run()
        parked = world.box.desk.parked()[0]
        verdict = {
            "destination": parked["destination"],
            "kind": parked["kind"],
            "business_key": parked["business_key"],
        }

        said = world.box.desk.settle(**verdict, has_happened=False, actor="test", reason="looked")
        again = world.box.desk.settle(**verdict, has_happened=False, actor="test", reason="looked")
        world.drain()

        assert (said, again) == (True, False)
        sources = [(e["order"], e["trigger"]) for e in world.account.log("automation_started")]
        assert (order, "order_updated") in sources or (order, "order_created") in sources

    def test_a_throttled_read_back_is_not_forgotten(self, world: World):
        """A 429 while reading back leaves the question open, and it is settled later."""
        order = _placed(world)
        world.account.fault(operation="graphql", body="mutation", times=1, when="after", reset=True)
        world.account.fault(operation="graphql", body="getOrder", times=2, status=429, reply="{}")

        world.run()

        assert [e["order"] for e in world.account.log("automation_started")] == [order]
        assert world.sql("SELECT state FROM trigger_ledger") == [{"state": "happened"}]


class TestContacts:
    @pytest.mark.parametrize("lie", LIES[:5])
    def test_no_lie_counts_as_success(self, world: World, lie: dict[str, object]):
        """A contact whose call had no effect is sent again until its answer proves it."""
        world.run()
        world.account.fault(operation="sync_contact", times=2, when="before", **lie)
        world.shop.do("sign_up", email="truth@example.org")

        world.run()

        assert "truth@example.org" in world.contacts()
        assert world.outcomes("upsert_contact").count("postponed") >= 2

    def test_a_repair_follows_an_unclear_end(self, world: World):
        """A lease after a lost reply the contact is sent once more, though nothing changed."""
        world.run()
        world.account.fault(operation="sync_contact", times=1, when="after", reset=True)
        world.shop.do("sign_up", email="repair@example.org")

        world.run()

        assert world.outcomes("upsert_contact").count("applied") == 2

    def test_a_dripping_server_is_cut_at_the_deadline(self, world: World):
        """One byte a second never outlives the call's deadline."""
        world.run()
        world.account.fault(operation="sync_contact", times=1, when="after", drip_bytes_per_second=1)
        world.shop.do("sign_up", email="drip@example.org")

        world.run()

        assert "postponed" in world.outcomes("upsert_contact")
        assert "drip@example.org" in world.contacts()

    def test_a_bad_key_halts_and_burns_no_attempts(self, world: World):
        """401: the destination stops, the entry keeps its place, and a resume delivers it."""
        world.run()
        world.account.fault(path="contact/sync", status=401, reply="{}")
        world.shop.do("sign_up", email="halt@example.org")
        world.read()
        world.deliver_due()
        halted = world.sql("SELECT halted FROM destination")[0]["halted"]
        world.account.heal()

        world.budget.resume()
        world.drain()

        assert "CredentialsError" in halted or "401" in halted
        assert "halt@example.org" in world.contacts()
        assert world.sql("SELECT max(attempts) AS attempts FROM entry") == [{"attempts": 0}]

    def test_a_429_costs_no_attempt(self, world: World):
        """Throttled is not failed."""
        world.run()
        world.account.fault(
            path="contact/sync", status=429, reply="{}", times=3, headers={"Retry-After": "0.2"}
        )
        world.shop.do("sign_up", email="slow@example.org")
        world.read()
        world.deliver_due()

        attempts = world.sql("SELECT attempts FROM entry WHERE state = 'open'")
        world.drain()

        assert attempts == [{"attempts": 0}]
        assert "slow@example.org" in world.contacts()


class TestImports:
    def _sign_up(self, world: World, number: int) -> None:
        for each in range(number):
            world.shop.do("sign_up", email=f"import{each}@example.org")

    def test_an_import_whose_reply_was_lost_is_awaited_without_an_id(self, world: World):
        """Nothing else goes to its people until nothing is outstanding there; then all again."""
        world.run()
        world.account.fault(operation="import_contacts", times=1, when="after", reset=True)
        self._sign_up(world, 30)

        world.run()

        assert len(world.contacts()) == 30
        assert world.account.counts()["import_contacts"]["reset"] == 1
        assert world.account.counts()["import_contacts"]["200"] >= 1

    def test_a_newer_version_waits_for_the_import(self, world: World):
        """A change while an import is under way goes out after it, never before."""
        world.run()
        world.account.ask("switches", {"import_seconds": 2.0})
        self._sign_up(world, 30)
        world.read()
        world.deliver_due()
        customer = world.shop.ask("state")["customers"][0]
        world.shop.do("edit", customer=customer["id"], last_name="Newest")

        world.run()

        contact = next(
            c for c in world.contacts().values() if c["fields"]["CT_CUSTOMER_ID"] == customer["id"]
        )
        assert contact["lastName"] == "Newest"

    def test_at_most_two_imports_are_outstanding(self, world: World):
        """A third waits until one of them is applied."""
        world.account.ask("switches", {"import_seconds": 5.0})
        world.shop.ask("shop/fill", {"customers": 520, "orders": 0, "seed": 4})
        world.read()
        for _ in range(3):
            world.box.dispatch.tick()
            world.deliver_due()

        outstanding = world.sql("SELECT count(*) AS n FROM awaiting")[0]["n"]
        world.drain(seconds=90)

        assert outstanding == 2
        assert len(world.contacts()) == 520


def test_deliver_is_what_the_world_wires(world: World):
    """The tests drive the product's own use case, not a copy of it."""
    assert isinstance(world.box.deliver, Deliver)
