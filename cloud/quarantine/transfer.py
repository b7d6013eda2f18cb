"""Transfer encodings undone, as the device undid them: lenient, since its digest of the content says whether it came out right.

Source: RFC 2045, section 6; uuencode: POSIX; yEnc: yenc-draft 1.3. No MIME is parsed here.
"""

import binascii
import re
from typing import Final

_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_AS_IT_IS: Final = frozenset({"", "7bit", "8bit", "binary"})


def is_identity(transfer_encoding: str) -> bool:
    """Whether the bytes on the wire are the content."""
    return transfer_encoding in _AS_IT_IS


def decoded(raw: bytes, transfer_encoding: str) -> bytes | None:
    """The content of a body; None for an encoding that is not known or bytes that are not in it."""
    match transfer_encoding:
        case "quoted-printable":
            return binascii.a2b_qp(raw)
        case "base64":
            return _from_base64(raw)
        case "uuencode" | "x-uuencode" | "uue" | "x-uue":
            return _from_uuencode(raw)
        case "yenc" | "x-yenc":
            return _from_yenc(raw)
        case _:
            return raw if is_identity(transfer_encoding) else None


def _from_base64(raw: bytes) -> bytes:
    """What is no base64 is skipped, padding may lack, the first padding ends it."""
    sextets = _NOT_BASE64.sub(b"", raw.partition(b"=")[0])
    whole = sextets[:-1] if len(sextets) % 4 == 1 else sextets
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _from_uuencode(raw: bytes) -> bytes | None:
    """The lines between begin and end; either may lack."""
    content = []
    for line in _LINE_END.split(raw):
        if line == b"end":
            break
        if line.startswith(b"begin ") or not line:
            continue
        try:
            content.append(binascii.a2b_uu(_cut_to_length(line)))
        except binascii.Error:
            return None
    return b"".join(content)


def _cut_to_length(line: bytes) -> bytes:
    """A line's first character says how many bytes it holds; some encoders write more than that (bpo-1443)."""
    characters = ((line[0] - 32) & 63) * 4 + 5
    return line[: characters // 3]


def _from_yenc(raw: bytes) -> bytes:
    lines = [line for line in _LINE_END.split(raw) if not line.startswith((b"=ybegin ", b"=ypart ", b"=yend "))]
    escaped = b"".join(lines)
    unescaped = re.sub(rb"=(.)", lambda found: bytes([(found[1][0] - 64) % 256]), escaped, flags=re.DOTALL)
    return unescaped.translate(_YENC)


_YENC: Final = bytes((value - 42) % 256 for value in range(256))
