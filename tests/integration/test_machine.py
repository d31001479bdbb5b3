"""The row protocol as a state machine: whatever happens in whatever order, nothing is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import NOBODY_ASKED, NOTHING_NOTICED

from ct_ac_sync.domain.delivery import (
    Accepted,
    Applied,
    Buried,
    Claim,
    Found,
    ImportEnd,
    ImportRow,
    Member,
    Outcome,
    Parked,
    Postponed,
    Result,
    Unclear,
    Unfound,
    outcome_of_import,
)
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.ports import Call, CallKind, Stream
from ct_ac_sync.store.arrival import Arrival, Batch
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.deliveries import Deliveries, Draft, TriggerTakenError
from ct_ac_sync.store.desk import Desk
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.scribe import DeliveryTimes, Intent
from ct_ac_sync.store.streams import Streams

SECOND = timedelta(seconds=1)
BORN = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = DeliveryTimes(
    call=SECOND * 4, lease=SECOND * 10, rung=SECOND * 5, awaiting_deadline=SECOND * 30,
    readbacks=(SECOND, SECOND, SECOND),
)  # fmt: skip

TABLES = (
    "stream, poll_slot, person, identifier, record, tombstone, pending_move, awaiting, recipient, held_address,"
    " entry, intent, trigger_ledger, unlinked_contact, dead_letter, attempt, outcome, sighting, budget, destination,"
    " tally, tally_mark, upkeep"
)

#: Set by the fixture: the database that all examples share, emptied before each.
DATABASE: list[Database] = []


class Protocol(RuleBasedStateMachine):
    """Extractors, workers, zombies and an operator over one database."""

    @initialize()
    def empty(self) -> None:
        """Begin with nothing."""
        self.database = DATABASE[0]
        with self.database.transaction() as connection:
            connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
            connection.execute("UPDATE clock SET shift = '0'")
        Budget(self.database, destination="d", breaker=SECOND).ensure({"calls": SECOND / 100})
        self.streams = Streams(self.database, lease=SECOND * 5)
        self.intake = Intake(
            self.database,
            destinations=["d"],
            config="c",
            lease=SECOND * 5,
            noticing=NOTHING_NOTICED,
            consent=NOBODY_ASKED,
        )
        self.deliveries = Deliveries(
            self.database, destinations=["d"], times=TIMES, config="c", max_crashes=50
        )
        self.desk = Desk(self.database)
        self.versions: dict[str, int] = {}
        self.claims: list[tuple[Claim, Intent | None, tuple[Draft, ...]]] = []
        self.fired: list[str] = []
        self.applied: dict[int, int] = {}

    # -- what happens -----------------------------------------------------------------

    def _accept(self, arrival: Arrival) -> None:
        hold = self.streams.lease("s", arrival.stream)
        assert hold is not None
        self.intake.accept(hold, Batch(arrivals=[arrival]), cutover=BORN, after=None, is_last=False)
        self.streams.release(hold)

    def _arrival(self, stream: Stream, id_: str, address: str, customer: str | None) -> Arrival:
        self.versions[id_] = self.versions.get(id_, 0) + 1
        moment = BORN + SECOND * len(self.versions)
        return Arrival(
            stream=stream, id=id_, version=self.versions[id_], created_at=moment,
            last_modified_at=moment + SECOND, address=address, customer_id=customer, starts_nothing=False,
            destinations=("d",), body={},
        )  # fmt: skip

    @rule(number=st.integers(0, 3), address=st.integers(0, 4))
    def customer_changes(self, number: int, address: int) -> None:
        """A customer signs up, is edited, or takes an address, perhaps somebody's."""
        self._accept(self._arrival(Stream.CUSTOMERS, f"c{number}", f"a{address}@x.org", None))

    @rule(number=st.integers(0, 4), buyer=st.integers(0, 3), is_guest=st.booleans())
    def order_changes(self, number: int, buyer: int, is_guest: bool) -> None:  # noqa: FBT001
        """An order is placed or changes; its buyer is a customer that is known, or a guest."""
        known = f"c{buyer}" in self.versions and not is_guest
        customer = f"c{buyer}" if known else None
        self._accept(self._arrival(Stream.ORDERS, f"o{number}", f"a{buyer}@x.org", customer))

    @rule(seconds=st.sampled_from([1, 4, 11, 25]))
    def time_passes(self, seconds: int) -> None:
        """Leases run out, retries come due."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE clock SET shift = shift + %s", (SECOND * seconds,))

    @rule()
    def dispatch(self) -> None:
        """Ring; the rings are lost."""
        self.intake.settle_moves("s")
        self.deliveries.take_due(window=5, imports=2)

    @rule(pick=st.integers(0, 10), in_company=st.booleans())
    def claim(self, pick: int, in_company: bool) -> None:  # noqa: FBT001
        """A worker claims something that may be due, perhaps with neighbours."""
        rows = self.database.fetch("SELECT recipient FROM recipient ORDER BY recipient")
        if not rows:
            return
        claim = self.deliveries.claim(rows[pick % len(rows)]["recipient"])
        if claim is None:
            return
        if in_company and claim.head.unclear is None:
            claim = self.deliveries.claim_neighbours(claim, limit=3, portion=2)
        self.claims.append((claim, None, ()))

    @precondition(lambda self: any(intent is None for _, intent, _ in self.claims))
    @rule(pick=st.integers(0, 10), is_import=st.booleans())
    def intend(self, pick: int, is_import: bool) -> None:  # noqa: FBT001
        """A worker commits what it is about to send."""
        open_ = [
            n
            for n, (claim, intent, _) in enumerate(self.claims)
            if intent is None and claim.head.unclear is None
        ]
        if not open_:
            return
        place = open_[pick % len(open_)]
        claim = self.claims[place][0]
        is_import = is_import and claim.head.operation == "upsert_contact"
        kind = CallKind.IMPORT_CONTACTS if is_import else CallKind.UPSERT_ORDER
        drafts = tuple(
            Draft(member=m, fingerprint=f"f{m.wanted}", version=1, fires=m.fires) for m in claim.members
        )
        call = Call(kind=kind, method="POST", path="/", body={}, members=len(drafts))
        try:
            intent = self.deliveries.intend(claim, drafts, call)
        except TriggerTakenError:
            self.deliveries.stop_firing(claim)
            self.deliveries.release(claim)
            intent = None
        if intent is None:
            del self.claims[place]
            return
        self.fired += [d.member.business_key for d in drafts if d.fires]
        self.claims[place] = (claim, intent, drafts)

    @precondition(lambda self: any(intent is not None for _, intent, _ in self.claims))
    @rule(pick=st.integers(0, 10), ends=st.lists(st.sampled_from("aaaputb"), min_size=5, max_size=5))
    def finish(self, pick: int, ends: list[str]) -> None:
        """A worker finishes, in time or late, each member in its own way."""
        done = [n for n, (_, intent, _) in enumerate(self.claims) if intent is not None]
        claim, intent, drafts = self.claims.pop(done[pick % len(done)])
        assert intent is not None
        is_import = intent.call.kind is CallKind.IMPORT_CONTACTS
        outcomes = (
            [Accepted("batch" if ends[0] == "a" else None)] * 9 if is_import else [_end(e) for e in ends]
        )
        results = [
            Result(member=d.member, outcome=_fit(d.member, o), version=1)
            for d, o in zip(drafts, outcomes, strict=False)
        ]
        self.deliveries.finish(claim, results, intent=intent)

    @precondition(lambda self: any(c.head.unclear is not None for c, _, _ in self.claims))
    @rule(end=st.sampled_from([Found(), Unfound(SECOND), Parked()]))
    def read_back(self, end: Outcome) -> None:
        """A worker looks there, and finds or does not find."""
        place = next(n for n, (c, _, _) in enumerate(self.claims) if c.head.unclear is not None)
        claim = self.claims.pop(place)[0]
        self.deliveries.finish(claim, [Result(member=claim.head, outcome=end)])

    @rule(verdict=st.sampled_from(["applied", "refused", "unknown"]))
    def settle(self, verdict: str) -> None:
        """What was accepted is looked at."""
        refused = {"a0@x.org", "a1@x.org"} if verdict == "refused" else set()
        end = ImportEnd.FAILED if verdict == "unknown" else ImportEnd.APPLIED

        def judge(row: ImportRow) -> Outcome:
            is_refused = row.address in refused
            return outcome_of_import(row, end, is_refused=is_refused, policy=RetryPolicy(), jitter=0)

        for awaited in self.deliveries.take_awaiting():
            self.deliveries.settle_awaited(awaited, judge)

    @rule()
    def replay(self) -> None:
        """An operator replays whatever is dead."""
        letters = [row["dead_letter"] for row in self.desk.dead_letters()]
        self.desk.replay(letters, actor="a", reason="r")

    # -- what must hold ---------------------------------------------------------------

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Whatever is owed is due some time, dead with a letter, or behind a dead contact."""
        forgotten = self.database.fetch(
            "SELECT e.*, r.due_at FROM entry e JOIN recipient r USING (recipient)"
            " WHERE e.wanted > e.applied AND NOT ("
            "   (e.state = 'open' AND r.due_at IS NOT NULL)"
            "   OR (e.state = 'dead' AND EXISTS (SELECT FROM dead_letter d WHERE d.entry = e.entry AND d.state = 'open'))"
            "   OR (e.state = 'waiting' AND EXISTS (SELECT FROM entry p WHERE p.entry = e.waits_for AND p.state = 'dead')))"
        )
        assert forgotten == []

    @invariant()
    def a_recipient_is_due_when_its_entries_say_so(self) -> None:
        """due_at is there if and only if something is open."""
        wrong = self.database.fetch(
            "SELECT r.recipient FROM recipient r WHERE (r.due_at IS NOT NULL) <>"
            " EXISTS (SELECT FROM entry e WHERE e.recipient = r.recipient AND e.state = 'open')"
        )
        assert wrong == []

    @invariant()
    def nothing_goes_back(self) -> None:
        """What was applied stays applied, and never exceeds what is wanted."""
        for row in self.database.fetch("SELECT entry, wanted, applied FROM entry"):
            assert self.applied.get(row["entry"], 0) <= row["applied"] <= row["wanted"]
            self.applied[row["entry"]] = row["applied"]

    @invariant()
    def nothing_fires_twice(self) -> None:
        """A business key is intended once, for ever, unless its call certainly had no effect."""
        rows = self.database.fetch("SELECT business_key FROM trigger_ledger WHERE state = 'happened'")
        keys = [row["business_key"] for row in rows]
        assert len(keys) == len(set(keys))

    @invariant()
    def every_record_has_its_entry(self) -> None:
        """A stored order is owed or was sent at exactly one person's recipient."""
        wrong = self.database.fetch(
            "SELECT k.id FROM record k WHERE k.stream = 'orders' AND (SELECT count(*) FROM entry e"
            " JOIN recipient r USING (recipient) WHERE e.operation = 'upsert_order' AND e.object = k.id"
            " AND r.person = k.person) <> 1"
        )
        assert wrong == []

    @invariant()
    def what_is_awaited_is_known(self) -> None:
        """Nobody awaits what is not in the table."""
        rows = self.database.fetch(
            "SELECT count(*) AS n FROM recipient WHERE awaiting IS NOT NULL AND awaiting NOT IN (SELECT awaiting FROM awaiting)"
        )
        assert rows == [{"n": 0}]

    def teardown(self) -> None:
        """In the end everything can be delivered: no state is a trap."""
        if not hasattr(self, "database"):
            return
        for _ in range(60):
            self.time_passes(25)
            self.intake.settle_moves("s")
            self.replay()
            self.settle("applied")
            self._deliver_all()
            is_moving = self.database.fetch("SELECT * FROM pending_move")
            if not is_moving and not self.deliveries.is_owing():
                break
        rows = self.database.fetch(
            "SELECT entry, operation, state, wanted, applied FROM entry WHERE wanted > applied"
        )
        assert rows == []
        assert self.database.fetch("SELECT * FROM pending_move") == []

    def _deliver_all(self) -> None:
        for row in self.database.fetch("SELECT recipient FROM recipient WHERE due_at <= sync_now()"):
            claim = self.deliveries.claim(row["recipient"])
            if claim is None:
                continue
            member = claim.head
            outcome: Outcome = Found() if member.unclear is not None else Applied(fingerprint="end")
            if member.unclear is not None or not member.fires:
                self.deliveries.finish(claim, [Result(member=member, outcome=outcome)])
                continue
            self.deliveries.stop_firing(claim)
            with self.database.transaction() as connection:
                connection.execute("UPDATE entry SET fires = false WHERE entry = %s", (member.entry,))
            self.deliveries.release(claim)


def _end(letter: str) -> Outcome:
    ends: dict[str, Outcome] = {
        "a": Applied(fingerprint="f"),
        "p": Postponed(delay=SECOND, counts=True, reason="r"),
        "u": Unclear("r"),
        "t": Postponed(delay=SECOND, counts=False, reason="r", is_doubtful=True),
        "b": Buried("cause", "message"),
    }
    return ends[letter]


def _fit(member: Member, outcome: Outcome) -> Outcome:
    """Only a call that may start automations ends unclear; others are merely doubtful."""
    if isinstance(outcome, Unclear) and not member.fires:
        return Postponed(delay=SECOND, counts=True, reason="r", is_doubtful=True)
    if isinstance(outcome, Postponed) and outcome.is_doubtful and member.fires:
        return Unclear("r")
    return outcome


@pytest.fixture(name="database")
def _database(database_url: str) -> Any:
    found = Database(database_url)
    DATABASE[:] = [found]
    yield found
    found.close()


def test_whatever_happens_in_whatever_order_nothing_is_lost(database: Database):
    """Random histories of extractors, workers, zombies and operators keep every invariant."""
    profile = hypothesis.settings(
        max_examples=60, stateful_step_count=40, deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.explicit, hypothesis.Phase.shrink],
    )  # fmt: skip
    hypothesis.stateful.run_state_machine_as_test(Protocol, settings=profile)
