"""quoted-printable as mail readers decode it: malformed escapes and white space at line ends are where they come apart.

Source: RFC 2045, section 6.7.
"""

import binascii
import re
from typing import Final, Self

from device.message.findings import Finding
from device.message.limits import check_oddities

_IRREGULAR: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)|[ \t]\r?\n")
_MALFORMED: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")
# The look-behind lets a run of blanks be tried once, from its beginning.
_TRAILING_BLANKS: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")

_MOST_HELD: Final = 1024


class PlainQuotedPrintable:
    """Regular quoted-printable. An escape or a line's end that has not come whole is held."""

    name = "quoted-printable"

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes | None:
        text = self._held + data
        cut = _sure(text)
        if len(text) - cut > _MOST_HELD:
            return None
        if _IRREGULAR.search(text, 0, cut) is not None:
            return None
        self._held = text[cut:]
        return binascii.a2b_qp(text[:cut])

    def flush(self) -> bytes | None:
        if b"=" in self._held or self._held[-1:] in (b" ", b"\t"):
            return None
        held, self._held = self._held, b""
        return held

    def readings(self) -> tuple["AsItIs | Trimmed", ...]:
        return AsItIs(self._held), Trimmed(self._held)

    def findings(self) -> tuple[Finding, ...]:
        return ()


class AsItIs:
    """What is malformed stays in the content as it stands, white space too."""

    name = "quoted-printable"

    def __init__(self, held: bytes = b"", *, malformed: int = 0) -> None:
        self._held = bytearray(held)
        self._malformed = malformed

    def __copy__(self) -> Self:
        return type(self)(bytes(self._held), malformed=self._malformed)

    def feed(self, data: bytes) -> bytes:
        self._held += data
        if self._held and not data.strip(b" \t"):
            return b""
        text = bytes(self._held)
        cut = _sure(text)
        self._held = self._held[cut:]
        return self._decoded(text[:cut])

    def flush(self) -> bytes:
        text, self._held = bytes(self._held), bytearray()
        self._malformed += text[-1:] in (b"=", b" ", b"\t")
        return self._decoded(self._last(text))

    def readings(self) -> tuple[Self, ...]:
        return (self,)

    def findings(self) -> tuple[Finding, ...]:
        return (Finding.QUOTED_PRINTABLE_MALFORMED,) if self._malformed else ()

    def _decoded(self, text: bytes) -> bytes:
        mended, malformed = _MALFORMED.subn(b"=3D", text)
        self._malformed += malformed or _TRAILING_BLANKS.search(text) is not None
        check_oddities(self._malformed)
        return binascii.a2b_qp(mended)

    def _last(self, text: bytes) -> bytes:
        """What stands at the content's very end."""
        return text


class Trimmed(AsItIs):
    """White space at a line's end goes, as transports may have put it there; a soft line break may have some behind it."""

    name = "quoted-printable;trimmed"

    def _decoded(self, text: bytes) -> bytes:
        trimmed, blanks = _TRAILING_BLANKS.subn(b"", text)
        self._malformed += bool(blanks)
        return super()._decoded(trimmed)

    def _last(self, text: bytes) -> bytes:
        return text.rstrip(b" \t").removesuffix(b"=")


def _sure(text: bytes) -> int:
    """How much of the text does not depend on what comes: all but an open escape, blanks, and a CR at its end."""
    end = len(text.removesuffix(b"\r").rstrip(b" \t"))
    for short in (1, 2):
        if text[end - short : end - short + 1] == b"=" and short <= end:
            return end - short
    return end
