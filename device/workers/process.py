"""One worker as its parent sees it: a process, the line to it, and what it has counted."""

import asyncio
import base64
import os
import pickle
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

from device.errors import DeviceError, WorkerFailed
from device.settings import Settings
from device.telemetry.counters import Count
from device.workers.link import Link, as_error

_START_SECONDS: Final = 120.0
"""Python itself takes one or two; a busy machine many times that."""
_ANSWER_SECONDS: Final = 2.0


class WorkerProcess:
    """From start() to the end of follow(), which its owner runs as a task."""

    def __init__(self, process: asyncio.subprocess.Process, link: Link) -> None:
        self.counters: dict[str, int] = {}
        self.policy_revision = 0
        self.ended = asyncio.Event()
        self.failure: DeviceError | None = None
        self._process = process
        self._link = link
        self._began = asyncio.Event()
        self._counted = asyncio.Event()
        self._counting = asyncio.Lock()

    @classmethod
    async def start(cls, number: int, settings: Settings, sockets: Sequence[socket.socket]) -> Self:
        """A new interpreter, not a fork: gRPC does not survive one. The sockets stay with the parent, too."""
        ours, theirs = socket.socketpair()
        handed = [theirs.fileno(), *(each.fileno() for each in sockets)]
        command = (sys.executable, "-P", "-m", "device.workers.worker", str(number), *map(str, handed))
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, pass_fds=handed
            )
        link = await Link.over(ours)
        link.say(settings=base64.b64encode(pickle.dumps(settings)).decode())
        return cls(process, link)

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, a signal as a negative number; None: it has not."""
        return self._process.returncode

    @property
    def sessions(self) -> int:
        """How many it served when it last counted."""
        return self.counters.get(Count.SESSION_ACTIVE.value, 0)

    async def follow(self) -> None:
        """Listen to it until it ends."""
        try:
            while (told := await self._link.hear()) is not None:
                if "counters" in told:
                    self.counters, self.policy_revision = told["counters"], told["policy_revision"]
                    self._counted.set()
                elif "failed" in told:
                    self.failure = as_error(told["failed"])
                else:
                    self._began.set()
            await self._process.wait()
        finally:
            await self._link.close()
            self._is_over()

    async def ready(self) -> None:
        """Returns once clients may come. Raises DeviceError: what the worker said of its failure, or that it said nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                await self._began.wait()
        if self.ended.is_set() or not self._began.is_set():
            self.kill()
            raise self.failure or WorkerFailed(
                "a worker process ended before it was ready"
                if self.ended.is_set()
                else "a worker process does not start",
                next_step="Its log, on standard error, says why.",
            )

    async def count(self) -> dict[str, int]:
        """What it has counted until now; what it said last, where it does not answer."""
        async with self._counting:
            if self._began.is_set() and not self.ended.is_set():
                self._counted.clear()
                self.tell("count")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._counted.wait(), _ANSWER_SECONDS)
        return self.counters

    def tell(self, order: str) -> None:
        """What to do; device.workers.link lists it."""
        self._link.say(do=order)

    def kill(self) -> None:
        """End it now."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, 9)

    def _is_over(self) -> None:
        """Nobody waits for it any more."""
        self.ended.set()
        self._began.set()
        self._counted.set()
