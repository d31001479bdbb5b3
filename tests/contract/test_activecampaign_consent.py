"""Lists with their histories, and people who come to them and leave by themselves."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from account import Account

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
ANN = "ann@example.org"


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


def changes(account: Account, email: str = ANN) -> list[tuple[str | None, str, str]]:
    """Return what became of somebody's memberships: from what, to what, and how."""
    rows = account.ask(f"lists/history?email={email}")["history"]
    return [(row["before"], row["after"], row["via"]) for row in rows]


class TestHistories:
    @BOTH
    def test_each_change_is_kept_with_how_it_came(self, account: Account):
        """A history tells of writes, imports, forms, people and admins, and the log knows the same."""
        contact, news = account.sync(ANN), account.a_list("News")
        account.set_status(contact, news, 1)
        account.act(ANN, "unsubscribe", list="News", reason="too many")
        account.act(ANN, "subscribe", list=news, double=True)
        account.act(ANN, "confirm", list="News")
        row = {"email": ANN, "unsubscribe": [{"listid": int(news)}]}
        account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])
        account.act(ANN, "subscribe", list="News", by="admin")

        told = account.log("list_status")
        assert changes(account) == [
            (None, "1", "api"), ("1", "2", "person"), ("2", "0", "form"), ("0", "1", "form"), ("1", "2", "import"),
            ("2", "1", "admin"),
        ]  # fmt: skip
        assert [(e["before"], e["after"], e["via"]) for e in told] == changes(account)
        assert {(e["email"], e["channel"], e["name"]) for e in told} == {(ANN, "email", "News")}
        assert (told[1]["unsubreason"], told[0]["sourceid"]) == ("too many", "0")

    def test_a_membership_shows_when_and_why(self, account: Account):
        """Who comes has an sdate, who leaves a udate, reason and campaign, in the zone of the account."""
        contact, news = account.sync(ANN), account.a_list("News")
        account.act(ANN, "subscribe", list=news)
        came = account.membership(contact)
        account.act(ANN, "unsubscribe", list=news, reason="too many", campaign=7)

        left = account.membership(contact)
        assert (came["udate"], came["form"], came["sourceid"]) == (None, "1", "1")
        assert came["ip4Sub"] == left["ip4Unsub"] != "0"
        assert (left["status"], left["sdate"], left["unsubreason"], left["campaign"]) == (
            "2", came["sdate"], "too many", "7",
        )  # fmt: skip
        assert {datetime.fromisoformat(left[name]).utcoffset() for name in ("sdate", "udate")} == {
            timedelta(hours=-6)
        }
        assert left["updated_timestamp"] == left["udate"][:19].replace("T", " ")

    def test_every_list_of_memberships_shows_the_same(self, account: Account):
        """The contact's own, the account's, and what is side-loaded are one row."""
        contact = account.sync(ANN)
        account.act(ANN, "subscribe", list=account.a_list("News"))

        row = account.membership(contact)

        assert account.get("/contactLists", **{"filters[contact]": contact})["contactLists"] == [row]
        assert account.get("/contacts", include="contactLists")["contactLists"] == [row]
        assert account.get(f"/contacts/{contact}")["contactLists"] == [row]

    @pytest.mark.parametrize("moves", [True, False])
    def test_a_change_may_move_the_contact(self, account: Account, *, moves: bool):
        """Whether a contact was updated when its membership was is open, and both are played."""
        account.switch(membership_moves_udate=moves)
        contact, news = account.sync(ANN), account.a_list("News")
        before = account.get(f"/contacts/{contact}")["contact"]["udate"]
        account.until(lambda: account.sync(f"{account.total()}@example.org") and _later(account, before))

        account.set_status(contact, news, 1)

        assert (account.get(f"/contacts/{contact}")["contact"]["udate"] != before) is moves

    @pytest.mark.parametrize(("way", "is_moved"), [("kept", False), ("dated", True)])
    def test_a_status_that_is_there_already(self, account: Account, way: str, *, is_moved: bool):
        """Whether it moves the date of its membership is open; in no history is it a change."""
        account.switch(membership_again=way)
        contact, news = account.sync(ANN), account.a_list("News")
        account.set_status(contact, news, 1)
        before = account.membership(contact)["sdate"]
        account.until(lambda: account.sync(f"{account.total()}@example.org") and _later(account, before))

        account.set_status(contact, news, 1)

        assert (account.membership(contact)["sdate"] != before) is is_moved
        assert changes(account) == [(None, "1", "api")]

    @pytest.mark.parametrize(("way", "reason"), [("kept", "too many"), ("cleared", None)])
    def test_who_is_back_may_still_show_the_farewell(self, account: Account, way: str, reason: str | None):
        """Whether an active membership shows how it was left before is open."""
        account.switch(resubscribed_row=way)
        contact, news = account.sync(ANN), account.a_list("News")
        account.act(ANN, "subscribe", list=news)
        account.act(ANN, "unsubscribe", list=news, reason="too many")

        account.set_status(contact, news, 1, sourceid=4)

        row = account.membership(contact)
        assert (row["status"], row["sourceid"], row["unsubreason"]) == ("1", "4", reason)

    @pytest.mark.parametrize(("source", "status"), [({}, 2), ({"sourceid": 4}, 1)])
    def test_a_return_may_need_its_source(self, account: Account, source: dict[str, Any], status: int):
        """A strict account answers a return without sourceid 4 as any other, and brings nobody back."""
        account.switch(resubscribe_without_source="passed_over")
        contact, news = account.sync(ANN), account.a_list("News")
        account.act(ANN, "subscribe", list=news)
        account.act(ANN, "unsubscribe", list=news)

        answer = account.set_status(contact, news, 1, **source)

        assert (answer.status_code, answer.json()["contactList"]["status"]) == (200, status)

    @pytest.mark.parametrize(("way", "is_dated"), [("dated", True), ("null", False)])
    def test_an_import_may_leave_no_date(self, account: Account, way: str, *, is_dated: bool):
        """The vendor's example shows an active membership without any date, so it is played."""
        account.switch(imported_sdate=way)
        row = {"email": ANN, "subscribe": [{"listid": int(account.a_list("News"))}]}
        account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])

        found = account.membership(account.get("/contacts")["contacts"][0]["id"])

        assert (found["status"], bool(found["sdate"])) == ("1", is_dated)


class TestPeople:
    def test_who_leaves_all_leaves_e_mail_alone(self, account: Account):
        """One click ends every e-mail list that somebody is on, and no SMS list."""
        for name, channel in (("News", "email"), ("Offers", "email"), ("Texts", "sms")):
            account.a_list(name, channel=channel)
            account.act(ANN, "subscribe", list=name)

        lists = account.act(ANN, "unsubscribe")["lists"]

        assert lists == {"News": "2", "Offers": "2", "Texts": "1"}

    def test_a_form_makes_who_is_not_there(self, account: Account):
        """A form with double opt-in waits for its confirmation, which comes once."""
        account.a_list("News")

        waiting = account.act(ANN, "subscribe", list="News", double=True)["lists"]
        confirmed = account.act(ANN, "confirm", list="News")["lists"]

        assert (waiting, confirmed) == ({"News": "0"}, {"News": "1"})
        with pytest.raises(AssertionError, match="nothing to confirm"):
            account.act(ANN, "confirm", list="News")

    @pytest.mark.parametrize(("takes_all", "left"), [(False, "2"), (True, "3")])
    def test_a_hard_bounce_is_on_every_e_mail_list(self, account: Account, *, takes_all: bool, left: str):
        """It ends all of them, and imports; whether also those left before is open."""
        account.switch(bounce_over_unsubscribed=takes_all)
        for name, channel in (("News", "email"), ("Old", "email"), ("Texts", "sms")):
            account.a_list(name, channel=channel)
            account.act(ANN, "subscribe", list=name)
        account.act(ANN, "unsubscribe", list="Old")

        lists = account.act(ANN, "bounce")["lists"]

        assert lists == {"News": "3", "Old": left, "Texts": "1"}
        assert account.ended(account.queue(ANN))["failure"] == [ANN]
        assert account.get("/contacts")["contacts"][0]["bounced_hard"] == "1"

    def test_a_stop_leaves_the_sms_lists(self, account: Account):
        """Who answers STOP is on no SMS list any more, and on the e-mail lists as before."""
        account.sync(ANN, phone="+4912345")
        for name, channel in (("News", "email"), ("Texts", "sms"), ("Parcels", "sms")):
            account.a_list(name, channel=channel)
            account.act(ANN, "subscribe", list=name)

        assert account.act(ANN, "stop")["lists"] == {"News": "1", "Texts": "2", "Parcels": "2"}
        assert changes(account)[-1] == ("1", "2", "sms")

    @pytest.mark.parametrize(
        ("act", "faults"),
        [
            ({"act": "leave"}, ["act is one of"]),
            ({"act": "stop", "list": "News"}, ["stop is for SMS lists"]),
            ({"act": "subscribe", "email": 3, "colour": "x"}, ["has no colour", "an address, not 3", "names a list"]),
            ({"act": "unsubscribe", "email": "x@example.org"}, ["nobody has"]),
            ({"act": "unsubscribe", "list": "Other"}, ["no such list"]),
            ({"act": "unsubscribe", "list": "News", "by": "me", "reason": 1}, ["by is one of", "reason is", "without being on it"]),
        ],
    )  # fmt: skip
    def test_a_bad_act_is_told_all_that_is_wrong(
        self, account: Account, act: dict[str, Any], faults: list[str]
    ):
        """Every fault of it is named, and nothing happens."""
        account.sync(ANN)
        account.a_list("News")

        with pytest.raises(AssertionError) as caught:
            account.ask("lists/act", {"email": ANN} | act)

        assert [fault for fault in faults if fault not in str(caught.value)] == []
        assert account.log("list_status") == []


class TestExclusions:
    @pytest.mark.parametrize(
        ("scope", "lists"),
        [
            ({"scope": "all"}, None), ({"scope": "allEmail"}, None), ({"scope": "allSms"}, {"News": "1", "Offers": "1"}),
            ({"scope": "several", "lists": ["1"]}, {"Offers": "1", "Texts": "1"}),
        ],
    )  # fmt: skip
    def test_an_import_obeys_the_scope(self, account: Account, scope: dict[str, Any], lists: Any):
        """Who is excluded from e-mail is passed over whole, who from SMS or some lists loses only those."""
        ids = [account.a_list("News"), account.a_list("Offers"), account.a_list("Texts", channel="sms")]
        account.ask("exclusions", {"addresses": [ANN], **scope})
        row = {"email": ANN, "subscribe": [{"listid": int(id_)} for id_ in ids]}

        account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])

        (told,) = account.get("/lists/exclusions")["exclusions"]
        assert (told["channel"], told["lists"]) == (scope["scope"], scope.get("lists", []))
        assert [contact["lists"] for contact in account.ask("state")["contacts"]] == (
            [lists] if lists else []
        )

    @pytest.mark.parametrize(("way", "status"), [("taken", 200), ("refused", 422)])
    def test_a_single_write_may_be_refused(self, account: Account, way: str, status: int):
        """What a subscription against the exclusion list is answered is open."""
        account.switch(excluded_membership=way)
        account.ask("exclusions", {"addresses": [ANN]})

        assert account.set_status(account.sync(ANN), account.a_list("News"), 1).status_code == status

    def test_a_bad_exclusion_is_told_all_that_is_wrong(self, account: Account):
        """A scope that is none, and lists without a scope for them, are named together."""
        with pytest.raises(AssertionError, match=r"scope is one of.*ids of lists.*lists go with"):
            account.ask("exclusions", {"addresses": [ANN], "scope": "some", "lists": ["99"]})


class TestSmsLists:
    @BOTH
    def test_sms_lists_are_told_apart(self, account: Account):
        """A filter and a door of their own show them, the door with numbers and how many are on them."""
        account.a_list("News")
        texts = account.a_list("Texts", channel="sms")
        account.set_status(account.sync(ANN, phone="+49"), texts, 1)
        account.set_status(account.sync("bob@example.org", phone="+49"), texts, 2)

        filtered = account.get("/lists", **{"filters[channel]": "sms"})["lists"]

        assert [row["id"] for row in filtered] == [texts]
        assert account.get("/sms/lists") == {
            "lists": [{"id": int(texts), "name": "Texts", "subscriber_count": 1}], "meta": {"total": 1},
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("way", "status", "lists"), [("taken", 200, {"Texts": "1"}), ("refused", 422, {})]
    )
    def test_who_has_no_phone_may_be_refused(
        self, account: Account, way: str, status: int, lists: dict[str, str]
    ):
        """Whether an SMS list wants a phone is open; an import passes the list over then."""
        account.switch(sms_without_phone=way)
        contact, texts = account.sync(ANN), account.a_list("Texts", channel="sms")
        row = {"email": "bob@example.org", "subscribe": [{"listid": int(texts)}]}

        answer = account.set_status(contact, texts, 1)
        account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])

        assert answer.status_code == status
        assert [each["lists"] for each in account.ask("state")["contacts"]] == [lists, lists]

    def test_a_channel_there_is_not(self, account: Account):
        """A list of another channel than e-mail and SMS is refused."""
        wanted = {"name": "n", "stringid": "n", "sender_url": "u", "sender_reminder": "r", "channel": "fax"}

        assert account.call("POST", "/lists", {"list": wanted}).status_code == 400


class TestGroups:
    @pytest.mark.parametrize(("way", "at_first"), [("seen", 1), ("hidden", 0)])
    def test_a_list_may_be_seen_only_once_it_is_linked(self, account: Account, way: str, at_first: int):
        """Whether a key sees a list that no group was linked to is open."""
        account.switch(unlinked_list=way)
        wanted = {"name": "n", "stringid": "n", "sender_url": "u", "sender_reminder": "r"}
        list_ = int(account.post("/lists", {"list": wanted})["list"]["id"])
        before = len(account.get("/lists")["lists"])

        link = account.post("/listGroups", {"listGroup": {"listid": list_, "groupid": 1}})["listGroup"]

        assert (before, len(account.get("/lists")["lists"])) == (at_first, 1)
        assert (link["list"], link["group"], link["id"]) == (list_, 1, "1")


class TestFilters:
    def test_contacts_are_found_by_status(self, account: Account):
        """A status narrows on the list that is asked for, or on any."""
        news, offers = account.a_list("News"), account.a_list("Offers")
        ann, bob = account.sync(ANN), account.sync("bob@example.org")
        for contact, list_, status in ((ann, news, 1), (ann, offers, 2), (bob, news, 2)):
            account.set_status(contact, list_, status)

        found = [
            [row["id"] for row in account.get("/contacts", **query)["contacts"]]
            for query in ({"listid": news, "status": 2}, {"status": 2}, {"listid": news, "status": -1})
        ]

        assert found == [[bob], [ann, bob], [ann, bob]]


def _later(account: Account, moment: str) -> bool:
    """Whether the account's clock, which shows whole seconds, is past a moment."""
    return bool(account.get("/contacts", **{"orders[id]": "DESC"})["contacts"][0]["cdate"] > moment)
