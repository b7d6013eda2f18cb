"""What is sent in a benchmark: sizes and sessions of the mails, and how many of them a round has."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from lab.traffic.messages import message
from lab.traffic.samples.sample import Expected, Sample

_ENCODED: Final = 78 / 57
"""What base64 and its line ends make of a file."""
_AROUND: Final = 800
"""Header, text and boundaries, in bytes."""
_IMAGE: Final = b"\x89PNG\r\n\x1a\n"
"""How every PNG file begins."""
_NOT_ASCII: Final = bytes(byte | 0x80 for byte in range(256))
_LINE: Final = 57
"""Bytes of a file in one line of base64."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Mails of `size` bytes with one attachment, `messages` a round, over that many sessions at once."""

    name: str
    size: int
    sessions: int
    messages: int

    def times(self, factor: float) -> "Workload":
        """The same with so many times the mails, at least one."""
        return replace(self, messages=max(1, round(self.messages * factor)))

    def mail(self) -> bytes:
        """The mail. The same chance bytes each time.

        None of them is ASCII, so that no rule finds a word in them, and they pass for an image, so that the type is known:
        what is measured is clean mail, not a fallback.
        """
        chance = _chance_bytes(Random(self.size), round((self.size - _AROUND) / _ENCODED))  # noqa: S311 - a file to send
        file = Sample("bench", "image.png", "image/png", _IMAGE + chance, Expected.CLEAN)
        return message("bench@example.com", "bench@example.net", "A mail", "Some words.\r\n", file, identity="bench")

    def write(self, folder: Path) -> Path:
        """The mail in a file, as smtp-source wants it: without CRs."""
        written = folder / f"{self.size}.eml"
        written.write_bytes(self.mail().replace(b"\r\n", b"\n"))
        return written

    def new_mails(self) -> Iterator[bytes]:
        """Mails for ever, of one size, each with an attachment that no other one has: one line of its base64 differs."""
        mail = self.mail()
        start = mail.index(b"\r\n", len(mail) // 2) + 2
        end = mail.index(b"\r\n", start)
        assert end - start == len(b64encode(bytes(_LINE))), "not a whole line of the attachment"
        for number in count():
            line = b64encode(_chance_bytes(Random(f"{self.size} {number}"), _LINE))  # noqa: S311 - a file to send
            yield b"".join((mail[:start], line, mail[end:]))


def _chance_bytes(chance: Random, length: int) -> bytes:
    return chance.randbytes(length).translate(_NOT_ASCII)


SMALL: Final = Workload("10 KB, 50 sessions", 10_000, 50, 2_000)
LARGE: Final = Workload("1 MB, 10 sessions", 1_000_000, 10, 100)
HUGE: Final = Workload("10 MB, 10 sessions", 10_000_000, 10, 10)
