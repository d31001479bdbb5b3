"""
What compose.yaml cages a container with, from the kernel's own tools and without an engine.

A read-only root file system, a /tmp in memory, our user's number, no capabilities, no new
privileges, a host name.  It needs root and Linux; elsewhere a process runs uncaged, with a
/tmp of its own, and says so.
"""

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

USER = "10001"
SETPRIV = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs",
           "--bounding-set", "-all", "--inh-caps", "-all"]  # fmt: skip
#: Makes the cage in namespaces of its own, then becomes the command: the process id stays.
SCRIPT = (
    'hostname "$1"; shift; mount --make-rprivate /; mount -o remount,bind,ro /;'
    ' mount -t tmpfs -o "$1",nosuid,nodev,noexec tmpfs /tmp; shift; exec "$@"'
)


@functools.cache
def is_possible() -> bool:
    """Whether this machine can make a cage."""
    tools = ("unshare", "nsenter", "setpriv", "mount", "hostname")
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, tools)):
        return False
    return (
        subprocess.run(_made("probe", "size=1m", ["true"]), capture_output=True, check=False).returncode == 0
    )


def _made(hostname: str, tmpfs: str, command: list[str]) -> list[str]:
    sh = shutil.which("sh") or "/bin/sh"
    unshare = shutil.which("unshare") or "unshare"
    setpriv = [shutil.which("setpriv") or "setpriv", *SETPRIV[1:]]
    # The cage is made with this machine's tools, and left with the environment of the image alone.
    return [unshare, "--mount", "--uts", sh, "-ec", f'PATH={os.environ["PATH"]}; {SCRIPT}', "cage",
            hostname, tmpfs, *setpriv, "env", "--", *command]  # fmt: skip


class Caged:
    """A process in a cage, or beside one where there is none, and commands run beside it."""

    def __init__(
        self,
        command: list[str],
        *,
        environment: Mapping[str, str],
        hostname: str,
        tmpfs: str,
        cwd: Path,
        log: Path,
    ) -> None:
        self._environment = dict(environment)
        self._cwd = cwd
        if not is_possible():
            self._environment["TMPDIR"] = str(log.with_suffix(".tmp"))
            Path(self._environment["TMPDIR"]).mkdir(exist_ok=True)
        # The cage's script changes PATH; `env PATH=...` gives the image's back.
        inner = [f"PATH={environment['PATH']}", *command]
        made = _made(hostname, tmpfs, inner) if is_possible() else ["/usr/bin/env", *inner]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                made, env=self._environment, cwd=cwd, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def run(self, command: list[str], *, seconds: float = 30) -> "subprocess.CompletedProcess[str]":
        """Run a command beside it, in the same cage: what an engine calls *exec*."""
        entered: list[str] = []
        if is_possible():
            nsenter = shutil.which("nsenter") or "nsenter"
            setpriv = shutil.which("setpriv") or "setpriv"
            entered = [nsenter, "--mount", "--uts", "--target", str(self.process.pid), setpriv, *SETPRIV[1:]]
        return subprocess.run(
            [*entered, *command], env=self._environment, cwd=self._cwd, capture_output=True, text=True, check=False,
            timeout=seconds,
        )  # fmt: skip

    def family(self) -> list[int]:
        """Return the ids of the process and its descendants."""
        found, new = [], [self.process.pid]
        while new:
            pid = new.pop()
            found.append(pid)
            children = Path(f"/proc/{pid}/task/{pid}/children")
            new += [int(word) for word in children.read_text("utf-8").split()] if children.exists() else []
        return found

    def end(self, number: int = signal.SIGKILL) -> None:
        """Signal all of it, as the end of a container does."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return
