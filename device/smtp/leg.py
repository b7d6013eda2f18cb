"""One side's socket: what comes in is told, what goes out waits for room."""

import asyncio
import socket
import ssl
from asyncio.trsock import TransportSocket
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import cast

from device.smtp import limits
from device.smtp.intake import Endpoint
from device.tls.layer import HelloReader, Layer


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told. `flowing`: the peer reads again, or no longer."""

    connected: Callable[[], None]
    received: Callable[[bytes], None]
    ended: Callable[[], None]
    lost: Callable[[], None]
    flowing: Callable[[], None]


class Leg(asyncio.Protocol):
    """A TCP connection with an outbox. Whoever is told hears nothing more after close(), but that the connection is gone.

    Into TLS: pause(), secure(), ready(), catch_up(). In between what comes in waits, and nothing goes out unencrypted.
    """

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
        self._said_eof = False
        self._now: Callable[[], float] = lambda: 0.0
        self._layer: Layer | None = None
        self._paused = False
        self._waiting = b""
        self._changed: asyncio.Event | None = None
        self._broken: ssl.SSLError | None = None

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

    @property
    def arrived_at(self) -> Endpoint:
        """This end's address."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return Endpoint(host, port)

    @property
    def socket(self) -> TransportSocket:
        """What the kernel can be asked of."""
        assert self._transport is not None
        return cast("TransportSocket", self._transport.get_extra_info("socket"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._now = asyncio.get_running_loop().time
        self.heard = self.said = self._now()
        self._transport.set_write_buffer_limits(high=limits.WRITE_AHEAD)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.closing:
            self.abort()
        else:
            self._told.connected()

    def data_received(self, data: bytes) -> None:
        self.heard = self._now()
        if self._said_eof:
            return
        self._received(data if self._layer is None else self._decrypted(self._layer, data))

    def eof_received(self) -> bool:
        """True keeps our side open: an EOF is a half-close until we are done."""
        first, keeps_open = not self._ended, not self.closing
        self._ended = True
        self._wake()
        if first and keeps_open and not self._paused:
            self._told.ended()
        return keeps_open

    def connection_lost(self, _exc: Exception | None) -> None:
        self.gone = True
        self._outbox.clear()
        self._wake()
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
        if self._paused:
            if self.closing:
                transport.abort()
            return
        while self._outbox and not self.full:
            self._send(transport, self._next_batch())
            self.said = self._now()
        if self.closing and not self._outbox:
            self._finish(transport)

    def pause(self) -> None:
        """What is queued goes out as it is; from here on everything waits for secure()."""
        assert self._transport is not None
        self._transport.write(b"".join(self._outbox))
        self._outbox.clear()
        self._paused = True
        self._changed = asyncio.Event()

    async def hello(self) -> str | None:
        """The server name in the client's ClientHello; the bytes wait for secure(). ssl.SSLError, ConnectionError."""
        reader, seen = HelloReader(), 0
        while True:
            reader.feed(self._waiting[seen:])
            if reader.complete:
                return reader.server_name
            seen = len(self._waiting)
            if seen > limits.HELLO:
                raise ssl.SSLError("ClientHello without an end")
            await self._change()

    async def secure(self, layer: Layer) -> None:
        """Shakes hands. ssl.SSLError, if the peer can't or doesn't prove who it is; ConnectionError, if it goes."""
        self._layer, early, self._waiting = layer, self._waiting, b""
        self.read(wanted=True)
        self._received(self._decrypted(layer, early))
        while not layer.done:
            if self._broken is not None:
                raise self._broken
            await self._change()

    def ready(self) -> None:
        """Both sides are secured: from here on the outbox goes out encrypted."""
        self._paused = False

    def catch_up(self) -> None:
        """What waited is told."""
        waiting, self._waiting = self._waiting, b""
        self._received(waiting)
        if self._ended and not self.closing:
            self._told.ended()

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
        if self._transport is None or self._ended or self._transport.is_closing() or wanted is self._reading:
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    @property
    def crowded(self) -> bool:
        """Whether more waits than a handshake needs."""
        return len(self._waiting) > limits.HELLO

    async def _change(self) -> None:
        """Until something comes in. ConnectionError, if nothing can."""
        assert self._changed is not None
        if self.gone or self._ended:
            raise ConnectionResetError("ended in the handshake")
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()

    def _received(self, data: bytes) -> None:
        if self._paused:
            self._waiting += data
            self._wake()
            if self.crowded:
                self.read(wanted=False)
        elif data and not self.closing:
            self._told.received(data)

    def _decrypted(self, layer: Layer, data: bytes) -> bytes:
        """Plain text. A peer that breaks TLS gets its alert and is gone: nothing after it can be believed."""
        transport, plain = self._transport, b""
        assert transport is not None
        try:
            plain = layer.receive(data)
        except ssl.SSLError as error:
            self._broken = error
        if answer := layer.take():
            transport.write(answer)
        if self._broken is not None:
            transport.close()
        elif layer.ended and not self._ended:
            self._received(plain)
            plain = b""
            self.eof_received()
        return plain

    def _send(self, transport: asyncio.Transport, batch: list[bytes]) -> None:
        if self._layer is None:
            transport.writelines(batch)
        else:
            self._layer.send(batch)
            transport.write(self._layer.take())

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
        if self._layer is not None and not self._said_eof:
            self._layer.say_goodbye()
            transport.write(self._layer.take())
        if self._ended or not transport.can_write_eof():
            transport.close()
        elif not transport.is_closing() and not self._said_eof:
            self._said_eof = True
            transport.write_eof()
