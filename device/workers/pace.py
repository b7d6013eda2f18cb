"""How soon a worker that has died is started again."""

from typing import Final

CALM_SECONDS: Final = 60.0
"""A worker that served this long did not die of its start: the next one comes at once again."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


def pause(deaths: int) -> float:
    """Seconds to wait after so many early deaths in a row: the first worker has its successor at once, later ones wait."""
    if deaths <= 1:
        return 0.0
    return min(_FIRST_PAUSE * 2.0 ** min(deaths - 2, 16), _LONGEST_PAUSE)
