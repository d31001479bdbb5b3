"""The book of consent: what records said, where people stand with lists, and why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.configuration.values import ListConfig
from ct_ac_sync.domain.consent import Action, Evidence, Known, Look, Membership, Says, Standing, Verdict
from ct_ac_sync.mapping.consent import News
from ct_ac_sync.ports import Exclusion, MembershipSeen
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.event_book import EVENT_QUERIES, Pace
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("consent")

#: A record by its stream and id.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """
    What a place in a record says by now, with the record.

    Attributes:
        customer: The body of the customer that the record names; None without one.
        is_here: Whether the record goes to the destination.
        is_over: Whether it speaks for nobody any more.
    """

    source: str
    stream: str
    channel: str
    place: str
    is_here: bool
    is_over: bool
    evidence: Evidence
    body: Mapping[str, Any] = field(repr=False)
    customer: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict on a list, by its name, with what it was made of; no standing where nobody looked."""

    channel: str
    list: str
    standing: Standing | None
    verdict: Verdict
    evidence: int | None


def note_evidence(
    connection: Connection, source: str, news: Sequence[tuple[Key, int, News]], *, config: str
) -> None:
    """Write down what records, each in a version, say anew."""
    if not news:
        return
    columns: dict[str, Any] = {
        "stream": [key[0] for key, _, _ in news],
        "id": [key[1] for key, _, _ in news],
        "version": [version for _, version, _ in news],
        "channel": [each.channel for _, _, each in news],
        "place": [each.place for _, _, each in news],
        "details": [Jsonb(dict(each.evidence.details)) for _, _, each in news],
    }
    columns |= {
        name: [getattr(each.evidence, name) for _, _, each in news]
        for name in ("says", "since", "at", "is_stated", "is_explicit", "is_past", "may_revive")
    }
    connection.execute(QUERIES["note_evidence"], columns | {"source": source, "config": config})


class ConsentBook:
    """Reads and writes it."""

    def __init__(self, database: Database, *, destination: str, config: str) -> None:
        """*destination* is the one whose lists it is about."""
        self._database = database
        self._destination = destination
        self._config = config

    def read_evidence(self, persons: Sequence[int]) -> dict[int, list[Said]]:
        """Return what each place of each person's records says by now."""
        keys = {"persons": list(persons), "destination": self._destination}
        found: dict[int, list[Said]] = {person: [] for person in persons}
        for row in self._database.fetch(QUERIES["read_evidence"], keys):
            found[row["person"]].append(_said(row))
        return found

    def read_memberships(self, recipient: int) -> dict[str, Known]:
        """Return what is known of a recipient's memberships, by the ids of lists."""
        rows = self._database.fetch(QUERIES["read_memberships"], {"recipient": recipient})
        return {row["list"]: _known(row) for row in rows}

    def keep(
        self,
        recipient: int,
        contact: str,
        looks: Mapping[str, Look],
        lists: Mapping[str, ListConfig],
        *,
        token: int,
    ) -> None:
        """
        Keep memberships as they were read there, and what of them is news, while the claim holds.

        Args:
            looks, lists: By the ids of lists there.
        """
        keys: dict[str, Any] = self._keys(recipient) | {
            "token": token,
            "contact": contact,
            "list": list(looks),
            "revived_over": [each.revived_over for each in looks.values()],
        }
        keys |= {
            name: [getattr(each.membership, name) for each in looks.values()]
            for name in ("standing", "joined_at", "left_at", "ended_for", "begun_for")
        }
        with self._database.transaction() as connection:
            if connection.execute(QUERIES["hold_recipient"], keys).fetchone() is None:
                return
            found = {id_: lists[id_] for id_, look in looks.items() if look.is_found}
            if found:
                connection.execute(QUERIES["note_found"], self._keys(recipient) | _named(found))
            connection.execute(QUERIES["keep_memberships"], keys)
            news = {id_: look.membership for id_, look in looks.items() if look.is_news}
            if news:
                told = {
                    "standings": [held.standing for held in news.values()],
                    "reasons": [_since(held) for held in news.values()],
                }
                told |= _named({id_: lists[id_] for id_ in news})
                connection.execute(QUERIES["note_seen"], self._keys(recipient) | told)

    def judge(self, recipient: int, judged: Iterable[Judged]) -> None:
        """Write verdicts down, as far as they are other ones than the last."""
        rows = list(judged)
        if not rows:
            return
        columns: dict[str, Any] = {
            "channel": [each.channel for each in rows],
            "list": [each.list for each in rows],
            "standing": [each.standing for each in rows],
            "action": [each.verdict.action for each in rows],
            "reason": [each.verdict.reason for each in rows],
            "evidence": [each.evidence for each in rows],
        }
        with self._database.transaction() as connection:
            connection.execute(QUERIES["note_verdicts"], self._keys(recipient) | columns)

    def link(self, recipient: int, contact: str, *, token: int) -> None:
        """Note whose a contact is that was found by its address, while the claim holds."""
        keys = {"recipient": recipient, "contact": contact, "token": token}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["link_contact"], keys)

    # -- what is usual ------------------------------------------------------------------

    def pace(self, action: Action) -> Pace:
        """Return how many memberships are begun, or ended, in an hour, now and before."""
        (row,) = self._database.fetch(EVENT_QUERIES["read_pace"], {"kinds": [action]})
        return Pace(told=row["told"], busiest=row["busiest"])

    # -- news of the destination ------------------------------------------------------

    def take_watch(self, *, every: timedelta) -> int | None:
        """Take the next look at all memberships: where its page begins; None where none is due."""
        rows = self._database.fetch(QUERIES["take_watch"], self._watch() | {"every": every})
        return int(rows[0]["place"]) if rows else None

    def ensure_watch(self) -> None:
        """Have memberships looked at from now on."""
        with self._database.transaction() as connection:
            for task in (self._watch(), self._exclusions()):
                connection.execute(QUERIES["ensure_watch"], task)

    def move_watch(self, place: int) -> None:
        """Write down where the next page begins."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["move_watch"], self._watch() | {"place": str(place)})

    def find_news(self, seen: Sequence[MembershipSeen]) -> list[int]:
        """Return the recipients whose memberships are not *seen* as they are known."""
        keys = {
            "destination": self._destination,
            "contacts": [each.contact for each in seen],
            "lists": [each.list for each in seen],
            "standings": [each.membership.standing for each in seen],
        }
        return [row["recipient"] for row in self._database.fetch(QUERIES["find_news"], keys)]

    def want_again(self, recipients: Sequence[int]) -> int:
        """Have what *recipients* consent to looked at once more; return of how many that was not wanted yet."""
        keys = {"recipients": list(recipients), "config": self._config}
        with self._database.transaction() as connection:
            wanted = connection.execute(QUERIES["want_consent_again"], keys).fetchall()
            connection.execute(QUERIES["refresh_recipients"], keys)
        return len(wanted)

    # -- exclusions -------------------------------------------------------------------

    def take_exclusions(self, *, every: timedelta) -> bool:
        """Take the next reading of exclusions; False where none is due."""
        return bool(self._database.fetch(QUERIES["take_watch"], self._exclusions() | {"every": every}))

    def read_exclusions(self, address: str) -> tuple[Exclusion, ...] | None:
        """Return those that mean *address*, as they were read last; None where they never were."""
        keys = self._exclusions() | {"address": address.lower()}
        rows = self._database.fetch(QUERIES["read_exclusions"], keys)
        if not rows:
            return None
        return tuple(
            Exclusion(
                phrase=row["phrase"], match=row["match"], channel=row["channel"], lists=tuple(row["lists"])
            )
            for row in rows
            if row["phrase"] is not None
        )

    def replace_exclusions(self, found: Collection[Exclusion]) -> list[int]:
        """Keep *found* in place of all that were known; return the recipients who are not meant any more."""
        keys: dict[str, Any] = self._exclusions() | {
            "phrases": [each.phrase for each in found],
            "matches": [each.match for each in found],
            "channels": [each.channel for each in found],
            "lists": [" ".join(each.lists) for each in found],
            "read": f"{len(found)} read",
        }
        with self._database.transaction() as connection:
            connection.execute(QUERIES["ensure_watch"], keys)
            connection.execute(QUERIES["lock_exclusions"], keys)
            freed = connection.execute(QUERIES["free_excluded"], keys).fetchall()
            connection.execute(QUERIES["replace_exclusions"], keys)
            connection.execute(QUERIES["note_exclusions_read"], keys)
        return sorted(row["recipient"] for row in freed)

    def forget_exclusions(self) -> None:
        """Have exclusions read anew at the next look."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["forget_exclusions"], self._exclusions())

    def mark(self, contacts: Collection[str]) -> int:
        """Have what the people behind *contacts* consent to looked at once more; return of how many."""
        keys = {"destination": self._destination, "contacts": sorted(contacts)}
        found = [row["recipient"] for row in self._database.fetch(QUERIES["find_linked"], keys)]
        return self.want_again(found) if found else 0

    def _watch(self) -> dict[str, Any]:
        return {"task": f"consent {self._destination}", "destination": self._destination}

    def _exclusions(self) -> dict[str, Any]:
        return {"task": f"exclusions {self._destination}", "destination": self._destination}

    def _keys(self, recipient: int) -> dict[str, Any]:
        return {"recipient": recipient, "destination": self._destination, "config": self._config}


def _named(lists: Mapping[str, ListConfig]) -> dict[str, list[str]]:
    """Return lists as columns: their ids there, what is sent to them, and their names."""
    return {
        "ids": list(lists),
        "channels": [each.channel for each in lists.values()],
        "names": [each.name for each in lists.values()],
    }


def _since(held: Membership) -> str:
    moment = held.left_at if held.is_off else held.joined_at
    return f"since {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else ""


def _said(row: DictRow) -> Said:
    return Said(
        source=row["source"], stream=row["stream"], channel=row["channel"], place=row["place"],
        is_here=row["is_here"], is_over=row["is_over"], evidence=evidence_in(row),
        body=row["body"], customer=row["customer"],
    )  # fmt: skip


def evidence_in(row: DictRow) -> Evidence:
    """Return the evidence that a row of the book is."""
    return Evidence(
        says=Says(row["says"]), since=row["since"], at=row["at"], is_stated=row["is_stated"], is_explicit=row["is_explicit"],
        is_past=row["is_past"], may_revive=row["may_revive"], details=row["details"],
        number=row["evidence"], record=f"{row['stream']} {row['id']} version {row['version']}",
    )  # fmt: skip


def _known(row: DictRow) -> Known:
    return Known(
        contact=row["contact"],
        membership=Membership(
            standing=Standing(row["standing"]), joined_at=row["joined_at"], left_at=row["left_at"],
            ended_for=row["ended_for"], begun_for=row["begun_for"],
        ),
        intended=Standing(row["intended"]) if row["intended"] else None, intended_for=row["intended_for"],
        intended_at=row["intended_at"], written_at=row["written_at"], revived_over=row["revived_over"],
    )  # fmt: skip
