"""What the device remembers of verdicts: by digest, for a while, as many as a fixed number.

A verdict belongs to one rule set: when the cloud names another, everything older is forgotten.

That there is no verdict is remembered, too, and shorter: content that the cloud could not score just now (it was too slow, too
full, or the file too large) is not sent to it again with each of a hundred equal messages. A cloud that is away is no such thing:
it is asked again at once when it is back.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from device.inspection.policy import Condition
from device.message.reading import Sha256

REMEMBERED: Final = 100_000
"""Digests; about 20 MB when full."""

LIFETIME_SECONDS: Final = 300.0
"""How long a verdict is believed without asking; new rules reach mail that much later at the most."""

FAILURE_SECONDS: Final = 30.0
"""How long a verdict that could not be had is not asked for again: well under the minutes after which mailers try anew."""

OF_CONTENT: Final = frozenset(Condition) - {Condition.SERVICE_NOT_READY}
"""Conditions that say something of the content, and are remembered."""


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What the cloud said of one file: 0 to 10, and whether it could be opened."""

    score: int
    unopened: bool = False


class VerdictMemory:
    """Verdicts and failures by digest, the least lately used forgotten first.

    `clock` counts seconds and never goes back; lifetimes are in seconds; with 0, no failure is remembered.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        size: int = REMEMBERED,
        lifetime: float = LIFETIME_SECONDS,
        failure_lifetime: float = FAILURE_SECONDS,
    ) -> None:
        self._clock = clock
        self._size = size
        self._lifetime = lifetime
        self._failure_lifetime = failure_lifetime
        self._rule_set = ""
        self._verdicts: OrderedDict[Sha256, tuple[float, FileVerdict | Condition]] = OrderedDict()

    def recall(self, digest: Sha256) -> FileVerdict | Condition | None:
        """The verdict, or why there is none, as long as that is believed."""
        kept = self._verdicts.get(digest)
        if kept is None or kept[0] <= self._clock():
            return None
        self._verdicts.move_to_end(digest)
        return kept[1]

    def remember(self, rule_set: str, digest: Sha256, verdict: FileVerdict) -> None:
        """Keep a verdict that was given under that rule set."""
        self.under(rule_set)
        self._keep(digest, verdict, self._lifetime)

    def remember_failure(self, digest: Sha256, condition: Condition) -> None:
        """Keep that there is no verdict, where that is the content's fault (OF_CONTENT), and none is known after all."""
        if condition in OF_CONTENT and not isinstance(self.recall(digest), FileVerdict):
            self._keep(digest, condition, self._failure_lifetime)

    def under(self, rule_set: str) -> None:
        """The cloud's rule set is this one; verdicts of another are forgotten."""
        if rule_set != self._rule_set:
            self.forget()
            self._rule_set = rule_set

    def forget(self) -> None:
        """Forget everything: the device belongs to another realm now, and verdicts belong to one."""
        self._verdicts.clear()

    def _keep(self, digest: Sha256, answer: FileVerdict | Condition, seconds: float) -> None:
        self._verdicts[digest] = (self._clock() + seconds, answer)
        self._verdicts.move_to_end(digest)
        if len(self._verdicts) > self._size:
            self._verdicts.popitem(last=False)
