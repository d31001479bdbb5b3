"""
The outside judge of consent: who said yes in the shop, against who is on a list in the accounts.

It imports nothing of the product, and reads what both sides tell themselves: the shop's customers,
and each account's contacts with its log of moves between statuses.

Who was there before it all said it in the past, which subscribes nobody; of an address that several
have, each may say something else, so that it is judged by the moves alone; and so is whoever is no
customer by now.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
#: The status of a membership of who is on a list.
ON = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentVerdict:
    """
    Addresses, and moves, by what was found of them.

    Attributes:
        agreed: Who said yes and is to be on a list.
        active: Who is on one.
        missing: Who agreed and is on none.
        unasked: Customers who are on one and did not say yes.
        revived: Moves by which somebody came back who had left.
    """

    agreed: tuple[str, ...]
    active: tuple[str, ...]
    missing: tuple[str, ...]
    unasked: tuple[str, ...]
    revived: tuple[Row, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nobody is missing, unasked or revived."""
        return not (self.missing or self.unasked or self.revived)


def judge_consent(
    people: Sequence[Row],
    came: Collection[str],
    contacts: Iterable[Row],
    log: Iterable[Row],
    *,
    left: Collection[str] = (),
) -> ConsentVerdict:
    """
    Judge all accounts together.

    Args:
        people: The shop's customers, whose field *newsletter* says yes.
        came: The ids of those that came while it was looked.
        contacts, log: Of all accounts, as their control doors tell them.
        left: Addresses of those who left there by themselves, and are not to be on a list any more.
    """
    shared = Counter(each["email"].lower() for each in people)
    said = {
        each["email"].lower(): bool((each.get("custom") or {}).get("fields", {}).get("newsletter"))
        for each in people
        if each["id"] in came and shared[each["email"].lower()] == 1
    }
    there = {row["email"].lower(): row["lists"] for row in contacts}
    yes = {email for email, is_yes in said.items() if is_yes}
    agreed = (yes & set(there)) - set(left)
    active = {email for email, lists in there.items() if ON in lists.values()}
    moves = (row for row in log if row["kind"] == "list_status")
    return ConsentVerdict(
        agreed=tuple(sorted(agreed)),
        active=tuple(sorted(active)),
        missing=tuple(sorted(agreed - active)),
        unasked=tuple(sorted(email for email in active - yes if shared[email] == 1)),
        revived=tuple(row for row in moves if row["after"] == ON and row["before"] not in (None, ON)),
    )
