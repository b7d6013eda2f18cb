"""What a device may say about a message: everything is checked once, here, so that nobody after has to doubt a range.

The cloud never parses the message again, so ranges, parents and counts that don't fit would go unnoticed until a preview or
a release reads wrong bytes.
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from atp.reasons import Reason as WireReason
from atp.v1 import quarantine_pb2 as wire
from cloud.errors import TooLarge
from cloud.quarantine.held import Reason
from cloud.rpc import validation
from cloud.rpc.validation import InvalidField

_REQUEST_ID: Final = re.compile(r"[!-~]{16,64}")
_ADDRESS_CHARACTERS: Final = 64
_WORST_SCORE: Final = 10
_ROLES: Final = frozenset(wire.PartRole.values()) - {wire.PART_ROLE_UNSPECIFIED}

REASONS: Final = {
    wire.HOLD_REASON_MALICIOUS: Reason.MALICIOUS,
    wire.HOLD_REASON_BLOCKLISTED: Reason.BLOCKLISTED,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a device may store in one call: bytes of the message, and counts of what describes it.

    A manifest is one gRPC message, so the server's limit on those (1 MiB) bounds it as a whole.
    """

    message_bytes: int = 128 * 1024 * 1024
    chunk_bytes: int = 256 * 1024
    recipients: int = 1000
    path_bytes: int = 1024
    parameters: int = 64
    fields: int = 10_000
    parts: int = 10_000
    findings: int = 1000
    text_characters: int = 4096
    seconds: float = 600


def check(manifest: wire.MessageManifest, limits: Limits) -> None:
    """Raises TooLarge for a message beyond the limit, InvalidField for anything that does not fit together."""
    if manifest.size > limits.message_bytes:
        raise TooLarge(
            f"the message has more than {limits.message_bytes} bytes",
            reason=WireReason.MESSAGE_TOO_LARGE,
            next_step="Offer a smaller SIZE at the device, or raise the cloud's limit.",
        )
    if _REQUEST_ID.fullmatch(manifest.request_id) is None:
        raise InvalidField("request_id", "16 to 64 visible ASCII characters are expected")
    if manifest.reason not in REASONS:
        raise InvalidField("reason", "malicious or blocklisted is expected")
    validation.digest("sha256", manifest.sha256)
    validation.number("score", manifest.score, least=0, most=_WORST_SCORE)
    validation.text("client_address", manifest.client_address, longest=_ADDRESS_CHARACTERS)
    _check_envelope(manifest.envelope, limits)
    _check_reading(manifest.reading, manifest.size, limits)


def envelope_sha256(envelope: wire.MessageEnvelope) -> bytes:
    """Which envelope it is, whatever protobuf's encoding of it: order of recipients included."""
    lists = ([envelope.mail_from], envelope.rcpt_to, envelope.mail_parameters, envelope.rcpt_parameters)
    digest = hashlib.sha256()
    for entries in lists:
        digest.update(struct.pack(">I", len(entries)))
        for entry in entries:
            digest.update(struct.pack(">I", len(entry)) + entry)
    return digest.digest()


def path_text(path: bytes) -> str:
    r"""A path for people and columns; what is not UTF-8 shows as \xNN, the sealed manifest has the bytes."""
    return path.decode("utf-8", "backslashreplace")


def _check_envelope(envelope: wire.MessageEnvelope, limits: Limits) -> None:
    most, longest = limits.recipients, limits.path_bytes
    validation.items("envelope.rcpt_to", envelope.rcpt_to, fewest=1, most=most)
    validation.items("envelope.mail_parameters", envelope.mail_parameters, most=limits.parameters)
    if len(envelope.rcpt_parameters) not in (0, len(envelope.rcpt_to)):
        raise InvalidField("envelope.rcpt_parameters", "none, or one entry a recipient is expected")
    for path in envelope.rcpt_to:
        _check_line("envelope.rcpt_to", validation.data("envelope.rcpt_to", path, longest=longest))
    for line in (envelope.mail_from, *envelope.mail_parameters, *envelope.rcpt_parameters):
        _check_line("envelope", validation.data("envelope", line, longest=longest, shortest=0))


def _check_line(field: str, line: bytes) -> None:
    """A path or parameters become part of an SMTP command again at the release."""
    if any(byte < 32 or byte == 127 for byte in line):
        raise InvalidField(field, "control characters are not expected")


def _check_reading(reading: wire.MessageReading, size: int, limits: Limits) -> None:
    validation.items("reading.fields", reading.fields, most=limits.fields)
    validation.items("reading.parts", reading.parts, most=limits.parts)
    validation.items("reading.findings", reading.findings, most=limits.findings)
    _check_lengths("reading.findings", reading.findings, limits)
    for field in reading.fields:
        _check_range("reading.fields.range", field.range, size)
        _check_lengths("reading.fields.name", (field.name,), limits)
    for index, part in enumerate(reading.parts):
        _check_part(index, part, size, limits)


def _check_part(index: int, part: wire.ReadPart, size: int, limits: Limits) -> None:
    if part.index != index:
        raise InvalidField("reading.parts.index", "numbers from 0 in order are expected")
    if part.HasField("parent") and part.parent >= index:
        raise InvalidField("reading.parts.parent", "a part that stands before this one is expected")
    if part.role not in _ROLES:
        raise InvalidField("reading.parts.role", "one of the known roles is expected")
    _check_range("reading.parts.header", part.header, size)
    _check_range("reading.parts.body", part.body, size)
    texts = (part.content_type, part.charset, part.transfer_encoding, part.name, part.content_id)
    _check_lengths("reading.parts", texts, limits)
    if part.sha256:
        validation.digest("reading.parts.sha256", part.sha256)
    validation.number("reading.parts.score", part.score, least=0, most=_WORST_SCORE)


def _check_range(field: str, span: wire.ByteRange, size: int) -> None:
    if not span.start <= span.end <= size:
        raise InvalidField(field, "a range within the message is expected")


def _check_lengths(field: str, texts: Iterable[str], limits: Limits) -> None:
    """Lengths alone: what stands in a text is content, and whoever shows it escapes it."""
    if any(len(text) > limits.text_characters for text in texts):
        raise InvalidField(field, f"texts of at most {limits.text_characters} characters are expected")
