"""Quarantine: what the cloud is told of a message that it keeps. It never parses it again: this is the whole reading."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from atp.v1 import quarantine_pb2
from device.inspection.decision import Decision, Reason
from device.message.attachments import in_zip
from device.message.envelope import Envelope
from device.message.reading import Part, Reading, Role, Sha256, Span

_ROLES: Final = MappingProxyType(
    {
        Role.CONTAINER: quarantine_pb2.PART_ROLE_CONTAINER,
        Role.TEXT: quarantine_pb2.PART_ROLE_TEXT,
        Role.ATTACHMENT: quarantine_pb2.PART_ROLE_ATTACHMENT,
        Role.INLINE_IMAGE: quarantine_pb2.PART_ROLE_INLINE_IMAGE,
        Role.MESSAGE: quarantine_pb2.PART_ROLE_MESSAGE,
        Role.REPORT: quarantine_pb2.PART_ROLE_REPORT,
        Role.SIGNATURE: quarantine_pb2.PART_ROLE_SIGNATURE,
        Role.EMBEDDED_FILE: quarantine_pb2.PART_ROLE_EMBEDDED_FILE,
    }
)


def manifest(
    request_id: str,
    envelope: Envelope,
    reading: Reading,
    decision: Decision,
    scores: Mapping[Sha256, int],
    threshold: int,
    client_address: str,
    sha256: Sha256,
) -> quarantine_pb2.MessageManifest:
    """Everything about a message but its bytes."""
    blocklisted = decision.reason is Reason.BLOCKLISTED
    return quarantine_pb2.MessageManifest(
        request_id=request_id,
        envelope=_envelope(envelope),
        sha256=sha256,
        size=reading.size,
        score=decision.score or 0,
        reason=quarantine_pb2.HOLD_REASON_BLOCKLISTED if blocklisted else quarantine_pb2.HOLD_REASON_MALICIOUS,
        reading=_reading(reading, scores, threshold),
        client_address=client_address,
    )


def _envelope(envelope: Envelope) -> quarantine_pb2.MessageEnvelope:
    return quarantine_pb2.MessageEnvelope(
        mail_from=envelope.mail_from,
        rcpt_to=envelope.paths,
        mail_parameters=envelope.mail_parameters,
        rcpt_parameters=[b" ".join(recipient.parameters) for recipient in envelope.recipients],
    )


def _reading(reading: Reading, scores: Mapping[Sha256, int], threshold: int) -> quarantine_pb2.MessageReading:
    return quarantine_pb2.MessageReading(
        fields=[
            quarantine_pb2.ReadField(
                name=field.name.decode("ascii", "replace"), range=_range(field.span), display=field.display
            )
            for field in reading.fields
        ],
        parts=[_part(index, part, scores, threshold) for index, part in enumerate(reading.parts)],
        # A part inside encoded content has no byte range of its own that the cloud could decode: a release hands out the whole.
        ambiguous=reading.ambiguous or any(part.steps for part in reading.parts),
        findings=reading.findings,
    )


def _part(index: int, part: Part, scores: Mapping[Sha256, int], threshold: int) -> quarantine_pb2.ReadPart:
    score = scores.get(part.sha256)
    return quarantine_pb2.ReadPart(
        index=index,
        parent=part.parent,
        header=_range(part.header),
        body=_range(part.body),
        content_type=part.content_type,
        charset=part.charset,
        transfer_encoding=part.transfer_encoding,
        name=part.name,
        content_id=part.content_id,
        size=part.size,
        sha256=part.sha256,
        score=score,
        role=_ROLES[part.role],
        in_zip=in_zip(part, threshold, score),
        alternate=part.alternate,
    )


def _range(span: Span) -> quarantine_pb2.ByteRange:
    return quarantine_pb2.ByteRange(start=span.start, end=span.end)
