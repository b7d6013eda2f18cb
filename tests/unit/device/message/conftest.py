"""How the tests of this room read a message: whole, or cut."""

from collections.abc import Callable, Iterable

import pytest

from device.message.limits import ScanLimits
from device.message.mime import Scanner
from device.message.reading import Reading

Scan = Callable[[bytes], Reading]
ScanPieces = Callable[[bytes, Iterable[int]], Reading]


def scan_whole(message: bytes, limits: ScanLimits | None = None) -> Reading:
    scanner = Scanner(limits)
    scanner.feed(message)
    return scanner.close()


def scan_cut(message: bytes, cuts: Iterable[int]) -> Reading:
    scanner = Scanner()
    position = 0
    for cut in [*cuts, len(message)]:
        scanner.feed(message[position:cut])
        position = cut
    return scanner.close()


@pytest.fixture
def scan() -> Scan:
    """Reads a message that comes in one piece."""
    return scan_whole


@pytest.fixture
def scan_pieces() -> ScanPieces:
    """Reads a message that is cut at these offsets."""
    return scan_cut
