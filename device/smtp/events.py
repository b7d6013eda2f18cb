"""What can happen to a session. The shell tells, the session answers with effects.

Nobody changes an event. They are not frozen because a frozen one takes half as long again to make, and a mail has fifteen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from device.actions.outcome import Outcome
from device.smtp.intake import Endpoint
from device.smtp.reply import Reply


@dataclass(slots=True)
class ServerConnected:
    """The connection to the real server stands, at that address; its greeting is still to come."""

    server: Endpoint


@dataclass(slots=True)
class ServerBytes:
    """The server sent."""

    data: bytes


@dataclass(slots=True)
class ServerLost:
    """The server could not be reached, ended its side, or was reset: for SMTP all the same."""


@dataclass(slots=True)
class ServerSilent:
    """The server did not answer in time."""


@dataclass(slots=True)
class ClientBytes:
    """The client sent."""

    data: bytes


@dataclass(slots=True)
class ClientEnded:
    """The client sends no more, and may still be listening."""


@dataclass(slots=True)
class ClientLost:
    """The client is gone: reset, or nothing can be written to it."""


@dataclass(slots=True)
class ClientSilent:
    """The client did not send in time."""


@dataclass(slots=True)
class Secured:
    """Both legs are encrypted; `verified`: the server proved to be who it should be."""

    verified: bool


@dataclass(slots=True)
class ServerNotSecured:
    """The server could not be spoken with in TLS, or is not who policy wants. The client's leg is encrypted."""


@dataclass(slots=True)
class Decided:
    """Inspection has come to an outcome."""

    outcome: Outcome


@dataclass(slots=True)
class MayStream:
    """Whether the message may be handed on while it is inspected: what has come of it so far; None: it may not."""

    pieces: Sequence[bytes] | None


@dataclass(slots=True)
class SentAnew:
    """The second delivery is over; without a reply it broke, before or after all was `sent`."""

    reply: Reply | None
    sent: bool


@dataclass(slots=True)
class KeepaliveDue:
    """The server has waited for a while; told only while Session.holding."""


@dataclass(slots=True)
class Stopping:
    """The device is going down: whoever is in a transaction may end it."""


@dataclass(slots=True)
class StopNow:
    """The time for that is over."""


Event = (
    ServerConnected
    | ServerBytes
    | ServerLost
    | ServerSilent
    | ClientBytes
    | ClientEnded
    | ClientLost
    | ClientSilent
    | Secured
    | ServerNotSecured
    | Decided
    | MayStream
    | SentAnew
    | KeepaliveDue
    | Stopping
    | StopNow
)
