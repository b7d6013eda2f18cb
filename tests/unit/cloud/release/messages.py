"""Messages with the reading that a device would send of them, composed part by part, so that every range is known."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from atp.v1 import quarantine_pb2 as wire

FIELDS: Final = (
    b"Received: from client.example.org by mx.example.com; Thu, 1 Jan 2026 00:00:00 +0000\r\n",
    b"DKIM-Signature: v=1; d=example.org; b=abc\r\n",
    b"From: Alice <alice@example.org>\r\n",
    b"To: Bob <bob@example.com>\r\n",
    b"Subject: Minutes\r\n of the meeting\r\n",
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n",
    b"Message-ID: <1@example.org>\r\n",
    b"References: <0@example.org>\r\n",
    b"MIME-Version: 1.0\r\n",
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part: its own header fields, its body on the wire, and what the device says of it."""

    content_type: str
    body: bytes = b""
    fields: tuple[bytes, ...] = ()
    encoding: str = "7bit"
    role: wire.PartRole.ValueType = wire.PART_ROLE_TEXT
    in_zip: bool = False
    name: str = ""
    content: bytes | None = None
    children: tuple["Piece", ...] = ()
    alternate: bool = False
    inside: tuple[int, int] | None = None


@dataclass
class _Composition:
    content: bytearray = field(default_factory=bytearray)
    parts: list[wire.ReadPart] = field(default_factory=list)


def text(body: bytes, content_type: str = "text/plain", **more: object) -> Piece:
    """Text to be read."""
    kind = f"Content-Type: {content_type}; charset=utf-8\r\n".encode()
    return Piece(content_type, body, (kind,), **more)  # type: ignore[arg-type]


def attached(name: str, content: bytes, content_type: str = "application/octet-stream") -> Piece:
    """A file in base64 that goes into the ZIP."""
    fields = (
        f'Content-Type: {content_type}; name="{name}"\r\n'.encode(),
        b"Content-Disposition: attachment\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
    )
    body = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return Piece(content_type, body, fields, "base64", wire.PART_ROLE_ATTACHMENT, True, name, content)


def multipart(subtype: str, *children: Piece, fields: tuple[bytes, ...] = ()) -> Piece:
    """A container."""
    return Piece(f"multipart/{subtype}", fields=fields, role=wire.PART_ROLE_CONTAINER, children=children)


def composed(
    root: Piece,
    *,
    fields: Sequence[bytes] = FIELDS,
    ambiguous: bool = False,
    mail_from: bytes = b"alice@example.org",
    recipients: Sequence[bytes] = (b"bob@example.com",),
    mail_parameters: Sequence[bytes] = (),
    rcpt_parameters: Sequence[bytes] = (),
) -> tuple[wire.MessageManifest, bytes]:
    """The message and its manifest."""
    composition = _Composition()
    read_fields = []
    for raw in (*fields, *root.fields):
        start = len(composition.content)
        composition.content += raw
        name = raw.partition(b":")[0].decode("latin-1")
        read_fields.append(wire.ReadField(name=name, range=wire.ByteRange(start=start, end=len(composition.content))))
    _add(composition, root, None, 0)
    content = bytes(composition.content)
    manifest = wire.MessageManifest(
        request_id="request-0123456789",
        envelope=wire.MessageEnvelope(
            mail_from=mail_from,
            rcpt_to=recipients,
            mail_parameters=mail_parameters,
            rcpt_parameters=rcpt_parameters,
        ),
        sha256=sha256(content).digest(),
        size=len(content),
        score=10,
        reason=wire.HOLD_REASON_MALICIOUS,
        reading=wire.MessageReading(fields=read_fields, parts=composition.parts, ambiguous=ambiguous),
    )
    return manifest, content


def _add(composition: _Composition, piece: Piece, parent: int | None, header_start: int) -> None:
    if piece.inside is None:
        composition.content += b"\r\n"
    body_start = len(composition.content)
    index = len(composition.parts)
    part = wire.ReadPart(
        index=index,
        content_type=piece.content_type,
        transfer_encoding=piece.encoding,
        charset="utf-8",
        name=piece.name,
        sha256=sha256(piece.content).digest() if piece.content is not None else b"",
        role=piece.role,
        in_zip=piece.in_zip,
        alternate=piece.alternate,
        header=wire.ByteRange(start=header_start, end=body_start),
    )
    if parent is not None:
        part.parent = parent
    composition.parts.append(part)
    if piece.role == wire.PART_ROLE_CONTAINER:
        boundary = f"original-{index}".encode()
        for child in piece.children:
            composition.content += b"\r\n--" + boundary + b"\r\n"
            start = len(composition.content)
            composition.content += b"".join(child.fields)
            _add(composition, child, index, start)
        composition.content += b"\r\n--" + boundary + b"--\r\n"
    else:
        composition.content += piece.body
        for child in piece.children:
            _add_inside(composition, child, index, body_start)
    part.body.CopyFrom(wire.ByteRange(start=body_start, end=len(composition.content)))


def _add_inside(composition: _Composition, piece: Piece, parent: int, body_start: int) -> None:
    """A file inside a text, or another reading of the same bytes: it adds a part, but no bytes."""
    start, end = piece.inside or (0, len(composition.content) - body_start)
    part = wire.ReadPart(
        index=len(composition.parts),
        parent=parent,
        content_type=piece.content_type,
        transfer_encoding=piece.encoding,
        name=piece.name,
        sha256=sha256(piece.content).digest() if piece.content is not None else b"",
        role=piece.role,
        in_zip=piece.in_zip,
        alternate=piece.alternate,
        header=wire.ByteRange(start=body_start + start, end=body_start + start),
        body=wire.ByteRange(start=body_start + start, end=body_start + end),
    )
    composition.parts.append(part)
