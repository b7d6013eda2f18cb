"""A released message is built anew: what is read stays, what is a file goes into one encrypted ZIP, the password beside it."""

import io
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Final

import pytest
import pyzipper
from hypothesis import given, settings
from hypothesis import strategies as st

from atp import header_block, release_pass
from atp.v1 import quarantine_pb2 as wire
from cloud.release import repackage
from cloud.release.archive import encrypted_zip
from tests.unit.cloud.release.messages import FIELDS, Piece, attached, composed, multipart, text

PASSWORD: Final = "abcd-efgh-jkmn-pqrs-tuvw"
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
RELEASE: Final = repackage.Release("act_0123456789", "cloud.example.net", AT)
FILE: Final = attached("report.exe", b"MZ not really a program")


def released(built: tuple[wire.MessageManifest, bytes], password: str | None = PASSWORD) -> bytes:
    draft = repackage.draft(*built, RELEASE)
    archive = encrypted_zip(draft.members, PASSWORD, AT) if draft.members else b""
    return draft.message(archive, password)


def parsed(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=policy.default)


def shape(message: EmailMessage) -> object:
    """Types nested as they are; the file name where a part has one."""
    if message.is_multipart():
        children = [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
        return (message.get_content_subtype(), [shape(part) for part in children])
    return message.get_filename() or message.get_content_type()


def content_of(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def longest_line_of_body(message: bytes) -> int:
    return max(len(line) for line in message.partition(b"\r\n\r\n")[2].split(b"\r\n"))


def unzipped(message: EmailMessage) -> dict[str, bytes]:
    archives = [part for part in message.walk() if part.get_filename() == repackage.ARCHIVE_NAME]
    assert len(archives) == 1
    with pyzipper.AESZipFile(io.BytesIO(content_of(archives[0]))) as archive:
        assert all(entry.flag_bits & 1 for entry in archive.infolist())
        return {name: archive.read(name, pwd=PASSWORD.encode()) for name in archive.namelist()}


def texts(message: EmailMessage) -> str:
    parts = (part for part in message.walk() if part.get_content_maintype() == "text" and not part.get_filename())
    return "\n".join(str(part.get_content()) for part in parts)


def test_text_stays_and_files_go_into_one_zip_with_the_password_beside_it() -> None:
    other = attached("report.exe", b"another of the same name")
    message = parsed(released(composed(multipart("mixed", text(b"Hello Bob.\r\n"), FILE, other))))
    assert shape(message) == (
        "mixed",
        ["text/plain", "text/plain", "attachments.zip", "attachments-password.txt"],
    )
    assert unzipped(message) == {"report.exe": FILE.content, "report (2).exe": other.content}
    assert "Hello Bob." in texts(message)
    password = [part for part in message.walk() if part.get_filename() == repackage.PASSWORD_NAME]
    assert str(password[0].get_content()).splitlines()[0] == PASSWORD


def test_the_header_is_kept_but_for_what_the_release_makes_false() -> None:
    message = released(composed(multipart("mixed", text(b"Hi\r\n"), FILE)))
    names = [field.key for field in header_block.split(message).fields]
    assert b"dkim-signature" not in names
    assert names[:7] == [b"received", b"from", b"to", b"subject", b"date", b"message-id", b"references"]
    assert b"Subject: Minutes\r\n of the meeting\r\n" in message
    assert names.count(b"mime-version") == 1


def test_a_message_of_one_file_has_words_that_say_so() -> None:
    alone = attached("only.exe", b"x")
    message = parsed(released(composed(alone, fields=[*FIELDS, b"Content-Type: application/octet-stream\r\n"])))
    assert shape(message) == ("mixed", ["text/plain", "attachments.zip", "attachments-password.txt"])
    assert "encrypted" in texts(message)
    assert unzipped(message) == {"only.exe": b"x"}


def test_alternatives_and_inline_images_keep_their_shape() -> None:
    image = Piece(
        "image/png",
        b"iVBORw0KGgo=\r\n",
        (b"Content-Type: image/png\r\n", b"Content-ID: <logo>\r\n", b"Content-Transfer-Encoding: base64\r\n"),
        "base64",
        wire.PART_ROLE_INLINE_IMAGE,
        content=b"\x89PNG\r\n\x1a\n",
    )
    page = text(b'<img src="cid:logo">\r\n', "text/html")
    built = composed(
        multipart("mixed", multipart("alternative", text(b"Hi\r\n"), multipart("related", page, image)), FILE)
    )
    message = parsed(released(built))
    assert shape(message) == (
        "mixed",
        [
            ("alternative", ["text/plain", ("related", ["text/html", "image/png"])]),
            "text/plain",
            "attachments.zip",
            "attachments-password.txt",
        ],
    )
    images = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert (images[0]["Content-ID"], content_of(images[0])) == ("<logo>", b"\x89PNG\r\n\x1a\n")


def test_an_image_that_went_into_the_zip_leaves_its_page_alone() -> None:
    image = attached("bad.png", b"not an image", "image/png")
    message = parsed(released(composed(multipart("related", text(b"<p>Hi</p>\r\n", "text/html"), image))))
    assert shape(message) == ("mixed", ["text/html", "text/plain", "attachments.zip", "attachments-password.txt"])


def test_calendar_and_report_parts_stay_with_their_parameters() -> None:
    invitation = Piece(
        "text/calendar",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        (b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n",),
        role=wire.PART_ROLE_REPORT,
    )
    status = Piece(
        "message/delivery-status",
        b"Reporting-MTA: dns; mx.example.com\r\n\r\n",
        (b"Content-Type: message/delivery-status\r\n",),
        role=wire.PART_ROLE_REPORT,
    )
    report = multipart("report", text(b"Hi\r\n"), invitation, status, fields=(_report_type("mixed-report"),))
    message = parsed(released(composed(multipart("mixed", report, FILE))))
    kinds = {part.get_content_type(): part for part in message.walk()}
    assert kinds["text/calendar"].get_param("method") == "REQUEST"
    assert kinds["multipart/report"].get_param("report-type") == "mixed-report"
    assert "message/delivery-status" in kinds


def _report_type(name: str) -> bytes:
    return f'Content-Type: multipart/report; report-type={name}; boundary="original-1"\r\n'.encode()


def test_a_signature_that_would_be_false_is_dropped_and_the_mail_says_so() -> None:
    signature = Piece(
        "application/pkcs7-signature",
        b"AAAA\r\n",
        (b"Content-Type: application/pkcs7-signature\r\n",),
        "base64",
        wire.PART_ROLE_SIGNATURE,
    )
    message = parsed(released(composed(multipart("signed", multipart("mixed", text(b"Hi\r\n"), FILE), signature))))
    assert shape(message) == ("mixed", ["text/plain", "text/plain", "attachments.zip", "attachments-password.txt"])
    assert "digital signature was removed" in texts(message)


def test_an_attached_message_goes_in_whole_and_its_own_attachments_are_not_taken_out() -> None:
    inner = b"From: eve@example.net\r\nSubject: inner\r\n\r\nbody\r\n"
    nested = Piece(
        "message/rfc822",
        inner,
        (b"Content-Type: message/rfc822\r\n",),
        role=wire.PART_ROLE_MESSAGE,
        in_zip=True,
        content=inner,
        children=(Piece("text/plain", role=wire.PART_ROLE_ATTACHMENT, in_zip=True, name="x", inside=(0, 4)),),
    )
    message = parsed(released(composed(multipart("mixed", text(b"Hi\r\n"), nested))))
    assert unzipped(message) == {"attachment-1.eml": inner}


UU: Final = b"begin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\n"


@pytest.mark.parametrize(
    ("marked", "size"),
    [pytest.param(UU, len(UU), id="range with its lines"), pytest.param(UU, None, id="range without them")],
)
def test_a_file_inside_plain_text_is_cut_out(marked: bytes, size: int | None) -> None:
    before = b"Hello\r\n"
    start = len(before) if size else len(before) + len(b"begin 644 a.exe\r\n")
    end = len(before) + size if size else start + len(b"#0V%T\r\n")
    file = Piece(
        "application/octet-stream",
        encoding="uuencode",
        role=wire.PART_ROLE_EMBEDDED_FILE,
        in_zip=True,
        name="a.exe",
        content=b"Cat",
        inside=(start, end),
    )
    message = parsed(released(composed(text(before + marked + b"Bye\r\n", children=(file,)))))
    assert unzipped(message) == {"a.exe": b"Cat"}
    assert texts(message).replace("\r\n", "\n").startswith("Hello\nBye\n")


def test_a_file_inside_encoded_text_takes_the_whole_text_into_the_zip() -> None:
    file = Piece(
        "application/octet-stream",
        encoding="uuencode",
        role=wire.PART_ROLE_EMBEDDED_FILE,
        in_zip=True,
        name="a.exe",
        inside=(0, 2),
    )
    body = text(b"SGVsbG8=\r\n", encoding="base64", children=(file,))
    message = parsed(released(composed(multipart("mixed", body, text(b"Hi\r\n")))))
    assert unzipped(message) == {"attachment-1.txt": b"Hello"}


@pytest.mark.parametrize(
    "built",
    [
        pytest.param(composed(multipart("mixed", text(b"Hi\r\n"), FILE), ambiguous=True), id="ambiguous"),
        pytest.param(
            composed(multipart("mixed", text(b"Hi\r\n"), Piece("a/b", b"x", in_zip=True, content=b"not x"))),
            id="a part decodes to something else",
        ),
        pytest.param(
            composed(multipart("mixed", text(b"Hi\r\n"), Piece("a/b", b"x", encoding="rot13", in_zip=True))),
            id="an unknown encoding",
        ),
        pytest.param(
            composed(text(b"Hi\r\n", children=(Piece("a/b", in_zip=True, alternate=True),))),
            id="shown bytes that are a bad file in another reading",
        ),
    ],
)
def test_what_cannot_be_built_from_the_reading_goes_whole_and_nothing_of_it_is_shown(
    built: tuple[wire.MessageManifest, bytes],
) -> None:
    message = parsed(released(built))
    assert unzipped(message) == {"original.eml": built[1]}
    assert shape(message) == ("mixed", ["text/plain", "attachments.zip", "attachments-password.txt"])
    assert "Hi" not in texts(message)
    assert message["Subject"] == "Minutes of the meeting"


def test_an_ambiguous_header_keeps_the_first_of_each_well_known_field_alone() -> None:
    odd = [*FIELDS, b"Subject: second\r\n", b"X-Odd: \r\n", b"From: eve@example.net\r\n"]
    message = released(composed(multipart("mixed", FILE), ambiguous=True, fields=odd))
    names = [field.key for field in header_block.split(message).fields]
    assert (names.count(b"subject"), names.count(b"from"), b"x-odd" in names) == (1, 1, False)


def test_without_a_file_the_message_goes_as_it_was_but_for_pass_fields() -> None:
    forged = b"x-atp-release-pass: forged\r\n"
    manifest, content = composed(text(b"Hello\r\n\r\n"), fields=[forged, *FIELDS])
    assert released((manifest, content)) == content.removeprefix(forged)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("Grüße\r\n".encode(), id="8-bit"),
        pytest.param(b"x" * 1200 + b"\r\n", id="long line"),
        pytest.param(b"a\nb\rc\r\n", id="bare line ends"),
    ],
)
def test_without_a_file_a_body_that_relays_change_is_made_7_bit(body: bytes) -> None:
    message = released(composed(text(body)))
    assert message.isascii()
    assert longest_line_of_body(message) <= 76
    assert content_of(parsed(message)) == body


def test_the_password_is_not_in_the_mail_where_the_portal_shows_it() -> None:
    message = released(composed(multipart("mixed", text(b"Hi\r\n"), FILE)), password=None)
    assert PASSWORD.encode() not in message
    assert shape(parsed(message)) == ("mixed", ["text/plain", "text/plain", "attachments.zip"])
    assert "quarantine page" in texts(parsed(message)).replace("\n", " ")


def test_date_and_message_id_are_there_whatever_the_original_lacked() -> None:
    bare = [field for field in FIELDS if not field.startswith((b"Date", b"Message-ID"))]
    first, second = (released(composed(multipart("mixed", FILE), fields=bare)) for _ in range(2))
    assert parsed(first)["Message-ID"] == "<act_0123456789@cloud.example.net>" == parsed(second)["Message-ID"]
    assert parsed(first)["Date"] == "Thu, 01 Jan 2026 00:00:00 +0000"


@pytest.mark.parametrize(
    ("raw", "mended"),
    [
        (b"X-A: one\nBcc: eve@example.net\r\n", b"X-A: one\r\n Bcc: eve@example.net\r\n"),
        (b"X-A: one\r\rBcc: x\0y\r\n", b"X-A: one\r\n Bcc: xy\r\n"),
        (b"X-A : one\r\n \r\n two\r\n", b"X-A: one\r\n two\r\n"),
        (b"no field at all\r\n", b""),
        (b"\xff\xfe: x\r\n", b""),
    ],
)
def test_a_field_with_stray_line_ends_stays_one_field(raw: bytes, mended: bytes) -> None:
    message = released(composed(multipart("mixed", FILE), fields=[raw, *FIELDS]))
    assert message.startswith(mended or FIELDS[0])
    release_pass.digest(message)


def test_names_in_the_zip_are_safe_and_in_the_messages_order() -> None:
    names = [
        "../../etc/passwd",
        "C:\\x\\con.txt",
        "a\u202excod.exe",
        "b:c*.txt",
        "",
        "B_C_.TXT",
        "." * 9,
        "n" * 400 + ".docx",
    ]
    files = [attached(name, b"%d" % number) for number, name in enumerate(names)]
    unpacked = unzipped(parsed(released(composed(multipart("mixed", *files)))))
    assert list(unpacked.values()) == [b"%d" % number for number in range(len(names))]
    assert list(unpacked)[:7] == [
        "passwd",
        "_con.txt",
        "axcod.exe",
        "b_c_.txt",
        "attachment-5.bin",
        "B_C_ (2).TXT",
        "attachment-7.bin",
    ]
    assert all(len(name) <= 120 for name in unpacked)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=200))
def test_whatever_the_content_the_message_is_strict_7_bit_and_gives_it_back(body: bytes, file: bytes) -> None:
    message = released(composed(multipart("mixed", text(body, encoding="binary"), attached("f", file))))
    assert message.isascii()
    assert message.endswith(b"\r\n")
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert longest_line_of_body(message) <= 76
    release_pass.digest(message)
    found = parsed(message)
    assert unzipped(found) == {"f": file}
    assert content_of(next(part for part in found.walk() if not part.is_multipart())) == body


def test_utf8_header_fields_stay_utf8() -> None:
    fields = [*FIELDS, "X-Note: Grüße\r\n".encode()]
    message = released(composed(multipart("mixed", FILE), fields=fields))
    assert "X-Note: Grüße\r\n".encode() in message
