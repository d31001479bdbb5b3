"""The book of consent: what records said, where people stand with lists, and why."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.configuration.values import ConsentConfig, ListConfig
from ct_ac_sync.domain.consent import Evidence, Known, Look, Membership, Says, Standing, Verdict
from ct_ac_sync.mapping.consent import News, Version, news_of
from ct_ac_sync.mapping.write_back import WrittenBack
from ct_ac_sync.ports import Exclusion, Lane, MembershipSeen
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.event_book import EVENT_QUERIES, Pace
from ct_ac_sync.store.lanes import LANES
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
        overwritten: The custom field of it that we wrote to since then; empty where there is none.
    """

    source: str
    stream: str
    id: str
    channel: str
    place: str
    is_here: bool
    is_over: bool
    evidence: Evidence
    body: Mapping[str, Any] = field(repr=False)
    customer: Mapping[str, Any] | None = field(repr=False)
    overwritten: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A customer as it was accepted: whose it is, whether it goes to the destination, and the time of now."""

    person: int
    is_here: bool
    version: Version
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict on a list, by its name, with what it was made of; no standing where nobody looked."""

    channel: str
    list: str
    standing: Standing | None
    verdict: Verdict
    evidence: int | None


def read_written_back(
    connection: Connection, source: str, ids: Sequence[str]
) -> dict[tuple[str, str], WrittenBack]:
    """Return what was written to customers, or was about to be, by id and channel."""
    keys = {"source": source, "ids": list(ids)}
    rows = connection.execute(QUERIES["read_written_back"], keys).fetchall()
    return {(row["id"], row["channel"]): _written_back(row) for row in rows}


def see_write_back(connection: Connection, source: str, id_: str, channel: str, *, version: int) -> None:
    """Write down that what was written to a customer came back in a version."""
    keys = {"source": source, "id": id_, "channel": channel, "version": version}
    connection.execute(QUERIES["see_write_back"], keys)


def prove_write_back(
    connection: Connection,
    source: str,
    id_: str,
    channels: Collection[str],
    version: int,
    *,
    attempt: int | None = None,
) -> dict[str, int]:
    """
    Write down since which version of a customer it stands there.

    Args:
        attempt: The call that wrote it; None for whichever did.

    Returns:
        The calls that wrote it, by channel, of which the ledger has nothing yet.
    """
    keys = {
        "source": source, "id": id_, "channels": sorted(channels), "version": version, "attempt": attempt,
    }  # fmt: skip
    rows = connection.execute(QUERIES["prove_write_back"], keys).fetchall()
    return {row["channel"]: row["attempt"] for row in rows}


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

    def read_evidence(
        self, persons: Sequence[int], *, moved: Mapping[str, Any] | None = None
    ) -> dict[int, list[Said]]:
        """
        Return what each place of each person's records says by now.

        Args:
            moved: Records that are looked at as if they were elsewhere.
        """
        keys = self._of_persons(persons, moved)
        found: dict[int, list[Said]] = {person: [] for person in persons}
        for row in self._database.fetch(QUERIES["read_evidence"], keys):
            found[row["person"]].append(_said(row))
        return found

    def page_persons(self, *, after: int, limit: int) -> list[int]:
        """Return persons after one, in their order."""
        rows = self._database.fetch(QUERIES["page_persons"], {"after": after, "limit": limit})
        return [row["person"] for row in rows]

    def compare_evidence(
        self, persons: Sequence[int], configs: Sequence[ConsentConfig], *, moved: Mapping[str, Any]
    ) -> dict[int, list[Said]]:
        """
        Return what *persons* would have said if all that is known were read once more, by person.

        Args:
            configs: What asks; at a place that nobody has read of a record it says what it does by now,
                as something of the past.
            moved: Records that are looked at as if they were elsewhere.
        """
        found = self.read_evidence(persons, moved=moved)
        read = {
            (each.source, each.stream, each.id, each.channel, each.place)
            for rows in found.values()
            for each in rows
        }
        streams = sorted({place.stream for each in configs for place in each.places})
        keys = self._of_persons(persons, moved) | {"streams": streams}
        for row in self._database.fetch(QUERIES["compare_records"], keys):
            found[row["person"]] += [
                each
                for each in _unread(row, configs)
                if (row["source"], row["stream"], row["id"], each.channel, each.place) not in read
            ]
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
        left: str = "",
        lane: int = 0,
    ) -> None:
        """
        Keep memberships as they were read there, and what of them is news, while the claim holds.

        Args:
            looks, lists: By the ids of lists there.
            left: What the shop is to be told of; empty for nothing.
            lane: How urgent that is.
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
            self._want_back(connection, recipient, left, lane)

    # -- what the shop is told -----------------------------------------------------------

    def want_back(self, recipient: int, left: str, *, lane: int) -> None:
        """Have each customer of a person told of what they *left*, unless it is what was told last."""
        with self._database.transaction() as connection:
            self._want_back(connection, recipient, left, lane)

    def _want_back(self, connection: Connection, recipient: int, left: str, lane: int) -> None:
        if not left:
            return
        keys = self._keys(recipient) | {"left": left, "lane": lane}
        raised = connection.execute(QUERIES["want_back"], keys).fetchone()
        if raised is not None and raised["raised"]:
            connection.execute(QUERIES["refresh_recipients"], {"recipients": [recipient]})

    def read_customer(self, source: str, id_: str) -> Stored | None:
        """Return a customer as it was accepted; None where it is not stored, or gone."""
        keys = {"source": source, "id": id_, "destination": self._destination}
        rows = self._database.fetch(QUERIES["read_customer"], keys)
        return next(map(_stored, rows), None)

    def read_written_back(self, source: str, id_: str) -> dict[str, WrittenBack]:
        """Return what was written to a customer last, or was about to be, by channel."""
        with self._database.transaction() as connection:
            found = read_written_back(connection, source, [id_])
        return {channel: each for (_, channel), each in found.items()}

    # -- what was decided ----------------------------------------------------------------

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

    def pace(self, kind: str) -> Pace:
        """Return how many memberships are begun, or ended, or leavings written back, in an hour, now and before."""
        (row,) = self._database.fetch(EVENT_QUERIES["read_pace"], {"kinds": [kind]})
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
        return [row["recipient"] for row in self._database.fetch(QUERIES["find_news"], self._seen(seen))]

    def find_unseen(self, seen: Sequence[MembershipSeen]) -> list[int]:
        """Return the recipients who are *seen* to be off a list, and at whom nobody has looked."""
        return [row["recipient"] for row in self._database.fetch(QUERIES["find_unseen"], self._seen(seen))]

    def want_again(self, recipients: Sequence[int], *, lane: Lane = Lane.CONSENT) -> int:
        """Have what *recipients* consent to looked at once more; return of how many that was not wanted yet."""
        keys = {"recipients": list(recipients), "config": self._config, "lane": LANES.index(lane)}
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

    def _seen(self, seen: Sequence[MembershipSeen]) -> dict[str, Any]:
        return {
            "destination": self._destination,
            "contacts": [each.contact for each in seen],
            "lists": [each.list for each in seen],
            "standings": [each.membership.standing for each in seen],
        }

    def _of_persons(self, persons: Sequence[int], moved: Mapping[str, Any] | None) -> dict[str, Any]:
        there = None if moved is None else Jsonb(moved)
        return {"persons": list(persons), "destination": self._destination, "moved": there}

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
        source=row["source"], stream=row["stream"], id=row["id"], channel=row["channel"], place=row["place"],
        is_here=row["is_here"], is_over=row["is_over"], evidence=evidence_in(row),
        body=row["body"], customer=row["customer"],
        overwritten=row["back_name"] if row["back_version"] is not None and row["version"] < row["back_version"] else "",
    )  # fmt: skip


def _stored(row: DictRow) -> Stored:
    version = Version(
        body=row["body"], number=row["version"], created_at=row["created_at"],
        last_modified_at=row["last_modified_at"],
    )  # fmt: skip
    return Stored(row["person"], row["is_here"], version, row["now"])


def _written_back(row: DictRow) -> WrittenBack:
    return WrittenBack(
        channel=row["channel"], name=row["name"], fields=row["fields"], version=row["version"],
        is_noted=row["is_noted"],
    )  # fmt: skip


def _unread(row: DictRow, configs: Sequence[ConsentConfig]) -> Iterator[Said]:
    """Give what a record says, as it is heard when it is mapped once more."""
    version = Version(
        body=row["body"], number=row["version"], created_at=row["created_at"],
        last_modified_at=row["last_modified_at"],
    )  # fmt: skip
    for news in news_of(
        configs, row["stream"], None, version, looked_at=None, noticed_at=row["now"], is_past=True
    ):
        yield Said(
            source=row["source"], stream=row["stream"], id=row["id"], channel=news.channel, place=news.place,
            is_here=row["is_here"], is_over=False, evidence=news.evidence,
            body=row["routed"], customer=row["customer"],
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
