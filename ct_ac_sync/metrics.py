"""
Metrics: what ``/metrics`` of Flower and ``ct-ac-sync metrics`` show, read from Postgres.

One collector asks one statement, at most every few seconds, in a thread of its own, so
that a database that is away never holds up who asks: ``ct_ac_sync_up`` says so instead.
What each means, and what to do when it moves, stands in docs/observability.md.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from prometheus_client import REGISTRY as DEFAULT_PAGE
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ct_ac_sync.store.database import Database
from ct_ac_sync.store.tallies import Sample, Tallies

PREFIX = "ct_ac_sync_"
#: How long what was read is shown again; several who scrape cost as much as one.
KEEP_SECONDS = 4.0
#: Whoever asks waits no longer than this for the database.
WAIT_SECONDS = 3.5


class Kind(StrEnum):
    """A gauge goes up and down; a counter only up."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured: the name without prefix and ``_total``, its labels, and what it says."""

    name: str
    says: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE

    @property
    def shown(self) -> str:
        """Its name on the page."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"

    def family(self) -> GaugeMetricFamily | CounterMetricFamily:
        """Return it without any value."""
        make = CounterMetricFamily if self.kind is Kind.COUNTER else GaugeMetricFamily
        return make(PREFIX + self.name, self.says, labels=self.labels)


_STREAM, _DESTINATION = ("source", "stream"), ("destination",)
_BUCKET, _LANE = ("destination", "bucket"), ("destination", "lane")
_SOURCE = ("source",)
_COUNTER = Kind.COUNTER

UP = Measure("up", "Whether Postgres could be read: all others are missing where it is 0.")
READ = Measure("read_seconds", "How long reading all of this took.")
FAILURE = Measure("read_failure", "1, and the error by name, where Postgres could not be read.", ("error",))

#: What the statement returns, by name.
MEASURES: tuple[Measure, ...] = (
    Measure("stream_freshness_seconds", "Age of the watermark: how far behind the source.", _STREAM),
    Measure("stream_sweep_age_seconds", "Since the last completed sweep.", _STREAM),
    Measure("stream_sweeps", "Sweeps completed.", _STREAM, _COUNTER),
    Measure("stream_halted", "1 while a human has to resume the stream.", _STREAM),
    Measure("destination_halted", "1 while a human has to resume the destination.", _DESTINATION),
    Measure("layout_drifts", "Fields that go by another name there than we made them by.", _DESTINATION),
    Measure("budget_interval_seconds", "Time between two calls, as slowed down as it is now.", _BUCKET),
    Measure("budget_base_interval_seconds", "Time between two calls at full speed.", _BUCKET),
    Measure("budget_blocked_seconds", "For how long from now no call leaves.", _BUCKET),
    Measure("budget_failures", "Transport and server failures in a row.", _BUCKET),
    Measure("budget_breaker_trips", "How often in a row the breaker opened.", _BUCKET),
    Measure("recipients_due", "Recipients due and held by nobody, counted to 50 000.", _LANE),
    Measure("recipients_due_oldest_seconds", "How long the longest has been due.", _LANE),
    Measure("recipients_leased", "Recipients a worker holds now.", _DESTINATION),
    Measure("recipients_awaiting", "Recipients whose import is not known to be applied.", _DESTINATION),
    Measure("entries_open", "Open entries of the 50 000 most urgent recipients.", ("destination", "operation")),
    Measure("awaiting_oldest_seconds", "Age of the oldest import that is not known to be applied.", _DESTINATION),
    Measure("awaiting_overdue", "Imports past their deadline.", _DESTINATION),
    Measure("intents_stale", "Intents without an end that are older than a lease.", _DESTINATION),
    Measure("pending_moves", "Records that wait to become another person's."),
    Measure("pending_moves_oldest_seconds", "How long the longest has waited."),
    Measure("dead_letters", "Open dead letters, by the 49 most frequent causes and other.", ("cause",)),
    Measure("dead_letters_oldest_seconds", "Age of the oldest open dead letter."),
    Measure("parked", "Triggers that wait for a human's verdict.", _DESTINATION),
    Measure("parked_oldest_seconds", "How long the longest has waited.", _DESTINATION),
    Measure("triggers_halted", "Kinds of triggers that start nothing until a human resumes them.", _DESTINATION),
    Measure("events_held", "Events that happened and are not told yet, counted to 50 000.", _SOURCE),
    Measure("events_held_oldest_seconds", "How long the longest has been held.", _SOURCE),
    Measure("outcomes", "Outcomes written to the ledger.", ("destination", "operation", "outcome"), _COUNTER),
    Measure("attempts", "State-changing calls intended.", ("destination", "kind"), _COUNTER),
    Measure("members", "Entries that those calls carried.", ("destination", "kind"), _COUNTER),
    Measure("calls_saved", "Calls saved by batching: members less attempts.", ("destination", "kind"), _COUNTER),
    Measure("calls", "Calls to the destination, reads too.", ("destination", "operation", "status"), _COUNTER),
    Measure("source_calls", "Calls to the source.", ("source", "operation", "status"), _COUNTER),
    Measure("ledger_months_ahead", "Months after this one that have a partition.", ("ledger",)),
    Measure("dispatch_age_seconds", "Since any worker last dispatched."),
    Measure("retention_age_seconds", "Since old months were last looked for."),
)  # fmt: skip

#: Everything there is on the page.
ALL: tuple[Measure, ...] = (UP, READ, FAILURE, *MEASURES)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at Postgres gave: samples, or the error's name where it could not be read."""

    seconds: float
    samples: Sequence[Sample] = ()
    failure: str | None = None

    @property
    def told(self) -> Iterator[Sample]:
        """All samples, and how the reading went."""
        yield Sample(UP.name, (), float(self.failure is None))
        yield Sample(READ.name, (), self.seconds)
        if self.failure is not None:
            yield Sample(FAILURE.name, (self.failure,), 1.0)
        yield from self.samples


class MetricsCollector:
    """Reads all metrics when asked; never raises, and never waits long."""

    def __init__(self, tallies: Tallies, *, lease: timedelta) -> None:
        self._tallies = tallies
        self._lease = lease
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._under_way: Future[Reading] | None = None
        self._asked_at = 0.0

    def describe(self) -> Iterator[Metric]:
        """Give the names, so that none is registered twice, without asking Postgres."""
        yield from (measure.family() for measure in ALL)

    def collect(self) -> Iterator[Metric]:
        """Give everything that is measured."""
        yield from families(self.read())

    def read(self) -> Reading:
        """Return what was read just now or a few seconds ago."""
        with self._lock:
            is_old = time.monotonic() - self._asked_at >= KEEP_SECONDS
            if self._under_way is None or (is_old and self._under_way.done()):
                self._executor = self._executor or ThreadPoolExecutor(1, "metrics")
                self._under_way = self._executor.submit(self._ask)
                self._asked_at = time.monotonic()
            under_way = self._under_way
        try:
            return under_way.result(WAIT_SECONDS)
        except TimeoutError:
            return Reading(WAIT_SECONDS, failure="TimeoutError")

    def _ask(self) -> Reading:
        begun = time.monotonic()
        try:
            samples = self._tallies.read(lease=self._lease)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must come and name it
            return Reading(time.monotonic() - begun, failure=type(error).__name__)
        return Reading(time.monotonic() - begun, samples)


def families(reading: Reading) -> Iterator[Metric]:
    """Give *reading* as metrics, each with its help, but only those that have a value."""
    told: dict[str, list[Sample]] = {}
    for sample in reading.told:
        told.setdefault(sample.metric, []).append(sample)
    for measure in ALL:
        if measure.name in told:
            family = measure.family()
            for sample in told[measure.name]:
                family.add_metric(sample.labels, sample.value)
            yield family


def render(collector: MetricsCollector, *, only: Sequence[Measure] = ALL) -> str:
    """Return the page's text, with *only* some of its metrics."""
    page = CollectorRegistry()
    page.register(collector)
    return generate_latest(page.restricted_registry([each.shown for each in only])).decode()


def register(database_url: str, *, lease: timedelta) -> None:
    """
    Show our metrics wherever this process shows the default ones.

    They have a connection of their own, which is opened when they are first asked for.
    """
    tallies = Tallies(Database(database_url, max_size=1))
    DEFAULT_PAGE.register(MetricsCollector(tallies, lease=lease))
