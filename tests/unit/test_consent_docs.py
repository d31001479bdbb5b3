"""The page of consent: its table is the decision's own."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from consent_docs import PAGE, page  # noqa: E402


class TestTable:
    def test_is_what_the_function_decides(self):
        """The table is what `scripts/consent_docs.py` writes of the decision as it is by now."""
        text = PAGE.read_text("utf-8")

        assert text == page(text)
