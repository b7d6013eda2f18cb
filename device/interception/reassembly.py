"""TCP put together from segments that were only overheard: in order, once, and with every hole told.

The rules
=========

1. A stream starts behind its SYN, or behind what the other side's SYN acknowledges. A capture that has neither starts it at the
   first segment that is seen.
2. Of bytes that come twice, the first copy counts. Where the copies differ, it is told: which of them a receiver took depends
   on the receiver, and to send both is an old way past whoever listens (Ptacek and Newsham, 1998).
3. Bytes that the other side acknowledges and that do not come within PATIENCE more segments are lost to the capture: the stream
   goes on behind them with a Hole. Without acknowledgements it does so once PENDING bytes wait, and at the connection's end.

Sequence numbers are modulo 2^32 (RFC 9293, 3.4).
"""

from dataclasses import dataclass, field
from typing import Final

from device.interception.packets import Flag, Segment
from device.interception.remarks import Remark

PATIENCE: Final = 64
"""Segments of the connection that may follow an acknowledgement before what it covers is given up."""

PENDING: Final = 4 * 1024 * 1024
"""Bytes that wait behind a hole: above what one connection has under way on most paths, and a bound for memory."""

WINDOW: Final = 1 << 30
"""The largest window that TCP knows (RFC 7323, 2.3): what is further ahead is not of this connection."""

PENDING_PIECES: Final = 4096
"""The same as a number of segments, however small they are."""

REMEMBERED: Final = 64 * 1024
"""Bytes already handed on that later copies are compared with: what a retransmission repeats is mostly younger."""


PIECE_COST: Final = 64
"""Bytes that a piece takes beside its content: what comes byte by byte takes most of its memory so."""


@dataclass(frozen=True, slots=True)
class Hole:
    """So many bytes of the stream were not captured."""

    size: int


Piece = bytes | Hole


@dataclass(slots=True)
class Stream:
    """One direction of a connection. Remarks gather in `remarks`; `ended` once its FIN and all before it came.

    Positions count on from the first sequence number, without end; `_at` is that of the next byte that is wanted.
    """

    remarks: set[Remark] = field(default_factory=set)
    ended: bool = False
    _at: int | None = None
    _pending: dict[int, bytes] = field(default_factory=dict)
    _waiting: int = 0
    _past: bytearray = field(default_factory=bytearray)
    _acknowledged: int | None = None
    _patience: int = PATIENCE
    _end: int | None = None

    @property
    def held(self) -> int:
        """Bytes of memory, about."""
        return self._waiting + len(self._past) + PIECE_COST * len(self._pending)

    def start(self, sequence: int) -> None:
        """The first byte has this number; known already, it stays what it was."""
        if self._at is None:
            self._at = sequence

    def feed(self, segment: Segment) -> list[Piece]:
        """The pieces of the stream that this segment completes."""
        sequence = segment.sequence
        if segment.flags & Flag.SYN:
            sequence += 1
        elif self._at is None and segment.payload:
            self.remarks.add(Remark.STARTED_IN_THE_MIDDLE)
        elif self._at is None:
            return []
        self.start(sequence)
        if segment.cut:
            self.remarks.add(Remark.CUT_PACKETS)
        elif segment.flags & Flag.FIN:
            self._end = self._position(sequence) + len(segment.payload)
        if segment.payload:
            self._keep(self._position(sequence), segment.payload)
        return self._ready()

    def acknowledge(self, number: int) -> list[Piece]:
        """The other side has everything before this byte; a hole that it covers is given up after a while."""
        if self._at is None:
            return []
        position = self._position(number)
        if abs(position - self._at) < WINDOW:
            self._acknowledged = max(position, self._acknowledged or position)
        if not self._pending or self._acknowledged is None or self._acknowledged < min(self._pending):
            self._patience = PATIENCE
            return []
        self._patience -= 1
        return self._skip() if self._patience < 0 else []

    def finish(self) -> list[Piece]:
        """Nothing more comes: everything that waits, and a Hole for what only the other side has."""
        pieces: list[Piece] = []
        while self._pending:
            pieces += self._skip()
        if self._at is not None and self._acknowledged is not None:
            fin = 0 if self._acknowledged == self._end else 1  # a FIN counts as one, seen or not
            if self._acknowledged - fin > self._at:
                pieces.append(self._lose(self._acknowledged - fin))
        self._past.clear()
        return pieces

    def _position(self, number: int) -> int:
        """Where a sequence number stands: the place nearest to the next byte that is wanted."""
        assert self._at is not None
        return self._at + ((number - self._at + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)

    def _keep(self, at: int, data: bytes) -> None:
        """Put new bytes where they belong; `_pending` has disjoint pieces by their positions."""
        assert self._at is not None
        if at > self._at + WINDOW:
            return
        if at < self._at:
            self._compare(at, data[: self._at - at])
            data, at = data[self._at - at :], self._at
        elif at > self._at:
            self.remarks.add(Remark.OUT_OF_ORDER)
        for start in sorted(self._pending):
            data, at = self._beside(start, data, at)
        if data:
            self._add(at, data)

    def _beside(self, start: int, data: bytes, at: int) -> tuple[bytes, int]:
        """What of the data, that starts at `at`, stands behind the piece at `start`; what stands in front of it is added."""
        old = self._pending[start]
        end, last = start + len(old), at + len(data)
        if last <= start or at >= end:
            return data, at
        low, high = max(start, at), min(end, last)
        self._note_copy(old[low - start : high - start], data[low - at : high - at])
        if at < start:
            self._add(at, data[: start - at])
        return data[max(end - at, 0) :], max(end, at)

    def _add(self, at: int, data: bytes) -> None:
        self._pending[at] = data
        self._waiting += len(data)

    def _compare(self, at: int, copy: bytes) -> None:
        """A copy of what is handed on already; a single byte before the next is a keep-alive (RFC 9293, 3.8.4)."""
        assert self._at is not None
        if len(copy) == 1 and at == self._at - 1:
            return
        from_end = self._at - at
        unknown = max(from_end - len(self._past), 0)
        start = len(self._past) - from_end + unknown
        known = bytes(self._past[start : start + len(copy) - unknown]) if unknown < len(copy) else b""
        self._note_copy(known, copy[unknown:])

    def _note_copy(self, first: bytes, second: bytes) -> None:
        self.remarks.add(Remark.RETRANSMITTED if first == second else Remark.OVERLAP_DIFFERS)

    def _ready(self) -> list[Piece]:
        pieces: list[Piece] = []
        while self._at in self._pending:
            pieces.append(self._take(self._at))
        while self._waiting > PENDING or len(self._pending) > PENDING_PIECES:
            pieces += self._skip()
        self.ended = self.ended or (self._end is not None and self._end == self._at)
        return pieces

    def _take(self, at: int) -> bytes:
        """The piece at this position, handed on."""
        data = self._pending.pop(at)
        self._waiting -= len(data)
        self._past += data
        if len(self._past) > 2 * REMEMBERED:
            del self._past[:-REMEMBERED]
        self._at = at + len(data)
        return data

    def _skip(self) -> list[Piece]:
        """Give up the hole before the first piece that waits; then that piece and what follows it directly."""
        self._patience = PATIENCE
        return [self._lose(min(self._pending)), *self._ready()]

    def _lose(self, until: int) -> Hole:
        assert self._at is not None
        hole = Hole(until - self._at)
        self.remarks.add(Remark.LOST)
        self._past.clear()
        self._at = until
        return hole
