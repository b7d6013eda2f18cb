"""A file's way to its verdict, with an examiner that the test can hold back."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from cloud.analyzers.evidence import Evidence
from cloud.analyzers.kinds import kind_of
from cloud.errors import OutOfResources, ShuttingDown, TooSlow
from cloud.inspection.pipeline import Asker, Pipeline, PipelineLimits
from cloud.inspection.upload import SealedFile
from cloud.inspection.verdicts import Digest, Findings, RuleSet, Verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NORTH, SOUTH = Asker("north"), Asker("south")
CLEAN = Findings(kind_of("text/plain"), ())


class HeldExaminer:
    """Counts examinations; ends them when it is let."""

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        self.count = 0
        self.outcome: Findings | Exception = CLEAN

    async def examine(self, sealed: SealedFile) -> Findings:  # noqa: ARG002 - the seam names it
        self.count += 1
        self.begun.release()
        await self.go_on.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Notebook:
    """Verdicts in memory, by realm."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, Digest, RuleSet], tuple[Verdict, datetime | None]] = {}

    async def known(
        self,
        realm_id: str,
        digests: Sequence[Digest],
        rule_set: RuleSet,
        at: datetime,  # noqa: ARG002 - the seam names it
        *,
        sharing: bool = False,  # noqa: ARG002 - same
    ) -> list[Verdict]:
        keys = [(realm_id, digest, rule_set) for digest in digests]
        return [self.kept[key][0] for key in keys if key in self.kept]

    async def keep(
        self,
        realm_id: str,
        verdict: Verdict,
        at: datetime,  # noqa: ARG002 - the seam names it
        *,
        shared: bool = False,  # noqa: ARG002 - same
        expires_at: datetime | None = None,
    ) -> None:
        self.kept[realm_id, verdict.sha256, verdict.rule_set] = (verdict, expires_at)


class Rig:
    """A pipeline between the two."""

    def __init__(self, limits: PipelineLimits | None = None, rules: str = "rules-1") -> None:
        self.examiner = HeldExaminer()
        self.notebook = Notebook()
        self.pipeline = self.another(limits, rules)

    def another(self, limits: PipelineLimits | None = None, rules: str = "rules-1") -> Pipeline:
        return Pipeline(self.examiner, self.notebook, RuleSet(rules), lambda: NOW, limits)

    async def ask(self, asker: Asker = NORTH, content: bytes = b"a", held: ExitStack | None = None) -> Verdict:
        sealed = SealedFile(Digest(hashlib.sha256(content).digest()), len(content), "nowhere")
        return await self.pipeline.judge(asker, sealed, held or ExitStack())


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    async with made.pipeline.running():
        yield made


async def test_many_who_ask_for_one_file_cost_one_examination(rig: Rig) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(rig.ask()) for _ in range(20)]
        await rig.examiner.begun.acquire()
        rig.examiner.go_on.set()
    assert rig.examiner.count == 1
    assert {task.result().score for task in asked} == {0}


async def test_a_known_file_is_answered_without_an_examination(rig: Rig) -> None:
    rig.examiner.go_on.set()
    first = await rig.ask()
    assert await rig.ask() == first
    assert rig.examiner.count == 1


async def test_another_realm_has_an_examination_of_its_own(rig: Rig) -> None:
    """A quick answer would tell that somebody else has the file."""
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.ask(NORTH))
        group.create_task(rig.ask(SOUTH))
        await rig.examiner.begun.acquire()
        await rig.examiner.begun.acquire()
        rig.examiner.go_on.set()
    assert rig.examiner.count == 2


async def test_realms_that_share_share_the_examination(rig: Rig) -> None:
    async with asyncio.TaskGroup() as group:
        for realm in ("north", "south"):
            group.create_task(rig.ask(Asker(realm, sharing=True)))
        await rig.examiner.begun.acquire()
        rig.examiner.go_on.set()
    assert rig.examiner.count == 1


async def test_under_another_rule_set_a_file_is_examined_again(rig: Rig) -> None:
    rig.examiner.go_on.set()
    await rig.ask()
    newer = rig.another(rules="rules-2")
    digest = Digest(hashlib.sha256(b"a").digest())
    assert await rig.pipeline.known(NORTH, [digest])
    assert await newer.known(NORTH, [digest]) == []


async def test_who_leaves_does_not_end_the_examination(rig: Rig) -> None:
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(rig.ask())
        await rig.examiner.begun.acquire()
        staying = group.create_task(rig.ask())
        leaving.cancel()
        rig.examiner.go_on.set()
    assert staying.result().score == 0
    assert rig.examiner.count == 1


async def test_at_the_deadline_the_asker_is_told_and_the_work_goes_on() -> None:
    rig = Rig(PipelineLimits(verdict_seconds=0.05))
    async with rig.pipeline.running():
        with pytest.raises(TooSlow):
            await rig.ask()
        rig.examiner.go_on.set()
        assert (await rig.ask()).score == 0
    assert rig.examiner.count == 1


async def test_a_full_queue_says_so() -> None:
    rig = Rig(PipelineLimits(files=1))
    async with rig.pipeline.running(), asyncio.TaskGroup() as group:
        group.create_task(rig.ask(content=b"a"))
        await rig.examiner.begun.acquire()
        with pytest.raises(OutOfResources):
            await rig.ask(content=b"b")
        rig.examiner.go_on.set()


async def test_bytes_are_held_until_nobody_needs_them() -> None:
    """By the examination where one has started, by the call where none has."""
    rig = Rig(PipelineLimits(bytes_held=10))
    async with rig.pipeline.running(), asyncio.TaskGroup() as group:
        with ExitStack() as held:
            held.enter_context(rig.pipeline.holding(8))
            asked = group.create_task(rig.ask(held=held))
            await rig.examiner.begun.acquire()
        with pytest.raises(OutOfResources), rig.pipeline.holding(3):
            pass
        rig.examiner.go_on.set()
        await asked
        with rig.pipeline.holding(10):
            pass


async def test_a_failed_examination_fails_its_askers_alone(rig: Rig) -> None:
    rig.examiner.outcome = LookupError("a surprise")
    rig.examiner.go_on.set()
    with pytest.raises(LookupError):
        await rig.ask()
    rig.examiner.outcome = CLEAN
    assert (await rig.ask()).score == 0


async def test_what_may_come_out_otherwise_is_kept_for_a_while_only(rig: Rig) -> None:
    crashed = Evidence("analysis", "analysis.crashed", 5, "", unopened=True)
    rig.examiner.outcome = Findings(kind_of(""), (crashed,), passing=True)
    rig.examiner.go_on.set()
    verdict = await rig.ask()
    assert verdict.unopened
    ((_, expires_at),) = rig.notebook.kept.values()
    assert expires_at is not None
    assert NOW < expires_at <= NOW + timedelta(hours=1)


async def test_at_the_end_whoever_waits_is_told() -> None:
    rig = Rig()
    async with asyncio.TaskGroup() as group:
        async with rig.pipeline.running():
            asked = group.create_task(expect_shutdown(rig))
            await rig.examiner.begun.acquire()
        await asked
    with pytest.raises(ShuttingDown):
        await rig.ask()


async def expect_shutdown(rig: Rig) -> None:
    with pytest.raises(ShuttingDown):
        await rig.ask()
