"""One place among the workers: its share of the limits, its sockets, and whoever serves there."""

import asyncio
import socket
import time
from contextlib import suppress
from typing import Any

import structlog

from device.errors import DeviceError, WorkerFailed
from device.interception.listener import Entrance
from device.settings import Settings
from device.telemetry.counters import GAUGES, summed
from device.workers.pace import CALM_SECONDS, pause
from device.workers.process import WorkerProcess

log = structlog.get_logger()


class Slot:
    """Filled by fill(); keep_filled() runs as a task from then on.

    The parent holds the sockets, so clients that wait to be accepted outlive a worker: its successor takes them. Where the
    successor has to wait, they are closed, and the kernel leads clients to the other workers.
    """

    def __init__(self, number: int, settings: Settings, entrance: Entrance, tasks: asyncio.TaskGroup) -> None:
        self._number = number
        self._settings = settings
        self._entrance = entrance
        self._tasks = tasks
        self._sockets: list[socket.socket] = []
        self._serving: WorkerProcess | None = None
        self._living: set[WorkerProcess] = set()
        self._past: dict[str, int] = {}
        self._filling = asyncio.Lock()
        self._vacant = asyncio.Event()
        self._deaths = 0
        self._over = False

    async def bind(self) -> None:
        """Have the sockets. Raises DeviceError."""
        if not self._sockets:
            self._sockets = await self._entrance.bind(shared=True)

    async def fill(self) -> None:
        """A new worker serves here; one that did before lets its sessions end. Raises DeviceError; then nothing has changed."""
        async with self._filling:
            await self.bind()
            fresh = await self._started()
            before, self._serving = self._serving, fresh
            self._vacant.clear()
        if before is not None:
            before.tell("retire")

    async def keep_filled(self) -> None:
        """Start another worker whenever one has died, for as long as the device runs."""
        if self._serving is None:
            self._vacant.set()
        while True:
            await self._vacant.wait()
            await self._start_again()

    def tell(self, order: str) -> None:
        """Everyone who lives here hears it."""
        for each in self._living:
            each.tell(order)

    def told(self) -> list[dict[str, Any]]:
        """For `srx show status`."""
        return [
            {
                "number": self._number,
                "pid": each.pid,
                "sessions": each.sessions,
                "policy_revision": each.policy_revision,
                "serving": each is self._serving,
            }
            for each in sorted(self._living, key=lambda worker: worker.pid)
        ]

    async def count(self) -> dict[str, int]:
        """What all who ever served here have counted."""
        return summed([*await asyncio.gather(*(each.count() for each in self._living)), self._past])

    async def stop(self, seconds: float) -> None:
        """No more clients, everyone finishes what is under way; who has not ended by then is killed."""
        self._over = True
        self.tell("stop")
        self._close_sockets()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for each in list(self._living):
                    await each.ended.wait()
        self.end()

    def end(self) -> None:
        """Nobody lives here any more."""
        self._over = True
        for each in self._living:
            each.kill()
        self._close_sockets()

    async def _start_again(self) -> None:
        """At once, or after a pause that grows; without an end, since what kills a worker may pass."""
        seconds = pause(self._deaths)
        if seconds:
            log.warning("worker.pauses", number=self._number, seconds=seconds)
            self._close_sockets()
            await asyncio.sleep(seconds)
        if self._serving is not None:  # a reload was quicker
            return
        try:
            await self.fill()
        except DeviceError as error:
            self._deaths += 1
            log.error("worker.not-started", number=self._number, reason=error.reason, meaning=error.sentence)  # noqa: TRY400 - no traceback in the log

    async def _started(self) -> WorkerProcess:
        if self._over:
            raise WorkerFailed("the device stops")
        try:
            worker = await WorkerProcess.start(self._number, self._settings, self._sockets)
        except OSError as error:
            raise WorkerFailed(f"a worker can't be started: {error.strerror}") from error
        self._living.add(worker)
        self._tasks.create_task(self._follow(worker))
        await worker.ready()
        log.info("worker.started", number=self._number, pid=worker.pid)
        return worker

    async def _follow(self, worker: WorkerProcess) -> None:
        """To its end. What it has counted stays counted; its sessions have ended with it."""
        began = time.monotonic()
        await worker.follow()
        self._living.discard(worker)
        self._past = summed([self._past, {name: n for name, n in worker.counters.items() if name not in GAUGES}])
        if worker is self._serving and not self._over:
            self._serving = None
            self._deaths = 1 if time.monotonic() - began > CALM_SECONDS else self._deaths + 1
            log.error("worker.died", number=self._number, pid=worker.pid, exit_code=worker.exit_code)
            self._vacant.set()

    def _close_sockets(self) -> None:
        while self._sockets:
            self._sockets.pop().close()
