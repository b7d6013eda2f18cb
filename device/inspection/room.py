"""How much mail the device holds at once, over all its sessions: a bound that a single session's SIZE does not give."""

from dataclasses import dataclass
from pathlib import Path


class Budget:
    """So many bytes; whoever takes gives back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    def take(self, size: int) -> bool:
        """So many bytes more; False, and nothing is taken, where that is too much."""
        if self._taken + size > self._limit:
            return False
        self._taken += size
        return True

    def give_back(self, size: int) -> None:
        """So many fewer."""
        self._taken -= size


@dataclass(frozen=True, slots=True)
class Room:
    """Where messages are held: in memory up to `spill_above` bytes each, what goes beyond it or beyond all memory in `folder`."""

    memory: Budget
    disk: Budget
    spill_above: int
    folder: Path
