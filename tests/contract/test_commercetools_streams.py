"""The source's carts, shopping lists, payments and messages, read over HTTP from the look-alike."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from world import Sandbox

from ct_ac_sync.clients.commercetools.source import CommercetoolsSource
from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.message import Message
from ct_ac_sync.domain.payment import PaymentRecord
from ct_ac_sync.domain.shopping_list import ShoppingList
from ct_ac_sync.errors import ContractError, CredentialsError, ServerError, TooLargeError
from ct_ac_sync.ports import Page, Readable, Stream, Sweep, Unreadable

PROJECT = "demo-shop"
NEW = (Stream.CARTS, Stream.SHOPPING_LISTS, Stream.PAYMENTS, Stream.MESSAGES)
#: What each stream's own query and read are called by the look-alike.
KIND = {
    Stream.CUSTOMERS: "customer", Stream.ORDERS: "order", Stream.CARTS: "cart",
    Stream.SHOPPING_LISTS: "shopping-list", Stream.PAYMENTS: "payment", Stream.MESSAGES: "message",
}  # fmt: skip
OFF = {
    "statusCode": 400,
    "message": "It is off.",
    "errors": [{"code": "InvalidOperation", "message": "It is off."}],
}
#: Streams whose records can be asked for one by one: custom objects have a file of their own.
SINGLY = tuple(each for each in Stream if each is not Stream.CUSTOM_OBJECTS)
VIEWS = ("customers", "orders", "shopping_lists", "payments", "messages")


class Shop(Sandbox):
    """The look-alike with its doors, and the source that reads it; what happens is seen at once."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.switch(late_visible_share=0)
        self.source = self.seen_with()

    def seen_with(self, *views: str) -> CommercetoolsSource:
        """Return a source whose API client may view these, or everything."""
        scopes = " ".join(f"view_{name}:{PROJECT}" for name in views)
        return CommercetoolsSource(
            project=PROJECT, api_url=self.url, auth_url=self.url, client_id="sandbox", client_secret="sandbox",
            scopes=scopes,
        )  # fmt: skip

    def switch(self, **values: Any) -> None:
        """Throw switches."""
        self.ask("switches", values)

    def tell(self, type_: str = "OrderStateChanged", *, late: float = 0, **body: Any) -> dict[str, Any]:
        """Put a message as it is."""
        given = {"body": {"type": type_, **body}, "visible_after_seconds": late}
        found: dict[str, Any] = self.ask("messages/put", given)
        return found

    def live(self, count: int = 150) -> None:
        """Let a shop live richly for a while, with some lists more than that has."""
        self.ask("shop/step", {"count": count, "seed": 7, "besides": "everything"})
        for kind in ("list",) * 8 + ("list_sign_in",) * 2:
            self.do(kind)

    def held(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """Return what there is of a stream by id, as the look-alike's own door shows it."""
        if stream is Stream.MESSAGES:
            rows = self.ask("messages")["messages"]
        else:
            rows = self.ask("state")[stream.replace("_", "-")]
        return {row["id"]: row for row in rows}

    def page(self, stream: Stream, *, limit: int = 500, since: datetime | None = None) -> Page:
        """Return the first page of a sweep."""
        return self.source.fetch_page(stream, Sweep(modified_since=since, after=None, limit=limit))

    def pages(self, stream: Stream, *, limit: int = 500, since: datetime | None = None) -> Iterator[Page]:
        """Give the pages of a sweep to its end."""
        page = self.page(stream, limit=limit, since=since)
        yield page
        while not page.is_last:
            sweep = Sweep(modified_since=since, after=page.last_id, limit=limit)
            page = self.source.fetch_page(stream, sweep)
            yield page

    def values(self, stream: Stream, **given: Any) -> list[Any]:
        """Return what a sweep reads; nothing of it is unreadable."""
        found = [*self.pages(stream, **given)]
        assert [each for page in found for each in page.unreadable] == []
        return [each.value for page in found for each in page.records]

    def told(self, kind: str, id_: str, *, above: int = 0) -> list[Message]:
        """Return the messages of a resource above a number, in their order."""
        found = self.source.fetch_messages(kind, id_, above=above)
        values = [each.value for each in found if isinstance(each, Readable)]
        assert len(values) == len(found)
        return sorted(
            (each for each in values if isinstance(each, Message)), key=lambda each: each.sequence or 0
        )


@pytest.fixture(name="shop")
def _shop(shop_url: str) -> Shop:
    return Shop(shop_url)


class TestSweeps:
    @pytest.mark.parametrize("limit", [3, 500])
    def test_every_record_is_read_once(self, shop: Shop, limit: int):
        """Page by page a sweep reads all there is of each stream, at its newest version, and nothing twice."""
        shop.live()

        for stream in NEW:
            versions = {id_: row["version"] for id_, row in shop.held(stream).items()}
            values = shop.values(stream, limit=limit)
            assert len(versions) > 6
            assert len(values) == len(versions)
            assert {value.id: value.version for value in values} == versions

    def test_each_stream_has_values_of_its_kind(self, shop: Shop):
        """Carts, lists, payments and messages are read as such, with what the shop holds of them."""
        shop.live()

        kinds = {
            Stream.CARTS: Cart, Stream.SHOPPING_LISTS: ShoppingList, Stream.PAYMENTS: PaymentRecord,
            Stream.MESSAGES: Message,
        }  # fmt: skip
        for stream, kind in kinds.items():
            assert {type(each) for each in shop.values(stream)} == {kind}
        carts = shop.held(Stream.CARTS)
        for cart in shop.values(Stream.CARTS):
            row = carts[cart.id]
            assert (cart.state, cart.customer_id) == (row["cartState"], row.get("customerId"))
            assert (len(cart.line_items), cart.total_price.cents) == (
                len(row["lineItems"]), row["totalPrice"]["centAmount"],
            )  # fmt: skip
            assert (cart.has_shipping, cart.has_payment) == ("shippingInfo" in row, "paymentInfo" in row)

    def test_a_list_has_what_the_shop_holds_of_it(self, shop: Shop):
        """Of each list its customer is read, and its lines with product, variant, quantity and time."""
        shop.live()

        rows = shop.held(Stream.SHOPPING_LISTS)
        for each in shop.values(Stream.SHOPPING_LISTS):
            row = rows[each.id]
            assert each.customer_id == row.get("customer", {}).get("id")
            assert [(item.id, item.product_id, item.variant_id, item.quantity) for item in each.items] == [
                (line["id"], line["productId"], str(line["variantId"]), line["quantity"]) for line in row["lineItems"]
            ]  # fmt: skip
            stamps = [datetime.fromisoformat(line["addedAt"]) for line in row["lineItems"]]
            assert [item.added_at for item in each.items] == stamps
        assert {bool(row.get("customer")) for row in rows.values()} == {True, False}

    @pytest.mark.parametrize("stream", NEW)
    def test_a_window_begins_with_its_instant(self, shop: Shop, stream: Stream):
        """What was modified at the instant or later is read, and what was before is not."""
        shop.live(40)
        stamps = {id_: row["lastModifiedAt"] for id_, row in shop.held(stream).items()}
        since = sorted(stamps.values())[len(stamps) // 2]

        found = shop.values(stream, limit=5, since=datetime.fromisoformat(since.replace("Z", "+00:00")))

        assert {value.id for value in found} == {id_ for id_, stamp in stamps.items() if stamp >= since}
        assert 0 < len(found) < len(stamps)

    @pytest.mark.parametrize("stream", NEW)
    @pytest.mark.parametrize("switch", ["timeout_over_limit", "too_large_over_limit"])
    def test_a_page_that_is_too_much_is_asked_for_smaller(self, shop: Shop, stream: Stream, switch: str):
        """Where the server cannot answer, smaller pages read as much, and one that cannot be read is told."""
        shop.live(60)
        shop.switch(**{switch: 50})

        assert {value.id for value in shop.values(stream)} == shop.held(stream).keys()
        shop.switch(**{switch: 9})
        with pytest.raises(TooLargeError):
            shop.page(stream)

    def test_a_refund_is_seen_by_its_payment_alone(self, shop: Shop):
        """A refund that the order is not told of is a newer version of the payment."""
        order = shop.do("guest_order")
        shop.do("pay", order=order["id"])
        before = {each.id: each for each in shop.values(Stream.PAYMENTS)}
        refunded = shop.do("refund", order=order["id"], cents=100, touches_order=False)

        after = {each.id: each for each in shop.values(Stream.PAYMENTS)}[refunded["id"]].payment

        assert [(each.type, each.state, each.amount.cents) for each in after.transactions][-1] == (
            "Refund", "Success", 100,
        )  # fmt: skip
        assert after.version > before[refunded["id"]].version
        assert after.modified_at is not None

    def test_a_checkout_is_seen_step_by_step(self, shop: Shop):
        """A cart shows what was chosen so far, and that it was ordered."""
        cart = shop.do("cart", email="ann@example.org")
        seen = []
        for step in (
            None,
            "checkout_address",
            "checkout_shipping",
            "checkout_payment",
            "order_cart",
        ):
            if step is not None:
                shop.do(step, cart=cart["id"])
            (value,) = shop.values(Stream.CARTS)
            seen.append(
                (value.shipping_address is not None, value.has_shipping, value.has_payment, value.state)
            )

        assert seen == [
            (False, False, False, "Active"),
            (True, False, False, "Active"),
            (True, True, False, "Active"),
            (True, True, True, "Active"),
            (True, True, True, "Ordered"),
        ]

    @pytest.mark.parametrize("stream", SINGLY)
    def test_what_no_query_shows_yet_is_found_by_its_id(self, shop: Shop, stream: Stream):
        """Of records that are named those are read that exist, shown by queries or not."""
        order = shop.do("guest_order")
        shop.do("cart", visible_after_seconds=60)
        shop.do("list", visible_after_seconds=60)
        shop.do("sign_up", visible_after_seconds=60)
        shop.do("pay", order=order["id"], visible_after_seconds=60)
        shop.tell(late=60)
        ids = sorted(shop.held(stream))

        found = shop.source.fetch_records(stream, [*ids, "no-such-id"])

        assert sorted(each.value.id for each in found if isinstance(each, Readable)) == ids
        assert len(found) == len(ids) > 0


class TestMessages:
    @pytest.mark.parametrize("answer", ["empty", "refused"])
    def test_a_project_may_keep_none(self, shop: Shop, answer: str):
        """While messages are off their stream is empty to its end at the source's time, and no fault."""
        order = shop.do("guest_order")
        shop.switch(messages_off_query=answer)
        shop.ask("messages", {"enabled": False})

        page = shop.page(Stream.MESSAGES)

        assert (page.records, page.unreadable, page.is_last, page.last_id) == ((), (), True, None)
        assert abs(page.answered_at - datetime.now(UTC)) < timedelta(seconds=30)
        assert shop.told("order", order["id"]) == []
        assert shop.source.page_ids(Stream.MESSAGES, None) == ()
        assert shop.source.fetch_records(Stream.MESSAGES, ["x"]) == ()
        assert shop.source.check()["messages"] == {"enabled": False, "deleteDaysAfterCreation": 15}

    @pytest.mark.parametrize("answer", ["empty", "refused"])
    def test_messages_are_read_when_they_are_on_again(self, shop: Shop, answer: str):
        """What is told after messages were off is read, with the numbers that it has."""
        shop.switch(messages_off_query=answer)
        shop.ask("messages", {"enabled": False})
        order = shop.do("guest_order")
        assert shop.values(Stream.MESSAGES) == []
        shop.ask("messages", {"enabled": True})
        shop.do("pay", order=order["id"])

        assert [each.type for each in shop.told("order", order["id"])] == ["OrderPaymentStateChanged"]
        assert shop.source.check()["messages"]["enabled"] is True

    def test_a_refusal_of_a_project_that_keeps_messages_is_an_error(self, shop: Shop):
        """Where the project says that messages are on, a refusal is no empty stream."""
        shop.fault(operation="query_messages", status=400, reply=_text(OFF))

        for ask in (lambda: shop.page(Stream.MESSAGES), shop.source.check, lambda: shop.told("order", "x")):
            with pytest.raises(ContractError, match="InvalidOperation"):
                ask()

    @pytest.mark.parametrize("stream", [Stream.CARTS, Stream.SHOPPING_LISTS, Stream.PAYMENTS])
    def test_no_other_stream_may_be_off(self, shop: Shop, stream: Stream):
        """The same refusal of any other stream is an error, even where messages are off."""
        shop.ask("messages", {"enabled": False})
        shop.fault(operation=f"query_{stream}", status=400, reply=_text(OFF))

        with pytest.raises(ContractError, match="InvalidOperation"):
            shop.page(stream)

    def test_who_may_not_ask_the_project_takes_the_refusals_word(self, shop: Shop):
        """Without the scope for the project's settings a refusal alone says that messages are off."""
        shop.switch(messages_off_query="refused")
        shop.ask("messages", {"enabled": False})
        source = shop.seen_with(*VIEWS)

        page = source.fetch_page(Stream.MESSAGES, Sweep(modified_since=None, after=None))

        assert (page.records, page.is_last) == ((), True)
        assert source.check() == {"key": PROJECT}

    @pytest.mark.parametrize("lacking", ["messages", "payments", "shopping_lists"])
    def test_a_scope_that_is_lacking_is_named(self, shop: Shop, lacking: str):
        """Who may not read a stream is told what is lacking, and only where it is to be read."""
        source = shop.seen_with(*(name for name in VIEWS if name != lacking))

        with pytest.raises(CredentialsError, match=f"view_{lacking}"):
            source.check()
        with pytest.raises(CredentialsError, match=f"view_{lacking}"):
            source.fetch_page(Stream(lacking), Sweep(modified_since=None, after=None))
        assert source.check([each for each in Stream if each != lacking]) == {"key": PROJECT}

    def test_a_payload_may_be_left_out(self, shop: Shop):
        """A message that does not say what happened is read, with nothing in it."""
        shop.switch(payload_omitted=1)
        order = shop.do("guest_order")

        (told,) = shop.told("order", order["id"])

        assert (told.type, told.sequence, told.payload) == ("OrderCreated", 1, {})

    def test_a_payload_stands_beside_what_is_common(self, shop: Shop):
        """A message tells what it says and nothing that all messages have."""
        order = shop.do("guest_order")
        shop.do("pay", order=order["id"])

        created, paid = shop.told("order", order["id"])

        assert created.payload == {"order": order}
        assert paid.payload == {"paymentState": "Paid", "oldPaymentState": "Pending"}
        assert (paid.resource_kind, paid.resource_id, paid.resource_version) == ("order", order["id"], 2)

    def test_only_what_is_above_the_number_is_read(self, shop: Shop):
        """Messages of one resource are read from a number on, and lost ones leave a gap."""
        order, other = shop.do("guest_order"), shop.do("guest_order")
        shop.ask("messages/lose", {"resource": order["id"], "times": 1})
        shop.do("pay", order=order["id"])
        shop.do("ship", order=order["id"])
        shop.do("cancel", order=other["id"])

        assert [each.sequence for each in shop.told("order", order["id"])] == [1, 3, 4, 5, 6]
        assert [each.sequence for each in shop.told("order", order["id"], above=1)] == [3, 4, 5, 6]
        assert [each.sequence for each in shop.told("order", order["id"], above=5)] == [6]
        assert shop.told("order", order["id"], above=6) == []
        assert shop.told("customer", order["id"]) == []
        assert {each.resource_id for each in shop.told("order", other["id"])} == {other["id"]}

    def test_the_messages_of_one_resource_may_be_many(self, shop: Shop):
        """More messages than a page holds are read page by page, each once."""
        for _ in range(43):
            shop.tell(resource={"typeId": "order", "id": "o1"})
        shop.tell(resource={"typeId": "order", "id": "o2"})
        shop.switch(timeout_over_limit=10)

        assert [each.sequence for each in shop.told("order", "o1")] == list(range(1, 44))
        assert [each.sequence for each in shop.told("order", "o1", above=20)] == list(range(21, 44))

    def test_a_page_that_does_not_move_on_is_an_error(self, shop: Shop):
        """Messages that come again and again do not hold a reader for ever."""
        rows = [shop.tell(resource={"typeId": "order", "id": "o1"})] * 500
        shop.fault(operation="query_messages", status=200, reply=_text({"results": rows}))

        with pytest.raises(ContractError, match="does not move on"):
            shop.told("order", "o1")

    def test_a_late_message_is_read_when_it_shows(self, shop: Shop):
        """What queries do not show yet is missing, and comes with its own number and stamp."""
        order = shop.do("guest_order")
        shop.ask("messages/lose", {"resource": order["id"], "times": 1, "seconds": 0.6})
        shop.do("pay", order=order["id"])
        shop.do("cancel", order=order["id"])

        assert [each.sequence for each in shop.told("order", order["id"])] == [1, 3]
        assert len(shop.values(Stream.MESSAGES)) == len(shop.held(Stream.MESSAGES)) - 1
        time.sleep(0.7)
        assert [each.sequence for each in shop.told("order", order["id"])] == [1, 2, 3]
        assert len(shop.values(Stream.MESSAGES)) == len(shop.held(Stream.MESSAGES))

    def test_unknown_types_are_read(self, shop: Shop):
        """A type, a kind of resource and a payload that nobody knows are read like any other."""
        resource = {"typeId": "moon", "id": "m1"}
        shop.tell("MoonRisen", resource=resource, phase={"name": "full"}, sequenceNumber=None)
        shop.tell("MoonSet", resource=resource)

        by_type = {each.type: each for each in shop.values(Stream.MESSAGES)}

        assert by_type["MoonRisen"].payload == {"phase": {"name": "full"}}
        assert (by_type["MoonRisen"].sequence, by_type["MoonSet"].sequence) == (None, 1)
        assert [each.type for each in shop.told("moon", "m1")] == ["MoonSet"]

    def test_one_that_cannot_be_read_stops_no_other(self, shop: Shop):
        """A message without its common parts is told with its faults and its body, beside those that are read."""
        order = {"typeId": "order", "id": "o1"}
        odd = shop.tell(resource=order, resourceVersion=None, createdAt="yesterday", orderState="Open")
        shop.tell(resource=order)

        page = shop.page(Stream.MESSAGES)
        found = shop.source.fetch_messages("order", "o1", above=0)

        assert [type(each) for each in found].count(Unreadable) == 1
        (told,) = page.unreadable
        assert (told.stream, told.id, dict(told.body)) == (Stream.MESSAGES, odd["id"], odd)
        assert told.faults.keys() == {"resourceVersion", "createdAt", "lastModifiedAt"}
        assert len(page.records) == 1


class TestGone:
    @pytest.mark.parametrize("limit", [10, 500])
    def test_all_ids_are_walked(self, shop: Shop, limit: int):
        """Page by page all ids of each stream come once, in the source's order, until none comes."""
        shop.live(60)
        shop.switch(timeout_over_limit=limit)

        for stream in SINGLY:
            found: list[str] = []
            while page := shop.source.page_ids(stream, found[-1] if found else None):
                assert len(page) <= limit
                found += page
            assert len(found) == len(set(found))
            assert set(found) == shop.held(stream).keys()

    def test_an_id_that_is_missing_is_told(self, shop: Shop):
        """A row without an id is an error, since to pass it over could make a record seem gone."""
        for row in ({"version": 1}, {"id": 5}, "x"):
            rule = {
                "operation": "query_carts",
                "status": 200,
                "reply": _text({"results": [{"id": "a"}, row]}),
            }
            shop.heal()
            shop.fault(**rule)
            with pytest.raises(ContractError, match="without an id"):
                shop.source.page_ids(Stream.CARTS, None)

    @pytest.mark.parametrize("stream", [each for each in SINGLY if each is not Stream.MESSAGES])
    def test_what_was_deleted_is_gone(self, shop: Shop, stream: Stream):
        """A record is gone once it was deleted, and not while it is there, shown by queries or not."""
        shop.do("sign_up", visible_after_seconds=60)
        shop.do("cart", visible_after_seconds=60)
        shop.do("list", visible_after_seconds=60)
        shop.do("guest_order", visible_after_seconds=60)
        id_ = min(shop.held(stream))

        assert not shop.source.is_gone(stream, id_)
        shop.ask("shop/remove", {"kind": KIND[stream], "id": id_})
        assert shop.source.is_gone(stream, id_)

    def test_a_message_that_never_was_is_gone(self, shop: Shop):
        """A message is there by its id even where no query shows it, and one that never was is not."""
        row = shop.tell(late=60)

        assert not shop.source.is_gone(Stream.MESSAGES, row["id"])
        assert shop.source.is_gone(Stream.MESSAGES, "no-such-message")

    @pytest.mark.parametrize("stream", SINGLY)
    def test_nothing_else_proves_it(self, shop: Shop, stream: Stream):
        """A gateway's 404, a failure, a lacking scope and another record are errors and no proof."""
        operation = f"read_{KIND[stream].replace('-', '_')}"
        cases: list[tuple[dict[str, Any], type[Exception]]] = [
            ({"status": 404, "reply": "<html>not found</html>"}, ServerError),
            ({"status": 500, "reply": "{}"}, ServerError),
            ({"status": 403, "reply": "{}"}, CredentialsError),
            ({"status": 200, "reply": '{"id": "another"}'}, ContractError),
            ({"status": 200, "reply": "{}"}, ContractError),
        ]

        for rule, error in cases:
            shop.heal()
            shop.fault(operation=operation, **rule)
            with pytest.raises(error):
                shop.source.is_gone(stream, "some-id")


def _text(body: Any) -> str:
    """Return a body as the text of an answer."""
    return json.dumps(body)
