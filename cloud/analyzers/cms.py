"""What encrypts or signs mail the S/MIME way: CMS, in DER or BER (RFC 5652). Told apart here, never opened.

    ContentInfo   SEQUENCE { type, [0] content }
    SignedData    SEQUENCE { version, digest algorithms, SEQUENCE { type, [0] what was signed }, … }

A signature that stands beside what it signs leaves the last [0] out: there is nothing inside of it to look into.
"""

from typing import Final

from cloud.analyzers import kinds

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_INTEGER: Final = 0x02
_TYPE: Final = 0x06
_WRAPPED: Final = 0xA0
_INDEFINITE: Final = -1
_KINDS: Final = bytes.fromhex("2a864886f70d0107")
"""1.2.840.113549.1.7: signed, enveloped, encrypted and other data are numbers below it."""
_SMIME_KINDS: Final = bytes.fromhex("2a864886f70d01091001")
"""1.2.840.113549.1.9.16.1: authenticated enveloped and compressed data are below this one."""
_SIGNED_DATA: Final = _KINDS + b"\x02"


def cms_media_type(content: bytes) -> str:
    """The media type of a CMS file; empty for anything else."""
    reader = _Reader(content)
    try:
        reader.enter(_SEQUENCE)
        kind = reader.value(_TYPE)
    except _Malformed:
        return ""
    if kind == _SIGNED_DATA:
        return kinds.CMS_SIGNATURE if _is_detached(reader) else kinds.CMS
    return kinds.CMS if kind.startswith((_KINDS, _SMIME_KINDS)) else ""


def _is_detached(reader: "_Reader") -> bool:
    """From behind the outer type on. What is built in another way counts as holding what it signs."""
    try:
        return _ends_before_content(reader)
    except _Malformed:
        return False


def _ends_before_content(reader: "_Reader") -> bool:
    reader.enter(_WRAPPED)
    reader.enter(_SEQUENCE)
    reader.value(_INTEGER)
    reader.value(_SET)
    length = reader.enter(_SEQUENCE)
    start = reader.position
    reader.value(_TYPE)
    return reader.at_end_of_indefinite() if length == _INDEFINITE else reader.position == start + length


class _Malformed(Exception):
    """Not what was expected next."""


class _Reader:
    """Walks over the tags and lengths of BER (X.690)."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def enter(self, tag: int) -> int:
        """Step over the head of what has this tag; its length, or _INDEFINITE."""
        head = self._content[self.position : self.position + 2]
        if len(head) < 2 or head[0] != tag:
            raise _Malformed
        self.position += 2
        if head[1] < 0x80:
            return head[1]
        if head[1] == 0x80:
            return _INDEFINITE
        return self._long_length(head[1] & 0x7F)

    def value(self, tag: int) -> bytes:
        """Step over what has this tag, and give its content."""
        length = self.enter(tag)
        found = self._content[self.position : self.position + length]
        if length == _INDEFINITE or len(found) < length:
            raise _Malformed
        self.position += length
        return found

    def at_end_of_indefinite(self) -> bool:
        """Whether nothing more stands in what has no length of its own."""
        return self._content[self.position : self.position + 2] == b"\0\0"

    def _long_length(self, octets: int) -> int:
        length = self._content[self.position : self.position + octets]
        if len(length) < octets:
            raise _Malformed
        self.position += octets
        return int.from_bytes(length, "big")
