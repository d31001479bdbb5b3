"""Custom objects: as the look-alike keeps them by the vendor's specification, and as the source reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from world import Sandbox

from ct_ac_sync.clients.commercetools.source import CommercetoolsSource
from ct_ac_sync.domain.custom_object import CustomObject
from ct_ac_sync.errors import ContractError, CredentialsError
from ct_ac_sync.ports import Readable, Stream, Sweep

PROJECT = "demo-shop"
OBJECT = "key-value-document"
OBJECTS = Stream.CUSTOM_OBJECTS


class Shop(Sandbox):
    """The look-alike with a client of its own; what is written is seen at once."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.ask("switches", {"late_visible_share": 0})
        form = {"grant_type": "client_credentials"}
        token = requests.post(f"{url}/oauth/token", data=form, auth=("sandbox", "sandbox"), timeout=30).json()
        self._headers = {"Authorization": f"Bearer {token['access_token']}"}

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> requests.Response:
        """Call the vendor's endpoint."""
        return requests.request(
            method, f"{self.url}/{PROJECT}/custom-objects{path}", json=body, params=query,
            headers=self._headers, timeout=30,
        )  # fmt: skip

    def write(self, key: str, value: Any, container: str = "consents", **more: Any) -> requests.Response:
        """Create an object, or replace it."""
        return self.call("POST", body={"container": container, "key": key, "value": value, **more})

    def source(self, *containers: str, views: str = "") -> CommercetoolsSource:
        """Return a source that reads *containers*."""
        return CommercetoolsSource(
            project=PROJECT, api_url=self.url, auth_url=self.url, client_id="sandbox", client_secret="sandbox",
            containers=containers, scopes=" ".join(f"view_{each}:{PROJECT}" for each in views.split()),
        )  # fmt: skip


@pytest.fixture(name="shop")
def _shop(shop_url: str) -> Shop:
    return Shop(shop_url)


class TestLookAlike:
    def test_they_are_created_and_replaced(self, shop: Shop):
        """A write makes an object of its container and key, or the next version of the one that is there, whole."""
        made = shop.write("ann", {"newsletter": True, "form": None, "at": "2026-01-01"})
        again = shop.write("ann", {"newsletter": False})
        other = shop.write("ann", "text", container="flags")

        assert (made.status_code, again.status_code, other.status_code) == (201, 200, 201)
        assert made.json()["value"] == {"newsletter": True, "at": "2026-01-01"}
        assert again.json()["value"] == {"newsletter": False}
        assert [each.json()["version"] for each in (made, again, other)] == [1, 2, 1]
        assert made.json()["id"] == again.json()["id"] != other.json()["id"]
        assert made.json()["createdAt"] == again.json()["createdAt"] <= again.json()["lastModifiedAt"]
        assert shop.call("GET", "/consents/ann").json() == again.json()

    def test_a_version_that_is_given_must_fit(self, shop: Shop):
        """A write or a deletion of another version than the one that is there is refused; without one it is not."""
        shop.write("ann", 1)

        assert shop.write("ann", 2, version=7).status_code == 409
        assert shop.write("ann", 2, version=1).json()["version"] == 2
        assert shop.call("DELETE", "/consents/ann", version=1).status_code == 409
        assert shop.call("DELETE", "/consents/ann").json()["version"] == 2
        assert shop.call("GET", "/consents/ann").status_code == 404
        assert shop.call("DELETE", "/consents/ann").status_code == 404
        assert shop.write("ann", 3).json()["version"] == 1

    @pytest.mark.parametrize(
        "draft",
        [
            {"container": "a b", "key": "k", "value": 1}, {"container": "c", "key": "ann@example.com", "value": 1},
            {"container": "c", "key": "k" * 257, "value": 1}, {"container": "c", "key": "k"}, {"key": "k", "value": 1},
            [],
        ],
    )  # fmt: skip
    def test_what_is_none_is_refused(self, shop: Shop, draft: Any):
        """A draft without a value, or with a name that has other characters than the vendor takes, makes nothing."""
        assert shop.call("POST", body=draft).status_code == 400
        assert shop.ask("state")["custom-objects"] == []

    def test_a_query_is_for_one_container(self, shop: Shop):
        """Objects are queried by container, key and value, in one container or, as it was before, in all."""
        for container, key in (("a", "1"), ("a", "2"), ("b", "1")):
            shop.write(key, {"n": int(key)}, container=container)

        def keys(path: str = "", **query: Any) -> list[tuple[str, str]]:
            rows = shop.call("GET", path, **query).json()["results"]
            return sorted((row["container"], row["key"]) for row in rows)

        assert keys("/a") == [("a", "1"), ("a", "2")]
        assert keys("/a", where="value(n > 1)") == [("a", "2")]
        assert keys(where='container = "b"') == [("b", "1")]
        assert keys("/nothing") == []
        assert len(keys()) == 3

    def test_doors_put_and_change_them(self, shop: Shop):
        """The doors put an object as it is, and change it as a version of its own, of which no message tells."""
        row = shop.put(OBJECT, container="c", key="k", value={"a": 1})
        changed = shop.change(OBJECT, row["id"], value={"a": 2})

        assert (row["version"], changed["version"], changed["value"]) == (1, 2, {"a": 2})
        assert shop.ask("messages")["messages"] == []


class TestStream:
    @pytest.mark.parametrize("limit", [2, 500])
    def test_every_object_of_a_container_is_read_once(self, shop: Shop, limit: int):
        """Page by page a container is read to its end, in the order of ids, and nothing of another."""
        for number in range(5):
            shop.write(str(number), number)
            shop.write(str(number), number, container="others")
        source, found, after = shop.source("consents"), [], None
        while True:
            sweep = Sweep(modified_since=None, after=after, limit=limit, container="consents")
            page = source.fetch_page(OBJECTS, sweep)
            found += [each.value for each in page.records]
            if page.is_last:
                break
            after = page.last_id

        assert all(isinstance(each, CustomObject) for each in found)
        assert sorted(each.key for each in found) == list("01234")
        assert {each.container for each in found} == {"consents"}
        assert abs(page.answered_at - datetime.now(UTC)) < timedelta(seconds=30)

    def test_a_window_begins_with_its_instant(self, shop: Shop):
        """What was written before the instant is not read."""
        shop.put(OBJECT, container="consents", key="old", value=1, lastModifiedAt="2026-01-01T00:00:00.000Z")
        shop.write("new", 1)
        since = datetime.now(UTC) - timedelta(hours=1)

        page = shop.source("consents").fetch_page(
            OBJECTS, Sweep(modified_since=since, after=None, container="consents")
        )

        assert [each.body["key"] for each in page.records] == ["new"]

    def test_one_that_is_none_is_unreadable(self, shop: Shop):
        """An object without a stamp is told with its fault, and stops no other; a value may be anything, and missing."""
        shop.put(OBJECT, container="consents", key="odd", value=1, lastModifiedAt="once")
        for number, value in enumerate(([], None, 0, "x")):
            shop.put(OBJECT, container="consents", key=str(number), value=value)

        page = shop.source("consents").fetch_page(
            OBJECTS, Sweep(modified_since=None, after=None, container="consents")
        )

        assert [sorted(each.faults) for each in page.unreadable] == [["lastModifiedAt"]]
        assert len(page.records) == 4

    def test_those_that_are_named_are_read_of_all_containers(self, shop: Shop):
        """By their ids objects are read of the containers that are read, and of no other."""
        ids = [shop.write("k", 1, container=each).json()["id"] for each in ("a", "b", "c")]

        found = shop.source("a", "b").fetch_records(OBJECTS, [*ids, "no-such-id"])

        assert {each.value.id for each in found if isinstance(each, Readable)} == set(ids[:2])

    def test_nothing_proves_that_one_is_gone(self, shop: Shop):
        """There is no read by an id, so that no answer is a proof."""
        with pytest.raises(ContractError):
            shop.source("a").is_gone(OBJECTS, "no-such-id")

    @pytest.mark.parametrize("views", ["key_value_documents", "orders", "customers"])
    def test_any_of_several_scopes_will_do(self, shop: Shop, views: str):
        """Who may see custom objects, or what they stand beside, may read them."""
        shop.write("ann", 1)

        assert shop.source("consents", views=views).check([OBJECTS]) == {"key": PROJECT}

    def test_a_scope_that_is_lacking_is_named(self, shop: Shop):
        """Who may not read custom objects is told the scope, where any container is to be read."""
        with pytest.raises(CredentialsError, match="view_key_value_documents"):
            shop.source("consents", views="payments").check([OBJECTS])
        assert shop.source(views="payments").check([OBJECTS]) == {"key": PROJECT}

    def test_an_empty_container_is_told(self, shop: Shop):
        """Which of the containers to be read have nothing in them is a fact of the project."""
        shop.write("ann", 1)

        facts = shop.source("consents", "concents").check([OBJECTS])

        assert facts["empty_containers"] == ["concents"]
