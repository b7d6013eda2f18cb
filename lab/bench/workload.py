"""What is sent in a benchmark: sizes and sessions of the mails, and how many of them a round has."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Workload:
    """Mails of `size` bytes with one attachment, `messages` a round, over that many sessions at once."""

    name: str
    size: int
    sessions: int
    messages: int

    def write(self, folder: Path) -> Path:
        """The mail in a file, as smtp-source wants it: without CRs. The same chance bytes each time.

        None of them is ASCII, so that no rule finds a word in them, and they pass for an image, so that the type is known:
        what is measured is clean mail, not a fallback.
        """
        chance = Random(self.size).randbytes(round((self.size - _AROUND) / _ENCODED))  # noqa: S311 - a file to send
        content = _IMAGE + bytes(byte | 0x80 for byte in chance)
        file = Sample("bench", "image.png", "image/png", content, Expected.CLEAN)
        written = folder / f"{self.size}.eml"
        mail = message("bench@example.com", "bench@example.net", "A mail", "Some words.\r\n", file, identity="bench")
        written.write_bytes(mail.replace(b"\r\n", b"\n"))
        return written


WORKLOADS: Final = (
    Workload("10 KB, 50 sessions", 10_000, 50, 2_000),
    Workload("1 MB, 10 sessions", 1_000_000, 10, 150),
)
