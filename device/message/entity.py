"""One part, or the whole message: a header, and then the body that it declares, in every way in which readers take it."""

from collections.abc import Sequence

from device.message import fields
from device.message.bodies import open_bodies
from device.message.declared import Declared, declare
from device.message.draft import Draft, Node
from device.message.fields import Header
from device.message.findings import Finding
from device.message.reader import Place, Reader
from device.message.reading import Span


class Entity:
    """Reads a header whole, then hands the body on. A strict one takes CRLF CRLF alone for the header's end."""

    def __init__(self, draft: Draft, place: Place, start: int, *, strict: bool = False) -> None:
        draft.budget.check_depth(place.depth)
        self._draft = draft
        self._place = place
        self._start = start
        self._strict = strict
        self._block = bytearray()
        self._bodies: Sequence[Reader] | None = None

    def feed(self, data: bytes, at: int) -> None:
        if self._bodies is not None:
            self._give(self._bodies, data, at)
            return
        searched = len(self._block)
        self._block += data
        end = fields.end_of_header(self._block, searched, strict=self._strict)
        self._draft.budget.check_header(len(self._block) if end is None else end)
        if end is not None:
            self._open(end)

    def close(self, at: int) -> None:
        if self._bodies is None:
            if self._block:
                self._draft.note(Finding.NO_BLANK_LINE)
            self._open(len(self._block))
        for body in self._bodies or ():
            body.close(at)

    def fork(self, parent: Node) -> "Entity":
        twin = Entity(
            self._draft, self._place._replace(parent=parent, alternate=True), self._start, strict=self._strict
        )
        twin._block = bytearray(self._block)
        if self._bodies is not None:
            twin._bodies = [body.fork(parent) for body in self._bodies[:1]]
        return twin

    def _open(self, end: int) -> None:
        """The header is whole: read it, and begin the body."""
        block, body = bytes(self._block[:end]), bytes(self._block[end:])
        self._block = bytearray()
        frame = self._place.frame
        if frame.crlf is None:
            frame.crlf = _ends_lines_with_crlf(block)
        header = fields.parse(block, self._start, crlf=frame.crlf)
        self._draft.budget.spend_header(len(block), len(header.fields))
        self._draft.note(*header.findings)
        if self._place.parent is None and not self._place.alternate:
            self._draft.header = block
            self._draft.note(*_version_findings(header))
        bodies = self._body_readers(header, end)
        early = self._early_readers(header, block)
        if self._differs_when_strict(block):
            early.append(self._strict_twin(block))
        self._bodies = [*bodies, *early]
        self._give(self._bodies, body, self._start + end)

    def _body_readers(self, header: Header, end: int) -> list[Reader]:
        declared = self._declare(header)
        return open_bodies(self._draft, self._place, Span(self._start, self._start + end), declared, Entity)

    def _declare(self, header: Header) -> Declared:
        declared = declare(header, self._place.default_type)
        self._draft.note(*declared.findings)
        return declared

    def _early_readers(self, header: Header, block: bytes) -> list[Reader]:
        """Bodies for readers who end the header before its blank line; they have seen the rest of it already."""
        readers: list[Reader] = []
        for offset in header.early:
            start = self._start + offset
            declared = self._declare(fields.before(header, start))
            span = Span(self._start, start)
            opened = open_bodies(self._draft, self._place.aside(), span, declared, Entity)
            self._give(opened, block[offset:], start)
            readers += opened
        return readers

    def _differs_when_strict(self, block: bytes) -> bool:
        return (
            bool(self._place.frame.crlf) and not self._strict and block.endswith(b"\n") and not _strictly_ended(block)
        )

    def _strict_twin(self, block: bytes) -> Reader:
        """A reader to whom a blank line of bare LF is none."""
        twin = Entity(self._draft, self._place.aside(), self._start, strict=True)
        twin.feed(block, self._start)
        return twin

    def _give(self, bodies: Sequence[Reader], data: bytes, at: int) -> None:
        if data:
            for body in bodies:
                body.feed(data, at)


def _ends_lines_with_crlf(block: bytes) -> bool:
    """How a message ends its lines, by the first of them. A message of LF alone (a file from disk) is not odd in itself."""
    first = block.find(b"\n")
    return first < 0 or block[:first].endswith(b"\r")


def _strictly_ended(block: bytes) -> bool:
    return block == b"\r\n" or block.endswith(b"\r\n\r\n")


def _version_findings(header: Header) -> tuple[Finding, ...]:
    """MIME without MIME-Version is read as MIME by most readers, and so here."""
    speaks_mime = any(field.key.startswith(b"content-") for field in header.fields)
    return (Finding.NO_VERSION,) if speaks_mime and not header.values(b"mime-version") else ()
