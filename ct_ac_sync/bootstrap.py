"""The composition root: settings become a container of use cases, wired once a process."""

import hashlib
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from ct_ac_sync.clients.activecampaign.destination import ActiveCampaignDestination
from ct_ac_sync.clients.commercetools.source import CommercetoolsSource
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.mapping.contact import FIELDS
from ct_ac_sync.ports import Clock, Destination, Doorbell, FieldWanted, Herald, Lane, Letter, Source, Stream
from ct_ac_sync.settings import Settings
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.desk import Desk
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.retention import Retention
from ct_ac_sync.store.scribe import DeliveryTimes
from ct_ac_sync.store.streams import Streams
from ct_ac_sync.store.tallies import Calls, Tallies
from ct_ac_sync.store.views import Views
from ct_ac_sync.sync.deliver import Deliver, DeliverSettings
from ct_ac_sync.sync.desired import DesiredState
from ct_ac_sync.sync.dispatch import Dispatch, LetterLists, NoLetterLists
from ct_ac_sync.sync.extract import Extract, ExtractSettings
from ct_ac_sync.sync.pacing import Pacing
from ct_ac_sync.sync.provision import Provision
from ct_ac_sync.sync.replay import Replay
from ct_ac_sync.sync.settle import Settle

#: How many seconds' worth of calls are rung at most; the rest waits in Postgres.
WINDOW_SECONDS = 5
#: How long a task waits for a slot rather than giving it up.
PATIENCE = timedelta(seconds=2)
#: Imports may be asked for 100 times a minute (vendor documentation, Bulk import).
IMPORT_INTERVAL = timedelta(seconds=0.65)

MAPPED_FIELDS = tuple(FieldWanted(perstag=tag, title=title) for tag, title in FIELDS)


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
    """Everything a process needs, wired."""

    settings: Settings
    database: Database
    source: Source
    destination: Destination
    streams: Streams
    deliveries: Deliveries
    budget: Budget
    tallies: Tallies
    desk: Desk
    views: Views
    extract: Extract
    dispatch: Dispatch
    deliver: Deliver
    settle: Settle
    provision: Provision
    replay: Replay

    def close(self) -> None:
        """Write down what was counted, and close what was opened."""
        self.tallies.write()
        self.database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The adapters a container is wired from; tests replace some."""

    source: Source
    destination: Destination
    doorbell: Doorbell
    clock: Clock
    streams: Streams
    intake: Intake
    deliveries: Deliveries
    budget: Budget
    pacing: Pacing
    tallies: Tallies
    database: Database
    letters: LetterLists = field(default_factory=NoLetterLists)
    herald: Herald = field(default_factory=SilentHerald)


def config_hash(settings: Settings) -> str:
    """Return a digest of what decides how records are mapped and where they go."""
    facts = (settings.project_key, settings.destination, FIELDS)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def uncounted(operation: str, status: str) -> None:
    """Count nothing: for a look at the other side that is no part of the work."""


def build_source(settings: Settings, *, note: Callable[[str, str], None] = uncounted) -> CommercetoolsSource:
    """Return the project the settings name; *note* is told operation and status of each call."""
    return CommercetoolsSource(
        project=settings.project_key, api_url=settings.api_url, auth_url=settings.auth_url,
        client_id=settings.client_id, client_secret=settings.client_secret, scopes=settings.scopes,
        timeout_seconds=settings.call.total_seconds(), note=note,
    )  # fmt: skip


def build_destination(
    settings: Settings, *, pace: Callable[[], None], note: Callable[[str, str], None] = uncounted
) -> ActiveCampaignDestination:
    """Return the account the settings name; *pace* is called before each read, *note* after each call."""
    return ActiveCampaignDestination(
        api_url=settings.ac_api_url, token=settings.ac_api_token, connection=settings.project_key,
        timeout_seconds=settings.call.total_seconds(), pace=pace, note=note,
    )  # fmt: skip


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
    budget = Budget(database, destination=settings.destination, breaker=settings.breaker)
    herald = herald or SilentHerald()
    pacing = Pacing(budget=budget, clock=clock, patience=PATIENCE, herald=herald)
    tallies = Tallies(database)
    config = config_hash(settings)
    times = DeliveryTimes(
        call=settings.call,
        lease=settings.lease,
        rung=settings.rung,
        awaiting_deadline=settings.awaiting_deadline,
        readbacks=settings.readbacks,
    )
    return Parts(
        source=build_source(settings, note=tallies.noter(Calls.SOURCE, settings.project_key)),
        destination=build_destination(
            settings, pace=pacing.pace, note=tallies.noter(Calls.DESTINATION, settings.destination)
        ),
        doorbell=doorbell or NoDoorbell(),
        clock=clock,
        streams=Streams(database, lease=settings.lease),
        intake=Intake(
            database, destinations=[settings.destination], config=config, lease=settings.lease
        ),
        deliveries=Deliveries(
            database, destinations=[settings.destination], times=times, config=config,
            max_crashes=settings.max_crashes,
        ),
        budget=budget,
        pacing=pacing,
        tallies=tallies,
        database=database,
        letters=letters or NoLetterLists(),
        herald=herald,
    )  # fmt: skip


def wire(settings: Settings, parts: Parts) -> Container:
    """Return the use cases over *parts*, with the destination's rows in place."""
    parts.budget.ensure({"calls": settings.interval, "imports": min(IMPORT_INTERVAL, settings.interval * 3)})
    window = max(4, round(WINDOW_SECONDS / settings.interval.total_seconds()))
    desk = Desk(parts.database)
    dispatch = Dispatch(
        deliveries=parts.deliveries, streams=parts.streams, intake=parts.intake,
        tallies=parts.tallies, retention=Retention(
            parts.database, months=settings.keep_months, letters=settings.keep_letters
        ),
        doorbell=parts.doorbell, desk=desk, letters=parts.letters, source=settings.project_key, window=window,
    )  # fmt: skip
    extract = Extract(
        name=settings.project_key, source=parts.source, streams=parts.streams, intake=parts.intake,
        dispatch=dispatch, doorbell=parts.doorbell, clock=parts.clock, herald=parts.herald,
        settings=ExtractSettings(
            overlap=settings.overlap, wide_overlap=settings.wide_overlap, slice=settings.slice,
            start=settings.start,
        ),
    )  # fmt: skip
    provision = Provision(
        destination=parts.destination, budget=parts.budget, clock=parts.clock, fields=MAPPED_FIELDS
    )
    policy = RetryPolicy(base=settings.retry_base, max_attempts=settings.max_attempts)
    dice = random.Random()
    deliver = Deliver(
        deliveries=parts.deliveries, destination=parts.destination,
        desired=DesiredState(deliveries=parts.deliveries, parse=parts.source.parse),
        provision=provision, dispatch=dispatch, pacing=parts.pacing, clock=parts.clock, dice=dice,
        herald=parts.herald,
        settings=DeliverSettings(
            call=settings.call, slice=settings.slice, readbacks=settings.readbacks, policy=policy
        ),
    )  # fmt: skip
    settle = Settle(
        name=settings.destination, deliveries=parts.deliveries, destination=parts.destination,
        dispatch=dispatch, pacing=parts.pacing, policy=policy, dice=dice, herald=parts.herald,
        again=min(timedelta(seconds=2), settings.tick),
    )  # fmt: skip
    return Container(
        settings=settings, database=parts.database, source=parts.source, destination=parts.destination,
        streams=parts.streams, deliveries=parts.deliveries, budget=parts.budget, tallies=parts.tallies,
        desk=desk, views=Views(parts.database), extract=extract, dispatch=dispatch,
        deliver=deliver, settle=settle, provision=provision, replay=Replay(desk=desk, extract=extract),
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
