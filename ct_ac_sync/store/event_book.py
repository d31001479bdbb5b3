"""The book of events: what is held, what was told of it, and which triggers are halted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.domain.event import Event, EventItem, EventKind, Fact
from ct_ac_sync.domain.money import Money
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.queries import load_queries

EVENT_QUERIES = load_queries("events")
_GATE = load_queries("intake")["pass_gate"]
_PROFILES = load_queries("intake")["ensure_profiles"]

#: Events that one telling takes.
PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    An event that is held, with what is stored of whom and what it is about.

    Attributes:
        number: Its own.
        body: Of the record it is about; None where that is not stored.
        customer: Of the customer that the record names; None without one.
        destinations: Where the record goes.
        is_anybodys: Whether it is known whom it concerns.
    """

    number: int
    source: str
    event: Event
    body: Mapping[str, Any] | None = field(repr=False)
    customer: Mapping[str, Any] | None = field(repr=False)
    destinations: tuple[str, ...] = ()
    is_anybodys: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """
    An event of a record, and how far it is.

    Attributes:
        told_at: When it was told; None while it is held.
        is_reached: Whether all that happened before it is known, so that it is told next.
    """

    held: Held
    told_at: datetime | None
    is_reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """
    What follows of an event at one destination.

    Attributes:
        facts: What it causes there, each once.
        has_states: Whether contact or tags say something of it.
        until: When what they say changes again, by time alone.
    """

    number: int
    destination: str
    facts: tuple[Fact, ...] = ()
    has_states: bool = False
    is_past: bool = False
    until: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    How many events of a kind are told of in an hour.

    Attributes:
        told: In this one so far, or since a human said that so many are right.
        busiest: In the busiest one of the week before.
    """

    told: int
    busiest: int


def note_events(connection: Connection, source: str, events: Iterable[Event]) -> None:
    """Write *events* down, within a transaction; what is known of one already is made better."""
    unique: dict[tuple[str, str], Event] = {}
    for event in events:
        known = unique.get((event.kind, event.key))
        if known is None or event.happened_at < known.happened_at:
            unique[event.kind, event.key] = event
    noted = list(unique.values())
    if noted:
        columns: dict[str, Any] = {
            name: [getattr(event, name) for event in noted]
            for name in ("kind", "key", "stream", "id", "happened_at", "is_historical")
        }
        columns["facts"] = [Jsonb(_dumped(event)) for event in noted]
        connection.execute(EVENT_QUERIES["note_events"], columns | {"source": source})


class EventBook:
    """What happened, and what was told of it."""

    def __init__(self, database: Database, *, config: str, has_tags: bool) -> None:
        """*has_tags* says whether contacts get tags at all."""
        self._database = database
        self._config = config
        self._states = ["upsert_contact", "sync_tags"] if has_tags else ["upsert_contact"]

    # -- telling ----------------------------------------------------------------------

    def has_held(self) -> bool:
        """Whether any event is held."""
        return bool(self._database.fetch(EVENT_QUERIES["has_held"])[0]["has_held"])

    def read_held(self, source: str, streams: Sequence[str], *, limit: int = PAGE) -> tuple[Held, ...]:
        """
        Return events of *source* that may be told by now, in the order in which they happened.

        Args:
            streams: Those that must have been read past an event before it is told.
        """
        keys = {"source": source, "streams": list(streams), "limit": limit, "kinds": list(EventKind)}
        rows = self._database.fetch(EVENT_QUERIES["read_held"], keys)
        return tuple(
            replace(
                _held(row),
                destinations=tuple(row["destinations"] or ()),
                is_anybodys=row["person"] is not None,
            )
            for row in rows
        )

    def tell(
        self,
        source: str,
        held: Sequence[Held],
        tellings: Sequence[Telling],
        skipped: Mapping[int, str],
        *,
        quiet: Collection[int] = (),
    ) -> int:
        """
        Write down what follows of *held*, once, whoever else tells them; return how many were told.

        Args:
            skipped: Events of which nothing follows for a reason, by number.
            quiet: Events, by number, that count as of the past from now on.
        """
        with self._database.transaction() as connection:
            connection.execute(_GATE)
            numbers = [each.number for each in held]
            marks = {"events": numbers, "quiet": sorted(quiet)}
            rows = connection.execute(EVENT_QUERIES["mark_told"], marks).fetchall()
            told = {row["event"] for row in rows}
            mine = [each for each in tellings if each.number in told]
            common: dict[str, Any] = {"config": self._config, "source": source}
            connection.execute(EVENT_QUERIES["note_pace"], {"events": sorted(told)})
            self._raise(connection, mine, common)
            reasons = {number: reason for number, reason in skipped.items() if number in told}
            if reasons:
                keys: dict[str, Any] = {"events": list(reasons), "reasons": list(reasons.values())}
                connection.execute(EVENT_QUERIES["note_skipped_events"], keys | common)
                connection.execute(EVENT_QUERIES["forget_unheard"], keys)
        return len(told)

    def _raise(self, connection: Connection, tellings: Sequence[Telling], common: dict[str, Any]) -> None:
        acting = [each for each in tellings if each.facts or each.has_states]
        if not acting:
            return
        connection.execute(EVENT_QUERIES["ensure_recipients_of_events"], _places(acting))
        connection.execute(EVENT_QUERIES["lock_recipients_of_events"], _places(acting))
        facts = [(each, fact) for each in acting for fact in each.facts]
        raised: dict[str, Any] = {
            "events": [each.number for each, _ in facts],
            "destinations": [each.destination for each, _ in facts],
            "objects": [str(fact) for _, fact in facts],
        }
        touched = {
            row["recipient"] for row in connection.execute(EVENT_QUERIES["raise_facts"], raised | common)
        }
        stating = [each for each in acting if each.has_states]
        lanes: dict[str, Any] = {
            "lanes": [3 if each.is_past else 1 for each in stating],
            "operations": self._states,
        }
        rows = connection.execute(EVENT_QUERIES["raise_states"], _places(stating) | lanes | common)
        touched |= {row["recipient"] for row in rows}
        reminders = [(each, until) for each in stating for until in each.until]
        dates: dict[str, Any] = {"due_at": [until for _, until in reminders]}
        connection.execute(EVENT_QUERIES["set_reminders"], _places([each for each, _ in reminders]) | dates)
        profiles: dict[str, Any] = {"recipients": sorted(touched), "operations": self._states}
        connection.execute(_PROFILES, profiles | common)
        _refresh(connection, touched)

    def remind(self) -> int:
        """Want anew what changes with time alone, and whose time has come; return of how many."""
        with self._database.transaction() as connection:
            locked = connection.execute(EVENT_QUERIES["read_reminders"]).fetchall()
            keys = {"recipients": [row["recipient"] for row in locked]}
            rows = connection.execute(EVENT_QUERIES["remind"], keys).fetchall()
            _refresh(connection, {row["recipient"] for row in rows})
        return len(rows)

    # -- triggers ---------------------------------------------------------------------

    def paces(self, kinds: Iterable[EventKind]) -> Mapping[EventKind, Pace]:
        """Return how many of each of *kinds* are told of in an hour, now and before."""
        rows = self._database.fetch(EVENT_QUERIES["read_pace"], {"kinds": sorted(set(kinds))})
        return {EventKind(row["kind"]): Pace(told=row["told"], busiest=row["busiest"]) for row in rows}

    def halt(self, triggers: Iterable[tuple[str, str]], *, reason: str) -> bool:
        """Halt (destination, trigger) pairs until a human has looked; False where all were."""
        pairs = sorted(set(triggers))
        keys = {"destinations": [p[0] for p in pairs], "triggers": [p[1] for p in pairs], "reason": reason}
        with self._database.transaction() as connection:
            return bool(connection.execute(EVENT_QUERIES["halt_triggers"], keys).fetchall())

    def is_halted(self, destination: str, trigger: str) -> bool:
        """Whether *trigger* starts nothing at *destination* for now."""
        keys = {"destination": destination, "trigger": trigger}
        return bool(self._database.fetch(EVENT_QUERIES["is_halted"], keys)[0]["is_halted"])

    def halted(self) -> list[DictRow]:
        """Return the halted triggers, why, and how many facts wait for each."""
        return self._database.fetch(EVENT_QUERIES["list_halted"])

    def resume(self, destination: str, trigger: str | None = None) -> tuple[str, ...]:
        """Let a trigger, or all of a destination, start things again; return which were halted."""
        keys = {"destination": destination, "trigger": trigger}
        with self._database.transaction() as connection:
            waiting = connection.execute(EVENT_QUERIES["read_waiting_facts"], keys).fetchall()
            rows = connection.execute(EVENT_QUERIES["resume_triggers"], keys).fetchall()
            resumed = tuple(row["trigger"] for row in rows)
            recipients = [row["recipient"] for row in waiting]
            waking: dict[str, Any] = {"recipients": recipients, "triggers": list(resumed)}
            connection.execute(EVENT_QUERIES["note_resumed"], waking)
            connection.execute(EVENT_QUERIES["wake_facts"], waking)
            _refresh(connection, recipients)
        return resumed

    # -- reading ----------------------------------------------------------------------

    def read(self, number: int) -> Held | None:
        """Return one event, as what it is about stands by now; None where it is not there."""
        rows = self._database.fetch(EVENT_QUERIES["read_event"], {"event": number})
        return next((_held(row) for row in rows), None)

    def of_record(
        self, source: str, stream: str, id_: str, *, streams: Sequence[str]
    ) -> tuple[Recorded, ...]:
        """
        Return what is known to have happened to a record, in the order in which it is told.

        Args:
            streams: Those that must have been read past an event before it is told.
        """
        keys = {
            "source": source, "stream": stream, "id": id_, "streams": list(streams),
            "kinds": list(EventKind),
        }  # fmt: skip
        return tuple(
            Recorded(
                held=replace(
                    _held(row),
                    destinations=tuple(row["destinations"] or ()),
                    is_anybodys=row["person"] is not None,
                ),
                told_at=row["told_at"],
                is_reached=row["is_reached"],
            )
            for row in self._database.fetch(EVENT_QUERIES["record_events"], keys)
        )

    def facts_of_record(self, source: str, stream: str, id_: str) -> list[DictRow]:
        """Return what was raised for a record's events, as a claim would see it, and what came of it."""
        keys = {"source": source, "stream": stream, "id": id_}
        return self._database.fetch(EVENT_QUERIES["record_facts"], keys)

    def newest(
        self,
        persons: Sequence[int],
        kinds: Iterable[EventKind],
        *,
        destination: str,
        moved: Mapping[str, Any],
    ) -> tuple[tuple[int, Held, datetime], ...]:
        """Return of each kind the newest events of *persons* at a destination, newest first, and the time."""
        keys = {
            "persons": list(persons), "kinds": sorted(set(kinds)), "destination": destination,
            "moved": Jsonb(moved), "order": list(EventKind),
        }  # fmt: skip
        rows = self._database.fetch(EVENT_QUERIES["read_person_events"], keys)
        return tuple((row["person"], _held(row), row["now"]) for row in rows)


def _places(tellings: Sequence[Telling]) -> dict[str, Any]:
    return {
        "events": [each.number for each in tellings],
        "destinations": [each.destination for each in tellings],
    }


def _refresh(connection: Connection, recipients: Iterable[int]) -> None:
    connection.execute(EVENT_QUERIES["refresh_recipients"], {"recipients": sorted(set(recipients))})


# -- events as rows -------------------------------------------------------------------


def _held(row: Mapping[str, Any]) -> Held:
    return Held(
        number=row["event"], source=row["source"], event=_event(row), body=row["body"],
        customer=row["customer"],
    )  # fmt: skip


def _event(row: Mapping[str, Any]) -> Event:
    facts = row["facts"]
    return Event(
        kind=EventKind(row["kind"]),
        key=row["key"],
        happened_at=row["happened_at"],
        stream=row["stream"],
        id=row["id"],
        amount=_money(facts.get("amount")),
        net=_money(facts.get("net")),
        items=tuple(EventItem(*each) for each in facts.get("items", ())),
        details=tuple(sorted(facts.get("details", {}).items())),
        is_historical=row["is_historical"],
    )


def _dumped(event: Event) -> dict[str, Any]:
    money = {"amount": event.amount, "net": event.net}
    return {name: _cents(each) for name, each in money.items() if each is not None} | {
        "items": [list(each) for each in event.items],
        "details": dict(event.details),
    }


def _cents(money: Money) -> dict[str, Any]:
    return {"cents": money.cents, "currency": money.currency, "digits": money.digits}


def _money(found: Mapping[str, Any] | None) -> Money | None:
    return None if found is None else Money(**found)
