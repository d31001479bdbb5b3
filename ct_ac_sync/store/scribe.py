"""
The scribe: writes what entries came to, within the transaction of a finish or takeover.

Each outcome is a value; what it means for an entry, a trigger, a dead letter, or where a
recipient stands is written here, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.domain.delivery import (
    READBACKS,
    Accepted,
    Applied,
    Buried,
    Found,
    Halted,
    Outcome,
    Parked,
    Postponed,
    Result,
    Skipped,
    Unchanged,
    Unclear,
    Unfound,
    change_of,
    name_of,
)
from ct_ac_sync.ports import Call, CallKind, Letter
from ct_ac_sync.store.consent_book import prove_write_back
from ct_ac_sync.store.database import Connection
from ct_ac_sync.store.lanes import LANES
from ct_ac_sync.store.queries import load_queries

QUERIES = load_queries("deliveries")
CONSENT_QUERIES = load_queries("consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The committed intention to send one call."""

    attempt: int
    token: int
    destination: str
    made_at: datetime
    call: Call = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTimes:
    """
    The spans that bound a delivery; each must be longer than the one before.

    Attributes:
        call: The total deadline of one call.
        lease: How long a claim is held; a dead worker's recipient is free after it.
        rung: How long a ring is waited for.
        awaiting_first, awaiting_deadline: When an accepted import is first looked at,
            and when it is given up and sent again.
    """

    call: timedelta
    lease: timedelta
    rung: timedelta
    awaiting_first: timedelta = timedelta(seconds=2)
    awaiting_deadline: timedelta = timedelta(minutes=10)
    readbacks: tuple[timedelta, ...] = READBACKS


class Scribe:
    """Writes results within a finish's transaction."""

    def __init__(
        self,
        connection: Connection,
        times: DeliveryTimes,
        config: str,
        destination: str,
        intent: Intent | None,
    ) -> None:
        self._connection = connection
        self._times = times
        self._intent = intent
        #: Those that stay, to be told of once they are committed.
        self.letters: list[Letter] = []
        self._common: dict[str, Any] = {
            "destination": destination,
            "config": config,
            "attempt": intent.attempt if intent else None,
            "repair": times.lease + timedelta(seconds=1),
        }

    def write(self, results: Sequence[Result]) -> None:
        """Write *results*, whose recipients are ours."""
        if not results:
            return
        self._change_entries(results)
        self._settle_triggers(results)
        self._write_standing([r for r in results if isinstance(r.outcome, Applied)])
        self._write_tags(results)
        self._write_memberships(results)
        self._write_backs(results)
        self._keep_details([r for r in results if r.detail is not None])
        self._bury(results)
        self._await([r for r in results if isinstance(r.outcome, Accepted)])
        self._note(results)
        self._raise_overtaken(results)
        ended = [r.member.entry for r in results if not isinstance(r.outcome, Accepted)]
        self._run("end_intents", entries=ended)

    def write_late(self, results: Sequence[Result]) -> None:
        """Record *results* that came after their lease, and repair what they touched."""
        if not results or self._intent is None:
            return
        self._note(results, prefix="late_")
        self._run("repair_late", entries=[r.member.entry for r in results])
        self._write_memberships(results)
        self._write_backs(results)
        self._raise_overtaken(results)
        self._settle_triggers([r for r in results if isinstance(r.outcome, Applied)])

    def _run(self, name: str, **keys: Any) -> Cursor[DictRow]:
        return self._connection.execute(QUERIES[name], self._common | keys)

    def _change_entries(self, results: Sequence[Result]) -> None:
        row = self._connection.execute("SELECT sync_now() AS now").fetchone()
        made_at = self._intent.made_at if self._intent else scalar(row, "now")
        changes = [
            asdict(
                change_of(
                    r.member,
                    r.outcome,
                    attempt=self._common["attempt"],
                    readbacks=self._times.readbacks,
                )
            )
            | {
                "entry": r.member.entry,
                "target": r.member.wanted,
                "sent": r.member.wanted if isinstance(r.outcome, Applied | Accepted | Unclear) else 0,
                "made_at": made_at,
            }
            for r in results
        ]
        self._run("change_entries", **{name: [c[name] for c in changes] for name in changes[0]})

    def _settle_triggers(self, results: Sequence[Result]) -> None:
        firing = [r for r in results if r.member.fires or r.member.unclear is not None]
        settled = [r for r in firing if type(r.outcome) in _TRIGGER_STATES]
        if settled:
            states = [_TRIGGER_STATES[type(r.outcome)] for r in settled]
            self._run("settle_triggers", states=states, **_triggers(settled))
        withdrawn = [r for r in firing if isinstance(r.outcome, Postponed | Buried | Halted)]
        if withdrawn and self._intent:
            self._run("withdraw_triggers", **_triggers(withdrawn))
        historical = [
            r.member.entry
            for r in results
            if r.member.operation == "upsert_order" and isinstance(r.outcome, Applied) and not r.member.fires
        ]
        if historical:
            self._run("note_historical", entries=historical)

    def _write_standing(self, results: Sequence[Result]) -> None:
        seen = [(r.member, r.outcome) for r in results if isinstance(r.outcome, Applied)]
        seen = [(m, o) for m, o in seen if o.contact or o.address]
        if not seen:
            return
        contacts = [o.contact for _, o in seen if o.contact]
        mine = [m.recipient for m, _ in seen]
        others = self._run("forget_other_contact", contacts=contacts, recipients=mine).fetchall()
        columns = {
            "recipient": [m.recipient for m, _ in seen],
            "contact": [o.contact for _, o in seen],
            "address": [o.address for _, o in seen],
        }
        self._run("write_standing", **columns)
        self._run("release_addresses", **columns)
        if others:
            self._run("refresh_recipients", recipients=[row["recipient"] for row in others])
        for member, outcome in seen:
            if member.address and outcome.address and member.address != outcome.address:
                self._run("raise_customer_rename", recipient=member.recipient, former=member.address)

    def _write_tags(self, results: Sequence[Result]) -> None:
        for member, change in ((r.member, r.tag) for r in results if r.tag is not None):
            statement = "keep_tag" if change.is_there else "drop_tag"
            self._run(statement, recipient=member.recipient, tag=change.name, link=change.link)
        if self._intent is not None and self._intent.call.kind is CallKind.IMPORT_CONTACTS:
            # What an import that did not end well would have added is not believed any more.
            failed = [r.member for r in results if not isinstance(r.outcome, Applied | Accepted)]
            self._run("drop_believed_tags", recipients=[member.recipient for member in failed])

    def _write_memberships(self, results: Sequence[Result]) -> None:
        for member, change in ((r.member, r.membership) for r in results if r.membership is not None):
            keys = self._common | asdict(change) | {"recipient": member.recipient}
            written = self._connection.execute(CONSENT_QUERIES["write_membership"], keys).fetchone()
            if written is not None:
                self._connection.execute(CONSENT_QUERIES["note_written"], keys)

    def _write_backs(self, results: Sequence[Result]) -> None:
        for result in (each for each in results if each.written):
            proven = prove_write_back(
                self._connection, result.member.source, result.member.object,
                [each.channel for each in result.written], result.version, attempt=self._common["attempt"],
            )  # fmt: skip
            for each in (each for each in result.written if each.channel in proven):
                keys = self._common | {
                    "recipient": result.member.recipient, "channel": each.channel, "list": each.list,
                    "standing": each.standing, "reason": each.reason, "attempt": proven[each.channel],
                }  # fmt: skip
                self._connection.execute(CONSENT_QUERIES["note_written_back"], keys)

    def _keep_details(self, results: Sequence[Result]) -> None:
        if results:
            entries, details = [r.member.entry for r in results], [r.detail for r in results]
            self._run("keep_details", entries=entries, details=details)

    def _bury(self, results: Sequence[Result]) -> None:
        buried = [(r, r.outcome) for r in results if isinstance(r.outcome, Buried)]
        for result, outcome in buried:
            member = result.member
            row = self._run(
                "bury", entry=member.entry, source=member.source, object=member.object,
                version=result.version, operation=member.operation, lane=member.lane,
                cause=outcome.cause, message=outcome.message, answer=result.answer,
                request=Jsonb(result.request) if result.request else None,
                attempts=member.attempts + 1,
            ).fetchone()  # fmt: skip
            self.letters.append(
                Letter(
                    dead_letter=scalar(row, "dead_letter"), operation=member.operation, cause=outcome.cause,
                    lane=LANES[member.lane], destination=self._common["destination"],
                    recipient=member.recipient, entry=member.entry, attempt=self._common["attempt"],
                    object=member.object,
                )
            )  # fmt: skip
        if buried:
            entries = [result.member.entry for result, _ in buried]
            unborn = self._run("discard_unborn_letters", entries=entries).fetchall()
            gone = {row["dead_letter"] for row in unborn}
            self.letters = [letter for letter in self.letters if letter.dead_letter not in gone]

    def _await(self, results: Sequence[Result]) -> None:
        if not results or self._intent is None:
            return
        outcome = results[0].outcome
        remote = outcome.remote if isinstance(outcome, Accepted) else None
        destination = self._common["destination"]
        awaiting = await_answer(self._connection, self._times, destination, self._intent.attempt, remote)
        self._run("set_awaiting", awaiting=awaiting, recipients=[r.member.recipient for r in results])

    def _raise_overtaken(self, results: Sequence[Result]) -> None:
        orders = [r.member for r in results if r.member.operation == "upsert_order"]
        if orders and self._intent is not None:
            self._run(
                "raise_overtaken_profiles",
                recipients=[m.recipient for m in orders],
                carried=[m.profile for m in orders],
            )

    def _note(self, results: Sequence[Result], *, prefix: str = "") -> None:
        self._run(
            "note_outcomes",
            recipient=[r.member.recipient for r in results],
            entry=[r.member.entry for r in results],
            operation=[r.member.operation for r in results],
            source=[r.member.source for r in results],
            object=[r.member.object for r in results],
            version=[r.version for r in results],
            wanted=[r.member.wanted for r in results],
            outcome=[prefix + name_of(r.outcome) for r in results],
            reason=[_reason(r.outcome) for r in results],
            answer=[r.answer for r in results],
        )


def _triggers(results: Sequence[Result]) -> dict[str, list[str]]:
    """Return what the trigger ledger knows the members of *results* by."""
    return {
        "triggers": [r.member.trigger for r in results],
        "keys": [r.member.business_key for r in results],
    }


_TRIGGER_STATES: Mapping[type, str] = {Applied: "happened", Found: "happened", Parked: "parked"}


def _reason(outcome: Outcome) -> str:
    match outcome:
        case (
            Postponed(reason=reason)
            | Skipped(reason)
            | Halted(reason)
            | Unclear(reason)
            | Applied(reason=reason)
        ):
            return reason
        case Buried(cause=cause):
            return cause
        case Unchanged() | Accepted() | Found() | Parked() | Unfound():
            return ""


def await_answer(
    connection: Connection, times: DeliveryTimes, destination: str, attempt: int, remote: str | None
) -> int:
    """Note that the answer to *attempt* is awaited, under *remote* if it was told; return its number."""
    keys = {
        "destination": destination, "attempt": attempt, "remote": remote,
        "first": times.awaiting_first if remote else max(times.awaiting_first, times.call),
        "deadline": times.awaiting_deadline,
    }  # fmt: skip
    return int(scalar(connection.execute(QUERIES["await_answer"], keys).fetchone(), "awaiting"))


def scalar(row: DictRow | None, name: str) -> Any:
    """Return one column of a row; None where there is no row."""
    return None if row is None else row[name]
