"""Outcomes: what a failure means for a member, by how often it was tried."""

import random
from datetime import timedelta

from ct_ac_sync.domain.delivery import Member, Outcome, outcome_of_error
from ct_ac_sync.domain.retry import RetryPolicy
from ct_ac_sync.errors import SyncError

#: When what only a later release, or another configuration, understands is looked at again.
LATER = timedelta(minutes=1)

#: When what a human must look at first is looked at again.
HALTED_PAUSE = timedelta(minutes=1)


class Outcomes:
    """Says what follows from failures."""

    def __init__(self, *, policy: RetryPolicy, dice: random.Random) -> None:
        """*dice* spread the retries."""
        self._policy = policy
        self._dice = dice

    def of(self, error: SyncError, member: Member, *, size: int = 1) -> Outcome:
        """Return what follows for *member* from a failed call that carried *size* entries."""
        jitter = self._dice.random()
        return outcome_of_error(error, member, policy=self._policy, jitter=jitter, size=size)

    def is_last(self, member: Member) -> bool:
        """Whether there is no attempt after the one that is under way."""
        return self._policy.is_last(member.attempts)
