"""How much one file may cost: what its author can multiply is counted, across all nesting, and ends in a finding.

Each limit answers a known bomb. Members: a million empty files. Bytes: 42.zip. Depth: a quine that holds itself. Ratio: a
flat bomb of overlapping entries. Seconds: whatever is slow and not yet known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIB: Final = 1024 * 1024


class Bound(StrEnum):
    """Which limit was reached."""

    MEMBERS = "members"
    BYTES = "bytes"
    DEPTH = "depth"
    RATIO = "ratio"
    SECONDS = "seconds"


class BudgetExhausted(Exception):
    """The file wants more than it may have; what was seen until now still counts."""

    def __init__(self, bound: Bound) -> None:
        super().__init__(bound.value)
        self.bound = bound


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes are those that come out of unpacking, all levels together; the ratio is only judged past `ratio_from` bytes."""

    members: int = 2_000
    unpacked: int = 192 * MIB
    depth: int = 6
    ratio: int = 150
    ratio_from: int = 24 * MIB
    seconds: float = 20.0


class Budget:
    """What is left of the limits for one submitted file."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self.limits = limits
        self._now = now
        self._ends_at = now() + limits.seconds
        self._members = 0
        self._unpacked = 0

    def member(self) -> None:
        """One more member of an archive, attachment of a mail, object of a document."""
        self.check_time()
        self._members += 1
        if self._members > self.limits.members:
            raise BudgetExhausted(Bound.MEMBERS)

    def unpacked(self, size: int) -> None:
        """That many more bytes came out; ask in steps, while they come."""
        self.check_time()
        self._unpacked += size
        if self._unpacked > self.limits.unpacked:
            raise BudgetExhausted(Bound.BYTES)

    @property
    def room(self) -> int:
        """Bytes that may still come out."""
        return max(0, self.limits.unpacked - self._unpacked)

    def check_ratio(self, packed: int, unpacked: int) -> None:
        """What came out against what it came from."""
        if unpacked > self.limits.ratio_from and unpacked > self.limits.ratio * max(packed, 1):
            raise BudgetExhausted(Bound.RATIO)

    def check_depth(self, depth: int) -> None:
        """How many files this one is nested in."""
        if depth > self.limits.depth:
            raise BudgetExhausted(Bound.DEPTH)

    def check_time(self) -> None:
        """Long loops ask now and then."""
        if self._now() > self._ends_at:
            raise BudgetExhausted(Bound.SECONDS)
