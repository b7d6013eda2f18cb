"""Bodies: where they end, what is in them, and which dots are odd; however the bytes are cut."""

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.smtp import limits
from device.smtp.framing import ChunkFramer, DataFramer, DotReader, Gatherer, stuffed

TEXTS = st.lists(
    st.sampled_from([b"\r\n", b"\r\n", b"\r", b"\n", b".", b".", b"..", b"\0", b"a", b"MAIL", b"\r\n.\r\n"]),
    max_size=24,
).map(b"".join)
ODD = re.compile(rb"[\r\n]\0*\.\0*[\r\n]")


def fed(data: bytes, sizes: list[int]) -> tuple[bytes, bytes | None, bool]:
    """Content, what follows the end, and whether a dot was odd."""
    framer, content, cut = DataFramer(), b"", itertools.cycle(sizes)
    while data:
        size = next(cut)
        piece, data = data[:size], data[size:]
        framed = framer.feed(piece)
        content += framed.content
        if framed.rest is not None:
            return content, framed.rest + data, framer.odd
    return content, None, framer.odd


def expected(data: bytes) -> tuple[bytes | None, bytes, bool]:
    """The same by a plain reading of the rules, for data that ends; content is None where it is odd: nobody gets it then."""
    text = b"\r\n" + data
    end = text.index(b"\r\n.\r\n")
    body = text[: end + 2]
    odd = ODD.search(body) is not None
    return (None if odd else body.replace(b"\r\n.", b"\r\n")[2:]), text[end + 5 :], odd


@pytest.mark.parametrize("before", [b"\r\n", b"\n", b"\r", b"\r\n\0", b"\n\0\0", b"\0\r\n\0"])
@pytest.mark.parametrize("after", [b"\r\n", b"\n", b"\r", b"\0\r\n", b"\0\0\n", b"\rx"])
def test_only_crlf_dot_crlf_ends_a_body_and_all_that_looks_like_it_is_odd(before: bytes, after: bytes) -> None:
    """Each pair of line ends that some server takes for the end of data."""
    body = b"one" + before + b"." + after + b"two\r\n.\r\n"
    for size in (1, 2, 3, 4, 1000):
        _, rest, odd = fed(body, [size])
        if (before[-2:], after) == (b"\r\n", b"\r\n"):
            assert (rest, odd) == (b"two\r\n.\r\n", False)
        else:
            assert (rest, odd) == (b"", True)


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n...\r\n..b\r\n.\r\n", b"a\r\n..\r\n.b\r\n"),
        (b"a.\r\nb\n..\nc\r..\r\n.\r\n", b"a.\r\nb\n..\nc\r..\r\n"),
        (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
        (b"a\r\n.\0b\r\n.\r\n", b"a\r\n\0b\r\n"),
    ],
)
def test_dot_stuffing_is_undone(wire: bytes, content: bytes) -> None:
    for size in (1, 2, 3, 5, 1000):
        assert fed(wire + b"QUIT\r\n", [size]) == (content, b"QUIT\r\n", False)


@settings(max_examples=400)
@given(TEXTS, st.lists(st.integers(1, 6), min_size=1, max_size=6))
@example(b".\n", [1])
@example(b".\0\0\n.\r\n", [1, 2])
def test_the_body_reads_the_same_however_it_is_cut(body: bytes, sizes: list[int]) -> None:
    data = body + b"\r\n.\r\nNEXT"
    content, rest, odd = fed(data, sizes)
    wanted, wanted_rest, wanted_odd = expected(data)
    assert (rest, odd) == (wanted_rest, wanted_odd)
    if wanted is not None:
        assert content == wanted


@settings(max_examples=300)
@given(TEXTS, st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_what_is_stuffed_reads_back_as_it_was(body: bytes, sizes: list[int]) -> None:
    """Promise 2: content that is not refused comes out byte for byte."""
    content = b"" if not body else body + b"\r\n"
    if ODD.search(b"\r\n" + content.replace(b"\r\n.\r\n", b"")):
        return
    cut, pieces, left = itertools.cycle(sizes), [], content
    while left:
        size = next(cut)
        pieces.append(left[:size])
        left = left[size:]
    wire = b"".join(stuffed(pieces))
    assert wire == b"".join(stuffed([content]))
    read, rest, odd = fed(wire, [7])
    assert (read, rest) == (content, b"") or odd


def test_pieces_without_dots_are_not_copied() -> None:
    """A base64 attachment goes through as the objects that came."""
    chunk = b"QUJD" * 20_000 + b"\r\n"
    assert DataFramer().feed(chunk).content is chunk
    assert next(stuffed([chunk])) is chunk
    assert ChunkFramer(len(chunk), DotReader()).feed(chunk).content is chunk
    assert Gatherer().add(chunk)[0] is chunk


def test_content_without_a_line_end_gets_one_before_the_terminator() -> None:
    assert b"".join(stuffed([b"a"])) == b"a\r\n.\r\n"


@given(st.binary(max_size=50), st.integers(0, 40), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_a_chunk_has_its_octets_and_no_more(data: bytes, size: int, sizes: list[int]) -> None:
    framer, content, left, cut = ChunkFramer(size, DotReader()), b"", data, itertools.cycle(sizes)
    rest = framer.feed(b"").rest
    while left and rest is None:
        step = next(cut)
        framed = framer.feed(left[:step])
        content, rest, left = content + framed.content, framed.rest, left[step:]
    assert content == data[:size]
    assert (rest is not None) is (len(data) >= size)
    assert rest is None or rest + left == data[size:]


def test_odd_dots_are_seen_across_chunks_and_proper_ends_are_content() -> None:
    dots = DotReader()
    first = ChunkFramer(5, dots)
    first.feed(b"\r\n.\r\n")
    assert not first.odd
    second = ChunkFramer(3, dots)
    second.feed(b".\nx")
    assert second.odd


def test_small_pieces_are_gathered() -> None:
    """A message that comes byte by byte is kept in pieces of a useful size."""
    gatherer = Gatherer()
    pieces = [piece for _ in range(limits.FEED_SIZE * 3) for piece in gatherer.add(b"x")] + gatherer.flush()
    assert [len(piece) for piece in pieces] == [limits.FEED_SIZE] * 3


def test_order_is_kept_where_large_pieces_follow_small_ones() -> None:
    gatherer = Gatherer()
    large = b"y" * limits.FEED_SIZE
    assert gatherer.add(b"x") == []
    assert gatherer.add(large) == [b"x", large]
