"""Time and identifiers, handed in: no room below the composition root looks at a clock or rolls dice by itself."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The time now, in UTC, with its zone."""

NewId = Callable[[str], str]
"""A new unguessable identifier with that prefix, such as msg_…; letters, digits, - and _ alone."""


def system_clock() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def random_id(prefix: str) -> str:
    """PREFIX_ and 128 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(16)}"
