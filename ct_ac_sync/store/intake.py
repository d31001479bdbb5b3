"""
Intake: one page of records, whom they concern and what must be done, in one commit.

Who is who is decided under one gate, so that two extractors that meet the same
address in the same moment agree.  The decision itself is
:func:`ct_ac_sync.domain.identity.resolve_customer`; here it is fed and carried out.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.domain.event import DELETIONS
from ct_ac_sync.domain.identity import Begin, Join, PersonId, Rename, Stay, resolve_customer
from ct_ac_sync.domain.message import Message
from ct_ac_sync.errors import TransientError
from ct_ac_sync.ports import Lane, Letter, Stream, Unreadable
from ct_ac_sync.store.arrival import Arrival, Batch
from ct_ac_sync.store.consent_book import QUERIES as CONSENT_QUERIES
from ct_ac_sync.store.consent_noticing import ConsentNoticing
from ct_ac_sync.store.custom_objects import QUERIES as OBJECT_QUERIES
from ct_ac_sync.store.custom_objects import name_anew, note_objects, read_waiting
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.deletions import QUERIES as DELETION_QUERIES
from ct_ac_sync.store.deletions import Candidate, DeletionBook, withdraw_farewells
from ct_ac_sync.store.event_book import EVENT_QUERIES
from ct_ac_sync.store.lanes import LANES, RANK_OF
from ct_ac_sync.store.letters import drain
from ct_ac_sync.store.noticing import STREAM_OF, Noticing, resource_of
from ct_ac_sync.store.queries import load_queries
from ct_ac_sync.store.scribe import scalar
from ct_ac_sync.store.streams import QUERIES as STREAM_QUERIES
from ct_ac_sync.store.streams import Hold

QUERIES = load_queries("intake")


NOTHING_HEARD: Mapping[tuple[str, str], bool] = {}

#: What a record of each stream is delivered by.
OPERATIONS = {"customers": "upsert_contact", "orders": "upsert_order"}
#: Streams of records that are kept for what is told of them alone.
KEPT = frozenset({"carts", "shopping_lists"})


class StaleHoldError(TransientError):
    """Somebody else reads the stream by now; nothing was committed."""


class Intake:
    """Commits what was read together with the place that was reached."""

    def __init__(
        self,
        database: Database,
        *,
        destinations: Sequence[str],
        config: str,
        lease: timedelta,
        noticing: Noticing,
        consent: ConsentNoticing,
        is_derived: bool = False,
        has_tags: bool = False,
    ) -> None:
        """
        Serve *destinations*.

        Args:
            noticing: What derives events of what is accepted.
            consent: What reads of it who consented.
            is_derived: Whether a contact says something of its orders, or of what they and its carts
                said of consent, and changes with them.
            has_tags: Whether contacts get tags.
        """
        self._database = database
        self._destinations = list(destinations)
        self._noticing = noticing
        self._consent = consent
        self._is_derived = is_derived
        self._has_tags = has_tags
        #: What a recipient is owed at least.
        self._profile = ("upsert_contact", "sync_tags") if has_tags else ("upsert_contact",)
        self._config = config
        self._lease = lease
        self._letters: deque[Letter] = deque()
        #: Who may be gone, and who is.
        self.deletions = DeletionBook(database, destinations=destinations, config=config, lease=lease)

    def unknown_customers(self, source: str, ids: Iterable[str]) -> tuple[str, ...]:
        """Return those of *ids* that are neither stored nor known to be gone."""
        keys = {"source": source, "ids": sorted(set(ids))}
        return tuple(row["id"] for row in self._database.fetch(QUERIES["unknown_customers"], keys))

    def unread_messages(self, source: str, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Return those of *messages* that nobody has read."""
        keys = {"source": source, "ids": [each.id for each in messages]}
        known = {row["id"] for row in self._database.fetch(EVENT_QUERIES["known_messages"], keys)}
        return tuple(each for each in messages if each.id not in known)

    def unknown_records(
        self, source: str, records: Mapping[tuple[Stream, str], int]
    ) -> tuple[tuple[Stream, str], ...]:
        """Return those of *records* that are not stored in this version, or a later one, nor known to be gone."""
        keys = {
            "source": source,
            "streams": [stream for stream, _ in records],
            "ids": [id_ for _, id_ in records],
            "versions": list(records.values()),
        }
        rows = self._database.fetch(EVENT_QUERIES["unknown_records"], keys)
        return tuple((Stream(row["stream"]), row["id"]) for row in rows)

    def gaps(self, source: str, messages: Iterable[Message]) -> tuple[tuple[str, str, int], ...]:
        """Return of what resources of *messages*, just read, some are missing: kind, id, and above which number."""
        about = [each for each in messages if each.resource_kind in STREAM_OF]
        keys = {
            "source": source,
            "resources": [resource_of(each) for each in about],
            "sequences": [each.sequence for each in about],
        }
        rows = self._database.fetch(EVENT_QUERIES["read_gaps"], keys)
        return tuple((*row["resource"].split("/", 1), row["above"]) for row in rows)

    def read_customers(self, source: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return the bodies of those of *ids* that are stored."""
        keys = {"source": source, "ids": list(ids)}
        return {row["id"]: row["body"] for row in self._database.fetch(QUERIES["read_customers"], keys)}

    def accept(
        self,
        hold: Hold,
        batch: Batch,
        *,
        cutover: datetime,
        after: str | None,
        is_last: bool,
        containers: Sequence[str] = (),
    ) -> int:
        """
        Commit a page with the place reached and return how many records were news.

        The last page of a sweep moves the watermark, and those of the *containers* it read.

        Raises:
            StaleHoldError: The lease on the stream was lost; nothing was committed.
        """
        keys = {"source": hold.source, "stream": hold.stream, "epoch": hold.epoch}
        letters: list[Letter] = []
        with self._database.transaction() as connection:
            held = connection.execute(STREAM_QUERIES["hold_stream"], keys | {"lease": self._lease})
            if held.fetchone() is None:
                raise StaleHoldError(f"{hold.stream} is read by a later epoch than {hold.epoch}")
            changed = self._commit(connection, hold, batch, cutover, letters)
            if is_last and containers:
                connection.execute(OBJECT_QUERIES["note_containers"], keys | {"containers": list(containers)})
            if is_last:
                connection.execute(STREAM_QUERIES["end_sweep"], keys)
            else:
                connection.execute(STREAM_QUERIES["move_sweep"], keys | {"after": after})
        self._letters += letters
        return changed

    def take_letters(self) -> tuple[Letter, ...]:
        """Take the letters this process has committed and nobody has taken yet."""
        return tuple(drain(self._letters))

    def settle_moves(self, source: str) -> int:
        """Move the records whose former person was being written to when they changed."""
        keys = {"source": source}
        if not self._database.fetch(QUERIES["has_pending_moves"], keys)[0]["has_pending_moves"]:
            return 0
        with self._database.transaction() as connection:
            connection.execute(QUERIES["pass_gate"])
            rows = connection.execute(QUERIES["read_pending_moves"], keys).fetchall()
            waiting, urgency = self._waiting(connection, source, rows)
            plan = self._plan(connection, source, [*rows, *waiting], heard=urgency)
            plan.resolve()
            self._carry_out(connection, plan)
        return len(rows) - len(plan.pending)

    def page_records(self, source: str, *, after: tuple[str, str], limit: int) -> list[DictRow]:
        """Return the records of *source* after a stream and id, in their order."""
        keys = {"source": source, "stream": after[0], "after": after[1], "limit": limit}
        return self._database.fetch(QUERIES["page_records"], keys)

    def want_again(self, source: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Want *rows* once more, where they go by now; nothing of it starts an automation.

        What is wanted is compared when it is delivered, so that only what differs is sent.
        """
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in ("stream", "id")}
        columns["destinations"] = [" ".join(row["destinations"]) for row in rows]
        with self._database.transaction() as connection:
            connection.execute(QUERIES["pass_gate"])
            connection.execute(QUERIES["reroute_records"], columns | {"source": source})
            now = connection.execute("SELECT sync_now() AS now").fetchone()
            self._consent.read_again(connection, source, rows, now=scalar(now, "now"))
            plan = self._plan(connection, source, ())
            for row in rows:
                plan.want_again(row)
            self._carry_out(connection, plan)

    def page_objects(self, source: str, *, after: str, limit: int) -> list[DictRow]:
        """Return the custom objects of *source* after an id, in their order."""
        keys = {"source": source, "after": after, "limit": limit}
        return self._database.fetch(OBJECT_QUERIES["page_objects"], keys)

    def hear_again(self, source: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Read once more what custom objects say, and whom they name, as something of the past.

        Args:
            rows: Of :meth:`page_objects`, with the ``customer_id`` and the ``address`` that they name by now.
        """
        with self._database.transaction() as connection:
            connection.execute(QUERIES["pass_gate"])
            renamed = name_anew(connection, source, rows)
            now = connection.execute("SELECT sync_now() AS now").fetchone()
            self._consent.read_again(connection, source, rows, now=scalar(now, "now"))
            plan = self._plan(
                connection,
                source,
                connection.execute(
                    OBJECT_QUERIES["read_named"],
                    {
                        "source": source,
                        "ids": [row["id"] for row in rows],
                    },
                ).fetchall(),
                renamed=renamed,
            )
            plan.resolve()
            self._carry_out(connection, plan)

    def page_carts(self, source: str, *, after: str, limit: int) -> list[DictRow]:
        """Return the carts of *source* after an id, in their order; none where carts say nothing of consent."""
        keys = {"source": source, "after": after, "limit": limit}
        asks = self._consent.asks(Stream.CARTS)
        return self._database.fetch(OBJECT_QUERIES["page_carts"], keys) if asks else []

    def hear_carts_again(self, source: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Read once more what carts, of :meth:`page_carts`, say, as something of the past."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["pass_gate"])
            now = connection.execute("SELECT sync_now() AS now").fetchone()
            says = self._consent.read_again(connection, source, rows, now=scalar(now, "now"))
            plan = self._plan(connection, source, ())
            for row in rows:
                if (row["stream"], row["id"]) in says:
                    plan.want_consent_again(row)
            self._carry_out(connection, plan)

    def bury(self, source: str, gone: Candidate, *, is_cancelled: bool = False) -> bool:
        """
        Commit that a record is gone for certain: it speaks for nobody any more.

        What is owed of its person is wanted anew, where that is known already; nothing brings
        the record back.  False where it was gone before, or is not stored.

        Args:
            is_cancelled: Of an order: whether it is to be cancelled where it was sent.
        """
        keys: dict[str, Any] = {
            "source": source, "stream": gone.stream, "id": gone.id, "gone_at": gone.gone_at,
            "kinds": sorted(DELETIONS), "is_cancelled": is_cancelled,
        }  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute(QUERIES["pass_gate"])
            connection.execute(DELETION_QUERIES["drop_candidate"], keys)
            row = connection.execute(DELETION_QUERIES["mark_gone"], keys).fetchone()
            if row is None:
                return False
            connection.execute(DELETION_QUERIES["bury"], keys | {"address": row["address"]})
            self._noticing.note_deletion(connection, source, row)
            connection.execute(DELETION_QUERIES["quiet_events"], keys | {"person": row["person"]})
            plan = self._plan(connection, source, ())
            plan.want_less(row, is_cancelled=is_cancelled)
            self._carry_out(connection, plan)
        return True

    def settle_deletions(self, source: str, action: str | None) -> int:
        """
        Decide what follows of customers of *source* that are gone; return of how many.

        Args:
            action: What it is called as an action of an event; None for nothing.
        """
        with self._database.transaction() as connection:
            connection.execute(QUERIES["pass_gate"])
            self.deletions.withdraw(connection, source)
            return self.deletions.settle(connection, source, action)

    def _commit(
        self, connection: Connection, hold: Hold, batch: Batch, cutover: datetime, letters: list[Letter]
    ) -> int:
        source, noticing = hold.source, self._noticing
        connection.execute(QUERIES["pass_gate"])
        for stream, ids in batch.gone.items():
            keys = {"source": source, "stream": stream, "ids": list(ids)}
            connection.execute(QUERIES["note_gone"], keys)
        letters += _bury_unreadable(connection, source, batch.unreadable)
        news = _news(connection, source, batch.arrivals)
        batch = replace(batch, arrivals=noticing.with_payments(connection, source, news))
        before = noticing.read_before(connection, source, batch.arrivals)
        said = self._consent.read_before(connection, source, batch.arrivals)
        rows = _upsert(connection, source, batch.arrivals, cutover)
        if not rows and not batch.messages:
            return 0
        self._note_seen(connection, hold, rows)
        renamed = note_objects(connection, source, batch.arrivals, rows)
        waiting, urgency = self._waiting(connection, source, rows)
        renewed = noticing.renew_orders(connection, source, batch, rows)
        changed = [*rows, *waiting, *(each.row for each in renewed)]
        heard = self._consent.notice(
            connection, source, batch.arrivals, rows=rows, before=said,
            noticed_at=batch.answered_at or cutover,
        )  # fmt: skip
        plan = self._plan(
            connection, source, changed, heard={**urgency, **heard.urgency}, renamed=renamed
        )  # fmt: skip
        plan.resolve()
        noticing.notice(connection, source, batch, rows=rows, before=before, renewed=renewed, cutover=cutover)
        noticing.note(connection, source, heard.events)
        self._note_skips(connection, plan)
        self._carry_out(connection, plan)
        return len(rows)

    def _waiting(
        self, connection: Connection, source: str, rows: Sequence[DictRow]
    ) -> tuple[list[DictRow], Mapping[tuple[str, str], bool]]:
        """Return the custom objects that wait for somebody whom *rows* make known, and how urgent what they say is."""
        waiting = read_waiting(connection, source, rows) if self._consent.is_on else []
        return waiting, self._consent.read_urgency(connection, source, waiting)

    def _plan(
        self,
        connection: Connection,
        source: str,
        rows: Sequence[DictRow],
        *,
        heard: Mapping[tuple[str, str], bool] = NOTHING_HEARD,
        renamed: Collection[str] = (),
    ) -> "_Plan":
        return _Plan(
            connection, source, rows, is_derived=self._is_derived, has_tags=self._has_tags,
            has_consent=self._consent.is_on, heard=heard, renamed=renamed,
        )  # fmt: skip

    def _note_seen(self, connection: Connection, hold: Hold, rows: Sequence[DictRow]) -> None:
        """Write down which sweep saw which version."""
        seen: dict[str, Any] = _columns(rows, "stream", "id", "version")
        seen |= {"source": hold.source, "epoch": hold.epoch}
        connection.execute(QUERIES["note_sightings"], seen)
        connection.execute(QUERIES["supersede_unreadable"], seen)

    def _note_skips(self, connection: Connection, plan: "_Plan") -> None:
        """Write down what goes nowhere: nobody's, or taken by no route."""
        skipped = [
            (row, destination, reason)
            for rows, reason in ((plan.nobody, "no_address"), (plan.unrouted, "no_route"))
            for row in rows
            for destination in row["destinations"] or [""]
        ]
        if skipped:
            keys = {
                "source": plan.source,
                "operations": [OPERATIONS[row["stream"]] for row, _, _ in skipped],
                "ids": [row["id"] for row, _, _ in skipped],
                "versions": [row["version"] for row, _, _ in skipped],
                "destinations": [destination for _, destination, _ in skipped],
                "reasons": [reason for _, _, reason in skipped],
                "config": self._config,
            }
            connection.execute(QUERIES["note_skips"], keys)

    def _carry_out(self, connection: Connection, plan: "_Plan") -> None:
        raised = sorted(plan.raised.items(), key=lambda item: (RANK_OF[item[0][1]], item[0]))
        places = sorted({(place, key[0]) for key, each in raised for place in each.destinations})
        keys = {"destinations": [each[0] for each in places], "persons": [each[1] for each in places]}
        connection.execute(QUERIES["ensure_recipients"], keys)
        wanted = {
            "person": [person for (person, _, _), _ in raised],
            "operation": [operation for (_, operation, _), _ in raised],
            "object": [object_ for (_, _, object_), _ in raised],
            "lane": [each.lane for _, each in raised],
            "fires": [each.fires for _, each in raised],
            "destinations": [" ".join(sorted(each.destinations)) for _, each in raised],
        }
        common = {"source": plan.source, "config": self._config, "served": self._destinations}
        rows = connection.execute(QUERIES["raise_entries"], wanted | common).fetchall()
        touched = sorted({*(row["recipient"] for row in rows), *self._move_facts(connection, plan)})
        profiles = {"recipients": touched, "operations": list(self._profile)}
        connection.execute(QUERIES["ensure_profiles"], profiles | common)
        withdraw_farewells(connection, touched, config=self._config)
        connection.execute(QUERIES["refresh_recipients"], {"recipients": sorted({*touched, *plan.left})})

    def _move_facts(self, connection: Connection, plan: "_Plan") -> set[int]:
        """Let facts follow their records to other persons; return the recipients on both sides."""
        if not plan.moved:
            return set()
        streams, ids = map(list, zip(*sorted(plan.moved), strict=True))
        keys = {"source": plan.source, "streams": streams, "ids": ids}
        straying = connection.execute(QUERIES["read_straying_facts"], keys).fetchall()
        if not straying:
            return set()
        places: dict[str, Any] = {
            "destinations": [row["destination"] for row in straying],
            "persons": [row["person"] for row in straying],
        }
        connection.execute(QUERIES["ensure_recipients"], places)
        there = connection.execute(
            QUERIES["move_facts"], places | {"entries": [row["entry"] for row in straying]}
        ).fetchall()
        return {row["recipient"] for row in (*straying, *there)}


@dataclass(slots=True)
class _Raised:
    """How urgent something is, whether it may start automations, and where it goes."""

    lane: int
    fires: bool
    destinations: set[str]


class _Plan:
    """Decides whose each changed record is, and notes what must be raised for whom."""

    def __init__(
        self,
        connection: Connection,
        source: str,
        rows: Sequence[DictRow],
        *,
        is_derived: bool,
        has_tags: bool,
        has_consent: bool,
        heard: Mapping[tuple[str, str], bool],
        renamed: Collection[str],
    ) -> None:
        """
        Decide for *rows*.

        Args:
            heard: Records that say something anew of consent, and whether that is a no.
            renamed: Ids of custom objects that named somebody else before.
        """
        self._connection = connection
        self._renamed = renamed
        self._has_consent = has_consent
        self._heard = heard
        self._is_derived = is_derived
        self._has_tags = has_tags
        self.source = source
        self._customers = sorted((r for r in rows if r["stream"] == "customers"), key=lambda r: r["id"])
        self._orders = sorted((r for r in rows if r["stream"] == "orders"), key=lambda r: r["id"])
        #: Carts and shopping lists, for which nothing is owed until an event is told.
        self._kept = sorted((r for r in rows if r["stream"] in KEPT), key=lambda r: (r["stream"], r["id"]))
        self._objects = sorted((r for r in rows if r["stream"] == "custom_objects"), key=lambda r: r["id"])
        self._own: dict[str, PersonId] = {}
        self._holder: dict[str, PersonId] = {}
        self._companions: dict[PersonId, set[tuple[str, str]]] = defaultdict(set)
        self._busy: frozenset[PersonId] = frozenset()
        self._assigned: list[tuple[str, str, PersonId]] = []
        #: By person, operation and object.
        self.raised: dict[tuple[PersonId, str, str], _Raised] = {}
        #: (stream, id) of what must wait until its former person is not written to.
        self.pending: set[tuple[str, str]] = set()
        self.nobody: list[DictRow] = []
        self.unrouted = [row for row in rows if row["stream"] in OPERATIONS and not row["destinations"]]
        self.left: set[int] = set()
        #: (stream, id) of what became another person's.
        self.moved: set[tuple[str, str]] = set()

    def resolve(self) -> None:
        """Decide for all records, customers first, and write down whose they are."""
        self._read()
        for row in self._in_order_of_freedom():
            self._place_customer(row)
        for row in self._orders:
            self._place_order(row)
        for row in self._kept:
            self._place_kept(row)
        self._place_objects()
        self._write()

    def want_again(self, row: Mapping[str, Any]) -> None:
        """Want what *row* says as something of the past, whose person is known."""
        past = _past(row)
        self._raise(row["person"], "upsert_contact", "", past)
        if row["stream"] == "orders":
            self._raise(row["person"], "upsert_order", row["id"], past)

    def want_consent_again(self, row: Mapping[str, Any]) -> None:
        """Want what the person of *row* consents to, of which it says something of the past."""
        self._raise_consent(row["person"], _past(row))

    def want_less(self, row: DictRow, *, is_cancelled: bool) -> None:
        """Want the contact of whom *row* spoke, where it is, and itself where it is to be cancelled."""
        if row["person"] is None:
            return
        self._raise_left(row["person"], row)
        if is_cancelled:
            self._raise(row["person"], "upsert_order", row["id"], row | {"destinations": ()})

    def _all(self) -> Iterator[DictRow]:
        yield from (*self._customers, *self._orders, *self._kept, *self._objects)

    def _in_order_of_freedom(self) -> Iterator[DictRow]:
        """
        Give the customers so that an address is let go of before somebody else takes it.

        Known customers come before new ones, and those whose address is free before those
        who would have to share; what is decided for one may free an address for the next.
        """
        waiting = sorted(self._customers, key=lambda r: (r["id"] not in self._own, r["id"]))
        while waiting:
            free = (r for r in waiting if self._holder.get(r["address"]) in (None, self._own.get(r["id"])))
            row = next(free, waiting[0])
            waiting.remove(row)
            yield row

    def _read(self) -> None:
        keys = {
            "source": self.source,
            "customers": [r["id"] for r in self._customers]
            + [r["customer_id"] for r in (*self._orders, *self._kept, *self._objects) if r["customer_id"]],
            "addresses": [r["address"] for r in self._all() if r["address"]],
        }
        for row in self._connection.execute(QUERIES["read_identifiers"], keys).fetchall():
            known = self._own if row["kind"] == "customer" else self._holder
            known[row["value"]] = row["person"]
        former = {r["person"] for r in self._all() if r["person"] is not None}
        persons = {"persons": sorted({*self._own.values(), *self._holder.values(), *former})}
        self._connection.execute(QUERIES["lock_recipients"], persons)
        for row in self._connection.execute(QUERIES["read_companions"], persons).fetchall():
            self._companions[row["person"]].add((row["source"], row["id"]))
        busy = self._connection.execute(QUERIES["read_busy_persons"], persons).fetchall()
        self._busy = frozenset(row["person"] for row in busy)

    def _place_customer(self, row: DictRow) -> None:
        id_, address = row["id"], row["address"]
        own = self._own.get(id_)
        others = self._companions[own] - {(self.source, id_)} if own is not None else set()
        decision = resolve_customer(own=own, holder=self._holder.get(address), is_shared=bool(others))
        if own is not None and isinstance(decision, Join | Begin) and own in self._busy:
            self.pending.add(("customers", id_))
            return
        match decision:
            case Stay(person) | Join(person):
                pass
            case Rename(person):
                self._release(person, address)
            case _:
                person = self._bear()
        self._holder[address] = person
        self._own[id_] = person
        if own is not None and own != person:
            self._companions[own].discard((self.source, id_))
            self._move(row, former=own, person=person)
        self._companions[person].add((self.source, id_))
        self._assigned.append(("customers", id_, person))
        self._raise(person, "upsert_contact", "", row)

    def _move(self, row: DictRow, *, former: PersonId, person: PersonId) -> None:
        keys = {
            "source": self.source, "customer": row["id"], "address": row["address"],
            "former": former, "person": person,
        }  # fmt: skip
        self._connection.execute(QUERIES["release_moved_hold"], keys)
        self._age("customers", row["id"], version=row["version"])
        for each in self._connection.execute(
            QUERIES["move_kept"], keys | {"streams": sorted(KEPT)}
        ).fetchall():
            self._note_move(each["stream"], each["id"], version=each["version"] + 1)
        for each in self._connection.execute(OBJECT_QUERIES["move_objects"], keys).fetchall():
            self._note_move("custom_objects", each["id"], version=each["version"] + 1)
        rows = self._connection.execute(QUERIES["lock_recipients"], {"persons": [former]}).fetchall()
        self.left |= {each["recipient"] for each in rows}
        for order in self._connection.execute(QUERIES["move_orders"], keys).fetchall():
            self._note_move("orders", order["id"], version=order["version"] + 1)
            self._raise(person, "upsert_order", order["id"], order | {"is_past": row["is_past"]})
        if self._companions[former] or self._is_derived:
            self._raise_left(former, row)

    def _place_order(self, row: DictRow) -> None:
        person = self._own.get(row["customer_id"] or "") or self._holder.get(row["address"] or "")
        former = row["person"]
        if former is not None and former != person and former in self._busy:
            self.pending.add(("orders", row["id"]))
            return
        if person is None:
            if not row["address"]:
                self.nobody.append(row)
                return
            person = self._holder[row["address"]] = self._bear()
        if former is not None and former != person:
            keys = {"source": self.source, "ids": [row["id"]], "former": [former]}
            left = self._connection.execute(QUERIES["leave_orders"], keys).fetchall()
            self.left |= {each["recipient"] for each in left}
            self._note_move("orders", row["id"], version=row["version"])
            if self._is_derived:
                self._raise_left(former, row)
        self._assigned.append(("orders", row["id"], person))
        if not self._companions[person] or self._is_derived:
            self._raise(person, "upsert_contact", "", row)
        self._raise(person, "upsert_order", row["id"], row)
        self._raise_consent(person, row)

    def _place_kept(self, row: DictRow) -> None:
        """Note whose a cart or a list is, if it says so; nothing is owed for it until an event is told."""
        stream, id_ = row["stream"], row["id"]
        person = self._own.get(row["customer_id"] or "") or self._holder.get(row["address"] or "")
        if person is None and row["address"]:
            person = self._holder[row["address"]] = self._bear()
        if person is not None:
            self._assigned.append((stream, id_, person))
            if (stream, id_) in self._heard:
                self._raise_consent(person, row)
                if self._is_derived:
                    self._raise(person, "upsert_contact", "", row)
        if row["person"] is not None and row["person"] != person:
            self._note_move(stream, id_, version=row["version"])

    def _place_objects(self) -> None:
        """Note whose custom objects are, where that is known: else what they say waits, and makes nobody known."""
        placed: list[tuple[DictRow, PersonId]] = []
        left: list[str] = []
        for row in self._objects:
            person = self._person_of_object(row)
            if person is not None:
                placed.append((row, person))
            elif row["id"] in self._renamed:
                left.append(row["id"])
        if left:
            self._connection.execute(OBJECT_QUERIES["let_objects_go"], {"source": self.source, "ids": left})
        if not placed:
            return
        persons = {"persons": sorted({person for _, person in placed})}
        found = self._connection.execute(OBJECT_QUERIES["read_places"], persons).fetchall()
        places = {row["person"]: row["destinations"] for row in found}
        for row, person in placed:
            key = (row["stream"], row["id"])
            self._assigned.append((*key, person))
            if key in self._heard:
                profile = self.raised.get((person, "upsert_contact", ""))
                begun = profile.destinations if profile else set[str]()
                routed = row | {"destinations": sorted({*places.get(person, ()), *begun})}
                self._raise_consent(person, routed)
                if self._is_derived:
                    self._raise(person, "upsert_contact", "", routed)

    def _person_of_object(self, row: DictRow) -> PersonId | None:
        """
        Return whose a custom object is; None where that is not known.

        One that names whom nobody knows any more stays whose it is, unless it named somebody else before.
        Where the file says it otherwise, what it said in this version is one person's, and no other's.
        """
        is_renamed, former = row["id"] in self._renamed, row["person"]
        is_reread = bool(row.get("is_reread"))
        person = self._own.get(row["customer_id"] or "") or self._holder.get(row["address"] or "")
        if person is None and not is_renamed:
            return PersonId(former) if former is not None else None
        is_moved = former is not None or (is_renamed and not is_reread)
        if is_moved and (person is None or person != former):
            self._note_move("custom_objects", row["id"], version=row["version"] + is_reread)
        return person

    def _note_move(self, stream: str, id_: str, *, version: int) -> None:
        """Note that a record is another person's since *version*."""
        self._age(stream, id_, version=version)
        self.moved.add((stream, id_))

    def _age(self, stream: str, id_: str, *, version: int) -> None:
        """Let be of the past what a record said before a *version*, in which it became another person's."""
        if self._has_consent:
            moved = {"source": self.source, "stream": stream, "id": id_, "version": version}
            self._connection.execute(CONSENT_QUERIES["move_evidence"], moved)

    def _raise_left(self, former: PersonId, row: DictRow) -> None:
        """Want the contact of whom *row* has left, where it is: it goes nowhere new for that."""
        self._raise(former, "upsert_contact", "", row | {"destinations": ()})

    def _bear(self) -> PersonId:
        row = self._connection.execute(QUERIES["bear_persons"], {"count": 1}).fetchone()
        return PersonId(row["person"]) if row else PersonId(0)

    def _release(self, person: PersonId, address: str) -> None:
        keys = {"person": person, "address": address}
        self._connection.execute(QUERIES["release_address"], keys)
        for old in [a for a, holder in self._holder.items() if holder == person and a != address]:
            del self._holder[old]

    def _raise(self, person: PersonId, operation: str, object_: str, row: DictRow) -> None:
        """Want *operation* for what *row* says, where it goes."""
        lane = LANES.index(Lane.BACKFILL if row["is_past"] else Lane.LIVE)
        fires = operation == "upsert_order" and not row["is_historical"]
        raised = self.raised.setdefault((person, operation, object_), _Raised(lane, fires, set()))
        raised.lane, raised.fires = min(lane, raised.lane), fires
        raised.destinations |= set(row["destinations"])
        if operation == "upsert_contact" and self._has_tags:
            self._raise(person, "sync_tags", object_, row)
        if operation == "upsert_contact":
            self._raise_consent(person, row)

    def _raise_consent(self, person: PersonId, row: DictRow) -> None:
        """
        Want what a person consents to; a no goes before all else.

        Of a record of the past that says nothing of which something follows, nobody is asked: a
        first load has no time for it.
        """
        key = (row.get("stream", ""), row["id"])
        if not self._has_consent or (row["is_past"] and not row.get("is_asked") and key not in self._heard):
            return
        self._raise(person, "set_consent", "", row)
        if self._heard.get(key):
            self.raised[person, "set_consent", ""].lane = LANES.index(Lane.CONSENT)

    def _write(self) -> None:
        self._note_pending()
        changed = {r["id"] for r in self._customers}
        identifiers = [("customer", self.source, c, p) for c, p in self._own.items() if c in changed]
        used = {r["address"] for r in self._all()}
        identifiers += [("address", "", a, p) for a, p in self._holder.items() if a in used]
        if identifiers:
            kinds, sources, values, persons = map(list, zip(*identifiers, strict=True))
            keys = {"kind": kinds, "source": sources, "value": values, "person": persons}
            self._connection.execute(QUERIES["write_identifiers"], keys)
        if self._assigned:
            streams, ids, persons = map(list, zip(*self._assigned, strict=True))
            assigned = {"source": self.source, "stream": streams, "id": ids, "person": persons}
            self._connection.execute(QUERIES["assign_persons"], assigned)

    def _note_pending(self) -> None:
        placed = {(r["stream"], r["id"]) for r in (*self._customers, *self._orders)} - self.pending
        for name, records in (("note_pending_moves", self.pending), ("forget_pending_moves", placed)):
            if records:
                streams, ids = map(list, zip(*sorted(records), strict=True))
                keys = {"source": self.source, "stream": streams, "id": ids}
                self._connection.execute(QUERIES[name], keys)


def _past(row: Mapping[str, Any]) -> DictRow:
    """Return *row* as one of the past that is asked for."""
    return dict(row) | {"is_past": True, "is_historical": True, "is_asked": True}


def _news(connection: Connection, source: str, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return those of *arrivals* that are new, or newer than what is stored."""
    keys = {
        "source": source,
        "streams": [each.stream for each in arrivals],
        "ids": [each.id for each in arrivals],
        "versions": [each.version for each in arrivals],
    }
    rows = connection.execute(QUERIES["read_news"], keys).fetchall() if arrivals else ()
    news = {(row["stream"], row["id"]) for row in rows}
    return [each for each in arrivals if (each.stream, each.id) in news]


def _upsert(
    connection: Connection, source: str, arrivals: Sequence[Arrival], cutover: datetime
) -> list[DictRow]:
    newest: dict[tuple[str, str], Arrival] = {}
    for arrival in sorted(arrivals, key=lambda a: a.version):
        newest[arrival.stream, arrival.id] = arrival
    columns: dict[str, Any] = {
        name: [getattr(arrival, name) for arrival in newest.values()]
        for name in (
            "stream", "id", "version", "created_at", "last_modified_at", "address",
            "customer_id", "starts_nothing",
        )
    }  # fmt: skip
    columns["destinations"] = [" ".join(arrival.destinations) for arrival in newest.values()]
    columns["body"] = [Jsonb(arrival.body) for arrival in newest.values()]
    keys: dict[str, Any] = columns | {"source": source, "cutover": cutover}
    return connection.execute(QUERIES["upsert_records"], keys).fetchall()


def _columns(rows: Sequence[DictRow], *names: str) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}


def _bury_unreadable(
    connection: Connection, source: str, unreadable: Sequence[Unreadable]
) -> Iterator[Letter]:
    """Write a letter for each record that cannot be read; give those that are new."""
    for each in unreadable:
        keys = _letter(source, each)
        row = connection.execute(QUERIES["bury_unreadable"], keys).fetchone()
        if row is not None and row["is_new"]:
            yield Letter(
                dead_letter=row["dead_letter"], operation=f"read_{each.stream}", cause=keys["cause"],
                lane=Lane.BACKFILL, object=each.id,
            )  # fmt: skip


def _letter(source: str, unreadable: Unreadable) -> dict[str, Any]:
    paths = sorted(str(path) for path in unreadable.faults)
    return {
        "source": source,
        "stream": unreadable.stream,
        "id": unreadable.id,
        "version": unreadable.version,
        "cause": f"unreadable {unreadable.stream}: {', '.join(paths)[:160]}",
        "message": "; ".join(f"{path}: {fault}" for path, fault in unreadable.faults.items())[:2000],
    }
