"""Asking for verdicts: digests first, one upload a digest, and every fault has its fallback condition."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from typing import Any

import grpc
import pytest

from atp.v1 import inspection_pb2 as wire
from atp.v1.inspection_pb2_grpc import InspectionServiceServicer, add_InspectionServiceServicer_to_server
from device.background import Background
from device.cloudlink.submission import File, Submission
from device.inspection.decision import Scores
from device.inspection.policy import Condition, DevicePolicy
from device.inspection.verdicts import VerdictMemory
from device.message.reading import Sha256
from device.telemetry.counters import Count, Counters
from tests.unit.device.cloudlink.rig import serving

MIB = 1024 * 1024


class Cloud(InspectionServiceServicer):
    """Scores every file as its first byte says; knows the digests in `known`; faults where it is told to."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}
        self.uploads: list[bytes] = []
        self.look_ups = 0
        self.fault: grpc.StatusCode | None = None
        self.fault_from = 1
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.arrived = asyncio.Event()
        self.looked_up = asyncio.Event()
        self.may_say = asyncio.Event()
        self.may_say.set()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def LookupVerdicts(  # noqa: N802
        self, request: wire.LookupVerdictsRequest, context: Any
    ) -> wire.LookupVerdictsResponse:
        self.look_ups += 1
        verdicts = [_verdict(digest, self.known[digest]) for digest in request.sha256 if digest in self.known]
        self.looked_up.set()
        await self.may_say.wait()
        if self.fault is not None and self.look_ups >= self.fault_from:
            await context.abort(self.fault, "as told")
        return wire.LookupVerdictsResponse(verdicts=verdicts, rule_set="rules-1")

    async def SubmitFile(  # noqa: N802
        self, requests: AsyncIterator[wire.SubmitFileRequest], _context: Any
    ) -> wire.SubmitFileResponse:
        await self.may_read.wait()
        content = b"".join([request.chunk async for request in requests])
        self.uploads.append(content)
        self.arrived.set()
        await self.may_answer.wait()
        return wire.SubmitFileResponse(verdict=_verdict(sha256(content).digest(), content[0] % 11))


def _verdict(digest: bytes, score: int) -> wire.Verdict:
    return wire.Verdict(sha256=digest, score=score, rule_set="rules-1")


def file(content: bytes) -> File:
    """A file to ask about."""

    def chunks() -> Iterator[bytes]:
        return (content[start : start + 1000] for start in range(0, len(content), 1000))

    return File(Sha256(sha256(content).digest()), len(content), "file", "application/octet-stream", chunks)


class World:
    """One submission with everything around it."""

    def __init__(self, cloud: Cloud, submission: Submission, counters: Counters) -> None:
        self.cloud = cloud
        self.counters = counters
        self.submission = submission

    async def scores(self, *files: File, policy: DevicePolicy | None = None, ready: bool = True) -> Scores:
        """Ask, with a short policy."""
        return await self.submission.scores(files, policy or DevicePolicy(), 10 * MIB, ready=ready)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A submission against a real gRPC server."""
    cloud, counters = Cloud(), Counters()
    async with (
        serving((add_InspectionServiceServicer_to_server, cloud)) as channel,
        asyncio.TaskGroup() as tasks,
    ):
        background = Background(tasks)
        yield World(cloud, Submission(channel, VerdictMemory(lambda: 0.0), background, counters), counters)
        await background.finish(0)


async def test_unknown_content_is_uploaded_once_and_remembered(world: World) -> None:
    """The second message with the same file asks nobody."""
    one = file(b"\x05 content" * 500)
    assert (await world.scores(one, one)).known == {one.sha256: 5}
    assert (await world.scores(one)).known == {one.sha256: 5}
    assert (len(world.cloud.uploads), world.cloud.look_ups) == (1, 1)
    assert world.counters.snapshot()[Count.FILE_SUBMISSION_SUCCESS] == 1


async def test_known_digests_are_not_uploaded(world: World) -> None:
    """The look-up was enough."""
    one = file(b"\x01 known")
    world.cloud.known[one.sha256] = 9
    assert (await world.scores(one)).known == {one.sha256: 9}
    assert world.cloud.uploads == []


async def test_one_upload_is_under_way_for_a_digest_however_many_ask(world: World) -> None:
    """Three messages at once carry the same file."""
    world.cloud.may_answer.clear()
    one = file(b"\x03 shared")
    async with asyncio.TaskGroup() as messages:
        asked = [messages.create_task(world.scores(one)) for _ in range(3)]
        await asyncio.wait_for(world.cloud.arrived.wait(), 5)
        world.cloud.may_answer.set()
    assert [each.result().known for each in asked] == [{one.sha256: 3}] * 3
    assert len(world.cloud.uploads) == 1


async def test_an_upload_that_ends_during_a_look_up_is_not_repeated(world: World) -> None:
    """The cloud says "unknown" to the second message just before the first one's verdict is in."""
    world.cloud.may_answer.clear()
    one = file(b"\x04 raced")
    async with asyncio.TaskGroup() as messages:
        first = messages.create_task(world.scores(one))
        await asyncio.wait_for(world.cloud.arrived.wait(), 5)
        world.cloud.looked_up.clear()
        world.cloud.may_say.clear()
        second = messages.create_task(world.scores(one))
        await asyncio.wait_for(world.cloud.looked_up.wait(), 5)
        world.cloud.may_answer.set()
        assert (await first).known == {one.sha256: 4}
        world.cloud.may_say.set()
    assert second.result().known == {one.sha256: 4}
    assert len(world.cloud.uploads) == 1


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        (grpc.StatusCode.UNAVAILABLE, Condition.SERVICE_NOT_READY),
        (grpc.StatusCode.UNAUTHENTICATED, Condition.SERVICE_NOT_READY),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Condition.SUBMISSION_TIMEOUT),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Condition.OUT_OF_RESOURCES),
    ],
)
async def test_each_fault_has_its_condition(world: World, code: grpc.StatusCode, condition: Condition) -> None:
    """Fallback table: cloud away, too late, no room."""
    world.cloud.fault = code
    one = file(b"\x00 any")
    assert (await world.scores(one)).missing == {one.sha256: condition}


async def test_a_look_up_that_fails_half_way_loses_no_verdict(world: World) -> None:
    """More files than one look-up takes: what the first told stands, malice above all, when the second fails."""
    files = [file(b"\x00 %d" % number) for number in range(300)]
    world.cloud.known[files[0].sha256] = 9
    world.cloud.fault, world.cloud.fault_from = grpc.StatusCode.RESOURCE_EXHAUSTED, 2
    scores = await world.scores(*files)
    assert scores.known == {files[0].sha256: 9}
    assert set(scores.missing.values()) == {Condition.OUT_OF_RESOURCES}


async def test_a_look_up_has_its_time_and_no_more(world: World) -> None:
    """submission-timeout, from the first attempt to the last."""
    world.cloud.may_say.clear()
    one = file(b"\x00 any")
    scores = await world.scores(one, policy=DevicePolicy(verdict_seconds=0.3, submission_seconds=0.2))
    assert scores.missing == {one.sha256: Condition.SUBMISSION_TIMEOUT}
    world.cloud.may_say.set()


async def test_an_upload_that_does_not_come_through_in_time(world: World) -> None:
    """The cloud takes nothing more, so the file is never sent whole: submission-timeout, not verdict-timeout."""
    world.cloud.may_read.clear()
    large = file(b"\x00" * (8 * MIB))
    scores = await world.scores(large, policy=DevicePolicy(verdict_seconds=5, submission_seconds=0.5))
    assert scores.missing == {large.sha256: Condition.SUBMISSION_TIMEOUT}
    world.cloud.may_read.set()


async def test_a_verdict_that_does_not_come_in_time(world: World) -> None:
    """Uploaded, and then no word: verdict-timeout."""
    world.cloud.may_answer.clear()
    one = file(b"\x00 slow")
    scores = await world.scores(one, policy=DevicePolicy(verdict_seconds=0.3, submission_seconds=0.2))
    assert scores.missing == {one.sha256: Condition.VERDICT_TIMEOUT}


async def test_content_that_failed_is_not_sent_again_at_once(world: World) -> None:
    """The next message with it falls back on the same condition, without a call."""
    world.cloud.may_answer.clear()
    one = file(b"\x00 slow")
    for _ in range(2):
        scores = await world.scores(one, policy=DevicePolicy(verdict_seconds=0.3, submission_seconds=0.2))
        assert scores.missing == {one.sha256: Condition.VERDICT_TIMEOUT}
    assert (len(world.cloud.uploads), world.cloud.look_ups) == (1, 1)


async def test_a_verdict_that_came_another_way_counts_for_whoever_was_late(world: World) -> None:
    """One message's upload is slow; another's look-up tells 10 meanwhile. Neither the first nor a third meets a fallback."""
    world.cloud.may_answer.clear()
    one = file(b"\x0a malicious")
    async with asyncio.TaskGroup() as messages:
        first = messages.create_task(world.scores(one, policy=DevicePolicy(verdict_seconds=1, submission_seconds=1)))
        await asyncio.wait_for(world.cloud.arrived.wait(), 5)
        world.cloud.known[one.sha256] = 10
        assert (await world.scores(one)).known == {one.sha256: 10}
    assert first.result().known == {one.sha256: 10}
    assert (await world.scores(one)).known == {one.sha256: 10}
    world.cloud.may_answer.set()


async def test_a_file_beyond_the_size_is_not_sent(world: World) -> None:
    """invalid-content-size, and no call for it."""
    large = File(Sha256(b"\1" * 32), 11 * MIB, "large", "", lambda: iter(()))
    assert (await world.scores(large)).missing == {large.sha256: Condition.INVALID_CONTENT_SIZE}
    assert world.cloud.look_ups == 0


async def test_nothing_is_asked_before_a_policy_came(world: World) -> None:
    """service-not-ready: policy never received."""
    one = file(b"\x00 any")
    assert (await world.scores(one, ready=False)).missing == {one.sha256: Condition.SERVICE_NOT_READY}
    assert world.cloud.look_ups == 0


async def test_first_seen_content_is_not_waited_for_where_it_passes(world: World) -> None:
    """`first-seen pass`: the message goes on, and the verdict comes afterwards."""
    world.cloud.may_answer.clear()
    one = file(b"\x09 new")
    scores = await world.scores(one, policy=DevicePolicy(hold_first_seen=False))
    assert scores.first_seen == {one.sha256}
    world.cloud.may_answer.set()
    assert await world.submission.afterwards(scores.first_seen) == 9
