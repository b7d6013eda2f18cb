"""The second promise, as a property of the device as a process: what is neither refused nor malicious comes out as it went in."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.address import Address
from tests.guarded_servers import device_before
from tests.scripted_server import ScriptedServer

WORDS = (
    *(b"\r\n", b"\r\n", b"\r", b"\n", b"\0", b".", b"..", b"\r\n.", b"\n.", b"\xff\xfe", b" ", b"-", b"=", b"hello"),
    *(b"From: ann@example.com\r\n", b"Subject: x\r\n y\r\n", b"MIME-Version: 1.0\r\n", b"X-Srx-Score: 9\r\n"),
    *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: application/pdf; name=a.pdf\r\n"),
    *(b"Content-Transfer-Encoding: base64\r\n", b"JVBERi0xLjQK", b"\r\n--b\r\n", b"\r\n--b--\r\n"),
    *(b"MAIL FROM:<x@example.org>\r\n", b"QUIT\r\n", b"begin 644 a.bin\r\n", b"=ybegin line=128 size=1 name=a\r\n"),
)
MESSAGES = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=20)), max_size=25).map(b"".join)
CUTS = st.lists(st.integers(1, 50), max_size=12)
AN_END_FOR_SOMEONE = re.compile(rb"(?:^|[\r\n])\0*\.\0*[\r\n]")
"""What is refused: a dot alone between line ends of any kind. Where the client doubles dots, none of them is the true end."""


@dataclass
class Sending:
    """A session with the device, one message after another, and the server behind it."""

    server: ScriptedServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, wire: bytes, cuts: list[int]) -> bytes:
        """A message as DATA has it, in segments of these sizes and a last one; the reply to it."""
        self.server.messages.clear()
        for command in (b"MAIL FROM:<ann@example.com>", b"RCPT TO:<bob@example.net>", b"DATA"):
            self.writer.write(command + b"\r\n")
            assert (await self.reply())[:1] in b"23"
        places = [0, *itertools.accumulate(cuts), max(sum(cuts), len(wire))]
        for start, end in itertools.pairwise(places):
            self.writer.write(wire[start:end])
            await self.writer.drain()
        self.writer.write(b".\r\n")
        return await self.reply()

    async def reply(self) -> bytes:
        """The last line of the next reply."""
        async with asyncio.timeout(30):
            while (line := await self.reader.readline())[3:4] == b"-":
                pass
        return line


@asynccontextmanager
async def sending(folder: Path) -> AsyncIterator[Sending]:
    """A server that keeps messages as they come, a device before it, and a client that has said EHLO."""
    server = ScriptedServer()
    async with (
        server.running(),
        device_before(Address("127.0.0.1", server.port), folder / "device") as device,
    ):
        reader, writer = await asyncio.open_connection(device.host, device.port)
        made = Sending(server, reader, writer)
        await made.reply()
        writer.write(b"EHLO client.example.org\r\n")
        await made.reply()
        try:
            yield made
        finally:
            writer.close()


def test_a_message_comes_out_as_it_went_in_or_is_refused_for_its_dots(tmp_path: Path) -> None:
    """However its bytes are cut into segments. Attachments meet their fallback, permit: nobody is enrolled."""
    with asyncio.Runner() as runner:
        parts = AsyncExitStack()
        session = runner.run(parts.enter_async_context(sending(tmp_path)))
        try:
            _every_message(lambda wire, cuts: runner.run(session.send(wire, cuts)), session.server)
        finally:
            runner.run(parts.aclose())


def _every_message(send: Callable[[bytes, list[int]], bytes], server: ScriptedServer) -> None:
    @settings(max_examples=200, deadline=None)
    @given(MESSAGES, CUTS)
    def holds(message: bytes, cuts: list[int]) -> None:
        content = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
        wire = re.sub(rb"(^|\r\n)\.", rb"\1..", content)
        reply = send(wire, cuts)
        if AN_END_FOR_SOMEONE.search(wire):
            assert reply.startswith(b"550 5.5.2")
            assert server.messages == []
        else:
            assert reply.startswith(b"250 ")
            assert server.messages == [content]

    holds()
