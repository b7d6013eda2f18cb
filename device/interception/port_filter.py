"""A classic BPF program that lets TCP of some ports pass to a packet socket, so that the kernel copies nothing else to us.

Ours instead of libpcap's, since a machine need not have libpcap, and its `tcp port 25` misses what an evader would use: pieces of
IP packets have no port, IPv6 extension headers stand in front of it. What the kernel can't decide in a few steps passes, and is
sorted out by who reads it: fragments, extension headers, and second VLAN tags (the first is taken off before the filter).

Offsets are from the network header (SKF_NET_OFF), so the program is the same for every link layer; linux/filter.h.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from device.interception.packets import EXTENSIONS, FRAGMENT_HEADER, IPV4, IPV6, TCP, VLAN_TAGS

ACCEPT: Final = 0x40000
"""Bytes of a packet that pass: all of it."""

PORTS_AT_MOST: Final = 100
"""Each is compared twice, and a jump passes over 255 instructions at most."""

NETWORK: Final = -0x100000
PROTOCOL: Final = -0x1000


class Code(NamedTuple):
    """One instruction's operation, and how it reads to people."""

    number: int
    text: str


LOAD_WORD, LOAD_HALF, LOAD_BYTE = Code(0x20, "ld"), Code(0x28, "ldh"), Code(0x30, "ldb")
LOAD_HALF_FROM_X, HEADER_TO_X, NUMBER_TO_X = Code(0x48, "ldh x+"), Code(0xB1, "ldx 4*(k&0xf)"), Code(0x01, "ldx #")
JUMP, JUMP_IF_EQUAL, JUMP_IF_SET, RETURN = Code(0x05, "ja"), Code(0x15, "jeq"), Code(0x45, "jset"), Code(0x06, "ret")


@dataclass(frozen=True, slots=True)
class Instruction:
    """As struct sock_filter has it: jumps count the instructions that they pass over."""

    code: Code
    k: int
    if_true: int = 0
    if_false: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    """An instruction whose jumps still have names; without a name they go to the next line. Only `label` itself: a place."""

    code: Code | None = None
    k: int = 0
    then: str = ""
    otherwise: str = ""
    label: str = ""


def port_filter(ports: Iterable[int]) -> list[Instruction]:
    """TCP from or to one of the ports, and what may be; at most PORTS_AT_MOST."""
    ordered = sorted(ports)
    assert len(ordered) <= PORTS_AT_MOST
    return _assembled(
        [
            _Line(LOAD_WORD, PROTOCOL),
            _Line(JUMP_IF_EQUAL, IPV4, then="IPv4"),
            _Line(JUMP_IF_EQUAL, IPV6, then="IPv6"),
            *_any_of(sorted(VLAN_TAGS)),
            _Line(JUMP, then="drop"),
            _Line(label="IPv4"),
            _Line(LOAD_BYTE, NETWORK + 9),
            _Line(JUMP_IF_EQUAL, TCP, otherwise="drop"),
            _Line(LOAD_HALF, NETWORK + 6),
            _Line(JUMP_IF_SET, 0x3FFF, then="accept"),
            _Line(HEADER_TO_X, NETWORK),
            _Line(JUMP, then="ports"),
            _Line(label="IPv6"),
            _Line(LOAD_BYTE, NETWORK + 6),
            *_any_of([*sorted(EXTENSIONS), FRAGMENT_HEADER]),
            _Line(JUMP_IF_EQUAL, TCP, otherwise="drop"),
            _Line(NUMBER_TO_X, 40),
            _Line(label="ports"),
            _Line(LOAD_HALF_FROM_X, NETWORK),
            *_any_of(ordered),
            _Line(LOAD_HALF_FROM_X, NETWORK + 2),
            *_any_of(ordered),
            _Line(label="drop"),
            _Line(RETURN, 0),
            _Line(label="accept"),
            _Line(RETURN, ACCEPT),
        ]
    )


def _any_of(numbers: Iterable[int]) -> list[_Line]:
    return [_Line(JUMP_IF_EQUAL, number, then="accept") for number in numbers]


def _assembled(lines: list[_Line]) -> list[Instruction]:
    places: dict[str, int] = {}
    coded: list[tuple[Code, _Line]] = []
    for line in lines:
        if line.code is None:
            places[line.label] = len(coded)
        else:
            coded.append((line.code, line))
    made = []
    for at, (code, line) in enumerate(coded, 1):
        then, otherwise = (places.get(name, at) - at for name in (line.then, line.otherwise))
        made.append(Instruction(code, then) if code is JUMP else Instruction(code, line.k, then, otherwise))
    return made
