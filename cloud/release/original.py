"""A held message as the device read it: parts by their numbers, and their content. No MIME is parsed here.

Whatever does not come out as the device saw it (a digest that differs, ranges that make no sense) is Unreproducible: then the
whole original is handed out as a file, and nothing is guessed.
"""

from collections.abc import Sequence
from hashlib import sha256

from atp.v1 import quarantine_pb2 as wire
from cloud.quarantine.transfer import decoded, is_identity

MAX_DEPTH = 100
"""Of parts in parts; a device reads fewer."""


class Unreproducible(ValueError):
    """The reading can't be turned into the parts that the device saw."""


class Original:
    """One held message: its reading and its bytes."""

    def __init__(self, reading: wire.MessageReading, content: bytes) -> None:
        self.ambiguous = reading.ambiguous
        self.content = content
        self.parts: Sequence[wire.ReadPart] = reading.parts
        self._fields = reading.fields
        self._children: dict[int, list[wire.ReadPart]] = {}
        for part in reading.parts:
            if part.HasField("parent"):
                self._children.setdefault(part.parent, []).append(part)

    @property
    def fields(self) -> list[bytes]:
        """The top-level header fields as they stand, in order."""
        return [self._cut(field.range) for field in self._fields]

    def children(self, part: wire.ReadPart) -> list[wire.ReadPart]:
        """The parts directly inside, in order, each once."""
        return [each for each in self._children.get(part.index, []) if not each.alternate]

    def header(self, part: wire.ReadPart) -> bytes:
        """The part's header as it stands."""
        return self._cut(part.header)

    def entity(self, part: wire.ReadPart) -> bytes:
        """The part as it stands, header and all."""
        return self.content[part.header.start : part.body.end]

    def body(self, part: wire.ReadPart) -> bytes:
        """The part's content, decoded. Raises Unreproducible where it is not what the device saw."""
        content = decoded(self._cut(part.body), part.transfer_encoding)
        if content is None:
            raise Unreproducible("a transfer encoding that is not known here")
        if part.sha256 and sha256(content).digest() != part.sha256:
            raise Unreproducible("a part decodes to something else than the device saw")
        return content

    def check(self) -> None:
        """Raises Unreproducible for a reading that a release can't be built from."""
        if self.ambiguous:
            raise Unreproducible("two readers may see two messages")
        if not self.parts or self._depth() > MAX_DEPTH:
            raise Unreproducible("no parts, or too many in one another")
        if any(part.alternate and part.in_zip and not self._stands_in_zip(part) for part in self.parts):
            raise Unreproducible("bytes that would be shown can also be read as something that must not be")

    def inside(self, part: wire.ReadPart, file: wire.ReadPart) -> bool:
        """Whether the file's bytes stand in the part's own, so that they can be cut out."""
        return is_identity(part.transfer_encoding) and (
            part.body.start <= file.body.start <= file.body.end <= part.body.end
        )

    def _stands_in_zip(self, alternate: wire.ReadPart) -> bool:
        """Whether the bytes of that other reading are in the ZIP in the first reading too."""
        return any(
            part.in_zip
            and not part.alternate
            and part.body.start <= alternate.body.start
            and alternate.body.end <= part.body.end
            for part in self.parts
        )

    def _depth(self) -> int:
        depths: dict[int, int] = {}
        for part in self.parts:
            depths[part.index] = depths.get(part.parent, 0) + 1 if part.HasField("parent") else 0
        return max(depths.values(), default=0)

    def _cut(self, span: wire.ByteRange) -> bytes:
        return self.content[span.start : span.end]
