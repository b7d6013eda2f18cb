"""Whatever the next server says or does, an attempt ends with an answer: taken, refused for good, or later."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cloud.address import Address
from cloud.release.envelope import Letter
from cloud.release.redelivery import Answer, Fate, RouteDown, Timing, connected

LETTER = Letter(b"a@example.org", b"b@example.com", b"From: a\r\n\r\n.dot\r\n")
TIMING = Timing(connect=0.5, reply=0.5)
GREETING, EHLO, OK, GO = b"220 mx", b"250 mx", b"250 2.1.0 ok", b"354 go"


@dataclass
class Script:
    """A server's replies in turn; None closes the connection; after the last it only waits for QUIT or the end."""

    replies: Sequence[bytes | None]
    heard: list[bytes] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._play(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.over.set()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, reply in enumerate(self.replies):
            if number:
                end = b"\r\n.\r\n" if self.replies[number - 1] == GO else b"\r\n"
                self.heard.append(await reader.readuntil(end))
            if reply is None:
                return
            writer.write(reply + b"\r\n")
        while not (await reader.readuntil(b"\r\n")).startswith(b"QUIT"):
            pass


@asynccontextmanager
async def says(replies: Sequence[bytes | None]) -> AsyncIterator[tuple[Address, list[bytes]]]:
    """A server that follows a script, once."""
    script = Script(replies)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1]), script.heard
        async with asyncio.timeout(5):
            await script.over.wait()
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        ([OK, OK, GO, b"250 2.0.0 taken as 7"], Answer(Fate.TAKEN, "250 2.0.0")),
        ([OK, OK, GO, b"250 taken"], Answer(Fate.TAKEN, "250")),
        ([OK, b"251 2.1.5 forwarded", GO, OK], Answer(Fate.TAKEN, "250 2.1.0")),
        ([b"550 5.7.1 no", OK], Answer(Fate.REFUSED, "550 5.7.1")),
        ([OK, b"550 5.1.1 who?", OK], Answer(Fate.REFUSED, "550 5.1.1")),
        ([OK, b"450 4.2.1 greylisted", OK], Answer(Fate.LATER, "450 4.2.1")),
        ([OK, OK, b"554 5.5.1 no", OK], Answer(Fate.REFUSED, "554 5.5.1")),
        ([OK, OK, GO, b"554 5.7.1 secret words of the message", OK], Answer(Fate.REFUSED, "554 5.7.1")),
        ([OK, OK, GO, b"451 4.3.0 leased elsewhere", OK], Answer(Fate.LATER, "451 4.3.0")),
        ([b"421 4.3.2 going down", None], Answer(Fate.LATER, "421 4.3.2")),
        ([OK, OK, GO, b"551 5.7.1 no", b"421 4.3.2 bye"], Answer(Fate.REFUSED, "551 5.7.1")),
        ([OK, OK, GO, None], Answer(Fate.LATER, "connection lost")),
        ([None], Answer(Fate.LATER, "connection lost")),
        ([OK, b"nonsense"], Answer(Fate.LATER, "a reply that makes no sense")),
        ([OK, b"354 go", OK], Answer(Fate.LATER, "a reply that makes no sense")),
        ([OK, OK, GO], Answer(Fate.LATER, "no answer in time")),
    ],
)
async def test_each_way_a_transaction_can_end(replies: list[bytes | None], answer: Answer) -> None:
    async with says([GREETING, EHLO, *replies]) as (route, _), connected(route, "cloud.example.net", TIMING) as session:
        assert await session.send(LETTER) == answer


async def test_the_server_hears_the_envelope_and_a_stuffed_dot() -> None:
    async with says([GREETING, EHLO, OK, OK, GO, OK]) as (route, heard):
        async with connected(route, "cloud.example.net", TIMING) as session:
            await session.send(LETTER)
        assert heard == [
            b"EHLO cloud.example.net\r\n",
            b"MAIL FROM:<a@example.org>\r\n",
            b"RCPT TO:<b@example.com>\r\n",
            b"DATA\r\n",
            b"From: a\r\n\r\n..dot\r\n.\r\n",
        ]


async def test_a_server_of_old_gets_helo() -> None:
    async with says([GREETING, b"502 5.5.1 what?", b"250 mx", OK, OK, GO, OK]) as (route, heard):
        async with connected(route, "cloud.example.net", TIMING) as session:
            assert (await session.send(LETTER)).fate is Fate.TAKEN
        assert heard[1] == b"HELO cloud.example.net\r\n"


@pytest.mark.parametrize(
    ("replies", "what"),
    [
        ([b"554 5.3.2 no mail here"], "554 5.3.2"),
        ([None], "connection lost"),
        ([GREETING, b"421 4.3.2 full"], "421 4.3.2"),
        ([], "no answer in time"),
    ],
)
async def test_a_route_that_does_not_take_mail_is_down(replies: list[bytes | None], what: str) -> None:
    async with says(replies) as (route, _):
        with pytest.raises(RouteDown) as raised:
            async with connected(route, "cloud.example.net", TIMING):
                pass
        assert str(raised.value) == f"{route}: {what}"


async def test_nobody_listening_is_said_so() -> None:
    with pytest.raises(RouteDown, match="nobody listens there"):
        async with connected(Address("127.0.0.1", 1), "cloud.example.net", TIMING):
            pass
