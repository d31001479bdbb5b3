"""The command line as its users meet it: processes, their output and their exit codes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
import psycopg
import pytest
from events_world import BEHIND, EVERYTHING, WELCOME, EventWorld, access, put_back
from world import Sandbox, World, environment

from ct_ac_sync.cli.main import main
from ct_ac_sync.ports import Stream
from ct_ac_sync.settings import VARIABLES

CLEAN, UNSETTLED, COULD_NOT = 0, 1, 2
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the one document that was printed."""
        return json.loads(self.out)


class Terminal:
    """Runs commands in an environment of their own; a traceback is never an answer."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._base = {name: os.environ[name] for name in KEPT if name in os.environ} | {"COLUMNS": "200"}
        self.variables = dict(variables)

    def run(self, *words: str, **changes: str | None) -> Ended:
        """Run a command; None takes a variable away."""
        given = self.variables | changes
        variables = self._base | {name: value for name, value in given.items() if value is not None}
        done = subprocess.run(
            [sys.executable, "-m", "ct_ac_sync.cli.main", *words],
            env=variables, capture_output=True, timeout=180, check=False, encoding="utf-8",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert "Traceback" not in done.stdout, done.stdout
        assert "sandbox-token" not in done.stdout + done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(name="terminal")
def _terminal(database_url: str, shop_url: str, account_url: str) -> Terminal:
    return Terminal(environment(database_url, shop_url, account_url))


@pytest.fixture(name="offline")
def _offline(database_url: str) -> Terminal:
    """Give a terminal over a database, with both vendors where nobody listens."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    return Terminal(environment(database_url, nowhere, nowhere))


@pytest.fixture(name="shop")
def _shop(shop_url: str) -> Sandbox:
    return Sandbox(shop_url)


@pytest.fixture(name="account")
def _account(account_url: str) -> Sandbox:
    return Sandbox(account_url)


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def execute(url: str, statement: str, parameters: Any = None) -> None:
    """Run a statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, parameters)


def rows_of(check: Ended, side: str) -> list[Mapping[str, Any]]:
    """Return what check --json said of one side, by the first word of its name."""
    return [row for row in check.json() if row["what"].split()[0] == side]


def row_of(check: Ended, side: str) -> Mapping[str, Any]:
    """Return the first that check --json said of one side: whether it answers as it must."""
    return rows_of(check, side)[0]


def well(check: Ended) -> list[bool]:
    """Return of database, source and destination whether check --json told of them, and of no fault."""
    told = [rows_of(check, side) for side in ("database", "commercetools", "activecampaign")]
    return [bool(rows) and all(row["ok"] for row in rows) for rows in told]


def a_dead_letter(shop: Sandbox, account: Sandbox, terminal: Terminal) -> Ended:
    """Let a customer be refused for ever."""
    shop.do("sign_up", email="refused@example.org")
    account.fault(
        operation="sync_contact", status=422, reply='{"errors":[{"title":"No","code":"field_invalid"}]}'
    )
    account.fault(
        operation="import_contacts", status=422, reply='{"errors":[{"title":"No","code":"field_invalid"}]}'
    )
    return terminal.run("sync", "--once", "--json")


class TestCheck:
    def test_all_well(self, terminal: Terminal):
        """Where all is as it must be, check says so of all three and ends with 0."""
        plain, machine = terminal.run("check"), terminal.run("check", "--json")

        assert (plain.code, machine.code) == (CLEAN, CLEAN)
        assert well(machine) == [True, True, True]
        for what in ("database", "commercetools", "activecampaign"):
            assert what in plain.out

    def test_a_wrong_secret_of_the_source(self, terminal: Terminal):
        """A secret Commercetools does not know is named with its side, and only that side fails."""
        ended = terminal.run("check", "--json", CTP_CLIENT_SECRET="wrong")

        assert ended.code == COULD_NOT
        assert well(ended) == [True, False, True]
        assert "Commercetools" in row_of(ended, "commercetools")["says"]
        assert "CTP_CLIENT_SECRET" in row_of(ended, "commercetools")["says"]

    def test_a_wrong_token_of_the_destination(self, terminal: Terminal):
        """A token ActiveCampaign does not know is named with its side and its setting."""
        ended = terminal.run("check", "--json", AC_API_TOKEN="wrong")

        assert ended.code == COULD_NOT
        assert well(ended) == [True, True, False]
        assert "ActiveCampaign" in row_of(ended, "activecampaign")["says"]
        assert "AC_API_TOKEN" in row_of(ended, "activecampaign")["says"]

    def test_a_missing_scope_is_named(self, terminal: Terminal):
        """An API client that may not read orders is told so before the first sweep."""
        ended = terminal.run("check", "--json", CTP_SCOPES="view_customers:demo-shop")

        assert ended.code == COULD_NOT
        assert "view_orders:demo-shop" in row_of(ended, "commercetools")["says"]

    def test_the_least_scopes_are_enough(self, terminal: Terminal):
        """Reading customers, orders and their payments is all that is asked of an API client."""
        scopes = [f"view_{each}:demo-shop" for each in ("customers", "orders", "payments")]

        enough = terminal.run("check", "--json", CTP_SCOPES=" ".join(scopes))
        lacking = terminal.run("check", "--json", CTP_SCOPES=" ".join(scopes[:2]))

        assert (enough.code, lacking.code) == (CLEAN, COULD_NOT)
        assert scopes[2] in row_of(lacking, "commercetools")["says"]

    def test_a_scope_the_client_lacks(self, terminal: Terminal):
        """A scope that cannot be had is named."""
        ended = terminal.run("check", "--json", CTP_SCOPES="view_moon:demo-shop")

        assert ended.code == COULD_NOT
        assert "view_moon:demo-shop" in row_of(ended, "commercetools")["says"]
        assert "CTP_SCOPES" in row_of(ended, "commercetools")["says"]

    def test_a_wrong_project(self, terminal: Terminal):
        """A project that is not there points at its setting."""
        ended = terminal.run("check", "--json", CTP_PROJECT_KEY="another-shop")

        assert ended.code == COULD_NOT
        assert "CTP_PROJECT_KEY" in row_of(ended, "commercetools")["says"]

    def test_servers_that_cannot_be_reached(self, offline: Terminal):
        """Each side that does not answer is named, beside what works."""
        ended = offline.run("check", "--json")

        assert ended.code == COULD_NOT
        assert well(ended) == [True, False, False]

    def test_a_database_that_cannot_be_reached(self, terminal: Terminal):
        """Both vendors are asked although the database is away, and no password is shown."""
        url = f"postgresql://user:hidden-word@127.0.0.1:{free_port()}/none"
        ended = terminal.run("check", "--json", DATABASE_URL=url)

        assert ended.code == COULD_NOT
        assert well(ended) == [False, True, True]
        assert "hidden-word" not in ended.out + ended.err

    @pytest.mark.parametrize("side", ["shop", "account"])
    def test_an_answer_that_is_no_json(self, terminal: Terminal, shop: Sandbox, account: Sandbox, side: str):
        """A login page in place of an answer is told, not taken for one."""
        {"shop": shop, "account": account}[side].fault(reply="<html>log in</html>", content_type="text/html")

        ended = terminal.run("check", "--json")

        assert ended.code == COULD_NOT
        assert well(ended) == [True, side != "shop", side != "account"]


class TestSchema:
    COMMANDS = (
        ("status",), ("trace", "x"), ("dead-letters", "list"), ("parked", "list"), ("sync", "--once"), ("resume",),
    )  # fmt: skip

    def test_an_older_schema_is_refused(self, offline: Terminal, postgres: str):
        """An empty database is told with the command that mends it, by every command that needs it."""
        ends = [offline.run(*words, DATABASE_URL=postgres) for words in self.COMMANDS]

        assert [end.code for end in ends] == [COULD_NOT] * len(ends)
        for end in ends:
            assert "0001_engine.sql" in end.err
            assert "ct-ac-sync migrate" in end.err

    def test_a_newer_schema_is_refused(self, offline: Terminal, database_url: str):
        """A database of a newer release is told, by every command and by migrate."""
        execute(
            database_url, "INSERT INTO schema_migration (version, name, checksum) VALUES (9001, 'later', 'x')"
        )

        for words in (("status",), ("migrate",), ("sync", "--once")):
            ended = offline.run(*words)
            assert ended.code == COULD_NOT
            assert "9001" in ended.err
            assert "newer release" in ended.err

    def test_a_changed_migration_is_refused(self, offline: Terminal, database_url: str):
        """A migration whose text changed after it was applied is told, by every command and by migrate."""
        execute(database_url, "UPDATE schema_migration SET checksum = 'other' WHERE version = 1")

        for words in (("status",), ("migrate",), ("sync", "--once")):
            ended = offline.run(*words)
            assert ended.code == COULD_NOT
            assert "0001_engine.sql was changed" in ended.err

    def test_check_tells_of_the_schema(self, offline: Terminal, database_url: str):
        """Check names what is wrong with the schema beside the rest."""
        execute(
            database_url, "INSERT INTO schema_migration (version, name, checksum) VALUES (9001, 'later', 'x')"
        )

        ended = offline.run("check", "--json")

        assert ended.code == COULD_NOT
        assert "9001" in row_of(ended, "database")["says"]

    def test_migrating_twice_applies_nothing_twice(self, offline: Terminal):
        """A schema that is up to date is left alone."""
        plain, machine = offline.run("migrate"), offline.run("migrate", "--json")

        assert (plain.code, machine.code) == (CLEAN, CLEAN)
        assert "nothing" in plain.out
        assert machine.json() == {"applied": []}

    def test_migrating_needs_only_the_database(self, database_url: str):
        """A job that migrates needs no key of any vendor, also where the address stands in a file."""
        bare = Terminal({"DATABASE_URL": database_url})

        assert bare.run("migrate", "--json").code == CLEAN

    def test_the_address_may_stand_in_a_file(self, database_url: str, tmp_path: Any):
        """Migrate reads DATABASE_URL_FILE as every other command does."""
        (tmp_path / "url").write_text(database_url, "utf-8")

        assert Terminal({"DATABASE_URL_FILE": str(tmp_path / "url")}).run("migrate", "--json").code == CLEAN

    def test_migrating_a_database_that_is_away(self, offline: Terminal):
        """A database that does not answer is one line that names it, without its password."""
        url = f"postgresql://user:hidden-word@127.0.0.1:{free_port()}/none"
        ends = [
            offline.run(*words, DATABASE_URL=url) for words in (("migrate",), ("status",), ("sync", "--once"))
        ]

        for ended in ends:
            assert ended.code == COULD_NOT
            assert ended.err.startswith("ct-ac-sync: ")
            assert "hidden-word" not in ended.err


class TestSettings:
    @pytest.mark.parametrize(
        "words",
        [
            ("check",),
            ("status",),
            ("sync", "--once"),
            ("up",),
            ("trace", "x"),
            ("dead-letters", "list"),
            ("parked", "list"),
            ("resume",),
        ],
        ids=" ".join,
    )
    def test_all_that_is_missing_is_told_at_once(self, words: tuple[str, ...]):
        """Without settings every command ends with 2 and names all that are missing."""
        ended = Terminal({}).run(*words)

        assert ended.code == COULD_NOT
        missing = {v.name for v in VARIABLES.values() if v.default is None}
        assert {name for name in missing if f"{name}: is not set" in ended.err} == missing

    def test_migrate_tells_what_it_lacks(self):
        """Without a database migrate ends with 2 and says what is missing."""
        ended = Terminal({}).run("migrate")

        assert ended.code == COULD_NOT
        assert "DATABASE_URL: is not set" in ended.err

    def test_contradictions_are_told(self, offline: Terminal):
        """Wrong settings end every command with 2 before anything is asked."""
        ended = offline.run("status", CT_AC_SYNC_CALL_SECONDS="100", CT_AC_SYNC_FORM="now")

        assert ended.code == COULD_NOT
        assert "CT_AC_SYNC_FORM: is not a setting" in ended.err
        assert "CT_AC_SYNC_CALL_SECONDS must be less than" in ended.err

    def test_workers_need_a_broker(self, offline: Terminal):
        """Up without Redis says so before it starts anything."""
        ended = offline.run("up")

        assert ended.code == COULD_NOT
        assert "REDIS_URL" in ended.err


class TestSync:
    def test_clean(self, terminal: Terminal, shop: Sandbox, account: Sandbox):
        """All delivered is 0, and says how much was read."""
        shop.ask("shop/fill", {"customers": 3, "orders": 2, "seed": 1})

        ended = terminal.run("sync", "--once", "--json")

        assert ended.code == CLEAN, ended.err
        assert ended.json()["read"] == {"customers": 3, "orders": 2, "payments": 0}
        assert ended.json()["done"] is True
        assert ended.json()["totals"]["owed"] == 0
        assert len(account.ask("state")["contacts"]) >= 3

    def test_people_read_words(self, terminal: Terminal, shop: Sandbox):
        """The line for people names streams and counts plainly."""
        shop.ask("shop/fill", {"customers": 2, "orders": 1, "seed": 1})

        ended = terminal.run("sync", "--once")

        assert "2 customers, 1 orders" in ended.out
        assert "<" not in ended.out

    def test_unsettled(self, terminal: Terminal, shop: Sandbox, account: Sandbox):
        """A dead letter is 1."""
        ended = a_dead_letter(shop, account, terminal)

        assert ended.code == UNSETTLED
        assert ended.json()["totals"]["dead_letters"] == 1

    def test_not_done_in_time(self, terminal: Terminal, shop: Sandbox, account: Sandbox):
        """Something still owed when the time is up is 1."""
        shop.do("sign_up")
        account.fault(operation="sync_contact", status=429, headers={"Retry-After": "60"})
        account.fault(operation="import_contacts", status=429, headers={"Retry-After": "60"})

        ended = terminal.run("sync", "--once", "--seconds", "2", "--json")

        assert (ended.code, ended.json()["done"]) == (UNSETTLED, False)

    @pytest.mark.parametrize("start", ["yesterday", "2026-99-01", "Everything"])
    def test_a_start_that_is_none(self, offline: Terminal, start: str):
        """Nonsense after --from is 2, with what would be right."""
        ended = offline.run("sync", "--once", "--from", start)

        assert ended.code == COULD_NOT
        assert "expected everything, now, or an ISO date" in ended.err
        assert start in ended.err

    def test_a_first_run_nobody_decided(self, terminal: Terminal):
        """Without a word on the past the first run is 2, and says what to give."""
        ended = terminal.run("sync", "--once", CT_AC_SYNC_FROM=None)

        assert ended.code == COULD_NOT
        assert "--from" in ended.err

    def test_the_past_may_be_left_out(self, terminal: Terminal, shop: Sandbox, account: Sandbox):
        """From now on nothing of the past is read."""
        shop.ask("shop/fill", {"customers": 3, "orders": 2, "seed": 1})

        ended = terminal.run("sync", "--once", "--from", "now", "--json", CT_AC_SYNC_FROM=None)

        assert ended.code == CLEAN
        assert account.ask("state")["contacts"] == []

    def test_the_source_cannot_be_reached(self, offline: Terminal):
        """A source that does not answer is 2, and named."""
        ended = offline.run("sync", "--once")

        assert ended.code == COULD_NOT
        assert ended.err.startswith("ct-ac-sync: Commercetools ")

    def test_the_source_does_not_know_us(self, terminal: Terminal):
        """A wrong secret is 2 at once and again, until it is resumed, and named each time."""
        first = terminal.run("sync", "--once", CTP_CLIENT_SECRET="wrong")
        second = terminal.run("sync", "--once")
        resumed = terminal.run("resume")
        third = terminal.run("sync", "--once")

        assert [first.code, second.code, resumed.code, third.code] == [COULD_NOT, COULD_NOT, CLEAN, CLEAN]
        assert "CTP_CLIENT_SECRET" in first.err
        assert "CTP_CLIENT_SECRET" in second.err

    def test_the_destination_cannot_be_reached(self, terminal: Terminal, shop: Sandbox):
        """A destination that does not answer leaves what is owed, which is 1, and loses nothing."""
        shop.do("sign_up")
        away = f"http://127.0.0.1:{free_port()}"

        ended = terminal.run("sync", "--once", "--seconds", "3", "--json", AC_API_URL=away)

        assert (ended.code, ended.json()["done"]) == (UNSETTLED, False)
        assert ended.json()["totals"]["owed"] == 1

    def test_the_destination_does_not_know_us(self, terminal: Terminal, shop: Sandbox):
        """A wrong token ends before the time is up, and status names side and setting."""
        shop.do("sign_up")

        ended = terminal.run("sync", "--once", "--seconds", "50", AC_API_TOKEN="wrong")
        status = terminal.run("status")

        assert ended.code == UNSETTLED
        assert "AC_API_TOKEN" in ended.out + ended.err
        assert "AC_API_TOKEN" in status.out


class TestDesk:
    def test_a_letter_that_does_not_exist(self, offline: Terminal):
        """Showing a number nobody has is 2 and says so, with --json as well."""
        for words in (("show", "4711"), ("show", "4711", "--json"), ("show", "99999999999999999999")):
            ended = offline.run("dead-letters", *words)
            assert ended.code == COULD_NOT
            assert f"there is no dead letter {words[1]}" in ended.err

    def test_a_number_that_is_none(self, offline: Terminal):
        """Showing a word is a wrong use of the command."""
        assert offline.run("dead-letters", "show", "all").code == COULD_NOT

    def test_a_letter_is_shown_and_replayed(self, terminal: Terminal, shop: Sandbox, account: Sandbox):
        """A letter is listed by cause, shown with its answer, replayed once, and then settled."""
        a_dead_letter(shop, account, terminal)

        listed = terminal.run("dead-letters", "list", "--json").json()
        (letter,) = listed["letters"]
        number = str(letter["dead_letter"])
        shown = terminal.run("dead-letters", "show", number, "--json")
        account.heal()
        first = terminal.run("dead-letters", "replay", number, "--reason", "mended", "--json")
        second = terminal.run("dead-letters", "replay", number, "--reason", "mended", "--json")
        ended = terminal.run("sync", "--once", "--json")

        assert [cause["cause"] for cause in listed["causes"]] == [letter["cause"]]
        assert shown.json()["dead_letter"] == letter["dead_letter"]
        assert (first.json()["replayed"], second.json()["replayed"]) == (1, 0)
        assert (ended.code, ended.json()["totals"]["dead_letters"]) == (CLEAN, 0)

    def test_replaying_what_is_not_there(self, offline: Terminal):
        """Replaying a number or a cause nobody has does nothing, and says so."""
        by_number = offline.run("dead-letters", "replay", "4711", "--reason", "r")
        by_cause = offline.run("dead-letters", "replay", "--cause", "none", "--reason", "r", "--json")

        assert "replayed 0" in by_number.out
        assert by_cause.json() == {"replayed": 0, "reread": 0, "may_start": {}}

    @pytest.mark.parametrize("words", [("--reason", "r"), ("1",)])
    def test_replaying_needs_letters_and_a_reason(self, offline: Terminal, words: tuple[str, ...]):
        """Without letters or without a reason nothing is replayed."""
        assert offline.run("dead-letters", "replay", *words).code == COULD_NOT

    def test_settling_needs_a_verdict(self, offline: Terminal):
        """Without a verdict settle says which there are."""
        ended = offline.run("parked", "settle", "shop/1", "--reason", "r")

        assert ended.code == COULD_NOT
        assert "--happened or --did-not" in ended.err

    def test_settling_needs_a_reason(self, offline: Terminal):
        """Without a reason nothing is settled."""
        assert offline.run("parked", "settle", "shop/1", "--happened").code == COULD_NOT

    def test_settling_what_is_not_parked(self, offline: Terminal):
        """A key nobody parked is told, and is 1."""
        ended = offline.run("parked", "settle", "shop/1", "--happened", "--reason", "r")

        assert ended.code == UNSETTLED
        assert "is not parked" in ended.err

    def test_the_trace_of_nothing(self, offline: Terminal):
        """What nobody knows is told, and is 2; with --json an empty list comes first."""
        plain, machine = offline.run("trace", "nobody@example.org"), offline.run("trace", "x", "--json")

        assert (plain.code, machine.code) == (COULD_NOT, COULD_NOT)
        assert "nothing is known of" in plain.err
        assert machine.json() == []

    def test_nobody_need_be_logged_in(self, offline: Terminal):
        """In a container whose user has no name a command still runs."""
        ended = offline.run("dead-letters", "list", "--json", HOME="/nonexistent")

        assert ended.code == CLEAN


class TestEvents:
    @pytest.fixture(name="told")
    def _told(self, world_of: Callable[..., World], account_url: str, database_url: str) -> EventWorld:
        """Give a world in which everything that happens is told."""
        put_back(database_url)
        world = world_of(EVERYTHING, **access(account_url))
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
        return EventWorld(world)

    @pytest.fixture(name="operator")
    def _operator(self, told: EventWorld) -> Terminal:
        """Give the terminal of whoever runs it."""
        return Terminal(told.world.environment)

    def _order(self, told: EventWorld) -> str:
        """Let somebody who is known order, and return the order's id; nobody has read it."""
        customer = told.do("sign_up", email="ann@example.org")
        told.sync()
        return str(told.do("order", customer=customer["id"])["id"])

    def test_a_trace_shows_what_happened_and_what_it_caused(self, told: EventWorld, operator: Terminal):
        """The events of an order stand in its trace, each with its facts, and the triggers of these."""
        order = self._order(told)
        told.sync()

        plain, machine = operator.run("trace", order), operator.run("trace", order, "--json")

        (trace,) = machine.json()
        (placed,) = [event for event in trace["events"] if event["kind"] == "order_placed"]
        facts = {"order_placed.automation", "order_placed.tracking"}
        assert (placed["key"], placed["told_at"] is None) == (order, False)
        assert placed["facts"] == "order_placed.automation done, order_placed.tracking done"
        assert {row["kind"] for row in trace["triggers"] if row["state"] == "happened"} >= facts
        assert {row["object"] for row in trace["entries"] if row["operation"] == "fact"} == {
            f"{fact}/{order}" for fact in facts
        }
        assert "order_placed.tracking" in plain.out

    def test_status_counts_what_is_held(self, told: EventWorld, operator: Terminal):
        """What only one stream saw is held, status says so, and it is told when the others were read."""
        self._order(told)
        told.pass_time(timedelta(seconds=2))
        told.world.extract.read(Stream.ORDERS)
        held = operator.run("status", "--json").json()["totals"]["held_events"]
        plain = operator.run("status")
        told.sync()

        assert held == 1
        assert "events held 1" in plain.out
        assert operator.run("status", "--json").json()["totals"]["held_events"] == 0

    def test_a_halted_trigger_is_shown_and_resumed(self, told: EventWorld, operator: Terminal):
        """Status names a halted trigger with its reason; once resumed what waited for it is done."""
        told.account.ask("automations", {"id": WELCOME, "status": 2})
        self._order(told)
        told.read()
        told.deliver()
        status, plain = operator.run("status", "--json").json(), operator.run("status")
        told.account.ask("automations", {"id": WELCOME, "status": 1})

        first, second = operator.run("resume", "--json"), operator.run("resume", "--json")
        told.sync()

        (halted,) = status["halted_triggers"]
        assert halted["trigger"] == "order_placed.automation"
        assert halted["reason"].startswith("automation_inactive: ")
        assert "halted triggers" in plain.out
        assert (first.json()["triggers"], second.json()["triggers"]) == (["order_placed.automation"], [])
        assert told.entered(WELCOME) == ["ann@example.org"]

    def test_a_dry_replay_says_what_it_would_start(self, told: EventWorld, operator: Terminal):
        """What waits behind a letter is counted by trigger; a dry run changes nothing, and says so as well in words."""
        refusal = '{"errors":[{"title":"no","code":"field_invalid","source":{"pointer":"/x"}}]}'
        told.account.fault(path="contact/sync", status=422, reply=refusal)
        customer = told.do("sign_up", email="ann@example.org")
        told.do("order", customer=customer["id"])
        told.sync()
        words = ("dead-letters", "replay", "--cause", "sync_contact: field_invalid", "--reason", "mended")

        machine, plain = operator.run(*words, "--dry-run", "--json"), operator.run(*words, "--dry-run")
        still_open = operator.run("dead-letters", "list", "--json").json()["letters"]
        told.account.heal()
        replayed = operator.run(*words, "--json").json()

        starting = {
            "order_placed": 1, "order_placed.automation": 1, "order_placed.tracking": 1, "signed_up.tracking": 1,
        }  # fmt: skip
        assert machine.json() == {"would_start": starting}
        assert "1 order_placed.automation" in plain.out
        assert "replayed" not in plain.out
        assert len(still_open) == 1
        assert (replayed["replayed"], replayed["may_start"]) == (1, starting)
        told.sync()
        assert told.entered(WELCOME) == ["ann@example.org"]

    def test_several_that_are_parked_under_one_key_are_settled_by_kind(
        self, told: EventWorld, operator: Terminal
    ):
        """One key may have two facts of which nobody knows: each is settled alone, and told from the other."""
        for operation, body in (("track_event", "order_placed"), ("enter_automation", "")):
            told.account.fault(operation=operation, body=body, times=1, when="before", reset=True)
        order = self._order(told)
        told.sync()
        key = f"demo-shop/{order}"
        settle = ("parked", "settle", key, "--reason", "seen there")

        parked = operator.run("parked", "list", "--json").json()
        which = operator.run(*settle, "--happened")
        first = operator.run(*settle, "--did-not", "--kind", "order_placed.tracking", "--json")
        told.sync()
        second = operator.run(*settle, "--happened", "--kind", "order_placed.automation")
        third = operator.run(*settle, "--happened", "--kind", "order_placed.automation")

        kinds = ["order_placed.automation", "order_placed.tracking"]
        assert sorted((row["kind"], row["business_key"]) for row in parked) == [(kind, key) for kind in kinds]
        assert (which.code, [kind in which.err for kind in kinds]) == (COULD_NOT, [True, True])
        assert (first.code, first.json()) == (CLEAN, {"settled": 1, "verdict": "did_not"})
        assert told.told("order_placed") == [("order_placed", order)]
        assert (second.code, third.code, told.entered(WELCOME)) == (CLEAN, UNSETTLED, [])
        assert operator.run("parked", "list", "--json").json() == []


class TestJson:
    def test_every_command_prints_one_document(self, terminal: Terminal, shop: Sandbox):
        """Whatever has --json prints JSON and nothing else to standard output."""
        customer = shop.do("sign_up", email="Ann@example.org")
        shop.do("order", customer=customer["id"])
        terminal.run("sync", "--once", "--json").json()

        documents = [
            terminal.run(*words, "--json").json()
            for words in (
                ("status",), ("check",), ("migrate",), ("trace", "ann@example.org"), ("trace", customer["id"]),
                ("dead-letters", "list"), ("parked", "list"), ("sync", "--once"),
            )
        ]  # fmt: skip

        assert all(document is not None for document in documents)
        assert documents[3][0]["record"]["id"] == customer["id"]

    def test_every_command_that_ends_has_it(self):
        """Only what runs until it is interrupted, or shows its work as it goes, lacks --json."""
        commands: dict[str, click.Command] = {}
        for name, command in main.commands.items():
            below = command.commands if isinstance(command, click.Group) else {"": command}
            commands |= {f"{name} {each}".strip(): one for each, one in below.items()}

        lacking = {
            name for name, command in commands.items() if "as_json" not in {p.name for p in command.params}
        }

        assert lacking == {"demo", "up", "sandbox", "webhooks"}

    def test_brackets_in_data_are_no_markup(self, terminal: Terminal, shop: Sandbox):
        """What a table shows is what is stored, brackets included."""
        shop.do("sign_up", email="[bold]@example.org")
        terminal.run("sync", "--once", "--json")

        ended = terminal.run("trace", "[bold]@example.org")

        assert ended.code == CLEAN
