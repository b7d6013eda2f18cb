"""The two containers of office files: OLE (Compound File Binary, [MS-CFB]) and Office Open XML (ECMA-376), read with care."""

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from cloud.analyzers import kinds
from cloud.analyzers.budget import MIB, Budget

_PART_LIMIT: Final = 32 * MIB
_BROKEN: Final = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error)
"""What olefile raises on files that were cut, folded or made up."""

_BY_STREAM: Final = (
    ("encryptedpackage", kinds.ENCRYPTED_OFFICE),
    ("__properties_version1.0", kinds.OUTLOOK),
    ("worddocument", "application/msword"),
    ("workbook", "application/vnd.ms-excel"),
    ("book", "application/vnd.ms-excel"),
    ("powerpoint document", "application/vnd.ms-powerpoint"),
    ("visiodocument", "application/vnd.visio"),
)
_MSI_CLASS: Final = "000c1084-0000-0000-c000-000000000046"
"""The root storage's class of Windows Installer packages."""


def ole_media_type(content: bytes) -> str:
    """Which program's file a compound file is; application/x-ole-storage where it can't be told."""
    with opened_ole(content) as ole:
        if ole is None:
            return kinds.OLE
        try:
            names = {entry[-1].lower() for entry in ole.listdir(streams=True, storages=True)}
        except _BROKEN:
            return kinds.OLE
        if str(ole.root.clsid).lower() == _MSI_CLASS:
            return kinds.MSI
    return next((media_type for stream, media_type in _BY_STREAM if stream in names), kinds.OLE)


@contextmanager
def opened_ole(content: bytes) -> Iterator[Any]:
    """The compound file, or None where it is too broken to be read."""
    import olefile  # type: ignore[import-untyped]  # noqa: PLC0415 - only workers pay for it

    try:
        ole = olefile.OleFileIO(io.BytesIO(content))
    except _BROKEN:
        yield None
        return
    try:
        yield ole
    finally:
        ole.close()


def ooxml_parts(content: bytes, budget: Budget, *endings: str) -> Iterator[tuple[str, bytes]]:
    """The parts of a package whose names end so, unpacked within the budget."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        for part in package.infolist():
            if part.filename.lower().endswith(endings) and not part.flag_bits & 1:
                yield part.filename, read_part(package, part, budget)


def read_part(package: zipfile.ZipFile, part: zipfile.ZipInfo, budget: Budget) -> bytes:
    """One part, however much its header understates it; longer ones are cut at 32 MiB."""
    pieces: list[bytes] = []
    taken = 0
    with package.open(part) as stream:
        while taken < _PART_LIMIT and (piece := stream.read(256 * 1024)):
            budget.unpacked(len(piece))
            taken += len(piece)
            budget.check_ratio(part.compress_size, taken)
            pieces.append(piece)
    return b"".join(pieces)
