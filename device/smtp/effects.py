"""What a session asks of the world. The shell does them in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from device.message.envelope import Envelope
from device.smtp.intake import Peers
from device.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class ToClient:
    """Send this to the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToServer:
    """Send these pieces to the server, in one go: a message and its terminator come together."""

    pieces: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class CloseClient:
    """Close the client's connection when all is sent."""


@dataclass(frozen=True, slots=True)
class CloseServer:
    """Close the server's connection when all is sent."""


@dataclass(frozen=True, slots=True)
class Encrypt:
    """Encrypt both legs; events.Secured or ServerNotSecured comes back. Nothing that came before is heard after."""


@dataclass(frozen=True, slots=True)
class Uninspected:
    """Count that from here on bytes are handed on unread."""


@dataclass(frozen=True, slots=True)
class BeginMessage:
    """Reception.begin: a message starts."""

    peers: Peers


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """Intake.feed: more of the message."""

    chunk: bytes


@dataclass(frozen=True, slots=True)
class ConcludeMessage:
    """Intake.conclude: the message is whole. The outcome comes back as events.Decided."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class SettleMessage:
    """Intake.settle: what the server said; None, if it never did."""

    reply: Reply | None


@dataclass(frozen=True, slots=True)
class AbandonMessage:
    """Intake.abandon; a conclusion that is still under way is cancelled."""


@dataclass(frozen=True, slots=True)
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
    | ConcludeMessage
    | SettleMessage
    | AbandonMessage
    | Note
)
