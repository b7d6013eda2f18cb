"""What happens every so often, as long as the process lives: retention, digests, the removal of old jobs.

Not durable, and it need not be: each duty finds its work by looking, so a missed turn is made good by the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from cloud.jobs.boundary import Failure, guarded

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do at start and then again and again; `name` is for the log."""

    name: str
    every: timedelta
    do: Callable[[], Awaitable[object]]


class Schedule:
    """Runs duties until it is told to stop."""

    def __init__(self, duties: Sequence[Duty]) -> None:
        self._duties = tuple(duties)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve all duties; returns after stop(). A duty that fails is logged and has its next turn."""
        async with asyncio.TaskGroup() as group:
            for duty in self._duties:
                group.create_task(self._serve(duty), name=f"duty {duty.name}")

    def stop(self) -> None:
        """Let each duty finish its turn, and start no other."""
        self._stopping.set()

    async def _serve(self, duty: Duty) -> None:
        while not self._stopping.is_set():
            await _take_turn(duty)
            await self._pause(duty.every)

    async def _pause(self, length: timedelta) -> None:
        try:
            async with asyncio.timeout(length.total_seconds()):
                await self._stopping.wait()
        except TimeoutError:
            return


async def _take_turn(duty: Duty) -> None:
    done = await guarded(duty.do())
    if isinstance(done, Failure):
        _log.error("duty.failed", duty=duty.name, error=done.error, at=done.place)
