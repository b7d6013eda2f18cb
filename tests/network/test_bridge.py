"""The device in a bridge: client and server in one network, real sockets, captures on both sides, and the real kernel."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lab.processes import command_line
from lab.topology.build import command_in, inside
from lab.waiting import until
from tests.network.path import BRIDGED, FAMILY, WEB, InPath, in_path

pytestmark = pytest.mark.root
BOTH = (4, 6)
NETWORK, CLIENT, SERVER = BRIDGED.network, BRIDGED.client, BRIDGED.server
FAR = {4: "203.0.113.7", 6: "2001:db8:7::7"}
EVERY_PROTOCOL = 3
"""if_ether.h: ETH_P_ALL."""
ARP, TCP = 0x0806, 6


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[InPath]:
    async with in_path(tmp_path, BRIDGED) as made:
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


async def test_workers_share_what_is_taken_from_the_frames(path: InPath) -> None:
    """Each has sockets of its own; the rules are one process', the parent's, and go with it."""
    await path.start_device("--workers=2")
    assert (await path.on_device("nft", "list", "tables")).count("_live") == 1
    for _ in range(4):
        for version in BOTH:
            await path.mail(version)
    assert path.sessions() == 8
    assert path.workers_that_served() == {1, 2}
    await path.kill_device()
    await until(lambda: nothing_is_taken(path), 20)
    for version in BOTH:
        await path.mail(version)
    assert path.sessions() == 8


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


async def test_everything_else_is_bridged(path: InPath) -> None:
    """Another port, and a connection that is older than the device: it was not taken at its beginning."""
    async with path.talk(4) as old:
        await old.hear("220 ")
        await path.start_device()
        await old.say("EHLO client.example.org", "250 ")
        for version in BOTH:
            await web_passes(path, version)
        await old.say("QUIT", "221 ")
    assert path.sessions() == 0


async def test_a_stopped_device_lets_mail_pass_and_leaves_nothing(path: InPath) -> None:
    """Fail-open: the default. While it stops, mail under way is finished, and new mail passes it by."""
    device = await path.start_device()
    assert "srx_" in await path.in_kernel()
    async with path.talk(4) as talk:
        await talk.hear("220 ")
        await talk.say("EHLO client.example.org", "250 ")
        await talk.say("MAIL FROM:<ann@example.org>", "250 ")
        await talk.say("RCPT TO:<bob@example.net>", "250 ")
        await talk.say("DATA", "354 ")
        async with path.talk(4) as idle:
            await idle.hear("220 ")
            await path.say("stop")
            await idle.hear("421 ")
        async with path.talk(4) as newcomer:
            await newcomer.hear("220 ")
        await talk.say("Subject: late\r\n\r\nbut whole\r\n.", "250 ")
        await talk.hear("421 ")
    assert await device.ended() == 0
    assert path.sessions() == 2
    assert await path.in_kernel() == ""
    for version in BOTH:
        await path.mail(version)
    assert path.sessions() == 2


async def test_a_killed_device_lets_mail_pass_until_it_is_there_again(path: InPath) -> None:
    """Kill -9 ends the taking at once; what is left does nothing, a restart has it once, and a stop takes it back."""
    await path.start_device()
    before = await path.in_kernel()
    await path.kill_device()
    for version in BOTH:
        await path.mail(version)
    assert path.sessions() == 0
    await path.start_device()
    again = await path.in_kernel()
    assert [each.split("tproxy")[0] for each in again.splitlines()] == [
        each.split("tproxy")[0] for each in before.splitlines()
    ]
    await path.mail(4)
    assert path.sessions() == 1
    await path.kill_device()
    await path.say("stop")
    assert await path.in_kernel() == ""


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
async def test_a_device_that_fails_closed_blocks_mail_alone(path: InPath, *, killed: bool) -> None:
    """While it runs mail goes through it; afterwards none passes, but everything else does, until somebody lets it."""
    await path.start_device("--when-stopped=block")
    for version in BOTH:
        await path.mail(version)
    await (path.kill_device() if killed else path.stop_device())
    for version in BOTH:
        assert not await answered(version), "dropped: there is no answer at all"
        await web_passes(path, version)
    await path.say("stop", "--let-pass")
    assert await path.in_kernel() == ""
    for version in BOTH:
        await path.mail(version)


async def test_a_client_that_comes_again_from_its_port_keeps_its_address(path: InPath) -> None:
    """The old connection to the server lingers: the new one has another port, and is followed all the same."""
    await path.start_device()
    async with path.talk(4) as first:
        await first.hear("220 ")
        made = first.writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.writer.close()
        await first.writer.wait_closed()
    async with path.talk(4, own_port=first.own[1]) as second:
        await second.mail()
    [mail] = path.arrived(4)
    assert mail.client.rpartition(":")[0] == first.own[0]


async def test_hosts_behind_routers_are_reached_as_they_came(path: InPath) -> None:
    """The device has no address, and no route to anybody: a client from elsewhere is answered by way of its router."""
    await path.on_device("ip", "route", "flush", "table", "main")
    for version, far in FAR.items():
        await run_in("client", "ip", "addr", "add", far, "dev", "lo")
        await run_in("server", "ip", f"-{version}", "route", "add", far, "via", CLIENT[version])
    await path.start_device()
    for version, far in FAR.items():
        async with path.talk(version, own_address=far) as talk:
            await talk.mail()
        assert path.arrived(version)[-1].client == f"{far}:{talk.own[1]}"
    assert path.sessions() == 2


async def test_what_stands_in_the_way_is_named_with_what_to_do(path: InPath) -> None:
    """Nothing is changed on the machine for it."""
    run = command_line("srx", "run", "--intercept=bridge")
    said = await path.on_device(*run, "--bridge=br7", status=1, environment=path.environment)
    assert "this machine has no bridge br7" in said
    judge_by_routes()
    said = await path.on_device(*run, status=1, environment=path.environment)
    assert "net.ipv4.conf.br0.rp_filter=0" in said
    await path.on_device("ip", "link", "set", "ge1", "nomaster")
    said = await path.on_device(*run, status=1, environment=path.environment)
    assert "this machine has no bridge of two ports" in said
    assert await path.in_kernel() == ""


async def web_passes(path: InPath, version: int) -> None:
    """The server has the client's own address, and the client its answer."""
    async with path.talk(version, WEB) as talk:
        talk.writer.write(b"\r\n")
        assert await talk.reader.readline() == b"\r\n"
        assert path.seen_at_web[-1] == talk.own


async def nothing_is_taken(path: InPath) -> bool:
    return "_live" not in await path.on_device("nft", "list", "tables")


async def answered(version: int) -> bool:
    """Whether anything comes back for a connection to the server's port 25, within two seconds."""
    with inside(NETWORK.namespace("client")):
        knocking = socket.socket(FAMILY[version])
    knocking.setblocking(False)
    with knocking:
        try:
            async with asyncio.timeout(2):
                await asyncio.get_running_loop().sock_connect(knocking, (SERVER[version], 25))
        except TimeoutError:
            return False
        except OSError:
            return True
    return True


def judge_by_routes() -> None:
    """On the bridge's frames, as many machines do."""
    with inside(NETWORK.namespace("device")):
        Path("/proc/sys/net/ipv4/conf/br0/rp_filter").write_text("1")


async def run_in(host: str, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command_in(NETWORK, host, *command))
    assert await process.wait() == 0


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
