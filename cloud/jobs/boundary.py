"""The job boundary: the one place where whatever goes wrong in background work is caught, so that the next turn comes."""

import traceback
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as the log may say it: the error's name and where it was raised. Its text may quote content."""

    error: str
    place: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """What is to be told of that error."""
        raised = traceback.extract_tb(error.__traceback__)
        return cls(type(error).__name__, f"{raised[-1].name}:{raised[-1].lineno}" if raised else "")


async def guarded(work: Awaitable[T]) -> T | Failure:
    """What the work gives, or why it failed. Never raises, but for being cancelled."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the job boundary
        return Failure.of(error)
