"""The look-alike of ActiveCampaign takes events, entries into automations, and carts as it is known to."""

from pathlib import Path
from typing import Any

import pytest
import requests
from account import Account

from ct_ac_sync.sandbox.servers import look_alike

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
ANN = "ann@example.org"
LONG = "x" * 33


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    account = Account(account_url).at_once()
    account.switch(
        tracking_log_seconds=0, tracking_log_order="oldest", event_reply="json", zero_dates="null",
        duplicate_order_status=422,
    )  # fmt: skip
    return account


@pytest.fixture(name="tracked")
def _tracked(account: Account) -> Account:
    """Give an account that tracks *shipped*, and knows Ann."""
    account.sync(ANN)
    account.put("/eventTracking", {"eventTracking": {"enabled": True}})
    _register(account, "shipped")
    return account


def _register(account: Account, name: str) -> None:
    account.post("/eventTrackingEvents", {"eventTrackingEvent": {"name": name}})


def _send(
    account: Account, event: str = "shipped", value: str = "", email: str = ANN, **form: str
) -> requests.Response:
    return account.track(email, event, value, **form)


def _logs(account: Account, contact: str = "1", **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.get(f"/contacts/{contact}/trackingLogs", **params)["trackingLogs"]
    return found


def _triggers(account: Account) -> list[str]:
    return [entry["trigger"] for entry in account.log("automation_started")]


class TestEventTracking:
    def test_every_event_is_one_of_its_own(self, tracked: Account):
        """Two alike are two rows, and start their automations twice."""
        answers = [_send(tracked, value="Grüße & more").json() for _ in range(2)]

        assert answers == [{"success": 1, "message": "Event spawned"}] * 2
        assert [(row["type"], row["value"], row["contact"]) for row in _logs(tracked)] == [
            ("shipped", "Grüße & more", "1")
        ] * 2
        assert [(e["email"], e["name"]) for e in tracked.log("event_tracked")] == [(ANN, "shipped")] * 2
        assert _triggers(tracked) == ["event"] * 2

    def test_a_value_is_cut(self, tracked: Account):
        """Of a value, 250 characters are kept, as the vendor's example shows."""
        _send(tracked, value="ä" * 251)

        assert _logs(tracked)[0]["value"] == "ä" * 250

    @pytest.mark.parametrize(("way", "success", "kept"), [("cut", 1, ["x" * 32]), ("refused", 0, [])])
    def test_a_name_has_32_characters(self, tracked: Account, way: str, success: int, kept: list[str]):
        """Whether a longer name is cut or refused is open, and both are played."""
        tracked.switch(long_event_name=way)
        _register(tracked, "x" * 32)

        assert _send(tracked, LONG).json()["success"] == success
        assert [row["type"] for row in _logs(tracked)] == kept

    @pytest.mark.parametrize(
        "wrong", [{"key": "another"}, {"actid": "7"}, {"visit": "ann"}, {"visit": "{}"}, {"event": ""}]
    )
    def test_a_refusal_comes_with_200(self, tracked: Account, wrong: dict[str, str]):
        """Whoever trusts the status believes that it was tracked."""
        answer = _send(tracked, **wrong)

        assert (answer.status_code, answer.json()["success"]) == (200, 0)
        assert _logs(tracked) == []

    def test_tracking_must_be_switched_on(self, account: Account):
        """An account tracks nothing until somebody says so."""
        account.sync(ANN)
        _register(account, "shipped")

        assert account.get("/eventTracking") == {"eventTracking": {"enabled": False}}
        assert _send(account).json()["success"] == 0
        account.put("/eventTracking", {"eventTracking": {"enabled": True}})
        assert _send(account).json()["success"] == 1

    @pytest.mark.parametrize(("way", "kept"), [("dropped", 0), ("registered", 1)])
    def test_an_unregistered_name(self, tracked: Account, way: str, kept: int):
        """An event of a name nobody registered may be dropped, with an answer like any other's."""
        tracked.switch(unregistered_event=way)

        assert _send(tracked, "delivered").json()["success"] == 1
        assert len(_logs(tracked)) == kept

    @pytest.mark.parametrize(
        ("way", "success", "people"), [("dropped", 1, 1), ("created", 1, 2), ("refused", 0, 1)]
    )
    def test_an_unknown_address(self, tracked: Account, way: str, success: int, people: int):
        """What becomes of an event of nobody is open, and all ways are played."""
        tracked.switch(event_unknown_contact=way)

        assert _send(tracked, email="bob@example.org").json()["success"] == success
        assert len(tracked.emails()) == people
        assert len(tracked.log("event_tracked")) == people - 1

    def test_the_answer_may_be_a_digit(self, tracked: Account):
        """The plain answer that was seen says the same as the documented one."""
        tracked.switch(event_reply="plain")

        assert [_send(tracked).text, _send(tracked, key="another").text] == ["1", "0"]

    def test_the_log_may_lag_and_be_the_other_way_round(self, tracked: Account):
        """An event shows later than its answer, and the newest may come first."""
        for number in range(3):
            _send(tracked, value=str(number))
        newest_first = {"tracking_log_order": "newest"}

        tracked.switch(tracking_log_seconds=60, **newest_first)
        at_first = _logs(tracked)
        tracked.switch(tracking_log_seconds=0)

        assert at_first == []
        assert [row["value"] for row in _logs(tracked, limit=2)] == ["2", "1"]
        assert [row["value"] for row in _logs(tracked, limit=2, offset=2)] == ["0"]

    @pytest.mark.parametrize("order", ["oldest", "newest"])
    def test_the_log_heeds_no_wish_for_an_order(self, tracked: Account, order: str):
        """No order is documented for it, so none can be asked for."""
        tracked.switch(tracking_log_order=order)
        for number in range(2):
            _send(tracked, value=str(number))

        asked = [_logs(tracked, **{"orders[id]": way}) for way in ("ASC", "DESC")]

        assert asked[0] == asked[1] == _logs(tracked)

    def test_names_come_and_go(self, tracked: Account):
        """A name can be registered twice or not, with blanks in it, and be forgotten."""
        _register(tracked, "my own event")
        tracked.switch(event_name_again="refused")
        again = tracked.call("POST", "/eventTrackingEvents", {"eventTrackingEvent": {"name": "shipped"}})

        assert again.status_code == 422
        assert tracked.call("DELETE", "/eventTrackingEvents/my%20own%20event").json() == {}
        assert tracked.call("DELETE", "/eventTrackingEvents/my%20own%20event").status_code == 400
        names = tracked.get("/eventTrackingEvents")
        assert names == {"eventTrackingEvents": [{"name": "shipped"}], "meta": {"total": 1}}

    def test_a_reply_may_be_lost_after_the_effect(self, tracked: Account):
        """Faults meet events as they meet any call: here it is tracked, and nobody hears of it."""
        tracked.fault(operation="track_event", reset=True, when="after", times=1)

        with pytest.raises(requests.ConnectionError):
            _send(tracked)

        assert len(_logs(tracked)) == 1

    @pytest.mark.real_rate
    def test_events_do_not_count_in_the_limit(self, tracked: Account):
        """The event host tells nothing of the account's limit, and takes nothing from it."""
        answers = [_send(tracked) for _ in range(8)]

        assert {answer.status_code for answer in answers} == {200}
        assert not any(name.startswith("RateLimit") for answer in answers for name in answer.headers)

    def test_the_event_host_may_have_a_limit_of_its_own(self, folder: Path):
        """No limit is documented; where one is set, what comes over it has no effect."""
        log = folder / "limited.log"
        process, url = look_alike("activecampaign", "--event-rate", "2", "--event-key", "mine", log=log)
        account = Account(url)
        account.sync(ANN)
        account.put("/eventTracking", {"eventTracking": {"enabled": True}})
        _register(account, "shipped")

        answers = [_send(account, key="mine").status_code for _ in range(3)]

        assert answers == [200, 200, 429]
        assert len(account.log("event_tracked")) == 2
        process.terminate()
        process.wait(10)


@pytest.fixture(name="entered")
def _entered(account: Account) -> Account:
    """Give an account with an automation 12 that runs, one that does not, and Ann."""
    account.sync(ANN)
    account.ask("automations", {"id": "12", "name": "Welcome", "status": 1})
    account.ask("automations", {"id": "13", "name": "Farewell", "status": 2})
    return account


def _enter(account: Account, contact: str = "1", automation: str = "12") -> requests.Response:
    body = {"contactAutomation": {"contact": contact, "automation": automation}}
    return account.call("POST", "/contactAutomations", body)


def _runs(account: Account) -> list[tuple[str, str]]:
    rows = account.get("/contacts/1/contactAutomations")["contactAutomations"]
    return [(row["automation"], row["status"]) for row in rows]


class TestAutomations:
    @BOTH
    def test_entering_again_is_another_run(self, entered: Account):
        """The vendor asks for no key, so a repeated call has the contact there twice."""
        answers = [_enter(entered) for _ in range(2)]

        counts = entered.get("/contacts/1/automationEntryCounts")["automationEntryCounts"]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert _runs(entered) == [("12", "1")] * 2
        assert [(row["id"], row["contactEntryCount"]) for row in counts] == [("12", "2")]
        assert [e["automation"] for e in entered.log("automation_entered")] == ["12", "12"]

    @pytest.mark.parametrize("automation", ["13", "99"])
    def test_what_does_not_run_cannot_be_entered(self, entered: Account, automation: str):
        """An inactive automation and one that there is not are refused in the same words."""
        answer = _enter(entered, automation=automation)

        assert (answer.status_code, answer.json()) == (
            403,
            {"message": "Could not create SubscriberSeries"},
        )
        assert _runs(entered) == []

    @pytest.mark.parametrize("status", [404, 422])
    def test_nobody_enters(self, entered: Account, status: int):
        """A contact nobody has is refused, with which status is open."""
        entered.switch(unknown_contact_entry=status)

        assert _enter(entered, contact="99").status_code == status

    def test_an_automation_can_be_switched_off_and_on(self, entered: Account):
        """What a person changes of an automation holds for the next entry."""
        entered.ask("automations", {"id": "12", "status": 2})
        refused = _enter(entered).status_code
        entered.ask("automations", {"id": "12", "status": 1})

        assert (refused, _enter(entered).status_code) == (403, 201)
        found = entered.get("/automations", **{"filters[status]": "1"})["automations"]
        assert [(row["id"], row["name"], row["entered"]) for row in found] == [("12", "Welcome", "1")]

    def test_a_run_comes_to_its_end(self, entered: Account):
        """A contact that is through shows as ended, and may enter again."""
        _enter(entered)
        entered.ask("automations/leave", {"contact": "1", "automation": "12"})
        row = entered.get("/contactAutomations/1")["contactAutomation"]
        _enter(entered)

        assert (row["status"], row["completed"], bool(row["remdate"])) == ("2", 1, True)
        assert _runs(entered) == [("12", "2"), ("12", "1")]

    @pytest.mark.parametrize(("way", "left"), [("ended", [("12", "2")]), ("gone", [])])
    def test_a_removed_run(self, entered: Account, way: str, left: list[tuple[str, str]]):
        """Whether a run that was removed still shows is open, but its entry stays counted."""
        entered.switch(removed_run=way)
        run = _enter(entered).json()["contactAutomation"]["id"]

        entered.call("DELETE", f"/contactAutomations/{run}")

        assert _runs(entered) == left
        assert len(entered.get("/contacts/1/automationEntryCounts")["automationEntryCounts"]) == 1


@pytest.fixture(name="shop")
def _shop(account: Account) -> Account:
    """Give an account with a connection 1 and Ann as its customer 1."""
    buyer = {"connectionid": account.connection("shop"), "externalid": ANN, "email": ANN}
    account.post("/ecomCustomers", {"ecomCustomer": buyer})
    return account


def _cart(**values: Any) -> dict[str, Any]:
    product = {"externalid": "p1", "name": "Shoe", "price": 5900, "quantity": 1}
    cart = {
        "externalcheckoutid": "c1", "source": 1, "email": ANN, "totalPrice": 5900, "currency": "EUR",
        "connectionid": "1", "customerid": "1", "externalCreatedDate": "2026-01-01T10:00:00Z",
        "abandonedDate": "2026-01-01T11:00:00Z", "orderProducts": [product],
    }  # fmt: skip
    return {"ecomOrder": {k: v for k, v in (cart | values).items() if v is not None}}


def _faults(answer: requests.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [row["source"]["pointer"].rpartition("attributes/")[2] for row in answer.json()["errors"]]


class TestCarts:
    def test_an_abandoned_cart_starts_once(self, shop: Account):
        """A cart of the present starts its automations, and the list finds it by the shop's id."""
        made = shop.post("/ecomOrders", _cart())["ecomOrder"]

        by_checkout = {"filters[externalcheckoutid]": "c1", "filters[connectionid]": "1"}
        found = shop.get("/ecomOrders", **by_checkout)["ecomOrders"]
        alone = shop.get(f"/ecomOrders/{made['id']}")["ecomOrder"]
        assert (made["state"], made["totalPrice"]) == (2, 5900)
        assert [row["id"] for row in found] == [made["id"]]
        assert (alone["externalcheckoutid"], alone["state"], alone["externalid"]) == ("c1", "2", None)
        assert _triggers(shop) == ["cart_abandoned"]
        assert [row["externalcheckoutid"] for row in shop.ask("state")["carts"]] == ["c1"]
        assert shop.ask("state")["copies"] == []

    def test_a_cart_of_the_past_starts_nothing(self, shop: Account):
        """Source 0 is history."""
        shop.post("/ecomOrders", _cart(source=0))

        assert _triggers(shop) == []
        assert [(e["cart"], e["source"]) for e in shop.log("cart_created")] == [("c1", "0")]

    def test_an_update_with_source_1_starts_again(self, shop: Account):
        """The trap: the vendor's own plugin sends 0 with an update; without a source it is open."""
        id_ = shop.post("/ecomOrders", _cart())["ecomOrder"]["id"]
        for change in ({"totalPrice": 1}, {"source": 0}, {"source": 1}):
            shop.put(f"/ecomOrders/{id_}", {"ecomOrder": change})
        shop.switch(cart_update_keeps_source=True)
        shop.put(f"/ecomOrders/{id_}", {"ecomOrder": {"totalPrice": 2}})

        assert _triggers(shop) == ["cart_abandoned"] * 3
        assert [e["totalPrice"] for e in shop.log("cart_changed")] == [1, 1, 1, 2]

    def test_an_update_replaces_the_products(self, shop: Account):
        """Products that an update names have new rows, and the others are gone."""
        made = shop.post("/ecomOrders", _cart())["ecomOrder"]
        line = {"externalid": "p2", "name": "Mug", "price": 100, "quantity": 3}

        row = shop.put(f"/ecomOrders/{made['id']}", {"ecomOrder": {"source": 0, "orderProducts": [line]}})

        products = shop.get(f"/ecomOrders/{made['id']}/orderProducts")["ecomOrderProducts"]
        assert [(p["externalid"], p["price"], p["quantity"]) for p in products] == [("p2", "100", "3")]
        assert row["ecomOrder"]["orderProducts"] != made["orderProducts"]

    @pytest.mark.parametrize("connection", ["2", "none"])
    def test_an_update_stays_with_its_connection(self, shop: Account, connection: str):
        """No connection is documented for an update, so what is named of one changes nothing."""
        id_ = shop.post("/ecomOrders", _cart())["ecomOrder"]["id"]

        row = shop.put(f"/ecomOrders/{id_}", {"ecomOrder": {"source": 0, "connectionid": connection}})

        assert row["ecomOrder"]["connectionid"] == "1"
        assert _faults(shop.call("POST", "/ecomOrders", _cart())) == ["externalcheckoutid"]

    def test_an_update_with_an_order_recovers(self, shop: Account):
        """A cart with the id of an order is recovered by REST."""
        id_ = shop.post("/ecomOrders", _cart())["ecomOrder"]["id"]

        row = shop.put(f"/ecomOrders/{id_}", {"ecomOrder": {"externalid": "o1"}})["ecomOrder"]

        assert (row["state"], row["externalid"]) == ("3", "o1")
        assert _triggers(shop) == ["cart_abandoned", "cart_recovered"]

    def test_the_copy_of_an_order_recovers_its_cart(self, shop: Account):
        """An order that names its cart takes its row, once, whatever comes of the order later."""
        id_ = shop.post("/ecomOrders", _cart())["ecomOrder"]["id"]

        shop.order("1", "o1", ANN, cartId="c1")
        first = shop.copied("o1")
        shop.order("1", "o1", ANN, cartId="c1", finalAmount=90)
        second = shop.until(lambda: (row := shop.copied("o1"))["totalPrice"] == 9000 and row)

        assert [(row["id"], row["state"]) for row in (first, second)] == [(id_, 3)] * 2
        assert _triggers(shop).count("cart_recovered") == 1
        assert [(e["externalid"], e["via"]) for e in shop.log("cart_recovered")] == [("o1", "order")]
        assert len(shop.get("/ecomOrders")["ecomOrders"]) == 1

    def test_an_order_of_the_past_recovers_in_silence(self, shop: Account):
        """The cart becomes an order, and starts nothing."""
        shop.post("/ecomOrders", _cart())

        shop.order("1", "o1", ANN, cartId="c1", creationSource="HISTORICAL")

        assert shop.copied("o1")["state"] == 3
        assert _triggers(shop) == ["cart_abandoned"]

    def test_a_cart_after_its_order_is_a_duplicate(self, shop: Account):
        """Once the order is copied, its cart cannot be written any more."""
        shop.order("1", "o1", ANN, cartId="c1")
        shop.copied("o1")

        assert _faults(shop.call("POST", "/ecomOrders", _cart())) == ["externalcheckoutid"]

    @BOTH
    @pytest.mark.parametrize("status", [422, 400])
    def test_the_same_cart_twice_is_refused(self, shop: Account, status: int):
        """With which status is open, and both are played; another connection may have the same id."""
        shop.switch(duplicate_order_status=status)
        shop.connection("other")
        buyer = {"connectionid": "2", "externalid": ANN, "email": ANN}
        other = shop.post("/ecomCustomers", {"ecomCustomer": buyer})["ecomCustomer"]["id"]
        shop.post("/ecomOrders", _cart())

        assert shop.call("POST", "/ecomOrders", _cart()).status_code == status
        assert shop.post("/ecomOrders", _cart(connectionid="2", customerid=other))["ecomOrder"]["id"]
        assert len(shop.log("cart_created")) == 2

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"email": None, "currency": None}, ["email", "currency"]),
            ({"abandonedDate": None, "abandoned_date": "2026-01-01"}, ["abandonedDate"]),
            ({"externalcheckoutid": None}, ["externalcheckoutid"]),
            ({"abandonedDate": "2999-01-01T00:00:00Z"}, ["abandonedDate"]),
            ({"totalPrice": 59.0, "taxAmount": -1}, ["totalPrice", "taxAmount"]),
            ({"source": 2}, ["source"]),
            ({"connectionid": "9"}, ["connectionid"]),
            ({"customerid": "9"}, ["customerid"]),
            (
                {"orderProducts": [{"name": "Shoe", "price": 1, "quantity": 1}]},
                ["orderProducts/0/externalid"],
            ),
            ({"orderProducts": "Shoe"}, ["orderProducts"]),
        ],
    )
    def test_what_cannot_be_is_named(self, shop: Account, change: dict[str, Any], named: list[str]):
        """A cart without what is required, or with what cannot be read, has no effect."""
        assert _faults(shop.call("POST", "/ecomOrders", _cart(**change))) == named
        assert shop.ask("state")["carts"] == []

    def test_carts_are_no_revenue(self, shop: Account):
        """What a customer has left in a cart was not bought."""
        shop.post("/ecomOrders", _cart())
        shop.order("1", "o1", ANN)
        shop.copied("o1")

        row = shop.get("/ecomCustomers/1")["ecomCustomer"]
        assert (row["totalOrders"], row["totalRevenue"]) == ("1", "8480")

    def test_an_order_written_by_rest_is_no_order_elsewhere(self, shop: Account):
        """Direct writes are possible, and never copied back."""
        shop.post("/ecomOrders", _cart(externalid="o1", externalcheckoutid=None, abandonedDate=None))

        assert shop.copied("o1")["state"] == 1
        assert shop.ask("state")["orders"] == []
        assert shop.log("cart_created") == []


class TestDeletion:
    def test_a_month_has_a_limit(self, account: Account):
        """Beyond the monthly limit a contact stays, until the next period."""
        ids = [account.sync(f"{name}@example.org") for name in "ab"]
        account.ask("delete_limit", {"limit": 1})

        answers = [account.call("DELETE", f"/contacts/{id_}").status_code for id_ in ids]
        left = account.emails()
        account.ask("delete_limit", {"limit": None})

        assert (answers, left) == ([200, 403], ["b@example.org"])
        assert account.call("DELETE", f"/contacts/{ids[1]}").status_code == 200

    def test_what_was_tracked_goes_along(self, tracked: Account):
        """A deleted contact takes its events and runs with it; whoever comes back has none."""
        tracked.ask("automations", {"id": "12"})
        _enter(tracked)
        _send(tracked)
        before = {name: len(tracked.ask("state")[name]) for name in ("events", "automation_runs")}

        tracked.call("DELETE", "/contacts/1")

        assert before == {"events": 1, "automation_runs": 1}
        assert _logs(tracked, tracked.sync(ANN)) == []
        assert tracked.ask("state")["automation_runs"] == []
