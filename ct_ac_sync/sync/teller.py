"""
Teller: says what follows of what happened, once all that happened before it is known.

An event that one stream saw may have been preceded by one that another has not seen yet.  So
it is held until all have been read past the moment; then events of one person go out in the
order in which they happened, whichever stream was quicker.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from ct_ac_sync.configuration.values import Configuration, DeletionsConfig, EventRule
from ct_ac_sync.domain.event import Action, EventKind, Fact
from ct_ac_sync.errors import DatabaseAwayError, SyncError
from ct_ac_sync.mapping.evaluate import Lookup
from ct_ac_sync.mapping.happening import Happening
from ct_ac_sync.mapping.rules import automation_of, ecommerce_of, is_declared_past, rules_for, tracking_of
from ct_ac_sync.ports import Herald, Source, Stream
from ct_ac_sync.store.event_book import EventBook, Held, Telling
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router

log = structlog.get_logger()

#: How many times the busiest hour of a week is taken for a mistake.
UNUSUAL = 10

#: Customers are read less often, and who an order names is read with it.
NOT_WAITED_FOR = frozenset({Stream.CUSTOMERS})


class Teller:
    """Tells the events of sources."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        book: EventBook,
        router: Router,
        references: References,
        herald: Herald,
        sources: Mapping[str, Source],
        destinations: Iterable[str],
        jump: int,
    ) -> None:
        """
        Tell of *sources* to *destinations*; of what goes elsewhere nobody is told.

        Args:
            jump: So many events of one kind within an hour, and far more than usual, are taken
                for a mistake: what they would start is halted until a human has looked.
        """
        self._configuration = configuration
        self._book = book
        self._router = router
        self._references = references
        self._herald = herald
        self._sources = sources
        self._destinations = frozenset(destinations)
        self._jump = jump
        #: The streams that must have been read past an event before it is told.
        self.waited_for = [each for each in configuration.streams if each not in NOT_WAITED_FOR]

    @property
    def deletions(self) -> DeletionsConfig:
        """What follows of deletions besides what is told of them."""
        return self._configuration.deletions

    def tell_due(self, *sources: str) -> int:
        """
        Tell what may be told by now, of all sources or of those that are named; return how many events.

        What cannot be told now is held on, and keeps nothing else from being done.

        Raises:
            DatabaseAwayError: Our own database is away.
        """
        told = 0
        for source in sources or self._sources:
            try:
                told += self.tell(source)
            except DatabaseAwayError:
                raise
            except SyncError as error:
                log.warning("telling_failed", source=source, cause=error.cause, error=str(error))
        return told + self._book.remind()

    def tell(self, source: str) -> int:
        """
        Tell what may be told by now of *source*, a page at most; return how many events.

        Raises:
            SyncError: What rules ask for cannot be fetched; the events are held on.
        """
        if not self._book.has_held():
            return 0
        held = self._book.read_held(source, self.waited_for)
        if not held:
            return 0
        skipped = {each.number: why for each in held if (why := self.why_nobody(each))}
        quiet = self._references.settle(source, partial(self._quiet, held))
        held = tuple(_as_past(each) if each.number in quiet else each for each in held)
        telling = [each for each in held if each.number not in skipped]
        tellings = self._references.settle(source, partial(self._tellings, telling))
        self._halt_jumps(held, tellings)
        told = self._book.tell(source, held, tellings, skipped, quiet=quiet)
        log.info(
            "events_told", source=source, told=told, kinds=dict(Counter(str(e.event.kind) for e in held))
        )
        return told

    def _quiet(self, held: Sequence[Held], lookup: Lookup) -> frozenset[int]:
        """Return the events, by number, that start nothing because the file says that their orders are of the past."""
        return frozenset(
            each.number for each in held if is_declared_past(self._configuration, happening_of(each), lookup)
        )

    def _tellings(self, held: Sequence[Held], lookup: Lookup) -> list[Telling]:
        return [telling for each in held for telling in self._of(each, lookup)]

    def _of(self, held: Held, lookup: Lookup) -> Iterator[Telling]:
        happening, body = happening_of(held), held.body or {}
        for destination in sorted(self._destinations & set(held.destinations)):
            route = self._router.route_at(
                destination, held.source, body, lookup,
                is_customer=held.event.stream == Stream.CUSTOMERS, customer=held.customer,
            )  # fmt: skip
            rules = rules_for(self._configuration, happening, route, lookup)
            spans = [tag.days for rule in rules for tag in rule.tags if tag.days is not None]
            telling = Telling(
                number=held.number,
                destination=destination,
                facts=tuple(facts_of(held, rules)),
                has_states=any(rule.tags or rule.fields for rule in rules),
                is_past=held.event.is_historical,
                until=tuple(held.event.happened_at + timedelta(days=days) for days in spans),
            )
            if telling.facts or telling.has_states:
                yield telling

    def why_nobody(self, held: Held) -> str:
        """
        Return why an event concerns nobody; empty where it concerns somebody.

        That a cart was deleted no stream tells, so it is asked for before it counts as abandoned.
        """
        if held.body is None:
            return "gone"
        if not held.is_anybodys:
            return "no_address"
        if not held.destinations:
            return "no_route"
        is_cart = held.event.kind is EventKind.CART_ABANDONED and not held.event.is_historical
        return "gone" if is_cart and self._is_cart_gone(held) else ""

    def _is_cart_gone(self, held: Held) -> bool:
        """Whether a cart is known to be deleted; one that cannot be asked for is taken to be there."""
        try:
            return self._sources[held.source].is_gone(Stream.CARTS, held.event.id)
        except DatabaseAwayError:
            raise
        except SyncError as error:
            log.warning("cart_not_shown", source=held.source, cart=held.event.id, cause=error.cause)
            return False

    def _halt_jumps(self, held: Sequence[Held], tellings: Sequence[Telling]) -> None:
        """Halt what would be started far more often than it can have happened."""
        kinds = Counter(each.event.kind for each in held if not each.event.is_historical)
        for kind, pace in self._book.paces(kinds).items():
            most = max(self._jump, UNUSUAL * pace.busiest)
            if kinds[kind] + pace.told > most:
                triggers = _triggers(tellings, kind)
                reason = f"more than {most} events {kind} within an hour"
                if triggers and self._book.halt(triggers, reason=reason):
                    log.error("trigger_halted", trigger=str(kind), reason=reason)
                    self._herald.tell_halt(f"events {kind}", "jump")


def happening_of(held: Held) -> Happening:
    """Return an event with the records that it is told by."""
    return Happening(event=held.event, source=held.source, body=held.body or {}, customer=held.customer)


def _as_past(held: Held) -> Held:
    return replace(held, event=replace(held.event, is_historical=True))


def facts_of(held: Held, rules: Sequence[EventRule]) -> Iterator[Fact]:
    """Give what an event causes by *rules*, each once; nothing of one that is historical."""
    event = held.event
    if event.is_historical:
        return
    if tracking_of(rules) is not None:
        yield Fact(event.kind, Action.TRACKING, event.key)
    if automation_of(rules) is not None:
        yield Fact(event.kind, Action.AUTOMATION, event.key)
    if event.kind is EventKind.CART_ABANDONED and ecommerce_of(rules) is not None:
        yield Fact(event.kind, Action.CART, event.key)


def _triggers(tellings: Sequence[Telling], kind: EventKind) -> list[tuple[str, str]]:
    return [(each.destination, fact.trigger) for each in tellings for fact in each.facts if fact.kind is kind]
