"""What a person may see of a held message: worked out from the device's reading of it, never from MIME itself.

    who, when, what     the header fields that the device decoded
    words               text parts, plain and HTML, that are no attachment and lie in none; files inside of text cut out
    pictures            inline images below the threshold, of four plain formats, as data: URIs inside of the safe HTML
    attachments         their names, types, sizes and scores; never a byte of them

Everything is bounded: this runs for whoever holds a link, over bytes that an attacker wrote.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from atp.v1 import quarantine_pb2 as wire
from cloud.portal.decoding import as_text, one_line, without_encoding
from cloud.portal.parts import Parts
from cloud.portal.safe_html import is_too_long, safe_html

MAX_BODIES: Final = 10
MAX_TEXT_BYTES: Final = 256 * 1024
"""Of each body, as it stands in the message: far more than anyone reads before a decision."""
MAX_IMAGE_BYTES: Final = 512 * 1024
MAX_IMAGES: Final = 30
MAX_FIELDS: Final = 100
MAX_ATTACHMENTS: Final = 200
_MAX_VALUE: Final = 1000
_MAX_NAME: Final = 200
_MAX_NAMES: Final = 3

# What a picture is, its first bytes say: the part's own type is the sender's word. SVG is no picture here, it is a program.
_PICTURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Note(StrEnum):
    """What a person should know about this preview; the page has the words."""

    AMBIGUOUS = "ambiguous"
    CUT = "cut"
    PICTURES_LEFT_OUT = "pictures-left-out"
    TEXT_LEFT_OUT = "text-left-out"
    MORE_ATTACHMENTS = "more-attachments"


@dataclass(frozen=True, slots=True)
class Field:
    """A header field for people."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Body:
    """Words of the message: plain text, or HTML that safe_html() has passed."""

    is_html: bool
    content: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A row of the table. `size` in bytes; `score` is absent where it was not inspected; `inside` names the mail around it."""

    name: str
    content_type: str
    size: int
    score: int | None
    is_malicious: bool
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The whole page's content. `size` in bytes."""

    subject: str
    sender: str
    to: str
    cc: str
    date: str
    size: int
    score: int
    fields: tuple[Field, ...]
    bodies: tuple[Body, ...]
    attachments: tuple[Attachment, ...]
    notes: frozenset[Note]


@dataclass(frozen=True, slots=True)
class Summary:
    """Subject, and what the message is held for: attachments by name (by type where they have none), and how many more."""

    subject: str = ""
    malicious: tuple[str, ...] = ()
    more: int = 0


def preview(manifest: wire.MessageManifest, content: bytes, threshold: int) -> Preview:
    """Everything that a page shows. `threshold` is the score from 1 to 10 at which a part counts as malicious."""
    reading = manifest.reading
    parts = Parts(reading, threshold)
    bodies, notes = _bodies(parts, content)
    attachments = tuple(_attachment(parts, part) for part in parts.listed[:MAX_ATTACHMENTS])
    if reading.ambiguous:
        notes.add(Note.AMBIGUOUS)
    if len(parts.listed) > MAX_ATTACHMENTS:
        notes.add(Note.MORE_ATTACHMENTS)
    return Preview(
        subject=_value(reading, "subject"),
        sender=_value(reading, "from"),
        to=_value(reading, "to"),
        cc=_value(reading, "cc"),
        date=_value(reading, "date"),
        size=manifest.size,
        score=manifest.score,
        fields=tuple(_field(each) for each in reading.fields[:MAX_FIELDS]),
        bodies=bodies,
        attachments=attachments,
        notes=frozenset(notes),
    )


def summary(manifest: wire.MessageManifest, threshold: int) -> Summary:
    """What a list shows of a message."""
    parts = Parts(manifest.reading, threshold)
    names = tuple(_shown_name(part) for part in parts.listed if parts.is_malicious(part))
    return Summary(_value(manifest.reading, "subject"), names[:_MAX_NAMES], max(0, len(names) - _MAX_NAMES))


def _value(reading: wire.MessageReading, name: str) -> str:
    """Every field of that name: a second From is what a forger hopes nobody sees."""
    values = (each.display for each in reading.fields if each.name.lower() == name)
    return one_line(", ".join(values), _MAX_VALUE)


def _field(field: wire.ReadField) -> Field:
    return Field(one_line(field.name, _MAX_NAME), one_line(field.display, _MAX_VALUE))


def _attachment(parts: Parts, part: wire.ReadPart) -> Attachment:
    around = next((each for each in parts.ancestors(part) if each.role == wire.PART_ROLE_MESSAGE), None)
    return Attachment(
        name=_shown_name(part),
        content_type=one_line(part.content_type, _MAX_NAME),
        size=part.size,
        score=part.score if part.HasField("score") else None,
        is_malicious=parts.is_malicious(part),
        inside="" if around is None else _shown_name(around),
    )


def _shown_name(part: wire.ReadPart) -> str:
    return one_line(part.name, _MAX_NAME) or one_line(part.content_type, _MAX_NAME)


def _bodies(parts: Parts, content: bytes) -> tuple[tuple[Body, ...], set[Note]]:
    """The bodies that may be shown, and what had to be left out. An ambiguous message shows no HTML and no picture."""
    notes: set[Note] = set()
    images = {} if parts.ambiguous else _images(parts, content, notes)
    words = [part for part in parts.words if not (parts.ambiguous and _is_html(part))]
    if len(words) < len(parts.words):
        notes.add(Note.TEXT_LEFT_OUT)
    if len(words) > MAX_BODIES:
        notes.add(Note.CUT)
    bodies = [_body(parts, part, content, images, notes) for part in words[:MAX_BODIES]]
    return tuple(body for body in bodies if body.content.strip()), notes


def _body(parts: Parts, part: wire.ReadPart, content: bytes, images: Mapping[str, str], notes: set[Note]) -> Body:
    raw = _without_files(parts, part, content)
    plain = None if raw is None else without_encoding(raw[:MAX_TEXT_BYTES], part.transfer_encoding)
    if raw is None or plain is None:
        notes.add(Note.TEXT_LEFT_OUT)
    elif len(raw) > MAX_TEXT_BYTES:
        notes.add(Note.CUT)
    text = as_text(plain or b"", part.charset)
    if not _is_html(part):
        return Body(is_html=False, content=text)
    if is_too_long(text):
        notes.add(Note.CUT)
    return Body(is_html=True, content=safe_html(text, images))


def _is_html(part: wire.ReadPart) -> bool:
    return part.content_type == "text/html"


def _without_files(parts: Parts, part: wire.ReadPart, content: bytes) -> bytes | None:
    """A text's bytes with the files in it cut out; None where a file's range does not lie within the text's.

    Then nobody knows which of the bytes are the file's, and a preview never shows an attachment.
    """
    pieces: list[bytes] = []
    position = part.body.start
    for file in sorted(parts.files_inside(part), key=lambda each: each.body.start):
        if not part.body.start <= file.body.start <= file.body.end <= part.body.end:
            return None
        pieces.append(content[position : max(position, file.body.start)])
        position = max(position, file.body.end)
    pieces.append(content[position : part.body.end])
    return b"".join(pieces)


def _images(parts: Parts, content: bytes, notes: set[Note]) -> dict[str, str]:
    """Content-IDs and the data: URIs that stand for them."""
    images: dict[str, str] = {}
    for part in parts.pictures[:MAX_IMAGES]:
        uri = _data_uri(content[part.body.start : part.body.end], part)
        if uri is not None and part.content_id:
            images.setdefault(part.content_id, uri)
    if len(images) < parts.inline_images:
        notes.add(Note.PICTURES_LEFT_OUT)
    return images


def _data_uri(raw: bytes, part: wire.ReadPart) -> str | None:
    if max(part.size, len(raw) // 2) > MAX_IMAGE_BYTES:
        return None
    picture = without_encoding(raw, part.transfer_encoding) or b""
    media_type = next((media_type for start, media_type in _PICTURES if picture.startswith(start)), None)
    if media_type is None:
        return None
    return f"data:{media_type};base64,{base64.b64encode(picture).decode()}"
