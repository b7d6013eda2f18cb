"""One message over a connection of its own: greeting, EHLO, MAIL, RCPT, DATA, content, QUIT, one after the other.

For a message whose first connection was cut (streaming). Without input or output: replies come in, bytes to send go out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from device.smtp.framing import Stuffer
from device.smtp.grammar import CRLF, BadReply, ReplyReader
from device.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Mail:
    """What is delivered: `header` goes in front of everything, the commands are whole but for their line ends."""

    header: bytes
    greeting: bytes
    mail: bytes
    recipients: tuple[bytes, ...]
    content: Iterable[bytes]


class SecondDelivery:
    """`reply` is the server's word on the message: the first refusal of it, or what it said to the content.

    None where there was no such word: a server that will not even be greeted, says what nobody asked for, or speaks no SMTP.
    """

    def __init__(self, mail: Mail) -> None:
        self.reply: Reply | None = None
        self.sent = False
        self.over = False
        self._mail = mail
        self._reader = ReplyReader()
        self._commands = [mail.greeting, mail.mail, *mail.recipients, b"DATA"]
        self._said = 0
        self._offered = False

    @property
    def header(self) -> bytes:
        """What goes to the server before it has said anything; often nothing."""
        return self._mail.header

    def receive(self, data: bytes) -> Iterable[bytes]:
        """The server's bytes; gives what it gets next, piece by piece."""
        if self.over:
            return ()
        try:
            replies = self._reader.feed(data)
        except BadReply:
            replies = []
            self.over = True
        if len(replies) > 1:
            self.over = True
        return () if self.over or not replies else self._next(replies[0])

    def _next(self, reply: Reply) -> Iterable[bytes]:
        if self._goes_on(reply):
            return self._go_on()
        about_the_message = self._said > 1
        if about_the_message and (reply.code >= 400 or (self.sent and reply.positive)):
            self.reply = reply
        self.over = True
        return (b"QUIT" + CRLF,)

    def _goes_on(self, reply: Reply) -> bool:
        if self._offered:
            return False
        return reply.code == 354 if self._said == len(self._commands) else reply.positive

    def _go_on(self) -> Iterable[bytes]:
        if self._said == len(self._commands):
            self._offered = True
            return self._content()
        self._said += 1
        return (self._commands[self._said - 1] + CRLF,)

    def _content(self) -> Iterator[bytes]:
        stuffer = Stuffer()
        for piece in self._mail.content:
            yield stuffer.piece(piece)
        self.sent = True
        yield stuffer.end()
