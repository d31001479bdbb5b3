"""The house rules that no linter has, and documents held against what they speak of."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ct_ac_sync.settings import VARIABLES

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "docker")
#: Written in parts, because this file is searched as well.
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted",
    "npm" + "js.",
    "registry" + ".",
    "arti" + "factory",
    "conda" + ".anaconda",
)
MACHINE = re.compile(
    "(?<![\\w.}$])/(?:" + "|".join(("ro" + "ot", "wo" + "rk", "ho" + "me", "Us" + "ers")) + ")/"
)
#: What a page may put in backticks and mean a place in this repository by.
TOP = ("ct_ac_sync", "workers", "schedules", "tests", "docs", "scripts", "benchmarks", "docker", ".ci")
ENDINGS = (".py", ".md", ".sql", ".toml", ".txt", ".yml", ".yaml", ".json")


@cache
def committed() -> tuple[Path, ...]:
    """Return the files that are committed, or will be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, encoding="utf-8",
    ).stdout  # fmt: skip
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def text_of(path: Path) -> str:
    """Return a file's text."""
    return path.read_text("utf-8", errors="replace")


def pages() -> tuple[Path, ...]:
    """Return the pages that people read."""
    return tuple(p for p in committed() if p.suffix == ".md" and p.relative_to(ROOT).parts[0] in PAGES)


def named(path: Path) -> str:
    """Return a path as seen from the top."""
    return str(path.relative_to(ROOT))


def functions_in(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give the test functions of a file."""
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def is_sentence(text: str) -> bool:
    """Whether a text is one sentence: it begins large, ends with a full stop, and holds no other."""
    words = " ".join(text.split())
    begins = bool(words) and (words[0].isupper() or not words[0].isalpha())
    return begins and words.endswith(".") and not re.search(r"[.!?] +[A-Z]", words)


def code_in(path: Path) -> Iterator[str]:
    """Give what a page shows as code: lines of its blocks, and what stands in backticks."""
    text = text_of(path)
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (line.split("  #")[0].strip() for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


class TestTests:
    def test_each_test_says_what_must_hold(self):
        """Every test has one sentence as its docstring."""
        silent = [
            f"{named(path)}::{test.name}"
            for path in committed()
            if path.is_relative_to(ROOT / "tests") and path.name.startswith("test_") and path.suffix == ".py"
            for test in functions_in(path)
            if not is_sentence(ast.get_docstring(test) or "")
        ]

        assert silent == []

    @pytest.mark.parametrize(
        ("text", "is_one"),
        [
            ("A page goes on.", True),
            ("``x`` is read (e.g. by y), and kept.", True),
            ("A page goes\n    on.", True),
            ("", False),
            ("No end", False),
            ("small beginning.", False),
            ("Two. Sentences.", False),
        ],
    )
    def test_one_sentence_is_told_from_two(self, *, text: str, is_one: bool):
        """The rule itself knows a sentence from none and from several."""
        assert is_sentence(text) is is_one

    def test_no_mocks(self):
        """Tests use real servers and fakes, and never a mock."""
        word = "mo" + "ck"
        users = [
            named(path) for path in committed()
            if path.suffix == ".py" and re.search(rf"^\s*(?:import|from) .*\b{word}\b", text_of(path), re.MULTILINE)
        ]  # fmt: skip

        assert users == []


class TestSettings:
    def test_every_variable_is_documented(self):
        """Each variable stands in docs/settings.md and in .env.example."""
        for page in ("docs/settings.md", ".env.example"):
            text = text_of(ROOT / page)
            assert [v.name for v in VARIABLES.values() if not re.search(rf"\b{v.name}\b", text)] == []

    def test_every_variable_that_is_mentioned_exists(self):
        """No page speaks of a variable of ours that nothing reads."""
        known = {v.name for v in VARIABLES.values()}
        stale = {
            f"{named(path)}: {name}"
            for path in (*pages(), ROOT / ".env.example")
            for name in re.findall(r"\b(?:CT_AC_SYNC|CTP)_[A-Z_]+[A-Z]\b", text_of(path))
            if name.removesuffix("_FILE") not in known
        }

        assert stale == set()

    def test_only_settings_read_the_environment(self):
        """The library asks the environment in the settings and where processes are started, nowhere else."""
        readers = {
            named(path) for path in committed()
            if path.suffix == ".py" and path.is_relative_to(ROOT / "ct_ac_sync")
            and re.search(r"os\.environ|getenv", text_of(path))
        }  # fmt: skip

        assert readers <= {
            "ct_ac_sync/cli/output.py", "ct_ac_sync/cli/run.py", "ct_ac_sync/cli/demo.py",
            "ct_ac_sync/cli/stage.py", "ct_ac_sync/sandbox/servers.py",
        }  # fmt: skip


class TestFiles:
    def test_no_file_names_a_registry(self):
        """Where packages come from is the machine's business, and no address of ours."""
        found = [
            f"{named(path)}: {host}" for path in committed() for host in REGISTRIES if host in text_of(path).lower()
        ]  # fmt: skip

        assert found == []

    def test_locks_name_no_address(self):
        """A lock holds names, versions and hashes only."""
        for path in ROOT.glob("requirements*.txt"):
            assert (
                re.findall(r"^\s*(?:-i |--index|--extra|--find|--trusted)|://", text_of(path), re.MULTILINE)
                == []
            )

    def test_no_file_names_a_place_on_a_machine(self):
        """No path of one developer's or one builder's machine is committed."""
        found = [
            f"{named(path)}: {place}" for path in committed() for place in MACHINE.findall(text_of(path))
        ]

        assert found == []

    def test_text_ends_with_one_newline(self):
        """Every text file ends with a newline and no blank line, and has no carriage returns."""
        wrong = [
            named(path) for path in committed()
            if path.suffix in (*ENDINGS, "") and (data := path.read_bytes())
            and (not data.endswith(b"\n") or data.endswith(b"\n\n") or b"\r" in data) and path.name != ".env.example"
        ]  # fmt: skip

        assert wrong == []


class TestPages:
    def test_every_path_in_backticks_exists(self):
        """What looks like a place in this repository is one."""
        missing = []
        for path in pages():
            for code in code_in(path):
                word = code.split("::")[0].rstrip("/")
                looks = (
                    "/" in code and " " not in code and (word.split("/")[0] in TOP or word.endswith(ENDINGS))
                )
                if looks and "*" not in word and not (ROOT / word).exists():
                    missing.append(f"{named(path)}: {code}")

        assert missing == []

    def test_every_link_leads_somewhere(self):
        """A link to another page of ours leads to one that is there."""
        missing = [
            f"{named(path)}: {target}"
            for path in pages()
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(path))
            if "://" not in target
            and not target.startswith("mailto:")
            and not (path.parent / target).exists()
        ]

        assert missing == []

    def test_every_target_of_make_exists(self):
        """Pages name only targets that the Makefile has, and the Makefile tells of each."""
        makefile = text_of(ROOT / "Makefile")
        targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
        told = set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.MULTILINE))
        asked = {
            word
            for path in (*pages(), ROOT / ".ci" / "run")
            for code in (
                code_in(path) if path.suffix == ".md" else map(str.strip, text_of(path).splitlines())
            )
            if (match := re.match(r"make((?: [a-z][a-z-]*)+)", code))
            for word in match[1].split()
        }

        assert asked - targets == set()
        assert targets - told == set()

    def test_every_command_that_is_shown_exists(self):
        """Pages show only commands that the command line has."""
        from ct_ac_sync.cli.main import main

        shown = {
            match[1] for path in pages() for code in code_in(path) if (match := re.search(r"\bct-ac-sync ([a-z][a-z-]+)", code))
        }  # fmt: skip

        assert shown - set(main.commands) == set()
