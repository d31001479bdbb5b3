"""Webhooks of the look-alike: lossy, doubled, late and unsigned, as the vendor says they are."""

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from account import Account
from receiver import Receiver

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
ANN = "ann@example.org"
EVENTS = ("subscribe", "unsubscribe", "update", "bounce", "sms_unsub", "contact_tag_added", "list_add")
SOURCES = ("public", "admin", "api", "system")


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def hook(account: Account, url: str, **changes: Any) -> str:
    """Make a webhook and return its id."""
    wanted = {"name": "Consent", "url": url, "events": list(EVENTS), "sources": list(SOURCES)}
    return str(account.post("/webhooks", {"webhook": wanted | changes})["webhook"]["id"])


def settled(account: Account, *, sent: int = 0, lost: int = 0) -> None:
    """Wait until so many forms were sent and lost, and see that there are no more."""

    def counts() -> tuple[int, int]:
        return len(account.log("webhook_sent")), len(account.log("webhook_lost"))

    account.until(lambda: counts() >= (sent, lost))
    time.sleep(0.1)
    assert counts() == (sent, lost)


class TestForms:
    def test_a_farewell_says_who_left_what_and_why(self, account: Account, receiver: Receiver):
        """One form names every list that somebody left at once, the reason, and what is left."""
        contact = account.sync(
            ANN, firstName="Ann", phone="+49", fieldValues=[{"field": account.field("Size"), "value": "42"}]
        )
        for name in ("News", "Offers", "Other"):
            account.a_list(name)
            account.act(ANN, "subscribe", list=name)
        account.act(ANN, "unsubscribe", list="Other")
        account.a_list("Texts", channel="sms")
        account.act(ANN, "subscribe", list="Texts")
        hook(account, receiver.url)

        account.act(ANN, "unsubscribe", reason="too many", campaign=7)

        settled(account, sent=1)
        ((form, pairs),) = zip(receiver.forms, receiver.pairs, strict=True)
        assert [value for name, value in pairs if name == "list[][id]"] == ["1", "2"]
        assert form.items() >= {
            "type": "unsubscribe", "initiated_from": "public", "unsubscribe[reason]": "too many",
            "campaign[id]": "7", "contact[id]": contact, "contact[email]": ANN, "contact[first_name]": "Ann",
            "contact[phone]": "+49", "contact[tags]": "", "contact[fields][size]": "42",
            "active_subscriptions[0]": "4",
        }.items()  # fmt: skip
        assert form["date_time"].endswith("-06:00")

    def test_what_the_documentation_leaves_open_is_told_otherwise_too(
        self, account: Account, receiver: Receiver
    ):
        """Lists may be numbered, or be 0, fields go by id, and moments have no offset."""
        account.switch(
            webhook_list_keys="numbered", webhook_field_keys="id", webhook_date_time="bare",
            webhook_subscribe_list="zero", webhook_added_subscribes=True,
        )  # fmt: skip
        field = account.field("Size")
        account.a_list("News")
        hook(account, receiver.url)

        account.sync(ANN, fieldValues=[{"field": field, "value": "42"}])
        settled(account, sent=1)
        account.act(ANN, "subscribe", list="News")
        settled(account, sent=2)
        account.act(ANN, "unsubscribe", list="News")

        settled(account, sent=3)
        added, came, left = receiver.forms
        assert [form["list"] for form in (added, came)] == ["0", "0"]
        assert left["list[0][id]"] == "1"
        assert came[f"contact[fields][{field}]"] == "42"
        assert len(came["date_time"]) == len("2026-01-01 12:00:00")

    def test_several_values_are_one_update(self, account: Account, receiver: Receiver):
        """What changes in one call is told once, and of a new contact as no update."""
        size, color = account.field("Size"), account.field("Color")
        account.sync(ANN)
        hook(account, receiver.url)
        values = [{"field": size, "value": "42"}, {"field": color, "value": "red"}]

        account.sync(ANN, firstName="Ann", fieldValues=values)
        account.sync("bob@example.org", firstName="Bob", fieldValues=values)

        settled(account, sent=1)
        assert receiver.forms[0].items() >= {"type": "update", "contact[fields][color]": "red"}.items()

    @BOTH
    def test_a_bounce_and_a_stop_are_told(self, account: Account, receiver: Receiver):
        """A bounce comes from the system with its code, a STOP from the person with the number."""
        account.sync(ANN, phone="+49")
        for name, channel in (("News", "email"), ("Texts", "sms")):
            account.a_list(name, channel=channel)
            account.act(ANN, "subscribe", list=name)
        hook(account, receiver.url)

        account.act(ANN, "bounce")
        account.act(ANN, "stop")

        is_double = account.ask("switches")["webhook_sms_stop"]["value"] == "both"
        settled(account, sent=3 if is_double else 2)
        told = {form["type"]: form for form in receiver.forms}
        assert set(told) == {"bounce", "sms_unsub"} | ({"unsubscribe"} if is_double else set())
        assert (told["bounce"]["initiated_from"], told["bounce"]["bounce[type]"]) == ("system", "hard")
        assert (told["sms_unsub"]["initiated_from"], told["sms_unsub"]["sms[phone]"]) == ("public", "+49")


class TestWhichFire:
    @pytest.mark.parametrize(
        ("source", "lists"), [("public", ["list[][id]"]), ("api", ["list"]), ("admin", ["list"])]
    )
    def test_sources_narrow(self, account: Account, receiver: Receiver, source: str, lists: list[str]):
        """A person's own act is public, a write is the API's, and only a person leaves several lists."""
        contact, news = account.sync(ANN), account.a_list("News")
        hook(account, receiver.url, sources=[source], events=["unsubscribe"])
        ways = (
            lambda: account.act(ANN, "unsubscribe", list=news),
            lambda: account.act(ANN, "unsubscribe", list=news, by="admin"),
            lambda: account.set_status(contact, news, 2),
        )

        for leave in ways:
            account.set_status(contact, news, 1)
            leave()

        settled(account, sent=1)
        assert [form["initiated_from"] for form in receiver.forms] == [source]
        assert [name for name in receiver.forms[0] if name.startswith("list")] == lists

    def test_a_list_narrows_what_happens_on_lists(self, account: Account, receiver: Receiver):
        """A webhook of one list hears nothing of another, and all of tags."""
        contact, news, offers = account.sync(ANN), account.a_list("News"), account.a_list("Offers")
        tag = account.post("/tags", {"tag": {"tag": "VIP", "tagType": "contact"}})["tag"]["id"]
        hook(account, receiver.url, listid=int(news))

        for list_ in (news, offers):
            account.set_status(contact, list_, 1)
        account.post("/contactTags", {"contactTag": {"contact": contact, "tag": tag}})

        settled(account, sent=2)
        told = [(form["type"], form["list"], form.get("tag")) for form in receiver.forms]
        assert sorted(told, key=str) == [("contact_tag_added", "0", "VIP"), ("subscribe", news, None)]

    def test_an_import_fires_nothing(self, account: Account, receiver: Receiver):
        """Contacts, tags, values and memberships of an import are told to nobody."""
        news = account.a_list("News")
        hook(account, receiver.url)
        row = {"email": ANN, "first_name": "Ann", "tags": ["VIP"], "subscribe": [{"listid": int(news)}]}

        account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])

        settled(account)
        assert receiver.forms == []


class TestWeather:
    def test_forms_are_lost_doubled_and_out_of_order(self, account: Account, receiver: Receiver):
        """Some never come, some twice, and not in the order in which things happened."""
        account.sync(ANN)
        hook(account, receiver.url)
        account.ask("webhooks", {"lose": 0.3, "twice": 0.3, "late_seconds": 0.3})

        for number in range(40):
            account.sync(ANN, firstName=f"Ann {number:02}")

        def names() -> list[str]:
            return [form["contact[first_name]"] for form in receiver.forms]

        account.until(lambda: len(set(names())) + len(account.log("webhook_lost")) == 40)
        time.sleep(0.4)
        came = names()
        assert 0 < len(set(came)) < 40
        assert len(came) > len(set(came))
        assert came != sorted(came)

    def test_nothing_is_tried_again(self, account: Account, receiver: Receiver):
        """A refused form, and one that nobody takes, are gone; the next ones come."""
        contact, news = account.sync(ANN), account.a_list("News")
        hook(account, receiver.url)
        hook(account, "http://127.0.0.1:9/closed")
        receiver.status = 503

        account.set_status(contact, news, 1)
        settled(account, sent=2)
        receiver.status = 200
        account.set_status(contact, news, 2)

        settled(account, sent=4)
        assert sorted(entry["status"] for entry in account.log("webhook_sent")) == [0, 0, 200, 503]
        assert receiver.types() == ["subscribe", "unsubscribe"]

    @pytest.mark.parametrize(("way", "listed"), [("listed", 1), ("unlisted", 0)])
    def test_a_410_is_for_good(self, account: Account, receiver: Receiver, way: str, listed: int):
        """Whoever answers 410 is told nothing more, and can see that in no row."""
        account.switch(gone_webhook=way)
        contact, news = account.sync(ANN), account.a_list("News")
        hook(account, receiver.url)
        receiver.status = 410

        account.set_status(contact, news, 1)
        settled(account, sent=1)
        receiver.status = 200
        account.set_status(contact, news, 2)

        settled(account, sent=1)
        assert len(account.get("/webhooks")["webhooks"]) == listed
        assert [row["is_active"] for row in account.ask("webhooks")["webhooks"]] == [False]

    def test_the_dice_are_loaded(self, account: Account, receiver: Receiver):
        """The same account loses the same forms, so that a story can be told again."""
        contact, news = account.sync(ANN), account.a_list("News")
        hook(account, receiver.url)
        account.ask("webhooks", {"lose": 0.5})

        for number in range(8):
            account.set_status(contact, news, 1 + number % 2)

        dice = random.Random(1)
        account.until(lambda: len(account.log("webhook_sent")) + len(account.log("webhook_lost")) == 8)
        expected = [("subscribe", "unsubscribe")[n % 2] for n in range(8) if dice.random() < 0.5]
        assert [entry["type"] for entry in account.log("webhook_lost")] == expected

    def test_bad_weather_is_told_all_that_is_wrong(self, account: Account):
        """Every fault of it is named, and it stays as it was."""
        with pytest.raises(
            AssertionError, match=r"unknown key 'rain'.*lose is a share.*late_seconds is a number"
        ):
            account.ask("webhooks", {"rain": 1, "lose": 2, "late_seconds": "x"})

        assert account.ask("webhooks")["lose"] == 0


class TestDoors:
    def test_a_webhook_is_made_changed_and_deleted(self, account: Account, receiver: Receiver):
        """It is shown as it was wished, and what is not named stays."""
        id_ = hook(account, receiver.url, listid=3)

        changed = account.put(f"/webhooks/{id_}", {"webhook": {"name": "New", "events": ["reply"]}})[
            "webhook"
        ]
        found = account.get("/webhooks", **{"filters[name]": "New"})

        assert (changed["name"], changed["events"], changed["url"], changed["listid"]) == (
            "New", ["reply"], receiver.url, "3",
        )  # fmt: skip
        assert (found["webhooks"], found["meta"]) == ([changed], {"total": "1"})
        assert account.call("DELETE", f"/webhooks/{id_}").json() == {}
        assert account.call("GET", f"/webhooks/{id_}").status_code == 404
        assert account.get("/webhook/events")["meta"]["total"] == 25

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"name": ""}, "name"), ({"events": []}, "events"), ({"events": ["rain"]}, "events"),
            ({"sources": ["me"]}, "sources"), ({"url": "https://example.org:8443/x"}, "url"), ({"url": "ftp://x"}, "url"),
            ({"listid": "News"}, "listid"),
        ],
    )  # fmt: skip
    def test_a_bad_webhook_is_refused(self, account: Account, changes: dict[str, Any], pointer: str):
        """What is missing, unknown or cannot be reached is named, https off port 443 among it."""
        wanted = {"name": "n", "url": "http://127.0.0.1:1/", "events": ["reply"], "sources": ["api"]}

        answer: requests.Response = account.call("POST", "/webhooks", {"webhook": wanted | changes})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["source"] == {"pointer": f"/data/attributes/{pointer}"}
