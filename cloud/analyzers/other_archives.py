"""What libarchive reads: tar, rar, cab, iso, cpio, lha, deb, rpm. A system without the library says so in the verdict."""

from collections.abc import Iterator
from typing import Any

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.member_paths import signs_of_path
from cloud.analyzers.vocabulary import ARCHIVE_ENCRYPTED, ARCHIVE_LINK, ARCHIVE_SPECIAL, ARCHIVE_UNSUPPORTED, DAMAGED


def other_members(file: File, budget: Budget) -> Iterator[Finding]:
    """Every member, in the order of the archive."""
    try:
        import libarchive  # noqa: PLC0415 - the wheel needs a library of the system, which may not be there
    except (ImportError, OSError, AttributeError):
        yield ARCHIVE_UNSUPPORTED
        return
    try:
        with libarchive.memory_reader(file.content) as archive:
            for entry in archive:
                budget.member()
                yield from _examine(entry, len(file.content), budget)
    except libarchive.exception.ArchiveError as error:
        yield _reason(error)


def _reason(error: Exception) -> Finding:
    words = str(error).lower()
    if "passphrase" in words or "encrypt" in words:
        return ARCHIVE_ENCRYPTED
    return ARCHIVE_UNSUPPORTED if "unrecognized" in words or "unsupported" in words else DAMAGED


def _examine(entry: Any, packed: int, budget: Budget) -> Iterator[Finding]:
    name = entry.pathname or ""
    yield from signs_of_path(name)
    if entry.issym or entry.islnk:
        yield ARCHIVE_LINK.inside(name)
    elif entry.isblk or entry.ischr or entry.isfifo:
        yield ARCHIVE_SPECIAL.inside(name)
    elif entry.isreg:
        yield Child(name, _content(entry, packed, budget))


def _content(entry: Any, packed: int, budget: Budget) -> bytes:
    pieces: list[bytes] = []
    taken = 0
    for piece in entry.get_blocks():
        taken += len(piece)
        budget.unpacked(len(piece))
        budget.check_ratio(packed, taken)
        pieces.append(piece)
    return b"".join(pieces)
