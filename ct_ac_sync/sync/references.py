"""
What records refer to is found while they are mapped: in the cache, else at the source.

Mapping is pure and asks a lookup.  So it is done with what is known, what it asked for in
vain is found, and it is done again: references lead to references, as a product does to
its categories and these to their ancestors.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias, TypeVar

from ct_ac_sync.errors import ConfigurationError, Recovery, SyncError, TransientError
from ct_ac_sync.ports import Json, Source
from ct_ac_sync.store.references import Known, Reference, ReferenceCache

Item = TypeVar("Item")
T = TypeVar("T")

#: How long what was fetched is taken for what the source would show.
FRESH = timedelta(hours=1)
#: Kinds that are asked for each time: a refund must count at once.
ALWAYS_ASKED = frozenset({"payment"})
#: Kinds without which a record goes to the wrong place, or with wrong values; others describe.
MATTERING = frozenset({"channel", "customer-group", "payment", "state", "store", "type"})
#: Errors that come of the source itself, whatever it is asked for.
AWAY = (Recovery.RETRY, Recovery.SNOOZE)
#: What may be asked for at all; anything else is nobody's id, nor key.
ASKABLE = re.compile(r"[-\w]{1,256}", re.ASCII)
#: How often mapping may ask for more: order, product, category, ancestors, and some to spare.
ROUNDS = 8
#: How many of a kind are asked for before they are kept, so that a long work is not lost.
CHUNK = 100


class ReferencesAwayError(TransientError):
    """The source does not show what matters, and it was never seen; no fault of any destination."""


class RecordingLookup:
    """
    Answers from what is known, and notes what was asked for and is not.

    Attributes:
        missing: What was asked for and is not known.
        lacking: What the source would not show, and was never seen: no proof that it is gone.
    """

    def __init__(self, known: Known, *, lacking: Iterable[Reference] = ()) -> None:
        self._known = known
        self.missing: set[Reference] = set()
        self.lacking = frozenset(lacking)

    def get(self, kind: str, id_: str, /) -> Json | None:
        """Return what is known of it; None where it is gone, or not known (yet)."""
        if (kind, id_) not in self._known and ASKABLE.fullmatch(kind) and ASKABLE.fullmatch(id_):
            self.missing.add((kind, id_))
        return self._known.get((kind, id_))


#: Gives the lookup of a source, by its name.
LookupOf: TypeAlias = Callable[[str], RecordingLookup]


class _Finds:
    """What was found at one source for one batch so far."""

    def __init__(self) -> None:
        self.known: dict[Reference, Json | None] = {}
        self.lacking: set[Reference] = set()
        self.faults: dict[str, SyncError] = {}

    def fault_of(self, kind: str) -> SyncError | None:
        """Return why a kind cannot be fetched: a source that is away is not waited for twice."""
        faults = (e for each, e in self.faults.items() if each == kind or e.recovery in AWAY)
        return next(faults, None)


class _Lookups:
    """The lookups of one call of what maps an item."""

    def __init__(self, finds: Mapping[str, _Finds]) -> None:
        self._finds = finds
        self._by_source: dict[str, RecordingLookup] = {}

    def of(self, source: str) -> RecordingLookup:
        """Return the lookup of a source, the same each time."""
        if source not in self._by_source:
            finds = self._finds[source]
            self._by_source[source] = RecordingLookup(finds.known, lacking=finds.lacking)
        return self._by_source[source]

    @property
    def missing(self) -> Mapping[str, Collection[Reference]]:
        """What was asked for and is not known, by source."""
        return {name: each.missing for name, each in self._by_source.items() if each.missing}


def _together(
    missing: Iterable[Mapping[str, Collection[Reference]]],
) -> Iterable[tuple[str, Collection[Reference]]]:
    """Return what is missing to any, by source."""
    found: dict[str, set[Reference]] = defaultdict(set)
    for each in missing:
        for source, wanted in each.items():
            found[source].update(wanted)
    return found.items()


class References:
    """
    Finds what records refer to.

    Args:
        sources: By the name that the tables know each by.
        fresh: How long what was fetched is good for, on the database's clock.
    """

    def __init__(
        self, *, sources: Mapping[str, Source], cache: ReferenceCache, fresh: timedelta = FRESH
    ) -> None:
        self._sources = sources
        self._cache = cache
        self._fresh = fresh

    def settle(self, source: str, map_: Callable[[RecordingLookup], T]) -> T:
        """Return what *map_* makes of records of one source; see `settle_each`."""
        (found,) = self.settle_each([source], lambda name, lookup_of: map_(lookup_of(name)))
        return found

    def settle_each(self, items: Sequence[Item], map_: Callable[[Item, LookupOf], T]) -> list[T]:
        """
        Return what *map_* makes of each item, with all that it asks the lookups of sources for.

        What it asked for in vain is found for all items together, and then those that asked are
        mapped again, a few times at most; so it must have no effect.  What is gone is None, and
        so is what only describes and cannot be fetched.

        Raises:
            ReferencesAwayError: What matters cannot be fetched, and was never seen.
        """
        finds: dict[str, _Finds] = defaultdict(_Finds)
        mapped: dict[int, T] = {}
        asking = dict(enumerate(items))
        for _ in range(ROUNDS):
            lookups = {place: _Lookups(finds) for place in asking}
            mapped |= {place: map_(item, lookups[place].of) for place, item in asking.items()}
            asking = {place: item for place, item in asking.items() if lookups[place].missing}
            if not asking:
                break
            for source, wanted in _together(each.missing for each in lookups.values()):
                self._find(source, wanted, finds[source])
        mapped |= {place: map_(item, _Lookups(finds).of) for place, item in asking.items()}
        return [mapped[place] for place in range(len(items))]

    def _find(self, source: str, wanted: Collection[Reference], finds: _Finds) -> None:
        cached = [each for each in wanted if each[0] not in ALWAYS_ASKED]
        finds.known |= self._cache.read(source, cached, fresh=self._fresh)
        unknown: dict[str, list[str]] = defaultdict(list)
        for kind, id_ in sorted(wanted):
            if (kind, id_) not in finds.known:
                unknown[kind].append(id_)
        for kind, ids in unknown.items():
            for start in range(0, len(ids), CHUNK):
                self._fetch(source, kind, ids[start : start + CHUNK], finds)

    def _fetch(self, source: str, kind: str, ids: list[str], finds: _Finds) -> None:
        if (fault := finds.fault_of(kind)) is None:
            try:
                bodies = self._source(source).fetch_references(kind, ids)
            except SyncError as error:
                fault = finds.faults[kind] = error
            else:
                finds.known |= self._cache.write(source, {(kind, id_): bodies.get(id_) for id_ in ids})
                return
        self._recall(source, [(kind, id_) for id_ in ids], finds, fault)

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            raise ConfigurationError(f"no source {name} is configured any more", cause="unknown source")
        return self._sources[name]

    def _recall(self, source: str, wanted: list[Reference], finds: _Finds, error: SyncError) -> None:
        """Take what was fetched once, where the source failed; what never was is lacking."""
        finds.known |= self._cache.read_stale(source, wanted)
        lacking = [each for each in wanted if each not in finds.known]
        if any(kind in MATTERING for kind, _ in lacking):
            raise ReferencesAwayError(str(error), cause=error.cause) from error
        finds.known |= dict.fromkeys(lacking)
        finds.lacking |= set(lacking)
