"""
The look-alikes and our clients against the vendors' own examples, both ways.

Schemas alone would accept an empty object, so keys and JSON types of the *examples* are
compared.  Every difference stands in ``differences.toml`` with its reason; one that is
no longer there must be taken out, so that the list can only shrink.
"""

import json
import time
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from shared import example, shape, vendor_file
from world import World

from ct_ac_sync.domain.identity import Address
from ct_ac_sync.ports import Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record

TOKEN = {"Api-Token": "sandbox-token"}

#: Operation of the look-alike → path and method in the vendor's document, status of the example.
OPERATIONS = {
    "users_me": ("/users/me", "get", "200"),
    "sync_contact": ("/contact/sync", "post", "201"),
    "list_contacts": ("/contacts", "get", "200"),
    "update_contact": ("/contacts/{id}", "put", "200"),
    "import_contacts": ("/import/bulk_import", "post", "200"),
    "list_imports": ("/import/bulk_import", "get", "200"),
    "read_import": ("/import/info", "get", "200"),
    "list_fields": ("/fields", "get", "200"),
    "create_field": ("/fields", "post", "201"),
    "relate_field": ("/fieldRels", "post", "201"),
    "list_connections": ("/connections", "get", "200"),
    "create_connection": ("/connections", "post", "200"),
    "list_customers": ("/ecomCustomers", "get", "200"),
    "update_customer": ("/ecomCustomers/{id}", "put", "200"),
    "list_field_values": ("/fieldValues", "get", "200"),
}

#: Of these our client sends a body.
SENT = (
    "sync_contact",
    "update_contact",
    "import_contacts",
    "create_field",
    "relate_field",
    "create_connection",
    "update_customer",
)


@cache
def _document() -> Any:
    return json.loads(vendor_file("specs", "activecampaign-v3.openapi.json").read_text("utf-8"))


def _differences() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "differences.toml").read_text("utf-8"))


def _lived(world: World) -> World:
    """Let the product use every operation once."""
    world.shop.ask("shop/fill", {"customers": 30, "orders": 3, "seed": 2})
    world.run()
    world.box.destination.check()
    customer = world.shop.do("sign_up", email="one@example.org")
    world.shop.do("order", customer=customer["id"])
    world.run()
    world.shop.do("change_email", customer=customer["id"], email="two@example.org")
    world.run()
    world.box.destination.has_outstanding_imports()
    world.box.destination.find_contact(Address("two@example.org"))
    time.sleep(0.1)
    requests.get(f"{world.account.url}/api/3/fieldValues", headers=TOKEN, timeout=5)
    return world


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


@pytest.fixture(name="calls")
def _calls(world: World) -> dict[str, dict[str, Any]]:
    """Give the last good call of each operation, as the look-alike logged it."""
    _document()
    calls = _lived(world).account.ask("calls")["calls"]
    return {call["operation"]: call for call in calls if call["status"] in (200, 201)}


def test_answers_and_requests_are_as_documented(calls: dict[str, dict[str, Any]]):
    """Each difference between look-alike or client and the vendor's examples has its reason."""
    found: dict[str, set[str]] = {}
    for operation, (path, method, status) in OPERATIONS.items():
        documented = _document()["paths"][path][method]
        answer = shape(calls[operation]["answer_body"])
        found[f"{operation} answer"] = _compare(
            answer, shape(example(documented, status=status)), both_ways=True
        )
        if operation in SENT:
            body = shape(calls[operation]["request_body"])
            found[f"{operation} request"] = _compare(body, shape(example(documented)), both_ways=False)

    listed = {name: set(rows) for name, rows in _differences().items()}
    surplus = {name: sorted(rows - listed.get(name, set())) for name, rows in found.items()}
    stale = {name: sorted(rows - found.get(name, set())) for name, rows in listed.items()}

    assert {k: v for k, v in surplus.items() if v} == {}
    assert {k: v for k, v in stale.items() if v} == {}


def test_every_difference_has_a_reason():
    """A difference without a reason is a mistake."""
    assert all(reason.strip() for rows in _differences().values() for reason in rows.values())


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
    """What the look-alike shop makes has the JSON types of the documentation's example."""
    body = json.loads(
        vendor_file("fixtures", "commercetools", "docs", f"{name}.example.json").read_text("utf-8")
    )
    made, documented = shape(world.shop.do(kind)), shape(body)

    wrong = {
        p: (made[p], documented[p])
        for p in made.keys() & documented.keys()
        if not _fits(made[p], documented[p])
    }
    assert wrong == {}
