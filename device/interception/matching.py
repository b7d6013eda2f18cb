"""Replies matched to the commands that they answer, however a capture mixed the two sides."""

from collections import deque
from collections.abc import Callable

from device.smtp.grammar import BadReply, ReplyReader
from device.smtp.reply import Reply

Then = Callable[[Reply | None], None]
"""What a command's reply means; None: it was not captured."""


def whatever(_: Reply | None) -> None:
    """The meaning of a reply that changes nothing."""


class Matching:
    """Commands that await a reply, and replies that await their command.

    `assumed` once replies are missing: from then on every command that has none gets None, and is taken for accepted.
    """

    def __init__(self) -> None:
        self.assumed = False
        self.waits = False
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._asked: deque[Then] = deque()

    @property
    def matters(self) -> bool:
        """Whether something hangs on a reply that is still to come."""
        return any(then is not whatever for then in self._asked)

    def ask(self, then: Then, *, waits: bool = False) -> None:
        """A command was sent; `waits`: what follows it can't be read before its reply."""
        self._asked.append(then)
        self.waits = waits
        self._match()

    def hear(self, data: bytes) -> bool:
        """The server sent this; false, if it is no SMTP, so that replies are assumed from here on."""
        try:
            self._replies.extend(self._reader.feed(data))
        except BadReply:
            self.assume()
            return False
        self._match()
        return True

    def assume(self) -> None:
        """Replies are missing."""
        self.assumed = True
        self._match()

    def _match(self) -> None:
        while self._asked and (self._replies or self.assumed):
            then = self._asked.popleft()
            self.waits = self.waits and bool(self._asked)
            then(self._replies.popleft() if self._replies else None)
