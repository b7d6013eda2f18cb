"""The reading of one message: what both decision and quarantine work from.

Offsets count bytes of the message as the client sent it, dot-stuffing undone. What a part counts as is the table of
docs/architecture.md ("What counts as an attachment").
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

from device.message import fields, words
from device.message.limits import Limit

Sha256 = NewType("Sha256", bytes)
"""32 bytes."""


class Role(StrEnum):
    """What a part counts as; the strictest that applies."""

    CONTAINER = "container"
    TEXT = "text"
    ATTACHMENT = "attachment"
    INLINE_IMAGE = "inline-image"
    MESSAGE = "message"
    REPORT = "report"
    SIGNATURE = "signature"
    EMBEDDED_FILE = "embedded-file"

    @property
    def inspected(self) -> bool:
        """Whether a part of this role makes the message one that has an attachment."""
        return self not in (Role.CONTAINER, Role.TEXT)


class Span(NamedTuple):
    """A byte range of the message: start, and one past the last byte."""

    start: int
    end: int


class Step(NamedTuple):
    """One way in: decode by this transfer encoding, then take this span of what came out."""

    transfer_encoding: str
    span: Span


class HeaderField(NamedTuple):
    """One top-level field.

    Its name as written, where it stands (last CRLF included), and its value as received without the last CRLF.
    """

    name: bytes
    span: Span
    raw_value: bytes

    @property
    def display(self) -> str:
        """The value for people: decoded (RFC 2047), unfolded, without control characters."""
        return words.display(self.raw_value)


class Part(NamedTuple):
    """One part of the message; containers stand before their children, the root is the first.

    `parent` is an index into Reading.parts. Digest and size are of the decoded content; a container has neither.
    `alternate` marks a second way to read bytes that an earlier part covers (another decoding, say): inspected, never shown.
    `header` is empty (start == end) for a file inside plain text.

    `steps` is empty where `body` holds the part's content in its transfer encoding. For what stands inside of encoded content (a
    file in quoted-printable text, a part of a base64 message) `body` is what encloses it, and the steps lead in from there
    (content.decoded walks them). `enclosed` marks what stands inside a message/rfc822, which a release hands out whole.
    """

    parent: int | None
    header: Span
    body: Span
    content_type: str
    charset: str
    transfer_encoding: str
    name: str
    content_id: str
    role: Role
    size: int = 0
    sha256: Sha256 = Sha256(b"")
    alternate: bool = False
    steps: tuple[Step, ...] = ()
    enclosed: bool = False


class MessageDigest:
    """SHA-256 of a whole message, worked out when it is asked for.

    Only the quarantine asks, and hashing every message would take as long as all other reading of it. Until then the pieces are
    referred to, not copied: whoever lets the message go calls forget().
    """

    __slots__ = ("_pieces", "_value")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._value: Sha256 | None = None

    def add(self, piece: bytes) -> None:
        """More of the message."""
        self._pieces.append(piece)

    def forget(self) -> None:
        """The bytes may go. Nobody asks for the digest any more, or has done so."""
        self._pieces = []

    @property
    def value(self) -> Sha256:
        """The digest of what was added."""
        if self._value is None:
            sha256 = hashlib.sha256()
            for piece in self._pieces:
                sha256.update(piece)
            self._value = Sha256(sha256.digest())
        return self._value


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that the device saw in a message.

    `header` is its top-level header as it stands there. `findings` are stable names of what was odd
    (mime.duplicate-content-type, …). `ambiguous` is true where two mail readers may see two messages: every reading is inspected
    then, and a release hands out the whole original. `exceeded` is set where the message has more of something than is read: it
    is refused, and has no parts here.
    """

    size: int
    header: bytes
    parts: tuple[Part, ...]
    digest: MessageDigest = field(repr=False, compare=False)
    ambiguous: bool = False
    findings: tuple[str, ...] = ()
    exceeded: Limit | None = None

    @property
    def fields(self) -> tuple[HeaderField, ...]:
        """The message's fields, for whoever shows or changes them: parsed when asked for, since most mail passes without."""
        header = fields.parse(self.header, 0, crlf=True)
        return tuple([HeaderField(each.name, Span(each.start, each.end), each.value) for each in header.fields])

    @property
    def sha256(self) -> Sha256:
        """The whole message's; to be asked for while its bytes are kept (MessageDigest.forget)."""
        return self.digest.value

    @property
    def inspected(self) -> tuple[Part, ...]:
        """The parts that inspection is about; none: the message has no attachment, and nothing is asked of anyone."""
        return tuple(part for part in self.parts if part.role.inspected)

    def values_of(self, name: bytes) -> tuple[HeaderField, ...]:
        """The top-level fields of that name, in order; case does not matter."""
        wanted = name.lower()
        return tuple(each for each in self.fields if each.name.lower() == wanted)
