"""Retention: old months go, and nothing else does."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from world import World, environment

from ct_ac_sync.bootstrap import OwnDoorbell
from ct_ac_sync.errors import ConfigurationError, DatabaseAwayError
from ct_ac_sync.settings import read_settings
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.retention import LETTERS_AT_ONCE, MESSAGES_AT_ONCE, Pruned, Retention
from ct_ac_sync.store.streams import Streams

LEDGERS = ("attempt", "outcome", "sighting")
DAY = timedelta(days=1)


@pytest.fixture(name="database")
def _database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


def execute(database: Database, statement: str, parameters: object = None) -> None:
    """Run a statement that returns no rows."""
    with database.transaction() as connection:
        connection.execute(statement, parameters)


def months(database: Database, ledger: str = "outcome") -> list[int]:
    """Return the months that have a partition, as months from the current one."""
    rows = database.fetch(
        "SELECT 12 * (extract(year FROM at) - extract(year FROM now)) + extract(month FROM at) - extract(month FROM now) AS n"
        "  FROM (SELECT to_date(right(child.relname, 7), 'YYYY_MM') AS at, sync_now() AT TIME ZONE 'UTC' AS now"
        "          FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
        "         WHERE inhparent = %s::regclass) AS month ORDER BY 1",
        (ledger,),
    )
    return [int(row["n"]) for row in rows]


def live_for(database: Database, span: int) -> None:
    """Make months as if the product had run for *span* of them, with a row of each ledger in each."""
    for back in range(span, -1, -1):
        at = "date_trunc('month', sync_now()) - %s * interval '1 month' + interval '3 days'"
        execute(database, f"SELECT make_month(({at})::date)", (back,))
        execute(
            database,
            f"INSERT INTO outcome (at, destination, operation, object, outcome) VALUES ({at}, 'd', 'o', 'x', 'applied')",
            (back,),
        )
        execute(
            database,
            "INSERT INTO attempt (attempt, at, destination, token, kind, request, members)"
            f" VALUES (nextval('attempt_sequence'), {at}, 'd', 1, 'sync_contact', '{{}}', 1)",
            (back,),
        )
        execute(
            database,
            f"INSERT INTO sighting (at, source, stream, id, version, epoch) VALUES ({at}, 's', 'orders', 'x', 1, 1)",
            (back,),
        )


def retention(database: Database, *, keep: int = 13, letters: timedelta = 180 * DAY) -> Retention:
    """Return a retention with the default ages."""
    return Retention(database, months=keep, letters=letters)


class TestMonths:
    @pytest.mark.parametrize("keep", [1, 3, 13])
    def test_whole_months_older_than_declared_are_dropped(self, database: Database, keep: int):
        """So many months before the current one stay, in each ledger, and what is older is gone."""
        live_for(database, 16)

        pruned = retention(database, keep=keep).run_if_due()

        assert pruned is not None
        assert len(pruned.months) == (16 - keep) * len(LEDGERS)
        for ledger in LEDGERS:
            assert months(database, ledger)[0] == -keep
            (row,) = database.fetch(f"SELECT count(*) AS n FROM {ledger}")
            assert row["n"] == keep + 1

    def test_current_and_later_months_stay(self, database: Database):
        """With the shortest age there is, this month and those ahead are untouched."""
        live_for(database, 2)
        before = [month for month in months(database) if month >= 0]

        retention(database, keep=1).run_if_due()

        assert [month for month in months(database) if month >= 0] == before
        assert before[0] == 0
        assert before[-1] >= 2

    def test_a_partition_that_is_none_of_ours_stays(self, database: Database):
        """A table of another name under a ledger, or beside it, is left to whoever made it."""
        live_for(database, 15)
        execute(
            database,
            "CREATE TABLE outcome_1999_12 (n int); CREATE TABLE outcome_archive PARTITION OF outcome"
            " FOR VALUES FROM (MINVALUE) TO ('-infinity')",
        )

        retention(database).run_if_due()

        (row,) = database.fetch(
            "SELECT to_regclass('outcome_1999_12') AS a, to_regclass('outcome_archive') AS b"
        )
        assert None not in row.values()

    def test_time_goes_on(self, database: Database):
        """When months pass, new ones are made ahead, old ones dropped, and there is never a gap."""
        streams = Streams(database, lease=DAY)
        for _ in range(6):
            execute(database, "UPDATE clock SET shift = shift + interval '31 days'")
            streams.make_months()
            execute(
                database,
                "INSERT INTO outcome (destination, operation, object, outcome) VALUES ('d', 'o', 'x', 'applied')",
            )
            retention(database, keep=2).run_if_due()

        found = months(database)
        assert found[0] == -2
        assert found == list(range(found[0], found[-1] + 1))
        assert found[-1] >= 2

    def test_no_age_is_none_at_all(self, database: Database):
        """An age of nought months is refused before anything is looked at."""
        with pytest.raises(ValueError, match="at least one month"):
            retention(database, keep=0)

    @pytest.mark.parametrize("text", ["0", "-1", "1.5", "all", "1201"])
    def test_ages_are_bounded(self, text: str):
        """An age that keeps nothing, or that no calendar holds, is a fault of the settings."""
        given = environment("postgresql://h/d", "http://h", "http://h")
        for name in ("CT_AC_SYNC_KEEP_MONTHS", "CT_AC_SYNC_KEEP_LETTERS_DAYS"):
            value = text.replace("1201", "36501") if "DAYS" in name else text
            with pytest.raises(ConfigurationError, match=f"{name}: expected a whole number"):
                read_settings(given | {name: value})


class TestOnceADay:
    def test_a_second_run_has_nothing_to_do(self, database: Database):
        """Within a day nobody looks again; after it somebody does."""
        first, second = retention(database).run_if_due(), retention(database).run_if_due()
        execute(database, "UPDATE clock SET shift = shift + interval '25 hours'")
        third = retention(database).run_if_due()

        assert (first is None, second is None, third is None) == (False, True, False)

    def test_one_of_many_does_it(self, database: Database, database_url: str):
        """Of all processes that come at once one prunes."""
        live_for(database, 15)
        done: list[Pruned | None] = []

        def prune() -> None:
            mine = Database(database_url)
            done.append(retention(mine).run_if_due())
            mine.close()

        threads = [threading.Thread(target=prune) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [pruned for pruned in done if pruned is not None and pruned.months] != []
        assert done.count(None) == len(threads) - 1

    def test_a_reader_is_not_waited_for(self, database: Database, database_url: str):
        """Where somebody reads the ledger for long nobody queues behind retention, and it is tried again in an hour."""
        live_for(database, 15)
        with psycopg.connect(database_url) as reader:
            reader.execute("SELECT count(*) FROM outcome")
            begun = time.monotonic()
            with pytest.raises(DatabaseAwayError):
                retention(database).run_if_due()
            took = time.monotonic() - begun
            execute(
                database,
                "INSERT INTO outcome (destination, operation, object, outcome) VALUES ('d', 'o', 'x', 'applied')",
            )
        at_once = retention(database).run_if_due()
        execute(database, "UPDATE clock SET shift = shift + interval '61 minutes'")
        later = retention(database).run_if_due()

        assert took < 7
        assert at_once is None
        assert later is not None
        assert months(database)[0] == -13

    def test_what_it_came_to_is_written_down(self, database: Database):
        """The row that decides also tells when it was last done, and what was dropped."""
        live_for(database, 14)

        pruned = retention(database).run_if_due()

        (row,) = database.fetch(
            "SELECT done_at IS NOT NULL AS is_done, did FROM upkeep WHERE task = 'retention'"
        )
        assert row["is_done"]
        assert row["did"] == str(pruned)
        assert "outcome_" in row["did"]

    def test_dispatch_does_it(self, world: World):
        """A tick prunes, with the ages of the settings, and rings all the same."""
        live_for(world.box.database, 15)
        world.shop.do("sign_up")
        world.read()
        world.rewire(doorbell=OwnDoorbell())

        rung = world.box.dispatch.tick()

        assert months(world.box.database)[0] == -world.settings.keep_months == -13
        assert rung == 1


class TestLetters:
    def test_only_old_resolved_letters_go(self, database: Database):
        """A letter goes when it was resolved long ago; an open one stays however old it is."""
        execute(
            database,
            "INSERT INTO dead_letter (object, operation, lane, cause, message, state, died_at, resolved_at)"
            " SELECT state || age, 'upsert_order', 1, 'no', 'no', state, sync_now() - interval '400 days',"
            "        CASE state WHEN 'open' THEN NULL ELSE sync_now() - age * interval '1 day' END"
            "   FROM unnest('{open,replayed,superseded,discarded}'::text[]) AS state, unnest('{179,181}'::int[]) AS age",
        )

        pruned = retention(database).run_if_due()

        left = {row["object"] for row in database.fetch("SELECT object FROM dead_letter")}
        assert pruned is not None
        assert pruned.letters == 3
        assert left == {"open179", "open181", "replayed179", "superseded179", "discarded179"}

    def test_many_go_in_small_transactions(self, database: Database):
        """More than are deleted at once are deleted all the same."""
        execute(
            database,
            "INSERT INTO dead_letter (object, operation, lane, cause, message, state, resolved_at)"
            " SELECT n::text, 'upsert_order', 1, 'no', 'no', 'replayed', sync_now() - interval '1 year'"
            "   FROM generate_series(1, %s) AS n",
            (LETTERS_AT_ONCE + 7,),
        )

        pruned = retention(database).run_if_due()

        assert pruned is not None
        assert pruned.letters == LETTERS_AT_ONCE + 7


class TestMessages:
    def note(self, database: Database, prefix: str, *, age: timedelta, count: int = 1) -> None:
        """Note messages that were made so long ago."""
        execute(
            database,
            "INSERT INTO message (source, id, resource, sequence, type, created_at)"
            " SELECT 's', %s || n, 'order/o', n, 'OrderCreated', sync_now() - %s::interval"
            "   FROM generate_series(1, %s) AS n",
            (prefix, age, count),
        )

    def test_those_that_the_source_does_not_keep_are_forgotten(self, database: Database):
        """A message is known for a hundred days after it was made, and not for longer."""
        self.note(database, "new", age=99 * DAY)
        self.note(database, "old", age=101 * DAY)

        pruned = retention(database).run_if_due()

        assert pruned is not None
        assert pruned.messages == 1
        assert [row["id"] for row in database.fetch("SELECT id FROM message")] == ["new1"]

    def test_many_go_in_small_transactions(self, database: Database):
        """More than are forgotten at once are forgotten all the same, and the note says how many."""
        self.note(database, "old", age=101 * DAY, count=MESSAGES_AT_ONCE + 7)

        pruned = retention(database).run_if_due()

        assert pruned is not None
        assert pruned.messages == MESSAGES_AT_ONCE + 7
        assert f"{MESSAGES_AT_ONCE + 7} messages" in str(pruned)


class TestForEver:
    def test_what_happened_is_kept(self, database: Database):
        """An event is known for ever, so that nothing is told twice, whatever its age."""
        execute(
            database,
            "INSERT INTO event (source, kind, key, stream, id, happened_at, is_historical, facts, told_at)"
            " SELECT 's', 'paid', told::text, 'orders', 'o', sync_now() - interval '50 years', false, '{}',"
            "        CASE WHEN told THEN sync_now() - interval '50 years' END"
            "   FROM unnest('{true,false}'::boolean[]) AS told",
        )

        retention(database, keep=1, letters=DAY).run_if_due()

        assert len(database.fetch("SELECT event FROM event")) == 2

    def test_the_trigger_ledger_is_kept(self, database: Database):
        """What may happen once is known for ever, whatever its age and state."""
        execute(database, "INSERT INTO destination (destination) VALUES ('d')")
        execute(
            database,
            "INSERT INTO trigger_ledger (destination, kind, business_key, state, noted_at, settled_at)"
            " SELECT 'd', 'order_placed', state, state, sync_now() - interval '50 years', sync_now() - interval '50 years'"
            "   FROM unnest('{intended,happened,historical,superseded,parked,did_not}'::text[]) AS state",
        )

        retention(database, keep=1, letters=DAY).run_if_due()

        assert len(database.fetch("SELECT business_key FROM trigger_ledger")) == 6

    def test_counts_do_not_fall_with_the_months(self, database: Database):
        """What was counted stays counted when its rows are dropped."""
        live_for(database, 15)
        count = "SELECT sum(value) AS n FROM (SELECT * FROM tally UNION ALL SELECT * FROM tally_mark) AS t WHERE name = 'outcomes'"
        before = database.fetch(count)[0]["n"]

        retention(database, keep=1).run_if_due()

        assert database.fetch(count)[0]["n"] == before == 16
