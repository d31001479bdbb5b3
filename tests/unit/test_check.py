"""What check tells of a configuration, given what projects and accounts show."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, SWISS, route
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import parse_path
from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.configuration.values import Configuration
from ct_ac_sync.ports import AccountSeen, AutomationSeen, FieldSeen, ListSeen
from ct_ac_sync.sync.asked import Ask, asks, custom_field, followed
from ct_ac_sync.sync.hold import (
    ProjectSeen,
    State,
    hold_account,
    hold_containers,
    hold_messages,
    hold_names,
    hold_scopes,
    hold_write_back,
    hold_write_scope,
)

ENVIRONMENT = {
    "CTP_PROJECT_KEY": "acme",
    "CTP_API_URL": "https://api.example",
    "CTP_AUTH_URL": "https://auth.example",
    "AC_API_URL": "https://main.example",
    "AC_API_URL_SWISS": "https://swiss.example",
    "CTP_PROJECT_KEY_OUTLET": "outlet",
    "AC_EVENT_ACTID": "25",
    "AC_EVENT_KEY": "set",
}
BEGIN = SHOP + PROFILE
#: A second project, at the addresses of the first.
OUTLET = """
[sources.outlet]
project = "outlet"
api_url = "https://api.example"
auth_url = "https://auth.example"
client_id_env = "CTP_CLIENT_ID_OUTLET"
client_secret_env = "CTP_CLIENT_SECRET_OUTLET"
"""
ALL = route("all", "main")
ID = FieldSeen(perstag="CT_CUSTOMER_ID", title="Customer id", type="text")


def read(text: str) -> Configuration:
    """Return what a configuration says."""
    return read_configuration(text, where="sync.toml", environ=ENVIRONMENT)


def a_field(path: str, *more: str) -> str:
    """Return a field that holds what stands at a path."""
    lines = ("[[fields]]", 'perstag = "X"', 'title = "X"', f'from = "{path}"', *more)
    return "\n".join(("", *lines, ""))


def kinds(text: str) -> set[str]:
    """Return the kinds without which a configuration would be mapped wrongly."""
    return {ask.kind for ask in asks(read(text)) if not ask.lost}


def names(text: str, kind: str) -> list[str]:
    """Return the names of a kind that a configuration asks for."""
    return [ask.name for ask in asks(read(text)) if ask.kind == kind and ask.name]


def refusals(text: str, *refused: str) -> list[tuple[State, str]]:
    """Return what is told where an API client may not read some kinds."""
    seen = ProjectSeen(project="acme", resources={}, refused=frozenset(refused))
    return [tuple(told) for told in hold_scopes(list(asks(read(text))), seen)]


def absences(text: str, **projects: Mapping[str, Sequence[Any]] | None) -> list[tuple[State, str]]:
    """Return what names are missing, given what each source shows."""
    seen = {
        name: None if rows is None else ProjectSeen(project=name, resources=rows)
        for name, rows in projects.items()
    }
    return [tuple(told) for _, told in hold_names(asks(read(text)), seen)]


def of_account(text: str, name: str = "main", **shown: Any) -> list[tuple[State, str]]:
    """Return what is told of an account that shows this."""
    configuration = read(text)
    destination = next(each for each in configuration.destinations if each.name == name)
    seen = AccountSeen(**{"connections": frozenset({"acme"})} | shown)
    return [tuple(told) for told in hold_account(configuration, destination, seen)]


def keyed(*keys: str) -> list[dict[str, str]]:
    """Return resources with these keys, and ids of theirs."""
    return [{"id": f"id-{key}", "key": key} for key in keys]


def a_type(*fields: str, of: str) -> dict[str, Any]:
    """Return a type with these fields."""
    return {"id": of, "resourceTypeIds": [of], "fieldDefinitions": [{"name": each} for each in fields]}


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("customer.firstName", []),
            ("customer.customerGroup.id", []),
            ("customer.customerGroup.key", ["customer-group"]),
            ("customer.stores[*].key", []),
            ("customer.stores[*].name", ["store"]),
            ("last_order.store.key", []),
            ("last_order.state.key", ["state"]),
            ("last_order.discountCodes[0].discountCode.code", ["discount-code"]),
            ("last_order.paymentInfo.payments[last].paymentMethodInfo.method", ["payment"]),
            ("last_order.lineItems[*].distributionChannel.custom.fields.x", ["channel"]),
            ("customer.custom.type.key", ["type"]),
            ("customer.custom.fields.tier", []),
        ],
    )
    def test_what_a_path_leads_into(self, path: str, expected: list[str]):
        """A kind is asked for where a path goes on in what a reference leads to, and not in what it says itself."""
        assert list(followed(parse_path(path))) == expected

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("customer.custom.fields.tier", ("tier", "customer")),
            ("last_order.custom.fields.gift.key", ("gift", "order")),
            ("address.custom.fields.floor", ("floor", "address")),
            ("customer.addresses[*].custom.fields.floor", ("floor", "address")),
            ("last_order.lineItems[0].custom.fields.engraving", ("engraving", "line-item")),
            ("customer.custom.type.key", None),
            ("customer.somethingNew.custom.fields.x", None),
            ("customer.customerNumber", None),
        ],
    )
    def test_custom_fields_in_paths(self, path: str, expected: tuple[str, str] | None):
        """A custom field is known by its name and by whose it is."""
        assert custom_field(parse_path(path)) == expected

    def test_the_usual_rules_need_two_scopes_only(self):
        """Without rules of one's own nothing but customers and orders must be readable."""
        assert kinds(BEGIN + NUMBER + ALL) == set()

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            (route("r", "main", 'group = "b2b"'), "customer-group"),
            (route("r", "main", 'store = "de"'), "store"),
            (route("r", "main", 'channel = "web"'), "channel"),
            (route("r", "main", 'channel = "web"'), "store"),
            (a_field("orders.total.EUR"), "payment"),
            (a_field("orders.refunded"), "payment"),
            (a_field("customer.custom.fields.tier", 'transform = "label"'), "type"),
            ('[[orders.statuses]]\nstatus = "RETURNED"\nrefunded = "partial"\n', "payment"),
            ('[[orders.statuses]]\nstatus = "COMPLETED"\nworkflow = "done"\n', "state"),
            ('[[tags.rules]]\nname = "x"\nwhen = { group = "b2b" }\n', "customer-group"),
            ('[[events]]\non = "paid"\ntags = "x"\nwhen = { group = "b2b" }\n', "customer-group"),
            ('[[events]]\non = "paid"\ntags = "{order.store.name}"\n', "store"),
            ('[carts]\nurl = "https://x.example/{cart.store.name}"\n', "store"),
            ('[[tags.rules]]\nname = "in {last_order.store.name}"\n', "store"),
            ('[profile.first_name]\nfrom = "customer.customerGroup.name"\n', "customer-group"),
        ],
    )
    def test_what_rules_need(self, text: str, kind: str):
        """Each rule that looks into another resource needs its kind."""
        begin = SHOP if "[profile" in text else BEGIN
        rest = '[profile]\nlast_name = "customer.lastName"\n' if "[profile" in text else ""

        assert kind in kinds(begin + rest + text)

    @pytest.mark.parametrize("path", ["orders.net.EUR", "orders.tax"])
    def test_taxes_need_no_payments(self, path: str):
        """What an order says of its tax it says itself."""
        assert "payment" not in kinds(BEGIN + a_field(path))

    def test_custom_fields_of_events(self):
        """Fields of orders, carts and customers are asked for wherever a rule of events looks at them."""
        text = """
[[events]]
on = ["cart_created", "paid"]
tracking = { name = "x", value = "{cart.custom.fields.one}" }
tags = "{order.custom.fields.two}"
fields = { X = "{customer.custom.fields.three}" }
"""
        asked = {ask.name: ask.of for ask in asks(read(BEGIN + a_field("customer.id") + text)) if ask.name}

        assert asked == {"one": ("order",), "two": ("order",), "three": ("customer",)}

    def test_custom_fields_of_lists(self):
        """A rule of what is put on lists may ask for a field of the list, and of its line, by a path or a condition."""
        text = """
[[events]]
on = "list_item_added"
when = { custom = { four = "x" } }
tracking = { name = "x", value = "{shopping_list.custom.fields.one}" }
tags = "{shopping_list.lineItems[0].custom.fields.two}"
"""
        asked = {ask.name: ask.of for ask in asks(read(BEGIN + ALL + text)) if ask.name}

        assert asked == {
            "one": ("shopping-list",), "two": ("line-item",), "four": ("customer", "order", "shopping-list"),
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("on", "says", "expected"),
        [
            ("paid", "{event.categories}", {"product", "category"}), ("paid", "{event.brands}", {"product"}),
            ("paid", "{event.skus}", set()), ("list_item_added", "{event.skus}", {"product"}),
            ("list_item_added", "{event.product}", set()),
        ],
    )  # fmt: skip
    def test_events_that_tell_of_products(self, on: str, says: str, expected: set[str]):
        """What an event says of products needs these, and of what is put on a list more of it does."""
        text = BEGIN + ALL + f'[[events]]\non = "{on}"\ntags = "{says}"\n'
        asked = [ask for ask in asks(read(text)) if ask.place == ("events", 0)]

        assert {ask.kind for ask in asked} == expected
        assert all(ask.lost for ask in asked)

    def test_no_state_is_no_name(self):
        """A rule for orders without a workflow state asks for no state of that name."""
        rule = '[[orders.statuses]]\nstatus = "WAITING"\nworkflow = ["none", "packed"]\n'

        assert names(BEGIN + ALL + rule, "state") == ["packed"]

    def test_products_describe(self):
        """What is known of products never keeps an order from being sent."""
        text = BEGIN + ALL + '[products]\nbrand = "brand"\nattributes = ["colour"]\n'

        assert kinds(text) == set()
        assert names(text, "product-type") == ["brand", "colour"]


class TestScopes:
    def test_nothing_refused_nothing_told(self):
        """An API client with all scopes is not spoken of."""
        assert refusals(BEGIN + route("r", "main", 'group = "b2b"')) == []

    def test_what_mapping_needs_is_a_fault(self):
        """A scope without which records go wrong is named, with the places that need it."""
        text = BEGIN + route("r", "main", 'group = "b2b"') + a_field("customer.customerGroup.name")

        ((state, says),) = refusals(text, "customer-group")

        assert state is State.FAULT
        assert says.startswith("[[routes]] 1, when.group; [[fields]] 1: needs the scope")
        assert says.endswith("view_customer_groups:acme, which the API client lacks")

    def test_many_places_are_counted(self):
        """Three places are named, the others counted."""
        rules = "".join(f'[[tags.rules]]\nname = "{n}"\nwhen = {{ store = "s{n}" }}\n' for n in range(5))
        ((state, says),) = refusals(BEGIN + ALL + rules, "store")

        assert state is State.FAULT
        assert "[[tags.rules]] 3, when.store and 2 more: needs" in says

    def test_what_only_describes_is_a_remark(self):
        """Without payments orders still go out, and what is lost is said."""
        ((state, says),) = refusals(BEGIN + NUMBER + ALL, "payment")

        assert state is State.REMARK
        assert says.startswith("the API client lacks the scope view_payments:acme: refunds are not seen")

    def test_one_scope_is_told_once(self):
        """Languages and currencies are behind one scope."""
        text = BEGIN.replace("[profile]", '[profile]\nlocales = ["de-DE"]') + ALL
        ((state, says),) = refusals(text + a_field("orders.total.EUR"), "language", "currency")

        assert state is State.REMARK
        assert "view_project_settings:acme" in says


class TestNames:
    def test_a_store_that_is_there(self):
        """A store is found by its key, or by its id."""
        text = BEGIN + route("a", "main", 'store = "de"') + route("b", "main", 'store = "id-ch"')

        assert absences(text, shop={"store": keyed("de", "ch")}) == []

    def test_a_slip_of_the_pen(self):
        """A name that is not there is a fault with its place and what it may have meant."""
        text = BEGIN + ALL + '[[tags.rules]]\nname="x"\nwhen = { group = "b2bb" }\n'

        assert absences(text, shop={"customer-group": keyed("b2b", "b2c")}) == [
            (
                State.FAULT,
                "[[tags.rules]] 1, when.group: no customer group in shop is called 'b2bb': did you mean 'b2b'?",
            )
        ]

    def test_a_custom_field_of_another_resource(self):
        """A field that only orders have is none of a customer."""
        text = BEGIN + ALL + a_field("customer.custom.fields.tier")
        types = [a_type("tiers", of="customer"), a_type("tier", of="order")]

        assert absences(text, shop={"type": types}) == [
            (
                State.FAULT,
                "[[fields]] 1: no custom field of a customer in shop is called 'tier': did you mean 'tiers'?",
            )
        ]

    def test_a_custom_field_that_consent_is_read_of(self):
        """A slip in what says yes, when, or by what words, is a fault with its place: else nobody ever said anything."""
        text = (
            BEGIN
            + ALL
            + """
[[consent.email.read]]
value = "customer.custom.fields.newsleter"
time = "customer.custom.fields.newsletterAt"
details = { text = "customer.custom.fields.wordin" }
"""
        )
        types = [a_type("newsletter", of="customer"), a_type("wording", of="customer")]

        assert [says for _, says in absences(text, shop={"type": types})] == [
            "[consent], email.read 1.value: no custom field of a customer in shop is called 'newsleter': did you mean 'newsletter'?",
            "[consent], email.read 1.time: no custom field of a customer in shop is called 'newsletterAt': did you mean 'newsletter'?",
            "[consent], email.read 1.details.text: no custom field of a customer in shop is called 'wordin': did you mean 'wording'?",
        ]

    def test_a_custom_field_of_a_condition(self):
        """What a condition names may be a field of customers or of orders."""
        text = BEGIN + route("a", "main", "custom = { isStaff = true, isGift = true, no = true }")
        types = [a_type("isStaff", of="customer"), a_type("isGift", of="order")]

        ((state, says),) = absences(text, shop={"type": types})

        assert state is State.FAULT
        assert "custom field of a customer or order in shop is called 'no'" in says

    def test_product_attributes(self):
        """An attribute is there if any product type has it."""
        text = BEGIN + ALL + '[products]\nbrand = "brand"\nattributes = ["color", "size"]\n'
        types = [{"id": "1", "attributes": [{"name": "brand"}, {"name": "colour"}]}, {"id": "2"}]
        types.append({"id": "3", "attributes": [{"name": "size"}]})

        ((state, says),) = absences(text, shop={"product-type": types})

        assert state is State.FAULT
        assert says.endswith("no product attribute in shop is called 'color': did you mean 'colour'?")

    @pytest.mark.parametrize(("locale", "is_told"), [("de-DE", False), ("de", False), ("fr-CH", True)])
    def test_languages(self, *, locale: str, is_told: bool):
        """A language of the project, with or without its region, is good; another is a remark."""
        text = BEGIN.replace("[profile]", f'[profile]\nlocales = ["{locale}"]') + ALL
        told = absences(text, shop={"language": [{"key": "de-DE"}, {"key": "en"}]})

        assert [state for state, _ in told] == ([State.REMARK] if is_told else [])

    def test_currencies(self):
        """A sum in a currency that the project does not have is a remark."""
        text = BEGIN + ALL + a_field("orders.total.EUR") + a_field("orders.total.GPB").replace('"X"', '"Y"')
        ((state, says),) = absences(text, shop={"currency": [{"key": "EUR"}, {"key": "GBP"}]})

        assert state is State.REMARK
        assert says == "[[fields]] 2: no currency in shop is called 'GPB': did you mean 'GBP'?"

    def test_any_project_may_have_it(self):
        """Of several projects one is enough to have a store, unless the rule names its source."""
        anywhere = BEGIN + OUTLET + route("a", "main", 'store = "ch"')
        here = BEGIN + OUTLET + route("a", "main", 'store = "ch", source = "shop"')
        shown = {"shop": {"store": keyed("de")}, "outlet": {"store": keyed("ch")}}

        assert absences(anywhere, **shown) == []
        assert [says for _, says in absences(here, **shown)] == [
            "[[routes]] 1, when.store: no store in shop is called 'ch'"
        ]

    @pytest.mark.parametrize("other", [None, {}], ids=["away", "refused"])
    def test_what_could_not_be_seen_is_not_missed(self, other: Mapping[str, Any] | None):
        """A name that a silent project may have is not said to be missing."""
        text = BEGIN + OUTLET + route("a", "main", 'store = "ch"')

        assert absences(text, shop={"store": keyed("de")}, outlet=other) == []


BACK = (
    BEGIN
    + """
[[consent.email.read]]
value = "customer.custom.fields.news"
[consent.email.write_back]
value = "customer.custom.fields.news"
"""
)


def a_definition(name: str, *of: str, keys: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Return a custom field of a type, or a set of one."""
    element: dict[str, Any] = {"name": of[-1]} | ({"values": keyed(*keys)} if keys else {})
    type_ = element if len(of) == 1 else {"name": "Set", "elementType": element}
    return {"name": name, "required": False, "type": type_} | more


class TestWriteBack:
    def told(
        self, text: str, *definitions: Mapping[str, Any], key: str = "consents"
    ) -> list[tuple[State, str]]:
        """Return what is told where customers have a type of these fields."""
        type_ = {"key": key, "resourceTypeIds": ["customer"], "fieldDefinitions": list(definitions)}
        seen = ProjectSeen(project="acme", resources={"type": [type_]})
        return [tuple(each) for each in hold_write_back(read(text), seen)]

    def test_its_fields_are_asked_for(self):
        """Each field that is written to must be there, of a type for customers."""
        asked = [
            (ask.place, ask.name, ask.of)
            for ask in asks(read(BACK + 'time = "customer.custom.fields.since"\n'))
            if "write_back" in ask.place
        ]

        assert asked == [
            (("consent", "email", "write_back", "value"), "news", ("customer",)),
            (("consent", "email", "write_back", "time"), "since", ("customer",)),
        ]

    @pytest.mark.parametrize(
        ("more", "definition"),
        [
            ("", a_definition("news", "Boolean")),
            ('no = "unsubscribed"\n', a_definition("news", "String")),
            ('no = "unsubscribed"\n', a_definition("news", "Enum", keys=["subscribed", "unsubscribed"])),
            ('no = "unsubscribed"\n', a_definition("news", "LocalizedEnum", keys=["unsubscribed"])),
            ('without = "yes"\n', a_definition("news", "Set", "Enum", keys=["yes"])),
            ("clears = true\n", a_definition("news", "DateTime")),
        ],
    )
    def test_a_field_that_can_become_it(self, more: str, definition: Mapping[str, Any]):
        """Of a field of the right type nothing is told."""
        assert self.told(BACK + more, definition) == []

    @pytest.mark.parametrize(
        ("more", "definition", "says"),
        [
            ("", a_definition("news", "String"), "is a field of String: expected Boolean"),
            (
                'no = "unsubscribed"\n',
                a_definition("news", "Boolean"),
                "is a field of Boolean: expected String or",
            ),
            (
                'no = "unsubscribed"\n',
                a_definition("news", "Enum", keys=["unsubscribd"]),
                "has no key 'unsubscribed'",
            ),
            ('without = "yes"\n', a_definition("news", "Enum", keys=["yes"]), "expected Set of String or"),
            ('without = "yes"\n', a_definition("news", "Set", "Enum", keys=["no"]), "has no key 'yes'"),
            ("clears = true\n", a_definition("news", "DateTime", required=True), "is required"),
        ],
    )
    def test_a_field_that_cannot(self, more: str, definition: Mapping[str, Any], says: str):
        """A field of another type, or without that key, is a fault at its key."""
        ((state, text),) = self.told(BACK + more, definition)

        assert state is State.FAULT
        assert says in text
        assert "write_back" in text

    def test_a_moment_and_a_source_have_types_too(self):
        """The moment is no day, and the source a text."""
        text = BACK + 'time = "customer.custom.fields.at"\nsource = "customer.custom.fields.via"\n'
        told = self.told(
            text, a_definition("news", "Boolean"), a_definition("at", "Date"), a_definition("via", "Boolean")
        )

        assert ["is a field of Date" in told[0][1], "is a field of Boolean" in told[1][1]] == [True, True]

    def test_a_type_that_is_given_must_fit(self):
        """It is there, has our fields, and requires no others."""
        news = a_definition("news", "Boolean")
        text = BACK + 'type = "consents"\n'

        assert self.told(text, news) == []
        assert "did you mean 'consent'?" in self.told(text, news, key="consent")[0][1]
        assert "has no field 'news'" in self.told(text)[0][1]
        assert "requires 'must'" in self.told(text, news, a_definition("must", "String", required=True))[0][1]

    def test_it_needs_a_scope(self):
        """A client that may only view is a fault; whether it may, where nothing is shown, a remark."""

        def told(*granted: str) -> list[State]:
            return [each.state for each in hold_write_scope(read(BACK), "acme", granted)]

        assert told("view_customers:acme") == [State.FAULT]
        assert told("manage_customers:other") == [State.FAULT]
        assert told("manage_customers:acme") == told("manage_project:acme") == []
        assert told() == [State.REMARK]
        assert list(hold_write_scope(read(BEGIN), "acme", ())) == []


class TestFields:
    TEXT = BEGIN + NUMBER + ALL

    def test_all_as_it_must_be(self):
        """A field that is there as wanted is not spoken of."""
        assert of_account(self.TEXT, fields=(ID,)) == []

    def test_missing(self):
        """What is not there will be made."""
        assert of_account(self.TEXT, connections=frozenset()) == [
            (State.REMARK, "fields that are not there and will be made: CT_CUSTOMER_ID"),
            (State.REMARK, "connections that are not there and will be made: acme"),
        ]

    def test_of_another_type(self):
        """Both types are named where they differ."""
        other = FieldSeen(perstag="CT_CUSTOMER_ID", title="Customer id", type="date")

        assert of_account(self.TEXT, fields=(other,)) == [
            (State.FAULT, "[[fields]] 1, type: CT_CUSTOMER_ID is of type date there, wanted is text")
        ]

    def test_a_type_that_is_not_told(self):
        """An account that does not say what type a field has is not contradicted."""
        assert of_account(self.TEXT, fields=(FieldSeen(perstag="CT_CUSTOMER_ID", title="?", type=""),)) == []

    def test_a_title_that_is_taken(self):
        """A field that was given another perstag there, or a namesake, keeps ours from being made."""
        renamed = FieldSeen(perstag="KUNDE", title="customer ID", type="text")

        ((state, says),) = of_account(self.TEXT, fields=(renamed,))

        assert state is State.FAULT
        assert says.startswith("[[fields]] 1, title: CT_CUSTOMER_ID cannot be made")
        assert "the field KUNDE has the title 'customer ID'" in says

    def test_options(self):
        """Options that are not there will be added, those that are there beside ours stay."""
        text = BEGIN + ALL + a_field("customer.salutation", 'type = "dropdown"', 'options = ["a", "b"]')
        there = FieldSeen(perstag="X", title="X", type="dropdown", options=("b", "z"))

        assert of_account(text, fields=(there,)) == [
            (State.REMARK, "[[fields]] 1, options: options of X that are not there and will be added: 'a'")
        ]


class TestLists:
    TEXT = (
        BEGIN + SWISS + NUMBER + '[lists.news]\nname = "News"\n[lists.ch]\nname = "Schweiz"\nchannel = "sms"\n'
        + route("ch", "swiss", 'country = "CH"', lists="ch") + route("all", "main", lists="news")
    )  # fmt: skip

    def told(self, *lists: tuple[str, str, str], name: str = "main") -> list[tuple[State, str]]:
        """Return what is told of an account with these lists."""
        seen = tuple(ListSeen(id=id_, name=title, channel=channel) for id_, title, channel in lists)
        return of_account(self.TEXT, name, fields=(ID,), lists=seen)

    def test_each_account_needs_the_lists_that_its_routes_name(self):
        """A list is looked for by its exact name and channel, in those accounts that need it."""
        assert self.told(("1", "News", "email"), ("2", "News", "sms")) == []
        assert self.told(("1", "Schweiz", "sms"), name="swiss") == []

    def test_missing(self):
        """A list that is not there is a fault, with the one that was meant."""
        assert self.told(("1", "news", "email")) == [
            (
                State.FAULT,
                "[lists.news], name: no list for email there is called 'News': did you mean 'news'?",
            )
        ]

    def test_of_another_channel(self):
        """A list of that name for another channel is not taken for it."""
        assert self.told(("1", "Schweiz", "email"), name="swiss") == [
            (State.FAULT, "[lists.ch], name: no list for sms there is called 'Schweiz': one for email is")
        ]

    def test_two_of_one_name(self):
        """Of two lists with one name nobody can tell which is meant."""
        assert self.told(("4", "News", "email"), ("7", "News", "email")) == [
            (State.FAULT, "[lists.news], name: the lists 4 and 7 there are both called 'News': rename one")
        ]


class TestTags:
    TEXT = (
        BEGIN + NUMBER + '[[tags.rules]]\nname = { value = "VIP" }\n' + route("all", "main", tag_prefix="de ")
    )

    def test_another_case(self):
        """A tag that is there in another case is told to be the same."""
        assert of_account(self.TEXT, fields=(ID,), tags=("De VIP",)) == [
            (
                State.REMARK,
                "[[tags.rules]] 1, name: the tag 'de VIP' is called 'De VIP' there, and is the same",
            )
        ]

    @pytest.mark.parametrize("tags", [(), ("de VIP",), ("de VIP-old",), ("VIP",)], ids=str)
    def test_nothing_to_tell(self, tags: tuple[str, ...]):
        """A tag as it is meant, one with more to its name, and none are not spoken of."""
        assert of_account(self.TEXT, fields=(ID,), tags=tags) == []


class TestEvents:
    TEXT = (
        BEGIN + SWISS + NUMBER + route("ch", "swiss", 'country = "CH"') + route("all", "main")
        + '[[events]]\non = "paid"\nautomation = 12\n'
        + '[[events]]\non = "paid"\nroutes = "ch"\nautomation = 7\n'
    )  # fmt: skip

    def told(self, *automations: tuple[str, str, bool], name: str = "main") -> list[tuple[State, str]]:
        """Return what is told of an account with these automations."""
        seen = tuple(
            AutomationSeen(id=id_, name=title, is_active=active) for id_, title, active in automations
        )
        return of_account(self.TEXT, name, fields=(ID,), automations=seen)

    def test_each_account_needs_the_automations_that_its_people_enter(self):
        """An automation is looked for by its number, in those accounts whose routes a rule is for."""
        assert self.told(("12", "Paid", True)) == []
        assert self.told(("7", "Swiss", True), ("12", "Paid", True), name="swiss") == []

    def test_missing(self):
        """An automation that is not there is a fault, with those that are."""
        assert self.told(("1", "One", True), ("2", "x" * 99, True), ("3", "3", True), ("4", "4", True)) == [
            (
                State.FAULT,
                (
                    "[[events]] 1, automation: no automation there has the number 12: it has 1 (One),"
                    f" 2 ({'x' * 40}…), 3 (3) and 1 more"
                ),
            )
        ]
        ((_, says),) = self.told()
        assert says.endswith("has the number 12: it has none")

    def test_not_active(self):
        """Nobody enters an automation that is not active."""
        assert self.told(("12", "Paid", False)) == [
            (
                State.FAULT,
                "[[events]] 1, automation: the automation 12, 'Paid', is not active there: activate it",
            )
        ]

    def test_tracking_without_an_event_host(self):
        """Where nothing can be tracked a rule that tracks is a fault."""
        text = BEGIN + NUMBER + ALL + '[[events]]\non = "paid"\ntracking = { name = "paid" }\n'
        configuration = read(text)
        (destination,) = configuration.destinations
        seen = AccountSeen(fields=(ID,), connections=frozenset({"acme"}))

        assert list(hold_account(configuration, destination, seen)) == []
        ((state, says),) = hold_account(configuration, replace(destination, event_key_env=None), seen)
        assert state is State.FAULT
        assert says.startswith("[[events]] 1, tracking: 'paid' cannot be tracked: [destinations.main] has no")

    @pytest.mark.parametrize(
        ("facts", "begins"),
        [
            ({"messages": {"enabled": False}}, "it keeps no messages, so what changes twice"),
            ({"messages": {}}, "it keeps no messages"),
            ({"key": "acme"}, "whether it keeps messages is not shown: without them what changes twice"),
            ({"messages": None}, "whether it keeps messages is not shown"),
        ],
    )
    def test_messages_that_are_off(self, facts: Mapping[str, Any], begins: str):
        """A project without messages is remarked upon where anything follows of events, with the way to have them."""
        ((state, says),) = hold_messages(read(self.TEXT), facts)

        assert state is State.REMARK
        assert says.startswith(begins)
        assert ("changeMessagesConfiguration" in says) is says.startswith("it keeps")

    def test_messages_that_are_on_or_not_needed(self):
        """A project that keeps them is not spoken of, and neither is one of whose events nothing follows."""
        assert list(hold_messages(read(self.TEXT), {"messages": {"enabled": True}})) == []
        assert list(hold_messages(read(BEGIN + ALL), {"messages": {"enabled": False}})) == []

    def test_what_orders_of_the_past_are_told_by_must_be_there(self):
        """Groups and stores of `historical_when` are held against the projects as those of routes are."""
        text = (
            BEGIN + ALL + '\n[orders]\nhistorical_when = { store = "de", group = "b2b", origin = "Quote" }\n'
        )

        assert {"store", "customer-group"} <= kinds(text)
        assert (names(text, "store"), names(text, "customer-group")) == (["de"], ["b2b"])

    @pytest.mark.parametrize("declared", ['customers = "unsubscribe"', 'orders = "cancel"'])
    def test_what_follows_of_deletions_is_noticed_later(self, declared: str):
        """Where anything follows of a deletion, a project without messages is told that a sweep finds it."""
        file = read(BEGIN + ALL + f"\n[deletions]\n{declared}\n")

        ((state, says),) = hold_messages(file, {"messages": {"enabled": False}})

        assert state is State.REMARK
        assert says.startswith("it keeps no messages, so what is deleted is noticed once a week")


class TestContainers:
    def test_an_empty_container_is_remarked_upon(self):
        """A container in which a project has no custom object is told of, at the place that names it."""
        places = "".join(
            f'[[consent.email.read]]\nvalue = "custom_object.value.n"\ncontainer = "{name}"\n'
            for name in ("full", "emtpy")
        )
        held = read(BEGIN + ALL + "[consent.email]\n" + places)

        ((state, says),) = hold_containers(held, {"empty_containers": ["emtpy"]})

        assert state is State.REMARK
        assert says == "[consent], email.read 2.container: no custom object is in the container 'emtpy' (yet)"
        assert list(hold_containers(held, {"key": "acme"})) == []


class TestAnyAccount:
    @given(
        st.lists(
            st.builds(
                FieldSeen,
                perstag=st.sampled_from(["CT_CUSTOMER_ID", "ct_customer_id", "OTHER", ""]),
                title=st.sampled_from(["Customer id", "CUSTOMER ID", "Other", ""]),
                type=st.sampled_from(["text", "date", ""]),
            ),
            max_size=6,
        )
    )
    def test_a_field_has_one_verdict(self, fields: list[FieldSeen]):
        """Whatever fields there are, each of ours is there, will be made, or is one fault."""
        told = of_account(BEGIN + NUMBER + ALL, fields=tuple(fields))

        assert len(told) <= 1
        is_there = any(each.perstag.upper() == "CT_CUSTOMER_ID" for each in fields)
        assert is_there or len(told) == 1


class TestAsk:
    def test_each_ask_has_a_place(self):
        """Every name that is asked for stands at a key of the file."""
        text = BEGIN + route("a", "main", 'store = ["de", "ch"]') + a_field("customer.custom.fields.tier")
        asked = [(ask.kind, ask.name) for ask in asks(read(text)) if ask.name]

        assert asked == [("store", "de"), ("store", "ch"), ("type", "tier")]
        assert all(isinstance(ask, Ask) and ask.place for ask in asks(read(text)))
