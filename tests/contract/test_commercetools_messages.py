"""The look-alike's carts, shopping lists, payments and messages, and its log of what happened, over HTTP."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from world import Sandbox

from ct_ac_sync.sandbox.servers import look_alike

PROJECT = "demo-shop"


class Api:
    """A client of the look-alike, and its control doors."""

    def __init__(self, url: str) -> None:
        self.sandbox = Sandbox(url)
        self._base = f"{url}/{PROJECT}"
        data = {"grant_type": "client_credentials"}
        answer = requests.post(f"{url}/oauth/token", auth=("sandbox", "sandbox"), data=data, timeout=10)
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def send(self, method: str, path: str, *, json: Any = None, **params: Any) -> requests.Response:
        """Make a call."""
        return requests.request(
            method, self._base + path, json=json, params=params, headers=self._headers, timeout=10
        )

    def read(self, path: str) -> dict[str, Any]:
        """Read one resource."""
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def update(self, path: str, version: int, *actions: dict[str, Any]) -> dict[str, Any]:
        """Update a resource by actions."""
        answer = self.send("POST", path, json={"version": version, "actions": list(actions)})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def messages(self, where: str | None = None, sort: str = "createdAt asc") -> list[dict[str, Any]]:
        """Return the messages that a query shows."""
        answer = self.send("GET", "/messages", where=where, sort=[sort, "id asc"], limit=500)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["results"]
        return found

    def told(self, id_: str) -> list[dict[str, Any]]:
        """Return the messages of a resource in their order."""
        return sorted(self.messages(f'resource(id = "{id_}")'), key=lambda row: int(row["sequenceNumber"]))

    def types(self, id_: str) -> list[str]:
        """Return the types of a resource's messages in their order."""
        return [row["type"] for row in self.told(id_)]

    def do(self, kind: str, **given: Any) -> dict[str, Any]:
        """Let one thing happen, seen by queries at once."""
        return self.sandbox.do(kind, **{"visible_after_seconds": 0} | given)

    def happened(self, *whats: str) -> list[dict[str, Any]]:
        """Return what happened, of these kinds or of all."""
        found: list[dict[str, Any]] = self.sandbox.ask("happened")
        return [row for row in found if not whats or row["what"] in whats]


@pytest.fixture(name="api")
def _api(shop_url: str) -> Api:
    return Api(shop_url)


@pytest.fixture(name="further")
def _further(folder: Path) -> Iterator[Api]:
    """Give another shop like the first."""
    process, url = look_alike("commercetools", log=folder / "further.log")
    yield Api(url)
    process.terminate()
    process.wait(10)


@pytest.fixture(name="order")
def _order(api: Api) -> dict[str, Any]:
    """Give an order that a customer has placed."""
    customer = api.do("sign_up", email="ann@example.org")
    return api.do("order", customer=customer["id"], country="DE", goods=[["shoe", 2], ["mug", 1]])


class TestMessages:
    def test_a_message_has_what_all_messages_have(self, api: Api, order: dict[str, Any]):
        """Its fields stand beside its payload, its stamp is that of the write, its version is 1."""
        (row,) = api.told(order["id"])

        assert row["resource"] == {"typeId": "order", "id": order["id"]}
        assert row["resourceUserProvidedIdentifiers"] == {"orderNumber": order["orderNumber"]}
        assert row["createdAt"] == row["lastModifiedAt"] == order["createdAt"]
        assert (row["version"], row["sequenceNumber"], row["resourceVersion"]) == (1, 1, 1)
        assert row["createdBy"] == row["lastModifiedBy"]
        assert row["order"] == order
        assert api.read(f"/messages/{row['id']}") == row

    def test_numbers_count_the_messages_of_each_resource(self, api: Api, order: dict[str, Any]):
        """They go in steps of one, and the version is that after the write, also where one write tells much."""
        api.do("pay", order=order["id"])
        shipped = api.do("ship", order=order["id"])
        told = api.told(order["id"])

        assert [row["sequenceNumber"] for row in told] == list(range(1, len(told) + 1))
        assert [row["resourceVersion"] for row in told] == [1, 2, 3, 3, 3, 3]
        assert shipped["version"] == 3

    def test_a_write_may_raise_the_version_by_its_messages(self, api: Api, order: dict[str, Any]):
        """By the switch each message has a version of its own, and the last is that of the resource."""
        api.sandbox.ask("switches", {"versions_of_a_write": "each"})
        api.do("pay", order=order["id"])
        shipped = api.do("ship", order=order["id"])

        assert shipped["version"] == 6
        assert [row["resourceVersion"] for row in api.told(order["id"])] == [1, 2, 3, 4, 5, 6]

    def test_each_condition_finds_what_it_means(self, api: Api, order: dict[str, Any]):
        """Time, type, resource, number and version narrow; what is no field of messages is refused."""
        api.do("pay", order=order["id"])
        since = api.told(order["id"])[1]["createdAt"]

        assert len(api.messages('type in ("OrderCreated", "OrderPaymentStateChanged")')) == 2
        assert len(api.messages('resource(typeId = "order")')) == 2
        assert len(api.messages(f'resource(typeId = "order" and id = "{order["id"]}")')) == 2
        assert len(api.messages(f'createdAt >= "{since}" and resource(typeId = "order")')) == 1
        assert len(api.messages('sequenceNumber > 1 and resource(typeId = "order")')) == 1
        assert len(api.messages('resourceVersion = 2 and resource(typeId = "order")')) == 1
        stamps = [row["createdAt"] for row in api.messages()]
        assert stamps == sorted(stamps)
        refused = api.send("GET", "/messages", where='order(id = "x")')
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "InvalidInput")

    def test_messages_have_a_scope_of_their_own(self, api: Api, shop_url: str):
        """Who may read orders may read carts, and not messages."""
        data = {"grant_type": "client_credentials", "scope": f"view_orders:{PROJECT}"}
        answer = requests.post(f"{shop_url}/oauth/token", auth=("sandbox", "sandbox"), data=data, timeout=10)
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

        got = [
            requests.get(f"{shop_url}/{PROJECT}/{path}", headers=headers, timeout=10).status_code
            for path in ("orders", "carts", "messages")
        ]
        assert got == [200, 200, 403]
        assert api.send("POST", "/messages", json={}).status_code == 404

    def test_lists_have_a_scope_of_their_own(self, api: Api, shop_url: str):
        """Who may read shopping lists may read neither orders nor carts, nor the other way about."""
        row = api.do("list")
        for scope, expected in (("view_shopping_lists", [200, 200, 403]), ("view_orders", [403, 403, 200])):
            data = {"grant_type": "client_credentials", "scope": f"{scope}:{PROJECT}"}
            answer = requests.post(
                f"{shop_url}/oauth/token", auth=("sandbox", "sandbox"), data=data, timeout=10
            )
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

            got = [
                requests.get(f"{shop_url}/{PROJECT}/{path}", headers=headers, timeout=10).status_code
                for path in ("shopping-lists", f"shopping-lists/{row['id']}", "carts")
            ]
            assert got == expected
        assert api.send("POST", "/shopping-lists", json={}).status_code == 404

    def test_messages_may_be_off(self, api: Api):
        """While they are off none is kept, a query shows none or is refused, and the project says so."""
        api.sandbox.ask("messages", {"enabled": False})
        lost = api.do("sign_up")

        assert api.read("")["messages"] == {"enabled": False, "deleteDaysAfterCreation": 15}
        assert api.messages() == []
        api.sandbox.ask("switches", {"messages_off_query": "refused"})
        refused = api.send("GET", "/messages")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "InvalidOperation")
        api.sandbox.ask("messages", {"enabled": True})
        api.do("edit", customer=lost["id"], first_name="Ada")
        assert api.types(lost["id"]) == ["CustomerFirstNameSet"]

    def test_a_message_may_never_be_shown(self, api: Api, order: dict[str, Any]):
        """What is lost leaves a gap in the numbers of its resource and of no other."""
        api.sandbox.ask("messages/lose", {"resource": order["id"], "times": 1})
        other = api.do("guest_order")
        api.do("pay", order=order["id"])
        api.do("ship", order=order["id"])

        assert [row["sequenceNumber"] for row in api.told(order["id"])] == [1, 3, 4, 5, 6]
        assert [row["sequenceNumber"] for row in api.told(other["id"])] == [1]
        kept = api.sandbox.ask("messages")
        assert [row["type"] for row in kept["messages"] if row["id"] in kept["lost"]] == [
            "OrderPaymentStateChanged"
        ]

    def test_a_message_may_be_shown_late(self, api: Api, order: dict[str, Any]):
        """For some seconds a query shows the later one and not the one before."""
        api.sandbox.ask("messages/lose", {"resource": order["id"], "times": 1, "seconds": 0.6})
        api.do("pay", order=order["id"])
        api.do("cancel", order=order["id"])

        assert [row["sequenceNumber"] for row in api.told(order["id"])] == [1, 3]
        time.sleep(0.7)
        assert [row["sequenceNumber"] for row in api.told(order["id"])] == [1, 2, 3]

    def test_a_message_is_seen_as_late_as_its_write(self, api: Api):
        """A write that queries see late has messages that they see late."""
        late = api.do("sign_up", visible_after_seconds=60)

        assert api.types(late["id"]) == []

    def test_any_message_can_be_put(self, api: Api):
        """Unknown types, no payload and times to come are shown as they were put."""
        body = {
            "type": "MoonRisen", "resource": {"typeId": "moon", "id": "m1"},
            "createdAt": "2099-01-01T00:00:00.000Z", "resourceVersion": None,
        }  # fmt: skip
        row = api.sandbox.ask("messages/put", {"body": body})

        assert api.told("m1") == [row]
        assert row.keys() == {
            "id", "version", "type", "resource", "createdAt", "lastModifiedAt", "sequenceNumber",
        }  # fmt: skip

    def test_a_payload_may_be_left_out(self, api: Api):
        """By the switch messages say that something happened and not what."""
        api.sandbox.ask("switches", {"payload_omitted": 1})
        row = api.do("sign_up")

        assert "customer" not in api.told(row["id"])[0]

    def test_what_is_older_than_messages_are_kept_has_none(self, api: Api):
        """A made-up past of a year has messages of its last days only."""
        api.sandbox.ask("shop/fill", {"customers": 60, "orders": 60, "seed": 1})

        assert 0 < len(api.messages('type in ("OrderCreated", "CustomerCreated")')) < 60


class TestTypes:
    def test_what_a_customer_changes_is_told_field_by_field(self, api: Api):
        """Each action has its message with the value before where the vendor tells it; a locale has none."""
        row = api.do("sign_up", group="b2c", email="old@example.org")
        path, address = f"/customers/{row['id']}", row["addresses"][0]
        old_tier = row["custom"]["fields"].get("tier")
        tier = "silver" if old_tier == "gold" else "gold"
        changed = api.update(
            path, 1,
            {"action": "changeEmail", "email": "new@example.org"},
            {"action": "setFirstName", "firstName": "Ada"},
            {"action": "setLocale", "locale": "xx"},
            {"action": "setCustomField", "name": "tier", "value": tier},
            {"action": "changeAddress", "addressId": address["id"], "address": address | {"city": "Rome"}},
        )  # fmt: skip
        api.update(path, 2, {"action": "setCustomField", "name": "tier"})
        api.send("DELETE", path, version=3)

        told = {row["type"]: row for row in api.told(changed["id"])}
        assert list(told) == [
            "CustomerCreated", "CustomerEmailChanged", "CustomerFirstNameSet",
            "CustomerCustomFieldAdded" if old_tier is None else "CustomerCustomFieldChanged",
            "CustomerAddressChanged", "CustomerCustomFieldRemoved", "CustomerDeleted",
        ]  # fmt: skip
        changes = told["CustomerEmailChanged"]
        assert (changes["email"], changes["oldEmail"]) == ("new@example.org", "old@example.org")
        assert told["CustomerAddressChanged"]["addressRoles"] == ["Shipping", "Billing"]
        assert told["CustomerCustomFieldRemoved"]["name"] == "tier"
        assert told["CustomerDeleted"]["email"] == "new@example.org"

    def test_the_life_of_an_order_is_told(self, api: Api, order: dict[str, Any]):
        """States come with those before, deliveries and returns whole; a refund of the order has no message."""
        id_ = order["id"]
        for kind in (
            "pay", "confirm", "ship", "parcel", "track", "deliver", "return_request", "return_receive", "refund",
        ):  # fmt: skip
            changed = api.do(kind, order=id_)
        (first, _) = changed["shippingInfo"]["deliveries"]
        api.do("parcel", order=id_, delivery=first["id"])
        api.do("delete", order=id_)

        told = api.told(id_)
        assert [row["type"] for row in told] == [
            "OrderCreated", "OrderPaymentStateChanged", "OrderStateChanged", "OrderShipmentStateChanged",
            "DeliveryAdded", "OrderStateTransition", "DeliveryAdded", "ParcelTrackingDataUpdated",
            "OrderShipmentStateChanged", "ReturnInfoAdded", "OrderReturnShipmentStateChanged",
            "ParcelAddedToDelivery", "OrderDeleted",
        ]  # fmt: skip
        assert (told[2]["orderState"], told[2]["oldOrderState"]) == ("Confirmed", "Open")
        assert told[4]["delivery"]["parcels"][0]["trackingData"]["carrier"] == "DHL"
        assert told[9]["returnInfo"]["items"][0]["shipmentState"] == "Advised"
        assert told[10]["returnShipmentState"] == "Returned"
        (item,) = changed["returnInfo"][0]["items"]
        assert (item["shipmentState"], item["paymentState"]) == ("Returned", "Refunded")
        assert told[-1]["order"]["returnInfo"] == changed["returnInfo"]

    def test_states_in_between_have_messages(self, api: Api, order: dict[str, Any]):
        """What was confirmed and complete within one moment has been both, in two versions."""
        row = api.do("confirm_and_complete", order=order["id"])

        states = [m for m in api.told(order["id"]) if m["type"] == "OrderStateChanged"]
        assert [m["orderState"] for m in states] == ["Confirmed", "Complete"]
        assert [m["resourceVersion"] for m in states] == [2, 3] == [row["version"] - 1, row["version"]]

    def test_a_payment_tells_of_its_transactions(self, api: Api, order: dict[str, Any]):
        """A transaction is told whole when it is new, and by its id and state when it is settled."""
        payment = order["paymentInfo"]["payments"][0]["id"]
        api.do("pay", order=order["id"])
        api.do("refund", order=order["id"], cents=100, state="Pending", touches_order=False)
        api.do("settle_refund", order=order["id"])

        told = [
            row for row in api.told(payment) if row["type"].startswith(("PaymentCreated", "PaymentTrans"))
        ]
        assert [row["type"] for row in told] == [
            "PaymentCreated", "PaymentTransactionAdded", "PaymentTransactionAdded",
            "PaymentTransactionStateChanged",
        ]  # fmt: skip
        refund = told[2]["transaction"]
        assert (refund["state"], refund["amount"]["centAmount"]) == ("Pending", 100)
        assert (told[3]["transactionId"], told[3]["state"]) == (refund["id"], "Success")
        assert "transaction" not in told[3]
        assert api.read(f"/orders/{order['id']}")["version"] == 2

    def test_orders_come_in_three_ways(self, api: Api, order: dict[str, Any]):
        """Placed, by schedule and imported, each has a message of its own and no other."""
        scheduled = api.do("recurring_order", customer=order["customerId"])
        imported = api.do("import_order")

        assert api.types(order["id"]) == ["OrderCreated"]
        (told,) = api.told(scheduled["id"])
        assert told["type"] == "OrderCreatedFromRecurringOrder"
        assert told["recurringOrderRef"] == scheduled["recurringOrder"]
        assert scheduled["origin"] == "RecurringOrder"
        (told,) = api.told(imported["id"])
        assert (told["type"], told["createdBy"]["attributedTo"]) == ("OrderImported", {"source": "Import"})
        assert "cart" not in imported

    def test_what_goes_by_its_age_goes_in_silence(self, api: Api, order: dict[str, Any]):
        """A deletion by age has no message, like that of carts and payments, which never have one."""
        cart = api.do("cart", email="guest@example.org")
        payment = order["paymentInfo"]["payments"][0]["id"]
        api.do("delete", order=order["id"], by_age=True)
        api.do("delete", cart=cart["id"])
        api.do("delete", payment=payment)

        assert api.types(order["id"]) == ["OrderCreated"]
        assert api.types(cart["id"]) == []
        assert api.send("GET", f"/carts/{cart['id']}").status_code == 404
        assert api.send("GET", f"/payments/{payment}").status_code == 404


class TestCarts:
    def test_a_cart_becomes_an_order(self, api: Api):
        """Its lines are copied with their ids, it is Ordered, and the order names it."""
        customer = api.do("sign_up", email="ann@example.org")
        cart = api.do("cart", customer=customer["id"], goods=[["shoe", 1], ["mug", 2]], country="DE")
        assert (cart["cartState"], cart["origin"], cart["customerEmail"]) == (
            "Active", "Customer", "ann@example.org",
        )  # fmt: skip
        assert cart["totalPrice"]["centAmount"] == 5900 + 2 * 1290
        assert not {"taxedPrice", "shippingAddress", "shippingInfo"} & cart.keys()
        for kind in ("checkout_address", "checkout_shipping", "checkout_payment"):
            cart = api.do(kind, cart=cart["id"])
        assert cart["totalPrice"]["centAmount"] == 5900 + 2 * 1290 + 490
        assert cart["taxedPrice"]["totalGross"] == cart["totalPrice"]

        order = api.do("order_cart", cart=cart["id"])

        assert order["cart"] == {"typeId": "cart", "id": cart["id"]}
        assert (order["lineItems"], order["paymentInfo"]) == (cart["lineItems"], cart["paymentInfo"])
        assert order["totalPrice"] == cart["totalPrice"]
        assert api.read(f"/carts/{cart['id']}")["cartState"] == "Ordered"
        assert [row["what"] for row in api.happened()] == [
            "signed_up", "cart_created", "checkout_address", "checkout_shipping", "checkout_payment",
            "order_placed",
        ]  # fmt: skip

    def test_an_order_does_what_the_checkout_lacks(self, api: Api):
        """A cart of nobody known is ordered with an address, a method, a payment and an e-mail."""
        cart = api.do("cart")
        assert "customerEmail" not in cart
        order = api.do("order_cart", cart=cart["id"], is_paid=True)

        assert {"shippingAddress", "shippingInfo", "customerEmail"} <= order.keys()
        assert order["paymentState"] == "Paid"
        assert {row["cart"] for row in api.happened() if row["what"] != "paid"} == {cart["id"]}

    def test_only_a_change_of_goods_is_one(self, api: Api):
        """A recalculation bumps the stamp and changes prices; who is there changes what is in it."""
        cart = api.do("cart", email="guest@example.org", goods=[["shoe", 1]])
        time.sleep(0.01)
        recalculated = api.do("cart_recalculate", cart=cart["id"])
        assert recalculated["lastModifiedAt"] > cart["lastModifiedAt"]
        assert recalculated["totalPrice"]["centAmount"] > cart["totalPrice"]["centAmount"]
        assert api.happened("cart_changed") == []
        (repriced,) = api.happened("cart_repriced")
        assert repriced["amount"]["centAmount"] == recalculated["totalPrice"]["centAmount"]

        changed = api.do("cart_change", cart=cart["id"], goods=[["shoe", 2], ["mug", 1]])
        emptied = api.do("cart_empty", cart=cart["id"])

        first, second = api.happened("cart_changed")
        assert changed["lineItems"][0]["id"] == cart["lineItems"][0]["id"]
        assert first["amount"]["centAmount"] == changed["totalPrice"]["centAmount"]
        assert (emptied["lineItems"], second["amount"]["centAmount"]) == ([], 0)
        assert (first["email"], first["cart"]) == ("guest@example.org", cart["id"])
        assert (first["units"], second["units"]) == (3, 0)

    def test_what_a_buyer_says_again_is_a_touch(self, api: Api):
        """Another address for goods, or another e-mail, is no new step of the checkout, but somebody was there."""
        cart = api.do("cart", email="guest@example.org")
        for email in ("guest@example.org", "other@example.org"):
            api.do("checkout_address", cart=cart["id"], email=email)

        assert [row["what"] for row in api.happened()] == ["cart_created", "checkout_address", "cart_touched"]

    def test_a_cart_says_whose_it_is_and_what_it_costs(self, api: Api):
        """Carts that nobody fills are told apart by their origin, and once tax is known it is in the amount."""
        api.do("cart", email="guest@example.org", origin="RecurringOrder", store="ch")
        cart = api.do("cart", email="guest@example.org", country="DE")
        taxed = api.do("checkout_address", cart=cart["id"])

        recurring, _, stepped = api.happened()
        assert (recurring["origin"], recurring["store"], stepped["origin"]) == (
            "RecurringOrder", "ch", "Customer",
        )  # fmt: skip
        assert stepped["amount"]["centAmount"] == taxed["taxedPrice"]["totalGross"]["centAmount"]

    def test_thrown_changes_are_always_changes(self, api: Api):
        """Whatever the dice say, other goods are in the cart than before."""
        cart = api.do("cart", email="guest@example.org")
        for _ in range(12):
            api.do("cart_change", cart=cart["id"])

        assert len(api.happened("cart_changed")) == 12

    def test_carts_end_in_other_ways_too(self, api: Api):
        """One is merged into another, one is signed for, one is frozen, which alone has a message."""
        customer = api.do("sign_up")
        own = api.do("cart", customer=customer["id"], goods=[["shoe", 1]], country="DE")
        nobodys = api.do("cart", goods=[["mug", 1]], country="DE")
        merged = api.do("cart_merge", cart=nobodys["id"], into=own["id"])
        other = api.do("cart_sign_in", cart=api.do("cart")["id"], customer=customer["id"])
        frozen = api.do("cart_freeze", cart=other["id"])

        assert merged["cartState"] == "Merged"
        assert [row["productKey"] for row in api.read(f"/carts/{own['id']}")["lineItems"]] == ["shoe", "mug"]
        assert (other["customerId"], "anonymousId" in other) == (customer["id"], False)
        assert frozen["cartState"] == "Frozen"
        assert api.types(frozen["id"]) == ["CartFrozen"]
        assert api.types(merged["id"]) == api.types(own["id"]) == []
        turns = api.happened("cart_merged", "cart_signed_in", "cart_frozen", "cart_changed")
        assert [(row["what"], row["id"]) for row in turns] == [
            ("cart_changed", own["id"]), ("cart_merged", nobodys["id"]),
            ("cart_signed_in", other["id"]), ("cart_frozen", frozen["id"]),
        ]  # fmt: skip
        assert turns[0]["units"] == 2

    def test_carts_outlive_their_customer(self, api: Api):
        """When somebody is deleted the cart stays and names nobody."""
        customer = api.do("sign_up")
        cart = api.do("cart", customer=customer["id"])
        api.do("delete", customer=customer["id"])

        assert "customerId" not in api.read(f"/carts/{cart['id']}")
        assert [row["what"] for row in api.happened()] == ["signed_up", "cart_created", "customer_deleted"]

    def test_carts_are_queried_like_all_else(self, api: Api):
        """Those that may be abandoned are found by state, content and time."""
        for kind in ("cart_empty", "cart_freeze", "cart_recalculate"):
            row = api.do(kind, cart=api.do("cart", email="guest@example.org")["id"])

        where = 'cartState = "Active" and lineItems is not empty and lastModifiedAt >= :t'
        found = api.send("GET", "/carts", where=where, **{"var.t": row["createdAt"]}).json()["results"]
        assert [each["id"] for each in found] == [row["id"]]
        assert len(api.sandbox.ask("state")["carts"]) == 3
        assert "messages" not in api.sandbox.ask("state")


class TestShoppingLists:
    def test_a_list_of_a_customer(self, api: Api):
        """It names its customer and its store, and of each line product, variant, quantity and since when."""
        customer = api.do("sign_up", email="ann@example.org")
        row = api.do(
            "list", customer=customer["id"], store="de", goods=[["shoe", 2], ["mug", 1, 2], ["book", 1, None]]
        )

        assert row["customer"] == {"typeId": "customer", "id": customer["id"]}
        assert (row["store"], row["version"]) == ({"typeId": "store", "key": "de"}, 1)
        assert (row["textLineItems"], "anonymousId" in row, "customerId" in row) == ([], False, False)
        lines = row["lineItems"]
        assert [(each["quantity"], each.get("variantId")) for each in lines] == [(2, 1), (1, 2), (1, None)]
        assert {each["addedAt"][:16] for each in lines} == {row["createdAt"][:16]}
        assert all({"id", "name", "productId", "productType", "published"} <= each.keys() for each in lines)
        assert not any({"variant", "sku", "productSlug", "price"} & each.keys() for each in lines)
        product = api.read(f"/product-projections/{lines[0]['productId']}")
        assert product["key"] == "shoe"

    def test_what_is_added_once_more_is_no_new_line(self, api: Api):
        """Of the same variant it is a greater quantity; another variant, and one that is left open, are lines of their own."""
        row = api.do("list", goods=[["shoe", 1]])
        for goods in (["shoe", 2], ["shoe", 1, 2], ["shoe", 1, None], ["mug", 1]):
            row = api.do("list_add", list=row["id"], goods=[goods])

        assert [(each["quantity"], each.get("variantId")) for each in row["lineItems"]] == [
            (3, 1), (1, 2), (1, None), (1, 1),
        ]  # fmt: skip
        assert row["version"] == 5

    def test_lines_change_and_go(self, api: Api):
        """A line gets another quantity and keeps its id and time; one that comes back is another."""
        row = api.do("list", goods=[["shoe", 1], ["mug", 1]])
        shoe = row["lineItems"][0]
        changed = api.do("list_change", list=row["id"], item=shoe["id"], quantity=4)
        removed = api.do("list_remove", list=row["id"], item=shoe["id"])
        again = api.do("list_add", list=row["id"], goods=[["shoe", 1]])

        assert changed["lineItems"][0] == shoe | {"quantity": 4}
        assert [each["name"]["en-GB"] for each in removed["lineItems"]] == ["Mug"]
        assert shoe["id"] not in {each["id"] for each in again["lineItems"]}

    def test_a_list_of_nobody_becomes_somebodys(self, api: Api):
        """A list of an anonymous session names none until the shop has it name one, and keeps its lines."""
        customer = api.do("sign_up", email="ann@example.org")
        row = api.do("list", goods=[["shoe", 1]])
        assert "customer" not in row

        own = api.do("list_sign_in", list=row["id"], customer=customer["id"])

        assert own["customer"]["id"] == customer["id"]
        assert "anonymousId" not in own
        assert own["lineItems"] == row["lineItems"]

    def test_the_log_says_what_happened_to_it(self, api: Api):
        """Every line that comes, changes or goes is in the log, with whose list it is on by then."""
        customer = api.do("sign_up", email="ann@example.org")
        row = api.do("list", goods=[["shoe", 1]])
        item = row["lineItems"][0]["id"]
        api.do("list_change", list=row["id"], item=item)
        api.do("list_sign_in", list=row["id"], customer=customer["id"])
        api.do("list_add", list=row["id"], goods=[["mug", 1]])
        api.do("list_remove", list=row["id"], item=item)
        api.do("delete", list=row["id"])

        rows = [each for each in api.happened() if each["resource"] == "shopping-list"]
        assert [(each["what"], each.get("email")) for each in rows] == [
            ("list_created", None), ("list_item_added", None), ("list_item_changed", None),
            ("list_signed_in", "ann@example.org"), ("list_item_added", "ann@example.org"),
            ("list_item_removed", "ann@example.org"), ("list_deleted", "ann@example.org"),
        ]  # fmt: skip
        assert {each["list"] for each in rows} == {row["id"]}
        assert [each["item"] == item for each in rows if "item" in each] == [True, True, False, True]
        assert {each["historical"] for each in rows} == {False}

    def test_what_is_brought_from_elsewhere_is_historical(self, api: Api):
        """A line that is said to be there for long is of the past, on a list of now."""
        api.do("list", goods=[["shoe", 1]], added="2020-01-01T00:00:00.000Z")

        assert [(each["what"], each["historical"]) for each in api.happened()] == [
            ("list_created", False), ("list_item_added", True),
        ]  # fmt: skip

    def test_messages_tell_of_lines_and_stores(self, api: Api):
        """What comes and goes has a message with the line, and a store has; the list itself has none."""
        row = api.do("list", goods=[["shoe", 1]])
        assert api.types(row["id"]) == []
        added = api.do("list_add", list=row["id"], goods=[["mug", 1]])
        api.do("list_change", list=row["id"], item=row["lineItems"][0]["id"])
        api.do("list_remove", list=row["id"], item=added["lineItems"][1]["id"])
        store = {"typeId": "store", "key": "ch"}
        api.sandbox.change("shopping-list", row["id"], store=store)
        told = api.told(row["id"])
        api.do("delete", list=row["id"])

        assert [each["type"] for each in told] == [
            "ShoppingListLineItemAdded", "ShoppingListLineItemRemoved", "ShoppingListStoreSet",
        ]  # fmt: skip
        assert told[0]["lineItem"] == told[1]["lineItem"] == added["lineItems"][1]
        assert told[2]["store"] == store
        assert told[0]["resource"] == {"typeId": "shopping-list", "id": row["id"]}
        assert len(api.told(row["id"])) == 3
        assert api.send("GET", f"/shopping-lists/{row['id']}").status_code == 404

    def test_lists_are_queried_like_all_else(self, api: Api):
        """Customer, store and time narrow; more than 500 and what is no field of lists are refused."""
        customer = api.do("sign_up")
        api.do("list", store="ch")
        own = api.do("list", customer=customer["id"], store="de")
        for where in (
            f'customer(id = "{customer["id"]}")',
            'store(key = "de")',
            "anonymousId is not defined",
        ):
            found = api.send("GET", "/shopping-lists", where=where).json()["results"]
            assert [each["id"] for each in found] == [own["id"]]

        for params in ({"limit": 501}, {"offset": 10_001}, {"where": 'customerId = "x"'}):
            refused = api.send("GET", "/shopping-lists", **params)
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "InvalidInput")
        page = api.send("GET", "/shopping-lists", limit=1, sort="id asc").json()
        assert (page["limit"], page["offset"], page["count"], page["total"]) == (1, 0, 1, 2)
        assert api.read("")["shoppingLists"] == {"deleteDaysAfterLastModification": 360}


class TestHappened:
    def test_it_says_who_what_and_when(self, api: Api, order: dict[str, Any]):
        """An entry has the instant of the write, the ids, the address and the amount."""
        signed_up, placed = api.happened()

        assert signed_up["what"] == "signed_up"
        assert placed == {
            "what": "order_placed", "at": order["createdAt"], "resource": "order", "id": order["id"],
            "order": order["id"], "cart": order["cart"]["id"], "customer": signed_up["id"],
            "email": "ann@example.org", "origin": "Customer", "historical": False, "version": 1,
            "store": order["store"]["key"],
            "amount": {
                name: order["totalPrice"][name] for name in ("currencyCode", "centAmount", "fractionDigits")
            },
        }  # fmt: skip

    def test_each_parcel_is_shipped_and_delivered(self, api: Api, order: dict[str, Any]):
        """Two parcels are shipped one by one and delivered together; without any, the order is."""
        api.do("pay", order=order["id"])
        for kind in ("ship", "parcel", "deliver"):
            row = api.do(kind, order=order["id"])
        parcels = [parcel["id"] for each in row["shippingInfo"]["deliveries"] for parcel in each["parcels"]]
        bare = api.do("guest_order")
        for state in ("Shipped", "Delivered"):
            version = api.read(f"/orders/{bare['id']}")["version"]
            change = {"action": "changeShipmentState", "shipmentState": state}
            api.update(f"/orders/{bare['id']}", version, change)

        shipped, delivered = api.happened("shipped"), api.happened("delivered")
        assert [row.get("parcel") for row in shipped] == [*parcels, None]
        assert [row.get("parcel") for row in delivered] == [*parcels, None]
        assert [row["order"] for row in delivered] == [order["id"]] * 2 + [bare["id"]]

    def test_money_goes_back_only_when_it_did(self, api: Api, order: dict[str, Any]):
        """A refund under way is none, a failed one never is, and the order need not hear of any."""
        id_, payment = order["id"], order["paymentInfo"]["payments"][0]["id"]
        api.do("pay", order=id_)
        before = api.read(f"/orders/{id_}")
        for cents, state in ((100, "Pending"), (50, "Initial"), (30, "Success")):
            api.do("refund", order=id_, cents=cents, state=state, touches_order=False)
        assert [row["amount"]["centAmount"] for row in api.happened("refunded")] == [30]

        settled = api.do("settle_refund", payment=payment)
        api.do("fail_refund", order=id_)
        api.do("chargeback", order=id_, cents=20)

        back = api.happened("refunded", "chargeback")
        assert [(row["what"], row["amount"]["centAmount"]) for row in back] == [
            ("refunded", 30), ("refunded", 100), ("chargeback", 20),
        ]  # fmt: skip
        assert (back[1]["transaction"], back[1]["at"]) == ("transaction-3", settled["lastModifiedAt"])
        assert {(row["order"], row["id"], row["email"]) for row in back} == {
            (id_, payment, "ann@example.org")
        }
        assert api.read(f"/orders/{id_}") == before

    def test_a_payment_fails_and_is_made_good(self, api: Api, order: dict[str, Any]):
        """A failed charge is said with its transaction, and the order can be paid after."""
        api.do("fail_payment", order=order["id"])
        api.do("pay", order=order["id"])

        failed, paid = api.happened("payment_failed", "paid")
        assert (failed["what"], failed["transaction"]) == ("payment_failed", "transaction-2")
        assert (paid["what"], paid["order"]) == ("paid", order["id"])

    def test_what_comes_back_is_said_item_by_item(self, api: Api, order: dict[str, Any]):
        """A return is asked for, then received."""
        asked = api.do("return_request", order=order["id"])
        api.do("return_receive", order=order["id"])

        (item,) = asked["returnInfo"][0]["items"]
        rows = api.happened("return_requested", "return_received")
        assert [(row["what"], row["item"]) for row in rows] == [
            ("return_requested", item["id"]), ("return_received", item["id"]),
        ]  # fmt: skip

    def test_no_two_returns_have_one_id(self, api: Api, order: dict[str, Any]):
        """What comes back of one order is not called as what comes back of another."""
        for each in (order, api.do("guest_order")):
            api.do("return_request", order=each["id"])

        items = {row["item"] for row in api.happened("return_requested")}
        assert len(items) == 2

    def test_an_order_that_begins_further_on_says_so(self, api: Api, order: dict[str, Any]):
        """One that is complete and delivered when it is first there has all of that happen then."""
        body = {name: value for name, value in order.items() if name not in ("id", "version")}
        stale = len(api.happened())
        put = api.sandbox.put("order", **body | {"orderState": "Complete", "shipmentState": "Delivered"})

        assert [(row["what"], row["id"], row["version"]) for row in api.happened()[stale:]] == [
            (what, put["id"], 1) for what in ("order_placed", "order_completed", "delivered")
        ]  # fmt: skip

    def test_an_address_is_the_customers_of_then(self, api: Api, order: dict[str, Any]):
        """A change of it is said with what it was, and what happens after names the new one."""
        api.do("change_email", customer=order["customerId"], email="new@example.org")
        api.do("pay", order=order["id"])

        changed, paid = api.happened("email_changed", "paid")
        assert (changed["was"], changed["email"], paid["email"]) == (
            "ann@example.org", "new@example.org", "new@example.org",
        )  # fmt: skip

    def test_its_clock_may_go_ahead(self, api: Api):
        """By the switch stamps and the time that answers tell are of another day."""
        before = api.do("guest_order")
        api.sandbox.ask("switches", {"ahead_seconds": 86400})
        after = api.do("guest_order")

        told = parsedate_to_datetime(api.send("GET", "/orders").headers["Date"])
        assert datetime.fromisoformat(after["createdAt"]) - told < timedelta(minutes=1)
        assert told - datetime.fromisoformat(before["createdAt"]) > timedelta(hours=23)
        assert api.happened()[-1]["at"] == after["createdAt"]

    def test_the_past_and_imports_are_historical(self, api: Api):
        """What fill made and what was imported says so, and what came after does not."""
        api.sandbox.ask("shop/fill", {"customers": 5, "orders": 20, "seed": 1, "paid": 1.0})
        api.do("import_order")
        api.do("guest_order")

        rows = api.happened()
        assert {row["historical"] for row in rows[:-1]} == {True}
        assert (rows[-1]["what"], rows[-1]["historical"]) == ("order_placed", False)

    def test_messages_and_log_agree(self, api: Api):
        """In a rich life every message of a kind has its entry, with its resource and instant."""
        api.sandbox.ask("shop/step", {"count": 600, "seed": 3, "besides": "everything"})
        api.sandbox.ask("switches", {"late_visible_share": 0})
        messages, rows = api.sandbox.ask("messages")["messages"], api.happened()
        pairs = {
            "CustomerCreated": "signed_up", "OrderCreated": "order_placed", "DeliveryAdded": "shipped",
            "OrderImported": "order_placed", "OrderCreatedFromRecurringOrder": "order_placed",
        }  # fmt: skip

        told = Counter((pairs[m["type"]], m["resource"]["id"], m["createdAt"]) for m in messages if m["type"] in pairs)  # fmt: skip
        seen = Counter((r["what"], r["id"], r["at"]) for r in rows if r["what"] in pairs.values())
        assert told == seen
        cancelled = [m for m in messages if m.get("orderState") == "Cancelled"]
        assert len(cancelled) == sum(r["what"] == "order_cancelled" for r in rows) > 0
        assert {r["what"] for r in rows} >= {
            "signed_up", "cart_created", "cart_changed", "checkout_address", "checkout_shipping",
            "checkout_payment", "order_placed", "order_confirmed", "order_completed", "order_cancelled",
            "paid", "payment_failed", "shipped", "delivered", "return_requested", "return_received",
            "refunded", "list_created", "list_item_added", "list_item_removed", "list_signed_in",
        }  # fmt: skip

    def test_who_is_there_does_not_depend_on_what_happens_besides(self, api: Api, further: Api):
        """Carts come on top: the same people order the same things with them and without."""
        seen = []
        for each, besides in ((api, "nothing"), (further, "carts")):
            each.sandbox.ask("shop/fill", {"customers": 10, "orders": 10, "seed": 2})
            each.sandbox.ask("shop/step", {"count": 100, "seed": 5, "besides": besides})
            log = each.sandbox.log()
            assert any(row["resource"] == "cart" for row in log) is (besides == "carts")
            seen.append(
                [(row["kind"], row["id"], row["version"]) for row in log if row["resource"] != "cart"]
            )

        assert seen[0] == seen[1]
