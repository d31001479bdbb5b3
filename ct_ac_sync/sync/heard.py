"""What of a person's records is heard of consent: of places that are configured, what they say by now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ct_ac_sync.configuration.values import ConsentConfig, ConsentPlace, place_of
from ct_ac_sync.domain.consent import Evidence, Says, weigh
from ct_ac_sync.mapping.consent import to_root
from ct_ac_sync.store.consent_book import Said


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
