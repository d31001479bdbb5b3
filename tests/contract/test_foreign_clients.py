"""
Clients that nobody here wrote judge the look-alike of ActiveCampaign.

The schemas of tap-activecampaign were made from real answers; activecampaign-python calls
as its author read the documentation.  Each runs in an environment of its own.  What the
tap's schemas and our records do not have in common stands in ``differences.toml``.
"""

from typing import Any

import pytest
from account import Account
from foreign import ask_judge
from shared import assert_listed

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
TOKEN = "sandbox-token"
#: Stream of the tap → how many records there are of it.
STREAMS = {
    "contacts": 106,
    "contact_custom_fields": 2,
    "contact_custom_field_rels": 2,
    "contact_custom_field_options": 2,
    "contact_custom_field_values": 105,
    "contact_lists": 1,
    "contact_tags": 101,
    "automations": 2,
    "contact_automations": 101,
    "lists": 1,
    "tags": 101,
    "ecommerce_connections": 1,
    "ecommerce_customers": 2,
    "ecommerce_orders": 3,
    "ecommerce_order_products": 6,
}


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


@pytest.fixture(name="filled")
def _filled(account: Account) -> Account:
    """Give an account with more than a page of contacts, and three orders of one buyer."""
    size = account.field("Size")
    born = account.field("Born", type="datetime")
    _give_options(account, born)
    _give_tags(account, "person0@example.org")
    for number in range(105):
        value = {"field": size, "value": str(number)}
        account.sync(f"person{number}@example.org", firstName="Ida", fieldValues=[value])
    _let_enter(account, "1")
    connection = account.connection("shop")
    for number in ("1", "2", "3"):
        account.order(connection, number, "buyer@example.org")
        account.copied(number)
    return account


@BOTH
def test_the_tap_takes_every_record(filled: Account):
    """A foreign tap pages through each stream, and finds in it what its own schemas say."""
    verdict = ask_judge("tap", filled.url, TOKEN, *STREAMS)

    differing = {f"tap {name}": set(found) for name, found in verdict["differences"].items()}
    assert verdict["records"] == STREAMS
    assert verdict["invalid"] == []
    assert "unknown" not in filled.counts()
    assert_listed(differing, prefix="tap ")


def _give_options(account: Account, field: str) -> None:
    """Give a field two options, at the path where this account takes them."""
    path = account.ask("switches")["options_path"]["value"]
    rows = [
        {"orderid": n, "value": v, "label": v, "isdefault": False, "field": field}
        for n, v in enumerate("ab", 1)
    ]
    account.post(f"/{path}/bulk", {"fieldOptions": rows})


def _let_enter(account: Account, contact: str) -> None:
    """Let a contact run through an automation more often than a page holds."""
    first, _ = (account.ask("automations", {"name": name})["id"] for name in ("Welcome", "Farewell"))
    entry = {"contactAutomation": {"contact": contact, "automation": first}}
    for _ in range(101):
        account.post("/contactAutomations", entry)
    account.ask("automations/leave", {"contact": contact, "automation": first})


def _give_tags(account: Account, email: str) -> None:
    """Give a contact a list and more than a page of tags."""
    known = {"name": "News", "stringid": "news", "sender_url": "u", "sender_reminder": "r"}
    list_ = account.post("/lists", {"list": known})["list"]["id"]
    account.post("/listGroups", {"listGroup": {"listid": int(list_), "groupid": 3}})
    row = {"email": email, "tags": [f"tag {n}" for n in range(101)], "subscribe": [{"listid": int(list_)}]}
    account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])


@pytest.fixture(name="answers")
def _answers(account: Account) -> dict[str, Any]:
    """Give what a foreign client was answered, call by call."""
    connection = account.connection("shop")
    account.order(connection, "1", "buyer@example.org")
    return dict(ask_judge("client", account.url, TOKEN, account.copied("1")["id"]))


def _refusals(answer: Any) -> list[tuple[str, str]]:
    return [(row.get("code", ""), row["title"]) for row in answer["errors"]]


@BOTH
class TestClient:
    def test_contacts(self, answers: dict[str, Any]):
        """A foreign client creates, reads, renames, finds and deletes contacts."""
        known = answers["sync of a known contact"]["contact"]
        contact = answers["contact"]["contact"]
        renamed = answers["rename"]["contact"]

        assert known["id"] == answers["sync of a new contact"]["contact"]["id"] == contact["id"]
        assert (contact["firstName"], contact["lastName"], contact["phone"]) == ("Ada", "King", "123")
        assert renamed["email"] == "renamed@example.org"
        assert [c["id"] for c in answers["contacts by address"]["contacts"]] == [contact["id"]]
        assert [c["id"] for c in answers["contacts by ids"]["contacts"]] == [renamed["id"]]
        assert [c["id"] for c in answers["contacts by search"]["contacts"]] == [contact["id"]]
        assert answers["deletion"] == {}

    def test_a_misspelt_filter_finds_everybody(self, answers: dict[str, Any]):
        """A filter that the vendor does not know is passed over, and the whole collection comes."""
        found = answers["contacts by a misspelt filter"]

        assert (len(found["contacts"]), found["meta"]["total"]) == (3, "3")

    def test_contacts_are_refused(self, answers: dict[str, Any]):
        """A foreign client is refused in the vendor's shapes: errors, or a message alone."""
        taken = [("duplicate", "Email address already exists in the system")]
        code, _ = _refusals(answers["sync of a bad address"])[0]

        assert _refusals(answers["creation of a taken address"]) == taken
        assert _refusals(answers["rename to a taken address"]) == taken
        assert answers["sync without an address"]["errors"][0]["status"] == 400
        assert code == "email_invalid"
        assert answers["unknown contact"] == {"message": "No Result found for Subscriber with id 99999"}
        assert "No Result found" in answers["deleted contact"]["message"]
        assert "No result found for contact" in answers["deletion of nobody"]["message"]
        assert answers["refused key"] in ({"message": "Forbidden"}, {"message": "Unauthorized"})

    def test_fields(self, answers: dict[str, Any]):
        """A foreign client makes a field, relates it to all lists, and writes, reads and clears a value."""
        field, value = answers["field"], answers["new value"]["fieldValue"]

        assert (field["field"]["perstag"], field["fieldRels"][0]["relid"]) == ("SHOESIZE", "0")
        assert answers["relation"]["fieldRel"]["relid"] == 0
        assert answers["the same value again"]["fieldValue"]["id"] == value["id"]
        assert answers["changed value"]["fieldValue"]["value"] == "44"
        assert [v["value"] for v in answers["values"]["fieldValues"]] == ["44"]
        assert answers["values of the contact"]["fieldValues"] == [answers["value"]["fieldValue"]]
        assert answers["deleted value"] == {}
        assert answers["value that is gone"]["message"].startswith("No Result found for FieldValue")
        assert _refusals(answers["value of an unknown field"]) == [("field_invalid", "Field id not valid")]
        assert _refusals(answers["field of a taken title"]) == [
            ("duplicate", "There is already a field with this title")
        ]

    def test_shops(self, answers: dict[str, Any]):
        """A foreign client makes, reads, changes and deletes connections and e-commerce customers."""
        made, customer = answers["new connection"]["connection"], answers["customer"]["ecomCustomer"]

        assert answers["connection"]["connection"] == made
        assert answers["renamed connection"]["connection"]["name"] == "Two"
        assert (customer["email"], customer["acceptsMarketing"]) == ("moved@example.org", "1")
        assert (customer["connectionid"], customer["externalid"]) == (made["id"], "7")
        assert answers["deleted customer"] == answers["deleted connection"] == {}
        assert _refusals(answers["the same connection again"])[0][0] == "duplicate"
        assert _refusals(answers["the same customer again"])[0][0] == "duplicate"
        assert _refusals(answers["customer of no connection"])[0][0] == "related_missing"
        assert ("", "The connection service was not provided.") in _refusals(
            answers["connection without a service"]
        )

    def test_orders(self, answers: dict[str, Any], account: Account):
        """A foreign client reads the copy of an order, in cents, and deletes it."""
        order = answers["order"]["ecomOrder"]

        assert (order["totalPrice"], order["shippingAmount"], order["state"]) == ("8480", "490", "1")
        assert answers["deleted order"] == {}
        assert "ecomOrder" not in answers["order that is gone"]
        assert account.ask("state")["copies"] == []

    def test_every_call_finds_a_door(self, answers: dict[str, Any], account: Account):
        """Whatever the foreign client asks, the look-alike has that operation."""
        assert "unknown" not in account.counts()
        assert len(answers) > 40
