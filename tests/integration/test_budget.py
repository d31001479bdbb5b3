"""One budget for the whole account, whoever asks."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from world import World

from ct_ac_sync.errors import NotShownError, TransientError
from ct_ac_sync.ports import Layout
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.database import Database

HOUR = timedelta(hours=1)


def _budgets(world: World, number: int) -> list[Budget]:
    return [
        Budget(Database(world.settings.database_url), destination=world.account_name, breaker=HOUR)
        for _ in range(number)
    ]


@pytest.mark.real_rate
class TestSlots:
    def test_slots_of_many_askers_are_one_interval_apart(self, world: World):
        """Forty reservations by four processes' worth of pools stand in one row of slots."""
        budgets = _budgets(world, 4)

        def ask(number: int) -> float:
            wait, _ = budgets[number % 4].reserve(patience=HOUR)
            now = world.sql("SELECT extract(epoch FROM sync_now())::float AS now")[0]["now"]
            return float(now) + wait.total_seconds()

        with ThreadPoolExecutor(4) as pool:
            slots = sorted(pool.map(ask, range(40)))

        gaps = [later - earlier for earlier, later in itertools.pairwise(slots)]
        assert slots[-1] - slots[0] > 39 * world.settings.interval.total_seconds() * 0.9
        assert sum(gap < 0.05 for gap in gaps) <= 8

    def test_a_slot_too_far_away_is_not_taken(self, world: World):
        """Who does not wait leaves the slot to others."""
        budget = _budgets(world, 1)[0]
        budget.throttle(timedelta(seconds=30))

        wait, is_taken = budget.reserve(patience=timedelta(seconds=2))
        again, _ = budget.reserve(patience=timedelta(seconds=2))

        assert not is_taken
        assert timedelta(seconds=25) < wait <= timedelta(seconds=30)
        assert abs(wait - again) < timedelta(seconds=2)

    def test_told_to_wait_everybody_waits_and_slows_down(self, world: World):
        """Retry-After holds for all, and the pace is stretched, then won back."""
        first, second = _budgets(world, 2)
        first.throttle(timedelta(seconds=5))

        wait, _ = second.reserve(patience=HOUR)
        slow = world.sql("SELECT pace > base_interval AS slow FROM budget WHERE bucket = 'calls'")[0]["slow"]
        for _ in range(30):
            second.note_success(remaining=None)
        calm = world.sql("SELECT pace = base_interval AS calm FROM budget WHERE bucket = 'calls'")[0]["calm"]

        assert wait > timedelta(seconds=4)
        assert slow
        assert calm

    def test_ten_failures_in_a_row_open_the_breaker(self, world: World):
        """Nine do not; the tenth stops all for a while."""
        budget = _budgets(world, 1)[0]
        for _ in range(9):
            budget.note_failure()
        before, _ = budget.reserve(patience=HOUR)

        budget.note_failure()
        after, _ = budget.reserve(patience=timedelta(seconds=1))

        assert before < timedelta(minutes=1)
        assert after > timedelta(minutes=30)

    def test_a_contact_that_is_not_shown_yet_is_no_failure(self, world: World):
        """However many contacts are not shown yet, the account is not taken to be down; that it stumbles counts."""
        for _ in range(20):
            world.pacing.note_error(NotShownError("not shown (yet)", cause="contact_not_shown"))
        world.pacing.note_error(TransientError("it stumbled", cause="http_503"))

        counted = world.sql("SELECT failures, trips FROM budget WHERE bucket = 'calls'")
        assert counted == [{"failures": 1, "trips": 0}]

    def test_the_account_never_sees_more_than_its_limit(self, world: World):
        """Counted by the look-alike: not one second with more than five calls."""
        world.run()
        for number in range(12):
            world.shop.do("sign_up", email=f"rate{number}@example.org")

        world.run()

        assert world.account.ask("counts")["max_in_one_second"] <= 5


class TestLayouts:
    def test_a_layout_comes_back_as_it_was_kept(self, world: World):
        """Fields and all connections are kept by name."""
        budget = world.budget
        layout = Layout(fields={"SIZE": "3"}, connection="1", connections={"shop": "1", "shop-de": "2"})

        budget.write_layout(layout)

        assert budget.read_layout() == layout

    def test_what_an_older_release_kept_is_read(self, world: World):
        """A layout of a single connection, as it was kept before, has that one and no names."""
        world.execute("UPDATE destination SET layout = %s", ('{"fields": {"SIZE": "3"}, "connection": "1"}',))

        assert world.budget.read_layout() == Layout(fields={"SIZE": "3"}, connection="1")
