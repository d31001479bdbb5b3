"""The look-alike of ActiveCampaign behaves as the vendor documents, and as it is known to."""

import time
from typing import Any

import pytest
import requests
from account import TOKEN, Account

from ct_ac_sync.sandbox.activecampaign.switches import SWITCHES

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


def test_profiles_answer_every_open_question_oppositely():
    """A question that both profiles answered alike would not be asked by any test."""
    assert [name for name, switch in SWITCHES.items() if switch.a == switch.b] == []


class TestContacts:
    def test_a_sync_leaves_what_it_does_not_name(self, account: Account):
        """Names, phone and values that are not sent stay, and only sent values come back."""
        size, color = account.field("Size"), account.field("Color")
        values = [{"field": size, "value": "42"}, {"field": color, "value": "red"}]
        first = account.sync("ada@example.org", firstName="Ada", phone="1", fieldValues=values)

        answer = account.call(
            "POST",
            "/contact/sync",
            {"contact": {"email": "ADA@example.org ", "fieldValues": [{"field": size, "value": "43"}]}},
        )

        contact = account.ask("state")["contacts"][0]
        assert answer.status_code == 200
        assert [row["value"] for row in answer.json()["fieldValues"]] == ["43"]
        assert (contact["id"], contact["firstName"], contact["phone"]) == (first, "Ada", "1")
        assert contact["fields"] == {"SIZE": "43", "COLOR": "red"}

    @pytest.mark.parametrize(("ignores", "status"), [(True, 201), (False, 422)])
    def test_a_sync_meets_an_unknown_field(self, account: Account, *, ignores: bool, status: int):
        """A value for a field that is not there is passed over, or refuses the whole call."""
        account.switch(sync_ignores_unknown_fields=ignores)
        values = [{"field": "99", "value": "x"}]

        answer = account.call(
            "POST", "/contact/sync", {"contact": {"email": "a@example.org", "fieldValues": values}}
        )

        assert answer.status_code == status
        assert account.emails() == (["a@example.org"] if ignores else [])

    @pytest.mark.parametrize(("clears", "left"), [(True, ""), (False, "Ada")])
    def test_a_blank_clears_or_not(self, account: Account, *, clears: bool, left: str):
        """Whether an empty text clears a name is open, and both are played."""
        account.switch(blank_clears=clears)
        account.sync("ada@example.org", firstName="Ada")

        account.sync("ada@example.org", firstName="")

        assert account.ask("state")["contacts"][0]["firstName"] == left

    def test_a_date_with_time_is_kept_in_the_zone_of_the_account(self, account: Account):
        """A value of type datetime comes back with another offset, a text as it was sent."""
        moment = "2026-01-01T12:00:00+02:00"
        fields = [account.field("At", type="datetime"), account.field("Text")]

        account.sync("a@example.org", fieldValues=[{"field": f, "value": moment} for f in fields])

        assert account.ask("state")["contacts"][0]["fields"] == {
            "AT": "2026-01-01T04:00:00-06:00",
            "TEXT": moment,
        }

    def test_pages_hold_twenty_and_never_more_than_a_hundred(self, account: Account):
        """Whatever limit is asked, a page ends at a hundred; offsets count from zero."""
        ids = [account.sync(f"p{n}@example.org") for n in range(103)]

        pages = [account.get("/contacts", **each)["contacts"] for each in ({}, {"limit": 500})]
        rest = account.get("/contacts", limit=100, offset=100)
        after = account.get("/contacts", **{"id_greater": ids[100], "orders[id]": "DESC"})

        assert [len(page) for page in pages] == [20, 100]
        assert ([c["id"] for c in rest["contacts"]], rest["meta"]["total"]) == (ids[100:], "103")
        assert [c["id"] for c in after["contacts"]] == [ids[102], ids[101]]

    @pytest.mark.parametrize("query", [{"emial": "a@example.org"}, {"email": ""}, {"filters[nmae]": "x"}])
    def test_a_filter_that_is_misspelt_or_empty_is_passed_over(self, account: Account, query: dict[str, str]):
        """A filter that the vendor does not understand gives everybody, not nobody."""
        account.sync("a@example.org")
        account.sync("b@example.org")

        assert len(account.get("/contacts", **query)["contacts"]) == 2

    def test_ids_are_asked_as_documented(self, account: Account):
        """Ids in brackets narrow a list; whether commas do is open, and passed over they give everybody."""
        first, _, third = (account.sync(f"{name}@example.org") for name in "abc")
        account.switch(ids_by_comma=False)

        by_bracket = account.get("/contacts", **{"ids[]": [first, third]})["contacts"]
        by_comma = account.get("/contacts", ids=f"{first},{third}")["contacts"]

        assert [contact["id"] for contact in by_bracket] == [first, third]
        assert len(by_comma) == 3

    def test_searches_may_lag(self, account: Account):
        """A new contact can be read by id before lists and searches show it."""
        account.switch(contact_list_seconds=60)

        id_ = account.sync("a@example.org")

        assert account.get("/contacts", email="a@example.org")["contacts"] == []
        assert account.get(f"/contacts/{id_}")["contact"]["email"] == "a@example.org"

    def test_who_was_deleted_comes_back_as_another(self, account: Account):
        """A deleted contact takes its values along; a later sync makes a new one."""
        first = account.sync("a@example.org", fieldValues=[{"field": account.field("Size"), "value": "1"}])

        account.call("DELETE", f"/contacts/{first}")

        assert account.get("/fieldValues")["fieldValues"] == []
        assert account.sync("a@example.org") != first


class TestCommerce:
    def test_the_copy_of_an_order_lags_behind(self, account: Account):
        """REST shows an order later than GraphQL, in cents, and an update replaces its product rows."""
        account.switch(rest_copy_seconds=0.3)
        connection = account.connection("shop")

        account.order(connection, "1", "a@example.org")

        at_first = account.get("/ecomOrders")["ecomOrders"]
        first = account.copied("1")
        account.order(connection, "1", "a@example.org", finalAmount=90, normalizedStatus="WAITING")
        second = account.until(lambda: (row := account.copied("1"))["state"] == 4 and row)
        assert at_first == []
        assert (first["totalPrice"], second["totalPrice"], second["id"]) == (8480, 9000, first["id"])
        assert len(second["orderProducts"]) == 2
        assert not set(first["orderProducts"]) & set(second["orderProducts"])

    def test_an_asynchronous_order_brings_its_people_at_once(self, account: Account):
        """Contact and customer of an order are there before the order itself is."""
        order = {
            "storeOrderId": "1", "legacyConnectionId": int(account.connection("shop")), "finalAmount": 1,
            "storeCreatedDate": "2026-01-01T10:00:00Z", "email": "a@example.org", "storeCustomerId": "7",
        }  # fmt: skip
        mutation = (
            "mutation Later($orders: [OrderInput]) { bulkUpsertOrdersAsync(orders: $orders) { recordId } }"
        )

        body = account.post("/ecom/graphql", {"query": mutation, "variables": {"orders": [order]}})

        state = account.ask("state")
        assert body["data"]["bulkUpsertOrdersAsync"]["recordId"]
        assert [len(state[name]) for name in ("contacts", "customers", "orders")] == [1, 1, 0]
        account.until(lambda: account.ask("state")["orders"])

    def test_a_buyer_is_summed_up_across_shops(self, account: Account):
        """An address in two shops has a row for each, and one of connection 0 for both."""
        for number in ("1", "2"):
            account.order(account.connection(f"shop-{number}"), number, "a@example.org")
            account.copied(number)

        rows = account.get("/ecomCustomers", **{"filters[email]": "a@example.org"})["ecomCustomers"]

        found = {row["connectionid"]: (row["totalOrders"], row["totalRevenue"]) for row in rows}
        assert found == {"1": ("1", "8480"), "0": ("2", "16960"), "2": ("1", "8480")}

    @pytest.mark.parametrize(("how", "found"), [("equals", 1), ("contains", 2)])
    def test_a_filter_may_be_contains(self, account: Account, how: str, found: int):
        """Whether a filter is equals or contains is open, so a client must look at what comes."""
        account.switch(filters_match=how)
        account.connection("shop")
        account.connection("shop-de")

        rows = account.get("/connections", **{"filters[externalid]": "shop"})["connections"]

        assert len(rows) == found

    @pytest.mark.parametrize("status", [404, 400])
    def test_an_unknown_id_is_refused(self, account: Account, status: int):
        """An id that nobody has is a 404, or the empty 400 of the documentation."""
        account.switch(unknown_id_status=status)
        paths = ("connections", "ecomCustomers", "ecomOrders", "fields")

        answers = [account.call("GET", f"/{path}/99") for path in paths]

        assert {answer.status_code for answer in answers} == {status}
        assert all(a.json() == {} or "No Result found" in a.json()["message"] for a in answers)

    @pytest.mark.parametrize(("cascades", "left"), [(False, 1), (True, 0)])
    def test_a_deletion_may_cascade(self, account: Account, *, cascades: bool, left: int):
        """Whether an erased contact's e-commerce rows go with it is open, and both are played."""
        account.switch(delete_cascades=cascades)
        account.order(account.connection("shop"), "1", "a@example.org")
        account.copied("1")

        account.call("DELETE", f"/contacts/{account.get('/contacts')['contacts'][0]['id']}")

        state = account.ask("state")
        assert [len(state[name]) for name in ("customers", "orders", "copies")] == [left] * 3


class TestGuard:
    @BOTH
    def test_a_bad_key_is_refused(self, account: Account):
        """A call with a key nobody gave has no effect."""
        answer = requests.post(
            f"{account.url}/api/3/contact/sync",
            json={"contact": {"email": "a@example.org"}},
            headers={"Api-Token": "another"},
            timeout=5,
        )

        assert answer.status_code in (401, 403)
        assert account.emails() == []

    @BOTH
    @pytest.mark.real_rate
    def test_the_sixth_call_of_a_second_is_refused(self, account: Account):
        """More than five calls a second get 429 with Retry-After, and have no effect."""
        time.sleep(1.1)

        answers = [_sync(account, number) for number in range(7)]

        assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2
        assert answers[0].headers["RateLimit-Limit"] == "5"
        assert [a.headers["RateLimit-Remaining"] for a in answers[:5]] == ["4", "3", "2", "1", "0"]
        assert answers[5].headers["Retry-After"] == "1"
        assert len(account.emails()) == 5

    @pytest.mark.real_rate
    @pytest.mark.parametrize(("is_one", "status"), [(True, 429), (False, 200)])
    def test_graphql_may_have_a_limit_of_its_own(self, account: Account, *, is_one: bool, status: int):
        """Whether REST and GraphQL share a limit is open, and both are played."""
        account.switch(limit_includes_graphql=is_one)
        time.sleep(1.1)
        for number in range(5):
            _sync(account, number)

        assert account.call("POST", "/ecom/graphql", {"query": "{ __typename }"}).status_code == status


def _sync(account: Account, number: int) -> Any:
    body = {"contact": {"email": f"p{number}@example.org"}}
    return requests.post(f"{account.url}/api/3/contact/sync", json=body, headers=TOKEN, timeout=5)
