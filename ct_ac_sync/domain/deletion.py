"""
Deletions: how many absences are believed, and why not all of them.

What a sweep of ids misses is only a candidate; but where very much is missing, it is rather we,
or our access, who are broken, and a human looks before anything is asked for or deleted.
"""

from typing import NamedTuple

#: So many missing records are never too many: in a small shop each of them would be a share
#: beyond what is believed.
FEW = 5
#: So many always are.
MANY = 100
#: Of how many records one may be missing: one in two hundred, 0.5 %.
ONE_IN = 200


class Absence(NamedTuple):
    """What a sweep came to: how many records were missing, of how many that were known."""

    missing: int
    known: int

    @property
    def is_too_large(self) -> bool:
        """
        Whether a human has to look first.

        >>> Absence(5, 7).is_too_large, Absence(6, 1199).is_too_large, Absence(6, 1200).is_too_large
        (False, True, False)
        >>> Absence(100, 10**6).is_too_large, Absence(101, 10**6).is_too_large
        (False, True)
        """
        return self.missing > min(MANY, max(FEW, self.known // ONE_IN))
