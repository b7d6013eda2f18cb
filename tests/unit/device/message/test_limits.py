"""Bombs: bounded, and named."""

from collections.abc import Callable

import pytest

from device.message.limits import Limit, ScanLimits
from device.message.mime import Scanner
from device.message.reading import Reading

TOP = b"MIME-Version: 1.0\r\n"


def nested(depth: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(depth)
    )
    return TOP + opening + b"\r\nhello\r\n"


def messages(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nhello"


def parts(count: int) -> bytes:
    return TOP + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * count + b"--b--\r\n"


BOMBS: dict[str, tuple[bytes, Limit]] = {
    "10,000 nested multiparts": (nested(10_000), Limit.DEPTH),
    "10,000 nested messages": (messages(10_000), Limit.DEPTH),
    "100,000 parts": (parts(100_000), Limit.PARTS),
    "100,000 fields": (b"X: y\r\n" * 100_000 + b"\r\n", Limit.HEADER_SIZE),
    "200,000 bytes of header in each part": (
        TOP + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + (b"--b\r\nX: " + b"y" * 200_000 + b"\r\n\r\n") * 6,
        Limit.HEADER_SIZE,
    ),
    "900 fields in each part": (
        TOP + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + (b"--b\r\n" + b"X: y\r\n" * 900 + b"\r\n") * 30,
        Limit.HEADER_FIELDS,
    ),
    "2,000 fields": (b"X: y\r\n" * 2_000 + b"\r\n", Limit.HEADER_FIELDS),
    "one field of a megabyte": (b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", Limit.HEADER_SIZE),
    "a megabyte without a line end": (b"y" * 1_000_000, Limit.HEADER_SIZE),
    "100 boundaries": (
        TOP + b"Content-Type: multipart/mixed; " + b"; ".join(b"boundary=b%d" % at for at in range(100)) + b"\r\n\r\nx",
        Limit.READINGS,
    ),
    "quoted-printable of equals signs alone": (
        TOP + b"Content-Type: a/b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 200_000,
        Limit.ENCODING_BREAKS,
    ),
    "uuencode of nonsense alone": (b"\r\n" + b"begin 644 x\r\n" * 150_000, Limit.ENCODING_BREAKS),
    "yEnc of needless escapes alone": (b"\r\n=ybegin name=x\r\n" + b"=a" * 150_000, Limit.ENCODING_BREAKS),
    "base64 of padding alone": (
        TOP + b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"Q=" * 100_000,
        Limit.ENCODING_BREAKS,
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_with_its_limits_name(bomb: str, scan: Callable[[bytes], Reading]) -> None:
    message, limit = BOMBS[bomb]
    reading = scan(message)
    assert reading.exceeded is limit
    assert reading.parts == ()
    assert reading.findings == ("mime.limit",)
    assert reading.size == len(message)


def test_what_is_within_the_limits_is_read(scan: Callable[[bytes], Reading]) -> None:
    assert scan(nested(25)).exceeded is None
    assert len(scan(parts(900)).parts) == 901


def test_other_readings_have_a_limit_of_their_own() -> None:
    scanner = Scanner(ScanLimits(reread_bytes=1000))
    scanner.feed(TOP + b"Content-Type: a/b\r\nContent-Transfer-Encoding: x-unknown\r\n\r\n" + b"x" * 600)
    assert scanner.exceeded is Limit.READINGS
    assert scanner.close().exceeded is Limit.READINGS


def test_a_limit_is_known_before_the_message_has_ended() -> None:
    scanner = Scanner(ScanLimits(depth=3))
    scanner.feed(nested(10))
    assert scanner.exceeded is Limit.DEPTH
