"""Finishing: what came of a call is written down, though the database is away for a moment."""

from collections.abc import Sequence
from datetime import timedelta

from ct_ac_sync.domain.delivery import Claim, Result
from ct_ac_sync.errors import DatabaseAwayError
from ct_ac_sync.ports import Clock
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.scribe import Intent

#: How long a finish waits for a database that is away, each time; then the lease runs out.
FINISH_PAUSES = (timedelta(milliseconds=300), timedelta(seconds=1))


def finish(
    deliveries: Deliveries, clock: Clock, claim: Claim, results: Sequence[Result], intent: Intent
) -> None:
    """
    Write what came of a call; a database that is away for a moment is asked again.

    Raises:
        DatabaseAwayError: It is away for longer: the lease runs out, and whoever takes over settles it.
    """
    for pause in FINISH_PAUSES:
        try:
            deliveries.finish(claim, results, intent=intent)
        except DatabaseAwayError:
            clock.sleep(pause)
        else:
            return
    deliveries.finish(claim, results, intent=intent)
