"""A writer of VBA projects ([MS-OVBA] 2.3), enough for readers that take macros apart; no program is asked to run it.

PROJECT               the project as text (2.3.1)
VBA/dir               the project as compressed records (2.3.4.2)
VBA/_VBA_PROJECT      seven bytes: no performance cache, compile from the source (2.3.4.1)
VBA/<module>          the module's compressed source (2.3.4.3), at offset 0 since there is no cache before it
"""

import struct
from collections.abc import Mapping
from typing import Final

from lab.traffic.samples.compound_file import compound_file
from lab.traffic.samples.compression import compress

_CODE_PAGE: Final = 1252
_ENCODING: Final = "cp1252"
_NO_CACHE: Final = b"\xcc\x61\xff\xff\x00\x00\x00"
_PROJECT_NAME: Final = "Sample"


def vba_project(modules: Mapping[str, str]) -> bytes:
    """The compound file word/vbaProject.bin with these modules, each name to its source."""
    return compound_file(vba_streams(modules))


def vba_streams(modules: Mapping[str, str], *, below: str = "") -> dict[str, bytes]:
    """The project's streams, in a storage of an older document where one is named (Macros/, _VBA_PROJECT_CUR/)."""
    streams = {
        "PROJECT": _project_text(modules),
        "VBA/dir": compress(_dir_records(modules)),
        "VBA/_VBA_PROJECT": _NO_CACHE,
    }
    streams |= {f"VBA/{name}": compress(_source(name, source)) for name, source in modules.items()}
    return {below + path: content for path, content in streams.items()}


def _source(name: str, source: str) -> bytes:
    lines = [f'Attribute VB_Name = "{name}"', *source.splitlines(), ""]
    return "\r\n".join(lines).encode(_ENCODING)


def _project_text(modules: Mapping[str, str]) -> bytes:
    lines = [
        'ID="{00000000-0000-0000-0000-000000000000}"',
        *(f"Module={name}" for name in modules),
        f'Name="{_PROJECT_NAME}"',
        'HelpContextID="0"',
        'VersionCompatible32="393222000"',
        "",
        "[Host Extender Info]",
        "",
    ]
    return "\r\n".join(lines).encode(_ENCODING)


def _dir_records(modules: Mapping[str, str]) -> bytes:
    return b"".join(
        (
            *_information(),
            _record(0x000F, struct.pack("<H", len(modules))),
            _record(0x0013, b"\xff\xff"),
            *(_module(name) for name in modules),
            _record(0x0010, b""),
        )
    )


def _information() -> tuple[bytes, ...]:
    """PROJECTINFORMATION (2.3.4.2.1)."""
    return (
        _record(0x0001, struct.pack("<I", 1)),  # 32-bit Windows
        _record(0x0002, struct.pack("<I", 0x0409)),
        _record(0x0014, struct.pack("<I", 0x0409)),
        _record(0x0003, struct.pack("<H", _CODE_PAGE)),
        _record(0x0004, _PROJECT_NAME.encode(_ENCODING)),
        _record(0x0005, b"") + _record(0x0040, b""),  # description
        _record(0x0006, b"") + _record(0x003D, b""),  # help file
        _record(0x0007, struct.pack("<I", 0)),
        _record(0x0008, struct.pack("<I", 0)),
        # The version's size field says 4, and six bytes follow.
        struct.pack("<HIIH", 0x0009, 4, 1, 0),
        _record(0x000C, b"") + _record(0x003C, b""),  # constants
    )


def _module(name: str) -> bytes:
    """MODULE (2.3.4.2.3.2) of a procedural module."""
    narrow, wide = name.encode(_ENCODING), name.encode("utf-16-le")
    return b"".join(
        (
            _record(0x0019, narrow) + _record(0x0047, wide),
            _record(0x001A, narrow) + _record(0x0032, wide),
            _record(0x001C, b"") + _record(0x0048, b""),
            _record(0x0031, struct.pack("<I", 0)),  # where the source starts
            _record(0x001E, struct.pack("<I", 0)),
            _record(0x002C, b"\xff\xff"),
            _record(0x0021, b""),
            _record(0x002B, b""),
        )
    )


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HI", kind, len(content)) + content
