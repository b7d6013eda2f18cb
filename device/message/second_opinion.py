"""The standard library's view of a message, asked for where the scanner is unsure.

Its parser costs ten times what the scanner does (perf: 64 to 83 MB/s), so it is asked only where a finding of findings.UNSURE
stands in the reading, that is: where readers are known to differ. Ordinary mail never has one. It is not asked for what is larger
than LARGEST (the scanner's own readings stand alone then), nor where a limit was passed: such a message is refused anyhow.

What it sees as a file and the scanner has in none of its readings is added as an alternate part, so that it is inspected too; the
message is ambiguous then.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Final

from device.message.content import decoded
from device.message.filenames import safe
from device.message.findings import UNSURE, Finding
from device.message.limits import MIB, LimitExceeded
from device.message.reading import Part, Reading, Role, Sha256, Span

LARGEST: Final = 32 * MIB
"""Bytes of message; half a second of one core."""

_ENCODINGS: Final = (
    "base64;first-stream",
    "base64;whole",
    "base64",
    "quoted-printable",
    "uuencode",
    "binary",
)


def is_wanted(reading: Reading) -> bool:
    """Whether a second opinion is worth its price."""
    unsure = not UNSURE.isdisjoint(reading.findings)
    return unsure and reading.exceeded is None and reading.size <= LARGEST


def with_second_opinion(message: bytes | Iterable[bytes], reading: Reading) -> Reading:
    """The reading with what only the standard library's parser sees; the message is joined for it, once."""
    if not is_wanted(reading):
        return reading
    whole = message if isinstance(message, bytes) else b"".join(message)
    seen = {part.sha256 for part in reading.parts}
    added = [part for part in _files(whole) if part.size and part.sha256 not in seen]
    if not added:
        return reading
    distinct = tuple({part.sha256: part for part in added}.values())
    findings = tuple(sorted({*reading.findings, Finding.SECOND_OPINION.value}))
    return replace(reading, parts=(*reading.parts, *distinct), findings=findings, ambiguous=True)


def _files(whole: bytes) -> Iterator[Part]:
    """What the parser takes for a file, located in the message."""
    try:
        parsed = message_from_bytes(whole, policy=compat32)
        leaves = [each for each in parsed.walk() if not each.is_multipart() and _is_file(each)]
    except (ValueError, LookupError, RecursionError, AttributeError):  # its parser is not safe against all that comes
        return
    for leaf in leaves:
        found = _part(whole, leaf)
        if found is not None:
            yield found


def _is_file(leaf: "Message[str, str]") -> bool:
    if leaf.get_content_maintype() == "multipart":
        return False  # a multipart that it found no boundary of; a reader shows text there
    named = leaf.get_filename() is not None or leaf.get_content_disposition() == "attachment"
    return named or leaf.get_content_type() not in ("text/plain", "text/html")


def _part(whole: bytes, leaf: "Message[str, str]") -> Part | None:
    """The leaf as a part: where its payload stands, and the way of ours that decodes it as the parser does."""
    payload, content = leaf.get_payload(), leaf.get_payload(decode=True)
    if not isinstance(payload, str) or not isinstance(content, bytes):
        return None
    written = payload.encode("ascii", "surrogateescape") if _is_raw(payload) else content
    start = whole.find(written)
    if start < 0 or not written:
        return None
    part = Part(
        parent=0,
        header=Span(start, start),
        body=Span(start, start + len(written)),
        content_type=leaf.get_content_type(),
        charset="",
        transfer_encoding="binary",
        name=safe(leaf.get_filename() or "") if leaf.get_filename() else "",
        content_id="",
        role=Role.ATTACHMENT,
        alternate=True,
    )
    return _decoding_alike(whole, part, content)


def _is_raw(payload: str) -> bool:
    """Whether the parser gave the bytes as they stand there; with 8-bit content it gives text in the part's charset."""
    return all(ord(character) < 128 or 0xDC80 <= ord(character) <= 0xDCFF for character in payload)


def _decoding_alike(whole: bytes, part: Part, content: bytes) -> Part:
    """The part in the encoding that gives the same content; what none of ours gives is inspected as it stands there."""
    wanted = hashlib.sha256(content).digest()
    for encoding in _ENCODINGS:
        try:
            tried = _measured(whole, part._replace(transfer_encoding=encoding))
        except LimitExceeded:
            continue
        if tried.sha256 == wanted:
            return tried
    return _measured(whole, part)


def _measured(whole: bytes, part: Part) -> Part:
    digest, size = hashlib.sha256(), 0
    for chunk in decoded(whole, part):
        digest.update(chunk)
        size += len(chunk)
    return part._replace(size=size, sha256=Sha256(digest.digest()))
