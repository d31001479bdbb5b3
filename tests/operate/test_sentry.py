"""Sentry, by a real SDK and real workers, over a real ingest: one issue per cause, check-ins, nothing else."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sentry_sdk
from fleet import Fleet
from ingest import Ingest
from world import World, environment

from ct_ac_sync.bootstrap import build, build_parts
from ct_ac_sync.errors import CredentialsError
from ct_ac_sync.ports import Lane, Letter, Stream
from ct_ac_sync.redaction import hide
from ct_ac_sync.sandbox.servers import free_port, scratch
from ct_ac_sync.settings import Settings, read_settings
from workers import sentry

ADDRESS, PHONE, SECRET = "marker@persons.example", "+49 151 23456789", "marker-of-a-secret"
#: Not written where it is used: the lines of source around a fault are sent.
NAME = "Markername"
LETTER = Letter(
    dead_letter=7, operation="upsert_order", cause="upsert_order: 422", lane=Lane.LIVE, destination="there",
    recipient=3, entry=4, attempt=5, object="an-order",
)  # fmt: skip


@pytest.fixture(name="ingest")
def _ingest() -> Iterator[Ingest]:
    with Ingest() as found:
        yield found


@pytest.fixture(name="reporting")
def _reporting(ingest: Ingest) -> Iterator[Settings]:
    """Give settings with which this process reports to the ingest; afterwards to nobody."""
    known = environment("postgresql://nowhere/x", "http://127.0.0.1:1", "http://127.0.0.1:1")
    settings = read_settings(known | {"SENTRY_DSN": ingest.dsn})
    sentry.start(settings)
    yield settings
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def reported(ingest: Ingest) -> list[dict[str, Any]]:
    """Return the events, once all are sent."""
    sentry_sdk.flush()
    return ingest.items("event")


class TestHerald:
    def test_a_dead_letter_is_grouped_by_operation_and_cause(self, reporting: Settings, ingest: Ingest):
        """A letter is an error under the fingerprint of its operation and cause, with tags and ids only."""
        sentry.SentryHerald().tell_letter(LETTER)

        (event,) = reported(ingest)
        assert event["fingerprint"] == ["upsert_order", "upsert_order: 422"]
        assert event["level"] == "error"
        assert event["tags"] == {
            "operation": "upsert_order", "lane": "live", "cause": "upsert_order: 422", "destination": "there",
        }  # fmt: skip
        assert event["extra"] == {"dead_letter": 7, "recipient": 3, "entry": 4, "attempt": 5}
        assert event["release"] == sentry.RELEASE
        assert event["environment"] == "production"

    def test_two_letters_of_one_cause_are_one_issue(self, reporting: Settings, ingest: Ingest):
        """Letters that share operation and cause share the fingerprint, whosever they are."""
        for number in (1, 2):
            sentry.SentryHerald().tell_letter(replace(LETTER, dead_letter=number, recipient=number))

        assert len({tuple(event["fingerprint"]) for event in reported(ingest)}) == 1

    def test_a_halt_is_told(self, reporting: Settings, ingest: Ingest):
        """A halt names what stands still, and why."""
        sentry.SentryHerald().tell_halt("there", "forbidden")

        (event,) = reported(ingest)
        assert event["level"] == "fatal"
        assert event["tags"] == {"halted": "there", "cause": "forbidden"}

    def test_without_a_dsn_nothing_is_told_and_nothing_fails(self):
        """Without a DSN the herald, check-ins and bugs go nowhere."""
        sentry.SentryHerald().tell_letter(LETTER)
        sentry.SentryHerald().tell_halt("there", "forbidden")
        sentry.report_bug(ValueError("x"))
        sentry.check_in(Stream.ORDERS, every=sentry.MINUTE)

        assert not sentry_sdk.get_client().is_active()


class TestScrubbing:
    def test_an_exception_loses_its_text_and_its_locals(self, reporting: Settings, ingest: Ingest):
        """An exception that may quote a record tells its kind and its place, and no value of any frame."""
        person = {"email": ADDRESS, "phone": PHONE, "first_name": NAME}
        try:
            int(person["first_name"])
        except ValueError as error:
            sentry.report_bug(error)

        (event,) = reported(ingest)
        (exception,) = event["exception"]["values"]
        assert exception["type"] == "ValueError"
        assert NAME not in json.dumps(event)
        assert all("vars" not in frame for frame in exception["stacktrace"]["frames"])
        assert exception["stacktrace"]["frames"][-1]["function"].startswith("test_an_exception")

    def test_the_chain_of_an_exception_is_scrubbed_too(self, reporting: Settings, ingest: Ingest):
        """What an exception was raised from may quote a record as well."""
        try:
            try:
                raise KeyError(ADDRESS)
            except KeyError as first:
                raise ConnectionError(f"http://user:{SECRET}@host/path?email={ADDRESS} is away") from first
        except ConnectionError as error:
            sentry.report_bug(error)

        (event,) = reported(ingest)
        text = json.dumps(event["exception"])
        assert ADDRESS not in text
        assert SECRET not in text
        assert "://[secret]@host/path" in text

    @pytest.mark.parametrize(
        "text",
        [
            ADDRESS, PHONE, f"mail {ADDRESS}, please", ADDRESS.replace("@", "%40"), f"Bearer {SECRET}",
            f"http://host/contacts?email={ADDRESS}&x=1", f"redis://:{SECRET}@host:6379/0", f"x{SECRET}y",
            f'{{"api_token": "{SECRET}"}}', f"/contacts?email={ADDRESS}",
        ],
    )  # fmt: skip
    def test_no_door_lets_a_marker_out(self, reporting: Settings, ingest: Ingest, text: str):
        """Message, tag, extra, context, breadcrumb and transaction pass the redactor alike."""
        hide(SECRET)
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("tag", text)
            scope.set_extra("extra", {"deep": [text]})
            scope.set_context("context", {"key": text})
            scope.set_user({"email": text})
            sentry_sdk.add_breadcrumb(message=text, data={"url": text})
            sentry_sdk.capture_message(text)
            scope.transaction = text

        everything = json.dumps(reported(ingest)) + b"".join(ingest.raw).decode()
        for marker in (ADDRESS, ADDRESS.replace("@", "%40"), PHONE, SECRET):
            assert marker not in everything

    def test_ids_survive(self, reporting: Settings, ingest: Ingest):
        """Ids of Sentry's own, and of records, are not taken for telephone numbers."""
        object_ = "12345678-1234-4123-8123-123456789012"

        sentry.SentryHerald().tell_letter(replace(LETTER, cause=f"orders {object_}"))

        (event,) = reported(ingest)
        assert event["tags"]["cause"] == f"orders {object_}"
        assert len(event["event_id"]) == 32
        assert len(event["contexts"]["trace"]["trace_id"]) == 32


class TestTracing:
    def test_is_off_unless_asked_for(self, reporting: Settings, ingest: Ingest):
        """By default no transaction leaves."""
        with sentry_sdk.start_transaction(name="x"):
            pass

        assert reported(ingest) == []
        assert ingest.items("transaction") == []

    def test_ticks_are_never_traced(self, reporting: Settings, ingest: Ingest):
        """Where it is on, deliveries are traced at the share given, and ticks are not."""
        sentry.start(replace(reporting, sentry_traces=1.0))

        for name in ("ct_ac_sync.deliver", "ct_ac_sync.dispatch"):
            job = {"celery_job": {"task": name}}
            with sentry_sdk.start_transaction(name=f"{name} {ADDRESS}", custom_sampling_context=job):
                pass

        sentry_sdk.flush()
        assert [each["transaction"] for each in ingest.items("transaction")] == [
            "ct_ac_sync.deliver [address]"
        ]


class TestCheckIn:
    def test_tells_how_often_it_will_come(self, reporting: Settings, ingest: Ingest):
        """A check-in brings its monitor along: a minute's interval, and when to raise an alarm."""
        sentry.check_in(Stream.CUSTOMERS, every=sentry.MINUTE)

        sentry_sdk.flush()
        (item,) = ingest.items("check_in")
        assert item["monitor_slug"] == "extract-customers"
        assert item["status"] == "ok"
        assert item["monitor_config"] == {
            "schedule": {"type": "interval", "value": 1, "unit": "minute"}, "checkin_margin": 2,
            "max_runtime": 5, "failure_issue_threshold": 2, "recovery_threshold": 1,
        }  # fmt: skip

    def test_is_had_once_a_period_by_whoever_comes_first(self, world: World):
        """The minute's slot is given once, and is not the poller's own."""
        name, streams = world.project, world.box.streams
        first = streams.take_slot(name, "orders check-in", period=sentry.MINUTE)
        again = streams.take_slot(name, "orders check-in", period=sentry.MINUTE)
        other = streams.take_slot(name, "customers check-in", period=sentry.MINUTE)

        assert (first, again, other) == (True, False, True)
        assert streams.take_slot(name, Stream.ORDERS, period=sentry.MINUTE)


class Listening:
    """A herald that keeps what it is told."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.halts: list[tuple[str, str]] = []

    def tell_letter(self, letter: Letter) -> None:
        """Keep a letter."""
        self.letters.append(letter)

    def tell_halt(self, what: str, cause: str) -> None:
        """Keep a halt."""
        self.halts.append((what, cause))


@pytest.fixture(name="told")
def _told(world: World) -> Listening:
    """Give what the world's own product tells, wired anew with a herald that listens."""
    herald = Listening()
    world.box.close()
    world.box = build(world.settings, herald=herald)
    return herald


class TestTelling:
    def test_a_letter_is_told_once_after_its_attempts(self, world: World, told: Listening):
        """Attempts are not told of, the letter that ends them is, with the id it has in the database."""
        world.read()
        world.account.fault(operation="sync_contact", status=422, reply='{"errors": [{"title": "No."}]}')
        world.shop.do("sign_up")

        world.run()

        rows = world.sql("SELECT dead_letter, cause, entry FROM dead_letter WHERE state = 'open'")
        assert [(each.dead_letter, each.cause, each.entry) for each in told.letters] == [
            (row["dead_letter"], row["cause"], row["entry"]) for row in rows
        ]
        assert len(rows) == 1
        assert told.letters[0].recipient is not None
        assert told.letters[0].attempt is not None

    def test_an_unreadable_record_is_told_once_however_often_it_is_seen(self, world: World, told: Listening):
        """The overlap shows it again at every sweep; it is the same letter."""
        row = world.shop.do("sign_up")
        world.shop.ask("shop/do", {"kind": "edit", "customer": row["id"], "first_name": "x"})
        spoilt = '{"limit":500,"offset":0,"count":1,"results":[{"id":"spoilt","version":1}]}'
        world.shop.fault(operation="query_customers", status=200, reply=spoilt)

        for _ in range(3):
            world.extract.read(Stream.CUSTOMERS)

        assert [(each.operation, each.object) for each in told.letters] == [("read_customers", "spoilt")]

    def test_poison_is_told(self, world: World, told: Listening):
        """A letter that a claim writes, for an entry that kills workers, is told too."""
        world.read()
        world.shop.do("sign_up")
        world.read()
        (row,) = world.sql("SELECT recipient FROM recipient")
        for _ in range(world.settings.max_crashes):
            assert world.box.deliveries.claim(row["recipient"]) is not None
            world.pass_time(world.settings.lease * 2)

        world.box.deliver.deliver(row["recipient"])

        assert [each.cause for each in told.letters] == ["poison"]

    def test_a_halt_is_told_once_however_many_come_to_it(self, world: World):
        """Of several workers whose calls were refused at once, the first one tells."""
        heralds = [Listening() for _ in range(3)]
        workers = [build_parts(world.settings, herald=herald) for herald in heralds]

        for worker in workers:
            worker.pacings[world.account_name].note_error(
                CredentialsError("list_fields: 401", cause="list_fields: 401")
            )
            worker.database.close()

        told = [each for herald in heralds for each in herald.halts]
        assert told == [(world.account_name, "list_fields: 401")]

    def test_a_halted_stream_is_told(self, world: World, told: Listening):
        """A stream that only a human can mend is told of, by source and stream."""
        world.shop.fault(operation="query_customers", status=403, reply="{}")

        with pytest.raises(Exception, match="scope"):
            world.extract.read(Stream.CUSTOMERS)

        assert [what for what, _ in told.halts] == [f"{world.project}/customers"]


@pytest.fixture(name="launch")
def _launch() -> Iterator[Callable[..., Fleet]]:
    """Give a function that launches a fleet; all are ended with the test."""
    fleets: list[Fleet] = []

    def launch(**more: str) -> Fleet:
        fleets.append(Fleet(scratch("ct-ac-sync-operate-"), **more))
        return fleets[-1]

    yield launch
    for fleet in fleets:
        fleet.close()


def lines_of(fleet: Fleet, name: str) -> list[dict[str, Any]]:
    """Return the events that a process of the fleet logged."""
    text = (fleet.folder / f"{name}.log").read_text("utf-8", "replace")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class TestWorkers:
    def test_letters_checkins_and_halts_reach_sentry_and_attempts_do_not(
        self, launch: Callable[..., Fleet], ingest: Ingest
    ):
        """From real workers and a beat: a letter after its attempts, one halt, one check-in a minute."""
        fleet = launch(SENTRY_DSN=ingest.dsn, CT_AC_SYNC_MAX_ATTEMPTS="3", SENTRY_ENVIRONMENT="staging")
        fleet.worker("one", concurrency=2)
        fleet.beat()
        # What is seen after the first sweep is live, and goes out by single calls.
        fleet.settle()
        fleet.account.fault(operation="sync_contact", status=503, reply="{}")
        for _ in range(2):
            fleet.shop.do("sign_up")

        ingest.wait_for("event", lambda item: item["level"] == "error", seconds=60)
        fleet.settle()
        fleet.account.heal()
        fleet.account.fault(operation="sync_contact", status=401, reply="{}")
        for _ in range(4):
            fleet.shop.do("sign_up")
        ingest.wait_for("event", lambda item: item["level"] == "fatal", seconds=60)
        time.sleep(3)

        events = ingest.items("event")
        letters = [each for each in events if each["level"] == "error"]
        assert len(letters) == 2 == fleet.totals()["dead_letters"]
        assert len({tuple(each["fingerprint"]) for each in letters}) == 1
        assert {each["environment"] for each in events} == {"staging"}
        assert len(events) - len(letters) == 1
        slots = Counter(item["monitor_slug"] for item in ingest.items("check_in"))
        assert set(slots) == {"extract-customers", "extract-orders", "extract-payments"}
        minutes = (
            1
            + fleet.box.database.fetch("SELECT count(*) AS n FROM poll_slot WHERE stream LIKE '%check-in'")[
                0
            ]["n"]
        )
        assert sum(slots.values()) <= minutes

    @pytest.mark.parametrize("kind", ["is none", "nobody listens"])
    def test_a_wrong_dsn_costs_reports_and_no_work(self, launch: Callable[..., Fleet], kind: str):
        """With a DSN that is none, or where nobody listens, all is delivered, and a DSN that is none is told of once."""
        dsn = "not a dsn" if kind == "is none" else f"http://key@127.0.0.1:{free_port()}/1"
        fleet = launch(SENTRY_DSN=dsn)
        fleet.worker("one", concurrency=2)
        fleet.beat()
        for _ in range(3):
            fleet.shop.do("sign_up")

        fleet.settle()

        fleet.assert_proven()
        refused = [each for each in lines_of(fleet, "one") if each["event"] == "sentry_refused"]
        assert len(refused) == (1 if kind == "is none" else 0)
