"""TLS to Postgres and Redis, against Debian's servers: the certificate is looked at, and what is wrong is said."""

import grp
import os
import pwd
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from processes import CELERY, COMMAND, Started, health, run, until
from world import Sandbox, environment

from ct_ac_sync.sandbox.servers import free_port, scratch
from ct_ac_sync.settings import redis_tls

POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
LACKING = [
    name
    for name, found in {
        "PostgreSQL 15 of Debian": (POSTGRES_BIN / "postgres").exists(),
        "redis-server": shutil.which("redis-server"),
        "openssl": shutil.which("openssl"),
        "root": os.geteuid() == 0,
    }.items()
    if not found
]


@pytest.fixture(name="debian", autouse=True, scope="module")
def _debian() -> None:
    """Skip where a server is lacking; fail where CI was to bring it."""
    if LACKING and os.environ.get("CI") == "true":
        pytest.fail(f"lacking: {', '.join(LACKING)}")
    if LACKING:
        pytest.skip(f"lacking: {', '.join(LACKING)}")


@dataclass(frozen=True)
class Servers:
    """Both servers, which speak TLS and nothing else, and the certificates about them."""

    folder: Path
    database: str
    redis: str
    database_port: int

    def database_url(self, *, ca: str = "ca", host: str = "localhost", mode: str = "verify-full") -> str:
        """Return the address of Postgres, to be verified by a CA."""
        root = self.folder / f"{ca}.crt"
        return f"postgresql://postgres:word@{host}:{self.database_port}/postgres?sslmode={mode}&sslrootcert={root}"

    def redis_url(self, *, ca: str = "ca", host: str = "localhost") -> str:
        """Return the address of Redis, to be verified by a CA."""
        return f"{self.redis.replace('localhost', host)}?ssl_ca_certs={self.folder / f'{ca}.crt'}"


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def _authority(folder: Path, name: str) -> None:
    """Make a certificate authority of our own."""
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-keyout", f"{name}.key", "-out", f"{name}.crt")  # fmt: skip


def _certificate(folder: Path) -> None:
    """Make the servers' certificate, for localhost by name and for no address."""
    (folder / "names").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n", "utf-8")
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key",
             "-out", "server.csr")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
             "-days", "2", "-extfile", "names", "-out", "server.crt")  # fmt: skip


def _postgres(folder: Path) -> "tuple[subprocess.Popen[bytes], int]":
    """Start Debian's Postgres with nothing but hostssl."""
    user, group = pwd.getpwnam("postgres"), grp.getgrnam("postgres")
    home = folder / "postgres"
    home.mkdir()
    for name in ("server.key", "server.crt"):
        shutil.copy(folder / name, home / name)
        os.chown(home / name, user.pw_uid, group.gr_gid)
        (home / name).chmod(0o600)
    (home / "password").write_text("word", "utf-8")
    os.chown(home, user.pw_uid, group.gr_gid)
    as_user = {"user": user.pw_uid, "group": group.gr_gid, "extra_groups": [], "cwd": home}
    subprocess.run(
        [POSTGRES_BIN / "initdb", "-D", home / "data", "-U", "postgres", "--auth=scram-sha-256", "--no-sync",
         f"--pwfile={home / 'password'}", "--locale=C.UTF-8", "--encoding=UTF8"],
        check=True, capture_output=True, **as_user,
    )  # fmt: skip
    rules = home / "data" / "pg_hba.conf"
    rules.write_text(
        "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n", "utf-8"
    )
    port = free_port()
    with (folder / "postgres.log").open("ab") as log:
        process = subprocess.Popen(
            [POSTGRES_BIN / "postgres", "-D", home / "data", "-h", "127.0.0.1", "-p", str(port), "-k", "",
             "-c", "ssl=on", "-c", f"ssl_cert_file={home / 'server.crt'}", "-c", f"ssl_key_file={home / 'server.key'}"],
            stdout=log, stderr=log, **as_user,
        )  # fmt: skip
    until(lambda: "ready to accept connections" in (folder / "postgres.log").read_text("utf-8"))
    return process, port


def _redis(folder: Path) -> "tuple[subprocess.Popen[bytes], int]":
    """Start Debian's Redis with its plain port shut."""
    port = free_port()
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen(
            ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--requirepass", "word",
             "--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt",
             "--tls-auth-clients", "no", "--save", "", "--maxmemory-policy", "noeviction", "--dir", str(folder)],
            cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    until(lambda: "Ready to accept connections" in (folder / "redis.log").read_text("utf-8"))
    return process, port


@pytest.fixture(name="servers", scope="module")
def _servers(debian: None) -> Iterator[Servers]:
    folder = scratch("ct-ac-sync-tls-")
    for name in ("ca", "other"):
        _authority(folder, name)
    _certificate(folder)
    postgres, database_port = _postgres(folder)
    redis, redis_port = _redis(folder)
    yield Servers(folder, "", f"rediss://:word@localhost:{redis_port}/0", database_port)
    redis.terminate()
    postgres.send_signal(signal.SIGINT)
    redis.wait(60)
    postgres.wait(60)


@pytest.fixture(name="given")
def _given(servers: Servers, shop_url: str, account_url: str, tmp_path: Path) -> dict[str, str]:
    """Give an environment whose servers are spoken to by TLS only."""
    more = {"REDIS_URL": servers.redis_url(), "CT_AC_SYNC_RUN_DIR": str(tmp_path / "run")}
    fast = {"CT_AC_SYNC_CUSTOMERS_EVERY_SECONDS": "1", "CT_AC_SYNC_ORDERS_EVERY_SECONDS": "1"}
    return environment(servers.database_url(), shop_url, account_url, **more, **fast)


class TestEndToEnd:
    def test_a_customer_arrives_by_way_of_both(self, given: dict[str, str], tmp_path: Path):
        """Migrated, polled, rung and delivered, with each byte to Postgres and Redis under TLS."""
        shop, account = Sandbox(given["CTP_API_URL"]), Sandbox(given["AC_API_URL"])
        shop.ask("shop/fill", {"customers": 1, "orders": 1, "seed": 3})
        migrated = run([*COMMAND, "migrate"], given)
        started = Started(tmp_path, given)
        try:
            started.worker()
            started.beat()
            until(lambda: bool(account.ask("state")["contacts"]), what=f"{migrated}{started.log('one')}")
            until(lambda: health("live", "--role", "beat", environment=given)[0] == 0)
            ready = health("ready", environment=given)
            ended = [started.end("beat"), started.end("one")]
        finally:
            started.close()

        assert migrated.returncode == 0
        assert ready[0] == 0, ready
        assert ended == [0, 0]

    def test_flower_sees_the_queues(self, given: dict[str, str], tmp_path: Path):
        """Flower's page of the broker speaks TLS too, by what the address says."""
        run([*COMMAND, "migrate"], given)
        port = free_port()
        started = Started(tmp_path, given | {"FLOWER_BASIC_AUTH": "ann:word"})
        try:
            started.start("flower", "flower", "--address=127.0.0.1", f"--port={port}")
            answers: list[int] = []

            def is_answered() -> bool:
                try:
                    page = requests.get(f"http://127.0.0.1:{port}/broker", auth=("ann", "word"), timeout=10)
                except (requests.ConnectionError, requests.Timeout):
                    return False
                answers.append(page.status_code)
                return "backfill" in page.text

            until(is_answered, what=started.log("flower"))
        finally:
            started.close()

        assert answers[-1] == 200


class TestWrongCertificates:
    def test_of_postgres_are_refused_with_a_reason(self, given: dict[str, str], servers: Servers):
        """Another CA, and a host the certificate does not name, each end the command with 2 and say so."""
        other = run([*COMMAND, "migrate"], given | {"DATABASE_URL": servers.database_url(ca="other")})
        elsewhere = run(
            [*COMMAND, "migrate"], given | {"DATABASE_URL": servers.database_url(host="127.0.0.1")}
        )

        assert (other.returncode, elsewhere.returncode) == (2, 2)
        assert "DATABASE_URL: Postgres cannot be used" in other.stderr
        assert "certificate verify failed" in other.stderr
        assert 'does not match host name "127.0.0.1"' in elsewhere.stderr
        assert "word" not in (other.stderr + elsewhere.stderr).replace("password", "")

    def test_without_tls_postgres_lets_nobody_in(self, given: dict[str, str], servers: Servers):
        """A server that demands TLS refuses a client that was told to do without."""
        done = run([*COMMAND, "migrate"], given | {"DATABASE_URL": servers.database_url(mode="disable")})

        assert done.returncode == 2
        assert "no encryption" in done.stderr

    @pytest.mark.parametrize("kind", ["another CA", "another host", "the system's CAs"])
    def test_of_redis_are_not_ready_and_say_why(self, given: dict[str, str], servers: Servers, kind: str):
        """Readiness names the failed verification; a bare rediss:// is verified as well."""
        run([*COMMAND, "migrate"], given)
        urls = {
            "another CA": servers.redis_url(ca="other"),
            "another host": servers.redis_url(host="127.0.0.1"),
            "the system's CAs": servers.redis,
        }

        code, found = health("ready", environment=given | {"REDIS_URL": urls[kind]})

        missing = {row["what"]: row["says"] for row in found["asked"] if row["state"] == "missing"}
        assert code == 1
        assert list(missing) == ["redis"]
        assert "certificate verify failed" in missing["redis"].lower()

    @pytest.mark.parametrize("kind", ["another CA", "another host", "the system's CAs"])
    def test_of_redis_keep_a_worker_from_consuming(
        self, given: dict[str, str], servers: Servers, tmp_path: Path, kind: str
    ):
        """A worker does not speak to a Redis it cannot verify, and logs why."""
        run([*COMMAND, "migrate"], given)
        urls = {
            "another CA": servers.redis_url(ca="other"),
            "another host": servers.redis_url(host="127.0.0.1"),
            "the system's CAs": servers.redis,
        }
        started = Started(tmp_path, given | {"REDIS_URL": urls[kind]})
        try:
            started.worker()
            until(lambda: "certificate verify failed" in started.log("one").lower(), what=started.log("one"))
        finally:
            started.close()

        assert health("live", environment=given)[0] == 1


class TestSettings:
    def test_a_bare_address_is_verified(self):
        """Where the address says nothing the certificate and its host are looked at."""
        found = redis_tls("rediss://redis.example:6380/0")

        assert found == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        assert redis_tls("redis://redis.example:6379/0") == {}

    def test_it_can_be_told_otherwise(self):
        """Not to look is a decision that stands in the address."""
        found = redis_tls("rediss://redis.example:6380/0?ssl_cert_reqs=none&ssl_check_hostname=false")

        assert found == {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ("ssl_cert_reqs=maybe", "required, optional or none"),
            ("ssl_ca_certs=/no/ca.crt", "a file that is there"),
        ],
    )
    def test_what_cannot_be_right_is_a_fault(self, given: dict[str, str], query: str, says: str):
        """A misspelt option and a missing CA are told at the start, with exit code 2."""
        done = run([*CELERY, "worker"], given | {"REDIS_URL": f"rediss://:secret@localhost:1/0?{query}"})

        assert done.returncode == 2
        assert "REDIS_URL: expected" in done.stderr
        assert says in done.stderr
        assert "secret" not in done.stderr.replace("_SECRET", "").replace("secret is", "")
