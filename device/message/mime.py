"""Finds what is in a message while it arrives, and keeps none of it beyond what its caller keeps.

A small message is looked at when it has come whole: most are ordinary, and are read at a stroke (ordinary.py). What is larger, or
anything but ordinary, is read with care: each part is a reader that is handed its bytes by the reader around it: a multipart
cuts, a part reads its header and opens its body, a leaf decodes and hashes. Where mail readers differ, several readers get the
same bytes, and assembly keeps what they do not have in common.

The same Reading comes of the same bytes, however they are cut, and whichever way they are read.
"""

from typing import Final

from device.message import ordinary
from device.message.assembly import assemble
from device.message.draft import Draft, Frame
from device.message.entity import Entity
from device.message.findings import Finding
from device.message.limits import Limit, LimitExceeded, ScanLimits
from device.message.reader import Place
from device.message.reading import Reading

SMALL: Final = 64 * 1024
"""Bytes; up to here reading a message when it has ended costs less than following it."""


class Scanner:
    """Reads one message: feed() its chunks in order, then close(). Whoever needs the bytes later keeps them."""

    def __init__(self, limits: ScanLimits | None = None) -> None:
        self._limits = limits or ScanLimits()
        self._size = 0
        self._waiting: list[bytes] = []
        self._careful: _CarefulReader | None = None

    def feed(self, chunk: bytes) -> None:
        """More of the message, dot-stuffing undone. Never raises for what the bytes hold."""
        self._size += len(chunk)
        if self._careful is not None:
            self._careful.feed(chunk)
            return
        self._waiting.append(chunk)
        if self._size > SMALL:
            self._read_with_care()

    @property
    def exceeded(self) -> Limit | None:
        """The limit that the message is known to pass. Asked before the end, what has come is read with care."""
        return self._read_with_care().exceeded

    def close(self) -> Reading:
        """The message is whole. To be called once."""
        if self._careful is None:
            whole = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
            draft = ordinary.read(whole, self._limits)
            if draft is not None:
                return assemble(draft, self._size)
        return self._read_with_care().close()

    def _read_with_care(self) -> "_CarefulReader":
        if self._careful is None:
            self._careful = _CarefulReader(self._limits)
            for chunk in self._waiting:
                self._careful.feed(chunk)
            self._waiting = []
        return self._careful


class _CarefulReader:
    """Follows a message as it arrives, in every way in which some reader takes it."""

    def __init__(self, limits: ScanLimits) -> None:
        self.exceeded: Limit | None = None
        self._size = 0
        self._draft = Draft(limits)
        self._root = Entity(self._draft, Place(None, Frame()), 0)

    def feed(self, chunk: bytes) -> None:
        at = self._size
        self._size += len(chunk)
        if self.exceeded is None and chunk:
            try:
                self._root.feed(chunk, at)
            except LimitExceeded as excess:
                self.exceeded = excess.limit

    def close(self) -> Reading:
        if self.exceeded is None:
            try:
                self._root.close(self._size)
            except LimitExceeded as excess:
                self.exceeded = excess.limit
        if self.exceeded is None:
            return assemble(self._draft, self._size)
        findings = (Finding.LIMIT.value,)
        return Reading(self._size, self._draft.header, (), findings=findings, exceeded=self.exceeded)
