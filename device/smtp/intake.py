"""What the session asks of whoever inspects: the only door between SMTP and the decision.

For each message the session calls begin() when it answers 354 (or takes the first BDAT), feed() for every chunk,
conclude() once at end of data, and then exactly one of settle() and abandon(). Before conclude(), abandon() ends it.
"""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from device.actions.outcome import Outcome
from device.message.envelope import Envelope
from device.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address as text and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read HOST:PORT, IPv6 addresses in brackets. Raises ValueError."""
        parts = urlsplit(f"//{text}")
        if not parts.hostname or parts.port is None or parts.netloc != text or "@" in text:
            raise ValueError(text)
        return cls(parts.hostname, parts.port)


@dataclass(frozen=True, slots=True)
class Peers:
    """Who speaks with whom: the client, the server it meant, and what the client said in HELO or EHLO."""

    client: Endpoint
    server: Endpoint
    greeting_name: bytes = b""


class Intake(Protocol):
    """One message being received."""

    def feed(self, chunk: bytes) -> None:
        """More of the message, dot-stuffing undone. Never blocks and never raises for what the bytes hold."""

    def streamable(self) -> Sequence[bytes] | None:
        """What has come so far, if it may be handed on before the message is decided; None, if it has to be held."""

    def conclude(self, envelope: Envelope) -> Outcome | Coroutine[Any, Any, Outcome]:
        """The message is whole: decide, at once where nobody has to be asked.

        Else in a coroutine, bounded in time by the verdict deadline; it may be cancelled when the client resets.
        """

    def settle(self, reply: Reply | None) -> None:
        """What the server said to what the outcome had us send; None: the connection broke before any word came."""

    def abandon(self) -> None:
        """Nothing more comes and nothing was sent: forget the message. Anything stored is settled as refused."""


class Reception(Protocol):
    """Whoever takes messages in."""

    def begin(self, peers: Peers) -> Intake:
        """A message starts."""
