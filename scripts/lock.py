"""Resolves both locks anew, universal and hashed, without a word about where packages come from."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMON = ["pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.11",
          "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]  # fmt: skip

for extra, name in (([], "requirements.txt"), (["--extra", "dev"], "requirements-dev.txt")):
    command = ["uv", *COMMON, *extra, "pyproject.toml", "--output-file", name]
    subprocess.run(command, cwd=ROOT, check=True)
    text = (ROOT / name).read_text("utf-8")
    if "://" in text:
        sys.exit(f"{name} names an address")
