"""Blobs: large sealed things beside the database. Written whole or not at all, and on disk when write() returns.

The order that keeps receipts true: the blob on disk, then its row committed, then the receipt. A kill between the first two
leaves a blob without a row, which the retention sweep takes away. obstore does not fsync, so we do: the file, its folder and,
for a new folder, its parent. What it leaves behind when it is killed (NAME#1) is swept at start.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, Self

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from cloud.errors import Damaged, OutOfResources
from cloud.storage.durable import make_private_folder, sync_file, sync_folder

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}/[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_STAGING: Final = re.compile(r".+#[0-9]+")
_PART_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 256 * 1024

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """A blob that is there, and since when."""

    name: str
    written_at: datetime


class Blobs(Protocol):
    """Where blobs are kept. Names have the form FOLDER/NAME; a name is written once."""

    async def write(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Keep it; on disk when this returns. What `content` raises comes out, and nothing is kept. Raises OutOfResources."""

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Its bytes in pieces. Raises Damaged where there is no such blob."""

    async def remove(self, name: str) -> None:
        """Take it away; no error where it is gone already."""

    def entries(self) -> AsyncIterator[BlobEntry]:
        """Every blob that is there."""

    async def room(self) -> int:
        """How many bytes more there is place for."""

    async def sweep_staging(self) -> int:
        """Take away what writes left unfinished when they were killed; how many. For the start alone: it knows no writer."""


class LocalBlobs:
    """Blobs in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._store = LocalStore(root)
        self._folders_on_disk: set[Path] = set()

    @classmethod
    def open(cls, root: Path) -> Self:
        """The folder, made if it is missing, for its owner alone."""
        make_private_folder(root)
        return cls(root)

    async def write(self, name: str, content: AsyncIterator[bytes]) -> None:
        path = self._path(name)
        try:
            await obstore.put_async(
                self._store, name, content, use_multipart=True, chunk_size=_PART_BYTES, max_concurrency=2
            )
            await asyncio.to_thread(self._force_to_disk, path)
        except (OSError, BaseError) as error:
            _log.warning("blobs.write_failed", blob=name, error=type(error).__name__)
            raise OutOfResources(
                "the store can't be written", next_step="Look for free space and permissions of the state folder."
            ) from error

    async def read(self, name: str) -> AsyncIterator[bytes]:
        self._path(name)
        try:
            found = await obstore.get_async(self._store, name)
        except FileNotFoundError:
            raise Damaged("the sealed content is missing", blob=name) from None
        async for piece in found.stream(min_chunk_size=_READ_BYTES):
            yield bytes(piece)

    async def remove(self, name: str) -> None:
        path = self._path(name)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def entries(self) -> AsyncIterator[BlobEntry]:
        async for batch in obstore.list(self._store):
            for each in batch:
                yield BlobEntry(each["path"], each["last_modified"])

    async def room(self) -> int:
        return (await asyncio.to_thread(shutil.disk_usage, self._root)).free

    async def sweep_staging(self) -> int:
        return await asyncio.to_thread(self._remove_staging)

    def _remove_staging(self) -> int:
        left = [path for path in self._root.rglob("*#*") if _STAGING.fullmatch(path.name)]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _path(self, name: str) -> Path:
        """Where it stands: obstore escapes what it finds odd in a name, so nothing odd may be in one."""
        if _NAME.fullmatch(name) is None:
            raise ValueError("a blob's name is FOLDER/NAME of letters, digits, - and _")
        return self._root / name

    def _force_to_disk(self, path: Path) -> None:
        sync_file(path)
        sync_folder(path.parent)
        if path.parent not in self._folders_on_disk:
            sync_folder(self._root)
            self._folders_on_disk.add(path.parent)
