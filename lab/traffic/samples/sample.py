"""One harmless file, and what a scorer should think of it."""

from dataclasses import dataclass
from enum import StrEnum


class Expected(StrEnum):
    """The verdict classes; the numbers are the vendor's levels."""

    CLEAN = "clean"  # 0 to 3
    SUSPICIOUS = "suspicious"  # 4 to 6
    MALICIOUS = "malicious"  # 7 to 10: at or above the default threshold

    def holds(self, score: int) -> bool:
        """Whether that score is of this class."""
        low, high = {"clean": (0, 3), "suspicious": (4, 6), "malicious": (7, 10)}[self.value]
        return low <= score <= high


@dataclass(frozen=True, slots=True)
class Sample:
    """`key` names it in commands and tests; `name` is what the mail calls it. `unopened`: the scorer can't look inside."""

    key: str
    name: str
    content_type: str
    content: bytes
    expected: Expected
    unopened: bool = False
