"""SMTP replies as values.

Source: RFC 5321, section 4.2; enhanced codes: RFC 3463.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: a three-digit code and its lines' texts (bytes: servers write what they like), enhanced code included."""

    code: int
    lines: tuple[bytes, ...]

    @classmethod
    def of(cls, code: int, text: str) -> Self:
        """A one-line reply of our own; the text starts with the enhanced code where there is one."""
        return cls(code, (text.encode("ascii"),))

    @property
    def positive(self) -> bool:
        """2xx: the server took what was asked."""
        return 200 <= self.code < 300

    def wire(self) -> bytes:
        """The reply's bytes, CRLF included."""
        if len(self.lines) == 1:
            return b"%d %b\r\n" % (self.code, self.lines[0])
        *before, last = self.lines
        return b"".join([b"%d-%b\r\n" % (self.code, line) for line in before]) + b"%d %b\r\n" % (self.code, last)
