"""
The door to Postgres: one pool a process, opened at first use, and short transactions.

Connections never cross a fork, so the pool belongs to the process that opened it.
Every transaction may be run again: a lost connection during COMMIT is ambiguous, and
each statement that matters is guarded by a lease token, a version or a key.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from ct_ac_sync.errors import DatabaseAwayError

Connection = psycopg.Connection[DictRow]
T = TypeVar("T")

#: Bounds every statement; the longest honest one is a page of 500 records.  None is worth compiling:
#: of tables that were never analyzed so much is expected that it takes seconds, for milliseconds of work.
OPTIONS = "-c statement_timeout=20s -c lock_timeout=8s -c idle_in_transaction_session_timeout=30s -c jit=off"

#: How long what met an absent database waits before it is tried again.
AWAY_SECONDS = 5.0

_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


class Database:
    """A pool of connections that is opened lazily, once per process."""

    def __init__(self, url: str, *, max_size: int = 4) -> None:
        self._url = url
        self._max_size = max_size
        self._pool: ConnectionPool[Connection] | None = None
        self._pid = 0

    def _opened(self) -> ConnectionPool[Connection]:
        if self._pool is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._pool = ConnectionPool(
                self._url,
                connection_class=psycopg.Connection[DictRow],
                kwargs={
                    "row_factory": dict_row,
                    "connect_timeout": 5,
                    "keepalives": 1,
                    "keepalives_idle": 10,
                    "tcp_user_timeout": 15000,
                    "application_name": "ct-ac-sync",
                    "options": OPTIONS,
                },
                min_size=0,
                max_size=self._max_size,
                timeout=5,
                max_lifetime=1800,
                reconnect_timeout=60,
                check=ConnectionPool.check_connection,
                open=True,
            )
        return self._pool

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        Give a connection inside one transaction, committed at the end.

        Raises:
            DatabaseAwayError: It is away; whether a COMMIT under way took effect is not known.
        """
        try:
            with self._opened().connection() as connection, connection.transaction():
                yield connection
        except _AWAY as error:
            raise DatabaseAwayError(
                f"the database is away ({type(error).__name__})",
                cause="database_away",
                retry_after_seconds=AWAY_SECONDS,
            ) from error

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in one transaction and return what it returns."""
        with self.transaction() as connection:
            return work(connection)

    def fetch(self, statement: Any, parameters: Any = None) -> list[DictRow]:
        """Run one statement in a transaction of its own and return its rows."""
        with self.transaction() as connection:
            return connection.execute(statement, parameters).fetchall()

    def close(self) -> None:
        """Close the pool, if this process opened one."""
        if self._pool is not None and self._pid == os.getpid():
            self._pool.close()
        self._pool = None
