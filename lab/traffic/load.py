"""Many letters over many sessions at once, with an account of what was promised: which letter got which final reply.

A session keeps its connection for letter after letter. Where the connection breaks, the letter under way has no reply, which
promises nothing; the session comes again, for a while, and goes on with the next one. Nothing is sent twice.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cloud.address import Address

_REPLY_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one recipient. `identity` is what it is counted by; `content` ends with CRLF, dots are not stuffed."""

    identity: str
    sender: str
    recipient: str
    content: bytes


class NoReply(Exception):
    """The connection broke, or nothing was said in time."""


class Load:
    """Sends letters to a server over that many sessions; `patience` is how long (seconds) a session tries to come again."""

    def __init__(self, server: Address, letters: Iterable[Letter], sessions: int, patience: float = 30.0) -> None:
        self._server = server
        self._waiting = list(reversed(list(letters)))
        self._sessions = sessions
        self._patience = patience
        self._changed = asyncio.Condition()
        self.codes: dict[str, int] = {}
        """The final reply's code by identity; a letter without a reply is not in it."""
        self.unanswered: list[str] = []

    @property
    def promised(self) -> frozenset[str]:
        """The letters that were answered with 250: they must not be lost."""
        return frozenset(identity for identity, code in self.codes.items() if code == 250)

    async def run(self) -> None:
        """Send everything. Raises NoReply where the server stays away for longer than the patience."""
        async with asyncio.TaskGroup() as sessions:
            for _ in range(self._sessions):
                sessions.create_task(self._session())

    async def until_answered(self, count: int) -> None:
        """Wait until so many letters have their final reply."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.codes) >= count)

    async def _session(self) -> None:
        while self._waiting:
            line = await self._connect()
            try:
                await self._send_on(line)
            except NoReply:
                pass
            finally:
                line.close()

    async def _send_on(self, line: "Line") -> None:
        """Letter after letter, until none is left or the connection breaks."""
        while self._waiting:
            letter = self._waiting.pop()
            try:
                code = await line.send(letter)
            except NoReply:
                self.unanswered.append(letter.identity)
                raise
            async with self._changed:
                self.codes[letter.identity] = code
                self._changed.notify_all()

    async def _connect(self) -> "Line":
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            try:
                return await Line.open(self._server)
            except (OSError, NoReply) as error:
                if loop.time() > deadline:
                    raise NoReply(f"{self._server} stays away") from error
                await asyncio.sleep(_PAUSE_SECONDS)


class Line:
    """One SMTP connection that has been greeted and has said EHLO."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, server: Address) -> "Line":
        """Connect. Raises OSError, or NoReply where the server does not want us now."""
        line = cls(*await asyncio.open_connection(server.host, server.port))
        try:
            await line._expect(220)
            await line._ask(b"EHLO client.example.com", 250)
        except NoReply:
            line.close()
            raise
        return line

    async def send(self, letter: Letter) -> int:
        """One transaction; the code that ended it. Raises NoReply."""
        for command, wanted in (
            (f"MAIL FROM:<{letter.sender}>", 250),
            (f"RCPT TO:<{letter.recipient}>", 250),
            ("DATA", 354),
        ):
            code = await self._command(command.encode())
            if code != wanted:
                await self._ask(b"RSET", 250)
                return code
        return await self._command(letter.content.replace(b"\r\n.", b"\r\n..") + b".")

    def close(self) -> None:
        """Leave without a word: nothing is promised by a QUIT."""
        self._writer.close()

    async def _ask(self, command: bytes, wanted: int) -> None:
        if await self._command(command) != wanted:
            raise NoReply(f"{command.decode()} was not answered with {wanted}")

    async def _expect(self, wanted: int) -> None:
        if await self._reply() != wanted:
            raise NoReply(f"no {wanted} came")

    async def _command(self, line: bytes) -> int:
        try:
            self._writer.write(line + b"\r\n")
            await self._writer.drain()
        except OSError as error:
            raise NoReply(str(error)) from error
        return await self._reply()

    async def _reply(self) -> int:
        """The code of one reply. Raises NoReply."""
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                return int((await self._last_line())[:3])
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise NoReply(type(error).__name__) from error

    async def _last_line(self) -> bytes:
        """All lines of a reply but the last have a hyphen after their code (RFC 5321, section 4.2.1)."""
        while (line := await self._reader.readuntil(b"\r\n"))[3:4] == b"-":
            pass
        return line
