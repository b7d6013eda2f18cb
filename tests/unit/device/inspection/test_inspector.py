"""One message at the inspector's door: room for it, one policy for all of it, and what the cloud hears when it is over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest

from atp.v1 import inspection_pb2, quarantine_pb2
from atp.v1.inspection_pb2_grpc import InspectionServiceServicer, add_InspectionServiceServicer_to_server
from atp.v1.quarantine_pb2_grpc import QuarantineServiceServicer, add_QuarantineServiceServicer_to_server
from device.actions import replies
from device.actions.outcome import Deliver, Outcome, Refuse, Replace
from device.background import Background
from device.cloudlink.channel import CloudChannel
from device.cloudlink.passes import PassLink
from device.cloudlink.quarantine import QuarantineLink
from device.cloudlink.submission import Submission
from device.inspection.inspector import Desk, Inspector, MessageIntake
from device.inspection.policy import Action, CloudPolicy, InspectionPolicy
from device.inspection.room import Budget, Room
from device.inspection.verdicts import VerdictMemory
from device.message.envelope import Envelope, Recipient
from device.message.limits import ScanLimits
from device.smtp.intake import Endpoint, Peers
from device.smtp.reply import Reply
from device.telemetry.account import Account
from device.telemetry.counters import Count, Counters
from device.telemetry.events import Events
from tests.unit.device.cloudlink.rig import serving

ROOM = 2000
PEERS = Peers(Endpoint("192.0.2.7", 40000), Endpoint("198.51.100.2", 25))
ENVELOPE = Envelope(b"anna@example.com", (Recipient(b"bob@example.net"),))
PLAIN = b"From: anna@example.com\r\nSubject: A mail\r\n\r\nWords.\r\n"
MALICIOUS = (
    b"From: anna@example.com\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
    b'Content-Disposition: attachment; filename="a.bin"\r\n\r\n\x09 of ten\r\n'
)
ACCEPTED = quarantine_pb2.SETTLE_OUTCOME_ACCEPTED
REFUSED = quarantine_pb2.SETTLE_OUTCOME_REFUSED


class Cloud(InspectionServiceServicer, QuarantineServiceServicer):
    """Scores every file as its first byte says, when it may; keeps what is stored and settled, or declines to."""

    def __init__(self) -> None:
        self.submitted = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.declines = False
        self.stored: list[quarantine_pb2.MessageManifest] = []
        self.settled: list[tuple[str, int, str]] = []

    async def LookupVerdicts(self, _request: Any, _context: Any) -> inspection_pb2.LookupVerdictsResponse:  # noqa: N802
        return inspection_pb2.LookupVerdictsResponse(rule_set="rules-1")

    async def SubmitFile(  # noqa: N802
        self, requests: AsyncIterator[inspection_pb2.SubmitFileRequest], _context: Any
    ) -> inspection_pb2.SubmitFileResponse:
        content = b"".join([request.chunk async for request in requests])
        self.submitted.set()
        await self.may_answer.wait()
        verdict = inspection_pb2.Verdict(sha256=sha256(content).digest(), score=content[0] % 11, rule_set="rules-1")
        return inspection_pb2.SubmitFileResponse(verdict=verdict)

    async def StoreMessage(  # noqa: N802
        self, requests: AsyncIterator[quarantine_pb2.StoreMessageRequest], context: Any
    ) -> quarantine_pb2.StoreMessageResponse:
        told = [request async for request in requests]
        if self.declines:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as told")
        self.stored.append(told[0].manifest)
        number = len(self.stored)
        replacement = quarantine_pb2.ReplacementMessage(mail_from=b"notices@example.net", content=b"Instead.\r\n")
        return quarantine_pb2.StoreMessageResponse(
            message_id=f"msg_{number}", attempt_id=f"att_{number}", replacement=replacement
        )

    async def SettleMessage(  # noqa: N802
        self, request: quarantine_pb2.SettleMessageRequest, _context: Any
    ) -> quarantine_pb2.SettleMessageResponse:
        self.settled.append((request.attempt_id, request.outcome, request.reply))
        return quarantine_pb2.SettleMessageResponse()


class World:
    """An inspector with little room, and everything around it."""

    def __init__(self, channel: CloudChannel, cloud: Cloud, tasks: asyncio.TaskGroup) -> None:
        numbers = count()
        self.cloud = cloud
        self.cloud_policy = CloudPolicy(revision=1)
        self.background = Background(tasks)
        self.counters = Counters()
        self.events = Events(lambda: datetime.now(UTC), lambda: str(next(numbers)), self.counters)
        self.held = Budget(ROOM)
        self.inspector = Inspector(self._desk(channel))

    def _desk(self, channel: CloudChannel) -> Desk:
        return Desk(
            submission=Submission(channel, VerdictMemory(lambda: 0.0), self.background, self.counters),
            quarantine=QuarantineLink(channel),
            passes=PassLink(channel),
            policy=lambda: InspectionPolicy(self.cloud_policy),
            realm_id=lambda: "realm_1",
            account=Account(self.counters, self.events),
            background=self.background,
            room=Room(self.held, Budget(0), 1_000_000, Path("absent")),
            limits=ScanLimits(),
            clock=lambda: datetime.now(UTC),
            new_id=lambda: "request-1",
        )

    def taken_in(self, *chunks: bytes) -> MessageIntake:
        """A message that has come as far as this."""
        intake = self.inspector.begin(PEERS)
        for chunk in chunks:
            intake.feed(chunk)
        return intake

    async def settled(self) -> list[tuple[str, int, str]]:
        """What the cloud has heard of attempts, when everything has been told."""
        await self.background.finish(5)
        return self.cloud.settled

    @property
    def room(self) -> int:
        """How many bytes may still come."""
        left = ROOM
        while not self.held.take(left):
            left -= 1
        self.held.give_back(left)
        return left


@pytest.fixture
async def world() -> AsyncIterator[World]:
    cloud = Cloud()
    servicers = (add_InspectionServiceServicer_to_server, cloud), (add_QuarantineServiceServicer_to_server, cloud)
    async with serving(*servicers) as channel, asyncio.TaskGroup() as tasks:
        made = World(channel, cloud, tasks)
        yield made
        await made.background.finish(0)


async def concluded(intake: MessageIntake) -> Outcome:
    """The outcome, whether it is there at once or not."""
    conclusion = intake.conclude(ENVELOPE)
    return await asyncio.wait_for(conclusion, 10) if asyncio.iscoroutine(conclusion) else conclusion


def delivered(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Deliver)
    return b"".join(outcome.content)


async def test_a_message_beyond_the_devices_room_is_put_off(world: World) -> None:
    """452 4.3.1; what was held of it is free at once, and later chunks that would fit are not taken up."""
    intake = world.taken_in(PLAIN, b"." * ROOM, PLAIN)
    assert world.room == ROOM
    outcome = await concluded(intake)
    assert outcome == Refuse(replies.OUT_OF_MEMORY)
    assert replies.OUT_OF_MEMORY.wire().startswith(b"452 4.3.1 ")
    intake.abandon()
    counted = world.counters.snapshot()
    assert (counted[Count.EMAIL_NO_ROOM], counted[Count.EMAIL_ABANDONED], counted[Count.EMAIL_PROCESSED]) == (1, 0, 0)
    assert [event.name.value for event in await world.events.next_batch(10)] == ["mail.no-room"]
    assert world.room == ROOM


async def test_all_sessions_share_the_room(world: World) -> None:
    """One more message than fits is put off, the others are not; whoever ends makes room for the next."""
    size = len(PLAIN)
    whole = [world.taken_in(PLAIN) for _ in range(ROOM // size)]
    late = world.taken_in(PLAIN)
    assert await concluded(late) == Refuse(replies.OUT_OF_MEMORY)
    late.abandon()
    for intake in whole:
        assert delivered(await concluded(intake)) == PLAIN
    whole[0].settle(Reply.of(250, "2.0.0 Ok"))
    assert delivered(await concluded(world.taken_in(PLAIN))) == PLAIN


@pytest.mark.parametrize("content", [PLAIN, MALICIOUS], ids=["plain", "malicious"])
@pytest.mark.parametrize("reply", [Reply.of(250, "2.0.0 Ok"), Reply.of(550, "5.7.1 no"), None])
async def test_the_room_is_given_back_when_the_server_has_spoken(
    world: World, content: bytes, reply: Reply | None
) -> None:
    """Or has died; until then the message is held."""
    intake = world.taken_in(content)
    await concluded(intake)
    assert world.room == ROOM - len(content)
    intake.settle(reply)
    assert world.room == ROOM


async def test_the_room_of_an_abandoned_message_is_given_back(world: World) -> None:
    """Before its end and after; a client that goes away is counted."""
    world.taken_in(PLAIN).abandon()
    decided = world.taken_in(PLAIN)
    await concluded(decided)
    decided.abandon()
    assert world.room == ROOM
    assert world.counters.snapshot()[Count.EMAIL_ABANDONED] == 2


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply.of(250, "2.0.0 Ok"), [("att_1", ACCEPTED, "250 2.0.0 Ok")]),
        (Reply.of(550, "5.7.1 no"), [("att_1", REFUSED, "550 5.7.1 no")]),
        (None, []),
    ],
)
async def test_the_cloud_hears_what_the_server_said(
    world: World, reply: Reply | None, told: list[tuple[str, int, str]]
) -> None:
    """Without any word it hears nothing: unsettled means held."""
    intake = world.taken_in(MALICIOUS)
    assert await concluded(intake) == Replace(b"notices@example.net", b"Instead.\r\n")
    intake.settle(reply)
    assert await world.settled() == told


async def test_a_stored_message_that_was_not_sent_is_settled_as_refused(world: World) -> None:
    intake = world.taken_in(MALICIOUS)
    await concluded(intake)
    intake.abandon()
    assert await world.settled() == [("att_1", REFUSED, "")]


async def test_what_cant_be_stored_is_put_off(world: World) -> None:
    """Malicious or blocklisted, never delivered: 451 4.3.0, and there is nothing to settle."""
    world.cloud.declines = True
    for policy in (world.cloud_policy, CloudPolicy(revision=1, block=frozenset({"anna@example.com"}))):
        world.cloud_policy = policy
        intake = world.taken_in(MALICIOUS)
        assert await concluded(intake) == Refuse(replies.NOT_STORED)
        intake.abandon()
    assert replies.NOT_STORED.wire().startswith(b"451 4.3.0 ")
    assert await world.settled() == []
    counted = world.counters.snapshot()
    assert (counted[Count.EMAIL_NOT_STORED], counted[Count.EMAIL_PROCESSED]) == (2, 0)


async def test_one_policy_decides_the_whole_message(world: World) -> None:
    """The one at end of data: a new one that comes while its file is analysed is the next message's."""
    intake = world.taken_in(MALICIOUS)
    world.cloud.may_answer.clear()
    world.cloud_policy = CloudPolicy(revision=2, action=Action.TAG_AND_DELIVER)
    async with asyncio.TaskGroup() as tasks:
        deciding = tasks.create_task(concluded(intake))
        await asyncio.wait_for(world.cloud.submitted.wait(), 5)
        world.cloud_policy = CloudPolicy(revision=3, action=Action.PERMIT)
        world.cloud.may_answer.set()
    outcome = deciding.result()
    assert isinstance(outcome, Deliver)
    assert b"X-Spam-Flag: YES\r\n" in b"".join(outcome.content)
    assert delivered(await concluded(world.taken_in(MALICIOUS))) == MALICIOUS


async def test_a_message_beyond_the_limits_is_refused_for_good(world: World) -> None:
    """554 5.6.0; an event tells of it, and it counts as blocked."""
    fields = ScanLimits().header_fields + 1
    world.held.give_back(fields * 10)  # room for it: only its header is too large
    intake = world.taken_in(b"A: b\r\n" * fields + b"\r\n")
    assert await concluded(intake) == Refuse(replies.OVER_LIMITS)
    intake.abandon()
    (event,) = await world.events.next_batch(10)
    assert (event.name.value, event.fields["reason"]) == ("mail.blocked", "limits")
    assert world.counters.snapshot()[Count.EMAIL_BLOCKED] == 1
