"""Replies matched to the commands that they answer, however a capture mixed the two sides.

Replies come in the order of their commands. Where a server left one out, or said one too much, all that follow would be a step
off; so what can't be right is used to fall into step again: a greeting is no 250, only DATA gets 354, and DATA never gets 2xx.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from device.smtp.grammar import BadReply, ReplyReader
from device.smtp.reply import Reply

BACKLOG: Final = 10_000
"""Commands without a reply, or replies without a command, after which one side is taken for not captured."""

Then = Callable[[Reply | None], None]
"""What a command's reply means; None: it was not captured."""


def whatever(_: Reply | None) -> None:
    """The meaning of a reply that changes nothing."""


class Kind(Enum):
    """What a reply can be to."""

    CONNECTION = auto()
    COMMAND = auto()
    DATA = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """Something that awaits a reply."""

    kind: Kind
    then: Then


class Matching:
    """Commands that await a reply, and replies that await their command.

    `assumed` once replies are missing: from then on every command that has none gets None, and is taken for accepted.
    `out_of_step`: some reply answered nothing, or some command had none.
    """

    def __init__(self) -> None:
        self.assumed = False
        self.waits = False
        self.out_of_step = False
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._asked: deque[Question] = deque()

    @property
    def matters(self) -> bool:
        """Whether something hangs on a reply that is still to come."""
        return any(question.then is not whatever for question in self._asked)

    def ask(self, then: Then, *, kind: Kind = Kind.COMMAND, waits: bool = False) -> None:
        """A command was sent; `waits`: what follows it can't be read before its reply."""
        self._asked.append(Question(kind, then))
        self.waits = waits
        self._match()

    @property
    def backlog(self) -> int:
        """Commands that await their replies, or replies their commands: not both at a time."""
        return len(self._asked) + len(self._replies)

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
        if self.backlog > BACKLOG:
            self._replies.clear()

    def _match(self) -> None:
        while self._asked and (self._replies or self.assumed):
            question = self._asked[0]
            if self._replies and question.kind is Kind.DATA and self._replies[0].positive:
                self._replies.popleft()
                self.out_of_step = True
                continue
            self._asked.popleft()
            self.waits = self.waits and bool(self._asked)
            question.then(self._reply_to(question))

    def _reply_to(self, question: Question) -> Reply | None:
        """The next reply, if it can be the question's."""
        if not self._replies:
            return None
        code = self._replies[0].code
        no_greeting = question.kind is Kind.CONNECTION and code == 250
        no_answer = question.kind is not Kind.DATA and code == 354 and self._data_is_asked()
        if no_greeting or no_answer:
            self.out_of_step = True
            return None
        return self._replies.popleft()

    def _data_is_asked(self) -> bool:
        return any(question.kind is Kind.DATA for question in self._asked)
