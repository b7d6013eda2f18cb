"""Decoders: the same content however the bytes are cut, and each way in which readers decode what is malformed."""

import base64
import binascii
import quopri
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.message.encodings import decode, decoder, is_identity

NAMES = (
    "base64",
    "base64;first-stream",
    "base64;no-padding",
    "base64;to-garbage",
    "base64;whole",
    "quoted-printable",
    "quoted-printable;trimmed",
    "uuencode",
    "yenc",
    "8bit",
)


def decoded(content: bytes, name: str, cuts: Iterable[int] = ()) -> bytes:
    edges = [0, *sorted(cuts), len(content)]
    return b"".join(decode([content[a:b] for a, b in pairwise(edges)], name))


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("base64", b"QUJD\r\nREVG\r\n", b"ABCDEF"),
        ("base64", b"QUI=\r\n", b"AB"),
        ("base64", b"QQ==QkM=", b"ABC"),
        ("base64", b"QU!JD", b"ABC"),
        ("base64", b"QUI", b"AB"),
        ("base64", b"QUJDR", b"ABC"),
        ("base64;first-stream", b"QQ==QkM=", b"A"),
        ("base64;first-stream", b"=QUJD", b"ABC"),
        ("base64;first-stream", b"QQ=\r\n=QkM=", b"A"),
        ("base64;no-padding", b"QQ==QkM=", b"A\x04$"),
        ("base64;to-garbage", b"QUJD!REVG", b"ABC"),
        ("base64;whole", b"QUJDRE", b"ABC"),
        ("quoted-printable", b"a=3Db=\r\nc\r\n", b"a=bc\r\n"),
        ("quoted-printable", b"a=\nb=e9", b"ab\xe9"),
        ("quoted-printable", b"a=xyb =\t\r\n", b"a=xyb =\t\r\n"),
        ("quoted-printable", b"a=", b"a="),
        ("quoted-printable;trimmed", b"a \t\r\nb= \r\nc ", b"a\r\nbc"),
        ("uuencode", b"x\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\nbegin 644 b\r\n#0V%T\r\nend\r\n", b"Cat"),
        ("uuencode", b"begin 644 a\n#0V%TX\n#0V\n", b"CatC`\0"),
        ("uuencode", b"begin-base64 644 a\r\nQ2F\r\n0\r\n====\r\n", base64.b64decode(b"Q2F0")),
        ("yenc", b"=ybegin line=128 size=3 name=a\r\n" + b"\x8b\x8c=\x7d" + b"\r\n=yend size=3\r\n", b"ab\x13"),
        ("8bit", b"\xff\0", b"\xff\0"),
        ("x-unheard-of", b"abc", b"abc"),
    ],
)
def test_each_way_decodes_as_its_readers_do(name: str, content: bytes, wanted: bytes) -> None:
    assert decoded(content, name) == wanted
    assert decoded(content, name, range(1, len(content))) == wanted


def test_the_first_stream_is_what_binascii_makes_of_it() -> None:
    for content in (b"QQ==QkM=", b"=QUJD", b"Q=Q=Q=Q=", b"QUJD====QUJD", b"QU\xffJD", b"QUJDQQ=="):
        padded = content + b"=="
        assert decoded(content, "base64;first-stream") == binascii.a2b_base64(padded)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 100), st.lists(st.integers(0, 600), max_size=8))
def test_regular_base64_comes_back_whatever_its_lines_and_cuts(content: bytes, width: int, cuts: list[int]) -> None:
    text = base64.b64encode(content)
    lines = b"\r\n".join(text[at : at + width] for at in range(0, len(text), width))
    assert decoded(lines, "base64", [min(cut, len(lines)) for cut in cuts]) == content


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 2000), max_size=8))
def test_regular_quoted_printable_comes_back(content: bytes, cuts: list[int]) -> None:
    text = quopri.encodestring(content, quotetabs=True)
    assert decoded(text, "quoted-printable", [min(cut, len(text)) for cut in cuts]) == quopri.decodestring(text)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.lists(
        st.sampled_from(
            [
                b"QUJD",
                b"=",
                b"==",
                b"Q",
                b"!",
                b"\r\n",
                b" ",
                b"=\r\n",
                b"=4",
                b"=41",
                b"begin 644 a\r\n",
                b"#0V%T",
                b"end",
            ]
        ),
        max_size=40,
    ),
    st.lists(st.integers(0, 200), max_size=10),
)
def test_malformed_content_is_the_same_however_it_is_cut(name: str, pieces: list[bytes], cuts: list[int]) -> None:
    content = b"".join(pieces)
    assert decoded(content, name, [min(cut, len(content)) for cut in cuts]) == decoded(content, name)


def test_only_what_needs_no_decoding_is_identity() -> None:
    assert [name for name in NAMES if is_identity(name)] == ["8bit"]
    assert decoder("7bit").name == "7bit"


def test_white_space_without_end_takes_linear_time() -> None:
    pieces = [b" " * 4096] * 2000
    assert sum(len(piece) for piece in decode(pieces, "quoted-printable")) == 4096 * 2000
