"""The client as a session sees it: its input, waiting for its turn, and the replies that it is owed, in order."""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from device.smtp import limits
from device.smtp.effects import Effect, ToClient
from device.smtp.reply import Reply


class Presence(Enum):
    """The client's side of the connection."""

    OPEN = auto()
    ENDED = auto()
    GONE = auto()


@dataclass(slots=True)
class Slot:
    """A reply's place in line; empty until the reply is there."""

    reply: Reply | None = None


class Line(NamedTuple):
    """One line without its end; of one that was too long only the fact."""

    text: bytes
    too_long: bool = False


class Downstream:
    """Input and owed replies, which go out as effects."""

    def __init__(self, effects: list[Effect]) -> None:
        self.presence = Presence.OPEN
        self.may_be_crowded = False
        """False: surely no more than INPUT_AHEAD waits. True: look at `waiting`."""
        self._effects = effects
        self._data = b""
        self._at = 0
        self._skipping = False
        self._owed: deque[Slot] = deque()

    @property
    def waiting(self) -> int:
        """Bytes of input whose turn has not come."""
        return len(self._data) - self._at

    @property
    def settled(self) -> bool:
        """Whether every reply has gone out."""
        return not self._owed

    def receive(self, data: bytes) -> None:
        """More input."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        self.may_be_crowded = len(self._data) > limits.INPUT_AHEAD

    def peek(self) -> Line | None:
        """The next line, if it is whole; it stays until it is taken."""
        if self._at == len(self._data):
            return None
        end = self._data.find(b"\n", self._at)
        if end < 0:
            self._skip_overlong()
            return None
        too_long = self._skipping or end + 1 - self._at > limits.LINE
        return Line(b"", too_long=True) if too_long else Line(self._data[self._at : end].removesuffix(b"\r"))

    def take(self) -> None:
        """The line that was seen is done with."""
        self._at = self._data.find(b"\n", self._at) + 1
        self._skipping = False

    def take_all(self) -> bytes:
        """All of the input: a body takes it as it is, uncopied where it can."""
        data = self._data[self._at :] if self._at else self._data
        self._data, self._at = b"", 0
        return data

    def put_back(self, rest: bytes) -> None:
        """What a body did not need."""
        self._data, self._at = rest, 0

    def owe(self) -> Slot:
        """A place in line for the reply to the command just taken."""
        slot = Slot()
        self._owed.append(slot)
        return slot

    def answer(self, slot: Slot, reply: Reply) -> None:
        """The reply is there; it goes out when all before it are."""
        owed = self._owed
        if owed[0] is slot and len(owed) == 1:
            owed.popleft()
            self._send(reply)
            return
        slot.reply = reply
        while owed and (ready := owed[0].reply) is not None:
            owed.popleft()
            self._send(ready)

    def say(self, reply: Reply) -> None:
        """A reply at the end of the line."""
        if self._owed:
            self.answer(self.owe(), reply)
        else:
            self._send(reply)

    def say_last(self, reply: Reply) -> None:
        """A reply that ends the session, whatever else is owed (421)."""
        self._owed.clear()
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        if self.presence is not Presence.GONE:
            self._effects.append(ToClient(reply.wire()))

    def _skip_overlong(self) -> None:
        """Drops what has come of a line that is too long already, so that it costs no memory."""
        if self._skipping or self.waiting >= limits.LINE:
            self._skipping = True
            self._data, self._at = b"", 0
