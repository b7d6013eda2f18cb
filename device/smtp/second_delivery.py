"""One message over a connection of its own: greeting, EHLO, MAIL, RCPT, DATA, content, QUIT, one after the other.

For a message whose first connection was cut (streaming). Without input or output: replies come in, bytes to send go out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from device.smtp.framing import stuffed
from device.smtp.grammar import CRLF, BadReply, ReplyReader
from device.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Mail:
    """What is delivered: `header` goes in front of everything, the commands are whole but for their line ends."""

    header: bytes
    name: bytes
    mail: bytes
    recipients: tuple[bytes, ...]
    content: Iterable[bytes]


class SecondDelivery:
    """`reply` is the server's word on the message: the first refusal, or what it said to the content; None while it lacks."""

    def __init__(self, mail: Mail) -> None:
        self.reply: Reply | None = None
        self.sent = False
        self.over = False
        self._mail = mail
        self._reader = ReplyReader()
        self._commands = [b"EHLO " + (mail.name or b"[127.0.0.1]"), mail.mail, *mail.recipients, b"DATA"]
        self._asked = b""

    @property
    def header(self) -> bytes:
        """What goes to the server before it has said anything; often nothing."""
        return self._mail.header

    def receive(self, data: bytes) -> Iterable[bytes]:
        """The server's bytes; gives what it gets next. A server that speaks no SMTP is one that said nothing."""
        try:
            replies = self._reader.feed(data)
        except BadReply:
            self.over = True
            return ()
        return [piece for reply in replies for piece in self._next(reply)]

    def _next(self, reply: Reply) -> Iterable[bytes]:
        if self.over:
            return ()
        if self.sent or not self._goes_on(reply):
            self.reply, self.over = reply, True
            return (b"QUIT" + CRLF,)
        if self._asked == b"DATA":
            self.sent = True
            return stuffed(self._mail.content)
        self._asked = self._commands.pop(0)
        return (self._asked + CRLF,)

    def _goes_on(self, reply: Reply) -> bool:
        return reply.code == 354 if self._asked == b"DATA" else reply.positive
