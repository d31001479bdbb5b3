"""Health: live is consumption and publication, and readiness names what is missing."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from processes import CELERY, Started, health, run, until
from world import environment

from ct_ac_sync import pulse
from ct_ac_sync.pulse import Role
from ct_ac_sync.sandbox.servers import RedisServer, scratch

Launch = Callable[[], Started]


@pytest.fixture(name="redis")
def _redis() -> Iterator[RedisServer]:
    """Give a Redis of one test, which may be killed."""
    server = RedisServer.start(scratch("ct-ac-sync-health-"))
    yield server
    server.stop()


@pytest.fixture(name="given")
def _given(
    database_url: str, redis: RedisServer, shop_url: str, account_url: str, tmp_path: Path
) -> dict[str, str]:
    """Give the environment of a process that has all it needs."""
    more = {"REDIS_URL": redis.url, "CT_AC_SYNC_RUN_DIR": str(tmp_path / "run")}
    return environment(database_url, shop_url, account_url, **more)


@pytest.fixture(name="started")
def _started(given: dict[str, str], tmp_path: Path) -> Iterator[Started]:
    found = Started(tmp_path, given)
    yield found
    found.close()


class TestPulse:
    def test_is_young_when_it_was_noted(self, tmp_path: Path):
        """A node that has just done its work is told by its own name, in a folder made for it."""
        pulse.note(tmp_path / "run", Role.WORKER, "one@host/with:odd name")

        ages = pulse.ages(tmp_path / "run", Role.WORKER)

        assert list(ages) == ["one@host/with:odd name"]
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
        assert pulse.ages(tmp_path / "run", Role.BEAT) == {}

    def test_can_be_forgotten_twice(self, tmp_path: Path):
        """Forgetting what is not there is no fault."""
        pulse.note(tmp_path, Role.BEAT, "here")
        pulse.forget(tmp_path, Role.BEAT, "here")
        pulse.forget(tmp_path, Role.BEAT, "here")

        assert pulse.ages(tmp_path, Role.BEAT) == {}


class TestLive:
    def test_whoever_did_nothing_is_not_live(self, given: dict[str, str]):
        """Before the first task there is no pulse, and the exit code is 1."""
        assert health("live", environment=given) == (1, {"live": False, "pulses": []})

    def test_a_worker_is_live_once_it_finished_a_task(self, started: Started, given: dict[str, str]):
        """A worker alone consumes its own ticks; ended in an orderly way, it leaves no pulse."""
        started.worker()
        until(lambda: health("live", "--role", "worker", environment=given)[0] == 0, what=started.log("one"))
        by_name = health("live", "--node", "one", environment=given)
        of_another = health("live", "--node", "two", environment=given)

        code = started.end("one")

        assert by_name[0] == 0
        assert [row["node"] for row in by_name[1]["pulses"]] == ["one@test"]
        assert of_another[0] == 1
        assert code == 0
        assert health("live", environment=given)[0] == 1

    def test_a_beat_is_live_once_it_published(self, started: Started, given: dict[str, str]):
        """A beat has a pulse of its own, needs no file of last runs, and leaves none."""
        started.beat()
        until(lambda: health("live", "--role", "beat", environment=given)[0] == 0, what=started.log("beat"))

        code = started.end("beat")

        assert code == 0
        assert health("live", "--role", "beat", environment=given)[0] == 1
        assert not list(Path.cwd().glob("celerybeat-schedule*"))

    def test_an_old_pulse_is_no_life(self, given: dict[str, str]):
        """One node that is too old suffices, and the limit is longer than the longest task."""
        folder = Path(given["CT_AC_SYNC_RUN_DIR"])
        pulse.note(folder, Role.WORKER, "young@here")
        pulse.note(folder, Role.WORKER, "old@here")
        slow = given | {"CT_AC_SYNC_HARD_SECONDS": "100", "CT_AC_SYNC_LEASE_SECONDS": "200"}
        then = time.time() - 90
        os.utime(folder / "worker.old@here", (then, then))

        code, found = health("live", "--role", "worker", environment=given)

        assert code == 1
        assert {row["node"]: row["ok"] for row in found["pulses"]} == {"old@here": False, "young@here": True}
        assert health("live", "--node", "young", environment=given)[0] == 0
        assert health("live", "--role", "worker", environment=slow)[0] == 0

    def test_a_setting_that_cannot_be_read_is_no_answer(self, given: dict[str, str]):
        """Where it cannot be asked the exit code is 2, and says why."""
        assert health("live", environment=given | {"CT_AC_SYNC_TICK_SECONDS": "soon"})[0] == 2

    @pytest.mark.slow
    def test_a_worker_that_lives_and_consumes_nothing_is_not_live(
        self, started: Started, given: dict[str, str]
    ):
        """A worker whose consumers are gone answers every ping, and its pulse says the truth."""
        process = started.worker()
        until(lambda: health("live", environment=given)[0] == 0, what=started.log("one"))

        for queue in ("control", "consent", "live", "replay", "backfill"):
            run([*CELERY, "control", "cancel_consumer", queue], given)
        until(lambda: health("live", environment=given)[0] == 1, seconds=90)
        ping = run([*CELERY, "inspect", "ping"], given)

        assert process.poll() is None
        assert ping.returncode == 0
        assert "pong" in ping.stdout

    @pytest.mark.slow
    def test_without_redis_nobody_is_live_and_with_it_all_are_again(
        self, started: Started, given: dict[str, str], redis: RedisServer
    ):
        """Worker and beat live on while Redis is away, are not live, and are live again once it is back."""
        processes = [started.worker(), started.beat()]
        for role in ("worker", "beat"):
            until(lambda role=role: health("live", "--role", role, environment=given)[0] == 0)
        redis.kill()
        until(
            lambda: [row["ok"] for row in health("live", environment=given)[1]["pulses"]] == [False, False],
            seconds=100,
        )

        redis.start_again()

        until(lambda: health("live", environment=given)[0] == 0, seconds=60, what=started.log("beat"))
        assert [process.poll() for process in processes] == [None, None]


class TestReady:
    def test_a_fresh_installation_is_ready_with_notes(self, given: dict[str, str]):
        """What is normal before the first run is told and keeps nobody away, unless asked to be strict."""
        code, found = health("ready", environment=given)

        states = {row["what"]: row["state"] for row in found["asked"]}
        assert code == 0
        assert [states[what] for what in ("settings", "postgres", "schema", "redis")] == ["ok"] * 4
        notes = {what for what, state in states.items() if state == "note"}
        assert {"stream customers of demo-shop", "stream orders of demo-shop"} < notes
        assert sum(what.startswith("destination") for what in notes) == 1
        assert health("ready", "--strict", environment=given)[0] == 1

    def test_all_that_is_missing_is_named_at_once(self):
        """Settings, Postgres and Redis are told together, though none can be reached."""
        code, found = health(
            "ready",
            environment={"DATABASE_URL": "postgresql://127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"},
        )

        missing = {row["what"]: row["says"] for row in found["asked"] if row["state"] == "missing"}
        assert code == 1
        assert set(missing) == {"settings", "postgres", "redis"}
        assert "AC_API_TOKEN: is not set" in missing["settings"]
        assert "Connection refused" in missing["postgres"]
        assert "Connection refused" in missing["redis"]

    def test_a_database_without_migrations_is_not_ready(self, given: dict[str, str], postgres: str):
        """An unmigrated database answers, and its schema is what is missing."""
        with psycopg.connect(given["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("DROP TABLE schema_migration")

        code, found = health("ready", environment=given)

        asked = {row["what"]: row for row in found["asked"]}
        assert code == 1
        assert asked["postgres"]["state"] == "ok"
        assert asked["schema"]["state"] == "missing"
        assert "run: ct-ac-sync migrate" in asked["schema"]["says"]

    def test_a_database_of_a_newer_release_is_not_ready(self, given: dict[str, str]):
        """A schema this code does not know is missing, and the newer release is asked for."""
        with psycopg.connect(given["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "INSERT INTO schema_migration (version, name, checksum) VALUES (9999, 'x', 'y')"
            )

        code, found = health("ready", environment=given)

        assert code == 1
        assert any("run a newer release" in row["says"] for row in found["asked"])

    def test_what_is_halted_is_a_note(self, given: dict[str, str]):
        """A halted stream needs a human and no restart."""
        with psycopg.connect(given["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "INSERT INTO stream (source, stream, halted) VALUES ('demo-shop', 'orders', 'credentials')"
            )

        code, found = health("ready", environment=given)

        assert code == 0
        assert any("halted (credentials)" in row["says"] for row in found["asked"] if row["state"] == "note")


class TestRefusedStarts:
    @pytest.mark.parametrize("command", [["worker", "--concurrency", "1"], ["beat"]], ids=["worker", "beat"])
    def test_nobody_works_on_a_database_without_migrations(self, given: dict[str, str], command: list[str]):
        """A worker and a beat end with 2, and name the command that helps."""
        with psycopg.connect(given["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("DROP TABLE schema_migration")

        done = run([*CELERY, *command], given)

        assert done.returncode == 2
        assert "run: ct-ac-sync migrate" in done.stdout + done.stderr

    def test_a_secret_that_is_not_there_is_named(self, given: dict[str, str]):
        """The missing file is named by its variable and its path, and the exit code is 2."""
        del given["AC_API_TOKEN"]
        given["AC_API_TOKEN_FILE"] = "/run/secrets/ac_api_token"

        done = run([*CELERY, "worker"], given)

        assert done.returncode == 2
        assert (
            "AC_API_TOKEN_FILE cannot be read: No such file or directory: /run/secrets/ac_api_token"
            in done.stderr
        )
