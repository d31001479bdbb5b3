"""
Check: every side is asked whether it is as it must be, and held against the configuration.

Only what reads is asked, and one side that does not answer hides no other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from ct_ac_sync.configuration.values import Configuration, DestinationConfig, SourceConfig
from ct_ac_sync.errors import CredentialsError, SyncError, ThrottledError
from ct_ac_sync.ports import Clock, Destination, Json, Source, Stream
from ct_ac_sync.sync.asked import Ask, asks
from ct_ac_sync.sync.hold import (
    OF_PROJECT,
    ProjectSeen,
    State,
    constant_tags,
    hold_account,
    hold_containers,
    hold_messages,
    hold_names,
    hold_scopes,
    hold_write_back,
    hold_write_scope,
    routes_to,
)

#: How the cause of a refusal ends that lacks no more than a scope; the token itself is good.
SCOPE = "insufficient_scope"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a side: *says* is a sentence, or facts where it answers as it must."""

    what: str
    state: State
    says: Any

    @classmethod
    def of(cls, what: str, error: SyncError) -> "Finding":
        """Return the fault that an error is."""
        return cls(what, State.FAULT, str(error))


T = TypeVar("T")

#: How often an account that is busy is asked once more.
TRIES = 5


class Check:
    """Asks every project and every account, and compares."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        sources: Mapping[str, Source],
        destinations: Mapping[str, Destination],
        clock: Clock,
    ) -> None:
        """*sources* by the key of their project, *destinations* by their host."""
        self._configuration = configuration
        self._sources = sources
        self._destinations = destinations
        self._clock = clock

    def run(self) -> Iterator[Finding]:
        """Give what is found, side by side."""
        asked = tuple(asks(self._configuration))
        seen: dict[str, ProjectSeen | None] = {}
        for source in self._configuration.sources:
            mine = [ask for ask in asked if not ask.sources or source.name in ask.sources]
            found, seen[source.name] = self._project(source, mine)
            yield from found
        for projects, told in dict.fromkeys(hold_names(asked, seen)):
            yield Finding(f"commercetools {', '.join(projects)}", *told)
        for destination in self._configuration.destinations:
            yield from self._account(destination)

    def _project(self, source: SourceConfig, mine: Sequence[Ask]) -> tuple[list[Finding], ProjectSeen | None]:
        what, client = f"commercetools {source.project}", self._sources[source.project]
        facts: Json | None = None
        try:
            facts = client.check([Stream(each) for each in self._configuration.streams])
            found = [Finding(what, State.OK, facts)]
        except SyncError as error:
            found = [Finding.of(what, error)]
            if not error.cause.endswith(SCOPE):
                return found, None
        try:
            seen = _look(client, source.project, mine, facts)
            granted = client.granted() if self._configuration.writes_back else ()
        except SyncError as error:
            return [*found, Finding.of(what, error)], None
        told = [
            *hold_scopes(mine, seen),
            *(hold_messages(self._configuration, facts) if facts else ()),
            *(hold_containers(self._configuration, facts) if facts else ()),
            *hold_write_scope(self._configuration, source.project, granted),
            *hold_write_back(self._configuration, seen),
        ]
        return [*found, *(Finding(what, *each) for each in told)], seen

    def _account(self, destination: DestinationConfig) -> Iterator[Finding]:
        what, client = f"activecampaign {destination.host}", self._destinations[destination.host]
        routes = routes_to(self._configuration, destination)
        try:
            facts = self._patiently(client.check)
            seen = self._patiently(
                partial(
                    client.inspect,
                    tags=[name for _, name in constant_tags(self._configuration, routes)],
                    has_lists=any(route.lists for route in routes),
                    has_automations=any(
                        rule.automation for rule in self._configuration.events_at(destination.host)
                    ),
                )
            )
        except SyncError as error:
            yield Finding.of(what, error)
            return
        yield Finding(what, State.OK, facts)
        for told in hold_account(self._configuration, destination, seen):
            yield Finding(what, *told)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Return what *ask* returns; while the workers have the account's calls, wait as told."""
        for _ in range(TRIES):
            try:
                return ask()
            except ThrottledError as error:
                self._clock.sleep(timedelta(seconds=error.retry_after_seconds or 1))
        return ask()


def _look(client: Source, project: str, mine: Sequence[Ask], facts: Json | None) -> ProjectSeen:
    """
    Return what a project shows: all of a kind where a name is looked for, else whether it may be read.

    Args:
        facts: What it says of itself; None where it was not asked.
    """
    resources: dict[str, Sequence[Json]] = {}
    refused: set[str] = set()
    for kind in sorted({ask.kind for ask in mine}):
        if kind not in OF_PROJECT:
            is_named = any(ask.name for ask in mine if ask.kind == kind)
            try:
                resources[kind] = client.list_resources(kind, most=None if is_named else 1)
            except CredentialsError:
                refused.add(kind)
        elif facts is not None:
            names = facts.get(OF_PROJECT[kind])
            if names is None:
                refused.add(kind)
            else:
                resources[kind] = [{"key": each} for each in names]
    return ProjectSeen(project=project, resources=resources, refused=frozenset(refused))
