"""The pool of worker processes: a file that kills its worker costs itself alone.

pebble rather than the standard library's pool, where one dead worker fails its neighbours and everything after. Workers are
spawned (a child forked after gRPC started aborts) and don't import the program that started them: they need a tenth of it.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, Final

import structlog
from pebble import ProcessExpired, ProcessPool

from cloud.analyzers.budget import Limits
from cloud.analyzers.kinds import Kind
from cloud.analyzers.vocabulary import CRASHED, TIMEOUT
from cloud.errors import OutOfResources
from cloud.inspection import worker
from cloud.inspection.confinement import WorkerLimits
from cloud.inspection.upload import SealedFile
from cloud.inspection.verdicts import Digest, Findings

log = structlog.get_logger()

Task = Callable[[str, Digest, float, Limits], Findings]
_GRACE: Final = 5.0
"""Seconds for the pool's own bookkeeping."""


class Workers:
    """Examines files in processes of their own. Start it in a thread that lives as long as the service: workers die with it."""

    def __init__(
        self,
        processes: int = 2,
        limits: WorkerLimits | None = None,
        budget: Limits | None = None,
        task: Task = worker.examine,
    ) -> None:
        self._processes = processes
        self._limits = limits or WorkerLimits()
        self._budget = budget or Limits()
        self._task = task
        self._seats = asyncio.Semaphore(processes)
        self._pool: Any = self._new_pool()

    def start(self) -> None:
        """Boot the workers now rather than with the first file."""
        _ = self._pool.active

    async def examine(self, sealed: SealedFile) -> Findings:
        """What is in that file. A worker that dies of it, or takes too long, is a finding. Raises OutOfResources."""
        async with self._seats:
            for _ in range(2):
                pool = self._pool
                try:
                    return await self._examine_in(pool, sealed)
                except (BrokenProcessPool, RuntimeError):
                    await self._replace(pool)
        raise OutOfResources(
            "No worker could be started.", next_step="The operator finds the reason in the service's log."
        )

    async def close(self) -> None:
        """End all workers, at work or not."""
        await asyncio.to_thread(_end, self._pool)

    async def _examine_in(self, pool: Any, sealed: SealedFile) -> Findings:
        arguments = (sealed.place, sealed.sha256, self._limits.seconds, self._budget)
        future = pool.schedule(self._task, args=arguments, timeout=self._limits.seconds)
        try:
            async with asyncio.timeout(self._limits.boot_seconds + self._limits.seconds + _GRACE) as patience:
                findings: Findings = await asyncio.wrap_future(future)
                return findings
        except ProcessExpired as expired:
            log.warning("worker.died", exit_code=expired.exitcode)
            return _unfinished(CRASHED.seen_by("analysis", ()))
        except MemoryError:
            return _unfinished(CRASHED.seen_by("analysis", ()))
        except TimeoutError:
            if patience.expired():
                raise BrokenProcessPool("a worker never took the task") from None
            log.warning("worker.killed", seconds=self._limits.seconds)
            return _unfinished(TIMEOUT.seen_by("analysis", ()))

    async def _replace(self, broken: Any) -> None:
        """Once, however many tasks were in the broken pool."""
        if self._pool is broken:
            log.error("workers.replaced")
            self._pool = self._new_pool()
            await asyncio.to_thread(_end, broken)

    def _new_pool(self) -> Any:
        return ProcessPool(
            max_workers=self._processes,
            max_tasks=self._limits.files_before_renewal,
            initializer=worker.boot,
            initargs=(self._limits,),
            context=_HeadlessContext(),
        )


def _unfinished(evidence: Any) -> Findings:
    return Findings(Kind(), (evidence,), passing=True)


def _end(pool: Any) -> None:
    pool.stop()
    pool.join()


class _HeadlessProcess(SpawnProcess):
    """A spawned process that doesn't import the parent's main module again: the whole service, for nothing."""

    def start(self) -> None:
        with _no_main_module():
            super().start()


class _HeadlessContext(SpawnContext):
    Process = _HeadlessProcess


@contextmanager
def _no_main_module() -> Iterator[None]:
    """From this one place multiprocessing takes what the child must import."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
