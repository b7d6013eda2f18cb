"""A Reception that keeps what it is fed and decides what a test wants."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from device.actions.outcome import Deliver, Outcome
from device.message.envelope import Envelope
from device.smtp.intake import Peers
from device.smtp.reply import Reply

Decide = Callable[[list[bytes]], Outcome]


@dataclass
class KeptMessage:
    """One Intake; `ending` is what the session said at last: the server's reply code, "no word", or "abandoned"."""

    peers: Peers
    decide: Decide
    gate: asyncio.Event
    chunks: list[bytes] = field(default_factory=list)
    envelope: Envelope | None = None
    endings: list[str] = field(default_factory=list)
    concluded: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def feed(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    def streamable(self) -> Sequence[bytes] | None:
        return list(self.chunks)

    async def conclude(self, envelope: Envelope) -> Outcome:
        self.envelope = envelope
        self.concluded.set()
        await self.gate.wait()
        return self.decide(self.chunks)

    def settle(self, reply: Reply | None) -> None:
        self._end("no word" if reply is None else str(reply.code))

    def abandon(self) -> None:
        self._end("abandoned")

    def _end(self, how: str) -> None:
        self.endings.append(how)
        self.ended.set()

    @property
    def content(self) -> bytes:
        return b"".join(self.chunks)


@dataclass
class PassingReception:
    """Delivers by default. Clear `gate` to hold decisions back."""

    decide: Decide = Deliver
    messages: list[KeptMessage] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def begin(self, peers: Peers) -> KeptMessage:
        self.messages.append(KeptMessage(peers, self.decide, self.gate))
        return self.messages[-1]
