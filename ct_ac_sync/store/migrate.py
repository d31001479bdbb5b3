"""
Applies what is missing of the numbered plain-SQL migrations, under one lock.

A file is applied once, in a transaction of its own, and its checksum is kept: a file
that changed after it was applied is refused, because two databases would then differ.
Nothing queues behind a migration: one that cannot have its lock soon lets go, and is
tried again.  docs/migrations.md says what a file may change.
"""

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from ct_ac_sync.errors import DatabaseAwayError, SchemaVersionError, TransientError

#: Any constant: it only has to be the same for every runner.
LOCK = 7_232_001

#: How long a migration waits for a lock, and all that comes after it behind it.
LOCK_SECONDS = 3.0
#: How often it is tried to have it, and the pause between.
LOCK_TRIES, LOCK_PAUSE_SECONDS = 20, 2.0
#: How often it is asked whether nobody else migrates.
TURN_PAUSE_SECONDS = 0.2

#: On the first line of a file whose statements cannot run inside a transaction.
NO_TRANSACTION = "-- no-transaction"
#: On a line of a file after which the release before cannot go on.
CONTRACTS = re.compile(r"^-- contracts$", re.MULTILINE)

TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version    int PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS contracts boolean NOT NULL DEFAULT true;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Digest of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def contracts(self) -> bool:
        """Whether the release before cannot go on once it is applied."""
        return CONTRACTS.search(self.text) is not None

    @property
    def statements(self) -> tuple[str, ...]:
        """
        What is sent to the database at a time: all of it, in one transaction.

        A file marked as having none is cut at each semicolon that ends a line; so it holds
        no functions, and each of its statements can be run again.
        """
        if not self.text.startswith(NO_TRANSACTION + "\n"):
            return (self.text,)
        plain = re.sub(r"--.*", "", self.text)
        return tuple(part.strip() for part in re.split(r";\s*\n", plain) if part.strip())


@dataclass(frozen=True, slots=True)
class Present:
    """A migration that the database has: its checksum, and whether an older release can go on."""

    checksum: str
    contracts: bool = True


def read_migrations() -> tuple[Migration, ...]:
    """Return the migrations that ship with the code, in order."""
    folder = files("ct_ac_sync.store") / "migrations"
    return tuple(
        Migration(version=int(name.split("_")[0]), name=name, text=(folder / name).read_text("utf-8"))
        for name in sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    )


def migrate(url: str, *, up_to: int | None = None, lock_tries: int = LOCK_TRIES) -> tuple[str, ...]:
    """
    Bring the database at *url* up to this code's schema; return the names applied.

    Args:
        up_to: The last version to apply: to rehearse what a release before had.
        lock_tries: How often a lock that is not given is asked for.

    Raises:
        TransientError: A lock was not given; what was applied before stays applied.
        SchemaVersionError: A file was changed after it was applied, or the database is
            newer than this code.
        DatabaseAwayError: The database cannot be reached, or does not let us in.
    """
    applied = []
    with _connected(url) as connection:
        _wait_for_turn(connection)
        connection.execute(TABLE)
        for migration in missing(_present(connection), read_migrations()):
            if up_to is None or migration.version <= up_to:
                _apply_patiently(connection, migration, tries=lock_tries)
                applied.append(migration.name)
    return tuple(applied)


def _wait_for_turn(connection: psycopg.Connection) -> None:
    """
    Wait until nobody else migrates.

    Asking again and again, and never standing in line: whoever builds an index concurrently waits
    for all statements that were begun before, and ours would wait for its end.
    """
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
        if row is not None and row[0]:
            return
        time.sleep(TURN_PAUSE_SECONDS)


def _apply_patiently(connection: psycopg.Connection, migration: Migration, *, tries: int) -> None:
    for _ in range(tries - 1):
        try:
            _apply(connection, migration)
        except psycopg.errors.LockNotAvailable:
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
    try:
        _apply(connection, migration)
    except psycopg.errors.LockNotAvailable as error:
        raise TransientError(
            f"{migration.name} did not get its lock in {tries} tries of {LOCK_SECONDS:g} s; somebody"
            " holds a table for long, see pg_stat_activity; then run: ct-ac-sync migrate",
            cause="schema_locked",
        ) from error


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    """Apply a file in one transaction, or statement by statement where it says so."""
    note = "INSERT INTO schema_migration (version, name, checksum, contracts) VALUES (%s, %s, %s, %s)"
    row = (migration.version, migration.name, migration.checksum, migration.contracts)
    if len(migration.statements) == 1 and migration.statements[0] == migration.text:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_SECONDS}s",))
            connection.execute(migration.text.encode())
            connection.execute(note, row)
        return
    # What runs without a transaction waits for others without making anybody wait.
    for statement in migration.statements:
        connection.execute(statement.encode())
    connection.execute(note, row)


def check_schema(url: str) -> None:
    """
    Refuse a database whose schema this code cannot work on.

    One that a later release has expanded is none: so the release before can be started
    again, and its workers live on while the later one is rolled out.

    Raises:
        SchemaVersionError: It is older, changed, or was contracted by a later release.
        DatabaseAwayError: The database cannot be reached, or does not let us in.
    """
    with _connected(url) as connection:
        found = connection.execute("SELECT to_regclass('schema_migration')").fetchone()
        present = _present(connection) if found and found[0] else {}
    if lacking := missing(present, read_migrations()):
        raise SchemaVersionError(
            f"the database lacks {', '.join(m.name for m in lacking)}; run: ct-ac-sync migrate",
            cause="schema_older",
        )


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            yield connection
    except psycopg.OperationalError as error:
        # The driver's text names host, port, user and database, and never the password.
        says = " ".join(str(error).split())
        raise DatabaseAwayError(
            f"DATABASE_URL: Postgres cannot be used: {says}", cause="database_away"
        ) from error


def missing(present: Mapping[int, Present], known: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """
    Return the *known* migrations that are not *present* (by version).

    Raises:
        SchemaVersionError: See :func:`migrate`.
    """
    unknown = set(present) - {m.version for m in known}
    if newer := sorted(version for version in unknown if present[version].contracts):
        raise SchemaVersionError(
            f"the database has migrations this code does not know: {newer};"
            " run a newer release of ct-ac-sync",
            cause="schema_newer",
        )
    for migration in known:
        found = present.get(migration.version)
        if found is not None and found.checksum != migration.checksum:
            raise SchemaVersionError(
                f"{migration.name} was changed after it was applied; restore the file and"
                " add a new migration instead",
                cause="schema_changed",
            )
    return tuple(m for m in known if m.version not in present)


def _present(connection: psycopg.Connection) -> dict[int, Present]:
    # Before the second migration the table had no such column; what is unknown contracts.
    rows = connection.execute(
        "SELECT version, checksum, coalesce((to_jsonb(m) ->> 'contracts')::boolean, true)"
        "  FROM schema_migration m"
    ).fetchall()
    return {version: Present(checksum, contracts) for version, checksum, contracts in rows}
