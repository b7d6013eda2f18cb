"""Real mail servers, each behind a device that is a process of its own, and sessions that are sent at them raw.

A message is known by its Message-ID, whatever its server keeps of it: so a test can say which ones arrived, and which not.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cloud.address import Address
from lab.mailserver.server import mail_server
from lab.processes import command_line, running
from tests.keeping_sink import files_in, folder_for_anyone, keeping_sink
from tests.postfix import Postfix, postfix
from tests.programs import need, need_root

SECONDS = 30.0
FREE = Address("127.0.0.1", 0)
LENIENT = {"smtpd_forbid_bare_newline": "no", "smtpd_peername_lookup": "no"}
"""Postfix as it was when SMTP smuggling became known: it ends a message at a dot between line ends of any kind."""
_IDENTITY = re.compile(rb"^Message-ID: <(.+?)>", re.IGNORECASE | re.MULTILINE)


@dataclass
class Guarded:
    """A server and the device in front of it. `taken(n)`: the Message-IDs of all it has taken, once n sessions are over."""

    server: Address
    device: Address
    taken: Callable[[int], Awaitable[list[str]]]
    sessions: int = 0

    async def replies(self, opening: Sequence[str], pieces: Sequence[bytes], *, directly: bool = False) -> list[str]:
        """A session: each line of the opening waits for its reply, the pieces are a segment each. The codes to the pieces."""
        self.sessions += 1
        return await replies_of(self.server if directly else self.device, opening, pieces)

    async def arrived(self) -> list[str]:
        """The Message-IDs of everything that the server has taken."""
        return await self.taken(self.sessions)


async def replies_of(address: Address, opening: Sequence[str], pieces: Sequence[bytes]) -> list[str]:
    """See Guarded.replies(). The pieces' last line has to be QUIT: replies are read to the end of the connection."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            await _code(reader)
            for line in opening:
                writer.write(line.encode() + b"\r\n")
                code = await _code(reader)
                assert code[:1] in ("2", "3"), f"{line}: {code}"
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            codes = []
            while code := await _code(reader):
                codes.append(code)
            return codes
        finally:
            writer.close()


async def _code(reader: asyncio.StreamReader) -> str:
    """The next reply's; empty at the end of the connection."""
    while (line := await reader.readline())[3:4] == b"-":
        pass
    return line[:3].decode()


@asynccontextmanager
async def guarded_servers(folder: Path) -> AsyncIterator[dict[str, Guarded]]:
    """Postfix, its smtp-sink, and aiosmtpd (the lab's mail server), by name. Skips the test by name where they can't run."""
    need("postfix", "smtp-sink")
    need_root("a Postfix of the test's own")
    async with AsyncExitStack() as parts:
        real = await parts.enter_async_context(postfix(settings=LENIENT))
        lab = await parts.enter_async_context(mail_server(FREE, FREE))
        kept = parts.enter_context(folder_for_anyone())
        sink = Address("127.0.0.1", await parts.enter_async_context(keeping_sink(kept)))

        async def in_lab(_sessions: int) -> list[str]:
            return [_identity(mail.content) for mail in lab.inboxes.all()]

        async def in_sink(_sessions: int) -> list[str]:
            return [_identity(each) for each in files_in(kept)]

        yield {
            name: Guarded(address, await parts.enter_async_context(device_before(address, folder / name)), taken)
            for name, address, taken in (
                ("Postfix", real.address, taken_by(real)),
                ("aiosmtpd", lab.smtp, in_lab),
                ("smtp-sink", sink, in_sink),
            )
        }


def taken_by(real: Postfix) -> Callable[[int], Awaitable[list[str]]]:
    """By Postfix's log: cleanup names each message that begins to arrive, and smtpd the end of each session."""

    async def taken(sessions: int) -> list[str]:
        await real.logs(": disconnect from ", sessions)
        return [line.partition("message-id=<")[2].rstrip(">") for line in real.log() if ": message-id=<" in line]

    return taken


@asynccontextmanager
async def device_before(server: Address, state: Path, *flags: str) -> AsyncIterator[Address]:
    """A device in front of a server, enrolled nowhere: what has an attachment would meet its fallback."""
    arguments = command_line("srx", "run", "--json", "--listen=127.0.0.1:0", f"--server={server}", *flags)
    async with running(arguments, state.with_suffix(".log"), {"SRX_STATE": str(state)}) as device:
        yield Address.parse(device.ready["smtp"])


def _identity(message: bytes) -> str:
    """The first Message-ID; a message that swallowed another counts as itself."""
    found = _IDENTITY.search(message)
    return found[1].decode() if found else ""
