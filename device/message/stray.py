"""What stands where no part is: before the first boundary, after the last, or where a boundary has to be guessed.

RFC 2046 (section 5.1.1) has readers ignore it; some show it all the same.
"""

import re
from collections.abc import Callable
from typing import Final

from device.message.declared import DEFAULT_TYPE, Declared
from device.message.draft import Draft, Frame, Node
from device.message.leaf import open_leaf
from device.message.reader import Place, Reader
from device.message.reading import Span
from device.message.text import EmbeddedFiles, SeveralReaders, UnlabelledBase64

_LIKE_A_HEADER: Final = re.compile(rb"\s*content-[a-z-]+\s*:", re.IGNORECASE)
_DECIDED_BY: Final = 128
_GUESS: Final = re.compile(rb"--(-*+[^\s-][^\r\n]{0,250})\r?\n")
_LONGEST_LINE: Final = 260
_TEXT: Final = Declared(
    DEFAULT_TYPE, frozenset({DEFAULT_TYPE}), (), ("7bit",), "", (), attached=False, content_id="", findings=frozenset()
)


class WhenFed:
    """A reader that is made with the first bytes for it: most multiparts have nothing outside of their parts."""

    def __init__(self, make: Callable[[Node], Reader], parent: Node) -> None:
        self._make = make
        self._parent = parent
        self._reader: Reader | None = None

    def feed(self, data: bytes, at: int) -> None:
        if self._reader is None:
            self._reader = self._make(self._parent)
        self._reader.feed(data, at)

    def close(self, at: int) -> None:
        if self._reader is not None:
            self._reader.close(at)

    def fork(self, parent: Node) -> "Reader":
        return WhenFed(self._make, parent) if self._reader is None else self._reader.fork(parent)


class Stray:
    """Text with what may hide in it; or a part, where it begins like one."""

    def __init__(
        self, draft: Draft, place: Place, start: int, make_entity: Callable[[Draft, Place, int], Reader]
    ) -> None:
        self._draft = draft
        self._place = place
        self._start = start
        self._make_entity = make_entity
        self._head = b""
        self._reader: Reader | None = None

    def feed(self, data: bytes, at: int) -> None:
        if self._reader is None:
            data, at = self._head + data, at - len(self._head)
            if len(data) < _DECIDED_BY:
                self._head = data
                return
            self._reader = self._decide(data)
        self._reader.feed(data, at)

    def close(self, at: int) -> None:
        if self._reader is None and self._head.strip():
            self._reader = self._decide(self._head)
            self._reader.feed(self._head, self._start)
        if self._reader is not None:
            self._reader.close(at)

    def fork(self, parent: Node) -> "Stray":
        twin = Stray(self._draft, self._place, self._start, self._make_entity)
        twin._head = self._head
        twin._reader = None if self._reader is None else self._reader.fork(parent)
        return twin

    def _decide(self, head: bytes) -> Reader:
        if _LIKE_A_HEADER.match(head[:_DECIDED_BY]):
            return self._make_entity(self._draft, self._place, self._start)
        return open_leaf(
            self._draft, self._place, Span(self._start, self._start), self._start, _TEXT, self._text_readers
        )

    def _text_readers(self, node: Node, frame: Frame) -> Reader:
        return SeveralReaders([EmbeddedFiles(self._draft, node, frame), UnlabelledBase64(self._draft, node, frame)])


class GuessedMultipart:
    """Takes the first line that begins with `--` for a boundary line, as lenient readers do; a multipart from there on."""

    def __init__(self, make: Callable[[bytes, int], Reader], start: int) -> None:
        self._make = make
        self._start = start
        self._held = b""
        self._at_line_start = True
        self._reader: Reader | None = None

    def feed(self, data: bytes, at: int) -> None:
        if self._reader is not None:
            self._reader.feed(data, at)
            return
        data, at = self._held + data, at - len(self._held)
        found = self._guess(data)
        if found is not None:
            self._held = b""
            self._reader = self._make(found[1].rstrip(b" \t"), at + found.start())
            self._reader.feed(data[found.start() :], at + found.start())
            return
        last = data.rfind(b"\n") + 1
        self._at_line_start = (last > 0 or self._at_line_start) and len(data) - last <= _LONGEST_LINE
        self._held = data[last:] if self._at_line_start else b""

    def _guess(self, data: bytes) -> re.Match[bytes] | None:
        """The first whole line that may be a boundary line."""
        found = _GUESS.match(data) if self._at_line_start else None
        hit = data.find(b"\n--")
        while found is None and hit >= 0:
            found = _GUESS.match(data, hit + 1)
            hit = data.find(b"\n--", hit + 1)
        return found

    def close(self, at: int) -> None:
        if self._reader is not None:
            self._reader.close(at)

    def fork(self, parent: Node) -> "GuessedMultipart":
        twin = GuessedMultipart(self._make, self._start)
        twin._held, twin._at_line_start = self._held, self._at_line_start
        twin._reader = None if self._reader is None else self._reader.fork(parent)
        return twin
