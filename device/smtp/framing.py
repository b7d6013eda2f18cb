"""Where a body ends, and what is in it: DATA and BDAT, undone and done.

DATA ends at CRLF.CRLF alone (RFC 5321, 4.1.1.4). Some servers end it elsewhere too: at a dot with a bare CR, a bare LF or NULs
around it. Then one message becomes two (SMTP smuggling; CVE-2023-51764, -51765, -51766), so such a dot is odd, and the body that
holds it is refused. BDAT counts octets (RFC 3030), but what it carries goes on by DATA somewhere, so the same dots are odd there.

Bodies are never cut into lines. One memchr for a dot decides most pieces, since base64 has none; only from a dot on are line
starts searched, and only dots at line starts are looked at by hand.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from device.smtp import limits

CR: Final = 13
LF: Final = 10
NUL: Final = 0
LINE_ENDS: Final = (CR, LF)

TERMINATOR: Final = b".\r\n"
"""Ends a body that itself ends in CRLF."""


class Dots(NamedTuple):
    """What a scan saw. Positions count in `window`: what earlier scans held back, and the new bytes.

    `end` is the first dot of CRLF.CRLF, `odd` the first that some server would take for one. Bytes from `settled` on can't be
    judged before more comes. `stuffed`: some dot starts a line and is no end.
    """

    window: bytes
    settled: int
    end: int | None
    odd: int | None
    stuffed: bool


class DotReader:
    """Looks at each dot that follows a line end of any kind, with or without NULs between, across all pieces of a body."""

    def __init__(self) -> None:
        self.before = b"\r\n"  # the command's own line end: a dot may be the first byte
        self._solid = LF
        self._nuls_after_dot = False
        self._held = b""

    def scan(self, data: bytes) -> Dots:
        """Judges the dots in what was held back and `data`."""
        window = self._held + data if self._held else data
        end, stuffed, settled = None, False, len(window)
        odd = 0 if self._odd_from_before(window) else None
        for dot in _dots_at_line_starts(window):
            exact = self._two_before(window, dot) == b"\r\n"
            if self._solid_before(window, dot) not in LINE_ENDS:
                continue
            if exact and window.startswith(b"\r\n", dot + 1):
                end = dot if end is None else end
            elif dot + 1 == len(window) or (exact and dot + 2 == len(window) and window[-1] == CR):
                settled = dot
            elif self._line_end_after(window, dot):
                odd = dot if odd is None else odd
            else:
                stuffed = stuffed or exact
        self._remember(window, settled)
        return Dots(window, settled, end, odd, stuffed)

    def _odd_from_before(self, window: bytes) -> bool:
        """Whether a dot and NULs at the end of the last scan are followed by a line end now."""
        if not self._nuls_after_dot or not window:
            return False
        following = window.lstrip(b"\0")[:1]
        self._nuls_after_dot = not following
        return following in (b"\r", b"\n")

    def _two_before(self, window: bytes, position: int) -> bytes:
        return window[position - 2 : position] if position >= 2 else (self.before + window[:position])[-2:]

    def _solid_before(self, window: bytes, position: int) -> int:
        """The last byte before that is no NUL: what a reader that drops NULs takes for the line's end."""
        position -= 1
        while position >= 0 and window[position] == NUL:
            position -= 1
        return window[position] if position >= 0 else self._solid

    def _line_end_after(self, window: bytes, dot: int) -> bool:
        position = dot + 1
        while position < len(window) and window[position] == NUL:
            position += 1
        if position == len(window):
            self._nuls_after_dot = True
            return False
        return window[position] in LINE_ENDS

    def _remember(self, window: bytes, settled: int) -> None:
        if settled:
            self._solid = self._solid_before(window, settled)
            self.before = self._two_before(window, settled)
        self._held = window[settled:]


def _dots_at_line_starts(window: bytes) -> Sequence[int]:
    """Positions of dots after CR, LF or NUL, and at the window's start."""
    first = window.find(b".")
    if first < 0:
        return ()
    start = max(first - 1, 0)
    found = [0] if first == 0 else []
    found.extend(_after_each(b"\n.", window, start))
    found.extend(_after_each(b"\r.", window, start))
    if b"\0" in window:
        found.extend(_after_each(b"\0.", window, start))
    found.sort()
    return found


def _after_each(needle: bytes, window: bytes, start: int) -> Iterator[int]:
    position = window.find(needle, start)
    while position >= 0:
        yield position + 1
        position = window.find(needle, position + 2)


class Framed(NamedTuple):
    """Content of the body, dot-stuffing undone; `rest` is None until its end, then what follows it."""

    content: bytes
    rest: bytes | None = None


class DataFramer:
    """The body of one DATA. `odd`: it holds a dot that some server would take for its end."""

    def __init__(self) -> None:
        self._dots = DotReader()
        self.odd = False

    def feed(self, data: bytes) -> Framed:
        """More of the body."""
        before = self._dots.before
        dots = self._dots.scan(data)
        self.odd = self.odd or (dots.odd is not None and (dots.end is None or dots.odd < dots.end))
        stop = dots.settled if dots.end is None else dots.end
        content = dots.window if stop == len(dots.window) else dots.window[:stop]
        if dots.stuffed:
            content = _unstuffed(content, before)
        return Framed(content, None if dots.end is None else dots.window[dots.end + len(TERMINATOR) :])


def _unstuffed(content: bytes, before: bytes) -> bytes:
    """Without the first dot of each line (RFC 5321, 4.5.2); `before` are the two bytes in front."""
    if before == b"\r\n" and content.startswith(b"."):
        content = content[1:]
    elif before.endswith(b"\r") and content.startswith(b"\n."):
        content = b"\n" + content[2:]
    return content.replace(b"\r\n.", b"\r\n")


class ChunkFramer:
    """The octets of one BDAT. The reader of dots is the message's, since its chunks are one text."""

    def __init__(self, size: int, dots: DotReader) -> None:
        self._missing = size
        self._dots = dots
        self.odd = False

    @property
    def complete(self) -> bool:
        """Whether no octet is missing; at once for a chunk of none."""
        return not self._missing

    def feed(self, data: bytes) -> Framed:
        """More octets, perhaps more than belong here."""
        taken = min(len(data), self._missing)
        content = data if taken == len(data) else data[:taken]
        self._missing -= taken
        self.odd = self.odd or self._dots.scan(content).odd is not None
        return Framed(content, None if self._missing else data[taken:])


class Gatherer:
    """Joins the small pieces of a body up to FEED_SIZE; larger ones pass uncopied. So pieces cost no more than the message."""

    def __init__(self) -> None:
        self._small = bytearray()

    def add(self, content: bytes) -> list[bytes]:
        """The pieces that are large enough now."""
        if len(content) >= limits.FEED_SIZE:
            return [*self.flush(), content]
        self._small += content
        return self.flush() if len(self._small) >= limits.FEED_SIZE else []

    def flush(self) -> list[bytes]:
        """What is left, if anything."""
        if not self._small:
            return []
        whole = bytes(self._small)
        self._small.clear()
        return [whole]


class Stuffer:
    """A body as DATA sends it, piece by piece. Pieces without a dot at a line's start stay the objects they are."""

    def __init__(self) -> None:
        self._before = b"\r\n"

    def piece(self, content: bytes) -> bytes:
        """The next piece."""
        before, self._before = self._before, (self._before + content[-2:])[-2:]
        return _stuffed(content, before) if b"." in content else content

    def end(self) -> bytes:
        """What ends the body."""
        return TERMINATOR if self._before == b"\r\n" else b"\r\n" + TERMINATOR


def stuffed(content: Iterable[bytes]) -> Iterator[bytes]:
    """The whole content as DATA sends it, terminator included."""
    stuffer = Stuffer()
    for piece in content:
        yield stuffer.piece(piece)
    yield stuffer.end()


def _stuffed(piece: bytes, before: bytes) -> bytes:
    if before == b"\r\n" and piece.startswith(b"."):
        piece = b"." + piece
    elif before.endswith(b"\r") and piece.startswith(b"\n."):
        piece = b"\n." + piece[1:]
    return piece.replace(b"\r\n.", b"\r\n..") if b"\r\n." in piece else piece
