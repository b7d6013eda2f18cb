"""How long to wait before the next attempt.

Source: RFC 5321, section 4.5.4.1: retries at growing intervals, for four to five days.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first` to `longest`; `attempts` is how often a job is tried before it waits for the next start."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=4)
    attempts: int = 60

    def after(self, number: int) -> timedelta:
        """The wait after attempt `number`, which counts from 1."""
        doublings = min(max(number - 1, 0), _MOST_DOUBLINGS)
        return min(self.first * (1 << doublings), self.longest)


_MOST_DOUBLINGS: Final = 20
"""Enough to pass any sensible `longest`, and no overflow however often a job is tried."""

MAIL: Final = Backoff()
"""Mail on its way: 1, 2, 4 … minutes, then every four hours; sixty attempts are nine days, longer than any mail is tried."""
