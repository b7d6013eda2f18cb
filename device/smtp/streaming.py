"""Handing a message on to the server while it is inspected, all but its end: the second mode of delivery, off by default.

A large message costs hardly more time than without a device: the server takes it in while it comes. What the server never gets
before the outcome are the last bytes and the end of data; without that it has no message (RFC 5321, 4.1.1.4), but it has seen
most of it. An outcome that is anything but "as it came" cuts the connection, and goes to the server over another one
(second_delivery).

It begins when a message is large enough for it, and nothing speaks for holding: an AUTH that a second connection could not
repeat, encryption or XCLIENT that it would have to begin anew, a body by BDAT, or what inspection knows (intake.streamable).
"""

from collections.abc import Callable, Sequence
from enum import Enum, StrEnum, auto
from typing import Final

from device.smtp.effects import AskToStream, ToServer
from device.smtp.exchange import Exchange
from device.smtp.framing import Stuffer
from device.smtp.reply import Reply

STREAM_FROM: Final = 65_536
"""Bytes of a message; below, holding costs less than a millisecond, and an outcome that changes it costs no connection."""

WITHHELD: Final = 4_096
"""The last bytes of a message, which wait for the outcome with the end of data; more than a line of any size (RFC 5321)."""


class Delivery(StrEnum):
    """Whether the server gets a message when it is decided, or while it is inspected."""

    HOLD = "hold"
    STREAM = "stream"


class _Stage(Enum):
    """How far it has come.

    WAITING: it may yet begin. ASKED: inspection is asked. OFFERED: DATA is sent. OPEN: the server said 354. REFUSED: it didn't.
    HOLDING: it doesn't begin, or is over.
    """

    WAITING = auto()
    ASKED = auto()
    OFFERED = auto()
    OPEN = auto()
    HOLDING = auto()
    REFUSED = auto()


class Streaming:
    """One session's messages on their way while they are inspected."""

    def __init__(self, exchange: Exchange, delivery: Delivery) -> None:
        self._exchange = exchange
        self._wanted = delivery is Delivery.STREAM
        self._stage = _Stage.HOLDING
        self._size = 0
        self._unsent: list[bytes] = []
        self._stuffer = Stuffer()

    @property
    def begun(self) -> bool:
        """Whether DATA has gone to the server ahead of the outcome, and was not refused."""
        return self._stage in (_Stage.OFFERED, _Stage.OPEN)

    @property
    def open(self) -> bool:
        """Whether the server takes the message in."""
        return self._stage is _Stage.OPEN

    @property
    def refused(self) -> bool:
        """Whether the server refused DATA; it said so through `opened`."""
        return self._stage is _Stage.REFUSED

    @property
    def jammed(self) -> bool:
        """Whether more of the message would only wait: the server has not answered DATA yet."""
        return self._stage is _Stage.OFFERED

    def begin(self, *, possible: bool) -> None:
        """A message starts; `possible`, if nothing in the session speaks against it."""
        self._stage = _Stage.WAITING if self._wanted and possible else _Stage.HOLDING
        self._size, self._unsent, self._stuffer = 0, [], Stuffer()

    def fed(self, pieces: Sequence[bytes], *, last: bool) -> None:
        """More of the message, or the last of it."""
        if self._stage in (_Stage.ASKED, _Stage.OFFERED, _Stage.OPEN):
            self._unsent.extend(pieces)
            if self._stage is _Stage.OPEN and not last:
                self.send_on()
        elif self._stage is _Stage.WAITING:
            self._size += sum(map(len, pieces))
            if self._size >= STREAM_FROM and not last:
                self._stage = _Stage.ASKED
                self._exchange.effects.append(AskToStream())

    def begin_with(self, pieces: Sequence[bytes] | None, opened: Callable[[Reply], None]) -> None:
        """The inspection lets it begin, and this is the message so far; None: it has to be held.

        `opened` is told of the server's word to DATA.
        """
        if self._stage is not _Stage.ASKED:
            return
        if pieces is None:
            self.hold()
            return
        self._stage = _Stage.OFFERED
        self._unsent = [*pieces, *self._unsent]
        self._exchange.upstream.ask((b"DATA\r\n",), lambda reply: self._answered(reply, opened))

    def hold(self) -> None:
        """Not this message, or no longer."""
        self._stage, self._unsent = _Stage.HOLDING, []

    def send_on(self) -> None:
        """The server gets what has come so far, but for the newest bytes: they may be the last ones."""
        *before, newest = self._unsent
        if len(newest) > WITHHELD:
            before.append(newest[:-WITHHELD])
        self._exchange.effects.extend(ToServer((self._stuffer.piece(each),)) for each in before)
        self._unsent = [newest[-WITHHELD:]]

    def rest(self) -> list[bytes]:
        """What the server has not got yet, the end of data included; with that it is over."""
        rest = [*map(self._stuffer.piece, self._unsent), self._stuffer.end()]
        self.hold()
        return rest

    def _answered(self, reply: Reply, opened: Callable[[Reply], None]) -> None:
        if reply.code == 354:
            self._stage = _Stage.OPEN
        else:
            self._stage, self._unsent = _Stage.REFUSED, []
        opened(reply)
