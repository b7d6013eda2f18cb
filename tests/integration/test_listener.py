"""The listener on real sockets: limits, flow control, addresses, start and stop."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from device.interception.explicit import Entrance
from device.interception.listener import Listener
from device.smtp.intake import Endpoint, Peers
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from tests.passing_reception import KeptMessage, PassingReception
from tests.scripted_server import SILENCE, Rule, ScriptedServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ENVELOPE = b"EHLO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"


@dataclass
class Counted:
    """A SessionCounter."""

    now: int = 0
    ever: int = 0
    turned_away: int = 0
    unread: int = 0
    none_left: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self) -> None:
        self.now += 1
        self.ever += 1
        self.none_left.clear()

    def closed(self) -> None:
        self.now -= 1
        if not self.now:
            self.none_left.set()

    def refused(self) -> None:
        self.turned_away += 1

    def uninspected(self) -> None:
        self.unread += 1


@dataclass
class Site:
    """A device in front of a server."""

    server: ScriptedServer
    reception: PassingReception
    entrance: Entrance
    listener: Listener
    counted: Counted
    tasks: asyncio.TaskGroup

    async def client(self) -> Streams:
        here = self.entrance.endpoint
        return await asyncio.open_connection(here.host, here.port)


@asynccontextmanager
async def site(
    *rules: Rule,
    reception: PassingReception | None = None,
    limits: SessionLimits | None = None,
    host: str = "127.0.0.1",
    introduce: ClientAddress = ClientAddress.HIDDEN,
    grace: float = 0.0,
) -> AsyncIterator[Site]:
    """Runs both, and stops them."""
    server = ScriptedServer(rules=list(rules))
    kept, counted = reception or PassingReception(), Counted()
    async with asyncio.timeout(30), server.running(), asyncio.TaskGroup() as tasks:
        entrance = Entrance(Endpoint(host, 0), Endpoint("127.0.0.1", server.port), client_address=introduce)
        listener = Listener(entrance, kept, limits or SessionLimits(), tasks=tasks, counter=counted)
        await listener.start()
        try:
            yield Site(server, kept, entrance, listener, counted, tasks)
        finally:
            await listener.stop(grace)
        assert counted.now == 0


async def until(reader: asyncio.StreamReader, start: bytes) -> bytes:
    """The first line that starts so."""
    while not (line := await reader.readline()).startswith(start):
        assert line, f"closed before {start!r}"
    return line


async def test_sessions_above_the_limit_are_turned_away_without_bothering_the_server() -> None:
    """Rule: sessions over the limit 421 4.7.0."""
    async with site(limits=SessionLimits(sessions=2)) as here:
        clients = [await here.client() for _ in range(2)]
        for reader, _ in clients:
            await until(reader, b"220")
        reader, writer = await here.client()
        assert (await reader.read()).startswith(b"421 4.7.0")
        writer.close()
        assert (here.server.connections, here.counted.turned_away) == (2, 1)
        for _, writer in clients:
            writer.close()


async def test_one_client_cannot_take_every_place() -> None:
    """Rule: past the limit of one client's sessions 421 4.7.0; other clients come in, and a place that is left is free again."""
    async with site(limits=SessionLimits(sessions_of_client=1)) as here:
        first, writer = await here.client()
        await until(first, b"220")
        refused, other = await here.client()
        assert (await refused.read()).startswith(b"421 4.7.0 Too many connections from your address")
        other.close()
        stranger, door = await asyncio.open_connection(
            here.entrance.endpoint.host, here.entrance.endpoint.port, local_addr=("127.0.0.2", 0)
        )
        await until(stranger, b"220")
        assert (here.server.connections, here.counted.turned_away) == (2, 1)
        for each in (writer, door):
            each.close()
        await here.counted.none_left.wait()
        await one_mail(here)


async def test_a_place_is_free_again_when_a_session_ends() -> None:
    async with site(limits=SessionLimits(sessions=1)) as here:
        for _ in range(3):
            reader, writer = await here.client()
            await until(reader, b"220")
            writer.write(b"QUIT\r\n")
            await until(reader, b"221")
            assert await reader.read() == b""
            writer.close()
            await here.server.until_gone()
            await here.counted.none_left.wait()
        assert here.counted.ever == 3


async def test_it_listens_on_ipv6() -> None:
    async with site(host="::1") as here:
        assert here.entrance.endpoint.host == "::1"
        reader, writer = await here.client()
        await until(reader, b"220")
        writer.close()


async def test_a_server_that_is_not_there_is_421() -> None:
    """Rule: an unexpected 3xx from the server, or its death, 421 4.3.0: so is its absence."""
    async with site() as here:
        absent = Entrance(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", 1))
        listener = Listener(absent, here.reception, SessionLimits(), tasks=here.tasks)
        await listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", absent.endpoint.port)
        assert (await reader.read()).startswith(b"421 4.3.0")
        writer.close()
        await listener.stop(0)


async def test_the_server_hears_of_the_client_first() -> None:
    """Explicit mode is no open relay: the PROXY header stands in front of everything."""
    async with site(Rule("PROXY", SILENCE), introduce=ClientAddress.PROXY) as here:
        reader, writer = await here.client()
        port = writer.get_extra_info("sockname")[1]
        await until(reader, b"220")
        writer.write(b"QUIT\r\n")
        await until(reader, b"221")
        expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {port} {here.server.port}\r\n"
        assert here.server.raw.startswith(expected.encode())
        writer.close()


async def test_inspection_hears_who_speaks_with_whom() -> None:
    async with site() as here:
        reader, writer = await here.client()
        writer.write(ENVELOPE + b"x\r\n.\r\n")
        await until(reader, b"354")
        await until(reader, b"250")
        port = writer.get_extra_info("sockname")[1]
        expected = Peers(Endpoint("127.0.0.1", port), Endpoint("127.0.0.1", here.server.port), b"c")
        assert here.reception.messages[0].peers == expected
        writer.close()


async def test_a_large_message_passes_byte_for_byte() -> None:
    """Promise 2; larger than any buffer, to a server that reads at its own pace."""
    line = bytes(range(33, 127)) * 4 + b"\r\n"
    content = b"Subject: large\r\n\r\n" + line * 20_000 + b".\r\n..\r\n"
    async with site() as here:
        reader, writer = await here.client()
        writer.write(ENVELOPE)
        await until(reader, b"354")
        writer.write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        await until(reader, b"250")
        assert here.server.messages == [content]
        assert len(here.reception.messages[0].chunks) < len(content) / 16_384 + 2
        writer.close()


async def test_a_client_that_reads_no_replies_is_not_read_either() -> None:
    """Promise 7: what would be owed to it must not fill memory."""
    async with site(Rule("HELP", "214-" + "x" * 4000 + "\\r\\n214 x")) as here:
        _, writer = await here.client()
        writer.transport.set_write_buffer_limits(high=1 << 16)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asking_for_ever(writer), 1.0)
        writer.transport.abort()


async def asking_for_ever(writer: asyncio.StreamWriter) -> None:
    """Sends commands as fast as they are taken."""
    while True:
        writer.write(b"HELP\r\n" * 1000)
        await writer.drain()
        await asyncio.sleep(0)


class Faulty(KeptMessage):
    """An intake with a defect."""

    def feed(self, _chunk: bytes) -> None:
        raise RuntimeError("a defect")


class FaultyReception(PassingReception):
    """Gives the faulty intake to every message."""

    def begin(self, peers: Peers) -> KeptMessage:
        self.messages.append(Faulty(peers, self.decide, self.gate))
        return self.messages[-1]


async def test_a_defect_ends_one_session_in_an_orderly_way() -> None:
    reception = FaultyReception()
    async with site(reception=reception) as here:
        (broken, broken_writer), (other, other_writer) = await here.client(), await here.client()
        broken_writer.write(ENVELOPE + b"x\r\n.\r\n")
        await until(broken, b"421 4.3.0")
        assert await broken.read() == b""
        assert reception.messages[0].endings == ["abandoned"]
        other_writer.write(b"NOOP\r\n")
        await until(other, b"250")
        broken_writer.close()
        other_writer.close()


async def test_stopping_lets_a_transaction_end() -> None:
    """Idle sessions hear 421 4.3.2 at once, the other one after its message."""
    reception = PassingReception()
    reception.gate.clear()
    async with site(reception=reception) as here:
        (idle, idle_writer), (busy, busy_writer) = await here.client(), await here.client()
        await until(idle, b"220")
        busy_writer.write(ENVELOPE + b"x\r\n.\r\n")
        await until(busy, b"354")
        await here.server.until_heard("RCPT")
        stopping = here.tasks.create_task(here.listener.stop(20))
        await until(idle, b"421 4.3.2")
        reception.gate.set()
        await until(busy, b"250")
        await until(busy, b"421 4.3.2")
        idle_writer.close()
        busy_writer.close()
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await here.client()
    assert reception.messages[0].endings == ["250"]


async def test_stopping_does_not_wait_for_ever() -> None:
    """What is still undecided at the deadline was never sent: the client hears 421 and may send again."""
    reception = PassingReception()
    reception.gate.clear()
    async with site(reception=reception, grace=0.1) as here:
        reader, writer = await here.client()
        writer.write(ENVELOPE + b"x\r\n.\r\n")
        await until(reader, b"354")
    await until(reader, b"421 4.3.2")
    assert reception.messages[0].endings == ["abandoned"]
    assert here.server.messages == []
    writer.close()


async def one_mail(here: Site) -> None:
    """From greeting to goodbye."""
    reader, writer = await here.client()
    writer.write(ENVELOPE)
    await until(reader, b"354")
    writer.write(b"Subject: a\r\n\r\nb\r\n.\r\nQUIT\r\n")
    await until(reader, b"221")
    assert await reader.read() == b""
    writer.close()
    await here.counted.none_left.wait()


async def test_a_session_leaves_nothing_for_the_cycle_collector() -> None:
    """Whatever a session held, its message above all, is free when it ends: the device lets the collector come by seldom."""
    async with site() as made:
        for _ in range(2):  # what is made once and kept is made now
            await one_mail(made)
        gc.collect()
        gc.disable()
        try:
            await one_mail(made)
            made.reception.messages.clear()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [each for each in gc.garbage if type(each).__module__.startswith("device.")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert left == []
