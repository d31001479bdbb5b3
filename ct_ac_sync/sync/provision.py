"""Provision: make sure that the destination has the fields and the connection we write to."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.errors import NotYetError
from ct_ac_sync.ports import Clock, Destination, FieldWanted, Layout
from ct_ac_sync.store.budget import Budget

#: The id of what nobody has made yet, for a look.
NOT_MADE = "0"


class Provision:
    """Finds or makes what we write to; one holder per destination at a time."""

    def __init__(
        self,
        *,
        destination: Destination,
        budget: Budget,
        clock: Clock,
        fields: Sequence[FieldWanted],
        connections: Sequence[str] = (),
    ) -> None:
        self._destination = destination
        self._budget = budget
        self._clock = clock
        self._fields = fields
        self._connections = connections
        wanted = {"fields": [asdict(field) for field in fields], "connections": list(connections)}
        self._made_for = fingerprint(wanted)
        self._layout: Layout | None = None

    def layout(self) -> Layout:
        """
        Return the destination's ids of fields and connection.

        Raises:
            NotYetError: Somebody else is making them just now.
            SyncError: They can neither be found nor made.
        """
        if self._layout is None:
            self._layout = self._known() or self._ensure()
        return self._layout

    def look(self) -> Layout:
        """Return the ids as far as they are known, and make nothing: 0 stands for each other."""
        known = self._budget.read_layout() or Layout(fields={}, connection=NOT_MADE)
        return Layout(
            fields={field.perstag: known.fields.get(field.perstag, NOT_MADE) for field in self._fields},
            connection=known.connection,
            connections={name: known.connections.get(name, NOT_MADE) for name in self._connections},
        )

    def _known(self) -> Layout | None:
        """Return what was provisioned for exactly what is wanted now: fields, types, options, connections."""
        return self._budget.read_layout(self._made_for)

    def _ensure(self) -> Layout:
        if not self._budget.hold_layout():
            for _ in range(8):
                self._clock.sleep(timedelta(milliseconds=250))
                if (layout := self._known()) is not None:
                    return layout
            raise NotYetError("the fields are being made just now", cause="provisioning")
        try:
            layout = self._destination.ensure_layout(self._fields, self._connections)
        except BaseException:
            # A task that is over its time ends here too: the next goes on with what is made so far.
            self._budget.write_layout(None)
            raise
        self._budget.write_layout(layout, self._made_for)
        return layout
