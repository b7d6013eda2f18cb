"""One side's socket: what comes in is told, what goes out waits for room."""

import asyncio
import ssl
from asyncio.trsock import TransportSocket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, cast

import structlog

from device.smtp import limits
from device.smtp.intake import Endpoint
from device.tls.layer import HelloReader, Layer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told. `flowing`: the peer reads again, or no longer."""

    connected: Callable[[], None]
    received: Callable[[bytes], None]
    ended: Callable[[], None]
    lost: Callable[[], None]
    flowing: Callable[[], None]


def _nobody(*_: bytes) -> None:
    """Hears nothing."""


NOBODY: Final = Told(_nobody, _nobody, _nobody, _nobody, _nobody)


class Leg(asyncio.Protocol):
    """A TCP connection, and an outbox for what the socket has no room for.

    Whoever is told hears nothing more after close(), but that the connection is gone. Both event loops switch Nagle's delay off
    (TCP_NODELAY), and what is sent in one turn of uvloop's goes out in one write.

    Into TLS: pause(), secure(), ready(), catch_up(). In between what comes in waits, and nothing goes out unencrypted.
    """

    def __init__(self, told: Told) -> None:
        self.gone = False
        self.full = False
        self.closing = False
        self._stirred = False
        self._quiet_since = 0.0
        self._told = told
        self._transport: asyncio.Transport | None = None
        self._outbox: deque[Iterator[bytes]] = deque()
        self._reading = True
        self._ended = False
        self._said_eof = False
        self._peername: Any = None
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
    def was_reset(self) -> bool:
        """Whether the other end was gone before anybody looked."""
        return self._peername is None

    @property
    def peer(self) -> Endpoint:
        """The other end's address."""
        assert self._transport is not None
        host, port = self._peername[:2]
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
        self._stirred = True
        self._transport.set_write_buffer_limits(high=limits.WRITE_AHEAD)
        self._peername = self._transport.get_extra_info("peername")
        if self.closing:
            self.abort()
        elif self.was_reset:
            self._transport.abort()  # connection_lost() tells of it
        else:
            self._told.connected()

    def data_received(self, data: bytes) -> None:
        self._stirred = True
        if self._layer is None and not (self._paused or self.closing):
            self._told.received(data)
        elif not self._said_eof:
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
        self.full = False
        self._outbox.clear()
        self._wake()
        told, self._told = self._told, NOBODY  # so that session and legs do not keep one another in memory
        told.lost()

    def pause_writing(self) -> None:
        self.full = True
        self._told.flowing()

    def resume_writing(self) -> None:
        self.full = False
        self._flush()
        self._told.flowing()

    def send(self, data: bytes) -> None:
        """Sends a line or two, or nothing: now, if nothing waits before it."""
        if self._transport is None or self._outbox or self.full or self.gone or self._paused or self._layer is not None:
            self.send_pieces((data,))
        else:
            self._stirred = True
            self._transport.write(data)

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Takes a piece at a time and sends it as there is room: so a message on disk never is in memory."""
        self._outbox.append(iter(pieces))
        self._flush()

    def quiet(self, now: float) -> float:
        """Seconds without a byte either way, as far as they are known: counted from the first look after it."""
        if self._stirred:
            self._stirred, self._quiet_since = False, now
        return now - self._quiet_since

    def _flush(self) -> None:
        """Sends as much as there is room for."""
        transport = self._transport
        if transport is None or self.gone:
            return
        if self._paused:
            if self.closing:
                transport.abort()
            return
        try:
            while self._outbox and not self.full:
                self._stirred = True
                self._send(transport, self._next_batch())
        except OSError:
            # What can't be read back can't be sent: cut off, so that nobody takes the part for the whole.
            log.error("leg.cut-off", meaning="a held message can't be read back from disk")  # noqa: TRY400 no traceback
            self._outbox.clear()
            transport.abort()
            return
        if self.closing and not self._outbox:
            self._finish(transport)

    def pause(self) -> None:
        """What is queued goes out as it is; from here on everything waits for secure()."""
        assert self._transport is not None
        self._transport.write(b"".join(chain.from_iterable(self._outbox)))
        self._outbox.clear()
        self._paused = True
        self._changed = asyncio.Event()

    async def hello(self, reader: HelloReader) -> str | None:
        """The server name in the client's ClientHello; the bytes wait for secure(). ssl.SSLError, ConnectionError."""
        seen = 0
        while True:
            self._read_hello(reader, seen)
            if reader.complete:
                return reader.server_name
            seen = len(self._waiting)
            if seen > limits.HELLO:
                raise ssl.SSLError("ClientHello without an end")
            await self._change()

    async def secure(self, layer: Layer) -> None:
        """Shakes hands. ssl.SSLError, if the peer can't or doesn't prove who it is; ConnectionError, if it goes or never came."""
        if not self.started:
            raise ConnectionResetError("never connected")
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
        self._flush()

    def catch_up(self) -> None:
        """What waited is told."""
        waiting, self._waiting = self._waiting, b""
        self._received(waiting)
        if self._ended and not self.closing:
            self._told.ended()

    def close(self) -> None:
        """Closes when the outbox is empty."""
        self.closing = True
        self.read(wanted=True)
        self._flush()

    def abort(self) -> None:
        """Closes now."""
        self.closing = True
        self.full = False
        if self._transport is not None:
            self._transport.abort()

    def drop(self) -> None:
        """Closes when what was written is out: an alert says why, where there is one."""
        self.closing = True
        if self._transport is not None:
            self._transport.close()

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

    def _read_hello(self, reader: HelloReader, seen: int) -> None:
        assert self._transport is not None
        try:
            reader.feed(self._waiting[seen:])
        except ssl.SSLError:
            self._transport.write(reader.alert())
            raise

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
        batch: list[bytes] = []
        size = 0
        while self._outbox and size < limits.WRITE_SIZE:
            piece = next(self._outbox[0], None)
            if piece is None:
                self._outbox.popleft()
            else:
                batch.append(piece)
                size += len(piece)
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
            # A peer that has reset in this moment is ENOTCONN here; connection_lost tells of it.
            with suppress(OSError):
                transport.write_eof()
