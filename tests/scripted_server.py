"""A mail server that says what a script tells it, over a real socket, and remembers what it heard.

Without rules it takes everything, offers OFFERS, and ends DATA at CRLF.CRLF. A rule answers the nth command that starts with its
words: with a reply, by closing, by resetting, or not at all.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OFFERS = ("SIZE 10000000", "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES")
CLOSE = "close"
RESET = "reset"
SILENCE = "silence"


@dataclass
class Rule:
    """On the `turn`th command that starts with `words` (0: on each): reply lines, or CLOSE, RESET or SILENCE."""

    words: str
    answer: str
    turn: int = 0
    seen: int = 0

    def applies(self, command: str) -> bool:
        if not command.upper().startswith(self.words.upper()):
            return False
        self.seen += 1
        return self.turn in (0, self.seen)


@dataclass
class ScriptedServer:
    rules: list[Rule] = field(default_factory=list)
    offers: tuple[str, ...] = OFFERS
    heard: list[str] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    messages: list[bytes] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    port: int = 0
    connections: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def until_heard(self, words: str, *, times: int = 1) -> None:
        """Waits for so many commands that start with these words."""
        async with self._changed:
            await self._changed.wait_for(lambda: sum(each.startswith(words) for each in self.heard) >= times)

    async def until_body_has(self, size: int) -> None:
        """Waits until so many bytes of a body have come, whole or not."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.body) >= size)

    async def until_gone(self) -> None:
        """Waits until every connection is closed by the other side."""
        async with self._changed:
            await self._changed.wait_for(lambda: "<closed>" in self.heard)

    async def say(self, text: str) -> None:
        """Says something that nobody asked for."""
        self._writers[-1].write(text.encode() + b"\r\n")
        await self._writers[-1].drain()

    def hang_up(self) -> None:
        """Closes its newest connection."""
        self._writers[-1].close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            if await self._answer("connect", "220 mail.example.net ESMTP", writer):
                await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            await self._note("<closed>")
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await self._line(reader):
            command = line.decode("utf-8", "replace").removesuffix("\r\n")
            await self._note(command)
            verb = command.upper().partition(" ")[0]
            if verb == "BDAT":
                self.messages.append(await reader.readexactly(int(command.split()[1])))
            if not await self._answer(command, self._usual(verb), writer):
                return
            if verb == "QUIT" and self._positive:
                return
            if verb == "DATA" and self._gave_354:
                self.messages.append(await self._body(reader))
                await self._note(".")
                if not await self._answer(".", "250 2.0.0 Ok: queued", writer):
                    return

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        line = await reader.readline()
        self.raw += line
        return line

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        lines: list[bytes] = []
        self.body = bytearray()
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            async with self._changed:
                self.body += line
                self._changed.notify_all()
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            return "\r\n".join(["250-mail.example.net", *(f"250-{each}" for each in self.offers), "250 HELP"])
        return {"DATA": "354 go ahead", "STARTTLS": "220 go ahead", "QUIT": "221 bye", "VRFY": "252 maybe"}.get(
            verb, "250 2.0.0 Ok"
        )

    async def _answer(self, command: str, usual: str, writer: asyncio.StreamWriter) -> bool:
        """Answers by the first rule that applies, or as usual; false, if the connection is over."""
        applying = [rule for rule in self.rules if rule.applies(command)]
        answer = applying[0].answer.replace("\\r\\n", "\r\n") if applying else usual
        self._gave_354, self._positive = answer.startswith("354"), answer.startswith("2")
        if answer == SILENCE:
            return True
        if answer == CLOSE:
            return False
        if answer == RESET:
            writer.transport.abort()
            return False
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return True

    async def _note(self, command: str) -> None:
        async with self._changed:
            self.heard.append(command)
            self._changed.notify_all()
