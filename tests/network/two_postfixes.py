"""Two machines with Postfix, and between them a device that is enrolled with a cloud, in the routed path.

The client's Postfix delivers by verified TLS alone. It trusts two authorities: the one that signed the server's certificate, and
the device's inspection CA; so it delivers through the device, and without it.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.address import Address
from lab.processes import command_line
from lab.programs import run
from lab.site import POLICY_SECONDS, Site
from lab.site import site as running_site
from lab.topology.build import command_in
from lab.waiting import until
from tests.certificates import Issued, TestAuthority
from tests.network.path import NETWORK, SERVER, hosts
from tests.people import Mail
from tests.postfix import Postfix, postfix
from tests.programs import need

NAME = "mail.example.net"
_SERVER = Address(SERVER[4], 25)


@dataclass(frozen=True, slots=True)
class TwoPostfixes:
    """Both mail servers, and the device's site between them."""

    client: Postfix
    server: Postfix
    site: Site
    flags: tuple[str, ...]

    async def deliver(self, sent: Mail) -> bytes:
        """Hand a mail in on the client's machine; as it stands in its recipient's box, with LF as Postfix writes it."""
        assert "status=sent" in await self.hand_in(sent), self.client.log()[-10:]
        return (await self.server.delivered(sent.recipients[0]))[-1]

    async def hand_in(self, sent: Mail) -> str:
        """Hand a mail in on the client's machine, the first to its recipient; how its Postfix fares with it."""
        await self.client.hand_in(sent.sender, sent.recipients, sent.content)
        return (await self.client.logs(f"to=<{sent.recipients[0]}>"))[-1]

    async def start_device(self, *flags: str) -> None:
        """As it was at first, and with these flags; once it hears the cloud."""
        await self.site.start_device(*self.flags, *flags)
        await until(self.site.has_policy, POLICY_SECONDS)

    async def stop_device(self) -> None:
        """`srx stop`, and it has ended."""
        assert self.site.device is not None
        ip, *rest = command_in(NETWORK, "device", *command_line("srx", "stop", f"--state={self.site.device_state}"))
        done = await run(ip, *rest)
        assert done.status == 0, done.said
        assert await self.site.device.ended() == 0

    async def kill_device(self) -> None:
        assert self.site.device is not None
        await self.site.device.kill()


@asynccontextmanager
async def two_postfixes(folder: Path) -> AsyncIterator[TwoPostfixes]:
    """Build everything, and take it down. Skips the test by name where the machine can't."""
    need("postfix", "ip", "nft")
    authority = TestAuthority(folder)
    flags = (f"--tls-inspection-ca={folder / 'ca'}", f"--tls-server-name={NAME}")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority.root))
        async with hosts(), _server(authority.server(NAME)) as server:
            router = command_in(NETWORK, "device")
            async with running_site(folder, _SERVER, flags=flags, router=router) as site:
                trusted = folder / "trusted.pem"
                trusted.write_bytes(authority.root.read_bytes() + (folder / "ca" / "ca.pem").read_bytes())
                async with _client(trusted) as client:
                    yield TwoPostfixes(client, server, site, flags)


def _server(own: Issued) -> AbstractAsyncContextManager[Postfix]:
    settings = {
        "mynetworks": "127.0.0.1/32",
        "smtpd_peername_lookup": "no",
        "smtpd_client_port_logging": "yes",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_cert_file": own.certificate,
        "smtpd_tls_key_file": own.key,
    }
    return postfix(_SERVER, settings, command_in(NETWORK, "server"))


def _client(trusted: Path) -> AbstractAsyncContextManager[Postfix]:
    settings = {
        "myhostname": "client.example.com",
        "relayhost": f"[{_SERVER.host}]:{_SERVER.port}",
        "virtual_mailbox_domains": "",
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": NAME,
        "smtp_tls_servername": NAME,
        "smtp_tls_CAfile": trusted,
    }
    return postfix(settings=settings, machine=command_in(NETWORK, "client"))
