"""7z: unpacked by py7zr into memory, member after member, within the budget."""

import io
import stat
from collections.abc import Iterator

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.member_paths import signs_of_path
from cloud.analyzers.vocabulary import ARCHIVE_ENCRYPTED, ARCHIVE_LINK, ARCHIVE_UNSUPPORTED


def seven_zip_members(file: File, budget: Budget) -> Iterator[Finding]:
    """Every member; an archive whose list itself is encrypted has none to show."""
    try:
        archive = py7zr.SevenZipFile(io.BytesIO(file.content))
    except py7zr.exceptions.PasswordRequired:
        yield ARCHIVE_ENCRYPTED
        return
    with archive:
        yield from _signs_of_list(archive, budget)
        if archive.needs_password():
            yield ARCHIVE_ENCRYPTED
            yield from (Child(entry.filename, b"") for entry in archive.list() if not entry.is_directory)
        else:
            yield from _unpacked(archive, len(file.content), budget)


def _signs_of_list(archive: py7zr.SevenZipFile, budget: Budget) -> Iterator[Finding]:
    for entry in archive.files:
        budget.member()
        yield from signs_of_path(entry.filename)
        if stat.S_ISLNK(entry.posix_mode or 0) or entry.is_symlink:
            yield ARCHIVE_LINK.inside(entry.filename)


def _unpacked(archive: py7zr.SevenZipFile, packed: int, budget: Budget) -> Iterator[Finding]:
    writers = _Writers(packed, budget)
    try:
        archive.extractall(factory=writers)
    except py7zr.exceptions.UnsupportedCompressionMethodError:
        yield ARCHIVE_UNSUPPORTED
    yield from (Child(name, bytes(writer.taken)) for name, writer in writers.made)


class _Writers(WriterFactory):
    """Makes a place in memory for each member; all share the budget and are judged against the whole archive's size."""

    def __init__(self, packed: int, budget: Budget) -> None:
        self.made: list[tuple[str, _Writer]] = []
        self._packed = packed
        self._unpacked = 0
        self._budget = budget

    def create(self, filename: str) -> "_Writer":
        writer = _Writer(self)
        self.made.append((filename, writer))
        return writer

    def count(self, size: int) -> None:
        """That much more came out."""
        self._unpacked += size
        self._budget.unpacked(size)
        self._budget.check_ratio(self._packed, self._unpacked)


class _Writer(Py7zIO):
    """One member's bytes."""

    def __init__(self, writers: _Writers) -> None:
        self.taken = bytearray()
        self._writers = writers

    def write(self, s: bytes | bytearray) -> int:
        self._writers.count(len(s))
        self.taken += s
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return bytes(self.taken if size is None else self.taken[:size])

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002 - the base class names them
        return offset

    def flush(self) -> None:
        """Nothing is held back."""

    def size(self) -> int:
        return len(self.taken)
