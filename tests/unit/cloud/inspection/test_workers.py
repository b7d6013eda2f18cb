"""What a pool of real processes promises about files that break the one that reads them."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from cloud.inspection.confinement import WorkerLimits
from cloud.inspection.score import is_unopened, score
from cloud.inspection.upload import SealedFile, Upload
from cloud.inspection.verdicts import Digest, Findings
from cloud.inspection.workers import Workers
from tests.unit.cloud.inspection import faults


@contextmanager
def sealed(content: bytes) -> Iterator[SealedFile]:
    with Upload(Digest(hashlib.sha256(content).digest()), len(content)) as upload:
        upload.write(content)
        yield upload.seal()


@asynccontextmanager
async def pool(processes: int = 1, limits: WorkerLimits | None = None) -> AsyncIterator[Workers]:
    workers = Workers(processes, limits, task=faults.examine)
    try:
        yield workers
    finally:
        await workers.close()


async def look(workers: Workers, content: bytes) -> Findings:
    with sealed(content) as file:
        return await workers.examine(file)


async def said(workers: Workers, content: bytes) -> str:
    return (await look(workers, content)).evidence[0].detail


async def test_a_worker_examines_and_lives_under_its_limits() -> None:
    """Memory is refused beyond the limit, writing is refused, and the program that started it was not imported."""
    async with pool() as workers:
        assert score((await look(workers, b"SRXLAB-SCORE: 7\n")).evidence) == 7
        assert await said(workers, b"MEMORY please") == "refused"
        assert await said(workers, b"WRITE please") == "refused"
        process = psutil.Process(int(await said(workers, b"PID please")))
        assert process.memory_info().rss < 160 * 1024 * 1024
        assert process.nice() > 0


async def test_a_file_that_crashes_its_worker_costs_itself_alone() -> None:
    """The crash is a finding, the file counts as not opened, and the files beside and after it get their verdicts."""
    async with pool(processes=2) as workers:
        others = [look(workers, b"SRXLAB-SCORE: 3\n%d" % number) for number in range(6)]
        crashed, *rest = await asyncio.gather(look(workers, b"CRASH now"), *others)
        assert [evidence.name for evidence in crashed.evidence] == ["analysis.crashed"]
        assert is_unopened(crashed.evidence)
        assert crashed.passing
        assert [score(each.evidence) for each in rest] == [3] * 6


async def test_a_file_that_never_ends_is_cut_off() -> None:
    """The worker is killed at its time limit, and the next file has another."""
    async with pool(limits=WorkerLimits(seconds=1.0)) as workers:
        findings = await look(workers, b"HANG on")
        assert [evidence.name for evidence in findings.evidence] == ["analysis.timeout"]
        assert score((await look(workers, b"SRXLAB-SCORE: 2\n")).evidence) == 2


async def test_a_worker_killed_from_outside_while_idle_is_replaced() -> None:
    """An idle worker's death (the kernel short of memory) must not close the pool."""
    async with pool() as workers:
        pid = int(await said(workers, b"PID please"))
        os.kill(pid, signal.SIGKILL)
        assert score((await look(workers, b"SRXLAB-SCORE: 4\n")).evidence) == 4


async def test_a_worker_killed_at_work_costs_its_own_file_alone(tmp_path: Path) -> None:
    """Killing is the same as crashing; the file that waited behind it is examined."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with pool() as workers:
        pid = int(await said(workers, b"PID please"))
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(look(workers, b"TELL %b" % bytes(pipe)))
            waiting = group.create_task(look(workers, b"SRXLAB-SCORE: 5\n"))
            assert await asyncio.to_thread(pipe.read_bytes) == b"at work"
            os.kill(pid, signal.SIGKILL)
        assert [evidence.name for evidence in hanging.result().evidence] == ["analysis.crashed"]
        assert score(waiting.result().evidence) == 5


async def test_workers_are_renewed_after_some_files() -> None:
    """What a library leaks goes with its process."""
    async with pool(limits=WorkerLimits(files_before_renewal=2)) as workers:
        pids = [await said(workers, b"PID please") for _ in range(4)]
        assert len(set(pids)) >= 2


async def test_a_worker_reads_only_the_file_that_was_meant() -> None:
    """A place that holds something else by now is an error, not a verdict."""
    async with pool() as workers:
        with sealed(b"one") as file, pytest.raises(Exception, match=r".*") as caught:
            await workers.examine(SealedFile(Digest(bytes(32)), file.size, file.place))
        assert type(caught.value).__name__ == "NotTheFile"
