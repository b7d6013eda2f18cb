"""One overheard connection, and its two sides told apart.

The client is who sent the SYN. A capture that starts later tells by ports, then by what is said: a server's lines start with a
number. A connection is SMTP where the server's port is one for mail, or where its first words are.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Generic, TypeVar

from device.interception.overheard import Heard
from device.interception.overhearing import Overhearing
from device.interception.packets import Flag, Segment
from device.interception.reassembly import Hole, Piece, Stream
from device.interception.remarks import Remark
from device.smtp.intake import Endpoint, Peers

SMTP_PORTS: Final = frozenset({25, 465, 587, 2525})
"""Relay, submission over TLS, submission, and the usual stand-in for 25."""

_CLIENT_WORDS: Final = re.compile(rb"(EHLO |HELO |MAIL FROM:)", re.IGNORECASE)
_SERVER_WORDS: Final = re.compile(rb"[2-5]\d\d[ -]")
_FIRST_WORDS: Final = 10
_EARLY: Final = 64 * 1024
"""Bytes that are kept before it is known whether a connection speaks SMTP."""

Message = TypeVar("Message")


class Phase(Enum):
    """How far a connection is. HALF_OPEN: nothing but SYNs and refusals. ENDED: nothing more is to be heard on it."""

    HALF_OPEN = "half-open"
    OPEN = "open"
    ENDED = "ended"


@dataclass(slots=True)
class Session(Generic[Message]):
    """A connection that speaks SMTP: who with whom, what was made of its messages, and what is to be said of all of it.

    `told` is what was said already with earlier messages; None where there were none.
    """

    peers: Peers
    messages: list[Message] = field(default_factory=list)
    remarks: set[Remark] = field(default_factory=set)
    told: set[Remark] | None = None


class Connection(Generic[Message]):
    """Both streams of one connection, and the dialogue on them once it is one of SMTP. `first` is the first sender."""

    def __init__(
        self,
        first: Endpoint,
        second: Endpoint,
        size_limit: int,
        read: Callable[[Heard], Message],
        ports: frozenset[int] = SMTP_PORTS,
    ) -> None:
        self._ends = (first, second)
        self._streams = {first: Stream(), second: Stream()}
        self._said = {first: b"", second: b""}
        self._early: list[tuple[Endpoint, Piece]] = []
        self._early_size = 0
        self._client: Endpoint | None = None
        self._syn: int | None = None
        self._from_start = False
        self._spoken = False
        self._reset = False
        self._other = False
        self._dialogue: Overhearing | None = None
        self._messages: list[Message] = []
        self._told: set[Remark] | None = None
        self._hand_over: Callable[[Heard], None] = lambda heard: self._messages.append(read(heard))
        self._size_limit = size_limit
        self._ports = ports

    @property
    def phase(self) -> Phase:
        """How far it is."""
        if self._other or self._reset or all(stream.ended for stream in self._streams.values()):
            return Phase.ENDED
        return Phase.OPEN if self._spoken else Phase.HALF_OPEN

    @property
    def held(self) -> int:
        """Bytes of memory, about."""
        streams = sum(stream.held for stream in self._streams.values())
        return streams + self._early_size + (0 if self._dialogue is None else self._dialogue.held)

    @property
    def has_news(self) -> bool:
        """Whether messages are whole that so_far() has not given yet."""
        return bool(self._messages)

    def renewed_by(self, segment: Segment) -> bool:
        """Whether this segment opens another connection between the same two ends."""
        if not segment.flags & Flag.SYN or segment.flags & Flag.ACK:
            return False
        return self._syn != segment.sequence if self._syn is not None else self._dialogue is not None

    def feed(self, segment: Segment) -> None:
        """One more segment."""
        if self._other:
            return
        sender, receiver = segment.source, self._opposite(segment.source)
        if segment.flags & Flag.SYN:
            self._see_syn(segment, receiver)
        self._reset = self._reset or bool(segment.flags & Flag.RST)
        follows_handshake = self._from_start and not segment.flags & (Flag.SYN | Flag.RST)
        self._spoken = self._spoken or follows_handshake or bool(segment.payload)
        pieces = [(sender, piece) for piece in self._streams[sender].feed(segment)]
        if segment.flags & Flag.ACK:
            pieces += [(receiver, piece) for piece in self._streams[receiver].acknowledge(segment.acknowledgement)]
        self._hear(pieces)

    def so_far(self) -> Session[Message] | None:
        """The messages since the last time, and everything that is to be said of the connection until now."""
        if self._dialogue is None or self._client is None:
            return None
        remarks = {remark for stream in self._streams.values() for remark in stream.remarks} | self._dialogue.remarks
        session = Session(Peers(self._client, self._opposite(self._client)), self._messages, remarks, self._told)
        if session.messages:
            self._told = (self._told or set()) | remarks
        self._messages = []
        return session

    def finish(self, unended: Remark = Remark.UNENDED) -> Session[Message] | None:
        """Nothing more comes: what is left, and the session if it was one of SMTP and something was said in it.

        `unended` is what is said where the connection has not ended.
        """
        if self._other:
            return None
        self._hear([(end, piece) for end, stream in self._streams.items() for piece in stream.finish()])
        if self._dialogue is not None:
            self._dialogue.finish()
        session = self.so_far()
        if session is not None and self.phase is not Phase.ENDED:
            session.remarks.add(unended)
        return session

    def _opposite(self, end: Endpoint) -> Endpoint:
        return self._ends[1] if end == self._ends[0] else self._ends[0]

    def _see_syn(self, segment: Segment, receiver: Endpoint) -> None:
        """A SYN says who the client is; one with an acknowledgement also where the other stream starts."""
        self._from_start = True
        if segment.flags & Flag.ACK:
            self._client = receiver
            self._streams[receiver].start(segment.acknowledgement)
        else:
            self._client, self._syn = segment.source, segment.sequence

    def _hear(self, pieces: list[tuple[Endpoint, Piece]]) -> None:
        """Hand pieces to the dialogue; before it is known to be one, they wait."""
        if self._dialogue is None and pieces:
            self._early += pieces
            self._look_at_words(pieces)
            if not self._is_smtp():
                self._forget_when_hopeless()
                return
            self._dialogue = Overhearing(self._size_limit, self._hand_over, from_start=self._from_start)
            pieces, self._early, self._early_size = self._early, [], 0
        if self._dialogue is not None:
            for end, piece in pieces:
                self._tell(self._dialogue, end, piece)

    def _tell(self, dialogue: Overhearing, end: Endpoint, piece: Piece) -> None:
        match piece, end == self._client:
            case Hole(size), True:
                dialogue.lose_client(size)
            case Hole(), False:
                dialogue.lose_server()
            case bytes(data), True:
                dialogue.hear_client(data)
            case bytes(data), False:
                dialogue.hear_server(data)

    def _look_at_words(self, pieces: list[tuple[Endpoint, Piece]]) -> None:
        for end, piece in pieces:
            if isinstance(piece, bytes):
                self._early_size += len(piece)
                self._said[end] += piece[: _FIRST_WORDS - len(self._said[end])]

    def _is_smtp(self) -> bool:
        if self._client is None:
            self._client = self._client_by_port() or self._client_by_words()
        if self._client is None:
            return False
        return self._opposite(self._client).port in self._ports or bool(_CLIENT_WORDS.match(self._said[self._client]))

    def _client_by_port(self) -> Endpoint | None:
        first, second = self._ends
        if (first.port in self._ports) == (second.port in self._ports):
            return None
        return second if first.port in self._ports else first

    def _client_by_words(self) -> Endpoint | None:
        for end in self._ends:
            if _CLIENT_WORDS.match(self._said[end]) or _SERVER_WORDS.match(self._said[self._opposite(end)]):
                return end
        return None

    def _forget_when_hopeless(self) -> None:
        """A client that began otherwise, or too much from whoever it is: nothing of it has to be kept."""
        asked = b"" if self._client is None else self._said[self._client]
        if len(asked) >= _FIRST_WORDS or self._early_size > _EARLY:
            self._other = True
            self._early, self._early_size, self._streams = [], 0, {}
