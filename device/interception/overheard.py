"""One message that is overheard: its bytes as they come, and what is odd about them or missing."""

import re
from dataclasses import dataclass, field
from typing import Final

from device.interception.reassembly import PIECE_COST
from device.interception.remarks import Remark
from device.message.envelope import Envelope
from device.smtp.framing import ChunkFramer, DataFramer, DotReader, stuffed
from device.smtp.grammar import ChunkHeader

_TRANSACTION: Final = re.compile(
    rb"^MAIL FROM:[^\r\n]*\r\n(?:RCPT TO:[^\r\n]*\r\n)+(?:DATA\r\n|BDAT )", re.IGNORECASE | re.MULTILINE
)
"""The next message's envelope: found behind a hole, it says that the message's end stood in the hole."""


@dataclass(slots=True)
class Heard:
    """One message as the client sent it, dot-stuffing undone. `content` is empty where it was too big to keep.

    `envelope` is None where none was captured, or the server took none.
    """

    envelope: Envelope | None = None
    content: list[bytes] = field(default_factory=list)
    size: int = 0
    remarks: set[Remark] = field(default_factory=set)

    @property
    def held(self) -> int:
        """Bytes of memory, about."""
        return (self.size if self.content else 0) + PIECE_COST * len(self.content)


class Body:
    """Takes one message in, by DATA or by chunks, holes included."""

    def __init__(self, size_limit: int) -> None:
        self.heard = Heard()
        self.open = True
        self._size_limit = size_limit
        self._dots = DotReader()
        self._framer: DataFramer | ChunkFramer = DataFramer()
        self._last = True
        self._behind_hole: int | None = None

    def open_chunk(self, header: ChunkHeader) -> None:
        """The octets of one BDAT follow."""
        self._framer, self._last, self.open = ChunkFramer(header.size, self._dots), header.last, True
        if not header.well_formed:
            self.heard.remarks.add(Remark.BAD_CHUNK)

    @property
    def complete(self) -> bool:
        """Whether the message has ended, where the DATA or chunk has."""
        return not self.open and self._last

    def feed(self, data: bytes) -> bytes | None:
        """More input; what follows the end of this DATA or chunk, None before it. An empty chunk ends without any input."""
        framed = self._framer.feed(data)
        self._keep(framed.content)
        if self._framer.odd:
            self.heard.remarks.add(Remark.BARE_LINE_END)
        if framed.rest is None:
            return None
        self.open = False
        return self._next_transaction() + framed.rest

    def lose(self, size: int) -> bool:
        """So many bytes are missing; true, if the chunk ended within them.

        Behind the hole stands a line's start, for all that is known: so an end of data there is seen.
        """
        self.heard.remarks.add(Remark.HOLE)
        if isinstance(self._framer, DataFramer):
            self.feed(b"\r\n")
            self._behind_hole = len(self.heard.content)
            return False
        beyond = self._framer.feed(b" " * min(size, self._size_limit)).rest
        self.open = beyond is None
        return beyond is not None

    def _keep(self, content: bytes) -> None:
        self.heard.size += len(content)
        if self.heard.size > self._size_limit:
            self.heard.remarks.add(Remark.TOO_BIG)
            self.heard.content.clear()
        elif content:
            self.heard.content.append(content)

    def _next_transaction(self) -> bytes:
        """What was taken for content behind a hole, and is the next message: taken out, as the wire had it."""
        if self._behind_hole is None:
            return b""
        content = self.heard.content
        behind = b"".join(content[self._behind_hole :])
        found = _TRANSACTION.search(behind)
        if found is None:
            return b""
        content[self._behind_hole :] = [behind[: found.start()]]
        self.heard.size -= len(behind) - found.start()
        self.heard.remarks.add(Remark.INCOMPLETE)
        return b"".join(stuffed([behind[found.start() :]]))
