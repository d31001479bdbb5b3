"""Consent, told between a shop that says who agreed and an account whose people act by themselves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP
from events_world import EVENT_HOST, access
from world import Interposed, World

from ct_ac_sync.domain.consent import Look, Membership, Standing
from ct_ac_sync.ports import CallKind
from ct_ac_sync.store.consent_book import ConsentBook

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)

ANN = "ann@example.com"
TYPE = {"type": {"typeId": "type", "id": "consents"}}

LISTS = """
[[routes]]
name = "all"
destination = "main"
lists = ["news"]

[lists.news]
name = "Newsletter"
"""

CONSENT = """
[consent.email]
owner = "{owner}"
{more}

[[consent.email.read]]
value = "customer.custom.fields.newsletter"
time = "customer.custom.fields.newsletterAt"
"""


SMS = """
[lists.texts]
name = "Texts"
channel = "sms"

[consent.sms]
absence = "no"

[[consent.sms.read]]
value = "customer.custom.fields.texts"

[consent.email]"""


def in_(**span: float) -> str:
    """Return a moment that is so far from now, as the shop writes it."""
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def configuration(owner: str = "latest", more: str = "") -> str:
    """Return a configuration in which a customer's own field says whether they want the newsletter."""
    return SHOP + LISTS + PROFILE + NUMBER + CONSENT.format(owner=owner, more=more)


class ConsentWorld:
    """A product with its shop, and an account that has a newsletter."""

    def __init__(self, world: World) -> None:
        """Begin: the list is there, and what is in the shop by now is past."""
        self.world, self.shop, self.account = world, world.shop, world.account
        self.list = world.account.by_hand("POST", "/lists", {"list": LIST})["list"]["id"]
        world.account.by_hand("POST", "/listGroups", {"listGroup": {"listid": self.list, "groupid": 1}})

    def sign_up(self, email: str = ANN, **fields: Any) -> str:
        """Let somebody sign up who says so; return their id."""
        custom = {"custom": TYPE | {"fields": fields}} if fields else {}
        row = self.shop.do("sign_up", email=email, visible_after_seconds=0)
        if custom:
            self.shop.change("customer", row["id"], **custom)
        return str(row["id"])

    def came_before(self, email: str = ANN, **fields: Any) -> None:
        """Let somebody be in the shop who came long before it was read."""
        self.shop.put(
            "customer", email=email, firstName="Ann", lastName="Lee", addresses=[], stores=[],
            customerGroupAssignments=[], isEmailVerified=True, authenticationMode="Password",
            createdAt=in_(days=-700), lastModifiedAt=in_(days=-700), custom=TYPE | {"fields": fields},
        )  # fmt: skip

    def say(self, id_: str, **fields: Any) -> None:
        """Let somebody say something else, and be heard."""
        self.shop.change("customer", id_, custom=TYPE | {"fields": fields})

    def run(self) -> None:
        """Read and deliver all there is."""
        self.world.run()

    def pass_time(self, **span: float) -> None:
        """Let the shop's and the database's clock go on, and the account's stay behind."""
        self.world.pass_time(timedelta(**span))
        shift = self.world.sql("SELECT shift FROM clock")[0]["shift"]
        self.shop.ask("switches", {"ahead_seconds": shift.total_seconds()})

    def contact(self, email: str = ANN) -> str:
        """Return the id of a contact."""
        return str(self.world.contacts()[email]["id"])

    def status(self, email: str = ANN) -> str | None:
        """Return the status of somebody's membership; None where they never were on the list."""
        rows = self.account.by_hand("GET", f"/contacts/{self.contact(email)}/contactLists")["contactLists"]
        return next((str(row["status"]) for row in rows if row["list"] == self.list), None)

    def leave(self, email: str = ANN, status: int = 2) -> None:
        """Let somebody leave the list there, by their own will."""
        body = {"contactList": {"contact": self.contact(email), "list": self.list, "status": status}}
        self.account.by_hand("POST", "/contactLists", body)

    def customers(self) -> list[dict[str, Any]]:
        """Return the account's customers of shops."""
        rows: list[dict[str, Any]] = self.account.ask("state")["customers"]
        return rows

    def customer(self, email: str = ANN) -> str:
        """Return the id of a customer."""
        rows = self.world.sql("SELECT id FROM record WHERE stream = 'customers' AND address = %s", (email,))
        return str(rows[0]["id"])

    def moves(self) -> list[tuple[str | None, str]]:
        """Return all moves between statuses so far."""
        return [(row["before"], row["after"]) for row in self.account.log("list_status")]

    def ledger(self) -> list[tuple[str, str]]:
        """Return what the ledger says was decided, written and seen."""
        rows = self.world.sql(
            "SELECT what, coalesce(action, standing) AS that FROM consent_ledger ORDER BY number"
        )
        return [(row["what"], row["that"]) for row in rows]

    def reasons(self) -> list[str]:
        """Return the reasons of all verdicts, oldest first."""
        rows = self.world.sql("SELECT reason FROM consent_ledger WHERE what = 'verdict' ORDER BY number")
        return [row["reason"] for row in rows]


LIST = {
    "name": "Newsletter", "stringid": "newsletter", "sender_url": "https://example.com",
    "sender_reminder": "You signed up.",
}  # fmt: skip


@pytest.fixture(name="begin")
def _begin(world_of: Callable[..., World]) -> Callable[..., ConsentWorld]:
    """Give what begins a world that has been read once."""

    def begin(*given: str, **more: str) -> ConsentWorld:
        world = ConsentWorld(world_of(configuration(*given, **more), CT_AC_SYNC_FROM="now"))
        world.run()
        return world

    return begin


@pytest.fixture(name="told")
def _told(begin: Callable[..., ConsentWorld]) -> ConsentWorld:
    """Give a world in which the latest word holds."""
    return begin()


class TestYes:
    def test_who_agrees_is_subscribed(self, told: ConsentWorld):
        """Who signs up and agrees is on the list after one look and one call, and the ledger says why."""
        told.sign_up(newsletter=True)
        told.run()

        assert told.status() == "1"
        assert told.moves() == [(None, "1")]
        assert told.ledger() == [("verdict", "subscribe"), ("written", "active")]
        assert told.account.counts()["write_membership"]["200"] == 1

    def test_who_says_nothing_is_left_alone(self, told: ConsentWorld):
        """Who says nothing is on no list, and costs no call for it."""
        told.sign_up()
        told.run()

        assert told.moves() == []
        assert "list_contact_lists" not in told.account.counts()

    def test_a_no_ends_it(self, told: ConsentWorld):
        """Who says no later is taken from the list, and back on it when they say yes again."""
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.say(id_, newsletter=False)
        told.run()
        assert told.status() == "2"

        told.say(id_, newsletter=True)
        told.run()
        assert told.status() == "1"
        assert told.moves() == [(None, "1"), ("1", "2"), ("2", "1")]


class TestUrgency:
    def test_a_no_goes_before_all_else(self, told: ConsentWorld):
        """Who takes it back is in the lane before all others, ahead of who agrees in the same moment."""
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.sign_up("bob@example.com", newsletter=True)
        told.say(id_, newsletter=False)
        told.world.read()

        rows = told.world.sql(
            "SELECT r.address, r.lane FROM recipient r JOIN entry e USING (recipient)"
            " WHERE e.operation = 'set_consent' ORDER BY r.lane"
        )
        assert [(row["address"], row["lane"]) for row in rows] == [(ANN, 0), (None, 1)]

    def test_a_no_waits_for_no_contact_that_is_refused(self, told: ConsentWorld):
        """Whose name the account does not take, and who says no, is taken from the list all the same."""
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.account.fault(operation="update_contact", status=422, reply="{}")
        told.shop.do("edit", customer=id_, last_name="Lee", visible_after_seconds=0)
        told.run()
        assert [row["operation"] for row in told.world.box.desk.dead_letters()] == ["upsert_contact"]

        told.say(id_, newsletter=False)
        told.run()

        assert told.status() == "2"


class TestSuppression:
    def test_who_left_there_stays_away(self, told: ConsentWorld):
        """Who unsubscribed by their own will is not brought back by what they said before."""
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.leave()

        told.shop.do("edit", customer=id_, last_name="Lee", visible_after_seconds=0)
        told.run()

        assert told.status() == "2"

    def test_a_newer_yes_brings_back(self, told: ConsentWorld):
        """A yes with its own, later time brings back who had left, once it was looked at."""
        id_ = told.sign_up(newsletter=True, newsletterAt="2020-01-01T10:00:00Z")
        told.run()
        told.leave()
        told.pass_time(seconds=6)
        told.say(id_, newsletter=True, newsletterAt=in_(seconds=5))
        told.run()

        assert told.status() == "1"
        assert told.moves()[-1] == ("2", "1")
        assert told.reasons()[-1] == "said yes, and is on the list"


class TestEvents:
    def test_agreeing_and_taking_it_back_are_told_once(
        self, world_of: Callable[..., World], account_url: str
    ):
        """Each turn of somebody's word is tracked once, and what is said again is none."""
        rules = "".join(
            f'\n[[events]]\non = "{kind}"\ntracking = {{ name = "{kind}", value = "{{event.channel}}" }}\n'
            for kind in ("newsletter_opted_in", "newsletter_opted_out")
        )
        world = ConsentWorld(
            world_of(
                configuration().replace("[[routes]]", EVENT_HOST + "\n[[routes]]", 1) + rules,
                CT_AC_SYNC_FROM="now", **access(account_url),
            )
        )  # fmt: skip
        world.run()
        id_ = world.sign_up(newsletter=True)
        world.run()
        for answer in (True, False, False, True):
            world.say(id_, newsletter=answer)
            world.run()
        world.pass_time(seconds=5)
        world.run()
        world.world.box.dispatch.tick()
        world.world.drain()

        told = [(row["name"], row["value"].split()[0]) for row in world.account.log("event_tracked")]
        assert told == [
            ("newsletter_opted_in", "email"), ("newsletter_opted_out", "email"), ("newsletter_opted_in", "email"),
        ]  # fmt: skip


class TestEligibility:
    def test_automations_are_for_who_is_on_the_list(self, world_of: Callable[..., World], account_url: str):
        """A marketing automation is entered by who agreed, and left out for who did not, with the reason."""
        rule = '\n[[events]]\non = "signed_up"\nautomation = 12\n'
        world = ConsentWorld(world_of(configuration() + rule, CT_AC_SYNC_FROM="now", **access(account_url)))
        world.account.ask("automations", {"id": "12", "name": "Welcome", "status": 1})
        world.run()
        world.sign_up(ANN, newsletter=True)
        world.sign_up("bob@example.com")
        world.pass_time(seconds=5)
        world.run()
        world.world.box.dispatch.tick()
        world.world.drain()

        entered = [row["contact"] for row in world.account.log("automation_entered")]
        assert entered == [world.contact(ANN)]
        assert ("fact", "no_consent: none") in world.world.reasons("skipped")

    def test_what_is_transactional_asks_nobody(self, world_of: Callable[..., World], account_url: str):
        """A rule that says that it is transactional reaches who agreed to nothing."""
        rule = '\n[[events]]\non = "signed_up"\nautomation = 12\npurpose = "transactional"\n'
        world = ConsentWorld(world_of(configuration() + rule, CT_AC_SYNC_FROM="now", **access(account_url)))
        world.account.ask("automations", {"id": "12", "name": "Welcome", "status": 1})
        world.run()
        world.sign_up("bob@example.com")
        world.pass_time(seconds=5)
        world.run()
        world.world.box.dispatch.tick()
        world.world.drain()

        entered = [row["contact"] for row in world.account.log("automation_entered")]
        assert entered == [world.contact("bob@example.com")]


class TestOnOrders:
    def test_orders_say_who_agreed(self, world_of: Callable[..., World]):
        """Where it is asked for, an order says whether its buyer agreed and is on the list, as of then."""
        told = ConsentWorld(world_of(configuration(more="on_orders = true"), CT_AC_SYNC_FROM="now"))
        told.run()
        ann, bob = told.sign_up(newsletter=True), told.sign_up("bob@example.com", newsletter=False)
        told.run()
        told.shop.do("order", customer=ann)
        told.shop.do("order", customer=bob)
        told.run()
        first = told.customers()
        told.leave()
        told.world.pass_time(timedelta(seconds=31))
        told.run()
        told.shop.do("order", customer=ann)
        told.run()

        assert {each["email"]: each["acceptsMarketing"] for each in first} == {
            ANN: "1",
            "bob@example.com": "0",
        }
        assert {each["email"]: each["acceptsMarketing"] for each in told.customers()}[ANN] == "0"

    def test_nothing_is_said_unasked(self, told: ConsentWorld):
        """Without it an order says nothing of consent, whatever its buyer did."""
        ann = told.sign_up(newsletter=True)
        told.shop.do("order", customer=ann)
        told.run()

        (sent,) = (call for call in told.account.calls() if "upsertOrder" in str(call["request_body"]))
        assert "acceptsMarketing" not in str(sent["request_body"]["variables"])
        assert "smsMarketingState" not in str(sent["request_body"]["variables"])


class TestExcluded:
    @pytest.mark.parametrize(
        "phrase", [{"addresses": [ANN]}, {"addresses": ["@Example.com"], "match": "end"}]
    )
    def test_nobody_is_put_on_a_list_who_is_excluded(self, told: ConsentWorld, phrase: dict[str, Any]):
        """The account's own exclusion goes before a yes in the shop, until it is lifted there."""
        ann = told.sign_up(newsletter=False)
        told.run()
        told.account.ask("exclusions", phrase)
        told.pass_time(hours=1)
        told.say(ann, newsletter=True)
        told.run()
        assert (told.moves(), told.reasons()[-1]) == ([], "excluded there, and no yes goes before that")

        told.account.ask("exclusions", method="DELETE")
        told.pass_time(hours=1)
        told.run()

        assert told.moves() == [(None, "1")]

    def test_a_yes_is_not_lost_that_the_account_refuses(self, told: ConsentWorld):
        """Who was excluded a minute ago is refused there; the letter, replayed, finds out why."""
        told.account.ask("switches", {"excluded_membership": "refused"})
        ann = told.sign_up(newsletter=False)
        told.run()
        told.account.ask("exclusions", {"addresses": [ANN]})
        told.say(ann, newsletter=True)
        told.run()
        (letter,) = told.world.box.desk.dead_letters()
        told.world.box.replay.replay([letter["dead_letter"]], actor="test", reason="looked at")
        told.run()

        assert told.reasons()[-1] == "excluded there, and no yes goes before that"
        assert told.world.box.desk.dead_letters() == []

    def test_a_key_that_may_not_see_them_stops_nothing(self, begin: Callable[..., ConsentWorld]):
        """Where exclusions are not shown, the account itself passes over who is excluded."""
        told = begin()
        told.account.fault(operation="list_exclusions", status=403, reply='{"message": "no"}')
        told.pass_time(hours=1)
        told.sign_up(newsletter=True)
        told.run()

        assert told.moves() == [(None, "1")]
        assert told.account.counts()["list_exclusions"]["403"] >= 1

    def test_a_key_that_never_may_see_them_stops_nothing(self, world_of: Callable[..., World]):
        """Where exclusions were never shown, whoever agrees is subscribed all the same."""
        told = ConsentWorld(world_of(configuration(), CT_AC_SYNC_FROM="now"))
        told.account.fault(operation="list_exclusions", status=403, reply='{"message": "no"}')
        told.run()
        told.sign_up(newsletter=True)
        told.run()

        assert told.moves() == [(None, "1")]

    def test_a_key_that_may_not_see_them_any_more_frees_nobody(self, told: ConsentWorld):
        """Who is known to be excluded stays so while exclusions are not shown."""
        ann = told.sign_up(newsletter=False)
        told.run()
        told.account.ask("exclusions", {"addresses": [ANN]})
        told.pass_time(hours=1)
        told.run()
        told.account.fault(operation="list_exclusions", status=403, reply='{"message": "no"}')
        told.pass_time(hours=1)
        told.run()
        told.say(ann, newsletter=True)
        told.run()

        assert (told.moves(), told.reasons()[-1]) == ([], "excluded there, and no yes goes before that")
        assert told.account.counts()["list_exclusions"]["403"] >= 1

    def test_they_are_read_once_an_hour(self, told: ConsentWorld):
        """However many sign up, exclusions cost a call for a hundred of them, an hour."""
        told.account.ask("exclusions", {"addresses": [f"{n}@example.org" for n in range(150)]})
        told.pass_time(hours=1)
        told.run()
        before = sum(told.account.counts()["list_exclusions"].values())
        for number in range(5):
            told.sign_up(f"{number}@example.com", newsletter=True)
        told.run()
        told.pass_time(hours=1)
        told.run()

        assert sum(told.account.counts()["list_exclusions"].values()) - before == 2
        assert len(told.moves()) == 5


class TestJumps:
    def test_far_too_many_are_halted_until_a_human_looks(self, world_of: Callable[..., World]):
        """A mapping that would put everybody on a list stops after a few, and goes on once somebody says so."""
        world = ConsentWorld(world_of(configuration(), CT_AC_SYNC_FROM="now", CT_AC_SYNC_CONSENT_JUMP="3"))
        world.run()
        for number in range(5):
            world.sign_up(f"{number}@example.com", newsletter=True)
        world.world.read()
        for _ in range(20):
            world.world.box.dispatch.tick()
            world.world.deliver_due()
        assert len(world.moves()) == 3
        (halted,) = world.world.box.views.status()["halted_triggers"]
        assert halted["trigger"] == "subscribe.consent"

        world.world.box.events.resume(world.world.account_name)
        world.world.pass_time(timedelta(minutes=2))
        world.world.drain()

        assert len(world.moves()) == 5


class TestDefectsOfOthers:
    def test_nothing_brings_back_who_left(self, told: ConsentWorld):
        """Defect 14: a change, an order, a replay, an import and a new mapping leave who left off the list."""
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.leave()
        told.shop.do("edit", customer=id_, last_name="Lee", visible_after_seconds=0)
        told.shop.do("order", customer=id_, visible_after_seconds=0)
        told.run()
        told.account.fault(operation="update_contact", status=422, reply="{}", times=1)
        told.shop.do("edit", customer=id_, last_name="Kim", visible_after_seconds=0)
        told.run()
        letters = [row["dead_letter"] for row in told.world.box.desk.dead_letters()]
        assert (
            told.world.box.replay.replay(letters, actor="test", reason="mended").replayed == len(letters) == 1
        )
        told.world.drain()
        for number in range(30):
            told.sign_up(f"{number}@example.com")
        told.shop.do("edit", customer=id_, last_name="Poe", visible_after_seconds=0)
        told.run()
        told.world.configure(configuration(more="past_counts = true"))
        told.world.box.remap.run()
        told.world.drain()

        assert told.account.log("import_finished")
        assert told.status() == "2"
        assert [move for move in told.moves() if move[1] == "1"] == [(None, "1")]

    def test_older_news_loses_and_is_written_down(self, told: ConsentWorld):
        """Defect 15: a yes that was said before the no, and is read after it, changes nothing and is in the book."""
        id_ = told.sign_up(newsletter=True, newsletterAt=in_(hours=-3))
        told.run()
        told.say(id_, newsletter=False, newsletterAt=in_(hours=-1))
        told.run()
        told.say(id_, newsletter=True, newsletterAt=in_(hours=-2))
        told.run()

        assert told.status() == "2"
        rows = told.world.sql("SELECT says FROM consent_evidence ORDER BY evidence")
        assert [row["says"] for row in rows] == ["yes", "no", "yes"]
        assert told.reasons()[-1] == "unsubscribed since then: the yes is older"


class TestTexts:
    @pytest.mark.parametrize(("phone", "status"), [("+49 30 1234567", "1"), ("call me", None)])
    def test_a_text_needs_a_number(self, world_of: Callable[..., World], phone: str, status: str | None):
        """Who agrees to text messages is on their list if there is a number to send them to."""
        world = ConsentWorld(
            world_of(
                configuration().replace("[consent.email]", SMS, 1).replace('["news"]', '["news", "texts"]'),
                CT_AC_SYNC_FROM="now",
            )
        )
        texts = world.account.ask("lists", {"name": "Texts", "channel": "sms"})["id"]
        world.run()
        id_ = world.shop.do("sign_up", email=ANN, visible_after_seconds=0)["id"]
        address = {"id": "home", "country": "DE", "phone": phone}
        world.shop.change("customer", id_, addresses=[address], custom=TYPE | {"fields": {"texts": True}})
        world.run()

        rows = world.account.by_hand("GET", f"/contacts/{world.contact()}/contactLists")["contactLists"]
        assert {row["list"]: str(row["status"]) for row in rows}.get(texts) == status


class TestLedger:
    def test_a_move_whose_reply_was_lost_is_written_down(self, told: ConsentWorld):
        """Of a subscription whose answer was lost the ledger says that it was written, and on what."""
        told.sign_up(newsletter=True)
        told.account.fault(operation="write_membership", when="after", reset=True, times=1)
        told.run()

        assert told.moves() == [(None, "1")]
        assert ("written", "active") in told.ledger()

    def test_an_outcome_says_why_nothing_was_changed(self, told: ConsentWorld):
        """Where nothing follows of a word, the outcome says why."""
        told.sign_up(newsletter=False)
        told.run()

        rows = told.world.sql("SELECT reason FROM outcome WHERE operation = 'set_consent'")
        assert [row["reason"] for row in rows] == ["news: said no, and is off the list: none"]

    def test_a_move_that_is_told_too_late_is_written_down_as_it_was(self, told: ConsentWorld):
        """Whoever subscribed somebody and was too slow to say so has it written down, once, and not as found."""
        late: list[str] = []

        def send(real: Callable[..., Any], call: Any, **more: Any) -> Any:
            answer = real(call, **more)
            if call.kind is CallKind.SUBSCRIBE and not late:
                late.append(call.path)
                told.world.pass_time(timedelta(seconds=30))
                (row,) = told.world.sql("SELECT recipient FROM recipient")
                assert told.world.box.deliveries.claim(row["recipient"]) is not None
            return answer

        told.sign_up(newsletter=True)
        told.world.rewire(destination=Interposed(told.world.destination, send=send))
        told.run()

        written = "SELECT standing, reason FROM consent_ledger WHERE what = 'written'"
        assert told.world.sql(written) == [{"standing": "active", "reason": ""}]
        assert "late_applied" in told.world.outcomes("set_consent")


class TestFence:
    def test_a_look_whose_claim_is_over_is_not_kept(self, told: ConsentWorld):
        """Who looked and lost the claim since neither links a contact nor says where it stands."""
        told.sign_up(newsletter=True)
        told.run()
        (row,) = told.world.sql("SELECT recipient, destination, lease_token FROM recipient")
        told.world.execute("UPDATE recipient SET contact = NULL")
        before = told.world.sql("SELECT * FROM membership")
        book = ConsentBook(told.world.box.database, destination=row["destination"], config="")
        lists = {told.list: told.world.settings.configuration.lists[0]}
        look, stale = Look(Membership(standing=Standing.UNSUBSCRIBED)), (row["lease_token"] or 0) + 1

        book.link(row["recipient"], "7", token=stale)
        book.keep(row["recipient"], "7", {told.list: look}, lists, token=stale)

        assert told.world.sql("SELECT contact FROM recipient") == [{"contact": None}]
        assert told.world.sql("SELECT * FROM membership") == before


class TestBounds:
    def test_a_word_was_said_since_all_was_read(self, told: ConsentWorld):
        """A word without a time was said after the last reading, less what that may have missed."""
        id_ = told.sign_up(newsletter=False)
        told.run()
        told.pass_time(hours=1)
        told.run()
        read = self._watermark(told)
        told.say(id_, newsletter=True)
        told.run()

        assert self._since(told) == read - told.world.settings.overlap

    def test_a_version_that_nobody_could_read_may_have_said_it(self, told: ConsentWorld):
        """Where a version between cannot be read, a word may be as old as the one before that."""
        id_ = told.sign_up(newsletter=False)
        told.run()
        (before,) = told.world.sql("SELECT last_modified_at AS at FROM record WHERE id = %s", (id_,))
        created = told.shop.change("customer", id_, createdAt="once")["lastModifiedAt"]
        told.run()
        told.pass_time(hours=1)
        told.run()
        told.shop.change("customer", id_, createdAt=created, custom=TYPE | {"fields": {"newsletter": True}})
        told.run()

        assert self._since(told) == before["at"]

    @staticmethod
    def _watermark(told: ConsentWorld) -> datetime:
        (row,) = told.world.sql("SELECT watermark FROM stream WHERE stream = 'customers'")
        watermark: datetime = row["watermark"]
        return watermark

    @staticmethod
    def _since(told: ConsentWorld) -> datetime:
        (row,) = told.world.sql("SELECT says, since FROM consent_evidence ORDER BY evidence DESC LIMIT 1")
        assert row["says"] == "yes"
        since: datetime = row["since"]
        return since


SHOWN = """
[[consent.email.read]]
value = "RECORD.custom.fields.newsletter"
details = { form = "RECORD.custom.fields.form" }

[[fields]]
perstag = "SAYS"
title = "Says"
from = "consent.email.says"

[[fields]]
perstag = "SAID_IN"
title = "Said in"
template = "{consent.email.place} of {consent.email.source}"

[[fields]]
perstag = "FORM"
title = "Form"
from = "consent.email.details.form"
"""


class TestShown:
    @pytest.mark.parametrize(("act", "kind"), [("guest_order", "order"), ("cart", "cart")])
    def test_what_was_said_shows_in_fields(self, world_of: Callable[..., World], act: str, kind: str):
        """A guest's word at the checkout shows with its source in the account, and so does a later one."""
        shown = SHOWN.replace("RECORD", kind)
        told = ConsentWorld(world_of(configuration() + shown, CT_AC_SYNC_FROM="now"))
        told.run()
        guest = told.shop.do(act, email=ANN, visible_after_seconds=0)["id"]
        told.shop.change(kind, guest, custom=TYPE | {"fields": {"newsletter": True, "form": "footer"}})
        told.run()
        first = told.world.contacts()[ANN]["fields"]
        told.pass_time(seconds=30)
        told.shop.change(kind, guest, custom=TYPE | {"fields": {"newsletter": False}})
        told.run()

        place = f"{kind}.custom.fields.newsletter of {told.world.project}"
        assert (first["SAYS"], first["SAID_IN"], first["FORM"]) == ("yes", place, "footer")
        assert told.world.contacts()[ANN]["fields"]["SAYS"] == "no"
        assert told.moves() == [(None, "1"), ("1", "2")]


@pytest.fixture(name="imported")
def _imported(world_of: Callable[..., World]) -> ConsentWorld:
    """Give a world in which Ann, whom a form had brought to the account, was imported from the shop."""
    told = ConsentWorld(world_of(configuration(more="past_counts = true")))
    told.account.ask("switches", {"import_success_ids": "created", "import_seconds": 0})
    told.account.ask("lists/act", {"email": ANN, "act": "subscribe", "list": "Newsletter"})
    told.came_before(ANN, newsletter=True)
    told.run()
    return told


class TestImported:
    def test_who_leaves_there_is_noticed(self, imported: ConsentWorld):
        """Who was known to the account and leaves it is news like anybody else's."""
        imported.leave()
        for _ in range(3):
            imported.world.pass_time(timedelta(seconds=31))
            imported.world.drain()

        assert ("seen", "unsubscribed") in imported.ledger()

    def test_what_nothing_follows_of_is_not_asked(self, world_of: Callable[..., World]):
        """Of a record of the past whose word changes nothing a first load wants no consent."""
        told = ConsentWorld(world_of(configuration()))
        told.came_before(ANN, newsletter=True)
        told.run()

        assert ANN in told.world.contacts()
        assert told.world.sql("SELECT FROM entry WHERE operation = 'set_consent'") == []

    def test_an_edit_costs_no_look(self, imported: ConsentWorld):
        """Who was known to the account and changes a name alone is not looked at for it."""
        before = imported.account.counts()["list_contact_lists"]
        imported.shop.do("edit", customer=imported.customer(), last_name="Roe", visible_after_seconds=0)
        imported.run()

        assert imported.account.counts()["list_contact_lists"] == before


class TestLists:
    def test_a_list_that_is_not_there_is_a_dead_letter_that_can_be_replayed(
        self, world_of: Callable[..., World]
    ):
        """A list that nobody made there holds who agreed, with its name; once it is made, they are on it."""
        world = ConsentWorld(
            world_of(configuration().replace('"Newsletter"', '"Letters"'), CT_AC_SYNC_FROM="now")
        )
        world.run()
        world.sign_up(newsletter=True)
        world.run()
        (letter,) = world.world.box.desk.dead_letters()
        assert letter["cause"] == "set_consent: no such list"
        assert "'Letters'" in letter["message"]

        world.list = world.account.ask("lists", {"name": "Letters"})["id"]
        world.world.box.replay.replay([letter["dead_letter"]], actor="test", reason="the list is made")
        world.world.drain()

        assert world.status() == "1"

    def test_an_automation_waits_for_it_too(self, world_of: Callable[..., World], account_url: str):
        """Whether somebody may be sent to, a list that is not there does not say: their entry is not lost."""
        rule = '\n[[events]]\non = "signed_up"\nautomation = 12\n'
        asked = configuration().replace('"Newsletter"', '"Letters"') + rule
        world = ConsentWorld(world_of(asked, CT_AC_SYNC_FROM="now", **access(account_url)))
        world.account.ask("automations", {"id": "12", "name": "Welcome", "status": 1})
        world.run()
        world.sign_up(newsletter=True)
        world.pass_time(seconds=5)
        world.run()
        world.world.box.dispatch.tick()
        world.world.drain()
        letters = world.world.box.desk.dead_letters()
        assert {row["cause"] for row in letters} == {"set_consent: no such list", "fact: no such list"}

        world.account.ask("lists", {"name": "Letters"})
        numbers = [row["dead_letter"] for row in letters]
        world.world.box.replay.replay(numbers, actor="test", reason="the list is made")
        world.world.drain()

        assert [row["contact"] for row in world.account.log("automation_entered")] == [world.contact()]


class TestMeanwhile:
    def test_a_no_that_comes_after_the_look_stops_a_yes(self, told: ConsentWorld):
        """Who takes it back after we looked, and before we called, is never put on the list."""
        id_ = told.sign_up(newsletter=True)
        told.world.read()
        turned: list[str] = []

        def intend(real: Callable[..., Any], claim: Any, drafts: Any, call: Any, **more: Any) -> Any:
            if call.kind is CallKind.SUBSCRIBE and not turned:
                turned.append(call.path)
                told.say(id_, newsletter=False)
                told.world.read()
            return real(claim, drafts, call, **more)

        told.world.rewire(deliveries=Interposed(told.world.parts.deliveries, intend=intend))
        told.world.drain()

        assert turned == ["/contactLists"]
        assert told.moves() == []

    def test_who_leaves_while_we_bring_them_back_stays_off_though_the_restoring_fails(
        self, told: ConsentWorld
    ):
        """Their own later no is restored, however often the call for it fails."""
        told.account.ask("switches", {"resubscribed_row": "kept"})
        id_ = told.sign_up(newsletter=True)
        told.run()
        told.leave()
        # Real seconds: here it matters that all sides have one clock.
        time.sleep(3)
        told.say(id_, newsletter=False)
        told.run()
        told.say(id_, newsletter=True)
        told.world.read()
        left: list[str] = []

        def send(real: Callable[..., Any], call: Any, **more: Any) -> Any:
            if call.kind is CallKind.SUBSCRIBE and not left:
                left.append(call.path)
                time.sleep(3)
                for act in ("subscribe", "unsubscribe"):
                    told.account.ask("lists/act", {"email": ANN, "act": act, "list": told.list})
                answer = real(call, **more)
                told.account.fault(
                    operation="write_membership", status=503, reply="{}", when="before", times=2
                )
                return answer
            return real(call, **more)

        told.world.rewire(destination=Interposed(told.world.destination, send=send))
        told.world.drain()

        assert left == ["/contactLists"]
        assert told.moves()[-2:] == [("2", "1"), ("1", "2")]
        assert told.status() == "2"
        assert told.account.counts()["write_membership"]["503"] == 2

    def test_what_was_said_elsewhere_subscribes_nobody_new(self, told: ConsentWorld):
        """Who agreed long ago, left, and takes the address of somebody else brings that contact on no list."""
        id_ = told.sign_up(newsletter=True)
        told.sign_up("bob@example.com")
        told.run()
        told.leave()
        told.shop.change("customer", id_, email="bob@example.com")
        told.run()

        assert told.status("bob@example.com") is None
        assert told.moves() == [(None, "1"), ("1", "2")]
