"""Leavings that are told to the shop: once, upon the version that was read, and heard by nobody as news."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP
from events_world import EVENT_HOST, access
from world import World

from tests.integration.test_consent_stories import ANN, LIST, LISTS, TYPE, ConsentWorld, in_

BEFORE = "2020-01-01T10:00:00Z"
CONSENT = """
[consent.email]
owner = "latest"

[[consent.email.read]]
value = "customer.custom.fields.newsletter"
time = "customer.custom.fields.newsletterAt"
"""
BACK = """
[consent.email.write_back]
value = "customer.custom.fields.newsletter"
time = "customer.custom.fields.newsletterAt"
source = "customer.custom.fields.via"
"""
FIELDS = {"newsletter": "Boolean", "newsletterAt": "DateTime", "via": "String"}


def configuration(back: str = BACK, *, before: str = "") -> str:
    """Return a configuration in which leavings are written back."""
    return SHOP + before + LISTS + PROFILE + NUMBER + CONSENT + back


class BackWorld(ConsentWorld):
    """A product whose shop has a type for what people consent to."""

    def __init__(self, world: World, **types: str) -> None:
        """Begin: the type is there, and what is in the shop by now is past."""
        super().__init__(world)
        self.shop.put(
            "type", id="consents", key="consents", name={"en": "Consents"}, resourceTypeIds=["customer"],
            fieldDefinitions=[
                {"name": name, "label": {"en": name}, "required": False, "type": {"name": type_}}
                for name, type_ in {**FIELDS, **types}.items()
            ],
        )  # fmt: skip
        self.run()

    def notice(self) -> None:
        """Let the account be looked at, and whatever follows be done."""
        self.world.pass_time(self.world.settings.consent_every)
        self.world.box.settle.settle_due()
        self.world.drain()

    def subscribe(self, email: str = ANN, **fields: Any) -> str:
        """Let somebody be on the list who agreed long ago; return their id."""
        id_ = self.sign_up(email, **{"newsletter": True, "newsletterAt": BEFORE} | fields)
        self.run()
        assert self.status(email) == "1"
        return id_

    def customer_of(self, id_: str) -> dict[str, Any]:
        """Return a customer as the shop has it."""
        (found,) = (row for row in self.shop.ask("state")["customers"] if row["id"] == id_)
        return dict(found)

    def fields_of(self, id_: str) -> dict[str, Any]:
        """Return the custom fields of a customer."""
        return dict(self.customer_of(id_)["custom"]["fields"])

    def updates(self) -> dict[str, int]:
        """Return how often customers were written to, by status."""
        return self.shop.counts().get("update_customer", {})

    def evidence(self) -> list[str]:
        """Return what anybody ever said, oldest first."""
        return [row["says"] for row in self.world.sql("SELECT says FROM consent_evidence ORDER BY evidence")]

    def told(self) -> list[str]:
        """Return what came of telling the shop, oldest first."""
        return self.world.outcomes("write_back")

    def calls(self) -> int:
        """Return how many calls the account had."""
        return self.account.total()


Begin = Callable[..., BackWorld]


@pytest.fixture(name="begin")
def _begin(world_of: Callable[..., World]) -> Begin:
    """Give what begins a world in which nothing has happened yet."""

    def begin(text: str = "", *, types: dict[str, str] | None = None, **more: str) -> BackWorld:
        known = {"CT_AC_SYNC_FROM": "now"} | more
        return BackWorld(world_of(text or configuration(), **known), **types or {})

    return begin


@pytest.fixture(name="back")
def _back(begin: Begin) -> BackWorld:
    """Give a world in which leavings are written back."""
    return begin()


class TestLeaving:
    def test_it_arrives_in_the_shop_once(self, back: BackWorld):
        """Who left there says no in the shop, since when and by whom; it is in the ledger with its call."""
        id_ = back.subscribe()
        back.leave()
        back.notice()

        fields = back.fields_of(id_)
        assert (fields["newsletter"], fields["via"]) == (False, "activecampaign")
        assert fields["newsletterAt"] > "2026"
        assert back.updates() == {"200": 1}
        assert back.told() == ["applied"]
        assert back.ledger()[-1] == ("written_back", "unsubscribed")
        seen = back.world.box.consent.of([1])["timeline"][-1]
        assert seen["request"]["body"]["version"] == 2
        assert id_ in seen["reason"]
        trace = back.world.box.views.trace(back.world.box.views.find(id_)[0])
        assert [row["outcome"] for row in trace["outcomes"] if row["operation"] == "write_back"] == [
            "applied"
        ]

    def test_its_echo_is_silent(self, back: BackWorld):
        """What we wrote comes back as no news: nothing is said, decided or called for it, then or later."""
        back.subscribe()
        back.leave()
        back.notice()
        said, calls, ledger = back.evidence(), back.calls(), back.ledger()

        for _ in range(3):
            back.world.read()
            back.world.drain()

        assert back.evidence() == said == ["yes"]
        assert back.calls() == calls
        assert back.ledger() == ledger
        assert back.updates() == {"200": 1}

    def test_a_later_edit_is_news(self, back: BackWorld):
        """A yes over our no, said later, brings back who left, as any does."""
        id_ = back.subscribe()
        back.leave()
        back.notice()
        back.world.read()
        back.pass_time(seconds=6)
        back.say(id_, newsletter=True, newsletterAt=in_(seconds=5))
        back.run()

        assert back.evidence() == ["yes", "yes"]
        assert back.status() == "1"

    def test_an_edit_of_something_else_is_no_word_on_it(self, back: BackWorld):
        """Somebody who changes a name over our no, before that was read, says no no."""
        id_ = back.subscribe()
        back.leave()
        back.notice()
        back.shop.do("edit", customer=id_, last_name="Lee", visible_after_seconds=0)
        back.run()

        assert back.evidence() == ["yes"]

    def test_who_comes_back_there_is_not_ended_by_our_own_no(self, begin: Begin):
        """The strictest word is no word of ours: who joins there again stays, whatever we wrote."""
        back = begin(configuration().replace('"latest"', '"strictest"'))
        id_ = back.subscribe()
        back.leave()
        back.notice()
        back.leave(status=1)
        back.notice()
        back.shop.do("edit", customer=id_, last_name="Lee", visible_after_seconds=0)
        back.run()

        assert back.status() == "1"

    def test_a_no_of_the_shop_is_not_told_to_it(self, back: BackWorld):
        """Who was taken off because the shop said no has left nothing that it does not know."""
        id_ = back.subscribe()
        back.say(id_, newsletter=False)
        back.run()
        back.notice()

        assert back.status() == "2"
        assert back.updates() == {}

    def test_who_left_before_anybody_looked(self, back: BackWorld):
        """A no that rests there since before is told, once it is looked at."""
        back.came_before(newsletter=True)
        back.world.configure(configuration(), CT_AC_SYNC_FROM="everything")
        back.world.execute("DELETE FROM stream")
        back.run()
        back.world.pass_time(timedelta(minutes=2))  # until it is known whose the contact is
        back.world.box.settle.settle_due()
        id_ = back.customer()
        back.account.by_hand(
            "POST",
            "/contactLists",
            {"contactList": {"contact": back.contact(), "list": back.list, "status": 2}},
        )
        other = back.account.by_hand(
            "POST", "/lists", {"list": LIST | {"name": "Other", "stringid": "other"}}
        )
        body = {"contact": back.contact(), "list": other["list"]["id"], "status": 2}
        back.account.by_hand("POST", "/contactLists", {"contactList": body})
        back.notice()
        assert back.fields_of(id_)["newsletter"] is False

        looks = back.account.counts()["list_contact_lists"]
        for _ in range(3):
            back.notice()
        assert back.account.counts()["list_contact_lists"] == looks

    def test_several_customers_of_one_person(self, back: BackWorld):
        """Each customer of one person is told, and none of somebody else's."""
        id_ = back.subscribe()
        other = back.sign_up("bob@example.com", newsletter=True, newsletterAt=BEFORE)
        twin = back.shop.put(
            "customer", **back.customer_of(id_) | {"id": "twin", "customerNumber": "T1", "version": 1}
        )
        back.run()
        back.leave()
        back.notice()

        assert back.fields_of(id_)["newsletter"] is False
        assert back.fields_of(twin["id"])["newsletter"] is False
        assert back.fields_of(other)["newsletter"] is True
        assert back.told() == ["applied", "applied"]

    def test_without_the_table_the_shop_is_not_written_to(self, begin: Begin):
        """A file that says nothing of it has nothing written, and asks the shop for nothing more."""
        back = begin(configuration(""))
        id_ = back.subscribe()
        calls = len(back.shop.calls())
        back.leave()
        back.notice()

        assert back.fields_of(id_)["newsletter"] is True
        assert len(back.shop.calls()) == calls
        assert back.told() == []

    @pytest.mark.parametrize("bounces", [True, False])
    def test_a_bounce_counts_where_the_file_says_so(self, begin: Begin, bounces: bool):  # noqa: FBT001
        """An address that bounced says no in the shop, or is left as it is."""
        back = begin(configuration(BACK + f"bounces = {str(bounces).lower()}\n"))
        id_ = back.subscribe()
        back.leave(status=3)
        back.notice()

        assert back.fields_of(id_)["newsletter"] is not bounces

    def test_one_channel_goes_out_of_a_set(self, begin: Begin):
        """Of a set of channels the one that was left goes, and the others stay."""
        text = configuration(
            '\n[consent.email.write_back]\nvalue = "customer.custom.fields.channels"\nwithout = "email"\n'
        )
        text = text.replace(
            'value = "customer.custom.fields.newsletter"\n',
            'value = "customer.custom.fields.channels"\nyes = "email"\nno = "*"\n',
        )
        back = begin(text)
        definition = {
            "name": "channels", "label": {}, "required": False,
            "type": {"name": "Set", "elementType": {"name": "String"}},
        }  # fmt: skip
        back.shop.change("type", "consents", fieldDefinitions=[definition])
        id_ = back.sign_up(channels=["sms", "email"], newsletterAt=BEFORE)
        back.run()
        back.leave()
        back.notice()
        back.run()

        assert back.fields_of(id_)["channels"] == ["sms"]
        assert back.evidence() == ["yes"]

    def test_far_too_many_are_halted(self, begin: Begin):
        """More leavings than there can be are told to nobody until somebody says that they are meant."""
        back = begin(CT_AC_SYNC_CONSENT_JUMP="2")
        people = [f"{number}@example.com" for number in range(2)]
        for email in people:
            back.subscribe(email)
        back.world.execute(
            "INSERT INTO told_hour (kind, hour, told) VALUES ('write_back', date_trunc('hour', sync_now()), 2)"
        )
        back.leave(people[0])
        back.world.pass_time(back.world.settings.consent_every)
        for _ in range(4):
            back.world.box.settle.settle_due()
            back.world.box.dispatch.tick()
            back.world.deliver_due()
        assert [each["trigger"] for each in back.world.box.events.halted()] == ["write_back.consent"]
        assert back.updates() == {}

        back.world.box.events.resume(back.world.account_name)
        back.world.drain(seconds=120)
        assert back.updates() == {"200": 1}


class TestNewerYes:
    def test_it_wins(self, back: BackWorld):
        """A yes that was said in the shop after they had left is not overwritten."""
        id_ = back.subscribe()
        back.leave()
        back.pass_time(seconds=6)
        back.say(id_, newsletter=True, newsletterAt=in_(seconds=5))
        back.notice()

        assert back.fields_of(id_)["newsletter"] is True
        assert back.updates() == {}
        assert back.world.reasons("skipped")[-1] == ("write_back", "said yes after they had left")


class TestConflicts:
    def test_two_and_then_success(self, back: BackWorld):
        """Who comes between makes a conflict, after which the customer is read and decided anew."""
        id_ = back.subscribe()
        reply = {
            "statusCode": 409,
            "message": "m",
            "errors": [{"code": "ConcurrentModification", "currentVersion": 9}],
        }
        back.shop.fault(operation="update_customer", status=409, reply=json.dumps(reply), times=2)
        reads = back.shop.counts().get("read_customer", {}).get("200", 0)
        back.leave()
        back.notice()

        assert back.fields_of(id_)["newsletter"] is False
        assert back.updates() == {"409": 2, "200": 1}
        assert back.told() == ["postponed", "postponed", "applied"]
        assert back.shop.counts()["read_customer"]["200"] == reads + 3

    def test_a_real_one(self, back: BackWorld):
        """A customer that changes between our look and our call is written to in its newer version."""
        id_ = back.subscribe()
        source, edits = back.world.source, []

        class Between:
            def __getattr__(self, name: str) -> Any:
                return getattr(source, name)

            def read_customer(self, id_: str) -> Any:
                found = source.read_customer(id_)
                if not edits:
                    edits.append(back.shop.do("edit", customer=id_, last_name="Lee", visible_after_seconds=0))
                return found

        back.world.rewire(source=Between())
        back.leave()
        back.notice()

        assert back.fields_of(id_)["newsletter"] is False
        assert back.customer_of(id_)["lastName"] == "Lee"
        assert back.updates() == {"409": 1, "200": 1}

    def test_a_storm_ends_in_a_letter_that_can_be_replayed(self, begin: Begin):
        """Who never comes through is a dead letter, and goes out once it is replayed."""
        back = begin(CT_AC_SYNC_MAX_ATTEMPTS="5")
        id_ = back.subscribe()
        reply = {"statusCode": 409, "message": "m", "errors": [{"code": "ConcurrentModification"}]}
        back.shop.fault(operation="update_customer", status=409, reply=json.dumps(reply))
        back.leave()
        back.notice()
        (letter,) = back.world.box.desk.dead_letters()
        assert letter["operation"] == "write_back"
        assert "ConcurrentModification" in letter["cause"]
        assert letter["records"] == [id_]
        assert back.world.box.desk.trace(letter["dead_letter"])["records"][0]["id"] == id_

        back.shop.heal()
        back.world.box.desk.replay([letter["dead_letter"]], actor="ann", reason="calm again")
        back.world.drain()
        assert back.fields_of(id_)["newsletter"] is False


class TestTrouble:
    def test_a_lost_reply_is_not_doubled(self, back: BackWorld):
        """A call that took effect and was not answered is found by reading, and not made again."""
        id_ = back.subscribe()
        back.shop.fault(operation="update_customer", when="after", reset=True, times=1)
        back.leave()
        back.notice()
        back.world.read()
        back.world.drain()

        assert back.fields_of(id_)["newsletter"] is False
        assert back.customer_of(id_)["version"] == 3
        assert sum(back.updates().values()) == 1
        assert [each for each, _ in back.ledger()].count("written_back") == 1
        assert back.evidence() == ["yes"]

    @pytest.mark.parametrize("rule", [{"status": 500}, {"status": 502, "reply": "<html>"}, {"status": 503}])
    def test_a_shop_that_stumbles_is_asked_again(self, back: BackWorld, rule: dict[str, Any]):
        """A server that fails, whether or not it did it, is asked until it is done, and done once."""
        id_ = back.subscribe()
        back.shop.fault(operation="update_customer", when="after", times=1, **rule)
        back.leave()
        back.notice()

        assert back.fields_of(id_)["newsletter"] is False
        assert back.customer_of(id_)["version"] == 3

    def test_a_customer_who_is_gone_is_left(self, back: BackWorld):
        """Who was deleted meanwhile is skipped, and not a letter."""
        id_ = back.subscribe()
        back.shop.ask("shop/remove", {"kind": "customer", "id": id_})
        back.leave()
        back.notice()

        assert ("write_back", "customer_gone") in back.world.reasons("skipped")
        assert back.world.box.desk.dead_letters() == []

    def test_what_the_shop_refuses_is_a_letter_with_its_answer(self, begin: Begin):
        """A field of another type is refused with its name, and the letter has request and answer."""
        back = begin(types={"newsletter": "String"})
        id_ = back.sign_up(newsletter="true", newsletterAt=BEFORE)
        back.run()
        back.leave()
        back.notice()

        (letter,) = back.world.box.desk.dead_letters()
        whole = back.world.box.desk.dead_letter(letter["dead_letter"])
        assert whole is not None
        assert letter["cause"] == "Commercetools update_customers: InvalidField"
        assert "newsletter" in whole["answer"]
        assert whole["request"]["path"] == f"/customers/{id_}"

    def test_a_lacking_scope_halts_it_until_somebody_resumes(self, begin: Begin):
        """A client that may only read halts what is written back, and nothing else; resumed, it is done."""
        scopes = "view_customers:demo-shop view_orders:demo-shop view_payments:demo-shop"
        back = begin(CTP_SCOPES=scopes)
        id_ = back.subscribe()
        back.leave()
        back.world.pass_time(back.world.settings.consent_every)
        for _ in range(6):
            back.world.box.settle.settle_due()
            back.world.box.dispatch.tick()
            back.world.deliver_due()
        (halted,) = back.world.box.events.halted()
        assert halted["trigger"] == "write_back.consent"
        assert "insufficient_scope" in halted["reason"]
        assert back.updates() == {"403": 1}

        back.world.configure(configuration(), CTP_SCOPES="")
        back.world.box.events.resume(back.world.account_name)
        back.world.drain(seconds=120)
        assert back.fields_of(id_)["newsletter"] is False

    @pytest.mark.parametrize("when", ["read_customer", "update"])
    def test_a_worker_that_dies_loses_nothing(self, back: BackWorld, when: str):
        """Whoever dies between the look and the call, or after the call, is taken over, and it is done once."""
        id_ = back.subscribe()
        source, deaths = back.world.source, []

        class DeathError(BaseException):
            pass

        class Dying:
            def __getattr__(self, name: str) -> Any:
                return getattr(source, name)

            def _dies(self, name: str, *given: Any, **known: Any) -> Any:
                found = getattr(source, name)(*given, **known)
                if name == when and not deaths:
                    deaths.append(name)
                    raise DeathError
                return found

            def read_customer(self, *given: Any) -> Any:
                return self._dies("read_customer", *given)

            def update(self, *given: Any, **known: Any) -> Any:
                return self._dies("update", *given, **known)

        back.world.rewire(source=Dying())
        back.leave()
        with pytest.raises(DeathError):
            back.notice()
        back.world.pass_time(timedelta(seconds=30))
        back.world.drain(seconds=60)

        assert back.fields_of(id_)["newsletter"] is False
        assert back.updates() == {"200": 1}
        assert [each for each, _ in back.ledger()].count("written_back") == 1


class TestTypes:
    def test_who_has_no_type_is_a_letter(self, back: BackWorld):
        """A customer without custom fields cannot be told, and the letter says what would help."""
        back.subscribe()
        back.shop.change("customer", back.customer(), custom=None)
        back.leave()
        back.notice()

        (letter,) = back.world.box.desk.dead_letters()
        assert letter["cause"] == "write_back: no type"
        assert back.updates() == {}

    def test_who_has_no_type_gets_the_one_that_is_named(self, begin: Begin):
        """Where the file names a type, a customer gets it with what it says."""
        back = begin(configuration(BACK + 'type = "consents"\n'))
        id_ = back.subscribe()
        back.shop.change("customer", id_, custom=None)
        back.leave()
        back.notice()

        assert back.customer_of(id_)["custom"]["type"] == TYPE["type"]
        assert back.fields_of(id_)["newsletter"] is False


class TestEvents:
    def test_a_leaving_is_no_event_of_the_shop(self, world_of: Callable[..., World], account_url: str):
        """What happened in ActiveCampaign is told there by nobody, and our echo neither."""
        rule = '\n[[events]]\non = "newsletter_opted_out"\ntracking = { name = "out", value = "{event.channel}" }\n'
        text = configuration(BACK, before=EVENT_HOST) + rule
        world = world_of(text, CT_AC_SYNC_FROM="now", **access(account_url))
        back = BackWorld(world)
        id_ = back.subscribe()
        back.leave()
        back.notice()
        back.pass_time(seconds=5)
        back.run()
        back.world.box.dispatch.tick()
        back.world.drain()

        assert back.fields_of(id_)["newsletter"] is False
        assert back.account.log("event_tracked") == []
