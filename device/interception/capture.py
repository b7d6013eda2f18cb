"""Capture files, pcap and pcapng, gzip or not: scapy reads them.

scapy's dissection of packets costs many times what reading them by offsets does, so only its raw readers are used.
"""

import contextlib
import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader, RawPcapReader

from device.errors import UnreadableFile
from device.interception.packets import Frame

LARGEST_PACKET: Final = 262_144
"""Bytes: what libpcap itself keeps at most. scapy's own default cuts the 64 KiB packets of a loopback capture."""

_GZIP: Final = b"\x1f\x8b\x08"

MAGIC: Final = (
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
    _GZIP,
)
"""How a capture begins: pcap in micro- and nanoseconds and either byte order, pcapng, gzip."""

_END: Final = (EOFError, Scapy_Exception, ValueError)
"""How scapy's readers say that there is nothing more that can be read."""


def frames(path: Path) -> Iterator[Frame]:
    """The packets of a capture, in its order. Raises UnreadableFile, and OSError where there is no such file."""
    logging.getLogger("scapy").setLevel(logging.CRITICAL)  # what it warns of is told as a remark
    with path.open("rb") as plain, gzip.GzipFile(fileobj=plain) as unpacked:
        packed = plain.read(len(_GZIP)) == _GZIP
        plain.seek(0)
        try:
            reader = RawPcapReader(unpacked if packed else plain)  # type: ignore[arg-type]  # it takes files, and says str
        except (*_END, OSError, zlib.error) as error:
            raise UnreadableFile(f"{path} begins like a capture, and can't be read as one.") from error
        yield from _of_pcapng(reader) if isinstance(reader, RawPcapNgReader) else _of_pcap(reader)


def _of_pcap(reader: RawPcapReader) -> Iterator[Frame]:
    """One link type for all packets."""
    with contextlib.suppress(*_END):
        while True:
            data, metadata = reader._read_packet(LARGEST_PACKET)  # noqa: SLF001 - the iterator can't be told a size
            time = metadata.sec + metadata.usec / (1e9 if reader.nano else 1e6)
            yield Frame(reader.linktype, data, time, broken=len(data) < min(metadata.caplen, LARGEST_PACKET))


def _of_pcapng(reader: RawPcapNgReader) -> Iterator[Frame]:
    """Each packet names the interface that it was captured on, and so its link type."""
    with contextlib.suppress(*_END):
        while True:
            data, metadata = reader._read_packet(LARGEST_PACKET)  # noqa: SLF001 - the iterator can't be told a size
            yield Frame(metadata.linktype, data, _seconds(metadata))


def _seconds(metadata: RawPcapNgReader.PacketMetadata) -> float:
    """A simple packet block has no time."""
    if metadata.tshigh is None or metadata.tslow is None:
        return 0.0
    return float(((metadata.tshigh << 32) + metadata.tslow) / metadata.tsresol)
