"""The delivery machine as values: what follows from what."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.choice import BatchSizes, wants_import, wants_order_batch
from ct_ac_sync.domain.delivery import (
    Applied,
    Buried,
    Found,
    Halted,
    Member,
    Outcome,
    Parked,
    Postponed,
    Skipped,
    Unchanged,
    Unclear,
    Unfound,
    change_of,
    outcome_of_error,
    settle_unclear,
)
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.errors import (
    CredentialsError,
    NetworkError,
    PayloadError,
    SyncError,
    ThrottledError,
    UnclearError,
)


def a_member(**changes: object) -> Member:
    """Return a claimed order, with what a test changes."""
    known: dict[str, object] = {
        "entry": 1, "recipient": 1, "person": 1, "operation": "upsert_order", "source": "s", "object": "o",
        "lane": 1, "wanted": 5, "applied": 0, "attempts": 0, "profile": 3, "batch_limit": None,
        "fires": False, "is_repair": False, "fingerprint": None, "unclear": None, "readbacks": 0,
        "detail": None, "address": None, "contact": None,
    }  # fmt: skip
    return Member(**(known | changes))  # type: ignore[arg-type]


WAIT = timedelta(seconds=1)
KEEPING: list[Outcome] = [
    Postponed(delay=WAIT, counts=True, reason="r"),
    Postponed(delay=WAIT, counts=False, reason="r"),
    Halted("r"),
    Unfound(WAIT),
]


class TestChangeOf:
    @pytest.mark.parametrize("outcome", KEEPING)
    def test_an_open_question_survives_all_that_does_not_answer_it(self, outcome: Outcome):
        """A postponed or halted read-back leaves the entry unclear."""
        change = change_of(a_member(unclear=9), outcome, attempt=None)

        assert change.unclear == 9

    @pytest.mark.parametrize("outcome", [Found(), Parked()])
    def test_an_answer_closes_the_question_and_never_fires_again(self, outcome: Outcome):
        """Found or parked: the state still goes out, and starts nothing."""
        change = change_of(a_member(unclear=9), outcome, attempt=None)

        assert change.unclear is None
        assert change.fires is False
        assert not change.is_settled

    @pytest.mark.parametrize("outcome", [Applied(fingerprint="f"), Unchanged("f"), Skipped("why")])
    def test_what_is_settled_is_settled(self, outcome: Outcome):
        """Applied, unchanged and skipped reach what was wanted."""
        assert change_of(a_member(), outcome, attempt=1).is_settled

    def test_an_unclear_end_forgets_what_was_believed(self):
        """After it nothing is held to be unchanged, and a repair follows."""
        change = change_of(a_member(fingerprint="f"), Unclear("lost"), attempt=4)

        assert change.forgets
        assert change.fingerprint is None
        assert change.unclear == 4


CASES = [
    (ThrottledError("t", retry_after_seconds=7), False, 1, Postponed),
    (NetworkError("n"), False, 1, Postponed),
    (UnclearError("u"), False, 1, Postponed),
    (UnclearError("u"), True, 1, Unclear),
    (NetworkError("n"), True, 1, Postponed),
    (PayloadError("p"), True, 1, Buried),
    (PayloadError("p"), True, 20, Unclear),
    (PayloadError("p"), False, 20, Postponed),
    (CredentialsError("c"), False, 1, Halted),
]


class TestOutcomeOfError:
    @pytest.mark.parametrize(("error", "fires", "size", "expected"), CASES)
    def test_recovery_decides(self, error: SyncError, fires: bool, size: int, expected: type):  # noqa: FBT001
        """What follows is a matter of the error's class, the trigger and the company."""
        member = a_member(fires=fires)

        outcome = outcome_of_error(error, member, policy=RetryPolicy(), jitter=0, size=size)

        assert type(outcome) is expected

    def test_throttled_costs_nothing_and_waits_as_told(self):
        """Retry-After is the delay, and no attempt is used."""
        error = ThrottledError("t", retry_after_seconds=7)

        outcome = outcome_of_error(error, a_member(), policy=RetryPolicy(), jitter=0, size=1)

        assert outcome == Postponed(delay=timedelta(seconds=7), counts=False, reason="ThrottledError")

    def test_the_last_attempt_is_buried(self):
        """Exhausted is a dead letter with the cause of its last failure."""
        member = a_member(attempts=11)

        outcome = outcome_of_error(
            NetworkError("n", cause="c"), member, policy=RetryPolicy(), jitter=0, size=1
        )

        assert outcome == Buried("exhausted: c", "n")

    @given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
    def test_backoff_stays_within_its_bounds(self, attempt: int, jitter: float):
        """However many attempts, a wait is at least half a step and at most the cap."""
        policy = RetryPolicy()

        assert policy.base / 2 <= policy.delay(attempt, jitter=jitter) <= policy.cap


class TestSettleUnclear:
    def test_not_found_is_asked_three_times_and_then_parked(self):
        """Two more looks, then a human."""
        outcomes = [settle_unclear(a_member(unclear=1, readbacks=n), is_found=False) for n in range(3)]

        assert [type(outcome) for outcome in outcomes] == [Unfound, Unfound, Parked]


class TestChoice:
    @pytest.mark.parametrize(
        ("lane", "due", "limit", "expected"),
        [(3, 1, None, True), (1, 24, None, False), (1, 25, None, True), (3, 500, 1, False)],
    )
    def test_the_backlog_decides_about_imports(self, lane: int, due: int, limit: int | None, expected: bool):  # noqa: FBT001
        """Backfill and long backlogs go by import; what was refused in company goes alone."""
        head = a_member(lane=lane, batch_limit=limit)

        assert wants_import(head, due=due, sizes=BatchSizes()) is expected

    @pytest.mark.parametrize(
        ("fires", "due", "expected"),
        [(False, 1, False), (False, 2, True), (True, 2, False), (True, 25, True)],
    )
    def test_first_orders_go_alone_until_the_backlog_is_long(self, fires: bool, due: int, expected: bool):  # noqa: FBT001
        """A refused batch would make each of its first orders unclear."""
        assert wants_order_batch(a_member(fires=fires), due=due, sizes=BatchSizes()) is expected
