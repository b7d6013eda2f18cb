"""The vault: a message's bytes and the device's reading of it, sealed together under a key of their own.

    sealed stream (sealing.py) = length of the manifest, 4 bytes | manifest | the message's bytes

1. A new key for each message seals one stream, bound to realm and message.
2. The realm's key wraps it; the wrapped key goes into the message's row, never beside the content.
3. Destroying that one column makes the content unreadable, wherever copies of the blob may lie.
"""

import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from cloud.errors import Damaged, OutOfResources
from cloud.quarantine.held import Sealed
from cloud.quarantine.keys import KeyRing
from cloud.quarantine.sealing import Opener, Sealer, binding
from cloud.storage.blobs import BlobEntry, Blobs

RESERVE = 64 * 1024 * 1024
"""Bytes of the disk that are left to the database and the log: refusing mail beats a database that can't write."""

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose content it is; what is sealed for one place opens in no other."""

    realm_id: str
    message_id: str

    @property
    def blob(self) -> str:
        """The blob's name."""
        return f"{self.realm_id}/{self.message_id}"

    @property
    def context(self) -> bytes:
        """What every chunk is bound to."""
        return binding("srxlab.message", self.realm_id, self.message_id)

    @property
    def key_purpose(self) -> str:
        """What the wrapped key is bound to."""
        return f"message-key:{self.message_id}"


class Vault:
    """Sealed messages by place."""

    def __init__(self, blobs: Blobs, keys: KeyRing) -> None:
        self._blobs = blobs
        self._keys = keys

    async def store(self, place: Place, manifest: bytes, content: AsyncIterator[bytes]) -> Sealed:
        """Seal and keep it; on disk when this returns. What `content` raises comes out, and nothing is kept."""
        key = self._keys.new_key()
        wrapped = self._keys.seal(place.realm_id, place.key_purpose, key)
        await self._blobs.write(place.blob, _sealing(Sealer(key, place.context), manifest, content))
        return Sealed(place.blob, wrapped)

    async def open(self, place: Place, sealed: Sealed) -> tuple[bytes, bytes]:
        """Manifest and message, whole. Raises Damaged."""
        manifest, *content = [piece async for piece in self.read(place, sealed)]
        return manifest, b"".join(content)

    async def manifest(self, place: Place, sealed: Sealed) -> bytes:
        """The manifest alone, of a message of any size. Raises Damaged."""
        async with aclosing(self.read(place, sealed)) as pieces:
            return await anext(pieces)

    async def read(self, place: Place, sealed: Sealed) -> AsyncGenerator[bytes, None]:
        """The manifest as the first piece, then the message. Raises Damaged, at the end too: act on none of it before."""
        key = self._keys.unseal(place.realm_id, place.key_purpose, sealed.wrapped_key)
        opened = _opening(Opener(key, place.context), self._blobs.read(sealed.blob))
        buffer = bytearray()
        manifest_read = False
        async for piece in opened:
            buffer += piece
            if not manifest_read and (end := _manifest_end(buffer)):
                yield bytes(buffer[_LENGTH.size : end])
                del buffer[:end]
                manifest_read = True
            if manifest_read and buffer:
                yield bytes(buffer)
                buffer.clear()
        if not manifest_read:
            raise Damaged("the sealed content has no manifest")

    async def remove(self, blob: str) -> None:
        """Take sealed content away; no error where it is gone already."""
        await self._blobs.remove(blob)

    def entries(self) -> AsyncIterator[BlobEntry]:
        """All sealed content that is there, opened by a key or not."""
        return self._blobs.entries()

    async def sweep_staging(self) -> int:
        """Take away what stores left unfinished when they were killed; how many. Before the first store alone."""
        return await self._blobs.sweep_staging()

    async def refuse_without_room(self, size: int) -> None:
        """Raises OutOfResources where that many bytes would fill the disk."""
        if await self._blobs.room() < size + RESERVE:
            raise OutOfResources("the vault's disk is full", next_step="Make room, or shorten the retention.")


async def _sealing(sealer: Sealer, manifest: bytes, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield sealer.update(_LENGTH.pack(len(manifest)) + manifest)
    async for piece in content:
        if sealed := sealer.update(piece):
            yield sealed
    yield sealer.finish()


async def _opening(opener: Opener, sealed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in sealed:
        yield opener.update(piece)
    yield opener.finish()


def _manifest_end(buffer: bytearray) -> int:
    """Where the manifest ends in what was opened so far; 0 where it does not yet."""
    if len(buffer) < _LENGTH.size:
        return 0
    end: int = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
    return end if len(buffer) >= end else 0
