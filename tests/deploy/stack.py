"""
The stack as Compose would start it: same commands, same environment, supervised, caged.

Postgres, Redis and both look-alikes are embedded servers beside it, because their images
need an engine; everything else is started from compose.yaml with what the Dockerfile's
steps made.
"""

import contextlib
import json
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cage import Caged
from composed import ROOT, Service, in_order, read_services, read_variables
from fleet import Fleet
from image import Image
from world import Sandbox

from ct_ac_sync.bootstrap import build
from ct_ac_sync.sandbox.servers import PostgresServer, RedisServer, free_port, look_alike, scratch
from ct_ac_sync.settings import read_settings

SERVERS = ("postgres", "redis")


class Supervised:
    """One service's process: started again when it ends by itself, as its restart policy says."""

    def __init__(
        self,
        service: Service,
        image: Image,
        *,
        environment: Mapping[str, str],
        replaced: Mapping[str, str],
        log: Path,
    ) -> None:
        self.service = service
        self._image = image
        self._environment = environment
        self._replaced = replaced
        self._log = log
        self.ends: list[int] = []
        self.starts = 0
        self._is_stopping = False
        self._lock = threading.Lock()
        self.caged = self._started()
        if service.is_restarted:
            threading.Thread(target=self._watch, daemon=True).start()

    def _command(self, command: list[str]) -> list[str]:
        words = [self._image.placed(word) for word in command]
        for text, instead in self._replaced.items():
            words = [word.replace(text, instead) for word in words]
        return [self._image.which(words[0]), *words[1:]]

    def _started(self) -> Caged:
        self.starts += 1
        tmpfs = (
            next((t.partition(":")[2] for t in self.service.given.get("tmpfs", [])), "")
            or "size=64m,mode=1777"
        )
        return Caged(
            self._command(self.service.command), environment=self._environment, tmpfs=tmpfs, log=self._log,
            hostname=self.service.given.get("hostname", self.service.name),
            cwd=self._image.folder / "opt" / "ct-ac-sync",
        )  # fmt: skip

    def _watch(self) -> None:
        while True:
            code = self.caged.process.wait()
            with self._lock:
                self.caged.end()
                self.ends.append(code)
                if self._is_stopping:
                    return
                self.caged = self._started()

    def is_healthy(self) -> bool:
        """Whether its own healthcheck passes."""
        return self.caged.run(self._command(self.service.healthcheck)).returncode == 0

    def kill(self) -> None:
        """End it as a crash of its container would."""
        self.caged.end()

    def stop(self) -> tuple[int, float]:
        """End it as Compose does: its signal, its grace, then by force; return code and seconds."""
        with self._lock:
            self._is_stopping = True
            process = self.caged.process
            began = time.monotonic()
            process.send_signal(getattr(signal, self.service.given.get("stop_signal", "SIGTERM")))
        with contextlib.suppress(Exception):
            process.wait(self.service.grace)
        took = time.monotonic() - began
        self.caged.end()
        return process.wait(), took


class Stack(Fleet):
    """The services of compose.yaml over embedded servers, and the judge of a fleet."""

    def __init__(self, image: Image, settings: Mapping[str, str], *, rate: str) -> None:
        self.folder = scratch("ct-ac-sync-stack-")
        self.image = image
        self.kills = 0
        self.processes = {}
        self.running: dict[str, Supervised] = {}
        self.figures: dict[str, Any] = {}
        self.postgres, self.redis = PostgresServer.start(self.folder), RedisServer.start(self.folder)
        self._shop, shop = look_alike("commercetools", log=self.folder / "shop.log")
        self._account, account = look_alike(
            "activecampaign", "--rate", rate, "--retry-after", "1", log=self.folder / "account.log"
        )
        self.shop, self.account = Sandbox(shop), Sandbox(account)
        variables = read_variables(ROOT / "docker" / "demo.env") | {
            "CTP_AUTH_URL": shop, "CTP_API_URL": shop, "AC_API_URL": account,
        }  # fmt: skip
        self.services = read_services(variables, "compose.yaml")
        self._settings = dict(settings)
        self._write_secrets()
        self.flower_port = free_port()
        self._replaced = {
            "--port=5555": f"--port={self.flower_port}", "127.0.0.1:5555": f"127.0.0.1:{self.flower_port}",
            "--address=0.0.0.0": "--address=127.0.0.1",
        }  # fmt: skip

    def _write_secrets(self) -> None:
        folder = Path(self.image.placed("/run/secrets"))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / "docker" / "demo-secrets", folder)
        (folder / "database_url").write_text(f"{self.postgres.url}\n", "utf-8")
        (folder / "redis_url").write_text(f"{self.redis.url}\n", "utf-8")

    def _environment(self, service: Service) -> dict[str, str]:
        """Return what the container would see: the image's, env_file's, and its own environment."""
        own = {k: self.image.placed(v) for k, v in service.environment.items()}
        return self.image.environ(**self._settings, **own)

    # -- as Compose does it -------------------------------------------------------------

    def up(self) -> None:
        """Start all in their order, each once what it waits for is so; note how long each took."""
        for name in in_order(self.services):
            if name not in SERVERS:
                self._start(self.services[name])
        if not hasattr(self, "box"):
            self.box = build(read_settings(self._environment(self.services["worker-1"])))
        began = {name: time.monotonic() for name in self.running}
        waiting = set(self.running)
        while waiting:
            for name in sorted(waiting):
                if self.running[name].is_healthy():
                    self.figures[f"{name} healthy after"] = round(time.monotonic() - began[name], 1)
                    waiting.discard(name)
            if time.monotonic() - min(began.values()) > 120:
                raise AssertionError(f"not healthy: {waiting}\n{self.logs()}")
            time.sleep(0.2)

    def _start(self, service: Service) -> None:
        found = Supervised(
            service, self.image, environment=self._environment(service), replaced=self._replaced,
            log=self.folder / f"{service.name}.log",
        )  # fmt: skip
        if service.is_restarted:
            self.running[service.name] = found
            return
        began = time.monotonic()
        code = found.caged.process.wait(120)
        self.figures[f"{service.name} took"] = round(time.monotonic() - began, 1)
        if code:
            raise AssertionError(f"{service.name} ended with {code}\n{self.logs()}")

    def down(self) -> dict[str, tuple[int, float]]:
        """Stop all that runs, dependants first, those of one rank at once; return code and seconds of each."""
        ended: dict[str, tuple[int, float]] = {}

        def stop(name: str) -> None:
            ended[name] = self.running[name].stop()

        threads = [threading.Thread(target=stop, args=(name,)) for name in self.running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.running = {}
        return ended

    def logs(self) -> str:
        """Return the end of what each wrote."""
        return "\n".join(
            f"{path.name}: {path.read_text('utf-8', 'replace')[-1500:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def memory(self) -> dict[str, dict[str, float]]:
        """Return for each service how many processes it has, and their PSS and RSS in MiB."""
        found = {}
        for name, supervised in self.running.items():
            pids = supervised.caged.family()
            sums = {"Pss": 0, "Rss": 0}
            for pid in pids:
                with contextlib.suppress(OSError):
                    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines():
                        word = line.partition(":")[0]
                        if word in sums:
                            sums[word] += int(line.split()[1])
            found[name] = {"processes": len(pids), **{k.lower(): round(v / 1024, 1) for k, v in sums.items()}}
        return found

    def report(self) -> str:
        """Return the figures as JSON, and keep them beside the logs."""
        text = json.dumps(self.figures, indent=1)
        (Path(tempfile.gettempdir()) / "ct-ac-sync-stack-figures.json").write_text(text + "\n", "utf-8")
        return text

    def close(self) -> None:
        """End everything."""
        for supervised in self.running.values():
            supervised.service.given.update(stop_grace_period="1s")
        self.down()
        if hasattr(self, "box"):
            super().close()
            return
        for look in (self._shop, self._account):
            look.terminate()
            look.wait()
        self.redis.stop()
        self.postgres.stop()
