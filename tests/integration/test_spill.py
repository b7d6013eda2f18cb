"""Messages that are held on disk, through a listener on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.actions.outcome import Deliver, Outcome
from device.inspection.held_content import HeldContent
from device.inspection.room import Budget, Room
from device.interception.explicit import Entrance
from device.interception.listener import Listener
from device.message.envelope import Envelope
from device.smtp.intake import Endpoint, Peers
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from tests.scripted_server import ScriptedServer

LINES = b"".join(b".%06d a line that begins with a dot\r\n" % number for number in range(60_000))
PLENTY = 1 << 30


@dataclass
class OnDisk:
    """A Reception that holds everything on disk and delivers it; `broken` reads a while and fails."""

    folder: Path
    broken: bool = False

    def begin(self, _peers: Peers) -> "Held":
        return Held(HeldContent(Room(Budget(0), Budget(PLENTY), 0, self.folder)), broken=self.broken)


@dataclass
class Held:
    held: HeldContent
    broken: bool

    def feed(self, chunk: bytes) -> None:
        assert self.held.append(chunk)

    def streamable(self) -> Sequence[bytes] | None:
        return None

    def conclude(self, _envelope: Envelope) -> Outcome:
        return Deliver(_breaking(self.held) if self.broken else self.held)

    def settle(self, reply: Reply | None) -> None:
        pass

    def abandon(self) -> None:
        pass


def _breaking(held: HeldContent) -> Iterator[bytes]:
    yield from list(held)[:-1]
    raise OSError("the disk is gone")


@asynccontextmanager
async def client(reception: OnDisk) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, ScriptedServer]]:
    """A client that has sent LINES, and the server behind the device."""
    server = ScriptedServer()
    async with asyncio.timeout(60), server.running(), asyncio.TaskGroup() as tasks:
        entrance = Entrance(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", server.port))
        listener = Listener(entrance, reception, SessionLimits(), tasks=tasks)
        await listener.start()
        reader, writer = await asyncio.open_connection(entrance.endpoint.host, entrance.endpoint.port)
        writer.write(b"EHLO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
        writer.write(LINES.replace(b"\r\n.", b"\r\n..").replace(b".", b"..", 1) + b".\r\n")
        try:
            yield reader, writer, server
        finally:
            writer.close()
            await listener.stop(0)


async def last_reply(reader: asyncio.StreamReader) -> bytes:
    """The reply to the message."""
    while not (await reader.readline()).startswith(b"354"):
        pass
    return await reader.readline()


async def test_a_message_from_disk_arrives_byte_for_byte(tmp_path: Path) -> None:
    async with client(OnDisk(tmp_path)) as (reader, _, server):
        assert (await last_reply(reader)).startswith(b"250")
        assert server.messages == [LINES]


async def test_a_message_that_cannot_be_read_back_is_never_delivered_in_part(tmp_path: Path) -> None:
    """The server gets no end of data for what is not whole, and the client is not told 250."""
    async with client(OnDisk(tmp_path, broken=True)) as (reader, _, server):
        assert (await last_reply(reader)).startswith(b"421")
        await server.until_gone()
        assert server.messages == []


@pytest.fixture(autouse=True)
def nothing_named(tmp_path: Path) -> Iterator[None]:
    """No test leaves a file behind."""
    yield
    assert [*tmp_path.iterdir()] == []
