"""The Dockerfile's steps, run without an engine: the same lines, in a scratch folder, with a cleaned PATH."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
#: Folders of the image, and where they stand in the scratch folder.
PLACES = {"/build": "build", "/opt/ct-ac-sync": "opt/ct-ac-sync", "/run/secrets": "run/secrets"}
#: All that a step or a process may find besides Python: no server, no compiler, no pip of ours.
TOOLS = ("sh", "cat", "printf", "env")

Step = tuple[str, str]


def read_stages(text: str) -> dict[str, list[Step]]:
    """Return the instructions of each stage by its name; the last stage is called *final*."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    stages: dict[str, list[Step]] = {}
    name = "before"
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "final"
        stages.setdefault(name, []).append((word, " ".join(rest.split())))
    return stages


def is_let_in(path: str, rules: str) -> bool:
    """Whether the rules of .dockerignore let a path into the build."""
    is_in = True
    for line in rules.splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, f"{pattern}/*"):
                is_in = line.startswith("!")
    return is_in


@dataclass(frozen=True)
class Image:
    """What the steps made: where it stands, and the environment it declares."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    healthcheck: tuple[str, ...] = ()

    def placed(self, text: str) -> str:
        """Return a text with the image's folders where they stand here."""
        for place, here in PLACES.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w-])", str(self.folder / here), text)
        return text

    def environ(self, **more: str) -> dict[str, str]:
        """Return the whole environment of a process in it: nothing of this machine's."""
        return {"HOME": "/nonexistent", **self.environment, **more}

    def which(self, command: str) -> str:
        """Return where a command stands that PATH leads to."""
        found = shutil.which(command, path=self.environment["PATH"])
        if found is None:
            raise AssertionError(f"{command} is not on the image's PATH")
        return found

    def run(self, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as a container would; return what came of it."""
        return subprocess.run(
            [self.which(command[0]), *command[1:]], env=self.environ(**more), capture_output=True, text=True,
            check=False, cwd=self.folder / PLACES["/opt/ct-ac-sync"],
        )  # fmt: skip


def _reachable(interpreter: str) -> bool:
    """Whether a user who is nobody could run it: what stands below root's home could not."""
    path = Path(interpreter).resolve()
    return path.exists() and all(parent.stat().st_mode & 0o001 for parent in path.parents)


def base_python() -> str:
    """Return the interpreter that stands for the base image's."""
    candidates = [getattr(sys, "_base_executable", sys.executable), "/usr/bin/python3", sys.executable]
    return next(filter(_reachable, candidates), sys.executable)


def _tools(folder: Path) -> str:
    """Make a folder of the few tools there are, and the base's Python with a pip, as its image has."""
    tools = folder / "tools"
    tools.mkdir()
    for name in TOOLS:
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    subprocess.run([base_python(), "-m", "venv", folder / "base"], check=True)
    return f"{folder / 'base' / 'bin'}:{tools}"


def _copy(folder: Path, words: list[str]) -> None:
    *sources, target = words
    for source in sources:
        origin = ROOT / source
        into = (folder / target / origin.name) if target in (".", "./") else folder / target
        if origin.is_dir():
            shutil.copytree(origin, into, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(origin, into)


def _environment(value: str) -> Iterator[tuple[str, str]]:
    for word in shlex.split(value):
        name, _, text = word.partition("=")
        yield name, text


def _outside(path: str, home: Path) -> dict[str, str]:
    """Return the environment of a build: a path, and where packages come from, which is the machine's business."""
    own = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower().endswith("_proxy")}
    configuration = Path.home() / ".config" / "pip" / "pip.conf"
    if configuration.exists():
        own.setdefault("PIP_CONFIG_FILE", str(configuration))
    return {"PATH": path, "HOME": str(home)} | own


def _run(step: str, *, cwd: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", step], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"RUN {step}\n{done.stdout}{done.stderr}")


def build(folder: Path) -> Image:
    """Run the builder's steps below *folder*, and read what the final stage declares."""
    stages = read_stages(DOCKERFILE.read_text("utf-8"))
    image, here = Image(folder), folder
    environment = _outside(_tools(folder), folder)
    for word, value in stages["builder"]:
        if word == "WORKDIR":
            here = Path(image.placed(value))
            here.mkdir(parents=True)
        elif word == "ENV":
            environment |= dict(_environment(value))
        elif word == "COPY":
            _copy(here, value.split())
        elif word == "RUN":
            _run(image.placed(value), cwd=here, environment=environment)
    return _finished(image, stages["final"])


def _finished(image: Image, steps: list[Step]) -> Image:
    """Return the image with what its last stage declares; that stage's own steps only make a user."""
    declared: dict[str, str] = {}
    healthcheck: tuple[str, ...] = ()
    for word, value in steps:
        if word == "ENV":
            declared |= {k: image.placed(v) for k, v in _environment(value)}
        elif word == "HEALTHCHECK":
            healthcheck = tuple(json.loads(value.partition("CMD ")[2]))
    # The tools stand for the base's /usr/bin, which here would be full of servers.
    declared["PATH"] = f"{declared['PATH'].split(':')[0]}:{image.folder / 'tools'}"
    return Image(image.folder, declared, healthcheck)
