"""How long to wait before the next try: capped, exponential, spread by jitter."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """
    Attempts and waits of one entry.

    Attributes:
        base: The first wait; it doubles with each attempt.
        cap: The longest wait.
        max_attempts: How many attempts before a dead letter; twelve take about two hours.
    """

    base: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(minutes=15)
    max_attempts: int = 12

    def is_last(self, attempts: int) -> bool:
        """Whether, after *attempts* that are over, the next one is the last."""
        return attempts + 1 >= self.max_attempts

    def delay(self, attempt: int, *, jitter: float) -> timedelta:
        """
        Return the wait after *attempt* (from 1), between half and all of the step.

        Args:
            jitter: A number in [0, 1).
        """
        step = self.base * (1 << min(max(attempt, 1) - 1, 30))
        return min(self.cap, step) * (0.5 + jitter / 2)
