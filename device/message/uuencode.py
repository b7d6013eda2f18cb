"""uuencode: a `begin` line with a name, lines that each say their length, an `end` line.

Source: POSIX, uuencode, both its algorithms (`begin-base64` closes with `====`).
"""

import binascii
import re
from enum import Enum, auto
from typing import Final, Self

from device.message.base64_reading import NOT_ALPHABET, loosely
from device.message.findings import Finding
from device.message.limits import check_oddities

BEGIN: Final = re.compile(rb"begin(-base64)? +[0-7]{3,5} +([^\r\n]*\S)[ \t]*\r?\n?\Z")
END: Final = re.compile(rb"(?:end|====)[ \t]*\r?\n?\Z")
LONGEST_LINE: Final = 1024
"""Bytes; a longer line is none of uuencode's."""


class Stage(Enum):
    """Where in the text the decoder is."""

    BEFORE = auto()
    LINES = auto()
    BASE64 = auto()
    AFTER = auto()


class UuDecoder:
    """The first file of the text: what stands before `begin` and after `end` does not count."""

    name = "uuencode"

    def __init__(self) -> None:
        self._held = b""
        self._text = b""
        self._stage = Stage.BEFORE
        self._malformed = 0

    def feed(self, data: bytes) -> bytes:
        *lines, self._held = (self._held + data).split(b"\n")
        decoded = b"".join([self._line(line) for line in lines if len(line) <= LONGEST_LINE])
        self._held = self._held[: LONGEST_LINE + 1]
        return decoded

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        decoded = self._line(held) if held else b""
        self._malformed += self._stage is not Stage.AFTER
        return decoded + loosely(self._text)

    def readings(self) -> tuple[Self, ...]:
        return (self,)

    def findings(self) -> tuple[Finding, ...]:
        return (Finding.UUENCODE_MALFORMED,) if self._malformed else ()

    def _line(self, line: bytes) -> bytes:
        if self._stage is Stage.BEFORE:
            self._begin(line)
            return b""
        if self._stage is Stage.AFTER or END.match(line):
            self._stage = Stage.AFTER
            return b""
        return self._lines(line) if self._stage is Stage.LINES else self._base64(line)

    def _begin(self, line: bytes) -> None:
        begun = BEGIN.match(line)
        if begun is not None:
            self._stage = Stage.BASE64 if begun[1] else Stage.LINES

    def _lines(self, line: bytes) -> bytes:
        decoded = _decoded(line.removesuffix(b"\r"))
        self._malformed += decoded is None
        check_oddities(self._malformed)
        return decoded or b""

    def _base64(self, line: bytes) -> bytes:
        text = self._text + line.translate(None, NOT_ALPHABET)
        cut = len(text) & ~3
        self._text = text[cut:]
        return loosely(text[:cut])


def _decoded(line: bytes) -> bytes | None:
    """One line; what stands behind its length is passed over, as encoders put checksums there."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        length = (line[0] - 32) & 63 if line else 0
        return _shortened(line[: 1 + (length + 2) // 3 * 4])


def _shortened(line: bytes) -> bytes | None:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return None
