"""
Fault rules: what a look-alike does wrong, to which calls, and how often.

Rules are set while it runs.  *before* means that the call has no effect; *after* means
that the effect has happened and only the answer is spoilt, which is the harder case.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FIELDS: Mapping[str, tuple[type, ...]] = {
    "operation": (str,),
    "method": (str,),
    "path": (str,),
    "body": (str,),
    "every": (int,),
    "probability": (int, float),
    "seed": (int,),
    "times": (int,),
    "when": (str,),
    "status": (int,),
    "headers": (dict,),
    "reply": (str,),
    "content_type": (str,),
    "delay_seconds": (int, float),
    "drip_bytes_per_second": (int, float),
    "reset": (bool,),
}


class FaultRuleError(ValueError):
    """A rule that cannot be; the message names all its faults at once."""


@dataclass(slots=True, kw_only=True)
class FaultRule:
    """One rule, and how often it matched and hit."""

    id: str
    spec: Mapping[str, Any]
    matches: int = 0
    hits: int = 0
    dice: random.Random = field(default_factory=random.Random)

    @property
    def is_after(self) -> bool:
        """Whether the effect happens all the same."""
        return bool(self.spec.get("when", "before") == "after")

    @property
    def spoils(self) -> bool:
        """Whether the answer is replaced, rather than only slowed."""
        return any(self.spec.get(name) for name in ("status", "reply", "reset")) or "reply" in self.spec

    def applies(self, *, operation: str, method: str, path: str, body: str) -> bool:
        """Whether this call is hit; counts as it decides."""
        spec = self.spec
        wanted = (("operation", operation), ("method", method))
        if any(spec.get(name) not in (None, value) for name, value in wanted):
            return False
        searched = (("path", path), ("body", body))
        if any(spec.get(n) and not re.search(spec[n], value) for n, value in searched):
            return False
        self.matches += 1
        if spec.get("times") is not None and self.hits >= spec["times"]:
            return False
        if spec.get("every") and self.matches % spec["every"]:
            return False
        if spec.get("probability") is not None and self.dice.random() >= spec["probability"]:
            return False
        self.hits += 1
        return True


class FaultBook:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: dict[str, FaultRule] = {}
        self._count = 0

    def add(self, spec: Mapping[str, Any]) -> str:
        """Add a rule and return its id.

        Raises:
            FaultRuleError: Something of it cannot be.
        """
        if faults := _faults_of(spec):
            raise FaultRuleError("; ".join(faults))
        self._count += 1
        rule = FaultRule(id=f"f{self._count}", spec=dict(spec), dice=random.Random(spec.get("seed", 1)))
        self._rules[rule.id] = rule
        return rule.id

    def remove(self, id_: str | None = None) -> int:
        """Remove one rule, or all; return how many went."""
        gone = [id_] if id_ in self._rules else list(self._rules) if id_ is None else []
        for each in gone:
            del self._rules[each]
        return len(gone)

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules with what they did."""
        return [{"id": r.id, "matches": r.matches, "hits": r.hits, **r.spec} for r in self._rules.values()]

    def pick(self, *, operation: str, method: str, path: str, body: str) -> FaultRule | None:
        """Return the first rule that hits this call."""
        call = {"operation": operation, "method": method, "path": path, "body": body}
        return next((rule for rule in list(self._rules.values()) if rule.applies(**call)), None)


def _faults_of(spec: Mapping[str, Any]) -> list[str]:
    faults = [f"unknown key {name!r}; known: {', '.join(FIELDS)}" for name in spec if name not in FIELDS]
    faults += [
        f"{name} must be {' or '.join(t.__name__ for t in FIELDS[name])}, not {value!r}"
        for name, value in spec.items()
        if name in FIELDS and value is not None and not isinstance(value, FIELDS[name])
    ]
    if spec.get("when", "before") not in ("before", "after"):
        faults.append(f"when must be before or after, not {spec['when']!r}")
    for name in ("path", "body"):
        try:
            re.compile(spec.get(name) or "")
        except (re.error, TypeError) as error:
            faults.append(f"{name} is no regular expression: {error}")
    return faults
