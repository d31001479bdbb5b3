"""
Histories of consent: what people say in a shop and do in an account, told at random and judged by itself.

Shop, account and database are real, and their clocks go on together, the account's a little apart.
The judge knows what was said, when, and what a reader could tell of it; it asks the product nothing
but for its ledger.
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import requests
from world import Sandbox, World

#: Moments further apart than this are in a clear order: grace, stamps without fractions, and clocks apart.
CLEAR = timedelta(seconds=5)
#: How far apart the account's clock and the shop's are.
APART = (-0.9, 0.0, 0.9)
SPANS = (0.0, 0.0, 0.4, 1.5, 4.0, 9.0, 45.0)
SAID = ("yes", "yes", "yes", "yes", "no", "no", "no", "pending")
TWO_YEARS = timedelta(days=730)
TYPES = ("consents", "other-consents")
NEWS = "Newsletter"
ON, OFF = ("0", "1"), ("2", "3")
OURS = ("api", "import")
WATCHED = ("list_contact_lists", "write_membership")
ACTS: Mapping[str, Mapping[str, Any]] = {
    "unsubscribe": {"act": "unsubscribe"}, "admin": {"act": "unsubscribe", "by": "admin"},
    "bounce": {"act": "bounce"}, "form": {"act": "subscribe", "list": NEWS},
    "double": {"act": "subscribe", "list": NEWS, "double": True}, "confirm": {"act": "confirm", "list": NEWS},
}  # fmt: skip
FAULTS: tuple[Mapping[str, Any], ...] = (
    {"when": "after", "reset": True}, {"when": "after", "status": 503}, {"reset": True}, {"status": 503},
    {"status": 429, "headers": {"Retry-After": "1"}}, {"status": 500},
)  # fmt: skip
WEIGHTS = {
    "sign_up": 8, "say": 40, "edit": 4, "order": 2, "guest_order": 4, "rename": 2, "join": 1, "act": 40,
    "fault": 8, "heal": 2, "read": 8, "deliver": 8, "sync": 16, "replay": 2, "remap": 2, "migrate": 2,
    "look": 3,
}  # fmt: skip
#: What somebody can do there, by where they stand.
CAN: Mapping[str | None, tuple[str, ...]] = {
    None: ("form", "double", "nothing"), "0": ("confirm", "form", "unsubscribe"),
    "1": ("unsubscribe", "unsubscribe", "unsubscribe", "admin", "bounce"),
    "2": ("form", "double", "bounce", "nothing"), "3": ("form", "nothing"),
}  # fmt: skip


@dataclass(kw_only=True, eq=False)
class Word:
    """
    What somebody said.

    Attributes:
        moment: When, by their own statement or by the shop's clock.
        uttered: When it came into the shop.
        since, until: Between which moments a reader could tell that it was said; None of what none could.
    """

    says: str
    moment: datetime
    uttered: datetime
    is_past: bool = False
    since: datetime | None = None
    until: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True)
class Shown:
    """What a record showed at some time."""

    value: str | None
    time: datetime | None
    type: str
    modified: datetime


@dataclass(kw_only=True, eq=False)
class Record:
    """A customer or an order that may say something."""

    id: str
    is_customer: bool
    created: datetime
    shows: Shown
    is_past: bool = False
    is_migrated: bool = False
    read: Shown | None = None
    words: list[Word] = field(default_factory=list)


@dataclass(kw_only=True, eq=False)
class Person:
    """All who share an address, with what they said under it; *is_mixed* where records came or went."""

    emails: list[str]
    records: list[Record] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    is_mixed: bool = False
    story: list[str] = field(default_factory=list)

    @property
    def customers(self) -> list[Record]:
        """The customers among the records."""
        return [each for each in self.records if each.is_customer]


@dataclass(frozen=True)
class Move:
    """A change of a membership, by the shop's clock."""

    at: datetime
    call: int
    before: str | None
    after: str
    via: str

    @property
    def is_ours(self) -> bool:
        """Whether it came by the interface."""
        return self.via in OURS


def set_walls(database: str) -> None:
    """Let the wall clock of a database, too, go ahead with its own clock."""
    with psycopg.connect(database, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute("CREATE SCHEMA going")
        connection.execute(
            "CREATE FUNCTION going.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            " 'SELECT pg_catalog.clock_timestamp() + shift FROM public.clock'"
        )
        connection.execute(f"ALTER DATABASE {name} SET search_path = going, public, pg_catalog")


class Kept(Sandbox):
    """Control doors over one connection, which is kept."""

    def __init__(self, url: str) -> None:
        """Begin without a connection."""
        super().__init__(url)
        self._session = requests.Session()

    def ask(self, door: str, body: Any = None, *, method: str | None = None) -> Any:
        """Use a control door."""
        verb = method or ("GET" if body is None else "POST")
        answer = self._session.request(verb, f"{self.url}/_sandbox/{door}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()


class History:
    """
    A history as it goes.

    Attributes:
        absence_is_no: Whether the configuration takes a value that is not there for a no.
        did: How often each step was taken.
    """

    def __init__(
        self, world: World, *, seed: int, owner: str, absence_is_no: bool = False, past_counts: bool = False
    ) -> None:
        """Begin before anything was read."""
        self.world, self.shop, self.account = world, Kept(world.shop.url), Kept(world.account.url)
        self.dice = random.Random(seed)
        self.owner, self.absence_is_no, self.past_counts = owner, absence_is_no, past_counts
        self.apart = timedelta(seconds=self.dice.choice(APART))
        self.shift = timedelta()
        self.people: list[Person] = []
        self.did: Counter[str] = Counter()
        self._last: Person | None = None
        self._emails = iter(f"somebody.{number}@example.com" for number in range(1, 1000))
        world.pass_time = self.pass_time  # type: ignore[method-assign]
        self.pass_time(timedelta())

    # -- clocks -----------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the shop's time."""
        return datetime.now(UTC) + self.shift

    def pass_time(self, span: timedelta) -> None:
        """Let all clocks go on."""
        self.shift += span
        self.world.execute("UPDATE clock SET shift = %s", (self.shift,))
        self.shop.ask("switches", {"ahead_seconds": self.shift.total_seconds()})
        self.account.ask("clock", {"ahead_seconds": (self.shift + self.apart).total_seconds()})

    # -- the whole --------------------------------------------------------------------

    def begin(self) -> None:
        """Let there be people of the past, some of whom the account knows by itself; then read."""
        for says in ("yes", "no", "yes", "no", None, "pending"):
            person = self._person()
            stated = self.now() - TWO_YEARS if self.dice.random() < 0.3 and says else None
            self._put_past(person, says, stated)
            if self.dice.random() < 0.5:
                self._act(person, "form")
                if self.dice.random() < 0.5:
                    self._act(person, "unsubscribe", "1")
        self.pass_time(CLEAR)
        self.read()
        self.pass_time(CLEAR)

    def go_on(self, steps: int) -> None:
        """Take so many steps."""
        for _ in range(steps):
            kind = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            getattr(self, kind)()
            self.did[kind] += 1
            if span := self.dice.choice(SPANS):
                self.pass_time(timedelta(seconds=span))

    def end(self) -> None:
        """Let most say and do a last thing; heal all, replay what died, and let all be delivered and looked at."""
        self.pass_time(CLEAR)
        self.read()
        for person in self.people:
            if person.customers and self.dice.random() < 0.7:
                self.pass_time(2 * CLEAR)
                self._say(person, self.dice.choice(person.customers), self.dice.choice(SAID), self._stated())
            elif self.dice.random() < 0.4:
                self._last = person
                self.act()
        self.heal()
        self.read()
        self.drain()
        self.replay()
        self.drain()
        for _ in range(3):
            self.look()
            self.drain()

    # -- what people say --------------------------------------------------------------

    def sign_up(self) -> None:
        """Somebody signs up, now and then under an address that somebody has."""
        person = self._person() if self.dice.random() < 0.8 else self._any()
        says = self.dice.choice((*SAID, None))
        row = self.shop.do("sign_up", email=person.emails[-1], visible_after_seconds=0)
        record = Record(id=row["id"], is_customer=True, created=_at(row["createdAt"]), shows=_shown(row))
        person.records.append(record)
        self._tell(person, f"signs up as {record.id[:8]}")
        if says:
            self._say(person, record, says, self._stated())

    def say(self) -> None:
        """Somebody says something, perhaps the same once more."""
        found = self._any_customer()
        if found:
            self._say(*found, self.dice.choice(SAID), self._stated())

    def guest_order(self) -> None:
        """A guest orders, and may say something by it."""
        person = self._person() if self.dice.random() < 0.3 else self._any()
        self._order(person, self.dice.choice(("yes", "no", None)), email=person.emails[-1])

    def _order(self, person: Person, says: str | None, **given: Any) -> None:
        fields = {"custom": _custom(says, None, TYPES[0])} if says else {}
        kind = "order" if "customer" in given else "guest_order"
        row = self.shop.do(kind, fields=fields, visible_after_seconds=0, **given)
        record = Record(id=row["id"], is_customer=False, created=_at(row["createdAt"]), shows=_shown(row))
        person.records.append(record)
        self._tell(person, f"{kind} {record.id[:8]} says {says}")
        if says:
            self._note(person, record, Word(says=says, moment=record.created, uttered=record.created))

    def _say(self, person: Person, record: Record, says: str, stated: datetime | None) -> None:
        """Let a customer say it; one without a time may leave that of before."""
        if stated is None and record.shows.time and self.dice.random() < 0.3:
            told = record.shows.time
        else:
            told = stated
        row = self.shop.change(
            "customer", record.id, custom=_custom(says, told, record.shows.type or TYPES[0])
        )
        record.shows = _shown(row)
        moment = stated or record.shows.modified
        self._note(person, record, Word(says=says, moment=moment, uttered=record.shows.modified))
        self._tell(
            person, f"{record.id[:8]} says {says}, time {told and told.isoformat()}, version {row['version']}"
        )

    def _note(self, person: Person, record: Record, word: Word) -> None:
        record.words.append(word)
        record.is_migrated = False
        person.words.append(word)

    def _stated(self) -> datetime | None:
        ago = self.dice.choice((None, None, 0, 0, 90, 7200))
        return None if ago is None else self.now() - timedelta(seconds=ago)

    def _put_past(self, person: Person, says: str | None, stated: datetime | None) -> None:
        """Put somebody into the shop who came two years ago."""
        moment = _text(self.now() - TWO_YEARS)
        body = {
            "email": person.emails[-1], "firstName": "Ann", "lastName": "Lee", "addresses": [], "stores": [],
            "isEmailVerified": True, "authenticationMode": "Password", "customerGroupAssignments": [],
            "createdAt": moment, "lastModifiedAt": moment, "custom": _custom(says, stated, TYPES[0]) if says else None,
        }  # fmt: skip
        row = self.shop.put("customer", **body)
        record = Record(id=row["id"], is_customer=True, created=_at(moment), shows=_shown(row), is_past=True)
        person.records.append(record)
        self._tell(person, f"{record.id[:8]} of the past says {says}, time {stated}")
        if says:
            word = Word(says=says, moment=stated or _at(moment), uttered=_at(moment), is_past=True)
            self._note(person, record, word)

    # -- what says nothing ------------------------------------------------------------

    def edit(self) -> None:
        """Somebody changes a name."""
        if found := self._any_customer():
            person, record = found
            names = {"lastName": self.dice.choice(("Lee", "Roe", "Poe")) + str(self.did["edit"])}
            record.shows = _shown(self.shop.change("customer", record.id, **names))
            self._tell(person, f"{record.id[:8]} is edited")

    def order(self) -> None:
        """A customer orders, and says nothing by it mostly."""
        if found := self._any_customer():
            self._order(found[0], self.dice.choice((None, None, "yes", "no")), customer=found[1].id)

    def migrate(self) -> None:
        """A field appears with a default that nobody chose, or a type changes and the values with it."""
        found = self._any_customer()
        if found is None or found[1].read is None or (self.absence_is_no and found[1].shows.value is None):
            return
        person, record = found
        type_ = TYPES[1] if record.shows.type == TYPES[0] else TYPES[0]
        if record.read.type == type_:
            return
        record.shows = _shown(
            self.shop.change("customer", record.id, custom=_custom("yes", record.shows.time, type_))
        )
        record.is_migrated = True
        self._tell(person, f"{record.id[:8]} is migrated to yes, version {record.shows.modified}")

    def rename(self) -> None:
        """Somebody takes an address that nobody had."""
        found = self._any_customer()
        if found is None or len(found[0].customers) > 1:
            return
        person, record = found
        self.read()
        person.emails.append(next(self._emails))
        record.shows = _shown(
            self.shop.do("change_email", customer=record.id, email=person.emails[-1], visible_after_seconds=0)
        )
        self._tell(person, f"{record.id[:8]} is {person.emails[-1]} from now on")
        self.read()

    def join(self) -> None:
        """Somebody takes an address that somebody else has: what they said before is not that one's."""
        found, other = self._any_customer(), self.dice.choice(self.people)
        if found is None or other is found[0] or not other.records:
            return
        person, record = found
        self.read()
        record.shows = _shown(
            self.shop.do("change_email", customer=record.id, email=other.emails[-1], visible_after_seconds=0)
        )
        person.records.remove(record)
        other.records.append(record)
        for each in (person, other):
            each.is_mixed = True
            self._tell(each, f"{record.id[:8]} goes from {person.emails[-1]} to {other.emails[-1]}")
        self.read()

    # -- what people do there ---------------------------------------------------------

    def act(self) -> None:
        """Somebody does something in the account, as far as they can."""
        person = self._any()
        contact = self._contact(person)
        status = self.account.ask(f"contact?email={contact}")["lists"].get(NEWS) if contact else None
        self._act(person, self.dice.choice(CAN[status]), status)

    def _act(self, person: Person, act: str, status: str | None = None) -> None:
        if act != "nothing":
            email = self._contact(person) or person.emails[-1]
            self.account.ask("lists/act", {"email": email, **ACTS[act]})
            self._tell(person, f"{act} there, from {status}")
        self.did[f"act {act}"] += 1

    def _contact(self, person: Person) -> str | None:
        known = self.account.contacts()
        return next((each for each in reversed(person.emails) if each in known), None)

    # -- what the machines do ---------------------------------------------------------

    def fault(self) -> None:
        """Calls about memberships fail for a while."""
        operation = self.dice.choice(("write_membership", "write_membership", "list_contact_lists"))
        rule = dict(self.dice.choice(FAULTS))
        self.account.fault(operation=operation, times=self.dice.choice((1, 1, 2)), **rule)
        self._tell_all(f"fault of {operation}: {rule}")

    def heal(self) -> None:
        """No call fails any more."""
        self.account.heal()

    def read(self) -> None:
        """Read all there is."""
        self.world.read()
        for person in self.people:
            for record in person.records:
                self._hear(record)
        self._tell_all("- read")

    def _hear(self, record: Record) -> None:
        """Note what a reader could tell of what was said since the record was read last."""
        was, now = record.read, record.shows
        new = [word for word in record.words if word.read_at is None]
        for word in new:
            word.read_at = self.now()
        record.read = now
        if not new or record.is_migrated:
            return
        word, word.until = new[-1], min(now.time or now.modified, now.modified)
        if was is None:
            word.since = now.time or record.created
        elif now.time and now.time != was.time:
            word.since = min(now.time, now.modified)
        elif was.value != now.value and was.type in ("", now.type):
            is_told = was.type == now.type or self.absence_is_no
            word.since = was.modified if is_told and (was.value or self.absence_is_no) else None
            word.until = now.modified

    def deliver(self) -> None:
        """Deliver some of what is due."""
        self._tell_all("- deliver")
        for _ in range(2):
            self.world.box.dispatch.tick()
            self.world.box.settle.settle_due()
            self.world.deliver_due()
            self.pass_time(timedelta(seconds=1))

    def sync(self) -> None:
        """Read all there is, and deliver all that follows."""
        self.read()
        self.drain()

    def drain(self) -> None:
        """Deliver all, as the world does, and let the clocks go on instead of waiting."""
        self._tell_all("- drain")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.world.box.dispatch.tick()
            self.world.box.settle.settle_due()
            if not self.world.deliver_due():
                if not self.world.box.deliveries.is_owing():
                    return
                time.sleep(0.01)
                self.pass_time(timedelta(seconds=1))
        raise AssertionError(f"still owed: {self.world.box.views.status()}")

    def replay(self) -> None:
        """A human has all dead letters tried once more."""
        rows = self.world.sql("SELECT dead_letter FROM dead_letter WHERE state = 'open' ORDER BY 1")
        if rows:
            self._tell_all("- replay")
            self.world.box.replay.replay([row["dead_letter"] for row in rows], actor="tests", reason="healed")

    def remap(self) -> None:
        """All is mapped once more."""
        self._tell_all("- remap")
        self.world.box.remap.run()

    def look(self) -> None:
        """Half a minute later, the memberships are looked at for news."""
        self.pass_time(timedelta(seconds=31))
        self.world.box.settle.settle_due()

    # -- who --------------------------------------------------------------------------

    def _person(self) -> Person:
        person = Person(emails=[next(self._emails)])
        self.people.append(person)
        return person

    def _any(self) -> Person:
        """Return somebody, of those who came last; now and then whoever it was last."""
        if self._last is None or self.dice.random() < 0.6:
            self._last = self.dice.choice(self.people[-8:])
        return self._last

    def _any_customer(self) -> tuple[Person, Record] | None:
        person = self._any()
        if not person.customers:
            person = self.dice.choice(self.people[-8:])
        return (person, self.dice.choice(person.customers)) if person.customers else None

    def _tell(self, person: Person, line: str) -> None:
        person.story.append(f"{self.now():%H:%M:%S.%f} {line}")

    def _tell_all(self, line: str) -> None:
        for person in self.people:
            self._tell(person, line)


class Judge:
    """
    Says what is wrong with a history that has ended.

    Attributes:
        seen: How much there was to judge, by kind.
    """

    def __init__(self, history: History) -> None:
        """Take the account's own log."""
        self.history = history
        self.seen: Counter[str] = Counter()
        self._owners = {email: person for person in history.people for email in person.emails}
        self._moves: dict[int, list[Move]] = defaultdict(list)
        for row in history.account.log("list_status"):
            move = Move(
                at=_at(row["at"]) - history.apart, call=row["call"], before=row["before"],
                after=row["after"], via=row["via"],
            )  # fmt: skip
            self._moves[id(self._owners[row["email"].lower()])].append(move)

    def faults(self) -> Iterator[str]:
        """Give all that is wrong, each with the whole history of the person."""
        for person in self.history.people:
            moves = self._moves[id(person)]
            for rule in (self._revivals, self._beginnings, self._ends, self._clear, self._ledger):
                for fault in rule(person, moves):
                    yield f"{fault}\n{self._told(person, moves)}"

    # -- rules ------------------------------------------------------------------------

    def _revivals(self, person: Person, moves: list[Move]) -> Iterator[str]:
        """1: nobody who left is brought back without a newer yes; by the strictest word, nobody at all."""
        for number, move in enumerate(moves):
            if not (move.is_ours and move.after == "1" and move.before in OFF):
                continue
            left = moves[number - 1]
            if left.is_ours:
                self.seen["back after our end"] += 1
                continue
            self.seen["back"] += 1
            if self.history.owner == "strictest":
                yield f"brought back at {move.at} over their own will"
            newer = [
                w for w in person.words if w.says == "yes" and left.at < w.moment and w.uttered <= move.at
            ]
            if not newer:
                yield f"brought back at {move.at} without a yes after {left.at}"

    def _beginnings(self, person: Person, moves: list[Move]) -> Iterator[str]:
        """2: nobody is put on the list without a yes of theirs, nor against a no that was read by then."""
        for move in (each for each in moves if each.is_ours and each.after == "1"):
            self.seen["on"] += 1
            heard = [
                w for w in person.words
                if w.uttered <= move.at and (self.history.past_counts or not w.is_past)
            ]  # fmt: skip
            if not any(w.says == "yes" for w in heard):
                yield f"put on the list at {move.at} without a yes"
            words = sorted(
                (w for w in heard if w.read_at and w.read_at < move.at and w.since), key=lambda w: w.moment
            )
            if words and not person.is_mixed and words[-1].says == "no":
                later = [w for w in person.words if w.says == "yes" and w.moment + CLEAR > words[-1].moment]
                if not later:
                    yield f"put on the list at {move.at} over a later no"

    def _ends(self, person: Person, moves: list[Move]) -> Iterator[str]:
        """Nobody is taken from the list without a no of theirs."""
        for move in (each for each in moves if each.is_ours and each.after == "2"):
            self.seen["off"] += 1
            if not any(w.says == "no" and w.uttered <= move.at for w in person.words) and not person.is_mixed:
                yield f"taken from the list at {move.at} without a no"

    def _clear(self, person: Person, moves: list[Move]) -> Iterator[str]:
        """3: every clear word came true."""
        last = self._last_word(person)
        if last is None or last.since is None or last.until is None or not self._is_written_to(person):
            return
        end = moves[-1] if moves else None
        if last.says == "no":
            if end and end.after in ON and last.since > end.at + CLEAR:
                yield "a clear no did not take them from the list"
            self.seen["clear no"] += 1
        elif self._is_clear_yes(person, last, end):
            self.seen["clear yes"] += 1
            if end is None or end.after != "1":
                yield "a clear yes did not put them on the list"

    def _is_clear_yes(self, person: Person, last: Word, end: Move | None) -> bool:
        if end is None or end.after == "1":
            return True
        if last.since is None:
            return False
        if end.is_ours:
            noes = [w.until or w.uttered for w in person.words if w.says == "no"]
            return all(last.since >= each for each in noes)
        return self.history.owner != "strictest" and last.since > end.at + CLEAR

    def _last_word(self, person: Person) -> Word | None:
        """Return the word that counts, where nobody can doubt which that is."""
        if person.is_mixed or any(each.is_migrated for each in person.records):
            return None
        words = [each.words[-1] for each in person.records if each.words]
        known = [each for each in words if each.since]
        is_doubtful = len(known) < len(words) or any(w.is_past or w.says == "pending" for w in words)
        if not known or is_doubtful:
            return None
        last = max(known, key=lambda w: w.since or w.moment)
        others = [w for w in known if w.says != last.says]
        if self.history.owner == "strictest":
            return None if others and last.says == "yes" else last
        is_last = all(w.until and last.since and w.until + CLEAR < last.since for w in others)
        return last if is_last else None

    def _is_written_to(self, person: Person) -> bool:
        """Whether the account took the person at all: it may refuse who bounced."""
        rows = self.history.world.sql(
            "SELECT contact FROM recipient JOIN record USING (person) WHERE record.id = %s",
            (person.records[0].id,),
        )
        return any(row["contact"] for row in rows)

    # -- the ledger -------------------------------------------------------------------

    def _ledger(self, person: Person, moves: list[Move]) -> Iterator[str]:
        """4: each of our moves is in the ledger with what it was made on, and its last standing is the true one."""
        rows = self._rows(person)
        written = [row for row in rows if row["what"] == "written"]
        for move in (each for each in moves if each.is_ours):
            name, action = {"1": ("active", "subscribe"), "2": ("unsubscribed", "unsubscribe")}[move.after]
            row = next((each for each in written if each["standing"] == name), None)
            if row is None:
                yield f"our move at {move.at} to {name} is not in the ledger as written"
                continue
            written = written[written.index(row) + 1 :]
            self.seen["written"] += 1
            before = [
                e
                for e in rows
                if e["number"] < row["number"] and (e["what"], e["action"]) == ("verdict", action)
            ]
            if not before and not row["evidence"]:
                yield f"nothing explains our move at {move.at} to {name}"
        standings = [row["standing"] for row in rows if row["standing"]]
        names = {None: "none", "0": "unconfirmed", "1": "active", "2": "unsubscribed", "3": "bounced"}
        true = names[moves[-1].after if moves else None]
        is_linked = self._is_written_to(person)
        if standings and is_linked and not person.is_mixed and standings[-1] != true:
            yield f"the ledger ends with {standings[-1]}, and there it is {true}"

    def _rows(self, person: Person) -> list[dict[str, Any]]:
        return self.history.world.sql(
            "SELECT l.* FROM consent_ledger l JOIN recipient r USING (recipient)"
            " WHERE r.contact = ANY (%s) OR r.person IN (SELECT person FROM record WHERE id = ANY (%s))"
            " ORDER BY l.number",
            (self._contacts(person), [each.id for each in person.records]),
        )

    def _contacts(self, person: Person) -> list[str]:
        rows = self.history.account.log("list_status")
        known = self.history.account.contacts()
        found = {str(row["contact"]) for row in rows if row["email"].lower() in person.emails}
        return sorted(found | {str(known[email]["id"]) for email in person.emails if email in known})

    def _told(self, person: Person, moves: list[Move]) -> str:
        """Return all that is known of a person."""
        history = self.history
        lines = [
            f"{person.emails}, owner {history.owner}, the account's clock {history.apart.total_seconds()} s ahead"
        ]
        lines += ["-- in the shop and there", *person.story, "-- words", *map(str, person.words), "-- moves"]
        lines += [*map(str, moves), "-- evidence"]
        lines += [
            str(row)
            for each in person.records
            for row in history.world.sql(
                "SELECT evidence, id, version, says, since, at, is_explicit, is_past, noticed_at"
                " FROM consent_evidence WHERE id = %s ORDER BY 1",
                (each.id,),
            )
        ]
        rows = [
            f"{e['number']} {e['at']:%H:%M:%S} {e['what']} {e['standing']} {e['action']} {e['reason']} on {e['evidence']}"
            for e in self._rows(person)
        ]
        return "\n    ".join([*lines, "-- ledger", *rows])


def calls_about_memberships(history: History, *, after: int) -> list[str]:
    """Return the calls about memberships after the first *after*, with what the ledger says of each contact."""
    calls = [each for each in history.account.calls(after=after) if each["operation"] in WATCHED]
    return [f"{each['operation']} {each['path']} {each['request_body']}" for each in calls]


def edit_everybody(history: History, name: str) -> None:
    """Let everybody be edited or order something, say nothing by it, and be delivered."""
    for person in history.people:
        for record in person.customers:
            history.shop.change("customer", record.id, lastName=name)
        if not person.customers:
            history.shop.do("guest_order", email=person.emails[-1], visible_after_seconds=0)
    history.sync()


Begin = Callable[..., History]


def _custom(says: str | None, time: datetime | None, type_: str) -> dict[str, Any]:
    fields = {"newsletter": {"yes": True, "no": False}.get(says or "", says)}
    if time:
        fields["newsletterAt"] = _text(time)
    return {"type": {"typeId": "type", "id": type_}, "fields": fields}


def _shown(row: Mapping[str, Any]) -> Shown:
    custom = row.get("custom") or {}
    fields = custom.get("fields") or {}
    value, time = fields.get("newsletter"), fields.get("newsletterAt")
    return Shown(
        value=None if value is None else str(value), time=_at(time) if time else None,
        type=(custom.get("type") or {}).get("id", ""), modified=_at(row["lastModifiedAt"]),
    )  # fmt: skip


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
