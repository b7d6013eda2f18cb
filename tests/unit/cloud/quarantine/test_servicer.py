"""Storing and settling, through the servicer, down to the disk."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes, policy
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from atp.reasons import Reason as WireReason
from atp.v1 import quarantine_pb2 as wire
from atp.v1.quarantine_pb2_grpc import QuarantineServiceStub, add_QuarantineServiceServicer_to_server
from cloud.errors import InvalidRequest, NotSignedIn, OutOfResources, TooLarge, TooSlow
from cloud.quarantine import vault
from cloud.quarantine.lifecycle import Act, State
from cloud.quarantine.manifest import Limits
from cloud.quarantine.servicer import QuarantineServicer
from cloud.rpc.caller import acting_as
from tests.unit.cloud.quarantine.world import (
    MARKERS,
    RECIPIENT,
    World,
    manifest_for,
    requests_for,
    sample,
    stream,
)

ACCEPTED, REFUSED = wire.SETTLE_OUTCOME_ACCEPTED, wire.SETTLE_OUTCOME_REFUSED


async def test_a_stored_message_opens_again_byte_for_byte_with_its_reading(world: World) -> None:
    content = sample(700_000)
    receipt = await world.send(requests_for(content))
    opened = await world.custody.open(world.realm.id, receipt.message_id)
    assert opened.content == content
    assert opened.manifest == manifest_for(content)
    assert opened.held.recipients == ("bob@example.org", "eve@example.org")
    assert (opened.held.state, opened.held.score, opened.held.size) == (State.HELD, 10, len(content))
    assert opened.held.client_address == "192.0.2.7"


async def test_an_empty_message_can_be_stored(world: World) -> None:
    receipt = await world.send([wire.StoreMessageRequest(manifest=_empty_manifest())])
    assert (await world.custody.open(world.realm.id, receipt.message_id)).content == b""


def _empty_manifest() -> wire.MessageManifest:
    manifest = manifest_for(b"")
    manifest.reading.Clear()
    return manifest


async def test_the_receipt_carries_a_replacement_with_the_link_and_the_null_path(world: World) -> None:
    receipt = await world.hold()
    mail = message_from_bytes(receipt.replacement.content, policy=policy.default)
    text = mail.get_body(("plain",))
    assert text is not None
    assert f"https://portal.example.net/m/{receipt.message_id}" in text.get_content()
    assert receipt.replacement.mail_from == b""
    assert mail["From"].addresses[0].addr_spec == "quarantine@cloud.example.net"


async def test_a_realms_notice_address_sends_the_replacement(world: World) -> None:
    await world.set(notice_address="quarantine@example.org")
    receipt = await world.hold()
    assert receipt.replacement.mail_from == b"quarantine@example.org"
    assert b"From: E-mail quarantine <quarantine@example.org>" in receipt.replacement.content


async def test_a_notice_address_that_is_none_is_not_used(world: World) -> None:
    await world.set(notice_address="not an address")
    assert (await world.hold()).replacement.mail_from == b""


async def test_nothing_of_the_content_stands_in_the_state_folder(world: World) -> None:
    """Not while it is being stored, not after, not after its end."""
    while_storing: list[str] = []
    requests = requests_for(sample(4_000_000))

    async def watched() -> AsyncIterator[wire.StoreMessageRequest]:
        for request in requests:
            while_storing.extend(world.leaks())
            yield request

    with acting_as(world.device()):
        receipt = await world.servicer.StoreMessage(watched(), None)
    assert world.leaks() == []
    assert while_storing == []
    await world.settle(receipt, ACCEPTED)
    await world.custody.act(world.realm.id, receipt.message_id, Act.DELETE, RECIPIENT)
    assert world.leaks() == []


async def test_no_log_line_holds_anything_of_the_message(world: World) -> None:
    with capture_logs() as lines:
        receipt = await world.hold()
        await world.settle(receipt, ACCEPTED)
        await world.custody.act(world.realm.id, receipt.message_id, Act.DELETE, RECIPIENT)
        with pytest.raises(InvalidRequest):
            await world.send(BROKEN_STREAMS["another byte"])
    assert [line["event"] for line in lines] == ["quarantine.stored", "quarantine.settled", "quarantine.act"]
    assert not any(marker.decode() in repr(lines) for marker in MARKERS)
    assert "example" not in repr(lines)


async def test_the_markers_would_be_found(world: World) -> None:
    """The search for plain text is able to fail."""
    (world.state / "copy").write_bytes(sample())
    assert world.leaks() == ["copy"]
    assert all(marker in sample() for marker in MARKERS)


async def test_nobody_without_a_certificate_is_served(world: World) -> None:
    with pytest.raises(NotSignedIn):
        await world.servicer.StoreMessage(stream(requests_for(sample())), None)
    with pytest.raises(NotSignedIn):
        await world.servicer.SettleMessage(
            wire.SettleMessageRequest(message_id="msg_1", attempt_id="att_1", outcome=ACCEPTED), None
        )


def _edited(edit: Callable[[wire.MessageManifest], Any]) -> list[wire.StoreMessageRequest]:
    requests = requests_for(sample())
    edit(requests[0].manifest)
    return requests


def _chunk(data: bytes) -> wire.StoreMessageRequest:
    return wire.StoreMessageRequest(chunk=data)


BROKEN_STREAMS: dict[str, list[wire.StoreMessageRequest]] = {
    "nothing at all": [],
    "a chunk first": requests_for(sample())[1:],
    "an empty request": [wire.StoreMessageRequest()],
    "two manifests": [requests_for(sample())[0], *requests_for(sample())],
    "a chunk of nothing": [requests_for(sample())[0], _chunk(b"")],
    "a chunk beyond 256 KiB": [requests_for(sample(300_000))[0], _chunk(sample(300_000))],
    "a byte less": [requests_for(sample())[0], _chunk(sample()[:-1])],
    "a byte more": [requests_for(sample())[0], _chunk(sample() + b"x")],
    "another byte": [requests_for(sample())[0], _chunk(b"x" + sample()[1:])],
}


@pytest.mark.parametrize("name", BROKEN_STREAMS)
async def test_a_broken_stream_is_refused_and_leaves_nothing(world: World, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await world.send(BROKEN_STREAMS[name])
    assert world.blobs() == []
    assert await world.custody.list(world.realm.id) == []


async def test_bytes_that_are_not_those_of_the_manifest_have_a_reason_of_their_own(world: World) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await world.send(BROKEN_STREAMS["another byte"])
    assert refused.value.reason is WireReason.DIGEST_MISMATCH


async def test_a_message_beyond_the_limit_is_refused_before_its_bytes(world: World) -> None:
    with pytest.raises(TooLarge) as refused:
        await world.send(_edited(lambda manifest: setattr(manifest, "size", Limits().message_bytes + 1))[:1])
    assert refused.value.reason is WireReason.MESSAGE_TOO_LARGE


async def test_a_full_disk_is_an_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "RESERVE", 1 << 60)
    with pytest.raises(OutOfResources):
        await world.hold()


async def test_an_endless_wait_for_chunks_ends(world: World) -> None:
    slow = await World.open(world.state.parent, limits=Limits(seconds=0.05))

    async def stuck() -> AsyncIterator[wire.StoreMessageRequest]:
        for request in requests_for(sample(500_000))[:3]:
            yield request
        await asyncio.Event().wait()

    with acting_as(world.device()), pytest.raises(TooSlow):
        await slow.servicer.StoreMessage(stuck(), None)
    await slow.close()
    assert await world.custody.list(world.realm.id) == []


async def test_settling_takes_ids_and_a_known_outcome(world: World) -> None:
    receipt = await world.hold()
    with pytest.raises(InvalidRequest):
        await world.settle(receipt, wire.SETTLE_OUTCOME_UNSPECIFIED)
    receipt.message_id = "../../etc"
    with pytest.raises(InvalidRequest):
        await world.settle(receipt, ACCEPTED)


async def test_of_a_servers_reply_only_the_codes_are_kept(world: World) -> None:
    """The servers' texts may quote the message: the sample's reply quotes the subject."""
    await world.settle(await world.hold(), ACCEPTED)
    assert world.leaks() == []
    assert any(b"550 5.7.1" in content for content in world.files().values())


class _LoopbackServicer(QuarantineServicer):
    """Serves every call as one device, as the interceptor does by certificate."""

    def __init__(self, world: World) -> None:
        super().__init__(world.servicer._reception)
        self._world = world

    async def StoreMessage(self, request_iterator: AsyncIterator[wire.StoreMessageRequest], context: Any) -> Any:  # noqa: N802 - the wire's name
        with acting_as(self._world.device()):
            return await super().StoreMessage(request_iterator, context)

    async def SettleMessage(self, request: wire.SettleMessageRequest, context: Any) -> Any:  # noqa: N802 - the wire's name
        with acting_as(self._world.device()):
            return await super().SettleMessage(request, context)


async def test_the_same_over_a_real_grpc_connection(world: World) -> None:
    content = sample(3_000_000)
    server = grpc.aio.server()
    add_QuarantineServiceServicer_to_server(_LoopbackServicer(world), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = QuarantineServiceStub(channel)
        receipt = await stub.StoreMessage(stream(requests_for(content, chunk=256 * 1024)))
        await stub.SettleMessage(
            wire.SettleMessageRequest(
                message_id=receipt.message_id, attempt_id=receipt.attempt_id, outcome=ACCEPTED, reply="250 2.0.0 ok"
            )
        )
    await server.stop(None)
    opened = await world.custody.open(world.realm.id, receipt.message_id)
    assert hashlib.sha256(opened.content).digest() == hashlib.sha256(content).digest()


async def test_a_client_that_goes_away_leaves_nothing(world: World) -> None:
    arrived = asyncio.Event()

    async def half() -> AsyncIterator[wire.StoreMessageRequest]:
        for request in requests_for(sample(3_000_000))[:30]:
            yield request
        arrived.set()
        await asyncio.Event().wait()

    async def call() -> None:
        with acting_as(world.device()):
            await world.servicer.StoreMessage(half(), None)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(call())
        await asyncio.wait_for(arrived.wait(), 10)
        task.cancel()
    assert task.cancelled()
    assert await world.custody.list(world.realm.id) == []
    async with asyncio.timeout(10):
        while world.blobs():  # noqa: ASYNC110 - obstore cleans up on a thread that tells nobody
            await asyncio.sleep(0)
