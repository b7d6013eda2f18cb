"""The header of a message as bytes: fields in order, folding kept, and where the body starts.

Source: RFC 5322, sections 2.1, 2.2 and 3.2.2. Strict on purpose: line ends are CRLF, every line belongs to a field, and no
line is of blanks alone (some readers end the header there, and see what follows as text).
"""

import re
from dataclasses import dataclass
from typing import Final

_FIELD_NAME: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_BLANK_LINE: Final = re.compile(rb"\r\n[ \t]+(?:\r\n|\Z)")


class NotAHeader(ValueError):
    """The bytes have no strict RFC 5322 header."""


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. `raw` is the whole of it, folding and last CRLF included; start is its offset in the message."""

    name: bytes
    raw: bytes
    start: int

    @property
    def end(self) -> int:
        """One past the field's last byte."""
        return self.start + len(self.raw)

    @property
    def key(self) -> bytes:
        """The name in lower case: names compare without case (RFC 5322, section 1.2.2)."""
        return self.name.lower()

    @property
    def value(self) -> bytes:
        """What follows the colon, folding kept, without the last CRLF."""
        return self.raw.partition(b":")[2].removesuffix(b"\r\n")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields of a message, and the offset at which its body starts (the blank line skipped)."""

    fields: tuple[Field, ...]
    body_start: int


def split(message: bytes) -> HeaderBlock:
    """Split the header off.

    A message without a blank line is all header. Raises NotAHeader for a bare CR or LF in the header, a NUL, a line that is
    no field, a folded line with no field before it, or a folded line of blanks alone.
    """
    end = _end_of_header(message)
    header = message[:end]
    if _BARE_LINE_END.search(header) is not None or b"\0" in header:
        raise NotAHeader("the header holds a bare CR, a bare LF or a NUL")
    if _BLANK_LINE.search(header) is not None:
        raise NotAHeader("the header holds a line of blanks alone")
    fields: list[Field] = []
    position = 0
    while position < end:
        stop = _end_of_field(header, position)
        raw = header[position:stop]
        named = _FIELD_NAME.match(raw)
        if named is None:
            raise NotAHeader("the header holds a line that is no field")
        fields.append(Field(named[1], raw, position))
        position = stop
    body_start = end + 2 if message[end : end + 2] == b"\r\n" else end
    return HeaderBlock(tuple(fields), body_start)


def _end_of_header(message: bytes) -> int:
    """The offset of the blank line, or the message's length."""
    if message.startswith(b"\r\n"):
        return 0
    blank = message.find(b"\r\n\r\n")
    return len(message) if blank < 0 else blank + 2


def _end_of_field(header: bytes, start: int) -> int:
    """The offset after the CRLF that no white space follows."""
    position = start
    while True:
        line_end = header.find(b"\r\n", position)
        if line_end < 0:
            return len(header)
        position = line_end + 2
        if header[position : position + 1] not in (b" ", b"\t"):
            return position
