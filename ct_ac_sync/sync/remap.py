"""
Remap: what is known already is mapped anew, after the configuration has changed.

Every record is wanted again in the lane of the past; what comes out as it was is not sent,
and nothing of it starts an automation.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.mapping.evaluate import Nowhere
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.sync.desired import Desired, DesiredState
from ct_ac_sync.sync.router import Router

#: Records or entries that are looked at together.
PAGE = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What a remap would come to, at each destination.

    Attributes:
        entries: How many of each operation would be sent, are unchanged, held or skipped,
            by (destination, operation, what).
        moved: How many records would go elsewhere than they did.
    """

    entries: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)


class Remap:
    """Maps all that is known once more."""

    def __init__(
        self,
        *,
        intake: Intake,
        deliveries: Deliveries,
        desired: Mapping[str, DesiredState],
        sources: tuple[str, ...],
        router: Router,
    ) -> None:
        """*desired* by destination."""
        self._intake = intake
        self._deliveries = deliveries
        self._desired = desired
        self._sources = sources
        self._router = router

    def compare(self) -> Difference:
        """
        Count what would be sent, and send nothing.

        Raises:
            SyncError: What records refer to cannot be fetched.
        """
        difference = Difference()
        for name, desired in self._desired.items():
            for members in self._pages(name):
                for each in _mapped(desired, members):
                    difference.entries[name, each.member.operation, _what(each)] += 1
        for source, page in self._records():
            for row in page:
                if sorted(row["destinations"]) != sorted(self._places(source, row)):
                    difference.moved[source] += 1
        return difference

    def run(self) -> int:
        """Want all records once more, where they go by now; return how many there are."""
        wanted = 0
        for source, page in self._records():
            rows = [row | {"destinations": self._places(source, row)} for row in page]
            self._intake.want_again(source, rows)
            wanted += len(rows)
        return wanted

    def _places(self, source: str, row: Mapping[str, Any]) -> tuple[str, ...]:
        is_customer = row["stream"] == "customers"
        return self._router.places(source, row["body"], Nowhere(), is_customer=is_customer)

    def _records(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        for source in self._sources:
            after = ("", "")
            while page := self._intake.page_records(source, after=after, limit=PAGE):
                yield source, page
                after = (page[-1]["stream"], page[-1]["id"])

    def _pages(self, destination: str) -> Iterator[tuple[Member, ...]]:
        after = 0
        while members := self._deliveries.page_entries(destination, after=after, limit=PAGE):
            yield members
            after = members[-1].entry


def _mapped(desired: DesiredState, members: tuple[Member, ...]) -> Iterator[Desired]:
    for operation, map_ in (
        ("upsert_contact", desired.contacts), ("sync_tags", desired.tags), ("upsert_order", desired.orders),
    ):  # fmt: skip
        those = [member for member in members if member.operation == operation]
        yield from map_(those) if those else ()


def _what(desired: Desired) -> str:
    if desired.failure is not None:
        return "held"
    if desired.value is None:
        return "skipped"
    return "unchanged" if desired.fingerprint == desired.member.fingerprint else "sent"
