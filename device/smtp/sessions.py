"""All sessions of one listener: how many there may be, their clock, and their end."""

import asyncio
import dataclasses
from collections import Counter
from itertools import count
from typing import Protocol

import structlog

from device.smtp import answers, events, limits
from device.smtp.connection import Connection, ImplicitTls, Surroundings
from device.smtp.intake import Endpoint
from device.smtp.leg import NOBODY, Leg
from device.tls.encryption import Encryption


class SessionCounter(Protocol):
    """Whoever counts sessions."""

    def opened(self) -> None:
        """A client came and is served."""

    def closed(self) -> None:
        """A session is over."""

    def refused(self) -> None:
        """A client came and there was no room (421 4.7.0)."""

    def uninspected(self) -> None:
        """A session went into TLS that policy lets pass unread."""


class NobodyCounts:
    """A SessionCounter that doesn't."""

    def opened(self) -> None:
        """Not counted."""

    def closed(self) -> None:
        """Not counted."""

    def refused(self) -> None:
        """Not counted."""

    def uninspected(self) -> None:
        """Not counted."""


class Sessions:
    """Makes a protocol for each client that comes. Runs in the surroundings' task group from start() to stop()."""

    def __init__(self, surroundings: Surroundings, counter: SessionCounter) -> None:
        self._around = surroundings
        self._counter = counter
        self._open: set[Connection] = set()
        self._of_client: Counter[str] = Counter()
        self._numbers = count(1)
        self._empty = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None
        self._linger = limits.LINGER
        self._empty.set()

    def start(self) -> None:
        """The clock starts."""
        self._ticking = self._around.tasks.create_task(self._tick())

    def accept(self) -> asyncio.Protocol:
        """The protocol of a client that has just connected."""
        if len(self._open) >= self._around.limits.sessions:
            self._counter.refused()
            return Refusal(self._around.implicit_tls)
        connection = Connection(self._around, next(self._numbers), self)
        self._open.add(connection)
        self._empty.clear()
        self._counter.opened()
        return connection.client

    def admits(self, client: Endpoint) -> bool:
        """Whether that client may have one session more; counted from here on, until it is done."""
        if self._of_client[client.host] >= self._around.limits.sessions_of_client:
            self._counter.refused()
            return False
        self._of_client[client.host] += 1
        return True

    def done(self, connection: Connection) -> None:
        """A session is over."""
        self._open.discard(connection)
        self._counter.closed()
        if connection.admitted is not None:
            self._of_client[connection.admitted.host] -= 1
            if not self._of_client[connection.admitted.host]:
                del self._of_client[connection.admitted.host]
        if not self._open:
            self._empty.set()

    def uninspected(self) -> None:
        """A session goes on unread."""
        self._counter.uninspected()

    async def stop(self, grace_seconds: float) -> None:
        """Idle sessions end now, those in a transaction when it is over, and all when the time is up."""
        self._linger = limits.LAST_LINGER
        for connection in list(self._open):
            connection.tell(events.Stopping())
        if not await self.emptied(grace_seconds):
            for connection in list(self._open):
                connection.tell(events.StopNow())
            await self.emptied(limits.LAST_LINGER)
        for connection in list(self._open):
            connection.abort()
        await self._empty.wait()
        if self._ticking is not None:
            self._ticking.cancel()

    def encrypt_with(self, encryption: Encryption) -> None:
        """Sessions from now on."""
        self._around = dataclasses.replace(self._around, encryption=encryption)

    async def emptied(self, seconds: float) -> bool:
        """Wait for the last session's end; False where that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    async def _tick(self) -> None:
        """One clock for all sessions: a timer each would cost more than the sessions."""
        times = self._around.limits.times
        interval = min(1.0, min(getattr(times, each.name) for each in dataclasses.fields(times)) / 4)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval)
            for connection in list(self._open):
                connection.tick(loop.time(), self._linger)


class Refusal(Leg):
    """Tells a client that there is no room. One that begins with TLS is not told: a handshake is what there is no room for."""

    def __init__(self, implicit_tls: ImplicitTls) -> None:
        super().__init__(NOBODY)
        self._implicit_tls = implicit_tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.was_reset:
            return
        structlog.get_logger().warning("session.refused", code=answers.TOO_MANY_SESSIONS.code)
        if not self._implicit_tls(self):
            self.send(answers.TOO_MANY_SESSIONS.wire())
        self.drop()
