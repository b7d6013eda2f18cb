"""Bytes of a hostile message become text, whatever they are."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.portal.decoding import as_text, one_line, without_encoding


@pytest.mark.parametrize(
    ("raw", "encoding", "content"),
    [
        (b"plain", "7bit", b"plain"),
        (b"plain", "", b"plain"),
        (b"pl=C3=A4in=\r\n!", "Quoted-Printable", b"pl\xc3\xa4in!"),
        (b"=ZZ=4", "quoted-printable", b"=ZZ=4"),
        (b"aGVs\r\nbG8=", "base64", b"hello"),
        (b"aGVsbG8", "base64", b"hello"),
        (b"a!G?V*sbG8=", "base64", b"hello"),
        (b"aGVsbG8=aGVs", "base64", b"hello"),
        (b"aGVsb", "base64", b"hel"),
        (b"", "base64", b""),
        (b"begin 644 x", "uuencode", None),
        (b"=ybegin", "yenc", None),
        (b"x", "rot13", None),
    ],
)
def test_transfer_encodings_are_undone(raw: bytes, encoding: str, content: bytes | None) -> None:
    """As mail readers do: lenient, and never with an error."""
    assert without_encoding(raw, encoding) == content


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("Grüße".encode("iso-8859-1"), "ISO-8859-1", "Grüße"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
        ("漢字".encode("gb18030"), "GB18030", "漢字"),
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode(), "", "Grüße"),
        ("Grüße".encode(), "no-such-charset", "Grüße"),
        (b"caf\xe9", "utf-8", "caf\ufffd"),
        (b"abc", "punycode", "abc"),
        (b"abc", "rot13", "abc"),
        (b"abc", "zlib", "abc"),
        (b"\\x41", "unicode_escape", "\\x41"),
        (b"abc", "ü\0", "abc"),
        (b"+2AA-", "utf-7", "\ufffd"),
        (b"a\r\nb\rc\nd", "us-ascii", "a\nb\nc\nd"),
        ("cod\u202eexe".encode(), "utf-8", "cod\ufffdexe"),
        (b"a\x1b[31mb\0c\x7f", "utf-8", "a\ufffd[31mb\ufffdc\ufffd"),
    ],
)
def test_charsets_are_decoded(content: bytes, charset: str, text: str) -> None:
    """Known ones as they are, all else as UTF-8; what can't be is replaced, and so is what would turn text round."""
    assert as_text(content, charset) == text


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["utf-7", "utf-16", "hz", "iso-2022-kr", "big5", "x"]),
    st.sampled_from(["base64", "quoted-printable"]),
)
def test_any_bytes_become_text_that_can_be_sent(raw: bytes, charset: str, encoding: str) -> None:
    """No error, no lone surrogate."""
    for content in (raw, base64.b64encode(raw)):
        as_text(without_encoding(content, encoding) or b"", charset).encode()


def test_one_line_is_one_short_line() -> None:
    """Folding and tabs become blanks; what is too long is cut, and shown to be."""
    assert one_line("a\r\n\tb\u2028c", 100) == "a\ufffd  b\ufffdc"
    assert one_line("x" * 20, 10) == "x" * 10 + "…"
