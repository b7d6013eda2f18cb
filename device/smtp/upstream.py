"""The server as a session sees it: what is asked of it, in order, and what becomes of each answer."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from device.smtp import limits
from device.smtp.effects import Effect, ToServer
from device.smtp.grammar import BadReply, ReplyReader
from device.smtp.reply import Reply

Then = Callable[[Reply], None]
"""What is done with an answer."""


class UnaskedReply(BadReply):
    """The server sent a reply that answers nothing: 421, or a defect, or an injection."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("a reply to nothing")
        self.reply = reply


@dataclass(slots=True)
class Ask:
    """Bytes for the server and what is done with its answer. `alone`: nothing follows before the answer (RFC 2920, 3.1)."""

    pieces: Iterable[bytes]
    then: Then
    alone: bool


class Upstream:
    """Sends asks as PIPELINING allows, one by one without it; they go out as effects."""

    def __init__(self, effects: list[Effect]) -> None:
        self.pipelining = False
        self.lost = False
        self._effects = effects
        self._reader = ReplyReader()
        self._behind: deque[Reply] = deque()
        self._waiting: deque[Ask] = deque()
        self._sent: deque[Ask] = deque()

    @property
    def idle(self) -> bool:
        """Whether every answer has come."""
        return not self._sent and not self._waiting

    @property
    def nothing_behind(self) -> bool:
        """Whether nothing came behind the reply that is looked at, not even a part of one."""
        return not self._behind and self._reader.empty

    @property
    def takes_more(self) -> bool:
        """Whether a further command would be sent at once."""
        return self._clear and not self._waiting and len(self._sent) < limits.COMMANDS_IN_FLIGHT

    @property
    def _clear(self) -> bool:
        return not self._sent or (self.pipelining and not self._sent[-1].alone)

    def ask(self, pieces: Iterable[bytes], then: Then, *, alone: bool = True) -> None:
        """Asks, now or when it is this ask's turn."""
        self._waiting.append(Ask(pieces, then, alone))
        self._send_on()

    def expect(self, then: Then) -> None:
        """An answer comes unasked: the greeting."""
        self._sent.append(Ask((), then, alone=True))

    def receive(self, data: bytes) -> None:
        """The server's bytes. BadReply, if they are no reply or answer nothing."""
        self._behind.extend(self._reader.feed(data))
        while self._behind:
            reply = self._behind.popleft()
            if self.lost:
                return
            if not self._sent:
                raise UnaskedReply(reply)
            self._sent.popleft().then(reply)
            if self._waiting:
                self._send_on()

    def lose(self) -> None:
        """Nothing more can be asked, no answer comes."""
        self.lost = True
        self._waiting.clear()
        self._sent.clear()

    def _send_on(self) -> None:
        while self._waiting and self._clear and not self.lost:
            ask = self._waiting.popleft()
            self._sent.append(ask)
            self._effects.append(ToServer(ask.pieces))
