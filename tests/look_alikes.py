"""
Look-alikes for tests: each a process of its own, forked off one that has read their code already.

Nearly every test wants a fresh shop and a fresh account; to start Python anew for each took as
long as many a test.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ct_ac_sync.sandbox.servers import die_with_parent

MODULES = ("activecampaign", "commercetools")
END_SECONDS = 60.0


class Parent:
    """The process that the look-alikes are forked off."""

    def __init__(self, log: Path, *, script: str = __file__) -> None:
        """Start it; what it and its children have to complain about goes into *log*; *script* is what it runs."""
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True,
            )  # fmt: skip
        self._log = log

    def start(self, module: str, *arguments: str) -> tuple[int, str]:
        """Start a look-alike; return its process id and its address."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("both are pipes")
        self._process.stdin.write(json.dumps([module, "--port", "0", *arguments]) + "\n")
        self._process.stdin.flush()
        pid, told = self._process.stdout.readline(), self._process.stdout.readline()
        if not told.startswith("{"):
            raise RuntimeError(f"{module} does not start:\n{self._log.read_text('utf-8')[-2000:]}")
        return int(pid), str(json.loads(told)["listening"])

    def close(self) -> None:
        """End it, and with it all that are left."""
        self._process.kill()
        self._process.wait()


def end(pid: int) -> None:
    """Ask a look-alike to end, and wait until it has."""
    until = time.monotonic() + END_SECONDS
    os.kill(pid, signal.SIGTERM)
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.005)
    raise RuntimeError(f"the look-alike {pid} does not end")


def main() -> None:
    """Fork a look-alike for each line that asks for one; end, and all end, with whoever asks."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for module in MODULES:
        import_module(f"ct_ac_sync.sandbox.{module}.__main__")
    for line in sys.stdin:
        if os.fork() == 0:
            _be(*json.loads(line))


def _be(module: str, *arguments: str) -> None:
    """Be a look-alike, until told to stop."""
    die_with_parent()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.write(f"{os.getpid()}\n")
    code = 0
    try:
        _serve(module, arguments)
    except BaseException:  # noqa: BLE001 - whoever asked reads of it in the log
        traceback.print_exc()
        sys.stdout.write("failed\n")
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _serve(module: str, arguments: Sequence[str]) -> None:
    sys.argv = [module, *arguments]
    import_module(f"ct_ac_sync.sandbox.{module}.__main__").main()


if __name__ == "__main__":
    main()
