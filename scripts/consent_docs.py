"""Writes the truth table of docs/consent.md from the decision itself."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from ct_ac_sync.domain.consent import (  # noqa: E402
    Evidence,
    Membership,
    Owner,
    Policy,
    Says,
    Standing,
    Verdict,
    decide,
)

PAGE = ROOT / "docs" / "consent.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

CHANGED = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: When something was said, against when the membership changed.
WHENS = {
    "later": (CHANGED + HOUR, CHANGED + HOUR),
    "earlier": (CHANGED - HOUR, CHANGED - HOUR),
    "cannot be told": (CHANGED - HOUR, CHANGED + HOUR),
}
#: Where it was seen: whether that is of the past, and whether the record states the time.
LANES = {"live": (False, False), "of the past, time stated": (True, True), "of the past": (True, False)}
STANDINGS = {
    "never on it": Membership(),
    "to be confirmed": Membership(standing=Standing.UNCONFIRMED, joined_at=CHANGED),
    "on it": Membership(standing=Standing.ACTIVE, joined_at=CHANGED),
    "left by their own will": Membership(standing=Standing.UNSUBSCRIBED, left_at=CHANGED),
    "ended by us, for a no": Membership(standing=Standing.UNSUBSCRIBED, left_at=CHANGED, ended_for=CHANGED),
    "excluded": Membership(
        standing=Standing.UNSUBSCRIBED, left_at=CHANGED, ended_for=CHANGED, is_excluded=True
    ),
    "bounced": Membership(standing=Standing.BOUNCED, joined_at=CHANGED, left_at=CHANGED),
}
ORDER = (Owner.COMMERCETOOLS, Owner.LATEST, Owner.STRICTEST, Owner.ACTIVECAMPAIGN)

Row = tuple[str, str, str, str]


def verdicts(says: Says, held: Membership, when: str, lane: str) -> tuple[Verdict, ...]:
    """Return the verdict of each owner."""
    (since, at), (is_past, is_stated) = WHENS[when], LANES[lane]
    said = Evidence(says=says, since=since, at=at, is_past=is_past, is_stated=is_stated)
    return tuple(decide(Policy(owner=owner), said, held) for owner in ORDER)


def rows() -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Give what is said, where they stand, when and in which lane, with what follows; what is alike is one row."""
    for says, (standing, held) in product((Says.YES, Says.NO, Says.PENDING), STANDINGS.items()):
        found = {
            (when, lane): tuple(each.action.value for each in verdicts(says, held, when, lane))
            for when, lane in product(WHENS, LANES)
        }
        if len(set(found.values())) == 1:
            yield (says, standing, "any", "any"), next(iter(found.values()))
            continue
        for lane in LANES:
            mine = {when: found[when, lane] for when in WHENS}
            if len(set(mine.values())) == 1:
                yield (says, standing, "any", lane), next(iter(mine.values()))
            else:
                yield from (((says, standing, when, lane), actions) for when, actions in mine.items())


def table() -> str:
    """Return the table as Markdown."""
    head = "| the shop says | there they are | said, against that | seen | " + " | ".join(
        f"`{each}`" for each in ORDER
    )
    lines = [f"{head} |", "| --- " * (4 + len(ORDER)) + "|"]
    for row, actions in rows():
        shown = ("**subscribe**" if each == "subscribe" else each for each in actions)
        lines.append("| " + " | ".join((*map(str, row), *shown)) + " |")
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with its table as it is by now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
