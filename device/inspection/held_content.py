"""The bytes of one message while it is held: in memory, and beyond a size on disk.

What is on disk has no name there, is sealed piece by piece under a key that lives in this object alone (AES-256-GCM, the piece's
number as nonce), and is gone with it, also when the device is killed.
"""

import os
import secrets
import tempfile
import weakref
from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from device.inspection.room import Room

_TAG: Final = 16
_NONCE: Final = 12


class _OnDisk(NamedTuple):
    """A sealed piece: its number, and where it lies."""

    number: int
    offset: int
    size: int


class HeldContent:
    """Takes pieces in and gives them back in order, as often as they are wanted; from disk one at a time."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._pieces: list[bytes | _OnDisk] = []
        self._in_memory = 0
        self._on_disk = 0
        self._spool: _Spool | None = None

    def append(self, piece: bytes) -> bool:
        """Hold it; False where there is no room, neither in memory nor on disk."""
        size = len(piece)
        small = self._spool is None and self._in_memory + size <= self._room.spill_above
        if small and self._room.memory.take(size):
            self._in_memory += size
            self._pieces.append(piece)
            return True
        return self._spill(piece)

    def __iter__(self) -> Iterator[bytes]:
        """OSError, if a piece can't be had back from disk as it was."""
        for piece in self._pieces:
            yield piece if isinstance(piece, bytes) else self._read(piece)

    def give_room_back(self) -> None:
        """Nobody will hold it much longer: others may have its room. Whoever still reads it may go on."""
        self._room.memory.give_back(self._in_memory)
        self._room.disk.give_back(self._on_disk)
        self._in_memory = self._on_disk = 0

    def _spill(self, piece: bytes) -> bool:
        size = len(piece) + _TAG
        if not self._room.disk.take(size):
            return False
        self._on_disk += size
        try:
            if self._spool is None:
                self._spool = _Spool(self._room.folder)
            self._pieces.append(self._spool.write(piece))
        except OSError:
            return False
        return True

    def _read(self, piece: _OnDisk) -> bytes:
        assert self._spool is not None
        return self._spool.read(piece)


class _Spool:
    """A file without a name, and the key of what is in it."""

    def __init__(self, folder: os.PathLike[str]) -> None:
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed when nobody reads it any more
        weakref.finalize(self, file.close)
        self._descriptor = file.fileno()
        self._cipher = AESGCM(secrets.token_bytes(32))
        self._written = 0
        self._pieces = 0

    def write(self, piece: bytes) -> _OnDisk:
        """OSError where the disk is full."""
        sealed = self._cipher.encrypt(_nonce(self._pieces), piece, None)
        lies = _OnDisk(self._pieces, self._written, len(sealed))
        while sealed:
            done = os.pwrite(self._descriptor, sealed, self._written)
            self._written += done
            sealed = sealed[done:]
        self._pieces += 1
        return lies

    def read(self, piece: _OnDisk) -> bytes:
        """OSError where it isn't there as it was written."""
        sealed = os.pread(self._descriptor, piece.size, piece.offset)
        try:
            return self._cipher.decrypt(_nonce(piece.number), sealed, None)
        except InvalidTag as error:
            raise OSError("a piece of a held message can't be read back") from error


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE, "big")
