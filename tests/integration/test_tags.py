"""
The client and an account over HTTP: tags, types and options of fields, several connections.

Every story is told at both profiles of the look-alike, which answer each question that the
vendor's documentation leaves open in opposite ways.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from account import Account

from ct_ac_sync.clients.activecampaign.destination import ActiveCampaignDestination
from ct_ac_sync.clients.activecampaign.tags import KNOWN_SECONDS, Tags
from ct_ac_sync.domain.contact import Contact, CreationSource, EcommerceOrder, OrderStatus
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import (
    GoneError,
    PayloadError,
    ProvisioningError,
    ServerError,
    TransientError,
    UnclearError,
)
from ct_ac_sync.ports import FieldWanted, Layout, OrderSend, OrdersWritten, TagRemoved, TagWritten
from ct_ac_sync.sandbox.servers import look_alike

pytestmark = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)

DEADLINE = timedelta(seconds=5)
DEFAULT = "demo-shop"
#: Below and above the vendor's page of twenty, and above its greatest of a hundred, twice.
MANY = (21, 101, 250)
COLOURS = FieldWanted(perstag="COLOUR", title="Colour", type="dropdown", options=("red", "green"))


def client_of(url: str) -> ActiveCampaignDestination:
    """Return the product's client of an account."""
    return ActiveCampaignDestination(api_url=url, token="sandbox-token", connection=DEFAULT)


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


@pytest.fixture(name="client")
def _client(account_url: str) -> ActiveCampaignDestination:
    return client_of(account_url)


@pytest.fixture(name="ann")
def _ann(account: Account) -> ContactId:
    return ContactId(account.sync("ann@example.org"))


def names_of(client: ActiveCampaignDestination, contact: ContactId) -> list[str]:
    """Return the names of a contact's tags, as the client reads them."""
    return sorted(tag.name for tag in client.fetch_tags(contact))


def add(client: ActiveCampaignDestination, contact: ContactId, name: str) -> TagWritten:
    """Add a tag by its name."""
    answer = client.send(client.prepare_tag(contact, client.ensure_tag(name)), deadline=DEADLINE)
    assert isinstance(answer, TagWritten)
    return answer


def misspelling(client: ActiveCampaignDestination) -> Tags:
    """Return tags whose filter the account does not understand, and passes over."""

    def load(schema: Any, path: str, params: Any, operation: str) -> Any:
        misspelt = {key.replace("search", "saerch"): value for key, value in params.items()}
        return client._load(schema, path, misspelt, operation)

    return Tags(load, client._write)


def tagged(account: Account, email: str, names: list[str]) -> None:
    """Tag a contact in one import."""
    row = {"email": email, "tags": names}
    account.ended(account.post("/import/bulk_import", {"contacts": [row]})["batchId"])


def shown(account: Account, email: str) -> dict[str, Any]:
    """Return all that a contact has."""
    found: dict[str, Any] = account.ask(f"contact?email={email}")
    return found


def an_order(number: str) -> EcommerceOrder:
    """Return a small order."""
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return EcommerceOrder(
        store_order_id=number, order_number=number, customer_id="c1",
        contact=Contact(email=Address("ann@example.org")), locale="de", status=OrderStatus.COMPLETED,
        store_status="Open", currency="EUR", final_amount=Decimal("9.90"), shipping_amount=Decimal(0),
        discounts_amount=Decimal(0), shipping_method="", created_at=when, modified_at=when, lines=(),
    )  # fmt: skip


class TestEnsuringTags:
    def test_a_tag_is_made_once_and_found_ever_after(
        self, client: ActiveCampaignDestination, account: Account, account_url: str
    ):
        """One process and the next mean the same tag by a name, whatever its case."""
        made = client.ensure_tag("VIP")

        assert client.ensure_tag(" vip ") == client_of(account_url).ensure_tag("Vip") == made
        assert [(tag["tag"], tag["tagType"]) for tag in account.ask("state")["tags"]] == [("VIP", "contact")]
        assert account.counts()["create_tag"] == {"201": 1}

    def test_what_is_known_is_not_asked_again(self, client: ActiveCampaignDestination, account: Account):
        """The second time a tag costs no call."""
        client.ensure_tag("VIP")
        before = account.ask("counts")["total"]

        client.ensure_tag("VIP")

        assert account.ask("counts")["total"] == before

    @pytest.mark.parametrize("is_filtered", [True, False])
    def test_a_name_within_a_name_is_another_tag(
        self, client: ActiveCampaignDestination, account: Account, *, is_filtered: bool
    ):
        """Neither VIP-old nor a template's tag of that name is taken for VIP, whatever comes back."""
        for name, kind in (("VIP-old", "contact"), ("my VIP", "contact"), ("VIP", "template")):
            account.post("/tags", {"tag": {"tag": name, "tagType": kind}})

        made = client.ensure_tag("VIP") if is_filtered else misspelling(client).ensure("VIP")

        tags = {tag["id"]: (tag["tag"], tag["tagType"]) for tag in account.ask("state")["tags"]}
        assert (tags[made], len(tags)) == (("VIP", "contact"), 4)

    @pytest.mark.parametrize("many", MANY)
    def test_a_tag_is_found_among_many_where_the_filter_is_passed_over(
        self, client: ActiveCampaignDestination, account: Account, many: int
    ):
        """A whole collection in place of what was asked for is read to its end, and never its first taken."""
        tagged(account, "ann@example.org", [f"tag {number}" for number in range(many)])

        found = misspelling(client).ensure(f"Tag {many - 1}")

        assert found == str(many)
        assert len(account.ask("state")["tags"]) == many

    @pytest.mark.parametrize("name", ["", "  ", "a,b", ","])
    def test_a_name_that_cannot_be_a_tag_asks_nothing(
        self, client: ActiveCampaignDestination, account: Account, name: str
    ):
        """No tag is empty or has a comma, and no call is made to learn it."""
        with pytest.raises(PayloadError, match="without a comma"):
            client.ensure_tag(name)

        assert account.ask("counts")["total"] == 0

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_lost_answer_makes_no_second_tag(
        self, client: ActiveCampaignDestination, account: Account, when: str
    ):
        """A tag that may have been made is looked up, and else made the next time."""
        account.fault(operation="create_tag", times=1, when=when, reset=True)

        if when == "before":
            with pytest.raises(ServerError):
                client.ensure_tag("VIP")
        made = client.ensure_tag("VIP")

        assert [tag["id"] for tag in account.ask("state")["tags"]] == [made]

    def test_a_name_that_somebody_made_meanwhile_is_theirs(
        self, client: ActiveCampaignDestination, account: Account
    ):
        """Two workers who make one tag get one id, whether the second is answered with it or refused."""
        account.fault(operation="list_tags", times=1, reply='{"tags": [], "meta": {"total": "0"}}')
        theirs = account.post("/tags", {"tag": {"tag": "VIP", "tagType": "contact"}})["tag"]["id"]

        assert client.ensure_tag("VIP") == theirs

    def test_a_refused_name_is_that_tags_fault_alone(
        self, client: ActiveCampaignDestination, account: Account
    ):
        """A tag that the account will not take is refused with its cause, and halts nothing."""
        account.fault(operation="create_tag", status=422, reply='{"errors": [{"title": "Too long"}]}')

        with pytest.raises(PayloadError) as caught:
            client.ensure_tag("x" * 300)

        assert caught.value.cause == "create_tag: too_long"


class TestTagsOfAContact:
    def test_tags_come_and_go(self, client: ActiveCampaignDestination, account: Account, ann: ContactId):
        """What is added is seen under its name with its link, and the link removes it."""
        first, second = add(client, ann, "VIP"), add(client, ann, "Größe: 42")
        links = {tag.name: tag.link for tag in client.fetch_tags(ann)}

        gone = client.send(client.prepare_untag(links["VIP"]), deadline=DEADLINE)

        assert links == {"VIP": first.link, "Größe: 42": second.link}
        assert gone == TagRemoved()
        assert shown(account, "ann@example.org")["tags"] == ["Größe: 42"]

    def test_both_calls_may_be_repeated(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId
    ):
        """A tag added twice is there once, and one removed twice is as gone as once."""
        link = add(client, ann, "VIP").link
        again = add(client, ann, "VIP")
        removals = [client.send(client.prepare_untag(link or ""), deadline=DEADLINE) for _ in range(2)]

        assert again.link in (link, None)
        assert removals == [TagRemoved(), TagRemoved()]
        assert shown(account, "ann@example.org")["tags"] == []
        assert len(account.log("tag_added")) == len(account.log("tag_removed")) == 1

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_an_unclear_end_is_mended_by_doing_it_again(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId, when: str
    ):
        """Whether or not the lost call took effect, its repetition ends in the same place."""
        call = client.prepare_tag(ann, client.ensure_tag("VIP"))
        account.fault(operation="add_tag", times=1, when=when, reset=True)
        with pytest.raises(UnclearError):
            client.send(call, deadline=DEADLINE)
        client.send(call, deadline=DEADLINE)
        removal = client.prepare_untag(client.fetch_tags(ann)[0].link)
        account.fault(operation="remove_tag", times=1, when=when, reset=True)
        with pytest.raises(UnclearError):
            client.send(removal, deadline=DEADLINE)

        assert client.send(removal, deadline=DEADLINE) == TagRemoved()
        assert (len(account.log("tag_added")), names_of(client, ann)) == (1, [])

    @pytest.mark.parametrize("many", MANY)
    def test_all_tags_of_a_contact_are_seen(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId, many: int
    ):
        """However many there are, in pages or at once, each is named, in few calls."""
        tagged(account, "ann@example.org", [f"tag {number}" for number in range(many)])

        seen = names_of(client, ann)

        calls = {name: sum(count.values()) for name, count in account.counts().items()}
        assert seen == sorted(f"tag {number}" for number in range(many))
        assert calls["list_tags"] + calls.get("read_tag", 0) <= 3

    def test_a_few_tags_among_very_many_are_asked_for_singly(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId
    ):
        """Two tags in an account of 250 cost three calls of names at most."""
        tagged(account, "bob@example.org", [f"tag {number}" for number in range(250)])
        tagged(account, "ann@example.org", ["tag 240", "tag 249"])

        assert names_of(client, ann) == ["tag 240", "tag 249"]
        calls = account.counts()
        assert sum(sum(calls.get(name, {}).values()) for name in ("list_tags", "read_tag")) <= 3

    def test_a_hidden_tag_is_named_all_the_same(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId
    ):
        """A tag that another client made without its type is in no listing, and still seen."""
        hidden = account.post("/tags", {"tag": {"tag": "secret"}})["tag"]["id"]
        account.post("/contactTags", {"contactTag": {"contact": ann, "tag": hidden}})
        add(client, ann, "VIP")

        assert names_of(client, ann) == ["VIP", "secret"]

    def test_a_contact_that_is_gone_is_gone(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId
    ):
        """Adding to, and looking at, a contact that somebody deleted says that it is not there."""
        tag = client.ensure_tag("VIP")
        account.call("DELETE", f"/contacts/{ann}")

        with pytest.raises(GoneError):
            client.send(client.prepare_tag(ann, tag), deadline=DEADLINE)
        with pytest.raises(GoneError):
            client.fetch_tags(ann)

    def test_a_tag_that_somebody_deleted_is_made_again(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId
    ):
        """An id that is no more is forgotten at the first refusal, and the next try has a new one."""
        tag = client.ensure_tag("VIP")
        account.call("DELETE", f"/tags/{tag}")

        with pytest.raises(TransientError) as caught:
            client.send(client.prepare_tag(ann, tag), deadline=DEADLINE)
        add(client, ann, "VIP")

        assert caught.value.cause == "add_tag: tag_gone"
        assert shown(account, "ann@example.org")["tags"] == ["VIP"]

    def test_a_tag_that_somebody_renamed_is_found_out(
        self, client: ActiveCampaignDestination, account: Account, ann: ContactId
    ):
        """After a while what a tag is called is asked anew, and the wanted name is made again."""
        moment = [0.0]
        tags = Tags(client._load, client._write, now=lambda: moment[0])
        old = tags.ensure("VIP")
        account.put(f"/tags/{old}", {"tag": {"tag": "Best friends"}})
        account.post("/contactTags", {"contactTag": {"contact": ann, "tag": old}})
        at_first = tags.ensure("VIP")

        moment[0] += KNOWN_SECONDS

        assert (at_first, tags.ensure("VIP") != old) == (old, True)
        assert [tag.name for tag in tags.fetch(ann)] == ["Best friends"]


class TestFields:
    @pytest.mark.parametrize("many", MANY)
    def test_fields_are_found_to_the_last(
        self, client: ActiveCampaignDestination, account: Account, many: int
    ):
        """Of 21, 101 or 250 fields none is made twice."""
        wanted = [FieldWanted(perstag=f"F_{number}", title=f"F {number}") for number in range(many)]
        for field in wanted:
            account.post(
                "/fields", {"field": {"title": field.title, "type": "text", "perstag": field.perstag}}
            )
        before = account.counts()["create_field"]

        layout = client.ensure_layout(wanted)

        assert layout.fields == {f"F_{number}": str(number + 1) for number in range(many)}
        assert account.counts()["create_field"] == before

    def test_a_field_is_made_with_its_options(self, client: ActiveCampaignDestination, account: Account):
        """A dropdown is made of its type with its options in their order, and a value of it shows."""
        field = client.ensure_layout([COLOURS]).fields["COLOUR"]
        for email, value in (("ann@example.org", "green"), ("bob@example.org", "Green")):
            account.sync(email, fieldValues=[{"field": field, "value": value}])

        options = [(each["value"], each["orderid"]) for each in account.ask("state")["options"]]
        assert account.ask("state")["fields"][0]["type"] == "dropdown"
        assert options == [("red", 1), ("green", 2)]
        assert shown(account, "ann@example.org")["unshown"] == []
        assert shown(account, "bob@example.org")["unshown"] == ["COLOUR"]

    def test_only_missing_options_are_added(self, client: ActiveCampaignDestination, account: Account):
        """What people added by hand stays, what is there is not doubled, and what is new comes last."""
        field = client.ensure_layout([COLOURS]).fields["COLOUR"]
        by_hand = {"orderid": 3, "value": "blue", "label": "Blue", "field": field}
        path = f"/{account.ask('switches')['options_path']['value']}/bulk"
        account.post(path, {"fieldOptions": [by_hand]})

        for _ in range(2):
            client.ensure_layout([FieldWanted(
                perstag="COLOUR", title="Colour", type="dropdown", options=("green", "pink"),
            )])  # fmt: skip

        values = [(each["value"], each["orderid"]) for each in account.ask("state")["options"]]
        assert values == [("red", 1), ("green", 2), ("blue", 3), ("pink", 4)]

    def test_a_lost_answer_doubles_no_option(self, client: ActiveCampaignDestination, account: Account):
        """Options that may have been made are looked up before anything else."""
        account.switch(options_path="fieldOption")
        account.fault(operation="create_options", times=1, when="after", reset=True)

        client.ensure_layout([COLOURS])

        assert sorted(each["value"] for each in account.ask("state")["options"]) == ["green", "red"]

    def test_options_that_are_not_taken_halt_by_name(
        self, client: ActiveCampaignDestination, account: Account
    ):
        """An option that cannot be made is named, because its values would be stored and not shown."""
        account.fault(operation="create_options", status=422, reply='{"errors": "Bulk operation failed."}')

        with pytest.raises(ProvisioningError, match="option green, red of custom field COLOUR") as caught:
            client.ensure_layout([COLOURS])

        assert caught.value.cause == "option_missing"

    def test_a_field_of_another_type_is_refused(self, client: ActiveCampaignDestination, account: Account):
        """All fields that are there with another type are named with both, and nothing is made."""
        account.field("Colour")
        account.field("Born", type="datetime")
        wanted = [
            COLOURS,
            FieldWanted(perstag="BORN", title="Born", type="date"),
            FieldWanted(perstag="N", title="N"),
        ]

        with pytest.raises(ProvisioningError) as caught:
            client.ensure_layout(wanted)

        assert caught.value.cause == "field_type_differs"
        assert "COLOUR is of type text, wanted is dropdown; BORN is of type datetime" in str(caught.value)
        assert len(account.ask("state")["fields"]) == 2

    def test_a_taken_title_is_told_by_its_perstag(self, client: ActiveCampaignDestination, account: Account):
        """A field that cannot be made, because another has its title, halts and says which."""
        account.field("Colour", perstag="OTHER")

        with pytest.raises(ProvisioningError, match="COLOUR") as caught:
            client.ensure_layout([COLOURS])

        assert caught.value.cause == "field_missing"


class TestDrift:
    def test_what_is_there_raises_nothing(self, client: ActiveCampaignDestination, account: Account):
        """A layout as it was made, and a field with a new title only, are no drift."""
        layout = client.ensure_layout([COLOURS], ["shop-de"])
        account.ask("fields/COLOUR", {"title": "Farbe"})

        assert client.check_layout(layout) == ()

    def test_a_field_that_is_renamed_or_deleted_is_named(
        self, client: ActiveCampaignDestination, account: Account
    ):
        """A perstag that means nothing any more raises drift, and never a silent loss."""
        layout = client.ensure_layout([COLOURS, FieldWanted(perstag="SIZE", title="Size")])
        account.ask("fields/COLOUR", {"perstag": "FARBE"})
        account.ask("fields/SIZE", method="DELETE")

        assert [*map(str, client.check_layout(layout))] == ["field COLOUR (is FARBE now)", "field SIZE"]

    def test_a_field_that_another_took_the_place_of_is_named(
        self, client: ActiveCampaignDestination, account: Account
    ):
        """A new field with the old perstag is another one: values under the old id are lost."""
        layout = client.ensure_layout([FieldWanted(perstag="SIZE", title="Size")])
        account.ask("fields/SIZE", method="DELETE")
        account.field("Size")

        assert [*map(str, client.check_layout(layout))] == ["field SIZE"]
        assert client.check_layout(client.ensure_layout([FieldWanted(perstag="SIZE", title="Size")])) == ()

    def test_a_connection_that_is_deleted_is_named(self, client: ActiveCampaignDestination, account: Account):
        """A layout of several connections and an older one of a single connection are both checked."""
        layout = client.ensure_layout([], ["shop-de"])
        older = Layout(fields={}, connection=layout.connection)
        account.call("DELETE", f"/connections/{layout.connection}")

        assert client.check_layout(layout) == client.check_layout(older)
        assert [*map(str, client.check_layout(layout))] == [f"connection {DEFAULT}"]


class TestConnections:
    def test_one_is_made_where_none_is_named(self, client: ActiveCampaignDestination, account: Account):
        """Without names there is the default connection, without a list that orders put people on."""
        layout = client.ensure_layout([])

        (made,) = account.ask("state")["connections"]
        assert layout.connections == {DEFAULT: layout.connection} == {DEFAULT: made["id"]}
        assert (made["externalid"], made["listId"]) == (DEFAULT, None)

    @pytest.mark.parametrize("many", MANY)
    def test_many_are_found_to_the_last(
        self, client: ActiveCampaignDestination, account: Account, account_url: str, many: int
    ):
        """Each is made once, and another process finds them all among those of other integrations."""
        names = [f"shop-{number}" for number in range(many)]
        account.connection("shop-0")
        layout = client.ensure_layout([], names)

        again = client_of(account_url).ensure_layout([], [*names, "shop"])

        assert {**again.connections} == {**layout.connections, "shop": again.connections["shop"]}
        assert len(set(again.connections.values())) == many + 2
        assert len(account.ask("state")["connections"]) == many + 3

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_lost_answer_makes_no_second_one(
        self, client: ActiveCampaignDestination, account: Account, when: str
    ):
        """A connection that may have been made is looked up, and else made the next time."""
        client.ensure_layout([])
        account.fault(operation="create_connection", times=1, when=when, reset=True)

        if when == "before":
            with pytest.raises(ServerError, match="shop-de"):
                client.ensure_layout([], ["shop-de"])
        client.ensure_layout([], ["shop-de"])

        assert len(account.ask("state")["connections"]) == 2

    def test_orders_go_to_the_connection_they_name(self, client: ActiveCampaignDestination, account: Account):
        """Orders of one call land under their own connections, are read back there, and nowhere else."""
        layout = client.ensure_layout([], ["shop-de"])
        sends = [
            OrderSend(order=an_order("1"), creation_source=CreationSource.HISTORICAL),
            OrderSend(order=an_order("2"), creation_source=CreationSource.HISTORICAL, connection="shop-de"),
        ]

        answer = client.send(client.prepare_orders(sends, layout), deadline=DEADLINE)

        placed = {o["storeOrderId"]: str(o["legacyConnectionId"]) for o in account.ask("state")["orders"]}
        assert isinstance(answer, OrdersWritten)
        assert placed == {"1": layout.connection, "2": layout.connections["shop-de"]}
        assert [client.find_order(n, layout) is None for n in ("1", "2")] == [False, True]
        assert [client.find_order(n, layout, "shop-de") is None for n in ("1", "2")] == [True, False]
        people = [client.find_customers(Address("ann@example.org"), layout, c) for c in (None, "shop-de")]
        assert [len(each) for each in people] == [1, 1]
        assert people[0] != people[1]

    def test_a_connection_that_nobody_made_is_no_default(self, client: ActiveCampaignDestination):
        """An order for a connection that is not provisioned is never sent to another one."""
        layout = client.ensure_layout([])
        send = OrderSend(order=an_order("1"), creation_source=CreationSource.HISTORICAL, connection="shop-fr")

        with pytest.raises(ProvisioningError, match="shop-fr"):
            client.prepare_orders([send], layout)


class TestSeveralAccounts:
    @pytest.fixture(name="other")
    def _other(self, folder: Path) -> Iterator[Account]:
        process, url = look_alike("activecampaign", "--rate", "1000", log=folder / "other.log")
        yield Account(url).at_once()
        process.terminate()
        process.wait(10)

    def test_they_have_nothing_in_common(self, account: Account, other: Account):
        """What is made in one account is not in another, and each gives its own ids."""
        one, two = client_of(account.url), client_of(other.url)
        one.ensure_tag("first")

        ids = [each.ensure_tag("VIP") for each in (one, two)]
        layouts = [each.ensure_layout([COLOURS], ["shop-de"]) for each in (one, two)]

        assert ids == ["2", "1"]
        assert layouts[0] == layouts[1]
        assert [tag["tag"] for tag in other.ask("state")["tags"]] == ["VIP"]
