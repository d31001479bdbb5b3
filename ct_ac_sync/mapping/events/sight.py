"""Under what circumstances something was noticed: what bounds its time, and what is of the past."""

from dataclasses import dataclass, replace
from datetime import datetime

from ct_ac_sync.domain.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """
    When the source was looked at, and since when we look.

    Attributes:
        noticed_at: The source's own time of it; nothing that it told happened later.
        cutover: What happened before it is historical; None where nothing is for its time alone.
    """

    noticed_at: datetime
    cutover: datetime | None

    def bound(self, moment: datetime) -> datetime:
        """Return *moment*, or when it was noticed, where a clock that is wrong lets it be later."""
        return min(moment, self.noticed_at)

    def of_event(self, event: Event, *, is_historical: bool) -> Event:
        """Return *event* with a time that can be, and historical where that or *is_historical* says so."""
        return self.dated(
            replace(event, happened_at=self.bound(event.happened_at)), is_historical=is_historical
        )

    def dated(self, event: Event, *, is_historical: bool) -> Event:
        """Return *event*, whose time stands even if it is still to come, historical or not."""
        is_past = self.cutover is not None and event.happened_at < self.cutover
        return replace(event, is_historical=is_historical or is_past)


def details_of(**values: str | None) -> tuple[tuple[str, str], ...]:
    """Return the details of an event, sorted by name, without those that say nothing."""
    return tuple(sorted((name, value) for name, value in values.items() if value))
