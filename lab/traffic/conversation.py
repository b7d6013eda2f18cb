"""A quick SMTP client for measuring: one protocol object a connection, nothing awaited but replies.

It says as much as Postfix's smtp-source does (HELO, MAIL, RCPT, DATA, QUIT, never pipelined), and beyond that it speaks STARTTLS,
sends another mail each time, and can stop half-way, to see what a held session costs.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final, cast

from cloud.address import Address

_REPLY_SECONDS: Final = 120.0
_EHLO: Final = b"EHLO client.example.com\r\n"
_ENVELOPE: Final = ((b"MAIL FROM:<bench@example.com>\r\n", 250), (b"RCPT TO:<bench@example.net>\r\n", 250))


class NotTaken(Exception):
    """A reply that was not the wanted one, or a connection that ended."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """Ask for STARTTLS, and expect a certificate of this name."""

    context: ssl.SSLContext
    name: str


class Conversation(asyncio.Protocol):
    """One SMTP connection. Each method raises NotTaken where the server says something else, or too little, or nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard = b""
        self._reply: asyncio.Future[int] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def begun(cls, server: Address, encrypted: Encrypted | None = None) -> "Conversation":
        """Connect, and say who comes. Also raises OSError."""
        _, made = await asyncio.get_running_loop().create_connection(cls, server.host, server.port)
        try:
            await made.greet(encrypted)
        except NotTaken:
            made.close()
            raise
        return made

    async def greet(self, encrypted: Encrypted | None) -> None:
        """Say who comes; encrypted, say it again inside of TLS."""
        await self._expect(220)
        if encrypted is None:
            await self.say(b"HELO client.example.com\r\n", 250)
        else:
            await self.say(_EHLO, 250)
            await self._encrypt(encrypted)
            await self.say(_EHLO, 250)

    async def hold(self, message: bytes) -> None:
        """A transaction up to the message's last byte before the final dot. The message is dot-stuffed and ends with CRLF."""
        for command, wanted in (*_ENVELOPE, (b"DATA\r\n", 354)):
            await self.say(command, wanted)
        self._write(message)

    async def finish(self) -> None:
        """The final dot, and the wait for what becomes of the message."""
        await self.say(b".\r\n", 250)

    async def transact(self, message: bytes) -> None:
        """A whole transaction, message and final dot in one write."""
        await self.hold(message + b".\r\n")
        await self._expect(250)

    async def quit(self) -> None:
        """Leave politely."""
        await self.say(b"QUIT\r\n", 221)

    async def say(self, command: bytes, wanted: int) -> None:
        """One command, and the reply that it must have."""
        self._write(command)
        await self._expect(wanted)

    def close(self) -> None:
        """Leave without a word."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """All lines of a reply but the last have a hyphen after their code (RFC 5321, section 4.2.1)."""
        self._heard += data
        if not self._heard.endswith(b"\r\n"):
            return
        last = self._heard.rfind(b"\n", 0, -1) + 1
        if self._heard[last + 3 : last + 4] != b"-" and not self._reply.done():
            self._reply.set_result(int(self._heard[last : last + 3]))
            self._heard = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits hears of it; nobody has to."""
        if not self._reply.done():
            self._reply.set_exception(NotTaken(f"the connection ended: {exc or 'closed'}"))
            self._reply.exception()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    async def _expect(self, wanted: int) -> None:
        late = self._loop.call_later(_REPLY_SECONDS, self._give_up)
        try:
            code = await self._reply
        finally:
            late.cancel()
        if code != wanted:
            raise NotTaken(f"{code} came instead of {wanted}")
        self._reply = self._loop.create_future()

    def _give_up(self) -> None:
        if not self._reply.done():
            self._reply.set_exception(NotTaken(f"no reply within {_REPLY_SECONDS:.0f} s"))

    async def _encrypt(self, wanted: Encrypted) -> None:
        await self.say(b"STARTTLS\r\n", 220)
        assert self._transport is not None
        try:
            self._transport = await self._loop.start_tls(
                self._transport, self, wanted.context, server_hostname=wanted.name
            )
        except (OSError, ssl.SSLError) as error:
            raise NotTaken(f"TLS failed: {error}") from error


async def deliver(server: Address, message: bytes, encrypted: Encrypted | None = None) -> float:
    """One message in a session of its own; seconds from connecting to the reply to its final dot. Raises NotTaken."""
    began = perf_counter()
    conversation = await Conversation.begun(server, encrypted)
    try:
        await conversation.transact(message)
        seconds = perf_counter() - began
        await conversation.quit()
    finally:
        conversation.close()
    return seconds


async def deliver_all(
    server: Address, messages: Sequence[bytes], sessions: int, encrypted: Encrypted | None = None
) -> float:
    """Every message in a session of its own, so many at once; the seconds of it all. Raises NotTaken."""
    waiting = iter(messages)
    began = perf_counter()
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(sessions, len(messages))):
                tasks.create_task(_deliver_each(server, waiting, encrypted))
    except* (NotTaken, OSError) as several:
        raise NotTaken(str(several.exceptions[0])) from several
    return perf_counter() - began


async def _deliver_each(server: Address, waiting: Iterator[bytes], encrypted: Encrypted | None) -> None:
    for message in waiting:
        await deliver(server, message, encrypted)


@asynccontextmanager
async def standing(
    server: Address, count: int, encrypted: Encrypted | None = None
) -> AsyncIterator[list[Conversation]]:
    """So many greeted sessions at once, until the block ends. Raises NotTaken."""
    made: list[Conversation] = []
    try:
        for batch in _batches(count):
            made += await asyncio.gather(*(Conversation.begun(server, encrypted) for _ in batch))
        yield made
    finally:
        for conversation in made:
            conversation.close()


def _batches(count: int, size: int = 50) -> Iterable[range]:
    """Not all connect in the same moment: a listener's backlog is not what is measured."""
    return (range(start, min(start + size, count)) for start in range(0, count, size))
