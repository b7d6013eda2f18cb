"""WatchPolicy over a real gRPC connection: what a device gets, and when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc

from atp.identity import DeviceId
from atp.v1 import policy_pb2, policy_pb2_grpc
from cloud.policy.lists import ListName
from cloud.policy.servicer import PolicyServicer
from cloud.rpc.caller import Caller, acting_as

if TYPE_CHECKING:
    from tests.unit.cloud.policy.conftest import Office

Answer = policy_pb2.WatchPolicyResponse


class AsDevice(PolicyServicer):
    """The servicer behind a gate that has recognised a device."""

    device: Caller

    async def WatchPolicy(self, request: policy_pb2.WatchPolicyRequest, context: Any) -> AsyncIterator[Answer]:  # noqa: N802
        with acting_as(self.device):
            async for answer in super().WatchPolicy(request, context):
                yield answer


@asynccontextmanager
async def watching(
    office: "Office", have: int = 0, *, sign_of_life: float = 30.0
) -> AsyncIterator[AsyncIterator[Answer]]:
    """A device's stream of answers."""
    servicer = AsDevice(office.editor, office.broadcast, sign_of_life=sign_of_life)
    servicer.device = Caller(office.realm.id, DeviceId("device_1"), 1)
    server = grpc.aio.server()
    policy_pb2_grpc.add_PolicyServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = policy_pb2_grpc.PolicyServiceStub(channel).WatchPolicy(
                policy_pb2.WatchPolicyRequest(have_revision=have)
            )
            yield aiter(call)
    finally:
        await server.stop(0)


async def snapshot(answers: AsyncIterator[Answer]) -> tuple[int, set[str], set[str]]:
    """The next whole snapshot: its revision, its allowlist, its blocklist."""
    allow: set[str] = set()
    block: set[str] = set()
    head = await anext(answers)
    assert head.WhichOneof("part") == "snapshot"
    async for answer in answers:
        allow.update(answer.entries.allow)
        block.update(answer.entries.block)
        if answer.WhichOneof("part") == "commit":
            assert answer.commit.revision == head.snapshot.revision
            return head.snapshot.revision, allow, block
    raise AssertionError("the stream ended before the commit")


async def test_a_new_device_gets_the_policy_and_then_each_change_within_a_second(office: "Office") -> None:
    """The first snapshot at once; an entry that is listed is at the device within a second of the commit."""
    async with watching(office) as answers, asyncio.timeout(20):
        first, allow, _ = await snapshot(answers)
        assert allow == set()
        await office.editor.add_entries(office.realm.id, ListName.BLOCK, ("bad.example",))
        async with asyncio.timeout(1):
            second, _, block = await snapshot(answers)
        assert block == {"*@bad.example"}
        assert second > first


async def test_a_device_that_has_the_policy_is_told_that_it_is_current(office: "Office") -> None:
    """No snapshot is sent again."""
    async with watching(office, have=office.realm.policy_revision) as answers, asyncio.timeout(20):
        assert (await anext(answers)).current.revision == office.realm.policy_revision


async def test_silence_is_broken_by_a_sign_of_life(office: "Office") -> None:
    """A device can tell a quiet cloud from a dead one."""
    async with watching(office, sign_of_life=0.05) as answers, asyncio.timeout(20):
        revision, _, _ = await snapshot(answers)
        assert (await anext(answers)).current.revision == revision


async def test_lists_larger_than_a_message_come_in_pieces_and_whole(office: "Office") -> None:
    """More than a message holds passes through the default limits of a gRPC client."""
    entries = tuple(f"user{number}@a-rather-long-domain.example.com" for number in range(30_000))
    await office.editor.add_entries(office.realm.id, ListName.ALLOW, entries)
    async with watching(office) as answers, asyncio.timeout(60):
        _, allow, _ = await snapshot(answers)
    assert allow == set(entries)


async def test_a_cloud_that_lost_changes_goes_beyond_the_devices_revision(office: "Office") -> None:
    """A restored backup: the device would take no lower revision, so it gets a higher one."""
    async with watching(office, have=40) as answers, asyncio.timeout(20):
        assert (await snapshot(answers))[0] == 41


async def test_a_revision_beyond_belief_is_not_followed(office: "Office") -> None:
    """One device can't push the realm's counter to its end."""
    async with watching(office, have=2**63) as answers, asyncio.timeout(20):
        assert (await anext(answers)).current.revision == office.realm.policy_revision


async def test_the_streams_end_when_the_service_goes_down(office: "Office") -> None:
    """A watcher is no reason to wait at shutdown."""
    async with watching(office) as answers, asyncio.timeout(20):
        await snapshot(answers)
        office.broadcast.end()
        try:
            await anext(answers)
        except (StopAsyncIteration, grpc.aio.AioRpcError):
            return
    raise AssertionError("the stream went on")
