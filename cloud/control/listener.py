"""The running service's side of the control socket: each connection brings one command and takes one answer."""

import asyncio
import pwd
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from cloud.control.administration import Administration
from cloud.control.perform import perform
from cloud.control.unix_socket import listening, peer_user_id
from cloud.control.wire import MAX_REQUEST

_REQUEST_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 30.0
"""How long a client may take to read its answer."""
_GRACE_SECONDS: Final = 5.0
"""How long commands under way have at the end, before their connections are cut off."""

_log = structlog.get_logger()


@asynccontextmanager
async def serving(state: Path, administration: Administration) -> AsyncIterator[None]:
    """Take commands for the length of the block; those under way at its end are finished, unless their clients hold them up."""
    commands = _Commands(administration)
    with listening(state) as door:
        server = await asyncio.start_unix_server(commands.take, sock=door, limit=MAX_REQUEST)
        try:
            yield
        finally:
            server.close()
            await commands.finished()


class _Commands:
    """The connections of one service."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration
        self._under_way: set[asyncio.StreamWriter] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. A bug of ours ends the connection without an answer, and asyncio's handler notes it."""
        self._under_way.add(writer)
        self._idle.clear()
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, ValueError):
            _log.info("command.connection_lost")
            writer.transport.abort()
        finally:
            writer.close()
            self._under_way.discard(writer)
            if not self._under_way:
                self._idle.set()

    async def finished(self) -> None:
        """Wait until no command is under way; a client that sends or reads too slowly is cut off."""
        if not await self._until_idle():
            _log.warning("command.cut_off", connections=len(self._under_way))
            for writer in self._under_way:
                writer.transport.abort()
            await self._until_idle()

    async def _until_idle(self) -> bool:
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                return await self._idle.wait()
        except TimeoutError:
            return False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_REQUEST_SECONDS):
            line = await reader.readline()
        if not line.endswith(b"\n"):
            return
        writer.write(await perform(self._administration, line, _operator(writer)))
        async with asyncio.timeout(_ANSWER_SECONDS):
            await writer.drain()


def _operator(writer: asyncio.StreamWriter) -> str:
    connection: socket.socket = writer.get_extra_info("socket")
    return user_name(peer_user_id(connection))


def user_name(user_id: int) -> str:
    """The name of a user of this machine, for the audit log."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"
