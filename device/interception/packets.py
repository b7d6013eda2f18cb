"""From a captured frame to the TCP segment in it: link layer, VLAN tags, IPv4 or IPv6, TCP.

Frames are read by offsets (RFC 791, 8200, 9293; IEEE 802.1Q), since only a few fields of each are wanted. Checksums are not
looked at: network cards fill them in after the kernel has captured what it sends. A piece of an IP packet gives a Fragment;
fragments.py puts them together.
"""

import ipaddress
import struct
from dataclasses import dataclass
from enum import Enum, IntFlag
from functools import lru_cache
from typing import Final, NamedTuple

from device.smtp.intake import Endpoint


class Flag(IntFlag):
    """TCP's control bits, as far as they matter here."""

    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured packet; `time` in seconds since 1970, by the capture's clock. `broken`: the file ends within it."""

    link_type: int
    data: bytes
    time: float = 0.0
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment. `payload` may be shorter than what was sent, where the capture cut the packet (`cut`)."""

    source: Endpoint
    destination: Endpoint
    sequence: int
    acknowledgement: int
    flags: Flag
    payload: bytes
    cut: bool = False


class Whole(NamedTuple):
    """What the pieces of one IP packet have in common (RFC 791, 3.2; RFC 8200, 4.5). Addresses as they are on the wire."""

    source: bytes
    destination: bytes
    identification: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the payload of an IP packet that carries TCP, as far as can be told. `more` follows behind it."""

    whole: Whole
    offset: int
    data: bytes
    more: bool


class Unread(Enum):
    """Why a frame gave no segment."""

    OTHER = "it carries no TCP"
    CUT_FRAGMENT = "it is a piece of an IP packet, and captured only in part"
    DAMAGED = "its headers are cut or wrong"
    LINK_TYPE = "its link layer is not known"


IPV4: Final = 0x0800
IPV6: Final = 0x86DD
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
TCP: Final = 6
FRAGMENT_HEADER: Final = 44
EXTENSIONS: Final = frozenset({0, 43, 60, 135})
"""Hop-by-hop options, routing, destination options, mobility: next header, then a length in eights (RFC 8200, 4)."""

_FLAGS: Final = tuple(Flag(number & 0b10111) for number in range(256))
"""The control bits of each flags byte, made once: enums are slow to make, and there are millions of packets."""

_LINK_HEADERS: Final = {0: 4, 108: 4, 12: 0, 14: 0, 101: 0, 228: 0, 229: 0}
"""Link types without an EtherType, and the size of their header (tcpdump.org/linktypes.html): loopback and raw IP."""

_LINK_ETHERTYPES: Final = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Link types with one: where it stands, and where what it names starts. Ethernet, Linux cooked v1 and v2."""


def segment_of(frame: Frame) -> Segment | Fragment | Unread:
    """What is in a frame; never raises for what the bytes hold."""
    try:
        return _from_link(frame.data, frame.link_type)
    except (struct.error, IndexError):
        return Unread.DAMAGED


def segment_in(whole: Whole, payload: bytes) -> Segment | Unread:
    """The segment in an IP packet that was put together. A fragment in a fragment is damage."""
    try:
        found = _from_payload(whole.source, whole.destination, whole.protocol, payload, len(payload))
    except (struct.error, IndexError):
        return Unread.DAMAGED
    return Unread.DAMAGED if isinstance(found, Fragment) else found


def _from_link(frame: bytes, link_type: int) -> Segment | Fragment | Unread:
    if link_type in _LINK_HEADERS:
        return _from_ip(frame[_LINK_HEADERS[link_type] :])
    if link_type not in _LINK_ETHERTYPES:
        return Unread.LINK_TYPE
    at, start = _LINK_ETHERTYPES[link_type]
    (kind,) = struct.unpack_from("!H", frame, at)
    while kind in VLAN_TAGS:
        (kind,) = struct.unpack_from("!H", frame, start + 2)
        start += 4
    return _from_ip(frame[start:]) if kind in (IPV4, IPV6) else Unread.OTHER


def _from_ip(packet: bytes) -> Segment | Fragment | Unread:
    version = packet[0] >> 4
    if version == 4:
        return _from_ipv4(packet)
    return _from_ipv6(packet) if version == 6 else Unread.OTHER


def _from_ipv4(packet: bytes) -> Segment | Fragment | Unread:
    header = (packet[0] & 15) * 4
    total, identification, place = struct.unpack_from("!HHH", packet, 2)
    if header < 20 or 0 < total < header:
        return Unread.DAMAGED
    if packet[9] != TCP:
        return Unread.OTHER
    end = total or len(packet)  # 0: the card cuts the packet into segments later
    source, destination, payload = packet[12:16], packet[16:20], packet[header:end]
    if place & 0x3FFF:
        if len(payload) < end - header:
            return Unread.CUT_FRAGMENT
        whole = Whole(source, destination, identification, TCP)
        return Fragment(whole, (place & 0x1FFF) * 8, payload, more=bool(place & 0x2000))
    return _from_tcp(source, destination, payload, end - header)


def _from_ipv6(packet: bytes) -> Segment | Fragment | Unread:
    length, kind = struct.unpack_from("!HB", packet, 4)
    end = (40 + length) if length else len(packet)
    return _from_payload(packet[8:24], packet[24:40], kind, packet[40:end], end - 40)


def _from_payload(
    source: bytes, destination: bytes, kind: int, payload: bytes, length: int
) -> Segment | Fragment | Unread:
    """Passes over extension headers; a fragment that is the whole packet is none (RFC 6946)."""
    start = 0
    while kind in EXTENSIONS or kind == FRAGMENT_HEADER:
        header = start
        if kind == FRAGMENT_HEADER:
            place, identification = struct.unpack_from("!HI", payload, header + 2)
            start += 8
            if place & 0xFFF9:
                whole = Whole(source, destination, identification, payload[header])
                return _fragment(whole, place, payload[start:], length - start)
        else:
            start += (payload[header + 1] + 1) * 8
        kind = payload[header]
    if kind != TCP:
        return Unread.OTHER
    return _from_tcp(source, destination, payload[start:], length - start)


def _fragment(whole: Whole, place: int, data: bytes, length: int) -> Fragment | Unread:
    """IPv6: what follows the fragment header is another extension or TCP, or it is not for us."""
    if whole.protocol != TCP and whole.protocol not in EXTENSIONS:
        return Unread.OTHER
    return Fragment(whole, place & 0xFFF8, data, more=bool(place & 1)) if len(data) == length else Unread.CUT_FRAGMENT


def _from_tcp(source: bytes, destination: bytes, tcp: bytes, length: int) -> Segment | Unread:
    source_port, destination_port, sequence, acknowledgement, offset, flags = struct.unpack_from("!HHIIBB", tcp)
    header = (offset >> 4) * 4
    if header < 20 or header > length:
        return Unread.DAMAGED
    return Segment(
        _endpoint(source, source_port),
        _endpoint(destination, destination_port),
        sequence,
        acknowledgement if flags & Flag.ACK else 0,
        _FLAGS[flags],
        tcp[header:],
        cut=len(tcp) < length,
    )


@lru_cache(maxsize=4096)
def _endpoint(address: bytes, port: int) -> Endpoint:
    return Endpoint(str(ipaddress.ip_address(address)), port)
