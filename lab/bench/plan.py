"""How much is measured: rounds, and the share of a full run's mails and sessions that each round has."""

from dataclasses import dataclass
from typing import Final

FULL_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """`rounds` for everything whose ways take turns; `share` of the numbers of a full run."""

    rounds: int = FULL_ROUNDS
    share: float = 1.0

    def some(self, count: int, *, least: int = 1) -> int:
        """That share of a count, `least` at the least."""
        return max(least, round(count * self.share))
