"""Lookups that are asked no more than conditions need: most routes ask for no reference at all."""

from collections.abc import Iterable, Mapping
from typing import Any

from ct_ac_sync.configuration.values import Condition
from ct_ac_sync.mapping.evaluate import Lookup


class Narrow:
    """Answers for some kinds only; of any other it knows nothing, and asks nobody."""

    def __init__(self, lookup: Lookup, kinds: frozenset[str]) -> None:
        self._lookup = lookup
        self._kinds = kinds

    def get(self, kind: str, id_: str, /) -> Mapping[str, Any] | None:
        """Return a resource of one of the kinds."""
        return self._lookup.get(kind, id_) if kind in self._kinds else None


def narrowed(lookup: Lookup, conditions: Iterable[Condition]) -> Lookup:
    """
    Return *lookup* for what *conditions* ask: keys of groups and of channels, channels of stores.

    Keys of stores stand in the records themselves.
    """
    kinds: set[str] = set()
    for condition in conditions:
        kinds |= {"customer-group"} if condition.group else set()
        kinds |= {"store", "channel"} if condition.channel else set()
    return Narrow(lookup, frozenset(kinds))
