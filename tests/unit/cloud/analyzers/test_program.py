"""Programs."""

import os
import struct

import pytest

from cloud.analyzers import kinds
from cloud.analyzers.program import ProgramAnalyzer
from lab.traffic.samples.packages import zip_of
from lab.traffic.samples.programs import windows_program
from tests.unit.cloud.analyzers.looking import found_by, signs

_SECTION_NAME = 0x40 + 24 + 224
_RAW_SIZE = _SECTION_NAME + 16
_CHARACTERISTICS = 0x40 + 22


def patched(place: int, value: bytes) -> bytes:
    content = bytearray(windows_program())
    content[place : place + len(value)] = value
    return bytes(content)


def packed() -> bytes:
    """A program whose code is random bytes."""
    return patched(_RAW_SIZE, struct.pack("<I", 64 * 1024))[:512] + os.urandom(64 * 1024)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (windows_program(), {"program.present"}),
        (patched(_CHARACTERISTICS, struct.pack("<H", 0x2102)), {"program.library"}),
        (patched(_SECTION_NAME, b"UPX0\0"), {"program.present", "program.packed"}),
        (packed(), {"program.present", "program.packed"}),
        (patched(_RAW_SIZE, struct.pack("<I", 1 << 20)), {"program.present", "program.contradicts-itself"}),
        (patched(0x40 + 40, struct.pack("<I", 0x9000)), {"program.present", "program.contradicts-itself"}),
        (windows_program() + bytes(8192), {"program.present", "program.appended-data"}),
        (windows_program()[:100], {"program.present", "program.contradicts-itself"}),
        (b"\x7fELF\x02\x01\x01" + bytes(60), {"program.present"}),
        (zip_of({"META-INF/MANIFEST.MF": b"x", "A.class": b"y"}), {"program.java"}),
        (zip_of({"AndroidManifest.xml": b"x", "classes.dex": b"y"}), {"program.mobile"}),
        (b"plain text", set()),
    ],
)
def test_a_program_is_a_program_however_it_looks(content: bytes, expected: set[str]) -> None:
    assert signs(found_by(ProgramAnalyzer(), content)) == expected


def test_a_shortcut_is_not_taken_for_a_program() -> None:
    assert kinds.kind_of(kinds.SHORTCUT).runs
    assert found_by(ProgramAnalyzer(), b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46" + bytes(60)) == []
