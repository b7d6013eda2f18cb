"""A device that ends or passes TLS, and a real server (aiosmtpd) behind it that offers STARTTLS or begins with TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from device.interception.explicit import Entrance, TlsDoor
from device.interception.listener import Listener
from device.smtp.encrypting import Starttls
from device.smtp.intake import Endpoint
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.tls.encryption import TlsSettings, encryption
from device.tls.verification import VerifyServer
from tests.certificates import TestAuthority
from tests.passing_reception import PassingReception

NAME = "mail.example.net"


@dataclass
class Mailbox:
    """aiosmtpd's handler: keeps messages, and whether each came encrypted."""

    messages: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    greetings: list[str] = field(default_factory=list)
    parameters: list[list[str]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    clients: list[tuple[str, int]] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        self.messages.append(envelope.original_content or b"")
        self.clients.append(cast("tuple[str, int]", session.peer)[:2])  # aiosmtpd calls it a str
        self.encrypted.append(session.ssl is not None)
        self.greetings.append(session.host_name or "")
        self.parameters.append(list(envelope.mail_options))
        return "250 2.0.0 Ok: queued"


@dataclass
class EncryptedSite:
    """All that a test asks."""

    here: Endpoint
    mailbox: Mailbox
    reception: PassingReception
    roots: Path
    unread: list[bool]


@dataclass
class Counting:
    """A SessionCounter of the sessions that pass."""

    unread: list[bool]

    def opened(self) -> None:
        pass

    def closed(self) -> None:
        pass

    def refused(self) -> None:
        pass

    def uninspected(self) -> None:
        self.unread.append(True)


@asynccontextmanager
async def real_server(
    mailbox: Mailbox, context: ssl.SSLContext, *, implicit: bool = False, at: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[int]:
    """Aiosmtpd in this loop, on a free port of loopback or `at` another address; `implicit`: it begins with TLS."""

    def named(_tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        mailbox.names.append(name)

    context.sni_callback = named

    def made() -> SMTP:
        return SMTP(mailbox, tls_context=None if implicit else context, hostname=NAME, enable_SMTPUTF8=True)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, *at, ssl=context if implicit else None)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def device_before(
    port: int,
    settings: TlsSettings,
    reception: PassingReception,
    unread: list[bool],
    limits: SessionLimits,
    *,
    implicit: bool = False,
    introduce: ClientAddress = ClientAddress.HIDDEN,
) -> AsyncIterator[Endpoint]:
    """A device in front of that port; `implicit`: where clients begin with TLS."""
    server, anywhere = Endpoint("127.0.0.1", port), Endpoint("127.0.0.1", 0)
    door = TlsDoor(anywhere, server) if implicit else None
    async with asyncio.TaskGroup() as tasks:
        entrance, certificates = Entrance(anywhere, server, door, client_address=introduce), encryption(settings)
        listener = Listener(entrance, reception, limits, tasks=tasks, counter=Counting(unread), encryption=certificates)
        await listener.start()
        try:
            yield entrance.endpoint if door is None else door.endpoint
        finally:
            await listener.stop(0.5)


@asynccontextmanager
async def encrypted_site(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    policy: Starttls = Starttls.INSPECT,
    verify: VerifyServer = VerifyServer.REQUIRE,
    server_name: str | None = NAME,
    certified: str = NAME,
    trusted: bool = True,
    reception: PassingReception | None = None,
    implicit: bool = False,
) -> AsyncIterator[EncryptedSite]:
    """The device shows clients certificates of its inspection CA; the server has one for `certified`."""
    authority = TestAuthority(folder)
    roots = authority.root if trusted else TestAuthority(folder, "Someone else").root
    settings = TlsSettings(policy, inspection_ca=folder / "ca", verify_server=verify, server_name=server_name)
    unread: list[bool] = []
    mailbox, kept = Mailbox(), reception or PassingReception()
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    async with (
        real_server(mailbox, authority.server(certified).context(), implicit=implicit) as port,
        device_before(port, settings, kept, unread, SessionLimits(), implicit=implicit) as here,
    ):
        shown = folder / "ca" / "ca.pem" if policy is Starttls.INSPECT else authority.root
        yield EncryptedSite(here, mailbox, kept, shown, unread)
