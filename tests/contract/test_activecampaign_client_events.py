"""The client tracks events, enters automations and writes carts, over HTTP, however the vendor may be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from account import EVENT_HOST, TOKEN, Account

from ct_ac_sync.clients.activecampaign.destination import ActiveCampaignDestination
from ct_ac_sync.clients.activecampaign.tracking import EventHost
from ct_ac_sync.domain.contact import EcommerceCart, OrderLine
from ct_ac_sync.domain.event import mark_of, parse_fact
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import (
    GoneError,
    PayloadError,
    ThrottledError,
    TransientError,
    TriggerError,
    UnclearError,
)
from ct_ac_sync.ports import Answer, AutomationEntered, Call, CartWritten, CustomerWritten, EventTracked

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
ANN = Address("ann@example.org")
SECONDS = timedelta(seconds=5)
MARK = mark_of("shop", parse_fact("shipped.tracking/17"))
VALUE = f"Schuhe & Söhne {MARK}"
CART = EcommerceCart(
    cart_id="c1",
    customer_id="u1",
    email=ANN,
    currency="EUR",
    final_amount=Decimal("64.80"),
    created_at=datetime(2026, 1, 1, 10, tzinfo=UTC),
    modified_at=datetime(2026, 1, 1, 11, tzinfo=UTC),
    abandoned_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    lines=(
        OrderLine(
            line_id="l1", product_id="p1", variant_id="p1#1", name="Shoe", quantity=1, price=Decimal("59.90")
        ),
        OrderLine(
            line_id="l2", product_id="p2", variant_id="p2#1", name="Sock", quantity=2, price=Decimal("2.45")
        ),
    ),
)


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    """Give an account whose lists follow at once; all else is as its profile has it."""
    account = Account(account_url).at_once()
    account.switch(tracking_log_seconds=0)
    return account


def _client(account: Account, **changes: str) -> ActiveCampaignDestination:
    host = EventHost(**({"url": f"{account.url}/event"} | EVENT_HOST | changes))
    return ActiveCampaignDestination(
        api_url=account.url, token=TOKEN["Api-Token"], connection="shop", timeout_seconds=5, events=host
    )


@pytest.fixture(name="client")
def _its_client(account: Account) -> ActiveCampaignDestination:
    return _client(account)


@pytest.fixture(name="ann")
def _ann(account: Account) -> ContactId:
    return ContactId(account.sync(ANN))


def send(client: ActiveCampaignDestination, call: Call) -> Answer:
    """Return the answer to a call."""
    return client.send(call, deadline=SECONDS)


def track(client: ActiveCampaignDestination, value: str = VALUE, *, name: str = "shipped") -> Answer:
    """Return the answer to an event of Ann's."""
    return send(client, client.prepare_tracking(ANN, name, value))


class TestTracking:
    @BOTH
    def test_an_event_is_tracked_and_found_again(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId
    ):
        """A provisioned account takes an event, and shows it by its mark, in either profile."""
        client.ensure_layout([], events=["shipped"])

        before = client.has_tracked(ann, "shipped", MARK)
        answer = track(client)

        assert (before, answer) == (False, EventTracked())
        assert client.has_tracked(ann, "shipped", MARK)
        assert not client.has_tracked(ann, "delivered", MARK)
        assert [(e["name"], e["value"]) for e in account.log("event_tracked")] == [("shipped", VALUE)]

    @pytest.mark.parametrize("way", ["json", "plain"])
    def test_either_answer_is_understood(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId, way: str
    ):
        """What is taken and what is refused is told by JSON and by one digit."""
        client.ensure_layout([], events=["shipped"])
        account.switch(event_reply=way, event_unknown_contact="refused")

        assert track(client) == EventTracked()
        with pytest.raises(PayloadError):
            send(client, client.prepare_tracking(Address("bob@example.org"), "shipped", "x"))

        assert len(account.log("event_tracked")) == 1

    @pytest.mark.parametrize("changes", [{"key": "another"}, {"actid": "7"}])
    def test_a_bad_key_stops_events_and_nothing_else(
        self, account: Account, client: ActiveCampaignDestination, changes: dict[str, str]
    ):
        """The event host does not know us, and the account does."""
        account.switch(event_reply="json")
        client.ensure_layout([], events=["shipped"])

        with pytest.raises(TriggerError) as caught:
            track(_client(account, **changes))

        assert caught.value.cause == "event_key_refused"
        assert client.check()["id"] == "1"

    def test_tracking_that_is_off_is_told(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId
    ):
        """Somebody switched it off after it was provisioned."""
        client.ensure_layout([], events=["shipped"])
        account.switch(event_reply="json")
        account.put("/eventTracking", {"eventTracking": {"enabled": False}})

        with pytest.raises(TriggerError) as caught:
            track(client)

        assert caught.value.cause == "event_tracking_off"

    @pytest.mark.parametrize("way", ["dropped", "registered"])
    def test_an_unregistered_name_shows_only_in_the_log(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId, way: str
    ):
        """The answer is the same, so it is provisioning that must see to the names."""
        client.ensure_layout([], events=["shipped"])
        account.switch(unregistered_event=way)

        assert track(client, name="delivered") == EventTracked()
        assert client.has_tracked(ann, "delivered", MARK) is (way == "registered")

    @pytest.mark.parametrize("way", ["cut", "refused"])
    def test_a_long_name_is_sent_cut(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId, way: str
    ):
        """A name over 32 characters is registered, sent and found as the same 32."""
        account.switch(long_event_name=way)
        client.ensure_layout([], events=["n" * 40])

        assert track(client, name="n" * 40) == EventTracked()
        assert client.has_tracked(ann, "n" * 40, MARK)

    @pytest.mark.parametrize("order", ["oldest", "newest"])
    def test_the_log_is_read_whatever_its_order(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId, order: str
    ):
        """The first of many events, and the last, stand on different pages."""
        client.ensure_layout([], events=["shipped"])
        account.switch(tracking_log_order=order)
        track(client, f"first {MARK}")
        for _ in range(120):
            account.track(ANN, "shipped", "x")
        last = mark_of("shop", parse_fact("shipped.tracking/18"))
        track(client, f"last {last}")

        assert client.has_tracked(ann, "shipped", MARK)
        assert client.has_tracked(ann, "shipped", last)

    def test_the_log_may_lag(self, account: Account, client: ActiveCampaignDestination, ann: ContactId):
        """What does not show yet is not there, and shows later."""
        client.ensure_layout([], events=["shipped"])
        account.switch(tracking_log_seconds=60)
        track(client)

        at_first = client.has_tracked(ann, "shipped", MARK)
        account.switch(tracking_log_seconds=0)

        assert (at_first, client.has_tracked(ann, "shipped", MARK)) == (False, True)

    @pytest.mark.parametrize(
        "fault",
        [{"reset": True}, {"status": 502}, {"reply": "", "status": 200}, {"reply": "<p>", "status": 200}],
    )
    def test_a_lost_answer_is_unclear_and_found_by_the_mark(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId, fault: dict[str, Any]
    ):
        """Whether an event was tracked is told by the log alone."""
        client.ensure_layout([], events=["shipped"])
        account.fault(operation="track_event", when="after", times=1, **fault)

        with pytest.raises(UnclearError):
            track(client)

        assert client.has_tracked(ann, "shipped", MARK)

    def test_a_limit_is_waited_for(self, account: Account, client: ActiveCampaignDestination, ann: ContactId):
        """What comes over the limit has no effect, and says when to come again."""
        client.ensure_layout([], events=["shipped"])
        account.fault(operation="track_event", status=429, headers={"Retry-After": "7"}, times=1)

        with pytest.raises(ThrottledError) as caught:
            track(client)

        assert caught.value.retry_after_seconds == 7
        assert account.log("event_tracked") == []

    def test_the_token_stays_with_the_account(
        self, account: Account, client: ActiveCampaignDestination, ann: ContactId
    ):
        """The event host sees its own key and no other, and says nothing of the account's limit."""
        client.ensure_layout([], events=["shipped"])
        quota = client.quota
        track(client)

        (call,) = [each for each in account.calls() if each["operation"] == "track_event"]
        assert TOKEN["Api-Token"] not in str(call)
        assert quota.limit is not None
        assert client.quota == quota

    def test_nobody_has_no_log(self, client: ActiveCampaignDestination):
        """A contact that is gone is told from one without events."""
        with pytest.raises(GoneError):
            client.has_tracked(ContactId("99"), "shipped", MARK)


class TestProvisioning:
    @pytest.mark.parametrize("way", ["taken", "refused"])
    def test_names_are_registered_once(self, account: Account, client: ActiveCampaignDestination, way: str):
        """Provisioning twice changes nothing more, whatever a second registration would answer."""
        account.switch(event_name_again=way)
        wanted = [f"event {n}" for n in range(25)]

        for _ in range(2):
            client.ensure_layout([], events=wanted)

        assert [e["name"] for e in account.log("event_registered")] == wanted
        assert account.get("/eventTracking") == {"eventTracking": {"enabled": True}}
        assert len(account.log("event_tracking_switched")) == 1

    def test_without_events_tracking_stays_off(self, account: Account, client: ActiveCampaignDestination):
        """Nothing is switched on that nobody wants."""
        client.ensure_layout([])

        assert account.get("/eventTracking") == {"eventTracking": {"enabled": False}}

    @pytest.mark.parametrize("operation", ["register_event", "switch_event_tracking"])
    def test_a_lost_answer_is_looked_up(
        self, account: Account, client: ActiveCampaignDestination, operation: str
    ):
        """What was made though nobody said so is there."""
        account.fault(operation=operation, reset=True, when="after", times=1)

        client.ensure_layout([], events=["shipped"])

        assert len(account.log("event_registered")) == 1

    def test_automations_are_seen(self, account: Account, client: ActiveCampaignDestination):
        """Each says whether it runs; with more than a page of them, all come."""
        for number in range(1, 103):
            account.ask("automations", {"id": str(number), "name": f"A{number}", "status": 1 + number % 2})

        seen = client.inspect(tags=(), has_lists=False, has_automations=True).automations

        assert [(a.id, a.is_active) for a in seen] == [(str(n), n % 2 == 0) for n in range(1, 103)]
        assert client.inspect(tags=(), has_lists=False).automations == ()


@pytest.fixture(name="entered")
def _entered(account: Account, ann: ContactId) -> Account:
    """Give an account with automations 12 and 14 that run, one that does not, and Ann."""
    for id_, status in (("12", 1), ("13", 2), ("14", 1)):
        account.ask("automations", {"id": id_, "name": f"A{id_}", "status": status})
    return account


class TestAutomations:
    @BOTH
    def test_an_entry_is_made_and_found_again(
        self, entered: Account, client: ActiveCampaignDestination, ann: ContactId
    ):
        """Each entry is one of its own, with its instant, and other automations are not mixed in."""
        started = datetime.now(UTC) - timedelta(seconds=2)
        answers = [send(client, client.prepare_automation(ann, each)) for each in ("12", "14", "12")]

        seen = client.fetch_entries(ann, "12")

        assert answers == [AutomationEntered("1"), AutomationEntered("2"), AutomationEntered("3")]
        assert [each.automation for each in seen] == ["12", "12"]
        assert all(started <= each.entered_at <= datetime.now(UTC) for each in seen)

    @pytest.mark.parametrize("automation", ["13", "99"])
    def test_what_does_not_run_is_told_from_a_bad_key(
        self, entered: Account, client: ActiveCampaignDestination, ann: ContactId, automation: str
    ):
        """The same status means both, and only one of them has to do with the automation."""
        with pytest.raises(TriggerError) as caught:
            send(client, client.prepare_automation(ann, automation))
        entered.fault(operation="enter_automation", status=403, reply='{"message": "Forbidden"}', times=1)
        with pytest.raises(TransientError) as forbidden:
            send(client, client.prepare_automation(ann, "12"))

        assert (caught.value.cause, forbidden.value.cause) == ("automation_inactive", "forbidden")
        assert entered.log("automation_entered") == []

    @pytest.mark.parametrize("status", [404, 422])
    def test_a_contact_that_is_gone_is_told(
        self, entered: Account, client: ActiveCampaignDestination, status: int
    ):
        """With which status is open, and both say that there is nobody."""
        entered.switch(unknown_contact_entry=status)

        with pytest.raises(GoneError):
            send(client, client.prepare_automation(ContactId("99"), "12"))
        with pytest.raises(GoneError):
            client.fetch_entries(ContactId("99"), "12")

    @pytest.mark.parametrize("zero", ["null", "zeros"])
    @pytest.mark.parametrize(("way", "shown"), [("ended", 2), ("gone", 1)])
    def test_runs_that_are_over_show_or_not(
        self,
        *,
        entered: Account,
        client: ActiveCampaignDestination,
        ann: ContactId,
        zero: str,
        way: str,
        shown: int,
    ):
        """A run that was removed may be gone, and an end that never came is nothing to read."""
        entered.switch(removed_run=way, zero_dates=zero)
        send(client, client.prepare_automation(ann, "12"))
        entered.call("DELETE", "/contactAutomations/1")
        send(client, client.prepare_automation(ann, "12"))

        assert len(client.fetch_entries(ann, "12")) == shown

    def test_more_runs_than_a_page_are_read(
        self, entered: Account, client: ActiveCampaignDestination, ann: ContactId
    ):
        """The vendor gives no total here, and an entry of today may stand on the last page."""
        for number in range(120):
            body = {"contactAutomation": {"contact": ann, "automation": "14" if number else "12"}}
            entered.post("/contactAutomations", body)
        send(client, client.prepare_automation(ann, "12"))

        assert len(client.fetch_entries(ann, "12")) == 2

    def test_a_lost_answer_is_unclear(
        self, entered: Account, client: ActiveCampaignDestination, ann: ContactId
    ):
        """Whether somebody entered is told by the runs alone."""
        entered.fault(operation="enter_automation", reset=True, when="after", times=1)

        with pytest.raises(UnclearError):
            send(client, client.prepare_automation(ann, "12"))

        assert len(client.fetch_entries(ann, "12")) == 1


@pytest.fixture(name="connection")
def _connection(client: ActiveCampaignDestination) -> str:
    return client.ensure_layout([]).connection


@pytest.fixture(name="buyer")
def _buyer(client: ActiveCampaignDestination, connection: str) -> str:
    answer = send(client, client.prepare_new_customer("u1", ANN, connection))
    assert isinstance(answer, CustomerWritten)
    return answer.customer


def triggers(account: Account) -> list[str]:
    """Return the triggers of the automations that were started."""
    return [entry["trigger"] for entry in account.log("automation_started")]


class TestCarts:
    @BOTH
    def test_a_cart_starts_once_and_is_found_again(
        self, account: Account, client: ActiveCampaignDestination, connection: str, buyer: str
    ):
        """A cart is made in real time, starts once and shows under our name, in either profile."""
        before = client.find_cart("c1", connection)
        answer = send(client, client.prepare_cart(CART, buyer, connection))

        assert isinstance(answer, CartWritten)
        (row,) = account.ask("state")["carts"]
        products = account.get(f"/ecomOrders/{answer.cart}/orderProducts")["ecomOrderProducts"]
        assert before is None
        assert answer == CartWritten(client.find_cart("c1", connection) or "")
        assert triggers(account) == ["cart_abandoned"]
        assert (row["externalcheckoutid"], row["totalPrice"], row["customerid"]) == ("c1", 6480, buyer)
        assert (products[0]["externalid"], products[0]["price"], len(products)) == (
            "p1",
            "5990",
            len(CART.lines),
        )

    @pytest.mark.parametrize("match", ["equals", "contains"])
    def test_no_filter_is_trusted(
        self, *, account: Account, client: ActiveCampaignDestination, connection: str, buyer: str, match: str
    ):
        """A cart whose id begins with ours is not ours, nor is one of another connection."""
        account.switch(filters_match=match)
        other = client.ensure_layout([], ["other"]).connections["other"]
        there = send(client, client.prepare_new_customer("u1", ANN, other))
        assert isinstance(there, CustomerWritten)
        send(client, client.prepare_cart(replace(CART, cart_id="c11"), buyer, connection))
        send(client, client.prepare_cart(CART, there.customer, other))

        before = client.find_cart("c1", connection)
        made = send(client, client.prepare_cart(CART, buyer, connection))

        assert before is None
        assert made == CartWritten(client.find_cart("c1", connection) or "")

    @pytest.mark.parametrize("status", [422, 400])
    def test_what_is_there_is_found_by_the_next_try(
        self, *, account: Account, client: ActiveCampaignDestination, connection: str, buyer: str, status: int
    ):
        """A cart and a customer that are there already are refused, which buries nothing."""
        account.switch(duplicate_order_status=status)
        made = send(client, client.prepare_cart(CART, buyer, connection))
        layout = client.ensure_layout([])

        with pytest.raises(TransientError) as cart:
            send(client, client.prepare_cart(CART, buyer, connection))
        with pytest.raises(TransientError) as customer:
            send(client, client.prepare_new_customer("u1", ANN, connection))

        assert (cart.value.cause, customer.value.cause) == ("cart_exists", "customer_exists")
        assert made == CartWritten(client.find_cart("c1", connection) or "")
        assert [each.customer for each in client.find_customers(ANN, layout)] == [buyer]
        assert triggers(account) == ["cart_abandoned"]

    def test_a_cart_that_was_ordered_is_found_as_its_order(
        self, account: Account, client: ActiveCampaignDestination, connection: str, buyer: str
    ):
        """It is the same row by now, and no second cart can be made beside it."""
        made = send(client, client.prepare_cart(CART, buyer, connection))
        account.order(connection, "o1", ANN, cartId="c1", storeCustomerId="u1")
        account.copied("o1")

        assert made == CartWritten(client.find_cart("c1", connection) or "")

    def test_a_lost_answer_is_unclear(
        self, account: Account, client: ActiveCampaignDestination, connection: str, buyer: str
    ):
        """Whether a cart was made is told by looking for it."""
        account.fault(operation="create_cart", reset=True, when="after", times=1)

        with pytest.raises(UnclearError):
            send(client, client.prepare_cart(CART, buyer, connection))

        assert client.find_cart("c1", connection) is not None

    def test_a_cart_of_nobody_is_refused(
        self, account: Account, client: ActiveCampaignDestination, connection: str
    ):
        """Its customer must be there before."""
        with pytest.raises(PayloadError) as caught:
            send(client, client.prepare_cart(CART, "99", connection))

        assert caught.value.cause == "create_cart: related_missing"
