"""The consents of one destination: which membership is changed next, told with a book and an account in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.domain.consent import Evidence, Known, Membership, Says, Standing
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.ports import ListSeen
from ct_ac_sync.store.consent_book import Said
from ct_ac_sync.sync.consents import LOOKS, ConsentPlan, Consents
from ct_ac_sync.sync.desired import NOT_BEGUN
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
    known: dict[str, tuple[str, Known]] = field(default_factory=dict)

    def read_evidence(self, person: int) -> tuple[Said, ...]:
        """Return what the person's records say."""
        return tuple(self.said)

    def read_memberships(self, recipient: int, contact: str) -> dict[str, Known]:
        """Return what is known of a contact."""
        return {list_: known for list_, (whose, known) in self.known.items() if whose == contact}

    def keep(
        self, recipient: int, contact: str, held: Mapping[str, Membership], seen: Sequence[Any], *, token: int
    ) -> None:
        """Keep what was seen."""
        self.known |= {list_: (contact, Known(membership=each)) for list_, each in held.items()}

    def judge(self, recipient: int, judged: Sequence[Any]) -> None:
        """Write nothing down."""


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

    def find_contact(self, address: str) -> None:
        """Show nobody (yet)."""


@dataclass
class World:
    """One person, what they said, and where they stand."""

    book: Book = field(default_factory=Book)
    account: Account = field(default_factory=Account)
    phone: str = ""
    file: str = FILE

    def say(self, says: Says, minutes: float, *, channel: str = "email", place: int = 0, **body: Any) -> None:
        """Let a customer's record say something, as the last word of its place."""
        self.book.said = [each for each in self.book.said if (each.channel, each.place) != (channel, place)]
        evidence = Evidence(says=says, since=at(minutes), at=at(minutes), number=1 + int(minutes))
        self.book.said.append(
            Said(
                source="acme", stream="customers", channel=channel, place=place, evidence=evidence,
                body={"id": "c1"} | body, customer=None,
            )
        )  # fmt: skip

    def stand(self, list_: str, standing: Standing, *, contact: str = "7", **moments: float | None) -> None:
        """Let the contact stand somewhere with a list."""
        stamps = {name: None if each is None else at(each) for name, each in moments.items()}
        self.account.standings.setdefault(contact, {})[LISTS[list_]] = Membership(standing=standing, **stamps)

    def plan(self, **member: Any) -> ConsentPlan:
        """Return what is next."""
        configuration = read_configuration(self.file, where="sync.toml", environ=ENVIRON)
        asked: Any = {
            "name": HOST, "destination": self.account, "configuration": configuration, "book": self.book,
            "router": Router(configuration), "references": References(sources={}, cache=self),  # type: ignore[arg-type]
            "phone_of": lambda _: self.phone,
        }  # fmt: skip
        return Consents(**asked).plan(member_of(**member), token=1)

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
        world.say(Says.NO, 5)
        world.say(Says.YES, 5, channel="sms")
        world.stand("Newsletter", Standing.ACTIVE, joined_at=0)

        plan = world.plan()

        assert changes(plan) == ("Newsletter", "unsubscribed")
        assert plan.has_more
        assert plan.change is not None
        assert plan.change.said_until == at(5)

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
        world.book.known["2"] = ("7", revived())

        plan = world.plan()

        assert changes(plan) == ("Newsletter", "unsubscribed")
        assert plan.change is not None
        assert plan.change.evidence is None

    def test_a_text_needs_a_number(self):
        """Nobody is subscribed to messages who has no number that they can be sent to."""
        world = World(phone="0151 12345678")
        world.say(Says.YES, 5, channel="sms")

        assert changes(world.plan()) is None
        world.phone = "+4915112345678"
        assert changes(world.plan()) == ("Texts", "active")


def revived() -> Known:
    """Return what is known of one who had left at noon, after our call to bring them back."""
    left = Membership(standing=Standing.ACTIVE, left_at=at(0))
    return Known(
        membership=left, intended=Standing.ACTIVE, intended_for=at(5), intended_at=at(7), written_at=at(7),
        revived_over=at(0),
    )  # fmt: skip


class TestHoles:
    @pytest.mark.xfail(strict=True, reason="lists that no route of a record names any more are not asked")
    def test_a_no_ends_what_a_former_route_began(self):
        """Who was put on one list, is routed to another since, and says no is taken from the first too."""
        world = World()
        world.say(Says.YES, 0, locale="de")
        world.stand("Rundbrief", Standing.ACTIVE, joined_at=1)
        world.plan()
        world.say(Says.NO, 60, locale="en")

        assert changes(world.plan()) == ("Rundbrief", "unsubscribed")

    @pytest.mark.xfail(strict=True, reason="the fingerprint of what was decided names no contact")
    def test_a_no_holds_for_the_contact_that_comes_after(self):
        """Who said no, and whose recipient is another contact since, is taken from the list there."""
        world = World()
        world.say(Says.NO, 60)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=60)
        done = world.plan()
        world.stand("Newsletter", Standing.ACTIVE, contact="8", joined_at=0)

        later = world.plan(contact="8", fingerprint=done.fingerprint)

        assert changes(later) == ("Newsletter", "unsubscribed")

    @pytest.mark.xfail(strict=True, reason="that there was no contact is remembered as if all were done")
    def test_who_was_not_shown_is_not_forgotten(self):
        """Whose contact was not shown for a while is subscribed once it is known."""
        world = World()
        world.say(Says.YES, 0)
        done = world.plan(contact=None, attempts=LOOKS)

        assert changes(world.plan(fingerprint=done.fingerprint)) == ("Newsletter", "active")

    @pytest.mark.xfail(strict=True, reason="the fingerprint of what was decided does not name the number")
    def test_a_number_that_comes_later_is_one(self):
        """Who agreed to messages before they had a number is subscribed once they have one."""
        world = World(phone="")
        world.say(Says.YES, 0, channel="sms")
        done = world.plan()
        world.phone = "+4915112345678"

        assert changes(world.plan(fingerprint=done.fingerprint)) == ("Texts", "active")

    @pytest.mark.xfail(strict=True, reason="where nothing could be changed, a revival is not looked at again")
    def test_a_revival_is_looked_at_whatever_was_said_since(self):
        """Who left while we brought them back is taken off again, though the shop waits for something by now."""
        world = World()
        world.say(Says.PENDING, 8)
        world.stand("Newsletter", Standing.ACTIVE, left_at=6, joined_at=7)
        world.book.known["2"] = ("7", revived())

        assert changes(world.plan()) == ("Newsletter", "unsubscribed")

    @pytest.mark.xfail(strict=True, reason="whether a place is trusted is taken from when it was read")
    def test_trust_that_was_withdrawn_is_gone(self):
        """What was said at a place that may revive nobody by now revives nobody."""
        world = World()
        world.say(Says.YES, 5, place=1)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=0)

        assert changes(world.plan()) is None

    @pytest.mark.xfail(strict=True, reason="what is known of a former contact is not asked")
    def test_who_left_does_not_come_back_with_a_new_contact(self):
        """Who had left, and whose contact was deleted there and made anew, is not subscribed by their old yes."""
        world = World()
        world.say(Says.YES, -60)
        world.stand("Newsletter", Standing.UNSUBSCRIBED, left_at=0)
        assert changes(world.plan()) is None

        assert changes(world.plan(contact="8")) is None
