"""The device in the routed path of a kernel without TPROXY: connections are redirected to it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.processes import command_line
from lab.topology.build import inside
from lab.waiting import until
from tests.network.path import NETWORK, REDIRECTED, WEB, InPath, Talk, in_path

pytestmark = pytest.mark.root
BOTH = (4, 6)
DEVICE = {4: "198.51.100.1", 6: "2001:db8:2::1"}
CONSENT = "--accept-open-relay"


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[InPath]:
    async with in_path(tmp_path, REDIRECTED) as made:
        yield made


async def test_the_client_sees_its_server_and_the_server_sees_the_device(path: InPath) -> None:
    """So it says in its status; what isn't mail is forwarded as ever."""
    ready = await path.start_device(CONSENT)
    assert ready.ready == {"ports": [25, 587], "families": ["IPv4", "IPv6"]}
    for count, version in enumerate(BOTH, 1):
        async with path.talk(version) as talk:
            await talk.mail()
            assert talk.peer == (path.site.server[version], 25)
        assert path.arrived(version)[-1].client.rpartition(":")[0] == DEVICE[version]
        assert path.sessions() == count
        async with path.talk(version, WEB) as other:
            other.writer.write(b"\r\n")
            assert await other.reader.readline() == b"\r\n"
            assert path.seen_at_web[-1] == other.own
    told = await path.status()
    assert told["interception"] == "redirect"
    assert "Mail servers see this device's address instead of the client's." in told["warnings"]


async def test_workers_share_what_is_redirected(path: InPath) -> None:
    """Each has sockets of its own, and finds out whom its client means; what is under way in one is finished at a stop."""
    device = await path.start_device(CONSENT, "--workers=2")
    for count in range(4):
        for version in BOTH:
            async with path.talk(version) as talk:
                await talk.mail()
            assert len(path.arrived(version)) == count + 1
    assert path.sessions() == 8
    assert path.workers_that_served() == {1, 2}
    async with path.talk(4) as talk:
        await talk.hear("220 ")
        await talk.say("EHLO client.example.org", "250 ")
        await talk.say("MAIL FROM:<ann@example.org>", "250 ")
        async with path.talk(4) as idle:
            await idle.hear("220 ")
            await path.say("stop")
            await idle.hear("421 ")
        async with path.talk(4) as newcomer:
            await newcomer.mail()
            assert path.arrived(4)[-1].client == f"{newcomer.own[0]}:{newcomer.own[1]}"
        await talk.say("RSET", "250 ")
    assert await device.ended() == 0
    assert await path.in_kernel() == ""


async def test_the_server_learns_the_client_where_it_is_told(path: InPath) -> None:
    """By the PROXY protocol, which this server doesn't speak: its first line is there, before anything of SMTP."""
    await path.start_device("--client-address=proxy", "--ports=80")
    async with path.talk(4, WEB) as talk:
        expected = f"PROXY TCP4 {talk.own[0]} {path.site.server[4]} {talk.own[1]} {WEB}\r\n".encode()
        assert await talk.reader.readline() != b""
    assert path.heard_at_web[-1] == expected


async def test_an_open_relay_wants_consent(path: InPath) -> None:
    """The server would take every client for the device."""
    run = command_line("srx", "run", "--intercept=redirect")
    said = await path.on_device(*run, status=2, environment=path.environment)
    assert "Redirecting mail would let the server take every client for this device" in said
    assert CONSENT in said


async def test_a_client_of_the_listener_itself_gets_nowhere(path: InPath) -> None:
    """It was not redirected, so it means no server: the device doesn't dial itself."""
    await path.start_device(CONSENT)
    ruleset = await path.on_device("nft", "list", "ruleset")
    port = int(ruleset.partition("redirect to :")[2].split()[0])
    with inside(NETWORK.namespace("client")):
        knocking = socket.socket()
    knocking.setblocking(False)
    await asyncio.get_running_loop().sock_connect(knocking, ("192.0.2.1", port))
    reader, writer = await asyncio.open_connection(sock=knocking)
    await Talk(reader, writer, knocking.getsockname(), knocking.getpeername()).hear("421 ")
    writer.close()
    assert path.arrived(4) == ()


async def test_stopped_or_killed_mail_passes_and_nothing_is_left(path: InPath) -> None:
    """Fail-open. Mail under way is finished although new mail passes the device by."""
    await path.start_device(CONSENT)
    await path.kill_device()
    await until(lambda: nothing_left(path), 20)
    device = await path.start_device(CONSENT)
    async with path.talk(4) as talk:
        await talk.hear("220 ")
        await talk.say("EHLO client.example.org", "250 ")
        await talk.say("MAIL FROM:<ann@example.org>", "250 ")
        async with path.talk(4) as idle:
            await idle.hear("220 ")
            await path.say("stop")
            await idle.hear("421 ")
        async with path.talk(4) as newcomer:
            await newcomer.mail()
            assert path.arrived(4)[-1].client == f"{newcomer.own[0]}:{newcomer.own[1]}"
        await talk.say("RCPT TO:<bob@example.net>", "250 ")
        await talk.say("DATA", "354 ")
        await talk.say("Subject: late\r\n\r\nbut whole\r\n.", "250 ")
    assert await device.ended() == 0
    assert await path.in_kernel() == ""
    assert len(path.arrived(4)) == 2


async def test_a_device_that_fails_closed_refuses_mail_alone(path: InPath) -> None:
    """Killed and stopped alike, until somebody lets it pass."""
    await path.start_device(CONSENT, "--when-stopped=block")
    async with path.talk(6) as talk:
        await talk.mail()
    await path.kill_device()
    for version in BOTH:
        with pytest.raises(ConnectionRefusedError):
            await path.mail(version)
        async with path.talk(version, WEB) as other:
            other.writer.write(b"\r\n")
            assert await other.reader.readline() == b"\r\n"
    await path.start_device(CONSENT, "--when-stopped=block")
    await path.stop_device()
    with pytest.raises(ConnectionRefusedError):
        await path.mail(4)
    await path.say("stop", "--let-pass")
    assert await path.in_kernel() == ""
    await path.mail(4)


async def nothing_left(path: InPath) -> bool:
    """The kernel has removed the table with its owner."""
    return await path.in_kernel() == ""
