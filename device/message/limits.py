"""How much of a message is read: header, depth, parts and second readings have an end.

A message beyond a limit is not read on; its Reading names the limit, and inspection refuses the message (554 5.6.0). Where a
message passes several limits, which of them is named is not promised.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIB: Final = 1024 * 1024

MOST_BREAKS: Final = 1000
"""Places in one part where base64 ends and goes on; each costs as much as a kilobyte."""

MOST_ODDITIES: Final = 100_000
"""Malformed escapes or lines in one part; each costs as much as a hundred bytes."""


class Limit(StrEnum):
    """What there was too much of."""

    HEADER_SIZE = "header-size"
    HEADER_FIELDS = "header-fields"
    DEPTH = "depth"
    PARTS = "parts"
    READINGS = "readings"
    ENCODING_BREAKS = "encoding-breaks"


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """The limits of one message.

    `header_bytes` and `header_fields` hold for each part's header (Postfix cuts at 100 KiB, Sendmail at 32 KiB), the `all_` ones
    for all headers together. `depth` counts parts within parts; Postfix' mime_nesting_limit is 100, and people stay below 10.
    `parts` are those of the first reading, `readings` those of all others; `reread_bytes` are what all other readings may take
    in, together: a quarter of a gigabyte is about a second of one core.
    """

    header_bytes: int = MIB // 4
    header_fields: int = 1000
    all_header_bytes: int = MIB
    all_header_fields: int = 20_000
    depth: int = 30
    parts: int = 1000
    readings: int = 1000
    reread_bytes: int = 256 * MIB


class LimitExceeded(Exception):
    """A message has more of something than anyone reads. Never leaves the scanner: Reading.exceeded tells it."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.value)
        self.limit = limit


class Budget:
    """What is left of a message's limits."""

    def __init__(self, limits: ScanLimits) -> None:
        self.limits = limits
        self._parts = limits.parts
        self._readings = limits.readings
        self._reread = limits.reread_bytes
        self._header_bytes = limits.all_header_bytes
        self._header_fields = limits.all_header_fields

    def spend_part(self, *, alternate: bool) -> None:
        """One more part, of the first reading or of another. Raises LimitExceeded."""
        if alternate:
            self._readings -= 1
            _check(self._readings, Limit.READINGS)
        else:
            self._parts -= 1
            _check(self._parts, Limit.PARTS)

    def spend_reread(self, size: int) -> None:
        """Bytes that another reading takes in. Raises LimitExceeded."""
        self._reread -= size
        _check(self._reread, Limit.READINGS)

    def check_depth(self, depth: int) -> None:
        """Raises LimitExceeded."""
        _check(self.limits.depth - depth, Limit.DEPTH)

    def check_header(self, size: int) -> None:
        """Raises LimitExceeded."""
        _check(self.limits.header_bytes - size, Limit.HEADER_SIZE)

    def spend_header(self, size: int, fields: int) -> None:
        """One header was read. Raises LimitExceeded."""
        limits = self.limits
        self._header_bytes -= size
        self._header_fields -= fields
        if self._header_bytes < 0 or size > limits.header_bytes:
            raise LimitExceeded(Limit.HEADER_SIZE)
        if self._header_fields < 0 or fields > limits.header_fields:
            raise LimitExceeded(Limit.HEADER_FIELDS)


def check_oddities(count: int) -> None:
    """Raises LimitExceeded for content that is malformed too often."""
    _check(MOST_ODDITIES - count, Limit.ENCODING_BREAKS)


def _check(left: int, limit: Limit) -> None:
    if left < 0:
        raise LimitExceeded(limit)
