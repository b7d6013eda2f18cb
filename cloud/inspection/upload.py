"""A file on its way in: kept in memory that belongs to no file system, checked, sealed, and handed to a worker by its place.

memfd_create(2) with seals rather than pickled bytes or a scratch file: the chunks are written once and never joined in
Python, the worker can't change what it reads, nothing is ever on a disk, and what a killed process held is gone with it.
"""

import fcntl
import hashlib
import os
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from atp.reasons import Reason
from cloud.errors import InvalidRequest
from cloud.inspection.verdicts import Digest

_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What a worker may read: a place that lives as long as its Upload, and what must be found there."""

    sha256: Digest
    size: int
    place: str


class Upload:
    """Takes chunks until the announced size. Use as a context: at its end the memory is given back."""

    def __init__(self, sha256: Digest, size: int) -> None:
        self.sha256 = sha256
        self.size = size
        self._received = 0
        self._hash = hashlib.sha256()
        self._descriptor = os.memfd_create("upload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    def write(self, chunk: bytes) -> None:
        """The next bytes. Raises InvalidRequest (DIGEST_MISMATCH) at the first byte beyond the announced size."""
        self._received += len(chunk)
        if self._received > self.size:
            raise _mismatch("More bytes came than were announced.")
        self._hash.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def seal(self) -> SealedFile:
        """All bytes are here: check them, and let nobody change them any more. Raises InvalidRequest (DIGEST_MISMATCH)."""
        if self._received != self.size:
            raise _mismatch("Fewer bytes came than were announced.")
        if self._hash.digest() != self.sha256:
            raise _mismatch("The bytes that came have another SHA-256 than was announced.")
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return SealedFile(self.sha256, self.size, f"/proc/{os.getpid()}/fd/{self._descriptor}")

    def close(self) -> None:
        """Give the memory back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _mismatch(sentence: str) -> InvalidRequest:
    return InvalidRequest(
        sentence, reason=Reason.DIGEST_MISMATCH, next_step="Hash the file again and submit it from its first byte."
    )
