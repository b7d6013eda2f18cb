"""Where clients come in, whichever way they were led here: listening sockets in front of the sessions."""

import asyncio
import socket

import structlog

from device.smtp import limits as caps
from device.smtp.connection import Surroundings
from device.smtp.sessions import NobodyCounts, SessionCounter, Sessions
from device.tls.encryption import Encryption


class Door:
    """Open from the first open_on() to close(); sessions run in the surroundings' task group."""

    def __init__(self, surroundings: Surroundings, counter: SessionCounter | None) -> None:
        self._sessions = Sessions(surroundings, counter or NobodyCounts())
        self._listening: list[asyncio.Server] = []

    async def open_on(self, bound: socket.socket) -> None:
        """Clients may come on that socket."""
        self._begin(
            await asyncio.get_running_loop().create_server(self._sessions.accept, sock=bound, backlog=caps.BACKLOG)
        )

    def encrypt_with(self, encryption: Encryption) -> None:
        """Sessions from now on; those that are here keep what they have."""
        self._sessions.encrypt_with(encryption)

    async def drain(self, seconds: float) -> None:
        """No more clients, and nothing is said to those that are here; returns once they have gone, or the time is up."""
        for each in self._listening:
            each.close()
        await self._sessions.emptied(seconds)

    async def close(self, grace_seconds: float) -> None:
        """No more clients; sessions in a transaction may end it within that time, idle ones hear 421 4.3.2."""
        for each in self._listening:
            each.close()
        await self._sessions.stop(grace_seconds)
        structlog.get_logger().info("listener.stopped")

    def _begin(self, server: asyncio.Server) -> None:
        if not self._listening:
            self._sessions.start()
        self._listening.append(server)
