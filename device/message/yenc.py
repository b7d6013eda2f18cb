"""yEnc: bytes shifted by 42, a few of them escaped, between `=ybegin` and `=yend`.

Source: yEnc draft 1.3 (www.yenc.org).
"""

import re
from enum import Enum, auto
from typing import Final, Self

from device.message.findings import Finding

BEGIN: Final = re.compile(rb"=ybegin [^\r\n]*?(?:name=([^\r\n]*\S)[ \t]*)?\r?\n?\Z")
END: Final = re.compile(rb"=yend(?: |\r|\n|\Z)")

_SHIFTED: Final = bytes((code - 42) & 255 for code in range(256))
_ESCAPED: Final = re.compile(rb"=(.)", re.DOTALL)
_UNESCAPED: Final = {bytes([code]): bytes([(code - 64) & 255]) for code in range(256)}


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

    def feed(self, data: bytes) -> bytes:
        *lines, self._held = (self._held + data).split(b"\n")
        return b"".join([self._line(line) for line in lines])

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        return self._line(held)

    def readings(self) -> tuple[Self, ...]:
        return (self,)

    def findings(self) -> tuple[Finding, ...]:
        return () if self._stage is Stage.AFTER else (Finding.YENC_MALFORMED,)

    def _line(self, line: bytes) -> bytes:
        if line.startswith(b"=y"):
            self._turn(line)
            return b""
        if self._stage is not Stage.DATA:
            return b""
        plain = _ESCAPED.sub(lambda match: _UNESCAPED[match[1]], line.removesuffix(b"\r"))
        return plain.translate(_SHIFTED)

    def _turn(self, line: bytes) -> None:
        if self._stage is Stage.BEFORE and BEGIN.match(line):
            self._stage = Stage.DATA
        elif self._stage is Stage.DATA and END.match(line):
            self._stage = Stage.AFTER
