"""
What is a person's, and what opens doors, stays where it belongs.

Marked people and secrets go every path there is, through real workers, a beat and Flower:
then every place that could hold them is searched, in whatever spelling it would.
"""

import base64
import binascii
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from fleet import ROOT, Fleet
from flower_house import Flower
from ingest import Ingest
from world import Sandbox

from ct_ac_sync.bootstrap import build
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.redaction import describe, personal_in, redact
from ct_ac_sync.sandbox.servers import free_port, look_alike, scratch
from ct_ac_sync.settings import read_settings

CLIENT, SECRET, TOKEN = "marker-client-id", "marker-client-secret", "marker-account-token"
VICTIM = "Markerbuggy"
#: Of each kind of person one thing by which it is found; all of it is in what the shop stores.
HOST, FIRST, LAST, STREET = "persons-marker.example", "Markerfirst", "Markerlast", "Markerstrasse"
PHONE, DIGITS = "+49 30 5557771234", "5557771234"
PERSONS = (HOST, FIRST, LAST, STREET, DIGITS, VICTIM)
#: What whoever knows of keys and addresses could say, and what whoever was sent a person could.
HINT = (
    f"<refused@{HOST}>, {PHONE}: the Api-Token {TOKEN} or {SECRET} may not (Authorization: Bearer {TOKEN},"
    f" https://u:{TOKEN}@host/x?email=refused@{HOST})"
)
ECHO = f"{FIRST} {LAST} {HINT}"
ORDER_ECHO = f"{FIRST} {LAST} of {STREET} {HINT}"


def spellings(marker: str) -> set[bytes]:
    """Return the ways in which *marker* may stand somewhere."""
    return {each.encode() for each in (marker, quote(marker, safe=""), json.dumps(marker)[1:-1])}


def unfolded(blob: bytes) -> bytes:
    """Return *blob* with all that is base64 in it opened, as the broker's messages are."""
    opened = [blob]
    for found in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", blob.replace(b"\\", b"")):
        try:
            opened.append(base64.b64decode(found + b"=" * (-len(found) % 4)))
        except (binascii.Error, ValueError):
            continue
    return b"\n".join(opened)


def found_in(blob: bytes, markers: tuple[str, ...]) -> list[str]:
    """Return those of *markers* that stand in *blob*, however they are spelled, with what is around them."""
    text = unfolded(blob).lower()
    hits = []
    for marker in markers:
        for spelling in spellings(marker):
            if (place := text.find(spelling.lower())) >= 0:
                hits.append(f"{marker}: {text[max(0, place - 200) : place + 80]!r}")
                break
    return hits


class Monitor:
    """Everything that is said to a Redis, from now on."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 0))
        self._socket.sendall(f"AUTH {parts.password}\r\nMONITOR\r\n".encode())
        self._said: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            while piece := self._socket.recv(65536):
                self._said.append(piece)
        except OSError:
            return

    def said(self) -> bytes:
        """Return what was said so far."""
        return b"".join(self._said)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class MarkedFleet(Fleet):
    """A fleet whose secrets are markers."""

    def __init__(self, folder: Path, **more: str) -> None:
        super().__init__(folder, **more)
        for each in (self._shop, self._account):
            each.terminate()
            each.wait()
        rate = ("--rate", "60", "--retry-after", "1")
        self._shop, shop = look_alike(
            "commercetools", "--client", f"{CLIENT}:{SECRET}", log=folder / "shop.log"
        )
        self._account, account = look_alike(
            "activecampaign", "--token", TOKEN, *rate, log=folder / "account.log"
        )
        self.shop, self.account = Sandbox(shop), Sandbox(account)
        self.environment |= {
            "CTP_CLIENT_ID": CLIENT, "CTP_CLIENT_SECRET": SECRET, "CTP_AUTH_URL": shop, "CTP_API_URL": shop,
            "AC_API_TOKEN": TOKEN, "AC_API_URL": account, "FAULTY_VICTIM": VICTIM,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{ROOT / 'tests' / 'operate'}",
        }  # fmt: skip
        self.box.close()
        self.box = build(read_settings(self.environment))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return all that opens a door."""
        passwords = (urlsplit(url).password or "" for url in (self.postgres.url, self.redis.url))
        return (SECRET, TOKEN, CLIENT, *passwords)

    def create(self, kind: str, draft: Mapping[str, Any]) -> str:
        """Create a record in the shop by its own API, and return its id."""
        answer = requests.post(
            f"{self.shop.url}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(CLIENT, SECRET),
            timeout=10,
        )
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        made = requests.post(f"{self.shop.url}/demo-shop/{kind}", json=draft, headers=headers, timeout=10)
        made.raise_for_status()
        row = made.json()
        return str(row.get("customer", row)["id"])

    def sign_up(self, name: str, **more: Any) -> str:
        """Let a marked person sign up, whose address begins with *name*."""
        address = {
            "id": "home", "firstName": FIRST, "lastName": LAST, "streetName": STREET, "phone": PHONE, "country": "DE",
        }  # fmt: skip
        draft = {
            "email": f"{name}@{HOST}", "firstName": FIRST, "lastName": LAST, "addresses": [address],
            "defaultBillingAddressId": "home", "defaultShippingAddressId": "home",
        }  # fmt: skip
        return self.create("customers", draft | more)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return rows of the product's database."""
        return self.box.database.fetch(statement)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of an event that a worker logged so far."""
        text = (self.folder / "one.log").read_text("utf-8", "replace")
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]


def until(condition: Callable[[], object], *, seconds: float = 120) -> None:
    """Wait for *condition*; fail if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {condition.__code__.co_consts}")
        time.sleep(0.2)


@pytest.fixture(name="ingest")
def _ingest() -> Iterator[Ingest]:
    with Ingest() as found:
        yield found


@contextmanager
def _launched(ingest: Ingest) -> Iterator[MarkedFleet]:
    fleet = MarkedFleet(
        scratch("ct-ac-sync-markers-"), SENTRY_DSN=ingest.dsn, SENTRY_TRACES_SAMPLE_RATE="1",
        CT_AC_SYNC_MAX_ATTEMPTS="3", CT_AC_SYNC_MAX_CRASHES="2",
    )  # fmt: skip
    try:
        yield fleet
    finally:
        fleet.close()


def _drive(fleet: MarkedFleet) -> None:
    """Let marked people go every path; each is awaited by what it leaves in the database or in the log."""
    letters = lambda: fleet.totals()["dead_letters"]  # noqa: E731 - read again at every look
    fleet.sign_up("backfilled")
    fleet.worker("one", application="faulty", concurrency=2)
    fleet.beat(application="faulty")
    fleet.settle()

    buyer = fleet.sign_up("live")
    fleet.settle()
    fleet.shop.do("order", customer=buyer)
    fleet.settle()

    echo = json.dumps({"errors": [{"title": ECHO, "detail": ECHO, "code": ECHO}]})
    fleet.account.fault(operation="sync_contact", body="refused@", status=422, reply=echo)
    fleet.sign_up("refused")
    until(lambda: letters() == 1)

    html = f"<html><h1>502</h1>{ECHO}</html>"
    fleet.account.fault(
        operation="sync_contact", body="html@", status=502, reply=html, content_type="text/html"
    )
    fleet.sign_up("html")
    until(lambda: letters() == 2)

    fleet.account.fault(operation="graphql", body="mutation", reset=True, times=1)
    fleet.shop.do("order", customer=buyer)
    until(lambda: fleet.totals()["parked"] == 1)

    # Whoever was sent an order with its addresses could quote these.
    ordered = {
        key: each
        for key, each in fleet.shop.do("order", customer=buyer).items()
        if key not in ("id", "version")
    }
    fleet.settle()
    refusal = json.dumps(
        {"errors": [{"message": f"Variable: {ORDER_ECHO}", "extensions": {"x": ORDER_ECHO}}]}
    )
    fleet.account.fault(operation="graphql", body="REFUSED-1", status=200, reply=refusal)
    address = {"firstName": FIRST, "lastName": LAST, "streetName": STREET, "phone": PHONE, "country": "DE"}
    changed = {"orderNumber": "REFUSED-1", "shippingAddress": address, "billingAddress": address}
    fleet.create("orders", ordered | changed)
    until(lambda: letters() == 3)

    fleet.create("customers", {"email": {f"unreadable@{HOST}": PHONE}, "firstName": [FIRST], "id": "x"})
    until(lambda: letters() == 4)

    fleet.sign_up("bug", firstName=VICTIM)
    until(lambda: letters() == 5)

    fleet.account.fault(operation="sync_contact", status=401, reply=echo)
    fleet.sign_up("halting")
    until(lambda: fleet.events("destination_halted"))
    fleet.account.heal()
    next(iter(fleet.box.accounts.values())).budget.resume()
    fleet.settle()

    fleet.shop.fault(
        status=401, reply=json.dumps({"message": HINT, "errors": [{"code": HINT, "message": HINT}]})
    )
    until(lambda: fleet.events("stream_halted"))
    fleet.shop.heal()


def _said_by_commands(fleet: MarkedFleet) -> bytes:
    """Return what commands and processes say that meet a closed door with a secret in their hands."""
    nobody = free_port()
    database = f"postgresql://postgres:{SECRET}@127.0.0.1:{nobody}/postgres"
    closed = (
        {"DATABASE_URL": database},
        {"DATABASE_URL": fleet.postgres.url.replace("postgres:", f"postgres:{SECRET}", 1)},
        {"DATABASE_URL": f"postgresql://postgres:{SECRET}:{SECRET}@127.0.0.1/x"},
        {"AC_API_URL": f"https://user:{TOKEN}@host.example"},
        {"CTP_AUTH_URL": f"http://127.0.0.1:{nobody}"},
        {"REDIS_URL": f"redis://:{SECRET}@127.0.0.1:{nobody}/not-a-number"},
        {"SENTRY_DSN": f"{SECRET}://{TOKEN}@host"},
    )
    said = []
    for change in closed:
        for command in (("check",), ("status", "--json"), ("sync", "--once")):
            done = subprocess.run(
                [sys.executable, "-m", "ct_ac_sync.cli.main", *command], env=fleet.environment | change, cwd=ROOT,
                capture_output=True, check=False, timeout=180,
            )  # fmt: skip
            said.append(done.stdout + done.stderr)
    for change in ({"DATABASE_URL": database}, {"REDIS_URL": f"redis://:{SECRET}@127.0.0.1:{nobody}/0"}):
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "--concurrency", "1"],
            env=fleet.environment | change, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
        said.append(process.communicate()[0])
    return b"\n".join(said)


def _shown_by(flower: Flower) -> bytes:
    """Return what Flower shows of tasks and workers, by its API and on its pages."""
    paths = (
        "/api/tasks",
        "/api/workers",
        "/api/task/types",
        "/tasks",
        "/workers",
        "/broker",
        "/metrics",
        "/dead-letters",
    )
    pages = [flower.get(path) for path in paths]
    names = json.loads(pages[0].content)
    pages += [flower.get(f"/api/task/info/{name}") for name in list(names)[:50]]
    return b"\n".join(page.content for page in pages)


class TestMarkers:
    def test_nothing_of_a_person_and_no_secret_is_anywhere_but_in_the_database(self, ingest: Ingest):
        """Every path is gone by marked people and secrets, and no log, queue, event, page, report or text has them."""
        with _launched(ingest) as fleet:
            monitor = Monitor(fleet.redis.url)
            flower = Flower(fleet.folder, fleet.environment | {"FLOWER_UNAUTHENTICATED_API": "1"})
            try:
                _drive(fleet)
                time.sleep(3)
                sinks = {
                    "flower": _shown_by(flower),
                    "commands": _said_by_commands(fleet),
                    "redis, all commands and events": monitor.said(),
                    "redis, its files": b"".join(
                        p.read_bytes() for p in (fleet.folder / "redis").rglob("*") if p.is_file()
                    ),
                    "sentry": b"\n".join(ingest.raw),
                }
            finally:
                flower.stop()
                monitor.close()
            logs = [
                p
                for p in fleet.folder.glob("*.log")
                if p.stem not in ("postgres", "redis", "shop", "account")
            ]
            sinks |= {path.name: path.read_bytes() for path in logs}
            told = (
                "SELECT concat_ws(' ', cause, message, answer, reason) AS text FROM dead_letter",
                "SELECT concat_ws(' ', reason, answer) AS text FROM outcome",
                "SELECT halted AS text FROM destination", "SELECT halted AS text FROM stream",
                "SELECT reason AS text FROM trigger_ledger",
            )  # fmt: skip
            texts = [row["text"] or "" for each in told for row in fleet.rows(each)]
            sinks["texts of the ledger"] = "\n".join(texts).encode()
            stored = json.dumps(fleet.rows("SELECT body FROM record")).encode()
            sent = json.dumps(fleet.rows("SELECT request FROM attempt")).encode()

            # They went the paths, and the search finds them where they may be.
            assert {marker.partition(":")[0] for marker in found_in(stored, PERSONS)} == set(PERSONS)
            assert found_in(sent, (HOST, FIRST, DIGITS))
            for name in (
                "dead_letter",
                "parked",
                "call_failed",
                "destination_halted",
                "stream_halted",
                "task_failed",
            ):
                assert fleet.events(name), name
            causes = {row["cause"] for row in fleet.rows("SELECT cause FROM dead_letter")}
            assert len(causes) == 5, causes
            for name, least in (
                ("flower", 2000),
                ("commands", 500),
                ("sentry", 2000),
                ("texts of the ledger", 200),
            ):
                assert len(sinks[name]) > least, (name, sinks[name])
            assert b"celeryev" in sinks["redis, all commands and events"]
            assert b"task-failed" in unfolded(sinks["redis, all commands and events"])
            assert ingest.items("transaction")

            leaks = {
                name: hits
                for name, blob in sinks.items()
                if (hits := found_in(blob, (*PERSONS, *fleet.secrets)))
            }
            assert leaks == {}, json.dumps(leaks, indent=1)

    @pytest.mark.parametrize(
        "spelled",
        [
            f"x{HOST}y", f"X{HOST.upper()}Y", json.dumps({"k": f"ü{FIRST}"}), quote(f"a@{HOST}"),
            base64.b64encode(json.dumps([[], {"args": f"a@{HOST} of {STREET}"}]).encode()).decode(),
        ],
    )  # fmt: skip
    def test_the_search_finds_what_is_there(self, spelled: str):
        """A marker is found in a text, in JSON, in an address of the web, and in a message of the broker."""
        assert found_in(f"before {spelled} after".encode(), PERSONS)


class TestEcho:
    @pytest.mark.parametrize(
        "echo", ["Zoë Ada is bad", '{"error": "Zo\\u00eb ada"}', "ADA, ZOË", "name=Ada;x=Zoë", "“Ada” “Zoë”"]
    )
    def test_what_was_sent_is_not_kept_when_it_comes_back(self, echo: str):
        """A name has no form by which to know it; it is known because it was sent."""
        sent = {
            "contact": {"firstName": "Ada", "lastName": "Zoë", "fieldValues": [{"field": "1", "value": "x"}]}
        }

        clean = Response(status=422, headers={}, body=echo.encode(), sent=sent).excerpt

        assert not re.search(r"(?i)ada|zo(ë|\\u00eb)", clean)
        assert "[sent]" in clean

    def test_what_is_no_persons_is_kept(self):
        """Currencies, kinds and ids that come back say what is wrong, and stay."""
        sent = {
            "variables": {"order": {"currency": "EUR", "storeOrderId": "a-1", "email": "ada@persons.example"}}
        }

        assert personal_in(sent) == {"ada@persons.example"}
        assert redact("EUR of a-1", echoed=personal_in(sent)) == "EUR of a-1"

    def test_a_name_within_a_word_is_left(self):
        """Ann does not spoil the word *cannot*."""
        assert redact("Ann cannot", echoed=frozenset({"Ann"})) == "[sent] cannot"


class TestDescribe:
    def test_only_what_quotes_no_record_tells_its_text(self):
        """Errors of ours, of the system and of the broker speak; all others tell their kind."""
        assert describe(ValueError("Ada")) == "ValueError"
        assert describe(KeyError("Ada")) == "KeyError"
        assert (
            describe(FileNotFoundError(2, "none", "/a/file"))
            == "FileNotFoundError: [Errno 2] none: '/a/file'"
        )
