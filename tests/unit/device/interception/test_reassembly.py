"""A stream comes out in order and once, however its segments came; what is missing is a hole of its size."""

import itertools
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from device.interception.packets import Flag, Segment
from device.interception.reassembly import PATIENCE, PENDING, Hole, Piece, Stream
from device.interception.remarks import Remark
from tests.wiretap import CLIENT, SERVER

FIRST = 2**32 - 10
"""The sequence numbers wrap within the tests."""


def at(position: int, payload: bytes, flags: Flag = Flag.ACK) -> Segment:
    """A segment whose first byte is so far behind the SYN."""
    return Segment(CLIENT, SERVER, (FIRST + 1 + position) % 2**32, 0, flags, payload)


SYN = at(-1, b"", Flag.SYN)


def acknowledged(stream: Stream, position: int) -> list[Piece]:
    return stream.acknowledge((FIRST + 1 + position) % 2**32)


def opened(*segments: Segment) -> tuple[Stream, list[Piece]]:
    stream = Stream()
    return stream, [piece for segment in (SYN, *segments) for piece in stream.feed(segment)]


def joined(pieces: Iterable[Piece]) -> bytes:
    """The bytes; a hole is as many question marks."""
    return b"".join(piece if isinstance(piece, bytes) else b"?" * piece.size for piece in pieces)


TEXT = bytes(range(65, 91)) * 4


@given(st.data())
@settings(max_examples=200)
def test_any_order_and_any_overlap_gives_the_same_stream(data: st.DataObject) -> None:
    """Cut anywhere, shuffled, repeated and overlapping, as long as every byte comes."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(TEXT) - 1), max_size=8)) | {0, len(TEXT)})
    cover = list(itertools.pairwise(cuts))
    spans = st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, 40))
    cover += [(start, min(start + size, len(TEXT))) for start, size in data.draw(st.lists(spans, max_size=6))]
    stream, pieces = opened(*(at(start, TEXT[start:end]) for start, end in data.draw(st.permutations(cover))))
    assert joined(pieces) == TEXT
    assert stream.finish() == []
    assert not stream.remarks & {Remark.LOST, Remark.OVERLAP_DIFFERS}


@given(st.data())
@settings(max_examples=200)
def test_what_never_came_is_a_hole_of_its_size(data: st.DataObject) -> None:
    size = 8
    blocks = range(0, len(TEXT), size)
    lost = data.draw(st.sets(st.sampled_from(blocks[:-1])))
    kept = data.draw(st.permutations([start for start in blocks if start not in lost]))
    stream, pieces = opened(*(at(start, TEXT[start : start + size]) for start in kept))
    expected = b"".join(b"?" * size if start in lost else TEXT[start : start + size] for start in blocks)
    assert joined([*pieces, *stream.finish()]) == expected
    assert (Remark.LOST in stream.remarks) == bool(lost)


def test_in_order_there_is_nothing_to_say() -> None:
    stream, pieces = opened(at(0, b"ab"), at(2, b"cd"), at(4, b"", Flag.FIN | Flag.ACK))
    assert (joined(pieces), stream.remarks, stream.ended) == (b"abcd", set(), True)


def test_out_of_order_and_twice_are_said() -> None:
    stream, pieces = opened(at(2, b"cd"), at(0, b"ab"), at(0, b"abcd"))
    assert joined(pieces) == b"abcd"
    assert stream.remarks == {Remark.OUT_OF_ORDER, Remark.RETRANSMITTED}


def test_of_two_copies_that_differ_the_first_counts() -> None:
    """Whether the first was handed on already, or waits."""
    stream, pieces = opened(at(0, b"good"), at(0, b"evil"))
    assert (joined(pieces), stream.remarks) == (b"good", {Remark.OVERLAP_DIFFERS})
    stream, pieces = opened(at(2, b"good"), at(1, b"xevilx"), at(0, b"0"))
    assert joined(pieces) == b"0xgoodx"
    assert Remark.OVERLAP_DIFFERS in stream.remarks


def test_a_keep_alive_is_no_copy() -> None:
    stream, _ = opened(at(0, b"ab"), at(1, b"\0"))
    assert stream.remarks == set()


def test_a_capture_that_starts_in_the_middle_starts_at_its_first_bytes() -> None:
    stream = Stream()
    pieces = [piece for segment in (at(50, b""), at(50, b"ab"), at(52, b"cd")) for piece in stream.feed(segment)]
    assert (joined(pieces), stream.remarks) == (b"abcd", {Remark.STARTED_IN_THE_MIDDLE})


def test_a_hole_that_the_other_side_acknowledges_is_given_up_after_a_while() -> None:
    stream, pieces = opened(at(0, b"ab"), at(5, b"fg"))
    assert joined(pieces) == b"ab"
    for _ in range(PATIENCE):
        assert acknowledged(stream, 7) == []
    assert acknowledged(stream, 7) == [Hole(3), b"fg"]


def test_a_hole_that_nobody_acknowledges_is_waited_for() -> None:
    stream, _ = opened(at(0, b"ab"), at(5, b"fg"))
    assert all(acknowledged(stream, 2) == [] for _ in range(2 * PATIENCE))
    assert stream.feed(at(2, b"cde")) == [b"cde", b"fg"]


def test_what_waits_is_bounded() -> None:
    stream, pieces = opened()
    block = bytes(65536)
    for index in range(PENDING // len(block) + 1):
        pieces += stream.feed(at(1 + index * len(block), block))
    assert pieces[0] == Hole(1)


def test_an_acknowledged_end_that_never_came_is_a_hole() -> None:
    stream, _ = opened(at(0, b"ab"))
    acknowledged(stream, 12)
    assert stream.finish() == [Hole(9)]  # the twelfth may be the FIN


def test_an_acknowledged_fin_is_no_hole() -> None:
    stream, _ = opened(at(0, b"ab"), at(2, b"", Flag.FIN | Flag.ACK))
    acknowledged(stream, 3)
    assert stream.finish() == []


def test_a_packet_that_was_cut_leaves_a_hole() -> None:
    cut = Segment(CLIENT, SERVER, (FIRST + 1) % 2**32, 0, Flag.ACK, b"ab", cut=True)
    stream, pieces = opened(cut, at(6, b"gh"))
    assert joined([*pieces, *stream.finish()]) == b"ab????gh"
    assert Remark.CUT_PACKETS in stream.remarks


def test_numbers_far_beyond_any_window_are_not_of_this_connection() -> None:
    stream, pieces = opened(at(0, b"ab"), at(2**30 + 5, b"x"))
    assert joined([*pieces, *stream.finish()]) == b"ab"
