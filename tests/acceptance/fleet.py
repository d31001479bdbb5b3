"""Real workers and a beat over real servers, killed and judged from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from events_world import access
from world import Sandbox, environment

from ct_ac_sync.bootstrap import build
from ct_ac_sync.sandbox.servers import PostgresServer, RedisServer, look_alike
from ct_ac_sync.settings import read_settings
from ct_ac_sync.store.migrate import migrate

ROOT = Path(__file__).parents[2]

FAST = {
    "CT_AC_SYNC_CALL_SECONDS": "2",
    "CT_AC_SYNC_SOFT_SECONDS": "3",
    "CT_AC_SYNC_HARD_SECONDS": "4",
    "CT_AC_SYNC_LEASE_SECONDS": "5",
    "CT_AC_SYNC_SLICE_SECONDS": "2",
    "CT_AC_SYNC_RUNG_SECONDS": "2",
    "CT_AC_SYNC_TICK_SECONDS": "0.5",
    "CT_AC_SYNC_CUSTOMERS_EVERY_SECONDS": "1",
    "CT_AC_SYNC_ORDERS_EVERY_SECONDS": "1",
    "CT_AC_SYNC_CARTS_EVERY_SECONDS": "1",
    "CT_AC_SYNC_SHOPPING_LISTS_EVERY_SECONDS": "1",
    "CT_AC_SYNC_PAYMENTS_EVERY_SECONDS": "1",
    "CT_AC_SYNC_MESSAGES_EVERY_SECONDS": "1",
    "CT_AC_SYNC_OVERLAP_SECONDS": "20",
    "CT_AC_SYNC_CALL_INTERVAL_SECONDS": "0.02",
    "CT_AC_SYNC_READBACK_SECONDS": "0.3,0.6,1",
    "CT_AC_SYNC_AWAITING_DEADLINE_SECONDS": "8",
    "CT_AC_SYNC_MAX_CRASHES": "1000",
    "CT_AC_SYNC_MAX_ATTEMPTS": "40",
}

#: So late queries of the shop may come to see a write.
SEEN_SECONDS = 1.0


class Fleet:
    """Servers, look-alikes, workers and beats of one story."""

    def __init__(
        self, folder: Path, *, profile: str = "a", rate: str = "60", configuration: str = "", **more: str
    ) -> None:
        """*configuration* is the text of a sync.toml; without, the default one."""
        self.folder = folder
        self.postgres = PostgresServer.start(folder)
        self.redis = RedisServer.start(folder)
        migrate(self.postgres.url)
        self._shop, shop = look_alike("commercetools", "--profile", profile, log=folder / "shop.log")
        self._account, account = look_alike(
            "activecampaign",
            "--profile",
            profile,
            "--rate",
            rate,
            "--retry-after",
            "1",
            log=folder / "account.log",
        )
        self.shop, self.account = Sandbox(shop), Sandbox(account)
        chosen = environment(self.postgres.url, shop, account, **FAST) | {"REDIS_URL": self.redis.url}
        if configuration:
            path = folder / "sync.toml"
            path.write_text(configuration, "utf-8")
            chosen |= {"CT_AC_SYNC_CONFIG": str(path)} | access(account)
        self.environment = {
            **os.environ,
            **chosen,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'acceptance'}",
            **more,
        }
        self.box = build(read_settings(self.environment))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.kills = 0

    def start(self, name: str, *arguments: str, application: str = "workers.app") -> None:
        """Start a Celery process in a group of its own."""
        command = [sys.executable, "-m", "celery", "-A", application, *arguments]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def worker(self, name: str, *, application: str = "workers.app", concurrency: int = 4) -> None:
        """Start a worker."""
        self.start(
            name, "worker", "--concurrency", str(concurrency), "-n", f"{name}@%h", application=application
        )

    def beat(self, name: str = "beat", *, application: str = "workers.app") -> None:
        """Start a beat."""
        self.start(name, "beat", "--schedule", str(self.folder / name), application=application)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a whole process group."""
        os.killpg(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        """End one with its children, as a power cut would."""
        self.signal(name, signal.SIGKILL)
        self.processes.pop(name).wait()

    def assert_alive(self) -> None:
        """Fail if a process has ended by itself."""
        if ended := {name: p.returncode for name, p in self.processes.items() if p.poll() is not None}:
            raise AssertionError(f"ended by themselves: {ended}")

    def supervise(self, *workers: str) -> None:
        """Start workers anew that ended by themselves: Celery's do when a child dies while all start."""
        for name in workers:
            if self.processes[name].poll() is not None:
                self.worker(name)

    def totals(self) -> dict[str, Any]:
        """Return the product's own totals."""
        found: dict[str, Any] = self.box.views.status()["totals"]
        return found

    def settle(self, *, seconds: float = 240, supervised: Sequence[str] = ()) -> None:
        """
        Wait until all is read and nothing is owed; fail if that does not come.

        Args:
            supervised: Workers that are started anew should they end by themselves.
        """
        until, calm, last = time.monotonic() + seconds, False, ""
        since = time.time() + SEEN_SECONDS
        while time.monotonic() < until:
            self.supervise(*supervised)
            totals = self.totals()
            is_idle = not (totals["open_entries"] or totals["intents"] or totals["pending_moves"])
            is_calm = is_idle and self._is_read(since) and not self.box.deliveries.is_owing()
            last = str(totals)
            if is_calm and calm:
                return
            # What was read is told a moment later: so all is read once more.
            calm, since = calm or is_calm, time.time() if is_calm else since
            time.sleep(0.5)
        logs = "\n".join(
            f"{p.name}: {p.read_text('utf-8', 'replace')[-1200:]}" for p in self.folder.glob("*.log")
        )
        raise AssertionError(f"not settled: {last}\n{self.box.views.status()}\n{logs}")

    def _is_read(self, since: float) -> bool:
        """Whether all streams were read by sweeps that began after *since*."""
        streams = list(self.box.settings.configuration.streams)
        swept = self.box.database.fetch(
            "SELECT min(watermark) AS at, count(watermark) AS n FROM stream WHERE stream = ANY (%s)",
            (streams,),
        )[0]
        is_whole = swept["n"] == len(streams)
        return is_whole and swept["at"] is not None and swept["at"].timestamp() > since

    def judge(self, *, history: int = 0) -> dict[str, Any]:
        """Return the outside judge's verdict."""
        parked = ",".join(row["business_key"].partition("/")[2] for row in self.box.desk.parked())
        path = ROOT / "ct_ac_sync" / "sandbox" / "judge.py"
        done = subprocess.run(
            [sys.executable, "-I", str(path), "--commercetools", self.shop.url, "--activecampaign",
             self.account.url, "--history", str(history), "--parked", parked, "--kills", str(self.kills)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout:
            raise AssertionError(done.stderr)
        verdict: dict[str, Any] = json.loads(done.stdout)
        return verdict

    def assert_proven(self, *, history: int = 0) -> dict[str, Any]:
        """Fail unless the judge finds nothing lost, doubled or behind, and no dead letter is left."""
        verdict = self.judge(history=history)
        if not verdict["ok"]:
            raise AssertionError(json.dumps(verdict, indent=1))
        if letters := self.box.desk.dead_letters():
            raise AssertionError(f"dead letters: {letters}")
        return verdict

    def close(self) -> None:
        """End everything."""
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.box.close()
        for look in (self._shop, self._account):
            look.terminate()
            look.wait()
        self.redis.stop()
        self.postgres.stop()
