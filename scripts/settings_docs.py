"""Writes docs/settings.md and .env.example from the settings' own definitions."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from ct_ac_sync.settings import VARIABLES  # noqa: E402


def settings_page() -> str:
    """Return docs/settings.md."""
    rows = [
        f"| `{v.name}` | {v.about} | {'required' if v.default is None else f'`{v.default}`' if v.default else ''} |"
        for v in VARIABLES.values()
    ]
    return (
        "# Settings\n\nRead once from the environment; all faults are reported together. Every one may be given as\n"
        "`NAME_FILE` instead: a path whose content is the value. The limits must grow in this order: call, soft, hard,"
        " lease.\n\n| variable | what | default |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def env_example() -> str:
    """Return .env.example."""
    return "".join(
        f"# {v.about}\n{'' if v.default is None else '# '}{v.name}={v.default or ''}\n\n"
        for v in VARIABLES.values()
    )


if __name__ == "__main__":
    (ROOT / "docs" / "settings.md").write_text(settings_page(), "utf-8")
    (ROOT / ".env.example").write_text(env_example(), "utf-8")
