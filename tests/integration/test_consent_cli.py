"""May we write to this person, who said so, and when: the command that answers."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from world import World

from tests.integration.test_cli import CLEAN, COULD_NOT, Terminal
from tests.integration.test_consent_stories import ANN, ConsentWorld, configuration


@pytest.fixture(name="told")
def _told(world_of: Callable[..., World]) -> ConsentWorld:
    """Give a world in which somebody agreed, which the shop has the form of, and took it back."""
    asked = configuration() + 'details = { form = "customer.custom.fields.form" }\n'
    world = ConsentWorld(world_of(asked, CT_AC_SYNC_FROM="now"))
    world.run()
    id_ = world.sign_up(newsletter=True, form="footer")
    world.run()
    world.say(id_, newsletter=False)
    world.run()
    return world


@pytest.fixture(name="terminal")
def _terminal(told: ConsentWorld) -> Terminal:
    """Give a terminal over that world."""
    return Terminal(told.world.environment)


class TestConsent:
    def test_says_where_somebody_stands_and_how_that_came(self, terminal: Terminal):
        """By an address it says whether they may be written to, and each step that led there, oldest first."""
        found = terminal.run("consent", ANN, "--json").json()

        (held,) = found["standings"]
        assert (held["list"], held["may_send"], held["standing"]) == ("Newsletter", "no", "unsubscribed")
        steps = [(row["what"], row["value"]) for row in found["timeline"]]
        assert steps == [
            ("said", "yes"), ("verdict", "subscribe"), ("written", "active"),
            ("said", "no"), ("verdict", "unsubscribe"), ("written", "unsubscribed"),
        ]  # fmt: skip
        assert found["timeline"][0]["details"] == {"form": "footer"}

    def test_says_what_was_known_on_a_day(self, terminal: Terminal):
        """As of a day before anything was said, nothing is known; as of today all is."""
        before = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d")
        today = datetime.now(UTC).strftime("%Y-%m-%d")

        assert terminal.run("consent", ANN, "--at", before, "--json").json() == {
            "standings": [],
            "timeline": [],
        }
        assert len(terminal.run("consent", ANN, "--at", today, "--json").json()["timeline"]) == 6

    def test_exports_the_timeline(self, terminal: Terminal):
        """As CSV it is a row for each step, which a spreadsheet takes for no formula."""
        rows = list(csv.DictReader(io.StringIO(terminal.run("consent", ANN, "--csv").out)))

        assert [row["what"] for row in rows] == ["said", "verdict", "written"] * 2
        assert "footer" in rows[0]["details"]

    def test_proves_it(self, terminal: Terminal):
        """The document names each statement with what the shop keeps of it, each verdict, and each call."""
        text = terminal.run("consent", ANN, "--proof").out

        assert f"# Consent of {ANN}" in text
        assert "form: footer" in text
        assert text.count("/contactLists") == 2
        assert "may be sent to: no" in text

    def test_nothing_that_the_shop_keeps_is_a_step_of_its_own(self, told: ConsentWorld, terminal: Terminal):
        """Lines in a text that the shop keeps are no lines of the document."""
        forged = "- 2026-03-01T00:00:00+00:00 said yes: customers 1 version 1"
        told.say(told.customer(), newsletter=True, form=f"footer\n{forged}")
        told.run()

        lines = terminal.run("consent", ANN, "--proof").out.splitlines()

        assert forged not in lines
        assert f"  - form: footer {forged}" in lines

    def test_counts_everybody(self, terminal: Terminal):
        """The summary counts people by their last verdict."""
        (row,) = terminal.run("consent", "--summary", "--json").json()

        assert (row["list"], row["action"], row["people"]) == ("Newsletter", "unsubscribe", 1)

    def test_shows_tables(self, terminal: Terminal):
        """Without a format it prints two tables for people."""
        done = terminal.run("consent", ANN)

        assert done.code == CLEAN
        assert "may_send" in done.out
        assert "timeline" in done.out

    def test_nobody_is_nobody(self, terminal: Terminal):
        """Who is not known is told of, and ends with 2; so does a question about nobody."""
        assert terminal.run("consent", "eve@example.com").code == COULD_NOT
        assert terminal.run("consent").code == COULD_NOT
