"""The job boundary: the one place where whatever goes wrong in background work is caught, so that the next turn comes."""

import traceback
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as the log may say it: the error's name and where it was raised. Its text may quote content."""

    error: str
    place: str


async def guarded(work: Awaitable[T]) -> T | Failure:
    """What the work gives, or why it failed. Never raises, but for being cancelled."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the job boundary
        raised = traceback.extract_tb(error.__traceback__)[-1]
        return Failure(type(error).__name__, f"{raised.name}:{raised.lineno}")
