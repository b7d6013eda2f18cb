"""Frames of every link layer give the segment that was put into them; what is none is said, and nothing raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet

from device.interception.packets import Flag, Frame, Segment, Unread, segment_of
from device.smtp.intake import Endpoint
from tests.wiretap import packet, tcp

FOUR = Segment(Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.25", 25), 7, 9, Flag.ACK, b"EHLO x\r\n")
SIX = Segment(Endpoint("2001:db8::1", 40000), Endpoint("2001:db8::25", 25), 2**32 - 1, 9, Flag.ACK | Flag.FIN, b"a")
SIX_IP = IPv6(src="2001:db8::1", dst="2001:db8::25")
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


@pytest.mark.parametrize(
    ("link_type", "frame", "expected"),
    [
        (1, ETHER / packet(FOUR), FOUR),
        (1, ETHER / packet(SIX), SIX),
        (1, ETHER / Dot1Q(vlan=7) / packet(FOUR), FOUR),
        (1, ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=8) / packet(SIX), SIX),
        (1, ETHER / SIX_IP / IPv6ExtHdrFragment() / tcp(SIX), SIX),
        (1, ETHER / SIX_IP / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / tcp(SIX), SIX),
        (101, packet(FOUR), FOUR),
        (12, packet(SIX), SIX),
        (113, CookedLinux() / packet(FOUR), FOUR),
        (276, CookedLinuxV2(proto=0x0800) / packet(FOUR), FOUR),
    ],
)
def test_a_segment_is_found_in_every_link_layer(link_type: int, frame: Packet, expected: Segment) -> None:
    assert segment_of(Frame(link_type, bytes(frame))) == expected


def test_loopback_has_four_bytes_in_front() -> None:
    assert segment_of(Frame(0, b"\x02\0\0\0" + bytes(packet(FOUR)))) == FOUR


def test_padding_of_a_short_frame_is_no_payload() -> None:
    assert segment_of(Frame(1, bytes(ETHER / packet(SIX)) + bytes(20))) == SIX


def test_a_packet_that_the_capture_cut_says_so() -> None:
    segment = segment_of(Frame(1, bytes(ETHER / packet(FOUR))[:-3]))
    assert isinstance(segment, Segment)
    assert (segment.payload, segment.cut) == (b"EHLO ", True)


def test_a_length_of_none_means_that_the_card_cuts_the_packet_later() -> None:
    frame = bytearray(bytes(packet(FOUR)))
    frame[2:4] = b"\0\0"
    assert segment_of(Frame(101, bytes(frame))) == FOUR


@pytest.mark.parametrize(
    ("link_type", "frame", "said"),
    [
        (1, ETHER / IP() / UDP(), Unread.OTHER),
        (1, ETHER / IP() / ICMP(), Unread.OTHER),
        (1, Ether(type=0x0806) / (b"\0" * 28), Unread.OTHER),
        (1, bytes(ETHER / IP(src="192.0.2.1", flags="MF") / tcp(FOUR))[:-1], Unread.CUT_FRAGMENT),
        (1, bytes(ETHER / SIX_IP / IPv6ExtHdrFragment(m=1) / tcp(SIX))[:-1], Unread.CUT_FRAGMENT),
        (1, ETHER / SIX_IP / IPv6ExtHdrFragment(m=1) / UDP(), Unread.OTHER),
        (1, bytes(ETHER / packet(FOUR))[:40], Unread.DAMAGED),
        (1, b"", Unread.DAMAGED),
        (147, ETHER / packet(FOUR), Unread.LINK_TYPE),
    ],
)
def test_what_is_no_segment_is_said(link_type: int, frame: Packet | bytes, said: Unread) -> None:
    assert segment_of(Frame(link_type, bytes(frame))) is said


@given(st.binary(max_size=120), st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 999]))
@settings(max_examples=300)
def test_nothing_raises(frame: bytes, link_type: int) -> None:
    segment_of(Frame(link_type, frame))


@given(st.data())
@settings(max_examples=200)
def test_nothing_raises_for_damaged_packets(data: st.DataObject) -> None:
    frame = bytearray(bytes(ETHER / packet(data.draw(st.sampled_from([FOUR, SIX])))))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    segment_of(Frame(1, bytes(frame[: data.draw(st.integers(0, len(frame)))])))
