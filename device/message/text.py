"""What hides in text: files between `begin` and `end` lines, unlabelled base64, and the Content-IDs that HTML refers to."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from device.message import uuencode, yenc
from device.message.declared import Declared
from device.message.draft import Draft, Frame, Node
from device.message.filenames import safe
from device.message.findings import Finding
from device.message.leaf import Leaf, open_leaf
from device.message.reader import Place, Reader
from device.message.reading import Span
from device.message.words import text as decoded_text

_BEGINNING: Final = rb"(?:begin(?:-base64)? +[0-7]{3,5} +[^\s]|=ybegin )"
_ENDINGS: Final = {"uuencode": rb"(?:end|====)[ \t]*\r?\n", "yenc": rb"=yend[ \r\n]"}
_MARKS: Final = {
    encoding: (re.compile(mark), re.compile(rb"\n" + mark)) for encoding, mark in {"": _BEGINNING, **_ENDINGS}.items()
}
"""What the next interesting line looks like, at a place and after any line end; by the encoding of the file that is open."""

_LONGEST_LINE: Final = uuencode.LONGEST_LINE
_REFERENCE: Final = re.compile(rb"cid:([^\"'\s<>)]{1,200}+)", re.IGNORECASE)
_WHOLE_REFERENCE: Final = re.compile(_REFERENCE.pattern + rb"(?=.)", re.IGNORECASE | re.DOTALL)
_REFERENCE_TAIL: Final = 256
_BASE64_MAGIC: Final = (
    b"UEsDB",
    b"JVBERi",
    b"0M8R4KGx",
    b"TVqQA",
    b"TVoAA",
    b"f0VMR",
    b"UmFyIR",
    b"N3q8r",
    b"H4sI",
    b"TVNDR",
    b"e1xydG",
)
_SNIFFED: Final = 16


def may_hold_files(text: bytes) -> bool:
    """Whether some line of the text begins as the first of a uuencoded or yEnc file does."""
    here, later = _MARKS[""]
    return here.match(text) is not None or later.search(text) is not None


def begins_like_base64_of_a_file(text: bytes) -> bool:
    """Whether the text begins as the base64 of a known kind of file does, white space aside."""
    return text.lstrip().startswith(_BASE64_MAGIC)


class SeveralReaders:
    """Several readers of the same stretch."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def feed(self, data: bytes, at: int) -> None:
        for reader in self._readers:
            reader.feed(data, at)

    def close(self, at: int) -> None:
        for reader in self._readers:
            reader.close(at)

    def fork(self, parent: Node) -> "SeveralReaders":
        return SeveralReaders([reader.fork(parent) for reader in self._readers])


class EmbeddedFiles:
    """Finds uuencode and yEnc in text, line by line only where a line begins like one of theirs."""

    def __init__(self, draft: Draft, parent: Node, frame: Frame) -> None:
        self._draft = draft
        self._parent = parent
        self._frame = frame
        self._held = b""
        self._at_line_start = True
        self._file: Leaf | None = None
        self._encoding = ""

    def feed(self, data: bytes, at: int) -> None:
        data, at = self._held + data, at - len(self._held)
        position = 0
        while True:
            found = self._next_mark(data, position)
            line_end = -1 if found < 0 else data.find(b"\n", found) + 1
            if found < 0 or not line_end:
                break
            position = self._turn(data, position, found, line_end, at)
        self._keep(data, position, at)

    def close(self, at: int) -> None:
        """A last line without its end may still close a file."""
        if self._file is not None:
            self._file.feed(self._held, at - len(self._held))
            self._file.close(at)
            self._file = None

    def fork(self, parent: Node) -> "EmbeddedFiles":
        frame = Frame(parent) if self._frame.owner is self._parent else self._frame
        twin = EmbeddedFiles(self._draft, parent, frame)
        twin._held, twin._at_line_start, twin._encoding = self._held, self._at_line_start, self._encoding
        twin._file = None if self._file is None else self._file.fork(parent)
        return twin

    def _next_mark(self, data: bytes, position: int) -> int:
        """The first line from `position` on that may begin a file, or ends the open one; -1 without one."""
        here, later = _MARKS[self._encoding]
        if (position > 0 or self._at_line_start) and here.match(data, position):
            return position
        found = later.search(data, position)
        return -1 if found is None else found.start() + 1

    def _turn(self, data: bytes, position: int, start: int, end: int, at: int) -> int:
        """A line that begins like a file's first or last; gives where to look on from."""
        line = data[start:end]
        if self._file is None:
            begun = len(line) <= _LONGEST_LINE and self._begin(line, at + start)
            return end if begun else start + 1
        self._file.feed(data[position:end], at + position)
        self._file.close(at + end)
        self._file = None
        self._encoding = ""
        return end

    def _begin(self, line: bytes, at: int) -> bool:
        """Whether the line begins a file."""
        begun = uuencode.BEGIN.match(line)
        if begun is not None:
            self._open("uuencode", begun[2], line, at)
            return True
        begun = yenc.BEGIN.match(line)
        if begun is not None:
            self._open("yenc", begun[1] or b"", line, at)
        return begun is not None

    def _open(self, encoding: str, name: bytes, line: bytes, at: int) -> None:
        self._encoding = encoding
        self._draft.note(Finding.EMBEDDED_FILE)
        declared = _file_in_text(safe(decoded_text(name, "")), encoding)
        place = Place(self._parent, self._frame, alternate=self._parent.alternate)
        self._file = open_leaf(self._draft, place, Span(at, at), at, declared)
        self._draft.nodes[-1].embedded = True
        self._file.feed(line, at)

    def _keep(self, data: bytes, position: int, at: int) -> None:
        """Hold the last line while it may still begin like one of theirs."""
        last = max(position, data.rfind(b"\n", position) + 1)
        if last > 0:
            self._at_line_start = True
        short = len(data) - last <= _LONGEST_LINE and self._at_line_start
        keep = last if short else len(data)
        if not short:
            self._at_line_start = False
        if self._file is not None:
            self._file.feed(data[position:keep], at + position)
        self._held = data[keep:]


class UnlabelledBase64:
    """Text that is the base64 of a known kind of file: what a reader decodes that sees another encoding than we do."""

    def __init__(self, draft: Draft, parent: Node, frame: Frame) -> None:
        self._draft = draft
        self._parent = parent
        self._frame = frame
        self._head: bytes | None = b""
        self._file: Leaf | None = None

    def feed(self, data: bytes, at: int) -> None:
        if self._head is not None:
            data, at = self._head + data, at - len(self._head)
            self._look(data, at)
        if self._file is not None:
            self._file.feed(data, at)

    def close(self, at: int) -> None:
        if self._file is not None:
            self._file.close(at)

    def fork(self, parent: Node) -> "UnlabelledBase64":
        twin = UnlabelledBase64(self._draft, parent, self._frame)
        twin._head = self._head
        twin._file = None if self._file is None else self._file.fork(parent)
        return twin

    def _look(self, data: bytes, at: int) -> None:
        """Decide once enough is there that is not white space."""
        begins = data.lstrip()
        if len(begins) < _SNIFFED and len(data) < _LONGEST_LINE:
            self._head = data
            return
        self._head = None
        if begins_like_base64_of_a_file(begins):
            place = Place(self._parent, self._frame, alternate=True)
            self._file = open_leaf(self._draft, place, Span(at, at), at, _file_in_text("", "base64"))


class References:
    """Collects the Content-IDs that HTML refers to (RFC 2392)."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._held = b""

    def feed(self, data: bytes, at: int) -> None:  # noqa: ARG002 - a Reader's shape
        text = self._held + data
        self._collect(_WHOLE_REFERENCE, text)
        self._held = text[-_REFERENCE_TAIL:]

    def close(self, at: int) -> None:  # noqa: ARG002 - a Reader's shape
        self._collect(_REFERENCE, self._held)

    def fork(self, parent: Node) -> "References":  # noqa: ARG002 - a Reader's shape
        return References(self._draft)

    def _collect(self, reference: re.Pattern[bytes], text: bytes) -> None:
        """A reference counts once it is whole: when something stands behind it, or at the end."""
        found = set(reference.findall(text))
        self._draft.referred.update(unquote(each.decode("latin-1")) for each in found)


def _file_in_text(name: str, encoding: str) -> Declared:
    kind = "application/octet-stream"
    names = (name,) if name else ()
    return Declared(
        kind, frozenset({kind}), (), (encoding,), "", names, attached=True, content_id="", findings=frozenset()
    )
