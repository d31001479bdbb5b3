"""
The scheduler of beat: the table as it stands in the code, and a pulse.

Celery's own keeps a file of last runs, which outlives the code that wrote it and needs a
place to be written.  Nothing here needs it: a tick is a row in Postgres that cannot be
inserted twice, and what was missed is read by the next sweep.

Beat is live while it *publishes*.  Its loop goes round while Redis is away, and the
failure of each entry is logged and passed over; so the pulse is not the loop's.
"""

import socket
from typing import Any

import structlog
from celery.beat import Scheduler

from ct_ac_sync import pulse
from ct_ac_sync.pulse import Role
from workers.app import settings

log = structlog.get_logger()


class PulsingScheduler(Scheduler):
    """Celery's static scheduler; touches its pulse for every entry that was published."""

    def setup_schedule(self) -> None:
        """Take the table, and forget the pulse of a former life."""
        super().setup_schedule()
        self._quietly(pulse.forget)

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Celery's own signature
        """Publish one entry, and note that it left."""
        published = super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        self._quietly(pulse.note)
        return published

    def close(self) -> None:
        """Let go of Redis, and leave no pulse behind that would age."""
        super().close()
        self._quietly(pulse.forget)

    @staticmethod
    def _quietly(act: Any) -> None:
        """A pulse that cannot be written costs health, and no tick."""
        try:
            act(settings.run_dir, Role.BEAT, socket.gethostname())
        except OSError as error:
            log.warning("pulse_unwritten", node="beat", error=str(error))
