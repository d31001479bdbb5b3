"""The desk: dead letters and parked triggers, and what a human decides about them."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import DictRow

from ct_ac_sync.ports import Lane
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.lanes import LANES
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("desk")


class Desk:
    """Lists, shows and resolves what the machine has given up or cannot know."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def dead_letters(self, *, cause: str | None = None, limit: int = 1000) -> list[DictRow]:
        """Return the open dead letters, oldest first."""
        return self._database.fetch(QUERIES["list_dead_letters"], {"cause": cause, "limit": limit})

    def causes(self) -> list[DictRow]:
        """Return the open dead letters grouped by cause."""
        return self._database.fetch(QUERIES["group_dead_letters"])

    def dead_letter(self, number: int) -> DictRow | None:
        """Return one dead letter with all that is known, and what waits for it."""
        rows = self._database.fetch(QUERIES["show_dead_letter"], {"dead_letter": number})
        if not rows:
            return None
        waiting = self._database.fetch(QUERIES["list_waiting"], {"entry": rows[0]["entry"]})
        return rows[0] | {"waiting": waiting}

    def still_open(self, letters: Sequence[int]) -> tuple[int, ...]:
        """Return those of *letters* that are open."""
        rows = self._database.fetch(QUERIES["still_open"], {"letters": list(letters)})
        return tuple(row["dead_letter"] for row in rows)

    def count_by_lane(self) -> Mapping[Lane, tuple[int, int]]:
        """
        Return for each lane how many letters are open, and the sum of their numbers.

        A number is given once and a letter never opens again, so that two sums tell two
        sets apart; whoever mirrors the letters asks this first, because it is cheap.
        """
        found = {row["lane"]: row for row in self._database.fetch(QUERIES["count_by_lane"])}
        return {
            lane: (int(found[n]["letters"]), int(found[n]["numbers"])) if n in found else (0, 0)
            for n, lane in enumerate(LANES)
        }

    def numbers_by_lane(self) -> Mapping[Lane, Sequence[int]]:
        """Return the numbers of the open letters of each lane, oldest first."""
        found = {row["lane"]: row["numbers"] for row in self._database.fetch(QUERIES["numbers_by_lane"])}
        return {lane: found.get(n, []) for n, lane in enumerate(LANES)}

    def behind_discarded(self) -> list[DictRow]:
        """Return the entries of contacts that were given up, and that something still waits behind."""
        return self._database.fetch(QUERIES["list_behind_discarded"])

    def trace(self, number: int) -> dict[str, list[DictRow]]:
        """Return the way of a letter: when its records were seen, what was owed and sent, what it may start."""
        keys = {"dead_letter": number}
        return {
            name: self._database.fetch(QUERIES[f"letter_{name}"], keys)
            for name in ("records", "sightings", "entries", "outcomes", "triggers")
        }

    def replay(self, letters: Sequence[int], *, actor: str, reason: str) -> int:
        """
        Make dead letters available again, mapped afresh at claim; return how many were.

        A letter that is no longer open is left alone, so that twice does nothing twice.
        """
        keys = {"letters": list(letters), "actor": actor, "reason": reason}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["lock_letters"], keys)
            rows = connection.execute(QUERIES["replay"], keys).fetchall()
            _refresh(connection, rows)
        return len(rows)

    def count_starting(self, letters: Sequence[int]) -> Mapping[str, int]:
        """Return how much of each trigger a replay of *letters* may start, and of what waits behind them."""
        rows = self._database.fetch(QUERIES["count_starting"], {"letters": list(letters)})
        return {row["trigger"]: row["entries"] for row in rows}

    def discard(self, letters: Sequence[int], *, actor: str, reason: str) -> int:
        """
        Give dead letters up; return how many were.

        What such an entry wanted is settled until something newer is wanted.  Only the entry
        of a contact stays dead, so that its orders go on waiting for it rather than go out
        before it.  A letter that is no longer open is left alone.
        """
        keys = {"letters": list(letters), "actor": actor, "reason": reason}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["lock_letters"], keys)
            rows = connection.execute(QUERIES["discard"], keys).fetchall()
            entries = [row["entry"] for row in rows if row["entry"] is not None]
            closed = connection.execute(QUERIES["close_discarded"], keys | {"entries": entries}).fetchall()
            _refresh(connection, closed)
        return len(rows)

    def unreadable(self, letters: Sequence[int]) -> list[DictRow]:
        """Return those of *letters* that are of records which could not be read."""
        return self._database.fetch(QUERIES["open_unreadable"], {"letters": list(letters)})

    def sign_replay(self, letters: Sequence[int], *, actor: str, reason: str) -> None:
        """Write down who had records read again, and why."""
        keys = {"letters": list(letters), "actor": actor, "reason": reason}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["sign_replay"], keys)

    def parked(self) -> list[DictRow]:
        """Return the triggers of which nobody knows whether they happened."""
        return self._database.fetch(QUERIES["list_parked"])

    def settle(
        self, *, destination: str, kind: str, business_key: str, has_happened: bool, actor: str, reason: str
    ) -> bool:
        """
        Write down what a human says of a parked trigger; False if it is not parked.

        What did not happen may happen once more; what happened is closed for ever.
        """
        keys: dict[str, Any] = {
            "destination": destination, "kind": kind, "business_key": business_key,
            "state": "happened" if has_happened else "did_not", "actor": actor, "reason": reason,
        }  # fmt: skip
        # Whose order it is by now is asked anew: it may have moved to another person.
        keys["source"], _, keys["object"] = business_key.partition("/")
        with self._database.transaction() as connection:
            if not connection.execute(QUERIES["settle_parked"], keys).fetchall():
                return False
            note = "INSERT INTO outcome (destination, operation, object, outcome, reason) VALUES (%s, %s, %s, %s, %s)"
            verdict = f"{keys['state']} says {actor}: {reason}"
            connection.execute(note, (destination, kind, business_key, "settled", verdict))
            if not has_happened:
                _refresh(connection, connection.execute(QUERIES["fire_again"], keys).fetchall())
        return True


def _refresh(connection: Connection, rows: Sequence[DictRow]) -> None:
    recipients = sorted({row["recipient"] for row in rows})
    connection.execute("SELECT refresh_recipients(%s)", (recipients,))
