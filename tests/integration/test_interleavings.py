"""Two things at once: whatever comes between what, every contact and order ends right."""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from world import NOBODY_ASKED, NOTHING_NOTICED, Interposed, World

from ct_ac_sync.bootstrap import OwnDoorbell
from ct_ac_sync.domain.choice import BatchSizes
from ct_ac_sync.ports import Call, CallKind, Page, Stream, Sweep
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.intake import Intake

LEASE = timedelta(seconds=30)
HALF_A_YEAR = timedelta(days=183)


class _KilledError(BaseException):
    """The worker is dead: nothing of ours catches it."""


class _HeldCommits:
    """A database whose transactions do all they have to, and commit only when they may."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_held = threading.Event()
        self.may_commit = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            yield connection
            self.is_held.set()
            self.may_commit.wait(60)


# -- what happens ---------------------------------------------------------------------


def _sign_up_many(world: World, number: int) -> list[str]:
    """Let *number* people sign up; return their ids."""
    return [
        world.shop.do("sign_up", email=f"p{n}@example.org", first_name="Old")["id"] for n in range(number)
    ]


def _sign_up_long_ago(world: World, email: str) -> str:
    """Let somebody sign up who was last changed before the stream was first read; return the id."""
    customer = str(world.shop.do("sign_up", email=email)["id"])
    world.shop.do("edit", customer=customer, last_name="Past", stamp_behind_seconds=60)
    return customer


def _make_a_stranger(world: World, email: str) -> None:
    """Make a contact that is none of ours."""
    answer = requests.post(
        f"{world.account.url}/api/3/contact/sync",
        json={"contact": {"email": email}},
        headers={"Api-Token": world.settings.destinations[0].token},
        timeout=30,
    )
    assert answer.status_code == 201


def _after_the_next_claim(world: World, happening: Callable[[], object]) -> None:
    """Let something happen between the next claim and the mapping of what was claimed."""
    left = [happening]

    def claim(real: Callable[..., Any], recipient: int) -> Any:
        claimed = real(recipient)
        if claimed is not None and left:
            left.pop()()
        return claimed

    world.rewire(deliveries=Interposed(world.parts.deliveries, claim=claim))


def _before_the_next_call(world: World, kind: CallKind, happening: Callable[[], object]) -> None:
    """Let something happen between the intent of the next call of a kind and the call itself."""
    left = [happening]

    def send(real: Callable[..., Any], call: Call, **known: Any) -> Any:
        if call.kind is kind and left:
            left.pop()()
        return real(call, **known)

    world.rewire(destination=Interposed(world.destination, send=send))


def _kill_whoever_sends(world: World, email: str) -> list[int]:
    """Kill each worker that is about to send an address; return the list of how many it sent with it."""
    sizes: list[int] = []

    def send(real: Callable[..., Any], call: Call, **known: Any) -> Any:
        if email in repr(call.body):
            sizes.append(call.members)
            raise _KilledError
        return real(call, **known)

    world.rewire(destination=Interposed(world.destination, send=send))
    return sizes


def _show_always(world: World, stream: Stream, **values: str) -> None:
    """Let the source show every record of a stream with these values."""
    source = world.source

    def fetch_page(real: Callable[..., Page], asked: Stream, sweep: Sweep) -> Page:
        page = real(asked, sweep)
        if asked is not stream:
            return page
        return replace(page, records=tuple(source.parse(asked, {**r.body, **values}) for r in page.records))

    world.rewire(source=Interposed(source, fetch_page=fetch_page))


def _let_time_pass(world: World, *, steps: int, span: timedelta, pause: float = 0) -> None:
    """
    Work at what is due, and let *span* pass, again and again until nothing is owed.

    Args:
        pause: Seconds that the account is given each time, which does not share our clock.
    """
    for _ in range(steps):
        world.box.dispatch.tick()
        world.box.settle.settle_due()
        with contextlib.suppress(_KilledError):
            world.deliver_due()
        if not world.box.deliveries.is_owing():
            return
        world.pass_time(span)
        time.sleep(pause)


def _wait_until(is_so: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait for what happens by itself, and fail where it does not."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.05)


def _owe_somebody_at_another_account(world: World, *, contact: str) -> None:
    """Plant a person whom another account is owed, under a contact id that both accounts have."""
    world.execute("INSERT INTO destination (destination) VALUES ('old-account.example')")
    world.execute("INSERT INTO person DEFAULT VALUES")
    world.execute(
        "INSERT INTO record (source, stream, id, version, created_at, last_modified_at, address,"
        " is_historical, body, person)"
        " SELECT source, stream, 'other', version, created_at, last_modified_at, 'other@example.org',"
        ' is_historical, body || \'{"id": "other", "email": "other@example.org", "firstName": "Other"}\','
        " (SELECT max(person) FROM person) FROM record"
    )
    world.execute(
        "INSERT INTO recipient (destination, person, contact, address, due_at, lane)"
        " SELECT 'old-account.example', max(person), %s, 'other@example.org', sync_now(), 1 FROM person",
        (contact,),
    )
    world.execute(
        "INSERT INTO entry (recipient, operation, object, rank, wanted, lane, next_at)"
        " SELECT max(recipient), 'upsert_contact', '', 1, nextval('wanted_sequence'), 1, sync_now()"
        " FROM recipient"
    )


# -- what is seen ---------------------------------------------------------------------


def _customers_by_address(world: World) -> dict[str, str]:
    """Return whose contact each address of the account is."""
    return {email: contact["fields"].get("CT_CUSTOMER_ID") for email, contact in world.contacts().items()}


def _any_recipient_due(world: World) -> int:
    return int(world.sql("SELECT min(recipient) AS it FROM recipient WHERE due_at <= sync_now()")[0]["it"])


def _is_anybody_locked_out(world: World) -> bool:
    rows = world.sql(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(rows)


class TestRenames:
    def test_a_contact_that_searches_do_not_show_yet_is_not_made_a_second_time(self, world: World):
        """An imported contact whose id nobody knows is looked for again before it counts as gone."""
        world.shop.ask("shop/fill", {"customers": 30, "orders": 0, "seed": 3})
        world.run()
        customer = world.shop.ask("state")["customers"][0]
        world.account.ask("switches", {"contact_list_seconds": 3600})
        world.shop.do("change_email", customer=customer["id"], email="moved@example.org")
        world.read()
        world.deliver_due()
        looked = world.sql("SELECT reason FROM outcome ORDER BY at DESC LIMIT 1")
        world.account.ask("switches", {"contact_list_seconds": 0})

        world.drain()

        assert looked == [{"reason": "contact_not_shown"}]
        assert len(world.contacts()) == 30
        assert world.contacts()["moved@example.org"]["fields"]["CT_CUSTOMER_ID"] == customer["id"]

    def test_many_at_once_all_arrive(self, world: World):
        """Thirty people who change their addresses in one poll get them, and no second contacts."""
        world.run()
        customers = _sign_up_many(world, 30)
        world.run()
        for number, customer in enumerate(customers):
            world.shop.do("change_email", customer=customer, email=f"p{number}@new.example.org")

        world.read()
        world.drain(seconds=12)

        expected = {f"p{number}@new.example.org": customer for number, customer in enumerate(customers)}
        assert _customers_by_address(world) == expected

    def test_a_former_address_is_forgotten_once_it_was_left(self, world: World):
        """Who left an address long ago does not rename the e-commerce customer who has it now."""
        world.run()
        first = world.shop.do("sign_up", email="a@example.org")["id"]
        world.shop.do("order", customer=first)
        world.run()
        world.shop.do("change_email", customer=first, email="b@example.org")
        world.run()
        second = world.shop.do("sign_up", email="a@example.org")["id"]
        world.shop.do("order", customer=second)
        world.run()

        world.shop.do("change_email", customer=first, email="c@example.org")
        world.run()

        emails = {row["externalid"]: row["email"] for row in world.account.ask("state")["customers"]}
        assert emails == {first: "c@example.org", second: "a@example.org"}

    def test_a_rename_after_an_unclear_first_call_finds_what_that_call_made(self, world: World):
        """The contact that a lost reply did not tell of is renamed, not made again."""
        world.run()
        world.account.fault(operation="sync_contact", times=1, when="after", reset=True)
        customer = world.shop.do("sign_up", email="a@example.org")["id"]
        world.read()
        world.deliver_due()

        world.shop.do("change_email", customer=customer, email="b@example.org")
        world.run()

        assert _customers_by_address(world) == {"b@example.org": customer}

    def test_addresses_that_went_round_between_polls_end_where_they_belong(self, world: World):
        """Two people who have swapped addresses, step by step, hold up neither each other nor anyone."""
        world.run()
        first = world.shop.do("sign_up", email="a@example.org")["id"]
        second = world.shop.do("sign_up", email="b@example.org")["id"]
        world.run()

        for who, email in ((first, "t@example.org"), (second, "a@example.org"), (first, "b@example.org")):
            world.shop.do("change_email", customer=who, email=email)
            world.read()
        world.drain(seconds=12)

        contacts = _customers_by_address(world)
        assert (contacts["a@example.org"], contacts["b@example.org"]) == (second, first)

    def test_an_address_that_two_shared_and_left_is_free_for_a_third(self, world: World):
        """Two customers with one e-mail go apart, and the freed address becomes another's contact."""
        world.run()
        first = world.shop.do("sign_up", email="shared@example.org")["id"]
        second = world.shop.do("sign_up", email="shared@example.org")["id"]
        world.run()
        world.shop.do("change_email", customer=second, email="second@example.org")
        world.run()
        world.shop.do("change_email", customer=first, email="first@example.org")
        third = world.shop.do("sign_up", email="shared@example.org")["id"]

        world.run()

        assert _customers_by_address(world) == {
            "first@example.org": first, "second@example.org": second, "shared@example.org": third,
        }  # fmt: skip

    def test_a_throttled_look_up_does_not_bury_a_rename(self, world: World):
        """A 429 while looking for who has the address already is waited out."""
        world.run()
        customer = world.shop.do("sign_up", email="mine@example.org")["id"]
        world.run()
        _make_a_stranger(world, "theirs@example.org")
        headers = {"Retry-After": "0.2"}
        world.account.fault(operation="list_contacts", times=1, status=429, reply="{}", headers=headers)

        world.shop.do("change_email", customer=customer, email="theirs@example.org")
        world.run()

        assert world.box.desk.dead_letters() == []
        assert _customers_by_address(world)["theirs@example.org"] == customer


class TestRenamesAndOrders:
    @pytest.mark.parametrize(
        "streams", list(itertools.permutations([Stream.CUSTOMERS, Stream.ORDERS, Stream.MESSAGES]))
    )
    def test_a_rename_racing_an_order_with_the_new_address(self, world: World, streams: tuple[Stream, ...]):
        """Whichever of the two is polled first, the contact stays one, and the order is its own."""
        world.run()
        customer = world.shop.do("sign_up", email="old@example.org")["id"]
        world.run()
        world.shop.do("change_email", customer=customer, email="new@example.org")
        order = world.shop.do("order", customer=customer)["id"]

        for stream in streams:
            world.extract.read(stream)
            world.drain()

        assert _customers_by_address(world) == {"new@example.org": customer}
        assert order in world.orders()
        assert [row["email"] for row in world.account.ask("state")["customers"]] == ["new@example.org"]

    def test_a_rename_accepted_between_an_orders_claim_and_its_mapping(self, world: World):
        """An order that was claimed before the rename does not carry the new address there first."""
        world.run()
        customer = world.shop.do("sign_up", email="old@example.org")["id"]
        world.run()
        order = world.shop.do("order", customer=customer)["id"]
        world.read()

        def rename() -> None:
            world.shop.do("change_email", customer=customer, email="new@example.org")
            world.read()

        _after_the_next_claim(world, rename)
        world.drain()

        assert _customers_by_address(world) == {"new@example.org": customer}
        assert order in world.orders()

    def test_a_neighbour_whose_rename_was_waited_for_is_renamed_before_its_order_goes(self, world: World):
        """An accept that commits while neighbours are being claimed keeps theirs back."""
        world.run()
        buyers = [world.shop.do("sign_up", email=f"{name}@example.org")["id"] for name in "ab"]
        world.run()
        orders = [world.shop.do("order", customer=buyer)["id"] for buyer in buyers]
        world.run()
        for order in orders:
            world.shop.do("pay", order=order)
        world.read()
        due = world.sql("SELECT recipient FROM recipient WHERE address = 'a@example.org'")[0]["recipient"]
        commits = _HeldCommits(world.parts.database)
        lease, destination = world.settings.lease, world.account_name
        world.rewire(
            intake=Intake(
                commits,
                destinations=[destination],
                config="test",
                lease=lease,
                noticing=NOTHING_NOTICED,
                consent=NOBODY_ASKED,
            )
        )
        world.shop.do("change_email", customer=buyers[1], email="b2@example.org")

        accepting = threading.Thread(target=world.read)
        accepting.start()
        assert commits.is_held.wait(60)
        delivering = threading.Thread(target=world.box.deliver.deliver, args=(due,))
        delivering.start()
        _wait_until(lambda: _is_anybody_locked_out(world) or not delivering.is_alive())
        commits.may_commit.set()
        accepting.join()
        delivering.join()
        world.drain()

        assert _customers_by_address(world) == {"a@example.org": buyers[0], "b2@example.org": buyers[1]}

    def test_an_order_re_sent_after_a_newer_profile_went_out(self, world: World):
        """An order call that comes late with older contact values has the profile sent again."""
        world.run()
        customer = world.shop.do("sign_up", email="late@example.org", first_name="Old")["id"]
        order = world.shop.do("order", customer=customer)["id"]
        world.run()
        world.shop.do("pay", order=order)
        world.read()

        def let_another_worker_overtake() -> None:
            world.pass_time(LEASE)
            world.shop.do("edit", customer=customer, first_name="New")
            world.read()
            world.drain()

        _before_the_next_call(world, CallKind.UPSERT_ORDER, let_another_worker_overtake)
        world.drain()

        changes = [
            (entry["via"], entry["after"]["firstName"])
            for entry in world.account.log("contact_changed")
            if "firstName" in entry["after"]
        ]
        assert changes == [("update", "New"), ("order", "Old"), ("update", "New")]


class TestMoves:
    def test_a_customer_that_joins_another_while_it_is_being_delivered(self, world: World):
        """Its own worker goes on with whom it has, and takes the address from nobody."""
        world.run()
        customer = world.shop.do("sign_up", email="mine@example.org")["id"]
        world.run()
        world.shop.do("edit", customer=customer, first_name="Busy")
        world.read()

        def join_a_guest() -> None:
            world.shop.do("guest_order", email="theirs@example.org")
            world.read()
            world.shop.do("change_email", customer=customer, email="theirs@example.org")
            world.read()

        _after_the_next_claim(world, join_a_guest)
        world.drain(seconds=12)

        assert world.sql("SELECT * FROM pending_move") == []
        assert _customers_by_address(world)["theirs@example.org"] == customer
        assert world.contacts()["theirs@example.org"]["firstName"] == "Busy"
        assert [order["email"] for order in world.orders().values()] == ["theirs@example.org"]

    def test_an_intent_whose_end_was_never_written_does_not_block_a_move(self, world: World):
        """The database away at the end of a call leaves nothing that keeps its person busy for ever."""
        world.run()
        customer = world.shop.do("sign_up", email="mine@example.org")["id"]
        world.shop.do("guest_order", email="theirs@example.org")
        world.run()
        world.shop.do("edit", customer=customer, first_name="Unwritten")
        world.be_away_when_the_next_call_ends()
        world.run()

        world.shop.do("change_email", customer=customer, email="theirs@example.org")
        world.read()
        world.drain(seconds=12)

        assert world.sql("SELECT * FROM intent") == []
        assert world.sql("SELECT * FROM pending_move") == []
        assert _customers_by_address(world)["theirs@example.org"] == customer

    def test_a_guest_order_that_is_linked_to_a_customer_while_it_is_being_sent(self, world: World):
        """It ends at its customer's contact, though its guest was busy when it changed hands."""
        world.run()
        customer = world.shop.do("sign_up", email="customer@example.org")["id"]
        order = world.shop.do("guest_order", email="guest@example.org")["id"]
        world.run()
        world.shop.do("pay", order=order)
        world.read()

        def link() -> None:
            _show_always(world, Stream.ORDERS, customerId=customer)
            world.shop.do("ship", order=order)
            world.read()

        _after_the_next_claim(world, link)
        world.drain()

        assert world.orders()[order]["email"] == "customer@example.org"


class TestLostWords:
    def test_going_back_to_the_value_before_a_lost_end_is_sent(self, world: World):
        """What was believed before a call whose end nobody wrote down is not believed any more."""
        world.run()
        customer = world.shop.do("sign_up", email="back@example.org", first_name="One")
        _show_always(world, Stream.CUSTOMERS, lastModifiedAt=customer["lastModifiedAt"])
        world.run()
        world.shop.do("edit", customer=customer["id"], first_name="Two")
        world.read()
        world.be_away_when_the_next_call_ends()
        world.deliver_due()
        meanwhile = world.contacts()["back@example.org"]["firstName"]

        world.shop.do("edit", customer=customer["id"], first_name="One")
        world.run()

        assert meanwhile == "Two"
        assert world.contacts()["back@example.org"]["firstName"] == "One"

    def test_an_answer_that_never_proves_anything_ends_as_a_dead_letter(self, world: World):
        """An account that keeps another address than the one it was given is not asked for ever."""
        world.run()
        reply = '{"contact": {"id": "1", "email": "plain@example.org"}}'
        world.account.fault(operation="sync_contact", status=200, when="after", reply=reply)
        world.shop.do("sign_up", email="plain+tag@example.org")
        world.read()

        _let_time_pass(world, steps=40, span=timedelta(minutes=15))

        assert len(world.box.desk.dead_letters()) == 1
        assert not world.box.deliveries.is_owing()


class TestImports:
    def test_an_import_whose_reply_was_lost_then_a_newer_version(self, world: World):
        """The newer version waits until the lost import is over, and is what rests."""
        world.run()
        world.account.ask("switches", {"import_seconds": 1.0})
        world.account.fault(operation="import_contacts", times=1, when="after", reset=True)
        customers = _sign_up_many(world, 30)
        world.read()
        world.deliver_due()
        world.shop.do("edit", customer=customers[0], first_name="New")

        world.run()

        assert world.contacts()["p0@example.org"]["firstName"] == "New"
        assert len(world.contacts()) == 30
        applied = [each["seq"] for each in world.account.log("import_applied")]
        single = [each["seq"] for each in world.account.log("contact_changed") if each["via"] != "import"]
        assert all(seq > applied[29] for seq in single)

    def test_an_import_that_lands_after_its_deadline_does_not_rest_over_a_newer_version(self, world: World):
        """What was given up and comes all the same is repaired."""
        world.run()
        world.account.ask("switches", {"import_seconds": 5.0})
        customers = _sign_up_many(world, 26)
        world.read()
        world.deliver_due()
        world.account.ask("switches", {"import_seconds": 0.3})
        world.shop.do("edit", customer=customers[0], first_name="New")
        world.read()
        world.pass_time(world.settings.awaiting_deadline)
        world.drain()

        _wait_until(
            lambda: all(each["status"] == "completed" for each in world.account.ask("state")["imports"])
        )
        world.drain()

        assert world.contacts()["p0@example.org"]["firstName"] == "New"

    def test_a_row_that_an_import_refused_in_the_end_goes_alone(self, world: World):
        """An address among the failures of a completed import is sent again, and never 'unchanged'."""
        world.run()
        reply = '{"status": "completed", "success": [], "failure": ["p3@example.org"]}'
        world.account.fault(path="import/info", times=1, status=200, reply=reply)
        _sign_up_many(world, 30)

        world.run()

        counts = world.account.counts()
        assert "unchanged" not in world.outcomes("upsert_contact")
        assert sum(counts["import_contacts"].values()) == 1
        assert sum(sum(counts.get(each, {}).values()) for each in ("sync_contact", "update_contact")) == 1
        assert len(world.contacts()) == 30

    def test_an_import_nobody_can_tell_of_is_given_up_at_its_deadline(self, world: World):
        """An account that answers 404 for an import keeps nobody waiting for ever."""
        world.run()
        world.account.fault(path="import/info", status=404, reply='{"message": "No Result found"}')
        _sign_up_many(world, 30)
        world.read()

        _let_time_pass(world, steps=60, span=timedelta(minutes=10))

        assert world.sql("SELECT * FROM awaiting") == []
        assert not world.box.deliveries.is_owing()
        _wait_until(lambda: len(world.contacts()) == 30)

    def test_a_contact_that_is_refused_in_a_backfill_does_not_go_round(self, world: World):
        """One bad address among the past is one dead letter, and the others arrive."""
        for number in range(3):
            _sign_up_long_ago(world, f"fine{number}@example.org")
        _sign_up_long_ago(world, "odd(name)@example.org")
        world.read()

        world.drain(seconds=12)

        assert sorted(world.contacts()) == [f"fine{number}@example.org" for number in range(3)]
        assert len(world.box.desk.dead_letters()) == 1
        assert sum(world.account.counts()["import_contacts"].values()) <= 2

    def test_a_refusal_that_names_nobody_of_ours_does_not_spin(self, world: World):
        """An import refused for rows we never sent is asked a few times, in ever smaller company."""
        world.run()
        reasons = '[{"contact": 0, "failureReason": "bad"}]'
        reply = f'{{"success": 0, "message": "x", "failureReasons": {reasons}}}'
        world.account.fault(operation="import_contacts", status=400, reply=reply)
        _sign_up_many(world, 30)
        world.read()

        world.box.deliver.deliver(_any_recipient_due(world))

        assert world.account.counts()["import_contacts"]["400"] < 10
        world.drain()
        assert len(world.contacts()) == 30
        assert world.box.desk.dead_letters() == []


class TestFullBatches:
    @pytest.fixture(name="world")
    def _world(self, world_of: Callable[..., World]) -> World:
        """Give a world whose tasks have time to map 250 people, however busy the machine is."""
        limits = {"SOFT": "30", "HARD": "31", "LEASE": "32"}
        return world_of("", **{f"CT_AC_SYNC_{name}_SECONDS": value for name, value in limits.items()})

    def test_250_in_a_batch_with_one_poison_row(self, world: World):
        """One bad row rejects the batch; the rest go out together in one more import."""
        world.shop.ask("shop/fill", {"customers": 249, "orders": 0, "seed": 5})
        _sign_up_long_ago(world, "odd(name)@example.org")

        world.run()

        counts = world.account.counts()
        assert counts["import_contacts"] == {"400": 1, "200": 1}
        assert counts["sync_contact"] == {"422": 1}
        assert len(world.contacts()) == 249
        assert [row["cause"] for row in world.box.desk.causes()] == ["sync_contact: email_invalid"]

    def test_250_in_a_batch_with_one_that_kills_the_worker(self, world: World):
        """Each death halves the company; only who was claimed alone is poison, and the rest arrive."""
        world.shop.ask("shop/fill", {"customers": 249, "orders": 0, "seed": 5})
        _sign_up_long_ago(world, "deadly@example.org")
        deaths = _kill_whoever_sends(world, "deadly@example.org")
        world.account.ask("switches", {"import_seconds": 0.05})
        world.read()

        _let_time_pass(world, steps=300, span=timedelta(seconds=6), pause=0.1)

        in_company = [size for size in deaths if size > 1]
        assert in_company[0] == 250
        assert all(later <= earlier // 2 for earlier, later in itertools.pairwise(in_company))
        # Its last company may have been sent by then: a claim of several, and a call of one.
        alone = deaths[len(in_company) :]
        assert set(alone) == {1}
        assert world.settings.max_crashes <= len(alone) <= world.settings.max_crashes + 1
        assert [(row["cause"], row["letters"]) for row in world.box.desk.causes()] == [("poison", 1)]
        assert len(world.contacts()) == 249

    def test_one_of_the_past_that_kills_the_worker(self, world: World):
        """Whoever dies alone with it in an import goes by a single call next, and is poison soon."""
        _sign_up_long_ago(world, "deadly@example.org")
        deaths = _kill_whoever_sends(world, "deadly@example.org")
        world.read()

        _let_time_pass(world, steps=60, span=timedelta(seconds=40))

        assert set(deaths) == {1}
        assert [row["cause"] for row in world.box.desk.causes()] == ["poison"]
        assert len(deaths) == world.settings.max_crashes


class TestLanes:
    @pytest.mark.real_rate
    def test_a_change_of_now_does_not_wait_behind_a_backfill_that_was_rung(self, world: World):
        """History that was rung first gives way, and whoever signs up now is the first to arrive."""
        doorbell = OwnDoorbell()
        world.rewire(doorbell=doorbell)
        for number in range(40):
            _sign_up_long_ago(world, f"past{number}@example.org")
        world.read()
        world.shop.do("sign_up", email="now@example.org")
        world.read()

        for recipient in doorbell.answer():
            world.box.deliver.deliver(recipient)
        world.drain()

        created = [entry["email"] for entry in world.account.log("contact_created")]
        assert created[0] == "now@example.org"
        assert len(created) == 41

    def test_an_order_of_now_does_not_wait_for_its_customers_backfill(self, world: World):
        """The profile a live order needs goes out alone where no import may be begun."""
        world.account.ask("switches", {"import_seconds": 60.0})
        for wave in range(BatchSizes().imports_outstanding):
            _sign_up_long_ago(world, f"wave{wave}@example.org")
            world.read()
            world.deliver_due()
        buyer = _sign_up_long_ago(world, "buyer@example.org")
        world.read()
        world.deliver_due()
        order = world.shop.do("order", customer=buyer)["id"]
        world.read()

        for _ in range(3):
            world.deliver_due()
            world.pass_time(timedelta(seconds=2))

        assert order in world.orders()
        assert list(world.contacts()) == ["buyer@example.org"]


class TestSurroundings:
    def test_half_a_year_later_everything_is_still_written_down(self, world: World):
        """The ledgers have room for every month in which something happens."""
        world.run()
        world.pass_time(HALF_A_YEAR)
        world.shop.do("sign_up", email="later@example.org")

        world.run()

        assert list(world.contacts()) == ["later@example.org"]
        assert world.outcomes("upsert_contact") == ["applied"]

    def test_a_set_up_that_fails_buries_nobody(self, world: World):
        """While the account's fields cannot be found, customers wait, and arrive when they can."""
        world.read()
        world.account.fault(path="/fields", status=404, reply='{"message": "no"}', times=3)
        _sign_up_many(world, 3)
        world.read()
        world.deliver_due()
        letters = world.box.desk.dead_letters()
        world.account.heal()

        world.budget.resume()
        world.drain()

        assert letters == []
        assert len(world.contacts()) == 3

    def test_an_address_that_cannot_be_one_harms_only_its_own(self, world: World):
        """A guest's one-letter address is a dead letter, and those who were to go with it arrive."""
        world.run()
        world.shop.do("guest_order", email="x")
        _sign_up_many(world, 30)

        world.run()

        assert len(world.contacts()) == 30
        assert len(world.box.desk.dead_letters()) == 1

    def test_what_is_owed_to_another_account_is_not_sent_to_this_one(self, world: World):
        """A database that served another account before keeps that account's debts to itself."""
        world.run()
        world.shop.do("sign_up", email="ours@example.org", first_name="Ours")
        world.run()
        _owe_somebody_at_another_account(world, contact=world.contacts()["ours@example.org"]["id"])

        world.box.dispatch.tick()
        world.deliver_due()

        assert {email: contact["firstName"] for email, contact in world.contacts().items()} == {
            "ours@example.org": "Ours"
        }

    def test_a_ring_for_a_sweep_that_is_over_reads_nothing(self, world: World):
        """A late or doubled ring to go on finds nothing to go on with, and begins no new sweep."""
        world.run()
        before = world.shop.counts()

        subprocess.run(
            [sys.executable, "-c", "from workers.tasks import go_on\nfor _ in range(5): go_on('customers')"],
            env=dict(os.environ) | world.environment | {"REDIS_URL": "redis://127.0.0.1:1/0"},
            check=True,
            timeout=60,
        )

        assert world.shop.counts() == before
