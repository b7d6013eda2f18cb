"""What passed on the client's side of the device and on the server's, laid side by side. scapy reads the frames."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from lab.topology.capture import Capture, capturing
from tests.network.path import NETWORK


class Ends(NamedTuple):
    """A connection's addresses and ports."""

    client: str
    client_port: int
    server: str
    server_port: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """One TCP connection on one side: the client's first sequence number, and the bytes of each direction, in order."""

    first: int
    client: bytes
    server: bytes


@dataclass(frozen=True, slots=True)
class TwoCaptures:
    """Both sides, from the moment that captures() was entered."""

    client_side: Capture
    server_side: Capture

    def mail(self) -> tuple[dict[Ends, Conversation], dict[Ends, Conversation]]:
        """Every connection to port 25, on the client's side and on the server's."""
        return _conversations(self.client_side, 25), _conversations(self.server_side, 25)

    def packets(self, *, protocol: int) -> tuple[list[bytes], list[bytes]]:
        """What IP carried of that protocol on each side, without what a router may change: the hop's own headers."""
        return _carried(self.client_side, protocol), _carried(self.server_side, protocol)


@contextmanager
def captures() -> Iterator[TwoCaptures]:
    """Capture on both of the device's interfaces until the block ends."""
    device = NETWORK.namespace("device")
    with ExitStack() as both:
        yield TwoCaptures(*(both.enter_context(capturing(device, port)) for port in ("ge0", "ge1")))


def _conversations(capture: Capture, port: int) -> dict[Ends, Conversation]:
    packets = [each for each in _ip(capture) if TCP in each]
    opening = [each for each in packets if each[TCP].dport == port and each[TCP].flags == "S"]
    return {
        ends: Conversation(each[TCP].seq, _said(packets, *ends), _said(packets, *ends[2:], *ends[:2]))
        for each in opening
        for ends in [Ends(each.src, each[TCP].sport, each.dst, port)]
    }


def _said(packets: list[Packet], source: str, source_port: int, destination: str, destination_port: int) -> bytes:
    """The bytes of one direction; none from one that refused. A cable loses and reorders nothing: numbers place them."""
    ends = (source, source_port, destination, destination_port)
    own = [each for each in packets if (each.src, each[TCP].sport, each.dst, each[TCP].dport) == ends]
    opening = [each[TCP].seq for each in own if "S" in each[TCP].flags]
    said = bytearray()
    for first, each in itertools.product(opening[:1], own):
        payload = bytes(each[TCP].payload)[: _payload_size(each)]
        start = (each[TCP].seq - first - 1) % 2**32
        if payload and start <= len(said):
            said[start : start + len(payload)] = payload
    return bytes(said)


def _payload_size(packet: Packet) -> int:
    """Without the padding that short frames get."""
    whole: int = packet.len - packet.ihl * 4 if packet.version == 4 else packet.plen
    header: int = packet[TCP].dataofs * 4
    return whole - header


def _carried(capture: Capture, protocol: int) -> list[bytes]:
    return [
        bytes([each.version]) + each.src.encode() + each.dst.encode() + bytes(each.payload)
        for each in _ip(capture)
        if (each.proto if each.version == 4 else each.nh) == protocol
    ]


def _ip(capture: Capture) -> list[Packet]:
    read = [Ether(frame) for frame in capture.frames()]
    return [each[kind] for each in read for kind in (IP, IPv6) if kind in each]
