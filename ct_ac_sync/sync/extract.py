"""
Extract: read what changed since the watermark, page by page, and commit each page
together with the place it has reached.

The window reaches back over the watermark by an overlap, because the source shows some
writes late and with older stamps.  Its upper end is the source's own time when the
sweep began; it is no part of the query, so a record that changes meanwhile is seen now
rather than later.  The watermark moves only after the last page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from ct_ac_sync.configuration.expression import Expression
from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.custom_object import CustomObject
from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.identity import normal_address
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.order import Order
from ct_ac_sync.domain.shopping_list import ShoppingList
from ct_ac_sync.errors import ConfigurationError, ContractError, HaltError, NotYetError
from ct_ac_sync.mapping.consent import Named, named_in
from ct_ac_sync.mapping.evaluate import Lookup
from ct_ac_sync.ports import (
    Clock,
    Doorbell,
    Herald,
    Json,
    Page,
    Readable,
    Record,
    Source,
    Stream,
    Sweep,
    Unreadable,
)
from ct_ac_sync.store.arrival import Arrival, Batch
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.noticing import STREAM_OF
from ct_ac_sync.store.streams import Hold, Streams
from ct_ac_sync.sync.containers import Containers
from ct_ac_sync.sync.deletions import Deletions
from ct_ac_sync.sync.dispatch import Dispatch
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router
from ct_ac_sync.sync.tell import tell
from ct_ac_sync.sync.teller import Teller

log = structlog.get_logger()

EVERYTHING = "everything"
NOW = "now"

#: Records on the first page of a slice.  Heavy ones must not keep a task from coming to its first
#: commit: it would be ended and begun again for ever.  A page that took less than such a part of
#: the slice lets the next be twice as large.
FIRST_PAGE, QUICK = 100, 4

#: Streams that begin with now, whatever the first run does with the past: what they would tell
#: of it is over, and orders bring their payments along.
FROM_NOW = frozenset({Stream.CARTS, Stream.SHOPPING_LISTS, Stream.PAYMENTS, Stream.MESSAGES})
#: Streams that are read whole, whatever the first run does with the past: a change can be told only
#: where it is known what was said before.
WHOLE = frozenset({Stream.CUSTOM_OBJECTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSettings:
    """
    How streams are read.

    Attributes:
        overlap: How far a window reaches back over the watermark.
        wide_overlap: How far it does once a day, for what became visible very late.
        slice: How long one task reads before it lets another go on.
        start: What the first run does with the past: ``everything``, ``now``, or an
            instant; None where nobody has said.
    """

    overlap: timedelta
    wide_overlap: timedelta
    slice: timedelta
    start: str | datetime | None
    page_size: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What one call of extract came to."""

    pages: int = 0
    records: int = 0
    changed: int = 0
    unreadable: int = 0
    is_done: bool = True


class Extract:
    """Reads streams of one source."""

    def __init__(
        self,
        *,
        name: str,
        source: Source,
        streams: Streams,
        intake: Intake,
        dispatch: Dispatch,
        doorbell: Doorbell,
        clock: Clock,
        settings: ExtractSettings,
        herald: Herald,
        router: Router,
        references: References,
        teller: Teller,
        containers: Mapping[str, Expression],
    ) -> None:
        """*containers* of custom objects are read, each with what says whose one is."""
        self._name = name
        self._containers = containers
        self._teller = teller
        self._router = router
        self._references = references
        self._herald = herald
        self._source = source
        self._streams = streams
        self._intake = intake
        self._dispatch = dispatch
        self._doorbell = doorbell
        self._clock = clock
        self._settings = settings
        self.deletions = Deletions(
            name=name, source=source, intake=intake, clock=clock, herald=herald, slice_=settings.slice,
            config=teller.deletions,
        )  # fmt: skip

    def tick(self, stream: Stream, *, period: timedelta) -> Slice | None:
        """Read *stream* if this tick was not had by another beat."""
        if not self._streams.take_slot(self._name, stream, period=period):
            return None
        return self.read(stream)

    def read(self, stream: Stream, *, begins: bool = True) -> Slice | None:
        """
        Go on with the sweep under way, or begin one; None where somebody else reads.

        What a slice does not finish is rung for again.

        Args:
            begins: Whether a sweep may be begun where none is under way; a late ring may not.

        Raises:
            SyncError: The source does not answer, or not as it must; nothing is lost,
                because the place that was reached is committed.
        """
        hold = self._streams.lease(self._name, stream)
        if hold is None:
            return None
        if hold.sweep_until is None and not begins:
            self._streams.release(hold)
            return None
        try:
            done = self._read_slice(hold)
        except HaltError as error:
            self._streams.halt(self._name, stream, f"{error.cause}: {error}")
            log.error("stream_halted", stream=stream, cause=error.cause, error=str(error))  # noqa: TRY400 - expected
            self._herald.tell_halt(f"{self._name}/{stream}", error.cause)
            raise
        finally:
            self._streams.release(hold)
        if done.is_done:
            log.info(
                "sweep_completed", stream=stream, pages=done.pages, records=done.records,
                changed=done.changed, unreadable=done.unreadable,
            )  # fmt: skip
            if self._teller.tell_due(self._name):
                self._dispatch.ring_due()
        else:
            self._doorbell.ring_stream(self._name, stream)
        return done

    def read_again(self, stream: Stream, ids: Sequence[str]) -> int:
        """
        Fetch single records and accept them; return how many can be read by now.

        A letter of one that can is superseded in the same commit; of one that cannot, it stays.

        Raises:
            NotYetError: Somebody else reads the stream just now.
        """
        hold = self._streams.lease(self._name, stream)
        if hold is None:
            raise NotYetError(f"{stream} is being read just now, or halted; try again", cause="stream_held")
        try:
            found = self._source.fetch_records(stream, ids)
            readable = tuple(each for each in found if isinstance(each, Readable))
            unreadable = tuple(each for each in found if isinstance(each, Unreadable))
            for part, cutover in self._by_cutover(hold, readable):
                batch = self._batch(hold, part, unreadable, answered_at=datetime.now(UTC))
                self._intake.accept(hold, batch, cutover=cutover, after=hold.after, is_last=False)
        finally:
            self._streams.release(hold)
        tell(self._herald, self._intake.take_letters())
        self._dispatch.ring_due()
        return len(readable)

    def _by_cutover(
        self, hold: Hold, records: tuple[Readable, ...]
    ) -> Iterator[tuple[tuple[Readable, ...], datetime]]:
        """Give records with their cutover: those of each container of custom objects have their own."""
        now = datetime.now(UTC)
        containers = self._containers_of(hold)
        if containers is None:
            yield records, hold.cutover or now
            return
        for name in containers.names:
            part = (r for r in records if isinstance(r.value, CustomObject) and r.value.container == name)
            yield tuple(part), containers.cutover(name, now)

    def _read_slice(self, hold: Hold) -> Slice:
        until = self._clock.monotonic() + self._settings.slice.total_seconds()
        total, after = Slice(is_done=False), hold.after
        since, cutover = hold.sweep_since, hold.cutover
        begun = hold.sweep_until
        if begun is None:
            since, cutover, after = self._window(hold), None, None
        limit = min(FIRST_PAGE, self._settings.page_size)
        containers = self._containers_of(hold)
        while True:
            begun_at = self._clock.monotonic()
            page = self._fetch(hold, Sweep(modified_since=since, after=after, limit=limit), containers)
            if not page.is_last and page.last_id in (None, after):
                raise ContractError(
                    f"a page of {hold.stream} does not move on from {after}", cause="page does not move on"
                )
            if begun is None:
                cutover = self._streams.begin_sweep(hold, since=since, until=page.answered_at)
                begun = page.answered_at
            if containers is not None:
                cutover = containers.cutover(after, begun)
            changed = self._accept(hold, page, cutover or page.answered_at, containers)
            total = _add(total, page, changed)
            after = page.last_id or after
            if page.is_last or self._clock.monotonic() >= until:
                return total
            if self._clock.monotonic() - begun_at < self._settings.slice.total_seconds() / QUICK:
                limit = min(2 * limit, self._settings.page_size)

    def _window(self, hold: Hold) -> datetime | None:
        """Return where a new sweep begins, None for everything there is."""
        if hold.watermark is not None:
            overlap = self._settings.wide_overlap if hold.is_wide else self._settings.overlap
            return hold.watermark - overlap
        start = (
            NOW if hold.stream in FROM_NOW else EVERYTHING if hold.stream in WHOLE else self._settings.start
        )
        if start is None:
            raise ConfigurationError(
                "nobody has said what the first run shall do with the past: give --from"
                " everything, now or a date, or set CT_AC_SYNC_FROM",
                cause="first_run_undecided",
            )
        if start == EVERYTHING:
            return None
        probe = Sweep(modified_since=None, after=None, limit=1)
        answered_at = self._source.fetch_page(hold.stream, probe).answered_at
        since = start if isinstance(start, datetime) else answered_at
        self._streams.start_from(self._name, hold.stream, watermark=since, cutover=answered_at)
        return since - self._settings.overlap if start == NOW else since

    def _containers_of(self, hold: Hold) -> Containers | None:
        """Return the containers through which a stream is swept; None for one that has none."""
        if hold.stream is not Stream.CUSTOM_OBJECTS:
            return None
        return Containers(self._containers, self._streams.containers(hold.source))

    def _fetch(self, hold: Hold, sweep: Sweep, containers: Containers | None) -> Page:
        """Return the next page of a sweep; where no container is left to be read, one that ends it."""
        if containers is None:
            return self._source.fetch_page(hold.stream, sweep)
        turn = containers.turn(sweep.after)
        if turn is None:
            at = hold.sweep_until or datetime.now(UTC)
            return Page(records=(), unreadable=(), answered_at=at, is_last=True, last_id=None)
        overlap = hold.watermark - sweep.modified_since if hold.watermark and sweep.modified_since else None
        asked = replace(
            sweep, modified_since=containers.since(turn, overlap), after=turn.after, container=turn.container
        )
        return containers.turned(turn, self._source.fetch_page(hold.stream, asked))

    def _accept(self, hold: Hold, page: Page, cutover: datetime, containers: Containers | None) -> int:
        batch = self._batch(hold, page.records, page.unreadable, answered_at=page.answered_at)
        changed = self._intake.accept(
            hold, batch, cutover=cutover, after=page.last_id, is_last=page.is_last,
            containers=containers.names if containers else (),
        )  # fmt: skip
        tell(self._herald, self._intake.take_letters())
        if changed:
            records = len(page.records)
            log.info("page_accepted", stream=hold.stream, records=records, changed=changed)
            self._dispatch.ring_due()
        return changed

    def _batch(
        self,
        hold: Hold,
        records: Sequence[Readable],
        unreadable: Sequence[Unreadable],
        *,
        answered_at: datetime,
    ) -> Batch:
        """Return what was read with what it names and nobody has seen."""
        messages: tuple[Message, ...] = ()
        named: dict[Stream, Sequence[str]] = {}
        if hold.stream is Stream.MESSAGES:
            messages = self._messages(hold, records)
            named = self._named(hold, messages)
        found = {stream: self._source.fetch_records(stream, ids) for stream, ids in named.items()}
        faulty = [each for rows in found.values() for each in rows if isinstance(each, Unreadable)]
        gone = {stream: sorted(set(ids) - _ids(found[stream])) for stream, ids in named.items()}
        if hold.stream is not Stream.MESSAGES:
            found[hold.stream] = tuple(records)
        readable = {
            stream: [each for each in rows if isinstance(each, Readable)] for stream, rows in found.items()
        }
        customers, bodies = self._customers_of(hold, [each for rows in readable.values() for each in rows])
        faulty += [each for each in customers.found if isinstance(each, Unreadable)]
        owners = [each for each in customers.found if isinstance(each, Readable)]
        gone[Stream.CUSTOMERS] = sorted({*gone.get(Stream.CUSTOMERS, ()), *customers.gone})
        return Batch(
            arrivals=[
                *self._arrivals(Stream.CUSTOMERS, owners, {}),
                *(a for stream, rows in readable.items() for a in self._arrivals(stream, rows, bodies)),
            ],
            messages=messages,
            unreadable=(*unreadable, *faulty),
            gone=gone,
            answered_at=answered_at,
        )

    def _customers_of(
        self, hold: Hold, records: Sequence[Readable]
    ) -> tuple["_Customers", Mapping[str, Json]]:
        """Return the customers that *records* name and nobody has seen, and bodies of all, as far as asked for."""
        ids = sorted(filter(None, {_customer_id(each.value) for each in records}))
        known = {each.value.id for each in records if isinstance(each.value, Customer)}
        wanted = [id_ for id_ in ids if id_ not in known]
        unknown = self._intake.unknown_customers(hold.source, wanted) if wanted else ()
        found = self._source.fetch_records(Stream.CUSTOMERS, unknown) if unknown else ()
        bodies: dict[str, Json] = {
            str(each.value.id): each.body for each in (*records, *found)
            if isinstance(each, Readable) and isinstance(each.value, Customer)
        }  # fmt: skip
        if ids and self._router.asks:
            bodies = self._intake.read_customers(hold.source, ids) | bodies
        return _Customers(found, tuple(sorted(set(unknown) - _ids(found)))), bodies

    def _messages(self, hold: Hold, records: Sequence[Readable]) -> tuple[Message, ...]:
        """Return the messages nobody has read, and those that are missing in the sequence of their resources."""
        messages = [each.value for each in records if isinstance(each.value, Message)]
        unread = self._intake.unread_messages(hold.source, messages)
        missing = [
            each.value
            for kind, id_, above in self._intake.gaps(hold.source, unread)
            for each in self._source.fetch_messages(kind, id_, above=above)
            if isinstance(each, Readable) and isinstance(each.value, Message)
        ]
        return tuple({each.id: each for each in (*unread, *missing)}.values())

    def _named(self, hold: Hold, messages: Sequence[Message]) -> dict[Stream, Sequence[str]]:
        """Return what messages are about and we do not know as they do, and of what they do not say what happened."""
        versions: dict[tuple[Stream, str], int] = {}
        untold: set[tuple[Stream, str]] = set()
        for each in messages:
            if each.resource_kind in STREAM_OF:
                about = (STREAM_OF[each.resource_kind], each.resource_id)
                versions[about] = max(each.resource_version, versions.get(about, 0))
                untold |= set() if each.payload else {about}
        wanted = sorted({*self._intake.unknown_records(hold.source, versions), *untold})
        return {
            stream: [id_ for each, id_ in wanted if each is stream]
            for stream in dict.fromkeys(stream for stream, _ in wanted)
        }

    def _arrivals(
        self, stream: Stream, records: Sequence[Readable], customers: Mapping[str, Json]
    ) -> list[Arrival]:
        """
        Return *records* with where they go; what routes ask for is fetched, a page at a time.

        Args:
            customers: Bodies of those that orders name, by id.
        """
        places = self._references.settle(self._name, partial(self._places, records, customers))
        return [
            _arrival(stream, each, where, self._named_by(each))
            for each, where in zip(records, places, strict=True)
        ]

    def _named_by(self, readable: Readable) -> Named:
        """Return whom a custom object names; anything else says itself whose it is."""
        value = readable.value
        person = self._containers.get(value.container) if isinstance(value, CustomObject) else None
        return named_in(readable.body, person) if person is not None else Named()

    def _places(
        self, records: Sequence[Readable], customers: Mapping[str, Json], lookup: Lookup
    ) -> list[tuple[str, ...]]:
        return [
            self._router.places(
                self._name,
                each.body,
                lookup,
                is_customer=isinstance(each.value, Customer),
                customer=customers.get(_customer_id(each.value) or ""),
            )
            if isinstance(each.value, Customer | Order | Cart | ShoppingList)
            else ()
            for each in records
        ]


def _arrival(stream: Stream, readable: Readable, places: Sequence[str], named: Named) -> Arrival:
    value = readable.value
    return Arrival(
        stream=stream,
        id=value.id,
        version=value.version,
        created_at=value.created_at,
        last_modified_at=value.last_modified_at,
        address=normal_address(value.email or named.address),
        customer_id=_customer_id(value) or named.customer_id,
        starts_nothing=value.is_imported or (isinstance(value, Order) and value.is_cancelled),
        destinations=places,
        value=value,
        body=readable.body,
    )


@dataclass(frozen=True, slots=True)
class _Customers:
    """Customers that were asked for: those that were found, and the ids of those that are gone."""

    found: Sequence[Readable | Unreadable]
    gone: Sequence[str]


def _customer_id(value: Record) -> str | None:
    """Return the id of the customer that an order, a cart or a shopping list names."""
    return value.customer_id if isinstance(value, Order | Cart | ShoppingList) else None


def _ids(found: Sequence[Readable | Unreadable]) -> set[str]:
    return {each.value.id if isinstance(each, Readable) else each.id for each in found}


def _add(total: Slice, page: Page, changed: int) -> Slice:
    return Slice(
        pages=total.pages + 1,
        records=total.records + len(page.records),
        changed=total.changed + changed,
        unreadable=total.unreadable + len(page.unreadable),
        is_done=page.is_last,
    )
