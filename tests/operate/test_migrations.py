"""Migrations: the schema before, the way to this one, and what the release before does on it."""

import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from world import Sandbox, World, environment

from ct_ac_sync.errors import SchemaVersionError, TransientError
from ct_ac_sync.store import migrate as runner
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.migrate import Migration, Present, check_schema, migrate, missing, read_migrations
from ct_ac_sync.store.queries import named_statements
from ct_ac_sync.store.tallies import Tallies

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")
NOWHERE = "http://127.0.0.1:9"
#: Tables that the release before does not know.
NEW = (
    "event", "message", "order_payment", "halted_trigger", "told_hour", "reminder", "gone_candidate", "consent_evidence",
    "consent_ledger", "membership", "exclusion", "write_back", "container", "custom_object",
    "listed_id",
)  # fmt: skip
#: Columns that it does not know, by table.
COLUMNS: Mapping[str, Sequence[str]] = {
    "stream": ["begun_at", "read_until"],
    "entry": ["event"],
    "record": ["gone_at"],
    "tombstone": ["is_confirmed", "address", "settled_at", "is_cancelled"],
}
#: The statements of the release before, as they were.
FORMER = Path(__file__).parent / "former"


@pytest.fixture(name="bare_url")
def _bare_url(postgres: str) -> Iterator[str]:
    """Give an empty database."""
    name = f"bare_{secrets.token_hex(4)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(name="former_url")
def _former_url(bare_url: str) -> str:
    """Give a database as the release before left it."""
    migrate(bare_url, up_to=3)
    return bare_url


def execute(url: str, statement: str, parameters: Any = None) -> None:
    """Run a statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, parameters)


def fetch(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def run(*words: str, url: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a process of this release over the database at *url*."""
    given = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", *words],
        env=given | environment(url, NOWHERE, NOWHERE) | {"PYTHONPATH": str(ROOT)} | more,
        cwd=ROOT, capture_output=True, timeout=180, check=False, encoding="utf-8",
    )  # fmt: skip


class TestOlder:
    @pytest.mark.parametrize("kind", ["worker", "beat"])
    def test_a_process_refuses_to_start(self, former_url: str, redis_url: str, tmp_path: Path, kind: str):
        """A worker or beat of this release ends with 2 on the schema before, and says what mends it."""
        more = ("--concurrency", "1") if kind == "worker" else ("--schedule", str(tmp_path / "beat"))

        done = run("celery", "-A", "workers.app", kind, *more, url=former_url, REDIS_URL=redis_url)

        assert done.returncode == 2, done.stderr
        assert "0004_events.sql" in done.stdout + done.stderr
        assert "ct-ac-sync migrate" in done.stdout + done.stderr

    @pytest.mark.parametrize("words", [("status",), ("metrics",), ("sync", "--once")])
    def test_a_command_refuses(self, former_url: str, words: tuple[str, ...]):
        """A command ends with 2 on the schema before, and says what mends it."""
        done = run("ct_ac_sync.cli.main", *words, url=former_url)

        assert done.returncode == 2
        assert "0004_events.sql" in done.stderr
        assert "ct-ac-sync migrate" in done.stderr

    def test_migrating_mends_it(self, former_url: str):
        """The command applies what is missing, and the same process starts."""
        applied = run("ct_ac_sync.cli.main", "migrate", "--json", url=former_url)

        assert applied.returncode == 0
        assert "0004_events.sql" in applied.stdout
        assert "0003_mapping.sql" not in applied.stdout
        assert run("ct_ac_sync.cli.main", "status", url=former_url).returncode == 0


def everything(url: str) -> dict[str, list[str]]:
    """Return every row of every table of the release before, as text."""
    names = [row[0] for row in fetch(url, "SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition"
                                          " AND relnamespace = 'public'::regnamespace ORDER BY 1")]  # fmt: skip
    return {
        name: [
            row[0]
            for row in fetch(
                url, f"SELECT (to_jsonb(t) - ARRAY{COLUMNS.get(name, [''])})::text FROM {name} t ORDER BY 1"
            )
        ]
        for name in names
        if name not in (*NEW, "schema_migration")
    }


class TestWithData:
    @pytest.fixture(name="lived")
    def _lived(self, database_url: str, shop_url: str, account_url: str) -> Iterator[World]:
        """Give a world that lived on a migrated database, whose new tables are then taken away."""
        world = World(database_url, shop_url, account_url, CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.01")
        Sandbox(shop_url).ask("shop/fill", {"customers": 12, "orders": 20, "seed": 1})
        world.run()
        world.shop.do("sign_up")
        world.read()
        world.box.tallies.write()  # or its timer does, while rows are compared
        yield world
        world.close()

    def test_nothing_is_lost(self, lived: World, database_url: str):
        """From the schema before, with data in every ledger, migrating keeps every row as it was."""
        execute(
            database_url,
            "DROP VIEW claimable; DROP TRIGGER record_payments ON record;"
            "DROP FUNCTION has_living, is_over, digest_of, is_farewell, is_behind, first_fact, is_halted,"
            " trigger_of, business_key_of, known_until, note_order_payments;"
            "DROP FUNCTION has_evidence, is_meant; DROP TABLE consent_ledger, consent_evidence, membership, exclusion;"
            "DROP TABLE write_back, container, custom_object;"
            "DROP TABLE reminder, halted_trigger, told_hour, order_payment, message, event, gone_candidate,"
            " listed_id; ALTER TABLE entry DROP COLUMN event; ALTER TABLE record DROP COLUMN gone_at;"
            "ALTER TABLE stream DROP COLUMN begun_at, DROP COLUMN read_until;"
            "ALTER TABLE tombstone DROP COLUMN is_confirmed, DROP COLUMN address, DROP COLUMN settled_at,"
            " DROP COLUMN is_cancelled;"
            "DELETE FROM schema_migration WHERE version > 3",
        )
        before = everything(database_url)

        applied = migrate(database_url)

        assert applied[0] == "0004_events.sql"
        assert everything(database_url) == before
        assert (
            min(len(before[name]) for name in ("record", "person", "entry", "outcome", "attempt", "sighting"))
            > 1
        )
        lived.drain()
        assert (
            sum(s.value for s in lived.box.tallies.read(lease=timedelta(seconds=7)) if s.metric == "outcomes")
            > 0
        )

    def test_applied_alone_it_is_what_a_new_database_has(self, former_url: str, database_url: str):
        """A database that was migrated step by step has the columns, indexes and functions of a new one."""
        migrate(former_url)

        shapes = (
            "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns ORDER BY 1, 2",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        )
        for shape in shapes:
            assert fetch(former_url, shape) == fetch(database_url, shape)


def former_statements() -> Mapping[str, str]:
    """Return the statements of the release before, by file and name."""
    return {
        f"{path.stem}.{name}": text
        for path in sorted(FORMER.glob("*.sql"))
        for name, text in named_statements(path.read_text("utf-8")).items()
    }


def verdicts(url: str, statements: Mapping[str, str]) -> dict[str, str]:
    """Return what the database says of each statement when it is prepared; nothing where it takes it."""
    found = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for name, text in statements.items():
            order = {
                key: place for place, key in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)), 1)
            }
            for key, place in order.items():
                text = text.replace(f"%({key})s", f"${place}")  # noqa: PLW2901
            try:
                plain = text.replace("%%", "%").rstrip().rstrip(";")
                connection.execute(f"PREPARE each AS {plain}".encode())
                connection.execute("DEALLOCATE each")
                found[name] = ""
            except psycopg.Error as error:
                found[name] = str(error).split("\n")[0]
    return found


class TestFormerRelease:
    def test_its_statements_mean_the_same(self, former_url: str, database_url: str):
        """Each of its statements is taken by both schemas, or refused by both with the same words."""
        statements = former_statements()

        on_former, on_new = verdicts(former_url, statements), verdicts(database_url, statements)

        assert on_new == on_former
        taken = [name for name, verdict in on_new.items() if not verdict]
        assert len(taken) > 0.9 * len(statements) > 80
        assert {"deliveries.pick_entry", "deliveries.note_attempt", "deliveries.change_entries", "intake.raise_entries"} <= set(
            taken
        )  # fmt: skip

    def test_what_it_accepted_is_delivered(self, database_url: str, shop_url: str, account_url: str):
        """Records that it wrote say nothing of where they go: they go where everything went."""
        world = World(database_url, shop_url, account_url, CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.01")
        world.shop.ask("shop/fill", {"customers": 4, "orders": 6, "seed": 1})
        world.read()
        world.execute("UPDATE record SET destinations = NULL")

        world.drain()

        assert len(world.orders()) == 6
        assert world.box.views.status()["totals"]["dead_letters"] == 0
        world.close()

    def test_what_it_does_is_counted(self, former_url: str):
        """Rows that the release before writes are counted by the new schema."""
        migrate(former_url)
        execute(
            former_url,
            "INSERT INTO outcome (destination, operation, object, outcome) SELECT 'd', 'o', 'x', 'applied' FROM generate_series(1, 3)",
        )

        assert fetch(former_url, "SELECT party, name, labels, value FROM tally_mark") == [
            ("d", "outcomes", ["o", "applied"], 3)
        ]

    def test_it_starts_on_an_expanded_schema(self, database_url: str):
        """What a later release has only added to is not refused, by check or by migrate: a rollback needs nothing undone."""
        execute(
            database_url,
            "INSERT INTO schema_migration (version, name, checksum, contracts) VALUES (9001, 'later', 'x', false)",
        )

        check_schema(database_url)
        assert migrate(database_url) == ()

    def test_it_does_not_start_on_a_contracted_schema(self, database_url: str):
        """What a later release has taken something from is refused, by check and by migrate."""
        execute(
            database_url,
            "INSERT INTO schema_migration (version, name, checksum, contracts) VALUES (9001, 'later', 'x', true)",
        )

        for act in (check_schema, migrate):
            with pytest.raises(SchemaVersionError, match="9001"):
                act(database_url)


# -- the rules of docs/migrations.md --------------------------------------------------

FORBIDDEN = {
    "DROP": r"\bDROP\b(?! INDEX CONCURRENTLY IF EXISTS| CONSTRAINT (\w+_check), ADD CONSTRAINT \1 CHECK)",
    "RENAME": r"\bRENAME\b",
    "TYPE": r"\bALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b",
    "SET NOT NULL": r"\bSET NOT NULL\b",
    "NOT NULL without DEFAULT": r"\bADD (?:COLUMN )?(?:IF NOT EXISTS )?\w+ (?:(?!DEFAULT|,).)*\bNOT NULL\b(?!(?:(?!,).)*DEFAULT)"
    r"(?<!DEFAULT)",
    "TRUNCATE": r"^TRUNCATE\b",
    "DELETE": r"^DELETE\b",
    "UPDATE": r"^UPDATE\b",
    "CONSTRAINT without NOT VALID": r"\bADD (?:CONSTRAINT|CHECK|FOREIGN KEY)\b(?!.*\bNOT VALID\b)",
    "LOCK": r"^LOCK\b",
}


def statements_of(text: str) -> list[str]:
    """Return the statements of a file, without comments and the bodies of functions."""
    plain = re.sub(r"--[^\n]*", "", re.sub(r"\$\$.*?\$\$", "'body'", text, flags=re.DOTALL))
    return [" ".join(part.split()) for part in plain.split(";") if part.strip()]


def faults_of(text: str) -> list[str]:
    """Return what an expanding file must not hold."""
    statements = statements_of(text)
    made = {
        m[1].lower()
        for s in statements
        if (m := re.match(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", s, re.IGNORECASE))
    }
    faults = []
    for statement in statements:
        faults += [name for name, shape in FORBIDDEN.items() if re.search(shape, statement, re.IGNORECASE)]
        index = re.match(r"CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?.*?\bON (\w+)", statement, re.IGNORECASE)
        if index and not index[1] and index[2].lower() not in made:
            faults.append("INDEX without CONCURRENTLY")
    if "CONCURRENTLY" in " ".join(statements).upper() and not text.startswith(runner.NO_TRANSACTION + "\n"):
        faults.append("CONCURRENTLY in a transaction")
    if text.startswith(runner.NO_TRANSACTION + "\n") and "$$" in text:
        faults.append("function without transaction")
    return faults


class TestRules:
    def test_each_migration_only_expands(self):
        """Every file after the first keeps the rules, unless it says that it contracts."""
        later = [m for m in read_migrations() if m.version > 1 and not m.contracts]

        assert later != []
        assert {m.name: faults_of(m.text) for m in later if faults_of(m.text)} == {}

    def test_a_list_of_words_only_grows(self, bare_url: str):
        """A check that is replaced by another lets in all that it let in before."""

        def words(name: str) -> set[str]:
            rows = fetch(
                bare_url, f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{name}'"
            )
            return set(re.findall(r"'([^']+)'", rows[0][0])) if rows else set()

        replaced = {
            m.version: re.findall(r"DROP CONSTRAINT (\w+_check)", m.text)
            for m in read_migrations()
            if "DROP CONSTRAINT" in m.text
        }
        for version, names in replaced.items():
            migrate(bare_url, up_to=version - 1)
            before = {name: words(name) for name in names}
            migrate(bare_url, up_to=version)
            assert all(before[name] < words(name) for name in names)

        assert replaced != {}

    def test_files_are_numbered_without_gaps(self):
        """A number is given once, and none is left out."""
        found = read_migrations()

        assert [m.version for m in found] == list(range(1, len(found) + 1))
        assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", m.name) for m in found)

    @pytest.mark.parametrize(
        "text",
        [
            "CREATE TABLE a (b int NOT NULL); CREATE INDEX c ON a (b);",
            "ALTER TABLE entry ADD COLUMN a text;",
            "ALTER TABLE entry ADD COLUMN a int NOT NULL DEFAULT 0;",
            "ALTER TABLE entry ADD COLUMN a int DEFAULT 0 NOT NULL;",
            "ALTER TABLE entry ADD CONSTRAINT a CHECK (lane >= 0) NOT VALID;",
            "ALTER TABLE entry DROP CONSTRAINT a_check, ADD CONSTRAINT a_check CHECK (a IN ('b', 'c')) NOT VALID;",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM a; DROP TABLE b $$;",
            "-- DROP TABLE entry;\nCREATE VIEW v AS SELECT 1;",
            "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON entry (lane);\n",
        ],
    )
    def test_what_expands_is_let_through(self, text: str):
        """The rules forbid nothing that the release before can live with."""
        assert faults_of(text) == []

    @pytest.mark.parametrize(
        "text",
        [
            "DROP TABLE entry;",
            "ALTER TABLE entry DROP COLUMN lane;",
            "DROP FUNCTION is_blocked;",
            "ALTER TABLE entry RENAME COLUMN lane TO road;",
            "ALTER TABLE entry RENAME TO item;",
            "ALTER TABLE entry ALTER COLUMN lane TYPE int;",
            "ALTER TABLE entry ALTER lane SET DATA TYPE int;",
            "ALTER TABLE entry ALTER COLUMN lane SET NOT NULL;",
            "ALTER TABLE entry ADD COLUMN a int NOT NULL;",
            "alter table entry add a int not null;",
            "ALTER TABLE entry ADD CONSTRAINT a CHECK (lane >= 0);",
            "ALTER TABLE entry DROP CONSTRAINT a_check;",
            "ALTER TABLE entry DROP CONSTRAINT a_check, ADD CONSTRAINT b_check CHECK (a IN ('b')) NOT VALID;",
            "ALTER TABLE entry DROP CONSTRAINT a_check, ADD CONSTRAINT a_check CHECK (a IN ('b'));",
            "CREATE INDEX i ON entry (lane);",
            "CREATE UNIQUE INDEX i ON entry (lane);",
            "CREATE INDEX CONCURRENTLY i ON entry (lane);",
            "TRUNCATE entry;",
            "DELETE FROM entry;",
            "UPDATE entry SET lane = 1;",
            "LOCK TABLE entry;",
            "-- no-transaction\nCREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$;\n",
        ],
    )
    def test_what_contracts_is_caught(self, text: str):
        """Each statement that the release before could not live with, or would wait for, is found."""
        assert faults_of(text) != []


def numbered(version: int, text: str) -> Migration:
    """Return a migration that does not ship."""
    return Migration(version=version, name=f"{version:04}_test.sql", text=text)


def apply(url: str, migration: Migration, *, tries: int = 1) -> None:
    """Apply one migration as the runner does; one that never gets its lock fails rather than hangs."""
    with psycopg.connect(url, autocommit=True, options="-c statement_timeout=20s") as connection:
        runner._apply_patiently(connection, migration, tries=tries)


class TestRunner:
    def test_a_file_is_there_wholly_or_not_at_all(self, database_url: str):
        """A file that fails halfway leaves nothing behind, and is not noted as applied."""
        with pytest.raises(psycopg.Error):
            apply(database_url, numbered(90, "CREATE TABLE half (n int);\nSELECT 1 / 0;\n"))

        assert fetch(database_url, "SELECT to_regclass('half')") == [(None,)]
        assert fetch(database_url, "SELECT version FROM schema_migration WHERE version = 90") == []

    def test_a_lock_that_is_not_given_is_let_go(self, database_url: str, monkeypatch: pytest.MonkeyPatch):
        """Nobody queues behind a migration for longer than its patience, and it says what is in the way."""
        monkeypatch.setattr(runner, "LOCK_SECONDS", 0.3)
        monkeypatch.setattr(runner, "LOCK_PAUSE_SECONDS", 0.1)
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT * FROM entry")
            begun = time.monotonic()
            with pytest.raises(TransientError, match="pg_stat_activity"):
                apply(database_url, numbered(90, "ALTER TABLE entry ADD COLUMN a int;\n"), tries=2)

        assert 0.6 < time.monotonic() - begun < 5
        assert fetch(database_url, "SELECT version FROM schema_migration WHERE version = 90") == []

    def test_it_is_tried_again(self, database_url: str, monkeypatch: pytest.MonkeyPatch):
        """Once the table is free the migration goes through."""
        monkeypatch.setattr(runner, "LOCK_SECONDS", 0.2)
        monkeypatch.setattr(runner, "LOCK_PAUSE_SECONDS", 0.05)
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT * FROM entry")
            waiting = threading.Thread(
                target=apply,
                args=(database_url, numbered(90, "ALTER TABLE entry ADD COLUMN a int;\n")),
                kwargs={"tries": 50},
            )
            waiting.start()
            time.sleep(0.5)
        waiting.join()

        assert fetch(database_url, "SELECT version, contracts FROM schema_migration WHERE version = 90") == [
            (90, False)
        ]

    def test_a_file_without_transaction(self, database_url: str):
        """An index is made beside the traffic, in a file that says so, and noted once all of it is done."""
        text = (
            "-- no-transaction\n-- An index; made again where it failed.\n"
            "DROP INDEX CONCURRENTLY IF EXISTS entry_lane;\n"
            "CREATE INDEX CONCURRENTLY entry_lane ON entry (lane);  -- one\nSELECT 1;\n"
        )

        apply(database_url, numbered(90, text))

        assert fetch(
            database_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'entry_lane'::regclass"
        ) == [(True,)]
        assert fetch(database_url, "SELECT version FROM schema_migration WHERE version = 90") == [(90,)]

    def test_such_a_file_that_fails_is_run_again(self, database_url: str):
        """What went before the failure stays, and the file is not noted until it went through."""
        text = "-- no-transaction\nCREATE TABLE IF NOT EXISTS once (n int);\nSELECT 1 / (SELECT count(*) FROM once);\n"
        with pytest.raises(psycopg.errors.DivisionByZero):
            apply(database_url, numbered(90, text))
        before = fetch(database_url, "SELECT count(*) FROM schema_migration WHERE version = 90")
        execute(database_url, "INSERT INTO once VALUES (1)")

        apply(database_url, numbered(90, text))

        assert before == [(0,)]
        assert fetch(database_url, "SELECT count(*) FROM schema_migration WHERE version = 90") == [(1,)]

    def test_a_file_that_contracts_is_noted_so(self, database_url: str):
        """The mark of the file is kept beside its checksum, for releases that do not know it."""
        apply(database_url, numbered(90, "-- Takes something away.\n-- contracts\nDROP VIEW claimable;\n"))

        with pytest.raises(SchemaVersionError, match="90"):
            check_schema(database_url)

    def test_several_at_once_apply_it_once(self, bare_url: str):
        """Of all who migrate at the same time one applies each file, and the others find it there."""
        applied: list[tuple[str, ...]] = []
        threads = [threading.Thread(target=lambda: applied.append(migrate(bare_url))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        names = [name for each in applied for name in each]
        assert sorted(names) == [m.name for m in read_migrations()]

    def test_unknown_ones_count_only_where_they_contract(self):
        """What a database has more is told from what it lacks, and from what was changed."""
        known = (numbered(1, "a"), numbered(2, "b"))
        first = {1: Present(known[0].checksum)}

        assert missing(first, known) == (known[1],)
        assert missing(first | {9: Present("x", contracts=False)}, known) == (known[1],)
        for present in ({9: Present("x")}, {1: Present("x", contracts=False)}):
            with pytest.raises(SchemaVersionError):
                missing(present, known)


class TestTallyTriggers:
    def test_who_writes_an_outcome_waits_for_nobody(self, database_url: str):
        """Two who write outcomes, and one who adds up, never wait for each other."""
        note = (
            "INSERT INTO outcome (destination, operation, object, outcome) VALUES ('d', 'o', 'x', 'applied')"
        )
        with psycopg.connect(database_url) as one, psycopg.connect(database_url) as other:
            for connection in (one, other):
                connection.execute("SET LOCAL lock_timeout = '200ms'")
                connection.execute(note)
            database = Database(database_url)
            Tallies(database).tick()
            database.close()

        assert fetch(database_url, "SELECT sum(value) FROM tally_mark") == [(2,)]
