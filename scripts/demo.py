"""Runs the demo; with SABOTAGE, in a copy of the product with a committed mutant applied, until it is caught."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "mutants"))

from apply import copy_with_mutant  # noqa: E402


def main() -> int:
    """Run it and return its exit code; who interrupts interrupts it, and it takes everything down."""
    signal.signal(signal.SIGINT, lambda *_: None)
    command = [sys.executable, "-m", "ct_ac_sync.cli.main", "demo", "--seed", os.environ.get("SEED") or "1"]
    if os.environ.get("KEEP"):
        command.append("--keep")
    environment = {k: v for k, v in os.environ.items() if k not in ("SEED", "KEEP", "SABOTAGE")}
    sabotage = os.environ.get("SABOTAGE")
    if not sabotage:
        return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        copy = copy_with_mutant(ROOT, Path(folder), f"demo-{sabotage}")
        environment["PYTHONPATH"] = str(copy)
        return subprocess.run([*command, "--fail-fast"], check=False, cwd=copy, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
