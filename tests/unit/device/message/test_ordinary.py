"""The invariant: a message that is read at a stroke has the reading that the careful readers give it, whatever was done to it."""

import hashlib
import sys
import tracemalloc
from base64 import encodebytes
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.message import ordinary
from device.message.limits import ScanLimits
from device.message.mime import SMALL, Scanner
from device.message.reading import Reading

TOP = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: A mail\r\nReceived: x\r\nReceived: y\r\nMIME-Version: 1.0\r\n"
LIMITS = ScanLimits()


def lines(content: bytes) -> bytes:
    return encodebytes(content).replace(b"\n", b"\r\n")


def part(header: bytes, body: bytes) -> bytes:
    return header + b"\r\n\r\n" + body


def multipart(kind: bytes, boundary: bytes, *parts: bytes) -> bytes:
    joined = b"".join(b"--" + boundary + b"\r\n" + each + b"\r\n" for each in parts)
    return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n%s--%s--\r\n' % (kind, boundary, joined, boundary)


TEXT = part(b"Content-Type: text/plain; charset=utf-8", b"Words -- and words.\r\n")
HTML = part(b"Content-Type: text/html", b"<p>Words <img src='cid:one@example.org'>\r\n")
CODED = part(
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", b"W=C3=B6rter=\r\n.\r\n"
)
FILE = part(
    b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment;\r\n filename=a.pdf",
    lines(b"%PDF-" + bytes(range(200))),
)
IMAGE = part(
    b"Content-Type: image/gif\r\nContent-ID: <one@example.org>\r\nContent-Transfer-Encoding: base64", lines(b"GIF89a..")
)
SIGNATURE = part(b"Content-Type: application/pgp-signature", b"not really")
CALENDAR = part(b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64", lines(b"BEGIN:VCALENDAR" * 20))


def nested(depth: int) -> bytes:
    return multipart(b"mixed", b"n%dn" % depth, nested(depth - 1)) if depth else TEXT


ORDINARY: dict[str, bytes] = {
    "text without MIME": b"Subject: x\r\n\r\nhello\r\n",
    "text": TOP + TEXT,
    "no header at all": b"\r\nhello",
    "one file": TOP + FILE,
    "text and file": TOP + multipart(b"mixed", b"b", TEXT, FILE),
    "text, HTML, image, file": TOP
    + multipart(
        b"mixed",
        b"b",
        multipart(b"related", b"c", multipart(b"alternative", b"d", CODED, HTML), IMAGE),
        FILE,
    ),
    "a signature": TOP + multipart(b"signed", b"b", TEXT, SIGNATURE),
    "a calendar": TOP + multipart(b"mixed", b"b", TEXT, CALENDAR),
    "blank lines behind the last part": TOP + multipart(b"mixed", b"b", TEXT, FILE) + b"\r\n\r\n",
    "a delimiter within a line": TOP + multipart(b"mixed", b"b", part(b"Content-Type: text/plain", b"a --b\r\nc")),
}

FOR_THE_CAREFUL: dict[str, bytes] = {
    "nothing": b"",
    "a header without its blank line": TOP,
    "line ends of LF": (TOP + TEXT).replace(b"\r\n", b"\n"),
    "a bare CR in the header": b"Subject: x\ry\r\n\r\n",
    "a folded line of blanks": b"Subject: x\r\n \r\n\r\n",
    "NUL in the header": b"Subject: \0\r\n\r\n",
    "MIME without its version": TEXT,
    "two types": TOP + b"Content-Type: text/plain\r\n" + TEXT,
    "a preamble": TOP + multipart(b"mixed", b"b", TEXT).replace(b"--b", b"Hello\r\n--b", 1),
    "an epilogue": TOP + multipart(b"mixed", b"b", TEXT) + b"Hello",
    "no last boundary": TOP + multipart(b"mixed", b"b", TEXT).removesuffix(b"--b--\r\n"),
    "blanks behind a boundary": TOP + multipart(b"mixed", b"b", TEXT).replace(b"--b\r\n", b"--b \r\n"),
    "a bare LF before a boundary": TOP + multipart(b"mixed", b"b", TEXT).replace(b"\r\n--b--", b"\n--b--"),
    "a longer boundary": TOP + multipart(b"mixed", b"b", TEXT + b"\r\n--bb"),
    "a digest": TOP + multipart(b"digest", b"b", TEXT),
    "a message inside": TOP + multipart(b"mixed", b"b", part(b"Content-Type: message/rfc822", TEXT)),
    "uuencode in text": TOP + part(b"Content-Type: text/plain", b"begin 644 f\r\n#0V%T\r\nend\r\n"),
    "base64 in base64 text": TOP
    + part(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64", lines(b"UEsDBAAAAAAAAAAAAAAA")),
    "garbage in base64": TOP
    + part(b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64", lines(b"x" * 200).replace(b"\r\n", b"!\r\n", 1)),
    "a multipart without a boundary": TOP + b"Content-Type: multipart/mixed\r\n\r\n",
    "text in nine multiparts": TOP + nested(9),
}

bits = st.sampled_from(
    (b"\r\n", b"\n", b"\r", b"\0", b" ", b"-", b"--", b"--b", b"\r\n--b\r\n", b"\r\n--c--\r\n", b"=", b":", b"!", b"cid:z",
     b"\r\n\r\n", b"begin 644 f\r\n", b"=ybegin ", b"UEsDB", b"PK\x03\x04", b"Content-Type: message/rfc822\r\n",
     b"Content-Transfer-Encoding: base64\r\n", b"; boundary=c", b"(", b'"')
)  # fmt: skip
changes = st.lists(st.tuples(st.integers(0, 4000), st.sampled_from((0, 0, 1, 2, 5, 60)), st.one_of(st.just(b""), bits)))


def read(message: bytes, cuts: Sequence[int], *, carefully: bool = False) -> Reading:
    scanner = Scanner(LIMITS)
    if carefully:
        assert scanner.exceeded is None  # asked early, the scanner reads with care from there on
    for start, end in pairwise([0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]):
        scanner.feed(message[start:end])
    return scanner.close()


@pytest.mark.parametrize("shape", ORDINARY)
def test_ordinary_mail_is_read_at_a_stroke_as_the_careful_read_it(shape: str) -> None:
    message = ORDINARY[shape]
    assert ordinary.read(message, LIMITS) is not None
    assert read(message, []) == read(message, [7, 50], carefully=True)


@pytest.mark.parametrize("shape", FOR_THE_CAREFUL)
def test_whatever_is_odd_is_left_to_the_careful(shape: str) -> None:
    message = FOR_THE_CAREFUL[shape]
    assert ordinary.read(message, LIMITS) is None
    assert read(message, []) == read(message, [], carefully=True)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(ORDINARY)), changes, st.lists(st.integers(0, 4000), max_size=5))
def test_no_change_and_no_cutting_makes_the_two_differ(
    shape: str, changed: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    message = ORDINARY[shape]
    for where, removed, put in changed:
        place = where % (len(message) + 1)
        message = message[:place] + put + message[place + removed :]
    assert read(message, cuts) == read(message, cuts, carefully=True)


@pytest.mark.parametrize("limits", [ScanLimits(parts=2), ScanLimits(header_fields=3), ScanLimits(all_header_bytes=99)])
def test_a_limit_is_the_same_either_way(limits: ScanLimits) -> None:
    message = ORDINARY["text and file"]
    scanner = Scanner(limits)
    scanner.feed(message)
    assert ordinary.read(message, limits) is None
    assert scanner.close().exceeded is not None


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_size_up_to_which_a_message_waits_makes_no_difference(more: int) -> None:
    short = TOP + multipart(b"mixed", b"b", TEXT, FILE + b"\r\n--b\r\nX: y\r\n\r\n")
    message = short.replace(b"X: y\r\n\r\n", b"X: y\r\n\r\n" + b"z" * (SMALL - len(short) + more))
    assert len(message) == SMALL + more
    assert read(message, [SMALL // 2]) == read(message, [], carefully=True)


def test_the_reading_of_a_message_that_is_over_holds_none_of_its_bytes() -> None:
    message = ORDINARY["text and file"] + b"x" * SMALL
    before = sys.getrefcount(message)
    scanner = Scanner()
    scanner.feed(message)
    reading = scanner.close()
    del scanner
    assert sys.getrefcount(message) == before
    assert reading.size == len(message)


def test_reading_a_large_message_takes_no_memory_beyond_a_few_chunks() -> None:
    file = Random(1).randbytes(4_000_000)
    message = TOP + multipart(b"mixed", b"b", TEXT, part(FILE.partition(b"\r\n\r\n")[0], lines(file)))
    chunks = [message[at : at + SMALL] for at in range(0, len(message), SMALL)]
    scanner = Scanner()
    tracemalloc.start()
    for chunk in chunks:
        scanner.feed(chunk)
    reading = scanner.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.parts[2].sha256 == hashlib.sha256(file).digest()
    assert peak < 8 * SMALL
