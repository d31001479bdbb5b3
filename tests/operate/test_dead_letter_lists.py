"""The dead-letter lists in Redis: a mirror that nobody consumes, and that comes back by itself."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import redis
from celery import Celery
from flower_house import ROOT, surroundings
from world import environment

from ct_ac_sync.ports import Lane
from ct_ac_sync.sandbox.servers import RedisServer, free_port, scratch
from ct_ac_sync.settings import redis_tls
from ct_ac_sync.store.database import Database
from ct_ac_sync.store.desk import Desk
from workers.letters import CHUNK, RedisLetterLists

NOBODY = "http://127.0.0.1:9"
INSERT = (
    "INSERT INTO dead_letter (source, stream, object, operation, lane, cause, message)"
    " SELECT 'shop', 'customers', 'c' || n, 'read_record', n %% 4, 'unreadable', 'x' FROM generate_series(1, %s) AS n"
)


@pytest.fixture(name="server")
def _server() -> Iterator[RedisServer]:
    """Give a Redis of its own: these tests empty, stop and freeze it."""
    server = RedisServer.start(scratch("ct-ac-sync-lists-"))
    yield server
    server.stop()


@pytest.fixture(name="desk")
def _desk(database_url: str) -> Iterator[Desk]:
    database = Database(database_url)
    yield Desk(database)
    database.close()


@pytest.fixture(name="lists")
def _lists(server: RedisServer) -> RedisLetterLists:
    app = Celery("lists", broker=server.url)
    app.conf.broker_transport_options = {"global_keyprefix": "sync:", "socket_timeout": 10}
    return RedisLetterLists(app)


def bury(database_url: str, count: int) -> None:
    """Write so many letters, a quarter to each lane."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(INSERT, (count,))


def mirrored(server: RedisServer) -> dict[str, list[int]]:
    """Return what the lists hold."""
    with redis.Redis.from_url(server.url) as client:
        return {lane: [int(each) for each in client.lrange(f"sync:{lane}.dead", 0, -1)] for lane in Lane}


def told(desk: Desk) -> Mapping[str, list[int]]:
    """Return what the table holds."""
    return {lane: list(numbers) for lane, numbers in desk.numbers_by_lane().items()}


def writes(server: RedisServer) -> int:
    """Return how many commands have written to Redis so far."""
    with redis.Redis.from_url(server.url) as client:
        stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("rpush", "del", "set"))


class TestMirror:
    def test_each_lane_has_its_list(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """The lists hold the numbers of the open letters of their lanes, oldest first, and nothing else."""
        bury(database_url, 10)

        lists.agree(desk)

        assert mirrored(server) == told(desk)
        assert sum(len(each) for each in mirrored(server).values()) == 10

    def test_whatever_is_decided_leaves_its_list(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """A letter that is discarded is in no list after the next tick, and a new one is in its own."""
        bury(database_url, 8)
        lists.agree(desk)
        gone = mirrored(server)["live"][0]

        desk.discard([gone], actor="ann", reason="gone")
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO dead_letter (object, operation, lane, cause, message) VALUES ('x', 'fact', 0, 'y', 'z')"
            )
        lists.agree(desk)

        assert mirrored(server) == told(desk)
        assert gone not in mirrored(server)["live"]
        assert len(mirrored(server)["consent"]) == 3

    def test_one_goes_as_another_comes(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """A list as long as before is written anew where other letters are open."""
        bury(database_url, 8)
        lists.agree(desk)

        desk.discard([mirrored(server)["live"][0]], actor="ann", reason="gone")
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO dead_letter (object, operation, lane, cause, message) VALUES ('x', 'fact', 1, 'y', 'z')"
            )
        lists.agree(desk)

        assert mirrored(server) == told(desk)

    def test_nothing_is_written_where_nothing_changed(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """A tick at which nothing changed writes nothing."""
        bury(database_url, 8)
        lists.agree(desk)
        before = writes(server)

        lists.agree(desk)
        lists.agree(desk)

        assert writes(server) == before

    def test_no_letters_at_all(self, desk: Desk, lists: RedisLetterLists, server: RedisServer):
        """Without letters there are no lists."""
        lists.agree(desk)

        assert mirrored(server) == {lane: [] for lane in Lane}

    @pytest.mark.parametrize(
        "harm",
        [
            lambda client: client.flushall(),
            lambda client: client.lpop("sync:live.dead"),
            lambda client: client.delete("sync:backfill.dead"),
            lambda client: client.rpush("sync:consent.dead", 4711),
        ],
        ids=["emptied", "popped", "deleted", "pushed"],
    )
    def test_whatever_happens_to_a_list_is_mended(
        self,
        desk: Desk,
        lists: RedisLetterLists,
        server: RedisServer,
        database_url: str,
        harm: Callable[[redis.Redis], object],
    ):
        """The next tick makes list and table agree again, after a FLUSHALL as well."""
        bury(database_url, 8)
        lists.agree(desk)
        with redis.Redis.from_url(server.url) as client:
            harm(client)

        lists.agree(desk)

        assert mirrored(server) == told(desk)

    def test_very_many_letters(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """More letters than one command carries are all there, in order."""
        bury(database_url, CHUNK * 4 * 2 + 8)

        lists.agree(desk)

        assert mirrored(server) == told(desk)
        assert len(mirrored(server)["live"]) == CHUNK * 2 + 2


class TestAway:
    def test_a_redis_that_is_away(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """A Redis that is away stops no tick, and is filled when it is back."""
        bury(database_url, 8)
        lists.agree(desk)
        server.kill()
        lists.agree(desk)
        lists.agree(desk)
        server.start_again()
        with redis.Redis.from_url(server.url) as client:
            client.flushall()

        lists.agree(desk)

        assert mirrored(server) == told(desk)

    def test_a_redis_that_is_frozen(
        self, desk: Desk, lists: RedisLetterLists, server: RedisServer, database_url: str
    ):
        """A Redis that answers nothing ends no tick with an error, and is filled when it goes on."""
        bury(database_url, 4)
        lists.agree(desk)
        server.signal(signal.SIGSTOP)
        try:
            lists.agree(desk)
        finally:
            server.signal(signal.SIGCONT)

        lists.agree(desk)

        assert mirrored(server) == told(desk)


class TestTls:
    @pytest.fixture(name="address")
    def _address(self, tmp_path: Path) -> Iterator[str]:
        """Give the address of a Redis that speaks TLS only, with a certificate of its own."""
        lacking = [name for name in ("redis-server", "openssl") if shutil.which(name) is None]
        if lacking and os.environ.get("CI") == "true":
            pytest.fail(f"lacking: {', '.join(lacking)}")
        if lacking:
            pytest.skip(f"lacking: {', '.join(lacking)}")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        port = free_port()
        process = subprocess.Popen(
            ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "",
             "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "cert.pem",
             "--tls-auth-clients", "no"],
            cwd=tmp_path, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        yield f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'cert.pem'}"
        process.terminate()
        process.wait(60)

    def test_the_broker_s_own_options_hold(self, desk: Desk, address: str, database_url: str):
        """Over TLS the lists are written by the broker's options, which look at the certificate."""
        bury(database_url, 4)
        app = Celery("lists", broker=address, broker_use_ssl=redis_tls(address))
        app.conf.broker_transport_options = {"global_keyprefix": "sync:"}
        lists = RedisLetterLists(app)

        def hold() -> list[int]:
            lists.agree(desk)
            with redis.Redis.from_url(address) as client:
                return [client.llen(f"sync:{lane}.dead") for lane in Lane]

        assert _comes(lambda: _quietly(hold) == [1, 1, 1, 1])


class TestWorkers:
    @pytest.fixture(name="worker")
    def _worker(
        self, database_url: str, server: RedisServer, tmp_path: Path
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Give a worker by the stock command, without ``-Q``."""
        chosen = environment(database_url, NOBODY, NOBODY) | {"REDIS_URL": server.url}
        with (tmp_path / "worker.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "--concurrency", "1"],
                env=surroundings(chosen), cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        yield process
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def test_no_worker_consumes_them(
        self, desk: Desk, server: RedisServer, database_url: str, worker: "subprocess.Popen[bytes]"
    ):
        """A stock worker without -Q fills the lists, leaves them alone, and fills them again after a FLUSHALL."""
        bury(database_url, 12)
        expected = told(desk)

        assert _comes(lambda: mirrored(server) == expected), mirrored(server)
        app = Celery("asker", broker=server.url)
        app.conf.broker_transport_options = {"global_keyprefix": "sync:"}
        (queues,) = app.control.inspect(timeout=30, limit=1).active_queues().values()
        seen = []
        for _ in range(10):  # several ticks, each of which consumes from every queue there is
            seen.append(mirrored(server))
            time.sleep(0.3)
        with redis.Redis.from_url(server.url) as client:
            client.flushall()

        assert {queue["name"] for queue in queues} == {"control", "consent", "live", "replay", "backfill"}
        assert seen == [expected] * 10
        assert _comes(lambda: mirrored(server) == expected), mirrored(server)
        assert worker.poll() is None


def _quietly(ask: Callable[[], list[int]]) -> list[int]:
    """Return what is asked; nothing while the server is not up."""
    try:
        return ask()
    except redis.ConnectionError:
        return []


def _comes(holds: Callable[[], bool], *, seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
