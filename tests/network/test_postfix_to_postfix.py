"""A Postfix sends to a Postfix through the device in the routed path, and captures on both of its sides are the witnesses."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from scapy.layers.inet import ICMP, IP

from cloud.quarantine.lifecycle import State
from lab.demo.visitor import attachments_of, link_in
from lab.topology.build import inside
from lab.traffic.samples.documents import clean_pdf, macro_document
from lab.traffic.samples.sample import Sample
from tests.network.path import CLIENT, NETWORK, SERVER, WEB
from tests.network.two_captures import Conversation, captures
from tests.network.two_postfixes import TwoPostfixes, two_postfixes
from tests.people import Administrator, Device, Mail, mail

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.root, pytest.mark.programs]
TLS_HANDSHAKE = b"\x16\x03"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def between(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoPostfixes]:
    async with two_postfixes(tmp_path_factory.mktemp("postfixes")) as made:
        yield made


def letter(to: str, *files: Sample) -> Mail:
    """A mail to which Postfix has nothing to add but in front: it has a Message-ID."""
    return mail(to, *files, identity=to.partition("@")[0])


def as_kept(sent: Mail) -> bytes:
    """As a mailbox has it: Postfix puts fields in front, and writes LF."""
    return sent.content.replace(b"\r\n", b"\n")


def encrypted_part(said: bytes) -> bytes:
    """What a client or server said once it agreed on TLS."""
    return said[said.index(TLS_HANDSHAKE) :]


async def test_addresses_and_ports_are_the_same_on_both_sides(between: TwoPostfixes) -> None:
    """Two connections, one on each side, with the same four numbers; the server's Postfix names its client by them, too."""
    sent = letter("plain@example.net")
    with captures() as seen:
        delivered = await between.deliver(sent)
        near, far = seen.mail()
    assert delivered.endswith(as_kept(sent))
    [ends] = near
    assert list(far) == [ends]
    assert (ends.client, ends.server) == (CLIENT[4], SERVER[4])
    assert near[ends].first != far[ends].first, "one connection from end to end: nobody can have looked into it"
    assert await between.server.logs(f"client=unknown[{ends.client}]:{ends.client_port}")


async def test_starttls_is_inspected_and_a_harmless_file_comes_out_as_it_went_in(between: TwoPostfixes) -> None:
    """TLS on both legs, and not the same: between the two the device has read the mail."""
    file = clean_pdf()
    before = await Device(between.site).counters()
    sent = letter("harmless@example.net", file)
    with captures() as seen:
        delivered = await between.deliver(sent)
        near, far = seen.mail()
    assert delivered.endswith(as_kept(sent))
    assert attachments_of(delivered) == {file.name: file.content}
    for side in (near, far):
        for said in side.values():
            assert is_encrypted_after_starttls(said)
    [ends] = near
    assert encrypted_part(near[ends].client) != encrypted_part(far[ends].client)
    after = await Device(between.site).counters()
    assert after["file-submission-success"] == before.get("file-submission-success", 0) + 1
    assert after.get("session-uninspected", 0) == 0


def is_encrypted_after_starttls(said: Conversation) -> bool:
    """Both sides begin a handshake right behind the command and its reply, and nothing of the mail is in sight."""
    _, _, after = said.client.partition(b"STARTTLS\r\n")
    return (
        after.startswith(TLS_HANDSHAKE)
        and said.server[: said.server.index(TLS_HANDSHAKE)].endswith(b"\r\n")
        and b"MAIL FROM" not in said.client
        and b"Subject" not in said.client
    )


async def test_a_malicious_file_inside_of_tls_is_kept_and_a_replacement_goes_on(between: TwoPostfixes) -> None:
    sent = letter("malicious@example.net", macro_document())
    with captures() as seen:
        delivered = await between.deliver(sent)
        near, far = seen.mail()
    assert link_in(delivered)
    assert attachments_of(delivered) == {}
    [ends] = near
    assert is_encrypted_after_starttls(near[ends])
    assert is_encrypted_after_starttls(far[ends])
    assert (await Administrator(between.site).held(sent)).status is State.HELD


async def test_what_is_not_mail_is_forwarded_as_it_is(between: TwoPostfixes) -> None:
    """Another TCP port, UDP and ping: the same packets on both sides, up to sequence numbers and checksums."""
    sessions = (await Device(between.site).counters())["session-interested"]
    with captures() as seen:
        await echoed_by_tcp()
        await echoed_by_udp()
        await ping()
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP):
            near, far = seen.packets(protocol=protocol)
            assert len(near) >= 2
            assert near == far
    assert (await Device(between.site).counters())["session-interested"] == sessions


def socket_on(host: str, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
    with inside(NETWORK.namespace(host)):
        made = socket.socket(socket.AF_INET, kind, protocol)
    made.setblocking(False)
    return made


async def echoed_by_tcp() -> None:
    loop = asyncio.get_running_loop()
    with socket_on("server", socket.SOCK_STREAM) as listening, socket_on("client", socket.SOCK_STREAM) as client:
        listening.bind((SERVER[4], WEB))
        listening.listen()
        async with asyncio.timeout(20):
            await loop.sock_connect(client, (SERVER[4], WEB))
            server, peer = await loop.sock_accept(listening)
            with server:
                assert peer == client.getsockname()
                await loop.sock_sendall(client, b"EHLO is no mail here\r\n")
                await loop.sock_sendall(server, await loop.sock_recv(server, 100))
                assert await loop.sock_recv(client, 100) == b"EHLO is no mail here\r\n"


async def echoed_by_udp() -> None:
    """To port 25: the number alone makes no mail of it."""
    loop = asyncio.get_running_loop()
    with socket_on("server", socket.SOCK_DGRAM) as server, socket_on("client", socket.SOCK_DGRAM) as client:
        server.bind((SERVER[4], 25))
        async with asyncio.timeout(20):
            await loop.sock_connect(client, (SERVER[4], 25))
            await loop.sock_sendall(client, b"hello")
            said, peer = await loop.sock_recvfrom(server, 100)
            assert peer == client.getsockname()
            await loop.sock_sendto(server, said, peer)
            assert await loop.sock_recv(client, 100) == b"hello"


async def ping() -> None:
    loop = asyncio.get_running_loop()
    with socket_on("client", socket.SOCK_RAW, socket.IPPROTO_ICMP) as client:
        client.connect((SERVER[4], 0))
        async with asyncio.timeout(20):
            await loop.sock_sendall(client, bytes(ICMP(id=25, seq=1) / b"hello"))
            reply = IP(await loop.sock_recv(client, 1500))
    assert (reply[ICMP].type, reply[ICMP].id, bytes(reply[ICMP].payload)) == (0, 25, b"hello")


async def test_a_device_that_stops_or_dies_lets_mail_pass(between: TwoPostfixes) -> None:
    """Fail-open: then client and server have one connection, byte for byte the same on both sides."""
    for end, address in ((between.stop_device, "stopped@example.net"), (between.kill_device, "killed@example.net")):
        await end()
        sent = letter(address, macro_document())
        with captures() as seen:
            delivered = await between.deliver(sent)
            near, far = seen.mail()
        assert delivered.endswith(as_kept(sent))
        assert near == far
        assert len(near) == 1
        await between.start_device()


async def test_a_device_that_fails_closed_holds_mail_back_until_it_is_there_again(between: TwoPostfixes) -> None:
    """Stopped or killed: the client's Postfix is refused and keeps the mail; nothing of it reaches the server's side."""
    await between.stop_device()
    sent = [letter("after-stop@example.net"), letter("after-kill@example.net")]
    for end, each in zip((between.stop_device, between.kill_device), sent, strict=True):
        await between.start_device("--when-stopped=block")
        await end()
        with captures() as seen:
            said = await between.hand_in(each)
            near, far = seen.mail()
        assert "status=deferred" in said
        assert "Connection refused" in said
        assert near
        assert far == {}
    await between.start_device()
    await between.client.command("postqueue", "-f")
    for each in sent:
        [delivered] = await between.server.delivered(each.recipients[0])
        assert delivered.endswith(as_kept(each))
