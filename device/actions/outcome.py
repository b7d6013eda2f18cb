"""What is to be done with one message, as the SMTP session needs it: something to deliver, something else, or a refusal."""

from collections.abc import Iterable
from dataclasses import dataclass

from device.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send this content in the client's own transaction; the client gets the server's reply.

    Chunks of the message, dot-stuffing undone; for untouched mail the very bytes that came. They can be gone through again.
    `changed`, if they are anything but the bytes that came.
    """

    content: Iterable[bytes]
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    """Send this message instead, to all recipients, in a transaction of its own. `mail_from` is empty for the null path."""

    mail_from: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send nothing; the client gets this reply."""

    reply: Reply


Outcome = Deliver | Replace | Refuse
