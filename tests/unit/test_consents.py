"""The consents of one destination: which membership is changed next, told with a book and an account in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ct_ac_sync.bootstrap import SilentHerald
from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.configuration.values import Configuration, ListConfig
from ct_ac_sync.domain.consent import Action, Evidence, Known, Look, Membership, Says, Standing, Verdict
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.errors import GoneError, NotShownError
from ct_ac_sync.ports import Exclusion, ListSeen
from ct_ac_sync.store.consent_book import Judged, Said
from ct_ac_sync.store.event_book import Pace
from ct_ac_sync.sync.consents import LOOKS, ConsentPlan, Consents
from ct_ac_sync.sync.desired import NOT_BEGUN
from ct_ac_sync.sync.exclusions import Exclusions
from ct_ac_sync.sync.hearing import Hearing, ListMissingError
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOST = "acme.api-us1.example"
ENVIRON = {
    "CTP_PROJECT_KEY": "acme",
    "CTP_API_URL": "https://api.example",
    "CTP_AUTH_URL": "https://auth.example",
    "AC_API_URL": f"https://{HOST}",
}
#: Who is German is asked for one list, everybody else for another.
FILE = """
[[routes]]
name = "germany"
destination = "main"
lists = ["de"]
when = { locale = "de" }
[[routes]]
name = "world"
destination = "main"
lists = ["en", "texts"]
[lists.de]
name = "Rundbrief"
[lists.en]
name = "Newsletter"
[lists.texts]
name = "Texts"
channel = "sms"
[consent.email]
owner = "latest"
[[consent.email.read]]
value = "customer.custom.fields.newsletter"
[[consent.email.read]]
value = "customer.custom.fields.copied"
revives = false
[consent.sms]
owner = "latest"
[[consent.sms.read]]
value = "customer.custom.fields.texts"
"""
LISTS = {"Rundbrief": "1", "Newsletter": "2", "Texts": "3"}


def at(minutes: float) -> datetime:
    """Return a moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


@dataclass
class Book:
    """What is known of one person, in memory."""

    said: list[Said] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    seen: list[tuple[str, Standing]] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    paces: dict[Action, Pace] = field(default_factory=dict)
    halted: set[tuple[str, str]] = field(default_factory=set)
    excluded: list[Exclusion] = field(default_factory=list)

    def pace(self, action: Action) -> Pace:
        """Return how much was done in this hour, and in the busiest before it."""
        return self.paces.get(action, Pace(told=0, busiest=0))

    def halt(self, triggers: Iterable[tuple[str, str]], *, reason: str) -> bool:
        """Halt what is not halted yet."""
        news = set(triggers) - self.halted
        self.halted |= news
        return bool(news)

    def is_halted(self, destination: str, trigger: str) -> bool:
        """Whether it is."""
        return (destination, trigger) in self.halted

    def read_evidence(self, persons: Sequence[int]) -> dict[int, list[Said]]:
        """Return what the records of each person say."""
        return {person: list(self.said) for person in persons}

    def read_memberships(self, recipient: int) -> dict[str, Known]:
        """Return what is known of a recipient."""
        return dict(self.known)

    def link(self, recipient: int, contact: str, *, token: int) -> None:
        """Take a contact that was found for the recipient's."""

    def keep(
        self,
        recipient: int,
        contact: str,
        looks: Mapping[str, Look],
        lists: Mapping[str, ListConfig],
        *,
        token: int,
        left: str,
        lane: int,
    ) -> None:
        """Keep what was seen, and of our last call what is still to be looked at."""
        for list_, look in looks.items():
            before = self.known.get(list_, Known()) if look.is_overruled else Known()
            self.known[list_] = replace(
                before, contact=contact, membership=look.membership, revived_over=look.revived_over
            )
        news = {id_: look.membership.standing for id_, look in looks.items() if look.is_news}
        self.seen += [(lists[id_].name, standing) for id_, standing in news.items()]

    def read_exclusions(self, address: str) -> tuple[Exclusion, ...] | None:
        """Return what excludes an address."""
        return tuple(each for each in self.excluded if each.phrase == address)

    def forget_exclusions(self) -> None:
        """Have what excludes somebody read anew."""

    def judge(self, recipient: int, judged: Iterable[Judged]) -> None:
        """Keep the verdicts of the last time."""
        self.judged = list(judged)


@dataclass
class Account:
    """An account with its lists, in which contacts stand somewhere."""

    standings: dict[str, dict[str, Membership]] = field(default_factory=dict)
    looks: int = 0

    def fetch_lists(self) -> list[ListSeen]:
        """Return its lists."""
        return [ListSeen(id=id_, name=name, channel="email") for name, id_ in LISTS.items()]

    def fetch_standings(self, contact: ContactId) -> dict[str, Membership]:
        """Return where a contact stands."""
        self.looks += 1
        return dict(self.standings.get(contact, {}))

    def leave(self, list_: str, minutes: float, *, contact: str = "7") -> None:
        """Let a contact leave a list by themselves."""
        before = self.standings[contact][LISTS[list_]]
        self.standings[contact][LISTS[list_]] = replace(
            before, standing=Standing.UNSUBSCRIBED, left_at=at(minutes)
        )

    def find_contact(self, address: str) -> None:
        """Show nobody (yet)."""


@dataclass
class World:
    """One person, what they said, and where they stand."""

    book: Book = field(default_factory=Book)
    account: Account = field(default_factory=Account)
    phone: str = ""
    jump: int = 500
    file: str = FILE

    @property
    def configuration(self) -> Configuration:
        """What the file says."""
        return read_configuration(self.file, where="sync.toml", environ=ENVIRON)

    def say(
        self,
        says: Says,
        minutes: float,
        *,
        until: float | None = None,
        channel: str = "email",
        place: int = 0,
        id_: str = "c1",
        is_here: bool = True,
        is_over: bool = False,
        **body: Any,
    ) -> None:
        """Let a customer's record say something, as the last word of its place."""
        (places,) = (each.places for each in self.configuration.consent if each.channel == channel)
        key = places[place].key
        self.book.said = [
            each
            for each in self.book.said
            if (each.channel, each.place, each.body["id"]) != (channel, key, id_)
        ]
        last = minutes if until is None else until
        evidence = Evidence(says=says, since=at(minutes), at=at(last), number=1 + int(last))
        self.book.said.append(
            Said(
                source="acme", stream="customers", id=id_, channel=channel, place=key, evidence=evidence,
                is_here=is_here, is_over=is_over, body={"id": id_} | body, customer=None,
            )
        )  # fmt: skip

    def write(self, plan: ConsentPlan, minutes: float, *, is_proven: bool = True) -> None:
        """Let the change of a plan be sent so many minutes after noon, and kept as one that was proven or was not."""
        change = plan.change
        assert change is not None
        begins = change.standing is Standing.ACTIVE
        before = self.book.known.get(change.list, Known())
        known = replace(
            before, contact=change.contact, intended=change.standing, intended_for=change.said_at,
            intended_at=at(minutes), written_at=None,
            revived_over=change.revived_over if begins else before.revived_over,
        )  # fmt: skip
        if is_proven:
            membership = replace(
                before.membership, standing=change.standing,
                ended_for=None if begins else change.said_at,
                begun_for=change.said_at if begins else None,
            )  # fmt: skip
            known = replace(
                known, membership=membership, written_at=at(minutes),
                revived_over=known.revived_over if begins else None,
            )  # fmt: skip
        self.book.known[change.list] = known

    def stand(self, list_: str, standing: Standing, *, contact: str = "7", **moments: float | None) -> None:
        """Let the contact stand somewhere with a list."""
        stamps = {name: None if each is None else at(each) for name, each in moments.items()}
        self.account.standings.setdefault(contact, {})[LISTS[list_]] = Membership(standing=standing, **stamps)

    def consents(self) -> Consents:
        """Return who judges."""
        there: Any = {
            "name": HOST, "destination": self.account, "configuration": self.configuration, "book": self.book,
        }  # fmt: skip
        heard = {"router": Router(self.configuration), "references": References(sources={}, cache=self)}  # type: ignore[arg-type]
        asked: Any = there | {
            "hearing": Hearing(**there, **heard),
            "exclusions": Exclusions(name=HOST, destination=self.account, book=self.book),  # type: ignore[arg-type]
            "phone_of": lambda _: self.phone, "triggers": self.book, "herald": SilentHerald(), "jump": self.jump,
        }  # fmt: skip
        return Consents(**asked)

    def plan(self, **member: Any) -> ConsentPlan:
        """Return what is next."""
        return self.consents().plan(member_of(**member), token=1)

    def may_send(self, *lists: str, channel: str = "email", **member: Any) -> Verdict:
        """Return whether something may be sent by a route that names lists."""
        return self.consents().may_send(member_of(**member), channel, lists)

    def read(self, source: str, wanted: Sequence[Any], *, fresh: timedelta) -> dict[Any, Any]:
        """Return nothing that a record refers to."""
        return {}


def member_of(**more: Any) -> Member:
    """Return the entry of a contact that is known."""
    known = {"contact": "7", "address": "ann@example.com", "operation": "set_consent"}
    return replace(NOT_BEGUN, **known | more)


def changes(plan: ConsentPlan) -> tuple[str, str] | None:
    """Return what is next: which list, and what it becomes."""
    return (plan.change.name, plan.change.standing.value) if plan.change else None


class TestPlan:
    def test_who_agrees_is_subscribed_where_their_route_leads(self):
        """A yes of a channel is one of the lists that the route of its record names."""
        world = World()
        world.say(Says.YES, 0, locale="de-AT")

        assert changes(world.plan()) == ("Rundbrief", "active")

    def test_who_says_nothing_is_not_looked_at(self):
        """Where nothing could be changed, nobody asks the account."""
        world = World()
        assert changes(world.plan()) is None
        world.say(Says.PENDING, 0)
        assert changes(world.plan()) is None
        assert world.account.looks == 0

    def test_what_was_decided_is_not_decided_again(self):
        """Where neither what was said nor the policy changed, the account is not asked, but for a repair."""
        world = World()
        world.say(Says.YES, 0)
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        done = world.plan()

        assert world.plan(fingerprint=done.fingerprint).change is None
        assert world.account.looks == 1
        world.plan(fingerprint=done.fingerprint, is_repair=True)
        assert world.account.looks == 2

    def test_an_end_goes_before_a_beginning(self):
        """Of two changes the one that takes somebody from a list is made first, and another follows."""
        world = World(phone="+4915112345678")
        world.say(Says.NO, 5, until=9)
        world.say(Says.YES, 5, until=9, channel="sms")
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)

        plan = world.plan()

        assert changes(plan) == ("Newsletter", "unsubscribed")
        assert plan.has_more
        assert plan.change is not None
        assert plan.change.said_at == at(9)

    def test_a_no_counts_from_its_latest_moment_and_a_yes_from_its_earliest(self):
        """A change names when that was said which it is made for, in favor of who said no."""
        world = World()
        world.say(Says.YES, 5, until=9)
        begins = world.plan().change
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        world.say(Says.NO, 5, until=9)
        ends = world.plan().change

        assert begins is not None
        assert ends is not None
        assert (begins.standing, begins.said_at, begins.evidence) == (Standing.ACTIVE, at(5), 10)
        assert (ends.standing, ends.said_at, ends.evidence) == (Standing.UNSUBSCRIBED, at(9), 10)

    def test_a_revival_is_looked_at_again(self):
        """Who is brought back is looked at once more, with when they had left."""
        world = World()
        world.say(Says.YES, 5)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=0)

        plan = world.plan()

        assert changes(plan) == ("Newsletter", "active")
        assert plan.has_more
        assert plan.change is not None
        assert plan.change.revived_over == at(0)

    def test_a_no_that_came_while_we_wrote_is_restored(self):
        """Who left between a look and a revival is taken off again, and nobody's word of the shop is named."""
        world = World()
        world.say(Says.YES, 5)
        world.stand("Newsletter", Standing.ACTIVE, left_at=6, joined_at=7)
        world.book.known["2"] = revived()

        plan = world.plan()

        assert changes(plan) == ("Newsletter", "unsubscribed")
        assert plan.change is not None
        assert (plan.change.evidence, plan.change.said_at, plan.change.revived_over) == (None, None, None)
        assert world.book.seen == [("Newsletter", Standing.ACTIVE)]
        assert world.book.known["2"].revived_over == at(0)
        assert changes(world.plan(fingerprint=plan.fingerprint)) == ("Newsletter", "unsubscribed")
        world.write(plan, 10)
        world.account.leave("Newsletter", 10)
        world.say(Says.YES, 8)
        assert changes(world.plan()) is None

    def test_a_text_needs_a_number(self):
        """Nobody is subscribed to messages who has no number that they can be sent to."""
        world = World(phone="0151 12345678")
        world.say(Says.YES, 5, channel="sms")

        assert changes(world.plan()) is None
        world.phone = "+4915112345678"
        assert changes(world.plan()) == ("Texts", "active")


def excluded(channel: str, *lists: str) -> Exclusion:
    """Return what excludes Ann."""
    return Exclusion(phrase="ann@example.com", match="exact", channel=channel, lists=lists)


class TestExcluded:
    @pytest.mark.parametrize(
        ("exclusion", "on"),
        [
            (excluded("all"), None),
            (excluded("allEmail"), None),
            (excluded("email"), None),
            (excluded("a word that nobody documented"), None),
            (excluded("several", LISTS["Newsletter"]), None),
            (excluded("several", LISTS["Rundbrief"]), ("Newsletter", "active")),
            (excluded("allSms"), ("Newsletter", "active")),
            (replace(excluded("all"), phrase="bob@example.com"), ("Newsletter", "active")),
        ],
    )
    def test_no_yes_goes_before_it(self, exclusion: Exclusion, on: tuple[str, str] | None):
        """Who is excluded from a list, its channel or all is not put on it, and nobody else for that."""
        world = World()
        world.book.excluded = [exclusion]
        world.say(Says.YES, 5)

        assert changes(world.plan()) == on

    def test_a_no_ends_what_is_there(self):
        """Who is excluded and says no is taken off the list all the same."""
        world = World()
        world.book.excluded = [excluded("all")]
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        world.say(Says.NO, 5)

        assert changes(world.plan()) == ("Newsletter", "unsubscribed")

    def test_nothing_is_sent(self):
        """Who is excluded is sent nothing, on a list or not, and by another channel what it allows."""
        world = World()
        world.book.excluded = [excluded("allEmail")]
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        world.stand("Texts", Standing.ACTIVE, joined_at=0)
        world.say(Says.YES, 5)

        assert world.may_send("en").action is Action.HOLD
        assert world.may_send().action is Action.HOLD
        assert world.may_send("texts", channel="sms").action is Action.LEAVE


def revived() -> Known:
    """Return what is known of one who had left at noon, after our call to bring them back."""
    left = Membership(standing=Standing.ACTIVE, left_at=at(0), begun_for=at(5))
    return Known(
        contact="7", membership=left, intended=Standing.ACTIVE, intended_for=at(5), intended_at=at(7), written_at=at(7),
        revived_over=at(0),
    )  # fmt: skip


class TestAfterwards:
    def test_a_no_ends_what_a_former_route_began(self):
        """Who was put on one list, is routed to another since, and says no is taken from the first too."""
        world = World()
        world.say(Says.YES, 0, locale="de")
        world.write(world.plan(), 1)
        world.stand("Rundbrief", Standing.ACTIVE, joined_at=1)
        world.plan(is_repair=True)
        world.say(Says.NO, 60, locale="en")

        plan = world.plan()

        assert changes(plan) == ("Rundbrief", "unsubscribed")
        assert plan.change is not None
        assert plan.change.said_at == at(60)

    def test_a_yes_keeps_what_a_former_route_began(self):
        """Who was put on one list, and is routed to another since, stays on the first, and comes to the second."""
        world = World()
        world.say(Says.YES, 0, locale="de")
        world.write(world.plan(), 1)
        world.stand("Rundbrief", Standing.ACTIVE, joined_at=1)
        world.say(Says.YES, 60, locale="en")

        assert changes(world.plan()) == ("Newsletter", "active")

    def test_a_no_elsewhere_leaves_what_they_began_themselves(self):
        """Who joined a list by themselves is not taken from it by a no of a record that leads to another."""
        world = World()
        world.say(Says.NO, 60, locale="en")
        world.stand("Rundbrief", Standing.ACTIVE, joined_at=1)
        world.plan(is_repair=True)

        assert changes(world.plan(is_repair=True)) is None

    def test_a_no_ends_what_a_lost_call_began(self):
        """Whose beginning was never proven, is routed elsewhere since, and says no is taken from the first list too."""
        world = World()
        world.say(Says.YES, 0, locale="de")
        world.write(world.plan(), 1, is_proven=False)
        world.stand("Rundbrief", Standing.ACTIVE, joined_at=1)
        world.say(Says.NO, 60, locale="en")

        plan = world.plan()

        assert changes(plan) == ("Rundbrief", "unsubscribed")
        assert plan.change is not None
        assert plan.change.said_at == at(60)

    def test_a_yes_elsewhere_begins_nothing_anew_that_a_lost_call_did_not(self):
        """Whose beginning came to nothing, and who is routed elsewhere since, comes to the second list alone."""
        world = World()
        world.say(Says.YES, 0, locale="de")
        world.write(world.plan(), 1, is_proven=False)
        world.say(Says.YES, 60, locale="en")

        assert changes(world.plan()) == ("Newsletter", "active")

    def test_a_no_is_not_older_than_a_yes_that_we_wrote_late(self):
        """Who said no three minutes after their yes, which we wrote after five, is taken off, whenever we look."""
        for looks in range(3):
            world = World()
            world.say(Says.YES, 0)
            world.write(world.plan(), 5)
            world.stand("Newsletter", Standing.ACTIVE, joined_at=5)
            for _ in range(looks):
                assert changes(world.plan(is_repair=True)) is None
            world.say(Says.NO, 3)

            assert changes(world.plan()) == ("Newsletter", "unsubscribed")

    def test_a_no_within_the_span_of_a_yes_that_we_wrote_is_the_stricter(self):
        """A no that may be later than the yes that we wrote, or earlier, is not taken for an older one."""
        world = World()
        world.say(Says.YES, -5, until=5)
        world.write(world.plan(), 6)
        world.stand("Newsletter", Standing.ACTIVE, joined_at=6)
        world.say(Says.NO, 3, id_="c2")

        plan = world.plan()

        assert "older" not in plan.reason
        assert changes(plan) == ("Newsletter", "unsubscribed")

    def test_a_no_of_who_is_gone_holds(self):
        """A no outlives its record where nobody else speaks, and a yes does not."""
        world = World()
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        world.say(Says.NO, 5, is_over=True)
        assert changes(world.plan()) == ("Newsletter", "unsubscribed")

        world.say(Says.YES, 9, id_="c2")
        assert changes(world.plan()) is None

        world = World()
        world.say(Says.YES, 5, is_over=True)
        assert changes(world.plan()) is None
        assert world.account.looks == 0

    def test_a_no_of_who_is_gone_yields_to_who_speaks(self):
        """A no whose record is gone takes nobody off a list who says yes in another, though it was said later."""
        world = World()
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        world.say(Says.YES, 5, id_="c2")
        world.say(Says.NO, 9, is_over=True)

        assert changes(world.plan()) is None

    def test_a_record_that_goes_elsewhere_asks_nothing_here(self):
        """What a record says that no route leads here subscribes nobody here."""
        world = World()
        world.say(Says.YES, 0, is_here=False)
        assert changes(world.plan()) is None

        world.say(Says.YES, 0)
        assert changes(world.plan()) == ("Newsletter", "active")

    def test_a_no_that_goes_elsewhere_ends_what_we_began(self):
        """Who was put on a list here, and says no where their record leads by now, is taken from it."""
        world = World()
        world.say(Says.YES, 0)
        world.write(world.plan(), 1)
        world.stand("Newsletter", Standing.ACTIVE, joined_at=1)
        world.say(Says.NO, 60, is_here=False)

        assert changes(world.plan()) == ("Newsletter", "unsubscribed")

    def test_what_was_said_with_other_words_is_not_heard(self):
        """What is written down of a place whose words were changed says nothing, until it is read anew."""
        world = World()
        world.say(Says.YES, 0)
        was = world.plan()
        for change in ('yes = "ja"\n', 'no = "nein"\n', 'time = "customer.createdAt"\n'):
            world.file = FILE.replace('fields.newsletter"\n', f'fields.newsletter"\n{change}')
            assert changes(was) == ("Newsletter", "active")
            assert changes(world.plan()) is None

        world.say(Says.YES, 0)
        assert changes(world.plan()) == ("Newsletter", "active")

    def test_a_yes_that_we_wrote_over_is_not_said(self):
        """What we wrote a no over subscribes nobody any more, and what another field says stands."""
        world = World()
        world.say(Says.YES, 0)
        (said,) = world.book.said
        for name, change in (("newsletter", None), ("copied", ("Newsletter", "active"))):
            world.book.said = [replace(said, overwritten=name)]
            assert changes(world.plan()) == change

    def test_places_may_change_their_order(self):
        """What is written down of a place is its own, wherever it stands in the file."""
        world = World()
        world.say(Says.YES, 5, place=1)
        copied = '[[consent.email.read]]\nvalue = "customer.custom.fields.copied"\nrevives = false\n'
        first = '[[consent.email.read]]\nvalue = "customer.custom.fields.newsletter"\n'
        world.file = FILE.replace(first + copied, copied + first)
        assert world.file != FILE

        assert changes(world.plan()) == ("Newsletter", "active")
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=0)
        assert changes(world.plan()) is None

    def test_a_no_holds_for_the_contact_that_comes_after(self):
        """Who said no, and whose recipient is another contact since, is taken from the list there."""
        world = World()
        world.say(Says.NO, 60)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=60)
        done = world.plan()
        world.stand("Newsletter", Standing.ACTIVE, contact="8", joined_at=0)

        later = world.plan(contact="8", fingerprint=done.fingerprint)

        assert changes(later) == ("Newsletter", "unsubscribed")

    def test_who_was_not_shown_is_not_forgotten(self):
        """Whose contact was not shown for a while is subscribed once it is known."""
        world = World()
        world.say(Says.YES, 0)
        for attempts in range(LOOKS):
            with pytest.raises(NotShownError):
                world.plan(contact=None, attempts=attempts)
        with pytest.raises(GoneError):
            world.plan(contact=None, attempts=LOOKS)

        assert world.book.judged == []
        assert world.book.known == {}
        assert changes(world.plan()) == ("Newsletter", "active")

    def test_a_list_that_was_made_anew_is_looked_up_anew(self, monkeypatch: pytest.MonkeyPatch):
        """Once a list is forgotten, somebody is put on the one that has its name by now."""
        world = World()
        world.say(Says.YES, 0)
        consents = world.consents()
        consents.plan(member_of(), token=1)
        monkeypatch.setitem(LISTS, "Newsletter", "9")

        consents.forget()
        plan = consents.plan(member_of(), token=1)

        assert plan.change is not None
        assert plan.change.list == "9"

    def test_who_says_nothing_needs_no_contact(self):
        """Of whom nothing could be changed, nobody asks whether their contact is there."""
        world = World()
        world.say(Says.PENDING, 0)

        assert changes(world.plan(contact=None, attempts=LOOKS)) is None

    def test_a_number_that_comes_later_is_one(self):
        """Who agreed to messages before they had a number is subscribed once they have one."""
        world = World(phone="")
        world.say(Says.YES, 0, channel="sms")
        done = world.plan()
        world.phone = "+4915112345678"

        assert changes(world.plan(fingerprint=done.fingerprint)) == ("Texts", "active")

    def test_a_revival_is_looked_at_whatever_was_said_since(self):
        """Who left while we brought them back is taken off again, though the shop waits for something by now."""
        world = World()
        world.say(Says.PENDING, 8)
        world.stand("Newsletter", Standing.ACTIVE, left_at=6, joined_at=7)
        world.book.known["2"] = revived()

        assert changes(world.plan()) == ("Newsletter", "unsubscribed")

    def test_trust_that_was_withdrawn_is_gone(self):
        """What was said at a place that may revive nobody by now revives nobody."""
        world = World()
        world.say(Says.YES, 5, place=1)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=0)

        assert changes(world.plan()) is None

    def test_who_left_does_not_come_back_with_a_new_contact(self):
        """Who had left, and whose contact was deleted there and made anew, is not subscribed by their old yes."""
        world = World()
        world.say(Says.YES, -60)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=0)
        assert changes(world.plan()) is None

        assert changes(world.plan(contact="8")) is None
        assert world.book.known["2"].contact == "8"
        assert world.book.known["2"].membership.left_at == at(0)
        assert changes(world.plan(contact="8", is_repair=True)) is None
        world.say(Says.YES, 60)
        plan = world.plan(contact="8")
        assert changes(plan) == ("Newsletter", "active")
        assert plan.change is not None
        assert (plan.change.contact, plan.change.revived_over) == ("8", at(0))


class TestJudged:
    def test_with_where_they_stand(self):
        """A verdict names where somebody stands there, and nothing where nobody looked."""
        world = World()
        world.say(Says.PENDING, 0)
        world.plan()
        assert [(each.list, each.standing, each.verdict.action) for each in world.book.judged] == [
            ("Newsletter", None, Action.LEAVE)
        ]

        world.say(Says.YES, 5)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=60)
        world.plan()
        (only,) = world.book.judged
        assert (only.standing, only.verdict.action, only.evidence) == (Standing.UNSUBSCRIBED, Action.LEAVE, 6)

        world.account.standings.clear()
        world.book.known.clear()
        world.plan()
        (only,) = world.book.judged
        assert (only.standing, only.verdict.action) == (Standing.NONE, Action.SUBSCRIBE)

    def test_a_list_that_is_not_there_is_told(self):
        """A list that the account does not have is nobody's to judge."""
        world = World(file=FILE.replace("Newsletter", "Nowhere"))
        world.say(Says.YES, 0)

        with pytest.raises(ListMissingError, match="Nowhere"):
            world.plan()


class TestSending:
    def test_who_is_on_a_list_of_the_route_may_be_sent_to(self):
        """One list of the channel that they are on is enough, and none of another channel is."""
        world = World()
        world.stand("Rundbrief", Standing.ACTIVE, joined_at=0)
        assert world.may_send("de", "en").action is Action.LEAVE
        assert world.may_send("en").action is Action.HOLD
        assert world.may_send("de", channel="sms").action is Action.HOLD

    def test_where_no_list_is_named_their_word_decides(self):
        """Without a list of the channel, an explicit yes lets something be sent, and nothing else does."""
        world = World()
        assert world.may_send().action is Action.HOLD
        for says in (Says.NO, Says.PENDING):
            world.say(says, 0)
            assert world.may_send().action is Action.HOLD
        world.say(Says.YES, 0)
        assert world.may_send().action is Action.LEAVE
        world.say(Says.YES, 0, is_over=True)
        assert world.may_send().action is Action.HOLD

    def test_a_no_on_hold_holds_it(self):
        """Nothing is sent to who is on the list, and of whom a no is known that nobody has looked at."""
        world = World()
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)
        world.say(Says.NO, 5)
        (row,) = world.book.said
        assert world.may_send("en").action is Action.HOLD
        for held in (
            replace(row.evidence, is_explicit=False),
            replace(row.evidence, since=at(-5), is_past=True),
            replace(row.evidence, since=None, at=None),
        ):
            world.book.said = [replace(row, evidence=held)]
            assert changes(world.plan()) is None
            assert world.may_send("en").action is Action.HOLD

    def test_a_no_since_a_yes_that_we_wrote_late_holds_it(self):
        """Nothing is sent to who said no three minutes after their yes, though that was written after five."""
        world = World()
        world.say(Says.YES, 0)
        world.write(world.plan(), 5)
        world.stand("Newsletter", Standing.ACTIVE, joined_at=5)
        world.plan(is_repair=True)
        assert world.may_send("en").action is Action.LEAVE
        world.say(Says.NO, 3)

        assert world.may_send("en").action is Action.HOLD

    def test_a_no_since_a_yes_whose_proof_was_lost_holds_it(self):
        """Nothing is sent to who said no three minutes after their yes, though nobody knows yet that it was written."""
        world = World()
        world.say(Says.YES, 0)
        world.write(world.plan(), 5, is_proven=False)
        world.stand("Newsletter", Standing.ACTIVE, joined_at=5)
        world.say(Says.NO, 3)

        assert world.may_send("en").action is Action.HOLD

    @pytest.mark.parametrize("looks", [0, 1])
    def test_who_left_while_we_wrote_is_not_sent_to(self, looks: int):
        """Nothing is sent to whom we brought back over their own later no, before that is restored."""
        world = World()
        world.say(Says.YES, 5)
        world.stand("Newsletter", Standing.ACTIVE, left_at=6, joined_at=7)
        world.book.known["2"] = revived()
        for _ in range(looks):
            assert changes(world.plan()) == ("Newsletter", "unsubscribed")

        assert world.may_send("en").action is Action.HOLD

    def test_what_is_known_of_another_contact_is_not_asked(self):
        """Nothing is sent to a contact because a former one was on the list."""
        world = World()
        world.say(Says.YES, 0)
        world.write(world.plan(), 1)
        world.stand("Newsletter", Standing.ACTIVE, joined_at=1)
        world.plan(is_repair=True)

        assert world.may_send("en").action is Action.LEAVE
        assert world.may_send("en", contact="8").action is Action.HOLD

    def test_who_is_not_shown_is_not_sent_to(self):
        """Whether somebody may be sent to whose contact is not shown cannot be told."""
        world = World()
        with pytest.raises(NotShownError):
            world.may_send("en", contact=None)
        with pytest.raises(GoneError):
            world.may_send("en", contact=None, attempts=LOOKS)
