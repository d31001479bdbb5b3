"""The row protocol: interleavings by name, with two holders over one database."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from world import Interposed, World

from ct_ac_sync.domain.delivery import Applied, Claim, Postponed, Result
from ct_ac_sync.ports import Call, CallKind, Page, Stream, Sweep
from ct_ac_sync.store.deliveries import Draft

CALL = Call(kind=CallKind.SYNC_CONTACT, method="POST", path="/contact/sync", body={})


def _claim(world: World) -> Claim:
    rows = world.sql("SELECT recipient FROM recipient WHERE due_at IS NOT NULL ORDER BY recipient")
    claim = world.box.deliveries.claim(rows[0]["recipient"])
    assert claim is not None
    return claim


def _draft(claim: Claim, *, fires: bool = False) -> Draft:
    member = claim.head
    return Draft(member=member, fingerprint="f", version=1, address=None, fires=fires)


def _signed_up(world: World) -> dict[str, object]:
    world.run()
    customer = world.shop.do("sign_up", email="one@example.org")
    world.read()
    return customer


class _InterruptedError(Exception):
    pass


class _StopsAfterOnePage:
    """A source whose process dies after the first page of a sweep was accepted."""

    def __init__(self, source: object) -> None:
        self._source = source
        self.pages = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def fetch_page(self, stream: Stream, sweep: Sweep) -> Page:
        self.pages += 1
        if self.pages > 1:
            raise _InterruptedError
        return self._source.fetch_page(
            stream, Sweep(modified_since=sweep.modified_since, after=sweep.after, limit=5)
        )  # type: ignore[attr-defined,no-any-return]


class TestExtract:
    def test_a_killed_sweep_goes_on_where_it_was(self, world: World):
        """After a death between two pages every record is still read, and the watermark waits."""
        world.shop.ask("shop/fill", {"customers": 12, "orders": 0, "seed": 1})
        source = world.source
        world.rewire(source=_StopsAfterOnePage(source))
        with contextlib.suppress(_InterruptedError):
            world.extract.read(Stream.CUSTOMERS)
        between = world.sql("SELECT watermark, sweep_after FROM stream WHERE stream = 'customers'")[0]

        world.rewire(source=source)
        world.read()

        assert between["watermark"] is None
        assert between["sweep_after"] is not None
        assert world.sql("SELECT count(*) AS n FROM record") == [{"n": 12}]

    @pytest.mark.parametrize(
        ("slice_", "delay", "limits"), [(40, 0, ["100", "200"]), (4, 1.2, ["100", "100", "100"])]
    )
    def test_pages_are_as_large_as_there_is_time_for(
        self, world_of: Callable[..., World], slice_: int, delay: float, limits: list[str]
    ):
        """The first page of a slice is small, and the next is larger only where it was quick."""
        times = {"SLICE": slice_, "SOFT": 50, "HARD": 51, "LEASE": 52}
        world = world_of("", **{f"CT_AC_SYNC_{name}_SECONDS": str(value) for name, value in times.items()})
        world.shop.ask("shop/fill", {"customers": 250, "orders": 0, "seed": 1})
        if delay:
            world.shop.fault(path="/customers", delay_seconds=delay)
        before = world.shop.total()

        while (done := world.extract.read(Stream.CUSTOMERS)) is None or not done.is_done:
            pass

        asked = [
            each["query"] for each in world.shop.calls(after=before) if each["path"].endswith("/customers")
        ]
        assert [each["limit"][0] for each in asked if "limit" in each][: len(limits)] == limits
        assert world.sql("SELECT count(*) AS n FROM record") == [{"n": 250}]

    def test_what_becomes_visible_late_with_an_older_stamp_is_read(self, world: World):
        """The overlap catches a write that queries show after a newer one was read."""
        world.run()
        late = world.shop.do("sign_up", email="late@example.org", visible_after_seconds=3)
        time.sleep(1.1)
        world.shop.do("sign_up", email="newer@example.org", visible_after_seconds=0)
        world.read()
        watermark = world.sql("SELECT watermark FROM stream WHERE stream = 'customers'")[0]["watermark"]
        assert datetime.fromisoformat(late["lastModifiedAt"]) < watermark
        assert world.sql("SELECT FROM record WHERE id = %s", (late["id"],)) == []

        time.sleep(3)
        world.run()

        assert world.contacts()["late@example.org"]["fields"]["CT_CUSTOMER_ID"] == late["id"]

    def test_an_older_version_that_is_shown_later_changes_nothing(self, world: World):
        """What a query that lags shows of a record does not come over what is known of it."""
        customer = _signed_up(world)
        older = world.source.fetch_page(Stream.CUSTOMERS, Sweep(modified_since=None, after=None))
        world.shop.do("edit", customer=customer["id"], last_name="Roe", visible_after_seconds=0)
        world.run()
        stored = "SELECT version, last_modified_at, body FROM record WHERE stream = 'customers'"
        before = world.sql(stored)

        def fetch_page(real: Callable[..., Page], *given: object) -> Page:
            page = real(*given)
            return replace(page, records=older.records) if given[0] is Stream.CUSTOMERS else page

        world.rewire(source=Interposed(world.source, fetch_page=fetch_page))
        world.run()

        assert before[0]["version"] > older.records[0].value.version
        assert world.sql(stored) == before

    def test_a_naive_poller_loses_what_ours_finds(self, world: World):
        """Asking only for what is newer than the newest seen misses a late write for ever."""
        world.run()
        world.shop.do("sign_up", email="late@example.org", visible_after_seconds=0.6)
        time.sleep(0.05)
        world.shop.do("sign_up", email="newer@example.org")
        sweep = Sweep(modified_since=None, after=None)
        seen = [r.value for r in world.source.fetch_page(Stream.CUSTOMERS, sweep).records]
        newest = max(value.last_modified_at for value in seen) + timedelta(milliseconds=1)
        time.sleep(0.8)

        naive = world.source.fetch_page(Stream.CUSTOMERS, Sweep(modified_since=newest, after=None))
        world.run()

        assert [r.value.email for r in naive.records] == []
        assert "late@example.org" in world.contacts()

    def test_two_ticks_of_one_slot_read_once(self, world: World):
        """A second beat finds the slot taken."""
        period = timedelta(hours=1)

        first = world.extract.tick(Stream.CUSTOMERS, period=period)
        second = world.extract.tick(Stream.CUSTOMERS, period=period)

        assert first is not None
        assert second is None

    def test_a_stale_extractor_commits_nothing(self, world: World):
        """Whoever lost the stream's lease is refused by its epoch."""
        hold = world.box.streams.lease("demo-shop", Stream.CUSTOMERS)
        assert hold is not None
        world.pass_time(timedelta(minutes=5))
        later = world.box.streams.lease("demo-shop", Stream.CUSTOMERS)
        assert later is not None
        from ct_ac_sync.store.arrival import Batch
        from ct_ac_sync.store.intake import StaleHoldError

        try:
            world.parts.intake.accept(hold, Batch(arrivals=()), cutover=_now(world), after=None, is_last=True)
        except StaleHoldError:
            refused = True
        else:
            refused = False

        assert refused
        assert world.sql("SELECT watermark FROM stream")[0]["watermark"] is None


def _now(world: World):
    return world.sql("SELECT sync_now() AS now")[0]["now"]


class TestFence:
    def test_one_holder_at_a_time(self, world: World):
        """A leased recipient is not claimed again until its lease runs out."""
        _signed_up(world)
        claim = _claim(world)

        assert world.box.deliveries.claim(claim.head.recipient) is None
        world.pass_time(timedelta(seconds=30))
        assert world.box.deliveries.claim(claim.head.recipient) is not None

    def test_a_stale_worker_finishes_under_an_old_token(self, world: World):
        """Its word is recorded as late, changes no state, and is repaired a lease later."""
        _signed_up(world)
        stale = _claim(world)
        intent = world.box.deliveries.intend(stale, [_draft(stale)], CALL)
        world.pass_time(timedelta(seconds=30))
        fresh = world.box.deliveries.claim(stale.head.recipient)
        assert fresh is not None
        assert intent is not None

        is_ours = world.box.deliveries.finish(
            stale,
            [Result(member=stale.head, outcome=Applied(fingerprint="old", contact="77"))],
            intent=intent,
        )

        entry = world.sql("SELECT applied, fingerprint, repair_at FROM entry")[0]
        assert not is_ours
        assert entry["applied"] == 0
        assert entry["fingerprint"] is None
        assert entry["repair_at"] is not None
        assert "late_applied" in world.outcomes("upsert_contact")
        assert world.sql("SELECT lease_token FROM recipient")[0]["lease_token"] == fresh.token

    def test_an_intent_is_refused_when_little_lease_is_left(self, world: World):
        """A call that could outlive its lease is not sent."""
        _signed_up(world)
        claim = _claim(world)
        world.pass_time(world.settings.lease - world.settings.call)

        assert world.box.deliveries.intend(claim, [_draft(claim)], CALL) is None

    def test_a_newer_version_accepted_while_the_older_is_leased_stays_owed(self, world: World):
        """What came meanwhile is due again when the older is finished."""
        customer = _signed_up(world)
        claim = _claim(world)
        world.shop.do("edit", customer=customer["id"], first_name="Newer")
        world.read()

        world.box.deliveries.finish(claim, [Result(member=claim.head, outcome=Applied(fingerprint="f"))])

        entry = world.sql("SELECT state, wanted > applied AS is_owed FROM entry")[0]
        assert entry == {"state": "open", "is_owed": True}
        world.drain()
        assert world.contacts()["one@example.org"]["firstName"] == "Newer"

    def test_a_takeover_without_an_intent_is_a_plain_retry(self, world: World):
        """A worker that died before it intended anything leaves nothing unclear."""
        _signed_up(world)
        claim = _claim(world)
        world.pass_time(timedelta(seconds=30))

        world.drain()

        assert world.outcomes("upsert_contact") == ["applied"]
        assert claim.head.recipient

    def test_a_poison_entry_is_buried_after_so_many_deaths(self, world: World):
        """Five workers that die with one entry alone make it a dead letter."""
        _signed_up(world)
        for _ in range(6):
            rows = world.sql("SELECT recipient FROM recipient WHERE due_at IS NOT NULL")
            if rows:
                world.box.deliveries.claim(rows[0]["recipient"])
            world.pass_time(timedelta(seconds=30))

        assert [row["cause"] for row in world.box.desk.causes()] == ["poison"]

    def test_a_postponed_recipient_is_not_due_before_its_time(self, world: World):
        """Its next time is a row, and dispatch leaves it alone until then."""
        _signed_up(world)
        claim = _claim(world)
        wait = Postponed(delay=timedelta(seconds=20), counts=True, reason="test")
        world.box.deliveries.finish(claim, [Result(member=claim.head, outcome=wait)])

        before = world.box.deliveries.take_due(window=10, imports=2)
        world.pass_time(timedelta(seconds=21))
        after = world.box.deliveries.take_due(window=10, imports=2)

        assert before == ()
        assert len(after) == 1

    def test_two_dispatchers_ring_once(self, world: World):
        """What one has rung, another leaves alone until the ring has had its time."""
        _signed_up(world)
        world.execute("UPDATE recipient SET rung_until = NULL")

        first, second = (world.box.deliveries.take_due(window=10, imports=2) for _ in range(2))

        assert (len(first), len(second)) == (1, 0)

    @pytest.mark.parametrize("is_known", [True, False], ids=["known to dispatch", "found by the claim"])
    def test_a_ring_that_comes_to_nothing_is_not_waited_for(self, world: World, *, is_known: bool):
        """What is due later by the time its ring is heard is rung anew when it is, and not when the ring's time is up."""
        _signed_up(world)
        world.execute("UPDATE recipient SET rung_until = NULL")
        (ring,) = world.box.deliveries.take_due(window=10, imports=2)
        later = "next_at = sync_now() + interval '20 seconds'"
        world.execute(f"UPDATE entry SET {later} WHERE state = 'open'")
        if is_known:
            world.execute("SELECT refresh_recipients(array_agg(recipient)) FROM recipient")

        claim = world.box.deliveries.claim(ring[0])
        world.pass_time(timedelta(seconds=21))

        assert claim is None
        assert len(world.box.deliveries.take_due(window=10, imports=2)) == 1


class TestTriggers:
    def _placed(self, world: World) -> Claim:
        world.run()
        customer = world.shop.do("sign_up")
        world.run()
        world.shop.do("order", customer=customer["id"])
        world.read()
        return _claim(world)

    def test_the_trigger_is_written_down_before_the_call(self, world: World):
        """Between intent and end the ledger holds the key, so a death there is not repeated."""
        claim = self._placed(world)

        world.box.deliveries.intend(claim, [_draft(claim, fires=True)], CALL)

        assert world.sql("SELECT state FROM trigger_ledger") == [{"state": "intended"}]

    def test_a_death_after_the_intent_is_read_back(self, world: World):
        """The next holder looks there before anything may start again."""
        claim = self._placed(world)
        world.box.deliveries.intend(claim, [_draft(claim, fires=True)], CALL)
        world.pass_time(timedelta(seconds=30))

        world.drain()

        assert world.account.log("automation_started") == []
        assert len(world.box.desk.parked()) == 1

    def test_a_key_is_taken_once(self, world: World):
        """An order whose key is in the ledger goes out as historical."""
        claim = self._placed(world)
        world.execute(
            "INSERT INTO trigger_ledger (destination, kind, business_key, state) VALUES (%s, 'order_placed', %s, 'happened')",
            (claim.destination, claim.head.business_key),
        )
        world.box.deliveries.release(claim)

        world.drain()

        assert world.account.log("automation_started") == []
        assert len(world.orders()) == 1
