"""Held messages for tests, as a device would describe them: bytes, and a manifest whose ranges fit."""

import hashlib
from dataclasses import dataclass, field

from atp.v1 import quarantine_pb2 as wire

FIELDS = (
    ("From", "Bob <bob@example.net>"),
    ("To", "Alice <alice@example.com>"),
    ("Subject", "Invoice 42"),
    ("Date", "Tue, 25 Nov 2025 07:00:00 +0000"),
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


@dataclass(frozen=True)
class Piece:
    """One part; `body` stands in the message as it is here. `within` is an earlier piece whose bytes hold this one's."""

    body: bytes
    content_type: str = "text/plain"
    role: wire.PartRole.ValueType = wire.PART_ROLE_TEXT
    name: str = ""
    charset: str = "utf-8"
    encoding: str = "8bit"
    content_id: str = ""
    score: int | None = None
    in_zip: bool = False
    alternate: bool = False
    size: int | None = None
    within: int | None = None
    parent: int = 0


@dataclass(frozen=True)
class Letter:
    """A message and what the device says about it."""

    manifest: wire.MessageManifest
    content: bytes


@dataclass
class _Writer:
    content: bytearray = field(default_factory=bytearray)
    parts: list[wire.ReadPart] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        start = self._place(piece)
        part = wire.ReadPart(
            index=len(self.parts),
            parent=piece.parent,
            header=wire.ByteRange(start=start, end=start),
            body=wire.ByteRange(start=start, end=start + len(piece.body)),
            content_type=piece.content_type,
            charset=piece.charset,
            transfer_encoding=piece.encoding,
            name=piece.name,
            content_id=piece.content_id,
            size=len(piece.body) if piece.size is None else piece.size,
            role=piece.role,
            in_zip=piece.in_zip,
            alternate=piece.alternate,
        )
        if piece.score is not None:
            part.score = piece.score
        self.parts.append(part)

    def _place(self, piece: Piece) -> int:
        if piece.within is not None:
            around = self.parts[piece.within].body
            return self.content.index(piece.body, around.start, around.end)
        start = len(self.content)
        self.content += piece.body + b"\r\n"
        return start


def letter(
    *pieces: Piece,
    fields: tuple[tuple[str, str], ...] = FIELDS,
    ambiguous: bool = False,
    score: int = 9,
    reason: wire.HoldReason.ValueType = wire.HOLD_REASON_MALICIOUS,
    mail_from: bytes = b"bob@example.net",
    recipients: tuple[bytes, ...] = (b"alice@example.com",),
) -> Letter:
    """A multipart of these pieces (numbered from 1; 0 is the container)."""
    writer = _Writer(bytearray(b"X-Header: of the message\r\n\r\n"))
    writer.parts.append(
        wire.ReadPart(
            index=0,
            content_type="multipart/mixed",
            role=wire.PART_ROLE_CONTAINER,
            header=wire.ByteRange(),
            body=wire.ByteRange(),
        )
    )
    for piece in pieces:
        writer.add(piece)
    content = bytes(writer.content)
    manifest = wire.MessageManifest(
        request_id="request-of-a-test-0001",
        envelope=wire.MessageEnvelope(mail_from=mail_from, rcpt_to=recipients),
        sha256=hashlib.sha256(content).digest(),
        size=len(content),
        score=score,
        reason=reason,
        reading=wire.MessageReading(
            fields=[wire.ReadField(name=name, display=value, range=wire.ByteRange()) for name, value in fields],
            parts=writer.parts,
            ambiguous=ambiguous,
        ),
        client_address="192.0.2.7",
    )
    return Letter(manifest, content)


def invoice(name: str = "invoice.exe") -> Piece:
    """A malicious attachment; its bytes must never be seen on a page."""
    return Piece(
        b"SECRET-BYTES-OF-THE-ATTACHMENT",
        content_type="application/octet-stream",
        role=wire.PART_ROLE_ATTACHMENT,
        name=name,
        score=9,
        in_zip=True,
    )
