"""
Foreign clients, each in a virtual environment of its own, since their pins clash with ours.

An environment is built once, from hashed requirements, and kept outside the checkout.
One that cannot be built is a skip, and a failure in CI.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

JUDGES = Path(__file__).parent / "judges"
BUILD_SECONDS = 300
JUDGE_SECONDS = 120


def ask_judge(name: str, *arguments: str) -> Any:
    """Return what the judge *name* prints, run by a Python that has the foreign package."""
    home, fault = _environment_of(name)
    if fault:
        reason = f"the environment of the judge {name} cannot be built: {fault}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    command = [str(home / "bin" / "python"), "-I", str(JUDGES / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=JUDGE_SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@cache
def _environment_of(name: str) -> tuple[Path, str | None]:
    """Return a judge's environment, built where it is not there, and what went wrong with it."""
    requirements = JUDGES / f"{name}.requirements.txt"
    home = _home_of(name, requirements)
    return home, None if _is_ours_and_complete(home) else _build(home, requirements)


def _home_of(name: str, requirements: Path) -> Path:
    """Return the folder of an environment: one for each user, Python and set of requirements."""
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"ct-ac-sync-judge-{name}-{key}-{os.geteuid()}"


def _is_ours_and_complete(home: Path) -> bool:
    mark = home / "complete"
    return mark.exists() and mark.stat().st_uid == os.geteuid() == home.stat().st_uid


def _build(home: Path, requirements: Path) -> str | None:
    """Build an environment beside *home* and move it there; return what went wrong."""
    staging = Path(tempfile.mkdtemp(dir=home.parent, prefix=f"{home.name}."))
    python = staging / "bin" / "python"
    install = ["install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
    try:
        for command in (
            [sys.executable, "-m", "venv", str(staging)],
            [str(python), "-I", "-m", "pip", *install, "--require-hashes", "-r", str(requirements)],
        ):
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=BUILD_SECONDS)
        (staging / "complete").touch()
        if not _is_ours_and_complete(home):
            shutil.rmtree(home, ignore_errors=True)
            staging.rename(home)
    except subprocess.CalledProcessError as error:
        return str(error.stderr or error.stdout)[-1000:]
    except (OSError, subprocess.TimeoutExpired) as error:
        # Where somebody else was faster, theirs serves as well.
        return None if _is_ours_and_complete(home) else str(error)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return None
