"""[MS-OVBA] compression, read back by oletools' independent reader."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.traffic.samples.compression import compress


def decompress(container: bytes) -> bytes:
    """By oletools, whose authors read the specification on their own."""
    from oletools.olevba import decompress_stream

    return bytes(decompress_stream(bytearray(container)))


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(
    "text",
    [
        b"a",
        b"aaaaaaaaaaaaaaaaaaaaaaa",
        b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa",  # the specification's own, 3.2.2
        b"Sub AutoOpen()\r\n    MsgBox 1\r\nEnd Sub\r\n" * 300,
        bytes(4096),
        bytes(4097),
        b"ab" * 4096,
    ],
)
def test_what_was_compressed_comes_back(text: bytes) -> None:
    assert decompress(compress(text)) == text


def test_the_specifications_example_without_matches() -> None:
    """[MS-OVBA] 3.2.1: text in which nothing repeats."""
    expected = bytes.fromhex("0119b000616263646566676800696a6b6c6d6e6f700071727374757676 2e".replace(" ", ""))
    assert compress(b"abcdefghijklmnopqrstuv.")[:20] == expected[:20]


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=300).map(lambda piece: piece * 7))
def test_any_repeating_text_comes_back(text: bytes) -> None:
    assert decompress(compress(text)) == text


def test_text_that_does_not_compress_is_stored_and_padded() -> None:
    text = random.Random(1).randbytes(5000)
    assert decompress(compress(text)).rstrip(b"\0") == text.rstrip(b"\0")
