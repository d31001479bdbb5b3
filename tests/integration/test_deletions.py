"""Who is deleted in the shop is taken leave of as declared, once it is certain, and does not come back by accident."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from configurations import NUMBER, PROFILE, SHOP, TWO_STORES, route
from events_world import BEHIND, EVENT_HOST, EventWorld, access, put_back
from world import Interposed, World

from ct_ac_sync.cli.deletions import deletions as command
from ct_ac_sync.errors import ServerError
from ct_ac_sync.ports import Stream
from ct_ac_sync.sync.deletions import Deletions

Making = Callable[..., World]
Opening = Callable[..., EventWorld]
ANN, BOB = "ann@example.org", "bob@example.org"
MINUTE = timedelta(seconds=61)
LEAVE, UNSUBSCRIBE, DELETE, CANCEL = "leave", "unsubscribe", "delete_contact", "cancel"
SUMS = """
[[fields]]
perstag = "CT_ORDERS"
title = "Orders"
from = "orders.count"
"""
TRACKING = """
[[events]]
on = ["customer_deleted", "order_deleted", "order_placed"]
tracking = { name = "told", value = "{event.kind} {event.key}" }
"""


def configuration(policy: str, *, events: str = TRACKING, orders: str = LEAVE) -> str:
    """Return a file that declares what becomes of the deleted."""
    declared = f'\n[deletions]\ncustomers = "{policy}"\norders = "{orders}"\n'
    return SHOP + EVENT_HOST + route("all", "main") + PROFILE + NUMBER + SUMS + events + declared


@pytest.fixture(name="opened")
def _opened(world_of: Making, account_url: str, database_url: str) -> Opening:
    """Give what opens a world with a policy, in which what is past is read."""

    def opened(
        policy: str, *, has_messages: bool = True, events: str = TRACKING, orders: str = LEAVE
    ) -> EventWorld:
        put_back(database_url)
        world = world_of(configuration(policy, events=events, orders=orders), **access(account_url))
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
        return EventWorld(world, has_messages=has_messages)

    return opened


def _deletions(events: EventWorld) -> Deletions:
    return events.world.extract.deletions


def _signed_up(events: EventWorld, email: str = ANN, **given: Any) -> str:
    """Let somebody sign up and be known there; return the id."""
    customer = events.do("sign_up", email=email, **given)
    events.sync()
    return str(customer["id"])


def _ordered(events: EventWorld, customer: str) -> str:
    """Let a customer order; return the order's id."""
    order = events.do("order", customer=customer)
    events.sync()
    return str(order["id"])


def _listed(events: EventWorld, email: str = ANN) -> str:
    """Put a contact on two lists, by hand; return the contact's id."""
    contact = str(events.world.contacts()[email]["id"])
    for name in ("news", "offers"):
        given = {"name": name, "stringid": name, "sender_url": "https://example.org", "sender_reminder": "x"}
        list_ = events.account.by_hand("POST", "/lists", {"list": given})["list"]["id"]
        membership = {"contact": contact, "list": list_, "status": 1}
        events.account.by_hand("POST", "/contactLists", {"contactList": membership})
    return contact


def _statuses(events: EventWorld, contact: str) -> list[str]:
    """Return how a contact stands on its lists."""
    rows = events.account.by_hand("GET", f"/contacts/{contact}/contactLists")["contactLists"]
    return [str(row["status"]) for row in rows]


def _settle(events: EventWorld) -> None:
    """Look twice, a minute apart, and do all that follows."""
    events.sync()
    _deletions(events).tick()
    events.pass_time(MINUTE)
    _deletions(events).tick()
    events.sync()
    _deletions(events).tick()
    events.sync()


def _delete(events: EventWorld, **whom: str) -> None:
    """Delete somebody, or something, and let it become certain."""
    events.do("delete", **whom)
    _settle(events)


def _gone(events: EventWorld) -> list[str]:
    """Return the ids that are known to be gone."""
    return [row["id"] for row in events.world.sql("SELECT id FROM record WHERE gone_at IS NOT NULL")]


def _told(events: EventWorld) -> list[list[str]]:
    """Return kind and key of what the account was told of."""
    return [row["value"].split()[:2] for row in events.account.log("event_tracked")]


def _said(events: EventWorld, monkeypatch: pytest.MonkeyPatch, what: str) -> Any:
    """Return what a command says, behind what it logs."""
    for name, value in events.world.environment.items():
        monkeypatch.setenv(name, value)
    output = CliRunner().invoke(command, [what, "--json"]).output
    return json.loads(output[output.index("{\n") :])


def _candidates(events: EventWorld) -> list[str]:
    return [row["id"] for row in _deletions(events).book.candidates()]


class TestPolicies:
    def test_a_contact_is_deleted(self, opened: Opening):
        """Where the file says so, the contact of a deleted customer is deleted, after that was told."""
        events = opened(DELETE)
        ann, _ = _signed_up(events), _signed_up(events, BOB)

        _delete(events, customer=ann)

        assert set(events.world.contacts()) == {BOB}
        assert _gone(events) == [ann]
        assert _told(events) == [["customer_deleted", ann]]
        effects = [row["kind"] for row in events.account.log()]
        assert effects.index("event_tracked") < effects.index("contact_deleted")

    def test_a_contact_is_unsubscribed_from_all_lists(self, opened: Opening):
        """Where the file says so, each membership ends by a call of its own, and the contact stays."""
        events = opened(UNSUBSCRIBE)
        ann = _signed_up(events)
        contact = _listed(events)

        _delete(events, customer=ann)

        assert _statuses(events, contact) == ["2", "2"]
        assert ANN in events.world.contacts()

    def test_a_contact_is_left(self, opened: Opening):
        """Without a word in the file the contact stays as it is, and so do its lists."""
        events = opened(LEAVE)
        ann = _signed_up(events)
        contact = _listed(events)
        before = events.world.contacts()[ANN]

        _delete(events, customer=ann)

        assert events.world.contacts()[ANN] == before
        assert _statuses(events, contact) == ["1", "1"]
        assert _gone(events) == [ann]

    def test_no_events_are_needed(self, opened: Opening):
        """A policy holds where nobody is told of events, too."""
        events = opened(DELETE, events="")
        ann = _signed_up(events)

        _delete(events, customer=ann)

        assert events.world.contacts() == {}
        assert events.world.sql("SELECT FROM event WHERE told_at IS NULL") == []

    def test_a_policy_is_not_for_those_who_went_before(self, opened: Opening):
        """Who was left once stays, should the file say otherwise later."""
        events = opened(LEAVE)
        _delete(events, customer=_signed_up(events))

        events.world.configure(configuration(DELETE))
        _settle(events)

        assert ANN in events.world.contacts()

    def test_whoever_has_no_contact_is_passed_over(self, opened: Opening):
        """A contact that somebody deleted by hand needs no call, and is no dead letter."""
        events = opened(DELETE)
        ann = _signed_up(events)
        events.account.by_hand("DELETE", f"/contacts/{events.world.contacts()[ANN]['id']}")

        _delete(events, customer=ann)

        assert events.world.contacts() == {}
        assert events.world.box.desk.dead_letters() == []

    def test_the_monthly_limit_is_waited_for(self, opened: Opening):
        """Beyond the account's limit a deletion waits for a day, whatever else goes on, and is then done."""
        events = opened(DELETE)
        ann = _signed_up(events)
        events.account.ask("delete_limit", {"limit": 0})
        before = events.account.total()
        events.do("delete", customer=ann)
        events.sync()
        _deletions(events).tick()
        events.pass_time(MINUTE)
        for _ in range(4):
            _deletions(events).tick()
            events.read()
            events.deliver()

        refused = [
            call for call in events.account.calls(after=before) if call["operation"] == "delete_contact"
        ]
        assert len(refused) == 1
        assert _signed_up_without_draining(events, BOB) in events.world.contacts()

        events.account.ask("delete_limit", {"limit": None})
        events.pass_time(timedelta(days=1))
        events.sync()
        assert set(events.world.contacts()) == {BOB}


def _signed_up_without_draining(events: EventWorld, email: str) -> str:
    events.do("sign_up", email=email)
    events.read()
    events.deliver()
    return email


class TestProof:
    def test_a_sweep_of_ids_finds_what_no_message_tells(self, opened: Opening):
        """Without messages, what is stored and not among the ids is gone, once it is certain."""
        events = opened(DELETE, has_messages=False)
        ann, _ = _signed_up(events), _signed_up(events, BOB)
        events.do("delete", customer=ann)
        events.sync()
        assert _candidates(events) == []

        assert _deletions(events).sweep() == 2
        assert _candidates(events) == [ann]
        _settle(events)

        assert set(events.world.contacts()) == {BOB}

    def test_it_is_swept_once_a_week(self, opened: Opening):
        """A sweep comes by itself, and not again before a week has passed."""
        events = opened(LEAVE, has_messages=False)
        ann = _signed_up(events)
        _deletions(events).tick()
        events.do("delete", customer=ann)
        events.sync()
        _deletions(events).tick()
        assert _candidates(events) == []

        events.pass_time(timedelta(days=7))
        events.sync()
        _deletions(events).tick()

        assert _candidates(events) == [ann]

    def test_a_sweep_goes_on_where_it_was(self, opened: Opening):
        """A sweep that is cut short begins at its place, and misses nobody whom it saw before."""
        events = opened(LEAVE, has_messages=False)
        ids = [_signed_up(events, f"{number}@example.org") for number in range(3)]
        source, asked = events.world.source, list[str | None]()

        def page_ids(real: Callable[..., tuple[str, ...]], stream: Stream, after: str | None) -> Any:
            asked.append(after)
            if len(asked) == 2:
                raise ServerError("away")
            return real(stream, after)[:1]

        events.world.rewire(source=Interposed(source, page_ids=page_ids))
        with pytest.raises(ServerError):
            _deletions(events).sweep([Stream.CUSTOMERS])
        assert _deletions(events).sweep([Stream.CUSTOMERS]) == 1

        assert asked[2] == asked[1]
        assert sorted(set(filter(None, asked))) == sorted(ids)
        assert _candidates(events) == []

    def test_one_absence_is_no_proof(self, opened: Opening):
        """Who is there at the second look was never gone."""
        events = opened(DELETE)
        ann = _signed_up(events)
        looks: list[str] = []

        def is_gone(real: Callable[..., bool], stream: Stream, id_: str) -> bool:
            looks.append(id_)
            return len(looks) == 1 or real(stream, id_)

        events.world.rewire(source=Interposed(events.world.source, is_gone=is_gone))
        events.world.execute(
            "INSERT INTO gone_candidate (source, stream, id, because, gone_at)"
            " VALUES (%s, 'customers', %s, 'sweep', sync_now())",
            (events.world.project, ann),
        )
        _settle(events)

        assert looks == [ann, ann]
        assert (_gone(events), _candidates(events)) == ([], [])
        assert ANN in events.world.contacts()

    def test_two_looks_are_a_minute_apart(self, opened: Opening):
        """However often it is looked, nobody is gone within a minute."""
        events = opened(DELETE)
        ann = _signed_up(events)
        events.do("delete", customer=ann)
        events.sync()

        for _ in range(3):
            _deletions(events).tick()

        assert (_gone(events), _candidates(events)) == ([], [ann])

    def test_a_project_that_cannot_be_read_proves_nothing(self, opened: Opening):
        """While queries fail, a second absence by id is not believed, and the candidate waits."""
        events = opened(DELETE)
        ann = _signed_up(events)
        events.do("delete", customer=ann)
        events.sync()
        _deletions(events).tick()
        events.pass_time(MINUTE)
        source = events.world.source

        def page_ids(_: object, *__: object) -> tuple[str, ...]:
            raise ServerError("away")

        events.world.rewire(source=Interposed(source, page_ids=page_ids))
        with pytest.raises(ServerError):
            _deletions(events).tick()
        assert (_gone(events), _candidates(events)) == ([], [ann])

        events.world.rewire(source=source)
        events.pass_time(MINUTE)
        _settle(events)
        assert _gone(events) == [ann]

    def test_much_that_is_missing_waits_for_a_human(self, opened: Opening, monkeypatch: pytest.MonkeyPatch):
        """Too many absences halt all deletions of the project, in sight, until a human resumes them."""
        events = opened(DELETE, has_messages=False)
        ids = sorted(_signed_up(events, f"{number}@example.org") for number in range(7))
        for each in ids[:6]:
            events.do("delete", customer=each)
        events.sync()

        _deletions(events).sweep()
        _settle(events)
        streams = events.world.box.views.status()["streams"]
        assert [row["halted"] for row in streams if row["halted"]] == ["6 of 7 customers are missing"]
        assert len(events.world.contacts()) == 7
        listed = _said(events, monkeypatch, "list")
        assert [row["stream"] for row in listed["halted"]] == ["customers by id"]
        assert sorted(row["id"] for row in listed["candidates"]) == ids[:6]

        events.world.box.streams.resume(events.world.project)
        _settle(events)
        assert len(events.world.contacts()) == 1

    def test_the_command_sweeps_now(self, opened: Opening, monkeypatch: pytest.MonkeyPatch):
        """A human may have all ids read before the week is over."""
        events = opened(LEAVE, has_messages=False)
        ann = _signed_up(events)
        events.do("delete", customer=ann)
        events.sync()

        swept = _said(events, monkeypatch, "sweep")

        assert swept == {"swept": {events.world.project: 2}}
        assert _candidates(events) == [ann]


class TestShared:
    def test_a_shared_contact_is_kept(self, opened: Opening):
        """Of two customers under one address one goes: the contact stays, and shows the other."""
        events = opened(DELETE)
        one, other = _signed_up(events, store="de"), _signed_up(events, store="ch")

        _delete(events, customer=one)

        assert events.world.contacts()[ANN]["fields"]["CT_CUSTOMER_ID"] == other
        assert ("fact", "shared") in events.world.reasons("skipped")

    def test_when_the_last_one_goes_the_contact_goes(self, opened: Opening):
        """Once both are gone nobody shares it any more."""
        events = opened(DELETE)
        for each in [_signed_up(events, store="de"), _signed_up(events, store="ch")]:
            _delete(events, customer=each)

        assert events.world.contacts() == {}

    def test_each_account_is_asked_for_itself(self, world_of: Making, account_url: str):
        """Who shares a contact in one account keeps none in another."""
        world = world_of(TWO_STORES + f'\n[deletions]\ncustomers = "{DELETE}"\n', accounts=["swiss"])
        world.shop.ask("messages", {"enabled": True})
        world.run()
        one = world.shop.do("sign_up", email=ANN, store="de")
        world.shop.do("sign_up", email=ANN, store="ch")
        world.run()
        world.shop.do("delete", customer=one["id"])
        world.run()
        for _ in range(3):
            world.extract.deletions.tick()
            world.pass_time(MINUTE)
            world.run()

        assert ANN not in world.contacts()
        assert ANN in world.accounts["swiss"].contacts()


class TestComingBack:
    @pytest.fixture(name="left", params=[DELETE])
    def _left(self, opened: Opening, request: pytest.FixtureRequest) -> tuple[EventWorld, str, str]:
        """Give a world that somebody with an order has left, with the ids of both."""
        events = opened(str(request.param))
        ann = _signed_up(events)
        order = _ordered(events, ann)
        _delete(events, customer=ann)
        assert events.world.contacts() == {}
        return events, ann, order

    def test_no_change_of_an_order_brings_somebody_back(self, left: tuple[EventWorld, str, str]):
        """An order that goes on, or is paid, starts nothing and makes no contact."""
        events, _, order = left
        told = len(events.account.log("event_tracked"))
        for kind in ("pay", "ship", "complete"):
            events.do(kind, order=order)
            events.sync()

        assert events.world.contacts() == {}
        assert len(events.account.log("event_tracked")) == told

    def test_an_order_that_is_read_late_does_not(self, opened: Opening):
        """An order of the deleted that nobody had seen before makes no contact."""
        events = opened(DELETE, has_messages=False)
        ann = _signed_up(events)
        order = events.do("order", customer=ann)
        events.do("delete", customer=ann)
        _deletions(events).sweep()
        for _ in range(3):
            _deletions(events).tick()
            events.pass_time(MINUTE)
        _settle(events)

        assert (_gone(events), _candidates(events)) == ([ann], [])
        assert order["id"] not in events.world.orders()
        assert events.world.contacts() == {}

    def test_no_remap_brings_somebody_back(self, left: tuple[EventWorld, str, str]):
        """Whatever the file says by now, all that is known is mapped without the deleted."""
        events, _, _ = left
        events.world.configure(configuration(DELETE).replace("CT_CUSTOMER_ID", "CT_NUMBER"))
        events.world.box.remap.run()
        events.sync()

        assert events.world.contacts() == {}

    def test_no_replay_brings_somebody_back(self, opened: Opening):
        """A dead letter of the deleted that is replayed comes to nothing."""
        events = opened(DELETE)
        ann = _signed_up(events)
        events.account.fault(operation="graphql", body="mutation", status=422)
        order = events.do("order", customer=ann)
        events.read()
        events.deliver()
        events.account.heal()
        _delete(events, customer=ann)
        desk = events.world.box.desk
        desk.replay([row["dead_letter"] for row in desk.dead_letters()], actor="test", reason="mended")
        events.sync()

        assert events.world.contacts() == {}
        assert order["id"] not in events.world.orders()

    def test_a_new_sign_up_passes(self, left: tuple[EventWorld, str, str]):
        """Who signs up anew under the address is a new person, with nothing of the former's."""
        events, ann, _ = left
        again = _signed_up(events)

        fields = events.world.contacts()[ANN]["fields"]
        assert again != ann
        assert (fields["CT_CUSTOMER_ID"], fields["CT_ORDERS"]) == (again, "0")
        order = _ordered(events, again)
        assert order in events.world.orders()

    def test_a_sign_up_just_before_the_deletion_is_kept(self, opened: Opening):
        """Who comes back while their deletion waits keeps the contact, whatever was decided before."""
        events = opened(DELETE)
        ann = _signed_up(events)
        events.account.ask("delete_limit", {"limit": 0})
        events.do("delete", customer=ann)
        events.sync()
        _deletions(events).tick()
        events.pass_time(MINUTE)
        for _ in range(3):
            _deletions(events).tick()
            events.read()
            events.deliver()
        events.do("sign_up", email=ANN)
        events.account.ask("delete_limit", {"limit": None})
        events.sync()
        events.pass_time(timedelta(days=2))
        events.sync()

        assert ANN in events.world.contacts()
        assert ("fact", "shared") in events.world.reasons("skipped")

    def test_a_guest_who_buys_later_passes(self, left: tuple[EventWorld, str, str]):
        """A purchase after the deletion, that names no deleted customer, is a genuine one."""
        events, _, _ = left
        order = events.do("guest_order", email=ANN)
        events.sync()

        assert order["id"] in events.world.orders()
        assert events.world.contacts()[ANN]["fields"]["CT_ORDERS"] == "1"

    def test_a_guest_who_bought_before_does_not(self, opened: Opening):
        """A purchase under the address from before the deletion goes with it."""
        events = opened(DELETE)
        ann = _signed_up(events)
        order = events.do("guest_order", email=ANN)
        events.sync()

        _delete(events, customer=ann)
        events.do("pay", order=order["id"])
        events.sync()

        assert events.world.contacts() == {}


class TestOrders:
    def test_a_deleted_order_counts_no_more(self, opened: Opening):
        """An order that is gone is told of, and is no part of its customer's sums."""
        events = opened(DELETE)
        ann = _signed_up(events)
        kept, gone = _ordered(events, ann), _ordered(events, ann)
        assert events.world.contacts()[ANN]["fields"]["CT_ORDERS"] == "2"

        _delete(events, order=gone)

        assert events.world.contacts()[ANN]["fields"]["CT_ORDERS"] == "1"
        assert _told(events)[-1] == ["order_deleted", gone]
        assert kept in events.world.orders()

    def test_an_order_is_found_by_a_sweep(self, opened: Opening):
        """Orders are swept as customers are."""
        events = opened(LEAVE, has_messages=False)
        gone = _ordered(events, _signed_up(events))
        events.do("delete", order=gone)
        events.sync()

        _deletions(events).sweep([Stream.ORDERS])
        _settle(events)

        assert _gone(events) == [gone]
        assert events.world.contacts()[ANN]["fields"]["CT_ORDERS"] == "0"


def _order_there(events: EventWorld, order: str) -> tuple[str, str, str]:
    """Return status, raw status and mark of an order there."""
    found = events.world.orders()[order]
    return found["normalizedStatus"], found["storeStatus"], found["creationSource"]


def _upserts(events: EventWorld) -> int:
    """Return how often orders were written so far."""
    return sum("mutation" in str(call["request_body"]) for call in events.account.calls())


def _started(events: EventWorld) -> list[str]:
    """Return what orders have started there so far."""
    rows = events.account.log("automation_started")
    return [row["trigger"] for row in rows if "order" in row["trigger"] or "purchase" in row["trigger"]]


class TestCancelled:
    @pytest.fixture(name="lived")
    def _lived(self, opened: Opening) -> tuple[EventWorld, str, str, str]:
        """Give a world that cancels what is deleted, with a customer and two of her orders."""
        events = opened(LEAVE, orders=CANCEL)
        ann = _signed_up(events)
        return events, ann, _ordered(events, ann), _ordered(events, ann)

    def test_an_order_is_left(self, opened: Opening):
        """Without a word in the file an order stays there as it is."""
        events = opened(LEAVE)
        order = _ordered(events, _signed_up(events))
        before = events.world.orders()[order]

        _delete(events, order=order)

        assert events.world.orders()[order] == before
        assert _gone(events) == [order]

    def test_an_order_is_cancelled(self, lived: tuple[EventWorld, str, str, str]):
        """Where the file says so it is cancelled there, starts nothing, and counts in no sum of its customer."""
        events, _, kept, gone = lived
        before, started = events.world.orders()[kept], _started(events)

        _delete(events, order=gone)

        assert _order_there(events, gone) == ("CANCELLED", "Deleted", "HISTORICAL")
        assert events.world.orders()[kept] == before
        assert _started(events) == started
        assert events.world.contacts()[ANN]["fields"]["CT_ORDERS"] == "1"
        assert _told(events)[-1] == ["order_deleted", gone]

    def test_it_is_cancelled_once(self, lived: tuple[EventWorld, str, str, str]):
        """However often it is looked and read, one call cancels it, and a remap sends nothing more."""
        events, _, _, gone = lived
        before = _upserts(events)
        _delete(events, order=gone)

        _settle(events)
        said = events.world.box.remap.compare().entries
        events.world.box.remap.run()
        events.sync()

        assert _upserts(events) == before + 1
        assert not [key for key in said if key[2] == "sent"]

    def test_no_older_version_brings_it_back(self, lived: tuple[EventWorld, str, str, str]):
        """A version that comes late, by a query or with a payment, changes nothing there and counts nowhere."""
        events, _, _, gone = lived
        (body,) = [row["body"] for row in events.world.sql("SELECT body FROM record WHERE id = %s", (gone,))]
        _delete(events, order=gone)
        before = _upserts(events)

        late = dict(body) | {"version": body["version"] + 1, "orderState": "Complete"}
        events.shop.put("order", **late)
        events.pass_time(timedelta(seconds=2))
        events.world.extract.read_again(Stream.ORDERS, [gone])
        events.sync()

        assert _order_there(events, gone)[0] == "CANCELLED"
        assert _upserts(events) == before
        assert events.world.contacts()[ANN]["fields"]["CT_ORDERS"] == "1"

    def test_a_sweep_finds_it_too(self, opened: Opening):
        """Without messages the sweep of ids leads to the same."""
        events = opened(LEAVE, has_messages=False, orders=CANCEL)
        gone = _ordered(events, _signed_up(events))
        events.do("delete", order=gone)
        events.sync()

        _deletions(events).sweep([Stream.ORDERS])
        _settle(events)

        assert _order_there(events, gone)[0] == "CANCELLED"

    def test_much_that_is_missing_waits_for_a_human(self, opened: Opening):
        """Too many absent orders halt, in sight, and none is cancelled until a human resumes."""
        events = opened(LEAVE, has_messages=False, orders=CANCEL)
        ann = _signed_up(events)
        ids = [str(events.do("order", customer=ann)["id"]) for _ in range(7)]
        events.sync()
        for each in ids[:6]:
            events.do("delete", order=each)
        events.sync()

        _deletions(events).sweep([Stream.ORDERS])
        _settle(events)
        statuses = {_order_there(events, each)[1] for each in ids}
        assert "Deleted" not in statuses
        streams = events.world.box.views.status()["streams"]
        assert [row["halted"] for row in streams if row["halted"]] == ["6 of 7 orders are missing"]

        events.world.box.streams.resume(events.world.project)
        _settle(events)
        assert [_order_there(events, each)[1] == "Deleted" for each in ids] == [True] * 6 + [False]

    def test_one_absence_is_no_proof(self, lived: tuple[EventWorld, str, str, str]):
        """An order that is there at the second look is not cancelled."""
        events, _, kept, _ = lived
        looks: list[str] = []

        def is_gone(real: Callable[..., bool], stream: Stream, id_: str) -> bool:
            looks.append(id_)
            return len(looks) == 1 or real(stream, id_)

        events.world.rewire(source=Interposed(events.world.source, is_gone=is_gone))
        events.world.execute(
            "INSERT INTO gone_candidate (source, stream, id, because, gone_at)"
            " VALUES (%s, 'orders', %s, 'sweep', sync_now())",
            (events.world.project, kept),
        )
        _settle(events)

        assert looks == [kept, kept]
        assert _order_there(events, kept)[1] != "Deleted"

    def test_what_never_went_out_is_not_made(self, opened: Opening):
        """An order that was refused there before it was deleted is not made to be cancelled."""
        events = opened(LEAVE, orders=CANCEL)
        ann = _signed_up(events)
        events.account.fault(operation="graphql", body="mutation", status=422)
        order = events.do("order", customer=ann)
        events.read()
        events.deliver()
        events.account.heal()

        _delete(events, order=order["id"])

        assert order["id"] not in events.world.orders()
        assert events.world.box.desk.dead_letters() == []
        assert ("upsert_order", "gone") in events.world.reasons("skipped")

    def test_a_guests_order_is_cancelled(self, opened: Opening):
        """Of a guest, of whom nothing is left then, the order is cancelled, and the contact stays."""
        events = opened(LEAVE, orders=CANCEL)
        order = events.do("guest_order", email=BOB)
        events.sync()
        contact = events.world.contacts()[BOB]["id"]

        _delete(events, order=order["id"])

        assert _order_there(events, order["id"])[0] == "CANCELLED"
        assert events.world.contacts()[BOB]["id"] == contact

    def test_nobody_comes_back_with_their_orders(self, opened: Opening):
        """Where the customer is gone as well, and the contact with them, their orders are left alone."""
        events = opened(DELETE, orders=CANCEL)
        ann = _signed_up(events)
        order = _ordered(events, ann)
        _delete(events, customer=ann)
        before = _upserts(events)

        _delete(events, order=order)

        assert _upserts(events) == before
        assert events.world.contacts() == {}
        assert sorted(_gone(events)) == sorted([ann, order])

    def test_a_policy_is_not_for_those_that_went_before(self, opened: Opening):
        """What was left once stays, should the file say otherwise later."""
        events = opened(LEAVE)
        order = _ordered(events, _signed_up(events))
        _delete(events, order=order)
        before = _upserts(events)

        events.world.configure(configuration(LEAVE, orders=CANCEL))
        _settle(events)
        events.world.box.remap.run()
        events.sync()

        assert _upserts(events) == before

    def test_a_preview_shows_it(self, lived: tuple[EventWorld, str, str, str]):
        """Before it is sent the call that cancels is shown; after that it is unchanged."""
        events, _, _, gone = lived
        events.account.fault(operation="graphql", body="mutation", status=503)
        events.do("delete", order=gone)
        events.read()
        _deletions(events).tick()
        events.pass_time(MINUTE)
        _deletions(events).tick()

        look = events.world.look(gone).looks[-1]
        order = look.calls[0]["body"]["variables"]["order"]
        assert (order["normalizedStatus"], order["creationSource"]) == ("CANCELLED", "HISTORICAL")

        events.account.heal()
        events.sync()
        assert events.world.look(gone).looks[-1].verdict == "unchanged"
