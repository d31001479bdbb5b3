"""
The look-alikes and our clients against the vendors' own examples, both ways.

Schemas alone would accept an empty object, so keys and JSON types of the *examples* are
compared.  Every difference stands in ``differences.toml`` with its reason; one that is
no longer there must be taken out, so that the list can only shrink.
"""

import json
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from account import Account
from shared import assert_listed, differences, example, shape, vendor_file
from world import World

from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.ports import Destination, FieldWanted, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record

#: Operation of the look-alike → path and method in the vendor's document, status of the example.
OPERATIONS = {
    "users_me": ("/users/me", "get", "200"),
    "sync_contact": ("/contact/sync", "post", "201"),
    "list_contacts": ("/contacts", "get", "200"),
    "create_contact": ("/contacts", "post", "201"),
    "read_contact": ("/contacts/{id}", "get", "200"),
    "update_contact": ("/contacts/{id}", "put", "200"),
    "delete_contact": ("/contacts/{id}", "delete", "200"),
    "list_contact_field_values": ("/contacts/{id}/fieldValues", "get", "200"),
    "import_contacts": ("/import/bulk_import", "post", "200"),
    "list_imports": ("/import/bulk_import", "get", "200"),
    "read_import": ("/import/info", "get", "200"),
    "list_exclusions": ("/lists/exclusions", "get", "200"),
    "read_exclusion": ("/lists/exclusions/{id}", "get", "200"),
    "list_fields": ("/fields", "get", "200"),
    "create_field": ("/fields", "post", "201"),
    "read_field": ("/fields/{id}", "get", "200"),
    "update_field": ("/fields/{id}", "put", "200"),
    "delete_field": ("/fields/{id}", "delete", "200"),
    "create_options": ("/fieldOption/bulk", "post", "201"),
    "relate_field": ("/fieldRels", "post", "201"),
    "list_tags": ("/tags", "get", "200"),
    "create_tag": ("/tags", "post", "201"),
    "read_tag": ("/tags/{id}", "get", "200"),
    "update_tag": ("/tags/{id}", "put", "200"),
    "delete_tag": ("/tags/{id}", "delete", "200"),
    "add_tag": ("/contactTags", "post", "201"),
    "remove_tag": ("/contactTags/{id}", "delete", "200"),
    "list_lists": ("/lists", "get", "200"),
    "create_list": ("/lists", "post", "200"),
    "read_list": ("/lists/{id}", "get", "200"),
    "link_list": ("/listGroups", "post", "201"),
    "write_membership": ("/contactLists", "post", "200"),
    "list_contact_lists": ("/contacts/{id}/contactLists", "get", "200"),
    "create_webhook": ("/webhooks", "post", "201"),
    "list_webhooks": ("/webhooks", "get", "200"),
    "read_webhook": ("/webhooks/{id}", "get", "200"),
    "update_webhook": ("/webhooks/{id}", "put", "200"),
    "delete_webhook": ("/webhooks/{id}", "delete", "200"),
    "list_webhook_events": ("/webhook/events", "get", "200"),
    "list_field_values": ("/fieldValues", "get", "200"),
    "write_field_value": ("/fieldValues", "post", "200"),
    "read_field_value": ("/fieldValues/{id}", "get", "200"),
    "update_field_value": ("/fieldValues/{id}", "put", "200"),
    "delete_field_value": ("/fieldValues/{id}", "delete", "200"),
    "list_connections": ("/connections", "get", "200"),
    "create_connection": ("/connections", "post", "200"),
    "read_connection": ("/connections/{id}", "get", "200"),
    "update_connection": ("/connections/{id}", "put", "200"),
    "delete_connection": ("/connections/{id}", "delete", "200"),
    "list_customers": ("/ecomCustomers", "get", "200"),
    "create_customer": ("/ecomCustomers", "post", "201"),
    "read_customer": ("/ecomCustomers/{id}", "get", "200"),
    "update_customer": ("/ecomCustomers/{id}", "put", "200"),
    "delete_customer": ("/ecomCustomers/{id}", "delete", "200"),
    "list_orders": ("/ecomOrders", "get", "200"),
    "read_order": ("/ecomOrders/{ecomOrderId}", "get", "200"),
    "delete_order": ("/ecomOrders/{ecomOrderId}", "delete", "200"),
    "create_cart": ("/ecomOrders", "post", "201"),
    "update_cart": ("/ecomOrders/{id}", "put", "200"),
    "list_products_of_order": ("/ecomOrders/{id}/orderProducts", "get", "200"),
    "list_products": ("/ecomOrderProducts", "get", "200"),
    "switch_event_tracking": ("/eventTracking", "put", "200"),
    "read_event_tracking": ("/eventTracking", "get", "200"),
    "list_event_names": ("/eventTrackingEvents", "get", "200"),
    "register_event": ("/eventTrackingEvents", "post", "201"),
    "unregister_event": ("/eventTrackingEvents/{eventName}", "delete", "200"),
    "list_tracking_logs": ("/contacts/{contactId}/trackingLogs", "get", "200"),
    "list_automations": ("/automations", "get", "200"),
    "enter_automation": ("/contactAutomations", "post", "201"),
    "list_runs": ("/contactAutomations", "get", "200"),
    "read_run": ("/contactAutomations/{id}", "get", "200"),
    "remove_run": ("/contactAutomations/{id}", "delete", "200"),
    "list_contact_automations": ("/contacts/{id}/contactAutomations", "get", "200"),
    "count_entries": ("/contacts/{id}/automationEntryCounts", "get", "200"),
}

#: Of these our client sends a body.
SENT = (
    "sync_contact",
    "update_contact",
    "import_contacts",
    "create_field",
    "relate_field",
    "create_options",
    "create_tag",
    "add_tag",
    "create_connection",
    "update_customer",
)

#: What is asked → the operation and status whose example it is answered by, word for word but for
#: ids and names.
REFUSALS = (
    ("GET", "/contacts/99", None, "/contacts/{id}", "404"),
    ("PUT", "/contacts/99", {"contact": {}}, "/contacts/{id}", "404"),
    ("DELETE", "/contacts/99", None, "/contacts/{id}", "404"),
    ("POST", "/contacts", {"contact": {"email": "known@example.org"}}, "/contacts", "422"),
    ("POST", "/fields", {"field": {"title": "Known", "type": "text"}}, "/fields", "422"),
    ("PUT", "/fields/99", {"field": {}}, "/fields/{id}", "403"),
    ("DELETE", "/fields/99", None, "/fields/{id}", "404"),
    ("POST", "/fieldOption/bulk", {}, "/fieldOption/bulk", "422"),
    ("GET", "/tags/99", None, "/tags/{id}", "404"),
    ("DELETE", "/tags/99", None, "/tags/{id}", "404"),
    ("POST", "/contactTags", {"contactTag": {"contact": "99", "tag": "1"}}, "/contactTags", "404"),
    ("POST", "/contactTags", {"contactTag": {"tag": "1"}}, "/contactTags", "422"),
    ("DELETE", "/contactTags/99", None, "/contactTags/{id}", "404"),
    ("GET", "/lists/99", None, "/lists/{id}", "404"),
    ("POST", "/contactLists", {"contactList": {"contact": "99"}}, "/contactLists", "400"),
    ("GET", "/contacts/99/contactLists", None, "/contacts/{id}/contactLists", "404"),
    ("POST", "/listGroups", {"listGroup": {"listid": 99, "groupid": 1}}, "/listGroups", "403"),
    ("PUT", "/webhooks/99", {"webhook": {"name": "x"}}, "/webhooks/{id}", "400"),
    ("GET", "/fieldValues/99", None, "/fieldValues/{id}", "403"),
    ("DELETE", "/fieldValues/99", None, "/fieldValues/{id}", "403"),
    ("GET", "/contacts/99/fieldValues", None, "/contacts/{id}/fieldValues", "404"),
    ("GET", "/import/info", None, "/import/info", "400"),
    ("POST", "/import/bulk_import", {"contacts": [{"email": "ada"}]}, "/import/bulk_import", "400"),
    ("GET", "/lists/exclusions/99", None, "/lists/exclusions/{id}", "404"),
    ("DELETE", "/eventTrackingEvents/none", None, "/eventTrackingEvents/{eventName}", "400"),
    ("GET", "/contacts/99/trackingLogs", None, "/contacts/{id}/trackingLogs", "404"),
    ("POST", "/contactAutomations", {"contactAutomation": {"contact": "1"}}, "/contactAutomations", "403"),
    ("GET", "/contactAutomations/99", None, "/contactAutomations/{id}", "404"),
    ("DELETE", "/contactAutomations/99", None, "/contactAutomations/{id}", "403"),
    ("GET", "/contacts/99/contactAutomations", None, "/contacts/{id}/contactAutomations", "404"),
    ("GET", "/contacts/99/automationEntryCounts", None, "/contacts/{id}/automationEntryCounts", "404"),
)


@cache
def _document() -> Any:
    return json.loads(vendor_file("specs", "activecampaign-v3.openapi.json").read_text("utf-8"))


def _lived(world: World) -> None:
    """Let the product use every operation it has once."""
    world.shop.ask("shop/fill", {"customers": 30, "orders": 3, "seed": 2})
    world.run()
    world.destination.check()
    customer = world.shop.do("sign_up", email="one@example.org")
    world.shop.do("order", customer=customer["id"])
    world.run()
    world.shop.do("change_email", customer=customer["id"], email="two@example.org")
    world.run()
    world.destination.has_outstanding_imports()
    seen = world.destination.find_contact(Address("two@example.org"))
    assert seen is not None
    _tagged(world.destination, seen.contact)


def _tagged(destination: Destination, contact: ContactId) -> None:
    """Let the product make options, and tags that come and go."""
    destination.ensure_layout(
        [FieldWanted(perstag="COLOUR", title="Colour", type="dropdown", options=("red",))]
    )
    call = destination.prepare_tag(contact, destination.ensure_tag("VIP"))
    destination.send(call, deadline=timedelta(seconds=5))
    (tag,) = destination.fetch_tags(contact)
    destination.send(destination.prepare_untag(tag.link), deadline=timedelta(seconds=5))


def _visited(account: Account) -> None:
    """Use every other operation once, and every list when there is something on it."""
    contact, field = account.sync("known@example.org", phone="1"), account.field("Known")
    value = {"contact": int(contact), "field": int(field), "value": "x"}
    place = account.post("/fieldValues", {"fieldValue": value})["fieldValue"]["id"]
    connection = account.connection("known")
    buyer = {"connectionid": connection, "externalid": "7", "email": "buyer@example.org"}
    customer = account.post("/ecomCustomers", {"ecomCustomer": buyer})["ecomCustomer"]["id"]
    account.order(connection, "known", "buyer@example.org")
    order = account.copied("known")["id"]
    account.put(f"/fieldValues/{place}", {"fieldValue": value})
    account.put(f"/connections/{connection}", {"connection": {"name": "Known"}})
    account.put(f"/fields/{field}", {"field": {"title": "Known to all"}})
    tag = account.post("/tags", {"tag": {"tag": "known", "tagType": "contact"}})["tag"]["id"]
    account.put(f"/tags/{tag}", {"tag": {"description": "Known"}})
    known = {"name": "Known", "stringid": "known", "sender_url": "u", "sender_reminder": "r"}
    list_ = account.post("/lists", {"list": known})["list"]["id"]
    account.post("/listGroups", {"listGroup": {"listid": int(list_), "groupid": 1}})
    account.post("/contactLists", {"contactList": {"contact": contact, "list": list_, "status": 1}})
    _hooked(account)
    account.ask("exclusions", {"addresses": ["never@example.org"]})
    for path in (
        "contacts", "fields", "fieldValues", "tags", "lists", "connections", "ecomCustomers", "ecomOrderProducts",
        f"lists/{list_}", f"contacts/{contact}/contactLists",
    ):  # fmt: skip
        account.get(f"/{path}", limit=100)
    _written(account, connection, customer)
    _moved(account, contact)
    account.get("/lists/exclusions")
    account.get("/lists/exclusions/1")
    account.get(f"/contacts/{contact}/fieldValues")
    account.get(f"/ecomOrders/{order}/orderProducts")
    doomed = account.post("/contacts", {"contact": {"email": "doomed@example.org"}})["contact"]["id"]
    for path in (
        f"contacts/{contact}", f"fieldValues/{place}", f"fields/{field}", f"tags/{tag}",
        f"connections/{connection}", f"ecomCustomers/{customer}", f"ecomOrders/{order}",
    ):  # fmt: skip
        account.get(f"/{path}")
        gone = f"contacts/{doomed}" if path.startswith("contacts/") else path
        account.call("DELETE", f"/{gone}")


def _written(account: Account, connection: str, customer: str) -> None:
    """Write an order to the REST side, as the vendor's example does."""
    order = {
        "externalid": "written", "source": "1", "email": "buyer@example.org", "totalPrice": 5900,
        "currency": "EUR", "connectionid": connection, "customerid": customer,
        "externalCreatedDate": "2026-01-01T10:00:00Z", "externalUpdatedDate": "2026-01-01T10:00:00Z",
        "orderNumber": "A-1", "orderUrl": "u", "shippingMethod": "Post",
        "orderDiscounts": [{"name": "1OFF", "type": "order", "discountAmount": 100}],
        "orderProducts": [
            {"externalid": "p", "name": "Shoe", "price": 5900, "quantity": 1}
            | dict.fromkeys(("category", "sku", "description", "imageUrl", "productUrl"), "x")
        ],
    }  # fmt: skip
    id_ = account.post("/ecomOrders", {"ecomOrder": order})["ecomOrder"]["id"]
    account.put(f"/ecomOrders/{id_}", {"ecomOrder": {"totalPrice": 6000}})


def _hooked(account: Account) -> None:
    """Make a webhook, change it, and take it away."""
    hook = {"name": "Known", "url": "http://127.0.0.1:9/", "events": ["reply"], "sources": ["public"]}
    path = f"/webhooks/{account.post('/webhooks', {'webhook': hook})['webhook']['id']}"
    account.put(path, {"webhook": hook})
    for each in ("/webhook/events", "/webhooks", path):
        account.get(each)
    account.call("DELETE", path)


def _moved(account: Account, contact: str) -> None:
    """Track an event of a contact, and take it through an automation."""
    account.put("/eventTracking", {"eventTracking": {"enabled": True}})
    account.get("/eventTracking")
    for name in ("known", "doomed"):
        account.post("/eventTrackingEvents", {"eventTrackingEvent": {"name": name}})
    account.track("known@example.org", "known", "x")
    automation = account.ask("automations", {"name": "Known"})["id"]
    entry = {"contactAutomation": {"contact": contact, "automation": automation}}
    run = account.post("/contactAutomations", entry)["contactAutomation"]["id"]
    for path in (
        "eventTrackingEvents", f"contacts/{contact}/trackingLogs", "automations", "contactAutomations",
        f"contactAutomations/{run}", f"contacts/{contact}/contactAutomations",
        f"contacts/{contact}/automationEntryCounts",
    ):  # fmt: skip
        account.get(f"/{path}")
    account.call("DELETE", "/eventTrackingEvents/doomed")
    account.call("DELETE", f"/contactAutomations/{run}")


def _compare(ours: dict[str, str], theirs: dict[str, str], *, both_ways: bool) -> set[str]:
    # Links are addresses of further doors, which no client of ours follows.
    ours, theirs = ({p: k for p, k in each.items() if ".links" not in p} for each in (ours, theirs))
    found = {
        f"{path}: {ours[path]}, documented {theirs[path]}"
        for path in ours.keys() & theirs.keys()
        if not _fits(ours[path], theirs[path])
    }
    found |= {
        f"{path}: not documented" for path in ours.keys() - theirs.keys() if not _below_missing(path, theirs)
    }
    if both_ways:
        found |= {
            f"{path}: missing" for path in theirs.keys() - ours.keys() if not _below_missing(path, ours)
        }
    return found


def _fits(one: str, other: str) -> bool:
    return one == other or "null" in (one, other)


def _below_missing(path: str, known: dict[str, str]) -> bool:
    """Whether an ancestor is absent, null or an empty list there, so that its absence says it all."""
    parts = path.replace("[]", ".[]").split(".")
    for n in range(1, len(parts)):
        parent = ".".join(parts[:n]).replace(".[]", "[]")
        if parent not in known or known[parent] == "null":
            return True
        if (
            parts[n] == "[]"
            and f"{parent}[]" not in known
            and not any(k.startswith(f"{parent}[]") for k in known)
        ):
            return True
    return False


def _last_good(calls: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {call["operation"]: call for call in calls if call["status"] in (200, 201)}


def test_requests_are_as_documented(world: World):
    """Each difference between what our client sends and the vendor's examples has its reason."""
    document = _document()
    _lived(world)

    calls = _last_good(world.account.ask("calls")["calls"])
    found = {}
    for operation in SENT:
        path, method, _ = OPERATIONS[operation]
        sent = shape(calls[operation]["request_body"])
        theirs = shape(example(document["paths"][path][method]))
        found[f"{operation} request"] = _compare(sent, theirs, both_ways=False)
    assert_listed(found, suffixes=(" request",))


def test_answers_are_as_documented(world: World):
    """Each difference between the look-alike's answers and the vendor's examples has its reason."""
    document = _document()
    _lived(world)
    _visited(Account(world.account.url))

    calls = _last_good(world.account.ask("calls")["calls"])
    found = {}
    for operation, (path, method, status) in OPERATIONS.items():
        theirs = shape(example(document["paths"][path][method], status=status))
        found[f"{operation} answer"] = _compare(
            shape(calls[operation]["answer_body"]), theirs, both_ways=True
        )
    assert_listed(found, suffixes=(" answer",))


def test_refusals_are_as_documented(account_url: str):
    """What is refused is refused in the vendor's words."""
    account = Account(account_url)
    account.sync("known@example.org")
    account.field("Known")
    ours, theirs = {}, {}

    for method, path, body, documented, status in REFUSALS:
        answer = account.call(method, path, body)
        ours[method, path] = (str(answer.status_code), _words(answer.json()))
        shown = example(_document()["paths"][documented][method.lower()], status=status)
        theirs[method, path] = (status, _words(shown))

    assert ours == theirs


def _words(body: Any) -> str:
    """Return a body without numbers, and without the names between quotation marks."""
    return re.sub(r"\d+|(?<= named )'[^']+'", "_", json.dumps(body, sort_keys=True))


def test_every_difference_has_a_reason():
    """A difference without a reason is a mistake."""
    assert all(reason.strip() for rows in differences().values() for reason in rows.values())


ORDERS = sorted(
    p.name for p in (Path(__file__).parents[3] / "shared/fixtures/commercetools/orders").glob("*.json")
)


@pytest.mark.parametrize("name", ORDERS or ["order-with-us-tax.json"])
def test_real_orders_can_be_read(name: str):
    """Orders of a real project are read without a fault."""
    body = json.loads(vendor_file("fixtures", "commercetools", "orders", name).read_text("utf-8"))

    assert getattr(parse_record(Stream.ORDERS, body), "faults", {}) == {}


@pytest.mark.parametrize(
    ("name", "stream"),
    [("customer", "customers"), ("customers", "customers"), ("order", "orders"), ("orders", "orders")],
)
def test_documented_records_can_be_read(name: str, stream: str):
    """The documentation's own customers and orders are read without a fault."""
    body = json.loads(
        vendor_file("fixtures", "commercetools", "docs", f"{name}.example.json").read_text("utf-8")
    )

    for each in body.get("results", [body]):
        assert getattr(parse_record(Stream(stream), each), "faults", {}) == {}


@pytest.mark.parametrize(("kind", "name"), [("sign_up", "customer"), ("guest_order", "order")])
def test_the_shop_makes_what_is_documented(world: World, kind: str, name: str):
    """What the look-alike shop makes has the JSON types of the documentation's example, attributes those of their own."""
    body = json.loads(
        vendor_file("fixtures", "commercetools", "docs", f"{name}.example.json").read_text("utf-8")
    )
    made, documented = shape(world.shop.do(kind)), shape(body)

    wrong = {
        p: (made[p], documented[p])
        for p in made.keys() & documented.keys()
        if not _fits(made[p], documented[p]) and not p.endswith("attributes[].value")
    }
    assert wrong == {}
