"""The device in the routed path: client, device and server in namespaces of their own, real sockets and the real kernel."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.topology.build import inside
from tests.network.path import NETWORK, WEB, InPath, in_path

pytestmark = pytest.mark.root
BOTH = (4, 6)
STRANGERS_TABLE = """
table inet stranger {
  chain in { type filter hook input priority filter; policy accept; ct state invalid counter drop; }
  chain out { type filter hook output priority filter; policy accept; ct state invalid counter drop; }
  chain through { type filter hook forward priority filter; policy accept; ct state invalid counter drop; }
}
"""


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[InPath]:
    async with in_path(tmp_path) as made:
        yield made


async def test_server_and_client_see_each_other_and_nobody_else(path: InPath) -> None:
    """Addresses and ports are kept on both sides, and the device has had the message all the same."""
    ready = await path.start_device()
    assert ready.ready == {"ports": [25, 587], "families": ["IPv4", "IPv6"]}
    for count, version in enumerate(BOTH, 1):
        await path.mail(version)
        assert path.sessions() == count
    assert (await path.status())["interception"] == "transparent"


async def test_workers_share_what_the_kernel_leads_to_them(path: InPath) -> None:
    """Each has sockets of its own behind the same rules; after the stop nothing is left, and mail passes."""
    await path.start_device("--workers=2")
    for _ in range(4):
        for version in BOTH:
            await path.mail(version)
    assert path.sessions() == 8
    assert path.workers_that_served() == {1, 2}
    assert [each["serving"] for each in (await path.status())["workers"]] == [True, True]
    await path.stop_device()
    assert await path.in_kernel() == ""
    await path.mail(4)
    assert path.sessions() == 8


async def test_what_is_not_intercepted_is_forwarded(path: InPath) -> None:
    """Another port: the device has no session of it, and the server its client."""
    await path.start_device()
    for version in BOTH:
        async with path.talk(version, WEB) as talk:
            talk.writer.write(b"GET / HTTP/1.0\r\n")
            assert await talk.reader.readline() == b"GET / HTTP/1.0\r\n"
            assert path.seen_at_web[-1] == talk.own
    assert path.sessions() == 0


async def test_only_the_ports_that_are_named_are_taken(path: InPath) -> None:
    """Port 25 is not named here: it passes uninspected."""
    await path.start_device("--ports=587,2525")
    await path.mail(4)
    assert path.sessions() == 0


async def test_what_is_meant_for_the_device_itself_is_left_to_it(path: InPath) -> None:
    """Port 25 of the machine that it runs on: nobody listens there, and the device doesn't dial itself."""
    await path.start_device()
    with inside(NETWORK.namespace("client")):
        knocking = socket.socket()
    knocking.setblocking(False)
    with knocking, pytest.raises(ConnectionRefusedError):
        await asyncio.get_running_loop().sock_connect(knocking, ("198.51.100.1", 25))
    assert path.sessions() == 0


async def test_a_stopped_device_lets_mail_pass_and_leaves_nothing(path: InPath) -> None:
    """Fail-open: the default."""
    await path.start_device()
    assert "srx_" in await path.in_kernel()
    await path.stop_device()
    assert await path.in_kernel() == ""
    for version in BOTH:
        await path.mail(version)
    assert path.sessions() == 0


async def test_a_stopped_device_that_fails_closed_refuses_mail_alone(path: InPath) -> None:
    """While it runs mail goes through it; afterwards none passes, but everything else does, until somebody lets it."""
    await path.start_device("--when-stopped=block")
    for version in BOTH:
        await path.mail(version)
    await path.stop_device()
    for version in BOTH:
        with pytest.raises(ConnectionRefusedError):
            await path.mail(version)
        async with path.talk(version, WEB) as talk:
            talk.writer.write(b"\r\n")
            assert await talk.reader.readline() == b"\r\n"
    await path.say("stop", "--let-pass")
    assert await path.in_kernel() == ""
    for version in BOTH:
        await path.mail(version)


async def test_a_running_device_that_fails_closed_can_be_told_to_let_pass(path: InPath) -> None:
    device = await path.start_device("--when-stopped=block")
    await path.say("stop", "--let-pass")
    assert await device.ended() == 0
    assert await path.in_kernel() == ""


async def test_a_killed_device_lets_mail_pass_until_it_is_there_again(path: InPath) -> None:
    """Kill -9 leaves the rules; nobody listens behind them, so mail passes. A restart has them once, a stop none."""
    await path.start_device()
    before = await path.in_kernel()
    await path.kill_device()
    await path.mail(4)
    await path.mail(6)
    assert path.sessions() == 0
    await path.start_device()
    again = await path.in_kernel()
    assert [line.split("tproxy")[0] for line in again.splitlines()] == [
        line.split("tproxy")[0] for line in before.splitlines()
    ]
    await path.mail(4)
    assert path.sessions() == 1
    await path.stop_device()
    assert await path.in_kernel() == ""


async def test_a_killed_device_that_fails_closed_refuses_mail(path: InPath) -> None:
    await path.start_device("--when-stopped=block")
    await path.kill_device()
    for version in BOTH:
        with pytest.raises(ConnectionRefusedError):
            await path.mail(version)
    await path.say("stop")
    with pytest.raises(ConnectionRefusedError):
        await path.mail(4)
    await path.start_device()
    await path.stop_device()
    await path.mail(4)


async def test_stop_takes_back_what_a_killed_device_left(path: InPath) -> None:
    """And where nothing is left, it says that no device runs."""
    await path.start_device()
    await path.kill_device()
    await path.say("stop")
    assert await path.in_kernel() == ""
    assert "no device runs" in await path.say("stop", status=1)


async def test_a_firewall_that_follows_connections_is_neither_disturbed_nor_touched(path: InPath) -> None:
    """Two legs with the same addresses and ports: a connection tracker must not take them for one."""
    await path.on_device("nft", "-f", "-", text=STRANGERS_TABLE)
    await path.start_device()
    for version in (*BOTH, *BOTH):
        await path.mail(version)
    assert path.sessions() == 4
    await path.stop_device()
    left = await path.on_device("nft", "list", "ruleset")
    assert left.count("chain") == 3
    assert left.count("counter packets 0 bytes 0") == 3


async def test_a_connection_from_before_the_device_goes_on(path: InPath) -> None:
    """It was not taken at its beginning, so it passes to its end."""
    async with path.talk(4) as talk:
        await talk.hear("220 ")
        await path.start_device()
        await talk.say("EHLO client.example.org", "250 ")
        await talk.say("QUIT", "221 ")
    assert path.sessions() == 0


async def test_mail_under_way_is_finished_when_the_device_stops(path: InPath) -> None:
    """The rules stand until it is."""
    device = await path.start_device()
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
        await talk.say("Subject: late\r\n\r\nbut whole\r\n.", "250 ")
        await talk.hear("421 ")
    assert await device.ended() == 0
    assert await path.in_kernel() == ""
    assert [mail.subject() for mail in path.arrived(4)] == ["late"]


async def test_a_port_that_is_still_taken_costs_the_port_alone(path: InPath) -> None:
    """A client that resets and comes again from the same port: the old connection to the server lingers."""
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


async def test_the_status_says_which_way_runs_and_what_the_other_needs(path: InPath) -> None:
    await path.start_device("--when-stopped=block", "--ports=25")
    told = await path.status()
    assert told["listen"] == "port 25 of every server (IPv4, IPv6)"
    assert (told["when_stopped"], told["other_ways"]["explicit"]) == ("block", "possible")
    assert told["other_ways"]["bridge"] == "this machine has no bridge of two ports"
    assert not any("forwarding" in warning for warning in told["warnings"])
