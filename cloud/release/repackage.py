"""A held message → the message that is sent in its place; but for the ZIP, whose salt needs chance (archive.py).

    1. Nothing in it is a file (blocklisted, without attachment), and no relay has reason to touch it: it goes as it was.
    2. Else it is built anew (rebuilt.py): header kept, texts 7-bit, files in attachments.zip, the password beside it.
    3. What can't be built from the device's reading (ambiguous above all) goes whole, as one .eml in the ZIP, under a short text.

The message that comes out is strict: CRLF everywhere, a header that has a canonical form, Date and Message-ID there (a relay
that added them would break the pass).
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from atp import header_block
from atp.v1.quarantine_pb2 import MessageManifest
from cloud.release import fields, mime
from cloud.release.members import File, Member, members
from cloud.release.mime import Boundaries, Branch, Entity
from cloud.release.original import Original, Unreproducible
from cloud.release.rebuilt import Rebuilt

ARCHIVE_NAME: Final = "attachments.zip"
PASSWORD_NAME: Final = "attachments-password.txt"  # noqa: S105 - a file's name

_LONGEST_LINE: Final = 998
"""Without CRLF (RFC 5322, section 2.1.1)."""
_RELAYS_CHANGE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)|[\0\x80-\xff]|[^\r\n]{999}")

_RELEASED: Final = "This e-mail was held in quarantine and then released."
_FILES: Final = f"Its attachments are in {ARCHIVE_NAME}, which is encrypted."
_AMBIGUOUS: Final = (
    "This e-mail was held in quarantine and then released. It is written so that mail readers may show different things, "
    f"so nothing of it is shown here: the whole original is in {ARCHIVE_NAME}, which is encrypted, as original.eml."
)
_SIGNED: Final = "Its digital signature was removed, since it holds for the original alone."
_BESIDE: Final = f"The password is in {PASSWORD_NAME}."
_ON_PORTAL: Final = (
    "The password is shown on the quarantine page of this e-mail: follow the link in the message that told you of it."
)


@dataclass(frozen=True, slots=True)
class Release:
    """What the release itself says: its id (nobody can guess it), this cloud's name in mail, when the message came in."""

    id: str
    host: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """The message to be sent, but for its ZIP. `whole` is the message where it goes as it was."""

    header: tuple[bytes, ...]
    shown: tuple[Entity, ...]
    members: tuple[Member, ...]
    notes: tuple[str, ...]
    seed: str
    whole: bytes = b""

    def message(self, archive: bytes, password: str | None) -> bytes:
        """The message. `archive` is the encrypted ZIP, empty without members; password None: it is on the portal's page."""
        if self.whole:
            return self.whole
        notes = self.notes if not self.members else (*self.notes, _where(password))
        parts = [*self.shown, *([mime.text("\n".join(notes) + "\n")] if notes else [])]
        if self.members:
            parts.append(mime.attachment(ARCHIVE_NAME, "application/zip", archive))
        if self.members and password is not None:
            parts.append(mime.attachment(PASSWORD_NAME, "text/plain", _password_file(password)))
        entity = parts[0] if len(parts) == 1 else Branch("mixed", tuple(parts))
        return self._assembled(entity)

    def _assembled(self, entity: Entity) -> bytes:
        body = mime.written(entity, Boundaries(self.seed))
        message = b"".join([*self.header, b"MIME-Version: 1.0\r\n", body])
        return message if message.endswith(b"\r\n") else message + b"\r\n"


def draft(manifest: MessageManifest, content: bytes, release: Release) -> Draft:
    """Build the message anew; never fails, whatever the message is."""
    original = Original(manifest.reading, content)
    try:
        rebuilt = Rebuilt(original)
    except Unreproducible:
        return _whole_original(original, release)
    if not rebuilt.files:
        untouched = _as_it_was(content)
        if untouched is not None:
            return replace(_EMPTY, whole=untouched)
    header = _complete(fields.kept(original.fields), release)
    return Draft(header, _in_front(rebuilt.shown), members(rebuilt.files), _notes(rebuilt), release.id)


def _as_it_was(content: bytes) -> bytes | None:
    """The message itself without pass fields; None where a relay would have to change it, or its header is not strict."""
    try:
        block = header_block.split(content)
    except header_block.NotAHeader:
        return None
    names = {field.key for field in block.fields}
    if _RELAYS_CHANGE.search(content, block.body_start) is not None or not {b"date", b"message-id"} <= names:
        return None
    header = b"".join(field.raw for field in block.fields if field.key != fields.PASS_NAME)
    whole = header + b"\r\n" + content[block.body_start :]
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def _whole_original(original: Original, release: Release) -> Draft:
    header = _complete(fields.kept_of_ambiguous(original.fields), release)
    file = File("original.eml", "message/rfc822", original.content)
    return Draft(header, (), members([file]), (_AMBIGUOUS,), release.id)


def _complete(header: list[bytes], release: Release) -> tuple[bytes, ...]:
    """With the Date and the Message-ID that the original lacked, the same for every attempt at this release."""
    names = {fields.name_of(field) for field in header}
    if b"date" not in names:
        header = [*header, f"Date: {format_datetime(release.received_at)}\r\n".encode()]
    if b"message-id" not in names:
        header = [*header, f"Message-ID: <{release.id}@{release.host}>\r\n".encode()]
    return tuple(header)


def _in_front(shown: Entity | None) -> tuple[Entity, ...]:
    """A multipart/mixed would only be wrapped into another one."""
    if isinstance(shown, Branch) and shown.subtype == "mixed":
        return shown.children
    return () if shown is None else (shown,)


def _notes(rebuilt: Rebuilt) -> tuple[str, ...]:
    if not rebuilt.files and not rebuilt.dropped_signatures:
        return ()
    said = [_RELEASED, _FILES if rebuilt.files else "", _SIGNED if rebuilt.dropped_signatures else ""]
    return tuple(line for line in said if line)


def _where(password: str | None) -> str:
    return _ON_PORTAL if password is None else _BESIDE


def _password_file(password: str) -> bytes:
    """The password alone on its line, so that it is easy to copy."""
    return f"{password}\r\n\r\nThis is the password of {ARCHIVE_NAME}.\r\n".encode()


_EMPTY: Final = Draft((), (), (), (), "")
