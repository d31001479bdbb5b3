"""
Applies what is missing of the numbered plain-SQL migrations, under one lock.

A file is applied once, in a transaction of its own, and its checksum is kept: a file
that changed after it was applied is refused, because two databases would then differ.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from ct_ac_sync.errors import DatabaseAwayError, SchemaVersionError

#: Any constant: it only has to be the same for every runner.
LOCK = 7_232_001

TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version    int PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
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


def read_migrations() -> tuple[Migration, ...]:
    """Return the migrations that ship with the code, in order."""
    folder = files("ct_ac_sync.store") / "migrations"
    return tuple(
        Migration(version=int(name.split("_")[0]), name=name, text=(folder / name).read_text("utf-8"))
        for name in sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    )


def migrate(url: str) -> tuple[str, ...]:
    """
    Bring the database at *url* up to this code's schema; return the names applied.

    Raises:
        SchemaVersionError: A file was changed after it was applied, or the database is
            newer than this code.
        DatabaseAwayError: The database cannot be reached, or does not let us in.
    """
    applied = []
    with _connected(url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection.execute(TABLE)
        for migration in missing(_present(connection), read_migrations()):
            with connection.transaction():
                connection.execute(migration.text.encode())
                connection.execute(
                    "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)",
                    (migration.version, migration.name, migration.checksum),
                )
            applied.append(migration.name)
    return tuple(applied)


def check_schema(url: str) -> None:
    """
    Refuse a database whose schema is not exactly this code's.

    Raises:
        SchemaVersionError: It is older, newer or changed.
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


def missing(present: dict[int, str], known: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """
    Return the *known* migrations that are not *present* (checksums by version).

    Raises:
        SchemaVersionError: See :func:`migrate`.
    """
    if newer := sorted(set(present) - {m.version for m in known}):
        raise SchemaVersionError(
            f"the database has migrations this code does not know: {newer};"
            " run a newer release of ct-ac-sync",
            cause="schema_newer",
        )
    for migration in known:
        if present.get(migration.version, migration.checksum) != migration.checksum:
            raise SchemaVersionError(
                f"{migration.name} was changed after it was applied; restore the file and"
                " add a new migration instead",
                cause="schema_changed",
            )
    return tuple(m for m in known if m.version not in present)


def _present(connection: psycopg.Connection) -> dict[int, str]:
    rows = connection.execute("SELECT version, checksum FROM schema_migration").fetchall()
    return dict(rows)
