"""
The project's messages: kept while they are switched on, numbered, and sometimes lost.

The number of a message counts those of its resource in steps of one; what was written while
messages were off has none.  The doors stand below ``/_sandbox/messages``:

===========  ==========================================================================
GET          All messages as they are, and the ids of those that queries never show.
POST         Switch them: ``enabled``, ``deleteDaysAfterCreation``.
``lose``     The next ``times`` messages (of ``resource``) are numbered but queries never
             show them; with ``seconds`` they show after those.
``put``      Put a message as it is: ``body``, of which null takes a common field away.
===========  ==========================================================================
"""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ct_ac_sync.sandbox.commercetools.message_types import said_of
from ct_ac_sync.sandbox.service import Switch

if TYPE_CHECKING:
    from ct_ac_sync.sandbox.commercetools.project import Project

Row = dict[str, Any]

SWITCHES = {
    "messages_off_query": Switch(
        "empty", "empty", "what a query for messages answers while they are off", ("empty", "refused")
    ),
    "payload_omitted": Switch(0, 0, "the share of messages that lack their payload"),
    "versions_of_a_write": Switch(
        "one", "one", "by how much a write with several messages raises the version", ("one", "each")
    ),
}
_STAMPS = {True: "createdAt", False: "lastModifiedAt"}
_IDENTIFIERS = ("key", "externalId", "orderNumber", "customerNumber")


class Messages:
    """
    The messages of one project.

    Attributes:
        is_on: Whether writes have messages, and queries show them.
        days: How long they are kept.
        lost: The ids of those that no query ever shows.
    """

    def __init__(self, project: "Project") -> None:
        self.is_on, self.days = True, 15
        self.lost: list[str] = []
        self._project = project
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._losing: list[Row] = []

    @property
    def configuration(self) -> Row:
        """What the project tells of its messages."""
        return {"enabled": self.is_on, "deleteDaysAfterCreation": self.days}

    def tell(self, kind: str, before: Row | None, after: Row | None, *, by: str, **timing: Any) -> None:
        """Keep the messages of a write."""
        written = after or before
        if not self.is_on or written is None:
            return
        moment = self._project.stamped() if after is None else written[_STAMPS[before is None]]
        said = said_of(kind, before, after)
        for behind, (type_, payload) in enumerate(said, 1):
            row = self._common(kind, written, type_, by, at=moment)
            if self._project.switches["versions_of_a_write"] == "each" and before and after:
                row["resourceVersion"] -= len(said) - behind
            self._keep(row, payload, timing)

    def _common(self, kind: str, resource: Row, type_: str, by: str, *, at: str) -> Row:
        who = resource.get("lastModifiedBy") or {"clientId": by, "isPlatformClient": False}
        known = {name: resource[name] for name in _IDENTIFIERS if resource.get(name)}
        return {
            "id": self._project.new_id("message", dice=self._dice(kind)), "version": 1,
            "sequenceNumber": self._number(kind, resource["id"]),
            "resource": {"typeId": kind, "id": resource["id"]}, "resourceVersion": resource["version"],
            **({"resourceUserProvidedIdentifiers": known} if known else {}),
            "type": type_, "createdAt": at, "lastModifiedAt": at, "createdBy": who,
            "lastModifiedBy": who,
        }  # fmt: skip

    def _dice(self, kind: str) -> random.Random:
        """Return the dice for messages about resources of a kind."""
        return self._project.browsing if kind == "shopping-list" else self._project.apart

    def _number(self, kind: str, id_: str) -> int:
        self._numbers[kind, id_] += 1
        return self._numbers[kind, id_]

    def _keep(self, row: Row, payload: Row, timing: Mapping[str, Any]) -> None:
        """Keep a message, unless it is older than messages are kept."""
        if self._is_too_old(row["createdAt"]):
            return
        dice = self._dice(row["resource"]["typeId"])
        is_bare = dice.random() < float(self._project.switches["payload_omitted"])
        loss = self._loss(row["resource"]["id"])
        if loss is not None and loss.get("seconds") is not None:
            timing = {"visible_after_seconds": float(loss["seconds"])}
        elif loss is not None:
            self.lost.append(row["id"])
        self._project.shelve("message", row if is_bare else row | payload, hidden=row["id"] in self.lost, **{"dice": dice, **timing})  # fmt: skip

    def _is_too_old(self, stamp: Any) -> bool:
        try:
            moment = datetime.fromisoformat(str(stamp).replace("Z", "+00:00"))
            return moment < datetime.now(UTC) - timedelta(days=self.days)
        except (TypeError, ValueError):
            return False

    def _loss(self, id_: str) -> Row | None:
        """Return the rule by which the next message of a resource is lost, and count it."""
        for rule in self._losing:
            if rule.get("resource") in (None, id_) and rule["times"] > 0:
                rule["times"] -= 1
                return rule
        return None

    # -- doors ------------------------------------------------------------------------

    def show(self) -> Row:
        """Return all messages, shown or not."""
        return {"messages": [*self._project.shelves["message"].by_id.values()], "lost": self.lost}

    def switch(self, given: Row) -> Row:
        """Switch messages on or off, and set how long they are kept."""
        self.is_on = bool(given.get("enabled", self.is_on))
        self.days = int(given.get("deleteDaysAfterCreation", self.days))
        return self.configuration

    def lose(self, given: Row) -> Row:
        """Lose the next messages, for ever or for some seconds."""
        self._losing.append({"times": 1, **given})
        return {"losing": self._losing}

    def put(self, given: Row) -> Row:
        """Put a message as it is; what is common to all and was not given is made up."""
        body, moment = given["body"], self._project.stamped()
        resource = body.get("resource") or {"typeId": "order", "id": self._project.new_id("message")}
        common = {
            "id": self._project.new_id("message"), "version": 1, "resource": resource, "resourceVersion": 1,
            "createdAt": moment, "lastModifiedAt": body.get("createdAt", moment),
        }  # fmt: skip
        if "sequenceNumber" not in body:
            common["sequenceNumber"] = self._number(resource["typeId"], resource["id"])
        row = {name: value for name, value in {**common, **body}.items() if value is not None}
        self._project.shelve(
            "message", row, visible_after_seconds=float(given.get("visible_after_seconds", 0))
        )
        return row
