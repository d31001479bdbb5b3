"""
Remap: what is known already is mapped anew, after the configuration has changed.

Every record is wanted again in the lane of the past; what comes out as it was is not sent,
and nothing of it starts an automation.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from ct_ac_sync.configuration.expression import Expression
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.tags import TagSet, changes_of
from ct_ac_sync.mapping.consent import Named, named_in
from ct_ac_sync.mapping.evaluate import Lookup
from ct_ac_sync.store.consent_book import ConsentBook
from ct_ac_sync.store.deliveries import Deliveries, Moved
from ct_ac_sync.store.intake import Intake
from ct_ac_sync.store.tag_book import TagBook
from ct_ac_sync.sync.consents import Consents
from ct_ac_sync.sync.desired import NOT_BEGUN, Desired, DesiredState
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router

#: Records or entries that are looked at together.
PAGE = 200

Row = Mapping[str, Any]
#: Person, operation and object.
_Key: TypeAlias = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What a remap would come to, at each destination.

    Attributes:
        entries: How many of each operation would be sent, are unchanged, held or skipped,
            by (destination, operation, what).
        moved: How many records would go elsewhere than they did, by source.
        memberships: How many would be begun, ended, left or held, by (destination, channel, list,
            action, reason), as far as it is known where people stand.
    """

    entries: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    memberships: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Page:
    """Records of a source, each with where it goes by now."""

    source: str
    rows: Sequence[Row]
    places: Sequence[Sequence[str]]

    def routed(self) -> Iterator[tuple[Row, Sequence[str]]]:
        """Give each record with where it goes."""
        yield from zip(self.rows, self.places, strict=True)


class Remap:
    """Maps all that is known once more."""

    def __init__(
        self,
        *,
        intake: Intake,
        deliveries: Deliveries,
        book: TagBook,
        desired: Mapping[str, DesiredState],
        sources: tuple[str, ...],
        router: Router,
        references: References,
        consents: Mapping[str, Consents],
        consent_books: Mapping[str, ConsentBook],
        containers: Mapping[str, Expression],
    ) -> None:
        """
        Map for all destinations.

        Args:
            desired, consents, consent_books: By destination.
            containers: Of custom objects, with what says whose one is.
        """
        self._consents = consents
        self._consent_books = consent_books
        self._containers = containers
        self._intake = intake
        self._deliveries = deliveries
        self._book = book
        self._desired = desired
        self._sources = sources
        self._router = router
        self._references = references

    def compare(self) -> Difference:
        """
        Count what would be sent, and send nothing.

        Raises:
            SyncError: What records refer to cannot be fetched, or the lists of an account.
        """
        difference = Difference()
        moved = self._moved(difference)
        for name, each in self._desired.items():
            desired = each.as_if(moved)
            for members in chain(self._begun(name), self._beginning(name, has_tags=desired.has_tags)):
                for found in _mapped(desired, members):
                    difference.entries[name, found.member.operation, self._what(found)] += 1
        for name, consents in self._consents.items():
            for recipients in self._asked(name) if consents.is_on else ():
                for list_, verdict in consents.compare(recipients, moved=moved):
                    key = (name, list_.channel, list_.name, str(verdict.action), verdict.reason)
                    difference.memberships[key] += 1
        return difference

    def _asked(self, destination: str) -> Iterator[Mapping[int, int]]:
        """Give all persons with their recipients at a destination, a page at a time."""
        after = 0
        while persons := self._consent_books[destination].page_persons(after=after, limit=PAGE):
            begun = self._deliveries.read_begun(destination, persons)
            yield dict.fromkeys(persons, 0) | {each.person: each.recipient for each in begun}
            after = persons[-1]

    def run(self) -> int:
        """
        Want all records once more, where they go by now; return how many there are.

        Raises:
            SyncError: What routes ask for cannot be fetched; what was wanted by then stays so.
        """
        wanted = 0
        self._hear_again()
        for page in self._pages():
            rows = [{**row, "destinations": places} for row, places in page.routed()]
            self._intake.want_again(page.source, rows)
            wanted += len(rows)
        return wanted

    def _hear_again(self) -> None:
        """Read once more what custom objects say, and whom they name, and what carts say."""
        for source in self._sources if self._containers else ():
            after = ""
            while rows := self._intake.page_objects(source, after=after, limit=PAGE):
                self._intake.hear_again(source, [{**row, **self._named_by(row)} for row in rows])
                after = rows[-1]["id"]
        for source in self._sources:
            after = ""
            while rows := self._intake.page_carts(source, after=after, limit=PAGE):
                self._intake.hear_carts_again(source, rows)
                after = rows[-1]["id"]

    def _named_by(self, row: Row) -> Row:
        person = self._containers.get(str(row["body"].get("container")))
        return (named_in(row["body"], person) if person is not None else Named())._asdict()

    # -- records ----------------------------------------------------------------------

    def _pages(self) -> Iterator[_Page]:
        for source in self._sources:
            after = ("", "")
            while rows := self._intake.page_records(source, after=after, limit=PAGE):
                places = self._references.settle(source, partial(self._places, source, rows))
                yield _Page(source, rows, places)
                after = (rows[-1]["stream"], rows[-1]["id"])

    def _places(self, source: str, rows: Sequence[Row], lookup: Lookup) -> list[tuple[str, ...]]:
        return [
            self._router.places(
                source,
                row["body"],
                lookup,
                is_customer=row["stream"] == "customers",
                customer=row["customer"],
            )
            for row in rows
        ]

    def _moved(self, difference: Difference) -> Moved:
        """Return the records that would go elsewhere than they did, and count them."""
        moved: dict[int, dict[str, Sequence[str]]] = defaultdict(dict)
        for page in self._pages():
            for row, places in page.routed():
                if sorted(row["destinations"]) != sorted(places):
                    difference.moved[page.source] += 1
                    moved[row["person"]][f"{page.source}/{row['stream']}/{row['id']}"] = places
        return moved

    # -- entries ----------------------------------------------------------------------

    def _begun(self, destination: str) -> Iterator[Sequence[Member]]:
        """Give what is or was owed there, a page at a time."""
        after = 0
        while members := self._deliveries.page_entries(destination, after=after, limit=PAGE):
            yield members
            after = members[-1].entry

    def _beginning(self, destination: str, *, has_tags: bool) -> Iterator[Sequence[Member]]:
        """Give what would be owed there for the first time, a page at a time."""
        profile = ("upsert_contact", "sync_tags") if has_tags else ("upsert_contact",)
        given: set[_Key] = set()
        for page in self._pages():
            begun = self._deliveries.read_begun(destination, {row["person"] for row in page.rows})
            recipients = {each.person: each.recipient for each in begun}
            given |= {(each.person, each.operation, each.object) for each in begun}
            wanted = [
                key
                for row, places in page.routed()
                if destination in places or row["person"] in recipients
                for key in _keys(row, profile, is_here=destination in places)
            ]
            new = [key for key in dict.fromkeys(wanted) if key not in given]
            given.update(new)
            yield [
                replace(
                    NOT_BEGUN, entry=number, recipient=recipients.get(person, 0), person=person,
                    operation=operation, source=page.source, object=object_,
                )
                for number, (person, operation, object_) in enumerate(new)
            ]  # fmt: skip

    def _what(self, desired: Desired) -> str:
        if desired.failure is not None:
            return "held"
        if desired.value is None or desired.is_gone:
            return "skipped"
        is_same = desired.fingerprint == desired.member.fingerprint
        if not is_same and isinstance(desired.value, TagSet):
            is_same = not changes_of(desired.value, self._book.read_tags(desired.member.recipient).links)
        return "unchanged" if is_same else "sent"


def _keys(row: Row, profile: Iterable[str], *, is_here: bool) -> Iterator[_Key]:
    """Give what a record wants at a destination: of an order its contact, and itself where it goes there."""
    yield from ((row["person"], operation, "") for operation in profile)
    if is_here and row["stream"] == "orders":
        yield row["person"], "upsert_order", row["id"]


def _mapped(desired: DesiredState, members: Iterable[Member]) -> Iterator[Desired]:
    for operation, map_ in (
        ("upsert_contact", desired.contacts), ("sync_tags", desired.tags), ("upsert_order", desired.orders),
    ):  # fmt: skip
        those = [member for member in members if member.operation == operation]
        yield from map_(those) if those else ()
