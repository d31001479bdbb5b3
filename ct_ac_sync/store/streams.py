"""Streams: how far each is read, who reads it now, and which ticks were taken."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ct_ac_sync.ports import Stream
from ct_ac_sync.store.custom_objects import QUERIES as OBJECT_QUERIES
from ct_ac_sync.store.custom_objects import ContainerRead
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("streams")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """
    The exclusive right to read a stream, until its lease runs out.

    Attributes:
        epoch: Guards every commit; a later holder has a greater one.
        sweep_until: The signpost of the sweep under way, None when none is.
        sweep_since: Its lower end, None for a sweep of everything.
        after: The last id accepted in it.
        is_wide: Whether the next sweep shall reach far back; once a day one does.
    """

    source: str
    stream: Stream
    epoch: int
    watermark: datetime | None
    cutover: datetime | None
    sweep_since: datetime | None
    sweep_until: datetime | None
    after: str | None
    is_wide: bool


class Streams:
    """What extract keeps of each stream."""

    def __init__(self, database: Database, *, lease: timedelta) -> None:
        self._database = database
        self._lease = lease

    def take_slot(self, source: str, stream: str, *, period: timedelta) -> bool:
        """Take the tick of now of *stream*, or of what else happens once a period; False where it was had."""
        keys = {"source": source, "stream": stream, "period": period}
        return bool(self._database.fetch(QUERIES["take_slot"], keys))

    def lease(self, source: str, stream: Stream) -> Hold | None:
        """Become the stream's only reader; None where somebody is."""
        keys = {"source": source, "stream": stream, "lease": self._lease}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["ensure_stream"], keys)
            row = connection.execute(QUERIES["lease_stream"], keys).fetchone()
        if row is None:
            return None
        return Hold(
            source=source,
            stream=stream,
            epoch=row["epoch"],
            watermark=row["watermark"],
            cutover=row["cutover"],
            sweep_since=row["sweep_since"],
            sweep_until=row["sweep_until"],
            after=row["sweep_after"],
            is_wide=row["is_wide"],
        )

    def start_from(
        self, source: str, stream: Stream, *, watermark: datetime | None, cutover: datetime
    ) -> None:
        """Note what shall happen with the past; the first answer stands."""
        keys = {"source": source, "stream": stream, "watermark": watermark, "cutover": cutover}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["ensure_stream"], keys)
            connection.execute(QUERIES["start_from"], keys)

    def begin_sweep(self, hold: Hold, *, since: datetime | None, until: datetime) -> datetime:
        """Begin a sweep and return the stream's cutover, which the first one fixes."""
        keys = _keys(hold) | {"since": since, "until": until, "cutover": until, "is_wide": hold.is_wide}
        self.make_months()
        rows = self._database.fetch(QUERIES["begin_sweep"], keys)
        cutover: datetime = rows[0]["cutover"] if rows else until
        return cutover

    def containers(self, source: str) -> dict[str, ContainerRead]:
        """Return how far the containers of custom objects are read, as far as they ever were, by name."""
        rows = self._database.fetch(OBJECT_QUERIES["read_containers"], {"source": source})
        return {row["container"]: ContainerRead(row["watermark"], row["cutover"]) for row in rows}

    def make_months(self) -> None:
        """Make the ledger's partitions of the next months, where they are not there."""
        self._database.fetch(QUERIES["make_months"])

    def release(self, hold: Hold) -> None:
        """Let the next reader in before the lease runs out."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["release_stream"], _keys(hold))

    def halt(self, source: str, stream: Stream, reason: str) -> None:
        """Stop reading a stream until a human resumes it."""
        keys = {"source": source, "stream": stream, "reason": reason}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["halt_stream"], keys)

    def resume(self, source: str) -> None:
        """Read halted streams again."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["resume_streams"], {"source": source})

    def stalled(self) -> tuple[tuple[str, Stream], ...]:
        """Return the sweeps under way that nobody reads."""
        rows = self._database.fetch(QUERIES["stalled_sweeps"])
        return tuple((row["source"], Stream(row["stream"])) for row in rows)


def _keys(hold: Hold) -> dict[str, object]:
    return {"source": hold.source, "stream": hold.stream, "epoch": hold.epoch}
