"""
The tag book: what tags contacts are believed to have, and what the destination calls them.

An import adds tags without saying how it calls them; such a tag has no link.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ct_ac_sync.store.database import Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("tags")


@dataclass(frozen=True, slots=True)
class KnownTags:
    """Links by the names of tags a contact is believed to have, and whether they were ever read there."""

    is_read: bool
    links: Mapping[str, str | None]


class TagBook:
    """Reads and writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_tags(self, recipient: int) -> KnownTags:
        """Return the tags that the contact of *recipient* is believed to have."""
        rows = self._database.fetch(QUERIES["read_tags"], {"recipient": recipient})
        is_read = bool(rows and rows[0]["is_read"])
        return KnownTags(is_read, {row["name"]: row["link"] for row in rows if row["name"] is not None})

    def write_tags(self, recipient: int, links: Mapping[str, str], *, token: int) -> None:
        """Keep the tags that were read there, while the recipient is held under *token*."""
        keys = {
            "recipient": recipient, "token": token, "names": list(links), "links": list(links.values()),
        }  # fmt: skip
        with self._database.transaction() as connection:
            if connection.execute(QUERIES["note_tags_read"], keys).fetchone() is not None:
                connection.execute(QUERIES["drop_tags"], keys)
                connection.execute(QUERIES["write_tags"], keys)

    def tag_id(self, destination: str, name: str) -> str | None:
        """Return the id of a tag, where it is known."""
        keys = {"destination": destination, "name": name.casefold()}
        rows = self._database.fetch(QUERIES["read_tag"], keys)
        return rows[0]["id"] if rows else None

    def write_tag(self, destination: str, name: str, id_: str | None) -> None:
        """Keep the id of a tag; without one, forget it."""
        keys = {"destination": destination, "name": name.casefold(), "id": id_}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["forget_tag" if id_ is None else "write_tag"], keys)
