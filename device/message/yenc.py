"""yEnc: bytes shifted by 42, a few of them escaped, between `=ybegin` and `=yend`.

Source: yEnc draft 1.3 (www.yenc.org).
"""

import re
from enum import Enum, auto
from typing import Final, Self

from device.message.findings import Finding
from device.message.limits import check_oddities

BEGIN: Final = re.compile(rb"=ybegin [^\r\n]*?(?:name=([^\r\n]*\S)[ \t]*)?\r?\n?\Z")
END: Final = re.compile(rb"=yend(?: |\r|\n|\Z)")

_SHIFTED: Final = bytes((code - 42) & 255 for code in range(256))
_ESCAPED: Final = re.compile(rb"=(.)", re.DOTALL)
_UNESCAPED: Final = {bytes([code]): bytes([(code - 64) & 255]) for code in range(256)}
_USUAL: Final = tuple((b"=" + code, _UNESCAPED[code]) for code in (b"@", b"J", b"M", b"I", b"n", b"`"))
"""What encoders escape besides the equals sign itself: NUL, LF, CR, TAB, dot, blank."""


_LONGEST_LINE: Final = 1024
"""Bytes that are held; of a longer line what is sure is decoded before it ends."""


class Stage(Enum):
    """Where in the text the decoder is."""

    BEFORE = auto()
    DATA = auto()
    AFTER = auto()


class YencDecoder:
    """The first file of the text; of a file in several parts the one that stands here."""

    name = "yenc"

    def __init__(self) -> None:
        self._held = b""
        self._stage = Stage.BEFORE
        self._odd = 0
        self._within_line = False

    def feed(self, data: bytes) -> bytes:
        *lines, rest = (self._held + data).split(b"\n")
        decoded = []
        for line in lines:
            decoded.append(self._line(line.removesuffix(b"\r")))
            self._within_line = False
        cut = _sure(rest) if len(rest) > _LONGEST_LINE else 0
        if cut:
            decoded.append(self._line(rest[:cut]))
            self._within_line = True
        self._held = rest[cut:]
        return b"".join(decoded)

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        return self._line(held.removesuffix(b"\r"))

    def readings(self) -> tuple[Self, ...]:
        return (self,)

    def findings(self) -> tuple[Finding, ...]:
        return () if self._stage is Stage.AFTER else (Finding.YENC_MALFORMED,)

    def _line(self, line: bytes) -> bytes:
        if line.startswith(b"=y") and not self._within_line:
            self._turn(line)
            return b""
        if self._stage is not Stage.DATA:
            return b""
        return self._unescaped(line).translate(_SHIFTED)

    def _unescaped(self, line: bytes) -> bytes:
        """Usual escapes go fast; others are taken one by one, and counted."""
        plain = line
        for escaped, meant in _USUAL:
            plain = plain.replace(escaped, meant)
        if b"==" not in line and plain.count(b"=") == plain.count(b"=}"):
            return plain.replace(b"=}", b"=")
        plain, escapes = _ESCAPED.subn(lambda match: _UNESCAPED[match[1]], line)
        self._odd += escapes
        check_oddities(self._odd)
        return plain

    def _turn(self, line: bytes) -> None:
        if self._stage is Stage.BEFORE and BEGIN.match(line):
            self._stage = Stage.DATA
        elif self._stage is Stage.DATA and END.match(line):
            self._stage = Stage.AFTER


def _sure(line: bytes) -> int:
    """How much of a line that has not ended can be decoded: not an escape that is still open, nor a CR."""
    sure = len(line.removesuffix(b"\r"))
    run = sure - len(line[:sure].rstrip(b"="))
    return sure - run % 2
