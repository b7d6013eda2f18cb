"""A client, a device in the path, and a server: three namespaces, and what tests do in them."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cloud.address import Address
from device import control
from lab.mailserver.inbox import Mail
from lab.mailserver.server import MailServer, mail_server
from lab.processes import Running, command_line, start
from lab.topology.build import CannotBuild, built, command_in, inside
from lab.topology.hosts import Bridge, Cable, Host, Network, Port
from tests.programs import go_without, need, need_root

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
SUBMISSION, WEB = 587, 80


@dataclass(frozen=True, slots=True)
class Site:
    """A network of client, device and server, the addresses of its ends by version of IP, and how the device intercepts."""

    network: Network
    client: Mapping[int, str]
    server: Mapping[int, str]
    intercept: str


NETWORK = Network(
    f"srx{os.getpid()}",
    (
        Host("client", (Port.of("eth0", "192.0.2.10/24", "2001:db8:1::10/64"),), ("192.0.2.1", "2001:db8:1::1")),
        Host(
            "device",
            (
                Port.of("ge0", "192.0.2.1/24", "2001:db8:1::1/64"),
                Port.of("ge1", "198.51.100.1/24", "2001:db8:2::1/64"),
            ),
            forwards=True,
        ),
        Host("server", (Port.of("eth0", "198.51.100.25/24", "2001:db8:2::25/64"),), ("198.51.100.1", "2001:db8:2::1")),
    ),
    (Cable(("client", "eth0"), ("device", "ge0")), Cable(("server", "eth0"), ("device", "ge1"))),
)
CLIENT = {4: "192.0.2.10", 6: "2001:db8:1::10"}
SERVER = {4: "198.51.100.25", 6: "2001:db8:2::25"}
ROUTED = Site(NETWORK, CLIENT, SERVER, "transparent")
REDIRECTED = Site(NETWORK, CLIENT, SERVER, "redirect")
BRIDGED = Site(
    Network(
        f"srxb{os.getpid()}",
        (
            Host("client", (Port.of("eth0", "192.0.2.10/24", "2001:db8::10/64"),)),
            Host("device", (Port.of("ge0"), Port.of("ge1")), bridges=(Bridge("br0", ("ge0", "ge1")),)),
            Host("server", (Port.of("eth0", "192.0.2.25/24", "2001:db8::25/64"),)),
        ),
        (Cable(("client", "eth0"), ("device", "ge0")), Cable(("server", "eth0"), ("device", "ge1"))),
    ),
    {4: "192.0.2.10", 6: "2001:db8::10"},
    {4: "192.0.2.25", 6: "2001:db8::25"},
    "bridge",
)


@dataclass
class Talk:
    """A client's SMTP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    own: tuple[str, int]
    peer: tuple[str, int]

    async def say(self, line: str, expected: str) -> None:
        """Send a line, and read replies until one that begins so."""
        self.writer.write(line.encode() + b"\r\n")
        await self.hear(expected)

    async def hear(self, expected: str) -> None:
        while not (line := await self.reader.readline()).startswith(expected.encode()):
            assert line[3:4] == b"-", line

    async def mail(self) -> None:
        """One message without attachment, from the greeting to its 250."""
        await self.hear("220 ")
        await self.say("EHLO client.example.org", "250 ")
        await self.say("MAIL FROM:<ann@example.org>", "250 ")
        await self.say("RCPT TO:<bob@example.net>", "250 ")
        await self.say("DATA", "354 ")
        await self.say("Subject: hello\r\n\r\nhello\r\n.", "250 ")


@dataclass
class InPath:
    """The network with its mail servers; the device is started and stopped by tests."""

    site: Site
    folder: Path
    servers: dict[int, MailServer]
    seen_at_web: list[tuple[str, int]] = field(default_factory=list)
    heard_at_web: list[bytes] = field(default_factory=list)
    device: Running | None = None

    async def start_device(self, *flags: str) -> Running:
        arguments = command_line(
            "srx",
            "run",
            f"--intercept={self.site.intercept}",
            "--json",
            "--log-format=json",
            "--log-level=debug",
            *flags,
        )
        command = command_in(self.site.network, "device", *arguments)
        self.device = await start(command, self.folder / "device.log", self.environment)
        return self.device

    async def say(self, *arguments: str, status: int = 0) -> str:
        """A command of the device's, on its machine; what it prints."""
        return await self.on_device(*command_line("srx", *arguments), status=status, environment=self.environment)

    async def stop_device(self) -> None:
        assert self.device is not None
        assert await self.device.stop() == 0, self.device.log.read_text()
        self.device = None

    async def kill_device(self) -> None:
        assert self.device is not None
        await self.device.kill()
        self.device = None

    async def status(self) -> dict[str, Any]:
        return await control.ask(self.folder / "state", "status")

    @property
    def environment(self) -> dict[str, str]:
        return {"SRX_STATE": str(self.folder / "state")}

    def log(self) -> list[dict[str, Any]]:
        """What the device has logged, in all its lives."""
        return [json.loads(line) for line in (self.folder / "device.log").read_text().splitlines()]

    def sessions(self) -> int:
        """How many the device has had, in all its lives."""
        return (self.folder / "device.log").read_text().count('"session.opened"')

    def workers_that_served(self) -> set[int]:
        """Their numbers."""
        return {line["worker"] for line in self.log() if line["event"] == "session.opened"}

    def arrived(self, version: int) -> tuple[Mail, ...]:
        return self.servers[version].inboxes.all()

    @asynccontextmanager
    async def talk(
        self, version: int, port: int = 25, own_port: int = 0, own_address: str | None = None
    ) -> AsyncIterator[Talk]:
        """A connection from the client to the server. ConnectionError, if there is none."""
        with inside(self.site.network.namespace("client")):
            made = socket.socket(FAMILY[version], socket.SOCK_STREAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((own_address or self.site.client[version], own_port))
            async with asyncio.timeout(10):
                await asyncio.get_running_loop().sock_connect(made, (self.site.server[version], port))
        except BaseException:
            made.close()
            raise
        reader, writer = await asyncio.open_connection(sock=made)
        try:
            async with asyncio.timeout(20):
                yield Talk(reader, writer, made.getsockname()[:2], made.getpeername()[:2])
        finally:
            writer.close()

    async def mail(self, version: int, port: int = 25) -> Mail:
        """Send one message; as the server has it."""
        before = len(self.arrived(version))
        async with self.talk(version, port) as talk:
            await talk.mail()
            assert talk.peer == (self.site.server[version], port)
            mails = self.arrived(version)
            assert len(mails) == before + 1
            assert mails[-1].client == f"{talk.own[0]}:{talk.own[1]}"
            await talk.say("QUIT", "221 ")
            return mails[-1]

    async def on_device(
        self, *command: str, text: str = "", status: int = 0, environment: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Run a command on the device's machine; what it prints."""
        network = self.site.network
        return await on_device(*command, text=text, status=status, environment=environment, network=network)

    async def in_kernel(self) -> str:
        """Everything of nftables, policy routing and neighbours on the device's machine, but for what Linux begins with."""
        commands = (
            ("nft", "list", "ruleset"),
            *(
                ("ip", family, *what)
                for family in ("-4", "-6")
                for what in (("rule",), ("route", "show", "table", "all"), ("neigh", "show", "nud", "permanent"))
            ),
        )
        said = [await self.on_device(*command) for command in commands]
        ours = ("srx_", "fwmark", "local default", "default via", "PERMANENT")
        lines = "".join(said).splitlines()
        return "\n".join(line for line in lines if any(each in line for each in ours))


@asynccontextmanager
async def hosts(network: Network = NETWORK) -> AsyncIterator[None]:
    """The network alone. Skips the test by name where the machine can't make it."""
    need("ip", "nft")
    need_root("a network of namespaces")
    async with AsyncExitStack() as parts:
        try:
            await parts.enter_async_context(built(network))
        except CannotBuild as error:
            go_without(f"network namespaces can't be made here: {error}")
        yield


@asynccontextmanager
async def in_path(folder: Path, site: Site = ROUTED) -> AsyncIterator[InPath]:
    """The network and its mail servers; taken down with the block."""
    async with hosts(site.network), AsyncExitStack() as parts:
        made = InPath(site, folder, {})
        with inside(site.network.namespace("server")):
            for version, host in site.server.items():
                server = mail_server(Address(host, 25), Address("127.0.0.1", 0))
                made.servers[version] = await parts.enter_async_context(server)
                web = await asyncio.start_server(_web(made), host, WEB)
                parts.callback(web.close)
        try:
            yield made
        finally:
            if made.device is not None:
                await made.device.stop()


def _web(made: InPath) -> Any:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Echoes a line."""
        made.seen_at_web.append(writer.get_extra_info("peername")[:2])
        made.heard_at_web.append(await reader.readline())
        writer.write(made.heard_at_web[-1])
        writer.close()

    return answer


async def on_device(
    *command: str,
    text: str = "",
    status: int = 0,
    environment: Mapping[str, str] = MappingProxyType({}),
    network: Network = NETWORK,
) -> str:
    """Run a command on the device's machine; what it prints."""
    process = await asyncio.create_subprocess_exec(
        *command_in(network, "device", *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    out, _ = await process.communicate(text.encode())
    assert process.returncode == status, out.decode()
    return out.decode()
