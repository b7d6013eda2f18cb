"""What a session asks of the world. The shell does them in order.

Nobody changes an effect; why they are not frozen stands in events.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from device.message.envelope import Envelope
from device.smtp.intake import Peers
from device.smtp.reply import Reply
from device.smtp.second_delivery import Mail


@dataclass(slots=True)
class ToClient:
    """Send this to the client."""

    data: bytes


@dataclass(slots=True)
class ToServer:
    """Send these pieces to the server; what is small goes in one go, a message's terminator with its last bytes."""

    pieces: Iterable[bytes]


@dataclass(slots=True)
class CloseClient:
    """Close the client's connection when all is sent."""


@dataclass(slots=True)
class CloseServer:
    """Close the server's connection when all is sent."""


@dataclass(slots=True)
class Encrypt:
    """Encrypt both legs; events.Secured or ServerNotSecured comes back. Nothing that came before is heard after."""


@dataclass(slots=True)
class Uninspected:
    """Count that from here on bytes are handed on unread."""


@dataclass(slots=True)
class BeginMessage:
    """Reception.begin: a message starts."""

    peers: Peers


@dataclass(slots=True)
class FeedMessage:
    """Intake.feed: more of the message."""

    chunk: bytes


@dataclass(slots=True)
class AskToStream:
    """Intake.streamable: may the message be handed on already? events.MayStream comes back."""


@dataclass(slots=True)
class CutServer:
    """Close the server's connection now, whatever waits to be sent."""


@dataclass(slots=True)
class SendAnew:
    """Deliver this over a new connection to the server; events.SentAnew comes back."""

    mail: Mail


@dataclass(slots=True)
class ConcludeMessage:
    """Intake.conclude: the message is whole. The outcome comes back as events.Decided."""

    envelope: Envelope


@dataclass(slots=True)
class SettleMessage:
    """Intake.settle: what the server said; None, if it never did."""

    reply: Reply | None


@dataclass(slots=True)
class AbandonMessage:
    """Intake.abandon; a conclusion that is still under way is cancelled."""


@dataclass(slots=True)
class Note:
    """Something for the log: an event's name and the reply that goes with it. Never content."""

    event: str
    reply: Reply | None = None


Effect = (
    ToClient
    | ToServer
    | CloseClient
    | CloseServer
    | Encrypt
    | Uninspected
    | BeginMessage
    | FeedMessage
    | AskToStream
    | CutServer
    | SendAnew
    | ConcludeMessage
    | SettleMessage
    | AbandonMessage
    | Note
)
