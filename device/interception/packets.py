"""From a captured frame to the TCP segment in it: link layer, VLAN tags, IPv4 or IPv6, TCP.

Frames are read by offsets (RFC 791, 8200, 9293; IEEE 802.1Q), since only a few fields of each are wanted. Checksums are not
looked at: network cards fill them in after the kernel has captured what it sends. IP fragments are told, and not put together:
TCP avoids them, and what is missing then is missed in the stream.
"""

import ipaddress
import struct
from dataclasses import dataclass
from enum import Enum, IntFlag
from functools import lru_cache
from typing import Final

from device.smtp.intake import Endpoint


class Flag(IntFlag):
    """TCP's control bits, as far as they matter here."""

    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16


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


class Unread(Enum):
    """Why a frame gave no segment."""

    OTHER = "it carries no TCP"
    FRAGMENT = "it is a piece of an IP packet"
    DAMAGED = "its headers are cut or wrong"
    LINK_TYPE = "its link layer is not known"


_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_TCP: Final = 6
_FRAGMENT_HEADER: Final = 44
_EXTENSIONS: Final = frozenset({0, 43, 60, 135})
"""Hop-by-hop options, routing, destination options, mobility: next header, then a length in eights (RFC 8200, 4)."""

_FLAGS: Final = tuple(Flag(number & 0b10111) for number in range(256))
"""The control bits of each flags byte, made once: enums are slow to make, and there are millions of packets."""

_LINK_HEADERS: Final = {0: 4, 108: 4, 12: 0, 14: 0, 101: 0, 228: 0, 229: 0}
"""Link types without an EtherType, and the size of their header (tcpdump.org/linktypes.html): loopback and raw IP."""

_LINK_ETHERTYPES: Final = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Link types with one: where it stands, and where what it names starts. Ethernet, Linux cooked v1 and v2."""


def segment_of(frame: bytes, link_type: int) -> Segment | Unread:
    """The segment in a frame of that link type; never raises for what the bytes hold."""
    try:
        return _from_link(frame, link_type)
    except (struct.error, IndexError):
        return Unread.DAMAGED


def _from_link(frame: bytes, link_type: int) -> Segment | Unread:
    if link_type in _LINK_HEADERS:
        return _from_ip(frame[_LINK_HEADERS[link_type] :])
    if link_type not in _LINK_ETHERTYPES:
        return Unread.LINK_TYPE
    at, start = _LINK_ETHERTYPES[link_type]
    (kind,) = struct.unpack_from("!H", frame, at)
    while kind in _VLAN_TAGS:
        (kind,) = struct.unpack_from("!H", frame, start + 2)
        start += 4
    return _from_ip(frame[start:]) if kind in (_IPV4, _IPV6) else Unread.OTHER


def _from_ip(packet: bytes) -> Segment | Unread:
    version = packet[0] >> 4
    if version == 4:
        return _from_ipv4(packet)
    return _from_ipv6(packet) if version == 6 else Unread.OTHER


def _from_ipv4(packet: bytes) -> Segment | Unread:
    header = (packet[0] & 15) * 4
    total, _, fragment = struct.unpack_from("!HHH", packet, 2)
    if header < 20 or 0 < total < header:
        return Unread.DAMAGED
    if packet[9] != _TCP:
        return Unread.OTHER
    if fragment & 0x3FFF:
        return Unread.FRAGMENT
    end = total or len(packet)  # 0: the card cuts the packet into segments later
    return _from_tcp(packet[12:16], packet[16:20], packet[header:end], end - header)


def _from_ipv6(packet: bytes) -> Segment | Unread:
    length, kind = struct.unpack_from("!HB", packet, 4)
    end, start = (40 + length) if length else len(packet), 40
    while kind in _EXTENSIONS:
        kind, start = packet[start], start + (packet[start + 1] + 1) * 8
    if kind == _FRAGMENT_HEADER:
        return Unread.FRAGMENT
    if kind != _TCP:
        return Unread.OTHER
    return _from_tcp(packet[8:24], packet[24:40], packet[start:end], end - start)


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
