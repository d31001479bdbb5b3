"""Provision: make sure that the destination has the fields and the connections we write to, and keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

import structlog

from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.errors import NotYetError
from ct_ac_sync.ports import Clock, Destination, FieldWanted, Layout, Made
from ct_ac_sync.store.budget import Budget

log = structlog.get_logger()

#: The id of what nobody has made yet, for a look.
NOT_MADE = "0"
#: How long a process writes to the ids it knows, before it asks whether there are others.
KNOWN_FOR = timedelta(seconds=10)
#: Pages of recipients that are wanted once more at one tick.
PAGES_A_TICK = 20


class Provision:
    """Finds, makes and watches what we write to; one holder per destination at a time."""

    def __init__(
        self,
        *,
        destination: Destination,
        budget: Budget,
        clock: Clock,
        fields: Sequence[FieldWanted],
        connections: Sequence[str] = (),
        events: Sequence[str] = (),
        lease: timedelta,
    ) -> None:
        """*lease* is how long somebody may go on with ids that were read before."""
        self._destination = destination
        self._budget = budget
        self._clock = clock
        self._fields = fields
        self._connections = connections
        self._events = events
        self._lease = lease
        wanted: dict[str, object] = {
            "fields": [asdict(field) for field in fields],
            "connections": list(connections),
        }
        if events:
            wanted["events"] = list(events)
        self._made_for = fingerprint(wanted)
        self._layout: Layout | None = None
        self._read_at = 0.0

    def layout(self) -> Layout:
        """
        Return the destination's ids of fields and connections, as they were some seconds ago.

        Raises:
            NotYetError: Somebody else is making them just now.
            SyncError: They can neither be found nor made.
        """
        if self._layout is None:
            return self._keep(self._known() or self._ensure())
        if self._clock.monotonic() - self._read_at > KNOWN_FOR.total_seconds():
            return self._keep(_renewed(self._layout, self._budget.read_layout()))
        return self._layout

    def look(self) -> Layout:
        """Return the ids as far as they are known, and make nothing: 0 stands for each other."""
        known = self._budget.read_layout() or Layout(fields={}, connection=NOT_MADE)
        return Layout(
            fields={field.perstag: known.fields.get(field.perstag, NOT_MADE) for field in self._fields},
            connection=known.connection,
            connections={name: known.connections.get(name, NOT_MADE) for name in self._connections},
        )

    def watch(self) -> None:
        """
        Look about hourly whether all is there that we write to, whoever comes first.

        What was deleted is made anew, and all that was written to it is sent once more; what
        goes by another name is only told of, because values still arrive there.

        Raises:
            SyncError: It cannot be told now, or not be made; a look is tried again soon.
        """
        is_due, operations = self._budget.read_due()
        for operation in operations:
            for _ in range(PAGES_A_TICK):
                if not self._budget.resend(operation):
                    break
        if is_due and self._budget.take_look() and (layout := self._known()) is not None:
            self._compare(layout)

    def _compare(self, layout: Layout) -> None:
        drifts = self._destination.check_layout(layout)
        gone = [drift for drift in drifts if drift.goes_by is None]
        if drifts:
            log.warning(
                "layout_drifted",
                destination=self._budget.destination,
                drifts="; ".join(map(str, drifts)),
                gone=len(gone),
            )
        if gone:
            perstags = {drift.name for drift in gone if drift.kind is Made.FIELD}
            made = self._make([field for field in self._fields if field.perstag in perstags], layout)
            if made is None:
                return
            self._keep(made)
        self._budget.note_look([str(drift) for drift in drifts if drift.goes_by is not None])

    def _keep(self, layout: Layout) -> Layout:
        self._layout, self._read_at = layout, self._clock.monotonic()
        return layout

    def _known(self) -> Layout | None:
        """Return what was provisioned for exactly what is wanted now: fields, types, options, connections."""
        return self._budget.read_layout(self._made_for)

    def _ensure(self) -> Layout:
        if (made := self._make(self._fields)) is not None:
            return made
        for _ in range(8):
            self._clock.sleep(timedelta(milliseconds=250))
            if (layout := self._known()) is not None:
                return layout
        raise NotYetError("the fields are being made just now", cause="provisioning")

    def _make(self, fields: Sequence[FieldWanted], known: Layout | None = None) -> Layout | None:
        """
        Find or make *fields* and the connections, and keep them beside what is *known*.

        What has another id than before has nothing of what was written to the former: that is
        sent once more, as soon as nobody writes there any more.  None where somebody else
        makes them just now.

        Raises:
            SyncError: They can neither be found nor made.
        """
        if not self._budget.hold_layout():
            return None
        try:
            made = self._destination.ensure_layout(fields, self._connections, self._events)
        except BaseException:
            # A task that is over its time ends here too: the next goes on with what is made so far.
            self._budget.write_layout(None)
            raise
        layout = Layout(
            fields={**(known.fields if known else {}), **made.fields},
            connection=made.connection,
            connections=made.connections,
        )
        resends = _moved(self._budget.read_layout(), layout)
        self._budget.write_layout(layout, self._made_for, resends=resends, delay=self._lease + KNOWN_FOR)
        return layout


def _renewed(own: Layout, kept: Layout | None) -> Layout:
    """
    Return *own* with the ids that are *kept* by now.

    While a release rolls out, what is kept may be what another configuration wants.
    """
    if kept is None:
        return own
    connections = {name: kept.connections.get(name, id_) for name, id_ in own.connections.items()}
    default = next((name for name, id_ in own.connections.items() if id_ == own.connection), "")
    return Layout(
        fields={perstag: kept.fields.get(perstag, id_) for perstag, id_ in own.fields.items()},
        connection=connections.get(default, own.connection),
        connections=connections,
    )


def _moved(former: Layout | None, layout: Layout) -> tuple[str, ...]:
    """Return the operations that wrote to what has another id by now."""
    if former is None:
        return ()
    moved = {
        "upsert_contact": _differs(former.fields, layout.fields),
        "upsert_order": _differs(former.connections, layout.connections),
    }
    return tuple(operation for operation, is_moved in moved.items() if is_moved)


def _differs(former: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether something that is in both has another id."""
    return any(now.get(name, id_) != id_ for name, id_ in former.items())
