"""Consent noticing: what a page of records says anew of consent, in the same commit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow

from ct_ac_sync.configuration.values import ConsentConfig
from ct_ac_sync.domain.consent import Says, could_act
from ct_ac_sync.domain.event import Event
from ct_ac_sync.mapping.consent import News, Version, news_of
from ct_ac_sync.mapping.events.consent import event_of_consent
from ct_ac_sync.mapping.write_back import CUSTOMERS, WrittenBack, is_echo, reads_it
from ct_ac_sync.store.arrival import Arrival
from ct_ac_sync.store.consent_book import (
    QUERIES,
    Key,
    evidence_in,
    note_evidence,
    read_written_back,
    see_write_back,
)
from ct_ac_sync.store.database import Connection

NO_CLIENTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Before:
    """
    What was stored of a record, and until when all changes of such records were seen.

    Attributes:
        written: What we wrote to it, by channel.
    """

    version: Version | None
    looked_at: datetime | None
    written: Mapping[str, WrittenBack] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """
    What records said.

    Attributes:
        urgency: The records of which something may follow, and of each whether it is a no: that is urgent.
    """

    urgency: Mapping[Key, bool] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


class ConsentNoticing:
    """Writes down, within the transaction of an accept, what records say."""

    def __init__(
        self,
        configs: Sequence[ConsentConfig],
        *,
        overlap: timedelta,
        config: str,
        clients: Mapping[str, str] = NO_CLIENTS,
    ) -> None:
        """
        Notice what *configs* ask for.

        Args:
            overlap: How much later than it happened a change may be shown.
            config: The hash of the configuration.
            clients: Ids of our API clients, by source: what they wrote back is said by nobody.
        """
        self._configs = configs
        self._clients = clients
        self._overlap = overlap
        self._config = config
        self._streams = {place.stream for each in configs for place in each.places}

    @property
    def is_on(self) -> bool:
        """Whether anybody's consent is asked at all."""
        return bool(self._configs)

    def asks(self, stream: str) -> bool:
        """Whether records of a stream are asked."""
        return stream in self._streams

    def read_before(
        self, connection: Connection, source: str, arrivals: Iterable[Arrival]
    ) -> dict[Key, Before]:
        """Return what is stored of *arrivals*, as far as they may say something."""
        wanted = [(each.stream.value, each.id) for each in arrivals if each.stream in self._streams]
        if not wanted:
            return {}
        keys = {"source": source, "streams": [key[0] for key in wanted], "ids": [key[1] for key in wanted]}
        rows = connection.execute(QUERIES["read_versions"], keys).fetchall()
        written = self._written(connection, source, rows)
        keyed = ((row, (row["stream"], row["id"])) for row in rows)
        return {key: self._before(row, written.get(key, {})) for row, key in keyed}

    def _before(self, row: DictRow, written: Mapping[str, WrittenBack]) -> Before:
        watermark = row["watermark"]
        return Before(
            version=_version(row, row["version"]) if row["body"] is not None else None,
            looked_at=watermark - self._overlap if watermark else None,
            written=written,
        )

    def _written(
        self, connection: Connection, source: str, rows: Iterable[Mapping[str, Any]]
    ) -> dict[Key, dict[str, WrittenBack]]:
        """Return what we wrote to the customers among *rows*, by key and channel."""
        ids = [row["id"] for row in rows if row["stream"] == CUSTOMERS]
        found: dict[Key, dict[str, WrittenBack]] = {}
        for (id_, channel), each in read_written_back(connection, source, ids).items() if ids else ():
            found.setdefault((CUSTOMERS, id_), {})[channel] = each
        return found

    def notice(
        self,
        connection: Connection,
        source: str,
        arrivals: Iterable[Arrival],
        *,
        rows: Sequence[DictRow],
        before: Mapping[Key, Before],
        noticed_at: datetime,
    ) -> Heard:
        """
        Write down what *rows*, which just changed, say anew.

        Returns:
            Of which something may follow, and what of it is an event.
        """
        changed = {(row["stream"], row["id"]): row for row in rows}
        newest = {(each.stream.value, each.id): each for each in sorted(arrivals, key=lambda a: a.version)}
        found: list[tuple[Key, int, News]] = []
        for key, row in sorted(changed.items()):
            if key not in before or key not in newest:
                continue
            known, after = before[key], _arrived(newest[key])
            news = news_of(
                self._configs, key[0], known.version, after,
                looked_at=known.looked_at, noticed_at=noticed_at,
                is_past=row["is_historical"] or row["is_past"],
            )  # fmt: skip
            for each in news:
                if self._is_echo(source, each, known.written, known.version, after):
                    see_write_back(connection, source, key[1], each.channel, version=after.number)
                else:
                    found.append((key, after.number, each))
        note_evidence(connection, source, found, config=self._config)
        happened = (
            event_of_consent(each, stream=key[0], id_=key[1], version=version) for key, version, each in found
        )
        return Heard(urgency=self._urgency(found), events=tuple(filter(None, happened)))

    def _is_echo(
        self,
        source: str,
        news: News,
        written: Mapping[str, WrittenBack],
        before: Version | None,
        after: Version,
    ) -> bool:
        """Whether news is what we wrote ourselves."""
        ours = written.get(news.channel)
        if ours is None or not any(
            reads_it(ours, each.places, news.place) for each in self._configs if each.channel == news.channel
        ):
            return False
        return is_echo(ours, before, after, client=self._clients.get(source, ""))

    def _urgency(self, found: Iterable[tuple[Key, int, News]]) -> dict[Key, bool]:
        policies = {each.channel: each.policy for each in self._configs}
        urgent: dict[Key, bool] = {}
        for key, _, news in found:
            if could_act(policies[news.channel], news.evidence):
                is_no = news.evidence.says is Says.NO and not news.evidence.is_past
                urgent[key] = urgent.get(key, False) or is_no
        return urgent

    def read_urgency(
        self, connection: Connection, source: str, rows: Sequence[Mapping[str, Any]]
    ) -> dict[Key, bool]:
        """Return of which of stored *rows* something may follow by what they said before, as in :class:`Heard`."""
        if not rows:
            return {}
        asked = {(each.channel, place.key) for each in self._configs for place in each.places}
        keys = {
            "source": source,
            "streams": [row["stream"] for row in rows],
            "ids": [row["id"] for row in rows],
        }
        said = connection.execute(QUERIES["read_said"], keys).fetchall()
        return self._urgency(
            ((row["stream"], row["id"]), row["version"], _news(row))
            for row in said
            if (row["channel"], row["place"]) in asked
        )

    def read_again(
        self, connection: Connection, source: str, rows: Sequence[Mapping[str, Any]], *, now: datetime
    ) -> frozenset[Key]:
        """
        Write down what stored *rows* say at places that nobody has read of them, as something of the past.

        Returns:
            Those of them that say anything, by now or before.
        """
        asked = [row for row in rows if row["stream"] in self._streams]
        if not asked:
            return frozenset()
        keys = {
            "source": source,
            "streams": [row["stream"] for row in asked],
            "ids": [row["id"] for row in asked],
        }
        known = {
            (row["stream"], row["id"], row["channel"], row["place"])
            for row in connection.execute(QUERIES["known_evidence"], keys).fetchall()
        }
        written = self._written(connection, source, asked)
        found = [
            ((row["stream"], row["id"]), row["version"], each)
            for row in asked
            for each in news_of(
                self._configs, row["stream"], None, _version(row, row["version"]),
                looked_at=None, noticed_at=now, is_past=True,
            )
            if (row["stream"], row["id"], each.channel, each.place) not in known
            and not self._is_echo(
                source, each, written.get((row["stream"], row["id"]), {}), None, _version(row, row["version"])
            )
        ]  # fmt: skip
        note_evidence(connection, source, found, config=self._config)
        return frozenset({(stream, id_) for stream, id_, _, _ in known} | {key for key, _, _ in found})


def _arrived(arrival: Arrival) -> Version:
    return Version(
        body=arrival.body, number=arrival.version, created_at=arrival.created_at,
        last_modified_at=arrival.last_modified_at,
    )  # fmt: skip


def _news(row: DictRow) -> News:
    """Return what is written down as it was said."""
    return News(channel=row["channel"], place=row["place"], evidence=evidence_in(row))


def _version(row: Mapping[str, Any], number: int) -> Version:
    return Version(
        body=row["body"], number=number, created_at=row["created_at"],
        last_modified_at=row["last_modified_at"],
    )  # fmt: skip
