"""compose.yaml, read as Compose reads it: merged, interpolated, and ordered."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<word>[^}]*))?\})")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a document with its variables filled in."""
    if isinstance(value, dict):
        return {k: interpolate(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [interpolate(v, variables) for v in value]
    if not isinstance(value, str):
        return value

    def filled(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        found = variables.get(match["name"], "")
        if not found and match["how"] == ":?":
            raise LookupError(f"{match['name']}: {match['word']}")
        return found or (match["word"] if match["how"] == ":-" else "")

    return VARIABLE.sub(filled, value)


def read_variables(path: Path) -> dict[str, str]:
    """Return what an env file sets."""
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def seconds(text: str) -> float:
    """Return how long a duration is."""
    return sum(float(n) * SECONDS[unit] for n, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text))


@dataclass(frozen=True)
class Service:
    """One service, as far as a process needs it."""

    name: str
    given: dict[str, Any] = field(repr=False)

    @property
    def command(self) -> list[str]:
        """Its command."""
        command = self.given["command"]
        return shlex.split(command) if isinstance(command, str) else list(command)

    @property
    def environment(self) -> dict[str, str]:
        """Its environment, without the image's."""
        return {k: str(v) for k, v in self.given.get("environment", {}).items()}

    @property
    def grace(self) -> float:
        """How many seconds it is given to end."""
        return seconds(self.given.get("stop_grace_period", "10s"))

    @property
    def is_restarted(self) -> bool:
        """Whether it is started again when it ends by itself."""
        return bool(self.given.get("restart") == "unless-stopped")

    @property
    def conditions(self) -> dict[str, str]:
        """What must be, of which service, before it starts."""
        return {name: how["condition"] for name, how in self.given.get("depends_on", {}).items()}

    @property
    def healthcheck(self) -> list[str]:
        """The command that asks for its health; empty where there is none."""
        test = self.given.get("healthcheck", {}).get("test", [])
        return ["sh", "-c", test[1]] if test[:1] == ["CMD-SHELL"] else list(test[1:])


def read_services(variables: Mapping[str, str], *names: str) -> dict[str, Service]:
    """Return the services of compose files below docker/, the later over the earlier."""
    merged: dict[str, dict[str, Any]] = {}
    for name in names:
        document = yaml.safe_load((ROOT / "docker" / name).read_text("utf-8"))
        for service, given in interpolate(document["services"], variables).items():
            before = merged.setdefault(service, {})
            depends = before.get("depends_on", {}) | given.get("depends_on", {})
            before |= given | ({"depends_on": depends} if depends else {})
    return {name: Service(name, given) for name, given in merged.items()}


def in_order(services: Mapping[str, Service]) -> Iterator[str]:
    """Give the names of services, each after all that it waits for."""
    given: set[str] = set()
    while len(given) < len(services):
        ready = [
            n for n, s in services.items() if n not in given and set(s.conditions) & set(services) <= given
        ]
        if not ready:
            raise ValueError("services wait for each other")
        given |= set(ready)
        yield from ready
