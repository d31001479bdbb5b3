"""
What people say of consent: of places that are configured, what their records say by now, and of
which lists.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ct_ac_sync.configuration.values import (
    Configuration,
    ConsentConfig,
    ConsentPlace,
    ListConfig,
    place_of,
)
from ct_ac_sync.domain.consent import Evidence, Known, Says, Standing, could_act, weigh
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.mapping.consent import to_root
from ct_ac_sync.mapping.evaluate import Lookup
from ct_ac_sync.ports import Destination, Json, ListSeen, Stream
from ct_ac_sync.store.consent_book import ConsentBook, Said
from ct_ac_sync.sync.references import LookupOf, References
from ct_ac_sync.sync.router import Router


def heard(rows: Sequence[Said], consents: Mapping[str, ConsentConfig]) -> list[Said]:
    """
    Return of *rows* what places of *consents*, by channel, say.

    What we wrote over nobody says any more.  Of who is gone only a no is heard, and only where
    nobody else speaks.
    """
    keys = {(each.channel, place.key) for each in consents.values() for place in each.places}
    known = [
        row
        for row in rows
        if (row.channel, row.place) in keys and not is_overwritten(row, consents[row.channel])
    ]
    words = (Says.YES, Says.NO)
    living = {
        row.channel
        for row in known
        if not row.is_over and row.evidence.is_explicit and row.evidence.says in words
    }
    return [
        row
        for row in known
        if not row.is_over or (row.channel not in living and row.evidence.says is Says.NO)
    ]


def is_overwritten(row: Said, consent: ConsentConfig) -> bool:
    """Whether what a row says was written over by us: then nobody says it any more."""
    place = place_of(row.overwritten, consent.places) if row.overwritten else None
    return place is not None and place.key == row.place


def evidence_of(row: Said, consent: ConsentConfig) -> Evidence:
    """Return what *row* says; a place that is not trusted any more brings nobody back."""
    return replace(row.evidence, may_revive=row.evidence.may_revive and _place_of(row, consent).revives)


def consent_root(rows: Sequence[Said], consents: Mapping[str, ConsentConfig]) -> Mapping[str, Any]:
    """Return what counts of *rows*, channel by channel, as paths see it below ``consent``."""
    found: dict[str, Mapping[str, Any]] = {}
    for channel, consent in consents.items():
        said = {
            row.evidence.number: (row, evidence_of(row, consent)) for row in heard(rows, {channel: consent})
        }
        counting = weigh((evidence for _, evidence in said.values()), consent.policy.owner)
        if counting is not None:
            row, _ = said[counting.number]
            found[channel] = to_root(counting, _place_of(row, consent), source=row.source)
    return found


def _place_of(row: Said, consent: ConsentConfig) -> ConsentPlace:
    return next(each for each in consent.places if each.key == row.place)


class ListMissingError(Exception):
    """A list of the configuration is not there: made there, or mended here, its letters are replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A list of which something was said."""

    list: ListConfig
    consent: ConsentConfig
    said: Evidence

    @property
    def could_act(self) -> bool:
        """Whether there is any membership that it would change."""
        return could_act(self.consent.policy, self.said)


class Hearing:
    """What people say of the lists of one destination, and which lists those are."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        configuration: Configuration,
        book: ConsentBook,
        router: Router,
        references: References,
    ) -> None:
        """*name* is what the tables know the destination by."""
        self._name = name
        self._destination = destination
        self._configuration = configuration
        self._book = book
        self._router = router
        self._references = references
        self._lists: Mapping[str, ListSeen] = {}

    # -- the lists there --------------------------------------------------------------

    @property
    def used(self) -> tuple[ListConfig, ...]:
        """The lists there on which consent decides."""
        return self._configuration.consented_lists_at(self._name)

    def id_of(self, list_: ListConfig) -> str:
        """
        Return the id of a list there.

        Raises:
            ListMissingError: There is none of its name, or none that this key may see.
        """
        there = self._find(list_)
        if there is None:
            raise ListMissingError(
                f"ActiveCampaign has no list {list_.name!r}, or none that this key may see"
            )
        return there.id

    def forget(self) -> None:
        """Look the lists up anew: one may be another by now."""
        self._lists = {}

    def _find(self, list_: ListConfig) -> ListSeen | None:
        if list_.name not in self._lists:
            self._lists = {each.name: each for each in self._destination.fetch_lists()}
        return self._lists.get(list_.name)

    def keys_of_customer(self, source: str, body: Json) -> tuple[str, ...]:
        """Return the keys of the lists that the route of a customer names."""

        def keys_of(lookup: Lookup) -> tuple[str, ...]:
            route = self._router.route_at(self._name, source, body, lookup, is_customer=True)
            return route.lists if route else ()

        return self._references.settle(source, keys_of)

    # -- what was said ----------------------------------------------------------------

    def questions(
        self, member: Member, known: Mapping[str, Known], all_: Sequence[Said] | None = None
    ) -> list[Question]:
        """
        Return the lists of which the person's records say something, with what of it counts.

        A list that we put them on, and to which no record of theirs leads any more, is asked too:
        a no of its channel ends it.

        Args:
            all_: What all their records say, where that is known already.
        """
        consents = {each.channel: each for each in self._configuration.consent}
        rows = self.heard(member, consents) if all_ is None else heard(all_, consents)
        found: dict[str, list[Evidence]] = defaultdict(list)
        for row, keys in zip(rows, self._routed(member, rows), strict=True):
            for key in keys if row.is_here else ():
                found[key].append(evidence_of(row, consents[row.channel]))
        questions = []
        for list_ in self.used:
            consent = consents[list_.channel]
            said = weigh(found[list_.key], consent.policy.owner) if list_.key in found else None
            if said is None and self._is_left_behind(list_, known):
                told = [evidence_of(row, consent) for row in rows if row.channel == list_.channel]
                said = weigh(told, consent.policy.owner)
                said = said if said is not None and said.says is Says.NO else None
            if said is not None:
                questions.append(Question(list=list_, consent=consent, said=said))
        return questions

    def _is_left_behind(self, list_: ListConfig, known: Mapping[str, Known]) -> bool:
        """Whether we put somebody on a list, as far as is known, or meant to."""
        if not known:
            return False
        there = self._find(list_)
        if there is None or there.id not in known:
            return False
        held, intended = known[there.id].membership, known[there.id].intended
        return intended is Standing.ACTIVE or (
            held.standing is Standing.ACTIVE and held.begun_for is not None
        )

    def heard(self, member: Member, consents: Mapping[str, ConsentConfig]) -> list[Said]:
        """Return what the person of *member* says of channels."""
        return heard(self._book.read_evidence([member.person])[member.person], consents)

    def _routed(self, member: Member, rows: Sequence[Said]) -> list[tuple[str, ...]]:
        """Return for each row the keys of its channel's lists that its record's route names."""
        if not rows:
            return []
        channels = {each.key: each.channel for each in self._configuration.lists}

        def keys_of(_: Member, lookup_of: LookupOf) -> list[tuple[str, ...]]:
            return [
                tuple(key for key in self._keys_of(row, lookup_of) if channels[key] == row.channel)
                for row in rows
            ]

        return self._references.settle_each([member], keys_of)[0]

    def _keys_of(self, row: Said, lookup_of: LookupOf) -> tuple[str, ...]:
        route = self._router.route_at(
            self._name, row.source, row.body, lookup_of(row.source),
            is_customer=row.stream == Stream.CUSTOMERS, customer=row.customer,
        )  # fmt: skip
        return route.lists if route else ()
