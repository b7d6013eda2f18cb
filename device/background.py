"""Work that outlives the message it came from: settling, uploads that several messages wait for, flags afterwards."""

import asyncio
from collections.abc import Coroutine


class Background:
    """Runs coroutines in the appliance's task group: none is lost track of, and all end with the device."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run it until it ends or the device stops."""
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self, seconds: float) -> None:
        """Give what runs that long to end, then cancel the rest."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()
