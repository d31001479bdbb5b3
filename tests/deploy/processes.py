"""Processes of the product, as an engine would start them: nothing of this machine's environment."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CELERY = [sys.executable, "-m", "celery", "-A", "workers.app"]
COMMAND = [sys.executable, "-m", "ct_ac_sync.cli.main"]


def run(command: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", **environment}, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def health(*words: str, environment: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Ask for health; return the exit code and the document."""
    done = run([*COMMAND, "health", *words, "--json"], environment)
    if "Traceback" in done.stderr:
        raise AssertionError(done.stderr)
    return done.returncode, json.loads(done.stdout or "{}")


def until(holds: Callable[[], bool], *, seconds: float = 120, what: str = "") -> None:
    """Wait until something holds; fail if that does not come."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(what or "it does not come to hold")
        time.sleep(0.25)


class Started:
    """Processes of one test, each in a group of its own, all ended with it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {"PATH": "/usr/bin:/bin", **environment}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a Celery process."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*CELERY, *arguments], env=self.environment, cwd=ROOT, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.processes[name] = process
        return process

    def worker(self, name: str = "one") -> "subprocess.Popen[bytes]":
        """Start a worker."""
        return self.start(name, "worker", "--concurrency", "2", "-n", f"{name}@test")

    def beat(self) -> "subprocess.Popen[bytes]":
        """Start a beat."""
        return self.start("beat", "beat")

    def log(self, name: str) -> str:
        """Return what a process wrote."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def end(self, name: str, *, seconds: float = 60) -> int:
        """Tell a process to end, as an engine does, and return its exit code."""
        process = self.processes[name]
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def close(self) -> None:
        """End all."""
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
