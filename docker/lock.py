"""
Prints a part of a hashed lock: all but some packages, or only some.

The image needs neither the embedded servers (demo and tests run those) nor the tools of
development, and a second lock would be a second truth.  Hashes stay as they are, so what
pip installs is still exactly what the lock names.
"""

import argparse
import re
import sys
from pathlib import Path

#: A requirement begins at the margin; its hashes are indented below it.
BEGINS = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)


def read_lock(text: str) -> dict[str, str]:
    """Return each package's lines by its name."""
    starts = list(BEGINS.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {start["name"].lower(): text[start.start() : end] for start, end in zip(starts, ends, strict=True)}


def main() -> int:
    """Print the part; exit code 2 where a name is not in the lock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--without", nargs="+", default=[])
    which.add_argument("--only", nargs="+", default=[])
    given = parser.parse_args()
    locked = read_lock(given.lock.read_text("utf-8"))
    if unknown := sorted(set(given.without + given.only) - set(locked)):
        sys.stderr.write(f"{given.lock} does not hold {', '.join(unknown)}\n")
        return 2
    chosen = given.only or [name for name in locked if name not in given.without]
    sys.stdout.write("".join(locked[name] for name in chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
