"""The look-alike of Commercetools over HTTP, held against what is known of the vendor."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from world import Sandbox

PROJECT = "demo-shop"


class Api:
    """A client of the look-alike that hides nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sandbox = Sandbox(url)
        self.token = ""
        self.sign_in()

    def sign_in(self, *, client: tuple[str, str] = ("sandbox", "sandbox"), **form: str) -> requests.Response:
        """Ask for a token and keep it."""
        data = {"grant_type": "client_credentials"} | form
        answer = requests.post(f"{self.url}/oauth/token", auth=client, data=data, timeout=10)
        self.token = answer.json().get("access_token", "")
        return answer

    def send(self, method: str, path: str, *, json: Any = None, **params: Any) -> requests.Response:
        """Make a call; an underscore in a parameter's name is a point."""
        return requests.request(
            method, f"{self.url}/{PROJECT}{path}", json=json,
            params={name.replace("_", "."): value for name, value in params.items()},
            headers={"Authorization": f"Bearer {self.token}"}, timeout=10,
        )  # fmt: skip

    def get(self, path: str, **params: Any) -> requests.Response:
        """Read."""
        return self.send("GET", path, **params)

    def ids(self, where: str | list[str], path: str = "/customers", **params: Any) -> list[str]:
        """Return the ids that match."""
        answer = self.get(path, where=where, limit=500, **params)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["results"]]

    def count(self, where: str | list[str], path: str = "/customers", **params: Any) -> int:
        """Return how many match."""
        return len(self.ids(where, path, **params))

    def do(self, kind: str, **given: Any) -> dict[str, Any]:
        """Let one thing happen, seen by queries at once."""
        return self.sandbox.do(kind, **{"visible_after_seconds": 0} | given)

    def create(self, path: str = "/customers", **draft: Any) -> dict[str, Any]:
        """Create a resource from a draft."""
        answer = self.send("POST", path, json=draft)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body.get("customer", body)


@pytest.fixture(name="api")
def _api(shop_url: str) -> Api:
    return Api(shop_url)


def codes(answer: requests.Response) -> tuple[int, str]:
    """Return status and code of an error, in the vendor's envelope."""
    body = answer.json()
    assert body["statusCode"] == answer.status_code
    assert body["message"]
    return answer.status_code, body["errors"][0]["code"]


def sweep(
    api: Api, *, limit: int, between: Callable[[int], None] = lambda _: None, **more: Any
) -> list[dict[str, Any]]:
    """Read everything by key, page by page."""
    found: list[dict[str, Any]] = []
    for page in range(100):
        bound = {"where": "id > :last", "var_last": found[-1]["id"]} if found else {}
        rows = api.get("/customers", sort="id asc", limit=limit, withTotal="false", **bound, **more).json()[
            "results"
        ]
        found += rows
        if len(rows) < limit:
            return found
        between(page)
    raise AssertionError("the sweep does not end")


class TestTokens:
    def test_a_token_is_given_for_the_clients_secret(self, api: Api):
        """The answer has token, life, scopes and type, as the vendor's has."""
        body = api.sign_in().json()

        assert body.keys() == {"access_token", "expires_in", "scope", "token_type"}
        assert (body["expires_in"], body["token_type"]) == (172800, "Bearer")
        assert f"view_orders:{PROJECT}" in body["scope"].split()

    def test_a_wrong_secret_is_refused(self, api: Api):
        """A client nobody knows is a 401 in the vendor's envelope, with its code outside as well."""
        answer = api.sign_in(client=("sandbox", "wrong"))

        assert codes(answer) == (401, "invalid_client")
        assert answer.json()["error"] == "invalid_client"

    def test_a_scope_nobody_has_is_refused(self, api: Api):
        """Asking for a scope that the client lacks is a 400 that names it."""
        answer = api.sign_in(scope=f"view_customers:{PROJECT} view_moon:{PROJECT}")

        assert codes(answer) == (400, "invalid_scope")
        assert "view_moon" in answer.json()["message"]

    def test_only_client_credentials_are_granted(self, api: Api):
        """Another grant, or none, is a 400."""
        assert api.sign_in(grant_type="refresh_token").status_code == 400

    @pytest.mark.parametrize("token", ["", "nonsense"])
    def test_without_a_token_nothing_is_read(self, api: Api, token: str):
        """No token and a wrong one are a 401."""
        api.token = token

        assert codes(api.get("/customers")) == (401, "invalid_token")

    def test_a_token_ends(self, api: Api):
        """After its time a token is a 401 like an unknown one, and a new one works."""
        api.sandbox.ask("switches", {"token_seconds": 1})
        assert api.sign_in().json()["expires_in"] == 1
        assert api.get("/customers").status_code == 200

        time.sleep(1.1)

        assert codes(api.get("/customers")) == (401, "invalid_token")
        api.sign_in()
        assert api.get("/customers").status_code == 200

    def test_each_path_needs_its_scope(self, api: Api):
        """A scope opens its own paths, and a 403 names what is lacking."""
        api.do("sign_up")
        api.sign_in(scope=f"view_customers:{PROJECT}")

        assert api.get("/customers").status_code == 200
        refused = api.get("/orders")
        assert codes(refused) == (403, "insufficient_scope")
        assert f"view_orders:{PROJECT}" in refused.json()["message"]
        assert codes(api.get("")) == (403, "insufficient_scope")
        assert codes(api.send("POST", "/customers", json={"email": "x@example.org"})) == (
            403,
            "insufficient_scope",
        )

    @pytest.mark.parametrize("scope", ["manage_project", "manage_orders"])
    def test_managing_includes_viewing(self, api: Api, scope: str):
        """Who may manage orders may read them."""
        api.sign_in(scope=f"{scope}:{PROJECT}")

        assert api.get("/orders").status_code == 200


class TestHeaders:
    def test_every_answer_tells_the_servers_time(self, api: Api):
        """Date is the server's time in whole seconds, on errors too."""
        for answer in (api.get("/customers"), api.get("/customers", limit=501), api.get("/customers/none")):
            moment = parsedate_to_datetime(answer.headers["Date"])
            assert timedelta(seconds=-1) < datetime.now(UTC) - moment < timedelta(seconds=5)
            assert answer.headers["X-Correlation-ID"]

    def test_stamps_are_of_that_time(self, api: Api):
        """A write's stamp is not before the second that the Date header of an answer before it told."""
        before = parsedate_to_datetime(api.get("/customers").headers["Date"])
        row = api.create(email="a@example.org")

        assert datetime.fromisoformat(row["lastModifiedAt"].replace("Z", "+00:00")) >= before


class TestPages:
    def test_the_envelope(self, api: Api):
        """A page tells limit, offset and count, and the total unless told not to; 20 is the default."""
        api.sandbox.ask("shop/fill", {"customers": 25, "orders": 0, "seed": 1})

        body = api.get("/customers").json()
        assert {name: body[name] for name in ("limit", "offset", "count", "total")} == {
            "limit": 20, "offset": 0, "count": 20, "total": 25,
        }  # fmt: skip
        assert "total" not in api.get("/customers", withTotal="false").json()
        rest = api.get("/customers", offset=20).json()
        assert (rest["count"], rest["total"]) == (5, 25)
        assert api.get("/customers", limit=0).json()["results"] == []

    @pytest.mark.parametrize(
        ("name", "value", "status"),
        [
            ("limit", "500", 200), ("limit", "501", 400), ("limit", "-1", 400), ("limit", "many", 400),
            ("offset", "10000", 200), ("offset", "10001", 400), ("offset", "-1", 400), ("offset", "", 400),
        ],
    )  # fmt: skip
    def test_limit_and_offset_have_bounds(self, api: Api, name: str, value: str, status: int):
        """At most 500 rows and 10,000 to skip; beyond, and what is no number, is InvalidInput."""
        answer = api.get("/customers", **{name: value})

        assert answer.status_code == status
        if status == 400:
            assert codes(answer) == (400, "InvalidInput")
            assert answer.json()["message"].startswith(f"Malformed parameter: {name}")

    def test_ids_have_an_order_of_their_own(self, api: Api):
        """Pages by key hold each record once, in an order that is not the order of texts."""
        api.sandbox.ask("shop/fill", {"customers": 60, "orders": 0, "seed": 1})

        ids = [row["id"] for row in sweep(api, limit=7)]

        assert len(ids) == len(set(ids)) == 60
        assert ids != sorted(ids)
        assert ids == [row["id"] for row in api.get("/customers", sort="id asc", limit=500).json()["results"]]
        assert ids[::-1] == [
            row["id"] for row in api.get("/customers", sort="id desc", limit=500).json()["results"]
        ]

    def test_two_keys_sort_one_within_the_other(self, api: Api):
        """Equal values of the first key are in the order of the second, the server's order of ids."""
        stamps = ["2026-03-01T10:00:00.000Z", "2026-02-01T10:00:00.000Z"]
        for number in range(12):
            api.create(email=f"{number}@example.org", lastModifiedAt=stamps[number % 2])
        by_id = [row["id"] for row in sweep(api, limit=500)]

        rows = api.get("/customers", sort=["lastModifiedAt desc", "id asc"], limit=500).json()["results"]

        assert [row["lastModifiedAt"] for row in rows] == [stamps[0]] * 6 + [stamps[1]] * 6
        for part in (rows[:6], rows[6:]):
            places = [by_id.index(row["id"]) for row in part]
            assert places == sorted(places)

    def test_numbers_sort_as_numbers(self, api: Api):
        """Version 10 comes after version 9."""
        row = api.create(email="a@example.org")
        other = api.create(email="b@example.org")
        for _ in range(9):
            row = api.do("edit", customer=row["id"], first_name="A")
        for _ in range(8):
            other = api.do("edit", customer=other["id"], first_name="B")

        rows = api.get("/customers", sort="version asc").json()["results"]

        assert [each["version"] for each in rows] == [9, 10]

    @pytest.mark.parametrize("sort", ["nonsense asc", "id sideways", "store.nonsense asc"])
    def test_a_sort_that_is_none_is_refused(self, api: Api, sort: str):
        """An unknown field or direction is InvalidInput, and no order at all."""
        answer = api.get("/orders", sort=sort)

        assert codes(answer) == (400, "InvalidInput")
        assert "sort" in answer.json()["message"]


WHEN = "2026-03-01T10:00:00.500Z"


@pytest.fixture(name="people")
def _people(api: Api) -> Api:
    """Give three customers to ask for."""
    api.create(
        email="ann@example.org", firstName="Ann", isEmailVerified=True, lastModifiedAt=WHEN, key="a",
        addresses=[{"id": "x", "country": "DE"}, {"id": "y", "country": "FR"}], billingAddressIds=["x", "y"],
        customerGroup={"typeId": "customer-group", "id": "g1"}, stores=[{"typeId": "store", "key": "de"}],
        custom={"fields": {"newsletter": True, "points": 7}},
    )  # fmt: skip
    api.create(
        email="bo@example.org",
        firstName='Bo "B"',
        isEmailVerified=False,
        lastModifiedAt="2026-03-01T10:00:00Z",
    )
    api.create(
        email="Cy@example.org", firstName="Cy", lastModifiedAt="2026-03-01T10:00:01.000Z", addresses=[]
    )
    return api


class TestPredicates:
    def test_each_form_finds_whom_it_means(self, people: Api):
        """The grammar's forms, each with how many of three customers it finds."""
        expected = {
            'email = "ann@example.org"': 1,
            'email = "ANN@example.org"': 0,
            'email != "ann@example.org"': 2,
            'email <> "ann@example.org"': 2,
            'email in ("ann@example.org", "bo@example.org", "none")': 2,
            'email not in ("ann@example.org")': 2,
            'firstName = "Bo \\"B\\""': 1,
            "isEmailVerified = true": 1,
            "isEmailVerified = false": 1,
            "version >= 1": 3,
            "version > 1": 0,
            'addresses(country = "FR")': 1,
            'addresses(country = "FR" and id = "y")': 1,
            'addresses(country = "FR" and id = "x")': 0,
            'customerGroup(id = "g1")': 1,
            'customerGroup(id in ("g0", "g1"))': 1,
            'customerGroup(id = "g2")': 0,
            'stores(key = "de")': 1,
            "custom(fields(newsletter = true))": 1,
            "custom(fields(points > 5 and points <= 7))": 1,
            "key is defined": 1,
            "key is not defined": 2,
            "addresses is empty": 2,
            "addresses is not empty": 1,
            'billingAddressIds contains any ("y", "z")': 1,
            'billingAddressIds contains all ("x", "y")': 1,
            'billingAddressIds contains all ("x", "z")': 0,
            'not(email = "ann@example.org")': 2,
            'email = "ann@example.org" or email = "bo@example.org"': 2,
            '(email = "ann@example.org" or email = "bo@example.org") and isEmailVerified = true': 1,
        }

        assert {where: people.count(where) for where in expected} == expected

    def test_instants_are_compared_as_instants(self, people: Api):
        """Missing digits and other zones do not change what is before and what is after."""
        expected = {
            'lastModifiedAt >= "2026-03-01T10:00:00Z"': 3,
            'lastModifiedAt > "2026-03-01T10:00:00.000Z"': 2,
            'lastModifiedAt = "2026-03-01T10:00:00.000Z"': 1,
            'lastModifiedAt = "2026-03-01T10:00:00.5Z"': 1,
            'lastModifiedAt > "2026-03-01T11:00:00.000+01:00"': 2,
            'lastModifiedAt <= "2026-03-01T10:00:00.500000Z"': 2,
            'lastModifiedAt >= "2026-03-01T10:00:00.5Z" and lastModifiedAt < "2026-03-01T10:00:01Z"': 1,
        }

        assert {where: people.count(where) for where in expected} == expected

    def test_variables_stand_for_values(self, people: Api):
        """A variable is a value, or a list where it is given several times, and needs no escaping."""
        assert people.count("firstName = :n", var_n='Bo "B"') == 1
        assert people.count("email in :e", var_e=["ann@example.org", "bo@example.org"]) == 2
        assert people.count("email in (:e, :f)", var_e="ann@example.org", var_f="bo@example.org") == 2
        assert people.count("lastModifiedAt > :t", var_t="2026-03-01T10:00:00.000Z") == 2
        assert people.count("isEmailVerified = :v", var_v="true") == 1
        assert people.count("version < :v", var_v="2") == 3

    def test_several_predicates_are_all_meant(self, people: Api):
        """A repeated where narrows."""
        assert people.count(["version = 1", "isEmailVerified = true"]) == 1

    @pytest.mark.parametrize(
        ("where", "says"),
        [
            ('nonsense = "x"', "The field 'nonsense' does not exist"),
            ('addresses(nonsense = "x")', "The field 'nonsense' does not exist"),
            ("email = ", "Unexpected end"),
            ('email "x"', "Syntax error"),
            ('email = "x', "Syntax error"),
            ('(email = "x"', "expected"),
            ('email = "x") or', "Syntax error"),
            ("email = :missing", "missing"),
            ('email like "x"', "Syntax error"),
            ('billingAddressIds contains some ("x")', "Syntax error"),
            ('lastModifiedAt > "yesterday"', "does not fit"),
            ('lastModifiedAt > "2026-99-01T10:00:00.000Z"', "does not fit"),
            ('version > "x"', "does not fit"),
            ("email = 5", "does not fit"),
            ('isEmailVerified = "x"', "does not fit"),
            ("addresses > 5", "no order"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_understood_is_refused(self, people: Api, where: str, says: str):
        """A wrong predicate is InvalidInput that says what is wrong, and never finds nothing in silence."""
        answer = people.get("/customers", where=where)

        assert codes(answer) == (400, "InvalidInput")
        assert answer.json()["message"].startswith("Malformed parameter: where")
        assert says in answer.json()["message"]


class TestVisibility:
    def test_an_older_stamp_may_be_seen_later(self, api: Api):
        """A write seen late has an older stamp than one seen before it; by id it is there at once."""
        late = api.sandbox.do("sign_up", visible_after_seconds=0.6)
        time.sleep(0.01)
        early = api.do("sign_up")

        shown = api.ids("version = 1")

        assert shown == [early["id"]]
        assert late["lastModifiedAt"] < early["lastModifiedAt"]
        assert api.get(f"/customers/{late['id']}").json()["id"] == late["id"]
        time.sleep(0.7)
        assert api.count(f'lastModifiedAt >= "{late["lastModifiedAt"]}"') == 2

    def test_a_change_seen_late_shows_the_version_before(self, api: Api):
        """Until a change is seen, queries show what was there, with its stamp."""
        row = api.do("sign_up")
        api.sandbox.do("edit", customer=row["id"], first_name="New", visible_after_seconds=0.6)

        (shown,) = api.get("/customers").json()["results"]

        assert (shown["version"], shown["lastModifiedAt"]) == (1, row["lastModifiedAt"])
        assert api.get(f"/customers/{row['id']}").json()["version"] == 2
        time.sleep(0.7)
        assert api.get("/customers").json()["results"][0]["version"] == 2

    def test_a_stamp_may_lie_behind(self, api: Api):
        """A stamp from another node's clock can be older than the version before it."""
        row = api.do("sign_up")

        changed = api.do("edit", customer=row["id"], first_name="New", stamp_behind_seconds=30)

        assert changed["version"] == 2
        assert changed["lastModifiedAt"] < row["lastModifiedAt"]

    def test_stamps_may_be_equal(self, api: Api):
        """With a coarse clock many stamps are the same, and no page loses one of them."""
        api.sandbox.ask("switches", {"stamp_resolution_ms": 1000})
        for _ in range(12):
            api.do("sign_up")

        rows = sweep(api, limit=5)

        assert len({row["lastModifiedAt"] for row in rows}) <= 3
        assert len(rows) == 12

    def test_changes_between_pages_hide_nobody(self, api: Api):
        """Who is there throughout is on exactly one page by key, whatever else comes, changes and goes."""
        api.sandbox.ask("shop/fill", {"customers": 30, "orders": 0, "seed": 1})
        everybody = [row["id"] for row in sweep(api, limit=500)]
        gone, stays = everybody[-1], everybody[:-1]

        def meanwhile(page: int) -> None:
            if page == 0:
                api.do("delete", customer=gone)
            api.do("sign_up")
            api.do("edit", customer=everybody[(page * 7) % 29], first_name="New")

        seen = [row["id"] for row in sweep(api, limit=4, between=meanwhile)]

        assert len(seen) == len(set(seen))
        assert set(stays) <= set(seen)
        assert gone not in seen


class TestResources:
    def test_a_deleted_record_is_gone(self, api: Api):
        """After a deletion every door answers 404 and no query shows it."""
        row = api.do("sign_up")
        answer = api.send("DELETE", f"/customers/{row['id']}", version=row["version"])

        assert answer.status_code == 200
        assert codes(api.get(f"/customers/{row['id']}")) == (404, "ResourceNotFound")
        assert codes(api.send("DELETE", f"/customers/{row['id']}", version=1)) == (404, "ResourceNotFound")
        assert codes(api.send("POST", f"/customers/{row['id']}", json={"version": 1})) == (
            404,
            "ResourceNotFound",
        )
        assert api.count("version >= 1") == 0

    def test_deleting_another_version_is_a_conflict(self, api: Api):
        """A deletion names the version it means."""
        row = api.do("sign_up")

        assert codes(api.send("DELETE", f"/customers/{row['id']}", version=7)) == (
            409,
            "ConcurrentModification",
        )

    def test_an_update_makes_a_version_and_a_stamp(self, api: Api):
        """Actions change what they name, once for all of them, and nothing else."""
        row = api.do("sign_up")
        time.sleep(0.01)
        actions = [
            {"action": "setFirstName", "firstName": "New"},
            {"action": "changeEmail", "email": "new@example.org"},
            {"action": "setLocale"},
            {"action": "setCustomField", "name": "newsletter", "value": True},
        ]

        answer = api.send("POST", f"/customers/{row['id']}", json={"version": 1, "actions": actions})

        changed = answer.json()
        assert answer.status_code == 200
        assert (changed["version"], changed["firstName"], changed["email"]) == (2, "New", "new@example.org")
        assert changed["lastModifiedAt"] > row["lastModifiedAt"]
        assert "locale" not in changed
        assert changed["custom"]["fields"] == {"newsletter": True}
        assert changed["lastName"] == row["lastName"]

    def test_an_update_of_another_version_is_a_conflict(self, api: Api):
        """A stale version is 409 with the version there is, and changes nothing."""
        row = api.do("sign_up")
        update = {"version": 5, "actions": [{"action": "setFirstName", "firstName": "New"}]}

        answer = api.send("POST", f"/customers/{row['id']}", json=update)

        assert codes(answer) == (409, "ConcurrentModification")
        assert answer.json()["errors"][0]["currentVersion"] == 1
        assert "Expected: 5 - Actual: 1" in answer.json()["message"]
        assert api.get(f"/customers/{row['id']}").json() == row

    @pytest.mark.parametrize(
        "actions",
        [[{"action": "fly"}], [{}], ["x"], [{"action": "setFirstName", "firstName": "N"}, {"action": "fly"}]],
    )
    def test_an_unknown_action_changes_nothing(self, api: Api, actions: Any):
        """One action that is none refuses them all."""
        row = api.do("sign_up")

        answer = api.send("POST", f"/customers/{row['id']}", json={"version": 1, "actions": actions})

        assert codes(answer) == (400, "InvalidJsonInput")
        assert api.get(f"/customers/{row['id']}").json() == row

    def test_records_have_several_names(self, api: Api):
        """By id, by key and by order number the same record answers, and a wrong name is 404."""
        customer = api.create(email="a@example.org", key="the-key")
        order = api.do("order", customer=customer["id"])

        assert api.get("/customers/key=the-key").json()["id"] == customer["id"]
        assert api.get(f"/orders/order-number={order['orderNumber']}").json()["id"] == order["id"]
        assert codes(api.get("/orders/order-number=none")) == (404, "ResourceNotFound")

    def test_the_project_tells_of_itself(self, api: Api):
        """The project names its key, currencies and languages, and whether messages are on."""
        body = api.get("").json()

        assert body["key"] == PROJECT
        assert body["messages"]["enabled"] is False

    def test_money_of_the_shop_adds_up(self, api: Api):
        """Lines and shipping make the total, net and tax make gross, in every currency."""
        api.sandbox.ask("shop/fill", {"customers": 5, "orders": 60, "seed": 3})

        for order in api.get("/orders", limit=500).json()["results"]:
            parts = [*(item["totalPrice"] for item in order["lineItems"]), order["shippingInfo"]["price"]]
            assert sum(part["centAmount"] for part in parts) == order["totalPrice"]["centAmount"]
            tax = order["taxedPrice"]
            assert (
                tax["totalNet"]["centAmount"] + tax["totalTax"]["centAmount"]
                == tax["totalGross"]["centAmount"]
            )
            assert {part["currencyCode"] for part in parts} == {order["totalPrice"]["currencyCode"]}


class TestFaults:
    def test_a_query_that_takes_too_long(self, api: Api):
        """Too large a page is QueryTimedOut with 400, and a smaller one is answered."""
        api.sandbox.ask("switches", {"timeout_over_limit": 50})

        assert codes(api.get("/customers", limit=51)) == (400, "QueryTimedOut")
        assert api.get("/customers", limit=50).status_code == 200

    def test_an_answer_that_weighs_too_much(self, api: Api):
        """Too large an answer is 413, and a smaller one is given."""
        api.sandbox.ask("switches", {"too_large_over_limit": 50})

        assert codes(api.get("/customers", limit=51)) == (413, "ContentTooLarge")
        assert api.get("/customers", limit=50).status_code == 200

    @pytest.mark.parametrize(
        ("rule", "status", "header"),
        [
            ({"status": 429, "headers": {"Retry-After": "7"}}, 429, "7"),
            ({"status": 429}, 429, None),
            ({"status": 503}, 503, None),
            ({"status": 502, "reply": "<html>Bad Gateway</html>", "content_type": "text/html"}, 502, None),
            ({"status": 400, "reply": '{"statusCode":400,"errors":[{"code":"QueryTimedOut"}]}'}, 400, None),
        ],
    )
    def test_a_rule_spoils_as_often_as_it_says(
        self, api: Api, rule: dict[str, Any], status: int, header: str | None
    ):
        """A fault is as it was written, hits as many times as it was told, and no other operation."""
        api.sandbox.fault(operation="query_customers", times=2, **rule)

        answers = [api.get("/customers") for _ in range(3)]

        assert [answer.status_code for answer in answers] == [status, status, 200]
        assert answers[0].headers.get("Retry-After") == header
        assert answers[0].text == rule.get("reply", "")
        assert ("text/html" in answers[0].headers["Content-Type"]) is ("content_type" in rule)
        assert "Date" in answers[0].headers
        assert api.get("/orders").status_code == 200

    def test_a_write_may_happen_although_its_answer_is_spoilt(self, api: Api):
        """After the effect a fault takes the answer only, which is the harder case."""
        api.sandbox.fault(operation="create_customer", status=500, when="after", times=1)

        answer = api.send("POST", "/customers", json={"email": "a@example.org"})

        assert answer.status_code == 500
        assert len(api.sandbox.log("customer_created")) == 1

    def test_a_connection_may_be_cut(self, api: Api):
        """A reset is no answer at all."""
        api.sandbox.fault(operation="query_customers", reset=True, times=1)

        with pytest.raises(requests.ConnectionError):
            api.get("/customers")
