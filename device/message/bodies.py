"""What a declared part's body is read as: in the standards' way first, then in each way in which a reader would show more."""

from collections.abc import Callable, Iterator
from functools import partial

from device.message.declared import DEFAULT_TYPE, Declared, unboxed
from device.message.draft import Draft, Frame, Node
from device.message.encodings import is_identity
from device.message.findings import Finding
from device.message.leaf import Tap, open_leaf
from device.message.multipart import Inside, Multipart
from device.message.reader import Place, Reader
from device.message.reading import Span
from device.message.stray import GuessedMultipart, Stray, WhenFed
from device.message.text import EmbeddedFiles, References, SeveralReaders, UnlabelledBase64

MakeEntity = Callable[[Draft, Place, int], Reader]
"""Makes the reader of a part with a header of its own: bodies hold parts, and parts have bodies."""


def open_bodies(draft: Draft, place: Place, header: Span, declared: Declared, make_entity: MakeEntity) -> list[Reader]:
    """The readers of a body that starts where its header ends; the first is the standards'."""
    opener = _Opener(draft, header, declared, make_entity)
    readers: list[Reader] = []
    for open_one in opener.ways():
        readers.append(open_one(place if not readers else place.aside()))
    return readers


class _Opener:
    """One body, and the ways to open it."""

    def __init__(self, draft: Draft, header: Span, declared: Declared, make_entity: MakeEntity) -> None:
        self._draft = draft
        self._header = header
        self._declared = declared
        self._make_entity = make_entity
        self._encoded = tuple(each for each in declared.encodings if not is_identity(each))

    def ways(self) -> Iterator[Callable[[Place], Reader]]:
        """How to open it, the standards' way first."""
        kind = self._declared.content_type
        if kind.startswith("multipart/") and self._declared.boundaries:
            yield from self._as_multiparts()
            if self._declared.message:
                yield self._as_message
            if self._declared.leaf:
                yield self._as_leaf
        else:
            yield self._as_message if self._declared.message else self._as_leaf
            if self._declared.multipart:
                yield from self._as_multiparts()
        if self._encoded and self._declared.multipart:
            self._draft.note(Finding.ENCODED_CONTAINER)
            yield self._as_encoded_multipart

    def _as_multiparts(self) -> Iterator[Callable[[Place], Reader]]:
        """One for each way to read the boundary; without any, it is guessed from the body."""
        for boundary in self._declared.boundaries:
            yield partial(self._multipart, boundary=boundary, start=self._header.end)
        if not self._declared.boundaries:
            yield partial(self._guessed, start=self._header.end)

    def _as_message(self, place: Place) -> Reader:
        """A message is a file itself, and its parts are read. Encoded, it is so for some readers only (RFC 2046, 5.2.1)."""
        if self._encoded:
            self._draft.note(Finding.ENCODED_CONTAINER)

        def inside(node: Node, frame: Frame) -> Reader:
            aside = node.alternate or frame.owner is node
            within = Place(node, frame, place.depth + 1, alternate=aside)
            return self._make_entity(self._draft, within, self._content_start(node, frame))

        return self._leaf(place, inside)

    def _as_encoded_multipart(self, place: Place) -> Reader:
        def inside(node: Node, frame: Frame) -> Reader:
            within = Place(node, frame, place.depth + 1, alternate=True)
            start = self._content_start(node, frame)
            if self._declared.boundaries:
                return self._multipart(within, boundary=self._declared.boundaries[0], start=start)
            return self._guessed(within, start=start)

        return self._leaf(place, inside)

    def _as_leaf(self, place: Place) -> Reader:
        return self._leaf(place, self._text_readers)

    def _leaf(self, place: Place, tap: Tap) -> Reader:
        return open_leaf(self._draft, place, self._header, self._header.end, self._declared, tap)

    def _text_readers(self, node: Node, frame: Frame) -> Reader:
        """What reads along with a leaf's decoded content."""
        readers: list[Reader] = []
        if DEFAULT_TYPE in self._declared.types:
            readers.append(EmbeddedFiles(self._draft, node, frame))
        if "text/html" in self._declared.types:
            readers.append(References(self._draft))
        if readers and frame.owner is not node:
            readers.append(UnlabelledBase64(self._draft, node, frame))
        return SeveralReaders(readers)

    def _content_start(self, node: Node, frame: Frame) -> int:
        return 0 if frame.owner is node else node.start

    def _multipart(self, place: Place, *, boundary: bytes, start: int) -> Reader:
        self._draft.budget.check_depth(place.depth)
        header = self._header if start == self._header.end else Span(start, start)
        node = Node(place.parent, place.frame, header, start, self._declared, place.alternate, container=True)
        return Multipart(self._draft, self._draft.add(node), boundary, self._inside(place))

    def _guessed(self, place: Place, *, start: int) -> Reader:
        def make(boundary: bytes, at: int) -> Reader:
            declared = unboxed(boundary)
            node = Node(place.parent, place.frame, Span(at, at), at, declared, alternate=True, container=True)
            return Multipart(self._draft, self._draft.add(node), boundary, self._inside(place.aside()))

        return GuessedMultipart(make, start)

    def _inside(self, place: Place) -> Inside:
        digest = self._declared.content_type == "multipart/digest"
        default_type = "message/rfc822" if digest else DEFAULT_TYPE
        frame, depth, inherited = place.frame, place.depth + 1, self._encoded

        def part(parent: Node, at: int, alternate: bool) -> Reader:
            its_place = Place(parent, frame, depth, alternate or parent.alternate, default_type, inherited)
            return self._make_entity(self._draft, its_place, at)

        def stray(parent: Node, at: int) -> Reader:
            return WhenFed(lambda parent: outside(parent, at), parent)

        def outside(parent: Node, at: int) -> Reader:
            its_place = Place(parent, frame, depth, alternate=True, inherited=inherited)
            guess = self._guessed(its_place, start=at)
            return SeveralReaders([Stray(self._draft, its_place, at, self._make_entity), guess])

        return Inside(part, stray)
