"""A real SMTP server on loopback that notes what it takes, and says what a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP

Reply = Callable[[str], str | None]
"""For a recipient: the reply to give in place of 250, or None."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that the server took."""

    mail_from: str
    recipients: tuple[str, ...]
    mail_options: tuple[str, ...]
    rcpt_options: tuple[str, ...]
    content: bytes


@dataclass
class Mailserver:
    """The server's handler and memory. `at_rcpt` and `at_data` may refuse."""

    taken: list[Taken] = field(default_factory=list)
    at_rcpt: Reply = lambda _: None
    at_data: Reply = lambda _: None
    route: str = ""
    # Where set: messages wait at their final dot until it is set; `reached_dot` says that one does.
    gate: asyncio.Event | None = None
    reached_dot: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        reply = self.at_rcpt(address)
        if reply is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return reply or "250 2.1.5 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.reached_dot.set()
        if self.gate is not None:
            await self.gate.wait()
        reply = self.at_data(envelope.rcpt_tos[0])
        if reply is not None:
            return reply
        async with self.changed:
            self.taken.append(
                Taken(
                    "" if envelope.mail_from == "<>" else envelope.mail_from,
                    tuple(envelope.rcpt_tos),
                    tuple(envelope.mail_options),
                    tuple(envelope.rcpt_options),
                    envelope.content,
                )
            )
            self.changed.notify_all()
        return "250 2.0.0 taken"

    async def reached(self, count: int) -> list[Taken]:
        """Wait until so many messages were taken."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.taken) >= count)
        return self.taken


@asynccontextmanager
async def mailserver(*, utf8: bool = True) -> AsyncIterator[Mailserver]:
    """A server that listens for the length of the block."""
    handler = Mailserver()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="mx.example.com", enable_SMTPUTF8=utf8, data_size_limit=50_000_000, loop=loop),
        host="127.0.0.1",
        port=0,
    )
    handler.route = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield handler
    finally:
        server.close()
        await server.wait_closed()
