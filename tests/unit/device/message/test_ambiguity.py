"""Two readers, two messages: whatever file some mail reader would show is inspected.

The rows rebuild, with a harmless marker for content, the categories of "Inbox Invasion: Exploiting MIME Ambiguities to Evade
Email Attachment Detectors" (CCS 2024) and of draft-chen-email-mime-ambiguity-defense-00: header fields (repeated, malformed,
encoded), structure (boundaries, ends, what stands outside of parts), and encodings.
"""

import base64
import binascii
import hashlib
import quopri
from collections.abc import Callable, Iterable

import pytest

from device.message.content import decoded
from device.message.reading import Reading, Role
from device.message.second_opinion import with_second_opinion

MARKER = b"HARMLESS-MARKER-FILE!" * 3 + b"the end of the marker"
"""84 bytes: base64 of it needs no padding."""

ENCODED = base64.b64encode(MARKER)
LINES = base64.encodebytes(MARKER).replace(b"\n", b"\r\n")
QUOTED = quopri.encodestring(MARKER).replace(b"\n", b"\r\n")
UUENCODED = (
    b"begin 644 marker.bin\r\n"
    + b"".join(binascii.b2a_uu(MARKER[at : at + 45]).replace(b"\n", b"\r\n") for at in range(0, len(MARKER), 45))
    + b"`\r\nend\r\n"
)
YENC = (
    b"=ybegin line=128 size=84 name=marker.bin\r\n"
    + bytes((byte + 42) & 255 for byte in MARKER)
    + b"\r\n=yend size=84\r\n"
)
TOP = b"From: a@example.org\r\nTo: b@example.net\r\nMIME-Version: 1.0\r\n"
FILE = b'Content-Type: application/octet-stream; name="m.bin"\r\nContent-Disposition: attachment\r\n'
BASE64 = b"Content-Transfer-Encoding: base64\r\n"
PART = FILE + BASE64 + b"\r\n" + LINES


def mixed(content_type: bytes, *, boundary: bytes = b"b", part: bytes = PART, end: bytes = b"--b--\r\n") -> bytes:
    """A message with one text part and the marker."""
    return (
        TOP
        + content_type
        + b"\r\n\r\n--"
        + boundary
        + b"\r\n\r\nhello\r\n--"
        + boundary
        + b"\r\n"
        + part
        + b"\r\n"
        + end
    )


def single(fields: bytes, body: bytes) -> bytes:
    """A message that is one part."""
    return TOP + fields + b"\r\n" + body


MIXED = b"Content-Type: multipart/mixed; boundary=b"
WELL_FORMED = mixed(MIXED)

HEADER_ROWS = {
    "well-formed": WELL_FORMED,
    "two types, text first": mixed(b"Content-Type: text/plain\r\n" + MIXED),
    "two types, text last": mixed(MIXED + b"\r\nContent-Type: text/plain"),
    "two types, two boundaries, first counts": mixed(MIXED + b"\r\nContent-Type: multipart/mixed; boundary=c"),
    "two types, two boundaries, last counts": mixed(b"Content-Type: multipart/mixed; boundary=c\r\n" + MIXED),
    "two encodings, base64 first": single(FILE + BASE64 + b"Content-Transfer-Encoding: 7bit\r\n", LINES),
    "two encodings, base64 last": single(FILE + b"Content-Transfer-Encoding: 7bit\r\n" + BASE64, LINES),
    "two encodings, quoted-printable last": single(
        FILE + BASE64 + b"Content-Transfer-Encoding: quoted-printable\r\n", QUOTED
    ),
    "two dispositions": single(
        b"Content-Type: text/plain\r\nContent-Disposition: inline\r\n"
        b"Content-Disposition: attachment; filename=m.exe\r\n" + BASE64,
        LINES,
    ),
    "comment in the type": mixed(b"Content-Type: multipart(x)/(y)mixed; boundary=b"),
    "comment before the type": mixed(b"Content-Type: (comment (nested)) multipart/mixed; boundary=b"),
    "unclosed comment": mixed(b"Content-Type: multipart/mixed (x; boundary=b"),
    "type in quotes": mixed(b'Content-Type: "multipart/mixed"; boundary=b'),
    "type in an encoded word": mixed(b"Content-Type: =?utf-8?q?multipart/mixed?=; boundary=b"),
    "no semicolon before the boundary": mixed(b"Content-Type: multipart/mixed boundary=b"),
    "comma before the boundary": mixed(b"Content-Type: multipart/mixed, boundary=b"),
    "two semicolons": mixed(b"Content-Type: multipart/mixed;; boundary=b"),
    "invalid parameter before the boundary": mixed(b"Content-Type: multipart/mixed; x:y=1; boundary=b"),
    "8-bit parameter before the boundary": mixed(b"Content-Type: multipart/mixed; \xff=1; boundary=b"),
    "quote that never closes before it": mixed(b'Content-Type: multipart/mixed; x="y; boundary=b'),
    "blank before the colon": mixed(b"Content-Type : multipart/mixed; boundary=b"),
    "tab before the colon": mixed(b"Content-Type\t: multipart/mixed; boundary=b"),
    "line end before the colon": mixed(b"Content-Type\r\n : multipart/mixed; boundary=b"),
    "NUL in the field name": mixed(b"Content-Type\0: multipart/mixed; boundary=b"),
    "NUL before the field name": mixed(b"\0Content-Type: multipart/mixed; boundary=b"),
    "blank in the field name": mixed(b"Content- Type: multipart/mixed; boundary=b"),
    "8-bit character in the field name": mixed(b"\xefContent-Type: multipart/mixed; boundary=b"),
    "odd case": mixed(b"CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=b"),
    "folded everywhere": mixed(b"Content-Type:\r\n multipart/mixed\r\n\t;\r\n boundary\r\n =\r\n b"),
    "field behind a bare CR": mixed(b"X-Note: a\rContent-Type: multipart/mixed; boundary=b"),
    "field behind a bare LF": mixed(b"X-Note: a\nContent-Type: multipart/mixed; boundary=b"),
    "blank folded line in the header": mixed(b"X-Note: a\r\n \r\n" + MIXED),
    "blank folded line ends the header for some": single(b"X-Note: a\r\n \r\n", UUENCODED),
    "a line that is no field": mixed(b"this is no field\r\n" + MIXED),
    "a line that is no field ends the header for some": mixed(MIXED + b"\r\nno field\r\n--b\r\n" + PART),
    "no MIME-Version": WELL_FORMED.replace(b"MIME-Version: 1.0\r\n", b""),
    "another MIME-Version": WELL_FORMED.replace(b"MIME-Version: 1.0", b"MIME-Version: 2.0 (x)"),
    "From line of a mailbox in front": b"From a@example.org Mon Jan  1 00:00:00 2024\r\n" + WELL_FORMED,
}

BOUNDARY_ROWS = {
    "in quotes": mixed(b'Content-Type: multipart/mixed; boundary="b"'),
    "in single quotes, stripped": mixed(b"Content-Type: multipart/mixed; boundary='b'"),
    "in single quotes, kept": mixed(b"Content-Type: multipart/mixed; boundary='b'", boundary=b"'b'"),
    "quote that never closes": mixed(b'Content-Type: multipart/mixed; boundary="b'),
    "escaped": mixed(b'Content-Type: multipart/mixed; boundary="\\b"'),
    "escaped, taken as written": mixed(b'Content-Type: multipart/mixed; boundary="\\b"', boundary=b"\\b"),
    "text behind the quotes": mixed(b'Content-Type: multipart/mixed; boundary="b"c', boundary=b"bc"),
    "comment behind it": mixed(b"Content-Type: multipart/mixed; boundary=b(c)"),
    "comment taken for text": mixed(b"Content-Type: multipart/mixed; boundary=b(c)", boundary=b"b(c)"),
    "comment behind its name": mixed(b"Content-Type: multipart/mixed; boundary(c)=b"),
    "comment in its name, another boundary behind": mixed(
        b"Content-Type: multipart/mixed; boundary((c))=b; boundary=c"
    ),
    "blanks around it": mixed(b'Content-Type: multipart/mixed; boundary = " b "'),
    "blank inside": mixed(b"Content-Type: multipart/mixed; boundary=b c", boundary=b"b c"),
    "blank inside, cut there": mixed(b"Content-Type: multipart/mixed; boundary=b c"),
    "two, first counts": mixed(b"Content-Type: multipart/mixed; boundary=b; boundary=c"),
    "two, last counts": mixed(b"Content-Type: multipart/mixed; boundary=c; boundary=b"),
    "inside another parameter": mixed(b'Content-Type: multipart/mixed; x="; boundary=b"; boundary=c'),
    "RFC 2231 continuations": mixed(
        b"Content-Type: multipart/mixed; boundary*0=one; boundary*1=two", boundary=b"onetwo"
    ),
    "RFC 2231 continuations out of order": mixed(
        b"Content-Type: multipart/mixed; boundary*1=two; boundary*0=one", boundary=b"onetwo"
    ),
    "RFC 2231 continuations in the order of appearance": mixed(
        b"Content-Type: multipart/mixed; boundary*1=two; boundary*0=one", boundary=b"twoone"
    ),
    "RFC 2231 with a charset": mixed(b"Content-Type: multipart/mixed; boundary*=us-ascii''%62"),
    "RFC 2231 and plain": mixed(b"Content-Type: multipart/mixed; boundary=c; boundary*=us-ascii''b"),
    "encoded word": mixed(b'Content-Type: multipart/mixed; boundary="=?us-ascii?q?b?="'),
    "encoded word, taken as written": mixed(
        b'Content-Type: multipart/mixed; boundary="=?us-ascii?q?b?="', boundary=b"=?us-ascii?q?b?="
    ),
    "partly an encoded word": mixed(b"Content-Type: multipart/mixed; boundary=a=?us-ascii?q?b?=", boundary=b"ab"),
    "NUL inside, cut there": mixed(b'Content-Type: multipart/mixed; boundary="b\0c"'),
    "NUL inside, left out": mixed(b'Content-Type: multipart/mixed; boundary="b\0c"', boundary=b"bc"),
    "special character, cut there": mixed(b"Content-Type: multipart/mixed; boundary=b/c"),
    "missing, guessed": mixed(b"Content-Type: multipart/mixed"),
    "another than declared, guessed": mixed(b"Content-Type: multipart/mixed; boundary=zzz"),
    "empty, guessed": mixed(b'Content-Type: multipart/mixed; boundary=""'),
    "very long": mixed(b"Content-Type: multipart/mixed; boundary=" + b"b" * 3000, boundary=b"b" * 3000),
}

STRUCTURE_ROWS = {
    "missing end": mixed(MIXED, end=b""),
    "blanks behind the boundary": WELL_FORMED.replace(b"--b\r\n", b"--b \t \r\n"),
    "text behind the boundary": WELL_FORMED.replace(b"--b\r\nContent", b"--bcd\r\nContent"),
    "bare LF behind the boundary": WELL_FORMED.replace(b"--b\r\nContent", b"--b\nContent"),
    "bare CR behind the boundary": WELL_FORMED.replace(b"--b\r\nContent", b"--b\rContent"),
    "bare LF before the boundary": WELL_FORMED.replace(b"hello\r\n--b", b"hello\n--b"),
    "bare CR before the boundary": WELL_FORMED.replace(b"hello\r\n--b", b"hello\r--b"),
    "bare LF everywhere": WELL_FORMED.replace(b"\r\n", b"\n"),
    "part after the end": mixed(MIXED, part=b"\r\ntext\r\n--b--\r\n--b\r\n" + PART),
    "part before the first boundary": TOP + MIXED + b"\r\n\r\n" + PART + b"--b\r\n\r\nhello\r\n--b--\r\n",
    "part after the end, without boundary": WELL_FORMED.replace(PART, b"\r\nx\r\n") + PART,
    "uuencode before the first boundary": TOP + MIXED + b"\r\n\r\n" + UUENCODED + b"--b\r\n\r\nhello\r\n--b--\r\n",
    "uuencode after the end": WELL_FORMED.replace(PART, b"\r\nx\r\n") + UUENCODED,
    "nested, same boundary": mixed(MIXED, part=MIXED + b"\r\n\r\n--b\r\n" + PART + b"--b--\r\n"),
    "nested, same boundary, part after the inner end": mixed(
        MIXED, part=MIXED + b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--b\r\n" + PART
    ),
    "nested, the outer boundary begins the inner": mixed(
        MIXED, part=b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n" + PART + b"--bb--\r\n"
    ),
    "nested, the inner without end": mixed(
        MIXED, part=b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" + PART
    ),
    "no blank line between fields and body": mixed(MIXED, part=FILE + BASE64 + LINES),
    "no blank line before the first boundary": TOP + MIXED + b"\r\n--b\r\n" + PART + b"--b--\r\n",
    "part without header": mixed(MIXED, part=UUENCODED),
    "message that is encoded": single(
        b"Content-Type: message/rfc822\r\n" + BASE64, base64.encodebytes(WELL_FORMED).replace(b"\n", b"\r\n")
    ),
    "multipart that is encoded": single(
        MIXED + b"\r\n" + BASE64, base64.encodebytes(b"--b\r\n" + PART + b"--b--\r\n").replace(b"\n", b"\r\n")
    ),
    "encoding of the multipart, for its parts": TOP
    + MIXED
    + b"\r\n"
    + BASE64
    + b"\r\n--b\r\n"
    + FILE
    + b"\r\n"
    + LINES
    + b"\r\n--b--\r\n",
    "CRLF message, header that ends with bare LF": WELL_FORMED.replace(b"base64\r\n\r\n", b"base64\n\n"),
    "LF LF ends the header for some": single(b"X-Note: a\n\n" + FILE + BASE64, LINES),
    "digest": TOP + b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n" + WELL_FORMED + b"--d--\r\n",
}

ENCODING_ROWS = {
    "base64 in odd case": single(FILE + b"Content-Transfer-Encoding: BaSe64\r\n", LINES),
    "base64 with blanks": single(FILE + b"Content-Transfer-Encoding:   base64  \r\n", LINES),
    "base64 with a comment": single(FILE + b"Content-Transfer-Encoding: base64 (x)\r\n", LINES),
    "base64 with a comment in front": single(FILE + b"Content-Transfer-Encoding: (x)base64\r\n", LINES),
    "base64 in quotes": single(FILE + b'Content-Transfer-Encoding: "base64"\r\n', LINES),
    "base64 with text behind": single(FILE + b"Content-Transfer-Encoding: base64foo\r\n", LINES),
    "base64 with a semicolon": single(FILE + b"Content-Transfer-Encoding: base64; x=y\r\n", LINES),
    "base64 and another": single(FILE + b"Content-Transfer-Encoding: quoted-printable, base64\r\n", LINES),
    "base64 in an encoded word": single(FILE + b"Content-Transfer-Encoding: =?utf-8?q?base64?=\r\n", LINES),
    "base64 with NUL": single(FILE + b"Content-Transfer-Encoding: bas\0e64\r\n", LINES),
    "unknown encoding, base64": single(FILE + b"Content-Transfer-Encoding: x-unknown\r\n", LINES),
    "unknown encoding, quoted-printable": single(FILE + b"Content-Transfer-Encoding: x-unknown\r\n", QUOTED),
    "unknown encoding, as it is": single(FILE + b"Content-Transfer-Encoding: x-unknown\r\n", MARKER),
    "no line ends": single(FILE + BASE64, ENCODED),
    "lines of odd lengths": single(FILE + BASE64, ENCODED[:7] + b"\r\n" + ENCODED[7:10] + b"\r\n" + ENCODED[10:]),
    "one character a line": single(FILE + BASE64, b"\r\n".join(bytes([each]) for each in ENCODED)),
    "blank lines": single(FILE + BASE64, LINES.replace(b"\r\n", b"\r\n\r\n  \r\n")),
    "garbage inside": single(FILE + BASE64, ENCODED[:10] + b"!*\xff\0#" + ENCODED[10:]),
    "minus and underscore inside": single(FILE + BASE64, ENCODED[:10] + b"-_--" + ENCODED[10:]),
    "garbage behind": single(FILE + BASE64, ENCODED + b"\r\n!!! a footer of a mailing list"),
    "padding inside, streams": single(
        FILE + BASE64, base64.b64encode(MARKER[:10]) + base64.b64encode(MARKER[10:20]) + base64.b64encode(MARKER[20:])
    ),
    "padding inside, passed over": single(FILE + BASE64, ENCODED[:10] + b"=" + ENCODED[10:30] + b"==" + ENCODED[30:]),
    "padding at the beginning": single(FILE + BASE64, b"====" + ENCODED),
    "soft line breaks everywhere": single(
        FILE + b"Content-Transfer-Encoding: quoted-printable\r\n", b"=\r\n".join(bytes([byte]) for byte in MARKER)
    ),
    "lower case escapes": single(
        FILE + b"Content-Transfer-Encoding: quoted-printable\r\n", b"".join(b"=%02x" % byte for byte in MARKER)
    ),
    "blanks behind soft line breaks": single(
        FILE + b"Content-Transfer-Encoding: quoted-printable\r\n", MARKER[:20] + b"= \t\r\n" + MARKER[20:]
    ),
    "uuencode as an encoding": single(FILE + b"Content-Transfer-Encoding: x-uuencode\r\n", UUENCODED),
    "yEnc as an encoding": single(FILE + b"Content-Transfer-Encoding: x-yenc\r\n", YENC),
    "uuencode in text": single(b"Content-Type: text/plain\r\n", b"hello\r\n" + UUENCODED),
    "uuencode without a header of MIME": b"From: a@example.org\r\n\r\nhello\r\n\r\n" + UUENCODED,
    "uuencode without end": single(b"Content-Type: text/plain\r\n", UUENCODED[: -len(b"`\r\nend\r\n")]),
    "uuencode in quoted-printable text": single(
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n",
        UUENCODED.replace(b"=", b"=3D"),
    ),
    "uuencode in base64 text": single(
        b"Content-Type: text/plain\r\n" + BASE64, base64.encodebytes(UUENCODED).replace(b"\n", b"\r\n")
    ),
    "uuencode by base64 in text": single(
        b"Content-Type: text/plain\r\n", b"begin-base64 644 m.bin\r\n" + LINES + b"====\r\n"
    ),
    "yEnc in text": single(b"Content-Type: text/plain\r\n", b"hello\r\n" + YENC),
}

ROWS = {**HEADER_ROWS, **BOUNDARY_ROWS, **STRUCTURE_ROWS, **ENCODING_ROWS}
WANTED = hashlib.sha256(MARKER).digest()


@pytest.mark.parametrize("name", ROWS)
def test_the_file_is_inspected_whatever_the_trick(name: str, scan: Callable[[bytes], Reading]) -> None:
    reading = scan(ROWS[name])
    assert WANTED in {part.sha256 for part in reading.inspected}, reading


def test_missing_padding_loses_no_byte_and_is_read_without_the_last_group_too(scan: Callable[[bytes], Reading]) -> None:
    reading = scan(single(FILE + BASE64, base64.b64encode(MARKER + b"!")[:-2]))
    assert {hashlib.sha256(MARKER + b"!").digest(), WANTED} == {part.sha256 for part in reading.inspected}


def test_content_behind_padding_is_read_with_and_without(scan: Callable[[bytes], Reading]) -> None:
    reading = scan(single(FILE + BASE64, base64.b64encode(MARKER + b"!") + base64.b64encode(b"more")))
    wanted = {hashlib.sha256(content).digest() for content in (MARKER + b"!", MARKER + b"!more")}
    assert wanted <= {part.sha256 for part in reading.inspected}


@pytest.mark.parametrize("name", ROWS)
def test_the_same_reading_comes_byte_by_byte(
    name: str, scan: Callable[[bytes], Reading], scan_pieces: Callable[[bytes, Iterable[int]], Reading]
) -> None:
    message = ROWS[name]
    assert scan_pieces(message, range(1, len(message))) == scan(message)


@pytest.mark.parametrize("name", ROWS)
def test_every_part_can_be_decoded_again(name: str, scan: Callable[[bytes], Reading]) -> None:
    message = ROWS[name]
    reading = with_second_opinion(message, scan(message))
    for part in reading.parts:
        if part.role is not Role.CONTAINER:
            content = b"".join(decoded(message, part))
            assert (len(content), hashlib.sha256(content).digest()) == (part.size, part.sha256)


def test_well_formed_mail_is_not_ambiguous(scan: Callable[[bytes], Reading]) -> None:
    reading = scan(WELL_FORMED)
    assert not reading.ambiguous
    assert reading.findings == ()


def test_mail_of_bare_line_feeds_is_not_ambiguous_in_itself(scan: Callable[[bytes], Reading]) -> None:
    assert not scan(STRUCTURE_ROWS["bare LF everywhere"]).ambiguous


def test_similar_boundaries_are_not_ambiguous_where_every_reader_finds_the_same_files(
    scan: Callable[[bytes], Reading],
) -> None:
    assert not scan(STRUCTURE_ROWS["nested, the outer boundary begins the inner"]).ambiguous


@pytest.mark.parametrize(
    "name",
    [
        "two encodings, base64 first",
        "two types, text first",
        "part after the end",
        "padding inside, streams",
        "message that is encoded",
    ],
)
def test_where_readers_see_different_files_the_message_is_ambiguous(
    name: str, scan: Callable[[bytes], Reading]
) -> None:
    reading = scan(ROWS[name])
    assert reading.ambiguous
    assert "mime.several-readings" in reading.findings
