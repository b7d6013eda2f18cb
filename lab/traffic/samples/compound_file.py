"""A writer of compound files (OLE2 storage), written from [MS-CFB]: version 3, sectors of 512 bytes.

    header | FAT sectors | directory | mini FAT | mini stream | streams of 4,096 bytes and more

Small streams lie in 64-byte sectors of the mini stream (2.3, 2.4). A storage's children are a red-black tree (2.6.4).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_SECTOR: Final = 512
_MINI_SECTOR: Final = 64
_MINI_LIMIT: Final = 4096
_FREE: Final = 0xFFFFFFFF
_END: Final = 0xFFFFFFFE
_FAT: Final = 0xFFFFFFFD
_NO_STREAM: Final = 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_RED, _BLACK = 0, 1
_FAT_IN_HEADER: Final = 109
_ENTRIES_IN_SECTOR: Final = _SECTOR // 4


@dataclass(slots=True)
class _Entry:
    """A directory entry (2.6.1)."""

    name: str
    kind: int
    content: bytes = b""
    children: "list[_Entry]" = field(default_factory=list)
    colour: int = _BLACK
    left: int = _NO_STREAM
    right: int = _NO_STREAM
    child: int = _NO_STREAM
    start: int = _END

    @property
    def order(self) -> tuple[int, str]:
        """How siblings are sorted (2.6.4): shorter names first, then by upper case."""
        return len(self.name.encode("utf-16-le")), self.name.upper()

    def packed(self) -> bytes:
        name = self.name.encode("utf-16-le") + b"\0\0"
        size = len(self.content) if self.kind != _STORAGE else 0
        return struct.pack(
            "<64sHBBIII16sIQQIQ",
            name,
            len(name),
            self.kind,
            self.colour,
            self.left,
            self.right,
            self.child,
            b"",
            0,
            0,
            0,
            self.start if self.kind != _STORAGE else 0,
            size,
        )


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """A file with these streams, named by path with `/` between storages. Raises ValueError beyond about 7 MB."""
    root = _tree(streams)
    entries = _listed(root)
    mini_fat, root.content = _mini_stream(entries)
    sectors = _Sectors()
    for entry in entries:
        if entry.kind == _ROOT or len(entry.content) >= _MINI_LIMIT:
            entry.start = sectors.add(entry.content)
    mini_fat_start = sectors.add(mini_fat)
    mini_fat_sectors = len(mini_fat) // _SECTOR
    directory = b"".join(entry.packed() for entry in entries)
    directory_start = sectors.add(directory + _unused_entries(directory))
    return sectors.file(directory_start, mini_fat_start, mini_fat_sectors)


def _tree(streams: Mapping[str, bytes]) -> _Entry:
    root = _Entry("Root Entry", _ROOT)
    for path, content in streams.items():
        *storages, name = path.split("/")
        here = root
        for storage in storages:
            here = next((child for child in here.children if child.name == storage), None) or _new_storage(
                here, storage
            )
        here.children.append(_Entry(name, _STREAM, content))
    return root


def _new_storage(parent: _Entry, name: str) -> _Entry:
    storage = _Entry(name, _STORAGE)
    parent.children.append(storage)
    return storage


def _listed(root: _Entry) -> list[_Entry]:
    """All entries in the order of their ids, the trees of siblings tied."""
    entries = [root]
    for entry in entries:
        entry.children.sort(key=lambda each: each.order)
        first = len(entries)
        entries.extend(entry.children)
        entry.child = _tied(entry.children, first, depth=0)
    return entries


def _tied(siblings: list[_Entry], first: int, depth: int) -> int:
    """A balanced tree over sorted siblings with consecutive ids; only its last, unfilled level is red. The id of its root."""
    if not siblings:
        return _NO_STREAM
    middle = len(siblings) // 2
    top = siblings[middle]
    top.left = _tied(siblings[:middle], first, depth + 1)
    top.right = _tied(siblings[middle + 1 :], first + middle + 1, depth + 1)
    top.colour = _RED if depth and len(siblings) == 1 else _BLACK
    return first + middle


def _mini_stream(entries: list[_Entry]) -> tuple[bytes, bytes]:
    """The mini FAT and the mini stream; small streams learn where they start."""
    table: list[int] = []
    content = b""
    for entry in entries:
        if entry.kind == _STREAM and 0 < len(entry.content) < _MINI_LIMIT:
            entry.start = len(table)
            count = -(-len(entry.content) // _MINI_SECTOR)
            table += [*range(len(table) + 1, len(table) + count), _END]
            content += entry.content.ljust(count * _MINI_SECTOR, b"\0")
    table += [_FREE] * (-len(table) % _ENTRIES_IN_SECTOR)
    return struct.pack(f"<{len(table)}I", *table), content


def _unused_entries(directory: bytes) -> bytes:
    """A directory's last sector is filled with entries that are none: all zero but for their tree."""
    unused = struct.pack("<68sIII48s", b"", _NO_STREAM, _NO_STREAM, _NO_STREAM, b"")
    return unused * (-len(directory) % _SECTOR // len(unused))


class _Sectors:
    """The sectors of a file, and the chains that tie them."""

    def __init__(self) -> None:
        self._fat: list[int] = []
        self._content = b""

    def add(self, content: bytes) -> int:
        """Put content into sectors of its own; where they start."""
        if not content:
            return _END
        start = len(self._fat)
        count = -(-len(content) // _SECTOR)
        self._fat += [*range(start + 1, start + count), _END]
        self._content += content.ljust(count * _SECTOR, b"\0")
        return start

    def file(self, directory_start: int, mini_fat_start: int, mini_fat_sectors: int) -> bytes:
        """The whole file; the FAT comes last and counts itself."""
        first = len(self._fat)
        count = 1
        while (first + count) > count * _ENTRIES_IN_SECTOR:
            count += 1
        if count > _FAT_IN_HEADER:
            raise ValueError("a compound file of this writer holds at most 7 MB")
        fat = [*self._fat, *[_FAT] * count]
        fat += [_FREE] * (count * _ENTRIES_IN_SECTOR - len(fat))
        places = [*range(first, first + count), *[_FREE] * (_FAT_IN_HEADER - count)]
        header = struct.pack(
            "<8s16sHHHHH6sIIIIIIIII109I",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"",
            0x3E,  # minor version
            3,  # major version
            0xFFFE,  # byte order
            9,  # sectors of 2^9
            6,  # mini sectors of 2^6
            b"",
            0,  # directory sectors: not counted in version 3
            count,
            directory_start,
            0,  # transaction
            _MINI_LIMIT,
            mini_fat_start,
            mini_fat_sectors,
            _END,  # no FAT beyond the header's places
            0,
            *places,
        )
        return header + self._content + struct.pack(f"<{len(fat)}I", *fat)
