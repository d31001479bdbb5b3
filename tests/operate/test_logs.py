"""Logs: one name for each fact, listed with what to do; JSON, bound to their task, and no flood."""

import ast
import json
import logging
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from fleet import Fleet

from ct_ac_sync.observability import LIBRARY_SPOKE, OURS, configure_logs
from ct_ac_sync.sandbox.servers import scratch

ROOT = Path(__file__).parents[2]
LEVELS = ("debug", "info", "warning", "error", "critical", "exception")
#: What the edges add to every line, and therefore no row of the table names.
ADDED = frozenset({"timestamp", "level", "event", "task", "task_id"})


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Give each call of our logger, with the place it stands at."""
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=attr)) if attr in LEVELS:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def events_in_code() -> dict[str, set[str]]:
    """Return every event's name with the fields it is given by name."""
    found: dict[str, set[str]] = {LIBRARY_SPOKE: {"logger", "message", "exception", "frames"}}
    for _, call in calls():
        name = call.args[0]
        if isinstance(name, ast.Constant):
            fields = {keyword.arg for keyword in call.keywords if keyword.arg}
            found.setdefault(str(name.value), set()).update(fields)
    return found


def events_on_page() -> dict[str, dict[str, Any]]:
    """Return every row of the table of events."""
    text = (ROOT / "docs" / "observability.md").read_text("utf-8")
    section = text.partition("\n## Log lines\n")[2].partition("\n## ")[0]
    rows = [
        re.split(r"(?<!\\) \| ", line.strip("| ")) for line in section.splitlines() if line.startswith("| `")
    ]
    return {
        row[0].strip("`"): {"fields": set(re.findall(r"`(\w+)`", row[1])), "when": row[2], "do": row[3]}
        for row in rows
    }


class TestNames:
    def test_the_page_lists_exactly_the_events_of_the_code(self):
        """Every event that is logged is on the page, and every event on the page is logged."""
        assert set(events_on_page()) == set(events_in_code())

    def test_the_page_names_the_fields(self):
        """Whatever an event is given by name is named in its row."""
        page = events_on_page()

        lacking = {
            name: fields - page[name]["fields"] - ADDED
            for name, fields in events_in_code().items()
            if fields - page[name]["fields"] - ADDED
        }
        assert lacking == {}

    def test_the_page_says_when_and_what_to_do(self):
        """No row leaves open when it comes, and what to do."""
        assert [name for name, row in events_on_page().items() if not (row["when"] and row["do"])] == []

    def test_names_are_static(self):
        """An event's name is a constant of words in small letters, and facts are fields."""
        wrong = [
            place
            for place, call in calls()
            if len(call.args) != 1
            or not isinstance(call.args[0], ast.Constant)
            or not re.fullmatch(r"[a-z]+(_[a-z]+)*", str(call.args[0].value))
        ]

        assert wrong == []

    def test_nothing_else_speaks(self):
        """Our code neither prints nor logs past structlog, but for the commands and the sandbox."""
        speakers = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for package in OURS
            for path in sorted((ROOT / package).rglob("*.py"))
            if not {"cli", "sandbox"} & set(path.relative_to(ROOT).parts)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and (
                (isinstance(node.func, ast.Name) and node.func.id == "print")
                or (
                    isinstance(node.func, ast.Attribute)
                    and node.func.attr in LEVELS
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in ("logging", "logger")
                )
            )
        ]

        assert speakers == []


def spoken(code: str, *arguments: str) -> list[dict[str, Any]]:
    """Return what a process that runs *code* wrote to standard error, a document a line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


BEGIN = "import logging, structlog; from ct_ac_sync.observability import configure_logs; configure_logs()\n"


class TestLines:
    def test_what_libraries_say_goes_the_same_way(self):
        """A library's line is JSON under the one name for such lines, redacted, with its own words as a field."""
        code = BEGIN + "logging.getLogger('kombu.x').warning('lost %s of %s', 3, 'ada@persons.example')"

        (line,) = spoken(code)
        assert {key: line[key] for key in ("event", "level", "logger", "message")} == {
            "event": "library_spoke", "level": "warning", "logger": "kombu.x",
            "message": "lost 3 of [address]",
        }  # fmt: skip

    @pytest.mark.parametrize("logger", ["celery.app.trace", "celery.worker.strategy", "kombu"])
    def test_libraries_do_not_flood(self, logger: str):
        """What a library says at each task or connection is not shown."""
        assert spoken(BEGIN + f"logging.getLogger({logger!r}).info('Task received')") == []

    def test_warnings_of_python_are_lines_too(self):
        """A warning does not break the stream of JSON."""
        assert [each["event"] for each in spoken(BEGIN + "import warnings; warnings.warn('x')")] == [
            "library_spoke"
        ]

    def test_an_exception_tells_its_kind_and_place_only(self):
        """Of an exception that may quote a record neither text, source nor values are told."""
        code = BEGIN + (
            "def f(name):\n    int(name)\n"
            "try: f('Markername')\n"
            "except ValueError: logging.getLogger('x').exception('it broke')\n"
        )

        (line,) = spoken(code)
        assert line["exception"] == "ValueError"
        assert [frame.split()[-1] for frame in line["frames"]] == ["<module>", "f"]
        assert "Markername" not in json.dumps(line)

    def test_our_own_errors_tell_their_text(self):
        """An error of ours, and one of the system, is complete and clean, and is told."""
        code = BEGIN + (
            "from ct_ac_sync.errors import PayloadError\n"
            "for error in (PayloadError('sync_contact: 422'), ConnectionRefusedError(111, 'refused')):\n"
            "    logging.getLogger('x').error('it broke', exc_info=error)\n"
        )

        assert [line["exception"] for line in spoken(code)] == [
            "ct_ac_sync.errors.PayloadError: sync_contact: 422", "ConnectionRefusedError: [Errno 111] refused",
        ]  # fmt: skip

    def test_setting_up_twice_writes_once(self):
        """Who sets logging up again, as every process of Celery does, does not double the lines."""
        assert len(spoken(BEGIN + "configure_logs(); logging.getLogger('x').warning('once')")) == 1

    def test_a_file_takes_the_lines_instead(self, tmp_path: Path):
        """Where a file is named, the lines are there and not on standard error."""
        file = tmp_path / "log"
        code = BEGIN + "import sys; configure_logs(file=sys.argv[1]); logging.getLogger('x').warning('there')"

        assert spoken(code, str(file)) == []
        assert json.loads(file.read_text("utf-8"))["message"] == "there"

    def test_ids_and_facts_stay_as_they_are(self, capsys: pytest.CaptureFixture[str]):
        """Counts stay numbers, and ids, instants and nodes are not taken for something of a person."""
        facts: Mapping[str, Any] = {
            "members": 250, "outcomes": {"applied": 249, "buried": 1}, "node": "one@a-host",
            "object": "12345678-1234-4123-8123-123456789012", "at": "2026-02-03T10:11:12.123456+00:00",
        }  # fmt: skip
        configure_logs(level=logging.INFO)

        structlog.get_logger("ct_ac_sync.test").info("delivered", **facts)

        line = json.loads(capsys.readouterr().err)
        assert {key: line[key] for key in facts} == facts
        assert list(line)[:3] == ["timestamp", "level", "event"]


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


def _start(fleet: Fleet, name: str, *arguments: str) -> Path:
    """Start a Celery process whose banner goes one way and whose log another; return the latter."""
    errors = fleet.folder / f"{name}.errors"
    command = [sys.executable, "-m", "celery", "-A", "workers.app", *arguments]
    with (fleet.folder / f"{name}.banner").open("wb") as banner, errors.open("wb") as log:
        fleet.processes[name] = subprocess.Popen(
            command, env=fleet.environment, cwd=ROOT, stdout=banner, stderr=log, start_new_session=True
        )
    return errors


class TestWorkers:
    def test_a_fleet_speaks_json_bound_to_its_tasks_and_does_not_flood(self, launch: Callable[..., Fleet]):
        """From a stock worker and beat: JSON lines only, each of a task with its ids, about one a call."""
        fleet = launch()
        errors = {
            "one": _start(fleet, "one", "worker", "--concurrency", "2"),
            "beat": _start(fleet, "beat", "beat"),
        }
        fleet.settle()
        for _ in range(20):
            fleet.shop.do("sign_up")
        for _ in range(20):
            fleet.shop.do("order")
        fleet.settle()

        lines, told = (
            [json.loads(line) for line in errors[name].read_text("utf-8").splitlines()] for name in errors
        )
        assert [line["event"] for line in told][-1] == "started"
        counts = Counter(line["event"] for line in lines)
        assert counts["started"] == 1
        attempts = fleet.box.database.fetch("SELECT count(*) AS n FROM attempt")[0]["n"]
        assert counts["delivered"] + counts["call_failed"] == attempts
        for line in lines:
            if line["event"] == "delivered":
                assert line["task"] == "ct_ac_sync.deliver"
                assert line["task_id"]
                assert isinstance(line["recipient"], int)
            if line["event"] == "sweep_completed":
                assert line["stream"] in ("customers", "orders", "payments")
                assert "recipient" not in line
        ticking = counts["sweep_completed"] + counts["page_accepted"]
        assert len(lines) - ticking <= attempts + 10 + counts["import_settled"]

    def test_a_task_that_fails_says_where_and_nothing_it_was_given(self, launch: Callable[..., Fleet]):
        """A bug is told by kind and place, once, and Celery's own words do not repeat it."""
        fleet = launch()
        fleet.worker("one", concurrency=1)
        fleet.start("call", "call", "ct_ac_sync.extract", "--args", '["marker@persons.example"]')
        fleet.processes.pop("call").wait(120)
        until, found = time.monotonic() + 120, list[dict[str, Any]]()
        while not found and time.monotonic() < until:
            time.sleep(0.2)
            text = (fleet.folder / "one.log").read_text("utf-8")
            found = [json.loads(line) for line in text.splitlines() if '"task_failed"' in line]

        assert [line["exception"] for line in found] == ["ValueError"]
        assert found[0]["frames"][-1].startswith("enum.py:")
        assert "marker@persons.example" not in (fleet.folder / "one.log").read_text("utf-8")
