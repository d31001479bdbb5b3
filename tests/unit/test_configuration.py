"""The file: what it means, and all that is wrong with it, at once and in its place."""

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.default import TEXT, default_configuration
from ct_ac_sync.configuration.expression import Expression, parse_path, parse_template, parse_transforms
from ct_ac_sync.configuration.places import find_places, line_of
from ct_ac_sync.configuration.read import read_configuration, read_file, read_text
from ct_ac_sync.configuration.values import (
    AutomationRule,
    Condition,
    Configuration,
    EventFieldRule,
    EventRule,
    EventTagRule,
    FieldType,
    ListConfig,
    Place,
    Reentry,
    Route,
    Speaker,
    StatusRule,
    TrackingRule,
)
from ct_ac_sync.domain.contact import CreationSource, OrderStatus
from ct_ac_sync.domain.event import EventKind
from ct_ac_sync.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "ct_ac_sync" / "sandbox" / "sync.toml"

ENVIRON = {
    "CTP_PROJECT_KEY": "acme",
    "CTP_API_URL": "https://api.example",
    "CTP_AUTH_URL": "https://auth.example",
    "AC_API_URL": "https://Acme.api-us1.example",
    "AC_API_URL_B2B": "https://trade.api-us1.example",
    "AC_EVENT_URL": "https://events.example/event",
    "AC_EVENT_URL_B2B": "https://events.example/event",
}

TWO_ACCOUNTS = """
[destinations.main]
api_url = "https://main.example"
token_env = "AC_API_TOKEN"
[destinations.trade]
api_url = "https://trade.example"
token_env = "AC_API_TOKEN_B2B"
"""


def read(text: str, **environ: str) -> Configuration:
    """Return what *text* says."""
    return read_configuration(text, where="sync.toml", environ=ENVIRON | environ)


def faults_of(text: str, **environ: str) -> list[str]:
    """Return the faults of *text*."""
    try:
        read(text, **environ)
    except ConfigurationError as error:
        head, *lines = str(error).split("\n  ")
        return lines if head == "sync.toml is wrong:" and error.cause == "configuration" else [head]
    return []


def remarks_on(text: str) -> list[str]:
    """Return what is odd about *text*."""
    return list(read_text(text, where="sync.toml", environ=ENVIRON).remarks)


def field(**keys: str) -> str:
    """Return the text of a field; what is given stands as it is."""
    plain = {"perstag": '"CT_X"', "title": '"X"', "from": '"customer.id"'} | {
        k.rstrip("_"): v for k, v in keys.items()
    }
    return "[[fields]]\n" + "\n".join(f"{key} = {value}" for key, value in plain.items() if value) + "\n"


# -- places -------------------------------------------------------------------------------


def paths_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the paths of all keys and items of a document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths_in(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from paths_in(each, (*path, number))


NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.sampled_from(['"a.b"', "'c]d'", '"e = #f"', '"ü \\" \\u00e9"']),
)
BLANKS = st.sampled_from(["", " ", "\t"])
GAPS = st.sampled_from(["", " ", "\n", '\n  # a [comment], {odd} "one"\n', "\r\n"])
SCALARS = st.sampled_from(
    [
        "1", "-2.5e3", "true", "2026-01-01", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "inf", '""', "''",
        '"a # b"', r'"\" ] }"', r"'\'", '"""a"""', '"""\n[x]\n  y = "1" \\"""" z"""', "'''\n'[[q]]'\n'''",
        '"""two quotes: """""', "''''one'''", '"""\\\n   folded"""',
    ]
)  # fmt: skip


@st.composite
def arrays(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """Make a list over one line or several, with comments and a last comma."""
    items = draw(st.lists(values, max_size=3))
    text = ",".join(draw(GAPS) + item + draw(GAPS) for item in items)
    last = "," if items and draw(st.booleans()) else ""
    return f"[{text}{last}{draw(GAPS)}]"


@st.composite
def keys(draw: st.DrawFn) -> str:
    """Make a key, perhaps a dotted one."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3))
    return (draw(BLANKS) + "." + draw(BLANKS)).join(names)


@st.composite
def inline_tables(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """Make a table in braces."""
    pairs = draw(st.dictionaries(keys(), values, max_size=3))
    return (
        "{" + ", ".join(f"{key}{draw(BLANKS)}={draw(BLANKS)}{value}" for key, value in pairs.items()) + " }"
    )


VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(arrays(values=inner), inline_tables(values=inner)), max_leaves=6
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Make a text of pairs and tables in any style; it need not be right."""
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["pair", "pair", "table", "array"]))
        key, end = draw(keys()), draw(st.sampled_from(["\n", " # said\n", "\n\n", "\r\n"]))
        match kind:
            case "table":
                lines.append(f"[{key}]{end}")
            case "array":
                lines.append(f"[[ {key} ]]{end}")
            case _:
                lines.append(f"{key} = {draw(VALUES)}{end}")
    return "".join(lines)


class TestPlaces:
    @given(documents())
    def test_every_key_has_a_place_and_no_other(self, text: str):
        """Whatever the style, the places are those of the keys that the standard library reads."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return

        places = find_places(text)

        assert set(places) == set(paths_in(document))
        assert all(1 <= line <= text.count("\n") + 1 for line in places.values())

    @pytest.mark.parametrize("path", [ROOT / "pyproject.toml", EXAMPLE], ids=["pyproject", "example"])
    def test_each_line_holds_its_key(self, path: Path):
        """On the line of a key of our own files stands that key."""
        text = path.read_text("utf-8")
        lines = text.splitlines()

        for place, line in find_places(text).items():
            if isinstance(place[-1], str):
                assert place[-1] in lines[line - 1]

    def test_lines_of_all_ways_to_write_a_key(self):
        """Dotted keys, tables in braces, lists over lines and arrays of tables are found."""
        places = find_places(
            'a.b = 1\nc = { d = [\n  1,\n  2 ], "e f" = """\n\n""" }\n[[g]]\n[g.h]\ni = 2\n[[g]]\nj = {}\n'
        )

        assert places["a", "b"] == 1
        assert places["c", "d", 0] == 3
        assert places["c", "d", 1] == 4
        assert places["c", "e f"] == 4
        assert places["g", 0] == 7
        assert places["g", 0, "h", "i"] == 9
        assert places["g", 1, "j"] == 11

    def test_what_is_missing_has_the_line_of_its_table(self):
        """A key that is not there is looked for where it should be."""
        places = find_places("[a]\nb = 1\n[c]\n")

        assert line_of(("c", "d", 3), places) == 3
        assert line_of(("x",), places) == 1
        assert line_of((), places) == 1


# -- what it means ------------------------------------------------------------------------


class TestDefault:
    def test_says_what_holds_without_a_file(self):
        """Without a file one project goes to one account, with the fields there always were."""
        configuration = default_configuration(
            project="acme",
            api_url="https://api.example",
            auth_url="https://auth.example",
            ac_api_url="https://Acme.api-us1.example",
            scopes="view_orders:acme",
        )

        assert [each.project for each in configuration.sources] == ["acme"]
        assert configuration.sources[0].scopes == "view_orders:acme"
        assert [each.host for each in configuration.destinations] == ["acme.api-us1.example"]
        assert configuration.routes == (Route(name="everything", destination="main"),)
        assert {rule.perstag: rule.title for rule in configuration.fields} == {
            "CT_CUSTOMER_ID": "Commercetools customer id",
            "CT_CUSTOMER_NUMBER": "Commercetools customer number",
            "CT_CUSTOMER_KEY": "Commercetools customer key",
            "CT_LOCALE": "Commercetools locale",
            "CT_LAST_MODIFIED": "Commercetools last modified",
        }
        assert {rule.type for rule in configuration.fields} == {FieldType.TEXT}
        assert configuration.tags.owned == configuration.tags.rules == configuration.lists == ()

    def test_says_only_what_a_file_without_it_means(self):
        """The profile, statuses and products of the default file are what holds where a file has none."""
        whole, bare = read(TEXT), read("version = 1")

        assert whole.profile == bare.profile
        assert whole.orders == bare.orders
        assert whole.products == bare.products
        assert whole.routes == bare.routes
        assert (whole.sources, whole.destinations) == (bare.sources, bare.destinations)

    def test_is_read_without_a_remark(self):
        """Whoever copies the default begins with a clean file."""
        assert remarks_on(TEXT) == []


class TestMeaning:
    def test_the_worked_example(self):
        """The rich shop of the demo is read without a remark, and uses all that there is."""
        reading = read_file(EXAMPLE, environ=ENVIRON)
        configuration = reading.configuration

        assert reading.remarks == ()
        assert {each.name for each in configuration.destinations} == {"business", "consumer"}
        assert {rule.type for rule in configuration.fields} == set(FieldType)
        assert {f"CT_TOTAL_{each}" for each in ("EUR", "CHF", "JPY")} <= set(configuration.perstags)
        assert configuration.profile.locales == ("en-GB", "de-DE", "fr-CH")
        assert configuration.routes[0] == Route(
            name="staff", destination=None, when=Condition(custom=(("isStaff", ("true",)),))
        )
        assert configuration.routes[2].when.store == ("ch",)
        assert configuration.lists[0] == ListConfig(key="news", name="Newsletter")
        assert StatusRule(status=OrderStatus.REFUNDED, refunded=("full",)) in configuration.orders.statuses

    def test_every_way_to_say_a_value(self):
        """A value comes from paths, a template, a text or a function, and is transformed."""
        rules = read(
            field(from_='["customer.key", "customer.id"]', transform='["strip", { cut = 5 }]')
            + field(perstag='"CT_B"', title='"B"', from_="", template='"{customer.key}!"')
            + field(perstag='"CT_C"', title='"C"', from_="", value='"shop"')
            + field(perstag='"CT_D"', title='"D"', from_="", function='"acme.sync:tier"')
            + '[profile]\nphone = "billing.phone"\nlast_name = ["customer.lastName", "shipping.lastName"]\n'
            + "[tags.rules]\n".replace("[tags.rules]", "[[tags.rules]]")
            + 'name = "a {customer.key}"\n'
        )

        assert [rule.value for rule in rules.fields] == [
            Expression(
                paths=(parse_path("customer.key"), parse_path("customer.id")),
                transforms=parse_transforms(["strip", {"cut": 5}]),
            ),
            Expression(template=parse_template("{customer.key}!")),
            Expression(constant="shop"),
            Expression(function="acme.sync:tier"),
        ]
        assert rules.profile.phone == Expression(paths=(parse_path("billing.phone"),))
        assert len(rules.profile.last_name.paths) == 2
        assert rules.tags.rules[0].name == Expression(template=parse_template("a {customer.key}"))

    def test_one_value_is_a_list_of_one(self):
        """A condition takes one value or several, and knows texts from nothing else."""
        when = read(
            '[[routes]]\nname = "a"\ndestination = "main"\n'
            'when = { store = "de", group = ["a", "b"], custom = { vip = true, level = [1, "2"] } }\n'
        ).routes[0].when  # fmt: skip

        assert when == Condition(
            store=("de",), group=("a", "b"), custom=(("level", ("1", "2")), ("vip", ("true",)))
        )

    def test_orders_of_the_past(self):
        """Without a word none are of the past; said so, it is a condition as that of a route."""
        declared = read('[orders]\nhistorical_when = { origin = ["Merchant", "Quote"], store = "de" }').orders

        assert read("[orders]\nchargebacks_count = true").orders.historical_when is None
        assert declared.historical_when == Condition(store=("de",), origin=("Merchant", "Quote"))

    def test_choices(self):
        """Words that choose become what they choose."""
        profile = read('[profile]\nspeaker = "newest"\naddress = "shipping"').profile

        assert profile.speaker is Speaker.NEWEST
        assert profile.address == (Place.SHIPPING,)

    def test_projects_and_accounts_of_their_own(self):
        """Several projects and accounts each name their own, and share no variable by accident."""
        configuration = read(
            TWO_ACCOUNTS + '[sources.de]\nproject = "acme-de"\napi_url_env = "CTP_API_URL"\n'
            'auth_url = "https://auth.example"\nclient_id_env = "ID_DE"\nclient_secret_env = "SECRET_DE"\n'
            '[sources.ch]\nproject_env = "PROJECT_CH"\napi_url = "https://ch.example"\n'
            'auth_url = "https://auth.example"\nclient_id_env = "ID_CH"\nclient_secret_env = "SECRET_CH"\n'
            '[[routes]]\nname = "ch"\nwhen = { source = "ch" }\ndestination = "trade"\n'
            '[[routes]]\nname = "rest"\ndestination = "main"\n',
            PROJECT_CH="acme-ch",
        )

        assert [(each.name, each.project) for each in configuration.sources] == [
            ("ch", "acme-ch"),
            ("de", "acme-de"),
        ]
        assert [each.api_url for each in configuration.sources] == [
            "https://ch.example",
            "https://api.example",
        ]
        assert [each.client_secret_env for each in configuration.sources] == ["SECRET_CH", "SECRET_DE"]
        assert [each.token_env for each in configuration.destinations] == ["AC_API_TOKEN", "AC_API_TOKEN_B2B"]

    def test_a_byte_order_mark_and_carriage_returns_are_passed_over(self):
        """A file of another system's editor means the same, and its lines are counted the same."""
        assert read("\ufeff" + TEXT.replace("\n", "\r\n")) == read(TEXT)
        assert faults_of("\ufeff\r\n\r\nvresion = 1\r\n") == [
            "line 3: vresion: is no key of this table: did you mean 'version'?"
        ]


class TestHash:
    def test_names_what_is_sent(self):
        """Another field, route or account is another hash; the same file is the same."""
        text = EXAMPLE.read_text("utf-8")
        first = read(text).hash

        assert re.fullmatch("[0-9a-f]{12}", first)
        assert read(text).hash == first
        assert read(text.replace("Loyalty points", "Points")).hash != first
        assert read(text.replace('"ch/"', '"swiss/"')).hash != first
        assert read(text, AC_API_URL="https://other.example").hash != first

    def test_is_silent_about_secrets_pace_and_writing(self):
        """Where a key is found, how fast calls go and how the file is laid out change nothing sent."""
        text = EXAMPLE.read_text("utf-8")
        other = text.replace('"AC_API_TOKEN"', '"ANOTHER"\ncall_interval_seconds = 1').replace(
            "\n[", "\n\n# said\n["
        )

        assert read(other).hash == read(text).hash
        assert read(text, CTP_SCOPES="view_orders:acme").hash == read(text).hash


# -- what is wrong --------------------------------------------------------------------------


class TestFaults:
    def test_all_come_at_once_each_in_its_place(self):
        """Faults of every kind are told together, in the order of the file, with lines and what was meant."""
        text = """\
version = 2
[profile]
speaker = "oldset"
first_nam = "customer.firstName"

[[routes]]
name = "a"
destination = "man"
when = { store = 5, countr = "DE" }

[[fields]]
perstag = "ct-tier"
title = "Tier"
type = "dropdown"
from = "custmer.tier"
transform = [
  "strip",
  "lowr",
]

[tags]
owned = ["tier: ", ""]
"""

        assert faults_of(text) == [
            "line 1: version: expected 1, the only version there is, not the number 2",
            "line 3: [profile], speaker: expected oldest or newest, not 'oldset': did you mean 'oldest'?",
            "line 4: [profile], first_nam: is no key of this table: did you mean 'first_name'?",
            "line 8: [[routes]] 1, destination: no destination of this file is called 'man': did you mean 'main'?",
            "line 9: [[routes]] 1, when.countr: is no key of this table: did you mean 'country'?",
            "line 9: [[routes]] 1, when.store: expected a text in quotes, such as 'de', not the number 5",
            "line 11: [[fields]] 1, options: is missing: expected the options of a dropdown, such as ['Gold', 'Silver']",
            (
                "line 12: [[fields]] 1, perstag: expected capital letters, digits and _, such as 'CT_TIER',"
                " not 'ct-tier': did you mean 'CT_TIER'?"
            ),
            (
                "line 15: [[fields]] 1, from: expected a path that begins with address, billing, cart, consent, custom_object, customer, event,"
                " last_order, last_product, line, order, orders, person, product, route, shipping or shopping_list, not 'custmer': did you mean 'customer'?"
            ),
            (
                "line 18: [[fields]] 1, transform 2: expected cut, date, datetime, default, digits, first, join, label,"
                " lower, map, number, phone, replace, sort, split, strip, title, unique or upper, not 'lowr':"
                " did you mean 'lower'?"
            ),
            "line 22: [tags], owned 2: expected a text without commas, such as 'tier: ', not an empty text",
        ]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("[routes]\nname = 1", "routes: expected [[routes]] in double brackets, once for each, not a table"),
            ("profile = 3", "profile: expected a table of speaker, address"),
            ("sources = []", "sources: expected a table of names and values, not an empty list"),
            ("[destinations]", "destinations: expected at least one, not an empty table"),
            ("[lists.'a b']\nname = 'x'", "[lists.a b]: expected a name of letters, digits, - and _"),
            ("[lists.a]\nname = 2026-01-01", "[lists.a], name: expected a text in quotes, such as 'Newsletter', not a date or time"),
            ("[lists.a]\nname = 'x'\nchannel = 'fax'", "[lists.a], channel: expected email or sms, not 'fax'"),
            ("[orders]\nchargebacks_count = 'yes'", "[orders], chargebacks_count: expected true or false, without quotes, not 'yes'"),
            ("[orders]\nhistorical_when = { origin = 'Staff' }", "[orders], historical_when.origin: expected Customer, Merchant, Quote or RecurringOrder, not 'Staff'"),
            ("[orders]\nhistorical_when = 'Merchant'", "[orders], historical_when: expected a table of source, store"),
            ("[orders]\nhistorical_when = { source = 'shp' }", "[orders], historical_when.source: no source of this file is called 'shp'"),
            ("[deletions]\norders = 'delete'", "[deletions], orders: expected leave or cancel, not 'delete'"),
            ("[orders]\nurl = 3", "[orders], url: expected a template such as"),
            ("[profile]\nphone = true", "[profile], phone: expected a path or several such as 'address.mobile'"),
            ("[profile]\nlocales = 'de_DE'", "[profile], locales: expected a language tag, such as 'en-GB', not 'de_DE': did you mean 'de-DE'?"),
            ("[profile]\naddress = ['first', 'first']", "[profile], address 2: is given twice"),
            ("[products]\nattributes = []", "[products], attributes: expected at least one, not an empty list"),
            ("[[orders.statuses]]\nstatus = 'cancelled'", "[[orders.statuses]] 1, status: expected PENDING, "),
            ("[[orders.statuses]]\nstatus = 'PAID'\nrefunded = 'half'", "[[orders.statuses]] 1, refunded: expected none, partial or full, not 'half'"),
            ("[[routes]]\nname = 'a'", "[[routes]] 1, destination: is missing: expected a text in quotes, such as 'main'"),
            ("[[tags.rules]]\nname = 'a, b'", "[[tags.rules]] 1, name: expected a name without commas"),
            ("[[tags.rules]]\nname = { value = 'a,b' }", "[[tags.rules]] 1, name.value: expected a text without commas"),
            ("[[tags.rules]]\nname = '{customer.key'", "[[tags.rules]] 1, name: expected {path}"),
            ("[tags]\nowned = ','", "[tags], owned: expected a text without commas"),
        ],
    )  # fmt: skip
    def test_what_came_and_what_would_be_right(self, text: str, fault: str):
        """A wrong value is told with its table and key, what it is, and what it should be."""
        assert any(fault in each for each in faults_of(text))

    @pytest.mark.parametrize(
        ("keys", "fault"),
        [
            ({"from_": ""}, "[[fields]] 1: says no value: expected one of from, template, value, function"),
            ({"value": '"x"'}, "[[fields]] 1: expected one of from, template, value, function, not from and value"),
            ({"options": '["A"]'}, "options: expected no options of a text, or type to be checkbox or dropdown or listbox or radio"),
            ({"type": '"radio"', "options": '["A", "A"]'}, "options 2: is given twice"),
            ({"type": '"listbox"', "options": '["A||B"]'}, "options 1: expected an option without ||"),
            ({"type": '"drop-down"'}, "type: expected text, textarea, date, datetime, dropdown, radio, listbox, checkbox, hidden or number, not 'drop-down': did you mean 'dropdown'?"),
            ({"from_": '"order.orderNumber"'}, "from: expected a path into what is known of a person, not 'order': did you mean 'last_order'?"),
            ({"from_": "", "function": '"acme.sync.tier"'}, "function: expected a function as package.module:name"),
            ({"transform": '{ cut = "x" }'}, "transform: expected a whole number from 1 to 10000 after cut, not 'x'"),
            ({"transform": '["strip", 3]'}, "transform 2: expected a word such as"),
            ({"transform": '["strip", "label"]'}, "transform: expected label before all other transforms"),
            ({"transform": "3"}, "transform: expected a word such as"),
            ({"title": '"a\\u0000b"'}, "title: expected a text without control characters"),
        ],
    )  # fmt: skip
    def test_fields_that_cannot_be(self, keys: dict[str, str], fault: str):
        """A field without one value, with options it cannot have or a word nobody knows is refused."""
        faults = faults_of(field(**keys))

        assert len(faults) == 1
        assert fault in faults[0]

    def test_names_that_are_nowhere(self):
        """Destinations, sources and lists that are named must be there."""
        text = '[lists.news]\nname = "N"\n[[routes]]\nname = "a"\ndestination = "x"\nlists = ["news", "nws"]\nwhen = { source = ["shop", "shp"] }\n[[tags.rules]]\nname = "t"\nwhen.source = "zzz"\n'

        assert faults_of(text) == [
            "line 5: [[routes]] 1, destination: no destination of this file is called 'x': it has main, none",
            "line 6: [[routes]] 1, lists 2: no list of this file is called 'nws': did you mean 'news'?",
            "line 7: [[routes]] 1, when.source 2: no source of this file is called 'shp': did you mean 'shop'?",
            "line 10: [[tags.rules]] 1, when.source: no source of this file is called 'zzz': it has shop",
        ]

    def test_a_channel_that_nobody_asks_of(self):
        """What was said of a channel can be shown only where the file asks what is said of it."""
        text = (
            '[consent.email]\n[[consent.email.read]]\nvalue = "customer.custom.fields.news"\n'
            '[[fields]]\nperstag = "SAYS"\ntitle = "Says"\nfrom = ["consent.email.says", "consent.emial.says"]\n'
            '[[fields]]\nperstag = "WORD"\ntitle = "Word"\nvalue = "consent.fax.says"\n'
            '[[tags.rules]]\nname = { template = "by {consent.sms.place}" }\n'
        )

        assert faults_of(text) == [
            "line 7: [[fields]] 1, from 2: no channel of [consent] of this file is called 'emial': did you mean 'email'?",
            "line 13: [[tags.rules]] 1, name.template: no channel of [consent] of this file is called 'sms': it has email",
        ]

    def test_what_is_there_twice(self):
        """Routes, perstags and titles are told apart by name, as the vendor tells titles apart."""
        text = (
            field()
            + field(title='"x"')
            + '[[routes]]\nname = "a"\nwhen.store = "s"\ndestination = "main"\n[[routes]]\nname = "A"\ndestination = "main"\n'
        )

        assert faults_of(text) == [
            "line 6: [[fields]] 2, perstag: is the same as of number 1: 'CT_X'",
            "line 7: [[fields]] 2, title: is the same as of number 1: 'x'",
            "line 14: [[routes]] 2, name: is the same as of number 1: 'A'",
        ]

    def test_one_account_or_project_twice(self):
        """Two destinations with one host, or two sources with one project, are one too many."""
        text = TWO_ACCOUNTS.replace("trade.example", "MAIN.example") + "".join(
            f'[sources.{name}]\nproject = "acme"\napi_url = "https://a.example"\nauth_url = "https://b.example"\n'
            f'client_id_env = "ID"\nclient_secret_env = "SECRET"\n'
            for name in ("one", "two")
        )

        assert faults_of(text + '[[routes]]\nname = "a"\ndestination = "main"\n') == [
            "line 6: [destinations.trade], api_url: is the same as of 'main': one of the two is enough",
            "line 15: [sources.two], project: is the same as of 'one': one of the two is enough",
        ]

    @pytest.mark.parametrize(
        ("first", "second", "is_hidden"),
        [
            ("{}", '{ store = "de" }', True),
            ("{}", "{}", True),
            ('{ store = ["de", "ch"] }', '{ store = "de", group = "b2b" }', True),
            ("{ custom = { vip = true } }", '{ custom = { vip = "true", level = 1 } }', True),
            ('{ store = "de" }', '{ store = ["de", "ch"] }', False),
            ('{ store = "de" }', '{ group = "b2b" }', False),
            ("{ custom = { vip = true } }", "{ custom = { vip = false } }", False),
        ],
    )  # fmt: skip
    def test_a_route_that_never_has_its_turn(self, first: str, second: str, *, is_hidden: bool):
        """A route behind one that takes all it asks for is a fault."""
        text = "".join(
            f'[[routes]]\nname = "{name}"\nwhen = {when}\ndestination = "main"\n'
            for name, when in (("a", first), ("b", second))
        )

        assert bool(faults_of(text)) is is_hidden
        assert all(
            "line 5: [[routes]] 2: can never match: number 1 before it takes" in f for f in faults_of(text)
        )

    def test_a_status_that_never_has_its_turn(self):
        """A status behind one without a condition is a fault."""
        text = "[[orders.statuses]]\nstatus = 'WAITING'\n[[orders.statuses]]\nstatus = 'COMPLETED'\npayment = 'Paid'\n"

        assert faults_of(text) == [
            "line 3: [[orders.statuses]] 2: can never match: number 1 before it takes everything; put it earlier"
        ]

    def test_several_accounts_need_routes_and_keys_of_their_own(self):
        """Nobody guesses which account a record or a key is for."""
        text = '[destinations.a]\napi_url = "https://a.example"\n[destinations.b]\ntoken_env = "B"\n'

        assert faults_of(text) == [
            "line 1: [destinations.a], token_env: is missing: of several each has its own, such as token_env = 'AC_API_TOKEN_2'",
            "line 1: routes: is missing: expected [[routes]] that say which records go to which destination",
            (
                "line 3: [destinations.b], api_url: is missing: of several each has its own, such as api_url,"
                " or api_url_env = 'AC_API_URL_2'"
            ),
        ]

    def test_a_destination_cannot_be_called_none(self):
        """The word for nowhere is no account's name."""
        faults = faults_of("[destinations.none]\n[[routes]]\nname = 'a'\ndestination = 'none'\n")

        assert faults == [
            "line 1: [destinations.none]: is no name for a destination: a route to 'none' goes nowhere"
        ]

    def test_variables_that_hold_nothing_right(self):
        """A variable that is not set or holds no address is named, and what it holds is not shown."""
        text = '[sources.shop]\napi_url_env = "NOT_SET"\n[destinations.main]\napi_url_env = "WRONG"\n'

        assert faults_of(text, WRONG="https://user:hidden-secret@acme.example") == [
            "line 2: [sources.shop], api_url_env: the variable NOT_SET is not set",
            (
                "line 4: [destinations.main], api_url_env: the variable WRONG is wrong:"
                " expected https://host, without user, password or query"
            ),
        ]

    def test_a_value_and_its_variable(self):
        """What is given twice is refused, because nobody could tell which holds."""
        assert faults_of('[destinations.main]\napi_url = "https://a.example"\napi_url_env = "A"\n') == [
            "line 3: [destinations.main], api_url_env: is given, and so is api_url; keep one of them"
        ]

    @pytest.mark.parametrize(
        "text",
        [
            '[destinations.main]\ntoken_env = "5up3r-s3cret-t0ken"\n',
            '[destinations.main]\ntoken = "5up3r-s3cret-t0ken"\n',
            '[destinations.main]\napi_url = "https://me:5up3r-s3cret-t0ken@acme.example"\n',
            '[sources.shop]\nclient_secret_env = "5up3r-s3cret-t0ken"\n',
            '[sources.shop]\nclient_secret = "5up3r-s3cret-t0ken"\n',
            '[sources.shop]\napi_url_env = "5up3r-s3cret-t0ken"\n',
        ],
    )
    def test_a_secret_that_stands_in_the_file_is_not_shown(self, text: str):
        """Whoever writes a key into the file is told of it, and the key is not told on."""
        faults = faults_of(text)

        assert faults
        assert "5up3r" not in "".join(faults)


class TestBadFiles:
    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("a = 1\na = 2\n", "line 2: it is no TOML: Cannot overwrite a value (a key is there twice)"),
            ("[tags]\n[tags]\n", "line 2: it is no TOML: Cannot declare ('tags',) twice"),
            ("version = 1\ntitle = News\n", "line 2: it is no TOML: Invalid value (a value is missing, or its quotes are)"),
            ('[profile]\nspeaker = "old\nx = 1\n', "line 2: it is no TOML: Illegal character '\\n' (a text is not closed"),
            ('a = [\n  "x"\n  "y"\n]\n', "line 3: it is no TOML: Unclosed array"),
            ("version", "line 1: it is no TOML: Expected '=' after a key"),
            ("[routes\n", "line 1: it is no TOML: Expected ']'"),
            ('a = """\n\n', "line 2: it is no TOML: "),
            ("a = " + "[" * 5000, "its brackets are nested too deep to be read"),
            ("a = " + "9" * 5000, "it is no TOML: "),
            ("", "it says nothing: begin with a copy of ct_ac_sync/configuration/default.toml"),
            ("\ufeff# nothing\n", "it says nothing: "),
            ("x = 1\n" * 900_000, "it has 5400000 characters: expected at most 5000000"),
        ],
        ids=range(13),
    )  # fmt: skip
    def test_what_is_no_file_of_this_kind(self, text: str, fault: str):
        """Slips of grammar, an empty file and absurd ones are told with their line, and nothing else is."""
        faults = faults_of(text)

        assert len(faults) == 1
        assert faults[0].startswith(fault)

    def test_long_texts_are_refused_and_cut_short(self):
        """A text of five kilobytes hides no other fault, wherever it stands."""
        long = "x" * 5000
        text = (
            f'[profile]\nspeaker = "{long}"\nphone = "{long}"\n{long} = 1\n'
            + field(title=f'"{long}"', type=f'"{long}"', transform=f'"{long}"')
            + f'[[tags.rules]]\nname = "{{customer.{long}"\n[lists.{long}]\nname = "{long}"\n'
        )

        faults = faults_of(text)

        assert any("title: expected at most 1000 characters, not 5000" in each for each in faults)
        assert len(faults) == 8
        assert max(map(len, faults)) < 600

    def test_odd_texts_are_no_faults(self):
        """Emoji and scripts of either direction are texts as any other."""
        rule = read(field(title='"🎁 الاسم"', from_="", value='"日本 \u202ex"')).fields[0]

        assert rule.title == "🎁 الاسم"

    def test_a_file_that_is_no_text(self, tmp_path: Path):
        """Another encoding is told with the line where it shows."""
        path = tmp_path / "sync.toml"
        path.write_bytes("version = 1\n# Größe\n".encode("latin-1"))

        with pytest.raises(ConfigurationError, match="line 2: expected UTF-8"):
            read_file(path, environ=ENVIRON)

    def test_a_file_that_is_not_there(self, tmp_path: Path):
        """A missing file, or a folder in its place, is a fault of the configuration."""
        for path in (tmp_path / "sync.toml", tmp_path):
            with pytest.raises(ConfigurationError, match="it cannot be read: "):
                read_file(path, environ=ENVIRON)

    def test_functions_that_nobody_can_call(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A function that is not there, or whose module fails, is a fault in its place, and none of a user's own key."""
        (tmp_path / "acme_rules.py").write_text(
            "LEVEL = 3\n\n\ndef tier(scope):\n    return 'Gold'\n", "utf-8"
        )
        (tmp_path / "acme_broken.py").write_text("raise KeyError('5up3r-s3cret')\n", "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        names = (
            "acme_rules:tier",
            "acme_rules:teir",
            "acme_rules:LEVEL",
            "acme_broken:tier",
            "acme_gone.sync:tier",
        )
        text = "".join(
            field(perstag=f'"CT_{number}"', title=f'"{number}"', from_="", function=f'"{name}"')
            for number, name in enumerate(names)
        )
        text += '[[tags.rules]]\nname = { function = "acme_rules:tags" }\n'
        text += (
            '[[routes]]\nname = "a"\ndestination = "main"\nwhen = { custom = { function = "acme_gone:x" } }\n'
        )
        path = tmp_path / "sync.toml"
        path.write_text(text, "utf-8")

        with pytest.raises(ConfigurationError) as caught:
            read_file(path, environ=ENVIRON)

        faults = [re.sub(r"^ *line \d+: ", "", each) for each in str(caught.value).splitlines()[1:]]
        assert faults == [
            "[[fields]] 2, function: acme_rules:teir cannot be called: acme_rules has no teir: did you mean 'tier'?",
            "[[fields]] 3, function: acme_rules:LEVEL cannot be called: it is no function",
            "[[fields]] 4, function: acme_broken:tier cannot be called: importing acme_broken raised KeyError",
            (
                "[[fields]] 5, function: acme_gone.sync:tier cannot be called: there is no module acme_gone;"
                " install it, or name its folder in PYTHONPATH"
            ),
            "[[tags.rules]] 1, name.function: acme_rules:tags cannot be called: acme_rules has no tags",
        ]
        path.write_text(field(from_="", function='"acme_rules:tier"'), "utf-8")
        assert read_file(path, environ=ENVIRON).configuration.fields[0].value.function == "acme_rules:tier"

    def test_a_name_that_no_file_can_have(self):
        """A path that the system does not take is a fault of the configuration too."""
        with pytest.raises(ConfigurationError, match="it is no path: "):
            read_file(Path("sync\0.toml"), environ=ENVIRON)

    @given(
        st.recursive(
            st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.floats(), st.dates()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(
                        [
                            "name", "from", "when", "store", "custom", "api_url", "transform", "rules", "x", "on", "url",
                            "tracking", "automation", "tags", "fields", "routes", "ecommerce", "value", "id", "days",
                        ]
                    ),
                    inner,
                    max_size=3,
                ),
            ),
            max_leaves=8,
        ),
        st.sampled_from(["sources", "destinations", "routes", "profile", "fields", "tags", "lists", "orders", "products", "version", "events", "carts"]),
    )  # fmt: skip
    def test_whatever_is_in_it_nothing_else_is_raised(self, value: Any, key: str):
        """Any document is read, or refused with its faults."""
        text = f"{key} = {in_toml(value)}\n"

        assert all(each.startswith("line ") for each in faults_of(text))


def in_toml(value: Any) -> str:
    """Return a value as a file has it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(each):08x}" for each in value) + '"'
        case list():
            return "[" + ", ".join(map(in_toml, value)) + "]"
        case dict():
            return "{ " + ", ".join(f"{key} = {in_toml(each)}" for key, each in value.items()) + " }"
        case _:
            return str(value)


EVENTS = """
[[fields]]
perstag = "CT_LAST_REFUND"
title = "Last refund"

[[events]]
on = ["order_placed", "cart_abandoned"]
when = { store = "de" }
routes = "everything"
tracking = { name = "placed", value = "{order.orderNumber}" }
automation = 12
tags = ["bought", { name = "buyer of {event.month}", days = 30 }]
fields = { CT_LAST_REFUND = "{event.amount}" }
ecommerce = "real_time"

[[events]]
name = "by hand"
on = "paid"
tracking = { name = "paid" }
automation = { id = 3, reentry = "never" }

[carts]
idle_minutes = 90
url = "https://shop.example/cart/{cart.id}"
[carts.idle_minutes_of]
ch = 30
"""
TRACKED = {"AC_EVENT_ACTID": "25", "AC_EVENT_KEY": "set"}


def event(on: str = '"paid"', **keys: str) -> str:
    """Return the text of a rule of events; what is given stands as it is."""
    return f"[[events]]\non = {on}\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


class TestEvents:
    def test_what_a_rule_says(self):
        """Kinds, conditions and actions are read, each in its short and its long form."""
        first, second = read(EVENTS, **TRACKED).events

        assert first == EventRule(
            name="order placed, cart abandoned",
            on=(EventKind.ORDER_PLACED, EventKind.CART_ABANDONED),
            when=Condition(store=("de",)),
            routes=("everything",),
            tracking=TrackingRule(
                name="placed", value=Expression(template=parse_template("{order.orderNumber}"))
            ),
            automation=AutomationRule(id="12"),
            tags=(
                EventTagRule(name=Expression(template=("bought",))),
                EventTagRule(name=Expression(template=parse_template("buyer of {event.month}")), days=30),
            ),
            fields=(
                EventFieldRule(
                    perstag="CT_LAST_REFUND", value=Expression(template=parse_template("{event.amount}"))
                ),
            ),
            ecommerce=CreationSource.REAL_TIME,
        )
        assert second.name == "by hand"
        assert second.automation == AutomationRule(id="3", reentry=Reentry.NEVER)
        assert second.tracking == TrackingRule(
            name="paid", value=Expression(template=parse_template("{event.key}"))
        )

    def test_what_the_whole_says(self):
        """Names, automations and streams are told of all rules together, and idle times by store."""
        configuration = read(EVENTS, **TRACKED)

        assert configuration.event_names == ("paid", "placed")
        assert configuration.automations == ("3", "12")
        assert configuration.streams == ("customers", "orders", "payments", "carts", "messages")
        assert configuration.idle_of("ch") == timedelta(minutes=30)
        assert configuration.idle_of("de") == configuration.idle_of(None) == timedelta(minutes=90)

    def test_lists_are_read_for_what_is_put_on_them(self):
        """Shopping lists are read where a rule is on what somebody puts there, and else not."""
        configuration = read(event('["paid", "list_item_added"]', tags='"a"'))

        assert configuration.streams == (
            "customers",
            "orders",
            "payments",
            "carts",
            "shopping_lists",
            "messages",
        )

    def test_without_events(self):
        """Where nothing follows of events neither carts nor messages are read."""
        configuration = read("version = 1")

        assert configuration.streams == ("customers", "orders", "payments")
        assert configuration.events == configuration.event_names == configuration.automations == ()
        assert configuration.idle_of("de") == timedelta(minutes=60)

    def test_the_rules_of_one_account(self):
        """A rule that names routes is one of the accounts these lead to, any other of all."""
        text = (
            TWO_ACCOUNTS + '[[routes]]\nname = "b2b"\nwhen.group = "b2b"\ndestination = "trade"\n'
            '[[routes]]\nname = "rest"\ndestination = "main"\n'
            + event(name='"one"', routes='"b2b"', tags='"a"') + event(name='"two"', tags='"b"')
        )  # fmt: skip
        configuration = read(text)

        assert [each.name for each in configuration.events_at("trade.example")] == ["one", "two"]
        assert [each.name for each in configuration.events_at("main.example")] == ["two"]

    def test_a_field_without_a_value_is_empty_until_its_event(self):
        """A field that only events set says nothing itself, and may still say what stands for nothing."""
        fields = '[[fields]]\nperstag = "A"\ntitle = "A"\n[[fields]]\nperstag = "B"\ntitle = "B"\ntransform = { default = "0" }\n'
        rules = read(fields + event(fields='{ A = "{event.at}", B = "{event.amount}" }')).fields

        assert [rule.value for rule in rules] == [
            Expression(constant=""),
            Expression(constant="", transforms=parse_transforms([{"default": "0"}])),
        ]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (event('"order_place"', tags='"a"'), "on: expected signed_up, "),
            (event('"order_place"', tags='"a"'), "not 'order_place': did you mean 'order_placed'?"),
            (event(), "[[events]] 1: says nothing that follows: expected at least one of tracking, automation, tags, fields or ecommerce"),
            (event(tracking=f'{{ name = "{"x" * 33}" }}'), "tracking.name: expected a name of at most 32 characters"),
            (event(tracking='{ name = "" }'), "tracking.name: expected a name of at most 32 characters, without blanks around it, such as 'order_placed', not an empty text"),
            (event(tracking='{ value = "x" }'), "tracking.name: is missing: expected a name of at most 32 characters"),
            (event(routes='"everythin"', tags='"a"'), "routes: no route of this file is called 'everythin': did you mean 'everything'?"),
            (event(automation="0"), "automation: expected a whole number from 1 to 1000000000000, without quotes, not the number 0"),
            (event(automation="{ id = -1 }"), "automation.id: expected a whole number"),
            (event(automation="true"), "automation: expected a whole number from 1 to 1000000000000, without quotes, not true"),
            (event(automation='{ id = 1, reentry = "nevr" }'), "automation.reentry: expected always or never, not 'nevr': did you mean 'never'?"),
            (event(ecommerce='"real_time"'), "ecommerce: expected none of paid: only order_placed and cart_abandoned have one"),
            (event('"order_placed"', ecommerce='"REAL_TIME"'), "ecommerce: expected real_time or historical, not 'REAL_TIME'"),
            (event(fields='{ CT_Y = "{event.at}" }'), "fields.CT_Y: no field of this file is called 'CT_Y': did you mean 'CT_X'?"),
            (event(fields='{ CT_X = "{address.city}" }'), "fields.CT_X: expected a path into what is known of an event: cart, customer, event, order, route or shopping_list, not 'address'"),
            (event(tags='"{orders.count}"'), "tags: expected a path into what is known of an event"),
            (event(tags='["a", "b,c"]'), "tags 2: expected a name without commas"),
            (event(tags='{ name = "a", days = 0 }'), "tags.days: expected a whole number from 1 to 36500"),
            (event(tags="{ days = 3 }"), "tags.name: is missing: expected a template such as 'buyer of {event.month}'"),
            (event(tags='"{cart.id}"'), "tags 1.name: expected nothing of cart: paid is about none"),
            (event(tags='"{shopping_list.id}"'), "tags 1.name: expected nothing of shopping_list: paid is about none"),
            (event('"list_item_added"', tags='"{cart.id}"'), "tags 1.name: expected nothing of cart: list_item_added is about none"),
            (event('"signed_up"', fields='{ CT_X = "{order.id}" }'), "fields.CT_X: expected nothing of order: signed_up is about none"),
            (event(when='{ source = "shp" }', tags='"a"'), "when.source: no source of this file is called 'shp': did you mean 'shop'?"),
            (event(name='"a"', tags='"a"') + event(name='"A"', tags='"a"'), "[[events]] 2, name: is the same as of number 1: 'A'"),
            ('[[tags.rules]]\nname = "{event.kind}"\n', "expected a path into what is known of a person, not 'event': [[events]] alone know one"),
            ('[[tags.rules]]\nname = "{cart.id}"\n', "not 'cart': [[events]] and [carts] alone know one"),
            ('[[tags.rules]]\nname = "{shopping_list.id}"\n', "not 'shopping_list': [[events]] alone know one"),
            ('[orders]\nurl = "{shopping_list.id}"\n', "[orders], url: expected a path of orders, lines and products, not 'shopping_list'"),
            ('[orders]\nurl = "{cart.id}"\n', "[orders], url: expected a path of orders, lines and products, not 'cart'"),
            ('[carts]\nurl = "{order.id}"\n', "[carts], url: expected a path into what is known of an abandoned cart: cart, customer, event or route, not 'order'"),
            ("[carts]\nidle_minutes = 0\n", "[carts], idle_minutes: expected a whole number from 1 to 43200, without quotes, not the number 0"),
            ("[carts.idle_minutes_of]\nch = 1.5\n", "[carts], idle_minutes_of.ch: expected a whole number"),
        ],
    )  # fmt: skip
    def test_what_cannot_be(self, text: str, fault: str):
        """Each slip in a rule is told once, in its place, with what would be right."""
        faults = faults_of(field() + text, **TRACKED)

        assert len(faults) == 1
        assert fault in faults[0]

    def test_a_kind_of_several_may_look_where_another_cannot(self):
        """A rule for carts and orders may name both, each empty where there is none."""
        assert faults_of(event('["cart_created", "order_placed"]', tags='["{cart.id}", "{order.id}"]')) == []

    def test_a_field_that_nothing_sets(self):
        """A field without a value is a fault where no event gives it one."""
        text = '[[fields]]\nperstag = "A"\ntitle = "A"\n'

        assert faults_of(text) == [
            (
                "line 1: [[fields]] 1: says no value: expected one of from, template, value, function,"
                " or one of [[events]] that sets it"
            )
        ]

    def test_tracking_needs_the_event_host_of_each_account_it_leads_to(self):
        """An account that tracked events go to, and that names no event host, is named, and no other is."""
        both = (
            TWO_ACCOUNTS + 'event_actid_env = "ACTID"\nevent_key_env = "EVENT_KEY"\n'
            '[[routes]]\nname = "b2b"\nwhen.group = "b2b"\ndestination = "trade"\n'
            '[[routes]]\nname = "rest"\ndestination = "main"\n'
        )
        tracking = '{ name = "paid" }'

        assert faults_of(both + event(tracking=tracking, routes='"b2b"')) == []
        (fault,) = faults_of(both + event(tracking=tracking))
        assert (
            "[[events]] 1, tracking: its events go to the destination 'main', which has no event_actid_env"
            in fault
        )
        (fault,) = faults_of(event(tracking=tracking))
        assert "[[events]] 1, tracking: its events go to the destination 'main'" in fault
        assert faults_of(event(tracking=tracking), **TRACKED) == []

    def test_half_of_what_opens_an_event_host(self):
        """Its id and its key are named both or not at all."""
        assert faults_of('[destinations.main]\nevent_key_env = "EVENT_KEY"\n') == [
            (
                "line 1: [destinations.main], event_actid_env: is missing beside EVENT_KEY:"
                " expected a variable such as 'AC_EVENT_ACTID'"
            )
        ]

    def test_the_hash_names_what_follows_and_no_key(self):
        """Another action is another hash, another variable of the event host is not."""
        first = read(EVENTS, **TRACKED).hash

        assert read(EVENTS.replace("{event.amount}", "{event.net}"), **TRACKED).hash != first
        assert read(EVENTS.replace("ch = 30", "ch = 31"), **TRACKED).hash != first
        named = '[destinations.main]\nevent_actid_env = "A"\nevent_key_env = "B"\nevent_url = "https://e.example"\n'
        assert read(EVENTS + named).hash == first

    def test_a_tag_for_some_days_that_is_never_removed(self):
        """A tag that ends after some days, and that nobody may remove, is remarked upon."""
        text = '[tags]\nowned = "x: "\n' + event(tags='["ever", { name = "y: {event.key}", days = 3 }]')

        assert remarks_on(text) == [
            (
                "line 5: [[events]] 1, tags 2.name: a tag that begins with 'y: ' begins with none of tags.owned:"
                " it is given, and never removed"
            )
        ]


class TestMissing:
    def test_a_missing_template_is_told_with_its_example(self):
        """What is said of a missing key may hold braces."""
        (fault,) = faults_of("[[tags.rules]]\nwhen.store = 'de'\n")

        assert "name: is missing: expected a template such as 'tier: {customer.custom.fields.tier}'" in fault


class TestRemarks:
    def test_records_that_no_route_takes(self):
        """Without a route for everything else, some records stay here, which may be meant."""
        text = '[[routes]]\nname = "a"\nwhen = { store = "de" }\ndestination = "main"\n'

        assert remarks_on(text) == [
            "line 1: routes: no route takes what no other does: such records stay here, and are skipped as such"
        ]

    def test_tags_that_are_never_removed(self):
        """A tag that is not owned, under the prefix of any route, stays for ever."""
        rules = "".join(
            f"[[tags.rules]]\nname = {name}\n"
            for name in ('"Tier: {customer.key}"', '"{customer.key}"', '"vip"', '{ value = "de tier: x" }')
        )

        assert remarks_on('[tags]\nowned = "tier: "\n' + rules) == [
            (
                "line 8: [[tags.rules]] 3, name: a tag that begins with 'vip' begins with none of tags.owned:"
                " it is given, and never removed"
            ),
            (
                "line 10: [[tags.rules]] 4, name: a tag that begins with 'de tier: x' begins with none of tags.owned:"
                " it is given, and never removed"
            ),
        ]

    def test_states_nobody_documents(self):
        """A state with one l too many is no fault, since the vendor may add states, but it is told."""
        text = (
            '[[orders.statuses]]\nstatus = "CANCELLED"\norder = "Canceled"\nshipment = ["Canceled", "none"]\n'
        )

        assert remarks_on(text) == [
            (
                "line 3: [[orders.statuses]] 1, order: Commercetools documents no such state: 'Canceled':"
                " did you mean 'Cancelled'?"
            )
        ]

    def test_what_no_route_uses(self):
        """An account or a list that nobody comes to is told."""
        text = TWO_ACCOUNTS + '[lists.news]\nname = "N"\n[[routes]]\nname = "a"\ndestination = "main"\n'

        assert remarks_on(text) == [
            "line 5: [destinations.trade]: no route leads here",
            "line 8: [lists.news]: no route names this list",
        ]
