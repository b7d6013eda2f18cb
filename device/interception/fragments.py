"""IP packets put together from their pieces (RFC 791, 3.2; RFC 8200, 4.5).

Pieces that overlap spoil their packet, as they do for Linux and for every IPv6 receiver (RFC 5722): which bytes would count
depends on the receiver, and nobody sends such pieces without purpose. The same piece twice is no overlap.

What can't be put together is lost, and counted once a packet: pieces missing after SECONDS, overlapping, more than one packet
can have, or more than is kept.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from device.interception.packets import Fragment, Whole

SECONDS: Final = 30.0
"""How long pieces of a packet are waited for, from its first one: Linux's own patience (net.ipv4.ipfrag_time)."""

PACKETS: Final = 1024
"""IP packets in pieces at a time; the oldest goes first."""

BYTES: Final = 4 * 1024 * 1024
"""All that is kept of them: Linux's own bound (net.ipv4.ipfrag_high_thresh)."""

PIECES: Final = 128
"""Of one packet: 64 KiB in pieces of the smallest packet that every host takes, 576 bytes (RFC 791, 3.1)."""

_LONGEST: Final = 65_535


@dataclass(slots=True)
class _Packet:
    """What is there of one packet. `size` once its last piece came; `spoiled` ones only wait for being forgotten."""

    first_at: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    held: int = 0
    size: int | None = None
    spoiled: bool = False

    def take(self, piece: Fragment) -> bool:
        """Keep a piece; false, if it doesn't fit to the others."""
        end = piece.offset + len(piece.data)
        if self.pieces.get(piece.offset) == piece.data:
            return piece.more or self.size == end
        if not self._fits(piece, end):
            return False
        if not piece.more:
            self.size = end
        self.pieces[piece.offset] = piece.data
        self.held += len(piece.data)
        return True

    def _fits(self, piece: Fragment, end: int) -> bool:
        if not piece.data or end > _LONGEST or len(self.pieces) == PIECES:
            return False
        if piece.more and (len(piece.data) % 8 or (self.size is not None and end > self.size)):
            return False
        if not piece.more and (self.size is not None or any(at + len(data) > end for at, data in self.pieces.items())):
            return False
        return not any(at < end and piece.offset < at + len(data) for at, data in self.pieces.items())


class Fragments:
    """Pieces in, payloads of whole IP packets out. `lost` counts the packets that could not be put together."""

    def __init__(self) -> None:
        self.lost = 0
        self._packets: OrderedDict[Whole, _Packet] = OrderedDict()
        self._held = 0

    def feed(self, piece: Fragment, at: float) -> bytes | None:
        """The payload that this piece completes; `at` in seconds of any clock."""
        self._forget_old(at)
        packet = self._packets.setdefault(piece.whole, _Packet(at))
        before = packet.held
        if packet.spoiled or not packet.take(piece):
            self._spoil(packet)
            return None
        self._held += packet.held - before
        if packet.held == packet.size:
            self._forget(piece.whole)
            return b"".join(packet.pieces[start] for start in sorted(packet.pieces))
        while len(self._packets) > PACKETS or self._held > BYTES:
            self._give_up(next(iter(self._packets)))
        return None

    def finish(self) -> None:
        """Nothing more comes: what is not whole is lost."""
        while self._packets:
            self._give_up(next(iter(self._packets)))

    def _forget_old(self, at: float) -> None:
        while self._packets:
            whole, packet = next(iter(self._packets.items()))
            if at - packet.first_at < SECONDS:
                return
            self._give_up(whole)

    def _spoil(self, packet: _Packet) -> None:
        """The rest of its pieces will come, too, and must not be taken for another packet."""
        if not packet.spoiled:
            self.lost += 1
            self._held -= packet.held
        packet.spoiled, packet.held = True, 0
        packet.pieces.clear()

    def _give_up(self, whole: Whole) -> None:
        self._spoil(self._packets[whole])
        self._forget(whole)

    def _forget(self, whole: Whole) -> None:
        self._held -= self._packets.pop(whole).held
