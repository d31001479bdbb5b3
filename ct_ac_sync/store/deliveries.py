"""
Deliveries: claim, intend, finish.  Short transactions around one state-changing call.

*Claim* takes a recipient under a new token.  *Intend* commits what is about to be sent,
and only while the lease is ours and long enough.  *Finish* counts only under its own
token; whoever comes late is recorded as late, and what it may have overwritten is
repaired.  An intent without an end is the one thing that is unclear.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ct_ac_sync.domain.delivery import (
    Buried,
    Claim,
    ImportRow,
    Member,
    MembershipChange,
    Outcome,
    Postponed,
    Result,
    Unclear,
    WriteBack,
)
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.ports import Call, CallKind, Lane, Letter
from ct_ac_sync.store.database import Connection, Database
from ct_ac_sync.store.lanes import LANES, RANK_OF
from ct_ac_sync.store.letters import drain
from ct_ac_sync.store.queries import load_queries
from ct_ac_sync.store.scribe import DeliveryTimes, Intent, Scribe, await_answer, scalar

QUERIES = load_queries("deliveries")

CONSENT_QUERIES = load_queries("consent")

CLAIMABLE = QUERIES["read_claimable"]

#: How long before its time somebody may come along with others.
EARLY = timedelta(seconds=10)

_MEMBER = (
    "entry", "recipient", "person", "operation", "source", "object", "lane", "wanted",
    "applied", "attempts", "profile", "batch_limit", "fires", "is_repair", "fingerprint",
    "unclear", "readbacks", "detail", "address", "contact", "held", "has_unclear", "event",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """
    A claimed entry, mapped: what is about to be sent for it.

    Attributes:
        tags: Names of tags that the call adds, or removes, along with it.
        membership: What the call makes of a membership.
        written: What it writes to a customer.
    """

    member: Member
    fingerprint: str
    version: int
    address: str | None = None
    fires: bool = False
    remark: str = ""
    tags: tuple[str, ...] = ()
    membership: MembershipChange | None = None
    written: Sequence[WriteBack] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """
    A record as it was accepted.

    Attributes:
        is_here: Whether it goes to the destination that is asked for.
        is_gone: Of an order: whether it was deleted, and is to be cancelled there.
    """

    person: int
    source: str
    stream: str
    id: str
    version: int
    is_here: bool
    body: Mapping[str, Any] = field(repr=False)
    is_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """
    Something accepted there that is to be looked at now.

    Attributes:
        is_over: Its deadline has passed.
        is_overdue: Its people have gone on without it; what it does at last is repaired.
    """

    awaiting: int
    destination: str
    attempt: int
    remote: str | None
    waited: timedelta
    is_over: bool
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """Something that there is of a person at a destination."""

    person: int
    recipient: int
    operation: str
    object: str


#: By person and ``source/stream/id``, where records would go by now, and not where they went.
Moved: TypeAlias = Mapping[int, Mapping[str, Sequence[str]]]
NONE_MOVED: Moved = {}


#: Says what a row of an import came to.
Judge = Callable[[ImportRow], Outcome]


class Deliveries:
    """The row protocol of claim, intend and finish."""

    def __init__(
        self,
        database: Database,
        *,
        destinations: Sequence[str],
        times: DeliveryTimes,
        config: str,
        max_crashes: int = 5,
    ) -> None:
        """Serve *destinations*; another's recipients are left alone."""
        self._database = database
        self._destinations = list(destinations)
        self._times = times
        self._config = config
        self._max_crashes = max_crashes
        self._letters: deque[Letter] = deque()

    def take_letters(self) -> tuple[Letter, ...]:
        """Take the letters this process has committed and nobody has taken yet."""
        return tuple(drain(self._letters))

    # -- dispatch ---------------------------------------------------------------------

    def take_due(self, *, window: int, imports: int) -> tuple[tuple[int, Lane], ...]:
        """
        Take what is due and not rung.

        Args:
            window: So many a destination at a time, at most.
            imports: So many may be outstanding at a destination: no more rings are out for its
                backfill, and none for contacts while so many are.
        """
        keys = {
            "destinations": self._destinations, "window": window, "imports": imports,
            "rung": self._times.rung,
        }  # fmt: skip
        rows = self._database.fetch(QUERIES["take_due"], keys)
        return tuple((row["recipient"], LANES[row["lane"]]) for row in rows)

    def unring(self, recipients: Sequence[int]) -> None:
        """Take back rings that the broker did not take."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["unring"], {"recipients": list(recipients)})

    def is_owing(self) -> bool:
        """Whether anything is owed to anybody, now or later."""
        keys = {"destinations": self._destinations}
        return bool(scalar(self._database.fetch(QUERIES["is_owing"], keys)[0], "is_owing"))

    # -- claim ------------------------------------------------------------------------

    def claim(self, recipient: int) -> Claim | None:
        """Take the lease on *recipient* for its first due entry; None where nothing is to do."""
        letters: list[Letter] = []
        claim = self._claim(recipient, letters)
        self._letters += letters
        return claim

    def _claim(self, recipient: int, letters: list[Letter]) -> Claim | None:
        with self._database.transaction() as connection:
            keys: dict[str, Any] = {"recipient": recipient, "destinations": self._destinations}
            row = connection.execute(QUERIES["lock_recipient"], keys).fetchone()
            if row is None:
                connection.execute(QUERIES["let_ring_again"], keys)
                return None
            if row["lease_token"] is not None and not self._take_over(connection, row, letters):
                return None
            picked = connection.execute(QUERIES["pick_entry"], keys).fetchone()
            if picked is None:
                _release(connection, row["lease_token"], [recipient])
                _refresh(connection, [recipient])
                connection.execute(QUERIES["let_ring_again"], keys)
                return None
            token = scalar(connection.execute(QUERIES["next_token"]).fetchone(), "token")
            lease = {"token": token, "lease": self._times.lease, "entry": picked["entry"]}
            connection.execute(QUERIES["lease_recipient"], keys | lease)
        return Claim(token=token, destination=row["destination"], members=(_member(picked),))

    def count_due(self, claim: Claim, *, enough: int) -> int:
        """Count the work like the head's that is due in its lane, no further than *enough*."""
        head = claim.head
        keys = {
            "destination": claim.destination,
            "operation": head.operation,
            "lane": head.lane,
            "token": claim.token,
            "enough": enough,
        }
        return int(scalar(self._database.fetch(QUERIES["count_due"], keys)[0], "due"))

    def claim_neighbours(self, claim: Claim, *, limit: int, portion: int) -> Claim:
        """
        Return *claim* with more neighbours whose next step is the same call.

        Args:
            limit: So many members in all, at most.
            portion: So many of them at a time, so that who else comes for some finds some.
        """
        head = claim.head
        limit = min(limit, head.batch_limit or limit)
        more = min(portion, limit - len(claim.members))
        if more <= 0:
            return claim
        keys: dict[str, Any] = {
            "destination": claim.destination, "token": claim.token, "lane": head.lane, "more": more,
            "entries": [member.entry for member in claim.members], "operation": head.operation,
            "fires": head.fires, "limit": limit, "lease": self._times.lease, "early": EARLY,
        }  # fmt: skip
        with self._database.transaction() as connection:
            rows = connection.execute(QUERIES["lease_neighbours"], keys).fetchall()
            leased = {row["recipient"] for row in rows}
            known = {member.recipient for member in claim.members}
            rows = connection.execute(
                QUERIES["pick_neighbours"], keys | {"recipients": sorted(known | leased)}
            ).fetchall()
            members = (*claim.members, *map(_member, rows))
            taken = {member.recipient: member.entry for member in reversed(members)}
            _release(connection, claim.token, [each for each in leased if each not in taken])
            connection.execute(
                QUERIES["size_leases"],
                {
                    "size": len(members),
                    "recipients": list(taken),
                    "entries": list(taken.values()),
                    "token": claim.token,
                },
            )
        return Claim(token=claim.token, destination=claim.destination, members=members)

    def read_records(
        self, members: Sequence[Member], *, destination: str, moved: Moved = NONE_MOVED
    ) -> tuple[StoredRecord, ...]:
        """Return what is stored of the members' persons: customers, else the newest order."""
        keys = _persons(members, destination, moved)
        return tuple(
            StoredRecord(**row) for row in self._database.fetch(QUERIES["read_person_records"], keys)
        )

    def read_orders(self, members: Sequence[Member]) -> tuple[StoredRecord, ...]:
        """Return the orders of *members*, as of now."""
        keys = {"sources": [m.source for m in members], "orders": [m.object for m in members]}
        return tuple(StoredRecord(**row) for row in self._database.fetch(QUERIES["read_orders"], keys))

    def read_order_facts(
        self, members: Sequence[Member], *, destination: str, moved: Moved = NONE_MOVED
    ) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        """Return of all orders of the members' persons what sums are made of, with the person."""
        rows = self._database.fetch(QUERIES["read_order_facts"], _persons(members, destination, moved))
        return tuple((row["person"], row["body"]) for row in rows)

    def read_last_orders(
        self, members: Sequence[Member], *, destination: str, moved: Moved = NONE_MOVED
    ) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        """Return the newest order of each of the members' persons."""
        rows = self._database.fetch(QUERIES["read_last_orders"], _persons(members, destination, moved))
        return tuple((row["person"], row["body"]) for row in rows)

    def page_entries(self, destination: str, *, after: int, limit: int) -> tuple[Member, ...]:
        """Return what is or was owed at *destination*, in the order of entries, for a look only."""
        keys = {"destination": destination, "after": after, "limit": limit}
        return tuple(map(_member, self._database.fetch(QUERIES["page_entries"], keys)))

    def read_begun(self, destination: str, persons: Collection[int]) -> tuple[Begun, ...]:
        """Return what there is of *persons* at *destination*."""
        keys = {"destination": destination, "persons": sorted(persons)}
        return tuple(Begun(**row) for row in self._database.fetch(QUERIES["read_begun"], keys))

    def hold_addresses(self, claim: Claim, addresses: Mapping[int, str]) -> frozenset[int]:
        """
        Take *addresses* (by recipient) there; return the recipients that must wait.

        An address belongs to one recipient until a settled rename lets go of it.
        """
        keys = {
            "destination": claim.destination,
            "recipients": list(addresses),
            "addresses": list(addresses.values()),
        }
        with self._database.transaction() as connection:
            connection.execute(QUERIES["drop_idle_holds"], keys)
            connection.execute(QUERIES["hold_addresses"], keys)
            rows = connection.execute(QUERIES["read_conflicts"], keys).fetchall()
        return frozenset(row["recipient"] for row in rows)

    def swap_standing(self, claim: Claim, recipient: int, address: str) -> bool:
        """
        Let *recipient* and the holder of *address* change places there, if they go round.

        Where each waits for what the next one holds, nobody ever would let go.  So the two
        exchange contact and address, and the profiles that follow make both right.  Returns
        whether they did; not while the other is being written to.
        """
        keys: dict[str, Any] = {
            "destination": claim.destination, "token": claim.token, "recipient": recipient,
            "address": address, "config": self._config,
        }  # fmt: skip
        with self._database.transaction() as connection:
            found = connection.execute(QUERIES["find_round"], keys).fetchone()
            if found is None:
                return False
            keys["holder"] = found["holder"]
            pair = connection.execute(QUERIES["lock_round"], keys).fetchall()
            standing = {row["recipient"]: row for row in pair}
            mine, theirs = standing.get(recipient), standing.get(keys["holder"])
            if mine is None or theirs is None:
                return False
            connection.execute(QUERIES["unlink_round"], keys)
            for row, other in ((mine, theirs), (theirs, mine)):
                place = {"contact": other["contact"], "address": other["address"]}
                keys |= place | {"recipient": row["recipient"], "former": row["address"]}
                connection.execute(QUERIES["take_place"], keys)
                connection.execute(QUERIES["take_hold"], keys)
                connection.execute(QUERIES["raise_customer_rename"], keys)
            _refresh(connection, sorted(standing))
        return True

    def count_imports(self, destination: str) -> int:
        """Count the imports that are being sent, or accepted there and not known to be applied."""
        rows = self._database.fetch(QUERIES["count_imports"], {"destination": destination})
        return int(scalar(rows[0], "outstanding"))

    # -- intend -----------------------------------------------------------------------

    def intend(self, claim: Claim, drafts: Sequence[Draft], call: Call, *, imports: int = 2) -> Intent | None:
        """
        Commit what is about to be sent; None where it must not be.

        It must not be when a lease is lost or nearly over, when something came meanwhile that
        goes first, when what somebody consents to is not what it was, or when it is an import and
        *imports* of them are under way already.

        Raises:
            TriggerTakenError: A trigger's key is in the ledger; nothing was committed.
        """
        recipients = sorted({draft.member.recipient for draft in drafts})
        keys: dict[str, Any] = {
            "destination": claim.destination,
            "token": claim.token,
            "recipients": recipients,
            "need": self._times.call + timedelta(seconds=1),
            "rank": max(RANK_OF[draft.member.operation] for draft in drafts),
            "kind": call.kind,
            "request": Jsonb({"method": call.method, "path": call.path, "body": call.body}),
            "members": len(drafts),
        }
        with self._database.transaction() as connection:
            if call.kind is CallKind.IMPORT_CONTACTS:
                connection.execute(QUERIES["lock_destination"], keys)
                under_way = connection.execute(QUERIES["count_imports"], keys).fetchone()
                if scalar(under_way, "outstanding") >= imports:
                    return None
            guarded = connection.execute(QUERIES["guard_leases"], keys).fetchall()
            if len(guarded) < len(recipients):
                return None
            if not all(_is_still_wanted(connection, draft) for draft in drafts):
                return None
            row = connection.execute(QUERIES["note_attempt"], keys).fetchone()
            keys["attempt"] = scalar(row, "attempt")
            _intend_memberships(connection, drafts, keys["attempt"])
            _intend_write_backs(connection, drafts, keys["attempt"])
            connection.execute(QUERIES["note_intents"], keys | _intent_columns(drafts))
            connection.execute(QUERIES["mark_holds_sent"], keys | _intent_columns(drafts))
            if call.kind is CallKind.IMPORT_CONTACTS:
                carried = [(draft.member.recipient, tag) for draft in drafts for tag in draft.tags]
                tags = {"recipients": [each[0] for each in carried], "names": [each[1] for each in carried]}
                connection.execute(QUERIES["believe_tags"], keys | tags)
            firing = [draft.member for draft in drafts if draft.fires]
            keys |= {
                "triggers": [m.trigger for m in firing],
                "keys": [m.business_key for m in firing],
                "entries": [m.entry for m in firing],
            }
            if firing and len(connection.execute(QUERIES["intend_triggers"], keys).fetchall()) < len(firing):
                raise TriggerTakenError
            made = connection.execute("SELECT sync_now() AS now").fetchone()
        return Intent(
            attempt=keys["attempt"],
            token=claim.token,
            destination=claim.destination,
            made_at=scalar(made, "now"),
            call=call,
        )

    # -- finish -----------------------------------------------------------------------

    def finish(
        self,
        claim: Claim,
        results: Sequence[Result],
        *,
        intent: Intent | None = None,
        keep: Collection[int] = (),
    ) -> bool:
        """
        Write what *results* came to and release the recipients, but for those to *keep*.

        Returns whether all of them were still ours; what was not is recorded as late and
        repaired a lease later.
        """
        if not results:
            return True
        with self._database.transaction() as connection:
            recipients = sorted({result.member.recipient for result in results})
            keys = {"recipients": recipients, "token": claim.token}
            owned = {
                row["recipient"] for row in connection.execute(QUERIES["owned_recipients"], keys).fetchall()
            }
            mine = [result for result in results if result.member.recipient in owned]
            late = [result for result in results if result.member.recipient not in owned]
            scribe = Scribe(connection, self._times, self._config, claim.destination, intent)
            scribe.write(mine)
            scribe.write_late(late)
            _release(connection, claim.token, [r for r in recipients if r not in keep])
            _refresh(connection, recipients)
        self._letters += scribe.letters
        return not late

    def release(self, claim: Claim) -> None:
        """Give back the members of a claim of which nothing came."""
        with self._database.transaction() as connection:
            recipients = sorted({member.recipient for member in claim.members})
            _release(connection, claim.token, recipients)
            _refresh(connection, recipients)

    def release_all(self, claim: Claim) -> None:
        """Give back whatever is leased under the claim's token, neighbours included."""
        with self._database.transaction() as connection:
            rows = connection.execute(QUERIES["leased_under"], {"token": claim.token}).fetchall()
            recipients = sorted(row["recipient"] for row in rows)
            _release(connection, claim.token, recipients)
            _refresh(connection, recipients)

    def forget_contact(self, intent: Intent, member: Member) -> None:
        """Unlink a contact that is gone there; the next write finds or makes it anew."""
        keys = {"recipient": member.recipient, "token": intent.token}
        with self._database.transaction() as connection:
            connection.execute(QUERIES["forget_contact"], keys)

    def want_contact_again(self, member: Member) -> None:
        """Have the profile sent again, for its contact is gone there."""
        with self._database.transaction() as connection:
            connection.execute(QUERIES["want_contact_again"], {"recipient": member.recipient})

    def adopt_contact(self, intent: Intent, member: Member, contact: str, address: str) -> None:
        """Link *contact*, which was seen to hold *address*, to the member's recipient."""
        keys = {
            "recipient": member.recipient, "recipients": [member.recipient], "token": intent.token,
            "destination": intent.destination, "contact": contact, "contacts": [contact],
            "address": address, "former": member.address, "config": self._config,
        }  # fmt: skip
        with self._database.transaction() as connection:
            others = connection.execute(QUERIES["forget_other_contact"], keys).fetchall()
            is_ours = connection.execute(QUERIES["adopt_contact"], keys).fetchone() is not None
            if is_ours and member.address and member.address != address:
                connection.execute(QUERIES["raise_customer_rename"], keys)
            _refresh(connection, sorted(row["recipient"] for row in others))

    def external_ids(self, member: Member) -> frozenset[str]:
        """Return what e-commerce customers of the member's person are called there, by us."""
        rows = self._database.fetch(QUERIES["read_external_ids"], {"person": member.person})
        return frozenset(row["id"] for row in rows)

    def attempted_at(self, attempt: int) -> datetime:
        """Return when *attempt* was about to be sent."""
        row = next(iter(self._database.fetch(QUERIES["attempted_at"], {"attempt": attempt})), None)
        moment: datetime = scalar(row, "at") or datetime.now(UTC)
        return moment

    def count_entered(self, member: Member, automation: str, *, since: datetime) -> int:
        """Return how many entries of the member's person into an automation are known to be ours, since then."""
        keys = {"recipient": member.recipient, "automation": automation, "since": since}
        return int(scalar(self._database.fetch(QUERIES["count_entered"], keys)[0], "entered"))

    def stop_firing(self, claim: Claim) -> None:
        """Send as historical what the trigger ledger knows already."""
        keys = {
            "destination": claim.destination,
            "entries": [member.entry for member in claim.members],
        }
        with self._database.transaction() as connection:
            connection.execute(QUERIES["stop_firing"], keys)

    def quiet(self, members: Sequence[Member]) -> None:
        """Write down, once and for ever, that orders go out as historical, though nobody was told of them."""
        entries = [member.entry for member in members]
        with self._database.transaction() as connection:
            connection.execute(QUERIES["quiet_orders"], {"entries": entries})

    # -- takeover ---------------------------------------------------------------------

    def _take_over(self, connection: Connection, row: DictRow, letters: list[Letter]) -> bool:
        """Settle what the last holder left; False where nothing may be done yet."""
        keys = {"recipient": row["recipient"]}
        left = connection.execute(QUERIES["read_intents"], keys).fetchall()
        crashed = {"entry": row["lease_entry"], "size": row["lease_size"] or 1}
        counted = connection.execute(QUERIES["count_crash"], crashed).fetchone()
        is_free = True
        for intent in left:
            is_free &= self._settle_left(connection, row, intent)
        _release(connection, row["lease_token"], [row["recipient"]])
        if counted and counted["crashes"] >= self._max_crashes and is_free:
            letters += self._bury_poison(connection, row)
            is_free = False
        _refresh(connection, [row["recipient"]])
        return is_free

    def _settle_left(self, connection: Connection, row: DictRow, intent: DictRow) -> bool:
        """Turn an intent without an end into what follows from it; False if it must be awaited."""
        if intent["kind"] == CallKind.IMPORT_CONTACTS:
            awaiting = await_answer(connection, self._times, row["destination"], intent["attempt"], None)
            keys = {"awaiting": awaiting, "recipients": [row["recipient"]]}
            connection.execute(QUERIES["set_awaiting"], keys)
            return False
        entry = connection.execute(CLAIMABLE, {"entry": intent["entry"]}).fetchone()
        if entry is None:
            return True
        member = _member(entry | {"wanted": intent["wanted"], "fires": intent["fires"] is not None})
        outcome: Outcome = (
            Unclear("worker_lost")
            if member.fires
            else Postponed(delay=timedelta(), counts=False, reason="worker_lost", is_doubtful=True)
        )
        lost = Intent(
            attempt=intent["attempt"], token=intent["token"], destination=row["destination"],
            made_at=intent["made_at"], call=Call(kind=CallKind(intent["kind"]), method="", path="", body={}),
        )  # fmt: skip
        scribe = Scribe(connection, self._times, self._config, row["destination"], lost)
        scribe.write([Result(member=member, outcome=outcome, version=intent["version"])])
        return True

    def _bury_poison(self, connection: Connection, row: DictRow) -> Sequence[Letter]:
        entry = connection.execute(CLAIMABLE, {"entry": row["lease_entry"]}).fetchone()
        if entry is None or entry["state"] != "open":
            return ()
        message = f"{self._max_crashes} workers died while they held it alone"
        scribe = Scribe(connection, self._times, self._config, row["destination"], None)
        scribe.write([Result(member=_member(entry), outcome=Buried("poison", message))])
        return scribe.letters

    # -- awaiting ---------------------------------------------------------------------

    def take_awaiting(self) -> tuple[Awaited, ...]:
        """Take what is to be looked at now."""
        keys = {"destinations": self._destinations, "lease": self._times.call * 2}
        rows = self._database.fetch(QUERIES["take_awaiting"], keys)
        return tuple(
            Awaited(
                awaiting=row["awaiting"], destination=row["destination"], attempt=row["attempt"],
                remote=row["remote"], waited=row["waited"], is_over=row["is_over"],
                is_overdue=row["is_overdue"],
            )
            for row in rows
        )  # fmt: skip

    def look_again(self, awaited: Awaited, *, delay: timedelta) -> None:
        """Look again later."""
        with self._database.transaction() as connection:
            keys = {"awaiting": awaited.awaiting, "delay": delay}
            connection.execute(QUERIES["look_again"], keys)

    def settle_awaited(
        self, awaited: Awaited, judge: Judge, *, contacts: Collection[str] = (), lands_later: bool = False
    ) -> None:
        """
        End an awaiting: each of its rows comes to what *judge* says.

        Args:
            contacts: Contact ids the destination named; whose they are is read later.
            lands_later: It is still under way there: its people go on, and whatever it does
                at last is repaired then.
        """
        letters: Sequence[Letter] = ()
        with self._database.transaction() as connection:
            keys = {"awaiting": awaited.awaiting, "attempt": awaited.attempt}
            if connection.execute(QUERIES["lock_awaiting"], keys).fetchone() is None:
                return
            rows = connection.execute(QUERIES["read_awaited"], keys).fetchall()
            results = [_judged(row, judge, size=len(rows)) for row in rows]
            if lands_later:
                connection.execute(QUERIES["let_go_on"], keys)
            if rows:
                made_at = rows[0]["made_at"]
                call = Call(kind=CallKind.IMPORT_CONTACTS, method="", path="", body={})
                intent = Intent(
                    attempt=awaited.attempt, token=0, destination=awaited.destination,
                    made_at=made_at, call=call,
                )  # fmt: skip
                scribe = Scribe(connection, self._times, self._config, awaited.destination, intent)
                scribe.write(results)
                letters = scribe.letters
            connection.execute(QUERIES["end_awaiting"], keys)
            if not lands_later:
                connection.execute(QUERIES["drop_awaiting"], keys)
            connection.execute(
                QUERIES["note_unlinked"], {"destination": awaited.destination, "contacts": list(contacts)}
            )
            _refresh(connection, sorted({row["recipient"] for row in rows}))
        self._letters += letters

    def end_overdue(self, awaited: Awaited) -> None:
        """What its people went on without has ended at last: send once more what it carried."""
        keys = {"awaiting": awaited.awaiting}
        with self._database.transaction() as connection:
            rows = connection.execute(QUERIES["repair_overdue"], keys).fetchall()
            connection.execute(QUERIES["drop_awaiting"], keys)
            _refresh(connection, sorted({row["recipient"] for row in rows}))

    # -- links ------------------------------------------------------------------------

    def take_unlinked(self, destination: str, *, limit: int) -> tuple[ContactId, ...]:
        """Take contact ids whose addresses nobody has read, if nothing is due to be sent."""
        keys = {"destination": destination, "limit": limit, "lease": self._times.lease}
        rows = self._database.fetch(QUERIES["take_unlinked"], keys)
        return tuple(ContactId(row["contact"]) for row in rows)

    def link_contacts(
        self, destination: str, ids: Sequence[ContactId], addresses: Mapping[ContactId, Address]
    ) -> None:
        """Link the contacts of *addresses* to the recipients that hold them; forget all *ids*."""
        keys = {
            "destination": destination, "ids": list(ids),
            "contacts": list(addresses), "addresses": list(addresses.values()),
        }  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute(QUERIES["link_contacts"], keys)
            connection.execute(QUERIES["drop_unlinked"], keys)


def _judged(row: DictRow, judge: Judge, *, size: int) -> Result:
    # What was wanted when it was sent is settled; what is believed is the entry's own.
    member = replace(_member(row), wanted=row["intended"], unclear=None, readbacks=0, fires=False)
    carried = ImportRow(
        member=member, fingerprint=row["carried_fingerprint"], address=row["carried_address"], size=size
    )
    return Result(member=member, outcome=judge(carried), version=row["version"])


class TriggerTakenError(Exception):
    """A trigger's key is in the ledger already; the object must go out as historical."""


def _is_still_wanted(connection: Connection, draft: Draft) -> bool:
    """Whether nothing newer is wanted by now of a membership, or a customer, that is about to be changed."""
    if draft.membership is None and not draft.written:
        return True
    keys = {"entry": draft.member.entry, "wanted": draft.member.wanted}
    row = connection.execute(CONSENT_QUERIES["is_still_wanted"], keys).fetchone()
    return bool(scalar(row, "is_still_wanted"))


def _intend_memberships(connection: Connection, drafts: Sequence[Draft], attempt: int) -> None:
    """Write down what an attempt is about to make of memberships."""
    for draft in drafts:
        if draft.membership is not None:
            keys = asdict(draft.membership) | {"recipient": draft.member.recipient, "attempt": attempt}
            connection.execute(CONSENT_QUERIES["intend_membership"], keys)


def _intend_write_backs(connection: Connection, drafts: Sequence[Draft], attempt: int) -> None:
    """Write down what an attempt is about to write to customers."""
    for member, each in ((draft.member, each) for draft in drafts for each in draft.written):
        keys = {
            "source": member.source, "id": member.object, "channel": each.channel, "name": each.name,
            "fields": Jsonb(dict(each.fields)), "attempt": attempt,
        }  # fmt: skip
        connection.execute(CONSENT_QUERIES["intend_write_back"], keys)


def _intent_columns(drafts: Sequence[Draft]) -> dict[str, list[Any]]:
    return {
        "entry": [d.member.entry for d in drafts],
        "recipient": [d.member.recipient for d in drafts],
        "position": list(range(len(drafts))),
        "wanted": [d.member.wanted for d in drafts],
        "fingerprint": [d.fingerprint for d in drafts],
        "carried": [d.member.profile for d in drafts],
        "version": [d.version for d in drafts],
        "address": [d.address for d in drafts],
        "fires": [d.member.business_key if d.fires else None for d in drafts],
    }


def _persons(members: Sequence[Member], destination: str, moved: Moved) -> dict[str, Any]:
    persons = sorted({m.person for m in members})
    theirs = {key: list(places) for person in persons for key, places in moved.get(person, {}).items()}
    return {"persons": persons, "destination": destination, "moved": Jsonb(theirs)}


def _member(row: Mapping[str, Any]) -> Member:
    return Member(**{name: row[name] for name in _MEMBER})


def _release(connection: Connection, token: int | None, recipients: Sequence[int]) -> None:
    keys = {"recipients": list(recipients), "token": token}
    connection.execute(QUERIES["release_recipients"], keys)


def _refresh(connection: Connection, recipients: Sequence[int]) -> None:
    connection.execute(QUERIES["refresh_recipients"], {"recipients": list(recipients)})
