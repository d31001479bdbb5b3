"""The composition root: settings become a container of use cases, wired once a process."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from ct_ac_sync.clients.activecampaign.destination import ActiveCampaignDestination
from ct_ac_sync.clients.activecampaign.tracking import EventHost
from ct_ac_sync.clients.commercetools.source import CommercetoolsSource
from ct_ac_sync.domain.choice import BatchSizes
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.mapping.profile import needs_consent, needs_orders
from ct_ac_sync.mapping.rules import event_kinds
from ct_ac_sync.ports import Clock, Destination, Doorbell, FieldWanted, Herald, Lane, Letter, Source, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record
from ct_ac_sync.settings import DestinationAccess, Settings, SourceAccess
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.consent_book import ConsentBook
from ct_ac_sync.store.consent_noticing import ConsentNoticing
from ct_ac_sync.store.consent_views import ConsentViews
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.desk import Desk
from ct_ac_sync.store.event_book import EventBook
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.noticing import Noticing
from ct_ac_sync.store.references import ReferenceCache
from ct_ac_sync.store.retention import Retention
from ct_ac_sync.store.scribe import DeliveryTimes
from ct_ac_sync.store.streams import Streams
from ct_ac_sync.store.tag_book import TagBook
from ct_ac_sync.store.tallies import Calls, Tallies
from ct_ac_sync.store.views import Views
from ct_ac_sync.sync.account import Account
from ct_ac_sync.sync.consent_watch import ConsentWatch
from ct_ac_sync.sync.consents import Consents
from ct_ac_sync.sync.courier import Courier, CourierSettings
from ct_ac_sync.sync.deliver import Deliver
from ct_ac_sync.sync.desired import DesiredState
from ct_ac_sync.sync.dispatch import Dispatch, LetterLists, NoLetterLists
from ct_ac_sync.sync.exclusions import Exclusions
from ct_ac_sync.sync.extract import Extract, ExtractSettings
from ct_ac_sync.sync.facts import Facts
from ct_ac_sync.sync.foresight import Foresight
from ct_ac_sync.sync.hearing import Hearing
from ct_ac_sync.sync.outcomes import Outcomes
from ct_ac_sync.sync.pacing import Pacing
from ct_ac_sync.sync.planner import Planner, PlannerSettings
from ct_ac_sync.sync.preview import Preview
from ct_ac_sync.sync.provision import Provision
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.remap import Remap
from ct_ac_sync.sync.replay import Replay
from ct_ac_sync.sync.router import Router
from ct_ac_sync.sync.settle import Settle
from ct_ac_sync.sync.tagger import Tagger
from ct_ac_sync.sync.teller import Teller
from ct_ac_sync.sync.write_back import WritesBack

#: How many seconds' worth of calls are rung at most; the rest waits in Postgres.
WINDOW_SECONDS = 5
#: How long a task waits for a slot rather than giving it up.
PATIENCE = timedelta(seconds=2)
#: Imports may be asked for 100 times a minute (vendor documentation, Bulk import).
IMPORT_INTERVAL = timedelta(seconds=0.65)


class WallClock:
    """The clock of this machine, for waiting and measuring only."""

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        if duration > timedelta():
            time.sleep(duration.total_seconds())

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()


class NoDoorbell:
    """A doorbell that nobody hears: workers find what is due at their next tick."""

    def ring(self, recipients: Sequence[tuple[int, Lane]]) -> Sequence[int]:
        """Return all: none was rung."""
        return [recipient for recipient, _ in recipients]

    def ring_stream(self, source: str, stream: Stream) -> None:
        """Do nothing."""


class OwnDoorbell:
    """A doorbell that is heard in its own process: for work without workers and broker."""

    def __init__(self) -> None:
        self._rung: deque[int] = deque()

    def ring(self, recipients: Sequence[tuple[int, Lane]]) -> Sequence[int]:
        """Note who may be due."""
        self._rung += [recipient for recipient, _ in recipients]
        return ()

    def ring_stream(self, source: str, stream: Stream) -> None:
        """Do nothing: whoever reads in its own process goes on by itself."""

    def answer(self) -> Iterator[int]:
        """Give who was rung, once each, those rung meanwhile included."""
        while self._rung:
            yield self._rung.popleft()


class SilentHerald:
    """Tells nobody: what there is to tell stands in the database and in the log all the same."""

    def tell_letter(self, letter: Letter) -> None:
        """Do nothing."""

    def tell_halt(self, what: str, cause: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """
    Everything a process needs, wired.

    Attributes:
        extracts: By source.
        accounts: By destination.
    """

    settings: Settings
    database: Database
    streams: Streams
    deliveries: Deliveries
    tallies: Tallies
    desk: Desk
    events: EventBook
    teller: Teller
    views: Views
    consent: ConsentViews
    extracts: Mapping[str, Extract]
    accounts: Mapping[str, Account]
    watches: Mapping[str, ConsentWatch]
    dispatch: Dispatch
    deliver: Deliver
    settle: Settle
    replay: Replay
    preview: Preview
    remap: Remap

    def close(self) -> None:
        """Write down what was counted, and close what was opened."""
        self.tallies.write()
        self.database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    The adapters a container is wired from; tests replace some.

    Attributes:
        sources: By project.
        destinations, budgets, pacings: By name.
    """

    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    budgets: Mapping[str, Budget]
    pacings: Mapping[str, Pacing]
    doorbell: Doorbell
    clock: Clock
    streams: Streams
    intake: Intake
    deliveries: Deliveries
    tallies: Tallies
    database: Database
    letters: LetterLists = field(default_factory=NoLetterLists)
    herald: Herald = field(default_factory=SilentHerald)


def uncounted(operation: str, status: str) -> None:
    """Count nothing: for a look at the other side that is no part of the work."""


def build_source(
    access: SourceAccess,
    *,
    call: timedelta,
    containers: Iterable[str] = (),
    note: Callable[[str, str], None] = uncounted,
) -> CommercetoolsSource:
    """Return the project, of whose custom objects *containers* are read; *note* is told operation and status of each call."""
    return CommercetoolsSource(
        project=access.project, api_url=access.api_url, auth_url=access.auth_url,
        client_id=access.client_id, client_secret=access.client_secret, scopes=access.scopes,
        containers=tuple(containers), timeout_seconds=call.total_seconds(), note=note,
    )  # fmt: skip


def build_destination(
    access: DestinationAccess,
    *,
    connection: str,
    call: timedelta,
    pace: Callable[[], None],
    note: Callable[[str, str], None] = uncounted,
) -> ActiveCampaignDestination:
    """Return the account; *pace* is called before each read, *note* after each call."""
    return ActiveCampaignDestination(
        api_url=access.api_url, token=access.token, connection=connection,
        timeout_seconds=call.total_seconds(), pace=pace, note=note, events=_event_host(access),
    )  # fmt: skip


def _event_host(access: DestinationAccess) -> EventHost | None:
    host = access.events
    return EventHost(url=host.url, actid=host.actid, key=host.key) if host else None


def build_parts(
    settings: Settings,
    *,
    doorbell: Doorbell | None = None,
    clock: Clock | None = None,
    letters: LetterLists | None = None,
    herald: Herald | None = None,
) -> Parts:
    """Return the real adapters."""
    clock = clock or WallClock()
    database = Database(settings.database_url)
    herald = herald or SilentHerald()
    tallies = Tallies(database)
    config = settings.configuration.hash
    times = DeliveryTimes(
        call=settings.call,
        lease=settings.lease,
        rung=settings.rung,
        awaiting_deadline=settings.awaiting_deadline,
        readbacks=settings.readbacks,
    )
    names = [access.name for access in settings.destinations]
    budgets = {name: Budget(database, destination=name, breaker=settings.breaker) for name in names}
    pacings = {
        name: Pacing(budget=budget, clock=clock, patience=PATIENCE, herald=herald)
        for name, budget in budgets.items()
    }
    return Parts(
        sources={
            access.project: build_source(
                access, call=settings.call, containers=settings.configuration.containers,
                note=tallies.noter(Calls.SOURCE, access.project),
            )
            for access in settings.sources
        },
        destinations={
            access.name: build_destination(
                access, connection=settings.configuration.connections_at(access.name)[0], call=settings.call,
                pace=pacings[access.name].pace, note=tallies.noter(Calls.DESTINATION, access.name),
            )
            for access in settings.destinations
        },
        budgets=budgets,
        pacings=pacings,
        doorbell=doorbell or NoDoorbell(),
        clock=clock,
        streams=Streams(database, lease=settings.lease),
        intake=Intake(
            database, destinations=names, config=config, lease=settings.lease,
            noticing=_noticing(settings), consent=ConsentNoticing(
                settings.configuration.consent, overlap=settings.overlap, config=config,
                clients={access.project: access.client_id for access in settings.sources},
            ), is_derived=needs_orders(settings.configuration) or needs_consent(settings.configuration),
            has_tags=settings.configuration.has_tags,
        ),
        deliveries=Deliveries(
            database, destinations=names, times=times, config=config, max_crashes=settings.max_crashes,
        ),
        tallies=tallies,
        database=database,
        letters=letters or NoLetterLists(),
        herald=herald,
    )  # fmt: skip


def _noticing(settings: Settings) -> Noticing:
    configuration = settings.configuration
    return Noticing(
        parse=parse_record, is_on=bool(configuration.events), idle_of=configuration.idle_of,
        kept=frozenset(event_kinds(configuration)),
    )  # fmt: skip


def wire(settings: Settings, parts: Parts) -> Container:
    """Return the use cases over *parts*, with the destinations' rows in place."""
    shortest = min(access.interval for access in settings.destinations)
    window = max(4, round(WINDOW_SECONDS / shortest.total_seconds()))
    sizes = BatchSizes()
    desk = Desk(parts.database)
    router = Router(settings.configuration)
    references = References(sources=parts.sources, cache=ReferenceCache(parts.database))
    events = EventBook(
        parts.database, config=settings.configuration.hash, has_tags=settings.configuration.has_tags
    )
    teller = Teller(
        configuration=settings.configuration, book=events, router=router, references=references,
        herald=parts.herald, sources=parts.sources, jump=settings.jump,
        destinations=[access.name for access in settings.destinations],
    )  # fmt: skip
    dispatch = Dispatch(
        deliveries=parts.deliveries, streams=parts.streams, intake=parts.intake,
        tallies=parts.tallies, retention=Retention(
            parts.database, months=settings.keep_months, letters=settings.keep_letters
        ),
        doorbell=parts.doorbell, desk=desk, letters=parts.letters, sources=list(parts.sources), window=window,
        imports=sizes.imports_outstanding, teller=teller,
    )  # fmt: skip
    reading = ExtractSettings(
        overlap=settings.overlap,
        wide_overlap=settings.wide_overlap,
        slice=settings.slice,
        start=settings.start,
    )
    extracts = {
        name: Extract(
            name=name, source=source, streams=parts.streams, intake=parts.intake, dispatch=dispatch,
            doorbell=parts.doorbell, clock=parts.clock, herald=parts.herald, router=router,
            references=references, settings=reading, teller=teller,
            containers=settings.configuration.containers,
        )
        for name, source in parts.sources.items()
    }  # fmt: skip
    accounts = {access.name: _account(settings, parts, access) for access in settings.destinations}
    policy = RetryPolicy(base=settings.retry_base, max_attempts=settings.max_attempts)
    dice = random.Random()
    outcomes = Outcomes(policy=policy, dice=dice)
    consent_books = {
        name: ConsentBook(parts.database, destination=name, config=settings.configuration.hash)
        for name in accounts
    }
    desired = {
        name: DesiredState(
            destination=name, configuration=settings.configuration, deliveries=parts.deliveries,
            references=references, router=router, parse=parse_record, book=events,
            consent=consent_books[name],
        )
        for name in accounts
    }  # fmt: skip
    book = TagBook(parts.database)
    exclusions = {
        name: Exclusions(name=name, destination=account.destination, book=consent_books[name])
        for name, account in accounts.items()
    }
    consents = {
        name: Consents(
            name=name, destination=account.destination, configuration=settings.configuration,
            book=consent_books[name], hearing=Hearing(
                name=name, destination=account.destination, configuration=settings.configuration,
                book=consent_books[name], router=router, references=references,
            ), exclusions=exclusions[name], phone_of=desired[name].phone_of,
            triggers=events, herald=parts.herald, jump=settings.consent_jump,
        )
        for name, account in accounts.items()
    }  # fmt: skip
    writes_back = {
        name: WritesBack(
            sources=parts.sources, consents=consents[name], book=consent_books[name],
            deliveries=parts.deliveries, clock=parts.clock, call=settings.call, outcomes=outcomes,
        )
        for name in accounts
    }  # fmt: skip
    facts = {
        name: Facts(
            name=name, destination=account.destination, configuration=settings.configuration,
            book=events, deliveries=parts.deliveries, router=router, references=references,
            parse=parse_record, herald=parts.herald, consents=consents[name],
        )
        for name, account in accounts.items()
    }  # fmt: skip
    taggers = {
        name: Tagger(name=name, destination=account.destination, book=book)
        for name, account in accounts.items()
    }
    planners = {
        name: Planner(
            account=account, tagger=taggers[name], consents=consents[name], deliveries=parts.deliveries,
            desired=desired[name], facts=facts[name], outcomes=outcomes, clock=parts.clock,
            settings=PlannerSettings(
                mapping=settings.soft - settings.call, readbacks=settings.readbacks, sizes=sizes
            ),
        )
        for name, account in accounts.items()
    }  # fmt: skip
    couriers = {
        name: Courier(
            account=account, planner=planners[name], tagger=taggers[name], consents=consents[name],
            writes_back=writes_back[name], facts=facts[name], deliveries=parts.deliveries, outcomes=outcomes,
            clock=parts.clock,
            settings=CourierSettings(
                call=settings.call, imports=sizes.imports_outstanding,
                taken=settings.configuration.profile.email_taken,
            ),
        )
        for name, account in accounts.items()
    }  # fmt: skip
    deliver = Deliver(
        couriers=couriers, deliveries=parts.deliveries, dispatch=dispatch, clock=parts.clock,
        herald=parts.herald, slice_=settings.slice,
    )  # fmt: skip
    watches = {
        name: ConsentWatch(
            name=name, destination=account.destination, book=consent_books[name], exclusions=exclusions[name],
            every=settings.consent_every, is_on=bool(settings.configuration.consented_lists_at(name)),
            writes_back=settings.configuration.writes_back,
        )
        for name, account in accounts.items()
    }  # fmt: skip
    settle = Settle(
        accounts=accounts, watches=watches, deliveries=parts.deliveries, dispatch=dispatch, policy=policy, dice=dice,
        herald=parts.herald, again=min(timedelta(seconds=2), settings.tick),
    )  # fmt: skip
    return Container(
        settings=settings, database=parts.database, streams=parts.streams, deliveries=parts.deliveries,
        tallies=parts.tallies, desk=desk, events=events, teller=teller, views=Views(parts.database),
        consent=ConsentViews(parts.database), extracts=extracts,
        accounts=accounts, watches=watches, dispatch=dispatch, deliver=deliver, settle=settle,
        replay=Replay(desk=desk, extracts=extracts),
        preview=Preview(
            accounts=accounts, desired=desired, book=book, router=router,
            references=references, foresight=Foresight(
                configuration=settings.configuration, book=events, teller=teller, router=router,
                references=references, accounts=accounts, facts=facts, consents=consents,
            ),
        ),
        remap=Remap(
            intake=parts.intake, deliveries=parts.deliveries, book=book, desired=desired,
            sources=tuple(parts.sources), router=router, references=references,
            consents=consents, consent_books=consent_books,
            containers=settings.configuration.containers,
        ),
    )  # fmt: skip


def _account(settings: Settings, parts: Parts, access: DestinationAccess) -> Account:
    """Return the account, with its rows in place."""
    configuration = settings.configuration
    fields = [
        FieldWanted(perstag=rule.perstag, title=rule.title, type=rule.type, options=rule.options)
        for rule in configuration.fields
    ]
    connections = configuration.connections_at(access.name)
    budget, destination = parts.budgets[access.name], parts.destinations[access.name]
    budget.ensure(
        {
            "calls": access.interval,
            "imports": min(IMPORT_INTERVAL, access.interval * 3),
            "events": settings.event_interval,
        }
    )
    return Account(
        name=access.name, destination=destination, budget=budget, pacing=parts.pacings[access.name],
        provision=Provision(
            destination=destination, budget=budget, clock=parts.clock, fields=fields,
            connections=connections, events=configuration.event_names, lease=settings.lease,
        ),
    )  # fmt: skip


def build(
    settings: Settings,
    *,
    doorbell: Doorbell | None = None,
    clock: Clock | None = None,
    letters: LetterLists | None = None,
    herald: Herald | None = None,
) -> Container:
    """Return a container of real adapters."""
    parts = build_parts(settings, doorbell=doorbell, clock=clock, letters=letters, herald=herald)
    return wire(settings, parts)
