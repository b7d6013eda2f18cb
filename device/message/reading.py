"""The reading of one message: what both decision and quarantine work from.

Offsets count bytes of the message as the client sent it, dot-stuffing undone. What a part counts as is the table of
docs/architecture.md ("What counts as an attachment").
"""

from dataclasses import dataclass
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
    ambiguous: bool = False
    findings: tuple[str, ...] = ()
    exceeded: Limit | None = None

    @property
    def fields(self) -> tuple[HeaderField, ...]:
        """The message's fields, for whoever shows or changes them: parsed when asked for, since most mail passes without."""
        header = fields.parse(self.header, 0, crlf=True)
        return tuple([HeaderField(each.name, Span(each.start, each.end), each.value) for each in header.fields])

    @property
    def inspected(self) -> tuple[Part, ...]:
        """The parts that inspection is about; none: the message has no attachment, and nothing is asked of anyone."""
        return tuple(part for part in self.parts if part.role.inspected)

    def values_of(self, name: bytes) -> tuple[HeaderField, ...]:
        """The top-level fields of that name, in order; case does not matter."""
        wanted = name.lower()
        return tuple(each for each in self.fields if each.name.lower() == wanted)
