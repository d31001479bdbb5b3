"""Provisioning: fields and connections are made by one process at a time, finished by any, and watched."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from configurations import PROFILE, SHOP, route
from structlog.testing import capture_logs
from world import World

from ct_ac_sync.store.budget import LOOK_AGAIN, LOOK_EVERY
from ct_ac_sync.sync.provision import KNOWN_FOR, Provision

Making = Callable[..., World]

FIELDS = "".join(
    f'\n[[fields]]\nperstag = "{perstag}"\ntitle = "{perstag}"\nfrom = "customer.id"\n'
    for perstag in ("CT_ONE", "CT_TWO", "CT_THREE")
)
CONFIGURED = SHOP + route("all", "main") + PROFILE + FIELDS


class _OutOfTimeError(BaseException):
    """The task has used up its time: nothing of ours catches it."""


class TestOutOfTime:
    def test_the_next_goes_on_at_once_with_what_was_made(self, world_of: Making):
        """A task that ends while it makes fields lets go, and the next makes those that are missing."""
        world = world_of(CONFIGURED)
        world.read()
        world.shop.do("sign_up", email="ann@example.org")
        world.read()
        client, made = world.destination, list[Any]()
        real = client._request

        def request(*given: Any, **known: Any) -> Any:
            if known["operation"] == "create_field":
                made.append(given)
                if len(made) == 2:
                    raise _OutOfTimeError
            return real(*given, **known)

        client._request = request
        with pytest.raises(_OutOfTimeError):
            world.deliver_due()
        client._request = real

        layout = world.box.accounts[world.account_name].provision.layout()

        assert set(layout.fields) == {"CT_ONE", "CT_TWO", "CT_THREE"}
        assert world.account.counts()["create_field"] == {"201": 3}


class TestDrift:
    """What somebody does to our fields by hand, while nothing of ours starts anew."""

    @pytest.fixture(name="world")
    def _world(self, world_of: Making) -> World:
        """Give a product over an account to which two people were delivered and linked."""
        world = world_of(CONFIGURED)
        world.account.ask("switches", {"import_seconds": 0.05})
        world.read()
        for name in ("ann", "bob"):
            world.shop.do("sign_up", email=f"{name}@example.org")
        world.run()
        world.pass_time(timedelta(minutes=2))
        world.box.settle.settle_due()
        return world

    @staticmethod
    def _next_look(world: World) -> None:
        """Let the time of a look come, and whoever comes first take it."""
        world.pass_time(LOOK_EVERY + timedelta(seconds=1))
        world.box.settle.settle_due()

    @staticmethod
    def _values(world: World, perstag: str) -> set[str]:
        """Return what the contacts have in a field."""
        return {contact["fields"].get(perstag, "") for contact in world.contacts().values()}

    def test_a_look_costs_two_calls_an_hour(self, world: World):
        """However often somebody asks, the account is asked for fields and connections once an hour."""
        before = world.account.total()

        for _ in range(3):
            world.box.settle.settle_due()
        between = world.account.total()
        self._next_look(world)
        for _ in range(3):
            world.box.settle.settle_due()

        assert between == before
        assert [call["operation"] for call in world.account.calls(after=before)] == [
            "list_fields",
            "list_connections",
        ]
        assert world.box.views.status()["destinations"][0]["drifts"] is None

    def test_a_deleted_field_is_made_anew_and_filled(self, world: World):
        """All values come back under the new field, nothing starts an automation, and it ends with that."""
        wanted, started = self._values(world, "CT_TWO"), len(world.account.log("automation_started"))
        world.account.ask("fields/CT_TWO", method="DELETE")
        assert self._values(world, "CT_TWO") == {""}

        with capture_logs() as logs:
            self._next_look(world)
        looked = world.account.total()
        world.pass_time(timedelta(minutes=5))
        world.drain()

        assert world.account.writes(after=looked) == ["import_contacts"]
        (told,) = [each for each in logs if each["event"] == "layout_drifted"]
        assert (told["drifts"], told["gone"]) == ("field CT_TWO", 1)
        assert self._values(world, "CT_TWO") == wanted != {""}
        assert len(world.account.log("automation_started")) == started
        calls = world.account.total()
        self._next_look(world)
        world.drain()
        assert world.account.total() == calls + 2
        assert world.sql("SELECT FROM upkeep WHERE task LIKE '%% again %%'") == []

    def test_nothing_is_sent_again_while_somebody_may_write_to_the_former_id(self, world: World):
        """Another process may go on with what it read until its lease ends; the values come after that."""
        world.account.ask("fields/CT_TWO", method="DELETE")
        self._next_look(world)
        written = len(world.account.writes())

        world.pass_time(world.settings.lease)
        world.box.settle.settle_due()
        is_owing = world.box.deliveries.is_owing()
        world.pass_time(KNOWN_FOR + timedelta(seconds=1))
        world.box.settle.settle_due()

        assert (is_owing, world.box.deliveries.is_owing()) == (False, True)
        assert len(world.account.writes()) == written

    def test_what_was_under_way_to_the_former_id_is_made_good(self, world: World):
        """A change that another process sends to the id it still knows is sent once more."""
        late = World(
            world.environment["DATABASE_URL"], world.shop.url, world.account.url, configuration=CONFIGURED
        )
        late.box.accounts[late.account_name].provision.layout()
        world.account.ask("fields/CT_TWO", method="DELETE")
        self._next_look(world)
        cat = world.shop.do("sign_up", email="cat@example.org")
        late.read()
        while late.deliver_due():
            pass
        lost = world.contacts()["cat@example.org"]["fields"].get("CT_TWO")

        world.pass_time(timedelta(minutes=5))
        world.drain()
        late.close()

        assert lost is None
        assert world.contacts()["cat@example.org"]["fields"]["CT_TWO"] == cat["id"]

    def test_a_process_learns_of_the_new_id(self, world: World):
        """Whoever knew the former id asks some seconds later, and writes to the new one."""
        clock = _Clock()
        account = world.box.accounts[world.account_name]
        other = Provision(
            destination=account.destination, budget=account.budget, clock=clock,
            fields=account.provision._fields, connections=account.provision._connections,
            lease=timedelta(seconds=7),
        )  # fmt: skip
        former = other.layout()
        world.account.ask("fields/CT_TWO", method="DELETE")
        self._next_look(world)

        at_once, clock.now = other.layout(), KNOWN_FOR.total_seconds() + 1

        assert at_once == former
        assert other.layout() == account.provision.layout() != former

    def test_a_renamed_field_is_told_of_and_written_to(self, world: World):
        """Another perstag is drift that a human mends: status says so, and no value is lost meanwhile."""
        world.account.ask("fields/CT_TWO", {"perstag": "ZWEI"})
        with capture_logs() as logs:
            self._next_look(world)
        cat = world.shop.do("sign_up", email="cat@example.org")
        world.run()

        assert [each["drifts"] for each in logs if each["event"] == "layout_drifted"] == [
            "field CT_TWO (is ZWEI now)"
        ]
        assert world.box.views.status()["destinations"][0]["drifts"] == "field CT_TWO (is ZWEI now)"
        assert world.contacts()["cat@example.org"]["fields"]["ZWEI"] == cat["id"]
        assert world.account.counts()["create_field"] == {"201": 3}

        world.account.ask("fields/ZWEI", {"perstag": "CT_TWO"})
        self._next_look(world)
        assert world.box.views.status()["destinations"][0]["drifts"] is None

    def test_a_deleted_connection_is_made_anew_and_its_orders_sent(self, world: World):
        """Orders go to the new connection as something of the past, and no contact for that."""
        order = world.shop.do("guest_order", email="cat@example.org")["id"]
        world.run()
        started = len(world.account.log("automation_started"))
        former = world.box.accounts[world.account_name].provision.layout().connection
        world.account.by_hand("DELETE", f"/connections/{former}")

        self._next_look(world)
        world.pass_time(timedelta(minutes=5))
        calls = len(world.account.calls())
        world.drain()

        now = world.box.accounts[world.account_name].provision.layout().connection
        sent = [call for call in world.account.calls(after=calls) if call["operation"] == "graphql"]
        assert now != former
        assert [
            (call["request_body"]["variables"]["order"]["storeOrderId"],
             call["request_body"]["variables"]["order"]["legacyConnectionId"])
            for call in sent
        ] == [(order, int(now))]  # fmt: skip
        assert len(world.account.log("automation_started")) == started

    def test_a_look_that_fails_stops_nothing(self, world: World):
        """An account that does not answer a look is delivered to as ever, and looked at soon again."""
        world.account.fault(operation="list_fields", status=500, times=1)
        with capture_logs() as logs:
            self._next_look(world)
        world.account.ask("fields/CT_TWO", method="DELETE")
        world.shop.do("sign_up", email="cat@example.org")
        world.run()

        assert [each["event"] for each in logs if each["event"].startswith("layout")] == ["layout_unseen"]
        assert "cat@example.org" in world.contacts()
        world.pass_time(LOOK_AGAIN + timedelta(seconds=1))
        world.box.settle.settle_due()
        assert world.account.counts()["create_field"] == {"201": 4}

    def test_a_listing_in_another_form_halts_nothing(self, world: World):
        """What a look cannot read is no reason to stop delivering."""
        world.account.fault(operation="list_fields", status=200, reply='{"fields": "none"}', times=1)
        self._next_look(world)

        assert world.box.views.status()["destinations"][0]["halted"] is None

    def test_a_field_that_cannot_be_made_anew_halts(self, world: World):
        """Where a deleted field's title is taken, nobody goes on as if its values arrived."""
        world.account.ask("fields/CT_TWO", method="DELETE")
        world.account.by_hand(
            "POST", "/fields", {"field": {"title": "CT_TWO", "type": "text", "perstag": "OTHER"}}
        )

        self._next_look(world)

        assert world.box.views.status()["destinations"][0]["halted"].startswith("field_missing: ")

    def test_two_who_look_at_once_are_one(self, world: World):
        """The row decides: of two processes in the same moment one asks the account."""
        world.pass_time(LOOK_EVERY + timedelta(seconds=1))
        before = world.account.total()
        twin = World(
            world.environment["DATABASE_URL"], world.shop.url, world.account.url, configuration=CONFIGURED
        )
        threads = [threading.Thread(target=each.box.settle.settle_due) for each in (world, twin)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        twin.close()

        assert world.account.total() == before + 2

    def test_a_resend_that_is_killed_goes_on_where_it_was(self, world: World):
        """Pages that were committed are not wanted twice, and none is left out."""
        world.budget.write_layout(
            world.budget.read_layout(), "any", resends=["upsert_contact"], delay=timedelta()
        )
        first = min(row["recipient"] for row in world.sql("SELECT recipient FROM recipient"))
        world.execute("UPDATE upkeep SET did = %s WHERE task LIKE 'upsert_contact again %%'", (str(first),))

        while world.budget.resend("upsert_contact"):
            pass

        open_ = world.sql("SELECT recipient, lane FROM entry WHERE state = 'open'")
        others = world.sql("SELECT recipient FROM recipient WHERE recipient > %s", (first,))
        assert {(row["recipient"], row["lane"]) for row in open_} == {(row["recipient"], 3) for row in others}
        assert others != []


class _Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def sleep(self, duration: timedelta) -> None:
        """Move on."""
        self.now += duration.total_seconds()

    def monotonic(self) -> float:
        """Return where it stands."""
        return self.now
