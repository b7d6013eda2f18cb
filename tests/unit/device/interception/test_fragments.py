"""IP packets that came in pieces are put together in whatever order they came; what can't be is lost, counted, and not held."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from device.interception.dissection import Dissection
from device.interception.fragments import BYTES, PACKETS, PIECES, SECONDS, Fragments
from device.interception.packets import Flag, Fragment, Frame, Segment, Whole
from device.interception.remarks import Remark
from device.smtp.intake import Endpoint
from tests.wiretap import packet, tcp

WHOLE = Whole(b"\xc0\0\2\1", b"\xc6\x33\x64\x19", 7, 6)
LONG = bytes(range(250)) * 8
FOUR = Segment(Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.25", 25), 7, 9, Flag.ACK, LONG)
SIX = Segment(Endpoint("2001:db8::1", 40000), Endpoint("2001:db8::25", 25), 7, 9, Flag.ACK, LONG)


def pieces(payload: bytes, size: int = 8, whole: Whole = WHOLE) -> list[Fragment]:
    return [
        Fragment(whole, start, payload[start : start + size], more=start + size < len(payload))
        for start in range(0, len(payload), size)
    ]


def put_together(given: list[Fragment]) -> tuple[list[bytes], int]:
    """What came out, and how many packets were lost."""
    fragments = Fragments()
    out = [whole for piece in given if (whole := fragments.feed(piece, 0.0)) is not None]
    fragments.finish()
    return out, fragments.lost


@given(st.binary(min_size=9, max_size=400), st.sampled_from([8, 16, 40]), st.randoms(), st.integers(0, 3))
@settings(max_examples=100)
def test_any_order_and_any_copies_give_the_packet_once(
    payload: bytes, size: int, chance: random.Random, copies: int
) -> None:
    """Copies come before the packet is whole: what comes after it begins another one, that never gets whole."""
    given = pieces(payload, size)
    chance.shuffle(given)
    *early, last = given
    out, lost = put_together([*early, *(chance.choice(early) for _ in range(copies) if early), last])
    assert (out, lost) == ([payload], 0)


@given(st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=24), st.booleans()), max_size=30))
@settings(max_examples=200)
def test_whatever_comes_out_consists_of_pieces_that_came_in(given: list[tuple[int, bytes, bool]]) -> None:
    """Any nonsense of overlaps and ends: each byte stands where a piece had it."""
    made = [Fragment(WHOLE, 8 * place, data, more) for place, data, more in given]
    for whole in put_together(made)[0]:
        covered = set()
        for piece in made:
            if piece.data and whole[piece.offset : piece.offset + len(piece.data)] == piece.data:
                covered |= set(range(piece.offset, piece.offset + len(piece.data)))
        assert covered >= set(range(len(whole)))


@pytest.mark.parametrize(
    "odd",
    [
        Fragment(WHOLE, 8, b"other!!!", more=True),
        Fragment(WHOLE, 8, bytes(16), more=True),
        Fragment(WHOLE, 16, b"not 8", more=True),
        Fragment(WHOLE, 16, b"", more=True),
        Fragment(WHOLE, 8, b"", more=False),
        Fragment(WHOLE, 65_528, bytes(16), more=False),
    ],
    ids=["differs", "overlaps", "no eights", "empty", "ends too soon", "too long"],
)
def test_a_piece_that_does_not_fit_spoils_the_packet(odd: Fragment) -> None:
    """And what comes of it later is not taken for another one."""
    first, second, *rest = pieces(LONG)
    assert put_together([first, second, odd, *rest]) == ([], 1)


def test_more_pieces_than_a_packet_can_have_spoil_it() -> None:
    assert put_together(pieces(bytes(8 * PIECES))) == ([bytes(8 * PIECES)], 0)
    assert put_together(pieces(bytes(8 * PIECES + 8))) == ([], 1)


def test_packets_are_told_apart_by_addresses_and_number() -> None:
    others = [WHOLE._replace(identification=8), WHOLE._replace(source=b"\xc0\0\2\2"), WHOLE]
    mixed = [piece for group in zip(*(pieces(LONG, 400, whole) for whole in others), strict=True) for piece in group]
    assert put_together(mixed) == ([LONG] * 3, 0)


def test_pieces_are_waited_for_and_then_given_up() -> None:
    """So a number that is used again makes no chimera."""
    first, second = pieces(bytes(16))
    fragments = Fragments()
    fragments.feed(first, 0.0)
    assert fragments.feed(second, SECONDS - 1) == bytes(16)
    fragments.feed(first, 100.0)
    assert fragments.feed(second, 100.0 + SECONDS) is None
    assert fragments.lost == 1


def test_a_flood_of_first_pieces_is_bounded() -> None:
    fragments = Fragments()
    for number in range(3 * PACKETS):
        fragments.feed(Fragment(WHOLE._replace(identification=number), 0, bytes(8), more=True), 0.0)
    assert fragments.lost == 2 * PACKETS
    for number in range(200):
        fragments.feed(Fragment(WHOLE._replace(identification=number), 0, bytes(65_000), more=True), 0.0)
    assert fragments._held <= BYTES
    fragments.finish()
    assert (fragments._held, fragments.lost) == (0, 3 * PACKETS + 200)


def dissected(frames: Sequence[Packet]) -> tuple[list[Segment], dict[Remark, int]]:
    dissection = Dissection()
    segments = [found for frame in frames if (found := dissection.segment(Frame(1, bytes(Ether() / frame))))]
    dissection.finish()
    return segments, dict(dissection.counts)


FOUR_IN_PIECES: list[Packet] = fragment(packet(FOUR), 600)  # type: ignore[no-untyped-call]
SIX_IN_PIECES: list[Packet] = fragment6(  # type: ignore[no-untyped-call]
    IPv6(src="2001:db8::1", dst="2001:db8::25") / IPv6ExtHdrFragment(id=3) / IPv6ExtHdrDestOpt() / tcp(SIX), 1280
)


@pytest.mark.parametrize(("frames", "segment"), [(FOUR_IN_PIECES, FOUR), (SIX_IN_PIECES, SIX)], ids=["IPv4", "IPv6"])
def test_a_segment_in_pieces_is_read_as_if_it_were_whole(frames: list[Packet], segment: Segment) -> None:
    """Scapy cuts it; for IPv6 with an extension header inside."""
    assert len(frames) > 1
    assert dissected(frames[::-1]) == ([segment], {Remark.FRAGMENTS: 1})
    assert dissected(frames[:-1]) == ([], {Remark.FRAGMENTS_LOST: 1})


def test_a_fragment_in_a_fragment_is_damage() -> None:
    head = IPv6(src="2001:db8::1", dst="2001:db8::25")
    inner = bytes(IPv6ExtHdrFragment(nh=6, id=1, m=1)) + bytes(8)
    nested = [
        head / IPv6ExtHdrFragment(nh=60, id=2, m=1) / bytes([44, 0, 1, 4, 0, 0, 0, 0]),
        head / IPv6ExtHdrFragment(nh=60, id=2, offset=1) / inner,
    ]
    assert dissected(nested) == ([], {Remark.FRAGMENTS: 1, Remark.DAMAGED: 1})
