"""Content of its own: decoded as it arrives, in every way in which some reader decodes it, hashed and measured; never kept."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from device.message.attachments import MAGIC_LENGTH
from device.message.declared import Declared
from device.message.draft import Draft, Frame, Node
from device.message.encodings import Decoder, copied, decoder, is_identity
from device.message.reader import Place, Reader
from device.message.reading import Sha256, Span

Tap = Callable[[Node, Frame], Reader]
"""Makes a reader of a leaf's decoded content, whose offsets count in that frame."""


class Decoding:
    """One way to decode a leaf: a node, a decoder, a digest, and perhaps a reader of what comes out."""

    def __init__(self, node: Node, way: Decoder, tap: Reader | None) -> None:
        self.node = node
        self.way = way
        self._tap = tap
        self._sha256 = hashlib.sha256()

    def take(self, data: bytes, at: int) -> bool:
        """Decode more; False, and nothing taken, where readers come apart."""
        decoded = self.way.feed(data)
        if decoded is None:
            return False
        self._give(decoded, at)
        return True

    def finish(self, at: int) -> bool:
        """The content ends; False where readers come apart about how."""
        rest = self.way.flush()
        if rest is None:
            return False
        self._give(rest, at)
        node = self.node
        node.end, node.encoding, node.sha256 = at, self.way.name, Sha256(self._sha256.digest())
        if self._tap is not None:
            self._tap.close(at if is_identity(self.way.name) else node.size)
        return True

    def apart(self, draft: Draft) -> list["Decoding"]:
        """The ways that go on from here; the first keeps the node."""
        first, *others = self.way.readings()
        ways = [self._with(self.node, first, self._tap)]
        ways += [self._with(draft.add(replace(self.node, alternate=True)), way, None) for way in others]
        return ways

    def fork(self, node: Node) -> "Decoding":
        """The same, under another node."""
        return self._with(node, copied(self.way), None if self._tap is None else self._tap.fork(node))

    def _with(self, node: Node, way: Decoder, tap: Reader | None) -> "Decoding":
        twin = Decoding(node, way, tap)
        twin._sha256 = self._sha256.copy()
        return twin

    def _give(self, decoded: bytes, at: int) -> None:
        node = self.node
        if self._tap is not None and decoded:
            self._tap.feed(decoded, at if is_identity(self.way.name) else node.size)
        self._sha256.update(decoded)
        if len(node.head) < MAGIC_LENGTH:
            node.head = (node.head + decoded[:MAGIC_LENGTH])[:MAGIC_LENGTH]
        node.size += len(decoded)


class Leaf:
    """A stretch of content in one encoding, or in several where its header may be read so."""

    def __init__(self, draft: Draft, decodings: Sequence[Decoding]) -> None:
        self._draft = draft
        self._decodings = list(decodings)

    def feed(self, data: bytes, at: int) -> None:
        for decoding in tuple(self._decodings):
            if decoding.node.alternate:
                self._draft.budget.spend_reread(len(data))
            if not decoding.take(data, at):
                for way in self._come_apart(decoding):
                    way.take(data, at)

    def close(self, at: int) -> None:
        for decoding in tuple(self._decodings):
            if not decoding.finish(at):
                for way in self._come_apart(decoding):
                    way.finish(at)
        for decoding in self._decodings:
            if not decoding.node.alternate:
                self._draft.note(*decoding.way.findings())

    def fork(self, parent: Node) -> "Leaf":
        nodes = [self._draft.add(replace(each.node, parent=parent, alternate=True)) for each in self._decodings]
        return Leaf(self._draft, [each.fork(node) for each, node in zip(self._decodings, nodes, strict=True)])

    def _come_apart(self, decoding: Decoding) -> list[Decoding]:
        ways = decoding.apart(self._draft)
        place = self._decodings.index(decoding)
        self._decodings[place : place + 1] = ways
        return ways


def open_leaf(draft: Draft, place: Place, header: Span, start: int, declared: Declared, tap: Tap | None = None) -> Leaf:
    """A leaf whose content starts here. `tap` reads along with each way to decode it."""
    decodings: list[Decoding] = []
    for encoding in _distinct((*declared.encodings, *place.inherited)):
        way = decoder(encoding)
        alternate = place.alternate or bool(decodings)
        node = draft.add(Node(place.parent, place.frame, header, start, declared, alternate, encoding=way.name))
        frame = place.frame if is_identity(way.name) else Frame(node)
        decodings.append(Decoding(node, way, None if tap is None else tap(node, frame)))
    return Leaf(draft, decodings)


def _distinct(encodings: Sequence[str]) -> list[str]:
    """The encodings without those that decode alike: one of 7bit, 8bit and binary is enough."""
    seen: dict[str, str] = {}
    for encoding in encodings:
        seen.setdefault("" if is_identity(encoding) else encoding, encoding)
    return list(seen.values())
