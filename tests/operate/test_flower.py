"""Flower by its stock command: where it listens, what our pages show, and who may decide there."""

import contextlib
import getpass
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from flower_house import Flower, Visitor, a_dead_contact, command, state_of, surroundings
from world import World

from ct_ac_sync.sandbox.servers import free_port, look_alike

ADDRESS = "ada.lovelace@example.org"


@pytest.fixture(scope="module", name="world")
def _world(postgres: str, template: str, redis_url: str, folder: Path) -> Iterator[World]:
    """Give one product for all tests of this module; each makes its own letters."""
    name = f"flower_{secrets.token_hex(4)}"
    processes = []
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    urls = []
    for look in (("commercetools",), ("activecampaign", "--rate", "1000", "--retry-after", "1")):
        process, url = look_alike(*look, log=folder / f"flower-{look[0]}.log")
        processes.append(process)
        urls.append(url)
    database = f"{postgres.rpartition('/')[0]}/{name}"
    world = World(database, *urls, CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.01", REDIS_URL=redis_url)
    yield world
    world.close()
    for process in processes:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module", name="flower")
def _flower(world: World, folder: Path) -> Iterator[Flower]:
    flower = Flower(folder, world.environment)
    yield flower
    flower.stop()


@pytest.fixture(scope="module", name="guarded")
def _guarded(world: World, folder: Path) -> Iterator[Flower]:
    """Give a Flower with a login, where all can reach it, under a prefix."""
    environment = world.environment | {"FLOWER_BASIC_AUTH": "ann:secret,bob:other"}
    flower = Flower(folder, environment, "--address=0.0.0.0", "--url-prefix=ops")
    yield flower
    flower.stop()


@pytest.fixture(scope="module", name="letter")
def _letter(world: World) -> int:
    """Give a dead letter that no test decides about, with an order that waits for it."""
    return a_dead_contact(world, ADDRESS, has_order=True)


class TestListening:
    def test_the_stock_command_listens_on_loopback(self, flower: Flower):
        """Without a word on where, Flower is reached at 127.0.0.1 and at no other address."""
        assert flower.get("/workers").status_code == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", flower.port), 5)

    @pytest.mark.parametrize(
        ("arguments", "variables", "said"),
        [
            (("--address=0.0.0.0",), {}, "on 0.0.0.0 without a login"),
            (("--address=",), {}, "on every address of this machine without a login"),
            (("--address=::",), {}, "on :: without a login"),
            ((), {"FLOWER_ADDRESS": "0.0.0.0"}, "on 0.0.0.0 without a login"),
            (("--address=0.0.0.0", "--basic-auth=hush"), {}, "expected name:password"),
            (("--address=0.0.0.0",), {"FLOWER_BASIC_AUTH": ""}, "expected name:password"),
        ],
    )
    def test_no_login_no_public_address(
        self, world: World, folder: Path, arguments: tuple[str, ...], variables: dict[str, str], said: str
    ):
        """A Flower that others could reach without a login ends with 2 and says why, before it listens."""
        done = subprocess.run(
            command(f"--port={free_port()}", *arguments), env=surroundings(world.environment | variables),
            cwd=folder, capture_output=True, timeout=180, check=False, encoding="utf-8",
        )  # fmt: skip

        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "hush" not in done.stderr
        assert "Visit me" not in done.stderr
        assert "Traceback" not in done.stderr

    def test_with_a_login_it_listens_elsewhere(self, guarded: Flower):
        """With a login Flower listens where it is told to, and lets in who logs in."""
        pages = [
            requests.get(f"http://127.0.0.2:{guarded.port}/ops/dead-letters", auth=auth, timeout=30)
            for auth in (None, ("ann", "wrong"), ("ann", "secret"))
        ]

        assert [page.status_code for page in pages] == [401, 401, 200]

    def test_a_foreign_name_for_loopback(self, flower: Flower):
        """A site that lets its own name lead to loopback is shown nothing where no login keeps it out."""
        page = flower.get("/dead-letters", headers={"Host": "evil.example"})

        assert page.status_code == 403
        assert "evil.example" in page.text


class TestPages:
    @pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/broker", "/dead-letters", "/nowhere"])
    def test_every_page_has_our_tab(self, flower: Flower, path: str):
        """Flower's own pages lead to ours."""
        assert '<a class="nav-link' in flower.get(path).text
        assert 'href="/dead-letters"' in flower.get(path).text

    def test_a_prefix(self, guarded: Flower, letter: int):
        """Under a prefix all our links are under it as well."""
        page = guarded.get(f"/ops/dead-letters/{letter}", auth=("ann", "secret")).text

        assert 'href="/ops/dead-letters"' in page
        assert f'action="/ops/dead-letters/{letter}"' in page
        assert 'href="/dead-letters' not in page

    def test_the_lists_stand_on_the_broker_page(self, flower: Flower):
        """The broker page shows the queues and, below them, a list of dead letters for each lane."""
        rows = flower.get("/broker").text.split('<tr id="')[1:]

        names = [row.split('"')[0] for row in rows]
        assert names[-4:] == ["consent.dead", "live.dead", "replay.dead", "backfill.dead"]
        assert {"control", "consent", "live", "replay", "backfill"} == set(names[:-4])

    def test_letters_by_cause(self, flower: Flower, letter: int, world: World):
        """The list groups by cause, with how many there are, the oldest and an example."""
        (cause,) = [row for row in world.box.desk.causes() if row["example"] <= letter]

        page = flower.get("/dead-letters").text
        only = flower.get("/dead-letters", params={"cause": cause["cause"]}).text
        none = flower.get("/dead-letters", params={"cause": "another"}).text

        assert cause["cause"] in page
        assert f"{cause['oldest']:%Y-%m-%d %H:%M:%S}" in page
        assert f'href="/dead-letters/{letter}"' in only
        assert f'href="/dead-letters/{letter}">{letter}</a></td>\n<td data-label="Operation"' not in none

    def test_one_letter(self, flower: Flower, letter: int, world: World):
        """A letter shows its cause, answer, what waits for it, and the trace of its records."""
        shown = world.box.desk.dead_letter(letter)
        assert shown is not None
        page = flower.get(f"/dead-letters/{letter}").text

        assert shown["cause"] in page
        assert "field_invalid" in page
        assert shown["waiting"][0]["object"] in page
        for part in ("facts", "decide", "waiting", "exchange", "records", "sightings", "entries", "outcomes"):
            assert f'id="{part}"' in page

    def test_nobody_is_named(self, flower: Flower, letter: int, world: World):
        """Of the request its fields are shown and none of its values, and no address stands anywhere."""
        page = flower.get(f"/dead-letters/{letter}").text
        (row,) = world.sql("SELECT request::text AS text FROM dead_letter WHERE dead_letter = %s", (letter,))

        assert ADDRESS in row["text"]
        assert ADDRESS not in page
        assert "lovelace" not in page.lower()
        assert "&quot;email&quot;: &quot;[text]&quot;" in page

    @pytest.mark.parametrize(
        ("path", "says"),
        [
            ("/dead-letters/4711", "no dead letter 4711"),
            ("/dead-letters/999999999999999999", "no dead letter"),
        ],
    )
    def test_a_letter_nobody_has(self, flower: Flower, path: str, says: str):
        """A number that no letter has is 404, in our words."""
        page = flower.get(path)

        assert page.status_code == 404
        assert says in page.text

    def test_nobody_frames_or_keeps_a_page(self, flower: Flower, letter: int):
        """No other site may frame our pages, and no cache keeps them."""
        headers = flower.get(f"/dead-letters/{letter}").headers

        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"

    def test_a_database_that_is_away(self, world: World, folder: Path):
        """Without the database Flower still starts, and our pages say what is away, without its password."""
        url = f"postgresql://user:hidden-word@127.0.0.1:{free_port()}/none"
        flower = Flower(folder, world.environment | {"DATABASE_URL": url})
        try:
            page, workers = flower.get("/dead-letters"), flower.get("/workers")
        finally:
            flower.stop()

        assert (page.status_code, workers.status_code) == (503, 200)
        assert "DATABASE_URL: Postgres cannot be used" in page.text
        assert "hidden-word" not in page.text + flower.said()


class TestDecisions:
    def test_a_replay(self, flower: Flower, world: World):
        """A replay makes the letter's entry due again, and keeps who and why; on loopback, Flower's own user."""
        number = a_dead_contact(world, "replayed@example.org")

        after = Visitor(flower, number).decide("replay", "the field is there now")
        world.drain()

        assert after.status_code == 200
        assert "available again" in after.text
        assert state_of(world, number) == {
            "state": "replayed", "actor": getpass.getuser(), "reason": "the field is there now",
        }  # fmt: skip
        assert "replayed@example.org" in world.contacts()

    def test_twice_does_nothing_twice(self, flower: Flower, world: World):
        """Whoever decides second about a letter is told that it is settled, and changes nothing."""
        number = a_dead_contact(world, "twice@example.org")
        first, second = Visitor(flower, number), Visitor(flower, number)

        first.decide("discard", "first")
        after = second.decide("replay", "second")

        assert "Nothing was done" in after.text
        assert state_of(world, number)["reason"] == "first"

    def test_a_discard(self, flower: Flower, world: World):
        """A discarded letter is no longer listed, and keeps who and why."""
        number = a_dead_contact(world, "discarded@example.org")

        after = Visitor(flower, number).decide("discard", "a test account")

        assert "given up" in after.text
        assert state_of(world, number)["state"] == "discarded"
        assert number not in [row["dead_letter"] for row in world.box.desk.dead_letters()]

    @pytest.mark.parametrize(("decision", "reason"), [("replay", "  "), ("discard", ""), ("burn", "why")])
    def test_a_decision_needs_a_name_and_a_reason(
        self, flower: Flower, letter: int, world: World, decision: str, reason: str
    ):
        """Without a reason, or of a kind nobody knows, nothing is decided."""
        after = Visitor(flower, letter).decide(decision, reason)

        assert after.status_code == 400
        assert state_of(world, letter)["state"] == "open"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"},
            {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
            {"Sec_Fetch_Site": "same-origin", "Origin": "http://evil.example"},
        ],
        ids=str,
    )  # fmt: skip
    def test_another_site_decides_nothing(
        self, flower: Flower, guarded: Flower, letter: int, world: World, headers: dict[str, str]
    ):
        """What another site sends is refused, with a login and without, even if it knew the form's token."""
        ends = [Visitor(flower, letter).decide("discard", **headers)]
        visitor = Visitor(guarded, letter, auth=("ann", "secret"), prefix="/ops")
        ends.append(visitor.decide("discard", **headers))

        assert [end.status_code for end in ends] == [403, 403]
        assert state_of(world, letter)["state"] == "open"

    @pytest.mark.parametrize("token", ["", "made-up"])
    def test_a_form_of_ours_is_needed(self, flower: Flower, letter: int, world: World, token: str):
        """Whatever does not carry a token of ours is refused, on loopback as well."""
        end = Visitor(flower, letter).decide("discard", token=token)

        assert end.status_code == 403
        assert state_of(world, letter)["state"] == "open"

    def test_who_logged_in_decides(self, guarded: Flower, world: World):
        """With a login its name is kept as who decided."""
        number = a_dead_contact(world, "by.bob@example.org")
        visitor = Visitor(guarded, number, auth=("bob", "other"), prefix="/ops")

        visitor.decide("discard", "no longer a customer")

        assert state_of(world, number) == {
            "state": "discarded", "actor": "bob", "reason": "no longer a customer",
        }  # fmt: skip

    def test_read_only(self, world: World, folder: Path, letter: int):
        """A read-only Flower shows letters without forms, and refuses a decision."""
        flower = Flower(folder, world.environment, "--read-only")
        try:
            visitor = Visitor(flower, letter)
            # The page has no form, and so no token; the cookie alone makes one.
            token = visitor._session.cookies.get("_xsrf")
            end = visitor.decide("discard", token=token)
        finally:
            flower.stop()

        assert "<form" not in visitor.page
        assert "read-only" in visitor.page
        assert end.status_code == 403
        assert "read-only" in end.text
        assert state_of(world, letter)["state"] == "open"


#: A recipient, or a stream and its source: nothing else is ever told to a task.
_STREAM = r"'(?:customers|orders)', 'demo-shop'"
_IDS_ONLY = re.compile(rf"\[(?:\d+|{_STREAM})?\]|\((?:\d+,|{_STREAM})?\)")


class TestUp:
    def test_up_shows_the_work_in_flower(self, world: World, tmp_path: Path):
        """Up prints where Flower is, and there stand its worker and its tasks, whose arguments are ids only."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = world.environment | {
            "CT_AC_SYNC_FLOWER_PORT": str(port), "CT_AC_SYNC_CONCURRENCY": "1",
            "CT_AC_SYNC_CUSTOMERS_EVERY_SECONDS": "1", "TMPDIR": str(tmp_path),
        }  # fmt: skip
        with (tmp_path / "up.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ct_ac_sync.cli.main", "up"], env=surroundings(environment),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            assert _comes(lambda: requests.get(f"{url}/dead-letters", timeout=5).ok)
            assert _comes(lambda: _rows(f"{url}/workers?json=1"))
            world.shop.do("sign_up", email="seen.in.flower@example.org")
            assert _comes(lambda: _tasks(url, "ct_ac_sync.deliver"))
            tasks = _tasks(url, "ct_ac_sync")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

        assert f"{url}/dead-letters" in (tmp_path / "up.log").read_text("utf-8")
        for task in tasks:
            assert _IDS_ONLY.fullmatch(task["args"])
            assert task["kwargs"] == "{}"
        assert "seen.in.flower" not in str(tasks)

    def test_a_port_that_is_taken(self, world: World):
        """Up says which setting to change where somebody listens on Flower's port, before it starts anything."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            environment = world.environment | {"CT_AC_SYNC_FLOWER_PORT": str(server.getsockname()[1])}
            done = subprocess.run(
                [sys.executable, "-m", "ct_ac_sync.cli.main", "up"], env=surroundings(environment),
                capture_output=True, timeout=180, check=False, encoding="utf-8",
            )  # fmt: skip

        assert done.returncode == 2
        assert "CT_AC_SYNC_FLOWER_PORT" in done.stderr


def _rows(url: str) -> Any:
    return requests.get(url, timeout=10).json()["data"]


def _tasks(url: str, name: str) -> list[dict[str, Any]]:
    asked = "draw=1&start=0&length=500&order[0][column]=0&order[0][dir]=desc&columns[0][data]=received"
    return [task for task in _rows(f"{url}/tasks/datatable?{asked}") if task["name"].startswith(name)]


def _comes(holds: Callable[[], object], *, seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            if holds():
                return True
        time.sleep(0.2)
    return False
