"""Time, handed in: no room below the composition root looks at a clock by itself."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The time now, in UTC, with its zone."""


def system_clock() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)
