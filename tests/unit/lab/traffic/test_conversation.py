"""The client for measuring, and the sink that it measures against, over real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.address import Address
from lab.bench.encrypted import EncryptingServer, encrypting_server
from lab.serving import bound, serving_streams
from lab.traffic.conversation import Conversation, NotTaken, deliver, deliver_all, standing

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIL = b"Subject: a\r\n\r\nA line.\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EncryptingServer]:
    folder: Path = tmp_path_factory.mktemp("sink")
    async with encrypting_server(folder) as made:
        yield made


async def test_messages_are_delivered_each_in_its_session(server: EncryptingServer) -> None:
    """Over plain text and over TLS; more messages than sessions."""
    assert await deliver_all(server.address, [MAIL] * 20, 3) > 0
    assert await deliver_all(server.address, [MAIL] * 5, 2, server.encrypted) > 0
    assert 0 < await deliver(server.address, MAIL) < 10


async def test_a_message_can_be_held_before_its_final_dot(server: EncryptingServer) -> None:
    """And large ones come through: the sink finds the end wherever reads cut it."""
    async with standing(server.address, 3) as sessions:
        for session in sessions:
            await session.hold(b"x" * 70 + b"\r\n.\r.\n\r\n" + (b"y" * 76 + b"\r\n") * 20_000)
        for session in sessions:
            await session.finish()
            await session.transact(MAIL)
            await session.quit()


async def test_a_wrong_name_is_no_server_of_ours(server: EncryptingServer) -> None:
    stranger = type(server.encrypted)(server.encrypted.context, "other.example.net")
    with pytest.raises(NotTaken, match="TLS failed"):
        await deliver(server.address, MAIL, stranger)


async def test_a_client_that_breaks_its_handshake_ends_alone(server: EncryptingServer) -> None:
    """The next one is served."""
    distrusting = ssl.create_default_context()
    with pytest.raises(NotTaken):
        await deliver(server.address, MAIL, type(server.encrypted)(distrusting, server.encrypted.name))
    await deliver(server.address, MAIL, server.encrypted)


class Refusing(asyncio.Protocol):
    """Greets, and then refuses or leaves."""

    reply: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220-a\r\n220 b\r\n")

    def data_received(self, _data: bytes) -> None:
        if self.reply:
            self.transport.write(self.reply)
        else:
            self.transport.close()


@pytest.mark.parametrize(("reply", "said"), [(b"554 no\r\n", "554 came instead of 250"), (b"", "the connection ended")])
async def test_what_is_not_taken_is_said(reply: bytes, said: str) -> None:
    class Saying(Refusing):
        pass

    Saying.reply = reply
    async with serving_streams(Saying, bound(Address("127.0.0.1", 0))) as address:
        with pytest.raises(NotTaken, match=said):
            await Conversation.begun(address)
        with pytest.raises(NotTaken, match=said):
            await deliver_all(address, [MAIL], 1)
