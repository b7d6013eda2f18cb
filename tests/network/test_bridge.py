"""The device in a bridge: client and server in one network, real sockets, captures on both sides, and the real kernel."""

import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lab.topology.build import inside
from lab.topology.hosts import Bridge, Cable, Host, Network, Port
from tests.network.path import InPath, Site, in_path

pytestmark = pytest.mark.root
BOTH = (4, 6)
CLIENT = {4: "192.0.2.10", 6: "2001:db8::10"}
SERVER = {4: "192.0.2.25", 6: "2001:db8::25"}
NETWORK = Network(
    f"srxb{os.getpid()}",
    (
        Host("client", (Port.of("eth0", "192.0.2.10/24", "2001:db8::10/64"),)),
        Host("device", (Port.of("ge0"), Port.of("ge1")), bridges=(Bridge("br0", ("ge0", "ge1")),)),
        Host("server", (Port.of("eth0", "192.0.2.25/24", "2001:db8::25/64"),)),
    ),
    (Cable(("client", "eth0"), ("device", "ge0")), Cable(("server", "eth0"), ("device", "ge1"))),
)
SITE = Site(NETWORK, CLIENT, SERVER, "bridge")
EVERY_PROTOCOL = 3
"""if_ether.h: ETH_P_ALL."""
ARP, TCP = 0x0806, 6


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[InPath]:
    async with in_path(tmp_path, SITE) as made:
        yield made


async def test_server_and_client_see_each_other_and_nobody_else(path: InPath) -> None:
    """Addresses and ports are kept on both sides, and the device has had the message all the same."""
    ready = await path.start_device()
    assert ready.ready == {"ports": [25, 587], "families": ["IPv4", "IPv6"]}
    for count, version in enumerate(BOTH, 1):
        await path.mail(version)
        assert path.sessions() == count
    told = await path.status()
    assert (told["interception"], told["bridge"]) == ("bridge", "br0 (ge0 and ge1)")
    assert told["other_ways"]["transparent"] == "possible"


async def test_no_frame_on_either_side_has_a_link_address_of_the_device(path: InPath) -> None:
    """And each connection is two: their sequence numbers differ, which proves the interception."""
    macs = {host: link_address(host, "eth0") for host in ("client", "server")}
    await path.start_device()
    with captured("client") as at_client, captured("server") as at_server:
        for version in BOTH:
            await path.mail(version)
        sides = [list(frames(each)) for each in (at_client, at_server)]
    for heard in sides:
        segments = [frame for frame in heard if is_mail(frame)]
        assert {link_addresses(frame) for frame in segments} == {
            (macs["client"], macs["server"]),
            (macs["server"], macs["client"]),
        }
    assert not {first_numbers(frame) for frame in sides[0] if is_mail(frame)} & {
        first_numbers(frame) for frame in sides[1] if is_mail(frame)
    }
    arps = [frame for heard in sides for frame in heard if int.from_bytes(frame[12:14], "big") == ARP]
    assert {frame[6:12].hex(":") for frame in arps} <= set(macs.values()), "the device asks nobody"


def link_address(host: str, interface: str) -> str:
    """/sys shows the namespace that it was mounted in; a socket asks in its own."""
    with inside(NETWORK.namespace(host)), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as asking:
        asking.bind((interface, 0))
        return bytes(asking.getsockname()[4]).hex(":")


@contextlib.contextmanager
def captured(host: str) -> Iterator[socket.socket]:
    """Every frame that a host sends or gets, from now on."""
    with inside(NETWORK.namespace(host)):
        listening = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        listening.bind(("eth0", EVERY_PROTOCOL))
        listening.setblocking(False)
        yield listening


def frames(listening: socket.socket) -> Iterator[bytes]:
    """Those that were captured until now."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield listening.recv(65_535)


def link_addresses(frame: bytes) -> tuple[str, str]:
    """Source and destination."""
    return frame[6:12].hex(":"), frame[:6].hex(":")


def segment(frame: bytes) -> bytes | None:
    """What TCP has to say, without options of IP: there are none here."""
    match int.from_bytes(frame[12:14], "big"):
        case 0x0800 if frame[23] == TCP:
            return frame[34:]
        case 0x86DD if frame[20] == TCP:
            return frame[54:]
        case _:
            return None


def is_mail(frame: bytes) -> bool:
    said = segment(frame)
    return said is not None and 25 in struct.unpack("!HH", said[:4])


def first_numbers(frame: bytes) -> tuple[int, ...]:
    """Ports and sequence number."""
    said = segment(frame)
    assert said is not None
    return struct.unpack("!HHI", said[:8])
