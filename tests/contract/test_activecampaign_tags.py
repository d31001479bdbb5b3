"""Fields, tags and lists of the look-alike: as the vendor documents them, traps included."""

from typing import Any

import pytest
from account import Account

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
ANN = "ann@example.org"


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


def tag(account: Account, name: str, **more: Any) -> str:
    """Make a tag and return its id."""
    wanted = {"tag": name, "tagType": "contact", "description": "", **more}
    return str(account.post("/tags", {"tag": wanted})["tag"]["id"])


def a_list(account: Account, name: str) -> str:
    """Make a list and return its id."""
    wanted = {
        "name": name,
        "stringid": name,
        "sender_url": "https://example.org",
        "sender_reminder": "you asked",
    }
    return str(account.post("/lists", {"list": wanted})["list"]["id"])


def options(account: Account, field: str, *values: str) -> Any:
    """Give options to a field, at the path where this account takes them."""
    rows = [
        {"orderid": n, "value": v, "label": v, "isdefault": False, "field": field}
        for n, v in enumerate(values, 1)
    ]
    path = account.ask("switches")["options_path"]["value"]
    return account.post(f"/{path}/bulk", {"fieldOptions": rows})


def shown(account: Account, email: str = ANN) -> dict[str, Any]:
    """Return all that a contact has."""
    found: dict[str, Any] = account.ask(f"contact?email={email}")
    return found


class TestFields:
    @BOTH
    def test_options_are_shown_beside_their_fields(self, account: Account):
        """The list of fields carries the options of the fields on its page, in their order."""
        colour, _ = account.field("Colour", type="dropdown"), account.field("Size")
        options(account, colour, "red", "green")

        body = account.get("/fields")

        assert [(each["field"], each["value"]) for each in body["fieldOptions"]] == [
            (colour, "red"),
            (colour, "green"),
        ]
        assert [field["options"] for field in body["fields"]] == [["1", "2"], []]

    def test_options_without_a_list_are_refused(self, account: Account):
        """What is no list of options, or one for a field nobody has, is a 422 whose errors are a text."""
        bad: list[Any] = [
            {},
            {"fieldOptions": {"field": "1"}},
            {"fieldOptions": [{"field": "99", "value": "x"}]},
        ]

        answers = [account.call("POST", "/fieldOption/bulk", body) for body in bad]

        assert [answer.status_code for answer in answers] == [422] * 3
        assert all(answer.json()["errors"].startswith("Bulk operation failed.") for answer in answers)

    @pytest.mark.parametrize(
        ("type_", "value", "is_shown"),
        [
            ("dropdown", "red", True), ("dropdown", "Red", False), ("radio", "blue", False),
            ("listbox", "||red||", True), ("checkbox", "||red||green||", True), ("checkbox", "||red||blue||", False),
            ("listbox", "red", False), ("listbox", "||||", False), ("dropdown", "", True),
            ("date", "2026-02-28", True), ("date", "28.02.2026", False), ("number", "1.5", True),
            ("number", "much", False), ("datetime", "2026-01-01T12:00:00+02:00", True), ("text", "anything", True),
        ],
    )  # fmt: skip
    def test_a_value_shows_or_not_by_its_type(
        self, account: Account, *, type_: str, value: str, is_shown: bool
    ):
        """What a type does not know is stored all the same, and does not show."""
        field = account.field("Field", type=type_)
        if type_ in ("dropdown", "radio", "listbox", "checkbox"):
            options(account, field, "red", "green")

        account.sync(ANN, fieldValues=[{"field": field, "value": value}])

        assert shown(account)["unshown"] == ([] if is_shown else ["FIELD"])
        assert type_ == "datetime" or shown(account)["fields"]["FIELD"] == value

    @pytest.mark.parametrize(("how", "kept"), [("kept", "soon"), ("emptied", "")])
    def test_a_value_that_cannot_be_read_is_kept_or_not(self, account: Account, how: str, kept: str):
        """What is stored of a date that is none is open, and both are played."""
        account.switch(unreadable_value=how)
        fields = [account.field(type_, type=type_) for type_ in ("date", "datetime", "number")]

        account.sync(ANN, fieldValues=[{"field": field, "value": "soon"} for field in fields])

        assert set(shown(account)["fields"].values()) == {kept}

    def test_a_perstag_is_upper_case_and_stripped(self, account: Account):
        """A field is kept under a tag of its own spelling, and its title only once."""
        body = {"field": {"title": "Shoe size", "type": "text", "perstag": "Shoe size!"}}
        account.post("/fields", body)

        again = account.call("POST", "/fields", body)

        assert account.ask("state")["fields"][0]["perstag"] == "SHOESIZE"
        assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "duplicate")

    @pytest.mark.parametrize("by_hand", [True, False])
    def test_a_field_is_renamed_and_deleted(self, account: Account, *, by_hand: bool):
        """Whether by hand or by the vendor's doors, values stay under a new name and go with their field."""
        field = account.field("Size")
        account.sync(ANN, fieldValues=[{"field": field, "value": "42"}])

        if by_hand:
            account.ask("fields/SIZE", {"perstag": "SHOE"})
        else:
            account.put(f"/fields/{field}", {"field": {"perstag": "shoe"}})
        renamed = shown(account)["fields"]
        if by_hand:
            account.ask("fields/SHOE", method="DELETE")
        else:
            account.call("DELETE", f"/fields/{field}")

        assert renamed == {"SHOE": "42"}
        assert (shown(account)["fields"], account.get("/fields")["fieldRels"]) == ({}, [])


class TestTags:
    @pytest.fixture(name="named")
    def _named(self, account: Account) -> Account:
        for name in ("VIP", "VIP-old", "my vip", "other"):
            tag(account, name)
        return account

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"search": "vip"}, ["VIP", "VIP-old", "my vip"]),
            ({"filters[search][eq]": "vip"}, ["VIP"]),
            ({"filters[search][neq]": "vip"}, ["VIP-old", "my vip", "other"]),
            ({"filters[search][starts_with]": "vip"}, ["VIP", "VIP-old"]),
            ({"filters[search][contains]": "o"}, ["VIP-old", "other"]),
            ({"filters[search][gte]": "other", "filters[search][lt]": "vip"}, ["other"]),
            ({"search": "vip", "orders[search]": "weight"}, ["VIP", "VIP-old", "my vip"]),
            ({"orders[search]": "desc"}, ["VIP-old", "VIP", "other", "my vip"]),
            ({"filters[saerch][eq]": "vip"}, ["VIP", "VIP-old", "my vip", "other"]),
            ({"filters[tag]": "VIP"}, ["VIP", "VIP-old", "my vip", "other"]),
            ({"filters[search][is]": "VIP"}, ["VIP", "VIP-old", "my vip", "other"]),
            ({"search": ""}, ["VIP", "VIP-old", "my vip", "other"]),
        ],
    )  # fmt: skip
    def test_a_search_is_contains_unless_it_says_eq(
        self, named: Account, query: dict[str, str], found: list[str]
    ):
        """Only documented operators narrow the list, without regard to case, and what is misspelt gives all."""
        assert [each["tag"] for each in named.get("/tags", **query)["tags"]] == found

    def test_pages_hold_twenty_and_never_more_than_a_hundred(self, account: Account):
        """The hundred and first tag is on another page."""
        account.ended(account.post("/import/bulk_import", {"contacts": [
            {"email": ANN, "tags": [f"tag {n}" for n in range(101)]},
        ]})["batchId"])  # fmt: skip

        pages = [account.get("/tags", **each) for each in ({}, {"limit": 500}, {"limit": 100, "offset": 100})]

        assert [len(page["tags"]) for page in pages] == [20, 100, 1]
        assert {page["meta"]["total"] for page in pages} == {"101"}

    @pytest.mark.parametrize(("how", "status"), [("existing", 200), ("refused", 422)])
    def test_a_name_is_there_once(self, account: Account, how: str, status: int):
        """A name that there is, whatever its case, is answered with its tag, or refused."""
        account.switch(tag_again=how)
        first = tag(account, "VIP")

        again = account.call("POST", "/tags", {"tag": {"tag": "vip", "tagType": "contact"}})

        assert again.status_code == status
        assert again.json().get("tag", {"id": first})["id"] == first
        assert len(account.ask("state")["tags"]) == 1

    def test_a_tag_without_a_type_is_hidden(self, account: Account):
        """It is in no listing, can be read by its id, and is another one than the contact's tag of that name."""
        hidden = account.post("/tags", {"tag": {"tag": "VIP"}})["tag"]["id"]

        assert account.get("/tags")["tags"] == []
        assert account.get(f"/tags/{hidden}")["tag"]["tag"] == "VIP"
        assert tag(account, "VIP") != hidden

    @pytest.mark.parametrize("name", ["a,b", "", "  "])
    def test_a_name_is_not_empty_and_has_no_comma(self, account: Account, name: str):
        """Such a name is refused."""
        answer = account.call("POST", "/tags", {"tag": {"tag": name, "tagType": "contact"}})

        assert (answer.status_code, account.ask("state")["tags"]) == (422, [])


class TestTagsOfContacts:
    def test_a_tag_is_added_by_ids_alone(self, account: Account):
        """A name is no id, a contact must be given and be there, and each refusal has its own shape."""
        contact, vip = account.sync(ANN), tag(account, "VIP")
        given: list[dict[str, Any]] = [
            {"tag": vip},
            {"contact": contact, "tag": "VIP"},
            {"contact": contact},
            {"contact": "99", "tag": vip},
        ]

        answers = [account.call("POST", "/contactTags", {"contactTag": each}) for each in given]

        told = [
            (a.status_code, a.json()["errors"][0]["title"], a.json()["errors"][0].get("detail"))
            for a in answers
        ]
        assert told == [
            (422, "Missing attribute", None), (422, "No tag id provided", ""), (422, "No tag id provided", ""),
            (404, "Not Found", "Contact not found"),
        ]  # fmt: skip

    @pytest.mark.parametrize(("status", "pointer"), [(404, ""), (422, "/data/attributes/tag")])
    def test_a_tag_that_there_is_not_cannot_be_added(self, account: Account, status: int, pointer: str):
        """How that is told is open, and two ways are played."""
        account.switch(unknown_tag_status=status)

        answer = account.call(
            "POST", "/contactTags", {"contactTag": {"contact": account.sync(ANN), "tag": "99"}}
        )

        assert answer.status_code == status
        assert answer.json()["errors"][0].get("source", {}).get("pointer", "") == pointer

    @pytest.mark.parametrize(("how", "status"), [("link", 200), ("refused", 422)])
    def test_a_tag_that_is_there_keeps_its_link(self, account: Account, how: str, status: int):
        """Adding a tag again changes nothing, starts nothing, and has the old link or is refused."""
        account.switch(tag_link_again=how)
        body = {"contactTag": {"contact": account.sync(ANN), "tag": tag(account, "VIP")}}
        first = account.post("/contactTags", body)["contactTag"]

        again = account.call("POST", "/contactTags", body)

        assert (again.status_code, again.json().get("contactTag", first)) == (status, first)
        assert [e["trigger"] for e in account.log("automation_started")] == ["tag_added"]

    def test_a_link_removes_its_tag_once(self, account: Account):
        """Removing it again says that there is none."""
        body = {"contactTag": {"contact": account.sync(ANN), "tag": tag(account, "VIP")}}
        link = account.post("/contactTags", body)["contactTag"]["id"]

        answers = [account.call("DELETE", f"/contactTags/{link}") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 404]
        assert answers[1].json() == {"message": f"No Result found for SubscriberTag with id {link}"}

    @pytest.mark.parametrize(("is_paged", "shown_at_once"), [(True, 20), (False, 30)])
    def test_the_tags_of_one_contact_come_in_pages_or_not(
        self, account: Account, *, is_paged: bool, shown_at_once: int
    ):
        """That is open, and both are played; a contact nobody knows has no tags to show."""
        account.switch(contact_tags_paged=is_paged)
        batch = account.post(
            "/import/bulk_import", {"contacts": [{"email": ANN, "tags": [f"t{n}" for n in range(30)]}]}
        )
        account.ended(batch["batchId"])
        contact = account.get("/contacts")["contacts"][0]["id"]

        assert len(account.get(f"/contacts/{contact}/contactTags")["contactTags"]) == shown_at_once
        assert account.call("GET", "/contacts/99/contactTags").status_code == 404

    def test_what_is_deleted_takes_its_links_along(self, account: Account):
        """A deleted tag is on nobody, and a deleted contact leaves no link behind."""
        contacts, tags = (
            [account.sync(e) for e in (ANN, "bob@example.org")],
            [tag(account, n) for n in ("VIP", "New")],
        )
        for contact in contacts:
            for each in tags:
                account.post("/contactTags", {"contactTag": {"contact": contact, "tag": each}})

        account.call("DELETE", f"/tags/{tags[0]}")
        account.call("DELETE", f"/contacts/{contacts[1]}")

        assert [(link["contact"], link["tag"]) for link in account.get("/contactTags")["contactTags"]] == [
            (contacts[0], tags[1])
        ]

    def test_contacts_are_found_by_tag_and_list(self, account: Account):
        """Contacts can be asked for by both, and show both beside them where that is honoured."""
        contact, vip, news = account.sync(ANN), tag(account, "VIP"), a_list(account, "News")
        account.sync("bob@example.org")
        account.post("/contactTags", {"contactTag": {"contact": contact, "tag": vip}})
        account.post("/contactLists", {"contactList": {"contact": contact, "list": news, "status": 1}})

        found = [
            account.get("/contacts", include="contactTags,contactLists", **query)
            for query in ({"tagid": vip}, {"listid": news})
        ]

        assert [[row["id"] for row in body["contacts"]] for body in found] == [[contact], [contact]]
        assert [
            (row["tag"], body["contactLists"][0]["list"]) for body in found for row in body["contactTags"]
        ] == [(vip, news)] * 2


class TestLists:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"filters[name][eq]": "News"}, ["News"]), ({"filters[name]": "News"}, ["News"]),
            ({"filters[name][contains]": "news"}, ["News", "News DE"]), ({"filters[nmae][eq]": "News"}, ["News", "News DE"]),
        ],
    )  # fmt: skip
    def test_lists_are_found_by_name(self, account: Account, query: dict[str, str], found: list[str]):
        """A documented filter narrows, a misspelt one gives all."""
        for name in ("News", "News DE"):
            a_list(account, name)

        assert [each["name"] for each in account.get("/lists", **query)["lists"]] == found

    def test_a_membership_is_one_row_that_goes_anywhere(self, account: Account):
        """A change updates the row in place, and brings back even who has left, as the vendor warns."""
        contact, news = account.sync(ANN), a_list(account, "News")
        rows = [
            account.post(
                "/contactLists", {"contactList": {"contact": contact, "list": news, "status": status}}
            )
            for status in (1, 2, 1)
        ]

        assert len({row["contactList"]["id"] for row in rows}) == 1
        assert shown(account)["lists"] == {"News": "1"}
        assert [(e["before"], e["after"]) for e in account.log("list_status")] == [
            (None, "1"),
            ("1", "2"),
            ("2", "1"),
        ]

    @pytest.mark.parametrize(
        ("changed", "status"), [({"contact": "99"}, 400), ({"list": "99"}, 400), ({"status": 4}, 422)]
    )
    def test_a_bad_membership_is_refused(self, account: Account, changed: dict[str, Any], status: int):
        """Nobody, no list and no status are refused, and nothing is written."""
        wanted = {"contact": account.sync(ANN), "list": a_list(account, "News"), "status": 1} | changed

        answer = account.call("POST", "/contactLists", {"contactList": wanted})

        assert (answer.status_code, shown(account)["lists"]) == (status, {})


class TestImports:
    def bring(self, account: Account, *rows: dict[str, Any]) -> dict[str, Any]:
        """Import rows and return how that ended."""
        return account.ended(account.post("/import/bulk_import", {"contacts": list(rows)})["batchId"])

    @BOTH
    def test_tags_are_made_by_name_and_lists_joined_and_left(self, account: Account):
        """A row brings tags that are made where there are none, and moves its contact between lists."""
        vip, news, old = tag(account, "VIP"), a_list(account, "News"), a_list(account, "Old")

        self.bring(account, {
            "email": ANN, "tags": ["vip", "New", "new"], "subscribe": [{"listid": int(news)}, {"listid": 99}],
            "unsubscribe": [{"listid": int(old)}],
        })  # fmt: skip

        assert shown(account)["tags"] == ["VIP", "New"]
        assert shown(account)["lists"] == {"News": "1", "Old": "2"}
        assert account.ask("state")["tags"][0]["id"] == vip

    @pytest.mark.parametrize("is_quiet", [True, False])
    def test_a_quiet_row_starts_nothing_with_its_tags(self, account: Account, *, is_quiet: bool):
        """Tags of an import start automations unless these are excluded."""
        self.bring(account, {"email": ANN, "tags": ["VIP"], "exclude_automations": is_quiet})

        triggers = [entry["trigger"] for entry in account.log("automation_started")]
        assert triggers == ([] if is_quiet else ["tag_added", "contact_imported"])

    @pytest.mark.parametrize(("passed_over", "name"), [("row", ""), ("list", "Ann")])
    def test_who_has_left_is_not_brought_back(self, account: Account, passed_over: str, name: str):
        """An import never revives a membership; whether the rest of the row counts is open."""
        account.switch(import_revival=passed_over)
        contact, news = account.sync(ANN), a_list(account, "News")
        account.post("/contactLists", {"contactList": {"contact": contact, "list": news, "status": 2}})

        end = self.bring(account, {"email": ANN, "first_name": "Ann", "subscribe": [{"listid": int(news)}]})

        assert (shown(account)["lists"], shown(account)["firstName"]) == ({"News": "2"}, name)
        assert end["failure"] == ([ANN] if passed_over == "row" else [])


class TestOrders:
    #: What the vendor's page names beside what :meth:`Account.order` sends.
    MORE: dict[str, Any] = {
        "cartId": "cart-1", "orderUrl": "https://example.org/o/1", "salesChannel": "web", "paymentMethod": "card",
        "storeExternalOrderId": "x-1", "notes": ["a note"], "locationId": "l-1", "isTestOrder": False,
        "createdByRecurringPayment": False, "acceptsMarketing": False, "customerLocale": "de-DE", "storeStatus": "Open",
        "discounts": [{"name": "SUMMER", "type": "ORDER", "discountAmount": 1.5}, {"name": "", "type": "SHIPPING", "discountAmount": 0}],
        "billingAddress": {"firstName": "Ann", "address1": "Street 1", "country": "DE"},
        "shippingAddress": {"firstName": "Bob", "city": "Bern", "country": "CH"},
        "customerData": {"firstName": "Ann", "lastName": "Lee", "phone": "+49", "company": "Ltd"},
        "lineItems": [{
            "storeLineItemId": "l1", "productStorePrimaryId": "v1", "storeBaseProductId": "p1", "name": "Shoe",
            "quantity": 2, "priceAmount": 59.5, "sku": "S", "category": "Shoes > Boots", "brand": "Brand",
            "tags": ["new", "sale"], "imageUrl": "https://example.org/i", "productUrl": "https://example.org/p",
            "isOnSale": True, "lineItemType": "x", "fulfillmentStatus": "y", "normalizedOrderStatus": "COMPLETED",
        }],
    }  # fmt: skip

    def test_everything_the_vendor_names_is_kept_and_shown(self, account: Account):
        """Each documented field of an order and its lines is taken, kept, and shown when asked for."""
        connection = account.connection("shop")
        account.order(connection, "1", ANN, **self.MORE)
        fields = (
            "cartId orderUrl salesChannel paymentMethod storeExternalOrderId notes locationId isTestOrder"
            " createdByRecurringPayment acceptsMarketing customerLocale storeStatus"
            " discounts { name type discountAmount } billingAddress { firstName address1 country }"
            " shippingAddress { firstName city country } lineItems { storeLineItemId productStorePrimaryId"
            " storeBaseProductId name quantity priceAmount sku category brand tags imageUrl productUrl isOnSale"
            " lineItemType fulfillmentStatus normalizedOrderStatus }"
        )
        query = f'{{ getOrder(legacyConnectionId: {connection}, storeOrderId: "1") {{ {fields} }} }}'

        asked = account.post("/ecom/graphql", {"query": query})["data"]["getOrder"]

        (kept,) = account.ask("state")["orders"]
        assert {k: kept[k] for k in self.MORE} == self.MORE
        assert asked == {k: v for k, v in self.MORE.items() if k != "customerData"}
        assert account.copied("1")["externalid"] == "1"

    def test_the_copy_has_category_and_link_of_its_products(self, account: Account):
        """What REST shows of an order's products follows what GraphQL was given."""
        account.order(account.connection("shop"), "1", ANN, **self.MORE)

        (product,) = account.get(f"/ecomOrders/{account.copied('1')['id']}/orderProducts")[
            "ecomOrderProducts"
        ]

        assert (product["category"], product["productUrl"]) == ("Shoes > Boots", "https://example.org/p")


class TestControl:
    def test_a_contact_shows_all_that_it_has(self, account: Account):
        """Fields, tags and lists of a contact are shown together, and nobody is a 404."""
        contact = account.sync(
            ANN, firstName="Ann", fieldValues=[{"field": account.field("Size"), "value": "42"}]
        )
        account.post("/contactTags", {"contactTag": {"contact": contact, "tag": tag(account, "VIP")}})
        account.post(
            "/contactLists",
            {"contactList": {"contact": contact, "list": a_list(account, "News"), "status": 1}},
        )

        found = shown(account)

        assert (found["id"], found["firstName"], found["fields"], found["tags"], found["lists"], found["unshown"]) == (
            contact, "Ann", {"SIZE": "42"}, ["VIP"], {"News": "1"}, [],
        )  # fmt: skip
        with pytest.raises(AssertionError, match="nobody"):
            shown(account, "x@example.org")

    @pytest.mark.parametrize("change", [{}, {"colour": "x"}, []])
    def test_a_bad_change_by_hand_is_refused(self, account: Account, change: Any):
        """What is not known of a field cannot be changed, nor can a field nobody has."""
        account.field("Size")

        with pytest.raises(AssertionError, match="perstag"):
            account.ask("fields/SIZE", change)
        with pytest.raises(AssertionError, match="no field OTHER"):
            account.ask("fields/OTHER", method="DELETE")
