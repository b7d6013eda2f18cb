"""Durable jobs: done once asked, tried again when they say so, taken up after a restart."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.jobs.backoff import Backoff
from cloud.jobs.engine import Again, Jobs, Work

SOON = timedelta(milliseconds=20)
DEADLINE = 20.0


@asynccontextmanager
async def running(path: Path, work: Mapping[str, Work]) -> AsyncIterator[Jobs]:
    jobs = Jobs(backoff=Backoff(SOON, SOON, attempts=3), polling=SOON)
    await jobs.start(path, work)
    try:
        yield jobs
    finally:
        await jobs.stop()


class Log:
    """A kind of work that notes its attempts and answers as told; `reached` waits for a number of them."""

    def __init__(self, *answers: Again | Exception | None) -> None:
        self.attempts: list[tuple[str, int]] = []
        self._answers = list(answers)
        self._changed = asyncio.Condition()

    async def __call__(self, thing: str, number: int) -> Again | None:
        async with self._changed:
            self.attempts.append((thing, number))
            self._changed.notify_all()
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def reached(self, count: int) -> list[tuple[str, int]]:
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self.attempts) >= count)
        return self.attempts


async def test_a_job_asked_for_twice_is_done_once_and_one_that_fails_or_says_so_is_tried_again(tmp_path: Path) -> None:
    """One engine for both promises: each start and stop of one costs seconds."""
    once, stubborn = Log(), Log(Again(SOON), ValueError("x"), None)
    async with running(tmp_path / "jobs.db", {"once": once, "stubborn": stubborn}) as jobs:
        await jobs.enqueue("once", "thing_1")
        await jobs.enqueue("once", "thing_1")
        await jobs.enqueue("stubborn", "thing_1")
        assert await stubborn.reached(3) == [("thing_1", 1), ("thing_1", 2), ("thing_1", 3)]
    assert once.attempts == [("thing_1", 1)]


async def test_a_job_that_waits_is_taken_up_by_the_next_process(tmp_path: Path) -> None:
    first, second = Log(Again(timedelta(milliseconds=300))), Log()
    async with running(tmp_path / "jobs.db", {"mail": first}) as jobs:
        await jobs.enqueue("mail", "thing_1")
        await first.reached(1)
    async with running(tmp_path / "jobs.db", {"mail": second}):
        assert await second.reached(1) == [("thing_1", 2)]


async def test_ensure_revives_only_what_is_neither_waiting_nor_running(tmp_path: Path) -> None:
    """A job that was given up is tried anew, under the next number; one that waits is left alone."""
    dead, waiting = Log(ValueError(), ValueError(), ValueError(), None), Log(Again(timedelta(hours=1)))
    async with running(tmp_path / "jobs.db", {"dead": dead, "waiting": waiting}) as jobs:
        await jobs.enqueue("waiting", "thing_1")
        await jobs.enqueue("dead", "thing_2")
        await waiting.reached(1)
        await dead.reached(3)
        while len(dead.attempts) < 4:
            await jobs.ensure("dead", "thing_2")
            await jobs.ensure("waiting", "thing_1")
        assert dead.attempts[-1] == ("thing_2", 4)
    assert waiting.attempts == [("thing_1", 1)]


async def test_finished_jobs_can_be_forgotten_and_unfinished_ones_stay(tmp_path: Path) -> None:
    done, waiting = Log(), Log(Again(timedelta(hours=1)))
    async with running(tmp_path / "jobs.db", {"done": done, "waiting": waiting}) as jobs:
        await jobs.enqueue("done", "thing_1")
        await jobs.enqueue("waiting", "thing_2")
        await done.reached(1)
        await waiting.reached(1)
        removed = 0
        async with asyncio.timeout(DEADLINE):
            while removed < 2:  # both first attempts have ended; the second attempt at thing_2 waits
                removed += await jobs.remove_finished(datetime.now(UTC) + timedelta(minutes=1))
        await jobs.enqueue("done", "thing_1")
        await done.reached(2)
        await jobs.ensure("waiting", "thing_2")
    assert len(waiting.attempts) == 1


def test_the_wait_doubles_up_to_its_bound() -> None:
    backoff = Backoff(timedelta(minutes=1), timedelta(hours=4))
    waits = [backoff.after(number) / timedelta(minutes=1) for number in (1, 2, 3, 8, 9, 5000)]
    assert waits == [1, 2, 4, 128, 240, 240]
