"""The invariant: a message's reading depends on its bytes, not on how they arrive; and no bytes at all make the scanner raise."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from device.message.content import decoded, digest_of
from device.message.limits import ScanLimits
from device.message.mime import Scanner
from device.message.reading import Reading, Role
from device.message.second_opinion import with_second_opinion

_PIECES: Sequence[bytes] = (
    b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: multipart/mixed; boundary=bb",
    b"Content-Type: message/rfc822",
    b"Content-Type: text/html",
    b"Content-Type: a/b; name=x",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-other",
    b"Subject: x",
    b"--b",
    b"--b--",
    b"--bb",
    b"--bx",
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\0",
    b"QUJDREVG",
    b"QQ==",
    b"!",
    b"=41=",
    b"begin 644 f",
    b"#0V%T",
    b"end",
    b"=ybegin name=f",
    b"=yend",
    b"cid:x",
)

messages = st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join)


def scan(message: bytes, cuts: Sequence[int]) -> Reading:
    scanner = Scanner(ScanLimits())
    edges = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    for start, end in pairwise(edges):
        scanner.feed(message[start:end])
    return scanner.close()


@settings(max_examples=150, deadline=None)
@given(messages, st.lists(st.integers(0, 600), max_size=12))
def test_any_cutting_gives_the_same_reading(message: bytes, cuts: list[int]) -> None:
    assert scan(message, cuts) == scan(message, [])


@settings(max_examples=60, deadline=None)
@given(messages)
def test_byte_by_byte_gives_the_same_reading(message: bytes) -> None:
    assert scan(message, range(1, len(message))) == scan(message, [])


@settings(max_examples=80, deadline=None)
@given(messages)
def test_every_part_has_the_digest_of_its_content_and_a_parent_before_it(message: bytes) -> None:
    reading = with_second_opinion(message, scan(message, []))
    assert not reading.parts[0].alternate
    for index, part in enumerate(reading.parts):
        assert (part.parent is None) == (index == 0)
        assert part.parent is None or part.parent < index
        assert 0 <= part.body.start <= part.body.end <= len(message)
        if part.role is not Role.CONTAINER:
            assert part.sha256 == digest_of(decoded(message, part))
