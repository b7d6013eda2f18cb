"""A stream of bytes as sealed chunks: AES-256-GCM, so that nothing can be cut off, moved, swapped or turned unseen.

    mark | chunk 0 | chunk 1 | … | last chunk          each chunk: up to 128 KiB of content, and a tag of 16 bytes

1. A key seals one stream and is never used again, so the counter of the chunks is a nonce that never repeats.
2. Counter and final flag stand in the nonce and in the associated data: a chunk opens in its own place alone, and a stream
   whose end is missing has no final chunk.
3. The context (whose content this is) is associated data of every chunk: nobody else's chunk opens.

Precedent: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, 2015), as age and Tink use it.
"""

import struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.errors import Damaged

CHUNK: Final = 128 * 1024
"""Bytes of content in a chunk; fixed by the mark's version."""

KEY_BYTES: Final = 32

_MARK: Final = b"SRXV\x01"
_SEALED_CHUNK: Final = CHUNK + 16


def binding(*names: str) -> bytes:
    """Names as associated data: each with its length, so that no two lists of names give the same bytes."""
    return b"".join(struct.pack(">I", len(each)) + each for each in (name.encode() for name in names))


class Sealer:
    """Content in, sealed bytes out. The key must be new, and is for this stream alone."""

    def __init__(self, key: bytes, context: bytes) -> None:
        self._chunks = _Chunks(key, context)
        self._waiting = bytearray()
        self._started = False

    def update(self, content: bytes) -> bytes:
        """What can be sealed now; the last chunk waits for finish()."""
        self._waiting += content
        sealed = [self._start()]
        while len(self._waiting) > CHUNK:
            sealed.append(self._chunks.seal(bytes(self._waiting[:CHUNK]), final=False))
            del self._waiting[:CHUNK]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The last chunk, which may be empty."""
        return self._start() + self._chunks.seal(bytes(self._waiting), final=True)

    def _start(self) -> bytes:
        mark = b"" if self._started else _MARK
        self._started = True
        return mark


class Opener:
    """Sealed bytes in, content out. Every byte that comes out is authentic; that the end came is known after finish()."""

    def __init__(self, key: bytes, context: bytes) -> None:
        self._chunks = _Chunks(key, context)
        self._waiting = bytearray()
        self._started = False

    def update(self, sealed: bytes) -> bytes:
        """What can be opened now. Raises Damaged."""
        self._waiting += sealed
        self._start()
        opened = []
        while len(self._waiting) > _SEALED_CHUNK:
            opened.append(self._chunks.open(bytes(self._waiting[:_SEALED_CHUNK]), final=False))
            del self._waiting[:_SEALED_CHUNK]
        return b"".join(opened)

    def finish(self) -> bytes:
        """The last chunk's content. Raises Damaged where the end is missing or not the true one."""
        if not self._started:
            raise Damaged("the sealed content is cut off")
        return self._chunks.open(bytes(self._waiting), final=True)

    def _start(self) -> None:
        if self._started or len(self._waiting) < len(_MARK):
            return
        if not self._waiting.startswith(_MARK):
            raise Damaged("this is not sealed content of a version that is known here")
        del self._waiting[: len(_MARK)]
        self._started = True


class _Chunks:
    """The chunks of one stream, in order."""

    def __init__(self, key: bytes, context: bytes) -> None:
        self._cipher = AESGCM(key)
        self._context = _MARK + context
        self._counter = 0

    def seal(self, content: bytes, *, final: bool) -> bytes:
        place = self._next_place(final=final)
        return self._cipher.encrypt(place, content, self._context + place)

    def open(self, sealed: bytes, *, final: bool) -> bytes:
        place = self._next_place(final=final)
        try:
            return self._cipher.decrypt(place, sealed, self._context + place)
        except InvalidTag:
            raise Damaged("the sealed content was changed, cut off, or belongs elsewhere") from None

    def _next_place(self, *, final: bool) -> bytes:
        """Twelve bytes: the chunk's number, and whether it is the last."""
        place = struct.pack(">Q3x?", self._counter, final)
        self._counter += 1
        return place
