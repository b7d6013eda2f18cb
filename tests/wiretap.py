"""A connection as a capture would have it: segments of both sides, and the files that hold them.

scapy builds the packets, so that our own reading of them is not tested against itself.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from device.interception.packets import Flag, Segment
from device.smtp.intake import Endpoint

CLIENT = Endpoint("192.0.2.1", 40000)
SERVER = Endpoint("198.51.100.25", 25)

Line = tuple[str, bytes]
"""Who speaks, "C" or "S", and what."""

MESSAGE = (
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n'
    b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n"
)
PDF = b"%PDF-1.4\n"

BEFORE: list[Line] = [
    ("S", b"220 mail.example.net\r\n"),
    ("C", b"EHLO client.example.com\r\n"),
    ("S", b"250-mail.example.net\r\n250 PIPELINING\r\n"),
    ("C", b"MAIL FROM:<a@example.com> SIZE=400\r\n"),
    ("S", b"250 ok\r\n"),
    ("C", b"RCPT TO:<b@example.net>\r\n"),
    ("S", b"250 ok\r\n"),
]
DATA: list[Line] = [("C", b"DATA\r\n"), ("S", b"354 go ahead\r\n")]
QUIT: list[Line] = [("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")]
MAIL: list[Line] = [*BEFORE, *DATA, ("C", MESSAGE), ("C", b".\r\n"), ("S", b"250 taken\r\n"), *QUIT]


@dataclass
class Wire:
    """Turns what is said into segments, a handshake first; sequence numbers start close to their end, and wrap."""

    client: Endpoint = CLIENT
    server: Endpoint = SERVER
    first: dict[str, int] = field(default_factory=lambda: {"C": 2**32 - 50, "S": 7000})

    def segments(self, lines: Iterable[Line], *, size: int = 1460, end: bool = True) -> list[Segment]:
        """Handshake, what is said in pieces of at most `size`, and FINs."""
        at = {who: number + 1 for who, number in self.first.items()}
        made = [
            self._segment("C", self.first["C"], 0, Flag.SYN),
            self._segment("S", self.first["S"], at["C"], Flag.SYN | Flag.ACK),
        ]
        for who, said in lines:
            for start in range(0, len(said), size):
                piece = said[start : start + size]
                made.append(self._segment(who, at[who], at["S" if who == "C" else "C"], Flag.ACK, piece))
                at[who] += len(piece)
        if end:
            made.append(self._segment("C", at["C"], at["S"], Flag.ACK | Flag.FIN))
            made.append(self._segment("S", at["S"], at["C"] + 1, Flag.ACK | Flag.FIN))
        return made

    def _segment(self, who: str, sequence: int, acknowledgement: int, flags: Flag, said: bytes = b"") -> Segment:
        ends = (self.client, self.server) if who == "C" else (self.server, self.client)
        return Segment(*ends, sequence % 2**32, acknowledgement % 2**32, flags, said)


def tcp(segment: Segment) -> Packet:
    return TCP(
        sport=segment.source.port,
        dport=segment.destination.port,
        seq=segment.sequence,
        ack=segment.acknowledgement,
        flags=int(segment.flags),
    ) / Raw(segment.payload)


def packet(segment: Segment) -> Packet:
    ip = IPv6 if ":" in segment.source.host else IP
    return ip(src=segment.source.host, dst=segment.destination.host) / tcp(segment)


def frames(segments: Iterable[Segment]) -> list[bytes]:
    """Ethernet frames."""
    return [bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet(each)) for each in segments]


def pcap(frames: Sequence[bytes], *, link_type: int = 1, order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    """A capture file as libpcap writes it (pcap-savefile(5))."""
    records = (struct.pack(f"{order}IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames)
    return struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 262144, link_type) + b"".join(records)


def pcapng(frames: Sequence[bytes]) -> bytes:
    """A section with one Ethernet interface and enhanced packet blocks (draft-ietf-opsawg-pcapng)."""
    head = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + _block(1, struct.pack("<HHI", 1, 0, 262144))
    bodies = (struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame for frame in frames)
    return head + b"".join(_block(6, body) for body in bodies)


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def written(folder: Path, segments: Iterable[Segment]) -> Path:
    path = folder / "mail.pcap"
    path.write_bytes(pcap(frames(segments)))
    return path
