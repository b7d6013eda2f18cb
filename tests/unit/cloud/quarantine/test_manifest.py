"""What a device says is checked once: everything that a preview or a release relies on later."""

from collections.abc import Callable
from typing import Any

import pytest

from atp.v1 import quarantine_pb2 as wire
from cloud.errors import InvalidRequest, TooLarge
from cloud.quarantine.manifest import Limits, check, envelope_sha256, path_text
from tests.unit.cloud.quarantine.world import MARKERS, manifest_for, sample

SMALL = Limits(recipients=3, fields=4, parts=4, findings=2, text_characters=100, path_bytes=64, parameters=2)


def _add_parts(manifest: wire.MessageManifest, count: int) -> None:
    for index in range(3, count):
        manifest.reading.parts.add(index=index, parent=0, role=wire.PART_ROLE_TEXT)


BREAKS: dict[str, tuple[str, Callable[[wire.MessageManifest], Any]]] = {
    "short request id": ("request_id", lambda m: setattr(m, "request_id", "short")),
    "long request id": ("request_id", lambda m: setattr(m, "request_id", "x" * 65)),
    "request id with a blank": ("request_id", lambda m: setattr(m, "request_id", "0123456789 abcdef")),
    "short digest": ("sha256", lambda m: setattr(m, "sha256", b"short")),
    "score beyond 10": ("score", lambda m: setattr(m, "score", 11)),
    "no reason": ("reason", lambda m: m.ClearField("reason")),
    "address with a control": ("client_address", lambda m: setattr(m, "client_address", "192.0.2.1\n")),
    "long address": ("client_address", lambda m: setattr(m, "client_address", "1" * 65)),
    "no recipient": ("envelope.rcpt_to", lambda m: m.envelope.ClearField("rcpt_to")),
    "too many recipients": ("envelope.rcpt_to", lambda m: m.envelope.rcpt_to.extend([b"a@example.org"] * 2)),
    "empty recipient": ("envelope.rcpt_to", lambda m: m.envelope.rcpt_to.append(b"")),
    "long path": ("envelope", lambda m: setattr(m.envelope, "mail_from", b"a" * 65)),
    "path with CRLF": ("envelope", lambda m: setattr(m.envelope, "mail_from", b"a\r\nRCPT TO:<b@example.org>")),
    "recipient with NUL": ("envelope.rcpt_to", lambda m: m.envelope.rcpt_to.append(b"a\0@example.org")),
    "parameter with LF": ("envelope", lambda m: m.envelope.mail_parameters.append(b"BODY=8BITMIME\nX")),
    "too many parameters": ("envelope.mail_parameters", lambda m: m.envelope.mail_parameters.extend([b"A"] * 3)),
    "parameters for some": ("envelope.rcpt_parameters", lambda m: m.envelope.rcpt_parameters.append(b"NOTIFY=NEVER")),
    "too many fields": ("reading.fields", lambda m: [m.reading.fields.add() for _ in range(5)]),
    "too many parts": ("reading.parts", lambda m: _add_parts(m, 5)),
    "too many findings": ("reading.findings", lambda m: m.reading.findings.extend(["x"] * 3)),
    "long finding": ("reading.findings", lambda m: m.reading.findings.append("x" * 101)),
    "field beyond the end": ("reading.fields.range", lambda m: _grow(m, m.reading.fields[0].range)),
    "backward field": ("reading.fields.range", lambda m: _turn(m.reading.fields[0].range)),
    "body beyond the end": ("reading.parts.body", lambda m: _grow(m, m.reading.parts[1].body)),
    "header beyond the end": ("reading.parts.header", lambda m: _grow(m, m.reading.parts[2].header)),
    "backward body": ("reading.parts.body", lambda m: _turn(m.reading.parts[1].body)),
    "wrong number": ("reading.parts.index", lambda m: setattr(m.reading.parts[1], "index", 2)),
    "root with a parent": ("reading.parts.parent", lambda m: setattr(m.reading.parts[0], "parent", 0)),
    "own parent": ("reading.parts.parent", lambda m: setattr(m.reading.parts[1], "parent", 1)),
    "parent after the child": ("reading.parts.parent", lambda m: setattr(m.reading.parts[1], "parent", 2)),
    "no role": ("reading.parts.role", lambda m: m.reading.parts[1].ClearField("role")),
    "unknown role": ("reading.parts.role", lambda m: setattr(m.reading.parts[1], "role", 99)),
    "long name": ("reading.parts", lambda m: setattr(m.reading.parts[2], "name", "x" * 101)),
    "short part digest": ("reading.parts.sha256", lambda m: setattr(m.reading.parts[2], "sha256", b"x")),
    "part score beyond 10": ("reading.parts.score", lambda m: setattr(m.reading.parts[2], "score", 11)),
}


def _grow(manifest: wire.MessageManifest, span: wire.ByteRange) -> None:
    span.end = manifest.size + 1


def _turn(span: wire.ByteRange) -> None:
    span.start, span.end = 5, 4


def test_the_sample_fits() -> None:
    check(manifest_for(sample()), SMALL)


@pytest.mark.parametrize("name", BREAKS)
def test_what_does_not_fit_is_refused_by_the_fields_name(name: str) -> None:
    field, spoil = BREAKS[name]
    manifest = manifest_for(sample())
    spoil(manifest)
    with pytest.raises(InvalidRequest) as refused:
        check(manifest, SMALL)
    assert refused.value.sentence.startswith(f"{field}: ")
    assert not any(marker.decode() in refused.value.sentence for marker in MARKERS)


def test_a_message_at_the_limit_fits_and_a_byte_more_does_not() -> None:
    manifest = manifest_for(sample())
    check(manifest, Limits(message_bytes=manifest.size))
    with pytest.raises(TooLarge):
        check(manifest, Limits(message_bytes=manifest.size - 1))


@pytest.mark.parametrize("name", ["naïve résumé.docx", "附件.zip", "a\u00a0b", "\u202egpj.exe", "x" * 4096])
def test_no_name_of_an_attachment_keeps_a_message_out_of_the_vault(name: str) -> None:
    """It would be refused with 451 for ever."""
    manifest = manifest_for(sample())
    manifest.reading.parts[2].name = name
    check(manifest, Limits())


def test_the_envelopes_digest_is_of_every_field_and_of_nothing_else() -> None:
    envelopes = [
        wire.MessageEnvelope(mail_from=b"a@example.com", rcpt_to=[b"b@example.org", b"c@example.org"]),
        wire.MessageEnvelope(mail_from=b"a@example.com", rcpt_to=[b"c@example.org", b"b@example.org"]),
        wire.MessageEnvelope(mail_from=b"a@example.com", rcpt_to=[b"b@example.org"]),
        wire.MessageEnvelope(mail_from=b"a@example.com", rcpt_to=[b"b@example.orgc@example.org"]),
        wire.MessageEnvelope(rcpt_to=[b"a@example.com", b"b@example.org", b"c@example.org"]),
        wire.MessageEnvelope(mail_from=b"a@example.com", rcpt_to=[b"b@example.org"], mail_parameters=[b"X"]),
        wire.MessageEnvelope(mail_from=b"a@example.com", rcpt_to=[b"b@example.org"], rcpt_parameters=[b"X"]),
    ]
    assert len({envelope_sha256(envelope) for envelope in envelopes}) == len(envelopes)
    assert envelope_sha256(envelopes[0]) == envelope_sha256(
        wire.MessageEnvelope.FromString(envelopes[0].SerializeToString())
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"", ""),
        (b"a@example.org", "a@example.org"),
        ("ä@example.org".encode(), "ä@example.org"),
        (b"\xff@x", "\\xff@x"),
    ],
)
def test_a_path_is_text_for_people(path: bytes, text: str) -> None:
    assert path_text(path) == text
