"""The runbook names what there is to name, and nothing that is not there."""

import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click
import pytest
import yaml
from events_world import BEHIND, EVERYTHING, WELCOME, EventWorld, access, put_back
from world import World

from ct_ac_sync.cli.main import main
from ct_ac_sync.clients.activecampaign import tracking
from ct_ac_sync.clients.activecampaign.classify import AUTOMATION_INACTIVE

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
ALERTS = yaml.safe_load((ROOT / "docker" / "prometheus" / "alerts.yaml").read_text("utf-8"))


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _commands() -> list[str]:
    written = re.findall(r"`(ct-ac-sync [^`]+)`", RUNBOOK)
    written += [line for line in RUNBOOK.splitlines() if line.startswith("ct-ac-sync ")]
    return sorted({each.partition("#")[0].strip() for each in written})


class TestAlerts:
    def test_every_alert_has_its_section_and_every_section_its_alert(self):
        """Whoever follows the link of an alert finds what to do, and no section is left over."""
        alerts = {_kebab(rule["alert"]) for group in ALERTS["groups"] for rule in group["rules"]}
        part = RUNBOOK.partition("## Alerts")[2].partition("\n## ")[0]

        sections = re.findall(r"^### (\S+)$", part, re.MULTILINE)

        assert sorted(sections) == sorted(alerts)

    def test_every_section_says_symptom_look_and_do(self):
        """Nobody has to think at three in the morning about what a section means."""
        part = RUNBOOK.partition("## Alerts")[2].partition("\n## ")[0]

        lacking = [
            text.splitlines()[0]
            for text in part.split("### ")[1:]
            if not all(f"**{word}.**" in text for word in ("Symptom", "Look", "Do"))
        ]

        assert lacking == []

    def test_links_within_the_runbook_lead_somewhere(self):
        """Each anchor is a heading."""
        headings = {each.lower() for each in re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)}

        broken = [each for each in re.findall(r"\]\(#([\w-]+)\)", RUNBOOK) if each not in headings]

        assert broken == []


class TestCommands:
    @pytest.mark.parametrize("written", _commands())
    def test_every_command_is_one(self, written: str):
        """A command that the runbook names exists, with the options it gives."""
        words = shlex.split(written)[1:]
        command: click.Command = main
        while words and isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, written
            command = found

        known = {name for option in command.params for name in option.opts}
        given = {word for word in words if word.startswith("--")}

        assert given <= known


class TestHalts:
    def test_a_halted_destination_follows_the_book(self, world: World):
        """401: status says why, the key is mended, resume sends what waited."""
        world.run()
        world.account.fault(path="contact/sync", status=401, reply="{}")
        world.shop.do("sign_up", email="halt@example.org")
        world.read()
        world.deliver_due()
        says = world.box.views.status()["destinations"][0]["halted"]
        world.account.heal()

        world.budget.resume()
        world.drain()

        assert says.startswith("sync_contact: 401")
        assert "| `sync_contact: 401`" in RUNBOOK
        assert "halt@example.org" in world.contacts()

    def test_a_halted_stream_follows_the_book(self, world: World):
        """A scope is taken away: status says which, it is given back, resume reads what waited."""
        world.run()
        answer = (
            '{"statusCode":403,"message":"Insufficient scope. view_orders is missing.",'
            '"errors":[{"code":"insufficient_scope","message":"view_orders is missing"}]}'
        )
        rule = world.shop.fault(path="/demo-shop/orders", status=403, reply=answer)
        order = world.shop.do("guest_order", email="late@example.org")["id"]
        with pytest.raises(Exception, match="scope"):
            world.read()
        streams = {row["stream"]: row["halted"] for row in world.box.views.status()["streams"]}
        world.shop.ask(f"faults/{rule}", method="DELETE")

        world.box.streams.resume("demo-shop")
        world.run()

        assert streams["orders"].startswith("Commercetools query_orders: insufficient_scope")
        assert "| `Commercetools query_orders: insufficient_scope`" in RUNBOOK
        assert order in world.orders()


class TestTriggers:
    @pytest.fixture(name="told")
    def _told(self, world_of: Callable[..., World], account_url: str, database_url: str) -> EventWorld:
        """Give a world in which everything that happens is told, and three of a kind are a jump."""
        put_back(database_url)
        world = world_of(EVERYTHING, **access(account_url), CT_AC_SYNC_JUMP="2")
        world.shop.ask("switches", {"ahead_seconds": -BEHIND.total_seconds()})
        return EventWorld(world)

    def test_a_jump_follows_the_book(self, told: EventWorld):
        """Far more than can be is halted under the reason of the book; with a higher limit, resume sends it all."""
        for number in range(3):
            told.do("sign_up", email=f"{number}@example.org")
        told.read()
        told.deliver()
        (halted,) = told.world.box.views.status()["halted_triggers"]
        before = told.told()

        told.world.configure(EVERYTHING, CT_AC_SYNC_JUMP="1000")
        told.world.box.events.resume(halted["destination"])
        told.sync()

        assert (halted["trigger"], before) == ("signed_up.tracking", [])
        assert re.fullmatch(r"more than \d+ events \w+ within an hour", halted["reason"])
        assert "| `more than … events … within an hour` |" in RUNBOOK
        told.assert_told("signed_up")

    def test_what_shall_never_go_out_comes_to_nothing(self, told: EventWorld):
        """The rule is taken out before the resume: what waited is skipped as the book says, and nothing is sent."""
        told.account.ask("automations", {"id": WELCOME, "status": 2})
        customer = told.do("sign_up", email="ann@example.org")
        told.do("order", customer=customer["id"])
        told.read()
        told.deliver()
        (halted,) = told.world.box.events.halted()
        told.account.ask("automations", {"id": WELCOME, "status": 1})

        told.world.configure(EVERYTHING.replace(f"automation = {WELCOME}\n", ""))
        told.world.box.events.resume(halted["destination"])
        told.sync()

        assert told.entered(WELCOME) == []
        assert ("fact", "no_rule") in told.world.reasons("skipped")
        assert "`no_rule`" in RUNBOOK

    def test_every_cause_of_a_halt_is_in_the_book(self):
        """Whatever an error gives as the cause of a halted trigger stands in the table of reasons."""
        part = RUNBOOK.partition("## Triggers")[2].partition("\n## ")[0]
        causes = {
            AUTOMATION_INACTIVE, tracking.KEY_MISSING, tracking.KEY_REFUSED, tracking.TRACKING_OFF,
            tracking.HOST_REFUSED,
        }  # fmt: skip

        assert causes <= set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))


class TestCauses:
    def test_the_letters_of_the_tests_are_in_the_book(self, world: World):
        """What ActiveCampaign refuses, and what cannot be read, is found under its cause."""
        world.run()
        world.shop.do("sign_up", email="odd(name)@example.org")
        world.shop.do("guest_order", email="x")
        world.run()

        causes = {row["cause"] for row in world.box.desk.causes()}

        assert causes == {"sync_contact: email_invalid", "upsert_contact: not an address"}
        assert "`…: email_invalid`" in RUNBOOK
        assert "`upsert_contact: not an address`" in RUNBOOK


class TestLedger:
    def test_a_single_sync_makes_the_months_that_are_short(self, world: World):
        """Months ahead are gone: one sync makes them again, as the book says."""
        ahead = (
            "SELECT count(*) AS months FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'outcome'::regclass"
            " AND c.relname > 'outcome_' || to_char(sync_now() AT TIME ZONE 'UTC', 'YYYY_MM')"
        )
        for row in world.sql(
            "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = ANY (ARRAY['outcome', 'attempt', 'sighting']::regclass[])"
            " AND right(c.relname, 7) > to_char(sync_now() AT TIME ZONE 'UTC', 'YYYY_MM')"
        ):
            world.execute(f"DROP TABLE {row['name']}")
        before = world.sql(ahead)[0]["months"]

        world.run()

        assert before == 0
        assert world.sql(ahead)[0]["months"] >= 2


class TestMoves:
    def test_what_keeps_a_move_is_seen_in_the_trace_and_ends_with_it(self, world: World):
        """A halted destination keeps an unclear call open, and so the move: a resume ends both."""
        world.run()
        world.shop.do("guest_order", email="b@example.org")
        customer = world.shop.do("sign_up", email="a@example.org")
        world.run()
        world.account.fault(operation="graphql", body="mutation", times=1, when="after", reset=True)
        world.shop.do("order", customer=customer["id"])
        world.read()
        world.deliver_due()
        world.budget.halt("test: halted")
        world.shop.do("change_email", customer=customer["id"], email="b@example.org")
        world.read()
        world.pass_time(timedelta(hours=2))
        world.box.dispatch.tick()
        kept = world.sql("SELECT count(*) AS moves FROM pending_move")
        entries = world.box.views.trace(world.box.views.find(customer["id"])[0])["entries"]

        world.budget.resume()
        world.drain()

        assert kept == [{"moves": 1}]
        assert any(entry["unclear"] is not None for entry in entries)
        assert world.sql("SELECT count(*) AS moves FROM pending_move") == [{"moves": 0}]
