"""
The outside judge of events: what the shop says has happened, against what an account was told.

It imports nothing of the product, and reads two logs: the shop's own of what happened (``GET
/_sandbox/happened``) and the account's of effects (``GET /_sandbox/log``).  Each thing that happened
and is asked for is found there once: under its name, at the person it happened to, with its
amount and its time, and after what the same person did before.

A tracked value is read as ``{event.key} {event.amount} {event.currency} {event.at}`` and a mark of
16 characters; of what is about no money, as ``{event.key} {event.at}``.

What a reader that looks now and then cannot have seen is not called lost: a state that was left
before the next poll, and of which no message tells.

As a process it judges the demo: both accounts of the worked example at once, so that what is told
in two of them is doubled, and in the wrong one astray.  When the shop was read it takes from the
shop's own log of calls.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from ct_ac_sync.sandbox.judge import UNACCEPTED, Rules, Shop, amount, fetch, folded

Row = Mapping[str, Any]
#: How far times may be apart that are equal: what the shop answers tells whole seconds.
SLACK = timedelta(seconds=1)

_MARK = re.compile(r"[a-z2-7]{16}\Z")
#: What the log calls otherwise than it is told.
_TOLD_AS = {"cart_changed": "cart_updated"}
_OF_CARTS = ("cart_created", "cart_changed", "checkout_address", "checkout_shipping", "checkout_payment")
_OF_ORDERS = (
    "order_placed", "order_confirmed", "order_completed", "order_cancelled", "paid", "payment_failed",
)  # fmt: skip
_OF_PARCELS = ("shipped", "delivered")
_OF_ITEMS = ("return_requested", "return_received")
_OF_PAYMENTS = ("refunded", "chargeback")
#: Kinds of which a record tells when it was made, however late it is read.
_MADE = ("signed_up", "cart_created", "order_placed")
_ENDS = ("cart_merged", "cart_frozen", "cart_deleted", "order_placed")
_TOUCHES = (*_OF_CARTS, "cart_touched")
#: What hides a state from whom no message tells of it.
_LEFT_BY: Mapping[str, tuple[str, ...]] = {
    "order_confirmed": ("order_completed", "order_cancelled"), "order_completed": ("order_cancelled",),
    "payment_failed": ("paid",), "paid": ("payment_failed",), "shipped": ("delivered",),
    "return_requested": ("return_received",),
}  # fmt: skip
_GONE = {
    "customer_deleted": "customer", "order_deleted": "order", "cart_deleted": "cart", "list_deleted": "list",
}  # fmt: skip
#: Kinds of which no message tells.
_LOOKED_FOR = (*_OF_CARTS, "list_item_added")


class Amount(NamedTuple):
    """An amount in major units."""

    value: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.value} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What an account was to be told, and what its reader can know.

    Attributes:
        kinds: What is tracked, each under its own name.
        polls: When all of the shop was read, by its clock; the last is that up to which all is told.
        is_exact: Whether messages tell when things happened.
        idle, idle_of: After how long a cart is abandoned, and in stores that differ.
        automations: Which is entered by the kind of what happened.
        never: Automations that nobody enters twice.
        has_carts: Whether abandoned carts are written there.
        is_real_time: Whether orders start automations when they are placed.
        is_in_order: Whether what somebody is told of later must have happened later.
        refused: Addresses that the account does not take.
        blur: So long before a poll something must have happened for that poll to have seen it.
        parked: Triggers and keys of what waits for a human to say whether it was told.
        is_recovered_there: Whether an account starts something when an abandoned cart is ordered.
    """

    kinds: frozenset[str]
    polls: tuple[datetime, ...]
    is_exact: bool = True
    idle: timedelta = timedelta(hours=1)
    idle_of: Mapping[str, timedelta] = field(default_factory=dict)
    automations: Mapping[str, str] = field(default_factory=dict)
    never: frozenset[str] = frozenset()
    has_carts: bool = False
    is_real_time: bool = False
    is_in_order: bool = True
    refused: frozenset[str] = frozenset()
    blur: timedelta = timedelta(0)
    parked: frozenset[tuple[str, str]] = frozenset()
    is_recovered_there: bool = True

    def poll_after(self, moment: datetime) -> datetime:
        """Return when the shop was read next after *moment*; the last time where it was not again."""
        return min((poll for poll in self.polls if poll >= moment + self.blur), default=max(self.polls))

    def saw(self, since: datetime, before: datetime) -> bool:
        """Whether the shop was read from *since* on, and *before* something."""
        return any(since + self.blur <= poll < before for poll in self.polls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """
    One thing that happened, as it must be told.

    Attributes:
        at, latest: The earliest and the latest time that may be told of it.
        emails: Folded addresses that its person has, then or later; none where nobody is known.
        amounts: What it is about: as it was then, and as it is when it is read; none where the
            log does not say.
        excuse: Why it need not be told; empty where it must.
        is_past: Nobody may be told of it.
    """

    kind: str
    key: str
    at: datetime
    latest: datetime
    emails: frozenset[str]
    amounts: tuple[Amount, ...] = ()
    excuse: str = ""
    is_past: bool = False

    @property
    def is_due(self) -> bool:
        """Whether it must be told."""
        return bool(self.emails) and not self.excuse and not self.is_past

    def __str__(self) -> str:
        who = ", ".join(sorted(self.emails)) or "nobody known"
        return f"{self.kind} {self.key} of {self.at:%H:%M:%S} ({who})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What is wrong, each in a line for a human.

    Attributes:
        unexplained: What was told and never happened.
        parked: What was not told, and waits for a human.
        compared: How many of each kind had to be there.
        excused: What happened and need not be told, and why.
    """

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    compared: Mapping[str, int] = field(default_factory=dict)
    excused: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether all that happened was told, once and right, and nothing else was."""
        return not any((self.lost, self.doubled, self.wrong, self.unexplained))

    def __str__(self) -> str:
        kinds = ("lost", "doubled", "wrong", "unexplained")
        return "\n".join(f"{kind}: {line}" for kind in kinds for line in getattr(self, kind)) or "right"


# -- what must be told ------------------------------------------------------------------


def expected(happened: Sequence[Row], asked: Asked) -> tuple[Expectation, ...]:
    """
    Return what must, may and may not be told of *happened*, in the order in which it happened.

    Of things with one key the first counts.

    Args:
        happened: The shop's log.
        asked: What is asked for; all kinds are returned, whatever of them is asked for.
    """
    return tuple(each for each in _sooner_or_later(happened, asked) if each.at <= max(asked.polls))


def _sooner_or_later(happened: Sequence[Row], asked: Asked) -> tuple[Expectation, ...]:
    """Return what is expected, with what need not be told by now; that may be told all the same."""
    log = _Log(happened, asked)
    found: dict[tuple[str, str], Expectation] = {}
    for each in sorted([*log.plain(), *log.of_lists(), *log.of_idle_carts()], key=lambda one: one.at):
        found.setdefault((each.kind, each.key), each)
    end = max(asked.polls)
    return tuple(
        each if each.at <= end else replace(each, excuse=each.excuse or "nobody looked since")
        for each in found.values()
    )


class _Log:
    """The shop's log, and what follows from it."""

    def __init__(self, happened: Sequence[Row], asked: Asked) -> None:
        self._happened, self._asked = happened, asked
        self._of_cart: dict[str, list[tuple[int, Row]]] = defaultdict(list)
        self._of_order: dict[str, list[tuple[int, Row]]] = defaultdict(list)
        self._of_list: dict[str, list[tuple[int, Row]]] = defaultdict(list)
        for place, row in enumerate(happened):
            self._of_cart[row.get("cart", "")].append((place, row))
            self._of_order[row.get("order", "")].append((place, row))
            self._of_list[row.get("list", "")].append((place, row))
        self._moved = [(place, row) for place, row in enumerate(happened) if row["what"] == "email_changed"]
        self._gone = [(place, row) for place, row in enumerate(happened) if row["what"] in _GONE]

    def plain(self) -> Iterator[Expectation]:
        """Give what the log has in so many words."""
        for place, row in enumerate(self._happened):
            key = _key_of(row)
            if key and not _is_nobodys_cart(row):
                kind = _TOLD_AS.get(row["what"]) or str(row["what"])
                yield self._of(place, row, kind=kind, key=key)

    def _of(self, place: int, row: Row, **named: str) -> Expectation:
        """Return a thing that happened as the log says."""
        at = _instant(row["at"])
        is_told_exactly = row["what"] in _MADE or (self._asked.is_exact and row["what"] not in _LOOKED_FOR)
        latest = at if is_told_exactly else max(at, self._asked.poll_after(at))
        return Expectation(
            **named, at=at, latest=latest, emails=self._emails(place, row), is_past=row["historical"],
            amounts=self._amounts(place, row, until=self._asked.poll_after(at)),
            excuse=self._excuse(place, row),
        )  # fmt: skip

    def _amounts(self, place: int, row: Row, *, until: datetime) -> tuple[Amount, ...]:
        """Return what it is about; what a cart comes to may be read later, as it is *until* then."""
        later = self._of_cart[row["cart"]] if row["what"] in _TOUCHES else []
        rows = [row, *(each for other, each in later if other > place and _instant(each["at"]) <= until)]
        moneys = [
            each["amount"]
            for each in rows
            if "amount" in each and (each is row or each["resource"] == "cart")
        ]
        return tuple(dict.fromkeys(Amount(amount(dict(each)), each["currencyCode"]) for each in moneys))

    def _emails(self, place: int, row: Row) -> frozenset[str]:
        """Return the addresses of whom it happened to: then, and by what is known of them later."""
        same = [row, *(each for _, each in self._later(place, row))]
        who = {each["customer"] for each in same if "customer" in each}
        moved = (each["email"] for other, each in self._moved if other > place and each["customer"] in who)
        emails = {each["email"] for each in same if each.get("email")} | {*moved}
        return frozenset(folded(each) for each in emails)

    def _later(self, place: int, row: Row) -> Iterator[tuple[int, Row]]:
        """Give what happened later to the same order, cart or list, the first that are named."""
        rows = self._of_order[row["order"]] if "order" in row else self._of_cart[row.get("cart", "")]
        rows = self._of_list[row["list"]] if "list" in row else rows
        named = any(name in row for name in ("order", "cart", "list"))
        yield from ((other, each) for other, each in rows if named and other > place)

    def _excuse(self, place: int, row: Row) -> str:
        """Return why a reader cannot have seen it; empty where it can."""
        at = _instant(row["at"])
        if not row.get("email"):
            return "nobody was known then"
        gone = [(other, each) for other, each in self._gone if other > place]
        of_cart = [each for each in self._of_cart[row.get("cart", "")] if "cart" in row and each[0] > place]
        for _, left in (*self._later(place, row), *of_cart, *gone):
            if self._is_left(row, left) and not self._asked.saw(at, _instant(left["at"])):
                return f"left by {left['what']} before anybody looked"
        return (
            "" if row["what"] != "cart_changed" or self._was_seen(place, row) else "nobody knew it as it was"
        )

    def _was_seen(self, place: int, row: Row) -> bool:
        """
        Whether a cart was looked at before it changed: one that is new then is just made, and one that is
        again what it was before never was anything else.
        """
        at = _instant(row["at"])
        before = [
            each
            for other, each in self._of_cart[row["cart"]]
            if other < place and each["what"] in ("cart_created", "cart_changed")
        ]
        made = [each for each in before if each["what"] == "cart_created"]
        if made and not self._asked.saw(_instant(made[0]["at"]), at):
            return False
        is_back = any(_held(each) == _held(row) for each in before[:-1])
        return not is_back or self._asked.saw(_instant(before[-1]["at"]), at)

    def _is_left(self, row: Row, left: Row) -> bool:
        """Whether something is not to be seen any more after *left*, where no message tells of it."""
        what, other = row["what"], left["what"]
        gone = _GONE.get(other)
        if gone is not None:
            return bool(row.get(gone)) and row.get(gone) == left.get(gone)
        if what == "list_item_added":
            return other == "list_item_removed" and row.get("item") == left.get("item")
        if what in _OF_CARTS:
            is_over = other in _ENDS or (what == other == "cart_changed")
            return is_over and row.get("cart") == left.get("cart")
        if self._asked.is_exact or other not in _LEFT_BY.get(what, ()):
            return False
        return row.get("order") == left.get("order") and row.get("item") == left.get("item") and "parcel" not in row  # fmt: skip

    # -- lists --------------------------------------------------------------------------

    def of_lists(self) -> Iterator[Expectation]:
        """Give what was put on lists of customers, and what was on a list when it became one's."""
        for id_, rows in self._of_list.items():
            if id_:
                yield from self._of_listed(rows)

    def _of_listed(self, rows: Sequence[tuple[int, Row]]) -> Iterator[Expectation]:
        waiting: dict[str, Row] = {}
        for place, row in rows:
            match row["what"]:
                case "list_item_added" if "customer" in row:
                    yield self._listed(place, row, row)
                case "list_item_added":
                    waiting[row["item"]] = row
                case "list_item_removed":
                    waiting.pop(row["item"], None)
                case "list_signed_in":
                    yield from (self._listed(place, row, each) for each in waiting.values())
                    waiting = {}
                case _:
                    pass

    def _listed(self, place: int, row: Row, added: Row) -> Expectation:
        """Return that a line that was *added* is on a list of somebody since *row*."""
        whole = {**row, "what": added["what"], "item": added["item"], "historical": added["historical"]}
        found = self._of(place, whole, kind=added["what"], key=f"{added['list']}/{added['item']}")
        return replace(found, at=_instant(added["at"]))

    # -- carts that time passes over ----------------------------------------------------

    def of_idle_carts(self) -> Iterator[Expectation]:
        """Give the carts that were abandoned, and those that became an order after that."""
        for cart, rows in self._of_cart.items():
            if cart:
                yield from self._of_idle(cart, rows)

    def _of_idle(self, cart: str, rows: Sequence[tuple[int, Row]]) -> Iterator[Expectation]:
        turns = [(place, row) for place, row in rows if row["what"] in (*_TOUCHES, *_ENDS, "cart_signed_in")]
        abandoned: Expectation | None = None
        for number, (place, row) in enumerate(turns):
            if row["what"] == "order_placed" and abandoned is not None:
                recovered = self._of(place, row, kind="cart_recovered", key=cart)
                yield replace(recovered, excuse=recovered.excuse or abandoned.excuse)
                return
            if abandoned is None and _may_be_left(row):
                abandoned = self._abandoned(cart, place, row, [each for _, each in turns[number + 1 :]])
                yield from [abandoned] if abandoned else []

    def _abandoned(self, cart: str, place: int, row: Row, after: Sequence[Row]) -> Expectation | None:
        """Return that a cart was idle for long enough after *row*; None where it cannot have been."""
        asked, touched = self._asked, _instant(row["at"])
        idle = asked.idle_of.get(row.get("store", ""), asked.idle)
        counting, signed_in = (
            [_instant(each["at"]) for each in after if (each["what"] == "cart_signed_in") is is_that]
            for is_that in (False, True)
        )
        left = min(counting, default=datetime.max.replace(tzinfo=UTC))
        if touched + idle >= left:
            return None
        seen = max(asked.poll_after(at) for at in (touched, *signed_in) if at < left)
        found = self._of(place, row, kind="cart_abandoned", key=cart)
        due = seen + idle
        return replace(
            found, at=touched + idle, latest=due, excuse=self._idle_excuse(row, due, left),
            amounts=self._amounts(place, row, until=asked.poll_after(due)),
        )  # fmt: skip

    def _idle_excuse(self, row: Row, due: datetime, left: datetime) -> str:
        """Return why a cart that is abandoned when it is *due*, until it is *left*, need not be told of."""
        gone = {
            each["customer"] for _, each in self._gone if "customer" in each and _instant(each["at"]) <= due
        }
        if not row.get("email"):
            return "nobody was known then"
        if row.get("customer") in gone:
            return "its customer is gone"
        return "" if self._asked.saw(due, left) else "nobody looked while it was idle"


def _may_be_left(row: Row) -> bool:
    return row["what"] in _TOUCHES and row.get("origin") == "Customer" and row.get("units", 0) > 0


def _held(row: Row) -> tuple[object, object]:
    """Return what a cart held, as far as the log says."""
    return row.get("units"), row.get("amount")


def _is_nobodys_cart(row: Row) -> bool:
    """Whether it is about a cart that no buyer fills: the shop's staff, a quote, a schedule."""
    return row["what"] in _OF_CARTS and row.get("origin", "Customer") != "Customer"


def _key_of(row: Row) -> str:
    """Return by what a thing that happened is known among its kind; nothing of what is not told."""
    what = row["what"]
    if what == "cart_changed":
        return f"{row['id']}/{row['version']}"
    if what == "signed_up" or what in _OF_CARTS:
        return str(row["id"])
    if what in _OF_ITEMS:
        return str(row["item"])
    if what in _OF_PAYMENTS:
        return f"{row['id']}/{row['transaction']}"
    if what in _OF_PARCELS and "parcel" in row:
        return f"{row['id']}/{row['parcel']}"
    return str(row["id"]) if what in (*_OF_ORDERS, *_OF_PARCELS) else ""


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# -- what was told ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One tracked event, as far as its value can be read."""

    kind: str
    email: str
    key: str
    amount: Amount | None
    at: datetime | None
    mark: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.key} at {self.email}"


def read_value(value: str) -> tuple[str, Amount | None, datetime | None, str]:
    """Return key, amount, time and mark of a tracked value; what it lacks is empty or None."""
    parts = value.split()
    mark = parts.pop() if parts and _MARK.match(parts[-1]) else ""
    moment = _moment(parts[-1]) if parts else None
    key, *money = (parts[:-1] if moment else parts) or [""]
    return key, _amount_in(money), moment, mark


def _moment(text: str) -> datetime | None:
    try:
        found = _instant(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _amount_in(parts: Sequence[str]) -> Amount | None:
    match parts:
        case [value, currency]:
            try:
                return Amount(Decimal(value), currency)
            except InvalidOperation:
                return None
        case _:
            return None


def tracked(effects: Iterable[Row]) -> tuple[Told, ...]:
    """Return the events that an account's log of *effects* says were tracked, in their order."""
    rows = [row for row in effects if row["kind"] == "event_tracked"]
    return tuple(_told(row) for row in rows)


def _told(row: Row) -> Told:
    key, money, moment, mark = read_value(row["value"])
    return Told(
        kind=row["name"],
        email=folded(row["email"]),
        key=key,
        amount=money,
        at=moment,
        mark=mark,
        value=row["value"],
    )


# -- the comparison -----------------------------------------------------------------------


def compare(happened: Sequence[Row], effects: Sequence[Row], asked: Asked) -> Verdict:
    """
    Return what is wrong with what an account was told.

    Args:
        happened: The shop's log of what happened.
        effects: The account's log.
        asked: What was to be told.
    """
    comparison = _Comparison(_sooner_or_later(happened, asked), asked)
    comparison.compare_tracked(tracked(effects))
    if asked.is_in_order:
        comparison.compare_order(tracked(effects))
    comparison.compare_entries(effects)
    if asked.has_carts:
        comparison.compare_carts(effects)
    if asked.is_real_time:
        comparison.compare_orders(effects)
    return comparison.verdict()


class _Comparison:
    """Collects what is wrong."""

    def __init__(self, expectations: Sequence[Expectation], asked: Asked) -> None:
        self._asked = asked
        self._all = [each for each in expectations if not (each.emails & asked.refused)]
        self._refused = [each for each in expectations if each.emails & asked.refused]
        self._found: dict[str, list[str]] = defaultdict(list)
        self._compared: Counter[str] = Counter()

    def verdict(self) -> Verdict:
        """Return all that was found so far."""
        found = {kind: tuple(lines) for kind, lines in self._found.items()}
        return Verdict(**found, compared=dict(self._compared))

    def _say(self, kind: str, line: str) -> None:
        self._found[kind].append(line)

    def _is_parked(self, each: Expectation, action: str) -> bool:
        return (f"{each.kind}.{action}", each.key) in self._asked.parked

    def _miss(self, each: Expectation, action: str, where: str = "") -> None:
        """Say of what is not there that it is lost, or why it is not."""
        if self._is_parked(each, action):
            self._say("parked", f"{each.kind}.{action}/{each.key}")
        elif each.is_due:
            self._say("lost", f"{where}{each}")
        elif not each.is_past:
            self._say("excused", f"{where}{each}: {each.excuse or 'nobody is known'}")

    # -- tracked events ---------------------------------------------------------------

    def compare_tracked(self, told: Sequence[Told]) -> None:
        """Compare what was tracked one to one."""
        wanted = {(e.kind, e.key): e for e in self._all if e.kind in self._asked.kinds}
        by_key: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for each in told:
            by_key[each.kind, _known_key(each, wanted)].append(each)
        for known, expectation in wanted.items():
            self._compared[expectation.kind] += expectation.is_due
            self._one(expectation, by_key.pop(known, []))
        for each in (each for rows in by_key.values() for each in rows):
            self._say("unexplained", f"{each}: nothing like it happened")
        self._marks(told)

    def _one(self, wanted: Expectation, told: Sequence[Told]) -> None:
        if not told:
            self._miss(wanted, "tracking")
            return
        if wanted.is_past:
            self._say("unexplained", f"{wanted} is of the past, and was told")
        if len(told) > 1:
            self._say("doubled", f"{wanted} was told {len(told)} times")
        for each in told:
            faults = [*_faults(wanted, each)]
            if faults:
                self._say("wrong", f"{wanted}: {', '.join(faults)}")

    def _marks(self, told: Sequence[Told]) -> None:
        keys: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for each in told:
            keys[each.mark].add((each.kind, each.key))
        for mark, named in keys.items():
            if not mark:
                self._say("wrong", f"without a mark: {sorted(named)}")
            elif len(named) > 1:
                self._say("wrong", f"one mark for {sorted(named)}")

    def compare_order(self, told: Sequence[Told]) -> None:
        """Compare the order in which each was told with that in which it happened."""
        last: dict[str, Told] = {}
        for each in told:
            before = last.get(each.email)
            if before and before.at and each.at and each.at < before.at - SLACK:
                self._say("wrong", f"{each} was told after {before}, which happened later")
            last[each.email] = each

    # -- automations, carts, orders -----------------------------------------------------

    def compare_entries(self, effects: Iterable[Row]) -> None:
        """Compare who entered which automation."""
        entered: dict[str, list[str]] = {id_: [] for id_ in self._asked.automations.values()}
        for row in effects:
            if row["kind"] == "automation_entered":
                entered.setdefault(row["automation"], []).append(folded(row["email"]))
        for automation, emails in entered.items():
            causes = [e for e in self._all if self._asked.automations.get(e.kind) == automation]
            self._entries(automation, causes, emails)

    def _entries(self, automation: str, causes: Sequence[Expectation], emails: Sequence[str]) -> None:
        left = [each for each in causes if not each.is_past]
        if automation in self._asked.never:
            left = [each for each, before in _with_before(left) if not each.emails & before]
        is_wanted = {email for each in left for email in each.emails}
        # An entry does not say of what it came: what is parked is taken to be what is missing.
        left.sort(key=lambda each: (self._is_parked(each, "automation"), not each.is_due))
        for email in emails:
            cause = next((each for each in left if email in each.emails), None)
            if cause is not None:
                left.remove(cause)
                continue
            way = "doubled" if email in is_wanted else "unexplained"
            self._say(way, f"automation {automation} was entered by {email} once more than it may")
        for each in left:
            self._miss(each, "automation", f"automation {automation} was not entered for ")

    def compare_carts(self, effects: Sequence[Row]) -> None:
        """Compare which carts were abandoned there, and which of those came back."""
        written = {row["cart"]: row for row in effects if row["kind"] == "cart_created"}
        started = Counter(row["cart"] for row in _started(effects, "cart_abandoned"))
        self._counted("cart_abandoned", "cart", started)
        if self._asked.is_recovered_there:
            again = Counter(row["cart"] for row in _started(effects, "cart_recovered"))
            self._counted("cart_recovered", "cart", again)
        for each in self._all:
            row = written.get(each.key)
            if row is not None and each.kind == "cart_abandoned":
                self._cart(each, row)

    def _cart(self, wanted: Expectation, row: Row) -> None:
        """Compare a cart with what was written of it; amounts are whole cents there."""
        there = Amount(Decimal(row["totalPrice"]).scaleb(-2), row["currency"])
        if wanted.amounts and there not in wanted.amounts:
            says = " or ".join(map(str, wanted.amounts))
            self._say("wrong", f"{wanted}: the cart comes to {there} there, not to {says}")
        if folded(row["email"]) not in wanted.emails:
            self._say("wrong", f"{wanted}: the cart is of {row['email']} there")

    def compare_orders(self, effects: Iterable[Row]) -> None:
        """Compare which orders started automations when they were placed."""
        started = Counter(row["order"] for row in _started(effects, "order_created"))
        self._counted("order_placed", "order", started)

    def _counted(self, kind: str, noun: str, started: Mapping[str, int]) -> None:
        """Compare how often something started for each key of a kind."""
        wanted = {each.key: each for each in self._all if each.kind == kind}
        for key, each in wanted.items():
            if not started.get(key):
                self._miss(each, "cart", "nothing started there for ")
        for key, count in started.items():
            if key not in wanted or wanted[key].is_past:
                self._say("unexplained", f"{noun} {key} started something there for no {kind}")
            elif count > 1:
                self._say("doubled", f"{noun} {key} started something there {count} times")


def _known_key(told: Told, wanted: Collection[tuple[str, str]]) -> str:
    """
    Return the key of what a tracked event tells of.

    A change of a cart is told of the version at which it is seen, which may be a later one.
    """
    cart, _, version = told.key.rpartition("/")
    if told.kind != "cart_updated" or (told.kind, told.key) in wanted or not version.isdigit():
        return told.key
    versions = [int(key.rpartition("/")[2]) for kind, key in wanted if kind == told.kind and key.startswith(f"{cart}/")]  # fmt: skip
    before = max((each for each in versions if each < int(version)), default=None)
    return told.key if before is None else f"{cart}/{before}"


def _faults(wanted: Expectation, told: Told) -> Iterator[str]:
    if told.email not in wanted.emails:
        yield f"at {told.email}"
    if wanted.amounts and told.amount not in wanted.amounts:
        yield f"amount {told.amount or 'none'}, not {' or '.join(map(str, wanted.amounts))}"
    if told.at is None:
        yield f"without a time: {told.value!r}"
    elif not wanted.at - SLACK <= told.at <= wanted.latest + SLACK:
        yield f"time {told.at.isoformat()}, not {wanted.at.isoformat()} to {wanted.latest.isoformat()}"


def _with_before(causes: Sequence[Expectation]) -> Iterator[tuple[Expectation, frozenset[str]]]:
    """Give each cause with the addresses of all before it."""
    before: frozenset[str] = frozenset()
    for each in causes:
        yield each, before
        before |= each.emails


def _started(effects: Iterable[Row], trigger: str) -> list[Row]:
    return [row for row in effects if row["kind"] == "automation_started" and row["trigger"] == trigger]


# -- the worked example -----------------------------------------------------------------

#: What the worked example asks for, but for when the shop was read.
EXAMPLE = Asked(
    kinds=frozenset(
        {
            "signed_up", "list_item_added", "cart_created", "cart_updated", "checkout_address", "checkout_shipping",
            "checkout_payment", "cart_abandoned", "cart_recovered", *_OF_ORDERS, *_OF_PARCELS, *_OF_ITEMS,
            *_OF_PAYMENTS,
        }
    ),
    polls=(), idle=timedelta(minutes=1), idle_of={"ch": timedelta(minutes=30)},
    automations={"order_placed": "11", "cart_abandoned": "12"}, never=frozenset({"12"}), has_carts=True,
    is_recovered_there=False, is_in_order=False,
)  # fmt: skip
#: The queries by which the shop is read.
_READS = (
    "query_customers", "query_orders", "query_carts", "query_shopping_lists", "query_payments", "query_messages",
)  # fmt: skip
#: All of them come within so long while nothing is wrong, each rounded down to its second.
_ROUND = timedelta(seconds=4)
_SECOND = timedelta(seconds=1)
#: Calls after which nobody may know whether something was told.
_FACTS = ("track_event", "enter_automation", "create_cart")


def polls_in(calls: Iterable[Row], *, overlap: timedelta, until: datetime) -> tuple[datetime, ...]:
    """
    Return when all of a shop had been read, by the second, as far as its log of calls proves it.

    A query that asks for what changed since some time tells that all before was read to the end:
    that time and *overlap* is when the sweep before it began.
    """
    marks: dict[str, set[datetime]] = {name: set() for name in _READS}
    for call in calls:
        since = call["query"].get("var.since")
        if call["operation"] in marks and since:
            marks[call["operation"]].add(_instant(since[0]) + overlap)
    every = sorted({each.replace(microsecond=0) for found in marks.values() for each in found})
    ends = [each + _SECOND for each in every]
    return tuple(end for end in ends if end <= until and all(_has_read(found, end) for found in marks.values()))  # fmt: skip


def _has_read(marks: Iterable[datetime], end: datetime) -> bool:
    """Whether a sweep began within the round that comes to an *end*, its second included."""
    return any(end - _ROUND <= mark <= end - _SECOND for mark in marks)


class Places:
    """Where in the accounts what happened belongs."""

    def __init__(self, shop: Shop, state: Row, happened: Sequence[Row]) -> None:
        """*state* is the shop's, as its door shows it."""
        self._shop = shop
        self._records = {row["id"]: row for name in ("customers", "orders", "carts") for row in state[name]}
        self._of: dict[str, set[str]] = defaultdict(set)
        #: What belongs somewhere.
        self.happened = [row for row in happened if self._homes(row) != {""}]
        for row in self.happened:
            for id_ in (_key_of(row), row.get("cart", ""), row.get("list", "")):
                self._of[id_] |= self._homes(row)

    def _homes(self, row: Row) -> set[str]:
        """Return the accounts that may have been told: a cart may become somebody's later."""
        ids = (row.get("order"), row.get("cart"), row.get("customer"))
        records = [dict(self._records[id_]) for id_ in ids if id_ in self._records]
        homes = {self._shop.home(each) for each in records[:1]}
        if row["resource"] == "cart" and "customer" not in row:
            homes.add(self._shop.home({}))
        return homes

    def is_here(self, told: Told, account: str) -> bool:
        """Whether an account is one that was to be told."""
        homes = self._of.get(told.key) or self._of.get(told.key.partition("/")[0]) or {account}
        return account in homes


def judge_example(
    places: Places, accounts: Mapping[str, Sequence[Row]], asked: Asked, *, unclear: int
) -> dict[str, Any]:
    """
    Return the verdict on all accounts together.

    Args:
        accounts: Their logs, by name.
        unclear: How many calls can have ended without anybody's knowing how.
    """
    effects = sorted((row for log in accounts.values() for row in log), key=lambda row: str(row["at"]))
    verdict = compare(places.happened, effects, asked)
    found = {name: [*getattr(verdict, name)] for name in ("lost", "doubled", "wrong", "unexplained")}
    found["astray"] = []
    for name, log in accounts.items():
        order = _Comparison((), asked)
        order.compare_order(tracked(log))
        found["wrong"] += order.verdict().wrong
        found["astray"] += [f"{name}: {each}" for each in tracked(log) if not places.is_here(each, name)]
    if len(verdict.parked) > unclear:
        found["unexplained"].append(f"{len(verdict.parked)} were not told and are parked, of {unclear} calls")
    return {
        "ok": not any(found.values()), "compared": verdict.compared, "parked": verdict.parked,
        "excused": verdict.excused, **{name: lines[:50] for name, lines in found.items()},
        "counts": {name: len(lines) for name, lines in found.items()},
    }  # fmt: skip


def main() -> None:
    """Print the verdict as JSON; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commercetools", required=True)
    parser.add_argument("--activecampaign", required=True, action="append", help="NAME=address")
    parser.add_argument("--group", default=[], action="append", help="KEY=NAME: where a group belongs")
    parser.add_argument("--nowhere", default="", help="custom field of customers who belong in no account")
    parser.add_argument("--overlap", type=float, required=True, help="seconds that a read reaches back")
    parser.add_argument(
        "--until", type=float, required=True, help="what happened by then is told, since 1970"
    )
    parser.add_argument("--parked", default=[], action="append", help="TRIGGER/KEY that is parked")
    parser.add_argument("--kills", type=int, default=0, help="calls that can have died before they were sent")
    given = parser.parse_args()
    verdict = _judge(given)
    json.dump(verdict, sys.stdout, indent=1, ensure_ascii=False)
    sys.exit(0 if verdict["ok"] else 1)


def _judge(given: argparse.Namespace) -> dict[str, Any]:
    """Return the verdict on what there is now: first what was told, then what happened."""
    bases = dict(each.split("=", 1) for each in given.activecampaign)
    logs = {name: fetch(base, "log")["entries"] for name, base in bases.items()}
    calls = [call for base in bases.values() for call in fetch(base, "calls")["calls"]]
    state, base = fetch(given.commercetools, "state"), given.commercetools
    rules = Rules(next(iter(bases)), dict(each.split("=", 1) for each in given.group), given.nowhere)
    places = Places(Shop(state, [], rules), state, fetch(base, "happened"))
    patterns = [
        each["body"]
        for address in bases.values()
        for each in fetch(address, "faults")["rules"]
        if each.get("status") == 422 and each.get("body")
    ]
    asked = replace(
        EXAMPLE,
        polls=polls_in(
            fetch(base, "calls")["calls"],
            overlap=timedelta(seconds=given.overlap),
            until=datetime.fromtimestamp(given.until, UTC),
        ),
        blur=_ROUND + _SECOND,
        refused=frozenset(
            folded(each["email"]) for each in state["customers"] if _is_refused(each, patterns)
        ),
        parked=frozenset(_parked(each) for each in given.parked),
    )
    faulted = sum(bool(call["fault"]) and call["operation"] in _FACTS for call in calls)
    return judge_example(places, logs, asked, unclear=faulted + given.kills)


def _is_refused(customer: Row, patterns: Iterable[str]) -> bool:
    if UNACCEPTED.search(customer["email"].rpartition("@")[0]):
        return True
    return any(re.search(each, json.dumps(customer, ensure_ascii=False)) for each in patterns)


def _parked(text: str) -> tuple[str, str]:
    trigger, _, key = text.partition("/")
    return trigger, key


if __name__ == "__main__":
    main()
