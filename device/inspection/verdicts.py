"""What the device remembers of verdicts: by digest, for a while, as many as a fixed number.

A verdict belongs to one rule set: when the cloud names another, everything older is forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from device.message.reading import Sha256

REMEMBERED: Final = 100_000
"""Digests; about 20 MB when full."""

LIFETIME_SECONDS: Final = 300.0
"""How long a verdict is believed without asking; new rules reach mail that much later at the most."""


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What the cloud said of one file: 0 to 10, and whether it could be opened."""

    score: int
    unopened: bool = False


class VerdictMemory:
    """Verdicts by digest, the least lately used forgotten first. `clock` counts seconds and never goes back."""

    def __init__(
        self, clock: Callable[[], float], *, size: int = REMEMBERED, lifetime: float = LIFETIME_SECONDS
    ) -> None:
        self._clock = clock
        self._size = size
        self._lifetime = lifetime
        self._rule_set = ""
        self._verdicts: OrderedDict[Sha256, tuple[float, FileVerdict]] = OrderedDict()

    def recall(self, digest: Sha256) -> FileVerdict | None:
        """The verdict, if it is still believed."""
        kept = self._verdicts.get(digest)
        if kept is None or kept[0] < self._clock():
            return None
        self._verdicts.move_to_end(digest)
        return kept[1]

    def remember(self, rule_set: str, digest: Sha256, verdict: FileVerdict) -> None:
        """Keep a verdict that was given under that rule set."""
        self.under(rule_set)
        self._verdicts[digest] = (self._clock() + self._lifetime, verdict)
        self._verdicts.move_to_end(digest)
        if len(self._verdicts) > self._size:
            self._verdicts.popitem(last=False)

    def under(self, rule_set: str) -> None:
        """The cloud's rule set is this one; verdicts of another are forgotten."""
        if rule_set != self._rule_set:
            self.forget()
            self._rule_set = rule_set

    def forget(self) -> None:
        """Forget everything: the device belongs to another realm now, and verdicts belong to one."""
        self._verdicts.clear()
