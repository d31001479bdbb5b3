"""The judge of the demo's events: when the shop was read, where a thing belongs, and what may be parked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.event_judge import EXAMPLE, Places, judge_example, polls_in
from ct_ac_sync.sandbox.judge import Rules, Shop

Json = dict[str, Any]
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
READS = ("customers", "orders", "carts", "shopping_lists", "payments", "messages")
OVERLAP = timedelta(seconds=30)
STATE: Json = {
    "customers": [
        {"id": "c1", "email": "ann@example.org"},
        {"id": "c2", "email": "bo@example.org", "customerGroup": {"id": "g1"}},
        {"id": "c3", "email": "sue@example.org", "custom": {"fields": {"isStaff": True}}},
    ],
    "orders": [], "carts": [], "customer-groups": [{"id": "g1", "key": "b2b"}],
}  # fmt: skip
RULES = Rules("consumer", {"b2b": "business"}, "isStaff")


def read(stream: str, seconds: float) -> Json:
    """Return a query that proves a sweep which began so many seconds after noon."""
    since = NOON + timedelta(seconds=seconds) - OVERLAP
    return {"operation": f"query_{stream}", "query": {"var.since": [since.isoformat()]}}


def signed_up(id_: str, email: str) -> Json:
    """Return an entry of the shop's log."""
    return {
        "what": "signed_up", "at": NOON.isoformat(), "resource": "customer", "id": id_, "version": 1,
        "customer": id_, "email": email, "historical": False,
    }  # fmt: skip


def told(id_: str, email: str, *, mark: str) -> Json:
    """Return how an account logs that it was told."""
    value = f"{id_} {NOON.isoformat()} {mark * 16}"
    return {"kind": "event_tracked", "at": NOON.isoformat(), "email": email, "name": "signed_up", "value": value}  # fmt: skip


HAPPENED = [
    signed_up("c1", "ann@example.org"), signed_up("c2", "bo@example.org"), signed_up("c3", "sue@example.org"),
]  # fmt: skip
ANN, BO = told("c1", "ann@example.org", mark="a"), told("c2", "bo@example.org", mark="b")


def judged(consumer: list[Json], business: list[Json], *parked: tuple[str, str], unclear: int = 0) -> Json:
    """Return the verdict on both accounts."""
    places = Places(Shop(STATE, [], RULES), STATE, HAPPENED)
    wanted = replace(EXAMPLE, polls=(NOON + timedelta(minutes=1),), parked=frozenset(parked))
    return judge_example(places, {"consumer": consumer, "business": business}, wanted, unclear=unclear)


class TestPolls:
    def test_all_streams_of_one_round_are_a_poll(self):
        """Once each stream was read within a few seconds, the shop was."""
        polls = polls_in([read(each, 10) for each in READS], overlap=OVERLAP, until=NOON + OVERLAP)

        assert polls == (NOON + timedelta(seconds=11),)

    def test_a_stream_that_was_not_read_leaves_none(self):
        """What nobody looked at proves nothing of the others."""
        calls = [read(each, 10) for each in READS[:-1]]

        assert polls_in(calls, overlap=OVERLAP, until=NOON + OVERLAP) == ()

    def test_what_is_read_later_does_not_count(self):
        """A round after all was told is none that must have been told of."""
        calls = [read(each, 10) for each in READS]

        assert polls_in(calls, overlap=OVERLAP, until=NOON) == ()


class TestTwoAccounts:
    def test_each_where_it_belongs_is_right(self):
        """Each account was told of its own people, and of the staff nobody was."""
        assert judged([ANN], [BO])["ok"]

    def test_the_wrong_account_is_astray(self):
        """A business customer whom the consumers' account was told of is named."""
        assert judged([ANN, BO], [])["counts"]["astray"] == 1

    def test_in_both_accounts_is_doubled(self):
        """What two accounts were told of is doubled."""
        assert judged([ANN, BO], [BO])["counts"]["doubled"] == 1

    def test_the_staff_is_nobodys(self):
        """Whom no account has is told of in none."""
        staff = told("c3", "sue@example.org", mark="c")

        assert judged([ANN, staff], [BO])["counts"]["unexplained"] == 1

    def test_what_is_parked_is_not_lost(self):
        """It is listed, as long as a call can have ended unclear."""
        parked = ("signed_up.tracking", "c2")

        verdict = judged([ANN], [], parked, unclear=1)

        assert (verdict["ok"], verdict["parked"]) == (True, ("signed_up.tracking/c2",))

    def test_what_is_parked_without_a_cause_is_unexplained(self):
        """Where no call can have ended unclear, nothing may be parked."""
        verdict = judged([ANN], [], ("signed_up.tracking", "c2"))

        assert verdict["counts"]["unexplained"] == 1
