"""Captures of every kind are read; what is cut or damaged ends, and never fails otherwise than by its name."""

import gzip
import random
from pathlib import Path

import pytest

from device.errors import UnreadableFile
from device.interception.capture import frames
from tests.wiretap import MAIL, Wire, pcap, pcapng
from tests.wiretap import frames as made

FRAMES = made(Wire().segments(MAIL))
CORPORA = Path(__file__).parents[3] / "corpora"


def read(folder: Path, content: bytes) -> list[bytes]:
    path = folder / "a.pcap"
    path.write_bytes(content)
    return [frame.data for frame in frames(path)]


@pytest.mark.parametrize(
    "content",
    [
        pcap(FRAMES),
        pcap(FRAMES, order=">"),
        pcap(FRAMES, magic=0xA1B23C4D),
        pcap(FRAMES, order=">", magic=0xA1B23C4D),
        pcapng(FRAMES),
        gzip.compress(pcap(FRAMES), mtime=0),
    ],
    ids=["little", "big", "nano-little", "nano-big", "pcapng", "gzip"],
)
def test_every_kind_is_read(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == FRAMES


def test_a_packet_of_a_loopback_capture_is_read_whole(tmp_path: Path) -> None:
    """They reach 64 KiB and their headers."""
    assert read(tmp_path, pcap([bytes(65549)])) == [bytes(65549)]


def test_each_packet_has_its_link_type(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(FRAMES, link_type=101))
    assert {frame.link_type for frame in frames(path)} == {101}
    path.write_bytes(pcapng(FRAMES))
    assert {frame.link_type for frame in frames(path)} == {1}


def test_a_file_that_ends_within_a_packet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(FRAMES)[:-5])
    assert [frame.broken for frame in frames(path)] == [False] * (len(FRAMES) - 1) + [True]


@pytest.mark.parametrize(
    "content", [b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x1f\x8b\x08nonsense", gzip.compress(b"x", mtime=0)]
)
def test_what_only_begins_like_a_capture_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"a\.pcap begins like a capture"):
        read(tmp_path, content)


@pytest.mark.parametrize("make", [pcap, pcapng, lambda packets: gzip.compress(pcap(packets))])
def test_damaged_files_never_fail_otherwise(tmp_path: Path, make: type) -> None:
    """Two hundred of each kind, with up to six bytes changed and the end cut."""
    whole = make(FRAMES)
    for seed in range(200):
        chance, damaged = random.Random(seed), bytearray(whole)
        for _ in range(chance.randrange(1, 7)):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        try:
            read(tmp_path, bytes(damaged[: chance.randrange(4, len(damaged) + 1)]))
        except UnreadableFile:
            continue
