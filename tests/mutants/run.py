"""Shows that each mutant is caught: its tests pass on the product and fail on the mutant."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from apply import copy_with_mutant, read_mutants

ROOT = Path(__file__).parent.parent.parent


def run(root: Path, tests: list[str]) -> int:
    """Return pytest's exit code for *tests* in *root*."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"pytest could not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return done.returncode


def main() -> int:
    """Return 1 if any mutant survives."""
    survived = []
    mutants = {name: m for name, m in read_mutants().items() if m["tests"]}
    for name, mutant in mutants.items():
        with tempfile.TemporaryDirectory() as folder:
            is_caught = run(copy_with_mutant(ROOT, Path(folder), name), mutant["tests"]) == 1
        print(
            f"{'caught' if is_caught else 'SURVIVED'}  {mutant['promise']}  {name}: {mutant['about']}",
            flush=True,
        )
        survived += [] if is_caught else [name]
    print(f"{len(mutants) - len(survived)} passed, {len(survived)} failed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
