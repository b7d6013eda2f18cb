"""What passes an interface of a network's host, frame by frame, both ways (packet(7)). Needs root, as the network does."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from lab.topology.build import inside

_EVERY_PROTOCOL: Final = 0x0003
"""linux/if_ether.h: ETH_P_ALL."""
_BUFFER_BY_FORCE: Final = 33
"""asm-generic/socket.h: SO_RCVBUFFORCE, beyond what the machine grants everyone."""
_BUFFER: Final = 64 * 1024 * 1024
_PACKET_LEVEL: Final = 263
_STATISTICS: Final = 6
"""linux/socket.h: SOL_PACKET; linux/if_packet.h: PACKET_STATISTICS."""
_FRAME_AT_MOST: Final = 128 * 1024
"""Larger than any that segmentation offload leaves whole."""


class FramesLost(Exception):
    """More passed than the buffer holds: the capture proves nothing."""


class Capture:
    """The frames of one interface, from the moment that it was opened. Made by capturing()."""

    def __init__(self, tap: socket.socket) -> None:
        self._tap = tap
        self._frames: list[bytes] = []

    def frames(self) -> list[bytes]:
        """Everything so far, in order; the kernel has kept it meanwhile. Raises FramesLost."""
        while True:
            try:
                self._frames.append(self._tap.recv(_FRAME_AT_MOST))
            except BlockingIOError:
                break
        _, lost = struct.unpack("II", self._tap.getsockopt(_PACKET_LEVEL, _STATISTICS, 8))
        if lost:
            raise FramesLost(f"{lost} frames")
        return list(self._frames)


@contextmanager
def capturing(namespace: str, interface: str) -> Iterator[Capture]:
    """Capture there until the block ends."""
    with inside(namespace):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with closing(tap):
        tap.setblocking(False)
        tap.setsockopt(socket.SOL_SOCKET, _BUFFER_BY_FORCE, _BUFFER)
        tap.bind((interface, _EVERY_PROTOCOL))
        yield Capture(tap)
