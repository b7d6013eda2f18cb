"""The shapes of mail: what each part counts as, what it is called, how large it is."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from device.message.attachments import in_zip
from device.message.content import CHUNK, decoded, raw
from device.message.reading import Part, Reading, Role, Span

Scan = Callable[[bytes], Reading]

TOP = b"From: a@example.org\r\nTo: b@example.net\r\nMIME-Version: 1.0\r\n"
GIF = b"GIF89a harmless"
GIF_LINES = base64.encodebytes(GIF).replace(b"\n", b"\r\n")


def multipart(kind: bytes, *parts: bytes) -> bytes:
    joined = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return TOP + b"Content-Type: multipart/" + kind + b'; boundary="b"\r\n\r\n' + joined + b"--b--\r\n"


def other_boundary(message: bytes) -> bytes:
    return message.replace(b"--b", b"--c").replace(b'"b"', b'"c"')


def roles(reading: Reading) -> list[str]:
    return [part.role.value for part in reading.parts]


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello"
HTML = b'Content-Type: text/html\r\n\r\n<p>hello <img src="cid:one%40example.org">'

SHAPES: dict[str, tuple[bytes, list[str]]] = {
    "plain text, no MIME": (b"Subject: x\r\n\r\nhello\r\n", ["text"]),
    "no header at all": (b"\r\nhello\r\n", ["text"]),
    "nothing": (b"", ["text"]),
    "alternative": (multipart(b"alternative", TEXT, HTML), ["container", "text", "text"]),
    "text with a name": (
        multipart(b"mixed", TEXT, b"Content-Type: text/plain; name=a.txt\r\n\r\nx"),
        ["container", "text", "attachment"],
    ),
    "text disposed as an attachment": (
        multipart(b"mixed", TEXT, b"Content-Disposition: attachment\r\n\r\nx"),
        ["container", "text", "attachment"],
    ),
    "inline with a name": (
        multipart(
            b"mixed", TEXT, b'Content-Disposition: inline; filename="a.html"\r\nContent-Type: text/html\r\n\r\nx'
        ),
        ["container", "text", "attachment"],
    ),
    "no disposition, no text": (
        multipart(b"mixed", TEXT, b"Content-Type: application/pdf\r\n\r\nx"),
        ["container", "text", "attachment"],
    ),
    "image that HTML refers to": (
        multipart(b"related", HTML, b"Content-Type: image/gif\r\nContent-ID: <one@example.org>\r\n\r\nGIF89a"),
        ["container", "text", "inline-image"],
    ),
    "image that comes before the HTML": (
        multipart(b"related", b"Content-Type: image/gif\r\nContent-ID: <one@example.org>\r\n\r\nGIF89a", HTML),
        ["container", "inline-image", "text"],
    ),
    "image that nothing refers to": (
        multipart(b"related", HTML, b"Content-Type: image/gif\r\nContent-ID: <two@example.org>\r\n\r\nGIF89a"),
        ["container", "text", "attachment"],
    ),
    "script that HTML refers to": (
        multipart(b"related", HTML, b"Content-Type: text/javascript\r\nContent-ID: <one@example.org>\r\n\r\nx"),
        ["container", "text", "attachment"],
    ),
    "invitation": (
        multipart(b"alternative", TEXT, b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR"),
        ["container", "text", "report"],
    ),
    "invitation as a file": (
        multipart(b"mixed", TEXT, b'Content-Type: text/calendar; name="i.ics"\r\n\r\nBEGIN:VCALENDAR'),
        ["container", "text", "attachment"],
    ),
    "delivery report": (
        multipart(
            b"report; report-type=delivery-status",
            TEXT,
            b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n",
            b"Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n",
        ),
        ["container", "text", "report", "report"],
    ),
    "signed by S/MIME": (
        multipart(b"signed; protocol=x", TEXT, b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx"),
        ["container", "text", "signature"],
    ),
    "signature that signs nothing": (
        multipart(b"mixed", TEXT, b"Content-Type: application/pgp-signature; name=a.asc\r\n\r\nx"),
        ["container", "text", "attachment"],
    ),
    "encrypted by PGP": (
        multipart(
            b"encrypted",
            b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
            b"Content-Type: application/octet-stream\r\n\r\nx",
        ),
        ["container", "attachment", "attachment"],
    ),
    "encrypted S/MIME": (
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\r\nx",
        ["attachment"],
    ),
    "AppleDouble": (
        multipart(
            b"appledouble", b"Content-Type: application/applefile\r\n\r\nx", b"Content-Type: image/gif\r\n\r\nGIF89a"
        ),
        ["container", "attachment", "attachment"],
    ),
    "TNEF": (
        multipart(b"mixed", TEXT, b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx"),
        ["container", "text", "attachment"],
    ),
    "message": (
        multipart(b"mixed", TEXT, b"Content-Type: message/rfc822\r\n\r\n" + other_boundary(multipart(b"mixed", TEXT))),
        ["container", "text", "message", "container", "text"],
    ),
    "digest": (
        multipart(b"digest", b"\r\nSubject: one\r\n\r\nx", b"\r\nSubject: two\r\n\r\ny"),
        ["container", "message", "text", "message", "text"],
    ),
    "piece of a message": (
        TOP + b"Content-Type: message/partial; id=x; number=1; total=2\r\n\r\nSubject: x\r\n\r\ny",
        ["attachment"],
    ),
    "content elsewhere": (
        TOP + b"Content-Type: message/external-body; access-type=URL\r\n\r\nContent-Type: text/plain\r\n\r\n",
        ["attachment"],
    ),
    "text in UTF-7": (TOP + b"Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-b+AD4-", ["attachment"]),
    "text in UTF-16": (TOP + b"Content-Type: text/html; charset=UTF-16LE\r\n\r\n<\0b\0>\0", ["attachment"]),
    "text that is a ZIP": (TOP + b"Content-Type: text/plain\r\n\r\nPK\x03\x04rest", ["attachment"]),
    "HTML in a text part's place": (TOP + b"Content-Type: text/html\r\n\r\n<p>", ["text"]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_count_as_the_table_says(shape: str, scan: Scan) -> None:
    message, wanted = SHAPES[shape]
    assert roles(scan(message)) == wanted


@pytest.mark.parametrize(
    ("shape", "finding"),
    [
        ("encrypted by PGP", "mime.encrypted"),
        ("TNEF", "mime.tnef"),
        ("piece of a message", "mime.partial"),
        ("content elsewhere", "mime.external-body"),
        ("text in UTF-7", "mime.hiding-charset"),
        ("text that is a ZIP", "mime.file-in-text"),
    ],
)
def test_what_cannot_be_opened_or_is_disguised_is_a_finding(shape: str, finding: str, scan: Scan) -> None:
    assert scan(SHAPES[shape][0]).findings == (finding,)


def test_a_leaf_has_its_place_name_size_and_digest(scan: Scan) -> None:
    attachment = (
        b'Content-Type: image/gif; name="a.gif"\r\nContent-ID: <x@example.org>\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + GIF_LINES.rstrip()
    )
    message = multipart(b"mixed", TEXT, attachment)
    part = scan(message).parts[2]
    assert message[part.body.start : part.body.end] == GIF_LINES.rstrip()
    assert message[part.header.start : part.header.end] == attachment[: attachment.index(b"\r\n\r\n") + 4]
    assert (part.name, part.content_id, part.content_type) == ("a.gif", "x@example.org", "image/gif")
    assert (part.size, part.sha256) == (len(GIF), hashlib.sha256(GIF).digest())
    assert (part.parent, part.transfer_encoding) == (0, "base64")


def test_the_reading_has_the_messages_own_size_and_fields(scan: Scan) -> None:
    message = b"Subject: =?utf-8?q?caf=C3=A9?=\r\n x\r\nX-Odd : y\r\n\r\nbody\r\n"
    reading = scan(message)
    assert reading.size == len(message)
    subject, odd = reading.fields
    assert (subject.name, subject.display) == (b"Subject", "café x")
    assert message[subject.span.start : subject.span.end] == b"Subject: =?utf-8?q?caf=C3=A9?=\r\n x\r\n"
    assert subject.raw_value == b" =?utf-8?q?caf=C3=A9?=\r\n x"
    assert (odd.name, odd.display) == (b"X-Odd", "y")


def test_several_files_inside_one_text_are_found_with_their_names(scan: Scan) -> None:
    one = b"begin 644 one.txt\r\n#0V%T\r\n`\r\nend\r\n"
    two = b"=ybegin line=128 size=3 name=two.txt\r\n" + bytes(byte + 42 for byte in b"dog") + b"\r\n=yend size=3\r\n"
    reading = scan(b"Subject: x\r\n\r\nhello\r\n" + one + b"between\r\n" + two + b"\r\nbye\r\n")
    assert roles(reading) == ["text", "embedded-file", "embedded-file"]
    assert [(part.name, part.size) for part in reading.parts[1:]] == [("one.txt", 3), ("two.txt", 3)]
    assert reading.parts[1].sha256 == hashlib.sha256(b"Cat").digest()
    assert reading.parts[1].header == Span(reading.parts[1].body.start, reading.parts[1].body.start)
    assert not reading.ambiguous


def test_prose_that_begins_with_begin_is_no_file(scan: Scan) -> None:
    assert roles(scan(b"Subject: x\r\n\r\nbegin at 600 words\r\nbegin 9999 x\r\n begin 644 a\r\n")) == ["text"]


def test_a_file_in_encoded_text_is_reached_by_steps(scan: Scan) -> None:
    inner = b"hello\r\nbegin 644 one.txt\r\n#0V%T\r\n`\r\nend\r\n"
    body = base64.encodebytes(inner).replace(b"\n", b"\r\n")
    message = TOP + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body
    part = scan(message).parts[1]
    assert part.steps[0].transfer_encoding == "base64"
    assert b"".join(decoded(message, part)) == b"Cat"


def test_parts_of_a_message_are_enclosed_by_it(scan: Scan) -> None:
    inner = other_boundary(multipart(b"mixed", TEXT, b"Content-Type: application/pdf\r\n\r\n%PDF-1"))
    reading = scan(multipart(b"mixed", TEXT, b"Content-Type: message/rfc822\r\n\r\n" + inner))
    assert [(part.role, part.enclosed) for part in reading.parts[2:]] == [
        (Role.MESSAGE, False),
        (Role.CONTAINER, True),
        (Role.TEXT, True),
        (Role.ATTACHMENT, True),
    ]
    assert [in_zip(part, 7, 0) for part in reading.parts] == [False, False, True, False, False, False]


def test_content_is_decoded_in_chunks_from_a_message_in_pieces(scan: Scan) -> None:
    content = bytes(range(256)) * 3000
    body = base64.encodebytes(content).replace(b"\n", b"\r\n")
    message = multipart(b"mixed", b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body)
    part = scan(message).parts[1]
    pieces = [message[at : at + 1000] for at in range(0, len(message), 1000)]
    chunks = list(decoded(pieces, part))
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, len(content) - 2 * CHUNK]
    assert b"".join(chunks) == content
    assert b"".join(raw(pieces, part.body)) == message[part.body.start : part.body.end]


def test_a_name_comes_from_the_disposition_first(scan: Scan) -> None:
    part = b'Content-Type: a/b; name="type.bin"\r\nContent-Disposition: attachment; filename="real.bin"\r\n\r\nx'
    reading = scan(multipart(b"mixed", part))
    assert reading.parts[1].name == "real.bin"
    assert reading.findings == ("mime.names-differ",)


def _part(role: Role, *, alternate: bool = False, enclosed: bool = False) -> Part:
    return Part(
        None, Span(0, 0), Span(0, 1), "a/b", "", "7bit", "", "", role, 1, alternate=alternate, enclosed=enclosed
    )


@pytest.mark.parametrize(
    ("role", "score", "wanted"),
    [
        (Role.ATTACHMENT, 0, True),
        (Role.ATTACHMENT, None, True),
        (Role.EMBEDDED_FILE, 6, True),
        (Role.MESSAGE, 0, True),
        (Role.INLINE_IMAGE, 6, False),
        (Role.INLINE_IMAGE, 7, True),
        (Role.REPORT, 6, False),
        (Role.REPORT, 7, True),
        (Role.SIGNATURE, 0, False),
        (Role.SIGNATURE, 10, True),
        (Role.TEXT, None, False),
        (Role.TEXT, 7, True),
        (Role.CONTAINER, None, False),
    ],
)
def test_the_zip_holds_what_the_table_says(role: Role, score: int | None, wanted: bool) -> None:
    assert in_zip(_part(role), 7, score) is wanted


def test_what_stands_inside_a_message_goes_with_it_unless_it_is_malicious() -> None:
    assert not in_zip(_part(Role.ATTACHMENT, enclosed=True), 7, 6)
    assert in_zip(_part(Role.ATTACHMENT, enclosed=True), 7, 7)
