"""Transfer encodings are undone leniently: the device's digest says whether it came out right."""

import base64
import binascii

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.quarantine.transfer import decoded


@pytest.mark.parametrize(
    ("raw", "encoding", "content"),
    [
        (b"a=3D\r\nb=\r\nc", "quoted-printable", b"a=\r\nbc"),
        (b"SGVs\r\nbG8=", "base64", b"Hello"),
        (b"SGVs!bG8", "base64", b"Hello"),
        (b"SGVsbG8=SGVs", "base64", b"Hello"),
        (b"S", "base64", b""),
        (b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\nafter", "uuencode", b"Cat"),
        (b"#0V%T-checksum\n", "x-uuencode", b"Cat"),
        (b"=ybegin line=1 size=2 name=x\r\n=\x40=\x7d\r\n=yend size=2\r\n", "yenc", b"\xd6\x13"),
        (b"as it is", "8bit", b"as it is"),
    ],
)
def test_each_encoding_is_undone(raw: bytes, encoding: str, content: bytes) -> None:
    assert decoded(raw, encoding) == content


@pytest.mark.parametrize(
    ("raw", "encoding"), [(b"x", "rot13"), (b"x", "base64;first-stream"), (b"\xff\xff\n", "uuencode")]
)
def test_what_is_not_known_or_not_in_its_encoding_is_no_content(raw: bytes, encoding: str) -> None:
    assert decoded(raw, encoding) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_what_was_encoded_comes_back(content: bytes) -> None:
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    assert decoded(base64.encodebytes(content), "base64") == content
    assert decoded(binascii.b2a_qp(content, istext=False), "quoted-printable") == content
    assert decoded(b"".join([b"begin 644 x\n", *lines, b"`\nend\n"]), "uuencode") == content
