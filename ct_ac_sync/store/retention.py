"""
Retention: whole months of the ledger are dropped by age, and resolved letters deleted.

Dropping a partition costs the same however much is in it.  It is done once a day by
whoever comes first; what cannot be done now, because somebody reads the table, is tried
again in an hour.  The current month and later ones are never touched, nor the trigger
ledger, nor an event, nor a dead letter that is open.  References nobody asked for in a
month are forgotten: they would be asked for anew anyhow; and so are messages that the
source does not keep any more.
"""

from dataclasses import dataclass
from datetime import timedelta

from ct_ac_sync.store.database import Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("retention")

#: Letters deleted in one transaction.
LETTERS_AT_ONCE = 1000
#: How long a reference is kept that nobody asks for, and how many go in one transaction.
KEEP_REFERENCES = timedelta(days=30)
REFERENCES_AT_ONCE = 1000
#: Messages forgotten in one transaction.
MESSAGES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one run of retention came to: partitions dropped, letters deleted, references and messages forgotten."""

    months: tuple[str, ...]
    letters: int
    references: int = 0
    messages: int = 0

    def __str__(self) -> str:
        dropped = ", ".join(self.months) or "nothing"
        return (
            f"dropped {dropped}; deleted {self.letters} resolved dead letters;"
            f" forgot {self.references} references, {self.messages} messages"
        )


class Retention:
    """
    Drops what is older than declared.

    Args:
        months: How many whole months are kept before the current one.
        letters: How long a resolved dead letter is kept.
    """

    def __init__(self, database: Database, *, months: int, letters: timedelta) -> None:
        if months < 1:
            raise ValueError("at least one month before the current one is kept")
        self._database = database
        self._months = months
        self._letters = letters

    def run_if_due(self) -> Pruned | None:
        """Prune what is too old; None where somebody did so within a day."""
        if not self._database.fetch(QUERIES["take"]):
            return None
        pruned = Pruned(
            months=self._drop_months(), letters=self._delete_letters(), references=self._forget_references(),
            messages=self._forget_messages(),
        )  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute(QUERIES["note_done"], {"did": str(pruned)})
        return pruned

    def _drop_months(self) -> tuple[str, ...]:
        rows = self._database.fetch(QUERIES["old_months"], {"months": self._months})
        for row in rows:
            with self._database.transaction() as connection:
                connection.execute(QUERIES["limit_wait"])
                connection.execute(row["detach"].encode())
                connection.execute(row["drop"].encode())
        return tuple(row["name"] for row in rows)

    def _delete_letters(self) -> int:
        deleted, keys = 0, {"age": self._letters, "limit": LETTERS_AT_ONCE}
        while rows := self._database.fetch(QUERIES["delete_letters"], keys):
            deleted += len(rows)
        return deleted

    def _forget_references(self) -> int:
        forgotten, keys = 0, {"age": KEEP_REFERENCES, "limit": REFERENCES_AT_ONCE}
        while rows := self._database.fetch(QUERIES["forget_references"], keys):
            forgotten += len(rows)
        return forgotten

    def _forget_messages(self) -> int:
        forgotten, keys = 0, {"limit": MESSAGES_AT_ONCE}
        while rows := self._database.fetch(QUERIES["forget_messages"], keys):
            forgotten += len(rows)
        return forgotten
