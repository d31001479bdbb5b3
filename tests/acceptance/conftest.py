"""A fleet per story, with servers of its own: stories restart them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ct_ac_sync.sandbox.servers import scratch

sys.path.insert(0, str(Path(__file__).parent))

from fleet import Fleet


@pytest.fixture(name="launch")
def _launch() -> Iterator[Callable[..., Fleet]]:
    """Give a function that launches a fleet; all are ended with the test."""
    fleets: list[Fleet] = []

    def launch(profile: str = "a", **more: str) -> Fleet:
        fleets.append(Fleet(scratch("ct-ac-sync-story-"), profile=profile, **more))
        return fleets[-1]

    yield launch
    for fleet in fleets:
        fleet.close()
