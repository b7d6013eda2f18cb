"""A multipart's body: cut at its boundary lines, as the bytes arrive.

A single-byte search for `-` goes first: base64 has none, and memchr is twenty times faster than a search for a longer needle.
Only the tail that may be the beginning of a boundary line is held.

Most boundary lines are sure. Where readers differ, both readings go on side by side, until they agree again:

    boundary line                              the first reading      beside it
    -----------------------------------------  ---------------------  ----------------------------------------
    --boundary, blanks, CRLF; after CRLF       a part ends            -
    the same after or before a bare LF or CR   a part ends            the part goes on (until a sure line)
    something else behind the boundary         the part goes on       a part ends, and one begins (RFC 2046,
                                                                      5.1.1: a comparison of beginnings)
    a boundary after the last one              a part, alternate      -

Source: RFC 2046, section 5.1.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, NamedTuple

from device.message.draft import Draft, Node
from device.message.findings import Finding
from device.message.reader import Reader

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_LONGEST_LINE: Final = 65_536
"""Bytes; what is longer is no boundary line to anyone."""


class Doubt(Enum):
    """Why some readers do not take a line for a boundary line, or take it and others do not."""

    BARE_LF = auto()
    BARE_CR = auto()
    SUFFIX = auto()


class Line(NamedTuple):
    """A boundary line: where the line end before it begins, and where its own begins and ends; these, and the text between."""

    start: int
    text_end: int
    end: int
    before: bytes = b""
    text: bytes = b""
    after: bytes = b""
    endless: bool = False

    @property
    def last(self) -> bool:
        """Whether no part follows."""
        return self.text.startswith(b"--")

    def doubt(self, *, crlf: bool) -> Doubt | None:
        """Why some readers take it for something else; `crlf` is whether bare LF is odd around it."""
        if self.endless or self.text.removeprefix(b"--").strip(b" \t"):
            return Doubt.SUFFIX
        line_ends = (self.before, self.after)
        if b"\r" in line_ends:
            return Doubt.BARE_CR
        return Doubt.BARE_LF if crlf and b"\n" in line_ends else None


@dataclass(slots=True)
class Side:
    """A reading beside the first one, and where it begins."""

    reader: Reader
    start: int


@dataclass(frozen=True, slots=True)
class Inside:
    """Makes the readers of what a multipart holds: a part that starts at an offset, and what stands outside of all parts."""

    part: Callable[[Node, int, bool], Reader]
    stray: Callable[[Node, int], Reader]


class Multipart:
    """The readers of one multipart's body for one boundary."""

    def __init__(self, draft: Draft, node: Node, boundary: bytes, inside: Inside) -> None:
        self._draft = draft
        self._node = node
        self._delimiter = b"--" + boundary
        self._inside = inside
        self._held = b""
        self._line_start = node.start
        self._seen = False
        self._ended = False
        self._current = inside.stray(node, node.start)
        self._sides: dict[Doubt, Side] = {}

    def feed(self, data: bytes, at: int) -> None:
        if self._held:
            data, at = self._held + data, at - len(self._held)
        self._scan(data, at, final=False)

    def close(self, at: int) -> None:
        self._scan(self._held, at - len(self._held), final=True)
        self._current.close(at)
        self._close_sides(at)
        self._node.end = at
        if self._seen and not self._ended:
            self._draft.note(Finding.MISSING_END)

    def fork(self, parent: Node) -> "Multipart":
        node = self._draft.add(replace(self._node, parent=parent, alternate=True))
        twin = Multipart(self._draft, node, self._delimiter[2:], self._inside)
        twin._held, twin._line_start = self._held, self._line_start
        twin._seen, twin._ended = self._seen, self._ended
        twin._current = self._current.fork(node)
        return twin

    def _scan(self, data: bytes, at: int, *, final: bool) -> None:
        position = 0
        while True:
            hit = self._find(data, position, at)
            if hit < 0:
                keep = len(data) if final else self._sure(data, position, at)
                break
            line = self._line(data, hit, at, final=final)
            if line is None:
                keep = max(position, hit - self._line_end_before(data, hit, at))
                break
            position = self._cut(data, position, line, at)
        self._give(data[position:keep], at + position)
        self._held = data[keep:]

    def _find(self, data: bytes, position: int, at: int) -> int:
        """The next place where a line begins with the delimiter."""
        dash = data.find(b"-", position)
        hit = data.find(self._delimiter, dash) if dash >= 0 else -1
        while hit >= 0 and not self._begins_line(data, hit, at):
            hit = data.find(self._delimiter, hit + 1)
        return hit

    def _begins_line(self, data: bytes, hit: int, at: int) -> bool:
        return at + hit == self._line_start or (hit > 0 and data[hit - 1] in b"\r\n")

    def _line_end_before(self, data: bytes, hit: int, at: int) -> int:
        """The length of the line end before a boundary line: it belongs to the boundary."""
        if at + hit == self._line_start:
            return 0
        return 2 if data[max(0, hit - 2) : hit] == b"\r\n" else 1

    def _line(self, data: bytes, hit: int, at: int, *, final: bool) -> Line | None:
        """The whole boundary line, once it is there."""
        behind = hit + len(self._delimiter)
        ended = _LINE_END.search(data, behind, hit + _LONGEST_LINE)
        whole = ended is not None and not (ended[0] == b"\r" and ended.end() == len(data))
        start = hit - self._line_end_before(data, hit, at)
        if not whole and len(data) >= hit + _LONGEST_LINE:
            return Line(start, behind, behind, endless=True)
        if not whole and not final:
            return None
        text_end, end = (ended.start(), ended.end()) if ended else (len(data), len(data))
        return Line(start, text_end, end, data[start:hit], data[behind:text_end], data[text_end:end])

    def _cut(self, data: bytes, position: int, line: Line, at: int) -> int:
        """Give what stands before the line, then act on it; gives where to go on."""
        self._give(data[position : line.start], at + position)
        doubt = line.doubt(crlf=bool(self._node.frame.crlf))
        if doubt is Doubt.SUFFIX:
            self._begin_beside(line, at)
            self._give(data[line.start : line.text_end], at + line.start)
            return line.text_end
        self._end_part(line, doubt, at)
        self._give_sides(data[line.start : line.end], at + line.start)
        self._begin_part(line, at)
        return line.end

    def _end_part(self, line: Line, doubt: Doubt | None, at: int) -> None:
        if doubt is None:
            self._close_sides(at + line.start)
        else:
            self._draft.note(Finding.BARE_LINE_END)
            self._close_side(Doubt.SUFFIX, at + line.start)
            if doubt not in self._sides and self._seen and not self._ended:
                self._sides[doubt] = Side(self._current.fork(self._node), at + line.start)
        self._current.close(at + line.start)

    def _begin_part(self, line: Line, at: int) -> None:
        start = at + line.end
        self._line_start, self._seen = start, True
        if line.last:
            self._ended = True
            self._current = self._inside.stray(self._node, start)
            return
        if self._ended:
            self._draft.note(Finding.AFTER_END)
        self._current = self._inside.part(self._node, start, self._ended)

    def _begin_beside(self, line: Line, at: int) -> None:
        """A line that only some readers take for a boundary line: for them a part ends here, and one begins."""
        self._draft.note(Finding.ODD_BOUNDARY_LINE)
        if Doubt.SUFFIX in self._sides:
            self._close_side(Doubt.SUFFIX, at + line.start)
        else:
            self._current.fork(self._node).close(at + line.start)
        if not line.last:
            start = at + line.end
            self._sides[Doubt.SUFFIX] = Side(self._inside.part(self._node, start, True), start)

    def _give(self, data: bytes, at: int) -> None:
        if data:
            self._current.feed(data, at)
            self._give_sides(data, at)

    def _give_sides(self, data: bytes, at: int) -> None:
        for side in self._sides.values():
            skipped = max(0, side.start - at)
            if skipped < len(data):
                side.reader.feed(data[skipped:], at + skipped)

    def _close_sides(self, at: int) -> None:
        for doubt in tuple(self._sides):
            self._close_side(doubt, at)

    def _close_side(self, doubt: Doubt, at: int) -> None:
        side = self._sides.pop(doubt, None)
        if side is not None:
            side.reader.close(max(at, side.start))

    def _sure(self, data: bytes, position: int, at: int) -> int:
        """How much of the data cannot be the beginning of a boundary line, nor the line end before one."""
        window = max(position, len(data) - len(self._delimiter) - 2)
        line_end = max(data.rfind(b"\n", window), data.rfind(b"\r", window))
        if line_end >= 0 and self._delimiter.startswith(data[line_end + 1 :]):
            return line_end - 1 if line_end > position and data[line_end - 1 : line_end + 1] == b"\r\n" else line_end
        if at + position == self._line_start and self._delimiter.startswith(data[position:]):
            return position
        return len(data)
