"""One side's socket: what comes in is told, what goes out waits for room.

asyncio's transports, and uvloop's, set TCP_NODELAY themselves; without it a reply would wait for the peer's delayed ACK.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import cast

from device.smtp import limits
from device.smtp.intake import Endpoint


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told. `flowing`: the peer reads again, or no longer."""

    connected: Callable[[], None]
    received: Callable[[bytes], None]
    ended: Callable[[], None]
    lost: Callable[[], None]
    flowing: Callable[[], None]


class Leg(asyncio.Protocol):
    """A TCP connection with an outbox. Whoever is told hears nothing more after close(), but that the connection is gone."""

    def __init__(self, told: Told) -> None:
        self.gone = False
        self.full = False
        self.closing = False
        self.heard = self.said = 0.0
        self._told = told
        self._transport: asyncio.Transport | None = None
        self._outbox: deque[bytes] = deque()
        self._reading = True
        self._ended = False
        self._now: Callable[[], float] = lambda: 0.0

    @property
    def started(self) -> bool:
        """Whether there ever was a connection."""
        return self._transport is not None

    @property
    def peer(self) -> Endpoint:
        """The other end's address."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("peername")[:2]
        return Endpoint(host, port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._now = asyncio.get_running_loop().time
        self.heard = self.said = self._now()
        self._transport.set_write_buffer_limits(high=limits.WRITE_AHEAD)
        if self.closing:
            self.abort()
        else:
            self._told.connected()

    def data_received(self, data: bytes) -> None:
        self.heard = self._now()
        if not self.closing:
            self._told.received(data)

    def eof_received(self) -> bool:
        """True keeps our side open: an EOF is a half-close until we are done."""
        self._ended = True
        if self.closing:
            return False
        self._told.ended()
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        self.gone = True
        self._outbox.clear()
        self._told.lost()

    def pause_writing(self) -> None:
        self.full = True
        self._told.flowing()

    def resume_writing(self) -> None:
        self.full = False
        self.flush()
        self._told.flowing()

    def queue(self, pieces: Iterable[bytes]) -> None:
        """Puts bytes into the outbox; flush() sends them."""
        self._outbox.extend(pieces)

    def flush(self) -> None:
        """Sends as much as there is room for."""
        transport = self._transport
        if transport is None or self.gone:
            return
        while self._outbox and not self.full:
            if len(self._outbox) == 1:
                transport.write(self._outbox.popleft())
            else:
                transport.writelines(self._next_batch())
            self.said = self._now()
        if self.closing and not self._outbox:
            self._finish(transport)

    def close(self) -> None:
        """Closes when the outbox is empty; flush() begins it."""
        self.closing = True
        self.read(wanted=True)

    def abort(self) -> None:
        """Closes now."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def read(self, *, wanted: bool) -> None:
        """Goes on or stops reading, so that TCP slows the peer down."""
        if wanted is self._reading or self._transport is None or self._ended or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _next_batch(self) -> list[bytes]:
        """Pieces of WRITE_SIZE together; a message up to that goes out with its terminator in one write."""
        size, count = 0, 0
        for piece in self._outbox:
            size += len(piece)
            count += 1
            if size >= limits.WRITE_SIZE:
                break
        batch = list(islice(self._outbox, count))
        for _ in batch:
            self._outbox.popleft()
        return batch

    def _finish(self, transport: asyncio.Transport) -> None:
        """Says that nothing more comes, and waits for the peer to say the same: it may still be sending."""
        if self._ended or not transport.can_write_eof():
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()
