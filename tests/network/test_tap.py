"""`srx tap` as a real process on the router between a client and a mail server: it sees what passes, and changes nothing."""

import asyncio
import hashlib
import json
import signal
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from device.interception import live
from device.interception.live import LiveCapture
from device.smtp.intake import Endpoint
from lab.processes import command_line
from lab.topology.build import command_in, inside
from tests.certificates import TestAuthority
from tests.network.path import CLIENT, NETWORK, SERVER, InPath, in_path, on_device
from tests.programs import need
from tests.wiretap import MAIL, Wire, packet

pytestmark = pytest.mark.root
FILE = bytes(range(256)) * 4096
SECONDS = 60
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[InPath]:
    async with in_path(tmp_path) as made:
        yield made


class Tapping:
    """The running command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self.out, self._err = process.stdout, process.stderr
        self.ready = ""

    async def hear(self) -> str:
        """What it says first, on standard error: that it listens."""
        self.ready = (await asyncio.wait_for(self._err.readline(), SECONDS)).decode()
        assert self.ready.startswith("srx: listening"), self.ready + (await self._err.read()).decode()
        return self.ready

    async def told(self) -> dict[str, Any]:
        """The next object."""
        told: dict[str, Any] = json.loads(await asyncio.wait_for(self.out.readline(), SECONDS))
        return told

    async def end(self, status: int = 0) -> dict[str, Any]:
        """Its summary, once it has ended; nothing else was told."""
        out, err = await asyncio.wait_for(self.process.communicate(), SECONDS)
        assert (self.process.returncode, out) == (status, b""), err.decode()
        summary: dict[str, Any] = json.loads(err.splitlines()[0])
        return summary

    async def stop(self) -> dict[str, Any]:
        self.process.terminate()
        return await self.end()


@asynccontextmanager
async def tapping(*flags: str, interface: str = "ge0") -> AsyncIterator[Tapping]:
    """The command on the router, from its first word on; killed where the test has not ended it."""
    command = command_in(NETWORK, "device", *command_line("srx", "tap", "--interface", interface, *flags))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, limit=2**20)
    try:
        made = Tapping(process)
        await made.hear()
        yield made
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def send(server: str, client: str = "", host: str = "client") -> None:
    """One mail with a file of 1 MiB, by smtplib, mostly on the client's machine."""
    message = EmailMessage()
    message["Subject"] = "a file"
    message.set_content("attached")
    message.add_attachment(FILE, maintype="application", subtype="octet-stream", filename="file.bin")
    with inside(NETWORK.namespace(host)):
        smtp = smtplib.SMTP(server, 25, "client.example.org", timeout=SECONDS, source_address=(client, 0))
    with smtp:
        smtp.send_message(message, "ann@example.org", ["bob@example.net"])


def expected(notes: list[str]) -> dict[str, Any]:
    file = {"name": "file.bin", "type": "application/octet-stream", "bytes": len(FILE)}
    return {
        "mail_from": "ann@example.org",
        "rcpt_to": ["bob@example.net"],
        "attachments": [{**file, "sha256": hashlib.sha256(FILE).hexdigest()}],
        "notes": ["would ask the cloud: the score of 1 file decides", *notes],
    }


def of_message(told: dict[str, Any]) -> dict[str, Any]:
    """What `srx inspect` says of it, too; without what depends on the machine's pace."""
    notes = [note for note in told["notes"] if note not in ("tcp.out-of-order", "tcp.retransmitted")]
    return {name: told[name] for name in ("mail_from", "rcpt_to", "attachments")} | {"notes": notes}


@pytest.mark.parametrize("version", [4, 6])
async def test_a_mail_is_told_as_it_passes(path: InPath, version: int) -> None:
    """Who with whom, what, and what would be done; and the interface is not made promiscuous."""
    async with tapping("--json") as tap:
        assert "not promiscuous" in tap.ready
        await asyncio.to_thread(send, SERVER[version], CLIENT[version])
        told = await tap.told()
        assert of_message(told) == expected([])
        [mail] = path.arrived(version)
        assert told["client"].replace("[", "").replace("]", "") == mail.client
        assert told["server"] in ("198.51.100.25:25", "[2001:db8:2::25]:25")
        assert "promiscuity 0" in await on_device("ip", "-d", "link", "show", "ge0")
        summary = await tap.stop()
    assert (summary["messages"], summary["connections"], summary["dropped_by_kernel"]) == (1, 1, 0)
    assert (summary["given_up"], summary["remarks"], summary["sessions_without_message"]) == ({}, {}, 0)


async def test_each_message_is_told_at_its_end_and_count_ends_the_tap(path: InPath) -> None:
    """The connection is still open when its message is told."""
    async with tapping("--json", "--count", "1") as tap, path.talk(4) as talk:
        await talk.mail()
        assert (await tap.told())["notes"] == ["would deliver: no-attachment"]
        assert (await tap.end())["messages"] == 1


async def test_promiscuous_mode_is_what_was_asked_for_and_ends_with_the_tap(path: InPath) -> None:
    async with tapping("--json", "--promiscuous") as tap:
        assert "(promiscuous)" in tap.ready
        assert "promiscuity 1" in await on_device("ip", "-d", "link", "show", "ge0")
        await tap.stop()
    assert "promiscuity 0" in await on_device("ip", "-d", "link", "show", "ge0")


async def test_on_loopback_each_packet_is_taken_once(path: InPath) -> None:
    """The kernel shows it going out and coming in. What TCP sends twice has another number."""
    with inside(NETWORK.namespace("server")):
        capture = LiveCapture("lo", [25], promiscuous=False)
    with capture:
        await asyncio.to_thread(send, SERVER[4], SERVER[4], "server")
        taken = [frame.data for frame in capture.frames(SECONDS)]
    assert len(taken) > 10
    assert len(set(taken)) == len(taken)


async def test_for_people_it_is_text_and_ctrl_c_ends_it(path: InPath) -> None:
    async with tapping() as tap:
        await path.mail(4)
        await asyncio.wait_for(tap.out.readline(), SECONDS)
        tap.process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(tap.process.communicate(), SECONDS)
    assert tap.process.returncode == 0
    assert out.decode().startswith("  <ann@example.org> → <bob@example.net>\n  - would deliver: no-attachment\n")
    assert "srx: the tap ends\n" in err.decode()
    assert "  messages: 1\n" in err.decode()
    assert "  dropped by kernel: 0\n" in err.decode()


async def test_a_connection_from_before_the_tap_is_taken_up_in_the_middle(path: InPath) -> None:
    async with path.talk(4) as talk:
        await talk.hear("220 ")
        async with tapping("--json") as tap:
            await talk.say("EHLO client.example.org", "250 ")
            await talk.say("MAIL FROM:<ann@example.org>", "250 ")
            await talk.say("RCPT TO:<bob@example.net>", "250 ")
            await talk.say("DATA", "354 ")
            await talk.say("Subject: hello\r\n\r\nhello\r\n.", "250 ")
            told = await tap.told()
    assert (told["mail_from"], told["rcpt_to"]) == ("ann@example.org", ["bob@example.net"])
    assert {"tcp.started-in-the-middle", "smtp.searched"} <= set(told["notes"])


async def test_only_the_ports_that_are_named_are_heard(path: InPath) -> None:
    async with tapping("--json", "--port", "2525", "--port", "587") as tap:
        await path.mail(4)
        assert (await tap.stop())["packets"] == 0


def allow_cutting() -> None:
    """/proc shows the switches of the thread's own namespace (ip-sysctl)."""
    with inside(NETWORK.namespace("client")):
        Path("/proc/sys/net/ipv4/ip_no_pmtu_disc").write_text("1")


async def test_ip_fragments_are_put_together(path: InPath) -> None:
    """The router's way to the server is narrow, and the client doesn't forbid it to cut packets."""
    allow_cutting()
    await on_device("ip", "link", "set", "ge1", "mtu", "600")
    async with tapping("--json", interface="ge1") as tap:
        await asyncio.to_thread(send, SERVER[4])
        told = await tap.told()
        summary = await tap.stop()
    assert of_message(told) == expected([])
    assert list(summary["remarks"]) == ["capture.fragments"]
    assert summary["remarks"]["capture.fragments"] > 500


def tagged(frame: Packet) -> Sequence[Packet]:
    return [ETHER / Dot1Q(vlan=7) / frame]


def tagged_twice(frame: Packet) -> Sequence[Packet]:
    return [ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=8) / frame]


def with_extensions(frame: Packet) -> Sequence[Packet]:
    return [ETHER / IPv6(src=frame.src, dst=frame.dst) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / frame.payload]


def in_pieces(frame: Packet) -> Sequence[Packet]:
    """The last piece first."""
    frame.payload.chksum = 0  # nobody looks at it, and the pieces alone give none
    payload = bytes(frame.payload)
    number = crc32(payload)
    starts = range(0, len(payload), 16)
    pieces = [
        ETHER
        / IPv6(src=frame.src, dst=frame.dst)
        / IPv6ExtHdrFragment(nh=6, id=number, offset=start // 8, m=int(start != starts[-1]))
        / Raw(payload[start : start + 16])
        for start in starts
    ]
    return pieces[::-1]


@pytest.mark.parametrize("wrapped", [tagged, tagged_twice, with_extensions, in_pieces])
async def test_what_hides_the_port_is_looked_behind(
    path: InPath, wrapped: Callable[[Packet], Sequence[Packet]]
) -> None:
    """VLAN tags, extension headers, IPv6 fragments: frames that scapy makes, and the real kernel's filter."""
    wire = Wire(Endpoint(CLIENT[6], 40000), Endpoint(SERVER[6], 25))
    with inside(NETWORK.namespace("client")):
        sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sending:
        sending.bind(("eth0", 0))
        async with tapping("--json") as tap:
            for segment in wire.segments(MAIL, size=200):
                for frame in wrapped(packet(segment)):
                    sending.send(bytes(frame))
            told = await tap.told()
            await tap.stop()
    assert (told["mail_from"], [each["name"] for each in told["attachments"]]) == ("a@example.com", ["a.pdf"])
    assert told["notes"] == ["would ask the cloud: the score of 1 file decides"]


async def test_an_encrypted_session_is_told_as_such(path: InPath, tmp_path: Path) -> None:
    """TLS from the first byte on port 465: it is told when it is over."""
    context = TestAuthority(tmp_path).server("mail.example.net").context()
    with inside(NETWORK.namespace("server")):
        server = await asyncio.start_server(_greeting, SERVER[4], 465, ssl=context)

    def talk() -> None:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with inside(NETWORK.namespace("client")):
            smtp = smtplib.SMTP_SSL(SERVER[4], 465, "client.example.org", timeout=SECONDS, context=trusting)
        smtp.close()

    async with server, tapping("--json") as tap:
        await asyncio.to_thread(talk)
        told = await tap.told()
        summary = await tap.stop()
    assert (told["mail_from"], told["server"]) == (None, "198.51.100.25:465")
    assert {"tls.implicit", "smtp.no-message"} <= set(told["notes"])
    assert (summary["messages"], summary["sessions_without_message"]) == (0, 1)


async def _greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.net\r\n")
    await reader.read()
    writer.close()


async def test_an_interface_that_goes_down_may_come_back_and_one_that_is_gone_ends_the_tap(path: InPath) -> None:
    async with tapping("--json") as tap:
        await on_device("ip", "link", "set", "ge0", "down")
        await on_device("ip", "link", "set", "ge0", "up")
        await path.mail(4)
        assert (await tap.told())["mail_from"] == "ann@example.org"
        await on_device("ip", "link", "delete", "ge0")
        assert (await tap.end(status=1))["messages"] == 1


async def test_packets_that_the_kernel_drops_are_counted(path: InPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads, and there is room for hardly a packet."""
    monkeypatch.setattr(live, "RECEIVE_BUFFER", 0)
    with inside(NETWORK.namespace("device")):
        capture = LiveCapture("ge0", [25], promiscuous=False)
    with capture:
        await asyncio.to_thread(send, SERVER[4])
        capture.frames(0)
        assert capture.dropped > 10


async def test_without_the_privilege_it_says_what_to_do(path: InPath) -> None:
    need("setpriv")
    command = ["setpriv", "--bounding-set=-net_raw", *command_line("srx", "tap", "--interface", "ge0")]
    said = await on_device(*command, status=1)
    assert "watching an interface needs root, or the capability CAP_NET_RAW" in said
    assert "srx inspect" in said


async def test_an_interface_that_is_not_there_is_named_with_those_that_are(path: InPath) -> None:
    said = await on_device(*command_line("srx", "tap", "--interface", "eth9"), status=2)
    assert "there is no interface eth9" in said
    assert "ge0, ge1" in said or "ge1, ge0" in said
