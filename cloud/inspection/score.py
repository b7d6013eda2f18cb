"""Evidence to a score from 0 to 10.

    the worst evidence counts: its weight is the score
    where that is 4 or more, two further kinds of evidence of at least 4 add one, but never beyond 9

Ten is left to certainty, so no heap of suspicions reaches it; and below 4 nothing adds up, so that many small oddities of
an honest file never make it malicious. The order of evidence, and saying the same twice, change nothing.
"""

from collections.abc import Iterable
from typing import Final

from cloud.analyzers.evidence import Evidence

_NOTABLE: Final = 4
_REINFORCING: Final = 2
_MOST_BY_ADDING: Final = 9


def score(evidence: Iterable[Evidence]) -> int:
    """The score of a file with this evidence; 0 without any."""
    weights: dict[str, int] = {}
    for each in evidence:
        weights[each.name] = max(each.weight, weights.get(each.name, 0))
    worst = max(weights.values(), default=0)
    further = sum(1 for weight in weights.values() if weight >= _NOTABLE) - 1
    if worst >= _NOTABLE and further >= _REINFORCING:
        return max(worst, min(worst + 1, _MOST_BY_ADDING))
    return worst


def is_unopened(evidence: Iterable[Evidence]) -> bool:
    """Whether something in the file could not be looked into."""
    return any(each.unopened for each in evidence)
