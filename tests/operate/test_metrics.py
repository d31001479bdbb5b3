"""What is measured: that it is true, cheap to ask for, and named alike in rules, dashboard and docs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families
from world import Interposed, World, environment

from ct_ac_sync.errors import ConfigurationError, DatabaseAwayError
from ct_ac_sync.metrics import ALL, MEASURES, Kind, MetricsCollector, render
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.tallies import CAUSES, Calls, Tallies

ROOT = Path(__file__).parents[2]
LEASE = timedelta(seconds=7)
SHOWN = {each.shown: each for each in ALL}
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")

Samples = dict[tuple[str, tuple[str, ...]], float]


def read(tallies: Tallies) -> Samples:
    """Return all samples by name and labels."""
    return {(each.metric, each.labels): each.value for each in tallies.read(lease=LEASE)}


def wait_for(tallies: Tallies, name: tuple[str, tuple[str, ...]], value: float) -> float:
    """Return a sample once it is no less than *value*, or as it is where that does not come."""
    until = time.monotonic() + 30
    while (found := read(tallies).get(name, 0)) < value and time.monotonic() < until:
        time.sleep(0.05)
    return found


def total(samples: Samples, metric: str) -> float:
    """Return the sum over all labels."""
    return sum(value for (name, _), value in samples.items() if name == metric)


def nowhere() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(name="tallies")
def _tallies(database_url: str) -> Iterator[Tallies]:
    """Give tallies over an empty database."""
    database = Database(database_url)
    yield Tallies(database)
    database.close()


@pytest.fixture(name="lived")
def _lived(world: World) -> World:
    """Give a world in which customers and orders were delivered, alone and together."""
    world.shop.ask("shop/fill", {"customers": 30, "orders": 40, "seed": 1})
    world.run()
    world.shop.do("sign_up", email="ann.dotty@example.org")
    world.run()
    world.box.tallies.write()
    return world


class TestCounters:
    def test_calls_are_those_the_account_saw(self, lived: World):
        """Every call, reads and provisioning included, is counted once, under its status."""
        samples = read(lived.box.tallies)

        statuses = Counter[str]()
        for (metric, labels), value in samples.items():
            if metric == "calls":
                statuses[labels[2]] += int(value)
        seen = Counter[str]()
        for by_status in lived.account.counts().values():
            seen.update(by_status)
        assert statuses == seen

    def test_calls_to_the_source_are_counted(self, lived: World):
        """Queries and the token are counted as the shop saw them."""
        samples = read(lived.box.tallies)

        assert samples["source_calls", ("demo-shop", "token", "200")] == 1
        assert total(samples, "source_calls") == sum(
            sum(by_status.values()) for by_status in lived.shop.counts().values()
        )

    def test_outcomes_are_those_of_the_ledger(self, lived: World):
        """Each row of the ledger is counted, whoever wrote it."""
        lived.execute(
            "INSERT INTO outcome (destination, operation, object, outcome) VALUES ('d', 'order_placed', 'x', 'settled')"
        )
        rows = lived.sql(
            "SELECT destination, operation, outcome, count(*) AS n FROM outcome GROUP BY 1, 2, 3"
        )

        samples = read(lived.box.tallies)

        told = {labels: value for (metric, labels), value in samples.items() if metric == "outcomes"}
        assert told == {(r["destination"], r["operation"], r["outcome"]): r["n"] for r in rows}
        assert told["d", "order_placed", "settled"] == 1

    def test_what_batching_saves(self, lived: World):
        """Members less attempts are the calls that were not made."""
        samples = read(lived.box.tallies)

        (row,) = lived.sql("SELECT count(*) AS attempts, sum(members) AS members FROM attempt")
        assert total(samples, "attempts") == row["attempts"]
        assert total(samples, "members") == row["members"]
        assert total(samples, "calls_saved") == row["members"] - row["attempts"] > 0

    @pytest.mark.parametrize("name", ["ac_api_url", "api_url"])
    def test_calls_that_reach_nobody_are_counted(self, world: World, name: str):
        """A side that does not answer is told from one that answers badly."""
        variable = {"ac_api_url": "AC_API_URL", "api_url": "CTP_API_URL"}[name]
        given = world.environment | {variable: f"http://127.0.0.1:{nowhere()}"}
        away = World(given["DATABASE_URL"], world.shop.url, world.account.url, **{variable: given[variable]})
        side = away.destination if name == "ac_api_url" else away.source

        with pytest.raises(Exception, match="cannot be reached"):
            side.check()
        away.box.tallies.write()

        samples = read(away.box.tallies)
        away.close()
        assert "unreachable" in {labels[-1] for (metric, labels), _ in samples.items() if "calls" in metric}

    def test_a_call_without_an_answer_is_counted(self, world: World):
        """A connection that is cut is neither a status nor unreachable."""
        world.read()
        world.account.fault(operation="sync_contact", reset=True, times=1)
        world.shop.do("sign_up")
        world.run()
        world.box.tallies.write()

        samples = read(world.box.tallies)

        assert samples["calls", (world.account_name, "sync_contact", "unanswered")] == 1

    def test_counting_never_stops_the_work(self, tallies: Tallies):
        """While the database is away calls are kept, and written with the next."""
        failures = iter([True, False])

        def transaction(real: Any) -> Any:
            if next(failures, False):
                raise DatabaseAwayError("away", cause="database_away")
            return real()

        shaky = Tallies(Interposed(tallies._database, transaction=transaction))  # type: ignore[arg-type]
        note = shaky.noter(Calls.DESTINATION, "d")
        note("read", "200")
        shaky.write()
        note("read", "200")
        shaky.write()

        assert read(tallies)["calls", ("d", "read", "200")] == 2

    def test_noted_calls_are_written_soon(self, tallies: Tallies):
        """Nobody has to ask for it: what was noted is written a moment later, and so is what comes after."""
        called = ("calls", ("d", "read", "200"))
        soon = Tallies(tallies._database, write_after_seconds=3)
        note = soon.noter(Calls.DESTINATION, "d")

        for _ in range(2):
            note("read", "200")
        before = read(tallies)
        between = wait_for(tallies, called, 2)
        note("read", "200")

        assert called not in before
        assert between == 2
        assert wait_for(tallies, called, 3) == 3

    def test_a_fork_writes_what_it_noted(self, tallies: Tallies, database_url: str):
        """A timer does not cross a fork, so a child that notes a call has one of its own."""
        soon = Tallies(Database(database_url), write_after_seconds=0.2)
        note = soon.noter(Calls.DESTINATION, "d")
        note("parent", "200")

        child = os.fork()
        if child == 0:
            note("child", "200")
            time.sleep(60)
            os._exit(0)
        found = wait_for(tallies, ("calls", ("d", "child", "200")), 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

        assert found == 1

    def test_no_count_ever_falls(self, tallies: Tallies, database_url: str):
        """While some count and others add up, whoever looks sees only growth, and in the end all of it."""
        writers, rounds = 3, 60
        is_over = threading.Event()

        def count() -> None:
            mine = Database(database_url)
            own = Tallies(mine)
            for _ in range(rounds):
                own.noter(Calls.DESTINATION, "d")("read", "200")
                own.write()
            mine.close()

        def add_up() -> None:
            mine = Database(database_url)
            while not is_over.is_set():
                Tallies(mine).tick()
            mine.close()

        threads = [threading.Thread(target=count) for _ in range(writers)]
        adders = [threading.Thread(target=add_up) for _ in range(2)]
        for thread in (*threads, *adders):
            thread.start()
        seen = []
        while any(thread.is_alive() for thread in threads):
            seen.append(read(tallies).get(("calls", ("d", "read", "200")), 0.0))
        is_over.set()
        for thread in adders:
            thread.join()

        tallies.tick()
        assert seen == sorted(seen)
        assert read(tallies)["calls", ("d", "read", "200")] == writers * rounds
        assert tallies._database.fetch("SELECT count(*) AS n FROM tally_mark")[0]["n"] == 0


#: Rows of everything that can be measured, ages in seconds apart so that none is taken for another.
STIRRED = """
INSERT INTO destination (destination, halted) VALUES ('d', 'key');
INSERT INTO budget (destination, bucket, base_interval, pace, blocked_until, failures, trips)
VALUES ('d', 'calls', '0.2', '0.5', sync_now() + interval '90 seconds', 3, 2);
INSERT INTO stream (source, stream, watermark, swept_at, sweeps, halted)
VALUES ('s', 'orders', sync_now() - interval '100 seconds', sync_now() - interval '50 seconds', 7, 'why');
INSERT INTO person OVERRIDING SYSTEM VALUE SELECT n FROM generate_series(1, 6) AS n;
INSERT INTO recipient (destination, person, lane, due_at, lease_until)
SELECT 'd', n, CASE n WHEN 6 THEN 3 ELSE 1 END, sync_now() - n * interval '10 seconds',
       CASE n WHEN 5 THEN sync_now() + interval '1 minute' END
  FROM generate_series(1, 6) AS n;
INSERT INTO awaiting (destination, attempt, remote, accepted_at, check_at, deadline)
VALUES ('d', 11, 'r', sync_now() - interval '300 seconds', sync_now(), sync_now() - interval '1 second');
UPDATE recipient SET awaiting = (SELECT awaiting FROM awaiting) WHERE person = 4;
INSERT INTO entry (recipient, operation, object, rank, wanted, lane, next_at)
SELECT recipient, 'upsert_contact', '', 1, 1, lane, due_at FROM recipient;
INSERT INTO intent (attempt, entry, recipient, token, kind, position, wanted, fingerprint, carried, version, made_at)
SELECT 10 + (person = 4)::int, entry, recipient, 1, 'import_contacts', 0, 1, '', 0, 0, sync_now() - interval '8 seconds'
  FROM entry JOIN recipient USING (recipient) WHERE person IN (3, 4);
INSERT INTO pending_move (source, stream, id, since) VALUES ('s', 'orders', 'o', sync_now() - interval '70 seconds');
INSERT INTO dead_letter (object, operation, lane, cause, message, died_at)
VALUES ('o', 'upsert_order', 1, 'no', 'no', sync_now() - interval '500 seconds');
INSERT INTO trigger_ledger (destination, kind, business_key, state, noted_at)
VALUES ('d', 'order_placed', 's/o', 'parked', sync_now() - interval '600 seconds');
INSERT INTO halted_trigger (destination, trigger, reason) VALUES ('d', 'paid.automation', 'r'), ('d', 'paid.tracking', 'r');
INSERT INTO event (source, kind, key, stream, id, happened_at, noticed_at, is_historical, facts, told_at)
SELECT 's', n.kind, n.kind, 'orders', 'o', sync_now() + n.at * interval '1 second',
       sync_now() + n.noticed * interval '1 second', false, '{}', CASE WHEN n.is_told THEN sync_now() END
  FROM (VALUES ('paid', -900, -200, false), ('shipped', -150, -400, false), ('refunded', -5000, -5000, true),
               ('cart_abandoned', 60, -4000, false)) AS n (kind, at, noticed, is_told);
INSERT INTO outcome (destination, operation, object, outcome) VALUES ('d', 'upsert_order', 'o', 'applied');
INSERT INTO attempt (attempt, destination, token, kind, request, members) VALUES (12, 'd', 1, 'import_contacts', '{}', 9);
INSERT INTO tally (party, name, labels, value) VALUES ('s', 'source_calls', '{token,200}', 1), ('d', 'calls', '{read,200}', 1);
INSERT INTO upkeep (task, next_at, done_at) VALUES ('retention', sync_now(), sync_now() - interval '700 seconds'),
                                                   ('dispatch', sync_now(), sync_now() - interval '800 seconds');
INSERT INTO upkeep (task, next_at, did) VALUES ('layout d', sync_now(), E'field ONE (is EINS now)\\nfield TWO (is ZWEI now)');
"""


class TestGauges:
    @pytest.fixture(name="samples")
    def _samples(self, tallies: Tallies, database_url: str) -> Samples:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(STIRRED)
        return read(tallies)

    def test_everything_declared_is_measured_and_nothing_else(self, samples: Samples):
        """What the statement returns is what is declared, with as many labels."""
        declared = {each.name: len(each.labels) for each in MEASURES}

        assert {(metric, len(labels)) for metric, labels in samples} == set(declared.items())

    @pytest.mark.parametrize(
        ("metric", "labels", "value"),
        [
            ("stream_freshness_seconds", ("s", "orders"), 100),
            ("stream_sweep_age_seconds", ("s", "orders"), 50),
            ("stream_sweeps", ("s", "orders"), 7),
            ("stream_halted", ("s", "orders"), 1),
            ("destination_halted", ("d",), 1),
            ("layout_drifts", ("d",), 2),
            ("budget_interval_seconds", ("d", "calls"), 0.5),
            ("budget_base_interval_seconds", ("d", "calls"), 0.2),
            ("budget_blocked_seconds", ("d", "calls"), 90),
            ("budget_failures", ("d", "calls"), 3),
            ("budget_breaker_trips", ("d", "calls"), 2),
            ("recipients_due", ("d", "live"), 3),
            ("recipients_due", ("d", "backfill"), 1),
            ("recipients_due", ("d", "consent"), 0),
            ("recipients_due_oldest_seconds", ("d", "live"), 50),
            ("recipients_due_oldest_seconds", ("d", "backfill"), 60),
            ("recipients_due_oldest_seconds", ("d", "replay"), 0),
            ("recipients_leased", ("d",), 1),
            ("recipients_awaiting", ("d",), 1),
            ("entries_open", ("d", "upsert_contact"), 6),
            ("awaiting_oldest_seconds", ("d",), 300),
            ("awaiting_overdue", ("d",), 1),
            ("intents_stale", ("d",), 1),
            ("pending_moves", (), 1),
            ("pending_moves_oldest_seconds", (), 70),
            ("dead_letters", ("no",), 1),
            ("dead_letters", ("other",), 0),
            ("dead_letters_oldest_seconds", (), 500),
            ("parked", ("d",), 1),
            ("parked_oldest_seconds", ("d",), 600),
            ("triggers_halted", ("d",), 2),
            ("events_held", ("s",), 2),
            ("events_held_oldest_seconds", ("s",), 200),
            ("outcomes", ("d", "upsert_order", "applied"), 1),
            ("attempts", ("d", "import_contacts"), 1),
            ("members", ("d", "import_contacts"), 9),
            ("calls_saved", ("d", "import_contacts"), 8),
            ("calls", ("d", "read", "200"), 1),
            ("source_calls", ("s", "token", "200"), 1),
            ("ledger_months_ahead", ("outcome",), 3),
            ("dispatch_age_seconds", (), 800),
            ("retention_age_seconds", (), 700),
        ],
    )
    def test_each_says_what_the_tables_hold(
        self, samples: Samples, metric: str, labels: tuple[str, ...], value: float
    ):
        """A gauge is what stands in the tables, and an age counts in seconds."""
        assert samples[metric, labels] == pytest.approx(value, abs=0 if value < 10 else 5)

    def test_causes_are_bounded_and_hold_no_address(self, tallies: Tallies, database_url: str):
        """However many causes there are, fifty are told apart, and an address in one is cut out."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO dead_letter (object, operation, lane, cause, message)"
                " SELECT n::text, 'upsert_order', 1, 'cause ' || n % 80, '' FROM generate_series(1, 200) AS n"
            )
            connection.execute(
                "INSERT INTO dead_letter (entry, object, operation, lane, cause, message)"
                " SELECT n, '', 'upsert_contact', 1, 'no ann.dotty@example.org', '' FROM generate_series(1, 5) AS n"
            )

        causes = {
            labels[0]: value for (metric, labels), value in read(tallies).items() if metric == "dead_letters"
        }

        assert len(causes) == CAUSES
        assert sum(causes.values()) == 205
        assert causes["no [address]"] == 5
        assert not [cause for cause in causes if "@" in cause]

    def test_no_label_holds_anything_of_a_person(self, lived: World):
        """Neither addresses nor names of those who were delivered stand on the page."""
        page = render(MetricsCollector(lived.box.tallies, lease=LEASE))

        told = {
            row["body"].get(name)
            for row in lived.sql("SELECT body FROM record")
            for name in ("email", "firstName")
        }
        assert [each for each in told if each and each in page] == []
        assert "@" not in page

    def test_freshness_grows_while_nothing_is_read(self, lived: World):
        """The age of the watermark goes on with time."""
        before = read(lived.box.tallies)["stream_freshness_seconds", ("demo-shop", "orders")]

        lived.pass_time(timedelta(minutes=10))

        after = read(lived.box.tallies)["stream_freshness_seconds", ("demo-shop", "orders")]
        assert after - before >= 600


class TestCollector:
    def test_the_page_is_what_prometheus_reads(self, lived: World):
        """Prometheus' own parser reads the page, and finds each metric with its type and help."""
        page = render(MetricsCollector(lived.box.tallies, lease=LEASE))

        found = {family.name: family for family in text_string_to_metric_families(page)}
        for family in found.values():
            measure = next(each for each in ALL if f"ct_ac_sync_{each.name}" == family.name)
            assert (family.type, family.documentation) == (measure.kind.value, measure.says)
            assert all(set(sample.labels) == set(measure.labels) for sample in family.samples)
        assert found["ct_ac_sync_up"].samples[0].value == 1

    def test_several_who_ask_cost_one_read(self, tallies: Tallies):
        """What was read a moment ago is shown again."""
        collector = MetricsCollector(tallies, lease=LEASE)

        assert collector.read() is collector.read()

    def test_a_database_that_is_away_is_told(self):
        """Without Postgres the page comes soon, and says so and nothing else."""
        url = f"postgresql://127.0.0.1:{nowhere()}/none"
        begun = time.monotonic()

        page = render(MetricsCollector(Tallies(Database(url)), lease=LEASE))

        assert time.monotonic() - begun < 5
        assert "ct_ac_sync_up 0.0" in page
        assert "ct_ac_sync_read_failure" in page
        assert "ct_ac_sync_recipients_due" not in page

    def test_a_read_that_takes_too_long_is_cut(self, tallies: Tallies, database_url: str):
        """Somebody who holds a table does not hold the page."""
        with psycopg.connect(database_url) as connection:
            connection.execute("LOCK TABLE dead_letter IN ACCESS EXCLUSIVE MODE")
            begun = time.monotonic()
            reading = MetricsCollector(tallies, lease=LEASE).read()

        assert time.monotonic() - begun < 5
        assert reading.failure is not None

    def test_no_statement_is_compiled(self, database_url: str):
        """A server that compiles what it takes for costly does not do so for us: it takes seconds, not milliseconds."""
        database = Database(database_url)
        with database.transaction() as connection:
            assert connection.execute("SHOW jit").fetchone() == {"jit": "off"}
        database.close()

    def test_names_follow_the_rules_of_prometheus(self):
        """Names are words, counters end in _total, and what is a time is in seconds."""
        for measure in ALL:
            assert re.fullmatch(r"ct_ac_sync_[a-z]+(?:_[a-z]+)*", measure.shown)
            assert measure.shown.endswith("_total") is (measure.kind is Kind.COUNTER)
            assert not re.search(r"_(ms|millis|minutes|hours|days)\b", measure.shown)


class Metrics:
    """The command, as a process."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name: os.environ[name] for name in KEPT if name in os.environ} | dict(variables)

    def run(self, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Run it."""
        done = subprocess.run(
            [sys.executable, "-m", "ct_ac_sync.cli.main", "metrics", *words],
            env=self._variables | changes, capture_output=True, timeout=180, check=False, encoding="utf-8",
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture(name="metrics")
def _metrics(database_url: str) -> Metrics:
    away = f"http://127.0.0.1:{nowhere()}"
    return Metrics(environment(database_url, away, away))


class TestCommand:
    def test_it_prints_what_prometheus_reads(self, metrics: Metrics):
        """Without Flower the command shows the same page."""
        done = metrics.run()

        names = {family.name for family in text_string_to_metric_families(done.stdout)}
        assert done.returncode == 0
        assert {"ct_ac_sync_up", "ct_ac_sync_recipients_due"} <= names

    @pytest.mark.parametrize("prefix", ["budget", "ct_ac_sync_budget", "budget_interval_seconds"])
    def test_only_some(self, metrics: Metrics, prefix: str):
        """A prefix chooses, with or without that of all."""
        done = metrics.run("--only", prefix)

        names = {family.name for family in text_string_to_metric_families(done.stdout)}
        assert done.returncode == 0
        assert names
        assert all(name.startswith("ct_ac_sync_budget") for name in names)

    def test_json(self, metrics: Metrics):
        """With --json each sample is an object."""
        rows = json.loads(metrics.run("--json", "--only", "recipients_due").stdout)

        assert {row["metric"] for row in rows} == {
            "ct_ac_sync_recipients_due", "ct_ac_sync_recipients_due_oldest_seconds",
        }  # fmt: skip
        assert all(set(row["labels"]) == {"destination", "lane"} for row in rows)

    @pytest.mark.parametrize(
        ("prefix", "hint"),
        [
            ("recipient_due", "did you mean recipients_due"),
            ("ct_ac_sync_outcome_total", "did you mean outcomes_total"),
            ("nonsense", "without --only all are shown"),
            ("", "without --only all are shown"),
            ("up'; --", "no metric begins with"),
        ],
    )
    def test_an_unknown_filter_is_told(self, metrics: Metrics, prefix: str, hint: str):
        """A filter that fits nothing is 2, with what is near, and prints nothing else."""
        for more in ((), ("--json",)):
            done = metrics.run("--only", prefix, *more)

            assert (done.returncode, done.stdout) == (2, "")
            assert hint in done.stderr

    def test_choosing_is_by_the_beginning(self):
        """A prefix that is part of a name elsewhere chooses nothing."""
        from ct_ac_sync.cli.metrics import choose

        assert [each.name for each in choose("up")] == ["up"]
        with pytest.raises(ConfigurationError):
            choose("due")


class TestFlower:
    @pytest.mark.parametrize("is_there", [True, False])
    def test_flower_shows_them(self, database_url: str, redis_url: str, tmp_path: Path, *, is_there: bool):
        """The stock command shows our metrics on /metrics, and says there when Postgres is away."""
        away, port = f"http://127.0.0.1:{nowhere()}", nowhere()
        url = database_url if is_there else f"postgresql://127.0.0.1:{nowhere()}/none"
        given = {name: os.environ[name] for name in KEPT if name in os.environ}
        given |= environment(url, away, away) | {"REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}
        with (tmp_path / "flower.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "workers.app", "flower", "--address=127.0.0.1", f"--port={port}"],
                env=given, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            page = self._ask(port)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

        assert f"ct_ac_sync_up {float(is_there)}" in page, (tmp_path / "flower.log").read_text("utf-8")
        assert "# HELP flower_worker_online" in page
        assert ("ct_ac_sync_budget" in page or "ct_ac_sync_ledger" in page) is is_there

    @staticmethod
    def _ask(port: int) -> str:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.2)
        raise AssertionError("Flower did not come up")


# -- rules, dashboard, docs -----------------------------------------------------------

TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<duration>\d+[smhdwy])|(?P<name>[a-zA-Z_:][\w:]*)
         |(?P<text>"[^"\\]*")|(?P<sign>==|!=|>=|<=|=~|!~|[-+*/%^(){}\[\],=<>]))""",
    re.VERBOSE,
)
AGGREGATES = {"sum", "min", "max", "avg", "count", "topk", "bottomk"}
FUNCTIONS = {"rate", "increase", "delta", "absent", "clamp_min", "clamp_max", "time"}
OPERATORS = ["or", "unless", "and", "==", "!=", ">", "<", ">=", "<=", "+", "-", "*", "/", "%", "^"]


class PromQL:
    """Enough of the grammar for our rules: names, matchers, ranges, offsets, functions, operators."""

    def __init__(self, text: str) -> None:
        self.metrics: set[str] = set()
        self.labels: set[tuple[str, str]] = set()
        self._tokens: list[tuple[str, str]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            match = TOKEN.match(text, place)
            if match is None:
                raise ValueError(f"cannot be read: {text[place:]!r}")
            self._tokens.append((str(match.lastgroup), str(match[match.lastgroup or 0])))
            place = match.end()
        self._expression()
        if self._tokens:
            raise ValueError(f"too much: {self._tokens[0][1]!r}")

    def _next(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _take(self, *wanted: str, kind: str | None = None) -> str:
        if (
            not self._tokens
            or (wanted and self._next() not in wanted)
            or kind not in (None, self._tokens[0][0])
        ):
            raise ValueError(f"expected {wanted or kind}, not {self._next()!r}")
        return self._tokens.pop(0)[1]

    def _expression(self) -> None:
        self._operand()
        while self._next() in OPERATORS:
            self._take()
            self._operand()

    def _operand(self) -> None:
        if self._next() == "-":
            self._take()
        if self._next() == "(":
            self._list(self._expression)
        elif self._tokens and self._tokens[0][0] == "number":
            self._take()
        else:
            self._named(self._take(kind="name"))

    def _named(self, name: str) -> None:
        if name in AGGREGATES:
            if self._next() in ("by", "without"):
                self._grouping()
            self._list(self._expression)
            if self._next() in ("by", "without"):
                self._grouping()
        elif name in FUNCTIONS:
            self._list(self._expression)
        else:
            self._selector(name)

    def _grouping(self) -> None:
        self._take()
        self._list(lambda: self.labels.add(("", self._take(kind="name"))))

    def _list(self, item: Any) -> None:
        self._take("(")
        while self._next() != ")":
            item()
            if self._next() != ")":
                self._take(",")
        self._take(")")

    def _selector(self, name: str) -> None:
        self.metrics.add(name)
        if self._next() == "{":
            self._take()
            while self._next() != "}":
                self.labels.add((name, self._take(kind="name")))
                self._take("=", "!=", "=~", "!~")
                self._take(kind="text")
                if self._next() != "}":
                    self._take(",")
            self._take("}")
        if self._next() == "[":
            self._take()
            self._take(kind="duration")
            self._take("]")
        if self._next() == "offset":
            self._take()
            self._take(kind="duration")


def faults_of(text: str) -> list[str]:
    """Return what is wrong with an expression: its syntax, or a name that nothing measures."""
    try:
        query = PromQL(text)
    except ValueError as error:
        return [str(error)]
    faults = [f"{name} is not measured" for name in query.metrics - set(SHOWN) - {"ALERTS"}]
    labels = {label for name in query.metrics & set(SHOWN) for label in SHOWN[name].labels}
    for name, label in query.labels:
        known = set(SHOWN[name].labels) if name in SHOWN else labels | {"alertstate"}
        if label not in known:
            faults.append(f"{name or 'no metric'} has no label {label}")
    return faults


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    document = yaml.safe_load((ROOT / "docker" / "prometheus" / "alerts.yaml").read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def kebab(name: str) -> str:
    """Return a name as headings are linked to."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


class TestPromQL:
    @pytest.mark.parametrize(
        "text",
        [
            "ct_ac_sync_up == 0 or absent(ct_ac_sync_up)",
            'max by (lane) (ct_ac_sync_recipients_due{lane=~"a|b", destination!="x"}) > 300',
            "sum(rate(ct_ac_sync_calls_total[5m])) by (status) / 2 - -1",
            "sum(ct_ac_sync_dead_letters) - sum(ct_ac_sync_dead_letters offset 30m) >= 10",
        ],
    )
    def test_good_expressions_are_read(self, text: str):
        """What Prometheus takes is taken."""
        assert faults_of(text) == []

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "sum(ct_ac_sync_up",
            "ct_ac_sync_up ==",
            "ct_ac_sync_up = 1",
            "rate(ct_ac_sync_calls_total[5])",
            "ct_ac_sync_up{lane}",
            "ct_ac_sync_up) > 1",
            "ct_ac_sync_uptime > 1",
            "sums(ct_ac_sync_up)",
            'ct_ac_sync_recipients_due{queue="live"}',
            "sum by (stream) (ct_ac_sync_recipients_due)",
            "ct_ac_sync_calls > 1",
        ],
    )
    def test_bad_expressions_are_told(self, text: str):
        """What Prometheus would refuse, or silently find nothing for, is refused here."""
        assert faults_of(text) != []


class TestAlerts:
    def test_each_rule_is_complete(self):
        """A rule has an expression that can be true, a wait, a severity, a summary and a place in the runbook."""
        for rule in rules():
            assert faults_of(rule["expr"]) == [], rule["alert"]
            assert re.fullmatch(r"\d+[smh]", rule["for"])
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["runbook"] == f"docs/runbook.md#{kebab(rule['alert'])}"

    def test_names_are_given_once(self):
        """No two rules have one name."""
        names = [rule["alert"] for rule in rules()]

        assert len(names) == len(set(names))

    def test_summaries_name_labels_that_are_there(self):
        """A summary shows only labels that its expression leaves."""
        for rule in rules():
            query = PromQL(rule["expr"])
            known = {label for name in query.metrics for label in SHOWN[name].labels}
            assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= known

    def test_the_runbook_has_their_places(self):
        """Each rule leads to a heading of the runbook that is there."""
        runbook = ROOT / "docs" / "runbook.md"
        headings = {
            re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", runbook.read_text("utf-8"), re.MULTILINE)
        }

        assert {kebab(rule["alert"]) for rule in rules()} - headings == set()

    def test_prometheus_is_told_of_them(self):
        """The configuration loads the rules and scrapes the page that Flower shows."""
        folder = ROOT / "docker" / "prometheus"
        document = yaml.safe_load((folder / "prometheus.yaml").read_text("utf-8"))

        assert [name for name in document["rule_files"] if not (folder / name).exists()] == []
        assert [each["metrics_path"] for each in document["scrape_configs"]] == ["/metrics"]


class TestDashboard:
    @pytest.fixture(name="dashboard")
    def _dashboard(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (ROOT / "docker" / "grafana" / "dashboard.json").read_text("utf-8")
        )
        return found

    def test_each_panel_asks_for_what_is_measured(self, dashboard: dict[str, Any]):
        """Every expression can be read, and names only what there is."""
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        expressions += [each["expr"] for each in dashboard["annotations"]["list"]]

        assert {text: faults_of(text) for text in expressions if faults_of(text)} == {}

    def test_everything_measured_is_shown(self, dashboard: dict[str, Any]):
        """There is no metric that no panel shows."""
        shown = {
            name for panel in dashboard["panels"] for target in panel["targets"] for name in PromQL(target["expr"]).metrics
        }  # fmt: skip

        assert set(SHOWN) - shown == set()

    def test_legends_name_labels_that_are_there(self, dashboard: dict[str, Any]):
        """A legend shows only labels that its expression's metrics have."""
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                known = {label for name in PromQL(target["expr"]).metrics for label in SHOWN[name].labels}
                assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known, panel["title"]

    def test_panels_stand_side_by_side(self, dashboard: dict[str, Any]):
        """No panel has another's number or place, and none leaves the page."""
        taken = Counter(
            (x, y)
            for panel in dashboard["panels"]
            for place in [panel["gridPos"]]
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )

        assert max(taken.values()) == 1
        assert max(x for x, _ in taken) < 24
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


class TestDocs:
    @pytest.fixture(name="rows")
    def _rows(self) -> list[list[str]]:
        """Give the rows of all tables of the section."""
        page = (ROOT / "docs" / "observability.md").read_text("utf-8")
        section = page.partition("## Metrics\n")[2].partition("\n## ")[0]
        return [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in section.splitlines()
            if line.startswith("| ") and not line.startswith("| ---")
        ]

    def test_the_page_and_the_code_name_the_same_metrics(self, rows: list[list[str]]):
        """Each metric stands on the page once, with its labels and what to do, and no other does."""
        told = {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in rows if row[0].startswith("`")}

        assert told == {each.shown: list(each.labels) for each in ALL}
        assert all(len(row) == 4 and all(row[2:]) for row in rows if row[0].startswith("`"))

    def test_the_page_and_the_rules_name_the_same_alerts(self, rows: list[list[str]]):
        """Each alert stands on the page beside what moves it, and no other does."""
        told = {
            row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in rows if re.fullmatch(r"[A-Z]\w+", row[0])
        }

        assert told == {rule["alert"]: PromQL(rule["expr"]).metrics for rule in rules()}

    def test_what_is_mentioned_exists(self, rows: list[list[str]]):
        """No row speaks of a metric that there is not."""
        mentioned = {name for row in rows for cell in row for name in re.findall(r"ct_ac_sync_\w+", cell)}

        assert mentioned - set(SHOWN) == set()
