"""Duties come round until they are told to stop, whatever one of them does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from cloud.jobs.schedule import Duty, Schedule

SOON = timedelta(milliseconds=1)


class Turns:
    """Counts turns; `failing` ones raise."""

    def __init__(self, *, failing: bool = False) -> None:
        self.taken = 0
        self._failing = failing
        self._changed = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._changed:
            self.taken += 1
            self._changed.notify_all()
        if self._failing:
            raise ValueError

    async def reached(self, count: int) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: self.taken >= count)


async def during(schedule: Schedule, wait: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(schedule.run())
        await wait()
        schedule.stop()


async def test_a_duty_has_its_first_turn_at_once_and_then_again_and_again() -> None:
    turns = Turns()
    await during(Schedule([Duty("x", SOON, turns)]), lambda: turns.reached(3))


async def test_a_duty_that_fails_has_its_next_turn_and_harms_no_other() -> None:
    bad, good = Turns(failing=True), Turns()

    async def both() -> None:
        await bad.reached(2)
        await good.reached(2)

    await during(Schedule([Duty("bad", SOON, bad), Duty("good", SOON, good)]), both)


async def test_stop_ends_even_a_long_pause_at_once() -> None:
    turns = Turns()
    await during(Schedule([Duty("x", timedelta(days=1), turns)]), lambda: turns.reached(1))
    assert turns.taken == 1
