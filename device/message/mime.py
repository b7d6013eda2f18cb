"""Finds what is in a message while it arrives, and keeps none of it.

Each part is a reader that is handed its bytes by the reader around it: a multipart cuts, a part reads its header and opens its
body, a leaf decodes and hashes. Where mail readers differ, several readers get the same bytes, and assembly keeps what they do
not have in common. The same Reading comes of the same bytes, however they are cut.
"""

import hashlib

from device.message.assembly import assemble, top_level_fields
from device.message.draft import Draft, Frame
from device.message.entity import Entity
from device.message.findings import Finding
from device.message.limits import Limit, LimitExceeded, ScanLimits
from device.message.reader import Place
from device.message.reading import Reading, Sha256


class Scanner:
    """Reads one message: feed() its chunks in order, then close(). Whoever needs the bytes later keeps them."""

    def __init__(self, limits: ScanLimits | None = None) -> None:
        self._draft = Draft(limits or ScanLimits())
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._exceeded: Limit | None = None
        self._root = Entity(self._draft, Place(None, Frame()), 0)

    def feed(self, chunk: bytes) -> None:
        """More of the message, dot-stuffing undone. Never raises for what the bytes hold."""
        at = self._size
        self._size += len(chunk)
        self._sha256.update(chunk)
        if self._exceeded is None and chunk:
            try:
                self._root.feed(chunk, at)
            except LimitExceeded as excess:
                self._exceeded = excess.limit

    @property
    def exceeded(self) -> Limit | None:
        """The limit that the message is known to pass, as soon as it is."""
        return self._exceeded

    def close(self) -> Reading:
        """The message is whole. To be called once."""
        if self._exceeded is None:
            try:
                self._root.close(self._size)
            except LimitExceeded as excess:
                self._exceeded = excess.limit
        sha256 = Sha256(self._sha256.digest())
        if self._exceeded is None:
            return assemble(self._draft, self._size, sha256)
        fields = top_level_fields(self._draft.header)
        findings = (Finding.LIMIT.value,)
        return Reading(self._size, sha256, fields, (), findings=findings, exceeded=self._exceeded)
