"""The filter's program, run as the kernel runs it (linux/filter.h): mail passes, what hides its port passes, the rest doesn't."""

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q
from scapy.packet import Packet, Raw

from device.interception import port_filter as bpf
from device.interception.port_filter import ACCEPT, NETWORK, PORTS_AT_MOST, PROTOCOL, Instruction, port_filter

MAIL = TCP(sport=40000, dport=25)
REPLY = TCP(sport=25, dport=40000)
WEB = TCP(sport=40000, dport=80)


def run(program: list[Instruction], protocol: int, packet: bytes) -> int:
    """What the program returns; reading beyond the packet ends it with 0."""
    a = x = at = 0
    while (line := program[at]).code is not bpf.RETURN:
        at += 1
        try:
            match line.code:
                case bpf.JUMP:
                    at += line.k
                case bpf.JUMP_IF_EQUAL:
                    at += line.if_true if a == line.k else line.if_false
                case bpf.JUMP_IF_SET:
                    at += line.if_true if a & line.k else line.if_false
                case bpf.HEADER_TO_X:
                    x = 4 * (bytes_at(packet, line.k, 1) & 15)
                case bpf.NUMBER_TO_X:
                    x = line.k
                case _:
                    a = loaded(line, x, protocol, packet)
        except IndexError:
            return 0
    return line.k


def loaded(line: Instruction, x: int, protocol: int, packet: bytes) -> int:
    if line == Instruction(bpf.LOAD_WORD, PROTOCOL):
        return protocol
    sizes = {bpf.LOAD_BYTE: 1, bpf.LOAD_HALF: 2, bpf.LOAD_HALF_FROM_X: 2}
    return bytes_at(packet, line.k + (x if line.code is bpf.LOAD_HALF_FROM_X else 0), sizes[line.code])


def bytes_at(packet: bytes, place: int, size: int) -> int:
    place -= NETWORK
    if place + size > len(packet):
        raise IndexError
    return int.from_bytes(packet[place : place + size], "big")


@pytest.mark.parametrize(
    ("protocol", "packet", "passes"),
    [
        (0x0800, IP() / MAIL, True),
        (0x0800, IP() / REPLY, True),
        (0x0800, IP(options=[b"\x01"] * 8) / MAIL, True),
        (0x0800, IP() / WEB, False),
        (0x0800, IP() / UDP(dport=25), False),
        (0x0800, IP(proto=6, frag=100) / Raw(bytes(64)), True),
        (0x0800, IP(proto=17, frag=100) / Raw(bytes(64)), False),
        (0x86DD, IPv6() / MAIL, True),
        (0x86DD, IPv6() / REPLY, True),
        (0x86DD, IPv6() / WEB, False),
        (0x86DD, IPv6() / UDP(dport=25), False),
        (0x86DD, IPv6() / IPv6ExtHdrHopByHop() / MAIL, True),
        (0x86DD, IPv6() / IPv6ExtHdrFragment() / MAIL, True),
        (0x8100, Dot1Q() / IP() / WEB, True),
        (0x0806, Raw(bytes(28)), False),
        (0x0800, Raw(b"\x45"), False),
        (0x86DD, Raw(b""), False),
    ],
)
@pytest.mark.parametrize("ports", [[25], [25, 587], [*range(1, PORTS_AT_MOST + 1)]], ids=["one", "two", "all"])
def test_what_passes(protocol: int, packet: Packet, passes: bool, ports: list[int]) -> None:
    wanted = passes or (80 in ports and TCP in packet and packet[TCP].dport == 80)
    assert run(port_filter(ports), protocol, bytes(packet)) == (ACCEPT if wanted else 0)


def test_jumps_fit_into_a_byte() -> None:
    program = port_filter(range(1, PORTS_AT_MOST + 1))
    assert max(max(line.if_true, line.if_false) for line in program) <= 255
