"""References: what records refer to, fetched from the look-alike and kept in Postgres."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import Sandbox

from ct_ac_sync.clients.commercetools.source import CommercetoolsSource
from ct_ac_sync.configuration.values import ProductsConfig
from ct_ac_sync.domain.product import ProductContext
from ct_ac_sync.errors import (
    ContractError,
    CredentialsError,
    Recovery,
    ServerError,
    SyncError,
    ThrottledError,
)
from ct_ac_sync.mapping.product import to_context
from ct_ac_sync.ports import Source
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.references import ReferenceCache
from ct_ac_sync.store.retention import Retention
from ct_ac_sync.sync.references import (
    MATTERING,
    ROUNDS,
    LookupOf,
    RecordingLookup,
    References,
    ReferencesAwayError,
)

HOUR = timedelta(hours=1)
SHOP = "demo-shop"
BOOTS = ("category", "boots")


@pytest.fixture(name="database")
def _database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


@pytest.fixture(name="cache")
def _cache(database: Database) -> ReferenceCache:
    return ReferenceCache(database)


def pass_time(database: Database, span: timedelta) -> None:
    """Let the database's clock go on."""
    with database.transaction() as connection:
        connection.execute("UPDATE clock SET shift = shift + %s", (span,))


def at(version: int, **more: Any) -> dict[str, Any]:
    """Return a resource at a version."""
    return {"id": "boots", "version": version} | more


class TestCache:
    def test_what_was_written_is_read(self, cache: ReferenceCache):
        """What is held is read by source, kind and id, and what never was is not there."""
        cache.write(SHOP, {BOOTS: at(1), ("store", "berlin"): {"key": "berlin"}})

        wanted = [BOOTS, ("store", "berlin"), ("store", "boots"), ("category", "hats")]

        assert cache.read(SHOP, wanted, fresh=HOUR) == {BOOTS: at(1), ("store", "berlin"): {"key": "berlin"}}
        assert cache.read("other-shop", wanted, fresh=HOUR) == {}
        assert cache.read(SHOP, [], fresh=HOUR) == {}

    def test_what_is_gone_is_known(self, cache: ReferenceCache):
        """That a resource is gone is kept like any other knowledge."""
        cache.write(SHOP, {BOOTS: None})

        assert cache.read(SHOP, [BOOTS], fresh=HOUR) == {BOOTS: None}

    def test_it_is_fresh_for_a_while(self, cache: ReferenceCache, database: Database):
        """After its time, on the database's clock, it is only stale, and written again it is fresh again."""
        cache.write(SHOP, {BOOTS: at(1)})
        pass_time(database, timedelta(minutes=59))
        before = cache.read(SHOP, [BOOTS], fresh=HOUR)
        pass_time(database, timedelta(minutes=2))

        assert before == {BOOTS: at(1)}
        assert cache.read(SHOP, [BOOTS], fresh=HOUR) == {}
        assert cache.read_stale(SHOP, [BOOTS]) == {BOOTS: at(1)}
        cache.write(SHOP, {BOOTS: at(1)})
        assert cache.read(SHOP, [BOOTS], fresh=HOUR) == {BOOTS: at(1)}

    def test_an_older_version_never_replaces_a_newer_one(self, cache: ReferenceCache, database: Database):
        """Who writes an older version gets the newer one, which is not fresh because of it."""
        cache.write(SHOP, {BOOTS: at(5)})
        pass_time(database, 2 * HOUR)

        held = cache.write(SHOP, {BOOTS: at(4)})

        assert held == cache.read_stale(SHOP, [BOOTS]) == {BOOTS: at(5)}
        assert cache.read(SHOP, [BOOTS], fresh=HOUR) == {}

    def test_what_came_back_is_there_again(self, cache: ReferenceCache):
        """What was gone comes back with the version it had, but not with an older one."""
        cache.write(SHOP, {BOOTS: at(5)})
        cache.write(SHOP, {BOOTS: None})

        older = cache.write(SHOP, {BOOTS: at(4)})
        again = cache.write(SHOP, {BOOTS: at(5)})

        assert older == {BOOTS: None}
        assert again == {BOOTS: at(5)}

    @pytest.mark.parametrize("version", [None, "x", -1, 1.5, 2**63])
    def test_a_version_that_is_none_is_no_obstacle(self, cache: ReferenceCache, version: Any):
        """A body whose version cannot be read is kept, and any other replaces it."""
        cache.write(SHOP, {BOOTS: at(version)})

        assert cache.write(SHOP, {BOOTS: at(1)}) == {BOOTS: at(1)}

    def test_many_write_at_once(self, cache: ReferenceCache, database_url: str):
        """Of several who write the same in any order none waits for ever, and the newest version stays."""
        ids = [("category", str(n)) for n in range(40)]
        faults: list[BaseException] = []

        def write(version: int) -> None:
            mine = Database(database_url)
            try:
                for rows in (ids, ids[::-1]):
                    ReferenceCache(mine).write(SHOP, {each: at(version) for each in rows})
            except BaseException as error:  # noqa: BLE001 - told below
                faults.append(error)
            finally:
                mine.close()

        threads = [threading.Thread(target=write, args=(version,)) for version in (3, 1, 4, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert faults == []
        assert set(map(str, cache.read(SHOP, ids, fresh=HOUR).values())) == {str(at(4))}

    def test_what_nobody_asks_for_is_forgotten(self, cache: ReferenceCache, database: Database):
        """Retention takes what was not fetched for a month, so that the cache does not grow for ever."""
        cache.write(SHOP, {("payment", str(n)): None for n in range(1200)})
        pass_time(database, timedelta(days=31))
        cache.write(SHOP, {BOOTS: at(1)})

        pruned = Retention(database, months=13, letters=timedelta(days=180)).run_if_due()

        assert pruned is not None
        assert pruned.references == 1200
        assert database.fetch("SELECT id FROM reference") == [{"id": "boots"}]


class Shelves:
    """A source that shows what it is given, counts its calls, and fails where it is told to."""

    def __init__(self, *resources: tuple[str, dict[str, Any]]) -> None:
        self.held = {(kind, each.get("key", each["id"])): each for kind, each in resources}
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.fault: SyncError | None = None

    def fetch_references(self, kind: str, ids: Sequence[str]) -> Mapping[str, Any]:
        """Return what is there."""
        self.calls.append((kind, tuple(ids)))
        if self.fault is not None:
            raise self.fault
        return {id_: self.held[kind, id_] for id_ in ids if (kind, id_) in self.held}


def refer(kind: str, *ids: str) -> list[dict[str, str]]:
    """Return references."""
    return [{"typeId": kind, "id": id_} for id_ in ids]


def catalogue() -> Shelves:
    """Return a shop with a product in two categories, one below the other."""
    return Shelves(
        ("product", {"id": "p1", "version": 1, "categories": refer("category", "boots")}),
        ("category", at(1, name={"en": "Boots"}, ancestors=refer("category", "shoes"))),
        ("category", {"id": "shoes", "version": 1, "name": {"en": "Shoes"}, "ancestors": []}),
        ("store", {"id": "s1", "key": "berlin", "version": 1, "name": {"en": "Berlin"}}),
    )


def settled(shop: Shelves, cache: ReferenceCache) -> References:
    """Return what finds references in a shop, as a process newly started has it."""
    return References(sources={SHOP: cast("Source", shop)}, cache=cache)


def path_of(product: str) -> Callable[[RecordingLookup], str]:
    """Return what maps a product to the path of its category."""
    config = ProductsConfig()

    def map_(lookup: RecordingLookup) -> str:
        return to_context(lookup.get("product", product), locale="en", config=config, lookup=lookup).category

    return map_


def names_of(kind: str, *ids: str) -> Callable[[RecordingLookup], list[str | None]]:
    """Return what maps references to names."""

    def map_(lookup: RecordingLookup) -> list[str | None]:
        found = [lookup.get(kind, id_) for id_ in ids]
        return [None if each is None else str(each["name"]) for each in found]

    return map_


AWAY = ServerError("Commercetools query: 500", cause="Commercetools query: 500")
LOCKED = CredentialsError("Commercetools query: 403 insufficient_scope", cause="Commercetools query: 403")


class TestSettle:
    def test_references_lead_to_references(self, cache: ReferenceCache):
        """A product leads to its category and that to its ancestors, each asked for once."""
        shop = catalogue()

        found = settled(shop, cache).settle(SHOP, path_of("p1"))

        assert found == "Shoes > Boots"
        assert shop.calls == [("product", ("p1",)), ("category", ("boots",)), ("category", ("shoes",))]

    def test_what_another_process_fetched_is_not_asked_for(self, cache: ReferenceCache):
        """For an hour all processes together ask once."""
        settled(catalogue(), cache).settle(SHOP, path_of("p1"))
        shop = catalogue()

        found = settled(shop, cache).settle(SHOP, path_of("p1"))

        assert (found, shop.calls) == ("Shoes > Boots", [])

    def test_a_change_is_seen_after_an_hour(self, cache: ReferenceCache, database: Database):
        """What was fetched is taken for true for an hour, and no longer."""
        shop = catalogue()
        references = settled(shop, cache)
        references.settle(SHOP, path_of("p1"))
        shop.held[BOOTS] = at(2, name={"en": "Wellies"}, ancestors=[])

        at_once = references.settle(SHOP, path_of("p1"))
        pass_time(database, timedelta(minutes=61))
        later = references.settle(SHOP, path_of("p1"))

        assert (at_once, later) == ("Shoes > Boots", "Wellies")

    def test_a_batch_asks_in_pages(self, cache: ReferenceCache):
        """What several records of a batch refer to is asked for together, a hundred at once, and none twice."""
        groups = [f"g{n:03}" for n in range(150)]
        shop = Shelves(*(("customer-group", {"id": id_, "version": 1, "name": id_}) for id_ in groups))

        found = settled(shop, cache).settle(SHOP, names_of("customer-group", *groups, *groups))

        assert found == groups * 2
        assert [len(ids) for _, ids in shop.calls] == [100, 50]

    def test_what_is_gone_stops_nothing(self, cache: ReferenceCache):
        """A deleted resource of any kind is none, and is not asked for again with each record."""
        shop = catalogue()
        references = settled(shop, cache)

        for kind in ("type", "store", "product", "discount-code"):
            assert references.settle(SHOP, names_of(kind, "gone")) == [None]
            assert references.settle(SHOP, names_of(kind, "gone")) == [None]

        assert len(shop.calls) == 4

    def test_a_refund_counts_at_once(self, cache: ReferenceCache):
        """Payments are asked for each time, because what they say must not be an hour old."""
        shop = Shelves(("payment", {"id": "y1", "version": 1, "name": "paid"}))
        references = settled(shop, cache)
        before = references.settle(SHOP, names_of("payment", "y1"))
        shop.held["payment", "y1"] = {"id": "y1", "version": 2, "name": "refunded"}

        after = references.settle(SHOP, names_of("payment", "y1"))

        assert (before, after) == (["paid"], ["refunded"])

    def test_a_query_that_lags_takes_nothing_back(self, cache: ReferenceCache):
        """Where the source shows an older version than was seen before the newer one holds."""
        cache.write(SHOP, {("payment", "y1"): {"id": "y1", "version": 2, "name": "refunded"}})
        shop = Shelves(("payment", {"id": "y1", "version": 1, "name": "paid"}))

        assert settled(shop, cache).settle(SHOP, names_of("payment", "y1")) == ["refunded"]

    @pytest.mark.parametrize("kind", ["product", "payment", "type"])
    @pytest.mark.parametrize("fault", [AWAY, LOCKED])
    def test_where_the_source_fails_what_is_stale_serves(
        self, cache: ReferenceCache, database: Database, kind: str, fault: SyncError
    ):
        """While the source cannot be asked what it showed last is taken for true."""
        cache.write(SHOP, {(kind, "x"): {"id": "x", "version": 1, "name": "known"}})
        pass_time(database, timedelta(days=3))
        shop = Shelves()
        shop.fault = fault

        assert settled(shop, cache).settle(SHOP, names_of(kind, "x")) == ["known"]

    @pytest.mark.parametrize("fault", [AWAY, LOCKED, ThrottledError("429", retry_after_seconds=9)])
    def test_without_what_matters_a_record_waits(self, cache: ReferenceCache, fault: SyncError):
        """What decides where a record goes, and was never seen, postpones it; no destination is halted for it."""
        shop = Shelves()
        shop.fault = fault

        for kind in sorted(MATTERING):
            with pytest.raises(ReferencesAwayError) as caught:
                settled(shop, cache).settle(SHOP, names_of(kind, "x"))
            assert caught.value.recovery is Recovery.RETRY
            assert caught.value.cause == fault.cause

        assert cache.read_stale(SHOP, [(kind, "x") for kind in MATTERING]) == {}

    def test_without_what_describes_a_record_goes_on(self, cache: ReferenceCache):
        """What only describes and cannot be fetched is none, said to be lacking, and asked for the next time."""
        shop = Shelves()
        shop.fault = AWAY
        lacking: list[frozenset[tuple[str, str]]] = []

        def map_(lookup: RecordingLookup) -> str:
            lacking.append(lookup.lacking)
            return path_of("p1")(lookup)

        during = settled(shop, cache).settle(SHOP, map_)
        after = settled(catalogue(), cache).settle(SHOP, path_of("p1"))

        assert (during, after) == ("", "Shoes > Boots")
        assert lacking[-1] == {("product", "p1")}

    @pytest.mark.parametrize(("fault", "calls"), [(AWAY, ["category"]), (LOCKED, ["category", "product"])])
    def test_a_source_that_is_away_is_asked_once(
        self, cache: ReferenceCache, fault: SyncError, calls: list[str]
    ):
        """Nobody waits twice for a source that is away, while one that locks a kind may show others."""
        shop = Shelves()
        shop.fault = fault

        settled(shop, cache).settle(
            SHOP, lambda lookup: [lookup.get("category", "boots"), lookup.get("product", "p1")]
        )

        assert [kind for kind, _ in shop.calls] == calls

    def test_a_source_that_is_not_configured_any_more(self, cache: ReferenceCache):
        """Of a project that nobody reads now what was fetched serves, and the rest waits or is none."""
        cache.write("former-shop", {("type", "t"): {"id": "t", "version": 1, "name": "t"}})
        references = settled(catalogue(), cache)

        assert references.settle("former-shop", names_of("type", "t")) == ["t"]
        assert references.settle("former-shop", names_of("product", "p")) == [None]
        with pytest.raises(ReferencesAwayError):
            references.settle("former-shop", names_of("type", "u"))

    def test_records_of_several_sources_are_mapped_together(self, cache: ReferenceCache):
        """The same id means another resource in another project, and each is asked where it is."""
        shops = {
            name: Shelves(("store", {"id": "s", "key": "berlin", "version": 1, "name": name}))
            for name in ("shop-a", "shop-b")
        }
        references = References(sources=cast("Mapping[str, Source]", shops), cache=cache)

        found = references.settle_each(
            list(shops), lambda name, lookup_of: names_of("store", "berlin")(lookup_of(name))
        )

        assert found == [["shop-a"], ["shop-b"]]
        assert [len(shop.calls) for shop in shops.values()] == [1, 1]

    def test_only_who_asked_is_mapped_again(self, cache: ReferenceCache):
        """Of a batch each is mapped as often as it asks for something new, and all of it is asked for together."""
        shop, mapped = catalogue(), Counter[str]()

        def map_(asks: str, lookup_of: LookupOf) -> int:
            mapped[asks] += 1
            return sum(name is not None for name in names_of("category", *asks.split())(lookup_of(SHOP)))

        found = settled(shop, cache).settle_each(["", "boots", "boots shoes"], map_)

        assert found == [0, 1, 2]
        assert mapped == {"": 1, "boots": 2, "boots shoes": 2}
        assert shop.calls == [("category", ("boots", "shoes"))]

    def test_a_mapping_that_asks_for_ever_comes_to_an_end(self, cache: ReferenceCache):
        """However often something new is asked for, after a few rounds what there is must do."""
        asked: list[int] = []

        def map_(lookup: RecordingLookup) -> int:
            asked.append(len(asked))
            lookup.get("category", f"c{len(asked)}")
            return len(asked)

        assert settled(catalogue(), cache).settle(SHOP, map_) == ROUNDS + 1

    @given(st.text(), st.text())
    def test_nothing_that_cannot_be_an_id_is_asked_for(self, kind: str, id_: str):
        """Whatever stands where an id should, it is none, and neither database nor source sees it."""
        lookup = RecordingLookup({})

        assert lookup.get(kind, id_) is None
        assert all("\0" not in text and text for each in lookup.missing for text in each)


# -- over HTTP ------------------------------------------------------------------------


class Shop:
    """The look-alike, what reads it, and the calls that were made of it."""

    def __init__(self, url: str) -> None:
        self.doors = Sandbox(url)
        self.calls: Counter[str] = Counter()
        self.source = CommercetoolsSource(
            project=SHOP, api_url=url, auth_url=url, client_id="sandbox", client_secret="sandbox",
            note=lambda operation, status: self.calls.update([f"{operation} {status}"]),
        )  # fmt: skip

    def references(self, cache: ReferenceCache) -> References:
        """Return what finds references in this shop."""
        return References(sources={SHOP: self.source}, cache=cache)

    def put(self, kind: str, **body: Any) -> dict[str, Any]:
        """Put a resource there, seen by queries at once unless said otherwise."""
        given = {"visible_after_seconds": body.pop("visible_after_seconds", 0)}
        found: dict[str, Any] = self.doors.ask("shop/put", {"kind": kind, "body": body, **given})
        return found

    def get(self, kind: str, key: str) -> dict[str, Any]:
        """Return what the source shows of one thing, asked for by its key."""
        return dict(self.source.fetch_references(kind, [key])[key])

    def made(self) -> dict[str, int]:
        """Return the calls since the last time, without those for tokens."""
        calls, self.calls = self.calls, Counter()
        return {call: count for call, count in calls.items() if not call.startswith("token")}


@pytest.fixture(name="shop")
def _shop(shop_url: str) -> Shop:
    return Shop(shop_url)


KEYS = {
    "cart-discount": "ten-off", "category": "sneakers", "channel": "web-ch", "customer-group": "b2b",
    "discount-code": "welcome", "product": "shoe", "product-type": "goods", "state": "picking", "store": "ch",
    "type": "customer-profile",
}  # fmt: skip


class TestFetch:
    @pytest.mark.parametrize("kind", sorted(KEYS))
    def test_each_kind_is_read_by_key_and_by_id(self, shop: Shop, kind: str):
        """What is found by its key is found by its id as well; stores, which records name by key, by that alone."""
        by_key = shop.get(kind, KEYS[kind])

        by_id = shop.source.fetch_references(kind, [by_key["id"]])

        assert by_key["key"] == KEYS[kind]
        assert by_id == ({} if kind == "store" else {by_key["id"]: by_key})

    def test_many_are_asked_for_in_pages(self, shop: Shop):
        """Of 230 ids a hundred stand in each query, and none is asked for singly."""
        ids = [shop.put("customer-group", name=f"g{n}")["id"] for n in range(230)]

        found = shop.source.fetch_references("customer-group", ids)

        assert sorted(found) == sorted(ids)
        assert shop.made() == {"query_customer_groups 200": 3}

    def test_what_queries_do_not_show_yet_is_asked_for_singly(self, shop: Shop):
        """Queries lag behind writes, so what they do not show is not taken for gone."""
        shown = shop.put("customer-group", name="old")["id"]
        late = shop.put("customer-group", name="new", visible_after_seconds=60)["id"]

        found = shop.source.fetch_references("customer-group", [shown, late])

        assert {id_: body["name"] for id_, body in found.items()} == {shown: "old", late: "new"}
        assert shop.made() == {"query_customer_groups 200": 1, "read_customer_groups 200": 1}

    def test_what_is_gone_is_left_out(self, shop: Shop):
        """A deleted resource is missing from the answer, after it was asked for by its id too."""
        gone = shop.put("category", name={"en": "Hats"})["id"]
        shop.doors.ask("shop/remove", {"kind": "category", "id": gone})

        assert shop.source.fetch_references("category", [gone]) == {}
        assert shop.source.fetch_references("store", ["nowhere"]) == {}
        assert shop.made() == {
            "query_categories 200": 1, "read_categories 404": 1, "query_stores 200": 1, "read_stores 404": 1,
        }  # fmt: skip

    def test_a_product_is_its_published_projection_without_prices(self, shop: Shop):
        """What is not published is not shown, and prices stay out."""
        shoe = shop.get("product", "shoe")
        shop.doors.ask(
            "shop/change", {"kind": "product-projection", "key": "mug", "changes": {"published": False}}
        )

        assert "masterData" not in shoe
        assert all("prices" not in each for each in (shoe["masterVariant"], *shoe["variants"]))
        assert shoe["slug"]
        assert shop.source.fetch_references("product", ["mug"]) == {}

    def test_a_query_that_is_too_large_is_asked_smaller(self, shop: Shop):
        """Where the server cannot answer for a hundred it is asked for halves."""
        ids = [shop.put("customer-group", name=f"g{n}")["id"] for n in range(40)]
        shop.doors.ask("switches", {"timeout_over_limit": 10})

        found = shop.source.fetch_references("customer-group", ids)

        assert sorted(found) == sorted(ids)
        assert shop.made() == {"query_customer_groups 400": 3, "query_customer_groups 200": 4}

    @pytest.mark.parametrize("kind", ["customer", "key-value-document", "zone", ""])
    def test_kinds_that_are_not_read(self, shop: Shop, kind: str):
        """Of a kind that we do not read nothing is found, and nobody is asked."""
        assert shop.source.fetch_references(kind, ["x"]) == {}
        assert shop.made() == {}

    @pytest.mark.parametrize("id_", ["", "a/b", "../customers", "x?y=z", "ü", "a b", "x" * 257])
    def test_what_is_no_id_is_not_asked_for(self, shop: Shop, id_: str):
        """What has neither the form of an id nor of a key is nobody's, and never enters an address."""
        assert shop.source.fetch_references("store", [id_]) == {}
        assert shop.made() == {}

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"status": 500}, ServerError),
            ({"status": 503}, ThrottledError),
            ({"reset": True}, ServerError),
            ({"status": 404, "reply": "<html>not here</html>"}, ServerError),
            ({"status": 200, "reply": "{}"}, ContractError),
            ({"status": 200, "reply": '{"id": "s", "key": "elsewhere"}'}, ContractError),
            ({"status": 200, "reply": "{}", "operation": "query_stores"}, ContractError),
        ],
    )
    def test_errors_are_told_apart_as_everywhere(
        self, shop: Shop, fault: dict[str, Any], error: type[SyncError]
    ):
        """A server that fails, some gateway's 404, or a success that shows nothing prove nothing gone."""
        shop.doors.fault(**{"operation": "read_store"} | fault)

        with pytest.raises(error):
            shop.source.fetch_references("store", ["nowhere"])


class TestShop:
    def test_a_line_gets_its_products_context(self, shop: Shop, cache: ReferenceCache):
        """What a French buyer in Switzerland is told of a shoe, from four queries of the source."""
        config = ProductsConfig(brand="brand", attributes=("colour", "sports", "labels"))
        shoe = shop.get("product", "shoe")
        shop.made()

        def map_(lookup: RecordingLookup) -> ProductContext:
            product = lookup.get("product", shoe["id"])
            return to_context(
                product, sku="SKU-shoe-2", locale="fr-CH", fallbacks=("en-GB",), config=config, lookup=lookup
            )

        found = shop.references(cache).settle(SHOP, map_)

        assert found == ProductContext(
            category="Vêtements > Chaussures > Baskets",
            categories=("Vêtements > Chaussures > Baskets", "Soldes"),
            brand="Fjord & Sons",
            attributes=(
                ("brand", "Fjord & Sons"), ("care", "degrees: 30"), ("checkedAt", "2025-03-01T09:30:00.000Z"),
                ("colour", "Rouge"), ("fit", "étroit"), ("goesWith", "Écharpe"),
                ("labels", 'new, vegan, but "glued"'), ("launchedOn", "2025-03-01"),
                ("listPrice", "69.00"), ("material", "Leather"), ("packedAt", "07:30:00.000"),
                ("sports", "Running, Walking"), ("vegan", "false"), ("weight", "0.75"),
            ),
            tags=("Rouge", "Running", "Walking", "new", 'vegan, but "glued"'),
            image_url="https://images.example.com/shoe-2.jpg",
        )  # fmt: skip
        assert shop.made() == {"query_product_projections 200": 2, "query_categories 200": 2}

    def test_a_deleted_product_stops_nothing(self, shop: Shop, cache: ReferenceCache):
        """A batch with a deleted product among others maps all of them, and asks for the deleted one once."""
        ids = [shop.get("product", key)["id"] for key in ("shoe", "lamp", "book")]
        shop.doors.ask("shop/remove", {"kind": "product", "id": ids[1]})
        config, references = ProductsConfig(), shop.references(cache)
        shop.made()

        def map_(lookup: RecordingLookup) -> list[str]:
            return [
                to_context(lookup.get("product", id_), locale="en-GB", config=config, lookup=lookup).category
                for id_ in ids
            ]

        first, second = references.settle(SHOP, map_), references.settle(SHOP, map_)

        assert first == second == ["Clothing > Footwear > Sneakers", "", "Media > Books > Novels"]
        assert shop.made()["read_product_projections 404"] == 1

    def test_a_source_that_fails_after_an_hour(self, shop: Shop, cache: ReferenceCache, database: Database):
        """What was fetched once serves until the source is well again, and then what it shows."""
        group = shop.get("customer-group", "b2b")["id"]
        references, map_ = shop.references(cache), names_of("customer-group", group)
        references.settle(SHOP, map_)
        shop.doors.ask(
            "shop/change",
            {"kind": "customer-group", "id": group, "changes": {"name": "Trade"}, "visible_after_seconds": 0},
        )
        pass_time(database, timedelta(hours=2))
        shop.doors.fault(operation="query_customer_groups", status=500)

        during = references.settle(SHOP, map_)
        shop.doors.heal()
        after = references.settle(SHOP, map_)

        assert (during, after) == (["Business"], ["Trade"])

    def test_a_scope_that_is_lacking(self, shop_url: str, cache: ReferenceCache):
        """Without the scope for products orders go on without their context; without that for types they wait."""
        scopes = f"view_customers:{SHOP} view_orders:{SHOP}"
        source = CommercetoolsSource(
            project=SHOP, api_url=shop_url, auth_url=shop_url, client_id="sandbox", client_secret="sandbox", scopes=scopes
        )  # fmt: skip
        references = References(sources={SHOP: source}, cache=cache)

        assert references.settle(SHOP, names_of("product", "shoe")) == [None]
        with pytest.raises(ReferencesAwayError, match="view_types"):
            references.settle(SHOP, names_of("type", "customer-profile"))
