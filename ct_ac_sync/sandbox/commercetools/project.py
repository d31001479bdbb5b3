"""The project: resources, their versions and stamps, and when queries come to see them."""

import bisect
import contextlib
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ct_ac_sync.sandbox.commercetools import messages
from ct_ac_sync.sandbox.commercetools.happened import Happened
from ct_ac_sync.sandbox.commercetools.kinds import SHELVES
from ct_ac_sync.sandbox.commercetools.message_types import said_of
from ct_ac_sync.sandbox.commercetools.messages import Messages
from ct_ac_sync.sandbox.service import Service, Switch

Resource = dict[str, Any]

SWITCHES = {
    "late_visible_seconds": Switch(0, 0.5, "how late queries come to see some writes"),
    "late_visible_share": Switch(0.2, 0.5, "the share of writes that queries see late"),
    "ahead_seconds": Switch(0, 0, "how far its clock goes ahead of ours"),
    "stamp_resolution_ms": Switch(1, 100, "stamps are cut to this, so that more are equal"),
    "timeout_over_limit": Switch(0, 0, "queries with a greater limit are QueryTimedOut; 0: never"),
    "too_large_over_limit": Switch(0, 0, "queries with a greater limit are 413; 0: never"),
    "token_seconds": Switch(172800, 172800, "how long a token is good for"),
    "cart_email": Switch("filled", "absent", "whether a customer's cart has the address of its own", ("filled", "absent")),
    **messages.SWITCHES,
}  # fmt: skip

#: What a resource that was put as it is may raise where it is not as it should be.
_ODD = (AttributeError, KeyError, TypeError, ValueError)


def stamp(moment: datetime) -> str:
    """Return an instant as the server writes it: UTC, three digits, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Shelf:
    """The resources of one kind, in the server's own order of ids."""

    by_id: dict[str, Resource] = field(default_factory=dict)
    order: list[tuple[bytes, str]] = field(default_factory=list)
    shown: dict[str, list[tuple[datetime, Resource]]] = field(default_factory=dict)


class Project:
    """
    The resources of one project.

    Attributes:
        dice: For customers, orders and what only they name.
        aside: For every other kind, and what is thrown besides, so that those draw nothing from the first.
        apart: For carts, messages and parcels, which draw nothing from either.
        browsing: For shopping lists and their messages, which draw nothing from any of these.
        messages: What the server says of writes.
        happened: What they mean.
    """

    def __init__(self, service: Service, key: str, *, seed: int = 1) -> None:
        self.key = key
        self._service = service
        self._salt = hashlib.sha256(f"{key}/{seed}".encode()).digest()[:16]
        self.dice, self.aside = random.Random(seed), random.Random(f"aside/{seed}")
        self.apart, self.browsing = random.Random(f"apart/{seed}"), random.Random(f"browsing/{seed}")
        self.shelves: dict[str, Shelf] = {kind: Shelf() for kind in SHELVES}
        self.deleted: list[dict[str, str]] = []
        self.messages, self.happened = Messages(self), Happened(self)

    @property
    def switches(self) -> Mapping[str, Any]:
        """What is thrown one way or the other, by name."""
        return self._service.switches

    def id_key(self, id_: str) -> bytes:
        """Return a key that orders ids as the server does, which is not as text."""
        return hashlib.blake2b(id_.encode(), key=self._salt, digest_size=12).digest()

    def now(self) -> datetime:
        """Return the server's time, cut to its resolution of stamps."""
        ahead = timedelta(seconds=float(self._service.switches["ahead_seconds"]))
        moment = datetime.now(UTC) + ahead
        resolution = max(1, int(self._service.switches["stamp_resolution_ms"]))
        millis = moment.microsecond // 1000 // resolution * resolution
        return moment.replace(microsecond=min(millis, 999) * 1000)

    def stamped(self) -> str:
        """Return the server's time as it writes it."""
        return stamp(self.now())

    # -- writing ----------------------------------------------------------------------

    def add(
        self, kind: str, resource: Resource, *, what: str = "", by: str = "shop", **timing: Any
    ) -> Resource:
        """Add a resource that is complete but for version and stamps."""
        moment = self.now()
        resource = {
            "id": resource.get("id") or self.new_id(kind),
            "version": 1,
            "createdAt": stamp(moment),
            "lastModifiedAt": stamp(moment),
            **resource,
        }
        self.shelve(kind, resource, **timing)
        self._note(f"{kind}_created", kind, resource, what, by)
        self._tell(kind, None, resource, by, timing)
        return resource

    def stock(self, kind: str, resource: Resource) -> None:
        """Add a resource that was there before anything happened: queries show it, no log has it."""
        self.shelve(kind, {"version": 1, **resource}, visible_after_seconds=0)

    def shelve(self, kind: str, resource: Resource, *, hidden: bool = False, **timing: Any) -> None:
        """Keep a resource, of which no log is written; one that is hidden is never shown by queries."""
        shelf = self.shelves[kind]
        shelf.by_id[resource["id"]] = resource
        if not hidden:
            bisect.insort(shelf.order, (self.id_key(resource["id"]), resource["id"]))
            self._show(kind, resource, timing)

    def change(
        self, kind: str, id_: str, changes: Mapping[str, Any], *, what: str, by: str = "shop", **timing: Any
    ) -> Resource:
        """Change a resource: a new version with a new stamp; None takes a field away."""
        shelf = self.shelves[kind]
        held = shelf.by_id[id_]
        behind = timedelta(seconds=timing.get("stamp_behind_seconds", 0))
        resource = {k: v for k, v in {**held, **changes}.items() if v is not None}
        if "lastModifiedBy" not in changes:
            resource.pop("lastModifiedBy", None)
        steps = self._steps(kind, held, resource)
        resource |= {"version": held["version"] + steps, "lastModifiedAt": stamp(self.now() - behind)}
        shelf.by_id[id_] = resource
        self._show(kind, resource, timing)
        self._note(f"{kind}_changed", kind, resource, what, by)
        self._tell(kind, held, resource, by, timing)
        return resource

    def delete(self, kind: str, id_: str, *, by: str = "shop", is_told: bool = True) -> Resource:
        """
        Delete a resource; queries stop to show it at once.

        Carts of a customer stay without naming them (vendor: release note of 3 October 2025).

        Args:
            is_told: False of what goes by its age, of which there is no message.
        """
        shelf = self.shelves[kind]
        resource = shelf.by_id.pop(id_)
        place = (self.id_key(id_), id_)
        if place in shelf.order:
            shelf.order.remove(place)
        shelf.shown.pop(id_, None)
        self.deleted.append({"resource": kind, "id": id_})
        self._note(f"{kind}_deleted", kind, resource, "", by)
        self._tell(kind, resource, None, by, {}, is_told=is_told)
        if kind == "customer":
            carts = [row["id"] for row in self.shelves["cart"].by_id.values() if row.get("customerId") == id_]
            for each in carts:
                self.change("cart", each, {"customerId": None}, what="unlinked")
        return resource

    def _steps(self, kind: str, held: Resource, resource: Resource) -> int:
        """Return by how much a write raises the version."""
        if self.switches["versions_of_a_write"] == "one":
            return 1
        with contextlib.suppress(*_ODD):
            return max(1, len(said_of(kind, held, resource)))
        return 1

    def _tell(
        self, kind: str, before: Resource | None, after: Resource | None, by: str, timing: Mapping[str, Any],
        *, is_told: bool = True,
    ) -> None:  # fmt: skip
        with contextlib.suppress(*_ODD):
            self.happened.note(kind, before, after)
        with contextlib.suppress(*_ODD):
            if is_told:
                self.messages.tell(kind, before, after, by=by, **timing)

    def _show(self, kind: str, resource: Resource, timing: Mapping[str, Any]) -> None:
        delay = timing.get("visible_after_seconds")
        if delay is None:
            switches = self._service.switches
            dice = timing.get("dice") or self._dice(kind)
            is_late = dice.random() < float(switches["late_visible_share"])
            delay = float(switches["late_visible_seconds"]) if is_late else 0.0
        moment = datetime.now(UTC)
        views = self.shelves[kind].shown.setdefault(resource["id"], [])
        views[:] = _current(views, moment)
        views.append((moment + timedelta(seconds=delay), resource))

    def _note(self, what_kind: str, kind: str, resource: Resource, what: str, by: str) -> None:
        self._service.note(
            what_kind, resource=kind, id=resource["id"], version=resource["version"], by=by, what=what,
            resource_state=resource,
        )  # fmt: skip

    def new_id(self, kind: str = "", *, dice: random.Random | None = None) -> str:
        """Return a new id: a version 4 UUID, from the seeded dice."""
        digits = f"{(dice or self._dice(kind)).getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def _dice(self, kind: str) -> random.Random:
        if kind == "shopping-list":
            return self.browsing
        if kind in ("cart", "message", "parcel"):
            return self.apart
        return self.dice if kind in ("", "customer", "order") else self.aside

    # -- reading ----------------------------------------------------------------------

    def query(
        self,
        kind: str,
        checks: Sequence[Callable[[Resource], bool]],
        *,
        after: str | None,
        view: Callable[[Resource], Resource | None] = lambda row: row,
    ) -> list[Resource]:
        """Return what queries show by now, as *view* shows it, in the order of ids."""
        shelf, moment = self.shelves[kind], datetime.now(UTC)
        start = bisect.bisect_right(shelf.order, (self.id_key(after), after)) if after else 0
        found = []
        for _, id_ in shelf.order[start:]:
            views = [row for visible_at, row in shelf.shown[id_] if visible_at <= moment]
            if views:
                newest = view(max(views, key=lambda row: int(row["version"])))
                if newest is not None and all(check(newest) for check in checks):
                    found.append(newest)
        return found


def _current(views: list[tuple[datetime, Resource]], moment: datetime) -> list[tuple[datetime, Resource]]:
    """Drop the views that a newer visible one hides."""
    visible = [view for view in views if view[0] <= moment]
    hidden = [view for view in views if view[0] > moment]
    return visible[-1:] + hidden
