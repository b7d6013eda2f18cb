"""ZIP: members by the central directory, checked against the local headers, since readers differ over which one they believe.

Overlap is the trick of the flat bomb (a better zip bomb, Fifield 2019): many entries, one kernel of data. APPNOTE.TXT 4.3 has
the structure.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.member_paths import signs_of_path
from cloud.analyzers.vocabulary import (
    ARCHIVE_ENCRYPTED,
    ARCHIVE_LIES,
    ARCHIVE_LINK,
    ARCHIVE_OVERLAP,
    ARCHIVE_SPECIAL,
    ARCHIVE_UNSUPPORTED,
    DAMAGED,
)

_LOCAL_HEADER: Final = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_STEP: Final = 256 * 1024


def zip_members(file: File, budget: Budget) -> Iterator[Finding]:
    """Every member, and what is wrong with where and how it lies."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        members = archive.infolist()
        if _overlap(members):
            yield ARCHIVE_OVERLAP
        if _has_hidden_members(file.content, members):
            yield ARCHIVE_LIES
        for member in members:
            budget.member()
            yield from _examine(archive, member, file.content, budget)


def _examine(archive: zipfile.ZipFile, member: zipfile.ZipInfo, content: bytes, budget: Budget) -> Iterator[Finding]:
    yield from signs_of_path(member.orig_filename)
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        yield ARCHIVE_LINK.inside(member.filename)
    elif stat.S_IFMT(mode) in {stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK}:
        yield ARCHIVE_SPECIAL.inside(member.filename)
    if _local_name(content, member) not in {member.orig_filename.encode("utf-8"), _as_cp437(member.orig_filename)}:
        yield ARCHIVE_LIES.inside(member.filename)
    if member.flag_bits & 1:
        yield ARCHIVE_ENCRYPTED.inside(member.filename)
        # What it is called can still be told, and counts: an empty file stands in for the content.
        yield Child(member.filename, b"")
    elif not member.is_dir():
        yield from _unpacked(archive, member, budget)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: Budget) -> Iterator[Finding]:
    pieces: list[bytes] = []
    try:
        with archive.open(member) as stream:
            taken = 0
            while piece := stream.read(_STEP):
                budget.unpacked(len(piece))
                taken += len(piece)
                budget.check_ratio(member.compress_size, taken)
                pieces.append(piece)
    except NotImplementedError:
        yield ARCHIVE_UNSUPPORTED.inside(member.filename)
        return
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        yield DAMAGED.inside(member.filename)
    yield Child(member.filename, b"".join(pieces))


def _overlap(members: list[zipfile.ZipInfo]) -> bool:
    """Whether two members share bytes: each starts no earlier than the one before it ends."""
    end = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < end:
            return True
        end = member.header_offset + _LOCAL_HEADER.size + len(member.filename) + member.compress_size
    return False


def _has_hidden_members(content: bytes, members: list[zipfile.ZipInfo]) -> bool:
    """Whether the archive starts with a member that its directory doesn't list: a reader of streams would see it."""
    return content.startswith(_LOCAL_MAGIC) and all(member.header_offset != 0 for member in members)


def _local_name(content: bytes, member: zipfile.ZipInfo) -> bytes:
    start = member.header_offset + _LOCAL_HEADER.size
    if start > len(content):
        return b""
    length = _LOCAL_HEADER.unpack_from(content, member.header_offset)[9]
    return content[start : start + length]


def _as_cp437(name: str) -> bytes:
    return name.encode("cp437", "replace")
