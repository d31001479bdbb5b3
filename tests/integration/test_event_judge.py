"""The judge of events: it misses nothing that was lost, doubled, or told wrongly or of nobody."""

from base64 import b32encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import Sandbox

from ct_ac_sync.sandbox.event_judge import Amount, Asked, Expectation, Verdict, compare, expected, read_value

Json = dict[str, Any]
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANN, BOB = "ann@example.org", "bob@example.org"
KINDS = frozenset(
    {
        "signed_up", "cart_created", "cart_updated", "checkout_address", "checkout_shipping",
        "checkout_payment", "cart_abandoned", "cart_recovered", "order_placed", "order_confirmed",
        "order_completed", "order_cancelled", "paid", "payment_failed", "shipped", "delivered",
        "return_requested", "return_received", "refunded", "chargeback", "list_item_added",
    }
)  # fmt: skip
EUR = {"currencyCode": "EUR", "fractionDigits": 2}


def at(seconds: float) -> str:
    """Return an instant so many seconds after noon, as the shop writes it."""
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry(what: str, seconds: float, id_: str = "o1", resource: str = "order", **more: Any) -> Json:
    """Return an entry of the shop's log: of Ann, unless said."""
    cents = more.pop("cents", None)
    given = {"amount": EUR | {"centAmount": cents}} if cents is not None else {}
    own = {resource: id_} if resource in ("order", "cart", "customer") else {}
    return {
        "what": what, "at": at(seconds), "resource": resource, "id": id_, "version": 1, "email": ANN,
        "origin": "Customer", "historical": False,
    } | own | given | more  # fmt: skip


def asked(*polls: float, **more: Any) -> Asked:
    """Return what is asked for: everything, of a shop read at these seconds."""
    read = tuple(NOON + timedelta(seconds=each) for each in polls or (1000,))
    return Asked(kinds=KINDS, polls=read, idle=timedelta(minutes=1), **more)


def told(each: Expectation, **otherwise: Any) -> Json:
    """Return how an account logs that it was told of something, as it is or *otherwise*."""
    facts: Json = {
        "kind": each.kind, "key": each.key, "email": min(each.emails, default=ANN), "amount": each.amounts[0] if each.amounts else None, "at": each.at,
    } | otherwise  # fmt: skip
    money = f"{facts['amount'].value} {facts['amount'].currency}" if facts["amount"] else " "
    mark = b32encode(sha256(f"{each.kind}/{each.key}".encode()).digest()).decode().lower()[:16]
    value = f"{facts['key']} {money} {facts['at'].isoformat()} {facts.get('mark', mark)}"
    return {"kind": "event_tracked", "email": facts["email"], "name": facts["kind"], "value": value}


def all_told(happened: Sequence[Json], wanted: Asked) -> list[Json]:
    """Return what an account logs that was told all that must be."""
    return [told(each) for each in expected(happened, wanted) if each.is_due]


def found(verdict: Verdict) -> dict[str, int]:
    """Return how many things a verdict says are wrong, by the way in which they are."""
    kinds = ("lost", "doubled", "wrong", "unexplained")
    return {kind: len(getattr(verdict, kind)) for kind in kinds if getattr(verdict, kind)}


#: A day in a shop, of two people.
DAY = [
    entry("signed_up", 0, "c1", "customer"),
    entry("signed_up", 1, "c2", "customer", email=BOB),
    entry("order_placed", 2, cents=5900, customer="c1", cart="k1"),
    entry("order_placed", 3, "o2", cents=1290, customer="c2", email=BOB),
    entry("paid", 4, cents=5900, customer="c1"),
    entry("order_confirmed", 5, customer="c1"),
    entry("shipped", 6, customer="c1", parcel="p1"),
    entry("shipped", 7, customer="c1", parcel="p2"),
    entry("shipped", 8, "o2", customer="c2", email=BOB),
    entry("delivered", 9, customer="c1", parcel="p1"),
    entry("return_requested", 10, customer="c1", item="i1"),
    entry("return_received", 11, customer="c1", item="i1"),
    entry("refunded", 12, "y1", "payment", order="o1", customer="c1", cents=100, transaction="t2"),
    entry("refunded", 13, "y1", "payment", order="o1", customer="c1", cents=200, transaction="t3"),
    entry("order_cancelled", 14, "o2", cents=1290, customer="c2", email=BOB),
    entry("list_item_added", 15, "s1", "shopping-list", list="s1", item="l1", customer="c1"),
]  # fmt: skip


class TestReadValue:
    @pytest.mark.parametrize(
        ("value", "read"),
        [
            ("o1 59.00 EUR 2026-11-30T12:00:00Z abcdefgh234567ab", ("o1", True, True, "abcdefgh234567ab")),
            ("c1   2026-11-30T12:00:00.5+00:00 abcdefgh234567ab", ("c1", False, True, "abcdefgh234567ab")),
            ("o1 59.00 EUR 2026-11-30T12:00:00Z", ("o1", True, True, "")),
            ("o1 59.00 EUR yesterday abcdefgh234567ab", ("o1", False, False, "abcdefgh234567ab")),
            ("o1 much EUR 2026-11-30T12:00:00Z", ("o1", False, True, "")),
            ("", ("", False, False, "")),
        ],
    )
    def test_what_a_value_lacks_is_not_made_up(self, value: str, read: tuple[str, bool, bool, str]):
        """Key, amount, time and mark are read where they are, and only there."""
        key, amount, moment, mark = read_value(value)

        assert (key, amount is not None, moment is not None, mark) == read

    @given(st.text())
    def test_any_text_is_read(self, value: str):
        """Whatever a value says, reading it raises nothing."""
        assert len(read_value(value)) == 4


class TestOneToOne:
    def test_a_day_that_was_told_is_right(self):
        """All that happened was told, once: there is nothing to say."""
        verdict = compare(DAY, all_told(DAY, asked()), asked())

        assert verdict.is_right, str(verdict)
        assert sum(verdict.compared.values()) == len(DAY)

    @pytest.mark.parametrize("place", range(len(DAY)))
    def test_each_thing_that_is_missing_is_lost(self, place: int):
        """Without any one of them, that one is named and no other."""
        effects = all_told(DAY, asked())
        del effects[place]

        verdict = compare(DAY, effects, asked())

        assert found(verdict) == {"lost": 1}
        assert verdict.lost[0].startswith(f"{DAY[place]['what']} ")

    @given(
        places=st.lists(st.sampled_from(range(len(DAY))), min_size=1, unique=True), is_at_once=st.booleans()
    )
    def test_whatever_is_told_again_is_doubled(self, *, places: list[int], is_at_once: bool):
        """A second telling is found wherever it stands."""
        effects = all_told(DAY, asked())
        again = [effects[place] for place in places]
        effects = [*effects, *again] if not is_at_once else [row for each in effects for row in (each, *([each] if each in again else []))]  # fmt: skip

        verdict = compare(DAY, effects, asked(is_in_order=False))

        assert found(verdict) == {"doubled": len(places)}

    @pytest.mark.parametrize(
        ("otherwise", "says"),
        [
            ({"amount": Amount(59, "CHF")}, "amount"),
            ({"amount": Amount(58, "EUR")}, "amount"),
            ({"amount": None}, "amount"),
            ({"email": BOB}, BOB),
            ({"at": NOON + timedelta(seconds=7)}, "time"),
            ({"at": NOON - timedelta(seconds=1)}, "time"),
            ({"mark": ""}, "mark"),
            ({"mark": "short"}, "without a time"),
        ],
    )
    def test_what_is_told_wrongly_is_wrong(self, otherwise: Json, says: str):
        """Another amount, another person, another time, and a mark that is none, are each named."""
        happened = [entry("order_placed", 2, cents=5900)]
        (order,) = expected(happened, asked())

        verdict = compare(happened, [told(order, **otherwise)], asked())

        assert any(says in line for line in verdict.wrong), str(verdict)
        assert found(verdict).keys() == {"wrong"}

    def test_two_persons_who_were_swapped_are_both_wrong(self):
        """Each was told what happened to the other."""
        happened = DAY[2:4]
        one, other = expected(happened, asked())

        effects = [told(one, email=BOB), told(other, email=ANN)]
        verdict = compare(happened, effects, asked())

        assert found(verdict) == {"wrong": 2}

    @pytest.mark.parametrize("otherwise", [{"kind": "paid"}, {"key": "o9"}])
    def test_another_name_or_key_is_lost_and_unexplained(self, otherwise: Json):
        """What was told is nothing that happened, and what happened was not told."""
        happened = [entry("order_placed", 2, cents=5900)]
        (order,) = expected(happened, asked())

        verdict = compare(happened, [told(order, **otherwise)], asked())

        assert (len(verdict.lost), len(verdict.unexplained)) == (1, 1)

    def test_one_mark_for_two_things_is_wrong(self):
        """By a mark one event is found again, and no other."""
        happened = DAY[:2]

        effects = [told(each, mark="a" * 16) for each in expected(happened, asked())]

        assert any("one mark" in line for line in compare(happened, effects, asked()).wrong)

    def test_order_matters_for_each_person_only(self):
        """What Ann did is told in its order, whoever else is told what between."""
        effects = all_told(DAY, asked())
        of_bob = [row for row in effects if row["email"] == BOB]
        of_ann = [row for row in effects if row["email"] == ANN]

        assert compare(DAY, [*of_bob, *of_ann], asked()).is_right
        verdict = compare(DAY, [*of_ann[::-1], *of_bob], asked())
        assert verdict.wrong
        assert compare(DAY, [*of_ann[::-1], *of_bob], asked(is_in_order=False)).is_right


class TestWhoAndWhen:
    def test_the_past_must_not_be_told(self):
        """What is historical is not missed, and is unexplained where it was told."""
        happened = [entry("order_placed", 2, cents=5900, historical=True)]
        (order,) = expected(happened, asked())

        assert compare(happened, [], asked()).is_right
        assert compare(happened, [told(order)], asked()).unexplained

    def test_nobody_is_told_of_nobody(self):
        """A cart of which no address was known is not missed."""
        happened = [entry("cart_created", 0, "k1", "cart", email=None, units=1, cents=100)]

        verdict = compare(happened, [], asked(3))

        assert verdict.is_right
        assert "nobody" in verdict.excused[0]

    def test_a_new_address_is_the_same_person(self):
        """What happened under the old address may be told at the new one, not at any other."""
        happened = [
            entry("signed_up", 0, "c1", "customer"),
            entry("email_changed", 5, "c1", "customer", was=ANN, email="new@example.org"),
        ]
        (signed_up,) = expected(happened, asked())

        assert compare(happened, [told(signed_up, email="new@example.org")], asked()).is_right
        assert compare(happened, [told(signed_up, email=BOB)], asked()).wrong

    def test_a_new_address_does_not_reach_back(self):
        """Under an address that somebody gave up before, nothing of them is told."""
        happened = [
            entry("email_changed", 0, "c1", "customer", was=ANN, email="new@example.org"),
            entry("order_placed", 5, customer="c1", email="new@example.org", cents=5900),
        ]
        (order,) = expected(happened, asked())

        assert compare(happened, [told(order, email=ANN)], asked()).wrong

    def test_whom_the_account_refuses_is_not_missed(self):
        """An address that is not taken there has nothing told."""
        assert compare(DAY[:1], [], asked(refused=frozenset({ANN}))).is_right

    @pytest.mark.parametrize(("seconds", "is_right"), [(2, True), (6, True), (10, True), (0.5, False), (12, False)])  # fmt: skip
    def test_without_messages_the_time_is_that_of_a_poll_at_most(self, *, seconds: float, is_right: bool):
        """It is not before it happened, nor after somebody looked."""
        happened = [entry("paid", 2, cents=5900)]
        wanted = asked(10, 20, is_exact=False)
        (paid,) = expected(happened, wanted)

        verdict = compare(happened, [told(paid, at=NOON + timedelta(seconds=seconds))], wanted)

        assert verdict.is_right is is_right, str(verdict)

    def test_the_time_of_what_was_made_needs_no_message(self):
        """An order says when it was placed, however late it is read."""
        happened = [entry("order_placed", 2, cents=5900)]
        wanted = asked(10, is_exact=False)
        (order,) = expected(happened, wanted)

        assert compare(happened, [told(order, at=NOON + timedelta(seconds=8))], wanted).wrong

    @pytest.mark.parametrize(
        ("polls", "is_exact", "is_lost"),
        [((10,), False, False), ((3, 10), False, True), ((10,), True, True)],
    )
    def test_a_state_that_was_left_unseen_is_not_lost(
        self, *, polls: Sequence[float], is_exact: bool, is_lost: bool
    ):
        """Confirmed and complete between two polls: only a message can tell of the first."""
        happened = [entry("order_confirmed", 2), entry("order_completed", 4)]
        wanted = asked(*polls, is_exact=is_exact)
        completed = expected(happened, wanted)[1]

        verdict = compare(happened, [told(completed)], wanted)

        assert bool(verdict.lost) is is_lost


def _cart(what: str, seconds: float, **more: Any) -> Json:
    return entry(what, seconds, "k1", "cart", **{"units": 1, "cents": 5900, "store": "de"} | more)


class TestCarts:
    def test_a_change_is_told_at_the_version_that_is_seen(self):
        """A recalculation after it makes its version and its amount later ones, and it is still one change."""
        happened = [
            _cart("cart_created", 0), _cart("cart_changed", 5, version=2, cents=100),
            _cart("cart_repriced", 6, version=3, cents=200), _cart("cart_repriced", 12, version=4, cents=300),
        ]  # fmt: skip
        wanted = asked(3, 10, 13)
        created, changed = expected(happened, wanted)
        first = told(created)

        for otherwise, wrong in (
            ({"key": "k1/3", "amount": Amount(2, "EUR")}, {}),
            ({}, {}),
            ({"amount": Amount(3, "EUR")}, {"wrong": 1}),
            ({"key": "k1/1"}, {"lost": 1, "unexplained": 1}),
        ):
            assert found(compare(happened, [first, told(changed, **otherwise)], wanted)) == wrong
        twice = [first, told(changed), told(changed, key="k1/3")]
        assert found(compare(happened, twice, wanted))["doubled"] == 1

    @pytest.mark.parametrize(("polls", "lost"), [((10,), 0), ((3, 10), 1)])
    def test_changes_between_two_polls_are_one(self, polls: Sequence[float], lost: int):
        """Of two changes the first is lost only if somebody looked between."""
        happened = [
            _cart("cart_changed", 2, version=2, cents=100), _cart("cart_changed", 4, version=3, cents=200),
        ]  # fmt: skip
        wanted = asked(*polls)

        verdict = compare(happened, [told(expected(happened, wanted)[1])], wanted)

        assert len(verdict.lost) == lost

    @pytest.mark.parametrize(("polls", "is_due"), [((2, 20), False), ((2, 11, 20), True)])
    def test_one_that_is_again_what_it_was(self, polls: tuple[float, ...], *, is_due: bool):
        """What was taken out and put back between two looks changed nothing that anybody can see."""
        happened = [
            _cart("cart_created", 0, units=1, cents=100),
            _cart("cart_changed", 10, units=0, version=2, cents=0),
            _cart("cart_changed", 12, units=1, version=3, cents=100),
        ]

        last = [each for each in expected(happened, asked(*polls)) if each.kind == "cart_updated"][-1]

        assert last.is_due is is_due

    @pytest.mark.parametrize("origin", ["Merchant", "Quote", "RecurringOrder"])
    def test_carts_that_nobody_fills_are_none(self, origin: str):
        """The shop's staff and its schedules leave carts of which nobody is told."""
        happened = [_cart("cart_created", 0, origin=origin), _cart("cart_changed", 1, origin=origin)]

        assert expected(happened, asked(1, 100)) == ()

    def test_an_idle_cart_is_abandoned_once(self):
        """It is so a minute after it was touched last, and once whatever happens after."""
        happened = [_cart("cart_created", 0), _cart("checkout_address", 30), _cart("cart_changed", 200, version=4)]  # fmt: skip
        wanted = asked(1, 31, 95, 201, 300)

        (abandoned,) = [each for each in expected(happened, wanted) if each.kind == "cart_abandoned"]

        assert (abandoned.at, abandoned.is_due) == (NOON + timedelta(seconds=90), True)
        assert compare(happened, all_told(happened, wanted), wanted).is_right

    @pytest.mark.parametrize(
        "end",
        [
            _cart("cart_merged", 50), _cart("cart_frozen", 50), _cart("cart_deleted", 50),
            _cart("cart_changed", 50, units=0, version=2), entry("order_placed", 50, cart="k1", cents=5900),
        ],
    )  # fmt: skip
    def test_a_cart_that_came_to_an_end_is_not_abandoned(self, end: Json):
        """Merged, frozen, deleted, emptied or ordered before its time, it is none."""
        happened = [_cart("cart_created", 0), end]
        wanted = asked(1, 51, 300)

        assert "cart_abandoned" not in {each.kind for each in expected(happened, wanted)}

    def test_a_cart_that_nobody_saw_idle_may_be_told_or_not(self):
        """It was idle long enough, but touched again before the shop was read."""
        happened = [_cart("cart_created", 0), _cart("cart_changed", 70, version=2)]
        wanted = asked(1, 71)

        (abandoned,) = [each for each in expected(happened, wanted) if each.kind == "cart_abandoned"]

        assert not abandoned.is_due

    def test_stores_may_have_their_own_patience(self):
        """In a store of its own a cart is abandoned when that says so."""
        happened = [_cart("cart_created", 0, store="ch")]
        wanted = asked(1, 20, idle_of={"ch": timedelta(seconds=10)})

        (abandoned,) = [each for each in expected(happened, wanted) if each.kind == "cart_abandoned"]

        assert abandoned.at == NOON + timedelta(seconds=10)

    def test_an_order_after_that_brings_the_cart_back(self):
        """A cart that was told abandoned and is ordered is recovered; one that was not is not."""
        happened = [_cart("cart_created", 0), entry("order_placed", 100, cart="k1", cents=5900)]

        kinds = [each.kind for each in expected(happened, asked(1, 70, 101))]

        assert kinds == ["cart_created", "cart_abandoned", "order_placed", "cart_recovered"]

    def test_each_cart_starts_once_there(self):
        """One that started nothing is lost, one that did twice is doubled, and each has its amount."""
        happened = [_cart("cart_created", 0)]
        wanted = asked(1, 70, has_carts=True)
        tracked = all_told(happened, wanted)
        row = {"kind": "cart_created", "cart": "k1", "totalPrice": 5900, "currency": "EUR", "email": ANN}
        start = {"kind": "automation_started", "trigger": "cart_abandoned", "cart": "k1"}

        assert compare(happened, [*tracked, row, start], wanted).is_right
        assert compare(happened, tracked, wanted).lost
        assert compare(happened, [*tracked, row, start, start], wanted).doubled
        assert compare(happened, [*tracked, row | {"totalPrice": 1}, start], wanted).wrong
        assert compare(happened, [*tracked, row | {"email": BOB}, start], wanted).wrong
        assert compare(happened, [*tracked, row, start, start | {"cart": "k2"}], wanted).unexplained


class TestAutomations:
    def _entered(self, email: str = ANN) -> Json:
        return {"kind": "automation_entered", "automation": "12", "email": email}

    @pytest.mark.parametrize(
        ("emails", "wrong"),
        [
            ((ANN, BOB), {}), ((ANN,), {"lost": 1}), ((ANN, ANN, BOB), {"doubled": 1}),
            ((ANN, BOB, "eve@example.org"), {"unexplained": 1}), ((ANN, ANN), {"lost": 1, "doubled": 1}),
        ],
    )  # fmt: skip
    def test_each_order_enters_once(self, emails: Sequence[str], wrong: dict[str, int]):
        """Who enters less often than they ordered is lost, who does more often is doubled."""
        wanted = asked(automations={"order_placed": "12"})
        entries = [self._entered(each) for each in emails]

        verdict = compare(DAY, [*all_told(DAY, wanted), *entries], wanted)

        assert found(verdict) == wrong

    def test_what_is_parked_is_what_is_missing(self):
        """Of two orders of one buyer the entry of one is parked: one entry is there, and none is one too few."""
        happened = [entry("order_placed", 2, cents=1), entry("order_placed", 3, "o2", cents=1)]
        parked = frozenset({("order_placed.automation", "o1")})
        wanted = asked(automations={"order_placed": "12"}, parked=parked)
        effects = all_told(happened, wanted)

        assert compare(happened, [*effects, self._entered()], wanted).is_right
        assert compare(happened, [*effects, self._entered(), self._entered()], wanted).is_right
        assert len(compare(happened, effects, wanted).lost) == 1

    def test_who_may_enter_once_enters_once(self):
        """By the rule a second order enters nothing."""
        happened = [entry("order_placed", 2, cents=1), entry("order_placed", 3, "o2", cents=1)]
        wanted = asked(automations={"order_placed": "12"}, never=frozenset({"12"}))
        effects = all_told(happened, wanted)

        assert compare(happened, [*effects, self._entered()], wanted).is_right
        assert compare(happened, [*effects, self._entered(), self._entered()], wanted).doubled

    def test_each_order_starts_as_of_now_once(self):
        """An order of the past that starts something is unexplained, and one twice is doubled."""
        happened = [entry("order_placed", 2, cents=1), entry("order_placed", 3, "o2", cents=1, historical=True)]  # fmt: skip
        wanted = asked(is_real_time=True)
        effects = all_told(happened, wanted)
        started = {"kind": "automation_started", "trigger": "order_created", "order": "o1"}

        assert compare(happened, [*effects, started], wanted).is_right
        assert compare(happened, effects, wanted).lost
        assert compare(happened, [*effects, started, started], wanted).doubled
        assert compare(happened, [*effects, started, started | {"order": "o2"}], wanted).unexplained


def _listing(what: str, seconds: float, item: str = "", **more: Any) -> Json:
    """Return an entry of what happened to a list: of Ann, unless said."""
    items = {"item": item} if item else {}
    known = {"list": "s1", "customer": "c1"} | items | more
    return {k: v for k, v in entry(what, seconds, "s1", "shopping-list", **known).items() if v is not None}


def _anonymous(what: str, seconds: float, item: str = "") -> Json:
    """Return an entry of what happened to the list of nobody known."""
    return _listing(what, seconds, item, customer=None, email=None)


class TestLists:
    def test_lines_of_nobody_count_when_they_are_somebodys(self):
        """What is still on a list when it names a customer is told then, and what went before that never is."""
        happened = [
            _anonymous("list_item_added", 1, "l1"), _anonymous("list_item_added", 2, "l2"),
            _anonymous("list_item_removed", 3, "l1"), _listing("list_signed_in", 50),
            _listing("list_item_added", 60, "l3"),
        ]  # fmt: skip
        wanted = expected(happened, asked(10, 55, 70))

        assert [(each.key, each.latest - NOON, each.is_due) for each in wanted] == [
            ("s1/l2", timedelta(seconds=55), True), ("s1/l3", timedelta(seconds=70), True),
        ]  # fmt: skip
        assert compare(happened, all_told(happened, asked(70)), asked(70)).is_right

    @pytest.mark.parametrize("left", ["list_item_removed", "list_deleted"])
    def test_what_went_before_anybody_looked_may_be_missing(self, left: str):
        """A line that was taken off, or whose list was deleted, between two looks is excused; seen, it must be told."""
        happened = [_listing("list_item_added", 1, "l1"), _listing(left, 5, "l1")]

        assert [each.is_due for each in expected(happened, asked(9))] == [False]
        assert [each.is_due for each in expected(happened, asked(3, 9))] == [True]
        assert compare(happened, [], asked(3, 9)).lost

    def test_another_line_excuses_nothing(self):
        """That another line was taken off says nothing of this one, and no change is told."""
        happened = [
            _listing("list_item_added", 1, "l1"), _listing("list_item_removed", 5, "l2"),
            _listing("list_item_changed", 6, "l1"),
        ]  # fmt: skip

        assert [(each.kind, each.is_due) for each in expected(happened, asked(9))] == [
            ("list_item_added", True)
        ]

    def test_a_line_of_the_past_is_not_told(self):
        """What the log calls historical starts nothing."""
        happened = [_listing("list_item_added", 1, "l1", historical=True)]
        (row,) = expected(happened, asked(9))

        assert compare(happened, [], asked(9)).is_right
        assert compare(happened, [told(row)], asked(9)).unexplained


class TestARichLife:
    def test_what_a_shop_logs_can_all_be_told(self, shop_url: str):
        """Of a life in which everything happens each thing is told once, and each that is not is found."""
        shop = Sandbox(shop_url)
        shop.ask("shop/fill", {"customers": 5, "orders": 10, "seed": 4, "paid": 0.5})
        polls = []
        for number in range(1, 250):
            shop.ask("switches", {"ahead_seconds": 5 * number})
            shop.ask("shop/step", {"count": 1, "seed": number, "besides": "everything"})
            polls.append(datetime.now(UTC) + timedelta(seconds=5 * number + 1))
        happened = shop.ask("happened")
        wanted = replace(asked(), polls=tuple(polls))
        effects = all_told(happened, wanted)

        assert compare(happened, effects, wanted).is_right
        assert {row["name"] for row in effects} >= KINDS - {"cart_recovered", "chargeback"}
        for place in range(0, len(effects), 20):
            assert len(compare(happened, effects[:place] + effects[place + 1 :], wanted).lost) == 1
