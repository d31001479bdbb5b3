"""Applies a mutant to a copy of the product."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

PARTS = ("ct_ac_sync", "workers", "schedules", "tests", "scripts", "docs", "pyproject.toml", ".env.example")


def read_mutants() -> dict[str, dict[str, Any]]:
    """Return all mutants by name."""
    return tomllib.loads((Path(__file__).parent / "mutants.toml").read_text("utf-8"))


def copy_with_mutant(root: Path, folder: Path, name: str) -> Path:
    """
    Copy the product into *folder* with a mutant applied, and return the copy.

    Raises:
        ValueError: The mutant is not known, or does not fit the code exactly once.
    """
    mutants = read_mutants()
    if name not in mutants:
        raise ValueError(f"no mutant {name!r}; there are {', '.join(sorted(mutants))}")
    copy = folder / "product"
    copy.mkdir()
    for part in PARTS:
        origin = root / part
        if origin.is_dir():
            shutil.copytree(origin, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif origin.exists():
            shutil.copy(origin, copy / part)
    mutant = mutants[name]
    path = copy / mutant["file"]
    text = path.read_text("utf-8")
    if text.count(mutant["before"]) != 1:
        raise ValueError(
            f"mutant {name} fits {mutant['file']} {text.count(mutant['before'])} times, not once"
        )
    path.write_text(text.replace(mutant["before"], mutant["after"]), "utf-8")
    return copy
